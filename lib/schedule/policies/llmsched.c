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
#include <stdlib.h>

typedef struct candidate {
    double lo, hi, mean, arrival_s;
    uint64_t job;
    uint32_t stage;
    uint32_t ready;
} candidate;

typedef struct state {
    llmsched_context *context;
    double epsilon, r, network, locality, long_prompt;
    candidate *candidates; /* scratch of one choice */
    uint32_t capacity;
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

/* By (lo, hi, job, stage). */
static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->lo != y->lo)
        return x->lo < y->lo ? -1 : 1;
    if (x->hi != y->hi)
        return x->hi < y->hi ? -1 : 1;
    if (x->job != y->job)
        return x->job < y->job ? -1 : 1;
    return x->stage < y->stage ? -1 : x->stage > y->stage;
}

static llmsched_status describe(const state *p, const llmsched_view *view, candidate *c)
{
    llmsched_stage_view stage = {.size = sizeof stage};
    llmsched_job_view job = {.size = sizeof job};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_stage(view, c->job, c->stage, &stage);
    if (status == LLMSCHED_OK)
        status = llmsched_view_job(view, c->job, &job);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, c->job, stage.kind, method(p), &estimate);
    c->lo = estimate.lo_s;
    c->hi = estimate.hi_s;
    c->mean = estimate.mean_s;
    c->arrival_s = job.arrival_s;
    c->ready = stage.ready;
    return status;
}

/* All ready stages of the queue, sorted by range. */
static llmsched_status collect(state *p, const llmsched_view *view, uint32_t queue, uint32_t *count)
{
    uint32_t n = 0;
    uint64_t job = 0;
    uint32_t stage = 0;
    while (llmsched_view_ready(view, queue, n, &job, &stage) == LLMSCHED_OK) {
        if (!lls_grow(p->context, (void **)&p->candidates, &p->capacity, (size_t)n + 1,
                      sizeof(candidate)))
            return LLMSCHED_ERROR_MEMORY;
        p->candidates[n] = (candidate){.job = job, .stage = stage};
        llmsched_status status = describe(p, view, &p->candidates[n++]);
        if (status != LLMSCHED_OK)
            return status;
    }
    qsort(p->candidates, n, sizeof(candidate), compare);
    *count = n;
    return LLMSCHED_OK;
}

/* Inside a group: by (-R, mean, arrival, job, stage). */
static bool better(const candidate *a, double reduction_a, const candidate *b, double reduction_b)
{
    if (reduction_a != reduction_b)
        return reduction_a > reduction_b;
    if (a->mean != b->mean)
        return a->mean < b->mean;
    if (a->arrival_s != b->arrival_s)
        return a->arrival_s < b->arrival_s;
    return a->job != b->job ? a->job < b->job : a->stage < b->stage;
}

/* head(U): LLMSCHED_NONE when no stage reduces uncertainty. */
static llmsched_status most_informative(const state *p, const llmsched_view *view, uint32_t count,
                                        const candidate **ret)
{
    const candidate *best = NULL;
    double best_reduction = 0, highest = -INFINITY;
    for (uint32_t i = 0; i < count; i++) {
        const candidate *c = &p->candidates[i];
        double reduction = 0;
        if (c->lo > highest && best != NULL)
            break; /* the group is over, and it has a stage to take */
        highest = fmax(highest, c->hi);
        llmsched_status status = llmsched_view_reduction(view, c->job, c->stage, &reduction);
        if (status != LLMSCHED_OK)
            return status;
        if (reduction > 0 && (best == NULL || better(c, reduction, best, best_reduction))) {
            best = c;
            best_reduction = reduction;
        }
    }
    *ret = best;
    return best != NULL ? LLMSCHED_OK : LLMSCHED_NONE;
}

static llmsched_status explore(state *p, const llmsched_view *view, uint32_t queue,
                               llmsched_choice *choice)
{
    uint32_t count = 0;
    const candidate *best = NULL;
    llmsched_status status = collect(p, view, queue, &count);
    if (status == LLMSCHED_OK)
        status = most_informative(p, view, count, &best);
    if (status != LLMSCHED_OK)
        return status;
    choice->job = best->job;
    choice->stage = best->stage;
    choice->tasks = (uint32_t)fmax(1, ceil(p->r * best->ready));
    return LLMSCHED_OK;
}

/* Whether every ready stage of the queue could start now. Counting stages first spares most looks
 * at tasks. */
static bool all_fit(const llmsched_view *view, uint32_t queue)
{
    llmsched_queue_view info = {.size = sizeof info};
    uint64_t job = 0;
    uint32_t stage = 0;
    if (llmsched_view_queue(view, queue, &info) != LLMSCHED_OK || info.capacity < info.running)
        return false;
    uint32_t room = info.capacity - info.running;
    if (info.ready > room)
        return false;
    for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &job, &stage) == LLMSCHED_OK; i++) {
        llmsched_stage_view at = {.size = sizeof at};
        if (llmsched_view_stage(view, job, stage, &at) != LLMSCHED_OK || at.ready > room)
            return false;
        room -= at.ready;
    }
    return true;
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    state *p = user;
    if (!all_fit(view, queue) && llmsched_view_random(view) < p->epsilon) {
        llmsched_status status = explore(p, view, queue, choice);
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
    lls_free(context, p->candidates);
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
    *policy = (llmsched_policy){.size = sizeof *policy,
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
