/* SPDX-License-Identifier: Apache-2.0 */
/* The planner's inputs and plans, from files. */
#ifndef PLANFILES_H
#define PLANFILES_H

#include "program.h"

/* Of the cluster, a file or a short string such as "2x8xh100-80g". apps may be NULL. On success
 * end it with llmsched_planner_destroy(). */
bool planner_load(llmsched_context *context, const char *cluster, const char *models,
                  const char *apps, llmsched_planner **planner, struct problem *problem);

/* On success end it with llmsched_plan_release(). */
bool plan_load(const llmsched_planner *planner, const char *path, llmsched_plan **plan,
               struct problem *problem);

#endif
