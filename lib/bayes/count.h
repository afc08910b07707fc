/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores of many families that differ in one parent only, in one pass over the rows: neighbouring
 * columns are joined into groups, a group's states are counted together with the configuration of
 * child and common parents, and the counts of each member come from those by addition.
 */
#ifndef LLS_BAYES_COUNT_H
#define LLS_BAYES_COUNT_H

#include "bayes/bits.h"
#include "bayes/sums.h"

/* Columns first .. first + count - 1 as one of `cells` states, the first column slowest. */
typedef struct lls_column_group {
    uint32_t first, count, cells;
} lls_column_group;

typedef struct lls_counter {
    lls_scorer *scorer;
    lls_bits bits; /* for small families */
    lls_sums sums; /* for large ones, where the caller has made them */
    bool plain;    /* rows count 1 each; else every family goes to the scorer */
    uint32_t limit;
    uint16_t *columns; /* NULL until a histogram is wanted; those of at most `limit` states, column
                          after column */
    lls_column_group *groups;
    uint32_t group_count;
    uint16_t *codes;  /* of the groups, group after group; a group of one: not used */
    uint32_t *counts; /* two histograms, so that equal neighbours do not wait for each other */
    uint32_t *family; /* counts of one family */
    double *totals;   /* N_j of one family */
    uint16_t *levels; /* configuration of the child and the first parents, by row, child fastest */
    uint64_t *level_cells;
    uint32_t *set; /* the common parents, and room for one more */
    uint32_t depth, most;
    uint32_t extended; /* levels that hold their configurations */
    uint32_t known;    /* first parents whose configurations the scorer still holds */
    uint32_t child;
} lls_counter;

/* most: parents of the largest family to come. */
llmsched_status lls_counter_init(lls_counter *c, lls_scorer *scorer, uint32_t most,
                                 llmsched_error *err);
/* Zeros are accepted. */
void lls_counter_finish(lls_counter *c);

/* Begins with a child and no parents. */
void lls_counter_begin(lls_counter *c, uint32_t child);
/* Adds a common parent, or takes the last one away. */
void lls_counter_push(lls_counter *c, uint32_t parent);
void lls_counter_pop(lls_counter *c);
/*
 * Scores of the child with the common parents and each of these columns (ascending) in turn, and
 * the numbers of cells that some row shows (0: not known). last NULL, count 1: the
 * common parents alone. false: no memory.
 */
bool lls_counter_score(lls_counter *c, const uint32_t *last, uint32_t count, double *scores,
                       uint64_t *seen);

#endif
