/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llmsched_network_learn(): what it makes of tables of every kind, and what it refuses.
 */
#include "context.h"
#include "scores.h"

#include "llmsched/network.h"

enum { COLUMNS = 5, ROWS = 300 };

static llmsched_error err;
static uint32_t cells[ROWS * COLUMNS];
static double weights[ROWS];

static llmsched_table draw(uint64_t seed, double gaps)
{
    lls_random random;
    lls_random_seed(&random, seed);
    for (size_t r = 0; r < ROWS; r++) {
        weights[r] = lls_random_below(&random, 3);
        for (uint32_t c = 0; c < COLUMNS; c++) {
            uint32_t *cell = &cells[r * COLUMNS + c];
            *cell = lls_random_below(&random, 2 + c % 2);
            if (c > 0 && lls_random_below(&random, 4) > 0)
                *cell = (cell[-1] + 1) % (2 + c % 2);
        }
    }
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        if (lls_random_uniform(&random) < gaps)
            cells[i] = LLMSCHED_STATE_MISSING;
    return (llmsched_table){
        .size = sizeof(llmsched_table), .columns = COLUMNS, .rows = ROWS, .cells = cells};
}

static const lls_table *as_internal(const llmsched_table *t, const uint32_t *states)
{
    static lls_table internal;
    internal = (lls_table){t->cells, (size_t)t->rows, t->columns, states, t->weights};
    return &internal;
}

static double learn(const llmsched_table *t, const llmsched_learn_options *o, llmsched_network **n)
{
    double score = 7.0;
    *n = NULL;
    assert_ok(llmsched_network_learn(context, t, o, n, &score, &err), err);
    return score;
}

/* Each entry of a table from the counts, by the formula. */
static void check_table(const lls_table *t, const llmsched_network *n, uint32_t node, double a)
{
    uint32_t count, r = t->states[node];
    uint64_t size;
    const uint32_t *parents = llmsched_network_parents(n, node, &count);
    const double *table = llmsched_network_table(n, node, &size);
    double counts[4096] = {0};
    assert_true(size <= LLS_COUNT(counts));
    for (size_t row = 0; row < t->rows; row++) {
        long j = configuration(t, row, parents, count);
        uint32_t own = t->cells[row * t->columns + node];
        if (j >= 0 && own != LLMSCHED_STATE_MISSING)
            counts[j * (long)r + own] += t->weights != NULL ? t->weights[row] : 1.0;
    }
    for (uint64_t j = 0; j < size / r; j++) {
        double sum = 0.0, q = (double)(size / r);
        for (uint32_t k = 0; k < r; k++)
            sum += counts[j * r + k];
        for (uint32_t k = 0; k < r; k++)
            assert_double_equal(table[j * r + k], (counts[j * r + k] + a / (q * r)) / (sum + a / q),
                                1e-14);
    }
}

static void check_network(const llmsched_table *given, const llmsched_network *n, lls_score score,
                          double a, double claimed)
{
    const uint32_t states[COLUMNS] = {2, 3, 2, 3, 2};
    const lls_table *t = as_internal(given, states);
    double sum = 0.0;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        uint32_t count;
        const uint32_t *parents = llmsched_network_parents(n, c, &count);
        assert_int_equal(llmsched_network_state_count(n, c), states[c]);
        check_table(t, n, c, a);
        sum += plain_score(t, score, a, c, parents, count);
    }
    assert_double_equal(claimed, sum, 1e-12);
}

static void test_scores_and_tables(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 16; round++) {
        llmsched_table t = draw(round, round & 4 ? 0.05 : 0.0);
        t.weights = round & 8 ? weights : NULL;
        const llmsched_learn_options o = {.size = sizeof o,
                                          .order = 1 + (round & 1),
                                          .score = 1 + (round >> 1 & 1),
                                          .equivalent_size = 2.5};
        llmsched_network *n;
        double score = learn(&t, &o, &n);
        check_network(&t, n, round & 2 ? LLS_SCORE_BDEU : LLS_SCORE_BIC, 2.5, score);
        llmsched_network_release(n);
    }
}

