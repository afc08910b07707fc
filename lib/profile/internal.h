/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lib/profile offers to lib/quantify and lib/schedule: the parts of a
 * profile, and the rule that ties a revealed stage to the template.
 */
#ifndef LLS_PROFILE_INTERNAL_H
#define LLS_PROFILE_INTERNAL_H

#include "base/internal.h"
#include "bayes/forest.h"
#include "bayes/internal.h"
#include "dag/internal.h"
#include "llmsched/profiler.h"
#include "profile/headway.h"

/* Name of the class that gathers rare names. */
#define LLS_CLASS_OTHER "*"
/* Ids of the stages of an induced template that stand for all beyond max_stages. */
#define LLS_MORE_LLM "*more-llm"
#define LLS_MORE_TOOL "*more-tool"

/* Kinds of work that remain: of LLM stages and of tools. */
enum { LLS_WORK_KINDS = 2 };
static inline uint32_t lls_work_kind(uint32_t kind)
{
    return kind == LLMSCHED_STAGE_LLM ? 0 : 1;
}

/* Everything a profile knows of one template stage. */
typedef struct lls_profiled_stage {
    uint32_t kind;
    uint32_t work_node;   /* LLMSCHED_INDEX_NONE: no variable */
    uint32_t prompt_node; /* LLMSCHED_INDEX_NONE: no variable */
    bool aggregate;
    uint32_t aggregate_number; /* among the aggregates */
    double presence, mean_work, mean_span;
    uint32_t bin_count;    /* work bins */
    uint32_t prompt_count; /* prompt bins */
    lls_bin *bins;
    double *spans; /* per work bin: mean alone time of the longest task */
    lls_bin *prompts;
    /* Aggregates: mean work left by number of their stages that have ended. */
    double *left;
    uint32_t left_count;
} lls_profiled_stage;

/* Remaining work of one kind over the runs that had as many ended stages. */
typedef struct lls_remainder {
    double mean, q10, q50, q90;
} lls_remainder;

/* What runs ask of one model (calls.c). */
typedef struct lls_profile_call {
    char *model; /* "": not named */
    double calls, overlap, group;
    double prompt, output, context; /* tokens */
    double work;                    /* alone-seconds */
} lls_profile_call;

struct llmsched_profile {
    atomic_uint_fast32_t references;
    llmsched_context *context;
    char *name;
    llmsched_dag *dag;
    llmsched_network *network;
    lls_profiled_stage *stages; /* one per stage of dag */
    uint32_t stage_count;

    /* A class is a (kind, name) of the template. */
    uint32_t class_count;
    lls_map classes; /* "kind:name" -> class */
    uint32_t *class_kinds;
    const char **class_names; /* owned by dag */
    uint32_t aggregate_count;
    uint32_t aggregates[4]; /* per kind: the aggregate stage or LLMSCHED_INDEX_NONE */

    /* Stages that some run revealed when this one ended: CSR over stages. What no unfinished stage
     * leads to any more will not come. Unlike dag's edges these may form cycles. */
    uint32_t *successor_start, *successors;

    /* By number of ended stages: first of LLM work, then of tool work. */
    lls_remainder *remainders;
    uint32_t remainder_count; /* of each */

    /* Remaining work given how far a job has come, by kind of work; all NULL in a profile without
     * them. A forest, one tree, and a tree that knows nothing but the number of ended stages: the
     * forest is mixed with it by history_share, so as not to see more than there is. */
    lls_forest *forests[LLS_WORK_KINDS], *trees[LLS_WORK_KINDS], *histories[LLS_WORK_KINDS];
    double history_share[LLS_WORK_KINDS];
    uint32_t *class_places; /* per class: its place in a headway's counts */

    lls_profile_call *calls; /* by name of the model */
    uint32_t call_count;

    uint64_t run_count;
    double mean_llm_s, mean_tool_s; /* of a run */
    double mean_stage_s[4];         /* per kind: work of a stage */
    double log_likelihood;
};

/* class.c */

