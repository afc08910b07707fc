/* SPDX-License-Identifier: Apache-2.0 */
/* Following one job: every stage it reveals and ends, as evidence and as progress. */
#include "quantify/progress.h"

#include <float.h>
#include <math.h>

static lls_source source_of(const llmsched_progress *p)
{
    return (lls_source){p->profile->context, p->pool};
}

static size_t bytes_of(const llmsched_profile *profile)
{
    return sizeof(llmsched_progress) + profile->aggregate_count * sizeof(lls_gathered) +
           profile->class_count * sizeof(uint32_t);
}

/* Revealed stages of each class. */
static uint32_t *class_counts(llmsched_progress *p)
{
    return (uint32_t *)(void *)(p->gathered + p->profile->aggregate_count);
}

llmsched_status lls_progress_create(const llmsched_profile *profile, lls_pool *pool,
                                    llmsched_progress **progress, llmsched_error *err)
{
    llmsched_progress *p = lls_source_take((lls_source){profile->context, pool}, bytes_of(profile));
    if (p == NULL)
        return lls_fail_memory(err);
    p->profile = llmsched_profile_retain(profile);
    p->pool = pool;
    p->told = LLS_NONE32;
    lls_headway_init(&p->headway);
    *progress = p;
    return LLMSCHED_OK;
}

