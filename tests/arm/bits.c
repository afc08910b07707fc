/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What inference answers about random networks, told bit by bit: one line for each set of kernels
 * that the machine has. Every line of every machine must end alike. Nothing in front of the last
 * column calls the C library's mathematics, which may round otherwise elsewhere.
 */
#include "bayes/inference.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 150, NODES = 14, STATES = 11, ENTRIES = NODES * STATES, JOBS = 40 };

static llmsched_error err;

static void require(llmsched_status status)
{
    if (status == LLMSCHED_OK || status == LLMSCHED_ERROR_IMPOSSIBLE)
        return;
    fprintf(stderr, "%s\n", err.message);
    exit(1);
}

/* Sums of rows without the mathematics of the C library: evenly drawn numbers, some of them 0. */
static void draw_table(lls_random *random, size_t rows, uint32_t states, double *table)
{
    for (size_t r = 0; r < rows; r++, table += states) {
        double sum = 0.0;
        for (uint32_t s = 0; s < states; s++) {
            bool zero = s > 0 && lls_random_below(random, 9) == 0;
            sum += table[s] = zero ? 0.0 : 0x1p-10 + lls_random_uniform(random);
        }
        for (uint32_t s = 0; s < states; s++)
            table[s] /= sum;
    }
}

static llmsched_network *draw_network(llmsched_context *context, lls_random *random)
{
    static char names[NODES][8];
    static uint32_t parents[NODES][3];
    static double tables[NODES][STATES * STATES * STATES * STATES];
    lls_node_spec specs[NODES];
    llmsched_network *network = NULL;
    uint32_t nodes = 2 + lls_random_below(random, NODES - 1),
             most = 2 + lls_random_below(random, 10);
    for (uint32_t i = 0; i < nodes; i++) {
        size_t rows = 1;
        uint32_t states = 2 + lls_random_below(random, most - 1), count = 0;
        for (uint32_t p = i > 5 ? i - 5 : 0; p < i && count < 3; p++)
            if (lls_random_below(random, 2) == 0) {
                parents[i][count++] = p;
                rows *= specs[p].state_count;
            }
        snprintf(names[i], sizeof names[i], "n%u", i);
        draw_table(random, rows, states, tables[i]);
        specs[i] = (lls_node_spec){.name = names[i],
                                   .state_count = states,
                                   .parents = parents[i],
                                   .parent_count = count,
                                   .table = tables[i]};
    }
    require(lls_network_create(context, "random", specs, nodes, &network, &err));
    return network;
}

static void draw_jobs(lls_random *random, const llmsched_network *n, uint32_t *states,
                      double *likelihoods)
{
    for (uint32_t j = 0; j < JOBS; j++)
        for (uint32_t i = 0, known = lls_random_below(random, n->count); i < n->count; i++) {
            bool observed = j % 2 ? i < known : lls_random_below(random, 4) == 0;
            bool soft = !observed && lls_random_below(random, 5) == 0;
            *states++ = observed ? lls_random_below(random, lls_states(n, i))
                        : soft   ? LLMSCHED_STATE_SOFT
                                 : LLS_NONE32;
            for (uint32_t s = 0; s < lls_states(n, i); s++)
                *likelihoods++ = 0x1p-20 + lls_random_uniform(random);
        }
}

static uint64_t add(uint64_t hash, const double *values, size_t n)
{
    return lls_fnv1a64(values, n * sizeof *values, hash);
}

/* The first job's evidence asked one by one, the joint of two nodes, and all their information. */
static uint64_t ask_single(llmsched_inference *inf, const uint32_t *states,
                           const double *likelihoods, uint64_t hash, double *information)
{
    const llmsched_network *n = inf->network;
    double out[ENTRIES], pair[STATES * STATES], value = 0.0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (states[i] == LLMSCHED_STATE_SOFT)
            require(llmsched_inference_set_likelihood(inf, i, likelihoods + n->state_offset[i],
                                                      lls_states(n, i), &err));
        else if (states[i] != LLS_NONE32)
            require(llmsched_inference_set_state(inf, i, states[i], &err));
    }
    if (llmsched_inference_marginals(inf, out, n->state_offset[n->count], &err) != LLMSCHED_OK)
        return hash;
    hash = add(hash, out, n->state_offset[n->count]);
    const uint32_t two[2] = {0, n->count - 1};
    size_t size = (size_t)lls_states(n, two[0]) * lls_states(n, two[1]);
    require(llmsched_inference_joint(inf, two, 2, pair, size, &err));
    for (uint32_t x = 0; x < n->count; x++) {
        require(llmsched_inference_total_information(inf, x, &value, &err));
        *information += value;
    }
    return add(hash, pair, size);
}

static uint64_t ask(llmsched_inference *inf, lls_random *random, uint64_t hash, double *information)
{
    static uint32_t states[JOBS * NODES];
    static double likelihoods[JOBS * ENTRIES], out[JOBS * ENTRIES];
    static int32_t statuses[JOBS];
    size_t width = inf->network->state_offset[inf->network->count];
    draw_jobs(random, inf->network, states, likelihoods);
    require(llmsched_inference_batch_soft_marginals(inf, states, likelihoods, JOBS, out, statuses,
                                                    &err));
    for (size_t j = 0; j < JOBS; j++)
        if (statuses[j] == LLMSCHED_OK)
            hash = add(hash, out + j * width, width);
    return ask_single(inf, states, likelihoods, hash, information);
}

int main(void)
{
    llmsched_context *context = NULL;
    require(llmsched_context_create(NULL, &context, &err));
    for (uint32_t set = 0; lls_kernels_at(context, set) != NULL; set++) {
        lls_random random;
        double information = 0.0;
        uint64_t hash = LLS_FNV_OFFSET;
        lls_random_seed(&random, 7);
        for (int round = 0; round < ROUNDS; round++) {
            llmsched_network *network = draw_network(context, &random);
            llmsched_inference *inf = NULL;
            require(llmsched_inference_create(network, &inf, &err));
            inf->posterior.kernels = lls_kernels_at(context, set);
            hash = ask(inf, &random, hash, &information);
            llmsched_inference_destroy(inf);
            llmsched_network_release(network);
        }
        printf("%-8s %016llx %.9f\n", lls_kernels_at(context, set)->name, (unsigned long long)hash,
               information);
    }
    llmsched_context_destroy(context);
    return 0;
}
