/* SPDX-License-Identifier: Apache-2.0 */
/* Sums that lose nothing to the order of their terms. */
#include "base/internal.h"

#include <math.h>

double lls_xlogx(double x)
{
    return x > 0.0 ? x * log(x) : x == 0.0 ? 0.0 : NAN;
}

/* One step of Neumaier's summation. */
void lls_total_add(lls_total *total, double value)
{
    double sum = total->sum + value;
    if (fabs(total->sum) >= fabs(value))
        total->rest += (total->sum - sum) + value;
    else
        total->rest += (value - sum) + total->sum;
    total->sum = sum;
}

/* An overflowed sum has a rest of NaN, which says nothing. */
double lls_total_value(const lls_total *total)
{
    return isfinite(total->sum) ? total->sum + total->rest : total->sum;
}

double lls_sum(const double *values, size_t n)
{
    lls_total total = {0};
    for (size_t i = 0; i < n; i++)
        lls_total_add(&total, values[i]);
    return lls_total_value(&total);
}

double lls_entropy(const double *p, size_t n)
{
    lls_total total = {0};
    for (size_t i = 0; i < n; i++)
        lls_total_add(&total, -lls_xlogx(p[i]));
    double entropy = lls_total_value(&total);
    return entropy <= 0.0 ? 0.0 : entropy;
}
