/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses, error messages, sized structs, the context, and text. */
#include "check.h"

#include "base/internal.h"
#include "failing.h"

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (llmsched_status s = LLMSCHED_OK; s <= LLMSCHED_ERROR_INTERNAL; s++) {
        assert_int_equal(strncmp(llmsched_status_name(s), "LLMSCHED_", 9), 0);
        for (llmsched_status t = LLMSCHED_OK; t < s; t++)
            assert_string_not_equal(llmsched_status_name(s), llmsched_status_name(t));
    }
    assert_string_equal(llmsched_status_name(LLMSCHED_ERROR_CYCLE), "LLMSCHED_ERROR_CYCLE");
    assert_string_equal(llmsched_status_name(-1), "unknown status");
    assert_string_equal(llmsched_status_name(LLMSCHED_ERROR_INTERNAL + 1), "unknown status");
}

static void versions_agree(void **state)
{
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", LLMSCHED_VERSION_MAJOR, LLMSCHED_VERSION_MINOR,
             LLMSCHED_VERSION_PATCH);
    assert_string_equal(llmsched_version(), text);
    assert_int_equal(llmsched_version_number(), LLMSCHED_VERSION_MAJOR * 10000 +
                                                    LLMSCHED_VERSION_MINOR * 100 +
                                                    LLMSCHED_VERSION_PATCH);
    assert_int_equal(LLMSCHED_VERSION_NUMBER, (int)llmsched_version_number());
}

/* --- errors -------------------------------------------------------------- */

static void fail_fills_the_error(void **state)
{
    (void)state;
    llmsched_error err = {0};
    assert_int_equal(lls_fail(&err, LLMSCHED_ERROR_STATE, "stage %d", 7), LLMSCHED_ERROR_STATE);
    assert_int_equal(err.size, sizeof err);
    assert_int_equal(err.status, LLMSCHED_ERROR_STATE);
    assert_string_equal(err.message, "stage 7");
    assert_int_equal(err.line, 0);
    lls_fail_at(&err, LLMSCHED_ERROR_PARSE, 3, 9, "x");
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 9);
    lls_error_prefix(&err, 12, "runs[%d]", 4);
    assert_string_equal(err.message, "runs[4]: x");
    assert_int_equal(err.line, 12);
    assert_int_equal(err.status, LLMSCHED_ERROR_PARSE);
    assert_int_equal(lls_fail_memory(NULL), LLMSCHED_ERROR_MEMORY);
    lls_error_prefix(NULL, 1, "nothing to do");
}

/* A caller's struct of an unknown, smaller version is not written to. */
static void fail_leaves_a_small_error_alone(void **state)
{
    (void)state;
    uint32_t small = 4;
    lls_fail((llmsched_error *)(void *)&small, LLMSCHED_ERROR_STATE, "x");
    assert_int_equal(small, 4);
}

static void messages_are_cut_at_whole_characters(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        char text[600];
        memset(text, 'x', lead);
        for (size_t i = lead; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4); /* the euro sign */
        llmsched_error err = {0};
        lls_fail(&err, LLMSCHED_ERROR_INVALID, "%s", text);
        assert_int_equal(strlen(err.message), sizeof err.message - 1);
        assert_true(lls_utf8_valid(err.message));
        lls_error_prefix(&err, 0, "%s", text);
        assert_int_equal(strlen(err.message), sizeof err.message - 1);
        assert_true(lls_utf8_valid(err.message));
    }
}

static void messages_are_one_line(void **state)
{
    (void)state;
    llmsched_error err = {0};
    lls_fail(&err, LLMSCHED_ERROR_INVALID, "id \"%s\"", "a\nb\tc\x7F\xFFz");
    assert_string_equal(err.message, "id \"a b c ?z\"");
}

static void utf8_is_recognised(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xE0\x9F\xBF",
                                      "\xE2\x82",
                                      "\xED\xA0\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "a\xC2z"};
    for (size_t i = 0; i < LLS_COUNT(good); i++)
        assert_true(lls_utf8_valid(good[i]));
    for (size_t i = 0; i < LLS_COUNT(bad); i++)
        assert_false(lls_utf8_valid(bad[i]));
}

