/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantiles of weighted values that arrive one at a time, in bounded memory: exact up to so many
 * different values, then cells of values that share sign, exponent and the first bits of their
 * mantissas, as many bits as leave that number of cells. Which values share a cell depends on what
 * was added, not on the order.
 */
#ifndef LLS_PROFILE_SKETCH_H
#define LLS_PROFILE_SKETCH_H

#include "base/internal.h"

enum { LLS_SKETCH_CELLS = 1024 };

typedef struct lls_sketch_cell {
    uint64_t key; /* leading bits of its values */
    double weight, value;
} lls_sketch_cell;

typedef struct lls_sketch {
    lls_sketch_cell *cells; /* ascending */
    uint32_t count, capacity;
    uint32_t shift; /* bits of a value that its key lacks */
    double weight;
    lls_total sum;
} lls_sketch;

/* Room for one more value. */
bool lls_sketch_reserve(lls_sketch *s, const llmsched_context *context);
/* value: finite, >= 0; after lls_sketch_reserve(). */
void lls_sketch_add(lls_sketch *s, double value, double weight);
/* All weights times factor, but none to less than LLS_LEAST_WEIGHT. */
void lls_sketch_scale(lls_sketch *s, double factor);
double lls_sketch_mean(const lls_sketch *s);
/* Nearest rank, 0 < p <= 1; there must be a value. */
double lls_sketch_quantile(const lls_sketch *s, double p);

/* Weights fade to this and no further, so that a mean over nothing but old values stays one. */
#define LLS_LEAST_WEIGHT 1e-250

/* What to multiply a weight by, and all that is summed with it, in place of factor. */
static inline double lls_fading(double weight, double factor)
{
    if (weight * factor >= LLS_LEAST_WEIGHT)
        return factor;
    return weight > LLS_LEAST_WEIGHT ? LLS_LEAST_WEIGHT / weight : 1;
}

#endif
