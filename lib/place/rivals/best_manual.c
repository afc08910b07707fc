/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best that a patient operator of Kubernetes could set by hand: whole GPUs, the least
 * tensor-parallel degree that fits, and any number of replicas; the least weighted latency of all
 * splits (docs/algorithms.md section 8.7).
 */
#include "place/rivals/rivals.h"

#include "place/rivals/whole.h"

static llmsched_status plan_only(const llmsched_planner *planner, const lls_planning *planning,
                                 const uint32_t *configs, llmsched_plan **plan, llmsched_error *err)
{
    lls_planning whole = *planning;
    whole.only = configs;
    return lls_plan_search(planner, &whole, plan, err);
}

static llmsched_status plan_best_manual(const llmsched_planner *planner,
                                        const lls_planning *planning, llmsched_plan **plan,
                                        llmsched_error *err)
{
    lls_demands demands;
    llmsched_status status = lls_method_options(planning, NULL, 0, err);
    if (status == LLMSCHED_OK)
        status = lls_demands_init(&demands, planner, planning->rate_factor, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t misfit;
    uint32_t *configs = lls_whole_configs(planner, planning, &demands, &misfit);
    lls_demands_finish(&demands, planner->context);
    if (configs == NULL)
        return lls_fail_memory(err);
    status = misfit != LLS_NONE32 ? lls_whole_refuse(planner, planning, misfit, plan, err)
                                  : plan_only(planner, planning, configs, plan, err);
    lls_free(planner->context, configs);
    return status;
}

const lls_method lls_method_best_manual = {
    .name = "best-manual",
    .summary = "whole GPUs, least tensor parallelism that fits, the replicas of least weighted "
               "latency: the best static setting of Kubernetes",
    .plan = plan_best_manual,
};
