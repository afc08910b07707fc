/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler believes of a job: its evidence handed to the quantifier
 * of its profile, the answers kept until the next event of the job.
 */
#include "schedule/internal.h"

#include <math.h>
#include <string.h>

/* --- one quantifier per profile in use ------------------------------------------ */

static llmsched_status knowledge_open(llmsched_scheduler *s, const llmsched_profile *profile,
                                      lls_knowledge *k, llmsched_error *err)
{
    llmsched_quantifier *quantifier = NULL;
    llmsched_status status = llmsched_quantifier_create(profile, NULL, &quantifier, err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_stage_evidence *scratch =
        lls_calloc(s->context, profile->stage_count, sizeof *scratch);
    if (scratch == NULL) {
        llmsched_quantifier_destroy(quantifier);
        return lls_fail_memory(err);
    }
    *k = (lls_knowledge){llmsched_profile_retain(profile), quantifier, scratch, 0};
    return LLMSCHED_OK;
}

void lls_knowledge_close(llmsched_scheduler *s, lls_knowledge *k)
{
    llmsched_quantifier_destroy(k->quantifier);
    lls_free(s->context, k->scratch);
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

/* Alone-seconds that a stage has been served: its finished tasks and the ages of those running. */
static double served(const llmsched_scheduler *s, const lls_stage *stage)
{
    double sum = stage->work_s;
    for (uint32_t i = 0; stage->running > 0 && i < stage->task_count; i++) {
        const lls_task *task = &stage->tasks[i];
        if (task->state == LLS_TASK_RUNNING)
            sum += fmax(0, lls_executor_clock(s, s->executors[task->executor]) - task->start_clock);
    }
    return sum;
}

static llmsched_status set_evidence(llmsched_scheduler *s, const lls_job *job, llmsched_error *err)
{
    lls_knowledge *k = &s->knowledge[job->knowledge];
    uint32_t count = k->profile->stage_count;
    memcpy(k->scratch, job->evidence, count * sizeof *k->scratch);
    for (uint32_t i = 0; i < job->open_count; i++) {
        const lls_stage *stage = job->open[i];
        if (stage->template_stage != LLS_NONE32 &&
            !k->profile->stages[stage->template_stage].aggregate)
            k->scratch[stage->template_stage].work_s = served(s, stage);
    }
    return llmsched_quantifier_set_evidence(k->quantifier, k->scratch, count, err);
}

/* --- estimates ---------------------------------------------------------------------- */

static bool counts(uint32_t kind, uint32_t resource)
{
    return resource == LLS_RESOURCE_BOTH ||
           (resource == LLS_RESOURCE_LLM && kind == LLMSCHED_STAGE_LLM) ||
           (resource == LLS_RESOURCE_TOOL && kind == LLMSCHED_STAGE_REGULAR);
}

/* Unfinished stages that the template lacks count their kind's mean. */
static double strangers(const llmsched_scheduler *s, const lls_job *job, uint32_t resource)
{
    const llmsched_profile *profile = s->knowledge[job->knowledge].profile;
    double sum = 0;
    for (uint32_t i = 0; i < job->open_count; i++) {
        const lls_stage *stage = job->open[i];
        if (stage->template_stage == LLS_NONE32 && counts(stage->kind, resource))
            sum += profile->mean_stage_s[stage->kind];
    }
    return sum;
}

/* All resources at once: the pass over the network is what costs. */
static llmsched_status by_network(llmsched_scheduler *s, const lls_job *job,
                                  llmsched_estimate *estimates, llmsched_error *err)
{
    static const uint32_t kinds[] = {LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR, 0};
    llmsched_quantifier *q = s->knowledge[job->knowledge].quantifier;
    llmsched_status status = set_evidence(s, job, err);
    for (uint32_t i = 0; i < LLS_RESOURCES && status == LLMSCHED_OK; i++) {
        llmsched_remaining remaining = {.size = sizeof remaining};
        status = llmsched_quantifier_remaining(q, kinds[i], &remaining, err);
        estimates[i].mean_s = remaining.mean_s;
        estimates[i].lo_s = remaining.lo_s;
        estimates[i].hi_s = remaining.hi_s;
    }
    return status;
}

/* What remained of past runs after as many ended stages. */
static void by_history(const llmsched_scheduler *s, const lls_job *job,
                       llmsched_estimate *estimates)
{
    const llmsched_profile *profile = s->knowledge[job->knowledge].profile;
    uint32_t ended = job->stage_count - job->open_count, last = profile->remainder_count - 1;
    const lls_remainder *llm = &profile->remainders[ended < last ? ended : last];
    double means[LLS_RESOURCES];
    means[LLS_RESOURCE_LLM] = llm->mean;
    means[LLS_RESOURCE_TOOL] = llm[profile->remainder_count].mean;
    means[LLS_RESOURCE_BOTH] = means[LLS_RESOURCE_LLM] + means[LLS_RESOURCE_TOOL];
    for (uint32_t r = 0; r < LLS_RESOURCES; r++)
        estimates[r].mean_s = estimates[r].lo_s = estimates[r].hi_s = means[r];
}

static llmsched_status work_out(llmsched_scheduler *s, const lls_job *job, uint32_t method,
                                llmsched_estimate *estimates, llmsched_error *err)
{
    for (uint32_t r = 0; r < LLS_RESOURCES; r++)
        estimates[r] = (llmsched_estimate){.size = sizeof *estimates};
    if (job->knowledge == LLS_NONE32)
        return LLMSCHED_OK;
    llmsched_status status = LLMSCHED_ERROR_IMPOSSIBLE;
    if (method == LLMSCHED_BY_NETWORK)
        status = by_network(s, job, estimates, err);
    /* A network read from a file may hold impossible what has happened; history never does. */
    if (status == LLMSCHED_ERROR_IMPOSSIBLE) {
        by_history(s, job, estimates);
        return LLMSCHED_OK;
    }
    for (uint32_t r = 0; r < LLS_RESOURCES; r++) {
        double more = strangers(s, job, r);
        estimates[r].mean_s += more;
        estimates[r].lo_s += more;
        estimates[r].hi_s += more;
    }
    return status;
}

llmsched_status lls_job_estimate(llmsched_scheduler *s, lls_job *job, uint32_t resource,
                                 uint32_t method, const llmsched_estimate **estimate,
                                 llmsched_error *err)
{
    llmsched_estimate fresh[LLS_RESOURCES];
    uint32_t m = method - 1;
    if (!job->known[m]) {
        llmsched_status status = work_out(s, job, method, fresh, err);
        if (status != LLMSCHED_OK)
            return status;
        memcpy(job->estimates[m], fresh, sizeof fresh);
        job->known[m] = true;
    }
    *estimate = &job->estimates[m][resource];
    return LLMSCHED_OK;
}

llmsched_status lls_stage_reduction(llmsched_scheduler *s, lls_stage *stage, double *reduction,
                                    llmsched_error *err)
{
    const lls_job *job = stage->job;
    llmsched_status status = LLMSCHED_OK;
    if (!stage->reduction_known) {
        double r = 0;
        if (job->knowledge != LLS_NONE32 && stage->template_stage != LLS_NONE32) {
            status = set_evidence(s, job, err);
            if (status == LLMSCHED_OK)
                status = llmsched_quantifier_reduction(s->knowledge[job->knowledge].quantifier,
                                                       stage->template_stage, &r, err);
            if (status == LLMSCHED_ERROR_IMPOSSIBLE)
                status = LLMSCHED_OK;
        }
        if (status != LLMSCHED_OK)
            return status;
        stage->reduction = r;
        stage->reduction_known = true;
    }
    *reduction = stage->reduction;
    return LLMSCHED_OK;
}
