/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure and parameters against their definitions, computed here the plain way.
 */
#include "context.h"
#include "networks.h"
#include "scores.h"

#include "bayes/inference.h"

enum { COLUMNS = 7, MOST_ROWS = 400 };

static llmsched_error err;

/* --- tables ---------------------------------------------------------------------- */

struct data {
    uint32_t cells[MOST_ROWS * COLUMNS];
    uint32_t states[COLUMNS];
    double weights[MOST_ROWS];
    lls_table table;
};

/* Each column follows a mix of two earlier ones, more or less; gaps: share of missing cells. */
static void draw(struct data *d, lls_random *random, size_t rows, double noise, double gaps)
{
    for (uint32_t c = 0; c < COLUMNS; c++)
        d->states[c] = 2 + c % 3;
    for (size_t r = 0; r < rows; r++) {
        uint32_t *row = d->cells + r * COLUMNS;
        d->weights[r] = lls_random_below(random, 4) * 0.75;
        for (uint32_t c = 0; c < COLUMNS; c++) {
            uint32_t value = lls_random_below(random, d->states[c]);
            if (c >= 2 && lls_random_uniform(random) >= noise)
                value = (row[c - 1] + 2u * row[c / 2]) % d->states[c];
            row[c] = (uint32_t)value;
        }
    }
    for (size_t i = 0; i < rows * COLUMNS; i++)
        if (lls_random_uniform(random) < gaps)
            d->cells[i] = LLS_STATE_MISSING;
    d->table = (lls_table){d->cells, rows, COLUMNS, d->states, NULL};
}

/* --- the definitions ---------------------------------------------------------------- */

/* Best set of at most two parents, the empty one first, then single ones, then pairs by columns. */
static double plain_best(const lls_table *t, lls_score score, double ess, uint32_t child,
                         uint32_t *best, uint32_t *best_count)
{
    double top = plain_score(t, score, ess, child, NULL, 0);
    *best_count = 0;
    for (uint32_t size = 1; size <= 2; size++)
        for (uint32_t a = 0; a < child; a++)
            for (uint32_t b = size == 1 ? child - 1 : a + 1; b < child; b++) {
                uint32_t set[2] = {a, b};
                double s = plain_score(t, score, ess, child, set, size);
                if (s > top + 1e-9) {
                    top = s;
                    *best_count = size;
                    memcpy(best, set, sizeof set);
                }
            }
    return top;
}

static lls_learn_options options_for(lls_score score)
{
    return (lls_learn_options){.score = score, .ess = 10.0, .max_parents = 2, .prior = 1.0};
}

static double learn(const lls_table *t, const lls_learn_options *o, uint32_t *parents,
                    uint32_t *counts)
{
    double score = NAN;
    assert_ok(lls_learn_structure(context, t, o, parents, counts, &score, &err), err);
    return score;
}

static void check_optimum(const lls_table *t, lls_score score)
{
    uint32_t parents[COLUMNS * 2], counts[COLUMNS], best[2], best_count;
    lls_learn_options o = options_for(score);
    double got = learn(t, &o, parents, counts), want = 0.0;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        want += plain_best(t, score, o.ess, c, best, &best_count);
        assert_int_equal(counts[c], best_count);
        for (uint32_t p = 0; p < best_count; p++)
            assert_int_equal(parents[2 * c + p], best[p]);
    }
    assert_double_equal(got, want, 1e-11);
}

static void test_optimum(void **state)
{
    (void)state;
    static struct data d;
    lls_random random;
    lls_random_seed(&random, 60);
    for (int round = 0; round < 24; round++) {
        draw(&d, &random, 1 + lls_random_below(&random, MOST_ROWS), round % 4 * 0.3,
             round % 3 ? 0.0 : 0.1);
        if (round % 2)
            d.table.weights = d.weights;
        d.weights[0] = 1.0;
        check_optimum(&d.table, LLS_SCORE_BIC);
        check_optimum(&d.table, LLS_SCORE_BDEU);
    }
}

