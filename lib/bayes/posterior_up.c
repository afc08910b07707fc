/* SPDX-License-Identifier: Apache-2.0 */
/* Lambdas, from the evidence up to the next cut. */
#include "bayes/inference.h"

#include <float.h>
#include <math.h>

/* Lambdas that are all below this are scaled; so many of them may be multiplied unseen. */
#define SMALL 0x1p-120
enum { SAFE_LAMBDAS = 3 };

static const double one = 1.0;

/*
 * Lambdas must be at least 2^-this times what may have been lost of them: the answers are right to
 * 2^-60.
 */
#define TRUSTED 0x1p-962

static bool is_trusted(double lambda, const lls_loss *loss)
{
    return lambda >= loss->lost * TRUSTED; /* also false where the bound has left the range */
}

/*
 * After multiplying by another table; up to `states` entries of a column may have become 0. What
 * both lack is left out: lost / peak never falls on the way up, so that it is 2^-60 of the rest, or
 * the end is not trusted anyway.
 */
static inline void lose(lls_loss *loss, const lls_loss *factor, double states)
{
    loss->lost = loss->lost * factor->peak + loss->peak * factor->lost + states;
    loss->peak *= factor->peak;
}

/* Scales by a power of two where all are small; subnormals are 0, as in factor.c. */
static int tame(double *values, size_t n, double states, lls_loss *loss)
{
    double largest = 0.0;
    int exponent = 0;
    for (size_t i = 0; i < n; i++)
        largest = values[i] > largest ? values[i] : largest;
    if (largest < SMALL && largest > 0.0) {
        (void)frexp(largest, &exponent);
        for (size_t i = 0; i < n; i++)
            values[i] = ldexp(values[i], -exponent);
        largest = ldexp(largest, -exponent);
        loss->lost = ldexp(loss->lost, -exponent);
    }
    for (size_t i = 0; i < n; i++)
        values[i] = values[i] >= DBL_MIN ? values[i] : 0.0;
    loss->peak = largest;
    loss->lost += states;
    return exponent;
}

/* How the columns of s read a table, and lambda of the child c; lanes: those of the node. */
static void lambda_axes(const lls_posterior *p, const lls_step *s, const lls_step *c, bool compact,
                        size_t lanes, lls_axes *axes)
{
    const lls_view *v = &p->views[s - p->steps];
    const lls_view_row *rows = p->rows + s->dim;
    size_t steps[LLS_MAX_DIMENSIONS], step = lanes;
    for (uint32_t k = v->count; k-- > 0;) {
        bool kept = c->kept >> rows[k].dim & 1;
        steps[k] = kept ? step : 0;
        if (kept)
            step *= rows[k].extent;
    }
    axes->count = 0;
    for (uint32_t k = 0; k < v->count; k++)
        lls_axes_push(axes, rows[k].extent, compact ? rows[k].compact * lanes : rows[k].table,
                      steps[k]);
}

/* Does the child's lambda go into the parent's product? */
static bool speaks(const lls_view *child)
{
    return child->touched && !lls_is_cut(child);
}

/* The table times the lambdas of touched children, and the node's likelihood, into the product. */
static int multiply_all(llmsched_inference *inf, const lls_step *s, const lls_view *v, size_t lanes,
                        const double *from, double *product, lls_loss *loss)
{
    lls_posterior *p = &inf->posterior;
    const lls_view_row *rows = p->rows + s->dim;
    const size_t size = v->columns * lanes;
    const double states = s->states;
    const double *to = from;
    int exponent = 0;
    uint32_t factors = 0;
    lls_axes axes;
    *loss = (lls_loss){1.0, states};
    for (uint32_t k = 0; k < s->children; k++) {
        uint32_t child = p->children[s->child + k];
        const lls_step *c = &p->steps[child];
        if (!speaks(&p->views[child]))
            continue;
        lambda_axes(p, s, c, factors > 0, lanes, &axes);
        p->kernels->multiply(to, p->lambdas + c->belief, &axes, lanes, product);
        to = product;
        lose(loss, &p->losses[child], states);
        if (++factors > SAFE_LAMBDAS)
            exponent += tame(product, size, states, loss);
    }
    if (factors > 0 && !inf->soft[s->node])
        return exponent;
    axes.count = 0;
    for (uint32_t k = 0; k < v->count; k++)
        lls_axes_push(&axes, rows[k].extent, factors > 0 ? rows[k].compact * lanes : rows[k].table,
                      0);
    if (inf->soft[s->node]) {
        p->kernels->multiply(to, inf->likelihoods + s->offset, &axes, lanes, product);
        loss->lost += loss->peak + states;
    } else {
        lls_axes none = {.count = 0};
        p->kernels->reduce(to, &one, &axes, &none, lanes, product);
    }
    return exponent;
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

static void raise_touched(llmsched_inference *inf, uint32_t bucket)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const lls_view *v = &p->views[bucket];
    const uint32_t state = inf->observed[s->node];
    const double *table = p->tables + s->table + v->offset;
    double *lambda = p->lambdas + s->belief, *product = p->products + s->table;
    lls_loss *loss = &p->losses[bucket];
    if (state != LLS_NONE32) {
        p->exponents[bucket] = multiply_all(inf, s, v, 1, table + state, lambda, loss);
    } else {
        p->exponents[bucket] = multiply_all(inf, s, v, s->states, table, product, loss);
        for (size_t i = 0; i < v->columns; i++)
            lambda[i] = sum_states(product + i * s->states, s->states);
    }
    int exponent = tame(lambda, v->columns, s->states, loss);
    p->exponents[bucket] += exponent;
    if (exponent != 0 && state == LLS_NONE32) /* the product stands for as much as lambda */
        for (size_t i = 0; i < v->columns * s->states; i++)
            product[i] = ldexp(product[i], -exponent);
}

