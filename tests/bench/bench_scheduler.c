/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler in a closed loop: as many jobs as are to be live, one coming for each that ends.
 * A step is one thing that happens (a task ends, with what its job reveals or the job that follows
 * it) and every decision it leads to. Prints a table; JSON where asked.
 *
 *     bench_scheduler [--short] [--policy NAME] [--jobs N] [--shape NAME] [--seconds S]
 *                     [--json FILE]
 *
 * --policy takes any policy with its options. --shape plays one of the things that are meant to
 * hurt (all-at-once, giants-first, one-chain, one-fan, engines-down), of --jobs jobs or stages.
 * --seconds bounds a row: a policy that looks through all ready stages makes as many steps as it
 * can.
 *
 * Every run is made again from the same seed and a step counts by its fastest time, so that what
 * else the machine does falls away and what the scheduler does stays.
 */
#define _POSIX_C_SOURCE 200809L
#include "loop.h"
#include "sized.h"

#include <inttypes.h>
#include <math.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* --- measuring -------------------------------------------------------------------------- */

struct result {
    const char *policy;
    uint32_t jobs;
    double p50_s, p99_s, most_s;
    double events_per_s;
    double fill_s;        /* a job's arrival while the scheduler fills */
    double fill_most_s;   /* the longest of them: tables grow */
    double bytes_per_job; /* evidence and all, when the scheduler is full */
    uint64_t allocations; /* in the steps that were measured */
    uint32_t steps;
    uint64_t digest;
};

struct plan {
    uint32_t warm, steps, repeats;
    double seconds; /* of the warm-up, and of the steps */
};

/* The fastest time of everything that was timed. */
struct times {
    double *arrivals, *steps;
};

static double *never(size_t count)
{
    double *times = room(count, sizeof *times);
    for (size_t i = 0; i < count; i++)
        times[i] = INFINITY;
    return times;
}

static void fill(struct loop *loop, uint32_t jobs, double *fastest)
{
    for (uint64_t id = 0; id < jobs; id++) {
        loop->time += 0.001;
        draw(loop, live_of(loop, id));
        double start = now();
        begin(loop, id);
        decide(loop);
        fastest[id] = fmin(fastest[id], now() - start);
    }
}

/* How many steps were made before the time was up. */
static uint32_t step_on(struct loop *loop, uint32_t steps, double seconds, double *fastest)
{
    double end = now() + seconds;
    uint32_t made = 0;
    while (made < steps && now() < end) {
        double time = step(loop);
        if (fastest != NULL)
            fastest[made] = fmin(fastest[made], time);
        made++;
    }
    return made;
}

/* Lowers the plan to what the first run got done, so that the others repeat it. */
static void run_once(llmsched_context *context, struct sized *memory,
                     const llmsched_profile *profile, struct plan *plan, const struct times *times,
                     struct result *r)
{
    struct loop loop;
    loop_begin(&loop, context, profile, r->policy, r->jobs, BATCH);
    uint64_t before = memory->bytes;
    fill(&loop, r->jobs, times->arrivals);
    r->bytes_per_job = (double)(memory->bytes - before) / r->jobs;
    plan->warm = step_on(&loop, plan->warm, plan->seconds, NULL);
    uint64_t events = loop.events, calls = memory->calls;
    plan->steps = step_on(&loop, plan->steps, plan->seconds, times->steps);
    plan->seconds = INFINITY;
    r->allocations = memory->calls - calls;
    r->events_per_s = (double)(loop.events - events);
    r->digest = loop.digest;
    loop_end(&loop);
}

static void sum_up(struct result *r, const struct times *times)
{
    double steps = 0, arrivals = 0;
    for (uint32_t i = 0; i < r->steps; i++)
        steps += times->steps[i];
    for (uint32_t i = 0; i < r->jobs; i++) {
        arrivals += times->arrivals[i];
        r->fill_most_s = fmax(r->fill_most_s, times->arrivals[i]);
    }
    r->events_per_s /= steps;
    r->fill_s = arrivals / r->jobs;
    qsort(times->steps, r->steps, sizeof *times->steps, by_value);
    r->p50_s = times->steps[r->steps / 2];
    r->p99_s = times->steps[(size_t)(0.99 * r->steps)];
    r->most_s = times->steps[r->steps - 1];
}

static struct result measure(const char *policy, uint32_t jobs, struct plan plan)
{
    struct result r = {.policy = policy, .jobs = jobs};
    struct sized memory = {0};
    llmsched_allocator allocator = sized_allocator(&memory);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *context = NULL;
    llmsched_profile *profile = NULL;
    struct times times = {never(jobs), never(plan.steps)};
    must(llmsched_context_create(&options, &context, &err));
    must(test_profile(context, 7, 300, NULL, &profile, &err));
    for (uint32_t i = 0; i < plan.repeats; i++)
        run_once(context, &memory, profile, &plan, &times, &r);
    r.steps = plan.steps;
    sum_up(&r, &times);
    llmsched_profile_release(profile);
    llmsched_context_destroy(context);
    free(times.arrivals);
    free(times.steps);
    return r;
}