/* Rows counted by a weight are rows repeated. */
static void test_weights_are_repeats(void **state)
{
    (void)state;
    static struct data d, repeated;
    lls_random random;
    uint32_t a[COLUMNS * 2], b[COLUMNS * 2], na[COLUMNS], nb[COLUMNS];
    size_t rows = 0;
    lls_random_seed(&random, 61);
    draw(&d, &random, 100, 0.2, 0.05);
    draw(&repeated, &random, 1, 0.2, 0.0);
    for (size_t r = 0; r < 100; r++) {
        d.weights[r] = (double)(r % 4);
        for (size_t i = 0; i < r % 4; i++, rows++)
            memcpy(repeated.cells + rows * COLUMNS, d.cells + r * COLUMNS,
                   COLUMNS * sizeof *d.cells);
    }
    d.table.weights = d.weights;
    repeated.table.rows = rows;
    for (int score = LLS_SCORE_BIC; score <= LLS_SCORE_BDEU; score++) {
        lls_learn_options o = options_for((lls_score)score);
        double x = learn(&d.table, &o, a, na), y = learn(&repeated.table, &o, b, nb);
        assert_double_equal(x, y, 1e-12);
        assert_memory_equal(na, nb, sizeof na);
    }
}

/* Not a bit may differ. */
static void test_weights_of_one_are_none(void **state)
{
    (void)state;
    static struct data d;
    lls_random random;
    lls_random_seed(&random, 77);
    for (uint32_t i = 0; i < 12; i++) {
        uint32_t a[COLUMNS * 2] = {0}, b[COLUMNS * 2] = {0}, na[COLUMNS], nb[COLUMNS];
        lls_learn_options o = options_for(i % 2 == 0 ? LLS_SCORE_BIC : LLS_SCORE_BDEU);
        draw(&d, &random, MOST_ROWS, 0.2, i % 3 * 0.05);
        double x = learn(&d.table, &o, a, na);
        for (size_t r = 0; r < MOST_ROWS; r++)
            d.weights[r] = 1;
        d.table.weights = d.weights;
        double y = learn(&d.table, &o, b, nb);
        assert_true(x == y);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(na, nb, sizeof na);
    }
}

/* Column 2 copies column 0, and so does column 1: the lowest column is the parent, and only it. */
static void test_ties(void **state)
{
    (void)state;
    static struct data d;
    lls_random random;
    uint32_t parents[COLUMNS * 2], counts[COLUMNS];
    lls_random_seed(&random, 62);
    draw(&d, &random, 200, 1.0, 0.0);
    for (uint32_t c = 0; c < COLUMNS; c++)
        d.states[c] = 2;
    for (size_t r = 0; r < 200; r++)
        for (uint32_t c = 0; c < COLUMNS; c++)
            d.cells[r * COLUMNS + c] = c < 3 ? d.cells[r * COLUMNS] : 0;
    /* (BDeu may like a second copy: it rewards parents that add no configuration.) */
    lls_learn_options o = options_for(LLS_SCORE_BIC);
    (void)learn(&d.table, &o, parents, counts);
    for (uint32_t c = 1; c < 3; c++) {
        assert_int_equal(counts[c], 1);
        assert_int_equal(parents[2 * c], 0);
    }
    for (uint32_t c = 3; c < COLUMNS; c++) /* a constant needs no parents */
        assert_int_equal(counts[c], 0);
    o = options_for(LLS_SCORE_BDEU);
    o.max_parents = 1;
    (void)learn(&d.table, &o, parents, counts);
    assert_true(counts[2] == 1 && parents[2] == 0);
}

static void test_forbidden_and_limits_of_size(void **state)
{
    (void)state;
    static struct data d;
    lls_random random;
    uint32_t parents[COLUMNS * 3], counts[COLUMNS];
    uint8_t forbidden[COLUMNS * COLUMNS] = {0};
    lls_random_seed(&random, 63);
    draw(&d, &random, 300, 0.1, 0.0);
    lls_learn_options o = options_for(LLS_SCORE_BIC);
    double free_score = learn(&d.table, &o, parents, counts);
    for (uint32_t c = 0; c < COLUMNS; c++)
        for (uint32_t p = 0; p < counts[c]; p++)
            forbidden[c * COLUMNS + parents[2 * c + p]] = 1;
    o.forbidden = forbidden;
    double bound_score = learn(&d.table, &o, parents, counts);
    assert_true(bound_score < free_score);
    for (uint32_t c = 0; c < COLUMNS; c++)
        for (uint32_t p = 0; p < counts[c]; p++)
            assert_false(forbidden[c * COLUMNS + parents[2 * c + p]]);
    memset(forbidden, 1, sizeof forbidden);
    double empty = learn(&d.table, &o, parents, counts);
    o.forbidden = NULL;
    o.max_parents = 0;
    assert_true(learn(&d.table, &o, parents, counts) == empty);
    for (uint32_t c = 0; c < COLUMNS; c++)
        assert_int_equal(counts[c], 0);
    /* More room can only help. */
    o.max_parents = 3;
    assert_true(learn(&d.table, &o, parents, counts) >= free_score);
}

