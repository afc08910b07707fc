/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations to bins (algorithms.md section 2).
 */
#include "bayes/internal.h"

#include <math.h>
#include <string.h>

/* The cut nearest to `wanted` that does not part equal values; start < cut <= n. */
static size_t place_cut(const double *sorted, size_t start, size_t wanted, size_t n)
{
    size_t below = wanted, above = wanted;
    while (below > start && below < n && sorted[below - 1] == sorted[below])
        below--;
    while (above < n && sorted[above - 1] == sorted[above])
        above++;
    if (below == start)
        return above;
    return wanted - below <= above - wanted ? below : above;
}

/* cuts[i]: where bin i ends. Each bin takes its share of what the bins before it left. */
static uint32_t place_cuts(const double *sorted, size_t n, uint32_t bins, size_t *cuts)
{
    uint32_t count = 0;
    for (size_t start = 0; start < n; start = cuts[count++]) {
        uint32_t left = bins - count;
        size_t rest = n - start, share = (rest + left / 2) / left;
        if (left == 1)
            cuts[count] = n;
        else
            cuts[count] = place_cut(sorted, start, start + (share > 0 ? share : 1), n);
    }
    return count;
}

static size_t bin_size(const size_t *cuts, uint32_t bin)
{
    return cuts[bin] - (bin > 0 ? cuts[bin - 1] : 0);
}

/* Joins the smallest bin with its smaller neighbour (ties: the lower) until none is thin. */
static uint32_t join_thin(size_t *cuts, uint32_t count, uint32_t thin)
{
    while (count > 1) {
        uint32_t least = 0;
        for (uint32_t b = 1; b < count; b++)
            if (bin_size(cuts, b) < bin_size(cuts, least))
                least = b;
        if (bin_size(cuts, least) >= thin)
            break;
        bool down = least == count - 1 ||
                    (least > 0 && bin_size(cuts, least - 1) <= bin_size(cuts, least + 1));
        uint32_t gone = down ? least - 1 : least; /* the cut above this bin goes */
        memmove(cuts + gone, cuts + gone + 1, (count - gone - 1) * sizeof *cuts);
        count--;
    }
    return count;
}

/* Half-way between two neighbouring values, a < b; a itself where rounding leaves no room. */
static double half_way(double a, double b)
{
    double middle = a > 0.0 ? sqrt(a) * sqrt(b) : b / 2.0;
    return middle >= a && middle < b ? middle : a;
}

static lls_bin describe(const double *sorted, size_t begin, size_t end, size_t n)
{
    size_t count = end - begin;
    lls_bin bin = {.minimum = sorted[begin], .maximum = sorted[end - 1], .count = count};
    /* Shares of the count cannot overflow where the sum would. */
    double mean = lls_sum(sorted + begin, count) / (double)count;
    if (!isfinite(mean)) {
        mean = 0.0;
        for (size_t i = begin; i < end; i++)
            mean += sorted[i] / (double)count;
    }
    bin.mean = fmin(fmax(mean, bin.minimum), bin.maximum);
    bin.upper = end == n ? INFINITY : half_way(sorted[end - 1], sorted[end]);
    return bin;
}

static llmsched_status check(const double *values, size_t n, uint32_t bins, llmsched_error *err)
{
    if (n == 0 || values == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "bins: there are no values");
    if (bins == 0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "bins: at least one bin is needed");
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]) || values[i] < 0.0)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "bins: value %zu is %g, expected a finite number >= 0", i, values[i]);
    return LLMSCHED_OK;
}

llmsched_status lls_discretise(const llmsched_context *context, const double *values, size_t n,
                               uint32_t bins, uint32_t thin, lls_bin *out, uint32_t *count,
                               llmsched_error *err)
{
    llmsched_status status = check(values, n, bins, err);
    if (status != LLMSCHED_OK)
        return status;
    if (bins > n)
        bins = (uint32_t)n;
    double *sorted = lls_calloc(context, n, sizeof *sorted);
    size_t *cuts = lls_calloc(context, bins, sizeof *cuts);
    if (sorted == NULL || cuts == NULL) {
        status = lls_fail_memory(err);
        goto done;
    }
    memcpy(sorted, values, n * sizeof *sorted);
    lls_sort(sorted, n);
    uint32_t found = join_thin(cuts, place_cuts(sorted, n, bins, cuts), thin);
    for (uint32_t b = 0; b < found; b++)
        out[b] = describe(sorted, b > 0 ? cuts[b - 1] : 0, cuts[b], n);
    *count = found;
done:
    lls_free(context, cuts);
    lls_free(context, sorted);
    return status;
}

uint32_t lls_bin_of(const lls_bin *bins, uint32_t count, double value)
{
    uint32_t low = 0, high = count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (value <= bins[middle].upper)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
