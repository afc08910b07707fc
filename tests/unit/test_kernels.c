/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every set of kernels against plain loops, and against each other bit by bit.
 */
#include "context.h"
#include "networks.h"

#include "bayes/inference.h"

enum { ENTRIES = 4096 };

static double a[ENTRIES], b[ENTRIES], out[ENTRIES], first[ENTRIES];

static void draw(lls_random *random)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        a[i] = lls_random_uniform(random) * (lls_random_below(random, 5) != 0);
        b[i] = lls_random_uniform(random) * 0x1p-40;
    }
}

/* Random axes that read what lies inside the tables: `at` grows by extent. */
static lls_axes draw_axes(lls_random *random, uint32_t most, size_t *at, size_t *entries)
{
    lls_axes axes = {.count = lls_random_below(random, most + 1)};
    *entries = 1;
    for (uint32_t d = axes.count; d-- > 0;) {
        size_t extent = 2 + lls_random_below(random, 4), step = *at;
        axes.axis[d] =
            (lls_axis){extent, step, lls_random_below(random, 2) * lls_random_below(random, 9)};
        *at *= extent;
        *entries *= extent;
    }
    return axes;
}

static void offsets(const lls_axes *axes, size_t index, size_t *in_a, size_t *in_b)
{
    for (uint32_t d = axes->count; d-- > 0; index /= axes->axis[d].extent) {
        *in_a += index % axes->axis[d].extent * axes->axis[d].a;
        *in_b += index % axes->axis[d].extent * axes->axis[d].b;
    }
}

static double slow(const lls_axes *kept, const lls_axes *summed, size_t k, size_t rows, size_t lane)
{
    double sum = 0.0;
    for (size_t e = 0; e < rows; e++) {
        size_t in_a = 0, in_b = 0;
        offsets(kept, k, &in_a, &in_b);
        offsets(summed, e, &in_a, &in_b);
        sum += a[in_a + lane] * b[in_b];
    }
    return sum;
}

static void test_reduce(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 4);
    for (int round = 0; round < 400; round++) {
        size_t lanes = 1 + lls_random_below(&random, 20), at = lanes, columns, rows;
        draw(&random);
        lls_axes summed = draw_axes(&random, 2, &at, &rows);
        lls_axes kept = draw_axes(&random, 2, &at, &columns);
        if (at > ENTRIES - LLS_SLACK)
            continue;
        for (uint32_t set = 0; lls_kernels_at(context, set) != NULL; set++) {
            memset(out, 0, sizeof out);
            lls_kernels_at(context, set)->reduce(a, b, &kept, &summed, lanes, out);
            for (size_t k = 0; k < columns; k++)
                for (size_t lane = 0; lane < lanes; lane++) {
                    double want = slow(&kept, &summed, k, rows, lane);
                    assert_true(fabs(out[k * lanes + lane] - want) <= 1e-13 * want);
                }
            for (size_t i = columns * lanes + LLS_SLACK; i < ENTRIES; i++)
                assert_true(out[i] == 0.0);
            if (set == 0)
                memcpy(first, out, sizeof out);
            assert_memory_equal(first, out, columns * lanes * sizeof *out);
        }
    }
}

static void test_multiply(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 5);
    for (int round = 0; round < 400; round++) {
        size_t lanes = 1 + lls_random_below(&random, 20), at = lanes, columns;
        draw(&random);
        lls_axes axes = draw_axes(&random, 3, &at, &columns);
        if (at > ENTRIES - LLS_SLACK)
            continue;
        for (uint32_t set = 0; lls_kernels_at(context, set) != NULL; set++) {
            memset(out, 0, sizeof out);
            lls_kernels_at(context, set)->multiply(a, b, &axes, lanes, out);
            for (size_t k = 0; k < columns; k++) {
                size_t in_a = 0, in_b = 0;
                offsets(&axes, k, &in_a, &in_b);
                for (size_t lane = 0; lane < lanes; lane++)
                    assert_true(out[k * lanes + lane] == a[in_a + lane] * b[in_b + lane]);
            }
            for (size_t i = columns * lanes; i < ENTRIES; i++)
                assert_true(out[i] == 0.0);
        }
        for (uint32_t set = 0; lls_kernels_at(context, set) != NULL; set++) {
            static double quotient[ENTRIES];
            lls_kernels_at(context, set)->divide(b, a, at, quotient);
            for (size_t i = 0; i < at; i++)
                assert_true(quotient[i] == (a[i] > 0.0 ? b[i] / a[i] : b[i]));
        }
        /* In place. */
        const lls_kernels *best = lls_kernels_best(context);
        best->multiply(a, b, &axes, lanes, a);
        assert_memory_equal(a, out, columns * lanes * sizeof *a);
    }
}

