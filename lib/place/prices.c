/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bound that no plan is below, by Lagrangian relaxation. Every replica pays for each GPU that it
 * uses, at a price by need; whatever fits on one GPU pays at most what the dearest set that fits
 * pays. The latency of an application is at least its mean over paths drawn from any unit flow. So
 * for any prices, flows and multipliers of the limits, with W_a = w_a + nu_a,
 *
 *   sum over menus of min over items (sum of W_a flow factor latency + slots price + moves)
 *     - sum over GPUs of the dearest set - sum of nu_a limit_a + fixed times
 *
 * is a bound. Prices go up a subgradient (Polyak's step), flows towards the longest paths.
 */
#include "place/search.h"

#include <string.h>

static bool allocate_prices(lls_prices *prices, const lls_search *search)
{
    const llmsched_context *context = search->context;
    const lls_place_problem *problem = search->problem;
    prices->needs = lls_calloc(context, search->need_count, sizeof *prices->needs);
    prices->flow =
        lls_calloc(context, search->part_starts[problem->app_count], sizeof *prices->flow);
    prices->limits = lls_calloc(context, problem->app_count, sizeof *prices->limits);
    prices->factors =
        lls_calloc(context, search->config_starts[problem->menu_count], sizeof *prices->factors);
    return prices->needs != NULL && prices->flow != NULL && prices->limits != NULL &&
           prices->factors != NULL;
}

static void free_prices(lls_prices *prices, const lls_search *search)
{
    lls_free(search->context, prices->needs);
    lls_free(search->context, prices->flow);
    lls_free(search->context, prices->limits);
    lls_free(search->context, prices->factors);
}

static void copy_prices(lls_prices *to, const lls_prices *from, const lls_search *search)
{
    const lls_place_problem *problem = search->problem;
    memcpy(to->needs, from->needs, search->need_count * sizeof *to->needs);
    memcpy(to->flow, from->flow, search->part_starts[problem->app_count] * sizeof *to->flow);
    memcpy(to->limits, from->limits, problem->app_count * sizeof *to->limits);
    memcpy(to->factors, from->factors,
           search->config_starts[problem->menu_count] * sizeof *to->factors);
    to->bound = from->bound;
    to->rest = from->rest;
    to->fixed = from->fixed;
}

double lls_prices_cost(const lls_prices *prices, const lls_search *search, uint32_t menu,
                       uint32_t option, double scale)
{
    const lls_option *o = &search->options[option];
    return prices->factors[search->config_starts[menu] + o->config] * o->latency +
           scale * prices->needs[o->need] * (double)o->slots +
           search->problem->move_cost * (double)o->moves;
}

uint32_t lls_prices_cheapest(const lls_prices *prices, const lls_search *search, uint32_t menu,
                             double scale, double *cost)
{
    uint32_t best = LLS_NONE32;
    double least = HUGE_VAL;
    for (uint32_t o = search->option_starts[menu]; o < search->option_starts[menu + 1]; o++) {
        double c = lls_prices_cost(prices, search, menu, o, scale);
        if (best == LLS_NONE32 || c < least) {
            best = o;
            least = c;
        }
    }
    if (cost != NULL)
        *cost = least;
    return best;
}

/* --- the bound ---------------------------------------------------------------------------- */

static double app_weight(const lls_pricing *p, uint32_t app)
{
    return p->search->problem->apps[app].weight + p->now.limits[app];
}

static void weigh_menu(lls_pricing *p, uint32_t menu)
{
    const lls_search *search = p->search;
    uint32_t first = search->config_starts[menu], end = search->config_starts[menu + 1];
    for (uint32_t c = first; c < end; c++) {
        double sum = 0.0;
        for (uint32_t u = search->use_starts[menu]; u < search->use_starts[menu + 1]; u++) {
            const lls_use *use = &search->uses[u];
            double factor = use->factor != NULL ? use->factor[c - first] : use->constant;
            sum += app_weight(p, use->app) * p->now.flow[use->part] * factor;
        }
        p->now.factors[c] = sum;
    }
}

/* What tools and fixed parts of stages take, less what the limits allow. */
static double fixed_part(const lls_pricing *p)
{
    const lls_place_problem *problem = p->search->problem;
    double sum = 0.0;
    for (uint32_t a = 0; a < problem->app_count; a++) {
        const lls_place_app *app = &problem->apps[a];
        const double *flow = p->now.flow + p->search->part_starts[a];
        for (uint32_t i = 0; i < app->stage_count; i++)
            sum += app_weight(p, a) * flow[i] * app->stages[i].fixed;
        sum -= p->now.limits[a] * app->max_latency;
    }
    return sum;
}

static double price_of_gpus(lls_pricing *p)
{
    const lls_search *search = p->search;
    double sum = 0.0;
    for (uint32_t c = 0; c < search->layout.class_count; c++) {
        lls_pattern_dearest(search, p->now.needs, c, p->order, &p->patterns[c]);
        sum += (double)search->layout.classes[c].count * p->patterns[c].value;
    }
    return sum;
}

static void keep_if_better(lls_pricing *p)
{
    p->idle++;
    if (!(p->now.bound > p->best.bound) || p->now.bound == HUGE_VAL)
        return;
    if (p->now.bound - p->best.bound > 1e-4 * fabs(p->best.bound))
        p->idle = 0;
    copy_prices(&p->best, &p->now, p->search);
}

static void evaluate(lls_pricing *p)
{
    const lls_search *search = p->search;
    p->now.fixed = fixed_part(p);
    p->now.rest = p->now.fixed - price_of_gpus(p);
    p->now.bound = p->now.rest;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        double cost;
        weigh_menu(p, m);
        p->choice[m] = lls_prices_cheapest(&p->now, search, m, 1.0, &cost);
        p->now.bound += cost;
    }
    keep_if_better(p);
}

