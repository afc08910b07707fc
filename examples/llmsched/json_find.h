/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a text a field stands. */
#ifndef JSON_FIND_H
#define JSON_FIND_H

#include <stdint.h>

/*
 * Line, from 1, of the value that a path such as "tau[1]" or "queries[3].evidence.x" leads to;
 * where the path ends early, of the value that lacks the next step. The text must be valid JSON.
 */
uint64_t json_line_of(const char *text, const char *path);

#endif
