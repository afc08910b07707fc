/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a choice of items fits on the GPUs at all: replicas one after another, the widest first,
 * depth first over the groups they can have. Equal replicas go in ascending order; of groups that
 * look the same one is tried; and what is left on GPUs that can take no more replica is no room.
 */
#include "place/search.h"

#include <string.h>

/* Replicas that are all alike to this search. */
typedef struct unit_class {
    uint32_t menu, option;
    uint32_t first_unit; /* of the units */
} unit_class;

typedef struct fitter {
    lls_packing *packing;
    const lls_search *search;
    lls_fit_limits limits;
    uint64_t nodes;
    uint32_t unit_count, class_count;
    unit_class *classes;
    uint32_t *unit_classes; /* of each unit */
    uint32_t *groups;       /* of each unit, where it is; number in its shape */
    uint32_t *moved;        /* units up to this one that are not where they run */
    bool *home;             /* slots where something runs: these differ from all others */
    double *share, *memory, *bandwidth; /* needed of all GPUs by the units from here on */
    lls_need *least;                    /* of these units, in each dimension */
    uint64_t *slots;                    /* that they take */
    bool nested;                        /* each width divides the wider ones */
} fitter;

/* --- setting up ---------------------------------------------------------------------------------
 */

static bool goes_before(const lls_search *search, const uint32_t *choice, uint32_t a, uint32_t b)
{
    const lls_option *x = &search->options[choice[a]], *y = &search->options[choice[b]];
    if (x->tp != y->tp)
        return x->tp > y->tp;
    double size_x = lls_need_size(search, x->need), size_y = lls_need_size(search, y->need);
    if (size_x != size_y)
        return size_x > size_y;
    if (x->need != y->need)
        return x->need < y->need;
    return a < b;
}

