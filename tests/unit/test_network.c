/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks: what is read, refused, and written.
 */
#include "context.h"
#include "networks.h"

#include <float.h>

static llmsched_error err;

/* A child before its parents; rows that need dividing. */
static const char GARDEN[] =
    "{\"format\":\"llmsched-bn-1\",\"name\":\"garden\",\"more\":[1,2],\"nodes\":["
    "{\"name\":\"wet\",\"states\":[\"no\",\"yes\"],\"parents\":[\"rain\",\"hose\"],"
    "\"cpt\":[1,0, 0.2,0.8, 0.1,0.9, 0.01,0.99]},"
    "{\"name\":\"rain\",\"states\":[\"no\",\"yes\"],\"parents\":[],\"cpt\":[0.7999999,0.2]},"
    "{\"name\":\"hose\",\"states\":[\"off\",\"on\"],\"parents\":[\"rain\"],"
    "\"cpt\":[0.6,0.4,0.99,0.01]}]}";

static llmsched_network *read(const char *json)
{
    llmsched_network *network = NULL;
    assert_ok(llmsched_network_from_json(context, json, strlen(json), &network, &err), err);
    return network;
}

static void test_read(void **state)
{
    (void)state;
    llmsched_network *n = read(GARDEN);
    uint32_t count;
    uint64_t entries;
    assert_string_equal(llmsched_network_name(n), "garden");
    assert_int_equal(llmsched_network_node_count(n), 3);
    assert_string_equal(llmsched_network_node_name(n, 2), "hose");
    assert_int_equal(llmsched_network_find(n, "rain"), 1);
    assert_int_equal(llmsched_network_find(n, "snow"), UINT32_MAX);
    assert_int_equal(llmsched_network_state_count(n, 0), 2);
    assert_string_equal(llmsched_network_state_name(n, 2, 1), "on");
    const uint32_t *parents = llmsched_network_parents(n, 0, &count);
    assert_int_equal(count, 2);
    assert_int_equal(parents[0], 1);
    assert_int_equal(parents[1], 2);
    const double *table = llmsched_network_table(n, 0, &entries);
    assert_int_equal(entries, 8);
    assert_true(table[3] == 0.8 && table[6] == 0.01);
    table = llmsched_network_table(n, 1, &entries);
    assert_double_equal(table[0], 0.7999999 / 0.9999999, 1e-15);
    assert_double_equal(table[0] + table[1], 1.0, 4 * DBL_EPSILON);
    llmsched_network_release(n);
}

static void test_past_the_end(void **state)
{
    (void)state;
    llmsched_network *n = read(GARDEN);
    uint32_t count = 7;
    uint64_t entries = 7;
    assert_null(llmsched_network_node_name(n, 3));
    assert_null(llmsched_network_state_name(n, 3, 0));
    assert_null(llmsched_network_state_name(n, 0, 2));
    assert_int_equal(llmsched_network_state_count(n, 3), 0);
    assert_null(llmsched_network_parents(n, 3, &count));
    assert_int_equal(count, 0);
    assert_null(llmsched_network_table(n, 3, &entries));
    assert_int_equal(entries, 0);
    llmsched_network_release(n);
    assert_string_equal(llmsched_network_name(NULL), "");
    assert_int_equal(llmsched_network_node_count(NULL), 0);
    assert_int_equal(llmsched_network_find(NULL, "x"), UINT32_MAX);
    assert_null(llmsched_network_retain(NULL));
    llmsched_network_release(NULL);
}

static void test_round_trip(void **state)
{
    (void)state;
    llmsched_network *n = read(GARDEN), *again = NULL;
    llmsched_text *text = NULL, *second = NULL;
    assert_ok(llmsched_network_to_json(n, &text, &err), err);
    assert_ok(llmsched_network_from_json(context, llmsched_text_data(text),
                                         llmsched_text_length(text), &again, &err),
              err);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t a, b;
        const double *x = llmsched_network_table(n, i, &a);
        const double *y = llmsched_network_table(again, i, &b);
        assert_int_equal(a, b);
        assert_memory_equal(x, y, a * sizeof *x);
    }
    assert_ok(llmsched_network_to_json(again, &second, &err), err);
    assert_string_equal(llmsched_text_data(text), llmsched_text_data(second));
    llmsched_text_destroy(second);
    llmsched_text_destroy(text);
    llmsched_network_release(again);
    llmsched_network_release(n);
}

/* Rows that sum to 1 but for rounding are not divided again: what is saved is what was used. */
static void test_round_trip_of_any_numbers(void **state)
{
    (void)state;
    static struct draft draft;
    lls_random random;
    lls_random_seed(&random, 10);
    for (int round = 0; round < 50; round++) {
        llmsched_network *again = NULL;
        llmsched_text *text = NULL;
        draft_random(&draft, &random, 8, 7, 3, 0.1);
        llmsched_network *n = draft_build(&draft, context);
        assert_ok(llmsched_network_to_json(n, &text, &err), err);
        assert_ok(llmsched_network_from_json(context, llmsched_text_data(text),
                                             llmsched_text_length(text), &again, &err),
                  err);
        for (uint32_t i = 0; i < 8; i++) {
            uint64_t size;
            const double *table = llmsched_network_table(n, i, &size);
            assert_memory_equal(table, llmsched_network_table(again, i, NULL),
                                size * sizeof *table);
        }
        llmsched_text_destroy(text);
        llmsched_network_release(again);
        llmsched_network_release(n);
    }
}

