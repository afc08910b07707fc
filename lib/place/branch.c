/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best plan, or the proof that the best so far is: depth first over the menus, options by
 * rising cost at the prices. What is chosen so far is given up when its cost at the prices, or its
 * latencies with all others at their fastest, are no better than the best plan, or when it takes
 * more than there is. The order of plans is lexicographic, so the tree is searched once for each
 * level, with the levels above it held.
 */
#include "place/search.h"

#include <stdlib.h>
#include <string.h>

/* Levels of the order of plans. */
enum { BY_OBJECTIVE, BY_MOVES, BY_SHARE, BY_TOUCHED, LEVELS };

/* Nodes for whether one choice fits, and for whether a part of one does. */
enum { FIT_NODES = 50000, PART_NODES = 300, PART_GPUS = 64 };

/* What the menus down to a depth take, and from it on at least. */
typedef struct amount {
    double share, memory, bandwidth, cost;
    uint32_t moves, reserved;
} amount;

typedef struct brancher {
    lls_search *search;
    const lls_prices *prices;
    lls_times times;
    lls_packing packing;
    uint32_t level;
    uint32_t *menus;  /* by depth */
    uint32_t *list;   /* options that may still be chosen, menu by menu */
    uint32_t *starts; /* of each menu, and the end */
    uint32_t *at;     /* of each depth, the next option in the list */
    uint32_t *choice; /* LLS_NONE32 below the depth */
    double *costs;    /* of each option, above the cheapest of its menu */
    bool *alive;      /* of each option */
    amount *taken;    /* of each depth, by those above */
    amount *needed;   /* of each depth, by it and those below at least */
    double room_memory;
    bool unsure; /* whether a choice fits was not found out */
    bool no_memory;
} brancher;

/* --- setting up ------------------------------------------------------------------------------ */

static bool brancher_init(brancher *b, lls_search *search, const lls_prices *prices)
{
    const llmsched_context *context = search->context;
    size_t menus = search->problem->menu_count;
    *b = (brancher){.search = search, .prices = prices};
    b->times.search = search;
    b->packing.search = search;
    b->menus = lls_calloc(context, menus, sizeof *b->menus);
    b->list = lls_calloc(context, search->option_count, sizeof *b->list);
    b->starts = lls_calloc(context, menus + 1, sizeof *b->starts);
    b->at = lls_calloc(context, menus + 1, sizeof *b->at);
    b->choice = lls_calloc(context, menus, sizeof *b->choice);
    b->costs = lls_calloc(context, search->option_count, sizeof *b->costs);
    b->alive = lls_calloc(context, search->option_count, sizeof *b->alive);
    b->taken = lls_calloc(context, menus + 1, sizeof *b->taken);
    b->needed = lls_calloc(context, menus + 1, sizeof *b->needed);
    for (uint32_t s = 0; s < search->layout.slot_count; s++)
        b->room_memory += search->layout.memory[s];
    return b->menus != NULL && b->list != NULL && b->starts != NULL && b->at != NULL &&
           b->choice != NULL && b->costs != NULL && b->alive != NULL && b->taken != NULL &&
           b->needed != NULL && lls_packing_init(&b->packing, search);
}

static void brancher_finish(brancher *b)
{
    const llmsched_context *context = b->search->context;
    lls_free(context, b->menus);
    lls_free(context, b->list);
    lls_free(context, b->starts);
    lls_free(context, b->at);
    lls_free(context, b->choice);
    lls_free(context, b->costs);
    lls_free(context, b->alive);
    lls_free(context, b->taken);
    lls_free(context, b->needed);
    lls_times_finish(&b->times);
    lls_packing_finish(&b->packing);
}

static void find_costs(brancher *b)
{
    const lls_search *search = b->search;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        double least;
        lls_prices_cheapest(b->prices, search, m, 1.0, &least);
        for (uint32_t o = search->option_starts[m]; o < search->option_starts[m + 1]; o++)
            b->costs[o] = lls_prices_cost(b->prices, search, m, o, 1.0) - least;
    }
}

/* --- what is worth looking at -------------------------------------------------------------------
 */

/* Whether a plan that is no better than this in its objective could be wanted. */
static bool may_have(const brancher *b, double objective)
{
    const lls_incumbent *best = &b->search->best;
    if (!best->found)
        return true;
    return b->level == BY_OBJECTIVE ? lls_is_below(objective, best->least)
                                    : lls_is_within(objective, best->least);
}

