/* SPDX-License-Identifier: Apache-2.0 */
/* Beliefs and marginals, from the cuts down. */
#include "bayes/inference.h"

#include <string.h>

static const double one = 1.0;

/* --- what the evidence changed -------------------------------------------------------------- */

/* The top of a piece without evidence. */
static bool is_top(const lls_view *v)
{
    return lls_is_cut(v) && !v->touched;
}

/* Beliefs and marginals below a dirty bucket, down to the next cuts, are of the past. */
static void unsettle(lls_posterior *p)
{
    for (uint32_t word = (uint32_t)lls_bit_words(p->count); word-- > 0;) {
        const uint64_t known = p->known[word];
        for (uint64_t rest = p->dirty[word] & ~(known | p->recalled[word]); rest != 0;) {
            const uint32_t bit = lls_highest_bit(rest), i = word * 64 + bit;
            const lls_step *s = &p->steps[i];
            const bool done = is_top(&p->views[i]) && lls_kept_recall(p, i);
            for (uint32_t k = 0; k < s->children && !done; k++) {
                const uint32_t child = p->children[s->child + k]; /* it comes later */
                p->dirty[child / 64] |= (uint64_t)!lls_is_cut(&p->views[child]) << child % 64;
            }
            rest = p->dirty[word] & ~(known | p->recalled[word]) & ((UINT64_C(1) << bit) - 1);
        }
        p->unsettled[word] = (p->unsettled[word] | p->dirty[word]) & ~(known | p->recalled[word]);
        p->believed[word] &= ~p->dirty[word];
        p->dirty[word] = p->recalled[word] = 0;
    }
}

/* Also where nothing was said since: the evidence may be a job's of a batch. */
static void refresh(llmsched_inference *inf)
{
    if (!lls_posterior_apply(inf))
        return;
    inf->posterior.epoch++;
    lls_posterior_raise(inf);
    unsettle(&inf->posterior);
}

bool lls_posterior_update(llmsched_inference *inference)
{
    lls_posterior *p = &inference->posterior;
    if (!p->usable)
        return false;
    if (p->stale)
        refresh(inference);
    p->stale = false;
    return p->doubtful == 0;
}

/* --- beliefs ------------------------------------------------------------------------------- */

/* What a bucket's joint is read from: a[column][lane] * b[column]. */
typedef struct joint {
    const double *a, *b;
    size_t lanes;
    const lls_view *view;
    const lls_view_row *rows;
    bool compact; /* a has no gaps where nodes are observed */
} joint;

static void open_joint(llmsched_inference *inf, uint32_t bucket, joint *j)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const lls_view *v = &p->views[bucket];
    const double *belief = lls_is_cut(v) ? &one : p->beliefs + s->belief;
    j->view = v;
    j->rows = p->rows + s->dim;
    j->lanes = s->states;
    j->compact = v->touched;
    if (!j->compact) {
        j->a = p->tables + s->table + v->offset;
        j->b = belief;
        return;
    }
    /* No lambda is subnormal: the quotient is finite. Where it is 0 so is the belief. */
    p->kernels->divide(belief, p->lambdas + s->belief, v->columns, p->ratio);
    j->a = p->products + s->table;
    j->b = p->ratio;
}

/* Sums what is not kept; bit d of kept: dimension d stays. */
static void project(const llmsched_inference *inf, const joint *j, uint64_t kept, double *out)
{
    const lls_kernels *kernels = inf->posterior.kernels;
    const uint32_t count = j->view->count;
    lls_axes stay, go;
    if (j->lanes <= LLS_NARROW && (count == 0 || (count == 1 && !(kept >> j->rows[0].dim & 1)))) {
        kernels->push(j->a, j->compact || count == 0 ? j->lanes : j->rows[0].table, j->b,
                      j->view->columns, j->lanes, out);
        return;
    }
    stay.count = go.count = 0;
    for (uint32_t k = 0; k < count; k++) {
        const lls_view_row *r = &j->rows[k];
        lls_axes_push(kept >> r->dim & 1 ? &stay : &go, r->extent,
                      j->compact ? r->compact * j->lanes : r->table, r->compact);
    }
    kernels->reduce(j->a, j->b, &stay, &go, j->lanes, out);
}

/*
 * From the belief of a bucket that is not cut: bit d of kept: dimension d stays. The fastest that
 * stays, if it is the fastest of all, are the lanes; b is constant.
 */
static void project_belief(const llmsched_inference *inf, uint32_t bucket, uint64_t kept,
                           double *out)
{
    const lls_posterior *p = &inf->posterior;
    const lls_view *v = &p->views[bucket];
    const lls_view_row *rows = p->rows + p->steps[bucket].dim;
    const double *belief = p->beliefs + p->steps[bucket].belief;
    lls_axes stay, go;
    const uint32_t lane = v->count - 1;
    const bool lanes = kept >> rows[lane].dim & 1;
    stay.count = go.count = 0;
    for (uint32_t k = 0; k < v->count - lanes; k++)
        lls_axes_push(kept >> rows[k].dim & 1 ? &stay : &go, rows[k].extent, rows[k].compact, 0);
    p->kernels->reduce(belief, &one, &stay, &go, lanes ? rows[lane].extent : 1, out);
}

