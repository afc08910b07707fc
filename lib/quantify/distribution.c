/* SPDX-License-Identifier: Apache-2.0 */
/* The whole distribution of the remaining work, and its quantiles (algorithms.md section 4). */
#include "quantify/internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* --- points -------------------------------------------------------------------------------- */

bool lls_points_reserve(llmsched_context *context, lls_points *p, uint32_t count)
{
    return lls_grow(context, (void **)&p->values, &p->value_capacity, count, sizeof *p->values) &&
           lls_grow(context, (void **)&p->probabilities, &p->probability_capacity, count,
                    sizeof *p->probabilities);
}

double lls_points_quantile(const lls_points *points, double level)
{
    double sum = 0;
    uint32_t i = 0;
    /* Sums of many probabilities miss a level that they mean by some roundings. */
    level -= 4 * DBL_EPSILON * points->count;
    for (; i + 1 < points->count; i++) {
        sum += points->probabilities[i];
        if (sum >= level)
            break;
    }
    return points->values[i];
}

llmsched_status lls_check_levels(const double *levels, uint32_t count, const double *quantiles,
                                 llmsched_error *err)
{
    if (count > 0 && (levels == NULL || quantiles == NULL))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "levels and quantiles must not be NULL");
    for (uint32_t i = 0; i < count; i++) {
        if (!(levels[i] > 0 && levels[i] < 1))
            return lls_fail(err, LLMSCHED_ERROR_INVALID, "levels[%u] must be in (0, 1)", i);
    }
    return LLMSCHED_OK;
}

/* --- laws ---------------------------------------------------------------------------------- */

static void clear_laws(llmsched_quantifier *q)
{
    uint32_t nodes = llmsched_network_node_count(q->profile->network);
    memset(q->laws, 0, q->offsets[nodes] * sizeof *q->laws);
    memset(q->shares, 0, nodes);
}

/* Counts a stage's laws, all set, from the least that is possible on. */
static void add_stage(llmsched_quantifier *q, uint32_t stage, lls_sum_frame *sum)
{
    uint32_t node = q->profile->stages[stage].work_node;
    uint32_t first = q->offsets[node], end = q->offsets[node + 1];
    double least = INFINITY, most = -INFINITY;
    for (uint32_t s = first; s < end; s++) {
        if (!(q->marginals[s] > 0))
            continue;
        least = fmin(least, q->laws[s].least);
        most = fmax(most, q->laws[s].most);
    }
    for (uint32_t s = first; s < end; s++) {
        bool possible = q->marginals[s] > 0;
        lls_law *law = &q->laws[s];
        *law = possible ? (lls_law){law->least - least, law->mean - least, law->most - least}
                        : (lls_law){0, 0, 0};
    }
    q->shares[node] = most > least;
    sum->parts += most > least;
    sum->origin += least;
    sum->range += most - least;
}

lls_sum_frame lls_frame_of_work(llmsched_quantifier *q, uint32_t kind)
{
    lls_sum_frame sum = {0, 0, 0};
    clear_laws(q);
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        const lls_profiled_stage *s = &q->profile->stages[t];
        if (!lls_stage_counts(q, t, kind))
            continue;
        for (uint32_t b = 0; b < s->bin_count; b++) {
            lls_law law = lls_bin_law(q, t, b);
            if (q->options.within == LLMSCHED_WITHIN_MEAN)
                law.least = law.most = law.mean;
            q->laws[q->offsets[s->work_node] + 1 + b] = law;
        }
        add_stage(q, t, &sum);
    }
    return sum;
}

lls_sum_frame lls_frame_of_spans(llmsched_quantifier *q)
{
    lls_sum_frame sum = {0, 0, 0};
    clear_laws(q);
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        const lls_profiled_stage *s = &q->profile->stages[t];
        if (!lls_stage_counts(q, t, 0))
            continue;
        for (uint32_t b = 0; b < s->bin_count; b++)
            q->laws[q->offsets[s->work_node] + 1 + b] =
                (lls_law){s->spans[b], s->spans[b], s->spans[b]};
        add_stage(q, t, &sum);
    }
    return sum;
}

/* --- the ways to a distribution ------------------------------------------------------------- */

