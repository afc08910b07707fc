/* SPDX-License-Identifier: Apache-2.0 */
/* DAGs as JSON, and every step to a DAG while memory runs out. */
#include "dags.h"

#include "dag/internal.h"

#include <cjson/cJSON.h>

enum {
    LLM = LLMSCHED_STAGE_LLM,
    REGULAR = LLMSCHED_STAGE_REGULAR,
    DYNAMIC = LLMSCHED_STAGE_DYNAMIC
};

static llmsched_status read_dag(const char *json, llmsched_dag **dag, llmsched_error *err)
{
    return llmsched_dag_from_json(dags_context, json, strlen(json), dag, err);
}

/* A DAG with everything in it: a model, tasks, a loop, candidates and strings that need escapes. */
static llmsched_status build(llmsched_context *context, llmsched_dag_builder **builder,
                             llmsched_error *err)
{
    static const struct {
        llmsched_stage stage;
    } stages[] = {
        {{.kind = LLM, .id = "planner of the work", .model = "llama \"70b\"", .tasks = 3}},
        {{.kind = DYNAMIC, .id = "work"}},
        {{.kind = REGULAR, .id = "search\n\xC3\xA9", .name = "search"}},
        {{.kind = REGULAR, .id = "read the pages", .name = "search"}},
        {{.kind = LLM, .id = "answer", .tasks = UINT32_MAX}},
    };
    static const uint32_t edges[][2] = {{0, 1}, {2, 3}, {3, 4}, {1, 4}};
    static const uint32_t members[] = {3, 2}, body[] = {4};
    llmsched_dag_builder *b = NULL;
    llmsched_status status = llmsched_dag_builder_create(context, "the application", &b, err);
    for (size_t i = 0; status == LLMSCHED_OK && i < LLS_COUNT(stages); i++) {
        llmsched_stage stage = stages[i].stage;
        stage.size = sizeof stage;
        status = llmsched_dag_builder_add_stage(b, &stage, NULL, err);
    }
    for (size_t i = 0; status == LLMSCHED_OK && i < LLS_COUNT(edges); i++)
        status = llmsched_dag_builder_add_edge(b, edges[i][0], edges[i][1], err);
    if (status == LLMSCHED_OK)
        status = llmsched_dag_builder_add_candidate(b, 1, "look things up", members, 2, NULL, err);
    if (status == LLMSCHED_OK)
        status = llmsched_dag_builder_add_candidate(b, 1, "nothing", NULL, 0, NULL, err);
    if (status == LLMSCHED_OK)
        status = llmsched_dag_builder_add_loop(b, body, 1, 20, NULL, err);
    if (status == LLMSCHED_OK)
        *builder = b;
    else
        llmsched_dag_builder_destroy(b);
    return status;
}

static llmsched_dag *built(void)
{
    llmsched_error err = {0};
    llmsched_dag_builder *b = NULL;
    assert_ok(build(dags_context, &b, &err), err);
    llmsched_dag *dag = dags_freeze(b);
    llmsched_dag_builder_destroy(b);
    return dag;
}

/* --- reading and writing -------------------------------------------------------------- */

static const char sample[] =
    "{\"format\":\"llmsched-dag-1\",\"name\":\"app\",\"stages\":["
    "{\"id\":\"a\",\"kind\":\"llm\",\"model\":\"m\",\"tasks\":4,\"parents\":[]},"
    "{\"id\":\"d\",\"kind\":\"dynamic\",\"parents\":[\"a\"],\"candidates\":["
    "{\"name\":\"x\",\"members\":[\"b\"]},{\"name\":\"none\",\"members\":[]}]},"
    "{\"id\":\"b\",\"kind\":\"regular\",\"name\":\"tool\",\"parents\":[\"d\"]}]}";

static void form_is_as_documented(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    llmsched_text *text = NULL;
    assert_ok(read_dag(sample, &dag, &err), err);
    assert_ok(llmsched_dag_to_json(dag, &text, &err), err);
    assert_string_equal(llmsched_text_data(text), sample);
    llmsched_text_destroy(text);
    llmsched_dag_release(dag);
}

static void everything_comes_back(void **state)
{
    (void)state;
    llmsched_dag *dag = built();
    dags_assert_round_trip(dag);
    llmsched_dag_release(dag);
}

