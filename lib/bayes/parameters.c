/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for a given structure: Dirichlet posterior means (algorithms.md section 2).
 */
#include "bayes/graph.h"
#include "bayes/score.h"

#include <math.h>
#include <string.h>

/* --- counts -------------------------------------------------------------------------- */

static const uint32_t *parents_of(const lls_counts *c, uint32_t column)
{
    return c->parents + (size_t)column * c->stride;
}

static llmsched_status check_families(const llmsched_context *context, const lls_table *table,
                                      const uint32_t *parents, const uint32_t *parent_count,
                                      uint32_t stride, llmsched_error *err)
{
    for (uint32_t c = 0; c < table->columns; c++) {
        if (parent_count[c] > stride)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "learn: column %u has %u parents, there is room for %u", c,
                            parent_count[c], stride);
        const uint32_t *own = parents + (size_t)c * stride;
        for (uint32_t p = 0; p < parent_count[c]; p++)
            if (own[p] >= table->columns)
                return lls_fail(err, LLMSCHED_ERROR_INVALID,
                                "learn: parent %u of column %u is no column", own[p], c);
        if (lls_family_cells(table, c, own, parent_count[c]) > context->max_table)
            return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                            "learn: the table of column %u would have more than max_table = %llu "
                            "entries: fewer parents or states, or a larger max_table",
                            c, (unsigned long long)context->max_table);
    }
    return LLMSCHED_OK;
}

static llmsched_status allocate(lls_counts *c, const lls_table *shape, const uint32_t *parents,
                                const uint32_t *parent_count, llmsched_error *err)
{
    size_t n = c->columns, room = (size_t)lls_times(n, c->stride);
    c->states = lls_calloc(c->context, n, sizeof *c->states);
    c->parents = lls_calloc(c->context, room, sizeof *c->parents);
    c->parent_count = lls_calloc(c->context, n, sizeof *c->parent_count);
    c->first = lls_calloc(c->context, n + 1, sizeof *c->first);
    if (c->states == NULL || c->parents == NULL || c->parent_count == NULL || c->first == NULL)
        return lls_fail_memory(err);
    memcpy(c->states, shape->states, n * sizeof *c->states);
    if (room > 0)
        memcpy(c->parents, parents, room * sizeof *c->parents);
    memcpy(c->parent_count, parent_count, n * sizeof *c->parent_count);
    for (uint32_t i = 0; i < c->columns; i++)
        c->first[i + 1] =
            c->first[i] + lls_family_cells(shape, i, parents_of(c, i), parent_count[i]);
    c->n = lls_calloc(c->context, (size_t)c->first[n], sizeof *c->n);
    return c->n != NULL ? LLMSCHED_OK : lls_fail_memory(err);
}

llmsched_status lls_counts_init(lls_counts *c, const llmsched_context *context,
                                const uint32_t *states, uint32_t columns, const uint32_t *parents,
                                const uint32_t *parent_count, uint32_t stride, llmsched_error *err)
{
    const lls_table shape = {.columns = columns, .states = states};
    memset(c, 0, sizeof *c);
    llmsched_status status = check_families(context, &shape, parents, parent_count, stride, err);
    if (status != LLMSCHED_OK)
        return status;
    c->context = context;
    c->columns = columns;
    c->stride = stride;
    return allocate(c, &shape, parents, parent_count, err);
}

void lls_counts_finish(lls_counts *c)
{
    if (c->context == NULL)
        return;
    lls_free(c->context, c->n);
    lls_free(c->context, c->first);
    lls_free(c->context, c->parent_count);
    lls_free(c->context, c->parents);
    lls_free(c->context, c->states);
    memset(c, 0, sizeof *c);
}

/* Index of the row's cell in the family's table, or UINT64_MAX with a gap. */
static uint64_t cell_index(const lls_counts *c, const uint32_t *row, uint32_t column)
{
    const uint32_t *parents = parents_of(c, column);
    uint64_t index = 0;
    for (uint32_t p = 0; p < c->parent_count[column]; p++) {
        if (row[parents[p]] == LLS_STATE_MISSING)
            return UINT64_MAX;
        index = index * c->states[parents[p]] + row[parents[p]];
    }
    if (row[column] == LLS_STATE_MISSING)
        return UINT64_MAX;
    return index * c->states[column] + row[column];
}

void lls_counts_add(lls_counts *c, const uint32_t *row, double weight)
{
    for (uint32_t i = 0; i < c->columns; i++) {
        uint64_t index = cell_index(c, row, i);
        if (index != UINT64_MAX)
            c->n[c->first[i] + index] += weight;
    }
}

