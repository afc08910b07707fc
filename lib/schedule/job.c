/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs, their revealed stages and tasks. Whatever can fail (memory) happens
 * before anything is linked in, so a refused event leaves no trace.
 */
#include "schedule/internal.h"

#include <math.h>
#include <string.h>

lls_job *lls_job_find(const llmsched_scheduler *s, uint64_t id)
{
    uint32_t slot = lls_map_get_u64(&s->job_ids, id);
    return slot == LLS_NONE32 ? NULL : s->jobs[slot];
}

typedef struct stage_key {
    uint64_t job;
    uint64_t number;
} stage_key;

lls_stage *lls_stage_find(const llmsched_scheduler *s, uint64_t job, uint32_t number)
{
    stage_key key = {job, number};
    uint32_t slot = lls_map_get(&s->stage_ids, &key, sizeof key);
    return slot == LLS_NONE32 ? NULL : s->stages[slot];
}

/* Puts the job on the list of those whose keys are worked out at the next decision. */
void lls_job_touch(llmsched_scheduler *s, lls_job *job)
{
    memset(job->known, 0, sizeof job->known);
    job->gittins_method = 0;
    if (job->dirty)
        return;
    job->dirty = true;
    s->dirty[s->dirty_count++] = job->slot;
}

/* --- jobs -------------------------------------------------------------------- */

static void job_free(llmsched_scheduler *s, lls_job *job)
{
    if (job == NULL)
        return;
    if (job->knowledge != LLS_NONE32)
        lls_knowledge_drop(s, job->knowledge);
    llmsched_progress_destroy(job->progress);
    lls_free(s->context, job->stages);
    lls_free(s->context, job->open);
    lls_free(s->context, job);
}

static llmsched_status job_attach_profile(llmsched_scheduler *s, lls_job *job,
                                          const llmsched_profile *profile, llmsched_error *err)
{
    llmsched_status status = lls_knowledge_use(s, profile, &job->knowledge, err);
    return status == LLMSCHED_OK ? llmsched_progress_create(profile, &job->progress, err) : status;
}

/* Room for the job in every table; the slot it will have. */
static bool reserve_job(llmsched_scheduler *s, uint32_t *slot)
{
    *slot = s->free_job_count > 0 ? s->free_jobs[s->free_job_count - 1] : s->job_slots;
    size_t slots = (size_t)s->job_slots + 1;
    return lls_grow(s->context, (void **)&s->jobs, &s->job_capacity, slots, sizeof(lls_job *)) &&
           lls_grow(s->context, (void **)&s->free_jobs, &s->free_job_capacity, slots,
                    sizeof(uint32_t)) &&
           lls_grow(s->context, (void **)&s->dirty, &s->dirty_capacity, slots, sizeof(uint32_t));
}

llmsched_status lls_job_add(llmsched_scheduler *s, uint64_t id, double arrival,
                            const llmsched_job *info, llmsched_error *err)
{
    lls_job *job = lls_calloc(s->context, 1, sizeof *job);
    if (job == NULL)
        return lls_fail_memory(err);
    *job = (lls_job){.id = id,
                     .arrival_s = arrival,
                     .knowledge = LLS_NONE32,
                     .given_mean_s = info->given_mean_s,
                     .given_llm_s = info->given_llm_s,
                     .given_tool_s = info->given_tool_s};
    llmsched_status status = lls_tenant_use(s, info->tenant, &job->tenant, err);
    if (status == LLMSCHED_OK && info->profile != NULL)
        status = job_attach_profile(s, job, info->profile, err);
    if (status == LLMSCHED_OK &&
        (!reserve_job(s, &job->slot) || !lls_map_put_u64(&s->job_ids, id, job->slot)))
        status = lls_fail_memory(err);
    if (status != LLMSCHED_OK) {
        job_free(s, job);
        return status;
    }
    if (s->free_job_count > 0)
        s->free_job_count--;
    else
        s->job_slots++;
    s->jobs[job->slot] = job;
    s->job_count++;
    lls_tenant_add_job(job->tenant, info->weight > 0 ? info->weight : 1);
    return LLMSCHED_OK;
}

