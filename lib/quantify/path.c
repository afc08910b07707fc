/* SPDX-License-Identifier: Apache-2.0 */
/* The remaining critical path: a sum where the unfinished stages form a chain, a maximum of sums
 * elsewhere (algorithms.md section 4). */
#include "quantify/internal.h"

#include <math.h>

/* Longest path through the open stages; weight: of an open stage. */
static double longest_path(llmsched_quantifier *q,
                           double (*weight)(const llmsched_quantifier *, uint32_t))
{
    const uint32_t *order = llmsched_dag_order(q->profile->dag);
    double longest = 0;
    for (uint32_t i = 0; i < q->profile->stage_count; i++) {
        uint32_t t = order[i], parents = 0;
        const uint32_t *list = llmsched_dag_parents(q->profile->dag, t, &parents);
        double before = 0;
        for (uint32_t p = 0; p < parents; p++)
            before = fmax(before, q->longest[list[p]]);
        if (lls_stage_counts(q, t, 0))
            before += weight(q, t);
        q->longest[t] = before;
        longest = fmax(longest, before);
    }
    return longest;
}

static double one(const llmsched_quantifier *q, uint32_t stage)
{
    (void)q;
    (void)stage;
    return 1;
}

/* One path holds all stages that count. */
static bool is_chain(llmsched_quantifier *q)
{
    double open = 0;
    for (uint32_t t = 0; t < q->profile->stage_count; t++)
        open += lls_stage_counts(q, t, 0);
    return longest_path(q, one) >= open;
}

static double span_at(const llmsched_quantifier *q, uint32_t stage)
{
    const lls_profiled_stage *s = &q->profile->stages[stage];
    uint32_t state = q->states[s->work_node];
    return state > 0 ? s->spans[state - 1] : 0;
}

static double path_of_states(llmsched_quantifier *q, const void *user)
{
    LLS_UNUSED(user);
    return longest_path(q, span_at);
}

static double drawn_path(llmsched_quantifier *q, const void *user, lls_random *random)
{
    LLS_UNUSED(random);
    return path_of_states(q, user);
}

static llmsched_status distribute(llmsched_quantifier *q, llmsched_error *err)
{
    llmsched_status status = lls_need_marginals(q, err);
    if (status != LLMSCHED_OK)
        return status;
    if (!q->options.draws) {
        lls_sum_frame sum = lls_frame_of_spans(q);
        status = lls_joint_points(q, path_of_states, NULL, NULL);
        if (status == LLMSCHED_ERROR_LIMIT && is_chain(q))
            status = lls_grid_sum(q, &sum, NULL);
        if (status == LLMSCHED_ERROR_MEMORY)
            return lls_fail_memory(err);
        if (status == LLMSCHED_OK)
            return status;
    }
    return lls_draw_points(q, drawn_path, NULL, err);
}

/* Mean of the points, which all forms keep, and its standard error. */
static void describe(const lls_points *p, llmsched_distribution *d)
{
    double mean = 0, square = 0;
    for (uint32_t i = 0; i < p->count; i++)
        mean += p->probabilities[i] * p->values[i];
    for (uint32_t i = 0; i < p->count; i++)
        square += (p->values[i] - mean) * (p->values[i] - mean);
    *d = (llmsched_distribution){.size = sizeof *d,
                                 .form = p->form,
                                 .count = p->count,
                                 .mean_s = mean,
                                 .value_error_s = p->value_error,
                                 .level_error = p->level_error};
    if (p->form == LLMSCHED_FORM_DRAWS && p->count > 1)
        d->mean_error_s = sqrt(square / p->count / (p->count - 1.0));
}

llmsched_status llmsched_quantifier_path(llmsched_quantifier *q, const double *levels,
                                         uint32_t count, double *quantiles,
                                         llmsched_distribution *distribution, llmsched_error *err)
{
    llmsched_distribution now;
    llmsched_status status = lls_check_kind(q, 0, distribution, err);
    if (status == LLMSCHED_OK)
        status = lls_check_levels(levels, count, quantiles, err);
    if (status == LLMSCHED_OK)
        status = distribute(q, err);
    if (status != LLMSCHED_OK)
        return status;
    describe(&q->points, &now);
    status =
        lls_sized_out(distribution, &now, sizeof now, sizeof now, "llmsched_distribution", err);
    for (uint32_t i = 0; i < count && status == LLMSCHED_OK; i++)
        quantiles[i] = lls_points_quantile(&q->points, levels[i]);
    return status;
}

llmsched_status llmsched_quantifier_critical_path(llmsched_quantifier *q, double *mean_s,
                                                  llmsched_error *err)
{
    llmsched_distribution distribution = {.size = sizeof distribution};
    llmsched_status status = lls_check_kind(q, 0, mean_s, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_path(q, NULL, 0, NULL, &distribution, err);
    if (status == LLMSCHED_OK)
        *mean_s = distribution.mean_s;
    return status;
}
