/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched plan: where models should live. */
#include <math.h>
#include <string.h>

#include "apps.h"
#include "io.h"
#include "options.h"
#include "planfiles.h"

struct arguments {
    const char *cluster, *models, *apps, *planner, *out, *menus, *running;
    double utilisation, rate_factor, move_cost;
    uint64_t nodes;
    bool max_rate, fewest_gpus;
};

static bool write_text(const char *path, llmsched_text *text, struct problem *problem)
{
    struct output out = {0};
    bool good = output_open(&out, path, problem);
    if (good) {
        fwrite(llmsched_text_data(text), 1, llmsched_text_length(text), out.file);
        fputc('\n', out.file);
        good = output_commit(&out, problem);
    }
    output_abandon(&out);
    llmsched_text_destroy(text);
    return good;
}

static bool write_menus(const llmsched_planner *planner, const llmsched_planner_options *options,
                        const char *path, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_text *text = NULL;
    if (llmsched_planner_menus(planner, options, &text, &err) != LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    return write_text(path, text, problem);
}

/* Prints what was asked for beside the plan: the highest rate, or the fewest GPUs. */
static bool make_plan(const llmsched_planner *planner, const llmsched_planner_options *options,
                      const struct arguments *a, llmsched_plan **plan, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_status status;
    double factor = 0.0;
    uint32_t gpus = 0;
    if (a->max_rate) {
        status = llmsched_planner_max_rate(planner, options, &factor, plan, &err);
        if (status == LLMSCHED_OK)
            printf("{\"rate_factor\":%.17g}\n", factor);
    } else if (a->fewest_gpus) {
        status = llmsched_planner_min_gpus(planner, options, &gpus, plan, &err);
        if (status == LLMSCHED_OK)
            printf("{\"gpus\":%u}\n", (unsigned)gpus);
    } else {
        status = llmsched_planner_plan(planner, options, plan, &err);
    }
    return status == LLMSCHED_OK || library_failed(problem, NULL, &err);
}

/* The plan is written also where there is none, so that the reason can be read. */
static bool report(const llmsched_plan *plan, const char *path, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_plan_info info = {.size = sizeof info};
    llmsched_text *text = NULL;
    if (llmsched_plan_get_info(plan, &info, &err) != LLMSCHED_OK ||
        (path != NULL && llmsched_plan_to_json(plan, &text, &err) != LLMSCHED_OK))
        return library_failed(problem, NULL, &err);
    if (path != NULL && !write_text(path, text, problem))
        return false;
    if (info.status == LLMSCHED_PLAN_INFEASIBLE)
        return no_result(problem, "no plan: %s: %s", llmsched_plan_reason(plan),
                         llmsched_plan_lift(plan));
    return true;
}

static bool plan_with(llmsched_context *context, const struct arguments *a, struct problem *problem)
{
    llmsched_planner *planner = NULL;
    llmsched_plan *running = NULL, *plan = NULL;
    bool good = planner_load(context, a->cluster, a->models, NULL, &planner, problem) &&
                apps_read(context, planner, a->apps, problem) &&
                (a->running == NULL || plan_load(planner, a->running, &running, problem));
    llmsched_planner_options options = {.size = sizeof options,
                                        .planner = a->planner,
                                        .rate_factor = a->rate_factor,
                                        .max_utilisation = a->utilisation,
                                        .node_budget = a->nodes,
                                        .running = running,
                                        .move_cost_s = a->move_cost};
    good = good && (a->menus == NULL || write_menus(planner, &options, a->menus, problem)) &&
           make_plan(planner, &options, a, &plan, problem) && report(plan, a->out, problem);
    llmsched_plan_release(plan);
    llmsched_plan_release(running);
    llmsched_planner_destroy(planner);
    return good;
}

static bool check(const struct arguments *a, struct problem *problem)
{
    if (a->max_rate && a->fewest_gpus)
        return bad_input(problem, "--fewest-gpus: expected without --max-rate");
    if (!(a->rate_factor > 0.0))
        return bad_input(problem, "--rate-factor: expected a positive number");
    if (!(a->utilisation > 0.0))
        return bad_input(problem, "--rho: expected a number in 0.01 .. 0.999");
    return true;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct arguments a = {.utilisation = 0.9, .rate_factor = 1.0};
    const struct option options[] = {
        {"--cluster", "C", OPTION_TEXT, true, &a.cluster,
         "cluster file, or nodes x GPUs x kind: 2x8xh100-80g"},
        {"--models", "M.json", OPTION_TEXT, true, &a.models, "models and their curves"},
        {"--apps", "A.json", OPTION_TEXT, true, &a.apps, "applications and their rates"},
        {"--planner", "NAME", OPTION_TEXT, false, &a.planner, "llmsched"},
        {"-o", "PLAN.json", OPTION_TEXT, false, &a.out, "the plan, or why there is none"},
        {"--menus", "MENUS.json", OPTION_TEXT, false, &a.menus, "what is searched"},
        {"--rho", "R", OPTION_NUMBER, false, &a.utilisation,
         "most of a model's saturation rate that is used (0.9)"},
        {"--rate-factor", "F", OPTION_NUMBER, false, &a.rate_factor, "on all rates (1)"},
        {"--max-rate", NULL, OPTION_FLAG, false, &a.max_rate,
         "print the highest factor on all rates for which there is a plan"},
        {"--fewest-gpus", NULL, OPTION_FLAG, false, &a.fewest_gpus,
         "print how many GPUs from the front of the cluster suffice"},
        {"--running", "PLAN.json", OPTION_TEXT, false, &a.running,
         "what runs now: plans that move less are preferred"},
        {"--move-cost", "S", OPTION_NUMBER, false, &a.move_cost,
         "seconds of latency that a moved replica counts as (0)"},
        {"--nodes", "N", OPTION_COUNT, false, &a.nodes, "of the search at most (1000000)"},
    };
    bool helped;
    if (!options_parse(&COMMAND_PLAN, options, COUNT_OF(options), argc, argv, &helped, problem) ||
        helped || !check(&a, problem))
        return problem->code;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK)
        library_failed(problem, NULL, &err);
    else
        plan_with(context, &a, problem);
    llmsched_context_destroy(context);
    return problem->code;
}

const struct command COMMAND_PLAN = {
    .name = "plan",
    .usage = "--cluster C --models M.json --apps A.json [-o PLAN.json]",
    .summary = "place models on GPUs for the least latency of applications",
    .run = run,
};
