/* SPDX-License-Identifier: Apache-2.0 */
/* What a placement is expected to do, whoever made it (docs/algorithms.md section 8.6). */
#include "place/internal.h"

#include <math.h>

/* --- models --------------------------------------------------------------------------- */

static llmsched_status predict_model(llmsched_plan_model *model, const lls_instance *in,
                                     uint32_t number, llmsched_error *err)
{
    const lls_demand *demand = &in->demands.models[number];
    const lls_model *m = &in->planner->models[number];
    lls_service service;
    model->load_per_s = demand->load;
    model->memory_bytes = lls_replica_bytes(m, model->tp, model->batch, demand->tokens);
    if (demand->load <= 0.0)
        return LLMSCHED_OK;
    /* A plan may run smaller batches than the configuration allows. */
    lls_config config = m->configs[model->config];
    config.max_batch = model->batch;
    if (!lls_service_init(&service, in->planner->context, &config, demand))
        return lls_fail_memory(err);
    model->capacity_per_s = model->replica_count * service.saturation;
    model->call_latency_s = LLS_PLACE_OVERLOADED;
    bool ok = demand->load >= model->capacity_per_s ||
              lls_call_latency(&service, model->replica_count, &model->call_latency_s);
    lls_service_finish(&service);
    return ok ? LLMSCHED_OK : lls_fail_memory(err);
}

/* --- applications ------------------------------------------------------------------------ */

/* Capacity over load of the plan's model of each menu; 0 where it is not placed. */
static void room_of_menus(const llmsched_plan *plan, const lls_instance *in, double *rooms,
                          lls_item *items)
{
    for (uint32_t i = plan->info.model_count; i-- > 0;) {
        const llmsched_plan_model *model = &plan->models[i];
        uint32_t menu = in->menu_of[lls_find_model(in->planner, model->model)];
        if (menu == LLS_NONE32)
            continue;
        rooms[menu] = model->capacity_per_s / model->load_per_s;
        items[menu] = (lls_item){.latency = model->call_latency_s, .config = model->config};
    }
}

/* Least room of what an application calls; infinite where it calls nothing. */
static double least_room(const lls_place_app *app, const double *rooms)
{
    double least = INFINITY;
    for (uint32_t s = 0; s < app->stage_count; s++)
        if (app->stages[s].menu != LLS_NONE32)
            least = fmin(least, rooms[app->stages[s].menu]);
    for (uint32_t t = 0; t < app->term_count; t++)
        least = fmin(least, rooms[app->terms[t].menu]);
    return least;
}

static llmsched_status predict_apps(llmsched_plan *plan, const lls_instance *in,
                                    const lls_place_problem *problem, const double *rooms,
                                    const uint32_t *choice, double factor, llmsched_error *err)
{
    double all = INFINITY, rates = 0.0;
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t k = 0; k < problem->menu_count; k++)
        all = fmin(all, rooms[k]);
    plan->info.objective_s = 0.0;
    for (uint32_t a = 0; status == LLMSCHED_OK && a < problem->app_count; a++) {
        const lls_app *app = &in->planner->apps[a];
        double latency = fmin(lls_app_latency(problem, a, choice), LLS_PLACE_OVERLOADED);
        double rate = app->rate * factor, room = least_room(&problem->apps[a], rooms);
        plan->info.objective_s += app->weight * latency;
        rates += rate;
        status = lls_plan_add_app(plan, app->name, latency, fmin(rate * room, LLS_PLACE_MOST), err);
    }
    plan->info.throughput_per_s = fmin(rates * all, LLS_PLACE_MOST);
    return status;
}

llmsched_status lls_plan_predict(llmsched_plan *plan, const lls_instance *in, double factor,
                                 llmsched_error *err)
{
    const llmsched_context *context = in->planner->context;
    uint32_t menus = in->problem.menu_count;
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; status == LLMSCHED_OK && i < plan->info.model_count; i++)
        status = predict_model(&plan->models[i], in,
                               lls_find_model(in->planner, plan->models[i].model), err);
    if (status != LLMSCHED_OK)
        return status;
    double *rooms = lls_calloc(context, menus, sizeof *rooms);
    lls_item *items = lls_calloc(context, menus, sizeof *items);
    lls_menu *list = lls_calloc(context, menus, sizeof *list);
    uint32_t *choice = lls_calloc(context, menus, sizeof *choice);
    if (rooms != NULL && items != NULL && list != NULL && choice != NULL) {
        /* The applications see a menu of one item for each model. */
        lls_place_problem chosen = in->problem;
        chosen.menus = list;
        room_of_menus(plan, in, rooms, items);
        for (uint32_t k = 0; k < menus; k++)
            list[k] = (lls_menu){.items = &items[k], .count = 1};
        status = predict_apps(plan, in, &chosen, rooms, choice, factor, err);
        lls_plan_measure(plan);
    } else {
        status = lls_fail_memory(err);
    }
    lls_free(context, rooms);
    lls_free(context, items);
    lls_free(context, list);
    lls_free(context, choice);
    return status;
}
