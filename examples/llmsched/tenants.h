/* SPDX-License-Identifier: Apache-2.0 */
/* Who the jobs of a drawn workload belong to, and which model runs which stage (docs/schemas.md,
 * "Tenants"). */
#ifndef TENANTS_H
#define TENANTS_H

#include "cluster.h"
#include "program.h"

enum { MOST_TENANTS = 16 };

struct tenant {
    char *name, *mix;
    double share; /* of the jobs */
    double weight;
};

struct model_of {
    char *stage, *model;
};

struct tenants {
    struct tenant items[MOST_TENANTS];
    uint32_t count; /* 0: nobody was named */
    struct model_of *models;
    size_t model_count, model_capacity;
};

/* path NULL: nobody. */
bool tenants_load(struct tenants *tenants, const char *path, const struct cluster *cluster,
                  struct problem *problem);
void tenants_release(struct tenants *tenants);
/* Whether some tenant draws from a file of this stem. */
bool tenants_want(const void *tenants, const char *stem);
/* The model of an LLM stage of this name: that of the first engine unless it is named. */
const char *tenants_model(const struct tenants *tenants, const struct cluster *cluster,
                          const char *stage);

#endif
