/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to cut the domains of a cluster into meshes of 1, 2, 4, ... GPUs. */
#ifndef LLS_PLACE_SPLITS_H
#define LLS_PLACE_SPLITS_H

#include "base/internal.h"

/* Meshes of 2^k GPUs, k below this; most ways to cut one domain, and the whole cluster. */
enum { LLS_SPLIT_SIZES = 17, LLS_SPLIT_MOST_CUTS = 4096, LLS_SPLIT_MOST = 20000 };

/* How many meshes of 2^k GPUs a domain is cut into. */
typedef struct lls_cut {
    uint32_t meshes[LLS_SPLIT_SIZES];
} lls_cut;

typedef struct lls_split_domain {
    uint32_t gpus;         /* in it */
    uint32_t first, count; /* its cuts */
    uint32_t twin;         /* the domain before it that is like it; LLS_NONE32: none */
    uint32_t chosen;       /* its cut in the present split, from 0 */
} lls_split_domain;

/* Which splits are gone through: all that differ, until these are more than LLS_SPLIT_MOST; then
 * those that cut like domains alike; then one for each number of a cut, the same in all domains. */
typedef enum lls_splits_extent {
    LLS_SPLITS_ALL,
    LLS_SPLITS_ALIKE,
    LLS_SPLITS_IN_STEP
} lls_splits_extent;

typedef struct lls_splits {
    const llmsched_context *context;
    lls_cut *cuts;
    uint32_t cut_count, cut_capacity;
    lls_split_domain *domains;
    uint32_t domain_count;
    lls_splits_extent extent;
} lls_splits;

/* gpus: of each domain; alike: of each domain the first that it may be exchanged for, or itself.
 * The first split is then the present one. false: no memory. */
bool lls_splits_init(lls_splits *splits, const llmsched_context *context, const uint32_t *gpus,
                     const uint32_t *alike, uint32_t domain_count);
void lls_splits_finish(lls_splits *splits);
/* Goes on to the next split; no two differ only in which of several like domains is cut how.
 * false: there is none. */
bool lls_splits_next(lls_splits *splits);
/* The present cut of a domain. */
const lls_cut *lls_splits_cut(const lls_splits *splits, uint32_t domain);

#endif
