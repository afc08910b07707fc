/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a forest is kept, for its learner, its evaluation and its JSON.
 *
 * Nodes stand in preorder, tree after tree: the left child of a split is the node after it. So the
 * order of splits and leaves says the shape of all trees, and every child comes after its parent.
 */
#ifndef LLS_BAYES_FOREST_NODES_H
#define LLS_BAYES_FOREST_NODES_H

#include "bayes/forest.h"

/* Features are looked at in at most this many ordered classes while learning. */
#define LLS_FOREST_CLASSES 64u

typedef struct lls_forest_node {
    double threshold; /* of a split: left where the feature is not above it */
    uint32_t feature; /* LLS_NONE32: a leaf */
    uint32_t next;    /* of a split: the right child; of a leaf: its place in leaves */
} lls_forest_node;

typedef struct lls_forest_leaf {
    double mean;
    uint32_t first, count; /* in parts */
} lls_forest_leaf;

/* One level in one leaf: mass * LLS_FOREST_LEVELS + level; the mass is a whole number. */
#define LLS_FOREST_MASS (1u << 24)

struct lls_forest {
    atomic_uint_fast32_t references;
    uint32_t feature_count, tree_count, level_count;
    uint32_t node_count, leaf_count, part_count;
    uint32_t node_capacity, leaf_capacity, part_capacity;
    lls_forest_node *nodes;
    lls_forest_leaf *leaves;
    uint32_t *parts;   /* leaf after leaf, levels ascending */
    uint32_t *roots;   /* per tree */
    double *cuts;      /* per feature the thresholds there are, ascending; at most CLASSES - 1 */
    uint32_t *cut_end; /* per feature */
    double levels[LLS_FOREST_LEVELS];
};

/* --- forest.c --------------------------------------------------------------------- */

/* With room for its trees and for most_cuts cuts; NULL: no memory. */
lls_forest *lls_forest_create(const llmsched_context *context, uint32_t feature_count,
                              uint32_t tree_count, size_t most_cuts);
/* Gives back room not used. */
bool lls_forest_trim(const llmsched_context *context, lls_forest *forest);
double lls_forest_tree_mean(const lls_forest *forest, uint32_t tree, const double *features);

static inline uint32_t lls_forest_cut_first(const lls_forest *forest, uint32_t feature)
{
    return feature > 0 ? forest->cut_end[feature - 1] : 0;
}

/* --- forest_classes.c --------------------------------------------------------------- */

/*
 * Cuts between groups of equal count of the sorted values, each half-way between two neighbours and
 * at least the lower of them; between all values where they are at most most. Returns their number,
 * under most.
 */
uint32_t lls_forest_cut(const double *sorted, size_t count, uint32_t most, double *cuts);
/* The number of cuts that a value is above. */
uint8_t lls_forest_class_of(const double *cuts, uint32_t count, double value);
/* Sets cuts of the forest and the classes of all cells, feature after feature. */
llmsched_status lls_forest_classify(const llmsched_context *context, const lls_forest_rows *rows,
                                    lls_forest *forest, uint8_t *classes, llmsched_error *err);
/* Sets levels of the forest and the level of each row's target. */
llmsched_status lls_forest_set_levels(const llmsched_context *context, const lls_forest_rows *rows,
                                      lls_forest *forest, uint8_t *levels, llmsched_error *err);

/* --- forest_tree.c ------------------------------------------------------------------ */

/* A row that a tree is learned from. */
typedef struct lls_forest_member {
    double mass, sum; /* how much it counts; that times its response */
    uint32_t row;
} lls_forest_member;

/* What all trees are learned from, and room for one after the other. */
typedef struct lls_forest_learner {
    const llmsched_context *context;
    const lls_forest_rows *rows;
    const lls_forest_options *options;
    lls_forest *forest;
    lls_random random;
    uint8_t *classes;    /* feature after feature, of each row */
    uint8_t *levels;     /* of each row's target */
    double *responses;   /* of each row: what splits shall tell apart, a whole number */
    uint32_t *order;     /* of the features, as drawn last */
    double *group_mass;  /* how much each group counts in the tree */
    uint32_t *group_row; /* the first row of each group, and one more */
    double *weight_sum;  /* of each group and those before; groups without rows weigh nothing */
    lls_forest_member *members, *right; /* rows of the tree; room to part them in */
    uint32_t member_count, member_capacity, right_capacity;
    double root_squares; /* sum of squares of the responses about their mean */
} lls_forest_learner;

/* Adds the tree of the members to the forest; reorders them. */
bool lls_forest_grow(lls_forest_learner *l);

#endif
