/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source of one set of kernels. Before it is included LLS_TARGET says what the compiler may
 * use, and LLS_NAME gives each function the set's name. No guard: it is included more than once.
 */

/* Eight and four lanes, in registers of LLS_WIDTH doubles. */
#define LLS_WIDE LLS_REGISTER(LLS_WIDTH)
#if LLS_WIDTH > 4
#define LLS_HALF_WIDTH 4
#else
#define LLS_HALF_WIDTH LLS_WIDTH
#endif
#define LLS_HALF LLS_REGISTER(LLS_HALF_WIDTH)

typedef struct LLS_NAME(eight) {
    LLS_WIDE part[8 / LLS_WIDTH];
} LLS_NAME(eight);

typedef struct LLS_NAME(four) {
    LLS_HALF part[4 / LLS_HALF_WIDTH];
} LLS_NAME(four);

#define LLS_INLINE static inline __attribute__((always_inline)) LLS_TARGET

/* sum += x * factor */
LLS_INLINE void LLS_NAME(add_eight)(LLS_NAME(eight) * sum, const double *x, double factor)
{
    for (size_t k = 0; k < 8 / LLS_WIDTH; k++)
        sum->part[k] += *(const LLS_WIDE *)(x + k * LLS_WIDTH) * factor;
}

LLS_INLINE void LLS_NAME(add_four)(LLS_NAME(four) * sum, const double *x, double factor)
{
    for (size_t k = 0; k < 4 / LLS_HALF_WIDTH; k++)
        sum->part[k] += *(const LLS_HALF *)(x + k * LLS_HALF_WIDTH) * factor;
}

/* out = x * factor */
LLS_INLINE void LLS_NAME(scale)(const double *x, double factor, double *out)
{
    for (size_t k = 0; k < 8; k += LLS_WIDTH)
        *(LLS_WIDE *)(out + k) = *(const LLS_WIDE *)(x + k) * factor;
}

/* out = (p + q) + (r + s) */
LLS_INLINE void LLS_NAME(store_eight)(const LLS_NAME(eight) * p, const LLS_NAME(eight) * q,
                                      const LLS_NAME(eight) * r, const LLS_NAME(eight) * s,
                                      double *out)
{
    for (size_t k = 0; k < 8 / LLS_WIDTH; k++)
        *(LLS_WIDE *)(out + k * LLS_WIDTH) = (p->part[k] + q->part[k]) + (r->part[k] + s->part[k]);
}

LLS_INLINE void LLS_NAME(store_four)(const LLS_NAME(four) * p, const LLS_NAME(four) * q,
                                     const LLS_NAME(four) * r, const LLS_NAME(four) * s,
                                     double *out)
{
    for (size_t k = 0; k < 4 / LLS_HALF_WIDTH; k++)
        *(LLS_HALF *)(out + k * LLS_HALF_WIDTH) =
            (p->part[k] + q->part[k]) + (r->part[k] + s->part[k]);
}

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
    LLS_NAME(eight) p = {0}, q = {0}, r = {0}, s = {0};
    size_t index[LLS_MAX_DIMENSIONS], at_a = 0, at_b = 0;
    for (uint32_t d = 0; d < outer; d++)
        index[d] = 0;
    do {
        const double *x = a + at_a, *y = b + at_b;
        size_t i = inner.extent;
        for (; i >= 4; i -= 4, x += 4 * inner.a, y += 4 * inner.b) {
            LLS_NAME(add_eight)(&p, x, y[0]);
            LLS_NAME(add_eight)(&q, x + inner.a, y[inner.b]);
            LLS_NAME(add_eight)(&r, x + 2 * inner.a, y[2 * inner.b]);
            LLS_NAME(add_eight)(&s, x + 3 * inner.a, y[3 * inner.b]);
        }
        for (; i > 0; i--, x += inner.a, y += inner.b)
            LLS_NAME(add_eight)(&p, x, y[0]);
    } while (outer > 0 && LLS_NAME(step)(axes, outer, index, &at_a, &at_b));
    LLS_NAME(store_eight)(&p, &q, &r, &s, out);
}

/* --- rows of at most eight lanes, over at most two summed axes ------------------------------- */

/* Two axes to sum, and rows that follow one another. */
typedef struct LLS_NAME(rows) {
    const double *a, *b;
    double *out;
    size_t lanes;
    lls_axis row, outer, inner;
} LLS_NAME(rows);

