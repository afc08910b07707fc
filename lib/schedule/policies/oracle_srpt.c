/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest true remaining work first, for comparison only: the caller says
 * what remains (simulation.md, cross-check policies).
 */
#include "schedule/internal.h"

#include <math.h>

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    LLS_UNUSED(user);
    llmsched_job_view info = {.size = sizeof info};
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_status status = llmsched_view_job(view, job, &info);
    if (status == LLMSCHED_OK)
        status = llmsched_view_stage(view, job, stage, &at);
    if (status != LLMSCHED_OK)
        return status;
    /* Rounded to 1e-6 s so that equal jobs compare equal whatever the order of their sums. */
    double remaining = at.kind == LLMSCHED_STAGE_LLM ? info.given_llm_s : info.given_tool_s;
    *ret = floor(1e6 * remaining + 0.5);
    return LLMSCHED_OK;
}

static llmsched_status create(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err)
{
    LLS_UNUSED(context);
    *policy = (llmsched_policy){.size = sizeof *policy, .flags = LLS_POLICY_ALIKE, .key = key};
    return lls_policy_options("oracle-srpt", options, NULL, 0, err);
}

const lls_builtin lls_policy_oracle_srpt = {
    .name = "oracle-srpt",
    .summary = "least true remaining work (given_llm_s, given_tool_s) first; no options",
    .create = create};
