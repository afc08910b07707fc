/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a table: means, quantiles, intervals, and the lower bound. */
#ifndef STATS_H
#define STATS_H

#include "jobs.h"

struct interval {
    double value, low, high; /* low and high NAN with fewer than two values */
};

double mean_of(const double *values, size_t count);
/* Nearest rank ceil(p n) of sorted values. */
double nearest_rank(const double *sorted, size_t count, double p);
void sort_values(double *values, size_t count);
/* Mean and its 95 % interval by Student's t. */
struct interval interval_of(const double *values, size_t count);

/* Mean completion time minus arrival of preemptive shortest-remaining-work-first on one server that
 * does speed units of work a second; jobs in order of arrival. */
double srpt_mean(const double *arrival_s, const double *work, size_t count, double speed);

/*
 * No schedule has a smaller mean: the larger of the mean critical path and
 * srpt_mean() of the LLM work on one server as fast as the whole cluster.
 */
double lower_bound(const struct workload *workload, const struct cluster *cluster,
                   const double *critical_path_s);

#endif