/* What q->states is worth, each class at its mean. */
static double worth_of_work(llmsched_quantifier *q, const void *user)
{
    const uint32_t *kind = user;
    double sum = 0;
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        uint32_t state = q->states[q->profile->stages[t].work_node];
        if (state > 0 && lls_stage_counts(q, t, *kind))
            sum += lls_bin_value(q, t, state - 1);
    }
    return sum;
}

static double draw_of_work(llmsched_quantifier *q, const void *user, lls_random *random)
{
    const uint32_t *kind = user;
    double sum = 0;
    if (q->options.within == LLMSCHED_WITHIN_MEAN)
        return worth_of_work(q, user);
    for (uint32_t t = 0; t < q->profile->stage_count; t++) {
        uint32_t state = q->states[q->profile->stages[t].work_node];
        if (state == 0 || !lls_stage_counts(q, t, *kind))
            continue;
        lls_law law = lls_bin_law(q, t, state - 1);
        double side = lls_random_uniform(random), place = lls_random_uniform(random);
        sum += lls_law_draw(&law, side, place);
    }
    return sum;
}

static llmsched_status exactly(llmsched_quantifier *q, uint32_t kind, llmsched_error *err)
{
    lls_sum_frame sum = lls_frame_of_work(q, kind);
    if (sum.parts == 0 || q->options.within == LLMSCHED_WITHIN_MEAN) {
        llmsched_status status = lls_joint_points(q, worth_of_work, &kind, NULL);
        if (status == LLMSCHED_ERROR_MEMORY)
            return lls_fail_memory(err);
        if (status == LLMSCHED_OK && q->points.count <= q->options.cells)
            return status;
    }
    return lls_grid_sum(q, &sum, err);
}

llmsched_status lls_distribute(llmsched_quantifier *q, uint32_t kind, bool may_draw,
                               llmsched_error *err)
{
    llmsched_status status = lls_need_marginals(q, err);
    if (status != LLMSCHED_OK)
        return status;
    if (!q->options.draws) {
        status = exactly(q, kind, may_draw ? NULL : err);
        if (status == LLMSCHED_ERROR_MEMORY)
            return lls_fail_memory(err);
        if (status == LLMSCHED_OK || !may_draw)
            return status;
    }
    return lls_draw_points(q, draw_of_work, &kind, err);
}

/* --- the calls
 * ------------------------------------------------------------------------------------ */

llmsched_status llmsched_quantifier_distribution(llmsched_quantifier *q, uint32_t kind,
                                                 double *values, double *probabilities,
                                                 uint32_t capacity,
                                                 llmsched_distribution *distribution,
                                                 llmsched_error *err)
{
    llmsched_status status = lls_check_kind(q, kind, distribution, err);
    if (status == LLMSCHED_OK && (values == NULL || probabilities == NULL))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "values and probabilities must not be NULL");
    llmsched_remaining remaining = {.size = sizeof remaining};
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_remaining(q, kind, &remaining, err);
    if (status == LLMSCHED_OK)
        status = lls_distribute(q, kind, false, err);
    if (status != LLMSCHED_OK)
        return status;
    const lls_points *p = &q->points;
    if (p->count > capacity)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "distribution: room for %u points, there are %u",
                        capacity, p->count);
    llmsched_distribution now = {.size = sizeof now,
                                 .form = p->form,
                                 .count = p->count,
                                 .mean_s = remaining.mean_s,
                                 .value_error_s = p->value_error,
                                 .level_error = p->level_error};
    status =
        lls_sized_out(distribution, &now, sizeof now, sizeof now, "llmsched_distribution", err);
    if (status != LLMSCHED_OK)
        return status;
    memcpy(values, p->values, p->count * sizeof *values);
    memcpy(probabilities, p->probabilities, p->count * sizeof *probabilities);
    return LLMSCHED_OK;
}

llmsched_status llmsched_quantifier_quantiles(llmsched_quantifier *q, uint32_t kind,
                                              const double *levels, uint32_t count,
                                              double *quantiles, llmsched_error *err)
{
    llmsched_status status = lls_check_kind(q, kind, quantiles, err);
    if (status == LLMSCHED_OK)
        status = lls_check_levels(levels, count, quantiles, err);
    if (status == LLMSCHED_OK)
        status = lls_distribute(q, kind, true, err);
    for (uint32_t i = 0; i < count && status == LLMSCHED_OK; i++)
        quantiles[i] = lls_points_quantile(&q->points, levels[i]);
    return status;
}
