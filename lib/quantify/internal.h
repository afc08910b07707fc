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
#include "quantify/law.h"
#include "quantify/progress.h"

/* A distribution over points, ascending. */
typedef struct lls_points {
    double *values, *probabilities;
    uint32_t count, value_capacity, probability_capacity;
    uint32_t form; /* LLMSCHED_FORM_* */
    double value_error, level_error;
} lls_points;

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

    /* Scratch of distributions: laws of the open stages' states, from the least that is possible of
     * each stage on. */
    lls_law *laws;   /* laid out as marginals */
    uint8_t *shares; /* per node: its stage can be worth one thing or another */
    lls_points points;
    lls_points forecast; /* scratch of forecast.c; only its points are set */
    double *grid;        /* scratch of grid.c */
    uint32_t grid_capacity;

    /* Scratch of sampling. */
    uint32_t *states;
    double *longest;
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

/* q->forecast: all parts of the forecast in one; one point where history or the end of all stages
 * tells. */
llmsched_status lls_forecast_points(llmsched_quantifier *q, uint32_t kind, uint32_t method,
                                    llmsched_error *err);

/* gittins.c: the index of what is left beyond an age. */
double lls_gittins(const double *values, const double *shares, uint32_t count, double age);

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

/* The same with its spread inside the bin. */
lls_law lls_bin_law(const llmsched_quantifier *q, uint32_t stage, uint32_t bin);

/* distribution.c */

/* What q->laws and q->shares say together. */
typedef struct lls_sum_frame {
    double origin;  /* of all sums, and of the values in laws */
    double range;   /* greatest sum above it */
    uint32_t parts; /* stages that share */
} lls_sum_frame;

/* q->points, of the remaining work of a kind; drawn, where that may be, when the grid takes too
 * long. */
llmsched_status lls_distribute(llmsched_quantifier *q, uint32_t kind, bool may_draw,
                               llmsched_error *err);
/* Room for so many points; false: no memory. */
bool lls_points_reserve(llmsched_context *context, lls_points *points, uint32_t count);
double lls_points_quantile(const lls_points *points, double level);
/* Refuses levels outside (0, 1). */
llmsched_status lls_check_levels(const double *levels, uint32_t count, const double *quantiles,
                                 llmsched_error *err);
/* Laws of the work of a kind, or of spans along a path. */
lls_sum_frame lls_frame_of_work(llmsched_quantifier *q, uint32_t kind);
lls_sum_frame lls_frame_of_spans(llmsched_quantifier *q);

/* grid.c: q->points, of a sum on a grid. LLMSCHED_ERROR_LIMIT where that takes too long. */
llmsched_status lls_grid_sum(llmsched_quantifier *q, const lls_sum_frame *sum, llmsched_error *err);

/* joint.c: q->points, from all joint states of the stages that share, worth what value says of
 * q->states. LLMSCHED_ERROR_LIMIT where there are too many. */
typedef double (*lls_worth)(llmsched_quantifier *q, const void *user);
llmsched_status lls_joint_points(llmsched_quantifier *q, lls_worth worth, const void *user,
                                 llmsched_error *err);

/* sampling.c: q->points, from draws of q->states. */
typedef double (*lls_draw_worth)(llmsched_quantifier *q, const void *user, lls_random *random);
llmsched_status lls_draw_points(llmsched_quantifier *q, lls_draw_worth worth, const void *user,
                                llmsched_error *err);

/* reach.c: marks unknown stages that no unfinished stage leads to as absent, in place. */
void lls_mark_absent(const llmsched_profile *profile, llmsched_stage_evidence *evidence,
                     uint32_t *queue, uint8_t *reached);

#endif
