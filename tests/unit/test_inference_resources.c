/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a calculator takes: networks too wide for it, no allocation in a query, memory running out.
 */
#include "context.h"
#include "networks.h"

static llmsched_error err;
static struct draft draft;

static llmsched_context *small_context(struct failing *f, uint64_t max_table)
{
    llmsched_allocator allocator = failing_allocator(f);
    llmsched_context_options options = {
        .size = sizeof options, .allocator = &allocator, .max_table = max_table};
    llmsched_context *own = NULL;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    return own;
}

/* Every pair of 20 causes has an effect in common: the moral graph is complete. */
static llmsched_network *wide(llmsched_context *own)
{
    enum { CAUSES = 20, EFFECTS = CAUSES * (CAUSES - 1) / 2 };
    static lls_node_spec nodes[CAUSES + EFFECTS];
    static char names[CAUSES + EFFECTS][16];
    static uint32_t parents[CAUSES + EFFECTS][2];
    static const double cause[2] = {0.5, 0.5}, effect[8] = {0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6};
    uint32_t next = CAUSES;
    llmsched_network *n = NULL;
    for (uint32_t i = 0; i < CAUSES + EFFECTS; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        nodes[i] = (lls_node_spec){names[i], 2, NULL, parents[i], 0, cause};
    }
    for (uint32_t a = 0; a < CAUSES; a++)
        for (uint32_t b = 0; b < a; b++, next++) {
            parents[next][0] = a;
            parents[next][1] = b;
            nodes[next].parent_count = 2;
            nodes[next].table = effect;
        }
    assert_ok(lls_network_create(own, "wide", nodes, CAUSES + EFFECTS, &n, &err), err);
    return n;
}

static void test_too_wide(void **state)
{
    (void)state;
    struct failing f = {0};
    llmsched_context *own = small_context(&f, 1u << 19);
    llmsched_network *n = wide(own);
    llmsched_inference *inf = NULL;
    uint64_t before = f.calls;
    assert_fails(LLMSCHED_ERROR_LIMIT, "too wide", llmsched_inference_create(n, &inf, &err), err);
    assert_null(inf);
    assert_true(f.calls > before);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    assert_int_equal(f.live, 0);
    /* With just enough room it works. */
    own = small_context(&f, 1u << 20);
    n = wide(own);
    assert_ok(llmsched_inference_create(n, &inf, &err), err);
    double p[2];
    assert_ok(llmsched_inference_marginal(inf, 25, p, 2, &err), err);
    assert_double_equal(p[0], 0.25, 1e-12);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    assert_int_equal(f.live, 0);
}

/* Each clique fits, but all of them together do not. */
static void test_too_large_together(void **state)
{
    (void)state;
    enum { STATES = 1100, LENGTH = 5 };
    struct failing f = {0};
    llmsched_context *own = small_context(&f, STATES * STATES);
    lls_node_spec nodes[LENGTH];
    const char *const names[LENGTH] = {"a", "b", "c", "d", "e"};
    const uint32_t parents[LENGTH] = {0, 0, 1, 2, 3};
    double *table = calloc(STATES * STATES, sizeof *table);
    llmsched_network *n = NULL;
    llmsched_inference *inf = NULL;
    for (size_t i = 0; i < STATES; i++)
        table[i * STATES] = 1.0;
    for (uint32_t i = 0; i < LENGTH; i++)
        nodes[i] = (lls_node_spec){names[i], STATES, NULL, &parents[i], i > 0, table};
    assert_ok(lls_network_create(own, "heavy", nodes, LENGTH, &n, &err), err);
    assert_fails(LLMSCHED_ERROR_LIMIT, "together", llmsched_inference_create(n, &inf, &err), err);
    assert_null(inf);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    free(table);
    assert_int_equal(f.live, 0);
}

