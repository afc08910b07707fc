/* SPDX-License-Identifier: Apache-2.0 */
/* Building a DAG of stages and edges, freezing it, and reading it back. */
#include "dags.h"

#include "base/internal.h"

enum { LLM = LLMSCHED_STAGE_LLM, REGULAR = LLMSCHED_STAGE_REGULAR };

/* plan -> search, search -> answer, plan -> answer; search twice by name. */
static llmsched_dag_builder *small_builder(void)
{
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    llmsched_stage plan = {.size = sizeof plan,
                           .kind = LLM,
                           .id = "plan",
                           .model = "llama",
                           .occurrence = 99, /* ignored */
                           .tasks = 3};
    assert_ok(llmsched_dag_builder_add_stage(b, &plan, NULL, &err), err);
    assert_int_equal(dags_stage(b, REGULAR, "s1", "search"), 1);
    assert_int_equal(dags_stage(b, REGULAR, "s2", "search"), 2);
    assert_int_equal(dags_stage(b, LLM, "answer", NULL), 3);
    assert_int_equal(dags_stage(b, LLM, "s3", "search"), 4);
    dags_edge(b, 2, 3);
    dags_edge(b, 0, 3);
    dags_edge(b, 0, 2);
    dags_edge(b, 0, 1);
    dags_edge(b, 1, 3);
    return b;
}

static llmsched_dag *small_dag(void)
{
    llmsched_dag_builder *b = small_builder();
    llmsched_dag *dag = dags_freeze(b);
    llmsched_dag_builder_destroy(b);
    return dag;
}

/* --- reading ----------------------------------------------------------------- */

static void stages_are_read_back(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = small_dag();
    assert_string_equal(llmsched_dag_name(dag), "app");
    assert_int_equal(llmsched_dag_stage_count(dag), 5);
    llmsched_stage stage = {.size = sizeof stage};
    assert_ok(llmsched_dag_stage(dag, 0, &stage, &err), err);
    assert_string_equal(stage.id, "plan");
    assert_string_equal(stage.name, "plan");
    assert_string_equal(stage.model, "llama");
    assert_true(stage.kind == LLM && stage.occurrence == 0 && stage.tasks == 3);
    assert_ok(llmsched_dag_stage(dag, 2, &stage, &err), err);
    assert_string_equal(stage.id, "s2");
    assert_string_equal(stage.name, "search");
    assert_null(stage.model);
    assert_true(stage.kind == REGULAR && stage.occurrence == 1 && stage.tasks == 1);
    assert_ok(llmsched_dag_stage(dag, 4, &stage, &err), err);
    assert_int_equal(stage.occurrence, 0); /* of another kind */
    assert_status(LLMSCHED_ERROR_NOT_FOUND, llmsched_dag_stage(dag, 5, &stage, &err), err);
    assert_string_equal(stage.id, "s3");
    llmsched_dag_release(dag);
}

static void stages_are_found(void **state)
{
    (void)state;
    llmsched_dag *dag = small_dag();
    assert_int_equal(llmsched_dag_find(dag, "answer"), 3);
    assert_int_equal(llmsched_dag_find(dag, "search"), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find(dag, ""), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find_occurrence(dag, REGULAR, "search", 0), 1);
    assert_int_equal(llmsched_dag_find_occurrence(dag, REGULAR, "search", 1), 2);
    assert_int_equal(llmsched_dag_find_occurrence(dag, REGULAR, "search", 2), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find_occurrence(dag, LLM, "search", 0), 4);
    assert_int_equal(llmsched_dag_find_occurrence(dag, LLM, "search", 1), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find_occurrence(dag, LLM, "plan", 0), 0);
    assert_int_equal(llmsched_dag_find_occurrence(dag, LLM, "plan", UINT32_MAX),
                     LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find_occurrence(dag, 0, "plan", 0), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find_occurrence(dag, 4, "plan", 0), LLMSCHED_INDEX_NONE);
    llmsched_dag_release(dag);
}

