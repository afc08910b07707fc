/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches beside the same jobs one by one.
 */
#ifndef LLS_BENCH_BATCHES_H
#define LLS_BENCH_BATCHES_H

#include "timing.h"

typedef struct bench_batch {
    double batch_rate;               /* jobs a second in batches of QUERIES */
    double first_batch, later_batch; /* how many times as fast as one by one */
    double soft_batch;               /* the same where jobs have likelihoods too */
} bench_batch;

/* Of this thread alone: what is set beside each other takes long enough to be interrupted. */
static inline double spent(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The evidence of a batch: job q has that of query q, a random prefix in random states. */
static inline uint32_t *job_states(const llmsched_network *network, const bench_query *queries)
{
    uint32_t nodes = llmsched_network_node_count(network);
    uint32_t *states = malloc((size_t)QUERIES * nodes * sizeof *states);
    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t i = 0; i < nodes; i++)
            states[q * nodes + i] = i < queries[q].length ? queries[q].states[i] : UINT32_MAX;
    return states;
}

static inline double time_batch(llmsched_inference *inf, const uint32_t *states, double *out)
{
    static int32_t statuses[QUERIES];
    double begin = spent();
    bench_require(llmsched_inference_batch_marginals(inf, states, QUERIES, out, statuses, &err),
                  &err);
    return spent() - begin;
}

static inline double time_one_by_one(llmsched_inference *inf, const bench_query *queries,
                                     double *out)
{
    const size_t width = lls_inference_offsets(inf)[inf->network->count];
    double begin = spent();
    for (int q = 0; q < QUERIES; q++) {
        tell(inf, &queries[q]);
        ask(inf, out + (size_t)q * width);
    }
    return spent() - begin;
}

/* Ages of running stages: the two stages after a job's prefix are not in their first states. */
static inline double *job_likelihoods(const llmsched_inference *inf, const bench_query *queries,
                                      uint32_t *states)
{
    const uint32_t *offsets = lls_inference_offsets(inf);
    uint32_t nodes = inf->network->count;
    double *likelihoods = calloc((size_t)QUERIES * offsets[nodes], sizeof *likelihoods);
    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t i = queries[q].length; i < nodes && i < queries[q].length + 2; i++) {
            double *row = likelihoods + (size_t)q * offsets[nodes] + offsets[i];
            uint32_t count = lls_states(inf->network, i), passed = queries[q].states[i] % count;
            states[q * nodes + i] = LLMSCHED_STATE_SOFT;
            for (uint32_t s = 0; s < count; s++)
                row[s] = s < passed ? 0.0 : s == passed ? 0.4 + q * 1e-4 : 1.0;
        }
    return likelihoods;
}

static inline double time_soft_one_by_one(llmsched_inference *inf, const bench_query *queries,
                                          const double *likelihoods, double *out)
{
    const uint32_t *offsets = lls_inference_offsets(inf);
    uint32_t nodes = inf->network->count;
    double begin = spent();
    for (uint32_t q = 0; q < QUERIES; q++) {
        const double *own = likelihoods + (size_t)q * offsets[nodes];
        tell(inf, &queries[q]);
        for (uint32_t i = queries[q].length; i < nodes && i < queries[q].length + 2; i++)
            (void)llmsched_inference_set_likelihood(inf, i, own + offsets[i],
                                                    offsets[i + 1] - offsets[i], NULL);
        ask(inf, out + (size_t)q * offsets[nodes]);
    }
    return spent() - begin;
}

/* The first batch with soft evidence of a calculator beside the same jobs one by one. */
static inline void measure_soft_batch(const llmsched_network *network, bench_batch *r)
{
    static double ratios[64];
    static int32_t statuses[QUERIES];
    uint32_t nodes = llmsched_network_node_count(network);
    for (int k = 0; k < repetitions; k++) {
        llmsched_inference *inf = bench_inference(network);
        bench_query *queries = bench_queries(network, QUERIES, 2000 + (uint64_t)k);
        uint32_t *states = job_states(network, queries);
        double *likelihoods = job_likelihoods(inf, queries, states);
        size_t bytes = (size_t)QUERIES * lls_inference_offsets(inf)[nodes] * sizeof(double);
        double *out = malloc(bytes);
        memset(out, 1, bytes);
        llmsched_inference *alone = bench_inference(network);
        double single = time_soft_one_by_one(alone, queries, likelihoods, out), begin = spent();
        bench_require(llmsched_inference_batch_soft_marginals(inf, states, likelihoods, QUERIES,
                                                              out, statuses, &err),
                      &err);
        ratios[k] = single / (spent() - begin);
        llmsched_inference_destroy(alone);
        free(out);
        free(likelihoods);
        free(states);
        free(queries);
        llmsched_inference_destroy(inf);
    }
    r->soft_batch = quantile(ratios, (size_t)repetitions, 0.5);
}

/*
 * Each round a new calculator answers some jobs one by one, then others; another one answers them
 * in its first batch, then in its second. Both keep what they can. Both leave all answers in
 * memory. What is compared was measured within milliseconds, and in time of the thread.
 */
static inline void measure_batch(const llmsched_network *network, bench_batch *r)
{
    enum { ROUNDS = 4 };
    static double rates[64 * ROUNDS], first[64 * ROUNDS], later[64 * ROUNDS];
    uint32_t nodes = llmsched_network_node_count(network), states_total;
    size_t rounds = (size_t)repetitions * ROUNDS;
    for (size_t k = 0; k < rounds; k++) {
        llmsched_inference *inf = bench_inference(network);
        bench_query *queries = bench_queries(network, QUERIES, 100 + k);
        bench_query *others = bench_queries(network, QUERIES, 1000 + k);
        uint32_t *states = job_states(network, queries), *more = job_states(network, others);
        states_total = lls_inference_offsets(inf)[nodes];
        double *out = malloc((size_t)QUERIES * states_total * sizeof *out);
        memset(out, 1, (size_t)QUERIES * states_total * sizeof *out); /* no page is new */
        llmsched_inference *alone = bench_inference(network);
        double single = time_one_by_one(alone, queries, out),
               again = time_one_by_one(alone, others, out);
        double one = time_batch(inf, states, out), two = time_batch(inf, more, out);
        llmsched_inference_destroy(alone);
        first[k] = single / one;
        later[k] = again / two;
        rates[k] = QUERIES / two;
        free(out);
        free(more);
        free(states);
        free(others);
        free(queries);
        llmsched_inference_destroy(inf);
    }
    r->first_batch = quantile(first, rounds, 0.5);
    r->later_batch = quantile(later, rounds, 0.5);
    r->batch_rate = quantile(rates, rounds, 0.5);
}

#endif
