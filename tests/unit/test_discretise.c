/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations to bins.
 */
#include "context.h"
#include "networks.h"

#include <float.h>

enum { MOST = 64 };

static llmsched_error err;

static uint32_t bins_of(const double *values, size_t n, uint32_t bins, uint32_t thin, lls_bin *out)
{
    uint32_t count = 0;
    assert_ok(lls_discretise(context, values, n, bins, thin, out, &count, &err), err);
    return count;
}

static void test_equal_frequency(void **state)
{
    (void)state;
    const double values[12] = {64, 1, 2048, 2, 4, 1024, 8, 16, 512, 32, 128, 256};
    lls_bin out[4];
    assert_int_equal(bins_of(values, 12, 4, 1, out), 4);
    for (uint32_t b = 0; b < 4; b++)
        assert_int_equal(out[b].count, 3);
    assert_true(out[0].minimum == 1 && out[0].maximum == 4);
    assert_double_equal(out[0].mean, 7.0 / 3, 1e-15);
    /* Half-way between 4 and 8 in log space. */
    assert_double_equal(out[0].upper, sqrt(32.0), 1e-15);
    assert_true(out[3].maximum == 2048 && isinf(out[3].upper));
}

static void test_few_values(void **state)
{
    (void)state;
    const double one = 3.5, same[5] = {2, 2, 2, 2, 2}, two[2] = {5, 1};
    lls_bin out[6];
    assert_int_equal(bins_of(&one, 1, 6, 1, out), 1);
    assert_true(out[0].mean == 3.5 && out[0].minimum == 3.5 && out[0].count == 1);
    assert_int_equal(bins_of(same, 5, 6, 1, out), 1);
    assert_true(out[0].mean == 2 && out[0].count == 5 && isinf(out[0].upper));
    assert_int_equal(bins_of(two, 2, 6, 1, out), 2);
    assert_true(out[0].maximum == 1 && out[1].minimum == 5);
    assert_int_equal(bins_of(two, 2, 1, 1, out), 1);
    assert_int_equal(out[0].count, 2);
}

/* Equal values never straddle a cut, and what a block of ties takes too much is shared by the rest.
 */
static void test_ties(void **state)
{
    (void)state;
    const double values[10] = {0, 0, 0, 0, 0, 1, 2, 3, 4, 5};
    lls_bin out[4];
    assert_int_equal(bins_of(values, 10, 4, 1, out), 4);
    assert_int_equal(out[0].count, 5);
    assert_true(out[0].mean == 0 && out[0].maximum == 0);
    assert_true(out[0].upper == 0.5); /* 0 has no logarithm: half-way as it is */
    assert_int_equal(out[1].count + out[2].count + out[3].count, 5);
    assert_int_equal(lls_bin_of(out, 4, 0.0), 0);
    assert_int_equal(lls_bin_of(out, 4, 0.5), 0);
    assert_int_equal(lls_bin_of(out, 4, 0.51), 1);
}

/* A cut inside a block of ties moves to its nearer end. */
static void test_nearest_end(void **state)
{
    (void)state;
    const double late[6] = {1, 2, 2, 2, 3, 4}, early[6] = {1, 1, 2, 2, 2, 3};
    lls_bin out[2];
    assert_int_equal(bins_of(late, 6, 2, 1, out), 2);
    assert_int_equal(out[0].count, 4);
    assert_int_equal(bins_of(early, 6, 2, 1, out), 2);
    assert_int_equal(out[0].count, 2);
}

static void test_thin_bins_join(void **state)
{
    (void)state;
    const double values[9] = {1, 1, 1, 1, 2, 8, 8, 8, 8};
    lls_bin out[3];
    assert_int_equal(bins_of(values, 9, 3, 1, out), 3);
    assert_int_equal(bins_of(values, 9, 3, 2, out), 2);
    assert_int_equal(out[0].count + out[1].count, 9);
    assert_int_equal(bins_of(values, 9, 3, 100, out), 1);
    assert_int_equal(out[0].count, 9);
}

