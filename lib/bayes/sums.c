/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/sums.h"

#include "bayes/graph.h"

#include <string.h>

/* Beyond this a table of counts is slow to walk through at random. */
enum { MOST_CELLS = 1 << 20 };

llmsched_status lls_sums_init(lls_sums *s, lls_scorer *scorer, uint32_t most, llmsched_error *err)
{
    const lls_table *t = scorer->table;
    *s = (lls_sums){.context = scorer->context, .scorer = scorer, .levels = most};
    bool suits = t->columns <= LLS_SUMS_COLUMNS && scorer->row_weights == NULL;
    for (uint32_t c = 0; c < t->columns; c++)
        suits &= !scorer->gaps[c];
    if (!suits)
        return LLMSCHED_OK;
    size_t sets = (size_t)1 << t->columns;
    s->seen = lls_calloc(s->context, sets, sizeof *s->seen);
    s->codes = lls_calloc(s->context, (size_t)lls_times(t->rows, most), sizeof *s->codes);
    s->set = lls_calloc(s->context, most, sizeof *s->set);
    s->sum = lls_calloc(s->context, sets, sizeof *s->sum);
    return s->seen != NULL && s->codes != NULL && s->set != NULL && s->sum != NULL
               ? LLMSCHED_OK
               : lls_fail_memory(err);
}

void lls_sums_finish(lls_sums *s)
{
    if (s->context == NULL)
        return;
    lls_free(s->context, s->counts);
    lls_free(s->context, s->sum);
    lls_free(s->context, s->set);
    lls_free(s->context, s->codes);
    lls_free(s->context, s->seen);
    memset(s, 0, sizeof *s);
}

/* --- counting one set ---------------------------------------------------------------------- */

/* The first columns of the set to come; codes of those that stay are kept. */
static void begin(lls_sums *s, const uint32_t *columns, uint32_t count)
{
    uint32_t same = 0;
    while (same < count && same < s->depth && s->set[same] == columns[same])
        same++;
    memcpy(s->set + same, columns + same, (count - same) * sizeof *columns);
    s->depth = count;
    s->known = s->known < same ? s->known : same;
}

static const uint32_t *codes_of(lls_sums *s)
{
    size_t rows = s->scorer->table->rows;
    for (; s->known < s->depth; s->known++) {
        uint32_t column = s->set[s->known], states = s->scorer->table->states[column];
        const uint32_t *cells = lls_scorer_column(s->scorer, column);
        uint32_t *to = s->codes + s->known * rows;
        if (s->known == 0)
            memcpy(to, cells, rows * sizeof *to);
        for (size_t r = 0; s->known > 0 && r < rows; r++)
            to[r] = to[r - rows] * states + cells[r];
    }
    return s->codes + (s->depth - 1) * rows;
}

static double term(lls_memo *memo, uint32_t n)
{
    return n < memo->known ? memo->values[n] : lls_memo_value(memo, n);
}

/* Adds f of each count, and clears it: of few cells in their order, of many in the order of the
 * rows that show them first. */
static double add_up(lls_sums *s, const uint32_t *codes, const uint32_t *own, uint32_t states,
                     size_t cells, lls_memo *memo, uint32_t *seen)
{
    size_t rows = s->scorer->table->rows, n = cells < rows ? cells : rows;
    uint32_t *counts = s->counts;
    double sum = 0.0;
    *seen = 0;
    for (size_t r = 0; r < rows; r++)
        counts[codes[r] * states + own[r]]++;
    for (size_t i = 0; i < n; i++) {
        uint32_t *count = cells < rows ? &counts[i] : &counts[codes[i] * states + own[i]];
        if (*count == 0)
            continue;
        sum += term(memo, *count);
        *count = 0;
        ++*seen;
    }
    return sum;
}

/* The set's last column is apart. */
static bool count_set(lls_sums *s, uint32_t last, uint64_t cells, uint32_t mask)
{
    uint32_t before = s->count_capacity;
    double alpha = s->scorer->score == LLS_SCORE_BDEU ? s->scorer->ess / (double)cells : 0.0;
    lls_memo *memo = lls_memo_of(s->scorer, alpha, NULL);
    if (memo == NULL || !lls_grow(s->context, (void **)&s->counts, &s->count_capacity,
                                  (size_t)cells, sizeof *s->counts))
        return false;
    memset(s->counts + before, 0, (s->count_capacity - before) * sizeof *s->counts);
    s->sum[mask] = add_up(s, codes_of(s), lls_scorer_column(s->scorer, last),
                          s->scorer->table->states[last], (size_t)cells, memo, &s->seen[mask]);
    return true;
}

/* --- families --------------------------------------------------------------------------------- */

bool lls_sums_score(lls_sums *s, uint32_t child, const uint32_t *parents, uint32_t count,
                    uint32_t last, uint64_t cells, double *score, uint64_t *seen, bool *suits)
{
    uint32_t columns[LLS_SUMS_COLUMNS], above = UINT32_C(1) << last, all;
    *suits = s->sum != NULL && cells <= MOST_CELLS && count > 0;
    if (!*suits)
        return true;
    columns[count] = child;
    for (uint32_t i = 0; i < count; i++) {
        columns[i] = parents[i];
        above |= UINT32_C(1) << parents[i];
    }
    all = above | UINT32_C(1) << child;
    if (s->seen[above] == 0) {
        begin(s, columns, count);
        if (!count_set(s, last, cells / s->scorer->table->states[child], above))
            return false;
    }
    if (s->seen[all] == 0) {
        begin(s, columns, count + 1);
        if (!count_set(s, last, cells, all))
            return false;
    }
    *seen = s->seen[all];
    *score = s->sum[all] - s->sum[above];
    if (s->scorer->score == LLS_SCORE_BIC)
        *score -= lls_score_penalty(s->scorer, child, cells);
    return true;
}