/* --- what is meant to hurt -------------------------------------------------------------- */

/* Whatever comes, the time per event should not grow with how much of it there is. */
struct burst {
    const char *shape, *policy;
    uint32_t size;
    double seconds; /* at most so long */
    double event_s;
};

/* A whole stage after another until nothing runs; ends what was started last first. */
static void drain(struct loop *loop, double seconds)
{
    double end = now() + seconds;
    decide(loop);
    while (loop->running_count > 0 && now() < end) {
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

/* All engines go while they are full, and come again. Their tasks count as events. */
static void engines_down(struct loop *loop)
{
    decide(loop);
    for (uint64_t e = 0; e < ENGINES; e++)
        post(loop, &(llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_DOWN, .executor = e});
    loop->events += loop->running_count;
    loop->running_count = 0;
    for (uint64_t e = 0; e < ENGINES; e++)
        executor_up(loop, e);
}

static void play(struct loop *loop, const struct burst *b)
{
    if (strcmp(b->shape, "all-at-once") == 0) {
        small_jobs(loop, 0, b->size);
    } else if (strcmp(b->shape, "giants-first") == 0) {
        for (uint64_t id = 0; id < 10; id++)
            giant(loop, id, b->size / 20, false);
        small_jobs(loop, 10, b->size / 2);
    } else if (strcmp(b->shape, "engines-down") == 0) {
        small_jobs(loop, 0, b->size);
        engines_down(loop);
    } else {
        giant(loop, 0, b->size, strcmp(b->shape, "one-chain") == 0);
    }
    drain(loop, b->seconds);
}

static void measure_burst(struct burst *b, uint32_t repeats)
{
    llmsched_context_options options = {.size = sizeof options, .max_stages = 1u << 20};
    llmsched_context *context = NULL;
    llmsched_profile *profile = NULL;
    bool down = strcmp(b->shape, "engines-down") == 0;
    must(llmsched_context_create(&options, &context, &err));
    must(test_profile(context, 7, 300, NULL, &profile, &err));
    b->event_s = INFINITY;
    for (uint32_t i = 0; i < repeats; i++) {
        struct loop loop;
        loop_begin(&loop, context, profile, b->policy, b->size,
                   down ? (b->size + ENGINES - 1) / ENGINES : BATCH);
        double start = now();
        play(&loop, b);
        b->event_s = fmin(b->event_s, (now() - start) / (double)loop.events);
        loop_end(&loop);
    }
    llmsched_profile_release(profile);
    llmsched_context_destroy(context);
}

/* --- output ----------------------------------------------------------------------------- */

static const char *const policies[] = {"fcfs",       "fair",
                                       "sjf",        "srtf",
                                       "argus",      "carbyne",
                                       "plas",       "atlas",
                                       "llmsched",   "llmsched:epsilon=0",
                                       "gittins",    "fair-share/gittins",
                                       "oracle-srpt"};
static const char *const shapes[] = {"all-at-once", "giants-first", "one-chain", "one-fan",
                                     "engines-down"};

struct settings {
    const char *policy, *shape;
    uint32_t jobs, most_jobs;
    double seconds;
    bool is_short;
    FILE *json;
    bool is_first; /* of its list */
};

static void put_result(struct settings *set, const struct result *r)
{
    printf("%-20s %8" PRIu32 " %8.2f %8.2f %9.1f %10.0f %8.2f %8.2f %10.0f %11.4f\n", r->policy,
           r->jobs, 1e6 * r->p50_s, 1e6 * r->p99_s, 1e6 * r->most_s, r->events_per_s,
           1e6 * r->fill_s, 1e3 * r->fill_most_s, r->bytes_per_job,
           (double)r->allocations / r->steps);
    fflush(stdout);
    if (set->json != NULL)
        fprintf(set->json,
                "%s\n{\"policy\":\"%s\",\"jobs\":%" PRIu32
                ",\"p50_s\":%.9f,\"p99_s\":%.9f,\"max_s\":%.9f,\"events_per_s\":%.1f,"
                "\"fill_s\":%.9f,\"fill_max_s\":%.9f,\"bytes_per_job\":%.1f,\"steps\":%" PRIu32
                ",\"allocations\":%" PRIu64 ",\"digest\":\"%016" PRIx64 "\"}",
                set->is_first ? "" : ",", r->policy, r->jobs, r->p50_s, r->p99_s, r->most_s,
                r->events_per_s, r->fill_s, r->fill_most_s, r->bytes_per_job, r->steps,
                r->allocations, r->digest);
    set->is_first = false;
}

static void put_policy(struct settings *set, const char *policy)
{
    for (uint32_t jobs = 100; jobs <= set->most_jobs; jobs *= 10) {
        uint32_t live = set->jobs != 0 ? set->jobs : jobs;
        struct plan plan = {100000, 20000, 3, set->seconds};
        if (set->is_short)
            plan = (struct plan){10000, 2000, 3, set->seconds};
        struct result r = measure(policy, live, plan);
        put_result(set, &r);
        if (set->jobs != 0)
            return;
    }
}

static void put_curve(struct settings *set)
{
    set->is_first = true;
    printf("%-20s %8s %8s %8s %9s %10s %8s %8s %10s %11s\n", "policy", "jobs", "p50 us", "p99 us",
           "most us", "events/s", "fill us", "most ms", "bytes/job", "allocs/step");
    for (size_t p = 0; p < LLS_COUNT(policies) && set->policy == NULL; p++)
        put_policy(set, policies[p]);
    if (set->policy != NULL)
        put_policy(set, set->policy);
}

static void put_burst(struct settings *set, const char *policy, const char *shape, uint32_t size)
{
    struct burst b = {.shape = shape, .policy = policy, .size = size, .seconds = set->seconds};
    measure_burst(&b, size > 10000 ? 1 : 2);
    printf("%-20s %-14s %8" PRIu32 " %12.2f\n", policy, shape, size, 1e6 * b.event_s);
    fflush(stdout);
    if (set->json != NULL)
        fprintf(set->json,
                "%s\n{\"policy\":\"%s\",\"what\":\"%s\",\"size\":%" PRIu32 ",\"event_s\":%.9f}",
                set->is_first ? "" : ",", policy, shape, size, b.event_s);
    set->is_first = false;
}

/* All sizes, or the one asked for. */
static void put_sizes(struct settings *set, const char *policy, const char *shape)
{
    uint32_t most = set->is_short ? 10000 : 100000;
    if (set->jobs != 0)
        put_burst(set, policy, shape, set->jobs);
    for (uint32_t size = 1000; size <= most && set->jobs == 0; size *= 10)
        put_burst(set, policy, shape, size);
}

static void put_bursts(struct settings *set)
{
    set->is_first = true;
    printf("\n%-20s %-14s %8s %12s\n", "policy", "what comes", "size", "us per event");
    for (size_t p = 0; p < (set->policy != NULL ? 1 : LLS_COUNT(policies)); p++) {
        const char *policy = set->policy != NULL ? set->policy : policies[p];
        for (size_t b = 0; b < LLS_COUNT(shapes); b++) {
            if (set->shape == NULL || strcmp(set->shape, shapes[b]) == 0)
                put_sizes(set, policy, shapes[b]);
        }
    }
}

static bool is_number(const char *text, double least, double most, double *value)
{
    char *end = NULL;
    *value = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *value >= least && *value <= most;
}

static bool read_option(struct settings *set, const char *name, const char *value)
{
    double number = 0;
    if (strcmp(name, "--policy") == 0)
        set->policy = value;
    else if (strcmp(name, "--shape") == 0)
        set->shape = value;
    else if (strcmp(name, "--jobs") == 0 && is_number(value, 1, 1e8, &number))
        set->jobs = (uint32_t)number;
    else if (strcmp(name, "--seconds") == 0 && is_number(value, 0, 1e6, &number))
        set->seconds = number;
    else if (strcmp(name, "--json") == 0)
        return (set->json = fopen(value, "w")) != NULL;
    else
        return false;
    return true;
}

static bool read_arguments(int argc, char **argv, struct settings *set)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--short") == 0)
            set->is_short = true;
        else if (i + 1 == argc || !read_option(set, argv[i], argv[i + 1]))
            return false;
        else
            i++;
    }
    set->most_jobs = set->is_short ? 10000 : 1000000;
    if (set->seconds == 0)
        set->seconds = set->is_short ? 0.5 : 10;
    for (size_t b = 0; set->shape != NULL && b < LLS_COUNT(shapes); b++) {
        if (strcmp(set->shape, shapes[b]) == 0)
            return true;
    }
    return set->shape == NULL;
}

