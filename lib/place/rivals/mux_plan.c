/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of MuxServe's placement. */
#include "place/rivals/muxserve.h"
#include "place/rivals/rival.h"
#include "place/rivals/rivals.h"

static llmsched_status add_guests(lls_rival *rival, const lls_mux_placement *placement,
                                  llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; status == LLMSCHED_OK && i < placement->count; i++) {
        const lls_mux_guest *guest = &placement->guests[i];
        const uint32_t *gpus =
            rival->cluster.ordered + rival->cluster.domain_start[guest->domain] + guest->position;
        status = lls_rival_add(rival, guest->model, guest->config, gpus, err);
    }
    return status;
}

llmsched_status lls_plan_muxserve(const llmsched_planner *planner, const lls_planning *planning,
                                  llmsched_plan **plan, llmsched_error *err)
{
    lls_rival rival;
    lls_mux_placement placement;
    llmsched_status status = lls_method_options(planning, NULL, 0, err);
    if (status == LLMSCHED_OK)
        status = lls_rival_init(&rival, planner, planning, err);
    if (status != LLMSCHED_OK)
        return status;
    status = lls_mux_place(&rival.cluster, &rival.instance.demands, &placement, err);
    if (status == LLMSCHED_OK) {
        status = add_guests(&rival, &placement, err);
        lls_mux_finish(planner->context, &placement);
    } else if (status == LLMSCHED_NONE) {
        lls_rival_refuse(&rival, LLMSCHED_BINDING_MEMORY,
                         "no split into meshes has room for every model",
                         "more GPUs, or smaller models");
        status = LLMSCHED_OK;
    }
    return lls_rival_finish(&rival, status, plan, err);
}
