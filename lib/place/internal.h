/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of lib/place share: the planner's inputs, demand and menus made
 * from them, the integer problem, and its solution (docs/algorithms.md, section 8).
 *
 *   inputs (planner.c, *_json.c) -> demand (demand.c) -> menus (menu.c, queueing.c)
 *       -> problem -> solve.c or a rival -> solution -> plan (plan.c)
 */
#ifndef LLS_PLACE_INTERNAL_H
#define LLS_PLACE_INTERNAL_H

#include "base/internal.h"
#include "llmsched/planner.h"

/* --- curve.c ------------------------------------------------------------------ */

/* One table or linear form; tables sorted by batch, then context. */
typedef struct lls_curve {
    double prefill_base, prefill_per_token;
    double decode_base, decode_per_request, decode_per_request_token;
    uint32_t prefill_count, decode_count;
    double *prefill_tokens, *prefill_s;
    double *decode_batch, *decode_context, *decode_s;
} lls_curve;

double lls_curve_prefill(const lls_curve *curve, double tokens);
double lls_curve_decode(const lls_curve *curve, double batch, double context);

/* --- planner.c: the inputs ------------------------------------------------------ */

typedef struct lls_gpu {
    char *id;
    uint32_t kind, domain; /* numbers of planner->kinds, ->domains */
    uint32_t position;     /* in its domain, in order of adding */
    double memory;         /* bytes */
} lls_gpu;

typedef struct lls_config {
    uint32_t kind; /* number of planner->kinds, also of one that no GPU is of */
    uint32_t tp, max_batch;
    double share, bandwidth;
    lls_curve curve;
} lls_config;

typedef struct lls_model {
    char *name;
    double weight, kv_per_token, kv_floor, runtime; /* bytes */
    lls_config *configs;
    uint32_t config_count, config_capacity;
} lls_model;

typedef struct lls_app_stage {
    char *id;
    uint32_t model; /* LLS_NONE32: a tool */
    uint32_t parent_count;
    uint32_t *parents; /* earlier stages */
    double tasks, probability, prompt, output, duration;
} lls_app_stage;

typedef struct lls_app_call {
    uint32_t model;
    double calls, overlap, prompt, output;
} lls_app_call;

typedef struct lls_app {
    char *name;
    double rate, weight, max_latency; /* max_latency 0: none */
    lls_app_stage *stages;            /* either these or calls */
    lls_app_call *calls;
    uint32_t stage_count, stage_capacity, call_count, call_capacity;
} lls_app;

struct llmsched_planner {
    llmsched_context *context;
    char **kinds, **domains; /* names by number */
    uint32_t kind_count, kind_capacity, domain_count, domain_capacity;
    lls_gpu *gpus;
    uint32_t gpu_count, gpu_capacity;
    lls_model *models;
    uint32_t model_count, model_capacity;
    lls_app *apps;
    uint32_t app_count, app_capacity;
    lls_map kind_numbers, domain_numbers, gpu_numbers, model_numbers, app_numbers;
};

/* --- the integer problem ---------------------------------------------------------- */

/* One way to serve a model: so many replicas of one configuration. */
typedef struct lls_item {
    double latency;                  /* L_mk: mean seconds of a call, waiting included */
    double share, memory, bandwidth; /* of each GPU of a replica; memory in bytes */
    double capacity;                 /* calls per second of all replicas at saturation */
    uint32_t config, kind, tp, replicas, batch;
} lls_item;

/* The items of a model that has demand: by rising latency, then total share (tp * share *
 * replicas), config, replicas. None is no better than another in latency, tp, share, replicas,
 * memory and bandwidth. */
typedef struct lls_menu {
    lls_item *items;
    uint32_t count;
    uint32_t model;   /* number in the planner */
    const char *name; /* of the model, for messages; NULL: by number */
} lls_menu;

