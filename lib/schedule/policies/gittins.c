/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gittins (algorithms.md sections 6 and 9): engines go to the job of least
 * aged Gittins index of its remaining LLM work, regular executors to that of
 * least mean remaining tool work; both plus alpha times its arrival: with
 * alpha above 0 nobody waits for ever.
 */
#include "schedule/internal.h"

typedef struct state {
    llmsched_context *context;
    double alpha, method;
} state;

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    const state *p = user;
    uint32_t method = (uint32_t)p->method;
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_job_view info = {.size = sizeof info};
    llmsched_estimate estimate = {.size = sizeof estimate};
    double index = 0;
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_job(view, job, &info);
    if (status == LLMSCHED_OK && at.kind == LLMSCHED_STAGE_LLM)
        status = llmsched_view_gittins(view, job, method, &index);
    else if (status == LLMSCHED_OK)
        status = llmsched_view_estimate(view, job, at.kind, method, &estimate);
    if (status == LLMSCHED_OK)
        *ret = index + estimate.mean_s + p->alpha * info.arrival_s;
    return status;
}

static void release(void *user)
{
    state *p = user;
    llmsched_context *context = p->context;
    lls_free(context, p);
    lls_context_release(context);
}

static llmsched_status create(llmsched_context *context, const char *text, llmsched_policy *policy,
                              llmsched_error *err)
{
    double alpha = 0, method = LLMSCHED_BY_FOREST;
    const lls_policy_option options[] = {
        {"alpha", 0, 1e6, &alpha, NULL},
        {"predictor", LLMSCHED_BY_NETWORK, LLMSCHED_BY_FOREST, &method, lls_method_names}};
    llmsched_status status = lls_policy_options("gittins", text, options, LLS_COUNT(options), err);
    if (status != LLMSCHED_OK)
        return status;
    state *p = lls_calloc(context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    *p = (state){.context = lls_context_retain(context), .alpha = alpha, .method = method};
    *policy = (llmsched_policy){.size = sizeof *policy, .user = p, .key = key, .release = release};
    return LLMSCHED_OK;
}

const lls_builtin lls_policy_gittins = {
    "gittins",
    "least aged Gittins index of the remaining LLM work (tools: mean remaining tool work) plus "
    "alpha times the arrival (0.1 to 0.5: nobody waits for ever); alpha=0, predictor=forest (or "
    "network, tree, history)",
    create};
