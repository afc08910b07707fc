/* SPDX-License-Identifier: Apache-2.0 */
/* What runs ask of models, counted a second way over random runs, and from scratch after refits. */
#include "shapes.h"

static double start_of(const struct shape *s, uint32_t i, const double *ends)
{
    double start = 0;
    for (uint32_t p = 0; p < s->stages[i].parent_count; p++)
        start = fmax(start, ends[s->parents[i][p]]);
    return start;
}

static bool is_of(const llmsched_run_stage *s, uint32_t model)
{
    return s->kind == LLMSCHED_STAGE_LLM && s->model == MODEL_NAMES[model];
}

/* Starts and ends are multiples of a half, so that busy halves can be counted. A stage without a
 * span is one whose tasks take work / tasks. */
static double busy_of(const struct shape *s, uint32_t model, const double *starts,
                      const double *ends)
{
    double busy = 0;
    for (double at = 0.25; at < MOST_STAGES * 2; at += 0.5) {
        bool any = false;
        for (uint32_t i = 0; i < s->run.stage_count; i++)
            any = any || (is_of(&s->stages[i], model) && starts[i] < at && at < ends[i]);
        busy += any ? 0.5 : 0;
    }
    return busy;
}

struct expected {
    double weight, calls, squares, prompt, output, context, work, busy;
};

static void expect_run(const struct shape *s, uint32_t model, double w, struct expected *e)
{
    double starts[MOST_STAGES], ends[MOST_STAGES];
    for (uint32_t i = 0; i < s->run.stage_count; i++) {
        starts[i] = start_of(s, i, ends);
        ends[i] = starts[i] + s->stages[i].span_s;
    }
    for (uint32_t i = 0; i < s->run.stage_count; i++) {
        const llmsched_run_stage *stage = &s->stages[i];
        double tasks = stage->tasks > 0 ? stage->tasks : 1, together = 0;
        if (!is_of(stage, model))
            continue;
        for (uint32_t j = 0; j < s->run.stage_count; j++)
            if (is_of(&s->stages[j], model) && starts[j] == starts[i])
                together += s->stages[j].tasks > 0 ? s->stages[j].tasks : 1;
        e->calls += w * tasks;
        e->squares += w * tasks * together;
        e->prompt += w * stage->prompt_tokens;
        e->output += w * stage->output_tokens;
        /* tasks calls of k / tasks tokens each */
        e->context += w * tasks * (stage->output_tokens / tasks) *
                      (stage->prompt_tokens + stage->output_tokens / 2) / tasks;
        e->work += w * stage->work_s;
    }
    e->busy += w * busy_of(s, model, starts, ends);
}

static void check_counted(const llmsched_profile *p, uint32_t from, uint32_t to, double half_life)
{
    assert_int_equal(llmsched_profile_call_count(p), MODELS);
    for (uint32_t m = 0; m < MODELS; m++) {
        llmsched_profile_call call = call_of(p, m);
        struct expected e = {0};
        for (uint32_t r = from; r < to; r++) {
            double w = half_life > 0 ? pow(2, (r + 1.0 - to) / half_life) : 1;
            e.weight += w;
            expect_run(&shapes[r], m, w, &e);
        }
        assert_true(call.model == MODEL_NAMES[m] || strcmp(call.model, MODEL_NAMES[m]) == 0);
        assert_double_equal(call.calls, e.calls / e.weight, 1e-12);
        assert_double_equal(call.overlap, e.work / e.busy, 1e-12);
        assert_double_equal(call.group, e.squares / e.calls, 1e-12);
        assert_double_equal(call.prompt_tokens, e.prompt / e.calls, 1e-12);
        assert_double_equal(call.output_tokens, e.output / e.calls, 1e-12);
        assert_double_equal(call.context_tokens, e.context / e.output, 1e-12);
        assert_double_equal(call.work_s, e.work / e.calls, 1e-12);
        assert_double_equal(call.calls / call.overlap * call.work_s, e.busy / e.weight, 1e-12);
    }
}

