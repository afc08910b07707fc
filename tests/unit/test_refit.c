/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles that follow their runs: what refitting counts, how runs fade, which runs are kept. */
#include "context.h"
#include "recount.h"

#include <stdlib.h>

enum { RUNS = 240, FIRST = 100 };

static struct test_run runs[RUNS];

/* Everything in the runs points into them, so that they may stay. */
static void draw_runs(uint64_t seed)
{
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t i = 0; i < RUNS; i++)
        test_run_draw(&runs[i], &random);
}

static llmsched_profiler *start(const llmsched_profiler_options *options)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    assert_ok(llmsched_profiler_create(context, "test", NULL, options, &profiler, &err), err);
    return profiler;
}

static void observe(llmsched_profiler *profiler, uint32_t from, uint32_t to)
{
    llmsched_error err = {0};
    for (uint32_t i = from; i < to; i++)
        assert_ok(llmsched_profiler_observe(profiler, &runs[i].run, &err), err);
}

static llmsched_profile *fit(llmsched_profiler *profiler)
{
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    assert_ok(llmsched_profiler_fit(profiler, &p, &err), err);
    return p;
}

static llmsched_profile *refit(llmsched_profiler *profiler)
{
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    assert_ok(llmsched_profiler_refit(profiler, &p, &err), err);
    return p;
}

/* Releases both. */
static void assert_same(llmsched_profile *a, llmsched_profile *b)
{
    llmsched_error err = {0};
    llmsched_text *x = NULL, *y = NULL;
    assert_ok(llmsched_profile_to_json(a, &x, &err), err);
    assert_ok(llmsched_profile_to_json(b, &y, &err), err);
    assert_string_equal(llmsched_text_data(x), llmsched_text_data(y));
    llmsched_text_destroy(x);
    llmsched_text_destroy(y);
    llmsched_profile_release(a);
    llmsched_profile_release(b);
}

static void fill_weights(double half_life, uint32_t count, double *weights)
{
    for (uint32_t i = 0; i < count; i++)
        weights[i] = half_life > 0 ? pow(2, (i + 1.0 - count) / half_life) : 1;
}

/* Counted from scratch with the same cuts and structure, with and without fading. */
static void test_refit_is_a_recount(void **state)
{
    (void)state;
    static const double half_lives[] = {0, 5, 60};
    for (uint32_t h = 0; h < 3; h++) {
        double weights[RUNS];
        llmsched_profiler_options options = {.size = sizeof options,
                                             .half_life = half_lives[h],
                                             .max_stages = h == 1 ? 3 : 0,
                                             .no_prompts = 1};
        llmsched_profiler *profiler = start(&options);
        draw_runs(20 + h);
        observe(profiler, 0, FIRST);
        llmsched_profile *p = fit(profiler);
        fill_weights(half_lives[h], FIRST, weights);
        check_recounted(p, runs, weights, FIRST);
        llmsched_profile_release(p);
        static const uint32_t steps[] = {FIRST, FIRST, FIRST + 1, FIRST + 30, RUNS};
        for (uint32_t i = 1; i < 5; i++) {
            observe(profiler, steps[i - 1], steps[i]);
            p = refit(profiler);
            fill_weights(half_lives[h], steps[i], weights);
            check_recounted(p, runs, weights, steps[i]);
            llmsched_profile_release(p);
        }
        llmsched_profiler_destroy(profiler);
    }
}

/* Also what the recount does not look at: prompts, remainders, aggregates, successors. */
static void test_steps_make_no_difference(void **state)
{
    (void)state;
    draw_runs(3);
    for (uint32_t most = 3; most <= 40; most += 37) {
        llmsched_profiler_options options = {.size = sizeof options, .max_stages = most};
        llmsched_profiler *one = start(&options), *many = start(&options);
        observe(one, 0, FIRST);
        llmsched_profile_release(fit(one));
        assert_same(refit(one), refit(one));
        observe(one, FIRST, RUNS);
        observe(many, 0, FIRST);
        llmsched_profile_release(refit(many)); /* the first is a fit */
        for (uint32_t i = FIRST; i < RUNS; i++) {
            observe(many, i, i + 1);
            if (i % 7 == 0)
                llmsched_profile_release(refit(many));
        }
        assert_same(refit(one), refit(many));
        llmsched_profiler_destroy(one);
        llmsched_profiler_destroy(many);
    }
}

/* All that a fit finds is found by counting what it kept. */
static void test_refit_of_a_fit_is_the_fit(void **state)
{
    (void)state;
    draw_runs(4);
    llmsched_profiler *profiler = start(NULL);
    observe(profiler, 0, RUNS);
    llmsched_profile *p = fit(profiler);
    assert_same(p, refit(profiler));
    llmsched_profiler_destroy(profiler);
}

