/* SPDX-License-Identifier: Apache-2.0 */
/* What `llmsched evaluate` finds out about a plan on one jobs file. */
#ifndef EVALUATE_H
#define EVALUATE_H

#include "jobs.h"
#include "planned.h"
#include "sim.h"

/* A plan under evaluation. */
struct evaluation {
    const struct planned *planned;
    const struct world *world;
    const struct workload *workload;
    const struct sim_options *options;
    struct problem *problem;
};

/* Latencies in ascending order: mean and nearest ranks. */
struct latencies {
    double mean_s, p50_s, p95_s, p99_s;
};
/* Sorts the values. */
struct latencies latencies_of(double *latency_s, size_t count);

/* Prints latencies of all jobs and of each application, beside what the plan predicts. */
void evaluate_table(const struct evaluation *evaluation, const double *completion_s, FILE *file);

#endif
