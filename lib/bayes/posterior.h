/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quick way to marginals and P(evidence).
 *
 * Without evidence the clique tree is a network again: P(x) = prod over buckets of P(node |
 * separator). These tables are made once. Evidence adds to a bucket
 *
 *     lambda(separator) = P(evidence in and below the bucket | separator),
 *
 * which is 1, and never touched, where there is none below: what has not happened yet costs nothing
 * on the way up. On the way down, with beliefs P(separator | evidence),
 *
 *     P(node, separator | e) = P(node | separator) prod_children lambda_c * belief / lambda.
 *
 * Tables have the separator's nodes in reverse order of elimination, the slowest first, and the
 * bucket's own node fastest; beliefs and lambdas leave the observed nodes out. Messages never leave
 * the range: the lambdas are scaled. What falls below it beside larger numbers counts as 0; a
 * bound on what was lost so goes up with the lambdas, and where it could matter, or the evidence
 * comes out as impossible, propagate.c is asked.
 *
 * A bucket all of whose separator is observed is `cut` off: its belief is 1, its lambda a number
 * that P(evidence) needs and no one else. Cuts part the tree into pieces, and an answer depends on
 * its own piece and the states around it alone. Everything is kept from one answer to the next:
 * when evidence changes, the lambdas above it in its piece are computed anew, and then the beliefs
 * and marginals below any of these. What is kept is what would be computed again, by the same sums:
 * answers depend on the evidence, not on how it came about.
 */
#ifndef LLS_BAYES_POSTERIOR_H
#define LLS_BAYES_POSTERIOR_H

#include "bayes/compile.h"
#include "bayes/kernels.h"

/* A bucket, in order of elimination. */
typedef struct lls_step {
    uint32_t node, states, parent; /* parent: bucket; LLS_NONE32 for a root */
    uint32_t dim, dims;            /* the separator: from here in dim_nodes, dim_strides */
    uint32_t child, children;      /* from here in the list of children, largest separator first */
    uint32_t narrow;               /* child with the smallest separator; LLS_NONE32: none */
    uint32_t source; /* an earlier child of the parent, whose separator holds this one's; or none */
    uint32_t offset; /* of the node's states in marginals */
    uint64_t kept;   /* bit d: the parent's d-th dimension is in this separator */
    uint64_t source_kept; /* bit d: the source's d-th dimension is */
    uint64_t table;       /* where its table stands, and its product with lambdas */
    uint64_t belief;      /* where its belief and its lambda stand */
} lls_step;

/* One of the separators that a node is in. */
typedef struct lls_place {
    uint32_t bucket, dim; /* its dim-th node */
    size_t stride;        /* in the table */
} lls_place;

/* A bucket's separator under the evidence: what is not observed of it. */
typedef struct lls_view {
    uint64_t hidden, laid; /* bit d: the d-th node is not observed; and when it was laid out */
    size_t offset;         /* of the observed states in the table */
    size_t columns;        /* joint states of the others */
    uint32_t count;        /* of the others: so many rows from the step's `dim` on */
    bool touched;          /* evidence in the bucket, or below without a cut between */
    bool doubtful;         /* it is cut, and its lambda is 0, or too much got lost below */
} lls_view;

typedef struct lls_view_row {
    uint32_t dim;   /* which of the separator's nodes */
    size_t extent;  /* states */
    size_t table;   /* steps in the table */
    size_t compact; /* steps in belief and lambda */
} lls_view_row;

/* Marginals of a bucket's node and all below it, for each joint state of its separator. */
typedef struct lls_kept {
    uint64_t size;         /* joint states; 0: nothing is kept */
    uint64_t row, known;   /* from here in kept_rows, `width` each, and in kept_known */
    uint32_t first, count; /* from here in order, the bucket itself first */
    uint32_t width;        /* states of all of them */
} lls_kept;

/* What a table says of observed nodes is exact down to this; below, propagate.c is asked. */
#define LLS_LEAST_ENTRY 0x1p-900

/*
 * How far a lambda may be off. All numbers are at most 1 but for the powers of two taken out,
 * tables sum to 1 over the node: bounds go up by the same products as the lambdas.
 */
typedef struct lls_loss {
    double peak; /* its largest entry */
    double lost; /* no entry is short by more than this many 2^-1022 */
} lls_loss;

typedef struct lls_posterior {
    bool usable; /* false: too large; propagate.c answers everything */
    const lls_kernels *kernels;
    uint32_t count; /* 0: too large, nothing is there */
    lls_step *steps;
    uint32_t *children, *dim_nodes;
    size_t *dim_strides;
    uint32_t *place_offset; /* per node, and the end */
    lls_place *places;
    double *tables;

    /* The evidence that all below stands for. */
    bool stale;        /* something may have been said since */
    uint32_t *applied; /* states, LLS_NONE32 */
    bool *worded;      /* has a likelihood */
    double *likelihoods;
    uint32_t doubtful; /* so many cut buckets are */
    uint64_t epoch;    /* grows whenever any of this becomes another */

    lls_view *views;
    lls_view_row *rows;
    int *exponents;   /* a lambda stands for 2^exponent times what it holds */
    lls_loss *losses; /* of touched buckets */
    double *products; /* of touched buckets, laid out as tables, observed nodes left out */
    double *lambdas, *beliefs;
    double *marginals;
    /* Per bucket one bit. */
    uint64_t *dirty;     /* lambda, or what is seen of the table, is not that of the evidence */
    uint64_t *unsettled; /* nor are the marginal and the children's beliefs */
    uint64_t *believed;  /* the belief is, where it is not cut */
    uint64_t *known;     /* it is observed and cut: there is nothing to settle */
    uint64_t *recalled;  /* it is dirty, but the marginal is kept since an earlier time */

    lls_kept *kept;
    uint32_t *order; /* buckets, each before all below it */
    double *kept_rows;
    uint8_t *kept_known;

    double *ratio; /* belief / lambda of one bucket */
    double *row;   /* states of one node */
    uint32_t *list;
    double *matrices;   /* two of any two nodes' states; path.c */
    double *weights;    /* states of one node */
    size_t matrix_size; /* entries of each; 0: nodes have too many states */
    uint64_t bytes;     /* of all arrays */
} lls_posterior;

