/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best that a patient operator of Kubernetes could set by hand: whole GPUs, the least
 * tensor-parallel degree that fits, and any number of replicas; the least weighted latency of all
 * splits, found by the search on menus of these configurations alone (docs/algorithms.md
 * section 8.7).
 */
#include "place/rivals/rivals.h"
#include "place/rivals/whole.h"

/* Puts configs in *found; NULL: the rival's plan says why there are none. */
static llmsched_status find_configs(lls_rival *rival, uint32_t **found, llmsched_error *err)
{
    uint32_t misfit;
    *found = lls_whole_configs(rival, &misfit);
    if (*found == NULL)
        return lls_fail_memory(err);
    if (misfit != LLS_NONE32) {
        lls_whole_refuse(rival, misfit);
        lls_free(rival->instance.planner->context, *found);
        *found = NULL;
    }
    return LLMSCHED_OK;
}

llmsched_status lls_plan_best_manual(const llmsched_planner *planner, const lls_planning *planning,
                                     llmsched_plan **plan, llmsched_error *err)
{
    lls_rival rival;
    uint32_t *configs = NULL;
    llmsched_plan *refusal = NULL;
    llmsched_status status = lls_rival_init(&rival, planner, planning, err);
    if (status != LLMSCHED_OK)
        return status;
    status = find_configs(&rival, &configs, err);
    status = lls_rival_finish(&rival, status, &refusal, err);
    if (status != LLMSCHED_OK || configs == NULL) {
        lls_free(planner->context, configs);
        *plan = status == LLMSCHED_OK ? refusal : *plan;
        return status;
    }
    llmsched_plan_release(refusal); /* an empty one */
    lls_planning whole = *planning;
    whole.only = configs;
    status = lls_plan_by_search(planner, &whole, plan, err);
    lls_free(planner->context, configs);
    return status;
}