/* Class of a stage's kind and name: its own, else the one of rare names, else LLS_NONE32. */
uint32_t lls_profile_class(const llmsched_profile *profile, uint32_t kind, const char *name);
/* Template stage of the k-th stage of a class (from 0): past the last the kind's aggregate, else
 * LLS_NONE32. */
uint32_t lls_profile_stage_of(const llmsched_profile *profile, uint32_t class_number, uint32_t kind,
                              uint32_t occurrence);
/* Fills classes, class_kinds, class_names and aggregates from dag and the stages' aggregate marks.
 */
llmsched_status lls_profile_index(llmsched_profile *profile, llmsched_error *err);

/* profile.c */
llmsched_status lls_profile_new(const llmsched_context *context, const char *name,
                                uint32_t stage_count, llmsched_profile **profile,
                                llmsched_error *err);

/* observation.c: runs as the profiler keeps them */
typedef struct lls_seen_stage {
    uint32_t kind;
    uint32_t name;                       /* number of the name in the profiler's table */
    uint32_t model;                      /* LLM stages: number of the model in another */
    uint32_t parent_start, parent_count; /* in seen_run.parents: places in the order of revealing */
    uint32_t choice, tasks;
    uint32_t missing; /* LLMSCHED_MISSING_*; what is missing is 0 */
    double prompt_tokens, output_tokens, work, span;
} lls_seen_stage;

typedef struct lls_seen_run {
    uint32_t stage_count;
    lls_seen_stage *stages; /* in the order in which they are revealed when each starts as soon as
                               it is ready */
    uint32_t *parents;
    bool truncated;
} lls_seen_run;

typedef struct lls_tally lls_tally;

/* Names that are told apart by number, in the order of first appearance. */
typedef struct lls_names {
    lls_map numbers;
    char **items;
    uint32_t count, capacity;
} lls_names;

struct llmsched_profiler {
    llmsched_context *context;
    char *name;
    llmsched_dag *dag;                 /* NULL: to be induced */
    llmsched_profiler_options options; /* defaults filled in */
    lls_seen_run *runs; /* those kept, oldest first, from place run_first of the array */
    uint32_t run_count, run_first, run_capacity;
    uint32_t counted;        /* of these: in the tally */
    uint64_t observed;       /* in all */
    llmsched_profile *shape; /* of the last fit: template, cuts, structure; NULL before */
    lls_tally *tally;        /* of the same */
    lls_names names;         /* of stages */
    lls_names models;        /* of LLM stages; "": not named */
};

llmsched_status lls_seen_run_create(llmsched_profiler *profiler, const llmsched_run *run,
                                    lls_seen_run *seen, llmsched_error *err);
void lls_seen_run_free(const llmsched_context *context, lls_seen_run *run);

/* induce.c: a template for runs without one. */
llmsched_status lls_induce_dag(const llmsched_profiler *profiler, llmsched_dag **dag,
                               llmsched_error *err);

/* match.c: which template stage each stage of each run is. */
typedef struct lls_matching {
    uint32_t first;     /* run */
    uint32_t *start;    /* [run - first]: where its stages begin in stage_of, and the end */
    uint32_t *stage_of; /* by place in the order of revealing; LLS_NONE32: none */
} lls_matching;

/* The runs from `first` on. */
llmsched_status lls_match(const llmsched_profiler *profiler, const llmsched_profile *profile,
                          uint32_t first, lls_matching *matching, llmsched_error *err);
const uint32_t *lls_matched(const lls_matching *matching, uint32_t run);
void lls_matching_free(const llmsched_context *context, lls_matching *matching);

/* What a run did in a template stage, summed over the stages matched to it. */
typedef struct lls_amount {
    bool present;
    uint32_t missing; /* LLMSCHED_MISSING_* */
    uint32_t choice;
    double work, span, prompt;
} lls_amount;
/* amounts: stage_count of them. */
void lls_run_amounts(const lls_seen_run *run, const uint32_t *stage_of, uint32_t stage_count,
                     lls_amount *amounts);
