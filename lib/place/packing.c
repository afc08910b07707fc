/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replicas on GPUs, greedily: the widest first, then the largest, each into the fullest group that
 * has room, so that whole groups and whole domains stay free.
 */
#include "place/search.h"

#include <string.h>

struct lls_fullness {
    double used, domain; /* share of the group, and of its domain */
    uint32_t first;
};

static uint32_t block_count(const lls_search *search)
{
    return (search->layout.slot_count + LLS_BLOCK_SLOTS - 1) / LLS_BLOCK_SLOTS;
}

bool lls_packing_init(lls_packing *packing, const lls_search *search)
{
    const llmsched_context *context = search->context;
    const lls_layout *layout = &search->layout;
    uint32_t slots = layout->slot_count, menus = search->problem->menu_count;
    *packing = (lls_packing){.search = search};
    packing->share = lls_calloc(context, slots, sizeof *packing->share);
    packing->memory = lls_calloc(context, slots, sizeof *packing->memory);
    packing->bandwidth = lls_calloc(context, slots, sizeof *packing->bandwidth);
    packing->count = lls_calloc(context, slots, sizeof *packing->count);
    packing->options = lls_calloc(context, menus, sizeof *packing->options);
    packing->places = lls_calloc(context, search->place_starts[menus], sizeof *packing->places);
    packing->domain_share =
        lls_calloc(context, layout->domain_count, sizeof *packing->domain_share);
    packing->blocks = lls_calloc(context, block_count(search), sizeof *packing->blocks);
    packing->order = lls_calloc(context, slots, sizeof *packing->order);
    packing->menus = lls_calloc(context, menus, sizeof *packing->menus);
    if (packing->share == NULL || packing->memory == NULL || packing->bandwidth == NULL ||
        packing->count == NULL || packing->options == NULL || packing->places == NULL ||
        packing->domain_share == NULL || packing->blocks == NULL || packing->order == NULL ||
        packing->menus == NULL) {
        lls_packing_finish(packing);
        return false;
    }
    lls_packing_clear(packing);
    return true;
}

void lls_packing_finish(lls_packing *packing)
{
    const llmsched_context *context = packing->search->context;
    lls_free(context, packing->share);
    lls_free(context, packing->memory);
    lls_free(context, packing->bandwidth);
    lls_free(context, packing->count);
    lls_free(context, packing->options);
    lls_free(context, packing->places);
    lls_free(context, packing->domain_share);
    lls_free(context, packing->blocks);
    lls_free(context, packing->order);
    lls_free(context, packing->menus);
    *packing = (lls_packing){.search = packing->search};
}

void lls_packing_clear(lls_packing *packing)
{
    const lls_search *search = packing->search;
    uint32_t slots = search->layout.slot_count, menus = search->problem->menu_count;
    memset(packing->share, 0, slots * sizeof *packing->share);
    memset(packing->memory, 0, slots * sizeof *packing->memory);
    memset(packing->bandwidth, 0, slots * sizeof *packing->bandwidth);
    memset(packing->count, 0, slots * sizeof *packing->count);
    memset(packing->domain_share, 0, search->layout.domain_count * sizeof *packing->domain_share);
    for (uint32_t b = 0; b < block_count(search); b++)
        packing->blocks[b].stale = true;
    for (uint32_t m = 0; m < menus; m++)
        packing->options[m] = LLS_NONE32;
    packing->touched = 0;
}

bool lls_packing_fits(const lls_packing *packing, uint32_t option, uint32_t first)
{
    const lls_search *search = packing->search;
    const lls_option *o = &search->options[option];
    for (uint32_t s = first; s < first + o->tp; s++)
        if (!lls_need_fits(&search->needs[o->need], packing->share[s], packing->memory[s],
                           packing->bandwidth[s], search->layout.memory[s]))
            return false;
    return true;
}

void lls_packing_put(lls_packing *packing, uint32_t option, uint32_t first)
{
    const lls_option *o = &packing->search->options[option];
    const lls_need *need = &packing->search->needs[o->need];
    for (uint32_t s = first; s < first + o->tp; s++) {
        packing->share[s] += need->share;
        packing->memory[s] += need->memory;
        packing->bandwidth[s] += need->bandwidth;
        packing->touched += packing->count[s]++ == 0;
        packing->blocks[s / LLS_BLOCK_SLOTS].stale = true;
    }
    packing->domain_share[packing->search->layout.domains[first]] += need->share * (double)o->tp;
}

void lls_packing_take(lls_packing *packing, uint32_t option, uint32_t first)
{
    const lls_option *o = &packing->search->options[option];
    const lls_need *need = &packing->search->needs[o->need];
    for (uint32_t s = first; s < first + o->tp; s++) {
        packing->touched -= --packing->count[s] == 0;
        bool empty = packing->count[s] == 0;
        packing->share[s] = empty ? 0.0 : packing->share[s] - need->share;
        packing->memory[s] = empty ? 0.0 : packing->memory[s] - need->memory;
        packing->bandwidth[s] = empty ? 0.0 : packing->bandwidth[s] - need->bandwidth;
        packing->blocks[s / LLS_BLOCK_SLOTS].stale = true;
    }
    packing->domain_share[packing->search->layout.domains[first]] -= need->share * (double)o->tp;
}