static void edges_are_read_back(void **state)
{
    (void)state;
    static const uint32_t none[] = {LLMSCHED_INDEX_NONE};
    static const uint32_t of_plan[] = {1, 2, 3, LLMSCHED_INDEX_NONE};
    static const uint32_t to_answer[] = {0, 1, 2, LLMSCHED_INDEX_NONE};
    static const uint32_t order[] = {0, 1, 2, 3, 4, LLMSCHED_INDEX_NONE};
    llmsched_dag *dag = small_dag();
    uint32_t count;
    const uint32_t *got = llmsched_dag_children(dag, 0, &count);
    assert_numbers(got, count, of_plan);
    got = llmsched_dag_parents(dag, 3, &count);
    assert_numbers(got, count, to_answer);
    got = llmsched_dag_parents(dag, 0, &count);
    assert_numbers(got, count, none);
    got = llmsched_dag_children(dag, 4, &count);
    assert_numbers(got, count, none);
    assert_int_equal(llmsched_dag_edge_count(dag), 5);
    assert_numbers(llmsched_dag_order(dag), 5, order);
    count = 7;
    assert_null(llmsched_dag_parents(dag, 5, &count));
    assert_int_equal(count, 0);
    assert_null(llmsched_dag_children(dag, UINT32_MAX, NULL));
    assert_int_equal(llmsched_dag_candidate_count(dag, 0), 0);
    llmsched_dag_release(dag);
}

