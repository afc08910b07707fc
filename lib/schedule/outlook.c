/* SPDX-License-Identifier: Apache-2.0 */
/* What a template says of what follows a stage: the longest ways down from it. */
#include "schedule/internal.h"

static void look_out(const llmsched_profile *profile, uint32_t stage, lls_outlook *outlooks)
{
    const llmsched_dag *dag = profile->dag;
    double path_s = 0;
    uint32_t path_stages = 0;
    for (uint32_t i = dag->child_start[stage]; i < dag->child_start[stage + 1]; i++) {
        const lls_outlook *child = &outlooks[dag->children[i]];
        path_s = child->path_s > path_s ? child->path_s : path_s;
        path_stages = child->path_stages > path_stages ? child->path_stages : path_stages;
    }
    double mean_s = profile->stages[stage].mean_span;
    outlooks[stage] =
        (lls_outlook){.mean_s = mean_s,
                      .path_s = mean_s + path_s,
                      .path_stages = 1 + path_stages,
                      .child_stages = dag->child_start[stage + 1] - dag->child_start[stage]};
}

lls_outlook *lls_outlooks_create(const llmsched_context *context, const llmsched_profile *profile)
{
    lls_outlook *outlooks = lls_calloc(context, profile->stage_count, sizeof *outlooks);
    for (uint32_t i = profile->stage_count; outlooks != NULL && i-- > 0;)
        look_out(profile, profile->dag->order[i], outlooks);
    return outlooks;
}
