/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores of one family (a column and its parents), from counts:
 *
 *     BIC  = sum_jk N_jk ln(N_jk / N_j) - ln(N) / 2 * (r - 1) q
 *     BDeu = sum_j [lgamma(a/q) - lgamma(N_j + a/q) + sum_k (lgamma(N_jk + a/(qr)) -
 * lgamma(a/(qr)))]
 *
 * with r states, q parent configurations of the declared states, seen or not. Rows with a missing
 * cell in the family are not counted, and the likelihood part is then scaled from the weight
 * counted to N, the weight of all rows.
 */
#ifndef LLS_BAYES_SCORE_H
#define LLS_BAYES_SCORE_H

#include "bayes/internal.h"

/* --- table.c ---------------------------------------------------------------------- */

/* States in range, weights finite and of a positive sum, at least one row and column. */
llmsched_status lls_table_check(const lls_table *table, llmsched_error *err);
/* Cells of the family's table, UINT64_MAX beyond 64 bits. */
uint64_t lls_family_cells(const lls_table *table, uint32_t child, const uint32_t *parents,
                          uint32_t count);

/* --- score.c ---------------------------------------------------------------------- */

/* Values of a function of whole numbers from 0 on, as far as they have been asked for. */
typedef struct lls_memo {
    double alpha; /* lgamma(n + alpha) - lgamma(alpha); 0: n ln n */
    double *values;
    uint32_t known;
    double error; /* of the last sum of logarithms, by compensation */
} lls_memo;

/* Counts below this are looked up. */
#define LLS_MEMO_SIZE 16384u

typedef struct lls_scorer {
    const llmsched_context *context;
    const lls_table *table;
    lls_score score;
    double ess;
    double total;              /* N */
    const double *row_weights; /* NULL: 1 each, also where the table says so */
    uint32_t *cells;           /* column after column */
    bool *gaps;                /* per column: has missing cells */
    uint32_t *prefixes; /* per level: the configuration of the parents before, by row; LLS_NONE32: a
                           gap */
    uint32_t levels;    /* of prefixes */
    uint32_t *counts;   /* N_jk, all zero between calls */
    double *weights;    /* the same where rows have weights */
    uint8_t *marks;     /* per configuration: it has been seen */
    uint32_t *seen;     /* those configurations, in order of their first row */
    uint32_t cell_capacity, weight_capacity, mark_capacity;
    lls_memo *memos;
    uint32_t memo_next;
    double tie; /* scores this close are equal: what rounding may do to a sum over all rows */
} lls_scorer;

/* Copies the table column by column; max_parents as large as any family to come. */
llmsched_status lls_scorer_init(lls_scorer *s, const llmsched_context *context,
                                const lls_table *table, lls_score score, double ess,
                                uint32_t max_parents, llmsched_error *err);
/* Zeros are accepted. */
void lls_scorer_finish(lls_scorer *s);

const uint32_t *lls_scorer_column(const lls_scorer *s, uint32_t column);

/* The function for this alpha; `keep`: one that must not make room for it. NULL: no memory. */
lls_memo *lls_memo_of(lls_scorer *s, double alpha, const lls_memo *keep);
/* Makes every whole number up to `most` known, as far as they are looked up at all. */
void lls_memo_reach(lls_memo *m, double most);
double lls_memo_value(lls_memo *m, double n);

/* ln(N) / 2 times the free parameters of a family with so many cells. */
double lls_score_penalty(const lls_scorer *s, uint32_t child, uint64_t cells);
/* No set of parents with this many cells scores more (BIC: the likelihood part is at most 0). */
double lls_score_bound(const lls_scorer *s, uint32_t child, uint64_t cells);
/*
 * The score of a family; parents: those before `same` are as in the call before, so that their
 * configurations need not be computed again. Cells must be at most max_table and 2^31. false: no
 * memory.
 */
bool lls_score_family(lls_scorer *s, uint32_t child, const uint32_t *parents, uint32_t count,
                      uint32_t same, double *score);

#endif
