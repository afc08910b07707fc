/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file planner.h
 * The placement planner: GPUs, models with measured curves, and applications with rates in; for
 * every model a tensor-parallel degree, a number of replicas, a share of each GPU, and the GPUs
 * out, so that the weighted end-to-end latency of the applications is least
 * (docs/algorithms.md section 8).
 *
 * @code
 * llmsched_planner_create(context, &planner, &err);
 * llmsched_planner_add_gpus(planner, "2x8xh100-80g", &err);
 * llmsched_planner_read_models(planner, models, strlen(models), &err);
 * llmsched_planner_read_apps(planner, apps, strlen(apps), &err);
 * llmsched_planner_plan(planner, NULL, &plan, &err);
 * llmsched_plan_start(plan, scheduler, 0.0, 0, &err);
 * @endcode
 *
 * Models, applications and GPUs go by number, from 0 in the order in which they were added. All
 * that is handed out about a planner's inputs lives until the planner ends; of a plan, as long as
 * the plan.
 */
#ifndef LLMSCHED_PLANNER_H
#define LLMSCHED_PLANNER_H

#include "llmsched/base.h"
#include "llmsched/profiler.h"
#include "llmsched/scheduler.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Cluster, models and applications under collection; mutable. @since 0.1 */
typedef struct llmsched_planner llmsched_planner;

/** A placement, or why there is none; immutable, reference-counted, and independent of the planner
 * that made it. @since 0.1 */
typedef struct llmsched_plan llmsched_plan;

/**
 * Makes an empty planner.
 * @param[out] planner  end it with llmsched_planner_destroy()
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_planner_create(llmsched_context *context,
                                                     llmsched_planner **planner,
                                                     llmsched_error *err);

/** Ends a planner; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_planner_destroy(llmsched_planner *planner);

/* --- the cluster ------------------------------------------------------------ */

/** One GPU. @since 0.1 */
typedef struct llmsched_gpu {
    uint32_t size;       /**< sizeof(llmsched_gpu) */
    uint32_t reserved;   /**< 0 */
    const char *id;      /**< unique, not empty */
    const char *kind;    /**< such as "h100-80g"; configurations name it */
    const char *domain;  /**< node or island of fast links that it belongs to; a replica stays in
                              one */
    double memory_bytes; /**< positive */
} llmsched_gpu;

/** Adds a GPU; copied. @return LLMSCHED_ERROR_EXISTS for an id that is taken @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_add_gpu(llmsched_planner *planner,
                                                      const llmsched_gpu *gpu, uint32_t *index,
                                                      llmsched_error *err);

/**
 * Adds the GPUs of a short string: nodes x GPUs x kind, several joined by '+', as in
 * "2x8xh100-80g+1x4xl4-24g". Node n (counted through all parts) is domain "nN", its GPU g "nNgG".
 * Kinds: a100-40g a100-80g h100-80g h200-141g b200-192g l4-24g l40s-48g t4-16g, with that many
 * GiB. @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_planner_add_gpus(llmsched_planner *planner,
                                                       const char *cluster, llmsched_error *err);

/** Adds the GPUs of a "llmsched-gpus-1" document (docs/schemas.md). On failure nothing was added.
 * @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_read_cluster(llmsched_planner *planner,
                                                           const char *json, size_t length,
                                                           llmsched_error *err);

/** Number of GPUs. @since 0.1 */
LLMSCHED_API uint32_t llmsched_planner_gpu_count(const llmsched_planner *planner);

/** Reads a GPU. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_get_gpu(const llmsched_planner *planner,
                                                      uint32_t index, llmsched_gpu *gpu,
                                                      llmsched_error *err);

/* --- models and their curves -------------------------------------------------- */

/**
 * A model. Of each GPU a replica takes weight_bytes / tp + max(kv_floor_bytes,
 * kv_bytes_per_token * (mean prompt + output tokens of its calls) * batch) / tp + runtime_bytes.
 * @since 0.1
 */
typedef struct llmsched_model {
    uint32_t size;             /**< sizeof(llmsched_model) */
    uint32_t config_count;     /**< on reading: its configurations; ignored on adding */
    const char *name;          /**< unique, not empty */
    double weight_bytes;       /**< of all its weights */
    double kv_bytes_per_token; /**< of the cache of keys and values, over all GPUs of a replica */
    double kv_floor_bytes;     /**< least cache of a replica, over all its GPUs */
    double runtime_bytes;      /**< beside these, on each GPU */
} llmsched_model;