static bool is_touched(const llmsched_inference *inf, const lls_step *s)
{
    const lls_posterior *p = &inf->posterior;
    bool touched = inf->observed[s->node] != LLS_NONE32 || inf->soft[s->node];
    for (uint32_t k = 0; k < s->children && !touched; k++)
        touched = speaks(&p->views[p->children[s->child + k]]);
    return touched;
}

static void count_doubtful(lls_posterior *p, lls_view *v, bool doubtful)
{
    p->doubtful += (uint32_t)doubtful - (uint32_t)v->doubtful;
    v->doubtful = doubtful;
}

/* Cut and observed, so that all children are cut: lambda is an entry of the table. */
static void look_up(lls_posterior *p, uint32_t bucket, uint32_t state)
{
    const lls_step *s = &p->steps[bucket];
    lls_view *v = &p->views[bucket];
    const double lambda = p->tables[s->table + v->offset + state];
    v->laid = v->count = 0;
    v->columns = 1;
    v->touched = true;
    p->lambdas[s->belief] = lambda;
    p->exponents[bucket] = 0;
    lls_bit_set(p->known, bucket);
    count_doubtful(p, v, !(lambda >= LLS_LEAST_ENTRY));
}

/* Any other bucket; its parent becomes dirty where lambda may be another. */
static void raise(llmsched_inference *inf, uint32_t bucket)
{
    lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    lls_view *v = &p->views[bucket];
    const bool cut = lls_is_cut(v), spoke = v->touched;
    lls_posterior_lay_out(inf, bucket);
    v->touched = is_touched(inf, s);
    if (v->touched)
        raise_touched(inf, bucket);
    lls_bit_clear(p->known, bucket);
    count_doubtful(p, v,
                   v->touched && cut && !is_trusted(p->lambdas[s->belief], &p->losses[bucket]));
    if (!cut && (spoke || v->touched))
        lls_bit_set(p->dirty, s->parent);
}

void lls_posterior_raise(llmsched_inference *inference)
{
    lls_posterior *p = &inference->posterior;
    const size_t words = lls_bit_words(p->count);
    for (size_t word = 0; word < words; word++)
        for (uint64_t rest = p->dirty[word]; rest != 0;) {
            const uint32_t bit = lls_lowest_bit(rest), i = (uint32_t)word * 64 + bit;
            const uint32_t state = inference->observed[p->steps[i].node];
            rest &= rest - 1;
            if (state != LLS_NONE32 && lls_is_cut(&p->views[i])) {
                look_up(p, i, state);
                continue;
            }
            raise(inference, i);
            rest = p->dirty[word] & ~(UINT64_MAX >> (63 - bit)); /* parents come later */
        }
}

/* ln P(e) = ln of the product of the cut lambdas + ln 2 * all powers of two taken out. */
double lls_posterior_log_probability(const llmsched_inference *inference)
{
    const lls_posterior *p = &inference->posterior;
    int64_t exponent = 0;
    double product = 1.0;
    int power;
    for (uint32_t i = 0; i < p->count; i++) {
        const lls_step *s = &p->steps[i];
        const lls_view *v = &p->views[i];
        if (!v->touched)
            continue;
        exponent += p->exponents[i];
        if (inference->soft[s->node])
            exponent += inference->likelihood_exponents[s->node];
        if (!lls_is_cut(v))
            continue;
        product *= p->lambdas[s->belief];
        if (product < SMALL) {
            product = frexp(product, &power);
            exponent += power;
        }
    }
    return log(product) + (double)exponent * 0.693147180559945309417;
}
