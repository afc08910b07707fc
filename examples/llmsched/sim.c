/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the simulation. Within one instant: completions, then
 * arrivals, each in (job, stage, task) order, then decisions until there is none.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim_state.h"

bool policy_is_oracle(const char *policy)
{
    return strncmp(policy, "oracle", strlen("oracle")) == 0;
}

bool policy_is_cross_check(const char *policy)
{
    static const char *const names[] = {"fcfs", "sjf-given", "oracle-srpt"};
    size_t length = strcspn(policy, ":");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == length && strncmp(policy, names[i], length) == 0)
            return true;
    return false;
}

bool policy_fits(const struct workload *workload, const char *policy, const char *path,
                 struct problem *problem)
{
    size_t length = strcspn(policy, ":");
    if (length != strlen("sjf-given") || strncmp(policy, "sjf-given", length) != 0)
        return true;
    for (size_t j = 0; j < workload->count; j++)
        if (isnan(workload->jobs[j].sjf_mean_s))
            return bad_input(problem,
                             "%s:%zu: sjf_mean_s: expected a number, by which sjf-given orders",
                             path, j + 1);
    return true;
}

static double earliest(const struct sim *sim)
{
    double time = INFINITY;
    for (uint32_t e = 0; e < sim->engine_count; e++)
        if (sim->due_s[e] < time)
            time = sim->due_s[e];
    if (sim->tools.count > 0)
        time = fmin(time, sim->tools.items[0].end);
    if (sim->next_arrival < sim->workload->count)
        time = fmin(time, sim->workload->jobs[sim->arrivals[sim->next_arrival]].arrival_s);
    time = fmin(time, outages_next(sim));
    return sim->scaler != NULL ? fmin(time, scaler_next_s(sim->scaler, time)) : time;
}

void sim_note_replica(struct sim *sim, uint32_t replica, uint32_t class, const char *what)
{
    struct sim_result *result = sim->result;
    if (!sim->options->keep_replicas)
        return;
    grow((void **)&result->changes, &result->change_capacity, result->change_count + 1,
         sizeof *result->changes);
    result->changes[result->change_count++] = (struct sim_change){sim->now_s, replica, class, what};
}

static void take_done(struct sim *sim, struct running_heap *heap)
{
    grow((void **)&sim->done, &sim->done_capacity, sim->done_count + 1, sizeof *sim->done);
    sim->done[sim->done_count++] = running_pop(heap);
}

static int compare_done(const void *a, const void *b)
{
    return running_compare(a, b);
}

