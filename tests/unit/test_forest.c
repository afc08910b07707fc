/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forests of regression trees: what they learn, beside a slow twin.
 */
#include "context.h"
#include "forests.h"

#include "bayes/forest_nodes.h"

#include <math.h>
#include <string.h>

static llmsched_error err;

static const lls_forest_options forest_options = LLS_FOREST_OPTIONS;
static const lls_forest_options tree_options = {
    .trees = 1, .leaf = 1, .depth = 24, .share = 1.0, .most_rows = 32768};

static lls_forest *fit(const lls_forest_rows *rows, const lls_forest_options *options)
{
    lls_forest *forest = NULL;
    assert_ok(lls_forest_fit(context, rows, options, &forest, NULL, &err), err);
    return forest;
}

static double mean_of(const lls_forest *forest, const struct table *t, uint32_t row)
{
    return lls_forest_mean(forest, t->features + row * TABLE_FEATURES);
}

static void check_same(const lls_forest *a, const lls_forest *b, const struct table *t)
{
    double p[LLS_FOREST_LEVELS], q[LLS_FOREST_LEVELS];
    assert_int_equal(lls_forest_level_count(a), lls_forest_level_count(b));
    for (uint32_t i = 0; i < t->rows.row_count; i++) {
        const double *x = t->features + i * TABLE_FEATURES;
        assert_true(lls_forest_distribution(a, x, p) == lls_forest_distribution(b, x, q));
        assert_memory_equal(p, q, lls_forest_level_count(a) * sizeof *p);
    }
}

/* --- small worlds --------------------------------------------------------------------- */

static void test_step(void **state)
{
    (void)state;
    double x[40], y[40], p[LLS_FOREST_LEVELS];
    uint32_t groups[40];
    for (uint32_t i = 0; i < 40; i++) {
        x[i] = i;
        y[i] = i < 10 ? 0.0 : i < 30 ? 4.0 : 9.5;
        groups[i] = i;
    }
    lls_forest_rows rows = {40, 1, 40, x, y, groups, NULL};
    lls_forest *tree = fit(&rows, &tree_options);
    const double at[] = {-1e300, 9.4, 9.6, 29.4, 29.6, 1e300, NAN};
    const double expected[] = {0.0, 0.0, 4.0, 4.0, 9.5, 9.5, 9.5};
    assert_int_equal(lls_forest_level_count(tree), 3);
    for (uint32_t i = 0; i < LLS_COUNT(at); i++) {
        assert_true(lls_forest_mean(tree, &at[i]) == expected[i]);
        lls_forest_distribution(tree, &at[i], p);
        for (uint32_t k = 0; k < 3; k++)
            assert_true(p[k] == (lls_forest_levels(tree)[k] == expected[i] ? 1.0 : 0.0));
    }
    lls_forest_free(context, tree);
}

static void test_nothing_to_tell(void **state)
{
    (void)state;
    double x[12], y[12], p[LLS_FOREST_LEVELS];
    uint32_t groups[12] = {0};
    for (uint32_t i = 0; i < 12; i++) {
        x[i] = i;
        y[i] = 0.1;
    }
    /* The targets are all the same; there is one row; the features are all the same. */
    lls_forest_rows same = {12, 1, 1, x, y, groups, NULL}, one = {1, 1, 1, x, y, groups, NULL};
    const lls_forest_rows *tables[] = {&same, &one};
    for (uint32_t k = 0; k < 2; k++) {
        lls_forest *forest = fit(tables[k], &forest_options);
        assert_int_equal(forest->node_count, forest_options.trees);
        assert_int_equal(lls_forest_level_count(forest), 1);
        assert_true(lls_forest_levels(forest)[0] == 0.1);
        assert_double_equal(lls_forest_mean(forest, x), 0.1, 1e-15);
        assert_double_equal((lls_forest_distribution(forest, x, p), p[0]), 1.0, 1e-15);
        lls_forest_free(context, forest);
    }
    for (uint32_t i = 0; i < 12; i++) {
        x[i] = 3.0;
        y[i] = i;
    }
    lls_forest *tree = fit(&same, &tree_options);
    assert_int_equal(tree->node_count, 1);
    assert_true(lls_forest_mean(tree, x) == 5.5);
    for (uint32_t k = 0; k < 12; k++)
        assert_double_equal((lls_forest_distribution(tree, x, p), p[k]), 1.0 / 12, 1e-15);
    lls_forest_free(context, tree);
}