/* A half-life beyond all runs makes all weights 1, and no bit different. */
static void test_weights_of_one(void **state)
{
    (void)state;
    draw_runs(5);
    llmsched_profiler_options options = {.size = sizeof options, .half_life = 1e300};
    llmsched_profiler *plain = start(NULL), *weighted = start(&options);
    observe(plain, 0, FIRST);
    observe(weighted, 0, FIRST);
    assert_same(fit(plain), fit(weighted));
    observe(plain, FIRST, RUNS);
    observe(weighted, FIRST, RUNS);
    assert_same(refit(plain), refit(weighted));
    assert_same(fit(plain), fit(weighted));
    llmsched_profiler_destroy(plain);
    llmsched_profiler_destroy(weighted);
}

static double mean_llm(llmsched_profile *p)
{
    llmsched_error err = {0};
    llmsched_profile_summary summary = {.size = sizeof summary};
    assert_ok(llmsched_profile_get_summary(p, &summary, &err), err);
    llmsched_profile_release(p);
    return summary.mean_llm_s;
}

static void observe_constant(llmsched_profiler *profiler, double work, uint32_t count)
{
    llmsched_error err = {0};
    struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
    test_run_add(&r, LLMSCHED_STAGE_LLM, "act", work, 10);
    for (uint32_t i = 0; i < count; i++)
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
}

/* Work goes from 1 to 5 s: after m runs the old weigh 2^(-m / h) of all, but for the runs before
 * the first, which would have weighed 2^(-(n + m) / h). */
static void test_drift_is_followed_with_the_half_life(void **state)
{
    (void)state;
    enum { OLD = 2000 };
    static const double half_lives[] = {0, 2, 40};
    for (uint32_t i = 0; i < 3; i++) {
        double h = half_lives[i];
        llmsched_profiler_options options = {.size = sizeof options, .half_life = h};
        llmsched_profiler *profiler = start(&options);
        observe_constant(profiler, 1, OLD);
        assert_double_equal(mean_llm(fit(profiler)), 1, 1e-12);
        uint32_t m = 0;
        for (uint32_t step = 0; step < 40; step++) {
            observe_constant(profiler, 5, 20);
            m += 20;
            double old = h > 0 ? exp2(-(double)m / h) * (1 - exp2(-OLD / h)) : OLD;
            double fresh = h > 0 ? 1 - exp2(-(double)m / h) : m;
            assert_double_equal(mean_llm(refit(profiler)), (old + 5 * fresh) / (old + fresh), 1e-9);
        }
        double last = mean_llm(fit(profiler));
        assert_double_equal(last, h > 0 ? 5 : (1.0 * OLD + 5 * 800) / (OLD + 800), 1e-5);
        llmsched_profiler_destroy(profiler);
    }
}

/* So short a half-life that only the last run counts. */
static void test_very_short_half_lives(void **state)
{
    (void)state;
    static const double half_lives[] = {1e-300, 1e-5, 0.001, 0.005};
    for (uint32_t i = 0; i < 4; i++) {
        llmsched_error err = {0};
        llmsched_profiler_options options = {.size = sizeof options, .half_life = half_lives[i]};
        llmsched_profiler *profiler = start(&options);
        llmsched_remainder r = {.size = sizeof r};
        observe_constant(profiler, 1, 30);
        observe_constant(profiler, 5, 1);
        assert_double_equal(mean_llm(fit(profiler)), 5, 1e-12);
        observe_constant(profiler, 2, 1);
        llmsched_profile *p = refit(profiler);
        assert_ok(llmsched_profile_get_remainder(p, LLMSCHED_STAGE_LLM, 0, &r, &err), err);
        assert_double_equal(r.q10_s, 2, 1e-12);
        assert_double_equal(r.mean_s, 2, 1e-12);
        assert_double_equal(mean_llm(p), 2, 1e-12);
        llmsched_profiler_destroy(profiler);
    }
}

/* Bins and remainders that saw only what has long faded keep their means. */
static void test_what_faded_stays_a_number(void **state)
{
    (void)state;
    draw_runs(6);
    llmsched_profiler_options options = {.size = sizeof options, .half_life = 0.5};
    llmsched_profiler *profiler = start(&options);
    llmsched_error err = {0};
    observe(profiler, 0, FIRST);
    llmsched_profile_release(fit(profiler));
    observe_constant(profiler, 1, 3000);
    llmsched_profile *p = refit(profiler);
    for (uint32_t t = 0; t < llmsched_dag_stage_count(llmsched_profile_dag(p)); t++) {
        llmsched_profile_stage info = {.size = sizeof info};
        assert_ok(llmsched_profile_get_stage(p, t, &info, &err), err);
        assert_true(info.presence >= 0 && info.presence < 1e-9);
        assert_true(info.mean_work_s >= 0.5 && info.mean_work_s <= 5);
        for (uint32_t b = 0; b < info.bin_count; b++) {
            llmsched_profile_bin bin = {.size = sizeof bin};
            assert_ok(llmsched_profile_get_bin(p, t, b, &bin, &err), err);
            assert_true(bin.minimum_s < bin.mean_s && bin.mean_s < bin.maximum_s);
        }
    }
    llmsched_remainder r = {.size = sizeof r};
    assert_ok(llmsched_profile_get_remainder(p, LLMSCHED_STAGE_LLM, 2, &r, &err), err);
    assert_true(r.mean_s >= 0 && r.mean_s <= 10);
    llmsched_profile_release(p);
    llmsched_profiler_destroy(profiler);
}

