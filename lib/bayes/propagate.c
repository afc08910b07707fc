/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collect and distribute over the buckets. Neither recurses: buckets stand in order of elimination,
 * so that children come before parents.
 */
#include "bayes/inference.h"
#include "bayes/wide.h"

#include <math.h>
#include <string.h>

/* --- the loops of a bucket under the present evidence -------------------------------- */

static void bind_table(llmsched_inference *inf, uint32_t node, const uint32_t *separator,
                       const size_t *extents, uint32_t dims, lls_loop *loops, lls_operand *operand)
{
    const lls_tree *tree = &inf->tree;
    const lls_family *f = &tree->families[node];
    const uint32_t *members = tree->members + f->member;
    const size_t *strides = tree->strides + f->member;
    size_t offset = 0;
    for (uint32_t m = 0; m < f->count; m++)
        if (inf->observed[members[m]] != LLS_NONE32)
            offset += inf->observed[members[m]] * strides[m];
    operand->data = tree->tables + f->table + offset;
    operand->row_stride = strides[0]; /* the first member is the bucket's own node */
    operand->loops = loops;
    lls_scope scope = {members + 1, strides + 1, f->count - 1};
    operand->loop_count = lls_loops_build(separator, extents, dims, scope, loops);
}

/* A child's separator starts with this bucket's node; the rest is a part of this bucket's
 * separator. */
static void bind_message(llmsched_inference *inf, uint32_t child, const uint32_t *separator,
                         const size_t *extents, uint32_t dims, lls_loop *loops,
                         lls_operand *operand)
{
    const lls_bucket *b = &inf->tree.buckets[child];
    const uint32_t *ids = inf->tree.separators + b->separator;
    size_t strides[LLS_MAX_DIMENSIONS], stride = 1;
    for (uint32_t d = b->separator_count; d-- > 0; stride *= lls_extent(inf, ids[d]))
        strides[d] = stride;
    operand->data = inf->messages + b->message;
    operand->row_stride = strides[0];
    operand->loops = loops;
    lls_scope scope = {ids + 1, strides + 1, b->separator_count - 1};
    operand->loop_count = lls_loops_build(separator, extents, dims, scope, loops);
}

static void bind_likelihood(const llmsched_inference *inf, uint32_t node, size_t columns,
                            lls_loop *loops, lls_operand *operand)
{
    operand->data = inf->likelihoods + inf->network->state_offset[node];
    operand->row_stride = 1;
    operand->loops = loops;
    operand->loop_count = 0;
    if (columns > 1)
        loops[operand->loop_count++] = (lls_loop){columns, 0};
}

static void bind(llmsched_inference *inf, uint32_t bucket)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    lls_bucket_state *state = &inf->states[bucket];
    const uint32_t *separator = inf->tree.separators + b->separator;
    const uint32_t *sources = inf->tree.sources + b->operand;
    lls_operand *operands = inf->operands + b->operand;
    lls_loop *loops = inf->loops + b->loop;
    uint32_t dims = b->separator_count, k = 0;
    size_t extents[LLS_MAX_DIMENSIONS];
    state->rows = lls_extent(inf, b->node);
    state->columns = 1;
    for (uint32_t d = 0; d < dims; d++)
        state->columns *= extents[d] = lls_extent(inf, separator[d]);
    for (; k < b->table_count; k++, loops += dims)
        bind_table(inf, sources[k], separator, extents, dims, loops, &operands[k]);
    for (; k < b->table_count + b->child_count; k++, loops += dims)
        bind_message(inf, sources[k], separator, extents, dims, loops, &operands[k]);
    if (inf->soft[b->node])
        bind_likelihood(inf, b->node, state->columns, loops, &operands[k++]);
    state->operands = k;
}

/* --- collect -------------------------------------------------------------------------- */

static bool is_touched(const llmsched_inference *inf, uint32_t bucket)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    const uint32_t *separator = inf->tree.separators + b->separator;
    bool touched = inf->touched[b->node];
    for (uint32_t d = 0; d < b->separator_count && !touched; d++)
        touched = inf->touched[separator[d]];
    return touched;
}

static void run_bucket(llmsched_inference *inf, uint32_t bucket)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    lls_bucket_state *state = &inf->states[bucket];
    lls_sum_product(inf->operands + b->operand, state->operands, state->rows, state->columns,
                    inf->cliques + b->clique, inf->messages + b->message, &state->exponent);
}

