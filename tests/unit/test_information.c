/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joints, entropy and mutual information against enumeration and closed forms.
 */
#include "context.h"
#include "evidence.h"

#include <stdio.h>

static llmsched_error err;
static struct draft draft;

static double information(llmsched_inference *inf, uint32_t x, const uint32_t *others,
                          uint32_t count)
{
    double value = -1.0;
    assert_ok(llmsched_inference_mutual_information(inf, x, others, count, &value, &err), err);
    assert_true(value >= 0.0);
    return value;
}

/* --- against enumeration ---------------------------------------------------------- */

/* A random subset of the nodes in random order. */
static uint32_t draw_set(lls_random *random, uint32_t nodes, uint32_t most, uint32_t *set)
{
    uint32_t all[TWIN_NODES], count = lls_random_below(random, (most < nodes ? most : nodes) + 1);
    for (uint32_t i = 0; i < nodes; i++)
        all[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = i + lls_random_below(random, nodes - i), swap = all[j];
        all[j] = all[i];
        set[i] = all[i] = swap;
    }
    return count;
}

static void check_joint(llmsched_inference *inf, const struct twin *t, const uint32_t *set,
                        uint32_t count)
{
    size_t size = twin_joint_size(t, set, count);
    double *got = calloc(size, sizeof *got), *want = calloc(size, sizeof *want), h;
    twin_joint(t, set, count, want);
    assert_ok(llmsched_inference_joint(inf, set, count, got, size, &err), err);
    for (size_t i = 0; i < size; i++)
        assert_double_equal(got[i], want[i], 1e-12);
    assert_ok(llmsched_inference_entropy(inf, set, count, &h, &err), err);
    assert_double_equal(h, twin_entropy(t, set, count), 1e-12);
    assert_true(h >= 0.0);
    free(want);
    free(got);
}

static void check_totals(llmsched_inference *inf, const struct twin *t)
{
    uint32_t all[TWIN_NODES], others[TWIN_NODES];
    double h, value;
    for (uint32_t i = 0; i < t->nodes; i++)
        all[i] = i;
    assert_ok(llmsched_inference_total_entropy(inf, &h, &err), err);
    assert_double_equal(h, twin_entropy(t, all, t->nodes), 1e-12);
    for (uint32_t x = 0; x < t->nodes; x++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < t->nodes; i++)
            if (i != x)
                others[count++] = i;
        assert_ok(llmsched_inference_total_information(inf, x, &value, &err), err);
        assert_double_equal(value, twin_information(t, x, others, count), 1e-12);
        assert_true(value >= 0.0);
    }
}

/* In turn, as who asks for all of them does, and across each other. */
static void check_pairs(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    for (uint32_t x = 0; x < t->nodes; x++)
        for (uint32_t y = 0; y < t->nodes; y++)
            if (x != y)
                assert_double_equal(information(inf, x, &y, 1), twin_information(t, x, &y, 1),
                                    1e-12);
    for (int i = 0; i < 10 && t->nodes > 1; i++) {
        uint32_t set[TWIN_NODES];
        double marginal[8], same = information(inf, 0, (const uint32_t[]){1}, 1);
        if (draw_set(random, t->nodes, 2, set) < 2)
            continue;
        assert_ok(llmsched_inference_marginal(inf, set[0], marginal, t->states[set[0]], &err), err);
        assert_double_equal(information(inf, set[1], set, 1), twin_information(t, set[1], set, 1),
                            1e-12);
        assert_true(information(inf, 0, (const uint32_t[]){1}, 1) == same);
    }
}

static void check_all(llmsched_inference *inf, const struct twin *t, lls_random *random)
{
    uint32_t set[TWIN_NODES];
    for (int i = 0; i < 4; i++) {
        uint32_t count = draw_set(random, t->nodes, 4, set);
        check_joint(inf, t, set, count);
        if (count > 0)
            assert_double_equal(information(inf, set[0], set + 1, count - 1),
                                twin_information(t, set[0], set + 1, count - 1), 1e-12);
    }
    check_totals(inf, t);
    check_pairs(inf, t, random);
}

