/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters of the simulation model (docs/simulation.md, "Cluster"). */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stdio.h>

#include "program.h"

struct engine_kind {
    char *model; /* NULL in every engine of a cluster without model fields */
    uint32_t max_batch;
};

struct cluster {
    char *name;
    struct engine_kind *engines; /* engine e is executor e */
    uint32_t engine_count;
    uint32_t tool_slots; /* slot r is executor engine_count + r */
    uint32_t tau_count;
    double *tau_batch, *tau_s; /* seconds per output token at a batch size */
    double *slowdown;          /* tau_s / tau(1) */
    double prefill_s_per_token;
    bool serial; /* prompts are worked one after another */
};

/* "default", "small", or a file. */
bool cluster_load(struct cluster *cluster, const char *name, struct problem *problem);
void cluster_release(struct cluster *cluster);
void cluster_write(const struct cluster *cluster, FILE *file);

/* tau(b): linear between the points, clamped at the ends. */
double cluster_tau(const struct cluster *cluster, double batch);
/* Alone time of an LLM task or stage with these tokens. */
double cluster_alone(const struct cluster *cluster, double prompt_tokens, double output_tokens);
/* Whether the cluster's engines all serve one model (or none has a name). */
bool cluster_has_one_model(const struct cluster *cluster);

#endif
