/* SPDX-License-Identifier: Apache-2.0 */
/* The profiler: collects runs, and fits profiles to them. */
#include "profile/internal.h"

#include <math.h>
#include <string.h>

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
    if (!isfinite(o->half_life) || o->half_life < 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "profiler options: half_life is %g, expected runs, or 0 for none",
                        o->half_life);
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
    lls_map_init(&p->names.numbers, context);
    lls_map_init(&p->models.numbers, context);
    *profiler = p;
    return LLMSCHED_OK;
}

static void finish_names(const llmsched_context *context, lls_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        lls_free(context, names->items[i]);
    lls_free(context, names->items);
    lls_map_finish(&names->numbers);
}

void llmsched_profiler_destroy(llmsched_profiler *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->run_count; i++)
        lls_seen_run_free(p->context, &p->runs[i]);
    llmsched_profile_release(p->shape);
    lls_tally_destroy(p->tally);
    finish_names(p->context, &p->names);
    finish_names(p->context, &p->models);
    lls_free(p->context, p->runs - p->run_first);
    lls_free(p->context, p->name);
    llmsched_dag_release(p->dag);
    llmsched_context *context = p->context;
    lls_free(context, p);
    lls_context_release(context);
}

/* Room for one more run at the end; the places of dropped runs are used again. */
static bool reserve_run(llmsched_profiler *p)
{
    lls_seen_run *all = p->runs != NULL ? p->runs - p->run_first : NULL;
    if (p->run_first > p->run_count) {
        memmove(all, p->runs, p->run_count * sizeof *all);
        p->run_first = 0;
    }
    bool good = lls_grow(p->context, (void **)&all, &p->run_capacity,
                         (size_t)p->run_first + p->run_count + 1, sizeof *all);
    p->runs = all != NULL ? all + p->run_first : NULL;
    return good;
}

/* The oldest beyond keep_runs, but none that a refit still has to count. */
static void drop_runs(llmsched_profiler *p)
{
    while (p->options.keep_runs > 0 && p->run_count > p->options.keep_runs &&
           (p->tally == NULL || p->counted > 0)) {
        lls_seen_run_free(p->context, p->runs);
        p->runs++;
        p->run_first++;
        p->run_count--;
        p->counted -= p->counted > 0;
    }
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
    if (run.truncated > 1 || run.reserved != 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "run: truncated is %u and reserved %u, expected 0 or 1, and 0",
                        run.truncated, run.reserved);
    if (!reserve_run(p))
        return lls_fail_memory(err);
    status = lls_seen_run_create(p, &run, &seen, err);
    if (status != LLMSCHED_OK)
        return status;
    p->runs[p->run_count++] = seen;
    p->observed++;
    drop_runs(p);
    return LLMSCHED_OK;
}

uint64_t llmsched_profiler_run_count(const llmsched_profiler *p)
{
    return p != NULL ? p->observed : 0;
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

/* Adds the runs that the tally lacks. */
static llmsched_status count_runs(llmsched_profiler *p, const llmsched_profile *shape,
                                  lls_tally *tally, const lls_matching *matching, uint32_t *counted,
                                  llmsched_error *err)
{
    for (; *counted < p->run_count; ++*counted)
        if (!lls_tally_add(tally, shape, &p->runs[*counted], lls_matched(matching, *counted)))
            return lls_fail_memory(err);
    return LLMSCHED_OK;
}

/* profile: with its template. */
static llmsched_status fit_to(llmsched_profiler *p, llmsched_profile *profile, lls_tally **tally,
                              llmsched_error *err)
{
    lls_matching matching = {0};
    lls_counts counts = {0};
    uint32_t counted = 0;
    if (p->dag == NULL)
        mark_aggregates(profile);
    llmsched_status status = lls_profile_index(profile, err);
    if (status == LLMSCHED_OK)
        status = lls_match(p, profile, 0, &matching, err);
    if (status == LLMSCHED_OK)
        status = lls_place_cuts(p, &matching, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_learn_variables(p, &matching, profile, &counts, err);
    if (status == LLMSCHED_OK)
        status = lls_tally_create(profile, p->options.half_life, &counts, tally, err);
    if (status == LLMSCHED_OK)
        status = count_runs(p, profile, *tally, &matching, &counted, err);
    if (status == LLMSCHED_OK)
        status = lls_tally_write(*tally, p->options.prior, p->models.items, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_fit_forests(p, profile, err);
    lls_counts_finish(&counts);
    lls_matching_free(p->context, &matching);
    return status;
}

static llmsched_status check_fit(const llmsched_profiler *p, llmsched_profile **profile,
                                 llmsched_error *err)
{
    if (p == NULL || profile == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profiler and profile must not be NULL");
    if (p->run_count == 0)
        return lls_fail(err, LLMSCHED_ERROR_STATE, "profiler %s: no run has been observed",
                        p->name);
    return LLMSCHED_OK;
}

llmsched_status llmsched_profiler_fit(llmsched_profiler *p, llmsched_profile **profile,
                                      llmsched_error *err)
{
    llmsched_dag *dag = NULL;
    llmsched_profile *fresh = NULL;
    lls_tally *tally = NULL;
    llmsched_status status = check_fit(p, profile, err);
    if (status != LLMSCHED_OK)
        return status;
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
    status = fit_to(p, fresh, &tally, err);
    if (status != LLMSCHED_OK) {
        lls_tally_destroy(tally);
        llmsched_profile_release(fresh);
        return status;
    }
    llmsched_profile_release(p->shape);
    lls_tally_destroy(p->tally);
    p->shape = llmsched_profile_retain(fresh);
    p->tally = tally;
    p->counted = p->run_count;
    *profile = fresh;
    return LLMSCHED_OK;
}

/* --- without learning the structure anew ------------------------------------------------- */

/* A run that was counted stays counted, should memory end on the way. */
static llmsched_status count_new(llmsched_profiler *p, llmsched_error *err)
{
    lls_matching matching = {0};
    llmsched_status status = lls_match(p, p->shape, p->counted, &matching, err);
    if (status == LLMSCHED_OK)
        status = count_runs(p, p->shape, p->tally, &matching, &p->counted, err);
    lls_matching_free(p->context, &matching);
    drop_runs(p);
    return status;
}

static llmsched_status refit_to(const llmsched_profiler *p, llmsched_profile *profile,
                                llmsched_error *err)
{
    profile->dag = llmsched_dag_retain(p->shape->dag);
    for (uint32_t t = 0; t < profile->stage_count; t++)
        profile->stages[t].aggregate = p->shape->stages[t].aggregate;
    llmsched_status status = lls_profile_index(profile, err);
    if (status == LLMSCHED_OK)
        status = lls_copy_shape(p->shape, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_share_forests(p->shape, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_tally_write(p->tally, p->options.prior, p->models.items, profile, err);
    return status;
}

llmsched_status llmsched_profiler_refit(llmsched_profiler *p, llmsched_profile **profile,
                                        llmsched_error *err)
{
    llmsched_profile *fresh = NULL;
    llmsched_status status = check_fit(p, profile, err);
    if (status != LLMSCHED_OK)
        return status;
    if (p->tally == NULL)
        return llmsched_profiler_fit(p, profile, err);
    status = count_new(p, err);
    if (status == LLMSCHED_OK)
        status = lls_profile_new(p->context, p->name, p->shape->stage_count, &fresh, err);
    if (status == LLMSCHED_OK)
        status = refit_to(p, fresh, err);
    if (status != LLMSCHED_OK) {
        llmsched_profile_release(fresh);
        return status;
    }
    *profile = fresh;
    return LLMSCHED_OK;
}
