/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small random worlds: applications with loops and optional stages, profiles
 * trained on their runs, a workload, and a plain simulator that drives a
 * scheduler through it and checks every decision.
 */
#ifndef LLS_TEST_WORLD_H
#define LLS_TEST_WORLD_H

#include "base/internal.h"
#include "llmsched/llmsched.h"

enum { MAX_STAGES = 12, MAX_TASKS = 3, MAX_JOBS = 40, APPS = 3 };

struct world_stage {
    uint32_t kind;
    const char *name;
    uint32_t parents[2], parent_count;
    uint32_t tasks;
    double durations[MAX_TASKS];
    double prompt;
};

struct world_job {
    uint32_t app;
    double arrival;
    uint32_t stage_count;
    struct world_stage stages[MAX_STAGES];
};

struct world {
    uint64_t seed;
    llmsched_context *context;
    llmsched_profile *profiles[APPS];
    uint32_t job_count;
    struct world_job jobs[MAX_JOBS];
    uint32_t engines, slots, batch;
    bool failures; /* some tasks fail at their first try, and an engine goes down and comes back */
};

struct decision_record {
    double time;
    uint32_t job; /* index, not id */
    uint32_t stage, task, executor;
};

struct record {
    struct decision_record *items;
    uint32_t count, capacity;
    double completion[MAX_JOBS];
    /* When a stage was revealed and a task started and ended; INFINITY: never. */
    double revealed[MAX_JOBS][MAX_STAGES];
    double started[MAX_JOBS][MAX_STAGES][MAX_TASKS];
    double ended[MAX_JOBS][MAX_STAGES][MAX_TASKS];
};

void world_create(struct world *world, uint64_t seed, bool failures);
void world_destroy(struct world *world);
/* Draws one run of an application. */
void world_draw(struct world_job *job, uint32_t app, lls_random *random);

/*
 * Runs a policy; ids[i] is the id that job i gets. stop: decisions after this time are left out
 * (INFINITY: run to the end, where every job must be complete). Fails the test on a decision that
 * is not possible.
 */
void world_run(const struct world *world, const char *policy, uint64_t seed, const uint64_t *ids,
               double stop, struct record *record);
void record_destroy(struct record *record);

#endif
