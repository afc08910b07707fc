/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random placement problems, with menus shaped like those of measured models: shares .3 .5 .7 1,
 * widths 1 2 4 8, bandwidth and latency falling with the width, latency with share and replicas.
 */
#ifndef LLS_TEST_PLACE_H
#define LLS_TEST_PLACE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "place/internal.h"

/* What to draw. */
typedef struct place_world {
    uint64_t seed;
    uint32_t models, kinds;
    uint32_t domains, domain_gpus; /* domains of this many GPUs */
    bool odd_domains;              /* some with one or two less */
    uint32_t most_items;           /* of a menu; 0: all */
    double load;                   /* of the cluster by the demand, roughly */
    bool limits;                   /* latency limits on some applications */
    bool mixed_memory;             /* GPUs of one kind with unlike memory */
} place_world;

enum { PLACE_SHARES = 4, PLACE_WIDTHS = 4, PLACE_CONFIGS = PLACE_SHARES * PLACE_WIDTHS };

typedef struct place_case {
    lls_place_problem problem;
    lls_gpu *gpus;
    lls_menu *menus;
    lls_place_app *apps;
    double *factors; /* by menu and configuration */
    uint32_t *parents;
} place_case;

static inline double place_draw(lls_random *random, double low, double high)
{
    return low + (high - low) * lls_random_uniform(random);
}

static inline void place_gpus(place_case *c, lls_random *random, const place_world *w)
{
    static const double MEMORY[] = {80e9, 141e9};
    c->gpus = calloc((size_t)w->domains * w->domain_gpus + 1, sizeof *c->gpus);
    for (uint32_t d = 0; d < w->domains; d++) {
        uint32_t kind = lls_random_below(random, w->kinds), gpus = w->domain_gpus;
        if (w->odd_domains && gpus > 2)
            gpus -= lls_random_below(random, 3);
        for (uint32_t g = 0; g < gpus; g++) {
            lls_gpu *gpu = &c->gpus[c->problem.gpu_count++];
            *gpu = (lls_gpu){.kind = kind, .domain = d, .position = g, .memory = MEMORY[kind % 2]};
            if (w->mixed_memory && lls_random_below(random, 3) == 0)
                gpu->memory *= 0.5;
        }
    }
    c->problem.gpus = c->gpus;
    c->problem.domain_count = w->domains;
    c->problem.kind_count = w->kinds;
}

static inline bool place_is_worse(const lls_item *a, const lls_item *b)
{
    return a->kind == b->kind && a->latency >= b->latency && a->tp >= b->tp &&
           a->share >= b->share && a->replicas >= b->replicas && a->memory >= b->memory &&
           a->bandwidth >= b->bandwidth;
}

static inline int place_by_latency(const void *x, const void *y)
{
    const lls_item *a = x, *b = y;
    double share_a = a->share * a->tp * a->replicas, share_b = b->share * b->tp * b->replicas;
    if (a->latency != b->latency)
        return a->latency < b->latency ? -1 : 1;
    if (share_a != share_b)
        return share_a < share_b ? -1 : 1;
    if (a->config != b->config)
        return a->config < b->config ? -1 : 1;
    return a->replicas < b->replicas ? -1 : a->replicas > b->replicas;
}

/* One configuration with all its numbers of replicas that serve the demand. */
static inline void place_config(place_case *c, lls_menu *menu, const lls_item *config, double alone,
                                double demand, double rate)
{
    uint32_t most = (uint32_t)(c->problem.gpu_count / config->share / config->tp);
    uint32_t first = (uint32_t)ceil(demand / (0.9 * rate));
    if (first < 1)
        first = 1;
    for (uint32_t r = first; r <= most; r++) {
        double busy = demand / (r * rate);
        lls_item *item = &menu->items[menu->count];
        *item = *config;
        item->replicas = r;
        item->latency =
            alone * (1.0 + 0.6 * busy + pow(busy, sqrt(2.0 * (r + 1.0))) / (1.0 - busy) / r);
        item->capacity = r * rate;
        menu->count++;
        if (r > first && menu->items[menu->count - 2].latency - item->latency < 1e-7 * alone) {
            menu->count--;
            break;
        }
    }
}

