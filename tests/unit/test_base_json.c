/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is read, what is refused and where, and numbers that come back the same. */
#include "check.h"

#include "base/internal.h"
#include "failing.h"

#include <cjson/cJSON.h>
#include <locale.h>

static struct failing failing;
static llmsched_context *context;

static int set_up(void **state)
{
    (void)state;
    failing = (struct failing){0};
    llmsched_allocator allocator = failing_allocator(&failing);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    return llmsched_context_create(&options, &context, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    llmsched_context_destroy(context);
    return failing.live == 0 ? 0 : -1;
}

/* The text lies in a block of just its length, without a NUL: the address sanitizer sees each byte
 * read past the end. */
static llmsched_status parse(const char *text, size_t length, lls_json **json, llmsched_error *err)
{
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    llmsched_status status = lls_json_parse(copy, length, 1, json, err);
    free(copy);
    return status;
}

static lls_json *parsed(const char *text)
{
    llmsched_error err = {0};
    lls_json *json = NULL;
    assert_ok(parse(text, strlen(text), &json, &err), err);
    return json;
}

/* --- the grammar ------------------------------------------------------------------- */

static void good_text_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"[[],{},[{}],[[[]]]]", "[[],{},[{}],[[[]]]]"},
        {"{\"a\":1,\"b\":[true,false,null]}\r\n", "{\"a\":1,\"b\":[true,false,null]}"},
        {"{\"a\":{\"a\":{\"a\":1}}}", "{\"a\":{\"a\":{\"a\":1}}}"},
        {"\t\"a\\u00e4\\n\\\"\\/\\\\\\u001f\"", "\"a\xC3\xA4\\n\\\"/\\\\\\u001f\""},
        {"\"\\ud834\\udd1e\"", "\"\xF0\x9D\x84\x9E\""},
        {"\xEF\xBB\xBF 7", "7"},
        {"[-0,0.5,-1.5e3,1E+2,12345678901234567890]", "[-0,0.5,-1500,100,1.2345678901234567e+19]"},
        {"{\"\":0}", "{\"\":0}"},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++) {
        llmsched_error err = {0};
        llmsched_text *text = NULL;
        lls_json *json = parsed(cases[i].in);
        assert_ok(lls_json_print(context, json, &text, &err), err);
        assert_string_equal(llmsched_text_data(text), cases[i].out);
        assert_int_equal(llmsched_text_length(text), strlen(cases[i].out));
        llmsched_text_destroy(text);
        lls_json_free(json);
    }
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t line, column;
        const char *words;
    } cases[] = {
        {"", 1, 1, "ends too early"},
        {"  \n ", 2, 2, "ends too early"},
        {"nan", 1, 1, "JSON value"},
        {"NaN", 1, 1, "JSON value"},
        {"[Infinity]", 1, 2, "JSON value"},
        {"nul", 1, 1, "JSON value"},
        {"True", 1, 1, "JSON value"},
        {"+1", 1, 1, "JSON value"},
        {".5", 1, 1, "JSON value"},
        {"'a'", 1, 1, "JSON value"},
        {"/* */1", 1, 1, "JSON value"},
        {"01", 1, 2, "leading 0"},
        {"-", 1, 2, "ends too early"},
        {"-a", 1, 2, "a digit"},
        {"-.5", 1, 2, "a digit"},
        {"[1.]", 1, 4, "a digit"},
        {"[1e]", 1, 4, "a digit"},
        {"0x10", 1, 2, "nothing after"},
        {"[1,]", 1, 4, "JSON value"},
        {"[1 2]", 1, 4, "',' or ']'"},
        {"[1}", 1, 3, "',' or ']'"},
        {"[,1]", 1, 2, "JSON value"},
        {"[", 1, 2, "ends too early"},
        {"]", 1, 1, "JSON value"},
        {"{\"a\":1,}", 1, 8, "a key"},
        {"{a:1}", 1, 2, "a key"},
        {"{\"a\" 1}", 1, 6, "':'"},
        {"{\"a\":1 \"b\":2}", 1, 8, "',' or '}'"},
        {"{\"a\":\n\n}", 3, 1, "JSON value"},
        {"1 2", 1, 3, "nothing after"},
        {"{}{}", 1, 3, "nothing after"},
        {"\"a", 1, 3, "inside a string"},
        {"\"a\nb\"", 1, 3, "control character"},
        {"\"\\x\"", 1, 3, "escape"},
        {"\"\\u12g4\"", 1, 6, "hexadecimal"},
        {"\"\\u0000\"", 1, 8, "\\u0000"},
        {"\"\\ud800\"", 1, 8, "surrogate"},
        {"\"\\udc00\"", 1, 8, "surrogate"},
        {"\"\\ud800\\u0041\"", 1, 14, "surrogate"},
        {"\"\xFF\"", 1, 2, "UTF-8"},
        {"\"\xC0\x80\"", 1, 2, "UTF-8"},
        {"[\n 1e999]", 2, 2, "too large"},
        {"[1, 2, {\"b\": -1e400}]", 1, 14, "too large"},
        {"{\"a\":1,\n \"b\":2,\n  \"a\":3}", 3, 3, "second time: \"a\""},
        {"{\"x\":[{\"k\":[],\"\\u006b\":0}]}", 1, 15, "second time: \"k\""},
        {"{\"a\":{\"b\":1e999},\"a\":1}", 1, 11, "too large"},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++) {
        llmsched_error err = {0};
        lls_json *json = NULL;
        assert_fails(LLMSCHED_ERROR_PARSE, cases[i].words,
                     parse(cases[i].text, strlen(cases[i].text), &json, &err), err);
        if (err.line != cases[i].line || err.column != cases[i].column)
            print_error("%s: line %d column %d\n", cases[i].text, (int)err.line, (int)err.column);
        assert_int_equal(err.line, cases[i].line);
        assert_int_equal(err.column, cases[i].column);
        assert_null(json);
    }
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    static const char texts[][4] = {"1\0", "[\0]", "\"\0\"", "\0", "{\0}"};
    for (size_t i = 0; i < LLS_COUNT(texts); i++) {
        llmsched_error err = {0};
        lls_json *json = NULL;
        assert_fails(LLMSCHED_ERROR_PARSE, "NUL", parse(texts[i], 3, &json, &err), err);
    }
    llmsched_error err = {0};
    lls_json *json = NULL;
    assert_status(LLMSCHED_ERROR_INVALID, lls_json_parse(NULL, 3, 1, &json, &err), err);
}

