/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched evaluate: a plan simulated on a jobs file. */
#include "evaluate.h"

#include <math.h>

#include "io.h"
#include "options.h"
#include "plan_world.h"
#include "profiles.h"

struct arguments {
    struct planned_files files;
    const char *jobs, *policy, *profiles, *out, *schedule;
    uint64_t seed;
};

static bool write_results(const struct evaluation *e, const struct arguments *a,
                          const struct sim_result *result)
{
    struct output out = {0}, schedule = {0};
    bool good = output_open(&out, a->out, e->problem) &&
                (a->schedule == NULL || output_open(&schedule, a->schedule, e->problem));
    if (good) {
        sim_write_jobs(e->workload, result, out.file);
        if (a->schedule != NULL) {
            sim_write_tasks(e->workload, result, schedule.file);
            good = output_commit(&schedule, e->problem);
        }
        good = good && output_commit(&out, e->problem);
    }
    output_abandon(&out);
    output_abandon(&schedule);
    return good;
}

static bool evaluate_jobs(const struct evaluation *e, const struct arguments *a)
{
    struct sim_result result = {0};
    bool good = sim_run_on(e->workload, e->world, e->options, &result, e->problem) &&
                write_results(e, a, &result);
    if (good)
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
                                  .keep_tasks = a->schedule != NULL};
    struct evaluation evaluation = {&planned, &world, &workload, &options, problem};
    bool good = planned_load(&planned, context, &a->files, problem) &&
                jobs_read(&workload, a->jobs, problem) &&
                world_of_plan(&world, &planned, &workload, a->jobs, problem) &&
                policy_fits(&workload, a->policy, a->jobs, problem) &&
                (a->profiles == NULL || profiles_load(&profiles, context, a->profiles, problem));
    for (size_t j = 0; good && j < workload.count; j++)
        workload.jobs[j].profile = profiles_find(&profiles, workload.jobs[j].app);
    good = good && evaluate_jobs(&evaluation, a);
    profiles_release(&profiles);
    world_release(&world);
    workload_release(&workload);
    planned_release(&planned);
    return good;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct arguments a = {.policy = "fcfs", .seed = 1};
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
        {"-o", "OUT.jsonl", OPTION_TEXT, true, &a.out, "completion of every job"},
        {"--schedule", "TASKS.jsonl", OPTION_TEXT, false, &a.schedule,
         "replica, start and end of every task; a tool's replica is -1"},
    };
    bool helped;
    if (!options_parse(&COMMAND_EVALUATE, options, COUNT_OF(options), argc, argv, &helped,
                       problem) ||
        helped)
        return problem->code;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK)
        library_failed(problem, NULL, &err);
    else
        evaluate_with(context, &a, problem);
    llmsched_context_destroy(context);
    return problem->code;
}

const struct command COMMAND_EVALUATE = {
    .name = "evaluate",
    .usage = "--plan PLAN.json --cluster C --models M.json --jobs J.jsonl -o OUT.jsonl",
    .summary = "simulate a plan on a jobs file",
    .run = run,
};
