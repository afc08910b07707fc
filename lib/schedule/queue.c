/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: where stages wait for the executors that may run them. */
#include "schedule/internal.h"

#include <string.h>

/* Executors with room first, of those the fewest running, then the lowest id. */
static int compare_executors(const void *user, uint32_t a, uint32_t b)
{
    const llmsched_scheduler *s = ((const lls_queue *)user)->scheduler;
    const lls_executor *x = s->executors[a], *y = s->executors[b];
    bool x_full = x->running >= x->capacity, y_full = y->running >= y->capacity;
    if (x_full != y_full)
        return x_full ? 1 : -1;
    if (x->running != y->running)
        return x->running < y->running ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void lls_queue_free(llmsched_scheduler *s, lls_queue *queue)
{
    if (queue == NULL)
        return;
    lls_lanes_finish(queue);
    lls_heap_finish(&queue->executors);
    lls_free(s->context, queue->freed);
    lls_free(s->context, queue->model);
    lls_free(s->context, queue);
}

static lls_queue *queue_new(llmsched_scheduler *s, uint32_t kind, const char *model)
{
    lls_queue *queue = lls_calloc(s->context, 1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    queue->number = s->queue_count;
    queue->kind = kind;
    queue->scheduler = s;
    lls_lanes_init(s, queue);
    lls_heap_init(&queue->executors, s->context, compare_executors, queue);
    if (model != NULL) {
        queue->model = lls_strdup(s->context, model);
        if (queue->model == NULL) {
            lls_queue_free(s, queue);
            return NULL;
        }
    }
    return queue;
}

/* Models and pools may share names. */
static lls_map *names_of(llmsched_scheduler *s, uint32_t kind)
{
    return kind == LLMSCHED_STAGE_LLM ? &s->queue_models : &s->queue_pools;
}

static llmsched_status queue_add(llmsched_scheduler *s, uint32_t kind, const char *model,
                                 uint32_t *number, llmsched_error *err)
{
    lls_queue *queue = queue_new(s, kind, model);
    if (queue == NULL ||
        !lls_grow(s->context, (void **)&s->queues, &s->queue_capacity, (size_t)s->queue_count + 1,
                  sizeof(lls_queue *)) ||
        (model != NULL && !lls_map_put_str(names_of(s, kind), queue->model, s->queue_count))) {
        lls_queue_free(s, queue);
        return lls_fail_memory(err);
    }
    *number = s->queue_count;
    s->queues[s->queue_count++] = queue;
    return LLMSCHED_OK;
}

llmsched_status lls_queue_get(llmsched_scheduler *s, uint32_t kind, const char *model,
                              uint32_t *number, llmsched_error *err)
{
    uint32_t *plain = model != NULL                ? NULL
                      : kind == LLMSCHED_STAGE_LLM ? &s->plain_queue
                                                   : &s->tool_queue;
    uint32_t found = plain != NULL ? *plain : lls_map_get_str(names_of(s, kind), model);
    if (found == LLS_NONE32) {
        llmsched_status status = queue_add(s, kind, model, &found, err);
        if (status != LLMSCHED_OK)
            return status;
        if (plain != NULL)
            *plain = found;
    }
    *number = found;
    return LLMSCHED_OK;
}

lls_executor *lls_queue_room(const llmsched_scheduler *s, const lls_queue *queue)
{
    uint32_t top = lls_heap_top(&queue->executors);
    if (top == LLS_NONE32)
        return NULL;
    lls_executor *e = s->executors[top];
    return e->running < e->capacity ? e : NULL;
}

bool lls_queue_all_fit(const lls_queue *queue)
{
    return queue->running <= queue->capacity &&
           queue->ready_tasks <= queue->capacity - queue->running;
}

/* There is room for one note per place, which lls_executor_up() and _change() see to. */
void lls_queue_note_freed(lls_queue *queue, uint64_t job)
{
    if (queue->freed_count < queue->freed_capacity)
        queue->freed[queue->freed_count++] = job;
}

/* A place is taken: by the job that freed one, else the oldest note goes. */
void lls_queue_take_freed(lls_queue *queue, uint64_t job)
{
    if (queue->freed_count == 0)
        return;
    uint32_t at = 0;
    for (uint32_t i = 0; i < queue->freed_count; i++) {
        if (queue->freed[i] == job) {
            at = i;
            break;
        }
    }
    queue->freed_count--;
    memmove(queue->freed + at, queue->freed + at + 1,
            (queue->freed_count - at) * sizeof *queue->freed);
}