/* A stage takes fixed + factor[item's config] * latency of its menu's item. */
typedef struct lls_place_stage {
    const double *factor; /* by config: probability * alone time / mean alone time */
    const uint32_t *parents;
    uint32_t parent_count;
    uint32_t menu; /* LLS_NONE32: a tool, fixed alone */
    double fixed;
    double finish; /* room for lls_app_latency() */
} lls_place_stage;

/* Given as a graph (longest path) or as terms (sum of calls / overlap * latency). */
typedef struct lls_place_term {
    uint32_t menu;
    double factor; /* n_am / p_am */
} lls_place_term;

typedef struct lls_place_app {
    lls_place_stage *stages;
    lls_place_term *terms;
    uint32_t stage_count, term_count;
    double weight, max_latency; /* 0: no limit */
    const char *name;           /* for messages; NULL: by number */
} lls_place_app;

/* What runs now, also of configurations and numbers of replicas that are no items any more. */
typedef struct lls_running {
    const uint32_t *configs;  /* of each menu; LLS_NONE32: it does not run */
    const uint32_t *replicas; /* of each menu; 0 where it does not run */
    const uint32_t *tps;      /* of each menu: GPUs of a replica */
    const uint32_t *gpus;     /* tp ascending numbers for each replica, in the order of the menus;
                                 LLS_NONE32: not of this cluster */
} lls_running;

/*
 * One item per menu; every replica on tp GPUs of one domain and the item's kind, at positions
 * i tp .. (i + 1) tp - 1 of the domain; on each GPU shares, memory and bandwidth fractions sum to
 * at most what it has. Least sum of weight * latency, then total share, then GPUs touched;
 * objectives within 1e-9 relative are equal.
 */
typedef struct lls_place_problem {
    const llmsched_context *context;
    const lls_gpu *gpus;
    uint32_t gpu_count, kind_count, domain_count;
    lls_menu *menus;
    uint32_t menu_count;
    lls_place_app *apps;
    uint32_t app_count;
    const lls_running *running;    /* NULL: nothing */
    double move_cost;              /* of a replica that running does not have where it is placed */
    const char *const *kind_names; /* for messages; NULL: by number */
} lls_place_problem;

/* Shares and bandwidths may exceed 1, and bytes what a GPU has, by so much relative: sums of
 * tenths are not exact. */
#define LLS_PLACE_SLACK 1e-9
/* Objectives that differ by less, relative, are equal. */
#define LLS_PLACE_EQUAL 1e-9

/* Replicas on GPUs, in the order of the menus. */
typedef struct lls_placement {
    uint32_t *choice; /* item of each menu */
    uint32_t *gpus;   /* tp ascending numbers for each replica, replica after replica */
    uint32_t gpu_entries;
} lls_placement;

typedef struct lls_solution {
    lls_placement placement; /* of the context; lls_solution_finish() */
    double objective, bound;
    double alone_bound, capacity_bound;
    double total_share;
    uint32_t touched_gpus, moved_replicas;
    uint32_t binding; /* LLMSCHED_BINDING_* */
    bool proved;      /* that there is no better one */
    uint64_t nodes;
    char reason[200]; /* not proved: why; no solution: what binds */
    char lift[200];   /* no solution: what would lift it */
} lls_solution;

/* --- objective.c ------------------------------------------------------------------ */

/* Mean latency of an application with these items chosen. Writes the stages' `finish`. */
double lls_app_latency(const lls_place_problem *problem, uint32_t app, const uint32_t *choice);
/* Sum over the applications of weight * latency; limits are not looked at. */
double lls_objective(const lls_place_problem *problem, const uint32_t *choice);

/* --- solve.c ------------------------------------------------------------------------ */

typedef struct lls_solve_options {
    uint64_t node_budget;
    llmsched_planner_progress_fn progress; /* may be NULL */
    void *progress_user;
} lls_solve_options;

/* LLMSCHED_NONE: there is no solution; binding, reason, lift and the bounds are filled in. */
llmsched_status lls_solve(const lls_place_problem *problem, const lls_solve_options *options,
                          lls_solution *solution, llmsched_error *err);
void lls_solution_finish(const llmsched_context *context, lls_solution *solution);

#endif
