/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of the simulation model (docs/simulation.md, "Cluster"). */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stdio.h>

#include "program.h"

struct engine_kind {
    char *model; /* NULL in every engine of a cluster without model fields */
    uint32_t max_batch;
    double price; /* of an alone-second; 0: 1 */
};

/* Tool slots that only tools of theirs may use. */
struct tool_pool {
    char *name;
    char **tools; /* names of stages that run here unless they name a pool */
    uint32_t tool_count, slots;
    uint32_t first; /* its first slot */
};

struct cluster {
    char *name;
    struct engine_kind *engines; /* engine e is executor e */
    uint32_t engine_count;
    /* Slot r is executor engine_count + r: those of no pool first, then pool after pool. */
    uint32_t tool_slots; /* of no pool */
    uint32_t slot_count; /* all */
    double tool_price;   /* of a second in a slot; 0: 1 */
    struct tool_pool *pools;
    uint32_t pool_count;
    uint32_t tau_count;
    double *tau_batch, *tau_s; /* seconds per output token at a batch size */
    double *slowdown;          /* tau_s / tau(1) */
    double prefill_s_per_token;
    double prefix_reuse; /* share of what an engine may hold of a prompt that it need not work */
    bool serial;         /* prompts are worked one after another */
};

/* "default", "small", or a file. */
bool cluster_load(struct cluster *cluster, const char *name, struct problem *problem);
void cluster_release(struct cluster *cluster);
void cluster_write(const struct cluster *cluster, FILE *file);

/* tau(b): linear between the points, clamped at the ends. */
double cluster_tau(const struct cluster *cluster, double batch);
/* Alone time of an LLM task or stage with these tokens. */
double cluster_alone(const struct cluster *cluster, double prompt_tokens, double output_tokens);
/* The pool of that name; NULL: none. */
const struct tool_pool *cluster_pool(const struct cluster *cluster, const char *name);
/* The pool that a slot belongs to; NULL: to none. */
const struct tool_pool *cluster_pool_of(const struct cluster *cluster, uint32_t slot);
static inline uint32_t cluster_executors(const struct cluster *cluster)
{
    return cluster->engine_count + cluster->slot_count;
}
/* Whether an engine serves a model; NULL: one without a name. */
bool cluster_serves(const struct cluster *cluster, uint32_t engine, const char *model);
/* Number of an engine's model among the cluster's, in the order of first appearance. */
uint32_t cluster_model(const struct cluster *cluster, const char *model);
uint32_t cluster_model_count(const struct cluster *cluster);
/* Whether the cluster's engines all serve one model (or none has a name). */
bool cluster_has_one_model(const struct cluster *cluster);

#endif
