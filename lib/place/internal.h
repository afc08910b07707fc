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
    uint32_t prefill_count, decode_count, row_count;
    double *prefill_tokens, *prefill_s;
    double *decode_batch, *decode_context, *decode_s;
    uint32_t *row_start; /* first point of each batch, and the end; row_count + 1 */
} lls_curve;

/* Copies and sorts what has been checked. false: no memory, nothing kept. */
bool lls_curve_init(lls_curve *curve, const llmsched_context *context,
                    const llmsched_model_config *config);
void lls_curve_finish(lls_curve *curve, const llmsched_context *context);
/* The first point that another one repeats, in the order sorted; LLS_NONE32: none does. */
uint32_t lls_curve_duplicate(const lls_curve *curve);
double lls_curve_prefill(const lls_curve *curve, double tokens);
double lls_curve_decode(const lls_curve *curve, double batch, double context);

/* --- planner.c: the inputs ------------------------------------------------------ */

/* Quantities may be as large as this: their products then stay far within doubles. */
#define LLS_PLACE_MOST 1e18
/* Most GPUs of a replica, and most requests of a batch: what a scheduler takes. */
enum { LLS_PLACE_MOST_TP = 1 << 16, LLS_PLACE_MOST_BATCH = 1 << 20 };

typedef struct lls_domain {
    char *name;
    uint32_t gpus; /* in it */
} lls_domain;

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
    double calls, overlap, group, prompt, output, context;
} lls_app_call;

typedef struct lls_app {
    char *name;
    double rate, weight, max_latency; /* max_latency 0: none */
    lls_app_stage *stages;            /* either these or calls */
    lls_app_call *calls;
    uint32_t stage_count, stage_capacity, call_count, call_capacity;
    lls_map stage_numbers;
} lls_app;

struct llmsched_planner {
    llmsched_context *context;
    char **kinds; /* names by number */
    lls_domain *domains;
    uint32_t kind_count, kind_capacity, domain_count, domain_capacity;
    lls_gpu *gpus;
    uint32_t gpu_count, gpu_capacity;
    lls_model *models;
    uint32_t model_count, model_capacity;
    lls_app *apps;
    uint32_t app_count, app_capacity;
    lls_map kind_numbers, domain_numbers, gpu_numbers, model_numbers, app_numbers;
};

/* How much there is, so that what a reader has added can be taken back. */
typedef struct lls_planner_mark {
    uint32_t kinds, domains, gpus, models, apps;
} lls_planner_mark;

lls_planner_mark lls_planner_get_mark(const llmsched_planner *planner);
void lls_planner_roll_back(llmsched_planner *planner, lls_planner_mark mark);
/* Numbers of names, which are added where they are new; LLS_NONE32: no memory. */
uint32_t lls_planner_kind(llmsched_planner *planner, const char *name);
uint32_t lls_planner_domain(llmsched_planner *planner, const char *name);

void lls_model_finish(const llmsched_context *context, lls_model *model);
void lls_app_finish(const llmsched_context *context, lls_app *app);

/*
 * Checks of what came in. where begins the message, with what joins it to the key: "gpus[3]." or
 * "gpu \"n0g0\": ".
 */
enum { LLS_WHERE_BYTES = 160 };
llmsched_status lls_check_name(const char *name, const char *where, const char *key,
                               llmsched_error *err);
/* In 0 .. LLS_PLACE_MOST. */
llmsched_status lls_check_quantity(double value, const char *where, const char *key,
                                   llmsched_error *err);
llmsched_status lls_check_positive(double value, const char *where, const char *key,
                                   llmsched_error *err);
/* Above 0, and at most 1. */
llmsched_status lls_check_fraction(double value, const char *where, const char *key,
                                   llmsched_error *err);

/* --- gpus.c, models.c, apps.c: one thing added; where NULL: the message names it ---------- */

llmsched_status lls_gpu_add(llmsched_planner *planner, const llmsched_gpu *gpu, const char *where,
                            llmsched_error *err);
llmsched_status lls_model_add(llmsched_planner *planner, const llmsched_model *model,
                              const char *where, llmsched_error *err);
