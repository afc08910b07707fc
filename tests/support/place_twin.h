/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placements looked at without the search: a recount of a solution, and the best of all choices of
 * items by plain enumeration.
 */
#ifndef LLS_TEST_PLACE_TWIN_H
#define LLS_TEST_PLACE_TWIN_H

#include "check.h"
#include "place.h"

/* --- a recount -------------------------------------------------------------------------------- */

static inline void place_check_replica(const lls_place_problem *p, const lls_item *item,
                                       const uint32_t *gpus)
{
    for (uint32_t i = 0; i < item->tp; i++) {
        assert_true(gpus[i] < p->gpu_count);
        const lls_gpu *gpu = &p->gpus[gpus[i]], *first = &p->gpus[gpus[0]];
        assert_int_equal(gpu->kind, item->kind);
        assert_int_equal(gpu->domain, first->domain);
        assert_int_equal(gpu->position, first->position + i);
        assert_int_equal(first->position % item->tp, 0);
    }
}

/* Whether a replica of the running plan is on these GPUs; each counts once. */
static inline bool place_was_there(const lls_place_problem *p, uint32_t menu, const lls_item *item,
                                   const uint32_t *gpus, bool *used)
{
    const lls_running *running = p->running;
    uint32_t at = 0, replica = 0;
    for (uint32_t m = 0; m < menu; m++) {
        at += running->tps[m] * running->replicas[m];
        replica += running->replicas[m];
    }
    for (uint32_t r = 0; r < running->replicas[menu]; r++)
        if (running->configs[menu] == item->config && !used[replica + r] &&
            memcmp(running->gpus + at + (size_t)r * item->tp, gpus, item->tp * sizeof *gpus) == 0) {
            used[replica + r] = true;
            return true;
        }
    return false;
}

/* Everything that a solution says, counted again; objectives by lls_objective(). */
static inline void place_check(const lls_place_problem *p, const lls_solution *s)
{
    double *used = calloc(3 * (size_t)p->gpu_count, sizeof *used), share = 0.0;
    bool *there = calloc(100000, sizeof *there);
    uint32_t at = 0, touched = 0, moves = 0;
    for (uint32_t m = 0; m < p->menu_count; m++) {
        assert_true(s->placement.choice[m] < p->menus[m].count);
        const lls_item *item = &p->menus[m].items[s->placement.choice[m]];
        share += item->tp * item->share * item->replicas;
        for (uint32_t r = 0; r < item->replicas; r++, at += item->tp) {
            const uint32_t *gpus = s->placement.gpus + at;
            place_check_replica(p, item, gpus);
            if (p->running != NULL)
                moves += !place_was_there(p, m, item, gpus, there);
            for (uint32_t i = 0; i < item->tp; i++) {
                used[3 * gpus[i]] += item->share;
                used[3 * gpus[i] + 1] += item->memory;
                used[3 * gpus[i] + 2] += item->bandwidth;
            }
        }
    }
    assert_int_equal(at, s->placement.gpu_entries);
    for (uint32_t g = 0; g < p->gpu_count; g++) {
        touched += used[3 * g] > 0.0;
        assert_true(used[3 * g] <= 1.0 + 2e-9);
        assert_true(used[3 * g + 1] <= p->gpus[g].memory * (1.0 + 2e-9));
        assert_true(used[3 * g + 2] <= 1.0 + 2e-9);
    }
    for (uint32_t a = 0; a < p->app_count; a++)
        if (p->apps[a].max_latency > 0.0)
            assert_true(lls_app_latency(p, a, s->placement.choice) <=
                        p->apps[a].max_latency * (1.0 + 2e-9));
    assert_int_equal(touched, s->touched_gpus);
    assert_int_equal(moves, s->moved_replicas);
    assert_double_equal(share, s->total_share, 1e-9);
    double objective = lls_objective(p, s->placement.choice) + p->move_cost * moves;
    assert_double_equal(objective, s->objective, 1e-12);
    assert_true(s->bound <= s->objective * (1.0 + 1e-9));
    assert_true(!s->proved || s->bound == s->objective);
    free(used);
    free(there);
}

/* --- enumeration --------------------------------------------------------------------------------
 */

typedef struct place_unit {
    const lls_item *item;
    uint32_t menu;
} place_unit;

typedef struct place_twin {
    const lls_place_problem *problem;
    uint32_t *choice;
    place_unit *units;
    uint32_t unit_count, *firsts; /* of each unit: first GPU */
    double *used;                 /* share, memory, bandwidth of each GPU */
    uint64_t nodes;               /* left for one packing; 0: it was not decided */
} place_twin;

