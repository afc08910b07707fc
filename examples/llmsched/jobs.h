/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: what a jobs file holds, and what the simulator runs. */
#ifndef JOBS_H
#define JOBS_H

#include <stdio.h>

#include "cluster.h"
#include "program.h"

/* Of a job. */
enum { MOST_STAGES = 1 << 20 };

struct stage {
    const char *id, *name;
    const char *model;        /* LLM stages; NULL where the file names none */
    const char *pool;         /* tools; likewise */
    const uint32_t *parents;  /* numbers of earlier stages */
    const uint32_t *children; /* ascending */
    uint32_t parent_count, child_count;
    uint32_t kind; /* LLMSCHED_STAGE_LLM or _REGULAR */
    uint32_t tasks;
    uint32_t model_number;               /* of the model among the workload's, where one is named */
    double prompt_tokens, output_tokens; /* over all tasks; integers */
    double duration_s;                   /* tools: of each task */
};

/* The stages of a job; drawn jobs share those of their run. */
struct body {
    struct stage *stages; /* parents first */
    uint32_t stage_count;
};

struct job {
    const char *name, *app;
    const struct body *body;
    const llmsched_profile *profile; /* of the application; NULL: none */
    double arrival_s;
    double sjf_mean_s; /* NAN: not given */
    uint32_t tenant;   /* among those of the workload */
    double weight;     /* of the tenant; 0: not given */
};

struct workload {
    struct job *jobs; /* the index is the job's number */
    size_t count, capacity;
    const char **models; /* that stages name */
    size_t model_count, model_capacity;
    const char **tenants; /* names; NULL: none was named, and all jobs are of one */
    size_t tenant_count, tenant_capacity;
    struct arena arena; /* of names and bodies that no other object owns */
};

void workload_add(struct workload *workload, const struct job *job);
void workload_release(struct workload *workload);
/* Fills in children, from parents. */
void body_link(struct body *body, struct arena *arena);

bool jobs_read(struct workload *workload, const char *path, struct problem *problem);
/* One job as a line of a jobs file. tenant: its name, or NULL. */
void job_write(const struct job *job, const char *tenant, FILE *file);
/* The number of a tenant, new if need be; the name must outlive the workload. */
uint32_t workload_tenant(struct workload *workload, const char *name);
/* The number of one more model, whose name must do so too. */
uint32_t workload_add_model(struct workload *workload, const char *name);

/* Whether every stage can run on the cluster; path is for the message. */
bool workload_fits(const struct workload *workload, const struct cluster *cluster, const char *path,
                   struct problem *problem);
/* The model by which a stage is known to the scheduler, on a cluster that it fits. */
const char *stage_model(const struct stage *stage, const struct cluster *cluster);
/* Where a tool may run, on a cluster that it fits; NULL: in slots of no pool. */
const struct tool_pool *stage_pool(const struct stage *stage, const struct cluster *cluster);

/* Tokens of task i: floor(n / k), the first n mod k tasks one more. */
double task_share(double tokens, uint32_t tasks, uint32_t task);
/* Sum of the alone times of a job's tasks of one kind. */
double job_work(const struct body *body, uint32_t kind, const struct cluster *cluster);
/* Longest path through the job, a stage counting its longest task. */
double job_critical_path(const struct body *body, const struct cluster *cluster);

#endif