/* Takes away what is no better than another item, and what is more than wanted. */
static inline void place_thin_out(lls_menu *menu, lls_random *random, uint32_t most)
{
    uint32_t kept = 0;
    qsort(menu->items, menu->count, sizeof *menu->items, place_by_latency);
    for (uint32_t i = 0; i < menu->count; i++) {
        uint32_t k = 0;
        while (k < kept && !place_is_worse(&menu->items[i], &menu->items[k]))
            k++;
        if (k == kept)
            menu->items[kept++] = menu->items[i];
    }
    menu->count = kept;
    while (most > 0 && menu->count > most) {
        uint32_t gone = lls_random_below(random, menu->count);
        memmove(&menu->items[gone], &menu->items[gone + 1],
                (menu->count - gone - 1) * sizeof *menu->items);
        menu->count--;
    }
}

static inline void place_menu(place_case *c, lls_menu *menu, lls_random *random,
                              const place_world *w)
{
    static const double SHARES[] = {0.3, 0.5, 0.7, 1.0};
    static const double SPEED[] = {0.55, 0.78, 0.93, 1.0};
    static const double WIDTH[] = {1.0, 0.62, 0.4, 0.28};
    static const double WEIGHTS[] = {13.5e9, 16e9, 26e9, 70e9, 140e9};
    double weights = WEIGHTS[lls_random_below(random, LLS_COUNT(WEIGHTS))];
    double cache = place_draw(random, 4e9, 30e9), top = place_draw(random, 0.5, 0.66);
    double base = weights / 13.5e9 * place_draw(random, 0.5, 2.0);
    double wanted = w->load * c->problem.gpu_count / w->models * place_draw(random, 0.3, 1.7);
    size_t room = (size_t)PLACE_CONFIGS * w->kinds * (4 * (size_t)c->problem.gpu_count + 4);
    menu->items = calloc(room, sizeof *menu->items);
    for (uint32_t kind = 0; kind < w->kinds; kind++) {
        double faster = kind % 2 ? 0.7 : 1.0, rate = 8.0 / base / faster;
        for (uint32_t i = 0; i < PLACE_CONFIGS; i++) {
            uint32_t s = i % PLACE_SHARES, t = i / PLACE_SHARES;
            lls_item config = {.share = SHARES[s], .tp = 1u << t, .kind = kind, .batch = 32};
            config.config = kind * PLACE_CONFIGS + i;
            config.memory = (weights + cache) / config.tp + 1.5e9;
            config.bandwidth =
                floor(100.0 * top * (0.6 + 0.4 * SPEED[s] * SHARES[s]) * pow(config.tp, -0.35)) /
                100.0;
            if (config.memory > (kind % 2 ? 141e9 : 80e9))
                continue;
            place_config(c, menu, &config, base * faster * WIDTH[t] / SPEED[s], wanted * 8.0 / base,
                         rate * SPEED[s] / WIDTH[t]);
        }
    }
    place_thin_out(menu, random, w->most_items);
    menu->items = realloc(menu->items, (menu->count + 1) * sizeof *menu->items);
}

/* A stage on each menu in turn or at random, each after one or two earlier ones. */
static inline void place_graph(place_case *c, lls_place_app *app, lls_random *random,
                               const place_world *w, uint32_t first, uint32_t *parent_count)
{
    app->stage_count = 2 + lls_random_below(random, 4);
    app->stages = calloc(app->stage_count, sizeof *app->stages);
    for (uint32_t i = 0; i < app->stage_count; i++) {
        lls_place_stage *stage = &app->stages[i];
        stage->parents = c->parents + *parent_count;
        for (uint32_t p = 0; i > 0 && p < 1 + lls_random_below(random, 2) && p < i; p++) {
            c->parents[(*parent_count)++] = lls_random_below(random, i);
            stage->parent_count++;
        }
        stage->menu = i == 0 ? first : lls_random_below(random, w->models + 1);
        if (stage->menu == w->models) {
            stage->menu = LLS_NONE32;
            stage->fixed = place_draw(random, 0.1, 1.0);
        } else {
            stage->factor = c->factors + (size_t)stage->menu * PLACE_CONFIGS * w->kinds;
        }
    }
}

