/* SPDX-License-Identifier: Apache-2.0 */
#include "shell.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("_./-:,=+@%", *c) == NULL)
            return false;
    /* A word of the shape NAME=VALUE in front would be an assignment. */
    return text[0] != '\0' && strchr(text, '=') == NULL;
}

void shell_word(FILE *file, const char *text)
{
    if (is_plain(text)) {
        fputs(text, file);
        return;
    }
    fputc('\'', file);
    for (; *text != '\0'; text++)
        if (*text == '\'')
            fputs("'\\''", file);
        else
            fputc(*text, file);
    fputc('\'', file);
}

void shell_comment(FILE *file, const char *text)
{
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < 0x20 ? '?' : *text, file);
}
