/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler in a closed loop: as many jobs as are to be live, one coming for each that ends.
 * A step is one thing that happens (a task ends, with what its job reveals or the job that follows
 * it) and every decision it leads to. Prints a table; JSON where asked.
 *
 *     bench_scheduler [--short] [--policy NAME] [--jobs N] [--json FILE]
 *
 * Every run is made again from the same seed and a step counts by its fastest time, so that what
 * else the machine does falls away and what the scheduler does stays.
 */
#define _POSIX_C_SOURCE 200809L
#include "sized.h"

#include "llmsched/llmsched.h"
#include "runs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ENGINES = 4, BATCH = 16, SLOTS = 32, PLACES = ENGINES * BATCH + SLOTS };

static llmsched_error err = {.size = sizeof err};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(llmsched_status status)
{
    if (status == LLMSCHED_OK)
        return;
    fprintf(stderr, "bench_scheduler: %s\n", err.message);
    exit(1);
}

static void *room(size_t count, size_t size)
{
    void *block = calloc(count, size);
    if (block == NULL) {
        fputs("bench_scheduler: out of memory\n", stderr);
        exit(1);
    }
    return block;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* --- the loop --------------------------------------------------------------------------- */

struct live {
    struct test_run run;
    uint32_t stage; /* revealed last; its stages come one after another */
};

struct loop {
    llmsched_scheduler *scheduler;
    const llmsched_profile *profile;
    lls_random random;
    struct live *jobs; /* by id modulo count */
    uint32_t count;
    uint64_t next_id;
    llmsched_decision running[PLACES];
    uint32_t running_count;
    double time;
    uint64_t events, digest; /* of every decision */
};

static void post(struct loop *loop, llmsched_event *event)
{
    event->size = sizeof *event;
    event->time_s = loop->time;
    must(llmsched_scheduler_post(loop->scheduler, event, &err));
    loop->events++;
}

static struct live *live_of(struct loop *loop, uint64_t id)
{
    return &loop->jobs[id % loop->count];
}

static void reveal(struct loop *loop, uint64_t id)
{
    struct live *job = live_of(loop, id);
    const llmsched_run_stage *stage = &job->run.stages[job->stage];
    const uint32_t parent = job->stage - 1;
    llmsched_revealed_stage info = {.size = sizeof info,
                                    .kind = stage->kind,
                                    .name = stage->name,
                                    .parents = &parent,
                                    .parent_count = job->stage > 0,
                                    .tasks = 1,
                                    .has_prompt = stage->kind == LLMSCHED_STAGE_LLM,
                                    .prompt_tokens = stage->prompt_tokens};
    post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                                 .job = id,
                                 .stage = job->stage,
                                 .stage_info = &info});
}

static void arrive(struct loop *loop, uint64_t id)
{
    struct live *job = live_of(loop, id);
    llmsched_job info = {.size = sizeof info, .profile = loop->profile};
    test_run_draw(&job->run, &loop->random);
    job->run.run.stages = job->run.stages;
    job->stage = 0;
    post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &info});
    reveal(loop, id);
}

static void decide(struct loop *loop)
{
    llmsched_decision d = {.size = sizeof d};
    llmsched_status status;
    while ((status = llmsched_scheduler_next(loop->scheduler, loop->time, &d, &err)) ==
           LLMSCHED_OK) {
        const uint64_t made[] = {d.job, d.stage, d.task, d.executor};
        loop->digest = lls_fnv1a64(made, sizeof made, loop->digest);
        loop->running[loop->running_count++] = d;
    }
    if (status != LLMSCHED_NONE)
        must(status);
}