/** Flags of a configuration. @since 0.1 */
enum {
    LLMSCHED_CONFIG_HAS_BANDWIDTH = 1 /**< bandwidth is set; else it is the share */
};

/**
 * A way to run a model, with its measured curve: prefill(n) seconds for one prompt of n tokens, and
 * decode(B, x) seconds per output token of each of B requests of mean context x. Either is linear,
 * prefill = base + per_token n and decode = base + per_request B + per_request_token B x, or a
 * table: linear along the context, then along the batch, clamped at the ends.
 * @since 0.1
 */
typedef struct llmsched_model_config {
    uint32_t size;                     /**< sizeof(llmsched_model_config) */
    uint32_t tp;                       /**< tensor-parallel degree: GPUs of a replica */
    const char *gpu;                   /**< kind of GPU */
    double share;                      /**< of each of its GPUs, at most 1; 0: 1 */
    double bandwidth;                  /**< fraction of a GPU's memory bandwidth at full batch */
    uint32_t max_batch;                /**< most requests of a replica at once */
    uint32_t flags;                    /**< LLMSCHED_CONFIG_*, added up */
    double prefill_base_s;             /**< linear prefill */
    double prefill_per_token_s;        /**< linear prefill */
    double decode_base_s;              /**< linear decode */
    double decode_per_request_s;       /**< linear decode */
    double decode_per_request_token_s; /**< linear decode */
    uint32_t prefill_count;            /**< points of the prefill table; 0: linear */
    uint32_t decode_count;             /**< points of the decode table; 0: linear */
    const double *prefill_tokens;      /**< ascending */
    const double *prefill_s;           /**< at those */
    const double *decode_batch;        /**< points in any order, no (batch, context) twice; the
                                            batches need not have the same contexts */
    const double *decode_context;      /**< with those */
    const double *decode_s;            /**< seconds per output token there */
} llmsched_model_config;

/** Adds a model, without configurations; copied. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_add_model(llmsched_planner *planner,
                                                        const llmsched_model *model,
                                                        uint32_t *index, llmsched_error *err);

/**
 * Adds a configuration to a model; copied.
 * @return LLMSCHED_ERROR_EXISTS for a (gpu, tp, share) that the model has already
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_planner_add_config(llmsched_planner *planner, uint32_t model,
                                                         const llmsched_model_config *config,
                                                         uint32_t *index, llmsched_error *err);

/** Adds the models of a "llmsched-models-1" document (docs/schemas.md). On failure nothing was
 * added. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_read_models(llmsched_planner *planner,
                                                          const char *json, size_t length,
                                                          llmsched_error *err);

/** Number of models. @since 0.1 */
LLMSCHED_API uint32_t llmsched_planner_model_count(const llmsched_planner *planner);

/** Number of the model of this name; LLMSCHED_INDEX_NONE. @since 0.1 */
LLMSCHED_API uint32_t llmsched_planner_find_model(const llmsched_planner *planner,
                                                  const char *name);

/** Reads a model. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_get_model(const llmsched_planner *planner,
                                                        uint32_t index, llmsched_model *model,
                                                        llmsched_error *err);

/** Reads a configuration; a table's points are sorted by batch, then context. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_get_config(const llmsched_planner *planner,
                                                         uint32_t model, uint32_t index,
                                                         llmsched_model_config *config,
                                                         llmsched_error *err);

/** Seconds that a configuration takes for one prompt of so many tokens. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_prefill_s(const llmsched_planner *planner,
                                                        uint32_t model, uint32_t config,
                                                        double tokens, double *seconds,
                                                        llmsched_error *err);

/** Seconds per output token that it takes with so many requests of this mean context (prompt and
 * what is written, tokens). @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_decode_s(const llmsched_planner *planner,
                                                       uint32_t model, uint32_t config,
                                                       double batch, double context,
                                                       double *seconds, llmsched_error *err);

/* --- applications ------------------------------------------------------------- */

/** Flags of applications and their stages. @since 0.1 */
enum {
    LLMSCHED_APP_HAS_WEIGHT = 1,       /**< weight is set; else 1 */
    LLMSCHED_STAGE_HAS_PROBABILITY = 1 /**< probability is set; else 1 */
};

