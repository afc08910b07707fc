/* SPDX-License-Identifier: Apache-2.0 */
/* Plans written as JSON, "llmsched-plan-1" (docs/schemas.md). */
#include "place/internal.h"

#include <string.h>

#define FORMAT "llmsched-plan-1"

static const char *const status_names[] = {NULL, "optimal", "feasible", "infeasible"};
static const char *const binding_names[] = {"none",   "share", "memory", "bandwidth",
                                            "domain", "rate",  "latency"};
static const char *const autoscaler_names[] = {NULL, "hpa", "kpa"};

static uint32_t number_of(const char *const *names, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (names[i] != NULL && strcmp(names[i], name) == 0)
            return i;
    return LLS_NONE32;
}

uint32_t lls_plan_status(const char *name)
{
    return number_of(status_names, LLS_COUNT(status_names), name);
}

uint32_t lls_plan_binding(const char *name)
{
    return number_of(binding_names, LLS_COUNT(binding_names), name);
}

uint32_t lls_plan_autoscaler(const char *name)
{
    return number_of(autoscaler_names, LLS_COUNT(autoscaler_names), name);
}

/* Keeps what was built, or frees it. */
static lls_json *finish(lls_json *json, bool ok)
{
    if (ok)
        return json;
    lls_json_free(json);
    return NULL;
}

/* Nothing where there is no such number: a latency of replicas that cannot keep up, the gap of a
 * plan without a bound. */
static bool put_bounded(lls_json *object, const char *key, double value)
{
    return value >= LLS_PLACE_MOST || lls_json_put_number(object, key, value);
}

static lls_json *replica_to_json(const llmsched_plan *plan, const llmsched_plan_replica *replica)
{
    lls_json *object = lls_json_new_object(), *ids = lls_json_new_array();
    bool ok = ids != NULL;
    for (uint32_t i = 0; ok && i < replica->gpu_count; i++)
        ok = lls_json_append(ids, lls_json_new_string(plan->gpus[replica->gpus[i]].id));
    if (!ok) {
        lls_json_free(ids);
        return finish(object, false);
    }
    return finish(object, lls_json_put(object, "gpus", ids));
}

static lls_json *replicas_to_json(const llmsched_plan *plan, const llmsched_plan_model *model)
{
    lls_json *array = lls_json_new_array();
    bool ok = array != NULL;
    for (uint32_t r = 0; ok && r < model->replica_count; r++)
        ok = lls_json_append(array,
                             replica_to_json(plan, &plan->replicas[model->first_replica + r]));
    return finish(array, ok);
}

static lls_json *model_to_json(const llmsched_plan *plan, const llmsched_plan_model *model)
{
    lls_json *object = lls_json_new_object();
    bool ok = lls_json_put_string(object, "model", model->model) &&
              lls_json_put_string(object, "gpu", model->gpu) &&
              lls_json_put_number(object, "tp", model->tp) &&
              lls_json_put_number(object, "share", model->share) &&
              lls_json_put_number(object, "batch", model->batch) &&
              put_bounded(object, "call_latency_s", model->call_latency_s) &&
              lls_json_put_number(object, "load_per_s", model->load_per_s) &&
              lls_json_put_number(object, "capacity_per_s", model->capacity_per_s) &&
              lls_json_put(object, "replicas", replicas_to_json(plan, model));
    return finish(object, ok);
}

static lls_json *models_to_json(const llmsched_plan *plan)
{
    lls_json *array = lls_json_new_array();
    bool ok = array != NULL;
    for (uint32_t m = 0; ok && m < plan->info.model_count; m++)
        ok = lls_json_append(array, model_to_json(plan, &plan->models[m]));
    return finish(array, ok);
}

static lls_json *app_to_json(const llmsched_plan_app *app)
{
    lls_json *object = lls_json_new_object();
    bool ok = lls_json_put_string(object, "name", app->name) &&
              put_bounded(object, "latency_s", app->latency_s) &&
              put_bounded(object, "capacity_per_s", app->capacity_per_s);
    return finish(object, ok);
}

