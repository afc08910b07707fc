/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A good plan, fast: the items that are cheapest at the prices, all prices raised until they fit;
 * then single changes and pairs of changes while they make it better.
 */
#include "place/search.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHORTLIST = 48,      /* options of a menu that are tried */
    FULL_TRIES = 12,     /* packings made anew while looking for one change */
    PAIR_CHANGES = 64,   /* changes that partners are looked for */
    PAIR_TRIES = 400,    /* pairs tried while looking for one */
    PAIR_PARTNERS = 12,  /* options of a menu that may give way */
    MOST_CHANGES = 4000, /* of one draft */
    KICK_OPTIONS = 16,   /* of a menu that are drawn from */
    KICK_REPAIRS = 24    /* options made smaller until all fit */
};

/* Times the objective, for each limit that is passed, by how often. */
static const double PENALTY = 100.0;

/* A change of one menu, and what it brings. */
typedef struct change {
    double gain;  /* of the objective */
    double share; /* more than before */
    uint32_t menu, option;
} change;

typedef struct polisher {
    lls_proposal *draft;
    lls_search *search;
    uint32_t *lists; /* shortlists: options of each menu, SHORTLIST apart */
    uint32_t *lengths;
    change *changes; /* room for all that are on the lists */
    uint32_t *kept;  /* room for places of what is taken out */
    uint32_t count;
} polisher;

bool lls_proposal_init(lls_proposal *draft, lls_search *search)
{
    *draft = (lls_proposal){.search = search};
    draft->times.search = search;
    draft->packing.search = search;
    draft->spare.search = search;
    draft->choice = lls_calloc(search->context, search->problem->menu_count, sizeof *draft->choice);
    return draft->choice != NULL && lls_times_init(&draft->times, search, NULL) &&
           lls_packing_init(&draft->packing, search) && lls_packing_init(&draft->spare, search);
}

void lls_proposal_finish(lls_proposal *draft)
{
    lls_free(draft->search->context, draft->choice);
    draft->choice = NULL;
    lls_times_finish(&draft->times);
    lls_packing_finish(&draft->packing);
    lls_packing_finish(&draft->spare);
}

/* --- the best so far ---------------------------------------------------------------------- */

static bool is_better(const lls_incumbent *a, const lls_incumbent *b)
{
    if (!b->found || lls_is_below(a->objective, b->least))
        return true;
    if (lls_is_below(b->least, a->objective))
        return false;
    if (a->moves != b->moves)
        return a->moves < b->moves;
    if (lls_is_below(a->share, b->share) || lls_is_below(b->share, a->share))
        return a->share < b->share;
    return a->touched < b->touched;
}

bool lls_search_offer(lls_search *search, const lls_packing *packing, lls_times *times)
{
    const lls_place_problem *problem = search->problem;
    lls_incumbent offer = {.found = true, .touched = packing->touched};
    if (search->stopped)
        return false;
    for (uint32_t m = 0; m < problem->menu_count; m++) {
        lls_times_set(times, m, packing->options[m]);
        offer.share += search->options[packing->options[m]].total_share;
    }
    offer.moves = lls_packing_moves(packing);
    offer.latency = lls_times_sum(times);
    offer.objective = offer.latency + problem->move_cost * (double)offer.moves;
    if (!lls_times_within_limits(times) || !is_better(&offer, &search->best))
        return false;
    offer.least = search->best.found && search->best.least < offer.objective ? search->best.least
                                                                             : offer.objective;
    offer.choice = search->best.choice;
    offer.places = search->best.places;
    memcpy(offer.choice, packing->options, problem->menu_count * sizeof *offer.choice);
    memcpy(offer.places, packing->places,
           search->place_starts[problem->menu_count] * sizeof *offer.places);
    search->best = offer;
    return true;
}

/* --- a beginning --------------------------------------------------------------------------- */

static bool fill(lls_proposal *draft)
{
    lls_search_visit(draft->search, 8 + draft->search->layout.slot_count);
    return lls_packing_fill(&draft->packing, draft->choice);
}

static bool fill_at_scale(lls_proposal *draft, const lls_prices *prices, double scale)
{
    for (uint32_t m = 0; m < draft->search->problem->menu_count; m++)
        draft->choice[m] = lls_prices_cheapest(prices, draft->search, m, scale, NULL);
    return fill(draft);
}