static inline bool lls_amount_has_work(const lls_amount *a)
{
    return a->present && !(a->missing & LLMSCHED_MISSING_WORK);
}
static inline bool lls_amount_has_prompt(const lls_amount *a)
{
    return a->present && !(a->missing & LLMSCHED_MISSING_PROMPT);
}

/* cuts.c: where bins end, of a profile whose dag and classes are set. */
llmsched_status lls_place_cuts(const llmsched_profiler *profiler, const lls_matching *matching,
                               llmsched_profile *profile, llmsched_error *err);

/* remainder.c */
typedef struct lls_ending {
    double time;
    uint32_t place;
} lls_ending;
/* A run alone with unlimited places: when each stage ends, in that order. ends: scratch. */
void lls_replay(const lls_seen_run *run, lls_ending *endings, double *ends);

/* fit_network.c: assigns the variables and learns their structure; counts: without rows yet. */
llmsched_status lls_learn_variables(const llmsched_profiler *profiler, const lls_matching *matching,
                                    llmsched_profile *profile, lls_counts *counts,
                                    llmsched_error *err);
/* States of the variables in a run; states: their numbers of states. */
void lls_fill_row(const llmsched_profile *profile, const uint32_t *states,
                  const lls_amount *amounts, bool truncated, uint32_t *row);
llmsched_status lls_write_network(const lls_counts *counts, double prior, double scale,
                                  llmsched_profile *profile, llmsched_error *err);

/* tally.c: all that is counted of the runs, for a template, cuts and a structure that stay. */

/* Takes the counts. profile: with cuts and variables. half_life: 0: runs do not fade. */
llmsched_status lls_tally_create(const llmsched_profile *profile, double half_life,
                                 lls_counts *counts, lls_tally **tally, llmsched_error *err);
/* NULL is accepted. */
void lls_tally_destroy(lls_tally *tally);
/* Adds a run; false: no memory, and nothing was added. */
bool lls_tally_add(lls_tally *tally, const llmsched_profile *profile, const lls_seen_run *run,
                   const uint32_t *stage_of);

/* summarise.c */

/* Cuts and variables of a profile of the same template. */
llmsched_status lls_copy_shape(const llmsched_profile *from, llmsched_profile *to,
                               llmsched_error *err);
/* Fills in all else. models: their names. */
llmsched_status lls_tally_write(const lls_tally *tally, double prior, char *const *models,
                                llmsched_profile *profile, llmsched_error *err);

/* rows.c: how far past runs had come, and what then was left. Runs are told apart as groups. */
typedef struct lls_rows {
    double *features;                /* LLS_FEATURES of each row */
    double *ended;                   /* stages; a whole number under count */
    double *targets[LLS_WORK_KINDS]; /* alone-seconds of unfinished stages */
    uint32_t *groups;
    double *weights; /* per run: the fewer the older, where runs fade */
    uint32_t count, run_count;
} lls_rows;
/* From the runs that tell all their work to the end; none: no rows. The profile's class_places must
 * be set. rows: all zero; released with lls_rows_free() also after
 * a failure. */
llmsched_status lls_rows_fill(const llmsched_profiler *profiler, const llmsched_profile *profile,
                              lls_rows *rows, llmsched_error *err);
void lls_rows_free(const llmsched_context *context, lls_rows *rows);

/* fit_forest.c: the variables of remaining work. */
/* Class of a stage of a past run; LLS_NONE32: none. */
uint32_t lls_seen_class(const llmsched_profiler *profiler, const llmsched_profile *profile,
                        const lls_seen_stage *s);
llmsched_status lls_fit_forests(const llmsched_profiler *profiler, llmsched_profile *profile,
                                llmsched_error *err);
/* Those of another profile of the same template. */
llmsched_status lls_share_forests(const llmsched_profile *from, llmsched_profile *to,
                                  llmsched_error *err);
/* Where stages of a class are counted. */
uint32_t lls_profile_place(const llmsched_profile *profile, uint32_t class_number);

#endif
