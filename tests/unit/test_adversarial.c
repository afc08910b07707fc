/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is meant to hurt: all jobs at one instant, jobs of very many stages, executors that go while
 * they are full. What each must not do is stated without a clock: in what order tasks start, what
 * is moved while the scheduler grows, what is lost.
 */
#include "context.h"
#include "runs.h"
#include "sized.h"

#include "llmsched/scheduler.h"

static llmsched_scheduler *make(llmsched_context *c, const char *policy)
{
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = 3};
    assert_ok(llmsched_scheduler_create(c, &options, &s, &err), err);
    return s;
}

static llmsched_status try_post(llmsched_scheduler *s, llmsched_event *e, llmsched_error *err)
{
    e->size = sizeof *e;
    return llmsched_scheduler_post(s, e, err);
}

static void post(llmsched_scheduler *s, llmsched_event e)
{
    llmsched_error err = {0};
    assert_ok(try_post(s, &e, &err), err);
}

static void engine(llmsched_scheduler *s, uint64_t id, uint32_t capacity)
{
    llmsched_executor info = {
        .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .capacity = capacity};
    post(s, (llmsched_event){.type = capacity > 0 ? LLMSCHED_EVENT_EXECUTOR_UP
                                                  : LLMSCHED_EVENT_EXECUTOR_DOWN,
                             .executor = id,
                             .executor_info = capacity > 0 ? &info : NULL});
}

static void arrive(llmsched_scheduler *s, uint64_t id, const llmsched_profile *profile)
{
    llmsched_job info = {.size = sizeof info, .profile = profile, .tenant = id % 7};
    post(s, (llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &info});
}

static llmsched_status reveal(llmsched_scheduler *s, uint64_t id, uint32_t stage,
                              llmsched_error *err)
{
    llmsched_revealed_stage info = {
        .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .name = stage == 0 ? "draft" : "repair"};
    llmsched_event e = {
        .type = LLMSCHED_EVENT_STAGE_REVEALED, .job = id, .stage = stage, .stage_info = &info};
    return try_post(s, &e, err);
}

static void reveal_all(llmsched_scheduler *s, uint64_t id, uint32_t stages)
{
    llmsched_error err = {0};
    for (uint32_t i = 0; i < stages; i++)
        assert_ok(reveal(s, id, i, &err), err);
}

static bool next(llmsched_scheduler *s, llmsched_decision *d)
{
    llmsched_error err = {0};
    d->size = sizeof *d;
    llmsched_status status = llmsched_scheduler_next(s, 0, d, &err);
    if (status != LLMSCHED_NONE)
        assert_ok(status, err);
    return status == LLMSCHED_OK;
}

static void finish(llmsched_scheduler *s, const llmsched_decision *d)
{
    post(s, (llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                             .job = d->job,
                             .stage = d->stage,
                             .task = d->task});
}

static llmsched_scheduler_stats stats_of(const llmsched_scheduler *s)
{
    llmsched_error err = {0};
    llmsched_scheduler_stats stats = {.size = sizeof stats};
    assert_ok(llmsched_scheduler_get_stats(s, &stats, &err), err);
    return stats;
}

/* Tasks run one by one on one place; returns how many did. */
static uint32_t run_all(llmsched_scheduler *s, bool end_jobs)
{
    llmsched_decision d;
    uint32_t count = 0;
    for (; next(s, &d); count++) {
        finish(s, &d);
        if (end_jobs)
            post(s, (llmsched_event){.type = LLMSCHED_EVENT_JOB_FINISHED, .job = d.job});
    }
    return count;
}

/* --- all at once -------------------------------------------------------------------------- */

enum { AT_ONCE = 60000 };

/* While jobs come nothing that is there is moved: no block of more than a few KiB is made larger.
 * When as many come again the allocator is asked for nothing. */
static void fill_and_drain(llmsched_context *c, struct sized *memory, const char *policy,
                           const llmsched_profile *profile)
{
    llmsched_scheduler *s = make(c, policy);
    uint64_t before = memory->bytes, calls = 0;
    memory->most_moved = 0;
    engine(s, 1, 1);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint64_t id = 0; id < AT_ONCE; id++) {
            arrive(s, id, profile);
            reveal_all(s, id, 1);
        }
        assert_true(memory->bytes - before < 1300u * AT_ONCE);
        assert_int_equal(run_all(s, true), AT_ONCE);
        assert_int_equal(stats_of(s).jobs, 0);
        if (round == 1)
            calls = memory->calls;
    }
    assert_int_equal(memory->calls, calls);
    print_message("%s: at most %llu bytes moved at once\n", policy,
                  (unsigned long long)memory->most_moved);
    assert_true(memory->most_moved <= 8192);
    llmsched_scheduler_destroy(s);
}