llmsched_status lls_config_add(llmsched_planner *planner, uint32_t model,
                               const llmsched_model_config *config, const char *where,
                               llmsched_error *err);
llmsched_status lls_app_add(llmsched_planner *planner, const llmsched_app *app, const char *where,
                            llmsched_error *err);
llmsched_status lls_app_stage_add(llmsched_planner *planner, uint32_t app,
                                  const llmsched_app_stage *stage, const char *where,
                                  llmsched_error *err);
llmsched_status lls_app_call_add(llmsched_planner *planner, uint32_t app,
                                 const llmsched_app_call *call, const char *where,
                                 llmsched_error *err);
/* By its name; LLS_NONE32. */
uint32_t lls_find_model(const llmsched_planner *planner, const char *name);

/* --- reading.c: what the readers of JSON share --------------------------------------------- */

enum { LLS_PATH_BYTES = 120 };

/* Parses a document and checks its format. */
llmsched_status lls_reading_begin(const char *json, size_t length, const char *format,
                                  lls_json **tree, llmsched_error *err);
/* Frees the tree. A failure becomes LLMSCHED_ERROR_PARSE, but for want of memory. */
llmsched_status lls_reading_end(llmsched_status status, lls_json *tree, llmsched_error *err);
/* The array under key; NULL where it is absent. */
llmsched_status lls_reading_array(const lls_json *object, const char *path, const char *key,
                                  const lls_json **array, llmsched_error *err);
/* An object of keys that are absent, numbers, or refused. */
typedef struct lls_reading_number {
    const char *key;
    double *value;
    bool optional;
} lls_reading_number;
llmsched_status lls_reading_numbers(const lls_json *object, const char *path,
                                    const lls_reading_number *numbers, size_t count,
                                    llmsched_error *err);
llmsched_status lls_reading_u32(const lls_json *object, const char *path, const char *key,
                                uint32_t *value, llmsched_error *err);

/* --- demand.c: what the applications ask of each model ---------------------------------------- */

/* Calls of one stage or of one line of a summary. */
typedef struct lls_call {
    double rate; /* calls per second, all jobs */
    double prompt, output, tasks;
    double context; /* of an output token */
} lls_call;

/* Means over the calls of a model, weighted by rate; zeros where there are none. */
typedef struct lls_demand {
    double load;    /* Lambda_m: calls per second */
    double steps;   /* E[max(1, k)] of k output tokens */
    double context; /* E[max(1, k) x] / E[max(1, k)], x = prompt + k / 2 or as given */
    double tokens;  /* E[prompt + k] */
    double group;   /* E[tasks] by calls: mean size of the group that a call comes in */
    const lls_call *calls;
    uint32_t call_count;
} lls_demand;

typedef struct lls_demands {
    lls_demand *models; /* of every model of the planner */
    lls_call *calls;
} lls_demands;

/* Rates are those of the applications times factor. */
llmsched_status lls_demands_init(lls_demands *demands, const llmsched_planner *planner,
                                 double factor, llmsched_error *err);
void lls_demands_finish(lls_demands *demands, const llmsched_context *context);
/* E[prefill] of a configuration, seconds. */
double lls_demand_prefill(const lls_demand *demand, const lls_curve *curve);
/* Bytes that a replica takes on each of its GPUs. */
double lls_replica_bytes(const lls_model *model, uint32_t tp, uint32_t batch, double tokens);

/* --- groups.c, queueing.c: saturation and latency of a configuration under a demand
 * ----------------------- */

/* Groups in which calls come. */
typedef struct lls_call_groups {
    double *loads; /* calls per second that come in groups of a size */
    uint32_t *sizes;
    uint32_t count; /* 0: every call comes alone */
    uint32_t largest;
    double rest; /* mean over the calls of how much larger their groups are than sizes say */
} lls_call_groups;

bool lls_call_groups_init(lls_call_groups *groups, const llmsched_context *context,
                          const lls_demand *demand);
void lls_call_groups_finish(lls_call_groups *groups, const llmsched_context *context);