/* --- sized structs ------------------------------------------------------- */

typedef struct sized_v1 {
    uint32_t size;
    uint32_t a;
} sized_v1;

typedef struct sized_v2 {
    uint32_t size;
    uint32_t a;
    uint64_t b;
} sized_v2;

typedef struct sized_v3 {
    uint32_t size;
    uint32_t a;
    uint64_t b;
    uint64_t c;
} sized_v3;

/* The library is at version 2. */
static llmsched_status read_v2(sized_v2 *to, const void *from, llmsched_error *err)
{
    return lls_sized_in(to, sizeof *to, from, sizeof(sized_v1), "sized", err);
}

static void sized_in_takes_older_and_newer(void **state)
{
    (void)state;
    llmsched_error err = {0};
    sized_v2 to = {99, 99, 99};
    assert_ok(read_v2(&to, NULL, &err), err);
    assert_true(to.size == sizeof to && to.a == 0 && to.b == 0);

    /* Exactly as many bytes as the old version has: the address sanitizer sees one too many. */
    sized_v1 *old = malloc(sizeof *old);
    assert_non_null(old);
    *old = (sized_v1){sizeof *old, 5};
    to.b = 99;
    assert_ok(read_v2(&to, old, &err), err);
    assert_true(to.size == sizeof to && to.a == 5 && to.b == 0);
    free(old);

    sized_v3 newer = {sizeof newer, 6, 7, 0};
    assert_ok(read_v2(&to, &newer, &err), err);
    assert_true(to.size == sizeof to && to.a == 6 && to.b == 7);
    newer.c = UINT64_C(1) << 56;
    assert_fails(LLMSCHED_ERROR_VERSION, "newer library", read_v2(&to, &newer, &err), err);
    assert_true(to.a == 6 && to.b == 7);
}

static void sized_in_refuses_sizes(void **state)
{
    (void)state;
    llmsched_error err = {0};
    sized_v2 to = {1, 2, 3}, from = {0, 5, 6};
    static const uint32_t bad[] = {0, 1, sizeof(sized_v1) - 1, 4097, UINT32_MAX};
    for (size_t i = 0; i < LLS_COUNT(bad); i++) {
        from.size = bad[i];
        assert_fails(LLMSCHED_ERROR_VERSION, "sizeof(sized)", read_v2(&to, &from, &err), err);
        assert_true(to.size == 1 && to.a == 2 && to.b == 3);
    }
}

static void sized_out_writes_what_the_caller_has(void **state)
{
    (void)state;
    llmsched_error err = {0};
    const sized_v2 from = {sizeof from, 5, 6};
    sized_v1 *old = malloc(sizeof *old);
    assert_non_null(old);
    *old = (sized_v1){sizeof *old, 0};
    assert_ok(lls_sized_out(old, &from, sizeof from, sizeof(sized_v1), "sized", &err), err);
    assert_true(old->size == sizeof *old && old->a == 5);
    free(old);

    sized_v3 newer = {sizeof newer, 1, 2, 3};
    assert_ok(lls_sized_out(&newer, &from, sizeof from, sizeof(sized_v1), "sized", &err), err);
    assert_true(newer.size == sizeof newer && newer.a == 5 && newer.b == 6 && newer.c == 0);
    newer.size = 4;
    assert_fails(LLMSCHED_ERROR_VERSION, "size is 4",
                 lls_sized_out(&newer, &from, sizeof from, sizeof(sized_v1), "sized", &err), err);
    assert_true(newer.a == 5);
}

/* --- the context ---------------------------------------------------------- */

