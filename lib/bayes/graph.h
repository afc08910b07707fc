/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a network lies in memory. Everything is flat: what belongs to node i
 * stands from offset[i] up to offset[i + 1] of its array.
 */
#ifndef LLS_BAYES_GRAPH_H
#define LLS_BAYES_GRAPH_H

#include "bayes/internal.h"

/* State indices fit 16 bits. */
#define LLS_MAX_STATES 65536u

struct llmsched_network {
    atomic_uint_fast32_t references;
    llmsched_context *context;
    uint32_t count;
    char *text;               /* every name, one after another, each ended by NUL */
    const char *name;         /* into text, as all names below */
    const char **names;       /* per node */
    const char **state_names; /* by state_offset */
    uint32_t *state_offset;
    uint32_t *parents; /* in the order of the node's table */
    uint32_t *parent_offset;
    uint32_t *children; /* ascending */
    uint32_t *child_offset;
    double *tables; /* parents[0] slowest, own state fastest; each row sums to 1 */
    uint64_t *table_offset;
    lls_map by_name;
};

static inline uint32_t lls_states(const llmsched_network *network, uint32_t node)
{
    return network->state_offset[node + 1] - network->state_offset[node];
}

/* network.c. Parents before children; waiting: scratch of a value per node. */
void lls_network_order(const llmsched_network *network, uint32_t *order, uint32_t *waiting);

/* The product of two sizes, UINT64_MAX where it does not fit. */
static inline uint64_t lls_times(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

#endif