static void lines_count_from_the_first(void **state)
{
    (void)state;
    llmsched_error err = {0};
    lls_json *json = NULL;
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_parse("{\"a\":}", 6, 41, &json, &err), err);
    assert_int_equal(err.line, 41);
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_parse("\n{\"a\":1e999}", 12, 41, &json, &err),
                  err);
    assert_int_equal(err.line, 42);
}

static void depth_is_limited(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *text = malloc(2 * DEEP);
    assert_non_null(text);
    for (size_t depth = 511; depth <= 513; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        llmsched_error err = {0};
        lls_json *json = NULL;
        llmsched_status status = parse(text, 2 * depth, &json, &err);
        assert_int_equal(status, depth > 512 ? LLMSCHED_ERROR_PARSE : LLMSCHED_OK);
        if (status == LLMSCHED_OK) {
            llmsched_text *printed = NULL;
            assert_ok(lls_json_print(context, json, &printed, &err), err);
            assert_int_equal(llmsched_text_length(printed), 2 * depth);
            llmsched_text_destroy(printed);
        } else {
            assert_int_equal(err.column, 513);
        }
        lls_json_free(json);
    }
    llmsched_error err = {0};
    lls_json *json = NULL;
    memset(text, '[', 2 * DEEP);
    assert_fails(LLMSCHED_ERROR_PARSE, "deeper", parse(text, 2 * DEEP, &json, &err), err);
    free(text);
}

static void long_numbers_are_refused_as_such(void **state)
{
    (void)state;
    char text[80] = "[";
    memset(text + 1, '1', 64);
    strcpy(text + 64, "]"); /* 63 digits */
    lls_json_free(parsed(text));
    strcpy(text + 64, "1]");
    llmsched_error err = {0};
    lls_json *json = NULL;
    assert_fails(LLMSCHED_ERROR_PARSE, "63 characters", parse(text, strlen(text), &json, &err),
                 err);
    assert_int_equal(err.column, 2);
}

static const char sample[] =
    "{\"format\":\"x-1\", \"list\":[1,-2.5e-3,true,null,{\"k\":\"\\u00e9\\ud834\\udd1e\xC3\xA9\"}],"
    "\"empty\":{}, \"deep\":[[[[]]]], \"text\":\"a\\tb\\\\\"}";

