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
 * law of total variance keeps differences of large squares out.
 */
#include "bayes/inference.h"

#include <math.h>
#include <string.h>

static void add_messages(llmsched_inference *inf, uint32_t bucket, const double *from, size_t row,
                         double *to)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    uint32_t first = b->operand + b->table_count;
    for (uint32_t k = first; k < first + b->child_count; k++) {
        const lls_operand *o = &inf->operands[k];
        lls_row_add(to, o->loops, o->loop_count,
                    from + inf->tree.buckets[inf->tree.sources[k]].message + row * o->row_stride);
    }
}

/* g into the clique scratch, and M. */
static void bucket_mean(llmsched_inference *inf, uint32_t bucket, const double *values)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    const lls_bucket_state *state = &inf->states[bucket];
    const double *clique = inf->cliques + b->clique, *message = inf->messages + b->message;
    double *mean = inf->means + b->message;
    uint32_t fixed = inf->observed[b->node];
    memset(mean, 0, state->columns * sizeof *mean);
    for (size_t r = 0; r < state->rows; r++) {
        double *g = inf->clique + r * state->columns;
        double value = values[fixed != LLS_NONE32 ? fixed : r];
        for (size_t i = 0; i < state->columns; i++)
            g[i] = value;
        add_messages(inf, bucket, inf->means, r, g);
        for (size_t i = 0; i < state->columns; i++)
            mean[i] += clique[r * state->columns + i] * g[i];
    }
    for (size_t i = 0; i < state->columns; i++)
        mean[i] = message[i] > 0.0 ? mean[i] / message[i] : 0.0;
}

static void bucket_variance(llmsched_inference *inf, uint32_t bucket)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    const lls_bucket_state *state = &inf->states[bucket];
    const double *clique = inf->cliques + b->clique, *message = inf->messages + b->message;
    const double *mean = inf->means + b->message;
    double *variance = inf->variances + b->message;
    memset(variance, 0, state->columns * sizeof *variance);
    for (size_t r = 0; r < state->rows; r++) {
        double *g = inf->clique + r * state->columns;
        for (size_t i = 0; i < state->columns; i++)
            g[i] = (g[i] - mean[i]) * (g[i] - mean[i]);
        add_messages(inf, bucket, inf->variances, r, g);
        for (size_t i = 0; i < state->columns; i++)
            variance[i] += clique[r * state->columns + i] * g[i];
    }
    for (size_t i = 0; i < state->columns; i++)
        variance[i] = message[i] > 0.0 ? variance[i] / message[i] : 0.0;
}

llmsched_status lls_inference_moments(llmsched_inference *inference, const double *values,
                                      double *mean, double *variance, llmsched_error *err)
{
    llmsched_status status = lls_collect(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    double first = 0.0, second = 0.0;
    for (uint32_t i = 0; i < inference->tree.count; i++) {
        const lls_bucket *b = &inference->tree.buckets[i];
        bucket_mean(inference, i, values + inference->network->state_offset[b->node]);
        bucket_variance(inference, i);
        if (b->parent == LLS_NONE32) {
            first += inference->means[b->message];
            second += inference->variances[b->message];
        }
    }
    *mean = first;
    *variance = second;
    return LLMSCHED_OK;
}
