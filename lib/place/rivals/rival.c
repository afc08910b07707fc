/* SPDX-License-Identifier: Apache-2.0 */
/* A plan of what a rival has chosen: its items take the place of the menus, and are not searched. */
#include "place/rivals/rival.h"

#include <math.h>

/* The latency of an item that may be overloaded. false: no memory. */
static bool measure(const lls_instance *instance, lls_item *item, uint32_t model)
{
    const lls_config *config = &instance->planner->models[model].configs[item->config];
    lls_service service;
    if (!lls_service_init(&service, instance->planner->context, config,
                          &instance->demands.models[model]))
        return false;
    item->capacity = item->replicas * service.saturation;
    item->latency = INFINITY;
    bool ok = service.load >= item->capacity ||
              lls_call_latency(&service, item->replicas, &item->latency);
    lls_service_finish(&service);
    return ok;
}

bool lls_rival_fix(lls_instance *instance, const uint32_t *configs, const uint32_t *replicas)
{
    const llmsched_planner *planner = instance->planner;
    for (uint32_t k = 0; k < instance->problem.menu_count; k++) {
        lls_menu *menu = &instance->problem.menus[k];
        const lls_model *model = &planner->models[menu->model];
        const lls_config *config = &model->configs[configs[menu->model]];
        lls_item *item = lls_calloc(planner->context, 1, sizeof *item);
        if (item == NULL)
            return false;
        *item = (lls_item){.share = config->share,
                           .memory = lls_replica_bytes(model, config->tp, config->max_batch,
                                                       instance->demands.models[menu->model].tokens),
                           .bandwidth = config->bandwidth,
                           .config = configs[menu->model],
                           .kind = config->kind,
                           .tp = config->tp,
                           .replicas = replicas[menu->model],
                           .batch = config->max_batch};
        lls_free(planner->context, menu->items);
        menu->items = item;
        menu->count = 1;
        if (!measure(instance, item, menu->model))
            return false;
    }
    return true;
}

uint32_t *lls_rival_gpus(const lls_instance *instance, uint32_t *entries)
{
    *entries = 0;
    for (uint32_t k = 0; k < instance->problem.menu_count; k++) {
        const lls_item *item = &instance->problem.menus[k].items[0];
        *entries += item->tp * item->replicas;
    }
    return lls_calloc(instance->planner->context, *entries, sizeof(uint32_t));
}

llmsched_status lls_rival_plan(const lls_instance *instance, const lls_planning *planning,
                               uint32_t *gpus, uint32_t entries, llmsched_plan **plan,
                               llmsched_error *err)
{
    const llmsched_context *context = instance->planner->context;
    lls_solution solution = {.placement = {.gpus = gpus, .gpu_entries = entries},
                             .reason = "this planner does not search for the best"};
    solution.placement.choice =
        lls_calloc(context, instance->problem.menu_count, sizeof(uint32_t));
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    if (solution.placement.choice == NULL) {
        lls_fail_memory(err);
    } else {
        solution.objective = lls_objective(&instance->problem, solution.placement.choice);
        status = lls_plan_make(instance, planning, &solution, plan, err);
    }
    lls_solution_finish(context, &solution);
    return status;
}
