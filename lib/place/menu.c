/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Menus: the ways to serve a model, each with its latency (docs/algorithms.md section 8.4). Items
 * of one configuration differ in their replicas, and more of these are worth it only as long as the
 * latency falls; so each configuration is a falling list, and whether another one is no worse is
 * seen by walking down both.
 */
#include "place/internal.h"

#include <math.h>
#include <stdlib.h>

/* Numbers of replicas that bring nothing, one after another, after which no more are tried. */
enum { MOST_IDLE = 16 };

typedef struct list {
    lls_item *items; /* of one configuration: replicas rising, latency falling */
    uint32_t count;
} list;

typedef struct builder {
    lls_cluster *cluster;
    const lls_model *model;
    const lls_demand *demand;
    double utilisation;
    lls_item *items; /* of all configurations, one after another */
    uint32_t count, capacity;
    uint32_t *starts; /* first item of each configuration, and the end */
} builder;

/* --- the items of one configuration ------------------------------------------------------- */

static bool append(builder *b, lls_item item)
{
    void *grown = b->items;
    bool ok = lls_grow(b->cluster->planner->context, &grown, &b->capacity, (size_t)b->count + 1,
                       sizeof *b->items);
    b->items = grown;
    if (ok)
        b->items[b->count++] = item;
    return ok;
}

uint32_t lls_least_replicas(double load, double saturation, double utilisation)
{
    double least = ceil(load / (utilisation * saturation));
    /* A quotient that is a hair above a whole number. */
    if (least > 1.0 && load / (least - 1.0) <= utilisation * saturation)
        least -= 1.0;
    return (uint32_t)fmin(fmax(1.0, least), LLS_NONE32);
}

/* Least latency that any number of replicas has: the best batch of one's own, or of one's group. */
static double least_latency(const lls_service *service)
{
    double least = INFINITY;
    for (uint32_t n = 1; n <= service->batch; n++)
        least = fmin(least, n / service->rates[n]);
    return least;
}

static bool add_replicas(builder *b, lls_service *service, lls_item item, uint32_t most)
{
    double best = INFINITY, floor = least_latency(service);
    uint32_t least = lls_least_replicas(service->load, service->saturation, b->utilisation);
    uint32_t idle = 0;
    for (uint32_t r = least; r <= most && idle < MOST_IDLE; r++) {
        if (best <= floor * (1.0 + LLS_PLACE_EQUAL))
            break;
        if (!lls_call_latency(service, r, &item.latency))
            return false;
        idle++;
        if (item.latency >= best * (1.0 - LLS_PLACE_EQUAL))
            continue;
        idle = 0;
        best = item.latency;
        item.replicas = r;
        item.capacity = r * service->saturation;
        if (!append(b, item))
            return false;
    }
    return true;
}

static bool add_config(builder *b, uint32_t number)
{
    const lls_config *config = &b->model->configs[number];
    const lls_slots *slots = lls_cluster_slots(b->cluster, config->kind, config->tp);
    if (slots == NULL)
        return false;
    lls_item item = {
        .share = config->share,
        .bandwidth = config->bandwidth,
        .memory = lls_replica_bytes(b->model, config->tp, config->max_batch, b->demand->tokens),
        .config = number,
        .kind = config->kind,
        .tp = config->tp,
        .batch = config->max_batch};
    uint32_t most = lls_slots_hold(slots, item.share, item.memory, item.bandwidth);
    if (most == 0)
        return true;
    lls_service service;
    if (!lls_service_init(&service, b->cluster->planner->context, config, b->demand))
        return false;
    bool ok = add_replicas(b, &service, item, most);
    lls_service_finish(&service);
    return ok;
}

/* --- what is no better than another ---------------------------------------------------------- */

/* Whether a replica of x takes no more of anything than one of y. */
static bool takes_no_more(const lls_item *x, const lls_item *y)
{
    return x->kind == y->kind && x->tp <= y->tp && x->share <= y->share && x->memory <= y->memory &&
           x->bandwidth <= y->bandwidth;
}

/* Marks with no replicas what a list has that another one's items are no worse than. */
static void mark(list worse, list better)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < worse.count; i++) {
        while (at + 1 < better.count && better.items[at + 1].replicas <= worse.items[i].replicas)
            at++;
        if (better.items[at].replicas <= worse.items[i].replicas &&
            better.items[at].latency <= worse.items[i].latency)
            worse.items[i].batch = 0;
    }
}

static list list_of(const builder *b, uint32_t config)
{
    return (list){b->items + b->starts[config], b->starts[config + 1] - b->starts[config]};
}

/* Two configurations differ in tp or share, so that none is as good as another in both ways. */
static void drop_worse(builder *b)
{
    for (uint32_t x = 0; x < b->model->config_count; x++)
        for (uint32_t y = 0; y < b->model->config_count; y++) {
            list worse = list_of(b, x), better = list_of(b, y);
            if (x != y && worse.count > 0 && better.count > 0 &&
                takes_no_more(better.items, worse.items))
                mark(worse, better);
        }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->items[i].batch != 0)
            b->items[kept++] = b->items[i];
    b->count = kept;
}

/* --- the menu -----------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const lls_item *x = a, *y = b;
    double shares[] = {x->tp * x->share * x->replicas, y->tp * y->share * y->replicas};
    if (x->latency != y->latency)
        return x->latency < y->latency ? -1 : 1;
    if (shares[0] != shares[1])
        return shares[0] < shares[1] ? -1 : 1;
    if (x->config != y->config)
        return x->config < y->config ? -1 : 1;
    return x->replicas < y->replicas ? -1 : x->replicas > y->replicas;
}

bool lls_menu_init(lls_menu *menu, lls_cluster *cluster, uint32_t model, uint32_t only,
                   const lls_demand *demand, double utilisation)
{
    const llmsched_context *context = cluster->planner->context;
    builder b = {.cluster = cluster,
                 .model = &cluster->planner->models[model],
                 .demand = demand,
                 .utilisation = utilisation};
    b.starts = lls_calloc(context, (size_t)b.model->config_count + 1, sizeof *b.starts);
    bool ok = b.starts != NULL;
    for (uint32_t c = 0; ok && c < b.model->config_count; c++) {
        ok = (only != LLS_NONE32 && only != c) || add_config(&b, c);
        b.starts[c + 1] = b.count;
    }
    if (ok) {
        drop_worse(&b);
        if (b.count > 1)
            qsort(b.items, b.count, sizeof *b.items, compare);
    }
    lls_free(context, b.starts);
    if (!ok) {
        lls_free(context, b.items);
        return false;
    }
    *menu = (lls_menu){.items = b.items, .count = b.count, .model = model, .name = b.model->name};
    return true;
}
