/* SPDX-License-Identifier: Apache-2.0 */
/* The dual questions: the highest rate for the GPUs, the fewest GPUs for the rate. Whether there is
 * a plan is monotone in both, so that halving finds the border. */
#include "place/internal.h"

/* Border of the rate factor, relative. */
#define RATE_PRECISION 1e-3
/* Doublings and halvings of the factor before it counts as without bound, or as 0. */
enum { MOST_STEPS = 120 };

typedef struct prober {
    const llmsched_planner *planner;
    const lls_method *method;
    lls_planning planning;
    llmsched_plan *best; /* of the last probe that had a plan */
} prober;

/* A rival's plan need not keep up with what it was made for, nor keep the limits. */
static bool keeps_up(const prober *p, const llmsched_plan *plan)
{
    for (uint32_t i = 0; i < plan->info.model_count; i++)
        if (plan->models[i].call_latency_s >= LLS_PLACE_OVERLOADED)
            return false;
    for (uint32_t a = 0; a < plan->info.app_count; a++) {
        double limit = p->planner->apps[a].max_latency;
        if (limit > 0.0 && plan->apps[a].latency_s > limit * (1.0 + LLS_PLACE_EQUAL))
            return false;
    }
    return plan->info.status != LLMSCHED_PLAN_INFEASIBLE;
}

/* *there: whether there is a plan, which is then kept. */
static llmsched_status probe(prober *p, bool *there, llmsched_error *err)
{
    llmsched_plan *plan = NULL;
    llmsched_status status = p->method->plan(p->planner, &p->planning, &plan, err);
    *there = status == LLMSCHED_OK && keeps_up(p, plan);
    if (*there) {
        llmsched_plan_release(p->best);
        p->best = plan;
    } else {
        llmsched_plan_release(plan);
    }
    return status;
}

/* From a first guess to two factors that differ by 2: a plan at the low one, none at the high. */
static llmsched_status bracket(prober *p, double *low, double *high, llmsched_error *err)
{
    bool there = false;
    llmsched_status status = probe(p, &there, err);
    bool rising = there;
    for (uint32_t i = 0; status == LLMSCHED_OK && there == rising && i < MOST_STEPS; i++) {
        *(rising ? low : high) = p->planning.rate_factor;
        p->planning.rate_factor *= rising ? 2.0 : 0.5;
        status = probe(p, &there, err);
    }
    if (status == LLMSCHED_OK && there != rising)
        *(rising ? high : low) = p->planning.rate_factor;
    return status;
}

static llmsched_status search_rate(prober *p, double *factor, llmsched_error *err)
{
    double low = 0.0, high = 0.0;
    llmsched_status status = bracket(p, &low, &high, err);
    while (status == LLMSCHED_OK && low > 0.0 && high > low * (1.0 + RATE_PRECISION)) {
        bool there = false;
        p->planning.rate_factor = low + (high - low) / 2.0;
        status = probe(p, &there, err);
        *(there ? &low : &high) = p->planning.rate_factor;
    }
    *factor = low;
    return status;
}

static llmsched_status search_gpus(prober *p, uint32_t *gpus, llmsched_error *err)
{
    bool there = false;
    uint32_t low = 0, high = p->planning.gpu_count;
    llmsched_status status = probe(p, &there, err);
    while (status == LLMSCHED_OK && there && high - low > 1) {
        bool fits = false;
        p->planning.gpu_count = low + (high - low) / 2;
        status = probe(p, &fits, err);
        *(fits ? &high : &low) = p->planning.gpu_count;
    }
    *gpus = there ? high : 0;
    return status;
}

/* Hands the plan out, or the one that says why there is none. */
static llmsched_status finish(prober *p, llmsched_plan **plan, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    if (plan != NULL && p->best == NULL)
        status = p->method->plan(p->planner, &p->planning, &p->best, err);
    if (plan != NULL && status == LLMSCHED_OK) {
        *plan = p->best;
        p->best = NULL;
    }
    return status;
}

static llmsched_status begin(prober *p, const llmsched_planner *planner,
                             const llmsched_planner_options *options, const void *out,
                             const char *name, llmsched_error *err)
{
    if (planner == NULL || out == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : name);
    *p = (prober){.planner = planner};
    return lls_planning_init(&p->planning, &p->method, planner, options, err);
}

/* Without calls every rate is served. */
static llmsched_status check_demand(const prober *p, llmsched_error *err)
{
    lls_demands demands;
    llmsched_status status = lls_demands_init(&demands, p->planner, 1.0, err);
    bool asks = false;
    for (uint32_t m = 0; status == LLMSCHED_OK && m < p->planner->model_count; m++)
        asks = asks || demands.models[m].load > 0.0;
    if (status == LLMSCHED_OK && !asks)
        status = lls_fail(err, LLMSCHED_ERROR_STATE,
                          "planner: no application calls a model at a rate above 0, so that there "
                          "is no highest rate");
    lls_demands_finish(&demands, p->planner->context);
    return status;
}

llmsched_status llmsched_planner_max_rate(const llmsched_planner *planner,
                                          const llmsched_planner_options *options, double *factor,
                                          llmsched_plan **plan, llmsched_error *err)
{
    prober p;
    double found = 0.0;
    llmsched_status status = begin(&p, planner, options, factor, "factor", err);
    if (status != LLMSCHED_OK)
        return status;
    status = check_demand(&p, err);
    if (status == LLMSCHED_OK)
        status = search_rate(&p, &found, err);
    if (status == LLMSCHED_OK)
        status = finish(&p, plan, err);
    llmsched_plan_release(p.best);
    if (status == LLMSCHED_OK)
        *factor = found;
    return status;
}

llmsched_status llmsched_planner_min_gpus(const llmsched_planner *planner,
                                          const llmsched_planner_options *options, uint32_t *gpus,
                                          llmsched_plan **plan, llmsched_error *err)
{
    prober p;
    uint32_t found = 0;
    llmsched_status status = begin(&p, planner, options, gpus, "gpus", err);
    if (status != LLMSCHED_OK)
        return status;
    status = search_gpus(&p, &found, err);
    if (status == LLMSCHED_OK)
        status = finish(&p, plan, err);
    llmsched_plan_release(p.best);
    if (status == LLMSCHED_OK)
        *gpus = found;
    return status;
}
