/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/factor.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Beyond these powers of two a table is scaled back to about 1. */
enum { SMALLEST_EXPONENT = -100, LARGEST_EXPONENT = 100 };
/* So many operands cannot leave the range when each lies within those powers (or at most 1). */
enum { SAFE_OPERANDS = 3 };

uint32_t lls_loops_build(const uint32_t *ids, const size_t *extents, uint32_t dims, lls_scope scope,
                         lls_loop *loops)
{
    uint32_t count = 0, next = 0;
    for (uint32_t d = 0; d < dims; d++) {
        size_t stride = 0;
        if (next < scope.count && scope.ids[next] == ids[d])
            stride = scope.strides[next++];
        if (extents[d] == 1)
            continue;
        /* Also merges two loops in which the factor is constant: 0 == 0 * extent. */
        if (count > 0 && loops[count - 1].stride == stride * extents[d]) {
            loops[count - 1].extent *= extents[d];
            loops[count - 1].stride = stride;
        } else {
            loops[count++] = (lls_loop){extents[d], stride};
        }
    }
    return count;
}

/* --- one row --------------------------------------------------------------------- */

enum operation { ASSIGN, MULTIPLY };

/* to may be from: each entry is read before it is written. */
static inline void apply(enum operation op, double *to, const double *from, double x)
{
    *to = op == ASSIGN ? x : *from * x;
}

static inline void run_one(enum operation op, double *to, const double *from,
                           const double *restrict f, lls_loop loop)
{
    if (loop.stride == 1) {
        for (size_t i = 0; i < loop.extent; i++)
            apply(op, &to[i], &from[i], f[i]);
    } else if (loop.stride == 0) {
        const double x = *f;
        for (size_t i = 0; i < loop.extent; i++)
            apply(op, &to[i], &from[i], x);
    } else {
        for (size_t i = 0; i < loop.extent; i++)
            apply(op, &to[i], &from[i], f[i * loop.stride]);
    }
}

static inline void run_two(enum operation op, double *to, const double *from,
                           const double *restrict f, const lls_loop *loops)
{
    for (size_t i = 0; i < loops[0].extent; i++) {
        size_t at = i * loops[1].extent;
        run_one(op, to + at, from + at, f + i * loops[0].stride, loops[1]);
    }
}

static inline void run(enum operation op, double *to, const double *from, const lls_loop *loops,
                       uint32_t count, const double *restrict f)
{
    if (count == 0) {
        apply(op, to, from, *f);
    } else if (count == 1) {
        run_one(op, to, from, f, loops[0]);
    } else if (count == 2) {
        run_two(op, to, from, f, loops);
    } else {
        uint32_t outer = count - 2;
        size_t index[LLS_MAX_DIMENSIONS] = {0}, offset = 0;
        size_t block = loops[outer].extent * loops[outer + 1].extent;
        for (size_t n = lls_outer_steps(loops, outer); n-- > 0; to += block, from += block) {
            run_two(op, to, from, f + offset, loops + outer);
            offset = lls_outer_step(loops, outer, index, offset);
        }
    }
}

void lls_row_assign(double *row, const lls_loop *loops, uint32_t count, const double *f)
{
    run(ASSIGN, row, row, loops, count, f);
}

void lls_row_multiply(double *row, const lls_loop *loops, uint32_t count, const double *f)
{
    run(MULTIPLY, row, row, loops, count, f);
}

double lls_row_sum(const double *row, size_t n)
{
    double part[4] = {0.0, 0.0, 0.0, 0.0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            part[k] += row[i + k];
    for (; i < n; i++)
        part[0] += row[i];
    return (part[0] + part[1]) + (part[2] + part[3]);
}

static inline double dot(const double *a, const double *b, size_t n)
{
    double p = 0.0, q = 0.0, r = 0.0, s = 0.0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        p += a[i] * b[i];
        q += a[i + 1] * b[i + 1];
        r += a[i + 2] * b[i + 2];
        s += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++)
        p += a[i] * b[i];
    return (p + q) + (r + s);
}

double lls_row_dot(const double *a, const double *b, size_t n)
{
    return dot(a, b, n);
}

static inline void reduce_one(const double *restrict a, const double *restrict b,
                              double *restrict f, lls_loop loop)
{
    if (loop.stride == 1) {
        for (size_t i = 0; i < loop.extent; i++)
            f[i] += a[i] * b[i];
    } else if (loop.stride == 0) {
        *f += dot(a, b, loop.extent);
    } else {
        for (size_t i = 0; i < loop.extent; i++)
            f[i * loop.stride] += a[i] * b[i];
    }
}

