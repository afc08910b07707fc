/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of elimination of an undirected graph, vertex by vertex by a rule: next goes the vertex
 * that costs least; ties: the fewest joint states of vertex and neighbours, then the lowest number.
 * A vertex whose neighbours are all connected costs nothing under any rule.
 */
#ifndef LLS_BAYES_ELIMINATION_H
#define LLS_BAYES_ELIMINATION_H

#include "base/internal.h"

typedef enum lls_elimination_rule {
    LLS_ELIMINATION_FILL,          /* edges missing among the neighbours */
    LLS_ELIMINATION_WEIGHTED_FILL, /* the same, each counting the joint states of its ends */
    LLS_ELIMINATION_WEIGHT,        /* joint states of vertex and neighbours */
    LLS_ELIMINATION_SEPARATOR,     /* joint states of the neighbours */
    LLS_ELIMINATION_RULES
} lls_elimination_rule;

typedef struct lls_neighbours {
    uint32_t *items; /* ascending */
    uint32_t count, capacity;
} lls_neighbours;

/* Room for one graph after another: memory is kept from run to run. */
typedef struct lls_elimination {
    const llmsched_context *context;
    uint32_t capacity; /* vertices there is room for */
    uint32_t count;
    lls_neighbours *neighbours;
    uint64_t *states; /* per vertex, set by the caller; one-state vertices must have no edges */
    uint8_t *kept;    /* per vertex, set by the caller: 1 is never eliminated */
    uint64_t *cost;   /* by the rule; UINT64_MAX: too large to eliminate */
    uint64_t *weight; /* joint states of vertex and neighbours */
    uint8_t *stale;   /* cost and weight are to be counted again */
    uint32_t *stale_list;
    uint32_t stale_count;
    lls_heap heap;
    uint64_t limit;
    lls_elimination_rule rule; /* set by the caller after a reset, which makes it FILL */
    const uint32_t *ranks; /* per vertex: of equal cost, the greatest goes first; NULL: by weight */

    /* The result: who went in which order, and its neighbours then. */
    uint32_t *order;
    uint32_t order_count;
    uint32_t *separator_start; /* order_count + 1 */
    uint32_t *separators;
    uint32_t separator_capacity;
} lls_elimination;

void lls_elimination_init(lls_elimination *e, const llmsched_context *context);
void lls_elimination_finish(lls_elimination *e);
/* Starts a graph without edges, every vertex of one state and none kept. false: no memory. */
bool lls_elimination_reset(lls_elimination *e, uint32_t count);
/* An edge between two vertices; nothing if it is there. false: no memory. */
bool lls_elimination_connect(lls_elimination *e, uint32_t a, uint32_t b);
/*
 * Eliminates all but the kept vertices; the edges are used up. LLMSCHED_OK, LLMSCHED_ERROR_MEMORY,
 * or LLMSCHED_ERROR_LIMIT when every vertex left has more than limit joint states with its
 * neighbours.
 */
llmsched_status lls_elimination_run(lls_elimination *e, uint64_t limit);

#endif
