/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One regression tree, grown in preorder: a node is split where that lowers the sum of squares of
 * the responses most, among a random part of the features.
 */
#include "bayes/forest_nodes.h"

#include <math.h>
#include <string.h>

/* Fractional masses of a leaf become whole numbers up to this. */
#define FINEST_MASS 4096.0

typedef struct split {
    double gain;
    uint32_t feature, cut; /* LLS_NONE32: none found; place among the feature's cuts */
} split;

typedef struct branch {
    uint32_t begin, end; /* of members */
    uint32_t depth;      /* splits above */
    uint32_t parent;     /* whose right child it is; LLS_NONE32: left child or root */
    double mass, sum;
} branch;

typedef struct class_sum {
    double mass, sum;
} class_sum;

/* --- the best split ------------------------------------------------------------------ */

/* Sums of the members by class; returns the lowest and highest class there is. */
static void sum_classes(const lls_forest_learner *l, const branch *b, uint32_t feature,
                        class_sum *sums, uint32_t *low, uint32_t *high)
{
    const uint8_t *classes = l->classes + (size_t)feature * l->rows->row_count;
    uint32_t least = LLS_FOREST_CLASSES, most = 0;
    memset(sums, 0, LLS_FOREST_CLASSES * sizeof *sums);
    for (uint32_t i = b->begin; i < b->end; i++) {
        const lls_forest_member *m = &l->members[i];
        uint32_t class = classes[m->row];
        sums[class].mass += m->mass;
        sums[class].sum += m->sum;
        least = class < least ? class : least;
        most = class > most ? class : most;
    }
    *low = least;
    *high = most;
}

/*
 * With N = L + R masses and S = s + r sums, the squares fall by L R / N (s/L - r/R)^2 =
 * (s N - S L)^2 / (N L R). Masses and sums are whole numbers, so that equal partitions by different
 * features gain exactly the same.
 */
static void try_feature(const lls_forest_learner *l, const branch *b, uint32_t feature,
                        const class_sum *sums, uint32_t low, uint32_t high, split *best)
{
    class_sum left = sums[low];
    double leaf = l->options->leaf;
    uint32_t last = low;
    for (uint32_t class = low + 1; class <= high; class ++) {
        if (sums[class].mass <= 0.0)
            continue;
        double right = b->mass - left.mass;
        if (left.mass >= leaf && right >= leaf) {
            double apart = left.sum * b->mass - b->sum * left.mass;
            double gain = apart * apart / (b->mass * left.mass * right);
            if (gain > best->gain || (gain == best->gain && gain > 0.0 && feature < best->feature))
                *best = (split){gain, feature, (last + class - 1) / 2};
        }
        left.mass += sums[class].mass;
        left.sum += sums[class].sum;
        last = class;
    }
}

/* Features are drawn until so many have told members apart. */
static split find_split(lls_forest_learner *l, const branch *b)
{
    class_sum sums[LLS_FOREST_CLASSES];
    uint32_t features = l->rows->feature_count, low, high;
    uint32_t wanted = (uint32_t)(l->options->share * features);
    split best = {0.0, LLS_NONE32, 0};
    wanted = wanted < 1 ? 1 : wanted;
    for (uint32_t k = 0; k < features && wanted > 0; k++) {
        uint32_t other = k + lls_random_below(&l->random, features - k), feature = l->order[other];
        l->order[other] = l->order[k];
        l->order[k] = feature;
        sum_classes(l, b, feature, sums, &low, &high);
        if (low == high)
            continue;
        wanted--;
        try_feature(l, b, feature, sums, low, high, &best);
    }
    if (best.gain < l->options->least_gain * l->root_squares)
        best.feature = LLS_NONE32;
    return best;
}

/* No split can tell responses apart that are all the same, nor leave two leaves of too little. */
static bool worth_splitting(const lls_forest_learner *l, const branch *b)
{
    if (b->depth >= l->options->depth || b->mass < 2.0 * l->options->leaf)
        return false;
    double first = l->responses[l->members[b->begin].row];
    for (uint32_t i = b->begin + 1; i < b->end; i++)
        if (l->responses[l->members[i].row] != first)
            return true;
    return false;
}

/* --- nodes ----------------------------------------------------------------------------- */

static bool add_node(lls_forest_learner *l, lls_forest_node node)
{
    lls_forest *f = l->forest;
    void *nodes = f->nodes;
    bool ok = lls_grow(l->context, &nodes, &f->node_capacity, (size_t)f->node_count + 1,
                       sizeof *f->nodes);
    f->nodes = nodes;
    if (ok)
        f->nodes[f->node_count++] = node;
    return ok;
}

