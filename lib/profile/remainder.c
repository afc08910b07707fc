/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What remained of past runs after as many ended stages: the plainest
 * predictor there is, and the mark that others are measured against.
 */
#include "profile/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t KINDS[] = {LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR};

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

bool lls_reserve_remains(lls_tally *t, const lls_seen_run *run)
{
    uint32_t n = run->stage_count < LLS_MOST_ENDED ? run->stage_count : LLS_MOST_ENDED;
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t *capacity = &t->remain_capacity[k], before = *capacity;
        if (!lls_grow(t->context, (void **)&t->remains[k], capacity, (size_t)n + 1,
                      sizeof **t->remains))
            return false;
        memset(t->remains[k] + before, 0, (*capacity - before) * sizeof **t->remains);
        for (uint32_t ended = 0; ended <= n; ended++)
            if (!lls_sketch_reserve(&t->remains[k][ended], t->context))
                return false;
    }
    return lls_grow(t->context, (void **)&t->endings, &t->ending_capacity, run->stage_count,
                    sizeof *t->endings) &&
           lls_grow(t->context, (void **)&t->ends, &t->end_capacity, run->stage_count,
                    sizeof *t->ends);
}

/* What is left of one kind, from the end backwards so that the last is exactly 0, and as far as it
 * is known. */
static void add_kind(const lls_seen_run *run, const lls_ending *endings, uint32_t kind,
                     double weight, lls_sketch *remains)
{
    double left = 0;
    for (uint32_t k = run->stage_count; k > 0; k--) {
        const lls_seen_stage *s = &run->stages[endings[k - 1].place];
        if (k <= LLS_MOST_ENDED)
            lls_sketch_add(&remains[k], left, weight);
        if (s->kind == kind && s->missing & LLMSCHED_MISSING_WORK)
            return;
        left += s->kind == kind ? s->work : 0;
    }
    lls_sketch_add(&remains[0], left, weight);
}

void lls_add_remains(lls_tally *t, const lls_seen_run *run, double weight)
{
    uint32_t n = run->stage_count < LLS_MOST_ENDED ? run->stage_count : LLS_MOST_ENDED;
    if (t->remain_count <= n)
        t->remain_count = n + 1;
    if (run->truncated)
        return;
    lls_replay(run, t->endings, t->ends);
    for (uint32_t k = 0; k < 2; k++)
        add_kind(run, t->endings, KINDS[k], weight, t->remains[k]);
}

llmsched_status lls_write_remains(const lls_tally *t, llmsched_profile *profile,
                                  llmsched_error *err)
{
    uint32_t n = t->remain_count;
    profile->remainders = lls_calloc(t->context, 2 * (size_t)n, sizeof *profile->remainders);
    if (profile->remainders == NULL)
        return lls_fail_memory(err);
    profile->remainder_count = n;
    for (uint32_t k = 0; k < 2; k++) {
        /* Where no run tells, what is said of one stage less; of none, the mean of all stages. */
        double mean = k == 0 ? profile->mean_llm_s : profile->mean_tool_s;
        lls_remainder now = {mean, mean, mean, mean};
        for (uint32_t ended = 0; ended < n; ended++) {
            const lls_sketch *s = &t->remains[k][ended];
            if (s->count > 0)
                now = (lls_remainder){lls_sketch_mean(s), lls_sketch_quantile(s, 0.1),
                                      lls_sketch_quantile(s, 0.5), lls_sketch_quantile(s, 0.9)};
            profile->remainders[k * n + ended] = now;
        }
    }
    return LLMSCHED_OK;
}