/* The lowest scale of the prices, as near as some halvings come, at which the cheapest fit. */
static bool fill_cheapest(lls_proposal *draft, const lls_prices *prices)
{
    double low = 0.0, high = 1.0;
    bool fits = fill_at_scale(draft, prices, high);
    for (uint32_t i = 0; i < 12 && !fits; i++) {
        low = high;
        high *= 1.5;
        fits = fill_at_scale(draft, prices, high);
    }
    if (!fits)
        return false;
    for (uint32_t i = 0; i < 8; i++) {
        double middle = 0.5 * (low + high);
        *(fill_at_scale(draft, prices, middle) ? &high : &low) = middle;
    }
    return fill_at_scale(draft, prices, high);
}

static double slots_times(const lls_search *search, const lls_option *o, uint32_t what)
{
    const lls_need *need = &search->needs[o->need];
    double amount = what == 0   ? lls_need_size(search, o->need)
                    : what == 1 ? need->share
                    : what == 2 ? need->memory
                    : what == 3 ? need->bandwidth
                                : (double)(o->tp * o->tp);
    return amount * (double)o->slots;
}

/* Of each menu what takes least: in its worst dimension, of shares, memory, bandwidth, width. */
static bool fill_least(lls_proposal *draft, uint32_t what)
{
    const lls_search *search = draft->search;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        double least = HUGE_VAL;
        for (uint32_t o = search->option_starts[m]; o < search->option_starts[m + 1]; o++) {
            double amount = slots_times(search, &search->options[o], what);
            if (amount < least) {
                least = amount;
                draft->choice[m] = o;
            }
        }
    }
    return fill(draft);
}

/* --- changes -------------------------------------------------------------------------------- */

typedef struct ranked {
    double cost;
    uint32_t option;
} ranked;

static int by_cost(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->option < y->option ? -1 : x->option > y->option;
}

/* The options of each menu that cost least at the prices. */
static bool list_options(polisher *p, const lls_prices *prices)
{
    const lls_search *search = p->search;
    uint32_t most = 0;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        uint32_t count = search->option_starts[m + 1] - search->option_starts[m];
        most = count > most ? count : most;
    }
    ranked *all = lls_calloc(search->context, most, sizeof *all);
    if (all == NULL)
        return false;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        uint32_t count = 0;
        for (uint32_t o = search->option_starts[m]; o < search->option_starts[m + 1]; o++)
            all[count++] = (ranked){lls_prices_cost(prices, search, m, o, 1.0), o};
        qsort(all, count, sizeof *all, by_cost);
        p->lengths[m] = count < SHORTLIST ? count : SHORTLIST;
        for (uint32_t i = 0; i < p->lengths[m]; i++)
            p->lists[(size_t)m * SHORTLIST + i] = all[i].option;
    }
    lls_free(search->context, all);
    return true;
}

/* The weighted latency, and a penalty that leads back under the limits. */
static double guide(const lls_times *times)
{
    const lls_place_problem *problem = times->search->problem;
    double sum = lls_times_sum(times), over = 0.0;
    for (uint32_t a = 0; a < problem->app_count; a++) {
        double limit = problem->apps[a].max_latency;
        if (limit > 0.0 && !lls_is_within(times->apps[a], limit))
            over += times->apps[a] / limit;
    }
    return sum + PENALTY * over * (1.0 + sum);
}

static double objective_with(polisher *p, uint32_t menu, uint32_t option)
{
    lls_proposal *d = p->draft;
    lls_times_set(&d->times, menu, option);
    double moves = 0.0;
    for (uint32_t m = 0; m < p->search->problem->menu_count; m++)
        moves += (double)p->search->options[m == menu ? option : d->choice[m]].moves;
    return guide(&d->times) + p->search->problem->move_cost * moves;
}

static int by_gain(const void *a, const void *b)
{
    const change *x = a, *y = b;
    if (x->gain != y->gain)
        return x->gain > y->gain ? -1 : 1;
    if (x->menu != y->menu)
        return x->menu < y->menu ? -1 : 1;
    return x->option < y->option ? -1 : x->option > y->option;
}

/* All changes of one menu that do not make the objective worse, the best first. */
static void list_changes(polisher *p)
{
    lls_proposal *d = p->draft;
    const lls_search *search = p->search;
    p->count = 0;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        for (uint32_t i = 0; i < p->lengths[m]; i++) {
            uint32_t option = p->lists[(size_t)m * SHORTLIST + i];
            if (option == d->choice[m])
                continue;
            double objective = objective_with(p, m, option);
            double share =
                search->options[option].total_share - search->options[d->choice[m]].total_share;
            if (lls_is_below(objective, d->objective) ||
                (lls_is_within(objective, d->objective) && share < -LLS_PLACE_SLACK))
                p->changes[p->count++] = (change){d->objective - objective, share, m, option};
        }
        lls_times_set(&d->times, m, d->choice[m]);
    }
    qsort(p->changes, p->count, sizeof *p->changes, by_gain);
}