/* The belief of a child that is not cut. j: the parent's joint; not used where it is observed. */
static void push_belief(llmsched_inference *inf, uint32_t bucket, uint32_t child, const joint *j)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *c = &p->steps[child];
    double *out = p->beliefs + c->belief;
    /* Observed: the joint is the belief, P(separator | e), as it is. */
    if (inf->observed[p->steps[bucket].node] != LLS_NONE32)
        project_belief(inf, bucket, c->kept, out);
    else if (c->source != LLS_NONE32) /* a brother's belief holds it */
        project_belief(inf, c->source, c->source_kept, out);
    else
        project(inf, j, c->kept, out);
    lls_bit_set(p->believed, child);
}

static void open_bucket(llmsched_inference *inf, uint32_t bucket, joint *j)
{
    if (inf->observed[inf->posterior.steps[bucket].node] == LLS_NONE32)
        open_joint(inf, bucket, j);
}

/*
 * P(node | e) of a node that is not observed, from the belief of the narrowest child, else from the
 * joint.
 */
static void read_marginal(llmsched_inference *inf, uint32_t bucket, const joint *j, double *out)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    double *to = p->row;
    if (s->narrow != LLS_NONE32) {
        const lls_step *c = &p->steps[s->narrow];
        if (p->views[s->narrow].count == 1) /* over this node alone */
            to = p->beliefs + c->belief;
        else
            project_belief(inf, s->narrow, UINT64_C(1) << (c->dims - 1), to);
    } else {
        project(inf, j, 0, to);
    }
    p->kernels->normalise(to, s->states, out);
}

/* The marginal of the bucket's node and the beliefs of its children, its own belief being there. */
static void settle(llmsched_inference *inf, uint32_t bucket)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const uint32_t *children = p->children + s->child, count = s->children;
    joint j;
    if (inf->observed[s->node] != LLS_NONE32) {
        for (uint32_t k = 0; k < count; k++)
            if (!lls_is_cut(&p->views[children[k]]))
                push_belief(inf, bucket, children[k], NULL);
        return;
    }
    open_joint(inf, bucket, &j);
    for (uint32_t k = 0; k < count; k++) /* no child is cut */
        push_belief(inf, bucket, children[k], &j);
    read_marginal(inf, bucket, &j, p->marginals + s->offset);
}

/* --- answers ------------------------------------------------------------------------------- */

void lls_posterior_settle(llmsched_inference *inference)
{
    lls_posterior *p = &inference->posterior;
    uint32_t tops = 0;
    for (uint32_t word = (uint32_t)lls_bit_words(p->count); word-- > 0; p->unsettled[word] = 0)
        for (uint64_t rest = p->unsettled[word]; rest != 0;) {
            const uint32_t bit = lls_highest_bit(rest), i = word * 64 + bit;
            settle(inference, i);
            if (is_top(&p->views[i]) && p->kept[i].size > 0)
                p->list[tops++] = i;
            rest ^= UINT64_C(1) << bit;
        }
    while (tops > 0)
        lls_kept_keep(p, p->list[--tops]);
}

void lls_posterior_marginals(llmsched_inference *inference, double *out)
{
    lls_posterior_settle(inference);
    memcpy(out, inference->posterior.marginals,
           inference->network->state_offset[inference->network->count] * sizeof *out);
}

bool lls_posterior_part(llmsched_inference *inference, uint32_t bucket, double *out)
{
    lls_posterior *p = &inference->posterior;
    uint32_t depth = 0;
    refresh(inference);
    if (p->doubtful != 0)
        return false;
    p->list[depth++] = bucket;
    while (depth > 0) {
        uint32_t i = p->list[--depth];
        const lls_step *s = &p->steps[i];
        if (lls_bit(p->unsettled, i))
            settle(inference, i);
        lls_bit_clear(p->unsettled, i);
        memcpy(out + s->offset, p->marginals + s->offset, s->states * sizeof *out);
        for (uint32_t k = 0; k < s->children; k++)
            p->list[depth++] = p->children[s->child + k];
    }
    return true;
}

/* The sources of a child, its brothers, must come first. */
static void push_with_sources(llmsched_inference *inf, uint32_t bucket, uint32_t child,
                              const joint *j)
{
    lls_posterior *p = &inf->posterior;
    uint32_t length = 0;
    for (uint32_t c = child; c != LLS_NONE32 && !lls_bit(p->believed, c); c = p->steps[c].source)
        p->list[p->count - ++length] = c; /* the front holds the path */
    for (; length > 0; length--)
        push_belief(inf, bucket, p->list[p->count - length], j);
}

void lls_posterior_believe(llmsched_inference *inference, uint32_t bucket)
{
    lls_posterior *p = &inference->posterior;
    uint32_t length = 0;
    joint j;
    for (uint32_t b = bucket; !lls_is_cut(&p->views[b]) && !lls_bit(p->believed, b);
         b = p->steps[b].parent)
        p->list[length++] = b;
    for (; length > 0; length--) {
        uint32_t b = p->list[length - 1], parent = p->steps[b].parent;
        open_bucket(inference, parent, &j);
        push_with_sources(inference, parent, b, &j);
    }
}

void lls_posterior_marginal(llmsched_inference *inference, uint32_t node, double *out)
{
    lls_posterior *p = &inference->posterior;
    const uint32_t bucket = inference->tree.bucket_of[node];
    const lls_step *s = &p->steps[bucket];
    joint j;
    if (!lls_bit(p->unsettled, bucket) || inference->observed[node] != LLS_NONE32) {
        memcpy(out, p->marginals + s->offset, s->states * sizeof *out);
        return;
    }
    lls_posterior_believe(inference, bucket);
    open_bucket(inference, bucket, &j);
    if (s->narrow != LLS_NONE32)
        push_with_sources(inference, bucket, s->narrow, &j);
    read_marginal(inference, bucket, &j, out);
}
