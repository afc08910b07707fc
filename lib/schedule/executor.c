/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executors: capacity, slowdown curve, and a clock in alone-seconds.
 *
 * The clock advances by dt / slowdown(running), so the alone time served to a
 * task is the clock now minus the clock at its start, however the batch
 * changed in between (algorithms.md section 2: durations are alone times).
 */
#include "schedule/internal.h"

#include <math.h>
#include <string.h>

lls_executor *lls_executor_find(const llmsched_scheduler *s, uint64_t id)
{
    uint32_t slot = lls_map_get_u64(&s->executor_ids, id);
    return slot == LLS_NONE32 ? NULL : s->executors[slot];
}

static llmsched_status check_curve(const llmsched_executor *info, llmsched_error *err)
{
    const double *batch = info->curve_batch, *slowdown = info->curve_slowdown;
    if (batch == NULL || slowdown == NULL)
        return lls_fail(
            err, LLMSCHED_ERROR_INVALID,
            "executor_info: curve_batch and curve_slowdown must be given with curve_count");
    for (uint32_t i = 0; i < info->curve_count; i++) {
        if (!isfinite(batch[i]) || batch[i] < 1 || (i > 0 && batch[i] <= batch[i - 1]))
            return lls_fail(
                err, LLMSCHED_ERROR_INVALID,
                "executor_info: curve_batch[%u] must be at least 1 and above the one before", i);
        if (!isfinite(slowdown[i]) || slowdown[i] < 1)
            return lls_fail(
                err, LLMSCHED_ERROR_INVALID,
                "executor_info: curve_slowdown[%u] must be a finite number of at least 1", i);
    }
    return LLMSCHED_OK;
}

llmsched_status lls_executor_check(const llmsched_executor *info, llmsched_error *err)
{
    if (info->kind != LLMSCHED_STAGE_LLM && info->kind != LLMSCHED_STAGE_REGULAR)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "executor_info: kind must be LLMSCHED_STAGE_LLM or LLMSCHED_STAGE_REGULAR");
    if (info->capacity == 0 || info->capacity > (1u << 20))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "executor_info: capacity must be 1 .. 2^20");
    if (!isfinite(info->price) || info->price < 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "executor_info: price must be finite and not negative");
    if (info->curve_count > 4096)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "executor_info: curve_count must be at most 4096");
    return info->curve_count > 0 ? check_curve(info, err) : LLMSCHED_OK;
}

/* l(running) / l(1): linear between the points, clamped at the ends. */
static double slowdown(const lls_executor *e)
{
    uint32_t n = e->curve_count;
    double b = e->running;
    if (n == 0 || e->running == 0)
        return 1;
    if (b <= e->curve_batch[0])
        return e->curve_slowdown[0];
    for (uint32_t i = 1; i < n; i++) {
        if (b <= e->curve_batch[i]) {
            double share =
                (b - e->curve_batch[i - 1]) / (e->curve_batch[i] - e->curve_batch[i - 1]);
            return e->curve_slowdown[i - 1] +
                   share * (e->curve_slowdown[i] - e->curve_slowdown[i - 1]);
        }
    }
    return e->curve_slowdown[n - 1];
}

double lls_executor_clock(const llmsched_scheduler *s, const lls_executor *e)
{
    return e->clock + (s->now - e->clock_time) / slowdown(e);
}

static void bring_up_to_date(const llmsched_scheduler *s, lls_executor *e)
{
    e->clock = lls_executor_clock(s, e);
    e->clock_time = s->now;
}

static size_t curve_bytes(uint32_t count)
{
    return 2 * (size_t)count * sizeof(double);
}

/* Both halves of the curve in one block; NULL: no memory. */
static double *copy_curve(llmsched_scheduler *s, const llmsched_executor *info)
{
    uint32_t n = info->curve_count;
    double *block = lls_pool_take(&s->pool, curve_bytes(n));
    if (block != NULL && n > 0) {
        memcpy(block, info->curve_batch, n * sizeof *block);
        memcpy(block + n, info->curve_slowdown, n * sizeof *block);
    }
    return block;
}

static void set_curve(lls_executor *e, double *block, uint32_t count)
{
    e->curve_batch = block;
    e->curve_slowdown = block + count;
    e->curve_count = count;
}

static bool reserve_places(llmsched_scheduler *s, lls_queue *queue, uint32_t more)
{
    return lls_grow(s->context, (void **)&queue->freed, &queue->freed_capacity,
                    (size_t)queue->capacity + more, sizeof *queue->freed);
}

static uint32_t free_slot(const llmsched_scheduler *s)
{
    uint32_t slot = 0;
    while (slot < s->executor_slots && s->executors[slot] != NULL)
        slot++;
    return slot;
}

void lls_executor_free(llmsched_scheduler *s, lls_executor *e)
{
    if (e == NULL)
        return;
    lls_pool_give(&s->pool, e->curve_batch, curve_bytes(e->curve_count));
    lls_pool_give(&s->pool, e, sizeof *e);
}

