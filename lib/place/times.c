/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies of the applications while some menus are chosen and the others run their fastest: no
 * completion of the choice is below.
 */
#include "place/search.h"

double lls_use_time(const lls_search *search, uint32_t use, uint32_t option)
{
    const lls_use *u = &search->uses[use];
    const lls_option *o = &search->options[option];
    double factor = u->factor != NULL ? u->factor[o->config] : u->constant;
    return u->fixed + factor * o->latency;
}

static double least_time(const lls_search *search, uint32_t menu, uint32_t use, const bool *alive)
{
    double least = HUGE_VAL;
    for (uint32_t o = search->option_starts[menu]; o < search->option_starts[menu + 1]; o++) {
        if (alive != NULL && !alive[o])
            continue;
        double time = lls_use_time(search, use, o);
        least = time < least ? time : least;
    }
    return least;
}

static double part_start(const lls_times *times, const lls_place_stage *stage)
{
    double start = 0.0;
    for (uint32_t p = 0; p < stage->parent_count; p++) {
        double finish = times->finish[stage->parents[p]];
        start = finish > start ? finish : start;
    }
    return start;
}

static void compute_app(lls_times *times, uint32_t app)
{
    const lls_place_app *a = &times->search->problem->apps[app];
    const double *parts = times->parts + times->search->part_starts[app];
    double latency = 0.0;
    for (uint32_t i = 0; i < a->stage_count; i++) {
        times->finish[i] = parts[i] + part_start(times, &a->stages[i]);
        latency = times->finish[i] > latency ? times->finish[i] : latency;
    }
    for (uint32_t i = 0; i < a->term_count; i++)
        latency += parts[i];
    times->apps[app] = latency;
}

static bool allocate(lls_times *times)
{
    const lls_search *search = times->search;
    const lls_place_problem *problem = search->problem;
    uint32_t parts = search->part_starts[problem->app_count], most = 0;
    for (uint32_t a = 0; a < problem->app_count; a++)
        most = problem->apps[a].stage_count > most ? problem->apps[a].stage_count : most;
    times->least = lls_calloc(search->context, parts, sizeof *times->least);
    times->parts = lls_calloc(search->context, parts, sizeof *times->parts);
    times->finish = lls_calloc(search->context, most, sizeof *times->finish);
    times->apps = lls_calloc(search->context, problem->app_count, sizeof *times->apps);
    return times->least != NULL && times->parts != NULL && times->finish != NULL &&
           times->apps != NULL;
}

bool lls_times_init(lls_times *times, const lls_search *search, const bool *alive)
{
    *times = (lls_times){.search = search};
    if (!allocate(times)) {
        lls_times_finish(times);
        return false;
    }
    const lls_place_problem *problem = search->problem;
    for (uint32_t a = 0; a < problem->app_count; a++)
        for (uint32_t i = 0; i < problem->apps[a].stage_count; i++)
            times->parts[search->part_starts[a] + i] = problem->apps[a].stages[i].fixed;
    for (uint32_t m = 0; m < problem->menu_count; m++)
        for (uint32_t u = search->use_starts[m]; u < search->use_starts[m + 1]; u++) {
            times->least[u] = least_time(search, m, u, alive);
            times->parts[search->uses[u].part] = times->least[u];
        }
    for (uint32_t a = 0; a < problem->app_count; a++)
        compute_app(times, a);
    return true;
}

void lls_times_finish(lls_times *times)
{
    lls_free(times->search->context, times->least);
    lls_free(times->search->context, times->parts);
    lls_free(times->search->context, times->finish);
    lls_free(times->search->context, times->apps);
    *times = (lls_times){.search = times->search};
}

void lls_times_set(lls_times *times, uint32_t menu, uint32_t option)
{
    const lls_search *search = times->search;
    for (uint32_t u = search->use_starts[menu]; u < search->use_starts[menu + 1]; u++)
        times->parts[search->uses[u].part] =
            option == LLS_NONE32 ? times->least[u] : lls_use_time(search, u, option);
    for (uint32_t a = search->app_starts[menu]; a < search->app_starts[menu + 1]; a++)
        compute_app(times, search->app_lists[a]);
}

double lls_times_sum(const lls_times *times)
{
    const lls_place_problem *problem = times->search->problem;
    double sum = 0.0;
    for (uint32_t a = 0; a < problem->app_count; a++)
        sum += problem->apps[a].weight * times->apps[a];
    return sum;
}

bool lls_times_within_limits(const lls_times *times)
{
    const lls_place_problem *problem = times->search->problem;
    for (uint32_t a = 0; a < problem->app_count; a++)
        if (problem->apps[a].max_latency > 0.0 &&
            !lls_is_within(times->apps[a], problem->apps[a].max_latency))
            return false;
    return true;
}

double lls_times_path(const lls_times *times, uint32_t app, bool *marks)
{
    const lls_search *search = times->search;
    const lls_place_app *a = &search->problem->apps[app];
    uint32_t first = search->part_starts[app], at = LLS_NONE32;
    double longest = -1.0, sum = 0.0;
    for (uint32_t i = 0; i < a->term_count; i++) {
        marks[first + i] = true;
        sum += times->parts[first + i];
    }
    for (uint32_t i = 0; i < a->stage_count; i++) {
        marks[first + i] = false;
        times->finish[i] = times->parts[first + i] + part_start(times, &a->stages[i]);
        if (times->finish[i] > longest) {
            longest = times->finish[i];
            at = i;
        }
    }
    while (at != LLS_NONE32) {
        const lls_place_stage *stage = &a->stages[at];
        marks[first + at] = true;
        at = LLS_NONE32;
        for (uint32_t p = 0; p < stage->parent_count; p++)
            if (at == LLS_NONE32 || times->finish[stage->parents[p]] > times->finish[at])
                at = stage->parents[p];
    }
    return a->stage_count > 0 ? longest : sum;
}