/* Parents and members stand below; unknown keys, null and missing lists are all the same. */
static void order_and_extras_do_not_matter(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *a = NULL, *b = NULL;
    assert_ok(read_dag(sample, &a, &err), err);
    assert_ok(read_dag("{\"later\":[1],\"stages\":["
                       "{\"kind\":\"llm\",\"parents\":null,\"name\":\"a\",\"id\":\"a\",\"tasks\":4,"
                       "\"model\":\"m\"},"
                       "{\"candidates\":[{\"members\":[\"b\"],\"name\":\"x\",\"p\":0.5},"
                       "{\"members\":[],\"name\":\"none\"}],\"parents\":[\"a\"],"
                       "\"kind\":\"dynamic\",\"id\":\"d\",\"model\":null},"
                       "{\"id\":\"b\",\"kind\":\"regular\",\"name\":\"tool\",\"tasks\":1}],"
                       "\"name\":\"app\",\"format\":\"llmsched-dag-1\"}",
                       &b, &err),
              err);
    dags_assert_equal(a, b);
    llmsched_dag_release(a);
    llmsched_dag_release(b);
}

#define STAGES(s) "{\"format\":\"llmsched-dag-1\",\"name\":\"app\",\"stages\":[" s "]}"
#define A "{\"id\":\"a\",\"kind\":\"llm\"}"
#define STAGE(s) STAGES(A ",{\"id\":\"b\"," s "}")

static void bad_documents_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        llmsched_status status;
        const char *words;
    } cases[] = {
        {"[", LLMSCHED_ERROR_PARSE, "not JSON"},
        {"[]", LLMSCHED_ERROR_PARSE, "expected an object"},
        {"{}", LLMSCHED_ERROR_PARSE, "format: missing"},
        {"{\"format\":\"llmsched-dag-2\"}", LLMSCHED_ERROR_PARSE, "expected \"llmsched-dag-1\""},
        {"{\"format\":\"llmsched-dag-1\",\"stages\":[]}", LLMSCHED_ERROR_PARSE, "name: missing"},
        {"{\"format\":\"llmsched-dag-1\",\"name\":\"\",\"stages\":[]}", LLMSCHED_ERROR_INVALID,
         "name of the application"},
        {"{\"format\":\"llmsched-dag-1\",\"name\":\"a\",\"stages\":{}}", LLMSCHED_ERROR_PARSE,
         "stages: expected an array"},
        {STAGES(""), LLMSCHED_ERROR_STATE, "no stage"},
        {STAGES(A ",7"), LLMSCHED_ERROR_PARSE, "stages[1]: expected an object"},
        {STAGES(A "," A), LLMSCHED_ERROR_EXISTS, "stages[1]: stage \"a\""},
        {STAGES("{\"kind\":\"llm\"}"), LLMSCHED_ERROR_PARSE, "stages[0].id: missing"},
        {STAGE("\"kind\":\"LLM\""), LLMSCHED_ERROR_PARSE, "stages[1].kind: \"LLM\""},
        {STAGE("\"kind\":1"), LLMSCHED_ERROR_PARSE, "stages[1].kind: expected a string"},
        {STAGE("\"kind\":\"llm\",\"name\":1"), LLMSCHED_ERROR_PARSE, "stages[1].name"},
        {STAGE("\"kind\":\"llm\",\"name\":\"\""), LLMSCHED_ERROR_INVALID, "stages[1]: name"},
        {STAGE("\"kind\":\"regular\",\"model\":\"m\""), LLMSCHED_ERROR_INVALID, "stages[1]: "},
        {STAGE("\"kind\":\"llm\",\"tasks\":0"), LLMSCHED_ERROR_PARSE, "stages[1].tasks: is 0"},
        {STAGE("\"kind\":\"llm\",\"tasks\":1.5"), LLMSCHED_ERROR_PARSE, "stages[1].tasks"},
        {STAGE("\"kind\":\"llm\",\"tasks\":-1"), LLMSCHED_ERROR_PARSE, "stages[1].tasks"},
        {STAGE("\"kind\":\"llm\",\"tasks\":4294967296"), LLMSCHED_ERROR_PARSE, "tasks"},
        {STAGE("\"kind\":\"llm\",\"parents\":\"a\""), LLMSCHED_ERROR_PARSE,
         "stages[1].parents: expected an array"},
        {STAGE("\"kind\":\"llm\",\"parents\":[\"a\",\"q\"]"), LLMSCHED_ERROR_PARSE,
         "stages[1].parents[1]: no stage has the id \"q\""},
        {STAGE("\"kind\":\"llm\",\"parents\":[0]"), LLMSCHED_ERROR_PARSE, "stages[1].parents[0]"},
        {STAGE("\"kind\":\"llm\",\"parents\":[\"a\",\"a\"]"), LLMSCHED_ERROR_EXISTS,
         "stages[1].parents[1]: edge"},
        {STAGE("\"kind\":\"llm\",\"parents\":[\"b\"]"), LLMSCHED_ERROR_CYCLE, "parents[0]"},
        {STAGES("{\"id\":\"a\",\"kind\":\"llm\",\"parents\":[\"b\"]},"
                "{\"id\":\"b\",\"kind\":\"llm\",\"parents\":[\"a\"]}"),
         LLMSCHED_ERROR_CYCLE, "2 stages form a cycle"},
        {STAGE("\"kind\":\"dynamic\""), LLMSCHED_ERROR_STATE, "dynamic stage \"b\""},
        {STAGE("\"kind\":\"dynamic\",\"candidates\":{}"), LLMSCHED_ERROR_PARSE,
         "stages[1].candidates: expected an array"},
        {STAGE("\"kind\":\"dynamic\",\"candidates\":[{\"name\":\"x\"}]"), LLMSCHED_ERROR_PARSE,
         "stages[1].candidates[0].members: missing"},
        {STAGE("\"kind\":\"dynamic\",\"candidates\":[{\"members\":[]}]"), LLMSCHED_ERROR_PARSE,
         "stages[1].candidates[0].name: missing"},
        {STAGE("\"kind\":\"dynamic\",\"candidates\":[{\"name\":\"x\",\"members\":[\"q\"]}]"),
         LLMSCHED_ERROR_PARSE, "stages[1].candidates[0].members[0]: no stage"},
        {STAGE("\"kind\":\"dynamic\",\"candidates\":[{\"name\":\"x\",\"members\":[\"b\"]}]"),
         LLMSCHED_ERROR_INVALID, "stages[1].candidates[0]: member \"b\""},
        {STAGE("\"kind\":\"llm\",\"candidates\":[{\"name\":\"x\",\"members\":[]}]"),
         LLMSCHED_ERROR_INVALID, "only a dynamic stage"},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++) {
        llmsched_error err = {0};
        llmsched_dag *dag = NULL;
        assert_fails(cases[i].status, cases[i].words, read_dag(cases[i].json, &dag, &err), err);
        assert_null(dag);
    }
}