/* Features that tell the same apart: the lower one is asked. */
static void test_ties(void **state)
{
    (void)state;
    const double x[8] = {1, 9, 2, 8, 3, 7, 4, 6}, y[4] = {1, 1, 5, 5};
    const uint32_t groups[4] = {0, 0, 0, 0};
    lls_forest_rows rows = {4, 2, 1, x, y, groups, NULL};
    for (uint64_t seed = 0; seed < 8; seed++) {
        lls_forest_options options = tree_options;
        options.seed = seed;
        lls_forest *tree = fit(&rows, &options);
        const double by_first[2] = {1.0, 6.0}, above[2] = {2.5001, 9.0};
        assert_true(lls_forest_mean(tree, by_first) == 1.0);
        assert_true(lls_forest_mean(tree, above) == 5.0);
        lls_forest_free(context, tree);
    }
}

static void test_levels(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    static double x[MANY], y[MANY];
    static uint32_t groups[MANY];
    for (uint32_t i = 0; i < MANY; i++)
        y[i] = i % 50 == 0 ? 0.0 : sqrt(i);
    lls_forest_rows rows = {MANY, 1, 1, x, y, groups, NULL};
    lls_forest *tree = fit(&rows, &tree_options);
    const double *levels = lls_forest_levels(tree);
    double p[LLS_FOREST_LEVELS], mean = 0.0, total = 0.0;
    assert_int_equal(lls_forest_level_count(tree), LLS_FOREST_LEVELS);
    assert_true(levels[0] == 0.0);
    lls_forest_distribution(tree, x, p);
    assert_double_equal(p[0], 0.02, 1e-15);
    for (uint32_t k = 0; k < LLS_FOREST_LEVELS; k++) {
        assert_true(k == 0 || (levels[k] > levels[k - 1] && p[k] >= 0.007 && p[k] <= 0.008));
        mean += p[k] * levels[k];
        total += p[k];
    }
    assert_double_equal(total, 1.0, 1e-14);
    assert_double_equal(mean, lls_forest_mean(tree, x), 1e-7);
    assert_double_equal(mean, lls_sum(y, MANY) / MANY, 1e-12);
    lls_forest_free(context, tree);
}

/* --- the slow twin ---------------------------------------------------------------------- */

struct twin {
    const struct table *t;
    uint32_t leaf, depth;
    double means[TABLE_ROWS]; /* of the leaf of each row */
};

static double squares(const struct twin *w, const bool *in, uint32_t *count)
{
    double mean = 0.0, sum = 0.0;
    *count = 0;
    for (uint32_t i = 0; i < w->t->rows.row_count; i++)
        if (in[i]) {
            mean += log(0.3 + w->t->targets[i]);
            ++*count;
        }
    mean /= *count;
    for (uint32_t i = 0; i < w->t->rows.row_count; i++)
        if (in[i])
            sum += pow(log(0.3 + w->t->targets[i]) - mean, 2.0);
    return sum;
}

static void part(const struct twin *w, const bool *in, uint32_t feature, double cut, bool *left,
                 bool *right)
{
    for (uint32_t i = 0; i < w->t->rows.row_count; i++) {
        bool low = w->t->features[i * TABLE_FEATURES + feature] <= cut;
        left[i] = in[i] && low;
        right[i] = in[i] && !low;
    }
}

