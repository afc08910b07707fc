/* SPDX-License-Identifier: Apache-2.0 */
/* Plans read from JSON, "llmsched-plan-1": what this library wrote, and what a person did, which
 * may say no more than the models and where they run. */
#include "place/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct reader {
    const llmsched_planner *planner;
    const lls_demands *demands;
    llmsched_plan *plan;
    llmsched_error *err;
} reader;

/* A name of a list where it is there, else what *number was. */
static llmsched_status read_name(const lls_json *json, const char *path, const char *key,
                                 uint32_t (*find)(const char *name), uint32_t *number,
                                 llmsched_error *err)
{
    const char *name = NULL;
    llmsched_status status = lls_json_opt_string(json, path, key, &name, err);
    if (status != LLMSCHED_OK || name == NULL)
        return status;
    uint32_t found = find(name);
    if (found == LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s%s%s: \"%.40s\": no such %s", path,
                        path[0] != '\0' ? "." : "", key, name, key);
    *number = found;
    return LLMSCHED_OK;
}

/* --- models and replicas ---------------------------------------------------------------- */

static void sort_numbers(uint32_t *numbers, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t j = i; j > 0 && numbers[j] < numbers[j - 1]; j--) {
            uint32_t kept = numbers[j];
            numbers[j] = numbers[j - 1];
            numbers[j - 1] = kept;
        }
}

static llmsched_status read_gpu_number(const reader *r, const lls_json *item, const char *path,
                                       uint32_t place, uint32_t kind, uint32_t *number)
{
    if (lls_json_kind(item) != LLS_JSON_STRING)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.gpus[%u]: expected the id of a GPU", path,
                        (unsigned)place);
    const char *id = lls_json_value_string(item);
    *number = lls_map_get_str(&r->planner->gpu_numbers, id);
    if (*number == LLS_NONE32)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.gpus[%u]: no GPU has the id \"%.60s\"",
                        path, (unsigned)place, id);
    if (r->planner->gpus[*number].kind != kind)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE,
                        "%s.gpus[%u]: \"%.60s\" is of the kind %.40s, not %.40s", path,
                        (unsigned)place, id, r->planner->kinds[r->planner->gpus[*number].kind],
                        r->planner->kinds[kind]);
    return LLMSCHED_OK;
}

static llmsched_status read_gpu_numbers(const reader *r, const lls_json *array, const char *path,
                                        const lls_config *config, uint32_t *numbers)
{
    uint32_t place = 0;
    llmsched_status status = LLMSCHED_OK;
    const lls_json *item = lls_json_first(array);
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item), place++)
        status = read_gpu_number(r, item, path, place, config->kind, &numbers[place]);
    if (status != LLMSCHED_OK)
        return status;
    sort_numbers(numbers, config->tp);
    for (uint32_t i = 1; i < config->tp; i++)
        if (numbers[i] == numbers[i - 1])
            return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.gpus: \"%.60s\" stands there twice",
                            path, r->planner->gpus[numbers[i]].id);
    return LLMSCHED_OK;
}

static llmsched_status read_replica(const reader *r, const lls_json *json, const char *path,
                                    const lls_config *config)
{
    const lls_json *array = NULL;
    llmsched_status status = lls_json_get_array(json, path, "gpus", &array, r->err);
    if (status != LLMSCHED_OK)
        return status;
    if (lls_json_count(array) != config->tp)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.gpus: has %u GPUs: expected tp, %u", path,
                        (unsigned)lls_json_count(array), (unsigned)config->tp);
    uint32_t *numbers = lls_calloc(r->planner->context, config->tp, sizeof *numbers);
    if (numbers == NULL)
        return lls_fail_memory(r->err);
    status = read_gpu_numbers(r, array, path, config, numbers);
    if (status == LLMSCHED_OK)
        status = lls_plan_add_replica(r->plan, numbers, r->err);
    lls_free(r->planner->context, numbers);
    return status;
}

/* Kind of the first GPU of the first replica, for plans that do not say the kind; LLS_NONE32: not
 * to be found out. */
static uint32_t first_kind(const reader *r, const lls_json *json)
{
    const lls_json *replica = lls_json_first(lls_json_member(json, "replicas"));
    const lls_json *gpu = lls_json_first(lls_json_member(replica, "gpus"));
    if (gpu == NULL || lls_json_kind(gpu) != LLS_JSON_STRING)
        return LLS_NONE32;
    uint32_t number = lls_map_get_str(&r->planner->gpu_numbers, lls_json_value_string(gpu));
    return number != LLS_NONE32 ? r->planner->gpus[number].kind : LLS_NONE32;
}

