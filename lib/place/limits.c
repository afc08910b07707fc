/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds on any plan that need no search (docs/algorithms.md section 8.6): throughput, memory. */
#include "place/internal.h"

#include <math.h>

/* Whether a GPU of this kind is there. */
static bool has_kind(const lls_instance *in, uint32_t kind)
{
    for (uint32_t g = 0; g < in->problem.gpu_count; g++)
        if (in->problem.gpus[g].kind == kind)
            return true;
    return false;
}

/* min t s / X: least share of GPUs that a call per second takes; LLMSCHED_NONE: no configuration is
 * for these GPUs. */
static llmsched_status least_share(const lls_instance *in, const bool *kinds, uint32_t model,
                                   double *least)
{
    const lls_model *m = &in->planner->models[model];
    *least = INFINITY;
    for (uint32_t c = 0; c < m->config_count; c++) {
        lls_service service;
        if (!kinds[m->configs[c].kind])
            continue;
        if (!lls_service_init(&service, in->planner->context, &m->configs[c],
                              &in->demands.models[model]))
            return LLMSCHED_ERROR_MEMORY;
        *least = fmin(*least, m->configs[c].tp * m->configs[c].share / service.saturation);
        lls_service_finish(&service);
    }
    return isfinite(*least) ? LLMSCHED_OK : LLMSCHED_NONE;
}

static bool *find_kinds(const lls_instance *in)
{
    bool *kinds = lls_calloc(in->planner->context, in->planner->kind_count, sizeof *kinds);
    for (uint32_t k = 0; kinds != NULL && k < in->planner->kind_count; k++)
        kinds[k] = has_kind(in, k);
    return kinds;
}

llmsched_status lls_throughput_limit(const lls_instance *in, double *factor, llmsched_error *err)
{
    bool *kinds = find_kinds(in);
    double sum = 0.0;
    llmsched_status status = kinds != NULL ? LLMSCHED_OK : LLMSCHED_ERROR_MEMORY;
    for (uint32_t k = 0; status == LLMSCHED_OK && k < in->problem.menu_count; k++) {
        uint32_t model = in->problem.menus[k].model;
        double least = 0.0;
        status = least_share(in, kinds, model, &least);
        sum += in->demands.models[model].load * least;
    }
    lls_free(in->planner->context, kinds);
    if (status == LLMSCHED_ERROR_MEMORY)
        return lls_fail_memory(err);
    *factor = status == LLMSCHED_NONE
                  ? 0.0
                  : fmin(in->problem.gpu_count / fmax(sum, 1.0 / LLS_PLACE_MOST), LLS_PLACE_MOST);
    return LLMSCHED_OK;
}

/* --- memory -------------------------------------------------------------------------------- */

/* Least bytes on all of a replica's GPUs, and least GPUs of a replica; of those on the menu. */
static void least_replica(const lls_menu *menu, double *bytes, uint32_t *gpus)
{
    *bytes = 0.0;
    *gpus = 0;
    for (uint32_t i = 0; i < menu->count; i++) {
        const lls_item *item = &menu->items[i];
        double all = item->tp * item->memory * item->replicas;
        uint32_t count = item->tp;
        if (i == 0 || all < *bytes)
            *bytes = all;
        if (i == 0 || count < *gpus)
            *gpus = count;
    }
}

llmsched_status lls_memory_limit(const lls_instance *in, uint32_t *gpus, llmsched_error *err)
{
    uint32_t count = in->problem.gpu_count, most = 0;
    double need = 0.0, held = 0.0;
    double *memories = lls_calloc(in->planner->context, count, sizeof *memories);
    if (memories == NULL)
        return lls_fail_memory(err);
    for (uint32_t g = 0; g < count; g++)
        memories[g] = in->problem.gpus[g].memory;
    lls_sort(memories, count);
    for (uint32_t k = 0; k < in->problem.menu_count; k++) {
        double bytes;
        uint32_t least;
        least_replica(&in->problem.menus[k], &bytes, &least);
        need += bytes;
        most = least > most ? least : most;
    }
    uint32_t taken = 0;
    while (taken < count && held * (1.0 + LLS_PLACE_SLACK) < need)
        held += memories[count - 1 - taken++];
    *gpus = taken > most ? taken : most;
    lls_free(in->planner->context, memories);
    return LLMSCHED_OK;
}
