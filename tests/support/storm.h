/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storm of events for one scheduler, or for two that must decide alike: jobs of four tenants
 * come, reveal, end, fail and are given up, executors go and come.
 */
#ifndef LLS_TEST_STORM_H
#define LLS_TEST_STORM_H

#include "check.h"
#include "runs.h"

#include "llmsched/scheduler.h"

#include <math.h>

enum { LIVE = 24, STAGES = 40, RUNNING = 64, ENGINES = 3 };

struct live {
    bool on, profiled;
    uint32_t numbers[STAGES], tasks[STAGES], parents[STAGES], count;
    uint32_t left[STAGES];
};

struct storm {
    llmsched_scheduler *s[2]; /* the second may be NULL */
    const llmsched_profile *profile;
    lls_random random;
    double time;
    struct live jobs[LIVE];
    llmsched_decision running[RUNNING];
    uint32_t running_count;
    bool engine_down[ENGINES];
};

static inline void post(struct storm *w, llmsched_event *e)
{
    llmsched_error err = {0};
    e->size = sizeof *e;
    e->time_s = w->time;
    for (uint32_t k = 0; k < 2 && w->s[k] != NULL; k++)
        assert_ok(llmsched_scheduler_post(w->s[k], e, &err), err);
}

static inline void engine(struct storm *w, uint32_t e, bool up)
{
    llmsched_executor info = {.size = sizeof info,
                              .kind = e < 2 ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR,
                              .model = e == 1 ? "b" : NULL,
                              .capacity = 2 + 2 * e,
                              .price = e == 1 ? 3 : 1};
    w->engine_down[e] = !up;
    post(w,
         &(llmsched_event){.type = up ? LLMSCHED_EVENT_EXECUTOR_UP : LLMSCHED_EVENT_EXECUTOR_DOWN,
                           .executor = e,
                           .executor_info = up ? &info : NULL});
    for (uint32_t i = w->running_count; !up && i-- > 0;) {
        if (w->running[i].executor == e)
            w->running[i] = w->running[--w->running_count];
    }
}

static inline void arrive(struct storm *w, uint32_t j)
{
    llmsched_job info = {
        .size = sizeof info, .given_mean_s = j % 5, .tenant = j % 4, .weight = 1 + j % 4 % 3};
    w->jobs[j] = (struct live){.on = true, .profiled = lls_random_below(&w->random, 5) > 0};
    info.profile = w->jobs[j].profiled ? w->profile : NULL;
    post(w, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = j, .job_info = &info});
}

static inline void reveal(struct storm *w, uint32_t j)
{
    static const char *const names[] = {"draft", "check", "repair", "check", "a stranger"};
    struct live *job = &w->jobs[j];
    uint32_t i = job->count, name = lls_random_below(&w->random, 5);
    if (i == STAGES)
        return;
    bool tool = name == 1 || name == 3, dynamic = lls_random_below(&w->random, 12) == 0;
    job->numbers[i] = (i * 7919u) % 64; /* not in the order of revealing */
    job->tasks[i] = job->left[i] = dynamic ? 0 : 1 + lls_random_below(&w->random, 3);
    llmsched_revealed_stage info = {
        .size = sizeof info,
        .kind = dynamic ? LLMSCHED_STAGE_DYNAMIC
                : tool  ? LLMSCHED_STAGE_REGULAR
                        : LLMSCHED_STAGE_LLM,
        .name = names[name],
        .parents = i > 0 ? &job->numbers[lls_random_below(&w->random, i)] : NULL,
        .parent_count = i > 0 && lls_random_below(&w->random, 3) == 0,
        .tasks = job->tasks[i],
        .has_prompt = !tool && !dynamic,
        .prompt_tokens = 100 * lls_random_below(&w->random, 9)};
    if (info.kind == LLMSCHED_STAGE_LLM && lls_random_below(&w->random, 3) == 0)
        info.model = "b";
    job->count++;
    post(w, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                              .job = j,
                              .stage = job->numbers[i],
                              .stage_info = &info});
}

static inline void end_task(struct storm *w)
{
    uint32_t at = lls_random_below(&w->random, w->running_count), i = 0;
    llmsched_decision d = w->running[at];
    struct live *job = &w->jobs[d.job];
    bool fails = lls_random_below(&w->random, 8) == 0;
    w->running[at] = w->running[--w->running_count];
    while (job->numbers[i] != d.stage)
        i++;
    job->left[i] -= !fails;
    post(w, &(llmsched_event){.type =
                                  fails ? LLMSCHED_EVENT_TASK_FAILED : LLMSCHED_EVENT_TASK_FINISHED,
                              .job = d.job,
                              .stage = d.stage,
                              .task = d.task});
}

static inline void go(struct storm *w, uint32_t j)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < w->jobs[j].count; i++)
        left += w->jobs[j].left[i];
    w->jobs[j].on = false;
    for (uint32_t i = w->running_count; i-- > 0;) {
        if (w->running[i].job == j)
            w->running[i] = w->running[--w->running_count];
    }
    post(w, &(llmsched_event){.type = left > 0 ? LLMSCHED_EVENT_JOB_CANCELLED
                                               : LLMSCHED_EVENT_JOB_FINISHED,
                              .job = j});
}

static inline void decide(struct storm *w)
{
    for (;;) {
        llmsched_error err = {0};
        llmsched_decision d = {.size = sizeof d}, e = {.size = sizeof e};
        llmsched_status status = llmsched_scheduler_next(w->s[0], w->time, &d, &err);
        if (status != LLMSCHED_NONE)
            assert_ok(status, err);
        if (w->s[1] != NULL) {
            assert_status(status, llmsched_scheduler_next(w->s[1], w->time, &e, &err), err);
            assert_memory_equal(&d, &e, sizeof d);
        }
        if (status == LLMSCHED_NONE)
            return;
        assert_true(w->running_count < RUNNING);
        w->running[w->running_count++] = d;
    }
}

static inline void happen(struct storm *w)
{
    uint32_t j = lls_random_below(&w->random, LIVE), what = lls_random_below(&w->random, 100);
    if (what < 2)
        engine(w, what, w->engine_down[what]);
    else if (!w->jobs[j].on)
        arrive(w, j);
    else if (what < 4 || w->jobs[j].count == STAGES)
        go(w, j);
    else if (what < 45)
        reveal(w, j);
    else if (w->running_count > 0)
        end_task(w);
}

/* From nothing to nothing; times are whole parts of 64, so that later storms are exactly alike. */
static inline void rage(struct storm *w, uint64_t seed, uint32_t steps)
{
    lls_random_seed(&w->random, seed);
    for (uint32_t e = 0; e < ENGINES; e++)
        engine(w, e, true);
    for (uint32_t i = 0; i < steps; i++) {
        w->time += lls_random_below(&w->random, 4) / 64.0;
        happen(w);
        if (lls_random_below(&w->random, 3) > 0)
            decide(w);
    }
    for (uint32_t j = 0; j < LIVE; j++) {
        if (w->jobs[j].on)
            go(w, j);
    }
    for (uint32_t e = 0; e < ENGINES; e++) {
        if (!w->engine_down[e])
            engine(w, e, false);
    }
    w->time = floor(w->time) + 1;
}

#endif
