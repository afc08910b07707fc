/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file dag.h
 * Application templates: a builder collects stages and edges, freezing it
 * validates them and gives an immutable DAG (LLMSched paper, section on the
 * uncertain DAG model; docs/algorithms.md section 1).
 */
#ifndef LLMSCHED_DAG_H
#define LLMSCHED_DAG_H

#include "llmsched/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of a stage; values of `kind` fields. @since 0.1 */
enum {
    /** Runs on a batching engine of a named model. */
    LLMSCHED_STAGE_LLM = 1,
    /** A tool, API or piece of code on a regular executor. */
    LLMSCHED_STAGE_REGULAR = 2,
    /** A placeholder that a preceding LLM stage fills at run time from a candidate set. */
    LLMSCHED_STAGE_DYNAMIC = 3
};

/** "No such index": the answer of look-ups, and the mark of an absent stage number. @since 0.1 */
#define LLMSCHED_INDEX_NONE UINT32_MAX

/**
 * One stage of a template, as it is added and as it is read back.
 * Stages are numbered from 0 in the order in which they were added.
 * @since 0.1
 */
typedef struct llmsched_stage {
    uint32_t size;     /**< sizeof(llmsched_stage) */
    uint32_t kind;     /**< LLMSCHED_STAGE_* */
    const char *id;    /**< unique in the DAG, not empty */
    const char *name;  /**< what the stage does; several stages may share it; NULL: the id */
    const char *model; /**< LLM stages: model that runs it; NULL: any engine without a model name */
    uint32_t occurrence; /**< which of the stages of this kind and name a run reaches first, second,
                            ... (0, 1, ...); set by the builder */
    uint32_t tasks;      /**< exchangeable parallel tasks; 0: 1 */
} llmsched_stage;

/** A template under construction; mutable. @since 0.1 */
typedef struct llmsched_dag_builder llmsched_dag_builder;

/** A validated template; immutable, reference-counted. @since 0.1 */
typedef struct llmsched_dag llmsched_dag;

/**
 * Makes an empty builder.
 * @param[in]  name     of the application; not empty
 * @param[out] builder  end it with llmsched_dag_builder_destroy()
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_builder_create(llmsched_context *context,
                                                         const char *name,
                                                         llmsched_dag_builder **builder,
                                                         llmsched_error *err);

/** Ends a builder; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_dag_builder_destroy(llmsched_dag_builder *builder);

/**
 * Adds a stage.
 * @param[in]  stage   copied; `occurrence` is ignored: it is counted over equal (kind, name)
 * @param[out] index   the stage's number; may be NULL
 * @return LLMSCHED_ERROR_EXISTS for an id that is taken, LLMSCHED_ERROR_LIMIT past the
 *         context's max_stages, LLMSCHED_ERROR_INVALID for a bad kind or an empty id, or a model on
 * a stage that is not LLM
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_builder_add_stage(llmsched_dag_builder *builder,
                                                            const llmsched_stage *stage,
                                                            uint32_t *index, llmsched_error *err);

/**
 * Adds the edge from -> to: @p to cannot start before @p from has finished or is known to be
 * absent. An edge that is there already is LLMSCHED_ERROR_EXISTS; one from a stage to itself
 * LLMSCHED_ERROR_CYCLE. Longer cycles are found by llmsched_dag_builder_freeze(). @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_builder_add_edge(llmsched_dag_builder *builder,
                                                           uint32_t from, uint32_t to,
                                                           llmsched_error *err);

/**
 * Adds a candidate set to a dynamic stage: one sub-graph that the stage may turn into.
 * The members are stages of the builder: not the stage itself, nor a dynamic stage that expands
 * into it (other dynamic stages may be members); a stage may be a member of several candidates of
 * one dynamic stage, and of one dynamic stage only. An empty set (the stage turns into nothing) is
 * allowed. Freezing adds the edges from the dynamic stage to those members that have no parent
 * among the members of any of its candidates.
 * @param[in]  name       of the candidate, unique in the stage
 * @param[in]  members    stage numbers, @p count of them, no duplicates
 * @param[out] candidate  the candidate's number in the stage, from 0; may be NULL
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_builder_add_candidate(
    llmsched_dag_builder *builder, uint32_t dynamic_stage, const char *name,
    const uint32_t *members, uint32_t count, uint32_t *candidate, llmsched_error *err);

/**
 * Unrolls a loop: the given stages are its first round; rounds 2 .. @p rounds are added as copies
 * with ids "ID#2", "ID#3", ... (of a number that is taken, as by an inner loop, the next that is
 * free) and the same name, kind, model and tasks (so their occurrence counts up). Edges among the
 * body are copied; every sink of a round gets an edge to every source of the next round; an edge
 * from outside into the body is copied to later rounds only where its target is not a source of the
 * body; edges out of the body are copied, so that a later stage waits for the last round that is
 * run. A stage that a run does not reach is absent from that run.
 * @param[in]  body    stage numbers, @p count of them (1 or more), no duplicates, none a candidate
 * member or dynamic
 * @param[in]  rounds  longest number of rounds seen, 2 or more
 * @param[out] first   number of the first stage added: copy r (from 0) of body[i] is first + r *
 * count + i; may be NULL
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_builder_add_loop(llmsched_dag_builder *builder,
                                                           const uint32_t *body, uint32_t count,
                                                           uint32_t rounds, uint32_t *first,
                                                           llmsched_error *err);

/**
 * Validates and freezes. The builder stays usable and unchanged.
 * @param[out] dag  the caller's reference; end it with llmsched_dag_release()
 * @return LLMSCHED_ERROR_STATE without a stage or for a dynamic stage without candidates,
 *         LLMSCHED_ERROR_CYCLE with the ids along one cycle in the message
 * @since 0.1. Cost: O(edges + stages log stages).
 */
