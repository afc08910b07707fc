/* SPDX-License-Identifier: Apache-2.0 */
/* Writes YAML in block style. Strings are quoted where any reader could take them for anything
 * else. */
#ifndef YAML_H
#define YAML_H

#include <stdio.h>

struct yaml {
    FILE *file;
    int depth;  /* of the mapping that is written */
    int dashes; /* the next line begins an item of a list */
};

/* A mapping or a list under a key follows; ends with yaml_end(). Neither may stay empty. */
void yaml_map(struct yaml *yaml, const char *key);
void yaml_list(struct yaml *yaml, const char *key);
void yaml_end(struct yaml *yaml);
/* In a list: the next lines, until yaml_end(), are one mapping. */
void yaml_item(struct yaml *yaml);

void yaml_string(struct yaml *yaml, const char *key, const char *value);
/* {} */
void yaml_empty(struct yaml *yaml, const char *key);
void yaml_number(struct yaml *yaml, const char *key, double value);
/* Lines of text under a key, as they stand; they end in a line break. */
void yaml_block(struct yaml *yaml, const char *key, const char *text);
/* Items of a list. */
void yaml_string_item(struct yaml *yaml, const char *value);
void yaml_document(struct yaml *yaml);

#endif