static void arguments_are_checked(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    llmsched_text *text = NULL;
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_from_json(NULL, "{}", 2, &dag, &err), err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_from_json(dags_context, NULL, 2, &dag, &err),
                  err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_from_json(dags_context, "{}", 2, NULL, &err),
                  err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_to_json(NULL, &text, &err), err);
    dag = built();
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_dag_to_json(dag, NULL, &err), err);
    llmsched_dag_release(dag);
}

/* A profile holds a DAG inside a larger document. */
static void paths_tell_the_place_in_a_document(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    static const char text[] = "{\"dag\":" STAGE("\"kind\":\"tool\"") "}";
    lls_json *json;
    assert_ok(lls_json_parse(text, strlen(text), 1, &json, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "dag.stages[1].kind: \"tool\"",
                 lls_dag_from_json(dags_context, lls_json_member(json, "dag"), "dag", &dag, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_PARSE, "dag: expected an object",
                 lls_dag_from_json(dags_context, NULL, "dag", &dag, &err), err);
    lls_json_free(json);

    static const char cycle[] = STAGES("{\"id\":\"a\",\"kind\":\"dynamic\"}");
    assert_ok(lls_json_parse(cycle, strlen(cycle), 1, &json, &err), err);
    assert_fails(LLMSCHED_ERROR_STATE, "dag: dynamic stage",
                 lls_dag_from_json(dags_context, json, "dag", &dag, &err), err);
    lls_json_free(json);
}

/* --- lack of memory ----------------------------------------------------------------------- */

static void fail_at(uint64_t n)
{
    dags_memory.calls = 0;
    dags_memory.fail_at = n;
}

static void building_survives_lack_of_memory(void **state)
{
    (void)state;
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    uint64_t n = 1;
    for (; status != LLMSCHED_OK; n++) {
        llmsched_error err = {0};
        llmsched_dag_builder *b = NULL;
        fail_at(n);
        status = build(dags_context, &b, &err);
        if (status != LLMSCHED_OK) {
            assert_int_equal(status, LLMSCHED_ERROR_MEMORY);
            assert_null(b);
        }
        llmsched_dag_builder_destroy(b);
        assert_int_equal(dags_memory.live, 1);
    }
    assert_true(n > 40);
}

/* Each step fails at its every allocation, is tried again, and ends in the same DAG as without. */
static void failed_steps_leave_the_builder_alone(void **state)
{
    (void)state;
    llmsched_dag *expected = built();
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    llmsched_dag_builder_destroy(b);
    assert_ok(llmsched_dag_builder_create(dags_context, "the application", &b, &err), err);
    uint32_t failures = 0;
#define RETRY(call)                                                                                \
    do {                                                                                           \
        llmsched_status status = LLMSCHED_ERROR_MEMORY;                                            \
        for (uint64_t n = 1; status == LLMSCHED_ERROR_MEMORY; n++, failures++) {                   \
            fail_at(n);                                                                            \
            status = (call);                                                                       \
        }                                                                                          \
        fail_at(0);                                                                                \
        failures--;                                                                                \
        assert_int_equal(status, LLMSCHED_OK);                                                     \
    } while (0)
    static const llmsched_stage stages[] = {
        {sizeof(llmsched_stage), LLM, "planner of the work", NULL, "llama \"70b\"", 0, 3},
        {sizeof(llmsched_stage), DYNAMIC, "work", NULL, NULL, 0, 0},
        {sizeof(llmsched_stage), REGULAR, "search\n\xC3\xA9", "search", NULL, 0, 0},
        {sizeof(llmsched_stage), REGULAR, "read the pages", "search", NULL, 0, 0},
        {sizeof(llmsched_stage), LLM, "answer", NULL, NULL, 0, UINT32_MAX},
    };
    static const uint32_t edges[][2] = {{0, 1}, {2, 3}, {3, 4}, {1, 4}};
    static const uint32_t members[] = {3, 2}, body[] = {4};
    for (size_t i = 0; i < LLS_COUNT(stages); i++)
        RETRY(llmsched_dag_builder_add_stage(b, &stages[i], NULL, &err));
    for (size_t i = 0; i < LLS_COUNT(edges); i++)
        RETRY(llmsched_dag_builder_add_edge(b, edges[i][0], edges[i][1], &err));
    RETRY(llmsched_dag_builder_add_candidate(b, 1, "look things up", members, 2, NULL, &err));
    RETRY(llmsched_dag_builder_add_candidate(b, 1, "nothing", NULL, 0, NULL, &err));
    RETRY(llmsched_dag_builder_add_loop(b, body, 1, 20, NULL, &err));
    llmsched_dag *dag = NULL;
    RETRY(llmsched_dag_builder_freeze(b, &dag, &err));
    assert_true(failures > 50);
    dags_assert_equal(expected, dag);
    llmsched_dag_release(expected);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

static void json_survives_lack_of_memory(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag *dag = built();
    llmsched_text *text = NULL;
    assert_ok(llmsched_dag_to_json(dag, &text, &err), err);
    int64_t live = dags_memory.live;
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    for (uint64_t n = 1; status != LLMSCHED_OK; n++) {
        llmsched_text *again = NULL;
        fail_at(n);
        status = llmsched_dag_to_json(dag, &again, &err);
        assert_true(status == LLMSCHED_OK || (status == LLMSCHED_ERROR_MEMORY && again == NULL));
        llmsched_text_destroy(again);
        assert_int_equal(dags_memory.live, live);
    }
    status = LLMSCHED_ERROR_MEMORY;
    for (uint64_t n = 1; status != LLMSCHED_OK; n++) {
        llmsched_dag *again = NULL;
        fail_at(n);
        status = llmsched_dag_from_json(dags_context, llmsched_text_data(text),
                                        llmsched_text_length(text), &again, &err);
        assert_true(status == LLMSCHED_OK || (status == LLMSCHED_ERROR_MEMORY && again == NULL));
        llmsched_dag_release(again);
        assert_int_equal(dags_memory.live, live);
    }
    llmsched_text_destroy(text);
    llmsched_dag_release(dag);
}

/* cJSON's memory is its own. */
static uint64_t cjson_calls, cjson_fail_at;
static int64_t cjson_live;

static void *cjson_allocate(size_t bytes)
{
    if (++cjson_calls == cjson_fail_at)
        return NULL;
    cjson_live++;
    return malloc(bytes);
}

static void cjson_release(void *ptr)
{
    cjson_live -= ptr != NULL;
    free(ptr);
}

static void writing_survives_lack_of_cjson_memory(void **state)
{
    (void)state;
    llmsched_dag *dag = built();
    cJSON_Hooks hooks = {cjson_allocate, cjson_release};
    cJSON_InitHooks(&hooks);
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    uint64_t n = 1;
    for (; status != LLMSCHED_OK; n++) {
        llmsched_error err = {0};
        llmsched_text *text = NULL;
        cjson_calls = 0;
        cjson_fail_at = n;
        status = llmsched_dag_to_json(dag, &text, &err);
        assert_true(status == LLMSCHED_OK || (status == LLMSCHED_ERROR_MEMORY && text == NULL));
        llmsched_text_destroy(text);
        assert_int_equal(cjson_live, 0);
    }
    assert_true(n > 100);
    cJSON_InitHooks(NULL);
    llmsched_dag_release(dag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAG_TEST(form_is_as_documented),
        DAG_TEST(everything_comes_back),
        DAG_TEST(order_and_extras_do_not_matter),
        DAG_TEST(bad_documents_are_refused),
        DAG_TEST(arguments_are_checked),
        DAG_TEST(paths_tell_the_place_in_a_document),
        DAG_TEST(building_survives_lack_of_memory),
        DAG_TEST(failed_steps_leave_the_builder_alone),
        DAG_TEST(json_survives_lack_of_memory),
        DAG_TEST(writing_survives_lack_of_cjson_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
