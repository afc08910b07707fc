/* SPDX-License-Identifier: Apache-2.0 */
/* Models with their curves as JSON, "llmsched-models-1" (docs/schemas.md). */
#include "place/internal.h"

#include <stdio.h>

/* A table of rows of numbers by columns: columns[c] has a number for each row. */
typedef struct table {
    double *columns[3];
    uint32_t rows;
} table;

static void free_table(const llmsched_context *context, table *t)
{
    for (size_t c = 0; c < LLS_COUNT(t->columns); c++)
        lls_free(context, t->columns[c]);
    *t = (table){0};
}

static llmsched_status read_row(const lls_json *row, const char *path, uint32_t number,
                                uint32_t width, table *t, llmsched_error *err)
{
    uint32_t column = 0;
    const lls_json *item = lls_json_kind(row) == LLS_JSON_ARRAY ? lls_json_first(row) : NULL;
    for (; item != NULL && column < width; item = lls_json_next(item)) {
        if (lls_json_kind(item) != LLS_JSON_NUMBER)
            break;
        t->columns[column++][number] = lls_json_value_number(item);
    }
    if (item == NULL && column == width)
        return LLMSCHED_OK;
    return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.table[%u]: expected an array of %u numbers: %s",
                    path, (unsigned)number, (unsigned)width,
                    width == 2 ? "[tokens, s]" : "[batch, context_tokens, s]");
}

static llmsched_status read_table(const llmsched_context *context, const lls_json *json,
                                  const char *path, uint32_t width, table *t, llmsched_error *err)
{
    const lls_json *rows = NULL;
    llmsched_status status = lls_json_get_array(json, path, "table", &rows, err);
    if (status != LLMSCHED_OK)
        return status;
    t->rows = lls_json_count(rows);
    if (t->rows == 0)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.table: is empty: expected points", path);
    for (uint32_t c = 0; c < width; c++) {
        t->columns[c] = lls_calloc(context, t->rows, sizeof(double));
        if (t->columns[c] == NULL)
            return lls_fail_memory(err);
    }
    uint32_t number = 0;
    const lls_json *row = lls_json_first(rows);
    for (; status == LLMSCHED_OK && row != NULL; row = lls_json_next(row))
        status = read_row(row, path, number++, width, t, err);
    return status;
}

static llmsched_status read_prefill(const llmsched_context *context, const lls_json *json,
                                    const char *path, llmsched_model_config *config, table *t,
                                    llmsched_error *err)
{
    if (lls_json_member(json, "table") == NULL) {
        const lls_reading_number linear[] = {{"base_s", &config->prefill_base_s, false},
                                             {"per_token_s", &config->prefill_per_token_s, false}};
        return lls_reading_numbers(json, path, linear, LLS_COUNT(linear), err);
    }
    llmsched_status status = read_table(context, json, path, 2, t, err);
    config->prefill_count = t->rows;
    config->prefill_tokens = t->columns[0];
    config->prefill_s = t->columns[1];
    return status;
}

static llmsched_status read_decode(const llmsched_context *context, const lls_json *json,
                                   const char *path, llmsched_model_config *config, table *t,
                                   llmsched_error *err)
{
    if (lls_json_member(json, "table") == NULL) {
        const lls_reading_number linear[] = {
            {"base_s", &config->decode_base_s, false},
            {"per_request_s", &config->decode_per_request_s, false},
            {"per_request_token_s", &config->decode_per_request_token_s, false}};
        return lls_reading_numbers(json, path, linear, LLS_COUNT(linear), err);
    }
    llmsched_status status = read_table(context, json, path, 3, t, err);
    config->decode_count = t->rows;
    config->decode_batch = t->columns[0];
    config->decode_context = t->columns[1];
    config->decode_s = t->columns[2];
    return status;
}

