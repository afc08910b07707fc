/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks for tests, drawn from a seed.
 */
#ifndef LLS_TEST_NETWORKS_H
#define LLS_TEST_NETWORKS_H

#include "check.h"

#include "bayes/internal.h"

enum { NETWORK_NODES = 16, NETWORK_PARENTS = 4, NETWORK_TABLE = 4096 };

/* A network under construction, of small nodes. */
struct draft {
    uint32_t count;
    lls_node_spec nodes[NETWORK_NODES];
    char names[NETWORK_NODES][16];
    uint32_t parents[NETWORK_NODES][NETWORK_PARENTS];
    double tables[NETWORK_NODES][NETWORK_TABLE];
};

static inline void draft_node(struct draft *d, uint32_t node, uint32_t states)
{
    snprintf(d->names[node], sizeof d->names[node], "n%u", node);
    d->nodes[node] = (lls_node_spec){.name = d->names[node],
                                     .state_count = states,
                                     .parents = d->parents[node],
                                     .table = d->tables[node]};
    if (node >= d->count)
        d->count = node + 1;
}

static inline void draft_arc(struct draft *d, uint32_t parent, uint32_t child)
{
    d->parents[child][d->nodes[child].parent_count++] = parent;
}

static inline size_t draft_table_size(const struct draft *d, uint32_t node)
{
    size_t size = d->nodes[node].state_count;
    for (uint32_t p = 0; p < d->nodes[node].parent_count; p++)
        size *= d->nodes[d->parents[node][p]].state_count;
    return size;
}

/* Random rows; each entry is 0 with probability zeros (but not all of a row). */
static inline void draft_fill(struct draft *d, lls_random *random, double zeros)
{
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t states = d->nodes[i].state_count;
        for (size_t row = 0; row < draft_table_size(d, i); row += states) {
            double sum = 0.0, *p = d->tables[i] + row;
            for (uint32_t s = 0; s < states; s++) {
                p[s] = lls_random_uniform(random) < zeros ? 0.0 : 0.01 + lls_random_uniform(random);
                sum += p[s];
            }
            if (sum == 0.0)
                sum = p[lls_random_below(random, states)] = 1.0;
            for (uint32_t s = 0; s < states; s++)
                p[s] /= sum;
        }
    }
}

/*
 * Up to max_parents parents each, 1 to max_states states, the numbers of the nodes shuffled against
 * the direction of the arcs.
 */
static inline void draft_random(struct draft *d, lls_random *random, uint32_t count,
                                uint32_t max_states, uint32_t max_parents, double zeros)
{
    uint32_t order[NETWORK_NODES];
    memset(d, 0, sizeof *d);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = lls_random_below(random, i + 1);
        order[i] = order[j];
        order[j] = i;
        draft_node(d, i, 1 + lls_random_below(random, max_states));
    }
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t left = max_parents, j = i; left > 0 && j-- > 0;)
            if (lls_random_below(random, i) < max_parents) {
                draft_arc(d, order[j], order[i]);
                left--;
            }
    draft_fill(d, random, zeros);
}

static inline llmsched_network *draft_build(const struct draft *d, llmsched_context *c)
{
    llmsched_error err = {0};
    llmsched_network *network = NULL;
    assert_ok(lls_network_create(c, "draft", d->nodes, d->count, &network, &err), err);
    return network;
}

#endif
