/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLAS and ATLAS (Autellix, Luo et al. 2025; algorithms.md section 6): the
 * program that was served least goes first, in levels, by the time of being
 * ready inside a level. PLAS counts all finished calls of the program, ATLAS
 * the longest chain of them when the call became ready. A call that its program has
 * waited for long, beside what it was served, is put into the first level. Long
 * prompts go to the engine that the program used last.
 *
 * Work is in alone-seconds here; `step` says how many of them the unit of
 * the thresholds is. The paper counts decode steps (step=0.0112 on a 70B model), which puts nearly
 * every program that has made a call into the last level; a second orders better. Calls are not
 * preempted, so a call that waits has been served nothing itself.
 *
 * With scope=engine an account is kept for each model, as engines do that schedule for themselves:
 * what a program was served elsewhere is not known, nor how long it waited there.
 */
#include "schedule/internal.h"

#include <math.h>

/* Levels are parted by more than any time of being ready, in seconds (2^36: two thousand years). A
 * key then tells times to 2^-14 s apart in the last of the default levels; nearer ones tie. */
static const double LEVEL_APART = 68719476736.0;

typedef struct state {
    llmsched_context *context;
    bool chain; /* ATLAS */
    double levels, first, beta, step, long_prompt, scope;
} state;

static double level_of(const state *p, double service_s)
{
    double level = 0, threshold = p->first * p->step;
    while (level + 1 < p->levels && service_s >= threshold) {
        level++;
        threshold *= 2;
    }
    return level;
}

enum { SCOPE_ALL = 1, SCOPE_ENGINE };
static const char *const scopes[] = {"all", "engine"};

/* What the program's finished calls to a queue's engines were served. */
static double served_in(const llmsched_view *view, uint64_t id, uint32_t queue)
{
    double sum = 0;
    const lls_job *job = lls_job_find(view->scheduler, id);
    for (const lls_stage *at = job->stages; at != NULL; at = at->next_of_job)
        sum += at->lane != NULL && at->lane->queue->number == queue ? at->work_s : 0;
    return sum;
}

static llmsched_status key(void *user, const llmsched_view *view, uint64_t id, uint32_t number,
                           double *ret)
{
    const state *p = user;
    llmsched_stage_view stage = {.size = sizeof stage};
    llmsched_job_view job = {.size = sizeof job};
    llmsched_status status = llmsched_view_stage(view, id, number, &stage);
    if (status == LLMSCHED_OK)
        status = llmsched_view_job(view, id, &job);
    if (status != LLMSCHED_OK)
        return status;
    double served = p->chain ? stage.chain_llm_s : job.done_llm_s;
    double attained = job.done_llm_s, waited = job.waited_llm_s;
    if (p->scope > SCOPE_ALL) {
        served = attained = served_in(view, id, stage.queue);
        waited = 0;
    }
    double promotion_s = stage.ready_s + p->beta * fmax(p->step, attained) - waited;
    double level = promotion_s <= llmsched_view_now(view) ? 0 : level_of(p, served);
    *ret = level * LEVEL_APART + fmin(fmax(stage.ready_s, 0), LEVEL_APART);
    if (level > 0)
        *view->until = promotion_s;
    return LLMSCHED_OK;
}

static llmsched_status place(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                             uint64_t *executor)
{
    const state *p = user;
    return lls_place_long(view, job, stage, p->long_prompt, executor);
}

static void release(void *user)
{
    state *p = user;
    llmsched_context *context = p->context;
    lls_free(context, p);
    lls_context_release(context);
}

static llmsched_status create(llmsched_context *context, const char *name, bool chain,
                              const char *text, llmsched_policy *policy, llmsched_error *err)
{
    state read = {.chain = chain,
                  .levels = 7,
                  .first = 2,
                  .beta = 8,
                  .step = 1,
                  .long_prompt = 2048,
                  .scope = SCOPE_ALL};
    /* Chains run over all engines: atlas has no such scope. */
    const lls_policy_option options[] = {{"scope", SCOPE_ALL, SCOPE_ENGINE, &read.scope, scopes},
                                         {"levels", 1, 60, &read.levels, NULL},
                                         {"first", 1e-6, 1e9, &read.first, NULL},
                                         {"beta", 1e-6, 1e9, &read.beta, NULL},
                                         {"step", 1e-6, 1e6, &read.step, NULL},
                                         {"long", 0, 1e12, &read.long_prompt, NULL}};
    uint32_t skip = chain ? 1 : 0;
    llmsched_status status =
        lls_policy_options(name, text, options + skip, LLS_COUNT(options) - skip, err);
    if (status != LLMSCHED_OK)
        return status;
    state *p = lls_calloc(context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    *p = read;
    p->context = lls_context_retain(context);
    *policy = (llmsched_policy){.size = sizeof *policy,
                                .flags = LLS_POLICY_AGING,
                                .user = p,
                                .key = key,
                                .release = release,
                                .place = place};
    return LLMSCHED_OK;
}

static llmsched_status create_plas(llmsched_context *context, const char *options,
                                   llmsched_policy *policy, llmsched_error *err)
{
    return create(context, "plas", false, options, policy, err);
}

static llmsched_status create_atlas(llmsched_context *context, const char *options,
                                    llmsched_policy *policy, llmsched_error *err)
{
    return create(context, "atlas", true, options, policy, err);
}

const lls_builtin lls_policy_plas = {
    .name = "plas",
    .summary =
        "Autellix's PLAS (2025): least attained LLM service of the program first, in "
        "levels; levels=7, first=2 (threshold, in steps), step=1 (alone-seconds; of a decode step: "
        "as "
        "in the paper), beta=8 (waiting per service that puts first), long=2048 (prompt tokens), "
        "scope=all (engine: "
        "accounts of each model's engines alone)",
    .create = create_plas};

const lls_builtin lls_policy_atlas = {
    .name = "atlas",
    .summary = "Autellix's ATLAS (2025): as plas, by the longest chain of finished calls; the same "
               "options but scope",
    .create = create_atlas};
