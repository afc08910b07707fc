/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder of templates: stages and edges. Each function does first all that
 * can fail, so that a failure leaves nothing to undo but the text added last.
 */
#include "dag/builder.h"

#include <string.h>

llmsched_status lls_builder_check_text(const char *text, const char *what, llmsched_error *err)
{
    if (text == NULL || text[0] == '\0')
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be %s", what,
                        text == NULL ? "NULL" : "empty");
    if (!lls_utf8_valid(text))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: \"%.80s\" is not UTF-8", what, text);
    return LLMSCHED_OK;
}

llmsched_status lls_builder_check_stage(const llmsched_dag_builder *b, uint32_t stage,
                                        const char *what, llmsched_error *err)
{
    if (stage < b->stage_count)
        return LLMSCHED_OK;
    return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "%s: no stage %u: the builder has %u", what,
                    (unsigned)stage, (unsigned)b->stage_count);
}

bool lls_builder_add_text(llmsched_dag_builder *b, const char *text, uint32_t *offset)
{
    size_t bytes = strlen(text) + 1;
    void *grown = b->text;
    bool ok = lls_grow(b->context, &grown, &b->text_capacity, b->text_length + bytes, 1);
    b->text = grown;
    if (!ok)
        return false;
    memcpy(b->text + b->text_length, text, bytes);
    *offset = b->text_length;
    b->text_length += (uint32_t)bytes;
    return true;
}

/* --- the handle ---------------------------------------------------------- */

llmsched_status llmsched_dag_builder_create(llmsched_context *context, const char *name,
                                            llmsched_dag_builder **builder, llmsched_error *err)
{
    if (context == NULL || builder == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        context == NULL ? "context" : "builder");
    llmsched_status status = lls_builder_check_text(name, "name of the application", err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_dag_builder *b = lls_calloc(context, 1, sizeof *b);
    if (b == NULL)
        return lls_fail_memory(err);
    b->context = lls_context_retain(context);
    lls_map_init(&b->ids, context);
    lls_map_init(&b->names, context);
    lls_map_init(&b->edge_set, context);
    lls_map_init(&b->candidate_names, context);
    uint32_t offset;
    if (!lls_builder_add_text(b, name, &offset)) {
        llmsched_dag_builder_destroy(b);
        return lls_fail_memory(err);
    }
    *builder = b;
    return LLMSCHED_OK;
}

void llmsched_dag_builder_destroy(llmsched_dag_builder *builder)
{
    if (builder == NULL)
        return;
    llmsched_context *context = builder->context;
    lls_map_finish(&builder->ids);
    lls_map_finish(&builder->names);
    lls_map_finish(&builder->edge_set);
    lls_map_finish(&builder->candidate_names);
    lls_free(context, builder->text);
    lls_free(context, builder->stages);
    lls_free(context, builder->occurrences);
    lls_free(context, builder->edges);
    lls_free(context, builder->candidates);
    lls_free(context, builder->members);
    lls_free(context, builder);
    lls_context_release(context);
}

/* --- stages -------------------------------------------------------------- */

static size_t group_of(const lls_builder_stage *stage)
{
    return (size_t)LLS_STAGE_KINDS * stage->name_number + stage->kind - 1;
}

static bool reserve_stage(llmsched_dag_builder *b)
{
    void *grown = b->stages;
    bool ok = lls_grow(b->context, &grown, &b->stage_capacity, (size_t)b->stage_count + 1,
                       sizeof *b->stages);
    b->stages = grown;
    if (!ok)
        return false;
    grown = b->occurrences;
    ok = lls_grow(b->context, &grown, &b->occurrence_capacity,
                  ((size_t)b->name_count + 1) * LLS_STAGE_KINDS, sizeof *b->occurrences);
    b->occurrences = grown;
    return ok;
}

llmsched_status lls_builder_append_stage(llmsched_dag_builder *b, lls_builder_stage stage,
                                         llmsched_error *err)
{
    const char *id = lls_builder_text(b, stage.id);
    const char *name = lls_builder_text(b, stage.name);
    if (b->stage_count >= b->context->max_stages)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "stage \"%.80s\": the context allows %u stages: raise max_stages", id,
                        (unsigned)b->context->max_stages);
    if (lls_map_get_str(&b->ids, id) != LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                        "stage \"%.80s\": the id is taken: choose another", id);

    stage.name_number = lls_map_get_str(&b->names, name);
    bool fresh_name = stage.name_number == LLS_NONE32;
    if (fresh_name)
        stage.name_number = b->name_count;
    if (!reserve_stage(b) || !lls_map_put_str(&b->ids, id, b->stage_count))
        return lls_fail_memory(err);
    if (fresh_name && !lls_map_put_str(&b->names, name, stage.name_number)) {
        lls_map_remove(&b->ids, id, strlen(id));
        return lls_fail_memory(err);
    }
    if (fresh_name) {
        memset(b->occurrences + (size_t)LLS_STAGE_KINDS * b->name_count, 0,
               LLS_STAGE_KINDS * sizeof *b->occurrences);
        b->name_count++;
    }
    stage.occurrence = b->occurrences[group_of(&stage)]++;
    stage.owner = LLS_NONE32;
    stage.candidate_count = 0;
    b->stages[b->stage_count++] = stage;
    return LLMSCHED_OK;
}