/* Tries every value of every feature. */
static void grow(struct twin *w, const bool *in, uint32_t depth)
{
    bool left[TABLE_ROWS], right[TABLE_ROWS], best_left[TABLE_ROWS], best_right[TABLE_ROWS];
    uint32_t n, below, above, rows = w->t->rows.row_count;
    double best = squares(w, in, &n) - 1e-9, least = best, sum = 0.0;
    for (uint32_t f = 0; f < TABLE_FEATURES && depth < w->depth; f++)
        for (uint32_t i = 0; i < rows; i++) {
            part(w, in, f, w->t->features[i * TABLE_FEATURES + f], left, right);
            double after = squares(w, left, &below) + squares(w, right, &above);
            if (!in[i] || below < w->leaf || above < w->leaf || after >= best)
                continue;
            best = after;
            memcpy(best_left, left, sizeof left);
            memcpy(best_right, right, sizeof right);
        }
    if (best < least) {
        grow(w, best_left, depth + 1);
        grow(w, best_right, depth + 1);
        return;
    }
    for (uint32_t i = 0; i < rows; i++)
        sum += in[i] ? w->t->targets[i] : 0.0;
    for (uint32_t i = 0; i < rows; i++)
        if (in[i])
            w->means[i] = sum / n;
}

static void test_twin(void **state)
{
    (void)state;
    static struct table t;
    static struct twin w;
    for (uint64_t seed = 0; seed < 30; seed++) {
        bool all[TABLE_ROWS];
        fill_table(&t, 2 + (uint32_t)seed * 2, seed);
        memset(all, 1, sizeof all);
        w = (struct twin){.t = &t, .leaf = 1 + (uint32_t)(seed % 4), .depth = (uint32_t)(seed % 7)};
        grow(&w, all, 0);
        lls_forest_options options = tree_options;
        options.leaf = w.leaf;
        options.depth = w.depth;
        lls_forest *tree = fit(&t.rows, &options);
        for (uint32_t i = 0; i < t.rows.row_count; i++)
            if (!lls_close(mean_of(tree, &t, i), w.means[i], 1e-7))
                fail_msg("seed %u, row %u: %.17g, the twin %.17g", (unsigned)seed, i,
                         mean_of(tree, &t, i), w.means[i]);
        lls_forest_free(context, tree);
    }
}

static void test_least_gain(void **state)
{
    (void)state;
    static struct table t;
    fill_table(&t, 200, 1);
    lls_forest_options options = tree_options;
    uint32_t nodes = UINT32_MAX;
    for (uint32_t k = 0; k < 4; k++) {
        options.least_gain = (const double[]){0.0, 0.005, 0.02, 1.0}[k];
        lls_forest *tree = fit(&t.rows, &options);
        assert_true(tree->node_count < nodes);
        nodes = tree->node_count;
        lls_forest_free(context, tree);
    }
    assert_int_equal(nodes, 1);
}

/* --- forests ---------------------------------------------------------------------------- */

static void test_distribution(void **state)
{
    (void)state;
    static struct table t;
    fill_table(&t, TABLE_ROWS, 3);
    lls_forest *forest = fit(&t.rows, &forest_options);
    const double *levels = lls_forest_levels(forest);
    double p[LLS_FOREST_LEVELS], error = 0.0, spread = 0.0, apart = 0.0;
    double overall = lls_sum(t.targets, TABLE_ROWS) / TABLE_ROWS;
    for (uint32_t i = 0; i < TABLE_ROWS; i++) {
        double total = 0.0, mean = 0.0;
        double said = lls_forest_distribution(forest, t.features + i * TABLE_FEATURES, p);
        assert_true(said == mean_of(forest, &t, i));
        for (uint32_t k = 0; k < lls_forest_level_count(forest); k++) {
            assert_true(p[k] >= 0.0);
            total += p[k];
            mean += p[k] * levels[k];
        }
        assert_double_equal(total, 1.0, 1e-12);
        /* A level may lie between two of the steps. */
        assert_double_equal(mean, said, 0.1);
        apart += fabs(mean - said) / TABLE_ROWS;
        const double *x = t.features + i * TABLE_FEATURES;
        double truth = 0.8 * (x[0] * 3.0 + (x[1] > 4.0 ? 20.0 : 1.0) + 0.5);
        error += fabs(said - truth) / TABLE_ROWS;
        spread += fabs(overall - truth) / TABLE_ROWS;
    }
    assert_true(apart < 0.05);
    /* The zeros come by chance, so a leaf of few rows cannot be right. */
    assert_true(error < spread / 2.0);
    lls_forest_free(context, forest);
}

