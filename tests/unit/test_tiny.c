/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence whose numbers lie further apart than doubles reach, beside an enumeration of logarithms.
 */
#include "bayes/inference.h"
#include "bayes/wide.h"

#include "context.h"
#include "evidence.h"
#include "failing.h"

#include <float.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

enum { NODES = 7, STATES = 3, ALL = NODES * STATES };
enum { FLUSH = 0x8040 }; /* of MXCSR: subnormal results and operands */

static const double NEAR = 1e-10;
static llmsched_error err;
static struct draft draft;

/* --- a hub and what speaks against it -------------------------------------------------------- */

enum { CHILDREN = 40, LAST = CHILDREN + 2, HUB_NODES = LAST + 1 };

/*
 * Node 0 has three causes, 1 to CHILDREN speak for the first of them, 1e9 to 1 each, and the one
 * after rules it out. The last node is asked for.
 */
static llmsched_network *hub(llmsched_context *c)
{
    static const double prior[3] = {0.5, 0.25, 0.25};
    static const double child[6] = {0.5, 0.5, 1 - 5e-10, 5e-10, 1 - 4.9e-10, 4.9e-10};
    static const double excludes[6] = {1.0, 0.0, 0.0, 1.0, 0.0, 1.0};
    static const double asked[6] = {0.1, 0.9, 0.2, 0.8, 0.7, 0.3};
    static char names[HUB_NODES][16];
    static const uint32_t zero = 0;
    lls_node_spec nodes[HUB_NODES];
    llmsched_network *n = NULL;
    for (uint32_t i = 0; i < HUB_NODES; i++) {
        const double *table = i == 0              ? prior
                              : i <= CHILDREN     ? child
                              : i == CHILDREN + 1 ? excludes
                                                  : asked;
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (lls_node_spec){names[i], i == 0 ? 3 : 2, NULL, &zero, i > 0, table};
    }
    assert_ok(lls_network_create(c, "hub", nodes, HUB_NODES, &n, &err), err);
    return n;
}

static void tell_hub(llmsched_inference *inf)
{
    for (uint32_t i = 1; i < LAST; i++)
        assert_ok(llmsched_inference_set_state(inf, i, 1, &err), err);
}

/* P(cause 2 | e) and ln P(e), by hand. */
static double hub_odds(double *log_p)
{
    const double ratio = exp(CHILDREN * log(0.98));
    *log_p = log(0.25) + CHILDREN * log(5e-10) + log1p(ratio);
    return ratio / (1.0 + ratio);
}