/* --- one menu ------------------------------------------------------------------------------- */

static int by_fullness(const struct lls_fullness *x, const struct lls_fullness *y)
{
    if (x->used != y->used)
        return x->used > y->used ? -1 : 1;
    if (x->domain != y->domain)
        return x->domain > y->domain ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Lets order[at] of a heap, whose top is the fullest, sink to where it belongs. */
static void sink(struct lls_fullness *order, uint32_t count, uint32_t at)
{
    struct lls_fullness moved = order[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && by_fullness(&order[child + 1], &order[child]) < 0)
            child++;
        if (by_fullness(&moved, &order[child]) <= 0)
            break;
        order[at] = order[child];
        at = child;
    }
    order[at] = moved;
}

static void renew_block(lls_packing *packing, uint32_t number)
{
    lls_block *block = &packing->blocks[number];
    uint32_t slots = packing->search->layout.slot_count, first = number * LLS_BLOCK_SLOTS;
    *block = (lls_block){.share = HUGE_VAL, .memory = HUGE_VAL, .bandwidth = HUGE_VAL};
    for (uint32_t s = first; s < first + LLS_BLOCK_SLOTS && s < slots; s++) {
        double capacity = packing->search->layout.memory[s];
        block->share = packing->share[s] < block->share ? packing->share[s] : block->share;
        block->memory = packing->memory[s] < block->memory ? packing->memory[s] : block->memory;
        block->bandwidth =
            packing->bandwidth[s] < block->bandwidth ? packing->bandwidth[s] : block->bandwidth;
        block->capacity = capacity > block->capacity ? capacity : block->capacity;
    }
}

/* Whether a slot of the block could have room. */
static bool has_room(lls_packing *packing, uint32_t number, const lls_need *need)
{
    const lls_block *block = &packing->blocks[number];
    if (block->stale)
        renew_block(packing, number);
    return lls_need_fits(need, block->share, block->memory, block->bandwidth, block->capacity);
}

static void note_group(lls_packing *packing, const lls_shape *shape, uint32_t first, uint32_t at)
{
    struct lls_fullness *f = &packing->order[at];
    uint32_t domain = packing->search->layout.domains[first];
    *f = (struct lls_fullness){.domain = packing->domain_share[domain], .first = first};
    for (uint32_t s = first; s < first + shape->tp; s++)
        f->used += packing->share[s];
}

/* The groups of the option's shape that have room, as a heap: few of many are wanted, and sorting
 * them all took most of the time on large clusters. Of those in empty domains, which come last,
 * only as many as replicas are wanted. Returns how many. */
static uint32_t heap_groups(lls_packing *packing, uint32_t option, uint32_t wanted)
{
    const lls_search *search = packing->search;
    const lls_option *o = &search->options[option];
    const lls_shape *shape = &search->layout.shapes[o->shape];
    uint32_t count = 0, empty = 0, block = LLS_NONE32;
    bool room = false;
    for (uint32_t g = 0; g < shape->count; g++) {
        uint32_t first = shape->firsts[g];
        bool fresh = packing->domain_share[search->layout.domains[first]] == 0.0 &&
                     packing->count[first] == 0;
        if (fresh && empty >= wanted)
            continue;
        if (first / LLS_BLOCK_SLOTS != block) {
            block = first / LLS_BLOCK_SLOTS;
            room = has_room(packing, block, &search->needs[o->need]);
        }
        if (!room || !lls_packing_fits(packing, option, first))
            continue;
        note_group(packing, shape, first, count++);
        empty += fresh;
    }
    for (uint32_t i = count / 2; i-- > 0;)
        sink(packing->order, count, i);
    return count;
}

/* Replicas of this configuration that stay where they run; how many of the option's were put. */
static uint32_t add_running(lls_packing *packing, uint32_t menu, uint32_t option)
{
    const lls_search *search = packing->search;
    const lls_running *running = search->problem->running;
    const lls_option *o = &search->options[option];
    uint32_t placed = 0;
    if (running == NULL || running->configs[menu] != o->config)
        return 0;
    for (uint32_t r = search->running_starts[menu]; r < search->running_starts[menu + 1]; r++)
        if (placed < o->replicas && lls_packing_fits(packing, option, search->running[r])) {
            lls_packing_put(packing, option, search->running[r]);
            packing->places[search->place_starts[menu] + placed++] = search->running[r];
        }
    return placed;
}

static bool add_rest(lls_packing *packing, uint32_t menu, uint32_t option, uint32_t placed)
{
    const lls_option *o = &packing->search->options[option];
    uint32_t *places = packing->places + packing->search->place_starts[menu];
    uint32_t wanted = o->replicas - placed;
    uint32_t groups = wanted > 0 ? heap_groups(packing, option, wanted) : 0;
    while (groups > 0 && placed < o->replicas) {
        uint32_t first = packing->order[0].first;
        packing->order[0] = packing->order[--groups];
        sink(packing->order, groups, 0);
        while (placed < o->replicas && lls_packing_fits(packing, option, first)) {
            lls_packing_put(packing, option, first);
            places[placed++] = first;
        }
    }
    if (placed == o->replicas)
        return true;
    while (placed > 0)
        lls_packing_take(packing, option, places[--placed]);
    return false;
}