llmsched_status llmsched_progress_create(const llmsched_profile *profile,
                                         llmsched_progress **progress, llmsched_error *err)
{
    if (profile == NULL || progress == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and progress must not be NULL");
    return lls_progress_create(profile, NULL, progress, err);
}

void llmsched_progress_destroy(llmsched_progress *p)
{
    if (p == NULL)
        return;
    llmsched_profile *profile = p->profile;
    lls_source from = {lls_context_retain(profile->context), p->pool};
    lls_headway_finish(&p->headway, from);
    lls_source_give(from, p, bytes_of(profile));
    llmsched_profile_release(profile);
    lls_context_release((llmsched_context *)from.context);
}

/* --- revealing ---------------------------------------------------------------------------- */

static llmsched_status check_stage(const llmsched_revealed_stage *s, llmsched_error *err)
{
    if (s->kind < LLMSCHED_STAGE_LLM || s->kind > LLMSCHED_STAGE_DYNAMIC || s->name == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage: kind must be a LLMSCHED_STAGE_ constant and name must not be NULL");
    if (s->has_prompt > 1 || !isfinite(s->prompt_tokens) || s->prompt_tokens < 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage: has_prompt must be 0 or 1, prompt_tokens finite and not negative");
    return LLMSCHED_OK;
}

bool lls_progress_reserve(llmsched_progress *p)
{
    return lls_headway_reserve(&p->headway, source_of(p), p->headway.count + 1);
}

/* A candidate that the template lacks tells nothing. */
static uint32_t choice_of(const llmsched_profile *profile, uint32_t t, uint32_t choice)
{
    return t != LLS_NONE32 && choice <= llmsched_dag_candidate_count(profile->dag, t) ? choice : 0;
}

static bool is_gathered(const llmsched_progress *p, uint32_t t)
{
    return t != LLS_NONE32 && p->profile->stages[t].aggregate;
}

static void note_stage(llmsched_progress *p, uint32_t number, uint32_t t)
{
    lls_headway_stage *stage = lls_headway_at(&p->headway, number);
    if (is_gathered(p, t)) {
        p->gathered[p->profile->stages[t].aggregate_number].begun = true;
    } else if (t != LLS_NONE32) {
        stage->next_told = p->told;
        p->told = number;
    } else if (stage->kind != LLMSCHED_STAGE_DYNAMIC) {
        p->strangers[lls_work_kind(stage->kind)]++;
    }
}

uint32_t lls_progress_add(llmsched_progress *p, const llmsched_revealed_stage *stage)
{
    const llmsched_profile *profile = p->profile;
    uint32_t class_number = lls_profile_class(profile, stage->kind, stage->name);
    uint32_t occurrence = class_number != LLS_NONE32 ? class_counts(p)[class_number]++ : 0;
    uint32_t t = lls_profile_stage_of(profile, class_number, stage->kind, occurrence);
    uint32_t number = lls_headway_reveal(
        &p->headway, (lls_headway_stage){.kind = (uint8_t)stage->kind,
                                         .place = (uint8_t)lls_profile_place(profile, class_number),
                                         .tasks = stage->tasks > 0 ? stage->tasks : 1,
                                         .prompt = stage->has_prompt ? stage->prompt_tokens : 0,
                                         .has_prompt = stage->has_prompt != 0,
                                         .template_stage = t,
                                         .choice = choice_of(profile, t, stage->choice)});
    note_stage(p, number, t);
    return number;
}

llmsched_status llmsched_progress_reveal(llmsched_progress *p, const llmsched_revealed_stage *given,
                                         uint32_t *number, llmsched_error *err)
{
    llmsched_revealed_stage stage;
    if (p == NULL || given == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "progress and stage must not be NULL");
    llmsched_status status =
        lls_sized_in(&stage, sizeof stage, given, sizeof stage, "llmsched_revealed_stage", err);
    if (status == LLMSCHED_OK)
        status = check_stage(&stage, err);
    if (status == LLMSCHED_OK && p->headway.count >= p->profile->context->max_stages)
        status = lls_fail(err, LLMSCHED_ERROR_LIMIT,
                          "progress: more than %u stages: raise the context's max_stages",
                          p->profile->context->max_stages);
    if (status == LLMSCHED_OK && !lls_progress_reserve(p))
        status = lls_fail_memory(err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t added = lls_progress_add(p, &stage);
    if (number != NULL)
        *number = added;
    return LLMSCHED_OK;
}

/* --- serving and ending ------------------------------------------------------------------- */

void lls_progress_set_served(llmsched_progress *p, uint32_t number, double served_s)
{
    lls_headway_at(&p->headway, number)->work_s = fmin(served_s, DBL_MAX);
}

void lls_progress_finish(llmsched_progress *p, uint32_t number, double work_s, double output)
{
    lls_headway_stage *stage = lls_headway_at(&p->headway, number);
    lls_headway_end(&p->headway, number, work_s, output);
    stage->work_s = fmin(work_s, DBL_MAX);
    if (stage->template_stage == LLS_NONE32 && stage->kind != LLMSCHED_STAGE_DYNAMIC)
        p->strangers[lls_work_kind(stage->kind)]--;
    if (is_gathered(p, stage->template_stage)) {
        lls_gathered *all =
            &p->gathered[p->profile->stages[stage->template_stage].aggregate_number];
        all->work_s = fmin(all->work_s + work_s, DBL_MAX);
        all->ended++;
    }
}

/* --- evidence ------------------------------------------------------------------------------- */

/* Of an aggregate only what has ended counts: its work class is of all its stages together. */
static llmsched_stage_evidence of_aggregate(const lls_gathered *all)
{
    return (llmsched_stage_evidence){.size = sizeof(llmsched_stage_evidence),
                                     .state = all->begun ? LLMSCHED_EVIDENCE_PARTIAL
                                                         : LLMSCHED_EVIDENCE_UNKNOWN,
                                     .work_s = all->work_s,
                                     .ended = all->ended};
}

/* Each stage of the template but the aggregates is that of one revealed stage at most. */
static llmsched_stage_evidence of_stage(const lls_headway_stage *stage)
{
    return (llmsched_stage_evidence){.size = sizeof(llmsched_stage_evidence),
                                     .state = stage->pending ? LLMSCHED_EVIDENCE_PRESENT
                                                             : LLMSCHED_EVIDENCE_FINISHED,
                                     .choice = stage->choice,
                                     .has_prompt = stage->has_prompt,
                                     .prompt_tokens = stage->prompt,
                                     .work_s = stage->work_s};
}

void lls_progress_evidence(const llmsched_progress *p, llmsched_stage_evidence *evidence)
{
    const llmsched_profile *profile = p->profile;
    for (uint32_t t = 0; t < profile->stage_count; t++) {
        const lls_profiled_stage *s = &profile->stages[t];
        evidence[t] = s->aggregate ? of_aggregate(&p->gathered[s->aggregate_number])
                                   : (llmsched_stage_evidence){.size = sizeof *evidence};
    }
    const lls_headway_stage *stage = NULL;
    for (uint32_t i = p->told; i != LLS_NONE32; i = stage->next_told) {
        stage = lls_headway_at(&p->headway, i);
        evidence[stage->template_stage] = of_stage(stage);
    }
}

static llmsched_status check_pending(const llmsched_progress *p, uint32_t number, double work_s,
                                     llmsched_error *err)
{
    if (p == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "progress must not be NULL");
    if (number >= p->headway.count || !lls_headway_at(&p->headway, number)->pending)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "progress: stage %u is not revealed or has ended", number);
    if (!isfinite(work_s) || work_s < 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "progress: stage %u: seconds must be finite and not negative", number);
    return LLMSCHED_OK;
}

llmsched_status llmsched_progress_serve(llmsched_progress *p, uint32_t number, double served_s,
                                        llmsched_error *err)
{
    llmsched_status status = check_pending(p, number, served_s, err);
    if (status == LLMSCHED_OK)
        lls_progress_set_served(p, number, served_s);
    return status;
}

llmsched_status llmsched_progress_end(llmsched_progress *p, uint32_t number, double work_s,
                                      double output_tokens, llmsched_error *err)
{
    llmsched_status status = check_pending(p, number, work_s, err);
    if (status == LLMSCHED_OK && !isfinite(output_tokens))
        status = lls_fail(err, LLMSCHED_ERROR_INVALID,
                          "progress: stage %u: output_tokens must be finite", number);
    if (status == LLMSCHED_OK)
        lls_progress_finish(p, number, work_s, output_tokens);
    return status;
}

uint32_t llmsched_progress_template_stage(const llmsched_progress *p, uint32_t number)
{
    return p != NULL && number < p->headway.count
               ? lls_headway_at(&p->headway, number)->template_stage
               : LLMSCHED_INDEX_NONE;
}
