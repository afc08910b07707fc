/* SPDX-License-Identifier: Apache-2.0 */
/* A plan laid out for rendering: all of it in arrays, GPUs by node. */
#ifndef PLACEMENT_H
#define PLACEMENT_H

#include <stdio.h>

#include "program.h"

/* Of replica 0; the others follow. */
enum { FIRST_PORT = 8000, MOST_PORT = 65535 };

/* Lists of numbers of replicas, all in one array. */
struct residents {
    uint32_t *replicas; /* ascending */
    uint32_t *first;    /* of each GPU; one more at the end */
};

struct placement {
    llmsched_plan_info info;
    llmsched_plan_model *models;
    double *runtime_bytes; /* of each model, beside weights and caches */
    llmsched_plan_replica *replicas;
    llmsched_plan_app *apps;
    llmsched_plan_gpu *gpus;
    struct residents residents; /* of each GPU */
    const char **domains;       /* in the order of the cluster */
    uint32_t domain_count;
    uint32_t *domain;  /* number of each GPU's domain */
    uint32_t *ordinal; /* of each GPU in its domain: CUDA's number, where the domain is a node */
    llmsched_autoscaler autoscaler;
    const char *target;
    struct problem *problem;
};

bool placement_make(struct placement *p, const llmsched_plan *plan, const llmsched_planner *planner,
                    struct problem *problem);
void placement_release(struct placement *p);

/* Notes that the target cannot express the plan; exit code 1. Returns false. */
bool cannot_express(const struct placement *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Number of the replica among those of its model. */
uint32_t replica_rank(const struct placement *p, uint32_t replica);
/* A GPU of the replica. */
const llmsched_plan_gpu *replica_gpu(const struct placement *p, uint32_t replica, uint32_t i);
/* Number of the domain that the replica runs in. */
uint32_t replica_domain(const struct placement *p, uint32_t replica);
/* It has its GPUs whole and for itself. */
bool replica_is_alone(const struct placement *p, uint32_t replica);
/* Part of a GPU's memory that a replica takes, rounded down to 1e-4 so that sums stay below 1. */
double memory_fraction(const struct placement *p, uint32_t replica, double less_bytes);

/* Refuses model names that a command line takes for options. */
bool check_words(const struct placement *p);

/* Refuses more replicas than there are ports. */
bool check_ports(const struct placement *p);
/* Refuses GPUs whose memory is not enough. */
bool check_memory(const struct placement *p);

/* Targets; each returns false with a problem noted. */
bool render_table(const struct placement *p, FILE *file);
bool render_svg(const struct placement *p, FILE *file);
bool render_vllm(const struct placement *p, FILE *file);
bool render_sglang(const struct placement *p, FILE *file);
bool render_mps(const struct placement *p, FILE *file);
bool render_compose(const struct placement *p, FILE *file);
bool render_kserve(const struct placement *p, FILE *file);
bool render_ray(const struct placement *p, FILE *file);

#endif
