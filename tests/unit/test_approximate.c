/* SPDX-License-Identifier: Apache-2.0 */
/* Weighted draws against exact answers, and what they say of their own errors. */
#include "context.h"
#include "evidence.h"

#include <stdlib.h>

enum { SIDE = 12, CELLS = SIDE * SIDE };

static llmsched_error err;

/* A grid of coins, each leaning towards what those above and left of it show. */
static llmsched_network *grid(llmsched_context *c, uint64_t seed)
{
    static char names[CELLS][8];
    static double tables[CELLS][8];
    static uint32_t parents[CELLS][2];
    lls_node_spec nodes[CELLS];
    llmsched_network *network = NULL;
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t i = 0; i < CELLS; i++) {
        uint32_t count = 0;
        if (i % SIDE > 0)
            parents[i][count++] = i - 1;
        if (i >= SIDE)
            parents[i][count++] = i - SIDE;
        for (uint32_t row = 0; row < 1u << count; row++) {
            double p = 0.15 + 0.7 * lls_random_uniform(&random);
            tables[i][2 * row] = p;
            tables[i][2 * row + 1] = 1 - p;
        }
        snprintf(names[i], sizeof names[i], "g%u", i);
        nodes[i] = (lls_node_spec){.name = names[i],
                                   .state_count = 2,
                                   .parents = parents[i],
                                   .parent_count = count,
                                   .table = tables[i]};
    }
    assert_ok(lls_network_create(c, "grid", nodes, CELLS, &network, &err), err);
    return network;
}

/* Of the states, how many lie within 1, 2 and 4 standard errors. */
struct agreement {
    uint32_t count, one, two;
};

static void agree(double p, double exact, double error, struct agreement *a)
{
    double off = fabs(p - exact);
    if (off > 4 * error + 1e-12) {
        print_error("%g +- %g, exactly %g\n", p, error, exact);
        fail();
    }
    a->count++;
    a->one += off <= error;
    a->two += off <= 2 * error;
}

/* The exact side has room for the grid, the other not: it must say so, and draws still answer. */
static void test_too_wide_for_exact_answers(void **state)
{
    (void)state;
    llmsched_context_options small = {.size = sizeof small, .max_table = 1024};
    llmsched_context *c = NULL;
    struct agreement a = {0, 0, 0};
    assert_ok(llmsched_context_create(&small, &c, &err), err);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        llmsched_network *narrow = grid(c, seed), *wide = grid(context, seed);
        llmsched_inference *none = NULL, *exact = infer(wide);
        llmsched_approximation how = {.size = sizeof how};
        llmsched_approximate_options options = {
            .size = sizeof options, .samples = 20000, .seed = seed};
        uint32_t states[CELLS];
        double likelihoods[2 * CELLS], p[2 * CELLS], errors[2 * CELLS], q[2 * CELLS], lp;
        assert_fails(LLMSCHED_ERROR_LIMIT, "too wide",
                     llmsched_inference_create(narrow, &none, &err), err);
        for (uint32_t i = 0; i < CELLS; i++) {
            states[i] = i % 37 == 20 ? i % 2 : UINT32_MAX;
            likelihoods[2 * i] = likelihoods[2 * i + 1] = 1;
            if (states[i] != UINT32_MAX)
                assert_ok(llmsched_inference_set_state(exact, i, states[i], &err), err);
        }
        likelihoods[2 * 77] = 0.25;
        assert_ok(llmsched_inference_set_likelihood(exact, 77, likelihoods + 2 * 77, 2, &err), err);
        assert_ok(llmsched_network_approximate(narrow, states, likelihoods, &options, p, errors,
                                               2 * CELLS, &how, &err),
                  err);
        assert_ok(llmsched_inference_marginals(exact, q, 2 * CELLS, &err), err);
        for (uint32_t i = 0; i < 2 * CELLS; i++) {
            assert_true(errors[i] < 0.02);
            if (states[i / 2] == UINT32_MAX)
                agree(p[i], q[i], errors[i], &a);
            else
                assert_true(errors[i] == 0 && p[i] == q[i]);
        }
        assert_ok(llmsched_inference_log_probability(exact, &lp, &err), err);
        agree(how.log_probability, lp, how.log_probability_error, &a);
        assert_true(how.samples == 20000 && how.effective > 2000 && how.effective < 20000);
        llmsched_inference_destroy(exact);
        llmsched_network_release(narrow);
        llmsched_network_release(wide);
    }
    llmsched_context_destroy(c);
    /* The errors are no larger than they need be either: about 68 and 95 of 100 lie inside. */
    assert_true(a.one > 0.5 * a.count && a.one < 0.85 * a.count);
    assert_true(a.two > 0.88 * a.count);
}

