/* SPDX-License-Identifier: Apache-2.0 */
/* Events: each is checked whole before anything changes. */
#include "schedule/internal.h"

#include <math.h>
#include <stddef.h>

#define ID(x) ((unsigned long long)(x))

static llmsched_status no_job(uint64_t id, llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "job %llu is not live", ID(id));
}

static bool is_amount(double value)
{
    return isfinite(value) && value >= 0;
}

/* --- executors ----------------------------------------------------------------- */

static llmsched_status executor_info(const llmsched_event *event, llmsched_executor *info,
                                     llmsched_error *err)
{
    if (event->executor_info == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "event: executor_info is missing");
    llmsched_status status =
        lls_sized_in(info, sizeof *info, event->executor_info, offsetof(llmsched_executor, price),
                     "llmsched_executor", err);
    return status == LLMSCHED_OK ? lls_executor_check(info, err) : status;
}

static llmsched_status executor_up(llmsched_scheduler *s, const llmsched_event *event,
                                   llmsched_error *err)
{
    llmsched_executor info;
    llmsched_status status = executor_info(event, &info, err);
    if (status != LLMSCHED_OK)
        return status;
    if (lls_executor_find(s, event->executor) != NULL)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS, "executor %llu is up already",
                        ID(event->executor));
    return lls_executor_up(s, event->executor, &info, err);
}

static llmsched_status executor_changed(llmsched_scheduler *s, const llmsched_event *event,
                                        llmsched_error *err)
{
    llmsched_executor info;
    lls_executor *e = lls_executor_find(s, event->executor);
    if (e == NULL)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "executor %llu is not up",
                        ID(event->executor));
    llmsched_status status = executor_info(event, &info, err);
    return status == LLMSCHED_OK ? lls_executor_change(s, e, &info, err) : status;
}

static llmsched_status executor_down(llmsched_scheduler *s, const llmsched_event *event,
                                     llmsched_error *err)
{
    lls_executor *e = lls_executor_find(s, event->executor);
    if (e == NULL)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "executor %llu is not up",
                        ID(event->executor));
    lls_executor_down(s, e);
    return LLMSCHED_OK;
}

/* --- jobs ------------------------------------------------------------------------ */

static llmsched_status job_info(const llmsched_event *event, llmsched_job *info,
                                llmsched_error *err)
{
    if (event->job_info == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "event: job_info is missing");
    llmsched_status status = lls_sized_in(info, sizeof *info, event->job_info,
                                          offsetof(llmsched_job, tenant), "llmsched_job", err);
    if (status != LLMSCHED_OK)
        return status;
    if (!is_amount(info->given_mean_s) || !is_amount(info->given_llm_s) ||
        !is_amount(info->given_tool_s))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "job %llu: given_* must be finite and not negative", ID(event->job));
    if (!is_amount(info->arrival_s))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "job %llu: arrival_s must be finite and not negative", ID(event->job));
    if (!isfinite(info->weight) || info->weight < 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "job %llu: weight must be finite and not negative", ID(event->job));
    return LLMSCHED_OK;
}

static llmsched_status job_arrived(llmsched_scheduler *s, const llmsched_event *event,
                                   llmsched_error *err)
{
    llmsched_job info;
    llmsched_status status = job_info(event, &info, err);
    if (status != LLMSCHED_OK)
        return status;
    if (lls_job_find(s, event->job) != NULL)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS, "job %llu is live already", ID(event->job));
    double arrival = info.arrival_s > 0 ? info.arrival_s : event->time_s;
    return lls_job_add(s, event->job, arrival, &info, err);
}

static llmsched_status job_changed(llmsched_scheduler *s, const llmsched_event *event,
                                   llmsched_error *err)
{
    llmsched_job info;
    lls_job *job = lls_job_find(s, event->job);
    if (job == NULL)
        return no_job(event->job, err);
    llmsched_status status = job_info(event, &info, err);
    if (status != LLMSCHED_OK)
        return status;
    job->given_mean_s = info.given_mean_s;
    job->given_llm_s = info.given_llm_s;
    job->given_tool_s = info.given_tool_s;
    lls_job_touch(s, job);
    return LLMSCHED_OK;
}

static uint32_t an_open_stage(const lls_job *job)
{
    const lls_stage *stage = job->stages;
    while (stage->done)
        stage = stage->next_of_job;
    return stage->number;
}

