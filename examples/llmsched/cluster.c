/* SPDX-License-Identifier: Apache-2.0 */
/* Reads, writes and evaluates clusters. */
#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"

/*
 * Llama-3.1-70B FP8 under vLLM on H100s, medians of measured runs at 1024 tokens in and out; the
 * point at batch size 1 is extrapolated.
 */
static const double BUILT_IN_TAU[][2] = {{1, 0.0112},   {4, 0.01178},  {8, 0.01211},
                                         {16, 0.01319}, {32, 0.01649}, {64, 0.01951}};
static const double BUILT_IN_PREFILL = 0.00008;
static const struct built_in {
    const char *name;
    uint32_t engines, max_batch, tool_slots;
} BUILT_IN[] = {{"default", 4, 16, 32}, {"small", 1, 8, 32}};

enum { MOST_ENGINES = 65536, MOST_BATCH = 65536, MOST_SLOTS = 1000000, MOST_POOLS = 1024 };

static void finish_curve(struct cluster *cluster)
{
    cluster->slowdown = allocate(cluster->tau_count, sizeof *cluster->slowdown);
    double first = cluster_tau(cluster, 1.0);
    for (uint32_t i = 0; i < cluster->tau_count; i++)
        cluster->slowdown[i] = cluster->tau_s[i] / first;
}

static void make_built_in(struct cluster *cluster, const struct built_in *from)
{
    cluster->engine_count = from->engines;
    cluster->engines = allocate(from->engines, sizeof *cluster->engines);
    for (uint32_t e = 0; e < from->engines; e++)
        cluster->engines[e].max_batch = from->max_batch;
    cluster->tool_slots = cluster->slot_count = from->tool_slots;
    cluster->tau_count = COUNT_OF(BUILT_IN_TAU);
    cluster->tau_batch = allocate(cluster->tau_count, sizeof *cluster->tau_batch);
    cluster->tau_s = allocate(cluster->tau_count, sizeof *cluster->tau_s);
    for (uint32_t i = 0; i < cluster->tau_count; i++) {
        cluster->tau_batch[i] = BUILT_IN_TAU[i][0];
        cluster->tau_s[i] = BUILT_IN_TAU[i][1];
    }
    cluster->prefill_s_per_token = BUILT_IN_PREFILL;
}

static bool read_price(const cJSON *json, struct place *place, const char *key, double *price)
{
    if (!json_get_amount(place, json, key, price))
        return false;
    return *price > 0.0 ? true : json_expected(place, key, "a price above 0");
}

static bool read_engine(struct engine_kind *engine, const cJSON *json, struct place *place)
{
    double max_batch;
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object");
    if (!json_get_integer(place, json, "max_batch", 1, MOST_BATCH, &max_batch))
        return false;
    engine->max_batch = (uint32_t)max_batch;
    if (json_member(json, "price") != NULL && !read_price(json, place, "price", &engine->price))
        return false;
    if (json_member(json, "model") != NULL) {
        const char *model;
        if (!json_get_string(place, json, "model", &model))
            return false;
        engine->model = copy_text(model);
    }
    return true;
}

static bool read_engines(struct cluster *cluster, const cJSON *json, struct place *place)
{
    const cJSON *engines, *engine;
    if (!json_get_array(place, json, "engines", &engines))
        return false;
    int count = cJSON_GetArraySize(engines);
    if (count > MOST_ENGINES)
        return json_expected(place, "engines", "at most 65536 engines");
    cluster->engines = allocate((size_t)count, sizeof *cluster->engines);
    cJSON_ArrayForEach(engine, engines) {
        struct engine_kind *to = &cluster->engines[cluster->engine_count++];
        snprintf(place->where, sizeof place->where, "engines[%u]", cluster->engine_count - 1);
        if (!read_engine(to, engine, place))
            return false;
        if ((to->model == NULL) != (cluster->engines[0].model == NULL))
            return json_expected(place, "model", "a string in every engine or in none");
    }
    place->where[0] = '\0';
    return true;
}

