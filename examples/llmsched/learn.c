/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched learn: a profile per application from its past runs, or a network from a table. */
#include <stdio.h>
#include <stdlib.h>

#include "learn.h"
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

static void learn_runs(const struct values *runs, const char *folder, uint64_t threads,
                       struct problem *problem)
{
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    struct applications apps = {0};
    if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK) {
        library_failed(problem, NULL, &err);
    } else if (applications_read(&apps, context, runs, NULL, NULL, NULL, ROLE_TRAIN, problem)) {
        applications_sort(&apps);
        unsigned helpers =
            threads > 0 && threads < 1024 ? (unsigned)threads : pool_default_threads();
        if (applications_fit(&apps, context, helpers, problem) &&
            applications_save(&apps, folder, problem))
            print_summary(&apps);
    }
    applications_release(&apps);
    llmsched_context_destroy(context);
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct values runs = {0};
    struct table_lesson lesson = {.ess = 10.0, .max_parents = 2};
    uint64_t threads = 0;
    const struct option options[] = {
        {"", "RUNS...", OPTION_LIST, false, &runs, "run files, or folders with *.jsonl files"},
        {"-o", "DIR|NET.json", OPTION_TEXT, true, &lesson.out,
         "where the profiles go, FILESTEM__APP.json each; or the network"},
        {"--threads", "N", OPTION_COUNT, false, &threads,
         "applications fitted at once (all cores)"},
        {"--table", "DATA.csv", OPTION_TEXT, false, &lesson.table,
         "learn a network from rows of state indices, plain or gzip"},
        {"--order", "given|free", OPTION_TEXT, false, &lesson.order,
         "parents only from columns further left, or from any"},
        {"--score", "bic|bdeu", OPTION_TEXT, false, &lesson.score,
         "what the network is to have most of"},
        {"--ess", "A", OPTION_NUMBER, false, &lesson.ess,
         "equivalent sample size of BDeu and of the tables (10)"},
        {"--max-parents", "K", OPTION_COUNT, false, &lesson.max_parents,
         "most parents of a node (2)"},
    };
    bool helped;
    if (!options_parse(&COMMAND_LEARN, options, COUNT_OF(options), argc, argv, &helped, problem) ||
        helped)
        goto done;
    if (lesson.table != NULL && runs.count > 0)
        bad_input(problem, "%s: expected no runs beside --table", runs.items[0]);
    else if (lesson.table != NULL)
        learn_table(&lesson, problem);
    else if (lesson.order != NULL || lesson.score != NULL)
        bad_input(problem, "%s: expected beside --table only",
                  lesson.order != NULL ? "--order" : "--score");
    else if (runs.count == 0)
        bad_input(problem, "RUNS...: expected RUNS... or --table (see llmsched learn --help)");
    else
        learn_runs(&runs, lesson.out, threads, problem);
done:
    free(runs.items);
    return problem->code;
}

const struct command COMMAND_LEARN = {
    .name = "learn",
    .usage = "RUNS... -o DIR\n       llmsched learn --table DATA.csv --order given|free "
             "--score bic|bdeu -o NET.json",
    .summary = "fit a profile per application from run files, or a network from a table",
    .run = run,
};
