/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes and KServe: one model on each GPU, or on as few as it fits, one replica to start with;
 * how many there are then is left to an autoscaler, which looks at requests alone
 * (docs/algorithms.md section 8.7).
 */
#include "place/rivals/rivals.h"
#include "place/rivals/whole.h"

#include <stdio.h>

/* --- one replica of each ------------------------------------------------------------- */

typedef struct starter {
    lls_rival rival;
    const uint32_t *configs; /* of each model; LLS_NONE32: no demand */
    bool *taken;             /* by GPU */
    uint32_t *places;        /* of each model, where its first GPU stands in the cluster's order */
} starter;

static const lls_config *config_of(const starter *s, uint32_t model)
{
    return &s->rival.instance.planner->models[model].configs[s->configs[model]];
}

/* Whether the GPUs from this place on are free, and the model fits them. */
static bool is_free(const starter *s, uint32_t model, uint32_t first)
{
    const llmsched_planner *planner = s->rival.instance.planner;
    const lls_config *config = config_of(s, model);
    double bytes = lls_replica_bytes(&planner->models[model], config->tp, config->max_batch,
                                     s->rival.instance.demands.models[model].tokens);
    for (uint32_t i = first; i < first + config->tp; i++) {
        const lls_gpu *gpu = &planner->gpus[s->rival.cluster.ordered[i]];
        if (s->taken[i] || gpu->kind != config->kind ||
            bytes > gpu->memory * (1.0 + LLS_PLACE_SLACK))
            return false;
    }
    return true;
}

static bool place(starter *s, uint32_t model)
{
    const uint32_t *starts = s->rival.cluster.domain_start;
    uint32_t tp = config_of(s, model)->tp;
    for (uint32_t d = 0; d < s->rival.instance.planner->domain_count; d++)
        for (uint32_t first = starts[d]; first + tp <= starts[d + 1]; first += tp) {
            if (!is_free(s, model, first))
                continue;
            for (uint32_t i = first; i < first + tp; i++)
                s->taken[i] = true;
            s->places[model] = first;
            return true;
        }
    return false;
}

/* Widest first, so that narrow ones do not cut up the room of wide ones; then by number. */
static bool place_all(starter *s)
{
    uint32_t models = s->rival.instance.planner->model_count, widest = 0;
    for (uint32_t m = 0; m < models; m++)
        if (s->configs[m] != LLS_NONE32 && config_of(s, m)->tp > widest)
            widest = config_of(s, m)->tp;
    for (uint32_t tp = widest; tp > 0; tp--)
        for (uint32_t m = 0; m < models; m++)
            if (s->configs[m] != LLS_NONE32 && config_of(s, m)->tp == tp && !place(s, m))
                return false;
    return true;
}

static void refuse(starter *s)
{
    char reason[160], lift[80];
    uint32_t models = 0, wanted = 0, there = s->rival.planning->gpu_count;
    for (uint32_t m = 0; m < s->rival.instance.planner->model_count; m++)
        if (s->configs[m] != LLS_NONE32) {
            models++;
            wanted += config_of(s, m)->tp;
        }
    bool are_few = wanted > there;
    snprintf(reason, sizeof reason, "%u models want %u whole GPUs, and the cluster has %u%s",
             (unsigned)models, (unsigned)wanted, (unsigned)there,
             are_few ? "" : ", but not of the kinds and side by side as they want them");
    if (are_few)
        snprintf(lift, sizeof lift, "%u more GPU%s", (unsigned)(wanted - there),
                 wanted - there > 1 ? "s" : "");
    else
        snprintf(lift, sizeof lift, "more GPUs of their kinds side by side in one domain");
    lls_rival_refuse(&s->rival, are_few ? LLMSCHED_BINDING_SHARE : LLMSCHED_BINDING_DOMAIN, reason,
                     lift);
}

static llmsched_status start(starter *s, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    if (!place_all(s)) {
        refuse(s);
        return LLMSCHED_OK;
    }
    for (uint32_t m = 0; status == LLMSCHED_OK && m < s->rival.instance.planner->model_count; m++)
        if (s->configs[m] != LLS_NONE32)
            status = lls_rival_add(&s->rival, m, s->configs[m],
                                   s->rival.cluster.ordered + s->places[m], err);
    return status;
}

static llmsched_status start_all(starter *s, llmsched_error *err)
{
    const llmsched_planner *planner = s->rival.instance.planner;
    uint32_t misfit, *configs = lls_whole_configs(&s->rival, &misfit);
    llmsched_status status = LLMSCHED_OK;
    s->configs = configs;
    s->taken = lls_calloc(planner->context, planner->gpu_count, sizeof *s->taken);
    s->places = lls_calloc(planner->context, planner->model_count, sizeof *s->places);
    if (configs == NULL || s->taken == NULL || s->places == NULL)
        status = lls_fail_memory(err);
    else if (misfit != LLS_NONE32)
        lls_whole_refuse(&s->rival, misfit);
    else
        status = start(s, err);
    lls_free(planner->context, configs);
    lls_free(planner->context, s->taken);
    lls_free(planner->context, s->places);
    return status;
}

/* --- the two of them -------------------------------------------------------------------- */

static llmsched_status plan_by(const llmsched_planner *planner, const lls_planning *planning,
                               uint32_t kind, llmsched_plan **plan, llmsched_error *err)
{
    llmsched_autoscaler autoscaler = {
        .size = sizeof autoscaler, .kind = kind, .start_s = 30.0, .target = 0.7};
    const lls_method_option options[] = {
        {"target", 0.01, 1.0, &autoscaler.target},
        {"start", 0.0, 86400.0, &autoscaler.start_s},
    };
    starter s;
    llmsched_status status = lls_method_options(planning, options, LLS_COUNT(options), err);
    if (status == LLMSCHED_OK)
        status = lls_rival_init(&s.rival, planner, planning, err);
    if (status != LLMSCHED_OK)
        return status;
    status = start_all(&s, err);
    if (status == LLMSCHED_OK && s.rival.plan->info.status != LLMSCHED_PLAN_INFEASIBLE)
        s.rival.plan->autoscaler = autoscaler;
    return lls_rival_finish(&s.rival, status, plan, err);
}

llmsched_status lls_plan_k8s(const llmsched_planner *planner, const lls_planning *planning,
                             llmsched_plan **plan, llmsched_error *err)
{
    return plan_by(planner, planning, LLMSCHED_AUTOSCALER_HPA, plan, err);
}

llmsched_status lls_plan_kserve(const llmsched_planner *planner, const lls_planning *planning,
                                llmsched_plan **plan, llmsched_error *err)
{
    return plan_by(planner, planning, LLMSCHED_AUTOSCALER_KPA, plan, err);
}
