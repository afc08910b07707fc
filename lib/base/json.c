/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON values; the only user of cJSON. An lls_json is a cJSON that the rest of
 * the library cannot look into. Its memory is cJSON's own (malloc): cJSON's
 * hooks are common to the process, and so are left alone.
 */
#include "base/json_scan.h"

#include <cjson/cJSON.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Up to this number of keys, comparing all pairs is quicker than sorting. */
enum { FEW_KEYS = 16 };
/* Above it, not every integer is a double. */
#define LARGEST_INTEGER (UINT64_C(1) << 53)

static const cJSON *in(const lls_json *json)
{
    return (const cJSON *)json;
}

static lls_json *out(cJSON *json)
{
    return (lls_json *)json;
}

/* --- parsing ------------------------------------------------------------ */

/* Goes through a fresh tree in the order of the text, to find what JSON's grammar allows and this
 * library does not; the counts say where in the text that is. */
typedef struct walk {
    const char *text;
    size_t length;
    uint64_t first_line;
    uint64_t keys, numbers; /* seen so far */
    llmsched_error *err;
} walk;

typedef struct key_entry {
    const cJSON *item;
    uint32_t index;
} key_entry;

static int compare_keys(const void *a, const void *b)
{
    const key_entry *x = a, *y = b;
    int order = strcmp(x->item->string, y->item->string);
    return order != 0 ? order : x->index < y->index ? -1 : x->index > y->index;
}

static const cJSON *duplicate_of_few(const cJSON *object)
{
    for (const cJSON *later = object->child; later != NULL; later = later->next)
        for (const cJSON *item = object->child; item != later; item = item->next)
            if (strcmp(item->string, later->string) == 0)
                return later;
    return NULL;
}

/* The first item in the order of the text whose key was there before. */
static llmsched_status find_duplicate(const cJSON *object, const cJSON **duplicate)
{
    uint32_t count = lls_json_count((const lls_json *)object), i = 0;
    *duplicate = NULL;
    if (count <= FEW_KEYS) {
        *duplicate = duplicate_of_few(object);
        return LLMSCHED_OK;
    }
    key_entry *entries = cJSON_malloc(count * sizeof *entries);
    if (entries == NULL)
        return LLMSCHED_ERROR_MEMORY;
    for (const cJSON *item = object->child; item != NULL; item = item->next, i++)
        entries[i] = (key_entry){item, i};
    qsort(entries, count, sizeof *entries, compare_keys);
    uint32_t first = LLS_NONE32;
    for (i = 1; i < count; i++)
        if (entries[i].index < first &&
            strcmp(entries[i - 1].item->string, entries[i].item->string) == 0) {
            first = entries[i].index;
            *duplicate = entries[i].item;
        }
    cJSON_free(entries);
    return LLMSCHED_OK;
}

static llmsched_status refuse(const walk *w, lls_json_token token, uint64_t n, const char *what,
                              const char *name)
{
    uint64_t line, column;
    lls_json_locate(w->text, w->length, w->first_line, token, n, &line, &column);
    return lls_fail_at(w->err, LLMSCHED_ERROR_PARSE, line, column, "%s%s%s%s", what,
                       name != NULL ? " \"" : "", name != NULL ? name : "",
                       name != NULL ? "\"" : "");
}

/* Goes no deeper than LLS_JSON_DEPTH, which the scanner saw to. */
static llmsched_status check_tree(walk *w, const cJSON *json)
{
    if (cJSON_IsNumber(json)) {
        if (!isfinite(json->valuedouble))
            return refuse(w, LLS_JSON_TOKEN_NUMBER, w->numbers,
                          "a number too large for a double (about 1.8e308)", NULL);
        w->numbers++;
        return LLMSCHED_OK;
    }
    const cJSON *duplicate = NULL;
    if (cJSON_IsObject(json) && find_duplicate(json, &duplicate) != LLMSCHED_OK)
        return lls_fail_memory(w->err);
    for (const cJSON *item = json->child; item != NULL; item = item->next) {
        if (cJSON_IsObject(json)) {
            if (item == duplicate)
                return refuse(w, LLS_JSON_TOKEN_KEY, w->keys,
                              "a key for the second time:", item->string);
            w->keys++;
        }
        llmsched_status status = check_tree(w, item);
        if (status != LLMSCHED_OK)
            return status;
    }
    return LLMSCHED_OK;
}

