/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many replicas of a configuration an empty cluster holds: the groups of tp GPUs that it may
 * use, each as small as its smallest GPU (docs/algorithms.md section 8.4).
 */
#include "place/internal.h"

#include <math.h>

/* GPUs domain by domain, in the order of their positions. */
static bool order_gpus(lls_cluster *cluster)
{
    const llmsched_context *context = cluster->planner->context;
    uint32_t domains = cluster->planner->domain_count;
    cluster->domain_start = lls_calloc(context, (size_t)domains + 1, sizeof(uint32_t));
    cluster->ordered = lls_calloc(context, cluster->gpu_count, sizeof(uint32_t));
    if (cluster->domain_start == NULL || cluster->ordered == NULL)
        return false;
    for (uint32_t g = 0; g < cluster->gpu_count; g++)
        cluster->domain_start[cluster->planner->gpus[g].domain + 1]++;
    for (uint32_t d = 0; d < domains; d++)
        cluster->domain_start[d + 1] += cluster->domain_start[d];
    for (uint32_t g = 0; g < cluster->gpu_count; g++) {
        const lls_gpu *gpu = &cluster->planner->gpus[g];
        cluster->ordered[cluster->domain_start[gpu->domain] + gpu->position] = g;
    }
    return true;
}

bool lls_cluster_init(lls_cluster *cluster, const llmsched_planner *planner, uint32_t gpu_count)
{
    *cluster = (lls_cluster){.planner = planner, .gpu_count = gpu_count};
    if (order_gpus(cluster))
        return true;
    lls_cluster_finish(cluster);
    return false;
}

void lls_cluster_finish(lls_cluster *cluster)
{
    const llmsched_context *context = cluster->planner->context;
    for (uint32_t s = 0; s < cluster->slot_count; s++) {
        lls_free(context, cluster->slots[s].memories);
        lls_free(context, cluster->slots[s].groups);
    }
    lls_free(context, cluster->slots);
    lls_free(context, cluster->domain_start);
    lls_free(context, cluster->ordered);
    *cluster = (lls_cluster){.planner = cluster->planner};
}

/* Memory of the smallest of tp GPUs from here on; -1: not all are of the kind. */
static double group_memory(const lls_cluster *cluster, uint32_t first, uint32_t tp, uint32_t kind)
{
    double least = INFINITY;
    for (uint32_t i = first; i < first + tp; i++) {
        const lls_gpu *gpu = &cluster->planner->gpus[cluster->ordered[i]];
        if (gpu->kind != kind)
            return -1.0;
        least = fmin(least, gpu->memory);
    }
    return least;
}

/* Memories of all groups, unsorted; NULL: no memory. */
static double *all_groups(const lls_cluster *cluster, uint32_t kind, uint32_t tp, uint32_t *count)
{
    double *memories = lls_calloc(cluster->planner->context, (size_t)cluster->gpu_count / tp + 1,
                                  sizeof *memories);
    *count = 0;
    for (uint32_t d = 0; memories != NULL && d < cluster->planner->domain_count; d++) {
        uint32_t first = cluster->domain_start[d];
        uint32_t groups = (cluster->domain_start[d + 1] - first) / tp;
        for (uint32_t i = 0; i < groups; i++) {
            double memory = group_memory(cluster, first + i * tp, tp, kind);
            if (memory >= 0.0)
                memories[(*count)++] = memory;
        }
    }
    return memories;
}

/* Of equal memories one is kept, with how many there are. */
static bool count_equal(lls_slots *slots, const llmsched_context *context, double *memories,
                        uint32_t count)
{
    lls_sort(memories, count);
    slots->groups = lls_calloc(context, count, sizeof *slots->groups);
    if (slots->groups == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || memories[i] != memories[slots->count - 1])
            memories[slots->count++] = memories[i];
        slots->groups[slots->count - 1]++;
    }
    return true;
}

const lls_slots *lls_cluster_slots(lls_cluster *cluster, uint32_t kind, uint32_t tp)
{
    const llmsched_context *context = cluster->planner->context;
    for (uint32_t s = 0; s < cluster->slot_count; s++)
        if (cluster->slots[s].kind == kind && cluster->slots[s].tp == tp)
            return &cluster->slots[s];
    void *grown = cluster->slots;
    bool ok = lls_grow(context, &grown, &cluster->slot_capacity, (size_t)cluster->slot_count + 1,
                       sizeof *cluster->slots);
    cluster->slots = grown;
    lls_slots made = {.kind = kind, .tp = tp};
    uint32_t count = 0;
    made.memories = ok ? all_groups(cluster, kind, tp, &count) : NULL;
    if (made.memories == NULL || !count_equal(&made, context, made.memories, count)) {
        lls_free(context, made.memories);
        return NULL;
    }
    cluster->slots[cluster->slot_count] = made;
    return &cluster->slots[cluster->slot_count++];
}

/* How often a part goes into a whole, the slack of sums of tenths allowed for. */
static double times(double whole, double part)
{
    return part > 0.0 ? floor(whole * (1.0 + LLS_PLACE_SLACK) / part) : (double)LLS_NONE32;
}

uint32_t lls_slots_hold(const lls_slots *slots, double share, double bytes, double bandwidth)
{
    double total = 0.0, each = fmin(times(1.0, share), times(1.0, bandwidth));
    for (uint32_t i = 0; i < slots->count; i++)
        total += slots->groups[i] * fmin(each, times(slots->memories[i], bytes));
    return (uint32_t)fmin(total, LLS_NONE32 - 1);
}
