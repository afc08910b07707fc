/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argus (reconstructed; algorithms.md section 6): the stage that holds up
 * most goes first. By the longest way down the template that it begins, in
 * stages, then by how many stages follow it, then by its shorter duration.
 */
#include "schedule/internal.h"

/* More children than this count as this many. */
enum { MOST_CHILDREN = 4095 };

/* The three as one number: whole ones for paths and children, the duration d as d / (1 + d) < 1. */
static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    LLS_UNUSED(user);
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t children = at.child_stages < MOST_CHILDREN ? at.child_stages : MOST_CHILDREN;
    *ret = -((double)at.path_stages * (MOST_CHILDREN + 1) + children) + at.mean_s / (1 + at.mean_s);
    return LLMSCHED_OK;
}

static llmsched_status create(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy = (llmsched_policy){.size = sizeof *policy, .flags = LLS_POLICY_ALIKE, .key = key};
    return lls_policy_options("argus", options, NULL, 0, err);
}

const lls_builtin lls_policy_argus = {
    .name = "argus",
    .summary = "longest way down the template first, in stages, then most children, then shortest "
               "duration (reconstructed); no options",
    .create = create};
