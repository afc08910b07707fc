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
    double end;     /* on the clock of its place */
    double step_s;  /* what its prompt adds to every step, where prompts are worked one by one */
    double context; /* tokens, where speed depends on them */
    struct fate fate;
    double begin;   /* on the clock of its place */
    double alone_s; /* what it is served in all, if it is let */
    uint32_t job, stage, task;
    uint32_t executor; /* NO_EXECUTOR: a tool, where slots are without limit */
    size_t row;        /* in the schedule, where one is kept */
};
#define NO_EXECUTOR UINT32_MAX

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

/* How an engine works. Work is in a unit of the pace's own: alone-seconds, or steps. */
struct pace {
    const void *curve;
    /* The work of a request, or until it is cut off where that is its fate; sets step_s and context
     * of its task where the rate needs them. */
    double (*work)(const void *curve, double prompt_tokens, double output_tokens,
                   struct running *task);
    /* Work per second of each of the requests that run, at least one. */
    double (*rate)(const void *curve, const struct running *requests, size_t count);
    /* Seconds of a request that has the engine to itself. */
    double (*alone_s)(const void *curve, double prompt_tokens, double output_tokens);
};
/* That of a cluster's engines. */
struct pace cluster_pace(const struct cluster *cluster);

/*
 * An engine. All its requests progress at one rate, so one clock counts the
 * work that each has been given: a request started at clock c that needs work w ends at c + w,
 * whoever joins or leaves meanwhile.
 */
struct engine {
    const struct pace *pace;
    struct running_heap requests;
    double clock;    /* work given to a request since the engine was last empty */
    double time_s;   /* when clock was so */
    double rate;     /* work per second */
    double next_s;   /* time of the first end; INFINITY when idle */
    double crowding; /* times as slow as alone on its GPUs */
    uint32_t max_batch;
    uint32_t class; /* number of its kind, where there are several */
};

void engine_init(struct engine *engine, const struct pace *pace, uint32_t max_batch);
void engine_finish(struct engine *engine);
/* Moves the clock on to a time not after next_s. */
void engine_advance(struct engine *engine, double now_s);
/* What the clock says at such a time. */
double engine_clock(const struct engine *engine, double now_s);
/* After joins, leaves and changes of crowding at the present time. */
void engine_refresh(struct engine *engine);
/* The time of the first end, of those still in the heap. */
double engine_end(const struct engine *engine);
/* A request joins now; call engine_refresh() after the last. */
void engine_start(struct engine *engine, struct running task, double prompt_tokens,
                  double output_tokens);

#endif