static void order_takes_the_lowest_number_first(void **state)
{
    (void)state;
    static const uint32_t expected[] = {1, 4, 0, 2, 3, LLMSCHED_INDEX_NONE};
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    llmsched_dag_builder *b = dags_builder();
    for (int i = 0; i < 5; i++)
        dags_stage(b, REGULAR, ids[i], NULL);
    dags_edge(b, 4, 0);
    dags_edge(b, 0, 2);
    dags_edge(b, 1, 2);
    dags_edge(b, 4, 3);
    llmsched_dag *dag = dags_freeze(b);
    assert_numbers(llmsched_dag_order(dag), 5, expected);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

/* --- arguments ------------------------------------------------------------------ */

static void stages_are_checked(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    const llmsched_stage good = {.size = sizeof good, .kind = LLM, .id = "a", .model = "m"};
    assert_ok(llmsched_dag_builder_add_stage(b, &good, NULL, &err), err);
    static const struct {
        llmsched_stage stage;
        llmsched_status status;
        const char *words;
    } cases[] = {
        {{.kind = 1, .id = "a"}, LLMSCHED_ERROR_EXISTS, "stage \"a\": the id is taken"},
        {{.kind = 1, .id = ""}, LLMSCHED_ERROR_INVALID, "id of a stage: must not be empty"},
        {{.kind = 1, .id = NULL}, LLMSCHED_ERROR_INVALID, "id of a stage: must not be NULL"},
        {{.kind = 1, .id = "x\xFF"}, LLMSCHED_ERROR_INVALID, "not UTF-8"},
        {{.kind = 1, .id = "b", .name = ""}, LLMSCHED_ERROR_INVALID, "name of a stage"},
        {{.kind = 1, .id = "b", .name = "\xC0"}, LLMSCHED_ERROR_INVALID, "name of a stage"},
        {{.kind = 1, .id = "b", .model = ""}, LLMSCHED_ERROR_INVALID, "model of a stage"},
        {{.kind = 0, .id = "b"}, LLMSCHED_ERROR_INVALID, "stage \"b\": kind is 0"},
        {{.kind = 4, .id = "b"}, LLMSCHED_ERROR_INVALID, "stage \"b\": kind is 4"},
        {{.kind = 2, .id = "b", .model = "m"}, LLMSCHED_ERROR_INVALID, "only an LLM stage"},
        {{.kind = 3, .id = "b", .model = "m"}, LLMSCHED_ERROR_INVALID, "only an LLM stage"},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++) {
        llmsched_stage stage = cases[i].stage;
        uint32_t index = 77;
        stage.size = sizeof stage;
        assert_fails(cases[i].status, cases[i].words,
                     llmsched_dag_builder_add_stage(b, &stage, &index, &err), err);
        assert_int_equal(index, 77);
        assert_int_equal(llmsched_dag_builder_add_stage(b, &stage, &index, NULL), cases[i].status);
    }
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_builder_add_stage(b, NULL, NULL, &err), err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_builder_add_stage(NULL, &good, NULL, &err),
                  err);
    llmsched_dag *dag = dags_freeze(b);
    assert_int_equal(llmsched_dag_stage_count(dag), 1);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

static void stage_of_every_size(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    struct {
        llmsched_stage stage;
        uint64_t later;
    } newer = {{.size = sizeof newer, .kind = LLM, .id = "a"}, 0};
    assert_ok(llmsched_dag_builder_add_stage(b, &newer.stage, NULL, &err), err);
    newer.stage.id = "b";
    newer.later = 1;
    assert_fails(LLMSCHED_ERROR_VERSION, "llmsched_stage",
                 llmsched_dag_builder_add_stage(b, &newer.stage, NULL, &err), err);
    newer.stage.size = sizeof newer.stage - 1;
    assert_fails(LLMSCHED_ERROR_VERSION, "sizeof(llmsched_stage)",
                 llmsched_dag_builder_add_stage(b, &newer.stage, NULL, &err), err);
    newer.stage.size = 0;
    assert_status(LLMSCHED_ERROR_VERSION,
                  llmsched_dag_builder_add_stage(b, &newer.stage, NULL, &err), err);

    llmsched_dag *dag = dags_freeze(b);
    newer.stage.size = sizeof newer;
    assert_ok(llmsched_dag_stage(dag, 0, &newer.stage, &err), err);
    assert_true(newer.stage.size == sizeof newer && newer.later == 0);
    assert_string_equal(newer.stage.id, "a");
    newer.stage.size = 8;
    assert_status(LLMSCHED_ERROR_VERSION, llmsched_dag_stage(dag, 0, &newer.stage, &err), err);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

static void edges_are_checked(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = small_builder();
    assert_fails(LLMSCHED_ERROR_EXISTS, "\"plan\" -> \"s1\"",
                 llmsched_dag_builder_add_edge(b, 0, 1, &err), err);
    assert_fails(LLMSCHED_ERROR_CYCLE, "stage \"s1\"", llmsched_dag_builder_add_edge(b, 1, 1, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "end of an edge: no stage 5",
                 llmsched_dag_builder_add_edge(b, 1, 5, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "start of an edge",
                 llmsched_dag_builder_add_edge(b, UINT32_MAX, 1, &err), err);
    assert_int_equal(llmsched_dag_builder_add_edge(NULL, 0, 1, NULL), LLMSCHED_ERROR_INVALID);
    llmsched_dag *dag = dags_freeze(b);
    assert_int_equal(llmsched_dag_edge_count(dag), 5);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

static void other_arguments_are_checked(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = NULL;
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_builder_create(NULL, "a", &b, &err), err);
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_dag_builder_create(dags_context, "a", NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "name",
                 llmsched_dag_builder_create(dags_context, NULL, &b, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "name",
                 llmsched_dag_builder_create(dags_context, "", &b, &err), err);
    assert_null(b);
    llmsched_dag *dag = NULL;
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_builder_freeze(NULL, &dag, &err), err);
    b = small_builder();
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_builder_freeze(b, NULL, &err), err);
    llmsched_dag_builder_destroy(b);
    llmsched_dag_builder_destroy(NULL);

    llmsched_dag_release(NULL);
    assert_null(llmsched_dag_retain(NULL));
    assert_string_equal(llmsched_dag_name(NULL), "");
    assert_int_equal(llmsched_dag_stage_count(NULL), 0);
    assert_int_equal(llmsched_dag_edge_count(NULL), 0);
    assert_int_equal(llmsched_dag_find(NULL, "a"), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find_occurrence(NULL, 1, "a", 0), LLMSCHED_INDEX_NONE);
    assert_null(llmsched_dag_parents(NULL, 0, NULL));
    assert_null(llmsched_dag_children(NULL, 0, NULL));
    assert_null(llmsched_dag_order(NULL));
    assert_int_equal(llmsched_dag_candidate_count(NULL, 0), 0);
    assert_null(llmsched_dag_candidate(NULL, 0, 0, NULL, NULL));
    llmsched_stage stage = {.size = sizeof stage};
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_stage(NULL, 0, &stage, &err), err);
    dag = small_dag();
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_stage(dag, 0, NULL, &err), err);
    assert_int_equal(llmsched_dag_find(dag, NULL), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find_occurrence(dag, 1, NULL, 0), LLMSCHED_INDEX_NONE);
    llmsched_dag_release(dag);
}

/* --- freezing --------------------------------------------------------------------- */

static void nothing_cannot_be_frozen(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    llmsched_dag_builder *b = dags_builder();
    assert_fails(LLMSCHED_ERROR_STATE, "no stage", llmsched_dag_builder_freeze(b, &dag, &err), err);
    dags_stage(b, LLMSCHED_STAGE_DYNAMIC, "d", NULL);
    assert_fails(LLMSCHED_ERROR_STATE, "dynamic stage \"d\"",
                 llmsched_dag_builder_freeze(b, &dag, &err), err);
    assert_null(dag);
    llmsched_dag_builder_destroy(b);
}

static void cycles_are_named(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    llmsched_dag_builder *b = small_builder();
    dags_edge(b, 3, 4); /* after the cycle, and so waiting as well */
    dags_edge(b, 3, 1);
    assert_fails(LLMSCHED_ERROR_CYCLE,
                 "2 stages form a cycle: ", llmsched_dag_builder_freeze(b, &dag, &err), err);
    assert_true(strstr(err.message, "s1 -> answer -> s1") != NULL ||
                strstr(err.message, "answer -> s1 -> answer") != NULL);
    assert_null(dag);
    llmsched_dag_builder_destroy(b);
}

static void long_cycles_are_cut(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    llmsched_dag_builder *b = dags_builder();
    for (uint32_t i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "stage-%u", (unsigned)i);
        dags_stage(b, REGULAR, id, NULL);
    }
    for (uint32_t i = 0; i < 1000; i++)
        dags_edge(b, i, (i + 1) % 1000);
    assert_fails(LLMSCHED_ERROR_CYCLE, "1000 stages form a cycle: stage-",
                 llmsched_dag_builder_freeze(b, &dag, &err), err);
    assert_non_null(strstr(err.message, "...: remove an edge"));
    llmsched_dag_builder_destroy(b);

    char id[500];
    b = dags_builder();
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    dags_stage(b, REGULAR, id, NULL);
    id[0] = 'y';
    dags_stage(b, REGULAR, id, NULL);
    dags_edge(b, 0, 1);
    dags_edge(b, 1, 0);
    assert_fails(LLMSCHED_ERROR_CYCLE,
                 "2 stages form a cycle: ", llmsched_dag_builder_freeze(b, &dag, &err), err);
    llmsched_dag_builder_destroy(b);
}

