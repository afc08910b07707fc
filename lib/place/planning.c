/* SPDX-License-Identifier: Apache-2.0 */
/* Planning: options, the problem, the search, and the plan made of its solution. */
#include "place/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- options ------------------------------------------------------------------------------ */

static llmsched_status check_inputs(const llmsched_planner *planner, llmsched_error *err)
{
    const char *missing = planner->gpu_count == 0     ? "GPUs"
                          : planner->model_count == 0 ? "models"
                          : planner->app_count == 0   ? "applications"
                                                      : NULL;
    if (missing == NULL)
        return LLMSCHED_OK;
    return lls_fail(err, LLMSCHED_ERROR_STATE, "the planner has no %s: add some first", missing);
}

llmsched_status lls_planning_init(lls_planning *planning, const lls_method **method,
                                  const llmsched_planner *planner,
                                  const llmsched_planner_options *options, llmsched_error *err)
{
    llmsched_planner_options given;
    llmsched_status status =
        lls_sized_in(&given, sizeof given, options, sizeof given, "llmsched_planner_options", err);
    if (status == LLMSCHED_OK)
        status = check_inputs(planner, err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(given.rate_factor, "options: ", "rate_factor", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(given.move_cost_s, "options: ", "move_cost_s", err);
    if (status != LLMSCHED_OK)
        return status;
    double used = given.max_utilisation != 0.0 ? given.max_utilisation : 0.9;
    if (!(used >= 0.01 && used <= 0.999))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "options: max_utilisation: is %g: expected a number in 0.01 .. 0.999",
                        used);
    const char *name = given.planner != NULL ? given.planner : "llmsched";
    *method = lls_method_find(name);
    if (*method == NULL)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "options: planner: no planner is called \"%.60s\"", name);
    const char *colon = strchr(name, ':');
    *planning = (lls_planning){.rate_factor = given.rate_factor != 0.0 ? given.rate_factor : 1.0,
                               .max_utilisation = used,
                               .move_cost = given.move_cost_s,
                               .gpu_count = planner->gpu_count,
                               .node_budget = given.node_budget != 0 ? given.node_budget : 1000000,
                               .running = given.running,
                               .progress = given.progress,
                               .progress_user = given.progress_user,
                               .name = name,
                               .arguments = colon != NULL ? colon + 1 : ""};
    return LLMSCHED_OK;
}

/* --- from a solution to a plan ---------------------------------------------------------------- */

static llmsched_status add_menu(llmsched_plan *plan, const lls_instance *in, uint32_t menu,
                                const lls_item *item, const uint32_t **gpus, llmsched_error *err)
{
    uint32_t model = in->problem.menus[menu].model;
    llmsched_plan_model numbers = {.batch = item->batch};
    llmsched_status status = lls_plan_add_model(plan, in->planner, model, item->config, &numbers,
                                                in->demands.models[model].context, err);
    for (uint32_t r = 0; status == LLMSCHED_OK && r < item->replicas; r++) {
        status = lls_plan_add_replica(plan, *gpus, err);
        *gpus += item->tp;
    }
    return status;
}

static void fill_info(llmsched_plan *plan, const lls_solution *solution)
{
    llmsched_plan_info *info = &plan->info;
    info->status = solution->proved ? LLMSCHED_PLAN_OPTIMAL : LLMSCHED_PLAN_FEASIBLE;
    info->binding = solution->binding;
    info->moved_replicas = solution->moved_replicas;
    info->nodes = solution->nodes;
    info->bound_s = solution->proved ? info->objective_s : fmin(solution->bound, info->objective_s);
    info->gap = 0.0;
    if (!solution->proved && info->objective_s > info->bound_s)
        info->gap = info->bound_s > 0.0
                        ? fmin((info->objective_s - info->bound_s) / info->bound_s, LLS_PLACE_MOST)
                        : LLS_PLACE_MOST;
    if (!solution->proved)
        snprintf(plan->reason, sizeof plan->reason, "%s", solution->reason);
}

