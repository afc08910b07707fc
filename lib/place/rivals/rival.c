/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that are put together and predicted, not searched for; nothing is known of their gap. */
#include "place/rivals/rival.h"

#include <stdio.h>

llmsched_status lls_rival_init(lls_rival *rival, const llmsched_planner *planner,
                               const lls_planning *planning, llmsched_error *err)
{
    lls_planning bare = *planning;
    bare.without_menus = true;
    *rival = (lls_rival){.planning = planning};
    llmsched_status status = lls_instance_init(&rival->instance, planner, &bare, err);
    if (status != LLMSCHED_OK)
        return status;
    if (!lls_cluster_init(&rival->cluster, planner, planning->gpu_count)) {
        lls_instance_finish(&rival->instance);
        return lls_fail_memory(err);
    }
    status = lls_plan_new(planner, planning->name, &rival->plan, err);
    if (status != LLMSCHED_OK) {
        lls_cluster_finish(&rival->cluster);
        lls_instance_finish(&rival->instance);
    }
    return status;
}

llmsched_status lls_rival_add(lls_rival *rival, uint32_t model, uint32_t config,
                              const uint32_t *gpus, llmsched_error *err)
{
    const llmsched_planner *planner = rival->instance.planner;
    llmsched_plan_model numbers = {.batch = planner->models[model].configs[config].max_batch};
    llmsched_status status = lls_plan_add_model(rival->plan, planner, model, config, &numbers,
                                                rival->instance.demands.models[model].context, err);
    return status == LLMSCHED_OK ? lls_plan_add_replica(rival->plan, gpus, err) : status;
}

void lls_rival_refuse(lls_rival *rival, uint32_t binding, const char *reason, const char *lift)
{
    rival->plan->info.status = LLMSCHED_PLAN_INFEASIBLE;
    rival->plan->info.binding = binding;
    snprintf(rival->plan->reason, sizeof rival->plan->reason, "%s", reason);
    snprintf(rival->plan->lift, sizeof rival->plan->lift, "%s", lift);
}

static llmsched_status predict(lls_rival *rival, llmsched_error *err)
{
    llmsched_plan *plan = rival->plan;
    snprintf(plan->reason, sizeof plan->reason, "this planner does not search for the best");
    plan->info.gap = LLS_PLACE_MOST;
    return lls_plan_predict(plan, &rival->instance, rival->planning->rate_factor, err);
}

static void end(lls_rival *rival)
{
    lls_cluster_finish(&rival->cluster);
    lls_instance_finish(&rival->instance);
}

void lls_rival_drop(lls_rival *rival)
{
    llmsched_plan_release(rival->plan);
    end(rival);
}

llmsched_status lls_rival_finish(lls_rival *rival, llmsched_status status, llmsched_plan **plan,
                                 llmsched_error *err)
{
    if (status == LLMSCHED_OK && rival->plan->info.status != LLMSCHED_PLAN_INFEASIBLE)
        status = predict(rival, err);
    if (status != LLMSCHED_OK) {
        lls_rival_drop(rival);
        return status;
    }
    *plan = rival->plan;
    end(rival);
    return LLMSCHED_OK;
}
