/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search as a whole: prices and a plan in turn, bounds, then the tree.
 */
#include "place/search.h"

#include <stdio.h>
#include <string.h>

/* Options looked at while prices are sought, and what that is bounded by. */
static const double PRICING_WORK = 4e8;
enum { LEAST_ROUNDS = 20, MOST_ROUNDS = 900, MOST_WANDERING = 2000000 };

typedef struct solver {
    lls_search search;
    lls_pricing pricing;
    lls_proposal draft;
    double alone, capacity, bound;
    const char *why;  /* not proved */
    uint32_t binding; /* what keeps a plan above the fastest items most */
    uint32_t reserved;
} solver;

static double highest(double a, double b)
{
    return a > b ? a : b;
}

static void raise_bound(solver *s, double bound)
{
    s->bound = highest(s->bound, bound);
    s->search.bound = s->bound;
}

static uint32_t rounds_of(const lls_search *search)
{
    double rows = (double)search->problem->menu_count + (double)search->tariff_count;
    double work =
        (double)search->option_count + 0.2 * rows * rows * (double)search->problem->menu_count;
    double rounds = PRICING_WORK / (work + 1.0);
    return rounds < LEAST_ROUNDS  ? LEAST_ROUNDS
           : rounds > MOST_ROUNDS ? MOST_ROUNDS
                                  : (uint32_t)rounds;
}

static bool is_done(const solver *s)
{
    const lls_incumbent *best = &s->search.best;
    return s->search.stopped || (s->search.first_suffices && best->found) ||
           (best->found && lls_is_within(best->objective, s->bound));
}

/* A plan at the prices of the first guess, then at the best. false: no memory. */
static bool price_and_draft(solver *s)
{
    for (uint32_t turn = 0; turn < 2 && !is_done(s); turn++) {
        if (turn > 0)
            lls_pricing_improve(&s->pricing, rounds_of(&s->search));
        raise_bound(s, s->pricing.best.bound);
        bool fits = lls_proposal_make(&s->draft, &s->pricing.best);
        lls_search_visit(&s->search, 1);
        if (fits && !lls_proposal_polish(&s->draft, &s->pricing.best, 0))
            return false;
    }
    return true;
}

/* The tree with a part of the budget, where that is enough; else plans near the best, then the tree
 * with the rest. */
static bool branch(solver *s)
{
    uint64_t whole = s->search.budget, first = s->search.nodes + whole / 8;
    s->search.budget = first < whole ? first : whole;
    bool ok = lls_branch(&s->search, &s->pricing.best, &s->why);
    s->search.budget = whole;
    if (!ok || *s->why == '\0' || s->search.stopped)
        return ok;
    uint64_t part = whole / 5 * 3 < MOST_WANDERING ? whole / 5 * 3 : MOST_WANDERING;
    uint64_t until = s->search.nodes + part < whole ? s->search.nodes + part : whole;
    if (s->search.nodes < until && lls_proposal_make(&s->draft, &s->pricing.best) &&
        !lls_proposal_polish(&s->draft, &s->pricing.best, until))
        return false;
    return lls_branch(&s->search, &s->pricing.best, &s->why);
}

static bool bound_by_knapsacks(solver *s)
{
    static const uint32_t BINDINGS[] = {LLMSCHED_BINDING_SHARE, LLMSCHED_BINDING_MEMORY,
                                        LLMSCHED_BINDING_BANDWIDTH};
    s->capacity = s->alone;
    s->binding = LLMSCHED_BINDING_DOMAIN;
    for (uint32_t r = LLS_BY_SHARE; r <= LLS_BY_BANDWIDTH; r++) {
        double before = s->capacity;
        if (!lls_knapsack_bound(&s->search, &s->pricing.best, r, &s->capacity))
            return false;
        if (lls_is_below(before, s->capacity))
            s->binding = BINDINGS[r];
    }
    raise_bound(s, s->capacity);
    double bound = s->bound;
    if (!lls_knapsack_bound(&s->search, &s->pricing.best, LLS_BY_PRICE, &bound))
        return false;
    raise_bound(s, bound);
    return true;
}

/* What is not there yet can be ended. */
static void link_parts(solver *s)
{
    s->pricing.search = &s->search;
    s->pricing.times.search = &s->search;
    s->draft.search = &s->search;
    s->draft.times.search = &s->search;
    s->draft.packing.search = &s->search;
    s->draft.spare.search = &s->search;
}

static bool solver_init(solver *s)
{
    return lls_pricing_init(&s->pricing, &s->search) && lls_proposal_init(&s->draft, &s->search);
}

