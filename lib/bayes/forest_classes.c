/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as few ordered classes: of features, to look for splits quickly, and of targets, for the
 * levels of a distribution.
 */
#include "bayes/forest_nodes.h"

#include <math.h>

/* The cuts of a feature are taken from about this many rows, evenly over all. */
enum { SAMPLED_ROWS = 32768 };

static uint32_t count_values(const double *sorted, size_t count, uint32_t stop)
{
    uint32_t values = 1;
    for (size_t i = 1; i < count && values < stop; i++)
        values += sorted[i] > sorted[i - 1];
    return values;
}

/* a <= it < b, for a < b. */
static double half_way(double a, double b)
{
    double middle = 0.5 * a + 0.5 * b;
    return middle >= a && middle < b ? middle : a;
}

uint32_t lls_forest_cut(const double *sorted, size_t count, uint32_t most, double *cuts)
{
    bool few = count_values(sorted, count, most + 1) <= most;
    uint32_t groups = 0;
    for (size_t end = 0; end < count;) {
        size_t left = most - groups;
        end += few ? 1 : (count - end + left - 1) / left;
        while (end < count && sorted[end] <= sorted[end - 1])
            end++;
        if (end < count)
            cuts[groups++] = half_way(sorted[end - 1], sorted[end]);
    }
    return groups;
}

uint8_t lls_forest_class_of(const double *cuts, uint32_t count, double value)
{
    uint32_t low = 0;
    while (count > 0) {
        uint32_t half = count / 2;
        bool above = value > cuts[low + half];
        low = above ? low + half + 1 : low;
        count = above ? count - half - 1 : half;
    }
    return (uint8_t)low;
}

llmsched_status lls_forest_classify(const llmsched_context *context, const lls_forest_rows *rows,
                                    lls_forest *forest, uint8_t *classes, llmsched_error *err)
{
    uint32_t n = rows->row_count, features = rows->feature_count;
    uint32_t step = 1 + (n - 1) / SAMPLED_ROWS, end = 0;
    double *sorted = lls_calloc(context, n / step + 1, sizeof *sorted);
    if (sorted == NULL)
        return lls_fail_memory(err);
    for (uint32_t f = 0; f < features; f++) {
        const double *column = rows->features + f;
        double *cuts = forest->cuts + end;
        size_t sampled = 0;
        for (size_t i = 0; i < n; i += step)
            sorted[sampled++] = column[i * features];
        lls_sort(sorted, sampled);
        uint32_t count = lls_forest_cut(sorted, sampled, LLS_FOREST_CLASSES, cuts);
        for (size_t i = 0; i < n; i++)
            classes[(size_t)f * n + i] = lls_forest_class_of(cuts, count, column[i * features]);
        forest->cut_end[f] = end += count;
    }
    lls_free(context, sorted);
    return LLMSCHED_OK;
}

/* Each level is the mean of its targets, which rounding must not carry beyond them. */
static void mean_levels(const lls_forest_rows *rows, lls_forest *forest, const uint8_t *levels)
{
    double low[LLS_FOREST_LEVELS], high[LLS_FOREST_LEVELS], sum[LLS_FOREST_LEVELS] = {0};
    uint32_t count[LLS_FOREST_LEVELS] = {0};
    for (uint32_t i = 0; i < rows->row_count; i++) {
        uint8_t at = levels[i];
        double y = rows->targets[i];
        low[at] = count[at] == 0 ? y : fmin(low[at], y);
        high[at] = count[at] == 0 ? y : fmax(high[at], y);
        sum[at] += y;
        count[at]++;
    }
    for (uint32_t k = 0; k < forest->level_count; k++)
        forest->levels[k] = fmin(fmax(sum[k] / count[k], low[k]), high[k]);
}

llmsched_status lls_forest_set_levels(const llmsched_context *context, const lls_forest_rows *rows,
                                      lls_forest *forest, uint8_t *levels, llmsched_error *err)
{
    double cuts[LLS_FOREST_LEVELS];
    size_t n = rows->row_count, zeros = 0;
    double *sorted = lls_calloc(context, n, sizeof *sorted);
    if (sorted == NULL)
        return lls_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        sorted[i] = rows->targets[i];
    lls_sort(sorted, n);
    while (zeros < n && sorted[zeros] <= 0.0)
        zeros++;
    /* Nothing remaining is not a little remaining: 0 is a level of its own. */
    uint32_t count = 0;
    if (zeros > 0 && zeros < n)
        cuts[count++] = half_way(0.0, sorted[zeros]);
    if (zeros < n)
        count += lls_forest_cut(sorted + zeros, n - zeros, LLS_FOREST_LEVELS - count, cuts + count);
    forest->level_count = count + 1;
    for (size_t i = 0; i < n; i++)
        levels[i] = lls_forest_class_of(cuts, count, rows->targets[i]);
    mean_levels(rows, forest, levels);
    lls_free(context, sorted);
    return LLMSCHED_OK;
}
