/* SPDX-License-Identifier: Apache-2.0 */
#include "base/internal.h"

#include <math.h>

#define TWO_PI 6.283185307179586476925

void lls_fourier_roots(uint32_t n, double *roots)
{
    for (uint32_t k = 0; k < n / 2; k++) {
        double angle = TWO_PI * k / n;
        roots[2 * k] = cos(angle);
        roots[2 * k + 1] = -sin(angle);
    }
}

static void reverse_bits(uint32_t n, double *re, double *im)
{
    for (uint32_t i = 1, j = 0; i < n; i++) {
        uint32_t bit = n >> 1;
        for (; (j & bit) != 0; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i >= j)
            continue;
        double a = re[i], b = im[i];
        re[i] = re[j];
        im[i] = im[j];
        re[j] = a;
        im[j] = b;
    }
}

/* One stage: pairs half apart, the roots every `step` of the table. */
static void butterflies(uint32_t n, uint32_t half, uint32_t step, const double *roots, double *re,
                        double *im)
{
    for (uint32_t first = 0; first < n; first += 2 * half) {
        for (uint32_t k = 0; k < half; k++) {
            uint32_t i = first + k, j = i + half;
            double c = roots[2 * k * step], s = roots[2 * k * step + 1];
            double x = re[j] * c - im[j] * s, y = re[j] * s + im[j] * c;
            re[j] = re[i] - x;
            im[j] = im[i] - y;
            re[i] += x;
            im[i] += y;
        }
    }
}

void lls_fourier(uint32_t n, const double *roots, double *re, double *im)
{
    reverse_bits(n, re, im);
    for (uint32_t half = 1; half < n; half *= 2)
        butterflies(n, half, n / (2 * half), roots, re, im);
}