static void test_all_at_one_instant(void **state)
{
    (void)state;
    static const char *const policies[] = {"fcfs", "gittins", "carbyne", "plas",
                                           "fair-share/gittins"};
    llmsched_error err = {0};
    struct sized memory = {0};
    llmsched_allocator allocator = sized_allocator(&memory);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *c = NULL;
    llmsched_profile *profile = NULL;
    assert_ok(llmsched_context_create(&options, &c, &err), err);
    assert_ok(test_profile(c, 11, 60, NULL, &profile, &err), err);
    for (uint32_t p = 0; p < LLS_COUNT(policies); p++)
        fill_and_drain(c, &memory, policies[p], profile);
    llmsched_profile_release(profile);
    llmsched_context_destroy(c);
    assert_int_equal(memory.bytes, 0);
}

/* --- giants ---------------------------------------------------------------------------------- */

/* Small jobs that come after giants go first where work is known, and giants lose nothing. */
static void test_giants_first(void **state)
{
    (void)state;
    enum { GIANTS = 5, STAGES = 2000, SMALL = 1000 };
    llmsched_error err = {0};
    llmsched_profile *profile = NULL;
    llmsched_decision d;
    assert_ok(test_profile(context, 11, 60, NULL, &profile, &err), err);
    llmsched_scheduler *s = make(context, "oracle-srpt");
    engine(s, 1, 1);
    for (uint64_t id = 0; id < GIANTS + SMALL; id++) {
        bool giant = id < GIANTS;
        llmsched_job info = {
            .size = sizeof info, .profile = profile, .given_llm_s = giant ? 5000 : 1};
        post(s, (llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &info});
        reveal_all(s, id, giant ? STAGES : 1);
    }
    for (uint32_t i = 0; i < SMALL; i++) {
        assert_true(next(s, &d));
        assert_int_equal(d.job, GIANTS + i);
        finish(s, &d);
    }
    for (uint32_t i = 0; i < GIANTS * STAGES; i++) {
        assert_true(next(s, &d));
        assert_int_equal(d.job, i / STAGES);
        assert_int_equal(d.stage, i % STAGES);
        finish(s, &d);
    }
    assert_false(next(s, &d));
    llmsched_scheduler_destroy(s);
    llmsched_profile_release(profile);
}

/* The context's limit: said with what to do, and nothing is lost; a larger one holds 10^5. */
static void test_stages_of_one_job(void **state)
{
    (void)state;
    enum { DEFAULT = 65536, MANY = 100000 };
    llmsched_error err = {0};
    llmsched_context_options options = {.size = sizeof options, .max_stages = MANY};
    llmsched_context *large = NULL;
    llmsched_scheduler *s = make(context, "gittins");
    arrive(s, 1, NULL);
    reveal_all(s, 1, DEFAULT);
    assert_fails(LLMSCHED_ERROR_LIMIT, "more than 65536 stages: raise the context's max_stages",
                 reveal(s, 1, DEFAULT, &err), err);
    engine(s, 1, 1);
    assert_int_equal(run_all(s, false), DEFAULT);
    llmsched_scheduler_destroy(s);
    assert_ok(llmsched_context_create(&options, &large, &err), err);
    s = make(large, "gittins");
    arrive(s, 1, NULL);
    reveal_all(s, 1, MANY);
    assert_fails(LLMSCHED_ERROR_LIMIT, "100000", reveal(s, 1, MANY, &err), err);
    engine(s, 1, 1);
    assert_int_equal(run_all(s, false), MANY);
    llmsched_scheduler_destroy(s);
    llmsched_context_destroy(large);
}

/* --- executors that go ------------------------------------------------------------------------ */

/* All tasks come again in their order, on whatever comes up, and no place is taken twice. */
static void test_full_executors_go(void **state)
{
    (void)state;
    enum { EXECUTORS = 4, EACH = 5000, ALL = EXECUTORS * EACH };
    static const char *const policies[] = {"fcfs", "gittins", "plas", "carbyne", "fair-share/fcfs"};
    for (uint32_t p = 0; p < LLS_COUNT(policies); p++) {
        llmsched_scheduler *s = make(context, policies[p]);
        llmsched_decision d;
        for (uint64_t id = 0; id < ALL; id++) {
            arrive(s, id, NULL);
            reveal_all(s, id, 1);
        }
        for (uint32_t round = 0; round < 3; round++) {
            for (uint64_t e = 0; e < EXECUTORS; e++)
                engine(s, 10 * round + e, EACH);
            uint32_t on[EXECUTORS] = {0}, started = 0;
            for (; next(s, &d); started++)
                on[d.executor - 10 * round]++;
            assert_int_equal(started, ALL);
            assert_int_equal(stats_of(s).running, ALL);
            for (uint64_t e = 0; e < EXECUTORS; e++) {
                assert_int_equal(on[e], EACH);
                engine(s, 10 * round + e, 0);
            }
            assert_int_equal(stats_of(s).running, 0);
            assert_int_equal(stats_of(s).ready, ALL);
        }
        engine(s, 99, 1);
        assert_int_equal(run_all(s, true), ALL);
        llmsched_scheduler_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_one_instant),
        cmocka_unit_test(test_giants_first),
        cmocka_unit_test(test_stages_of_one_job),
        cmocka_unit_test(test_full_executors_go),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