/* cJSON on its own would be content with the beginning of a number. */
static cJSON *read_all(const char *text, size_t length)
{
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    while (tree != NULL && end < text + length)
        if (strchr(" \t\r\n", *end++) == NULL) {
            cJSON_Delete(tree);
            tree = NULL;
        }
    return tree;
}

/* The text is sound: what can be missing is memory, or a locale that cJSON knows to read in. */
static llmsched_status fail_cjson(llmsched_error *err)
{
    if (strlen(localeconv()->decimal_point) > 1)
        return lls_fail(err, LLMSCHED_ERROR_STATE,
                        "json: cannot read numbers while the decimal point of the locale has "
                        "several bytes: set LC_NUMERIC to \"C\"");
    return lls_fail_memory(err);
}

llmsched_status lls_json_parse(const char *text, size_t length, uint64_t first_line,
                               lls_json **json, llmsched_error *err)
{
    if (text == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "json: the text is NULL");
    llmsched_status status = lls_json_scan(text, length, first_line, err);
    if (status != LLMSCHED_OK)
        return status;
    cJSON *tree = read_all(text, length);
    if (tree == NULL)
        return fail_cjson(err);
    walk w = {.text = text, .length = length, .first_line = first_line, .err = err};
    status = check_tree(&w, tree);
    if (status == LLMSCHED_OK)
        *json = out(tree);
    else
        cJSON_Delete(tree);
    return status;
}

void lls_json_free(lls_json *json)
{
    cJSON_Delete((cJSON *)json);
}

/* --- looking ------------------------------------------------------------ */

lls_json_type lls_json_kind(const lls_json *json)
{
    if (cJSON_IsObject(in(json)))
        return LLS_JSON_OBJECT;
    if (cJSON_IsArray(in(json)))
        return LLS_JSON_ARRAY;
    if (cJSON_IsString(in(json)))
        return LLS_JSON_STRING;
    if (cJSON_IsNumber(in(json)))
        return LLS_JSON_NUMBER;
    return cJSON_IsBool(in(json)) ? LLS_JSON_BOOL : LLS_JSON_NULL;
}

const lls_json *lls_json_member(const lls_json *object, const char *key)
{
    if (!cJSON_IsObject(in(object)))
        return NULL;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(in(object), key);
    return item == NULL || cJSON_IsNull(item) ? NULL : (const lls_json *)item;
}

uint32_t lls_json_count(const lls_json *array_or_object)
{
    uint32_t count = 0;
    for (const lls_json *i = lls_json_first(array_or_object); i != NULL; i = lls_json_next(i))
        count++;
    return count;
}

const lls_json *lls_json_first(const lls_json *array_or_object)
{
    return array_or_object != NULL ? (const lls_json *)in(array_or_object)->child : NULL;
}

const lls_json *lls_json_next(const lls_json *item)
{
    return (const lls_json *)in(item)->next;
}

const char *lls_json_key(const lls_json *item)
{
    return in(item)->string;
}

double lls_json_value_number(const lls_json *json)
{
    return in(json)->valuedouble;
}

const char *lls_json_value_string(const lls_json *json)
{
    return in(json)->valuestring;
}

bool lls_json_value_bool(const lls_json *json)
{
    return cJSON_IsTrue(in(json));
}

/* --- members of an object ------------------------------------------------ */

/* For "%s%s%s" before a message: where the object stands, a point, and the key. */
#define MEMBER(where, key)                                                                         \
    (where) != NULL ? (where) : "", (where) != NULL && (where)[0] != '\0' ? "." : "", (key)

