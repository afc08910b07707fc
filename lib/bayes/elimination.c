/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/elimination.h"

#include "bayes/graph.h"

#include <string.h>

/* No table has more entries; it bounds the neighbours of a vertex within the limit to 60. */
#define LARGEST_LIMIT (UINT64_C(1) << 60)

static int compare(const void *user, uint32_t a, uint32_t b)
{
    const lls_elimination *e = user;
    if (e->cost[a] != e->cost[b])
        return e->cost[a] < e->cost[b] ? -1 : 1;
    if (e->ranks != NULL && e->ranks[a] != e->ranks[b])
        return e->ranks[a] > e->ranks[b] ? -1 : 1;
    if (e->weight[a] != e->weight[b])
        return e->weight[a] < e->weight[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

void lls_elimination_init(lls_elimination *e, const llmsched_context *context)
{
    memset(e, 0, sizeof *e);
    e->context = context;
    lls_heap_init(&e->heap, context, compare, e);
}

static void free_arrays(lls_elimination *e)
{
    const llmsched_context *c = e->context;
    for (uint32_t i = 0; i < e->capacity; i++)
        lls_free(c, e->neighbours[i].items);
    lls_free(c, e->neighbours);
    lls_free(c, e->states);
    lls_free(c, e->kept);
    lls_free(c, e->cost);
    lls_free(c, e->weight);
    lls_free(c, e->stale);
    lls_free(c, e->stale_list);
    lls_free(c, e->order);
    lls_free(c, e->separator_start);
}

void lls_elimination_finish(lls_elimination *e)
{
    if (e->context == NULL)
        return;
    free_arrays(e);
    lls_free(e->context, e->separators);
    lls_heap_finish(&e->heap);
    memset(e, 0, sizeof *e);
}

/* Makes room for more vertices by starting anew, so that a failure leaves a smaller room whole. */
static bool enlarge(lls_elimination *e, uint32_t count)
{
    const llmsched_context *c = e->context;
    lls_elimination fresh = {.context = c, .capacity = count};
    size_t n = count;
    bool done =
        (fresh.neighbours = lls_calloc(c, n, sizeof *fresh.neighbours)) != NULL &&
        (fresh.states = lls_calloc(c, n, sizeof *fresh.states)) != NULL &&
        (fresh.kept = lls_calloc(c, n, sizeof *fresh.kept)) != NULL &&
        (fresh.cost = lls_calloc(c, n, sizeof *fresh.cost)) != NULL &&
        (fresh.weight = lls_calloc(c, n, sizeof *fresh.weight)) != NULL &&
        (fresh.stale = lls_calloc(c, n, sizeof *fresh.stale)) != NULL &&
        (fresh.stale_list = lls_calloc(c, n, sizeof *fresh.stale_list)) != NULL &&
        (fresh.order = lls_calloc(c, n, sizeof *fresh.order)) != NULL &&
        (fresh.separator_start = lls_calloc(c, n + 1, sizeof *fresh.separator_start)) != NULL &&
        lls_heap_reserve(&e->heap, count);
    if (!done) {
        if (fresh.neighbours == NULL)
            fresh.capacity = 0;
        free_arrays(&fresh);
        return false;
    }
    free_arrays(e);
    e->capacity = count;
    e->neighbours = fresh.neighbours;
    e->states = fresh.states;
    e->kept = fresh.kept;
    e->cost = fresh.cost;
    e->weight = fresh.weight;
    e->stale = fresh.stale;
    e->stale_list = fresh.stale_list;
    e->order = fresh.order;
    e->separator_start = fresh.separator_start;
    return true;
}

bool lls_elimination_reset(lls_elimination *e, uint32_t count)
{
    if ((count > e->capacity || e->separator_start == NULL) && !enlarge(e, count))
        return false;
    /* A run that failed may have left vertices behind. */
    for (uint32_t i = 0; i < e->heap.count; i++)
        e->heap.positions[e->heap.items[i]] = LLS_NONE32;
    e->heap.count = 0;
    e->count = count;
    e->rule = LLS_ELIMINATION_FILL;
    e->ranks = NULL;
    e->order_count = 0;
    e->stale_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        e->neighbours[i].count = 0;
        e->states[i] = 1;
        e->kept[i] = 0;
        e->stale[i] = 0;
    }
    return true;
}

/* --- edges ---------------------------------------------------------------------- */

/* Where v stands among the neighbours, or would stand. */
static uint32_t place_of(const lls_neighbours *list, uint32_t v)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->items[middle] < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool holds(const lls_neighbours *list, uint32_t v)
{
    uint32_t place = place_of(list, v);
    return place < list->count && list->items[place] == v;
}

static bool adjacent(const lls_elimination *e, uint32_t a, uint32_t b)
{
    const lls_neighbours *x = &e->neighbours[a], *y = &e->neighbours[b];
    return x->count <= y->count ? holds(x, b) : holds(y, a);
}

static void insert(lls_neighbours *list, uint32_t v)
{
    uint32_t place = place_of(list, v);
    memmove(list->items + place + 1, list->items + place,
            (list->count - place) * sizeof *list->items);
    list->items[place] = v;
    list->count++;
}

static void remove_from(lls_neighbours *list, uint32_t v)
{
    uint32_t place = place_of(list, v);
    list->count--;
    memmove(list->items + place, list->items + place + 1,
            (list->count - place) * sizeof *list->items);
}

static bool reserve(lls_elimination *e, uint32_t v)
{
    lls_neighbours *list = &e->neighbours[v];
    return lls_grow(e->context, (void **)&list->items, &list->capacity, (size_t)list->count + 1,
                    sizeof *list->items);
}

bool lls_elimination_connect(lls_elimination *e, uint32_t a, uint32_t b)
{
    if (a == b || adjacent(e, a, b))
        return true;
    if (!reserve(e, a) || !reserve(e, b))
        return false;
    insert(&e->neighbours[a], b);
    insert(&e->neighbours[b], a);
    return true;
}

/* --- keys ----------------------------------------------------------------------- */

static uint64_t joint_states(const lls_elimination *e, uint32_t v)
{
    const lls_neighbours *list = &e->neighbours[v];
    uint64_t product = e->states[v];
    for (uint32_t i = 0; i < list->count && product <= e->limit; i++)
        product = lls_times(product, e->states[list->items[i]]);
    return product;
}

/* What it costs to connect two neighbours of a vertex within the limit: 2^60 at most. */
static uint64_t edge_cost(const lls_elimination *e, uint32_t a, uint32_t b)
{
    return e->rule == LLS_ELIMINATION_WEIGHTED_FILL ? e->states[a] * e->states[b] : 1;
}

/*
 * A vertex within the limit has at most 60 neighbours, so that counting pairs stays cheap; one
 * beyond it cannot go now, and its cost would not matter.
 */
static void count_key(lls_elimination *e, uint32_t v)
{
    const lls_neighbours *list = &e->neighbours[v];
    e->weight[v] = joint_states(e, v);
    if (e->weight[v] > e->limit) {
        e->weight[v] = e->cost[v] = UINT64_MAX;
        return;
    }
    uint64_t cost = 0;
    for (uint32_t i = 0; i < list->count; i++)
        for (uint32_t j = i + 1; j < list->count && cost < LARGEST_LIMIT; j++)
            if (!adjacent(e, list->items[i], list->items[j]))
                cost += edge_cost(e, list->items[i], list->items[j]);
    if (e->rule == LLS_ELIMINATION_WEIGHT && cost > 0)
        cost = e->weight[v];
    if (e->rule == LLS_ELIMINATION_SEPARATOR && cost > 0)
        cost = e->weight[v] / e->states[v];
    e->cost[v] = cost;
}

static void mark(lls_elimination *e, uint32_t v)
{
    if (e->kept[v] || e->stale[v])
        return;
    e->stale[v] = 1;
    e->stale_list[e->stale_count++] = v;
}

/* A new edge changes the cost of whoever neighbours both its ends. */
static void mark_between(lls_elimination *e, uint32_t a, uint32_t b)
{
    const lls_neighbours *x = &e->neighbours[a], *y = &e->neighbours[b];
    if (x->count > y->count) {
        const lls_neighbours *swap = x;
        x = y;
        y = swap;
    }
    for (uint32_t i = 0; i < x->count; i++)
        if (holds(y, x->items[i]))
            mark(e, x->items[i]);
}

static void recount(lls_elimination *e)
{
    for (uint32_t i = 0; i < e->stale_count; i++) {
        uint32_t v = e->stale_list[i];
        e->stale[v] = 0;
        count_key(e, v);
        lls_heap_update(&e->heap, v);
    }
    e->stale_count = 0;
}

/* --- elimination ------------------------------------------------------------------- */

static bool record(lls_elimination *e, uint32_t v)
{
    const lls_neighbours *list = &e->neighbours[v];
    uint32_t used = e->separator_start[e->order_count];
    if (list->count > UINT32_MAX - used ||
        !lls_grow(e->context, (void **)&e->separators, &e->separator_capacity,
                  (size_t)used + list->count, sizeof *e->separators))
        return false;
    if (list->count > 0)
        memcpy(e->separators + used, list->items, list->count * sizeof *list->items);
    e->order[e->order_count++] = v;
    e->separator_start[e->order_count] = used + list->count;
    return true;
}

static bool eliminate(lls_elimination *e, uint32_t v)
{
    if (!record(e, v))
        return false;
    const lls_neighbours *list = &e->neighbours[v];
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t a = list->items[i];
        remove_from(&e->neighbours[a], v);
        mark(e, a);
        for (uint32_t j = 0; j < i; j++) {
            uint32_t b = list->items[j];
            if (adjacent(e, a, b))
                continue;
            if (!lls_elimination_connect(e, a, b))
                return false;
            mark_between(e, a, b);
        }
    }
    lls_heap_remove(&e->heap, v);
    recount(e);
    return true;
}

llmsched_status lls_elimination_run(lls_elimination *e, uint64_t limit)
{
    e->limit = limit < LARGEST_LIMIT ? limit : LARGEST_LIMIT;
    e->order_count = 0;
    e->separator_start[0] = 0;
    for (uint32_t v = 0; v < e->count; v++) {
        if (e->kept[v])
            continue;
        count_key(e, v);
        if (!lls_heap_push(&e->heap, v))
            return LLMSCHED_ERROR_MEMORY;
    }
    for (uint32_t v = lls_heap_top(&e->heap); v != LLS_NONE32; v = lls_heap_top(&e->heap)) {
        if (e->cost[v] == UINT64_MAX)
            return LLMSCHED_ERROR_LIMIT;
        if (!eliminate(e, v))
            return LLMSCHED_ERROR_MEMORY;
    }
    return LLMSCHED_OK;
}
