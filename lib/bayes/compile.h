/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clique tree of a network, as buckets: bucket i sums out the node that goes i-th in the order
 * of elimination. Its clique is that node and the separator, those neighbours that go later; its
 * message, a table over the separator, goes to the bucket of the separator's first node.
 *
 *     0: {a | b c} --(b c)--> 1: {b | c d} --(c d)--> 2: {c | d} --(d)--> 3: {d |}
 *
 * Buckets without a separator are roots: one for each disconnected part. Nodes of one state have no
 * edges: they are constants, and stand alone.
 */
#ifndef LLS_BAYES_COMPILE_H
#define LLS_BAYES_COMPILE_H

#include "bayes/factor.h"
#include "bayes/graph.h"

typedef struct lls_bucket {
    uint32_t node;
    uint32_t parent;                     /* bucket; LLS_NONE32 for a root */
    uint32_t separator, separator_count; /* from here in separators */
    /* From here in operands: the tables of families, then the messages of children, then room for
     * one likelihood. Each operand has separator_count loops, from here in loops. */
    uint32_t operand, table_count, child_count;
    uint64_t loop;
    uint64_t clique;  /* where its product stands, in entries */
    uint64_t message; /* where its message stands */
} lls_bucket;

/* The family of a node of two or more states, its one-state members left out. */
typedef struct lls_family {
    uint32_t member, count; /* from here in members and strides; count 0: a constant, no factor */
    uint64_t table;         /* where its permuted table stands */
    uint64_t size;
} lls_family;

typedef struct lls_tree {
    uint32_t count;
    lls_bucket *buckets;
    uint32_t *bucket_of;  /* node -> bucket */
    uint32_t *separators; /* nodes, in order of elimination */
    uint32_t *sources;    /* per operand: node of the family, or child bucket */
    lls_family *families; /* per node */
    uint32_t *members;    /* nodes, in order of elimination */
    size_t *strides;      /* of the permuted table */
    double *tables;       /* permuted so that members go slowest first */
    uint64_t clique_size, message_size, loop_size; /* totals */
    uint32_t operand_size;
    uint64_t largest_clique, largest_separator, largest_family; /* entries */
    uint64_t bytes;                                             /* of all arrays */
} lls_tree;

/* lls_calloc() that adds up what was asked for. */
static inline void *lls_calloc_counted(const llmsched_context *c, size_t count, size_t size,
                                       uint64_t *bytes)
{
    *bytes += lls_times(count, size);
    return lls_calloc(c, count, size);
}

/* LLMSCHED_ERROR_LIMIT when a clique or all of them together are too large. */
llmsched_status lls_tree_compile(const llmsched_network *network, lls_tree *tree,
                                 llmsched_error *err);
/* A tree of zeros, or half compiled, is accepted. */
void lls_tree_finish(lls_tree *tree, const llmsched_context *context);

/* Largest sum of tables that one calculator may hold: max_table bounds one of them. */
uint64_t lls_total_limit(const llmsched_context *context);

#endif
