/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expectation of a product of functions of single nodes under the posterior. With f the node's own
 * factor, a bucket tells its parent
 *
 *     Q(x) = sum_s P(s | x) f(s) prod_c Q_c(s, x)
 *
 * for each separator x. With f(s) = exp(t v(s)) this is the transform of a sum's distribution at t:
 * numbers are multiplied where distributions would be convolved.
 */
#include "bayes/conditional.h"

#include <string.h>

enum { WIDTH = 2 * LLS_LANES }; /* of a complex entry: its real parts, then its imaginary ones */

struct lls_products {
    llmsched_inference *inference;
    bool quick;
    uint8_t *shares;  /* per bucket: its node has factors of its own */
    uint64_t *places; /* per bucket: its first entry; UINT64_MAX: nothing in or below it shares */
    uint32_t *states; /* per node */
    double *messages; /* entries */
    double *rows;     /* one entry per state of a node */
    uint64_t cost;
};

/* a *= b */
static void multiply(double *restrict a, const double *restrict b)
{
    for (uint32_t l = 0; l < LLS_LANES; l++) {
        double re = a[l] * b[l] - a[LLS_LANES + l] * b[LLS_LANES + l];
        a[LLS_LANES + l] = a[l] * b[LLS_LANES + l] + a[LLS_LANES + l] * b[l];
        a[l] = re;
    }
}

static void start_rows(const lls_products *p, uint32_t bucket, size_t rows, const double *factors)
{
    const llmsched_inference *inf = p->inference;
    uint32_t node = inf->tree.buckets[bucket].node, seen = inf->observed[node];
    if (p->shares[bucket]) {
        size_t first = inf->network->state_offset[node] + (seen != LLS_NONE32 ? seen : 0);
        memcpy(p->rows, factors + first * WIDTH, rows * WIDTH * sizeof(double));
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (uint32_t l = 0; l < WIDTH; l++)
            p->rows[r * WIDTH + l] = l < LLS_LANES;
}

/* One entry of the bucket's message. Its node must have state 0. */
static void settle(const lls_products *p, uint32_t bucket, const double *factors, double *out)
{
    const lls_bucket *b = &p->inference->tree.buckets[bucket];
    const uint32_t *children = p->inference->tree.sources + b->operand + b->table_count;
    lls_conditional c = lls_conditional_at(p->inference, p->quick, bucket, p->states);
    start_rows(p, bucket, c.count, factors);
    for (uint32_t k = 0; k < b->child_count; k++) {
        if (p->places[children[k]] == UINT64_MAX)
            continue;
        const double *below =
            p->messages +
            (p->places[children[k]] + lls_separator_column(p->inference, children[k], p->states)) *
                WIDTH;
        for (size_t r = 0; r < c.count; r++)
            multiply(p->rows + r * WIDTH, below + r * WIDTH);
    }
    memset(out, 0, WIDTH * sizeof *out);
    for (size_t r = 0; r < c.count; r++) {
        double weight = c.sum > 0.0 ? c.row[r * c.stride] / c.sum : 0.0;
        for (uint32_t l = 0; l < WIDTH; l++)
            out[l] += weight * p->rows[r * WIDTH + l];
    }
}

void lls_products_expect(lls_products *p, const double *factors, double *result)
{
    const lls_tree *tree = &p->inference->tree;
    for (uint32_t l = 0; l < WIDTH; l++)
        result[l] = l < LLS_LANES;
    for (uint32_t i = 0; i < tree->count; i++) {
        if (p->places[i] == UINT64_MAX)
            continue;
        double *out = p->messages + p->places[i] * WIDTH;
        size_t columns = lls_separator_columns(p->inference, i);
        lls_separator_first(p->inference, i, p->states);
        p->states[tree->buckets[i].node] = 0;
        for (size_t column = 0; column < columns; column++) {
            settle(p, i, factors, out + column * WIDTH);
            lls_separator_next(p->inference, i, p->states);
        }
        if (tree->buckets[i].parent == LLS_NONE32)
            multiply(result, out);
    }
}

/* Gives the buckets that matter their places; returns the number of entries. */
static uint64_t place(lls_products *p, const uint8_t *shares)
{
    const llmsched_inference *inf = p->inference;
    uint64_t entries = 0;
    for (uint32_t i = 0; i < inf->tree.count; i++)
        p->places[i] = UINT64_MAX;
    for (uint32_t i = 0; i < inf->tree.count; i++) {
        const lls_bucket *b = &inf->tree.buckets[i];
        p->shares[i] = shares[b->node];
        if (p->shares[i] == 0 && p->places[i] == UINT64_MAX)
            continue;
        uint64_t columns = lls_separator_columns(inf, i);
        p->places[i] = entries;
        entries += columns;
        p->cost += columns * lls_extent(inf, b->node);
        if (b->parent != LLS_NONE32) {
            p->places[b->parent] = 0; /* to be found when its turn comes */
            p->cost += columns;
        }
    }
    return entries;
}

static llmsched_status allocate(lls_products *p, const uint8_t *shares, uint64_t limit,
                                llmsched_error *err)
{
    const llmsched_context *c = p->inference->context;
    const llmsched_network *n = p->inference->network;
    size_t most = 1;
    for (uint32_t i = 0; i < n->count; i++)
        most = lls_states(n, i) > most ? lls_states(n, i) : most;
    if ((p->shares = lls_calloc(c, n->count, sizeof *p->shares)) == NULL ||
        (p->places = lls_calloc(c, n->count, sizeof *p->places)) == NULL ||
        (p->states = lls_calloc(c, n->count, sizeof *p->states)) == NULL ||
        (p->rows = lls_calloc(c, most, WIDTH * sizeof(double))) == NULL)
        return lls_fail_memory(err);
    uint64_t entries = place(p, shares);
    if (p->cost > limit)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "the network \"%.60s\" is too wide for the exact distribution of a sum: "
                        "ask for samples",
                        n->name);
    p->messages = lls_calloc(c, entries, WIDTH * sizeof(double));
    return p->messages != NULL ? LLMSCHED_OK : lls_fail_memory(err);
}

llmsched_status lls_products_open(llmsched_inference *inference, const uint8_t *shares,
                                  uint64_t limit, lls_products **products, llmsched_error *err)
{
    bool quick = false;
    llmsched_status status = lls_conditional_begin(inference, &quick, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_products *p = lls_calloc(inference->context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    p->inference = inference;
    p->quick = quick;
    status = allocate(p, shares, limit, err);
    if (status != LLMSCHED_OK) {
        lls_products_close(p);
        return status;
    }
    *products = p;
    return LLMSCHED_OK;
}

uint64_t lls_products_cost(const lls_products *products)
{
    return products->cost;
}

void lls_products_close(lls_products *p)
{
    if (p == NULL)
        return;
    const llmsched_context *c = p->inference->context;
    lls_free(c, p->shares);
    lls_free(c, p->places);
    lls_free(c, p->states);
    lls_free(c, p->rows);
    lls_free(c, p->messages);
    lls_free(c, p);
}
