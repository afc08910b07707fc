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
 * is a bound. Prices are the duals of a linear program over sets of replicas on one GPU and items
 * of the menus, which takes in the dearest set and the cheapest items of each round (column
 * generation), between these and the best prices so far; flows go towards the longest paths.
 */
#include "place/master.h"

#include <string.h>

/* Changes of the flow, the k-th by 1 / (k + 1) of the way. */
enum { MOST_SHIFTS = 24 };

static bool allocate_prices(lls_prices *prices, const lls_search *search)
{
    const llmsched_context *context = search->context;
    const lls_place_problem *problem = search->problem;
    prices->tariffs = lls_calloc(context, search->tariff_count, sizeof *prices->tariffs);
    prices->flow =
        lls_calloc(context, search->part_starts[problem->app_count], sizeof *prices->flow);
    prices->limits = lls_calloc(context, problem->app_count, sizeof *prices->limits);
    prices->factors =
        lls_calloc(context, search->config_starts[problem->menu_count], sizeof *prices->factors);
    return prices->tariffs != NULL && prices->flow != NULL && prices->limits != NULL &&
           prices->factors != NULL;
}

static void free_prices(lls_prices *prices, const lls_search *search)
{
    lls_free(search->context, prices->tariffs);
    lls_free(search->context, prices->flow);
    lls_free(search->context, prices->limits);
    lls_free(search->context, prices->factors);
}

static void copy_prices(lls_prices *to, const lls_prices *from, const lls_search *search)
{
    const lls_place_problem *problem = search->problem;
    memcpy(to->tariffs, from->tariffs, search->tariff_count * sizeof *to->tariffs);
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
           scale * prices->tariffs[o->tariff] * (double)o->slots +
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
        lls_pattern_dearest(search, p->now.tariffs, c, p->order, &p->patterns[c]);
        sum += (double)search->layout.classes[c].count * p->patterns[c].value;
    }
    return sum;
}

static void keep_if_better(lls_pricing *p)
{
    if (p->now.bound > p->best.bound && p->now.bound < HUGE_VAL)
        copy_prices(&p->best, &p->now, p->search);
}

static void weigh_all(lls_pricing *p)
{
    for (uint32_t m = 0; m < p->search->problem->menu_count; m++)
        weigh_menu(p, m);
}

/* The bound at `now`; factors must be those of the flow. */
static void evaluate(lls_pricing *p)
{
    const lls_search *search = p->search;
    p->now.fixed = fixed_part(p);
    p->now.rest = p->now.fixed - price_of_gpus(p);
    p->now.bound = p->now.rest;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        double cost;
        p->choice[m] = lls_prices_cheapest(&p->now, search, m, 1.0, &cost);
        p->now.bound += cost;
    }
    keep_if_better(p);
}

/* --- prices in proportion to size ----------------------------------------------------------- */

static void start_flow(lls_pricing *p)
{
    const lls_search *search = p->search;
    for (uint32_t a = 0; a < search->problem->app_count; a++) {
        lls_times_path(&p->times, a, p->path);
        for (uint32_t i = search->part_starts[a]; i < search->part_starts[a + 1]; i++)
            p->now.flow[i] = p->path[i] ? 1.0 : 0.0;
    }
}

/* By share, memory, bandwidth, or the largest of them. */
static double size_of(const lls_search *search, uint32_t tariff, uint32_t view)
{
    const lls_need *need = &search->tariffs[tariff];
    double memory = search->most_memory > 0.0 ? need->memory / search->most_memory : 0.0;
    double size = view == 0 ? need->share : view == 1 ? memory : need->bandwidth;
    if (view < 3)
        return size;
    size = need->share > memory ? need->share : memory;
    return need->bandwidth > size ? need->bandwidth : size;
}

static void set_scale(lls_pricing *p, uint32_t view, double scale)
{
    for (uint32_t n = 0; n < p->search->tariff_count; n++)
        p->now.tariffs[n] = scale * size_of(p->search, n, view);
    evaluate(p);
}

/* Whether the cheapest options use more than there is, by size. */
static bool is_too_much(const lls_pricing *p, uint32_t view)
{
    const lls_search *search = p->search;
    double used = 0.0, room = 0.0;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        const lls_option *o = &search->options[p->choice[m]];
        used += size_of(search, o->tariff, view) * (double)o->slots;
    }
    for (uint32_t c = 0; c < search->layout.class_count; c++)
        for (uint32_t i = 0; i < p->patterns[c].count; i++)
            room += size_of(search, p->patterns[c].tariffs[i], view) *
                    (double)search->layout.classes[c].count;
    return used > room;
}

