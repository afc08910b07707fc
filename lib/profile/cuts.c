/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bins of each stage's work and prompts are cut. */
#include "profile/internal.h"

#include <math.h>

/* Bins that hold fewer values than this are joined: a mean of fewer says little. */
enum { THIN_BIN = 5 };
/* Where runs fade, the cuts are those of the runs of so many half-lives, unless they show nothing.
 */
static const double HALF_LIVES = 3;

/* The known values of one template stage, and how many of them are of runs before the last few. */
typedef struct values {
    double *values;
    uint32_t count, old;
} values;

static void push(values *v, double value, bool old)
{
    v->values[v->count++] = value;
    v->old = old ? v->count : v->old;
}

typedef struct column {
    values work, prompt;
} column;

static llmsched_status place(const llmsched_profiler *profiler, const values *v, lls_bin **bins,
                             uint32_t *bin_count, llmsched_error *err)
{
    *bins = lls_calloc(profiler->context, profiler->options.bins, sizeof **bins);
    if (*bins == NULL)
        return lls_fail_memory(err);
    (*bins)[0].upper = INFINITY; /* of values that no run shows: one bin takes all */
    *bin_count = 1;
    if (v->count == 0)
        return LLMSCHED_OK;
    uint32_t from = v->old < v->count ? v->old : 0;
    return lls_discretise(profiler->context, v->values + from, v->count - from,
                          profiler->options.bins, THIN_BIN, *bins, bin_count, err);
}

static llmsched_status place_both(const llmsched_profiler *profiler, const column *c,
                                  lls_profiled_stage *s, llmsched_error *err)
{
    if (s->kind == LLMSCHED_STAGE_DYNAMIC)
        return LLMSCHED_OK;
    llmsched_status status = place(profiler, &c->work, &s->bins, &s->bin_count, err);
    if (status != LLMSCHED_OK || s->kind != LLMSCHED_STAGE_LLM || s->aggregate ||
        profiler->options.no_prompts)
        return status;
    return place(profiler, &c->prompt, &s->prompts, &s->prompt_count, err);
}

/* --- all stages ------------------------------------------------------------------------- */

static void free_columns(const llmsched_context *context, column *columns, uint32_t count)
{
    for (uint32_t t = 0; columns != NULL && t < count; t++)
        lls_free(context, columns[t].work.values);
    lls_free(context, columns);
}

/* One block of twice run_count values per stage. */
static column *allocate_columns(const llmsched_profiler *profiler, uint32_t count)
{
    column *columns = lls_calloc(profiler->context, count, sizeof *columns);
    if (columns == NULL)
        return NULL;
    for (uint32_t t = 0; t < count; t++) {
        double *block = lls_calloc(profiler->context, profiler->run_count, 2 * sizeof *block);
        if (block == NULL) {
            free_columns(profiler->context, columns, count);
            return NULL;
        }
        columns[t].work.values = block;
        columns[t].prompt.values = block + profiler->run_count;
    }
    return columns;
}

static llmsched_status fill_columns(const llmsched_profiler *profiler, const lls_matching *matching,
                                    uint32_t count, column *columns, llmsched_error *err)
{
    double recent = HALF_LIVES * profiler->options.half_life;
    lls_amount *amounts = lls_calloc(profiler->context, count, sizeof *amounts);
    if (amounts == NULL)
        return lls_fail_memory(err);
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        const lls_seen_run *run = &profiler->runs[r];
        bool old = recent > 0 && profiler->run_count - r > recent;
        lls_run_amounts(run, lls_matched(matching, r), count, amounts);
        for (uint32_t t = 0; t < count; t++) {
            if (lls_amount_has_work(&amounts[t]))
                push(&columns[t].work, amounts[t].work, old);
            if (lls_amount_has_prompt(&amounts[t]))
                push(&columns[t].prompt, amounts[t].prompt, old);
        }
    }
    lls_free(profiler->context, amounts);
    return LLMSCHED_OK;
}

llmsched_status lls_place_cuts(const llmsched_profiler *profiler, const lls_matching *matching,
                               llmsched_profile *profile, llmsched_error *err)
{
    uint32_t count = profile->stage_count;
    column *columns = allocate_columns(profiler, count);
    if (columns == NULL)
        return lls_fail_memory(err);
    llmsched_status status = fill_columns(profiler, matching, count, columns, err);
    for (uint32_t t = 0; t < count && status == LLMSCHED_OK; t++)
        status = place_both(profiler, &columns[t], &profile->stages[t], err);
    free_columns(profiler->context, columns, count);
    return status;
}
