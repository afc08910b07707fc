/* SPDX-License-Identifier: Apache-2.0 */
/* Plans, with the GPUs and models that they are for, from files. */
#ifndef PLANNED_H
#define PLANNED_H

#include "program.h"

struct planned {
    llmsched_planner *planner;
    llmsched_plan *plan;
    llmsched_plan_info info;
    llmsched_autoscaler autoscaler;
};

struct planned_files {
    const char *plan, *cluster, *models;
};
bool planned_load(struct planned *planned, llmsched_context *context,
                  const struct planned_files *files, struct problem *problem);
void planned_release(struct planned *planned);

#endif
