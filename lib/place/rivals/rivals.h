/* SPDX-License-Identifier: Apache-2.0 */
/* The planners beside which ours is measured (docs/algorithms.md section 8.7). */
#ifndef LLS_PLACE_RIVALS_H
#define LLS_PLACE_RIVALS_H

#include "place/internal.h"

extern const lls_method lls_method_k8s, lls_method_kserve, lls_method_best_manual,
    lls_method_muxserve;

#endif
