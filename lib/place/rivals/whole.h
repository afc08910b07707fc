/* SPDX-License-Identifier: Apache-2.0 */
/* Whole GPUs: what the planners that know no shares have in common. */
#ifndef LLS_PLACE_WHOLE_H
#define LLS_PLACE_WHOLE_H

#include "place/rivals/rival.h"

/* For each model with demand its configuration of the least tensor-parallel degree that fits whole
 * GPUs, of equal ones the first; LLS_NONE32 for others. *misfit: the first model with demand that
 * has none, or LLS_NONE32. The array is the caller's to free; NULL: no memory. */
uint32_t *lls_whole_configs(lls_rival *rival, uint32_t *misfit);
/* The answer where a model has none. */
void lls_whole_refuse(lls_rival *rival, uint32_t model);

#endif
