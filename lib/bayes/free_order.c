/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure without an order of the columns (algorithms.md section 2): the exact optimum where it
 * can be had, a search over orders elsewhere; then the width guard by the order found.
 */
#include "bayes/candidates.h"

#include "bayes/graph.h"

#include <math.h>
#include <string.h>

double lls_family_count(uint32_t columns, uint32_t max_parents)
{
    double sum = 1.0, term = 1.0;
    for (uint32_t k = 1; k <= max_parents && k < columns && sum < 1e18; k++) {
        term *= (double)(columns - k) / k;
        sum += term;
    }
    return sum;
}

static llmsched_status check(const lls_table *table, const lls_learn_options *o,
                             llmsched_error *err)
{
    if (o->score != LLS_SCORE_BIC && o->score != LLS_SCORE_BDEU)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "learn: unknown score %d", (int)o->score);
    if (o->score == LLS_SCORE_BDEU && !(o->ess > 0.0 && isfinite(o->ess)))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: the equivalent sample size is %g, expected a positive number",
                        o->ess);
    if (o->forbidden != NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: arcs can be forbidden only where the order is given");
    return lls_table_check(table, err);
}

static llmsched_status find(const llmsched_context *context, const lls_table *table,
                            const lls_learn_options *o, lls_structure *to, llmsched_error *err)
{
    lls_families families;
    llmsched_status status =
        lls_families_init(&families, context, table, o->score, o->ess, o->max_parents, err);
    if (status == LLMSCHED_OK)
        status = lls_optimum_feasible(table, o->score, families.most)
                     ? lls_optimum(&families, to, err)
                     : lls_search(&families, lls_candidates_whole(&families), o->restarts, o->seed,
                                  to, err);
    lls_families_finish(&families);
    return status;
}

/* --- the guard ---------------------------------------------------------------------- */

/* Columns so that parents come first; of several the lowest. order: room for 2 * columns. */
static void sort_columns(const lls_structure *s, uint32_t columns, uint32_t *order)
{
    uint32_t *placed = order + columns, count = 0;
    memset(placed, 0, columns * sizeof *placed);
    while (count < columns)
        for (uint32_t c = 0; c < columns; c++) {
            bool ready = !placed[c];
            for (uint32_t p = 0; p < s->parent_count[c]; p++)
                ready &= placed[s->parents[(size_t)c * s->stride + p]] != 0;
            if (!ready)
                continue;
            placed[c] = 1;
            order[count++] = c;
            break;
        }
}

static void sort_ascending(uint32_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t value = values[i], at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

/* Learns again with the order known, and the guard. */
static llmsched_status guard(const llmsched_context *context, const lls_table *t,
                             const lls_learn_options *o, lls_structure *s, double *score,
                             llmsched_error *err)
{
    size_t n = t->columns;
    llmsched_status status = LLMSCHED_OK;
    uint32_t *cells = lls_calloc(context, (size_t)lls_times(t->rows, n), sizeof *cells);
    uint32_t *order = lls_calloc(context, 2 * n, sizeof *order);
    uint32_t *states = lls_calloc(context, n, sizeof *states);
    uint32_t *parents = lls_calloc(context, n * s->stride, sizeof *parents);
    uint32_t *counts = lls_calloc(context, n, sizeof *counts);
    if (cells == NULL || order == NULL || states == NULL || parents == NULL || counts == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK) {
        sort_columns(s, t->columns, order);
        for (uint32_t c = 0; c < n; c++)
            states[c] = t->states[order[c]];
        for (size_t r = 0; r < t->rows; r++)
            for (uint32_t c = 0; c < n; c++)
                cells[r * n + c] = t->cells[r * n + order[c]];
        const lls_table sorted = {cells, t->rows, t->columns, states, t->weights};
        status = lls_learn_structure(context, &sorted, o, parents, counts, score, err);
    }
    for (uint32_t c = 0; status == LLMSCHED_OK && c < n; c++) {
        uint32_t *to = s->parents + (size_t)order[c] * s->stride;
        s->parent_count[order[c]] = counts[c];
        for (uint32_t p = 0; p < counts[c]; p++)
            to[p] = order[parents[(size_t)c * o->max_parents + p]];
        sort_ascending(to, counts[c]);
    }
    lls_free(context, counts);
    lls_free(context, parents);
    lls_free(context, states);
    lls_free(context, order);
    lls_free(context, cells);
    return status;
}

/* --- all together ---------------------------------------------------------------------- */

llmsched_status lls_learn_free(const llmsched_context *context, const lls_table *table,
                               const lls_learn_options *options, uint32_t *parents,
                               uint32_t *parent_count, double *score, llmsched_error *err)
{
    llmsched_status status = check(table, options, err);
    if (status != LLMSCHED_OK)
        return status;
    size_t n = table->columns, room = (size_t)lls_times(n, options->max_parents);
    double total = 0.0;
    lls_structure s = {.stride = options->max_parents};
    s.parents = lls_calloc(context, room, sizeof *s.parents);
    s.parent_count = lls_calloc(context, n, sizeof *s.parent_count);
    s.scores = lls_calloc(context, n, sizeof *s.scores);
    if (s.parents == NULL || s.parent_count == NULL || s.scores == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK)
        status = find(context, table, options, &s, err);
    if (status == LLMSCHED_OK)
        total = lls_sum(s.scores, n);
    if (status == LLMSCHED_OK && options->max_clique > 0)
        status = guard(context, table, options, &s, &total, err);
    if (status == LLMSCHED_OK) {
        if (room > 0)
            memcpy(parents, s.parents, room * sizeof *parents);
        memcpy(parent_count, s.parent_count, n * sizeof *parent_count);
        if (score != NULL)
            *score = total;
    }
    lls_free(context, s.scores);
    lls_free(context, s.parent_count);
    lls_free(context, s.parents);
    return status;
}
