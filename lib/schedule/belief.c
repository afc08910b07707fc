/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler believes of a job: its evidence handed to the quantifier
 * of its profile, the answers kept until the next event of the job.
 */
#include "schedule/internal.h"

#include <math.h>
#include <string.h>

/* --- one quantifier per profile in use ------------------------------------------ */

/* Of the grid where distributions are sums over many stages: decisions need no finer one, and what
 * it takes is in proportion. */
enum { CELLS = 128 };

static llmsched_status knowledge_open(const llmsched_scheduler *s, const llmsched_profile *profile,
                                      lls_knowledge *k, llmsched_error *err)
{
    llmsched_quantifier *quantifier = NULL;
    llmsched_quantifier_options options = {.size = sizeof options, .cells = CELLS};
    llmsched_status status = llmsched_quantifier_create(profile, &options, &quantifier, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_outlook *outlooks = lls_outlooks_create(s->context, profile);
    if (outlooks == NULL) {
        llmsched_quantifier_destroy(quantifier);
        return lls_fail_memory(err);
    }
    *k = (lls_knowledge){llmsched_profile_retain(profile), quantifier, 0, outlooks};
    return LLMSCHED_OK;
}

void lls_knowledge_close(llmsched_scheduler *s, lls_knowledge *k)
{
    llmsched_quantifier_destroy(k->quantifier);
    lls_free(s->context, k->outlooks);
    llmsched_profile_release((llmsched_profile *)k->profile);
    *k = (lls_knowledge){0};
}

/* A place for a profile not in use yet. An idle one of the same application gives its place up: it
 * has been refitted. */
static uint32_t knowledge_place(llmsched_scheduler *s, const llmsched_profile *profile)
{
    for (uint32_t i = 0; i < s->knowledge_count; i++) {
        lls_knowledge *k = &s->knowledge[i];
        if (k->profile != NULL && k->jobs == 0 && strcmp(k->profile->name, profile->name) == 0)
            lls_knowledge_close(s, k);
        if (k->profile == NULL)
            return i;
    }
    return s->knowledge_count;
}

llmsched_status lls_knowledge_use(llmsched_scheduler *s, const llmsched_profile *profile,
                                  uint32_t *knowledge, llmsched_error *err)
{
    for (uint32_t i = 0; i < s->knowledge_count; i++) {
        if (s->knowledge[i].profile == profile) {
            s->knowledge[i].jobs++;
            *knowledge = i;
            return LLMSCHED_OK;
        }
    }
    uint32_t at = knowledge_place(s, profile);
    if (!lls_grow(s->context, (void **)&s->knowledge, &s->knowledge_capacity, (size_t)at + 1,
                  sizeof *s->knowledge))
        return lls_fail_memory(err);
    llmsched_status status = knowledge_open(s, profile, &s->knowledge[at], err);
    if (status != LLMSCHED_OK)
        return status;
    if (at == s->knowledge_count)
        s->knowledge_count++;
    s->knowledge[at].jobs = 1;
    *knowledge = at;
    return LLMSCHED_OK;
}

/* Kept while idle: the next job of the application is likely to come, and compiling costs. */
void lls_knowledge_drop(llmsched_scheduler *s, uint32_t knowledge)
{
    s->knowledge[knowledge].jobs--;
}

/* --- evidence --------------------------------------------------------------------- */

double lls_stage_served(const llmsched_scheduler *s, const lls_stage *stage)
{
    double sum = stage->work_s;
    for (uint32_t i = stage->first_open; stage->running > 0 && i < stage->started_end; i++) {
        const lls_task *task = &stage->tasks[i];
        if (task->state == LLS_TASK_RUNNING)
            sum += lls_task_served(s, task);
    }
    return sum;
}

static llmsched_status set_progress(llmsched_scheduler *s, const lls_job *job, llmsched_error *err)
{
    for (const lls_stage *at = job->started; at != NULL; at = at->next_started)
        lls_progress_set_served(job->progress, at->number_in_progress, lls_stage_served(s, at));
    return llmsched_quantifier_set_progress(s->knowledge[job->knowledge].quantifier, job->progress,
                                            err);
}

/* --- estimates ---------------------------------------------------------------------- */

/* By resource; both together are added up. */
static const uint32_t KINDS[] = {LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR};

/* The range is that of the stages, stretched to the mean, which is not theirs alone. */
static llmsched_status network_range(llmsched_quantifier *q, uint32_t kind, lls_estimate *estimate,
                                     llmsched_error *err)
{
    llmsched_remaining remaining = {.size = sizeof remaining};
    llmsched_status status = llmsched_quantifier_remaining(q, kind, &remaining, err);
    double strange = lls_strange_work(q, kind);
    estimate->lo = fmin(remaining.lo_s + strange, estimate->mean);
    estimate->hi = fmax(remaining.hi_s + strange, estimate->mean);
    return status;
}

static llmsched_status by_method(llmsched_scheduler *s, const lls_job *job, uint32_t method,
                                 lls_estimate *estimates, llmsched_error *err)
{
    llmsched_quantifier *q = s->knowledge[job->knowledge].quantifier;
    llmsched_status status = LLMSCHED_OK;
    if (method == LLMSCHED_BY_NETWORK)
        status = set_progress(s, job, err);
    else /* the others look at no evidence */
        lls_take_progress(q, job->progress);
    for (uint32_t r = 0; r < LLS_RESOURCE_BOTH && status == LLMSCHED_OK; r++) {
        lls_estimate *e = &estimates[r];
        status = lls_forecast_mean(q, KINDS[r], method, &e->mean, err);
        e->lo = e->hi = e->mean;
        if (status == LLMSCHED_OK && method == LLMSCHED_BY_NETWORK)
            status = network_range(q, KINDS[r], e, err);
    }
    return status;
}

static llmsched_status work_out(llmsched_scheduler *s, const lls_job *job, uint32_t method,
                                lls_estimate *estimates, llmsched_error *err)
{
    llmsched_status status = by_method(s, job, method, estimates, err);
    /* A network read from a file may hold impossible what has happened, and may come without
     * trees; history is always there. */
    if (status == LLMSCHED_ERROR_IMPOSSIBLE || status == LLMSCHED_ERROR_STATE)
        status = by_method(s, job, LLMSCHED_BY_HISTORY, estimates, err);
    return status;
}

/* --- estimates kept ------------------------------------------------------------------ */

static size_t belief_bytes(uint32_t method)
{
    bool ranges = method == LLMSCHED_BY_NETWORK;
    return sizeof(lls_belief) + (ranges ? 2 * LLS_RESOURCE_BOTH * sizeof(double) : 0);
}

void lls_beliefs_drop(lls_job *job)
{
    for (lls_belief *b = job->beliefs; b != NULL; b = b->next)
        b->known = false;
    job->gittins_method = 0;
}

void lls_beliefs_free(llmsched_scheduler *s, lls_job *job)
{
    while (job->beliefs != NULL) {
        lls_belief *b = job->beliefs;
        job->beliefs = b->next;
        lls_pool_give(&s->pool, b, belief_bytes(b->method));
    }
}

/* NULL: no memory. */
static lls_belief *belief_of(llmsched_scheduler *s, lls_job *job, uint32_t method)
{
    lls_belief *b = job->beliefs;
    while (b != NULL && b->method != method)
        b = b->next;
    if (b != NULL)
        return b;
    b = lls_pool_take(&s->pool, belief_bytes(method));
    if (b != NULL) {
        b->method = method;
        b->next = job->beliefs;
        job->beliefs = b;
    }
    return b;
}

static void keep(lls_belief *b, const lls_estimate *estimates)
{
    for (uint32_t r = 0; r < LLS_RESOURCE_BOTH; r++) {
        b->means[r] = estimates[r].mean;
        if (b->method != LLMSCHED_BY_NETWORK)
            continue;
        b->ranges[2 * (size_t)r] = estimates[r].lo;
        b->ranges[2 * (size_t)r + 1] = estimates[r].hi;
    }
    b->known = true;
}

static lls_estimate kept(const lls_belief *b, uint32_t resource)
{
    if (resource == LLS_RESOURCE_BOTH) {
        lls_estimate llm = kept(b, LLS_RESOURCE_LLM), tool = kept(b, LLS_RESOURCE_TOOL);
        return (lls_estimate){llm.mean + tool.mean, llm.lo + tool.lo, llm.hi + tool.hi};
    }
    double mean = b->means[resource];
    if (b->method != LLMSCHED_BY_NETWORK)
        return (lls_estimate){mean, mean, mean};
    return (lls_estimate){mean, b->ranges[2 * (size_t)resource],
                          b->ranges[2 * (size_t)resource + 1]};
}

llmsched_status lls_job_estimate(llmsched_scheduler *s, lls_job *job, uint32_t resource,
                                 uint32_t method, lls_estimate *estimate, llmsched_error *err)
{
    lls_estimate fresh[LLS_RESOURCE_BOTH];
    if (job->knowledge == LLS_NONE32) {
        *estimate = (lls_estimate){0};
        return LLMSCHED_OK;
    }
    lls_belief *b = belief_of(s, job, method);
    if (b == NULL)
        return lls_fail_memory(err);
    if (!b->known) {
        llmsched_status status = work_out(s, job, method, fresh, err);
        if (status != LLMSCHED_OK)
            return status;
        keep(b, fresh);
    }
    *estimate = kept(b, resource);
    return LLMSCHED_OK;
}

/* LLM alone-seconds that unfinished stages have been served. */
static double age_of(const llmsched_scheduler *s, const lls_job *job)
{
    double sum = 0;
    for (const lls_stage *at = job->started; at != NULL; at = at->next_started) {
        if (at->kind == LLMSCHED_STAGE_LLM)
            sum += lls_stage_served(s, at);
    }
    return sum;
}

static llmsched_status gittins_by(llmsched_scheduler *s, const lls_job *job, uint32_t method,
                                  double *index, llmsched_error *err)
{
    llmsched_quantifier *q = s->knowledge[job->knowledge].quantifier;
    llmsched_status status = LLMSCHED_OK;
    if (method == LLMSCHED_BY_NETWORK)
        status = set_progress(s, job, err);
    else
        lls_take_progress(q, job->progress);
    if (status == LLMSCHED_OK)
        status = lls_forecast_points(q, LLMSCHED_STAGE_LLM, method, err);
    if (status == LLMSCHED_OK)
        *index = lls_gittins(q->forecast.values, q->forecast.probabilities, q->forecast.count,
                             age_of(s, job));
    return status;
}

static llmsched_status work_out_gittins(llmsched_scheduler *s, const lls_job *job, uint32_t method,
                                        double *index, llmsched_error *err)
{
    *index = 0;
    if (job->knowledge == LLS_NONE32)
        return LLMSCHED_OK;
    llmsched_status status = gittins_by(s, job, method, index, err);
    /* As for estimates. */
    if (status == LLMSCHED_ERROR_IMPOSSIBLE || status == LLMSCHED_ERROR_STATE)
        status = gittins_by(s, job, LLMSCHED_BY_HISTORY, index, err);
    return status;
}

llmsched_status lls_job_gittins(llmsched_scheduler *s, lls_job *job, uint32_t method, double *index,
                                llmsched_error *err)
{
    double fresh;
    if (job->gittins_method != method) {
        llmsched_status status = work_out_gittins(s, job, method, &fresh, err);
        if (status != LLMSCHED_OK)
            return status;
        job->gittins = fresh;
        job->gittins_method = method;
    }
    *index = job->gittins;
    return LLMSCHED_OK;
}

llmsched_status lls_stage_reduction(llmsched_scheduler *s, lls_stage *stage, double *reduction,
                                    llmsched_error *err)
{
    const lls_job *job = stage->job;
    llmsched_status status = LLMSCHED_OK;
    if (stage->reduction_scoring != job->scoring) {
        double r = 0;
        if (job->knowledge != LLS_NONE32 && stage->template_stage != LLS_NONE32) {
            status = set_progress(s, job, err);
            if (status == LLMSCHED_OK)
                status = llmsched_quantifier_reduction(s->knowledge[job->knowledge].quantifier,
                                                       stage->template_stage, &r, err);
            if (status == LLMSCHED_ERROR_IMPOSSIBLE)
                status = LLMSCHED_OK;
        }
        if (status != LLMSCHED_OK)
            return status;
        stage->reduction = r;
        stage->reduction_scoring = job->scoring;
    }
    *reduction = stage->reduction;
    return LLMSCHED_OK;
}
