/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binary heap of item numbers that knows where each item stands, so that an
 * item can be removed or moved from the middle. positions[items[i]] == i for
 * every i < count, and LLS_NONE32 for every item that is not in.
 */
#include "base/internal.h"

void lls_heap_init(lls_heap *heap, const llmsched_context *context, lls_heap_compare compare,
                   const void *user)
{
    *heap = (lls_heap){.context = context, .compare = compare, .user = user};
}

void lls_heap_finish(lls_heap *heap)
{
    if (heap->items != NULL)
        lls_free(heap->context, heap->items);
    if (heap->positions != NULL)
        lls_free(heap->context, heap->positions);
    lls_heap_init(heap, heap->context, heap->compare, heap->user);
}

bool lls_heap_reserve(lls_heap *heap, uint32_t items)
{
    uint32_t known = heap->position_capacity;
    void *grown = heap->items;
    bool ok = lls_grow(heap->context, &grown, &heap->capacity, items, sizeof *heap->items);
    heap->items = grown;
    if (!ok)
        return false;
    grown = heap->positions;
    ok = lls_grow(heap->context, &grown, &heap->position_capacity, items, sizeof *heap->positions);
    heap->positions = grown;
    if (!ok)
        return false;
    for (uint32_t i = known; i < heap->position_capacity; i++)
        heap->positions[i] = LLS_NONE32;
    return true;
}

static void place(lls_heap *heap, uint32_t at, uint32_t item)
{
    heap->items[at] = item;
    heap->positions[item] = at;
}

/* Moves item from the hole at `at` towards the root; returns where it came to rest. */
static uint32_t sift_up(lls_heap *heap, uint32_t at, uint32_t item)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (heap->compare(heap->user, item, heap->items[parent]) >= 0)
            break;
        place(heap, at, heap->items[parent]);
        at = parent;
    }
    place(heap, at, item);
    return at;
}

static void sift_down(lls_heap *heap, uint32_t at, uint32_t item)
{
    while (at < heap->count / 2) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < heap->count &&
            heap->compare(heap->user, heap->items[child + 1], heap->items[child]) < 0)
            child++;
        if (heap->compare(heap->user, heap->items[child], item) >= 0)
            break;
        place(heap, at, heap->items[child]);
        at = child;
    }
    place(heap, at, item);
}

static void settle(lls_heap *heap, uint32_t at, uint32_t item)
{
    if (sift_up(heap, at, item) == at)
        sift_down(heap, at, item);
}

bool lls_heap_contains(const lls_heap *heap, uint32_t item)
{
    return item < heap->position_capacity && heap->positions[item] != LLS_NONE32;
}

bool lls_heap_push(lls_heap *heap, uint32_t item)
{
    if (item == LLS_NONE32 || !lls_heap_reserve(heap, item + 1))
        return false;
    if (lls_heap_contains(heap, item)) {
        settle(heap, heap->positions[item], item);
        return true;
    }
    sift_up(heap, heap->count++, item);
    return true;
}

void lls_heap_remove(lls_heap *heap, uint32_t item)
{
    if (!lls_heap_contains(heap, item))
        return;
    uint32_t at = heap->positions[item];
    uint32_t last = heap->items[--heap->count];
    heap->positions[item] = LLS_NONE32;
    if (last != item)
        settle(heap, at, last);
}

void lls_heap_update(lls_heap *heap, uint32_t item)
{
    if (lls_heap_contains(heap, item))
        settle(heap, heap->positions[item], item);
}

uint32_t lls_heap_top(const lls_heap *heap)
{
    return heap->count > 0 ? heap->items[0] : LLS_NONE32;
}
