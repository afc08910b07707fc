/* SPDX-License-Identifier: Apache-2.0 */
/* A profile from a tally: presence, means, bins, and which stages follow which. */
#include "profile/tally.h"

#include <math.h>

/* NULL: no memory. */
static lls_bin *copy_cuts(const llmsched_context *context, const lls_bin *bins, uint32_t count)
{
    lls_bin *copy = lls_calloc(context, count, sizeof *copy);
    for (uint32_t b = 0; copy != NULL && b < count; b++)
        copy[b].upper = bins[b].upper;
    return copy;
}

llmsched_status lls_copy_shape(const llmsched_profile *from, llmsched_profile *to,
                               llmsched_error *err)
{
    for (uint32_t t = 0; t < from->stage_count; t++) {
        const lls_profiled_stage *s = &from->stages[t];
        lls_profiled_stage *fresh = &to->stages[t];
        fresh->work_node = s->work_node;
        fresh->prompt_node = s->prompt_node;
        fresh->bins = copy_cuts(to->context, s->bins, s->bin_count);
        fresh->prompts = copy_cuts(to->context, s->prompts, s->prompt_count);
        if (fresh->bins == NULL || fresh->prompts == NULL)
            return lls_fail_memory(err);
        fresh->bin_count = s->bin_count;
        fresh->prompt_count = s->prompt_count;
    }
    return LLMSCHED_OK;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double mean_of(const lls_total *total, double weight)
{
    return weight > 0 ? lls_total_value(total) / weight : 0;
}

/* --- one stage ------------------------------------------------------------------------ */

static void write_bins(const lls_cell *cells, lls_bin *bins, double *spans, uint32_t count)
{
    for (uint32_t b = 0; b < count; b++) {
        const lls_cell *c = &cells[b];
        bins[b].count = c->count;
        bins[b].minimum = c->minimum;
        bins[b].maximum = c->maximum;
        /* Rounding, or a sum beyond all numbers, must not take the mean out of its bin. */
        bins[b].mean = fmin(fmax(mean_of(&c->sum, c->weight), c->minimum), c->maximum);
        if (spans != NULL)
            spans[b] = mean_of(&c->span, c->weight);
    }
}

static llmsched_status write_stage(const lls_tally *t, const lls_stage_tally *from,
                                   lls_profiled_stage *s, llmsched_error *err)
{
    /* Runs that were cut short show what came early more often than what came late. */
    s->presence = t->whole > 0 ? share(from->whole, t->whole) : share(from->shown, t->weight);
    s->mean_work = mean_of(&from->work, from->known);
    s->mean_span = mean_of(&from->span, from->known);
    s->spans = lls_calloc(t->context, s->bin_count, sizeof *s->spans);
    if (s->spans == NULL)
        return lls_fail_memory(err);
    write_bins(from->bins, s->bins, s->spans, s->bin_count);
    write_bins(from->prompts, s->prompts, NULL, s->prompt_count);
    return s->aggregate ? lls_write_left(from, s, t->context, err) : LLMSCHED_OK;
}

/* --- all of it --------------------------------------------------------------------------- */

/* Of the runs that show all of the kind; without any, what the stages add up to. */
static double run_mean(const lls_tally *t, const llmsched_profile *profile, uint32_t kind)
{
    const lls_kind_tally *k = &t->kinds[kind];
    if (k->run_weight > 0)
        return mean_of(&k->run_work, k->run_weight);
    double sum = 0;
    for (uint32_t i = 0; i < profile->stage_count; i++)
        if (profile->stages[i].kind == kind)
            sum += profile->stages[i].presence * profile->stages[i].mean_work;
    return sum;
}

static llmsched_status pack_successors(const lls_tally *t, llmsched_profile *profile,
                                       llmsched_error *err)
{
    uint32_t count = t->stage_count, total = 0;
    for (size_t i = 0; i < (size_t)count * count; i++)
        total += t->follows[i];
    profile->successors = lls_calloc(t->context, total, sizeof *profile->successors);
    if (profile->successors == NULL)
        return lls_fail_memory(err);
    total = 0;
    for (uint32_t from = 0; from < count; from++) {
        for (uint32_t to = 0; to < count; to++) {
            if (t->follows[(size_t)from * count + to])
                profile->successors[total++] = to;
        }
        profile->successor_start[from + 1] = total;
    }
    return LLMSCHED_OK;
}

llmsched_status lls_tally_write(const lls_tally *t, double prior, char *const *models,
                                llmsched_profile *profile, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; i < t->stage_count && status == LLMSCHED_OK; i++)
        status = write_stage(t, &t->stages[i], &profile->stages[i], err);
    if (status != LLMSCHED_OK)
        return status;
    profile->run_count = t->runs;
    profile->mean_llm_s = run_mean(t, profile, LLMSCHED_STAGE_LLM);
    profile->mean_tool_s = run_mean(t, profile, LLMSCHED_STAGE_REGULAR);
    for (uint32_t k = 0; k < LLS_COUNT(t->kinds); k++)
        profile->mean_stage_s[k] = mean_of(&t->kinds[k].stage_work, t->kinds[k].stage_weight);
    status = pack_successors(t, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_write_remains(t, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_calls_write(&t->calls, models, t->whole, t->weight, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_write_network(&t->counts, prior, lls_tally_scale(t), profile, err);
    return status;
}
