/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as a world: every replica an engine (docs/simulation.md, "Plans"). */
#ifndef PLAN_WORLD_H
#define PLAN_WORLD_H

#include "planned.h"
#include "world.h"

/* For a workload whose models the plan has; else refused with path and line. */
bool world_of_plan(struct world *world, const struct planned *planned,
                   const struct workload *workload, const char *path, struct problem *problem);

#endif
