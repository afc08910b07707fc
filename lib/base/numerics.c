/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numerics shared by the parts above; the only user of GSL. GSL's default error
 * handler aborts and is common to the process, and its *_e functions call it
 * too: so every argument is brought into the domain before GSL sees it.
 */
#include "base/internal.h"

#include <float.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_sort.h>
#include <math.h>

double lls_lgamma(double x)
{
    if (isnan(x) || x <= 0.0)
        return NAN;
    /* ln Gamma(x) = -ln x + O(x); 1/x inside GSL would overflow. */
    if (x < 1e-300)
        return -log(x);
    /* Stirling's leading terms: all else is below half an ulp, and GSL's sums would overflow. */
    if (x > 1e300)
        return isinf(x) ? x : x * (log(x) - 1.0);
    gsl_sf_result result;
    return gsl_sf_lngamma_e(x, &result) == 0 ? result.val : NAN;
}

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

double lls_quantile_sorted(const double *sorted, size_t n, double p)
{
    if (n == 0 || isnan(p))
        return NAN;
    /* Rank ceil(p n); 0.55 * 100 is 55.000000000000007, and still means rank 55. */
    double exact = p * (double)n;
    double rank = ceil(exact - 4.0 * DBL_EPSILON * exact);
    if (rank <= 1.0)
        return sorted[0];
    return rank >= (double)n ? sorted[n - 1] : sorted[(size_t)rank - 1];
}

void lls_sort(double *values, size_t n)
{
    gsl_sort(values, 1, n);
}