/* The short forms give the bits of the long ones. */
static void test_short_forms(void **state)
{
    (void)state;
    enum { TERMS = 40, STEP = 11 }; /* a and b have room */
    lls_random random;
    lls_random_seed(&random, 7);
    for (int round = 0; round < 300; round++) {
        size_t lanes = 1 + lls_random_below(&random, LLS_NARROW);
        size_t n = 1 + lls_random_below(&random, TERMS);
        size_t step = lanes + lls_random_below(&random, 3);
        const lls_axes none = {.count = 0}, terms = {.count = 1, .axis = {{n, step, 1}}};
        double want[LLS_NARROW + LLS_SLACK], got[LLS_NARROW + LLS_SLACK], parts[TERMS] = {0};
        for (size_t i = 0; i < TERMS * STEP; i++)
            a[i] = lls_random_uniform(&random);
        for (size_t i = 0; i < TERMS; i++)
            b[i] = lls_random_uniform(&random);
        const double sum = lls_row_sum(b, n);
        for (uint32_t set = 0; lls_kernels_at(context, set) != NULL; set++) {
            lls_kernels_at(context, 0)->reduce(a, b, &none, &terms, lanes, want);
            lls_kernels_at(context, set)->push(a, step, b, n, lanes, got);
            assert_memory_equal(got, want, lanes * sizeof *got);
            lls_kernels_at(context, set)->normalise(b, n, parts);
            for (size_t i = 0; i < TERMS; i++)
                assert_true(parts[i] == (i < n ? b[i] / sum : 0.0));
        }
    }
}

/* Marginals and P(evidence) of whole networks. */
static void test_networks(void **state)
{
    (void)state;
    static struct draft draft;
    llmsched_error err = {0};
    lls_random random;
    lls_random_seed(&random, 6);
    for (uint32_t round = 0; round < 200; round++) {
        llmsched_inference *inf = NULL;
        double want[256], got[256], p = 0.0, q = 0.0;
        draft_random(&draft, &random, 1 + lls_random_below(&random, 12), 12 - round % 9, 2, 0.1);
        llmsched_network *n = draft_build(&draft, context);
        const double likelihood[12] = {1, 0.5, 0.25, 0, 3, 1, 0, 2, 1, 1, 0, 5};
        assert_ok(llmsched_inference_create(n, &inf, &err), err);
        for (uint32_t i = 0; i < draft.count; i++) {
            uint32_t states = draft.nodes[i].state_count, what = lls_random_below(&random, 4);
            if (what == 0)
                (void)llmsched_inference_set_state(inf, i, lls_random_below(&random, states), NULL);
            if (what == 1)
                (void)llmsched_inference_set_likelihood(inf, i, likelihood, states, NULL);
        }
        for (uint32_t set = 0; lls_kernels_at(context, set) != NULL; set++) {
            memset(got, 0, sizeof got);
            inf->posterior.kernels = lls_kernels_at(context, set);
            lls_posterior_forget(inf);
            if (lls_inference_marginals(inf, got, NULL) == LLMSCHED_OK)
                assert_ok(llmsched_inference_log_probability(inf, &q, &err), err);
            if (set == 0) {
                memcpy(want, got, sizeof want);
                p = q;
            }
            assert_memory_equal(want, got, sizeof want);
            assert_true(p == q);
        }
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
}

static void test_sets(void **state)
{
    (void)state;
    uint32_t count = 0;
    while (lls_kernels_at(context, count) != NULL)
        count++;
    assert_true(count >= 1);
    assert_ptr_equal(lls_kernels_best(context), lls_kernels_at(context, count - 1));
    assert_null(lls_kernels_at(context, count + 7));
    assert_string_equal(lls_kernels_at(context, 0)->name, "plain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reduce),      cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_short_forms), cmocka_unit_test(test_networks),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
