/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why there is no plan, and what would lift it: each resource is taken out of the problem in turn,
 * and GPUs are added, and that problem is solved.
 */
#include "place/search.h"

#include <stdio.h>
#include <string.h>

/* Nodes of each of these searches, which stop at the first plan. */
enum { RELAXED_NODES = 200000, MOST_GPUS = 4096 };

/* A copy of a problem whose items, limits and GPUs can be changed. */
typedef struct relaxation {
    lls_place_problem problem;
    lls_item *items; /* of all menus */
    lls_menu *menus;
    lls_place_app *apps;
    lls_gpu *gpus;
} relaxation;

static void relaxation_finish(relaxation *r)
{
    lls_free(r->problem.context, r->items);
    lls_free(r->problem.context, r->menus);
    lls_free(r->problem.context, r->apps);
    lls_free(r->problem.context, r->gpus);
}

static bool relaxation_init(relaxation *r, const lls_place_problem *problem, uint32_t more_gpus)
{
    const llmsched_context *context = problem->context;
    size_t items = 0, gpus = (size_t)problem->gpu_count + more_gpus;
    for (uint32_t m = 0; m < problem->menu_count; m++)
        items += problem->menus[m].count;
    *r = (relaxation){.problem = *problem};
    r->items = lls_calloc(context, items, sizeof *r->items);
    r->menus = lls_calloc(context, problem->menu_count, sizeof *r->menus);
    r->apps = lls_calloc(context, problem->app_count, sizeof *r->apps);
    r->gpus = lls_calloc(context, gpus, sizeof *r->gpus);
    if (r->items == NULL || r->menus == NULL || r->apps == NULL || r->gpus == NULL) {
        relaxation_finish(r);
        return false;
    }
    size_t at = 0;
    for (uint32_t m = 0; m < problem->menu_count; m++) {
        r->menus[m] = problem->menus[m];
        r->menus[m].items = r->items + at;
        memcpy(r->menus[m].items, problem->menus[m].items,
               problem->menus[m].count * sizeof *r->items);
        at += problem->menus[m].count;
    }
    memcpy(r->apps, problem->apps, problem->app_count * sizeof *r->apps);
    memcpy(r->gpus, problem->gpus, problem->gpu_count * sizeof *r->gpus);
    r->problem.menus = r->menus;
    r->problem.apps = r->apps;
    r->problem.gpus = r->gpus;
    r->problem.running = NULL;
    return true;
}

/* Takes one resource out of the problem. */
static void relax(relaxation *r, uint32_t binding)
{
    for (uint32_t a = 0; a < r->problem.app_count; a++)
        if (binding == LLMSCHED_BINDING_LATENCY)
            r->apps[a].max_latency = 0.0;
    for (uint32_t m = 0; m < r->problem.menu_count; m++)
        for (uint32_t i = 0; i < r->menus[m].count; i++) {
            lls_item *item = &r->menus[m].items[i];
            if (binding == LLMSCHED_BINDING_DOMAIN) {
                /* Wherever its GPUs are. */
                item->replicas *= item->tp;
                item->tp = 1;
            }
            item->share = binding == LLMSCHED_BINDING_SHARE ? 0.0 : item->share;
            item->memory = binding == LLMSCHED_BINDING_MEMORY ? 0.0 : item->memory;
            item->bandwidth = binding == LLMSCHED_BINDING_BANDWIDTH ? 0.0 : item->bandwidth;
        }
}

/* Whether a plan is found at once. */
static bool is_feasible(const lls_place_problem *problem, llmsched_status *status)
{
    lls_solve_options options = {.node_budget = RELAXED_NODES};
    lls_solution solution = {0};
    *status = lls_solve_once(problem, &options, true, &solution, NULL);
    lls_solution_finish(problem->context, &solution);
    if (*status == LLMSCHED_NONE)
        *status = LLMSCHED_OK;
    return *status == LLMSCHED_OK && solution.touched_gpus > 0;
}

