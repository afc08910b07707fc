/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file scheduler.h
 * The scheduler: events in, decisions out; the caller drives the loop.
 *
 * @code
 * llmsched_scheduler_post(s, &event, &err);
 * while (llmsched_scheduler_next(s, now, &decision, &err) == LLMSCHED_OK)
 *     start(decision.job, decision.stage, decision.task, decision.executor);
 * @endcode
 *
 * A returned decision counts as taken. A refusal or failure comes back as the
 * event LLMSCHED_EVENT_TASK_FAILED and loses nothing.
 */
#ifndef LLMSCHED_SCHEDULER_H
#define LLMSCHED_SCHEDULER_H

#include "llmsched/base.h"
#include "llmsched/dag.h"
#include "llmsched/profiler.h"
#include "llmsched/quantifier.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Executors, jobs and a policy; mutable. @since 0.1 */
typedef struct llmsched_scheduler llmsched_scheduler;

/* --- what events carry ---------------------------------------------------- */

/**
 * An engine, or one or more slots for regular tasks. Regular executors may be parted into pools by
 * name: a browser's, a code sandbox's. Models and pools may share names.
 * @since 0.1
 */
typedef struct llmsched_executor {
    uint32_t size;     /**< sizeof(llmsched_executor) */
    uint32_t kind;     /**< LLMSCHED_STAGE_LLM or LLMSCHED_STAGE_REGULAR */
    const char *model; /**< engines: the model served; regular executors: their pool's name; NULL:
                          serves stages that name none */
    uint32_t capacity; /**< most tasks at once, 1 or more: an engine's batch limit */
    uint32_t
        curve_count; /**< points of the slowdown curve; 0: none, every task runs at full speed */
    const double *curve_batch; /**< batch sizes, ascending, from 1 */
    const double *
        curve_slowdown; /**< l(b) / l(1) at those, 1 or more; linear between, clamped at the ends */
    double price;       /**< of an alone-second served here, in the currency of fair shares; 0: 1 */
} llmsched_executor;

/** A job. @since 0.1 */
typedef struct llmsched_job {
    uint32_t size;     /**< sizeof(llmsched_job) */
    uint32_t reserved; /**< 0 */
    const llmsched_profile
        *profile; /**< shared until the job ends; NULL: nothing is known of the application */
    double given_mean_s; /**< total work by which `sjf-given` orders */
    double given_llm_s;  /**< remaining LLM work by which `oracle-srpt` orders LLM tasks */
    double given_tool_s; /**< remaining tool work by which it orders tool tasks */
    double arrival_s;    /**< when it arrived, for every order by arrival; 0: at the event */
    uint64_t tenant;     /**< the caller's id of who pays for it */
    double weight;       /**< the tenant's, from now on: its share beside that of others; 0: 1 */
} llmsched_job;

/** Kinds of events; values of `type`. Beside each: the fields it reads beside time_s. @since 0.1 */
enum {
    /** A new executor: executor, executor_info. */
    LLMSCHED_EVENT_EXECUTOR_UP = 1,
    /** An executor is gone, its tasks are ready again: executor. */
    LLMSCHED_EVENT_EXECUTOR_DOWN = 2,
    /** Capacity or curve changed (kind and model may not); above its new capacity it drains:
       executor, executor_info. */
    LLMSCHED_EVENT_EXECUTOR_CHANGED = 3,
    /** A new job: job (an id never used for a live job), job_info. */
    LLMSCHED_EVENT_JOB_ARRIVED = 4,
    /** The given_* fields of a job changed: job, job_info (its other fields are ignored). */
    LLMSCHED_EVENT_JOB_CHANGED = 5,
    /** A job is over: all its stages are finished and no more will be revealed: job. */
    LLMSCHED_EVENT_JOB_FINISHED = 6,
    /** A job is given up; what of it ran counts as stopped and its places as free: job. */
    LLMSCHED_EVENT_JOB_CANCELLED = 7,
    /** A job has a new stage: job, stage (a number new to the job), stage_info. */
    LLMSCHED_EVENT_STAGE_REVEALED = 8,
    /** A started task has finished: job, stage, task; alone_s with LLMSCHED_EVENT_HAS_ALONE,
       output_tokens with LLMSCHED_EVENT_HAS_OUTPUT. */
    LLMSCHED_EVENT_TASK_FINISHED = 9,
    /** A started task was refused or failed and is ready again: job, stage, task. */
    LLMSCHED_EVENT_TASK_FAILED = 10
};

