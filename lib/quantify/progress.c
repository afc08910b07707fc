/* SPDX-License-Identifier: Apache-2.0 */
/* Following one job: every stage it reveals and ends, as evidence and as progress. */
#include "quantify/progress.h"

#include <float.h>
#include <math.h>

llmsched_status llmsched_progress_create(const llmsched_profile *profile,
                                         llmsched_progress **progress, llmsched_error *err)
{
    if (profile == NULL || progress == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and progress must not be NULL");
    const llmsched_context *c = profile->context;
    llmsched_progress *p = lls_calloc(c, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    p->context = lls_context_retain(c);
    p->profile = llmsched_profile_retain(profile);
    lls_headway_init(&p->headway, c);
    p->evidence = lls_calloc(c, profile->stage_count, sizeof *p->evidence);
    p->class_counts = lls_calloc(c, profile->class_count, sizeof *p->class_counts);
    if (p->evidence == NULL || p->class_counts == NULL) {
        llmsched_progress_destroy(p);
        return lls_fail_memory(err);
    }
    for (uint32_t t = 0; t < profile->stage_count; t++)
        p->evidence[t].size = sizeof *p->evidence;
    *progress = p;
    return LLMSCHED_OK;
}

void llmsched_progress_destroy(llmsched_progress *p)
{
    if (p == NULL)
        return;
    llmsched_context *c = p->context;
    lls_free(c, p->evidence);
    lls_free(c, p->class_counts);
    lls_free(c, p->template_stages);
    lls_headway_finish(&p->headway);
    llmsched_profile_release(p->profile);
    lls_free(c, p);
    lls_context_release(c);
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

static void note_evidence(llmsched_progress *p, uint32_t t, const llmsched_revealed_stage *stage)
{
    llmsched_stage_evidence *e = &p->evidence[t];
    if (p->profile->stages[t].aggregate) {
        e->state = LLMSCHED_EVIDENCE_PARTIAL;
        return;
    }
    e->state = LLMSCHED_EVIDENCE_PRESENT;
    /* A candidate that the template lacks tells nothing. */
    e->choice =
        stage->choice <= llmsched_dag_candidate_count(p->profile->dag, t) ? stage->choice : 0;
    e->has_prompt = stage->has_prompt;
    e->prompt_tokens = stage->prompt_tokens;
}

bool lls_progress_reserve(llmsched_progress *p)
{
    uint32_t need = p->headway.count + 1;
    return lls_headway_reserve(&p->headway, need) &&
           lls_grow(p->context, (void **)&p->template_stages, &p->template_capacity, need,
                    sizeof *p->template_stages);
}

uint32_t lls_progress_add(llmsched_progress *p, const llmsched_revealed_stage *stage)
{
    const llmsched_profile *profile = p->profile;
    uint32_t class_number = lls_profile_class(profile, stage->kind, stage->name);
    uint32_t occurrence = class_number != LLS_NONE32 ? p->class_counts[class_number]++ : 0;
    uint32_t t = lls_profile_stage_of(profile, class_number, stage->kind, occurrence);
    uint32_t number = lls_headway_reveal(
        &p->headway, (lls_headway_stage){.kind = stage->kind,
                                         .place = lls_profile_place(profile, class_number),
                                         .tasks = stage->tasks > 0 ? stage->tasks : 1,
                                         .prompt = stage->has_prompt ? stage->prompt_tokens : 0});
    p->template_stages[number] = t;
    if (t != LLS_NONE32)
        note_evidence(p, t, stage);
    else if (stage->kind != LLMSCHED_STAGE_DYNAMIC)
        p->strangers[lls_work_kind(stage->kind)]++;
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
    if (status == LLMSCHED_OK && p->headway.count >= p->context->max_stages)
        status = lls_fail(err, LLMSCHED_ERROR_LIMIT, "progress: more than %u stages",
                          p->context->max_stages);
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
    uint32_t t = p->template_stages[number];
    /* Of an aggregate only what has ended counts: its work class is of all its stages together. */
    if (t != LLS_NONE32 && p->evidence[t].state == LLMSCHED_EVIDENCE_PRESENT)
        p->evidence[t].work_s = fmin(served_s, DBL_MAX);
}

void lls_progress_finish(llmsched_progress *p, uint32_t number, double work_s, double output)
{
    uint32_t t = p->template_stages[number], kind = p->headway.stages[number].kind;
    lls_headway_end(&p->headway, number, work_s, output);
    if (t == LLS_NONE32) {
        if (kind != LLMSCHED_STAGE_DYNAMIC)
            p->strangers[lls_work_kind(kind)]--;
        return;
    }
    llmsched_stage_evidence *e = &p->evidence[t];
    if (e->state == LLMSCHED_EVIDENCE_PARTIAL) {
        e->work_s = fmin(e->work_s + work_s, DBL_MAX);
        e->ended++;
        return;
    }
    e->state = LLMSCHED_EVIDENCE_FINISHED;
    e->work_s = fmin(work_s, DBL_MAX);
}

static llmsched_status check_pending(const llmsched_progress *p, uint32_t number, double work_s,
                                     llmsched_error *err)
{
    if (p == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "progress must not be NULL");
    if (number >= p->headway.count || !p->headway.stages[number].pending)
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
    return p != NULL && number < p->headway.count ? p->template_stages[number]
                                                  : LLMSCHED_INDEX_NONE;
}
