/* SPDX-License-Identifier: Apache-2.0 */
/* What `compare` computes, for its table and its report. */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdio.h>

#include "draw.h"
#include "sim.h"
#include "stats.h"

struct contender {
    char *spec; /* as the library takes it: "llmsched:epsilon=0" */
    char *name; /* as tables and files call it: "llmsched-epsilon-0" */
};

/* One tenant's jobs under one policy on the workload of one seed. */
struct tenant_cell {
    double mean_s, slowdown, p95_slowdown;
    double service_share; /* of what was served while tenants competed */
};

/* One policy on the workload of one seed. */
struct cell {
    double mean_s, p50_s, p95_s, p99_s, slowdown;
    uint64_t decisions;
    double failed, stopped; /* attempts */
    double busy_s;
    struct tenant_cell tenants[MOST_TENANTS];
    double difference_s, unfairness_s, bound_s; /* see struct fairness */
    struct histogram *latency;
    struct sim_result kept; /* of the first seed, for the report */
    struct problem problem;
};

struct draw {
    struct workload workload;
    double *critical_path_s; /* by job */
    double lower_bound_s;
};

/* One policy over all seeds. */
struct row {
    double mean_s, p50_s, p95_s, p99_s, slowdown;
    struct interval to_fcfs, to_oracle;
    double gap_closed; /* NAN: nothing queued */
    double decisions_per_s, p50_us, p99_us;
    double failed, stopped;
};

struct comparison {
    const char *mix;
    const char *faults_text; /* NULL: nothing goes wrong */
    struct faults faults;
    double rate; /* jobs a second */
    double load, tool_load, lower_bound_s;
    struct cluster cluster;
    struct tenants tenants;
    size_t jobs, seeds;
    struct contender *contenders;
    size_t contender_count;
    size_t fcfs, oracle, shown; /* contenders; shown: whose schedule the report draws */
    struct draw *draws;         /* by seed - 1 */
    struct cell *cells;         /* [seed - 1][contender] */
    struct row *rows;           /* by contender */
    struct pool_of_runs pool;
};

/* The policy that the library takes when none is named. */
extern const char DEFAULT_POLICY[];

static inline struct cell *cell_of(const struct comparison *c, size_t seed_index, size_t contender)
{
    return &c->cells[seed_index * c->contender_count + contender];
}

/* Contenders from a list such as "fcfs,llmsched:epsilon=0"; fcfs and oracle-srpt are always among
 * them. */
bool contenders_parse(struct comparison *comparison, const char *list, llmsched_context *context,
                      struct problem *problem);
void contenders_release(struct comparison *comparison);

/* Fills in rows from cells. */
void table_make(struct comparison *comparison);
void table_print(const struct comparison *comparison, FILE *file);
void table_write_json(const struct comparison *comparison, FILE *file);

/* Where the jobs are of tenants. */
void tenants_measure(struct cell *cell, const struct draw *draw, const struct sim_result *result);
void tenants_print(const struct comparison *comparison, FILE *file);
void tenants_write_setting(const struct comparison *comparison, FILE *file);
void tenants_write_row(const struct comparison *comparison, size_t contender, FILE *file);

/* A page that needs nothing but itself. */
void report_write(const struct comparison *comparison, FILE *file);

#endif