static llmsched_status read_curves(llmsched_planner *planner, uint32_t model, const lls_json *json,
                                   const char *path, llmsched_model_config *config,
                                   llmsched_error *err)
{
    char where[LLS_WHERE_BYTES];
    const lls_json *prefill = NULL, *decode = NULL;
    table prompts = {0}, points = {0};
    llmsched_status status = lls_json_get_object(json, path, "prefill", &prefill, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_object(json, path, "decode", &decode, err);
    if (status == LLMSCHED_OK) {
        snprintf(where, sizeof where, "%s.prefill", path);
        status = read_prefill(planner->context, prefill, where, config, &prompts, err);
    }
    if (status == LLMSCHED_OK) {
        snprintf(where, sizeof where, "%s.decode", path);
        status = read_decode(planner->context, decode, where, config, &points, err);
    }
    if (status == LLMSCHED_OK) {
        snprintf(where, sizeof where, "%s.", path);
        status = lls_config_add(planner, model, config, where, err);
    }
    free_table(planner->context, &prompts);
    free_table(planner->context, &points);
    return status;
}

static llmsched_status read_config(llmsched_planner *planner, uint32_t model, const lls_json *json,
                                   const char *path, llmsched_error *err)
{
    llmsched_model_config config = {.size = sizeof config, .share = 1.0};
    llmsched_status status = lls_json_get_string(json, path, "gpu", &config.gpu, err);
    if (status == LLMSCHED_OK)
        status = lls_reading_u32(json, path, "tp", &config.tp, err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_nonnegative(json, path, "share", &config.share, err);
    /* In the struct 0 means absent. */
    if (status == LLMSCHED_OK && config.share == 0.0)
        return lls_fail(err, LLMSCHED_ERROR_PARSE,
                        "%s.share: is 0: expected a number above 0 and at most 1", path);
    if (status == LLMSCHED_OK)
        status = lls_reading_u32(json, path, "max_batch", &config.max_batch, err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_nonnegative(json, path, "bandwidth", &config.bandwidth, err);
    if (status != LLMSCHED_OK)
        return status;
    if (lls_json_member(json, "bandwidth") != NULL)
        config.flags = LLMSCHED_CONFIG_HAS_BANDWIDTH;
    return read_curves(planner, model, json, path, &config, err);
}

static llmsched_status read_configs(llmsched_planner *planner, uint32_t model, const lls_json *json,
                                    const char *path, llmsched_error *err)
{
    const lls_json *configs = NULL;
    llmsched_status status = lls_json_get_array(json, path, "configs", &configs, err);
    if (status == LLMSCHED_OK && lls_json_count(configs) == 0)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.configs: is empty: expected configurations",
                        path);
    uint32_t number = 0;
    const lls_json *item = status == LLMSCHED_OK ? lls_json_first(configs) : NULL;
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item)) {
        char config_path[LLS_PATH_BYTES];
        snprintf(config_path, sizeof config_path, "%s.configs[%u]", path, (unsigned)number++);
        status = read_config(planner, model, item, config_path, err);
    }
    return status;
}

static llmsched_status read_model(llmsched_planner *planner, const lls_json *json, uint32_t number,
                                  llmsched_error *err)
{
    char path[32], where[LLS_WHERE_BYTES];
    snprintf(path, sizeof path, "models[%u]", (unsigned)number);
    snprintf(where, sizeof where, "%s.", path);
    llmsched_model model = {.size = sizeof model};
    const lls_reading_number numbers[] = {{"weight_bytes", &model.weight_bytes, false},
                                          {"kv_bytes_per_token", &model.kv_bytes_per_token, false},
                                          {"kv_floor_bytes", &model.kv_floor_bytes, false},
                                          {"runtime_bytes", &model.runtime_bytes, false}};
    llmsched_status status = lls_json_get_string(json, path, "name", &model.name, err);
    if (status == LLMSCHED_OK)
        status = lls_reading_numbers(json, path, numbers, LLS_COUNT(numbers), err);
    if (status == LLMSCHED_OK)
        status = lls_model_add(planner, &model, where, err);
    if (status == LLMSCHED_OK)
        status = read_configs(planner, planner->model_count - 1, json, path, err);
    return status;
}

llmsched_status llmsched_planner_read_models(llmsched_planner *planner, const char *json,
                                             size_t length, llmsched_error *err)
{
    if (planner == NULL || json == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "json");
    lls_json *tree;
    const lls_json *models = NULL;
    llmsched_status status = lls_reading_begin(json, length, "llmsched-models-1", &tree, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_planner_mark mark = lls_planner_get_mark(planner);
    status = lls_json_get_array(tree, "", "models", &models, err);
    uint32_t number = 0;
    const lls_json *item = status == LLMSCHED_OK ? lls_json_first(models) : NULL;
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item))
        status = read_model(planner, item, number++, err);
    if (status != LLMSCHED_OK)
        lls_planner_roll_back(planner, mark);
    return lls_reading_end(status, tree, err);
}
