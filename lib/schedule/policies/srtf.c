/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest remaining time first by the historical mean of what remains after as many ended
 * stages, no network (algorithms.md section 6). Each queue counts its own
 * resource: LLM work for engines, tool work for regular executors.
 */
#include "schedule/internal.h"

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    LLS_UNUSED(user);
    llmsched_stage_view info = {.size = sizeof info};
    llmsched_estimate estimate = {.size = sizeof estimate};
    llmsched_status status = llmsched_view_stage(view, job, stage, &info);
    if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, info.kind, LLMSCHED_BY_HISTORY, &estimate);
    if (status == LLMSCHED_OK)
        *ret = estimate.mean_s;
    return status;
}

static llmsched_status create(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy = (llmsched_policy){.size = sizeof *policy, .flags = LLS_POLICY_ALIKE, .key = key};
    return lls_policy_options("srtf", options, NULL, 0, err);
}

const lls_builtin lls_policy_srtf = {
    .name = "srtf",
    .summary = "least historical mean of what remains after as many ended stages first; no options",
    .create = create};
