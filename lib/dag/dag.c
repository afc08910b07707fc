/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frozen DAG: its references, and what can be read from it.
 */
#include "dag/internal.h"

/* --- references ------------------------------------------------------------ */

llmsched_dag *llmsched_dag_retain(const llmsched_dag *dag)
{
    /* The count is the one part of a DAG that changes, also behind const. */
    llmsched_dag *d = (llmsched_dag *)(uintptr_t)dag;
    if (d != NULL)
        atomic_fetch_add_explicit(&d->references, 1, memory_order_relaxed);
    return d;
}

void llmsched_dag_release(llmsched_dag *dag)
{
    if (dag == NULL || atomic_fetch_sub_explicit(&dag->references, 1, memory_order_acq_rel) != 1)
        return;
    llmsched_context *context = dag->context;
    lls_map_finish(&dag->ids);
    lls_map_finish(&dag->names);
    void *const arrays[] = {
        dag->text,        dag->stages,      dag->owner, dag->parent_start,    dag->parents,
        dag->child_start, dag->children,    dag->order, dag->candidate_start, dag->candidates,
        dag->members,     dag->group_start, dag->groups};
    for (size_t i = 0; i < LLS_COUNT(arrays); i++)
        lls_free(context, arrays[i]);
    lls_free(context, dag);
    lls_context_release(context);
}

/* --- reading ---------------------------------------------------------------- */

const char *llmsched_dag_name(const llmsched_dag *dag)
{
    return dag != NULL ? dag->name : "";
}

uint32_t llmsched_dag_stage_count(const llmsched_dag *dag)
{
    return dag != NULL ? dag->stage_count : 0;
}

uint32_t llmsched_dag_edge_count(const llmsched_dag *dag)
{
    return dag != NULL ? dag->edge_count : 0;
}

llmsched_status llmsched_dag_stage(const llmsched_dag *dag, uint32_t index, llmsched_stage *stage,
                                   llmsched_error *err)
{
    if (dag == NULL || stage == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        dag == NULL ? "dag" : "stage");
    if (index >= dag->stage_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "no stage %u: DAG \"%.80s\" has %u",
                        (unsigned)index, dag->name, (unsigned)dag->stage_count);
    return lls_sized_out(stage, &dag->stages[index], sizeof(llmsched_stage), sizeof(llmsched_stage),
                         "llmsched_stage", err);
}

uint32_t llmsched_dag_find(const llmsched_dag *dag, const char *id)
{
    return dag != NULL && id != NULL ? lls_map_get_str(&dag->ids, id) : LLMSCHED_INDEX_NONE;
}

uint32_t llmsched_dag_find_occurrence(const llmsched_dag *dag, uint32_t kind, const char *name,
                                      uint32_t occurrence)
{
    if (dag == NULL || name == NULL || kind < 1 || kind > LLS_STAGE_KINDS)
        return LLMSCHED_INDEX_NONE;
    uint32_t number = lls_map_get_str(&dag->names, name);
    if (number == LLS_NONE32)
        return LLMSCHED_INDEX_NONE;
    size_t group = (size_t)LLS_STAGE_KINDS * number + kind - 1;
    uint32_t start = dag->group_start[group];
    if (occurrence >= dag->group_start[group + 1] - start)
        return LLMSCHED_INDEX_NONE;
    return dag->groups[start + occurrence];
}

static const uint32_t *neighbours(const llmsched_dag *dag, uint32_t stage, const uint32_t *start,
                                  const uint32_t *items, uint32_t *count)
{
    bool known = dag != NULL && stage < dag->stage_count;
    if (count != NULL)
        *count = known ? start[stage + 1] - start[stage] : 0;
    return known ? items + start[stage] : NULL;
}

const uint32_t *llmsched_dag_parents(const llmsched_dag *dag, uint32_t stage, uint32_t *count)
{
    return neighbours(dag, stage, dag != NULL ? dag->parent_start : NULL,
                      dag != NULL ? dag->parents : NULL, count);
}

const uint32_t *llmsched_dag_children(const llmsched_dag *dag, uint32_t stage, uint32_t *count)
{
    return neighbours(dag, stage, dag != NULL ? dag->child_start : NULL,
                      dag != NULL ? dag->children : NULL, count);
}

const uint32_t *llmsched_dag_order(const llmsched_dag *dag)
{
    return dag != NULL ? dag->order : NULL;
}

uint32_t llmsched_dag_candidate_count(const llmsched_dag *dag, uint32_t stage)
{
    if (dag == NULL || stage >= dag->stage_count)
        return 0;
    return dag->candidate_start[stage + 1] - dag->candidate_start[stage];
}

const uint32_t *llmsched_dag_candidate(const llmsched_dag *dag, uint32_t stage, uint32_t candidate,
                                       const char **name, uint32_t *count)
{
    const lls_candidate *found = NULL;
    if (candidate < llmsched_dag_candidate_count(dag, stage))
        found = &dag->candidates[dag->candidate_start[stage] + candidate];
    if (name != NULL)
        *name = found != NULL ? found->name : NULL;
    if (count != NULL)
        *count = found != NULL ? found->count : 0;
    return found != NULL ? found->members : NULL;
}
