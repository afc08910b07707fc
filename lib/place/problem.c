/* SPDX-License-Identifier: Apache-2.0 */
/* The integer problem made of the inputs (docs/algorithms.md section 8.5): menus of the models that
 * have demand, applications as stages or terms, and what runs now. */
#include "place/internal.h"

#include <math.h>
#include <string.h>

/* --- menus ------------------------------------------------------------------------------ */

/* Menus without items where there is no cluster. */
static bool make_menus(lls_instance *in, lls_cluster *cluster, const lls_planning *planning)
{
    const llmsched_planner *planner = in->planner;
    in->menu_of = lls_calloc(planner->context, planner->model_count, sizeof *in->menu_of);
    in->problem.menus = lls_calloc(planner->context, planner->model_count, sizeof(lls_menu));
    if (in->menu_of == NULL || in->problem.menus == NULL)
        return false;
    for (uint32_t m = 0; m < planner->model_count; m++) {
        in->menu_of[m] = LLS_NONE32;
        if (in->demands.models[m].load <= 0.0)
            continue;
        lls_menu *menu = &in->problem.menus[in->problem.menu_count];
        *menu = (lls_menu){.model = m, .name = planner->models[m].name};
        uint32_t only = planning->only != NULL ? planning->only[m] : LLS_NONE32;
        if (cluster != NULL && !lls_menu_init(menu, cluster, m, only, &in->demands.models[m],
                                              planning->max_utilisation))
            return false;
        in->menu_of[m] = in->problem.menu_count++;
    }
    return true;
}

/* --- applications ------------------------------------------------------------------------- */

static double alone_time(const lls_curve *curve, double prompt, double output)
{
    double decode = lls_curve_decode(curve, 1.0, prompt + output / 2.0);
    return fmax(1.0, output) * decode + lls_curve_prefill(curve, prompt);
}

/* Mean alone time of the model's calls by configuration. */
static void mean_alone(const lls_model *model, const lls_demand *demand, double *means)
{
    for (uint32_t c = 0; c < model->config_count; c++) {
        double sum = 0.0;
        for (uint32_t i = 0; i < demand->call_count; i++)
            sum += demand->calls[i].rate * alone_time(&model->configs[c].curve,
                                                      demand->calls[i].prompt,
                                                      demand->calls[i].output);
        means[c] = sum / demand->load;
    }
}

/* probability * alone time / mean alone time, by configuration; where nothing takes time, calls
 * are alike. */
static void make_factors(const lls_model *model, const lls_app_stage *stage, const double *means,
                         double *factors)
{
    for (uint32_t c = 0; c < model->config_count; c++) {
        double alone = alone_time(&model->configs[c].curve, stage->prompt, stage->output);
        factors[c] = stage->probability * (means[c] > 0.0 ? alone / means[c] : 1.0);
    }
}

static size_t count_factors(const llmsched_planner *planner)
{
    size_t count = 0;
    for (uint32_t m = 0; m < planner->model_count; m++)
        count += planner->models[m].config_count;
    for (uint32_t a = 0; a < planner->app_count; a++)
        for (uint32_t s = 0; s < planner->apps[a].stage_count; s++)
            if (planner->apps[a].stages[s].model != LLS_NONE32)
                count += planner->models[planner->apps[a].stages[s].model].config_count;
    return count;
}

/* means: of each model, or NULL where it is not placed; *factors: the next that are free. */
static bool make_stages(const lls_instance *in, const lls_app *app, lls_place_app *to,
                        double *const *means, double **factors)
{
    to->stages = lls_calloc(in->planner->context, app->stage_count, sizeof *to->stages);
    if (to->stages == NULL)
        return false;
    to->stage_count = app->stage_count;
    for (uint32_t s = 0; s < app->stage_count; s++) {
        const lls_app_stage *stage = &app->stages[s];
        lls_place_stage *made = &to->stages[s];
        *made = (lls_place_stage){
            .parents = stage->parents, .parent_count = stage->parent_count, .menu = LLS_NONE32};
        if (stage->model == LLS_NONE32) {
            made->fixed = stage->probability * stage->duration;
        } else if (means[stage->model] != NULL) {
            const lls_model *model = &in->planner->models[stage->model];
            made->menu = in->menu_of[stage->model];
            made->factor = *factors;
            make_factors(model, stage, means[stage->model], *factors);
            *factors += model->config_count;
        }
    }
    return true;
}

