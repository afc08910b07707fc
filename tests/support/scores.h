/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of families as their definitions have them, row by row; at most eight states. */
#ifndef LLS_TEST_SCORES_H
#define LLS_TEST_SCORES_H

#include "bayes/score.h"

#include <math.h>

/* Configuration of the parents in a row, -1 with a gap. */
static inline long configuration(const lls_table *t, size_t row, const uint32_t *parents,
                                 uint32_t count)
{
    long j = 0;
    for (uint32_t p = 0; p < count; p++) {
        uint32_t cell = t->cells[row * t->columns + parents[p]];
        if (cell == LLS_STATE_MISSING)
            return -1;
        j = j * (long)t->states[parents[p]] + cell;
    }
    return j;
}

static inline double plain_score(const lls_table *t, lls_score score, double ess, uint32_t child,
                                 const uint32_t *parents, uint32_t count)
{
    long q = 1, r = t->states[child];
    double sum = 0.0, total = 0.0, counted = 0.0;
    for (uint32_t p = 0; p < count; p++)
        q *= (long)t->states[parents[p]];
    for (size_t row = 0; row < t->rows; row++)
        total += t->weights != NULL ? t->weights[row] : 1.0;
    for (long j = 0; j < q; j++) {
        double n[8] = {0}, n_j = 0.0;
        for (size_t row = 0; row < t->rows; row++) {
            uint32_t own = t->cells[row * t->columns + child];
            if (own != LLS_STATE_MISSING && configuration(t, row, parents, count) == j)
                n[own] += t->weights != NULL ? t->weights[row] : 1.0;
        }
        for (long k = 0; k < r; k++)
            n_j += n[k];
        for (long k = 0; k < r; k++) {
            double a = ess / (double)(q * r);
            if (score == LLS_SCORE_BIC)
                sum += n[k] > 0.0 ? n[k] * log(n[k] / n_j) : 0.0;
            else
                sum += lgamma(n[k] + a) - lgamma(a);
        }
        if (score == LLS_SCORE_BDEU)
            sum += lgamma(ess / (double)q) - lgamma(n_j + ess / (double)q);
        counted += n_j;
    }
    if (counted == 0.0)
        return count > 0                ? -INFINITY
               : score == LLS_SCORE_BIC ? -log(total) / 2 * (double)(r - 1)
                                        : 0;
    sum *= total / counted;
    return score == LLS_SCORE_BIC ? sum - log(total) / 2.0 * (double)((r - 1) * q) : sum;
}

#endif
