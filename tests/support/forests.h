/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random tables to learn forests from.
 */
#ifndef LLS_TEST_FORESTS_H
#define LLS_TEST_FORESTS_H

#include "check.h"

#include "bayes/forest.h"

enum { TABLE_ROWS = 600, TABLE_FEATURES = 5, TABLE_GROUP = 4 };

/* Runs of four rows; the target hangs on the first two features and on chance, a fifth are 0. */
struct table {
    double features[TABLE_ROWS * TABLE_FEATURES], targets[TABLE_ROWS];
    uint32_t groups[TABLE_ROWS];
    lls_forest_rows rows;
};

static inline void fill_table(struct table *t, uint32_t rows, uint64_t seed)
{
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t i = 0; i < rows; i++) {
        double *x = t->features + i * TABLE_FEATURES;
        x[0] = lls_random_below(&random, 6);
        x[1] = lls_random_uniform(&random) * 10.0;
        x[2] = lls_random_uniform(&random) - 0.5;
        x[3] = 7.0;
        x[4] = lls_random_below(&random, 2);
        double noise = lls_random_uniform(&random);
        bool none = lls_random_below(&random, 5) == 0;
        t->targets[i] = none ? 0.0 : x[0] * 3.0 + (x[1] > 4.0 ? 20.0 : 1.0) + noise;
        t->groups[i] = i / TABLE_GROUP;
    }
    t->rows = (lls_forest_rows){.row_count = rows,
                                .feature_count = TABLE_FEATURES,
                                .group_count = (rows + TABLE_GROUP - 1) / TABLE_GROUP,
                                .features = t->features,
                                .targets = t->targets,
                                .groups = t->groups};
}

#endif
