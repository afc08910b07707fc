/* SPDX-License-Identifier: Apache-2.0 */
/* What runs ask of models, as JSON and back. */
#include "shapes.h"

#include <stdlib.h>

static char *json_of(const llmsched_profile *p)
{
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    assert_ok(llmsched_profile_to_json(p, &text, &err), err);
    size_t bytes = llmsched_text_length(text) + 1;
    char *copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, llmsched_text_data(text), bytes);
    llmsched_text_destroy(text);
    return copy;
}

static llmsched_status read_json(const char *text, llmsched_profile **p, llmsched_error *err)
{
    return llmsched_profile_from_json(context, text, strlen(text), p, err);
}

static void test_json_round_trip(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *back = NULL;
    draw_shapes(30);
    llmsched_profile *p = profile_of(shapes, FIRST);
    char *text = json_of(p);
    assert_ok(read_json(text, &back, &err), err);
    char *again = json_of(back);
    assert_string_equal(text, again);
    free(text);
    free(again);
    assert_same_calls(p, back);
}

/* The text with one piece replaced; free() it. */
static char *replaced(const char *text, const char *piece, const char *by)
{
    const char *at = strstr(text, piece);
    assert_non_null(at);
    size_t before = (size_t)(at - text), room = strlen(text) + strlen(by) + 1;
    char *copy = malloc(room);
    assert_non_null(copy);
    snprintf(copy, room, "%.*s%s%s", (int)before, text, by, at + strlen(piece));
    return copy;
}

/* A profile that was kept before profiles told of calls, and one whose calls were written by hand.
 */
static void test_json_by_hand(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct shape s = {0};
    add_llm(&s, "m", 2, LLMSCHED_INDEX_NONE);
    llmsched_profile *p = profile_of(&s, 1), *back = NULL;
    char *text = json_of(p);
    llmsched_profile_release(p);
    char *old = replaced(text, "\"calls\":[{", "\"unknown\":[{");
    assert_ok(read_json(old, &back, &err), err);
    assert_int_equal(llmsched_profile_call_count(back), 0);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "no call 0",
                 llmsched_profile_get_call(back, 0, &(llmsched_profile_call){.size = 72}, &err),
                 err);
    llmsched_profile_release(back);
    char *more = replaced(text, "\"calls\":[{",
                          "\"calls\":[{\"calls\":2,\"overlap\":1,\"group\":1,\"prompt_tokens\":0,"
                          "\"output_tokens\":0,\"context_tokens\":0,\"work_s\":0},{");
    assert_ok(read_json(more, &back, &err), err);
    assert_int_equal(llmsched_profile_call_count(back), 2);
    assert_null(call_of(back, 0).model);
    assert_double_equal(call_of(back, 0).calls, 2, 0);
    llmsched_profile_release(back);
    free(more);
    free(old);
    free(text);
}

static void test_wrong_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *piece, *by, *words;
    } wrongs[] = {
        {"\"calls\":[", "\"calls\":7,\"x\":[", "calls"},
        {"\"calls\":[{", "\"calls\":[3,{", "calls[0]"},
        {"\"calls\":1,", "\"calls\":0,", "calls[0].calls: expected more than 0"},
        {"\"calls\":1,", "\"calls\":-1,", "calls[0].calls"},
        {"\"overlap\":1,", "\"overlap\":0.5,", "calls[0].overlap: expected at least 1"},
        {"\"group\":1,", "\"group\":0,", "calls[0].group: expected at least 1"},
        {"\"group\":1,", "", "calls[0].group"},
        {"\"work_s\":2", "\"work_s\":\"2\"", "calls[0].work_s"},
        {"\"model\":\"m\"", "\"model\":2", "calls[0].model"},
        {"\"model\":\"n\"", "\"model\":\"m\"", "each model once, not \"m\" again"},
    };
    struct shape s = {0};
    add_llm(&s, "m", 2, LLMSCHED_INDEX_NONE);
    add_llm(&s, "n", 2, LLMSCHED_INDEX_NONE);
    llmsched_profile *p = profile_of(&s, 1), *back = NULL;
    char *text = json_of(p);
    llmsched_profile_release(p);
    for (uint32_t i = 0; i < LLS_COUNT(wrongs); i++) {
        llmsched_error err = {0};
        /* From "calls" on, as "model" stands in the template, too. */
        const char *calls = strstr(text, "\"calls\":[");
        char *tail = replaced(calls, wrongs[i].piece, wrongs[i].by);
        char *whole = replaced(text, calls, tail);
        assert_fails(LLMSCHED_ERROR_PARSE, wrongs[i].words, read_json(whole, &back, &err), err);
        assert_null(back);
        free(whole);
        free(tail);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_json_by_hand),
        cmocka_unit_test(test_wrong_json_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
