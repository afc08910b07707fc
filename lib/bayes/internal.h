/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lib/bayes offers to lib/profile and lib/quantify: it knows nothing of
 * stages or scheduling, only of discrete variables and tables.
 */
#ifndef LLS_BAYES_INTERNAL_H
#define LLS_BAYES_INTERNAL_H

#include "base/internal.h"
#include "llmsched/network.h"

/* --- network.c ------------------------------------------------------------ */

/* One node as it is put together; everything is copied. */
typedef struct lls_node_spec {
    const char *name;
    uint32_t state_count;           /* >= 1 */
    const char *const *state_names; /* NULL: "0", "1", ... */
    const uint32_t *parents;
    uint32_t parent_count;
    const double *table; /* parents[0] slowest, own state fastest */
} lls_node_spec;

/* Checks as llmsched_network_from_json() does (rows sum to 1, no cycle, limits). */
llmsched_status lls_network_create(const llmsched_context *context, const char *name,
                                   const lls_node_spec *nodes, uint32_t count,
                                   llmsched_network **network, llmsched_error *err);
/* The same from / to a JSON value inside a larger document. where: its path, for messages. */
llmsched_status lls_network_from_json(const llmsched_context *context, const lls_json *json,
                                      const char *where, llmsched_network **network,
                                      llmsched_error *err);
lls_json *lls_network_to_json(const llmsched_network *network); /* NULL: out of memory */

/* --- discretise.c: durations -> bins (algorithms.md section 2) ------------- */

typedef struct lls_bin {
    double mean, minimum, maximum; /* of the values that fell in */
    double upper; /* values <= upper, above the bin below's, belong here; the last is INFINITY */
    uint64_t count;
} lls_bin;

/*
 * Equal-frequency bins in log space: at most `bins` of them, ties merged (equal values never
 * straddle a cut), bins that hold fewer than `thin` values joined with a neighbour. values: n >= 1
 * finite, >= 0, any order, left as they are. Cuts lie half-way (in log space where both sides are
 * positive) between the neighbouring values. Returns the number of bins in *count (>= 1).
 */
llmsched_status lls_discretise(const llmsched_context *context, const double *values, size_t n,
                               uint32_t bins, uint32_t thin, lls_bin *out, uint32_t *count,
                               llmsched_error *err);
/* Bin of a value; NaN is the caller's fault. */
uint32_t lls_bin_of(const lls_bin *bins, uint32_t count, double value);

/* --- learn.c: structure and parameters ------------------------------------- */

#define LLS_STATE_MISSING UINT32_MAX

typedef enum lls_score { LLS_SCORE_BIC, LLS_SCORE_BDEU } lls_score;

typedef struct lls_learn_options {
    lls_score score;
    double ess;           /* BDeu's a; > 0 */
    uint32_t max_parents; /* per node */
    /* Width guard: the largest table of the moral graph's elimination, in entries; 0: no guard. */
    uint64_t max_clique;
    double prior; /* Dirichlet weight of a parent configuration, spread over the states; > 0 */
    /* NULL, or columns * columns: [child * columns + parent] != 0 forbids the arc. */
    const uint8_t *forbidden;
    uint64_t seed;     /* of a search */
    uint32_t restarts; /* of a search */
} lls_learn_options;

typedef struct lls_table {
    const uint32_t *cells; /* row-major rows x columns; LLS_STATE_MISSING where unknown */
    size_t rows;
    uint32_t columns;
    const uint32_t *states; /* per column */
    const double *weights;  /* per row, or NULL: 1 each */
} lls_table;

/*
 * Parents only from columns further left: the exact best set of each node over all subsets of at
 * most max_parents, equal scores going to fewer parents, then to lower columns; then the guard.
 * parents: columns * max_parents room, parent_count: columns. *score (may be NULL): total, natural
 * log.
 */
llmsched_status lls_learn_structure(const llmsched_context *context, const lls_table *table,
                                    const lls_learn_options *options, uint32_t *parents,
                                    uint32_t *parent_count, double *score, llmsched_error *err);
/*
 * Parents from any columns, without a cycle: the best structure there is where there are few
 * columns (optimum.c), else a search. The guard is kept by learning again for the order found.
 * Otherwise as above.
 */
llmsched_status lls_learn_free(const llmsched_context *context, const lls_table *table,
                               const lls_learn_options *options, uint32_t *parents,
                               uint32_t *parent_count, double *score, llmsched_error *err);
