/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes and KServe: one model on each GPU, or on as few as it fits, one replica to start with;
 * how many there are then is left to an autoscaler, which looks at requests alone
 * (docs/algorithms.md section 8.7).
 */
#include "place/rivals/rivals.h"

#include "place/rivals/rival.h"
#include "place/rivals/whole.h"

#include <stdio.h>

typedef struct start {
    lls_instance instance;
    lls_cluster cluster;
    bool *taken; /* by GPU */
} start;

/* Whether the group of GPUs from here on is free and the item fits it. */
static bool is_free(const start *s, const lls_item *item, uint32_t first)
{
    for (uint32_t i = first; i < first + item->tp; i++) {
        uint32_t number = s->cluster.ordered[i];
        const lls_gpu *gpu = &s->instance.planner->gpus[number];
        if (s->taken[number] || gpu->kind != item->kind ||
            item->memory > gpu->memory * (1.0 + LLS_PLACE_SLACK))
            return false;
    }
    return true;
}

static bool place(start *s, const lls_item *item, uint32_t *gpus)
{
    for (uint32_t d = 0; d < s->instance.planner->domain_count; d++)
        for (uint32_t first = s->cluster.domain_start[d];
             first + item->tp <= s->cluster.domain_start[d + 1]; first += item->tp) {
            if (!is_free(s, item, first))
                continue;
            for (uint32_t i = 0; i < item->tp; i++) {
                gpus[i] = s->cluster.ordered[first + i];
                s->taken[gpus[i]] = true;
            }
            return true;
        }
    return false;
}

/* Widest first, so that small ones do not cut up the room of wide ones; then by number. */
static bool place_all(start *s, uint32_t *gpus)
{
    uint32_t widest = 0;
    for (uint32_t k = 0; k < s->instance.problem.menu_count; k++)
        if (s->instance.problem.menus[k].items[0].tp > widest)
            widest = s->instance.problem.menus[k].items[0].tp;
    for (uint32_t tp = widest; tp > 0; tp--) {
        uint32_t at = 0;
        for (uint32_t k = 0; k < s->instance.problem.menu_count; k++) {
            const lls_item *item = &s->instance.problem.menus[k].items[0];
            if (item->tp == tp && !place(s, item, gpus + at))
                return false;
            at += item->tp;
        }
    }
    return true;
}

/* --- the plan ------------------------------------------------------------------------ */

static llmsched_status refuse(const start *s, const lls_planning *planning, llmsched_plan **plan,
                              llmsched_error *err)
{
    uint32_t wanted = 0;
    char reason[120], lift[80];
    for (uint32_t k = 0; k < s->instance.problem.menu_count; k++)
        wanted += s->instance.problem.menus[k].items[0].tp;
    snprintf(reason, sizeof reason, "%u models want %u whole GPUs, and the cluster has %u",
             (unsigned)s->instance.problem.menu_count, (unsigned)wanted,
             (unsigned)planning->gpu_count);
    if (wanted > planning->gpu_count)
        snprintf(lift, sizeof lift, "%u more GPUs", (unsigned)(wanted - planning->gpu_count));
    else
        snprintf(lift, sizeof lift, "more GPUs side by side in one domain");
    return lls_plan_refuse(s->instance.planner, planning,
                           wanted > planning->gpu_count ? LLMSCHED_BINDING_SHARE
                                                        : LLMSCHED_BINDING_DOMAIN,
                           reason, lift, plan, err);
}

/* One replica of each model, in these configurations. */
static llmsched_status start_plan(start *s, const lls_planning *planning, const uint32_t *configs,
                                  llmsched_plan **plan, llmsched_error *err)
{
    const llmsched_planner *planner = s->instance.planner;
    uint32_t entries, *gpus = NULL;
    uint32_t *ones = lls_calloc(planner->context, planner->model_count, sizeof *ones);
    for (uint32_t m = 0; ones != NULL && m < planner->model_count; m++)
        ones[m] = 1;
    if (ones != NULL && lls_rival_fix(&s->instance, configs, ones))
        gpus = lls_rival_gpus(&s->instance, &entries);
    lls_free(planner->context, ones);
    if (gpus == NULL)
        return lls_fail_memory(err);
    if (place_all(s, gpus))
        return lls_rival_plan(&s->instance, planning, gpus, entries, plan, err);
    lls_free(planner->context, gpus);
    return refuse(s, planning, plan, err);
}

