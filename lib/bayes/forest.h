/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conditional distribution kept as trees: rows of features in, the distribution of one number
 * that is not negative out, averaged over trees learned from resampled groups of rows
 * (algorithms.md section 9; Breiman 2001, "Random forests"; Meinshausen 2006, "Quantile regression
 * forests"). Knows nothing of scheduling.
 */
#ifndef LLS_BAYES_FOREST_H
#define LLS_BAYES_FOREST_H

#include "base/internal.h"

typedef struct lls_forest lls_forest; /* immutable */

/* A distribution has at most this many support points. */
#define LLS_FOREST_LEVELS 128u
/* No target, and no weight, may be larger, so that no sum overflows. */
#define LLS_FOREST_LARGEST 1e100
#define LLS_FOREST_TREES 1024u
#define LLS_FOREST_DEPTH 64u
#define LLS_FOREST_FEATURES 65535u
#define LLS_FOREST_ROWS (1u << 24) /* of most_rows */

typedef struct lls_forest_rows {
    uint32_t row_count, feature_count, group_count;
    const double *features; /* row_count x feature_count, row by row; finite */
    const double *targets;  /* row_count, finite, not negative */
    const uint32_t *groups; /* row_count: rows of one group (a run) are drawn together; 0 ..
                               group_count-1, ascending; a group may have no rows */
    const double *weights;  /* group_count, or NULL: all 1. A group of weight 2 counts like two */
} lls_forest_rows;

/* Every field must be set; in brackets what has proved good. */
typedef struct lls_forest_options {
    uint32_t trees;     /* [16]; with 1, share 1 and no resampling: a plain regression tree */
    uint32_t leaf;      /* least weight of a leaf, at least 1 [8] */
    uint32_t depth;     /* most splits on a path; 0: every tree is one leaf [24] */
    double share;       /* of the features, looked at per split, at least 1 feature [1/3] */
    double least_gain;  /* a split must lower the sum of squares by this share of the root's [0] */
    bool resample;      /* every tree has groups drawn with replacement, as many as they weigh */
    uint32_t most_rows; /* of one tree: no further group is drawn once it has so many [32768] */
    uint64_t seed;
} lls_forest_options;

#define LLS_FOREST_OPTIONS                                                                         \
    {                                                                                              \
        .trees = 16, .leaf = 8, .depth = 24, .share = 1.0 / 3, .resample = true,                   \
        .most_rows = 32768                                                                         \
    }

/*
 * out_of_bag: row_count means over the trees that did not see the row's group (rows whose group all
 * trees saw get the whole forest's mean), or NULL. Same rows, options and seed: same forest.
 */
llmsched_status lls_forest_fit(const llmsched_context *context, const lls_forest_rows *rows,
                               const lls_forest_options *options, lls_forest **forest,
                               double *out_of_bag, llmsched_error *err);
/* One more user; NULL stays NULL. Any thread. */
lls_forest *lls_forest_retain(lls_forest *forest);
/* Gives a use up, with the context it was made with; NULL does nothing. Any thread. */
void lls_forest_free(const llmsched_context *context, lls_forest *forest);

/* Mean over the trees of the mean target of the leaf reached, kept to eight digits. No allocation.
 */
double lls_forest_mean(const lls_forest *forest, const double *features);
uint32_t lls_forest_level_count(const lls_forest *forest); /* 1 .. LLS_FOREST_LEVELS */
/* Support points, ascending; they are means of neighbouring targets, or the targets themselves
 * where they have few values. 0 is one if it was a target. */
const double *lls_forest_levels(const lls_forest *forest);
/* Probability of each level: the leaves reached, each tree counting alike. Returns the mean, as
 * lls_forest_mean. No allocation. */
double lls_forest_distribution(const lls_forest *forest, const double *features,
                               double *probabilities);
uint32_t lls_forest_feature_count(const lls_forest *forest);
uint32_t lls_forest_tree_count(const lls_forest *forest);
size_t lls_forest_bytes(const lls_forest *forest);

/* Format "llmsched-forest-1"; NULL: no memory. */
lls_json *lls_forest_to_json(const lls_forest *forest);
/* Checks everything; where is the path said in messages. */
llmsched_status lls_forest_from_json(const llmsched_context *context, const lls_json *json,
                                     const char *where, lls_forest **forest, llmsched_error *err);

#endif