static void test_no_allocation_after_creation(void **state)
{
    (void)state;
    struct failing f = {0};
    lls_random random;
    double all[64], x, y;
    uint32_t states[NETWORK_NODES];
    const double likelihood[3] = {1.0, 0.5, 0.25};
    lls_random_seed(&random, 5);
    llmsched_context *own = small_context(&f, 0);
    memset(&draft, 0, sizeof draft);
    for (uint32_t i = 0; i < 10; i++)
        draft_node(&draft, i, 3);
    for (uint32_t i = 2; i < 10; i++) {
        draft_arc(&draft, i - 1, i);
        draft_arc(&draft, i - 2, i);
    }
    draft_fill(&draft, &random, 0.0);
    llmsched_network *n = draft_build(&draft, own);
    llmsched_inference *inf = NULL;
    assert_ok(llmsched_inference_create(n, &inf, &err), err);
    uint64_t calls = f.calls;
    for (uint32_t i = 0; i < 10; i++) {
        if (i % 2)
            assert_ok(llmsched_inference_set_state(inf, i, i % 3, &err), err);
        else
            assert_ok(llmsched_inference_set_likelihood(inf, i, likelihood, 3, &err), err);
        assert_ok(llmsched_inference_log_probability(inf, &x, &err), err);
        assert_ok(llmsched_inference_marginal(inf, 0, all, 3, &err), err);
        assert_ok(lls_inference_marginals(inf, all, &err), err);
        assert_ok(lls_inference_moments(inf, all, &x, &y, &err), err);
        assert_ok(lls_inference_sample(inf, &random, states, &err), err);
        assert_ok(llmsched_inference_total_entropy(inf, &x, &err), err);
    }
    assert_int_equal(f.calls, calls);
    /* The scratch of a joint stays for the next one of its size. */
    const uint32_t nodes[3] = {0, 2, 8};
    llmsched_inference_clear(inf);
    assert_ok(llmsched_inference_entropy(inf, nodes, 3, &x, &err), err);
    calls = f.calls;
    assert_ok(llmsched_inference_entropy(inf, nodes, 3, &x, &err), err);
    assert_ok(llmsched_inference_entropy(inf, nodes, 2, &x, &err), err);
    assert_int_equal(f.calls, calls);
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    llmsched_context_destroy(own);
    assert_int_equal(f.live, 0);
}

/* --- bytes ---------------------------------------------------------------------------------- */

/* Each block begins with its size; `user` sums up those that live. */
enum { HEAD = 16 };

static void *sized_allocate(void *user, size_t bytes)
{
    char *block = malloc(HEAD + bytes);
    memcpy(block, &bytes, sizeof bytes);
    *(uint64_t *)user += bytes;
    return block + HEAD;
}

static void sized_release(void *user, void *ptr)
{
    size_t bytes;
    if (ptr == NULL)
        return;
    memcpy(&bytes, (char *)ptr - HEAD, sizeof bytes);
    *(uint64_t *)user -= bytes;
    free((char *)ptr - HEAD);
}

static void *sized_reallocate(void *user, void *ptr, size_t bytes)
{
    char *block = sized_allocate(user, bytes);
    size_t before = 0;
    if (ptr != NULL)
        memcpy(&before, (char *)ptr - HEAD, sizeof before);
    if (ptr != NULL)
        memcpy(block, ptr, before < bytes ? before : bytes);
    sized_release(user, ptr);
    return block;
}

/* All that creation leaves behind, but for what the header calls a few per node. */
static void test_bytes(void **state)
{
    (void)state;
    enum { FEW = 256 };
    uint64_t live = 0;
    llmsched_allocator allocator = {.size = sizeof allocator,
                                    .user = &live,
                                    .allocate = sized_allocate,
                                    .reallocate = sized_reallocate,
                                    .release = sized_release};
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *own = NULL;
    lls_random random;
    double out[256];
    lls_random_seed(&random, 72);
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    for (int round = 0; round < 60; round++) {
        uint32_t nodes = 1 + lls_random_below(&random, 16), size = 0;
        draft_random(&draft, &random, nodes, 8, 3, 0.0);
        llmsched_network *n = draft_build(&draft, own);
        llmsched_inference *inf = NULL;
        uint64_t before = live;
        assert_ok(llmsched_inference_create(n, &inf, &err), err);
        uint64_t taken = live - before, told = llmsched_inference_bytes(inf);
        assert_in_range(told, taken - FEW * (nodes + 1), taken);
        for (uint32_t i = 0; i < nodes; i++)
            size += llmsched_network_state_count(n, i);
        assert_ok(llmsched_inference_set_state(inf, 0, 0, &err), err);
        assert_ok(llmsched_inference_marginals(inf, out, size, &err), err);
        assert_int_equal(llmsched_inference_bytes(inf), told);
        assert_int_equal(live - before, taken);
        llmsched_inference_destroy(inf);
        assert_int_equal(live, before);
        llmsched_network_release(n);
    }
    assert_int_equal(llmsched_inference_bytes(NULL), 0);
    llmsched_context_destroy(own);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    lls_random random;
    uint64_t fail_at;
    lls_random_seed(&random, 8);
    draft_random(&draft, &random, 8, 3, 3, 0.0);
    for (fail_at = 1; status == LLMSCHED_ERROR_MEMORY; fail_at++) {
        struct failing f = {0};
        llmsched_context *own = small_context(&f, 0);
        llmsched_network *n = draft_build(&draft, own);
        llmsched_inference *inf = NULL;
        f.fail_at = f.calls + fail_at;
        status = llmsched_inference_create(n, &inf, &err);
        assert_true(status == LLMSCHED_OK ? inf != NULL
                                          : status == LLMSCHED_ERROR_MEMORY && inf == NULL);
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
        llmsched_context_destroy(own);
        assert_int_equal(f.live, 0);
    }
    assert_int_equal(status, LLMSCHED_OK);
    assert_true(fail_at > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_wide),
        cmocka_unit_test(test_too_large_together),
        cmocka_unit_test(test_no_allocation_after_creation),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