/* No proper beginning of an object is JSON. */
static void every_beginning_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof sample - 1; length++) {
        llmsched_error err = {0};
        lls_json *json = NULL;
        assert_status(LLMSCHED_ERROR_PARSE, parse(sample, length, &json, &err), err);
    }
    lls_json_free(parsed(sample));
}

/* What the scanner lets through, cJSON must read: else a bad text would be called lack of memory.
 */
static void scanner_is_no_laxer_than_cjson(void **state)
{
    (void)state;
    static const char bytes[] = "{}[]\",:\\u0dD19e+-. \n\ttfn\x80\xC3\xFF";
    lls_random random;
    lls_random_seed(&random, 6);
    uint32_t good = 0;
    for (int i = 0; i < 200000; i++) {
        char text[sizeof sample];
        size_t length = sizeof sample - 1;
        memcpy(text, sample, sizeof sample);
        for (uint32_t n = lls_random_below(&random, 3) + 1; n > 0; n--)
            text[lls_random_below(&random, (uint32_t)length)] =
                bytes[lls_random_below(&random, sizeof bytes - 1)];
        llmsched_error err = {0};
        lls_json *json = NULL;
        llmsched_status status = parse(text, length, &json, &err);
        assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_PARSE);
        assert_true(status == LLMSCHED_OK || (err.line >= 1 && err.column >= 1));
        good += status == LLMSCHED_OK;
        lls_json_free(json);
    }
    assert_true(good > 1000);
}

/* Would take minutes if keys were compared in pairs. */
static void many_keys_are_checked_quickly(void **state)
{
    (void)state;
    enum { MANY = 200000 };
    char *text = malloc(MANY * 16 + 32);
    assert_non_null(text);
    size_t length = 1;
    text[0] = '{';
    for (int i = 0; i < MANY; i++)
        length += (size_t)sprintf(text + length, "\"k%d\":%d,", i, i);
    length += (size_t)sprintf(text + length, "\"z\":0}");
    llmsched_error err = {0};
    lls_json *json = NULL;
    assert_ok(parse(text, length, &json, &err), err);
    assert_int_equal(lls_json_count(json), MANY + 1);
    lls_json_free(json);

    size_t last = length - strlen("\"z\":0}");
    length = last + (size_t)sprintf(text + last, "\"k7\":0,\"k5\":0}");
    assert_fails(LLMSCHED_ERROR_PARSE, "\"k7\"", parse(text, length, &json, &err), err);
    assert_int_equal(err.column, last + 1);
    free(text);
}

/* --- numbers -------------------------------------------------------------------------- */

static double reread(double value)
{
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    lls_json *json = lls_json_new_number(value), *again = NULL;
    assert_ok(lls_json_print(context, json, &text, &err), err);
    assert_ok(parse(llmsched_text_data(text), llmsched_text_length(text), &again, &err), err);
    double result = lls_json_value_number(again);
    llmsched_text_destroy(text);
    lls_json_free(json);
    lls_json_free(again);
    return result;
}

static void check_numbers(uint64_t seed, int n)
{
    static const double special[] = {0.0,
                                     -0.0,
                                     0.1 + 0.2,
                                     1.0 / 3,
                                     5e-324,
                                     1.7976931348623157e308,
                                     9007199254740993.0,
                                     1e15,
                                     123456789012345680.0,
                                     4294967295.0,
                                     -2147483649.0,
                                     1e-7};
    lls_random random;
    lls_random_seed(&random, seed);
    for (int i = 0; i < n; i++) {
        uint64_t bits = lls_random_next(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i < (int)LLS_COUNT(special))
            value = special[i];
        if (!isfinite(value))
            continue;
        double again = reread(value);
        assert_memory_equal(&again, &value, sizeof value);
    }
}

static void numbers_come_back_the_same(void **state)
{
    (void)state;
    check_numbers(7, 50000);
}

static void skip_without(const char *locale)
{
    if (setlocale(LC_NUMERIC, locale) == NULL) {
        print_message("the locale %s is not installed\n", locale);
        skip();
    }
}

static void check_half_is_printed(void)
{
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    lls_json *json = lls_json_new_number(0.5);
    assert_ok(lls_json_print(context, json, &text, &err), err);
    assert_string_equal(llmsched_text_data(text), "0.5");
    llmsched_text_destroy(text);
    lls_json_free(json);
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    skip_without("de_DE.UTF-8");
    check_half_is_printed();
    check_numbers(8, 1000);
    setlocale(LC_NUMERIC, "C");
}

