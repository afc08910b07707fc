/* SPDX-License-Identifier: Apache-2.0 */
/* Why there is no plan, and what would lift it. */
#include "place/internal.h"

#include <math.h>
#include <stdio.h>

/* What the configurations of a model that fit the cluster's kinds lack. */
typedef struct findings {
    const lls_config *nearest; /* of the kinds there; the one that needs the least memory */
    double bytes, memory;      /* of it, and the largest GPU of its kind */
    bool fits;                 /* some configuration fits a GPU's memory */
    const lls_config *placed;  /* one that fits groups of GPUs too, which serves the most */
    double served;
    uint32_t held;
} findings;

static double largest_memory(const lls_instance *in, uint32_t kind)
{
    double memory = 0.0;
    for (uint32_t g = 0; g < in->problem.gpu_count; g++)
        if (in->problem.gpus[g].kind == kind)
            memory = fmax(memory, in->problem.gpus[g].memory);
    return memory;
}

static bool look_at(const lls_instance *in, lls_cluster *cluster, uint32_t model, uint32_t number,
                    findings *f)
{
    const lls_model *m = &in->planner->models[model];
    const lls_config *config = &m->configs[number];
    const lls_demand *demand = &in->demands.models[model];
    double bytes = lls_replica_bytes(m, config->tp, config->max_batch, demand->tokens);
    double memory = largest_memory(in, config->kind);
    if (memory <= 0.0)
        return true;
    if (f->nearest == NULL || bytes - memory < f->bytes - f->memory) {
        f->nearest = config;
        f->bytes = bytes;
        f->memory = memory;
    }
    f->fits = f->fits || bytes <= memory * (1.0 + LLS_PLACE_SLACK);
    const lls_slots *slots = lls_cluster_slots(cluster, config->kind, config->tp);
    lls_service service;
    if (slots == NULL || !lls_service_init(&service, in->planner->context, config, demand))
        return false;
    uint32_t held = lls_slots_hold(slots, config->share, bytes, config->bandwidth);
    if (held > 0 && held * service.saturation > f->served) {
        f->placed = config;
        f->held = held;
        f->served = held * service.saturation;
    }
    lls_service_finish(&service);
    return true;
}

static void say_memory(const lls_instance *in, const findings *f, uint32_t model,
                       llmsched_plan *plan)
{
    const lls_model *m = &in->planner->models[model];
    const char *kind = in->planner->kinds[f->nearest->kind];
    double tokens = in->demands.models[model].tokens;
    uint32_t tp = f->nearest->tp;
    while (tp < LLS_PLACE_MOST_TP &&
           lls_replica_bytes(m, tp, f->nearest->max_batch, tokens) > f->memory)
        tp *= 2;
    plan->info.binding = LLMSCHED_BINDING_MEMORY;
    snprintf(plan->reason, sizeof plan->reason,
             "model %.60s needs %.4g GB on each GPU with tp %u, and %.40s has %.4g GB", m->name,
             f->bytes / 1e9, (unsigned)f->nearest->tp, kind, f->memory / 1e9);
    if (tp < LLS_PLACE_MOST_TP)
        snprintf(plan->lift, sizeof plan->lift, "tp %u or more on %.40s", (unsigned)tp, kind);
    else
        snprintf(plan->lift, sizeof plan->lift, "GPUs of %.4g GB or more", f->bytes / 1e9);
}

/* To four digits: what is said to be served is. */
static double rounded_down(double value)
{
    double digit = pow(10.0, floor(log10(value)) - 3.0);
    return floor(value / digit * (1.0 - LLS_PLACE_SLACK)) * digit;
}

static void say(const lls_instance *in, const lls_planning *planning, const findings *f,
                uint32_t model, llmsched_plan *plan)
{
    const lls_model *m = &in->planner->models[model];
    if (f->nearest == NULL) {
        plan->info.binding = LLMSCHED_BINDING_DOMAIN;
        snprintf(plan->reason, sizeof plan->reason,
                 "model %.60s has no configuration for any kind of GPU of the cluster", m->name);
        snprintf(plan->lift, sizeof plan->lift, "a configuration for %.40s, with its curve",
                 in->planner->kinds[in->problem.gpus[0].kind]);
    } else if (!f->fits) {
        say_memory(in, f, model, plan);
    } else if (f->placed == NULL) {
        plan->info.binding = LLMSCHED_BINDING_DOMAIN;
        snprintf(plan->reason, sizeof plan->reason,
                 "model %.60s needs %u GPUs of %.40s side by side in one domain, and none has them",
                 m->name, (unsigned)f->nearest->tp, in->planner->kinds[f->nearest->kind]);
        snprintf(plan->lift, sizeof plan->lift,
                 "a larger domain, or a configuration of a lower tp that fits the memory");
    } else {
        double most = planning->max_utilisation * f->served;
        double load = in->demands.models[model].load;
        plan->info.binding = LLMSCHED_BINDING_RATE;
        snprintf(plan->reason, sizeof plan->reason,
                 "model %.60s is asked for %.4g calls per second, and all GPUs serve at most %.4g",
                 m->name, load, most);
        snprintf(plan->lift, sizeof plan->lift, "%.4g times the rates, or more GPUs of %.40s",
                 rounded_down(most / load), in->planner->kinds[f->placed->kind]);
    }
}

llmsched_status lls_explain_menu(const lls_instance *in, const lls_planning *planning,
                                 uint32_t menu, llmsched_plan *plan, llmsched_error *err)
{
    uint32_t model = in->problem.menus[menu].model;
    findings f = {0};
    lls_cluster cluster;
    bool ok = lls_cluster_init(&cluster, in->planner, in->problem.gpu_count);
    for (uint32_t c = 0; ok && c < in->planner->models[model].config_count; c++)
        ok = look_at(in, &cluster, model, c, &f);
    lls_cluster_finish(&cluster);
    if (!ok)
        return lls_fail_memory(err);
    say(in, planning, &f, model, plan);
    return LLMSCHED_OK;
}

void lls_explain_all(const lls_solution *solution, llmsched_plan *plan)
{
    plan->info.binding = solution->binding;
    snprintf(plan->reason, sizeof plan->reason, "%s",
             solution->reason[0] != '\0' ? solution->reason
                                         : "the models' replicas do not fit on the GPUs together");
    snprintf(plan->lift, sizeof plan->lift, "%s",
             solution->lift[0] != '\0' ? solution->lift
                                       : "more GPUs, lower rates or looser latency limits");
}
