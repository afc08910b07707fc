/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calculator against enumeration and closed forms: marginals, P(evidence), moments, samples.
 */
#include "context.h"
#include "evidence.h"

#include <float.h>

static llmsched_error err;
static struct draft draft;

/* --- by hand -------------------------------------------------------------------- */

/* rain -> wet <- hose: the numbers are simple enough for paper. */
static llmsched_network *garden(void)
{
    const double wet[8] = {1.0, 0.0, 0.2, 0.8, 0.1, 0.9, 0.0, 1.0};
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 3; i++)
        draft_node(&draft, i, 2);
    draft_arc(&draft, 1, 0);
    draft_arc(&draft, 2, 0);
    memcpy(draft.tables[0], wet, sizeof wet);
    draft.tables[1][0] = 0.75;
    draft.tables[1][1] = 0.25;
    draft.tables[2][0] = draft.tables[2][1] = 0.5;
    return draft_build(&draft, context);
}

static void test_by_hand(void **state)
{
    (void)state;
    llmsched_network *n = garden();
    llmsched_inference *inf = infer(n);
    double p[2], lp;
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, 0.0, 1e-15);
    /* P(wet) = .75 * .5 * .8 + .25 * .5 * .9 + .25 * .5 * 1 = .5375 */
    assert_ok(llmsched_inference_marginal(inf, 0, p, 2, &err), err);
    assert_double_equal(p[1], 0.5375, 1e-15);
    assert_ok(llmsched_inference_set_state(inf, 0, 1, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(0.5375), 1e-15);
    assert_ok(llmsched_inference_marginal(inf, 1, p, 2, &err), err);
    assert_double_equal(p[1], 0.2375 / 0.5375, 1e-15);
    /* The hose explains the rain away. */
    assert_ok(llmsched_inference_set_state(inf, 2, 1, &err), err);
    assert_ok(llmsched_inference_marginal(inf, 1, p, 2, &err), err);
    assert_double_equal(p[1], 0.125 / 0.425, 1e-15);
    assert_ok(llmsched_inference_marginal(inf, 2, p, 2, &err), err);
    assert_true(p[0] == 0.0 && p[1] == 1.0);
    /* A likelihood enters P(evidence) as it stands. */
    const double seen[2] = {1.0, 4.0};
    llmsched_inference_clear(inf);
    assert_ok(llmsched_inference_set_likelihood(inf, 1, seen, 2, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(0.75 + 4 * 0.25), 1e-15);
    assert_ok(llmsched_inference_marginal(inf, 1, p, 2, &err), err);
    assert_double_equal(p[1], 1.0 / 1.75, 1e-15);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

static void test_impossible(void **state)
{
    (void)state;
    llmsched_network *n = garden();
    llmsched_inference *inf = infer(n);
    const uint32_t nodes[2] = {1, 2};
    double out[8] = {7, 7, 7, 7, 7, 7, 7, 7}, x = 7, y = 7;
    uint32_t states[3] = {7, 7, 7};
    lls_random random;
    lls_random_seed(&random, 1);
    assert_ok(llmsched_inference_set_state(inf, 0, 1, &err), err);
    assert_ok(llmsched_inference_set_state(inf, 1, 0, &err), err);
    assert_ok(llmsched_inference_set_state(inf, 2, 0, &err), err);
    for (int again = 0; again < 2; again++) {
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, llmsched_inference_log_probability(inf, &x, &err),
                      err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, llmsched_inference_marginal(inf, 0, out, 2, &err),
                      err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE,
                      llmsched_inference_joint(inf, nodes, 2, out, 4, &err), err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE,
                      llmsched_inference_entropy(inf, nodes, 2, &x, &err), err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, llmsched_inference_total_entropy(inf, &x, &err),
                      err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE,
                      llmsched_inference_mutual_information(inf, 0, nodes, 2, &x, &err), err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE,
                      llmsched_inference_total_information(inf, 0, &x, &err), err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, lls_inference_marginals(inf, out, &err), err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, lls_inference_moments(inf, out, &x, &y, &err),
                      err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, lls_inference_sample(inf, &random, states, &err),
                      err);
    }
    for (int i = 0; i < 8; i++)
        assert_true(out[i] == 7);
    assert_true(x == 7 && y == 7 && states[0] == 7 && states[2] == 7);
    /* Taking one back makes it possible again. */
    assert_ok(llmsched_inference_set_state(inf, 0, 0, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &x, &err), err);
    assert_double_equal(x, log(0.375), 1e-15);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

static void test_arguments(void **state)
{
    (void)state;
    llmsched_network *n = garden();
    llmsched_inference *inf = infer(n), *none = NULL;
    double p[2] = {0, 0}, bad[2] = {1, NAN};
    assert_fails(LLMSCHED_ERROR_INVALID, "network", llmsched_inference_create(NULL, &none, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "inference", llmsched_inference_create(n, NULL, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "node 3", llmsched_inference_set_state(inf, 3, 0, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "state 2", llmsched_inference_set_state(inf, 1, 2, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_inference_set_state(NULL, 1, 2, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "all values",
                 llmsched_inference_set_likelihood(inf, 1, p, 2, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "2 states",
                 llmsched_inference_set_likelihood(inf, 1, p, 3, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "value 1",
                 llmsched_inference_set_likelihood(inf, 1, bad, 2, &err), err);
    bad[1] = -1.0;
    assert_fails(LLMSCHED_ERROR_INVALID, "value 1",
                 llmsched_inference_set_likelihood(inf, 1, bad, 2, &err), err);
    bad[1] = INFINITY;
    assert_fails(LLMSCHED_ERROR_INVALID, "value 1",
                 llmsched_inference_set_likelihood(inf, 1, bad, 2, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_inference_set_likelihood(inf, 1, NULL, 2, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "node 9",
                 llmsched_inference_set_likelihood(inf, 9, p, 2, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "room", llmsched_inference_marginal(inf, 1, p, 3, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_inference_marginal(inf, 1, NULL, 2, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_inference_log_probability(inf, NULL, &err), err);
    assert_int_equal(llmsched_inference_set_state(inf, 3, 0, NULL), LLMSCHED_ERROR_NOT_FOUND);
    /* Nothing of it became evidence. */
    assert_ok(llmsched_inference_log_probability(inf, p, &err), err);
    assert_double_equal(p[0], 0.0, 1e-15);
    llmsched_inference_clear(NULL);
    llmsched_inference_destroy(NULL);
    llmsched_network_release(n); /* the calculator holds it too */
    assert_ok(llmsched_inference_marginal(inf, 1, p, 2, &err), err);
    llmsched_inference_destroy(inf);
}

/* --- against enumeration ----------------------------------------------------------- */

static void check_marginals(llmsched_inference *inf, const struct twin *t)
{
    double all[64], one[8], expected[8], lp;
    const uint32_t *offsets = lls_inference_offsets(inf);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(t->total), 1e-12);
    /* One by one before all at once: beliefs come by different ways. */
    for (uint32_t i = 0; i < t->nodes; i++) {
        twin_joint(t, &i, 1, expected);
        assert_ok(llmsched_inference_marginal(inf, i, one, t->states[i], &err), err);
        for (uint32_t s = 0; s < t->states[i]; s++)
            assert_double_equal(one[s], expected[s], 1e-12);
    }
    assert_ok(lls_inference_marginals(inf, all, &err), err);
    for (uint32_t i = 0; i < t->nodes; i++) {
        assert_ok(llmsched_inference_marginal(inf, i, one, t->states[i], &err), err);
        assert_memory_equal(one, all + offsets[i], t->states[i] * sizeof *one);
    }
}

static void check_moments(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    double values[64], mean, variance, m, v;
    for (int i = 0; i < 64; i++)
        values[i] = 10.0 * lls_random_uniform(random) - 2.0;
    twin_moments(t, values, &m, &v);
    assert_ok(lls_inference_moments(inf, values, &mean, &variance, &err), err);
    assert_double_equal(mean, m, 1e-11);
    assert_double_equal(variance, v, 1e-11);
    assert_true(variance >= 0.0);
}

static void test_random_networks(void **state)
{
    (void)state;
    lls_random random;
    int possible = 0, impossible = 0;
    double likelihoods[TWIN_NODES][8], lp;
    lls_random_seed(&random, 20);
    for (int round = 0; round < 150; round++) {
        draft_random(&draft, &random, 1 + lls_random_below(&random, 7), 4, 3,
                     round % 3 ? 0.3 : 0.0);
        llmsched_network *n = draft_build(&draft, context);
        llmsched_inference *inf = infer(n);
        struct twin t;
        twin_start(&t, n);
        twin_update(&t);
        check_marginals(inf, &t);
        for (int query = 0; query < 4; query++) {
            llmsched_inference_clear(inf);
            draw_evidence(&t, inf, &random, likelihoods);
            if (t.total > 0.0) {
                check_marginals(inf, &t);
                check_moments(inf, &t, &random);
                possible++;
            } else {
                assert_status(LLMSCHED_ERROR_IMPOSSIBLE,
                              llmsched_inference_log_probability(inf, &lp, &err), err);
                impossible++;
            }
        }
        twin_finish(&t);
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    assert_true(possible > 200 && impossible > 20);
}

/* Evidence that comes and goes leaves no trace: the same bits as a calculator that never saw it. */
static void test_history_does_not_matter(void **state)
{
    (void)state;
    lls_random random;
    double likelihoods[TWIN_NODES][8];
    lls_random_seed(&random, 21);
    draft_random(&draft, &random, 10, 3, 2, 0.2);
    llmsched_network *n = draft_build(&draft, context);
    llmsched_inference *old = infer(n);
    struct twin t;
    twin_start(&t, n);
    for (int round = 0; round < 300; round++) {
        llmsched_inference *fresh = infer(n);
        double a[64] = {0}, b[64] = {0}, x = 0, y = 0;
        uint64_t seed = lls_random_next(&random);
        lls_random same;
        lls_random_seed(&same, seed);
        if (round % 3 != 2) /* else add to what is there */
            llmsched_inference_clear(old);
        draw_evidence(&t, old, &same, likelihoods);
        lls_random_seed(&same, seed);
        draw_evidence(&t, fresh, &same, likelihoods);
        if (round % 3 != 2) {
            llmsched_status status = lls_inference_marginals(old, a, &err);
            assert_status(status, lls_inference_marginals(fresh, b, &err), err);
            assert_memory_equal(a, b, sizeof a);
            assert_status(status, llmsched_inference_log_probability(old, &x, &err), err);
            assert_status(status, llmsched_inference_log_probability(fresh, &y, &err), err);
            assert_true(x == y);
        } else {
            (void)llmsched_inference_log_probability(old, &x, &err);
        }
        llmsched_inference_destroy(fresh);
    }
    twin_finish(&t);
    llmsched_inference_destroy(old);
    llmsched_network_release(n);
}

/* --- shapes ---------------------------------------------------------------------------- */

/* A chain n0 -> n1 -> ... with P(flip) = flip; nodes numbered backwards, so parents come after
 * children. */
static llmsched_network *chain(uint32_t length, double flip)
{
    const double first[2] = {0.75, 0.25}, step[4] = {1 - flip, flip, flip, 1 - flip};
    lls_node_spec *nodes = calloc(length, sizeof *nodes);
    char(*names)[16] = calloc(length, sizeof *names);
    uint32_t *parents = calloc(length, sizeof *parents);
    llmsched_network *n = NULL;
    for (uint32_t i = 0; i < length; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        parents[i] = i + 1;
        nodes[i] = (lls_node_spec){names[i],
                                   2,
                                   NULL,
                                   &parents[i],
                                   i + 1 < length ? 1u : 0u,
                                   i + 1 < length ? step : first};
    }
    assert_ok(lls_network_create(context, "chain", nodes, length, &n, &err), err);
    free(parents);
    free(names);
    free(nodes);
    return n;
}

static void test_long_chain(void **state)
{
    (void)state;
    const uint32_t length = 10000;
    llmsched_network *n = chain(length, 0.001);
    llmsched_inference *inf = infer(n);
    double p[2], lp, x;
    /* P(n_k = 0) = 1/2 + (1 - 2 flip)^k / 4, k steps from the start (node length - 1). */
    for (uint32_t k = 0; k < length; k += 777) {
        assert_ok(llmsched_inference_marginal(inf, length - 1 - k, p, 2, &err), err);
        assert_double_equal(p[0], 0.5 + pow(0.998, k) / 4.0, 1e-12);
    }
    /* Everything observed to alternate: ln P far below the least double. */
    for (uint32_t k = 0; k < length; k++)
        assert_ok(llmsched_inference_set_state(inf, length - 1 - k, k % 2, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(0.75) + (length - 1) * log(0.001), 1e-12);
    /* Ends of the chain together: the joint of nodes 10,000 apart. */
    const uint32_t ends[2] = {0, length - 1};
    double joint[4];
    llmsched_inference_clear(inf);
    assert_ok(llmsched_inference_joint(inf, ends, 2, joint, 4, &err), err);
    assert_double_equal(joint[0], 0.75 * (0.5 + pow(0.998, length - 1) / 2), 1e-12);
    assert_ok(llmsched_inference_total_entropy(inf, &x, &err), err);
    assert_double_equal(x,
                        -0.75 * log(0.75) - 0.25 * log(0.25) -
                            (length - 1) * (0.001 * log(0.001) + 0.999 * log(0.999)),
                        1e-11);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* One hub with many children that all speak against it: the product in one clique underflows
 * unscaled. */
static void test_star(void **state)
{
    (void)state;
    const uint32_t leaves = 5000;
    const double hub[2] = {0.5, 0.5}, leaf[4] = {0.9, 0.1, 0.8, 0.2};
    lls_node_spec *nodes = calloc(leaves + 1, sizeof *nodes);
    char(*names)[16] = calloc(leaves + 1, sizeof *names);
    const uint32_t zero = 0;
    llmsched_network *n = NULL;
    double p[2], lp;
    for (uint32_t i = 0; i <= leaves; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (lls_node_spec){names[i], 2, NULL, &zero, i > 0, i > 0 ? leaf : hub};
    }
    assert_ok(lls_network_create(context, "star", nodes, leaves + 1, &n, &err), err);
    llmsched_inference *inf = infer(n);
    for (uint32_t i = 1; i <= leaves; i++)
        assert_ok(llmsched_inference_set_state(inf, i, 1, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(0.5) + leaves * log(0.2), 1e-12);
    assert_ok(llmsched_inference_marginal(inf, 0, p, 2, &err), err);
    assert_double_equal(p[1], 1.0, 1e-12);
    for (uint32_t i = 1; i <= leaves; i += 2)
        assert_ok(llmsched_inference_set_state(inf, i, 0, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(0.5) + 2500 * log(0.16), 1e-12);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    free(names);
    free(nodes);
}

static void test_parts_and_constants(void **state)
{
    (void)state;
    lls_random random;
    struct twin t;
    double likelihoods[TWIN_NODES][8];
    const double factor = 8.0;
    lls_random_seed(&random, 3);
    memset(&draft, 0, sizeof draft);
    /* Two parts (0-1, 2-3), one node alone, and one-state nodes as child, parent and alone. */
    for (uint32_t i = 0; i < 8; i++)
        draft_node(&draft, i, i < 5 ? 3 : 1);
    draft_arc(&draft, 1, 0);
    draft_arc(&draft, 5, 2);
    draft_arc(&draft, 3, 2);
    draft_arc(&draft, 0, 6);
    draft_arc(&draft, 3, 6);
    draft_fill(&draft, &random, 0.1);
    llmsched_network *n = draft_build(&draft, context);
    llmsched_inference *inf = infer(n);
    twin_start(&t, n);
    for (int round = 0; round < 100; round++) {
        llmsched_inference_clear(inf);
        draw_evidence(&t, inf, &random, likelihoods);
        if (t.total > 0.0) {
            check_marginals(inf, &t);
            check_moments(inf, &t, &random);
        }
    }
    /* A likelihood on a constant only scales. */
    double lp;
    llmsched_inference_clear(inf);
    assert_ok(llmsched_inference_set_likelihood(inf, 7, &factor, 1, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(8.0), 1e-15);
    twin_finish(&t);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* A hundred constants as parents: a table of any number of dimensions, all but one of them trivial.
 */
static void test_many_constant_parents(void **state)
{
    (void)state;
    enum { CONSTANTS = 100 };
    lls_node_spec nodes[CONSTANTS + 2];
    char names[CONSTANTS + 2][16];
    uint32_t parents[CONSTANTS + 1];
    const double one = 1.0, coin[2] = {0.25, 0.75}, copy[4] = {1.0, 0.0, 0.0, 1.0};
    llmsched_network *n = NULL;
    double p[2], joint[2];
    for (uint32_t i = 0; i < CONSTANTS + 2; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (lls_node_spec){names[i], 1, NULL, parents, 0, &one};
        if (i <= CONSTANTS)
            parents[i] = i;
    }
    nodes[50] = (lls_node_spec){names[50], 2, NULL, parents, 0, coin};
    nodes[CONSTANTS + 1] =
        (lls_node_spec){names[CONSTANTS + 1], 2, NULL, parents, CONSTANTS + 1, copy};
    assert_ok(lls_network_create(context, "", nodes, CONSTANTS + 2, &n, &err), err);
    llmsched_inference *inf = infer(n);
    assert_ok(llmsched_inference_marginal(inf, CONSTANTS + 1, p, 2, &err), err);
    assert_double_equal(p[1], 0.75, 1e-15);
    /* The joint of all constants and the copy. */
    parents[50] = CONSTANTS + 1;
    assert_ok(llmsched_inference_joint(inf, parents, CONSTANTS + 1, joint, 2, &err), err);
    assert_double_equal(joint[1], 0.75, 1e-15);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

static void test_without_nodes(void **state)
{
    (void)state;
    llmsched_network *n = NULL;
    double x = 7, y = 7;
    assert_ok(lls_network_create(context, "", NULL, 0, &n, &err), err);
    llmsched_inference *inf = infer(n);
    assert_ok(llmsched_inference_log_probability(inf, &x, &err), err);
    assert_true(x == 0.0);
    assert_ok(llmsched_inference_total_entropy(inf, &x, &err), err);
    assert_true(x == 0.0);
    assert_ok(lls_inference_moments(inf, &x, &x, &y, &err), err);
    assert_true(x == 0.0 && y == 0.0);
    assert_ok(llmsched_inference_joint(inf, NULL, 0, &x, 1, &err), err);
    assert_true(x == 1.0);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* --- extreme numbers --------------------------------------------------------------------- */

static void test_extreme_likelihoods(void **state)
{
    (void)state;
    const double huge[2] = {1e300, 2e300}, tiny[2] = {DBL_TRUE_MIN, 0.0}, skewed[2] = {1e-200, 1.0};
    llmsched_network *n = chain(2, 0.25);
    llmsched_inference *inf = infer(n);
    double lp, p[2];
    assert_ok(llmsched_inference_set_likelihood(inf, 0, huge, 2, &err), err);
    assert_ok(llmsched_inference_set_likelihood(inf, 1, huge, 2, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    /* Node 1 is the start: .75 * (.75 + .25 * 2) + .25 * 2 * (.25 + .75 * 2) = 1.8125 */
    assert_double_equal(lp, log(1.8125) + 600 * log(10.0), 1e-13);
    assert_ok(llmsched_inference_set_likelihood(inf, 0, tiny, 2, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(
        lp, log(0.75 * 0.75 + 0.25 * 2 * 0.25) + 300 * log(10.0) + log(DBL_TRUE_MIN), 1e-13);
    /* What one likelihood makes improbable, another observation can make certain. */
    assert_ok(llmsched_inference_set_likelihood(inf, 0, skewed, 2, &err), err);
    assert_ok(llmsched_inference_set_state(inf, 1, 0, &err), err);
    assert_ok(llmsched_inference_marginal(inf, 0, p, 2, &err), err);
    assert_double_equal(p[0] / 1e-200, 0.75 / 0.25, 1e-13);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* Possible, but only through a product of 1e-400, and then not. */
static void test_underflow(void **state)
{
    (void)state;
    const double low[2] = {1e-200, 1.0}, high[2] = {1.0, 0.0};
    llmsched_network *n = chain(3, 0.0);
    llmsched_inference *inf = infer(n);
    double lp, p[2];
    for (uint32_t i = 0; i < 2; i++)
        assert_ok(llmsched_inference_set_likelihood(inf, i, low, 2, &err), err);
    assert_ok(llmsched_inference_set_likelihood(inf, 2, high, 2, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(0.75) - 400 * log(10.0), 1e-13);
    assert_ok(llmsched_inference_marginal(inf, 0, p, 2, &err), err);
    assert_true(p[0] == 1.0);
    assert_ok(llmsched_inference_set_state(inf, 0, 1, &err), err);
    assert_fails(LLMSCHED_ERROR_IMPOSSIBLE, "zero",
                 llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_ok(llmsched_inference_set_likelihood(inf, 0, low, 2, &err), err);
    assert_ok(llmsched_inference_set_state(inf, 1, 0, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(0.75) - 200 * log(10.0), 1e-13);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* --- samples ------------------------------------------------------------------------------- */

static void test_sample(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    lls_random random;
    struct twin t;
    double likelihoods[TWIN_NODES][8];
    lls_random_seed(&random, 6);
    draft_random(&draft, &random, 6, 3, 2, 0.2);
    llmsched_network *n = draft_build(&draft, context);
    llmsched_inference *inf = infer(n);
    twin_start(&t, n);
    do {
        llmsched_inference_clear(inf);
        draw_evidence(&t, inf, &random, likelihoods);
    } while (t.total == 0.0);
    uint32_t *counts = calloc(t.size, sizeof *counts), states[TWIN_NODES], again[TWIN_NODES];
    lls_random one, other;
    lls_random_seed(&one, 9);
    lls_random_seed(&other, 9);
    for (int i = 0; i < DRAWS; i++) {
        size_t at = 0;
        assert_ok(lls_inference_sample(inf, &one, states, &err), err);
        assert_ok(lls_inference_sample(inf, &other, again, &err), err);
        assert_memory_equal(states, again, t.nodes * sizeof *states);
        for (uint32_t k = 0; k < t.nodes; k++)
            at = at * t.states[k] + states[k];
        counts[at]++;
    }
    for (size_t i = 0; i < t.size; i++) {
        double p = t.p[i] / t.total, sigma = sqrt(DRAWS * p * (1 - p));
        assert_true(p > 0.0 || counts[i] == 0);
        assert_true(fabs(counts[i] - DRAWS * p) <= 5 * sigma + 1);
    }
    free(counts);
    twin_finish(&t);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_history_does_not_matter),
        cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_star),
        cmocka_unit_test(test_parts_and_constants),
        cmocka_unit_test(test_many_constant_parents),
        cmocka_unit_test(test_without_nodes),
        cmocka_unit_test(test_extreme_likelihoods),
        cmocka_unit_test(test_underflow),
        cmocka_unit_test(test_sample),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