static void collect_completions(struct sim *sim)
{
    double until = sim->now_s + INSTANT_S;
    sim->done_count = 0;
    for (uint32_t e = 0; e < sim->engine_count; e++) {
        if (sim->due_s[e] > until)
            continue;
        struct engine *engine = &sim->engines[e];
        engine_advance(engine, sim->now_s);
        while (engine_end(engine) <= until)
            take_done(sim, &engine->requests);
        sim_refresh(sim, e);
    }
    while (sim->tools.count > 0 && sim->tools.items[0].end <= until) {
        take_done(sim, &sim->tools);
        sim_set_slot(sim, sim->done[sim->done_count - 1].executor, false);
    }
    if (sim->done_count > 1)
        qsort(sim->done, sim->done_count, sizeof *sim->done, compare_done);
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool apply_arrivals(struct sim *sim)
{
    size_t count = 0;
    for (; sim->next_arrival < sim->workload->count; sim->next_arrival++) {
        uint32_t job = sim->arrivals[sim->next_arrival];
        if (sim->workload->jobs[job].arrival_s > sim->now_s + INSTANT_S)
            break;
        sim->arrived[count++] = job;
    }
    qsort(sim->arrived, count, sizeof *sim->arrived, compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (!sim_arrive(sim, sim->arrived[i]))
            return false;
    return true;
}

/* --- decisions ------------------------------------------------------------------ */

static size_t keep_start(struct sim *sim, const struct running *task)
{
    struct sim_result *result = sim->result;
    grow((void **)&result->tasks, &result->task_capacity, result->task_count + 1,
         sizeof *result->tasks);
    result->tasks[result->task_count] = (struct sim_task){.job = task->job,
                                                          .stage = task->stage,
                                                          .task = task->task,
                                                          .executor = task->executor,
                                                          .start_s = sim->now_s};
    return result->task_count++;
}

/* NULL where the decision is possible, else what is wrong with it. */
static const char *check(const struct sim *sim, const llmsched_decision *d)
{
    if (d->job >= sim->workload->count || sim->live[d->job] == NULL)
        return "no such job";
    const struct live *live = sim->live[d->job];
    const struct body *body = sim->workload->jobs[d->job].body;
    if (d->stage >= body->stage_count || live->stage[d->stage] == UINT32_MAX)
        return "no such stage";
    const struct stage *stage = &body->stages[live->stage[d->stage]];
    if (d->task >= stage->tasks || live->unstarted[live->stage[d->stage]] == 0)
        return "no such task";
    if (sim->faulty && live->running[live->first_task[live->stage[d->stage]] + d->task])
        return "the task runs already";
    return sim_check_place(sim, stage, d->executor);
}

static struct fate begin_attempt(struct sim *sim, struct live *live, const struct running *task)
{
    if (!sim->faulty)
        return (struct fate){.share = 1.0};
    uint32_t at = live->first_task[task->stage] + task->task;
    live->running[at] = true;
    return fate_of(&sim->options->faults, sim->options->seed, task->job, task->stage, task->task,
                   live->attempts[at]++);
}

static void start_request(struct sim *sim, struct live *live, const struct stage *stage,
                          struct running task)
{
    struct engine *engine = &sim->engines[task.executor];
    double prompt = task_share(stage->prompt_tokens, stage->tasks, task.task);
    double output = task_share(stage->output_tokens, stage->tasks, task.task);
    double held = live->last_engine == task.executor ? fmin(prompt, live->last_tokens) : 0.0;
    live->last_engine = task.executor;
    live->last_tokens = prompt + output;
    engine_advance(engine, sim->now_s);
    engine_start(engine, task, prompt - sim->world->prefix_reuse * held, output);
    sim_refresh(sim, task.executor);
}

static bool start(struct sim *sim, const llmsched_decision *d)
{
    const char *wrong = check(sim, d);
    if (wrong != NULL)
        return no_result(sim->problem,
                         "policy %s: job %" PRIu64 " stage %u task %u on executor %" PRIu64 ": %s",
                         sim->options->policy, d->job, d->stage, d->task, d->executor, wrong);
    struct live *live = sim->live[d->job];
    bool tool = sim_is_slot(sim, d->executor);
    struct running task = {.job = (uint32_t)d->job,
                           .stage = live->stage[d->stage],
                           .task = d->task,
                           .executor = tool && sim->slot_busy == NULL ? NO_EXECUTOR
                                                                      : (uint32_t)d->executor};
    const struct stage *stage = &sim->workload->jobs[d->job].body->stages[task.stage];
    live->unstarted[task.stage]--;
    task.fate = begin_attempt(sim, live, &task);
    if (sim->options->keep_tasks)
        task.row = keep_start(sim, &task);
    shares_start(sim, &task);
    if (!tool) {
        start_request(sim, live, stage, task);
        return true;
    }
    sim_set_slot(sim, task.executor, true);
    task.begin = sim->now_s;
    task.end = sim->now_s + (task.fate.timeout_s > 0.0 ? task.fate.timeout_s
                                                       : stage->duration_s * task.fate.share);
    task.alone_s = task.end - task.begin;
    running_push(&sim->tools, &task);
    return true;
}

static bool decide(struct sim *sim)
{
    if (!sim_post_slots(sim))
        return false;
    for (;;) {
        llmsched_error err = {.size = sizeof err};
        llmsched_decision decision = {.size = sizeof decision};
        double begin = clock_s();
        llmsched_status status =
            llmsched_scheduler_next(sim->scheduler, sim->now_s, &decision, &err);
        double spent = clock_s() - begin + sim->posting_s;
        sim->result->busy_s += spent;
        sim->posting_s = 0.0;
        if (status == LLMSCHED_NONE)
            return true;
        if (status != LLMSCHED_OK)
            return no_result(sim->problem, "policy %s: %s", sim->options->policy, err.message);
        sim->result->decisions++;
        histogram_add(&sim->result->latency, spent);
        if (!start(sim, &decision))
            return false;
    }
}

static bool step(struct sim *sim)
{
    double time = earliest(sim);
    if (time == INFINITY)
        return no_result(sim->problem, "policy %s: %zu jobs wait though nothing runs",
                         sim->options->policy, sim->workload->count - sim->jobs_over);
    sim->now_s = fmax(time, sim->now_s);
    collect_completions(sim);
    for (size_t i = 0; i < sim->done_count; i++)
        if (!(sim->done[i].fate.fails
                  ? sim_return(sim, &sim->done[i], sim->done[i].alone_s, SIM_FAILED)
                  : sim_complete(sim, &sim->done[i])))
            return false;
    return outages_apply(sim) && apply_arrivals(sim) &&
           (sim->scaler == NULL || scaler_act(sim->scaler)) && shares_look(sim) && decide(sim) &&
           shares_look(sim);
}

/* --- a run ------------------------------------------------------------------------ */

/* qsort has no argument for the workload: pairs carry what is compared. */
struct arrival {
    double time_s;
    uint32_t job;
};

static int compare_arrivals(const void *a, const void *b)
{
    const struct arrival *x = a, *y = b;
    if (x->time_s != y->time_s)
        return x->time_s < y->time_s ? -1 : 1;
    return (x->job > y->job) - (x->job < y->job);
}

static void order_arrivals(struct sim *sim)
{
    size_t n = sim->workload->count;
    struct arrival *pairs = allocate(n, sizeof *pairs);
    for (size_t j = 0; j < n; j++)
        pairs[j] = (struct arrival){sim->workload->jobs[j].arrival_s, (uint32_t)j};
    qsort(pairs, n, sizeof *pairs, compare_arrivals);
    for (size_t j = 0; j < n; j++)
        sim->arrivals[j] = pairs[j].job;
    free(pairs);
}

static bool set_up(struct sim *sim)
{
    size_t n = sim->workload->count;
    llmsched_error err = {.size = sizeof err};
    llmsched_scheduler_options options = {
        .size = sizeof options, .policy = sim->options->policy, .seed = sim->options->seed};
    sim->true_numbers = policy_is_cross_check(options.policy);
    sim->oracle = policy_is_oracle(options.policy);
    sim->faulty = faults_any(&sim->options->faults);
    sim->result->completion_s = allocate(n, sizeof *sim->result->completion_s);
    sim->live = allocate(n, sizeof *sim->live);
    sim->arrivals = allocate(n, sizeof *sim->arrivals);
    sim->arrived = allocate(n, sizeof *sim->arrived);
    sim_set_up_places(sim);
    order_arrivals(sim);
    if (sim->world->autoscaled != NULL &&
        (sim->scaler = scaler_create(sim, sim->world->autoscaled)) == NULL)
        return false;
    if (llmsched_scheduler_create(sim->options->context, &options, &sim->scheduler, &err) !=
        LLMSCHED_OK)
        return library_failed(sim->problem, NULL, &err);
    bool good = sim_post_executors(sim);
    outages_start(sim);
    if (sim->options->keep_shares && sim->workload->tenant_count > 1)
        sim->shares = shares_create(sim);
    sim->posting_s = 0.0; /* setting up is no decision */
    return good;
}

static void clean_up(struct sim *sim)
{
    for (uint32_t e = 0; e < sim->engine_count; e++)
        engine_finish(&sim->engines[e]);
    for (size_t j = 0; sim->live != NULL && j < sim->workload->count; j++)
        live_free(sim->live[j]);
    llmsched_scheduler_destroy(sim->scheduler);
    scaler_destroy(sim->scaler);
    shares_destroy(sim->shares);
    free(sim->outages);
    free(sim->engines);
    free(sim->due_s);
    free(sim->live);
    free(sim->arrivals);
    free(sim->arrived);
    free(sim->slot_busy);
    free(sim->tools.items);
    free(sim->done);
}

bool sim_run_on(const struct workload *workload, const struct world *world,
                const struct sim_options *options, struct sim_result *result,
                struct problem *problem)
{
    struct sim sim = {.workload = workload,
                      .world = world,
                      .options = options,
                      .result = result,
                      .problem = problem};
    *result = (struct sim_result){0};
    bool good = set_up(&sim);
    while (good && !result->gave_up && sim.jobs_over < workload->count) {
        good = step(&sim);
        result->gave_up = options->limit_s > 0.0 && sim.jobs_late > options->most_late;
    }
    if (good)
        shares_report(&sim);
    clean_up(&sim);
    if (!good)
        sim_result_release(result);
    return good;
}

bool sim_run(const struct workload *workload, const struct cluster *cluster,
             const struct sim_options *options, struct sim_result *result, struct problem *problem)
{
    struct world world;
    world_of_cluster(&world, cluster, workload);
    bool good = sim_run_on(workload, &world, options, result, problem);
    world_release(&world);
    return good;
}

void sim_result_release(struct sim_result *result)
{
    free(result->completion_s);
    free(result->tasks);
    free(result->changes);
    if (result->fairness != NULL)
        free(result->fairness->contended_s);
    free(result->fairness);
    *result = (struct sim_result){0};
}
