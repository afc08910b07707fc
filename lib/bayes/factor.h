/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products and sums of tables, row by row.
 *
 * Exact inference sums one variable at a time out of a product of tables. The
 * product ("clique table") is laid out with the summed variable slowest:
 *
 *     states of the variable |  columns: joint states of the separator
 *     -----------------------+--------------------------------------------
 *              0             |  row 0
 *              1             |  row 1      summing out = adding up the rows
 *
 * All tables order their variables alike, by elimination, so a factor's slice
 * at one state of the variable is read along a row in straight, nested loops.
 */
#ifndef LLS_BAYES_FACTOR_H
#define LLS_BAYES_FACTOR_H

#include "base/internal.h"

/* A table of at most 2^64 entries has at most this many variables of two or more states. */
#define LLS_MAX_DIMENSIONS 64

/* One loop over columns; stride: how far the factor moves with each step, 0 where it does not. */
typedef struct lls_loop {
    size_t extent, stride;
} lls_loop;

/* One factor of a product. */
typedef struct lls_operand {
    const double *data;    /* entry of row 0, column 0 */
    size_t row_stride;     /* from one row's entries to the next */
    const lls_loop *loops; /* slowest first; their extents multiply to the number of columns */
    uint32_t loop_count;   /* 0: there is one column */
} lls_operand;

/* Where a factor's variables are: ids ascending in the order of elimination, and their strides. */
typedef struct lls_scope {
    const uint32_t *ids;
    const size_t *strides;
    uint32_t count;
} lls_scope;

/*
 * The loops that read a factor along columns whose variables are ids with these extents. Variables
 * of one state vanish, neighbours that step evenly merge. The scope must be a subset of ids in the
 * same order. Returns the number of loops, at most dims.
 */
uint32_t lls_loops_build(const uint32_t *ids, const size_t *extents, uint32_t dims, lls_scope scope,
                         lls_loop *loops);

/* Steps loops like an odometer, from all at 0; returns the factor's new offset. */
static inline size_t lls_outer_step(const lls_loop *loops, uint32_t outer, size_t *index,
                                    size_t offset)
{
    for (uint32_t d = outer; d-- > 0;) {
        offset += loops[d].stride;
        if (++index[d] < loops[d].extent)
            break;
        offset -= loops[d].extent * loops[d].stride;
        index[d] = 0;
    }
    return offset;
}

/* How many steps they make. */
static inline size_t lls_outer_steps(const lls_loop *loops, uint32_t outer)
{
    size_t steps = 1;
    for (uint32_t d = 0; d < outer; d++)
        steps *= loops[d].extent;
    return steps;
}

/* row = / *= the factor, read from f on. */
void lls_row_assign(double *row, const lls_loop *loops, uint32_t count, const double *f);
void lls_row_multiply(double *row, const lls_loop *loops, uint32_t count, const double *f);
/* The other way: f += a * b, summed over what f does not hold. */
void lls_row_reduce(const double *a, const double *b, const lls_loop *loops, uint32_t count,
                    double *f);

/* Sums in four interleaved parts: fixed order, and no chain of dependent additions. */
double lls_row_sum(const double *row, size_t n);
double lls_row_dot(const double *a, const double *b, size_t n);

/*
 * table = product of the operands, message = its rows added up. Both are scaled by 2^-e where that
 * is needed to stay inside the range of doubles; *exponent is e. columns >= 1, rows >= 1.
 *
 * Entries below 2^-1022 then count as 0. Where factors and likelihoods are at most 1, what is lost
 * so adds up to less than 2^(e - 950) of the probability of all evidence, e the powers above 0 that
 * were taken out: unless that probability is itself small (LLS_LEAST_EXPONENT) it does not matter.
 */
void lls_sum_product(const lls_operand *operands, uint32_t count, size_t rows, size_t columns,
                     double *table, double *message, int64_t *exponent);

/* 2^this is as small as P(evidence) may be for sums that lose entries below 2^-1022. */
#define LLS_LEAST_EXPONENT (-880)

#endif