static uint64_t widest(const lls_table *t, const uint32_t *parents, const uint32_t *counts)
{
    static const char *const names[COLUMNS] = {"a", "b", "c", "d", "e", "f", "g"};
    llmsched_network *n = NULL;
    llmsched_inference *inf = NULL;
    assert_ok(lls_learn_network(context, t, "", names, parents, counts, 2, 1.0, &n, &err), err);
    assert_ok(llmsched_inference_create(n, &inf, &err), err);
    uint64_t largest = inf->tree.largest_clique;
    llmsched_inference_destroy(inf);
    llmsched_network_release(n);
    return largest;
}

static void test_width_guard(void **state)
{
    (void)state;
    static struct data d;
    lls_random random;
    uint32_t parents[COLUMNS * 2], counts[COLUMNS], wide[COLUMNS * 2] = {0}, wide_counts[COLUMNS];
    double last = -INFINITY;
    lls_random_seed(&random, 64);
    draw(&d, &random, MOST_ROWS, 0.1, 0.0);
    lls_learn_options o = options_for(LLS_SCORE_BDEU);
    double unguarded = learn(&d.table, &o, wide, wide_counts);
    uint64_t unguarded_width = widest(&d.table, wide, wide_counts);
    assert_true(unguarded_width > 24);
    for (o.max_clique = 1; o.max_clique <= 256; o.max_clique *= 2) {
        memset(parents, 0, sizeof parents);
        double score = learn(&d.table, &o, parents, counts);
        uint64_t width = widest(&d.table, parents, counts);
        assert_true(width <=
                    (o.max_clique > 4 ? o.max_clique : 4)); /* one column has four states */
        assert_true(score <= unguarded);
        if (o.max_clique >= unguarded_width) {
            assert_true(score == unguarded);
            assert_memory_equal(counts, wide_counts, sizeof counts);
        }
        last = score;
    }
    assert_true(last == unguarded);
}

/* --- parameters -------------------------------------------------------------------------- */

static void test_parameters(void **state)
{
    (void)state;
    /* x has two states, y three; parent x of y; one gap on each side. */
    const uint32_t cells[] = {0, 0, 0, 0, 0, 2, 1, 1, LLS_STATE_MISSING, 1, 1, LLS_STATE_MISSING};
    const uint32_t states[2] = {2, 3}, parents[2] = {0, 0}, counts[2] = {0, 1};
    const char *const names[2] = {"x", "y"};
    const lls_table t = {cells, 6, 2, states, NULL};
    llmsched_network *n = NULL;
    assert_ok(lls_learn_network(context, &t, "net", names, parents, counts, 1, 1.5, &n, &err), err);
    const double *x = llmsched_network_table(n, 0, NULL), *y = llmsched_network_table(n, 1, NULL);
    assert_double_equal(x[0], (3 + 0.75) / (5 + 1.5), 1e-15);
    const double want[6] = {2.5 / 4.5, 0.5 / 4.5, 1.5 / 4.5, 0.5 / 2.5, 1.5 / 2.5, 0.5 / 2.5};
    for (int i = 0; i < 6; i++)
        assert_double_equal(y[i], want[i], 1e-15);
    assert_string_equal(llmsched_network_name(n), "net");
    assert_string_equal(llmsched_network_state_name(n, 1, 2), "2");
    llmsched_network_release(n);
    /* BDeu's prior: 6 over q r = 6 cells, so 1 a cell; for x 3 a cell. */
    assert_ok(lls_learn_network_bdeu(context, &t, "", names, parents, counts, 1, 6.0, &n, &err),
              err);
    x = llmsched_network_table(n, 0, NULL);
    y = llmsched_network_table(n, 1, NULL);
    assert_double_equal(x[0], (3 + 3.0) / (5 + 6.0), 1e-15);
    assert_double_equal(y[0], 3.0 / 6.0, 1e-15);
    assert_double_equal(y[4], 2.0 / 4.0, 1e-15);
    llmsched_network_release(n);
}

