/* SPDX-License-Identifier: Apache-2.0 */
/* Applications for the planner, also those that name a profile in place of stages or calls. */
#ifndef APPS_H
#define APPS_H

#include "program.h"

/* Adds the applications of a document to a planner that has its models. */
bool apps_read(llmsched_context *context, llmsched_planner *planner, const char *path,
               struct problem *problem);

#endif
