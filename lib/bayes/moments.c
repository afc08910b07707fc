/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mean and variance of a sum of functions of single nodes. With f(s) the node's own value and
 * M_c, V_c the mean and variance of the part below child c, a bucket tells its parent
 *
 *     g(s, x) = f(s) + sum_c M_c(s, x)                    mean given the clique
 *     M(x)    = sum_s P(s | x) g(s, x)
 *     V(x)    = sum_s P(s | x) [(g(s, x) - M(x))^2 + sum_c V_c(s, x)]
 *
 * for each separator x: the parts below different children are independent given the clique. The
 * law of total variance keeps differences of large squares out. Buckets without a share
 * in the sum, in or below them, are left out: their M and V are 0.
 */
#include "bayes/conditional.h"

#include <string.h>

static double weigh(const lls_conditional *c, const double *values)
{
    double sum = 0.0;
    if (c->stride == 1) /* the quick engine's, and worth a loop of its own */
        for (size_t r = 0; r < c->count; r++)
            sum += c->row[r] * values[r];
    else
        for (size_t r = 0; r < c->count; r++)
            sum += c->row[r * c->stride] * values[r];
    return c->sum > 0.0 ? sum / c->sum : 0.0;
}

/*
 * Adds the means and variances of what lies below a bucket, for each state of its node, which must
 * have state 0 in inf->list.
 */
static void add_below(const llmsched_inference *inf, const lls_bucket *b, size_t rows, double *g,
                      double *spread)
{
    const uint32_t *children = inf->tree.sources + b->operand + b->table_count;
    for (uint32_t k = 0; k < b->child_count; k++) {
        if (!inf->varies[children[k]])
            continue;
        size_t at = inf->tree.buckets[children[k]].message +
                    lls_separator_column(inf, children[k], inf->list);
        for (size_t r = 0; r < rows; r++) {
            g[r] += inf->means[at + r];
            spread[r] += inf->variances[at + r];
        }
    }
}

static void settle(const llmsched_inference *inf, const lls_bucket *b, const lls_conditional *c,
                   const double *values, double *mean, double *variance)
{
    double *g = inf->clique, *spread = inf->family;
    for (size_t r = 0; r < c->count; r++) {
        g[r] = values[r];
        spread[r] = 0.0;
    }
    add_below(inf, b, c->count, g, spread);
    *mean = weigh(c, g);
    for (size_t r = 0; r < c->count; r++)
        g[r] = (g[r] - *mean) * (g[r] - *mean) + spread[r];
    *variance = weigh(c, g);
}

static void settle_bucket(llmsched_inference *inf, bool quick, uint32_t bucket,
                          const double *values)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    size_t columns = lls_separator_columns(inf, bucket);
    uint32_t seen = inf->observed[b->node];
    if (seen != LLS_NONE32)
        values += seen;
    lls_separator_first(inf, bucket, inf->list);
    inf->list[b->node] = 0;
    for (size_t i = 0; i < columns; i++) {
        lls_conditional c = lls_conditional_at(inf, quick, bucket, inf->list);
        settle(inf, b, &c, values, &inf->means[b->message + i], &inf->variances[b->message + i]);
        lls_separator_next(inf, bucket, inf->list);
    }
}

/* Marks the buckets below or in which some value is not 0. */
static void find_varying(llmsched_inference *inf, const double *values)
{
    memset(inf->varies, 0, inf->tree.count * sizeof *inf->varies);
    for (uint32_t i = 0; i < inf->tree.count; i++) {
        const lls_bucket *b = &inf->tree.buckets[i];
        const double *own = values + inf->network->state_offset[b->node];
        for (uint32_t s = 0; s < lls_states(inf->network, b->node); s++)
            inf->varies[i] |= own[s] < 0.0 || own[s] > 0.0;
        if (inf->varies[i] && b->parent != LLS_NONE32)
            inf->varies[b->parent] = true;
    }
}

llmsched_status lls_inference_moments(llmsched_inference *inference, const double *values,
                                      double *mean, double *variance, llmsched_error *err)
{
    bool quick = false;
    llmsched_status status = lls_conditional_begin(inference, &quick, err);
    if (status != LLMSCHED_OK)
        return status;
    double first = 0.0, second = 0.0;
    find_varying(inference, values);
    for (uint32_t i = 0; i < inference->tree.count; i++) {
        const lls_bucket *b = &inference->tree.buckets[i];
        if (!inference->varies[i])
            continue;
        settle_bucket(inference, quick, i, values + inference->network->state_offset[b->node]);
        if (b->parent == LLS_NONE32) {
            first += inference->means[b->message];
            second += inference->variances[b->message];
        }
    }
    *mean = first;
    *variance = second;
    return LLMSCHED_OK;
}