static void context_has_defaults(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_context *c = NULL;
    assert_ok(llmsched_context_create(NULL, &c, &err), err);
    assert_int_equal(c->max_stages, 65536);
    assert_int_equal(c->max_table, 1 << 24);
    llmsched_context_destroy(c);
    llmsched_context_destroy(NULL);

    llmsched_context_options options = {.size = sizeof options, .max_stages = 3, .max_table = 4};
    assert_ok(llmsched_context_create(&options, &c, &err), err);
    assert_int_equal(c->max_stages, 3);
    assert_int_equal(c->max_table, 4);
    llmsched_context_destroy(c);
}

static void context_checks_its_options(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_context *const untouched = (llmsched_context *)(void *)&err;
    llmsched_context *c = untouched;
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};

    assert_status(LLMSCHED_ERROR_INVALID, llmsched_context_create(NULL, NULL, &err), err);
    options.size = sizeof options - 1;
    assert_fails(LLMSCHED_ERROR_VERSION, "llmsched_context_options",
                 llmsched_context_create(&options, &c, &err), err);
    options.size = sizeof options;
    allocator.size = 0;
    assert_fails(LLMSCHED_ERROR_VERSION, "llmsched_allocator",
                 llmsched_context_create(&options, &c, &err), err);
    allocator.size = sizeof allocator;
    allocator.reserved = 1;
    assert_fails(LLMSCHED_ERROR_VERSION, "reserved", llmsched_context_create(&options, &c, &err),
                 err);
    allocator.reserved = 0;
    allocator.reallocate = NULL;
    assert_fails(LLMSCHED_ERROR_INVALID, "reallocate", llmsched_context_create(&options, &c, &err),
                 err);
    assert_int_equal(llmsched_context_create(&options, &c, NULL), LLMSCHED_ERROR_INVALID);
    allocator = failing_allocator(&f);
    f.fail_at = 1;
    assert_status(LLMSCHED_ERROR_MEMORY, llmsched_context_create(&options, &c, &err), err);
    assert_ptr_equal(c, untouched);
    assert_int_equal(f.live, 0);
}

static void context_lives_as_long_as_its_objects(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *c;
    assert_ok(llmsched_context_create(&options, &c, &err), err);
    memset(&allocator, 0, sizeof allocator); /* it was copied */

    llmsched_text *text;
    assert_ok(lls_text_create(c, "abc", 2, &text, &err), err);
    llmsched_context_destroy(c);
    assert_string_equal(llmsched_text_data(text), "ab");
    assert_int_equal(llmsched_text_length(text), 2);
    llmsched_text_destroy(text);
    assert_int_equal(f.live, 0);
    llmsched_text_destroy(NULL);
    assert_string_equal(llmsched_text_data(NULL), "");
    assert_int_equal(llmsched_text_length(NULL), 0);
}

static void text_survives_lack_of_memory(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct failing f = {0};
    llmsched_allocator allocator = failing_allocator(&f);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *c;
    assert_ok(llmsched_context_create(&options, &c, &err), err);
    for (uint64_t n = 1; n <= 2; n++) {
        llmsched_text *text = NULL;
        f.calls = 0;
        f.fail_at = n;
        assert_status(LLMSCHED_ERROR_MEMORY, lls_text_create(c, "abc", 3, &text, &err), err);
        assert_null(text);
        assert_int_equal(f.live, 1);
    }
    llmsched_context_destroy(c);
    assert_int_equal(f.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(versions_agree),
        cmocka_unit_test(fail_fills_the_error),
        cmocka_unit_test(fail_leaves_a_small_error_alone),
        cmocka_unit_test(messages_are_cut_at_whole_characters),
        cmocka_unit_test(messages_are_one_line),
        cmocka_unit_test(utf8_is_recognised),
        cmocka_unit_test(sized_in_takes_older_and_newer),
        cmocka_unit_test(sized_in_refuses_sizes),
        cmocka_unit_test(sized_out_writes_what_the_caller_has),
        cmocka_unit_test(context_has_defaults),
        cmocka_unit_test(context_checks_its_options),
        cmocka_unit_test(context_lives_as_long_as_its_objects),
        cmocka_unit_test(text_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
