/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dearest set of replicas that fits on one GPU: a knapsack in shares, bytes and bandwidth, any
 * replica any number of times. Depth first by falling price.
 */
#include "place/search.h"

/* Sets looked at before the bound has to do. */
enum { MOST_SETS = 20000 };

typedef struct finder {
    const lls_search *search;
    const double *prices;
    const uint32_t *order; /* needs by falling price, none worse than another in all */
    uint32_t count;
    double memory;                               /* of the GPU */
    double per_share, per_memory, per_bandwidth; /* highest price per unit */
    double least_share, least_memory, least_bandwidth;
    lls_pattern *best;
    uint32_t chosen[LLS_COUNT(((lls_pattern *)0)->tariffs)];
    uint32_t sets;
} finder;

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static bool is_worse(const finder *f, uint32_t a, uint32_t b)
{
    const lls_need *x = &f->search->tariffs[a], *y = &f->search->tariffs[b];
    return f->prices[a] <= f->prices[b] && x->share >= y->share && x->memory >= y->memory &&
           x->bandwidth >= y->bandwidth;
}

/* Puts a need in its place by falling price, then number. */
static void insert(const finder *f, uint32_t *order, uint32_t at, uint32_t need)
{
    while (at > 0 && f->prices[order[at - 1]] < f->prices[need]) {
        order[at] = order[at - 1];
        at--;
    }
    order[at] = need;
}

static void keep_better(finder *f, uint32_t *order)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t k = 0;
        while (k < kept && !is_worse(f, order[i], order[k]))
            k++;
        if (k == kept)
            order[kept++] = order[i];
    }
    f->count = kept;
}

static void list_needs(finder *f, uint32_t kind, uint32_t *order)
{
    for (uint32_t n = 0; n < f->search->tariff_count; n++) {
        const lls_need *need = &f->search->tariffs[n];
        if (need->kind == kind && f->prices[n] > 0.0 &&
            lls_need_fits(need, 0.0, 0.0, 0.0, f->memory))
            insert(f, order, f->count++, n);
    }
    keep_better(f, order);
    f->least_share = f->least_memory = f->least_bandwidth = HUGE_VAL;
    for (uint32_t i = 0; i < f->count; i++) {
        const lls_need *need = &f->search->tariffs[order[i]];
        double price = f->prices[order[i]];
        f->per_share = larger(f->per_share, price / need->share);
        f->per_memory = larger(f->per_memory, price / need->memory);
        f->per_bandwidth = larger(f->per_bandwidth, price / need->bandwidth);
        f->least_share = smaller(f->least_share, need->share);
        f->least_memory = smaller(f->least_memory, need->memory);
        f->least_bandwidth = smaller(f->least_bandwidth, need->bandwidth);
    }
}

static double most(double left, double least)
{
    return least > 0.0 ? floor((left + LLS_PLACE_SLACK) / least) : HUGE_VAL;
}

/* What the needs from this one on can still add; an unlimited one makes it infinite. */
static double bound(const finder *f, uint32_t at, const lls_need *used)
{
    double share = 1.0 + LLS_PLACE_SLACK - used->share;
    double memory = f->memory * (1.0 + LLS_PLACE_SLACK) - used->memory;
    double bandwidth = 1.0 + LLS_PLACE_SLACK - used->bandwidth;
    double by_ratio = HUGE_VAL;
    if (f->least_share > 0.0)
        by_ratio = smaller(by_ratio, share * f->per_share);
    if (f->least_memory > 0.0)
        by_ratio = smaller(by_ratio, memory * f->per_memory);
    if (f->least_bandwidth > 0.0)
        by_ratio = smaller(by_ratio, bandwidth * f->per_bandwidth);
    double count =
        smaller(most(share, f->least_share),
                smaller(most(memory, f->least_memory), most(bandwidth, f->least_bandwidth)));
    return smaller(by_ratio, count * f->prices[f->order[at]]);
}

static void keep(finder *f, uint32_t depth, double value)
{
    if (value <= f->best->value)
        return;
    f->best->value = value;
    f->best->count = depth;
    for (uint32_t i = 0; i < depth; i++)
        f->best->tariffs[i] = f->chosen[i];
}

static void descend(finder *f, uint32_t from, uint32_t depth, const lls_need *used, double value)
{
    keep(f, depth, value);
    for (uint32_t i = from; i < f->count && depth < LLS_COUNT(f->chosen); i++) {
        const lls_need *need = &f->search->tariffs[f->order[i]];
        if (value + bound(f, i, used) <= f->best->value || f->sets >= MOST_SETS)
            return;
        f->sets++;
        if (!lls_need_fits(need, used->share, used->memory, used->bandwidth, f->memory))
            continue;
        lls_need more = {.share = used->share + need->share,
                         .memory = used->memory + need->memory,
                         .bandwidth = used->bandwidth + need->bandwidth};
        f->chosen[depth] = f->order[i];
        descend(f, i, depth + 1, &more, value + f->prices[f->order[i]]);
    }
}

void lls_pattern_dearest(const lls_search *search, const double *prices, uint32_t class_number,
                         uint32_t *order, lls_pattern *pattern)
{
    const lls_gpu_class *class = &search->layout.classes[class_number];
    finder f = {.search = search,
                .prices = prices,
                .order = order,
                .memory = class->memory,
                .best = pattern};
    pattern->count = 0;
    pattern->value = 0.0;
    list_needs(&f, class->kind, order);
    if (f.count == 0)
        return;
    lls_need nothing = {0};
    double ceiling = bound(&f, 0, &nothing);
    descend(&f, 0, 0, &nothing, 0.0);
    double count = smaller(most(1.0, f.least_share),
                           smaller(most(f.memory, f.least_memory), most(1.0, f.least_bandwidth)));
    /* Not all was looked at, or a set may be longer than there is room for: what is found may be
     * too little. */
    if (f.sets >= MOST_SETS || count > (double)LLS_COUNT(f.chosen))
        pattern->value = ceiling;
}