/* cJSON cannot read there; that must not be called lack of memory. */
static void decimal_points_of_several_bytes(void **state)
{
    (void)state;
    skip_without("ps_AF.UTF-8");
    llmsched_error err = {0};
    lls_json *json = NULL;
    check_half_is_printed();
    assert_fails(LLMSCHED_ERROR_STATE, "LC_NUMERIC", parse("0.5", 3, &json, &err), err);
    setlocale(LC_NUMERIC, "C");
}

static void what_cannot_be_read_is_not_written(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < LLS_COUNT(bad); i++) {
        lls_json *array = lls_json_new_numbers(&bad[i], 1);
        assert_fails(LLMSCHED_ERROR_INTERNAL, "not finite",
                     lls_json_print(context, array, &text, &err), err);
        lls_json_free(array);
    }
    lls_json *string = lls_json_new_string("a\xFF");
    assert_fails(LLMSCHED_ERROR_INVALID, "UTF-8", lls_json_print(context, string, &text, &err),
                 err);
    lls_json_free(string);
    lls_json *deep = lls_json_new_array();
    for (int i = 0; i < 512; i++) {
        lls_json *outer = lls_json_new_array();
        assert_true(lls_json_append(outer, deep));
        deep = outer;
    }
    assert_fails(LLMSCHED_ERROR_INTERNAL, "deeper", lls_json_print(context, deep, &text, &err),
                 err);
    lls_json_free(deep);
    assert_status(LLMSCHED_ERROR_MEMORY, lls_json_print(context, NULL, &text, &err), err);
    assert_null(text);
}

/* --- looking and getting ------------------------------------------------------------------ */

static void values_are_found(void **state)
{
    (void)state;
    lls_json *json = parsed("{\"a\":1.5,\"b\":\"x\",\"c\":[1,2,3],\"d\":{},\"e\":null,\"f\":true}");
    static const lls_json_type kinds[] = {LLS_JSON_NUMBER, LLS_JSON_STRING, LLS_JSON_ARRAY,
                                          LLS_JSON_OBJECT, LLS_JSON_NULL,   LLS_JSON_BOOL};
    uint32_t i = 0;
    for (const lls_json *item = lls_json_first(json); item != NULL; item = lls_json_next(item)) {
        const char key[] = {(char)('a' + (int)i), '\0'};
        assert_string_equal(lls_json_key(item), key);
        assert_int_equal(lls_json_kind(item), kinds[i++]);
    }
    assert_int_equal(i, 6);
    assert_int_equal(lls_json_count(json), 6);
    assert_null(lls_json_member(json, "e"));
    assert_null(lls_json_member(json, "A"));
    assert_null(lls_json_member(NULL, "a"));
    assert_null(lls_json_member(lls_json_member(json, "c"), "a"));
    assert_true(lls_json_value_bool(lls_json_member(json, "f")));
    assert_int_equal(lls_json_count(lls_json_member(json, "c")), 3);
    assert_null(lls_json_first(lls_json_member(json, "d")));
    lls_json_free(json);
}

static void getters_read(void **state)
{
    (void)state;
    llmsched_error err = {0};
    lls_json *json = parsed("{\"s\":\"x\",\"n\":-1.5,\"z\":0,\"u\":4294967295,\"a\":[1,2.5],"
                            "\"o\":{},\"none\":null}");
    const char *s = NULL;
    double n = 0;
    uint64_t u = 0;
    const lls_json *item = NULL;
    assert_ok(lls_json_get_string(json, "w", "s", &s, &err), err);
    assert_string_equal(s, "x");
    assert_ok(lls_json_get_number(json, "w", "n", &n, &err), err);
    assert_true(n == -1.5);
    assert_ok(lls_json_get_nonnegative(json, "w", "z", &n, &err), err);
    assert_true(n == 0);
    assert_ok(lls_json_get_u64(json, "w", "u", UINT32_MAX, &u, &err), err);
    assert_true(u == UINT32_MAX);
    assert_ok(lls_json_get_array(json, "w", "a", &item, &err), err);
    assert_int_equal(lls_json_count(item), 2);
    assert_ok(lls_json_get_object(json, "w", "o", &item, &err), err);
    assert_int_equal(lls_json_kind(item), LLS_JSON_OBJECT);

    s = "before";
    n = 7;
    u = 8;
    static const char *const absent[] = {"none", "nowhere"};
    for (size_t i = 0; i < LLS_COUNT(absent); i++) {
        assert_ok(lls_json_opt_string(json, "w", absent[i], &s, &err), err);
        assert_ok(lls_json_opt_number(json, "w", absent[i], &n, &err), err);
        assert_ok(lls_json_opt_nonnegative(json, "w", absent[i], &n, &err), err);
        assert_ok(lls_json_opt_u64(json, "w", absent[i], 9, &u, &err), err);
        assert_fails(LLMSCHED_ERROR_PARSE, "missing",
                     lls_json_get_u64(json, "w", absent[i], 9, &u, &err), err);
    }
    assert_true(strcmp(s, "before") == 0 && n == 7 && u == 8);
    assert_ok(lls_json_opt_string(json, "w", "s", &s, &err), err);
    assert_ok(lls_json_opt_number(json, "w", "n", &n, &err), err);
    assert_ok(lls_json_opt_u64(json, "w", "z", 9, &u, &err), err);
    assert_true(strcmp(s, "x") == 0 && n == -1.5 && u == 0);
    lls_json_free(json);
}