/* *member: NULL when the key is absent or null, and may be. */
static llmsched_status find_member(const lls_json *object, const char *where, const char *key,
                                   bool required, const char *expected, const lls_json **member,
                                   llmsched_error *err)
{
    if (!cJSON_IsObject(in(object)))
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s: expected an object",
                        where != NULL && where[0] != '\0' ? where : "the JSON value");
    *member = lls_json_member(object, key);
    if (*member == NULL && required)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s%s%s: missing; expected %s",
                        MEMBER(where, key), expected);
    return LLMSCHED_OK;
}

static llmsched_status typed_member(const lls_json *object, const char *where, const char *key,
                                    bool required, lls_json_type type, const lls_json **member,
                                    llmsched_error *err)
{
    static const char *const expected[] = {
        [LLS_JSON_NULL] = "null",       [LLS_JSON_BOOL] = "true or false",
        [LLS_JSON_NUMBER] = "a number", [LLS_JSON_STRING] = "a string",
        [LLS_JSON_ARRAY] = "an array",  [LLS_JSON_OBJECT] = "an object"};
    const lls_json *found = NULL;
    llmsched_status status = find_member(object, where, key, required, expected[type], &found, err);
    if (status != LLMSCHED_OK)
        return status;
    if (found != NULL && lls_json_kind(found) != type)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s%s%s: expected %s", MEMBER(where, key),
                        expected[type]);
    *member = found;
    return LLMSCHED_OK;
}

static llmsched_status string_member(const lls_json *object, const char *where, const char *key,
                                     bool required, const char **value, llmsched_error *err)
{
    const lls_json *member = NULL;
    llmsched_status status =
        typed_member(object, where, key, required, LLS_JSON_STRING, &member, err);
    if (status == LLMSCHED_OK && member != NULL)
        *value = lls_json_value_string(member);
    return status;
}

static llmsched_status number_member(const lls_json *object, const char *where, const char *key,
                                     bool required, double least, double *value,
                                     llmsched_error *err)
{
    const lls_json *member = NULL;
    llmsched_status status =
        typed_member(object, where, key, required, LLS_JSON_NUMBER, &member, err);
    if (status != LLMSCHED_OK || member == NULL)
        return status;
    if (lls_json_value_number(member) < least)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s%s%s: expected a number that is not negative",
                        MEMBER(where, key));
    *value = lls_json_value_number(member);
    return LLMSCHED_OK;
}

static llmsched_status u64_member(const lls_json *object, const char *where, const char *key,
                                  bool required, uint64_t max, uint64_t *value, llmsched_error *err)
{
    const lls_json *member = NULL;
    llmsched_status status =
        typed_member(object, where, key, required, LLS_JSON_NUMBER, &member, err);
    if (status != LLMSCHED_OK || member == NULL)
        return status;
    double number = lls_json_value_number(member);
    uint64_t largest = max < LARGEST_INTEGER ? max : LARGEST_INTEGER;
    if (!(number >= 0.0 && number <= (double)largest && number == floor(number)))
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s%s%s: expected an integer in 0 .. %llu",
                        MEMBER(where, key), (unsigned long long)largest);
    *value = (uint64_t)number;
    return LLMSCHED_OK;
}

llmsched_status lls_json_get_string(const lls_json *object, const char *where, const char *key,
                                    const char **value, llmsched_error *err)
{
    return string_member(object, where, key, true, value, err);
}

llmsched_status lls_json_opt_string(const lls_json *object, const char *where, const char *key,
                                    const char **value, llmsched_error *err)
{
    return string_member(object, where, key, false, value, err);
}

llmsched_status lls_json_get_number(const lls_json *object, const char *where, const char *key,
                                    double *value, llmsched_error *err)
{
    return number_member(object, where, key, true, -INFINITY, value, err);
}

llmsched_status lls_json_opt_number(const lls_json *object, const char *where, const char *key,
                                    double *value, llmsched_error *err)
{
    return number_member(object, where, key, false, -INFINITY, value, err);
}

llmsched_status lls_json_get_nonnegative(const lls_json *object, const char *where, const char *key,
                                         double *value, llmsched_error *err)
{
    return number_member(object, where, key, true, 0.0, value, err);
}

