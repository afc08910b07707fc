/* SPDX-License-Identifier: Apache-2.0 */
/* Adding runs to a tally. */
#include "profile/tally.h"

#include <math.h>
#include <string.h>

/* A square of bytes is kept per template: of more stages than this it is refused. */
enum { LARGEST_SQUARE = 4096 };
/* The next run weighs at most 2^400. */
static const double MOST_HALF_LIVES = 400;

double lls_tally_weight(const lls_tally *t)
{
    return t->half_life > 0 ? exp2((double)t->fresh / t->half_life) : 1;
}

double lls_tally_scale(const lls_tally *t)
{
    return t->half_life > 0 ? exp2((1.0 - (double)t->fresh) / t->half_life) : 1;
}

/* --- lifetime --------------------------------------------------------------------------- */

/* Cells and lists go to the stages in turn. */
static void share_out(lls_tally *t, const llmsched_profile *profile)
{
    lls_cell *cell = t->cells;
    double *left = t->lefts;
    for (uint32_t i = 0; i < t->stage_count; i++) {
        const lls_profiled_stage *s = &profile->stages[i];
        t->stages[i].bins = cell;
        t->stages[i].prompts = cell + s->bin_count;
        cell += s->bin_count + s->prompt_count;
        if (!s->aggregate)
            continue;
        t->stages[i].left = left;
        t->stages[i].left_weight = left + LLS_MOST_COUNTED + 1;
        left += 2 * (LLS_MOST_COUNTED + 1);
    }
}

static void mark_edges(lls_tally *t, const llmsched_profile *profile)
{
    for (uint32_t from = 0; from < t->stage_count; from++) {
        uint32_t children = 0;
        const uint32_t *list = llmsched_dag_children(profile->dag, from, &children);
        for (uint32_t i = 0; i < children; i++)
            t->follows[(size_t)from * t->stage_count + list[i]] = 1;
    }
}

llmsched_status lls_tally_create(const llmsched_profile *profile, double half_life,
                                 lls_counts *counts, lls_tally **tally, llmsched_error *err)
{
    const llmsched_context *context = profile->context;
    size_t n = profile->stage_count, aggregates = 0;
    if (n > LARGEST_SQUARE)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "profiler: a template of over %d stages",
                        LARGEST_SQUARE);
    lls_tally *t = lls_calloc(context, 1, sizeof *t);
    if (t == NULL)
        return lls_fail_memory(err);
    t->context = context;
    t->half_life = half_life;
    t->stage_count = profile->stage_count;
    for (size_t i = 0; i < n; i++) {
        t->cell_count += profile->stages[i].bin_count + profile->stages[i].prompt_count;
        aggregates += profile->stages[i].aggregate;
    }
    t->stages = lls_calloc(context, n, sizeof *t->stages);
    t->cells = lls_calloc(context, t->cell_count, sizeof *t->cells);
    t->lefts = lls_calloc(context, aggregates * 2 * (LLS_MOST_COUNTED + 1), sizeof *t->lefts);
    t->follows = lls_calloc(context, n * n, 1);
    t->row = lls_calloc(context, counts->columns, sizeof *t->row);
    t->amounts = lls_calloc(context, n, sizeof *t->amounts);
    if (t->stages == NULL || t->cells == NULL || t->lefts == NULL || t->follows == NULL ||
        t->row == NULL || t->amounts == NULL) {
        lls_tally_destroy(t);
        return lls_fail_memory(err);
    }
    share_out(t, profile);
    mark_edges(t, profile);
    t->counts = *counts;
    memset(counts, 0, sizeof *counts);
    *tally = t;
    return LLMSCHED_OK;
}

void lls_tally_destroy(lls_tally *t)
{
    if (t == NULL)
        return;
    const llmsched_context *context = t->context;
    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < t->remain_capacity[k]; i++)
            lls_free(context, t->remains[k][i].cells);
        lls_free(context, t->remains[k]);
    }
    lls_calls_finish(context, &t->calls);
    lls_counts_finish(&t->counts);
    lls_free(context, t->ends);
    lls_free(context, t->endings);
    lls_free(context, t->amounts);
    lls_free(context, t->row);
    lls_free(context, t->follows);
    lls_free(context, t->lefts);
    lls_free(context, t->cells);
    lls_free(context, t->stages);
    lls_free(context, t);
}

/* --- fading -------------------------------------------------------------------------------- */

static void scale_total(lls_total *total, double factor)
{
    total->sum *= factor;
    total->rest *= factor;
}

/* A weight and what is summed with it. */
static void scale_mean(double *weight, lls_total *total, double factor)
{
    double by = lls_fading(*weight, factor);
    *weight *= by;
    scale_total(total, by);
}

static void scale_stage(lls_stage_tally *s, double factor)
{
    s->shown *= factor;
    s->whole *= factor;
    scale_total(&s->span, lls_fading(s->known, factor));
    scale_mean(&s->known, &s->work, factor);
    for (uint32_t i = 0; s->left != NULL && i <= LLS_MOST_COUNTED; i++) {
        s->left[i] *= lls_fading(s->left_weight[i], factor);
        s->left_weight[i] *= lls_fading(s->left_weight[i], factor);
    }
}

