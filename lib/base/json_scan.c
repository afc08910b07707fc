/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict scanner of JSON text. cJSON alone lets through "01", "-.5", bytes
 * that are no UTF-8 and strings cut short by \u0000, and cannot tell bad text
 * from lack of memory: after this scanner, a failure of cJSON is the latter.
 */
#include "base/json_scan.h"

#include <string.h>

typedef struct scanner {
    const char *text;
    size_t length;
    size_t at;
    const char *problem; /* what was expected at `at`; NULL: fine so far */
    uint64_t keys, numbers;
    uint64_t stop_key, stop_number; /* ends there, with `at` at its first byte */
    uint32_t depth;
    unsigned char is_object[LLS_JSON_DEPTH]; /* by depth: object or array */
} scanner;

static bool problem(scanner *s, const char *what)
{
    s->problem = what;
    return false;
}

/* -1 at the end of the text. */
static int peek(const scanner *s)
{
    return s->at < s->length ? (unsigned char)s->text[s->at] : -1;
}

static bool unexpected(scanner *s, const char *what)
{
    int c = peek(s);
    if (c < 0)
        return problem(s, "the text ends too early");
    return problem(s, c == 0 ? "a NUL byte" : what);
}

static bool take(scanner *s, char wanted)
{
    if (peek(s) != (unsigned char)wanted)
        return false;
    s->at++;
    return true;
}

static void skip_space(scanner *s)
{
    while (s->at < s->length) {
        char c = s->text[s->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
        s->at++;
    }
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool scan_literal(scanner *s, const char *word)
{
    size_t length = strlen(word);
    if (s->length - s->at < length || memcmp(s->text + s->at, word, length) != 0)
        return unexpected(s, "expected a JSON value");
    s->at += length;
    return true;
}

static bool scan_digits(scanner *s)
{
    if (!is_digit(peek(s)))
        return unexpected(s, "a malformed number: expected a digit");
    while (is_digit(peek(s)))
        s->at++;
    return true;
}

static bool scan_number(scanner *s)
{
    size_t start = s->at;
    if (s->numbers++ == s->stop_number)
        return false;
    take(s, '-');
    if (take(s, '0')) {
        if (is_digit(peek(s)))
            return problem(s, "a malformed number: no digit may follow a leading 0");
    } else if (!scan_digits(s)) {
        return false;
    }
    if (take(s, '.') && !scan_digits(s))
        return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            take(s, '-');
        if (!scan_digits(s))
            return false;
    }
    if (s->at - start > LLS_JSON_NUMBER_BYTES) {
        s->at = start;
        return problem(s, "a number of more than 63 characters");
    }
    return true;
}

/* The four digits after \u; negative when they are none. */
static long scan_hex4(scanner *s)
{
    long code = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        int c = peek(s);
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            unexpected(s, "expected four hexadecimal digits after \\u");
            return -1;
        }
        code = code * 16 + digit;
    }
    return code;
}

static bool scan_unicode_escape(scanner *s)
{
    long code = scan_hex4(s);
    if (code < 0)
        return false;
    if (code == 0)
        return problem(s, "\\u0000 is not allowed");
    if (code < 0xD800 || code > 0xDFFF)
        return true;
    if (code < 0xDC00 && take(s, '\\') && take(s, 'u')) {
        long low = scan_hex4(s);
        if (low >= 0xDC00 && low <= 0xDFFF)
            return true;
        if (low < 0)
            return false;
    }
    return problem(s, "half of a \\u surrogate pair");
}

static bool scan_escape(scanner *s)
{
    int c = peek(s);
    if (c <= 0 || strchr("\"\\/bfnrtu", c) == NULL)
        return unexpected(s, "an unknown escape after \\");
    s->at++;
    return c != 'u' || scan_unicode_escape(s);
}

