/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forests as JSON: the same bits again, and nothing damaged gets in.
 */
#include "context.h"
#include "forests.h"

#include <ctype.h>
#include <string.h>

/* Two rows, one tree. */
#define SMALL                                                                                      \
    "{\"format\":\"llmsched-forest-1\",\"features\":1,\"trees\":1,\"levels\":[0,5],"               \
    "\"cut_counts\":[1],\"cuts\":[1.5],\"nodes\":[0,-1,-1],\"means\":[0,5],\"masses\":[0,1]}"

static llmsched_error err;

static lls_forest *fit_table(const struct table *t, uint32_t trees)
{
    lls_forest_options options = LLS_FOREST_OPTIONS;
    lls_forest *forest = NULL;
    options.trees = trees;
    assert_ok(lls_forest_fit(context, &t->rows, &options, &forest, NULL, &err), err);
    return forest;
}

static llmsched_text *print(const lls_forest *forest)
{
    lls_json *json = lls_forest_to_json(forest);
    llmsched_text *text = NULL;
    assert_ok(lls_json_print(context, json, &text, &err), err);
    lls_json_free(json);
    return text;
}

static llmsched_status read_text(const llmsched_context *c, const char *text, lls_forest **forest,
                                 llmsched_error *error)
{
    lls_json *json = NULL;
    llmsched_status status = lls_json_parse(text, strlen(text), 1, &json, error);
    if (status == LLMSCHED_OK)
        status = lls_forest_from_json(c, json, "x", forest, error);
    lls_json_free(json);
    return status;
}

static void test_small(void **state)
{
    (void)state;
    const double x[2] = {1, 2}, y[2] = {0, 5};
    const uint32_t groups[2] = {0, 1};
    lls_forest_rows rows = {2, 1, 2, x, y, groups, NULL};
    lls_forest_options options = {.trees = 1, .leaf = 1, .depth = 9, .share = 1.0, .most_rows = 9};
    lls_forest *forest = NULL;
    assert_ok(lls_forest_fit(context, &rows, &options, &forest, NULL, &err), err);
    llmsched_text *text = print(forest);
    assert_string_equal(llmsched_text_data(text), SMALL);
    llmsched_text_destroy(text);
    lls_forest_free(context, forest);
}

static void test_round_trip(void **state)
{
    (void)state;
    static struct table t;
    fill_table(&t, TABLE_ROWS, 1);
    lls_forest *a = fit_table(&t, 16), *b = NULL;
    llmsched_text *text = print(a);
    assert_ok(read_text(context, llmsched_text_data(text), &b, &err), err);
    llmsched_text *again = print(b);
    assert_string_equal(llmsched_text_data(text), llmsched_text_data(again));
    uint32_t levels = lls_forest_level_count(a);
    double p[LLS_FOREST_LEVELS], q[LLS_FOREST_LEVELS];
    assert_int_equal(levels, lls_forest_level_count(b));
    assert_memory_equal(lls_forest_levels(a), lls_forest_levels(b), levels * sizeof *p);
    assert_int_equal(lls_forest_feature_count(b), TABLE_FEATURES);
    assert_int_equal(lls_forest_tree_count(b), 16);
    assert_int_equal(lls_forest_bytes(a), lls_forest_bytes(b));
    for (uint32_t i = 0; i < TABLE_ROWS; i++) {
        const double *x = t.features + i * TABLE_FEATURES;
        assert_true(lls_forest_distribution(a, x, p) == lls_forest_distribution(b, x, q));
        assert_memory_equal(p, q, levels * sizeof *p);
    }
    llmsched_text_destroy(text);
    llmsched_text_destroy(again);
    lls_forest_free(context, a);
    lls_forest_free(context, b);
}

/* SMALL with the first `from` replaced. */
static void check_refused(const char *words, const char *from, const char *to)
{
    char json[512];
    const char *at = strstr(SMALL, from);
    lls_forest *forest = NULL;
    assert_non_null(at);
    snprintf(json, sizeof json, "%.*s%s%s", (int)(at - SMALL), SMALL, to, at + strlen(from));
    assert_fails(LLMSCHED_ERROR_PARSE, words, read_text(context, json, &forest, &err), err);
    assert_null(forest);
}

