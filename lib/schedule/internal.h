/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler's state.
 *
 *   scheduler --- queues (one per model, one per pool of regular executors)
 *      |             |--- lanes (one; of a policy that keeps tenants apart one per tenant)
 *      |             |      |--- heap of heads of bunches by (key, arrival, job, stage)
 *      |             |      `--- treap of heads by range, where the policy wants it
 *      |             `--- heap of executors by (full, running, id)
 *      |--- executors --- list of running tasks
 *      |--- tenants --- what they were charged
 *      `--- jobs --- bunches --- stages --- tasks
 *
 * Ready stages of a job that a policy cannot tell apart but by their numbers stand together in a
 * bunch, and only the lowest of them, its head, in the queue's heap: so an event of a job costs no
 * more when the job has 10^5 stages. For a policy that may tell them apart every stage is a bunch.
 *
 * Posting an event changes this state and marks the job dirty; keys are worked out when the next
 * decision is asked for. So an event that is refused changes nothing, and an estimate that fails
 * loses no event.
 */
#ifndef LLS_SCHEDULE_INTERNAL_H
#define LLS_SCHEDULE_INTERNAL_H

#include "base/internal.h"
#include "llmsched/scheduler.h"
#include "profile/internal.h"
#include "quantify/internal.h"
#include "quantify/progress.h"

typedef struct lls_queue lls_queue;
typedef struct lls_job lls_job;
typedef struct lls_stage lls_stage;
typedef struct lls_task lls_task;
typedef struct lls_executor lls_executor;
typedef struct lls_tenant lls_tenant;
typedef struct lls_lane lls_lane;

/* --- executors and queues (executor.c) ------------------------------------- */

struct lls_executor {
    uint32_t slot;
    uint32_t queue; /* its queue's number */
    uint32_t kind;
    uint32_t capacity;
    uint32_t running;
    uint32_t curve_count;
    uint64_t id;
    double *curve_batch; /* curve_count values, then the slowdowns in the same block */
    double *curve_slowdown;
    double price;
    double clock;      /* alone-seconds that a request running all along has been served */
    double clock_time; /* when clock was last brought up to date */
    lls_task *tasks;   /* running ones, newest first */
};

/* kept.c: a head in the lane's treap; begins what a policy keeps of it. */
typedef struct lls_kept {
    lls_leaf leaf;
    lls_stage *stage;
    bool listed;
} lls_kept;

/* What a policy keeps of heads, and how. */
typedef struct lls_keeping {
    size_t bytes;
    bool (*before)(const lls_leaf *a, const lls_leaf *b);
    void (*sum_up)(lls_leaf *leaf);
    /* The head has been scored: puts it in, or moves it. */
    llmsched_status (*score)(llmsched_scheduler *s, lls_stage *stage, llmsched_error *err);
} lls_keeping;

extern const lls_keeping lls_keeping_ranges, lls_keeping_shares;

/* Ready stages of a queue that compete by their keys. */
struct lls_lane {
    lls_queue *queue;
    lls_tenant *tenant;    /* NULL: of all tenants */
    lls_lane *next;        /* of the tenant */
    lls_ranking ready;     /* heads that have been scored */
    uint32_t stages;       /* unfinished ones: so many may be ready */
    uint32_t ready_stages; /* those that are, and their ready tasks */
    uint32_t ready_tasks;
    uint32_t place; /* in the queue's ranking of lanes */
    lls_treap kept;
    const lls_keeping *keeping; /* NULL: the policy keeps nothing */
};

struct lls_queue {
    uint32_t number;
    uint32_t kind;
    char *model; /* or the pool's name; NULL: none named */
    uint32_t capacity, running;
    lls_lane all;      /* unless the policy keeps tenants apart */
    lls_ranking lanes; /* then: those with heads, by their tenants' tags */
    lls_ranking aging; /* heads by when their keys will hold no longer, where they age */
    uint32_t lane_count, stages;
    uint32_t ready_stages, ready_tasks;
    uint32_t unscored;    /* heads in a lane whose key was not asked for */
    uint32_t ended_tasks; /* finished ones, and their alone-seconds */
    double ended_s;
    lls_heap executors; /* slots; an executor with room on top if there is one */
    /* The choice being carried out: tasks of one stage still to start; 0: ask the policy. */
    lls_stage *chosen;
    uint32_t chosen_tasks;
    bool held; /* the policy wants nothing from it until the next event */
    /* Jobs whose tasks freed a place that has not been taken again, oldest first. */
    uint64_t *freed;
    uint32_t freed_count, freed_capacity;
    const struct llmsched_scheduler *scheduler; /* for the comparison of executors */
};

/* --- jobs, stages, tasks (job.c) -------------------------------------------- */

enum { LLS_TASK_READY, LLS_TASK_RUNNING, LLS_TASK_FINISHED };

struct lls_task {
    lls_stage *stage;
    lls_task *previous, *next; /* on its executor */
    double start_clock;        /* the executor's clock when it started */
    uint32_t state;
    double charge;     /* on its tenant's tag, while running */
    uint32_t executor; /* slot, while running */
};

/* parent -> child; lives in the child, linked from the parent. */
typedef struct lls_edge {
    lls_stage *child;
    struct lls_edge *next;
} lls_edge;

/* One block with its tasks, its edges and its name. */
struct lls_stage {
    lls_node node; /* of the scheduler's table */
    lls_job *job;
    lls_lane *lane; /* NULL for dynamic stages */
    const char *name;
    size_t bytes;   /* of the block */
    lls_kept *kept; /* NULL: the policy keeps nothing */
    lls_stage *next_of_job;
    lls_stage *next_started, *previous_started;
    /* While it is ready: its place in the pairing heap that a bunch is; heads are linked with each
     * other by next and previous. */
    lls_stage *child, *next, *previous;
    lls_edge *children;
    double prompt_tokens;
    double ready_s, chain_llm_s;
    double work_s;        /* alone time of its finished tasks */
    double output_tokens; /* of its finished tasks that told */
    double key;           /* of heads */
    double reduction;     /* as of the job's scoring */
    uint32_t reduction_scoring;
    uint32_t place, aging_place; /* in its lane's and its queue's ranking */
    uint32_t number;             /* the caller's */
    uint32_t template_stage;     /* LLS_NONE32: not in the template */
    uint32_t number_in_progress;
    uint32_t task_count, ready, running, finished;
    uint32_t first_ready;    /* no ready task has a lower number */
    uint32_t first_open;     /* no unfinished task has a lower number */
    uint32_t started_end;    /* no task that ever started has this number or a higher one */
    uint32_t untold_outputs; /* finished tasks that did not */
    uint32_t waiting;        /* unfinished parents */
    uint8_t kind;
    bool done, has_prompt;
    bool listed;      /* in a bunch */
    bool head;        /* of its bunch */
    bool unscored;    /* on the heap without a key */
    bool started;     /* among the job's started ones */
    lls_task tasks[]; /* task_count */
};

static inline uint32_t lls_task_number(const lls_task *task)
{
    return (uint32_t)(task - task->stage->tasks);
}

/* What a job may need: places of its estimates. */
enum { LLS_RESOURCE_LLM, LLS_RESOURCE_TOOL, LLS_RESOURCE_BOTH };
enum { LLS_METHODS = LLMSCHED_BY_FOREST };

static inline uint32_t lls_resource(uint32_t kind)
{
    return kind == LLMSCHED_STAGE_LLM       ? LLS_RESOURCE_LLM
           : kind == LLMSCHED_STAGE_REGULAR ? LLS_RESOURCE_TOOL
                                            : LLS_RESOURCE_BOTH;
}

typedef struct lls_estimate {
    double mean, lo, hi;
} lls_estimate;

/* Estimates of a job by one method, kept from its first question on. */
typedef struct lls_belief {
    struct lls_belief *next;
    uint32_t method;
    bool known; /* they hold */
    double means[LLS_RESOURCE_BOTH];
    double ranges[]; /* by network only: lo and hi of each resource */
} lls_belief;

struct lls_job {
    lls_node node; /* of the scheduler's table */
    uint64_t id;
    uint32_t knowledge; /* place of its profile's quantifier; LLS_NONE32: none */
    double arrival_s;
    double given_mean_s, given_llm_s, given_tool_s;
    double done_llm_s, done_tool_s;
    double waited_llm_s, chain_llm_s;
    lls_tenant *tenant;
    uint64_t last_engine;
    bool has_last_engine;
    uint32_t running_llm, running_tool;
    uint32_t unfinished_llm, unfinished_tool; /* revealed stages */
    uint32_t stage_count, open_count;         /* open: unfinished */
    lls_stage *stages;                        /* newest first */
    lls_stage *heads;                         /* of its bunches, in an order that means nothing */
    lls_stage *started;                       /* unfinished ones of which a task has started */
    llmsched_progress *progress;              /* NULL: no profile */
    lls_belief *beliefs;
    lls_job *next_dirty, *previous_dirty; /* in the scheduler's list */
    bool dirty;
    uint32_t scoring;        /* counts from 1 */
    uint32_t gittins_method; /* of the index kept; 0: none holds */
    double gittins;
};

/* --- tenants (tenant.c) ------------------------------------------------------------ */

/* Who pays (algorithms.md section 7). */
struct lls_tenant {
    lls_node node; /* of the scheduler's table */
    lls_lane *lanes;
    uint32_t jobs, ready, running; /* live jobs, ready stages, running tasks */
    uint32_t busy_place, idle_place;
    uint64_t id;
    double weight;
    double tag;      /* start tag of its next task */
    double service;  /* cost of its tasks that have ended */
    double parted_s; /* when it last ran out of work */
};

/* What a template says of a stage, whatever the job. */
typedef struct lls_outlook {
    double mean_s, path_s;
    uint32_t path_stages, child_stages;
} lls_outlook;

/* A profile in use with the calculator for it. */
typedef struct lls_knowledge {
    const llmsched_profile *profile; /* NULL: free */
    llmsched_quantifier *quantifier;
    uint32_t jobs;
    lls_outlook *outlooks; /* per template stage */
} lls_knowledge;

struct llmsched_scheduler {
    llmsched_context *context;
    llmsched_policy policy;
    lls_random random;
    double now;
    lls_pool pool; /* jobs, stages and what is known of them */

    lls_executor **executors; /* by slot; NULL: free */
    uint32_t executor_count, executor_slots, executor_capacity;
    lls_map executor_ids;

    lls_queue **queues;
    uint32_t queue_count, queue_capacity;
    lls_map queue_models;             /* of engines' queues that have one */
    lls_map queue_pools;              /* of regular executors' queues that have a name */
    uint32_t plain_queue, tool_queue; /* LLS_NONE32: not yet */

    lls_nodes jobs;   /* by id */
    lls_nodes stages; /* by job and number */
    lls_job *dirty;   /* jobs whose keys are to be worked out, the newest first */

    lls_knowledge *knowledge;
    uint32_t knowledge_count, knowledge_capacity;

    lls_nodes tenants;   /* by id */
    lls_ranking busy;    /* those with ready stages or running tasks, by tag */
    lls_ranking idle;    /* those without jobs, by tag */
    double virtual_time; /* least tag of a tenant that joins; never falls */
    double highest_tag;  /* of all there have been */

    uint32_t running_tasks;
    uint64_t events, decisions;
};

struct llmsched_view {
    llmsched_scheduler *scheduler;
    llmsched_error *err;
    /* A policy inside another sees the ready stages of one tenant in the queue asked for. NULL: all
     * there are. */
    const lls_lane *lane;
    /* Where a policy whose keys age says when the key that it gives will hold no longer. */
    double *until;
};

static inline lls_source lls_pool_of(llmsched_scheduler *s)
{
    return (lls_source){s->context, &s->pool};
}

/* executor.c */
lls_executor *lls_executor_find(const llmsched_scheduler *s, uint64_t id);
llmsched_status lls_executor_check(const llmsched_executor *info, llmsched_error *err);
llmsched_status lls_executor_up(llmsched_scheduler *s, uint64_t id, const llmsched_executor *info,
                                llmsched_error *err);
llmsched_status lls_executor_change(llmsched_scheduler *s, lls_executor *e,
                                    const llmsched_executor *info, llmsched_error *err);
void lls_executor_down(llmsched_scheduler *s, lls_executor *e);
void lls_executor_free(llmsched_scheduler *s, lls_executor *e);
/* Alone-seconds served by s->now to a request that has run since the executor came up. */
double lls_executor_clock(const llmsched_scheduler *s, const lls_executor *e);
/* A task starts or stops; keeps clock, counts and heap true. */
void lls_executor_attach(llmsched_scheduler *s, lls_executor *e, lls_task *task);
/* alone_s: what it is charged for. */
void lls_executor_detach(llmsched_scheduler *s, lls_task *task, double alone_s);
/* As detach, for what it has been served. */
void lls_executor_stop(llmsched_scheduler *s, lls_task *task);
double lls_task_served(const llmsched_scheduler *s, const lls_task *task);

/* queue.c */
llmsched_status lls_queue_get(llmsched_scheduler *s, uint32_t kind, const char *model,
                              uint32_t *queue, llmsched_error *err);
void lls_queue_free(llmsched_scheduler *s, lls_queue *queue);
/* The executor with room that goes first, or NULL. */
lls_executor *lls_queue_room(const llmsched_scheduler *s, const lls_queue *queue);
void lls_queue_note_freed(lls_queue *queue, uint64_t job);
void lls_queue_take_freed(lls_queue *queue, uint64_t job);
/* Whether every ready task of the queue finds room (draining executors may make it say no). */
bool lls_queue_all_fit(const lls_queue *queue);

/* lane.c */
void lls_lanes_init(llmsched_scheduler *s, lls_queue *queue);
void lls_lanes_finish(lls_queue *queue);
/* Where the tenant's stages of the queue wait. */
llmsched_status lls_lane_get(llmsched_scheduler *s, lls_queue *queue, lls_tenant *tenant,
                             lls_lane **lane, llmsched_error *err);
/* A head that has been scored goes into its lane, or its key has changed; out of it, nothing if it
 * is not there. */
void lls_lane_enter(lls_stage *stage);
void lls_lane_leave(lls_stage *stage);
/* Its key holds until then; INFINITY: for good. */
void lls_lane_age(lls_stage *stage, double until);
/* The tenant's tag has changed; or its account is closed. */
void lls_lanes_move(const lls_tenant *tenant);
void lls_lanes_free(llmsched_scheduler *s, lls_tenant *tenant);
/* Room for one more unfinished stage, which then comes or goes. */
bool lls_lane_reserve(const llmsched_scheduler *s, lls_lane *lane);
static inline void lls_lane_add(lls_lane *lane)
{
    lane->stages++;
    lane->queue->stages++;
}
static inline void lls_lane_take(lls_lane *lane, uint32_t count)
{
    lane->stages -= count;
    lane->queue->stages -= count;
}
/* So many of its stages' tasks become ready, and so many are so no longer. */
static inline void lls_lane_count(lls_lane *lane, uint32_t more, uint32_t fewer)
{
    lane->ready_tasks += more - fewer;
    lane->queue->ready_tasks += more - fewer;
}
/* What the view shows of the queue. */
const lls_lane *lls_lane_seen(const llmsched_view *view, const lls_queue *queue);

/* ready.c */
/* A stage with a ready task and no unfinished parents joins its queue. */
void lls_ready_add(llmsched_scheduler *s, lls_stage *stage);
void lls_ready_remove(llmsched_scheduler *s, lls_stage *stage);
/* The same when all of the job goes: its bunches are left as they are. */
void lls_ready_forget(llmsched_scheduler *s, lls_stage *stage);

/* kept.c */
void lls_keep_init(const llmsched_scheduler *s, lls_lane *lane);
/* Room for what is kept of the stage; false: no memory. */
bool lls_keep_reserve(llmsched_scheduler *s, lls_stage *stage);
void lls_keep_free(llmsched_scheduler *s, lls_stage *stage);
void lls_keep_add(lls_stage *stage);
void lls_keep_remove(lls_stage *stage); /* nothing if it is not in */
/* to takes the place of from, of whose bunch it is. */
void lls_keep_replace(lls_stage *from, lls_stage *to);
llmsched_status lls_keep_score(llmsched_scheduler *s, lls_stage *stage, llmsched_error *err);

/* ranges.c: head(U) of Algorithm 1 among the lane's, or NULL. */
const lls_stage *lls_ranges_best(const lls_lane *lane);

/* shares.c: a head of the job that arrived first of those that hold fewer places than cap and were
 * served at most rate seconds a second since they arrived, or NULL. */
typedef struct lls_share_terms {
    double cap, rate, now;
} lls_share_terms;
const lls_stage *lls_shares_first(const lls_lane *lane, const lls_share_terms *terms);

/* job.c */
lls_job *lls_job_find(const llmsched_scheduler *s, uint64_t id);
lls_stage *lls_job_stage(const llmsched_scheduler *s, const lls_job *job, uint32_t number);
lls_stage *lls_stage_find(const llmsched_scheduler *s, uint64_t job, uint32_t number);
llmsched_status lls_job_add(llmsched_scheduler *s, uint64_t id, double arrival,
                            const llmsched_job *info, llmsched_error *err);
void lls_job_remove(llmsched_scheduler *s, lls_job *job);
llmsched_status lls_stage_add(llmsched_scheduler *s, lls_job *job, uint32_t number,
                              const llmsched_revealed_stage *info, llmsched_error *err);
/* Stages whose last task has ended finish, and what waited for them becomes ready. */
void lls_stage_settle(llmsched_scheduler *s, lls_stage *stage);
/* A task returns to the ready ones. */
void lls_task_return(llmsched_scheduler *s, lls_task *task);
void lls_job_touch(llmsched_scheduler *s, lls_job *job);
void lls_job_clean(llmsched_scheduler *s, lls_job *job);
/* A task of it starts. */
void lls_stage_start(lls_stage *stage);

/* tenant.c */
/* The account of a tenant; a new one if need be. */
llmsched_status lls_tenant_use(llmsched_scheduler *s, uint64_t id, lls_tenant **tenant,
                               llmsched_error *err);
void lls_tenant_add_job(llmsched_scheduler *s, lls_tenant *tenant, double weight);
void lls_tenant_take_job(llmsched_scheduler *s, lls_tenant *tenant);
lls_tenant *lls_tenant_find(const llmsched_scheduler *s, uint64_t id);
/* Called before a ready stage or a task's run is counted, and after one no longer is.
 */
void lls_tenant_join(llmsched_scheduler *s, lls_tenant *tenant);
void lls_tenant_part(llmsched_scheduler *s, lls_tenant *tenant);
/* Charges a task that starts what such tasks cost on average, and settles when it has stopped after
 * so many alone-seconds. */
void lls_tenant_charge(llmsched_scheduler *s, lls_task *task);
void lls_tenant_settle(llmsched_scheduler *s, lls_task *task, double alone_s);
llmsched_status lls_tenant_read(const llmsched_scheduler *s, uint64_t id,
                                llmsched_tenant_view *account, llmsched_error *err);
void lls_tenants_init(llmsched_scheduler *s);
void lls_tenants_free(llmsched_scheduler *s);

/* outlook.c: as many as the profile has stages; NULL: memory ran out. */
lls_outlook *lls_outlooks_create(const llmsched_context *context, const llmsched_profile *profile);

/* belief.c */
/* Alone-seconds that a stage has been served: its finished tasks and the ages of those running. */
double lls_stage_served(const llmsched_scheduler *s, const lls_stage *stage);
llmsched_status lls_knowledge_use(llmsched_scheduler *s, const llmsched_profile *profile,
                                  uint32_t *knowledge, llmsched_error *err);
void lls_knowledge_close(llmsched_scheduler *s, lls_knowledge *k);
void lls_knowledge_drop(llmsched_scheduler *s, uint32_t knowledge);
llmsched_status lls_job_estimate(llmsched_scheduler *s, lls_job *job, uint32_t resource,
                                 uint32_t method, lls_estimate *estimate, llmsched_error *err);
/* What has been worked out holds no longer; or goes. */
void lls_beliefs_drop(lls_job *job);
void lls_beliefs_free(llmsched_scheduler *s, lls_job *job);
llmsched_status lls_job_gittins(llmsched_scheduler *s, lls_job *job, uint32_t method, double *index,
                                llmsched_error *err);
llmsched_status lls_stage_reduction(llmsched_scheduler *s, lls_stage *stage, double *reduction,
                                    llmsched_error *err);

/* policy.c: the built-in policies */

/* What a built-in policy promises or wants, in llmsched_policy.flags beside the public ones; custom
 * policies may not. */
enum {
    /* Its key depends on nothing of a stage but its job, its queue and its template stage, and it
     * does not walk through llmsched_view_ready(). */
    LLS_POLICY_ALIKE = 1 << 16,
    /* Stages kept by their jobs' ranges of remaining work, by network or by history. */
    LLS_POLICY_RANGES = 1 << 17,
    LLS_POLICY_HISTORY_RANGES = 1 << 18,
    /* Each tenant's ready stages in a lane of their own. */
    LLS_POLICY_TENANTS = 1 << 19,
    /* Its keys change as time goes by and as tasks of the job start (llmsched_view.until); of a
     * stage they depend on nothing but its job, its queue, when it became ready and what chain of
     * work came before. */
    LLS_POLICY_AGING = 1 << 20,
    /* Stages kept by their jobs' arrivals and what these were served. */
    LLS_POLICY_SHARES = 1 << 21
};

typedef struct lls_builtin {
    const char *name;
    const char *summary;
    /* options: text after the colon, or NULL. */
    llmsched_status (*create)(llmsched_context *context, const char *options,
                              llmsched_policy *policy, llmsched_error *err);
    /* The policy takes another one after a slash, in place of options. */
    bool wraps;
} lls_builtin;

/* One typed option "name=value" of a policy: a number, on and off being 1 and 0, or one of the
 * names given, which stand for minimum, minimum + 1 and so on up to maximum. */
typedef struct lls_policy_option {
    const char *name;
    double minimum, maximum;
    double *value;
    const char *const *names; /* NULL: a number */
} lls_policy_option;

/* Names of LLMSCHED_BY_* in their order. */
extern const char *const lls_method_names[LLS_METHODS];

llmsched_status lls_policy_options(const char *policy, const char *text,
                                   const lls_policy_option *options, uint32_t count,
                                   llmsched_error *err);
llmsched_status lls_policy_create(llmsched_context *context, const char *specification,
                                  llmsched_policy *policy, llmsched_error *err);

extern const lls_builtin lls_policy_fcfs, lls_policy_fair, lls_policy_sjf, lls_policy_sjf_given,
    lls_policy_srtf, lls_policy_argus, lls_policy_carbyne, lls_policy_plas, lls_policy_atlas,
    lls_policy_llmsched, lls_policy_gittins, lls_policy_fair_share, lls_policy_oracle_srpt;

/* locality.c: the engine that the job used last, for tasks of more prompt tokens than long_prompt;
 * LLMSCHED_NONE: any. */
llmsched_status lls_place_long(const llmsched_view *view, uint64_t job, uint32_t stage,
                               double long_prompt, uint64_t *executor);

#endif
