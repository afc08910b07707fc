/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of observations, as learning reads them.
 */
#include "bayes/graph.h"
#include "bayes/score.h"

#include <math.h>

uint64_t lls_family_cells(const lls_table *table, uint32_t child, const uint32_t *parents,
                          uint32_t count)
{
    uint64_t cells = table->states[child];
    for (uint32_t p = 0; p < count; p++)
        cells = lls_times(cells, table->states[parents[p]]);
    return cells;
}

static llmsched_status check_cells(const lls_table *t, llmsched_error *err)
{
    for (uint32_t c = 0; c < t->columns; c++)
        if (t->states[c] == 0 || t->states[c] > LLS_MAX_STATES)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "learn: column %u has %u states, expected 1 to %u", c, t->states[c],
                            LLS_MAX_STATES);
    for (size_t r = 0; r < t->rows; r++) {
        const uint32_t *row = t->cells + r * t->columns;
        uint32_t bad = 0;
        for (uint32_t c = 0; c < t->columns; c++)
            bad |= row[c] >= t->states[c] && row[c] != LLS_STATE_MISSING;
        for (uint32_t c = 0; bad && c < t->columns; c++) {
            uint32_t cell = t->cells[r * t->columns + c];
            if (cell != LLS_STATE_MISSING && cell >= t->states[c])
                return lls_fail(err, LLMSCHED_ERROR_INVALID,
                                "learn: row %zu, column %u: state %u, but the column has %u states",
                                r, c, cell, t->states[c]);
        }
    }
    return LLMSCHED_OK;
}

llmsched_status lls_table_check(const lls_table *table, llmsched_error *err)
{
    double total = (double)table->rows;
    if (table->rows == 0 || table->columns == 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "learn: the table has no %s",
                        table->rows == 0 ? "rows" : "columns");
    if (table->rows >= UINT32_MAX)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "learn: more than 2^32 rows: take a sample");
    for (size_t r = 0; table->weights != NULL && r < table->rows; r++)
        if (!isfinite(table->weights[r]) || table->weights[r] < 0.0)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "learn: the weight of row %zu is %g, expected a finite number >= 0", r,
                            table->weights[r]);
    if (table->weights != NULL)
        total = lls_sum(table->weights, table->rows);
    if (!(total > 0.0 && isfinite(total)))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: the weights sum to %g, expected a positive number", total);
    return check_cells(table, err);
}
