/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements on a grid of up to three axes, and what lies between them. */
#ifndef GRID_H
#define GRID_H

#include <stdbool.h>
#include <stddef.h>

struct grid_sample {
    double at[3];
    double value;
};

struct grid {
    double *axes[3]; /* ascending */
    size_t counts[3];
    double *values; /* NAN where nothing was measured */
};

/* Of samples at one place the median counts. Reorders the samples. False, with nothing to release,
 * where they lie on axes of too many places for a grid. */
bool grid_make(struct grid *grid, struct grid_sample *samples, size_t count);
void grid_release(struct grid *grid);

/* Linear along each axis; NAN outside the axes or beside a place that was not measured. */
double grid_at(const struct grid *grid, double x, double y, double z);

/* Median of values, which it sorts; NAN of none. */
double median_of(double *values, size_t count);

#endif
