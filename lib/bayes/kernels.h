/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loops of the posterior, once for each instruction set.
 *
 * Every set runs the same source (kernels_body.h) on vectors of eight lanes. A lane stands for a
 * state that is kept, never for one that is summed out: sums go one after another inside a lane, so
 * that the order of additions, and with it every bit, is the same on any machine.
 */
#ifndef LLS_BAYES_KERNELS_H
#define LLS_BAYES_KERNELS_H

#include "bayes/factor.h"

/* Loads and stores of a vector may reach so many entries beyond the last: arrays have that slack.
 */
#define LLS_SLACK 8
/* Rows of at most so many lanes fit one vector. */
#define LLS_NARROW 8

/* One loop over two tables at once. */
typedef struct lls_axis {
    size_t extent, a, b; /* steps in the first and in the second table */
} lls_axis;

/* Nested loops, slowest first. */
typedef struct lls_axes {
    uint32_t count;
    lls_axis axis[LLS_MAX_DIMENSIONS];
} lls_axes;

typedef struct lls_kernels {
    const char *name;
    /*
     * out[k][lane] = sum over e of a[k, e][lane] * b[k, e]: k runs over the kept axes, whose rows
     * of lanes lie in out one after another, up to LLS_SLACK - 1 entries beyond them are
     * overwritten.
     */
    void (*reduce)(const double *a, const double *b, const lls_axes *kept, const lls_axes *summed,
                   size_t lanes, double *out);
    /* The same for at most LLS_NARROW lanes and no kept axis: n terms, a's `step` apart, b's one.
     */
    void (*push)(const double *a, size_t step, const double *b, size_t n, size_t lanes,
                 double *out);
    /* out[k][lane] = a[k][lane] * b[k][lane]; out may be a if a's rows lie one after another. */
    void (*multiply)(const double *a, const double *b, const lls_axes *axes, size_t lanes,
                     double *out);
    /* out[i] = a[i] / b[i], a[i] where b[i] is 0. */
    void (*divide)(const double *a, const double *b, size_t n, double *out);
    /* out[i] = values[i] / sum of values */
    void (*normalise)(const double *values, size_t n, double *out);
} lls_kernels;

/* Those that this machine can run: 0 is the plainest, the last one the best; NULL beyond it. */
const lls_kernels *lls_kernels_at(const llmsched_context *context, uint32_t index);
const lls_kernels *lls_kernels_best(const llmsched_context *context);

/* Adds a faster loop; neighbours that step evenly in both tables merge. */
static inline void lls_axes_push(lls_axes *axes, size_t extent, size_t a, size_t b)
{
    lls_axis *last = axes->count > 0 ? &axes->axis[axes->count - 1] : NULL;
    if (last != NULL && last->a == extent * a && last->b == extent * b)
        *last = (lls_axis){last->extent * extent, a, b};
    else
        axes->axis[axes->count++] = (lls_axis){extent, a, b};
}

#endif
