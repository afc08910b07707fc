/* SPDX-License-Identifier: Apache-2.0 */
/* The way that Kubernetes gives GPUs to models: whole ones, as few a replica as the model fits. */
#include "place/rivals/whole.h"

#include <stdio.h>

static bool fits(lls_cluster *cluster, const lls_model *model, uint32_t config, double tokens,
                 bool *ok)
{
    const lls_config *c = &model->configs[config];
    if (c->share < 1.0 - LLS_PLACE_SLACK)
        return false;
    const lls_slots *slots = lls_cluster_slots(cluster, c->kind, c->tp);
    *ok = *ok && slots != NULL;
    return *ok && lls_slots_hold(slots, 1.0, lls_replica_bytes(model, c->tp, c->max_batch, tokens),
                                 c->bandwidth) > 0;
}

static uint32_t least_tp(lls_cluster *cluster, const lls_model *model, double tokens, bool *ok)
{
    uint32_t best = LLS_NONE32;
    for (uint32_t c = 0; c < model->config_count; c++)
        if ((best == LLS_NONE32 || model->configs[c].tp < model->configs[best].tp) &&
            fits(cluster, model, c, tokens, ok))
            best = c;
    return best;
}

uint32_t *lls_whole_configs(const llmsched_planner *planner, const lls_planning *planning,
                            const lls_demands *demands, uint32_t *misfit)
{
    lls_cluster cluster;
    uint32_t *configs = lls_calloc(planner->context, planner->model_count, sizeof *configs);
    bool ok = configs != NULL && lls_cluster_init(&cluster, planner, planning->gpu_count);
    if (!ok) {
        lls_free(planner->context, configs);
        return NULL;
    }
    *misfit = LLS_NONE32;
    for (uint32_t m = 0; m < planner->model_count; m++) {
        bool wanted = demands->models[m].load > 0.0;
        configs[m] =
            wanted ? least_tp(&cluster, &planner->models[m], demands->models[m].tokens, &ok)
                   : LLS_NONE32;
        if (wanted && configs[m] == LLS_NONE32 && *misfit == LLS_NONE32)
            *misfit = m;
    }
    lls_cluster_finish(&cluster);
    if (!ok) {
        lls_free(planner->context, configs);
        return NULL;
    }
    return configs;
}

llmsched_status lls_whole_refuse(const llmsched_planner *planner, const lls_planning *planning,
                                 uint32_t model, llmsched_plan **plan, llmsched_error *err)
{
    char reason[160];
    snprintf(reason, sizeof reason, "no configuration of model \"%.60s\" fits whole GPUs",
             planner->models[model].name);
    return lls_plan_refuse(planner, planning, LLMSCHED_BINDING_MEMORY, reason,
                           "a configuration of share 1 on more, or larger, GPUs", plan, err);
}
