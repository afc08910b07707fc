/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: what is accepted, what is refused and then changes nothing, and what comes out.
 */
#include "context.h"

#include "llmsched/scheduler.h"

static llmsched_scheduler *make(const char *policy)
{
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = 1};
    assert_ok(llmsched_scheduler_create(context, &options, &s, &err), err);
    return s;
}

static llmsched_status up(llmsched_scheduler *s, uint64_t id, uint32_t kind, const char *model,
                          uint32_t capacity, double time, llmsched_error *err)
{
    llmsched_executor info = {
        .size = sizeof info, .kind = kind, .model = model, .capacity = capacity};
    llmsched_event e = {.size = sizeof e,
                        .type = LLMSCHED_EVENT_EXECUTOR_UP,
                        .time_s = time,
                        .executor = id,
                        .executor_info = &info};
    return llmsched_scheduler_post(s, &e, err);
}

static llmsched_status arrive(llmsched_scheduler *s, uint64_t job, double given, double time,
                              llmsched_error *err)
{
    llmsched_job info = {
        .size = sizeof info, .given_mean_s = given, .given_llm_s = given, .given_tool_s = given};
    llmsched_event e = {.size = sizeof e,
                        .type = LLMSCHED_EVENT_JOB_ARRIVED,
                        .time_s = time,
                        .job = job,
                        .job_info = &info};
    return llmsched_scheduler_post(s, &e, err);
}

static llmsched_status reveal(llmsched_scheduler *s, uint64_t job, uint32_t stage, uint32_t kind,
                              uint32_t tasks, const uint32_t *parents, uint32_t parent_count,
                              double time, llmsched_error *err)
{
    llmsched_revealed_stage info = {.size = sizeof info,
                                    .kind = kind,
                                    .name = "stage",
                                    .parents = parents,
                                    .parent_count = parent_count,
                                    .tasks = tasks};
    llmsched_event e = {.size = sizeof e,
                        .type = LLMSCHED_EVENT_STAGE_REVEALED,
                        .time_s = time,
                        .job = job,
                        .stage = stage,
                        .stage_info = &info};
    return llmsched_scheduler_post(s, &e, err);
}

static llmsched_status simple(llmsched_scheduler *s, uint32_t type, uint64_t job, uint32_t stage,
                              uint32_t task, double time, llmsched_error *err)
{
    llmsched_event e = {.size = sizeof e,
                        .type = type,
                        .time_s = time,
                        .job = job,
                        .executor = job,
                        .stage = stage,
                        .task = task};
    return llmsched_scheduler_post(s, &e, err);
}

static void expect(llmsched_scheduler *s, double now, uint64_t job, uint32_t stage, uint32_t task,
                   uint64_t executor)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    assert_ok(llmsched_scheduler_next(s, now, &d, &err), err);
    assert_int_equal(d.job, job);
    assert_int_equal(d.stage, stage);
    assert_int_equal(d.task, task);
    assert_int_equal(d.executor, executor);
}

static void expect_none(llmsched_scheduler *s, double now)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    assert_status(LLMSCHED_NONE, llmsched_scheduler_next(s, now, &d, &err), err);
}

static llmsched_scheduler_stats stats(const llmsched_scheduler *s)
{
    llmsched_error err = {0};
    llmsched_scheduler_stats now = {.size = sizeof now};
    assert_ok(llmsched_scheduler_get_stats(s, &now, &err), err);
    return now;
}

/* --- the ordinary course ---------------------------------------------------------------- */

