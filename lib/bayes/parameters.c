/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for a given structure: Dirichlet posterior means (algorithms.md section 2).
 */
#include "bayes/graph.h"
#include "bayes/score.h"

#include <math.h>

typedef struct family {
    const uint32_t *parents;
    uint32_t count;
    uint64_t cells;
} family;

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

/* Index of the row's cell in the family's table (parents[0] slowest), or UINT64_MAX with a gap. */
static uint64_t cell_index(const lls_table *table, size_t row, uint32_t child, const family *f)
{
    const uint32_t *cells = table->cells + row * table->columns;
    uint64_t index = 0;
    for (uint32_t p = 0; p < f->count; p++) {
        if (cells[f->parents[p]] == LLS_STATE_MISSING)
            return UINT64_MAX;
        index = index * table->states[f->parents[p]] + cells[f->parents[p]];
    }
    if (cells[child] == LLS_STATE_MISSING)
        return UINT64_MAX;
    return index * table->states[child] + cells[child];
}

static void fill_table(const lls_table *table, uint32_t child, const family *f, double prior,
                       double *to)
{
    uint32_t states = table->states[child];
    for (size_t row = 0; row < table->rows; row++) {
        uint64_t index = cell_index(table, row, child, f);
        if (index != UINT64_MAX)
            to[index] += table->weights != NULL ? table->weights[row] : 1.0;
    }
    for (uint64_t first = 0; first < f->cells; first += states) {
        double sum = lls_sum(to + first, states);
        for (uint32_t k = 0; k < states; k++)
            to[first + k] = (to[first + k] + prior / states) / (sum + prior);
    }
}

/* spread: the weight is that of the whole table (BDeu), not of one configuration. */
static llmsched_status learn(const llmsched_context *context, const lls_table *table,
                             const char *name, const char *const *names, const uint32_t *parents,
                             const uint32_t *parent_count, uint32_t stride, double weight,
                             bool spread, llmsched_network **network, llmsched_error *err)
{
    if (!(weight > 0.0 && isfinite(weight)))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: the prior weight is %g, expected a positive number", weight);
    llmsched_status status = lls_table_check(table, err);
    if (status == LLMSCHED_OK)
        status = check_families(context, table, parents, parent_count, stride, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_node_spec *nodes = lls_calloc(context, table->columns, sizeof *nodes);
    if (nodes == NULL)
        return lls_fail_memory(err);
    for (uint32_t c = 0; c < table->columns && status == LLMSCHED_OK; c++) {
        family f = {parents + (size_t)c * stride, parent_count[c], 0};
        f.cells = lls_family_cells(table, c, f.parents, f.count);
        double *values = lls_calloc(context, f.cells, sizeof *values);
        nodes[c] = (lls_node_spec){names[c], table->states[c], NULL, f.parents, f.count, values};
        double q = (double)(f.cells / table->states[c]);
        if (values == NULL)
            status = lls_fail_memory(err);
        else
            fill_table(table, c, &f, spread ? weight / q : weight, values);
    }
    if (status == LLMSCHED_OK)
        status = lls_network_create(context, name, nodes, table->columns, network, err);
    for (uint32_t c = 0; c < table->columns; c++)
        lls_free(context, (void *)nodes[c].table);
    lls_free(context, nodes);
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
