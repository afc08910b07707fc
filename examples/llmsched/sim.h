/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation model of docs/simulation.md around a llmsched_scheduler: a
 * caller like any other, that sees time pass and starts what it is told.
 */
#ifndef SIM_H
#define SIM_H

#include "cluster.h"
#include "faults.h"
#include "histogram.h"
#include "jobs.h"
#include "program.h"
#include "world.h"

struct sim_options {
    llmsched_context *context;
    const char *policy; /* with its options */
    uint64_t seed;
    bool keep_tasks;      /* fill in the schedule */
    bool keep_replicas;   /* fill in the changes */
    bool keep_shares;     /* see how tenants are served, up to MOST_TENANTS of them; by a cluster */
    struct faults faults; /* of a cluster */
    double limit_s; /* give up once more than most_late jobs took longer than this; 0: never */
    size_t most_late;
};

/* How an attempt at a task ended. */
enum sim_end { SIM_FINISHED, SIM_FAILED, SIM_STOPPED /* with its executor */ };

/* One line of a schedule; in order of start. */
struct sim_task {
    uint32_t job, stage, task, executor;
    double start_s, end_s;
    enum sim_end end;
};

/* How even tenants were served while they competed (docs/simulation.md, "Tenants"). */
struct fairness {
    double *contended_s; /* by tenant: cost served while it competed with some other */
    double difference_s; /* largest of two tenants' cost per weight over an interval */
    double unfairness_s; /* the same less what their accounts were apart at its beginning */
    double bound_s;      /* least that any two tenants' unfairness is proved to stay below */
};

/* What an autoscaler did to a replica, in order of time. */
struct sim_change {
    double time_s;
    uint32_t replica, class;
    const char *what; /* start, ready, drain, stop */
};

struct sim_result {
    bool gave_up;
    double *completion_s; /* by job; where it gave up, of those that were over */
    struct sim_task *tasks;
    size_t task_count, task_capacity;
    struct sim_change *changes;
    size_t change_count, change_capacity;
    uint64_t decisions;
    uint64_t failed, stopped;  /* attempts */
    double busy_s;             /* spent in the scheduler */
    struct histogram latency;  /* from posting to the decision pulled */
    struct fairness *fairness; /* of workloads with several tenants, else NULL */
};

bool sim_run_on(const struct workload *workload, const struct world *world,
                const struct sim_options *options, struct sim_result *result,
                struct problem *problem);
/* The workload must fit the cluster. */
bool sim_run(const struct workload *workload, const struct cluster *cluster,
             const struct sim_options *options, struct sim_result *result, struct problem *problem);
void sim_result_release(struct sim_result *result);

/* Whether a policy sees all of every job: it is then only for comparison. */
bool policy_is_oracle(const char *policy);
/* Whether a policy is one of the three whose ties end in the true stage index. */
bool policy_is_cross_check(const char *policy);
/* Whether the jobs tell what a policy orders by; path is for the message. */
bool policy_fits(const struct workload *workload, const char *policy, const char *path,
                 struct problem *problem);

/* Lines of the two files of `simulate` and `evaluate`. */
void sim_write_jobs(const struct workload *workload, const struct sim_result *result, FILE *file);
void sim_write_tasks(const struct workload *workload, const struct sim_result *result, FILE *file);
/* What an autoscaler did, of `evaluate`. */
void sim_write_replicas(const struct world *world, const struct sim_result *result, FILE *file);

#endif
