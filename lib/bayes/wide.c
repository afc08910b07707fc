/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/wide.h"

#include <math.h>

/* Powers so far below the largest of a column make it 0 beside it. */
static const double FAR_BELOW = -1100.0;

void lls_wide_begin(double *table, double *exponents, size_t size, double exponent)
{
    for (size_t i = 0; i < size; i++) {
        table[i] = 1.0;
        exponents[i] = exponent;
    }
}

/* Values lie in [1/2, 1], or are 0: no product of two leaves the range. */
static inline void multiply_entry(double *value, double *exponent, double factor)
{
    int power;
    double product = *value * frexp(factor, &power);
    if (product < 0.5) {
        product *= 2.0;
        power--;
    }
    *value = product;
    *exponent += power;
}

static void multiply_row(double *row, double *exponents, const lls_operand *o, const double *f,
                         const double *f_exponents)
{
    const lls_loop inner = o->loop_count > 0 ? o->loops[o->loop_count - 1] : (lls_loop){1, 0};
    const uint32_t outer = o->loop_count > 0 ? o->loop_count - 1 : 0;
    size_t index[LLS_MAX_DIMENSIONS] = {0}, offset = 0;
    for (size_t n = lls_outer_steps(o->loops, outer); n-- > 0;) {
        for (size_t i = 0, at = offset; i < inner.extent; i++, at += inner.stride) {
            multiply_entry(row++, exponents, f[at]);
            *exponents++ += f_exponents != NULL ? f_exponents[at] : 0.0;
        }
        offset = lls_outer_step(o->loops, outer, index, offset);
    }
}

void lls_wide_multiply(double *table, double *exponents, size_t rows, size_t columns,
                       const lls_operand *operand, const double *data, const double *data_exponents)
{
    for (size_t r = 0; r < rows; r++) {
        const size_t at = r * operand->row_stride;
        multiply_row(table + r * columns, exponents + r * columns, operand, data + at,
                     data_exponents != NULL ? data_exponents + at : NULL);
    }
}

void lls_wide_sum(double *table, const double *exponents, size_t rows, size_t columns,
                  double *message, double *message_exponents)
{
    for (size_t c = 0; c < columns; c++) {
        double top = -INFINITY, sum = 0.0;
        for (size_t r = 0; r < rows; r++)
            if (table[r * columns + c] > 0.0)
                top = fmax(top, exponents[r * columns + c]);
        for (size_t r = 0; r < rows; r++) {
            double *value = &table[r * columns + c], below = exponents[r * columns + c] - top;
            *value = *value > 0.0 && below > FAR_BELOW ? ldexp(*value, (int)below) : 0.0;
            sum += *value;
        }
        message[c] = sum;
        message_exponents[c] = sum > 0.0 ? top : 0.0;
    }
}