/* A network outlives the caller's hold on the context, and each reference counts. */
static void test_references(void **state)
{
    (void)state;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *own = NULL;
    llmsched_network *n = NULL;
    assert_ok(llmsched_context_create(&options, &own, &err), err);
    assert_ok(llmsched_network_from_json(own, GARDEN, strlen(GARDEN), &n, &err), err);
    llmsched_context_destroy(own);
    assert_ptr_equal(llmsched_network_retain(n), n);
    llmsched_network_release(n);
    assert_string_equal(llmsched_network_node_name(n, 0), "wet");
    llmsched_network_release(n);
    assert_int_equal(f.live, 0);
}

/* GARDEN with the first `from` replaced. */
static void check_refused(llmsched_status expected, const char *words, const char *from,
                          const char *to)
{
    char json[2048];
    const char *at = strstr(GARDEN, from);
    llmsched_network *n = NULL;
    assert_non_null(at);
    snprintf(json, sizeof json, "%.*s%s%s", (int)(at - GARDEN), GARDEN, to, at + strlen(from));
    assert_fails(expected, words, llmsched_network_from_json(context, json, strlen(json), &n, &err),
                 err);
    assert_null(n);
}

static void test_refused_form(void **state)
{
    (void)state;
    check_refused(LLMSCHED_ERROR_PARSE, "format", "llmsched-bn-1", "llmsched-bn-2");
    check_refused(LLMSCHED_ERROR_PARSE, "format", "\"format\"", "\"fromat\"");
    check_refused(LLMSCHED_ERROR_PARSE, "nodes", "\"nodes\":[", "\"nodes\":3,\"x\":[");
    check_refused(LLMSCHED_ERROR_PARSE, "nodes[0].name", "\"name\":\"wet\"", "\"name\":5");
    check_refused(LLMSCHED_ERROR_PARSE, "nodes[1].states",
                  "\"states\":[\"no\",\"yes\"],\"parents\":[]", "\"states\":{},\"parents\":[]");
    check_refused(LLMSCHED_ERROR_PARSE, "nodes[0].states[1]", "\"yes\"]", "7]");
    check_refused(LLMSCHED_ERROR_PARSE, "nodes[0].parents[1]", "\"hose\"]", "\"pipe\"]");
    check_refused(LLMSCHED_ERROR_PARSE, "nodes[0].parents[1]", "\"hose\"]", "null]");
    check_refused(LLMSCHED_ERROR_PARSE, "cpt", "\"cpt\":[1,0,", "\"cpt\":[true,0,");
    check_refused(LLMSCHED_ERROR_PARSE, "expected 8", "0.01,0.99]", "1]");
    check_refused(LLMSCHED_ERROR_PARSE, "", "}]}", "}]");
}

static void test_refused_content(void **state)
{
    (void)state;
    check_refused(LLMSCHED_ERROR_PARSE, "names must differ", "\"rain\",\"states\"",
                  "\"wet\",\"states\"");
    check_refused(LLMSCHED_ERROR_PARSE, "two states", "\"no\",\"yes\"", "\"no\",\"no\"");
    check_refused(LLMSCHED_ERROR_PARSE, "twice", "[\"rain\",\"hose\"]", "[\"rain\",\"rain\"]");
    check_refused(LLMSCHED_ERROR_PARSE, "name is empty", "\"name\":\"wet\"", "\"name\":\"\"");
    check_refused(LLMSCHED_ERROR_PARSE, "sum to 1", "0.2,0.8", "0.3,0.8");
    check_refused(LLMSCHED_ERROR_PARSE, "no probability", "0.2,0.8", "-0.2,1.2");
    check_refused(LLMSCHED_ERROR_PARSE, "no probability", "0.2,0.8", "1.2,-0.2");
    check_refused(LLMSCHED_ERROR_PARSE, "sum to 1", "1,0,", "0,0,");
    check_refused(LLMSCHED_ERROR_CYCLE, "cycle", "\"parents\":[],\"cpt\":[0.7999999,0.2]",
                  "\"parents\":[\"wet\"],\"cpt\":[0.5,0.5,0.5,0.5]");
    check_refused(LLMSCHED_ERROR_CYCLE, "cycle", "\"parents\":[],\"cpt\":[0.7999999,0.2]",
                  "\"parents\":[\"rain\"],\"cpt\":[0.5,0.5,0.5,0.5]");
}

