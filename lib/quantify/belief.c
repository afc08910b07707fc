/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Belief about stages and remaining work under the evidence (algorithms.md
 * section 4). Unfinished work counts in full, also what runs already; of an
 * aggregate only what is not done yet.
 */
#include "quantify/internal.h"

#include <math.h>

bool lls_stage_counts(const llmsched_quantifier *q, uint32_t stage, uint32_t kind)
{
    uint32_t own = q->profile->stages[stage].kind;
    return own != LLMSCHED_STAGE_DYNAMIC && (kind == 0 || kind == own) && lls_stage_open(q, stage);
}

bool lls_stage_open(const llmsched_quantifier *q, uint32_t stage)
{
    uint32_t state = q->evidence[stage].state;
    return state != LLMSCHED_EVIDENCE_ABSENT && state != LLMSCHED_EVIDENCE_FINISHED;
}

/* Mean of a bin's values beyond an age inside it, its values taken as spread evenly above its mean.
 */
static double beyond(const lls_bin *bin, double age)
{
    if (age <= bin->minimum)
        return bin->mean;
    return fmax(bin->mean, age < bin->maximum ? (age + bin->maximum) / 2 : age);
}

double lls_bin_value(const llmsched_quantifier *q, uint32_t stage, uint32_t bin)
{
    const lls_bin *b = &q->profile->stages[stage].bins[bin];
    const llmsched_stage_evidence *e = &q->evidence[stage];
    if (e->state == LLMSCHED_EVIDENCE_PRESENT)
        return beyond(b, e->work_s);
    if (e->state == LLMSCHED_EVIDENCE_PARTIAL)
        return (beyond(b, e->work_s) - e->work_s) * q->scale[stage];
    return b->mean;
}

lls_law lls_bin_law(const llmsched_quantifier *q, uint32_t stage, uint32_t b)
{
    const lls_bin *bin = &q->profile->stages[stage].bins[b];
    const llmsched_stage_evidence *e = &q->evidence[stage];
    bool partial = e->state == LLMSCHED_EVIDENCE_PARTIAL;
    double done = partial ? e->work_s : 0, scale = partial ? q->scale[stage] : 1;
    double age = e->state == LLMSCHED_EVIDENCE_UNKNOWN ? 0 : e->work_s;
    double least = (fmax(bin->minimum, age) - done) * scale;
    double most = (fmax(bin->maximum, age) - done) * scale;
    double mean = fmin(fmax(lls_bin_value(q, stage, b), least), most);
    return (lls_law){least, mean, most};
}

static const double *marginal(const llmsched_quantifier *q, uint32_t stage)
{
    return q->marginals + q->offsets[q->profile->stages[stage].work_node];
}

/* The bins give what is left of an aggregate its spread, the number of its ended stages its mean.
 */
static void scale_aggregates(llmsched_quantifier *q)
{
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        const lls_profiled_stage *s = &q->profile->stages[t];
        const llmsched_stage_evidence *e = &q->evidence[t];
        double sum = 0;
        q->scale[t] = 1;
        if (e->state != LLMSCHED_EVIDENCE_PARTIAL || s->left_count == 0)
            continue;
        for (uint32_t b = 0; b < s->bin_count; b++)
            sum += marginal(q, t)[1 + b] * lls_bin_value(q, t, b);
        uint32_t at = e->ended < s->left_count ? e->ended : s->left_count - 1;
        if (sum > 0)
            q->scale[t] = s->left[at] / sum;
    }
}

llmsched_status lls_need_marginals(llmsched_quantifier *q, llmsched_error *err)
{
    if (q->marginals_known)
        return LLMSCHED_OK;
    llmsched_status status = lls_inference_marginals(q->inference, q->marginals, err);
    if (status != LLMSCHED_OK)
        return status;
    scale_aggregates(q);
    q->marginals_known = true;
    return LLMSCHED_OK;
}

static double expected_work(const llmsched_quantifier *q, uint32_t stage)
{
    const lls_profiled_stage *s = &q->profile->stages[stage];
    const double *p = marginal(q, stage);
    double sum = 0;
    for (uint32_t b = 0; b < s->bin_count; b++)
        sum += p[1 + b] * lls_bin_value(q, stage, b);
    return sum;
}

void lls_stage_range(const llmsched_quantifier *q, uint32_t stage, double *lo, double *hi)
{
    const lls_profiled_stage *s = &q->profile->stages[stage];
    const double *p = marginal(q, stage);
    double least = INFINITY, greatest = 0, done = 0, age = q->evidence[stage].work_s;
    if (q->evidence[stage].state == LLMSCHED_EVIDENCE_PARTIAL)
        done = age;
    for (uint32_t b = 0; b < s->bin_count; b++) {
        if (p[1 + b] < q->options.support)
            continue;
        least = fmin(least, fmax(s->bins[b].minimum, age));
        greatest = fmax(greatest, fmax(s->bins[b].maximum, age));
    }
    if (p[0] >= q->options.support || least > greatest)
        least = done;
    *lo = least - done;
    *hi = fmax(greatest - done, *lo);
}

