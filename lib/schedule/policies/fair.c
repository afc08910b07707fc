/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair shares (algorithms.md section 6): per queue a job may hold
 * ceil(capacity / unfinished jobs) places. A freed place stays in its job
 * while that is below its share and has a ready stage; else jobs are looked
 * through in order of arrival. Only when every job with a ready stage has
 * its share does the earliest get more: no place idles.
 */
#include "schedule/internal.h"

typedef struct shares {
    const llmsched_scheduler *scheduler;
    const lls_queue *queue;
    const lls_lane *lane; /* what may be seen of it */
    uint32_t share;       /* places of the queue that a job may hold */
} shares;

static shares shares_of(const llmsched_view *view, uint32_t queue)
{
    const llmsched_scheduler *s = view->scheduler;
    const lls_queue *q = s->queues[queue];
    shares of = {s, q, lls_lane_seen(view, q), q->capacity};
    if (s->jobs.count > 0)
        of.share = (q->capacity + s->jobs.count - 1) / s->jobs.count;
    return of;
}

static bool under_share(const shares *of, const lls_job *job)
{
    return (of->queue->kind == LLMSCHED_STAGE_LLM ? job->running_llm : job->running_tool) <
           of->share;
}

static bool may_start(const void *user, const void *stage)
{
    return under_share(user, ((const lls_stage *)stage)->job);
}

/* The job's ready stage in the lane with the lowest number, or NULL. */
static const lls_stage *first_of(const shares *of, const lls_job *job)
{
    const lls_stage *first = NULL;
    for (const lls_stage *head = job->heads; head != NULL; head = head->next) {
        if (head->lane == of->lane && (first == NULL || head->number < first->number))
            first = head;
    }
    return first;
}

/* For the place freed longest ago whose job may keep it. */
static const lls_stage *keep(const shares *of)
{
    for (uint32_t i = 0; i < of->queue->freed_count; i++) {
        const lls_job *job = lls_job_find(of->scheduler, of->queue->freed[i]);
        const lls_stage *stage = job != NULL && under_share(of, job) ? first_of(of, job) : NULL;
        if (stage != NULL)
            return stage;
    }
    return NULL;
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    LLS_UNUSED(user);
    const shares of = shares_of(view, queue);
    const lls_stage *stage = keep(&of);
    /* A lane is in order of arrival; those passed over hold their shares of the queue's places, so
     * they are few. */
    if (stage == NULL)
        stage = lls_ranking_first(&of.lane->ready, may_start, &of);
    if (stage == NULL)
        stage = lls_ranking_at(&of.lane->ready, 0);
    choice->job = stage->job->id;
    choice->stage = stage->number;
    choice->tasks = 1; /* shares are counted place by place */
    return LLMSCHED_OK;
}

static llmsched_status create(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err)
{
    llmsched_status status = lls_policy_fcfs.create(context, NULL, policy, err);
    policy->choose = choose;
    return status == LLMSCHED_OK ? lls_policy_options("fair", options, NULL, 0, err) : status;
}

const lls_builtin lls_policy_fair = {
    .name = "fair",
    .summary = "equal shares of each queue's places, in order of arrival; no options",
    .create = create};
