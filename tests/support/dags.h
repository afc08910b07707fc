/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DAGs for tests: a context whose leaks are counted, stages in one line, and
 * the comparison of two DAGs through all that can be read from them.
 */
#ifndef LLS_TEST_DAGS_H
#define LLS_TEST_DAGS_H

#include "check.h"
#include "failing.h"

#include "llmsched/dag.h"

/* One test's context; every test file that includes this has its own. */
static struct failing dags_memory;
static llmsched_context *dags_context;

static inline int dags_set_up(void **state)
{
    (void)state;
    dags_memory = (struct failing){0};
    llmsched_allocator allocator = failing_allocator(&dags_memory);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    return llmsched_context_create(&options, &dags_context, NULL);
}

/* A leak fails the test that made it. */
static inline int dags_tear_down(void **state)
{
    (void)state;
    dags_memory.fail_at = 0;
    llmsched_context_destroy(dags_context);
    return dags_memory.live == 0 ? 0 : -1;
}

#define DAG_TEST(f) cmocka_unit_test_setup_teardown(f, dags_set_up, dags_tear_down)

static inline llmsched_dag_builder *dags_builder(void)
{
    llmsched_error err = {0};
    llmsched_dag_builder *b = NULL;
    assert_ok(llmsched_dag_builder_create(dags_context, "app", &b, &err), err);
    return b;
}

static inline uint32_t dags_stage(llmsched_dag_builder *b, uint32_t kind, const char *id,
                                  const char *name)
{
    llmsched_error err = {0};
    llmsched_stage stage = {.size = sizeof stage, .kind = kind, .id = id, .name = name};
    uint32_t index = LLMSCHED_INDEX_NONE;
    assert_ok(llmsched_dag_builder_add_stage(b, &stage, &index, &err), err);
    return index;
}

static inline void dags_edge(llmsched_dag_builder *b, uint32_t from, uint32_t to)
{
    llmsched_error err = {0};
    assert_ok(llmsched_dag_builder_add_edge(b, from, to, &err), err);
}

static inline llmsched_dag *dags_freeze(const llmsched_dag_builder *b)
{
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    assert_ok(llmsched_dag_builder_freeze(b, &dag, &err), err);
    return dag;
}

static inline int dags_has_edge(const llmsched_dag *dag, uint32_t from, uint32_t to)
{
    uint32_t count;
    const uint32_t *children = llmsched_dag_children(dag, from, &count);
    for (uint32_t i = 0; i < count; i++)
        if (children[i] == to)
            return 1;
    return 0;
}

/* Whether the children of a stage are those of a list that ends in LLMSCHED_INDEX_NONE. */
static inline void assert_numbers(const uint32_t *got, uint32_t count, const uint32_t *expected)
{
    uint32_t n = 0;
    while (expected[n] != LLMSCHED_INDEX_NONE)
        n++;
    assert_int_equal(count, n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(got[i], expected[i]);
}

static inline void dags_assert_same_stage(const llmsched_dag *a, const llmsched_dag *b, uint32_t s)
{
    llmsched_error err = {0};
    llmsched_stage x = {.size = sizeof x}, y = {.size = sizeof y};
    assert_ok(llmsched_dag_stage(a, s, &x, &err), err);
    assert_ok(llmsched_dag_stage(b, s, &y, &err), err);
    assert_string_equal(x.id, y.id);
    assert_string_equal(x.name, y.name);
    assert_int_equal(x.model == NULL, y.model == NULL);
    if (x.model != NULL)
        assert_string_equal(x.model, y.model);
    assert_true(x.kind == y.kind && x.occurrence == y.occurrence && x.tasks == y.tasks);
    assert_int_equal(llmsched_dag_find(b, x.id), s);
    assert_int_equal(llmsched_dag_find_occurrence(b, x.kind, x.name, x.occurrence), s);
}

static inline void dags_assert_same_numbers(const uint32_t *x, uint32_t n, const uint32_t *y,
                                            uint32_t m)
{
    assert_int_equal(n, m);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(x[i], y[i]);
}

static inline void dags_assert_equal(const llmsched_dag *a, const llmsched_dag *b)
{
    assert_string_equal(llmsched_dag_name(a), llmsched_dag_name(b));
    uint32_t stages = llmsched_dag_stage_count(a), n, m;
    assert_int_equal(stages, llmsched_dag_stage_count(b));
    assert_int_equal(llmsched_dag_edge_count(a), llmsched_dag_edge_count(b));
    dags_assert_same_numbers(llmsched_dag_order(a), stages, llmsched_dag_order(b), stages);
    for (uint32_t s = 0; s < stages; s++) {
        dags_assert_same_stage(a, b, s);
        const uint32_t *x = llmsched_dag_parents(a, s, &n), *y = llmsched_dag_parents(b, s, &m);
        dags_assert_same_numbers(x, n, y, m);
        x = llmsched_dag_children(a, s, &n);
        y = llmsched_dag_children(b, s, &m);
        dags_assert_same_numbers(x, n, y, m);
        uint32_t candidates = llmsched_dag_candidate_count(a, s);
        assert_int_equal(candidates, llmsched_dag_candidate_count(b, s));
        for (uint32_t c = 0; c < candidates; c++) {
            const char *x_name, *y_name;
            x = llmsched_dag_candidate(a, s, c, &x_name, &n);
            y = llmsched_dag_candidate(b, s, c, &y_name, &m);
            assert_string_equal(x_name, y_name);
            dags_assert_same_numbers(x, n, y, m);
        }
    }
}

/* Writes the DAG and reads it back: the result must be equal. */
static inline void dags_assert_round_trip(const llmsched_dag *dag)
{
    llmsched_error err = {0};
    llmsched_text *text = NULL, *text_again = NULL;
    llmsched_dag *again = NULL;
    assert_ok(llmsched_dag_to_json(dag, &text, &err), err);
    assert_ok(llmsched_dag_from_json(dags_context, llmsched_text_data(text),
                                     llmsched_text_length(text), &again, &err),
              err);
    dags_assert_equal(dag, again);
    assert_ok(llmsched_dag_to_json(again, &text_again, &err), err);
    assert_string_equal(llmsched_text_data(text), llmsched_text_data(text_again));
    llmsched_text_destroy(text);
    llmsched_text_destroy(text_again);
    llmsched_dag_release(again);
}

#endif
