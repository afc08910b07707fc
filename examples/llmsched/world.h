/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulation runs on: kinds of engines, the engines, and tool slots. */
#ifndef WORLD_H
#define WORLD_H

#include "jobs.h"
#include "places.h"
#include "planned.h"

/* What engines have in common. */
struct engine_class {
    struct pace pace;
    llmsched_executor executor; /* as the scheduler is told of them */
};

struct world {
    struct engine_class *classes;
    uint32_t class_count;
    uint32_t *engines; /* the class of each engine from the start; engine e is executor e */
    uint32_t engine_count;
    double *crowding;              /* of each of those; NULL: none is crowded */
    uint32_t tool_slots;           /* slot r is executor engine_count + r; or SLOTS_UNLIMITED */
    double tool_price;             /* of a second in a slot; 0: 1 */
    double prefix_reuse;           /* as of clusters */
    const struct cluster *cluster; /* by whose pools the slots are parted; NULL: by none */
    uint32_t *class_of_model; /* by number of the workload's model; NULL: class 0 serves them all */
    const struct planned *autoscaled; /* whose replicas come and go; NULL: engines stay */
    void *kept;                       /* memory that paces and executors point to */
};
#define SLOTS_UNLIMITED UINT32_MAX

/* The cluster as a world for a workload that fits it. */
void world_of_cluster(struct world *world, const struct cluster *cluster,
                      const struct workload *workload);
void world_release(struct world *world);

/* Where engines stay and slots have a limit. */
static inline uint32_t world_executors(const struct world *world)
{
    return world->engine_count + world->tool_slots;
}
/* The number of a class of the engines that serve an LLM stage. */
uint32_t world_class(const struct world *world, const struct stage *stage);
/* The pool of slots where a tool stage may run, and that of a slot; NULL: those of no pool. */
const struct tool_pool *world_pool(const struct world *world, const struct stage *stage);
const struct tool_pool *world_pool_of(const struct world *world, uint32_t slot);
/* Name of the model or pool that a stage needs; NULL: it has none. */
const char *world_place(const struct world *world, const struct stage *stage);
/* Seconds that a task takes alone. */
double world_alone(const struct world *world, const struct stage *stage, uint32_t task);

#endif
