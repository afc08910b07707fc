/* SPDX-License-Identifier: Apache-2.0 */
/* Quantiles in bounded memory beside those of the sorted values. */
#include "context.h"

#include "profile/sketch.h"

#include <stdlib.h>

static const double shares[] = {1e-9, 0.1, 0.25, 0.5, 0.9, 0.99, 1};

static void add(lls_sketch *s, double value, double weight)
{
    assert_true(lls_sketch_reserve(s, context));
    lls_sketch_add(s, value, weight);
}

/* From 1e-4 to 1e4, some of them equal, some 0. */
static double draw(lls_random *random)
{
    uint32_t kind = lls_random_below(random, 10);
    double value = exp(18.4 * (lls_random_uniform(random) - 0.5));
    return kind == 0 ? 0 : kind == 1 ? 1 : value;
}

static void test_few_values_are_exact(void **state)
{
    (void)state;
    double values[LLS_SKETCH_CELLS];
    lls_random random;
    lls_random_seed(&random, 1);
    for (uint32_t n = 1; n <= LLS_SKETCH_CELLS; n += n / 3 + 1) {
        lls_sketch s = {0};
        for (uint32_t i = 0; i < n; i++)
            add(&s, values[i] = draw(&random), 1);
        assert_double_equal(lls_sketch_mean(&s), lls_sum(values, n) / n, 0);
        lls_sort(values, n);
        for (uint32_t i = 0; i < LLS_COUNT(shares); i++)
            assert_double_equal(lls_sketch_quantile(&s, shares[i]),
                                lls_quantile_sorted(values, n, shares[i]), 0);
        lls_free(context, s.cells);
    }
}

static void test_many_values_are_close(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    double *values = malloc(MANY * sizeof *values);
    lls_sketch s = {0}, backwards = {0};
    lls_random random;
    assert_non_null(values);
    lls_random_seed(&random, 2);
    for (uint32_t i = 0; i < MANY; i++)
        add(&s, values[i] = draw(&random), 1);
    for (uint32_t i = MANY; i-- > 0;)
        add(&backwards, values[i], 1);
    assert_true(s.count <= LLS_SKETCH_CELLS && s.capacity < 4 * LLS_SKETCH_CELLS);
    assert_int_equal(s.shift, backwards.shift);
    assert_int_equal(s.count, backwards.count);
    for (uint32_t i = 0; i < s.count; i++)
        assert_true(s.cells[i].key == backwards.cells[i].key &&
                    s.cells[i].weight == backwards.cells[i].weight);
    lls_sort(values, MANY);
    for (uint32_t i = 0; i < LLS_COUNT(shares); i++) {
        double exact = lls_quantile_sorted(values, MANY, shares[i]);
        double near = lls_sketch_quantile(&s, shares[i]);
        assert_true(fabs(near - exact) <= 0.02 * exact);
    }
    lls_free(context, s.cells);
    lls_free(context, backwards.cells);
    free(values);
}

/* Weights count as repeats, and all may be scaled. */
static void test_weights(void **state)
{
    (void)state;
    lls_sketch once = {0}, often = {0};
    lls_random random;
    lls_random_seed(&random, 3);
    for (uint32_t i = 0; i < 300; i++) {
        double value = draw(&random);
        uint32_t weight = 1 + lls_random_below(&random, 4);
        add(&once, value, weight);
        for (uint32_t k = 0; k < weight; k++)
            add(&often, value, 1);
    }
    lls_sketch_scale(&once, 0.25);
    assert_double_equal(lls_sketch_mean(&once), lls_sketch_mean(&often), 1e-12);
    for (uint32_t i = 0; i < LLS_COUNT(shares); i++)
        assert_double_equal(lls_sketch_quantile(&once, shares[i]),
                            lls_sketch_quantile(&often, shares[i]), 0);
    for (uint32_t i = 0; i < 5; i++)
        lls_sketch_scale(&once, 1e-100);
    assert_double_equal(lls_sketch_mean(&once), lls_sketch_mean(&often), 1e-12);
    lls_free(context, once.cells);
    lls_free(context, often.cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_values_are_exact),
        cmocka_unit_test(test_many_values_are_close),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
