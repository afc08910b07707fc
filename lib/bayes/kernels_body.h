/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source of one set of kernels. Before it is included LLS_TARGET says what the compiler may
 * use, and LLS_NAME gives each function the set's name. No guard: it is included more than once.
 */

/* The next step of nested loops; returns false after the last. */
static inline LLS_TARGET bool LLS_NAME(step)(const lls_axes *axes, uint32_t count, size_t *index,
                                             size_t *a, size_t *b)
{
    for (uint32_t d = count; d-- > 0;) {
        const lls_axis *x = &axes->axis[d];
        *a += x->a;
        *b += x->b;
        if (++index[d] < x->extent)
            return true;
        *a -= x->extent * x->a;
        *b -= x->extent * x->b;
        index[d] = 0;
    }
    return false;
}

/* One vector of results: four sums side by side, added up in pairs. */
static inline LLS_TARGET void LLS_NAME(sum)(const double *a, const double *b, const lls_axes *axes,
                                            double *out)
{
    const uint32_t outer = axes->count - 1;
    const lls_axis inner = axes->axis[outer];
    lls_vector p = {0}, q = {0}, r = {0}, s = {0};
    size_t index[LLS_MAX_DIMENSIONS], at_a = 0, at_b = 0;
    for (uint32_t d = 0; d < outer; d++)
        index[d] = 0;
    do {
        const double *x = a + at_a, *y = b + at_b;
        size_t i = inner.extent;
        for (; i >= 4; i -= 4, x += 4 * inner.a, y += 4 * inner.b) {
            p += *(const lls_vector *)x * y[0];
            q += *(const lls_vector *)(x + inner.a) * y[inner.b];
            r += *(const lls_vector *)(x + 2 * inner.a) * y[2 * inner.b];
            s += *(const lls_vector *)(x + 3 * inner.a) * y[3 * inner.b];
        }
        for (; i > 0; i--, x += inner.a, y += inner.b)
            p += *(const lls_vector *)x * y[0];
    } while (outer > 0 && LLS_NAME(step)(axes, outer, index, &at_a, &at_b));
    *(lls_vector *)out = (p + q) + (r + s);
}

static LLS_TARGET void LLS_NAME(reduce)(const double *a, const double *b, const lls_axes *kept,
                                        const lls_axes *summed, size_t lanes, double *out)
{
    size_t index[LLS_MAX_DIMENSIONS], at_a = 0, at_b = 0;
    for (uint32_t d = 0; d < kept->count; d++)
        index[d] = 0;
    do {
        /* In ascending order: what a store leaves beyond its row the next one overwrites. */
        for (size_t lane = 0; lane < lanes; lane += LLS_LANES) {
            const double *x = a + at_a + lane;
            if (summed->count > 0)
                LLS_NAME(sum)(x, b + at_b, summed, out + lane);
            else
                *(lls_vector *)(out + lane) = *(const lls_vector *)x * b[at_b];
        }
        out += lanes;
    } while (LLS_NAME(step)(kept, kept->count, index, &at_a, &at_b));
}

static LLS_TARGET void LLS_NAME(multiply)(const double *a, const double *b, const lls_axes *axes,
                                          size_t lanes, double *out)
{
    size_t index[LLS_MAX_DIMENSIONS], at_a = 0, at_b = 0;
    for (uint32_t d = 0; d < axes->count; d++)
        index[d] = 0;
    do {
        size_t lane = 0;
        for (; lane + LLS_LANES <= lanes; lane += LLS_LANES)
            *(lls_vector *)(out + lane) =
                *(const lls_vector *)(a + at_a + lane) * *(const lls_vector *)(b + at_b + lane);
        for (; lane < lanes; lane++) /* out may be a: nothing beyond the row may change */
            out[lane] = a[at_a + lane] * b[at_b + lane];
        out += lanes;
    } while (LLS_NAME(step)(axes, axes->count, index, &at_a, &at_b));
}

static const lls_kernels LLS_NAME(kernels) = {LLS_LABEL, LLS_NAME(reduce), LLS_NAME(multiply)};
