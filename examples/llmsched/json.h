/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON with the file, line and field in every refusal; writing its numbers and strings. */
#ifndef JSON_H
#define JSON_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "program.h"

/* Where a value stands, for messages. */
struct place {
    const char *path;
    uint64_t line;    /* 0: the file is one document, text */
    const char *text; /* of a document, ended by NUL */
    char where[64];   /* of the object in it, such as "stages[3]"; "" at the top */
    struct problem *problem;
};

/* One JSON value and nothing else; cJSON_Delete() it. NULL with a problem noted. */
cJSON *json_parse(const char *text, size_t length, const struct place *place);
/* Notes "FILE:LINE: WHERE.KEY: expected WHAT" and returns false. */
bool json_expected(const struct place *place, const char *key, const char *what);

/* The library's error about a document; its message begins with the field. Returns false. */
bool document_failed(struct problem *problem, const char *path, const char *text,
                     const llmsched_error *err);

/* Members; null counts as absent. Required ones are refused when absent. */
bool json_get_string(const struct place *place, const cJSON *object, const char *key,
                     const char **value);
bool json_get_array(const struct place *place, const cJSON *object, const char *key,
                    const cJSON **value);
bool json_get_object(const struct place *place, const cJSON *object, const char *key,
                     const cJSON **value);
/* Finite and not negative. */
bool json_get_amount(const struct place *place, const cJSON *object, const char *key,
                     double *value);
/* An integer in least .. most. */
bool json_get_integer(const struct place *place, const cJSON *object, const char *key, double least,
                      double most, double *value);
/* The member, or NULL where it is absent or null. */
const cJSON *json_member(const cJSON *object, const char *key);
bool json_is_amount(const cJSON *value);

/* Shortest of 15, 16 or 17 digits that reads back as the same double. */
void json_put_number(FILE *file, double value);
void json_put_string(FILE *file, const char *text);

#endif
