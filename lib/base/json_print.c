/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON values as text. cJSON's own printer takes doubles that differ in the
 * last place for the same, and writes NaN as null; here a number reads back as
 * the same double, whatever the locale, or is refused.
 */
#include "base/json_scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct printer {
    const llmsched_context *context;
    char *data;
    size_t length;
    uint32_t capacity;
    uint32_t depth;
    llmsched_error *err;
} printer;

static llmsched_status add(printer *p, const char *bytes, size_t length)
{
    void *data = p->data;
    bool ok = lls_grow(p->context, &data, &p->capacity, p->length + length, 1);
    p->data = data;
    if (!ok)
        return lls_fail_memory(p->err);
    memcpy(p->data + p->length, bytes, length);
    p->length += length;
    return LLMSCHED_OK;
}

/* The locale may have put something else where JSON wants the point. */
static size_t fix_point(char *number)
{
    size_t to = 0;
    for (const char *from = number; *from != '\0'; from++) {
        if (strchr("0123456789+-e", *from) != NULL)
            number[to++] = *from;
        else if (to > 0 && number[to - 1] != '.')
            number[to++] = '.';
    }
    number[to] = '\0';
    return to;
}

static llmsched_status print_number(printer *p, double value)
{
    char number[48];
    if (!isfinite(value))
        return lls_fail(p->err, LLMSCHED_ERROR_INTERNAL,
                        "json: a number that is not finite cannot be written");
    if (value == floor(value) && fabs(value) < 1e15) {
        snprintf(number, sizeof number, "%.0f", value);
        return add(p, number, strlen(number));
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        if (strtod(number, NULL) == value)
            break;
    }
    return add(p, number, fix_point(number));
}

static llmsched_status print_escaped(printer *p, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    char escape[8];
    const char *found = strchr(plain, c);
    int length = found != NULL ? snprintf(escape, sizeof escape, "\\%c", letters[found - plain])
                               : snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
    return add(p, escape, (size_t)length);
}

static llmsched_status print_string(printer *p, const char *text)
{
    /* What is written must be readable again. */
    if (!lls_utf8_valid(text))
        return lls_fail(p->err, LLMSCHED_ERROR_INVALID,
                        "json: a string that is not UTF-8 cannot be written");
    llmsched_status status = add(p, "\"", 1);
    while (status == LLMSCHED_OK && *text != '\0') {
        size_t run = 0;
        while ((unsigned char)text[run] >= 0x20 && text[run] != '"' && text[run] != '\\')
            run++;
        status = run > 0 ? add(p, text, run) : print_escaped(p, (unsigned char)*text++);
        text += run;
    }
    return status == LLMSCHED_OK ? add(p, "\"", 1) : status;
}

static llmsched_status print_value(printer *p, const lls_json *json);

static llmsched_status print_items(printer *p, const lls_json *json, bool object)
{
    if (p->depth++ == LLS_JSON_DEPTH)
        return lls_fail(p->err, LLMSCHED_ERROR_INTERNAL, "json: nested deeper than %d levels",
                        LLS_JSON_DEPTH);
    llmsched_status status = add(p, object ? "{" : "[", 1);
    const lls_json *item = lls_json_first(json);
    for (bool first = true; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item)) {
        if (!first)
            status = add(p, ",", 1);
        first = false;
        if (status == LLMSCHED_OK && object)
            status = print_string(p, lls_json_key(item));
        if (status == LLMSCHED_OK && object)
            status = add(p, ":", 1);
        if (status == LLMSCHED_OK)
            status = print_value(p, item);
    }
    p->depth--;
    return status == LLMSCHED_OK ? add(p, object ? "}" : "]", 1) : status;
}

/* Goes no deeper than LLS_JSON_DEPTH. */
static llmsched_status print_value(printer *p, const lls_json *json)
{
    switch (lls_json_kind(json)) {
    case LLS_JSON_OBJECT:
        return print_items(p, json, true);
    case LLS_JSON_ARRAY:
        return print_items(p, json, false);
    case LLS_JSON_STRING:
        return print_string(p, lls_json_value_string(json));
    case LLS_JSON_NUMBER:
        return print_number(p, lls_json_value_number(json));
    case LLS_JSON_BOOL:
        return lls_json_value_bool(json) ? add(p, "true", 4) : add(p, "false", 5);
    default:
        return add(p, "null", 4);
    }
}

llmsched_status lls_json_print(const llmsched_context *context, const lls_json *json,
                               llmsched_text **text, llmsched_error *err)
{
    if (json == NULL) /* the end of a chain in which memory ran out */
        return lls_fail_memory(err);
    printer p = {.context = context, .err = err};
    llmsched_status status = print_value(&p, json);
    if (status == LLMSCHED_OK)
        status = lls_text_create(context, p.data, p.length, text, err);
    lls_free(context, p.data);
    return status;
}
