/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slow twins of built-in policies: policies of a caller's own that look through all ready stages at
 * each choice, by the public interface alone.
 */
#ifndef LLS_TEST_SLOW_H
#define LLS_TEST_SLOW_H

#include "check.h"

#include "base/internal.h"
#include "llmsched/scheduler.h"

#include <math.h>
#include <stdlib.h>

typedef struct twin {
    double epsilon, r;
    uint32_t method;
    bool apart; /* of one tenant at a time */
    bool chain; /* of programs: by the longest chain, not by all calls */
} twin;

/* The tenant of least tag among those with a ready stage in the queue. */
static inline uint64_t least_tenant(const llmsched_view *view, uint32_t queue)
{
    uint64_t job = 0, least = 0;
    double tag = INFINITY;
    uint32_t stage = 0;
    for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &job, &stage) == LLMSCHED_OK; i++) {
        llmsched_job_view info = {.size = sizeof info};
        llmsched_tenant_view t = {.size = sizeof t};
        assert_int_equal(llmsched_view_job(view, job, &info), LLMSCHED_OK);
        assert_int_equal(llmsched_view_tenant(view, info.tenant, &t), LLMSCHED_OK);
        if (t.tag_s > tag || (t.tag_s == tag && info.tenant >= least))
            continue;
        tag = t.tag_s;
        least = info.tenant;
    }
    return least;
}

static inline llmsched_status by_arrival(void *user, const llmsched_view *view, uint64_t job,
                                         uint32_t stage, double *key)
{
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    LLS_UNUSED(user);
    LLS_UNUSED(stage);
    *key = info.arrival_s;
    return status;
}

/* As at the event, not as at the first exploration after it. */
static inline llmsched_status by_remaining(void *user, const llmsched_view *view, uint64_t job,
                                           uint32_t stage, double *key)
{
    const twin *t = user;
    double reduction = 0;
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, at.kind, t->method, &estimate);
    if (status == LLMSCHED_OK)
        status = llmsched_view_reduction(view, job, stage, &reduction);
    *key = estimate.mean_s;
    return status;
}

static inline llmsched_status by_gittins(void *user, const llmsched_view *view, uint64_t job,
                                         uint32_t stage, double *key)
{
    LLS_UNUSED(user);
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_job_view info = {.size = sizeof info};
    llmsched_estimate estimate = {.size = sizeof estimate};
    double index = 0;
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_job(view, job, &info);
    if (status == LLMSCHED_OK && at.kind == LLMSCHED_STAGE_LLM)
        status = llmsched_view_gittins(view, job, LLMSCHED_BY_FOREST, &index);
    else if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, at.kind, LLMSCHED_BY_FOREST, &estimate);
    *key = index + estimate.mean_s + 0.02 * info.arrival_s;
    return status;
}

/* Autellix's keys to the letter, at any time. */
static inline llmsched_status by_level(const twin *t, const llmsched_view *view, uint64_t job,
                                       uint32_t stage, double *key)
{
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_job_view info = {.size = sizeof info};
    double level = 0, threshold = 2;
    assert_int_equal(llmsched_view_stage(view, job, stage, &at), LLMSCHED_OK);
    assert_int_equal(llmsched_view_job(view, job, &info), LLMSCHED_OK);
    double served = t->chain ? at.chain_llm_s : info.done_llm_s;
    for (; level < 6 && served >= threshold; threshold *= 2)
        level++;
    if (at.ready_s + 8 * fmax(1, info.done_llm_s) - info.waited_llm_s <= llmsched_view_now(view))
        level = 0;
    *key = 68719476736.0 * level + at.ready_s;
    return LLMSCHED_OK;
}

typedef struct candidate {
    double lo, hi, mean, arrival, reduction;
    uint64_t job;
    uint32_t stage, tasks;
} candidate;

static inline bool shorter(const candidate *x, const candidate *y)
{
    if (x->mean != y->mean)
        return x->mean < y->mean;
    if (x->arrival != y->arrival)
        return x->arrival < y->arrival;
    return x->job != y->job ? x->job < y->job : x->stage < y->stage;
}

static inline int by_range(const void *a, const void *b)
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

