/* SPDX-License-Identifier: Apache-2.0 */
/* The planners beside which ours is measured, in the form of lls_method's plan
 * (docs/algorithms.md section 8.7). */
#ifndef LLS_PLACE_RIVALS_H
#define LLS_PLACE_RIVALS_H

#include "place/internal.h"

llmsched_status lls_plan_k8s(const llmsched_planner *planner, const lls_planning *planning,
                             llmsched_plan **plan, llmsched_error *err);
llmsched_status lls_plan_kserve(const llmsched_planner *planner, const lls_planning *planning,
                                llmsched_plan **plan, llmsched_error *err);
llmsched_status lls_plan_best_manual(const llmsched_planner *planner, const lls_planning *planning,
                                     llmsched_plan **plan, llmsched_error *err);
llmsched_status lls_plan_muxserve(const llmsched_planner *planner, const lls_planning *planning,
                                  llmsched_plan **plan, llmsched_error *err);

#endif
