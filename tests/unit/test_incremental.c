/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a calculator keeps from answer to answer leaves no trace: after any history it gives the
 * bits of one that is new, and of one that was told the same in another order.
 */
#include "context.h"
#include "evidence.h"

#include "bayes/inference.h"

#include <stdlib.h>

enum { STATES = 256, MOST_STATES = 8 };

static llmsched_error err;
static struct draft draft;

/* What is known of each node: the evidence apart from any calculator. */
struct known {
    uint32_t nodes;
    uint32_t state[NETWORK_NODES]; /* UINT32_MAX: not observed */
    bool soft[NETWORK_NODES];
    double likelihood[NETWORK_NODES][MOST_STATES];
};

static void tell_node(const struct known *k, llmsched_inference *inf, uint32_t node)
{
    uint32_t states = llmsched_network_state_count(inf->network, node);
    if (k->state[node] != UINT32_MAX)
        assert_ok(llmsched_inference_set_state(inf, node, k->state[node], &err), err);
    if (k->soft[node])
        assert_ok(llmsched_inference_set_likelihood(inf, node, k->likelihood[node], states, &err),
                  err);
}

/* From a node drawn, round all the others. */
static void tell_all(const struct known *k, llmsched_inference *inf, lls_random *random)
{
    uint32_t first = lls_random_below(random, k->nodes);
    for (uint32_t i = 0; i < k->nodes; i++)
        tell_node(k, inf, (first + i) % k->nodes);
}

static void forget_all(struct known *k)
{
    for (uint32_t i = 0; i < k->nodes; i++) {
        k->state[i] = UINT32_MAX;
        k->soft[i] = false;
    }
}

static void learn_state(struct known *k, uint32_t node, uint32_t state)
{
    k->state[node] = state;
    k->soft[node] = false;
}

static void learn_likelihood(struct known *k, uint32_t node, uint32_t states, lls_random *random)
{
    uint32_t some = lls_random_below(random, states);
    bool other_scale = lls_random_below(random, 8) == 0;
    k->state[node] = UINT32_MAX;
    k->soft[node] = true;
    for (uint32_t s = 0; s < states; s++) {
        uint32_t zero = lls_random_below(random, 4);
        double value = 0.25 + lls_random_uniform(random);
        k->likelihood[node][s] = s != some && zero == 0 ? 0.0
                                 : other_scale          ? 0x1p-80 * value
                                                        : value;
    }
}

/* One or two pieces of news, or a fresh start; some of it is no news. */
static void change(struct known *k, llmsched_inference *inf, lls_random *random)
{
    uint32_t what = lls_random_below(random, 16);
    if (what == 0)
        forget_all(k);
    if (what <= 2) { /* or the same again */
        llmsched_inference_clear(inf);
        tell_all(k, inf, random);
    }
    for (uint32_t news = lls_random_below(random, 3); news > 0; news--) {
        uint32_t node = lls_random_below(random, k->nodes);
        uint32_t states = llmsched_network_state_count(inf->network, node);
        if (lls_random_below(random, 3) > 0)
            learn_state(k, node, lls_random_below(random, states));
        else if (states <= MOST_STATES)
            learn_likelihood(k, node, states, random);
        tell_node(k, inf, node);
    }
}

static void same_marginals(llmsched_inference *old, llmsched_inference *fresh)
{
    double a[STATES] = {0}, b[STATES] = {0}, p = 0.0, q = 0.0;
    assert_status(lls_inference_marginals(old, a, &err), lls_inference_marginals(fresh, b, &err),
                  err);
    assert_memory_equal(a, b, sizeof a);
    assert_status(llmsched_inference_log_probability(old, &p, &err),
                  llmsched_inference_log_probability(fresh, &q, &err), err);
    assert_memory_equal(&p, &q, sizeof p);
}

static void same_marginal(llmsched_inference *old, llmsched_inference *fresh, uint32_t node)
{
    double a[MOST_STATES] = {0}, b[MOST_STATES] = {0};
    uint32_t states = llmsched_network_state_count(old->network, node);
    assert_status(llmsched_inference_marginal(old, node, a, states, &err),
                  llmsched_inference_marginal(fresh, node, b, states, &err), err);
    assert_memory_equal(a, b, sizeof a);
}

/* Jobs of other evidence use the same room. */
static void run_batch(llmsched_inference *inf, lls_random *random)
{
    enum { JOBS = 5 };
    static double out[JOBS * STATES];
    uint32_t jobs[JOBS * NETWORK_NODES], nodes = inf->network->count;
    int32_t statuses[JOBS];
    for (uint32_t i = 0; i < JOBS * nodes; i++)
        jobs[i] =
            lls_random_below(random, 2)
                ? lls_random_below(random, llmsched_network_state_count(inf->network, i % nodes))
                : UINT32_MAX;
    assert_ok(llmsched_inference_batch_marginals(inf, jobs, JOBS, out, statuses, &err), err);
}

