/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads drawn from recorded runs (docs/simulation.md, "Workloads"). */
#ifndef DRAW_H
#define DRAW_H

#include "cluster.h"
#include "jobs.h"
#include "profiles.h"
#include "tenants.h"

/* Whether the mix draws from a file of this stem. mix: predefined, chain, planning, mixed, all, or
 * names of files up to "__", joined by commas. */
bool mix_wants(const void *mix, const char *stem);

/* An application that is drawn from. */
struct source {
    const struct application *app;
    struct body *bodies;      /* of its evaluation runs */
    double total_s;           /* mean work of its training runs, LLM and tool */
    double tool_s;            /* mean over the evaluation runs */
    double *llm_s, *serial_s; /* likewise, by model of the cluster; serial_s: engine-seconds */
    double one_in;            /* jobs per job of this one */
};

struct pool_of_runs {
    struct source *sources;
    size_t count;
    const char **model_names; /* of the cluster; NULL: they have none */
    uint32_t models;
    const struct tenants *tenants;
    uint32_t *of_tenant[MOST_TENANTS]; /* sources that each draws from */
    uint32_t of_tenant_count[MOST_TENANTS];
    struct arena arena;
};

/* From the applications that have runs to evaluate; each needs a profile. */
bool sources_make(struct pool_of_runs *pool, const struct applications *apps,
                  const struct cluster *cluster, const struct tenants *tenants,
                  struct problem *problem);
void sources_release(struct pool_of_runs *pool);

/* Jobs per second that load the busiest of the cluster's models so (rho). */
double arrival_rate(const struct pool_of_runs *pool, const struct cluster *cluster, double load);
/* What load this rate puts on a model. */
double model_load(const struct pool_of_runs *pool, const struct cluster *cluster, uint32_t model,
                  double rate);
/* Share of the tool slots that the jobs keep busy at this rate. */
double tool_load(const struct pool_of_runs *pool, const struct cluster *cluster, double rate);

/* n jobs of a seed. The workload shares the pool's bodies. */
void draw_workload(struct workload *workload, const struct pool_of_runs *pool, uint64_t seed,
                   size_t count, double rate);

/* Engine-seconds of a job under serial prefill where an output token takes per_token_s; of one
 * model of the cluster, or of all (EVERY_MODEL). */
enum { EVERY_MODEL = UINT32_MAX };
double serial_demand(const struct body *body, const struct cluster *cluster, uint32_t model,
                     double per_token_s);

#endif
