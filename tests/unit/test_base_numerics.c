/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes and random numbers against published vectors, numerics against the C library. */
#include "check.h"

#include "base/internal.h"

#include <float.h>

/* --- hashes and random numbers ------------------------------------------------- */

/* Vectors: the FNV authors' test suite. */
static void fnv_known_vectors(void **state)
{
    (void)state;
    assert_true(lls_fnv1a64("", 0, LLS_FNV_OFFSET) == UINT64_C(0xcbf29ce484222325));
    assert_true(lls_fnv1a64("a", 1, LLS_FNV_OFFSET) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(lls_fnv1a64("foobar", 6, LLS_FNV_OFFSET) == UINT64_C(0x85944171f73967e8));
    uint64_t parts = lls_fnv1a64("bar", 3, lls_fnv1a64("foo", 3, LLS_FNV_OFFSET));
    assert_true(parts == UINT64_C(0x85944171f73967e8));
}

/* Vectors: the reference implementation with seed 1234567. */
static void splitmix_known_vectors(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973), UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821)};
    uint64_t s = 1234567;
    for (size_t i = 0; i < LLS_COUNT(expected); i++)
        assert_true(lls_splitmix64(&s) == expected[i]);
}

/* Vectors: the reference implementation of xoshiro256** from the state 1, 2, 3, 4. */
static void xoshiro_known_vectors(void **state)
{
    (void)state;
    static const uint64_t expected[] = {UINT64_C(11520),
                                        UINT64_C(0),
                                        UINT64_C(1509978240),
                                        UINT64_C(1215971899390074240),
                                        UINT64_C(1216172134540287360),
                                        UINT64_C(607988272756665600),
                                        UINT64_C(16172922978634559625),
                                        UINT64_C(8476171486693032832),
                                        UINT64_C(10595114339597558777),
                                        UINT64_C(2904607092377533576)};
    lls_random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < LLS_COUNT(expected); i++)
        assert_true(lls_random_next(&random) == expected[i]);
}

static void seeding_is_four_steps_of_splitmix(void **state)
{
    (void)state;
    lls_random random;
    uint64_t s = 42;
    lls_random_seed(&random, 42);
    for (size_t i = 0; i < 4; i++)
        assert_true(random.state[i] == lls_splitmix64(&s));
}

static void uniform_fills_the_unit_interval(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 3);
    double sum = 0, least = 1, most = 0;
    for (int i = 0; i < 100000; i++) {
        double u = lls_random_uniform(&random);
        assert_true(u >= 0 && u < 1);
        sum += u;
        least = fmin(least, u);
        most = fmax(most, u);
    }
    assert_double_equal(sum / 100000, 0.5, 0.005);
    assert_true(least < 0.001 && most > 0.999);
}

static void below_is_even(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 4);
    uint32_t counts[7] = {0};
    for (int i = 0; i < 70000; i++)
        counts[lls_random_below(&random, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_true(counts[i] > 9600 && counts[i] < 10400);
    assert_int_equal(lls_random_below(&random, 1), 0);
    /* With 3 * 2^30, plain scaling of 32 bits would give every third value twice as often. */
    uint32_t third = 0, bound = UINT32_C(3) << 30;
    for (int i = 0; i < 30000; i++) {
        uint32_t value = lls_random_below(&random, bound);
        assert_true(value < bound);
        third += value % 3 == 0;
    }
    assert_true(third > 9600 && third < 10400);
}

/* --- numerics ---------------------------------------------------------------------- */

static void lgamma_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (double x = 1e-320; x < 1e304; x *= 1.7)
        assert_double_equal(lls_lgamma(x) / fmax(1, fabs(lgamma(x))),
                            lgamma(x) / fmax(1, fabs(lgamma(x))), 1e-13);
    for (int k = 1; k <= 400; k++)
        assert_double_equal(lls_lgamma(k * 0.5), lgamma(k * 0.5), 1e-14);
    assert_double_equal(lls_lgamma(1), 0, 1e-15);
    assert_double_equal(lls_lgamma(11), log(3628800), 1e-15);
}

/* None of these may reach GSL's error handler, which would abort. */
static void lgamma_outside_its_domain(void **state)
{
    (void)state;
    assert_true(isnan(lls_lgamma(0)));
    assert_true(isnan(lls_lgamma(-1)));
    assert_true(isnan(lls_lgamma(-0.5)));
    assert_true(isnan(lls_lgamma(NAN)));
    assert_true(isnan(lls_lgamma(-INFINITY)));
    assert_true(isinf(lls_lgamma(INFINITY)));
    assert_true(lls_lgamma(DBL_MAX) > 1e308);
    assert_double_equal(lls_lgamma(DBL_TRUE_MIN), -log(DBL_TRUE_MIN), 1e-15);
}