static inline void reduce_two(const double *restrict a, const double *restrict b,
                              double *restrict f, const lls_loop *loops)
{
    for (size_t i = 0; i < loops[0].extent; i++) {
        size_t at = i * loops[1].extent;
        reduce_one(a + at, b + at, f + i * loops[0].stride, loops[1]);
    }
}

void lls_row_reduce(const double *a, const double *b, const lls_loop *loops, uint32_t count,
                    double *f)
{
    if (count == 0) {
        *f += *a * *b;
    } else if (count == 1) {
        reduce_one(a, b, f, loops[0]);
    } else {
        uint32_t outer = count - 2;
        size_t index[LLS_MAX_DIMENSIONS] = {0}, offset = 0;
        size_t block = loops[outer].extent * loops[outer + 1].extent;
        for (size_t n = lls_outer_steps(loops, outer); n-- > 0; a += block, b += block) {
            reduce_two(a, b, f + offset, loops + outer);
            offset = lls_outer_step(loops, outer, index, offset);
        }
    }
}

/* --- a whole product --------------------------------------------------------------- */

/* A subnormal entry has lost its precision, and one divided by it may overflow: it counts as 0. */
static void drop_subnormals(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = values[i] >= DBL_MIN ? values[i] : 0.0;
}

static double largest_of(const double *values, size_t n)
{
    double part[4] = {0.0, 0.0, 0.0, 0.0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            part[k] = values[i + k] > part[k] ? values[i + k] : part[k];
    for (; i < n; i++)
        part[0] = values[i] > part[0] ? values[i] : part[0];
    return fmax(fmax(part[0], part[1]), fmax(part[2], part[3]));
}

/* Binary exponent of the largest entry when it is out of bounds, else 0. */
static int excess(const double *values, size_t n)
{
    double largest = largest_of(values, n);
    if (largest <= 0.0)
        return 0;
    int exponent = ilogb(largest);
    return exponent < SMALLEST_EXPONENT || exponent > LARGEST_EXPONENT ? exponent : 0;
}

/* Exact, up to entries so small beside the largest that they become subnormal. */
static void scale_down(double *values, size_t n, int exponent)
{
    for (size_t i = 0; i < n; i++)
        values[i] = ldexp(values[i], -exponent);
}

/* Reads the columns in order without a gap. */
static bool is_straight(const lls_operand *o)
{
    return o->loop_count == 0 || (o->loop_count == 1 && o->loops[0].stride == 1);
}

static void product_row(const lls_operand *operands, uint32_t count, size_t row, double *to)
{
    const double *first = operands[0].data + row * operands[0].row_stride;
    uint32_t next = 1;
    if (count > 1 && is_straight(&operands[0])) { /* one pass instead of two */
        const lls_operand *o = &operands[next++];
        run(MULTIPLY, to, first, o->loops, o->loop_count, o->data + row * o->row_stride);
    } else {
        lls_row_assign(to, operands[0].loops, operands[0].loop_count, first);
    }
    for (; next < count; next++)
        lls_row_multiply(to, operands[next].loops, operands[next].loop_count,
                         operands[next].data + row * operands[next].row_stride);
}

/* One operand after another over the whole table, scaling between them. */
static int64_t careful_product(const lls_operand *operands, uint32_t count, size_t rows,
                               size_t columns, double *table)
{
    int64_t exponent = 0;
    size_t size = rows * columns;
    for (size_t i = 0; i < size; i++)
        table[i] = 1.0;
    for (uint32_t k = 0; k < count; k++) {
        const lls_operand *o = &operands[k];
        for (size_t r = 0; r < rows; r++)
            lls_row_multiply(table + r * columns, o->loops, o->loop_count,
                             o->data + r * o->row_stride);
        int e = excess(table, size);
        if (e != 0)
            scale_down(table, size, e);
        exponent += e;
    }
    return exponent;
}

void lls_sum_product(const lls_operand *operands, uint32_t count, size_t rows, size_t columns,
                     double *table, double *message, int64_t *exponent)
{
    *exponent = 0;
    bool careful = count == 0 || count > SAFE_OPERANDS;
    if (careful)
        *exponent = careful_product(operands, count, rows, columns, table);
    for (size_t r = 0; r < rows; r++) {
        double *row = table + r * columns;
        if (!careful)
            product_row(operands, count, r, row);
        if (r == 0)
            memcpy(message, row, columns * sizeof *row);
        else
            for (size_t i = 0; i < columns; i++)
                message[i] += row[i];
    }
    int e = excess(message, columns);
    if (e != 0) {
        scale_down(message, columns, e);
        scale_down(table, rows * columns, e);
    }
    drop_subnormals(message, columns);
    *exponent += e;
}