static void getters_say_what_is_wrong(void **state)
{
    (void)state;
    llmsched_error err = {0};
    lls_json *json = parsed("{\"s\":\"x\",\"n\":-1.5,\"big\":1e300,\"a\":[1,\"2\"]}");
    const char *s = NULL;
    double n = 7, *values = NULL;
    uint64_t u = 7;
    uint32_t count = 7;
    const lls_json *item = NULL;
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_get_string(json, "stages[3]", "n", &s, &err), err);
    assert_string_equal(err.message, "stages[3].n: expected a string");
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_get_string(json, "", "n", &s, &err), err);
    assert_string_equal(err.message, "n: expected a string");
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_get_number(json, NULL, "s", &n, &err), err);
    assert_string_equal(err.message, "s: expected a number");
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_get_array(json, "w", "q", &item, &err), err);
    assert_string_equal(err.message, "w.q: missing; expected an array");
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_opt_string(json, "w", "n", &s, &err), err);
    assert_string_equal(err.message, "w.n: expected a string");
    assert_status(LLMSCHED_ERROR_PARSE, lls_json_get_object(json, "w", "s", &item, &err), err);
    assert_string_equal(err.message, "w.s: expected an object");
    assert_fails(LLMSCHED_ERROR_PARSE, "w.n: expected a number that is not negative",
                 lls_json_opt_nonnegative(json, "w", "n", &n, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "w.n: expected an integer in 0 .. 9",
                 lls_json_get_u64(json, "w", "n", 9, &u, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "0 .. 9007199254740992",
                 lls_json_get_u64(json, "w", "big", UINT64_MAX, &u, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "w.a[1]: expected a number",
                 lls_json_get_numbers(context, json, "w", "a", &values, &count, &err), err);
    assert_fails(LLMSCHED_ERROR_PARSE, "w: expected an object",
                 lls_json_get_string(lls_json_member(json, "s"), "w", "n", &s, &err), err);
    assert_true(s == NULL && n == 7 && u == 7 && values == NULL && count == 7 && item == NULL);
    lls_json_free(json);
}

static void number_arrays_are_read(void **state)
{
    (void)state;
    llmsched_error err = {0};
    lls_json *json = parsed("{\"a\":[1,-2.5,1e3],\"e\":[]}");
    double *values = NULL;
    uint32_t count = 0;
    assert_ok(lls_json_get_numbers(context, json, "", "a", &values, &count, &err), err);
    assert_int_equal(count, 3);
    assert_true(values[0] == 1 && values[1] == -2.5 && values[2] == 1000);
    lls_free(context, values);
    assert_ok(lls_json_get_numbers(context, json, "", "e", &values, &count, &err), err);
    assert_int_equal(count, 0);
    lls_free(context, values);
    failing.calls = 0;
    failing.fail_at = 1;
    assert_status(LLMSCHED_ERROR_MEMORY,
                  lls_json_get_numbers(context, json, "", "a", &values, &count, &err), err);
    lls_json_free(json);
}

/* --- building, and lack of memory --------------------------------------------------------- */

/* cJSON's memory runs out at this allocation of its own, from 1; 0: never. */
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

static void fail_cjson_at(uint64_t n)
{
    cJSON_Hooks hooks = {cjson_allocate, cjson_release};
    cjson_calls = 0;
    cjson_fail_at = n;
    cJSON_InitHooks(n > 0 ? &hooks : NULL);
}

static lls_json *build(void)
{
    static const double numbers[] = {1, 2.5};
    static const uint32_t u32s[] = {0, UINT32_MAX};
    lls_json *object = lls_json_new_object(), *array = lls_json_new_array();
    bool ok = lls_json_append(array, lls_json_new_string("x"));
    if (!ok) {
        lls_json_free(array);
        array = NULL;
    }
    ok = lls_json_put(object, "array", array) && lls_json_put_string(object, "s", "y") &&
         lls_json_put_string(object, "left out", NULL) && lls_json_put_number(object, "n", 0.5) &&
         lls_json_put(object, "numbers", lls_json_new_numbers(numbers, 2)) &&
         lls_json_put(object, "u32s", lls_json_new_u32s(u32s, 2)) &&
         lls_json_put(object, "none", lls_json_new_numbers(NULL, 0));
    if (ok)
        return object;
    lls_json_free(object);
    return NULL;
}

static const char built[] = "{\"array\":[\"x\"],\"s\":\"y\",\"n\":0.5,\"numbers\":[1,2.5],"
                            "\"u32s\":[0,4294967295],\"none\":[]}";

static void trees_are_built(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    lls_json *json = build();
    assert_non_null(json);
    assert_ok(lls_json_print(context, json, &text, &err), err);
    assert_string_equal(llmsched_text_data(text), built);
    llmsched_text_destroy(text);
    lls_json_free(json);
    assert_null(lls_json_new_string(NULL));
    assert_false(lls_json_append(NULL, lls_json_new_number(1)));
    assert_false(lls_json_put(NULL, "k", lls_json_new_number(1)));
    lls_json_free(NULL);
}

static void building_survives_lack_of_memory(void **state)
{
    (void)state;
    uint64_t n = 1;
    lls_json *json = NULL;
    for (; json == NULL; n++) {
        fail_cjson_at(n);
        json = build();
        if (json == NULL)
            assert_int_equal(cjson_live, 0);
        assert_true(n < 1000);
    }
    assert_true(n > 10);
    lls_json_free(json);
    assert_int_equal(cjson_live, 0);
    fail_cjson_at(0);
}

static void parsing_survives_lack_of_memory(void **state)
{
    (void)state;
    char text[1024] = "{";
    for (int i = 0; i < 40; i++) /* enough keys for them to be sorted */
        sprintf(text + strlen(text), "\"key%d\":[%d],", i, i);
    strcat(text, "\"s\":\"\\u00e9\"}");
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    for (uint64_t n = 1; status != LLMSCHED_OK; n++) {
        llmsched_error err = {0};
        lls_json *json = NULL;
        fail_cjson_at(n);
        status = lls_json_parse(text, strlen(text), 1, &json, &err);
        if (status != LLMSCHED_OK)
            assert_int_equal(status, LLMSCHED_ERROR_MEMORY);
        lls_json_free(json);
        assert_int_equal(cjson_live, 0);
        assert_true(n < 1000);
    }
    fail_cjson_at(0);
}

static void printing_survives_lack_of_memory(void **state)
{
    (void)state;
    lls_json *json = build();
    llmsched_status status = LLMSCHED_ERROR_MEMORY;
    for (uint64_t n = 1; status != LLMSCHED_OK; n++) {
        llmsched_error err = {0};
        llmsched_text *text = NULL;
        failing.calls = 0;
        failing.fail_at = n;
        status = lls_json_print(context, json, &text, &err);
        if (status != LLMSCHED_OK) {
            assert_int_equal(status, LLMSCHED_ERROR_MEMORY);
            assert_null(text);
        }
        llmsched_text_destroy(text);
        assert_int_equal(failing.live, 1);
        assert_true(n < 100);
    }
    lls_json_free(json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_text_comes_back),
        TEST(bad_text_is_refused),
        TEST(nul_bytes_are_refused),
        TEST(lines_count_from_the_first),
        TEST(depth_is_limited),
        TEST(long_numbers_are_refused_as_such),
        TEST(every_beginning_is_refused),
        TEST(scanner_is_no_laxer_than_cjson),
        TEST(many_keys_are_checked_quickly),
        TEST(numbers_come_back_the_same),
        TEST(numbers_do_not_depend_on_the_locale),
        TEST(decimal_points_of_several_bytes),
        TEST(what_cannot_be_read_is_not_written),
        TEST(values_are_found),
        TEST(getters_read),
        TEST(getters_say_what_is_wrong),
        TEST(number_arrays_are_read),
        TEST(trees_are_built),
        TEST(building_survives_lack_of_memory),
        TEST(parsing_survives_lack_of_memory),
        TEST(printing_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