/* A configuration that no row shows gets even odds. */
static void test_unseen_configuration(void **state)
{
    (void)state;
    const uint32_t cells[] = {0, 1};
    const uint32_t states[2] = {2, 4}, parents[2] = {0, 0}, counts[2] = {0, 1};
    const char *const names[2] = {"x", "y"};
    const lls_table t = {cells, 1, 2, states, NULL};
    llmsched_network *n = NULL;
    assert_ok(lls_learn_network(context, &t, "", names, parents, counts, 1, 1.0, &n, &err), err);
    const double *y = llmsched_network_table(n, 1, NULL);
    for (int k = 0; k < 4; k++)
        assert_double_equal(y[4 + k], 0.25, 1e-15);
    assert_double_equal(y[1], 1.25 / 2.0, 1e-15);
    llmsched_network_release(n);
}

/* Families with a missing cell are left out; a row counts by its weight. */
static void test_log_likelihood(void **state)
{
    (void)state;
    const uint32_t cells[] = {0, 1, 1, LLS_STATE_MISSING, LLS_STATE_MISSING, 0, 1, 2};
    const uint32_t states[2] = {2, 3}, parents[2] = {0, 0}, counts[2] = {0, 1};
    const double weights[4] = {1, 2, 4, 0.5};
    const char *const names[2] = {"x", "y"};
    lls_table t = {cells, 4, 2, states, NULL};
    llmsched_network *n = NULL;
    assert_ok(lls_learn_network(context, &t, "", names, parents, counts, 1, 1.0, &n, &err), err);
    const double *x = llmsched_network_table(n, 0, NULL), *y = llmsched_network_table(n, 1, NULL);
    const double plain = log(x[0]) + log(y[1]) + 2 * log(x[1]) + log(y[5]);
    const double weighted = log(x[0]) + log(y[1]) + 2.5 * log(x[1]) + 0.5 * log(y[5]);
    for (uint32_t w = 0; w < 2; w++) {
        lls_counts c;
        assert_ok(lls_counts_init(&c, context, states, 2, parents, counts, 1, &err), err);
        for (uint32_t r = 0; r < 4; r++)
            lls_counts_add(&c, cells + (size_t)r * 2, w > 0 ? weights[r] : 1);
        assert_double_equal(lls_counts_likelihood(&c, n, 1), w > 0 ? weighted : plain, 1e-14);
        lls_counts_scale(&c, 0.5);
        assert_double_equal(lls_counts_likelihood(&c, n, 2), w > 0 ? weighted : plain, 1e-14);
        lls_counts_finish(&c);
    }
    llmsched_network_release(n);
}

/* --- refusals ------------------------------------------------------------------------------ */

static llmsched_status try_learn(const lls_table *t, const lls_learn_options *o)
{
    uint32_t parents[8] = {7, 7, 7, 7, 7, 7, 7, 7}, counts[4] = {7, 7, 7, 7};
    double score = 7;
    llmsched_status status = lls_learn_structure(context, t, o, parents, counts, &score, &err);
    assert_true(status == LLMSCHED_OK || (parents[0] == 7 && counts[0] == 7 && score == 7));
    return status;
}