/** An application. @since 0.1 */
typedef struct llmsched_app {
    uint32_t size;        /**< sizeof(llmsched_app) */
    uint32_t flags;       /**< LLMSCHED_APP_*, added up */
    const char *name;     /**< unique, not empty */
    double rate_per_s;    /**< jobs per second to plan for */
    double weight;        /**< of its latency in the objective */
    double max_latency_s; /**< hard limit of its mean latency; 0: none */
} llmsched_app;

/** A stage of an application given as a graph. @since 0.1 */
typedef struct llmsched_app_stage {
    uint32_t size;           /**< sizeof(llmsched_app_stage) */
    uint32_t flags;          /**< LLMSCHED_STAGE_*, added up */
    const char *id;          /**< unique in the application, not empty */
    const char *model;       /**< a model of the planner; NULL: a tool */
    const uint32_t *parents; /**< numbers of earlier stages of the application */
    uint32_t parent_count;   /**< number of parents */
    uint32_t reserved;       /**< 0 */
    double tasks;            /**< calls at once, 0: 1 */
    double probability;      /**< that a job takes the stage */
    double prompt_tokens;    /**< of a task */
    double output_tokens;    /**< of a task */
    double duration_s;       /**< of a tool */
} llmsched_app_stage;

/** What an application given as a summary asks of one model. @since 0.1 */
typedef struct llmsched_app_call {
    uint32_t size;         /**< sizeof(llmsched_app_call) */
    uint32_t reserved;     /**< 0 */
    const char *model;     /**< a model of the planner */
    double calls;          /**< mean calls of a job */
    double overlap;        /**< mean number of them at once; 0: 1 */
    double prompt_tokens;  /**< mean of a call */
    double output_tokens;  /**< mean of a call */
    double group;          /**< how many come at the same time, itself among them, mean over the
                                calls; 0: overlap */
    double context_tokens; /**< mean context of an output token; 0: prompt + output / 2 */
} llmsched_app_call;

/** Adds an application, without stages and calls; copied. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_add_app(llmsched_planner *planner,
                                                      const llmsched_app *app, uint32_t *index,
                                                      llmsched_error *err);

/** Adds a stage to an application; copied. LLMSCHED_ERROR_STATE for one that has calls.
 * @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_add_app_stage(llmsched_planner *planner, uint32_t app,
                                                            const llmsched_app_stage *stage,
                                                            uint32_t *index, llmsched_error *err);

/** Adds a call to an application; copied. LLMSCHED_ERROR_STATE for one that has stages.
 * @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_add_app_call(llmsched_planner *planner, uint32_t app,
                                                           const llmsched_app_call *call,
                                                           llmsched_error *err);

/**
 * Adds an application with the calls that a profile has learned
 * (llmsched_profile_get_call()).
 * @param[in] app  its `name` may be NULL: the profile's
 * @return LLMSCHED_ERROR_STATE for a profile that knows no calls, LLMSCHED_ERROR_NOT_FOUND for a
 * model that the planner lacks; stages that name none are of the planner's only model. On failure
 * nothing was added.
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_planner_add_profile(llmsched_planner *planner,
                                                          const llmsched_app *app,
                                                          const llmsched_profile *profile,
                                                          uint32_t *index, llmsched_error *err);

/** Adds the applications of a "llmsched-apps-1" document (docs/schemas.md); their models must be
 * there. On failure nothing was added. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_read_apps(llmsched_planner *planner, const char *json,
                                                        size_t length, llmsched_error *err);

/** Number of applications. @since 0.1 */
LLMSCHED_API uint32_t llmsched_planner_app_count(const llmsched_planner *planner);

/** Reads an application. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_get_app(const llmsched_planner *planner,
                                                      uint32_t index, llmsched_app *app,
                                                      llmsched_error *err);

/* --- planning --------------------------------------------------------------- */

/**
 * Told now and then while a plan is searched for.
 * @param[in] nodes  visited so far
 * @param[in] best   objective of the best plan so far; infinite: none yet
 * @param[in] bound  what no plan can be below
 * @return 0 to go on; anything else ends the search with the best plan so far, and with
 * LLMSCHED_ERROR_CALLBACK where there is none yet
 * @since 0.1
 */
typedef int32_t (*llmsched_planner_progress_fn)(void *user, uint64_t nodes, double best,
                                                double bound);

