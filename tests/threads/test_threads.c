/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is immutable is shared by threads, what is mutable belongs to one: the
 * thread sanitizer watches, and every thread must come to the same decisions.
 */
#include "check.h"

#include "llmsched/llmsched.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 4, JOBS = 30, DECISIONS = 2 * JOBS };

struct shared {
    llmsched_context *context;
    llmsched_profile *profile;
    pthread_barrier_t barrier;
};

struct thread {
    struct shared *shared;
    llmsched_status status;
    uint32_t count;
    llmsched_decision decisions[DECISIONS];
    double remaining_s;
    llmsched_error err;
};

/* Runs of one LLM stage and one tool; longer work where the prompt is longer. */
static llmsched_status observe(llmsched_profiler *profiler, uint32_t i, llmsched_error *err)
{
    static const uint32_t first = 0;
    double work = 1.0 + i % 7;
    llmsched_run_stage stages[2] = {{.size = sizeof stages[0],
                                     .kind = LLMSCHED_STAGE_LLM,
                                     .name = "act",
                                     .prompt_tokens = 100 * work,
                                     .work_s = work},
                                    {.size = sizeof stages[0],
                                     .kind = LLMSCHED_STAGE_REGULAR,
                                     .name = "run",
                                     .parents = &first,
                                     .parent_count = 1,
                                     .work_s = 0.1 * work}};
    llmsched_run run = {
        .size = sizeof run, .app = "agent", .stages = stages, .stage_count = 1 + (i % 3 != 0)};
    return llmsched_profiler_observe(profiler, &run, err);
}

static llmsched_profile *fit(llmsched_context *context)
{
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    llmsched_error err = {.size = sizeof err};
    assert_ok(llmsched_profiler_create(context, "agent", NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 60; i++)
        assert_ok(observe(profiler, i, &err), err);
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    return profile;
}

static llmsched_status arrive(struct thread *t, llmsched_scheduler *s, uint64_t job)
{
    llmsched_job info = {.size = sizeof info, .profile = t->shared->profile};
    llmsched_revealed_stage stage = {.size = sizeof stage,
                                     .kind = LLMSCHED_STAGE_LLM,
                                     .name = "act",
                                     .tasks = 2,
                                     .has_prompt = 1,
                                     .prompt_tokens = (double)(100 * (1 + job % 7))};
    llmsched_event event = {
        .size = sizeof event, .type = LLMSCHED_EVENT_JOB_ARRIVED, .job = job, .job_info = &info};
    llmsched_status status = llmsched_scheduler_post(s, &event, &t->err);
    if (status != LLMSCHED_OK)
        return status;
    event.type = LLMSCHED_EVENT_STAGE_REVEALED;
    event.stage_info = &stage;
    return llmsched_scheduler_post(s, &event, &t->err);
}

static llmsched_status schedule(struct thread *t, llmsched_scheduler *s)
{
    llmsched_executor engine = {
        .size = sizeof engine, .kind = LLMSCHED_STAGE_LLM, .capacity = DECISIONS};
    llmsched_event up = {
        .size = sizeof up, .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor_info = &engine};
    for (uint64_t job = 0; job < JOBS; job++) {
        llmsched_status status = arrive(t, s, job);
        if (status != LLMSCHED_OK)
            return status;
    }
    llmsched_status status = llmsched_scheduler_post(s, &up, &t->err);
    while (status == LLMSCHED_OK && t->count < DECISIONS) {
        t->decisions[t->count].size = sizeof t->decisions[0];
        status = llmsched_scheduler_next(s, 0, &t->decisions[t->count], &t->err);
        t->count += status == LLMSCHED_OK;
    }
    return status;
}

static llmsched_status quantify(struct thread *t)
{
    llmsched_quantifier *quantifier = NULL;
    llmsched_remaining remaining = {.size = sizeof remaining};
    llmsched_status status =
        llmsched_quantifier_create(t->shared->profile, NULL, &quantifier, &t->err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_remaining(quantifier, 0, &remaining, &t->err);
    t->remaining_s = remaining.mean_s;
    llmsched_quantifier_destroy(quantifier);
    return status;
}

static void *work(void *argument)
{
    struct thread *t = argument;
    pthread_barrier_wait(&t->shared->barrier);
    for (int i = 0; i < 200; i++)
        llmsched_profile_release(llmsched_profile_retain(t->shared->profile));

    llmsched_scheduler *s = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = "llmsched", .seed = 5};
    t->status = llmsched_scheduler_create(t->shared->context, &options, &s, &t->err);
    if (t->status == LLMSCHED_OK)
        t->status = schedule(t, s);
    if (t->status == LLMSCHED_OK)
        t->status = quantify(t);
    llmsched_scheduler_destroy(s);
    return NULL;
}

static void test_threads_share_what_is_immutable(void **state)
{
    (void)state;
    struct shared shared;
    static struct thread threads[THREADS];
    pthread_t ids[THREADS];
    llmsched_error err = {.size = sizeof err};
    assert_ok(llmsched_context_create(NULL, &shared.context, &err), err);
    shared.profile = fit(shared.context);
    assert_int_equal(pthread_barrier_init(&shared.barrier, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.shared = &shared, .err = {.size = sizeof err}};
        assert_int_equal(pthread_create(&ids[i], NULL, work, &threads[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(ids[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_ok(threads[i].status, threads[i].err);
        assert_int_equal(threads[i].count, DECISIONS);
        assert_true(threads[i].remaining_s > 0 && threads[i].remaining_s == threads[0].remaining_s);
        for (uint32_t k = 0; k < DECISIONS; k++) {
            assert_int_equal(threads[i].decisions[k].job, threads[0].decisions[k].job);
            assert_int_equal(threads[i].decisions[k].task, threads[0].decisions[k].task);
        }
    }
    pthread_barrier_destroy(&shared.barrier);
    llmsched_profile_release(shared.profile);
    llmsched_context_destroy(shared.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_share_what_is_immutable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