/* --- going up ------------------------------------------------------------------------------- */

static void find_slope(lls_pricing *p)
{
    const lls_search *search = p->search;
    const lls_place_problem *problem = search->problem;
    memset(p->slope, 0, search->need_count * sizeof *p->slope);
    for (uint32_t m = 0; m < problem->menu_count; m++) {
        const lls_option *o = &search->options[p->choice[m]];
        p->slope[o->need] += (double)o->slots;
        lls_times_set(&p->times, m, p->choice[m]);
    }
    for (uint32_t c = 0; c < search->layout.class_count; c++)
        for (uint32_t i = 0; i < p->patterns[c].count; i++)
            p->slope[p->patterns[c].needs[i]] -= (double)search->layout.classes[c].count;
    for (uint32_t a = 0; a < problem->app_count; a++) {
        double limit = problem->apps[a].max_latency;
        p->limit_slope[a] = limit > 0.0 ? p->times.apps[a] - limit : 0.0;
    }
}

/* The slope with some of what it was, where prices can follow it; its square. */
static double find_heading(lls_pricing *p)
{
    const lls_search *search = p->search;
    double square = 0.0;
    for (uint32_t n = 0; n < search->need_count; n++) {
        double h = p->slope[n] + 0.5 * p->heading[n];
        p->heading[n] = p->now.needs[n] <= 0.0 && h < 0.0 ? 0.0 : h;
        square += p->heading[n] * p->heading[n];
    }
    for (uint32_t a = 0; a < search->problem->app_count; a++) {
        if (p->now.limits[a] <= 0.0 && p->limit_slope[a] < 0.0)
            p->limit_slope[a] = 0.0;
        square += p->limit_slope[a] * p->limit_slope[a];
    }
    return square;
}

static void shift_flow(lls_pricing *p)
{
    const lls_search *search = p->search;
    double weight = 1.0 / (2.0 + (double)p->rounds);
    for (uint32_t a = 0; a < search->problem->app_count; a++) {
        lls_times_path(&p->times, a, p->path);
        for (uint32_t i = search->part_starts[a]; i < search->part_starts[a + 1]; i++)
            p->now.flow[i] += weight * ((p->path[i] ? 1.0 : 0.0) - p->now.flow[i]);
    }
}

static void take_step(lls_pricing *p, double target)
{
    const lls_search *search = p->search;
    find_slope(p);
    double square = find_heading(p);
    double length = square > 0.0 ? p->step * (target - p->now.bound) / square : 0.0;
    for (uint32_t n = 0; n < search->need_count; n++) {
        double price = p->now.needs[n] + length * p->heading[n];
        /* What takes nothing is free: any number of it fits. */
        p->now.needs[n] = price > 0.0 && lls_need_size(search, n) > 0.0 ? price : 0.0;
    }
    for (uint32_t a = 0; a < search->problem->app_count; a++) {
        double price = p->now.limits[a] + length * p->limit_slope[a];
        p->now.limits[a] = price > 0.0 ? price : 0.0;
    }
    shift_flow(p);
    p->rounds++;
}

