/* SPDX-License-Identifier: Apache-2.0 */
#include "planfiles.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps.h"
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

/* NODESxGPUSxKIND, as far as that can be told from the name of a file. */
static bool is_short(const char *cluster)
{
    size_t digits = strspn(cluster, "0123456789");
    return digits > 0 && cluster[digits] == 'x' && access(cluster, F_OK) != 0;
}

static bool read_cluster(llmsched_planner *planner, const char *cluster, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    if (!is_short(cluster))
        return read_into(planner, llmsched_planner_read_cluster, cluster, problem);
    return llmsched_planner_add_gpus(planner, cluster, &err) == LLMSCHED_OK ||
           bad_input(problem, "--cluster: %s", err.message);
}

bool planner_load(llmsched_context *context, const struct planner_files *files,
                  llmsched_planner **planner, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    if (llmsched_planner_create(context, planner, &err) != LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    bool good = read_cluster(*planner, files->cluster, problem) &&
                read_into(*planner, llmsched_planner_read_models, files->models, problem) &&
                (files->apps == NULL || apps_read(context, *planner, files->apps, problem));
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