static void entropy_of_known_distributions(void **state)
{
    (void)state;
    double p[8];
    for (int i = 0; i < 8; i++)
        p[i] = 0.125;
    assert_double_equal(lls_entropy(p, 8), log(8), 1e-15);
    const double sure[] = {0, 1, 0};
    assert_true(lls_entropy(sure, 3) == 0 && !signbit(lls_entropy(sure, 3)));
    const double over[] = {1.0 + DBL_EPSILON};
    assert_true(lls_entropy(over, 1) == 0);
    const double two[] = {0.25, 0.75};
    assert_double_equal(lls_entropy(two, 2), 2 * log(2) - 0.75 * log(3), 1e-15);
    assert_true(lls_entropy(NULL, 0) == 0);
    assert_true(lls_xlogx(0) == 0);
    assert_double_equal(lls_xlogx(2), 2 * log(2), 1e-15);
    assert_true(isnan(lls_xlogx(-1)));
}

static void sum_compensates(void **state)
{
    (void)state;
    const double values[] = {1, 1e100, 1, -1e100};
    assert_true(lls_sum(values, 4) == 2);
    double tenths[1000];
    for (int i = 0; i < 1000; i++)
        tenths[i] = 0.1;
    assert_true(lls_sum(tenths, 1000) == 100);
    const double huge[] = {DBL_MAX, DBL_MAX};
    assert_true(isinf(lls_sum(huge, 2)));
    assert_true(lls_sum(NULL, 0) == 0);
}

static void quantile_is_nearest_rank(void **state)
{
    (void)state;
    double values[200];
    for (int i = 0; i < 200; i++)
        values[i] = i + 1;
    /* Integer arithmetic as the twin: the smallest rank r with 100 r >= percent n. */
    for (size_t n = 1; n <= 200; n++)
        for (size_t percent = 1; percent <= 100; percent++) {
            size_t rank = (percent * n + 99) / 100;
            double p = (double)percent / 100.0;
            assert_true(lls_quantile_sorted(values, n, p) == (double)rank);
        }
    assert_true(lls_quantile_sorted(values, 7, 1e-300) == 1);
    assert_true(lls_quantile_sorted(values, 7, 2) == 7);
    assert_true(isnan(lls_quantile_sorted(values, 0, 0.5)));
    assert_true(isnan(lls_quantile_sorted(values, 7, NAN)));
}

static void sort_sorts(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 5);
    for (size_t n = 0; n < 60; n++) {
        double values[60], sum = 0;
        for (size_t i = 0; i < n; i++) {
            values[i] = lls_random_below(&random, 20);
            sum += values[i];
        }
        lls_sort(values, n);
        for (size_t i = 1; i < n; i++)
            assert_true(values[i - 1] <= values[i]);
        assert_true(lls_sum(values, n) == sum);
    }
}

static void test_sort_pairs(void **state)
{
    (void)state;
    double keys[] = {3, -1, 2, 2.5}, values[] = {30, -10, 20, 25};
    lls_sort_pairs(keys, values, 4);
    for (int i = 0; i < 4; i++)
        assert_true(values[i] == 10 * keys[i] && (i == 0 || keys[i] > keys[i - 1]));
    lls_sort_pairs(keys, values, 0);
}

/* Against the definition, and back again. */
static void test_fourier(void **state)
{
    (void)state;
    enum { MOST = 256 };
    double roots[MOST], x[MOST], y[MOST], re[MOST], im[MOST];
    lls_random random;
    lls_random_seed(&random, 12);
    for (uint32_t n = 1; n <= MOST; n *= 2) {
        lls_fourier_roots(n, roots);
        for (uint32_t j = 0; j < n; j++) {
            re[j] = x[j] = lls_random_uniform(&random) - 0.5;
            im[j] = y[j] = lls_random_uniform(&random);
        }
        lls_fourier(n, roots, re, im);
        for (uint32_t k = 0; k < n; k++) {
            double a = 0, b = 0;
            for (uint32_t j = 0; j < n; j++) {
                double angle = -2 * 3.14159265358979323846 * (double)(j * k % n) / n;
                a += x[j] * cos(angle) - y[j] * sin(angle);
                b += x[j] * sin(angle) + y[j] * cos(angle);
            }
            assert_double_equal(re[k], a, 1e-13);
            assert_double_equal(im[k], b, 1e-13);
        }
        for (uint32_t k = 0; k < n; k++)
            im[k] = -im[k];
        lls_fourier(n, roots, re, im);
        for (uint32_t j = 0; j < n; j++) {
            assert_double_equal(re[j] / n, x[j], 1e-14);
            assert_double_equal(-im[j] / n, y[j], 1e-14);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_pairs),
        cmocka_unit_test(test_fourier),
        cmocka_unit_test(fnv_known_vectors),
        cmocka_unit_test(splitmix_known_vectors),
        cmocka_unit_test(xoshiro_known_vectors),
        cmocka_unit_test(seeding_is_four_steps_of_splitmix),
        cmocka_unit_test(uniform_fills_the_unit_interval),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(lgamma_agrees_with_the_c_library),
        cmocka_unit_test(lgamma_outside_its_domain),
        cmocka_unit_test(entropy_of_known_distributions),
        cmocka_unit_test(sum_compensates),
        cmocka_unit_test(quantile_is_nearest_rank),
        cmocka_unit_test(sort_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
