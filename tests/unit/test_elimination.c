/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders of elimination, and the loops that products of tables run over.
 */
#include "context.h"
#include "networks.h"

#include "bayes/elimination.h"
#include "bayes/factor.h"

static llmsched_error err;

static void start(lls_elimination *e, uint32_t count, uint64_t states)
{
    assert_true(lls_elimination_reset(e, count));
    for (uint32_t i = 0; i < count; i++)
        e->states[i] = states;
}

static void connect(lls_elimination *e, uint32_t a, uint32_t b)
{
    assert_true(lls_elimination_connect(e, a, b));
}

static uint32_t largest_separator(const lls_elimination *e)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < e->order_count; i++) {
        uint32_t size = e->separator_start[i + 1] - e->separator_start[i];
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* On a cycle every vertex has fill 1: the lowest goes first, then each choice is forced. */
static void test_cycle(void **state)
{
    (void)state;
    lls_elimination e;
    lls_elimination_init(&e, context);
    start(&e, 5, 2);
    for (uint32_t i = 0; i < 5; i++)
        connect(&e, i, (i + 1) % 5);
    connect(&e, 1, 0); /* twice is once */
    assert_int_equal(lls_elimination_run(&e, 1000), LLMSCHED_OK);
    assert_int_equal(e.order_count, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(e.order[i], i);
    assert_int_equal(e.separators[0], 1);
    assert_int_equal(e.separators[1], 4);
    assert_int_equal(largest_separator(&e), 2);
    lls_elimination_finish(&e);
}

/* Equal fill: the fewest joint states first. */
static void test_weight_breaks_ties(void **state)
{
    (void)state;
    lls_elimination e;
    lls_elimination_init(&e, context);
    start(&e, 3, 5);
    e.states[2] = 2;
    assert_int_equal(lls_elimination_run(&e, 1000), LLMSCHED_OK);
    assert_int_equal(e.order[0], 2);
    assert_int_equal(e.order[1], 0);
    lls_elimination_finish(&e);
}

/* A hub with a thousand leaves: its pairs are never counted, and no edge is added. */
static void test_star_and_kept(void **state)
{
    (void)state;
    lls_elimination e;
    lls_elimination_init(&e, context);
    start(&e, 1000, 2);
    for (uint32_t i = 1; i < 1000; i++)
        connect(&e, 0, i);
    assert_int_equal(lls_elimination_run(&e, 1u << 20), LLMSCHED_OK);
    assert_int_equal(largest_separator(&e), 1);
    /* With the leaves kept the hub must take them all at once. */
    start(&e, 4, 2);
    for (uint32_t i = 1; i < 4; i++) {
        connect(&e, 0, i);
        e.kept[i] = 1;
    }
    assert_int_equal(lls_elimination_run(&e, 16), LLMSCHED_OK);
    assert_int_equal(e.order_count, 1);
    assert_int_equal(largest_separator(&e), 3);
    lls_elimination_finish(&e);
}

static void test_limit(void **state)
{
    (void)state;
    lls_elimination e;
    lls_elimination_init(&e, context);
    for (uint64_t limit = 26; limit <= 27; limit++) {
        start(&e, 3, 3);
        connect(&e, 0, 1);
        connect(&e, 1, 2);
        connect(&e, 2, 0);
        assert_int_equal(lls_elimination_run(&e, limit),
                         limit < 27 ? LLMSCHED_ERROR_LIMIT : LLMSCHED_OK);
    }
    /* A run that stopped half-way leaves nothing for the next graph. */
    start(&e, 2, 3);
    assert_int_equal(lls_elimination_run(&e, 3), LLMSCHED_OK);
    assert_int_equal(e.order_count, 2);
    lls_elimination_finish(&e);
}

enum { N = 12 };

struct matrix {
    bool edge[N][N], gone[N];
};

/* By the definition of the rule. */
static uint64_t cost_of(const struct matrix *m, const lls_elimination *e, uint32_t v)
{
    uint64_t fill = 0, weighted = 0, weight = e->states[v];
    for (uint32_t a = 0; a < N; a++) {
        if (m->gone[a] || !m->edge[v][a])
            continue;
        weight *= e->states[a];
        for (uint32_t b = 0; b < a; b++)
            if (!m->gone[b] && m->edge[v][b] && !m->edge[a][b]) {
                fill++;
                weighted += e->states[a] * e->states[b];
            }
    }
    if (fill == 0 || e->rule == LLS_ELIMINATION_FILL)
        return fill;
    return e->rule == LLS_ELIMINATION_WEIGHTED_FILL ? weighted
           : e->rule == LLS_ELIMINATION_WEIGHT      ? weight
                                                    : weight / e->states[v];
}

/* Takes v out and joins its neighbours, which must be exactly those from separator to end. */
static void eliminate(struct matrix *m, uint32_t v, const uint32_t *separator, const uint32_t *end)
{
    m->gone[v] = true;
    for (uint32_t a = 0; a < N; a++) {
        if (m->gone[a] || !m->edge[v][a])
            continue;
        assert_true(separator < end && *separator == a);
        separator++;
        for (uint32_t b = 0; b < N; b++)
            if (!m->gone[b] && b != a && m->edge[v][b])
                m->edge[a][b] = true;
    }
    assert_ptr_equal(separator, end);
}

/* Random graphs, each rule: each choice costs least of all, and its separator is right. */
static void test_against_a_matrix(void **state)
{
    (void)state;
    lls_random random;
    lls_elimination e;
    lls_random_seed(&random, 50);
    lls_elimination_init(&e, context);
    for (uint32_t round = 0; round < 300; round++) {
        struct matrix m = {0};
        start(&e, N, 2);
        e.rule = (lls_elimination_rule)(round % LLS_ELIMINATION_RULES);
        for (uint32_t v = 0; v < N; v++)
            e.states[v] = 2 + lls_random_below(&random, 3);
        for (uint32_t a = 0; a < N; a++)
            for (uint32_t b = 0; b < a; b++)
                if (lls_random_below(&random, 4) == 0) {
                    m.edge[a][b] = m.edge[b][a] = true;
                    connect(&e, a, b);
                }
        assert_int_equal(lls_elimination_run(&e, 1u << 30), LLMSCHED_OK);
        assert_int_equal(e.order_count, N);
        for (uint32_t i = 0; i < N; i++) {
            uint32_t chosen = e.order[i];
            uint64_t cost = cost_of(&m, &e, chosen);
            assert_false(m.gone[chosen]);
            for (uint32_t v = 0; v < N; v++)
                assert_true(m.gone[v] || cost_of(&m, &e, v) >= cost);
            eliminate(&m, chosen, e.separators + e.separator_start[i],
                      e.separators + e.separator_start[i + 1]);
        }
    }
    lls_elimination_finish(&e);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *own = NULL;
    bool done = false;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    int64_t live = f.live;
    uint64_t fail_at;
    for (fail_at = 1; !done; fail_at++) {
        lls_elimination e;
        lls_elimination_init(&e, own);
        f.fail_at = f.calls + fail_at;
        done = lls_elimination_reset(&e, 6);
        for (uint32_t i = 0; i < 6 && done; i++) {
            e.states[i] = 2;
            done = lls_elimination_connect(&e, i, (i + 1) % 6);
        }
        done = done && lls_elimination_run(&e, 100) == LLMSCHED_OK;
        assert_true(!done || e.order_count == 6);
        lls_elimination_finish(&e);
        assert_int_equal(f.live, live);
    }
    assert_true(fail_at > 12);
    llmsched_context_destroy(own);
}

/* --- loops -------------------------------------------------------------------------- */

enum { DIMS = 4 };

/* All subsets of four variables of several sizes as the factor, against plain indexing. */
static void test_loops(void **state)
{
    (void)state;
    const uint32_t ids[DIMS] = {3, 5, 8, 9};
    const size_t sizes[6][DIMS] = {{2, 3, 4, 5}, {7, 7, 7, 7}, {1, 3, 1, 2},
                                   {1, 1, 1, 1}, {9, 1, 2, 1}, {2, 2, 1, 7}};
    static double factor[2401], row[2401], other[2401], back[2401];
    for (int s = 0; s < 6; s++)
        for (uint32_t subset = 0; subset < 16; subset++) {
            uint32_t members[DIMS], count = 0;
            size_t strides[DIMS], stride = 1, columns = 1;
            lls_loop loops[DIMS];
            for (uint32_t d = DIMS; d-- > 0;)
                columns *= sizes[s][d];
            for (uint32_t d = 0; d < DIMS; d++)
                if (subset >> d & 1)
                    members[count++] = d;
            for (uint32_t m = count; m-- > 0; stride *= sizes[s][members[m]])
                strides[m] = stride;
            uint32_t scope_ids[DIMS];
            for (uint32_t m = 0; m < count; m++)
                scope_ids[m] = ids[members[m]];
            uint32_t n =
                lls_loops_build(ids, sizes[s], DIMS, (lls_scope){scope_ids, strides, count}, loops);
            assert_true(n <= DIMS);
            for (size_t i = 0; i < stride; i++) {
                factor[i] = 1.0 + (double)i;
                back[i] = 0.5;
            }
            lls_row_assign(row, loops, n, factor);
            for (size_t i = 0; i < columns; i++)
                other[i] = 2.0;
            lls_row_multiply(other, loops, n, factor);
            lls_row_reduce(row, other, loops, n, back);
            for (size_t c = 0; c < columns; c++) {
                size_t index[DIMS], rest = c, at = 0;
                for (uint32_t d = DIMS; d-- > 0; rest /= sizes[s][d])
                    index[d] = rest % sizes[s][d];
                for (uint32_t m = 0; m < count; m++)
                    at += index[members[m]] * strides[m];
                assert_true(row[c] == factor[at] && other[c] == 2.0 * factor[at]);
                back[at] -= row[c] * other[c];
            }
            for (size_t i = 0; i < stride; i++)
                assert_double_equal(back[i], 0.5, 1e-6);
        }
}

/* A factor with a gap between its entries (a table cut by an observation). */
static void test_loops_with_a_gap(void **state)
{
    (void)state;
    const uint32_t ids[2] = {0, 1};
    const size_t extents[2] = {2, 3}, strides[2] = {9, 3};
    const double factor[18] = {1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0, 6, 0, 0};
    double row[6], back[18] = {0};
    const double ones[6] = {1, 1, 1, 1, 1, 1};
    lls_loop loops[2];
    uint32_t n = lls_loops_build(ids, extents, 2, (lls_scope){ids, strides, 2}, loops);
    assert_int_equal(n, 1); /* steps of three throughout */
    lls_row_assign(row, loops, n, factor);
    for (int i = 0; i < 6; i++)
        assert_true(row[i] == i + 1);
    lls_row_reduce(row, ones, loops, n, back);
    assert_memory_equal(back, factor, sizeof back);
}

static void test_sum_product_scales(void **state)
{
    (void)state;
    double small[4] = {1e-200, 2e-200, 3e-200, 4e-200}, table[4], message[2];
    const lls_loop straight = {2, 1};
    lls_operand operands[6];
    int64_t exponent;
    for (int i = 0; i < 6; i++)
        operands[i] = (lls_operand){small, 2, &straight, 1};
    for (uint32_t count = 1; count <= 6; count += count == 1 ? 3 : 2) {
        lls_sum_product(operands, count, 2, 2, table, message, &exponent);
        /* (1^n + 3^n) and (2^n + 4^n), times 1e-200^n */
        for (int c = 0; c < 2; c++)
            assert_double_equal(
                log(message[c]) + (double)exponent * log(2.0),
                log(pow(1 + c, count) + pow(3 + c, count)) - 200.0 * count * log(10.0), 1e-13);
        assert_double_equal(table[0] + table[2], message[0], 1e-15);
        assert_true(message[1] > 1e-31 && message[1] < 1e31);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_weight_breaks_ties),
        cmocka_unit_test(test_star_and_kept),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_against_a_matrix),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_loops_with_a_gap),
        cmocka_unit_test(test_sum_product_scales),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
