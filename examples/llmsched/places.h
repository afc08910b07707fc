/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tasks run in the simulation: engines that slow down as they fill, and
 * tool slots. Each keeps the ends of its tasks in order.
 */
#ifndef PLACES_H
#define PLACES_H

#include "cluster.h"
#include "faults.h"

/* A running task. Which one: (job, stage, task) with the true numbers. */
struct running {
    double end;    /* on the clock of its place */
    double step_s; /* serial prefill: what its prompt adds to every step */
    struct fate fate;
    double begin;   /* on that clock */
    double alone_s; /* what it is served in all, if it is let */
    uint32_t job, stage, task;
    uint32_t executor;
    size_t row; /* in the schedule, where one is kept */
};

/* Heap by (end, job, stage, task). */
struct running_heap {
    struct running *items;
    size_t count, capacity;
};
int running_compare(const struct running *a, const struct running *b); /* by (job, stage, task) */
void running_push(struct running_heap *heap, const struct running *task);
struct running running_pop(struct running_heap *heap);
/* Takes out what runs on an executor, into taken, which has room for all; how many. */
size_t running_take(struct running_heap *heap, uint32_t executor, struct running *taken);

/*
 * An engine. All its requests progress at one rate, so one clock counts the
 * work that each has been given: a request started at clock c that needs work w ends at c + w,
 * whoever joins or leaves meanwhile. Work is alone-seconds, or steps under serial prefill.
 */
struct engine {
    const struct cluster *cluster;
    struct running_heap requests;
    double clock;  /* work given to a request since the engine was last empty */
    double time_s; /* when clock was so */
    double rate;   /* work per second */
    double next_s; /* time of the first end; INFINITY when idle */
    uint32_t max_batch;
};

void engine_init(struct engine *engine, const struct cluster *cluster, uint32_t max_batch);
void engine_finish(struct engine *engine);
/* Moves the clock on to a time not after next_s. */
void engine_advance(struct engine *engine, double now_s);
/* What the clock says at such a time. */
double engine_clock(const struct engine *engine, double now_s);
/* After joins and leaves at the present time. */
void engine_refresh(struct engine *engine);
/* The time of the first end, of those still in the heap. */
double engine_end(const struct engine *engine);
/* A request joins now; call engine_refresh() after the last. */
void engine_start(struct engine *engine, struct running task, double prompt_tokens,
                  double output_tokens);

#endif
