/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence on stages, turned into evidence on the network's variables:
 * finished and absent stages are hard; one that runs rules out the bins below
 * its age and part of the bin that holds it (algorithms.md section 2).
 */
#include "quantify/internal.h"

#include <math.h>
#include <string.h>

static llmsched_status check(const llmsched_quantifier *q, const llmsched_stage_evidence *e,
                             uint32_t t, llmsched_error *err)
{
    uint32_t candidates = llmsched_dag_candidate_count(q->profile->dag, t);
    if (e->state > LLMSCHED_EVIDENCE_PARTIAL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "evidence[%u]: state %u is unknown", t,
                        e->state);
    if (!isfinite(e->work_s) || e->work_s < 0 || !isfinite(e->prompt_tokens) ||
        e->prompt_tokens < 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "evidence[%u]: work_s and prompt_tokens must be finite and not negative",
                        t);
    if (q->profile->stages[t].kind == LLMSCHED_STAGE_DYNAMIC && e->choice > candidates)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "evidence[%u]: there is no candidate %u", t,
                        e->choice - 1);
    return LLMSCHED_OK;
}

/* Share of a bin that is still possible at an age, its values taken as spread evenly. */
static double bin_survives(const lls_bin *bin, bool last, double age)
{
    if (age <= bin->minimum)
        return 1;
    if (age < bin->maximum)
        return (bin->maximum - age) / (bin->maximum - bin->minimum);
    return last ? 1e-3 : 0; /* past all that was ever seen, the last bin is what is left */
}

/* Present, of any work that the age leaves possible. likelihood: scratch of 1 + bin_count. */
static void survival(const lls_profiled_stage *s, double age, double *likelihood)
{
    likelihood[0] = 0;
    for (uint32_t b = 0; b < s->bin_count; b++)
        likelihood[1 + b] = bin_survives(&s->bins[b], b + 1 == s->bin_count, age);
}

static llmsched_status set_prompt(llmsched_quantifier *q, uint32_t t, llmsched_error *err)
{
    const lls_profiled_stage *s = &q->profile->stages[t];
    const llmsched_stage_evidence *e = &q->evidence[t];
    if (s->prompt_node == LLMSCHED_INDEX_NONE || e->state == LLMSCHED_EVIDENCE_UNKNOWN)
        return LLMSCHED_OK;
    if (e->state == LLMSCHED_EVIDENCE_ABSENT)
        return llmsched_inference_set_state(q->inference, s->prompt_node, 0, err);
    if (e->has_prompt)
        return llmsched_inference_set_state(
            q->inference, s->prompt_node,
            1 + lls_bin_of(s->prompts, s->prompt_count, e->prompt_tokens), err);
    double *likelihood = q->values;
    likelihood[0] = 0;
    for (uint32_t b = 0; b < s->prompt_count; b++)
        likelihood[1 + b] = 1;
    return llmsched_inference_set_likelihood(q->inference, s->prompt_node, likelihood,
                                             1 + s->prompt_count, err);
}

static llmsched_status set_choice(llmsched_quantifier *q, uint32_t t, llmsched_error *err)
{
    const llmsched_stage_evidence *e = &q->evidence[t];
    uint32_t node = q->profile->stages[t].work_node;
    uint32_t states = llmsched_network_state_count(q->profile->network, node);
    if (e->state == LLMSCHED_EVIDENCE_UNKNOWN)
        return LLMSCHED_OK;
    if (e->state == LLMSCHED_EVIDENCE_ABSENT)
        return llmsched_inference_set_state(q->inference, node, 0, err);
    if (e->choice > 0)
        return llmsched_inference_set_state(q->inference, node, e->choice, err);
    double *likelihood = q->values;
    for (uint32_t i = 0; i < states; i++)
        likelihood[i] = i > 0;
    return llmsched_inference_set_likelihood(q->inference, node, likelihood, states, err);
}

static llmsched_status set_work(llmsched_quantifier *q, uint32_t t, llmsched_error *err)
{
    const lls_profiled_stage *s = &q->profile->stages[t];
    const llmsched_stage_evidence *e = &q->evidence[t];
    switch (e->state) {
    case LLMSCHED_EVIDENCE_UNKNOWN:
        return LLMSCHED_OK;
    case LLMSCHED_EVIDENCE_ABSENT:
        return llmsched_inference_set_state(q->inference, s->work_node, 0, err);
    case LLMSCHED_EVIDENCE_FINISHED:
        return llmsched_inference_set_state(q->inference, s->work_node,
                                            1 + lls_bin_of(s->bins, s->bin_count, e->work_s), err);
    default:
        survival(s, e->work_s, q->values);
        return llmsched_inference_set_likelihood(q->inference, s->work_node, q->values,
                                                 1 + s->bin_count, err);
    }
}

static llmsched_status tell_network(llmsched_quantifier *q, llmsched_error *err)
{
    llmsched_inference_clear(q->inference);
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        bool dynamic = q->profile->stages[t].kind == LLMSCHED_STAGE_DYNAMIC;
        llmsched_status status = dynamic ? set_choice(q, t, err) : set_work(q, t, err);
        if (status == LLMSCHED_OK)
            status = set_prompt(q, t, err);
        if (status != LLMSCHED_OK)
            return status;
    }
    return LLMSCHED_OK;
}

/* The caller's array of sized elements, in this library's version, into scratch of the right type.
 */
static llmsched_status read_all(llmsched_quantifier *q, const llmsched_stage_evidence *evidence,
                                llmsched_stage_evidence *mine, llmsched_error *err)
{
    const char *base = (const char *)evidence;
    if (evidence[0].size < sizeof *evidence || evidence[0].size % 8 != 0)
        return lls_fail(
            err, LLMSCHED_ERROR_VERSION,
            "llmsched_stage_evidence: size %u of the first is not one of this interface",
            evidence[0].size);
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        llmsched_status status =
            lls_sized_in(&mine[t], sizeof *mine, base + (size_t)t * evidence[0].size, sizeof *mine,
                         "llmsched_stage_evidence", err);
        if (status == LLMSCHED_OK)
            status = check(q, &mine[t], t, err);
        if (status != LLMSCHED_OK)
            return status;
    }
    return LLMSCHED_OK;
}

/* q->evidence has been filled in, but for what is absent. */
static llmsched_status take(llmsched_quantifier *q, llmsched_error *err)
{
    lls_mark_absent(q->profile, q->evidence, q->queue, q->reached);
    q->marginals_known = false;
    return tell_network(q, err);
}

llmsched_status llmsched_quantifier_set_evidence(llmsched_quantifier *q,
                                                 const llmsched_stage_evidence *evidence,
                                                 uint32_t count, llmsched_error *err)
{
    if (q == NULL || evidence == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "quantifier and evidence must not be NULL");
    if (count != q->profile->stage_count)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "evidence: %u elements for %u stages", count,
                        q->profile->stage_count);
    llmsched_status status = read_all(q, evidence, q->incoming, err);
    if (status != LLMSCHED_OK)
        return status;
    q->has_progress = false;
    memcpy(q->evidence, q->incoming, q->profile->stage_count * sizeof *q->evidence);
    return take(q, err);
}

llmsched_status llmsched_quantifier_set_progress(llmsched_quantifier *q, const llmsched_progress *p,
                                                 llmsched_error *err)
{
    if (q == NULL || p == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "quantifier and progress must not be NULL");
    if (p->profile != q->profile)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "progress: it follows a job of another profile than the quantifier's");
    lls_take_progress(q, p);
    lls_progress_evidence(p, q->evidence);
    return take(q, err);
}