static void test_a_job_from_arrival_to_end(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    uint32_t parent = 0;
    assert_ok(up(s, 9, LLMSCHED_STAGE_LLM, NULL, 2, 0, &err), err);
    assert_ok(up(s, 7, LLMSCHED_STAGE_REGULAR, NULL, 1, 0, &err), err);
    assert_ok(arrive(s, 1, 0, 1, &err), err);
    assert_ok(reveal(s, 1, 0, LLMSCHED_STAGE_LLM, 3, NULL, 0, 1, &err), err);
    assert_ok(reveal(s, 1, 1, LLMSCHED_STAGE_REGULAR, 0, &parent, 1, 1, &err), err);
    expect(s, 1, 1, 0, 0, 9);
    expect(s, 1, 1, 0, 1, 9);
    expect_none(s, 1);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 0, 0, 2, &err), err);
    expect(s, 2, 1, 0, 2, 9);
    expect_none(s, 2);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 0, 2, 3, &err), err);
    expect_none(s, 3);
    assert_fails(LLMSCHED_ERROR_STATE, "unfinished",
                 simple(s, LLMSCHED_EVENT_JOB_FINISHED, 1, 0, 0, 3, &err), err);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 0, 1, 3, &err), err);
    expect(s, 3, 1, 1, 0, 7);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 1, 0, 4, &err), err);
    assert_ok(simple(s, LLMSCHED_EVENT_JOB_FINISHED, 1, 0, 0, 4, &err), err);
    llmsched_scheduler_stats now = stats(s);
    assert_int_equal(now.jobs, 0);
    assert_int_equal(now.running, 0);
    assert_int_equal(now.ready, 0);
    assert_int_equal(now.decisions, 4);
    llmsched_scheduler_destroy(s);
}

static void test_engines_of_a_model_with_fewest_running(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    llmsched_revealed_stage info = {
        .size = sizeof info, .kind = LLMSCHED_STAGE_LLM, .name = "x", .model = "b", .tasks = 5};
    llmsched_event e = {
        .size = sizeof e, .type = LLMSCHED_EVENT_STAGE_REVEALED, .job = 1, .stage_info = &info};
    assert_ok(up(s, 3, LLMSCHED_STAGE_LLM, "b", 2, 0, &err), err);
    assert_ok(up(s, 2, LLMSCHED_STAGE_LLM, "b", 3, 0, &err), err);
    assert_ok(up(s, 1, LLMSCHED_STAGE_LLM, "a", 8, 0, &err), err);
    assert_ok(arrive(s, 1, 0, 0, &err), err);
    assert_ok(llmsched_scheduler_post(s, &e, &err), err);
    expect(s, 0, 1, 0, 0, 2);
    expect(s, 0, 1, 0, 1, 3);
    expect(s, 0, 1, 0, 2, 2);
    expect(s, 0, 1, 0, 3, 3);
    expect(s, 0, 1, 0, 4, 2);
    expect_none(s, 0);
    llmsched_scheduler_destroy(s);
}

static void test_ties_end_in_ids(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("sjf-given");
    static const uint64_t jobs[] = {30, 10, 20};
    for (uint32_t i = 0; i < 3; i++) {
        assert_ok(arrive(s, jobs[i], 5, 0, &err), err);
        assert_ok(reveal(s, jobs[i], 1, LLMSCHED_STAGE_REGULAR, 1, NULL, 0, 0, &err), err);
        assert_ok(reveal(s, jobs[i], 0, LLMSCHED_STAGE_REGULAR, 1, NULL, 0, 0, &err), err);
    }
    assert_ok(up(s, 0, LLMSCHED_STAGE_REGULAR, NULL, 6, 0, &err), err);
    for (uint32_t i = 0; i < 6; i++)
        expect(s, 0, 10 * (1 + i / 2), i % 2, 0, 0);
    llmsched_scheduler_destroy(s);
}

