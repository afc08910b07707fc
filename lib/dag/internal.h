/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lib/dag offers to the rest of the library. Nothing here is exported.
 */
#ifndef LLS_DAG_INTERNAL_H
#define LLS_DAG_INTERNAL_H

#include "base/internal.h"
#include "llmsched/dag.h"

enum { LLS_STAGE_KINDS = 3 }; /* LLMSCHED_STAGE_* are 1 .. 3 */

/* One set that a dynamic stage may turn into. */
typedef struct lls_candidate {
    const char *name;
    const uint32_t *members; /* ascending; inside llmsched_dag.members */
    uint32_t count;
} lls_candidate;

/*
 * A frozen template. Lists of varying length lie one after the other:
 * X of stage s are x[x_start[s]] .. x[x_start[s + 1] - 1].
 */
struct llmsched_dag {
    llmsched_context *context;
    atomic_uint_fast32_t references;
    char *text;       /* every string below lies in here */
    const char *name; /* of the application */

    uint32_t stage_count;
    llmsched_stage *stages; /* name is never NULL */
    uint32_t *owner;        /* the dynamic stage it is a candidate member of, or LLS_NONE32 */

    uint32_t edge_count;
    uint32_t *parent_start, *parents; /* ascending in each stage */
    uint32_t *child_start, *children; /* ascending in each stage */
    uint32_t *order;                  /* topological, lowest number first */

    uint32_t candidate_count; /* of all stages */
    uint32_t *candidate_start;
    lls_candidate *candidates;
    uint32_t *members;

    lls_map ids; /* id -> stage */
    /* Equal (kind, name) form group LLS_STAGE_KINDS * name number + kind - 1, in which the stages
     * stand by occurrence. */
    lls_map names; /* name -> name number */
    uint32_t *group_start, *groups;
};

/* The DAG as a tree, for a larger document; NULL: memory ran out. */
lls_json *lls_dag_to_json(const llmsched_dag *dag);

/* The inverse; where is the path of json in its document, "" for the document itself. */
llmsched_status lls_dag_from_json(const llmsched_context *context, const lls_json *json,
                                  const char *where, llmsched_dag **dag, llmsched_error *err);

#endif
