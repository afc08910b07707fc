/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs, their revealed stages and tasks. Whatever can fail (memory) happens
 * before anything is linked in, so a refused event leaves no trace.
 */
#include "schedule/internal.h"

#include <math.h>
#include <string.h>

/* One to one: jobs of one hash are one job. */
static uint64_t job_hash(uint64_t id)
{
    uint64_t state = id;
    return lls_splitmix64(&state);
}

lls_job *lls_job_find(const llmsched_scheduler *s, uint64_t id)
{
    return (lls_job *)(void *)lls_nodes_first(&s->jobs, job_hash(id)); /* node comes first */
}

static uint64_t stage_hash(const lls_job *job, uint32_t number)
{
    uint64_t state = job->node.hash + number;
    return lls_splitmix64(&state);
}

lls_stage *lls_job_stage(const llmsched_scheduler *s, const lls_job *job, uint32_t number)
{
    lls_node *node = lls_nodes_first(&s->stages, stage_hash(job, number));
    for (; node != NULL; node = lls_nodes_next(node)) {
        lls_stage *stage = (lls_stage *)(void *)node;
        if (stage->job == job && stage->number == number)
            return stage;
    }
    return NULL;
}

lls_stage *lls_stage_find(const llmsched_scheduler *s, uint64_t job, uint32_t number)
{
    const lls_job *found = lls_job_find(s, job);
    return found != NULL ? lls_job_stage(s, found, number) : NULL;
}

/* Puts the job on the list of those whose keys are worked out at the next decision. */
void lls_job_touch(llmsched_scheduler *s, lls_job *job)
{
    lls_beliefs_drop(job);
    if (job->dirty)
        return;
    job->dirty = true;
    job->previous_dirty = NULL;
    job->next_dirty = s->dirty;
    if (s->dirty != NULL)
        s->dirty->previous_dirty = job;
    s->dirty = job;
}

void lls_job_clean(llmsched_scheduler *s, lls_job *job)
{
    if (!job->dirty)
        return;
    job->dirty = false;
    if (job->previous_dirty != NULL)
        job->previous_dirty->next_dirty = job->next_dirty;
    else
        s->dirty = job->next_dirty;
    if (job->next_dirty != NULL)
        job->next_dirty->previous_dirty = job->previous_dirty;
}

/* --- jobs -------------------------------------------------------------------- */

static void job_free(llmsched_scheduler *s, lls_job *job)
{
    if (job == NULL)
        return;
    if (job->knowledge != LLS_NONE32)
        lls_knowledge_drop(s, job->knowledge);
    lls_beliefs_free(s, job);
    llmsched_progress_destroy(job->progress);
    lls_pool_give(&s->pool, job, sizeof *job);
}

static llmsched_status job_attach_profile(llmsched_scheduler *s, lls_job *job,
                                          const llmsched_profile *profile, llmsched_error *err)
{
    llmsched_status status = lls_knowledge_use(s, profile, &job->knowledge, err);
    return status == LLMSCHED_OK ? lls_progress_create(profile, &s->pool, &job->progress, err)
                                 : status;
}

llmsched_status lls_job_add(llmsched_scheduler *s, uint64_t id, double arrival,
                            const llmsched_job *info, llmsched_error *err)
{
    lls_job *job = lls_pool_take(&s->pool, sizeof *job);
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
    if (status == LLMSCHED_OK && !lls_nodes_reserve(&s->jobs))
        status = lls_fail_memory(err);
    if (status != LLMSCHED_OK) {
        job_free(s, job);
        return status;
    }
    lls_nodes_add(&s->jobs, &job->node, job_hash(id));
    lls_tenant_add_job(s, job->tenant, info->weight > 0 ? info->weight : 1);
    return LLMSCHED_OK;
}

static void stage_free(llmsched_scheduler *s, lls_stage *stage)
{
    lls_keep_free(s, stage);
    lls_pool_give(&s->pool, stage, stage->bytes);
}