static inline bool more_telling(const candidate *x, const candidate *y)
{
    return x->reduction != y->reduction ? x->reduction > y->reduction : shorter(x, y);
}

enum { MOST = 4096 };

static inline uint32_t collect(const twin *t, const llmsched_view *view, uint32_t queue,
                               candidate *candidates)
{
    uint32_t n = 0;
    candidate c = {0};
    uint64_t tenant = t->apart ? least_tenant(view, queue) : 0;
    for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &c.job, &c.stage) == LLMSCHED_OK;
         i++) {
        llmsched_stage_view stage = {.size = sizeof stage};
        llmsched_job_view job = {.size = sizeof job};
        llmsched_estimate e = {.size = sizeof e};
        assert_int_equal(llmsched_view_stage(view, c.job, c.stage, &stage), LLMSCHED_OK);
        assert_int_equal(llmsched_view_job(view, c.job, &job), LLMSCHED_OK);
        assert_int_equal(llmsched_view_estimate(view, c.job, stage.kind, t->method, &e),
                         LLMSCHED_OK);
        assert_int_equal(llmsched_view_reduction(view, c.job, c.stage, &c.reduction), LLMSCHED_OK);
        if (t->apart && job.tenant != tenant)
            continue;
        c = (candidate){e.lo_s,      e.hi_s, e.mean_s, job.arrival_s,
                        c.reduction, c.job,  c.stage,  stage.ready};
        assert_true(n < MOST);
        candidates[n++] = c;
    }
    return n;
}

/* Algorithm 1 word for word: groups in order, in the first with some R > 0 the greatest. */
static inline const candidate *explore(candidate *all, uint32_t n)
{
    const candidate *best = NULL;
    double highest = -INFINITY;
    qsort(all, n, sizeof *all, by_range);
    for (uint32_t i = 0; i < n && (best == NULL || all[i].lo <= highest); i++) {
        highest = fmax(highest, all[i].hi);
        if (all[i].reduction > 0 && (best == NULL || more_telling(&all[i], best)))
            best = &all[i];
    }
    return best;
}

static inline const candidate *least_mean(const candidate *all, uint32_t n)
{
    const candidate *least = all;
    for (uint32_t i = 1; i < n; i++) {
        if (shorter(&all[i], least))
            least = &all[i];
    }
    return least;
}

static inline llmsched_status explore_or_least(void *user, const llmsched_view *view,
                                               uint32_t queue, llmsched_choice *choice)
{
    static candidate all[MOST];
    const twin *t = user;
    const candidate *best = NULL;
    uint32_t n = collect(t, view, queue, all), tasks = 0;
    llmsched_queue_view info = {.size = sizeof info};
    assert_int_equal(llmsched_view_queue(view, queue, &info), LLMSCHED_OK);
    assert_true(t->apart ? info.ready >= n : info.ready == n);
    for (uint32_t i = 0; i < n; i++)
        tasks += all[i].tasks;
    bool fits = info.capacity >= info.running && tasks <= info.capacity - info.running;
    if (!fits && t->epsilon > 0 && llmsched_view_random(view) < t->epsilon)
        best = explore(all, n);
    choice->tasks = best != NULL ? (uint32_t)fmax(1, ceil(t->r * best->tasks)) : 0;
    if (best == NULL)
        best = least_mean(all, n);
    if (t->apart)
        choice->tasks = 1;
    choice->job = best->job;
    choice->stage = best->stage;
    return LLMSCHED_OK;
}

static inline llmsched_status least_served(void *user, const llmsched_view *view, uint32_t queue,
                                           llmsched_choice *choice)
{
    static candidate all[MOST];
    const twin *t = user;
    uint32_t n = collect(t, view, queue, all);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(by_level(t, view, all[i].job, all[i].stage, &all[i].mean), LLMSCHED_OK);
    const candidate *least = least_mean(all, n);
    choice->job = least->job;
    choice->stage = least->stage;
    choice->tasks = 1;
    return LLMSCHED_OK;
}

/* What carbyne compares: one's own share before the pool. */
typedef struct claim {
    bool pooled;
    double key, path; /* more path goes first */
    candidate of;
} claim;

