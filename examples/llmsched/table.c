/* SPDX-License-Identifier: Apache-2.0 */
/* The table of docs/simulation.md, "What is reported". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "json.h"

/* Below this difference of FCFS and oracle nothing queued, and there is no gap to close. */
static const double LEAST_GAP = 0.01;

typedef double (*measure_fn)(const struct comparison *c, size_t seed, size_t contender);

static double cell_mean(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_of(c, seed, contender)->mean_s;
}

static double cell_p50(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_of(c, seed, contender)->p50_s;
}

static double cell_p95(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_of(c, seed, contender)->p95_s;
}

static double cell_p99(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_of(c, seed, contender)->p99_s;
}

static double cell_slowdown(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_of(c, seed, contender)->slowdown;
}

static double cell_failed(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_of(c, seed, contender)->failed;
}

static double cell_stopped(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_of(c, seed, contender)->stopped;
}

static double to_fcfs(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_mean(c, seed, contender) / cell_mean(c, seed, c->fcfs);
}

static double to_oracle(const struct comparison *c, size_t seed, size_t contender)
{
    return cell_mean(c, seed, contender) / cell_mean(c, seed, c->oracle);
}

static struct interval over_seeds(const struct comparison *c, size_t contender, measure_fn measure)
{
    double *values = allocate(c->seeds, sizeof *values);
    for (size_t s = 0; s < c->seeds; s++)
        values[s] = measure(c, s, contender);
    struct interval interval = interval_of(values, c->seeds);
    free(values);
    return interval;
}

static void add_latency(const struct comparison *c, size_t contender, struct row *row)
{
    struct histogram *all = allocate(1, sizeof *all);
    double busy_s = 0.0, decisions = 0.0;
    for (size_t s = 0; s < c->seeds; s++) {
        const struct cell *cell = cell_of(c, s, contender);
        histogram_merge(all, cell->latency);
        busy_s += cell->busy_s;
        decisions += (double)cell->decisions;
    }
    row->decisions_per_s = busy_s > 0.0 ? decisions / busy_s : 0.0;
    row->p50_us = 1e6 * histogram_quantile(all, 0.50);
    row->p99_us = 1e6 * histogram_quantile(all, 0.99);
    free(all);
}

void table_make(struct comparison *c)
{
    c->rows = allocate(c->contender_count, sizeof *c->rows);
    for (size_t p = 0; p < c->contender_count; p++) {
        struct row *row = &c->rows[p];
        row->mean_s = over_seeds(c, p, cell_mean).value;
        row->p50_s = over_seeds(c, p, cell_p50).value;
        row->p95_s = over_seeds(c, p, cell_p95).value;
        row->p99_s = over_seeds(c, p, cell_p99).value;
        row->slowdown = over_seeds(c, p, cell_slowdown).value;
        row->failed = over_seeds(c, p, cell_failed).value;
        row->stopped = over_seeds(c, p, cell_stopped).value;
        row->to_fcfs = over_seeds(c, p, to_fcfs);
        row->to_oracle = over_seeds(c, p, to_oracle);
        add_latency(c, p, row);
    }
    double fcfs = c->rows[c->fcfs].mean_s, oracle = c->rows[c->oracle].mean_s;
    for (size_t p = 0; p < c->contender_count; p++)
        c->rows[p].gap_closed = fabs(fcfs - oracle) < LEAST_GAP * oracle
                                    ? NAN
                                    : (fcfs - c->rows[p].mean_s) / (fcfs - oracle);
    c->lower_bound_s = 0.0;
    for (size_t s = 0; s < c->seeds; s++)
        c->lower_bound_s += c->draws[s].lower_bound_s / (double)c->seeds;
}

