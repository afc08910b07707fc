/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's state: shared by the loop (sim.c) and what it tells the scheduler (sim_tell.c).
 */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include "scaler.h"
#include "sim.h"

/*
 * A job between its arrival and its end. A stage is known to the policy by its
 * number among the revealed ones, so that no number tells of what is still hidden; the
 * cross-check policies, which have no freedom, are given the true one.
 */
struct live {
    uint32_t *number;     /* true stage -> the policy's; UINT32_MAX: hidden */
    uint32_t *stage;      /* the policy's -> true */
    uint32_t *waiting;    /* unfinished parents */
    uint32_t *unfinished; /* tasks */
    uint32_t *unstarted;  /* tasks; UINT32_MAX while hidden */
    uint32_t revealed, stages_left;
    uint32_t last_engine; /* where its last LLM task started; UINT32_MAX: none has */
    double last_tokens;   /* of that task: what the engine may still hold */
    uint32_t *ended;      /* 3 per stage, for oracle-srpt: see task_class() */
    /* For oracle-srpt: unfinished work by block of stages, LLM and tool; only the block of the
     * task that ended is summed anew, so that a job may have 10^5 stages. */
    double (*sums)[2];
    /* Where tasks may fail: attempts begun, by task, and whether one runs. */
    uint32_t *first_task; /* of a stage */
    uint32_t *attempts;
    bool *running;
};

/* Tool slots without limit are pools that the scheduler is told of as they are needed: executors
 * from this number on. */
#define FIRST_POOL (UINT64_C(1) << 62)

/* Events this close to the earliest belong to the same instant. */
#define INSTANT_S 1e-9

struct sim {
    const struct workload *workload;
    const struct world *world;
    const struct sim_options *options;
    struct sim_result *result;
    struct problem *problem;
    llmsched_scheduler *scheduler;
    bool true_numbers, oracle;
    struct shares *shares;  /* NULL: not asked for */
    bool faulty;            /* something may go wrong */
    struct outage *outages; /* by executor, where executors go down */
    struct engine *engines;
    double *due_s; /* by engine: its next_s, side by side for a quick look at all of them */
    uint32_t engine_count;
    size_t engine_capacity, due_capacity;
    struct scaler *scaler;              /* NULL: engines stay */
    struct running_heap tools;          /* ends in seconds */
    uint64_t first_slot;                /* number of the executor that is tool slot 0 */
    bool *slot_busy;                    /* NULL: slots are without limit */
    uint64_t tools_present, pool_slots; /* tool tasks revealed and unfinished; slots of all pools */
    uint32_t pools;
    struct live **live; /* by job; NULL: not arrived or over */
    uint32_t *arrivals; /* jobs by (arrival, number) */
    size_t next_arrival;
    uint32_t *arrived;    /* scratch of one instant */
    struct running *done; /* scratch of one instant */
    size_t done_count, done_capacity, jobs_over, jobs_late;
    double now_s;
    double posting_s; /* spent posting since the last decision */
};

/* An executor's times up and down. */
struct outage {
    struct random random;
    double next_s; /* when it changes */
    bool down;
};

/* Seconds of a clock that only runs forward. */
double clock_s(void);

void live_free(struct live *live);

/* sim_places.c: engines and slots. */
void sim_set_up_places(struct sim *sim);
/* After joins and leaves of an engine at sim->now_s. */
void sim_refresh(struct sim *sim, uint32_t engine);
/* One more engine, which the scheduler is not told of yet. */
void sim_add_engine(struct sim *sim, uint32_t class, double crowding);
void sim_crowd_engine(struct sim *sim, uint32_t engine, double crowding);
/* Whether an executor is a tool slot. */
static inline bool sim_is_slot(const struct sim *sim, uint64_t executor)
{
    return executor >= sim->first_slot;
}
void sim_set_slot(struct sim *sim, uint64_t executor, bool busy);
/* NULL where a task of the stage may start there, else what is wrong with that. */
const char *sim_check_place(const struct sim *sim, const struct stage *stage, uint64_t executor);

/* What an autoscaler did. */
void sim_note_replica(struct sim *sim, uint32_t replica, uint32_t class, const char *what);

/* Each posts what happened at sim->now_s; false with the problem noted. */
bool sim_post_executors(struct sim *sim);
bool sim_executor_up(struct sim *sim, uint32_t executor);
/* An engine that runs something takes no more. */
bool sim_engine_close(struct sim *sim, uint32_t engine);
bool sim_executor_down(struct sim *sim, uint32_t executor);
bool sim_post_slots(struct sim *sim); /* where there are fewer than tool tasks, and no limit */
bool sim_arrive(struct sim *sim, uint32_t job);
/* The task's place is free already. Reveals what its stage's end makes ready, and ends the job with
 * its last stage. */
bool sim_complete(struct sim *sim, const struct running *task);
/* A task is ready again after it was served so many alone-seconds; where it failed by itself, the
 * scheduler is told. */
bool sim_return(struct sim *sim, const struct running *task, double served_s, enum sim_end end);

/* sim_shares.c: what tenants are served. */
struct shares *shares_create(const struct sim *sim);
void shares_destroy(struct shares *shares);
void shares_reveal(struct sim *sim, uint32_t job, uint32_t stage);
/* Before the task is one of its place's. */
void shares_start(struct sim *sim, const struct running *task);
/* It was served so many alone-seconds. */
void shares_end(struct sim *sim, const struct running *task, double alone_s, enum sim_end end);
/* All that happens at this time, or all that is decided at it, has happened. */
bool shares_look(struct sim *sim);
void shares_report(struct sim *sim);

/* sim_faults.c: outages. */
void outages_start(struct sim *sim);
/* Of the next change of an executor; INFINITY: there are none. */
double outages_next(const struct sim *sim);
/* All changes of this instant, by executor. */
bool outages_apply(struct sim *sim);
/* Whether an executor may be given a task. */
bool outages_is_up(const struct sim *sim, uint64_t executor);

#endif
