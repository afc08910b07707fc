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

/* Adds the GPUs of a file, or of a short string such as "2x8xh100-80g" where no file is called so.
 */
bool cluster_add(llmsched_planner *planner, const char *cluster, struct problem *problem);
/* Adds the models of a file. */
bool models_add(llmsched_planner *planner, const char *path, struct problem *problem);

struct planned_files {
    const char *plan, *cluster, *models;
};
bool planned_load(struct planned *planned, llmsched_context *context,
                  const struct planned_files *files, struct problem *problem);
void planned_release(struct planned *planned);

#endif