static lls_json *apps_to_json(const llmsched_plan *plan)
{
    lls_json *array = lls_json_new_array();
    bool ok = array != NULL;
    for (uint32_t a = 0; ok && a < plan->info.app_count; a++)
        ok = lls_json_append(array, app_to_json(&plan->apps[a]));
    return finish(array, ok);
}

static lls_json *gpu_to_json(const llmsched_plan_gpu *gpu)
{
    lls_json *object = lls_json_new_object();
    bool ok = lls_json_put_string(object, "id", gpu->id) &&
              lls_json_put_number(object, "share", gpu->used_share) &&
              lls_json_put_number(object, "memory_bytes", gpu->used_bytes) &&
              lls_json_put_number(object, "bandwidth", gpu->used_bandwidth);
    return finish(object, ok);
}

static lls_json *gpus_to_json(const llmsched_plan *plan)
{
    lls_json *array = lls_json_new_array();
    bool ok = array != NULL;
    for (uint32_t g = 0; ok && g < plan->info.gpu_count; g++)
        ok = lls_json_append(array, gpu_to_json(&plan->gpus[g]));
    return finish(array, ok);
}

static lls_json *bounds_to_json(const llmsched_plan_info *info)
{
    lls_json *object = lls_json_new_object();
    bool ok = lls_json_put_number(object, "alone_s", info->alone_bound_s) &&
              lls_json_put_number(object, "capacity_s", info->capacity_bound_s) &&
              put_bounded(object, "throughput_per_s", info->throughput_bound_per_s) &&
              lls_json_put_number(object, "memory_gpus", info->memory_bound_gpus);
    return finish(object, ok);
}

static lls_json *autoscaler_to_json(const llmsched_autoscaler *autoscaler)
{
    lls_json *object = lls_json_new_object();
    bool ok = lls_json_put_string(object, "kind", autoscaler_names[autoscaler->kind]) &&
              lls_json_put_number(object, "start_s", autoscaler->start_s) &&
              lls_json_put_number(object, "target", autoscaler->target);
    return finish(object, ok);
}

static bool put_summary(lls_json *object, const llmsched_plan *plan)
{
    const llmsched_plan_info *info = &plan->info;
    return lls_json_put_string(object, "planner", info->planner) &&
           lls_json_put_string(object, "status", status_names[info->status]) &&
           put_bounded(object, "objective_s", info->objective_s) &&
           lls_json_put_number(object, "bound_s", info->bound_s) &&
           put_bounded(object, "gap", info->gap) &&
           lls_json_put(object, "bounds", bounds_to_json(info)) &&
           lls_json_put_string(object, "binding", binding_names[info->binding]);
}

static lls_json *plan_to_json(const llmsched_plan *plan)
{
    lls_json *object = lls_json_new_object();
    bool ok = lls_json_put_string(object, "format", FORMAT);
    if (plan->info.status == LLMSCHED_PLAN_INFEASIBLE)
        return finish(object, ok && lls_json_put_string(object, "status", "infeasible") &&
                                  lls_json_put_string(object, "reason", plan->reason) &&
                                  lls_json_put_string(object, "lift", plan->lift));
    ok = ok && put_summary(object, plan) && lls_json_put(object, "models", models_to_json(plan)) &&
         lls_json_put(object, "apps", apps_to_json(plan)) &&
         lls_json_put(object, "gpus", gpus_to_json(plan)) &&
         (plan->autoscaler.kind == LLMSCHED_AUTOSCALER_NONE ||
          lls_json_put(object, "autoscaler", autoscaler_to_json(&plan->autoscaler)));
    return finish(object, ok);
}

llmsched_status llmsched_plan_to_json(const llmsched_plan *plan, llmsched_text **text,
                                      llmsched_error *err)
{
    if (plan == NULL || text == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        plan == NULL ? "plan" : "text");
    lls_json *json = plan_to_json(plan);
    llmsched_status status = lls_json_print(plan->context, json, text, err);
    lls_json_free(json);
    return status;
}
