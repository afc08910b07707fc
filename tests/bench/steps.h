/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more stage ends: what the last answer, and earlier jobs, save.
 */
#ifndef LLS_BENCH_STEPS_H
#define LLS_BENCH_STEPS_H

#include "timing.h"

enum { RUNS = 16, MOST_TIMES = 9 * RUNS * BENCH_NODES };

/* Of one prefix in one run. */
typedef struct step_times {
    double all;     /* told on, all marginals */
    double next;    /* told on, the next stage's */
    double first;   /* told on, all, by a calculator that keeps the last answer, no other */
    double scratch; /* all, the same evidence told to one that keeps nothing */
} step_times;

/* Everything is known of the first m stages and every marginal has been asked; then stage m ends.
 */
static inline double time_step(llmsched_inference *inf, bench_query prefix, uint32_t m, bool next,
                               double *out, double clock_s)
{
    double p[64];
    uint32_t states = llmsched_network_state_count(inf->network, m + 1);
    prefix.length = m;
    tell(inf, &prefix);
    ask(inf, out);
    double begin = now();
    (void)llmsched_inference_set_state(inf, m, prefix.states[m], NULL);
    if (next)
        bench_require(llmsched_inference_marginal(inf, m + 1, p, states, &err), &err);
    else
        ask(inf, out);
    return since(begin, clock_s);
}

static inline double time_scratch(llmsched_inference *inf, bench_query prefix, uint32_t m,
                                  double *out, double clock_s)
{
    prefix.length = m + 1;
    lls_posterior_forget(inf);
    double begin = now();
    tell(inf, &prefix);
    ask(inf, out);
    return since(begin, clock_s);
}

/* From each prefix of random runs to the next; no run comes twice. Returns how many. */
static inline uint32_t time_steps(const llmsched_network *network, uint64_t seed, step_times *times)
{
    llmsched_inference *warm = bench_inference(network), *other = bench_inference(network);
    const uint32_t nodes = llmsched_network_node_count(network);
    bench_query *queries = bench_queries(network, QUERIES, seed);
    double clock_s = clock_cost(), *out = calloc(lls_inference_offsets(warm)[nodes], sizeof *out);
    uint32_t n = 0, runs = RUNS * (uint32_t)repetitions;
    for (uint32_t q = runs; q < QUERIES; q++) { /* jobs that came before */
        tell(warm, &queries[q]);
        ask(warm, out);
    }
    for (uint32_t q = 0; q < runs; q++)
        for (uint32_t m = 0; m + 1 < nodes; m++, n++) {
            times[n].all = time_step(warm, queries[q], m, false, out, clock_s);
            times[n].next = time_step(warm, queries[q], m, true, out, clock_s);
            lls_posterior_forget(other);
            times[n].first = time_step(other, queries[q], m, false, out, clock_s);
            times[n].scratch = time_scratch(other, queries[q], m, out, clock_s);
        }
    free(out);
    free(queries);
    llmsched_inference_destroy(other);
    llmsched_inference_destroy(warm);
    return n;
}

enum { NETWORKS = 16, DAG_NODES = 30, BAND = 5, BANDS = DAG_NODES / BAND };

typedef struct gains {
    size_t count;
    double values[NETWORKS * MOST_TIMES];
} gains;

static inline void print_quartiles(gains *g)
{
    printf("   %6.1f %6.1f %6.1f", quantile(g->values, g->count, 0.25),
           quantile(g->values, g->count, 0.5), quantile(g->values, g->count, 0.75));
}

/* How much less one more stage costs than all anew, over DAGs of 30 stages, by stages known. */
static inline void print_gains(llmsched_context *context)
{
    static step_times times[MOST_TIMES];
    static gains table[BANDS + 1][2]; /* the last row: all */
    for (uint64_t seed = 1; seed <= NETWORKS; seed++) {
        llmsched_network *network = bench_network(context, BENCH_DAG, DAG_NODES, 6, 6, 1000 + seed);
        uint32_t n = time_steps(network, seed, times);
        for (uint32_t i = 0; i < n; i++)
            for (int k = 0; k < 2; k++) {
                gains *band = &table[i % (DAG_NODES - 1) / BAND][k], *all = &table[BANDS][k];
                double gain = times[i].scratch / (k == 0 ? times[i].all : times[i].first);
                band->values[band->count++] = all->values[all->count++] = gain;
            }
        llmsched_network_release(network);
    }
    printf(
        "\none more stage, all marginals: how many times faster than from scratch; quartiles over "
        "%d other DAGs of %d\n%-12s   after 1,000 jobs       in the first job\n",
        NETWORKS, DAG_NODES, "known");
    for (uint32_t band = 0; band <= BANDS; band++) {
        if (band < BANDS)
            printf("%2u to %-6u", band * BAND, band * BAND + BAND - 1);
        else
            printf("%-12s", "all");
        print_quartiles(&table[band][0]);
        print_quartiles(&table[band][1]);
        printf("\n");
    }
}

#endif
