/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public call: a table in, a network out.
 */
#include "bayes/graph.h"

#include <math.h>
#include <stdio.h>

enum { DEFAULT_PARENTS = 2, DEFAULT_RESTARTS = 200, NAME_BYTES = 12 };
static const double DEFAULT_EQUIVALENT_SIZE = 10.0;

/* What the caller left out, and room for the structure. */
typedef struct lesson {
    const llmsched_context *context;
    lls_table table;
    lls_learn_options options;
    bool free_order;
    uint32_t *states;
    char *digits; /* of names made here */
    const char **names;
    uint32_t *parents, *parent_count;
    uint32_t stride;
} lesson;

static llmsched_status read_options(const llmsched_learn_options *given, lesson *l,
                                    llmsched_error *err)
{
    llmsched_learn_options o;
    llmsched_status status =
        lls_sized_in(&o, sizeof o, given, sizeof o, "llmsched_learn_options", err);
    if (status != LLMSCHED_OK)
        return status;
    if (o.order > LLMSCHED_ORDER_FREE)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: order is %u, expected LLMSCHED_ORDER_GIVEN or _FREE", o.order);
    if (o.score > LLMSCHED_SCORE_BDEU)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: score is %u, expected LLMSCHED_SCORE_BIC or _BDEU", o.score);
    if (o.no_arcs > 1)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "learn: no_arcs is %u, expected 0 or 1",
                        o.no_arcs);
    if (!(o.equivalent_size >= 0.0 && isfinite(o.equivalent_size)))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: the equivalent sample size is %g, expected a positive number",
                        o.equivalent_size);
    l->free_order = o.order == LLMSCHED_ORDER_FREE;
    l->options = (lls_learn_options){
        .score = o.score == LLMSCHED_SCORE_BDEU ? LLS_SCORE_BDEU : LLS_SCORE_BIC,
        .ess = o.equivalent_size > 0.0 ? o.equivalent_size : DEFAULT_EQUIVALENT_SIZE,
        .max_parents = o.no_arcs           ? 0
                       : o.max_parents > 0 ? o.max_parents
                                           : DEFAULT_PARENTS,
        .max_clique = o.max_clique,
        .seed = o.seed,
        .restarts = o.restarts > 0 ? o.restarts : DEFAULT_RESTARTS};
    return LLMSCHED_OK;
}

static llmsched_status read_table(const llmsched_table *given, lesson *l, llmsched_table *t,
                                  llmsched_error *err)
{
    llmsched_status status = lls_sized_in(t, sizeof *t, given, sizeof *t, "llmsched_table", err);
    if (status != LLMSCHED_OK)
        return status;
    if (t->rows == 0 || t->columns == 0 || t->cells == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "learn: the table has no %s",
                        t->rows == 0      ? "rows"
                        : t->columns == 0 ? "columns"
                                          : "cells");
    if (t->rows >= UINT32_MAX || t->columns >= UINT32_MAX)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "learn: the table has %llu rows and %u columns, expected fewer than 2^32 "
                        "of each: take a sample",
                        (unsigned long long)t->rows, t->columns);
    l->table = (lls_table){.cells = t->cells,
                           .rows = (size_t)t->rows,
                           .columns = t->columns,
                           .states = t->states,
                           .weights = t->weights};
    return LLMSCHED_OK;
}

/* Largest index + 1 of each column. */
static llmsched_status count_states(lesson *l, llmsched_error *err)
{
    const lls_table *t = &l->table;
    for (size_t r = 0; r < t->rows; r++)
        for (uint32_t c = 0; c < t->columns; c++) {
            uint32_t cell = t->cells[r * t->columns + c];
            if (cell == LLS_STATE_MISSING)
                continue;
            if (cell >= LLS_MAX_STATES)
                return lls_fail(err, LLMSCHED_ERROR_INVALID,
                                "learn: row %zu, column %u: state %u, expected 0 to %u", r, c, cell,
                                LLS_MAX_STATES - 1);
            if (cell >= l->states[c])
                l->states[c] = cell + 1;
        }
    for (uint32_t c = 0; c < t->columns; c++)
        if (l->states[c] == 0)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "learn: column %u has no known state: leave it out, or say how many "
                            "states it has",
                            c);
    l->table.states = l->states;
    return LLMSCHED_OK;
}

static llmsched_status take_names(lesson *l, const char *const *names, llmsched_error *err)
{
    for (uint32_t c = 0; c < l->table.columns; c++) {
        char *digits = l->digits + (size_t)c * NAME_BYTES;
        snprintf(digits, NAME_BYTES, "%u", c);
        l->names[c] = names != NULL ? names[c] : digits;
        if (l->names[c] == NULL || !lls_utf8_valid(l->names[c]))
            return lls_fail(err, LLMSCHED_ERROR_INVALID, "learn: the name of column %u is %s", c,
                            l->names[c] == NULL ? "NULL" : "not UTF-8");
    }
    return LLMSCHED_OK;
}

static llmsched_status prepare(lesson *l, const llmsched_table *t, llmsched_error *err)
{
    size_t columns = t->columns;
    const uint32_t most = t->columns - 1;
    l->options.max_parents = l->options.max_parents < most ? l->options.max_parents : most;
    l->stride = l->options.max_parents;
    l->states = lls_calloc(l->context, columns, sizeof *l->states);
    l->digits = lls_calloc(l->context, columns, NAME_BYTES);
    l->names = lls_calloc(l->context, columns, sizeof *l->names);
    l->parents = lls_calloc(l->context, (size_t)lls_times(columns, l->stride), sizeof *l->parents);
    l->parent_count = lls_calloc(l->context, columns, sizeof *l->parent_count);
    if (l->states == NULL || l->digits == NULL || l->names == NULL || l->parents == NULL ||
        l->parent_count == NULL)
        return lls_fail_memory(err);
    llmsched_status status = t->states == NULL ? count_states(l, err) : LLMSCHED_OK;
    return status == LLMSCHED_OK ? take_names(l, t->names, err) : status;
}

static void finish(lesson *l)
{
    lls_free(l->context, l->parent_count);
    lls_free(l->context, l->parents);
    lls_free(l->context, l->names);
    lls_free(l->context, l->digits);
    lls_free(l->context, l->states);
}

llmsched_status llmsched_network_learn(llmsched_context *context, const llmsched_table *table,
                                       const llmsched_learn_options *options,
                                       llmsched_network **network, double *score,
                                       llmsched_error *err)
{
    if (context == NULL || table == NULL || network == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "learn: %s is NULL",
                        context == NULL ? "context"
                        : table == NULL ? "table"
                                        : "network");
    lesson l = {.context = context};
    llmsched_table t;
    double total = 0.0;
    llmsched_status status = read_options(options, &l, err);
    if (status == LLMSCHED_OK)
        status = read_table(table, &l, &t, err);
    if (status != LLMSCHED_OK)
        return status;
    status = prepare(&l, &t, err);
    if (status == LLMSCHED_OK)
        status = (l.free_order ? lls_learn_free : lls_learn_structure)(
            context, &l.table, &l.options, l.parents, l.parent_count, &total, err);
    if (status == LLMSCHED_OK)
        status = lls_learn_network_bdeu(context, &l.table, "", l.names, l.parents, l.parent_count,
                                        l.stride, l.options.ess, network, err);
    if (status == LLMSCHED_OK && score != NULL)
        *score = total;
    finish(&l);
    return status;
}
