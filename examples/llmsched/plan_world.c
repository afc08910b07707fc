/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How replicas of a plan work: all requests of one make steps of
 * [decode(b, X) + sum of prefill(n) / max(1, k)] * crowding seconds.
 */
#include "plan_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpus.h"
#include "json.h"

/* --- the pace of a configuration --------------------------------------------------- */

/* The curve that a class of engines follows; what is asked of it is in range. */
struct plan_curve {
    const llmsched_planner *planner;
    uint32_t model, config;
};

static double prefill_s(const struct plan_curve *curve, double tokens)
{
    double seconds = 0.0;
    llmsched_planner_prefill_s(curve->planner, curve->model, curve->config, tokens, &seconds, NULL);
    return seconds;
}

static double decode_s(const struct plan_curve *curve, double batch, double context)
{
    double seconds = 0.0;
    llmsched_planner_decode_s(curve->planner, curve->model, curve->config, batch, context, &seconds,
                              NULL);
    return seconds;
}

static double context_of(double prompt_tokens, double output_tokens)
{
    return prompt_tokens + output_tokens / 2.0;
}

static double plan_work(const void *curve, double prompt_tokens, double output_tokens,
                        struct running *task)
{
    double steps = fmax(1.0, output_tokens);
    task->step_s = prefill_s(curve, prompt_tokens) / steps;
    task->context = context_of(prompt_tokens, output_tokens);
    return steps;
}

static double plan_rate(const void *curve, const struct running *requests, size_t count)
{
    double contexts = 0.0, prompts_s = 0.0;
    for (size_t i = 0; i < count; i++) {
        contexts += requests[i].context;
        prompts_s += requests[i].step_s;
    }
    return 1.0 / (decode_s(curve, (double)count, contexts / (double)count) + prompts_s);
}

static double plan_alone_s(const void *curve, double prompt_tokens, double output_tokens)
{
    return prefill_s(curve, prompt_tokens) +
           fmax(1.0, output_tokens) *
               decode_s(curve, 1.0, context_of(prompt_tokens, output_tokens));
}

/* --- classes and engines ---------------------------------------------------------- */

static bool add_class(struct world *world, const struct planned *planned, uint32_t m,
                      struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_plan_model model = {.size = sizeof model};
    struct engine_class *class = &world->classes[m];
    struct plan_curve *curve = &((struct plan_curve *)world->kept)[m];
    if (llmsched_plan_get_model(planned->plan, m, &model, &err) != LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    *curve = (struct plan_curve){
        planned->planner, llmsched_planner_find_model(planned->planner, model.model), model.config};
    class->pace = (struct pace){curve, plan_work, plan_rate, plan_alone_s};
    class->executor = (llmsched_executor){.size = sizeof class->executor,
                                          .kind = LLMSCHED_STAGE_LLM,
                                          .model = model.model,
                                          .capacity = model.batch};
    /* A model without replicas has no slowdown curve to tell of. */
    if (model.replica_count > 0 &&
        llmsched_plan_get_executor(planned->plan, model.first_replica, &class->executor, &err) !=
            LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    return true;
}

static bool add_engines(struct world *world, const struct planned *planned, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    world->engine_count = planned->info.replica_count;
    world->engines = allocate(world->engine_count, sizeof *world->engines);
    for (uint32_t r = 0; r < world->engine_count; r++) {
        llmsched_plan_replica replica = {.size = sizeof replica};
        if (llmsched_plan_get_replica(planned->plan, r, &replica, &err) != LLMSCHED_OK)
            return library_failed(problem, NULL, &err);
        world->engines[r] = replica.model;
    }
    return true;
}

static bool add_crowding(struct world *world, const struct planned *planned,
                         struct problem *problem)
{
    struct gpus gpus;
    if (!gpus_of_plan(&gpus, planned, problem))
        return false;
    world->crowding = allocate(world->engine_count, sizeof *world->crowding);
    for (uint32_t r = 0; r < world->engine_count; r++)
        world->crowding[r] = gpus_crowding(&gpus, r);
    gpus_release(&gpus);
    return true;
}

/* --- models of the workload --------------------------------------------------------- */

/* Whether requests of a model get served: it has replicas, or an autoscaler may start some. */
static bool is_served(const struct planned *planned, uint32_t m)
{
    llmsched_plan_model model = {.size = sizeof model};
    return llmsched_plan_get_model(planned->plan, m, &model, NULL) == LLMSCHED_OK &&
           (model.replica_count > 0 || planned->autoscaler.kind != LLMSCHED_AUTOSCALER_NONE);
}

static uint32_t find_class(const struct world *world, const struct planned *planned,
                           const char *name)
{
    for (uint32_t m = 0; m < world->class_count; m++)
        if (strcmp(world->classes[m].executor.model, name) == 0 && is_served(planned, m))
            return m;
    return UINT32_MAX;
}

static bool stage_is_served(const struct world *world, const struct stage *stage,
                            struct place *place)
{
    if (stage->kind != LLMSCHED_STAGE_LLM)
        return true;
    if (stage->model == NULL)
        return world->class_count == 1 ||
               json_expected(place, "model", "a model, since the plan serves several");
    return world->class_of_model[stage->model_number] != UINT32_MAX ||
           json_expected(place, "model", "a model that the plan serves");
}

static bool workload_is_served(const struct world *world, const struct workload *workload,
                               const char *path, struct problem *problem)
{
    for (size_t j = 0; j < workload->count; j++) {
        const struct body *body = workload->jobs[j].body;
        for (uint32_t s = 0; s < body->stage_count; s++) {
            struct place place = {.path = path, .line = j + 1, .problem = problem};
            snprintf(place.where, sizeof place.where, "stages[%u]", s);
            if (!stage_is_served(world, &body->stages[s], &place))
                return false;
        }
    }
    return true;
}

bool world_of_plan(struct world *world, const struct planned *planned,
                   const struct workload *workload, const char *path, struct problem *problem)
{
    uint32_t classes = planned->info.model_count;
    *world = (struct world){.class_count = classes, .tool_slots = SLOTS_UNLIMITED};
    if (planned->autoscaler.kind != LLMSCHED_AUTOSCALER_NONE)
        world->autoscaled = planned;
    world->classes = allocate(classes, sizeof *world->classes);
    world->kept = allocate(classes, sizeof(struct plan_curve));
    bool good = true;
    for (uint32_t m = 0; good && m < classes; m++)
        good = add_class(world, planned, m, problem);
    good = good && add_engines(world, planned, problem) && add_crowding(world, planned, problem);
    world->class_of_model = allocate(workload->model_count, sizeof *world->class_of_model);
    for (size_t m = 0; good && m < workload->model_count; m++)
        world->class_of_model[m] = find_class(world, planned, workload->models[m]);
    good = good && workload_is_served(world, workload, path, problem);
    if (!good)
        world_release(world);
    return good;
}