/** Flag of an event: alone_s is set. @since 0.1 */
#define LLMSCHED_EVENT_HAS_ALONE 1u
/** Flag of an event: output_tokens is set. @since 0.1 */
#define LLMSCHED_EVENT_HAS_OUTPUT 2u

/** Something that happened. Borrowed during the call. @since 0.1 */
typedef struct llmsched_event {
    uint32_t size; /**< sizeof(llmsched_event) */
    uint32_t type; /**< LLMSCHED_EVENT_* */
    double time_s; /**< when; never before an earlier event's */
    uint64_t
        job; /**< the caller's id of the job; ties between jobs that arrive together end in it */
    uint64_t executor; /**< the caller's id of the executor; ties end in it */
    uint32_t stage;    /**< the caller's number of the stage in its job; ties end in it */
    uint32_t task;     /**< number of the task in its stage */
    uint32_t flags;    /**< LLMSCHED_EVENT_HAS_*, added up */
    uint32_t reserved; /**< 0 */
    double alone_s; /**< the task's measured alone time; without it the scheduler divides the time
                       since the decision by the slowdowns of the batches it ran in */
    const llmsched_job *job_info;              /**< see the types */
    const llmsched_revealed_stage *stage_info; /**< see the types */
    const llmsched_executor *executor_info;    /**< see the types */
    double output_tokens; /**< tokens that the LLM task wrote; forecasts are better with them */
} llmsched_event;

/** Start this task on this executor now. @since 0.1 */
typedef struct llmsched_decision {
    uint32_t size;     /**< sizeof(llmsched_decision) */
    uint32_t stage;    /**< number of the stage in its job */
    uint32_t task;     /**< number of the task in its stage; a failed one may come again */
    uint32_t reserved; /**< 0 */
    uint64_t job;      /**< id of the job */
    uint64_t executor; /**< id of the executor */
} llmsched_decision;

/* --- policies --------------------------------------------------------------- */

/**
 * What a policy may look at: the scheduler's state as revealed so far. Valid
 * during the callback only. Jobs and stages go by the caller's ids. @since 0.1
 */
typedef struct llmsched_view llmsched_view;

/** A choice of a policy's `choose`. @since 0.1 */
typedef struct llmsched_choice {
    uint32_t size;     /**< sizeof(llmsched_choice) */
    uint32_t stage;    /**< a ready stage of the queue */
    uint64_t job;      /**< its job */
    uint32_t tasks;    /**< most of its ready tasks to start; 0: all */
    uint32_t reserved; /**< 0 */
} llmsched_choice;

/**
 * Flag of a policy whose keys cost: while all tasks that are ready in a queue find room, they start
 * by arrival, job and stage without being asked for. What starts is the same, and which
 * executor takes which may differ. @since 0.1
 */
#define LLMSCHED_POLICY_LAZY 1u

/**
 * A policy: callbacks, copied when the scheduler is created. Ready stages
 * wait in queues, one per model and one per pool of regular executors. The least key goes first,
 * then the earliest arrival, the lowest job id and stage number; its task goes to the executor with
 * the fewest running tasks, then the lowest id.
 * @since 0.1
 */