static void order_classes(fitter *f, const uint32_t *choice)
{
    for (uint32_t m = 0; m < f->search->problem->menu_count; m++) {
        if (choice[m] == LLS_NONE32)
            continue;
        uint32_t at = f->class_count++;
        while (at > 0 && goes_before(f->search, choice, m, f->classes[at - 1].menu)) {
            f->classes[at] = f->classes[at - 1];
            at--;
        }
        f->classes[at] = (unit_class){.menu = m, .option = choice[m]};
    }
    f->nested = true;
    for (uint32_t c = 0; c < f->class_count; c++) {
        f->classes[c].first_unit = f->unit_count;
        const lls_option *o = &f->search->options[f->classes[c].option];
        f->unit_count += o->replicas;
        if (c > 0 && f->search->options[f->classes[c - 1].option].tp % o->tp != 0)
            f->nested = false;
    }
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* What is needed from each unit on. */
static void sum_up(fitter *f)
{
    lls_need least = {.share = HUGE_VAL, .memory = HUGE_VAL, .bandwidth = HUGE_VAL};
    f->least[f->unit_count] = least;
    for (uint32_t c = f->class_count; c > 0; c--) {
        const unit_class *k = &f->classes[c - 1];
        const lls_option *o = &f->search->options[k->option];
        const lls_need *need = &f->search->needs[o->need];
        least.share = smaller(least.share, need->share);
        least.memory = smaller(least.memory, need->memory);
        least.bandwidth = smaller(least.bandwidth, need->bandwidth);
        for (uint32_t u = k->first_unit + o->replicas; u > k->first_unit; u--) {
            f->unit_classes[u - 1] = c - 1;
            f->least[u - 1] = least;
            f->share[u - 1] = f->share[u] + need->share * (double)o->tp;
            f->memory[u - 1] = f->memory[u] + need->memory * (double)o->tp;
            f->bandwidth[u - 1] = f->bandwidth[u] + need->bandwidth * (double)o->tp;
            f->slots[u - 1] = f->slots[u] + o->tp;
        }
    }
}

static void mark_homes(fitter *f)
{
    const lls_search *search = f->search;
    for (uint32_t m = 0; m < search->problem->menu_count; m++)
        for (uint32_t r = search->running_starts[m]; r < search->running_starts[m + 1]; r++)
            for (uint32_t i = 0; i < search->problem->running->tps[m]; i++)
                f->home[search->running[r] + i] = true;
}

static bool prepare(fitter *f, const uint32_t *choice)
{
    const llmsched_context *context = f->search->context;
    f->classes = lls_calloc(context, f->search->problem->menu_count, sizeof *f->classes);
    f->home = lls_calloc(context, f->search->layout.slot_count, sizeof *f->home);
    if (f->classes == NULL || f->home == NULL)
        return false;
    order_classes(f, choice);
    size_t room = (size_t)f->unit_count + 1;
    f->unit_classes = lls_calloc(context, room, sizeof *f->unit_classes);
    f->groups = lls_calloc(context, room, sizeof *f->groups);
    f->moved = lls_calloc(context, room, sizeof *f->moved);
    f->share = lls_calloc(context, room, sizeof *f->share);
    f->memory = lls_calloc(context, room, sizeof *f->memory);
    f->bandwidth = lls_calloc(context, room, sizeof *f->bandwidth);
    f->least = lls_calloc(context, room, sizeof *f->least);
    f->slots = lls_calloc(context, room, sizeof *f->slots);
    if (f->unit_classes == NULL || f->groups == NULL || f->moved == NULL || f->share == NULL ||
        f->memory == NULL || f->bandwidth == NULL || f->least == NULL || f->slots == NULL)
        return false;
    sum_up(f);
    mark_homes(f);
    return true;
}

static void finish(fitter *f)
{
    const llmsched_context *context = f->search->context;
    lls_free(context, f->classes);
    lls_free(context, f->home);
    lls_free(context, f->unit_classes);
    lls_free(context, f->groups);
    lls_free(context, f->moved);
    lls_free(context, f->share);
    lls_free(context, f->memory);
    lls_free(context, f->bandwidth);
    lls_free(context, f->least);
    lls_free(context, f->slots);
}

/* --- what is left
 * ---------------------------------------------------------------------------------- */

/* How many of the least replicas still go onto a slot, dimension by dimension. */
static double most_replicas(double left, double least)
{
    return least > 0.0 ? floor(left / least * (1.0 + LLS_PLACE_SLACK) + LLS_PLACE_SLACK) : HUGE_VAL;
}

typedef struct leftover {
    double share, memory, bandwidth, replicas;
} leftover;

static void add_leftover(const fitter *f, uint32_t slot, const lls_need *least, leftover *sum)
{
    const lls_packing *p = f->packing;
    double capacity = f->search->layout.memory[slot];
    if (!lls_need_fits(least, p->share[slot], p->memory[slot], p->bandwidth[slot], capacity))
        return;
    leftover left = {.share = 1.0 - p->share[slot],
                     .memory = capacity - p->memory[slot],
                     .bandwidth = 1.0 - p->bandwidth[slot]};
    sum->share += left.share;
    sum->memory += left.memory;
    sum->bandwidth += left.bandwidth;
    double most = smaller(most_replicas(left.share, least->share),
                          smaller(most_replicas(left.memory, least->memory),
                                  most_replicas(left.bandwidth, least->bandwidth)));
    sum->replicas += most;
}

static bool is_enough(double left, double needed, double slots)
{
    return needed <= left + LLS_PLACE_SLACK * (needed + slots);
}

/* Whether all GPUs together have room for the units from this one on. */
static bool has_room(fitter *f, uint32_t unit)
{
    const lls_packing *p = f->packing;
    uint32_t untouched = f->limits.touched > p->touched ? f->limits.touched - p->touched : 0;
    leftover sum = {0};
    for (uint32_t s = 0; s < f->search->layout.slot_count; s++) {
        /* Untouched GPUs of unlike memory are not told apart here: all of them count then. */
        if (p->count[s] == 0 && f->search->layout.class_count == 1) {
            if (untouched == 0)
                continue;
            untouched--;
        }
        add_leftover(f, s, &f->least[unit], &sum);
    }
    double slots = (double)f->search->layout.slot_count;
    double memory = slots > 0.0 ? f->search->layout.classes[0].memory : 0.0;
    return is_enough(sum.share, f->share[unit], slots) &&
           is_enough(sum.memory, f->memory[unit], slots * memory) &&
           is_enough(sum.bandwidth, f->bandwidth[unit], slots) &&
           sum.replicas >= (double)f->slots[unit];
}

/* --- going on
 * ---------------------------------------------------------------------------------------- */

static bool is_alike(const fitter *f, uint32_t a, uint32_t b, uint32_t tp)
{
    const lls_packing *p = f->packing;
    for (uint32_t i = 0; i < tp; i++) {
        uint32_t x = a + i, y = b + i;
        if (f->home[x] || f->home[y] || p->share[x] != p->share[y] ||
            p->memory[x] != p->memory[y] || p->bandwidth[x] != p->bandwidth[y] ||
            f->search->layout.memory[x] != f->search->layout.memory[y])
            return false;
    }
    return true;
}

/* Whether an earlier group that was tried for this unit looks the same as this one. */
static bool was_tried(const fitter *f, const lls_shape *shape, uint32_t from, uint32_t group)
{
    if (!f->nested)
        return false;
    for (uint32_t g = from; g < group; g++)
        if (is_alike(f, shape->firsts[g], shape->firsts[group], shape->tp))
            return true;
    return false;
}

/* Whether the unit and the one before it could change places. */
static bool is_like_last(const fitter *f, uint32_t unit)
{
    const unit_class *class = &f->classes[f->unit_classes[unit]];
    if (unit > class->first_unit)
        return true;
    if (unit == 0 || f->search->problem->running != NULL)
        return false;
    const lls_option *a = &f->search->options[class->option];
    const lls_option *b = &f->search->options[f->classes[f->unit_classes[unit - 1]].option];
    return a->need == b->need && a->shape == b->shape;
}

static uint32_t first_group(const fitter *f, uint32_t unit)
{
    return is_like_last(f, unit) ? f->groups[unit - 1] : 0;
}

/* Whether the unit, put here, is not where one runs that no other unit has taken. */
static bool is_move(const fitter *f, uint32_t unit, uint32_t group)
{
    const unit_class *class = &f->classes[f->unit_classes[unit]];
    const lls_running *running = f->search->problem->running;
    const lls_option *o = &f->search->options[class->option];
    if (running == NULL)
        return false;
    if (running->configs[class->menu] != o->config)
        return true;
    uint32_t first = f->search->layout.shapes[o->shape].firsts[group], there = 0;
    for (uint32_t r = f->search->running_starts[class->menu];
         r < f->search->running_starts[class->menu + 1]; r++)
        there += f->search->running[r] == first;
    for (uint32_t u = class->first_unit; u < unit; u++)
        there -= there > 0 && f->groups[u] == group;
    return there == 0;
}

static uint32_t new_slots(const fitter *f, uint32_t first, uint32_t tp)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < tp; i++)
        count += f->packing->count[first + i] == 0;
    return count;
}

