/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DAGs as JSON, "llmsched-dag-1" (docs/schemas.md). Reading goes through the
 * builder, stages first: parents and members may be named before they stand.
 * Writing puts every edge of the frozen DAG down, those that freezing added
 * for candidates too: freezing adds no edge twice, so the result is equal.
 */
#include "dag/builder.h"

#include <stdio.h>
#include <string.h>

#define FORMAT "llmsched-dag-1"

static const char *const kind_names[] = {NULL, "llm", "regular", "dynamic"};

/* --- writing ---------------------------------------------------------------- */

static lls_json *ids_to_json(const llmsched_dag *dag, const uint32_t *stages, uint32_t count)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t i = 0; i < count; i++)
        if (!lls_json_append(array, lls_json_new_string(dag->stages[stages[i]].id))) {
            lls_json_free(array);
            return NULL;
        }
    return array;
}

static lls_json *candidate_to_json(const llmsched_dag *dag, const lls_candidate *candidate)
{
    lls_json *object = lls_json_new_object();
    if (lls_json_put_string(object, "name", candidate->name) &&
        lls_json_put(object, "members", ids_to_json(dag, candidate->members, candidate->count)))
        return object;
    lls_json_free(object);
    return NULL;
}

static lls_json *candidates_to_json(const llmsched_dag *dag, uint32_t stage)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t c = dag->candidate_start[stage]; c < dag->candidate_start[stage + 1]; c++)
        if (!lls_json_append(array, candidate_to_json(dag, &dag->candidates[c]))) {
            lls_json_free(array);
            return NULL;
        }
    return array;
}

static lls_json *stage_to_json(const llmsched_dag *dag, uint32_t number)
{
    const llmsched_stage *stage = &dag->stages[number];
    bool own_name = strcmp(stage->name, stage->id) != 0;
    uint32_t parent_count;
    const uint32_t *parents = llmsched_dag_parents(dag, number, &parent_count);
    lls_json *object = lls_json_new_object();
    if (lls_json_put_string(object, "id", stage->id) &&
        lls_json_put_string(object, "kind", kind_names[stage->kind]) &&
        lls_json_put_string(object, "name", own_name ? stage->name : NULL) &&
        lls_json_put_string(object, "model", stage->model) &&
        (stage->tasks == 1 || lls_json_put_number(object, "tasks", stage->tasks)) &&
        lls_json_put(object, "parents", ids_to_json(dag, parents, parent_count)) &&
        (stage->kind != LLMSCHED_STAGE_DYNAMIC ||
         lls_json_put(object, "candidates", candidates_to_json(dag, number))))
        return object;
    lls_json_free(object);
    return NULL;
}

static lls_json *stages_to_json(const llmsched_dag *dag)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t s = 0; s < dag->stage_count; s++)
        if (!lls_json_append(array, stage_to_json(dag, s))) {
            lls_json_free(array);
            return NULL;
        }
    return array;
}

lls_json *lls_dag_to_json(const llmsched_dag *dag)
{
    lls_json *object = lls_json_new_object();
    if (lls_json_put_string(object, "format", FORMAT) &&
        lls_json_put_string(object, "name", dag->name) &&
        lls_json_put(object, "stages", stages_to_json(dag)))
        return object;
    lls_json_free(object);
    return NULL;
}

llmsched_status llmsched_dag_to_json(const llmsched_dag *dag, llmsched_text **text,
                                     llmsched_error *err)
{
    if (dag == NULL || text == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        dag == NULL ? "dag" : "text");
    lls_json *json = lls_dag_to_json(dag);
    llmsched_status status = lls_json_print(dag->context, json, text, err);
    lls_json_free(json);
    return status;
}

/* --- reading ---------------------------------------------------------------- */

/* Paths are cut to this, which still leaves room for the message. */
enum { PATH_BYTES = 120 };

typedef struct reader {
    llmsched_dag_builder *builder;
    const lls_json *stages;
    const char *where; /* path of the DAG, or "" */
    llmsched_error *err;
} reader;

