/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a profile needs to know of the runs, for a template, cuts and a structure that stay:
 * sums and counts to which runs are added one at a time. Run i of those added weighs 2^(i /
 * half_life), so that nothing has to fade until the numbers grow large; only ratios are read.
 */
#ifndef LLS_PROFILE_TALLY_H
#define LLS_PROFILE_TALLY_H

#include "profile/calls.h"
#include "profile/internal.h"
#include "profile/sketch.h"

/* Runs longer than this share the last place of the remainders. */
enum { LLS_MOST_ENDED = 1024 };
/* Runs with more stages in an aggregate share the last entry of what is left of it. */
enum { LLS_MOST_COUNTED = 512 };

/* Values in one bin. */
typedef struct lls_cell {
    uint64_t count;
    double weight, minimum, maximum;
    lls_total sum, span;
} lls_cell;

typedef struct lls_stage_tally {
    double shown, whole; /* weight of the runs that show it: of all, of those not cut short */
    double known;        /* of those whose work in it is known */
    lls_total work, span;
    lls_cell *bins, *prompts;   /* into the tally's cells */
    double *left, *left_weight; /* aggregates: by number of their stages that have ended */
} lls_stage_tally;

/* Work of one kind. */
typedef struct lls_kind_tally {
    double run_weight, stage_weight; /* of the runs, and of the stages, in which it is known */
    lls_total run_work, stage_work;
} lls_kind_tally;

struct lls_tally {
    const llmsched_context *context;
    double half_life; /* runs; 0: none */
    uint64_t fresh;   /* runs added since all was last divided by what the next would weigh */
    uint64_t runs;
    double weight, whole; /* of all runs, of those not cut short */
    lls_kind_tally kinds[4];
    lls_stage_tally *stages; /* one per stage of the template */
    uint32_t stage_count;
    lls_cell *cells;
    uint32_t cell_count;
    double *lefts;
    uint8_t *follows;       /* from * stage_count + to: some run's edge, or the template's */
    lls_sketch *remains[2]; /* LLM, tool: by number of ended stages */
    uint32_t remain_count, remain_capacity[2];
    lls_call_tally calls;
    lls_counts counts;
    uint32_t *row; /* scratch of one run from here on */
    lls_amount *amounts;
    lls_ending *endings;
    double *ends;
    uint32_t ending_capacity, end_capacity;
};

/* Weight of the next run. */
double lls_tally_weight(const lls_tally *t);
/* All weights relative to the last run's: what to multiply them by. */
double lls_tally_scale(const lls_tally *t);

/* remainder.c */
bool lls_reserve_remains(lls_tally *t, const lls_seen_run *run);
void lls_add_remains(lls_tally *t, const lls_seen_run *run, double weight);
llmsched_status lls_write_remains(const lls_tally *t, llmsched_profile *profile,
                                  llmsched_error *err);

/* aggregate.c */
void lls_add_left(const lls_seen_run *run, const uint32_t *stage_of, uint32_t t, double weight,
                  lls_stage_tally *to);
llmsched_status lls_write_left(const lls_stage_tally *tally, lls_profiled_stage *stage,
                               const llmsched_context *context, llmsched_error *err);

#endif
