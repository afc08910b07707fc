/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"

#include <math.h>
#include <stdlib.h>

#include "program.h"
#include "stats.h"

/* The published tables have ten thousand. */
static const double MOST_CELLS = 1e7;

double median_of(double *values, size_t count)
{
    if (count == 0)
        return NAN;
    sort_values(values, count);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2.0;
}

static int compare_samples(const void *a, const void *b)
{
    const struct grid_sample *x = a, *y = b;
    for (int i = 0; i < 3; i++)
        if (x->at[i] != y->at[i])
            return x->at[i] < y->at[i] ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static void make_axis(struct grid *grid, int axis, const struct grid_sample *samples, size_t count)
{
    double *values = allocate(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = samples[i].at[axis];
    sort_values(values, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || values[i] > values[kept - 1])
            values[kept++] = values[i];
    grid->axes[axis] = values;
    grid->counts[axis] = kept;
}

/* Place of a value of the axis: the last that is not above it. */
static size_t find(const double *axis, size_t count, double value)
{
    size_t low = 0, high = count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (axis[middle] <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t place(const struct grid *grid, size_t i, size_t j, size_t k)
{
    return (i * grid->counts[1] + j) * grid->counts[2] + k;
}

bool grid_make(struct grid *grid, struct grid_sample *samples, size_t count)
{
    *grid = (struct grid){0};
    if (count == 0)
        return true;
    qsort(samples, count, sizeof *samples, compare_samples);
    for (int axis = 0; axis < 3; axis++)
        make_axis(grid, axis, samples, count);
    if ((double)grid->counts[0] * (double)grid->counts[1] * (double)grid->counts[2] > MOST_CELLS) {
        grid_release(grid);
        return false;
    }
    size_t cells = grid->counts[0] * grid->counts[1] * grid->counts[2];
    grid->values = allocate(cells, sizeof *grid->values);
    for (size_t i = 0; i < cells; i++)
        grid->values[i] = NAN;
    double *same = allocate(count, sizeof *same);
    for (size_t first = 0, last; first < count; first = last) {
        size_t at[3];
        for (last = first; last < count && samples[last].at[0] == samples[first].at[0] &&
                           samples[last].at[1] == samples[first].at[1] &&
                           samples[last].at[2] == samples[first].at[2];
             last++)
            same[last - first] = samples[last].value;
        for (int axis = 0; axis < 3; axis++)
            at[axis] = find(grid->axes[axis], grid->counts[axis], samples[first].at[axis]);
        grid->values[place(grid, at[0], at[1], at[2])] = median_of(same, last - first);
    }
    free(same);
    return true;
}

void grid_release(struct grid *grid)
{
    for (int axis = 0; axis < 3; axis++)
        free(grid->axes[axis]);
    free(grid->values);
    *grid = (struct grid){0};
}

double grid_at(const struct grid *grid, double x, double y, double z)
{
    const double point[3] = {x, y, z};
    size_t low[3], high[3];
    double part[3];
    for (int axis = 0; axis < 3; axis++) {
        const double *values = grid->axes[axis];
        size_t count = grid->counts[axis];
        if (count == 0 || point[axis] < values[0] || point[axis] > values[count - 1])
            return NAN;
        low[axis] = find(values, count, point[axis]);
        high[axis] = point[axis] > values[low[axis]] ? low[axis] + 1 : low[axis];
        part[axis] = high[axis] > low[axis] ? (point[axis] - values[low[axis]]) /
                                                  (values[high[axis]] - values[low[axis]])
                                            : 0.0;
    }
    double sum = 0.0;
    for (int corner = 0; corner < 8; corner++) {
        double weight = 1.0;
        size_t at[3];
        for (int axis = 0; axis < 3; axis++) {
            bool up = (corner >> axis & 1) != 0;
            weight *= up ? part[axis] : 1.0 - part[axis];
            at[axis] = up ? high[axis] : low[axis];
        }
        if (weight > 0.0)
            sum += weight * grid->values[place(grid, at[0], at[1], at[2])];
    }
    return sum;
}
