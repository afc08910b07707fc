/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting by bits: a column's state is a set of rows, a bit per row, and the rows that show two
 * states are the bits in both sets. The sets of all columns stand side by side, word by word, so
 * that one set is counted together with many in one pass. Of each column the last state needs no
 * set: what the others leave of smaller counts belongs to it.
 */
#ifndef LLS_BAYES_BITS_H
#define LLS_BAYES_BITS_H

#include "bayes/score.h"

/* Sets that a kernel counts at once. */
#define LLS_BITS_LANES 8

typedef struct lls_bits_kernel {
    const char *name;
    uint32_t most; /* sets of child and parent up to which this beats histograms over the rows */
    /* counts[k] = bits set in a and in the k-th of 8 * blocks sets; b: stride words to the next
     * word of a set. */
    void (*count)(const uint64_t *a, const uint64_t *b, size_t words, size_t stride,
                  uint32_t blocks, uint32_t *counts);
} lls_bits_kernel;

/* Those that this machine can run: 0 is the plainest, the last one the best; NULL beyond it. */
const lls_bits_kernel *lls_bits_kernel_at(const llmsched_context *context, uint32_t index);

typedef struct lls_bits {
    const llmsched_context *context;
    const lls_scorer *scorer;
    const lls_bits_kernel *kernel; /* NULL: the table is not one for this */
    uint32_t columns;
    uint32_t *state; /* states of the columns before; the last is the number of all */
    uint32_t *lane;  /* sets of the columns before; the last is the number of all */
    size_t words;    /* of a set */
    size_t stride;   /* number of sets, rounded up */
    uint64_t *sets;  /* [word][set] */
    uint64_t *one;   /* a set by itself */
    uint32_t *pairs; /* [state][state]: rows that show both */
    uint32_t *found; /* [state of parent][state of child][set], without the last states */
    uint32_t child, parent, found_capacity;
} lls_bits;

/* Columns with gaps must not be asked for. */
llmsched_status lls_bits_init(lls_bits *b, const lls_scorer *scorer, llmsched_error *err);
/* Zeros are accepted. */
void lls_bits_finish(lls_bits *b);
/* counts[state]: rows that show it. */
void lls_bits_single(const lls_bits *b, uint32_t column, uint32_t *counts);
/* Is this the way to count a child and a parent (LLS_NONE32: none) with others? */
bool lls_bits_suit(const lls_bits *b, uint32_t child, uint32_t parent);
/* Counts them with the columns first .. last at once; false: no memory. */
bool lls_bits_count(lls_bits *b, uint32_t child, uint32_t parent, uint32_t first, uint32_t last);
/* Of these with one of the columns: counts[(its state * states of parent + state of parent) *
 * states of child + state of child]. */
void lls_bits_take(const lls_bits *b, uint32_t column, uint32_t *counts);

#endif
