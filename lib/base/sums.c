/* SPDX-License-Identifier: Apache-2.0 */
/* Sums that lose nothing to the order of their terms. */
#include "base/internal.h"

#include <math.h>

double lls_xlogx(double x)
{
    return x > 0.0 ? x * log(x) : x == 0.0 ? 0.0 : NAN;
}

/* One step of Neumaier's summation; the sum is *sum + *rest in the end. */
static void add_compensated(double *sum, double *rest, double value)
{
    double total = *sum + value;
    if (fabs(*sum) >= fabs(value))
        *rest += (*sum - total) + value;
    else
        *rest += (value - total) + *sum;
    *sum = total;
}

/* An overflowed sum has a rest of NaN, which says nothing. */
static double finish_sum(double sum, double rest)
{
    return isfinite(sum) ? sum + rest : sum;
}

double lls_sum(const double *values, size_t n)
{
    double sum = 0.0, rest = 0.0;
    for (size_t i = 0; i < n; i++)
        add_compensated(&sum, &rest, values[i]);
    return finish_sum(sum, rest);
}

double lls_entropy(const double *p, size_t n)
{
    double sum = 0.0, rest = 0.0;
    for (size_t i = 0; i < n; i++)
        add_compensated(&sum, &rest, -lls_xlogx(p[i]));
    double entropy = finish_sum(sum, rest);
    return entropy <= 0.0 ? 0.0 : entropy;
}
