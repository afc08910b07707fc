/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no program could do without: the entries and the sums of a query.
 */
#ifndef LLS_BENCH_BOUNDS_H
#define LLS_BENCH_BOUNDS_H

#include "timing.h"

/* Of each bucket: entries of its clique under the evidence of a query, those of observed nodes'
 * other states left out; 0 where it holds no unobserved node, or its part of the network no
 * evidence. */
static inline void clique_entries(const llmsched_inference *inf, uint32_t length, double *entries)
{
    bool told[BENCH_NODES] = {false}; /* per bucket: anything observed in its part */
    for (uint32_t b = 0; b < inf->tree.count; b++) {
        uint32_t root = b;
        while (inf->tree.buckets[root].parent != LLS_NONE32)
            root = inf->tree.buckets[root].parent;
        told[root] |= inf->tree.buckets[b].node < length;
    }
    for (uint32_t b = inf->tree.count; b-- > 0;) {
        const lls_bucket *bucket = &inf->tree.buckets[b];
        double product = bucket->node < length ? 1.0 : lls_states(inf->network, bucket->node);
        if (bucket->parent != LLS_NONE32)
            told[b] = told[bucket->parent];
        for (uint32_t d = 0; d < bucket->separator_count; d++) {
            uint32_t node = inf->tree.separators[bucket->separator + d];
            product *= node < length ? 1.0 : lls_states(inf->network, node);
        }
        entries[b] = told[b] && product > 1.0 ? product : 0.0;
    }
}

/* What elimination must look at, per query on average. */
static inline double count_entries(const llmsched_inference *inf, const bench_query *queries)
{
    double sum = 0.0, entries[BENCH_NODES];
    for (int q = 0; q < QUERIES; q++) {
        clique_entries(inf, queries[q].length, entries);
        for (uint32_t b = 0; b < inf->tree.count; b++)
            sum += entries[b];
    }
    return sum / QUERIES;
}

enum { LANES = 6, PARTS = 4 }; /* all networks but those of --growth have six states */

/* The sums of one clique: rows of six, each times a number; four sums side by side. */
static inline void straight_clique(const double *table, size_t rows, double *numbers)
{
    double parts[PARTS][LANES] = {{0.0}};
    size_t i = 0;
    for (; i + PARTS <= rows; i += PARTS)
        for (size_t k = 0; k < PARTS; k++)
            for (size_t lane = 0; lane < LANES; lane++)
                parts[k][lane] += table[(i + k) * LANES + lane] * numbers[i + k];
    for (; i < rows; i++)
        for (size_t lane = 0; lane < LANES; lane++)
            parts[0][lane] += table[i * LANES + lane] * numbers[i];
    for (size_t lane = 0; lane < LANES; lane++)
        numbers[lane] = (parts[0][lane] + parts[1][lane]) + (parts[2][lane] + parts[3][lane]);
}

/*
 * The least time per query of a program that knows all evidence beforehand and only multiplies and
 * adds: the same entries, clique after clique, each from the numbers that the last one left.
 */
static inline double straight_time(const llmsched_inference *inf, const bench_query *queries)
{
    static uint32_t rows[QUERIES * BENCH_NODES], ends[QUERIES];
    static double numbers[1 << 16];
    double entries[BENCH_NODES], best = INFINITY;
    uint32_t count = 0;
    for (int q = 0; q < QUERIES; q++) {
        clique_entries(inf, queries[q].length, entries);
        for (uint32_t b = inf->tree.count; b-- > 0;)
            if (entries[b] > 0.0)
                rows[count++] = (uint32_t)((entries[b] + LANES - 1) / LANES);
        ends[q] = count;
    }
    for (int k = 0; k < 3 * repetitions; k++) {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            numbers[i] = 1.0 / LANES;
        double begin = now();
        for (uint32_t q = 0, i = 0; q < QUERIES; q++)
            for (; i < ends[q]; i++)
                straight_clique(inf->posterior.tables, rows[i], numbers);
        double time = (now() - begin) / QUERIES;
        best = time < best && numbers[0] >= 0.0 ? time : best;
    }
    return best;
}

/* Entries a second that a plain loop multiplies and adds up from the second cache. */
static inline double peak_rate(void)
{
    enum { ENTRIES = 1 << 15, PASSES = 200 };
    static double a[ENTRIES], b[ENTRIES];
    double best = 0.0;
    for (size_t i = 0; i < ENTRIES; i++)
        a[i] = 1.0 / (double)(i + 1);
    for (int k = 0; k < 9; k++) {
        double begin = now();
        for (int pass = 0; pass < PASSES; pass++)
            for (size_t i = 0; i < ENTRIES; i++)
                b[i] += a[i] * 0.5;
        double rate = (double)ENTRIES * PASSES / (now() - begin);
        best = rate > best ? rate : best;
    }
    return b[0] > 0.0 ? best : 0.0;
}

#endif
