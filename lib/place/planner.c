/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The planner's handle: names with numbers, checks of what comes in, and taking
 * back what a reader has added.
 */
#include "place/internal.h"

#include <math.h>
#include <string.h>

llmsched_status llmsched_planner_create(llmsched_context *context, llmsched_planner **planner,
                                        llmsched_error *err)
{
    if (context == NULL || planner == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        context == NULL ? "context" : "planner");
    llmsched_planner *p = lls_calloc(context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    p->context = lls_context_retain(context);
    lls_map *maps[] = {&p->kind_numbers, &p->domain_numbers, &p->gpu_numbers, &p->model_numbers,
                       &p->app_numbers};
    for (size_t i = 0; i < LLS_COUNT(maps); i++)
        lls_map_init(maps[i], p->context);
    *planner = p;
    return LLMSCHED_OK;
}

void llmsched_planner_destroy(llmsched_planner *planner)
{
    if (planner == NULL)
        return;
    llmsched_context *context = planner->context;
    lls_planner_roll_back(planner, (lls_planner_mark){0});
    lls_map *maps[] = {&planner->kind_numbers, &planner->domain_numbers, &planner->gpu_numbers,
                       &planner->model_numbers, &planner->app_numbers};
    for (size_t i = 0; i < LLS_COUNT(maps); i++)
        lls_map_finish(maps[i]);
    lls_free(context, planner->kinds);
    lls_free(context, planner->domains);
    lls_free(context, planner->gpus);
    lls_free(context, planner->models);
    lls_free(context, planner->apps);
    lls_free(context, planner);
    lls_context_release(context);
}

/* --- taking back ----------------------------------------------------------------- */

lls_planner_mark lls_planner_get_mark(const llmsched_planner *planner)
{
    return (lls_planner_mark){planner->kind_count, planner->domain_count, planner->gpu_count,
                              planner->model_count, planner->app_count};
}

static void forget(lls_map *numbers, const char *name)
{
    lls_map_remove(numbers, name, strlen(name));
}

void lls_planner_roll_back(llmsched_planner *p, lls_planner_mark mark)
{
    while (p->app_count > mark.apps) {
        lls_app *app = &p->apps[--p->app_count];
        forget(&p->app_numbers, app->name);
        lls_app_finish(p->context, app);
    }
    while (p->model_count > mark.models) {
        lls_model *model = &p->models[--p->model_count];
        forget(&p->model_numbers, model->name);
        lls_model_finish(p->context, model);
    }
    while (p->gpu_count > mark.gpus) {
        lls_gpu *gpu = &p->gpus[--p->gpu_count];
        forget(&p->gpu_numbers, gpu->id);
        p->domains[gpu->domain].gpus--;
        lls_free(p->context, gpu->id);
    }
    while (p->domain_count > mark.domains) {
        char *name = p->domains[--p->domain_count].name;
        forget(&p->domain_numbers, name);
        lls_free(p->context, name);
    }
    while (p->kind_count > mark.kinds) {
        char *name = p->kinds[--p->kind_count];
        forget(&p->kind_numbers, name);
        lls_free(p->context, name);
    }
}

/* --- names ------------------------------------------------------------------------ */

uint32_t lls_planner_kind(llmsched_planner *planner, const char *name)
{
    uint32_t number = lls_map_get_str(&planner->kind_numbers, name);
    if (number != LLS_NONE32)
        return number;
    void *grown = planner->kinds;
    bool ok = lls_grow(planner->context, &grown, &planner->kind_capacity,
                       (size_t)planner->kind_count + 1, sizeof *planner->kinds);
    planner->kinds = grown;
    char *copy = ok ? lls_strdup(planner->context, name) : NULL;
    if (copy == NULL || !lls_map_put_str(&planner->kind_numbers, name, planner->kind_count)) {
        lls_free(planner->context, copy);
        return LLS_NONE32;
    }
    planner->kinds[planner->kind_count] = copy;
    return planner->kind_count++;
}

uint32_t lls_planner_domain(llmsched_planner *planner, const char *name)
{
    uint32_t number = lls_map_get_str(&planner->domain_numbers, name);
    if (number != LLS_NONE32)
        return number;
    void *grown = planner->domains;
    bool ok = lls_grow(planner->context, &grown, &planner->domain_capacity,
                       (size_t)planner->domain_count + 1, sizeof *planner->domains);
    planner->domains = grown;
    char *copy = ok ? lls_strdup(planner->context, name) : NULL;
    if (copy == NULL || !lls_map_put_str(&planner->domain_numbers, name, planner->domain_count)) {
        lls_free(planner->context, copy);
        return LLS_NONE32;
    }
    planner->domains[planner->domain_count] = (lls_domain){.name = copy};
    return planner->domain_count++;
}

/* --- checks ------------------------------------------------------------------------ */

llmsched_status lls_check_name(const char *name, const char *where, const char *key,
                               llmsched_error *err)
{
    if (name == NULL || name[0] == '\0')
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s%s: must not be %s", where, key,
                        name == NULL ? "NULL" : "empty");
    if (!lls_utf8_valid(name))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s%s: \"%.80s\" is not UTF-8", where, key,
                        name);
    return LLMSCHED_OK;
}

static llmsched_status refuse(double value, const char *where, const char *key,
                              const char *expected, llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s%s: is %g: expected %s", where, key, value,
                    expected);
}

llmsched_status lls_check_quantity(double value, const char *where, const char *key,
                                   llmsched_error *err)
{
    if (value >= 0.0 && value <= LLS_PLACE_MOST)
        return LLMSCHED_OK;
    return refuse(value, where, key, "a number that is not negative, at most 1e18", err);
}

llmsched_status lls_check_positive(double value, const char *where, const char *key,
                                   llmsched_error *err)
{
    if (value >= 1.0 / LLS_PLACE_MOST && value <= LLS_PLACE_MOST)
        return LLMSCHED_OK;
    return refuse(value, where, key, "a positive number, in 1e-18 .. 1e18", err);
}

llmsched_status lls_check_fraction(double value, const char *where, const char *key,
                                   llmsched_error *err)
{
    if (value >= 1.0 / LLS_PLACE_MOST && value <= 1.0)
        return LLMSCHED_OK;
    return refuse(value, where, key, "a number above 0 and at most 1", err);
}
