/* SPDX-License-Identifier: Apache-2.0 */
/* MuxServe's placement. */
#ifndef LLS_PLACE_MUXSERVE_H
#define LLS_PLACE_MUXSERVE_H

#include "place/internal.h"

/* Where every model with demand goes: one replica of one configuration on one mesh. */
typedef struct lls_mux_guest {
    uint32_t model, config;
    uint32_t domain, position; /* of the mesh's first GPU */
} lls_mux_guest;

typedef struct lls_mux_placement {
    lls_mux_guest *guests; /* in the order of the models */
    uint32_t count;
    double throughput; /* estimated, calls per second of all models */
} lls_mux_placement;

/* LLMSCHED_NONE: no split has room for every model. */
llmsched_status lls_mux_place(const lls_cluster *cluster, const lls_demands *demands,
                              lls_mux_placement *placement, llmsched_error *err);
void lls_mux_finish(const llmsched_context *context, lls_mux_placement *placement);

#endif
