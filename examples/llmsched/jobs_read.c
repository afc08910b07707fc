/* SPDX-License-Identifier: Apache-2.0 */
/* Reads jobs files: one job a line, every value filled in. */
#include <math.h>
#include <string.h>

#include "io.h"
#include "jobs.h"
#include "json.h"

static const double MOST_TOKENS = 1e12;
static const double MOST_TASKS = 1e6;

struct reading {
    struct workload *workload;
    struct words words;
    uint64_t stages; /* read so far, over the whole file */
};

/* Unlike elsewhere, a null in a jobs file is no absence but a hole. */
static bool no_nulls(const struct place *place, const cJSON *object)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next)
        if (cJSON_IsNull(item))
            return json_expected(place, item->string, "a value, not null");
    return true;
}

static bool read_parents(struct reading *reading, const struct place *place, const cJSON *json,
                         struct stage *stage)
{
    const cJSON *array, *item;
    if (!json_get_array(place, json, "parents", &array))
        return false;
    uint64_t job = reading->workload->count + 1;
    uint32_t *parents =
        arena_take(&reading->workload->arena, (size_t)cJSON_GetArraySize(array), sizeof *parents);
    stage->parents = parents;
    cJSON_ArrayForEach(item, array) {
        char key[32];
        snprintf(key, sizeof key, "parents[%u]", stage->parent_count);
        struct word *word =
            cJSON_IsString(item) ? intern(&reading->words, item->valuestring) : NULL;
        if (word == NULL || word->job != job)
            return json_expected(place, key, "the id of an earlier stage of the job");
        if (word->child == reading->stages + 1)
            return json_expected(place, key, "each parent once");
        word->child = reading->stages + 1;
        parents[stage->parent_count++] = word->stage;
    }
    return true;
}

static void name_model(struct reading *reading, struct word *word, struct stage *stage)
{
    if (word->model == 0)
        word->model = workload_add_model(reading->workload, word->text) + 1;
    stage->model = word->text;
    stage->model_number = word->model - 1;
}

static bool read_llm(struct reading *reading, const struct place *place, const cJSON *json,
                     struct stage *stage)
{
    if (json_member(json, "model") != NULL) {
        const char *model;
        if (!json_get_string(place, json, "model", &model))
            return false;
        name_model(reading, intern(&reading->words, model), stage);
    }
    return json_get_integer(place, json, "prompt_tokens", 0, MOST_TOKENS, &stage->prompt_tokens) &&
           json_get_integer(place, json, "output_tokens", 0, MOST_TOKENS, &stage->output_tokens);
}

static bool read_stage(struct reading *reading, struct place *place, const cJSON *json,
                       struct stage *stage, uint32_t index)
{
    const char *id, *name, *kind;
    double tasks = 1.0;
    snprintf(place->where, sizeof place->where, "stages[%u]", index);
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object");
    if (!no_nulls(place, json) || !json_get_string(place, json, "id", &id) ||
        !json_get_string(place, json, "name", &name) ||
        !json_get_string(place, json, "kind", &kind) || !read_parents(reading, place, json, stage))
        return false;
    if (json_member(json, "samples") != NULL &&
        !json_get_integer(place, json, "samples", 1, MOST_TASKS, &tasks))
        return false;
    stage->tasks = (uint32_t)tasks;
    stage->name = intern(&reading->words, name)->text;
    if (strcmp(kind, "llm") == 0) {
        stage->kind = LLMSCHED_STAGE_LLM;
        if (!read_llm(reading, place, json, stage))
            return false;
    } else if (strcmp(kind, "tool") == 0) {
        stage->kind = LLMSCHED_STAGE_REGULAR;
        const char *pool;
        if (!json_get_amount(place, json, "duration_s", &stage->duration_s))
            return false;
        if (json_member(json, "pool") != NULL) {
            if (!json_get_string(place, json, "pool", &pool))
                return false;
            stage->pool = intern(&reading->words, pool)->text;
        }
    } else {
        return json_expected(place, "kind", "\"llm\" or \"tool\"");
    }
    struct word *word = intern(&reading->words, id);
    if (word->job == reading->workload->count + 1)
        return json_expected(place, "id", "an id that no other stage of the job has");
    word->job = reading->workload->count + 1;
    word->stage = index;
    stage->id = word->text;
    reading->stages++;
    return true;
}