void lls_pricing_improve(lls_pricing *p, double target, uint32_t rounds)
{
    for (uint32_t r = 0; r < rounds && p->best.bound < target && p->step > 1e-4; r++) {
        take_step(p, target);
        evaluate(p);
        if (p->idle < 12)
            continue;
        p->idle = 0;
        p->step *= 0.6;
        copy_prices(&p->now, &p->best, p->search);
        memset(p->heading, 0, p->search->need_count * sizeof *p->heading);
        evaluate(p);
    }
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void start_flow(lls_pricing *p)
{
    const lls_search *search = p->search;
    for (uint32_t a = 0; a < search->problem->app_count; a++) {
        lls_times_path(&p->times, a, p->path);
        for (uint32_t i = search->part_starts[a]; i < search->part_starts[a + 1]; i++)
            p->now.flow[i] = p->path[i] ? 1.0 : 0.0;
    }
}

static void set_scale(lls_pricing *p, double scale)
{
    for (uint32_t n = 0; n < p->search->need_count; n++)
        p->now.needs[n] = scale * lls_need_size(p->search, n);
    evaluate(p);
}

/* Whether the cheapest options use more than there is, by size. */
static bool is_too_much(const lls_pricing *p)
{
    const lls_search *search = p->search;
    double used = 0.0, room = 0.0;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        const lls_option *o = &search->options[p->choice[m]];
        used += lls_need_size(search, o->need) * (double)o->slots;
    }
    for (uint32_t c = 0; c < search->layout.class_count; c++)
        for (uint32_t i = 0; i < p->patterns[c].count; i++)
            room += lls_need_size(search, p->patterns[c].needs[i]) *
                    (double)search->layout.classes[c].count;
    return used > room;
}

/* The scale of prices in proportion to size at which as much is asked for as there is. */
static void find_scale(lls_pricing *p)
{
    double low = 0.0, high = fabs(p->best.bound) / (double)p->search->layout.slot_count + 1e-9;
    set_scale(p, high);
    for (uint32_t i = 0; i < 40 && is_too_much(p); i++) {
        low = high;
        high *= 2.0;
        set_scale(p, high);
    }
    for (uint32_t i = 0; i < 16; i++) {
        double middle = 0.5 * (low + high);
        set_scale(p, middle);
        *(is_too_much(p) ? &low : &high) = middle;
    }
    copy_prices(&p->now, &p->best, p->search);
    evaluate(p);
}

bool lls_pricing_init(lls_pricing *p, lls_search *search)
{
    const llmsched_context *context = search->context;
    const lls_place_problem *problem = search->problem;
    *p = (lls_pricing){.search = search, .step = 1.0};
    p->times.search = search;
    p->choice = lls_calloc(context, problem->menu_count, sizeof *p->choice);
    p->patterns = lls_calloc(context, search->layout.class_count, sizeof *p->patterns);
    p->order = lls_calloc(context, search->need_count, sizeof *p->order);
    p->path = lls_calloc(context, search->part_starts[problem->app_count], sizeof *p->path);
    p->slope = lls_calloc(context, search->need_count, sizeof *p->slope);
    p->heading = lls_calloc(context, search->need_count, sizeof *p->heading);
    p->limit_slope = lls_calloc(context, problem->app_count, sizeof *p->limit_slope);
    if (p->choice == NULL || p->patterns == NULL || p->order == NULL || p->path == NULL ||
        p->slope == NULL || p->heading == NULL || p->limit_slope == NULL ||
        !allocate_prices(&p->now, search) || !allocate_prices(&p->best, search) ||
        !lls_times_init(&p->times, search, NULL)) {
        lls_pricing_finish(p);
        return false;
    }
    p->best.bound = -HUGE_VAL;
    start_flow(p);
    evaluate(p);
    find_scale(p);
    return true;
}

void lls_pricing_finish(lls_pricing *p)
{
    const llmsched_context *context = p->search->context;
    free_prices(&p->now, p->search);
    free_prices(&p->best, p->search);
    lls_times_finish(&p->times);
    lls_free(context, p->choice);
    lls_free(context, p->patterns);
    lls_free(context, p->order);
    lls_free(context, p->path);
    lls_free(context, p->slope);
    lls_free(context, p->heading);
    lls_free(context, p->limit_slope);
}
