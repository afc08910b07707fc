/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulation tells the scheduler, and no more: a stage when it is
 * revealed, a time when it has passed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim_state.h"

double clock_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool post(struct sim *sim, llmsched_event *event)
{
    llmsched_error err = {.size = sizeof err};
    event->size = sizeof *event;
    event->time_s = sim->now_s;
    double start = clock_s();
    llmsched_status status = llmsched_scheduler_post(sim->scheduler, event, &err);
    sim->posting_s += clock_s() - start;
    if (status != LLMSCHED_OK)
        return no_result(sim->problem, "policy %s: %s", sim->options->policy, err.message);
    return true;
}

static bool post_up(struct sim *sim, uint64_t executor, const llmsched_executor *info)
{
    return post(sim, &(llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_UP,
                                       .executor = executor,
                                       .executor_info = info});
}

/* A capacity of one keeps it full until its last task has ended; then it goes down before any
 * decision. */
bool sim_engine_close(struct sim *sim, uint32_t engine)
{
    llmsched_executor closed = sim->world->classes[sim->engines[engine].class].executor;
    closed.capacity = 1;
    return post(sim, &(llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_CHANGED,
                                       .executor = engine,
                                       .executor_info = &closed});
}

bool sim_post_slots(struct sim *sim)
{
    static const uint32_t least = 64, most = 1u << 20; /* the library's most */
    bool good = true;
    while (good && sim->slot_busy == NULL && sim->pool_slots < sim->tools_present) {
        uint32_t slots = sim->pools < 14 ? least << sim->pools : most;
        llmsched_executor pool = {
            .size = sizeof pool, .kind = LLMSCHED_STAGE_REGULAR, .capacity = slots};
        good = post_up(sim, sim->first_slot + sim->pools++, &pool);
        sim->pool_slots += slots;
    }
    return good;
}

bool sim_executor_up(struct sim *sim, uint32_t executor)
{
    if (!sim_is_slot(sim, executor))
        return post_up(sim, executor, &sim->world->classes[sim->engines[executor].class].executor);
    const struct tool_pool *pool =
        world_pool_of(sim->world, (uint32_t)(executor - sim->first_slot));
    const llmsched_executor slot = {.size = sizeof slot,
                                    .kind = LLMSCHED_STAGE_REGULAR,
                                    .model = pool != NULL ? pool->name : NULL,
                                    .capacity = 1,
                                    .price = sim->world->tool_price};
    return post_up(sim, executor, &slot);
}

bool sim_post_executors(struct sim *sim)
{
    uint32_t slots = sim->slot_busy != NULL ? sim->world->tool_slots : 0;
    bool good = true;
    for (uint32_t e = 0; good && e < sim->engine_count + slots; e++)
        good = sim_executor_up(sim, e);
    return good;
}

bool sim_executor_down(struct sim *sim, uint32_t executor)
{
    return post(sim, &(llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_DOWN, .executor = executor});
}

/*
 * Tasks of a stage have at most three alone times: the first tasks may hold one more prompt
 * token, one more output token, or both. Counting the ended ones by class keeps
 * oracle-srpt's sums fresh without a visit to every task.
 */
static uint32_t task_class(const struct stage *stage, uint32_t task, double *first)
{
    double prompts = fmod(stage->prompt_tokens, stage->tasks);
    double outputs = fmod(stage->output_tokens, stage->tasks);
    double low = fmin(prompts, outputs), high = fmax(prompts, outputs);
    first[0] = 0.0;
    first[1] = low;
    first[2] = high;
    first[3] = stage->tasks;
    return task < low ? 0 : task < high ? 1 : 2;
}

static double unfinished_stage_work(const struct sim *sim, const struct stage *stage,
                                    const struct live *live, uint32_t s)
{
    double work = 0.0, first[4];
    if (stage->kind == LLMSCHED_STAGE_REGULAR || stage->tasks == 1)
        return live->unfinished[s] * world_alone(sim->world, stage, 0);
    task_class(stage, 0, first);
    for (uint32_t c = 0; c < 3; c++) {
        double left = first[c + 1] - first[c] - live->ended[3 * s + c];
        if (left > 0.0)
            work += left * world_alone(sim->world, stage, (uint32_t)first[c]);
    }
    return work;
}

enum { BLOCK_STAGES = 256 };

static uint32_t block_count(const struct body *body)
{
    return (body->stage_count + BLOCK_STAGES - 1) / BLOCK_STAGES;
}

