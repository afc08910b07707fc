/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library reads applications with their stages or calls. Where one names a profile, the calls
 * that it has learned are put in its place before the library reads the document.
 */
#include "apps.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "profiles.h"

struct filling {
    llmsched_context *context;
    const llmsched_planner *planner;
    struct place place;
    uint32_t filled; /* applications that named a profile */
};

/* A path in a document is from the folder in which the document lies. */
static char *path_beside(const char *document, const char *path)
{
    const char *slash = strrchr(document, '/');
    return path[0] == '/' || slash == NULL
               ? copy_text(path)
               : format_text("%.*s/%s", (int)(slash - document), document, path);
}

/* Whose calls are of stages that name no model: what the application says, else the planner's only
 * model. */
static bool default_model(const struct filling *f, const cJSON *app, const char **model)
{
    llmsched_model only = {.size = sizeof only};
    if (json_member(app, "model") != NULL)
        return json_get_string(&f->place, app, "model", model);
    if (llmsched_planner_model_count(f->planner) != 1 ||
        llmsched_planner_get_model(f->planner, 0, &only, NULL) != LLMSCHED_OK)
        return json_expected(&f->place, "model", "the model of the stages that name none");
    *model = only.name;
    return true;
}

/* cJSON prints 15 digits where these are near enough. */
static bool add_exactly(cJSON *object, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return cJSON_AddRawToObject(object, key, text) != NULL;
}

static bool add_call(const struct filling *f, const cJSON *app, const llmsched_profile_call *call,
                     cJSON *calls)
{
    const char *model = call->model;
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"calls", call->calls},
                   {"overlap", call->overlap},
                   {"group", call->group},
                   {"prompt_tokens", call->prompt_tokens},
                   {"output_tokens", call->output_tokens},
                   {"context_tokens", call->context_tokens}};
    if (model == NULL && !default_model(f, app, &model))
        return false;
    cJSON *object = cJSON_CreateObject();
    bool good = cJSON_AddStringToObject(object, "model", model) != NULL;
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        good = good && add_exactly(object, numbers[i].key, numbers[i].value);
    if (good && cJSON_AddItemToArray(calls, object))
        return true;
    cJSON_Delete(object);
    return no_result(f->place.problem, "out of memory");
}

static bool add_calls(struct filling *f, cJSON *app, const llmsched_profile *profile)
{
    uint32_t count = llmsched_profile_call_count(profile);
    if (count == 0)
        return json_expected(&f->place, "profile",
                             "a profile with \"calls\": learn it anew from runs that call models");
    cJSON_DeleteItemFromObjectCaseSensitive(app, "calls"); /* a null would be a second one */
    cJSON *calls = cJSON_AddArrayToObject(app, "calls");
    bool good = calls != NULL;
    if (json_member(app, "name") == NULL) {
        const char *name = llmsched_profile_name(profile);
        cJSON_DeleteItemFromObjectCaseSensitive(app, "name");
        good = good && cJSON_AddStringToObject(app, "name", name) != NULL;
    }
    if (!good)
        return no_result(f->place.problem, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        llmsched_profile_call call = {.size = sizeof call};
        llmsched_error err = {.size = sizeof err};
        if (llmsched_profile_get_call(profile, i, &call, &err) != LLMSCHED_OK)
            return library_failed(f->place.problem, f->place.path, &err);
        if (!add_call(f, app, &call, calls))
            return false;
    }
    return true;
}

static bool fill_app(struct filling *f, cJSON *app)
{
    const char *name;
    if (json_member(app, "profile") == NULL)
        return true;
    if (!json_get_string(&f->place, app, "profile", &name))
        return false;
    if (json_member(app, "stages") != NULL || json_member(app, "calls") != NULL)
        return json_expected(&f->place, "profile", "no stages and no calls beside it");
    char *path = path_beside(f->place.path, name);
    llmsched_profile *profile = profile_load(f->context, path, f->place.problem);
    bool good = profile != NULL && add_calls(f, app, profile);
    llmsched_profile_release(profile);
    free(path);
    f->filled++;
    return good;
}

static bool fill(struct filling *f, cJSON *document)
{
    cJSON *apps = cJSON_GetObjectItemCaseSensitive(document, "apps"), *app;
    uint32_t number = 0;
    if (!cJSON_IsArray(apps))
        return true; /* which the library refuses */
    cJSON_ArrayForEach(app, apps) {
        snprintf(f->place.where, sizeof f->place.where, "apps[%u]", number++);
        if (!fill_app(f, app))
            return false;
    }
    return true;
}

/* text: as it stands in the file, for lines in messages. */
static bool read_filled(llmsched_planner *planner, const char *filled, const struct place *place)
{
    llmsched_error err = {.size = sizeof err};
    if (llmsched_planner_read_apps(planner, filled, strlen(filled), &err) == LLMSCHED_OK)
        return true;
    if (filled != place->text)
        err.line = err.column = 0; /* those of the filled document tell nothing */
    return document_failed(place->problem, place->path, place->text, &err);
}

bool apps_read(llmsched_context *context, llmsched_planner *planner, const char *path,
               struct problem *problem)
{
    char *text, *printed = NULL;
    size_t length;
    if (!read_document(path, &text, &length, problem))
        return false;
    struct filling f = {.context = context,
                        .planner = planner,
                        .place = {.path = path, .text = text, .problem = problem}};
    cJSON *document = json_parse(text, length, &f.place);
    bool good = document != NULL && fill(&f, document);
    if (good && f.filled > 0) {
        printed = cJSON_PrintUnformatted(document);
        good = printed != NULL || no_result(problem, "out of memory");
    }
    good = good && read_filled(planner, printed != NULL ? printed : text, &f.place);
    cJSON_free(printed);
    cJSON_Delete(document);
    free(text);
    return good;
}