static void stage_forget(llmsched_scheduler *s, lls_stage *stage)
{
    for (uint32_t i = 0; i < stage->task_count; i++) {
        if (stage->tasks[i].state == LLS_TASK_RUNNING)
            lls_executor_stop(s, &stage->tasks[i]);
    }
    if (stage->waiting == 0)
        lls_stage_count_ready(s, stage, 0, stage->ready);
    if (stage->queue != LLS_NONE32) {
        lls_queue *queue = s->queues[stage->queue];
        lls_queue_leave(s, stage);
        if (queue->chosen_stage == stage->slot)
            queue->chosen_tasks = 0;
    }
    stage_key key = {stage->job->id, stage->number};
    (void)lls_map_remove(&s->stage_ids, &key, sizeof key);
    s->stages[stage->slot] = NULL;
    s->free_stages[s->free_stage_count++] = stage->slot;
}

static void stage_free(llmsched_scheduler *s, lls_stage *stage)
{
    if (stage == NULL)
        return;
    lls_free(s->context, stage->edges);
    lls_free(s->context, stage->name);
    lls_free(s->context, stage->model);
    lls_free(s->context, stage);
}

static void undirty(llmsched_scheduler *s, lls_job *job)
{
    for (uint32_t i = 0; job->dirty && i < s->dirty_count; i++) {
        if (s->dirty[i] == job->slot) {
            memmove(s->dirty + i, s->dirty + i + 1, (s->dirty_count - i - 1) * sizeof *s->dirty);
            s->dirty_count--;
            job->dirty = false;
        }
    }
}

void lls_job_remove(llmsched_scheduler *s, lls_job *job)
{
    for (uint32_t i = 0; i < job->stage_count; i++) {
        stage_forget(s, job->stages[i]);
        stage_free(s, job->stages[i]);
    }
    undirty(s, job);
    job->tenant->jobs--;
    (void)lls_map_remove_u64(&s->job_ids, job->id);
    s->jobs[job->slot] = NULL;
    s->free_jobs[s->free_job_count++] = job->slot;
    s->job_count--;
    job_free(s, job);
}

/* --- stages ------------------------------------------------------------------- */

static void task_counts(lls_stage *stage, uint32_t tasks)
{
    stage->task_count = stage->ready = tasks;
    for (uint32_t i = 0; i < tasks; i++)
        stage->tasks[i] = (lls_task){.stage = stage, .number = i, .executor = LLS_NONE32};
}

static llmsched_status stage_new(llmsched_scheduler *s, lls_job *job, uint32_t number,
                                 const llmsched_revealed_stage *info, lls_stage **ret,
                                 llmsched_error *err)
{
    uint32_t tasks = info->kind == LLMSCHED_STAGE_DYNAMIC ? 0 : info->tasks > 0 ? info->tasks : 1;
    lls_stage *stage = lls_calloc(s->context, 1, sizeof *stage + (size_t)tasks * sizeof(lls_task));
    if (stage == NULL)
        return lls_fail_memory(err);
    stage->number = number;
    stage->job = job;
    stage->kind = info->kind;
    stage->queue = LLS_NONE32;
    stage->template_stage = LLS_NONE32;
    stage->choice = info->choice;
    stage->has_prompt = info->has_prompt != 0;
    stage->prompt_tokens = info->prompt_tokens;
    task_counts(stage, tasks);
    stage->name = lls_strdup(s->context, info->name);
    stage->model = info->model != NULL ? lls_strdup(s->context, info->model) : NULL;
    stage->edges = lls_calloc(s->context, info->parent_count, sizeof *stage->edges);
    if (stage->name == NULL || (info->model != NULL && stage->model == NULL) ||
        stage->edges == NULL) {
        stage_free(s, stage);
        return lls_fail_memory(err);
    }
    *ret = stage;
    return LLMSCHED_OK;
}

static bool reserve_stage(llmsched_scheduler *s, lls_stage *stage)
{
    lls_job *job = stage->job;
    stage->slot =
        s->free_stage_count > 0 ? s->free_stages[s->free_stage_count - 1] : s->stage_slots;
    size_t slots = (size_t)s->stage_slots + 1;
    return lls_grow(s->context, (void **)&s->stages, &s->stage_capacity, slots,
                    sizeof(lls_stage *)) &&
           lls_grow(s->context, (void **)&s->free_stages, &s->free_stage_capacity, slots,
                    sizeof(uint32_t)) &&
           lls_grow(s->context, (void **)&job->stages, &job->stage_capacity,
                    (size_t)job->stage_count + 1, sizeof(lls_stage *)) &&
           lls_grow(s->context, (void **)&job->open, &job->open_capacity,
                    (size_t)job->open_count + 1, sizeof(lls_stage *)) &&
           (job->progress == NULL || lls_progress_reserve(job->progress)) &&
           (stage->queue == LLS_NONE32 ||
            lls_heap_reserve(&s->queues[stage->queue]->ready, stage->slot + 1));
}

