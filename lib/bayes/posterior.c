/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Lambdas that are all below this are scaled; so many of them may be multiplied unseen. */
#define SMALL 0x1p-120
enum { SAFE_LAMBDAS = 3 };

static const double one = 1.0;

/* A bucket's separator under the evidence: what is not observed of it. */
typedef struct slice {
    uint32_t count;
    uint32_t dim[LLS_MAX_DIMENSIONS];   /* which of the step's dimensions */
    size_t extent[LLS_MAX_DIMENSIONS];  /* states */
    size_t table[LLS_MAX_DIMENSIONS];   /* steps in its table */
    size_t compact[LLS_MAX_DIMENSIONS]; /* steps in its belief and lambda */
    size_t columns;                     /* joint states */
    size_t offset;                      /* of the observed states in the table */
} slice;

static void cut(const llmsched_inference *inf, const lls_step *s, slice *x)
{
    const uint32_t *nodes = inf->posterior.dim_nodes + s->dim;
    const size_t *strides = inf->posterior.dim_strides + s->dim;
    x->count = 0;
    x->offset = 0;
    for (uint32_t d = 0; d < s->dims; d++) {
        uint32_t state = inf->observed[nodes[d]], k = x->count;
        if (state != LLS_NONE32) {
            x->offset += state * strides[d];
            continue;
        }
        x->dim[k] = d;
        x->extent[k] = lls_states(inf->network, nodes[d]);
        x->table[k] = strides[d];
        x->count++;
    }
    x->columns = 1;
    for (uint32_t k = x->count; k-- > 0; x->columns *= x->extent[k])
        x->compact[k] = x->columns;
}

/* --- up: lambdas -------------------------------------------------------------------------- */

/* Scales by a power of two where all are small; subnormals are 0, as in factor.c. */
static int tame(double *values, size_t n)
{
    double largest = 0.0;
    int exponent = 0;
    for (size_t i = 0; i < n; i++)
        largest = values[i] > largest ? values[i] : largest;
    if (largest < SMALL && largest > 0.0) {
        (void)frexp(largest, &exponent);
        for (size_t i = 0; i < n; i++)
            values[i] = ldexp(values[i], -exponent);
    }
    for (size_t i = 0; i < n; i++)
        values[i] = values[i] >= DBL_MIN ? values[i] : 0.0;
    return exponent;
}

/* How the columns of x read the table a, and lambda of the child c; lanes: those of the node. */
static void lambda_axes(const slice *x, const lls_step *c, bool compact, size_t lanes,
                        lls_axes *axes)
{
    size_t steps[LLS_MAX_DIMENSIONS], step = lanes;
    for (uint32_t k = x->count; k-- > 0;) {
        bool kept = c->kept >> x->dim[k] & 1;
        steps[k] = kept ? step : 0;
        if (kept)
            step *= x->extent[k];
    }
    axes->count = 0;
    for (uint32_t k = 0; k < x->count; k++)
        lls_axes_push(axes, x->extent[k], compact ? x->compact[k] * lanes : x->table[k], steps[k]);
}

/* The table times the lambdas of touched children, and the node's likelihood, into the product. */
static int multiply_all(llmsched_inference *inf, const lls_step *s, const slice *x, size_t lanes,
                        const double *from, double *product)
{
    lls_posterior *p = &inf->posterior;
    const size_t size = x->columns * lanes;
    const double *to = from;
    int exponent = 0;
    uint32_t factors = 0;
    lls_axes axes;
    for (uint32_t k = 0; k < s->children; k++) {
        uint32_t child = p->children[s->child + k];
        const lls_step *c = &p->steps[child];
        if (!p->touched[child])
            continue;
        lambda_axes(x, c, factors > 0, lanes, &axes);
        p->kernels->multiply(to, p->lambdas + c->belief, &axes, lanes, product);
        to = product;
        if (++factors > SAFE_LAMBDAS)
            exponent += tame(product, size);
    }
    if (factors > 0 && !inf->soft[s->node])
        return exponent;
    axes.count = 0;
    for (uint32_t k = 0; k < x->count; k++)
        lls_axes_push(&axes, x->extent[k], factors > 0 ? x->compact[k] * lanes : x->table[k], 0);
    if (inf->soft[s->node]) {
        p->kernels->multiply(to, inf->likelihoods + s->offset, &axes, lanes, product);
    } else {
        lls_axes none = {.count = 0};
        p->kernels->reduce(to, &one, &axes, &none, lanes, product);
    }
    return exponent;
}

