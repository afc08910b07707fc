/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The items that some GPUs could take, and where the applications use them.
 */
#include "place/search.h"

bool lls_is_below(double a, double b)
{
    double size = a < 0.0 ? -a : a;
    return a < b && b - a > LLS_PLACE_EQUAL * size;
}

bool lls_is_within(double a, double b)
{
    return !lls_is_below(b, a);
}

double lls_need_size(const lls_search *search, uint32_t need)
{
    const lls_need *n = &search->needs[need];
    double most = 0.0;
    for (uint32_t c = 0; c < search->layout.class_count; c++)
        if (search->layout.classes[c].kind == n->kind && search->layout.classes[c].memory > most)
            most = search->layout.classes[c].memory;
    double size = most > 0.0 ? n->memory / most : 0.0;
    size = n->share > size ? n->share : size;
    return n->bandwidth > size ? n->bandwidth : size;
}

bool lls_search_visit(lls_search *search, uint64_t nodes)
{
    search->nodes += nodes;
    if (search->progress != NULL && search->nodes >= search->next_report && !search->stopped) {
        search->next_report = search->nodes + 8192;
        double best = search->best.found ? search->best.objective : HUGE_VAL;
        search->stopped =
            search->progress(search->progress_user, search->nodes, best, search->bound) != 0;
    }
    return !search->stopped && search->nodes < search->budget;
}

/* --- what runs ------------------------------------------------------------------------ */

/* First slot of the group that these GPUs are; LLS_NONE32: no replica can be there. */
static uint32_t find_group(const lls_search *search, const uint32_t *gpus, uint32_t tp)
{
    const lls_layout *layout = &search->layout;
    if (tp == 0 || gpus[0] >= layout->slot_count)
        return LLS_NONE32;
    uint32_t first = layout->slots[gpus[0]];
    if ((first - layout->starts[layout->domains[first]]) % tp != 0 ||
        tp > layout->slot_count - first)
        return LLS_NONE32;
    for (uint32_t i = 0; i < tp; i++)
        if (layout->gpus[first + i] != gpus[i] ||
            layout->domains[first + i] != layout->domains[first])
            return LLS_NONE32;
    return first;
}

static bool list_running(lls_search *search)
{
    const lls_running *running = search->problem->running;
    uint32_t menus = search->problem->menu_count, total = 0;
    search->running_starts =
        lls_calloc(search->context, (size_t)menus + 1, sizeof *search->running_starts);
    if (search->running_starts == NULL)
        return false;
    for (uint32_t m = 0; running != NULL && m < menus; m++)
        total += running->replicas[m];
    search->running = lls_calloc(search->context, total, sizeof *search->running);
    if (search->running == NULL)
        return false;
    uint32_t count = 0, at = 0;
    for (uint32_t m = 0; running != NULL && m < menus; m++) {
        for (uint32_t r = 0; r < running->replicas[m]; r++, at += running->tps[m]) {
            uint32_t first = find_group(search, running->gpus + at, running->tps[m]);
            if (first != LLS_NONE32)
                search->running[count++] = first;
        }
        search->running_starts[m + 1] = count;
    }
    return true;
}

/* Replicas of an item that cannot be where it runs, since so many do not run at all. */
static uint32_t least_moves(const lls_search *search, uint32_t menu, const lls_item *item)
{
    const lls_running *running = search->problem->running;
    if (running == NULL)
        return 0;
    uint32_t kept = search->running_starts[menu + 1] - search->running_starts[menu];
    if (running->configs[menu] != item->config)
        kept = 0;
    return item->replicas > kept ? item->replicas - kept : 0;
}

/* --- options ---------------------------------------------------------------------------- */

static uint32_t find_need(lls_search *search, const lls_item *item)
{
    lls_need need = {.share = item->share,
                     .memory = item->memory,
                     .bandwidth = item->bandwidth,
                     .kind = item->kind};
    uint32_t i = lls_map_get(&search->need_numbers, &need, sizeof need);
    if (i != LLS_NONE32)
        return i;
    void *grown = search->needs;
    bool ok = lls_grow(search->context, &grown, &search->need_capacity,
                       (size_t)search->need_count + 1, sizeof *search->needs);
    search->needs = grown;
    if (!ok || !lls_map_put(&search->need_numbers, &need, sizeof need, search->need_count))
        return LLS_NONE32;
    search->needs[search->need_count] = need;
    return search->need_count++;
}

/* Whether some group could hold one replica. */
static bool has_room(const lls_search *search, const lls_option *option)
{
    const lls_shape *shape = &search->layout.shapes[option->shape];
    const lls_need *need = &search->needs[option->need];
    for (uint32_t g = 0; g < shape->count; g++) {
        uint32_t i = 0;
        while (i < option->tp &&
               lls_need_fits(need, 0.0, 0.0, 0.0, search->layout.memory[shape->firsts[g] + i]))
            i++;
        if (i == option->tp)
            return true;
    }
    return false;
}

