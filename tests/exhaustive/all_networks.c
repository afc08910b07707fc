/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every network structure over up to four binary nodes in a given order, with random tables (zeros
 * among them), under every hard evidence (each node unobserved, 0 or 1), against full enumeration;
 * soft evidence and node numbers against the arcs are sampled on top.
 */
#include "networks.h"
#include "twin.h"

enum { NODES = 4, DRAWS = 400 };

static llmsched_context *context;
static llmsched_error err;
static struct draft draft;
static long queries, impossible, samples;

/* The arcs that are bits of structure; backwards: node numbers run against the order. */
static llmsched_network *build(uint32_t nodes, uint32_t structure, bool backwards, double zeros,
                               lls_random *random)
{
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < nodes; i++)
        draft_node(&draft, i, 2);
    for (uint32_t child = 1; child < nodes; child++)
        for (uint32_t parent = 0; parent < child; parent++, structure >>= 1)
            if (structure & 1)
                draft_arc(&draft, backwards ? nodes - 1 - parent : parent,
                          backwards ? nodes - 1 - child : child);
    draft_fill(&draft, random, zeros);
    return draft_build(&draft, context);
}

static void check_marginals(llmsched_inference *inf, const struct twin *t)
{
    double lp, all[2 * NODES], want[2];
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_double_equal(lp, log(t->total), 1e-12);
    assert_ok(lls_inference_marginals(inf, all, &err), err);
    for (uint32_t i = 0; i < t->nodes; i++) {
        double one[2];
        twin_joint(t, &i, 1, want);
        assert_ok(llmsched_inference_marginal(inf, i, one, 2, &err), err);
        for (int s = 0; s < 2; s++) {
            assert_double_equal(one[s], want[s], 1e-12);
            assert_true(one[s] == all[2 * i + (uint32_t)s]);
        }
    }
}

/* The joint and the entropy of every set of nodes, highest number first. */
static void check_sets(llmsched_inference *inf, const struct twin *t)
{
    double got[1 << NODES], want[1 << NODES], h;
    for (uint32_t subset = 0; subset < 1u << t->nodes; subset++) {
        uint32_t set[NODES], count = 0;
        for (uint32_t i = t->nodes; i-- > 0;)
            if (subset >> i & 1)
                set[count++] = i;
        twin_joint(t, set, count, want);
        assert_ok(llmsched_inference_joint(inf, set, count, got, 1u << count, &err), err);
        for (uint32_t i = 0; i < 1u << count; i++)
            assert_double_equal(got[i], want[i], 1e-12);
        assert_ok(llmsched_inference_entropy(inf, set, count, &h, &err), err);
        assert_double_equal(h, twin_entropy(t, set, count), 1e-12);
    }
    uint32_t all[NODES] = {0, 1, 2, 3};
    assert_ok(llmsched_inference_total_entropy(inf, &h, &err), err);
    assert_double_equal(h, twin_entropy(t, all, t->nodes), 1e-12);
}

/* I(x ; set) for every node and every set of others; the last set is all of them. */
static void check_information(llmsched_inference *inf, const struct twin *t)
{
    for (uint32_t x = 0; x < t->nodes; x++) {
        double value, want = 0.0;
        for (uint32_t subset = 0; subset < 1u << t->nodes; subset++) {
            uint32_t set[NODES], count = 0;
            if (subset >> x & 1)
                continue;
            for (uint32_t i = 0; i < t->nodes; i++)
                if (subset >> i & 1)
                    set[count++] = i;
            want = twin_information(t, x, set, count);
            assert_ok(llmsched_inference_mutual_information(inf, x, set, count, &value, &err), err);
            assert_double_equal(value, want, 1e-12);
            assert_true(value >= 0.0);
        }
        assert_ok(llmsched_inference_total_information(inf, x, &value, &err), err);
        assert_double_equal(value, want, 1e-12);
    }
}

static void check_moments(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    double values[2 * NODES], mean, variance, m, v;
    for (int i = 0; i < 2 * NODES; i++)
        values[i] = lls_random_uniform(random) * 4.0 - 1.0;
    twin_moments(t, values, &m, &v);
    assert_ok(lls_inference_moments(inf, values, &mean, &variance, &err), err);
    assert_double_equal(mean, m, 1e-12);
    assert_double_equal(variance, v, 1e-12);
}

