/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bound by one resource alone: the multiple-choice knapsack, exact in whole units of it (dynamic
 * programming; weights are rounded down, so that the bound holds in any unit). With weights by
 * price it takes up what the Lagrangian bound leaves between one item and the next.
 */
#include "place/search.h"

#include <stdlib.h>

/* Steps of the recurrence, in all. */
static const double MOST_STEPS = 4e7;

/* Of a unit, what a weight may lack of the next whole number and still be it. */
static const double ROUNDING = 1e-6;

typedef struct knapsack {
    const lls_search *search;
    const lls_prices *prices;
    uint32_t resource;
    uint32_t capacity; /* units */
    double unit;
    double *least, *next; /* cost of the menus so far, by units */
    struct weighed *items;
} knapsack;

typedef struct weighed {
    double cost;
    uint32_t units, reserved;
} weighed;

static double weight_of(const knapsack *k, uint32_t option)
{
    const lls_option *o = &k->search->options[option];
    const lls_need *need = &k->search->needs[o->need];
    switch (k->resource) {
    case LLS_BY_SHARE:
        return need->share * (double)o->slots;
    case LLS_BY_MEMORY:
        return need->memory * (double)o->slots;
    case LLS_BY_BANDWIDTH:
        return need->bandwidth * (double)o->slots;
    default:
        return k->prices->tariffs[o->tariff] * (double)o->slots;
    }
}

static double capacity_of(const knapsack *k)
{
    const lls_layout *layout = &k->search->layout;
    double memory = 0.0;
    if (k->resource == LLS_BY_PRICE)
        return k->prices->fixed - k->prices->rest;
    if (k->resource != LLS_BY_MEMORY)
        return (double)layout->slot_count;
    for (uint32_t s = 0; s < layout->slot_count; s++)
        memory += layout->memory[s];
    return memory;
}

/* Whether all shares or bandwidths are whole numbers of the unit. */
static bool divides(const knapsack *k, double unit)
{
    for (uint32_t n = 0; n < k->search->need_count; n++) {
        const lls_need *need = &k->search->needs[n];
        double amount = k->resource == LLS_BY_SHARE ? need->share : need->bandwidth;
        if (fabs(amount / unit - floor(amount / unit + 0.5)) > ROUNDING)
            return false;
    }
    return true;
}

/* The largest common unit where there is one, else so many that the recurrence can afford. */
static double find_unit(const knapsack *k, double capacity)
{
    static const double UNITS[] = {1.0, 0.5, 0.25, 0.2, 0.1, 0.05, 0.02, 0.01};
    double most = MOST_STEPS / (1.0 + (double)k->search->option_count);
    most = most > 20000.0 ? 20000.0 : most < 16.0 ? 16.0 : most;
    if (k->resource == LLS_BY_SHARE || k->resource == LLS_BY_BANDWIDTH)
        for (uint32_t i = 0; i < LLS_COUNT(UNITS); i++)
            if (capacity / UNITS[i] <= most && divides(k, UNITS[i]))
                return UNITS[i];
    return capacity / most;
}

static int by_units(const void *a, const void *b)
{
    const weighed *x = a, *y = b;
    if (x->units != y->units)
        return x->units < y->units ? -1 : 1;
    return x->cost < y->cost ? -1 : x->cost > y->cost;
}

/* The items of a menu that cost less than all lighter ones. */
static uint32_t list_items(knapsack *k, uint32_t menu)
{
    const lls_search *search = k->search;
    uint32_t count = 0, kept = 0;
    for (uint32_t o = search->option_starts[menu]; o < search->option_starts[menu + 1]; o++) {
        double units = floor(weight_of(k, o) / k->unit + ROUNDING);
        if (units > (double)k->capacity)
            continue;
        double cost = lls_prices_cost(k->prices, search, menu, o, 0.0);
        k->items[count++] = (weighed){.cost = cost, .units = (uint32_t)units};
    }
    qsort(k->items, count, sizeof *k->items, by_units);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || k->items[i].cost < k->items[kept - 1].cost)
            k->items[kept++] = k->items[i];
    return kept;
}

static void add_menu(knapsack *k, uint32_t menu)
{
    uint32_t count = list_items(k, menu);
    for (uint32_t j = 0; j <= k->capacity; j++)
        k->next[j] = HUGE_VAL;
    for (uint32_t i = 0; i < count; i++) {
        const weighed *item = &k->items[i];
        for (uint32_t j = item->units; j <= k->capacity; j++) {
            double cost = k->least[j - item->units] + item->cost;
            k->next[j] = cost < k->next[j] ? cost : k->next[j];
        }
    }
    double *least = k->least;
    k->least = k->next;
    k->next = least;
}

bool lls_knapsack_bound(const lls_search *search, const lls_prices *prices, uint32_t resource,
                        double *bound)
{
    knapsack k = {.search = search, .prices = prices, .resource = resource};
    uint32_t menus = search->problem->menu_count;
    double capacity = capacity_of(&k);
    if (!(capacity > 0.0) || capacity == HUGE_VAL)
        return true;
    k.unit = find_unit(&k, capacity);
    k.capacity = (uint32_t)(capacity / k.unit * (1.0 + LLS_PLACE_SLACK) + (menus + 1.0) * ROUNDING);
    k.least = lls_calloc(search->context, (size_t)k.capacity + 1, sizeof *k.least);
    k.next = lls_calloc(search->context, (size_t)k.capacity + 1, sizeof *k.next);
    k.items = lls_calloc(search->context, search->option_count, sizeof *k.items);
    bool ok = k.least != NULL && k.next != NULL && k.items != NULL;
    for (uint32_t m = 0; ok && m < menus; m++)
        add_menu(&k, m);
    if (ok && prices->fixed + k.least[k.capacity] > *bound)
        *bound = prices->fixed + k.least[k.capacity];
    lls_free(search->context, k.least);
    lls_free(search->context, k.next);
    lls_free(search->context, k.items);
    return ok;
}
