/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantiles and the critical path of what remains, by exact draws from the
 * posterior: neither is a sum over stages (algorithms.md section 4).
 */
#include "quantify/internal.h"

#include <math.h>

/*
 * Work of a stage in a bin: between the bin's ends, so spread that its mean is the bin's. With
 * probability (max - mean) / (max - min) it is drawn evenly from [min, mean], else from [mean,
 * max].
 */
static double drawn_work(const llmsched_quantifier *q, uint32_t stage, uint32_t b,
                         lls_random *random)
{
    const lls_bin *bin = &q->profile->stages[stage].bins[b];
    const llmsched_stage_evidence *e = &q->evidence[stage];
    bool partial = e->state == LLMSCHED_EVIDENCE_PARTIAL;
    double done = partial ? e->work_s : 0, scale = partial ? q->scale[stage] : 1;
    double age = e->state == LLMSCHED_EVIDENCE_UNKNOWN ? 0 : e->work_s;
    double least = (fmax(bin->minimum, age) - done) * scale;
    double most = (fmax(bin->maximum, age) - done) * scale;
    double mean = fmin(fmax(lls_bin_value(q, stage, b), least), most);
    double side = lls_random_uniform(random), place = lls_random_uniform(random);
    if (most <= least)
        return mean;
    return side < (most - mean) / (most - least) ? least + place * (mean - least)
                                                 : mean + place * (most - mean);
}

static double drawn_sum(const llmsched_quantifier *q, uint32_t kind, lls_random *random)
{
    double sum = 0;
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        uint32_t state = q->states[q->profile->stages[t].work_node];
        if (state > 0 && lls_stage_counts(q, t, kind))
            sum += drawn_work(q, t, state - 1, random);
    }
    return sum;
}

/* A constant apart from the caller's seed, so that other streams of the same seed differ. */
static void seed(const llmsched_quantifier *q, lls_random *random)
{
    lls_random_seed(random, q->options.seed ^ UINT64_C(0x9d5f3a7c11e4b26d));
}

llmsched_status lls_draw_remaining(llmsched_quantifier *q, uint32_t kind, llmsched_error *err)
{
    lls_random random;
    llmsched_status status = lls_need_marginals(q, err);
    seed(q, &random);
    for (uint32_t i = 0; i < q->options.samples && status == LLMSCHED_OK; i++) {
        status = lls_inference_sample(q->inference, &random, q->states, err);
        q->draws[i] = status == LLMSCHED_OK ? drawn_sum(q, kind, &random) : 0;
    }
    if (status == LLMSCHED_OK)
        lls_sort(q->draws, q->options.samples);
    return status;
}

llmsched_status lls_check_levels(const double *levels, uint32_t count, llmsched_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (levels == NULL || !(levels[i] > 0 && levels[i] < 1))
            return lls_fail(err, LLMSCHED_ERROR_INVALID, "levels[%u] must be in (0, 1)", i);
    }
    return LLMSCHED_OK;
}

llmsched_status llmsched_quantifier_quantiles(llmsched_quantifier *q, uint32_t kind,
                                              const double *levels, uint32_t count,
                                              double *quantiles, llmsched_error *err)
{
    llmsched_status status = lls_check_kind(q, kind, quantiles, err);
    if (status == LLMSCHED_OK)
        status = lls_check_levels(levels, count, err);
    if (status == LLMSCHED_OK)
        status = lls_draw_remaining(q, kind, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        quantiles[i] = lls_quantile_sorted(q->draws, q->options.samples, levels[i]);
    return LLMSCHED_OK;
}

/* Longest path to the end of each stage under the drawn states; the greatest of them. */
static double drawn_path(llmsched_quantifier *q)
{
    const uint32_t *order = llmsched_dag_order(q->profile->dag);
    double longest = 0;
    for (uint32_t i = 0; i < q->profile->stage_count; i++) {
        uint32_t t = order[i], parents = 0;
        const lls_profiled_stage *s = &q->profile->stages[t];
        const uint32_t *list = llmsched_dag_parents(q->profile->dag, t, &parents);
        double before = 0;
        for (uint32_t p = 0; p < parents; p++)
            before = fmax(before, q->longest[list[p]]);
        uint32_t state = q->states[s->work_node];
        if (state > 0 && lls_stage_counts(q, t, 0))
            before += s->spans[state - 1];
        q->longest[t] = before;
        longest = fmax(longest, before);
    }
    return longest;
}

llmsched_status llmsched_quantifier_critical_path(llmsched_quantifier *q, double *mean_s,
                                                  llmsched_error *err)
{
    lls_random random;
    llmsched_status status = lls_check_kind(q, 0, mean_s, err);
    if (status != LLMSCHED_OK)
        return status;
    seed(q, &random);
    for (uint32_t i = 0; i < q->options.samples && status == LLMSCHED_OK; i++) {
        status = lls_inference_sample(q->inference, &random, q->states, err);
        q->draws[i] = status == LLMSCHED_OK ? drawn_path(q) : 0;
    }
    if (status == LLMSCHED_OK)
        *mean_s = lls_sum(q->draws, q->options.samples) / q->options.samples;
    return status;
}
