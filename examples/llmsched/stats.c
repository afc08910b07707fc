/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of docs/simulation.md, "What is reported". */
#include "stats.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "draw.h"

double mean_of(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count > 0 ? sum / (double)count : 0.0;
}

double nearest_rank(const double *sorted, size_t count, double p)
{
    size_t rank = (size_t)ceil(p * (double)count);
    return count == 0 ? 0.0 : sorted[rank > 0 ? rank - 1 : 0];
}

static int compare_values(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void sort_values(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_values);
}

struct interval interval_of(const double *values, size_t count)
{
    double mean = mean_of(values, count), squares = 0.0;
    if (count < 2)
        return (struct interval){mean, NAN, NAN};
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    double n = (double)count, t = gsl_cdf_tdist_Pinv(0.975, n - 1.0);
    double half = t * sqrt(squares / (n - 1.0)) / sqrt(n);
    return (struct interval){mean, mean - half, mean + half};
}

/* Heap of remaining work; ties do not matter to the mean. */
static void push(double *heap, size_t *count, double work)
{
    size_t i = (*count)++;
    for (; i > 0 && work < heap[(i - 1) / 2]; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = work;
}

/* Puts work in place of the top. */
static void sift(double *heap, size_t count, double work)
{
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= count)
            break;
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (!(heap[child] < work))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = work;
}

double srpt_mean(const double *arrival_s, const double *work, size_t count, double speed)
{
    double *heap = allocate(count, sizeof *heap), now = 0.0, present_s = 0.0;
    size_t waiting = 0, next = 0;
    /* The sum of the jobs' times is the integral of the number present. */
    while (next < count || waiting > 0) {
        double arrival = next < count ? arrival_s[next] : INFINITY;
        double end = waiting > 0 ? now + heap[0] / speed : INFINITY;
        if (end <= arrival) {
            present_s += (double)waiting * (end - now);
            now = end;
            waiting--;
            if (waiting > 0)
                sift(heap, waiting, heap[waiting]);
        } else {
            present_s += (double)waiting * (arrival - now);
            if (waiting > 0)
                sift(heap, waiting, fmax(0.0, heap[0] - (arrival - now) * speed));
            now = arrival;
            push(heap, &waiting, work[next++]);
        }
    }
    free(heap);
    return count > 0 ? present_s / (double)count : 0.0;
}

/* The most alone-seconds of LLM work that the cluster does in a second. */
static double top_speed(const struct cluster *cluster)
{
    double speed = 0.0, alone = cluster_tau(cluster, 1.0);
    for (uint32_t e = 0; e < cluster->engine_count; e++) {
        double best = 0.0;
        for (uint32_t b = 1; b <= cluster->engines[e].max_batch; b++)
            best = fmax(best, b * alone / cluster_tau(cluster, b));
        speed += best;
    }
    return speed;
}

/*
 * Under serial prefill a prompt takes its time whatever the batch, so work is counted in
 * engine-seconds: what the requests take at least of an engine, of which the cluster has one per
 * engine and second.
 */
static double least_engine_seconds(const struct body *body, const struct cluster *cluster)
{
    double per_token = INFINITY;
    for (uint32_t e = 0; e < cluster->engine_count; e++)
        for (uint32_t b = 1; b <= cluster->engines[e].max_batch; b++)
            per_token = fmin(per_token, cluster_tau(cluster, b) / b);
    return serial_demand(body, cluster, EVERY_MODEL, per_token);
}

double lower_bound(const struct workload *workload, const struct cluster *cluster,
                   const double *critical_path_s)
{
    size_t n = workload->count;
    double *arrivals = allocate(n, sizeof *arrivals), *work = allocate(n, sizeof *work);
    for (size_t j = 0; j < n; j++) {
        const struct job *job = &workload->jobs[j];
        arrivals[j] = job->arrival_s;
        work[j] = cluster->serial ? least_engine_seconds(job->body, cluster)
                                  : job_work(job->body, LLMSCHED_STAGE_LLM, cluster);
    }
    double speed = cluster->serial ? cluster->engine_count : top_speed(cluster);
    double queue = srpt_mean(arrivals, work, n, speed);
    free(arrivals);
    free(work);
    return fmax(mean_of(critical_path_s, n), queue);
}
