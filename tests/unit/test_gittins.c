/* SPDX-License-Identifier: Apache-2.0 */
/* The Gittins index: known values, a slow twin, refusals. */
#include "check.h"

#include "base/internal.h"
#include "llmsched/quantifier.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 12 };

static double index_of(const double *values, const double *shares, uint32_t count, double age)
{
    llmsched_error err = {.size = sizeof err};
    double index = NAN;
    assert_ok(llmsched_gittins_index(values, shares, count, age, &index, &err), err);
    return index;
}

static void test_known_values(void **state)
{
    (void)state;
    const double even[] = {0.5, 0.5};
    /* Stopping at 1 costs 1 and ends half of them. */
    assert_double_equal(2, index_of((double[]){1, 100}, even, 2, 0), 1e-12);
    /* Stopping at 50 costs 50 and ends half: 100; going on to 51 ends all: 50.5. */
    assert_double_equal(50.5, index_of((double[]){50, 51}, even, 2, 0), 1e-12);
    assert_double_equal(99, index_of((double[]){1, 100}, even, 2, 1), 1e-12);
    assert_double_equal(7, index_of((double[]){7}, (double[]){1}, 1, 0), 1e-12);
}

static void test_beyond_all_that_was_seen(void **state)
{
    (void)state;
    const double values[] = {1, 2}, shares[] = {1, 1};
    assert_double_equal(1, index_of(values, shares, 2, 2), 1e-12);
    assert_double_equal(4, index_of(values, shares, 2, 8), 1e-12);
    assert_double_equal(0.2, index_of((double[]){0}, shares, 1, 0), 1e-12);
}

/* Straight from the definition: min over D of E[min(X - a, D) | X > a] / P(X - a <= D | X > a),
 * with n equally likely points [sum over i <= k of (x_i - a) + (n - k)(x_k - a)] / k. */
static double twin(const double *values, const double *shares, uint32_t count, double age)
{
    double best = INFINITY;
    for (uint32_t k = 0; k < count; k++) {
        double cost = 0, ended = 0, d = values[k] - age;
        for (uint32_t i = 0; i < count; i++) {
            double left = values[i] - age;
            cost += left > 0 ? shares[i] * fmin(left, d) : 0;
            ended += left > 0 && left <= d ? shares[i] : 0;
        }
        if (d > 0 && ended > 0)
            best = fmin(best, cost / ended);
    }
    return best < INFINITY ? best : fmax(0.2, age / 2);
}

static void test_slow_twin(void **state)
{
    (void)state;
    const char *text = getenv("LLMSCHED_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 4;
    lls_random random;
    print_message("seed %llu\n", (unsigned long long)seed);
    lls_random_seed(&random, seed);
    for (uint32_t round = 0; round < 2000; round++) {
        double values[MOST], shares[MOST], x = 0;
        uint32_t count = 1 + lls_random_below(&random, MOST);
        for (uint32_t i = 0; i < count; i++) {
            /* Equal values and shares of 0 are allowed. */
            values[i] = x += lls_random_below(&random, 3) * exp(4 * lls_random_uniform(&random));
            shares[i] =
                i > 0 && lls_random_below(&random, 5) == 0 ? 0 : 0.1 + lls_random_uniform(&random);
        }
        double age = lls_random_below(&random, 2) * 1.1 * x * lls_random_uniform(&random);
        double expected = twin(values, shares, count, age);
        assert_double_equal(expected, index_of(values, shares, count, age), 1e-9);
    }
}

static void refused(const double *values, const double *shares, uint32_t count, double age)
{
    llmsched_error err = {.size = sizeof err};
    double index = 5;
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_gittins_index(values, shares, count, age, &index, &err), err);
    assert_true(index == 5);
}

static void test_refusals(void **state)
{
    (void)state;
    const double values[] = {1, 2}, shares[] = {1, 1};
    llmsched_error err = {.size = sizeof err};
    refused(NULL, shares, 2, 0);
    refused(values, NULL, 2, 0);
    refused(values, shares, 0, 0);
    refused(values, shares, 2, -1);
    refused(values, shares, 2, NAN);
    refused(values, shares, 2, INFINITY);
    refused((double[]){2, 1}, shares, 2, 0);
    refused((double[]){1, NAN}, shares, 2, 0);
    refused((double[]){1, INFINITY}, shares, 2, 0);
    refused(values, (double[]){1, -1}, 2, 0);
    refused(values, (double[]){1, NAN}, 2, 0);
    refused(values, (double[]){0, 0}, 2, 0);
    refused(values, (double[]){1e308, 1e308}, 2, 0);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_gittins_index(values, shares, 2, 0, NULL, &err),
                  err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_beyond_all_that_was_seen),
        cmocka_unit_test(test_slow_twin),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
