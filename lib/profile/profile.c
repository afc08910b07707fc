/* SPDX-License-Identifier: Apache-2.0 */
/* The profile: lifetime and reading. */
#include "profile/calls.h"

llmsched_status lls_profile_new(const llmsched_context *context, const char *name,
                                uint32_t stage_count, llmsched_profile **profile,
                                llmsched_error *err)
{
    llmsched_profile *p = lls_calloc(context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    p->context = lls_context_retain(context);
    atomic_init(&p->references, 1);
    lls_map_init(&p->classes, context);
    p->stage_count = stage_count;
    p->name = lls_strdup(context, name);
    p->stages = lls_calloc(context, stage_count, sizeof *p->stages);
    p->successor_start = lls_calloc(context, (size_t)stage_count + 1, sizeof(uint32_t));
    if (p->name == NULL || p->stages == NULL || p->successor_start == NULL) {
        p->stage_count = p->stages != NULL ? stage_count : 0;
        llmsched_profile_release(p);
        return lls_fail_memory(err);
    }
    for (uint32_t i = 0; i < stage_count; i++)
        p->stages[i].work_node = p->stages[i].prompt_node = LLMSCHED_INDEX_NONE;
    *profile = p;
    return LLMSCHED_OK;
}

llmsched_profile *llmsched_profile_retain(const llmsched_profile *profile)
{
    llmsched_profile *p = (llmsched_profile *)profile;
    if (p != NULL)
        atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void llmsched_profile_release(llmsched_profile *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < p->stage_count; i++) {
        lls_free(p->context, p->stages[i].bins);
        lls_free(p->context, p->stages[i].spans);
        lls_free(p->context, p->stages[i].prompts);
        lls_free(p->context, p->stages[i].left);
    }
    lls_free(p->context, p->stages);
    lls_free(p->context, p->successor_start);
    lls_free(p->context, p->successors);
    lls_free(p->context, p->remainders);
    for (uint32_t kind = 0; kind < LLS_WORK_KINDS; kind++) {
        lls_forest_free(p->context, p->forests[kind]);
        lls_forest_free(p->context, p->trees[kind]);
        lls_forest_free(p->context, p->histories[kind]);
    }
    lls_calls_free(p->context, p->calls, p->call_count);
    lls_free(p->context, p->class_places);
    lls_free(p->context, p->class_kinds);
    lls_free(p->context, p->class_names);
    lls_map_finish(&p->classes);
    lls_free(p->context, p->name);
    llmsched_network_release(p->network);
    llmsched_dag_release(p->dag);
    llmsched_context *context = p->context;
    lls_free(context, p);
    lls_context_release(context);
}

const char *llmsched_profile_name(const llmsched_profile *profile)
{
    return profile != NULL ? profile->name : NULL;
}

const llmsched_dag *llmsched_profile_dag(const llmsched_profile *profile)
{
    return profile != NULL ? profile->dag : NULL;
}

const llmsched_network *llmsched_profile_network(const llmsched_profile *profile)
{
    return profile != NULL ? profile->network : NULL;
}

llmsched_status llmsched_profile_get_summary(const llmsched_profile *profile,
                                             llmsched_profile_summary *summary, llmsched_error *err)
{
    if (profile == NULL || summary == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and summary must not be NULL");
    llmsched_profile_summary now = {.size = sizeof now,
                                    .stage_count = profile->stage_count,
                                    .run_count = profile->run_count,
                                    .mean_llm_s = profile->mean_llm_s,
                                    .mean_tool_s = profile->mean_tool_s,
                                    .mean_llm_stage_s = profile->mean_stage_s[LLMSCHED_STAGE_LLM],
                                    .mean_tool_stage_s =
                                        profile->mean_stage_s[LLMSCHED_STAGE_REGULAR],
                                    .log_likelihood = profile->log_likelihood};
    return lls_sized_out(summary, &now, sizeof now, sizeof now, "llmsched_profile_summary", err);
}

static llmsched_status find_stage(const llmsched_profile *profile, uint32_t stage,
                                  const void *output, llmsched_error *err)
{
    if (profile == NULL || output == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and info must not be NULL");
    if (stage >= profile->stage_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "profile %s has no stage %u (only %u)",
                        profile->name, stage, profile->stage_count);
    return LLMSCHED_OK;
}

llmsched_status llmsched_profile_get_stage(const llmsched_profile *profile, uint32_t stage,
                                           llmsched_profile_stage *info, llmsched_error *err)
{
    llmsched_status status = find_stage(profile, stage, info, err);
    if (status != LLMSCHED_OK)
        return status;
    const lls_profiled_stage *s = &profile->stages[stage];
    llmsched_profile_stage now = {.size = sizeof now,
                                  .bin_count = s->bin_count,
                                  .work_node = s->work_node,
                                  .prompt_node = s->prompt_node,
                                  .aggregate = s->aggregate,
                                  .presence = s->presence,
                                  .mean_work_s = s->mean_work,
                                  .mean_span_s = s->mean_span};
    return lls_sized_out(info, &now, sizeof now, sizeof now, "llmsched_profile_stage", err);
}

llmsched_status llmsched_profile_get_bin(const llmsched_profile *profile, uint32_t stage,
                                         uint32_t bin, llmsched_profile_bin *info,
                                         llmsched_error *err)
{
    llmsched_status status = find_stage(profile, stage, info, err);
    if (status != LLMSCHED_OK)
        return status;
    if (bin >= profile->stages[stage].bin_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "profile %s: stage %u has no bin %u",
                        profile->name, stage, bin);
    const lls_bin *b = &profile->stages[stage].bins[bin];
    llmsched_profile_bin now = {.size = sizeof now,
                                .count = b->count,
                                .mean_s = b->mean,
                                .minimum_s = b->minimum,
                                .maximum_s = b->maximum,
                                .upper_s = b->upper};
    return lls_sized_out(info, &now, sizeof now, sizeof now, "llmsched_profile_bin", err);
}

llmsched_status llmsched_profile_get_remainder(const llmsched_profile *profile, uint32_t kind,
                                               uint32_t ended, llmsched_remainder *remainder,
                                               llmsched_error *err)
{
    if (profile == NULL || remainder == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and remainder must not be NULL");
    if (kind != LLMSCHED_STAGE_LLM && kind != LLMSCHED_STAGE_REGULAR)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "kind must be LLMSCHED_STAGE_LLM or LLMSCHED_STAGE_REGULAR");
    uint32_t at = ended < profile->remainder_count ? ended : profile->remainder_count - 1;
    const lls_remainder *r =
        &profile->remainders[(kind == LLMSCHED_STAGE_LLM ? 0 : profile->remainder_count) + at];
    llmsched_remainder now = {
        .size = sizeof now, .mean_s = r->mean, .q10_s = r->q10, .q50_s = r->q50, .q90_s = r->q90};
    return lls_sized_out(remainder, &now, sizeof now, sizeof now, "llmsched_remainder", err);
}
