/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single marginals of networks with large cliques, beside those that the clique tree gives.
 */
#include "context.h"
#include "evidence.h"
#include "failing.h"

#include "bayes/inference.h"

enum { NODES = 15, STATES = 5, LARGE = 1 << 15 };

static llmsched_error err;
static struct draft draft;

/* The first network of the seed whose tree has more than so many entries. */
static llmsched_network *large_network(llmsched_context *c, lls_random *random, double zeros,
                                       uint64_t entries)
{
    for (;;) {
        draft_random(&draft, random, NODES, STATES, 4, zeros);
        llmsched_network *n = draft_build(&draft, c);
        llmsched_inference *inf = infer(n);
        uint64_t size = inf->tree.clique_size;
        llmsched_inference_destroy(inf);
        if (size > entries)
            return n;
        llmsched_network_release(n);
    }
}

/* Hard evidence and likelihoods on about a third of the nodes, the same for both. far: so many
 * decades apart. */
static void tell_both(lls_random *random, llmsched_inference *a, llmsched_inference *b, double far)
{
    llmsched_inference_clear(a);
    llmsched_inference_clear(b);
    for (uint32_t i = 0; i < NODES; i++) {
        double likelihood[STATES];
        uint32_t states = llmsched_network_state_count(a->network, i);
        uint32_t state = lls_random_below(random, states), kind = lls_random_below(random, 6);
        for (uint32_t s = 0; s < states; s++)
            likelihood[s] = (s == state ? 1.0 : lls_random_below(random, 2)) *
                            (far > 0.0 ? pow(10.0, -far * lls_random_uniform(random)) : 1.0);
        if (kind == 0) {
            assert_ok(llmsched_inference_set_state(a, i, state, &err), err);
            assert_ok(llmsched_inference_set_state(b, i, state, &err), err);
        } else if (kind == 1) {
            assert_ok(llmsched_inference_set_likelihood(a, i, likelihood, states, &err), err);
            assert_ok(llmsched_inference_set_likelihood(b, i, likelihood, states, &err), err);
        }
    }
}

struct tally {
    uint32_t pruned, by_tree, impossible;
};

/* One node: pruned where that is chosen, in any case the same as from the tree of the other. */
static void check_node(llmsched_inference *inf, llmsched_inference *other, uint32_t node,
                       const double *marginals, struct tally *tally)
{
    double p[STATES] = {7, 7, 7, 7, 7}, again[STATES];
    uint32_t states = llmsched_network_state_count(inf->network, node);
    bool pruned = lls_pruned_marginal(inf, node, p);
    if (marginals == NULL) {
        assert_false(pruned);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE,
                      llmsched_inference_marginal(inf, node, p, states, &err), err);
        assert_true(p[0] > 6.0);
        tally->impossible++;
        return;
    }
    assert_ok(llmsched_inference_marginal(inf, node, again, states, &err), err);
    for (uint32_t s = 0; s < states; s++) {
        double expected = marginals[lls_inference_offsets(other)[node] + s];
        assert_double_equal(again[s], expected, 1e-12);
        if (pruned)
            assert_double_equal(p[s], expected, 1e-12);
    }
    tally->pruned += pruned;
    tally->by_tree += !pruned;
}

static struct tally check_networks(uint32_t networks, uint32_t rounds, double zeros,
                                   uint64_t entries, double far, uint64_t seed)
{
    struct tally tally = {0};
    double marginals[NODES * STATES];
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t k = 0; k < networks; k++) {
        llmsched_network *n = large_network(context, &random, zeros, entries);
        llmsched_inference *inf = infer(n), *other = infer(n);
        for (uint32_t round = 0; round < rounds; round++) {
            tell_both(&random, inf, other, far);
            bool possible = lls_inference_marginals(other, marginals, &err) == LLMSCHED_OK;
            check_node(inf, other, round % NODES, possible ? marginals : NULL, &tally);
        }
        llmsched_inference_destroy(other);
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    print_message("pruned %u, by the tree %u, impossible %u\n", tally.pruned, tally.by_tree,
                  tally.impossible);
    return tally;
}