static inline void place_apps(place_case *c, lls_random *random, const place_world *w)
{
    uint32_t parent_count = 0;
    c->apps = calloc(w->models, sizeof *c->apps);
    c->parents = calloc((size_t)w->models * 12, sizeof *c->parents);
    c->factors = calloc((size_t)w->models * PLACE_CONFIGS * w->kinds, sizeof *c->factors);
    for (uint32_t i = 0; i < w->models * PLACE_CONFIGS * w->kinds; i++)
        c->factors[i] = place_draw(random, 0.9, 1.1);
    for (uint32_t a = 0; a < w->models; a++) {
        lls_place_app *app = &c->apps[a];
        app->weight = lls_random_below(random, 8) == 0 ? 0.0 : place_draw(random, 0.2, 2.0);
        if (lls_random_below(random, 3) > 0) {
            place_graph(c, app, random, w, a, &parent_count);
            continue;
        }
        app->term_count = 1 + lls_random_below(random, 3);
        app->terms = calloc(app->term_count, sizeof *app->terms);
        for (uint32_t i = 0; i < app->term_count; i++)
            app->terms[i] =
                (lls_place_term){.menu = i == 0 ? a : lls_random_below(random, w->models),
                                 .factor = place_draw(random, 0.5, 3.0)};
    }
    c->problem.apps = c->apps;
    c->problem.app_count = w->models;
}

/* Limits that some choice of items in the middle of the menus keeps. */
static inline void place_limits(place_case *c, lls_random *random)
{
    uint32_t *choice = calloc(c->problem.menu_count, sizeof *choice);
    for (uint32_t m = 0; m < c->problem.menu_count; m++)
        choice[m] = lls_random_below(random, c->menus[m].count);
    for (uint32_t a = 0; a < c->problem.app_count; a++)
        if (lls_random_below(random, 2) == 0)
            c->apps[a].max_latency = 1.02 * lls_app_latency(&c->problem, a, choice);
    free(choice);
}

/* false: a model that no GPU can serve was drawn; free it all the same. */
static inline bool place_case_make(place_case *c, const llmsched_context *owner,
                                   const place_world *w)
{
    lls_random random;
    bool ok = true;
    *c = (place_case){.problem = {.context = owner}};
    lls_random_seed(&random, w->seed);
    place_gpus(c, &random, w);
    c->menus = calloc(w->models, sizeof *c->menus);
    c->problem.menus = c->menus;
    c->problem.menu_count = w->models;
    for (uint32_t m = 0; m < w->models; m++) {
        c->menus[m].model = m;
        place_menu(c, &c->menus[m], &random, w);
        ok = ok && c->menus[m].count > 0;
    }
    place_apps(c, &random, w);
    if (ok && w->limits)
        place_limits(c, &random);
    return ok;
}

static inline void place_case_free(place_case *c)
{
    for (uint32_t m = 0; m < c->problem.menu_count; m++)
        free(c->menus[m].items);
    for (uint32_t a = 0; a < c->problem.app_count; a++) {
        free(c->apps[a].stages);
        free(c->apps[a].terms);
    }
    free(c->gpus);
    free(c->menus);
    free(c->apps);
    free(c->factors);
    free(c->parents);
}

/* One of every sort: 2 to 5 models, 4 to 8 GPUs or few more. */
static inline place_world place_small_world(uint64_t seed)
{
    static const uint32_t ITEMS[] = {0, 0, 200, 50, 20, 11};
    lls_random random;
    lls_random_seed(&random, seed);
    place_world w = {.seed = seed, .models = 2 + lls_random_below(&random, 4), .domains = 1};
    w.kinds = 1 + lls_random_below(&random, 4) / 3;
    uint32_t gpus = 4 + lls_random_below(&random, 5);
    w.domains = 1 + lls_random_below(&random, 3);
    w.domain_gpus = (gpus + w.domains - 1) / w.domains;
    w.odd_domains = lls_random_below(&random, 3) == 0;
    w.most_items = ITEMS[w.models];
    w.load = place_draw(&random, 0.02, 0.5);
    w.limits = lls_random_below(&random, 3) == 0;
    w.mixed_memory = lls_random_below(&random, 4) == 0;
    return w;
}

#endif
