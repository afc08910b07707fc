/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/bits.h"

#include "bayes/graph.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

/* More states than this, and the tables of pairs would be large. */
enum { MOST_STATES = 1024 };

/* --- kernels ------------------------------------------------------------------------------ */

/* Sums of neighbouring bits, pairs, nibbles; the product adds the bytes. */
static uint32_t bits_in(uint64_t x)
{
    x -= (x >> 1) & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)((x * UINT64_C(0x0101010101010101)) >> 56);
}

static void count_plain(const uint64_t *a, const uint64_t *b, size_t words, size_t stride,
                        uint32_t blocks, uint32_t *counts)
{
    for (uint32_t block = 0; block < blocks; block++, b += LLS_BITS_LANES) {
        uint32_t *to = counts + (size_t)block * LLS_BITS_LANES;
        memset(to, 0, LLS_BITS_LANES * sizeof *to);
        for (size_t i = 0; i < words; i++)
            for (uint32_t k = 0; a[i] != 0 && k < LLS_BITS_LANES; k++)
                to[k] += bits_in(a[i] & b[i * stride + k]);
    }
}

static const lls_bits_kernel plain = {"plain", 2, count_plain};

#if defined(__x86_64__) && defined(__GNUC__)

__attribute__((target("popcnt"))) static inline uint32_t shared(uint64_t a, uint64_t b)
{
    return (uint32_t)__builtin_popcountll(a & b);
}

/* Half a block at a time: so many sums stay in registers. */
__attribute__((target("popcnt"))) static void count_popcnt(const uint64_t *a, const uint64_t *b,
                                                           size_t words, size_t stride,
                                                           uint32_t blocks, uint32_t *counts)
{
    for (uint32_t half = 0; half < 2 * blocks; half++, b += LLS_BITS_LANES / 2) {
        uint32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (size_t i = 0; i < words; i++) {
            const uint64_t *sets = b + i * stride;
            sum0 += shared(a[i], sets[0]);
            sum1 += shared(a[i], sets[1]);
            sum2 += shared(a[i], sets[2]);
            sum3 += shared(a[i], sets[3]);
        }
        uint32_t *to = counts + (size_t)half * (LLS_BITS_LANES / 2);
        to[0] = sum0;
        to[1] = sum1;
        to[2] = sum2;
        to[3] = sum3;
    }
}

static const lls_bits_kernel popcnt = {"popcnt", 12, count_popcnt};

#define LLS_TARGET __attribute__((target("avx512f,avx512vpopcntdq")))

/* sum + bits of the word in each of eight sets */
LLS_TARGET static inline __m512i add_bits(__m512i sum, __m512i word, const uint64_t *sets)
{
    __m512i both = _mm512_and_si512(word, _mm512_loadu_si512(sets));
    return _mm512_add_epi64(sum, _mm512_popcnt_epi64(both));
}

LLS_TARGET static inline void store_counts(uint32_t *to, __m512i sum)
{
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi64_epi32(sum));
}

/* Four blocks at once, so that sums do not wait for each other. */
LLS_TARGET static void count_avx512(const uint64_t *a, const uint64_t *b, size_t words,
                                    size_t stride, uint32_t blocks, uint32_t *counts)
{
    for (; blocks >= 4; blocks -= 4, b += 4 * LLS_BITS_LANES, counts += 4 * LLS_BITS_LANES) {
        __m512i sum0 = _mm512_setzero_si512(), sum1 = sum0, sum2 = sum0, sum3 = sum0;
        for (size_t i = 0; i < words; i++) {
            __m512i word = _mm512_set1_epi64((int64_t)a[i]);
            sum0 = add_bits(sum0, word, b + i * stride);
            sum1 = add_bits(sum1, word, b + i * stride + LLS_BITS_LANES);
            sum2 = add_bits(sum2, word, b + i * stride + 2 * LLS_BITS_LANES);
            sum3 = add_bits(sum3, word, b + i * stride + 3 * LLS_BITS_LANES);
        }
        store_counts(counts, sum0);
        store_counts(counts + LLS_BITS_LANES, sum1);
        store_counts(counts + 2 * LLS_BITS_LANES, sum2);
        store_counts(counts + 3 * LLS_BITS_LANES, sum3);
    }
    for (; blocks > 0; blocks--, b += LLS_BITS_LANES, counts += LLS_BITS_LANES) {
        __m512i sum = _mm512_setzero_si512();
        for (size_t i = 0; i < words; i++)
            sum = add_bits(sum, _mm512_set1_epi64((int64_t)a[i]), b + i * stride);
        store_counts(counts, sum);
    }
}

#undef LLS_TARGET

static const lls_bits_kernel avx512 = {"avx512", 64, count_avx512};

const lls_bits_kernel *lls_bits_kernel_at(const llmsched_context *context, uint32_t index)
{
    const lls_bits_kernel *const kernels[] = {&plain, &popcnt, &avx512};
    uint32_t best = context->cpu & LLS_CPU_VPOPCNT ? 2 : context->cpu & LLS_CPU_POPCNT ? 1 : 0;
    return index <= best ? kernels[index] : NULL;
}

