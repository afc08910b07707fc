/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/calls.h"

#include "profile/sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Amounts count as at most this, so that no sum of products overflows. */
static const double LARGEST = 1e60;
/* A model called less than this often in a run has faded, and is left out. */
static const double FEWEST_CALLS = 1e-6;

void lls_calls_finish(const llmsched_context *context, lls_call_tally *t)
{
    lls_free(context, t->models);
    *t = (lls_call_tally){0};
}

bool lls_calls_reserve(const llmsched_context *context, lls_call_tally *t, const lls_seen_run *run)
{
    uint32_t count = t->count;
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        if (s->kind == LLMSCHED_STAGE_LLM && s->model >= count)
            count = s->model + 1;
    }
    if (!lls_grow(context, (void **)&t->models, &t->capacity, count, sizeof *t->models))
        return false;
    for (; t->count < count; t->count++)
        t->models[t->count] = (lls_called){.come_at = -1};
    return true;
}

/* --- one run ------------------------------------------------------------------------------- */

static double at_most(double amount)
{
    return fmin(amount, LARGEST);
}

/* Calls that come at one time: their number squared, one stage after another. */
static void add_arrivals(lls_called *c, double start, double tasks)
{
    c->come = start == c->come_at ? c->come : 0;
    c->come_at = start;
    c->now[LLS_CALLS] += tasks;
    c->now[LLS_CALL_SQUARES] += (2 * c->come + tasks) * tasks;
    c->come += tasks;
}

/* Stages come in the order in which they start, so that what is busy is one stretch after another.
 */
static void add_stage(lls_called *c, const lls_seen_stage *s, double start, double end)
{
    double tasks = s->tasks, prompt = at_most(s->prompt_tokens), output = at_most(s->output_tokens);
    bool has_prompt = !(s->missing & LLMSCHED_MISSING_PROMPT);
    add_arrivals(c, start, tasks);
    if (has_prompt) {
        c->now[LLS_PROMPT_CALLS] += tasks;
        c->now[LLS_PROMPT_TOKENS] += prompt;
    }
    if (s->missing & LLMSCHED_MISSING_WORK)
        return;
    c->now[LLS_WORK_CALLS] += tasks;
    c->now[LLS_OUTPUT_TOKENS] += output;
    c->now[LLS_WORK] += at_most(s->work);
    if (start >= c->busy_until)
        c->now[LLS_BUSY] += at_most(s->span);
    else if (end > c->busy_until)
        c->now[LLS_BUSY] += end - c->busy_until;
    c->busy_until = fmax(c->busy_until, end);
    if (has_prompt) {
        c->now[LLS_SEEN_OUTPUT] += output;
        c->now[LLS_SEEN_CONTEXT] += output * (prompt + output / 2) / tasks;
    }
}

/* Replays the run alone with unlimited places; a stage whose work is missing takes no time. */
static void replay(lls_call_tally *t, const lls_seen_run *run, double *ends)
{
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        double start = 0;
        for (uint32_t p = 0; p < s->parent_count; p++)
            start = fmax(start, ends[run->parents[s->parent_start + p]]);
        ends[i] = start + at_most(s->span);
        if (s->kind == LLMSCHED_STAGE_LLM)
            add_stage(&t->models[s->model], s, start, ends[i]);
    }
}

static uint32_t group_of(const lls_seen_run *run)
{
    if (run->truncated)
        return LLS_RUNS_ALL;
    for (uint32_t i = 0; i < run->stage_count; i++)
        if (run->stages[i].missing & LLMSCHED_MISSING_WORK)
            return LLS_RUNS_WHOLE;
    return LLS_RUNS_COMPLETE;
}

/* Leaves the model as it is before a run. */
static void add_sums(lls_called *c, uint32_t group, double weight)
{
    for (uint32_t k = 0; k < LLS_CALL_SUMS; k++)
        lls_total_add(&c->sums[group][k], weight * c->now[k]);
    memset(c->now, 0, sizeof c->now);
    c->busy_until = 0;
    c->come_at = -1;
}

void lls_calls_add(lls_call_tally *t, const lls_seen_run *run, double weight, double *ends)
{
    uint32_t group = group_of(run);
    replay(t, run, ends);
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        if (s->kind == LLMSCHED_STAGE_LLM && t->models[s->model].now[LLS_CALLS] > 0)
            add_sums(&t->models[s->model], group, weight);
    }
}

void lls_calls_scale(lls_call_tally *t, double factor)
{
    for (uint32_t m = 0; m < t->count; m++) {
        lls_total *sums = &t->models[m].sums[0][0];
        for (uint32_t k = 0; k < LLS_RUN_GROUPS * LLS_CALL_SUMS; k++) {
            sums[k].sum *= factor;
            sums[k].rest *= factor;
        }
    }
}

