/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair shares (algorithms.md section 6): per queue a job may hold
 * ceil(capacity / unfinished jobs) places. A freed place stays in its job
 * while that is below its share and has a ready stage; else jobs are looked
 * through in order of arrival. Only when every job with a ready stage has
 * its share does the earliest get more: no place idles.
 */
#include "schedule/internal.h"

/* What a ready stage is compared by; smaller is better from the first field on. */
typedef struct rank {
    uint32_t over_share;
    double arrival_s;
    uint64_t job;
    uint32_t stage;
} rank;

static bool before(const rank *a, const rank *b)
{
    if (a->over_share != b->over_share)
        return a->over_share < b->over_share;
    if (a->arrival_s != b->arrival_s)
        return a->arrival_s < b->arrival_s;
    if (a->job != b->job)
        return a->job < b->job;
    return a->stage < b->stage;
}

static llmsched_status share_of(const llmsched_view *view, uint32_t queue, uint32_t *kind,
                                uint32_t *share)
{
    llmsched_queue_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_queue(view, queue, &info);
    uint32_t jobs = llmsched_view_job_count(view);
    *kind = info.kind;
    *share = jobs > 0 ? (info.capacity + jobs - 1) / jobs : info.capacity;
    return status;
}

static llmsched_status rank_of(const llmsched_view *view, uint64_t job, uint32_t stage,
                               uint32_t kind, uint32_t share, rank *ret)
{
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    uint32_t running = kind == LLMSCHED_STAGE_LLM ? info.running_llm : info.running_tool;
    *ret = (rank){running >= share, info.arrival_s, job, stage};
    return status;
}

/* The place freed longest ago whose job may keep it; LLMSCHED_NONE: none. */
static llmsched_status keep(const llmsched_view *view, uint32_t queue, uint32_t kind,
                            uint32_t share, llmsched_choice *choice)
{
    uint64_t owner = 0;
    for (uint32_t f = 0; llmsched_view_freed(view, queue, f, &owner) == LLMSCHED_OK; f++) {
        uint64_t job = 0;
        uint32_t stage = 0;
        bool found = false;
        for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &job, &stage) == LLMSCHED_OK;
             i++) {
            rank r;
            if (job != owner || (found && stage > choice->stage))
                continue;
            llmsched_status status = rank_of(view, job, stage, kind, share, &r);
            if (status != LLMSCHED_OK)
                return status;
            if (r.over_share)
                break;
            choice->job = job;
            choice->stage = stage;
            found = true;
        }
        if (found)
            return LLMSCHED_OK;
    }
    return LLMSCHED_NONE;
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    LLS_UNUSED(user);
    uint32_t kind = 0, share = 0, stage = 0;
    uint64_t job = 0;
    llmsched_status status = share_of(view, queue, &kind, &share);
    if (status != LLMSCHED_OK)
        return status;
    choice->tasks = 1; /* shares are counted place by place */
    status = keep(view, queue, kind, share, choice);
    if (status != LLMSCHED_NONE)
        return status;
    rank best = {0};
    for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &job, &stage) == LLMSCHED_OK; i++) {
        rank r;
        status = rank_of(view, job, stage, kind, share, &r);
        if (status != LLMSCHED_OK)
            return status;
        if (i == 0 || before(&r, &best))
            best = r;
    }
    choice->job = best.job;
    choice->stage = best.stage;
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