static llmsched_status find_config(const reader *r, const lls_json *json, const char *path,
                                   const lls_model *model, uint32_t *config)
{
    const char *gpu = NULL;
    double share = 1.0;
    uint32_t tp = 0;
    llmsched_status status = lls_json_opt_string(json, path, "gpu", &gpu, r->err);
    if (status == LLMSCHED_OK)
        status = lls_reading_u32(json, path, "tp", &tp, r->err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_nonnegative(json, path, "share", &share, r->err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t kind =
        gpu != NULL ? lls_map_get_str(&r->planner->kind_numbers, gpu) : first_kind(r, json);
    bool any_kind = gpu == NULL && kind == LLS_NONE32;
    for (uint32_t c = 0; c < model->config_count; c++)
        if ((any_kind || model->configs[c].kind == kind) && model->configs[c].tp == tp &&
            fabs(model->configs[c].share - share) <= LLS_PLACE_SLACK) {
            *config = c;
            return LLMSCHED_OK;
        }
    return lls_fail(r->err, LLMSCHED_ERROR_PARSE,
                    "%s.tp: model \"%.60s\" has no configuration of tp %u and share %g on %.40s",
                    path, model->name, (unsigned)tp, share,
                    kind != LLS_NONE32 ? r->planner->kinds[kind]
                    : gpu != NULL      ? gpu
                                       : "any GPU");
}

static llmsched_status read_numbers(const reader *r, const lls_json *json, const char *path,
                                    llmsched_plan_model *numbers)
{
    const lls_reading_number list[] = {{"call_latency_s", &numbers->call_latency_s, true},
                                       {"load_per_s", &numbers->load_per_s, true},
                                       {"capacity_per_s", &numbers->capacity_per_s, true}};
    llmsched_status status = lls_reading_numbers(json, path, list, LLS_COUNT(list), r->err);
    uint64_t batch = numbers->batch;
    if (status == LLMSCHED_OK)
        status = lls_json_opt_u64(json, path, "batch", LLS_PLACE_MOST_BATCH, &batch, r->err);
    if (status == LLMSCHED_OK && batch == 0)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.batch: is 0: expected 1 or more", path);
    numbers->batch = (uint32_t)batch;
    return status;
}

static llmsched_status read_replicas(const reader *r, const lls_json *array, const char *path,
                                     const lls_config *config)
{
    uint32_t number = 0;
    llmsched_status status = LLMSCHED_OK;
    const lls_json *item = lls_json_first(array);
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item)) {
        char where[LLS_PATH_BYTES];
        snprintf(where, sizeof where, "%s.replicas[%u]", path, (unsigned)number++);
        status = read_replica(r, item, where, config);
    }
    return status;
}

static llmsched_status read_model(const reader *r, const lls_json *json, uint32_t number)
{
    char path[32];
    const char *name = NULL;
    const lls_json *replicas = NULL;
    uint32_t config = 0;
    snprintf(path, sizeof path, "models[%u]", (unsigned)number);
    llmsched_status status = lls_json_get_string(json, path, "model", &name, r->err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t model = lls_find_model(r->planner, name);
    if (model == LLS_NONE32)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.model: no model is called \"%.60s\"",
                        path, name);
    const lls_model *m = &r->planner->models[model];
    status = find_config(r, json, path, m, &config);
    if (status != LLMSCHED_OK)
        return status;
    const lls_demand *demand = &r->demands->models[model];
    llmsched_plan_model numbers = {.batch = m->configs[config].max_batch};
    status = read_numbers(r, json, path, &numbers);
    if (status == LLMSCHED_OK)
        status = lls_json_get_array(json, path, "replicas", &replicas, r->err);
    if (status != LLMSCHED_OK)
        return status;
    numbers.memory_bytes =
        lls_replica_bytes(m, m->configs[config].tp, numbers.batch, demand->tokens);
    status =
        lls_plan_add_model(r->plan, r->planner, model, config, &numbers, demand->context, r->err);
    return status != LLMSCHED_OK ? status : read_replicas(r, replicas, path, &m->configs[config]);
}

/* --- the rest -------------------------------------------------------------------------------- */

static llmsched_status read_apps(const reader *r, const lls_json *json)
{
    const lls_json *apps = NULL;
    llmsched_status status = lls_reading_array(json, "", "apps", &apps, r->err);
    uint32_t number = 0;
    const lls_json *item = status == LLMSCHED_OK ? lls_json_first(apps) : NULL;
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item)) {
        char path[32];
        const char *name = NULL;
        double latency = 0.0, capacity = 0.0;
        const lls_reading_number numbers[] = {{"latency_s", &latency, true},
                                              {"capacity_per_s", &capacity, true}};
        snprintf(path, sizeof path, "apps[%u]", (unsigned)number++);
        status = lls_json_get_string(item, path, "name", &name, r->err);
        if (status == LLMSCHED_OK)
            status = lls_reading_numbers(item, path, numbers, LLS_COUNT(numbers), r->err);
        if (status == LLMSCHED_OK)
            status = lls_plan_add_app(r->plan, name, latency, capacity, r->err);
    }
    return status;
}

