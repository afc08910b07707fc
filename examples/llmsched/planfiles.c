/* SPDX-License-Identifier: Apache-2.0 */
#include "planfiles.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "json.h"

typedef llmsched_status (*document_reader)(llmsched_planner *planner, const char *json,
                                           size_t length, llmsched_error *err);

static bool read_into(llmsched_planner *planner, document_reader read, const char *path,
                      struct problem *problem)
{
    char *text = NULL;
    size_t length;
    llmsched_error err = {.size = sizeof err};
    if (!read_document(path, &text, &length, problem))
        return false;
    bool good = read(planner, text, length, &err) == LLMSCHED_OK;
    if (!good)
        document_failed(problem, path, text, &err);
    free(text);
    return good;
}

/* What is no file but looks like "2x8xh100-80g" is taken for such. */
static bool read_cluster(llmsched_planner *planner, const char *cluster, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    bool short_form = cluster[0] >= '0' && cluster[0] <= '9' && strchr(cluster, '/') == NULL &&
                      access(cluster, F_OK) != 0;
    if (!short_form)
        return read_into(planner, llmsched_planner_read_cluster, cluster, problem);
    return llmsched_planner_add_gpus(planner, cluster, &err) == LLMSCHED_OK
               ? true
               : library_failed(problem, "--cluster", &err);
}

bool planner_load(llmsched_context *context, const char *cluster, const char *models,
                  const char *apps, llmsched_planner **planner, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    if (llmsched_planner_create(context, planner, &err) != LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    bool good = read_cluster(*planner, cluster, problem) &&
                read_into(*planner, llmsched_planner_read_models, models, problem) &&
                (apps == NULL || read_into(*planner, llmsched_planner_read_apps, apps, problem));
    if (!good) {
        llmsched_planner_destroy(*planner);
        *planner = NULL;
    }
    return good;
}

bool plan_load(const llmsched_planner *planner, const char *path, llmsched_plan **plan,
               struct problem *problem)
{
    char *text = NULL;
    size_t length;
    llmsched_error err = {.size = sizeof err};
    if (!read_document(path, &text, &length, problem))
        return false;
    bool good = llmsched_plan_from_json(planner, text, length, plan, &err) == LLMSCHED_OK;
    if (!good)
        document_failed(problem, path, text, &err);
    free(text);
    return good;
}
