/* SPDX-License-Identifier: Apache-2.0 */
/* Reads applications to draw from; docs/schemas.md says what they are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw_apps.h"
#include "io.h"
#include "json.h"

static const double MOST_TASKS = 1e6, MOST_TOKENS = 1e6; /* so that a stage fits a jobs file */
enum { MOST_APP_STAGES = 1024 };

struct reading {
    struct app_graphs *apps;
    struct words words;
    struct place place;
    char app[24]; /* where the application stands */
};

static const char *keep(struct reading *r, const char *text)
{
    return intern(&r->words, text)->text;
}

/* At most so much, and what *value was where it is absent. */
static bool read_number(const struct place *place, const cJSON *json, const char *key, double most,
                        double *value)
{
    char what[64];
    if (json_member(json, key) == NULL)
        return true;
    if (!json_get_amount(place, json, key, value))
        return false;
    snprintf(what, sizeof what, "at most %.0f", most);
    return *value <= most || json_expected(place, key, what);
}

static bool read_required(const struct place *place, const cJSON *json, const char *key,
                          double *value)
{
    return json_get_amount(place, json, key, value) &&
           read_number(place, json, key, MOST_TOKENS, value);
}

static bool read_numbers(const struct place *place, const cJSON *json, struct app_stage *stage)
{
    stage->tasks = stage->probability = 1.0;
    if (!read_number(place, json, "tasks", MOST_TASKS, &stage->tasks) ||
        !read_number(place, json, "probability", 1.0, &stage->probability))
        return false;
    if (stage->tasks == 0.0)
        return json_expected(place, "tasks", "a number above 0");
    if (stage->model == NULL)
        return json_get_amount(place, json, "duration_s", &stage->duration_s);
    return read_required(place, json, "prompt_tokens", &stage->prompt_tokens) &&
           read_required(place, json, "output_tokens", &stage->output_tokens);
}

static uint32_t find_stage(const struct app_graph *app, const char *id)
{
    uint32_t s = 0;
    while (s < app->stage_count && strcmp(app->stages[s].id, id) != 0)
        s++;
    return s;
}

/* Ids of an array of stages; so that a parent may stand behind its child. */
static bool check_ids(struct reading *r, const cJSON *stages)
{
    const cJSON *item, *other;
    uint32_t number = 0;
    cJSON_ArrayForEach(item, stages) {
        const char *id;
        snprintf(r->place.where, sizeof r->place.where, "%s.stages[%u]", r->app, number++);
        if (!cJSON_IsObject(item))
            return json_expected(&r->place, "", "an object");
        if (!json_get_string(&r->place, item, "id", &id))
            return false;
        for (other = stages->child; other != item; other = other->next)
            if (strcmp(json_member(other, "id")->valuestring, id) == 0)
                return json_expected(&r->place, "id", "an id that no other stage has");
    }
    return true;
}

static bool is_there(const cJSON *stages, const char *id)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, stages)
        if (strcmp(json_member(item, "id")->valuestring, id) == 0)
            return true;
    return false;
}

/* *ready: whether all parents have been read. */
static bool read_parents(struct reading *r, const cJSON *stages, const cJSON *json,
                         const struct app_graph *app, struct app_stage *stage, bool *ready)
{
    const cJSON *array = json_member(json, "parents"), *item;
    *ready = true;
    if (array == NULL)
        return true;
    if (!cJSON_IsArray(array))
        return json_expected(&r->place, "parents", "an array");
    stage->parents =
        arena_take(&r->apps->arena, (size_t)cJSON_GetArraySize(array), sizeof *stage->parents);
    cJSON_ArrayForEach(item, array) {
        if (!cJSON_IsString(item) || !is_there(stages, item->valuestring))
            return json_expected(&r->place, "parents", "ids of stages");
        uint32_t parent = find_stage(app, item->valuestring);
        *ready = *ready && parent < app->stage_count;
        for (uint32_t p = 0; p < stage->parent_count; p++)
            if (stage->parents[p] == parent && parent < app->stage_count)
                return json_expected(&r->place, "parents", "each parent once");
        stage->parents[stage->parent_count++] = parent;
    }
    return true;
}

