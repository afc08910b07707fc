/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs as the profiler keeps them: stages in the order in which they would be
 * revealed were each to start as soon as it is ready (the run replayed alone
 * with unlimited places), names as numbers.
 */
#include "profile/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a stage of the caller's run stands in the replay. */
typedef struct moment {
    double revealed, ended;
    uint32_t index;
} moment;

static bool is_amount(double value)
{
    return isfinite(value) && value >= 0;
}

static llmsched_status check_stage(const llmsched_run_stage *s, uint32_t i, llmsched_error *err)
{
    if (s->kind < LLMSCHED_STAGE_LLM || s->kind > LLMSCHED_STAGE_DYNAMIC)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "run: stages[%u].kind is unknown", i);
    if (s->name == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "run: stages[%u].name is missing", i);
    if (s->missing > LLMSCHED_MISSING_ALL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "run: stages[%u].missing is %u, expected a sum of LLMSCHED_MISSING_*", i,
                        s->missing);
    if (!is_amount(s->work_s) || !is_amount(s->span_s) || !is_amount(s->prompt_tokens) ||
        !is_amount(s->output_tokens))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "run: stages[%u]: work_s, span_s, prompt_tokens and output_tokens must be "
                        "finite and not negative",
                        i);
    if (s->parent_count > 0 && s->parents == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "run: stages[%u].parents is missing", i);
    for (uint32_t p = 0; p < s->parent_count; p++) {
        if (s->parents[p] >= i)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "run: stages[%u]: parent %u is not an earlier stage", i, s->parents[p]);
    }
    return LLMSCHED_OK;
}

/* The caller's array of sized elements: element i in this library's version; what is missing is 0.
 */
static llmsched_status read_stage(const llmsched_run *run, uint32_t i, llmsched_run_stage *stage,
                                  llmsched_error *err)
{
    const char *base = (const char *)run->stages;
    llmsched_status status =
        lls_sized_in(stage, sizeof *stage, base + (size_t)i * run->stages[0].size,
                     sizeof(llmsched_run_stage), "llmsched_run_stage", err);
    if (status != LLMSCHED_OK)
        return status;
    if (stage->missing & LLMSCHED_MISSING_WORK)
        stage->work_s = stage->span_s = 0;
    if (stage->missing & LLMSCHED_MISSING_PROMPT)
        stage->prompt_tokens = 0;
    return check_stage(stage, i, err);
}

static double span_of(const llmsched_run_stage *s)
{
    double tasks = s->tasks > 0 ? s->tasks : 1;
    return s->span_s > 0 ? s->span_s : s->work_s / tasks;
}

static llmsched_status replay(const llmsched_run *run, moment *moments, uint64_t *parents,
                              llmsched_error *err)
{
    *parents = 0;
    for (uint32_t i = 0; i < run->stage_count; i++) {
        llmsched_run_stage s;
        llmsched_status status = read_stage(run, i, &s, err);
        if (status != LLMSCHED_OK)
            return status;
        double revealed = 0;
        for (uint32_t p = 0; p < s.parent_count; p++)
            revealed = fmax(revealed, moments[s.parents[p]].ended);
        moments[i] = (moment){revealed, revealed + span_of(&s), i};
        *parents += s.parent_count;
    }
    return LLMSCHED_OK;
}

/* Parents precede their children: they end no later than these are revealed, and stand earlier in
 * the list. */