/* --- text ------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;
    if ((*x)->mean_s != (*y)->mean_s)
        return (*x)->mean_s < (*y)->mean_s ? -1 : 1;
    return (*x > *y) - (*x < *y);
}

static void print_row(const struct comparison *c, const struct row *row, int width, FILE *file)
{
    const char *name = c->contenders[row - c->rows].name;
    char interval[32] = "", gap[16] = "-";
    if (!isnan(row->to_fcfs.low))
        snprintf(interval, sizeof interval, "%.3f..%.3f", row->to_fcfs.low, row->to_fcfs.high);
    if (!isnan(row->gap_closed))
        snprintf(gap, sizeof gap, "%.1f", 100.0 * row->gap_closed);
    fprintf(file, "%-*s %9.2f %9.2f %9.2f %9.2f %8.2f %7.3f %14s %8.3f %7s %10.0f %8.1f %8.1f\n",
            width, name, row->mean_s, row->p50_s, row->p95_s, row->p99_s, row->slowdown,
            row->to_fcfs.value, interval, row->to_oracle.value, gap, row->decisions_per_s,
            row->p50_us, row->p99_us);
}

static void print_faults(const struct comparison *c, FILE *file)
{
    double failed = 0.0, stopped = 0.0;
    for (size_t p = 0; p < c->contender_count; p++) {
        failed = fmax(failed, c->rows[p].failed);
        stopped = fmax(stopped, c->rows[p].stopped);
    }
    fprintf(file,
            "\nfaults %s: at most %.0f attempts of a seed failed and %.0f were lost with their "
            "executor.\n",
            c->faults_text, failed, stopped);
}

void table_print(const struct comparison *c, FILE *file)
{
    int width = (int)strlen("policy");
    const struct row **sorted = allocate(c->contender_count, sizeof *sorted);
    for (size_t p = 0; p < c->contender_count; p++) {
        sorted[p] = &c->rows[p];
        int length = (int)strlen(c->contenders[p].name);
        width = length > width ? length : width;
    }
    qsort(sorted, c->contender_count, sizeof *sorted, compare_rows);
    fprintf(
        file,
        "mix %s, cluster %s%s, load %.3g, tool load %.3g, %zu jobs, %zu seeds, lower bound %.2f "
        "s\n\n",
        c->mix, c->cluster.name, c->cluster.serial ? " (serial prefill)" : "", c->load,
        c->tool_load, c->jobs, c->seeds, c->lower_bound_s);
    fprintf(file, "%-*s %9s %9s %9s %9s %8s %7s %14s %8s %7s %10s %8s %8s\n", width, "policy",
            "mean s", "p50 s", "p95 s", "p99 s", "slowdown", "/fcfs", "95 % interval", "/oracle",
            "gap %", "decis./s", "p50 us", "p99 us");
    for (size_t p = 0; p < c->contender_count; p++)
        print_row(c, sorted[p], width, file);
    if (c->tenants.count > 0)
        tenants_print(c, file);
    if (c->faults_text != NULL)
        print_faults(c, file);
    fputs("\noracle-srpt sees the whole of every job and is there for comparison only.\n", file);
    free(sorted);
}

/* --- JSON ------------------------------------------------------------------- */

static void put_number(FILE *file, const char *key, double value)
{
    fprintf(file, "\"%s\":", key);
    if (isfinite(value))
        json_put_number(file, value);
    else
        fputs("null", file);
}

static void put_interval(FILE *file, const char *key, const struct interval *interval)
{
    fprintf(file, "\"%s\":{", key);
    put_number(file, "value", interval->value);
    fputc(',', file);
    put_number(file, "low", interval->low);
    fputc(',', file);
    put_number(file, "high", interval->high);
    fputc('}', file);
}

/* What went wrong, where something may: attempts in the mean over the seeds. */
static void put_faults(FILE *file, const struct row *row)
{
    fputc(',', file);
    put_number(file, "failed_attempts", row->failed);
    fputc(',', file);
    put_number(file, "stopped_attempts", row->stopped);
}

static void put_row(FILE *file, const struct row *row)
{
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"mean_s", row->mean_s},
                   {"p50_s", row->p50_s},
                   {"p95_s", row->p95_s},
                   {"p99_s", row->p99_s},
                   {"slowdown", row->slowdown}};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        put_number(file, numbers[i].key, numbers[i].value);
        fputc(',', file);
    }
    put_interval(file, "ratio_to_fcfs", &row->to_fcfs);
    fputc(',', file);
    put_interval(file, "ratio_to_oracle", &row->to_oracle);
    fputc(',', file);
    put_number(file, "gap_closed", row->gap_closed);
    fputc(',', file);
    put_number(file, "decisions_per_s", row->decisions_per_s);
    fputs(",\"decision_us\":{", file);
    put_number(file, "p50", row->p50_us);
    fputc(',', file);
    put_number(file, "p99", row->p99_us);
    fputc('}', file);
}

void table_write_json(const struct comparison *c, FILE *file)
{
    fputs("{\"format\":\"llmsched-compare-1\",\"mix\":", file);
    json_put_string(file, c->mix);
    fputs(",\"cluster\":", file);
    json_put_string(file, c->cluster.name);
    fprintf(file, ",\"prefill\":\"%s\",", c->cluster.serial ? "serial" : "stretched");
    put_number(file, "load", c->load);
    fputc(',', file);
    put_number(file, "tool_load", c->tool_load);
    if (c->faults_text != NULL) {
        fputs(",\"faults\":", file);
        json_put_string(file, c->faults_text);
    }
    if (c->tenants.count > 0)
        tenants_write_setting(c, file);
    fprintf(file, ",\"jobs\":%zu,\"seeds\":[", c->jobs);
    for (size_t s = 0; s < c->seeds; s++)
        fprintf(file, "%s%zu", s > 0 ? "," : "", s + 1);
    fprintf(file, "],\"default\":\"%s\",", DEFAULT_POLICY);
    put_number(file, "lower_bound_s", c->lower_bound_s);
    fputs(",\n \"policies\":{", file);
    for (size_t p = 0; p < c->contender_count; p++) {
        fprintf(file, "%s\n  \"%s\":{", p > 0 ? "," : "", c->contenders[p].name);
        put_row(file, &c->rows[p]);
        if (c->faults_text != NULL)
            put_faults(file, &c->rows[p]);
        if (c->tenants.count > 0)
            tenants_write_row(c, p, file);
        fputc('}', file);
    }
    fputs("\n }}\n", file);
}