static void builder_lives_on_after_freezing(void **state)
{
    (void)state;
    llmsched_dag_builder *b = small_builder();
    llmsched_dag *first = dags_freeze(b), *same = dags_freeze(b);
    dags_assert_equal(first, same);
    dags_stage(b, REGULAR, "more", "search");
    dags_edge(b, 4, 5);
    llmsched_dag *second = dags_freeze(b);
    llmsched_dag_builder_destroy(b);
    dags_assert_equal(first, same);
    assert_int_equal(llmsched_dag_stage_count(first), 5);
    assert_int_equal(llmsched_dag_stage_count(second), 6);
    assert_int_equal(llmsched_dag_find(first, "more"), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_dag_find(second, "more"), 5);
    assert_int_equal(llmsched_dag_find_occurrence(second, REGULAR, "search", 2), 5);
    llmsched_dag_release(first);
    llmsched_dag_release(same);
    llmsched_dag_release(second);
}

static void references_are_counted(void **state)
{
    (void)state;
    llmsched_dag *dag = small_dag();
    assert_ptr_equal(llmsched_dag_retain(dag), dag);
    llmsched_dag_release(dag);
    assert_string_equal(llmsched_dag_name(dag), "app");
    llmsched_dag_release(dag);
}

static void stages_are_limited(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_context_options options = {.size = sizeof options, .max_stages = 2};
    llmsched_context *context;
    llmsched_dag_builder *b;
    assert_ok(llmsched_context_create(&options, &context, &err), err);
    assert_ok(llmsched_dag_builder_create(context, "app", &b, &err), err);
    llmsched_context_destroy(context);
    dags_stage(b, LLM, "a", NULL);
    dags_stage(b, LLM, "b", NULL);
    llmsched_stage stage = {.size = sizeof stage, .kind = LLM, .id = "c"};
    assert_fails(LLMSCHED_ERROR_LIMIT, "max_stages",
                 llmsched_dag_builder_add_stage(b, &stage, NULL, &err), err);
    llmsched_dag_builder_destroy(b);
}