/* Any of the questions; each leaves something behind for the next. */
static void ask(const struct known *k, llmsched_inference *old, lls_random *random)
{
    uint32_t node = lls_random_below(random, k->nodes), other = lls_random_below(random, k->nodes);
    uint32_t drawn[NETWORK_NODES], again[NETWORK_NODES];
    double x = 0.0, y = 0.0;
    llmsched_inference *fresh = infer(old->network);
    lls_random same = *random;
    tell_all(k, fresh, &same);
    switch (lls_random_below(random, 8)) {
    case 0:
        run_batch(old, random);
        break;
    case 1:
        same = *random;
        assert_status(lls_inference_sample(old, random, drawn, &err),
                      lls_inference_sample(fresh, &same, again, &err), err);
        break;
    case 2:
        if (node != other)
            assert_status(llmsched_inference_mutual_information(old, node, &other, 1, &x, &err),
                          llmsched_inference_mutual_information(fresh, node, &other, 1, &y, &err),
                          err);
        assert_true(x == y);
        break;
    case 3:
    case 4:
        same_marginal(old, fresh, node);
        same_marginal(old, fresh, other);
        break;
    default:
        same_marginals(old, fresh);
        break;
    }
    llmsched_inference_destroy(fresh);
}

static void test_any_history(void **state)
{
    (void)state;
    enum { SEED = 60 };
    lls_random random;
    int quick = 0;
    print_message("seed %d\n", SEED);
    lls_random_seed(&random, SEED);
    for (uint32_t round = 0; round < 120; round++) {
        uint32_t nodes = 1 + lls_random_below(&random, NETWORK_NODES);
        draft_random(&draft, &random, nodes, round % 4 == 0 ? 8 : 4, 1 + round % 3,
                     round % 3 ? 0.0 : 0.2);
        llmsched_network *n = draft_build(&draft, context);
        llmsched_inference *inf = infer(n);
        struct known k = {.nodes = nodes};
        if (lls_kernels_at(context, round % 3) != NULL) /* against the best */
            inf->posterior.kernels = lls_kernels_at(context, round % 3);
        forget_all(&k);
        for (int step = 0; step < 60; step++) {
            change(&k, inf, &random);
            ask(&k, inf, &random);
            quick += lls_posterior_update(inf);
        }
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    assert_true(quick > 4000); /* most evidence is possible, and answered the quick way */
}

/* As in a scheduler: stage after stage ends, and every marginal is asked each time. */
static void test_stage_after_stage(void **state)
{
    (void)state;
    enum { SEED = 61 };
    lls_random random;
    print_message("seed %d\n", SEED);
    lls_random_seed(&random, SEED);
    for (uint32_t round = 0; round < 40; round++) {
        draft_random(&draft, &random, NETWORK_NODES, 5, 2, 0.0);
        llmsched_network *n = draft_build(&draft, context);
        llmsched_inference *inf = infer(n);
        struct known k = {.nodes = NETWORK_NODES};
        for (int run = 0; run < 3; run++) {
            forget_all(&k);
            llmsched_inference_clear(inf);
            for (uint32_t i = 0; i < NETWORK_NODES; i++) {
                uint32_t node = (i * 5 + round) % NETWORK_NODES;
                learn_state(&k, node,
                            lls_random_below(&random, llmsched_network_state_count(n, node)));
                tell_node(&k, inf, node);
                llmsched_inference *fresh = infer(n);
                tell_all(&k, fresh, &random);
                same_marginals(inf, fresh);
                llmsched_inference_destroy(fresh);
            }
        }
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
}

/* The work that one more ended stage leaves: parts that it says nothing about are not touched. */
static void test_only_its_piece(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 62);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 9; i++) { /* three chains of three */
        draft_node(&draft, i, 3);
        if (i % 3 > 0)
            draft_arc(&draft, i - 1, i);
    }
    draft_fill(&draft, &random, 0.0);
    llmsched_network *n = draft_build(&draft, context);
    llmsched_inference *inf = infer(n);
    double out[27];
    assert_ok(lls_inference_marginals(inf, out, &err), err);
    assert_true(inf->posterior.unsettled[0] == 0);
    assert_ok(llmsched_inference_set_state(inf, 3, 1, &err), err);
    assert_true(lls_posterior_update(inf));
    for (uint32_t i = 0; i < 9; i++) /* not 3 itself, which is known */
        assert_int_equal(lls_bit(inf->posterior.unsettled, inf->tree.bucket_of[i]),
                         i == 4 || i == 5);
    assert_ok(lls_inference_marginals(inf, out, &err), err);
    assert_ok(llmsched_inference_set_state(inf, 3, 1, &err), err); /* no news */
    assert_true(lls_posterior_update(inf));
    assert_true(inf->posterior.unsettled[0] == 0);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* A piece without evidence under states that were seen before is answered from what was kept. */
static void test_kept(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 63);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 6; i++) { /* a chain */
        draft_node(&draft, i, 3);
        if (i > 0)
            draft_arc(&draft, i - 1, i);
    }
    draft_fill(&draft, &random, 0.0);
    llmsched_network *n = draft_build(&draft, context);
    llmsched_inference *inf = infer(n);
    double seen[3][18], out[18];
    for (uint32_t round = 0; round < 6; round++) {
        llmsched_inference_clear(inf);
        assert_ok(llmsched_inference_set_state(inf, 0, round / 3, &err), err); /* says nothing */
        assert_ok(llmsched_inference_set_state(inf, 1, round % 3, &err), err);
        assert_true(lls_posterior_update(inf));
        assert_int_equal(inf->posterior.unsettled[0] == 0, round >= 3);
        assert_ok(lls_inference_marginals(inf, out, &err), err);
        if (round < 3)
            memcpy(seen[round], out, sizeof out);
        else
            assert_memory_equal(seen[round - 3] + 3, out + 3, 15 * sizeof *out);
    }
    lls_posterior_forget(inf);
    assert_true(lls_posterior_update(inf));
    assert_false(inf->posterior.unsettled[0] == 0);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* A tree of more nodes than a word has bits, most of them binary. */
