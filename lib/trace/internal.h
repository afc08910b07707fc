/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of lib/trace share: the draft of a history, filled line by
 * line (runs.c), completed (impute.c, alone.c) and then laid out once
 * (history.c). Everything points by number until the end, so that arrays may
 * move while they grow.
 */
#ifndef LLS_TRACE_INTERNAL_H
#define LLS_TRACE_INTERNAL_H

#include "base/internal.h"
#include "llmsched/trace.h"

/* A string that occurs in the text, kept once. */
typedef struct lls_trace_word {
    size_t offset;  /* in draft.bytes; ends in NUL */
    uint32_t run;   /* the last run that has a stage of this id, plus 1; 0: none yet */
    uint32_t stage; /* that stage's number in its run */
    size_t child;   /* the last stage of the text that names it as a parent, plus 1 */
} lls_trace_word;

typedef struct lls_trace_stage {
    uint32_t kind;     /* LLMSCHED_STAGE_LLM or _REGULAR */
    uint32_t id, name; /* words */
    uint32_t model;    /* word or LLS_NONE32 */
    uint32_t group;    /* number of its (app, stage name) */
    uint32_t tasks;    /* 1 or more */
    uint32_t parent_count;
    size_t first_parent; /* in draft.parents */
    bool has_prompt, has_output, has_duration;
    double prompt_tokens, output_tokens, duration_s;
} lls_trace_stage;

typedef struct lls_trace_run {
    uint32_t app, job; /* words */
    uint32_t task;     /* word or LLS_NONE32 */
    uint32_t stage_count;
    size_t first_stage; /* in draft.stages */
} lls_trace_run;

typedef struct lls_draft {
    const llmsched_context *context; /* borrowed */
    const char *name;                /* stem of the file, "" for none */
    lls_map word_numbers;            /* string -> word */
    lls_map groups;                  /* (app word, name word) -> group */
    lls_map jobs;                    /* (app word, job word) -> run */
    lls_trace_word *words;
    char *bytes;
    lls_trace_run *runs;
    lls_trace_stage *stages;
    uint32_t *parents;
    char *scratch; /* for NAME/APP */
    uint32_t word_capacity, byte_capacity, run_capacity, stage_capacity, parent_capacity,
        scratch_capacity;
    uint32_t word_count, run_count, group_count;
    size_t byte_count, stage_count, parent_count;
} lls_draft;

void lls_draft_init(lls_draft *draft, const llmsched_context *context, const char *name);
void lls_draft_finish(lls_draft *draft);

/* runs.c: adds the runs of a text. */
llmsched_status lls_draft_read(lls_draft *draft, const char *text, size_t length,
                               llmsched_error *err);

/* impute.c: gives every stage its missing values (simulation.md, "Work"). */
llmsched_status lls_draft_impute(lls_draft *draft, llmsched_error *err);
/* The tool duration drawn for a stage of a run; exposed for the test of its vector. */
double lls_tool_duration(const char *job, const char *stage);

/* alone.c: fills in work_s and span_s of a stage whose other values are there. */
void lls_alone_times(llmsched_run_stage *stage, double duration_s, double prefill_s_per_token,
                     double decode_s_per_token);

#endif
