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

/* From the tables of collect. */
static uint32_t draw_collected(const llmsched_inference *inf, uint32_t bucket,
                               const uint32_t *states, double u)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    const lls_bucket_state *state = &inf->states[bucket];
    size_t column = column_of(inf, b, states);
    return draw(inf->cliques + b->clique + column, state->rows, state->columns,
                u * inf->messages[b->message + column]);
}

/* From P(node | separator), or its product with what lies below: whose rows sum to lambda. */
static uint32_t draw_quickly(const llmsched_inference *inf, uint32_t bucket, const uint32_t *states,
                             double u)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const uint32_t *nodes = p->dim_nodes + s->dim;
    size_t at = 0, column = 0;
    for (uint32_t d = 0; d < s->dims; d++) {
        at += states[nodes[d]] * p->dim_strides[s->dim + d];
        if (inf->observed[nodes[d]] == LLS_NONE32)
            column = column * lls_states(inf->network, nodes[d]) + states[nodes[d]];
    }
    if (!p->views[bucket].touched)
        return draw(p->tables + s->table + at, s->states, 1, u);
    return draw(p->products + s->table + column * s->states, s->states, 1,
                u * p->lambdas[s->belief + column]);
}

llmsched_status lls_inference_sample(llmsched_inference *inference, lls_random *random,
                                     uint32_t *states, llmsched_error *err)
{
    bool quick = lls_posterior_update(inference);
    llmsched_status status = quick ? LLMSCHED_OK : lls_collect(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t i = inference->tree.count; i-- > 0;) {
        uint32_t node = inference->tree.buckets[i].node;
        if (inference->observed[node] != LLS_NONE32) {
            states[node] = inference->observed[node];
            continue;
        }
        double u = lls_random_uniform(random);
        states[node] =
            quick ? draw_quickly(inference, i, states, u) : draw_collected(inference, i, states, u);
    }
    return LLMSCHED_OK;
}
