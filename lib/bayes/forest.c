/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a forest says of a row.
 */
#include "bayes/forest_nodes.h"

#include <string.h>

lls_forest *lls_forest_create(const llmsched_context *context, uint32_t feature_count,
                              uint32_t tree_count, size_t most_cuts)
{
    lls_forest *forest = lls_calloc(context, 1, sizeof *forest);
    if (forest == NULL)
        return NULL;
    atomic_init(&forest->references, 1);
    forest->feature_count = feature_count;
    forest->tree_count = tree_count;
    forest->roots = lls_calloc(context, tree_count, sizeof *forest->roots);
    forest->cuts = lls_calloc(context, most_cuts, sizeof *forest->cuts);
    forest->cut_end = lls_calloc(context, feature_count, sizeof *forest->cut_end);
    if (forest->roots != NULL && forest->cuts != NULL && forest->cut_end != NULL)
        return forest;
    lls_forest_free(context, forest);
    return NULL;
}

lls_forest *lls_forest_retain(lls_forest *forest)
{
    if (forest != NULL)
        atomic_fetch_add_explicit(&forest->references, 1, memory_order_relaxed);
    return forest;
}

void lls_forest_free(const llmsched_context *context, lls_forest *forest)
{
    if (forest == NULL ||
        atomic_fetch_sub_explicit(&forest->references, 1, memory_order_acq_rel) > 1)
        return;
    lls_free(context, forest->cut_end);
    lls_free(context, forest->cuts);
    lls_free(context, forest->roots);
    lls_free(context, forest->parts);
    lls_free(context, forest->leaves);
    lls_free(context, forest->nodes);
    lls_free(context, forest);
}

static bool trim(const llmsched_context *context, void **items, uint32_t count, uint32_t *capacity,
                 size_t size)
{
    if (count == *capacity)
        return true;
    void *exact = lls_calloc(context, count, size);
    if (exact == NULL)
        return false;
    memcpy(exact, *items, count * size);
    lls_free(context, *items);
    *items = exact;
    *capacity = count;
    return true;
}

bool lls_forest_trim(const llmsched_context *context, lls_forest *f)
{
    void *nodes = f->nodes, *leaves = f->leaves, *parts = f->parts, *cuts = f->cuts;
    uint32_t none = 0;
    bool ok = trim(context, &nodes, f->node_count, &f->node_capacity, sizeof *f->nodes) &&
              trim(context, &leaves, f->leaf_count, &f->leaf_capacity, sizeof *f->leaves) &&
              trim(context, &parts, f->part_count, &f->part_capacity, sizeof *f->parts) &&
              trim(context, &cuts, f->cut_end[f->feature_count - 1], &none, sizeof *f->cuts);
    f->nodes = nodes;
    f->leaves = leaves;
    f->parts = parts;
    f->cuts = cuts;
    return ok;
}

static const lls_forest_leaf *find_leaf(const lls_forest *forest, uint32_t tree,
                                        const double *features)
{
    const lls_forest_node *nodes = forest->nodes;
    uint32_t at = forest->roots[tree];
    while (nodes[at].feature != LLS_NONE32)
        at = features[nodes[at].feature] <= nodes[at].threshold ? at + 1 : nodes[at].next;
    return &forest->leaves[nodes[at].next];
}

double lls_forest_tree_mean(const lls_forest *forest, uint32_t tree, const double *features)
{
    return find_leaf(forest, tree, features)->mean;
}

double lls_forest_mean(const lls_forest *forest, const double *features)
{
    double sum = 0.0;
    for (uint32_t t = 0; t < forest->tree_count; t++)
        sum += lls_forest_tree_mean(forest, t, features);
    return sum / forest->tree_count;
}

double lls_forest_distribution(const lls_forest *forest, const double *features,
                               double *probabilities)
{
    double sum = 0.0;
    memset(probabilities, 0, forest->level_count * sizeof *probabilities);
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        const lls_forest_leaf *leaf = find_leaf(forest, t, features);
        const uint32_t *parts = forest->parts + leaf->first;
        double total = 0.0;
        for (uint32_t k = 0; k < leaf->count; k++)
            total += parts[k] / LLS_FOREST_LEVELS;
        double share = 1.0 / (total * forest->tree_count);
        for (uint32_t k = 0; k < leaf->count; k++)
            probabilities[parts[k] % LLS_FOREST_LEVELS] += parts[k] / LLS_FOREST_LEVELS * share;
        sum += leaf->mean;
    }
    return sum / forest->tree_count;
}

uint32_t lls_forest_level_count(const lls_forest *forest)
{
    return forest->level_count;
}

const double *lls_forest_levels(const lls_forest *forest)
{
    return forest->levels;
}

uint32_t lls_forest_feature_count(const lls_forest *forest)
{
    return forest->feature_count;
}

uint32_t lls_forest_tree_count(const lls_forest *forest)
{
    return forest->tree_count;
}

size_t lls_forest_bytes(const lls_forest *forest)
{
    return sizeof *forest + forest->node_capacity * sizeof *forest->nodes +
           forest->leaf_capacity * sizeof *forest->leaves +
           forest->part_capacity * sizeof *forest->parts +
           forest->tree_count * sizeof *forest->roots +
           (size_t)forest->cut_end[forest->feature_count - 1] * sizeof *forest->cuts +
           forest->feature_count * sizeof *forest->cut_end;
}