static int by_revealing(const void *a, const void *b)
{
    const moment *x = a, *y = b;
    if (x->revealed != y->revealed)
        return x->revealed < y->revealed ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static llmsched_status name_number(llmsched_profiler *profiler, lls_names *names, const char *name,
                                   uint32_t *number, llmsched_error *err)
{
    uint32_t found = lls_map_get_str(&names->numbers, name);
    if (found == LLS_NONE32) {
        char *copy = lls_strdup(profiler->context, name);
        if (copy == NULL ||
            !lls_grow(profiler->context, (void **)&names->items, &names->capacity,
                      (size_t)names->count + 1, sizeof(char *)) ||
            !lls_map_put_str(&names->numbers, name, names->count)) {
            lls_free(profiler->context, copy);
            return lls_fail_memory(err);
        }
        found = names->count;
        names->items[names->count++] = copy;
    }
    *number = found;
    return LLMSCHED_OK;
}

/* places: index in the caller's run -> place in the order of revealing. */
static llmsched_status copy_stages(llmsched_profiler *profiler, const llmsched_run *run,
                                   const moment *order, const uint32_t *places, lls_seen_run *seen,
                                   llmsched_error *err)
{
    uint32_t next_parent = 0;
    for (uint32_t place = 0; place < run->stage_count; place++) {
        llmsched_run_stage s;
        lls_seen_stage *to = &seen->stages[place];
        llmsched_status status = read_stage(run, order[place].index, &s, err);
        if (status == LLMSCHED_OK)
            status = name_number(profiler, &profiler->names, s.name, &to->name, err);
        if (status == LLMSCHED_OK && s.kind == LLMSCHED_STAGE_LLM)
            status = name_number(profiler, &profiler->models, s.model != NULL ? s.model : "",
                                 &to->model, err);
        if (status != LLMSCHED_OK)
            return status;
        to->kind = s.kind;
        to->choice = s.choice;
        to->missing = s.missing;
        to->tasks = s.tasks > 0 ? s.tasks : 1;
        to->prompt_tokens = s.prompt_tokens;
        to->output_tokens = s.output_tokens;
        to->work = s.work_s;
        to->span = span_of(&s);
        to->parent_start = next_parent;
        to->parent_count = s.parent_count;
        for (uint32_t p = 0; p < s.parent_count; p++)
            seen->parents[next_parent++] = places[s.parents[p]];
    }
    return LLMSCHED_OK;
}

void lls_seen_run_free(const llmsched_context *context, lls_seen_run *run)
{
    lls_free(context, run->stages);
    lls_free(context, run->parents);
    *run = (lls_seen_run){0};
}

static llmsched_status fill(llmsched_profiler *profiler, const llmsched_run *run, moment *moments,
                            uint32_t *places, lls_seen_run *seen, llmsched_error *err)
{
    uint64_t parents = 0;
    llmsched_status status = replay(run, moments, &parents, err);
    if (status != LLMSCHED_OK)
        return status;
    if (parents > UINT32_MAX)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "run: more than 2^32 edges");
    qsort(moments, run->stage_count, sizeof *moments, by_revealing);
    for (uint32_t i = 0; i < run->stage_count; i++)
        places[moments[i].index] = i;
    seen->stage_count = run->stage_count;
    seen->truncated = run->truncated != 0;
    seen->stages = lls_calloc(profiler->context, run->stage_count, sizeof *seen->stages);
    seen->parents = lls_calloc(profiler->context, (size_t)parents, sizeof *seen->parents);
    if (seen->stages == NULL || seen->parents == NULL)
        return lls_fail_memory(err);
    return copy_stages(profiler, run, moments, places, seen, err);
}

llmsched_status lls_seen_run_create(llmsched_profiler *profiler, const llmsched_run *run,
                                    lls_seen_run *seen, llmsched_error *err)
{
    const llmsched_context *context = profiler->context;
    lls_seen_run fresh = {0};
    moment *moments = lls_calloc(context, run->stage_count, sizeof *moments);
    uint32_t *places = lls_calloc(context, run->stage_count, sizeof *places);
    llmsched_status status = moments != NULL && places != NULL
                                 ? fill(profiler, run, moments, places, &fresh, err)
                                 : lls_fail_memory(err);
    lls_free(context, moments);
    lls_free(context, places);
    if (status != LLMSCHED_OK) {
        lls_seen_run_free(context, &fresh);
        return status;
    }
    *seen = fresh;
    return LLMSCHED_OK;
}