static void sum_block(const struct sim *sim, uint32_t job, uint32_t block)
{
    const struct body *body = sim->workload->jobs[job].body;
    const struct live *live = sim->live[job];
    uint32_t first = block * BLOCK_STAGES, end = first + BLOCK_STAGES;
    double sums[2] = {0.0, 0.0};
    for (uint32_t s = first; s < end && s < body->stage_count; s++)
        if (live->unfinished[s] > 0)
            sums[body->stages[s].kind != LLMSCHED_STAGE_LLM] +=
                unfinished_stage_work(sim, &body->stages[s], live, s);
    memcpy(live->sums[block], sums, sizeof sums);
}

static void add_unfinished_work(const struct sim *sim, uint32_t job, llmsched_job *info)
{
    const struct live *live = sim->live[job];
    for (uint32_t b = 0; b < block_count(sim->workload->jobs[job].body); b++) {
        info->given_llm_s += live->sums[b][0];
        info->given_tool_s += live->sums[b][1];
    }
}

static void fill_job_info(const struct sim *sim, uint32_t job, llmsched_job *info)
{
    const struct job *j = &sim->workload->jobs[job];
    *info = (llmsched_job){.size = sizeof *info,
                           .profile = j->profile,
                           .arrival_s = j->arrival_s,
                           .tenant = j->tenant,
                           .weight = j->weight};
    if (!isnan(j->sjf_mean_s))
        info->given_mean_s = j->sjf_mean_s;
    if (sim->oracle)
        add_unfinished_work(sim, job, info);
}

/* More or fewer tasks of a stage are running or waiting. */
static void count_tasks(struct sim *sim, const struct stage *stage, int64_t change)
{
    if (stage->kind == LLMSCHED_STAGE_REGULAR)
        sim->tools_present = (uint64_t)((int64_t)sim->tools_present + change);
    else if (sim->scaler != NULL)
        scaler_count(sim->scaler, world_class(sim->world, stage), change);
}

static bool reveal(struct sim *sim, uint32_t job, uint32_t s)
{
    struct live *live = sim->live[job];
    const struct stage *stage = &sim->workload->jobs[job].body->stages[s];
    uint32_t *parents = allocate(stage->parent_count, sizeof *parents);
    uint32_t number = sim->true_numbers ? s : live->revealed;
    live->revealed++;
    live->number[s] = number;
    live->stage[number] = s;
    live->unstarted[s] = stage->tasks;
    count_tasks(sim, stage, stage->tasks);
    for (uint32_t p = 0; p < stage->parent_count; p++)
        parents[p] = live->number[stage->parents[p]];
    llmsched_revealed_stage info = {
        .size = sizeof info,
        .kind = stage->kind,
        .name = stage->name,
        .model = world_place(sim->world, stage),
        .parents = parents,
        .parent_count = stage->parent_count,
        .tasks = stage->tasks,
        .has_prompt = stage->kind == LLMSCHED_STAGE_LLM,
        .prompt_tokens = stage->prompt_tokens,
    };
    shares_reveal(sim, job, s);
    bool good = post(sim, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                                            .job = job,
                                            .stage = number,
                                            .stage_info = &info});
    free(parents);
    return good;
}

static struct live *make_live(const struct body *body)
{
    uint32_t n = body->stage_count;
    uint32_t blocks = block_count(body);
    struct live *live =
        allocate(1, sizeof *live + blocks * sizeof *live->sums + (size_t)n * 8 * sizeof(uint32_t));
    live->sums = (double(*)[2])(live + 1);
    uint32_t *numbers = (uint32_t *)(live->sums + blocks);
    live->number = numbers;
    live->stage = numbers + n;
    live->waiting = numbers + 2 * (size_t)n;
    live->unfinished = numbers + 3 * (size_t)n;
    live->unstarted = numbers + 4 * (size_t)n;
    live->ended = numbers + 5 * (size_t)n;
    live->stages_left = n;
    live->last_engine = UINT32_MAX;
    for (uint32_t s = 0; s < n; s++) {
        live->number[s] = live->stage[s] = live->unstarted[s] = UINT32_MAX;
        live->waiting[s] = body->stages[s].parent_count;
        live->unfinished[s] = body->stages[s].tasks;
    }
    return live;
}

static void make_attempts(struct live *live, const struct body *body)
{
    uint32_t n = body->stage_count, tasks = 0;
    live->first_task = allocate(n, sizeof *live->first_task);
    for (uint32_t s = 0; s < n; s++) {
        live->first_task[s] = tasks;
        tasks += body->stages[s].tasks;
    }
    live->attempts = allocate(tasks, sizeof *live->attempts);
    live->running = allocate(tasks, sizeof *live->running);
}

