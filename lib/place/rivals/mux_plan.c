/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of MuxServe's placement. */
#include "place/rivals/rivals.h"

#include "place/rivals/muxserve.h"
#include "place/rivals/rival.h"

/* The GPU at this position of a domain. */
static uint32_t gpu_at(const llmsched_planner *planner, uint32_t domain, uint32_t position)
{
    for (uint32_t g = 0; g < planner->gpu_count; g++)
        if (planner->gpus[g].domain == domain && planner->gpus[g].position == position)
            return g;
    return LLS_NONE32;
}

static llmsched_status plan_placement(lls_instance *instance, const lls_planning *planning,
                                      const lls_mux_placement *placement, llmsched_plan **plan,
                                      llmsched_error *err)
{
    const llmsched_planner *planner = instance->planner;
    uint32_t entries, *gpus = NULL, at = 0;
    uint32_t *numbers = lls_calloc(planner->context, 2 * (size_t)planner->model_count,
                                   sizeof *numbers);
    if (numbers == NULL)
        return lls_fail_memory(err);
    uint32_t *configs = numbers, *replicas = numbers + planner->model_count;
    for (uint32_t i = 0; i < placement->count; i++) {
        configs[placement->guests[i].model] = placement->guests[i].config;
        replicas[placement->guests[i].model] = 1;
    }
    if (lls_rival_fix(instance, configs, replicas))
        gpus = lls_rival_gpus(instance, &entries);
    lls_free(planner->context, numbers);
    if (gpus == NULL)
        return lls_fail_memory(err);
    for (uint32_t i = 0; i < placement->count; i++) {
        const lls_mux_guest *guest = &placement->guests[i];
        for (uint32_t g = 0; g < planner->models[guest->model].configs[guest->config].tp; g++)
            gpus[at++] = gpu_at(planner, guest->domain, guest->position + g);
    }
    return lls_rival_plan(instance, planning, gpus, entries, plan, err);
}

static llmsched_status plan_instance(lls_instance *instance, const lls_planning *planning,
                                     llmsched_plan **plan, llmsched_error *err)
{
    lls_mux_placement placement;
    llmsched_status status =
        lls_mux_place(instance->planner, planning->gpu_count, &instance->demands, &placement, err);
    if (status == LLMSCHED_NONE)
        return lls_plan_refuse(instance->planner, planning, LLMSCHED_BINDING_MEMORY,
                               "no split into meshes has room for every model",
                               "more GPUs, or smaller models", plan, err);
    if (status != LLMSCHED_OK)
        return status;
    status = plan_placement(instance, planning, &placement, plan, err);
    lls_mux_finish(instance->planner->context, &placement);
    return status;
}

static llmsched_status plan_muxserve(const llmsched_planner *planner, const lls_planning *planning,
                                     llmsched_plan **plan, llmsched_error *err)
{
    lls_instance instance;
    llmsched_status status = lls_method_options(planning, NULL, 0, err);
    if (status == LLMSCHED_OK)
        status = lls_instance_init(&instance, planner, planning, err);
    if (status != LLMSCHED_OK)
        return status;
    status = plan_instance(&instance, planning, plan, err);
    lls_instance_finish(&instance);
    return status;
}

const lls_method lls_method_muxserve = {
    .name = "muxserve",
    .summary = "meshes of GPUs that models share, each on one of them, by estimated throughput "
               "(Duan et al., ICML 2024, reconstructed)",
    .plan = plan_muxserve,
};