typedef struct llmsched_policy {
    uint32_t size;  /**< sizeof(llmsched_policy) */
    uint32_t flags; /**< LLMSCHED_POLICY_*, added up */
    void *user;     /**< passed to each callback */
    /**
     * Key of a ready stage; not NaN. Asked when the stage becomes ready and again after each event
     * of its job. Must depend on nothing that changes without one. Required.
     */
    llmsched_status (*key)(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *key);
    /**
     * Chooses from a queue that has a ready task and room, instead of the least key. LLMSCHED_NONE:
     * nothing from this queue until the next event. Optional (NULL).
     */
    llmsched_status (*choose)(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice);
    /** Called once when the scheduler ends (not when its creation fails). Optional (NULL). */
    void (*release)(void *user);
    /**
     * Chooses the executor for the next task of a stage: one of its queue that has room.
     * LLMSCHED_NONE: the one with the fewest running tasks. Optional (NULL).
     */
    llmsched_status (*place)(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                             uint64_t *executor);
} llmsched_policy;

/** Time of the call that asks. @since 0.1 */
LLMSCHED_API double llmsched_view_now(const llmsched_view *view);

/** Next number of the scheduler's random stream, uniform in [0, 1). @since 0.1 */
LLMSCHED_API double llmsched_view_random(const llmsched_view *view);

/** One queue. @since 0.1 */
typedef struct llmsched_queue_view {
    uint32_t size;     /**< sizeof(llmsched_queue_view) */
    uint32_t kind;     /**< LLMSCHED_STAGE_LLM or LLMSCHED_STAGE_REGULAR */
    const char *model; /**< its executors' model or pool, or NULL */
    uint32_t capacity; /**< of its executors together */
    uint32_t running;  /**< tasks running on them */
    uint32_t ready;    /**< stages with a ready task */
    uint32_t reserved; /**< 0 */
} llmsched_queue_view;

/** Reads a queue. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_queue(const llmsched_view *view, uint32_t queue,
                                                 llmsched_queue_view *info);

/** The queue's stage of least key. LLMSCHED_NONE: it is empty. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_head(const llmsched_view *view, uint32_t queue,
                                                uint64_t *job, uint32_t *stage);

/**
 * The i-th ready stage of a queue, in an order that means nothing (sort, or compare ids, where a
 * tie matters).
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_view_ready(const llmsched_view *view, uint32_t queue,
                                                 uint32_t i, uint64_t *job, uint32_t *stage);

/**
 * The job whose task freed the queue's i-th free place, the place free longest first; it may have
 * ended since. LLMSCHED_NONE: no more places were freed and not taken again. @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_view_freed(const llmsched_view *view, uint32_t queue,
                                                 uint32_t i, uint64_t *job);

/** One job. @since 0.1 */
typedef struct llmsched_job_view {
    uint32_t size;                   /**< sizeof(llmsched_job_view) */
    uint32_t unfinished_stages;      /**< revealed and not finished */
    uint32_t running_llm;            /**< its tasks running on engines */
    uint32_t running_tool;           /**< its tasks running on regular executors */
    double arrival_s;                /**< when it arrived */
    double done_llm_s;               /**< LLM alone-seconds of finished tasks */
    double done_tool_s;              /**< tool seconds of finished tasks */
    double given_mean_s;             /**< as given by the caller */
    double given_llm_s;              /**< likewise */
    double given_tool_s;             /**< likewise */
    const llmsched_profile *profile; /**< may be NULL */
    uint64_t tenant;                 /**< as given by the caller */
    uint64_t last_engine;            /**< where its last LLM task started */
    uint32_t has_last_engine;        /**< 1: there was one; it may be down since */
    uint32_t reserved;               /**< 0 */
    double waited_llm_s; /**< seconds that its started LLM tasks had been ready before */
    double chain_llm_s;  /**< LLM alone-seconds along its longest chain of finished tasks: each
                            starts where the longest stood when it became ready */
} llmsched_job_view;

/** Reads a job. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_job(const llmsched_view *view, uint64_t job,
                                               llmsched_job_view *info);

/** Number of live jobs. @since 0.1 */
LLMSCHED_API uint32_t llmsched_view_job_count(const llmsched_view *view);