/* Those stages whose parents have been read, in the order of the file. */
static bool read_round(struct reading *r, const cJSON *stages, struct app_graph *app)
{
    const cJSON *item;
    uint32_t number = 0;
    cJSON_ArrayForEach(item, stages) {
        const char *id = json_member(item, "id")->valuestring;
        snprintf(r->place.where, sizeof r->place.where, "%s.stages[%u]", r->app, number++);
        if (find_stage(app, id) < app->stage_count)
            continue;
        struct app_stage stage = {.id = keep(r, id)};
        bool ready;
        if (!read_parents(r, stages, item, app, &stage, &ready))
            return false;
        if (!ready)
            continue;
        if (json_member(item, "model") != NULL &&
            !json_get_string(&r->place, item, "model", &stage.model))
            return false;
        if (stage.model != NULL)
            stage.model = keep(r, stage.model);
        if (!read_numbers(&r->place, item, &stage))
            return false;
        app->stages[app->stage_count++] = stage;
    }
    return true;
}

static bool read_stages(struct reading *r, const cJSON *json, struct app_graph *app)
{
    const cJSON *stages;
    if (!json_get_array(&r->place, json, "stages", &stages))
        return false;
    uint32_t count = (uint32_t)cJSON_GetArraySize(stages), before;
    if (count == 0 || count > MOST_APP_STAGES)
        return json_expected(&r->place, "stages", "1 .. 1024 stages");
    if (!check_ids(r, stages))
        return false;
    app->stages = arena_take(&r->apps->arena, count, sizeof *app->stages);
    do {
        before = app->stage_count;
        if (!read_round(r, stages, app))
            return false;
    } while (app->stage_count > before && app->stage_count < count);
    snprintf(r->place.where, sizeof r->place.where, "%s", r->app);
    if (app->stage_count < count)
        return json_expected(&r->place, "stages", "no cycle");
    if (count > r->apps->most_stages)
        r->apps->most_stages = count;
    return true;
}

static bool read_app(struct reading *r, const cJSON *json, struct app_graph *app)
{
    const char *name;
    if (!cJSON_IsObject(json))
        return json_expected(&r->place, "", "an object");
    if (!json_get_string(&r->place, json, "name", &name) ||
        !json_get_amount(&r->place, json, "rate_per_s", &app->rate) || !read_stages(r, json, app))
        return false;
    for (size_t a = 0; a + 1 < r->apps->count; a++)
        if (strcmp(r->apps->items[a].name, name) == 0)
            return json_expected(&r->place, "name", "a name that no other application has");
    app->name = keep(r, name);
    r->apps->rate += app->rate;
    return true;
}

static bool read_apps(struct reading *r, const cJSON *json)
{
    const cJSON *array, *item;
    const char *format;
    if (!cJSON_IsObject(json))
        return json_expected(&r->place, "", "an object");
    if (!json_get_string(&r->place, json, "format", &format))
        return false;
    if (strcmp(format, "llmsched-apps-1") != 0)
        return json_expected(&r->place, "format", "\"llmsched-apps-1\"");
    if (!json_get_array(&r->place, json, "apps", &array))
        return false;
    r->apps->items =
        arena_take(&r->apps->arena, (size_t)cJSON_GetArraySize(array), sizeof *r->apps->items);
    cJSON_ArrayForEach(item, array) {
        snprintf(r->app, sizeof r->app, "apps[%zu]", r->apps->count);
        snprintf(r->place.where, sizeof r->place.where, "%s", r->app);
        if (!read_app(r, item, &r->apps->items[r->apps->count++]))
            return false;
    }
    r->place.where[0] = '\0';
    if (!(r->apps->rate > 0.0) || isinf(r->apps->rate))
        return json_expected(&r->place, "apps", "a finite sum of rates above 0");
    return true;
}

bool app_graphs_read(struct app_graphs *apps, const char *path, struct problem *problem)
{
    char *text;
    size_t length;
    *apps = (struct app_graphs){0};
    if (!read_document(path, &text, &length, problem))
        return false;
    struct reading reading = {.apps = apps,
                              .words = {.arena = &apps->arena},
                              .place = {.path = path, .text = text, .problem = problem}};
    cJSON *json = json_parse(text, length, &reading.place);
    bool good = json != NULL && read_apps(&reading, json);
    /* A job may take over the parents of stages that it leaves out: at most all stages before. */
    apps->most_parents = (uint64_t)apps->most_stages * apps->most_stages / 2;
    cJSON_Delete(json);
    free(text);
    words_release(&reading.words);
    if (!good)
        app_graphs_release(apps);
    return good;
}

void app_graphs_release(struct app_graphs *apps)
{
    arena_release(&apps->arena);
    *apps = (struct app_graphs){0};
}
