/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads by their jobs' ranges of remaining work (algorithms.md section 5): one treap per queue in
 * the order (lo, hi, job, stage), its priorities hashes of the slots. Each subtree knows its
 * greatest hi, by which groups end, and the stage in it that goes first inside a group.
 */
#include "schedule/internal.h"

#include <math.h>

static uint32_t priority(uint32_t slot)
{
    uint64_t state = slot;
    return (uint32_t)(lls_splitmix64(&state) >> 32);
}

static int by_ids(const lls_stage *x, const lls_stage *y)
{
    if (x->job->id != y->job->id)
        return x->job->id < y->job->id ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool before(const llmsched_scheduler *s, uint32_t a, uint32_t b)
{
    const lls_range *x = &s->ranges[a], *y = &s->ranges[b];
    if (x->lo != y->lo)
        return x->lo < y->lo;
    if (x->hi != y->hi)
        return x->hi < y->hi;
    return by_ids(s->stages[a], s->stages[b]) < 0;
}

/* Inside a group: by (-R, mean, arrival, job, stage). */
static bool better(const llmsched_scheduler *s, uint32_t a, uint32_t b)
{
    const lls_range *x = &s->ranges[a], *y = &s->ranges[b];
    if (x->reduction != y->reduction)
        return x->reduction > y->reduction;
    if (x->mean != y->mean)
        return x->mean < y->mean;
    const lls_job *p = s->stages[a]->job, *q = s->stages[b]->job;
    if (p->arrival_s != q->arrival_s)
        return p->arrival_s < q->arrival_s;
    return by_ids(s->stages[a], s->stages[b]) < 0;
}

static uint32_t better_of(const llmsched_scheduler *s, uint32_t a, uint32_t b)
{
    if (a == LLS_NONE32 || b == LLS_NONE32)
        return a != LLS_NONE32 ? a : b;
    return better(s, a, b) ? a : b;
}

/* Only what reduces uncertainty at all is in U. */
static uint32_t own_best(const llmsched_scheduler *s, uint32_t slot)
{
    return s->ranges[slot].reduction > 0 ? slot : LLS_NONE32;
}

static void sum_up(llmsched_scheduler *s, uint32_t slot)
{
    lls_range *r = &s->ranges[slot];
    const uint32_t below[] = {r->left, r->right};
    r->greatest = r->hi;
    r->best = own_best(s, slot);
    for (uint32_t i = 0; i < LLS_COUNT(below); i++) {
        if (below[i] == LLS_NONE32)
            continue;
        r->greatest = fmax(r->greatest, s->ranges[below[i]].greatest);
        r->best = better_of(s, r->best, s->ranges[below[i]].best);
    }
}

/* What goes before at, and what goes after it. */
static void split(llmsched_scheduler *s, uint32_t root, uint32_t at, uint32_t *left,
                  uint32_t *right)
{
    if (root == LLS_NONE32) {
        *left = *right = LLS_NONE32;
        return;
    }
    lls_range *r = &s->ranges[root];
    if (before(s, root, at)) {
        split(s, r->right, at, &r->right, right);
        *left = root;
    } else {
        split(s, r->left, at, left, &r->left);
        *right = root;
    }
    sum_up(s, root);
}

/* All of a go before all of b. */
static uint32_t merge(llmsched_scheduler *s, uint32_t a, uint32_t b)
{
    if (a == LLS_NONE32 || b == LLS_NONE32)
        return a != LLS_NONE32 ? a : b;
    uint32_t root = priority(a) > priority(b) ? a : b;
    if (root == a)
        s->ranges[a].right = merge(s, s->ranges[a].right, b);
    else
        s->ranges[b].left = merge(s, a, s->ranges[b].left);
    sum_up(s, root);
    return root;
}

static uint32_t insert(llmsched_scheduler *s, uint32_t root, uint32_t slot)
{
    lls_range *r = &s->ranges[slot];
    if (root == LLS_NONE32 || priority(slot) > priority(root)) {
        split(s, root, slot, &r->left, &r->right);
        root = slot;
    } else if (before(s, slot, root)) {
        s->ranges[root].left = insert(s, s->ranges[root].left, slot);
    } else {
        s->ranges[root].right = insert(s, s->ranges[root].right, slot);
    }
    sum_up(s, root);
    return root;
}

static uint32_t erase(llmsched_scheduler *s, uint32_t root, uint32_t slot)
{
    lls_range *r = &s->ranges[root];
    if (root == slot)
        return merge(s, r->left, r->right);
    if (before(s, slot, root))
        r->left = erase(s, r->left, slot);
    else
        r->right = erase(s, r->right, slot);
    sum_up(s, root);
    return root;
}

/* --- the calls ------------------------------------------------------------------------ */

static bool is_kept(const llmsched_scheduler *s)
{
    return (s->policy.flags & (LLS_POLICY_RANGES | LLS_POLICY_HISTORY_RANGES)) != 0;
}

bool lls_ranges_reserve(llmsched_scheduler *s, uint32_t slots)
{
    uint32_t known = s->range_capacity;
    if (!is_kept(s))
        return true;
    void *grown = s->ranges;
    bool ok = lls_grow(s->context, &grown, &s->range_capacity, slots, sizeof *s->ranges);
    s->ranges = grown;
    for (uint32_t i = known; i < s->range_capacity; i++)
        s->ranges[i].listed = false;
    return ok;
}

void lls_ranges_remove(llmsched_scheduler *s, const lls_stage *stage)
{
    lls_queue *queue = s->queues[stage->queue];
    if (!is_kept(s) || !s->ranges[stage->slot].listed)
        return;
    queue->range_root = erase(s, queue->range_root, stage->slot);
    s->ranges[stage->slot].listed = false;
}

void lls_ranges_put(llmsched_scheduler *s, const lls_stage *stage, const lls_estimate *estimate,
                    double reduction)
{
    lls_queue *queue = s->queues[stage->queue];
    lls_ranges_remove(s, stage);
    s->ranges[stage->slot] = (lls_range){.lo = estimate->lo,
                                         .hi = estimate->hi,
                                         .mean = estimate->mean,
                                         .reduction = reduction,
                                         .left = LLS_NONE32,
                                         .right = LLS_NONE32,
                                         .listed = true};
    queue->range_root = insert(s, queue->range_root, stage->slot);
}

void lls_ranges_replace(llmsched_scheduler *s, const lls_stage *from, const lls_stage *to)
{
    if (!is_kept(s) || !s->ranges[from->slot].listed)
        return;
    const lls_range r = s->ranges[from->slot];
    const lls_estimate estimate = {r.mean, r.lo, r.hi};
    lls_ranges_remove(s, from);
    lls_ranges_put(s, to, &estimate, r.reduction);
}

/* --- head(U) --------------------------------------------------------------------------- */

/* The first in order that reduces uncertainty; its group is the first with such a stage. */
static uint32_t first_informative(const llmsched_scheduler *s, uint32_t root)
{
    for (;;) {
        const lls_range *r = &s->ranges[root];
        if (r->left != LLS_NONE32 && s->ranges[r->left].best != LLS_NONE32)
            root = r->left;
        else if (r->reduction > 0)
            return root;
        else
            root = r->right;
    }
}

/* Over all whose lo is at most this: the greatest hi, and the best. */
static double up_to(const llmsched_scheduler *s, uint32_t root, double lo, uint32_t *best)
{
    double greatest = -INFINITY;
    *best = LLS_NONE32;
    while (root != LLS_NONE32) {
        const lls_range *r = &s->ranges[root];
        if (r->lo > lo) {
            root = r->left;
            continue;
        }
        greatest = fmax(greatest, r->hi);
        *best = better_of(s, *best, own_best(s, root));
        if (r->left != LLS_NONE32) {
            greatest = fmax(greatest, s->ranges[r->left].greatest);
            *best = better_of(s, *best, s->ranges[r->left].best);
        }
        root = r->right;
    }
    return greatest;
}

/* The same for all of these, in no order: their first that reduces uncertainty. */
static uint32_t first_of(const llmsched_view *view)
{
    const llmsched_scheduler *s = view->scheduler;
    uint32_t first = LLS_NONE32;
    for (uint32_t i = 0; i < view->only_count; i++) {
        uint32_t slot = view->only[i];
        if (own_best(s, slot) != LLS_NONE32 && (first == LLS_NONE32 || before(s, slot, first)))
            first = slot;
    }
    return first;
}

static double up_to_of(const llmsched_view *view, double lo, uint32_t *best)
{
    const llmsched_scheduler *s = view->scheduler;
    double greatest = -INFINITY;
    *best = LLS_NONE32;
    for (uint32_t i = 0; i < view->only_count; i++) {
        uint32_t slot = view->only[i];
        if (s->ranges[slot].lo > lo)
            continue;
        greatest = fmax(greatest, s->ranges[slot].hi);
        *best = better_of(s, *best, own_best(s, slot));
    }
    return greatest;
}

const lls_stage *lls_ranges_best(const llmsched_view *view, const lls_queue *queue)
{
    const llmsched_scheduler *s = view->scheduler;
    uint32_t root = queue->range_root, best = LLS_NONE32;
    if (root == LLS_NONE32 || s->ranges[root].best == LLS_NONE32)
        return NULL;
    uint32_t first = view->only != NULL ? first_of(view) : first_informative(s, root);
    if (first == LLS_NONE32)
        return NULL;
    /* The group reaches as far as some range in it does; few steps unless ranges lie like stairs.
     */
    double reach = s->ranges[first].lo;
    for (;;) {
        double greatest =
            view->only != NULL ? up_to_of(view, reach, &best) : up_to(s, root, reach, &best);
        if (!(greatest > reach))
            return s->stages[best];
        reach = greatest;
    }
}
