/* SPDX-License-Identifier: Apache-2.0 */
/* Applications as JSON, "llmsched-apps-1" (docs/schemas.md). */
#include "place/internal.h"

#include <stdio.h>
#include <string.h>

typedef struct reader {
    llmsched_planner *planner;
    uint32_t app; /* being read */
    char path[32];
    llmsched_error *err;
} reader;

/* --- stages ------------------------------------------------------------------------- */

/* In the struct 0 means absent. */
static llmsched_status refuse_zero(const lls_json *json, const char *path, const char *key,
                                   double value, llmsched_error *err)
{
    if (lls_json_member(json, key) == NULL || value != 0.0)
        return LLMSCHED_OK;
    return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.%s: is 0: expected a positive number", path,
                    key);
}

static llmsched_status read_stage_numbers(const lls_json *json, const char *path,
                                          llmsched_app_stage *stage, llmsched_error *err)
{
    bool llm = stage->model != NULL;
    stage->probability = 1.0;
    stage->flags = LLMSCHED_STAGE_HAS_PROBABILITY;
    const lls_reading_number numbers[] = {{"tasks", &stage->tasks, true},
                                          {"probability", &stage->probability, true},
                                          {"prompt_tokens", &stage->prompt_tokens, !llm},
                                          {"output_tokens", &stage->output_tokens, !llm},
                                          {"duration_s", &stage->duration_s, llm}};
    llmsched_status status = lls_reading_numbers(json, path, numbers, LLS_COUNT(numbers), err);
    if (status == LLMSCHED_OK)
        status = refuse_zero(json, path, "tasks", stage->tasks, err);
    return status;
}

/* Which of a list of ids stages have; LLMSCHED_NONE: one has not been added yet. */
static llmsched_status find_parents(const reader *r, const lls_json *array, uint32_t *parents,
                                    uint32_t *count)
{
    const lls_app *app = &r->planner->apps[r->app];
    *count = 0;
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        uint32_t stage = lls_map_get_str(&app->stage_numbers, lls_json_value_string(item));
        if (stage == LLS_NONE32)
            return LLMSCHED_NONE;
        parents[(*count)++] = stage;
    }
    return LLMSCHED_OK;
}

static llmsched_status check_parents(const lls_json *json, const char *path, const lls_map *ids,
                                     const lls_json **array, llmsched_error *err)
{
    llmsched_status status = lls_reading_array(json, path, "parents", array, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t i = 0;
    for (const lls_json *item = lls_json_first(*array); item != NULL; item = lls_json_next(item)) {
        if (lls_json_kind(item) != LLS_JSON_STRING)
            return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.parents[%u]: expected the id of a stage",
                            path, (unsigned)i);
        if (lls_map_get_str(ids, lls_json_value_string(item)) == LLS_NONE32)
            return lls_fail(err, LLMSCHED_ERROR_PARSE,
                            "%s.parents[%u]: no stage has the id \"%.60s\"", path, (unsigned)i,
                            lls_json_value_string(item));
        i++;
    }
    return LLMSCHED_OK;
}