static void exchange_packings(lls_proposal *draft)
{
    lls_packing packing = draft->packing;
    draft->packing = draft->spare;
    draft->spare = packing;
}

static bool refill(polisher *p)
{
    lls_proposal *d = p->draft;
    lls_search_visit(p->search, 8 + p->search->layout.slot_count);
    if (!lls_packing_fill(&d->spare, d->choice))
        return false;
    exchange_packings(d);
    return true;
}

/* Takes a menu out, and remembers where it was. */
static void lift(polisher *p, uint32_t menu)
{
    const lls_search *search = p->search;
    lls_packing *packing = &p->draft->packing;
    memcpy(p->kept + search->place_starts[menu], packing->places + search->place_starts[menu],
           search->options[packing->options[menu]].replicas * sizeof *p->kept);
    lls_packing_remove(packing, menu);
}

static void put_back(polisher *p, uint32_t menu, uint32_t option)
{
    const lls_search *search = p->search;
    lls_packing *packing = &p->draft->packing;
    uint32_t at = search->place_starts[menu];
    for (uint32_t r = 0; r < search->options[option].replicas; r++) {
        packing->places[at + r] = p->kept[at + r];
        lls_packing_put(packing, option, p->kept[at + r]);
    }
    packing->options[menu] = option;
    p->draft->choice[menu] = option;
}

/* Puts a menu's other option where the old one was, or beside; or packs all anew. */
static bool try_change(polisher *p, const change *c, uint32_t *tries)
{
    lls_proposal *d = p->draft;
    uint32_t before = d->choice[c->menu];
    lls_search_visit(p->search, 1);
    lift(p, c->menu);
    d->choice[c->menu] = c->option;
    if (lls_packing_add(&d->packing, c->menu, c->option))
        return true;
    if (*tries > 0) {
        --*tries;
        if (refill(p))
            return true;
    }
    put_back(p, c->menu, before);
    return false;
}

static bool change_one(polisher *p)
{
    uint32_t tries = FULL_TRIES;
    for (uint32_t i = 0; i < p->count; i++)
        if (try_change(p, &p->changes[i], &tries)) {
            lls_times_set(&p->draft->times, p->changes[i].menu, p->changes[i].option);
            return true;
        }
    return false;
}

/* --- pairs -------------------------------------------------------------------------------------
 */

/* One menu gets more and another makes room for it. */
static bool try_pair(polisher *p, const change *more, uint32_t menu, uint32_t option,
                     uint32_t *tries)
{
    lls_proposal *d = p->draft;
    uint32_t before[2] = {d->choice[more->menu], d->choice[menu]};
    lls_search_visit(p->search, 2);
    lift(p, more->menu);
    lift(p, menu);
    d->choice[more->menu] = more->option;
    d->choice[menu] = option;
    bool wider = p->search->options[option].tp > p->search->options[more->option].tp;
    uint32_t first = wider ? menu : more->menu, second = wider ? more->menu : menu;
    if (lls_packing_add(&d->packing, first, d->choice[first])) {
        if (lls_packing_add(&d->packing, second, d->choice[second]))
            return true;
        lls_packing_remove(&d->packing, first);
    }
    if (*tries > 0) {
        --*tries;
        if (refill(p))
            return true;
    }
    put_back(p, more->menu, before[0]);
    put_back(p, menu, before[1]);
    return false;
}

static bool gives_way(const lls_search *search, uint32_t option, uint32_t now)
{
    return slots_times(search, &search->options[option], 0) <
           slots_times(search, &search->options[now], 0) - LLS_PLACE_SLACK;
}

/* With more changed already in the times: looks for a partner that gives way at a lower price. */
static bool find_partner(polisher *p, const change *more, uint32_t *tries, uint32_t *fills)
{
    lls_proposal *d = p->draft;
    for (uint32_t m = 0; m < p->search->problem->menu_count; m++) {
        uint32_t partners = 0, now = d->choice[m];
        for (uint32_t i = 0; m != more->menu && i < p->lengths[m] && partners < PAIR_PARTNERS;
             i++) {
            uint32_t option = p->lists[(size_t)m * SHORTLIST + i];
            if (!gives_way(p->search, option, now))
                continue;
            partners++;
            uint32_t before = d->choice[more->menu];
            d->choice[more->menu] = more->option;
            double objective = objective_with(p, m, option);
            d->choice[more->menu] = before;
            if (!lls_is_below(objective, d->objective))
                continue;
            if (*tries == 0)
                break;
            --*tries;
            if (try_pair(p, more, m, option, fills))
                return true;
        }
        lls_times_set(&d->times, m, now);
    }
    return false;
}

