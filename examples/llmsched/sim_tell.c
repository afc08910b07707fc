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

bool sim_post_executors(struct sim *sim)
{
    const struct world *world = sim->world;
    bool good = true;
    for (uint32_t e = 0; good && e < world->engine_count; e++)
        good = post_up(sim, e, &world->classes[world->engines[e]].executor);
    llmsched_executor slot = {.size = sizeof slot, .kind = LLMSCHED_STAGE_REGULAR, .capacity = 1};
    for (uint32_t r = 0; good && sim->slot_busy != NULL && r < world->tool_slots; r++)
        good = post_up(sim, sim->first_slot + r, &slot);
    return good;
}

bool sim_engine_up(struct sim *sim, uint32_t engine)
{
    return post_up(sim, engine, &sim->world->classes[sim->engines[engine].class].executor);
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

bool sim_engine_down(struct sim *sim, uint32_t engine)
{
    return post(sim, &(llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_DOWN, .executor = engine});
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

static void add_unfinished_work(const struct sim *sim, uint32_t job, llmsched_job *info)
{
    const struct body *body = sim->workload->jobs[job].body;
    const struct live *live = sim->live[job];
    for (uint32_t s = 0; s < body->stage_count; s++) {
        if (live->unfinished[s] == 0)
            continue;
        double work = unfinished_stage_work(sim, &body->stages[s], live, s);
        if (body->stages[s].kind == LLMSCHED_STAGE_LLM)
            info->given_llm_s += work;
        else
            info->given_tool_s += work;
    }
}

static void fill_job_info(const struct sim *sim, uint32_t job, llmsched_job *info)
{
    const struct job *j = &sim->workload->jobs[job];
    *info = (llmsched_job){.size = sizeof *info, .profile = j->profile, .arrival_s = j->arrival_s};
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
        scaler_count(sim->scaler, (uint32_t)(world_class(sim->world, stage) - sim->world->classes),
                     change);
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
        .model = stage->kind == LLMSCHED_STAGE_LLM ? world_class(sim->world, stage)->executor.model
                                                   : NULL,
        .parents = parents,
        .parent_count = stage->parent_count,
        .tasks = stage->tasks,
        .has_prompt = stage->kind == LLMSCHED_STAGE_LLM,
        .prompt_tokens = stage->prompt_tokens,
    };
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
    struct live *live = allocate(1, sizeof *live + (size_t)n * 8 * sizeof(uint32_t));
    uint32_t *numbers = (uint32_t *)(live + 1);
    live->number = numbers;
    live->stage = numbers + n;
    live->waiting = numbers + 2 * (size_t)n;
    live->unfinished = numbers + 3 * (size_t)n;
    live->unstarted = numbers + 4 * (size_t)n;
    live->ended = numbers + 5 * (size_t)n;
    live->stages_left = n;
    for (uint32_t s = 0; s < n; s++) {
        live->number[s] = live->stage[s] = live->unstarted[s] = UINT32_MAX;
        live->waiting[s] = body->stages[s].parent_count;
        live->unfinished[s] = body->stages[s].tasks;
    }
    return live;
}

bool sim_arrive(struct sim *sim, uint32_t job)
{
    const struct body *body = sim->workload->jobs[job].body;
    llmsched_job info;
    sim->live[job] = make_live(body);
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
    free(sim->live[job]);
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

bool sim_complete(struct sim *sim, const struct running *task)
{
    struct live *live = sim->live[task->job];
    const struct body *body = sim->workload->jobs[task->job].body;
    const struct stage *stage = &body->stages[task->stage];
    double first[4];
    if (sim->options->keep_tasks)
        sim->result->tasks[task->row].end_s = sim->now_s;
    live->unfinished[task->stage]--;
    count_tasks(sim, stage, -1);
    live->ended[3 * task->stage + task_class(stage, task->task, first)]++;
    llmsched_event event = {.type = LLMSCHED_EVENT_TASK_FINISHED,
                            .job = task->job,
                            .stage = live->number[task->stage],
                            .task = task->task,
                            .flags = LLMSCHED_EVENT_HAS_ALONE | LLMSCHED_EVENT_HAS_OUTPUT,
                            .alone_s = world_alone(sim->world, stage, task->task),
                            .output_tokens =
                                task_share(stage->output_tokens, stage->tasks, task->task)};
    if (!post(sim, &event))
        return false;
    if (live->unfinished[task->stage] == 0 && !end_stage(sim, task->job, task->stage))
        return false;
    if (!sim->oracle || sim->live[task->job] == NULL)
        return true;
    llmsched_job info;
    fill_job_info(sim, task->job, &info);
    return post(sim, &(llmsched_event){
                         .type = LLMSCHED_EVENT_JOB_CHANGED, .job = task->job, .job_info = &info});
}
