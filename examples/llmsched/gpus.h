/* SPDX-License-Identifier: Apache-2.0 */
/* Which replicas of a plan are on which GPUs, and how they crowd each other. */
#ifndef GPUS_H
#define GPUS_H

#include "planned.h"

struct gpu {
    const char *kind, *domain;
    uint32_t position;       /* in its domain, in the order of the file */
    uint32_t next;           /* GPU of the domain; NO_GPU: the last */
    uint32_t users;          /* replicas placed here, busy or idle */
    double share, bandwidth; /* sums over these */
};
#define NO_GPU UINT32_MAX

/* What each replica of a model of the plan takes. */
struct footprint {
    const char *kind;
    uint32_t tp;
    double share, bandwidth; /* of each GPU */
};

/* A replica on its GPUs; when it is gone the list is NULL. */
struct placed {
    uint32_t model; /* of the plan */
    uint32_t *gpus;
};

struct gpus {
    struct gpu *items;
    uint32_t count, model_count;
    struct footprint *models;
    struct placed *replicas; /* numbered through the plan, and on */
    size_t replica_count, replica_capacity;
};

/* With the replicas of the plan in place. Texts are the plan's. */
bool gpus_of_plan(struct gpus *gpus, const struct planned *planned, struct problem *problem);
void gpus_release(struct gpus *gpus);

/* The largest, over the GPUs of a replica, of 1, the sum of shares and the sum of bandwidths. */
double gpus_crowding(const struct gpus *gpus, uint32_t replica);
/* Places one more replica on free GPUs: aligned in one domain, lowest first. false: there is no
 * room. Its number is the last. */
bool gpus_take(struct gpus *gpus, uint32_t model);
void gpus_give(struct gpus *gpus, uint32_t replica);

#endif
