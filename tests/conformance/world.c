/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "check.h"

#include <stdlib.h>

/* --- drawing ---------------------------------------------------------------------------- */

static double draw_duration(lls_random *random, double scale)
{
    return scale * exp(1.2 * (lls_random_uniform(random) - 0.5)) +
           0.01 * lls_random_uniform(random);
}

static struct world_stage *add(struct world_job *job, uint32_t kind, const char *name,
                               uint32_t tasks, double scale, lls_random *random)
{
    struct world_stage *s = &job->stages[job->stage_count++];
    *s = (struct world_stage){.kind = kind, .name = name, .tasks = tasks};
    for (uint32_t i = 0; i < tasks; i++)
        s->durations[i] = draw_duration(random, scale);
    s->prompt = kind == LLMSCHED_STAGE_LLM ? 100 * (1 + scale * lls_random_uniform(random)) : 0;
    return s;
}

static void after(struct world_job *job, struct world_stage *stage, uint32_t parent)
{
    assert_true(parent < (uint32_t)(stage - job->stages));
    stage->parents[stage->parent_count++] = parent;
}

/* A repair loop: one task's difficulty decides both its lengths and its rounds. */
static void draw_loop(struct world_job *job, lls_random *random)
{
    double hard = lls_random_uniform(random) < 0.4 ? 3 : 1;
    uint32_t rounds = hard > 1 ? 2 + lls_random_below(random, 2) : 1, last = 0;
    add(job, LLMSCHED_STAGE_LLM, "generate", 1, hard, random);
    for (uint32_t r = 0; r < rounds; r++) {
        struct world_stage *test = add(job, LLMSCHED_STAGE_REGULAR, "test", 1, 0.5, random);
        after(job, test, last);
        last = job->stage_count - 1;
        if (r + 1 == rounds)
            break;
        after(job, add(job, LLMSCHED_STAGE_LLM, "repair", 1, hard, random), last);
        last = job->stage_count - 1;
    }
}

/* A plan that fans out into tools and is answered at the end. */
static void draw_plan(struct world_job *job, lls_random *random)
{
    static const char *const tools[] = {"search", "weather", "map", "mail"};
    uint32_t count = 1 + lls_random_below(random, 4);
    add(job, LLMSCHED_STAGE_LLM, "plan", 1, 0.5 * count, random);
    for (uint32_t i = 0; i < count; i++)
        after(job,
              add(job, LLMSCHED_STAGE_REGULAR, tools[lls_random_below(random, 4)], 1, 1, random),
              0);
    struct world_stage *answer = add(job, LLMSCHED_STAGE_LLM, "answer", 1, 1, random);
    after(job, answer, count);
    if (count > 1)
        after(job, answer, 1);
}

/* Parallel samples, then a vote. */
static void draw_samples(struct world_job *job, lls_random *random)
{
    add(job, LLMSCHED_STAGE_LLM, "sample", MAX_TASKS, 1.5, random);
    after(job, add(job, LLMSCHED_STAGE_LLM, "vote", 1, 0.3, random), 0);
}

void world_draw(struct world_job *job, uint32_t app, lls_random *random)
{
    *job = (struct world_job){.app = app};
    if (app == 0)
        draw_loop(job, random);
    else if (app == 1)
        draw_plan(job, random);
    else
        draw_samples(job, random);
}

/* --- training ---------------------------------------------------------------------------- */

static void observe(llmsched_profiler *profiler, const struct world_job *job)
{
    llmsched_error err = {0};
    llmsched_run_stage stages[MAX_STAGES];
    for (uint32_t i = 0; i < job->stage_count; i++) {
        const struct world_stage *s = &job->stages[i];
        double work = 0, span = 0;
        for (uint32_t k = 0; k < s->tasks; k++) {
            work += s->durations[k];
            span = fmax(span, s->durations[k]);
        }
        stages[i] = (llmsched_run_stage){.size = sizeof stages[i],
                                         .kind = s->kind,
                                         .name = s->name,
                                         .parents = s->parents,
                                         .parent_count = s->parent_count,
                                         .tasks = s->tasks,
                                         .prompt_tokens = s->prompt,
                                         .work_s = work,
                                         .span_s = span};
    }
    llmsched_run run = {.size = sizeof run, .stage_count = job->stage_count, .stages = stages};
    assert_ok(llmsched_profiler_observe(profiler, &run, &err), err);
}