/* The best there is: objective, then share, then GPUs. */
typedef struct place_best {
    bool found, decided;
    double objective, share;
    uint32_t touched;
} place_best;

static inline bool place_twin_group(const place_twin *t, const lls_item *item, uint32_t first)
{
    const lls_place_problem *p = t->problem;
    if (first + item->tp > p->gpu_count || p->gpus[first].position % item->tp != 0)
        return false;
    for (uint32_t g = first; g < first + item->tp; g++)
        if (p->gpus[g].domain != p->gpus[first].domain || p->gpus[g].kind != item->kind ||
            t->used[3 * g] + item->share > 1.0 + 1e-9 ||
            t->used[3 * g + 1] + item->memory > p->gpus[g].memory * (1.0 + 1e-9) ||
            t->used[3 * g + 2] + item->bandwidth > 1.0 + 1e-9)
            return false;
    return true;
}

static inline void place_twin_add(place_twin *t, const lls_item *item, uint32_t first, double sign)
{
    for (uint32_t g = first; g < first + item->tp; g++) {
        t->used[3 * g] += sign * item->share;
        t->used[3 * g + 1] += sign * item->memory;
        t->used[3 * g + 2] += sign * item->bandwidth;
    }
}

/* GPUs side by side that one replica may have, and that look like those of an earlier first. */
static inline bool place_twin_seen(const place_twin *t, uint32_t from, uint32_t first, uint32_t tp)
{
    const lls_place_problem *p = t->problem;
    for (uint32_t f = from; f + tp <= first; f++) {
        bool same = p->gpus[f].position % tp == 0;
        for (uint32_t i = 0; same && i < tp; i++)
            same = p->gpus[f + i].domain == p->gpus[f].domain &&
                   p->gpus[f + i].kind == p->gpus[first + i].kind &&
                   p->gpus[f + i].memory == p->gpus[first + i].memory &&
                   fabs(t->used[3 * (f + i)] - t->used[3 * (first + i)]) < 1e-12 &&
                   fabs(t->used[3 * (f + i) + 1] - t->used[3 * (first + i) + 1]) < 1e-3 &&
                   fabs(t->used[3 * (f + i) + 2] - t->used[3 * (first + i) + 2]) < 1e-12;
        if (same)
            return true;
    }
    return false;
}

static inline uint32_t place_twin_touched(const place_twin *t)
{
    uint32_t touched = 0;
    for (uint32_t g = 0; g < t->problem->gpu_count; g++)
        touched += t->used[3 * g] > 1e-12;
    return touched;
}

static inline bool place_twin_place(place_twin *t, uint32_t unit, uint32_t most)
{
    if (place_twin_touched(t) > most)
        return false;
    if (unit == t->unit_count)
        return true;
    const place_unit *u = &t->units[unit];
    bool like_last = unit > 0 && t->units[unit - 1].menu == u->menu;
    bool last_width = t->units[t->unit_count - 1].item->tp == u->item->tp;
    uint32_t from = like_last ? t->firsts[unit - 1] : 0;
    for (uint32_t first = from; first < t->problem->gpu_count && t->nodes > 0; first++) {
        if (!place_twin_group(t, u->item, first) ||
            (last_width && place_twin_seen(t, from, first, u->item->tp)))
            continue;
        t->nodes--;
        t->firsts[unit] = first;
        place_twin_add(t, u->item, first, 1.0);
        bool found = place_twin_place(t, unit + 1, most);
        place_twin_add(t, u->item, first, -1.0);
        if (found)
            return true;
    }
    return false;
}

/* Whether the choice fits on at most so many GPUs. */
static inline bool place_twin_fits(place_twin *t, uint32_t most)
{
    const lls_place_problem *p = t->problem;
    double room[3] = {p->gpu_count, 0.0, p->gpu_count}, need[3] = {0};
    t->unit_count = 0;
    for (uint32_t g = 0; g < p->gpu_count; g++)
        room[1] += p->gpus[g].memory;
    for (uint32_t tp = 64; tp > 0; tp--)
        for (uint32_t m = 0; m < p->menu_count; m++) {
            const lls_item *item = &p->menus[m].items[t->choice[m]];
            for (uint32_t r = 0; r < item->replicas && item->tp == tp; r++) {
                t->units[t->unit_count++] = (place_unit){item, m};
                need[0] += item->share * tp;
                need[1] += item->memory * tp;
                need[2] += item->bandwidth * tp;
            }
        }
    for (uint32_t i = 0; i < 3; i++)
        if (need[i] > room[i] * (1.0 + 1e-8))
            return false;
    memset(t->used, 0, 3 * (size_t)p->gpu_count * sizeof *t->used);
    t->nodes = 3000000;
    return place_twin_place(t, 0, most);
}