#else

const lls_bits_kernel *lls_bits_kernel_at(const llmsched_context *context, uint32_t index)
{
    LLS_UNUSED(context);
    return index == 0 ? &plain : NULL;
}

#endif

/* --- sets and pairs ------------------------------------------------------------------------ */

static uint32_t states_of(const lls_bits *b, uint32_t column)
{
    return b->state[column + 1] - b->state[column];
}

static uint32_t *pairs_of(const lls_bits *b, uint32_t x, uint32_t state, uint32_t y)
{
    return b->pairs + (size_t)(b->state[x] + state) * b->state[b->columns] + b->state[y];
}

/* 64 rows of a column at a time. */
static void fill_sets(lls_bits *b)
{
    size_t rows = b->scorer->table->rows;
    for (uint32_t c = 0; c < b->columns; c++) {
        const uint32_t *cells = lls_scorer_column(b->scorer, c);
        uint32_t states = states_of(b, c);
        for (size_t w = 0; w < b->words && !b->scorer->gaps[c]; w++) {
            uint64_t sets[MOST_STATES], *to = b->sets + w * b->stride + b->lane[c];
            size_t start = w * 64, count = rows - start < 64 ? rows - start : 64;
            memset(sets, 0, states * sizeof *sets);
            for (size_t r = 0; r < count; r++)
                sets[cells[start + r]] |= UINT64_C(1) << r;
            memcpy(to, sets, (states - 1) * sizeof *to);
            for (uint32_t k = 0; k < states; k++)
                pairs_of(b, c, k, c)[k] += bits_in(sets[k]);
        }
    }
}

/* counts[0 .. n - 1] are known, and what they leave of the whole is the last. */
static void leave(uint32_t *counts, uint32_t n, uint32_t whole)
{
    for (uint32_t k = 0; k < n; k++)
        whole -= counts[k];
    counts[n] = whole;
}

/* Rows that show a state, by column: pairs[state][state]. */
static uint32_t single(const lls_bits *b, uint32_t column, uint32_t state)
{
    return pairs_of(b, column, state, column)[state];
}

/* Pairs of column x with all others, whose own pairs are known. */
static void fill_pairs(lls_bits *b, uint32_t x, uint32_t *counts)
{
    uint32_t nx = states_of(b, x), blocks = (uint32_t)(b->stride / LLS_BITS_LANES);
    for (uint32_t i = 0; i + 1 < nx; i++) {
        for (size_t w = 0; w < b->words; w++)
            b->one[w] = b->sets[w * b->stride + b->lane[x] + i];
        b->kernel->count(b->one, b->sets, b->words, b->stride, blocks, counts);
        for (uint32_t y = 0; y < b->columns; y++) {
            uint32_t *row = pairs_of(b, x, i, y), ny = states_of(b, y);
            if (y == x)
                continue;
            memcpy(row, counts + b->lane[y], (ny - 1) * sizeof *row);
            leave(row, ny - 1, single(b, x, i));
        }
    }
    for (uint32_t y = 0; y < b->columns; y++) {
        for (uint32_t k = 0; y != x && k < states_of(b, y); k++) {
            uint32_t rest = single(b, y, k);
            for (uint32_t i = 0; i + 1 < nx; i++)
                rest -= pairs_of(b, x, i, y)[k];
            pairs_of(b, x, nx - 1, y)[k] = rest;
        }
    }
}

/* --- lifetime ----------------------------------------------------------------------------- */

static llmsched_status allocate(lls_bits *b, llmsched_error *err)
{
    size_t n = b->columns, states = b->state[n];
    b->stride = (b->lane[n] + LLS_BITS_LANES - 1) / LLS_BITS_LANES * LLS_BITS_LANES;
    b->sets = lls_calloc(b->context, b->words * b->stride, sizeof *b->sets);
    b->one = lls_calloc(b->context, b->words, sizeof *b->one);
    b->pairs = lls_calloc(b->context, states * states, sizeof *b->pairs);
    return b->sets != NULL && b->one != NULL && b->pairs != NULL ? LLMSCHED_OK
                                                                 : lls_fail_memory(err);
}

