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
 * is needed to stay inside the range of doubles; *exponent is e. support: every positive entry
 * becomes 1, so that nothing underflows and a zero means "impossible". columns >= 1, rows >= 1.
 */
void lls_sum_product(const lls_operand *operands, uint32_t count, size_t rows, size_t columns,
                     bool support, double *table, double *message, int64_t *exponent);

#endif