static bool add_part(lls_forest_learner *l, uint32_t part)
{
    lls_forest *f = l->forest;
    void *parts = f->parts;
    bool ok = lls_grow(l->context, &parts, &f->part_capacity, (size_t)f->part_count + 1,
                       sizeof *f->parts);
    f->parts = parts;
    if (ok)
        f->parts[f->part_count++] = part;
    return ok;
}

static bool all_whole(const double *masses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (masses[i] != floor(masses[i]) || masses[i] > LLS_FOREST_MASS)
            return false;
    return true;
}

/* Whole masses stay as they are. */
static bool add_parts(lls_forest_learner *l, const double *masses)
{
    uint32_t count = l->forest->level_count;
    bool whole = all_whole(masses, count);
    double most = 0.0;
    for (uint32_t i = 0; i < count; i++)
        most = fmax(most, masses[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (masses[i] <= 0.0)
            continue;
        double mass = whole ? masses[i] : fmax(1.0, floor(masses[i] / most * FINEST_MASS + 0.5));
        if (!add_part(l, (uint32_t)mass * LLS_FOREST_LEVELS + i))
            return false;
    }
    return true;
}

/* Eight digits, which print short. */
static double short_mean(double mean)
{
    double scale = 1.0;
    while (mean * scale < 1e7 && scale < 1e22)
        scale *= 10.0;
    return scale < 1e22 ? floor(mean * scale + 0.5) / scale : mean;
}

static bool add_leaf(lls_forest_learner *l, const branch *b)
{
    lls_forest *f = l->forest;
    double masses[LLS_FOREST_LEVELS] = {0}, sum = 0.0;
    uint32_t first = f->part_count;
    for (uint32_t i = b->begin; i < b->end; i++) {
        const lls_forest_member *m = &l->members[i];
        sum += m->mass * l->rows->targets[m->row];
        masses[l->levels[m->row]] += m->mass;
    }
    void *leaves = f->leaves;
    bool ok = lls_grow(l->context, &leaves, &f->leaf_capacity, (size_t)f->leaf_count + 1,
                       sizeof *f->leaves);
    f->leaves = leaves;
    if (!ok || !add_node(l, (lls_forest_node){0.0, LLS_NONE32, f->leaf_count}) ||
        !add_parts(l, masses))
        return false;
    f->leaves[f->leaf_count++] =
        (lls_forest_leaf){short_mean(sum / b->mass), first, f->part_count - first};
    return true;
}

/* --- growing ------------------------------------------------------------------------------ */

/* Both sides keep the order of their members. Makes b the left one. */
static branch part_members(lls_forest_learner *l, branch *b, const split *s)
{
    const uint8_t *classes = l->classes + (size_t)s->feature * l->rows->row_count;
    branch left = {b->begin, b->begin, b->depth + 1, LLS_NONE32, 0.0, 0.0};
    branch right = {0, b->end, b->depth + 1, LLS_NONE32, 0.0, 0.0};
    uint32_t moved = 0;
    for (uint32_t i = b->begin; i < b->end; i++) {
        lls_forest_member m = l->members[i];
        bool lower = classes[m.row] <= s->cut;
        branch *side = lower ? &left : &right;
        side->mass += m.mass;
        side->sum += m.sum;
        if (lower)
            l->members[left.end++] = m;
        else
            l->right[moved++] = m;
    }
    right.begin = left.end;
    memcpy(l->members + right.begin, l->right, moved * sizeof *l->right);
    *b = left;
    return right;
}

static branch start(lls_forest_learner *l)
{
    branch root = {0, l->member_count, 0, LLS_NONE32, 0.0, 0.0};
    double squares = 0.0;
    for (uint32_t i = 0; i < l->member_count; i++) {
        const lls_forest_member *m = &l->members[i];
        root.mass += m->mass;
        root.sum += m->sum;
        squares += m->sum * l->responses[m->row];
    }
    l->root_squares = squares - root.sum * root.sum / root.mass;
    return root;
}

bool lls_forest_grow(lls_forest_learner *l)
{
    lls_forest *f = l->forest;
    branch waiting[LLS_FOREST_DEPTH + 1]; /* right children of the path above */
    uint32_t count = 1;
    waiting[0] = start(l);
    while (count > 0) {
        branch b = waiting[--count];
        if (b.parent != LLS_NONE32)
            f->nodes[b.parent].next = f->node_count;
        for (;;) {
            split s = {0.0, LLS_NONE32, 0};
            if (worth_splitting(l, &b))
                s = find_split(l, &b);
            if (s.feature == LLS_NONE32)
                break;
            double threshold = f->cuts[lls_forest_cut_first(f, s.feature) + s.cut];
            waiting[count] = part_members(l, &b, &s);
            waiting[count++].parent = f->node_count;
            if (!add_node(l, (lls_forest_node){threshold, s.feature, 0}))
                return false;
        }
        if (!add_leaf(l, &b))
            return false;
    }
    return true;
}
