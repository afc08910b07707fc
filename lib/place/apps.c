/* SPDX-License-Identifier: Apache-2.0 */
/* Applications: a graph of stages, or a summary of calls. */
#include "place/internal.h"

#include <stdio.h>
#include <string.h>

void lls_app_finish(const llmsched_context *context, lls_app *app)
{
    for (uint32_t s = 0; s < app->stage_count; s++) {
        lls_free(context, app->stages[s].id);
        lls_free(context, app->stages[s].parents);
    }
    lls_free(context, app->stages);
    lls_free(context, app->calls);
    lls_free(context, app->name);
    lls_map_finish(&app->stage_numbers);
}

/* --- applications -------------------------------------------------------------------- */

static llmsched_status check_app(const llmsched_planner *planner, const llmsched_app *app,
                                 const char *where, llmsched_error *err)
{
    llmsched_status status = lls_check_name(app->name, where, "name", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(app->rate_per_s, where, "rate_per_s", err);
    if (status == LLMSCHED_OK && (app->flags & LLMSCHED_APP_HAS_WEIGHT) != 0)
        status = lls_check_quantity(app->weight, where, "weight", err);
    if (status == LLMSCHED_OK && app->max_latency_s != 0.0)
        status = lls_check_positive(app->max_latency_s, where, "max_latency_s", err);
    if (status == LLMSCHED_OK && lls_map_get_str(&planner->app_numbers, app->name) != LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                        "%sname: \"%.80s\" is there already: names must be unique", where,
                        app->name);
    return status;
}

llmsched_status lls_app_add(llmsched_planner *planner, const llmsched_app *app, const char *where,
                            llmsched_error *err)
{
    char own[LLS_WHERE_BYTES];
    snprintf(own, sizeof own, "application \"%.80s\": ", app->name != NULL ? app->name : "");
    llmsched_status status = check_app(planner, app, where != NULL ? where : own, err);
    if (status != LLMSCHED_OK)
        return status;
    void *grown = planner->apps;
    bool ok = lls_grow(planner->context, &grown, &planner->app_capacity,
                       (size_t)planner->app_count + 1, sizeof *planner->apps);
    planner->apps = grown;
    char *name = ok ? lls_strdup(planner->context, app->name) : NULL;
    if (name == NULL || !lls_map_put_str(&planner->app_numbers, name, planner->app_count)) {
        lls_free(planner->context, name);
        return lls_fail_memory(err);
    }
    bool weighted = (app->flags & LLMSCHED_APP_HAS_WEIGHT) != 0;
    lls_app *made = &planner->apps[planner->app_count++];
    *made = (lls_app){.name = name,
                      .rate = app->rate_per_s,
                      .weight = weighted ? app->weight : 1.0,
                      .max_latency = app->max_latency_s};
    lls_map_init(&made->stage_numbers, planner->context);
    return LLMSCHED_OK;
}

llmsched_status llmsched_planner_add_app(llmsched_planner *planner, const llmsched_app *app,
                                         uint32_t *index, llmsched_error *err)
{
    if (planner == NULL || app == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "app");
    llmsched_app given;
    llmsched_status status =
        lls_sized_in(&given, sizeof given, app, sizeof given, "llmsched_app", err);
    if (status == LLMSCHED_OK)
        status = lls_app_add(planner, &given, NULL, err);
    if (status == LLMSCHED_OK && index != NULL)
        *index = planner->app_count - 1;
    return status;
}

static llmsched_status find_app(const llmsched_planner *planner, uint32_t app, const void *argument,
                                const char *name, llmsched_error *err)
{
    if (planner == NULL || argument == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : name);
    if (app >= planner->app_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "no application %u: the planner has %u",
                        (unsigned)app, (unsigned)planner->app_count);
    return LLMSCHED_OK;
}

/* --- stages ----------------------------------------------------------------------------- */

static llmsched_status check_model_name(const llmsched_planner *planner, const char *model,
                                        const char *where, llmsched_error *err)
{
    llmsched_status status = lls_check_name(model, where, "model", err);
    if (status == LLMSCHED_OK && lls_find_model(planner, model) == LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "%smodel: no model is called \"%.80s\": add it before", where, model);
    return status;
}

static llmsched_status check_parents(const lls_app *app, const llmsched_app_stage *stage,
                                     const char *where, llmsched_error *err)
{
    if (stage->parent_count > 0 && stage->parents == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%sparents: must not be NULL", where);
    if (stage->parent_count > app->stage_count)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "%sparents: are %u, of %u earlier stages: give each once", where,
                        (unsigned)stage->parent_count, (unsigned)app->stage_count);
    for (uint32_t i = 0; i < stage->parent_count; i++) {
        if (stage->parents[i] >= app->stage_count)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "%sparents[%u]: is %u, of %u stages: expected an earlier stage", where,
                            (unsigned)i, (unsigned)stage->parents[i], (unsigned)app->stage_count);
        for (uint32_t j = 0; j < i; j++)
            if (stage->parents[j] == stage->parents[i])
                return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                                "%sparents[%u]: stage %u is one already: give each once", where,
                                (unsigned)i, (unsigned)stage->parents[i]);
    }
    return LLMSCHED_OK;
}