/** One revealed stage. @since 0.1 */
typedef struct llmsched_stage_view {
    uint32_t size;           /**< sizeof(llmsched_stage_view) */
    uint32_t kind;           /**< LLMSCHED_STAGE_* */
    const char *name;        /**< its name */
    const char *model;       /**< may be NULL */
    uint32_t queue;          /**< where it waits */
    uint32_t template_stage; /**< its stage in the profile's template; LLMSCHED_INDEX_NONE */
    uint32_t tasks;          /**< all tasks */
    uint32_t ready;          /**< tasks ready to start */
    uint32_t running;        /**< tasks running */
    uint32_t has_prompt;     /**< 1: prompt_tokens is known */
    double prompt_tokens;    /**< over all tasks */
    double ready_s;          /**< when its parents had finished; meaningless while it waits */
    double chain_llm_s;      /**< its job's chain_llm_s at that time */
    double served_s;         /**< alone-seconds of its finished tasks and of those running so far */
    double mean_s; /**< mean alone-seconds of its longest task in past runs that reached it; 0 for
                      one that the template lacks, as are the next */
    double path_s; /**< greatest sum of mean_s down the template, from it on */
    uint32_t path_stages;  /**< most stages on a way down the template, itself counted */
    uint32_t child_stages; /**< stages that follow it in the template */
} llmsched_stage_view;

/** Reads a stage. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_stage(const llmsched_view *view, uint64_t job,
                                                 uint32_t stage, llmsched_stage_view *info);

/** One executor. @since 0.1 */
typedef struct llmsched_executor_view {
    uint32_t size;     /**< sizeof(llmsched_executor_view) */
    uint32_t queue;    /**< whose tasks it runs */
    uint32_t capacity; /**< most tasks at once */
    uint32_t running;  /**< may be above capacity, while it drains */
    uint64_t id;       /**< the caller's */
    double price;      /**< of an alone-second */
} llmsched_executor_view;

/** Reads an executor. LLMSCHED_NONE: it is not up. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_executor(const llmsched_view *view, uint64_t executor,
                                                    llmsched_executor_view *info);

/** Id of a queue's i-th executor, in an order that means nothing. LLMSCHED_NONE: no more.
 * @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_executor_at(const llmsched_view *view, uint32_t queue,
                                                       uint32_t i, uint64_t *executor);

/** One tenant (docs/algorithms.md section 7). @since 0.1 */
typedef struct llmsched_tenant_view {
    uint32_t size;    /**< sizeof(llmsched_tenant_view) */
    uint32_t jobs;    /**< live ones */
    uint32_t ready;   /**< stages with a ready task */
    uint32_t running; /**< tasks running */
    double weight;    /**< as given with its latest job */
    double tag_s;     /**< start tag of its next task: what it was charged per weight */
    double service_s; /**< price times alone-seconds of its tasks that have ended */
} llmsched_tenant_view;

/** Reads a tenant. LLMSCHED_NONE: it has no job. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_tenant(const llmsched_view *view, uint64_t tenant,
                                                  llmsched_tenant_view *info);

/** Remaining work of a job. @since 0.1 */
typedef struct llmsched_estimate {
    uint32_t size;     /**< sizeof(llmsched_estimate) */
    uint32_t reserved; /**< 0 */
    double mean_s;     /**< expected */
    double lo_s;       /**< least likely; equal to mean_s but by network */
    double hi_s;       /**< greatest likely; equal to mean_s but by network */
} llmsched_estimate;

/**
 * Estimates a job's remaining work; kept until the next event of the job. 0 for a job without a
 * profile; by history for one whose profile has no trees, or that has done what its network holds
 * impossible.
 * @param[in] kind    LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR, or 0 for both together
 * @param[in] method  LLMSCHED_BY_* (quantifier.h)
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_view_estimate(const llmsched_view *view, uint64_t job,
                                                    uint32_t kind, uint32_t method,
                                                    llmsched_estimate *estimate);

/**
 * Gittins index of a job's remaining LLM work, at the age of what its unfinished stages have been
 * served (llmsched_gittins_index()); kept until the next event of the job. By history the mean less
 * that age; 0 for a job without a profile.
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_view_gittins(const llmsched_view *view, uint64_t job,
                                                   uint32_t method, double *index);

/** Uncertainty reduction R of a ready stage (quantifier.h); kept until the next event of the job.
 * @since 0.1 */