/* The default is BIC, the order given, two parents, and ten as the equivalent size. */
static void test_defaults(void **state)
{
    (void)state;
    llmsched_table t = draw(3, 0.0);
    const llmsched_learn_options said = {.size = sizeof said,
                                         .order = LLMSCHED_ORDER_GIVEN,
                                         .score = LLMSCHED_SCORE_BIC,
                                         .max_parents = 2,
                                         .equivalent_size = 10.0};
    llmsched_network *a, *b;
    assert_true(learn(&t, NULL, &a) == learn(&t, &said, &b));
    llmsched_network_release(b);
    check_network(&t, a, LLS_SCORE_BIC, 10.0, learn(&t, &said, &b));
    assert_string_equal(llmsched_network_node_name(a, 4), "4");
    assert_string_equal(llmsched_network_state_name(a, 1, 2), "2");
    for (uint32_t c = 0, count; c < COLUMNS; c++) {
        const uint32_t *parents = llmsched_network_parents(a, c, &count);
        for (uint32_t p = 0; p < count; p++)
            assert_true(parents[p] < c);
    }
    llmsched_network_release(a);
    llmsched_network_release(b);
}

static void test_no_arcs_names_and_declared_states(void **state)
{
    (void)state;
    static const char *const names[COLUMNS] = {"a", "b", "c", "d", "\xC3\xA9"};
    const uint32_t states[COLUMNS] = {9, 3, 2, 3, 2};
    llmsched_table t = draw(4, 0.0);
    t.names = names;
    t.states = states;
    llmsched_learn_options o = {.size = sizeof o, .no_arcs = 1, .order = LLMSCHED_ORDER_FREE};
    llmsched_network *n, *again;
    double bare = learn(&t, &o, &n);
    for (uint32_t c = 0, count; c < COLUMNS; c++) {
        (void)llmsched_network_parents(n, c, &count);
        assert_int_equal(count, 0);
        assert_string_equal(llmsched_network_node_name(n, c), names[c]);
        assert_int_equal(llmsched_network_state_count(n, c), states[c]);
    }
    llmsched_network_release(n);
    o.no_arcs = 0;
    double score = learn(&t, &o, &n);
    assert_true(score > bare);
    assert_true(learn(&t, &o, &again) == score);
    llmsched_network_release(n);
    llmsched_network_release(again);
}

/* --- tables at the edge --------------------------------------------------------------------- */

static llmsched_network *learn_cells(const uint32_t *own, uint64_t rows, uint32_t columns,
                                     uint32_t order, uint32_t score, double *value)
{
    const llmsched_table t = {.size = sizeof t, .columns = columns, .rows = rows, .cells = own};
    const llmsched_learn_options o = {.size = sizeof o, .order = order, .score = score};
    llmsched_network *n;
    *value = learn(&t, &o, &n);
    return n;
}

static void test_small_tables(void **state)
{
    (void)state;
    const uint32_t row[] = {1, 0, 2}, column[] = {0, 1, LLMSCHED_STATE_MISSING, 1};
    double score;
    for (uint32_t order = 1; order <= 2; order++)
        for (uint32_t kind = 1; kind <= 2; kind++) {
            llmsched_network *n = learn_cells(row, 1, 3, order, kind, &score);
            for (uint32_t c = 0, count; c < 3; c++) {
                (void)llmsched_network_parents(n, c, &count);
                assert_int_equal(count, 0);
            }
            assert_double_equal(score, kind == 1 ? 0.0 : log(1.0 / 2) + log(1.0 / 3), 1e-14);
            assert_double_equal(llmsched_network_table(n, 1, NULL)[0], 1.0, 0.0);
            llmsched_network_release(n);
            n = learn_cells(column, 4, 1, order, kind, &score);
            assert_double_equal(llmsched_network_table(n, 0, NULL)[1], (2 + 5.0) / (3 + 10.0),
                                1e-15);
            llmsched_network_release(n);
        }
}

