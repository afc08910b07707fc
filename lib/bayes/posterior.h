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
 * the range: the lambdas are scaled, and where a number could get lost in making the tables (an
 * entry far below any frequency) or the evidence comes out as impossible, propagate.c is asked.
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

typedef struct lls_posterior {
    bool usable; /* false: too large, or numbers could get lost; propagate.c answers everything */
    const lls_kernels *kernels;
    uint32_t count; /* 0: too large, nothing is there */
    lls_step *steps;
    uint32_t *children, *dim_nodes;
    size_t *dim_strides;
    double *tables;

    /* Under the present evidence. */
    bool stale;    /* something was said since lambdas were computed */
    bool possible; /* they say so */
    uint64_t epoch;
    uint64_t *believed; /* per bucket: the epoch of its belief */
    bool *touched;      /* per bucket: evidence in or below it */
    int *exponents;     /* its lambda stands for 2^exponent times what it holds */
    double *products;   /* of touched buckets, laid out as tables, observed nodes left out */
    double *lambdas, *beliefs;
    double *ratio; /* belief / lambda of one bucket */
    double *row;   /* states of one node */
    uint32_t *list;
    double *matrices;   /* two of any two nodes' states; path.c */
    double *weights;    /* states of one node */
    size_t matrix_size; /* entries of each; 0: nodes have too many states */
} lls_posterior;

/* Makes the tables; a collect without evidence must just have run. */
llmsched_status lls_posterior_compile(llmsched_inference *inference, llmsched_error *err);
void lls_posterior_finish(lls_posterior *posterior, const llmsched_context *context);

/* Computes the lambdas if need be. false: ask propagate.c, nothing is said about the evidence. */
bool lls_posterior_update(llmsched_inference *inference);
/* Forgets which buckets the evidence touched. */
void lls_posterior_untouch(lls_posterior *posterior);
/* The rest must follow an update that was true. */
double lls_posterior_log_probability(const llmsched_inference *inference);
void lls_posterior_marginals(llmsched_inference *inference, double *out);
void lls_posterior_marginal(llmsched_inference *inference, uint32_t node, double *out);
/*
 * The marginals of a bucket's node and of all below it, as if there were nothing else; all of its
 * separator must be observed, and no bucket be touched. false: ask propagate.c, nothing is said.
 */
bool lls_posterior_part(llmsched_inference *inference, uint32_t bucket, double *out);

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