static void test_determinism(void **state)
{
    (void)state;
    static struct table t;
    static double a_out[TABLE_ROWS], b_out[TABLE_ROWS];
    fill_table(&t, TABLE_ROWS, 4);
    lls_forest *a = NULL, *b = NULL, *c = NULL;
    lls_forest_options options = forest_options;
    assert_ok(lls_forest_fit(context, &t.rows, &options, &a, a_out, &err), err);
    assert_ok(lls_forest_fit(context, &t.rows, &options, &b, b_out, &err), err);
    check_same(a, b, &t);
    assert_memory_equal(a_out, b_out, sizeof a_out);
    options.seed = 1;
    c = fit(&t.rows, &options);
    uint32_t differ = 0;
    for (uint32_t i = 0; i < TABLE_ROWS; i++)
        differ += mean_of(a, &t, i) != mean_of(c, &t, i);
    assert_true(differ > TABLE_ROWS / 2);
    lls_forest_free(context, a);
    lls_forest_free(context, b);
    lls_forest_free(context, c);
}

/* A group of weight 2 is the group twice, bit for bit where targets are whole. */
static void test_weights(void **state)
{
    (void)state;
    static struct table light, heavy;
    double weights[15];
    uint32_t copied = 0, copies = 0;
    fill_table(&light, 60, 5);
    for (uint32_t i = 0; i < 60; i++)
        light.targets[i] = floor(light.targets[i]);
    for (uint32_t g = 0; g < 15; g++) {
        weights[g] = 1 + g % 2;
        for (uint32_t k = 0; k <= g % 2; k++, copies++)
            for (uint32_t i = g * TABLE_GROUP; i < (g + 1) * TABLE_GROUP; i++, copied++) {
                memcpy(heavy.features + copied * TABLE_FEATURES,
                       light.features + i * TABLE_FEATURES, TABLE_FEATURES * sizeof(double));
                heavy.targets[copied] = light.targets[i];
                heavy.groups[copied] = copies;
            }
    }
    heavy.rows = (lls_forest_rows){copied,        TABLE_FEATURES, copies, heavy.features,
                                   heavy.targets, heavy.groups,   NULL};
    light.rows.weights = weights;
    for (uint32_t k = 0; k < 4; k++) {
        lls_forest_options options = k % 2 ? forest_options : tree_options;
        options.leaf = 2 + k;
        lls_forest *a = fit(&light.rows, &options), *b = fit(&heavy.rows, &options);
        for (uint32_t i = 0; i < copied; i++)
            assert_true(mean_of(a, &heavy, i) == mean_of(b, &heavy, i));
        lls_forest_free(context, a);
        lls_forest_free(context, b);
    }
}

static void test_fractional_weights(void **state)
{
    (void)state;
    const double x[3] = {0, 0, 0}, y[3] = {1, 2, 4}, weights[3] = {0.125, 0.25, 0.5};
    const uint32_t groups[3] = {0, 1, 2};
    lls_forest_rows rows = {3, 1, 3, x, y, groups, weights};
    lls_forest *tree = fit(&rows, &tree_options);
    double p[LLS_FOREST_LEVELS];
    assert_double_equal(lls_forest_distribution(tree, x, p), 3.0, 1e-15);
    for (uint32_t k = 0; k < 3; k++)
        assert_double_equal(p[k], weights[k] / 0.875, 1e-3);
    lls_forest_free(context, tree);
}