static llmsched_status job_finished(llmsched_scheduler *s, const llmsched_event *event,
                                    llmsched_error *err)
{
    lls_job *job = lls_job_find(s, event->job);
    if (job == NULL)
        return no_job(event->job, err);
    if (job->open_count > 0)
        return lls_fail(err, LLMSCHED_ERROR_STATE,
                        "job %llu: stage %u is unfinished; cancel the job instead", ID(event->job),
                        an_open_stage(job));
    lls_job_remove(s, job);
    return LLMSCHED_OK;
}

static llmsched_status job_cancelled(llmsched_scheduler *s, const llmsched_event *event,
                                     llmsched_error *err)
{
    lls_job *job = lls_job_find(s, event->job);
    if (job == NULL)
        return no_job(event->job, err);
    lls_job_remove(s, job);
    return LLMSCHED_OK;
}

/* --- stages ------------------------------------------------------------------------ */

static llmsched_status check_stage(const llmsched_scheduler *s, const lls_job *job,
                                   const llmsched_event *event, const llmsched_revealed_stage *info,
                                   llmsched_error *err)
{
    uint32_t limit = s->context->max_stages;
    if (info->kind < LLMSCHED_STAGE_LLM || info->kind > LLMSCHED_STAGE_DYNAMIC)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "stage %u: kind must be LLMSCHED_STAGE_*",
                        event->stage);
    if (info->name == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "stage %u: name is missing", event->stage);
    if (info->model != NULL && info->kind == LLMSCHED_STAGE_DYNAMIC)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage %u: a dynamic stage has no model: it does not run", event->stage);
    if (!is_amount(info->prompt_tokens))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage %u: prompt_tokens must be finite and not negative", event->stage);
    if (info->tasks > (1u << 20))
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "stage %u: more than 2^20 tasks", event->stage);
    if (info->parent_count > limit || (info->parent_count > 0 && info->parents == NULL))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage %u: parents must be given, at most %u of them", event->stage, limit);
    for (uint32_t i = 0; i < info->parent_count; i++) {
        if (lls_job_stage(s, job, info->parents[i]) == NULL)
            return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                            "stage %u: its parent %u has not been revealed", event->stage,
                            info->parents[i]);
    }
    return LLMSCHED_OK;
}

static llmsched_status stage_revealed(llmsched_scheduler *s, const llmsched_event *event,
                                      llmsched_error *err)
{
    llmsched_revealed_stage info;
    lls_job *job = lls_job_find(s, event->job);
    if (job == NULL)
        return no_job(event->job, err);
    if (event->stage_info == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "event: stage_info is missing");
    llmsched_status status = lls_sized_in(&info, sizeof info, event->stage_info, sizeof info,
                                          "llmsched_revealed_stage", err);
    if (status == LLMSCHED_OK)
        status = check_stage(s, job, event, &info, err);
    if (status != LLMSCHED_OK)
        return status;
    if (lls_job_stage(s, job, event->stage) != NULL)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS, "job %llu: stage %u is revealed already",
                        ID(event->job), event->stage);
    if (job->stage_count >= s->context->max_stages)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "job %llu: more than %u stages: raise the context's max_stages",
                        ID(event->job), s->context->max_stages);
    return lls_stage_add(s, job, event->stage, &info, err);
}

/* --- tasks -------------------------------------------------------------------------- */

static llmsched_status running_task(const llmsched_scheduler *s, const llmsched_event *event,
                                    lls_task **task, llmsched_error *err)
{
    lls_stage *stage = lls_stage_find(s, event->job, event->stage);
    if (stage == NULL || event->task >= stage->task_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "job %llu has no stage %u with a task %u",
                        ID(event->job), event->stage, event->task);
    if (stage->tasks[event->task].state != LLS_TASK_RUNNING)
        return lls_fail(err, LLMSCHED_ERROR_STATE, "job %llu, stage %u: task %u is not running",
                        ID(event->job), event->stage, event->task);
    *task = &stage->tasks[event->task];
    return LLMSCHED_OK;
}

static void free_place(llmsched_scheduler *s, lls_task *task, double alone_s)
{
    lls_stage *stage = task->stage;
    lls_executor_detach(s, task, alone_s);
    lls_queue_note_freed(stage->lane->queue, stage->job->id);
    lls_job_touch(s, stage->job);
}