static void scale_cell(lls_cell *c, double factor)
{
    scale_total(&c->span, lls_fading(c->weight, factor));
    scale_mean(&c->weight, &c->sum, factor);
}

/* What the next run would weigh becomes 1. */
static void fade(lls_tally *t)
{
    double factor = 1 / lls_tally_weight(t);
    t->fresh = 0;
    t->weight *= factor;
    t->whole *= factor;
    for (uint32_t k = 0; k < LLS_COUNT(t->kinds); k++) {
        scale_mean(&t->kinds[k].run_weight, &t->kinds[k].run_work, factor);
        scale_mean(&t->kinds[k].stage_weight, &t->kinds[k].stage_work, factor);
    }
    for (uint32_t i = 0; i < t->stage_count; i++)
        scale_stage(&t->stages[i], factor);
    for (uint32_t i = 0; i < t->cell_count; i++)
        scale_cell(&t->cells[i], factor);
    for (uint32_t k = 0; k < 2; k++)
        for (uint32_t i = 0; i < t->remain_count; i++)
            lls_sketch_scale(&t->remains[k][i], factor);
    lls_calls_scale(&t->calls, factor);
    lls_counts_scale(&t->counts, factor);
}

/* --- one run ------------------------------------------------------------------------------- */

static void add_value(lls_cell *cell, double weight, double value, double span)
{
    cell->minimum = cell->count > 0 ? fmin(cell->minimum, value) : value;
    cell->maximum = cell->count > 0 ? fmax(cell->maximum, value) : value;
    cell->count++;
    cell->weight += weight;
    lls_total_add(&cell->sum, weight * value);
    lls_total_add(&cell->span, weight * span);
}

static void add_amount(lls_stage_tally *to, const lls_profiled_stage *s, const lls_amount *a,
                       bool truncated, double weight)
{
    if (!a->present)
        return;
    to->shown += weight;
    to->whole += truncated ? 0 : weight;
    if (lls_amount_has_work(a) && !(s->aggregate && truncated)) {
        to->known += weight;
        lls_total_add(&to->work, weight * a->work);
        lls_total_add(&to->span, weight * a->span);
        if (s->bin_count > 0)
            add_value(&to->bins[lls_bin_of(s->bins, s->bin_count, a->work)], weight, a->work,
                      a->span);
    }
    if (lls_amount_has_prompt(a) && s->prompt_count > 0)
        add_value(&to->prompts[lls_bin_of(s->prompts, s->prompt_count, a->prompt)], weight,
                  a->prompt, 0);
}

static void add_kinds(lls_tally *t, const lls_seen_run *run, double weight)
{
    double sums[4] = {0};
    bool known[4];
    for (uint32_t k = 0; k < 4; k++)
        known[k] = !run->truncated;
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        if (s->missing & LLMSCHED_MISSING_WORK) {
            known[s->kind] = false;
            continue;
        }
        sums[s->kind] += s->work;
        lls_total_add(&t->kinds[s->kind].stage_work, weight * s->work);
        t->kinds[s->kind].stage_weight += weight;
    }
    for (uint32_t k = 0; k < 4; k++) {
        if (!known[k])
            continue;
        lls_total_add(&t->kinds[k].run_work, weight * sums[k]);
        t->kinds[k].run_weight += weight;
    }
}

static void add_edges(lls_tally *t, const lls_seen_run *run, const uint32_t *stage_of)
{
    for (uint32_t i = 0; i < run->stage_count; i++) {
        for (uint32_t p = 0; p < run->stages[i].parent_count; p++) {
            uint32_t from = stage_of[run->parents[run->stages[i].parent_start + p]];
            if (from != LLS_NONE32 && stage_of[i] != LLS_NONE32 && from != stage_of[i])
                t->follows[(size_t)from * t->stage_count + stage_of[i]] = 1;
        }
    }
}

bool lls_tally_add(lls_tally *t, const llmsched_profile *profile, const lls_seen_run *run,
                   const uint32_t *stage_of)
{
    if (!lls_reserve_remains(t, run) || !lls_calls_reserve(t->context, &t->calls, run))
        return false;
    if (t->half_life > 0 && (double)t->fresh > MOST_HALF_LIVES * t->half_life)
        fade(t);
    double weight = lls_tally_weight(t);
    t->fresh++;
    t->runs++;
    t->weight += weight;
    t->whole += run->truncated ? 0 : weight;
    lls_run_amounts(run, stage_of, t->stage_count, t->amounts);
    for (uint32_t i = 0; i < t->stage_count; i++) {
        const lls_profiled_stage *s = &profile->stages[i];
        add_amount(&t->stages[i], s, &t->amounts[i], run->truncated, weight);
        if (s->aggregate)
            lls_add_left(run, stage_of, i, weight, &t->stages[i]);
    }
    add_kinds(t, run, weight);
    add_edges(t, run, stage_of);
    lls_add_remains(t, run, weight);
    lls_calls_add(&t->calls, run, weight, t->ends);
    lls_fill_row(profile, t->counts.states, t->amounts, run->truncated, t->row);
    lls_counts_add(&t->counts, t->row, weight);
    return true;
}
