/* SPDX-License-Identifier: Apache-2.0 */
/* First come, first served: by job arrival (algorithms.md section 6). */
#include "schedule/internal.h"

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    LLS_UNUSED(user);
    LLS_UNUSED(stage);
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    if (status == LLMSCHED_OK)
        *ret = info.arrival_s;
    return status;
}

static llmsched_status create(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy = (llmsched_policy){.size = sizeof *policy, .flags = LLS_POLICY_ALIKE, .key = key};
    return lls_policy_options("fcfs", options, NULL, 0, err);
}

const lls_builtin lls_policy_fcfs = {
    .name = "fcfs", .summary = "earliest job arrival first; no options", .create = create};
