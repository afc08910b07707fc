/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest job first, two ways: by the application's historical mean total
 * work, never updated (algorithms.md section 6), and by the mean that the
 * caller gives (simulation.md, cross-check policies).
 */
#include "schedule/internal.h"

static llmsched_status by_profile(void *user, const llmsched_view *view, uint64_t job,
                                  uint32_t stage, double *ret)
{
    LLS_UNUSED(user);
    LLS_UNUSED(stage);
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    if (status == LLMSCHED_OK)
        *ret = info.profile != NULL ? info.profile->mean_llm_s + info.profile->mean_tool_s : 0;
    return status;
}

static llmsched_status by_given(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                                double *ret)
{
    LLS_UNUSED(user);
    LLS_UNUSED(stage);
    llmsched_job_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_job(view, job, &info);
    if (status == LLMSCHED_OK)
        *ret = info.given_mean_s;
    return status;
}

static llmsched_status create_sjf(llmsched_context *context, const char *options,
                                  llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy =
        (llmsched_policy){.size = sizeof *policy, .flags = LLS_POLICY_ALIKE, .key = by_profile};
    return lls_policy_options("sjf", options, NULL, 0, err);
}

static llmsched_status create_given(llmsched_context *context, const char *options,
                                    llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy = (llmsched_policy){.size = sizeof *policy, .flags = LLS_POLICY_ALIKE, .key = by_given};
    return lls_policy_options("sjf-given", options, NULL, 0, err);
}

const lls_builtin lls_policy_sjf = {
    .name = "sjf",
    .summary = "least historical mean work of the application first, never updated; no options",
    .create = create_sjf};

const lls_builtin lls_policy_sjf_given = {
    .name = "sjf-given",
    .summary = "least given_mean_s of the job first, for cross-checks; no options",
    .create = create_given};