static bool read_stages(struct reading *reading, struct place *place, const cJSON *json,
                        struct body *body)
{
    const cJSON *array, *item;
    if (!json_get_array(place, json, "stages", &array))
        return false;
    int count = cJSON_GetArraySize(array);
    if (count == 0 || count > MOST_STAGES)
        return json_expected(place, "stages", "1 .. 1048576 stages");
    body->stages = arena_take(&reading->workload->arena, (size_t)count, sizeof *body->stages);
    cJSON_ArrayForEach(item, array)
        if (!read_stage(reading, place, item, &body->stages[body->stage_count],
                        body->stage_count) ||
            body->stage_count++ == UINT32_MAX)
            return false;
    place->where[0] = '\0';
    body_link(body, &reading->workload->arena);
    return true;
}

/* Who names no tenant belongs to that without a name, if any job names one. */
static bool read_tenant(struct reading *reading, struct place *place, const cJSON *json,
                        struct job *job)
{
    const char *tenant = "";
    if (json_member(json, "tenant") != NULL && !json_get_string(place, json, "tenant", &tenant))
        return false;
    if (json_member(json, "weight") != NULL) {
        if (!json_get_amount(place, json, "weight", &job->weight))
            return false;
        if (!(job->weight > 0.0))
            return json_expected(place, "weight", "a number above 0");
    }
    job->tenant = workload_tenant(reading->workload, intern(&reading->words, tenant)->text);
    return true;
}

static bool read_job(struct reading *reading, struct place *place, const cJSON *json)
{
    struct job job = {.sjf_mean_s = NAN};
    const char *name, *app;
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object");
    if (!no_nulls(place, json) || !json_get_string(place, json, "job", &name) ||
        !json_get_string(place, json, "app", &app) ||
        !json_get_amount(place, json, "arrival_s", &job.arrival_s))
        return false;
    if (json_member(json, "sjf_mean_s") != NULL &&
        !json_get_amount(place, json, "sjf_mean_s", &job.sjf_mean_s))
        return false;
    if (!read_tenant(reading, place, json, &job))
        return false;
    struct word *word = intern(&reading->words, name);
    if (word->is_job)
        return json_expected(place, "job", "an id that no other job of the file has");
    word->is_job = true;
    job.name = word->text;
    job.app = intern(&reading->words, app)->text;
    struct body *body = arena_take(&reading->workload->arena, 1, sizeof *body);
    if (!read_stages(reading, place, json, body))
        return false;
    job.body = body;
    workload_add(reading->workload, &job);
    return true;
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

bool jobs_read(struct workload *workload, const char *path, struct problem *problem)
{
    struct line_reader reader;
    struct reading reading = {.workload = workload, .words = {.arena = &workload->arena}};
    char *line;
    size_t length;
    *workload = (struct workload){0};
    if (!line_open(&reader, path, problem))
        return false;
    bool good = true;
    while (good && (line = line_next(&reader, &length, problem)) != NULL) {
        if (strlen(line) == length && is_blank(line))
            continue;
        struct place place = {.path = path, .line = reader.line, .problem = problem};
        cJSON *json = json_parse(line, length, &place);
        good = json != NULL && read_job(&reading, &place, json);
        cJSON_Delete(json);
    }
    good = good && problem->code == EXIT_DONE;
    if (workload->tenant_count == 1 && workload->tenants[0][0] == '\0')
        workload->tenant_count = 0;
    if (good && workload->count == 0)
        good = bad_input(problem, "%s:1: job: expected at least one job", path);
    line_close(&reader);
    words_release(&reading.words);
    if (!good)
        workload_release(workload);
    return good;
}