/** How to plan. @since 0.1 */
typedef struct llmsched_planner_options {
    uint32_t size;          /**< sizeof(llmsched_planner_options) */
    uint32_t reserved;      /**< 0 */
    const char *planner;    /**< "llmsched", or a rival: "k8s", "kserve", "best-manual", "muxserve",
                                 with options after a colon ("k8s:target=0.5"); NULL: "llmsched" */
    double rate_factor;     /**< plan for the rates times this; 0: 1 */
    double max_utilisation; /**< most of a model's saturation rate that may be used; 0: 0.9 */
    uint64_t node_budget;   /**< nodes of the search, so that its length does not depend on a
                                 clock; 0: a million */
    const llmsched_plan *running; /**< what runs now: prefer plans that move less; may be NULL */
    double move_cost_s;           /**< added to the objective for each replica that running does not
                                       have where the plan wants it; 0: only ties prefer less */
    llmsched_planner_progress_fn progress; /**< NULL: nobody is told */
    void *progress_user;                   /**< passed to progress */
} llmsched_planner_options;

/** Number of planners, rivals included. @since 0.1 */
LLMSCHED_API uint32_t llmsched_planner_method_count(void);

/** Name of a planner; NULL past the last; static storage. @since 0.1 */
LLMSCHED_API const char *llmsched_planner_method_name(uint32_t index);

/** One line on a planner: what it does, its source, its options with their defaults; static
 * storage. @since 0.1 */
LLMSCHED_API const char *llmsched_planner_method_summary(uint32_t index);

/**
 * Plans. Where there is no plan, the answer is a plan of status LLMSCHED_PLAN_INFEASIBLE that says
 * why, and what would lift it.
 * @param[out] plan  the caller's reference; end it with llmsched_plan_release()
 * @return LLMSCHED_ERROR_STATE without GPUs, models or applications, LLMSCHED_ERROR_NOT_FOUND for a
 * planner that does not exist
 * @since 0.1. Cost: the node budget bounds it; see docs/benchmarks.md for its growth.
 */
LLMSCHED_API llmsched_status llmsched_planner_plan(const llmsched_planner *planner,
                                                   const llmsched_planner_options *options,
                                                   llmsched_plan **plan, llmsched_error *err);

/**
 * The dual question: the highest common factor on all rates for which there is a plan, within a
 * relative 1e-3, and that plan. Latency limits are those of the applications; a plan of a rival
 * that overloads a model or misses a limit does not count.
 * @param[out] factor  0 where no rate can be served
 * @param[out] plan    as of llmsched_planner_plan(), at that factor; may be NULL
 * @return LLMSCHED_ERROR_STATE where no application calls a model at a rate above 0: there is no
 * highest factor then
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_planner_max_rate(const llmsched_planner *planner,
                                                       const llmsched_planner_options *options,
                                                       double *factor, llmsched_plan **plan,
                                                       llmsched_error *err);

/**
 * The fewest GPUs, taken from the front of the cluster, for which there is a plan at the rates and
 * limits.
 * @param[out] gpus  0 where all of them are too few
 * @param[out] plan  on those; may be NULL
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_planner_min_gpus(const llmsched_planner *planner,
                                                       const llmsched_planner_options *options,
                                                       uint32_t *gpus, llmsched_plan **plan,
                                                       llmsched_error *err);

/** What is searched, as "llmsched-menus-1" (docs/schemas.md): the allowed items of every model
 * but those no better than another. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_planner_menus(const llmsched_planner *planner,
                                                    const llmsched_planner_options *options,
                                                    llmsched_text **text, llmsched_error *err);

/* --- plans ------------------------------------------------------------------ */

/** How a plan came out; values of `status`. @since 0.1 */
enum {
    LLMSCHED_PLAN_OPTIMAL = 1,   /**< proved to be the best */
    LLMSCHED_PLAN_FEASIBLE = 2,  /**< within `gap` of the best */
    LLMSCHED_PLAN_INFEASIBLE = 3 /**< there is none; see llmsched_plan_reason() */
};

