/* SPDX-License-Identifier: Apache-2.0 */
/* Engines and their clocks (docs/simulation.md, "Work"). */
#include "places.h"

#include <math.h>
#include <stdlib.h>

int running_compare(const struct running *a, const struct running *b)
{
    if (a->job != b->job)
        return a->job < b->job ? -1 : 1;
    if (a->stage != b->stage)
        return a->stage < b->stage ? -1 : 1;
    return (a->task > b->task) - (a->task < b->task);
}

static bool before(const struct running *a, const struct running *b)
{
    return a->end != b->end ? a->end < b->end : running_compare(a, b) < 0;
}

void running_push(struct running_heap *heap, const struct running *task)
{
    grow((void **)&heap->items, &heap->capacity, heap->count + 1, sizeof *heap->items);
    size_t i = heap->count++;
    for (; i > 0 && before(task, &heap->items[(i - 1) / 2]); i = (i - 1) / 2)
        heap->items[i] = heap->items[(i - 1) / 2];
    heap->items[i] = *task;
}

struct running running_pop(struct running_heap *heap)
{
    struct running top = heap->items[0], last = heap->items[--heap->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (!before(&heap->items[child], &last))
            break;
        heap->items[i] = heap->items[child];
        i = child;
    }
    heap->items[i] = last;
    return top;
}

size_t running_take(struct running_heap *heap, uint32_t executor, struct running *taken)
{
    struct running_heap kept = {0};
    size_t count = 0;
    for (size_t i = 0; i < heap->count; i++) {
        if (heap->items[i].executor == executor)
            taken[count++] = heap->items[i];
        else
            running_push(&kept, &heap->items[i]);
    }
    free(heap->items);
    *heap = kept;
    return count;
}

void engine_init(struct engine *engine, const struct pace *pace, uint32_t max_batch)
{
    *engine =
        (struct engine){.pace = pace, .crowding = 1.0, .max_batch = max_batch, .next_s = INFINITY};
}

void engine_finish(struct engine *engine)
{
    free(engine->requests.items);
    engine->requests = (struct running_heap){0};
}

double engine_clock(const struct engine *engine, double now_s)
{
    /* At an infinite rate no time passes while requests run. */
    if (engine->requests.count == 0 || now_s <= engine->time_s)
        return engine->clock;
    return engine->clock + (now_s - engine->time_s) * engine->rate;
}

void engine_advance(struct engine *engine, double now_s)
{
    engine->clock = engine_clock(engine, now_s);
    engine->time_s = now_s;
}

double engine_end(const struct engine *engine)
{
    if (engine->requests.count == 0)
        return INFINITY;
    double left = engine->requests.items[0].end - engine->clock;
    return left > 0.0 ? engine->time_s + left / engine->rate : engine->time_s;
}

void engine_refresh(struct engine *engine)
{
    const struct running_heap *requests = &engine->requests;
    if (requests->count == 0)
        engine->clock = 0.0; /* keeps the clock small, and so exact */
    else
        engine->rate = engine->pace->rate(engine->pace->curve, requests->items, requests->count) /
                       engine->crowding;
    engine->next_s = engine_end(engine);
}

void engine_start(struct engine *engine, struct running task, double prompt_tokens,
                  double output_tokens)
{
    const struct pace *pace = engine->pace;
    double work = pace->work(pace->curve, prompt_tokens, output_tokens, &task);
    task.alone_s = task.fate.timeout_s > 0.0
                       ? task.fate.timeout_s
                       : task.fate.share * pace->alone_s(pace->curve, prompt_tokens, output_tokens);
    task.begin = engine->clock;
    task.end = engine->clock + work * task.fate.share;
    running_push(&engine->requests, &task);
}

/* --- the pace of a cluster ------------------------------------------------------- */

static double cluster_work(const void *curve, double prompt_tokens, double output_tokens,
                           struct running *task)
{
    const struct cluster *cluster = curve;
    double work = cluster_alone(cluster, prompt_tokens, output_tokens);
    if (cluster->serial && work > 0.0) {
        work = fmax(1.0, output_tokens);
        task->step_s = prompt_tokens * cluster->prefill_s_per_token / work;
    }
    if (task->fate.timeout_s > 0.0)
        return task->fate.timeout_s / (cluster->serial ? cluster_tau(cluster, 1.0) : 1.0);
    return work;
}

static double cluster_rate(const void *curve, const struct running *requests, size_t count)
{
    const struct cluster *cluster = curve;
    double step = cluster_tau(cluster, (double)count);
    if (!cluster->serial)
        return cluster_tau(cluster, 1.0) / step;
    for (size_t i = 0; i < count; i++)
        step += requests[i].step_s;
    return 1.0 / step;
}

static double cluster_alone_s(const void *curve, double prompt_tokens, double output_tokens)
{
    return cluster_alone(curve, prompt_tokens, output_tokens);
}

struct pace cluster_pace(const struct cluster *cluster)
{
    return (struct pace){cluster, cluster_work, cluster_rate, cluster_alone_s};
}