/* A fit sees the newest runs only; a refit has counted those that were dropped. */
static void test_few_runs_are_kept(void **state)
{
    (void)state;
    draw_runs(7);
    llmsched_profiler_options options = {.size = sizeof options, .keep_runs = 30};
    llmsched_profiler *few = start(&options), *last = start(NULL), *all = start(NULL);
    observe(few, 0, FIRST);
    observe(last, FIRST - 30, FIRST);
    observe(all, FIRST - 30, FIRST);
    assert_same(fit(few), fit(last));
    llmsched_profile_release(fit(all));
    for (uint32_t i = FIRST; i < RUNS; i++) {
        observe(few, i, i + 1);
        observe(all, i, i + 1);
        if (i % 50 == 0)
            assert_same(refit(few), refit(all));
    }
    assert_same(refit(few), refit(all));
    assert_int_equal(llmsched_profiler_run_count(few), RUNS);
    llmsched_profiler_destroy(last);
    last = start(NULL);
    observe(last, RUNS - 30, RUNS);
    assert_same(fit(few), fit(last));
    llmsched_profiler_destroy(few);
    llmsched_profiler_destroy(last);
    llmsched_profiler_destroy(all);
}

static void test_refusals(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    llmsched_profiler *profiler = NULL;
    static const double bad[] = {-1, NAN, INFINITY};
    for (uint32_t i = 0; i < 3; i++) {
        llmsched_profiler_options options = {.size = sizeof options, .half_life = bad[i]};
        assert_fails(LLMSCHED_ERROR_INVALID, "half_life",
                     llmsched_profiler_create(context, "a", NULL, &options, &profiler, &err), err);
    }
    profiler = start(NULL);
    assert_fails(LLMSCHED_ERROR_STATE, "no run", llmsched_profiler_refit(profiler, &p, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_profiler_refit(profiler, NULL, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_profiler_refit(NULL, &p, &err), err);
    assert_null(p);
    llmsched_profiler_destroy(profiler);
}

/* Memory that ends in a refit leaves a profiler whose next refit is as good. */
static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_profiler *profiler = NULL;
    llmsched_profile *first = NULL, *second = NULL;
    llmsched_profiler_options options = {
        .size = sizeof options, .half_life = 3, .keep_runs = 4, .max_stages = 2};
    llmsched_status status = llmsched_profiler_create(c, "test", NULL, &options, &profiler, err);
    for (uint32_t i = 0; i < 6 && status == LLMSCHED_OK; i++)
        status = llmsched_profiler_observe(profiler, &runs[i].run, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profiler_fit(profiler, &first, err);
    for (uint32_t i = 6; i < 12 && status == LLMSCHED_OK; i++)
        status = llmsched_profiler_observe(profiler, &runs[i].run, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profiler_refit(profiler, &second, err);
    llmsched_profile_release(first);
    llmsched_profile_release(second);
    llmsched_profiler_destroy(profiler);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    draw_runs(8);
    assert_true(fail_each_allocation(scenario) > 200);
}

static void test_refit_goes_on_after_failures(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct failing failing = {0};
    llmsched_allocator allocator = failing_allocator(&failing);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *c = NULL;
    llmsched_profiler *shaky = NULL, *sound = start(NULL);
    llmsched_profile *p = NULL;
    draw_runs(9);
    assert_ok(llmsched_context_create(&options, &c, &err), err);
    assert_ok(llmsched_profiler_create(c, "test", NULL, NULL, &shaky, &err), err);
    observe(shaky, 0, FIRST);
    observe(sound, 0, FIRST);
    assert_same(fit(shaky), fit(sound));
    observe(shaky, FIRST, RUNS);
    observe(sound, FIRST, RUNS);
    uint32_t failures = 0;
    for (uint64_t step = 1; p == NULL; step++, failures++) {
        failing.fail_at = failing.calls + step;
        (void)llmsched_profiler_refit(shaky, &p, &err);
    }
    failing.fail_at = 0;
    assert_true(failures > 20);
    assert_same(p, refit(sound));
    llmsched_profiler_destroy(shaky);
    llmsched_profiler_destroy(sound);
    llmsched_context_destroy(c);
    assert_int_equal(failing.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refit_is_a_recount),
        cmocka_unit_test(test_steps_make_no_difference),
        cmocka_unit_test(test_refit_of_a_fit_is_the_fit),
        cmocka_unit_test(test_weights_of_one),
        cmocka_unit_test(test_drift_is_followed_with_the_half_life),
        cmocka_unit_test(test_very_short_half_lives),
        cmocka_unit_test(test_what_faded_stays_a_number),
        cmocka_unit_test(test_few_runs_are_kept),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_failing_allocation),
        cmocka_unit_test(test_refit_goes_on_after_failures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
