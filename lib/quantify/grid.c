/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distribution of a sum over stages on a grid of n cells (algorithms.md section 4).
 *
 * Each stage's law is put on the grid by halves: a value between two cells goes to both, so that
 * its mean holds; in all, cell j gets m_j = H(j + 1) - 2 H(j) + H(j - 1) with
 * H(x) = E[max(0, x - X)]. No value moves by more than a cell, so that no sum moves by more than m
 * cells, m the stages that share in it. Nor does it move by sqrt(m ln(1 / TAIL) / 2), but with
 * probability TAIL (Hoeffding): the moves are independent given the values, and 0 on average.
 *
 * The sum's distribution is carried through the network by its transform
 * E[exp(-2 pi i k S / n) | e], an expectation of a product for each k; transformed back it is
 * exact, as the sum stays below n: the grid ends where P(S > top) <= min over t of
 * E[exp(t S) | e] exp(-t top) is TAIL (Chernoff), or with the greatest sum.
 */
#include "quantify/internal.h"

#include <math.h>

#define TAIL 1e-9
enum { WIDTH = 2 * LLS_LANES };

typedef struct grid {
    uint32_t cells, states; /* states: of all nodes */
    double width;           /* of a cell, seconds */
    double *roots, *re, *im;
    double *factors; /* block by block of LLS_LANES frequencies: for lls_products_expect() */
} grid;

/* In the quantifier's scratch, which holds anything. */
static bool grid_open(llmsched_quantifier *q, uint32_t cells, grid *g)
{
    uint32_t states = q->offsets[llmsched_network_node_count(q->profile->network)];
    size_t need = ((size_t)states + 3) * cells;
    if (!lls_grow(q->context, (void **)&q->grid, &q->grid_capacity, need, sizeof *q->grid))
        return false;
    *g = (grid){.cells = cells,
                .states = states,
                .roots = q->grid,
                .re = q->grid + cells,
                .im = q->grid + 2 * (size_t)cells,
                .factors = q->grid + 3 * (size_t)cells};
    return true;
}

/* --- where the grid ends -------------------------------------------------------------------- */

/* Room for t S up to 384: its exponential stays far inside the range of doubles. */
static double tail_rate(const lls_sum_frame *sum, uint32_t lane)
{
    return ldexp(3, (int)lane) / sum->range;
}

static double find_top(const llmsched_quantifier *q, const lls_sum_frame *sum,
                       lls_products *products, double *factors)
{
    double result[WIDTH], top = sum->range;
    uint32_t nodes = llmsched_network_node_count(q->profile->network);
    for (uint32_t node = 0; node < nodes; node++) {
        for (uint32_t s = q->offsets[node]; q->shares[node] && s < q->offsets[node + 1]; s++)
            for (uint32_t l = 0; l < WIDTH; l++)
                factors[(size_t)s * WIDTH + l] =
                    l < LLS_LANES ? lls_law_exponential(&q->laws[s], tail_rate(sum, l)) : 0;
    }
    lls_products_expect(products, factors, result);
    for (uint32_t l = 0; l < LLS_LANES; l++)
        top = fmin(top, (log(result[l]) - log(TAIL)) / tail_rate(sum, l));
    return top;
}

/* --- there and back ------------------------------------------------------------------------- */

/*
 * A law's mass on the grid, beyond its end from the front again; what is beyond twice its end, of a
 * probability that is cut off, in one place.
 */
static void place_law(const grid *g, const lls_law *law, double *mass)
{
    const lls_law scaled = {law->least / g->width, law->mean / g->width, law->most / g->width};
    double end = fmin(ceil(scaled.most), 2.0 * g->cells), below = 0, left = 1;
    double at = fmin(floor(scaled.least), end), here = lls_law_shortfall(&scaled, at);
    for (uint32_t i = 0; i < g->cells; i++)
        mass[i] = 0;
    for (; at < end; at++) {
        double above = lls_law_shortfall(&scaled, at + 1), part = above - 2 * here + below;
        mass[(uint32_t)at & (g->cells - 1)] += part;
        left -= part;
        below = here;
        here = above;
    }
    mass[(uint32_t)end & (g->cells - 1)] += left;
}

/* Where the factors of frequency k of a state stand; 1 <= k <= n / 2. */
static double *factor_at(const grid *g, uint32_t state, uint32_t k)
{
    size_t block = (k - 1) / LLS_LANES, lane = (k - 1) % LLS_LANES;
    return g->factors + (block * g->states + state) * WIDTH + lane;
}