static llmsched_status plan_with(start *s, const lls_planning *planning, llmsched_plan **plan,
                                 llmsched_error *err)
{
    uint32_t misfit;
    uint32_t *configs =
        lls_whole_configs(s->instance.planner, planning, &s->instance.demands, &misfit);
    if (configs == NULL)
        return lls_fail_memory(err);
    llmsched_status status =
        misfit != LLS_NONE32
            ? lls_whole_refuse(s->instance.planner, planning, misfit, plan, err)
            : start_plan(s, planning, configs, plan, err);
    lls_free(s->instance.planner->context, configs);
    return status;
}

static llmsched_status plan_and_scale(const llmsched_planner *planner, const lls_planning *planning,
                                      const llmsched_autoscaler *autoscaler, llmsched_plan **plan,
                                      llmsched_error *err)
{
    start s = {0};
    llmsched_plan *made = NULL;
    llmsched_status status = lls_instance_init(&s.instance, planner, planning, err);
    if (status != LLMSCHED_OK)
        return status;
    s.taken = lls_calloc(planner->context, planner->gpu_count, sizeof *s.taken);
    if (s.taken != NULL && lls_cluster_init(&s.cluster, planner, planning->gpu_count)) {
        status = plan_with(&s, planning, &made, err);
        lls_cluster_finish(&s.cluster);
    } else {
        status = lls_fail_memory(err);
    }
    lls_free(planner->context, s.taken);
    lls_instance_finish(&s.instance);
    if (status != LLMSCHED_OK)
        return status;
    if (made->info.status != LLMSCHED_PLAN_INFEASIBLE)
        made->autoscaler = *autoscaler;
    *plan = made;
    return LLMSCHED_OK;
}

/* --- the two of them -------------------------------------------------------------------- */

static llmsched_status plan_by(const llmsched_planner *planner, const lls_planning *planning,
                               uint32_t kind, llmsched_plan **plan, llmsched_error *err)
{
    llmsched_autoscaler autoscaler = {
        .size = sizeof autoscaler, .kind = kind, .start_s = 30.0, .target = 0.7};
    const lls_method_option options[] = {
        {"target", &autoscaler.target, 0.01, 1.0},
        {"start", &autoscaler.start_s, 0.0, 86400.0},
    };
    llmsched_status status = lls_method_options(planning, options, LLS_COUNT(options), err);
    return status == LLMSCHED_OK ? plan_and_scale(planner, planning, &autoscaler, plan, err)
                                 : status;
}

static llmsched_status plan_k8s(const llmsched_planner *planner, const lls_planning *planning,
                                llmsched_plan **plan, llmsched_error *err)
{
    return plan_by(planner, planning, LLMSCHED_AUTOSCALER_HPA, plan, err);
}

static llmsched_status plan_kserve(const llmsched_planner *planner, const lls_planning *planning,
                                   llmsched_plan **plan, llmsched_error *err)
{
    return plan_by(planner, planning, LLMSCHED_AUTOSCALER_KPA, plan, err);
}

const lls_method lls_method_k8s = {
    .name = "k8s",
    .summary = "whole GPUs, one replica each, scaled by the Horizontal Pod Autoscaler over time: "
               "target=0.7 requests per place, start=30 seconds",
    .plan = plan_k8s,
};

const lls_method lls_method_kserve = {
    .name = "kserve",
    .summary = "whole GPUs, one replica each, scaled by Knative's autoscaler over time: "
               "target=0.7 requests per place, start=30 seconds",
    .plan = plan_kserve,
};
