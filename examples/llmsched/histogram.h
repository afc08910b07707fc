/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of times on a logarithmic scale: quantiles within 1 %, in bounded memory. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_CELLS = 2400 };

struct histogram {
    uint64_t cells[HISTOGRAM_CELLS];
    uint64_t count;
};

void histogram_add(struct histogram *histogram, double seconds);
void histogram_merge(struct histogram *to, const struct histogram *from);
double histogram_quantile(const struct histogram *histogram, double p); /* seconds */

#endif