LLMSCHED_API llmsched_status llmsched_dag_builder_freeze(const llmsched_dag_builder *builder,
                                                         llmsched_dag **dag, llmsched_error *err);

/** Adds a reference and returns the same DAG; any thread. @since 0.1 */
LLMSCHED_API llmsched_dag *llmsched_dag_retain(const llmsched_dag *dag);

/** Gives a reference up; NULL is accepted; any thread. @since 0.1 */
LLMSCHED_API void llmsched_dag_release(llmsched_dag *dag);

/** Name of the application; lives as long as the DAG. @since 0.1 */
LLMSCHED_API const char *llmsched_dag_name(const llmsched_dag *dag);

/** Number of stages, at least 1. @since 0.1 */
LLMSCHED_API uint32_t llmsched_dag_stage_count(const llmsched_dag *dag);

/** Number of edges. @since 0.1 */
LLMSCHED_API uint32_t llmsched_dag_edge_count(const llmsched_dag *dag);

/**
 * Reads a stage back.
 * @param[in,out] stage  `size` set by the caller; strings live as long as the DAG
 * @return LLMSCHED_ERROR_NOT_FOUND for a number past the last
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_stage(const llmsched_dag *dag, uint32_t index,
                                                llmsched_stage *stage, llmsched_error *err);

/** Number of the stage with this id, or LLMSCHED_INDEX_NONE. O(1). @since 0.1 */
LLMSCHED_API uint32_t llmsched_dag_find(const llmsched_dag *dag, const char *id);

/** Number of the k-th stage (occurrence, from 0) of this kind and name, or LLMSCHED_INDEX_NONE.
 * O(1). @since 0.1 */
LLMSCHED_API uint32_t llmsched_dag_find_occurrence(const llmsched_dag *dag, uint32_t kind,
                                                   const char *name, uint32_t occurrence);

/**
 * The parents of a stage in ascending order; the array lives as long as the DAG.
 * @param[out] count  their number; 0 for a stage past the last
 * @since 0.1
 */
LLMSCHED_API const uint32_t *llmsched_dag_parents(const llmsched_dag *dag, uint32_t stage,
                                                  uint32_t *count);

/** The children, likewise. @since 0.1 */
LLMSCHED_API const uint32_t *llmsched_dag_children(const llmsched_dag *dag, uint32_t stage,
                                                   uint32_t *count);

/** The stages in topological order, of several the lowest number first; stage_count of them; lives
 * as long as the DAG. @since 0.1 */
LLMSCHED_API const uint32_t *llmsched_dag_order(const llmsched_dag *dag);

/** Number of candidate sets of a dynamic stage; 0 for any other. @since 0.1 */
LLMSCHED_API uint32_t llmsched_dag_candidate_count(const llmsched_dag *dag, uint32_t stage);

/**
 * Members of a candidate set in ascending order.
 * @param[out] name   may be NULL
 * @param[out] count  number of members; 0 also when there is no such candidate
 * @since 0.1
 */
LLMSCHED_API const uint32_t *llmsched_dag_candidate(const llmsched_dag *dag, uint32_t stage,
                                                    uint32_t candidate, const char **name,
                                                    uint32_t *count);

/**
 * Length of the longest path from a stage without parents to one without children, a stage counting
 * weights[stage].
 * @param[in]  weights  stage_count finite values, none negative
 * @param[out] length   the length
 * @param[out] path     may be NULL; else room for stage_count numbers: the stages along the path
 * (among paths of equal length the one whose last differing stage has the lowest number)
 * @param[out] count    may be NULL when path is; stages on the path
 * @since 0.1. Cost: O(stages + edges).
 */
LLMSCHED_API llmsched_status llmsched_dag_critical_path(const llmsched_dag *dag,
                                                        const double *weights, double *length,
                                                        uint32_t *path, uint32_t *count,
                                                        llmsched_error *err);

/**
 * The DAG as JSON (docs/schemas.md, "llmsched-dag-1"). Reading it back gives an equal DAG.
 * @param[out] text  end it with llmsched_text_destroy()
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_to_json(const llmsched_dag *dag, llmsched_text **text,
                                                  llmsched_error *err);

/**
 * Reads a DAG from JSON; unknown keys are ignored.
 * @param[in]  length  bytes of @p json, which need not end in NUL
 * @return LLMSCHED_ERROR_PARSE with the line where the text is no JSON, else with the path of the
 * key (such as "stages[3].kind"), and what the builder's functions return
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_dag_from_json(llmsched_context *context, const char *json,
                                                    size_t length, llmsched_dag **dag,
                                                    llmsched_error *err);

#ifdef __cplusplus
}
#endif

#endif