static void test_refused(void **state)
{
    (void)state;
    check_refused("x.format", "forest-1", "forest-2");
    check_refused("x.features", "\"features\":1", "\"features\":0");
    check_refused("x.features", "\"features\":1", "\"features\":65536");
    check_refused("x.trees: expected at least 1", "\"trees\":1", "\"trees\":0");
    check_refused("x.trees", "\"trees\":1", "\"trees\":1.5");
    check_refused("x.nodes[3]: expected more nodes", "\"trees\":1", "\"trees\":2");
    check_refused("x.levels[0]", "[0,5],\"cut", "[],\"cut");
    check_refused("x.levels[1]", "[0,5],\"cut", "[5,5],\"cut");
    check_refused("x.levels[0]", "[0,5],\"cut", "[-1,5],\"cut");
    check_refused("x.levels[1]", "[0,5],\"cut", "[0,1e101],\"cut");
    check_refused("x.cut_counts[2]: expected one", "\"cut_counts\":[1]", "\"cut_counts\":[1,0]");
    check_refused("x.cut_counts[0]", "\"cut_counts\":[1]", "\"cut_counts\":[2]");
    check_refused("x.cut_counts[0]", "\"cut_counts\":[1]", "\"cut_counts\":[-1]");
    check_refused("x.cuts[0]: expected no more", "\"cut_counts\":[1]", "\"cut_counts\":[0]");
    check_refused("x.cuts[1]: expected cuts", "[1],\"cuts\":[1.5]", "[2],\"cuts\":[1.5,1.5]");
    check_refused("x.cuts[0]: expected a number", "[1.5]", "[true]");
    check_refused("x.nodes[0]: expected a place", "[0,-1,-1]", "[1,-1,-1]");
    check_refused("x.nodes[0]: expected a place", "[0,-1,-1]", "[0.5,-1,-1]");
    check_refused("x.nodes[1]: expected a place", "[0,-1,-1]", "[0,-3,-1]");
    check_refused("x.nodes[2]: expected more", "[0,-1,-1]", "[0,-1]");
    check_refused("x.nodes[3]: expected no more", "[0,-1,-1]", "[0,-1,-1,-1]");
    check_refused("x.nodes[0]: expected more", "[0,-1,-1]", "[]");
    check_refused("x.means[2]: expected no more", "[0,5],\"masses", "[0,5,5],\"masses");
    check_refused("x.means[1]: expected a mean", "[0,5],\"masses", "[0],\"masses");
    check_refused("x.means[1]", "[0,5],\"masses", "[0,-5],\"masses");
    check_refused("x.masses[1]: expected a level", "\"masses\":[0,1]", "\"masses\":[0,2]");
    check_refused("x.masses[1]: expected a whole", "\"masses\":[0,1]", "\"masses\":[0,1.5]");
    check_refused("x.masses[1]: expected a whole", "\"masses\":[0,1]", "\"masses\":[0,2147483648]");
    check_refused("x.masses[1]: expected a whole", "\"masses\":[0,1]", "\"masses\":[0]");
    check_refused("x.masses[2]: expected no more", "\"masses\":[0,1]", "\"masses\":[0,1,1]");
    check_refused("x.masses", "masses", "mass");
    lls_forest *forest = NULL;
    assert_status(LLMSCHED_ERROR_PARSE, read_text(context, "3", &forest, &err), err);
}

/* Whatever is let in can be asked. */
static void ask(const lls_forest *forest, const struct table *t)
{
    double p[LLS_FOREST_LEVELS];
    if (lls_forest_feature_count(forest) > TABLE_FEATURES)
        return;
    for (uint32_t i = 0; i < 20; i++) {
        const double *x = t->features + i * TABLE_FEATURES;
        assert_true(isfinite(lls_forest_distribution(forest, x, p)));
        assert_double_equal(lls_sum(p, lls_forest_level_count(forest)), 1.0, 1e-9);
    }
}

static void test_mutations(void **state)
{
    (void)state;
    static struct table t;
    static const char *const others[] = {"0", "1", "-1", "-2", "7", "0.5", "1e9", "-1e300", "null"};
    fill_table(&t, 60, 2);
    lls_forest *forest = fit_table(&t, 2);
    llmsched_text *text = print(forest);
    const char *json = llmsched_text_data(text);
    size_t length = llmsched_text_length(text);
    uint32_t in = 0, refused = 0;
    char *changed = malloc(length + 16);
    for (size_t at = 1; at < length; at++) {
        if (strchr(",[:", json[at - 1]) == NULL || strchr("-0123456789", json[at]) == NULL)
            continue;
        size_t end = at + strcspn(json + at, ",]}");
        for (uint32_t k = 0; k < LLS_COUNT(others); k++) {
            lls_forest *other = NULL;
            snprintf(changed, length + 16, "%.*s%s%s", (int)at, json, others[k], json + end);
            if (read_text(context, changed, &other, &err) == LLMSCHED_OK) {
                ask(other, &t);
                in++;
            } else {
                assert_int_equal(err.status, LLMSCHED_ERROR_PARSE);
                refused++;
            }
            lls_forest_free(context, other);
        }
    }
    assert_true(in > 100 && refused > in);
    free(changed);
    llmsched_text_destroy(text);
    lls_forest_free(context, forest);
}

static llmsched_status read_scenario(llmsched_context *c, llmsched_error *error)
{
    lls_forest *forest = NULL;
    llmsched_status status = read_text(c, SMALL, &forest, error);
    assert_true((status == LLMSCHED_OK) == (forest != NULL));
    lls_forest_free(c, forest);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(read_scenario) > 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),         cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
