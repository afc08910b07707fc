/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tenants and the models of their stages. */
#include "tenants.h"

#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "io.h"
#include "json.h"

static bool read_tenant(struct tenants *tenants, const cJSON *json, struct place *place)
{
    const char *name, *mix;
    double share, weight = 1.0;
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object");
    if (!json_get_string(place, json, "name", &name) ||
        !json_get_string(place, json, "mix", &mix) ||
        !json_get_amount(place, json, "share", &share))
        return false;
    if (json_member(json, "weight") != NULL && !json_get_amount(place, json, "weight", &weight))
        return false;
    if (!(share > 0.0))
        return json_expected(place, "share", "a number above 0");
    if (!(weight > 0.0))
        return json_expected(place, "weight", "a number above 0");
    for (uint32_t t = 0; t < tenants->count; t++)
        if (strcmp(tenants->items[t].name, name) == 0)
            return json_expected(place, "name", "a name that no other tenant has");
    tenants->items[tenants->count++] =
        (struct tenant){copy_text(name), copy_text(mix), share, weight};
    return true;
}

static bool read_tenants(struct tenants *tenants, const cJSON *json, struct place *place)
{
    const cJSON *array, *item;
    if (!json_get_array(place, json, "tenants", &array))
        return false;
    int count = cJSON_GetArraySize(array);
    if (count < 1 || count > MOST_TENANTS)
        return json_expected(place, "tenants", "1 .. 16 tenants");
    cJSON_ArrayForEach(item, array) {
        snprintf(place->where, sizeof place->where, "tenants[%u]", tenants->count);
        if (!read_tenant(tenants, item, place))
            return false;
    }
    place->where[0] = '\0';
    double sum = 0.0;
    for (uint32_t t = 0; t < tenants->count; t++)
        sum += tenants->items[t].share;
    for (uint32_t t = 0; t < tenants->count; t++)
        tenants->items[t].share /= sum;
    return true;
}

static bool is_served(const struct cluster *cluster, const char *model)
{
    for (uint32_t e = 0; e < cluster->engine_count; e++)
        if (cluster->engines[e].model != NULL && strcmp(cluster->engines[e].model, model) == 0)
            return true;
    return false;
}

static bool read_models(struct tenants *tenants, const cJSON *json, const struct cluster *cluster,
                        struct place *place)
{
    const cJSON *models = json_member(json, "models"), *model, *stage;
    if (models == NULL)
        return true;
    if (!cJSON_IsObject(models))
        return json_expected(place, "models", "an object of arrays of stage names");
    cJSON_ArrayForEach(model, models) {
        if (!cJSON_IsArray(model) || !is_served(cluster, model->string))
            return json_expected(place, "models",
                                 "models of the cluster, each with an array of stage names");
        cJSON_ArrayForEach(stage, model) {
            if (!cJSON_IsString(stage))
                return json_expected(place, "models", "stage names");
            grow((void **)&tenants->models, &tenants->model_capacity, tenants->model_count + 1,
                 sizeof *tenants->models);
            tenants->models[tenants->model_count++] =
                (struct model_of){copy_text(stage->valuestring), copy_text(model->string)};
        }
    }
    return true;
}

static bool read_all(struct tenants *tenants, const cJSON *json, const struct cluster *cluster,
                     struct place *place)
{
    const char *format;
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object");
    if (!json_get_string(place, json, "format", &format))
        return false;
    if (strcmp(format, "llmsched-tenants-1") != 0)
        return json_expected(place, "format", "\"llmsched-tenants-1\"");
    return read_tenants(tenants, json, place) && read_models(tenants, json, cluster, place);
}

bool tenants_load(struct tenants *tenants, const char *path, const struct cluster *cluster,
                  struct problem *problem)
{
    char *text;
    size_t length;
    *tenants = (struct tenants){0};
    if (path == NULL)
        return true;
    if (!read_document(path, &text, &length, problem))
        return false;
    struct place place = {.path = path, .text = text, .problem = problem};
    cJSON *json = json_parse(text, length, &place);
    bool good = json != NULL && read_all(tenants, json, cluster, &place);
    cJSON_Delete(json);
    free(text);
    if (!good)
        tenants_release(tenants);
    return good;
}

void tenants_release(struct tenants *tenants)
{
    for (uint32_t t = 0; t < tenants->count; t++) {
        free(tenants->items[t].name);
        free(tenants->items[t].mix);
    }
    for (size_t m = 0; m < tenants->model_count; m++) {
        free(tenants->models[m].stage);
        free(tenants->models[m].model);
    }
    free(tenants->models);
    *tenants = (struct tenants){0};
}

bool tenants_want(const void *user, const char *stem)
{
    const struct tenants *tenants = user;
    for (uint32_t t = 0; t < tenants->count; t++)
        if (mix_wants(tenants->items[t].mix, stem))
            return true;
    return false;
}

const char *tenants_model(const struct tenants *tenants, const struct cluster *cluster,
                          const char *stage)
{
    if (tenants->count == 0)
        return NULL; /* a cluster of one model, which the jobs need not name */
    for (size_t m = 0; m < tenants->model_count; m++)
        if (strcmp(tenants->models[m].stage, stage) == 0)
            return tenants->models[m].model;
    return cluster->engines[0].model;
}
