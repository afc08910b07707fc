/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing JSON; cJSON bounds the depth (CJSON_NESTING_LIMIT). */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_find.h"

static bool refuse(const struct place *place, uint64_t line, const char *field, const char *what)
{
    return bad_input(place->problem, "%s:%llu: %s: expected %s", place->path,
                     (unsigned long long)(line > 0 ? line : 1), field, what);
}

bool json_expected(const struct place *place, const char *key, const char *what)
{
    char field[256];
    snprintf(field, sizeof field, "%s%s%s", place->where,
             place->where[0] != '\0' && key[0] != '\0' ? "." : "", key);
    uint64_t line = place->text != NULL ? json_line_of(place->text, field) : place->line;
    return refuse(place, line, field[0] != '\0' ? field : "value", what);
}

/* Two keys of one name would leave it to chance which one counts. */
static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *find_twice(const cJSON *object)
{
    size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
    const char **keys = allocate(count, sizeof *keys), *twice = NULL;
    for (const cJSON *item = object->child; item != NULL; item = item->next)
        keys[i++] = item->string;
    if (count > 1)
        qsort(keys, count, sizeof *keys, compare_keys);
    for (i = 1; i < count && twice == NULL; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            twice = keys[i];
    free(keys);
    return twice;
}

/* cJSON has bounded the depth. */
static const char *find_any_twice(const cJSON *json)
{
    const char *twice = cJSON_IsObject(json) ? find_twice(json) : NULL;
    for (const cJSON *item = json->child; item != NULL && twice == NULL; item = item->next)
        if (item->child != NULL)
            twice = find_any_twice(item);
    return twice;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What stands where parsing stopped, as "byte N" of its line. */
static void refuse_text(const struct place *place, const char *text, const char *stop,
                        const char *what)
{
    uint64_t line = place->line > 0 ? place->line : 1;
    const char *start = text;
    for (const char *c = text; c < stop; c++)
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    char field[48];
    snprintf(field, sizeof field, "byte %zu", stop >= start ? (size_t)(stop - start) + 1 : 1);
    refuse(place, line, field, what);
}

cJSON *json_parse(const char *text, size_t length, const struct place *place)
{
    const char *end = NULL, *zero = memchr(text, '\0', length), *twice;
    if (zero != NULL) {
        refuse_text(place, text, zero, "JSON without NUL bytes");
        return NULL;
    }
    cJSON *json = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    if (json == NULL) {
        refuse_text(place, text, end != NULL ? end : text, "valid JSON");
        return NULL;
    }
    while (end < text + length && blank(*end))
        end++;
    if (end < text + length) {
        refuse_text(place, text, end, "nothing behind the value");
    } else if ((twice = find_any_twice(json)) != NULL) {
        refuse(place, place->line, twice, "the key once in its object");
    } else {
        return json;
    }
    cJSON_Delete(json);
    return NULL;
}

bool document_failed(struct problem *problem, const char *path, const char *text,
                     const llmsched_error *err)
{
    llmsched_error located = *err;
    char field[sizeof located.message];
    snprintf(field, sizeof field, "%s", err->message);
    field[strcspn(field, ": ")] = '\0';
    if (located.line == 0)
        located.line = json_line_of(text, field);
    return library_failed(problem, path, &located);
}

const cJSON *json_member(const cJSON *object, const char *key)
{
    const cJSON *member =
        cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
    return member == NULL || cJSON_IsNull(member) ? NULL : member;
}

bool json_is_amount(const cJSON *value)
{
    return cJSON_IsNumber(value) && isfinite(value->valuedouble) && value->valuedouble >= 0.0;
}

bool json_get_string(const struct place *place, const cJSON *object, const char *key,
                     const char **value)
{
    const cJSON *member = json_member(object, key);
    if (!cJSON_IsString(member))
        return json_expected(place, key, "a string");
    *value = member->valuestring;
    return true;
}

bool json_get_array(const struct place *place, const cJSON *object, const char *key,
                    const cJSON **value)
{
    *value = json_member(object, key);
    return cJSON_IsArray(*value) ? true : json_expected(place, key, "an array");
}

bool json_get_object(const struct place *place, const cJSON *object, const char *key,
                     const cJSON **value)
{
    *value = json_member(object, key);
    return cJSON_IsObject(*value) ? true : json_expected(place, key, "an object");
}

bool json_get_amount(const struct place *place, const cJSON *object, const char *key, double *value)
{
    const cJSON *member = json_member(object, key);
    if (!json_is_amount(member))
        return json_expected(place, key, "a finite number that is not negative");
    *value = member->valuedouble;
    return true;
}

bool json_get_integer(const struct place *place, const cJSON *object, const char *key, double least,
                      double most, double *value)
{
    const cJSON *member = json_member(object, key);
    if (!cJSON_IsNumber(member) || !(member->valuedouble >= least) ||
        !(member->valuedouble <= most) || member->valuedouble != floor(member->valuedouble)) {
        char what[80];
        snprintf(what, sizeof what, "an integer in %.0f .. %.0f", least, most);
        return json_expected(place, key, what);
    }
    *value = member->valuedouble;
    return true;
}

void json_put_number(FILE *file, double value)
{
    char text[40];
    if (value == floor(value) && fabs(value) < 1e15) {
        fprintf(file, "%.0f", value == 0.0 ? 0.0 : value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (digits == 17 || strtod(text, NULL) == value)
            break;
    }
    fputs(text, file);
}

void json_put_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < 0x20)
            fprintf(file, "\\u%04x", c);
        else
            fputc(c, file);
    }
    fputc('"', file);
}