static bool may_move(const brancher *b, uint32_t moves)
{
    const lls_incumbent *best = &b->search->best;
    if (b->level == BY_OBJECTIVE)
        return true;
    return b->level == BY_MOVES ? moves < best->moves : moves <= best->moves;
}

static bool may_share(const brancher *b, double share)
{
    const lls_incumbent *best = &b->search->best;
    if (b->level < BY_SHARE)
        return true;
    return b->level == BY_SHARE ? lls_is_below(share, best->share)
                                : lls_is_within(share, best->share);
}

/* Whether this option has a place in any better plan, all others at their best. */
static bool is_alive(brancher *b, uint32_t menu, uint32_t option)
{
    const lls_option *o = &b->search->options[option];
    if (!may_have(b, b->prices->bound + b->costs[option]) || !may_move(b, o->moves) ||
        !may_share(b, o->total_share))
        return false;
    lls_times_set(&b->times, menu, option);
    bool ok = lls_times_within_limits(&b->times) &&
              may_have(b, lls_times_sum(&b->times) + b->search->problem->move_cost * o->moves);
    lls_times_set(&b->times, menu, LLS_NONE32);
    return ok;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static amount least_of(const brancher *b, uint32_t menu)
{
    amount least = {.share = HUGE_VAL,
                    .memory = HUGE_VAL,
                    .bandwidth = HUGE_VAL,
                    .cost = HUGE_VAL,
                    .moves = LLS_NONE32};
    for (uint32_t i = b->starts[menu]; i < b->starts[menu + 1]; i++) {
        const lls_option *o = &b->search->options[b->list[i]];
        const lls_need *need = &b->search->needs[o->need];
        least.share = smaller(least.share, o->total_share);
        least.memory = smaller(least.memory, need->memory * o->slots);
        least.bandwidth = smaller(least.bandwidth, need->bandwidth * o->slots);
        least.cost = smaller(least.cost, b->costs[b->list[i]]);
        least.moves = o->moves < least.moves ? o->moves : least.moves;
    }
    return least;
}

static amount sum_of(const amount *a, const amount *b)
{
    return (amount){.share = a->share + b->share,
                    .memory = a->memory + b->memory,
                    .bandwidth = a->bandwidth + b->bandwidth,
                    .cost = a->cost + b->cost,
                    .moves = a->moves + b->moves};
}

typedef struct ranked {
    double first, second;
    uint32_t option;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    if (x->second != y->second)
        return x->second < y->second ? -1 : 1;
    return x->option < y->option ? -1 : x->option > y->option;
}

/* The options of a menu that are alive, in the order in which they are tried. */
static uint32_t list_menu(brancher *b, uint32_t menu, ranked *room, uint32_t count)
{
    const lls_search *search = b->search;
    uint32_t n = 0;
    for (uint32_t o = search->option_starts[menu]; o < search->option_starts[menu + 1]; o++) {
        b->alive[o] = is_alive(b, menu, o);
        double share = search->options[o].total_share;
        if (b->alive[o])
            room[n++] = b->level < BY_SHARE ? (ranked){b->costs[o], share, o}
                                            : (ranked){share, b->costs[o], o};
    }
    qsort(room, n, sizeof *room, by_rank);
    for (uint32_t i = 0; i < n; i++)
        b->list[count + i] = room[i].option;
    return count + n;
}

/* Menus with few options come first. */
static void order_menus(brancher *b)
{
    for (uint32_t m = 0; m < b->search->problem->menu_count; m++) {
        uint32_t at = m, count = b->starts[m + 1] - b->starts[m];
        while (at > 0 && b->starts[b->menus[at - 1] + 1] - b->starts[b->menus[at - 1]] > count) {
            b->menus[at] = b->menus[at - 1];
            at--;
        }
        b->menus[at] = m;
    }
}

/* false: no memory. */
static bool list_all(brancher *b)
{
    const lls_search *search = b->search;
    uint32_t menus = search->problem->menu_count, count = 0;
    ranked *room = lls_calloc(search->context, search->option_count, sizeof *room);
    lls_times_finish(&b->times);
    if (room == NULL || !lls_times_init(&b->times, search, NULL)) {
        lls_free(search->context, room);
        return false;
    }
    for (uint32_t m = 0; m < menus; m++) {
        count = list_menu(b, m, room, count);
        b->starts[m + 1] = count;
        b->choice[m] = LLS_NONE32;
    }
    lls_free(search->context, room);
    lls_times_finish(&b->times);
    if (!lls_times_init(&b->times, search, b->alive))
        return false;
    order_menus(b);
    b->needed[menus] = (amount){0};
    for (uint32_t d = menus; d > 0; d--) {
        amount least = least_of(b, b->menus[d - 1]);
        b->needed[d - 1] = sum_of(&least, &b->needed[d]);
    }
    return true;
}

/* --- leaves
 * ---------------------------------------------------------------------------------------- */

/* Most replicas that may move, for a better plan with this latency. */
static uint32_t most_moves(const brancher *b, double latency, uint32_t least)
{
    const lls_incumbent *best = &b->search->best;
    double cost = b->search->problem->move_cost;
    if (b->search->problem->running == NULL || !best->found)
        return LLS_NONE32;
    uint32_t most = b->level == BY_OBJECTIVE ? LLS_NONE32 : best->moves - (b->level == BY_MOVES);
    if (cost > 0.0) {
        uint32_t moves = least;
        while (moves < most && may_have(b, latency + cost * (double)(moves + 1)) &&
               moves - least < b->search->layout.slot_count)
            moves++;
        most = moves;
    }
    return most;
}

static bool is_packed_well(const brancher *b, const lls_fit_limits *limits)
{
    return b->packing.touched <= limits->touched &&
           (b->search->problem->running == NULL || lls_packing_moves(&b->packing) <= limits->moves);
}

static lls_fit search_fit(brancher *b, lls_fit_limits limits)
{
    lls_fit fit = lls_packing_search(&b->packing, b->choice, &limits, &b->no_memory);
    lls_search_visit(b->search, limits.nodes);
    b->unsure |= fit == LLS_FIT_UNKNOWN;
    return fit;
}

/* The choice is complete: whether, and with how few moves, it fits. */
static void try_leaf(brancher *b, uint32_t moves)
{
    lls_search *search = b->search;
    double latency = lls_times_sum(&b->times);
    lls_fit_limits limits = {.touched = LLS_NONE32, .nodes = FIT_NODES};
    if (b->level == BY_TOUCHED)
        limits.touched = search->best.touched - 1;
    limits.moves = most_moves(b, latency, moves);
    lls_search_visit(search, 1 + search->layout.slot_count / 16);
    bool fits = lls_packing_fill(&b->packing, b->choice) && is_packed_well(b, &limits);
    if (!fits)
        fits = search_fit(b, limits) == LLS_FIT_YES;
    /* With fewer moves it is a better plan still. */
    while (fits && lls_search_offer(search, &b->packing, &b->times) &&
           search->problem->move_cost > 0.0 && search->best.moves > moves &&
           b->level == BY_OBJECTIVE) {
        limits.moves = search->best.moves - 1;
        fits = search_fit(b, limits) == LLS_FIT_YES;
    }
}

/* --- the tree
 * ---------------------------------------------------------------------------------------- */

/* Whether the menus chosen so far fit at all. */
static bool part_fits(brancher *b)
{
    if (b->search->layout.slot_count > PART_GPUS || lls_packing_fill(&b->packing, b->choice))
        return true;
    lls_fit_limits limits = {.touched = LLS_NONE32, .moves = LLS_NONE32, .nodes = PART_NODES};
    lls_fit fit = lls_packing_search(&b->packing, b->choice, &limits, &b->no_memory);
    lls_search_visit(b->search, limits.nodes);
    return fit != LLS_FIT_NO;
}

static bool is_promising(brancher *b, uint32_t depth)
{
    const lls_search *search = b->search;
    amount least = sum_of(&b->taken[depth], &b->needed[depth]);
    double gpus = (double)search->layout.slot_count * (1.0 + LLS_PLACE_SLACK);
    if (least.share > gpus || least.bandwidth > gpus ||
        least.memory > b->room_memory * (1.0 + LLS_PLACE_SLACK))
        return false;
    if (!may_have(b, b->prices->bound + least.cost) || !may_move(b, least.moves) ||
        !may_share(b, least.share))
        return false;
    double latency = lls_times_sum(&b->times);
    return lls_times_within_limits(&b->times) &&
           may_have(b, latency + search->problem->move_cost * (double)least.moves);
}

static void choose(brancher *b, uint32_t depth, uint32_t option)
{
    uint32_t menu = b->menus[depth];
    b->choice[menu] = option;
    lls_times_set(&b->times, menu, option);
    if (option == LLS_NONE32)
        return;
    const lls_option *o = &b->search->options[option];
    const lls_need *need = &b->search->needs[o->need];
    amount own = {.share = o->total_share,
                  .memory = need->memory * (double)o->slots,
                  .bandwidth = need->bandwidth * (double)o->slots,
                  .cost = b->costs[option],
                  .moves = o->moves};
    b->taken[depth + 1] = sum_of(&b->taken[depth], &own);
}

/* No plan is better than the best at this level: nothing is left to be found. */
static bool is_settled(const brancher *b)
{
    const lls_incumbent *best = &b->search->best;
    if (b->search->first_suffices)
        return best->found;
    if (b->level == BY_MOVES)
        return best->moves == 0;
    return b->level == BY_TOUCHED &&
           (double)best->touched < best->share * (1.0 - LLS_PLACE_EQUAL) + 1.0 - LLS_PLACE_EQUAL;
}

static bool go_on(brancher *b)
{
    return lls_search_visit(b->search, 1) && !b->no_memory && !is_settled(b);
}

/* false: the budget ran out, or something did. */
static bool walk(brancher *b)
{
    uint32_t menus = b->search->problem->menu_count, depth = 0;
    b->at[0] = b->starts[b->menus[0]];
    for (;;) {
        uint32_t menu = b->menus[depth];
        if (b->at[depth] == b->starts[menu + 1]) {
            choose(b, depth, LLS_NONE32);
            if (depth-- == 0)
                return true;
            continue;
        }
        if (!go_on(b))
            return is_settled(b);
        choose(b, depth, b->list[b->at[depth]++]);
        if (!is_promising(b, depth + 1))
            continue;
        if (depth + 1 == menus) {
            try_leaf(b, b->taken[menus].moves);
        } else if (depth == 0 || part_fits(b)) {
            depth++;
            b->at[depth] = b->starts[b->menus[depth]];
        }
    }
}

static bool search_level(brancher *b, uint32_t level, uint64_t budget)
{
    uint64_t whole = b->search->budget;
    b->level = level;
    b->search->budget = budget < whole ? budget : whole;
    bool done = is_settled(b);
    if (!done) {
        if (!list_all(b))
            b->no_memory = true;
        else
            done = walk(b);
    }
    b->search->budget = whole;
    return done && !b->unsure && !b->no_memory;
}

/* Nodes after which a level gives way to the next: half of what is left. */
static uint64_t share_of_budget(const lls_search *search, uint32_t level)
{
    uint64_t left = search->budget > search->nodes ? search->budget - search->nodes : 0;
    return search->nodes + (level == BY_OBJECTIVE ? left - left / 5 : left / 2);
}

bool lls_branch(lls_search *search, const lls_prices *prices, const char **why)
{
    static const char *const REASONS[LEVELS] = {
        "the node budget ran out before the least latency was proved",
        "the least latency is proved; the node budget ran out before the fewest moves were",
        "the least latency is proved; the node budget ran out before the least share was",
        ("the least latency and share are proved; the node budget ran out before the fewest GPUs "
         "were"),
    };
    brancher b;
    bool ok = brancher_init(&b, search, prices);
    *why = "";
    if (ok)
        find_costs(&b);
    for (uint32_t level = 0; ok && level < LEVELS && !search->stopped; level++) {
        bool skip = (level > BY_OBJECTIVE && (!search->best.found || search->first_suffices)) ||
                    (level == BY_MOVES && search->problem->running == NULL);
        if (!skip && !search_level(&b, level, share_of_budget(search, level)) && **why == '\0')
            *why = REASONS[level];
    }
    if (ok && !search->best.found && b.unsure && **why == '\0')
        *why = REASONS[BY_OBJECTIVE];
    ok = ok && !b.no_memory;
    brancher_finish(&b);
    return ok;
}