LLMSCHED_API llmsched_status llmsched_view_reduction(const llmsched_view *view, uint64_t job,
                                                     uint32_t stage, double *reduction);

/** Number of built-in policies. @since 0.1 */
LLMSCHED_API uint32_t llmsched_policy_count(void);

/** Name of a built-in policy; NULL past the last; static storage. @since 0.1 */
LLMSCHED_API const char *llmsched_policy_name(uint32_t index);

/** One line on a built-in policy: what it orders by, its source, its options with their defaults;
 * static storage. @since 0.1 */
LLMSCHED_API const char *llmsched_policy_summary(uint32_t index);

/* --- the scheduler ------------------------------------------------------------ */

/** Options of a scheduler. @since 0.1 */
typedef struct llmsched_scheduler_options {
    uint32_t size;      /**< sizeof(llmsched_scheduler_options) */
    uint32_t reserved;  /**< 0 */
    const char *policy; /**< a built-in one, with options after a colon: "llmsched:epsilon=0,r=0.5";
                           NULL: "gittins" */
    const llmsched_policy *custom; /**< the caller's own, copied; then policy must be NULL */
    uint64_t seed;                 /**< of the random stream */
} llmsched_scheduler_options;

/**
 * Makes a scheduler without executors and jobs.
 * @return LLMSCHED_ERROR_NOT_FOUND for a policy that does not exist, LLMSCHED_ERROR_INVALID for an
 * option it does not have or a value out of range
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_scheduler_create(llmsched_context *context,
                                                       const llmsched_scheduler_options *options,
                                                       llmsched_scheduler **scheduler,
                                                       llmsched_error *err);

/** Ends a scheduler; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_scheduler_destroy(llmsched_scheduler *scheduler);

/**
 * Tells the scheduler what happened. All that happens at one time is posted before decisions are
 * asked for.
 * @return LLMSCHED_ERROR_NOT_FOUND or _EXISTS for ids, LLMSCHED_ERROR_STATE for an event that does
 * not fit (a task that is not running, a time before the last), LLMSCHED_ERROR_INVALID for bad
 * fields; nothing changes then
 * @since 0.1. Cost: O(log ready stages) plus the belief of that job.
 */
LLMSCHED_API llmsched_status llmsched_scheduler_post(llmsched_scheduler *scheduler,
                                                     const llmsched_event *event,
                                                     llmsched_error *err);

/**
 * Takes the next decision.
 * @param[in]     now       not before the last event; decisions count from here
 * @param[in,out] decision  `size` set by the caller (0: this first version)
 * @return LLMSCHED_OK with a decision; LLMSCHED_NONE when there is nothing to start;
 * LLMSCHED_ERROR_CALLBACK when a policy failed or chose what is not ready
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_scheduler_next(llmsched_scheduler *scheduler, double now,
                                                     llmsched_decision *decision,
                                                     llmsched_error *err);

/** What a scheduler holds. @since 0.1 */
typedef struct llmsched_scheduler_stats {
    uint32_t size;      /**< sizeof(llmsched_scheduler_stats) */
    uint32_t executors; /**< executors up */
    uint32_t jobs;      /**< live jobs */
    uint32_t ready;     /**< ready tasks */
    uint32_t running;   /**< running tasks */
    uint32_t reserved;  /**< 0 */
    uint64_t events;    /**< events accepted */
    uint64_t decisions; /**< decisions taken */
} llmsched_scheduler_stats;

/** Reads the statistics. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_scheduler_get_stats(const llmsched_scheduler *scheduler,
                                                          llmsched_scheduler_stats *stats,
                                                          llmsched_error *err);

/**
 * Reads a tenant's account, which is kept under every policy.
 * @return LLMSCHED_NONE when it has no job
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_scheduler_get_tenant(const llmsched_scheduler *scheduler,
                                                           uint64_t tenant,
                                                           llmsched_tenant_view *account,
                                                           llmsched_error *err);

#ifdef __cplusplus
}
#endif

#endif