/* The next term into a part of each vector that the lanes need: eight, four, four and two, two. */
#define LLS_TERM(sum)                                                                              \
    {                                                                                              \
        const double factor = *h;                                                                  \
        if (pairs == 4)                                                                            \
            LLS_NAME(add_eight)(&sum, g, factor);                                                  \
        if (pairs == 2 || pairs == 3)                                                              \
            LLS_NAME(add_four)(&sum##4, g, factor);                                                \
        if (pairs == 3)                                                                            \
            sum##2 += *(const lls_vector2 *)(g + 4) * factor;                                      \
        if (pairs == 1)                                                                            \
            sum##2 += *(const lls_vector2 *)g * factor;                                            \
        g += step_a;                                                                               \
        h += step_b;                                                                               \
    }

/*
 * n: the inner axis' extent where the compiler shall know it, else 0; pairs: of lanes, likewise.
 * Term i of a run goes to part i mod 4, what is left of the last four to part 0, as above.
 */
static inline __attribute__((always_inline)) LLS_TARGET void
LLS_NAME(some_rows)(const LLS_NAME(rows) * w, const size_t n, const size_t pairs)
{
    const double *x = w->a, *y = w->b;
    double *out = w->out;
    const size_t lanes = w->lanes, outer = w->outer.extent, extent = n > 0 ? n : w->inner.extent;
    const size_t step_a = w->inner.a, step_b = w->inner.b;
    for (size_t k = w->row.extent; k > 0; k--, x += w->row.a, y += w->row.b, out += lanes) {
        LLS_NAME(eight) p = {0}, q = {0}, r = {0}, s = {0};
        LLS_NAME(four) p4 = {0}, q4 = {0}, r4 = {0}, s4 = {0};
        lls_vector2 p2 = {0}, q2 = {0}, r2 = {0}, s2 = {0};
        for (size_t o = 0; o < outer; o++) {
            const double *g = x + o * w->outer.a, *h = y + o * w->outer.b;
            size_t i = extent;
            for (; i >= 4; i -= 4) {
                LLS_TERM(p)
                LLS_TERM(q)
                LLS_TERM(r)
                LLS_TERM(s)
            }
            for (; i > 0; i--)
                LLS_TERM(p)
        }
        if (pairs == 4)
            LLS_NAME(store_eight)(&p, &q, &r, &s, out);
        if (pairs == 2 || pairs == 3)
            LLS_NAME(store_four)(&p4, &q4, &r4, &s4, out);
        if (pairs == 3)
            *(lls_vector2 *)(out + 4) = (p2 + q2) + (r2 + s2);
        if (pairs == 1)
            *(lls_vector2 *)out = (p2 + q2) + (r2 + s2);
    }
}

/* One row and one summed axis, whose second table has no gaps: most of what small tables need. */
static LLS_TARGET void LLS_NAME(push)(const double *a, size_t step, const double *b, size_t n,
                                      size_t lanes, double *out)
{
    const LLS_NAME(rows) w = {a, b, out, lanes, {1, 0, 0}, {1, 0, 0}, {n, step, 1}};
    switch ((lanes + 1) / 2) {
    case 1:
        LLS_NAME(some_rows)(&w, 0, 1);
        break;
    case 2:
        LLS_NAME(some_rows)(&w, 0, 2);
        break;
    case 3:
        LLS_NAME(some_rows)(&w, 0, 3);
        break;
    default:
        LLS_NAME(some_rows)(&w, 0, 4);
        break;
    }
}

#define LLS_EXTENTS(pairs)                                                                         \
    switch (w->inner.extent) {                                                                     \
    case 1:                                                                                        \
        LLS_NAME(some_rows)(w, 1, pairs);                                                          \
        break;                                                                                     \
    case 2:                                                                                        \
        LLS_NAME(some_rows)(w, 2, pairs);                                                          \
        break;                                                                                     \
    case 3:                                                                                        \
        LLS_NAME(some_rows)(w, 3, pairs);                                                          \
        break;                                                                                     \
    case 4:                                                                                        \
        LLS_NAME(some_rows)(w, 4, pairs);                                                          \
        break;                                                                                     \
    case 5:                                                                                        \
        LLS_NAME(some_rows)(w, 5, pairs);                                                          \
        break;                                                                                     \
    case 6:                                                                                        \
        LLS_NAME(some_rows)(w, 6, pairs);                                                          \
        break;                                                                                     \
    case 7:                                                                                        \
        LLS_NAME(some_rows)(w, 7, pairs);                                                          \
        break;                                                                                     \
    case 8:                                                                                        \
        LLS_NAME(some_rows)(w, 8, pairs);                                                          \
        break;                                                                                     \
    default:                                                                                       \
        LLS_NAME(some_rows)(w, 0, pairs);                                                          \
        break;                                                                                     \
    }

static LLS_TARGET void LLS_NAME(run_rows)(const LLS_NAME(rows) * w)
{
    switch ((w->lanes + 1) / 2) {
    case 1:
        LLS_EXTENTS(1)
        break;
    case 2:
        LLS_EXTENTS(2)
        break;
    case 3:
        LLS_EXTENTS(3)
        break;
    default:
        LLS_EXTENTS(4)
        break;
    }
}

static LLS_TARGET void LLS_NAME(reduce_narrow)(const double *a, const double *b,
                                               const lls_axes *kept, const lls_axes *summed,
                                               size_t lanes, double *out)
{
    LLS_NAME(rows) w = {a, b, out, lanes, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}};
    size_t index[LLS_MAX_DIMENSIONS], at_a = 0, at_b = 0;
    uint32_t outer = kept->count > 0 ? kept->count - 1 : 0;
    if (kept->count > 0)
        w.row = kept->axis[outer];
    if (summed->count > 0)
        w.inner = summed->axis[summed->count - 1];
    if (summed->count > 1)
        w.outer = summed->axis[0];
    for (uint32_t d = 0; d < outer; d++)
        index[d] = 0;
    do {
        w.a = a + at_a;
        w.b = b + at_b;
        LLS_NAME(run_rows)(&w);
        w.out += w.row.extent * lanes;
    } while (outer > 0 && LLS_NAME(step)(kept, outer, index, &at_a, &at_b));
}