bool lls_packing_add(lls_packing *packing, uint32_t menu, uint32_t option)
{
    if (!add_rest(packing, menu, option, add_running(packing, menu, option)))
        return false;
    packing->options[menu] = option;
    return true;
}

void lls_packing_remove(lls_packing *packing, uint32_t menu)
{
    uint32_t option = packing->options[menu];
    if (option == LLS_NONE32)
        return;
    const uint32_t *places = packing->places + packing->search->place_starts[menu];
    for (uint32_t r = packing->search->options[option].replicas; r > 0; r--)
        lls_packing_take(packing, option, places[r - 1]);
    packing->options[menu] = LLS_NONE32;
}

/* --- all menus -------------------------------------------------------------------------------- */

/* How large a replica is, in four views: by its worst dimension, all, share alone, bandwidth alone.
 */
static double size_of(const lls_search *search, uint32_t option, uint32_t view)
{
    const lls_option *o = &search->options[option];
    const lls_need *need = &search->needs[o->need];
    if (view == 2)
        return need->share;
    if (view == 3)
        return need->bandwidth;
    double size = lls_need_size(search, o->need);
    return view == 0 ? size : size + need->share + need->bandwidth;
}

struct lls_packing_order {
    const lls_search *search;
    const uint32_t *choice;
    uint32_t view;
};

static bool goes_before(const struct lls_packing_order *order, uint32_t a, uint32_t b)
{
    const lls_option *x = &order->search->options[order->choice[a]];
    const lls_option *y = &order->search->options[order->choice[b]];
    if (x->tp != y->tp)
        return x->tp > y->tp;
    double size_x = size_of(order->search, order->choice[a], order->view);
    double size_y = size_of(order->search, order->choice[b], order->view);
    return size_x != size_y ? size_x > size_y : a < b;
}

/* By insertion: there are no more than some hundred. */
static uint32_t order_menus(lls_packing *packing, const uint32_t *choice, uint32_t view)
{
    struct lls_packing_order order = {packing->search, choice, view};
    uint32_t count = 0;
    for (uint32_t m = 0; m < packing->search->problem->menu_count; m++) {
        if (choice[m] == LLS_NONE32)
            continue;
        uint32_t at = count++;
        while (at > 0 && goes_before(&order, m, packing->menus[at - 1])) {
            packing->menus[at] = packing->menus[at - 1];
            at--;
        }
        packing->menus[at] = m;
    }
    return count;
}

static bool fill_in_order(lls_packing *packing, const uint32_t *choice, uint32_t count)
{
    lls_packing_clear(packing);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t menu = packing->menus[i];
        if (!lls_packing_add(packing, menu, choice[menu]))
            return false;
    }
    return true;
}

/* Whether they take more of a resource than all GPUs have together: found out at once what packing
 * finds out four times. */
static bool exceeds_all(const lls_packing *packing, const uint32_t *choice)
{
    const lls_search *search = packing->search;
    double share = 0.0, memory = 0.0, bandwidth = 0.0, room = 0.0;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        if (choice[m] == LLS_NONE32)
            continue;
        const lls_option *o = &search->options[choice[m]];
        const lls_need *need = &search->needs[o->need];
        share += need->share * (double)o->slots;
        memory += need->memory * (double)o->slots;
        bandwidth += need->bandwidth * (double)o->slots;
    }
    for (uint32_t c = 0; c < search->layout.class_count; c++)
        room += search->layout.classes[c].memory * (double)search->layout.classes[c].count;
    double most = 1.0 + 4.0 * LLS_PLACE_SLACK, gpus = (double)search->layout.slot_count;
    return share > gpus * most || memory > room * most || bandwidth > gpus * most;
}

bool lls_packing_fill(lls_packing *packing, const uint32_t *choice)
{
    if (exceeds_all(packing, choice))
        return false;
    for (uint32_t view = 0; view < 4; view++) {
        uint32_t count = order_menus(packing, choice, view);
        if (fill_in_order(packing, choice, count))
            return true;
    }
    return false;
}

uint32_t lls_packing_moves(const lls_packing *packing)
{
    const lls_search *search = packing->search;
    const lls_running *running = search->problem->running;
    uint32_t moves = 0;
    for (uint32_t m = 0; running != NULL && m < search->problem->menu_count; m++) {
        const lls_option *o = &search->options[packing->options[m]];
        const uint32_t *places = packing->places + search->place_starts[m];
        uint32_t first = search->running_starts[m], end = search->running_starts[m + 1];
        for (uint32_t r = 0; r < o->replicas; r++) {
            uint32_t same = 0, there = 0;
            for (uint32_t q = 0; q <= r; q++)
                same += places[q] == places[r];
            for (uint32_t q = first; q < end; q++)
                there += search->running[q] == places[r];
            moves += running->configs[m] != o->config || same > there;
        }
    }
    return moves;
}
