/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parent sets worth looking at, per column, best first: all small ones, and larger ones that grow
 * from the good ones.
 */
#ifndef LLS_BAYES_CANDIDATES_H
#define LLS_BAYES_CANDIDATES_H

#include "bayes/free_order.h"

typedef struct lls_candidate {
    double score;
    uint32_t first, count; /* its parents, ascending, from here in the list */
} lls_candidate;

typedef struct lls_candidate_list {
    lls_candidate *items;
    uint32_t count, capacity;
} lls_candidate_list;

typedef struct lls_candidates {
    lls_families *families;
    lls_candidate_list *columns; /* per child */
    uint32_t *parents;
    uint32_t parent_count, parent_capacity;
    uint32_t whole; /* sets of so many parents have all been tried */
    lls_map tried;  /* (child, set of two or more) that is in the lists or larger than `whole` */
    double *worth;  /* of the tried, by the map's value; 0: not in the lists */
    uint32_t worth_count, worth_capacity;
    uint32_t *key;    /* child and set */
    uint32_t *subset; /* the same, of a subset */
    double *single; /* of the present child: score with this parent alone, no less than with none */
    double *none;   /* per child: score without parents */
    uint32_t added; /* since the last sort */
} lls_candidates;

/* How large the sets can be of which all are tried within reason. */
uint32_t lls_candidates_whole(const lls_families *families);
/* Tries all sets of at most `whole` parents, then lets the best grow. */
llmsched_status lls_candidates_init(lls_candidates *c, lls_families *families, uint32_t whole,
                                    llmsched_error *err);
/* Zeros are accepted. */
void lls_candidates_finish(lls_candidates *c);
const uint32_t *lls_candidate_parents(const lls_candidates *c, const lls_candidate *candidate);
/* Tries the set with each column added, and with each of its members taken out or exchanged. */
bool lls_candidates_explore(lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size);
/* Best first: by score, then fewer parents, then lower columns. */
void lls_candidates_sort(lls_candidates *c);

#endif
