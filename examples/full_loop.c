/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full loop: learn a profile from past runs, then schedule new jobs of the
 * application with it, reveal their stages as they come, and live with
 * tasks that fail and an engine that goes away.
 *
 *   cc full_loop.c $(pkg-config --cflags --libs llmsched) -lm
 *   ./a.out runs/code_generation__mint.jsonl
 *
 * The first runs of the file are the past; the others play the new jobs: what
 * they did is told to the scheduler only when it has happened.
 */
#include <llmsched/llmsched.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENGINES = 2, TOOL_SLOTS = 2, MAX_PENDING = 64, FAIL_EVERY = 9 };

static llmsched_error err = {.size = sizeof err};

static llmsched_status must(llmsched_status status)
{
    if (status > LLMSCHED_NONE) {
        fprintf(stderr, "%s: %s\n", llmsched_status_name(status), err.message);
        exit(1);
    }
    return status;
}

/* --- learning ------------------------------------------------------------ */

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0, got;
    *length = 0;
    if (file == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    do {
        room = 2 * room + 65536;
        text = realloc(text, room);
        if (text == NULL)
            exit(1);
        got = fread(text + *length, 1, room - *length, file);
        *length += got;
    } while (got > 0);
    fclose(file);
    return text;
}

static llmsched_profile *learn(llmsched_context *context, const llmsched_history *history,
                               uint32_t runs)
{
    llmsched_profiler *profiler;
    llmsched_profile *profile;
    const char *app = llmsched_history_run(history, 0)->app;
    must(llmsched_profiler_create(context, app, NULL, NULL, &profiler, &err));
    for (uint32_t i = 0; i < runs; i++)
        must(llmsched_profiler_observe(profiler, llmsched_history_run(history, i), &err));
    must(llmsched_profiler_fit(profiler, &profile, &err));
    llmsched_profiler_destroy(profiler);

    llmsched_profile_summary summary = {.size = sizeof summary};
    must(llmsched_profile_get_summary(profile, &summary, &err));
    printf("%s: %u runs, %u stages, %.2f s LLM and %.2f s tools a run\n", app,
           (unsigned)summary.run_count, summary.stage_count, summary.mean_llm_s,
           summary.mean_tool_s);
    return profile;
}

/* --- a world where the work is done --------------------------------------- */

struct pending { /* a task under way */
    double end_s;
    llmsched_decision decision;
    int fails;
};

struct job {
    const llmsched_run *run;
    uint32_t *tasks_left; /* of each stage */
    unsigned char *revealed;
    uint32_t stages_left;
    double arrival_s;
};

struct world {
    llmsched_scheduler *scheduler;
    const llmsched_profile *profile;
    struct job *jobs;
    uint32_t job_count;
    struct pending pending[MAX_PENDING];
    uint32_t pending_count;
    uint32_t started, failed, lost;
    double sum_s; /* of completion times */
};

static void post(struct world *w, double time_s, llmsched_event event)
{
    event.size = sizeof event;
    event.time_s = time_s;
    must(llmsched_scheduler_post(w->scheduler, &event, &err));
}

static void executor_up(struct world *w, double time_s, uint64_t id, uint32_t kind,
                        uint32_t capacity)
{
    llmsched_executor info = {.size = sizeof info, .kind = kind, .capacity = capacity};
    post(w, time_s,
         (llmsched_event){
             .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = id, .executor_info = &info});
}

static uint32_t tasks_of(const llmsched_run_stage *stage)
{
    return stage->tasks == 0 ? 1 : stage->tasks;
}

static int parents_finished(const struct job *job, const llmsched_run_stage *stage)
{
    for (uint32_t i = 0; i < stage->parent_count; i++)
        if (job->tasks_left[stage->parents[i]] > 0)
            return 0;
    return 1;
}

/* Tells the scheduler the stages that can be known now: those whose parents have finished. */
static void reveal(struct world *w, double now, uint64_t id)
{
    struct job *job = &w->jobs[id];
    for (uint32_t i = 0; i < job->run->stage_count; i++) {
        const llmsched_run_stage *stage = &job->run->stages[i];
        if (job->revealed[i] || !parents_finished(job, stage))
            continue;
        llmsched_revealed_stage info = {.size = sizeof info,
                                        .kind = stage->kind,
                                        .name = stage->name,
                                        .parents = stage->parents,
                                        .parent_count = stage->parent_count,
                                        .tasks = stage->tasks,
                                        .has_prompt = stage->kind == LLMSCHED_STAGE_LLM,
                                        .prompt_tokens = stage->prompt_tokens};
        post(
            w, now,
            (llmsched_event){
                .type = LLMSCHED_EVENT_STAGE_REVEALED, .job = id, .stage = i, .stage_info = &info});
        job->revealed[i] = 1;
    }
}

static void arrive(struct world *w, double now, uint64_t id)
{
    llmsched_job info = {.size = sizeof info, .profile = w->profile};
    post(w, now,
         (llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &info});
    reveal(w, now, id);
}

static void start(struct world *w, double now, const llmsched_decision *decision)
{
    const llmsched_run_stage *stage = &w->jobs[decision->job].run->stages[decision->stage];
    double seconds = stage->work_s / tasks_of(stage);
    int fails = ++w->started % FAIL_EVERY == 0;
    if (w->pending_count == MAX_PENDING)
        exit(1);
    w->pending[w->pending_count++] = (struct pending){
        .end_s = now + (fails ? seconds / 2 : seconds), .decision = *decision, .fails = fails};
}