static bool read_tools(struct tool_pool *pool, const cJSON *json, struct place *place)
{
    const cJSON *names, *name;
    if (json_member(json, "tools") == NULL)
        return true;
    if (!json_get_array(place, json, "tools", &names))
        return false;
    pool->tools = allocate((size_t)cJSON_GetArraySize(names), sizeof *pool->tools);
    cJSON_ArrayForEach(name, names) {
        if (!cJSON_IsString(name))
            return json_expected(place, "tools", "an array of strings");
        pool->tools[pool->tool_count++] = copy_text(name->valuestring);
    }
    return true;
}

static bool read_pool(struct cluster *cluster, const cJSON *json, struct place *place)
{
    const char *name;
    double slots;
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object");
    if (!json_get_string(place, json, "name", &name) ||
        !json_get_integer(place, json, "slots", 1, MOST_SLOTS, &slots))
        return false;
    if (cluster_pool(cluster, name) != NULL)
        return json_expected(place, "name", "a name that no other pool has");
    struct tool_pool *pool = &cluster->pools[cluster->pool_count++];
    pool->name = copy_text(name);
    pool->slots = (uint32_t)slots;
    pool->first = cluster->slot_count;
    cluster->slot_count += pool->slots;
    if (cluster->slot_count > MOST_SLOTS)
        return json_expected(place, "slots", "at most 1000000 tool slots altogether");
    return read_tools(pool, json, place);
}

static bool read_pools(struct cluster *cluster, const cJSON *json, struct place *place)
{
    const cJSON *pools, *pool;
    cluster->slot_count = cluster->tool_slots;
    if (json_member(json, "tool_pools") == NULL)
        return true;
    if (!json_get_array(place, json, "tool_pools", &pools))
        return false;
    if (cJSON_GetArraySize(pools) > MOST_POOLS)
        return json_expected(place, "tool_pools", "at most 1024 pools");
    cluster->pools = allocate((size_t)cJSON_GetArraySize(pools), sizeof *cluster->pools);
    cJSON_ArrayForEach(pool, pools) {
        snprintf(place->where, sizeof place->where, "tool_pools[%u]", cluster->pool_count);
        if (!read_pool(cluster, pool, place))
            return false;
    }
    place->where[0] = '\0';
    return true;
}

static bool read_tau(struct cluster *cluster, const cJSON *json, struct place *place)
{
    const cJSON *points, *point;
    if (!json_get_array(place, json, "tau", &points))
        return false;
    int count = cJSON_GetArraySize(points);
    if (count == 0)
        return json_expected(place, "tau", "at least one point [batch size, seconds per token]");
    cluster->tau_batch = allocate((size_t)count, sizeof *cluster->tau_batch);
    cluster->tau_s = allocate((size_t)count, sizeof *cluster->tau_s);
    cJSON_ArrayForEach(point, points) {
        uint32_t i = cluster->tau_count;
        char key[32];
        snprintf(key, sizeof key, "tau[%u]", i);
        if (!cJSON_IsArray(point) || cJSON_GetArraySize(point) != 2 ||
            !json_is_amount(point->child) || !json_is_amount(point->child->next))
            return json_expected(place, key, "a point [batch size, seconds per token]");
        cluster->tau_batch[i] = point->child->valuedouble;
        cluster->tau_s[i] = point->child->next->valuedouble;
        if (!(cluster->tau_batch[i] >= 1.0) ||
            (i > 0 && !(cluster->tau_batch[i] > cluster->tau_batch[i - 1])))
            return json_expected(place, key, "batch sizes of 1 or more that ascend");
        if (!(cluster->tau_s[i] > 0.0) || (i > 0 && cluster->tau_s[i] < cluster->tau_s[i - 1]))
            return json_expected(place, key, "positive seconds that do not fall");
        cluster->tau_count++;
    }
    return true;
}