static llmsched_status check_tokens(double prompt, double output, const char *where,
                                    llmsched_error *err)
{
    llmsched_status status = lls_check_quantity(prompt, where, "prompt_tokens", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(output, where, "output_tokens", err);
    return status;
}

static llmsched_status check_stage(const llmsched_planner *planner, const lls_app *app,
                                   const llmsched_app_stage *stage, const char *where,
                                   llmsched_error *err)
{
    llmsched_status status = lls_check_name(stage->id, where, "id", err);
    if (status == LLMSCHED_OK && stage->model != NULL)
        status = check_model_name(planner, stage->model, where, err);
    if (status == LLMSCHED_OK && stage->tasks != 0.0)
        status = lls_check_positive(stage->tasks, where, "tasks", err);
    if (status == LLMSCHED_OK && (stage->flags & LLMSCHED_STAGE_HAS_PROBABILITY) != 0) {
        status = lls_check_quantity(stage->probability, where, "probability", err);
        if (status == LLMSCHED_OK && stage->probability > 1.0)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "%sprobability: is %g: expected a number in 0 .. 1", where,
                            stage->probability);
    }
    if (status == LLMSCHED_OK)
        status = check_tokens(stage->prompt_tokens, stage->output_tokens, where, err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(stage->duration_s, where, "duration_s", err);
    if (status == LLMSCHED_OK)
        status = check_parents(app, stage, where, err);
    if (status == LLMSCHED_OK && lls_map_get_str(&app->stage_numbers, stage->id) != LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                        "%sid: \"%.80s\" is there already: ids must be unique in an application",
                        where, stage->id);
    if (status == LLMSCHED_OK && app->call_count > 0)
        return lls_fail(err, LLMSCHED_ERROR_STATE,
                        "%sapplication \"%.80s\" has calls: give stages or calls, not both", where,
                        app->name);
    return status;
}

static bool append_stage(const llmsched_planner *planner, lls_app *app,
                         const llmsched_app_stage *stage)
{
    const llmsched_context *context = planner->context;
    void *grown = app->stages;
    bool ok = lls_grow(context, &grown, &app->stage_capacity, (size_t)app->stage_count + 1,
                       sizeof *app->stages);
    app->stages = grown;
    uint32_t *parents = ok ? lls_calloc(context, stage->parent_count, sizeof *parents) : NULL;
    char *id = parents != NULL ? lls_strdup(context, stage->id) : NULL;
    if (id == NULL || !lls_map_put_str(&app->stage_numbers, id, app->stage_count)) {
        lls_free(context, id);
        lls_free(context, parents);
        return false;
    }
    if (stage->parent_count > 0)
        memcpy(parents, stage->parents, stage->parent_count * sizeof *parents);
    bool likely = (stage->flags & LLMSCHED_STAGE_HAS_PROBABILITY) != 0;
    app->stages[app->stage_count++] = (lls_app_stage){
        .id = id,
        .model = stage->model != NULL ? lls_find_model(planner, stage->model) : LLS_NONE32,
        .parent_count = stage->parent_count,
        .parents = parents,
        .tasks = stage->tasks != 0.0 ? stage->tasks : 1.0,
        .probability = likely ? stage->probability : 1.0,
        .prompt = stage->prompt_tokens,
        .output = stage->output_tokens,
        .duration = stage->duration_s};
    return true;
}

llmsched_status lls_app_stage_add(llmsched_planner *planner, uint32_t number,
                                  const llmsched_app_stage *stage, const char *where,
                                  llmsched_error *err)
{
    lls_app *app = &planner->apps[number];
    char own[LLS_WHERE_BYTES];
    snprintf(own, sizeof own, "stage \"%.80s\": ", stage->id != NULL ? stage->id : "");
    llmsched_status status = check_stage(planner, app, stage, where != NULL ? where : own, err);
    if (status == LLMSCHED_OK && !append_stage(planner, app, stage))
        return lls_fail_memory(err);
    return status;
}

llmsched_status llmsched_planner_add_app_stage(llmsched_planner *planner, uint32_t app,
                                               const llmsched_app_stage *stage, uint32_t *index,
                                               llmsched_error *err)
{
    llmsched_status status = find_app(planner, app, stage, "stage", err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_app_stage given;
    status = lls_sized_in(&given, sizeof given, stage, sizeof given, "llmsched_app_stage", err);
    if (status == LLMSCHED_OK)
        status = lls_app_stage_add(planner, app, &given, NULL, err);
    if (status == LLMSCHED_OK && index != NULL)
        *index = planner->apps[app].stage_count - 1;
    return status;
}

/* --- calls ---------------------------------------------------------------------------------- */

static llmsched_status check_call(const llmsched_planner *planner, const lls_app *app,
                                  const llmsched_app_call *call, const char *where,
                                  llmsched_error *err)
{
    llmsched_status status = check_model_name(planner, call->model, where, err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(call->calls, where, "calls", err);
    if (status == LLMSCHED_OK && call->overlap != 0.0)
        status = lls_check_positive(call->overlap, where, "overlap", err);
    if (status == LLMSCHED_OK && call->group != 0.0)
        status = lls_check_positive(call->group, where, "group", err);
    if (status == LLMSCHED_OK)
        status = check_tokens(call->prompt_tokens, call->output_tokens, where, err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(call->context_tokens, where, "context_tokens", err);
    if (status == LLMSCHED_OK && app->stage_count > 0)
        return lls_fail(err, LLMSCHED_ERROR_STATE,
                        "%sapplication \"%.80s\" has stages: give stages or calls, not both", where,
                        app->name);
    return status;
}

llmsched_status lls_app_call_add(llmsched_planner *planner, uint32_t number,
                                 const llmsched_app_call *call, const char *where,
                                 llmsched_error *err)
{
    lls_app *app = &planner->apps[number];
    char own[LLS_WHERE_BYTES];
    snprintf(own, sizeof own, "call of \"%.80s\": ", call->model != NULL ? call->model : "");
    llmsched_status status = check_call(planner, app, call, where != NULL ? where : own, err);
    if (status != LLMSCHED_OK)
        return status;
    void *grown = app->calls;
    bool ok = lls_grow(planner->context, &grown, &app->call_capacity, (size_t)app->call_count + 1,
                       sizeof *app->calls);
    app->calls = grown;
    if (!ok)
        return lls_fail_memory(err);
    double overlap = call->overlap != 0.0 ? call->overlap : 1.0;
    double context = call->prompt_tokens + call->output_tokens / 2.0;
    app->calls[app->call_count++] =
        (lls_app_call){.model = lls_find_model(planner, call->model),
                       .calls = call->calls,
                       .overlap = overlap,
                       .group = call->group != 0.0 ? call->group : overlap,
                       .prompt = call->prompt_tokens,
                       .output = call->output_tokens,
                       .context = call->context_tokens != 0.0 ? call->context_tokens : context};
    return LLMSCHED_OK;
}

llmsched_status llmsched_planner_add_app_call(llmsched_planner *planner, uint32_t app,
                                              const llmsched_app_call *call, llmsched_error *err)
{
    llmsched_status status = find_app(planner, app, call, "call", err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_app_call given;
    status = lls_sized_in(&given, sizeof given, call, sizeof given, "llmsched_app_call", err);
    if (status == LLMSCHED_OK)
        status = lls_app_call_add(planner, app, &given, NULL, err);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

uint32_t llmsched_planner_app_count(const llmsched_planner *planner)
{
    return planner != NULL ? planner->app_count : 0;
}

llmsched_status llmsched_planner_get_app(const llmsched_planner *planner, uint32_t index,
                                         llmsched_app *app, llmsched_error *err)
{
    llmsched_status status = find_app(planner, index, app, "app", err);
    if (status != LLMSCHED_OK)
        return status;
    const lls_app *a = &planner->apps[index];
    llmsched_app now = {.size = sizeof now,
                        .flags = LLMSCHED_APP_HAS_WEIGHT,
                        .name = a->name,
                        .rate_per_s = a->rate,
                        .weight = a->weight,
                        .max_latency_s = a->max_latency};
    return lls_sized_out(app, &now, sizeof now, sizeof now, "llmsched_app", err);
}