/* Everything of the bucket is observed: lambda is one number. */
static void raise_number(llmsched_inference *inf, uint32_t bucket, double value)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    int exponent = 0;
    for (uint32_t k = 0; k < s->children; k++) {
        uint32_t child = p->children[s->child + k];
        if (!p->touched[child])
            continue;
        value *= p->lambdas[p->steps[child].belief];
        if (value < SMALL)
            exponent += tame(&value, 1);
    }
    p->lambdas[s->belief] = value;
    p->exponents[bucket] = exponent;
}

/* In four parts, as lls_row_sum(); rows are short. */
static inline double sum_states(const double *row, size_t n)
{
    double p = 0.0, q = 0.0, r = 0.0, s = 0.0;
    for (; n >= 4; n -= 4, row += 4) {
        p += row[0];
        q += row[1];
        r += row[2];
        s += row[3];
    }
    for (; n > 0; n--, row++)
        p += row[0];
    return (p + q) + (r + s);
}

static void raise(llmsched_inference *inf, uint32_t bucket)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    uint32_t state = inf->observed[s->node];
    slice x;
    cut(inf, s, &x);
    const double *table = p->tables + s->table + x.offset;
    double *lambda = p->lambdas + s->belief;
    if (state != LLS_NONE32 && x.columns == 1) {
        raise_number(inf, bucket, table[state]);
        return;
    }
    if (state != LLS_NONE32) {
        p->exponents[bucket] = multiply_all(inf, s, &x, 1, table + state, lambda);
    } else {
        double *product = p->products + s->table;
        p->exponents[bucket] = multiply_all(inf, s, &x, s->states, table, product);
        for (size_t i = 0; i < x.columns; i++)
            lambda[i] = sum_states(product + i * s->states, s->states);
    }
    int exponent = tame(lambda, x.columns);
    p->exponents[bucket] += exponent;
    if (exponent != 0 && state == LLS_NONE32) /* the product stands for as much as lambda */
        for (size_t i = 0; i < x.columns * s->states; i++)
            p->products[s->table + i] = ldexp(p->products[s->table + i], -exponent);
}

void lls_posterior_untouch(lls_posterior *posterior)
{
    if (posterior->count > 0)
        memset(posterior->touched, 0, posterior->count * sizeof *posterior->touched);
}

bool lls_posterior_update(llmsched_inference *inference)
{
    lls_posterior *p = &inference->posterior;
    if (!p->usable || !p->stale)
        return p->usable && p->possible;
    p->stale = false;
    p->possible = true;
    p->epoch++;
    lls_posterior_untouch(p);
    for (uint32_t i = 0; i < p->count; i++) {
        const lls_step *s = &p->steps[i];
        if (inference->observed[s->node] != LLS_NONE32 || inference->soft[s->node])
            p->touched[i] = true;
        if (!p->touched[i])
            continue;
        raise(inference, i);
        if (s->parent != LLS_NONE32)
            p->touched[s->parent] = true;
        else
            p->possible &= p->lambdas[s->belief] > 0.0;
    }
    return p->possible;
}

/* ln P(e) = sum of ln lambda over the roots + ln 2 * all powers of two taken out. */
double lls_posterior_log_probability(const llmsched_inference *inference)
{
    const lls_posterior *p = &inference->posterior;
    int64_t exponent = 0;
    double sum = 0.0, lost = 0.0;
    for (uint32_t i = 0; i < p->count; i++) {
        const lls_step *s = &p->steps[i];
        if (!p->touched[i])
            continue;
        exponent += p->exponents[i];
        if (inference->soft[s->node])
            exponent += inference->likelihood_exponents[s->node];
        if (s->parent != LLS_NONE32)
            continue;
        double term = log(p->lambdas[s->belief]) - lost, next = sum + term;
        lost = (next - sum) - term; /* Kahan: there may be many roots */
        sum = next;
    }
    return sum + (double)exponent * 0.693147180559945309417;
}

