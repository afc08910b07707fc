/* SPDX-License-Identifier: Apache-2.0 */
/* Expectations of products, and moments of sums over a part of the nodes, against enumeration. */
#include "context.h"
#include "evidence.h"

#include "bayes/inference.h"

enum { STATES = 64, WIDTH = 2 * LLS_LANES };

static llmsched_error err;

/* Of one lane: the real and the imaginary part. */
static void twin_product(const struct twin *t, const uint8_t *shares, const double *factors,
                         uint32_t lane, double *re, double *im)
{
    uint32_t states[TWIN_NODES];
    *re = *im = 0;
    for (size_t i = 0; i < t->size; i++) {
        double a = t->p[i] / t->total, b = 0;
        size_t offset = 0;
        twin_decode(t, i, states);
        for (uint32_t n = 0; n < t->nodes; offset += t->states[n++]) {
            const double *f = factors + (offset + states[n]) * WIDTH + lane;
            double next = a * f[0] - b * f[LLS_LANES];
            if (!shares[n])
                continue;
            b = a * f[LLS_LANES] + b * f[0];
            a = next;
        }
        *re += a;
        *im += b;
    }
}

static void check_product(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    uint8_t shares[TWIN_NODES];
    double factors[STATES * WIDTH], result[WIDTH];
    lls_products *products = NULL;
    for (uint32_t n = 0; n < TWIN_NODES; n++)
        shares[n] = lls_random_below(random, 2) != 0;
    for (uint32_t i = 0; i < STATES * WIDTH; i++)
        factors[i] = 2.0 * lls_random_uniform(random) - 1.0;
    assert_ok(lls_products_open(inf, shares, UINT64_MAX, &products, &err), err);
    lls_products_expect(products, factors, result);
    for (uint32_t l = 0; l < LLS_LANES; l++) {
        double re, im;
        twin_product(t, shares, factors, l, &re, &im);
        assert_double_equal(result[l], re, 1e-12);
        assert_double_equal(result[LLS_LANES + l], im, 1e-12);
    }
    lls_products_close(products);
}

/* Where few nodes have values, what has no share in the sum is left out. */
static void check_few_values(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    double values[STATES] = {0}, mean, variance, m, v;
    uint32_t offset = 0;
    for (uint32_t n = 0; n < t->nodes; offset += t->states[n++])
        for (uint32_t s = 0, some = lls_random_below(random, 3); s < t->states[n]; s++)
            values[offset + s] = some == 0 ? 5 * lls_random_uniform(random) : 0;
    twin_moments(t, values, &m, &v);
    assert_ok(lls_inference_moments(inf, values, &mean, &variance, &err), err);
    assert_double_equal(mean, m, 1e-11);
    assert_double_equal(variance, v, 1e-11);
}

static void test_random_networks(void **state)
{
    (void)state;
    static struct draft draft;
    lls_random random;
    int quick = 0, careful = 0;
    double likelihoods[TWIN_NODES][8];
    lls_random_seed(&random, 61);
    for (int round = 0; round < 150; round++) {
        struct twin twin;
        draft_random(&draft, &random, 2 + lls_random_below(&random, 7), 4, 3,
                     round % 2 == 0 ? 0.0 : 0.2);
        llmsched_network *network = draft_build(&draft, context);
        llmsched_inference *inf = infer(network);
        twin_start(&twin, network);
        for (int e = 0; e < 4; e++) {
            llmsched_inference_clear(inf);
            draw_evidence(&twin, inf, &random, likelihoods);
            if (e % 2 == 1)
                inf->posterior.usable = false;
            if (!(twin.total > 0))
                continue;
            quick += inf->posterior.usable;
            careful += !inf->posterior.usable;
            check_product(inf, &twin, &random);
            check_few_values(inf, &twin, &random);
        }
        twin_finish(&twin);
        llmsched_inference_destroy(inf);
        llmsched_network_release(network);
    }
    assert_true(quick > 50 && careful > 50);
}

static void test_refusals(void **state)
{
    (void)state;
    static struct draft draft;
    uint8_t shares[] = {1, 1};
    lls_products *products = NULL;
    memset(&draft, 0, sizeof draft);
    draft_node(&draft, 0, 2);
    draft_node(&draft, 1, 3);
    draft_arc(&draft, 0, 1);
    static const double a[] = {1, 0}, b[] = {0.5, 0.5, 0, 0, 0, 1};
    memcpy(draft.tables[0], a, sizeof a);
    memcpy(draft.tables[1], b, sizeof b);
    llmsched_network *network = draft_build(&draft, context);
    llmsched_inference *inf = infer(network);
    assert_fails(LLMSCHED_ERROR_LIMIT, "too wide",
                 lls_products_open(inf, shares, 5, &products, &err), err);
    assert_ok(llmsched_inference_set_state(inf, 1, 2, &err), err);
    assert_status(LLMSCHED_ERROR_IMPOSSIBLE, lls_products_open(inf, shares, 1000, &products, &err),
                  err);
    assert_null(products);
    lls_products_close(NULL);
    llmsched_inference_destroy(inf);
    llmsched_network_release(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
