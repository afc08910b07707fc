/* SPDX-License-Identifier: Apache-2.0 */
/* Plans made into what other programs read: tables, maps, launch lines, manifests. */
#ifndef RENDER_H
#define RENDER_H

#include <stdio.h>

#include "program.h"

/* Writes the plan for a target, or writes nothing and notes what the target cannot express. The
 * planner is the one whose cluster and models the plan is for. */
bool render_plan(const llmsched_plan *plan, const llmsched_planner *planner, const char *target,
                 FILE *file, struct problem *problem);

/* Notes a name that is no target. */
bool render_knows(const char *target, struct problem *problem);

#endif