/* Puts the unit into the next group from this one on; false: there is none. */
static bool advance(fitter *f, uint32_t unit, uint32_t group)
{
    const unit_class *class = &f->classes[f->unit_classes[unit]];
    const lls_option *o = &f->search->options[class->option];
    const lls_shape *shape = &f->search->layout.shapes[o->shape];
    uint32_t moved = unit > 0 ? f->moved[unit - 1] : 0;
    for (; group < shape->count; group++) {
        uint32_t first = shape->firsts[group];
        if (!lls_packing_fits(f->packing, class->option, first) ||
            f->packing->touched + new_slots(f, first, o->tp) > f->limits.touched)
            continue;
        uint32_t moves = moved + is_move(f, unit, group);
        if (moves > f->limits.moves || was_tried(f, shape, first_group(f, unit), group))
            continue;
        f->groups[unit] = group;
        f->moved[unit] = moves;
        lls_packing_put(f->packing, class->option, first);
        return true;
    }
    return false;
}

static void withdraw(fitter *f, uint32_t unit)
{
    const unit_class *class = &f->classes[f->unit_classes[unit]];
    const lls_option *o = &f->search->options[class->option];
    lls_packing_take(f->packing, class->option,
                     f->search->layout.shapes[o->shape].firsts[f->groups[unit]]);
}

static lls_fit descend(fitter *f)
{
    uint32_t unit = 0, group = 0;
    uint64_t cost = 1 + f->search->layout.slot_count / 16;
    if (!has_room(f, 0))
        return LLS_FIT_NO;
    while (unit < f->unit_count) {
        f->nodes += cost;
        if (f->nodes > f->limits.nodes)
            return LLS_FIT_UNKNOWN;
        if (advance(f, unit, group)) {
            if (has_room(f, unit + 1)) {
                unit++;
                group = unit < f->unit_count ? first_group(f, unit) : 0;
                continue;
            }
            withdraw(f, unit);
            group = f->groups[unit] + 1;
            continue;
        }
        if (unit == 0)
            return LLS_FIT_NO;
        unit--;
        withdraw(f, unit);
        group = f->groups[unit] + 1;
    }
    return LLS_FIT_YES;
}

static void record(fitter *f)
{
    const lls_search *search = f->search;
    for (uint32_t u = 0; u < f->unit_count; u++) {
        const unit_class *class = &f->classes[f->unit_classes[u]];
        const lls_shape *shape = &search->layout.shapes[search->options[class->option].shape];
        f->packing->places[search->place_starts[class->menu] + u - class->first_unit] =
            shape->firsts[f->groups[u]];
        f->packing->options[class->menu] = class->option;
    }
}

lls_fit lls_packing_search(lls_packing *packing, const uint32_t *choice, lls_fit_limits *limits,
                           bool *no_memory)
{
    fitter f = {.packing = packing, .search = packing->search, .limits = *limits};
    lls_fit fit = LLS_FIT_UNKNOWN;
    lls_packing_clear(packing);
    if (prepare(&f, choice))
        fit = descend(&f);
    else
        *no_memory = true;
    if (fit == LLS_FIT_YES)
        record(&f);
    limits->nodes = f.nodes;
    finish(&f);
    return fit;
}