/* --- size ---------------------------------------------------------------------------- */

/* As many stages as a context allows and a million edges: quadratic work would not end. */
static void large_dags_are_frozen(void **state)
{
    (void)state;
    enum { STAGES = 65536, EDGES = 1000000 };
    llmsched_error err = {0};
    lls_random random;
    lls_random_seed(&random, 9);
    llmsched_dag_builder *b = dags_builder();
    for (uint32_t i = 0; i < STAGES; i++) {
        char id[32];
        snprintf(id, sizeof id, "stage number %u", (unsigned)i);
        dags_stage(b, REGULAR, id, i % 2 ? "odd" : "even");
    }
    uint32_t added = 0;
    for (uint32_t i = 0; i < EDGES; i++) {
        /* Numbers are mixed, so that the order is not the order of adding. */
        uint32_t from = lls_random_below(&random, STAGES - 1);
        uint32_t to = from + 1 + lls_random_below(&random, STAGES - 1 - from);
        llmsched_status status = llmsched_dag_builder_add_edge(b, from ^ 0x5555, to ^ 0x5555, &err);
        assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_EXISTS);
        added += status == LLMSCHED_OK;
    }
    llmsched_dag *dag = dags_freeze(b);
    llmsched_dag_builder_destroy(b);
    assert_int_equal(llmsched_dag_edge_count(dag), added);
    assert_int_equal(llmsched_dag_find_occurrence(dag, REGULAR, "odd", STAGES / 2 - 1), STAGES - 1);

    uint32_t *place = calloc(STAGES, sizeof *place), seen = 0;
    double *weights = calloc(STAGES, sizeof *weights), length = 0;
    assert_true(place != NULL && weights != NULL);
    for (uint32_t i = 0; i < STAGES; i++)
        place[llmsched_dag_order(dag)[i]] = i;
    for (uint32_t s = 0; s < STAGES; s++) {
        uint32_t count;
        const uint32_t *parents = llmsched_dag_parents(dag, s, &count);
        seen += count;
        for (uint32_t i = 0; i < count; i++)
            assert_true(place[parents[i]] < place[s] && (i == 0 || parents[i - 1] < parents[i]));
        weights[s] = 1;
    }
    assert_int_equal(seen, added);
    assert_ok(llmsched_dag_critical_path(dag, weights, &length, NULL, NULL, &err), err);
    assert_true(length > 16 && length < STAGES);
    free(place);
    free(weights);
    llmsched_dag_release(dag);
}

/* A chain of all stages, which recursion would not survive. */
static void deep_dags_are_frozen(void **state)
{
    (void)state;
    enum { STAGES = 65536 };
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    for (uint32_t i = 0; i < STAGES; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", (unsigned)i);
        dags_stage(b, LLM, id, NULL);
    }
    for (uint32_t i = 1; i < STAGES; i++)
        dags_edge(b, i, i - 1);
    llmsched_dag *dag = dags_freeze(b);
    for (uint32_t i = 0; i < STAGES; i++)
        assert_int_equal(llmsched_dag_order(dag)[i], STAGES - 1 - i);
    dags_assert_round_trip(dag);
    llmsched_dag_release(dag);
    dags_edge(b, 0, STAGES - 1);
    dag = NULL;
    assert_fails(LLMSCHED_ERROR_CYCLE, "65536 stages", llmsched_dag_builder_freeze(b, &dag, &err),
                 err);
    llmsched_dag_builder_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAG_TEST(stages_are_read_back),     DAG_TEST(stages_are_found),
        DAG_TEST(edges_are_read_back),      DAG_TEST(order_takes_the_lowest_number_first),
        DAG_TEST(stages_are_checked),       DAG_TEST(stage_of_every_size),
        DAG_TEST(edges_are_checked),        DAG_TEST(other_arguments_are_checked),
        DAG_TEST(nothing_cannot_be_frozen), DAG_TEST(cycles_are_named),
        DAG_TEST(long_cycles_are_cut),      DAG_TEST(builder_lives_on_after_freezing),
        DAG_TEST(references_are_counted),   DAG_TEST(stages_are_limited),
        DAG_TEST(large_dags_are_frozen),    DAG_TEST(deep_dags_are_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
