/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All parent sets of a child that may matter, with their scores: by size, then by columns.
 */
#ifndef LLS_BAYES_FAMILIES_H
#define LLS_BAYES_FAMILIES_H

#include "bayes/count.h"

/*
 * What the caller decides and takes. pick: indices into the allowed columns, ascending.
 * may_matter: false promises that neither the set nor any set that contains it is wanted.
 * take: seen is the number of the family's cells with a row, 0 where it is not known; false: no
 * memory.
 */
typedef struct lls_family_visitor {
    void *user;
    bool (*may_matter)(void *user, const uint32_t *pick, uint32_t size, uint64_t cells);
    bool (*take)(void *user, const uint32_t *pick, uint32_t size, double score, uint64_t seen);
} lls_family_visitor;

typedef struct lls_families {
    const llmsched_context *context;
    const lls_table *table;
    lls_scorer scorer;
    lls_counter counter;
    uint32_t most; /* parents */
    uint32_t child, allowed_count;
    uint32_t *allowed; /* columns that may be parents, ascending; constants left out */
    uint32_t *pick;
    uint32_t *last; /* columns that complete a set, and what came of them */
    double *scores;
    uint64_t *seen;
    const lls_family_visitor *visitor;
    bool any; /* a set of the present size was scored */
} lls_families;

/* The table must be good (lls_table_check). most: parents of a set; the rest is as learning has it.
 */
llmsched_status lls_families_init(lls_families *f, const llmsched_context *context,
                                  const lls_table *table, lls_score score, double ess,
                                  uint32_t most, llmsched_error *err);
/* Zeros are accepted. */
void lls_families_finish(lls_families *f);
/* Sets f->allowed from the columns below `end`, without the child, the constants, and what is
 * forbidden (may be NULL). */
void lls_families_allow(lls_families *f, uint32_t child, uint32_t end, const uint8_t *forbidden);
/* Visits sets of at most `most` of the allowed columns, the empty one first. false: no memory. */
bool lls_families_visit(lls_families *f, uint32_t most, const lls_family_visitor *visitor);

#endif
