/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched simulate: one policy on one jobs file. */
#include "io.h"
#include "jobs.h"
#include "options.h"
#include "profiles.h"
#include "sim.h"

struct simulate {
    const char *cluster, *jobs, *policy, *profiles, *out, *schedule, *faults;
    uint64_t seed;
};

static bool write_results(const struct workload *workload, const struct sim_result *result,
                          struct output *out, struct output *schedule, struct problem *problem)
{
    sim_write_jobs(workload, result, out->file);
    if (schedule->file != NULL) {
        sim_write_tasks(workload, result, schedule->file);
        if (!output_commit(schedule, problem))
            return false;
    }
    return output_commit(out, problem);
}

static bool simulate_with(llmsched_context *context, const struct simulate *arguments,
                          struct problem *problem)
{
    struct cluster cluster = {0};
    struct workload workload = {0};
    struct profile_set profiles = {0};
    struct sim_result result = {0};
    struct output out = {0}, schedule = {0};
    struct sim_options options = {.context = context,
                                  .policy = arguments->policy,
                                  .seed = arguments->seed,
                                  .keep_tasks = arguments->schedule != NULL};
    bool good =
        cluster_load(&cluster, arguments->cluster, problem) &&
        jobs_read(&workload, arguments->jobs, problem) &&
        workload_fits(&workload, &cluster, arguments->jobs, problem) &&
        policy_fits(&workload, arguments->policy, arguments->jobs, problem) &&
        faults_parse(&options.faults, arguments->faults, problem) &&
        (arguments->profiles == NULL ||
         profiles_load(&profiles, context, arguments->profiles, problem)) &&
        output_open(&out, arguments->out, problem) &&
        (arguments->schedule == NULL || output_open(&schedule, arguments->schedule, problem));
    for (size_t j = 0; good && j < workload.count; j++)
        workload.jobs[j].profile = profiles_find(&profiles, workload.jobs[j].app);
    good = good && sim_run(&workload, &cluster, &options, &result, problem) &&
           write_results(&workload, &result, &out, &schedule, problem);
    output_abandon(&out);
    output_abandon(&schedule);
    sim_result_release(&result);
    profiles_release(&profiles);
    workload_release(&workload);
    cluster_release(&cluster);
    return good;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct simulate a = {.seed = 1};
    const struct option options[] = {
        {"--cluster", "C.json", OPTION_TEXT, true, &a.cluster,
         "cluster file, or one of: default small"},
        {"--jobs", "J.jsonl", OPTION_TEXT, true, &a.jobs, "jobs file, one job a line"},
        {"--policy", "P", OPTION_TEXT, true, &a.policy,
         "a built-in policy, options after a colon: llmsched:epsilon=0"},
        {"--profiles", "DIR", OPTION_TEXT, false, &a.profiles,
         "profiles as learn writes them; a job's app names its profile"},
        {"--seed", "S", OPTION_COUNT, false, &a.seed,
         "of the policy's random stream and of faults (1)"},
        {"--faults", "LIST", OPTION_TEXT, false, &a.faults,
         "fail=P,runaway=P,timeout=S,up=S,down=S: attempts that fail, executors that go"},
        {"-o", "OUT.jsonl", OPTION_TEXT, true, &a.out, "completion of every job"},
        {"--schedule", "TASKS.jsonl", OPTION_TEXT, false, &a.schedule,
         "executor, start and end of every task"},
    };
    bool helped;
    if (!options_parse(&COMMAND_SIMULATE, options, COUNT_OF(options), argc, argv, &helped,
                       problem) ||
        helped)
        return problem->code;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    const llmsched_context_options limits = {.size = sizeof limits, .max_stages = MOST_STAGES};
    if (llmsched_context_create(&limits, &context, &err) != LLMSCHED_OK)
        library_failed(problem, NULL, &err);
    else
        simulate_with(context, &a, problem);
    llmsched_context_destroy(context);
    return problem->code;
}

const struct command COMMAND_SIMULATE = {
    .name = "simulate",
    .usage = "--cluster C.json --jobs J.jsonl --policy P [--profiles DIR] -o OUT.jsonl",
    .summary = "simulate a jobs file under one policy",
    .run = run,
};
