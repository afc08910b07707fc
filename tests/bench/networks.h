/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks and evidence for the benchmarks, drawn from a seed: the same on every machine.
 */
#ifndef LLS_BENCH_NETWORKS_H
#define LLS_BENCH_NETWORKS_H

#include "bayes/inference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_NODES = 80, BENCH_PARENTS = 3 };

typedef enum bench_shape { BENCH_CHAIN, BENCH_TREE, BENCH_DAG } bench_shape;

static inline void bench_require(llmsched_status status, const llmsched_error *err)
{
    if (status == LLMSCHED_OK)
        return;
    fprintf(stderr, "%s: %s\n", llmsched_status_name(status), err->message);
    exit(1);
}

/* Parents among the `window` nodes before: up to BENCH_PARENTS, no two alike. */
static inline uint32_t bench_parents(bench_shape shape, uint32_t node, uint32_t window,
                                     lls_random *random, uint32_t *parents)
{
    uint32_t count = 0, low = node > window ? node - window : 0;
    if (node == 0)
        return 0;
    if (shape != BENCH_DAG) {
        parents[0] = shape == BENCH_CHAIN ? node - 1 : (node - 1) / 2;
        return 1;
    }
    uint32_t want = lls_random_below(random, BENCH_PARENTS + 1);
    want = want < node - low ? want : node - low;
    while (count < want) {
        uint32_t parent = low + lls_random_below(random, node - low), i = 0;
        while (i < count && parents[i] != parent)
            i++;
        if (i == count)
            parents[count++] = parent;
    }
    return count;
}

/* Rows drawn evenly from the simplex. */
static inline double *bench_table(size_t rows, uint32_t states, lls_random *random)
{
    double *table = calloc(rows * states, sizeof *table);
    for (size_t row = 0; row < rows; row++) {
        double sum = 0.0, *p = table + row * states;
        for (uint32_t s = 0; s < states; s++)
            sum += p[s] = -log(1.0 - lls_random_uniform(random));
        for (uint32_t s = 0; s < states; s++)
            p[s] /= sum;
    }
    return table;
}

static inline llmsched_network *bench_network(llmsched_context *context, bench_shape shape,
                                              uint32_t nodes, uint32_t states, uint32_t window,
                                              uint64_t seed)
{
    static lls_node_spec specs[BENCH_NODES];
    static char names[BENCH_NODES][16];
    static uint32_t parents[BENCH_NODES][BENCH_PARENTS];
    llmsched_network *network = NULL;
    llmsched_error err = {0};
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t i = 0; i < nodes; i++) {
        size_t rows = 1;
        uint32_t count = bench_parents(shape, i, window, &random, parents[i]);
        for (uint32_t p = 0; p < count; p++)
            rows *= states;
        snprintf(names[i], sizeof names[i], "n%u", i);
        specs[i] = (lls_node_spec){.name = names[i],
                                   .state_count = states,
                                   .parents = parents[i],
                                   .parent_count = count,
                                   .table = bench_table(rows, states, &random)};
    }
    bench_require(lls_network_create(context, "bench", specs, nodes, &network, &err), &err);
    for (uint32_t i = 0; i < nodes; i++)
        free((void *)(uintptr_t)specs[i].table);
    return network;
}

static inline llmsched_inference *bench_inference(const llmsched_network *network)
{
    llmsched_inference *inference = NULL;
    llmsched_error err = {0};
    bench_require(llmsched_inference_create(network, &inference, &err), &err);
    return inference;
}

/* The first seed whose network has this largest clique. */
static inline llmsched_network *bench_dag(llmsched_context *context, uint32_t nodes,
                                          uint32_t states, uint64_t clique, uint64_t *seed)
{
    for (*seed = 1;; ++*seed) {
        llmsched_network *network = bench_network(context, BENCH_DAG, nodes, states, 6, *seed);
        llmsched_inference *inference = bench_inference(network);
        uint64_t largest = inference->tree.largest_clique;
        llmsched_inference_destroy(inference);
        if (largest == clique)
            return network;
        llmsched_network_release(network);
    }
}

/* Evidence of one query: the first `length` nodes in these states. */
typedef struct bench_query {
    uint32_t length;
    uint32_t states[BENCH_NODES];
} bench_query;

static inline bench_query *bench_queries(const llmsched_network *network, uint32_t count,
                                         uint64_t seed)
{
    bench_query *queries = calloc(count, sizeof *queries);
    uint32_t nodes = llmsched_network_node_count(network);
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t q = 0; q < count; q++) {
        queries[q].length = lls_random_below(&random, nodes);
        for (uint32_t i = 0; i < nodes; i++)
            queries[q].states[i] =
                lls_random_below(&random, llmsched_network_state_count(network, i));
    }
    return queries;
}

#endif
