/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the policies that ask the profile: srtf and llmsched. */
#include "context.h"
#include "runs.h"

#include "llmsched/scheduler.h"

/* Applications: the one of runs.h with its times scaled, whose draft tells of what follows ... */
static llmsched_profile *telling(double scale)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    llmsched_profiler_options options = {.size = sizeof options, .no_prompts = 1};
    lls_random random;
    lls_random_seed(&random, 1);
    assert_ok(llmsched_profiler_create(context, "telling", NULL, &options, &profiler, &err), err);
    for (uint32_t i = 0; i < 200; i++) {
        struct test_run r;
        test_run_draw(&r, &random);
        for (uint32_t s = 0; s < r.run.stage_count; s++)
            r.stages[s].work_s *= scale;
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    return profile;
}

/* ... and one of two stages that know nothing of each other. */
static llmsched_profile *silent(double scale)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    lls_random random;
    lls_random_seed(&random, 2);
    assert_ok(llmsched_profiler_create(context, "silent", NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 200; i++) {
        struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
        test_run_add(&r, LLMSCHED_STAGE_LLM, "draft", scale * (1 + lls_random_uniform(&random)),
                     10);
        test_run_add(&r, LLMSCHED_STAGE_LLM, "final", scale * (1 + lls_random_uniform(&random)),
                     10);
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    return profile;
}

static llmsched_scheduler *make(const char *policy, uint32_t capacity)
{
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = 3};
    llmsched_executor info = {
        .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .capacity = capacity};
    llmsched_event e = {
        .size = sizeof e, .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor_info = &info};
    assert_ok(llmsched_scheduler_create(context, &options, &s, &err), err);
    assert_ok(llmsched_scheduler_post(s, &e, &err), err);
    return s;
}

static void arrive(llmsched_scheduler *s, uint64_t id, const llmsched_profile *profile,
                   uint32_t tasks)
{
    llmsched_error err = {0};
    llmsched_job job = {.size = sizeof job, .profile = profile};
    llmsched_revealed_stage stage = {
        .size = sizeof stage, .kind = LLMSCHED_STAGE_LLM, .name = "draft", .tasks = tasks};
    llmsched_event a = {
        .size = sizeof a, .type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &job};
    llmsched_event r = {
        .size = sizeof r, .type = LLMSCHED_EVENT_STAGE_REVEALED, .job = id, .stage_info = &stage};
    assert_ok(llmsched_scheduler_post(s, &a, &err), err);
    assert_ok(llmsched_scheduler_post(s, &r, &err), err);
}

static uint64_t next_job(llmsched_scheduler *s)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    assert_ok(llmsched_scheduler_next(s, 0, &d, &err), err);
    return d.job;
}

/* Least expected work first; what the other policies see does not matter. */
static void test_shortest_first_without_exploring(void **state)
{
    (void)state;
    static const char *const policies[] = {"srtf", "llmsched:epsilon=0",
                                           "llmsched:epsilon=0,network=off",
                                           "gittins:predictor=history"};
    llmsched_profile *long_one = telling(10), *short_one = silent(1), *middle = telling(1);
    for (uint32_t i = 0; i < LLS_COUNT(policies); i++) {
        llmsched_scheduler *s = make(policies[i], 2);
        arrive(s, 1, long_one, 1);
        arrive(s, 2, middle, 1);
        arrive(s, 3, short_one, 1);
        assert_int_equal(next_job(s), 3);
        assert_int_equal(next_job(s), 2);
        llmsched_scheduler_destroy(s);
    }
    llmsched_profile_release(long_one);
    llmsched_profile_release(short_one);
    llmsched_profile_release(middle);
}

/* The telling one is longer on average, but likely to be done soon. */
static void test_gittins_takes_the_chance_of_a_short_one(void **state)
{
    (void)state;
    llmsched_profile *mostly_short = telling(0.6), *steady = silent(1);
    static const char *const policies[] = {"srtf", "gittins", NULL /* the default */};
    for (uint32_t i = 0; i < LLS_COUNT(policies); i++) {
        llmsched_scheduler *s = make(policies[i], 1);
        arrive(s, 1, steady, 1);
        arrive(s, 2, mostly_short, 1);
        assert_int_equal(next_job(s), i == 0 ? 1 : 2);
        llmsched_scheduler_destroy(s);
    }
    llmsched_profile_release(mostly_short);
    llmsched_profile_release(steady);
}

static void test_exploring_prefers_what_tells(void **state)
{
    (void)state;
    llmsched_profile *tells = telling(1), *shorter = silent(0.5), *same = silent(1);
    llmsched_scheduler *s = make("llmsched:epsilon=1", 1);
    arrive(s, 1, shorter, 1);
    arrive(s, 2, same, 1);
    arrive(s, 3, tells, 1);
    assert_int_equal(next_job(s), 3);
    llmsched_scheduler_destroy(s);
    llmsched_profile_release(tells);
    llmsched_profile_release(shorter);
    llmsched_profile_release(same);
}