/* --- the summary --------------------------------------------------------------------------- */

/* Over the runs of all groups up to this one. */
static double value(const lls_called *c, uint32_t group, uint32_t sum)
{
    double total = 0;
    for (uint32_t g = 0; g <= group; g++)
        total += lls_total_value(&c->sums[g][sum]);
    return total;
}

/* The group, from `group` on, up to which runs tell of something; the last if none does. */
static uint32_t telling(const lls_called *c, uint32_t group, uint32_t something)
{
    while (group + 1 < LLS_RUN_GROUPS && !(value(c, group, something) > LLS_LEAST_WEIGHT))
        group++;
    return group;
}

static double ratio(const lls_called *c, uint32_t group, uint32_t sum, uint32_t over)
{
    double of = value(c, group, over);
    return of > LLS_LEAST_WEIGHT ? value(c, group, sum) / of : 0;
}

static double mean(const lls_called *c, uint32_t sum, uint32_t over)
{
    return ratio(c, telling(c, LLS_RUNS_WHOLE, over), sum, over);
}

static lls_profile_call summarise(const lls_called *c, double whole, double all)
{
    uint32_t group = telling(c, LLS_RUNS_WHOLE, LLS_CALLS);
    uint32_t timed = telling(c, LLS_RUNS_COMPLETE, LLS_BUSY);
    lls_profile_call call = {
        .calls = value(c, group, LLS_CALLS) / (group == LLS_RUNS_WHOLE ? whole : all),
        .overlap = fmax(1, ratio(c, timed, LLS_WORK, LLS_BUSY)),
        .group = fmax(1, ratio(c, group, LLS_CALL_SQUARES, LLS_CALLS)),
        .prompt = mean(c, LLS_PROMPT_TOKENS, LLS_PROMPT_CALLS),
        .output = mean(c, LLS_OUTPUT_TOKENS, LLS_WORK_CALLS),
        .work = mean(c, LLS_WORK, LLS_WORK_CALLS),
        .context = mean(c, LLS_SEEN_CONTEXT, LLS_SEEN_OUTPUT),
    };
    /* Of models that write nothing, such as embeddings, and where no call tells both. */
    if (!(call.context > 0))
        call.context = call.prompt + call.output / 2;
    return call;
}

static int by_model(const void *a, const void *b)
{
    return strcmp(((const lls_profile_call *)a)->model, ((const lls_profile_call *)b)->model);
}

void lls_calls_sort(lls_profile_call *calls, uint32_t count)
{
    if (count > 0)
        qsort(calls, count, sizeof *calls, by_model);
}

void lls_calls_free(const llmsched_context *context, lls_profile_call *calls, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        lls_free(context, calls[i].model);
    lls_free(context, calls);
}

llmsched_status lls_calls_write(const lls_call_tally *t, char *const *names, double whole,
                                double all, llmsched_profile *profile, llmsched_error *err)
{
    profile->calls = lls_calloc(profile->context, t->count, sizeof *profile->calls);
    if (profile->calls == NULL)
        return lls_fail_memory(err);
    for (uint32_t m = 0; m < t->count; m++) {
        lls_profile_call call = summarise(&t->models[m], whole, all);
        if (!(call.calls >= FEWEST_CALLS))
            continue;
        call.model = lls_strdup(profile->context, names[m]);
        if (call.model == NULL)
            return lls_fail_memory(err);
        profile->calls[profile->call_count++] = call;
    }
    lls_calls_sort(profile->calls, profile->call_count);
    return LLMSCHED_OK;
}

/* --- reading ------------------------------------------------------------------------------- */

uint32_t llmsched_profile_call_count(const llmsched_profile *profile)
{
    return profile != NULL ? profile->call_count : 0;
}

llmsched_status llmsched_profile_get_call(const llmsched_profile *profile, uint32_t index,
                                          llmsched_profile_call *call, llmsched_error *err)
{
    if (profile == NULL || call == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and call must not be NULL");
    if (index >= profile->call_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "profile %s has no call %u: it knows the calls of %u models", profile->name,
                        index, profile->call_count);
    const lls_profile_call *c = &profile->calls[index];
    llmsched_profile_call now = {.size = sizeof now,
                                 .model = c->model[0] != '\0' ? c->model : NULL,
                                 .calls = c->calls,
                                 .overlap = c->overlap,
                                 .group = c->group,
                                 .prompt_tokens = c->prompt,
                                 .output_tokens = c->output,
                                 .context_tokens = c->context,
                                 .work_s = c->work};
    return lls_sized_out(call, &now, sizeof now, sizeof now, "llmsched_profile_call", err);
}