static bool run(solver *s)
{
    s->alone = lls_times_sum(&s->draft.times);
    raise_bound(s, s->alone);
    if (!price_and_draft(s) || !bound_by_knapsacks(s))
        return false;
    s->why = "";
    return s->search.stopped || branch(s);
}

/* --- the solution ---------------------------------------------------------------------------- */

static llmsched_status fill_placement(const lls_search *search, lls_placement *placement)
{
    const lls_place_problem *problem = search->problem;
    uint32_t entries = 0;
    for (uint32_t m = 0; m < problem->menu_count; m++)
        entries += search->options[search->best.choice[m]].slots;
    placement->choice = lls_calloc(search->context, problem->menu_count, sizeof *placement->choice);
    placement->gpus = lls_calloc(search->context, entries, sizeof *placement->gpus);
    if (placement->choice == NULL || placement->gpus == NULL)
        return LLMSCHED_ERROR_MEMORY;
    for (uint32_t m = 0; m < problem->menu_count; m++) {
        const lls_option *o = &search->options[search->best.choice[m]];
        placement->choice[m] = o->item;
        for (uint32_t r = 0; r < o->replicas; r++)
            for (uint32_t i = 0; i < o->tp; i++)
                placement->gpus[placement->gpu_entries++] =
                    search->layout.gpus[search->best.places[search->place_starts[m] + r] + i];
    }
    return LLMSCHED_OK;
}

static llmsched_status fill_solution(const solver *s, lls_solution *solution)
{
    const lls_incumbent *best = &s->search.best;
    solution->objective = best->objective;
    solution->total_share = best->share;
    solution->touched_gpus = best->touched;
    solution->moved_replicas = best->moves;
    bool alone = lls_is_within(best->objective, s->alone);
    solution->binding = alone ? (uint32_t)LLMSCHED_BINDING_NONE : s->binding;
    solution->proved = *s->why == '\0' && !s->search.stopped;
    solution->bound = solution->proved || s->bound > best->objective ? best->objective : s->bound;
    const char *why = s->search.stopped ? "the search was stopped" : s->why;
    snprintf(solution->reason, sizeof solution->reason, "%s", why);
    return fill_placement(&s->search, &solution->placement);
}

static llmsched_status conclude(solver *s, lls_solution *solution, llmsched_error *err)
{
    solution->alone_bound = s->alone;
    solution->capacity_bound = s->capacity;
    solution->bound = s->bound;
    solution->nodes = s->search.nodes;
    if (!s->search.best.found && s->search.stopped)
        return lls_fail(err, LLMSCHED_ERROR_CALLBACK,
                        "the progress callback ended the search before there was a plan");
    if (!s->search.best.found) {
        solution->proved = *s->why == '\0';
        return LLMSCHED_NONE;
    }
    return fill_solution(s, solution);
}

llmsched_status lls_solve_once(const lls_place_problem *problem, const lls_solve_options *options,
                               bool first_suffices, lls_solution *solution, llmsched_error *err)
{
    solver s = {.why = ""};
    lls_solution found = {0};
    uint32_t empty;
    llmsched_status status = lls_search_init(&s.search, problem, &empty);
    s.search.budget = options->node_budget;
    s.search.progress = options->progress;
    s.search.progress_user = options->progress_user;
    s.search.first_suffices = first_suffices;
    link_parts(&s);
    if (status == LLMSCHED_OK)
        status = solver_init(&s) && run(&s) ? conclude(&s, &found, err) : LLMSCHED_ERROR_MEMORY;
    else
        found.proved = status == LLMSCHED_NONE;
    lls_proposal_finish(&s.draft);
    lls_pricing_finish(&s.pricing);
    lls_search_finish(&s.search);
    if (status != LLMSCHED_OK && status != LLMSCHED_NONE)
        lls_solution_finish(problem->context, &found);
    else
        *solution = found;
    return status == LLMSCHED_ERROR_MEMORY ? lls_fail_memory(err) : status;
}

llmsched_status lls_solve(const lls_place_problem *problem, const lls_solve_options *options,
                          lls_solution *solution, llmsched_error *err)
{
    lls_solution found = {0};
    llmsched_status status = lls_solve_once(problem, options, false, &found, err);
    if (status == LLMSCHED_NONE && lls_shortage_explain(problem, &found) != LLMSCHED_OK)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK || status == LLMSCHED_NONE)
        *solution = found;
    return status;
}

void lls_solution_finish(const llmsched_context *context, lls_solution *solution)
{
    lls_free(context, solution->placement.choice);
    lls_free(context, solution->placement.gpus);
    solution->placement = (lls_placement){0};
}