/* One of the running tasks ends; seconds from telling so to knowing what to start. */
static double step(struct loop *loop)
{
    uint32_t at = lls_random_below(&loop->random, loop->running_count);
    llmsched_decision d = loop->running[at];
    struct live *job = live_of(loop, d.job);
    loop->running[at] = loop->running[--loop->running_count];
    loop->time += 0.02 * lls_random_uniform(&loop->random);
    double work = job->run.stages[d.stage].work_s, start = now();
    post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                                 .job = d.job,
                                 .stage = d.stage,
                                 .task = d.task,
                                 .flags = LLMSCHED_EVENT_HAS_ALONE,
                                 .alone_s = work});
    if (++job->stage < job->run.run.stage_count) {
        reveal(loop, d.job);
    } else {
        post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_FINISHED, .job = d.job});
        arrive(loop, d.job + loop->count);
    }
    decide(loop);
    return now() - start;
}

static void executors_up(struct loop *loop)
{
    for (uint64_t e = 0; e < ENGINES + 1; e++) {
        bool engine = e < ENGINES;
        llmsched_executor info = {.size = sizeof info,
                                  .kind = engine ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR,
                                  .capacity = engine ? BATCH : SLOTS};
        post(loop, &(llmsched_event){
                       .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = e, .executor_info = &info});
    }
}

static void loop_begin(struct loop *loop, llmsched_context *context,
                       const llmsched_profile *profile, const char *policy, uint32_t jobs)
{
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = 1};
    *loop = (struct loop){.profile = profile, .count = jobs, .digest = LLS_FNV_OFFSET};
    loop->jobs = room(jobs, sizeof *loop->jobs);
    lls_random_seed(&loop->random, 42);
    must(llmsched_scheduler_create(context, &options, &loop->scheduler, &err));
    executors_up(loop);
}

static void loop_end(struct loop *loop)
{
    llmsched_scheduler_destroy(loop->scheduler);
    free(loop->jobs);
}

/* --- measuring -------------------------------------------------------------------------- */

struct result {
    const char *policy;
    uint32_t jobs;
    double p50_s, p99_s, most_s;
    double events_per_s;
    double fill_s;        /* a job's arrival while the scheduler fills */
    double fill_most_s;   /* the longest of them: tables grow */
    double bytes_per_job; /* evidence and all */
    uint64_t allocations; /* in the steps that were measured */
    uint64_t digest;
};

struct plan {
    uint32_t warm, steps, repeats;
};

static void run_once(llmsched_context *context, struct sized *memory,
                     const llmsched_profile *profile, const struct plan *plan, double *fastest,
                     struct result *r)
{
    struct loop loop;
    loop_begin(&loop, context, profile, r->policy, r->jobs);
    uint64_t before = memory->bytes;
    double start = now(), last = start, most = 0;
    for (uint64_t id = 0; id < r->jobs; id++) {
        loop.time += 0.001;
        arrive(&loop, id);
        decide(&loop);
        double at = now();
        most = fmax(most, at - last);
        last = at;
    }
    r->fill_s = fmin(r->fill_s, (last - start) / r->jobs);
    r->fill_most_s = fmin(r->fill_most_s, most);
    r->bytes_per_job = (double)(memory->bytes - before) / r->jobs;
    for (uint32_t i = 0; i < plan->warm; i++)
        (void)step(&loop);
    uint64_t events = loop.events, calls = memory->calls;
    for (uint32_t i = 0; i < plan->steps; i++)
        fastest[i] = fmin(fastest[i], step(&loop));
    r->allocations = memory->calls - calls;
    r->events_per_s = (double)(loop.events - events);
    r->digest = loop.digest;
    loop_end(&loop);
}

static struct result measure(const char *policy, uint32_t jobs, const struct plan *plan)
{
    struct result r = {.policy = policy, .jobs = jobs, .fill_s = INFINITY, .fill_most_s = INFINITY};
    struct sized memory = {0};
    llmsched_allocator allocator = sized_allocator(&memory);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *context = NULL;
    llmsched_profile *profile = NULL;
    double *fastest = room(plan->steps, sizeof *fastest), sum = 0;
    must(llmsched_context_create(&options, &context, &err));
    must(test_profile(context, 7, 300, NULL, &profile, &err));
    for (uint32_t i = 0; i < plan->steps; i++)
        fastest[i] = INFINITY;
    for (uint32_t i = 0; i < plan->repeats; i++)
        run_once(context, &memory, profile, plan, fastest, &r);
    for (uint32_t i = 0; i < plan->steps; i++)
        sum += fastest[i];
    r.events_per_s /= sum;
    qsort(fastest, plan->steps, sizeof *fastest, by_value);
    r.p50_s = fastest[plan->steps / 2];
    r.p99_s = fastest[(size_t)(0.99 * plan->steps)];
    r.most_s = fastest[plan->steps - 1];
    llmsched_profile_release(profile);
    llmsched_context_destroy(context);
    free(fastest);
    return r;
}

