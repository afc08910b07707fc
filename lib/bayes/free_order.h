/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures for columns without an order: what the two ways to find one share.
 */
#ifndef LLS_BAYES_FREE_ORDER_H
#define LLS_BAYES_FREE_ORDER_H

#include "bayes/families.h"

/* A structure on its way out; parents of a column ascend. */
typedef struct lls_structure {
    uint32_t *parents; /* columns * stride */
    uint32_t *parent_count;
    uint32_t stride;
    double *scores; /* per column */
} lls_structure;

/* --- optimum.c: exact, by dynamic programming over sets of columns ------------------- */

enum { LLS_OPTIMUM_COLUMNS = 20 };

/* Whether time and memory are within reason. */
bool lls_optimum_feasible(const lls_table *table, lls_score score, uint32_t max_parents);
llmsched_status lls_optimum(lls_families *families, lls_structure *to, llmsched_error *err);

/* --- search.c: local search over orders ----------------------------------------------- */

/* whole: sets of so many parents are all tried (lls_candidates_whole). */
llmsched_status lls_search(lls_families *families, uint32_t whole, uint32_t restarts, uint64_t seed,
                           lls_structure *to, llmsched_error *err);

/* Families of a column with at most so many parents, up to 1e18. */
double lls_family_count(uint32_t columns, uint32_t max_parents);

#endif
