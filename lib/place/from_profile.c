/* SPDX-License-Identifier: Apache-2.0 */
/* Applications from what profiles have learned of their calls (docs/algorithms.md section 2). */
#include "place/internal.h"

#include <stdio.h>

/* Calls of stages that name no model are of the planner's only one. */
static llmsched_status name_model(const llmsched_planner *planner, const char *where,
                                  const char **model, llmsched_error *err)
{
    if (*model != NULL)
        return LLMSCHED_OK;
    if (planner->model_count != 1)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "%sits stages name no model, and the planner has %u: expected one", where,
                        (unsigned)planner->model_count);
    *model = planner->models[0].name;
    return LLMSCHED_OK;
}

static llmsched_status add_calls(llmsched_planner *planner, const llmsched_profile *profile,
                                 const char *where, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    uint32_t count = llmsched_profile_call_count(profile);
    for (uint32_t i = 0; i < count && status == LLMSCHED_OK; i++) {
        llmsched_profile_call learned = {.size = sizeof learned};
        status = llmsched_profile_get_call(profile, i, &learned, err);
        if (status == LLMSCHED_OK)
            status = name_model(planner, where, &learned.model, err);
        if (status != LLMSCHED_OK)
            return status;
        llmsched_app_call call = {.size = sizeof call,
                                  .model = learned.model,
                                  .calls = learned.calls,
                                  .overlap = learned.overlap,
                                  .prompt_tokens = learned.prompt_tokens,
                                  .output_tokens = learned.output_tokens,
                                  .group = learned.group,
                                  .context_tokens = learned.context_tokens};
        status = lls_app_call_add(planner, planner->app_count - 1, &call, where, err);
    }
    return status;
}

static llmsched_status add_profile(llmsched_planner *planner, llmsched_app *app,
                                   const llmsched_profile *profile, llmsched_error *err)
{
    char where[LLS_WHERE_BYTES];
    const char *name = llmsched_profile_name(profile);
    if (llmsched_profile_call_count(profile) == 0)
        return lls_fail(err, LLMSCHED_ERROR_STATE,
                        "profile %.80s knows no calls: its runs have none, or it was kept without "
                        "them; fit it anew",
                        name);
    app->name = app->name != NULL ? app->name : name;
    llmsched_status status = lls_app_add(planner, app, NULL, err);
    if (status != LLMSCHED_OK)
        return status;
    snprintf(where, sizeof where, "profile %.80s: ", name);
    return add_calls(planner, profile, where, err);
}

llmsched_status llmsched_planner_add_profile(llmsched_planner *planner, const llmsched_app *app,
                                             const llmsched_profile *profile, uint32_t *index,
                                             llmsched_error *err)
{
    if (planner == NULL || app == NULL || profile == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner"
                        : app == NULL   ? "app"
                                        : "profile");
    llmsched_app given;
    llmsched_status status =
        lls_sized_in(&given, sizeof given, app, sizeof given, "llmsched_app", err);
    if (status != LLMSCHED_OK)
        return status;
    lls_planner_mark mark = lls_planner_get_mark(planner);
    status = add_profile(planner, &given, profile, err);
    if (status != LLMSCHED_OK)
        lls_planner_roll_back(planner, mark);
    else if (index != NULL)
        *index = planner->app_count - 1;
    return status;
}
