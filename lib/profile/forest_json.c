/* SPDX-License-Identifier: Apache-2.0 */
/* The trees of a profile as JSON: "progress" of "llmsched-profile-1" (docs/schemas.md). */
#include "profile/forest_json.h"

static const char *const FOREST_KEYS[LLS_WORK_KINDS] = {"llm_forest", "tool_forest"};
static const char *const TREE_KEYS[LLS_WORK_KINDS] = {"llm_tree", "tool_tree"};
static const char *const HISTORY_KEYS[LLS_WORK_KINDS] = {"llm_history", "tool_history"};
static const char *const SHARE_KEYS[LLS_WORK_KINDS] = {"llm_history_share", "tool_history_share"};

lls_json *lls_forests_to_json(const llmsched_profile *p)
{
    lls_json *json = lls_json_new_object();
    bool good =
        lls_json_put(json, "class_places", lls_json_new_u32s(p->class_places, p->class_count));
    for (uint32_t kind = 0; kind < LLS_WORK_KINDS && good; kind++)
        good = lls_json_put(json, FOREST_KEYS[kind], lls_forest_to_json(p->forests[kind])) &&
               lls_json_put(json, TREE_KEYS[kind], lls_forest_to_json(p->trees[kind])) &&
               lls_json_put(json, HISTORY_KEYS[kind], lls_forest_to_json(p->histories[kind])) &&
               lls_json_put_number(json, SHARE_KEYS[kind], p->history_share[kind]);
    if (good)
        return json;
    lls_json_free(json);
    return NULL;
}

static llmsched_status read_places(llmsched_profile *p, const lls_json *json, llmsched_error *err)
{
    double *values = NULL;
    uint32_t count = 0;
    llmsched_status status =
        lls_json_get_numbers(p->context, json, "progress", "class_places", &values, &count, err);
    if (status != LLMSCHED_OK)
        return status;
    p->class_places = lls_calloc(p->context, p->class_count, sizeof *p->class_places);
    if (p->class_places == NULL)
        status = lls_fail_memory(err);
    else if (count != p->class_count)
        status = lls_fail(err, LLMSCHED_ERROR_PARSE,
                          "progress.class_places: expected one place per class of dag");
    for (uint32_t c = 0; c < count && status == LLMSCHED_OK; c++) {
        uint32_t place = 0;
        while (place < LLS_COUNTED_CLASSES && values[c] != place)
            place++;
        if (values[c] != place)
            status = lls_fail(err, LLMSCHED_ERROR_PARSE,
                              "progress.class_places[%u]: expected an integer from 0 to %d", c,
                              LLS_COUNTED_CLASSES);
        p->class_places[c] = place;
    }
    lls_free(p->context, values);
    return status;
}

static llmsched_status read_forest(const llmsched_profile *p, const lls_json *json, const char *key,
                                   uint32_t features, lls_forest **forest, llmsched_error *err)
{
    const lls_json *found = NULL;
    llmsched_status status = lls_json_get_object(json, "progress", key, &found, err);
    if (status == LLMSCHED_OK)
        status = lls_forest_from_json(p->context, found, key, forest, err);
    if (status == LLMSCHED_OK && lls_forest_feature_count(*forest) != features)
        status =
            lls_fail(err, LLMSCHED_ERROR_PARSE, "progress.%s: expected %u features", key, features);
    return status;
}

static llmsched_status read_share(const lls_json *json, const char *key, double *share,
                                  llmsched_error *err)
{
    llmsched_status status = lls_json_get_nonnegative(json, "progress", key, share, err);
    if (status == LLMSCHED_OK && *share > 1)
        status =
            lls_fail(err, LLMSCHED_ERROR_PARSE, "progress.%s: expected a share in 0 .. 1", key);
    return status;
}

llmsched_status lls_forests_from_json(llmsched_profile *p, const lls_json *profile,
                                      llmsched_error *err)
{
    const lls_json *json = NULL;
    if (lls_json_member(profile, "progress") == NULL)
        return LLMSCHED_OK;
    llmsched_status status = lls_json_get_object(profile, "profile", "progress", &json, err);
    if (status == LLMSCHED_OK)
        status = read_places(p, json, err);
    for (uint32_t kind = 0; kind < LLS_WORK_KINDS && status == LLMSCHED_OK; kind++) {
        status = read_forest(p, json, FOREST_KEYS[kind], LLS_FEATURES, &p->forests[kind], err);
        if (status == LLMSCHED_OK)
            status = read_forest(p, json, TREE_KEYS[kind], LLS_FEATURES, &p->trees[kind], err);
        if (status == LLMSCHED_OK)
            status = read_forest(p, json, HISTORY_KEYS[kind], 1, &p->histories[kind], err);
        if (status == LLMSCHED_OK)
            status = read_share(json, SHARE_KEYS[kind], &p->history_share[kind], err);
    }
    return status;
}
