/* SPDX-License-Identifier: Apache-2.0 */
/* The planner's inputs and plans, from files. */
#ifndef PLANFILES_H
#define PLANFILES_H

#include "program.h"

struct planner_files {
    const char *cluster; /* a file, or short as in "2x8xh100-80g" where no file is called so */
    const char *models;
    const char *apps; /* may be NULL */
};

/* On success end it with llmsched_planner_destroy(). */
bool planner_load(llmsched_context *context, const struct planner_files *files,
                  llmsched_planner **planner, struct problem *problem);

/* On success end it with llmsched_plan_release(). */
bool plan_load(const llmsched_planner *planner, const char *path, llmsched_plan **plan,
               struct problem *problem);

#endif