static llmsched_status fill_plan(llmsched_plan *plan, const lls_instance *in,
                                 const lls_planning *planning, const lls_solution *solution,
                                 llmsched_error *err)
{
    const uint32_t *gpus = solution->placement.gpus;
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t k = 0; status == LLMSCHED_OK && k < in->problem.menu_count; k++)
        status = add_menu(plan, in, k, &in->problem.menus[k].items[solution->placement.choice[k]],
                          &gpus, err);
    if (status == LLMSCHED_OK)
        status = lls_plan_predict(plan, in, planning->rate_factor, err);
    if (status == LLMSCHED_OK)
        fill_info(plan, solution);
    return status;
}

/* --- the search ---------------------------------------------------------------------------------
 */

static llmsched_status fill_bounds(llmsched_plan *plan, const lls_instance *in,
                                   const lls_planning *planning, llmsched_error *err)
{
    double factor = 0.0, rates = 0.0;
    llmsched_status status = lls_throughput_limit(in, &factor, err);
    for (uint32_t a = 0; a < in->planner->app_count; a++)
        rates += in->planner->apps[a].rate * planning->rate_factor;
    plan->info.throughput_bound_per_s = fmin(factor * rates, LLS_PLACE_MOST);
    if (status == LLMSCHED_OK)
        status = lls_memory_limit(in, &plan->info.memory_bound_gpus, err);
    return status;
}

static llmsched_status solve(llmsched_plan *plan, const lls_instance *in,
                             const lls_planning *planning, llmsched_error *err)
{
    for (uint32_t k = 0; k < in->problem.menu_count; k++)
        if (in->problem.menus[k].count == 0) {
            plan->info.status = LLMSCHED_PLAN_INFEASIBLE;
            return lls_explain_menu(in, planning, k, plan, err);
        }
    lls_solve_options options = {.node_budget = planning->node_budget,
                                 .progress = planning->progress,
                                 .progress_user = planning->progress_user};
    lls_solution solution = {0};
    llmsched_status status = lls_solve(&in->problem, &options, &solution, err);
    if (status == LLMSCHED_OK || status == LLMSCHED_NONE) {
        plan->info.alone_bound_s = solution.alone_bound;
        plan->info.capacity_bound_s = solution.capacity_bound;
        plan->info.nodes = solution.nodes;
    }
    if (status == LLMSCHED_OK) {
        status = fill_plan(plan, in, planning, &solution, err);
    } else if (status == LLMSCHED_NONE) {
        plan->info.status = LLMSCHED_PLAN_INFEASIBLE;
        lls_explain_all(&solution, plan);
        status = LLMSCHED_OK;
    }
    lls_solution_finish(in->planner->context, &solution);
    return status;
}

llmsched_status lls_plan_by_search(const llmsched_planner *planner, const lls_planning *planning,
                                   llmsched_plan **plan, llmsched_error *err)
{
    lls_instance in;
    llmsched_plan *made = NULL;
    llmsched_status status = lls_method_options(planning, NULL, 0, err);
    if (status == LLMSCHED_OK)
        status = lls_instance_init(&in, planner, planning, err);
    if (status != LLMSCHED_OK)
        return status;
    status = lls_plan_new(planner, planning->name, &made, err);
    if (status == LLMSCHED_OK)
        status = fill_bounds(made, &in, planning, err);
    if (status == LLMSCHED_OK)
        status = solve(made, &in, planning, err);
    lls_instance_finish(&in);
    if (status == LLMSCHED_OK)
        *plan = made;
    else
        llmsched_plan_release(made);
    return status;
}

llmsched_status llmsched_planner_plan(const llmsched_planner *planner,
                                      const llmsched_planner_options *options, llmsched_plan **plan,
                                      llmsched_error *err)
{
    lls_planning planning;
    const lls_method *method;
    if (planner == NULL || plan == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "plan");
    llmsched_status status = lls_planning_init(&planning, &method, planner, options, err);
    return status == LLMSCHED_OK ? method->plan(planner, &planning, plan, err) : status;
}
