/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched learn: a profile per application from its past runs. */
#include <stdio.h>
#include <stdlib.h>

#include "options.h"
#include "pool.h"
#include "profiles.h"

static void print_summary(const struct applications *apps)
{
    printf("%-52s %7s %7s %12s %12s\n", "application", "runs", "stages", "LLM s", "tool s");
    for (size_t i = 0; i < apps->count; i++) {
        llmsched_profile_summary summary = {.size = sizeof summary};
        if (llmsched_profile_get_summary(apps->items[i].profile, &summary, NULL) == LLMSCHED_OK)
            printf("%-52s %7llu %7u %12.3f %12.3f\n", apps->items[i].name,
                   (unsigned long long)summary.run_count, summary.stage_count, summary.mean_llm_s,
                   summary.mean_tool_s);
    }
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct values runs = {0};
    const char *folder = NULL;
    uint64_t threads = 0;
    const struct option options[] = {
        {"", "RUNS...", OPTION_LIST, true, &runs, "run files, or folders with *.jsonl files"},
        {"-o", "DIR", OPTION_TEXT, true, &folder, "where the profiles go, FILESTEM__APP.json each"},
        {"--threads", "N", OPTION_COUNT, false, &threads,
         "applications fitted at once (all cores)"},
    };
    bool helped;
    if (!options_parse(&COMMAND_LEARN, options, COUNT_OF(options), argc, argv, &helped, problem) ||
        helped)
        goto done;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    struct applications apps = {0};
    if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK) {
        library_failed(problem, NULL, &err);
    } else if (applications_read(&apps, context, &runs, NULL, NULL, NULL, ROLE_TRAIN, problem)) {
        applications_sort(&apps);
        unsigned helpers =
            threads > 0 && threads < 1024 ? (unsigned)threads : pool_default_threads();
        if (applications_fit(&apps, context, helpers, problem) &&
            applications_save(&apps, folder, problem))
            print_summary(&apps);
    }
    applications_release(&apps);
    llmsched_context_destroy(context);
done:
    free(runs.items);
    return problem->code;
}

const struct command COMMAND_LEARN = {
    .name = "learn",
    .usage = "RUNS... -o DIR",
    .summary = "fit a profile per application from run files",
    .run = run,
};
