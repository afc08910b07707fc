/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slow twin of the inference: it enumerates every joint state of a small network. Nothing of
 * the library's inference is used, only the network's tables.
 */
#ifndef LLS_TEST_TWIN_H
#define LLS_TEST_TWIN_H

#include "check.h"

#include <stdlib.h>

#include "llmsched/network.h"

enum { TWIN_NODES = 12 };

struct twin {
    const llmsched_network *network;
    uint32_t nodes;
    uint32_t states[TWIN_NODES];
    uint32_t observed[TWIN_NODES];        /* UINT32_MAX: not */
    const double *likelihood[TWIN_NODES]; /* NULL: none */
    size_t size;
    double *p;    /* per joint state, node 0 slowest: prior times evidence */
    double total; /* P(evidence) */
};

static inline void twin_decode(const struct twin *t, size_t index, uint32_t *states)
{
    for (uint32_t i = t->nodes; i-- > 0; index /= t->states[i])
        states[i] = (uint32_t)(index % t->states[i]);
}

static inline double twin_weight(const struct twin *t, const uint32_t *states)
{
    double p = 1.0;
    for (uint32_t i = 0; i < t->nodes; i++) {
        uint32_t count;
        const uint32_t *parents = llmsched_network_parents(t->network, i, &count);
        size_t row = 0;
        for (uint32_t k = 0; k < count; k++)
            row = row * t->states[parents[k]] + states[parents[k]];
        p *= llmsched_network_table(t->network, i, NULL)[row * t->states[i] + states[i]];
        if (t->observed[i] != UINT32_MAX && t->observed[i] != states[i])
            p = 0.0;
        if (t->observed[i] == UINT32_MAX && t->likelihood[i] != NULL)
            p *= t->likelihood[i][states[i]];
    }
    return p;
}

static inline void twin_start(struct twin *t, const llmsched_network *network)
{
    memset(t, 0, sizeof *t);
    t->network = network;
    t->nodes = llmsched_network_node_count(network);
    t->size = 1;
    for (uint32_t i = 0; i < t->nodes; i++) {
        t->states[i] = llmsched_network_state_count(network, i);
        t->observed[i] = UINT32_MAX;
        t->size *= t->states[i];
    }
    t->p = calloc(t->size, sizeof *t->p);
}

/* After the evidence has changed. */
static inline void twin_update(struct twin *t)
{
    uint32_t states[TWIN_NODES];
    t->total = 0.0;
    for (size_t i = 0; i < t->size; i++) {
        twin_decode(t, i, states);
        t->p[i] = twin_weight(t, states);
        t->total += t->p[i];
    }
}

static inline void twin_finish(struct twin *t)
{
    free(t->p);
}

static inline size_t twin_joint_size(const struct twin *t, const uint32_t *nodes, uint32_t count)
{
    size_t size = 1;
    for (uint32_t i = 0; i < count; i++)
        size *= t->states[nodes[i]];
    return size;
}

/* P(nodes | evidence), nodes[0] slowest, into out (cleared here). */
static inline void twin_joint(const struct twin *t, const uint32_t *nodes, uint32_t count,
                              double *out)
{
    uint32_t states[TWIN_NODES];
    memset(out, 0, twin_joint_size(t, nodes, count) * sizeof *out);
    for (size_t i = 0; i < t->size; i++) {
        size_t at = 0;
        twin_decode(t, i, states);
        for (uint32_t k = 0; k < count; k++)
            at = at * t->states[nodes[k]] + states[nodes[k]];
        out[at] += t->p[i] / t->total;
    }
}

static inline double twin_entropy(const struct twin *t, const uint32_t *nodes, uint32_t count)
{
    size_t size = twin_joint_size(t, nodes, count);
    double *joint = calloc(size, sizeof *joint), h = 0.0;
    twin_joint(t, nodes, count, joint);
    for (size_t i = 0; i < size; i++)
        if (joint[i] > 0.0)
            h -= joint[i] * log(joint[i]);
    free(joint);
    return h;
}

/* H(X) + H(Y) - H(X, Y), algorithms.md section 3 to the letter. */
static inline double twin_information(const struct twin *t, uint32_t x, const uint32_t *others,
                                      uint32_t count)
{
    uint32_t both[TWIN_NODES] = {x};
    for (uint32_t i = 0; i < count; i++)
        both[i + 1] = others[i];
    return twin_entropy(t, both, 1) + twin_entropy(t, others, count) -
           twin_entropy(t, both, count + 1);
}

/* Mean and variance of the sum of values[offset of node + state]. */
static inline void twin_moments(const struct twin *t, const double *values, double *mean,
                                double *variance)
{
    uint32_t states[TWIN_NODES];
    *mean = *variance = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < t->size; i++) {
            double sum = 0.0;
            size_t offset = 0;
            twin_decode(t, i, states);
            for (uint32_t k = 0; k < t->nodes; offset += t->states[k++])
                sum += values[offset + states[k]];
            if (pass == 0)
                *mean += t->p[i] / t->total * sum;
            else
                *variance += t->p[i] / t->total * (sum - *mean) * (sum - *mean);
        }
}

#endif
