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
    double prompt;  /* 0: not known */
    uint32_t tasks; /* at least 1 */
    uint8_t kind;
    uint8_t place; /* in ended and pending: its class's, else LLS_COUNTED_CLASSES */
    bool pending;  /* revealed and not ended; filled in */
    bool first;    /* the job's first LLM stage; filled in */
    /* The heap of pending LLM stages, the greatest prompt on top: the number at this place, and the
     * place of this number. */
    uint32_t heap_item, heap_at;

    /* For who follows a live job (lib/quantify/progress.c). */
    uint32_t template_stage; /* LLS_NONE32: none */
    uint32_t choice;         /* dynamic: the candidate chosen plus 1; 0: not known */
    double work_s;           /* served, or done when it has ended */
    uint32_t next_told;      /* number of the next that evidence tells of; LLS_NONE32: none */
    bool has_prompt;
} lls_headway_stage;

typedef struct lls_headway {
    lls_pieces stages; /* by number, in the order of revealing */
    uint32_t count;
    uint32_t heap_count;

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

void lls_headway_init(lls_headway *t);
void lls_headway_finish(lls_headway *t, lls_source from);
/* Back to a job that has revealed nothing; keeps its room. */
void lls_headway_clear(lls_headway *t);
/* Room for so many stages, so that revealing them cannot fail. */
bool lls_headway_reserve(lls_headway *t, lls_source from, uint32_t stages);
static inline lls_headway_stage *lls_headway_at(const lls_headway *t, uint32_t number)
{
    return lls_pieces_at(&t->stages, number, sizeof(lls_headway_stage));
}
/* Returns the stage's number; there must be room. */
uint32_t lls_headway_reveal(lls_headway *t, lls_headway_stage stage);
/* The stage must be pending. output under 0: not known. */
void lls_headway_end(lls_headway *t, uint32_t number, double work, double output);
/* Revealed stages that have not ended. */
uint32_t lls_headway_pending(const lls_headway *t);
/* features: LLS_FEATURES. */
void lls_headway_features(const lls_headway *t, double *features);

#endif