void live_free(struct live *live)
{
    if (live == NULL)
        return;
    free(live->first_task);
    free(live->attempts);
    free(live->running);
    free(live);
}

bool sim_arrive(struct sim *sim, uint32_t job)
{
    const struct body *body = sim->workload->jobs[job].body;
    llmsched_job info;
    sim->live[job] = make_live(body);
    if (sim->faulty)
        make_attempts(sim->live[job], body);
    for (uint32_t b = 0; sim->oracle && b < block_count(body); b++)
        sum_block(sim, job, b);
    fill_job_info(sim, job, &info);
    bool good = post(
        sim, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = job, .job_info = &info});
    for (uint32_t s = 0; good && s < body->stage_count; s++)
        if (body->stages[s].parent_count == 0)
            good = reveal(sim, job, s);
    return good;
}

static bool end_job(struct sim *sim, uint32_t job)
{
    sim->result->completion_s[job] = sim->now_s;
    sim->jobs_over++;
    sim->jobs_late +=
        sim->now_s - sim->workload->jobs[job].arrival_s > sim->options->limit_s ? 1 : 0;
    live_free(sim->live[job]);
    sim->live[job] = NULL;
    return post(sim, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_FINISHED, .job = job});
}

static bool end_stage(struct sim *sim, uint32_t job, uint32_t s)
{
    struct live *live = sim->live[job];
    const struct stage *stage = &sim->workload->jobs[job].body->stages[s];
    if (--live->stages_left == 0)
        return end_job(sim, job);
    for (uint32_t c = 0; c < stage->child_count; c++)
        if (--live->waiting[stage->children[c]] == 0 && !reveal(sim, job, stage->children[c]))
            return false;
    return true;
}

static void note_end(struct sim *sim, const struct running *task, enum sim_end end)
{
    struct live *live = sim->live[task->job];
    if (sim->options->keep_tasks) {
        sim->result->tasks[task->row].end_s = sim->now_s;
        sim->result->tasks[task->row].end = end;
    }
    if (sim->faulty)
        live->running[live->first_task[task->stage] + task->task] = false;
}

bool sim_return(struct sim *sim, const struct running *task, double served_s, enum sim_end end)
{
    struct live *live = sim->live[task->job];
    note_end(sim, task, end);
    shares_end(sim, task, served_s, end);
    live->unstarted[task->stage]++;
    *(end == SIM_FAILED ? &sim->result->failed : &sim->result->stopped) += 1;
    return end == SIM_STOPPED || post(sim, &(llmsched_event){.type = LLMSCHED_EVENT_TASK_FAILED,
                                                             .job = task->job,
                                                             .stage = live->number[task->stage],
                                                             .task = task->task});
}

bool sim_complete(struct sim *sim, const struct running *task)
{
    struct live *live = sim->live[task->job];
    const struct body *body = sim->workload->jobs[task->job].body;
    const struct stage *stage = &body->stages[task->stage];
    double first[4];
    note_end(sim, task, SIM_FINISHED);
    shares_end(sim, task, task->alone_s, SIM_FINISHED);
    live->unfinished[task->stage]--;
    count_tasks(sim, stage, -1);
    live->ended[3 * task->stage + task_class(stage, task->task, first)]++;
    llmsched_event event = {
        .type = LLMSCHED_EVENT_TASK_FINISHED,
        .job = task->job,
        .stage = live->number[task->stage],
        .task = task->task,
        .flags = LLMSCHED_EVENT_HAS_ALONE | LLMSCHED_EVENT_HAS_OUTPUT,
        .alone_s = stage->kind == LLMSCHED_STAGE_LLM ? task->alone_s : stage->duration_s,
        .output_tokens = task_share(stage->output_tokens, stage->tasks, task->task)};
    if (!post(sim, &event))
        return false;
    if (live->unfinished[task->stage] == 0 && !end_stage(sim, task->job, task->stage))
        return false;
    if (!sim->oracle || sim->live[task->job] == NULL)
        return true;
    llmsched_job info;
    sum_block(sim, task->job, task->stage / BLOCK_STAGES);
    fill_job_info(sim, task->job, &info);
    return post(sim, &(llmsched_event){
                         .type = LLMSCHED_EVENT_JOB_CHANGED, .job = task->job, .job_info = &info});
}