/* --- parameters.c: tables for a given structure ------------------------------ */

/*
 * How often each cell of each family was seen; rows may be added at any time. A row with a missing
 * cell counts in no family that has it.
 */
typedef struct lls_counts {
    const llmsched_context *context;
    uint32_t columns, stride;
    uint32_t *states, *parents, *parent_count; /* parents: columns * stride */
    uint64_t *first;                           /* per column: where its family begins in n */
    double *n;                                 /* parents[0] slowest, own state fastest */
} lls_counts;

/* No rows yet; everything is copied. A family of more than max_table cells is refused. */
llmsched_status lls_counts_init(lls_counts *c, const llmsched_context *context,
                                const uint32_t *states, uint32_t columns, const uint32_t *parents,
                                const uint32_t *parent_count, uint32_t stride, llmsched_error *err);
/* Zeros are accepted. */
void lls_counts_finish(lls_counts *c);
void lls_counts_add(lls_counts *c, const uint32_t *row, double weight);
/* All that was counted so far weighs so many times as much. */
void lls_counts_scale(lls_counts *c, double factor);
/*
 * Posterior-mean tables, complete for every parent configuration: (N_ijk + prior / r) / (N_ij +
 * prior), counts taken `scale` times. spread: prior is that of the whole table of q configurations
 * (BDeu), prior / q of each.
 */
llmsched_status lls_counts_network(const lls_counts *c, const char *name, const char *const *names,
                                   double prior, bool spread, double scale,
                                   llmsched_network **network, llmsched_error *err);
/* ln P(rows) under a network of this structure, counts taken `scale` times. */
double lls_counts_likelihood(const lls_counts *c, const llmsched_network *network, double scale);

/* All of it for a table. */
llmsched_status lls_learn_network(const llmsched_context *context, const lls_table *table,
                                  const char *name, const char *const *names,
                                  const uint32_t *parents, const uint32_t *parent_count,
                                  uint32_t parents_stride, double prior, llmsched_network **network,
                                  llmsched_error *err);

/*
 * The same with BDeu's prior, ess spread over the whole table of q configurations:
 * (N_ijk + ess / (q r)) / (N_ij + ess / q).
 */
llmsched_status lls_learn_network_bdeu(const llmsched_context *context, const lls_table *table,
                                       const char *name, const char *const *names,
                                       const uint32_t *parents, const uint32_t *parent_count,
                                       uint32_t parents_stride, double ess,
                                       llmsched_network **network, llmsched_error *err);

/* --- inference.c: beyond the public calls ----------------------------------- */

/* Where each node's states begin in what follows: node_count + 1 values. */
const uint32_t *lls_inference_offsets(const llmsched_inference *inference);
/*
 * All marginals at once into out, the nodes' states one after another by the offsets. One pass over
 * the clique tree, no allocation.
 */
llmsched_status lls_inference_marginals(llmsched_inference *inference, double *out,
                                        llmsched_error *err);

/*
 * Mean and variance of sum over nodes of value(node, state) under the posterior, exactly.
 * values: laid out as marginals (offsets).
 */
llmsched_status lls_inference_moments(llmsched_inference *inference, const double *values,
                                      double *mean, double *variance, llmsched_error *err);

/* --- product.c ------------------------------------------------------------ */

/* Complex numbers that are worked on together. */
enum { LLS_LANES = 8 };

/* Expectations of products under the evidence of the moment: valid until it changes. */
typedef struct lls_products lls_products;

/* shares: per node, 1: it has a factor. LLMSCHED_ERROR_LIMIT where the cost is over the limit. */
llmsched_status lls_products_open(llmsched_inference *inference, const uint8_t *shares,
                                  uint64_t limit, lls_products **products, llmsched_error *err);
/* NULL is accepted. */
void lls_products_close(lls_products *products);
/* Complex products of one expectation, times LLS_LANES. */
uint64_t lls_products_cost(const lls_products *products);
/*
 * E[prod over sharing nodes of factor(node, state) | evidence]. factors: laid out as marginals, for
 * each state LLS_LANES real parts, then as many imaginary ones; those of other nodes are not read.
 */
void lls_products_expect(lls_products *products, const double *factors, double *result);

/* Draws one joint state of all nodes from the posterior. states: node_count. */
llmsched_status lls_inference_sample(llmsched_inference *inference, lls_random *random,
                                     uint32_t *states, llmsched_error *err);

#endif