static void stage_path(const reader *r, uint32_t stage, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%.64s%sstages[%u]", r->where, r->where[0] != '\0' ? "." : "",
             (unsigned)stage);
}

static llmsched_status read_kind(const lls_json *json, const char *path, uint32_t *kind,
                                 llmsched_error *err)
{
    const char *name;
    llmsched_status status = lls_json_get_string(json, path, "kind", &name, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t k = LLMSCHED_STAGE_LLM; k < LLS_COUNT(kind_names); k++)
        if (strcmp(name, kind_names[k]) == 0) {
            *kind = k;
            return LLMSCHED_OK;
        }
    return lls_fail(err, LLMSCHED_ERROR_PARSE,
                    "%s.kind: \"%.40s\": expected \"llm\", \"regular\" or \"dynamic\"", path, name);
}

static llmsched_status read_tasks(const lls_json *json, const char *path, uint32_t *tasks,
                                  llmsched_error *err)
{
    uint64_t value = 1;
    llmsched_status status = lls_json_opt_u64(json, path, "tasks", UINT32_MAX, &value, err);
    if (status == LLMSCHED_OK && value == 0)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.tasks: is 0: expected 1 or more", path);
    *tasks = (uint32_t)value;
    return status;
}

static llmsched_status read_stage(reader *r, const lls_json *json, uint32_t number)
{
    char path[PATH_BYTES];
    stage_path(r, number, path);
    llmsched_stage stage = {.size = sizeof stage};
    llmsched_status status = lls_json_get_string(json, path, "id", &stage.id, r->err);
    if (status == LLMSCHED_OK)
        status = read_kind(json, path, &stage.kind, r->err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_string(json, path, "name", &stage.name, r->err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_string(json, path, "model", &stage.model, r->err);
    if (status == LLMSCHED_OK)
        status = read_tasks(json, path, &stage.tasks, r->err);
    if (status != LLMSCHED_OK)
        return status;
    status = llmsched_dag_builder_add_stage(r->builder, &stage, NULL, r->err);
    if (status != LLMSCHED_OK)
        lls_error_prefix(r->err, 0, "%s", path);
    return status;
}

static llmsched_status read_reference(const reader *r, const lls_json *json, const char *path,
                                      const char *key, uint32_t place, uint32_t *stage)
{
    if (lls_json_kind(json) != LLS_JSON_STRING)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.%s[%u]: expected the id of a stage", path,
                        key, (unsigned)place);
    *stage = lls_map_get_str(&r->builder->ids, lls_json_value_string(json));
    if (*stage == LLS_NONE32)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.%s[%u]: no stage has the id \"%.60s\"",
                        path, key, (unsigned)place, lls_json_value_string(json));
    return LLMSCHED_OK;
}

/* The array under key, which may be absent: *first is then NULL. */
static llmsched_status first_of(const reader *r, const lls_json *json, const char *path,
                                const char *key, const lls_json **first)
{
    const lls_json *array;
    *first = NULL;
    if (lls_json_member(json, key) == NULL)
        return LLMSCHED_OK;
    llmsched_status status = lls_json_get_array(json, path, key, &array, r->err);
    if (status == LLMSCHED_OK)
        *first = lls_json_first(array);
    return status;
}

static llmsched_status read_parents(reader *r, const lls_json *json, const char *path,
                                    uint32_t stage)
{
    const lls_json *item;
    llmsched_status status = first_of(r, json, path, "parents", &item);
    for (uint32_t i = 0; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item), i++) {
        uint32_t parent;
        status = read_reference(r, item, path, "parents", i, &parent);
        if (status != LLMSCHED_OK)
            return status;
        status = llmsched_dag_builder_add_edge(r->builder, parent, stage, r->err);
        if (status != LLMSCHED_OK)
            lls_error_prefix(r->err, 0, "%s.parents[%u]", path, (unsigned)i);
    }
    return status;
}

