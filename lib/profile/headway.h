/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a job has come, as the counts and sums that the trees of a profile
 * look at (algorithms.md section 9). Built from finished and revealed stages
 * only, alike in training and on a live job.
 */
#ifndef LLS_PROFILE_HEADWAY_H
#define LLS_PROFILE_HEADWAY_H

#include "base/internal.h"

/* Classes of stages that are counted one by one; all others count together. */
enum { LLS_COUNTED_CLASSES = 8, LLS_FEATURES = 16 + 2 * (LLS_COUNTED_CLASSES + 1) };

/* A stage as it is revealed. */
typedef struct lls_headway_stage {
    uint32_t kind;
    uint32_t place; /* in ended and pending: its class's, else LLS_COUNTED_CLASSES */
    uint32_t tasks; /* at least 1 */
    bool pending;   /* revealed and not ended; filled in */
    bool first;     /* the job's first LLM stage; filled in */
    double prompt;  /* 0: not known */
} lls_headway_stage;

/* May not be moved: the heap points at it. */
typedef struct lls_headway {
    const llmsched_context *context;
    lls_headway_stage *stages; /* by number, in the order of revealing */
    uint32_t count, capacity;
    lls_heap prompts; /* numbers of pending LLM stages, the greatest prompt on top */

    uint32_t ended_llm, ended_tool;
    double llm_s, tool_s, last_tool_s;
    uint32_t known_outputs; /* ended LLM stages whose output was told */
    double last_output, most_output, outputs;
    uint32_t pending_llm, pending_tool, pending_dynamic;
    uint64_t pending_tasks;            /* of LLM stages */
    double prompt_sum;                 /* of pending LLM stages */
    bool begun;                        /* an LLM stage has been revealed */
    double first_prompt, first_output; /* -1 until the first LLM stage has ended */
    uint32_t ended[LLS_COUNTED_CLASSES + 1], pending[LLS_COUNTED_CLASSES + 1];
} lls_headway;

void lls_headway_init(lls_headway *t, const llmsched_context *context);
void lls_headway_finish(lls_headway *t);
/* Back to a job that has revealed nothing; keeps its room. */
void lls_headway_clear(lls_headway *t);
/* Room for so many stages, so that revealing them cannot fail. */
bool lls_headway_reserve(lls_headway *t, uint32_t stages);
/* Returns the stage's number; there must be room. */
uint32_t lls_headway_reveal(lls_headway *t, lls_headway_stage stage);
/* The stage must be pending. output under 0: not known. */
void lls_headway_end(lls_headway *t, uint32_t number, double work, double output);
/* Revealed stages that have not ended. */
uint32_t lls_headway_pending(const lls_headway *t);
/* features: LLS_FEATURES. */
void lls_headway_features(const lls_headway *t, double *features);

#endif
