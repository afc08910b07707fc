/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family's score is a difference of two sums, one of the set of all its columns and one of its
 * parents alone:
 *
 *     S(V) = sum over the configurations of V of f(rows that show it),
 *
 * f(n) = n ln n for BIC's likelihood, lgamma(n + a/Q) - lgamma(a/Q) with Q configurations for BDeu.
 * Of few columns the sums are kept, so that a set is counted once, whichever of its columns is the
 * child.
 */
#ifndef LLS_BAYES_SUMS_H
#define LLS_BAYES_SUMS_H

#include "bayes/score.h"

/* A sum is kept for each set of so many columns. */
enum { LLS_SUMS_COLUMNS = 20 };

typedef struct lls_sums {
    const llmsched_context *context;
    lls_scorer *scorer;
    double *sum;      /* by set, a bit per column; NULL: the table is not one for this */
    uint32_t *seen;   /* configurations that some row shows; 0: not counted yet */
    uint32_t *codes;  /* configuration by row, level after level: of the first columns of `set` */
    uint32_t *counts; /* of one set, all zero between calls */
    uint32_t count_capacity;
    uint32_t *set;
    uint32_t depth, levels, known; /* columns in set, room for them, levels that hold their codes */
} lls_sums;

/* most: columns of the largest set. */
llmsched_status lls_sums_init(lls_sums *s, lls_scorer *scorer, uint32_t most, llmsched_error *err);
/* Zeros are accepted. */
void lls_sums_finish(lls_sums *s);
/*
 * Score of the child with parents and one more, `cells` in all; neighbouring calls should share
 * their first parents. seen: cells that some row shows. *suits: false: the family is too large, and
 * nothing was done. false: no memory.
 */
bool lls_sums_score(lls_sums *s, uint32_t child, const uint32_t *parents, uint32_t count,
                    uint32_t last, uint64_t cells, double *score, uint64_t *seen, bool *suits);

#endif
