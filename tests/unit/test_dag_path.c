/* SPDX-License-Identifier: Apache-2.0 */
/* The critical path (exhaustive/all_dags.c compares it with all paths). */
#include "dags.h"

#include "base/internal.h"

#include <float.h>

/* 0 -> 2 -> 3, 1 -> 2, 1 -> 4, and 5 alone. */
static llmsched_dag *sample(void)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e", "f"};
    llmsched_dag_builder *b = dags_builder();
    for (int i = 0; i < 6; i++)
        dags_stage(b, LLMSCHED_STAGE_LLM, ids[i], NULL);
    dags_edge(b, 0, 2);
    dags_edge(b, 1, 2);
    dags_edge(b, 2, 3);
    dags_edge(b, 1, 4);
    llmsched_dag *dag = dags_freeze(b);
    llmsched_dag_builder_destroy(b);
    return dag;
}

static void assert_path(const llmsched_dag *dag, const double *weights, double expected,
                        const uint32_t *stages)
{
    llmsched_error err = {0};
    double length = -1;
    uint32_t path[6], count = 0;
    assert_ok(llmsched_dag_critical_path(dag, weights, &length, path, &count, &err), err);
    assert_double_equal(length, expected, 1e-15);
    assert_numbers(path, count, stages);
    length = -1;
    assert_ok(llmsched_dag_critical_path(dag, weights, &length, NULL, NULL, &err), err);
    assert_double_equal(length, expected, 1e-15);
}

static void longest_path_is_found(void **state)
{
    (void)state;
    llmsched_dag *dag = sample();
    static const struct {
        double weights[6];
        double length;
        uint32_t path[7];
    } cases[] = {
        {{1, 2, 4, 8, 1, 1}, 14, {1, 2, 3, LLMSCHED_INDEX_NONE}},
        {{3, 2, 4, 8, 1, 1}, 15, {0, 2, 3, LLMSCHED_INDEX_NONE}},
        {{1, 2, 4, 8, 99, 1}, 101, {1, 4, LLMSCHED_INDEX_NONE}},
        {{1, 2, 4, 8, 1, 50}, 50, {5, LLMSCHED_INDEX_NONE}},
        {{2, 2, 4, 8, 1, 14}, 14, {0, 2, 3, LLMSCHED_INDEX_NONE}}, /* ties: lowest numbers */
        {{0, 0, 0, 0, 0, 0}, 0, {0, 2, 3, LLMSCHED_INDEX_NONE}},
        {{0.1, 0, 0.2, 0, 0, 0}, 0.1 + 0.2, {0, 2, 3, LLMSCHED_INDEX_NONE}},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++)
        assert_path(dag, cases[i].weights, cases[i].length, cases[i].path);
    llmsched_dag_release(dag);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = sample();
    double weights[6] = {1, 1, 1, 1, 1, 1}, length = 77;
    uint32_t path[6] = {77}, count = 77;
    const double bad[] = {NAN, INFINITY, -INFINITY, -1e-300};
    for (size_t i = 0; i < LLS_COUNT(bad); i++) {
        weights[3] = bad[i];
        assert_fails(LLMSCHED_ERROR_INVALID, "weights[3] (stage \"d\")",
                     llmsched_dag_critical_path(dag, weights, &length, path, &count, &err), err);
    }
    weights[3] = weights[2] = DBL_MAX;
    assert_fails(LLMSCHED_ERROR_INVALID, "too long",
                 llmsched_dag_critical_path(dag, weights, &length, path, &count, &err), err);
    weights[3] = 1;
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_dag_critical_path(dag, weights, &length, path, NULL, &err), err);
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_dag_critical_path(dag, weights, NULL, path, &count, &err), err);
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_dag_critical_path(dag, NULL, &length, path, &count, &err), err);
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_dag_critical_path(NULL, weights, &length, path, &count, &err), err);
    dags_memory.calls = 0;
    dags_memory.fail_at = 1;
    assert_status(LLMSCHED_ERROR_MEMORY,
                  llmsched_dag_critical_path(dag, weights, &length, path, &count, &err), err);
    assert_true(length == 77 && path[0] == 77 && count == 77);
    llmsched_dag_release(dag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAG_TEST(longest_path_is_found),
        DAG_TEST(arguments_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