/* The scale at which as much is asked for as there is. */
static void find_scale(lls_pricing *p, uint32_t view)
{
    double low = 0.0, high = fabs(p->best.bound) / (double)p->search->layout.slot_count + 1e-9;
    set_scale(p, view, high);
    for (uint32_t i = 0; i < 40 && is_too_much(p, view); i++) {
        low = high;
        high *= 2.0;
        set_scale(p, view, high);
    }
    for (uint32_t i = 0; i < 12; i++) {
        double middle = 0.5 * (low + high);
        set_scale(p, view, middle);
        *(is_too_much(p, view) ? &low : &high) = middle;
    }
}

/* --- the configuration program -----------------------------------------------------------------
 */

/* Rows: menus (one item each), tariffs (what is used is in the sets), classes (sets on GPUs). */
static uint32_t tariff_row(const lls_search *search, uint32_t tariff)
{
    return search->problem->menu_count + tariff;
}

static uint32_t class_row(const lls_search *search, uint32_t class_number)
{
    return search->problem->menu_count + search->tariff_count + class_number;
}

/* Without items at first, at a cost that all items are below by far. */
static bool start_master(lls_pricing *p)
{
    const lls_search *search = p->search;
    uint32_t menus = search->problem->menu_count, classes = search->layout.class_count;
    if (!lls_master_init(p->master, search->context, class_row(search, classes)))
        return false;
    double most = 1.0;
    for (uint32_t m = 0; m < menus; m++)
        for (uint32_t o = search->option_starts[m]; o < search->option_starts[m + 1]; o++) {
            double cost = lls_prices_cost(&p->now, search, m, o, 0.0);
            most = cost > most ? cost : most;
        }
    for (uint32_t m = 0; m < menus; m++)
        lls_master_start(p->master, m, 1.0, 100.0 * most, 1.0);
    /* A little of each tariff is there for nothing, else most steps would lead nowhere. */
    for (uint32_t n = 0; n < search->tariff_count; n++)
        lls_master_start(p->master, tariff_row(search, n), -1.0, 0.0, -1e-6 * (1.0 + n));
    for (uint32_t c = 0; c < classes; c++)
        lls_master_start(p->master, class_row(search, c), 1.0, 0.0,
                         (double)search->layout.classes[c].count);
    return true;
}

static bool enter_option(lls_pricing *p, uint32_t menu, uint32_t option)
{
    const lls_search *search = p->search;
    const lls_option *o = &search->options[option];
    lls_column column = {.cost = lls_prices_cost(&p->now, search, menu, option, 0.0),
                         .count = 2,
                         .tag = option,
                         .owner = menu};
    column.rows[0] = menu;
    column.values[0] = 1.0;
    column.rows[1] = tariff_row(search, o->tariff);
    column.values[1] = -(double)o->slots;
    return lls_master_enter(p->master, &column);
}

static bool enter_pattern(lls_pricing *p, uint32_t class_number)
{
    const lls_pattern *pattern = &p->patterns[class_number];
    lls_column column = {.count = 1, .tag = LLS_NONE32};
    column.rows[0] = class_row(p->search, class_number);
    column.values[0] = 1.0;
    for (uint32_t i = 0; i < pattern->count; i++) {
        uint32_t row = tariff_row(p->search, pattern->tariffs[i]), at = 1;
        while (at < column.count && column.rows[at] != row)
            at++;
        if (at == column.count)
            column.rows[column.count++] = row;
        column.values[at] += 1.0;
    }
    return lls_master_enter(p->master, &column);
}

/* A row's own column again: less is used than there is. */
static bool enter_slack(lls_pricing *p, uint32_t row, double entry)
{
    lls_column column = {.count = 1, .tag = LLS_NONE32};
    column.rows[0] = row;
    column.values[0] = entry;
    return lls_master_enter(p->master, &column);
}

static uint32_t enter_all(lls_pricing *p)
{
    const lls_search *search = p->search;
    uint32_t entered = 0;
    for (uint32_t c = 0; c < search->layout.class_count; c++)
        entered += enter_pattern(p, c);
    for (uint32_t m = 0; m < search->problem->menu_count; m++)
        entered += enter_option(p, m, p->choice[m]);
    for (uint32_t n = 0; n < search->tariff_count; n++)
        entered += enter_slack(p, tariff_row(search, n), -1.0);
    for (uint32_t c = 0; c < search->layout.class_count; c++)
        entered += enter_slack(p, class_row(search, c), 1.0);
    return entered;
}

/* Prices between the program's, which leap, and the best so far. */
static void set_prices(lls_pricing *p, double leap)
{
    const lls_search *search = p->search;
    for (uint32_t n = 0; n < search->tariff_count; n++) {
        double dual = p->master->duals[tariff_row(search, n)];
        dual = dual > 0.0 && size_of(search, n, 3) > 0.0 ? dual : 0.0;
        p->now.tariffs[n] = leap * dual + (1.0 - leap) * p->best.tariffs[n];
    }
    evaluate(p);
}

