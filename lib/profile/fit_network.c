/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of a profile, and their network (algorithms.md section 2).
 * Columns stand in the template's topological order; a stage's prompt class
 * comes before its work class because it is known first. What a variable is says: assign_nodes()
 * where it stands, describe() its name and states, lls_fill_row() its state in a run.
 */
#include "profile/internal.h"

#include <math.h>
#include <stdio.h>

/* --- what the variables are ------------------------------------------------------------ */

typedef struct variables {
    const llmsched_context *context;
    uint32_t count;
    uint32_t *states;
    char (*names)[64];
    const char **name_list;
} variables;

static void free_variables(variables *v)
{
    lls_free(v->context, v->states);
    lls_free(v->context, v->names);
    lls_free(v->context, v->name_list);
}

/* A prompt class with a single bin says no more than the presence that the work class shows. */
static bool has_prompt_node(const lls_profiled_stage *s)
{
    return s->prompt_count >= 2;
}

static uint32_t assign_nodes(llmsched_profile *profile)
{
    const uint32_t *order = llmsched_dag_order(profile->dag);
    uint32_t count = 0;
    for (uint32_t i = 0; i < profile->stage_count; i++) {
        lls_profiled_stage *s = &profile->stages[order[i]];
        if (has_prompt_node(s))
            s->prompt_node = count++;
        s->work_node = count++;
    }
    return count;
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

static llmsched_status make_variables(const llmsched_profile *profile, uint32_t count, variables *v,
                                      llmsched_error *err)
{
    *v = (variables){.context = profile->context, .count = count};
    v->states = lls_calloc(v->context, count, sizeof *v->states);
    v->names = lls_calloc(v->context, count, sizeof *v->names);
    v->name_list = lls_calloc(v->context, count, sizeof *v->name_list);
    if (v->states == NULL || v->names == NULL || v->name_list == NULL)
        return lls_fail_memory(err);
    describe(profile, v);
    return LLMSCHED_OK;
}

/* --- what they are in a run ------------------------------------------------------------ */

static uint32_t work_state(const lls_profiled_stage *s, const lls_amount *a, uint32_t states)
{
    if (s->kind == LLMSCHED_STAGE_DYNAMIC)
        return a->choice > 0 && a->choice < states ? a->choice : LLS_STATE_MISSING;
    return lls_amount_has_work(a) ? 1 + lls_bin_of(s->bins, s->bin_count, a->work)
                                  : LLS_STATE_MISSING;
}

static uint32_t prompt_state(const lls_profiled_stage *s, const lls_amount *a)
{
    return lls_amount_has_prompt(a) ? 1 + lls_bin_of(s->prompts, s->prompt_count, a->prompt)
                                    : LLS_STATE_MISSING;
}

void lls_fill_row(const llmsched_profile *profile, const uint32_t *states,
                  const lls_amount *amounts, bool truncated, uint32_t *row)
{
    /* What a run that was cut short does not show may still have come. */
    uint32_t unseen = truncated ? LLS_STATE_MISSING : 0;
    for (uint32_t t = 0; t < profile->stage_count; t++) {
        const lls_profiled_stage *s = &profile->stages[t];
        const lls_amount *a = &amounts[t];
        row[s->work_node] = a->present ? work_state(s, a, states[s->work_node]) : unseen;
        if (s->aggregate && truncated)
            row[s->work_node] = LLS_STATE_MISSING;
        if (s->prompt_node != LLMSCHED_INDEX_NONE)
            row[s->prompt_node] = a->present ? prompt_state(s, a) : unseen;
    }
}

static llmsched_status fill_cells(const llmsched_profiler *profiler, const lls_matching *matching,
                                  const llmsched_profile *profile, const variables *v,
                                  uint32_t *cells, llmsched_error *err)
{
    lls_amount *amounts = lls_calloc(profiler->context, profile->stage_count, sizeof *amounts);
    if (amounts == NULL)
        return lls_fail_memory(err);
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        const lls_seen_run *run = &profiler->runs[r];
        lls_run_amounts(run, lls_matched(matching, r), profile->stage_count, amounts);
        lls_fill_row(profile, v->states, amounts, run->truncated, cells + (size_t)r * v->count);
    }
    lls_free(profiler->context, amounts);
    return LLMSCHED_OK;
}

/* --- structure and tables ---------------------------------------------------------------- */

static llmsched_status learn(const llmsched_profiler *profiler, const variables *v,
                             const uint32_t *cells, const double *weights, lls_counts *counts,
                             llmsched_error *err)
{
    const llmsched_context *context = profiler->context;
    const llmsched_profiler_options *o = &profiler->options;
    lls_table table = {cells, profiler->run_count, v->count, v->states, weights};
    lls_learn_options options = {.score = o->score == LLMSCHED_SCORE_BDEU ? LLS_SCORE_BDEU
                                                                          : LLS_SCORE_BIC,
                                 .ess = o->equivalent_size,
                                 .max_parents = o->max_parents,
                                 .max_clique = o->max_clique};
    uint32_t *parents = lls_calloc(context, (size_t)v->count * o->max_parents, sizeof *parents);
    uint32_t *parent_count = lls_calloc(context, v->count, sizeof *parent_count);
    llmsched_status status = LLMSCHED_OK;
    if (parents == NULL || parent_count == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK)
        status = lls_learn_structure(context, &table, &options, parents, parent_count, NULL, err);
    if (status == LLMSCHED_OK)
        status = lls_counts_init(counts, context, v->states, v->count, parents, parent_count,
                                 o->max_parents, err);
    lls_free(context, parents);
    lls_free(context, parent_count);
    return status;
}

/* The newest run weighs 1. */
static void fill_weights(const llmsched_profiler *profiler, double *weights)
{
    for (uint32_t r = 0; r < profiler->run_count; r++)
        weights[r] = exp2((r + 1.0 - profiler->run_count) / profiler->options.half_life);
}

llmsched_status lls_learn_variables(const llmsched_profiler *profiler, const lls_matching *matching,
                                    llmsched_profile *profile, lls_counts *counts,
                                    llmsched_error *err)
{
    const llmsched_context *context = profiler->context;
    variables v = {.context = context};
    uint32_t *cells = NULL;
    double *weights = NULL;
    bool fades = profiler->options.half_life > 0;
    llmsched_status status = make_variables(profile, assign_nodes(profile), &v, err);
    if (status == LLMSCHED_OK) {
        cells = lls_calloc(context, (size_t)v.count * profiler->run_count, sizeof *cells);
        weights = fades ? lls_calloc(context, profiler->run_count, sizeof *weights) : NULL;
        if (cells == NULL || (fades && weights == NULL))
            status = lls_fail_memory(err);
    }
    if (status == LLMSCHED_OK)
        status = fill_cells(profiler, matching, profile, &v, cells, err);
    if (status == LLMSCHED_OK && fades)
        fill_weights(profiler, weights);
    if (status == LLMSCHED_OK)
        status = learn(profiler, &v, cells, weights, counts, err);
    lls_free(context, weights);
    lls_free(context, cells);
    free_variables(&v);
    return status;
}

llmsched_status lls_write_network(const lls_counts *counts, double prior, double scale,
                                  llmsched_profile *profile, llmsched_error *err)
{
    variables v;
    llmsched_status status = make_variables(profile, counts->columns, &v, err);
    if (status == LLMSCHED_OK)
        status = lls_counts_network(counts, profile->name, v.name_list, prior, false, scale,
                                    &profile->network, err);
    if (status == LLMSCHED_OK)
        profile->log_likelihood = lls_counts_likelihood(counts, profile->network, scale);
    free_variables(&v);
    return status;
}