static void test_refused_arguments(void **state)
{
    (void)state;
    llmsched_network *n = NULL;
    llmsched_text *text = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, "context",
                 llmsched_network_from_json(NULL, GARDEN, 3, &n, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "json is NULL",
                 llmsched_network_from_json(context, NULL, 3, &n, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "network",
                 llmsched_network_from_json(context, GARDEN, 3, NULL, &err), err);
    assert_int_equal(llmsched_network_from_json(context, "[", 1, &n, NULL), LLMSCHED_ERROR_PARSE);
    assert_fails(LLMSCHED_ERROR_INVALID, "network", llmsched_network_to_json(NULL, &text, &err),
                 err);
    n = read(GARDEN);
    assert_fails(LLMSCHED_ERROR_INVALID, "text", llmsched_network_to_json(n, NULL, &err), err);
    llmsched_network_release(n);
}

/* Inside a larger document the messages begin with the place. */
static void test_place_in_messages(void **state)
{
    (void)state;
    lls_json *json = NULL;
    llmsched_network *n = NULL;
    const char *text =
        "{\"format\":\"llmsched-bn-1\",\"nodes\":[{\"name\":\"a\",\"states\":[\"x\"],"
        "\"parents\":[],\"cpt\":[0.5]}]}";
    assert_ok(lls_json_parse(text, strlen(text), 1, &json, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "profile.network: node 0 \"a\"",
                 lls_network_from_json(context, json, "profile.network", &n, &err), err);
    lls_json_free(json);
    text = "{\"format\":\"llmsched-bn-1\",\"nodes\":[{\"name\":\"a\"}]}";
    assert_ok(lls_json_parse(text, strlen(text), 1, &json, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "profile.network.nodes[0].states",
                 lls_network_from_json(context, json, "profile.network", &n, &err), err);
    lls_json_free(json);
}

static void test_limits(void **state)
{
    (void)state;
    static double row[65537];
    llmsched_network *n = NULL;
    row[0] = 1.0;
    lls_node_spec wide = {.name = "wide", .state_count = 65537, .table = row};
    assert_fails(LLMSCHED_ERROR_LIMIT, "65536", lls_network_create(context, "", &wide, 1, &n, &err),
                 err);
    wide.state_count = 0;
    assert_fails(LLMSCHED_ERROR_PARSE, "state", lls_network_create(context, "", &wide, 1, &n, &err),
                 err);
    wide.state_count = 65536;
    assert_ok(lls_network_create(context, NULL, &wide, 1, &n, &err), err);
    assert_string_equal(llmsched_network_state_name(n, 0, 65535), "65535");
    assert_string_equal(llmsched_network_state_name(n, 0, 9), "9");
    llmsched_network_release(n);

    /* 2^25 entries are over the default of 2^24, and are refused before anything reads the table.
     */
    lls_node_spec nodes[26];
    char names[26][16];
    uint32_t parents[26];
    const double half[2] = {0.5, 0.5};
    for (uint32_t i = 0; i < 26; i++) {
        snprintf(names[i], sizeof names[i], "%u", i);
        parents[i] = i;
        nodes[i] = (lls_node_spec){.name = names[i], .state_count = 2, .table = half};
    }
    nodes[25].parents = parents;
    nodes[25].parent_count = 24;
    assert_fails(LLMSCHED_ERROR_LIMIT, "max_table",
                 lls_network_create(context, "", nodes, 26, &n, &err), err);
    nodes[25].parent_count = 1;
    parents[0] = 26;
    assert_fails(LLMSCHED_ERROR_PARSE, "no node",
                 lls_network_create(context, "", nodes, 26, &n, &err), err);
}

static void test_without_nodes(void **state)
{
    (void)state;
    llmsched_network *n = read("{\"format\":\"llmsched-bn-1\",\"nodes\":[]}");
    llmsched_text *text = NULL;
    assert_int_equal(llmsched_network_node_count(n), 0);
    assert_string_equal(llmsched_network_name(n), "");
    assert_ok(llmsched_network_to_json(n, &text, &err), err);
    assert_non_null(strstr(llmsched_text_data(text), "\"nodes\":[]"));
    llmsched_text_destroy(text);
    llmsched_network_release(n);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    uint64_t fail_at;
    for (fail_at = 1; status == LLMSCHED_ERROR_MEMORY; fail_at++) {
        struct failing f = {0};
        llmsched_allocator allocator = failing_allocator(&f);
        llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
        llmsched_context *own = NULL;
        llmsched_network *n = NULL;
        llmsched_text *text = NULL;
        assert_ok(llmsched_context_create(&options, &own, &err), err);
        f.fail_at = f.calls + fail_at;
        status = llmsched_network_from_json(own, GARDEN, strlen(GARDEN), &n, &err);
        if (status == LLMSCHED_OK)
            status = llmsched_network_to_json(n, &text, &err);
        assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_MEMORY);
        assert_true(status == LLMSCHED_OK || text == NULL);
        llmsched_text_destroy(text);
        llmsched_network_release(n);
        llmsched_context_destroy(own);
        assert_int_equal(f.live, 0);
    }
    assert_int_equal(status, LLMSCHED_OK);
    assert_true(fail_at > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_past_the_end),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_of_any_numbers),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_refused_form),
        cmocka_unit_test(test_refused_content),
        cmocka_unit_test(test_refused_arguments),
        cmocka_unit_test(test_place_in_messages),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_without_nodes),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
