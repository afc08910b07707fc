/* SPDX-License-Identifier: Apache-2.0 */
/* The command `render`, and the targets by name. */
#include "render.h"

#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "options.h"
#include "placement.h"
#include "planfiles.h"

static const struct target {
    const char *name;
    bool (*render)(const struct placement *p, FILE *file);
    bool runs; /* the plan, and does not only show it */
} TARGETS[] = {{"table", render_table, false},    {"svg", render_svg, false},
               {"vllm", render_vllm, true},       {"sglang", render_sglang, true},
               {"compose", render_compose, true}, {"kserve", render_kserve, true},
               {"ray", render_ray, true},         {"mps", render_mps, true}};

static const struct target *find_target(const char *name, struct problem *problem)
{
    for (size_t i = 0; i < COUNT_OF(TARGETS); i++)
        if (strcmp(TARGETS[i].name, name) == 0)
            return &TARGETS[i];
    bad_input(problem,
              "render: expected table, svg, vllm, sglang, compose, kserve, ray or mps, not "
              "\"%.60s\"",
              name);
    return NULL;
}

bool render_knows(const char *target, struct problem *problem)
{
    return find_target(target, problem) != NULL;
}

/* Into memory first, so that a target that finds it cannot go on leaves nothing. */
static bool render_to(const struct target *target, const struct placement *p, FILE *file)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (memory == NULL)
        return no_result(p->problem, "out of memory");
    bool good = target->render(p, memory);
    if (fclose(memory) != 0 && good)
        good = no_result(p->problem, "out of memory");
    if (good)
        fwrite(text, 1, length, file);
    free(text);
    return good;
}

bool render_plan(const llmsched_plan *plan, const llmsched_planner *planner, const char *target,
                 FILE *file, struct problem *problem)
{
    const struct target *found = find_target(target, problem);
    struct placement placement = {0};
    if (found == NULL)
        return false;
    bool good = placement_make(&placement, plan, planner, problem);
    placement.target = found->name;
    good = good && (!found->runs || check_memory(&placement)) && render_to(found, &placement, file);
    placement_release(&placement);
    return good;
}

/* --- the command -------------------------------------------------------------------------- */

struct render {
    const char *as, *out;
    struct planner_files files;
    struct values plan;
};

static bool write_out(const struct render *r, const llmsched_plan *plan,
                      const llmsched_planner *planner, struct problem *problem)
{
    struct output out = {0};
    if (r->out == NULL)
        return render_plan(plan, planner, r->as, stdout, problem);
    bool good = output_open(&out, r->out, problem) &&
                render_plan(plan, planner, r->as, out.file, problem) &&
                output_commit(&out, problem);
    output_abandon(&out);
    return good;
}

static bool render_with(const struct render *r, llmsched_context *context, struct problem *problem)
{
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL;
    bool good = planner_load(context, &r->files, &planner, problem) &&
                plan_load(planner, r->plan.items[0], &plan, problem) &&
                write_out(r, plan, planner, problem);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
    return good;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct render r = {.as = "table"};
    const struct option options[] = {
        {"", "PLAN.json", OPTION_LIST, true, &r.plan, "the plan, llmsched-plan-1"},
        {"--cluster", "C", OPTION_TEXT, true, &r.files.cluster,
         "its GPUs: a file, llmsched-gpus-1, or short as 2x8xh100-80g"},
        {"--models", "MODELS.json", OPTION_TEXT, true, &r.files.models, "its models, llmsched-models-1"},
        {"--apps", "APPS.json", OPTION_TEXT, false, &r.files.apps,
         "its applications: without them caches count with their least size"},
        {"--as", "TARGET", OPTION_TEXT, false, &r.as,
         "table, svg, vllm, sglang, compose, kserve, ray or mps (table)"},
        {"-o", "FILE", OPTION_TEXT, false, &r.out, "instead of standard output"},
    };
    bool helped;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    if (options_parse(&COMMAND_RENDER, options, COUNT_OF(options), argc, argv, &helped, problem) &&
        !helped) {
        if (r.plan.count != 1)
            bad_input(problem, "PLAN.json: expected one");
        else if (!render_knows(r.as, problem))
            ;
        else if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK)
            library_failed(problem, NULL, &err);
        else
            render_with(&r, context, problem);
    }
    llmsched_context_destroy(context);
    free(r.plan.items);
    return problem->code;
}

const struct command COMMAND_RENDER = {
    .name = "render",
    .usage = "PLAN.json --cluster C --models MODELS.json [--as TARGET] [-o FILE]",
    .summary = "write a plan as a table, a map, launch lines or manifests",
    .details = "What each target can express: docs/rendering.md. What it cannot is said in one\n"
               "line, with exit code 1, and nothing is written.",
    .run = run,
};