static void test_refusals(void **state)
{
    (void)state;
    uint32_t cells[4] = {0, 1, 1, 0};
    uint32_t states[2] = {2, 2};
    double weights[2] = {1, 1};
    lls_table t = {cells, 2, 2, states, weights};
    lls_learn_options o = options_for(LLS_SCORE_BDEU);
    assert_int_equal(try_learn(&t, &o), LLMSCHED_OK);
    o.ess = 0.0;
    assert_fails(LLMSCHED_ERROR_INVALID, "equivalent", try_learn(&t, &o), err);
    o.score = LLS_SCORE_BIC;
    assert_int_equal(try_learn(&t, &o), LLMSCHED_OK);
    o.score = (lls_score)9;
    assert_fails(LLMSCHED_ERROR_INVALID, "score", try_learn(&t, &o), err);
    o = options_for(LLS_SCORE_BIC);
    cells[2] = 2;
    assert_fails(LLMSCHED_ERROR_INVALID, "row 1, column 0", try_learn(&t, &o), err);
    cells[2] = 1;
    states[1] = 0;
    assert_fails(LLMSCHED_ERROR_INVALID, "column 1", try_learn(&t, &o), err);
    states[1] = 2;
    weights[1] = NAN;
    assert_fails(LLMSCHED_ERROR_INVALID, "weight of row 1", try_learn(&t, &o), err);
    weights[0] = weights[1] = 0.0;
    assert_fails(LLMSCHED_ERROR_INVALID, "sum to 0", try_learn(&t, &o), err);
    t.weights = NULL;
    t.rows = 0;
    assert_fails(LLMSCHED_ERROR_INVALID, "no rows", try_learn(&t, &o), err);
    t.rows = 2;
    t.columns = 0;
    assert_fails(LLMSCHED_ERROR_INVALID, "no columns", try_learn(&t, &o), err);
}

static void test_parameter_refusals(void **state)
{
    (void)state;
    const uint32_t cells[4] = {0, 1, 1, 0};
    const uint32_t states[2] = {2, 2}, none[2] = {0, 0};
    uint32_t parents[2] = {1, 0}, counts[2] = {1, 1};
    const char *const names[2] = {"x", "y"}, *const same[2] = {"x", "x"};
    const lls_table t = {cells, 2, 2, states, NULL};
    llmsched_network *n = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, "prior",
                 lls_learn_network(context, &t, "", names, parents, none, 1, 0.0, &n, &err), err);
    assert_fails(LLMSCHED_ERROR_CYCLE, "cycle",
                 lls_learn_network(context, &t, "", names, parents, counts, 1, 1.0, &n, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "differ",
                 lls_learn_network(context, &t, "", same, parents, none, 1, 1.0, &n, &err), err);
    parents[0] = 2;
    assert_fails(LLMSCHED_ERROR_INVALID, "parent 2",
                 lls_learn_network(context, &t, "", names, parents, counts, 1, 1.0, &n, &err), err);
    counts[0] = 2;
    assert_fails(LLMSCHED_ERROR_INVALID, "2 parents",
                 lls_learn_network(context, &t, "", names, parents, counts, 1, 1.0, &n, &err), err);
    assert_null(n);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static struct data d;
    static const char *const names[COLUMNS] = {"a", "b", "c", "d", "e", "f", "g"};
    lls_random random;
    lls_random_seed(&random, 66);
    draw(&d, &random, 40, 0.2, 0.0);
    lls_learn_options o = options_for(LLS_SCORE_BDEU);
    o.max_clique = 30;
    for (int weighted = 0; weighted < 2; weighted++) {
        llmsched_status status = LLMSCHED_ERROR_MEMORY;
        uint64_t fail_at;
        d.table.weights = weighted ? d.weights : NULL;
        for (fail_at = 1; status == LLMSCHED_ERROR_MEMORY; fail_at++) {
            struct failing f = {0};
            llmsched_allocator allocator = failing_allocator(&f);
            llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
            llmsched_context *own = NULL;
            llmsched_network *n = NULL;
            uint32_t parents[COLUMNS * 2] = {0}, counts[COLUMNS] = {9};
            assert_ok(llmsched_context_create(&options, &own, &err), err);
            f.fail_at = f.calls + fail_at;
            status = lls_learn_structure(own, &d.table, &o, parents, counts, NULL, &err);
            assert_true(status == LLMSCHED_OK ||
                        (status == LLMSCHED_ERROR_MEMORY && counts[0] == 9));
            if (status == LLMSCHED_OK)
                status =
                    lls_learn_network(own, &d.table, "", names, parents, counts, 2, 1.0, &n, &err);
            llmsched_network_release(n);
            llmsched_context_destroy(own);
            assert_int_equal(f.live, 0);
        }
        assert_int_equal(status, LLMSCHED_OK);
        assert_true(fail_at > 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimum),
        cmocka_unit_test(test_weights_are_repeats),
        cmocka_unit_test(test_weights_of_one_are_none),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_forbidden_and_limits_of_size),
        cmocka_unit_test(test_width_guard),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_unseen_configuration),
        cmocka_unit_test(test_log_likelihood),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_parameter_refusals),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
