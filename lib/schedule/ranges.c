/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads by their jobs' ranges of remaining work (algorithms.md section 5): in a lane in the
 * order (lo, hi, job, stage). Each subtree knows its greatest hi, by which groups end, and the
 * stage in it that goes first inside a group.
 */
#include "schedule/internal.h"

#include <math.h>

typedef struct range {
    lls_kept head;
    double lo, hi, mean, reduction;
    double greatest;    /* hi in its subtree */
    struct range *best; /* that reduces uncertainty most in its subtree; NULL: none does */
} range;

static range *range_of(const lls_leaf *leaf)
{
    return (range *)(uintptr_t)leaf;
}

static int by_ids(const lls_stage *x, const lls_stage *y)
{
    if (x->job->id != y->job->id)
        return x->job->id < y->job->id ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool before(const lls_leaf *a, const lls_leaf *b)
{
    const range *x = range_of(a), *y = range_of(b);
    if (x->lo != y->lo)
        return x->lo < y->lo;
    if (x->hi != y->hi)
        return x->hi < y->hi;
    return by_ids(x->head.stage, y->head.stage) < 0;
}

/* Inside a group: by (-R, mean, arrival, job, stage). */
static bool better(const range *x, const range *y)
{
    if (x->reduction != y->reduction)
        return x->reduction > y->reduction;
    if (x->mean != y->mean)
        return x->mean < y->mean;
    const lls_job *p = x->head.stage->job, *q = y->head.stage->job;
    if (p->arrival_s != q->arrival_s)
        return p->arrival_s < q->arrival_s;
    return by_ids(x->head.stage, y->head.stage) < 0;
}

static range *better_of(range *a, range *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    return better(a, b) ? a : b;
}

/* Only what reduces uncertainty at all is in U. */
static range *own_best(range *r)
{
    return r->reduction > 0 ? r : NULL;
}

static void sum_up(lls_leaf *leaf)
{
    range *r = range_of(leaf);
    const range *below[] = {range_of(leaf->left), range_of(leaf->right)};
    r->greatest = r->hi;
    r->best = own_best(r);
    for (uint32_t i = 0; i < LLS_COUNT(below); i++) {
        if (below[i] == NULL)
            continue;
        r->greatest = fmax(r->greatest, below[i]->greatest);
        r->best = better_of(r->best, below[i]->best);
    }
}

static llmsched_status score(llmsched_scheduler *s, lls_stage *stage, llmsched_error *err)
{
    uint32_t method =
        (s->policy.flags & LLS_POLICY_RANGES) != 0 ? LLMSCHED_BY_NETWORK : LLMSCHED_BY_HISTORY;
    range *r = (range *)stage->kept;
    lls_estimate estimate;
    double reduction = 0;
    llmsched_status status =
        lls_job_estimate(s, stage->job, lls_resource(stage->kind), method, &estimate, err);
    if (status == LLMSCHED_OK)
        status = lls_stage_reduction(s, stage, &reduction, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_keep_remove(stage);
    r->lo = estimate.lo;
    r->hi = estimate.hi;
    r->mean = estimate.mean;
    r->reduction = reduction;
    lls_keep_add(stage);
    return LLMSCHED_OK;
}

const lls_keeping lls_keeping_ranges = {
    .bytes = sizeof(range), .before = before, .sum_up = sum_up, .score = score};

/* --- head(U) --------------------------------------------------------------------------- */

/* The first in order that reduces uncertainty; its group is the first with such a stage. */
static const range *first_informative(const lls_leaf *root)
{
    for (;;) {
        if (root->left != NULL && range_of(root->left)->best != NULL)
            root = root->left;
        else if (range_of(root)->reduction > 0)
            return range_of(root);
        else
            root = root->right;
    }
}

/* Over all whose lo is at most this: the greatest hi, and the best. */
static double up_to(const lls_leaf *root, double lo, range **best)
{
    double greatest = -INFINITY;
    *best = NULL;
    while (root != NULL) {
        range *r = range_of(root), *left = range_of(root->left);
        if (r->lo > lo) {
            root = root->left;
            continue;
        }
        greatest = fmax(greatest, r->hi);
        *best = better_of(*best, own_best(r));
        if (left != NULL) {
            greatest = fmax(greatest, left->greatest);
            *best = better_of(*best, left->best);
        }
        root = root->right;
    }
    return greatest;
}

const lls_stage *lls_ranges_best(const lls_lane *lane)
{
    const lls_leaf *root = lane->kept.root;
    range *best = NULL;
    if (root == NULL || range_of(root)->best == NULL)
        return NULL;
    /* The group reaches as far as some range in it does; few steps unless ranges lie like stairs.
     */
    double reach = first_informative(root)->lo;
    for (;;) {
        double greatest = up_to(root, reach, &best);
        if (!(greatest > reach))
            return best->head.stage;
        reach = greatest;
    }
}
