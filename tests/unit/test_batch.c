/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All marginals at once and in batches: the same bits as one by one, and where memory goes.
 */
#include "context.h"
#include "evidence.h"

#include "bayes/inference.h"

#include <stdlib.h>

enum { JOBS = 60, STATES = 64 };

static llmsched_error err;
static struct draft draft;

/* prefix: only nodes that come before all unobserved ones in the order of arcs, which draft_random
 * hides; so any node with an unobserved parent is unobserved. */
static void draw_jobs(const llmsched_network *n, lls_random *random, bool prefix, uint32_t *states)
{
    uint32_t nodes = llmsched_network_node_count(n);
    for (uint32_t j = 0; j < JOBS; j++) {
        uint32_t *job = states + j * nodes, chance = 1 + lls_random_below(random, 4);
        for (uint32_t i = 0; i < nodes; i++)
            job[i] = lls_random_below(random, 5) < chance
                         ? lls_random_below(random, llmsched_network_state_count(n, i))
                         : UINT32_MAX;
        for (uint32_t again = 0; prefix && again < nodes; again++)
            for (uint32_t i = 0; i < nodes; i++) {
                uint32_t count;
                const uint32_t *parents = llmsched_network_parents(n, i, &count);
                for (uint32_t p = 0; p < count; p++)
                    if (job[parents[p]] == UINT32_MAX)
                        job[i] = UINT32_MAX;
            }
    }
}

/* Some of what is not observed gets a likelihood, often with zeros, rarely far from 1. */
static void soften(const llmsched_network *n, lls_random *random, uint32_t *states,
                   double *likelihoods)
{
    uint32_t nodes = llmsched_network_node_count(n);
    double *to = likelihoods;
    for (uint32_t j = 0; j < JOBS; j++)
        for (uint32_t i = 0, one = lls_random_below(random, 3); i < nodes; i++) {
            uint32_t count = llmsched_network_state_count(n, i);
            double scale = lls_random_below(random, 4) == 0 ? 1e-60 : 1.0;
            for (uint32_t s = 0; s < count; s++)
                to[s] = lls_random_below(random, 3) == 0 ? 0.0 : scale * lls_random_uniform(random);
            to[lls_random_below(random, count)] = 1.0;
            to += count;
            if (one > 0 && states[j * nodes + i] == UINT32_MAX && lls_random_below(random, 3) < one)
                states[j * nodes + i] = LLMSCHED_STATE_SOFT;
        }
}

static llmsched_status ask_alone(llmsched_inference *inf, const uint32_t *states,
                                 const double *likelihoods, double *out)
{
    const uint32_t *offsets = lls_inference_offsets(inf);
    uint32_t nodes = inf->network->count;
    llmsched_inference_clear(inf);
    for (uint32_t i = 0; i < nodes; i++) {
        if (states[i] == LLMSCHED_STATE_SOFT)
            assert_ok(llmsched_inference_set_likelihood(inf, i, likelihoods + offsets[i],
                                                        offsets[i + 1] - offsets[i], &err),
                      err);
        else if (states[i] != UINT32_MAX)
            assert_ok(llmsched_inference_set_state(inf, i, states[i], &err), err);
    }
    return llmsched_inference_marginals(inf, out, offsets[nodes], &err);
}

/* likelihoods: NULL for hard evidence alone. */
static void check_jobs(const llmsched_network *n, llmsched_inference *inf, const uint32_t *states,
                       const double *likelihoods, int *answered, int *impossible)
{
    uint32_t nodes = llmsched_network_node_count(n);
    uint32_t size = lls_inference_offsets(inf)[nodes];
    static double batch[JOBS * STATES], alone[STATES];
    int32_t statuses[JOBS];
    llmsched_inference *other = infer(n);
    for (size_t i = 0; i < JOBS * STATES; i++)
        batch[i] = 7.0;
    if (likelihoods == NULL)
        assert_ok(llmsched_inference_batch_marginals(inf, states, JOBS, batch, statuses, &err),
                  err);
    else
        assert_ok(llmsched_inference_batch_soft_marginals(inf, states, likelihoods, JOBS, batch,
                                                          statuses, &err),
                  err);
    for (uint32_t j = 0; j < JOBS; j++) {
        const double *own = likelihoods != NULL ? likelihoods + j * size : NULL;
        assert_status(statuses[j], ask_alone(other, states + j * nodes, own, alone), err);
        if (statuses[j] == LLMSCHED_OK) {
            assert_memory_equal(alone, batch + j * size, size * sizeof *alone);
            ++*answered;
        } else {
            assert_int_equal(statuses[j], LLMSCHED_ERROR_IMPOSSIBLE);
            for (uint32_t i = 0; i < size; i++)
                assert_true(batch[j * size + i] == 7.0);
            ++*impossible;
        }
    }
    llmsched_inference_destroy(other);
}