static void test_hub(void **state)
{
    (void)state;
    llmsched_network *n = hub(context);
    llmsched_inference *inf = infer(n);
    const uint32_t pair[2] = {0, LAST}, offset = lls_inference_offsets(inf)[LAST];
    double log_p, lp, p[3], joint[6], all[3 + 2 * LAST], h;
    const double odds = hub_odds(&log_p), asked = 0.2 * (1 - odds) + 0.7 * odds;
    tell_hub(inf);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_true(lp < -840.0);
    assert_double_equal(lp, log_p, 1e-13);
    assert_ok(llmsched_inference_marginal(inf, 0, p, 3, &err), err);
    assert_true(p[0] == 0.0);
    assert_double_equal(p[2], odds, 1e-13);
    assert_ok(llmsched_inference_marginals(inf, all, LLS_COUNT(all), &err), err);
    assert_double_equal(all[2], odds, 1e-13);
    assert_double_equal(all[offset], asked, 1e-13);
    assert_ok(llmsched_inference_joint(inf, pair, 2, joint, 6, &err), err);
    assert_double_equal(joint[4], 0.7 * odds, 1e-13);
    assert_ok(llmsched_inference_entropy(inf, pair, 1, &h, &err), err);
    assert_double_equal(h, -odds * log(odds) - (1 - odds) * log(1 - odds), 1e-13);
    double both = 0.0, one = -asked * log(asked) - (1 - asked) * log(1 - asked), mi;
    for (int k = 2; k < 6; k++)
        both -= joint[k] * log(joint[k]);
    assert_ok(llmsched_inference_mutual_information(inf, 0, pair + 1, 1, &mi, &err), err);
    assert_double_equal(mi, h + one - both, 1e-12);
    assert_ok(llmsched_inference_total_information(inf, 0, &mi, &err), err);
    assert_double_equal(mi, h + one - both, 1e-12);
    assert_ok(llmsched_inference_total_entropy(inf, &h, &err), err);
    assert_double_equal(h, both, 1e-10);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

static void test_hub_draws_and_batches(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    llmsched_network *n = hub(context);
    llmsched_inference *inf = infer(n);
    uint32_t states[2][HUB_NODES], drawn[HUB_NODES], counts[3] = {0};
    double log_p, all[2][3 + 2 * LAST], alone[3 + 2 * LAST];
    int32_t statuses[2];
    lls_random random;
    lls_random_seed(&random, 3);
    tell_hub(inf);
    for (int i = 0; i < DRAWS; i++) {
        assert_ok(lls_inference_sample(inf, &random, drawn, &err), err);
        counts[drawn[0]]++;
    }
    assert_int_equal(counts[0], 0);
    const double odds = hub_odds(&log_p);
    assert_true(fabs(counts[2] - DRAWS * odds) < 5 * sqrt(DRAWS * odds * (1 - odds)));
    for (uint32_t i = 0; i < HUB_NODES; i++)
        states[0][i] = states[1][i] = i == 0 || i == LAST ? UINT32_MAX : 1;
    states[1][0] = 0;
    assert_ok(llmsched_inference_batch_marginals(inf, states[0], 2, all[0], statuses, &err), err);
    assert_int_equal(statuses[0], LLMSCHED_OK);
    assert_int_equal(statuses[1], LLMSCHED_ERROR_IMPOSSIBLE);
    assert_ok(llmsched_inference_marginals(inf, alone, LLS_COUNT(alone), &err), err);
    assert_memory_equal(all[0], alone, sizeof alone);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* Much evidence, but none that is at odds with the rest: the quick way answers. */
static void test_quick_way_is_kept(void **state)
{
    (void)state;
    enum { LEAVES = 3000 };
    static const double top[2] = {0.5, 0.5}, leaf[4] = {0.9, 0.1, 0.8, 0.2};
    static const uint32_t zero = 0;
    lls_node_spec *nodes = calloc(LEAVES + 1, sizeof *nodes);
    char(*names)[16] = calloc(LEAVES + 1, sizeof *names);
    llmsched_network *n = NULL;
    double lp;
    for (uint32_t i = 0; i <= LEAVES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (lls_node_spec){names[i], 2, NULL, &zero, i > 0, i > 0 ? leaf : top};
    }
    assert_ok(lls_network_create(context, "star", nodes, LEAVES + 1, &n, &err), err);
    llmsched_inference *inf = infer(n);
    for (uint32_t i = 1; i <= LEAVES; i++)
        assert_ok(llmsched_inference_set_state(inf, i, i % 5 == 0, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_true(lp < -1000.0);
    assert_true(lls_posterior_update(inf));
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    free(names);
    free(nodes);
}

/* --- any network ----------------------------------------------------------------------------- */

/* The twin's weights from their logarithms, the largest as 1. Returns ln P(e). */
static double update_by_logarithms(struct twin *t)
{
    uint32_t states[TWIN_NODES];
    double top = -INFINITY;
    for (size_t i = 0; i < t->size; i++) {
        double sum = 0.0;
        twin_decode(t, i, states);
        for (uint32_t k = 0; k < t->nodes; k++) {
            uint32_t count;
            const uint32_t *parents = llmsched_network_parents(t->network, k, &count);
            size_t row = 0;
            for (uint32_t a = 0; a < count; a++)
                row = row * t->states[parents[a]] + states[parents[a]];
            sum += log(llmsched_network_table(t->network, k, NULL)[row * t->states[k] + states[k]]);
            if (t->observed[k] != UINT32_MAX && t->observed[k] != states[k])
                sum = -INFINITY;
            if (t->observed[k] == UINT32_MAX && t->likelihood[k] != NULL)
                sum += log(t->likelihood[k][states[k]]);
        }
        t->p[i] = sum;
        top = sum > top ? sum : top;
    }
    t->total = 0.0;
    for (size_t i = 0; i < t->size && top > -INFINITY; i++)
        t->total += t->p[i] = exp(t->p[i] - top);
    return top + log(t->total);
}

/* 10^x, x from high down to low. */
static double decades(lls_random *random, double high, double low)
{
    return pow(10.0, high + (low - high) * lls_random_uniform(random));
}

/* Makes rows of a drawn network steep, or leaves them. */
static void make_steep(lls_random *random, double lowest)
{
    for (uint32_t i = 0; i < draft.count; i++) {
        uint32_t states = draft.nodes[i].state_count;
        for (size_t row = 0; row < draft_table_size(&draft, i); row += states) {
            double *p = draft.tables[i] + row, sum = 0.0;
            uint32_t some = lls_random_below(random, states);
            for (uint32_t s = 0; s < states; s++) {
                p[s] = lls_random_below(random, 6) == 0 ? 0.0 : decades(random, 0.0, lowest);
                sum += p[s] = s == some ? 1.0 : p[s];
            }
            for (uint32_t s = 0; s < states; s++)
                p[s] /= sum;
        }
    }
}

/* The same on the twin and on the calculators; soft: with likelihoods of 600 decades. */
static void tell(struct twin *t, llmsched_inference *const *infs, lls_random *random, bool soft,
                 double (*likelihoods)[STATES])
{
    for (uint32_t i = 0; i < t->nodes; i++) {
        const uint32_t what = lls_random_below(random, 4);
        const uint32_t some = lls_random_below(random, t->states[i]);
        t->observed[i] = what == 0 ? some : UINT32_MAX;
        t->likelihood[i] = soft && what != 0 ? likelihoods[i] : NULL;
        for (uint32_t s = 0; s < t->states[i]; s++)
            likelihoods[i][s] =
                lls_random_below(random, 6) == 0 ? 0.0 : decades(random, 300.0, -300.0);
        likelihoods[i][some] = decades(random, 300.0, -300.0);
        for (int k = 0; k < 2; k++) {
            if (what == 0)
                assert_ok(llmsched_inference_set_state(infs[k], i, some, &err), err);
            else if (soft)
                assert_ok(llmsched_inference_set_likelihood(infs[k], i, likelihoods[i],
                                                            t->states[i], &err),
                          err);
        }
    }
}

static void check_marginals(llmsched_inference *inf, const struct twin *t, const double *all)
{
    double expected[STATES], p[STATES];
    for (uint32_t i = 0; i < t->nodes; i++) {
        twin_joint(t, &i, 1, expected);
        assert_ok(llmsched_inference_marginal(inf, i, p, t->states[i], &err), err);
        for (uint32_t s = 0; s < t->states[i]; s++) {
            assert_true(fabs(p[s] - expected[s]) < NEAR);
            assert_true(fabs(all[lls_inference_offsets(inf)[i] + s] - expected[s]) < NEAR);
        }
    }
}

static void check_sets(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    uint32_t set[NODES], hidden[NODES], free_nodes = 0;
    double joint[STATES * STATES * STATES], expected[STATES * STATES * STATES], x;
    for (uint32_t i = 0; i < t->nodes; i++) {
        uint32_t k = lls_random_below(random, i + 1);
        set[i] = set[k];
        set[k] = i;
    }
    for (uint32_t i = 0; i < t->nodes; i++)
        if (t->observed[set[i]] == UINT32_MAX)
            hidden[free_nodes++] = set[i];
    twin_joint(t, set, 3, expected);
    const size_t size = twin_joint_size(t, set, 3);
    assert_ok(llmsched_inference_joint(inf, set, 3, joint, size, &err), err);
    for (size_t i = 0; i < size; i++)
        assert_true(fabs(joint[i] - expected[i]) < NEAR);
    assert_ok(llmsched_inference_entropy(inf, set, 4, &x, &err), err);
    assert_true(fabs(x - twin_entropy(t, set, 4)) < NEAR);
    assert_ok(llmsched_inference_mutual_information(inf, set[0], set + 1, 1, &x, &err), err);
    assert_true(fabs(x - twin_information(t, set[0], set + 1, 1)) < NEAR);
    assert_ok(llmsched_inference_mutual_information(inf, set[0], set + 1, 3, &x, &err), err);
    assert_true(fabs(x - twin_information(t, set[0], set + 1, 3)) < NEAR);
    assert_ok(llmsched_inference_total_entropy(inf, &x, &err), err);
    assert_true(fabs(x - twin_entropy(t, hidden, free_nodes)) < NEAR);
    if (free_nodes == 0)
        return;
    assert_ok(llmsched_inference_total_information(inf, hidden[0], &x, &err), err);
    assert_true(fabs(x - twin_information(t, hidden[0], hidden + 1, free_nodes - 1)) < NEAR);
}

static void check_moments_and_draws(llmsched_inference *inf, const struct twin *t,
                                    lls_random *random)
{
    double values[ALL], mean, variance, expected_mean, expected_variance;
    uint32_t drawn[NODES];
    for (uint32_t i = 0; i < ALL; i++)
        values[i] = lls_random_uniform(random);
    twin_moments(t, values, &expected_mean, &expected_variance);
    assert_ok(lls_inference_moments(inf, values, &mean, &variance, &err), err);
    assert_true(fabs(mean - expected_mean) < NEAR);
    assert_true(fabs(variance - expected_variance) < NEAR);
    for (int k = 0; k < 10; k++) {
        size_t at = 0;
        assert_ok(lls_inference_sample(inf, random, drawn, &err), err);
        for (uint32_t i = 0; i < t->nodes; i++)
            at = at * t->states[i] + drawn[i];
        assert_true(t->p[at] > 1e-12 * t->total);
    }
}

/* In a batch the same, to the last bit. */
static void check_batch(llmsched_inference *inf, const struct twin *t, const double *all,
                        uint32_t size)
{
    double out[ALL], likelihoods[ALL];
    uint32_t states[NODES];
    int32_t status;
    for (uint32_t i = 0; i < t->nodes; i++) {
        bool soft = t->observed[i] == UINT32_MAX && t->likelihood[i] != NULL;
        states[i] = soft ? LLMSCHED_STATE_SOFT : t->observed[i];
        if (soft)
            memcpy(likelihoods + lls_inference_offsets(inf)[i], t->likelihood[i],
                   t->states[i] * sizeof *likelihoods);
    }
    assert_ok(
        llmsched_inference_batch_soft_marginals(inf, states, likelihoods, 1, out, &status, &err),
        err);
    assert_int_equal(status, all != NULL ? LLMSCHED_OK : LLMSCHED_ERROR_IMPOSSIBLE);
    if (all != NULL)
        assert_memory_equal(out, all, size * sizeof *out);
}

struct tally {
    uint32_t quick, slow, impossible;
};

static void check_round(struct twin *t, llmsched_inference *inf, llmsched_inference *fresh,
                        lls_random *random, bool soft, struct tally *tally)
{
    llmsched_inference *const both[2] = {inf, fresh};
    const uint32_t size = lls_inference_offsets(inf)[t->nodes];
    double likelihoods[NODES][STATES], all[ALL], again[ALL], lp, other;
    llmsched_inference_clear(inf);
    tell(t, both, random, soft, likelihoods);
    const double expected = update_by_logarithms(t);
    if (!(t->total > 0.0)) {
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, llmsched_inference_log_probability(inf, &lp, &err),
                      err);
        assert_status(LLMSCHED_ERROR_IMPOSSIBLE, llmsched_inference_marginals(inf, all, size, &err),
                      err);
        check_batch(inf, t, NULL, size);
        tally->impossible++;
        return;
    }
    assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    assert_true(fabs(lp - expected) <= NEAR + 1e-13 * fabs(expected));
    assert_ok(llmsched_inference_marginals(inf, all, size, &err), err);
    check_marginals(inf, t, all);
    check_sets(inf, t, random);
    check_moments_and_draws(inf, t, random);
    check_batch(inf, t, all, size);
    /* What was asked before does not matter. */
    assert_ok(llmsched_inference_marginals(fresh, again, size, &err), err);
    assert_memory_equal(all, again, size * sizeof *all);
    assert_ok(llmsched_inference_log_probability(fresh, &other, &err), err);
    assert_memory_equal(&lp, &other, sizeof lp);
    if (lls_posterior_update(fresh))
        tally->quick++;
    else
        tally->slow++;
}

static struct tally check_networks(uint64_t seed, uint32_t networks, double lowest)
{
    struct tally tally = {0};
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t k = 0; k < networks; k++) {
        struct twin t;
        draft_random(&draft, &random, NODES, STATES, 3, 0.2);
        if (k % 2)
            make_steep(&random, lowest);
        llmsched_network *n = draft_build(&draft, context);
        llmsched_inference *inf = infer(n);
        twin_start(&t, n);
        for (uint32_t round = 0; round < 12; round++) {
            llmsched_inference *fresh = infer(n);
            check_round(&t, inf, fresh, &random, round % 3 > 0, &tally);
            llmsched_inference_destroy(fresh);
        }
        twin_finish(&t);
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    print_message("seed %llu: quick %u, slow %u, impossible %u\n", (unsigned long long)seed,
                  tally.quick, tally.slow, tally.impossible);
    return tally;
}

static void test_random_networks(void **state)
{
    (void)state;
    struct tally tally = check_networks(1, 80, -300.0);
    assert_true(tally.quick > 100 && tally.slow > 100 && tally.impossible > 50);
    tally = check_networks(8, 80, -300.0);
    assert_true(tally.quick > 100 && tally.slow > 100 && tally.impossible > 50);
    tally = check_networks(82, 40, -40.0);
    assert_true(tally.quick > 50 && tally.slow > 10 && tally.impossible > 20);
}

static int stop_flushing(void **state)
{
    (void)state;
#if defined(__SSE2__)
    _mm_setcsr(_mm_getcsr() & ~(unsigned)FLUSH);
#endif
    return 0;
}

/* A program may have told its processor to take subnormal numbers for 0. */
static void test_flush_to_zero(void **state)
{
    (void)state;
#if defined(__SSE2__)
    _mm_setcsr(_mm_getcsr() | FLUSH);
    struct tally tally = check_networks(83, 40, -300.0);
    assert_true(tally.quick > 50 && tally.slow > 50);
#else
    skip();
#endif
}

/* --- memory ---------------------------------------------------------------------------------- */

static void test_memory(void **state)
{
    (void)state;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *own = NULL;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    llmsched_network *n = hub(own);
    const uint32_t pair[2] = {0, LAST};
    double p[3], lp, all[3 + 2 * LAST], log_p, h, expected = 0.0;
    const double odds = hub_odds(&log_p);
    uint64_t fail_at = 0;
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    for (; status == LLMSCHED_ERROR_MEMORY; fail_at++) {
        llmsched_inference *inf = NULL;
        assert_ok(llmsched_inference_create(n, &inf, &err), err);
        tell_hub(inf);
        const uint64_t calls = f.calls;
        assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
        assert_ok(llmsched_inference_marginal(inf, 0, p, 3, &err), err);
        assert_ok(llmsched_inference_marginals(inf, all, LLS_COUNT(all), &err), err);
        assert_ok(llmsched_inference_total_entropy(inf, &expected, &err), err);
        assert_int_equal(f.calls, calls);
        f.fail_at = f.calls + fail_at + 1;
        h = 7.0;
        status = llmsched_inference_entropy(inf, pair, 2, &h, &err);
        f.fail_at = 0;
        if (status != LLMSCHED_OK) {
            assert_status(LLMSCHED_ERROR_MEMORY, status, err);
            assert_true(h > 6.0);
            assert_ok(llmsched_inference_entropy(inf, pair, 2, &h, &err), err);
        }
        assert_double_equal(h, expected, 1e-10);
        assert_double_equal(p[2], odds, 1e-13);
        llmsched_inference_destroy(inf);
    }
    assert_true(fail_at > 3);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    assert_int_equal(f.live, 0);
}

/* --- wide products --------------------------------------------------------------------------- */

/* Three factors of two rows and two columns. */
static void multiply_widely(const double *factor, double *table, double *message, double *powers)
{
    const lls_loop straight = {2, 1};
    const lls_operand operand = {factor, 2, &straight, 1};
    double exponents[4];
    lls_wide_begin(table, exponents, 4, 0.0);
    for (int k = 0; k < 3; k++)
        lls_wide_multiply(table, exponents, 2, 2, &operand, factor, NULL);
    lls_wide_sum(table, exponents, 2, 2, message, powers);
}

static void test_wide_products(void **state)
{
    (void)state;
    const double ordinary[4] = {0.3, 0.7, 0.11, 0.013}, extreme[4] = {1e-300, 0.0, 2e-300, 1e300};
    const double subnormal[4] = {DBL_TRUE_MIN, 3 * DBL_TRUE_MIN, DBL_TRUE_MIN, 0.0};
    const lls_loop straight = {2, 1};
    const lls_operand operands[3] = {
        {ordinary, 2, &straight, 1}, {ordinary, 2, &straight, 1}, {ordinary, 2, &straight, 1}};
    double table[4], message[2], powers[2], other[4], sums[2];
    int64_t exponent;
    /* Where nothing is lost, the same quotients to the last bit. */
    multiply_widely(ordinary, table, message, powers);
    lls_sum_product(operands, 3, 2, 2, other, sums, &exponent);
    for (int i = 0; i < 4; i++)
        assert_true(table[i] / message[i % 2] - other[i] / sums[i % 2] == 0.0);
    multiply_widely(extreme, table, message, powers);
    assert_double_equal(table[2] / message[0], 8.0 / 9.0, 1e-15);
    assert_true(table[1] == 0.0 && table[3] - message[1] == 0.0);
    assert_double_equal(log(message[0]) + powers[0] * log(2.0), log(9.0) - 900 * log(10.0), 1e-14);
    assert_double_equal(log(message[1]) + powers[1] * log(2.0), 900 * log(10.0), 1e-14);
    multiply_widely(subnormal, table, message, powers);
    assert_double_equal(table[0] / message[0], 0.5, 1e-15);
    assert_double_equal(log(message[1]) + powers[1] * log(2.0), 3 * log(3) - 3 * 1074 * log(2.0),
                        1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hub),
        cmocka_unit_test(test_hub_draws_and_batches),
        cmocka_unit_test(test_quick_way_is_kept),
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test_teardown(test_flush_to_zero, stop_flushing),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_wide_products),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