static bool is_feasible_without(const lls_place_problem *problem, uint32_t binding,
                                llmsched_status *status)
{
    relaxation r;
    if (!relaxation_init(&r, problem, 0)) {
        *status = LLMSCHED_ERROR_MEMORY;
        return false;
    }
    relax(&r, binding);
    bool feasible = is_feasible(&r.problem, status);
    relaxation_finish(&r);
    return feasible;
}

/* With so many more GPUs, side by side, like one that is there. */
static bool is_feasible_with(const lls_place_problem *problem, uint32_t like, uint32_t more,
                             llmsched_status *status)
{
    relaxation r;
    if (!relaxation_init(&r, problem, more)) {
        *status = LLMSCHED_ERROR_MEMORY;
        return false;
    }
    for (uint32_t g = 0; g < more; g++) {
        r.gpus[problem->gpu_count + g] = problem->gpus[like];
        r.gpus[problem->gpu_count + g].domain = problem->domain_count;
        r.gpus[problem->gpu_count + g].position = g;
    }
    r.problem.gpu_count += more;
    r.problem.domain_count++;
    bool feasible = is_feasible(&r.problem, status);
    relaxation_finish(&r);
    return feasible;
}

/* The fewest more GPUs like this one with which there is a plan; 0: they do not help. */
static uint32_t fewest_more(const lls_place_problem *problem, uint32_t like,
                            llmsched_status *status)
{
    uint32_t low = 0, high = 1;
    while (high <= MOST_GPUS && !is_feasible_with(problem, like, high, status)) {
        if (*status != LLMSCHED_OK || high > 4 * problem->gpu_count + 64)
            return 0;
        low = high;
        high *= 2;
    }
    while (*status == LLMSCHED_OK && high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        *(is_feasible_with(problem, like, middle, status) ? &high : &low) = middle;
    }
    return high <= MOST_GPUS ? high : 0;
}

static void say_lift(const lls_place_problem *problem, lls_solution *solution,
                     llmsched_status *status)
{
    if (solution->binding == LLMSCHED_BINDING_LATENCY) {
        snprintf(solution->lift, sizeof solution->lift, "higher latency limits");
        return;
    }
    uint32_t more = fewest_more(problem, 0, status), kind = problem->gpus[0].kind;
    if (more > 0 && problem->kind_names != NULL)
        snprintf(solution->lift, sizeof solution->lift, "%u more %s in one domain", more,
                 problem->kind_names[kind]);
    else if (more > 0)
        snprintf(solution->lift, sizeof solution->lift, "%u more GPUs of kind %u in one domain",
                 more, kind);
    else
        snprintf(solution->lift, sizeof solution->lift, "lower rates");
}

llmsched_status lls_shortage_explain(const lls_place_problem *problem, lls_solution *solution)
{
    static const struct {
        uint32_t binding;
        const char *reason;
    } CAUSES[] = {
        {LLMSCHED_BINDING_LATENCY, "no placement keeps the latency limits"},
        {LLMSCHED_BINDING_DOMAIN, "no room in one piece: replicas do not fit into the domains"},
        {LLMSCHED_BINDING_BANDWIDTH, "not enough memory bandwidth on the GPUs"},
        {LLMSCHED_BINDING_MEMORY, "not enough memory on the GPUs"},
        {LLMSCHED_BINDING_SHARE, "not enough compute on the GPUs"},
    };
    llmsched_status status = LLMSCHED_OK;
    bool proved = solution->proved;
    uint32_t cause = 0, last = LLS_COUNT(CAUSES) - 1;
    while (cause < last && !is_feasible_without(problem, CAUSES[cause].binding, &status)) {
        if (status != LLMSCHED_OK)
            return status;
        cause++;
    }
    solution->binding = CAUSES[cause].binding;
    snprintf(solution->reason, sizeof solution->reason, "%s%s", CAUSES[cause].reason,
             proved ? "" : " (not proved: the node budget ran out)");
    say_lift(problem, solution, &status);
    return status;
}