static void test_random_networks(void **state)
{
    (void)state;
    static struct draft draft;
    lls_random random;
    struct agreement a = {0, 0, 0};
    double likelihoods[TWIN_NODES][8], all[64], p[64], errors[64], exact[8];
    lls_random_seed(&random, 33);
    for (int round = 0; round < 60; round++) {
        struct twin twin;
        draft_random(&draft, &random, 2 + lls_random_below(&random, 7), 4, 3, 0.1);
        llmsched_network *network = draft_build(&draft, context);
        llmsched_inference *inf = infer(network);
        llmsched_approximation how = {.size = sizeof how};
        llmsched_approximate_options options = {
            .size = sizeof options, .samples = 4000, .seed = (uint64_t)round};
        twin_start(&twin, network);
        draw_evidence(&twin, inf, &random, likelihoods);
        const uint32_t *offsets = lls_inference_offsets(inf);
        for (uint32_t i = 0; i < twin.nodes; i++)
            for (uint32_t s = 0; s < twin.states[i]; s++)
                all[offsets[i] + s] = twin.likelihood[i] != NULL ? likelihoods[i][s] : 1;
        llmsched_status status = llmsched_network_approximate(
            network, twin.observed, all, &options, p, errors, offsets[twin.nodes], &how, &err);
        if (!(twin.total > 0))
            assert_status(LLMSCHED_ERROR_LIMIT, status, err);
        else if (status == LLMSCHED_OK && how.effective > 200)
            for (uint32_t i = 0; i < twin.nodes; i++) {
                twin_joint(&twin, &i, 1, exact);
                for (uint32_t s = 0; s < twin.states[i]; s++)
                    agree(p[offsets[i] + s], exact[s], errors[offsets[i] + s], &a);
            }
        twin_finish(&twin);
        llmsched_inference_destroy(inf);
        llmsched_network_release(network);
    }
    assert_true(a.count > 300);
}

/* Weights far below the range of doubles, and the same draws for the same seed. */
static void test_small_weights_and_seeds(void **state)
{
    (void)state;
    llmsched_network *network = grid(context, 9);
    llmsched_approximation how = {.size = sizeof how};
    llmsched_approximate_options options = {.size = sizeof options, .samples = 2000, .seed = 4};
    double likelihoods[2 * CELLS], p[2 * CELLS], q[2 * CELLS], errors[2 * CELLS];
    for (uint32_t i = 0; i < 2 * CELLS; i++)
        likelihoods[i] = 1;
    assert_ok(llmsched_network_approximate(network, NULL, NULL, &options, p, errors, 2 * CELLS,
                                           &how, &err),
              err);
    assert_double_equal(how.log_probability, 0, 1e-12);
    assert_double_equal(how.effective, 2000, 1e-9);
    /* Likelihoods that say nothing change nothing but P(evidence). */
    for (uint32_t i = 0; i < 2 * 20; i++)
        likelihoods[i] = 1e-300;
    assert_ok(llmsched_network_approximate(network, NULL, likelihoods, &options, q, errors,
                                           2 * CELLS, &how, &err),
              err);
    for (uint32_t i = 0; i < 2 * CELLS; i++)
        assert_double_equal(p[i], q[i], 1e-9);
    assert_double_equal(how.log_probability, 20 * log(1e-300), 1e-12);
    options.seed = 5;
    assert_ok(llmsched_network_approximate(network, NULL, likelihoods, &options, q, errors,
                                           2 * CELLS, &how, &err),
              err);
    assert_true(memcmp(p, q, sizeof p) != 0);
    llmsched_network_release(network);
}

static void test_refusals(void **state)
{
    (void)state;
    llmsched_network *n = grid(context, 2);
    llmsched_approximation how = {.size = sizeof how};
    llmsched_approximate_options options = {.size = sizeof options, .samples = UINT64_MAX};
    uint32_t states[CELLS];
    double likelihoods[2 * CELLS], p[2 * CELLS], e[2 * CELLS];
    const uint64_t size = 2 * CELLS;
    for (uint32_t i = 0; i < 2 * CELLS; i++) {
        states[i / 2] = UINT32_MAX;
        likelihoods[i] = 1;
        p[i] = -7;
    }
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_network_approximate(NULL, NULL, NULL, NULL, p, e, size, &how, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_network_approximate(n, NULL, NULL, NULL, NULL, e, size, &how, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_network_approximate(n, NULL, NULL, NULL, p, NULL, size, &how, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_network_approximate(n, NULL, NULL, NULL, p, e, size, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "room for",
                 llmsched_network_approximate(n, NULL, NULL, NULL, p, e, size - 1, &how, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "samples",
                 llmsched_network_approximate(n, NULL, NULL, &options, p, e, size, &how, &err),
                 err);
    states[3] = 2;
    assert_fails(LLMSCHED_ERROR_INVALID, "no state 2",
                 llmsched_network_approximate(n, states, NULL, NULL, p, e, size, &how, &err), err);
    likelihoods[7] = NAN;
    assert_fails(LLMSCHED_ERROR_INVALID, "likelihood 1 of node 3",
                 llmsched_network_approximate(n, NULL, likelihoods, NULL, p, e, size, &how, &err),
                 err);
    likelihoods[6] = likelihoods[7] = 0;
    assert_fails(LLMSCHED_ERROR_INVALID, "all likelihoods",
                 llmsched_network_approximate(n, NULL, likelihoods, NULL, p, e, size, &how, &err),
                 err);
    how.size = 4;
    assert_status(LLMSCHED_ERROR_VERSION,
                  llmsched_network_approximate(n, NULL, NULL, NULL, p, e, size, &how, &err), err);
    assert_true(p[0] == -7);
    llmsched_network_release(n);
}

static llmsched_status scenario(llmsched_context *c, llmsched_error *e)
{
    static const double coin[] = {0.5, 0.5};
    lls_node_spec node = {.name = "coin", .state_count = 2, .table = coin};
    llmsched_network *network = NULL;
    llmsched_approximation how = {.size = sizeof how};
    double p[2], errors[2];
    llmsched_status status = lls_network_create(c, "coin", &node, 1, &network, e);
    if (status == LLMSCHED_OK)
        status = llmsched_network_approximate(network, NULL, NULL, NULL, p, errors, 2, &how, e);
    llmsched_network_release(network);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(scenario) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_wide_for_exact_answers), cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_small_weights_and_seeds),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