static bool read_cluster(struct cluster *cluster, const cJSON *json, struct place *place)
{
    double tool_slots;
    const char *prefill = "stretched";
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object");
    if (!read_engines(cluster, json, place) ||
        !json_get_integer(place, json, "tool_slots", 0, MOST_SLOTS, &tool_slots) ||
        !read_tau(cluster, json, place) ||
        !json_get_amount(place, json, "prefill_s_per_token", &cluster->prefill_s_per_token))
        return false;
    cluster->tool_slots = (uint32_t)tool_slots;
    if (!read_pools(cluster, json, place) ||
        (json_member(json, "tool_price") != NULL &&
         !read_price(json, place, "tool_price", &cluster->tool_price)))
        return false;
    if (json_member(json, "prefix_reuse") != NULL &&
        (!json_get_amount(place, json, "prefix_reuse", &cluster->prefix_reuse) ||
         (cluster->prefix_reuse > 1.0 &&
          !json_expected(place, "prefix_reuse", "a number in 0 .. 1"))))
        return false;
    if (json_member(json, "prefill") != NULL && !json_get_string(place, json, "prefill", &prefill))
        return false;
    cluster->serial = strcmp(prefill, "serial") == 0;
    if (!cluster->serial && strcmp(prefill, "stretched") != 0)
        return json_expected(place, "prefill", "\"stretched\" or \"serial\"");
    return true;
}

bool cluster_load(struct cluster *cluster, const char *name, struct problem *problem)
{
    *cluster = (struct cluster){0};
    for (size_t i = 0; i < COUNT_OF(BUILT_IN); i++)
        if (strcmp(name, BUILT_IN[i].name) == 0) {
            cluster->name = copy_text(name);
            make_built_in(cluster, &BUILT_IN[i]);
            finish_curve(cluster);
            return true;
        }
    char *text;
    size_t length;
    if (!read_document(name, &text, &length, problem))
        return false;
    struct place place = {.path = name, .text = text, .problem = problem};
    cJSON *json = json_parse(text, length, &place);
    bool good = json != NULL && read_cluster(cluster, json, &place);
    cJSON_Delete(json);
    free(text);
    if (!good) {
        cluster_release(cluster);
        return false;
    }
    cluster->name = path_stem(name);
    finish_curve(cluster);
    return true;
}

void cluster_release(struct cluster *cluster)
{
    for (uint32_t e = 0; e < cluster->engine_count; e++)
        free(cluster->engines[e].model);
    for (uint32_t p = 0; p < cluster->pool_count; p++) {
        for (uint32_t t = 0; t < cluster->pools[p].tool_count; t++)
            free(cluster->pools[p].tools[t]);
        free(cluster->pools[p].tools);
        free(cluster->pools[p].name);
    }
    free(cluster->pools);
    free(cluster->engines);
    free(cluster->name);
    free(cluster->tau_batch);
    free(cluster->tau_s);
    free(cluster->slowdown);
    *cluster = (struct cluster){0};
}

static void put_price(FILE *file, const char *key, double price)
{
    if (!(price > 0.0))
        return;
    fprintf(file, ", \"%s\": ", key);
    json_put_number(file, price);
}

static void put_pools(const struct cluster *cluster, FILE *file)
{
    for (uint32_t p = 0; p < cluster->pool_count; p++) {
        const struct tool_pool *pool = &cluster->pools[p];
        fputs(p > 0 ? ", {\"name\": " : ",\n  \"tool_pools\": [{\"name\": ", file);
        json_put_string(file, pool->name);
        fprintf(file, ", \"slots\": %u, \"tools\": [", pool->slots);
        for (uint32_t t = 0; t < pool->tool_count; t++) {
            fputs(t > 0 ? ", " : "", file);
            json_put_string(file, pool->tools[t]);
        }
        fputs("]}", file);
    }
    if (cluster->pool_count > 0)
        fputc(']', file);
}