/* --- down: beliefs ------------------------------------------------------------------------- */

/* What a bucket's joint is read from: a[column][lane] * b[column]. */
typedef struct joint {
    const double *a, *b;
    size_t lanes;
    slice x;
    bool compact; /* a has no gaps where nodes are observed */
} joint;

static void open_joint(llmsched_inference *inf, uint32_t bucket, joint *j)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const double *belief = p->beliefs + s->belief, *lambda = p->lambdas + s->belief;
    cut(inf, s, &j->x);
    j->lanes = s->states;
    j->compact = p->touched[bucket];
    if (!j->compact) {
        j->a = p->tables + s->table + j->x.offset;
        j->b = belief;
        return;
    }
    /* No lambda is subnormal: the quotient is finite. Where it is 0 so is the belief. */
    p->kernels->divide(belief, lambda, j->x.columns, p->ratio);
    j->a = p->products + s->table;
    j->b = p->ratio;
}

/* Sums what is not kept; bit d of kept: dimension d stays. */
static void project(const llmsched_inference *inf, const joint *j, uint64_t kept, double *out)
{
    lls_axes stay, go;
    stay.count = go.count = 0;
    for (uint32_t k = 0; k < j->x.count; k++)
        lls_axes_push(kept >> j->x.dim[k] & 1 ? &stay : &go, j->x.extent[k],
                      j->compact ? j->x.compact[k] * j->lanes : j->x.table[k], j->x.compact[k]);
    inf->posterior.kernels->reduce(j->a, j->b, &stay, &go, j->lanes, out);
}

/* A belief over dims of which the fastest, the lanes, is kept in any case; b is constant. */
static void project_belief(const llmsched_inference *inf, const double *belief, const slice *x,
                           uint64_t kept, double *out)
{
    lls_axes stay, go;
    uint32_t lane = x->count - 1;
    bool lanes = x->count > 0 && (kept >> x->dim[lane] & 1);
    stay.count = go.count = 0;
    for (uint32_t k = 0; k < x->count - lanes; k++)
        lls_axes_push(kept >> x->dim[k] & 1 ? &stay : &go, x->extent[k], x->compact[k], 0);
    inf->posterior.kernels->reduce(belief, &one, &stay, &go, lanes ? x->extent[lane] : 1, out);
}

/* The belief of a child from its brother's, which holds it. */
static void belief_from_source(llmsched_inference *inf, const lls_step *c)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *source = &p->steps[c->source];
    slice x;
    cut(inf, source, &x);
    project_belief(inf, p->beliefs + source->belief, &x, c->source_kept, p->beliefs + c->belief);
}

/* j: the parent's joint, or unused where the parent's node is observed. */
static void push_belief(llmsched_inference *inf, uint32_t bucket, uint32_t child, const joint *j)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket], *c = &p->steps[child];
    double *out = p->beliefs + c->belief;
    /* Observed: the joint is the belief, P(separator | e), as it is. */
    if (inf->observed[s->node] != LLS_NONE32)
        project_belief(inf, p->beliefs + s->belief, &j->x, c->kept, out);
    else if (c->source != LLS_NONE32)
        belief_from_source(inf, c);
    else
        project(inf, j, c->kept, out);
    p->believed[child] = p->epoch;
}

static void open_bucket(llmsched_inference *inf, uint32_t bucket, joint *j)
{
    const lls_step *s = &inf->posterior.steps[bucket];
    if (inf->observed[s->node] != LLS_NONE32)
        cut(inf, s, &j->x);
    else
        open_joint(inf, bucket, j);
}

static void believe_root(lls_posterior *p, uint32_t bucket)
{
    p->beliefs[p->steps[bucket].belief] = 1.0;
    p->believed[bucket] = p->epoch;
}