/* A tree that saw a group knows its target, as the first feature is the group's number. */
static void test_out_of_bag(void **state)
{
    (void)state;
    enum { GROUPS = 60, EACH = 2 };
    double x[GROUPS * EACH], y[GROUPS * EACH], out[GROUPS * EACH];
    uint32_t groups[GROUPS * EACH], unseen = 0;
    for (uint32_t i = 0; i < GROUPS * EACH; i++) {
        groups[i] = i / EACH;
        x[i] = groups[i];
        y[i] = 5.0 + groups[i] * 1.5;
    }
    lls_forest_rows rows = {GROUPS * EACH, 1, GROUPS, x, y, groups, NULL};
    for (uint32_t trees = 1; trees < 5; trees++) {
        lls_forest_options options = forest_options;
        options.trees = trees;
        options.leaf = 1;
        lls_forest *forest = NULL;
        assert_ok(lls_forest_fit(context, &rows, &options, &forest, out, &err), err);
        for (uint32_t i = 0; i < rows.row_count; i++) {
            double sum = 0.0;
            uint32_t count = 0;
            for (uint32_t t = 0; t < trees; t++) {
                double mean = lls_forest_tree_mean(forest, t, &x[i]);
                sum += mean != y[i] ? mean : 0.0;
                count += mean != y[i];
            }
            assert_true(out[i] == (count > 0 ? sum / count : y[i]));
            unseen += count;
        }
        lls_forest_free(context, forest);
    }
    /* (1 - 1 / 60)^60 of ten trees' rows. */
    assert_double_equal(unseen / (10.0 * GROUPS * EACH), 0.365, 0.06);
}

static void test_most_rows(void **state)
{
    (void)state;
    static struct table t;
    fill_table(&t, TABLE_ROWS, 6);
    for (uint32_t k = 0; k < 2; k++) {
        lls_forest_options options = forest_options;
        options.resample = k == 0;
        options.most_rows = 50;
        options.leaf = 1;
        lls_forest *forest = fit(&t.rows, &options);
        uint32_t mass = 0;
        for (uint32_t i = 0; i < forest->part_count; i++)
            mass += forest->parts[i] / LLS_FOREST_LEVELS;
        /* No tree has more than 50 rows and the rest of a group. */
        assert_true(mass >= 16 * 50 && mass <= 16 * (50 + TABLE_GROUP));
        lls_forest_free(context, forest);
    }
    /* A group larger than that is taken all the same, groups that weigh nothing never. */
    double weights[TABLE_ROWS] = {0};
    weights[7] = 0.25;
    t.rows.weights = weights;
    for (uint32_t k = 0; k < 2; k++) {
        lls_forest_options options = k == 0 ? forest_options : tree_options;
        options.most_rows = 1;
        options.depth = 0;
        lls_forest *forest = fit(&t.rows, &options);
        const double *y = t.targets + 28;
        assert_double_equal(mean_of(forest, &t, 0), (y[0] + y[1] + y[2] + y[3]) / 4, 1e-7);
        lls_forest_free(context, forest);
    }
}

/* --- failures ------------------------------------------------------------------------------ */

static void check_refused(const lls_forest_rows *rows, const lls_forest_options *options,
                          const char *words)
{
    lls_forest *forest = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, words,
                 lls_forest_fit(context, rows, options, &forest, NULL, &err), err);
    assert_null(forest);
}