/* Transforms of two real sequences from that of one complex one, x + i y. */
static void transform_pair(const llmsched_quantifier *q, grid *g, uint32_t x, uint32_t y)
{
    place_law(g, &q->laws[x], g->re);
    place_law(g, &q->laws[y], g->im);
    lls_fourier(g->cells, g->roots, g->re, g->im);
    for (uint32_t k = 1; k <= g->cells / 2; k++) {
        uint32_t l = g->cells - k;
        double *to = factor_at(g, x, k), *other = factor_at(g, y, k);
        to[0] = (g->re[k] + g->re[l]) / 2;
        to[LLS_LANES] = (g->im[k] - g->im[l]) / 2;
        other[0] = (g->im[k] + g->im[l]) / 2;
        other[LLS_LANES] = (g->re[l] - g->re[k]) / 2;
    }
}

static void transform_laws(const llmsched_quantifier *q, grid *g)
{
    uint32_t nodes = llmsched_network_node_count(q->profile->network), waiting = LLS_NONE32;
    for (uint32_t node = 0; node < nodes; node++) {
        for (uint32_t s = q->offsets[node]; q->shares[node] && s < q->offsets[node + 1]; s++) {
            if (!(q->laws[s].most > 0)) {
                for (uint32_t k = 1; k <= g->cells / 2; k++) {
                    double *to = factor_at(g, s, k);
                    to[0] = 1;
                    to[LLS_LANES] = 0;
                }
            } else if (waiting == LLS_NONE32) {
                waiting = s;
            } else {
                transform_pair(q, g, waiting, s);
                waiting = LLS_NONE32;
            }
        }
    }
    if (waiting != LLS_NONE32)
        transform_pair(q, g, waiting, waiting);
}

/* The transform of the sum, conjugated, into re and im: transformed again it is n times the
 * distribution. The frequencies above n / 2 are the conjugates of those below. */
static void transform_sum(grid *g, lls_products *products)
{
    double result[WIDTH];
    g->re[0] = 1;
    g->im[0] = 0;
    for (uint32_t k = 1; k <= g->cells / 2; k++) {
        uint32_t lane = (k - 1) % LLS_LANES;
        if (lane == 0)
            lls_products_expect(products, factor_at(g, 0, k), result);
        g->re[k] = g->re[g->cells - k] = result[lane];
        g->im[k] = -result[LLS_LANES + lane];
        g->im[g->cells - k] = result[LLS_LANES + lane];
    }
    g->im[g->cells / 2] = 0;
    lls_fourier(g->cells, g->roots, g->re, g->im);
}

/* What is no more than rounding is nothing. */
static void read_points(const grid *g, double origin, lls_points *points)
{
    const double least = 1e-14;
    double sum = 0;
    points->count = 0;
    for (uint32_t i = 0; i < g->cells; i++) {
        double p = g->re[i] / g->cells;
        if (p < least)
            continue;
        points->values[points->count] = origin + i * g->width;
        points->probabilities[points->count++] = p;
        sum += p;
    }
    for (uint32_t i = 0; i < points->count; i++)
        points->probabilities[i] /= sum;
}

/* Enough for each stage to lose a cell. */
static uint32_t enough_cells(const llmsched_quantifier *q, const lls_sum_frame *sum)
{
    uint32_t cells = q->options.cells;
    while (cells / 4 < sum->parts)
        cells *= 2;
    return cells;
}

/* Of one expectation. Four times max_table for a distribution: a tenth of a second by default. */
static uint64_t most_products(const llmsched_quantifier *q, uint32_t cells)
{
    return q->context->max_table / (cells / 8);
}

llmsched_status lls_grid_sum(llmsched_quantifier *q, const lls_sum_frame *sum, llmsched_error *err)
{
    grid g;
    lls_products *products = NULL;
    uint32_t cells = enough_cells(q, sum);
    llmsched_status status =
        lls_products_open(q->inference, q->shares, most_products(q, cells), &products, err);
    if (status != LLMSCHED_OK)
        return status;
    if (grid_open(q, cells, &g) && lls_points_reserve(q->context, &q->points, cells)) {
        double top = find_top(q, sum, products, g.factors);
        g.width = top / (cells - 1 - sum->parts);
        lls_fourier_roots(cells, g.roots);
        transform_laws(q, &g);
        transform_sum(&g, products);
        read_points(&g, sum->origin, &q->points);
        q->points.form = LLMSCHED_FORM_GRID;
        double worst = sum->parts, likely = sqrt(worst * -log(TAIL) / 2);
        q->points.value_error = fmin(worst, likely) * g.width;
        q->points.level_error = (top < sum->range ? TAIL : 0) + (likely < worst ? TAIL : 0);
    } else {
        status = lls_fail_memory(err);
    }
    lls_products_close(products);
    return status;
}