static void test_random_networks(void **state)
{
    (void)state;
    lls_random random;
    double likelihoods[TWIN_NODES][8];
    int possible = 0;
    lls_random_seed(&random, 30);
    for (int round = 0; round < 120; round++) {
        draft_random(&draft, &random, 1 + lls_random_below(&random, 7), 3, 3,
                     round % 3 ? 0.3 : 0.0);
        llmsched_network *n = draft_build(&draft, context);
        llmsched_inference *inf = infer(n);
        struct twin t;
        twin_start(&t, n);
        for (int query = 0; query < 4; query++) {
            llmsched_inference_clear(inf);
            draw_evidence(&t, inf, &random, likelihoods);
            if (t.total == 0.0)
                continue;
            check_all(inf, &t, &random);
            possible++;
        }
        twin_finish(&t);
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    assert_true(possible > 200);
}

/* --- what information must and must not say ------------------------------------------- */

/* Two fair coins 0 and 1, their exclusive or 2, and a node 3 on its own. */
static llmsched_network *coins(void)
{
    const double fair[2] = {0.5, 0.5}, xor_table[8] = {1, 0, 0, 1, 0, 1, 1, 0};
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 4; i++) {
        draft_node(&draft, i, 2);
        memcpy(draft.tables[i], fair, sizeof fair);
    }
    draft_arc(&draft, 0, 2);
    draft_arc(&draft, 1, 2);
    memcpy(draft.tables[2], xor_table, sizeof xor_table);
    return draft_build(&draft, context);
}

