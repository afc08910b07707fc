/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best that a patient operator of Kubernetes could set by hand: whole GPUs, the least
 * tensor-parallel degree that fits, and any number of replicas; the least weighted latency of all
 * splits, found by the search on menus of these configurations alone (docs/algorithms.md
 * section 8.7).
 */
#include "place/rivals/rivals.h"
#include "place/rivals/whole.h"

/* Puts configs in *found, or the plan that says why there are none in *plan. */
static llmsched_status find_configs(const llmsched_planner *planner, const lls_planning *planning,
                                    uint32_t **found, llmsched_plan **plan, llmsched_error *err)
{
    lls_rival rival;
    uint32_t misfit;
    llmsched_status status = lls_rival_init(&rival, planner, planning, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t *configs = lls_whole_configs(&rival, &misfit);
    if (configs != NULL && misfit == LLS_NONE32) {
        *found = configs;
        lls_rival_drop(&rival);
        return LLMSCHED_OK;
    }
    if (configs != NULL)
        lls_whole_refuse(&rival, misfit);
    lls_free(planner->context, configs);
    status = configs != NULL ? LLMSCHED_OK : lls_fail_memory(err);
    return lls_rival_finish(&rival, status, plan, err);
}

llmsched_status lls_plan_best_manual(const llmsched_planner *planner, const lls_planning *planning,
                                     llmsched_plan **plan, llmsched_error *err)
{
    uint32_t *configs = NULL;
    llmsched_status status = lls_method_options(planning, NULL, 0, err);
    if (status == LLMSCHED_OK)
        status = find_configs(planner, planning, &configs, plan, err);
    if (status != LLMSCHED_OK || configs == NULL)
        return status;
    lls_planning whole = *planning;
    whole.only = configs;
    status = lls_plan_by_search(planner, &whole, plan, err);
    lls_free(planner->context, configs);
    return status;
}
