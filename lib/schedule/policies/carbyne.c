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

/* What a ready stage is compared by; smaller is better from the first field on. */
typedef struct rank {
    uint32_t pooled;
    double key; /* own share: the job's arrival; pool: its remaining work */
    double arrival_s;
    uint64_t job;
    double path; /* less: a longer way ahead */
    uint32_t stage;
} rank;

static bool before(const rank *a, const rank *b)
{
    if (a->pooled != b->pooled)
        return a->pooled < b->pooled;
    if (a->key != b->key)
        return a->key < b->key;
    if (a->arrival_s != b->arrival_s)
        return a->arrival_s < b->arrival_s;
    if (a->job != b->job)
        return a->job < b->job;
    return a->path != b->path ? a->path < b->path : a->stage < b->stage;
}

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

/* Whether the job still needs what fair shares would give it. */
static bool keeps_share(const llmsched_view *view, const llmsched_queue_view *queue,
                        const llmsched_job_view *job)
{
    double jobs = fmax(1, llmsched_view_job_count(view));
    double cap = ceil(queue->capacity / jobs), rate = fmin(1, queue->capacity / jobs);
    double running = queue->kind == LLMSCHED_STAGE_LLM ? job->running_llm : job->running_tool;
    double served = job->done_llm_s + job->done_tool_s;
    return running < cap && served <= rate * (llmsched_view_now(view) - job->arrival_s);
}

static llmsched_status rank_of(const llmsched_view *view, const llmsched_queue_view *queue,
                               uint64_t job, uint32_t stage, rank *ret)
{
    llmsched_job_view info = {.size = sizeof info};
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_job(view, job, &info);
    if (status == LLMSCHED_OK)
        status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, at.kind, LLMSCHED_BY_HISTORY, &estimate);
    if (status != LLMSCHED_OK)
        return status;
    bool pooled = !keeps_share(view, queue, &info);
    *ret = (rank){.pooled = pooled,
                  .key = pooled ? estimate.mean_s : info.arrival_s,
                  .arrival_s = info.arrival_s,
                  .job = job,
                  .path = -at.path_s,
                  .stage = stage};
    return LLMSCHED_OK;
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    LLS_UNUSED(user);
    llmsched_queue_view info = {.size = sizeof info};
    rank best = {0};
    uint64_t job = 0;
    uint32_t stage = 0;
    llmsched_status status = llmsched_view_queue(view, queue, &info);
    for (uint32_t i = 0; status == LLMSCHED_OK && i < info.ready; i++) {
        rank r = {0};
        status = llmsched_view_ready(view, queue, i, &job, &stage);
        if (status == LLMSCHED_OK)
            status = rank_of(view, &info, job, stage, &r);
        if (status == LLMSCHED_OK && (i == 0 || before(&r, &best)))
            best = r;
    }
    choice->job = best.job;
    choice->stage = best.stage;
    choice->tasks = 1; /* caps are counted place by place */
    return status;
}

static llmsched_status create(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy = (llmsched_policy){.size = sizeof *policy, .key = key, .choose = choose};
    return lls_policy_options("carbyne", options, NULL, 0, err);
}

const lls_builtin lls_policy_carbyne = {
    .name = "carbyne",
    .summary = "Carbyne (OSDI 2016, reconstructed): jobs behind their fair share first, what the "
               "others give up by least historical remaining work; no options",
    .create = create};