/* --- what is meant to hurt -------------------------------------------------------------- */

/* Whatever comes, the time per event should not grow with how much of it there is. */
struct burst {
    const char *name, *policy;
    uint32_t size;
    double event_s;
};

/* A whole stage after another until nothing runs; ends what was started last first. */
static void drain(struct loop *loop)
{
    decide(loop);
    while (loop->running_count > 0) {
        llmsched_decision d = loop->running[--loop->running_count];
        post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                                     .job = d.job,
                                     .stage = d.stage,
                                     .task = d.task});
        decide(loop);
    }
}

static void giant(struct loop *loop, uint64_t id, uint32_t stages, bool chain)
{
    llmsched_job job = {.size = sizeof job, .profile = loop->profile};
    post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &job});
    for (uint32_t i = 0; i < stages; i++) {
        const uint32_t parent = i - 1;
        llmsched_revealed_stage info = {.size = sizeof info,
                                        .kind = LLMSCHED_STAGE_LLM,
                                        .name = i == 0 ? "draft" : "repair",
                                        .parents = &parent,
                                        .parent_count = chain && i > 0,
                                        .has_prompt = 1,
                                        .prompt_tokens = 500};
        post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                                     .job = id,
                                     .stage = i,
                                     .stage_info = &info});
    }
}

static void small_jobs(struct loop *loop, uint64_t first, uint32_t count)
{
    for (uint64_t id = first; id < first + count; id++)
        arrive(loop, id);
}

static void play(struct loop *loop, const char *name, uint32_t size)
{
    if (strcmp(name, "all at once") == 0) {
        small_jobs(loop, 0, size);
    } else if (strcmp(name, "giants first") == 0) {
        for (uint64_t id = 0; id < 10; id++)
            giant(loop, id, size / 20, false);
        small_jobs(loop, 10, size / 2);
    } else {
        giant(loop, 0, size, strcmp(name, "one chain") == 0);
    }
    drain(loop);
}

static void measure_burst(struct burst *b, uint32_t repeats)
{
    llmsched_context_options options = {.size = sizeof options, .max_stages = 1u << 20};
    llmsched_context *context = NULL;
    llmsched_profile *profile = NULL;
    must(llmsched_context_create(&options, &context, &err));
    must(test_profile(context, 7, 300, NULL, &profile, &err));
    b->event_s = INFINITY;
    for (uint32_t i = 0; i < repeats; i++) {
        struct loop loop;
        loop_begin(&loop, context, profile, b->policy, b->size);
        double start = now();
        play(&loop, b->name, b->size);
        b->event_s = fmin(b->event_s, (now() - start) / (double)loop.events);
        loop_end(&loop);
    }
    llmsched_profile_release(profile);
    llmsched_context_destroy(context);
}

/* --- output ----------------------------------------------------------------------------- */

static const char *const policies[] = {"fcfs",   "fair", "srtf", "llmsched", "llmsched:epsilon=0",
                                       "gittins"};
static const char *const bursts[] = {"all at once", "giants first", "one chain", "one fan"};

struct settings {
    const char *policy;
    uint32_t jobs, most_jobs;
    bool is_short;
    FILE *json;
};