static llmsched_status read_bounds(const reader *r, const lls_json *json)
{
    if (lls_json_member(json, "bounds") == NULL)
        return LLMSCHED_OK;
    llmsched_plan_info *info = &r->plan->info;
    const lls_json *bounds = NULL;
    uint64_t gpus = 0;
    llmsched_status status = lls_json_get_object(json, "", "bounds", &bounds, r->err);
    const lls_reading_number numbers[] = {
        {"alone_s", &info->alone_bound_s, true},
        {"capacity_s", &info->capacity_bound_s, true},
        {"throughput_per_s", &info->throughput_bound_per_s, true}};
    if (status == LLMSCHED_OK)
        status = lls_reading_numbers(bounds, "bounds", numbers, LLS_COUNT(numbers), r->err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_u64(bounds, "bounds", "memory_gpus", UINT32_MAX, &gpus, r->err);
    info->memory_bound_gpus = (uint32_t)gpus;
    return status;
}

static llmsched_status read_autoscaler(const reader *r, const lls_json *json)
{
    if (lls_json_member(json, "autoscaler") == NULL)
        return LLMSCHED_OK;
    llmsched_autoscaler *a = &r->plan->autoscaler;
    const lls_json *object = NULL;
    llmsched_status status = lls_json_get_object(json, "", "autoscaler", &object, r->err);
    const lls_reading_number numbers[] = {{"start_s", &a->start_s, false},
                                          {"target", &a->target, true}};
    const char *kind = NULL;
    a->target = 0.7;
    if (status == LLMSCHED_OK)
        status = lls_json_get_string(object, "autoscaler", "kind", &kind, r->err);
    if (status == LLMSCHED_OK)
        status = read_name(object, "autoscaler", "kind", lls_plan_autoscaler, &a->kind, r->err);
    if (status == LLMSCHED_OK)
        status = lls_reading_numbers(object, "autoscaler", numbers, LLS_COUNT(numbers), r->err);
    if (status == LLMSCHED_OK)
        status = lls_check_positive(a->target, "autoscaler.", "target", r->err);
    return status;
}

static llmsched_status read_summary(const reader *r, const lls_json *json)
{
    llmsched_plan_info *info = &r->plan->info;
    const lls_reading_number numbers[] = {{"objective_s", &info->objective_s, true},
                                          {"bound_s", &info->bound_s, true},
                                          {"gap", &info->gap, true}};
    llmsched_status status =
        read_name(json, "", "binding", lls_plan_binding, &info->binding, r->err);
    if (status == LLMSCHED_OK)
        status = lls_reading_numbers(json, "", numbers, LLS_COUNT(numbers), r->err);
    if (status == LLMSCHED_OK)
        status = read_bounds(r, json);
    if (status == LLMSCHED_OK)
        status = read_autoscaler(r, json);
    return status;
}

static llmsched_status read_infeasible(const reader *r, const lls_json *json)
{
    const char *reason = "", *lift = "";
    llmsched_status status = lls_json_opt_string(json, "", "reason", &reason, r->err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_string(json, "", "lift", &lift, r->err);
    if (status == LLMSCHED_OK) {
        snprintf(r->plan->reason, sizeof r->plan->reason, "%s", reason);
        snprintf(r->plan->lift, sizeof r->plan->lift, "%s", lift);
    }
    return status;
}

static llmsched_status read_plan(reader *r, const lls_json *json)
{
    llmsched_status status =
        read_name(json, "", "status", lls_plan_status, &r->plan->info.status, r->err);
    if (status != LLMSCHED_OK || r->plan->info.status == LLMSCHED_PLAN_INFEASIBLE)
        return status != LLMSCHED_OK ? status : read_infeasible(r, json);
    const lls_json *models = NULL;
    status = lls_json_get_array(json, "", "models", &models, r->err);
    uint32_t number = 0;
    const lls_json *item = status == LLMSCHED_OK ? lls_json_first(models) : NULL;
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item))
        status = read_model(r, item, number++);
    if (status == LLMSCHED_OK)
        status = read_apps(r, json);
    if (status == LLMSCHED_OK)
        status = read_summary(r, json);
    if (status == LLMSCHED_OK)
        lls_plan_measure(r->plan);
    return status;
}

static llmsched_status read_document(const llmsched_planner *planner, const lls_json *json,
                                     llmsched_plan **plan, llmsched_error *err)
{
    const char *method = "by hand";
    lls_demands demands = {0};
    reader r = {.planner = planner, .demands = &demands, .err = err};
    llmsched_status status = lls_json_opt_string(json, "", "planner", &method, err);
    if (status == LLMSCHED_OK)
        status = lls_demands_init(&demands, planner, 1.0, err);
    if (status == LLMSCHED_OK)
        status = lls_plan_new(planner, method, &r.plan, err);
    if (status == LLMSCHED_OK)
        status = read_plan(&r, json);
    lls_demands_finish(&demands, planner->context);
    if (status == LLMSCHED_OK)
        *plan = r.plan;
    else
        llmsched_plan_release(r.plan);
    return status;
}

llmsched_status llmsched_plan_from_json(const llmsched_planner *planner, const char *json,
                                        size_t length, llmsched_plan **plan, llmsched_error *err)
{
    if (planner == NULL || json == NULL || plan == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner"
                        : json == NULL  ? "json"
                                        : "plan");
    lls_json *tree;
    llmsched_status status = lls_reading_begin(json, length, "llmsched-plan-1", &tree, err);
    if (status != LLMSCHED_OK)
        return status;
    status = read_document(planner, tree, plan, err);
    return lls_reading_end(status, tree, err);
}
