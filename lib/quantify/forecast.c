/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forecasts of remaining work by one of several methods (algorithms.md
 * sections 4 and 9). Who asks does not know which answers.
 */
#include "quantify/internal.h"

#include <math.h>
#include <string.h>

/*
 * Share of the stages' posterior in the network's forecast; the rest is its variables of remaining
 * work. Measured in docs/benchmarks.md: the forest alone has the least error on average, the
 * stages keep it from being worse than history where runs are few or alike.
 */
static const double STAGE_SHARE = 0.2;

void lls_take_progress(llmsched_quantifier *q, const llmsched_progress *p)
{
    q->has_progress = true;
    q->revealed_stages = p->headway.count;
    q->pending_stages = lls_headway_pending(&p->headway);
    for (uint32_t i = 0; i < LLS_WORK_KINDS; i++)
        q->strangers[i] = p->strangers[i];
    q->ended_stages = q->revealed_stages - q->pending_stages;
    lls_headway_features(&p->headway, q->features);
}

/* All that was revealed has ended: nothing is left, unless the job has not begun. */
static bool is_over(const llmsched_quantifier *q)
{
    return q->has_progress && q->revealed_stages > 0 && q->pending_stages == 0;
}

static const lls_remainder *history_of(const llmsched_quantifier *q, uint32_t kind)
{
    const llmsched_profile *p = q->profile;
    uint32_t ended = q->revealed_stages - q->pending_stages, last = p->remainder_count - 1;
    return p->remainders + lls_work_kind(kind) * p->remainder_count + (ended < last ? ended : last);
}

double lls_strange_work(const llmsched_quantifier *q, uint32_t kind)
{
    return q->has_progress ? q->strangers[lls_work_kind(kind)] * q->profile->mean_stage_s[kind] : 0;
}

/* The trees that a forecast mixes, with their shares; the rest of 1 is the stages' posterior. */
typedef struct trees {
    const lls_forest *forest, *history;
    const double *history_features;
    double forest_share, history_share;
} trees;

static trees trees_of(const llmsched_quantifier *q, uint32_t kind, uint32_t method)
{
    const llmsched_profile *p = q->profile;
    uint32_t k = lls_work_kind(kind);
    if (!q->has_progress || p->forests[k] == NULL)
        return (trees){0};
    if (method == LLMSCHED_BY_TREE)
        return (trees){.forest = p->trees[k], .forest_share = 1};
    double all = method == LLMSCHED_BY_NETWORK ? 1 - STAGE_SHARE : 1;
    return (trees){.forest = p->forests[k],
                   .history = p->histories[k],
                   .history_features = &q->ended_stages,
                   .forest_share = all * (1 - p->history_share[k]),
                   .history_share = all * p->history_share[k]};
}

static double trees_mean(const llmsched_quantifier *q, const trees *t)
{
    double mean = 0;
    if (t->forest_share > 0)
        mean += t->forest_share * lls_forest_mean(t->forest, q->features);
    if (t->history_share > 0)
        mean += t->history_share * lls_forest_mean(t->history, t->history_features);
    return mean;
}

static double stages_share(const trees *t)
{
    return 1 - t->forest_share - t->history_share;
}

static llmsched_status network_mean(llmsched_quantifier *q, uint32_t kind, const trees *t,
                                    double *mean, llmsched_error *err)
{
    llmsched_remaining remaining = {.size = sizeof remaining};
    llmsched_status status = llmsched_quantifier_remaining(q, kind, &remaining, err);
    if (status == LLMSCHED_OK)
        *mean = trees_mean(q, t) + stages_share(t) * (remaining.mean_s + lls_strange_work(q, kind));
    return status;
}