static inline bool lls_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

static inline void lls_bit_set(uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= UINT64_C(1) << i % 64;
}

static inline void lls_bit_clear(uint64_t *bits, uint32_t i)
{
    bits[i / 64] &= ~(UINT64_C(1) << i % 64);
}

/* Of a word that is not 0. */
static inline uint32_t lls_lowest_bit(uint64_t word)
{
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(word);
#else
    uint32_t bit = 0;
    for (; (word & 1) == 0; word >>= 1)
        bit++;
    return bit;
#endif
}

static inline uint32_t lls_highest_bit(uint64_t word)
{
#if defined(__GNUC__)
    return 63 - (uint32_t)__builtin_clzll(word);
#else
    uint32_t bit = 0;
    for (; word > 1; word >>= 1)
        bit++;
    return bit;
#endif
}

static inline size_t lls_bit_words(uint32_t count)
{
    return ((size_t)count + 63) / 64;
}

static inline bool lls_is_cut(const lls_view *view)
{
    return view->hidden == 0;
}

/* Makes the tables; a collect without evidence must just have run. */
llmsched_status lls_posterior_compile(llmsched_inference *inference, llmsched_error *err);
void lls_posterior_finish(lls_posterior *posterior, const llmsched_context *context);

/* Back to no evidence, and nothing known beyond that: as when it was made. */
void lls_posterior_forget(llmsched_inference *inference);
/* Computes the lambdas if need be. false: ask propagate.c, nothing is said about the evidence. */
bool lls_posterior_update(llmsched_inference *inference);
/* Brings all marginals up to date. It and the rest must follow an update that was true. */
void lls_posterior_settle(llmsched_inference *inference);
double lls_posterior_log_probability(const llmsched_inference *inference);
void lls_posterior_marginals(llmsched_inference *inference, double *out);
void lls_posterior_marginal(llmsched_inference *inference, uint32_t node, double *out);
/* Brings the belief of a bucket that is not cut up to date. */
void lls_posterior_believe(llmsched_inference *inference, uint32_t bucket);
/*
 * The marginals of a bucket's node and of all below it, as if there were nothing else; all of its
 * separator must be observed. false: ask propagate.c, nothing is said.
 */
bool lls_posterior_part(llmsched_inference *inference, uint32_t bucket, double *out);

/* --- posterior_evidence.c ------------------------------------------------------------------- */

/*
 * Compares the evidence with what was applied last, and marks as dirty the buckets of nodes whose
 * evidence is another, and those that have them in their separators. false: nothing is new.
 */
bool lls_posterior_apply(llmsched_inference *inference);
/* Brings the rows of a bucket's view up to date. */
void lls_posterior_lay_out(llmsched_inference *inference, uint32_t bucket);

/* --- posterior_kept.c ------------------------------------------------------------------------ */

bool lls_kept_init(llmsched_inference *inference);
void lls_kept_finish(lls_posterior *posterior, const llmsched_context *context);
/* Forgets all but what holds without evidence. */
void lls_kept_forget(lls_posterior *posterior);
/*
 * For a bucket that is cut, with no evidence in it nor below: its marginal and those below, which
 * become dirty and recalled. false: nothing is kept for it.
 */
bool lls_kept_recall(lls_posterior *posterior, uint32_t bucket);
/* Keeps the marginals, which must be up to date, where there is room for them (size). */
void lls_kept_keep(lls_posterior *posterior, uint32_t bucket);

/* --- posterior_up.c ------------------------------------------------------------------------- */

/* Computes the lambdas and products of dirty buckets, and of those above up to the next cuts, which
 * become dirty, too. */
void lls_posterior_raise(llmsched_inference *inference);

/* --- path.c ---------------------------------------------------------------------------- */

/* Made when it is first needed; the beliefs below one node, together with that node. */
typedef struct lls_path {
    size_t states; /* the most of any node; 0: not made */
    uint32_t x;
    uint64_t epoch, stamp; /* of the posterior, and of what belongs to x then */
    uint64_t *stamps;      /* per bucket */
    uint32_t *list;
    double *beliefs; /* laid out as the posterior's, `states` times as far apart */
    double *ratio;
} lls_path;

void lls_path_finish(lls_path *path, const llmsched_context *context);
/*
 * P(x, y | e), x slowest, for two hidden nodes one of which stands above the other. Else, and where
 * that would take too much room or the evidence is for propagate.c: LLMSCHED_ERROR_LIMIT without a
 * message. LLMSCHED_ERROR_MEMORY.
 */
llmsched_status lls_path_joint(llmsched_inference *inference, uint32_t x, uint32_t y,
                               double *table);

#endif