static bool make_terms(const lls_instance *in, const lls_app *app, lls_place_app *to)
{
    to->terms = lls_calloc(in->planner->context, app->call_count, sizeof *to->terms);
    if (to->terms == NULL)
        return false;
    for (uint32_t i = 0; i < app->call_count; i++) {
        uint32_t menu = in->menu_of[app->calls[i].model];
        if (menu != LLS_NONE32)
            to->terms[to->term_count++] =
                (lls_place_term){menu, app->calls[i].calls / app->calls[i].overlap};
    }
    return true;
}

static bool make_app(const lls_instance *in, const lls_app *app, lls_place_app *to,
                     double *const *means, double **factors)
{
    *to =
        (lls_place_app){.weight = app->weight, .max_latency = app->max_latency, .name = app->name};
    return app->call_count > 0 ? make_terms(in, app, to) : make_stages(in, app, to, means, factors);
}

static bool make_apps(lls_instance *in)
{
    const llmsched_planner *planner = in->planner;
    in->problem.apps = lls_calloc(planner->context, planner->app_count, sizeof(lls_place_app));
    in->factors = lls_calloc(planner->context, count_factors(planner), sizeof(double));
    double **means = lls_calloc(planner->context, planner->model_count, sizeof *means);
    double *next = in->factors;
    bool ok = in->problem.apps != NULL && next != NULL && means != NULL;
    for (uint32_t m = 0; ok && m < planner->model_count; m++)
        if (in->menu_of[m] != LLS_NONE32) {
            means[m] = next;
            mean_alone(&planner->models[m], &in->demands.models[m], next);
            next += planner->models[m].config_count;
        }
    for (uint32_t a = 0; ok && a < planner->app_count; a++) {
        ok = make_app(in, &planner->apps[a], &in->problem.apps[a], means, &next);
        in->problem.app_count += ok;
    }
    lls_free(planner->context, means);
    return ok;
}

/* --- what runs now ------------------------------------------------------------------------- */

static uint32_t find_config(const llmsched_planner *planner, const lls_model *model,
                            const llmsched_plan_model *running)
{
    for (uint32_t c = 0; c < model->config_count; c++) {
        const lls_config *config = &model->configs[c];
        if (config->tp == running->tp && fabs(config->share - running->share) <= LLS_PLACE_SLACK &&
            strcmp(planner->kinds[config->kind], running->gpu) == 0)
            return c;
    }
    return LLS_NONE32;
}

/* The running plan's model of each menu; LLS_NONE32: it does not run, or as nothing that the
 * planner knows. */
static void match_models(lls_instance *in, const llmsched_plan *plan, uint32_t *matches)
{
    for (uint32_t k = 0; k < in->problem.menu_count; k++)
        matches[k] = LLS_NONE32;
    for (uint32_t i = plan->info.model_count; i-- > 0;) {
        uint32_t model = lls_find_model(in->planner, plan->models[i].model);
        uint32_t menu = model != LLS_NONE32 ? in->menu_of[model] : LLS_NONE32;
        if (menu != LLS_NONE32 && plan->models[i].replica_count > 0 &&
            find_config(in->planner, &in->planner->models[model], &plan->models[i]) != LLS_NONE32)
            matches[menu] = i;
    }
}

static uint32_t gpu_number(const lls_instance *in, const char *id)
{
    uint32_t number = lls_map_get_str(&in->planner->gpu_numbers, id);
    return number < in->problem.gpu_count ? number : LLS_NONE32;
}

