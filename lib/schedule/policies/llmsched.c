/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LLMSched's uncertainty-aware scheduler (paper, Algorithm 1, reconstructed;
 * algorithms.md section 5).
 *
 * T orders ready stages by the job's expected remaining work. With
 * probability epsilon a stage is taken from U instead: jobs are put into
 * groups whose ranges [lo, hi] of remaining work do not overlap, and in the
 * first group with such a stage the one goes first that reduces uncertainty
 * most; of its ready tasks the share r is started.
 *
 * Departures: work is counted per resource, LLM work for engines and tool
 * work for regular executors; only jobs with a stage in the queue are grouped; when all that
 * is ready fits, nothing is weighed, because the order does not matter.
 */
#include "schedule/internal.h"

#include <math.h>

typedef struct state {
    llmsched_context *context;
    double epsilon, r, network, locality, long_prompt;
} state;

static uint32_t method(const state *p)
{
    return p->network != 0 ? LLMSCHED_BY_NETWORK : LLMSCHED_BY_HISTORY;
}

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    llmsched_stage_view info = {.size = sizeof info};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_stage(view, job, stage, &info);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, info.kind, method(user), &estimate);
    if (status == LLMSCHED_OK)
        *ret = estimate.mean_s;
    return status;
}

/* LLMSCHED_NONE when U is empty. */
static llmsched_status explore(const state *p, const lls_lane *lane, llmsched_choice *choice)
{
    const lls_stage *best = lls_ranges_best(lane);
    if (best == NULL)
        return LLMSCHED_NONE;
    choice->job = best->job->id;
    choice->stage = best->number;
    choice->tasks = (uint32_t)fmax(1, ceil(p->r * best->ready));
    return LLMSCHED_OK;
}

/* Whether every ready task of the lane could start now. */
static bool all_fit(const lls_lane *lane)
{
    const lls_queue *queue = lane->queue;
    return queue->running <= queue->capacity &&
           lane->ready_tasks <= queue->capacity - queue->running;
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    const state *p = user;
    const lls_lane *lane = lls_lane_seen(view, view->scheduler->queues[queue]);
    if (!all_fit(lane) && llmsched_view_random(view) < p->epsilon) {
        llmsched_status status = explore(p, lane, choice);
        if (status != LLMSCHED_NONE)
            return status;
    }
    choice->tasks = 0;
    return llmsched_view_head(view, queue, &choice->job, &choice->stage);
}

static llmsched_status place(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                             uint64_t *executor)
{
    const state *p = user;
    return lls_place_long(view, job, stage, p->long_prompt, executor);
}

static void release(void *user)
{
    state *p = user;
    llmsched_context *context = p->context;
    lls_free(context, p);
    lls_context_release(context);
}

static llmsched_status create(llmsched_context *context, const char *text, llmsched_policy *policy,
                              llmsched_error *err)
{
    state read = {.epsilon = 0.1, .r = 0.3, .network = 1, .long_prompt = 2048};
    const lls_policy_option options[] = {{"epsilon", 0, 1, &read.epsilon, NULL},
                                         {"r", 0, 1, &read.r, NULL},
                                         {"network", 0, 1, &read.network, NULL},
                                         {"locality", 0, 1, &read.locality, NULL},
                                         {"long", 0, 1e12, &read.long_prompt, NULL}};
    llmsched_status status = lls_policy_options("llmsched", text, options, LLS_COUNT(options), err);
    if (status != LLMSCHED_OK)
        return status;
    state *p = lls_calloc(context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    *p = read;
    p->context = lls_context_retain(context);
    uint32_t ranges = p->network != 0 ? LLS_POLICY_RANGES : LLS_POLICY_HISTORY_RANGES;
    *policy = (llmsched_policy){.size = sizeof *policy,
                                .flags = LLS_POLICY_ALIKE | (p->epsilon > 0 ? ranges : 0),
                                .user = p,
                                .key = key,
                                .choose = p->epsilon > 0 ? choose : NULL,
                                .release = release,
                                .place = p->locality != 0 ? place : NULL};
    return LLMSCHED_OK;
}

const lls_builtin lls_policy_llmsched = {
    .name = "llmsched",
    .summary =
        "LLMSched (ICDCS 2025): least expected remaining work, with probability epsilon the stage "
        "that "
        "reduces uncertainty most; epsilon=0.1, r=0.3 (share of its tasks), network=on (off: "
        "historical means), locality=off (on: prompts above long=2048 tokens prefer the engine "
        "that the "
        "job used last)",
    .create = create};
