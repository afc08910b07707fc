/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A closed loop around a scheduler: as many jobs as are to be live, one coming for each that ends.
 */
#ifndef LLS_BENCH_LOOP_H
#define LLS_BENCH_LOOP_H

#include "llmsched/llmsched.h"
#include "runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TENANTS = 8 };
enum { ENGINES = 4, BATCH = 16, SLOTS = 32 };

static llmsched_error err = {.size = sizeof err};

static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void must(llmsched_status status)
{
    if (status == LLMSCHED_OK)
        return;
    fprintf(stderr, "bench_scheduler: %s\n", err.message);
    exit(1);
}

static inline void *room(size_t count, size_t size)
{
    void *block = calloc(count, size);
    if (block == NULL) {
        fputs("bench_scheduler: out of memory\n", stderr);
        exit(1);
    }
    return block;
}

/* --- the loop --------------------------------------------------------------------------- */

struct live {
    struct test_run run;
    uint32_t stage; /* revealed last; its stages come one after another */
};

struct loop {
    llmsched_scheduler *scheduler;
    const llmsched_profile *profile;
    bool tells; /* what truly remains, at every stage: cross-check policies go by it */
    lls_random random;
    struct live *jobs; /* by id modulo count */
    uint32_t count;
    uint64_t next_id;
    uint32_t batch;
    llmsched_decision *running;
    uint32_t running_count;
    double time;
    uint64_t events, digest; /* of every decision */
};

static inline void post(struct loop *loop, llmsched_event *event)
{
    event->size = sizeof *event;
    event->time_s = loop->time;
    must(llmsched_scheduler_post(loop->scheduler, event, &err));
    loop->events++;
}

static inline struct live *live_of(struct loop *loop, uint64_t id)
{
    return &loop->jobs[id % loop->count];
}

static inline void reveal(struct loop *loop, uint64_t id)
{
    struct live *job = live_of(loop, id);
    const llmsched_run_stage *stage = &job->run.stages[job->stage];
    const uint32_t parent = job->stage - 1;
    llmsched_revealed_stage info = {.size = sizeof info,
                                    .kind = stage->kind,
                                    .name = stage->name,
                                    .parents = &parent,
                                    .parent_count = job->stage > 0,
                                    .tasks = 1,
                                    .has_prompt = stage->kind == LLMSCHED_STAGE_LLM,
                                    .prompt_tokens = stage->prompt_tokens};
    post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                                 .job = id,
                                 .stage = job->stage,
                                 .stage_info = &info});
}

/* Of the stages from the one revealed last on. */
static inline void tell_work(const struct live *job, llmsched_job *info)
{
    info->given_llm_s = info->given_tool_s = 0;
    for (uint32_t i = job->stage; i < job->run.run.stage_count; i++) {
        const llmsched_run_stage *stage = &job->run.stages[i];
        *(stage->kind == LLMSCHED_STAGE_LLM ? &info->given_llm_s : &info->given_tool_s) +=
            stage->work_s;
    }
    info->given_mean_s = info->given_llm_s + info->given_tool_s;
}

static inline void draw(struct loop *loop, struct live *job)
{
    test_run_draw(&job->run, &loop->random);
    job->stage = 0;
}

/* The job's run has been drawn. */
static inline void begin(struct loop *loop, uint64_t id)
{
    llmsched_job info = {.size = sizeof info, .profile = loop->profile, .tenant = id % TENANTS};
    tell_work(live_of(loop, id), &info);
    post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &info});
    reveal(loop, id);
}

static inline void arrive(struct loop *loop, uint64_t id)
{
    draw(loop, live_of(loop, id));
    begin(loop, id);
}

static inline void decide(struct loop *loop)
{
    llmsched_decision d = {.size = sizeof d};
    llmsched_status status;
    while ((status = llmsched_scheduler_next(loop->scheduler, loop->time, &d, &err)) ==
           LLMSCHED_OK) {
        const uint64_t made[] = {d.job, d.stage, d.task, d.executor};
        loop->digest = lls_fnv1a64(made, sizeof made, loop->digest);
        loop->running[loop->running_count++] = d;
    }
    if (status != LLMSCHED_NONE)
        must(status);
}

/* One of the running tasks ends; seconds from telling so to knowing what to start. What the caller
 * does for itself is not counted. */
static inline double step(struct loop *loop)
{
    uint32_t at = lls_random_below(&loop->random, loop->running_count);
    llmsched_decision d = loop->running[at];
    struct live *job = live_of(loop, d.job);
    double work = job->run.stages[d.stage].work_s;
    bool ends = ++job->stage == job->run.run.stage_count;
    llmsched_job info = {.size = sizeof info};
    loop->running[at] = loop->running[--loop->running_count];
    loop->time += 0.02 * lls_random_uniform(&loop->random);
    if (ends)
        draw(loop, job);
    tell_work(job, &info);
    double start = now();
    post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                                 .job = d.job,
                                 .stage = d.stage,
                                 .task = d.task,
                                 .flags = LLMSCHED_EVENT_HAS_ALONE,
                                 .alone_s = work});
    if (ends) {
        post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_FINISHED, .job = d.job});
        begin(loop, d.job + loop->count);
    } else {
        reveal(loop, d.job);
        if (loop->tells)
            post(loop, &(llmsched_event){
                           .type = LLMSCHED_EVENT_JOB_CHANGED, .job = d.job, .job_info = &info});
    }
    decide(loop);
    return now() - start;
}

static inline void executor_up(struct loop *loop, uint64_t e)
{
    bool engine = e < ENGINES;
    llmsched_executor info = {.size = sizeof info,
                              .kind = engine ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR,
                              .capacity = engine ? loop->batch : SLOTS};
    post(loop, &(llmsched_event){
                   .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = e, .executor_info = &info});
}

/* batch: of each engine. */
static inline void loop_begin(struct loop *loop, llmsched_context *context,
                              const llmsched_profile *profile, const char *policy, uint32_t jobs,
                              uint32_t batch)
{
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = 1};
    *loop = (struct loop){.profile = profile,
                          .tells = strcmp(policy, "oracle-srpt") == 0,
                          .count = jobs,
                          .batch = batch,
                          .digest = LLS_FNV_OFFSET};
    loop->jobs = room(jobs, sizeof *loop->jobs);
    loop->running = room(ENGINES * (size_t)batch + SLOTS, sizeof *loop->running);
    lls_random_seed(&loop->random, 42);
    must(llmsched_scheduler_create(context, &options, &loop->scheduler, &err));
    for (uint64_t e = 0; e < ENGINES + 1; e++)
        executor_up(loop, e);
}

static inline void loop_end(struct loop *loop)
{
    llmsched_scheduler_destroy(loop->scheduler);
    free(loop->running);
    free(loop->jobs);
}

#endif
