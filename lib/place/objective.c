/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency of applications and the objective, straight from their definition.
 */
#include "place/internal.h"

static double longest_path(const lls_place_problem *problem, lls_place_app *app,
                           const uint32_t *choice)
{
    double longest = 0.0;
    for (uint32_t i = 0; i < app->stage_count; i++) {
        lls_place_stage *stage = &app->stages[i];
        stage->finish = stage->fixed;
        if (stage->menu != LLS_NONE32) {
            const lls_item *item = &problem->menus[stage->menu].items[choice[stage->menu]];
            stage->finish += stage->factor[item->config] * item->latency;
        }
        double start = 0.0;
        for (uint32_t p = 0; p < stage->parent_count; p++) {
            double finish = app->stages[stage->parents[p]].finish;
            start = finish > start ? finish : start;
        }
        stage->finish += start;
        longest = stage->finish > longest ? stage->finish : longest;
    }
    return longest;
}

double lls_app_latency(const lls_place_problem *problem, uint32_t app, const uint32_t *choice)
{
    lls_place_app *a = &problem->apps[app];
    double latency = longest_path(problem, a, choice);
    for (uint32_t i = 0; i < a->term_count; i++) {
        const lls_place_term *term = &a->terms[i];
        latency += term->factor * problem->menus[term->menu].items[choice[term->menu]].latency;
    }
    return latency;
}

double lls_objective(const lls_place_problem *problem, const uint32_t *choice)
{
    double sum = 0.0;
    for (uint32_t a = 0; a < problem->app_count; a++)
        sum += problem->apps[a].weight * lls_app_latency(problem, a, choice);
    return sum;
}