static llmsched_network *large(uint32_t nodes, lls_random *random)
{
    lls_node_spec *specs = calloc(nodes, sizeof *specs);
    char(*names)[16] = calloc(nodes, sizeof *names);
    uint32_t *parents = calloc(nodes, sizeof *parents);
    double(*tables)[4] = calloc(nodes, sizeof *tables);
    llmsched_network *n = NULL;
    for (uint32_t i = 0; i < nodes; i++) {
        bool root = i == 0 || lls_random_below(random, 20) == 0;
        snprintf(names[i], sizeof names[i], "n%u", i);
        parents[i] = i > 0 ? i - 1 - lls_random_below(random, i < 5 ? i : 5) : 0;
        for (int row = 0; row < 2; row++) {
            tables[i][2 * row] = 0.1 + 0.8 * lls_random_uniform(random);
            tables[i][2 * row + 1] = 1.0 - tables[i][2 * row];
        }
        specs[i] = (lls_node_spec){names[i], 2, NULL, root ? NULL : &parents[i], !root, tables[i]};
    }
    assert_ok(lls_network_create(context, "", specs, nodes, &n, &err), err);
    free(tables);
    free(parents);
    free(names);
    free(specs);
    return n;
}

static void test_many_nodes(void **state)
{
    (void)state;
    enum { SEED = 64, NODES = 200 };
    static uint32_t told[NODES];
    static double a[2 * NODES], b[2 * NODES];
    lls_random random;
    print_message("seed %d\n", SEED);
    lls_random_seed(&random, SEED);
    llmsched_network *n = large(NODES, &random);
    llmsched_inference *old = infer(n);
    memset(told, 0xff, sizeof told);
    for (int round = 0; round < 200; round++) {
        if (round % 40 == 39) {
            memset(told, 0xff, sizeof told);
            llmsched_inference_clear(old);
        }
        for (uint32_t news = 1 + lls_random_below(&random, 4); news > 0; news--) {
            uint32_t node = lls_random_below(&random, NODES);
            told[node] = lls_random_below(&random, 2);
            assert_ok(llmsched_inference_set_state(old, node, told[node], &err), err);
        }
        llmsched_inference *fresh = infer(n);
        for (uint32_t i = NODES; i-- > 0;)
            if (told[i] != UINT32_MAX)
                assert_ok(llmsched_inference_set_state(fresh, i, told[i], &err), err);
        assert_ok(lls_inference_marginals(old, a, &err), err);
        assert_ok(lls_inference_marginals(fresh, b, &err), err);
        assert_memory_equal(a, b, sizeof a);
        llmsched_inference_destroy(fresh);
    }
    llmsched_inference_destroy(old);
    llmsched_network_release(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_history),    cmocka_unit_test(test_stage_after_stage),
        cmocka_unit_test(test_only_its_piece), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_many_nodes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