static bool scan_string(scanner *s)
{
    s->at++; /* the opening quote */
    for (;;) {
        int c = peek(s);
        if (c < 0)
            return problem(s, "the text ends inside a string");
        if (c < 0x20)
            return unexpected(s, "a control character inside a string: escape it");
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            s->at++;
            if (!scan_escape(s))
                return false;
            continue;
        }
        size_t step = c < 0x80 ? 1 : lls_utf8_step(s->text + s->at, s->length - s->at);
        if (step == 0)
            return problem(s, "bytes that are not UTF-8");
        s->at += step;
    }
}

static bool scan_key(scanner *s)
{
    skip_space(s);
    if (peek(s) != '"')
        return unexpected(s, "expected a key in double quotes");
    if (s->keys++ == s->stop_key)
        return false;
    if (!scan_string(s))
        return false;
    skip_space(s);
    return take(s, ':') || unexpected(s, "expected ':' after a key");
}

static bool scan_scalar(scanner *s)
{
    int c = peek(s);
    if (c == '"')
        return scan_string(s);
    if (c == '-' || is_digit(c))
        return scan_number(s);
    return scan_literal(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
}

/* After the opening bracket. *value_due: the first item follows. */
static bool scan_open(scanner *s, bool *value_due)
{
    bool object = s->text[s->at] == '{';
    if (s->depth == LLS_JSON_DEPTH)
        return problem(s, "nested deeper than 512 levels");
    s->is_object[s->depth++] = object;
    s->at++;
    skip_space(s);
    int c = peek(s);
    *value_due = c != (object ? '}' : ']');
    return !*value_due || !object || scan_key(s);
}

/* After an item or an opening bracket without items: up to where the next value is due, or depth 0.
 */
static bool scan_close(scanner *s)
{
    while (s->depth > 0) {
        bool object = s->is_object[s->depth - 1];
        skip_space(s);
        if (take(s, ','))
            return !object || scan_key(s);
        if (!take(s, object ? '}' : ']'))
            return unexpected(s, object ? "expected ',' or '}'" : "expected ',' or ']'");
        s->depth--;
    }
    return true;
}

static bool scan_document(scanner *s)
{
    if (s->length >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0)
        s->at = 3; /* a byte order mark */
    do {
        bool value_due = false;
        skip_space(s);
        int c = peek(s);
        if (c == '{' || c == '[') {
            if (!scan_open(s, &value_due))
                return false;
            if (value_due)
                continue;
        } else if (!scan_scalar(s)) {
            return false;
        }
        /* An empty bracket is closed here, too: a ',' cannot stand where scan_open saw its end. */
        if (!scan_close(s))
            return false;
    } while (s->depth > 0);
    skip_space(s);
    return s->at == s->length || unexpected(s, "expected nothing after the JSON value");
}

static void position(const scanner *s, uint64_t first_line, uint64_t *line, uint64_t *column)
{
    size_t start = 0;
    *line = first_line;
    for (size_t i = 0; i < s->at; i++)
        if (s->text[i] == '\n') {
            ++*line;
            start = i + 1;
        }
    *column = s->at - start + 1;
}

llmsched_status lls_json_scan(const char *text, size_t length, uint64_t first_line,
                              llmsched_error *err)
{
    scanner s = {.text = text, .length = length, .stop_key = UINT64_MAX, .stop_number = UINT64_MAX};
    if (scan_document(&s))
        return LLMSCHED_OK;
    uint64_t line, column;
    position(&s, first_line, &line, &column);
    return lls_fail_at(err, LLMSCHED_ERROR_PARSE, line, column, "not JSON: %s", s.problem);
}

void lls_json_locate(const char *text, size_t length, uint64_t first_line, lls_json_token token,
                     uint64_t n, uint64_t *line, uint64_t *column)
{
    scanner s = {.text = text,
                 .length = length,
                 .stop_key = token == LLS_JSON_TOKEN_KEY ? n : UINT64_MAX,
                 .stop_number = token == LLS_JSON_TOKEN_NUMBER ? n : UINT64_MAX};
    scan_document(&s);
    position(&s, first_line, line, column);
}
