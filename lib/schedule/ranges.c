/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads by their jobs' ranges of remaining work (algorithms.md section 5): one treap per lane in
 * the order (lo, hi, job, stage), its priorities from the stages' hashes. Each subtree knows its
 * greatest hi, by which groups end, and the stage in it that goes first inside a group.
 */
#include "schedule/internal.h"

#include <math.h>

static uint32_t priority(const lls_range *r)
{
    return (uint32_t)(r->stage->node.hash >> 32);
}

static int by_ids(const lls_stage *x, const lls_stage *y)
{
    if (x->job->id != y->job->id)
        return x->job->id < y->job->id ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool before(const lls_range *x, const lls_range *y)
{
    if (x->lo != y->lo)
        return x->lo < y->lo;
    if (x->hi != y->hi)
        return x->hi < y->hi;
    return by_ids(x->stage, y->stage) < 0;
}

/* Inside a group: by (-R, mean, arrival, job, stage). */
static bool better(const lls_range *x, const lls_range *y)
{
    if (x->reduction != y->reduction)
        return x->reduction > y->reduction;
    if (x->mean != y->mean)
        return x->mean < y->mean;
    const lls_job *p = x->stage->job, *q = y->stage->job;
    if (p->arrival_s != q->arrival_s)
        return p->arrival_s < q->arrival_s;
    return by_ids(x->stage, y->stage) < 0;
}

static lls_range *better_of(lls_range *a, lls_range *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    return better(a, b) ? a : b;
}

/* Only what reduces uncertainty at all is in U. */
static lls_range *own_best(lls_range *r)
{
    return r->reduction > 0 ? r : NULL;
}

static void sum_up(lls_range *r)
{
    const lls_range *below[] = {r->left, r->right};
    r->greatest = r->hi;
    r->best = own_best(r);
    for (uint32_t i = 0; i < LLS_COUNT(below); i++) {
        if (below[i] == NULL)
            continue;
        r->greatest = fmax(r->greatest, below[i]->greatest);
        r->best = better_of(r->best, below[i]->best);
    }
}

/* What goes before at, and what goes after it. */
static void split(lls_range *root, const lls_range *at, lls_range **left, lls_range **right)
{
    if (root == NULL) {
        *left = *right = NULL;
        return;
    }
    if (before(root, at)) {
        split(root->right, at, &root->right, right);
        *left = root;
    } else {
        split(root->left, at, left, &root->left);
        *right = root;
    }
    sum_up(root);
}

/* All of a go before all of b. */
static lls_range *merge(lls_range *a, lls_range *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    lls_range *root = priority(a) > priority(b) ? a : b;
    if (root == a)
        a->right = merge(a->right, b);
    else
        b->left = merge(a, b->left);
    sum_up(root);
    return root;
}

static lls_range *insert(lls_range *root, lls_range *r)
{
    if (root == NULL || priority(r) > priority(root)) {
        split(root, r, &r->left, &r->right);
        root = r;
    } else if (before(r, root)) {
        root->left = insert(root->left, r);
    } else {
        root->right = insert(root->right, r);
    }
    sum_up(root);
    return root;
}

static lls_range *erase(lls_range *root, const lls_range *r)
{
    if (root == r)
        return merge(r->left, r->right);
    if (before(r, root))
        root->left = erase(root->left, r);
    else
        root->right = erase(root->right, r);
    sum_up(root);
    return root;
}

/* --- the calls ------------------------------------------------------------------------ */

bool lls_ranges_kept(const llmsched_scheduler *s)
{
    return (s->policy.flags & (LLS_POLICY_RANGES | LLS_POLICY_HISTORY_RANGES)) != 0;
}

void lls_ranges_remove(lls_stage *stage)
{
    lls_range *r = stage->range;
    if (r == NULL || !r->listed)
        return;
    stage->lane->range_root = erase(stage->lane->range_root, r);
    r->listed = false;
}

void lls_ranges_put(lls_stage *stage, const lls_estimate *estimate, double reduction)
{
    lls_range *r = stage->range;
    lls_ranges_remove(stage);
    *r = (lls_range){.stage = stage,
                     .lo = estimate->lo,
                     .hi = estimate->hi,
                     .mean = estimate->mean,
                     .reduction = reduction,
                     .listed = true};
    stage->lane->range_root = insert(stage->lane->range_root, r);
}

void lls_ranges_replace(lls_stage *from, lls_stage *to)
{
    const lls_range *r = from->range;
    if (r == NULL || !r->listed)
        return;
    const lls_estimate estimate = {r->mean, r->lo, r->hi};
    lls_ranges_remove(from);
    lls_ranges_put(to, &estimate, r->reduction);
}

/* --- head(U) --------------------------------------------------------------------------- */

/* The first in order that reduces uncertainty; its group is the first with such a stage. */
static const lls_range *first_informative(const lls_range *root)
{
    for (;;) {
        if (root->left != NULL && root->left->best != NULL)
            root = root->left;
        else if (root->reduction > 0)
            return root;
        else
            root = root->right;
    }
}

/* Over all whose lo is at most this: the greatest hi, and the best. */
static double up_to(lls_range *root, double lo, lls_range **best)
{
    double greatest = -INFINITY;
    *best = NULL;
    while (root != NULL) {
        if (root->lo > lo) {
            root = root->left;
            continue;
        }
        greatest = fmax(greatest, root->hi);
        *best = better_of(*best, own_best(root));
        if (root->left != NULL) {
            greatest = fmax(greatest, root->left->greatest);
            *best = better_of(*best, root->left->best);
        }
        root = root->right;
    }
    return greatest;
}

const lls_stage *lls_ranges_best(const lls_lane *lane)
{
    lls_range *root = lane->range_root, *best = NULL;
    if (root == NULL || root->best == NULL)
        return NULL;
    /* The group reaches as far as some range in it does; few steps unless ranges lie like stairs.
     */
    double reach = first_informative(root)->lo;
    for (;;) {
        double greatest = up_to(root, reach, &best);
        if (!(greatest > reach))
            return best->stage;
        reach = greatest;
    }
}
