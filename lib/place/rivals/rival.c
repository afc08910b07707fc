/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that are put together and predicted, not searched for; a short search gives the bounds. */
#include "place/rivals/rival.h"

#include <math.h>
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

/* Enough of a search for its bounds. */
enum { BOUNDING_NODES = 1000 };

/* What no plan that keeps the limits can be better than, so that the gap says what a search would
 * be worth; nothing where no plan keeps them. */
static llmsched_status find_bounds(lls_rival *rival, llmsched_error *err)
{
    lls_planning quick = *rival->planning;
    quick.node_budget = BOUNDING_NODES;
    quick.arguments = "";
    quick.running = NULL;
    quick.progress = NULL;
    llmsched_plan *searched = NULL;
    llmsched_status status = lls_plan_by_search(rival->instance.planner, &quick, &searched, err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_plan_info *info = &rival->plan->info;
    info->throughput_bound_per_s = searched->info.throughput_bound_per_s;
    info->memory_bound_gpus = searched->info.memory_bound_gpus;
    if (searched->info.status != LLMSCHED_PLAN_INFEASIBLE) {
        info->alone_bound_s = searched->info.alone_bound_s;
        info->capacity_bound_s = searched->info.capacity_bound_s;
        info->bound_s = searched->info.bound_s;
    }
    llmsched_plan_release(searched);
    return LLMSCHED_OK;
}

static llmsched_status predict(lls_rival *rival, llmsched_error *err)
{
    llmsched_plan_info *info = &rival->plan->info;
    snprintf(rival->plan->reason, sizeof rival->plan->reason,
             "this planner does not search for the best");
    llmsched_status status =
        lls_plan_predict(rival->plan, &rival->instance, rival->planning->rate_factor, err);
    if (status == LLMSCHED_OK)
        status = find_bounds(rival, err);
    info->gap = LLS_PLACE_MOST;
    if (info->objective_s < LLS_PLACE_OVERLOADED && info->bound_s > 0.0)
        info->gap = fmax(0.0, (info->objective_s - info->bound_s) / info->bound_s);
    return status;
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