static void test_same_bits(void **state)
{
    (void)state;
    lls_random random;
    int answered = 0, impossible = 0;
    static uint32_t states[JOBS * NETWORK_NODES];
    static double likelihoods[JOBS * STATES];
    lls_random_seed(&random, 40);
    for (uint32_t round = 0; round < 60; round++) {
        draft_random(&draft, &random, 1 + lls_random_below(&random, 12), 4, 1 + round % 3,
                     round % 2 ? 0.3 : 0.0);
        llmsched_network *n = draft_build(&draft, context);
        llmsched_inference *inf = infer(n);
        for (int call = 0; call < 6; call++) {
            draw_jobs(n, &random, call % 2 == 0, states);
            if (call % 3 == 2)
                soften(n, &random, states, likelihoods);
            check_jobs(n, inf, states, call % 3 == 2 ? likelihoods : NULL, &answered, &impossible);
        }
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    assert_true(answered > 8000 && impossible > 1000);
}

/*
 * A job's answer is the same bits in any company: in a batch of its own, in one of all jobs over
 * several blocks, backwards, with what earlier batches kept and without, the careful way too.
 */
static void check_company(const llmsched_network *n, const uint32_t *states,
                          const double *likelihoods, uint32_t count, bool careful)
{
    enum { MANY = 3000 };
    uint32_t nodes = llmsched_network_node_count(n), *jobs = malloc(MANY * nodes * sizeof *jobs);
    llmsched_inference *inf = infer(n), *fresh = infer(n);
    uint32_t size = lls_inference_offsets(inf)[nodes];
    double *soft = malloc(MANY * size * sizeof *soft), *out = malloc(MANY * size * sizeof *out);
    double one[STATES];
    int32_t *statuses = malloc(MANY * sizeof *statuses), alone;
    inf->posterior.usable &= !careful;
    fresh->posterior.usable &= !careful;
    for (uint32_t j = 0; j < MANY; j++) {
        uint32_t k = (MANY - 1 - j) % count;
        memcpy(jobs + j * nodes, states + k * nodes, nodes * sizeof *jobs);
        memcpy(soft + j * size, likelihoods + k * size, size * sizeof *soft);
    }
    assert_ok(llmsched_inference_batch_soft_marginals(inf, jobs, soft, MANY, out, statuses, &err),
              err);
    for (uint32_t j = 0; j < MANY; j += j < count ? 1 : 97) {
        llmsched_inference *asked = j % 2 ? fresh : inf;
        assert_ok(llmsched_inference_batch_soft_marginals(asked, jobs + j * nodes, soft + j * size,
                                                          1, one, &alone, &err),
                  err);
        assert_int_equal(alone, statuses[j]);
        if (alone == LLMSCHED_OK)
            assert_memory_equal(one, out + j * size, size * sizeof *one);
    }
    llmsched_inference_destroy(fresh);
    llmsched_inference_destroy(inf);
    free(statuses);
    free(out);
    free(soft);
    free(jobs);
}

static void test_any_company(void **state)
{
    (void)state;
    lls_random random;
    static uint32_t states[JOBS * NETWORK_NODES];
    static double likelihoods[JOBS * STATES];
    lls_random_seed(&random, 43);
    for (uint32_t round = 0; round < 12; round++) {
        draft_random(&draft, &random, 2 + lls_random_below(&random, 10), 4, 3, 0.2);
        llmsched_network *n = draft_build(&draft, context);
        draw_jobs(n, &random, round % 2 == 0, states);
        soften(n, &random, states, likelihoods);
        check_company(n, states, likelihoods, JOBS, round % 4 == 3);
        llmsched_network_release(n);
    }
}

/* A chain of three: 0 -> 1 -> 2. */
static llmsched_network *chain(llmsched_context *c)
{
    lls_random random;
    lls_random_seed(&random, 8);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 3; i++) {
        draft_node(&draft, i, 3);
        if (i > 0)
            draft_arc(&draft, i - 1, i);
    }
    draft_fill(&draft, &random, 0.0);
    return draft_build(&draft, c);
}

