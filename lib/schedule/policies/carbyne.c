/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carbyne (Grandl et al., OSDI 2016, reconstructed; algorithms.md section 6):
 * jobs give up what they do not need yet. Under fair shares a job would have
 * been served at most min(1, capacity / live jobs) seconds a second along its
 * critical path. One that has been served less, and holds fewer places than its
 * cap, keeps its share and starts the stage with the longest way ahead. The
 * others are ahead of their share: their places are pooled, and the pool goes
 * to the least remaining work by history.
 */
#include "schedule/internal.h"

#include <math.h>

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    LLS_UNUSED(user);
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, at.kind, LLMSCHED_BY_HISTORY, &estimate);
    if (status == LLMSCHED_OK)
        *ret = estimate.mean_s;
    return status;
}

/* Who still needs what fair shares would give it. */
static lls_share_terms terms_of(const llmsched_view *view, const lls_queue *queue)
{
    double jobs = fmax(1, view->scheduler->jobs.count);
    return (lls_share_terms){.cap = ceil(queue->capacity / jobs),
                             .rate = fmin(1, queue->capacity / jobs),
                             .now = view->scheduler->now};
}

static double path_of(const llmsched_scheduler *s, const lls_stage *stage)
{
    return stage->template_stage != LLS_NONE32
               ? s->knowledge[stage->job->knowledge].outlooks[stage->template_stage].path_s
               : 0;
}

/* Of the job's stages in the lane the one with the longest way ahead. */
static const lls_stage *longest_way(const llmsched_scheduler *s, const lls_lane *lane,
                                    const lls_job *job)
{
    const lls_stage *best = NULL;
    for (const lls_stage *head = job->heads; head != NULL; head = head->next) {
        if (head->lane != lane)
            continue;
        double path = path_of(s, head), longest = best != NULL ? path_of(s, best) : -1;
        if (path > longest || (path == longest && head->number < best->number))
            best = head;
    }
    return best;
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    LLS_UNUSED(user);
    const llmsched_scheduler *s = view->scheduler;
    const lls_lane *lane = lls_lane_seen(view, s->queues[queue]);
    const lls_share_terms terms = terms_of(view, lane->queue);
    const lls_stage *stage = lls_shares_first(lane, &terms);
    if (stage == NULL)
        stage = lls_ranking_at(&lane->ready, 0);
    stage = longest_way(s, lane, stage->job);
    choice->job = stage->job->id;
    choice->stage = stage->number;
    choice->tasks = 1; /* caps are counted place by place */
    return LLMSCHED_OK;
}

static llmsched_status create(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy = (llmsched_policy){.size = sizeof *policy,
                                .flags = LLS_POLICY_ALIKE | LLS_POLICY_SHARES,
                                .key = key,
                                .choose = choose};
    return lls_policy_options("carbyne", options, NULL, 0, err);
}

const lls_builtin lls_policy_carbyne = {
    .name = "carbyne",
    .summary = "Carbyne (OSDI 2016, reconstructed): jobs behind their fair share first, what the "
               "others give up by least historical remaining work; no options",
    .create = create};