/* The long job's draft reduces far more seconds of uncertainty, but its range begins where the
 * short one's has ended. */
static void test_exploring_stays_in_the_first_group(void **state)
{
    (void)state;
    llmsched_profile *small = telling(1), *large = telling(100);
    llmsched_scheduler *s = make("llmsched:epsilon=1", 1);
    arrive(s, 1, large, 1);
    arrive(s, 2, small, 1);
    assert_int_equal(next_job(s), 2);
    llmsched_scheduler_destroy(s);
    llmsched_profile_release(small);
    llmsched_profile_release(large);
}

/* Nothing to weigh: the order of keys, however likely exploring is. */
static void test_all_that_fits_is_started(void **state)
{
    (void)state;
    llmsched_profile *tells = telling(1), *shorter = silent(0.5);
    llmsched_scheduler *s = make("llmsched:epsilon=1", 4);
    arrive(s, 1, tells, 2);
    arrive(s, 2, shorter, 2);
    assert_int_equal(next_job(s), 2);
    assert_int_equal(next_job(s), 2);
    assert_int_equal(next_job(s), 1);
    llmsched_scheduler_destroy(s);
    llmsched_profile_release(tells);
    llmsched_profile_release(shorter);
}

/* ceil(r n) tasks of the explored stage, then the draw is made again. */
static void test_a_share_of_the_tasks(void **state)
{
    (void)state;
    uint32_t runs = 400, explored = 0;
    llmsched_profile *tells = telling(1), *shorter = silent(0.5);
    for (uint32_t i = 0; i < runs; i++) {
        llmsched_error err = {0};
        llmsched_scheduler *s = NULL;
        llmsched_scheduler_options options = {
            .size = sizeof options, .policy = "llmsched:epsilon=0.5,r=0.5", .seed = i};
        llmsched_executor info = {.size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .capacity = 8};
        llmsched_event e = {
            .size = sizeof e, .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor_info = &info};
        assert_ok(llmsched_scheduler_create(context, &options, &s, &err), err);
        assert_ok(llmsched_scheduler_post(s, &e, &err), err);
        arrive(s, 1, tells, 4);
        arrive(s, 2, shorter, 12);
        if (next_job(s) == 1) {
            /* Half of its four tasks. */
            assert_int_equal(next_job(s), 1);
            explored++;
        } else {
            /* Not explored: all of the least key's tasks. */
            for (uint32_t k = 1; k < 8; k++)
                assert_int_equal(next_job(s), 2);
        }
        llmsched_scheduler_destroy(s);
    }
    /* Binomial(400, 1/2): five standard deviations are 50. */
    assert_in_range(explored, 150, 250);
    llmsched_profile_release(tells);
    llmsched_profile_release(shorter);
}

/* The first stage of an unknown kind of job: no estimate, so nothing known to be long. */
static void test_jobs_without_a_profile(void **state)
{
    (void)state;
    llmsched_profile *known = silent(1);
    llmsched_scheduler *s = make("llmsched", 1);
    arrive(s, 1, known, 1);
    arrive(s, 2, NULL, 1);
    assert_int_equal(next_job(s), 2);
    llmsched_scheduler_destroy(s);
    llmsched_profile_release(known);
}

static void test_options_by_name(void **state)
{
    (void)state;
    static const char *const good[] = {"gittins:predictor=network",
                                       "gittins:predictor=forest,alpha=0.1",
                                       "gittins:predictor=history", "gittins:predictor=tree"};
    static const char *const bad[] = {"gittins:predictor=4",
                                      "gittins:predictor=", "gittins:predictor",
                                      "gittins:predictor=trees", "gittins:predictor=tre"};
    for (uint32_t i = 0; i < LLS_COUNT(good); i++)
        llmsched_scheduler_destroy(make(good[i], 1));
    for (uint32_t i = 0; i < LLS_COUNT(bad); i++) {
        llmsched_error err = {0};
        llmsched_scheduler *s = NULL;
        llmsched_scheduler_options options = {.size = sizeof options, .policy = bad[i]};
        assert_status(LLMSCHED_ERROR_INVALID,
                      llmsched_scheduler_create(context, &options, &s, &err), err);
        assert_non_null(strstr(err.message, "network, history, tree, forest"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shortest_first_without_exploring),
        cmocka_unit_test(test_gittins_takes_the_chance_of_a_short_one),
        cmocka_unit_test(test_exploring_prefers_what_tells),
        cmocka_unit_test(test_exploring_stays_in_the_first_group),
        cmocka_unit_test(test_all_that_fits_is_started),
        cmocka_unit_test(test_a_share_of_the_tasks),
        cmocka_unit_test(test_jobs_without_a_profile),
        cmocka_unit_test(test_options_by_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