static void test_own_evidence_stays(void **state)
{
    (void)state;
    llmsched_network *n = chain(context);
    llmsched_inference *inf = infer(n);
    const uint32_t none = UINT32_MAX, jobs[6] = {1, none, none, none, none, 0};
    const double likelihood[3] = {0.5, 0.0, 1.0};
    double before[9], after[9], careful[9], out[18], x, y, mean, variance;
    const double values[9] = {1, 2, 3, 1, 2, 3, 1, 2, 3};
    int32_t statuses[2];
    assert_ok(llmsched_inference_set_state(inf, 0, 2, &err), err);
    assert_ok(llmsched_inference_set_likelihood(inf, 2, likelihood, 3, &err), err);
    assert_ok(llmsched_inference_marginals(inf, before, 9, &err), err);
    assert_ok(llmsched_inference_log_probability(inf, &x, &err), err);
    assert_ok(lls_inference_moments(inf, values, &mean, &variance, &err), err);
    assert_ok(llmsched_inference_batch_marginals(inf, jobs, 2, out, statuses, &err), err);
    assert_true(out[0] == 0.0 && out[1] == 1.0 && out[9 + 6] == 1.0);
    assert_double_equal(out[9] + out[10] + out[11], 1.0, 1e-15);
    const uint32_t soft[3] = {none, none, LLMSCHED_STATE_SOFT};
    const double told[9] = {0, 0, 0, 0, 0, 0, 0.25, 3.0, 1.0};
    assert_ok(llmsched_inference_batch_soft_marginals(inf, soft, told, 1, out, statuses, &err),
              err);
    inf->posterior.usable = false; /* the careful way keeps its tables from call to call */
    assert_ok(llmsched_inference_marginals(inf, careful, 9, &err), err);
    assert_ok(llmsched_inference_batch_soft_marginals(inf, soft, told, 1, out, statuses, &err),
              err);
    assert_ok(llmsched_inference_marginals(inf, after, 9, &err), err);
    assert_memory_equal(careful, after, sizeof careful);
    inf->posterior.usable = true;
    assert_ok(llmsched_inference_marginals(inf, after, 9, &err), err);
    assert_memory_equal(before, after, sizeof before);
    assert_ok(llmsched_inference_log_probability(inf, &y, &err), err);
    assert_true(x == y);
    assert_ok(lls_inference_moments(inf, values, &x, &y, &err), err);
    assert_true(x == mean && y == variance);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

static void test_arguments(void **state)
{
    (void)state;
    llmsched_network *n = chain(context);
    llmsched_inference *inf = infer(n);
    const uint32_t none = UINT32_MAX, jobs[6] = {none, none, none, 0, 3, none};
    double out[18] = {7};
    int32_t statuses[2] = {-1, -1};
    assert_fails(LLMSCHED_ERROR_INVALID, "inference",
                 llmsched_inference_batch_marginals(NULL, jobs, 1, out, statuses, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "states",
                 llmsched_inference_batch_marginals(inf, NULL, 1, out, statuses, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "probabilities",
                 llmsched_inference_batch_marginals(inf, jobs, 1, NULL, statuses, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "statuses",
                 llmsched_inference_batch_marginals(inf, jobs, 1, out, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "job 1",
                 llmsched_inference_batch_marginals(inf, jobs, 2, out, statuses, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "memory",
                 llmsched_inference_batch_marginals(inf, jobs, UINT64_MAX / 2, out, statuses, &err),
                 err);
    assert_true(out[0] == 7 && statuses[0] == -1);
    const uint32_t soft[6] = {none, none, none, none, LLMSCHED_STATE_SOFT, none};
    double likelihoods[18];
    for (int i = 0; i < 18; i++)
        likelihoods[i] = i == 12 || i == 13 ? 0.5 : NAN;
    const double bad[] = {NAN, -1.0, INFINITY, -INFINITY, -0x1p-1074};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        likelihoods[14] = bad[i];
        assert_fails(
            LLMSCHED_ERROR_INVALID, "job 1: the likelihood of node 1",
            llmsched_inference_batch_soft_marginals(inf, soft, likelihoods, 2, out, statuses, &err),
            err);
    }
    likelihoods[12] = likelihoods[13] = likelihoods[14] = 0.0;
    assert_fails(
        LLMSCHED_ERROR_INVALID, "one of them positive",
        llmsched_inference_batch_soft_marginals(inf, soft, likelihoods, 2, out, statuses, &err),
        err);
    assert_fails(LLMSCHED_ERROR_INVALID, "likelihoods is NULL",
                 llmsched_inference_batch_soft_marginals(inf, soft, NULL, 2, out, statuses, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "job 1: node 1",
                 llmsched_inference_batch_marginals(inf, soft, 2, out, statuses, &err), err);
    assert_fails(
        LLMSCHED_ERROR_INVALID, "inference",
        llmsched_inference_batch_soft_marginals(NULL, soft, likelihoods, 2, out, statuses, &err),
        err);
    assert_true(out[0] == 7 && statuses[0] == -1);
    assert_ok(llmsched_inference_batch_marginals(inf, NULL, 0, NULL, NULL, NULL), err);
    assert_ok(llmsched_inference_batch_soft_marginals(inf, NULL, NULL, 0, NULL, NULL, NULL), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "inference",
                 llmsched_inference_marginals(NULL, out, 9, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_inference_marginals(inf, NULL, 9, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "9 states",
                 llmsched_inference_marginals(inf, out, 8, &err), err);
    assert_true(out[0] == 7);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
}

/* The quick way and the careful one: marginals, P(evidence), draws. */
static void test_both_ways(void **state)
{
    (void)state;
    lls_random random;
    int possible = 0;
    lls_random_seed(&random, 42);
    for (uint32_t round = 0; round < 300; round++) {
        const double likelihood[4] = {0.5, 2.0, 0.0, 1.0};
        double quick[STATES], careful[STATES], p = 0.0, q = 0.0;
        uint32_t drawn[NETWORK_NODES], again[NETWORK_NODES];
        draft_random(&draft, &random, 1 + lls_random_below(&random, 14), 4, 3, 0.2);
        llmsched_network *n = draft_build(&draft, context);
        llmsched_inference *a = infer(n), *b = infer(n);
        uint32_t size = lls_inference_offsets(a)[draft.count];
        assert_true(a->posterior.usable);
        b->posterior.usable = false;
        for (uint32_t i = 0; i < draft.count; i++) {
            uint32_t states = draft.nodes[i].state_count, what = lls_random_below(&random, 5);
            uint32_t one = lls_random_below(&random, states);
            for (int k = 0; k < 2; k++) {
                llmsched_inference *inf = k == 0 ? a : b;
                if (what == 0)
                    assert_ok(llmsched_inference_set_state(inf, i, one, &err), err);
                if (what == 1)
                    assert_ok(llmsched_inference_set_likelihood(inf, i, likelihood, states, &err),
                              err);
            }
        }
        llmsched_status status = llmsched_inference_marginals(a, quick, size, &err);
        assert_status(status, llmsched_inference_marginals(b, careful, size, &err), err);
        if (status == LLMSCHED_OK) {
            possible++;
            for (uint32_t i = 0; i < size; i++)
                assert_double_equal(quick[i], careful[i], 1e-13);
            assert_ok(llmsched_inference_log_probability(a, &p, &err), err);
            assert_ok(llmsched_inference_log_probability(b, &q, &err), err);
            assert_double_equal(p, q, 1e-13);
            lls_random same = random;
            assert_ok(lls_inference_sample(a, &random, drawn, &err), err);
            assert_ok(lls_inference_sample(b, &same, again, &err), err);
            assert_memory_equal(drawn, again, draft.count * sizeof *drawn);
        }
        llmsched_inference_destroy(b);
        llmsched_inference_destroy(a);
        llmsched_network_release(n);
    }
    assert_true(possible > 200);
}

/* Cliques that take most of what is allowed: no tables beside them, the same answers. */
static void test_large(void **state)
{
    (void)state;
    enum { PARTS = 20, PARENTS = 15, NODES = PARTS * (PARENTS + 1) };
    static lls_node_spec nodes[NODES];
    static char names[NODES][16];
    static uint32_t parents[NODES], jobs[2 * NODES];
    static double out[4 * NODES], alone[2 * NODES];
    const double coin[2] = {0.5, 0.5};
    const size_t rows = (size_t)1 << PARENTS;
    double *table = calloc(2 * rows, sizeof *table), information;
    int32_t statuses[2];
    llmsched_context_options options = {.size = sizeof options, .max_table = 2 * rows};
    llmsched_context *own = NULL;
    llmsched_network *n = NULL;
    for (size_t row = 0; row < rows; row++) { /* the last parent decides */
        table[2 * row] = row % 2 ? 0.25 : 1.0;
        table[2 * row + 1] = 1.0 - table[2 * row];
    }
    for (uint32_t i = 0; i < NODES; i++) {
        bool child = i % (PARENTS + 1) == PARENTS;
        snprintf(names[i], sizeof names[i], "n%u", i);
        parents[i] = i;
        nodes[i] = (lls_node_spec){names[i],
                                   2,
                                   NULL,
                                   child ? &parents[i - PARENTS] : NULL,
                                   child ? PARENTS : 0u,
                                   child ? table : coin};
        jobs[i] = jobs[NODES + i] = UINT32_MAX;
    }
    jobs[NODES + PARENTS - 1] = 0; /* then the child is 0 */
    jobs[PARENTS] = 1;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    assert_ok(lls_network_create(own, "", nodes, NODES, &n, &err), err);
    llmsched_inference *inf = infer(n);
    assert_ok(llmsched_inference_marginals(inf, alone, 2 * NODES, &err), err);
    assert_double_equal(alone[2 * PARENTS], 0.625, 1e-14);
    assert_ok(llmsched_inference_batch_marginals(inf, jobs, 2, out, statuses, &err), err);
    assert_true(statuses[0] == LLMSCHED_OK && statuses[1] == LLMSCHED_OK);
    assert_double_equal(out[2 * PARENTS - 1], 1.0, 1e-14);
    assert_double_equal(out[2 * NODES + 2 * PARENTS], 1.0, 1e-14);
    assert_memory_equal(out + 4 * PARENTS, alone + 4 * PARENTS, sizeof *out);
    const uint32_t decides = PARENTS - 1;
    assert_ok(llmsched_inference_mutual_information(inf, PARENTS, &decides, 1, &information, &err),
              err);
    assert_double_equal(information,
                        -0.375 * log(0.375) - 0.625 * log(0.625) + 0.5 * 0.25 * log(0.25) +
                            0.5 * 0.75 * log(0.75),
                        1e-12);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    free(table);
}

/* --- memory --------------------------------------------------------------------------- */

static llmsched_status out_of_memory(llmsched_context *c, llmsched_error *e)
{
    const uint32_t none = UINT32_MAX, jobs[6] = {1, LLMSCHED_STATE_SOFT, none, none, 2, none};
    const double likelihoods[18] = {0, 0, 0, 0.5, 0.0, 1.0};
    double out[18];
    int32_t statuses[2];
    llmsched_network *n = NULL;
    llmsched_inference *inf = NULL;
    llmsched_status status = lls_network_create(c, "", draft.nodes, draft.count, &n, e);
    if (status == LLMSCHED_OK)
        status = llmsched_inference_create(n, &inf, e);
    if (status == LLMSCHED_OK)
        status =
            llmsched_inference_batch_soft_marginals(inf, jobs, likelihoods, 2, out, statuses, e);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    llmsched_network_release(chain(context)); /* leaves the draft */
    assert_true(fail_each_allocation(out_of_memory) > 30);
}

/* Evidence, marginals, P(evidence) and batches: after the first batch nothing is allocated. */
static void test_no_allocation(void **state)
{
    (void)state;
    struct failing failing = {.fail_at = 0};
    llmsched_allocator allocator = failing_allocator(&failing);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *own = NULL;
    lls_random random;
    static uint32_t states[JOBS * NETWORK_NODES];
    static double out[JOBS * STATES], likelihoods[JOBS * STATES];
    int32_t statuses[JOBS];
    double lp;
    const double likelihood[3] = {0.5, 0.0, 1.0};
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    llmsched_network *n = chain(own);
    llmsched_inference *inf = infer(n);
    uint64_t calls = failing.calls;
    lls_random_seed(&random, 41);
    for (uint32_t round = 0; round < 50; round++) {
        llmsched_inference_clear(inf);
        assert_ok(llmsched_inference_set_state(inf, lls_random_below(&random, 3), 1, &err), err);
        assert_ok(llmsched_inference_set_likelihood(inf, round % 3, likelihood, 3, &err), err);
        assert_ok(llmsched_inference_marginals(inf, out, 9, &err), err);
        assert_ok(llmsched_inference_marginal(inf, 1, out, 3, &err), err);
        assert_ok(llmsched_inference_log_probability(inf, &lp, &err), err);
    }
    assert_int_equal(failing.calls, calls);
    for (uint32_t round = 0; round < 50; round++) {
        draw_jobs(n, &random, round % 2 == 0, states);
        soften(n, &random, states, likelihoods);
        assert_ok(llmsched_inference_batch_soft_marginals(inf, states, likelihoods, JOBS, out,
                                                          statuses, &err),
                  err);
        if (round == 0)
            calls = failing.calls;
    }
    assert_int_equal(failing.calls, calls);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),          cmocka_unit_test(test_any_company),
        cmocka_unit_test(test_own_evidence_stays), cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_arguments),          cmocka_unit_test(test_large),
        cmocka_unit_test(test_out_of_memory),      cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