/* The same without losing any number. A likelihood's power of two counts as it does there. */
static void run_bucket_widely(llmsched_inference *inf, uint32_t bucket)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    lls_bucket_state *state = &inf->states[bucket];
    const uint32_t messages = b->table_count + b->child_count;
    double *table = inf->cliques + b->clique, *exponents = inf->clique;
    double *message_exponents = inf->message_exponents + b->message;
    lls_wide_begin(table, exponents, state->rows * state->columns,
                   inf->soft[b->node] ? -inf->likelihood_exponents[b->node] : 0);
    for (uint32_t k = 0; k < state->operands; k++) {
        const lls_operand *o = &inf->operands[b->operand + k];
        const double *data = o->data, *data_exponents = NULL;
        if (k >= messages)
            data = inf->told + inf->network->state_offset[b->node];
        else if (k >= b->table_count)
            data_exponents = inf->message_exponents + (o->data - inf->messages);
        lls_wide_multiply(table, exponents, state->rows, state->columns, o, data, data_exponents);
    }
    lls_wide_sum(table, exponents, state->rows, state->columns, inf->messages + b->message,
                 message_exponents);
    state->exponent = b->parent == LLS_NONE32 ? (int64_t)message_exponents[0] : 0;
    state->changed = true; /* the ordinary pass must do all again */
}

static bool every_root_positive(const llmsched_inference *inf)
{
    bool positive = true;
    for (uint32_t i = 0; i < inf->tree.count; i++)
        if (inf->tree.buckets[i].parent == LLS_NONE32)
            positive &= inf->messages[inf->tree.buckets[i].message] > 0.0;
    return positive;
}

/* Is the evidence so likely that nothing which was lost can matter? */
static bool is_likely(const llmsched_inference *inf)
{
    int64_t exponent = 0;
    for (uint32_t i = 0; i < inf->tree.count; i++) {
        const lls_bucket *b = &inf->tree.buckets[i];
        exponent += inf->states[i].exponent < 0 ? inf->states[i].exponent : 0;
        if (b->parent == LLS_NONE32 && inf->messages[b->message] < 1.0)
            exponent += ilogb(inf->messages[b->message]);
    }
    return exponent >= LLS_LEAST_EXPONENT;
}

/* ln P(e) = sum of ln over the roots + ln 2 * all powers of two taken out, which add up exactly. */
static double log_probability(const llmsched_inference *inf)
{
    int64_t exponent = 0;
    double sum = 0.0, lost = 0.0;
    for (uint32_t i = 0; i < inf->tree.count; i++) {
        const lls_bucket *b = &inf->tree.buckets[i];
        exponent += inf->states[i].exponent;
        if (inf->soft[b->node])
            exponent += inf->likelihood_exponents[b->node];
        if (b->parent != LLS_NONE32)
            continue;
        double term = log(inf->messages[b->message]) - lost, next = sum + term;
        lost = (next - sum) - term; /* Kahan: there may be many roots */
        sum = next;
    }
    return sum + (double)exponent * 0.693147180559945309417;
}

/* Compares the evidence with what the last collect saw; false: there is nothing new. */
static bool find_touched(llmsched_inference *inf)
{
    bool any = false;
    for (uint32_t i = 0; i < inf->tree.count; i++) {
        uint32_t now = inf->soft[i] ? LLS_APPLIED_SOFT : inf->observed[i];
        inf->touched[i] = now != inf->applied[i] || (inf->soft[i] && inf->touched[i]);
        inf->applied[i] = now;
        any |= inf->touched[i];
    }
    return any;
}

static void update_bucket(llmsched_inference *inf, uint32_t bucket)
{
    lls_bucket_state *state = &inf->states[bucket];
    uint32_t parent = inf->tree.buckets[bucket].parent;
    state->believed = false;
    if (is_touched(inf, bucket)) {
        bind(inf, bucket);
        state->changed = true;
    }
    if (!state->changed)
        return;
    run_bucket(inf, bucket);
    state->changed = false;
    if (parent != LLS_NONE32)
        inf->states[parent].changed = true;
}

void lls_collect_widely(llmsched_inference *inference)
{
    for (uint32_t i = 0; i < inference->tree.count; i++)
        run_bucket_widely(inference, i);
}

static void collect(llmsched_inference *inf)
{
    bool any = find_touched(inf);
    inf->stale = false;
    if (!any && inf->outcome != LLS_OUTCOME_NONE)
        return;
    for (uint32_t i = 0; i < inf->tree.count; i++)
        update_bucket(inf, i);
    memset(inf->touched, 0, inf->tree.count * sizeof *inf->touched);
    if (!every_root_positive(inf) || !is_likely(inf))
        lls_collect_widely(inf);
    inf->outcome = every_root_positive(inf) ? LLS_OUTCOME_POSSIBLE : LLS_OUTCOME_IMPOSSIBLE;
    if (inf->outcome == LLS_OUTCOME_POSSIBLE)
        inf->log_probability = log_probability(inf);
}

llmsched_status lls_collect(llmsched_inference *inference, llmsched_error *err)
{
    if (inference->stale)
        collect(inference);
    if (inference->outcome == LLS_OUTCOME_IMPOSSIBLE)
        return lls_fail(err, LLMSCHED_ERROR_IMPOSSIBLE,
                        "the evidence has probability zero in the network \"%.60s\": withdraw or "
                        "soften some",
                        inference->network->name);
    return LLMSCHED_OK;
}

