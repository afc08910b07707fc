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
    double alpha, method, locality, long_prompt;
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

static llmsched_status place(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                             uint64_t *executor)
{
    const state *p = user;
    return lls_place_long(view, job, stage, p->long_prompt, executor);
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
    state read = {.alpha = 0.02, .method = LLMSCHED_BY_FOREST, .long_prompt = 2048};
    const lls_policy_option options[] = {
        {"alpha", 0, 1e6, &read.alpha, NULL},
        {"predictor", LLMSCHED_BY_NETWORK, LLMSCHED_BY_FOREST, &read.method, lls_method_names},
        {"locality", 0, 1, &read.locality, NULL},
        {"long", 0, 1e12, &read.long_prompt, NULL}};
    llmsched_status status = lls_policy_options("gittins", text, options, LLS_COUNT(options), err);
    if (status != LLMSCHED_OK)
        return status;
    state *p = lls_calloc(context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    *p = read;
    p->context = lls_context_retain(context);
    *policy = (llmsched_policy){.size = sizeof *policy,
                                .flags = LLMSCHED_POLICY_LAZY | LLS_POLICY_ALIKE,
                                .user = p,
                                .key = key,
                                .release = release,
                                .place = p->locality != 0 ? place : NULL};
    return LLMSCHED_OK;
}

const lls_builtin lls_policy_gittins = {
    .name = "gittins",
    .summary =
        "least aged Gittins index of the remaining LLM work (tools: mean remaining tool work) plus "
        "alpha times the arrival (0: least mean; more: shorter tails); alpha=0.02, "
        "predictor=forest "
        "(or "
        "network, tree, history), locality=off (on: prompts above long=2048 tokens prefer the "
        "engine "
        "that the job used last)",
    .create = create};
