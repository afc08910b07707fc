/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the builder to the frozen DAG: everything is copied, so that the two
 * live apart from then on.
 */
#include "dag/builder.h"

#include <string.h>

static llmsched_status check_complete(const llmsched_dag_builder *b, llmsched_error *err)
{
    if (b->stage_count == 0)
        return lls_fail(err, LLMSCHED_ERROR_STATE, "DAG \"%.80s\": no stage: add one first",
                        b->text);
    for (uint32_t s = 0; s < b->stage_count; s++)
        if (b->stages[s].kind == LLMSCHED_STAGE_DYNAMIC && b->stages[s].candidate_count == 0)
            return lls_fail(err, LLMSCHED_ERROR_STATE,
                            "dynamic stage \"%.80s\": no candidates: add one (it may be empty)",
                            lls_builder_id(b, s));
    return LLMSCHED_OK;
}

/* --- stages and look-ups -------------------------------------------------- */

static bool copy_stages(const llmsched_dag_builder *b, llmsched_dag *dag)
{
    dag->text = lls_calloc(dag->context, b->text_length, 1);
    dag->stages = lls_calloc(dag->context, b->stage_count, sizeof *dag->stages);
    dag->owner = lls_calloc(dag->context, b->stage_count, sizeof *dag->owner);
    if (dag->text == NULL || dag->stages == NULL || dag->owner == NULL)
        return false;
    memcpy(dag->text, b->text, b->text_length);
    dag->name = dag->text;
    dag->stage_count = b->stage_count;
    for (uint32_t s = 0; s < b->stage_count; s++) {
        const lls_builder_stage *from = &b->stages[s];
        dag->stages[s] =
            (llmsched_stage){.size = sizeof(llmsched_stage),
                             .kind = from->kind,
                             .id = dag->text + from->id,
                             .name = dag->text + from->name,
                             .model = from->model != LLS_NONE32 ? dag->text + from->model : NULL,
                             .occurrence = from->occurrence,
                             .tasks = from->tasks};
        dag->owner[s] = from->owner;
    }
    return true;
}

static bool index_ids(llmsched_dag *dag)
{
    for (uint32_t s = 0; s < dag->stage_count; s++)
        if (!lls_map_put_str(&dag->ids, dag->stages[s].id, s))
            return false;
    return true;
}

static uint32_t group_of(const lls_builder_stage *stage)
{
    return LLS_STAGE_KINDS * stage->name_number + stage->kind - 1;
}

static bool index_groups(const llmsched_dag_builder *b, llmsched_dag *dag)
{
    size_t groups = (size_t)LLS_STAGE_KINDS * b->name_count;
    dag->group_start = lls_calloc(dag->context, groups + 1, sizeof *dag->group_start);
    dag->groups = lls_calloc(dag->context, b->stage_count, sizeof *dag->groups);
    if (dag->group_start == NULL || dag->groups == NULL)
        return false;
    for (size_t g = 0; g < groups; g++)
        dag->group_start[g + 1] = dag->group_start[g] + b->occurrences[g];
    for (uint32_t s = 0; s < b->stage_count; s++) {
        const lls_builder_stage *stage = &b->stages[s];
        dag->groups[dag->group_start[group_of(stage)] + stage->occurrence] = s;
        if (!lls_map_put_str(&dag->names, dag->stages[s].name, stage->name_number))
            return false;
    }
    return true;
}

/* --- candidates ------------------------------------------------------------ */

static bool copy_candidates(const llmsched_dag_builder *b, llmsched_dag *dag)
{
    dag->candidate_count = b->candidate_count;
    dag->candidate_start = lls_calloc(dag->context, (size_t)b->stage_count + 1, sizeof(uint32_t));
    dag->candidates = lls_calloc(dag->context, b->candidate_count, sizeof *dag->candidates);
    dag->members = lls_calloc(dag->context, b->member_count, sizeof *dag->members);
    uint32_t *next = lls_calloc(dag->context, b->stage_count, sizeof *next);
    bool ok = dag->candidate_start != NULL && dag->candidates != NULL && dag->members != NULL &&
              next != NULL;
    if (ok && b->member_count > 0)
        memcpy(dag->members, b->members, b->member_count * sizeof *dag->members);
    for (uint32_t s = 0; ok && s < b->stage_count; s++) {
        next[s] = dag->candidate_start[s];
        dag->candidate_start[s + 1] = next[s] + b->stages[s].candidate_count;
    }
    for (uint32_t c = 0; ok && c < b->candidate_count; c++) {
        const lls_builder_candidate *from = &b->candidates[c];
        dag->candidates[next[from->stage]++] = (lls_candidate){
            dag->text + from->name, dag->members + from->member_start, from->member_count};
    }
    lls_free(dag->context, next);
    return ok;
}

/* --- edges ------------------------------------------------------------------ */

/*
 * The edges of a DAG: those of the builder, and those from a dynamic stage to
 * the members that have no parent among its members. bare[s] says that stage s
 * is at the end of such an edge.
 */
typedef struct edge_source {
    const llmsched_dag_builder *b;
    unsigned char *bare;
} edge_source;

