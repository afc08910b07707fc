/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict reading of JSON text that precedes building a tree: whatever
 * passes here is one JSON value of RFC 8259, in UTF-8, without \u0000, nested
 * at most LLS_JSON_DEPTH deep.
 */
#ifndef LLS_BASE_JSON_SCAN_H
#define LLS_BASE_JSON_SCAN_H

#include "base/internal.h"

enum { LLS_JSON_DEPTH = 512 };
/* cJSON reads no longer number. */
enum { LLS_JSON_NUMBER_BYTES = 63 };

typedef enum lls_json_token { LLS_JSON_TOKEN_KEY, LLS_JSON_TOKEN_NUMBER } lls_json_token;

/* LLMSCHED_ERROR_PARSE with line, column and what was expected. */
llmsched_status lls_json_scan(const char *text, size_t length, uint64_t first_line,
                              llmsched_error *err);

/* Line and column of the n-th (from 0) key or number, in the order of the text, which is valid. */
void lls_json_locate(const char *text, size_t length, uint64_t first_line, lls_json_token token,
                     uint64_t n, uint64_t *line, uint64_t *column);

#endif
