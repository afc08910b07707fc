/* SPDX-License-Identifier: Apache-2.0 */
/* What plans of rivals have in common: they are put together and predicted, not searched for. */
#ifndef LLS_PLACE_RIVAL_H
#define LLS_PLACE_RIVAL_H

#include "place/internal.h"

typedef struct lls_rival {
    const lls_planning *planning;
    lls_instance instance; /* without menus */
    lls_cluster cluster;
    llmsched_plan *plan;
} lls_rival;

/* An empty plan. */
llmsched_status lls_rival_init(lls_rival *rival, const llmsched_planner *planner,
                               const lls_planning *planning, llmsched_error *err);
/* The model of the planner, on as many of these GPUs as the configuration's tp. */
llmsched_status lls_rival_add(lls_rival *rival, uint32_t model, uint32_t config,
                              const uint32_t *gpus, llmsched_error *err);
/* There is no plan. */
void lls_rival_refuse(lls_rival *rival, uint32_t binding, const char *reason, const char *lift);
/* Predicts what was put together and hands it out, where status is LLMSCHED_OK; ends the rival
 * either way. */
llmsched_status lls_rival_finish(lls_rival *rival, llmsched_status status, llmsched_plan **plan,
                                 llmsched_error *err);
/* Ends it without a plan. */
void lls_rival_drop(lls_rival *rival);

#endif
