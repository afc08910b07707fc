/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a plan to be evaluated is made of. */
#include "planned.h"

#include "planfiles.h"

static bool read_plan(struct planned *planned, const char *path, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    planned->info.size = sizeof planned->info;
    planned->autoscaler.size = sizeof planned->autoscaler;
    if (!plan_load(planned->planner, path, &planned->plan, problem))
        return false;
    if (llmsched_plan_get_info(planned->plan, &planned->info, &err) != LLMSCHED_OK ||
        llmsched_plan_get_autoscaler(planned->plan, &planned->autoscaler, &err) != LLMSCHED_OK)
        return library_failed(problem, path, &err);
    if (planned->info.status == LLMSCHED_PLAN_INFEASIBLE)
        return bad_input(problem, "%s:1: status: expected a plan, not \"infeasible\" (%s)", path,
                         llmsched_plan_reason(planned->plan));
    return true;
}

bool planned_load(struct planned *planned, llmsched_context *context,
                  const struct planned_files *files, struct problem *problem)
{
    const struct planner_files inputs = {.cluster = files->cluster, .models = files->models};
    *planned = (struct planned){0};
    bool good = planner_load(context, &inputs, &planned->planner, problem) &&
                read_plan(planned, files->plan, problem);
    if (!good)
        planned_release(planned);
    return good;
}

void planned_release(struct planned *planned)
{
    llmsched_plan_release(planned->plan);
    llmsched_planner_destroy(planned->planner);
    *planned = (struct planned){0};
}