static void stage_forget(llmsched_scheduler *s, lls_stage *stage)
{
    for (uint32_t i = 0; stage->running > 0 && i < stage->task_count; i++) {
        if (stage->tasks[i].state == LLS_TASK_RUNNING)
            lls_executor_stop(s, &stage->tasks[i]);
    }
    if (stage->listed)
        lls_ready_forget(s, stage);
    if (stage->lane != NULL) {
        if (stage->lane->queue->chosen == stage)
            stage->lane->queue->chosen_tasks = 0;
        lls_lane_take(stage->lane, !stage->done);
    }
    lls_nodes_remove(&s->stages, &stage->node);
    stage_free(s, stage);
}

void lls_job_remove(llmsched_scheduler *s, lls_job *job)
{
    while (job->stages != NULL) {
        lls_stage *stage = job->stages;
        job->stages = stage->next_of_job;
        stage_forget(s, stage);
    }
    lls_job_clean(s, job);
    lls_tenant_take_job(s, job->tenant);
    lls_nodes_remove(&s->jobs, &job->node);
    job_free(s, job);
}

/* --- stages ------------------------------------------------------------------- */

static lls_edge *edges_of(lls_stage *stage)
{
    return (lls_edge *)(void *)(stage->tasks + stage->task_count);
}

static lls_stage *stage_new(llmsched_scheduler *s, lls_job *job, uint32_t number,
                            const llmsched_revealed_stage *info)
{
    uint32_t tasks = info->kind == LLMSCHED_STAGE_DYNAMIC ? 0 : info->tasks > 0 ? info->tasks : 1;
    size_t name = strlen(info->name) + 1;
    size_t bytes =
        sizeof(lls_stage) + tasks * sizeof(lls_task) + info->parent_count * sizeof(lls_edge) + name;
    lls_stage *stage = lls_pool_take(&s->pool, bytes);
    if (stage == NULL)
        return NULL;
    *stage = (lls_stage){.job = job,
                         .bytes = bytes,
                         .prompt_tokens = info->prompt_tokens,
                         .number = number,
                         .template_stage = LLS_NONE32,
                         .task_count = tasks,
                         .ready = tasks,
                         .kind = (uint8_t)info->kind,
                         .has_prompt = info->has_prompt != 0};
    for (uint32_t i = 0; i < tasks; i++)
        stage->tasks[i] = (lls_task){.stage = stage, .executor = LLS_NONE32};
    stage->name = memcpy(edges_of(stage) + info->parent_count, info->name, name);
    return stage;
}

/* Room for it in its lane. */
static llmsched_status find_lane(llmsched_scheduler *s, lls_stage *stage, const char *model,
                                 llmsched_error *err)
{
    uint32_t queue = 0;
    if (stage->kind == LLMSCHED_STAGE_DYNAMIC)
        return LLMSCHED_OK;
    llmsched_status status = lls_queue_get(s, stage->kind, model, &queue, err);
    if (status == LLMSCHED_OK)
        status = lls_lane_get(s, s->queues[queue], stage->job->tenant, &stage->lane, err);
    if (status == LLMSCHED_OK && (!lls_keep_reserve(s, stage) || !lls_lane_reserve(s, stage->lane)))
        status = lls_fail_memory(err);
    return status;
}

static bool reserve_stage(llmsched_scheduler *s, const lls_job *job)
{
    return lls_nodes_reserve(&s->stages) &&
           (job->progress == NULL || lls_progress_reserve(job->progress));
}

/* A stage waits on its unfinished parents through one edge each. */
static void link_parents(llmsched_scheduler *s, lls_stage *stage,
                         const llmsched_revealed_stage *info)
{
    lls_edge *edges = edges_of(stage);
    for (uint32_t i = 0; i < info->parent_count; i++) {
        lls_stage *parent = lls_job_stage(s, stage->job, info->parents[i]);
        if (parent->done)
            continue;
        edges[i] = (lls_edge){stage, parent->children};
        parent->children = &edges[i];
        stage->waiting++;
    }
}

