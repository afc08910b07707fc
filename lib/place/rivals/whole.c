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

uint32_t *lls_whole_configs(lls_rival *rival, uint32_t *misfit)
{
    const llmsched_planner *planner = rival->instance.planner;
    const lls_demand *demands = rival->instance.demands.models;
    uint32_t *configs = lls_calloc(planner->context, planner->model_count, sizeof *configs);
    bool ok = configs != NULL;
    *misfit = LLS_NONE32;
    for (uint32_t m = 0; ok && m < planner->model_count; m++) {
        configs[m] = LLS_NONE32;
        if (demands[m].load <= 0.0)
            continue;
        configs[m] = least_tp(&rival->cluster, &planner->models[m], demands[m].tokens, &ok);
        if (configs[m] == LLS_NONE32 && *misfit == LLS_NONE32)
            *misfit = m;
    }
    if (!ok) {
        lls_free(planner->context, configs);
        return NULL;
    }
    return configs;
}

void lls_whole_refuse(lls_rival *rival, uint32_t model)
{
    char reason[160];
    snprintf(reason, sizeof reason, "no configuration of model %.60s fits whole GPUs",
             rival->instance.planner->models[model].name);
    lls_rival_refuse(rival, LLMSCHED_BINDING_MEMORY, reason,
                     "a configuration of share 1 on more GPUs, or on larger ones");
}