llmsched_status lls_json_opt_nonnegative(const lls_json *object, const char *where, const char *key,
                                         double *value, llmsched_error *err)
{
    return number_member(object, where, key, false, 0.0, value, err);
}

llmsched_status lls_json_get_u64(const lls_json *object, const char *where, const char *key,
                                 uint64_t max, uint64_t *value, llmsched_error *err)
{
    return u64_member(object, where, key, true, max, value, err);
}

llmsched_status lls_json_opt_u64(const lls_json *object, const char *where, const char *key,
                                 uint64_t max, uint64_t *value, llmsched_error *err)
{
    return u64_member(object, where, key, false, max, value, err);
}

llmsched_status lls_json_get_array(const lls_json *object, const char *where, const char *key,
                                   const lls_json **value, llmsched_error *err)
{
    return typed_member(object, where, key, true, LLS_JSON_ARRAY, value, err);
}

llmsched_status lls_json_get_object(const lls_json *object, const char *where, const char *key,
                                    const lls_json **value, llmsched_error *err)
{
    return typed_member(object, where, key, true, LLS_JSON_OBJECT, value, err);
}

llmsched_status lls_json_get_numbers(const llmsched_context *context, const lls_json *object,
                                     const char *where, const char *key, double **values,
                                     uint32_t *count, llmsched_error *err)
{
    const lls_json *array = NULL;
    llmsched_status status = lls_json_get_array(object, where, key, &array, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t n = lls_json_count(array), i = 0;
    double *numbers = lls_calloc(context, n, sizeof *numbers);
    if (numbers == NULL)
        return lls_fail_memory(err);
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        if (lls_json_kind(item) != LLS_JSON_NUMBER) {
            lls_free(context, numbers);
            return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s%s%s[%u]: expected a number",
                            MEMBER(where, key), (unsigned)i);
        }
        numbers[i++] = lls_json_value_number(item);
    }
    *values = numbers;
    *count = n;
    return LLMSCHED_OK;
}

/* --- building ----------------------------------------------------------- */

lls_json *lls_json_new_object(void)
{
    return out(cJSON_CreateObject());
}

lls_json *lls_json_new_array(void)
{
    return out(cJSON_CreateArray());
}

lls_json *lls_json_new_number(double value)
{
    /* cJSON converts to int, which NaN cannot be; printing refuses it later. */
    cJSON *json = cJSON_CreateNumber(isfinite(value) ? value : 0.0);
    if (json != NULL)
        json->valuedouble = value;
    return out(json);
}

lls_json *lls_json_new_string(const char *value)
{
    return value != NULL ? out(cJSON_CreateString(value)) : NULL;
}

lls_json *lls_json_new_numbers(const double *values, uint32_t count)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t i = 0; i < count; i++)
        if (!lls_json_append(array, lls_json_new_number(values[i]))) {
            lls_json_free(array);
            return NULL;
        }
    return array;
}

lls_json *lls_json_new_u32s(const uint32_t *values, uint32_t count)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t i = 0; i < count; i++)
        if (!lls_json_append(array, lls_json_new_number(values[i]))) {
            lls_json_free(array);
            return NULL;
        }
    return array;
}

bool lls_json_put(lls_json *object, const char *key, lls_json *child)
{
    if (object != NULL && child != NULL &&
        cJSON_AddItemToObject((cJSON *)object, key, (cJSON *)child))
        return true;
    lls_json_free(child);
    return false;
}

bool lls_json_put_string(lls_json *object, const char *key, const char *value)
{
    return value == NULL || lls_json_put(object, key, lls_json_new_string(value));
}

bool lls_json_put_number(lls_json *object, const char *key, double value)
{
    return lls_json_put(object, key, lls_json_new_number(value));
}

bool lls_json_append(lls_json *array, lls_json *child)
{
    if (array != NULL && child != NULL && cJSON_AddItemToArray((cJSON *)array, (cJSON *)child))
        return true;
    lls_json_free(child);
    return false;
}