/** What keeps a plan from being better, or from being; values of `binding`. @since 0.1 */
enum {
    LLMSCHED_BINDING_NONE = 0,
    LLMSCHED_BINDING_SHARE = 1,     /**< compute of the GPUs */
    LLMSCHED_BINDING_MEMORY = 2,    /**< memory of the GPUs */
    LLMSCHED_BINDING_BANDWIDTH = 3, /**< memory bandwidth of the GPUs */
    LLMSCHED_BINDING_DOMAIN = 4,    /**< no room left in one piece in any domain */
    LLMSCHED_BINDING_RATE = 5,      /**< no configuration serves the rate */
    LLMSCHED_BINDING_LATENCY = 6    /**< a latency limit */
};

/** The whole of a plan. Bounds and objective in seconds of weighted latency; what has no bound,
 * such as the latency of an overloaded model or a gap without a bound, is 1e18. @since 0.1 */
typedef struct llmsched_plan_info {
    uint32_t size;           /**< sizeof(llmsched_plan_info) */
    uint32_t status;         /**< LLMSCHED_PLAN_* */
    const char *planner;     /**< who made it */
    uint32_t binding;        /**< LLMSCHED_BINDING_* */
    uint32_t model_count;    /**< models placed */
    uint32_t replica_count;  /**< replicas of all models */
    uint32_t app_count;      /**< applications */
    uint32_t gpu_count;      /**< GPUs of the cluster */
    uint32_t moved_replicas; /**< replicas that the running plan does not have where this one wants
                                  them; 0 without a running plan */
    uint64_t nodes;          /**< visited by the search */
    double objective_s;      /**< sum over the applications of weight times latency */
    double bound_s;          /**< what no plan can be below; the best that is known */
    double gap;              /**< (objective - bound) / bound; 0 when optimal */
    double alone_bound_s;    /**< each model by its fastest item */
    double capacity_bound_s; /**< by the total of shares, memory and bandwidth */
    double throughput_bound_per_s; /**< no plan's applications run at a higher sum of rates */
    double throughput_per_s;       /**< sum of the applications' rates at the highest common factor
                                        at which no model is saturated */
    uint32_t memory_bound_gpus;    /**< GPUs that weights and caches need at least */
    uint32_t touched_gpus;         /**< GPUs in use */
    double total_share;            /**< sum over all GPUs */
} llmsched_plan_info;

/** A model in a plan. @since 0.1 */
typedef struct llmsched_plan_model {
    uint32_t size;          /**< sizeof(llmsched_plan_model) */
    uint32_t tp;            /**< GPUs of a replica */
    const char *model;      /**< its name */
    const char *gpu;        /**< kind of GPU */
    double share;           /**< of each GPU of a replica */
    double bandwidth;       /**< of each GPU of a replica */
    double memory_bytes;    /**< of each GPU of a replica */
    double call_latency_s;  /**< predicted mean of a call, waiting included */
    double load_per_s;      /**< calls, all replicas */
    double capacity_per_s;  /**< calls at saturation, all replicas */
    uint32_t batch;         /**< most requests of a replica at once */
    uint32_t config;        /**< number of the configuration in the planner's model;
                                 LLMSCHED_INDEX_NONE: it has none */
    uint32_t first_replica; /**< its replicas are numbered through the plan */
    uint32_t replica_count; /**< at least 1, but for a model scaled to zero */
} llmsched_plan_model;

/** A replica. @since 0.1 */
typedef struct llmsched_plan_replica {
    uint32_t size;        /**< sizeof(llmsched_plan_replica) */
    uint32_t model;       /**< number of the model in the plan */
    const uint32_t *gpus; /**< numbers of its GPUs in the cluster, ascending */
    uint32_t gpu_count;   /**< tp */
    uint32_t reserved;    /**< 0 */
} llmsched_plan_replica;

/** An application under a plan. @since 0.1 */
typedef struct llmsched_plan_app {
    uint32_t size;         /**< sizeof(llmsched_plan_app) */
    uint32_t reserved;     /**< 0 */
    const char *name;      /**< its name */
    double latency_s;      /**< predicted mean */
    double capacity_per_s; /**< its rate when the first of its models saturates as all grow alike */
} llmsched_plan_app;

/** A GPU under a plan. @since 0.1 */
typedef struct llmsched_plan_gpu {
    uint32_t size;         /**< sizeof(llmsched_plan_gpu) */
    uint32_t replicas;     /**< that use it */
    const char *id;        /**< its id */
    const char *kind;      /**< its kind */
    const char *domain;    /**< its domain */
    double memory_bytes;   /**< that it has */
    double used_bytes;     /**< taken */
    double used_share;     /**< taken */
    double used_bandwidth; /**< fraction taken */
} llmsched_plan_gpu;