static llmsched_profile *train(llmsched_context *context, uint32_t app, lls_random *random)
{
    static const char *const names[] = {"loop", "plan", "samples"};
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    assert_ok(llmsched_profiler_create(context, names[app], NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 60; i++) {
        struct world_job job;
        world_draw(&job, app, random);
        observe(profiler, &job);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_profiler_destroy(profiler);
    return profile;
}

void world_create(struct world *world, uint64_t seed, bool failures)
{
    llmsched_error err = {0};
    lls_random random;
    lls_random_seed(&random, seed);
    *world = (struct world){.seed = seed, .failures = failures};
    assert_ok(llmsched_context_create(NULL, &world->context, &err), err);
    for (uint32_t a = 0; a < APPS; a++)
        world->profiles[a] = train(world->context, a, &random);
    world->engines = 1 + lls_random_below(&random, 2);
    world->batch = 1 + lls_random_below(&random, 3);
    world->slots = 1 + lls_random_below(&random, 3);
    world->job_count = 10 + lls_random_below(&random, MAX_JOBS - 10);
    double now = 0;
    for (uint32_t j = 0; j < world->job_count; j++) {
        now += 0.8 * -log(1 - lls_random_uniform(&random));
        world_draw(&world->jobs[j], lls_random_below(&random, APPS), &random);
        world->jobs[j].arrival = now;
    }
}

void world_destroy(struct world *world)
{
    for (uint32_t a = 0; a < APPS; a++)
        llmsched_profile_release(world->profiles[a]);
    llmsched_context_destroy(world->context);
}

/* --- the simulator -------------------------------------------------------------------------- */

struct running {
    double end;
    uint32_t job, stage, task, executor;
};

struct run {
    const struct world *world;
    llmsched_scheduler *scheduler;
    const uint64_t *ids;
    struct record *record;
    uint32_t next_arrival;
    struct running running[256];
    uint32_t running_count;
    uint32_t load[16];
    bool down[16];
    uint32_t left[MAX_JOBS][MAX_STAGES]; /* unfinished tasks */
    bool tried[MAX_JOBS][MAX_STAGES][MAX_TASKS];
    double down_at, up_at; /* of engine 0 */
};

static void post(struct run *run, const llmsched_event *event)
{
    llmsched_error err = {0};
    assert_ok(llmsched_scheduler_post(run->scheduler, event, &err), err);
}

static void executor_up(struct run *run, uint32_t e, double time)
{
    bool engine = e < run->world->engines;
    llmsched_executor info = {.size = sizeof info,
                              .kind = engine ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR,
                              .capacity = engine ? run->world->batch : 1,
                              .price = engine ? 2 : 0};
    llmsched_event event = {.size = sizeof event,
                            .type = LLMSCHED_EVENT_EXECUTOR_UP,
                            .time_s = time,
                            .executor = e,
                            .executor_info = &info};
    run->down[e] = false;
    post(run, &event);
}

static bool parents_done(const struct run *run, uint32_t j, uint32_t i)
{
    const struct world_stage *s = &run->world->jobs[j].stages[i];
    for (uint32_t p = 0; p < s->parent_count; p++) {
        if (run->left[j][s->parents[p]] > 0)
            return false;
    }
    return true;
}

/* Numbers are places among what is revealed, so that they tell nothing of the rest. */
static void reveal(struct run *run, uint32_t j, double time)
{
    const struct world_job *job = &run->world->jobs[j];
    for (uint32_t i = 0; i < job->stage_count; i++) {
        if (run->record->revealed[j][i] < INFINITY || !parents_done(run, j, i))
            continue;
        const struct world_stage *s = &job->stages[i];
        llmsched_revealed_stage info = {.size = sizeof info,
                                        .kind = s->kind,
                                        .name = s->name,
                                        .parents = s->parents,
                                        .parent_count = s->parent_count,
                                        .tasks = s->tasks,
                                        .has_prompt = s->kind == LLMSCHED_STAGE_LLM,
                                        .prompt_tokens = s->prompt};
        llmsched_event event = {.size = sizeof event,
                                .type = LLMSCHED_EVENT_STAGE_REVEALED,
                                .time_s = time,
                                .job = run->ids[j],
                                .stage = i,
                                .stage_info = &info};
        run->record->revealed[j][i] = time;
        post(run, &event);
    }
}

static double total(const struct world_job *job, uint32_t kind)
{
    double sum = 0;
    for (uint32_t i = 0; i < job->stage_count; i++) {
        for (uint32_t k = 0; job->stages[i].kind == kind && k < job->stages[i].tasks; k++)
            sum += job->stages[i].durations[k];
    }
    return sum;
}

static void arrive(struct run *run, uint32_t j)
{
    const struct world_job *job = &run->world->jobs[j];
    llmsched_job info = {.size = sizeof info,
                         .profile = run->world->profiles[job->app],
                         .given_mean_s = 1 + job->app,
                         .given_llm_s = total(job, LLMSCHED_STAGE_LLM),
                         .given_tool_s = total(job, LLMSCHED_STAGE_REGULAR),
                         .tenant = j % 3,
                         .weight = 1 + j % 3};
    llmsched_event event = {.size = sizeof event,
                            .type = LLMSCHED_EVENT_JOB_ARRIVED,
                            .time_s = job->arrival,
                            .job = run->ids[j],
                            .job_info = &info};
    post(run, &event);
    reveal(run, j, job->arrival);
}

static void complete(struct run *run, uint32_t j, double time)
{
    for (uint32_t i = 0; i < run->world->jobs[j].stage_count; i++) {
        if (run->left[j][i] > 0)
            return;
    }
    llmsched_event event = {.size = sizeof event,
                            .type = LLMSCHED_EVENT_JOB_FINISHED,
                            .time_s = time,
                            .job = run->ids[j]};
    post(run, &event);
    run->record->completion[j] = time;
}

static void end_task(struct run *run, uint32_t at)
{
    struct running r = run->running[at];
    double *ended = &run->record->ended[r.job][r.stage][r.task];
    bool fails = run->world->failures && !run->tried[r.job][r.stage][r.task] &&
                 (r.job * 7 + r.stage * 3 + r.task) % 11 == 0;
    run->running[at] = run->running[--run->running_count];
    run->load[r.executor]--;
    run->tried[r.job][r.stage][r.task] = true;
    llmsched_event event = {.size = sizeof event,
                            .type =
                                fails ? LLMSCHED_EVENT_TASK_FAILED : LLMSCHED_EVENT_TASK_FINISHED,
                            .time_s = r.end,
                            .job = run->ids[r.job],
                            .stage = r.stage,
                            .task = r.task};
    post(run, &event);
    if (fails) {
        run->record->started[r.job][r.stage][r.task] = INFINITY;
        return;
    }
    *ended = r.end;
    if (--run->left[r.job][r.stage] == 0) {
        reveal(run, r.job, r.end);
        complete(run, r.job, r.end);
    }
}

static void engine_down(struct run *run)
{
    llmsched_event event = {.size = sizeof event,
                            .type = LLMSCHED_EVENT_EXECUTOR_DOWN,
                            .time_s = run->down_at,
                            .executor = 0};
    for (uint32_t i = run->running_count; i-- > 0;) {
        struct running r = run->running[i];
        if (r.executor != 0)
            continue;
        run->record->started[r.job][r.stage][r.task] = INFINITY;
        run->running[i] = run->running[--run->running_count];
    }
    run->load[0] = 0;
    run->down[0] = true;
    post(run, &event);
    run->down_at = INFINITY;
}

static void append(struct record *record, const struct decision_record *item)
{
    if (record->count == record->capacity) {
        record->capacity = record->capacity > 0 ? 2 * record->capacity : 64;
        record->items = realloc(record->items, record->capacity * sizeof *item);
        assert_non_null(record->items);
    }
    record->items[record->count++] = *item;
}

static uint32_t index_of(const struct run *run, uint64_t id)
{
    uint32_t j = 0;
    while (j < run->world->job_count && run->ids[j] != id)
        j++;
    assert_true(j < run->world->job_count);
    return j;
}

/* Every rule a decision must keep. */
static void start(struct run *run, const llmsched_decision *d, double time)
{
    const struct world *w = run->world;
    uint32_t j = index_of(run, d->job), e = (uint32_t)d->executor;
    assert_true(d->stage < w->jobs[j].stage_count);
    const struct world_stage *s = &w->jobs[j].stages[d->stage];
    assert_true(d->task < s->tasks);
    assert_true(run->record->revealed[j][d->stage] <= time);
    assert_true(parents_done(run, j, d->stage));
    assert_true(run->record->started[j][d->stage][d->task] == INFINITY);
    assert_true(e < w->engines + w->slots && !run->down[e]);
    assert_int_equal(s->kind, e < w->engines ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR);
    assert_true(run->load[e] < (e < w->engines ? w->batch : 1));
    run->load[e]++;
    run->record->started[j][d->stage][d->task] = time;
    assert_true(run->running_count < 256);
    run->running[run->running_count++] =
        (struct running){time + s->durations[d->task], j, d->stage, d->task, e};
    append(run->record, &(struct decision_record){time, j, d->stage, d->task, e});
}

static void decide(struct run *run, double time)
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    llmsched_status status;
    while ((status = llmsched_scheduler_next(run->scheduler, time, &d, &err)) == LLMSCHED_OK)
        start(run, &d, time);
    assert_status(LLMSCHED_NONE, status, err);
}

/* The earliest thing to happen; ends before arrivals, by (job, stage, task). */
static bool step(struct run *run, double stop)
{
    const struct world *w = run->world;
    uint32_t best = UINT32_MAX;
    double time = INFINITY;
    for (uint32_t i = 0; i < run->running_count; i++) {
        if (run->running[i].end < time) {
            time = run->running[i].end;
            best = i;
        }
    }
    double arrival =
        run->next_arrival < w->job_count ? w->jobs[run->next_arrival].arrival : INFINITY;
    double first = fmin(fmin(time, arrival), fmin(run->down_at, run->up_at));
    if (first == INFINITY || first > stop)
        return false;
    if (first == run->down_at) {
        engine_down(run);
    } else if (first == run->up_at) {
        executor_up(run, 0, first);
        run->up_at = INFINITY;
    } else if (time <= arrival) {
        end_task(run, best);
    } else {
        arrive(run, run->next_arrival++);
    }
    decide(run, first);
    return true;
}

static void prepare(struct run *run)
{
    const struct world *w = run->world;
    for (uint32_t j = 0; j < w->job_count; j++) {
        run->record->completion[j] = INFINITY;
        for (uint32_t i = 0; i < MAX_STAGES; i++) {
            run->record->revealed[j][i] = INFINITY;
            run->left[j][i] = i < w->jobs[j].stage_count ? w->jobs[j].stages[i].tasks : 0;
            for (uint32_t k = 0; k < MAX_TASKS; k++)
                run->record->started[j][i][k] = run->record->ended[j][i][k] = INFINITY;
        }
    }
    run->down_at = w->failures ? w->jobs[w->job_count / 3].arrival : INFINITY;
    run->up_at = w->failures ? w->jobs[w->job_count / 2].arrival : INFINITY;
    for (uint32_t e = 0; e < w->engines + w->slots; e++)
        executor_up(run, e, 0);
}

void world_run(const struct world *world, const char *policy, uint64_t seed, const uint64_t *ids,
               double stop, struct record *record)
{
    llmsched_error err = {0};
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = seed};
    struct run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    *record = (struct record){0};
    run->world = world;
    run->ids = ids;
    run->record = record;
    assert_ok(llmsched_scheduler_create(world->context, &options, &run->scheduler, &err), err);
    prepare(run);
    while (step(run, stop))
        ;
    for (uint32_t j = 0; stop == INFINITY && j < world->job_count; j++)
        assert_true(record->completion[j] < INFINITY);
    llmsched_scheduler_destroy(run->scheduler);
    free(run);
}

void record_destroy(struct record *record)
{
    free(record->items);
}
