/* SPDX-License-Identifier: Apache-2.0 */
/* Menus written as JSON, "llmsched-menus-1" (docs/schemas.md). */
#include "place/internal.h"

static lls_json *finish(lls_json *json, bool ok)
{
    if (ok)
        return json;
    lls_json_free(json);
    return NULL;
}

static lls_json *item_to_json(const llmsched_planner *planner, const lls_item *item)
{
    lls_json *object = lls_json_new_object();
    bool ok = lls_json_put_string(object, "gpu", planner->kinds[item->kind]) &&
              lls_json_put_number(object, "tp", item->tp) &&
              lls_json_put_number(object, "share", item->share) &&
              lls_json_put_number(object, "replicas", item->replicas) &&
              lls_json_put_number(object, "batch", item->batch) &&
              lls_json_put_number(object, "call_latency_s", item->latency) &&
              lls_json_put_number(object, "memory_bytes", item->memory) &&
              lls_json_put_number(object, "bandwidth", item->bandwidth);
    return finish(object, ok);
}

static lls_json *menu_to_json(const llmsched_planner *planner, const lls_menu *menu)
{
    lls_json *object = lls_json_new_object(), *items = lls_json_new_array();
    bool ok = items != NULL;
    for (uint32_t i = 0; ok && i < menu->count; i++)
        ok = lls_json_append(items, item_to_json(planner, &menu->items[i]));
    ok = ok && lls_json_put_string(object, "model", menu->name);
    if (!ok) {
        lls_json_free(items);
        return finish(object, false);
    }
    return finish(object, lls_json_put(object, "items", items));
}

static lls_json *menus_to_json(const lls_instance *in)
{
    lls_json *object = lls_json_new_object(), *menus = lls_json_new_array();
    bool ok = menus != NULL;
    for (uint32_t k = 0; ok && k < in->problem.menu_count; k++)
        ok = lls_json_append(menus, menu_to_json(in->planner, &in->problem.menus[k]));
    ok = ok && lls_json_put_string(object, "format", "llmsched-menus-1");
    if (!ok) {
        lls_json_free(menus);
        return finish(object, false);
    }
    return finish(object, lls_json_put(object, "models", menus));
}

llmsched_status llmsched_planner_menus(const llmsched_planner *planner,
                                       const llmsched_planner_options *options,
                                       llmsched_text **text, llmsched_error *err)
{
    lls_planning planning;
    const lls_method *method;
    lls_instance in;
    if (planner == NULL || text == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "text");
    llmsched_status status = lls_planning_init(&planning, &method, planner, options, err);
    if (status == LLMSCHED_OK)
        status = lls_instance_init(&in, planner, &planning, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_json *json = menus_to_json(&in);
    status = lls_json_print(planner->context, json, text, err);
    lls_json_free(json);
    lls_instance_finish(&in);
    return status;
}