/* What a finished task adds to its queue's and its job's records. */
static void note_work(const lls_stage *stage, double alone_s)
{
    lls_queue *queue = stage->lane->queue;
    lls_job *job = stage->job;
    queue->ended_tasks++;
    queue->ended_s += alone_s;
    if (stage->kind == LLMSCHED_STAGE_LLM) {
        job->done_llm_s += alone_s;
        job->chain_llm_s = fmax(job->chain_llm_s, stage->chain_llm_s + alone_s);
    } else {
        job->done_tool_s += alone_s;
    }
}

static llmsched_status task_finished(llmsched_scheduler *s, const llmsched_event *event,
                                     llmsched_error *err)
{
    lls_task *task = NULL;
    llmsched_status status = running_task(s, event, &task, err);
    if (status != LLMSCHED_OK)
        return status;
    bool given = (event->flags & LLMSCHED_EVENT_HAS_ALONE) != 0;
    if (given && !is_amount(event->alone_s))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "alone_s must be finite and not negative");
    bool told = (event->flags & LLMSCHED_EVENT_HAS_OUTPUT) != 0;
    if (told && !is_amount(event->output_tokens))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "output_tokens must be finite and not negative");
    lls_stage *stage = task->stage;
    double alone = given ? event->alone_s : lls_task_served(s, task);
    free_place(s, task, alone);
    note_work(stage, alone);
    task->state = LLS_TASK_FINISHED;
    task->executor = LLS_NONE32;
    stage->finished++;
    while (stage->first_open < stage->started_end &&
           stage->tasks[stage->first_open].state == LLS_TASK_FINISHED)
        stage->first_open++;
    stage->work_s += alone;
    stage->output_tokens += told ? event->output_tokens : 0;
    stage->untold_outputs += !told;
    lls_stage_settle(s, stage);
    return LLMSCHED_OK;
}

static llmsched_status task_failed(llmsched_scheduler *s, const llmsched_event *event,
                                   llmsched_error *err)
{
    lls_task *task = NULL;
    llmsched_status status = running_task(s, event, &task, err);
    if (status != LLMSCHED_OK)
        return status;
    free_place(s, task, lls_task_served(s, task));
    lls_task_return(s, task);
    return LLMSCHED_OK;
}

/* --- the call -------------------------------------------------------------------------- */

typedef llmsched_status (*handler)(llmsched_scheduler *s, const llmsched_event *event,
                                   llmsched_error *err);

static const handler handlers[] = {
    [LLMSCHED_EVENT_EXECUTOR_UP] = executor_up,
    [LLMSCHED_EVENT_EXECUTOR_DOWN] = executor_down,
    [LLMSCHED_EVENT_EXECUTOR_CHANGED] = executor_changed,
    [LLMSCHED_EVENT_JOB_ARRIVED] = job_arrived,
    [LLMSCHED_EVENT_JOB_CHANGED] = job_changed,
    [LLMSCHED_EVENT_JOB_FINISHED] = job_finished,
    [LLMSCHED_EVENT_JOB_CANCELLED] = job_cancelled,
    [LLMSCHED_EVENT_STAGE_REVEALED] = stage_revealed,
    [LLMSCHED_EVENT_TASK_FINISHED] = task_finished,
    [LLMSCHED_EVENT_TASK_FAILED] = task_failed,
};

/* Whatever happened, policies are asked anew. */
static void drop_choices(llmsched_scheduler *s)
{
    for (uint32_t i = 0; i < s->queue_count; i++) {
        s->queues[i]->chosen_tasks = 0;
        s->queues[i]->held = false;
    }
}

llmsched_status llmsched_scheduler_post(llmsched_scheduler *s, const llmsched_event *given,
                                        llmsched_error *err)
{
    llmsched_event event;
    if (s == NULL || given == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "scheduler and event must not be NULL");
    llmsched_status status =
        lls_sized_in(&event, sizeof event, given, sizeof(llmsched_event), "llmsched_event", err);
    if (status != LLMSCHED_OK)
        return status;
    if (event.type == 0 || event.type >= LLS_COUNT(handlers))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "event: type %u is unknown", event.type);
    if (!isfinite(event.time_s))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "event: time_s must be finite");
    if (event.time_s < s->now)
        return lls_fail(err, LLMSCHED_ERROR_STATE, "event: time_s %.9g is before the last, %.9g",
                        event.time_s, s->now);
    double before = s->now;
    s->now = event.time_s;
    status = handlers[event.type](s, &event, err);
    if (status != LLMSCHED_OK) {
        s->now = before;
        return status;
    }
    s->events++;
    drop_choices(s);
    return LLMSCHED_OK;
}
