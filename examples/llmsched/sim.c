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

static double earliest(const struct sim *sim)
{
    double time = INFINITY;
    for (uint32_t e = 0; e < sim->cluster->engine_count; e++)
        time = fmin(time, sim->engines[e].next_s);
    if (sim->tools.count > 0)
        time = fmin(time, sim->tools.items[0].end);
    if (sim->next_arrival < sim->workload->count)
        time = fmin(time, sim->workload->jobs[sim->arrivals[sim->next_arrival]].arrival_s);
    return fmin(time, outages_next(sim));
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
    for (uint32_t e = 0; e < sim->cluster->engine_count; e++) {
        struct engine *engine = &sim->engines[e];
        if (engine->next_s > until)
            continue;
        engine_advance(engine, sim->now_s);
        while (engine_end(engine) <= until)
            take_done(sim, &engine->requests);
        engine_refresh(engine);
    }
    while (sim->tools.count > 0 && sim->tools.items[0].end <= until) {
        take_done(sim, &sim->tools);
        sim->slot_busy[sim->done[sim->done_count - 1].executor - sim->cluster->engine_count] =
            false;
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
    const struct cluster *cluster = sim->cluster;
    if (d->job >= sim->workload->count || sim->live[d->job] == NULL)
        return "no such job";
    const struct live *live = sim->live[d->job];
    const struct body *body = sim->workload->jobs[d->job].body;
    if (d->stage >= body->stage_count || live->stage[d->stage] == UINT32_MAX)
        return "no such stage";
    const struct stage *stage = &body->stages[live->stage[d->stage]];
    if (d->task >= stage->tasks || live->unstarted[live->stage[d->stage]] == 0)
        return "no such task";
    if (d->executor >= cluster_executors(cluster) ||
        (d->executor < cluster->engine_count) != (stage->kind == LLMSCHED_STAGE_LLM))
        return "no such executor";
    if (!outages_is_up(sim, d->executor))
        return "the executor is down";
    if (sim->faulty && live->running[live->first_task[live->stage[d->stage]] + d->task])
        return "the task runs already";
    if (d->executor >= cluster->engine_count &&
        stage_pool(stage, cluster) !=
            cluster_pool_of(cluster, (uint32_t)d->executor - cluster->engine_count))
        return "the slot is in another pool";
    if (d->executor < cluster->engine_count &&
        !cluster_serves(cluster, (uint32_t)d->executor, stage_model(stage, cluster)))
        return "the engine serves another model";
    if (d->executor >= cluster->engine_count)
        return sim->slot_busy[d->executor - cluster->engine_count] ? "the slot is busy" : NULL;
    const struct engine *engine = &sim->engines[d->executor];
    return engine->requests.count < engine->max_batch ? NULL : "the engine is full";
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
    engine_start(engine, task, prompt - sim->cluster->prefix_reuse * held, output);
    engine_refresh(engine);
}

static bool start(struct sim *sim, const llmsched_decision *d)
{
    const char *wrong = check(sim, d);
    if (wrong != NULL)
        return no_result(sim->problem,
                         "policy %s: job %" PRIu64 " stage %u task %u on executor %" PRIu64 ": %s",
                         sim->options->policy, d->job, d->stage, d->task, d->executor, wrong);
    struct live *live = sim->live[d->job];
    struct running task = {.job = (uint32_t)d->job,
                           .stage = live->stage[d->stage],
                           .task = d->task,
                           .executor = (uint32_t)d->executor};
    const struct stage *stage = &sim->workload->jobs[d->job].body->stages[task.stage];
    live->unstarted[task.stage]--;
    task.fate = begin_attempt(sim, live, &task);
    if (sim->options->keep_tasks)
        task.row = keep_start(sim, &task);
    if (stage->kind == LLMSCHED_STAGE_REGULAR) {
        sim->slot_busy[task.executor - sim->cluster->engine_count] = true;
        task.begin = sim->now_s;
        task.end = sim->now_s + (task.fate.timeout_s > 0.0 ? task.fate.timeout_s
                                                           : stage->duration_s * task.fate.share);
        task.alone_s = task.end - task.begin;
        shares_start(sim, &task);
        running_push(&sim->tools, &task);
        return true;
    }
    shares_start(sim, &task);
    start_request(sim, live, stage, task);
    return true;
}

static bool decide(struct sim *sim)
{
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
    return outages_apply(sim) && apply_arrivals(sim) && shares_look(sim) && decide(sim) &&
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
    const struct cluster *cluster = sim->cluster;
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
    sim->engines = allocate(cluster->engine_count, sizeof *sim->engines);
    sim->slot_busy = allocate(cluster->slot_count, sizeof *sim->slot_busy);
    for (uint32_t e = 0; e < cluster->engine_count; e++)
        engine_init(&sim->engines[e], cluster, cluster->engines[e].max_batch);
    order_arrivals(sim);
    if (llmsched_scheduler_create(sim->options->context, &options, &sim->scheduler, &err) !=
        LLMSCHED_OK)
        return library_failed(sim->problem, NULL, &err);
    bool good = true;
    for (uint32_t e = 0; good && e < cluster_executors(cluster); e++)
        good = sim_executor_up(sim, e);
    outages_start(sim);
    if (sim->options->keep_shares && sim->workload->tenant_count > 1)
        sim->shares = shares_create(sim);
    sim->posting_s = 0.0; /* setting up is no decision */
    return good;
}

static void clean_up(struct sim *sim)
{
    for (uint32_t e = 0; sim->engines != NULL && e < sim->cluster->engine_count; e++)
        engine_finish(&sim->engines[e]);
    for (size_t j = 0; sim->live != NULL && j < sim->workload->count; j++)
        live_free(sim->live[j]);
    llmsched_scheduler_destroy(sim->scheduler);
    free(sim->engines);
    free(sim->outages);
    shares_destroy(sim->shares);
    free(sim->live);
    free(sim->arrivals);
    free(sim->arrived);
    free(sim->slot_busy);
    free(sim->tools.items);
    free(sim->done);
}

bool sim_run(const struct workload *workload, const struct cluster *cluster,
             const struct sim_options *options, struct sim_result *result, struct problem *problem)
{
    struct sim sim = {.workload = workload,
                      .cluster = cluster,
                      .options = options,
                      .result = result,
                      .problem = problem};
    *result = (struct sim_result){0};
    bool good = set_up(&sim);
    while (good && sim.jobs_over < workload->count)
        good = step(&sim);
    if (good)
        shares_report(&sim);
    clean_up(&sim);
    if (!good)
        sim_result_release(result);
    return good;
}

void sim_result_release(struct sim_result *result)
{
    free(result->completion_s);
    free(result->tasks);
    if (result->fairness != NULL)
        free(result->fairness->contended_s);
    free(result->fairness);
    *result = (struct sim_result){0};
}
