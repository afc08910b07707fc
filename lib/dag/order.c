/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The topological order of a DAG: Kahn's algorithm, of several ready stages the
 * lowest number first. Where it stalls there is a cycle, which is then named.
 */
#include "dag/builder.h"

#include <string.h>

static int lower_first(const void *user, uint32_t a, uint32_t b)
{
    LLS_UNUSED(user);
    return a < b ? -1 : a > b;
}

static uint32_t in_degree(const llmsched_dag *dag, uint32_t stage)
{
    return dag->parent_start[stage + 1] - dag->parent_start[stage];
}

/* Fills dag->order; returns how many stages it holds. waiting[s]: parents not in the order yet. */
static uint32_t run_kahn(llmsched_dag *dag, lls_heap *ready, uint32_t *waiting)
{
    uint32_t done = 0, stage;
    for (stage = 0; stage < dag->stage_count; stage++) {
        waiting[stage] = in_degree(dag, stage);
        if (waiting[stage] == 0)
            lls_heap_push(ready, stage);
    }
    while ((stage = lls_heap_top(ready)) != LLS_NONE32) {
        lls_heap_remove(ready, stage);
        dag->order[done++] = stage;
        for (uint32_t i = dag->child_start[stage]; i < dag->child_start[stage + 1]; i++)
            if (--waiting[dag->children[i]] == 0)
                lls_heap_push(ready, dag->children[i]);
    }
    return done;
}

static uint32_t lowest_waiting_parent(const llmsched_dag *dag, const uint32_t *waiting,
                                      uint32_t stage)
{
    uint32_t i = dag->parent_start[stage];
    while (waiting[dag->parents[i]] == 0)
        i++;
    return dag->parents[i];
}

/*
 * Every stage that still waits has a parent that waits, so walking up from one
 * must come back to a stage seen before. The way is kept in dag->order, which
 * is of no more use; LLS_NONE32 in waiting marks a stage as seen.
 * Returns the length of the cycle, and its first place in dag->order.
 */
static uint32_t find_cycle(llmsched_dag *dag, uint32_t *waiting, uint32_t *start)
{
    uint32_t stage = 0, length = 0;
    while (waiting[stage] == 0)
        stage++;
    while (waiting[stage] != LLS_NONE32) {
        waiting[stage] = LLS_NONE32;
        dag->order[length++] = stage;
        stage = lowest_waiting_parent(dag, waiting, stage);
    }
    *start = length - 1;
    while (dag->order[*start] != stage)
        --*start;
    return length - *start;
}

/* Appends as much of the id as fits into room characters, and says whether all did. */
static bool append_id(char *message, size_t room, const char *id)
{
    size_t used = strlen(message), length = strlen(id);
    bool fits = used + length < room;
    if (!fits)
        length = used < room ? room - used - 1 : 0;
    memcpy(message + used, id, length);
    message[used + length] = '\0';
    return fits;
}

/* "a" -> "b" -> "a"; a long cycle is cut. */
static llmsched_status fail_cycle(const llmsched_dag *dag, uint32_t start, uint32_t length,
                                  llmsched_error *err)
{
    char ids[160] = "";
    bool fits = true;
    /* order holds the way up: each stage after the one it precedes. */
    for (uint32_t i = 0; i <= length && fits; i++) {
        uint32_t place = start + (i == 0 ? 0 : length - i);
        fits = append_id(ids, sizeof ids, i == 0 ? "" : " -> ") &&
               append_id(ids, sizeof ids, dag->stages[dag->order[place]].id);
    }
    return lls_fail(err, LLMSCHED_ERROR_CYCLE, "%u stages form a cycle: %s%s: remove an edge",
                    (unsigned)length, ids, fits ? "" : "...");
}

llmsched_status lls_dag_sort(llmsched_dag *dag, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    lls_heap ready;
    lls_heap_init(&ready, dag->context, lower_first, NULL);
    uint32_t *waiting = lls_calloc(dag->context, dag->stage_count, sizeof *waiting);
    if (waiting == NULL || !lls_heap_reserve(&ready, dag->stage_count)) {
        status = lls_fail_memory(err);
    } else if (run_kahn(dag, &ready, waiting) < dag->stage_count) {
        uint32_t start;
        uint32_t length = find_cycle(dag, waiting, &start);
        status = fail_cycle(dag, start, length, err);
    }
    lls_free(dag->context, waiting);
    lls_heap_finish(&ready);
    return status;
}