/* One configuration under a demand: how fast one replica finishes calls. */
typedef struct lls_service {
    const llmsched_context *context;
    double load;   /* calls per second, of all replicas */
    double *rates; /* calls per second with b running, 0 .. batch */
    uint32_t batch;
    double saturation; /* X: the largest of them */
    lls_call_groups groups;
    double *terms; /* room for probabilities */
    uint32_t term_capacity;
} lls_service;

/* false: no memory, nothing kept. */
bool lls_service_init(lls_service *service, const llmsched_context *context,
                      const lls_config *config, const lls_demand *demand);
void lls_service_finish(lls_service *service);
/* L_m: mean seconds of a call where so many replicas share the load, which is less than what they
 * finish at saturation. false: no memory. */
bool lls_call_latency(lls_service *service, uint32_t replicas, double *seconds);

/* --- plan.c: a plan under construction, then immutable ------------------------------------------
 */

typedef struct lls_plan_curve {
    double *batch, *slowdown; /* of a scheduler's executor */
    uint32_t count;
} lls_plan_curve;

struct llmsched_plan {
    llmsched_context *context;
    atomic_uint_fast32_t references;
    llmsched_plan_info info;
    llmsched_autoscaler autoscaler;
    char reason[200], lift[200];
    char **names; /* every text that the rest points to */
    uint32_t name_count, name_capacity;
    llmsched_plan_model *models;
    lls_plan_curve *curves; /* of each model */
    llmsched_plan_replica *replicas;
    uint32_t **replica_gpus;
    llmsched_plan_app *apps;
    llmsched_plan_gpu *gpus;
    uint32_t model_capacity, curve_capacity, replica_capacity, replica_gpus_capacity, app_capacity;
};

/* An empty plan for the planner's cluster, feasible until it is told otherwise. */
llmsched_status lls_plan_new(const llmsched_planner *planner, const char *method,
                             llmsched_plan **plan, llmsched_error *err);
/* The planner's model in this configuration; model, gpu, tp, share, bandwidth are filled in here,
 * batch, memory, latency, load and capacity by the caller. Its replicas follow. */
llmsched_status lls_plan_add_model(llmsched_plan *plan, const llmsched_planner *planner,
                                   uint32_t model, uint32_t config,
                                   const llmsched_plan_model *numbers, double context,
                                   llmsched_error *err);
/* A replica of the model added last; gpus: ascending numbers, as many as its tp. */
llmsched_status lls_plan_add_replica(llmsched_plan *plan, const uint32_t *gpus,
                                     llmsched_error *err);
llmsched_status lls_plan_add_app(llmsched_plan *plan, const char *name, double latency,
                                 double capacity, llmsched_error *err);
/* Adds up what the replicas take of the GPUs. */
void lls_plan_measure(llmsched_plan *plan);

/* --- plan_json.c: words and their numbers; LLS_NONE32: no such word ------------------------------
 */

uint32_t lls_plan_status(const char *name);
uint32_t lls_plan_binding(const char *name);
uint32_t lls_plan_autoscaler(const char *name);

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

/* --- slots.c: what an empty cluster holds -------------------------------------------- */

/* The groups of tp GPUs of a kind that replicas may use, by the memory of their smallest GPU. */
typedef struct lls_slots {
    uint32_t kind, tp, count;
    double *memories; /* ascending */
    uint32_t *groups; /* how many of each */
} lls_slots;

typedef struct lls_cluster {
    const llmsched_planner *planner;
    uint32_t gpu_count; /* the first of the planner's */
    uint32_t *domain_start, *ordered;
    lls_slots *slots; /* those asked for so far */
    uint32_t slot_count, slot_capacity;
} lls_cluster;

/* false: no memory. */
bool lls_cluster_init(lls_cluster *cluster, const llmsched_planner *planner, uint32_t gpu_count);
void lls_cluster_finish(lls_cluster *cluster);
/* Valid until the next call; NULL: no memory. */
const lls_slots *lls_cluster_slots(lls_cluster *cluster, uint32_t kind, uint32_t tp);
/* Replicas that fit where nothing else is. */
uint32_t lls_slots_hold(const lls_slots *slots, double share, double bytes, double bandwidth);

/* --- menu.c ---------------------------------------------------------------------------- */