/* P(node | e) from the belief of the narrowest child, else from the joint. */
static void read_marginal(llmsched_inference *inf, uint32_t bucket, const joint *j, double *out)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    double *to = p->row;
    if (inf->observed[s->node] != LLS_NONE32) {
        memset(out, 0, s->states * sizeof *out);
        out[inf->observed[s->node]] = 1.0;
        return;
    }
    if (s->narrow != LLS_NONE32) {
        const lls_step *c = &p->steps[s->narrow];
        slice x;
        cut(inf, c, &x);
        if (x.count == 1) /* over this node alone */
            to = p->beliefs + c->belief;
        else
            project_belief(inf, p->beliefs + c->belief, &x, UINT64_C(1) << (c->dims - 1), to);
    } else {
        project(inf, j, 0, to);
    }
    double sum = lls_row_sum(to, s->states);
    for (uint32_t i = 0; i < s->states; i++)
        out[i] = to[i] / sum;
}

/* The marginal of the bucket's node and the beliefs of its children, its own belief being there. */
static void settle(llmsched_inference *inf, uint32_t bucket, double *out)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    joint j;
    open_bucket(inf, bucket, &j);
    for (uint32_t k = 0; k < s->children; k++)
        push_belief(inf, bucket, p->children[s->child + k], &j);
    read_marginal(inf, bucket, &j, out + s->offset);
}

void lls_posterior_marginals(llmsched_inference *inference, double *out)
{
    lls_posterior *p = &inference->posterior;
    for (uint32_t i = p->count; i-- > 0;) {
        if (p->steps[i].parent == LLS_NONE32)
            believe_root(p, i);
        settle(inference, i, out);
    }
}

/* The bucket and all below it, parents before children, into list. */
static uint32_t list_part(lls_posterior *p, uint32_t bucket)
{
    uint32_t length = 0;
    p->list[length++] = bucket;
    for (uint32_t i = 0; i < length; i++) {
        const lls_step *s = &p->steps[p->list[i]];
        for (uint32_t k = 0; k < s->children; k++)
            p->list[length++] = p->children[s->child + k];
    }
    return length;
}

bool lls_posterior_part(llmsched_inference *inference, uint32_t bucket, double *out)
{
    lls_posterior *p = &inference->posterior;
    uint32_t length = list_part(p, bucket);
    for (uint32_t i = length; i-- > 0;) {
        uint32_t b = p->list[i];
        const lls_step *s = &p->steps[b];
        if (inference->observed[s->node] != LLS_NONE32 || inference->soft[s->node])
            p->touched[b] = true;
        if (!p->touched[b])
            continue;
        raise(inference, b);
        if (b != bucket)
            p->touched[s->parent] = true;
    }
    bool possible = !p->touched[bucket] || p->lambdas[p->steps[bucket].belief] > 0.0;
    believe_root(p, bucket);
    for (uint32_t i = 0; i < length && possible; i++)
        settle(inference, p->list[i], out);
    for (uint32_t i = 0; i < length; i++)
        p->touched[p->list[i]] = false;
    return possible;
}

/* The sources of a child, its brothers, must come first. */
static void push_with_sources(llmsched_inference *inf, uint32_t bucket, uint32_t child,
                              const joint *j)
{
    lls_posterior *p = &inf->posterior;
    uint32_t length = 0;
    for (uint32_t c = child; c != LLS_NONE32 && p->believed[c] != p->epoch; c = p->steps[c].source)
        p->list[p->count - ++length] = c; /* the front holds the path */
    for (; length > 0; length--)
        push_belief(inf, bucket, p->list[p->count - length], j);
}

void lls_posterior_marginal(llmsched_inference *inference, uint32_t node, double *out)
{
    lls_posterior *p = &inference->posterior;
    uint32_t bucket = inference->tree.bucket_of[node], length = 0;
    joint j;
    for (uint32_t b = bucket; b != LLS_NONE32 && p->believed[b] != p->epoch; b = p->steps[b].parent)
        p->list[length++] = b;
    for (; length > 0; length--) {
        uint32_t b = p->list[length - 1], parent = p->steps[b].parent;
        if (parent == LLS_NONE32) {
            believe_root(p, b);
            continue;
        }
        open_bucket(inference, parent, &j);
        push_with_sources(inference, parent, b, &j);
    }
    open_bucket(inference, bucket, &j);
    if (p->steps[bucket].narrow != LLS_NONE32)
        push_with_sources(inference, bucket, p->steps[bucket].narrow, &j);
    read_marginal(inference, bucket, &j, out);
}