static void test_same_as_the_tree(void **state)
{
    (void)state;
    struct tally positive = check_networks(2, 100, 0.0, LARGE, 0.0, 71);
    assert_true(positive.pruned > 10 && positive.by_tree > 10);
    assert_int_equal(positive.impossible, 0);
    struct tally zeros = check_networks(2, 100, 0.5, LARGE, 0.0, 72);
    assert_true(zeros.pruned > 10 && zeros.by_tree > 10 && zeros.impossible > 10);
}

/* Numbers that would get lost: neither way may. */
static void test_far_apart(void **state)
{
    (void)state;
    struct tally tally = check_networks(2, 60, 0.3, LARGE, 300.0, 76);
    assert_true(tally.pruned > 10 && tally.by_tree > 5);
}

/* Trees too large for the quick way of posterior.c. */
static void test_larger_trees(void **state)
{
    (void)state;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {
        .size = sizeof options, .allocator = &allocator, .max_table = 1 << 21};
    llmsched_context *own = NULL, *kept = context;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    context = own;
    struct tally tally = check_networks(1, 16, 0.3, 1 << 20, 0.0, 73);
    context = kept;
    assert_true(tally.pruned > 3 && tally.by_tree > 3);
    llmsched_context_destroy(own);
    assert_int_equal(f.live, 0);
}

/* Bit by bit the same, whatever the tree has been asked before. */
static void test_no_history(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 74);
    llmsched_network *n = large_network(context, &random, 0.0, LARGE);
    llmsched_inference *inf = infer(n), *other = infer(n);
    double marginals[NODES * STATES], p[STATES], q[STATES];
    uint32_t pruned = 0, by_tree = 0;
    for (uint32_t round = 0; round < 20; round++) {
        tell_both(&random, inf, other, 0.0);
        assert_ok(lls_inference_marginals(inf, marginals, &err), err);
        for (uint32_t i = 0; i < NODES; i++) {
            uint32_t states = llmsched_network_state_count(n, i);
            bool done = lls_pruned_marginal(inf, i, p);
            assert_int_equal(done, lls_pruned_marginal(other, i, p));
            pruned += done;
            by_tree += !done;
            assert_ok(llmsched_inference_marginal(inf, i, p, states, &err), err);
            assert_ok(llmsched_inference_marginal(other, i, q, states, &err), err);
            assert_memory_equal(p, q, states * sizeof *p);
        }
    }
    assert_true(pruned > 10 && by_tree > 10);
    llmsched_inference_destroy(other);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* Without memory for it the tree answers. */
static void test_out_of_memory(void **state)
{
    (void)state;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *own = NULL;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    lls_random random;
    lls_random_seed(&random, 75);
    llmsched_network *n = large_network(own, &random, 0.0, LARGE);
    bool done = false;
    uint64_t fail_at = 1;
    for (; !done; fail_at++) {
        double p[STATES], marginals[NODES * STATES];
        llmsched_inference *inf = infer(n), *other = infer(n);
        tell_both(&random, inf, other, 0.0);
        assert_ok(lls_inference_marginals(other, marginals, &err), err);
        f.fail_at = f.calls + fail_at;
        for (uint32_t i = 0; i < NODES; i++) {
            uint32_t states = llmsched_network_state_count(n, i);
            assert_ok(llmsched_inference_marginal(inf, i, p, states, &err), err);
            for (uint32_t s = 0; s < states; s++)
                assert_double_equal(p[s], marginals[lls_inference_offsets(inf)[i] + s], 1e-12);
        }
        done = f.calls < f.fail_at;
        f.fail_at = 0;
        llmsched_inference_destroy(other);
        llmsched_inference_destroy(inf);
    }
    assert_true(fail_at > 3);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    assert_int_equal(f.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_the_tree), cmocka_unit_test(test_far_apart),
        cmocka_unit_test(test_larger_trees),     cmocka_unit_test(test_no_history),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