/* Jobs told of at one time go by when they really arrived. */
static void test_arrival_before_the_event(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    static const double arrivals[] = {4.5, 4.25, 0};
    for (uint64_t j = 0; j < 3; j++) {
        llmsched_job info = {.size = sizeof info, .arrival_s = arrivals[j]};
        llmsched_event e = {.size = sizeof e,
                            .type = LLMSCHED_EVENT_JOB_ARRIVED,
                            .time_s = 5,
                            .job = j,
                            .job_info = &info};
        assert_ok(llmsched_scheduler_post(s, &e, &err), err);
        assert_ok(reveal(s, j, 0, LLMSCHED_STAGE_REGULAR, 1, NULL, 0, 5, &err), err);
        e.job = 9;
        info.arrival_s = NAN;
        assert_fails(LLMSCHED_ERROR_INVALID, "arrival_s", llmsched_scheduler_post(s, &e, &err),
                     err);
    }
    assert_ok(up(s, 0, LLMSCHED_STAGE_REGULAR, NULL, 3, 5, &err), err);
    expect(s, 5, 1, 0, 0, 0);
    expect(s, 5, 0, 0, 0, 0);
    expect(s, 5, 2, 0, 0, 0);
    llmsched_scheduler_destroy(s);
}

static void test_changed_estimates_reorder(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("oracle-srpt");
    llmsched_job info = {.size = sizeof info, .given_tool_s = 1};
    llmsched_event e = {
        .size = sizeof e, .type = LLMSCHED_EVENT_JOB_CHANGED, .job = 2, .job_info = &info};
    for (uint64_t j = 1; j <= 2; j++) {
        assert_ok(arrive(s, j, (double)j + 5, 0, &err), err);
        assert_ok(reveal(s, j, 0, LLMSCHED_STAGE_REGULAR, 2, NULL, 0, 0, &err), err);
    }
    assert_ok(up(s, 0, LLMSCHED_STAGE_REGULAR, NULL, 3, 0, &err), err);
    expect(s, 0, 1, 0, 0, 0);
    assert_ok(llmsched_scheduler_post(s, &e, &err), err);
    expect(s, 0, 2, 0, 0, 0);
    expect(s, 0, 2, 0, 1, 0);
    expect_none(s, 0);
    llmsched_scheduler_destroy(s);
}

static void test_failed_task_comes_again(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    assert_ok(up(s, 0, LLMSCHED_STAGE_REGULAR, NULL, 2, 0, &err), err);
    assert_ok(arrive(s, 1, 0, 0, &err), err);
    assert_ok(reveal(s, 1, 0, LLMSCHED_STAGE_REGULAR, 2, NULL, 0, 0, &err), err);
    expect(s, 0, 1, 0, 0, 0);
    expect(s, 0, 1, 0, 1, 0);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FAILED, 1, 0, 0, 1, &err), err);
    expect(s, 1, 1, 0, 0, 0);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "task 2",
                 simple(s, LLMSCHED_EVENT_TASK_FAILED, 1, 0, 2, 1, &err), err);
    llmsched_scheduler_destroy(s);
}

static void test_executor_down_returns_its_tasks(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    assert_ok(up(s, 1, LLMSCHED_STAGE_LLM, NULL, 2, 0, &err), err);
    assert_ok(arrive(s, 5, 0, 0, &err), err);
    assert_ok(reveal(s, 5, 0, LLMSCHED_STAGE_LLM, 2, NULL, 0, 0, &err), err);
    expect(s, 0, 5, 0, 0, 1);
    expect(s, 0, 5, 0, 1, 1);
    assert_ok(simple(s, LLMSCHED_EVENT_EXECUTOR_DOWN, 1, 0, 0, 1, &err), err);
    expect_none(s, 1);
    assert_int_equal(stats(s).ready, 2);
    assert_fails(LLMSCHED_ERROR_STATE, "not running",
                 simple(s, LLMSCHED_EVENT_TASK_FINISHED, 5, 0, 0, 1, &err), err);
    assert_ok(up(s, 2, LLMSCHED_STAGE_LLM, NULL, 1, 2, &err), err);
    expect(s, 2, 5, 0, 0, 2);
    expect_none(s, 2);
    llmsched_scheduler_destroy(s);
}

