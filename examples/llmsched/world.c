/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster as a world. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

/* The slowdown curve as the library wants it: from batch size 1, where a file's may start later. */
static llmsched_executor executor_of(struct world *world, const struct cluster *cluster)
{
    llmsched_executor info = {.size = sizeof info, .kind = LLMSCHED_STAGE_LLM};
    double *curve = allocate((size_t)cluster->tau_count + 1, 2 * sizeof *curve);
    bool extra = cluster->tau_batch[0] > 1.0;
    info.curve_count = cluster->tau_count + (extra ? 1 : 0);
    curve[0] = curve[info.curve_count] = 1.0;
    memcpy(curve + (extra ? 1 : 0), cluster->tau_batch, cluster->tau_count * sizeof *curve);
    memcpy(curve + info.curve_count + (extra ? 1 : 0), cluster->slowdown,
           cluster->tau_count * sizeof *curve);
    info.curve_batch = curve;
    info.curve_slowdown = curve + info.curve_count;
    world->kept = curve;
    return info;
}

static uint32_t first_engine(const struct cluster *cluster, const char *model)
{
    uint32_t e = 0;
    while (strcmp(cluster->engines[e].model, model) != 0)
        e++;
    return e;
}

void world_of_cluster(struct world *world, const struct cluster *cluster,
                      const struct workload *workload)
{
    *world = (struct world){.class_count = cluster->engine_count,
                            .engine_count = cluster->engine_count,
                            .tool_slots = cluster->slot_count,
                            .tool_price = cluster->tool_price,
                            .prefix_reuse = cluster->prefix_reuse,
                            .cluster = cluster};
    llmsched_executor executor = executor_of(world, cluster);
    world->classes = allocate(cluster->engine_count, sizeof *world->classes);
    world->engines = allocate(cluster->engine_count, sizeof *world->engines);
    for (uint32_t e = 0; e < cluster->engine_count; e++) {
        executor.model = cluster->engines[e].model;
        executor.capacity = cluster->engines[e].max_batch;
        executor.price = cluster->engines[e].price;
        world->classes[e] =
            (struct engine_class){.pace = cluster_pace(cluster), .executor = executor};
        world->engines[e] = e;
    }
    if (cluster->engine_count == 0 || cluster->engines[0].model == NULL)
        return;
    world->class_of_model = allocate(workload->model_count, sizeof *world->class_of_model);
    for (size_t m = 0; m < workload->model_count; m++)
        world->class_of_model[m] = first_engine(cluster, workload->models[m]);
}

void world_release(struct world *world)
{
    free(world->classes);
    free(world->engines);
    free(world->crowding);
    free(world->class_of_model);
    free(world->kept);
    *world = (struct world){0};
}

uint32_t world_class(const struct world *world, const struct stage *stage)
{
    bool any = stage->model == NULL || world->class_of_model == NULL;
    return any ? 0 : world->class_of_model[stage->model_number];
}

const struct tool_pool *world_pool(const struct world *world, const struct stage *stage)
{
    return world->cluster != NULL ? stage_pool(stage, world->cluster) : NULL;
}

const struct tool_pool *world_pool_of(const struct world *world, uint32_t slot)
{
    return world->cluster != NULL ? cluster_pool_of(world->cluster, slot) : NULL;
}

const char *world_place(const struct world *world, const struct stage *stage)
{
    if (stage->kind == LLMSCHED_STAGE_LLM)
        return world->classes[world_class(world, stage)].executor.model;
    const struct tool_pool *pool = world_pool(world, stage);
    return pool != NULL ? pool->name : NULL;
}

double world_alone(const struct world *world, const struct stage *stage, uint32_t task)
{
    if (stage->kind == LLMSCHED_STAGE_REGULAR)
        return stage->duration_s;
    const struct pace *pace = &world->classes[world_class(world, stage)].pace;
    return pace->alone_s(pace->curve, task_share(stage->prompt_tokens, stage->tasks, task),
                         task_share(stage->output_tokens, stage->tasks, task));
}