/* The menu's items that some GPUs could take. false: no memory. */
static bool list_options(lls_search *search, uint32_t menu)
{
    const lls_menu *m = &search->problem->menus[menu];
    uint32_t known = LLS_NONE32, room = LLS_NONE32;
    bool fits = false;
    for (uint32_t i = 0; i < m->count; i++) {
        const lls_item *item = &m->items[i];
        lls_option option = {.latency = item->latency,
                             .item = i,
                             .config = item->config,
                             .tp = item->tp,
                             .replicas = item->replicas,
                             .slots = item->tp * item->replicas};
        option.total_share = item->share * (double)item->tp * (double)item->replicas;
        option.shape = lls_layout_shape(&search->layout, item->kind, item->tp);
        option.need = find_need(search, item);
        if (option.shape == LLS_NONE32 || option.need == LLS_NONE32)
            return false;
        option.moves = least_moves(search, menu, item);
        if (option.need != known || option.shape != room) {
            known = option.need;
            room = option.shape;
            fits = has_room(search, &option);
        }
        if (fits)
            search->options[search->option_count++] = option;
    }
    search->option_starts[menu + 1] = search->option_count;
    return true;
}

static bool all_options(lls_search *search, uint32_t *empty_menu)
{
    const lls_place_problem *problem = search->problem;
    size_t items = 0;
    for (uint32_t m = 0; m < problem->menu_count; m++)
        items += problem->menus[m].count;
    search->options = lls_calloc(search->context, items, sizeof *search->options);
    search->option_starts =
        lls_calloc(search->context, (size_t)problem->menu_count + 1, sizeof *search->option_starts);
    if (search->options == NULL || search->option_starts == NULL)
        return false;
    *empty_menu = LLS_NONE32;
    for (uint32_t m = 0; m < problem->menu_count; m++) {
        if (!list_options(search, m))
            return false;
        if (search->option_starts[m + 1] == search->option_starts[m] && *empty_menu == LLS_NONE32)
            *empty_menu = m;
    }
    return true;
}

/* --- prices -------------------------------------------------------------------------------- */

/* More prices than this cost too much to find. */
enum { MOST_TARIFFS = 128 };

static double round_down(double value, double step)
{
    return step > 0.0 ? floor(value / step * (1.0 + LLS_PLACE_SLACK)) * step : value;
}

/* The tariff of a need in steps of so much of a GPU; step 0: the need itself. */
static lls_need coarsen(const lls_search *search, uint32_t need, double step)
{
    lls_need n = search->needs[need];
    n.share = round_down(n.share, step);
    n.memory = round_down(n.memory, step * search->most_memory);
    n.bandwidth = round_down(n.bandwidth, step);
    return n;
}

/* Numbers the tariffs of all needs; false: no memory. */
static bool number_tariffs(lls_search *search, uint32_t *numbers, double step)
{
    lls_map map;
    bool ok = true;
    lls_map_init(&map, search->context);
    search->tariff_count = 0;
    for (uint32_t n = 0; ok && n < search->need_count; n++) {
        lls_need tariff = coarsen(search, n, step);
        numbers[n] = lls_map_get(&map, &tariff, sizeof tariff);
        if (numbers[n] != LLS_NONE32)
            continue;
        numbers[n] = search->tariff_count;
        search->tariffs[search->tariff_count] = tariff;
        ok = lls_map_put(&map, &tariff, sizeof tariff, search->tariff_count++);
    }
    lls_map_finish(&map);
    return ok;
}

/* One price for needs that are nearly the same, where there are very many. */
static bool list_tariffs(lls_search *search)
{
    uint32_t *numbers = lls_calloc(search->context, search->need_count, sizeof *numbers);
    search->tariffs = lls_calloc(search->context, search->need_count, sizeof *search->tariffs);
    bool ok = numbers != NULL && search->tariffs != NULL && number_tariffs(search, numbers, 0.0);
    for (double step = 0.01; ok && search->tariff_count > MOST_TARIFFS && step < 0.6; step *= 1.5)
        ok = number_tariffs(search, numbers, step);
    for (uint32_t o = 0; ok && o < search->option_count; o++)
        search->options[o].tariff = numbers[search->options[o].need];
    lls_free(search->context, numbers);
    return ok;
}

/* --- where menus are used ------------------------------------------------------------------ */

static uint32_t part_menu(const lls_place_app *app, uint32_t part)
{
    return app->stage_count > 0 ? app->stages[part].menu : app->terms[part].menu;
}

static lls_use make_use(const lls_search *search, uint32_t app, uint32_t part)
{
    const lls_place_app *a = &search->problem->apps[app];
    lls_use use = {.app = app, .part = search->part_starts[app] + part};
    if (a->stage_count > 0) {
        use.factor = a->stages[part].factor;
        use.fixed = a->stages[part].fixed;
    } else {
        use.constant = a->terms[part].factor;
    }
    return use;
}