static void test_shrunk_executor_drains(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    llmsched_executor info = {.size = sizeof info, .kind = LLMSCHED_STAGE_REGULAR, .capacity = 1};
    llmsched_event e = {.size = sizeof e,
                        .type = LLMSCHED_EVENT_EXECUTOR_CHANGED,
                        .executor = 1,
                        .executor_info = &info};
    assert_ok(up(s, 1, LLMSCHED_STAGE_REGULAR, NULL, 3, 0, &err), err);
    assert_ok(arrive(s, 5, 0, 0, &err), err);
    assert_ok(reveal(s, 5, 0, LLMSCHED_STAGE_REGULAR, 5, NULL, 0, 0, &err), err);
    for (uint32_t k = 0; k < 3; k++)
        expect(s, 0, 5, 0, k, 1);
    assert_ok(llmsched_scheduler_post(s, &e, &err), err);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 5, 0, 0, 1, &err), err);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 5, 0, 1, 1, &err), err);
    expect_none(s, 1);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 5, 0, 2, 1, &err), err);
    expect(s, 1, 5, 0, 3, 1);
    expect_none(s, 1);
    info.kind = LLMSCHED_STAGE_LLM;
    e.time_s = 1;
    assert_fails(LLMSCHED_ERROR_INVALID, "may not change", llmsched_scheduler_post(s, &e, &err),
                 err);
    llmsched_scheduler_destroy(s);
}

static void test_cancelled_job_frees_its_places(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    assert_ok(up(s, 1, LLMSCHED_STAGE_REGULAR, NULL, 1, 0, &err), err);
    for (uint64_t j = 1; j <= 2; j++) {
        assert_ok(arrive(s, j, 0, 0, &err), err);
        assert_ok(reveal(s, j, 0, LLMSCHED_STAGE_REGULAR, 2, NULL, 0, 0, &err), err);
    }
    expect(s, 0, 1, 0, 0, 1);
    assert_ok(simple(s, LLMSCHED_EVENT_JOB_CANCELLED, 1, 0, 0, 1, &err), err);
    expect(s, 1, 2, 0, 0, 1);
    assert_int_equal(stats(s).ready, 1);
    /* The id is free again. */
    assert_ok(arrive(s, 1, 0, 1, &err), err);
    llmsched_scheduler_destroy(s);
}

static void test_long_chain_of_dynamic_stages(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    enum { LENGTH = 20000 };
    assert_ok(up(s, 1, LLMSCHED_STAGE_REGULAR, NULL, 1, 0, &err), err);
    assert_ok(arrive(s, 1, 0, 0, &err), err);
    assert_ok(reveal(s, 1, 0, LLMSCHED_STAGE_REGULAR, 1, NULL, 0, 0, &err), err);
    for (uint32_t i = 1; i <= LENGTH; i++) {
        uint32_t parent = i - 1;
        uint32_t kind = i < LENGTH ? LLMSCHED_STAGE_DYNAMIC : LLMSCHED_STAGE_REGULAR;
        assert_ok(reveal(s, 1, i, kind, 1, &parent, 1, 0, &err), err);
    }
    expect(s, 0, 1, 0, 0, 1);
    expect_none(s, 0);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 0, 0, 1, &err), err);
    expect(s, 1, 1, LENGTH, 0, 1);
    llmsched_scheduler_destroy(s);
}

