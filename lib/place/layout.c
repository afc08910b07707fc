/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GPUs side by side as replicas need them: by domain, then position.
 */
#include "place/search.h"

static bool allocate(lls_layout *layout, uint32_t gpus, uint32_t domains)
{
    const llmsched_context *context = layout->context;
    layout->gpus = lls_calloc(context, gpus, sizeof *layout->gpus);
    layout->domains = lls_calloc(context, gpus, sizeof *layout->domains);
    layout->kinds = lls_calloc(context, gpus, sizeof *layout->kinds);
    layout->slots = lls_calloc(context, gpus, sizeof *layout->slots);
    layout->memory = lls_calloc(context, gpus, sizeof *layout->memory);
    layout->starts = lls_calloc(context, (size_t)domains + 1, sizeof *layout->starts);
    return layout->gpus != NULL && layout->domains != NULL && layout->kinds != NULL &&
           layout->slots != NULL && layout->memory != NULL && layout->starts != NULL;
}

static bool count_class(lls_layout *layout, const lls_gpu *gpu)
{
    uint32_t i = 0;
    while (i < layout->class_count &&
           (layout->classes[i].kind != gpu->kind || layout->classes[i].memory != gpu->memory))
        i++;
    if (i == layout->class_count) {
        void *grown = layout->classes;
        bool ok = lls_grow(layout->context, &grown, &layout->class_capacity, i + 1,
                           sizeof *layout->classes);
        layout->classes = grown;
        if (!ok)
            return false;
        layout->classes[layout->class_count++] =
            (lls_gpu_class){.kind = gpu->kind, .memory = gpu->memory};
    }
    layout->classes[i].count++;
    return true;
}

bool lls_layout_init(lls_layout *layout, const lls_place_problem *problem)
{
    *layout = (lls_layout){.context = problem->context,
                           .slot_count = problem->gpu_count,
                           .domain_count = problem->domain_count};
    if (!allocate(layout, problem->gpu_count, problem->domain_count))
        return false;
    for (uint32_t g = 0; g < problem->gpu_count; g++)
        layout->starts[problem->gpus[g].domain + 1]++;
    for (uint32_t d = 0; d < problem->domain_count; d++)
        layout->starts[d + 1] += layout->starts[d];
    for (uint32_t g = 0; g < problem->gpu_count; g++) {
        const lls_gpu *gpu = &problem->gpus[g];
        uint32_t slot = layout->starts[gpu->domain]++;
        layout->gpus[slot] = g;
        layout->slots[g] = slot;
        layout->domains[slot] = gpu->domain;
        layout->kinds[slot] = gpu->kind;
        layout->memory[slot] = gpu->memory;
        if (!count_class(layout, gpu))
            return false;
    }
    for (uint32_t d = problem->domain_count; d > 0; d--)
        layout->starts[d] = layout->starts[d - 1];
    layout->starts[0] = 0;
    return true;
}

void lls_layout_finish(lls_layout *layout)
{
    for (uint32_t i = 0; i < layout->shape_count; i++)
        lls_free(layout->context, layout->shapes[i].firsts);
    lls_free(layout->context, layout->shapes);
    lls_free(layout->context, layout->classes);
    lls_free(layout->context, layout->gpus);
    lls_free(layout->context, layout->domains);
    lls_free(layout->context, layout->kinds);
    lls_free(layout->context, layout->slots);
    lls_free(layout->context, layout->memory);
    lls_free(layout->context, layout->starts);
}

static bool is_of_kind(const lls_layout *layout, uint32_t first, uint32_t tp, uint32_t kind)
{
    for (uint32_t i = 0; i < tp; i++)
        if (layout->kinds[first + i] != kind)
            return false;
    return true;
}

static void list_groups(const lls_layout *layout, lls_shape *shape)
{
    for (uint32_t d = 0; d < layout->domain_count; d++) {
        uint32_t end = layout->starts[d + 1];
        for (uint32_t s = layout->starts[d]; shape->tp <= end - s; s += shape->tp)
            if (is_of_kind(layout, s, shape->tp, shape->kind))
                shape->firsts[shape->count++] = s;
    }
}

uint32_t lls_layout_shape(lls_layout *layout, uint32_t kind, uint32_t tp)
{
    for (uint32_t i = 0; i < layout->shape_count; i++)
        if (layout->shapes[i].kind == kind && layout->shapes[i].tp == tp)
            return i;
    void *grown = layout->shapes;
    bool ok = lls_grow(layout->context, &grown, &layout->shape_capacity,
                       (size_t)layout->shape_count + 1, sizeof *layout->shapes);
    layout->shapes = grown;
    if (!ok)
        return LLS_NONE32;
    lls_shape shape = {.kind = kind, .tp = tp};
    shape.firsts = lls_calloc(layout->context, layout->slot_count / tp + 1, sizeof *shape.firsts);
    if (shape.firsts == NULL)
        return LLS_NONE32;
    list_groups(layout, &shape);
    layout->shapes[layout->shape_count] = shape;
    return layout->shape_count++;
}
