/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched evaluate: a plan simulated on a jobs file. */
#include "evaluate.h"

#include <math.h>

#include "io.h"
#include "json.h"
#include "max_rate.h"
#include "options.h"
#include "plan_world.h"
#include "profiles.h"

struct arguments {
    struct planned_files files;
    const char *jobs, *policy, *profiles, *out, *schedule, *replicas;
    uint64_t seed;
    bool max_rate, unloaded;
    double limit_s;
};

static bool write_results(const struct evaluation *e, const struct arguments *a,
                          const struct sim_result *result)
{
    struct output out = {0}, schedule = {0}, replicas = {0};
    bool good = output_open(&out, a->out, e->problem) &&
                (a->schedule == NULL || output_open(&schedule, a->schedule, e->problem)) &&
                (a->replicas == NULL || output_open(&replicas, a->replicas, e->problem));
    if (good) {
        sim_write_jobs(e->workload, result, out.file);
        if (a->schedule != NULL)
            sim_write_tasks(e->workload, result, schedule.file);
        if (a->replicas != NULL)
            sim_write_replicas(e->world, result, replicas.file);
        good = (a->schedule == NULL || output_commit(&schedule, e->problem)) &&
               (a->replicas == NULL || output_commit(&replicas, e->problem)) &&
               output_commit(&out, e->problem);
    }
    output_abandon(&out);
    output_abandon(&schedule);
    output_abandon(&replicas);
    return good;
}

static void print_json(const char *key, double value, const char *end)
{
    printf("\"%s\":", key);
    json_put_number(stdout, value);
    fputs(end, stdout);
}

/* What is asked for beside the jobs as they are: one line of JSON each. */
static bool print_answers(const struct evaluation *e, const struct arguments *a)
{
    struct latencies alone;
    double rate, limit_s = a->limit_s;
    if ((a->unloaded || isnan(limit_s)) && !unloaded_latencies(e, &alone))
        return false;
    if (a->unloaded) {
        putchar('{');
        print_json("mean_s", alone.mean_s, ",");
        print_json("p50_s", alone.p50_s, ",");
        print_json("p95_s", alone.p95_s, ",");
        print_json("p99_s", alone.p99_s, "}\n");
    }
    if (!a->max_rate)
        return true;
    if (isnan(limit_s))
        limit_s = 2.0 * alone.p95_s;
    if (!max_rate(e, limit_s, &rate))
        return false;
    putchar('{');
    print_json("rate_per_s", rate, ",");
    print_json("limit_s", limit_s, "}\n");
    return true;
}

static bool evaluate_jobs(const struct evaluation *e, const struct arguments *a)
{
    struct sim_result result = {0};
    bool good = sim_run_on(e->workload, e->world, e->options, &result, e->problem) &&
                write_results(e, a, &result);
    if (good && !a->max_rate && !a->unloaded)
        evaluate_table(e, result.completion_s, stdout);
    sim_result_release(&result);
    return good;
}

static bool evaluate_with(llmsched_context *context, const struct arguments *a,
                          struct problem *problem)
{
    struct planned planned = {0};
    struct workload workload = {0};
    struct world world = {0};
    struct profile_set profiles = {0};
    struct sim_options options = {.context = context,
                                  .policy = a->policy,
                                  .seed = a->seed,
                                  .keep_tasks = a->schedule != NULL,
                                  .keep_replicas = a->replicas != NULL};
    struct evaluation evaluation = {&planned, &world, &workload, &options, problem};
    bool good = planned_load(&planned, context, &a->files, problem) &&
                jobs_read(&workload, a->jobs, problem) &&
                world_of_plan(&world, &planned, &workload, a->jobs, problem) &&
                policy_fits(&workload, a->policy, a->jobs, problem) &&
                (a->profiles == NULL || profiles_load(&profiles, context, a->profiles, problem));
    for (size_t j = 0; good && j < workload.count; j++)
        workload.jobs[j].profile = profiles_find(&profiles, workload.jobs[j].app);
    good = good && (a->out == NULL || evaluate_jobs(&evaluation, a)) &&
           (!(a->max_rate || a->unloaded) || print_answers(&evaluation, a));
    profiles_release(&profiles);
    world_release(&world);
    workload_release(&workload);
    planned_release(&planned);
    return good;
}

static bool check(const struct arguments *a, struct problem *problem)
{
    if (a->out == NULL &&
        (a->schedule != NULL || a->replicas != NULL || !(a->max_rate || a->unloaded)))
        return bad_input(problem, "-o: expected OUT.jsonl (see llmsched evaluate --help)");
    if (a->limit_s <= 0.0)
        return bad_input(problem, "--limit-s: expected a number above 0");
    if (!isnan(a->limit_s) && !a->max_rate)
        return bad_input(problem, "--limit-s: expected --max-rate beside it");
    return true;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct arguments a = {.policy = "fcfs", .seed = 1, .limit_s = NAN};
    const struct option options[] = {
        {"--plan", "PLAN.json", OPTION_TEXT, true, &a.files.plan, "the plan"},
        {"--cluster", "C", OPTION_TEXT, true, &a.files.cluster,
         "its GPUs: a file, or NODESxGPUSxKIND as in 2x8xh100-80g"},
        {"--models", "M.json", OPTION_TEXT, true, &a.files.models, "its models with their curves"},
        {"--jobs", "J.jsonl", OPTION_TEXT, true, &a.jobs, "jobs file, one job a line"},
        {"--policy", "P", OPTION_TEXT, false, &a.policy,
         "a built-in policy, which orders the queue of each model (fcfs)"},
        {"--profiles", "DIR", OPTION_TEXT, false, &a.profiles,
         "profiles as learn writes them; a job's app names its profile"},
        {"--seed", "S", OPTION_COUNT, false, &a.seed, "of the policy's random stream (1)"},
        {"-o", "OUT.jsonl", OPTION_TEXT, false, &a.out,
         "completion of every job; and a table on standard output, unless that holds JSON"},
        {"--schedule", "TASKS.jsonl", OPTION_TEXT, false, &a.schedule,
         "replica, start and end of every task; a tool's replica is -1"},
        {"--replicas", "CHANGES.jsonl", OPTION_TEXT, false, &a.replicas,
         "what the plan's autoscaler did"},
        {"--unloaded", NULL, OPTION_FLAG, false, &a.unloaded,
         "print the latencies of the jobs one by one, as JSON"},
        {"--max-rate", NULL, OPTION_FLAG, false, &a.max_rate,
         "print the highest rate sustained, as JSON"},
        {"--limit-s", "S", OPTION_NUMBER, false, &a.limit_s,
         "what the 95th percentile may be then (twice that of --unloaded)"},
    };
    bool helped;
    if (!options_parse(&COMMAND_EVALUATE, options, COUNT_OF(options), argc, argv, &helped,
                       problem) ||
        helped || !check(&a, problem))
        return problem->code;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    const llmsched_context_options limits = {.size = sizeof limits, .max_stages = MOST_STAGES};
    if (llmsched_context_create(&limits, &context, &err) != LLMSCHED_OK)
        library_failed(problem, NULL, &err);
    else
        evaluate_with(context, &a, problem);
    llmsched_context_destroy(context);
    return problem->code;
}

const struct command COMMAND_EVALUATE = {
    .name = "evaluate",
    .usage = "--plan PLAN.json --cluster C --models M.json --jobs J.jsonl [-o OUT.jsonl] "
             "[--max-rate]",
    .summary = "simulate a plan on a jobs file",
    .run = run,
};
