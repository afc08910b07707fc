/* SPDX-License-Identifier: Apache-2.0 */
/* Cells grow by 1 %, from 1 ns to about 20 s. */
#include "histogram.h"

#include <math.h>

static const double FIRST_S = 1e-9;
static const double RATIO = 1.01;

void histogram_add(struct histogram *histogram, double seconds)
{
    double cell = seconds > FIRST_S ? log(seconds / FIRST_S) / log(RATIO) : 0.0;
    int last = HISTOGRAM_CELLS - 1;
    histogram->cells[cell < last ? (int)cell : last]++;
    histogram->count++;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (int i = 0; i < HISTOGRAM_CELLS; i++)
        to->cells[i] += from->cells[i];
    to->count += from->count;
}

double histogram_quantile(const struct histogram *histogram, double p)
{
    uint64_t rank = (uint64_t)ceil(p * (double)histogram->count), seen = 0;
    for (int i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += histogram->cells[i];
        if (seen >= rank && seen > 0)
            return FIRST_S * pow(RATIO, i + 0.5);
    }
    return 0.0;
}