typedef struct place_candidate {
    double objective, share;
    uint64_t number; /* of the choice */
} place_candidate;

static inline int place_by_objective(const void *x, const void *y)
{
    const place_candidate *a = x, *b = y;
    return (a->objective > b->objective) - (a->objective < b->objective);
}

static inline int place_by_share(const void *x, const void *y)
{
    const place_candidate *a = x, *b = y;
    return (a->share > b->share) - (a->share < b->share);
}

static inline double place_choose(place_twin *t, uint64_t number)
{
    double share = 0.0;
    for (uint32_t m = 0; m < t->problem->menu_count; m++) {
        const lls_menu *menu = &t->problem->menus[m];
        t->choice[m] = (uint32_t)(number % menu->count);
        number /= menu->count;
        const lls_item *item = &menu->items[t->choice[m]];
        share += item->share * item->tp * item->replicas;
    }
    return share;
}

/* All choices within the limits that do not need more shares than there are. */
static inline size_t place_list(place_twin *t, place_candidate *all, uint64_t choices)
{
    const lls_place_problem *p = t->problem;
    size_t count = 0;
    for (uint64_t i = 0; i < choices; i++) {
        bool ok = true;
        double share = place_choose(t, i);
        for (uint32_t a = 0; a < p->app_count; a++)
            ok = ok && (p->apps[a].max_latency == 0.0 ||
                        lls_app_latency(p, a, t->choice) <= p->apps[a].max_latency * (1.0 + 1e-9));
        if (ok && share <= p->gpu_count * (1.0 + 1e-8))
            all[count++] = (place_candidate){lls_objective(p, t->choice), share, i};
    }
    return count;
}

static inline bool place_fits(place_twin *t, const place_candidate *c, uint32_t most,
                              place_best *best)
{
    place_choose(t, c->number);
    bool fits = place_twin_fits(t, most);
    best->decided = best->decided && (fits || t->nodes > 0);
    return fits;
}

static inline void place_search_all(place_twin *t, place_candidate *all, size_t count,
                                    place_best *best)
{
    uint32_t gpus = t->problem->gpu_count;
    size_t i = 0, end;
    qsort(all, count, sizeof *all, place_by_objective);
    while (i < count && !place_fits(t, &all[i], gpus, best))
        i++;
    if (i == count)
        return;
    best->found = true;
    best->objective = all[i].objective;
    for (end = 0; end < count && all[end].objective <= best->objective * (1.0 + 1e-9);)
        end++;
    qsort(all, end, sizeof *all, place_by_share);
    for (i = 0; !place_fits(t, &all[i], gpus, best);)
        i++;
    best->share = all[i].share;
    best->touched = gpus;
    for (i = 0; i < end; i++)
        while (fabs(all[i].share - best->share) <= 1e-9 * best->share && best->touched > 1 &&
               place_fits(t, &all[i], best->touched - 1, best))
            best->touched--;
}

/* Number of choices of items. */
static inline uint64_t place_choices(const lls_place_problem *p)
{
    uint64_t choices = 1;
    for (uint32_t m = 0; m < p->menu_count; m++)
        choices *= p->menus[m].count;
    return choices;
}

static inline place_best place_enumerate(const lls_place_problem *p)
{
    uint64_t choices = place_choices(p);
    place_best best = {.decided = true};
    place_twin t = {.problem = p};
    size_t units = 4 * (size_t)p->gpu_count * p->menu_count + 4;
    t.choice = calloc(p->menu_count, sizeof *t.choice);
    t.units = calloc(units, sizeof *t.units);
    t.firsts = calloc(units, sizeof *t.firsts);
    t.used = calloc(3 * (size_t)p->gpu_count, sizeof *t.used);
    place_candidate *all = calloc(choices, sizeof *all);
    place_search_all(&t, all, place_list(&t, all, choices), &best);
    free(all);
    free(t.choice);
    free(t.units);
    free(t.firsts);
    free(t.used);
    return best;
}

#endif
