/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LLS_PROFILE_FOREST_JSON_H
#define LLS_PROFILE_FOREST_JSON_H

#include "profile/internal.h"

/* NULL: memory ran out. The profile must have trees. */
lls_json *lls_forests_to_json(const llmsched_profile *p);
/* Leaves the profile without trees when it has no "progress". After the classes are indexed. */
llmsched_status lls_forests_from_json(llmsched_profile *p, const lls_json *profile,
                                      llmsched_error *err);

#endif
