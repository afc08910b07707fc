/* SPDX-License-Identifier: Apache-2.0 */
/* A plan of what a rival has chosen: one configuration of each model, and GPUs for its replicas. */
#ifndef LLS_PLACE_RIVAL_H
#define LLS_PLACE_RIVAL_H

#include "place/internal.h"

/*
 * Replaces every menu of an instance by one item: the model's configuration in so many replicas,
 * whose latency is infinite where they are overloaded. configs and replicas are by model of the
 * planner. false: no memory.
 */
bool lls_rival_fix(lls_instance *instance, const uint32_t *configs, const uint32_t *replicas);
/* Room for the GPUs of the fixed items' replicas, in the order of the menus; *entries: how many. */
uint32_t *lls_rival_gpus(const lls_instance *instance, uint32_t *entries);
/* The plan of the fixed items on these GPUs, which it takes over. */
llmsched_status lls_rival_plan(const lls_instance *instance, const lls_planning *planning,
                               uint32_t *gpus, uint32_t entries, llmsched_plan **plan,
                               llmsched_error *err);

#endif
