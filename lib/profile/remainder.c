/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What remained of past runs after as many ended stages: the plainest
 * predictor there is, and the mark that others are measured against.
 */
#include "profile/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Runs longer than this share the last entry. */
enum { MOST_ENDED = 1024 };

static int by_time(const void *a, const void *b)
{
    const lls_ending *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

void lls_replay(const lls_seen_run *run, lls_ending *endings, double *ends)
{
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        double revealed = 0;
        for (uint32_t p = 0; p < s->parent_count; p++)
            revealed = fmax(revealed, ends[run->parents[s->parent_start + p]]);
        ends[i] = revealed + s->span;
        endings[i] = (lls_ending){ends[i], i};
    }
    qsort(endings, run->stage_count, sizeof *endings, by_time);
}

/* Values of all runs after k ended stages lie at start[k] in the order of the runs. */
typedef struct remains {
    uint32_t longest;
    size_t *start;  /* longest + 2 */
    double *values; /* of one kind */
} remains;

/* What is left of one kind, from the end backwards so that the last is exactly 0. */
static void note_run(const lls_seen_run *run, const lls_ending *endings, uint32_t kind,
                     size_t *next, double *values)
{
    double left = 0;
    for (uint32_t k = run->stage_count; k > 0; k--) {
        const lls_seen_stage *s = &run->stages[endings[k - 1].place];
        if (k <= MOST_ENDED)
            values[next[k]++] = left;
        left += s->kind == kind ? s->work : 0;
    }
    values[next[0]++] = left;
}

static void describe(double *values, size_t count, lls_remainder *r)
{
    r->mean = lls_sum(values, count) / (double)count;
    lls_sort(values, count);
    r->q10 = lls_quantile_sorted(values, count, 0.1);
    r->q50 = lls_quantile_sorted(values, count, 0.5);
    r->q90 = lls_quantile_sorted(values, count, 0.9);
}

static void count_runs(const llmsched_profiler *profiler, remains *all)
{
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        uint32_t n = profiler->runs[r].stage_count;
        for (uint32_t k = 0; k <= (n < all->longest ? n : all->longest); k++)
            all->start[k + 1]++;
    }
    for (uint32_t k = 0; k <= all->longest; k++)
        all->start[k + 1] += all->start[k];
}

static llmsched_status fill_kind(const llmsched_profiler *profiler, const remains *all,
                                 uint32_t kind, uint32_t longest_run, lls_remainder *ret,
                                 llmsched_error *err)
{
    const llmsched_context *c = profiler->context;
    size_t *next = lls_calloc(c, (size_t)all->longest + 1, sizeof *next);
    lls_ending *endings = lls_calloc(c, longest_run, sizeof *endings);
    double *ends = lls_calloc(c, longest_run, sizeof *ends);
    llmsched_status status = LLMSCHED_OK;
    if (next == NULL || endings == NULL || ends == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK) {
        memcpy(next, all->start, ((size_t)all->longest + 1) * sizeof *next);
        for (uint32_t r = 0; r < profiler->run_count; r++) {
            lls_replay(&profiler->runs[r], endings, ends);
            note_run(&profiler->runs[r], endings, kind, next, all->values);
        }
        for (uint32_t k = 0; k <= all->longest; k++)
            describe(all->values + all->start[k], all->start[k + 1] - all->start[k], &ret[k]);
    }
    lls_free(c, next);
    lls_free(c, endings);
    lls_free(c, ends);
    return status;
}

llmsched_status lls_summarise_remainders(const llmsched_profiler *profiler,
                                         llmsched_profile *profile, llmsched_error *err)
{
    const llmsched_context *c = profiler->context;
    remains all = {0};
    uint32_t longest_run = 0;
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        uint32_t n = profiler->runs[r].stage_count;
        longest_run = n > longest_run ? n : longest_run;
    }
    all.longest = longest_run < MOST_ENDED ? longest_run : MOST_ENDED;
    all.start = lls_calloc(c, (size_t)all.longest + 2, sizeof *all.start);
    profile->remainder_count = all.longest + 1;
    profile->remainders =
        lls_calloc(c, 2 * (size_t)profile->remainder_count, sizeof *profile->remainders);
    llmsched_status status = LLMSCHED_OK;
    if (all.start == NULL || profile->remainders == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK) {
        count_runs(profiler, &all);
        all.values = lls_calloc(c, all.start[all.longest + 1], sizeof *all.values);
        if (all.values == NULL)
            status = lls_fail_memory(err);
    }
    if (status == LLMSCHED_OK)
        status =
            fill_kind(profiler, &all, LLMSCHED_STAGE_LLM, longest_run, profile->remainders, err);
    if (status == LLMSCHED_OK)
        status = fill_kind(profiler, &all, LLMSCHED_STAGE_REGULAR, longest_run,
                           profile->remainders + profile->remainder_count, err);
    lls_free(c, all.start);
    lls_free(c, all.values);
    return status;
}