static void test_random_runs_counted_again(void **state)
{
    (void)state;
    static const double half_lives[] = {0, 5, 40};
    for (uint32_t seed = 1; seed <= 6; seed++) {
        llmsched_profiler_options options = {.size = sizeof options,
                                             .half_life = half_lives[seed % 3]};
        llmsched_profiler *profiler = start(&options);
        print_message("seed %u\n", seed);
        draw_shapes(seed);
        for (uint32_t i = 0; i < FIRST; i++)
            observe(profiler, &shapes[i]);
        llmsched_profile *p = fit(profiler);
        check_counted(p, 0, FIRST, options.half_life);
        llmsched_profile_release(p);
        for (uint32_t i = FIRST; i < RUNS; i++) {
            observe(profiler, &shapes[i]);
            if (i % 9 == 0)
                llmsched_profile_release(refit(profiler));
        }
        p = refit(profiler);
        check_counted(p, 0, RUNS, options.half_life);
        llmsched_profile_release(p);
        llmsched_profiler_destroy(profiler);
    }
}

/* To the last bit, also with fading and with few runs kept. */
static void test_refit_is_a_fit_from_scratch(void **state)
{
    (void)state;
    draw_shapes(20);
    for (uint32_t k = 0; k < 2; k++) {
        llmsched_profiler_options options = {.size = sizeof options, .half_life = k * 4.0};
        llmsched_profiler_options few = options;
        few.keep_runs = 10;
        llmsched_profiler *steps = start(&options), *once = start(&options), *kept = start(&few);
        llmsched_profiler *last = start(&options);
        for (uint32_t i = 0; i < RUNS; i++) {
            observe(steps, &shapes[i]);
            observe(once, &shapes[i]);
            observe(kept, &shapes[i]);
            if (i >= RUNS - 10)
                observe(last, &shapes[i]);
            if (i == 9 || i > FIRST) {
                llmsched_profile_release(refit(steps));
                llmsched_profile_release(refit(kept));
            }
        }
        assert_same_calls(refit(steps), fit(once));
        assert_same_calls(refit(kept), fit(once));
        assert_same_calls(fit(kept), fit(last));
        llmsched_profiler_destroy(steps);
        llmsched_profiler_destroy(once);
        llmsched_profiler_destroy(kept);
        llmsched_profiler_destroy(last);
    }
}

static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_profiler *profiler = NULL;
    llmsched_profile *first = NULL, *second = NULL, *back = NULL;
    llmsched_text *text = NULL;
    llmsched_status status = llmsched_profiler_create(c, "test", NULL, NULL, &profiler, err);
    for (uint32_t i = 0; i < 3 && status == LLMSCHED_OK; i++)
        status = llmsched_profiler_observe(profiler, run_of(&shapes[i]), err);
    if (status == LLMSCHED_OK)
        status = llmsched_profiler_fit(profiler, &first, err);
    struct shape other = {0};
    for (uint32_t i = 0; i < 9; i++) {
        static const char *const names[] = {"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"};
        add_llm(&other, names[i], 1, LLMSCHED_INDEX_NONE);
    }
    if (status == LLMSCHED_OK)
        status = llmsched_profiler_observe(profiler, run_of(&other), err);
    if (status == LLMSCHED_OK)
        status = llmsched_profiler_refit(profiler, &second, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profile_to_json(second, &text, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profile_from_json(c, llmsched_text_data(text), llmsched_text_length(text),
                                            &back, err);
    assert_true(status != LLMSCHED_OK || llmsched_profile_call_count(back) > 9);
    llmsched_text_destroy(text);
    llmsched_profile_release(first);
    llmsched_profile_release(second);
    llmsched_profile_release(back);
    llmsched_profiler_destroy(profiler);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    draw_shapes(40);
    assert_true(fail_each_allocation(scenario) > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_runs_counted_again),
        cmocka_unit_test(test_refit_is_a_fit_from_scratch),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
