/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a planner and its plans are made of. */
#include "planned.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"

typedef llmsched_status (*read_fn)(llmsched_planner *planner, const char *json, size_t length,
                                   llmsched_error *err);

static bool add_document(llmsched_planner *planner, const char *path, read_fn read,
                         struct problem *problem)
{
    char *text;
    size_t length;
    llmsched_error err = {.size = sizeof err};
    if (!read_document(path, &text, &length, problem))
        return false;
    bool good = read(planner, text, length, &err) == LLMSCHED_OK ||
                document_failed(problem, path, text, &err);
    free(text);
    return good;
}

/* NODESxGPUSxKIND, as far as that can be told from a name of a file. */
static bool is_short(const char *cluster)
{
    size_t digits = strspn(cluster, "0123456789");
    return digits > 0 && cluster[digits] == 'x' && access(cluster, F_OK) != 0;
}

bool cluster_add(llmsched_planner *planner, const char *cluster, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    if (!is_short(cluster))
        return add_document(planner, cluster, llmsched_planner_read_cluster, problem);
    if (llmsched_planner_add_gpus(planner, cluster, &err) == LLMSCHED_OK)
        return true;
    return bad_input(problem, "--cluster: %s", err.message);
}

bool models_add(llmsched_planner *planner, const char *path, struct problem *problem)
{
    return add_document(planner, path, llmsched_planner_read_models, problem);
}

static bool read_plan(struct planned *planned, const char *path, struct problem *problem)
{
    char *text;
    size_t length;
    llmsched_error err = {.size = sizeof err};
    if (!read_document(path, &text, &length, problem))
        return false;
    bool good = llmsched_plan_from_json(planned->planner, text, length, &planned->plan, &err) ==
                    LLMSCHED_OK ||
                document_failed(problem, path, text, &err);
    free(text);
    planned->info.size = sizeof planned->info;
    planned->autoscaler.size = sizeof planned->autoscaler;
    good =
        good &&
        ((llmsched_plan_get_info(planned->plan, &planned->info, &err) == LLMSCHED_OK &&
          llmsched_plan_get_autoscaler(planned->plan, &planned->autoscaler, &err) == LLMSCHED_OK) ||
         library_failed(problem, path, &err));
    if (good && planned->info.status == LLMSCHED_PLAN_INFEASIBLE)
        return bad_input(problem, "%s:1: status: expected a plan, not \"infeasible\" (%s)", path,
                         llmsched_plan_reason(planned->plan));
    return good;
}

bool planned_load(struct planned *planned, llmsched_context *context,
                  const struct planned_files *files, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    *planned = (struct planned){0};
    bool good = llmsched_planner_create(context, &planned->planner, &err) == LLMSCHED_OK ||
                library_failed(problem, NULL, &err);
    good = good && cluster_add(planned->planner, files->cluster, problem) &&
           models_add(planned->planner, files->models, problem) &&
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
