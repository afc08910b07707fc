/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs ask of each model: how many calls, how many of them at once, and of
 * how many tokens (algorithms.md section 2, "What runs ask of models"). A call is a
 * task of an LLM stage; stages that name no model are of the model "".
 */
#ifndef LLS_PROFILE_CALLS_H
#define LLS_PROFILE_CALLS_H

#include "profile/internal.h"

/* Sums over the calls of a model. */
enum {
    LLS_CALLS,
    LLS_CALL_SQUARES,  /* of the number of calls that come at the same time */
    LLS_PROMPT_CALLS,  /* calls whose prompt is known */
    LLS_PROMPT_TOKENS, /* of these */
    LLS_WORK_CALLS,    /* calls whose work and output are known */
    LLS_OUTPUT_TOKENS, /* of these */
    LLS_WORK,          /* of these: alone-seconds */
    LLS_BUSY,          /* seconds in which any of these runs */
    LLS_SEEN_OUTPUT,   /* output tokens of calls of which both are known */
    LLS_SEEN_CONTEXT,  /* of these: output tokens times their mean context */
    LLS_CALL_SUMS
};

/* Runs by how much they tell: what is asked for is read from as few groups, from the first on, as
 * tell it. */
enum {
    LLS_RUNS_COMPLETE, /* not cut short, all work known */
    LLS_RUNS_WHOLE,    /* not cut short */
    LLS_RUNS_ALL,      /* cut short */
    LLS_RUN_GROUPS
};

typedef struct lls_called {
    lls_total sums[LLS_RUN_GROUPS][LLS_CALL_SUMS];
    /* Of the run being added: */
    double now[LLS_CALL_SUMS];
    double busy_until, come_at; /* come_at under 0: no call yet */
    double come;                /* calls that came then */
} lls_called;

typedef struct lls_call_tally {
    lls_called *models; /* by number in the profiler */
    uint32_t count, capacity;
} lls_call_tally;

void lls_calls_finish(const llmsched_context *context, lls_call_tally *t);
/* Room for the models of a run. */
bool lls_calls_reserve(const llmsched_context *context, lls_call_tally *t, const lls_seen_run *run);
/* ends: scratch, one per stage. */
void lls_calls_add(lls_call_tally *t, const lls_seen_run *run, double weight, double *ends);
void lls_calls_scale(lls_call_tally *t, double factor);
/* names: of the models; whole, all: weight of the runs not cut short, of all. */
llmsched_status lls_calls_write(const lls_call_tally *t, char *const *names, double whole,
                                double all, llmsched_profile *profile, llmsched_error *err);

void lls_calls_sort(lls_profile_call *calls, uint32_t count);
void lls_calls_free(const llmsched_context *context, lls_profile_call *calls, uint32_t count);

/* calls_json.c: "calls" of "llmsched-profile-1" */

/* NULL: memory ran out. */
lls_json *lls_calls_to_json(const llmsched_profile *p);
/* Leaves the profile without calls when it has no "calls". */
llmsched_status lls_calls_from_json(llmsched_profile *p, const lls_json *profile,
                                    llmsched_error *err);

#endif