/* Constant columns have no part in anything. */
static void test_constant_columns(void **state)
{
    (void)state;
    uint32_t own[4 * 40];
    const uint32_t states[4] = {1, 3, 2, 2};
    for (uint32_t r = 0; r < 40; r++) {
        own[4 * r] = 0;
        own[4 * r + 1] = 1;
        own[4 * r + 2] = own[4 * r + 3] = r % 2;
    }
    const llmsched_table t = {
        .size = sizeof t, .columns = 4, .rows = 40, .cells = own, .states = states};
    for (uint32_t i = 0; i < 4; i++) {
        const llmsched_learn_options o = {
            .size = sizeof o, .order = 1 + i / 2, .score = LLMSCHED_SCORE_BIC, .max_parents = 3};
        llmsched_network *n;
        uint32_t count;
        (void)learn(&t, &o, &n);
        for (uint32_t c = 0; c < 3; c++) {
            (void)llmsched_network_parents(n, c, &count);
            assert_int_equal(count, 0);
        }
        assert_int_equal(llmsched_network_parents(n, 3, &count)[0], 2); /* equal: the lower one */
        assert_int_equal(count, 1);
        llmsched_network_release(n);
    }
}

static void test_largest_index(void **state)
{
    (void)state;
    const uint32_t own[] = {65535, 1, 3, 0, LLMSCHED_STATE_MISSING, 1};
    const uint32_t over[] = {0, 65536};
    double score;
    for (uint32_t order = 1; order <= 2; order++)
        for (uint32_t kind = 1; kind <= 2; kind++) {
            const llmsched_table wide = {
                .size = sizeof wide, .columns = 2, .rows = 3, .cells = own};
            const llmsched_learn_options o = {
                .size = sizeof o, .order = order, .score = kind, .no_arcs = 1};
            llmsched_network *n = learn_cells(own, 3, 2, order, kind, &score);
            assert_int_equal(llmsched_network_state_count(n, 0), 65536);
            llmsched_network_release(n);
            (void)learn(&wide, &o, &n);
            assert_string_equal(llmsched_network_state_name(n, 0, 65535), "65535");
            assert_double_equal(llmsched_network_table(n, 0, NULL)[65535],
                                (1 + 10.0 / 65536) / (2 + 10.0), 1e-15);
            llmsched_network_release(n);
        }
    const llmsched_table t = {.size = sizeof t, .columns = 2, .rows = 1, .cells = over};
    llmsched_network *n = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, "row 0, column 1",
                 llmsched_network_learn(context, &t, NULL, &n, NULL, &err), err);
    assert_null(n);
}

/* --- refusals ----------------------------------------------------------------------------------
 */

static void refuse(llmsched_status status, const char *words, const llmsched_table *t,
                   const llmsched_learn_options *o)
{
    llmsched_network *n = (llmsched_network *)&err;
    double score = 7.0;
    assert_fails(status, words, llmsched_network_learn(context, t, o, &n, &score, &err), err);
    assert_int_equal(llmsched_network_learn(context, t, o, &n, &score, NULL), status);
    assert_true(n == (llmsched_network *)&err && score == 7.0);
}

