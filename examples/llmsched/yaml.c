/* SPDX-License-Identifier: Apache-2.0 */
#include "yaml.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "utf8.h"

/* Read as something else than text by YAML 1.1 or 1.2. */
static const char *const RESERVED[] = {"y", "n", "yes", "no", "true", "false", "on", "off", "null"};

static bool is_plain(const char *text)
{
    if (!isalpha((unsigned char)text[0]) && text[0] != '/')
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("_./-", *c) == NULL)
            return false;
    for (size_t i = 0; i < COUNT_OF(RESERVED); i++)
        if (strcasecmp(RESERVED[i], text) == 0)
            return false;
    return true;
}

static void put_scalar(FILE *file, const char *text)
{
    if (is_plain(text)) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        const unsigned char *start = c;
        uint32_t code = utf8_take(&c);
        if (code == '"' || code == '\\')
            fprintf(file, "\\%c", (char)code);
        else if (code >= 0x20 && code < 0x7F)
            fputc((int)code, file);
        else if (code < 0xA0 || code == 0xFFFD || code == 0xFEFF || (code & 0xFFFE) == 0xFFFE ||
                 (code >= 0x2028 && code <= 0x2029))
            fprintf(file, code > 0xFFFF ? "\\U%08X" : "\\u%04X", code);
        else
            fwrite(start, 1, (size_t)(c - start), file);
    }
    fputc('"', file);
}

/* The indentation, with the dash of an item where one is due. */
static void put_indent(struct yaml *yaml)
{
    int spaces = 2 * yaml->depth;
    if (yaml->dashes > 0) {
        fprintf(yaml->file, "%*s- ", spaces - 2, "");
        yaml->dashes = 0;
        return;
    }
    fprintf(yaml->file, "%*s", spaces, "");
}

static void put_key(struct yaml *yaml, const char *key)
{
    put_indent(yaml);
    put_scalar(yaml->file, key);
    fputc(':', yaml->file);
}

void yaml_map(struct yaml *yaml, const char *key)
{
    put_key(yaml, key);
    fputc('\n', yaml->file);
    yaml->depth++;
}

void yaml_list(struct yaml *yaml, const char *key)
{
    yaml_map(yaml, key);
}

void yaml_item(struct yaml *yaml)
{
    yaml->depth++;
    yaml->dashes = 1;
}

void yaml_end(struct yaml *yaml)
{
    yaml->depth--;
}

void yaml_string(struct yaml *yaml, const char *key, const char *value)
{
    put_key(yaml, key);
    fputc(' ', yaml->file);
    put_scalar(yaml->file, value);
    fputc('\n', yaml->file);
}

void yaml_empty(struct yaml *yaml, const char *key)
{
    put_key(yaml, key);
    fputs(" {}\n", yaml->file);
}

void yaml_number(struct yaml *yaml, const char *key, double value)
{
    put_key(yaml, key);
    fputc(' ', yaml->file);
    json_put_number(yaml->file, value);
    fputc('\n', yaml->file);
}

void yaml_block(struct yaml *yaml, const char *key, const char *text)
{
    put_key(yaml, key);
    fputs(" |\n", yaml->file);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n") + 1;
        fprintf(yaml->file, "%*s%.*s", 2 * yaml->depth + 2, "", (int)length, text);
        text += length;
    }
}

void yaml_string_item(struct yaml *yaml, const char *value)
{
    yaml->depth++;
    yaml->dashes = 1;
    put_indent(yaml);
    yaml->depth--;
    put_scalar(yaml->file, value);
    fputc('\n', yaml->file);
}

void yaml_document(struct yaml *yaml)
{
    fputs("---\n", yaml->file);
}