static bool allocate_uses(lls_search *search)
{
    const lls_place_problem *problem = search->problem;
    search->part_starts =
        lls_calloc(search->context, (size_t)problem->app_count + 1, sizeof *search->part_starts);
    search->use_starts =
        lls_calloc(search->context, (size_t)problem->menu_count + 1, sizeof *search->use_starts);
    search->app_starts =
        lls_calloc(search->context, (size_t)problem->menu_count + 1, sizeof *search->app_starts);
    if (search->part_starts == NULL || search->use_starts == NULL || search->app_starts == NULL)
        return false;
    for (uint32_t a = 0; a < problem->app_count; a++)
        search->part_starts[a + 1] =
            search->part_starts[a] + problem->apps[a].stage_count + problem->apps[a].term_count;
    uint32_t parts = search->part_starts[problem->app_count];
    search->uses = lls_calloc(search->context, parts, sizeof *search->uses);
    search->app_lists = lls_calloc(search->context, parts, sizeof *search->app_lists);
    return search->uses != NULL && search->app_lists != NULL;
}

/* Goes through all parts in order, and counts or fills in the uses of their menus. */
static void each_use(lls_search *search, bool fill)
{
    const lls_place_problem *problem = search->problem;
    for (uint32_t a = 0; a < problem->app_count; a++) {
        uint32_t parts = search->part_starts[a + 1] - search->part_starts[a];
        for (uint32_t p = 0; p < parts; p++) {
            uint32_t menu = part_menu(&problem->apps[a], p);
            if (menu == LLS_NONE32)
                continue;
            if (fill)
                search->uses[search->use_starts[menu]] = make_use(search, a, p);
            search->use_starts[fill ? menu : menu + 1]++;
        }
    }
}

static void list_apps(lls_search *search)
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < search->problem->menu_count; m++) {
        uint32_t last = LLS_NONE32;
        for (uint32_t u = search->use_starts[m]; u < search->use_starts[m + 1]; u++) {
            if (search->uses[u].app != last)
                search->app_lists[count++] = search->uses[u].app;
            last = search->uses[u].app;
        }
        search->app_starts[m + 1] = count;
    }
}

static bool list_uses(lls_search *search)
{
    uint32_t menus = search->problem->menu_count;
    if (!allocate_uses(search))
        return false;
    each_use(search, false);
    for (uint32_t m = 0; m < menus; m++)
        search->use_starts[m + 1] += search->use_starts[m];
    each_use(search, true);
    for (uint32_t m = menus; m > 0; m--)
        search->use_starts[m] = search->use_starts[m - 1];
    search->use_starts[0] = 0;
    list_apps(search);
    return true;
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool number_places(lls_search *search)
{
    uint32_t menus = search->problem->menu_count;
    search->config_starts =
        lls_calloc(search->context, (size_t)menus + 1, sizeof *search->config_starts);
    search->place_starts =
        lls_calloc(search->context, (size_t)menus + 1, sizeof *search->place_starts);
    if (search->config_starts == NULL || search->place_starts == NULL)
        return false;
    for (uint32_t m = 0; m < menus; m++) {
        uint32_t configs = 0, replicas = 0;
        for (uint32_t o = search->option_starts[m]; o < search->option_starts[m + 1]; o++) {
            const lls_option *option = &search->options[o];
            configs = option->config >= configs ? option->config + 1 : configs;
            replicas = option->replicas > replicas ? option->replicas : replicas;
        }
        search->config_starts[m + 1] = search->config_starts[m] + configs;
        search->place_starts[m + 1] = search->place_starts[m] + replicas;
    }
    search->best.choice = lls_calloc(search->context, menus, sizeof *search->best.choice);
    search->best.places =
        lls_calloc(search->context, search->place_starts[menus], sizeof *search->best.places);
    return search->best.choice != NULL && search->best.places != NULL;
}

llmsched_status lls_search_init(lls_search *search, const lls_place_problem *problem,
                                uint32_t *empty_menu)
{
    *search = (lls_search){.problem = problem, .context = problem->context};
    lls_map_init(&search->need_numbers, problem->context);
    for (uint32_t g = 0; g < problem->gpu_count; g++)
        if (problem->gpus[g].memory > search->most_memory)
            search->most_memory = problem->gpus[g].memory;
    if (!lls_layout_init(&search->layout, problem) || !list_running(search) ||
        !all_options(search, empty_menu) || !list_tariffs(search) || !list_uses(search) ||
        !number_places(search))
        return LLMSCHED_ERROR_MEMORY;
    return *empty_menu == LLS_NONE32 ? LLMSCHED_OK : LLMSCHED_NONE;
}

void lls_search_finish(lls_search *search)
{
    lls_layout_finish(&search->layout);
    lls_map_finish(&search->need_numbers);
    lls_free(search->context, search->options);
    lls_free(search->context, search->option_starts);
    lls_free(search->context, search->needs);
    lls_free(search->context, search->tariffs);
    lls_free(search->context, search->uses);
    lls_free(search->context, search->use_starts);
    lls_free(search->context, search->part_starts);
    lls_free(search->context, search->app_lists);
    lls_free(search->context, search->app_starts);
    lls_free(search->context, search->config_starts);
    lls_free(search->context, search->place_starts);
    lls_free(search->context, search->running);
    lls_free(search->context, search->running_starts);
    lls_free(search->context, search->best.choice);
    lls_free(search->context, search->best.places);
}