static bool change_two(polisher *p)
{
    lls_proposal *d = p->draft;
    uint32_t tries = PAIR_TRIES, fills = 4 * FULL_TRIES;
    for (uint32_t i = 0; i < p->count && i < PAIR_CHANGES && tries > 0; i++) {
        const change *c = &p->changes[i];
        uint32_t before = d->choice[c->menu];
        lls_times_set(&d->times, c->menu, c->option);
        if (find_partner(p, c, &tries, &fills))
            return true;
        lls_times_set(&d->times, c->menu, before);
    }
    return false;
}

/* --- the whole ------------------------------------------------------------ */

static void set_times(lls_proposal *draft)
{
    double moves = 0.0;
    for (uint32_t m = 0; m < draft->search->problem->menu_count; m++) {
        lls_times_set(&draft->times, m, draft->choice[m]);
        moves += (double)draft->search->options[draft->choice[m]].moves;
    }
    draft->objective = guide(&draft->times) + draft->search->problem->move_cost * moves;
}

static void polish(polisher *p)
{
    lls_proposal *d = p->draft;
    set_times(d);
    lls_search_offer(p->search, &d->packing, &d->times);
    for (uint32_t i = 0; i < MOST_CHANGES && !p->search->stopped; i++) {
        if (p->search->first_suffices && p->search->best.found)
            return;
        list_changes(p);
        if (!lls_search_visit(p->search, p->search->problem->menu_count * (SHORTLIST / 8)) ||
            (!change_one(p) && !change_two(p)))
            return;
        set_times(d);
        lls_search_offer(p->search, &d->packing, &d->times);
    }
}

/* --- beyond ---------------------------------------------------------------------------- */

static uint32_t draw_option(polisher *p, lls_random *random, uint32_t menu)
{
    uint32_t length = p->lengths[menu] < KICK_OPTIONS ? p->lengths[menu] : KICK_OPTIONS;
    return p->lists[(size_t)menu * SHORTLIST + lls_random_below(random, length)];
}

/* The best plan with some options drawn anew, and others made smaller until all fit. */
static bool kick(polisher *p, lls_random *random)
{
    lls_proposal *d = p->draft;
    uint32_t menus = p->search->problem->menu_count;
    memcpy(d->choice, p->search->best.choice, menus * sizeof *d->choice);
    for (uint32_t i = 2 + lls_random_below(random, 3); i > 0; i--) {
        uint32_t menu = lls_random_below(random, menus);
        d->choice[menu] = draw_option(p, random, menu);
    }
    for (uint32_t i = 0; i < KICK_REPAIRS; i++) {
        if (fill(d))
            return true;
        uint32_t menu = lls_random_below(random, menus);
        uint32_t option = draw_option(p, random, menu);
        if (gives_way(p->search, option, d->choice[menu]))
            d->choice[menu] = option;
    }
    return false;
}

/* From the best plan to others nearby, under a part of the budget; always the same ones. */
static void wander(polisher *p, uint64_t until)
{
    lls_search *search = p->search;
    lls_random random;
    lls_random_seed(&random, 1);
    while (search->best.found && !search->stopped && !search->first_suffices &&
           search->nodes < until && !lls_is_within(search->best.objective, search->bound))
        if (kick(p, &random))
            polish(p);
}

bool lls_proposal_polish(lls_proposal *draft, const lls_prices *prices, uint64_t until)
{
    const lls_search *search = draft->search;
    const llmsched_context *context = search->context;
    size_t menus = search->problem->menu_count;
    polisher p = {.draft = draft, .search = draft->search};
    p.lists = lls_calloc(context, menus * SHORTLIST, sizeof *p.lists);
    p.lengths = lls_calloc(context, menus, sizeof *p.lengths);
    p.changes = lls_calloc(context, menus * SHORTLIST, sizeof *p.changes);
    p.kept = lls_calloc(context, search->place_starts[menus], sizeof *p.kept);
    bool ok = p.lists != NULL && p.lengths != NULL && p.changes != NULL && p.kept != NULL &&
              list_options(&p, prices);
    if (ok) {
        polish(&p);
        wander(&p, until);
    }
    lls_free(context, p.lists);
    lls_free(context, p.lengths);
    lls_free(context, p.changes);
    lls_free(context, p.kept);
    return ok;
}

bool lls_proposal_make(lls_proposal *draft, const lls_prices *prices)
{
    bool fits = fill_cheapest(draft, prices);
    for (uint32_t what = 0; what < 5 && !fits; what++)
        fits = fill_least(draft, what);
    return fits;
}