static void test_options_refused(void **state)
{
    (void)state;
    static struct table t;
    fill_table(&t, 20, 7);
    const lls_forest_options good = forest_options;
    struct {
        lls_forest_options options;
        const char *words;
    } bad[9];
    for (uint32_t k = 0; k < LLS_COUNT(bad); k++)
        bad[k].options = good;
    bad[0].options.trees = 0, bad[0].words = "0 trees";
    bad[1].options.trees = LLS_FOREST_TREES + 1, bad[1].words = "1025 trees";
    bad[2].options.leaf = 0, bad[2].words = "leaf is 0";
    bad[3].options.depth = 65, bad[3].words = "depth is 65";
    bad[4].options.share = 0.0, bad[4].words = "share is 0";
    bad[5].options.share = NAN, bad[5].words = "share is";
    bad[6].options.least_gain = -0.1, bad[6].words = "least_gain is -0.1";
    bad[7].options.least_gain = NAN, bad[7].words = "least_gain is";
    bad[8].options.most_rows = 0, bad[8].words = "most_rows is 0";
    for (uint32_t k = 0; k < LLS_COUNT(bad); k++)
        check_refused(&t.rows, &bad[k].options, bad[k].words);
}

static void test_rows_refused(void **state)
{
    (void)state;
    static struct table t;
    double weights[5] = {0, 0, 0, 0, 0};
    lls_forest_rows rows;
    fill_table(&t, 20, 7);
    rows = t.rows, rows.row_count = 0;
    check_refused(&rows, &forest_options, "0 rows");
    rows = t.rows, rows.feature_count = 0;
    check_refused(&rows, &forest_options, "0 features");
    rows = t.rows, rows.group_count = 4;
    check_refused(&rows, &forest_options, "row 16 is of group 4");
    rows = t.rows, rows.weights = weights;
    check_refused(&rows, &forest_options, "weighs 0");
    weights[3] = -1.0;
    check_refused(&rows, &forest_options, "weight of group 3 is -1");
    weights[3] = NAN;
    check_refused(&rows, &forest_options, "weight of group 3 is");
    t.groups[5] = 0;
    check_refused(&t.rows, &forest_options, "row 5 is of group 0");
    t.groups[5] = 1;
    t.targets[2] = -1.0;
    check_refused(&t.rows, &forest_options, "target of row 2 is -1");
    t.targets[2] = INFINITY;
    check_refused(&t.rows, &forest_options, "target of row 2 is");
    t.targets[2] = 1.0;
    t.features[2 * TABLE_FEATURES + 1] = NAN;
    check_refused(&t.rows, &forest_options, "feature 1 of row 2");
}

/* Numbers at the ends of their ranges. */
static void test_extremes(void **state)
{
    (void)state;
    const double x[4] = {-1.7e308, 0.0, nextafter(0.0, 1.0), 1.7e308};
    const double y[4] = {0.0, 1e-300, 1.0, LLS_FOREST_LARGEST};
    const uint32_t groups[4] = {0, 1, 3, 3};
    const double weights[4] = {LLS_FOREST_LARGEST, LLS_FOREST_LARGEST, 0.0, LLS_FOREST_LARGEST};
    lls_forest_rows rows = {4, 1, 4, x, y, groups, weights};
    lls_forest *forest = NULL;
    double out[4], p[LLS_FOREST_LEVELS];
    assert_ok(lls_forest_fit(context, &rows, &forest_options, &forest, out, &err), err);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(isfinite(out[i]) && isfinite(lls_forest_distribution(forest, &x[i], p)));
        assert_double_equal(lls_sum(p, 4), 1.0, 1e-12);
    }
    lls_forest_free(context, forest);
    lls_forest_free(context, NULL);
}

static llmsched_status fit_scenario(llmsched_context *c, llmsched_error *error)
{
    static struct table t;
    double out[40];
    fill_table(&t, 40, 8);
    lls_forest_options options = forest_options;
    options.trees = 3;
    options.leaf = 2;
    out[0] = -7.0;
    lls_forest *forest = NULL;
    llmsched_status status = lls_forest_fit(c, &t.rows, &options, &forest, out, error);
    assert_true((status == LLMSCHED_OK) == (forest != NULL));
    assert_true((status == LLMSCHED_OK) == (out[0] >= 0.0));
    lls_forest_free(c, forest);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(fit_scenario) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_nothing_to_tell),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_least_gain),
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_fractional_weights),
        cmocka_unit_test(test_out_of_bag),
        cmocka_unit_test(test_most_rows),
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_rows_refused),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
