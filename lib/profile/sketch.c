/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/sketch.h"

#include <float.h>
#include <string.h>

bool lls_sketch_reserve(lls_sketch *s, const llmsched_context *context)
{
    return lls_grow(context, (void **)&s->cells, &s->capacity, (size_t)s->count + 1,
                    sizeof *s->cells);
}

/* The bits of a double that is not negative are in the order of the values. */
static uint64_t bits_of(double value)
{
    uint64_t bits;
    value += 0.0; /* a zero without a sign */
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void merge(lls_sketch_cell *cell, double value, double weight)
{
    cell->weight += weight;
    cell->value += (value - cell->value) * (weight / cell->weight);
}

static void coarsen(lls_sketch *s)
{
    uint32_t kept = 0;
    s->shift++;
    for (uint32_t i = 0; i < s->count; i++) {
        lls_sketch_cell cell = s->cells[i];
        cell.key >>= 1;
        if (kept > 0 && s->cells[kept - 1].key == cell.key)
            merge(&s->cells[kept - 1], cell.value, cell.weight);
        else
            s->cells[kept++] = cell;
    }
    s->count = kept;
}

void lls_sketch_add(lls_sketch *s, double value, double weight)
{
    uint64_t key = bits_of(value) >> s->shift;
    uint32_t low = 0, high = s->count;
    s->weight += weight;
    lls_total_add(&s->sum, weight * value);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->cells[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < s->count && s->cells[low].key == key) {
        merge(&s->cells[low], value, weight);
        return;
    }
    memmove(s->cells + low + 1, s->cells + low, (s->count - low) * sizeof *s->cells);
    s->cells[low] = (lls_sketch_cell){key, weight, value};
    s->count++;
    while (s->count > LLS_SKETCH_CELLS)
        coarsen(s);
}

void lls_sketch_scale(lls_sketch *s, double factor)
{
    double all = lls_fading(s->weight, factor);
    s->weight *= all;
    s->sum.sum *= all;
    s->sum.rest *= all;
    for (uint32_t i = 0; i < s->count; i++)
        s->cells[i].weight *= lls_fading(s->cells[i].weight, factor);
}

double lls_sketch_mean(const lls_sketch *s)
{
    return lls_total_value(&s->sum) / s->weight;
}

double lls_sketch_quantile(const lls_sketch *s, double p)
{
    /* As lls_quantile_sorted(): 0.55 * 100 is 55.000000000000007, and still means rank 55. */
    double exact = p * s->weight, rank = exact - 4.0 * DBL_EPSILON * exact, passed = 0.0;
    for (uint32_t i = 0; i < s->count; i++) {
        passed += s->cells[i].weight;
        if (passed >= rank)
            return s->cells[i].value;
    }
    return s->cells[s->count - 1].value;
}
