/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Missing values (simulation.md, "Work"): token counts from the median of the
 * same (app, stage name) over the LLM stages of the whole text, tool durations
 * from a draw that depends on job and stage id alone.
 */
#include "trace/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double FALLBACK_OUTPUT = 128.0;
static const double FALLBACK_PROMPT = 512.0;
static const double TOOL_MEDIAN_S = 0.6;
static const double TOOL_SIGMA = 0.8;
static const double TOOL_MOST_S = 30.0;
static const double TWO_PI = 6.28318530717958647693;

/* A known count of a group; sorted by group, then value. */
typedef struct known_count {
    uint32_t group;
    double tokens;
} known_count;

static int compare_counts(const void *a, const void *b)
{
    const known_count *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->tokens > y->tokens) - (x->tokens < y->tokens);
}

static size_t collect(const lls_draft *draft, bool prompts, known_count *counts)
{
    size_t n = 0;
    for (size_t i = 0; i < draft->stage_count; i++) {
        const lls_trace_stage *s = &draft->stages[i];
        if (s->kind != LLMSCHED_STAGE_LLM || !(prompts ? s->has_prompt : s->has_output))
            continue;
        counts[n++] = (known_count){s->group, prompts ? s->prompt_tokens : s->output_tokens};
    }
    qsort(counts, n, sizeof *counts, compare_counts);
    return n;
}

/* medians[group]: the lower of the two middle values where their number is even. */
static void find_medians(const known_count *counts, size_t n, double *medians)
{
    for (size_t first = 0, last; first < n; first = last) {
        for (last = first; last < n && counts[last].group == counts[first].group;)
            last++;
        medians[counts[first].group] = counts[first + (last - first - 1) / 2].tokens;
    }
}

static llmsched_status impute_tokens(lls_draft *draft, bool prompts, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    known_count *counts = lls_calloc(draft->context, draft->stage_count, sizeof *counts);
    double *medians = lls_calloc(draft->context, draft->group_count, sizeof *medians);
    if (counts == NULL || medians == NULL) {
        status = lls_fail_memory(err);
        goto done;
    }
    for (uint32_t g = 0; g < draft->group_count; g++)
        medians[g] = prompts ? FALLBACK_PROMPT : FALLBACK_OUTPUT;
    find_medians(counts, collect(draft, prompts, counts), medians);
    for (size_t i = 0; i < draft->stage_count; i++) {
        lls_trace_stage *s = &draft->stages[i];
        if (s->kind != LLMSCHED_STAGE_LLM)
            continue; /* what a tool lacks counts 0 */
        if (prompts && !s->has_prompt)
            s->prompt_tokens = medians[s->group];
        if (!prompts && !s->has_output)
            s->output_tokens = medians[s->group];
    }
done:
    lls_free(draft->context, counts);
    lls_free(draft->context, medians);
    return status;
}

static double half_open(uint64_t x)
{
    return ((double)(x >> 11) + 0.5) * 0x1p-53;
}

double lls_tool_duration(const char *job, const char *stage)
{
    uint64_t state = lls_fnv1a64(job, strlen(job), LLS_FNV_OFFSET);
    state = lls_fnv1a64("/", 1, state);
    state = lls_fnv1a64(stage, strlen(stage), state);
    double u1 = half_open(lls_splitmix64(&state));
    double u2 = half_open(lls_splitmix64(&state));
    double z = sqrt(-2.0 * log(u1)) * cos(TWO_PI * u2);
    return fmin(TOOL_MEDIAN_S * exp(TOOL_SIGMA * z), TOOL_MOST_S);
}

llmsched_status lls_draft_impute(lls_draft *draft, llmsched_error *err)
{
    llmsched_status status = impute_tokens(draft, false, err);
    if (status == LLMSCHED_OK)
        status = impute_tokens(draft, true, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t r = 0; r < draft->run_count; r++) {
        const lls_trace_run *run = &draft->runs[r];
        const char *job = draft->bytes + draft->words[run->job].offset;
        for (uint32_t i = 0; i < run->stage_count; i++) {
            lls_trace_stage *s = &draft->stages[run->first_stage + i];
            if (s->kind == LLMSCHED_STAGE_REGULAR && !s->has_duration)
                s->duration_s = lls_tool_duration(job, draft->bytes + draft->words[s->id].offset);
        }
    }
    return LLMSCHED_OK;
}
