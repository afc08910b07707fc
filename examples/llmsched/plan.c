/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched plan: where models should live. */
#include <string.h>

#include "io.h"
#include "options.h"
#include "planfiles.h"
#include "progress.h"
#include "render.h"

struct plan_arguments {
    struct planner_files files;
    const char *planner, *running, *menus, *render, *out;
    double utilisation, rate_factor, move_cost;
    uint64_t nodes;
    bool max_rate, fewest_gpus;
};

/* What came of it. */
struct planning {
    const struct plan_arguments *a;
    llmsched_planner *planner;
    llmsched_planner_options options;
    llmsched_plan *running, *plan;
    struct progress progress;
    uint64_t shown; /* nodes in the bar */
    double factor;  /* with --max-rate */
    uint32_t gpus;  /* with --fewest-gpus */
    struct problem *problem;
};

static int32_t show(void *user, uint64_t nodes, double best, double bound)
{
    struct planning *p = user;
    (void)best;
    (void)bound;
    if (nodes < p->shown) /* the next of several searches */
        progress_start(&p->progress, "planning", p->options.node_budget);
    progress_step(&p->progress, nodes < p->shown ? nodes : nodes - p->shown);
    p->shown = nodes;
    return 0;
}

/* --- asking the library ------------------------------------------------------------------- */

static void set_options(struct planning *p)
{
    static const uint64_t NODES = 1000000; /* the library's own default, for the bar */
    p->options = (llmsched_planner_options){
        .size = sizeof p->options,
        .planner = p->a->planner,
        .rate_factor = p->a->rate_factor,
        .max_utilisation = p->a->utilisation,
        .node_budget = p->a->nodes > 0 ? p->a->nodes : NODES,
        .running = p->running,
        .move_cost_s = p->a->move_cost,
        .progress = show,
        .progress_user = p,
    };
}

static bool ask(struct planning *p)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_status status;
    progress_start(&p->progress, "planning", p->options.node_budget);
    if (p->a->max_rate)
        status = llmsched_planner_max_rate(p->planner, &p->options, &p->factor, &p->plan, &err);
    else if (p->a->fewest_gpus)
        status = llmsched_planner_min_gpus(p->planner, &p->options, &p->gpus, &p->plan, &err);
    else
        status = llmsched_planner_plan(p->planner, &p->options, &p->plan, &err);
    progress_end(&p->progress);
    return status == LLMSCHED_OK || library_failed(p->problem, NULL, &err);
}

/* --- what is written ------------------------------------------------------------------------- */