static void test_fair_shares(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fair");
    assert_ok(up(s, 1, LLMSCHED_STAGE_REGULAR, NULL, 4, 0, &err), err);
    for (uint64_t j = 1; j <= 2; j++) {
        assert_ok(arrive(s, j, 0, (double)j, &err), err);
        assert_ok(reveal(s, j, 0, LLMSCHED_STAGE_REGULAR, 8, NULL, 0, (double)j, &err), err);
    }
    /* ceil(4 / 2) = 2 places each, in order of arrival. */
    expect(s, 2, 1, 0, 0, 1);
    expect(s, 2, 1, 0, 1, 1);
    expect(s, 2, 2, 0, 0, 1);
    expect(s, 2, 2, 0, 1, 1);
    /* A freed place stays in its job. */
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 2, 0, 1, 3, &err), err);
    expect(s, 3, 2, 0, 2, 1);
    /* With a third job shares stay at two, and the place goes back to where it came from. */
    assert_ok(arrive(s, 3, 0, 4, &err), err);
    assert_ok(reveal(s, 3, 0, LLMSCHED_STAGE_REGULAR, 1, NULL, 0, 4, &err), err);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 0, 0, 5, &err), err);
    expect(s, 5, 1, 0, 2, 1);
    /* With five jobs a share is one place: the newcomers come first. */
    for (uint64_t j = 4; j <= 5; j++)
        assert_ok(arrive(s, j, 0, 6, &err), err);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 0, 1, 6, &err), err);
    expect(s, 6, 3, 0, 0, 1);
    llmsched_scheduler_destroy(s);
}

/* --- alone times -------------------------------------------------------------------------- */

static llmsched_status key_done(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                                double *key)
{
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    (void)stage;
    *(double *)user = info.done_llm_s;
    *key = 0;
    return status;
}

/* Two requests slow each other down by 1.5; what is served is counted in alone-seconds. */
static void test_durations_are_divided_by_the_slowdown(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    double done = -1;
    llmsched_policy policy = {.size = sizeof policy, .user = &done, .key = key_done};
    llmsched_scheduler_options options = {.size = sizeof options, .custom = &policy};
    static const double batch[] = {1, 3}, slowdown[] = {1, 2};
    llmsched_executor info = {.size = sizeof info,
                              .kind = LLMSCHED_STAGE_LLM,
                              .capacity = 4,
                              .curve_count = 2,
                              .curve_batch = batch,
                              .curve_slowdown = slowdown};
    llmsched_event e = {
        .size = sizeof e, .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor_info = &info};
    assert_ok(llmsched_scheduler_create(context, &options, &s, &err), err);
    assert_ok(llmsched_scheduler_post(s, &e, &err), err);
    assert_ok(arrive(s, 1, 0, 0, &err), err);
    assert_ok(reveal(s, 1, 0, LLMSCHED_STAGE_LLM, 3, NULL, 0, 0, &err), err);
    expect(s, 0, 1, 0, 0, 0);
    expect(s, 2, 1, 0, 1, 0);
    expect(s, 5, 1, 0, 2, 0);
    /* Task 0: 2 s alone, 3 s at 1.5, 4 s at 2. */
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FINISHED, 1, 0, 0, 9, &err), err);
    assert_ok(reveal(s, 1, 1, LLMSCHED_STAGE_LLM, 1, NULL, 0, 9, &err), err);
    expect(s, 9, 1, 1, 0, 0);
    assert_double_equal(done, 2 + 3 / 1.5 + 4 / 2.0, 1e-12);
    llmsched_scheduler_destroy(s);
}

/* --- refusals ------------------------------------------------------------------------------ */

