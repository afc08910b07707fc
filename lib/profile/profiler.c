/* SPDX-License-Identifier: Apache-2.0 */
/* The profiler: collects runs, and fits a profile to them. */
#include "profile/internal.h"

#include <math.h>

static llmsched_status check_options(llmsched_profiler_options *o, llmsched_error *err)
{
    if (o->bins > 64 || o->max_parents > 8)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "profiler options: bins must be at most 64, max_parents at most 8");
    if (o->max_stages > 4096)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "profiler options: max_stages must be at most 4096");
    if (o->score > LLMSCHED_SCORE_BDEU || o->no_prompts > 1)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "profiler options: score or no_prompts is unknown");
    if (!isfinite(o->equivalent_size) || o->equivalent_size < 0 || !isfinite(o->prior) ||
        o->prior < 0 || !(o->common >= 0 && o->common <= 1))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "profiler options: equivalent_size and prior must be finite and not "
                        "negative, common in 0 .. 1");
    return LLMSCHED_OK;
}

static void fill_defaults(llmsched_profiler_options *o)
{
    o->bins = o->bins > 0 ? o->bins : 6;
    o->max_parents = o->max_parents > 0 ? o->max_parents : 2;
    o->max_stages = o->max_stages > 0 ? o->max_stages : 40;
    o->score = o->score > 0 ? o->score : LLMSCHED_SCORE_BIC;
    o->equivalent_size = o->equivalent_size > 0 ? o->equivalent_size : 10;
    o->prior = o->prior > 0 ? o->prior : 1;
    o->common = o->common > 0 ? o->common : 0.2;
    o->max_clique = o->max_clique > 0 ? o->max_clique : 20000;
}

llmsched_status llmsched_profiler_create(llmsched_context *context, const char *name,
                                         llmsched_dag *dag, const llmsched_profiler_options *given,
                                         llmsched_profiler **profiler, llmsched_error *err)
{
    llmsched_profiler_options options;
    if (context == NULL || name == NULL || name[0] == '\0' || profiler == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "context, a name that is not empty, and profiler must be given");
    llmsched_status status = lls_sized_in(&options, sizeof options, given, sizeof options,
                                          "llmsched_profiler_options", err);
    if (status == LLMSCHED_OK)
        status = check_options(&options, err);
    if (status != LLMSCHED_OK)
        return status;
    fill_defaults(&options);
    llmsched_profiler *p = lls_calloc(context, 1, sizeof *p);
    char *copy = lls_strdup(context, name);
    if (p == NULL || copy == NULL) {
        lls_free(context, p);
        lls_free(context, copy);
        return lls_fail_memory(err);
    }
    p->context = lls_context_retain(context);
    p->name = copy;
    p->dag = dag != NULL ? llmsched_dag_retain(dag) : NULL;
    p->options = options;
    lls_map_init(&p->name_numbers, context);
    *profiler = p;
    return LLMSCHED_OK;
}

void llmsched_profiler_destroy(llmsched_profiler *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->run_count; i++)
        lls_seen_run_free(p->context, &p->runs[i]);
    for (uint32_t i = 0; i < p->name_count; i++)
        lls_free(p->context, p->names[i]);
    lls_free(p->context, p->runs);
    lls_free(p->context, p->names);
    lls_map_finish(&p->name_numbers);
    lls_free(p->context, p->name);
    llmsched_dag_release(p->dag);
    llmsched_context *context = p->context;
    lls_free(context, p);
    lls_context_release(context);
}

llmsched_status llmsched_profiler_observe(llmsched_profiler *p, const llmsched_run *given,
                                          llmsched_error *err)
{
    llmsched_run run;
    lls_seen_run seen;
    if (p == NULL || given == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profiler and run must not be NULL");
    llmsched_status status =
        lls_sized_in(&run, sizeof run, given, sizeof(llmsched_run), "llmsched_run", err);
    if (status != LLMSCHED_OK)
        return status;
    if (run.stage_count == 0 || run.stages == NULL || run.stage_count > p->context->max_stages)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "run: needs 1 to %u stages",
                        p->context->max_stages);
    if (run.stages[0].size < sizeof(llmsched_run_stage) || run.stages[0].size % 8 != 0)
        return lls_fail(err, LLMSCHED_ERROR_VERSION,
                        "llmsched_run_stage: size %u of stages[0] is not one of this interface",
                        run.stages[0].size);
    if (!lls_grow(p->context, (void **)&p->runs, &p->run_capacity, (size_t)p->run_count + 1,
                  sizeof *p->runs))
        return lls_fail_memory(err);
    status = lls_seen_run_create(p, &run, &seen, err);
    if (status == LLMSCHED_OK)
        p->runs[p->run_count++] = seen;
    return status;
}

uint64_t llmsched_profiler_run_count(const llmsched_profiler *p)
{
    return p != NULL ? p->run_count : 0;
}

static void mark_aggregates(llmsched_profile *profile)
{
    static const char *const ids[] = {LLS_MORE_LLM, LLS_MORE_TOOL};
    for (uint32_t i = 0; i < LLS_COUNT(ids); i++) {
        uint32_t stage = llmsched_dag_find(profile->dag, ids[i]);
        if (stage != LLMSCHED_INDEX_NONE)
            profile->stages[stage].aggregate = true;
    }
}

static llmsched_status fit_to(llmsched_profiler *p, llmsched_profile *profile, llmsched_error *err)
{
    lls_matching matching = {0};
    if (p->dag == NULL)
        mark_aggregates(profile);
    llmsched_status status = lls_profile_index(profile, err);
    if (status == LLMSCHED_OK)
        status = lls_match(p, profile, &matching, err);
    if (status == LLMSCHED_OK)
        status = lls_summarise(p, &matching, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_summarise_remainders(p, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_summarise_aggregates(p, &matching, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_fit_network(p, &matching, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_fit_forests(p, profile, err);
    lls_matching_free(p->context, &matching);
    return status;
}

llmsched_status llmsched_profiler_fit(llmsched_profiler *p, llmsched_profile **profile,
                                      llmsched_error *err)
{
    llmsched_dag *dag = NULL;
    llmsched_profile *fresh = NULL;
    if (p == NULL || profile == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profiler and profile must not be NULL");
    if (p->run_count == 0)
        return lls_fail(err, LLMSCHED_ERROR_STATE, "profiler %s: no run has been observed",
                        p->name);
    llmsched_status status = LLMSCHED_OK;
    if (p->dag != NULL)
        dag = llmsched_dag_retain(p->dag);
    else
        status = lls_induce_dag(p, &dag, err);
    if (status == LLMSCHED_OK)
        status = lls_profile_new(p->context, p->name, llmsched_dag_stage_count(dag), &fresh, err);
    if (status != LLMSCHED_OK) {
        llmsched_dag_release(dag);
        return status;
    }
    fresh->dag = dag;
    status = fit_to(p, fresh, err);
    if (status != LLMSCHED_OK) {
        llmsched_profile_release(fresh);
        return status;
    }
    *profile = fresh;
    return LLMSCHED_OK;
}