static llmsched_status check_method(const llmsched_quantifier *q, uint32_t method,
                                    llmsched_error *err)
{
    if (method < LLMSCHED_BY_NETWORK || method > LLMSCHED_BY_FOREST)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "forecast: method %u is unknown", method);
    if (method != LLMSCHED_BY_NETWORK && !q->has_progress)
        return lls_fail(
            err, LLMSCHED_ERROR_STATE,
            "forecast: needs the job's progress; evidence alone tells the network only");
    if (method >= LLMSCHED_BY_TREE && q->profile->trees[0] == NULL)
        return lls_fail(err, LLMSCHED_ERROR_STATE,
                        "forecast: profile %s has no trees: fit it again", q->profile->name);
    return LLMSCHED_OK;
}

llmsched_status lls_forecast_mean(llmsched_quantifier *q, uint32_t kind, uint32_t method,
                                  double *mean, llmsched_error *err)
{
    const trees t = trees_of(q, kind, method);
    llmsched_status status = check_method(q, method, err);
    if (status != LLMSCHED_OK)
        return status;
    if (is_over(q))
        *mean = 0;
    else if (method == LLMSCHED_BY_HISTORY)
        *mean = history_of(q, kind)->mean;
    else if (method != LLMSCHED_BY_NETWORK)
        *mean = trees_mean(q, &t);
    else
        status = network_mean(q, kind, &t, mean, err);
    return status;
}

/* --- quantiles ---------------------------------------------------------------------------- */

/* Sorted support points with their shares, walked together. */
typedef struct points {
    const double *values, *shares; /* shares NULL: all alike */
    uint32_t count, next;
    double weight, shift; /* of the part in the mixture; added to its values */
} points;

static double next_value(const points *p)
{
    return p->next < p->count ? p->values[p->next] + p->shift : INFINITY;
}

static double take_share(points *p)
{
    double share = p->shares != NULL ? p->shares[p->next] : 1.0 / p->count;
    p->next++;
    return p->weight * share;
}

enum { MOST_PARTS = 3 };

static points *least_of(points *parts)
{
    points *first = parts;
    for (uint32_t i = 1; i < MOST_PARTS; i++) {
        if (next_value(&parts[i]) < next_value(first))
            first = &parts[i];
    }
    return first;
}

/* The least value up to which the mixture holds the level. */
static double mixture_quantile(const points *given, double level)
{
    points parts[MOST_PARTS];
    double sum = 0, last = 0;
    memcpy(parts, given, sizeof parts);
    /* What rounding takes from the sum must not carry a level over to the next point. */
    for (points *first = least_of(parts); sum < level - 1e-12 && first->next < first->count;
         first = least_of(parts)) {
        last = next_value(first);
        sum += take_share(first);
    }
    return last;
}

static llmsched_status check_levels(uint32_t method, const double *levels, uint32_t count,
                                    const double *quantiles, llmsched_error *err)
{
    llmsched_status status = lls_check_levels(levels, count, quantiles, err);
    for (uint32_t i = 0; i < count && status == LLMSCHED_OK; i++) {
        if (method == LLMSCHED_BY_HISTORY && levels[i] != 0.1 && levels[i] != 0.5 &&
            levels[i] != 0.9)
            status = lls_fail(err, LLMSCHED_ERROR_INVALID,
                              "levels[%u]: history keeps 0.1, 0.5 and 0.9 only", i);
    }
    return status;
}

static double history_quantile(const lls_remainder *r, double level)
{
    return level == 0.1 ? r->q10 : level == 0.5 ? r->q50 : r->q90;
}

/* From history, or with all done from nowhere: no distribution is worked out. */
static bool told_at_once(const llmsched_quantifier *q, uint32_t kind, uint32_t method,
                         const double *levels, uint32_t count, double *quantiles)
{
    bool over = is_over(q);
    if (!over && method != LLMSCHED_BY_HISTORY)
        return false;
    for (uint32_t i = 0; i < count; i++)
        quantiles[i] = over ? 0 : history_quantile(history_of(q, kind), levels[i]);
    return true;
}

static points tree_points(const lls_forest *forest, const double *features, double share,
                          double *shares)
{
    (void)lls_forest_distribution(forest, features, shares);
    return (points){.values = lls_forest_levels(forest),
                    .shares = shares,
                    .count = lls_forest_level_count(forest),
                    .weight = share};
}