llmsched_status lls_bits_init(lls_bits *b, const lls_scorer *scorer, llmsched_error *err)
{
    const lls_table *t = scorer->table;
    uint64_t states = 0;
    *b = (lls_bits){.context = scorer->context,
                    .scorer = scorer,
                    .columns = t->columns,
                    .words = (t->rows + 63) / 64};
    for (uint32_t c = 0; c < t->columns; c++)
        states += t->states[c];
    if (states > MOST_STATES)
        return LLMSCHED_OK;
    b->state = lls_calloc(b->context, (size_t)t->columns + 1, sizeof *b->state);
    b->lane = lls_calloc(b->context, (size_t)t->columns + 1, sizeof *b->lane);
    if (b->state == NULL || b->lane == NULL)
        return lls_fail_memory(err);
    for (uint32_t c = 0; c < t->columns; c++) {
        b->state[c + 1] = b->state[c] + t->states[c];
        b->lane[c + 1] = b->lane[c] + t->states[c] - 1;
    }
    llmsched_status status = allocate(b, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t i = 0; lls_bits_kernel_at(b->context, i) != NULL; i++)
        b->kernel = lls_bits_kernel_at(b->context, i);
    uint32_t counts[MOST_STATES + LLS_BITS_LANES];
    fill_sets(b);
    for (uint32_t x = 0; x < b->columns; x++)
        fill_pairs(b, x, counts);
    return LLMSCHED_OK;
}

void lls_bits_finish(lls_bits *b)
{
    if (b->context == NULL)
        return;
    lls_free(b->context, b->found);
    lls_free(b->context, b->pairs);
    lls_free(b->context, b->one);
    lls_free(b->context, b->sets);
    lls_free(b->context, b->lane);
    lls_free(b->context, b->state);
    memset(b, 0, sizeof *b);
}

/* --- counting ------------------------------------------------------------------------------ */

bool lls_bits_suit(const lls_bits *b, uint32_t child, uint32_t parent)
{
    if (b->kernel == NULL)
        return false;
    return parent == LLS_NONE32 ||
           (uint64_t)(states_of(b, child) - 1) * (states_of(b, parent) - 1) <= b->kernel->most;
}

/* The rows of one state of each. */
static void intersect(lls_bits *b, uint32_t child, uint32_t c, uint32_t parent, uint32_t p)
{
    const uint64_t *x = b->sets + b->lane[child] + c, *y = b->sets + b->lane[parent] + p;
    for (size_t w = 0; w < b->words; w++)
        b->one[w] = x[w * b->stride] & y[w * b->stride];
}

bool lls_bits_count(lls_bits *b, uint32_t child, uint32_t parent, uint32_t first, uint32_t last)
{
    b->child = child;
    b->parent = parent;
    if (parent == LLS_NONE32)
        return true;
    uint32_t nc = states_of(b, child), np = states_of(b, parent);
    size_t from = b->lane[first] / LLS_BITS_LANES * LLS_BITS_LANES;
    uint32_t blocks = (uint32_t)((b->lane[last + 1] - from + LLS_BITS_LANES - 1) / LLS_BITS_LANES);
    if (!lls_grow(b->context, (void **)&b->found, &b->found_capacity,
                  (size_t)(nc - 1) * (np - 1) * b->stride, sizeof *b->found))
        return false;
    uint32_t *to = b->found + from;
    for (uint32_t p = 0; p + 1 < np; p++)
        for (uint32_t c = 0; c + 1 < nc; c++, to += b->stride) {
            intersect(b, child, c, parent, p);
            b->kernel->count(b->one, b->sets + from, b->words, b->stride, blocks, to);
        }
    return true;
}

void lls_bits_single(const lls_bits *b, uint32_t column, uint32_t *counts)
{
    for (uint32_t k = 0; k < states_of(b, column); k++)
        counts[k] = single(b, column, k);
}

static void take_pair(const lls_bits *b, uint32_t column, uint32_t *counts)
{
    uint32_t nc = states_of(b, b->child);
    for (uint32_t k = 0; k < states_of(b, column); k++)
        memcpy(counts + (size_t)k * nc, pairs_of(b, column, k, b->child), nc * sizeof *counts);
}

void lls_bits_take(const lls_bits *b, uint32_t column, uint32_t *counts)
{
    if (b->parent == LLS_NONE32) {
        take_pair(b, column, counts);
        return;
    }
    uint32_t nc = states_of(b, b->child), np = states_of(b, b->parent), nk = states_of(b, column);
    size_t step = (size_t)np * nc;
    uint32_t *rest = counts + (nk - 1) * step; /* what the column's other states leave */
    for (uint32_t p = 0; p < np; p++)
        memcpy(rest + (size_t)p * nc, pairs_of(b, b->parent, p, b->child), nc * sizeof *rest);
    for (uint32_t k = 0; k + 1 < nk; k++) {
        uint32_t *at = counts + k * step, *end = at + (size_t)(np - 1) * nc;
        const uint32_t *found = b->found + b->lane[column] + k;
        memcpy(end, pairs_of(b, column, k, b->child), nc * sizeof *end);
        for (uint32_t p = 0; p + 1 < np; p++) {
            uint32_t *row = at + (size_t)p * nc;
            for (uint32_t c = 0; c + 1 < nc; c++, found += b->stride) {
                row[c] = *found;
                end[c] -= *found;
            }
            leave(row, nc - 1, pairs_of(b, column, k, b->parent)[p]);
            end[nc - 1] -= row[nc - 1];
        }
        for (size_t i = 0; i < step; i++)
            rest[i] -= at[i];
    }
}
