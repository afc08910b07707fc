/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Demand: what the applications ask of each model (docs/algorithms.md section 8.2). The calls of
 * all applications stand in one array, model after model, so that means that depend on a
 * configuration can be taken later.
 */
#include "place/internal.h"

#include <math.h>

/* Calls each to its model's place; with counts alone (calls NULL) the places are counted. */
typedef struct collector {
    lls_demand *models;
    lls_call *calls;
    double factor;
} collector;

static void collect(collector *c, uint32_t model, lls_call call)
{
    if (model == LLS_NONE32 || call.rate <= 0.0)
        return;
    lls_demand *demand = &c->models[model];
    if (c->calls != NULL)
        c->calls[(demand->calls - c->calls) + demand->call_count] = call;
    demand->call_count++;
}

static void collect_app(collector *c, const lls_app *app)
{
    double rate = app->rate * c->factor;
    for (uint32_t s = 0; s < app->stage_count; s++) {
        const lls_app_stage *stage = &app->stages[s];
        collect(c, stage->model,
                (lls_call){rate * stage->probability * stage->tasks, stage->prompt, stage->output,
                           stage->tasks, stage->prompt + stage->output / 2.0});
    }
    for (uint32_t i = 0; i < app->call_count; i++) {
        const lls_app_call *call = &app->calls[i];
        collect(
            c, call->model,
            (lls_call){rate * call->calls, call->prompt, call->output, call->group, call->context});
    }
}

static void take_means(lls_demand *demand)
{
    double steps = 0.0, context = 0.0, tokens = 0.0, group = 0.0;
    for (uint32_t i = 0; i < demand->call_count; i++) {
        const lls_call *call = &demand->calls[i];
        double k = fmax(1.0, call->output);
        demand->load += call->rate;
        steps += call->rate * k;
        context += call->rate * k * call->context;
        tokens += call->rate * (call->prompt + call->output);
        group += call->rate * call->tasks;
    }
    if (demand->load <= 0.0)
        return;
    demand->steps = steps / demand->load;
    demand->context = context / steps;
    demand->tokens = tokens / demand->load;
    demand->group = group / demand->load;
}

llmsched_status lls_demands_init(lls_demands *demands, const llmsched_planner *planner,
                                 double factor, llmsched_error *err)
{
    uint32_t models = planner->model_count;
    *demands = (lls_demands){0};
    lls_demand *made = lls_calloc(planner->context, models, sizeof *made);
    if (made == NULL)
        return lls_fail_memory(err);
    collector c = {.models = made, .factor = factor};
    for (uint32_t a = 0; a < planner->app_count; a++)
        collect_app(&c, &planner->apps[a]);
    size_t total = 0;
    for (uint32_t m = 0; m < models; m++)
        total += made[m].call_count;
    c.calls = lls_calloc(planner->context, total, sizeof *c.calls);
    if (c.calls == NULL) {
        lls_free(planner->context, made);
        return lls_fail_memory(err);
    }
    size_t start = 0;
    for (uint32_t m = 0; m < models; m++) {
        made[m].calls = c.calls + start;
        start += made[m].call_count;
        made[m].call_count = 0;
    }
    for (uint32_t a = 0; a < planner->app_count; a++)
        collect_app(&c, &planner->apps[a]);
    for (uint32_t m = 0; m < models; m++)
        take_means(&made[m]);
    *demands = (lls_demands){.models = made, .calls = c.calls};
    return LLMSCHED_OK;
}

void lls_demands_finish(lls_demands *demands, const llmsched_context *context)
{
    lls_free(context, demands->models);
    lls_free(context, demands->calls);
    *demands = (lls_demands){0};
}

double lls_demand_prefill(const lls_demand *demand, const lls_curve *curve)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < demand->call_count; i++)
        sum += demand->calls[i].rate * lls_curve_prefill(curve, demand->calls[i].prompt);
    return demand->load > 0.0 ? sum / demand->load : 0.0;
}

double lls_replica_bytes(const lls_model *model, uint32_t tp, uint32_t batch, double tokens)
{
    double cache = fmax(model->kv_floor, model->kv_per_token * tokens * batch);
    return model->weight / tp + cache / tp + model->runtime;
}