/* Nothing can fail any more. */
static void link_stage(llmsched_scheduler *s, lls_stage *stage, const llmsched_revealed_stage *info)
{
    lls_job *job = stage->job;
    lls_nodes_add(&s->stages, &stage->node, stage_hash(job, stage->number));
    if (stage->lane != NULL)
        lls_lane_add(stage->lane);
    stage->next_of_job = job->stages;
    job->stages = stage;
    job->stage_count++;
    job->open_count++;
    if (job->progress != NULL) {
        stage->number_in_progress = lls_progress_add(job->progress, info);
        stage->template_stage =
            llmsched_progress_template_stage(job->progress, stage->number_in_progress);
    }
    link_parents(s, stage, info);
    if (stage->kind == LLMSCHED_STAGE_LLM)
        job->unfinished_llm++;
    else if (stage->kind == LLMSCHED_STAGE_REGULAR)
        job->unfinished_tool++;
}

/* Nothing that it waited for is left. */
static void note_ready(llmsched_scheduler *s, lls_stage *stage)
{
    stage->ready_s = s->now;
    stage->chain_llm_s = stage->job->chain_llm_s;
    if (stage->task_count > 0)
        lls_ready_add(s, stage);
}

llmsched_status lls_stage_add(llmsched_scheduler *s, lls_job *job, uint32_t number,
                              const llmsched_revealed_stage *info, llmsched_error *err)
{
    lls_stage *stage = stage_new(s, job, number, info);
    if (stage == NULL)
        return lls_fail_memory(err);
    llmsched_status status = find_lane(s, stage, info->model, err);
    if (status == LLMSCHED_OK && !reserve_stage(s, job))
        status = lls_fail_memory(err);
    if (status != LLMSCHED_OK) {
        stage_free(s, stage);
        return status;
    }
    link_stage(s, stage, info);
    if (stage->waiting == 0)
        note_ready(s, stage);
    lls_stage_settle(s, stage);
    lls_job_touch(s, job);
    return LLMSCHED_OK;
}

/* --- the end of tasks and stages ------------------------------------------------ */

void lls_stage_start(lls_stage *stage)
{
    lls_job *job = stage->job;
    if (stage->started)
        return;
    stage->started = true;
    stage->previous_started = NULL;
    stage->next_started = job->started;
    if (job->started != NULL)
        job->started->previous_started = stage;
    job->started = stage;
}

static void take_started(lls_stage *stage)
{
    if (!stage->started)
        return;
    if (stage->previous_started != NULL)
        stage->previous_started->next_started = stage->next_started;
    else
        stage->job->started = stage->next_started;
    if (stage->next_started != NULL)
        stage->next_started->previous_started = stage->previous_started;
}

static void note_finished(lls_stage *stage)
{
    lls_job *job = stage->job;
    stage->done = true;
    if (stage->lane != NULL)
        lls_lane_take(stage->lane, 1);
    take_started(stage);
    job->open_count--;
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
    /* A list instead of recursion: dynamic stages finish at once, and may stand in long chains.
     * They are never in a bunch, so its links are free for it. */
    if (stage->done || stage->waiting > 0 || stage->finished < stage->task_count)
        return;
    stage->next = NULL;
    while (stage != NULL) {
        lls_stage *todo = stage->next;
        note_finished(stage);
        for (lls_edge *edge = stage->children; edge != NULL; edge = edge->next) {
            if (--edge->child->waiting > 0)
                continue;
            note_ready(s, edge->child);
            if (edge->child->task_count > 0)
                continue;
            edge->child->next = todo;
            todo = edge->child;
        }
        stage = todo;
    }
}

void lls_task_return(llmsched_scheduler *s, lls_task *task)
{
    lls_stage *stage = task->stage;
    task->state = LLS_TASK_READY;
    task->executor = LLS_NONE32;
    stage->ready++;
    if (stage->listed)
        lls_lane_count(stage->lane, 1, 0);
    else
        lls_ready_add(s, stage);
    if (lls_task_number(task) < stage->first_ready)
        stage->first_ready = lls_task_number(task);
}