/* A stage waits on its unfinished parents through one edge each. */
static void link_parents(llmsched_scheduler *s, lls_stage *stage,
                         const llmsched_revealed_stage *info)
{
    for (uint32_t i = 0; i < info->parent_count; i++) {
        lls_stage *parent = lls_stage_find(s, stage->job->id, info->parents[i]);
        if (parent->done)
            continue;
        stage->edges[i].child = stage;
        stage->edges[i].next = parent->children;
        parent->children = &stage->edges[i];
        stage->waiting++;
    }
}

void lls_stage_count_ready(llmsched_scheduler *s, lls_stage *stage, uint32_t more, uint32_t fewer)
{
    s->ready_tasks += more - fewer;
    if (stage->queue != LLS_NONE32)
        s->queues[stage->queue]->ready_tasks += more - fewer;
}

/* Nothing that it waited for is left. */
static void note_ready(llmsched_scheduler *s, lls_stage *stage)
{
    stage->ready_s = s->now;
    stage->chain_llm_s = stage->job->chain_llm_s;
    lls_stage_count_ready(s, stage, stage->ready, 0);
}

llmsched_status lls_stage_add(llmsched_scheduler *s, lls_job *job, uint32_t number,
                              const llmsched_revealed_stage *info, llmsched_error *err)
{
    lls_stage *stage = NULL;
    stage_key key = {job->id, number};
    llmsched_status status = stage_new(s, job, number, info, &stage, err);
    if (status == LLMSCHED_OK && info->kind != LLMSCHED_STAGE_DYNAMIC)
        status = lls_queue_get(s, info->kind, info->model, &stage->queue, err);
    if (status == LLMSCHED_OK &&
        (!reserve_stage(s, stage) || !lls_map_put(&s->stage_ids, &key, sizeof key, stage->slot)))
        status = lls_fail_memory(err);
    if (status != LLMSCHED_OK) {
        stage_free(s, stage);
        return status;
    }
    if (s->free_stage_count > 0)
        s->free_stage_count--;
    else
        s->stage_slots++;
    s->stages[stage->slot] = stage;
    job->stages[job->stage_count++] = stage;
    stage->open_at = job->open_count;
    job->open[job->open_count++] = stage;
    if (job->progress != NULL) {
        stage->number_in_progress = lls_progress_add(job->progress, info);
        stage->template_stage = job->progress->template_stages[stage->number_in_progress];
    }
    link_parents(s, stage, info);
    if (stage->kind == LLMSCHED_STAGE_LLM)
        job->unfinished_llm++;
    else if (stage->kind == LLMSCHED_STAGE_REGULAR)
        job->unfinished_tool++;
    if (stage->waiting == 0)
        note_ready(s, stage);
    lls_stage_settle(s, stage);
    lls_job_touch(s, job);
    return LLMSCHED_OK;
}

/* --- the end of tasks and stages ------------------------------------------------ */

static void note_finished(lls_stage *stage)
{
    lls_job *job = stage->job;
    stage->done = true;
    job->open[stage->open_at] = job->open[--job->open_count];
    job->open[stage->open_at]->open_at = stage->open_at;
    if (stage->kind == LLMSCHED_STAGE_LLM)
        job->unfinished_llm--;
    else if (stage->kind == LLMSCHED_STAGE_REGULAR)
        job->unfinished_tool--;
    if (job->progress != NULL)
        lls_progress_finish(job->progress, stage->number_in_progress, stage->work_s,
                            stage->untold_outputs == 0 ? stage->output_tokens : -1);
}

void lls_stage_settle(llmsched_scheduler *s, lls_stage *stage)
{
    /* A list instead of recursion: dynamic stages finish at once, and may stand in long chains. */
    lls_stage *todo = stage;
    stage->next_done = NULL;
    while (todo != NULL) {
        lls_stage *done = todo;
        todo = done->next_done;
        if (done->done || done->waiting > 0 || done->finished < done->task_count)
            continue;
        note_finished(done);
        for (lls_edge *edge = done->children; edge != NULL; edge = edge->next) {
            if (--edge->child->waiting > 0)
                continue;
            note_ready(s, edge->child);
            edge->child->next_done = todo;
            todo = edge->child;
        }
    }
}

void lls_task_return(llmsched_scheduler *s, lls_task *task)
{
    lls_stage *stage = task->stage;
    task->state = LLS_TASK_READY;
    task->executor = LLS_NONE32;
    stage->ready++;
    lls_stage_count_ready(s, stage, 1, 0);
    if (task->number < stage->first_ready)
        stage->first_ready = task->number;
}