/* --- the calls ------------------------------------------------------------------------ */

static llmsched_status check_stage(const llmsched_quantifier *q, uint32_t stage, const void *output,
                                   llmsched_error *err)
{
    if (q == NULL || output == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "quantifier and output must not be NULL");
    if (stage >= q->profile->stage_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "quantifier: there is no stage %u", stage);
    return LLMSCHED_OK;
}

llmsched_status lls_check_kind(const llmsched_quantifier *q, uint32_t kind, const void *output,
                               llmsched_error *err)
{
    if (q == NULL || output == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "quantifier and output must not be NULL");
    if (kind > LLMSCHED_STAGE_REGULAR)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "kind must be LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR or 0");
    return LLMSCHED_OK;
}

/* Closed stages have no remaining work; only their presence is to be said. */
static void describe_open(const llmsched_quantifier *q, uint32_t stage,
                          llmsched_stage_belief *belief)
{
    const lls_profiled_stage *s = &q->profile->stages[stage];
    const double *p = marginal(q, stage);
    uint32_t states = llmsched_network_state_count(q->profile->network, s->work_node);
    belief->presence = 1 - p[0];
    belief->entropy = lls_entropy(p, states);
    if (s->kind == LLMSCHED_STAGE_DYNAMIC)
        return;
    belief->mean_work_s = expected_work(q, stage);
    lls_stage_range(q, stage, &belief->minimum_s, &belief->maximum_s);
}

llmsched_status llmsched_quantifier_stage(llmsched_quantifier *q, uint32_t stage,
                                          llmsched_stage_belief *belief, llmsched_error *err)
{
    llmsched_status status = check_stage(q, stage, belief, err);
    if (status == LLMSCHED_OK)
        status = lls_need_marginals(q, err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_stage_belief now = {.size = sizeof now};
    now.presence = q->evidence[stage].state == LLMSCHED_EVIDENCE_FINISHED;
    if (lls_stage_open(q, stage))
        describe_open(q, stage, &now);
    return lls_sized_out(belief, &now, sizeof now, sizeof now, "llmsched_stage_belief", err);
}

llmsched_status llmsched_quantifier_entropy(llmsched_quantifier *q, uint32_t stage, double *entropy,
                                            llmsched_error *err)
{
    llmsched_stage_belief belief = {.size = sizeof belief};
    llmsched_status status = check_stage(q, stage, entropy, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_stage(q, stage, &belief, err);
    if (status == LLMSCHED_OK)
        *entropy = belief.entropy;
    return status;
}

llmsched_status llmsched_quantifier_remaining(llmsched_quantifier *q, uint32_t kind,
                                              llmsched_remaining *remaining, llmsched_error *err)
{
    llmsched_status status = lls_check_kind(q, kind, remaining, err);
    if (status == LLMSCHED_OK)
        status = lls_need_marginals(q, err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_remaining sum = {.size = sizeof sum};
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        double lo = 0, hi = 0;
        if (!lls_stage_counts(q, t, kind))
            continue;
        lls_stage_range(q, t, &lo, &hi);
        sum.mean_s += expected_work(q, t);
        sum.lo_s += lo;
        sum.hi_s += hi;
    }
    return lls_sized_out(remaining, &sum, sizeof sum, sizeof sum, "llmsched_remaining", err);
}

/* q->values: what each state of each variable adds to the remaining work. */
static void fill_values(llmsched_quantifier *q, uint32_t kind)
{
    uint32_t nodes = llmsched_network_node_count(q->profile->network);
    for (uint32_t i = 0; i < q->offsets[nodes]; i++)
        q->values[i] = 0;
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        const lls_profiled_stage *s = &q->profile->stages[t];
        for (uint32_t b = 0; lls_stage_counts(q, t, kind) && b < s->bin_count; b++)
            q->values[q->offsets[s->work_node] + 1 + b] = lls_bin_value(q, t, b);
    }
}

llmsched_status llmsched_quantifier_variance(llmsched_quantifier *q, uint32_t kind,
                                             double *variance, llmsched_error *err)
{
    double mean = 0, value = 0;
    llmsched_status status = lls_check_kind(q, kind, variance, err);
    if (status != LLMSCHED_OK)
        return status;
    status = lls_need_marginals(q, err);
    if (status != LLMSCHED_OK)
        return status;
    fill_values(q, kind);
    status = lls_inference_moments(q->inference, q->values, &mean, &value, err);
    if (status == LLMSCHED_OK)
        *variance = fmax(0, value);
    return status;
}