typedef struct mixture {
    points parts[MOST_PARTS];
    double shares[2][LLS_FOREST_LEVELS]; /* of the trees' parts */
} mixture;

static llmsched_status mix(llmsched_quantifier *q, uint32_t kind, uint32_t method, mixture *m,
                           llmsched_error *err)
{
    const trees t = trees_of(q, kind, method);
    memset(m->parts, 0, sizeof m->parts);
    if (t.forest_share > 0)
        m->parts[0] = tree_points(t.forest, q->features, t.forest_share, m->shares[0]);
    if (t.history_share > 0)
        m->parts[1] = tree_points(t.history, t.history_features, t.history_share, m->shares[1]);
    if (method != LLMSCHED_BY_NETWORK)
        return LLMSCHED_OK;
    llmsched_status status = lls_distribute(q, kind, true, err);
    m->parts[2] = (points){.values = q->points.values,
                           .shares = q->points.probabilities,
                           .count = q->points.count,
                           .weight = stages_share(&t),
                           .shift = lls_strange_work(q, kind)};
    return status;
}

static llmsched_status quantiles_of(llmsched_quantifier *q, uint32_t kind, uint32_t method,
                                    const double *levels, uint32_t count, double *quantiles,
                                    llmsched_error *err)
{
    mixture m;
    if (count == 0 || told_at_once(q, kind, method, levels, count, quantiles))
        return LLMSCHED_OK;
    llmsched_status status = mix(q, kind, method, &m, err);
    for (uint32_t i = 0; i < count && status == LLMSCHED_OK; i++)
        quantiles[i] = mixture_quantile(m.parts, levels[i]);
    return status;
}

/* All that is known is one number. */
static bool one_point(const llmsched_quantifier *q, uint32_t kind, uint32_t method, double *value)
{
    bool over = is_over(q);
    if (!over && method != LLMSCHED_BY_HISTORY)
        return false;
    *value = over ? 0 : history_of(q, kind)->mean;
    return true;
}

llmsched_status lls_forecast_points(llmsched_quantifier *q, uint32_t kind, uint32_t method,
                                    llmsched_error *err)
{
    lls_points *all = &q->forecast;
    mixture m = {.parts = {{.count = 1, .weight = 1}}};
    double value = 0;
    uint32_t room = 0;
    llmsched_status status = check_method(q, method, err);
    if (status == LLMSCHED_OK && one_point(q, kind, method, &value))
        m.parts[0].values = &value;
    else if (status == LLMSCHED_OK)
        status = mix(q, kind, method, &m, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t i = 0; i < MOST_PARTS; i++)
        room += m.parts[i].count;
    if (!lls_points_reserve(q->context, all, room))
        return lls_fail_memory(err);
    all->count = 0;
    for (points *first = least_of(m.parts); first->next < first->count; first = least_of(m.parts)) {
        all->values[all->count] = next_value(first);
        all->probabilities[all->count++] = take_share(first);
    }
    return LLMSCHED_OK;
}

llmsched_status llmsched_quantifier_forecast(llmsched_quantifier *q, uint32_t kind, uint32_t method,
                                             const double *levels, uint32_t count,
                                             double *quantiles, double *mean_s, llmsched_error *err)
{
    double mean = 0;
    llmsched_status status = lls_check_kind(q, kind, mean_s, err);
    if (status == LLMSCHED_OK && (kind == 0 || (count > 0 && quantiles == NULL)))
        status = lls_fail(err, LLMSCHED_ERROR_INVALID,
                          "forecast: kind must be LLMSCHED_STAGE_LLM or LLMSCHED_STAGE_REGULAR, "
                          "quantiles not NULL when count is not 0");
    if (status == LLMSCHED_OK)
        status = check_levels(method, levels, count, quantiles, err);
    if (status == LLMSCHED_OK)
        status = lls_forecast_mean(q, kind, method, &mean, err);
    if (status == LLMSCHED_OK)
        status = quantiles_of(q, kind, method, levels, count, quantiles, err);
    if (status == LLMSCHED_OK)
        *mean_s = mean;
    return status;
}
