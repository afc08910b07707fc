/* SPDX-License-Identifier: Apache-2.0 */
/* What policies may look at: the state as revealed so far, by the caller's ids. */
#include "schedule/internal.h"

#include <stddef.h>

/* Sizes of the first version, before fields were appended. */
enum {
    FIRST_JOB_VIEW = offsetof(llmsched_job_view, tenant),
    FIRST_STAGE_VIEW = offsetof(llmsched_stage_view, ready_s)
};

double llmsched_view_now(const llmsched_view *view)
{
    return view->scheduler->now;
}

double llmsched_view_random(const llmsched_view *view)
{
    return lls_random_uniform(&view->scheduler->random);
}

static const lls_queue *queue_of(const llmsched_view *view, uint32_t queue)
{
    const llmsched_scheduler *s = view->scheduler;
    return queue < s->queue_count ? s->queues[queue] : NULL;
}

static llmsched_status no_queue(const llmsched_view *view, uint32_t queue)
{
    return lls_fail(view->err, LLMSCHED_ERROR_NOT_FOUND, "view: there is no queue %u", queue);
}

static llmsched_status no_job(const llmsched_view *view, uint64_t job)
{
    return lls_fail(view->err, LLMSCHED_ERROR_NOT_FOUND, "view: job %llu is not live",
                    (unsigned long long)job);
}

static llmsched_status no_output(const llmsched_view *view)
{
    return lls_fail(view->err, LLMSCHED_ERROR_INVALID, "view: an output is NULL");
}

llmsched_status llmsched_view_queue(const llmsched_view *view, uint32_t queue,
                                    llmsched_queue_view *info)
{
    const lls_queue *q = queue_of(view, queue);
    if (q == NULL)
        return no_queue(view, queue);
    llmsched_queue_view now = {.size = sizeof now,
                               .kind = q->kind,
                               .model = q->model,
                               .capacity = q->capacity,
                               .running = q->running,
                               .ready =
                                   view->lane != NULL ? view->lane->ready_stages : q->ready_stages};
    return lls_sized_out(info, &now, sizeof now, sizeof now, "llmsched_queue_view", view->err);
}

static llmsched_status put_stage(const llmsched_view *view, const lls_stage *found, uint64_t *job,
                                 uint32_t *stage)
{
    if (job == NULL || stage == NULL)
        return no_output(view);
    if (found == NULL)
        return LLMSCHED_NONE;
    *job = found->job->id;
    *stage = found->number;
    return LLMSCHED_OK;
}

llmsched_status llmsched_view_head(const llmsched_view *view, uint32_t queue, uint64_t *job,
                                   uint32_t *stage)
{
    return llmsched_view_ready(view, queue, 0, job, stage);
}

llmsched_status llmsched_view_ready(const llmsched_view *view, uint32_t queue, uint32_t i,
                                    uint64_t *job, uint32_t *stage)
{
    const lls_queue *q = queue_of(view, queue);
    if (q == NULL)
        return no_queue(view, queue);
    return put_stage(view, lls_ranking_at(&lls_lane_seen(view, q)->ready, i), job, stage);
}

llmsched_status llmsched_view_freed(const llmsched_view *view, uint32_t queue, uint32_t i,
                                    uint64_t *job)
{
    const lls_queue *q = queue_of(view, queue);
    if (q == NULL)
        return no_queue(view, queue);
    if (job == NULL)
        return no_output(view);
    if (i >= q->freed_count)
        return LLMSCHED_NONE;
    *job = q->freed[i];
    return LLMSCHED_OK;
}

llmsched_status llmsched_view_job(const llmsched_view *view, uint64_t id, llmsched_job_view *info)
{
    const llmsched_scheduler *s = view->scheduler;
    const lls_job *job = lls_job_find(s, id);
    if (job == NULL)
        return no_job(view, id);
    llmsched_job_view now = {
        .size = sizeof now,
        .unfinished_stages = job->unfinished_llm + job->unfinished_tool,
        .running_llm = job->running_llm,
        .running_tool = job->running_tool,
        .arrival_s = job->arrival_s,
        .done_llm_s = job->done_llm_s,
        .done_tool_s = job->done_tool_s,
        .given_mean_s = job->given_mean_s,
        .given_llm_s = job->given_llm_s,
        .given_tool_s = job->given_tool_s,
        .profile = job->knowledge != LLS_NONE32 ? s->knowledge[job->knowledge].profile : NULL,
        .tenant = job->tenant->id,
        .last_engine = job->last_engine,
        .has_last_engine = job->has_last_engine,
        .waited_llm_s = job->waited_llm_s,
        .chain_llm_s = job->chain_llm_s};
    return lls_sized_out(info, &now, sizeof now, FIRST_JOB_VIEW, "llmsched_job_view", view->err);
}

uint32_t llmsched_view_job_count(const llmsched_view *view)
{
    return view->scheduler->jobs.count;
}

/* Nothing is known of what the template lacks. */
static lls_outlook outlook_of(const llmsched_scheduler *s, const lls_stage *stage)
{
    if (stage->template_stage == LLS_NONE32)
        return (lls_outlook){0};
    return s->knowledge[stage->job->knowledge].outlooks[stage->template_stage];
}