static void test_refused_tables(void **state)
{
    (void)state;
    const llmsched_table good = draw(1, 0.0);
    const char *twice[COLUMNS] = {"a", "b", "a", "d", "e"};
    uint32_t states[COLUMNS] = {2, 3, 2, 3, 2};
    llmsched_table t = good;
    t.size = 3;
    refuse(LLMSCHED_ERROR_VERSION, "llmsched_table", &t, NULL);
    t = good;
    t.rows = 0;
    refuse(LLMSCHED_ERROR_INVALID, "no rows", &t, NULL);
    t = good;
    t.columns = 0;
    refuse(LLMSCHED_ERROR_INVALID, "no columns", &t, NULL);
    t = good;
    t.cells = NULL;
    refuse(LLMSCHED_ERROR_INVALID, "no cells", &t, NULL);
    t = good;
    t.rows = UINT64_MAX;
    refuse(LLMSCHED_ERROR_LIMIT, "take a sample", &t, NULL);
    t = good;
    t.names = twice;
    refuse(LLMSCHED_ERROR_PARSE, "differ", &t, NULL);
    twice[2] = "";
    refuse(LLMSCHED_ERROR_PARSE, "empty", &t, NULL);
    twice[2] = "\xFF";
    refuse(LLMSCHED_ERROR_INVALID, "UTF-8", &t, NULL);
    twice[2] = NULL;
    refuse(LLMSCHED_ERROR_INVALID, "NULL", &t, NULL);
    t = good;
    t.states = states;
    states[1] = 2;
    refuse(LLMSCHED_ERROR_INVALID, "column 1", &t, NULL);
    states[1] = 65537;
    refuse(LLMSCHED_ERROR_INVALID, "65536", &t, NULL);
    t = good;
    t.weights = weights;
    weights[9] = NAN;
    refuse(LLMSCHED_ERROR_INVALID, "weight of row 9", &t, NULL);
    weights[9] = -1.0;
    refuse(LLMSCHED_ERROR_INVALID, "weight of row 9", &t, NULL);
    for (size_t r = 0; r < ROWS; r++)
        cells[r * COLUMNS + 3] = LLMSCHED_STATE_MISSING;
    refuse(LLMSCHED_ERROR_INVALID, "column 3 has no known state", &good, NULL);
}

static void test_refused_options(void **state)
{
    (void)state;
    const llmsched_table t = draw(1, 0.0);
    llmsched_learn_options o = {.size = sizeof o, .order = 3};
    llmsched_network *n = NULL;
    refuse(LLMSCHED_ERROR_INVALID, "order", &t, &o);
    o = (llmsched_learn_options){.size = sizeof o, .score = 3};
    refuse(LLMSCHED_ERROR_INVALID, "score", &t, &o);
    o = (llmsched_learn_options){.size = sizeof o, .no_arcs = 2};
    refuse(LLMSCHED_ERROR_INVALID, "no_arcs", &t, &o);
    o = (llmsched_learn_options){.size = 1};
    refuse(LLMSCHED_ERROR_VERSION, "llmsched_learn_options", &t, &o);
    const double sizes[] = {-1.0, NAN, INFINITY};
    for (size_t i = 0; i < LLS_COUNT(sizes); i++) {
        o = (llmsched_learn_options){.size = sizeof o, .equivalent_size = sizes[i]};
        refuse(LLMSCHED_ERROR_INVALID, "equivalent", &t, &o);
    }
    assert_fails(LLMSCHED_ERROR_INVALID, "context",
                 llmsched_network_learn(NULL, &t, NULL, &n, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "table is NULL",
                 llmsched_network_learn(context, NULL, NULL, &n, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "network is NULL",
                 llmsched_network_learn(context, &t, NULL, NULL, NULL, &err), err);
}

static uint32_t order_that_fails;

static llmsched_status learn_with(llmsched_context *c, llmsched_error *e)
{
    const llmsched_table t = draw(2, 0.02);
    const llmsched_learn_options o = {.size = sizeof o, .order = order_that_fails};
    llmsched_network *n = NULL;
    llmsched_status status = llmsched_network_learn(c, &t, &o, &n, NULL, e);
    assert_true((status == LLMSCHED_OK) == (n != NULL));
    llmsched_network_release(n);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (order_that_fails = 1; order_that_fails <= 2; order_that_fails++)
        assert_true(fail_each_allocation(learn_with) > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_and_tables),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_no_arcs_names_and_declared_states),
        cmocka_unit_test(test_small_tables),
        cmocka_unit_test(test_constant_columns),
        cmocka_unit_test(test_largest_index),
        cmocka_unit_test(test_refused_tables),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
