/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact draws from the posterior: buckets in reverse order of elimination, each node from
 * P(node | separator, evidence), whose separator has been drawn before.
 */
#include "bayes/inference.h"

/* The column of a bucket's clique that the states drawn so far select. */
static size_t column_of(const llmsched_inference *inf, const lls_bucket *b, const uint32_t *states)
{
    const uint32_t *separator = inf->tree.separators + b->separator;
    size_t column = 0;
    for (uint32_t d = 0; d < b->separator_count; d++)
        if (inf->observed[separator[d]] == LLS_NONE32)
            column = column * lls_states(inf->network, separator[d]) + states[separator[d]];
    return column;
}

/* The first state at which the running sum passes u; of the states with weight, the last when
 * rounding left none. */
static uint32_t draw(const double *weights, size_t count, size_t stride, double u)
{
    double sum = 0.0;
    size_t last = 0;
    for (size_t s = 0; s < count; s++) {
        double weight = weights[s * stride];
        if (weight <= 0.0)
            continue;
        last = s;
        sum += weight;
        if (u < sum)
            break;
    }
    return (uint32_t)last;
}

llmsched_status lls_inference_sample(llmsched_inference *inference, lls_random *random,
                                     uint32_t *states, llmsched_error *err)
{
    llmsched_status status = lls_collect(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t i = inference->tree.count; i-- > 0;) {
        const lls_bucket *b = &inference->tree.buckets[i];
        const lls_bucket_state *state = &inference->states[i];
        if (inference->observed[b->node] != LLS_NONE32) {
            states[b->node] = inference->observed[b->node];
            continue;
        }
        size_t column = column_of(inference, b, states);
        double u = lls_random_uniform(random) * inference->messages[b->message + column];
        states[b->node] =
            draw(inference->cliques + b->clique + column, state->rows, state->columns, u);
    }
    return LLMSCHED_OK;
}
