/* SPDX-License-Identifier: Apache-2.0 */
/* What the runs did on average: presence, means, bins, and which stages follow which. */
#include "profile/internal.h"

#include <math.h>
#include <string.h>

/* Bins that hold fewer values than this are joined: a mean of fewer says little. */
enum { THIN_BIN = 5 };

/* --- means over runs ---------------------------------------------------------------- */

static void run_means(const llmsched_profiler *profiler, llmsched_profile *profile)
{
    double sums[4] = {0};
    uint64_t counts[4] = {0};
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        for (uint32_t i = 0; i < profiler->runs[r].stage_count; i++) {
            const lls_seen_stage *s = &profiler->runs[r].stages[i];
            sums[s->kind] += s->work;
            counts[s->kind]++;
        }
    }
    profile->run_count = profiler->run_count;
    profile->mean_llm_s = sums[LLMSCHED_STAGE_LLM] / profiler->run_count;
    profile->mean_tool_s = sums[LLMSCHED_STAGE_REGULAR] / profiler->run_count;
    for (uint32_t k = 0; k < 4; k++)
        profile->mean_stage_s[k] = counts[k] > 0 ? sums[k] / (double)counts[k] : 0;
}

/* --- one stage ------------------------------------------------------------------------ */

/* The values of one template stage over the runs that show it. */
typedef struct column {
    uint32_t count;
    double *work, *span, *prompt;
} column;

static void stage_means(const llmsched_profiler *profiler, const column *c, lls_profiled_stage *s)
{
    double n = c->count > 0 ? c->count : 1;
    s->presence = (double)c->count / profiler->run_count;
    s->mean_work = lls_sum(c->work, c->count) / n;
    s->mean_span = lls_sum(c->span, c->count) / n;
}

/* Bins of values that no run shows: one that takes all. */
static const lls_bin empty_bin = {.upper = (double)INFINITY};

static llmsched_status make_bins(const llmsched_profiler *profiler, const double *values,
                                 uint32_t count, lls_bin **bins, uint32_t *bin_count,
                                 llmsched_error *err)
{
    *bins = lls_calloc(profiler->context, profiler->options.bins, sizeof **bins);
    if (*bins == NULL)
        return lls_fail_memory(err);
    if (count == 0) {
        (*bins)[0] = empty_bin;
        *bin_count = 1;
        return LLMSCHED_OK;
    }
    return lls_discretise(profiler->context, values, count, profiler->options.bins, THIN_BIN, *bins,
                          bin_count, err);
}

/* Mean span of the runs in each work bin. */
static llmsched_status make_spans(const llmsched_profiler *profiler, const column *c,
                                  lls_profiled_stage *s, llmsched_error *err)
{
    s->spans = lls_calloc(profiler->context, s->bin_count, sizeof *s->spans);
    if (s->spans == NULL)
        return lls_fail_memory(err);
    for (uint32_t i = 0; i < c->count; i++)
        s->spans[lls_bin_of(s->bins, s->bin_count, c->work[i])] += c->span[i];
    for (uint32_t b = 0; b < s->bin_count; b++)
        s->spans[b] /= s->bins[b].count > 0 ? (double)s->bins[b].count : 1;
    return LLMSCHED_OK;
}

static llmsched_status stage_bins(const llmsched_profiler *profiler, const column *c,
                                  lls_profiled_stage *s, llmsched_error *err)
{
    if (s->kind == LLMSCHED_STAGE_DYNAMIC)
        return LLMSCHED_OK;
    llmsched_status status = make_bins(profiler, c->work, c->count, &s->bins, &s->bin_count, err);
    if (status == LLMSCHED_OK)
        status = make_spans(profiler, c, s, err);
    if (status != LLMSCHED_OK || s->kind != LLMSCHED_STAGE_LLM || s->aggregate ||
        profiler->options.no_prompts)
        return status;
    return make_bins(profiler, c->prompt, c->count, &s->prompts, &s->prompt_count, err);
}

/* --- all stages ------------------------------------------------------------------------- */

static void free_columns(const llmsched_context *context, column *columns, uint32_t count)
{
    for (uint32_t t = 0; columns != NULL && t < count; t++)
        lls_free(context, columns[t].work);
    lls_free(context, columns);
}

/* One block of three times run_count values per stage; spans and prompts follow the work. */
static column *allocate_columns(const llmsched_profiler *profiler, uint32_t count)
{
    column *columns = lls_calloc(profiler->context, count, sizeof *columns);
    if (columns == NULL)
        return NULL;
    for (uint32_t t = 0; t < count; t++) {
        columns[t].work = lls_calloc(profiler->context, profiler->run_count, 3 * sizeof(double));
        if (columns[t].work == NULL) {
            free_columns(profiler->context, columns, count);
            return NULL;
        }
        columns[t].span = columns[t].work + profiler->run_count;
        columns[t].prompt = columns[t].span + profiler->run_count;
    }
    return columns;
}