static void test_bad_events_change_nothing(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = make("fcfs");
    uint32_t unknown = 77;
    assert_ok(up(s, 1, LLMSCHED_STAGE_LLM, NULL, 1, 5, &err), err);
    assert_ok(arrive(s, 1, 0, 5, &err), err);
    llmsched_scheduler_stats before = stats(s);
    assert_fails(LLMSCHED_ERROR_EXISTS, "is up already",
                 up(s, 1, LLMSCHED_STAGE_LLM, NULL, 1, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "capacity", up(s, 2, LLMSCHED_STAGE_LLM, NULL, 0, 6, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "kind", up(s, 2, LLMSCHED_STAGE_DYNAMIC, NULL, 1, 6, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_STATE, "before the last",
                 up(s, 2, LLMSCHED_STAGE_LLM, NULL, 1, 4, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "finite", up(s, 2, LLMSCHED_STAGE_LLM, NULL, 1, NAN, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_EXISTS, "live already", arrive(s, 1, 0, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "given_", arrive(s, 2, -1, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "given_", arrive(s, 2, NAN, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "not live", reveal(s, 2, 0, 1, 1, NULL, 0, 6, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "parent 77", reveal(s, 1, 0, 1, 1, &unknown, 1, 6, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "kind", reveal(s, 1, 0, 4, 1, NULL, 0, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_LIMIT, "2^20", reveal(s, 1, 0, 1, 1u << 21, NULL, 0, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "parents", reveal(s, 1, 0, 1, 1, NULL, 1, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "type 99", simple(s, 99, 1, 0, 0, 6, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_scheduler_post(s, NULL, &err), err);
    /* The clock has not moved either: 5 is still accepted. */
    assert_ok(reveal(s, 1, 0, LLMSCHED_STAGE_LLM, 1, NULL, 0, 5, &err), err);
    assert_fails(LLMSCHED_ERROR_EXISTS, "revealed already", reveal(s, 1, 0, 1, 1, NULL, 0, 6, &err),
                 err);
    llmsched_scheduler_stats after = stats(s);
    assert_int_equal(before.executors, after.executors);
    assert_int_equal(before.jobs, after.jobs);
    assert_int_equal(before.events + 1, after.events);
    llmsched_scheduler_destroy(s);
}

static void test_bad_policies(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    static const char *const bad[] = {"",
                                      "nonsense",
                                      "fcfs:x=1",
                                      "llmsched:epsilon=2",
                                      "llmsched:epsilon",
                                      "llmsched:epsilon=",
                                      "llmsched:r=nan",
                                      "llmsched:=1",
                                      "llmsched:r=0.5x"};
    for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        llmsched_scheduler_options options = {.size = sizeof options, .policy = bad[i]};
        llmsched_status status = llmsched_scheduler_create(context, &options, &s, &err);
        assert_true(status == LLMSCHED_ERROR_INVALID || status == LLMSCHED_ERROR_NOT_FOUND);
        assert_null(s);
    }
    llmsched_policy empty = {.size = sizeof empty};
    llmsched_scheduler_options options = {.size = sizeof options, .custom = &empty};
    assert_fails(LLMSCHED_ERROR_INVALID, "key",
                 llmsched_scheduler_create(context, &options, &s, &err), err);
}

static llmsched_status key_nan(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                               double *key)
{
    (void)view, (void)job, (void)stage;
    *key = *(int *)user ? NAN : 0;
    return LLMSCHED_OK;
}

static llmsched_status choose_wrong(void *user, const llmsched_view *view, uint32_t queue,
                                    llmsched_choice *choice)
{
    (void)view, (void)queue;
    choice->job = *(int *)user ? 99 : 1;
    return LLMSCHED_OK;
}

static void test_a_failing_policy_loses_nothing(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    int broken = 1;
    llmsched_policy policy = {
        .size = sizeof policy, .user = &broken, .key = key_nan, .choose = choose_wrong};
    llmsched_scheduler_options options = {.size = sizeof options, .custom = &policy};
    llmsched_decision d = {.size = sizeof d};
    assert_ok(llmsched_scheduler_create(context, &options, &s, &err), err);
    assert_ok(up(s, 1, LLMSCHED_STAGE_LLM, NULL, 1, 0, &err), err);
    assert_ok(arrive(s, 1, 0, 0, &err), err);
    assert_ok(reveal(s, 1, 0, LLMSCHED_STAGE_LLM, 1, NULL, 0, 0, &err), err);
    assert_fails(LLMSCHED_ERROR_CALLBACK, "not a number", llmsched_scheduler_next(s, 0, &d, &err),
                 err);
    broken = 0;
    expect(s, 0, 1, 0, 0, 1);
    assert_ok(simple(s, LLMSCHED_EVENT_TASK_FAILED, 1, 0, 0, 1, &err), err);
    expect(s, 1, 1, 0, 0, 1);
    llmsched_scheduler_destroy(s);
}

static llmsched_status key_of_nobody(void *user, const llmsched_view *view, uint64_t job,
                                     uint32_t stage, double *key)
{
    llmsched_job_view info = {.size = sizeof info};
    (void)user, (void)job, (void)stage;
    *key = 0;
    return llmsched_view_job(view, 404, &info);
}

/* The policy's failure says what the view said to it. */
static void test_a_failing_view_is_named(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_scheduler *s = NULL;
    llmsched_policy policy = {.size = sizeof policy, .key = key_of_nobody};
    llmsched_scheduler_options options = {.size = sizeof options, .custom = &policy};
    llmsched_decision d = {.size = sizeof d};
    assert_ok(llmsched_scheduler_create(context, &options, &s, &err), err);
    assert_ok(arrive(s, 1, 0, 0, &err), err);
    assert_ok(reveal(s, 1, 0, LLMSCHED_STAGE_LLM, 1, NULL, 0, 0, &err), err);
    assert_fails(LLMSCHED_ERROR_CALLBACK, "NOT_FOUND: view: job 404 is not live",
                 llmsched_scheduler_next(s, 0, &d, &err), err);
    llmsched_scheduler_destroy(s);
}

/* --- out of memory ---------------------------------------------------------------------------- */

static const char *scenario_policy;

static llmsched_status arrive_of_tenant(llmsched_scheduler *s, uint64_t job, llmsched_error *err)
{
    llmsched_job info = {.size = sizeof info, .tenant = job};
    llmsched_event e = {
        .size = sizeof e, .type = LLMSCHED_EVENT_JOB_ARRIVED, .job = job, .job_info = &info};
    return llmsched_scheduler_post(s, &e, err);
}

static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = scenario_policy};
    llmsched_decision d = {.size = sizeof d};
    uint32_t parent = 0;
    llmsched_status status = llmsched_scheduler_create(c, &options, &s, err);
    if (status == LLMSCHED_OK)
        status = up(s, 1, LLMSCHED_STAGE_LLM, NULL, 1, 0, err);
    /* As many as let every table grow, and the pool's slabs too. */
    for (uint64_t j = 0; status == LLMSCHED_OK && j < 20; j++) {
        status = arrive_of_tenant(s, j, err);
        if (status == LLMSCHED_OK)
            status = reveal(s, j, 0, LLMSCHED_STAGE_LLM, 2, NULL, 0, 0, err);
        if (status == LLMSCHED_OK)
            status = reveal(s, j, 1, LLMSCHED_STAGE_REGULAR, 1, &parent, 1, 0, err);
    }
    if (status == LLMSCHED_OK)
        status = llmsched_scheduler_next(s, 0, &d, err);
    llmsched_scheduler_destroy(s);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    for (uint32_t i = 0; (scenario_policy = llmsched_policy_name(i)) != NULL; i++)
        assert_true(fail_each_allocation(scenario) > 20);
    scenario_policy = "fair-share/plas";
    assert_true(fail_each_allocation(scenario) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_from_arrival_to_end),
        cmocka_unit_test(test_engines_of_a_model_with_fewest_running),
        cmocka_unit_test(test_ties_end_in_ids),
        cmocka_unit_test(test_arrival_before_the_event),
        cmocka_unit_test(test_changed_estimates_reorder),
        cmocka_unit_test(test_failed_task_comes_again),
        cmocka_unit_test(test_executor_down_returns_its_tasks),
        cmocka_unit_test(test_shrunk_executor_drains),
        cmocka_unit_test(test_cancelled_job_frees_its_places),
        cmocka_unit_test(test_long_chain_of_dynamic_stages),
        cmocka_unit_test(test_fair_shares),
        cmocka_unit_test(test_durations_are_divided_by_the_slowdown),
        cmocka_unit_test(test_bad_events_change_nothing),
        cmocka_unit_test(test_bad_policies),
        cmocka_unit_test(test_a_failing_policy_loses_nothing),
        cmocka_unit_test(test_a_failing_view_is_named),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
