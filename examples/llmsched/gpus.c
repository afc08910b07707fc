/* SPDX-License-Identifier: Apache-2.0 */
/* GPUs and who is on them. */
#include "gpus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The GPU before this one in its domain. */
static uint32_t previous(const struct gpus *gpus, uint32_t g)
{
    for (uint32_t i = g; i-- > 0;)
        if (strcmp(gpus->items[i].domain, gpus->items[g].domain) == 0)
            return i;
    return NO_GPU;
}

static bool read_gpus(struct gpus *gpus, const struct planned *planned, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    gpus->count = planned->info.gpu_count;
    gpus->items = allocate(gpus->count, sizeof *gpus->items);
    for (uint32_t g = 0; g < gpus->count; g++) {
        llmsched_plan_gpu info = {.size = sizeof info};
        if (llmsched_plan_get_gpu(planned->plan, g, &info, &err) != LLMSCHED_OK)
            return library_failed(problem, NULL, &err);
        gpus->items[g] = (struct gpu){.kind = info.kind, .domain = info.domain, .next = NO_GPU};
        uint32_t before = previous(gpus, g);
        if (before == NO_GPU)
            continue;
        gpus->items[before].next = g;
        gpus->items[g].position = gpus->items[before].position + 1;
    }
    return true;
}

static bool read_models(struct gpus *gpus, const struct planned *planned, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    gpus->model_count = planned->info.model_count;
    gpus->models = allocate(gpus->model_count, sizeof *gpus->models);
    for (uint32_t m = 0; m < gpus->model_count; m++) {
        llmsched_plan_model info = {.size = sizeof info};
        if (llmsched_plan_get_model(planned->plan, m, &info, &err) != LLMSCHED_OK)
            return library_failed(problem, NULL, &err);
        gpus->models[m] = (struct footprint){info.gpu, info.tp, info.share, info.bandwidth};
    }
    return true;
}

/* Room for the GPUs of one more replica. */
static uint32_t *add_replica(struct gpus *gpus, uint32_t model)
{
    grow((void **)&gpus->replicas, &gpus->replica_capacity, gpus->replica_count + 1,
         sizeof *gpus->replicas);
    uint32_t *list = allocate(gpus->models[model].tp, sizeof *list);
    gpus->replicas[gpus->replica_count++] = (struct placed){model, list};
    return list;
}

static void occupy(struct gpus *gpus, const struct placed *replica)
{
    const struct footprint *model = &gpus->models[replica->model];
    for (uint32_t i = 0; i < model->tp; i++) {
        struct gpu *gpu = &gpus->items[replica->gpus[i]];
        gpu->users++;
        gpu->share += model->share;
        gpu->bandwidth += model->bandwidth;
    }
}

static bool read_replicas(struct gpus *gpus, const struct planned *planned, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    for (uint32_t r = 0; r < planned->info.replica_count; r++) {
        llmsched_plan_replica info = {.size = sizeof info};
        if (llmsched_plan_get_replica(planned->plan, r, &info, &err) != LLMSCHED_OK)
            return library_failed(problem, NULL, &err);
        memcpy(add_replica(gpus, info.model), info.gpus, info.gpu_count * sizeof *info.gpus);
        occupy(gpus, &gpus->replicas[r]);
    }
    return true;
}

bool gpus_of_plan(struct gpus *gpus, const struct planned *planned, struct problem *problem)
{
    *gpus = (struct gpus){0};
    bool good = read_gpus(gpus, planned, problem) && read_models(gpus, planned, problem) &&
                read_replicas(gpus, planned, problem);
    if (!good)
        gpus_release(gpus);
    return good;
}

void gpus_release(struct gpus *gpus)
{
    for (size_t r = 0; r < gpus->replica_count; r++)
        free(gpus->replicas[r].gpus);
    free(gpus->replicas);
    free(gpus->models);
    free(gpus->items);
    *gpus = (struct gpus){0};
}

double gpus_crowding(const struct gpus *gpus, uint32_t replica)
{
    const struct placed *placed = &gpus->replicas[replica];
    double most = 1.0;
    for (uint32_t i = 0; i < gpus->models[placed->model].tp; i++) {
        const struct gpu *gpu = &gpus->items[placed->gpus[i]];
        most = fmax(most, fmax(gpu->share, gpu->bandwidth));
    }
    return most;
}

/* Whether tp GPUs from this one on are free, of the kind, and aligned in its domain. */
static bool has_room(const struct gpus *gpus, uint32_t first, const struct footprint *model)
{
    if (gpus->items[first].position % model->tp != 0)
        return false;
    uint32_t g = first;
    for (uint32_t i = 0; i < model->tp; i++, g = gpus->items[g].next)
        if (g == NO_GPU || gpus->items[g].users > 0 ||
            strcmp(gpus->items[g].kind, model->kind) != 0)
            return false;
    return true;
}

bool gpus_take(struct gpus *gpus, uint32_t model)
{
    uint32_t first = 0;
    while (first < gpus->count && !has_room(gpus, first, &gpus->models[model]))
        first++;
    if (first == gpus->count)
        return false;
    uint32_t *list = add_replica(gpus, model), g = first;
    for (uint32_t i = 0; i < gpus->models[model].tp; i++, g = gpus->items[g].next)
        list[i] = g;
    occupy(gpus, &gpus->replicas[gpus->replica_count - 1]);
    return true;
}

void gpus_give(struct gpus *gpus, uint32_t replica)
{
    free(gpus->replicas[replica].gpus);
    gpus->replicas[replica].gpus = NULL;
    /* Summed anew in order of number, so that nothing is left of what has gone. */
    for (uint32_t g = 0; g < gpus->count; g++) {
        gpus->items[g].users = 0;
        gpus->items[g].share = gpus->items[g].bandwidth = 0.0;
    }
    for (size_t r = 0; r < gpus->replica_count; r++)
        if (gpus->replicas[r].gpus != NULL)
            occupy(gpus, &gpus->replicas[r]);
}