static llmsched_status fill_columns(const llmsched_profiler *profiler, const lls_matching *matching,
                                    uint32_t count, column *columns, llmsched_error *err)
{
    lls_amount *amounts = lls_calloc(profiler->context, count, sizeof *amounts);
    if (amounts == NULL)
        return lls_fail_memory(err);
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        lls_run_amounts(profiler, matching, r, count, amounts);
        for (uint32_t t = 0; t < count; t++) {
            column *c = &columns[t];
            if (!amounts[t].present)
                continue;
            c->work[c->count] = amounts[t].work;
            c->span[c->count] = amounts[t].span;
            c->prompt[c->count++] = amounts[t].prompt;
        }
    }
    lls_free(profiler->context, amounts);
    return LLMSCHED_OK;
}

static llmsched_status summarise_stages(const llmsched_profiler *profiler,
                                        const lls_matching *matching, llmsched_profile *profile,
                                        llmsched_error *err)
{
    uint32_t count = profile->stage_count;
    column *columns = allocate_columns(profiler, count);
    if (columns == NULL)
        return lls_fail_memory(err);
    llmsched_status status = fill_columns(profiler, matching, count, columns, err);
    for (uint32_t t = 0; t < count && status == LLMSCHED_OK; t++) {
        stage_means(profiler, &columns[t], &profile->stages[t]);
        status = stage_bins(profiler, &columns[t], &profile->stages[t], err);
    }
    free_columns(profiler->context, columns, count);
    return status;
}

/* --- successors --------------------------------------------------------------------------- */

/* A square of bytes: from * count + to. Templates of more stages than this are refused. */
enum { LARGEST_SQUARE = 4096 };

static void mark_runs(const llmsched_profiler *profiler, const lls_matching *matching,
                      uint32_t count, uint8_t *follows)
{
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        const lls_seen_run *run = &profiler->runs[r];
        const uint32_t *stage_of = matching->stage_of + matching->start[r];
        for (uint32_t i = 0; i < run->stage_count; i++) {
            for (uint32_t p = 0; p < run->stages[i].parent_count; p++) {
                uint32_t from = stage_of[run->parents[run->stages[i].parent_start + p]];
                if (from != LLS_NONE32 && stage_of[i] != LLS_NONE32 && from != stage_of[i])
                    follows[(size_t)from * count + stage_of[i]] = 1;
            }
        }
    }
}

static void mark_edges(const llmsched_profile *profile, uint8_t *follows)
{
    uint32_t count = profile->stage_count;
    for (uint32_t from = 0; from < count; from++) {
        uint32_t children = 0;
        const uint32_t *list = llmsched_dag_children(profile->dag, from, &children);
        for (uint32_t i = 0; i < children; i++)
            follows[(size_t)from * count + list[i]] = 1;
    }
}

static llmsched_status pack_successors(llmsched_profile *profile, const uint8_t *follows,
                                       llmsched_error *err)
{
    uint32_t count = profile->stage_count, total = 0;
    for (size_t i = 0; i < (size_t)count * count; i++)
        total += follows[i];
    profile->successors = lls_calloc(profile->context, total, sizeof *profile->successors);
    if (profile->successors == NULL)
        return lls_fail_memory(err);
    total = 0;
    for (uint32_t from = 0; from < count; from++) {
        for (uint32_t to = 0; to < count; to++) {
            if (follows[(size_t)from * count + to])
                profile->successors[total++] = to;
        }
        profile->successor_start[from + 1] = total;
    }
    return LLMSCHED_OK;
}

static llmsched_status find_successors(const llmsched_profiler *profiler,
                                       const lls_matching *matching, llmsched_profile *profile,
                                       llmsched_error *err)
{
    uint32_t count = profile->stage_count;
    if (count > LARGEST_SQUARE)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "profiler: a template of over %d stages",
                        LARGEST_SQUARE);
    uint8_t *follows = lls_calloc(profiler->context, (size_t)count * count, 1);
    if (follows == NULL)
        return lls_fail_memory(err);
    mark_runs(profiler, matching, count, follows);
    mark_edges(profile, follows);
    llmsched_status status = pack_successors(profile, follows, err);
    lls_free(profiler->context, follows);
    return status;
}

llmsched_status lls_summarise(const llmsched_profiler *profiler, const lls_matching *matching,
                              llmsched_profile *profile, llmsched_error *err)
{
    run_means(profiler, profile);
    llmsched_status status = summarise_stages(profiler, matching, profile, err);
    if (status == LLMSCHED_OK)
        status = find_successors(profiler, matching, profile, err);
    return status;
}