/** Kinds of autoscalers. @since 0.1 */
enum {
    LLMSCHED_AUTOSCALER_NONE = 0, /**< the replicas are those of the plan */
    LLMSCHED_AUTOSCALER_HPA = 1,  /**< Kubernetes' Horizontal Pod Autoscaler */
    LLMSCHED_AUTOSCALER_KPA = 2   /**< Knative's autoscaler */
};

/** How the replicas of a plan change over time. @since 0.1 */
typedef struct llmsched_autoscaler {
    uint32_t size;  /**< sizeof(llmsched_autoscaler) */
    uint32_t kind;  /**< LLMSCHED_AUTOSCALER_* */
    double start_s; /**< from the decision to a replica that serves */
    double target;  /**< share of the batch that is aimed at */
} llmsched_autoscaler;

/** Adds a reference; any thread. @since 0.1 */
LLMSCHED_API llmsched_plan *llmsched_plan_retain(const llmsched_plan *plan);

/** Gives a reference up; NULL is accepted; any thread. @since 0.1 */
LLMSCHED_API void llmsched_plan_release(llmsched_plan *plan);

/** Reads the whole. @param[in,out] info  `size` set by the caller @since 0.1 */
LLMSCHED_API llmsched_status llmsched_plan_get_info(const llmsched_plan *plan,
                                                    llmsched_plan_info *info, llmsched_error *err);

/** Why there is no plan, or why optimality was not proved, in one line; "" otherwise. @since 0.1 */
LLMSCHED_API const char *llmsched_plan_reason(const llmsched_plan *plan);

/** What would lift it, in one line, as in "more memory: tp 2 or more on h100-80g"; "" where there
 * is a plan. @since 0.1 */
LLMSCHED_API const char *llmsched_plan_lift(const llmsched_plan *plan);

/** Reads a model. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_plan_get_model(const llmsched_plan *plan, uint32_t index,
                                                     llmsched_plan_model *model,
                                                     llmsched_error *err);

/** Reads a replica, numbered through the plan. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_plan_get_replica(const llmsched_plan *plan, uint32_t index,
                                                       llmsched_plan_replica *replica,
                                                       llmsched_error *err);

/** Reads an application. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_plan_get_app(const llmsched_plan *plan, uint32_t index,
                                                   llmsched_plan_app *app, llmsched_error *err);

/** Reads a GPU. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_plan_get_gpu(const llmsched_plan *plan, uint32_t index,
                                                   llmsched_plan_gpu *gpu, llmsched_error *err);

/** Reads the autoscaler. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_plan_get_autoscaler(const llmsched_plan *plan,
                                                          llmsched_autoscaler *autoscaler,
                                                          llmsched_error *err);

/** The plan as "llmsched-plan-1" (docs/schemas.md). @since 0.1 */
LLMSCHED_API llmsched_status llmsched_plan_to_json(const llmsched_plan *plan, llmsched_text **text,
                                                   llmsched_error *err);

/**
 * Reads a plan for the cluster and models of a planner; what it says beside `models` may be
 * absent. Uses of GPUs are worked out anew, and may be above what a GPU has: such engines crowd
 * each other.
 * @return LLMSCHED_ERROR_PARSE, with the line where the text is no JSON and else with the path of
 * the key, also for a model, GPU or configuration that the planner lacks
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_plan_from_json(const llmsched_planner *planner,
                                                     const char *json, size_t length,
                                                     llmsched_plan **plan, llmsched_error *err);

/**
 * Fills in what a scheduler wants to know of a replica: an engine of its model with the plan's
 * batch as its capacity, decode(B, X) / decode(1, X) at the mean context X of its calls as its
 * slowdown curve, and its share of GPU-seconds (tp times share) as its price. Pointers live as long
 * as the plan.
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_plan_get_executor(const llmsched_plan *plan, uint32_t replica,
                                                        llmsched_executor *executor,
                                                        llmsched_error *err);

/**
 * Brings every replica up in a scheduler: replica i is executor first + i.
 * @return what llmsched_scheduler_post() gives; on failure those posted before are down again
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_plan_start(const llmsched_plan *plan,
                                                 llmsched_scheduler *scheduler, double time_s,
                                                 uint64_t first, llmsched_error *err);

#ifdef __cplusplus
}
#endif

#endif