llmsched_status llmsched_view_executor(const llmsched_view *view, uint64_t id,
                                       llmsched_executor_view *info)
{
    const lls_executor *e = lls_executor_find(view->scheduler, id);
    if (e == NULL)
        return LLMSCHED_NONE;
    llmsched_executor_view now = {.size = sizeof now,
                                  .queue = e->queue,
                                  .capacity = e->capacity,
                                  .running = e->running,
                                  .id = e->id,
                                  .price = e->price};
    return lls_sized_out(info, &now, sizeof now, sizeof now, "llmsched_executor_view", view->err);
}

llmsched_status llmsched_view_executor_at(const llmsched_view *view, uint32_t queue, uint32_t i,
                                          uint64_t *executor)
{
    const lls_queue *q = queue_of(view, queue);
    if (q == NULL)
        return no_queue(view, queue);
    if (executor == NULL)
        return no_output(view);
    if (i >= q->executors.count)
        return LLMSCHED_NONE;
    *executor = view->scheduler->executors[q->executors.items[i]]->id;
    return LLMSCHED_OK;
}

llmsched_status llmsched_view_tenant(const llmsched_view *view, uint64_t id,
                                     llmsched_tenant_view *info)
{
    return lls_tenant_read(view->scheduler, id, info, view->err);
}

llmsched_status llmsched_view_stage(const llmsched_view *view, uint64_t job, uint32_t stage,
                                    llmsched_stage_view *info)
{
    const lls_stage *found = lls_stage_find(view->scheduler, job, stage);
    if (found == NULL)
        return lls_fail(view->err, LLMSCHED_ERROR_NOT_FOUND, "view: job %llu has no stage %u",
                        (unsigned long long)job, stage);
    const llmsched_scheduler *s = view->scheduler;
    const lls_outlook outlook = outlook_of(s, found);
    llmsched_stage_view now = {.size = sizeof now,
                               .kind = found->kind,
                               .name = found->name,
                               .model = found->lane != NULL ? found->lane->queue->model : NULL,
                               .queue =
                                   found->lane != NULL ? found->lane->queue->number : LLS_NONE32,
                               .template_stage = found->template_stage,
                               .tasks = found->task_count,
                               .ready = found->waiting == 0 ? found->ready : 0,
                               .running = found->running,
                               .has_prompt = found->has_prompt,
                               .prompt_tokens = found->prompt_tokens,
                               .ready_s = found->ready_s,
                               .chain_llm_s = found->chain_llm_s,
                               .served_s = lls_stage_served(s, found),
                               .mean_s = outlook.mean_s,
                               .path_s = outlook.path_s,
                               .path_stages = outlook.path_stages,
                               .child_stages = outlook.child_stages};
    return lls_sized_out(info, &now, sizeof now, FIRST_STAGE_VIEW, "llmsched_stage_view",
                         view->err);
}

llmsched_status llmsched_view_estimate(const llmsched_view *view, uint64_t id, uint32_t kind,
                                       uint32_t method, llmsched_estimate *estimate)
{
    lls_job *job = lls_job_find(view->scheduler, id);
    lls_estimate found;
    if (job == NULL)
        return no_job(view, id);
    if (kind > LLMSCHED_STAGE_REGULAR || method < LLMSCHED_BY_NETWORK ||
        method > LLMSCHED_BY_FOREST)
        return lls_fail(view->err, LLMSCHED_ERROR_INVALID, "view: kind %u or method %u is unknown",
                        kind, method);
    llmsched_status status =
        lls_job_estimate(view->scheduler, job, lls_resource(kind), method, &found, view->err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_estimate now = {
        .size = sizeof now, .mean_s = found.mean, .lo_s = found.lo, .hi_s = found.hi};
    return lls_sized_out(estimate, &now, sizeof now, sizeof now, "llmsched_estimate", view->err);
}

llmsched_status llmsched_view_gittins(const llmsched_view *view, uint64_t id, uint32_t method,
                                      double *index)
{
    lls_job *job = lls_job_find(view->scheduler, id);
    if (index == NULL)
        return no_output(view);
    if (job == NULL)
        return no_job(view, id);
    if (method < LLMSCHED_BY_NETWORK || method > LLMSCHED_BY_FOREST)
        return lls_fail(view->err, LLMSCHED_ERROR_INVALID, "view: method %u is unknown", method);
    return lls_job_gittins(view->scheduler, job, method, index, view->err);
}

llmsched_status llmsched_view_reduction(const llmsched_view *view, uint64_t job, uint32_t stage,
                                        double *reduction)
{
    lls_stage *found = lls_stage_find(view->scheduler, job, stage);
    double value = 0;
    if (reduction == NULL)
        return no_output(view);
    if (found == NULL || found->done)
        return lls_fail(view->err, LLMSCHED_ERROR_NOT_FOUND,
                        "view: job %llu has no unfinished stage %u", (unsigned long long)job,
                        stage);
    llmsched_status status = lls_stage_reduction(view->scheduler, found, &value, view->err);
    if (status == LLMSCHED_OK)
        *reduction = value;
    return status;
}