static void find_bare(edge_source *edges)
{
    const lls_builder_stage *stages = edges->b->stages;
    for (uint32_t s = 0; s < edges->b->stage_count; s++)
        edges->bare[s] = stages[s].owner != LLS_NONE32;
    for (uint32_t e = 0; e < edges->b->edge_count; e++) {
        uint32_t from = edges->b->edges[e].from, to = edges->b->edges[e].to;
        /* The edge may also be there already. */
        if (stages[to].owner == from || stages[to].owner == stages[from].owner)
            edges->bare[to] = 0;
    }
}

static void count_edges(const edge_source *edges, llmsched_dag *dag)
{
    for (uint32_t e = 0; e < edges->b->edge_count; e++) {
        dag->child_start[edges->b->edges[e].from + 1]++;
        dag->parent_start[edges->b->edges[e].to + 1]++;
    }
    for (uint32_t s = 0; s < dag->stage_count; s++)
        if (edges->bare[s]) {
            dag->child_start[dag->owner[s] + 1]++;
            dag->parent_start[s + 1]++;
        }
    for (uint32_t s = 0; s < dag->stage_count; s++) {
        dag->child_start[s + 1] += dag->child_start[s];
        dag->parent_start[s + 1] += dag->parent_start[s];
    }
}

static void scatter_parents(const edge_source *edges, llmsched_dag *dag, uint32_t *next)
{
    memcpy(next, dag->parent_start, dag->stage_count * sizeof *next);
    for (uint32_t e = 0; e < edges->b->edge_count; e++)
        dag->parents[next[edges->b->edges[e].to]++] = edges->b->edges[e].from;
    for (uint32_t s = 0; s < dag->stage_count; s++)
        if (edges->bare[s])
            dag->parents[next[s]++] = dag->owner[s];
}

/* Turns lists of neighbours round; going through the stages in order makes the result ascending. */
static void transpose(uint32_t stage_count, const uint32_t *from_start, const uint32_t *from,
                      const uint32_t *to_start, uint32_t *to, uint32_t *next)
{
    memcpy(next, to_start, stage_count * sizeof *next);
    for (uint32_t s = 0; s < stage_count; s++)
        for (uint32_t i = from_start[s]; i < from_start[s + 1]; i++)
            to[next[from[i]]++] = s;
}

static llmsched_status fill_edges(const edge_source *edges, llmsched_dag *dag, llmsched_error *err)
{
    uint64_t total = edges->b->edge_count;
    for (uint32_t s = 0; s < dag->stage_count; s++)
        total += edges->bare[s];
    if (total >= UINT32_MAX)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "DAG \"%.80s\": 2^32 edges or more", dag->name);
    dag->edge_count = (uint32_t)total;

    size_t starts = (size_t)dag->stage_count + 1;
    dag->parent_start = lls_calloc(dag->context, starts, sizeof *dag->parent_start);
    dag->child_start = lls_calloc(dag->context, starts, sizeof *dag->child_start);
    dag->parents = lls_calloc(dag->context, total, sizeof *dag->parents);
    dag->children = lls_calloc(dag->context, total, sizeof *dag->children);
    dag->order = lls_calloc(dag->context, dag->stage_count, sizeof *dag->order);
    uint32_t *next = lls_calloc(dag->context, dag->stage_count, sizeof *next);
    llmsched_status status = LLMSCHED_OK;
    if (dag->parent_start == NULL || dag->child_start == NULL || dag->parents == NULL ||
        dag->children == NULL || dag->order == NULL || next == NULL) {
        status = lls_fail_memory(err);
    } else {
        count_edges(edges, dag);
        scatter_parents(edges, dag, next);
        transpose(dag->stage_count, dag->parent_start, dag->parents, dag->child_start,
                  dag->children, next);
        transpose(dag->stage_count, dag->child_start, dag->children, dag->parent_start,
                  dag->parents, next);
    }
    lls_free(dag->context, next);
    return status;
}

static llmsched_status build_edges(const llmsched_dag_builder *b, llmsched_dag *dag,
                                   llmsched_error *err)
{
    edge_source edges = {b, lls_calloc(dag->context, b->stage_count, 1)};
    if (edges.bare == NULL)
        return lls_fail_memory(err);
    find_bare(&edges);
    llmsched_status status = fill_edges(&edges, dag, err);
    lls_free(dag->context, edges.bare);
    return status;
}

/* --- freezing ----------------------------------------------------------------- */

static llmsched_dag *new_dag(const llmsched_context *context)
{
    llmsched_dag *dag = lls_calloc(context, 1, sizeof *dag);
    if (dag == NULL)
        return NULL;
    atomic_init(&dag->references, 1);
    dag->context = lls_context_retain(context);
    lls_map_init(&dag->ids, context);
    lls_map_init(&dag->names, context);
    return dag;
}

llmsched_status llmsched_dag_builder_freeze(const llmsched_dag_builder *builder, llmsched_dag **dag,
                                            llmsched_error *err)
{
    if (builder == NULL || dag == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        builder == NULL ? "builder" : "dag");
    llmsched_status status = check_complete(builder, err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_dag *d = new_dag(builder->context);
    if (d == NULL)
        return lls_fail_memory(err);
    if (!copy_stages(builder, d) || !index_ids(d) || !index_groups(builder, d) ||
        !copy_candidates(builder, d))
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK)
        status = build_edges(builder, d, err);
    if (status == LLMSCHED_OK)
        status = lls_dag_sort(d, err);
    if (status == LLMSCHED_OK)
        *dag = d;
    else
        llmsched_dag_release(d);
    return status;
}