static bool is_standard_output(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* Not yet under its name, so that of two files both appear or none. */
static bool write_text(struct output *out, const char *path, const llmsched_text *text,
                       struct problem *problem)
{
    if (is_standard_output(path)) {
        printf("%s\n", llmsched_text_data(text)); /* main() sees whether that went well */
        return true;
    }
    if (!output_open(out, path, problem))
        return false;
    fprintf(out->file, "%s\n", llmsched_text_data(text));
    return true;
}

static bool write_menus(struct planning *p, struct output *out)
{
    llmsched_text *text = NULL;
    llmsched_error err = {.size = sizeof err};
    llmsched_planner_options options = p->options;
    if (p->a->max_rate && p->factor > 0.0) /* those of the plan that is written */
        options.rate_factor = p->factor;
    if (llmsched_planner_menus(p->planner, &options, &text, &err) != LLMSCHED_OK)
        return library_failed(p->problem, NULL, &err);
    bool good = write_text(out, p->a->menus, text, p->problem);
    llmsched_text_destroy(text);
    return good;
}

static bool write_plan(struct planning *p, struct output *out)
{
    llmsched_text *text = NULL;
    llmsched_error err = {.size = sizeof err};
    if (llmsched_plan_to_json(p->plan, &text, &err) != LLMSCHED_OK)
        return library_failed(p->problem, NULL, &err);
    bool good = write_text(out, p->a->out, text, p->problem);
    llmsched_text_destroy(text);
    return good;
}

static bool write_files(struct planning *p)
{
    struct output menus = {0}, plan = {0};
    bool good = (p->a->menus == NULL || write_menus(p, &menus)) &&
                (p->a->out == NULL || write_plan(p, &plan)) &&
                (menus.file == NULL || output_commit(&menus, p->problem)) &&
                (plan.file == NULL || output_commit(&plan, p->problem));
    output_abandon(&menus);
    output_abandon(&plan);
    return good;
}

/* The table, unless standard output has something else to hold. */
static bool print_plan(struct planning *p)
{
    if (is_standard_output(p->a->out) || is_standard_output(p->a->menus))
        return true;
    if (p->a->render != NULL)
        return render_plan(p->plan, p->planner, p->a->render, stdout, p->problem);
    if (p->a->max_rate)
        printf("Highest common factor on the rates: %.4g\n", p->factor);
    if (p->a->fewest_gpus)
        printf("Fewest GPUs, from the front of the cluster: %u\n", (unsigned)p->gpus);
    return render_plan(p->plan, p->planner, "table", stdout, p->problem);
}

static bool write_answers(struct planning *p)
{
    llmsched_plan_info info = {.size = sizeof info};
    llmsched_error err = {.size = sizeof err};
    if (llmsched_plan_get_info(p->plan, &info, &err) != LLMSCHED_OK)
        return library_failed(p->problem, NULL, &err);
    if (!write_files(p))
        return false;
    if (info.status == LLMSCHED_PLAN_INFEASIBLE)
        return no_result(p->problem, "no plan: %s; what would lift it: %s",
                         llmsched_plan_reason(p->plan), llmsched_plan_lift(p->plan));
    return print_plan(p);
}

/* --- the command -------------------------------------------------------------------------- */

static void plan_with(llmsched_context *context, const struct plan_arguments *a,
                      struct problem *problem)
{
    struct planning p = {.a = a, .problem = problem};
    bool good = planner_load(context, &a->files, &p.planner, problem) &&
                (a->running == NULL || plan_load(p.planner, a->running, &p.running, problem));
    if (good) {
        set_options(&p);
        if (ask(&p))
            write_answers(&p);
    }
    llmsched_plan_release(p.plan);
    llmsched_plan_release(p.running);
    llmsched_planner_destroy(p.planner);
}

static bool check(const struct plan_arguments *a, struct problem *problem)
{
    if (!(a->utilisation > 0.0 && a->utilisation <= 1.0))
        return bad_input(problem, "--utilisation: expected a number above 0 and at most 1");
    if (a->rate_factor <= 0.0)
        return bad_input(problem, "--rate-factor: expected a number above 0");
    if (a->move_cost < 0.0)
        return bad_input(problem, "--move-cost: expected a number of 0 or more");
    if (a->max_rate && a->fewest_gpus)
        return bad_input(problem, "--max-rate: expected no --fewest-gpus beside it");
    int texts = is_standard_output(a->out) + is_standard_output(a->menus) + (a->render != NULL);
    if (texts > 1)
        return bad_input(problem,
                         "-o: expected one of -o, --menus and --render on standard output");
    return a->render == NULL || render_knows(a->render, problem);
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct plan_arguments a = {.planner = "llmsched", .utilisation = 0.9, .rate_factor = 1.0};
    const struct option options[] = {
        {"--cluster", "C", OPTION_TEXT, true, &a.files.cluster,
         "GPUs: a file, llmsched-gpus-1, or short as 2x8xh100-80g"},
        {"--models", "M.json", OPTION_TEXT, true, &a.files.models,
         "models with their curves, llmsched-models-1"},
        {"--apps", "A.json", OPTION_TEXT, true, &a.files.apps,
         "applications with their rates, llmsched-apps-1"},
        {"--planner", "NAME", OPTION_TEXT, false, &a.planner,
         "llmsched, or k8s, kserve, best-manual or muxserve, with options as in k8s:target=0.5 "
         "(llmsched)"},
        {"--utilisation", "RHO", OPTION_NUMBER, false, &a.utilisation,
         "most of a model's saturation rate that may be used (0.9)"},
        {"--rate-factor", "F", OPTION_NUMBER, false, &a.rate_factor,
         "plan for the rates times this (1)"},
        {"--max-rate", NULL, OPTION_FLAG, false, &a.max_rate,
         "plan for the highest common factor on the rates, and say it"},
        {"--fewest-gpus", NULL, OPTION_FLAG, false, &a.fewest_gpus,
         "plan on the fewest GPUs from the front of the cluster, and say how many"},
        {"--running", "PLAN.json", OPTION_TEXT, false, &a.running,
         "what runs now: of equal plans the one that moves least"},
        {"--move-cost", "S", OPTION_NUMBER, false, &a.move_cost,
         "seconds of weighted latency that a replica elsewhere must be worth (0)"},
        {"--nodes", "N", OPTION_COUNT, false, &a.nodes, "nodes of the search (1000000)"},
        {"--menus", "MENUS.json", OPTION_TEXT, false, &a.menus,
         "what was searched, llmsched-menus-1; - for standard output"},
        {"--render", "TARGET", OPTION_TEXT, false, &a.render,
         "on standard output, in place of the table: svg, vllm, sglang, compose, kserve, ray, mps"},
        {"-o", "PLAN.json", OPTION_TEXT, false, &a.out,
         "the plan, llmsched-plan-1; - for standard output, in place of the table"},
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
    .usage = "--cluster C --models M.json --apps A.json [--planner NAME] [-o PLAN.json]",
    .summary = "decide where models live: parallelism, replicas, shares and GPUs",
    .details =
        "Where there is no plan, one line says what binds and what would lift it, with exit\n"
        "code 1.",
    .run = run,
};