/* Least r with load / r <= utilisation * saturation; LLS_NONE32: none that can be counted. */
uint32_t lls_least_replicas(double load, double saturation, double utilisation);
/* Of a model with demand, by its configuration `only`, or any for LLS_NONE32. The items are the
 * caller's to free; there may be none. false: no memory. */
bool lls_menu_init(lls_menu *menu, lls_cluster *cluster, uint32_t model, uint32_t only,
                   const lls_demand *demand, double utilisation);

/* --- problem.c --------------------------------------------------------------------------- */

/* llmsched_planner_options with the defaults filled in. */
typedef struct lls_planning {
    double rate_factor, max_utilisation, move_cost;
    uint32_t gpu_count; /* the first of the planner's are used */
    uint64_t node_budget;
    const llmsched_plan *running;
    llmsched_planner_progress_fn progress;
    void *progress_user;
    const char *name;      /* of the method with its options, as it was asked for */
    const char *arguments; /* what stands behind the colon; "" */
    bool without_menus;    /* of a method that has no use for them */
    const uint32_t *only;  /* of each model, the one configuration to use; NULL: any */
} lls_planning;

/* The problem, and what it points to. */
typedef struct lls_instance {
    const llmsched_planner *planner;
    lls_demands demands;
    lls_place_problem problem;
    uint32_t *menu_of; /* menu of each model; LLS_NONE32: it has no demand */
    double *factors;
    lls_running running;
    uint32_t *running_numbers;
} lls_instance;

llmsched_status lls_instance_init(lls_instance *instance, const llmsched_planner *planner,
                                  const lls_planning *planning, llmsched_error *err);
void lls_instance_finish(lls_instance *instance);

/* --- prediction.c: what a placement is expected to do -------------------------------------- */

/* Latency that says: the replicas cannot keep up. */
#define LLS_PLACE_OVERLOADED LLS_PLACE_MOST

/* Fills in loads, capacities and latencies of models and applications, objective and throughput,
 * and what the GPUs give. */
llmsched_status lls_plan_predict(llmsched_plan *plan, const lls_instance *instance, double factor,
                                 llmsched_error *err);

/* --- limits.c: bounds that need no search ---------------------------------------------------- */

/* Largest factor on the instance's rates at which shares of saturated replicas could suffice; 0
 * where a model has no configuration for these GPUs. */
llmsched_status lls_throughput_limit(const lls_instance *instance, double *factor,
                                     llmsched_error *err);
/* Fewest GPUs, the largest first, that hold the least of every menu. */
llmsched_status lls_memory_limit(const lls_instance *instance, uint32_t *gpus, llmsched_error *err);

/* --- infeasible.c ---------------------------------------------------------------------------- */

/* Why a menu is empty, and what would lift it, in one line each. */
llmsched_status lls_explain_menu(const lls_instance *instance, const lls_planning *planning,
                                 uint32_t menu, llmsched_plan *plan, llmsched_error *err);
/* Why the menus do not fit together, as the search says it. */
void lls_explain_all(const lls_solution *solution, llmsched_plan *plan);

/* --- methods.c: the planners by name ------------------------------------------------------------
 */

typedef struct lls_method {
    const char *name, *summary;
    llmsched_status (*plan)(const llmsched_planner *planner, const lls_planning *planning,
                            llmsched_plan **plan, llmsched_error *err);
} lls_method;

/* By the name before the colon; NULL: there is none. */
const lls_method *lls_method_find(const char *name);

/* A number that a method may be given behind the colon, as in "k8s:target=0.5,start=10". */
typedef struct lls_method_option {
    const char *name;
    double minimum, maximum;
    double *value; /* the default before */
} lls_method_option;

llmsched_status lls_method_options(const lls_planning *planning, const lls_method_option *options,
                                   uint32_t count, llmsched_error *err);

/* --- planning.c
 * ------------------------------------------------------------------------------------ */

/* Checks the options and fills defaults in. */
llmsched_status lls_planning_init(lls_planning *planning, const lls_method **method,
                                  const llmsched_planner *planner,
                                  const llmsched_planner_options *options, llmsched_error *err);
llmsched_status lls_plan_by_search(const llmsched_planner *planner, const lls_planning *planning,
                                   llmsched_plan **plan, llmsched_error *err);

#endif