llmsched_status lls_possible(llmsched_inference *inference, llmsched_error *err)
{
    return lls_posterior_update(inference) ? LLMSCHED_OK : lls_collect(inference, err);
}

/* --- distribute ------------------------------------------------------------------------ */

void lls_joint_begin(llmsched_inference *inference, uint32_t bucket)
{
    const lls_bucket *b = &inference->tree.buckets[bucket];
    const double *restrict belief = inference->beliefs + b->message;
    const double *restrict message = inference->messages + b->message;
    double *restrict ratio = inference->ratio;
    size_t columns = inference->states[bucket].columns;
    /* Where the message is 0 so is the belief: 0 / 1. No message is subnormal: the quotient is
     * finite. */
    for (size_t i = 0; i < columns; i++)
        ratio[i] = belief[i] / (message[i] > 0.0 ? message[i] : 1.0);
}

const double *lls_clique_row(const llmsched_inference *inference, uint32_t bucket, size_t row)
{
    return inference->cliques + inference->tree.buckets[bucket].clique +
           row * inference->states[bucket].columns;
}

/* Sums rows of the bucket's joint into the belief of its k-th child. */
static void push_belief(llmsched_inference *inf, uint32_t bucket, uint32_t k)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    const lls_operand *operand = inf->operands + b->operand + b->table_count + k;
    uint32_t child = inf->tree.sources[b->operand + b->table_count + k];
    double *belief = inf->beliefs + inf->tree.buckets[child].message;
    memset(belief, 0, inf->states[child].columns * sizeof *belief);
    for (size_t r = 0; r < inf->states[bucket].rows; r++)
        lls_row_reduce(lls_clique_row(inf, bucket, r), inf->ratio, operand->loops,
                       operand->loop_count, belief + r * operand->row_stride);
    inf->states[child].believed = true;
}

static void believe_root(llmsched_inference *inf, uint32_t bucket)
{
    inf->beliefs[inf->tree.buckets[bucket].message] = 1.0;
    inf->states[bucket].believed = true;
}

void lls_believe(llmsched_inference *inference, uint32_t bucket)
{
    uint32_t length = 0;
    for (uint32_t b = bucket; !inference->states[b].believed;
         b = inference->tree.buckets[b].parent) {
        inference->list[length++] = b;
        if (inference->tree.buckets[b].parent == LLS_NONE32)
            break;
    }
    while (length > 0) {
        uint32_t b = inference->list[--length], parent = inference->tree.buckets[b].parent;
        if (parent == LLS_NONE32) {
            believe_root(inference, b);
        } else {
            const lls_bucket *p = &inference->tree.buckets[parent];
            uint32_t first = p->operand + p->table_count, k = 0;
            while (inference->tree.sources[first + k] != b)
                k++;
            lls_joint_begin(inference, parent);
            push_belief(inference, parent, k);
        }
    }
}

/*
 * P(node | evidence), ratio being ready. A child's belief is over this node first, and smaller than
 * the clique; without children the rows of the joint are added up.
 */
static void sum_rows(const llmsched_inference *inf, uint32_t bucket, double *to)
{
    const lls_bucket *b = &inf->tree.buckets[bucket];
    const lls_bucket_state *state = &inf->states[bucket];
    uint32_t states = lls_states(inf->network, b->node), first = b->operand + b->table_count;
    if (inf->observed[b->node] != LLS_NONE32) {
        memset(to, 0, states * sizeof *to);
        to[inf->observed[b->node]] = 1.0;
        return;
    }
    if (b->child_count > 0) {
        uint32_t child = inf->tree.sources[first];
        const double *belief = inf->beliefs + inf->tree.buckets[child].message;
        size_t stride = inf->operands[first].row_stride;
        for (size_t r = 0; r < state->rows; r++)
            to[r] = lls_row_sum(belief + r * stride, stride);
    } else {
        for (size_t r = 0; r < state->rows; r++)
            to[r] = lls_row_dot(lls_clique_row(inf, bucket, r), inf->ratio, state->columns);
    }
    double sum = lls_row_sum(to, states);
    for (uint32_t s = 0; s < states; s++)
        to[s] /= sum;
}

void lls_believe_all(llmsched_inference *inference, double *marginals)
{
    for (uint32_t i = inference->tree.count; i-- > 0;) {
        const lls_bucket *b = &inference->tree.buckets[i];
        if (b->parent == LLS_NONE32)
            believe_root(inference, i);
        lls_joint_begin(inference, i);
        for (uint32_t k = 0; k < b->child_count; k++)
            push_belief(inference, i, k);
        if (marginals != NULL)
            sum_rows(inference, i, marginals + inference->network->state_offset[b->node]);
    }
}

void lls_node_marginal(llmsched_inference *inference, uint32_t node, double *to)
{
    uint32_t bucket = inference->tree.bucket_of[node];
    lls_joint_begin(inference, bucket);
    if (inference->tree.buckets[bucket].child_count > 0)
        push_belief(inference, bucket, 0);
    sum_rows(inference, bucket, to);
}
