/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of a profile, and their network (algorithms.md section 2).
 * Columns stand in the template's topological order; a stage's prompt class
 * comes before its work class because it is known first.
 */
#include "profile/internal.h"

#include <stdio.h>
#include <string.h>

typedef struct variables {
    uint32_t count;
    uint32_t *states;
    char (*names)[64];
    const char **name_list;
    uint32_t *cells; /* run_count x count */
    uint32_t *parents, *parent_count;
} variables;

static void free_variables(const llmsched_context *context, variables *v)
{
    lls_free(context, v->states);
    lls_free(context, v->names);
    lls_free(context, v->name_list);
    lls_free(context, v->cells);
    lls_free(context, v->parents);
    lls_free(context, v->parent_count);
}

/* A prompt class with a single bin says no more than the presence that the work class shows. */
static bool has_prompt_node(const lls_profiled_stage *s)
{
    return s->prompt_count >= 2;
}

static void assign_nodes(llmsched_profile *profile, variables *v)
{
    const uint32_t *order = llmsched_dag_order(profile->dag);
    v->count = 0;
    for (uint32_t i = 0; i < profile->stage_count; i++) {
        lls_profiled_stage *s = &profile->stages[order[i]];
        if (has_prompt_node(s))
            s->prompt_node = v->count++;
        s->work_node = v->count++;
    }
}

static llmsched_status allocate(const llmsched_profiler *profiler, variables *v,
                                llmsched_error *err)
{
    const llmsched_context *context = profiler->context;
    size_t n = v->count;
    v->states = lls_calloc(context, n, sizeof *v->states);
    v->names = lls_calloc(context, n, sizeof *v->names);
    v->name_list = lls_calloc(context, n, sizeof *v->name_list);
    v->cells = lls_calloc(context, n * profiler->run_count, sizeof *v->cells);
    v->parents = lls_calloc(context, n * profiler->options.max_parents, sizeof *v->parents);
    v->parent_count = lls_calloc(context, n, sizeof *v->parent_count);
    if (v->states == NULL || v->names == NULL || v->name_list == NULL || v->cells == NULL ||
        v->parents == NULL || v->parent_count == NULL)
        return lls_fail_memory(err);
    return LLMSCHED_OK;
}

/* State 0 is ABSENT; then the bins, or for a dynamic stage its candidates. */
static void describe(const llmsched_profile *profile, variables *v)
{
    for (uint32_t t = 0; t < profile->stage_count; t++) {
        const lls_profiled_stage *s = &profile->stages[t];
        bool dynamic = s->kind == LLMSCHED_STAGE_DYNAMIC;
        v->states[s->work_node] =
            1 + (dynamic ? llmsched_dag_candidate_count(profile->dag, t) : s->bin_count);
        snprintf(v->names[s->work_node], sizeof *v->names, "%s/%u", dynamic ? "choice" : "work", t);
        if (s->prompt_node != LLMSCHED_INDEX_NONE) {
            v->states[s->prompt_node] = 1 + s->prompt_count;
            snprintf(v->names[s->prompt_node], sizeof *v->names, "prompt/%u", t);
        }
    }
    for (uint32_t i = 0; i < v->count; i++)
        v->name_list[i] = v->names[i];
}

static uint32_t work_state(const lls_profiled_stage *s, const lls_amount *a, uint32_t states)
{
    if (!a->present)
        return 0;
    if (s->kind != LLMSCHED_STAGE_DYNAMIC)
        return 1 + lls_bin_of(s->bins, s->bin_count, a->work);
    return a->choice > 0 && a->choice < states ? a->choice : LLS_STATE_MISSING;
}

static llmsched_status fill_cells(const llmsched_profiler *profiler, const lls_matching *matching,
                                  const llmsched_profile *profile, variables *v,
                                  llmsched_error *err)
{
    lls_amount *amounts = lls_calloc(profiler->context, profile->stage_count, sizeof *amounts);
    if (amounts == NULL)
        return lls_fail_memory(err);
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        uint32_t *row = v->cells + (size_t)r * v->count;
        lls_run_amounts(profiler, matching, r, profile->stage_count, amounts);
        for (uint32_t t = 0; t < profile->stage_count; t++) {
            const lls_profiled_stage *s = &profile->stages[t];
            row[s->work_node] = work_state(s, &amounts[t], v->states[s->work_node]);
            if (s->prompt_node != LLMSCHED_INDEX_NONE && amounts[t].present)
                row[s->prompt_node] =
                    1 + lls_bin_of(s->prompts, s->prompt_count, amounts[t].prompt);
        }
    }
    lls_free(profiler->context, amounts);
    return LLMSCHED_OK;
}

static llmsched_status learn(const llmsched_profiler *profiler, llmsched_profile *profile,
                             const variables *v, llmsched_error *err)
{
    const llmsched_profiler_options *o = &profiler->options;
    lls_table table = {
        .cells = v->cells, .rows = profiler->run_count, .columns = v->count, .states = v->states};
    lls_learn_options options = {.score = o->score == LLMSCHED_SCORE_BDEU ? LLS_SCORE_BDEU
                                                                          : LLS_SCORE_BIC,
                                 .ess = o->equivalent_size,
                                 .max_parents = o->max_parents,
                                 .max_clique = o->max_clique,
                                 .prior = o->prior};
    llmsched_status status = lls_learn_structure(profiler->context, &table, &options, v->parents,
                                                 v->parent_count, NULL, err);
    if (status == LLMSCHED_OK)
        status =
            lls_learn_network(profiler->context, &table, profiler->name, v->name_list, v->parents,
                              v->parent_count, o->max_parents, o->prior, &profile->network, err);
    if (status == LLMSCHED_OK)
        profile->log_likelihood = lls_log_likelihood(profile->network, &table);
    return status;
}

llmsched_status lls_fit_network(const llmsched_profiler *profiler, const lls_matching *matching,
                                llmsched_profile *profile, llmsched_error *err)
{
    variables v = {0};
    assign_nodes(profile, &v);
    llmsched_status status = allocate(profiler, &v, err);
    if (status == LLMSCHED_OK) {
        describe(profile, &v);
        status = fill_cells(profiler, matching, profile, &v, err);
    }
    if (status == LLMSCHED_OK)
        status = learn(profiler, profile, &v, err);
    free_variables(profiler->context, &v);
    return status;
}
