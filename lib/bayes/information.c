/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entropy and mutual information (algorithms.md section 3).
 */
#include "bayes/inference.h"

#include <math.h>
#include <string.h>

/* Below this, information is rounding: the sum has terms of size eps. It is told as exactly 0. */
#define NOISE 1e-14

/* --- sets of nodes ---------------------------------------------------------------------- */

static llmsched_status check_set(const llmsched_inference *inf, const uint32_t *nodes,
                                 uint32_t count, const char *what, llmsched_error *err)
{
    if (inf == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: inference is NULL", what);
    if (nodes == NULL && count > 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: nodes is NULL", what);
    bool *seen = inf->joint.seen;
    memset(seen, 0, inf->network->count * sizeof *seen);
    for (uint32_t i = 0; i < count; i++) {
        llmsched_status status = lls_check_node(inf, nodes[i], what, err);
        if (status != LLMSCHED_OK)
            return status;
        if (seen[nodes[i]])
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "%s: node %u \"%.60s\" stands twice in the set: name it once", what,
                            nodes[i], inf->network->names[nodes[i]]);
        seen[nodes[i]] = true;
    }
    return LLMSCHED_OK;
}

/* --- joint -------------------------------------------------------------------------------- */

static uint64_t set_size(const llmsched_inference *inf, const uint32_t *nodes, uint32_t count)
{
    uint64_t size = 1;
    for (uint32_t i = 0; i < count; i++)
        size = lls_times(size, lls_states(inf->network, nodes[i]));
    return size;
}

/* The hidden ones among nodes, into set (which has room for all nodes). */
static uint32_t pick_hidden(const llmsched_inference *inf, const uint32_t *nodes, uint32_t count,
                            uint32_t *set)
{
    uint32_t hidden = 0;
    for (uint32_t i = 0; i < count; i++)
        if (lls_is_hidden(inf, nodes[i]))
            set[hidden++] = nodes[i];
    return hidden;
}

/* Spreads a table over the hidden nodes into one over all nodes, 0 where evidence rules out. */
static void embed(const llmsched_inference *inf, const uint32_t *nodes, uint32_t count,
                  const double *table, uint64_t entries, double *to, uint64_t size)
{
    size_t extents[LLS_MAX_DIMENSIONS], strides[LLS_MAX_DIMENSIONS];
    size_t index[LLS_MAX_DIMENSIONS] = {0};
    size_t stride = 1, at = 0;
    uint32_t dims = 0;
    for (uint32_t i = count; i-- > 0; stride *= lls_states(inf->network, nodes[i])) {
        if (inf->observed[nodes[i]] != LLS_NONE32)
            at += inf->observed[nodes[i]] * stride;
        if (!lls_is_hidden(inf, nodes[i]))
            continue;
        extents[dims] = lls_states(inf->network, nodes[i]); /* fastest first */
        strides[dims++] = stride;
    }
    memset(to, 0, size * sizeof *to);
    for (uint64_t e = 0; e < entries; e++) {
        to[at] = table[e];
        for (uint32_t d = 0; d < dims; d++) {
            at += strides[d];
            if (++index[d] < extents[d])
                break;
            at -= extents[d] * strides[d];
            index[d] = 0;
        }
    }
}

llmsched_status llmsched_inference_joint(llmsched_inference *inference, const uint32_t *nodes,
                                         uint32_t count, double *probabilities, uint64_t size,
                                         llmsched_error *err)
{
    llmsched_status status = check_set(inference, nodes, count, "joint", err);
    if (status != LLMSCHED_OK)
        return status;
    if (probabilities == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "joint: probabilities is NULL");
    uint64_t expected = set_size(inference, nodes, count);
    if (expected > inference->context->max_table)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "joint: these nodes have more than max_table = %llu joint states: ask for "
                        "fewer, or raise max_table",
                        (unsigned long long)inference->context->max_table);
    if (size != expected)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "joint: room for %llu values, these nodes have %llu joint states",
                        (unsigned long long)size, (unsigned long long)expected);
    status = lls_possible(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    const double *table = NULL;
    uint64_t entries = 0;
    uint32_t hidden = pick_hidden(inference, nodes, count, inference->list);
    status = lls_joint_table(inference, inference->list, hidden, &table, &entries, err);
    if (status == LLMSCHED_OK)
        embed(inference, nodes, count, table, entries, probabilities, size);
    return status;
}

/* --- entropy -------------------------------------------------------------------------------- */

/*
 * Nodes that the evidence separates are independent, so that their entropies add: takes the first
 * node of the set and all that it is connected with out of the set, as a group. Returns the group's
 * size; set: group first.
 */