static llmsched_status read_candidate(reader *r, const lls_json *json, const char *path,
                                      uint32_t stage)
{
    const char *name;
    const lls_json *array, *item;
    llmsched_status status = lls_json_get_string(json, path, "name", &name, r->err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_array(json, path, "members", &array, r->err);
    if (status != LLMSCHED_OK)
        return status;
    const llmsched_context *context = r->builder->context;
    uint32_t count = 0;
    uint32_t *members = lls_calloc(context, lls_json_count(array), sizeof *members);
    if (members == NULL)
        return lls_fail_memory(r->err);
    for (item = lls_json_first(array); status == LLMSCHED_OK && item != NULL;
         item = lls_json_next(item), count++)
        status = read_reference(r, item, path, "members", count, &members[count]);
    if (status == LLMSCHED_OK) {
        status = llmsched_dag_builder_add_candidate(r->builder, stage, name, members, count, NULL,
                                                    r->err);
        if (status != LLMSCHED_OK)
            lls_error_prefix(r->err, 0, "%s", path);
    }
    lls_free(context, members);
    return status;
}

static llmsched_status read_candidates(reader *r, const lls_json *json, const char *path,
                                       uint32_t stage)
{
    const lls_json *item;
    llmsched_status status = first_of(r, json, path, "candidates", &item);
    for (uint32_t i = 0; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item), i++) {
        char candidate_path[PATH_BYTES + 32];
        snprintf(candidate_path, sizeof candidate_path, "%s.candidates[%u]", path, (unsigned)i);
        status = read_candidate(r, item, candidate_path, stage);
    }
    return status;
}

static llmsched_status read_links(reader *r)
{
    uint32_t stage = 0;
    for (const lls_json *item = lls_json_first(r->stages); item != NULL;
         item = lls_json_next(item), stage++) {
        char path[PATH_BYTES];
        stage_path(r, stage, path);
        llmsched_status status = read_parents(r, item, path, stage);
        if (status == LLMSCHED_OK)
            status = read_candidates(r, item, path, stage);
        if (status != LLMSCHED_OK)
            return status;
    }
    return LLMSCHED_OK;
}

static llmsched_status read_dag(reader *r, llmsched_dag **dag)
{
    uint32_t stage = 0;
    llmsched_status status = LLMSCHED_OK;
    const lls_json *item = lls_json_first(r->stages);
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item))
        status = read_stage(r, item, stage++);
    if (status == LLMSCHED_OK)
        status = read_links(r);
    if (status != LLMSCHED_OK)
        return status;
    status = llmsched_dag_builder_freeze(r->builder, dag, r->err);
    if (status != LLMSCHED_OK && r->where[0] != '\0')
        lls_error_prefix(r->err, 0, "%.64s", r->where);
    return status;
}

llmsched_status lls_dag_from_json(const llmsched_context *context, const lls_json *json,
                                  const char *where, llmsched_dag **dag, llmsched_error *err)
{
    const char *format, *name;
    reader r = {.where = where, .err = err};
    llmsched_status status = lls_json_get_string(json, where, "format", &format, err);
    if (status == LLMSCHED_OK && strcmp(format, FORMAT) != 0)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%.64s%sformat: \"%.40s\": expected \"%s\"",
                        where, where[0] != '\0' ? "." : "", format, FORMAT);
    if (status == LLMSCHED_OK)
        status = lls_json_get_string(json, where, "name", &name, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_array(json, where, "stages", &r.stages, err);
    if (status != LLMSCHED_OK)
        return status;
    status =
        llmsched_dag_builder_create((llmsched_context *)(uintptr_t)context, name, &r.builder, err);
    if (status == LLMSCHED_OK)
        status = read_dag(&r, dag);
    llmsched_dag_builder_destroy(r.builder);
    return status;
}

llmsched_status llmsched_dag_from_json(llmsched_context *context, const char *json, size_t length,
                                       llmsched_dag **dag, llmsched_error *err)
{
    if (context == NULL || json == NULL || dag == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        context == NULL ? "context"
                        : json == NULL  ? "json"
                                        : "dag");
    lls_json *tree;
    llmsched_status status = lls_json_parse(json, length, 1, &tree, err);
    if (status != LLMSCHED_OK)
        return status;
    status = lls_dag_from_json(context, tree, "", dag, err);
    lls_json_free(tree);
    return status;
}