/* The joint set, not a sum over pairs: each coin alone tells nothing of the exclusive or. */
static void test_joint_set(void **state)
{
    (void)state;
    llmsched_network *n = coins();
    llmsched_inference *inf = infer(n);
    const uint32_t both[3] = {0, 1, 3};
    double total;
    assert_true(information(inf, 2, both, 1) == 0.0);
    assert_true(information(inf, 2, both + 1, 1) == 0.0);
    assert_double_equal(information(inf, 2, both, 2), log(2.0), 1e-15);
    assert_double_equal(information(inf, 2, both, 3), log(2.0), 1e-15);
    assert_ok(llmsched_inference_total_information(inf, 2, &total, &err), err);
    assert_double_equal(total, log(2.0), 1e-15);
    assert_ok(llmsched_inference_total_entropy(inf, &total, &err), err);
    assert_double_equal(total, 3 * log(2.0), 1e-15);
    /* With one coin known the other and the result tell each other everything. */
    assert_ok(llmsched_inference_set_state(inf, 0, 1, &err), err);
    assert_double_equal(information(inf, 2, both + 1, 1), log(2.0), 1e-15);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* High entropy alone is not information: exactly 0, not rounding. */
static void test_independent_is_zero(void **state)
{
    (void)state;
    llmsched_network *n = coins();
    llmsched_inference *inf = infer(n);
    const uint32_t others[3] = {0, 1, 2};
    double h, total;
    assert_true(information(inf, 3, others, 3) == 0.0);
    assert_ok(llmsched_inference_total_information(inf, 3, &total, &err), err);
    assert_true(total == 0.0);
    const uint32_t three = 3;
    assert_ok(llmsched_inference_entropy(inf, &three, 1, &h, &err), err);
    assert_double_equal(h, log(2.0), 1e-15);
    assert_true(information(inf, 3, NULL, 0) == 0.0);
    /* An observed node has nothing to tell, nor to be told. */
    assert_ok(llmsched_inference_set_state(inf, 2, 1, &err), err);
    assert_true(information(inf, 2, others, 2) == 0.0);
    assert_true(information(inf, 3, others + 2, 1) == 0.0);
    assert_ok(llmsched_inference_total_information(inf, 2, &total, &err), err);
    assert_true(total == 0.0);
    /* Yet it couples the coins, which its observation makes opposite. */
    assert_double_equal(information(inf, 0, others + 1, 1), log(2.0), 1e-15);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* In a chain the nearest tells all: far ones are screened off, however large their joint would be.
 */
static void test_screening(void **state)
{
    (void)state;
    enum { LENGTH = 16, STATES = 7 };
    lls_random random;
    lls_random_seed(&random, 31);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < LENGTH; i++) {
        draft_node(&draft, i, STATES);
        if (i > 0)
            draft_arc(&draft, i - 1, i);
    }
    draft_fill(&draft, &random, 0.0);
    llmsched_network *n = draft_build(&draft, context);
    llmsched_inference *inf = infer(n);
    uint32_t others[LENGTH];
    for (uint32_t i = 0; i < LENGTH - 1; i++)
        others[i] = i + 1;
    /* 7^15 joint states would not fit max_table. */
    double nearest = information(inf, 0, others, 1), total;
    assert_true(nearest > 0.0);
    assert_double_equal(information(inf, 0, others, LENGTH - 1), nearest, 1e-14);
    assert_ok(llmsched_inference_total_information(inf, 0, &total, &err), err);
    assert_double_equal(total, nearest, 1e-14);
    assert_true(information(inf, 0, others + 3, 1) < nearest);
    /* What an observation cuts apart adds up: an entropy of 15 nodes in groups. */
    double h, sum = 0.0;
    for (uint32_t i = 1; i < LENGTH; i += 2)
        assert_ok(llmsched_inference_set_state(inf, i, i % STATES, &err), err);
    for (uint32_t i = 0; i < LENGTH; i += 2) {
        assert_ok(llmsched_inference_entropy(inf, &i, 1, &h, &err), err);
        sum += h;
    }
    assert_ok(llmsched_inference_entropy(inf, others, LENGTH - 1, &h, &err), err);
    const uint32_t first = 0;
    double own;
    assert_ok(llmsched_inference_entropy(inf, &first, 1, &own, &err), err);
    assert_double_equal(h + own, sum, 1e-13);
    assert_ok(llmsched_inference_total_entropy(inf, &h, &err), err);
    assert_double_equal(h, sum, 1e-12);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* --- refusals ------------------------------------------------------------------------- */

static void test_arguments(void **state)
{
    (void)state;
    llmsched_network *n = coins();
    llmsched_inference *inf = infer(n);
    const uint32_t twice[2] = {1, 1}, out[1] = {4}, both[2] = {0, 1};
    double p[8] = {7, 7, 7, 7}, x = 7;
    assert_fails(LLMSCHED_ERROR_INVALID, "twice",
                 llmsched_inference_joint(inf, twice, 2, p, 4, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "node 4",
                 llmsched_inference_joint(inf, out, 1, p, 2, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "4 joint",
                 llmsched_inference_joint(inf, both, 2, p, 5, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_inference_joint(inf, both, 2, NULL, 4, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_inference_joint(inf, NULL, 2, p, 4, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_inference_joint(NULL, both, 2, p, 4, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "twice",
                 llmsched_inference_entropy(inf, twice, 2, &x, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_inference_entropy(inf, both, 2, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_inference_total_entropy(inf, NULL, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "among the others",
                 llmsched_inference_mutual_information(inf, 1, both, 2, &x, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "twice",
                 llmsched_inference_mutual_information(inf, 0, twice, 2, &x, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "node 4",
                 llmsched_inference_mutual_information(inf, 4, both, 2, &x, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_inference_mutual_information(inf, 2, both, 2, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "node 4",
                 llmsched_inference_total_information(inf, 4, &x, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_inference_total_information(inf, 0, NULL, &err), err);
    assert_true(p[0] == 7 && p[3] == 7 && x == 7);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* A node and its seven children: 2^8 joint states where 64 are allowed. */
static void test_limits(void **state)
{
    (void)state;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {
        .size = sizeof options, .allocator = &allocator, .max_table = 64};
    llmsched_context *own = NULL;
    lls_random random;
    uint32_t nodes[8];
    double x = 7, p[256];
    lls_random_seed(&random, 32);
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 8; i++) {
        nodes[i] = i;
        draft_node(&draft, i, 2);
        if (i > 0)
            draft_arc(&draft, 0, i);
    }
    draft_fill(&draft, &random, 0.0);
    llmsched_network *n = draft_build(&draft, own);
    llmsched_inference *inf = NULL;
    assert_ok(llmsched_inference_create(n, &inf, &err), err);
    assert_fails(LLMSCHED_ERROR_LIMIT, "max_table",
                 llmsched_inference_joint(inf, nodes, 8, p, 256, &err), err);
    assert_fails(LLMSCHED_ERROR_LIMIT, "max_table",
                 llmsched_inference_entropy(inf, nodes, 8, &x, &err), err);
    assert_true(x == 7);
    assert_ok(llmsched_inference_total_information(inf, 0, &x, &err), err);
    llmsched_network *same = draft_build(&draft, context);
    llmsched_inference *wide = infer(same);
    double y;
    assert_ok(llmsched_inference_total_information(wide, 0, &y, &err), err);
    assert_double_equal(x, y, 1e-13);
    llmsched_inference_destroy(wide);
    llmsched_network_release(same);
    /* A smaller question is answered by the same calculator. */
    assert_ok(llmsched_inference_entropy(inf, nodes, 6, &x, &err), err);
    assert_ok(llmsched_inference_total_entropy(inf, &x, &err), err);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    assert_int_equal(f.live, 0);
}

/* A cause of thirty effects: no way to tell in reasonable time, and a clear answer. */
static void test_too_many(void **state)
{
    (void)state;
    enum { EFFECTS = 30 };
    double x = 7;
    static const double coin[2] = {0.5, 0.5}, fair[4] = {0.25, 0.75, 0.5, 0.5};
    static lls_node_spec nodes[EFFECTS + 1];
    static char names[EFFECTS + 1][8];
    static const uint32_t cause = 0;
    for (uint32_t i = 0; i <= EFFECTS; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] =
            (lls_node_spec){names[i], 2, NULL, i > 0 ? &cause : NULL, i > 0, i > 0 ? fair : coin};
    }
    llmsched_network *n = NULL;
    assert_ok(lls_network_create(context, "", nodes, EFFECTS + 1, &n, &err), err);
    llmsched_inference *inf = infer(n);
    assert_fails(LLMSCHED_ERROR_LIMIT, "joint states",
                 llmsched_inference_total_information(inf, 0, &x, &err), err);
    assert_true(x == 7);
    for (uint32_t i = 1; i <= EFFECTS - 8; i++)
        assert_ok(llmsched_inference_set_state(inf, i, i % 2, &err), err);
    assert_ok(llmsched_inference_total_information(inf, 0, &x, &err), err);
    assert_true(x > 0.0 && x < log(2.0));
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* Random networks where a table holds little more than their cliques. */
static void test_sliced(void **state)
{
    (void)state;
    lls_random random;
    double likelihoods[TWIN_NODES][8], value;
    int sliced = 0;
    llmsched_context_options options = {.size = sizeof options, .max_table = 27};
    llmsched_context *own = NULL;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    lls_random_seed(&random, 36);
    for (int round = 0; round < 300; round++) {
        draft_random(&draft, &random, 4 + lls_random_below(&random, 5), 3, 2, 0.2);
        llmsched_network *n = draft_build(&draft, own);
        llmsched_inference *inf = NULL;
        struct twin t;
        uint32_t set[TWIN_NODES];
        if (llmsched_inference_create(n, &inf, &err) == LLMSCHED_OK) {
            twin_start(&t, n);
            draw_evidence(&t, inf, &random, likelihoods);
            for (int i = 0; i < 6 && t.total > 0.0; i++) {
                uint32_t count = draw_set(&random, t.nodes, 7, set);
                if (count == 0)
                    continue;
                llmsched_status status = llmsched_inference_mutual_information(
                    inf, set[0], set + 1, count - 1, &value, &err);
                assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_LIMIT);
                if (status == LLMSCHED_OK) {
                    assert_double_equal(value, twin_information(&t, set[0], set + 1, count - 1),
                                        1e-12);
                    assert_true(value >= 0.0);
                    sliced += twin_joint_size(&t, set, count) > 27;
                }
            }
            twin_finish(&t);
        }
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    llmsched_context_destroy(own);
    assert_true(sliced > 100);
}

/* Factors of 2^-1000 on many nodes change P(evidence), which no double holds, and nothing else. */
static void test_tiny_evidence(void **state)
{
    (void)state;
    enum { LENGTH = 16 };
    lls_random random;
    double all[2], set[2], pair[2], p[2];
    const uint32_t others[3] = {3, 12, 15};
    lls_random_seed(&random, 37);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < LENGTH; i++) {
        draft_node(&draft, i, 3);
        if (i > 0)
            draft_arc(&draft, i - 1, i);
    }
    draft_fill(&draft, &random, 0.0);
    llmsched_network *n = draft_build(&draft, context);
    llmsched_inference *inf = infer(n);
    for (int k = 0; k < 2; k++) {
        llmsched_inference_clear(inf);
        for (uint32_t i = 0; i < LENGTH; i += 3) {
            double scale = k == 0 ? 1.0 : 0x1p-1000;
            const double likelihood[3] = {scale, scale * (0.25 + i / 64.0), scale * 0.5};
            assert_ok(llmsched_inference_set_likelihood(inf, i, likelihood, 3, &err), err);
        }
        assert_ok(llmsched_inference_log_probability(inf, &p[k], &err), err);
        assert_ok(llmsched_inference_total_information(inf, 8, &all[k], &err), err);
        set[k] = information(inf, 8, others, 3);
        pair[k] = information(inf, 8, others, 1);
    }
    assert_double_equal(p[1], p[0] - 6 * 1000 * log(2.0), 1e-9);
    assert_true(all[0] > 0.0 && all[0] == all[1]);
    assert_true(set[0] > 0.0 && set[0] == set[1]);
    assert_true(pair[0] > 0.0 && pair[0] == pair[1]);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* --- memory ------------------------------------------------------------------------------ */

/* The first pair takes room; without it nothing is said, and nothing is broken. */
static llmsched_status pair_out_of_memory(llmsched_context *c, llmsched_error *e)
{
    double value = -1.0;
    const uint32_t other = 6;
    llmsched_inference *inf = NULL;
    llmsched_network *n = NULL;
    llmsched_status status = lls_network_create(c, "", draft.nodes, draft.count, &n, e);
    if (status == LLMSCHED_OK)
        status = llmsched_inference_create(n, &inf, e);
    if (status == LLMSCHED_OK) {
        status = llmsched_inference_mutual_information(inf, 7, &other, 1, &value, e);
        assert_true(status == LLMSCHED_OK || value == -1.0);
        if (status == LLMSCHED_ERROR_MEMORY) /* what failed once succeeds now */
            assert_ok(llmsched_inference_mutual_information(inf, 7, &other, 1, &value, &err), err);
    }
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    return status;
}

/* As in test_limits: what is asked slice by slice takes room of its own. */
static void test_slices_out_of_memory(void **state)
{
    (void)state;
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    uint64_t fail_at = 0;
    lls_random random;
    lls_random_seed(&random, 38);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 8; i++) {
        draft_node(&draft, i, 2);
        if (i > 0)
            draft_arc(&draft, 0, i);
    }
    draft_fill(&draft, &random, 0.0);
    while (status == LLMSCHED_ERROR_MEMORY) {
        struct failing f = {0};
        llmsched_allocator allocator = failing_allocator(&f);
        llmsched_context_options options = {
            .size = sizeof options, .allocator = &allocator, .max_table = 64};
        llmsched_context *own = NULL;
        llmsched_inference *inf = NULL;
        double x = -1.0, y, before[16], after[16];
        assert_ok(llmsched_context_create(&options, &own, &err), err);
        llmsched_network *n = draft_build(&draft, own);
        assert_ok(llmsched_inference_create(n, &inf, &err), err);
        assert_ok(llmsched_inference_marginals(inf, before, 16, &err), err);
        f.fail_at = f.calls + ++fail_at;
        status = llmsched_inference_total_information(inf, 0, &x, &err);
        assert_true(status == LLMSCHED_OK || (status == LLMSCHED_ERROR_MEMORY && x == -1.0));
        f.fail_at = 0;
        assert_ok(llmsched_inference_total_information(inf, 0, &y, &err), err);
        assert_true(status != LLMSCHED_OK || x == y);
        assert_ok(llmsched_inference_marginals(inf, after, 16, &err), err);
        assert_memory_equal(before, after, sizeof before);
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
        llmsched_context_destroy(own);
        assert_int_equal(f.live, 0);
    }
    assert_true(fail_at > 5);
}

static void test_pair_out_of_memory(void **state)
{
    (void)state;
    lls_random random;
    memset(&draft, 0, sizeof draft);
    lls_random_seed(&random, 34);
    for (uint32_t i = 0; i < 8; i++) {
        draft_node(&draft, i, 3);
        if (i > 0)
            draft_arc(&draft, i - 1, i);
    }
    draft_fill(&draft, &random, 0.0);
    assert_true(fail_each_allocation(pair_out_of_memory) > 30);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    const uint32_t nodes[3] = {7, 0, 3};
    double first = 0.0;
    lls_random random;
    uint64_t fail_at;
    lls_random_seed(&random, 33);
    draft_random(&draft, &random, 8, 3, 3, 0.0);
    for (fail_at = 1; status == LLMSCHED_ERROR_MEMORY; fail_at++) {
        struct failing f = {0};
        llmsched_allocator allocator = failing_allocator(&f);
        llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
        llmsched_context *own = NULL;
        llmsched_inference *inf = NULL;
        double h = -1.0;
        assert_ok(llmsched_context_create(&options, &own, &err), err);
        llmsched_network *n = draft_build(&draft, own);
        assert_ok(llmsched_inference_create(n, &inf, &err), err);
        f.fail_at = f.calls + fail_at;
        status = llmsched_inference_entropy(inf, nodes, 3, &h, &err);
        assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_MEMORY);
        assert_true(status == LLMSCHED_OK || h == -1.0);
        /* The calculator is whole: the same call now succeeds. */
        assert_ok(llmsched_inference_entropy(inf, nodes, 3, &h, &err), err);
        assert_true(fail_at == 1 || h == first);
        first = h;
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
        llmsched_context_destroy(own);
        assert_int_equal(f.live, 0);
    }
    assert_int_equal(status, LLMSCHED_OK);
    assert_true(fail_at > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks),
        cmocka_unit_test(test_joint_set),
        cmocka_unit_test(test_independent_is_zero),
        cmocka_unit_test(test_screening),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_sliced),
        cmocka_unit_test(test_tiny_evidence),
        cmocka_unit_test(test_slices_out_of_memory),
        cmocka_unit_test(test_pair_out_of_memory),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
