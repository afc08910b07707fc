/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products and sums of tables beyond the range of doubles.
 *
 * Every entry of a product stands beside a power of two of its own: nothing gets lost, however far
 * apart the factors are, and 0 comes from factors of 0 alone. Once the rows of a column are added
 * up they are told by the column's power, so that
 *
 *     table[row][column] / message[column] = P(row | column)
 *
 * is a quotient of ordinary doubles again. It takes about ten times as long as lls_sum_product(),
 * whose last bits it has where nothing was lost there.
 */
#ifndef LLS_BAYES_WIDE_H
#define LLS_BAYES_WIDE_H

#include "bayes/factor.h"

/* A product of no factors: 2^exponent everywhere. */
void lls_wide_begin(double *table, double *exponents, size_t size, double exponent);
/*
 * Multiplies by a factor that is read as the operand says, but from data; exponents of it (laid out
 * as data), or NULL: they are 0.
 */
void lls_wide_multiply(double *table, double *exponents, size_t rows, size_t columns,
                       const lls_operand *operand, const double *data,
                       const double *data_exponents);
/* message[column] = sum of the rows; its and the table's columns have the powers that are given. */
void lls_wide_sum(double *table, const double *exponents, size_t rows, size_t columns,
                  double *message, double *message_exponents);

#endif
