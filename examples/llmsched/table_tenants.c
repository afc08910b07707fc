/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the table that tells tenants apart (docs/simulation.md, "Tenants"). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "json.h"

/* --- of one simulation ---------------------------------------------------------------- */

static void measure_tenant(struct tenant_cell *cell, const struct draw *draw, uint32_t tenant,
                           const struct sim_result *result)
{
    size_t n = draw->workload.count, jobs = 0, counted = 0;
    double *slowdowns = allocate(n, sizeof *slowdowns), sum = 0.0;
    for (size_t j = 0; j < n; j++) {
        if (draw->workload.jobs[j].tenant != tenant)
            continue;
        double took = result->completion_s[j] - draw->workload.jobs[j].arrival_s;
        sum += took;
        jobs++;
        if (draw->critical_path_s[j] > 0.0)
            slowdowns[counted++] = took / draw->critical_path_s[j];
    }
    sort_values(slowdowns, counted);
    cell->mean_s = jobs > 0 ? sum / (double)jobs : NAN;
    cell->slowdown = counted > 0 ? mean_of(slowdowns, counted) : NAN;
    cell->p95_slowdown = counted > 0 ? nearest_rank(slowdowns, counted, 0.95) : NAN;
    free(slowdowns);
}

void tenants_measure(struct cell *cell, const struct draw *draw, const struct sim_result *result)
{
    size_t n = draw->workload.tenant_count;
    double contended = 0.0;
    if (result->fairness == NULL)
        return;
    for (size_t t = 0; t < n; t++)
        contended += result->fairness->contended_s[t];
    for (uint32_t t = 0; t < n; t++) {
        measure_tenant(&cell->tenants[t], draw, t, result);
        cell->tenants[t].service_share =
            contended > 0.0 ? result->fairness->contended_s[t] / contended : NAN;
    }
    cell->difference_s = result->fairness->difference_s;
    cell->unfairness_s = result->fairness->unfairness_s;
    cell->bound_s = result->fairness->bound_s;
}

/* --- over the seeds ------------------------------------------------------------------------ */

struct tenant_row {
    double mean_s, slowdown, p95_slowdown, service_share;
};

struct evenness {
    double difference_s, unfairness_s; /* greatest of the seeds */
    double bound_s;                    /* least */
};

static struct tenant_row row_of(const struct comparison *c, size_t contender, uint32_t tenant)
{
    struct tenant_row row = {0};
    for (size_t s = 0; s < c->seeds; s++) {
        const struct tenant_cell *cell = &cell_of(c, s, contender)->tenants[tenant];
        row.mean_s += cell->mean_s / (double)c->seeds;
        row.slowdown += cell->slowdown / (double)c->seeds;
        row.p95_slowdown += cell->p95_slowdown / (double)c->seeds;
        row.service_share += cell->service_share / (double)c->seeds;
    }
    return row;
}

static struct evenness evenness_of(const struct comparison *c, size_t contender)
{
    struct evenness e = {.bound_s = INFINITY};
    for (size_t s = 0; s < c->seeds; s++) {
        const struct cell *cell = cell_of(c, s, contender);
        e.difference_s = fmax(e.difference_s, cell->difference_s);
        e.unfairness_s = fmax(e.unfairness_s, cell->unfairness_s);
        e.bound_s = fmin(e.bound_s, cell->bound_s);
    }
    return e;
}

void tenants_print(const struct comparison *c, FILE *file)
{
    int width = (int)strlen("policy");
    for (size_t p = 0; p < c->contender_count; p++) {
        int length = (int)strlen(c->contenders[p].name);
        width = length > width ? length : width;
    }
    fprintf(file, "\n%-*s %-12s %9s %9s %9s %8s %12s %12s %12s\n", width, "policy", "tenant",
            "mean s", "slowdown", "p95", "share", "difference s", "unfairness s", "bound s");
    for (size_t p = 0; p < c->contender_count; p++) {
        struct evenness e = evenness_of(c, p);
        for (uint32_t t = 0; t < c->tenants.count; t++) {
            struct tenant_row row = row_of(c, p, t);
            fprintf(file, "%-*s %-12s %9.2f %9.2f %9.2f %8.3f", width,
                    t == 0 ? c->contenders[p].name : "", c->tenants.items[t].name, row.mean_s,
                    row.slowdown, row.p95_slowdown, row.service_share);
            if (t == 0 && isfinite(e.bound_s))
                fprintf(file, " %12.1f %12.1f %12.1f", e.difference_s, e.unfairness_s, e.bound_s);
            fputc('\n', file);
        }
    }
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static void put(FILE *file, const char *key, double value)
{
    fprintf(file, "\"%s\":", key);
    if (isfinite(value))
        json_put_number(file, value);
    else
        fputs("null", file);
}

void tenants_write_setting(const struct comparison *c, FILE *file)
{
    fputs(",\"tenants\":[", file);
    for (uint32_t t = 0; t < c->tenants.count; t++) {
        const struct tenant *tenant = &c->tenants.items[t];
        fputs(t > 0 ? ",{\"name\":" : "{\"name\":", file);
        json_put_string(file, tenant->name);
        fputs(",\"mix\":", file);
        json_put_string(file, tenant->mix);
        fputc(',', file);
        put(file, "share", tenant->share);
        fputc(',', file);
        put(file, "weight", tenant->weight);
        fputc('}', file);
    }
    fputs("],\"model_loads\":[", file);
    for (uint32_t m = 0; m < c->pool.models; m++) {
        fputs(m > 0 ? "," : "", file);
        json_put_number(file, model_load(&c->pool, &c->cluster, m, c->rate));
    }
    fputs("]", file);
}

void tenants_write_row(const struct comparison *c, size_t contender, FILE *file)
{
    fputs(",\"tenants\":{", file);
    for (uint32_t t = 0; t < c->tenants.count; t++) {
        struct tenant_row row = row_of(c, contender, t);
        fputs(t > 0 ? "," : "", file);
        json_put_string(file, c->tenants.items[t].name);
        fputs(":{", file);
        put(file, "mean_s", row.mean_s);
        fputc(',', file);
        put(file, "slowdown", row.slowdown);
        fputc(',', file);
        put(file, "p95_slowdown", row.p95_slowdown);
        fputc(',', file);
        put(file, "service_share", row.service_share);
        fputc('}', file);
    }
    struct evenness e = evenness_of(c, contender);
    fputs("},", file);
    put(file, "difference_s", c->tenants.count > 1 ? e.difference_s : NAN);
    fputc(',', file);
    put(file, "unfairness_s", c->tenants.count > 1 ? e.unfairness_s : NAN);
    fputc(',', file);
    put(file, "bound_s", c->tenants.count > 1 ? e.bound_s : NAN);
}