/* New columns at better prices; false: there are none. */
static bool price_round(lls_pricing *p)
{
    double before = p->best.bound;
    set_prices(p, 0.3);
    if (enter_all(p) > 0 || p->best.bound > before)
        return true;
    set_prices(p, 1.0);
    return enter_all(p) > 0;
}

/* Latency of each part, on average over the items that the program takes. */
static void find_means(lls_pricing *p)
{
    const lls_search *search = p->search;
    for (uint32_t m = 0; m < search->problem->menu_count; m++)
        for (uint32_t u = search->use_starts[m]; u < search->use_starts[m + 1]; u++)
            p->times.parts[search->uses[u].part] = 0.0;
    for (uint32_t r = 0; r < p->master->rows; r++) {
        const lls_column *column = &p->master->basis[r];
        if (column->tag == LLS_NONE32)
            continue;
        for (uint32_t u = search->use_starts[column->owner];
             u < search->use_starts[column->owner + 1]; u++)
            p->times.parts[search->uses[u].part] +=
                p->master->values[r] * lls_use_time(search, u, column->tag);
    }
}

/* Towards the longest paths of the means, and limits that are passed dearer; whether anything
 * changed. */
static bool shift_flow(lls_pricing *p)
{
    const lls_search *search = p->search;
    double weight = 1.0 / (1.0 + (double)++p->shifts), change = 0.0;
    find_means(p);
    for (uint32_t a = 0; a < search->problem->app_count; a++) {
        const lls_place_app *app = &search->problem->apps[a];
        double length = lls_times_path(&p->times, a, p->path);
        for (uint32_t i = search->part_starts[a]; i < search->part_starts[a + 1]; i++) {
            double shift = weight * ((p->path[i] ? 1.0 : 0.0) - p->now.flow[i]);
            p->now.flow[i] += shift;
            change += fabs(shift) * app->weight;
        }
        if (app->max_latency > 0.0) {
            double over = (length - app->max_latency) / app->max_latency;
            double price =
                p->now.limits[a] + weight * over * fabs(p->best.bound) / app->max_latency;
            price = price > 0.0 ? price : 0.0;
            change += fabs(price - p->now.limits[a]);
            p->now.limits[a] = price;
        }
    }
    return change > 1e-12;
}

/* The basis at the costs of the new flow. */
static void renew_costs(lls_pricing *p)
{
    weigh_all(p);
    for (uint32_t r = 0; r < p->master->rows; r++) {
        lls_column *column = &p->master->basis[r];
        if (column->tag != LLS_NONE32)
            column->cost = lls_prices_cost(&p->now, p->search, column->owner, column->tag, 0.0);
    }
    lls_master_price(p->master);
}

void lls_pricing_improve(lls_pricing *p, uint32_t rounds)
{
    for (uint32_t r = 0; r < rounds && !p->done; r++) {
        double ceiling = p->now.fixed + lls_master_cost(p->master);
        bool close = ceiling - p->best.bound < 1e-5 * fabs(p->best.bound);
        if (!close && price_round(p))
            continue;
        if (p->shifts >= MOST_SHIFTS || !shift_flow(p))
            p->done = true;
        else
            renew_costs(p);
    }
}

/* --- the beginning ---------------------------------------------------------------------------- */

bool lls_pricing_init(lls_pricing *p, lls_search *search)
{
    const llmsched_context *context = search->context;
    const lls_place_problem *problem = search->problem;
    *p = (lls_pricing){.search = search};
    p->times.search = search;
    p->choice = lls_calloc(context, problem->menu_count, sizeof *p->choice);
    p->patterns = lls_calloc(context, search->layout.class_count, sizeof *p->patterns);
    p->order = lls_calloc(context, search->tariff_count, sizeof *p->order);
    p->path = lls_calloc(context, search->part_starts[problem->app_count], sizeof *p->path);
    p->master = lls_calloc(context, 1, sizeof *p->master);
    if (p->choice == NULL || p->patterns == NULL || p->order == NULL || p->path == NULL ||
        p->master == NULL || !allocate_prices(&p->now, search) ||
        !allocate_prices(&p->best, search) || !lls_times_init(&p->times, search, NULL))
        return false;
    p->best.bound = -HUGE_VAL;
    start_flow(p);
    weigh_all(p);
    evaluate(p);
    for (uint32_t view = 0; view < 4; view++)
        find_scale(p, view);
    copy_prices(&p->now, &p->best, search);
    evaluate(p);
    return start_master(p);
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
    if (p->master != NULL)
        lls_master_finish(p->master);
    lls_free(context, p->master);
    *p = (lls_pricing){.search = p->search};
    p->times.search = p->search;
}