#undef LLS_TERM
#undef LLS_EXTENTS

static LLS_TARGET void LLS_NAME(reduce)(const double *a, const double *b, const lls_axes *kept,
                                        const lls_axes *summed, size_t lanes, double *out)
{
    if (lanes <= LLS_LANES && summed->count <= 2) {
        LLS_NAME(reduce_narrow)(a, b, kept, summed, lanes, out);
        return;
    }
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
                LLS_NAME(scale)(x, b[at_b], out + lane);
        }
        out += lanes;
    } while (LLS_NAME(step)(kept, kept->count, index, &at_a, &at_b));
}

static LLS_TARGET void LLS_NAME(multiply)(const double *a, const double *b, const lls_axes *axes,
                                          size_t lanes, double *out)
{
    const uint32_t outer = axes->count > 0 ? axes->count - 1 : 0;
    const lls_axis row = axes->count > 0 ? axes->axis[outer] : (lls_axis){1, 0, 0};
    size_t index[LLS_MAX_DIMENSIONS], at_a = 0, at_b = 0;
    for (uint32_t d = 0; d < outer; d++)
        index[d] = 0;
    do {
        const double *x = a + at_a, *y = b + at_b;
        for (size_t k = row.extent; k > 0; k--, x += row.a, y += row.b, out += lanes) {
            size_t lane = 0; /* out may be a: nothing beyond the row may change */
            for (; lane + LLS_HALF_WIDTH <= lanes; lane += LLS_HALF_WIDTH)
                *(LLS_HALF *)(out + lane) =
                    *(const LLS_HALF *)(x + lane) * *(const LLS_HALF *)(y + lane);
            for (; lane + 2 <= lanes; lane += 2)
                *(lls_vector2 *)(out + lane) =
                    *(const lls_vector2 *)(x + lane) * *(const lls_vector2 *)(y + lane);
            if (lane < lanes)
                out[lane] = x[lane] * y[lane];
        }
    } while (outer > 0 && LLS_NAME(step)(axes, outer, index, &at_a, &at_b));
}

static LLS_TARGET void LLS_NAME(divide)(const double *restrict a, const double *restrict b,
                                        size_t n, double *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] / (b[i] > 0.0 ? b[i] : 1.0);
}

/* The sum in four parts, as lls_row_sum(). */
static LLS_TARGET void LLS_NAME(normalise)(const double *values, size_t n, double *out)
{
    double p = 0.0, q = 0.0, r = 0.0, s = 0.0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        p += values[i];
        q += values[i + 1];
        r += values[i + 2];
        s += values[i + 3];
    }
    for (; i < n; i++)
        p += values[i];
    const double sum = (p + q) + (r + s);
    for (i = 0; i + LLS_HALF_WIDTH <= n; i += LLS_HALF_WIDTH)
        *(LLS_HALF *)(out + i) = *(const LLS_HALF *)(values + i) / sum;
    for (; i + 2 <= n; i += 2)
        *(lls_vector2 *)(out + i) = *(const lls_vector2 *)(values + i) / sum;
    if (i < n)
        out[i] = values[i] / sum;
}

static const lls_kernels LLS_NAME(kernels) = {LLS_LABEL,        LLS_NAME(reduce),
                                              LLS_NAME(push),   LLS_NAME(multiply),
                                              LLS_NAME(divide), LLS_NAME(normalise)};

#undef LLS_WIDE
#undef LLS_HALF
#undef LLS_HALF_WIDTH
#undef LLS_INLINE
