/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a template under construction, for the files of lib/dag only.
 */
#ifndef LLS_DAG_BUILDER_H
#define LLS_DAG_BUILDER_H

#include "dag/internal.h"

/* Strings are offsets into the builder's text, which moves as it grows. */
typedef struct lls_builder_stage {
    uint32_t id, name;
    uint32_t model; /* LLS_NONE32: none */
    uint32_t kind;
    uint32_t tasks;
    uint32_t occurrence;
    uint32_t name_number;
    uint32_t owner; /* the dynamic stage it is a candidate member of, or LLS_NONE32 */
    uint32_t candidate_count;
} lls_builder_stage;

typedef struct lls_edge {
    uint32_t from, to;
} lls_edge;

typedef struct lls_builder_candidate {
    uint32_t stage;
    uint32_t name;
    uint32_t member_start, member_count; /* in members, ascending */
} lls_builder_candidate;

struct llmsched_dag_builder {
    llmsched_context *context;

    char *text; /* begins with the application's name */
    uint32_t text_length, text_capacity;

    lls_builder_stage *stages;
    uint32_t stage_count, stage_capacity;
    lls_map ids;           /* id -> stage */
    lls_map names;         /* name -> name number */
    uint32_t *occurrences; /* stages so far, by LLS_STAGE_KINDS * name number + kind - 1 */
    uint32_t name_count, occurrence_capacity;

    lls_edge *edges; /* in the order of adding */
    uint32_t edge_count, edge_capacity;
    lls_map edge_set; /* from, to -> number of the edge */

    lls_builder_candidate *candidates;
    uint32_t candidate_count, candidate_capacity;
    uint32_t *members;
    uint32_t member_count, member_capacity;
    lls_map candidate_names; /* stage and name -> candidate */
};

static inline const char *lls_builder_text(const llmsched_dag_builder *b, uint32_t offset)
{
    return b->text + offset;
}

static inline const char *lls_builder_id(const llmsched_dag_builder *b, uint32_t stage)
{
    return lls_builder_text(b, b->stages[stage].id);
}

/* Refuses what no string of a DAG may be: NULL, empty, or not UTF-8. */
llmsched_status lls_builder_check_text(const char *text, const char *what, llmsched_error *err);
/* What is said of a number that is no stage. */
llmsched_status lls_builder_check_stage(const llmsched_dag_builder *b, uint32_t stage,
                                        const char *what, llmsched_error *err);
bool lls_builder_add_text(llmsched_dag_builder *b, const char *text, uint32_t *offset);

/* The stage has its texts, kind and tasks already; the rest is filled in. Nothing changes on
 * failure. */
llmsched_status lls_builder_append_stage(llmsched_dag_builder *b, lls_builder_stage stage,
                                         llmsched_error *err);
/* Takes the last stage away again; its name must stay in use by an earlier stage. */
void lls_builder_drop_stage(llmsched_dag_builder *b);

/* Both stages are there, and the edge is not. Nothing changes on failure. */
llmsched_status lls_builder_append_edge(llmsched_dag_builder *b, lls_edge edge,
                                        llmsched_error *err);
void lls_builder_drop_edge(llmsched_dag_builder *b);

/* Topological order of a DAG whose lists of parents and children are set; order.c. */
llmsched_status lls_dag_sort(llmsched_dag *dag, llmsched_error *err);

#endif