/* The task's work is over: it failed, and will come again, or it has finished. */
static void end(struct world *w, const struct pending *p)
{
    const llmsched_decision *d = &p->decision;
    struct job *job = &w->jobs[d->job];
    llmsched_event event = {.job = d->job, .stage = d->stage, .task = d->task};
    if (p->fails) {
        event.type = LLMSCHED_EVENT_TASK_FAILED;
        post(w, p->end_s, event);
        w->failed++;
        return;
    }
    const llmsched_run_stage *stage = &job->run->stages[d->stage];
    event.type = LLMSCHED_EVENT_TASK_FINISHED;
    if (stage->kind == LLMSCHED_STAGE_LLM) { /* the engine says how much it wrote */
        event.flags = LLMSCHED_EVENT_HAS_OUTPUT;
        event.output_tokens = stage->output_tokens / tasks_of(stage);
    }
    post(w, p->end_s, event);
    if (--job->tasks_left[d->stage] > 0)
        return;
    if (--job->stages_left > 0) {
        reveal(w, p->end_s, d->job);
        return;
    }
    post(w, p->end_s, (llmsched_event){.type = LLMSCHED_EVENT_JOB_FINISHED, .job = d->job});
    w->sum_s += p->end_s - job->arrival_s;
}

/* The engine is gone and with it what ran there; the scheduler gives those tasks out again. */
static void engine_down(struct world *w, double now, uint64_t engine)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->pending_count; i++) {
        if (w->pending[i].decision.executor == engine)
            w->lost++;
        else
            w->pending[kept++] = w->pending[i];
    }
    w->pending_count = kept;
    post(w, now, (llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_DOWN, .executor = engine});
}

/* --- the loop ---------------------------------------------------------------- */

static uint32_t earliest(const struct world *w)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < w->pending_count; i++)
        if (w->pending[i].end_s < w->pending[best].end_s)
            best = i;
    return best;
}

static void run(struct world *w)
{
    double down_s = 60, up_s = 90;
    uint32_t next_job = 0;
    for (;;) {
        double now = next_job < w->job_count ? w->jobs[next_job].arrival_s : INFINITY;
        uint32_t first = earliest(w);
        double end_s = w->pending_count > 0 ? w->pending[first].end_s : INFINITY;
        now = fmin(fmin(now, end_s), fmin(down_s, up_s));
        if (isinf(now))
            return;
        if (now == end_s) {
            struct pending ended = w->pending[first];
            w->pending[first] = w->pending[--w->pending_count];
            end(w, &ended);
        } else if (now == down_s) {
            engine_down(w, now, 0);
            down_s = INFINITY;
        } else if (now == up_s) {
            executor_up(w, now, 0, LLMSCHED_STAGE_LLM, 2);
            up_s = INFINITY;
        } else {
            arrive(w, now, next_job++);
        }
        llmsched_decision decision = {.size = sizeof decision};
        while (must(llmsched_scheduler_next(w->scheduler, now, &decision, &err)) == LLMSCHED_OK)
            start(w, now, &decision);
    }
}

static void make_jobs(struct world *w, const llmsched_history *history, uint32_t first)
{
    w->job_count = llmsched_history_count(history) - first;
    w->jobs = calloc(w->job_count, sizeof *w->jobs);
    for (uint32_t i = 0; w->jobs != NULL && i < w->job_count; i++) {
        struct job *job = &w->jobs[i];
        job->run = llmsched_history_run(history, first + i);
        job->stages_left = job->run->stage_count;
        job->arrival_s = 2.5 * i;
        job->tasks_left = calloc(job->run->stage_count, sizeof *job->tasks_left);
        job->revealed = calloc(job->run->stage_count, sizeof *job->revealed);
        if (job->tasks_left == NULL || job->revealed == NULL)
            exit(1);
        for (uint32_t k = 0; k < job->run->stage_count; k++)
            job->tasks_left[k] = tasks_of(&job->run->stages[k]);
    }
}

static void try_policy(llmsched_context *context, const llmsched_history *history, uint32_t first,
                       const llmsched_profile *profile, const char *policy)
{
    struct world w = {.profile = profile};
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = 1};
    must(llmsched_scheduler_create(context, &options, &w.scheduler, &err));
    for (uint64_t i = 0; i < ENGINES; i++)
        executor_up(&w, 0, i, LLMSCHED_STAGE_LLM, 2);
    executor_up(&w, 0, ENGINES, LLMSCHED_STAGE_REGULAR, TOOL_SLOTS);
    make_jobs(&w, history, first);
    run(&w);

    llmsched_scheduler_stats stats = {.size = sizeof stats};
    must(llmsched_scheduler_get_stats(w.scheduler, &stats, &err));
    printf("%-9s mean completion %6.2f s, %u tasks started, %u failed, %u lost, %u jobs left\n",
           policy, w.sum_s / w.job_count, w.started, w.failed, w.lost, stats.jobs);
    for (uint32_t i = 0; i < w.job_count; i++) {
        free(w.jobs[i].tasks_left);
        free(w.jobs[i].revealed);
    }
    free(w.jobs);
    llmsched_scheduler_destroy(w.scheduler);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: full_loop RUNS.jsonl\n");
        return 2;
    }
    llmsched_context *context;
    llmsched_history *history;
    size_t length;
    char *text = read_file(argv[1], &length);
    must(llmsched_context_create(NULL, &context, &err));
    must(llmsched_history_parse(context, "runs", text, length, NULL, &history, &err));
    free(text);

    uint32_t past = llmsched_history_count(history) / 2;
    llmsched_profile *profile = learn(context, history, past);
    try_policy(context, history, past, profile, "fcfs");
    try_policy(context, history, past, profile, "llmsched");

    llmsched_profile_release(profile);
    llmsched_history_release(history);
    llmsched_context_destroy(context);
    return 0;
}