static uint32_t copy_gpus(const lls_instance *in, const llmsched_plan *plan,
                          const llmsched_plan_model *model, uint32_t *to)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < model->replica_count; r++) {
        const llmsched_plan_replica *replica = &plan->replicas[model->first_replica + r];
        for (uint32_t i = 0; i < replica->gpu_count; i++)
            to[count++] = gpu_number(in, plan->gpus[replica->gpus[i]].id);
        /* Ascending also where clusters count differently. */
        for (uint32_t i = count - replica->gpu_count + 1; i < count; i++)
            for (uint32_t j = i; j > count - replica->gpu_count && to[j] < to[j - 1]; j--) {
                uint32_t kept = to[j];
                to[j] = to[j - 1];
                to[j - 1] = kept;
            }
    }
    return count;
}

static bool make_running(lls_instance *in, const llmsched_plan *plan)
{
    const llmsched_context *context = in->planner->context;
    uint32_t menus = in->problem.menu_count, entries = 0;
    for (uint32_t r = 0; r < plan->info.replica_count; r++)
        entries += plan->replicas[r].gpu_count;
    uint32_t *numbers = lls_calloc(context, 4 * (size_t)menus + entries, sizeof *numbers);
    if (numbers == NULL)
        return false;
    in->running_numbers = numbers;
    uint32_t *matches = numbers, *configs = numbers + menus, *replicas = configs + menus;
    uint32_t *tps = replicas + menus, *gpus = tps + menus, used = 0;
    match_models(in, plan, matches);
    for (uint32_t k = 0; k < menus; k++) {
        configs[k] = LLS_NONE32;
        if (matches[k] == LLS_NONE32)
            continue;
        const llmsched_plan_model *model = &plan->models[matches[k]];
        configs[k] =
            find_config(in->planner, &in->planner->models[in->problem.menus[k].model], model);
        replicas[k] = model->replica_count;
        tps[k] = model->tp;
        used += copy_gpus(in, plan, model, gpus + used);
    }
    in->running = (lls_running){.configs = configs, .replicas = replicas, .tps = tps, .gpus = gpus};
    in->problem.running = &in->running;
    return true;
}

/* --- lifetime --------------------------------------------------------------------------------- */

llmsched_status lls_instance_init(lls_instance *in, const llmsched_planner *planner,
                                  const lls_planning *planning, llmsched_error *err)
{
    *in = (lls_instance){.planner = planner};
    lls_cluster cluster;
    llmsched_status status = lls_demands_init(&in->demands, planner, planning->rate_factor, err);
    if (status != LLMSCHED_OK)
        return status;
    in->problem = (lls_place_problem){.context = planner->context,
                                      .gpus = planner->gpus,
                                      .gpu_count = planning->gpu_count,
                                      .kind_count = planner->kind_count,
                                      .domain_count = planner->domain_count,
                                      .move_cost = planning->move_cost,
                                      .kind_names = (const char *const *)planner->kinds};
    bool ok = planning->without_menus ? make_menus(in, NULL, planning)
                                      : lls_cluster_init(&cluster, planner, planning->gpu_count);
    if (ok && !planning->without_menus) {
        ok = make_menus(in, &cluster, planning);
        lls_cluster_finish(&cluster);
    }
    ok = ok && make_apps(in);
    if (ok && planning->running != NULL)
        ok = make_running(in, planning->running);
    if (ok)
        return LLMSCHED_OK;
    lls_instance_finish(in);
    return lls_fail_memory(err);
}

void lls_instance_finish(lls_instance *in)
{
    const llmsched_context *context = in->planner->context;
    for (uint32_t k = 0; k < in->problem.menu_count; k++)
        lls_free(context, in->problem.menus[k].items);
    for (uint32_t a = 0; a < in->problem.app_count; a++) {
        lls_free(context, in->problem.apps[a].stages);
        lls_free(context, in->problem.apps[a].terms);
    }
    lls_free(context, in->problem.menus);
    lls_free(context, in->problem.apps);
    lls_free(context, in->factors);
    lls_free(context, in->menu_of);
    lls_free(context, in->running_numbers);
    lls_demands_finish(&in->demands, context);
    *in = (lls_instance){.planner = in->planner};
}