/* Family by family, a few rows at a time: both stay in the fastest cache. */
static void add_table(lls_counts *c, const lls_table *table)
{
    enum { ROWS = 128 };
    for (size_t start = 0; start < table->rows; start += ROWS) {
        size_t end = table->rows - start < ROWS ? table->rows : start + ROWS;
        for (uint32_t i = 0; i < c->columns; i++) {
            double *n = c->n + c->first[i];
            for (size_t r = start; r < end; r++) {
                uint64_t index = cell_index(c, table->cells + r * table->columns, i);
                if (index != UINT64_MAX)
                    n[index] += table->weights != NULL ? table->weights[r] : 1.0;
            }
        }
    }
}

void lls_counts_scale(lls_counts *c, double factor)
{
    for (uint64_t i = 0; i < c->first[c->columns]; i++)
        c->n[i] *= factor;
}

/* --- tables ---------------------------------------------------------------------------- */

static void fill_table(const lls_counts *c, uint32_t column, double prior, double scale, double *to)
{
    const double *n = c->n + c->first[column];
    uint64_t cells = c->first[column + 1] - c->first[column];
    uint32_t states = c->states[column];
    for (uint64_t first = 0; first < cells; first += states) {
        double sum = lls_sum(n + first, states) * scale;
        for (uint32_t k = 0; k < states; k++)
            to[first + k] = (n[first + k] * scale + prior / states) / (sum + prior);
    }
}

llmsched_status lls_counts_network(const lls_counts *c, const char *name, const char *const *names,
                                   double prior, bool spread, double scale,
                                   llmsched_network **network, llmsched_error *err)
{
    if (!(prior > 0.0 && isfinite(prior)))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: the prior weight is %g, expected a positive number", prior);
    lls_node_spec *nodes = lls_calloc(c->context, c->columns, sizeof *nodes);
    double *tables = lls_calloc(c->context, (size_t)c->first[c->columns], sizeof *tables);
    llmsched_status status = LLMSCHED_OK;
    if (nodes == NULL || tables == NULL)
        status = lls_fail_memory(err);
    for (uint32_t i = 0; status == LLMSCHED_OK && i < c->columns; i++) {
        double *own = tables + c->first[i];
        double q = (double)((c->first[i + 1] - c->first[i]) / c->states[i]);
        fill_table(c, i, spread ? prior / q : prior, scale, own);
        nodes[i] = (lls_node_spec){names[i],         c->states[i],       NULL,
                                   parents_of(c, i), c->parent_count[i], own};
    }
    if (status == LLMSCHED_OK)
        status = lls_network_create(c->context, name, nodes, c->columns, network, err);
    lls_free(c->context, tables);
    lls_free(c->context, nodes);
    return status;
}

double lls_counts_likelihood(const lls_counts *c, const llmsched_network *network, double scale)
{
    lls_total total = {0};
    for (uint32_t i = 0; i < c->columns; i++) {
        uint64_t cells = 0;
        const double *table = llmsched_network_table(network, i, &cells);
        const double *n = c->n + c->first[i];
        for (uint64_t k = 0; k < cells; k++)
            if (n[k] > 0.0)
                lls_total_add(&total, n[k] * scale * log(table[k]));
    }
    return lls_total_value(&total);
}

/* --- of a table -------------------------------------------------------------------------- */

static llmsched_status learn(const llmsched_context *context, const lls_table *table,
                             const char *name, const char *const *names, const uint32_t *parents,
                             const uint32_t *parent_count, uint32_t stride, double weight,
                             bool spread, llmsched_network **network, llmsched_error *err)
{
    lls_counts c = {0};
    llmsched_status status = lls_table_check(table, err);
    if (status == LLMSCHED_OK)
        status = lls_counts_init(&c, context, table->states, table->columns, parents, parent_count,
                                 stride, err);
    if (status == LLMSCHED_OK)
        add_table(&c, table);
    if (status == LLMSCHED_OK)
        status = lls_counts_network(&c, name, names, weight, spread, 1.0, network, err);
    lls_counts_finish(&c);
    return status;
}

llmsched_status lls_learn_network(const llmsched_context *context, const lls_table *table,
                                  const char *name, const char *const *names,
                                  const uint32_t *parents, const uint32_t *parent_count,
                                  uint32_t parents_stride, double prior, llmsched_network **network,
                                  llmsched_error *err)
{
    return learn(context, table, name, names, parents, parent_count, parents_stride, prior, false,
                 network, err);
}

llmsched_status lls_learn_network_bdeu(const llmsched_context *context, const lls_table *table,
                                       const char *name, const char *const *names,
                                       const uint32_t *parents, const uint32_t *parent_count,
                                       uint32_t parents_stride, double ess,
                                       llmsched_network **network, llmsched_error *err)
{
    return learn(context, table, name, names, parents, parent_count, parents_stride, ess, true,
                 network, err);
}