static uint32_t split_group(llmsched_inference *inf, uint32_t *set, uint32_t count)
{
    uint32_t group = 0;
    lls_mark_ancestors(inf, set, count);
    lls_reach(inf, set, 1);
    for (uint32_t i = 0; i < count; i++) {
        if (!inf->joint.reached[set[i]])
            continue;
        uint32_t node = set[i];
        set[i] = set[group];
        set[group++] = node;
    }
    return group;
}

llmsched_status llmsched_inference_entropy(llmsched_inference *inference, const uint32_t *nodes,
                                           uint32_t count, double *entropy, llmsched_error *err)
{
    llmsched_status status = check_set(inference, nodes, count, "entropy", err);
    if (status != LLMSCHED_OK)
        return status;
    if (entropy == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "entropy: entropy is NULL");
    status = lls_possible(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t *set = inference->list, left = pick_hidden(inference, nodes, count, set);
    double sum = 0.0;
    while (left > 0) {
        const double *table = NULL;
        uint64_t size = 0;
        uint32_t group = split_group(inference, set, left);
        status = lls_joint_table(inference, set, group, &table, &size, err);
        if (status != LLMSCHED_OK)
            return status;
        sum += lls_entropy(table, size);
        set += group;
        left -= group;
    }
    *entropy = sum;
    return LLMSCHED_OK;
}

/* E[ln factor], ratio being ready: the marginal over the factor's entries, by the same loops.
 * first: the entry that the operand reads first. */
static double expected_log(llmsched_inference *inf, uint32_t bucket, const lls_operand *operand,
                           const double *entries, ptrdiff_t first, uint64_t size)
{
    const lls_bucket_state *state = &inf->states[bucket];
    double *marginal = inf->family, sum = 0.0;
    memset(marginal, 0, size * sizeof *marginal);
    for (size_t r = 0; r < state->rows; r++)
        lls_row_reduce(lls_clique_row(inf, bucket, r), inf->ratio, operand->loops,
                       operand->loop_count, marginal + first + r * operand->row_stride);
    for (uint64_t i = 0; i < size; i++)
        if (marginal[i] > 0.0) /* then the factor is positive too: 0 ln 0 = 0 */
            sum += marginal[i] * log(entries[i]);
    return sum;
}

/*
 * The posterior is P(x | e) = prod_i theta_i(x) prod_j lambda_j(x_j) / P(e) over the hidden x,
 * theta the families' tables at the hard evidence, lambda the likelihoods. Minus its expected
 * logarithm:
 *
 *     H = ln P(e) - sum_i E[ln theta_i] - sum_j E[ln lambda_j]
 */
llmsched_status llmsched_inference_total_entropy(llmsched_inference *inference, double *entropy,
                                                 llmsched_error *err)
{
    if (inference == NULL || entropy == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "total entropy: %s is NULL",
                        inference == NULL ? "inference" : "entropy");
    llmsched_status status = lls_collect(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    const lls_tree *tree = &inference->tree;
    double sum = inference->log_probability;
    lls_believe_all(inference, NULL);
    for (uint32_t i = 0; i < tree->count; i++) {
        const lls_bucket *b = &tree->buckets[i];
        const lls_operand *operands = inference->operands + b->operand;
        lls_joint_begin(inference, i);
        for (uint32_t k = 0; k < b->table_count; k++) {
            const lls_family *f = &tree->families[tree->sources[b->operand + k]];
            const double *table = tree->tables + f->table;
            sum -=
                expected_log(inference, i, &operands[k], table, operands[k].data - table, f->size);
        }
        if (!inference->soft[b->node])
            continue;
        const lls_operand *likelihood = &operands[b->table_count + b->child_count];
        sum -= expected_log(inference, i, likelihood,
                            inference->told + inference->network->state_offset[b->node], 0,
                            lls_states(inference->network, b->node));
    }
    *entropy = fmax(sum, 0.0);
    return LLMSCHED_OK;
}

/* --- mutual information --------------------------------------------------------------- */

/* sum p(x,y) ln [p(x,y) / (p(x) p(y))], x the row: H(X) + H(Y) - H(X,Y) without cancelling. */
static double table_information(const double *table, uint64_t rows, uint64_t columns, double *py)
{
    double information = lls_table_divergence(table, rows, columns, NULL, py);
    return information > NOISE ? information : 0.0;
}

/*
 * Of the others, only those that x reaches without passing another one can tell anything of x:
 * given them, the rest is separated from x. set: x, then they, in the order of the search.
 */
static uint32_t screen(llmsched_inference *inf, uint32_t x, const uint32_t *others, uint32_t count)
{
    lls_joint *j = &inf->joint;
    uint32_t *set = inf->list, size = pick_hidden(inf, others, count, set);
    for (uint32_t i = 0; i < size; i++)
        j->stop[set[i]] = true;
    set[size] = x; /* room: x is not among the others */
    lls_mark_ancestors(inf, set, size + 1);
    lls_reach(inf, &x, 1);
    set[0] = x;
    size = 1;
    for (uint32_t i = 0; i < j->hidden_count; i++)
        if (j->stop[j->hidden[i]])
            set[size++] = j->hidden[i];
    memset(j->stop, 0, inf->network->count * sizeof *j->stop);
    return size;
}

/* The short way for a pair; LLMSCHED_ERROR_LIMIT: it does not lead there. */
static llmsched_status pair_information(llmsched_inference *inf, uint32_t x, uint32_t y,
                                        double *result)
{
    if (!lls_is_hidden(inf, x) || !lls_is_hidden(inf, y))
        return LLMSCHED_ERROR_LIMIT;
    double *table = inf->posterior.matrices;
    llmsched_status status = lls_path_joint(inf, x, y, table);
    if (status == LLMSCHED_OK)
        *result = table_information(table, lls_states(inf->network, x), lls_states(inf->network, y),
                                    inf->posterior.row);
    return status;
}

/* What the short way led to is final. */
static llmsched_status settled(llmsched_status status, llmsched_error *err)
{
    return status == LLMSCHED_ERROR_MEMORY ? lls_fail_memory(err) : status;
}

static llmsched_status information(llmsched_inference *inf, uint32_t x, const uint32_t *others,
                                   uint32_t count, double *result, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_ERROR_LIMIT;
    if (count == 1)
        status = pair_information(inf, x, others[0], result);
    if (status != LLMSCHED_ERROR_LIMIT)
        return settled(status, err);
    uint32_t size = lls_is_hidden(inf, x) ? screen(inf, x, others, count) : 1;
    if (size == 1) {
        *result = 0.0;
        return LLMSCHED_OK;
    }
    if (count > 1 && size == 2)
        status = pair_information(inf, x, inf->list[1], result);
    if (status != LLMSCHED_ERROR_LIMIT)
        return settled(status, err);
    const double *table = NULL;
    uint64_t entries = 0;
    status = lls_joint_table(inf, inf->list, size, &table, &entries, NULL);
    if (status == LLMSCHED_ERROR_LIMIT) {
        status = lls_sliced_information(inf, inf->list, size, result, err);
        if (status == LLMSCHED_OK && !(*result > NOISE))
            *result = 0.0;
        return status;
    }
    if (status != LLMSCHED_OK)
        return settled(status, err);
    uint64_t rows = lls_states(inf->network, x), columns = entries / rows;
    /* The arena begins with scratch that is at least as large as the table, which ends it. */
    *result = table_information(table, rows, columns, inf->joint.arena);
    return LLMSCHED_OK;
}

llmsched_status llmsched_inference_mutual_information(llmsched_inference *inference, uint32_t x,
                                                      const uint32_t *others, uint32_t count,
                                                      double *information_nats, llmsched_error *err)
{
    llmsched_status status = lls_check_node(inference, x, "mutual information", err);
    if (status == LLMSCHED_OK)
        status = check_set(inference, others, count, "mutual information", err);
    if (status != LLMSCHED_OK)
        return status;
    if (information_nats == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "mutual information: information is NULL");
    if (inference->joint.seen[x])
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "mutual information: node %u \"%.60s\" is among the others: take it out", x,
                        inference->network->names[x]);
    status = lls_possible(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    return information(inference, x, others, count, information_nats, err);
}

llmsched_status llmsched_inference_total_information(llmsched_inference *inference, uint32_t x,
                                                     double *information_nats, llmsched_error *err)
{
    llmsched_status status = lls_check_node(inference, x, "total information", err);
    if (status != LLMSCHED_OK)
        return status;
    if (information_nats == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "total information: information is NULL");
    status = lls_possible(inference, err);
    if (status != LLMSCHED_OK)
        return status;
    /* The search reaches the unobserved Markov blanket. joint.stack is free until then. */
    uint32_t *others = inference->joint.stack, count = 0;
    for (uint32_t i = 0; i < inference->network->count; i++)
        if (i != x)
            others[count++] = i;
    return information(inference, x, others, count, information_nats, err);
}