static inline bool claims_before(const claim *a, const claim *b)
{
    if (a->pooled != b->pooled)
        return b->pooled;
    if (a->key != b->key)
        return a->key < b->key;
    if (a->of.arrival != b->of.arrival)
        return a->of.arrival < b->of.arrival;
    if (a->of.job != b->of.job)
        return a->of.job < b->of.job;
    return a->path != b->path ? a->path > b->path : a->of.stage < b->of.stage;
}

static inline claim claim_of(const llmsched_view *view, const llmsched_queue_view *queue,
                             const candidate *c)
{
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_job_view job = {.size = sizeof job};
    assert_int_equal(llmsched_view_stage(view, c->job, c->stage, &at), LLMSCHED_OK);
    assert_int_equal(llmsched_view_job(view, c->job, &job), LLMSCHED_OK);
    double jobs = llmsched_view_job_count(view), rate = fmin(1, queue->capacity / jobs);
    uint32_t running = queue->kind == LLMSCHED_STAGE_LLM ? job.running_llm : job.running_tool;
    bool behind =
        running < ceil(queue->capacity / jobs) &&
        job.done_llm_s + job.done_tool_s <= rate * (llmsched_view_now(view) - job.arrival_s);
    return (claim){!behind, behind ? job.arrival_s : c->mean, at.path_s, *c};
}

static inline llmsched_status give_up_and_pool(void *user, const llmsched_view *view,
                                               uint32_t queue, llmsched_choice *choice)
{
    static candidate all[MOST];
    llmsched_queue_view info = {.size = sizeof info};
    claim best = {.pooled = true, .key = INFINITY};
    uint32_t n = collect(user, view, queue, all);
    assert_int_equal(llmsched_view_queue(view, queue, &info), LLMSCHED_OK);
    for (uint32_t i = 0; i < n; i++) {
        claim c = claim_of(view, &info, &all[i]);
        if (claims_before(&c, &best))
            best = c;
    }
    choice->job = best.of.job;
    choice->stage = best.of.stage;
    choice->tasks = 1;
    return LLMSCHED_OK;
}

/* Whether a may go before b under fair shares. */
static inline bool fairer(bool over_a, const candidate *a, bool over_b, const candidate *b)
{
    if (over_a != over_b)
        return over_b;
    if (a->arrival != b->arrival)
        return a->arrival < b->arrival;
    return a->job != b->job ? a->job < b->job : a->stage < b->stage;
}

static inline llmsched_status share_fairly(void *user, const llmsched_view *view, uint32_t queue,
                                           llmsched_choice *choice)
{
    const twin *t = user;
    candidate best = {0}, c = {0};
    uint64_t tenant = t->apart ? least_tenant(view, queue) : 0;
    bool best_over = false, found = false;
    uint64_t owner = 0;
    uint32_t jobs = llmsched_view_job_count(view), freed = 0;
    llmsched_queue_view info = {.size = sizeof info};
    assert_int_equal(llmsched_view_queue(view, queue, &info), LLMSCHED_OK);
    uint32_t share = (info.capacity + jobs - 1) / jobs;
    bool kept = llmsched_view_freed(view, queue, freed, &owner) == LLMSCHED_OK;
    /* First for the owners of freed places in turn, then for all. */
    for (;;) {
        for (uint32_t i = 0; llmsched_view_ready(view, queue, i, &c.job, &c.stage) == LLMSCHED_OK;
             i++) {
            llmsched_job_view job = {.size = sizeof job};
            assert_int_equal(llmsched_view_job(view, c.job, &job), LLMSCHED_OK);
            bool llm = info.kind == LLMSCHED_STAGE_LLM;
            if (t->apart && job.tenant != tenant)
                continue;
            bool over = (llm ? job.running_llm : job.running_tool) >= share;
            c.arrival = job.arrival_s;
            if ((kept && (c.job != owner || over)) ||
                (found && !fairer(over, &c, best_over, &best)))
                continue;
            best = c;
            best_over = over;
            found = true;
        }
        if (found)
            break;
        kept = kept && llmsched_view_freed(view, queue, ++freed, &owner) == LLMSCHED_OK;
    }
    choice->job = best.job;
    choice->stage = best.stage;
    choice->tasks = 1;
    return LLMSCHED_OK;
}

#endif
