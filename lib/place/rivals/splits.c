/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to cut the domains of a cluster into meshes of 1, 2, 4, ... GPUs. A domain is cut from
 * its first GPU on, larger meshes first, so that each mesh lies where a replica of its size may.
 */
#include "place/rivals/splits.h"

/* --- cuts of one domain ---------------------------------------------------------- */

static bool add_cut(lls_splits *splits, const lls_cut *cut)
{
    void *cuts = splits->cuts;
    bool ok = lls_grow(splits->context, &cuts, &splits->cut_capacity, (size_t)splits->cut_count + 1,
                       sizeof *splits->cuts);
    splits->cuts = cuts;
    if (ok)
        splits->cuts[splits->cut_count++] = *cut;
    return ok;
}

/* All cuts of so many GPUs into meshes of at most 2^k, larger meshes first, up to so many cuts in
 * all. */
static bool add_cuts(lls_splits *splits, lls_cut *cut, uint32_t left, uint32_t k, uint32_t most)
{
    if (splits->cut_count >= most)
        return true;
    if (k == 0) {
        cut->meshes[0] = left;
        return add_cut(splits, cut);
    }
    bool ok = true;
    for (uint32_t n = (left >> k) + 1; ok && n-- > 0;) {
        cut->meshes[k] = n;
        ok = add_cuts(splits, cut, left - (n << k), k - 1, most);
    }
    return ok;
}

/* Domains of as many GPUs share their cuts. */
static bool cut_domain(lls_splits *splits, uint32_t domain)
{
    lls_split_domain *d = &splits->domains[domain];
    for (uint32_t before = domain; before-- > 0;)
        if (splits->domains[before].gpus == d->gpus) {
            d->first = splits->domains[before].first;
            d->count = splits->domains[before].count;
            return true;
        }
    lls_cut cut = {{0}};
    uint32_t k = 0;
    while (k + 1 < LLS_SPLIT_SIZES && d->gpus >> (k + 1) > 0)
        k++;
    d->first = splits->cut_count;
    bool ok = add_cuts(splits, &cut, d->gpus, k, d->first + LLS_SPLIT_MOST_CUTS);
    d->count = splits->cut_count - d->first;
    return ok;
}

/* --- splits of the cluster --------------------------------------------------------- */

/* How many splits there are: of n like domains with c cuts, (c + n - 1 over n); or c where they are
 * cut alike. */
static double count_splits(const lls_splits *splits, bool alike)
{
    double count = 1.0;
    for (uint32_t d = 0; d < splits->domain_count; d++) {
        uint32_t place = 0;
        for (uint32_t t = splits->domains[d].twin; t != LLS_NONE32; t = splits->domains[t].twin)
            place++;
        if (!alike || place == 0)
            count *= (double)(splits->domains[d].count + place) / (place + 1);
        if (count > LLS_SPLIT_MOST)
            return count;
    }
    return count;
}

static uint32_t find_twin(const uint32_t *alike, uint32_t domain)
{
    for (uint32_t before = domain; before-- > 0;)
        if (alike[before] == alike[domain])
            return before;
    return LLS_NONE32;
}

bool lls_splits_init(lls_splits *splits, const llmsched_context *context, const uint32_t *gpus,
                     const uint32_t *alike, uint32_t domain_count)
{
    *splits = (lls_splits){.context = context, .domain_count = domain_count};
    splits->domains = lls_calloc(context, domain_count, sizeof *splits->domains);
    bool ok = splits->domains != NULL;
    for (uint32_t d = 0; ok && d < domain_count; d++) {
        splits->domains[d].gpus = gpus[d];
        splits->domains[d].twin = find_twin(alike, d);
        ok = cut_domain(splits, d);
    }
    if (!ok) {
        lls_splits_finish(splits);
        return false;
    }
    if (count_splits(splits, true) > LLS_SPLIT_MOST)
        splits->extent = LLS_SPLITS_IN_STEP;
    else if (count_splits(splits, false) > LLS_SPLIT_MOST)
        splits->extent = LLS_SPLITS_ALIKE;
    return true;
}

void lls_splits_finish(lls_splits *splits)
{
    lls_free(splits->context, splits->cuts);
    lls_free(splits->context, splits->domains);
    splits->cuts = NULL;
    splits->domains = NULL;
}

/* Of a domain that has no more cuts its last one stands. */
static bool step_all(lls_splits *splits)
{
    bool any = false;
    for (uint32_t d = 0; d < splits->domain_count; d++)
        if (splits->domains[d].chosen + 1 < splits->domains[d].count) {
            splits->domains[d].chosen++;
            any = true;
        }
    return any;
}

/* An odometer over the domains, the last one fastest; a domain's cut is never before its twin's. */
bool lls_splits_next(lls_splits *splits)
{
    if (splits->extent == LLS_SPLITS_IN_STEP)
        return step_all(splits);
    for (uint32_t d = splits->domain_count; d-- > 0;) {
        lls_split_domain *domain = &splits->domains[d];
        if ((splits->extent == LLS_SPLITS_ALIKE && domain->twin != LLS_NONE32) ||
            domain->chosen + 1 >= domain->count)
            continue;
        domain->chosen++;
        for (uint32_t later = d + 1; later < splits->domain_count; later++) {
            uint32_t twin = splits->domains[later].twin;
            splits->domains[later].chosen = twin == LLS_NONE32 ? 0 : splits->domains[twin].chosen;
        }
        return true;
    }
    return false;
}

const lls_cut *lls_splits_cut(const lls_splits *splits, uint32_t domain)
{
    return &splits->cuts[splits->domains[domain].first + splits->domains[domain].chosen];
}