llmsched_status lls_executor_up(llmsched_scheduler *s, uint64_t id, const llmsched_executor *info,
                                llmsched_error *err)
{
    uint32_t number = 0, slot = free_slot(s);
    llmsched_status status = lls_queue_get(s, info->kind, info->model, &number, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_queue *queue = s->queues[number];
    lls_executor *e = lls_pool_take(&s->pool, sizeof *e);
    double *curve = copy_curve(s, info);
    if (e == NULL || curve == NULL || !reserve_places(s, queue, info->capacity) ||
        !lls_grow(s->context, (void **)&s->executors, &s->executor_capacity, (size_t)slot + 1,
                  sizeof(lls_executor *)) ||
        !lls_heap_reserve(&queue->executors, slot + 1) ||
        !lls_map_put_u64(&s->executor_ids, id, slot)) {
        lls_pool_give(&s->pool, curve, curve_bytes(info->curve_count));
        lls_pool_give(&s->pool, e, sizeof *e);
        return lls_fail_memory(err);
    }
    *e = (lls_executor){.slot = slot,
                        .queue = number,
                        .kind = info->kind,
                        .capacity = info->capacity,
                        .id = id,
                        .price = info->price > 0 ? info->price : 1,
                        .clock_time = s->now};
    set_curve(e, curve, info->curve_count);
    s->executors[slot] = e;
    if (slot == s->executor_slots)
        s->executor_slots++;
    s->executor_count++;
    queue->capacity += e->capacity;
    (void)lls_heap_push(&queue->executors, slot);
    return LLMSCHED_OK;
}

llmsched_status lls_executor_change(llmsched_scheduler *s, lls_executor *e,
                                    const llmsched_executor *info, llmsched_error *err)
{
    lls_queue *queue = s->queues[e->queue];
    const char *model = queue->model;
    bool same_model = (model == NULL && info->model == NULL) ||
                      (model != NULL && info->model != NULL && strcmp(model, info->model) == 0);
    if (info->kind != e->kind || !same_model)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "executor %llu: kind and model may not change; take it down and up again",
                        (unsigned long long)e->id);
    double *curve = copy_curve(s, info);
    if (curve == NULL || !reserve_places(s, queue, info->capacity)) {
        lls_pool_give(&s->pool, curve, curve_bytes(info->curve_count));
        return lls_fail_memory(err);
    }
    bring_up_to_date(s, e);
    lls_pool_give(&s->pool, e->curve_batch, curve_bytes(e->curve_count));
    set_curve(e, curve, info->curve_count);
    queue->capacity = queue->capacity - e->capacity + info->capacity;
    e->capacity = info->capacity;
    e->price = info->price > 0 ? info->price : 1;
    lls_heap_update(&queue->executors, e->slot);
    return LLMSCHED_OK;
}

void lls_executor_down(llmsched_scheduler *s, lls_executor *e)
{
    lls_queue *queue = s->queues[e->queue];
    while (e->tasks != NULL) {
        lls_task *task = e->tasks;
        lls_job_touch(s, task->stage->job);
        lls_executor_stop(s, task);
        lls_task_return(s, task);
    }
    lls_heap_remove(&queue->executors, e->slot);
    queue->capacity -= e->capacity;
    (void)lls_map_remove_u64(&s->executor_ids, e->id);
    s->executors[e->slot] = NULL;
    s->executor_count--;
    lls_executor_free(s, e);
}

void lls_executor_attach(llmsched_scheduler *s, lls_executor *e, lls_task *task)
{
    lls_queue *queue = s->queues[e->queue];
    lls_job *job = task->stage->job;
    bring_up_to_date(s, e);
    task->state = LLS_TASK_RUNNING;
    task->executor = e->slot;
    task->start_clock = e->clock;
    task->previous = NULL;
    task->next = e->tasks;
    if (e->tasks != NULL)
        e->tasks->previous = task;
    e->tasks = task;
    e->running++;
    queue->running++;
    s->running_tasks++;
    task->stage->running++;
    lls_tenant_join(s, job->tenant);
    job->tenant->running++;
    lls_tenant_charge(s, task);
    *(e->kind == LLMSCHED_STAGE_LLM ? &job->running_llm : &job->running_tool) += 1;
    lls_heap_update(&queue->executors, e->slot);
}

double lls_task_served(const llmsched_scheduler *s, const lls_task *task)
{
    return fmax(0, lls_executor_clock(s, s->executors[task->executor]) - task->start_clock);
}

void lls_executor_stop(llmsched_scheduler *s, lls_task *task)
{
    lls_executor_detach(s, task, lls_task_served(s, task));
}

void lls_executor_detach(llmsched_scheduler *s, lls_task *task, double alone_s)
{
    lls_executor *e = s->executors[task->executor];
    lls_queue *queue = s->queues[e->queue];
    lls_job *job = task->stage->job;
    bring_up_to_date(s, e);
    if (task->previous != NULL)
        task->previous->next = task->next;
    else
        e->tasks = task->next;
    if (task->next != NULL)
        task->next->previous = task->previous;
    e->running--;
    queue->running--;
    s->running_tasks--;
    task->stage->running--;
    lls_tenant_settle(s, task, alone_s);
    job->tenant->running--;
    lls_tenant_part(s, job->tenant);
    *(e->kind == LLMSCHED_STAGE_LLM ? &job->running_llm : &job->running_tool) -= 1;
    lls_heap_update(&queue->executors, e->slot);
}