/* Said before anything is measured. */
static void check_policy(const char *policy)
{
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy};
    llmsched_context *context = NULL;
    llmsched_scheduler *scheduler = NULL;
    must(llmsched_context_create(NULL, &context, &err));
    must(llmsched_scheduler_create(context, &options, &scheduler, &err));
    llmsched_scheduler_destroy(scheduler);
    llmsched_context_destroy(context);
}

int main(int argc, char **argv)
{
    struct settings set = {0};
    if (!read_arguments(argc, argv, &set)) {
        fputs("usage: bench_scheduler [--short] [--policy NAME] [--jobs N] [--shape NAME] "
              "[--seconds S] [--json FILE]\nshapes: all-at-once, giants-first, one-chain, one-fan, "
              "engines-down\n",
              stderr);
        return 2;
    }
    if (set.policy != NULL)
        check_policy(set.policy);
    if (set.json != NULL)
        fputs("{\"format\":\"llmsched-bench-scheduler-1\",\"curve\":[", set.json);
    if (set.shape == NULL)
        put_curve(&set);
    if (set.json != NULL)
        fputs("],\"bursts\":[", set.json);
    if (set.shape != NULL || set.jobs == 0)
        put_bursts(&set);
    if (set.json != NULL) {
        fputs("]}\n", set.json);
        fclose(set.json);
    }
    return 0;
}