/* Frequencies of joint states within five standard deviations; never an impossible one. */
static void check_samples(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    uint32_t counts[1 << NODES] = {0}, states[NODES];
    for (int d = 0; d < DRAWS; d++) {
        size_t at = 0;
        assert_ok(lls_inference_sample(inf, random, states, &err), err);
        for (uint32_t i = 0; i < t->nodes; i++)
            at = 2 * at + states[i];
        counts[at]++;
    }
    for (size_t i = 0; i < t->size; i++) {
        double p = t->p[i] / t->total;
        assert_true(p > 0.0 || counts[i] == 0);
        assert_true(fabs(counts[i] - DRAWS * p) <= 5 * sqrt(DRAWS * p * (1 - p)) + 1);
    }
    samples++;
}

static void check_query(llmsched_inference *inf, struct twin *t, lls_random *random)
{
    double lp;
    twin_update(t);
    queries++;
    if (t->total <= 0.0) {
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, llmsched_inference_log_probability(inf, &lp, &err),
                      err);
        impossible++;
        return;
    }
    check_marginals(inf, t);
    check_sets(inf, t);
    check_information(inf, t);
    check_moments(inf, t, random);
    if (queries % 40 == 0)
        check_samples(inf, t, random);
}

/* pattern: base 3, a digit per node: unobserved, 0, 1. The soft version turns some unobserved
 * nodes' likelihoods on. */
static void check_pattern(llmsched_inference *inf, struct twin *t, uint32_t pattern, bool soft,
                          lls_random *random)
{
    double likelihoods[NODES][2];
    llmsched_inference_clear(inf);
    for (uint32_t i = 0; i < t->nodes; i++, pattern /= 3) {
        t->observed[i] = pattern % 3 > 0 ? pattern % 3 - 1 : UINT32_MAX;
        t->likelihood[i] = NULL;
        if (pattern % 3 > 0) {
            assert_ok(llmsched_inference_set_state(inf, i, pattern % 3 - 1, &err), err);
        } else if (soft && lls_random_below(random, 2)) {
            uint32_t one = lls_random_below(random, 2);
            likelihoods[i][one] = 0.5 + lls_random_uniform(random);
            likelihoods[i][1 - one] = lls_random_below(random, 2) * lls_random_uniform(random);
            t->likelihood[i] = likelihoods[i];
            assert_ok(llmsched_inference_set_likelihood(inf, i, likelihoods[i], 2, &err), err);
        }
    }
    check_query(inf, t, random);
    for (uint32_t i = 0; i < t->nodes; i++)
        t->likelihood[i] = NULL;
}

static void check_network(const llmsched_network *network, lls_random *random)
{
    llmsched_inference *inf = NULL;
    struct twin t;
    uint32_t patterns = 1;
    twin_start(&t, network);
    assert_ok(llmsched_inference_create(network, &inf, &err), err);
    for (uint32_t i = 0; i < t.nodes; i++)
        patterns *= 3;
    for (uint32_t pattern = 0; pattern < patterns; pattern++) {
        check_pattern(inf, &t, pattern, false, random);
        if (pattern % 3 == 0)
            check_pattern(inf, &t, pattern, true, random);
    }
    llmsched_inference_destroy(inf);
    twin_finish(&t);
}

static void test_all_networks(void **state)
{
    (void)state;
    lls_random random;
    long networks = 0;
    lls_random_seed(&random, 70);
    assert_ok(llmsched_context_create(NULL, &context, &err), err);
    for (uint32_t nodes = 1; nodes <= NODES; nodes++)
        for (uint32_t structure = 0; structure < 1u << nodes * (nodes - 1) / 2; structure++)
            for (int variant = 0; variant < 2; variant++, networks++) {
                llmsched_network *n =
                    build(nodes, structure, variant == 1, variant == 0 ? 0.0 : 0.35, &random);
                check_network(n, &random);
                llmsched_network_release(n);
            }
    llmsched_context_destroy(context);
    assert_int_equal(networks, 2 * (1 + 2 + 8 + 64));
    printf("%ld networks, %ld queries, %ld of them impossible, %ld sampled\n", networks, queries,
           impossible, samples);
    assert_true(impossible > 1000 && samples > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
