/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The joint distribution of a few nodes by variable elimination over the nodes that matter:
 * ancestors of the set and of the evidence (everything else is barren and sums to 1), and of those
 * only what evidence does not cut off.
 */
#ifndef LLS_BAYES_JOINT_H
#define LLS_BAYES_JOINT_H

#include "bayes/elimination.h"
#include "bayes/factor.h"
#include "llmsched/network.h"

/*
 * Nodes get a place: eliminated ones 0, 1, ... in their order, then the nodes asked for in theirs.
 * A factor waits at the first of its places, in the list of that bucket; factors over the asked
 * nodes alone wait in the last bucket.
 */
typedef struct lls_joint_factor {
    uint32_t scope, count; /* from here in places and strides, ascending */
    const double *data;    /* NULL: a message */
    const double *told;    /* a likelihood as it was told; NULL: no likelihood */
    uint64_t message;      /* where it stands in the arena */
    uint32_t next;         /* in the same bucket; LLS_NONE32 ends */
} lls_joint_factor;

/* What a table will take. */
typedef struct lls_joint_plan {
    uint64_t size;     /* entries of the table */
    uint64_t messages; /* entries of all messages together */
    uint64_t clique;   /* entries of the largest product */
    double work;       /* entries of all products, counted once per factor */
    uint32_t operands, loops;
} lls_joint_plan;

/* Scratch, kept from call to call; it only grows. */
typedef struct lls_joint {
    const llmsched_context *context;
    /* Per node. */
    bool *ancestor, *reached, *stop, *seen, *checked;
    uint8_t *kinds; /* of tables, as pruned.c tells them apart; 0: not looked at yet */
    uint32_t *stack, *hidden, *families, *place;
    uint32_t *head, *tail; /* per bucket, one more than nodes */
    size_t *extents;       /* per place */
    uint32_t hidden_count, family_count;

    lls_elimination elimination;
    lls_joint_factor *factors;
    uint32_t factor_count, factor_capacity;
    uint32_t *places;
    size_t *strides;
    uint32_t scope_count, place_capacity, stride_capacity;
    lls_operand *operands;
    lls_loop *loops;
    uint32_t operand_capacity, loop_capacity;
    double *arena; /* messages, clique, table; after these, where they are wide, all exponents */
    uint32_t arena_capacity;
} lls_joint;

bool lls_joint_init(lls_joint *joint, const llmsched_context *context, uint32_t nodes);
void lls_joint_finish(lls_joint *joint);

/* --- relevance.c ------------------------------------------------------------------- */

/* Unobserved, with a choice of states. */
bool lls_is_hidden(const llmsched_inference *inference, uint32_t node);
/* ancestor[]: the nodes, the evidence, and all above them. */
void lls_mark_ancestors(llmsched_inference *inference, const uint32_t *nodes, uint32_t count);
/*
 * hidden: what is connected with the nodes (hidden ones) in the moral graph of the ancestors, the
 * observed taken out; families: whose tables connect them. Nodes with stop[] are reached, but not
 * passed.
 */
void lls_reach(llmsched_inference *inference, const uint32_t *nodes, uint32_t count);

/* --- joint.c ------------------------------------------------------------------------ */

/*
 * P(nodes | evidence) for distinct hidden nodes, nodes[0] slowest. *table lies in the scratch, up
 * to the next call. The evidence must be known to be possible; stop[] must be clear.
 */
llmsched_status lls_joint_table(llmsched_inference *inference, const uint32_t *nodes,
                                uint32_t count, const double **table, uint64_t *size,
                                llmsched_error *err);
/* The same in two steps. */
llmsched_status lls_joint_prepare(llmsched_inference *inference, const uint32_t *nodes,
                                  uint32_t count, lls_joint_plan *plan, llmsched_error *err);

/* --- joint_run.c -------------------------------------------------------------------- */

/* LLMSCHED_ERROR_IMPOSSIBLE where the evidence turns out to be. */
llmsched_status lls_joint_run(llmsched_inference *inference, uint32_t count,
                              const lls_joint_plan *plan, const double **table,
                              llmsched_error *err);

/* --- pruned.c ----------------------------------------------------------------------- */

/*
 * P(node | evidence) without the clique tree, where working it out there from scratch takes more.
 * false: ask the tree; nothing is said about the evidence.
 */
bool lls_pruned_marginal(llmsched_inference *inference, uint32_t node, double *out);

/* --- sliced.c -------------------------------------------------------------------------- */

/*
 * sum p(x,y) ln [p(x,y) / (px(x) p(y))] of a table with a row for each x; px: NULL for the table's
 * own p(x). py: room for the columns.
 */
double lls_table_divergence(const double *table, uint64_t rows, uint64_t columns, const double *px,
                            double *py);
/*
 * I(set[0] ; the others given e) of hidden nodes whose joint is too large; as lls_joint_table()
 * else. LLMSCHED_ERROR_LIMIT where that would take too long.
 */
llmsched_status lls_sliced_information(llmsched_inference *inference, const uint32_t *set,
                                       uint32_t size, double *result, llmsched_error *err);

#endif
