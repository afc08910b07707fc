/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a field's line in a document. cJSON keeps no positions, and only a
 * refusal needs one: the text is walked once more then.
 */
#include "json_find.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_blank(const char *c)
{
    return c + strspn(c, " \t\r\n");
}

/* Behind the string that begins at c. */
static const char *skip_string(const char *c)
{
    for (c++; *c != '\0' && *c != '"'; c++)
        if (*c == '\\' && c[1] != '\0')
            c++;
    return *c == '"' ? c + 1 : c;
}

/* Behind the value that begins at c. */
static const char *skip_value(const char *c)
{
    size_t depth = 0;
    do {
        if (*c == '"') {
            c = skip_string(c);
            continue;
        }
        if (*c == '[' || *c == '{')
            depth++;
        else if (depth == 0)
            return c + strcspn(c, ",]} \t\r\n");
        else if (*c == ']' || *c == '}')
            depth--;
        c++;
    } while (*c != '\0' && depth > 0);
    return c;
}

/* The member of the object at c, or NULL. Keys with escapes are not found. */
static const char *find_member(const char *c, const char *key, size_t length)
{
    for (c = skip_blank(c + 1); *c == '"'; c = skip_blank(c + 1)) {
        const char *start = c + 1;
        c = skip_string(c);
        bool found = (size_t)(c - start) == length + 1 && strncmp(start, key, length) == 0;
        c = skip_blank(c);
        if (*c != ':')
            return NULL;
        c = skip_blank(c + 1);
        if (found)
            return c;
        c = skip_blank(skip_value(c));
        if (*c != ',')
            return NULL;
    }
    return NULL;
}

static const char *find_item(const char *c, unsigned long index)
{
    c = skip_blank(c + 1);
    for (unsigned long i = 0; i < index; i++) {
        c = skip_blank(skip_value(c));
        if (*c != ',')
            return NULL;
        c = skip_blank(c + 1);
    }
    return *c == ']' ? NULL : c;
}

/* Takes one step of the path from c; NULL where it leads nowhere. */
static const char *step(const char *c, const char **path)
{
    if (**path == '[') {
        char *end;
        unsigned long index = strtoul(*path + 1, &end, 10);
        *path = *end == ']' ? end + 1 : end;
        return *c == '[' ? find_item(c, index) : NULL;
    }
    if (**path == '.')
        (*path)++;
    size_t length = strcspn(*path, ".[");
    const char *found = *c == '{' ? find_member(c, *path, length) : NULL;
    *path += length;
    return found;
}

uint64_t json_line_of(const char *text, const char *path)
{
    const char *at = skip_blank(text);
    uint64_t line = 1;
    while (*path != '\0') {
        const char *next = step(at, &path);
        if (next == NULL)
            break;
        at = next;
    }
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    return line;
}