void cluster_write(const struct cluster *cluster, FILE *file)
{
    fputs("{\n  \"engines\": [", file);
    for (uint32_t e = 0; e < cluster->engine_count; e++) {
        fputs(e > 0 ? ", {" : "{", file);
        if (cluster->engines[e].model != NULL) {
            fputs("\"model\": ", file);
            json_put_string(file, cluster->engines[e].model);
            fputs(", ", file);
        }
        fprintf(file, "\"max_batch\": %u", cluster->engines[e].max_batch);
        put_price(file, "price", cluster->engines[e].price);
        fputc('}', file);
    }
    fprintf(file, "],\n  \"tool_slots\": %u", cluster->tool_slots);
    put_price(file, "tool_price", cluster->tool_price);
    put_pools(cluster, file);
    fputs(",\n  \"tau\": [", file);
    for (uint32_t i = 0; i < cluster->tau_count; i++) {
        fputs(i > 0 ? ", [" : "[", file);
        json_put_number(file, cluster->tau_batch[i]);
        fputs(", ", file);
        json_put_number(file, cluster->tau_s[i]);
        fputc(']', file);
    }
    fputs("],\n  \"prefill_s_per_token\": ", file);
    json_put_number(file, cluster->prefill_s_per_token);
    if (cluster->prefix_reuse > 0.0) {
        fputs(",\n  \"prefix_reuse\": ", file);
        json_put_number(file, cluster->prefix_reuse);
    }
    fprintf(file, ",\n  \"prefill\": \"%s\"\n}\n", cluster->serial ? "serial" : "stretched");
}

double cluster_tau(const struct cluster *cluster, double batch)
{
    const double *b = cluster->tau_batch, *s = cluster->tau_s;
    uint32_t last = cluster->tau_count - 1, i = 1;
    if (batch <= b[0])
        return s[0];
    if (batch >= b[last])
        return s[last];
    while (b[i] < batch)
        i++;
    return s[i - 1] + (s[i] - s[i - 1]) * (batch - b[i - 1]) / (b[i] - b[i - 1]);
}

double cluster_alone(const struct cluster *cluster, double prompt_tokens, double output_tokens)
{
    return prompt_tokens * cluster->prefill_s_per_token + output_tokens * cluster_tau(cluster, 1.0);
}

bool cluster_has_one_model(const struct cluster *cluster)
{
    for (uint32_t e = 1; e < cluster->engine_count; e++)
        if (cluster->engines[e].model != NULL &&
            strcmp(cluster->engines[e].model, cluster->engines[0].model) != 0)
            return false;
    return true;
}

const struct tool_pool *cluster_pool(const struct cluster *cluster, const char *name)
{
    for (uint32_t p = 0; p < cluster->pool_count; p++)
        if (strcmp(cluster->pools[p].name, name) == 0)
            return &cluster->pools[p];
    return NULL;
}

const struct tool_pool *cluster_pool_of(const struct cluster *cluster, uint32_t slot)
{
    for (uint32_t p = 0; p < cluster->pool_count; p++)
        if (slot >= cluster->pools[p].first &&
            slot - cluster->pools[p].first < cluster->pools[p].slots)
            return &cluster->pools[p];
    return NULL;
}

bool cluster_serves(const struct cluster *cluster, uint32_t engine, const char *model)
{
    const char *served = cluster->engines[engine].model;
    return served == model || (served != NULL && model != NULL && strcmp(served, model) == 0);
}

uint32_t cluster_model(const struct cluster *cluster, const char *model)
{
    uint32_t number = 0;
    for (uint32_t e = 0; e < cluster->engine_count; e++) {
        uint32_t first = 0;
        if (cluster_serves(cluster, e, model))
            return number;
        while (!cluster_serves(cluster, first, cluster->engines[e].model))
            first++;
        number += first == e; /* a model that stands there for the first time */
    }
    return number;
}

uint32_t cluster_model_count(const struct cluster *cluster)
{
    uint32_t count = 0;
    for (uint32_t e = 0; e < cluster->engine_count; e++) {
        uint32_t number = cluster_model(cluster, cluster->engines[e].model);
        count = number >= count ? number + 1 : count;
    }
    return count;
}
