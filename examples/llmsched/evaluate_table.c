/* SPDX-License-Identifier: Apache-2.0 */
/* The table that `llmsched evaluate` prints. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "stats.h"

struct latencies latencies_of(double *latency_s, size_t count)
{
    /* The mean in order of job, before they are sorted. */
    struct latencies latencies = {.mean_s = mean_of(latency_s, count)};
    sort_values(latency_s, count);
    latencies.p50_s = nearest_rank(latency_s, count, 0.50);
    latencies.p95_s = nearest_rank(latency_s, count, 0.95);
    latencies.p99_s = nearest_rank(latency_s, count, 0.99);
    return latencies;
}

/* Mean latency that the plan predicts for an application; NAN: it does not. */
static double predicted_s(const struct planned *planned, const char *app)
{
    for (uint32_t a = 0; a < planned->info.app_count; a++) {
        llmsched_plan_app info = {.size = sizeof info};
        if (llmsched_plan_get_app(planned->plan, a, &info, NULL) == LLMSCHED_OK &&
            strcmp(info.name, app) == 0 && info.latency_s > 0.0)
            return info.latency_s;
    }
    return NAN;
}

struct table {
    const struct evaluation *evaluation;
    const double *completion_s;
    double *latency_s; /* scratch */
    int width;
    FILE *file;
};

/* Jobs of one application, or all of them. Names of applications are kept once by the reader. */
static void print_row(const struct table *table, const char *name, const char *app)
{
    const struct workload *workload = table->evaluation->workload;
    size_t count = 0;
    char predicted[24] = "-", error[24] = "-";
    for (size_t j = 0; j < workload->count; j++)
        if (app == NULL || workload->jobs[j].app == app)
            table->latency_s[count++] = table->completion_s[j] - workload->jobs[j].arrival_s;
    struct latencies l = latencies_of(table->latency_s, count);
    double mean_s = app != NULL ? predicted_s(table->evaluation->planned, app) : NAN;
    if (!isnan(mean_s)) {
        snprintf(predicted, sizeof predicted, "%.4g", mean_s);
        if (l.mean_s > 0.0)
            snprintf(error, sizeof error, "%+.1f%%", 100.0 * (mean_s / l.mean_s - 1.0));
    }
    fprintf(table->file, "%-*s %8zu %10.4g %10.4g %10.4g %10.4g %10s %8s\n", table->width, name,
            count, l.mean_s, l.p50_s, l.p95_s, l.p99_s, predicted, error);
}

static bool seen_before(const struct workload *workload, size_t job)
{
    for (size_t j = 0; j < job; j++)
        if (workload->jobs[j].app == workload->jobs[job].app)
            return true;
    return false;
}

void evaluate_table(const struct evaluation *evaluation, const double *completion_s, FILE *file)
{
    const struct workload *workload = evaluation->workload;
    struct table table = {evaluation, completion_s,
                          allocate(workload->count, sizeof *table.latency_s), 8, file};
    for (size_t j = 0; j < workload->count; j++)
        if ((int)strlen(workload->jobs[j].app) > table.width)
            table.width = (int)strlen(workload->jobs[j].app);
    fprintf(file, "%-*s %8s %10s %10s %10s %10s %10s %8s\n", table.width, "app", "jobs", "mean_s",
            "p50_s", "p95_s", "p99_s", "predicted", "error");
    for (size_t j = 0; j < workload->count; j++)
        if (!seen_before(workload, j))
            print_row(&table, workload->jobs[j].app, workload->jobs[j].app);
    print_row(&table, "(all)", NULL);
    free(table.latency_s);
}
