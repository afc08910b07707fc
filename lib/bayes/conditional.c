/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/conditional.h"

static const double certain = 1.0;

llmsched_status lls_conditional_begin(llmsched_inference *inference, bool *quick,
                                      llmsched_error *err)
{
    *quick = lls_posterior_update(inference);
    return *quick ? LLMSCHED_OK : lls_collect(inference, err);
}

/* From the tables of collect, whose separator has its first node slowest. */
static lls_conditional collected_at(const llmsched_inference *inf, uint32_t bucket,
                                    const uint32_t *states)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    const lls_bucket_state *state = &inf->states[bucket];
    const uint32_t *separator = inf->tree.separators + b->separator;
    size_t column = 0;
    for (uint32_t d = 0; d < b->separator_count; d++)
        if (inf->observed[separator[d]] == LLS_NONE32)
            column = column * lls_states(inf->network, separator[d]) + states[separator[d]];
    return (lls_conditional){.row = inf->cliques + b->clique + column,
                             .stride = state->columns,
                             .count = state->rows,
                             .sum = inf->messages[b->message + column]};
}

/* From P(node | separator), or its product with what lies below: whose rows sum to lambda. */
static lls_conditional quick_at(const llmsched_inference *inf, uint32_t bucket,
                                const uint32_t *states)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const uint32_t *nodes = p->dim_nodes + s->dim;
    lls_conditional c = {.stride = 1, .count = s->states, .sum = 1.0};
    if (p->views[bucket].touched) {
        size_t column = lls_separator_column(inf, bucket, states);
        c.row = p->products + s->table + column * s->states;
        c.sum = p->lambdas[s->belief + column];
        return c;
    }
    c.row = p->tables + s->table;
    for (uint32_t d = 0; d < s->dims; d++)
        c.row += states[nodes[d]] * p->dim_strides[s->dim + d];
    return c;
}

lls_conditional lls_conditional_at(const llmsched_inference *inference, bool quick, uint32_t bucket,
                                   const uint32_t *states)
{
    if (inference->observed[inference->tree.buckets[bucket].node] != LLS_NONE32)
        return (lls_conditional){.row = &certain, .stride = 1, .count = 1, .sum = 1.0};
    return quick ? quick_at(inference, bucket, states) : collected_at(inference, bucket, states);
}

size_t lls_separator_columns(const llmsched_inference *inference, uint32_t bucket)
{
    const lls_bucket *b = &inference->tree.buckets[bucket];
    size_t columns = 1;
    for (uint32_t d = 0; d < b->separator_count; d++)
        columns *= lls_extent(inference, inference->tree.separators[b->separator + d]);
    return columns;
}

size_t lls_separator_column(const llmsched_inference *inference, uint32_t bucket,
                            const uint32_t *states)
{
    const lls_bucket *b = &inference->tree.buckets[bucket];
    const uint32_t *separator = inference->tree.separators + b->separator;
    size_t column = 0;
    for (uint32_t d = b->separator_count; d-- > 0;)
        if (inference->observed[separator[d]] == LLS_NONE32)
            column = column * lls_states(inference->network, separator[d]) + states[separator[d]];
    return column;
}

void lls_separator_first(const llmsched_inference *inference, uint32_t bucket, uint32_t *states)
{
    const lls_bucket *b = &inference->tree.buckets[bucket];
    const uint32_t *separator = inference->tree.separators + b->separator;
    for (uint32_t d = 0; d < b->separator_count; d++) {
        uint32_t seen = inference->observed[separator[d]];
        states[separator[d]] = seen != LLS_NONE32 ? seen : 0;
    }
}

void lls_separator_next(const llmsched_inference *inference, uint32_t bucket, uint32_t *states)
{
    const lls_bucket *b = &inference->tree.buckets[bucket];
    const uint32_t *separator = inference->tree.separators + b->separator;
    for (uint32_t d = 0; d < b->separator_count; d++) {
        uint32_t node = separator[d];
        if (inference->observed[node] != LLS_NONE32)
            continue;
        if (++states[node] < lls_states(inference->network, node))
            return;
        states[node] = 0;
    }
}