void lls_builder_drop_stage(llmsched_dag_builder *b)
{
    const lls_builder_stage *stage = &b->stages[--b->stage_count];
    const char *id = lls_builder_text(b, stage->id);
    lls_map_remove(&b->ids, id, strlen(id));
    b->occurrences[group_of(stage)]--;
}

static llmsched_status check_stage(const llmsched_stage *stage, llmsched_error *err)
{
    llmsched_status status = lls_builder_check_text(stage->id, "id of a stage", err);
    if (status == LLMSCHED_OK && stage->name != NULL)
        status = lls_builder_check_text(stage->name, "name of a stage (NULL: the id)", err);
    if (status == LLMSCHED_OK && stage->model != NULL)
        status = lls_builder_check_text(stage->model, "model of a stage (NULL: any)", err);
    if (status != LLMSCHED_OK)
        return status;
    if (stage->kind < LLMSCHED_STAGE_LLM || stage->kind > LLMSCHED_STAGE_DYNAMIC)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage \"%.80s\": kind is %u: use one of LLMSCHED_STAGE_*", stage->id,
                        (unsigned)stage->kind);
    if (stage->model != NULL && stage->kind != LLMSCHED_STAGE_LLM)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage \"%.80s\": only an LLM stage has a model: leave it NULL", stage->id);
    return LLMSCHED_OK;
}

static bool add_texts(llmsched_dag_builder *b, const llmsched_stage *from, lls_builder_stage *to)
{
    if (!lls_builder_add_text(b, from->id, &to->id))
        return false;
    to->name = to->id;
    to->model = LLS_NONE32;
    return (from->name == NULL || lls_builder_add_text(b, from->name, &to->name)) &&
           (from->model == NULL || lls_builder_add_text(b, from->model, &to->model));
}

llmsched_status llmsched_dag_builder_add_stage(llmsched_dag_builder *builder,
                                               const llmsched_stage *stage, uint32_t *index,
                                               llmsched_error *err)
{
    if (builder == NULL || stage == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        builder == NULL ? "builder" : "stage");
    llmsched_stage given;
    llmsched_status status =
        lls_sized_in(&given, sizeof given, stage, sizeof(llmsched_stage), "llmsched_stage", err);
    if (status == LLMSCHED_OK)
        status = check_stage(&given, err);
    if (status != LLMSCHED_OK)
        return status;

    lls_builder_stage fresh = {.kind = given.kind, .tasks = given.tasks != 0 ? given.tasks : 1};
    uint32_t text_length = builder->text_length;
    status = add_texts(builder, &given, &fresh) ? lls_builder_append_stage(builder, fresh, err)
                                                : lls_fail_memory(err);
    if (status != LLMSCHED_OK) {
        builder->text_length = text_length;
        return status;
    }
    if (index != NULL)
        *index = builder->stage_count - 1;
    return LLMSCHED_OK;
}

/* --- edges --------------------------------------------------------------- */

static uint64_t edge_key(lls_edge edge)
{
    return (uint64_t)edge.from << 32 | edge.to;
}

llmsched_status lls_builder_append_edge(llmsched_dag_builder *b, lls_edge edge, llmsched_error *err)
{
    void *grown = b->edges;
    bool ok = lls_grow(b->context, &grown, &b->edge_capacity, (size_t)b->edge_count + 1,
                       sizeof *b->edges);
    b->edges = grown;
    if (!ok || !lls_map_put_u64(&b->edge_set, edge_key(edge), b->edge_count))
        return lls_fail_memory(err);
    b->edges[b->edge_count++] = edge;
    return LLMSCHED_OK;
}

void lls_builder_drop_edge(llmsched_dag_builder *b)
{
    lls_map_remove_u64(&b->edge_set, edge_key(b->edges[--b->edge_count]));
}

llmsched_status llmsched_dag_builder_add_edge(llmsched_dag_builder *builder, uint32_t from,
                                              uint32_t to, llmsched_error *err)
{
    if (builder == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "builder: must not be NULL");
    llmsched_status status = lls_builder_check_stage(builder, from, "start of an edge", err);
    if (status == LLMSCHED_OK)
        status = lls_builder_check_stage(builder, to, "end of an edge", err);
    if (status != LLMSCHED_OK)
        return status;
    if (from == to)
        return lls_fail(err, LLMSCHED_ERROR_CYCLE,
                        "stage \"%.80s\": an edge to itself: unroll loops with add_loop",
                        lls_builder_id(builder, from));
    lls_edge edge = {from, to};
    if (lls_map_get_u64(&builder->edge_set, edge_key(edge)) != LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                        "edge \"%.80s\" -> \"%.80s\": is there already: add it once",
                        lls_builder_id(builder, from), lls_builder_id(builder, to));
    return lls_builder_append_edge(builder, edge, err);
}
