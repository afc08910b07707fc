/* SPDX-License-Identifier: Apache-2.0 */
/* The Gittins index of a distribution of remaining work (algorithms.md section 6). */
#include "quantify/internal.h"

#include <math.h>

/* All that was thought possible is served: the longer it runs, the longer it is expected to. */
static double beyond_support(double age)
{
    return fmax(0.2, age / 2);
}

double lls_gittins(const double *values, const double *shares, uint32_t count, double age)
{
    double alive = 0, done = 0, served = 0, best = INFINITY;
    for (uint32_t i = 0; i < count; i++)
        alive += values[i] > age ? shares[i] : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!(values[i] > age) || shares[i] <= 0)
            continue;
        done += shares[i];
        served += shares[i] * (values[i] - age);
        best = fmin(best, (served + fmax(0, alive - done) * (values[i] - age)) / done);
    }
    return isfinite(best) ? best : beyond_support(age);
}

llmsched_status llmsched_gittins_index(const double *values, const double *shares, uint32_t count,
                                       double age, double *index, llmsched_error *err)
{
    double sum = 0;
    if (values == NULL || shares == NULL || index == NULL || count == 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "gittins: values, shares and index must not be NULL, count not 0");
    if (!isfinite(age) || age < 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "gittins: age must be finite, not negative");
    for (uint32_t i = 0; i < count; i++) {
        if (!isfinite(values[i]) || !(shares[i] >= 0) || !isfinite(shares[i]) ||
            (i > 0 && values[i] < values[i - 1]))
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "gittins: values[%u] and shares[%u]: values must be finite and "
                            "ascending, shares finite and not negative",
                            i, i);
        sum += shares[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "gittins: the shares must not sum to 0");
    *index = lls_gittins(values, shares, count, age);
    return LLMSCHED_OK;
}
