/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quantifier's state: one job's evidence, and what has been worked out
 * from it so far.
 */
#ifndef LLS_QUANTIFY_INTERNAL_H
#define LLS_QUANTIFY_INTERNAL_H

#include "base/internal.h"
#include "llmsched/quantifier.h"
#include "profile/internal.h"
#include "quantify/progress.h"

struct llmsched_quantifier {
    llmsched_context *context;
    llmsched_profile *profile;
    llmsched_inference *inference;
    llmsched_quantifier_options options; /* defaults filled in */

    llmsched_stage_evidence *evidence; /* per stage, absences worked out */
    llmsched_stage_evidence *incoming; /* scratch: the caller's, while it is checked */
    const uint32_t *offsets;           /* of the nodes in the arrays below */
    double *marginals;                 /* valid when marginals_known */
    double *values;                    /* scratch: what each state adds to a sum */
    bool marginals_known;
    double *scale; /* per stage: of what is left of an aggregate; valid with the marginals */

    /* How far the job has come; valid when has_progress. */
    bool has_progress;
    uint32_t revealed_stages, pending_stages;
    uint32_t strangers[LLS_WORK_KINDS];
    double features[LLS_FEATURES], ended_stages;

    /* Scratch of reach.c and reduction.c. */
    uint32_t *queue;
    uint8_t *reached;
    uint32_t *node_stage; /* stage whose work (or choice) a node is; LLS_NONE32: a prompt */
    uint32_t *child_start, *children; /* the network's arcs */

    /* Scratch of sampling. */
    uint32_t *states;
    double *draws, *longest;
};

/* forecast.c */
/* Takes over what forecasts need of a job's progress; its evidence is taken apart. */
void lls_take_progress(llmsched_quantifier *q, const llmsched_progress *p);
/* Mean of the unfinished stages that the template lacks: their kind's. kind: LLM or regular. */
double lls_strange_work(const llmsched_quantifier *q, uint32_t kind);
/* Means only, without the checks of the public call but those of the method. kind: LLM or regular.
 */
llmsched_status lls_forecast_mean(llmsched_quantifier *q, uint32_t kind, uint32_t method,
                                  double *mean, llmsched_error *err);

/* sampling.c: sorted draws of the remaining work of a kind into q->draws. */
llmsched_status lls_draw_remaining(llmsched_quantifier *q, uint32_t kind, llmsched_error *err);
/* Each in (0, 1). */
llmsched_status lls_check_levels(const double *levels, uint32_t count, llmsched_error *err);

/* belief.c */

/* Work of a stage's bin given what is known of it, over the whole stage; minus what is done for
 * aggregates. */
double lls_bin_value(const llmsched_quantifier *q, uint32_t stage, uint32_t bin);
/* Unfinished: unknown, present or partial. */
bool lls_stage_open(const llmsched_quantifier *q, uint32_t stage);
llmsched_status lls_need_marginals(llmsched_quantifier *q, llmsched_error *err);
/* Whether an open stage's work is of this kind (0: either). */
bool lls_stage_counts(const llmsched_quantifier *q, uint32_t stage, uint32_t kind);
/* Refuses a kind that is none, and NULL. */
llmsched_status lls_check_kind(const llmsched_quantifier *q, uint32_t kind, const void *output,
                               llmsched_error *err);
/* Range of likely work of an open stage. */
void lls_stage_range(const llmsched_quantifier *q, uint32_t stage, double *lo, double *hi);

/* reach.c: marks unknown stages that no unfinished stage leads to as absent, in place. */
void lls_mark_absent(const llmsched_profile *profile, llmsched_stage_evidence *evidence,
                     uint32_t *queue, uint8_t *reached);

#endif