/* Adds a stage whose parents are there; LLMSCHED_NONE: one is not. */
static llmsched_status read_stage(reader *r, const lls_json *json, const char *path,
                                  const lls_map *ids)
{
    char where[LLS_WHERE_BYTES];
    const lls_json *array = NULL;
    llmsched_app_stage stage = {.size = sizeof stage};
    snprintf(where, sizeof where, "%s.", path);
    llmsched_status status = check_parents(json, path, ids, &array, r->err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t *parents = lls_calloc(r->planner->context, lls_json_count(array), sizeof *parents);
    if (parents == NULL)
        return lls_fail_memory(r->err);
    status = find_parents(r, array, parents, &stage.parent_count);
    stage.parents = parents;
    if (status == LLMSCHED_OK)
        status = lls_json_get_string(json, path, "id", &stage.id, r->err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_string(json, path, "model", &stage.model, r->err);
    if (status == LLMSCHED_OK)
        status = read_stage_numbers(json, path, &stage, r->err);
    if (status == LLMSCHED_OK)
        status = lls_app_stage_add(r->planner, r->app, &stage, where, r->err);
    lls_free(r->planner->context, parents);
    return status;
}

/* Ids of all stages, so that a parent may stand behind its child. */
static llmsched_status read_ids(const reader *r, const lls_json *stages, lls_map *ids)
{
    uint32_t number = 0;
    for (const lls_json *item = lls_json_first(stages); item != NULL; item = lls_json_next(item)) {
        char path[LLS_PATH_BYTES];
        const char *id = NULL;
        snprintf(path, sizeof path, "%s.stages[%u]", r->path, (unsigned)number);
        llmsched_status status = lls_json_get_string(item, path, "id", &id, r->err);
        if (status != LLMSCHED_OK)
            return status;
        if (lls_map_get_str(ids, id) != LLS_NONE32)
            return lls_fail(r->err, LLMSCHED_ERROR_EXISTS,
                            "%s.id: \"%.80s\" is there already: ids must be unique in an "
                            "application",
                            path, id);
        if (!lls_map_put_str(ids, id, number++))
            return lls_fail_memory(r->err);
    }
    return LLMSCHED_OK;
}

/* Those stages that can be added now, in the order of the file; *left: how many cannot. */
static llmsched_status read_round(reader *r, const lls_json *stages, const lls_map *ids, bool *done,
                                  uint32_t *left)
{
    uint32_t number = 0;
    *left = 0;
    for (const lls_json *item = lls_json_first(stages); item != NULL;
         item = lls_json_next(item), number++) {
        if (done[number])
            continue;
        char path[LLS_PATH_BYTES];
        snprintf(path, sizeof path, "%s.stages[%u]", r->path, (unsigned)number);
        llmsched_status status = read_stage(r, item, path, ids);
        done[number] = status == LLMSCHED_OK;
        *left += status == LLMSCHED_NONE;
        if (status != LLMSCHED_OK && status != LLMSCHED_NONE)
            return status;
    }
    return LLMSCHED_OK;
}

static llmsched_status read_stages(reader *r, const lls_json *stages)
{
    uint32_t count = lls_json_count(stages), left = count, before = count + 1;
    lls_map ids;
    lls_map_init(&ids, r->planner->context);
    bool *done = lls_calloc(r->planner->context, count, sizeof *done);
    llmsched_status status = done != NULL ? read_ids(r, stages, &ids) : lls_fail_memory(r->err);
    while (status == LLMSCHED_OK && left > 0 && left < before) {
        before = left;
        status = read_round(r, stages, &ids, done, &left);
    }
    if (status == LLMSCHED_OK && left > 0)
        status = lls_fail(r->err, LLMSCHED_ERROR_CYCLE,
                          "%s.stages: the parents of %u of them lead round in a cycle", r->path,
                          (unsigned)left);
    lls_free(r->planner->context, done);
    lls_map_finish(&ids);
    return status;
}

/* --- calls ------------------------------------------------------------------------------ */

static llmsched_status read_call(reader *r, const lls_json *json, uint32_t number)
{
    char path[LLS_PATH_BYTES], where[LLS_WHERE_BYTES];
    snprintf(path, sizeof path, "%s.calls[%u]", r->path, (unsigned)number);
    snprintf(where, sizeof where, "%s.", path);
    llmsched_app_call call = {.size = sizeof call};
    const lls_reading_number numbers[] = {{"calls", &call.calls, false},
                                          {"overlap", &call.overlap, true},
                                          {"prompt_tokens", &call.prompt_tokens, false},
                                          {"output_tokens", &call.output_tokens, false},
                                          {"group", &call.group, true},
                                          {"context_tokens", &call.context_tokens, true}};
    llmsched_status status = lls_json_get_string(json, path, "model", &call.model, r->err);
    if (status == LLMSCHED_OK)
        status = lls_reading_numbers(json, path, numbers, LLS_COUNT(numbers), r->err);
    if (status == LLMSCHED_OK)
        status = refuse_zero(json, path, "overlap", call.overlap, r->err);
    if (status == LLMSCHED_OK)
        status = refuse_zero(json, path, "group", call.group, r->err);
    if (status == LLMSCHED_OK)
        status = lls_app_call_add(r->planner, r->app, &call, where, r->err);
    return status;
}

static llmsched_status read_calls(reader *r, const lls_json *calls)
{
    uint32_t number = 0;
    llmsched_status status = LLMSCHED_OK;
    const lls_json *item = lls_json_first(calls);
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item))
        status = read_call(r, item, number++);
    return status;
}

/* --- applications -------------------------------------------------------------------------- */

static llmsched_status read_work(reader *r, const lls_json *json)
{
    const lls_json *stages = NULL, *calls = NULL;
    llmsched_status status = lls_reading_array(json, r->path, "stages", &stages, r->err);
    if (status == LLMSCHED_OK)
        status = lls_reading_array(json, r->path, "calls", &calls, r->err);
    if (status != LLMSCHED_OK)
        return status;
    if ((stages == NULL) == (calls == NULL))
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.stages: %s", r->path,
                        stages == NULL ? "missing; expected stages or calls"
                                       : "stands beside calls: expected one of them");
    if (lls_json_count(stages != NULL ? stages : calls) == 0)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.%s: is empty", r->path,
                        stages != NULL ? "stages" : "calls");
    return stages != NULL ? read_stages(r, stages) : read_calls(r, calls);
}

static llmsched_status read_app(llmsched_planner *planner, const lls_json *json, uint32_t number,
                                llmsched_error *err)
{
    char where[LLS_WHERE_BYTES];
    reader r = {.planner = planner, .app = planner->app_count, .err = err};
    snprintf(r.path, sizeof r.path, "apps[%u]", (unsigned)number);
    snprintf(where, sizeof where, "%s.", r.path);
    llmsched_app app = {.size = sizeof app, .flags = LLMSCHED_APP_HAS_WEIGHT, .weight = 1.0};
    const lls_reading_number numbers[] = {{"rate_per_s", &app.rate_per_s, false},
                                          {"weight", &app.weight, true},
                                          {"max_latency_s", &app.max_latency_s, true}};
    llmsched_status status = lls_json_get_string(json, r.path, "name", &app.name, err);
    if (status == LLMSCHED_OK)
        status = lls_reading_numbers(json, r.path, numbers, LLS_COUNT(numbers), err);
    if (status == LLMSCHED_OK)
        status = refuse_zero(json, r.path, "max_latency_s", app.max_latency_s, err);
    if (status == LLMSCHED_OK)
        status = lls_app_add(planner, &app, where, err);
    if (status == LLMSCHED_OK)
        status = read_work(&r, json);
    return status;
}

llmsched_status llmsched_planner_read_apps(llmsched_planner *planner, const char *json,
                                           size_t length, llmsched_error *err)
{
    if (planner == NULL || json == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "json");
    lls_json *tree;
    const lls_json *apps = NULL;
    llmsched_status status = lls_reading_begin(json, length, "llmsched-apps-1", &tree, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_planner_mark mark = lls_planner_get_mark(planner);
    status = lls_json_get_array(tree, "", "apps", &apps, err);
    uint32_t number = 0;
    const lls_json *item = status == LLMSCHED_OK ? lls_json_first(apps) : NULL;
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item))
        status = read_app(planner, item, number++, err);
    if (status != LLMSCHED_OK)
        lls_planner_roll_back(planner, mark);
    return lls_reading_end(status, tree, err);
}