static void put_curve(const struct settings *set)
{
    bool first = true;
    printf("%-20s %8s %8s %8s %9s %10s %8s %8s %10s %7s\n", "policy", "jobs", "p50 us", "p99 us",
           "most us", "events/s", "fill us", "most ms", "bytes/job", "allocs");
    for (size_t p = 0; p < LLS_COUNT(policies); p++) {
        for (uint32_t jobs = 100; jobs <= set->most_jobs; jobs *= 10) {
            struct plan plan = {100000, 20000, jobs > 100000 ? 2 : 3};
            if (set->is_short)
                plan = (struct plan){10000, 2000, 2};
            if ((set->policy != NULL && strcmp(set->policy, policies[p]) != 0) ||
                (set->jobs != 0 && set->jobs != jobs))
                continue;
            struct result r = measure(policies[p], jobs, &plan);
            printf("%-20s %8" PRIu32 " %8.2f %8.2f %9.1f %10.0f %8.2f %8.2f %10.0f %7" PRIu64 "\n",
                   r.policy, r.jobs, 1e6 * r.p50_s, 1e6 * r.p99_s, 1e6 * r.most_s, r.events_per_s,
                   1e6 * r.fill_s, 1e3 * r.fill_most_s, r.bytes_per_job, r.allocations);
            fflush(stdout);
            if (set->json != NULL)
                fprintf(set->json,
                        "%s\n{\"policy\":\"%s\",\"jobs\":%" PRIu32
                        ",\"p50_s\":%.9f,\"p99_s\":%.9f,\"max_s\":%.9f,\"events_per_s\":%.1f,"
                        "\"fill_s\":%.9f,\"fill_max_s\":%.9f,\"bytes_per_job\":%.1f,"
                        "\"allocations\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\"}",
                        first ? "" : ",", r.policy, r.jobs, r.p50_s, r.p99_s, r.most_s,
                        r.events_per_s, r.fill_s, r.fill_most_s, r.bytes_per_job, r.allocations,
                        r.digest);
            first = false;
        }
    }
}

static void put_bursts(const struct settings *set)
{
    bool first = true;
    printf("\n%-20s %-14s %8s %12s\n", "policy", "what comes", "size", "us per event");
    for (size_t p = 0; p < LLS_COUNT(policies) && set->jobs == 0; p++) {
        if (set->policy != NULL && strcmp(set->policy, policies[p]) != 0)
            continue;
        for (size_t b = 0; b < LLS_COUNT(bursts); b++) {
            for (uint32_t size = 1000; size <= (set->is_short ? 10000 : 100000); size *= 10) {
                struct burst burst = {.name = bursts[b], .policy = policies[p], .size = size};
                measure_burst(&burst, size > 10000 ? 1 : 2);
                printf("%-20s %-14s %8" PRIu32 " %12.2f\n", burst.policy, burst.name, size,
                       1e6 * burst.event_s);
                fflush(stdout);
                if (set->json != NULL)
                    fprintf(set->json,
                            "%s\n{\"policy\":\"%s\",\"what\":\"%s\",\"size\":%" PRIu32
                            ",\"event_s\":%.9f}",
                            first ? "" : ",", burst.policy, burst.name, size, burst.event_s);
                first = false;
            }
        }
    }
}

static bool read_arguments(int argc, char **argv, struct settings *set)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--short") == 0)
            set->is_short = true;
        else if (i + 1 < argc && strcmp(argv[i], "--policy") == 0)
            set->policy = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--jobs") == 0)
            set->jobs = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--json") == 0)
            set->json = fopen(argv[++i], "w");
        else
            return false;
    }
    set->most_jobs = set->is_short ? 10000 : 1000000;
    return true;
}

int main(int argc, char **argv)
{
    struct settings set = {0};
    if (!read_arguments(argc, argv, &set)) {
        fputs("usage: bench_scheduler [--short] [--policy NAME] [--jobs N] [--json FILE]\n",
              stderr);
        return 2;
    }
    if (set.json != NULL)
        fputs("{\"format\":\"llmsched-bench-scheduler-1\",\"curve\":[", set.json);
    put_curve(&set);
    if (set.json != NULL)
        fputs("],\"bursts\":[", set.json);
    put_bursts(&set);
    if (set.json != NULL) {
        fputs("]}\n", set.json);
        fclose(set.json);
    }
    return 0;
}
