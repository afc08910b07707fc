/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock, and queries on it.
 */
#ifndef LLS_BENCH_TIMING_H
#define LLS_BENCH_TIMING_H

#define _POSIX_C_SOURCE 200809L
#include "networks.h"

#include <time.h>

enum { QUERIES = 1024 };

static llmsched_error err;
static int repetitions = 9;

static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double quantile(double *values, size_t n, double p)
{
    qsort(values, n, sizeof *values, by_value);
    return values[(size_t)((double)(n - 1) * p)];
}

static inline void tell(llmsched_inference *inf, const bench_query *q)
{
    llmsched_inference_clear(inf);
    for (uint32_t i = 0; i < q->length; i++)
        (void)llmsched_inference_set_state(inf, i, q->states[i], NULL);
}

static inline void ask(llmsched_inference *inf, double *out)
{
    bench_require(lls_inference_marginals(inf, out, &err), &err);
}

/* What asking the time costs. */
static inline double clock_cost(void)
{
    double costs[1001];
    for (int i = 0; i < 1001; i++) {
        double begin = now();
        costs[i] = now() - begin;
    }
    return quantile(costs, 1001, 0.5);
}

static inline double since(double begin, double clock_s)
{
    double time = now() - begin - clock_s;
    return time > 1e-9 ? time : 1e-9;
}

#endif
