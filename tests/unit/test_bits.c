/* SPDX-License-Identifier: Apache-2.0 */
/* Counts by bits, with every kernel that this machine has, beside counts by rows. */
#include "context.h"

#include "bayes/bits.h"

#include <stdlib.h>

enum { MOST_ROWS = 700, COLUMNS = 9 };

static llmsched_error err;
static uint32_t cells[MOST_ROWS * COLUMNS];

/* Rows that show all three; parent LLS_NONE32: both. */
static uint32_t plain_count(const lls_table *t, const uint32_t *columns, const uint32_t *states)
{
    uint32_t found = 0;
    for (size_t r = 0; r < t->rows; r++) {
        bool all = true;
        for (uint32_t i = 0; i < 3; i++)
            all &= columns[i] == LLS_NONE32 || t->cells[r * COLUMNS + columns[i]] == states[i];
        found += all;
    }
    return found;
}

static void check(lls_bits *b, const lls_table *t, uint32_t child, uint32_t parent, uint32_t last)
{
    uint32_t nc = t->states[child], np = parent != LLS_NONE32 ? t->states[parent] : 1;
    uint32_t *counts = calloc((size_t)nc * np * t->states[last], sizeof *counts);
    assert_non_null(counts);
    lls_bits_take(b, last, counts);
    const uint32_t columns[3] = {child, parent, last};
    for (uint32_t l = 0, at = 0; l < t->states[last]; l++)
        for (uint32_t p = 0; p < np; p++)
            for (uint32_t c = 0; c < nc; c++, at++) {
                const uint32_t states[3] = {c, p, l};
                assert_int_equal(counts[at], plain_count(t, columns, states));
            }
    free(counts);
}

static void check_table(const lls_table *t)
{
    lls_scorer s;
    lls_bits b;
    assert_ok(lls_scorer_init(&s, context, t, LLS_SCORE_BIC, 1, 2, &err), err);
    assert_ok(lls_bits_init(&b, &s, &err), err);
    for (uint32_t k = 0; lls_bits_kernel_at(context, k) != NULL; k++) {
        b.kernel = lls_bits_kernel_at(context, k);
        for (uint32_t child = 0; child < COLUMNS; child += 2) {
            assert_true(lls_bits_count(&b, child, LLS_NONE32, 0, COLUMNS - 1));
            for (uint32_t last = 0; last < COLUMNS; last++)
                if (last != child)
                    check(&b, t, child, LLS_NONE32, last);
            for (uint32_t parent = 1; parent < COLUMNS; parent += 3) {
                uint32_t first = (child + parent) % 4;
                if (parent == child)
                    continue;
                assert_true(lls_bits_count(&b, child, parent, first, COLUMNS - 2));
                for (uint32_t last = first; last < COLUMNS - 1; last++)
                    if (last != child && last != parent)
                        check(&b, t, child, parent, last);
            }
        }
    }
    lls_bits_finish(&b);
    lls_scorer_finish(&s);
}

static void test_counts(void **state)
{
    (void)state;
    static const size_t rows[] = {1, 63, 64, 65, 200, MOST_ROWS};
    lls_random random;
    lls_random_seed(&random, 31);
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t states[COLUMNS];
        for (uint32_t c = 0; c < COLUMNS; c++)
            states[c] = c == 7 ? 20 : 1 + lls_random_below(&random, 5);
        for (size_t r = 0; r < rows[i] * COLUMNS; r++) {
            /* Skewed, so that some states stay unseen. */
            uint32_t n = states[r % COLUMNS], x = lls_random_below(&random, n);
            cells[r] = lls_random_below(&random, x + 1);
        }
        const lls_table t = {cells, rows[i], COLUMNS, states, NULL};
        check_table(&t);
    }
}

/* Blocks of sets in any number, and words with all bits. */
static void test_kernels_agree(void **state)
{
    (void)state;
    enum { WORDS = 37, BLOCKS = 11 };
    static uint64_t a[WORDS], b[WORDS * BLOCKS * LLS_BITS_LANES];
    lls_random random;
    lls_random_seed(&random, 5);
    for (uint32_t i = 0; i < WORDS; i++)
        a[i] = i % 5 == 0 ? 0 : i % 7 == 0 ? UINT64_MAX : lls_random_next(&random);
    for (uint32_t i = 0; i < WORDS * BLOCKS * LLS_BITS_LANES; i++)
        b[i] = i % 11 == 0 ? UINT64_MAX : lls_random_next(&random);
    for (uint32_t blocks = 1; blocks <= BLOCKS; blocks++) {
        uint32_t expected[BLOCKS * LLS_BITS_LANES] = {0};
        for (uint32_t w = 0; w < WORDS; w++)
            for (uint32_t k = 0; k < blocks * LLS_BITS_LANES; k++)
                for (uint32_t bit = 0; bit < 64; bit++)
                    expected[k] +=
                        (uint32_t)((a[w] & b[w * BLOCKS * LLS_BITS_LANES + k]) >> bit & 1);
        for (uint32_t i = 0; lls_bits_kernel_at(context, i) != NULL; i++) {
            uint32_t found[BLOCKS * LLS_BITS_LANES];
            lls_bits_kernel_at(context, i)
                ->count(a, b, WORDS, BLOCKS * LLS_BITS_LANES, blocks, found);
            assert_memory_equal(found, expected, blocks * LLS_BITS_LANES * sizeof *found);
        }
    }
}

/* Too many states for tables of pairs: not a table for this. */
static void test_many_states_are_left_to_others(void **state)
{
    (void)state;
    uint32_t states[COLUMNS];
    for (uint32_t c = 0; c < COLUMNS; c++)
        states[c] = 2000;
    memset(cells, 0, sizeof cells);
    const lls_table t = {cells, 10, COLUMNS, states, NULL};
    lls_scorer s;
    lls_bits b;
    assert_ok(lls_scorer_init(&s, context, &t, LLS_SCORE_BIC, 1, 2, &err), err);
    assert_ok(lls_bits_init(&b, &s, &err), err);
    assert_false(lls_bits_suit(&b, 0, LLS_NONE32));
    lls_bits_finish(&b);
    lls_scorer_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_kernels_agree),
        cmocka_unit_test(test_many_states_are_left_to_others),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