static void test_extremes(void **state)
{
    (void)state;
    const double huge[4] = {DBL_MAX, DBL_MAX, DBL_MAX, DBL_MAX};
    const double close[2] = {1.0, 1.0 + DBL_EPSILON}, tiny[2] = {0.0, DBL_TRUE_MIN};
    lls_bin out[4];
    assert_int_equal(bins_of(huge, 4, 4, 1, out), 1);
    assert_true(out[0].mean == DBL_MAX);
    assert_int_equal(bins_of(close, 2, 2, 1, out), 2);
    assert_int_equal(lls_bin_of(out, 2, close[0]), 0);
    assert_int_equal(lls_bin_of(out, 2, close[1]), 1);
    assert_int_equal(bins_of(tiny, 2, 2, 1, out), 2);
    assert_int_equal(lls_bin_of(out, 2, 0.0), 0);
    assert_int_equal(lls_bin_of(out, 2, DBL_TRUE_MIN), 1);
}

/* What must hold of any bins, on random values with many ties. */
static void test_properties(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 40);
    for (int round = 0; round < 2000; round++) {
        double values[MOST], before[MOST];
        lls_bin out[8];
        size_t n = 1 + lls_random_below(&random, MOST);
        uint32_t bins = 1 + lls_random_below(&random, 8), thin = lls_random_below(&random, 10);
        uint32_t distinct = 1 + lls_random_below(&random, 40);
        uint64_t total = 0;
        for (size_t i = 0; i < n; i++)
            before[i] = values[i] = exp(lls_random_below(&random, distinct) / 3.0) - 1.0;
        uint32_t count = bins_of(values, n, bins, thin, out);
        assert_memory_equal(values, before, n * sizeof *values);
        assert_true(count >= 1 && count <= bins);
        for (uint32_t b = 0; b < count; b++) {
            uint64_t inside = 0;
            double sum = 0.0;
            for (size_t i = 0; i < n; i++) {
                if (lls_bin_of(out, count, values[i]) != b)
                    continue;
                assert_true(values[i] >= out[b].minimum && values[i] <= out[b].maximum);
                sum += values[i];
                inside++;
            }
            assert_int_equal(inside, out[b].count);
            assert_double_equal(out[b].mean, sum / (double)inside, 1e-12);
            assert_true(count == 1 || inside >= thin);
            assert_true(b + 1 == count
                            ? isinf(out[b].upper)
                            : out[b].upper >= out[b].maximum && out[b].upper < out[b + 1].minimum);
            total += inside;
        }
        assert_int_equal(total, n);
    }
}

static void test_arguments(void **state)
{
    (void)state;
    double values[3] = {1, 2, 3};
    lls_bin out[3];
    uint32_t count = 7;
    assert_fails(LLMSCHED_ERROR_INVALID, "no values",
                 lls_discretise(context, values, 0, 3, 1, out, &count, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "one bin",
                 lls_discretise(context, values, 3, 0, 1, out, &count, &err), err);
    const double bad[3] = {NAN, INFINITY, -1.0};
    for (int i = 0; i < 3; i++) {
        values[1] = bad[i];
        assert_fails(LLMSCHED_ERROR_INVALID, "value 1",
                     lls_discretise(context, values, 3, 3, 1, out, &count, &err), err);
    }
    assert_int_equal(count, 7);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const double values[3] = {1, 2, 3};
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *own = NULL;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    int64_t live = f.live;
    uint64_t fail_at;
    for (fail_at = 1; status == LLMSCHED_ERROR_MEMORY; fail_at++) {
        lls_bin out[3];
        uint32_t count = 7;
        f.fail_at = f.calls + fail_at;
        status = lls_discretise(own, values, 3, 3, 1, out, &count, &err);
        assert_true(status == LLMSCHED_OK ? count == 3 : count == 7);
        assert_int_equal(f.live, live);
    }
    assert_int_equal(status, LLMSCHED_OK);
    assert_true(fail_at > 2);
    llmsched_context_destroy(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_frequency),
        cmocka_unit_test(test_few_values),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_thin_bins_join),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_nearest_end),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
