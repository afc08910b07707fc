/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of command lines. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct command *command, const struct option *options, size_t count)
{
    printf("usage: llmsched %s %s\n\n%s\n\n", command->name, command->usage, command->summary);
    for (size_t i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options[i].name,
                 options[i].name[0] != '\0' && options[i].value != NULL ? " " : "",
                 options[i].value != NULL ? options[i].value : "");
        printf("  %-26s %s\n", left, options[i].help);
    }
    printf("  %-26s %s\n", "--help", "this text");
    if (command->details != NULL)
        printf("\n%s\n", command->details);
}

static bool parse_count(const char *name, const char *text, uint64_t *value,
                        struct problem *problem)
{
    char *end;
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
        return bad_input(problem, "%s: expected a whole number, not \"%s\"", name, text);
    *value = parsed;
    return true;
}

static bool parse_number(const char *name, const char *text, double *value, struct problem *problem)
{
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(parsed))
        return bad_input(problem, "%s: expected a number, not \"%s\"", name, text);
    *value = parsed;
    return true;
}

static bool store(const struct option *option, char *text, struct problem *problem)
{
    switch (option->kind) {
    case OPTION_COUNT:
        return parse_count(option->name, text, option->target, problem);
    case OPTION_NUMBER:
        return parse_number(option->name, text, option->target, problem);
    default:
        *(const char **)option->target = text;
        return true;
    }
}

static const struct option *find(const struct option *options, size_t count, const char *name,
                                 size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0';
}

/* Values of one list may stand apart; they are gathered in front of argv's free part. */
static void add_value(struct values *values, char *item)
{
    char **items = allocate(values->count + 1, sizeof *items);
    if (values->count > 0)
        memcpy(items, values->items, values->count * sizeof *items);
    items[values->count++] = item;
    free(values->items);
    values->items = items;
}

/* Takes the option at argv[*i] with its values and moves on behind them. */
static bool take(const struct option *option, int argc, char **argv, int *i, char *inline_value,
                 struct problem *problem)
{
    if (option->kind == OPTION_FLAG) {
        *(bool *)option->target = true;
        return inline_value == NULL ? true
                                    : bad_input(problem, "%s: expected no value", option->name);
    }
    if (inline_value != NULL && option->kind != OPTION_LIST)
        return store(option, inline_value, problem);
    if (inline_value == NULL && (*i + 1 >= argc || is_option(argv[*i + 1])))
        /* A negative number is a value, and the value's own check refuses it. */
        if (*i + 1 >= argc || option->kind != OPTION_NUMBER)
            return bad_input(problem, "%s: expected %s behind it", option->name, option->value);
    if (option->kind != OPTION_LIST)
        return store(option, argv[++*i], problem);
    if (inline_value != NULL)
        add_value(option->target, inline_value);
    while (*i + 1 < argc && !is_option(argv[*i + 1]))
        add_value(option->target, argv[++*i]);
    return true;
}

static bool is_missing(const struct option *option)
{
    if (!option->required)
        return false;
    if (option->kind == OPTION_LIST)
        return ((const struct values *)option->target)->count == 0;
    return option->kind == OPTION_TEXT && *(const char **)option->target == NULL;
}

bool options_parse(const struct command *command, const struct option *options, size_t count,
                   int argc, char **argv, bool *helped, struct problem *problem)
{
    *helped = false;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(command, options, count);
            *helped = true;
            return true;
        }
    for (int i = 0; i < argc; i++) {
        const struct option *option = NULL;
        char *inline_value = NULL;
        if (is_option(argv[i])) {
            char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
            size_t length = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
            inline_value = equals != NULL ? equals + 1 : NULL;
            option = find(options, count, argv[i], length);
            if (option == NULL)
                return bad_input(problem, "%s: expected an option of %s (see llmsched %s --help)",
                                 argv[i], command->name, command->name);
            if (!take(option, argc, argv, &i, inline_value, problem))
                return false;
        } else {
            option = find(options, count, "", 0);
            if (option == NULL)
                return bad_input(problem, "%s: expected an option (see llmsched %s --help)",
                                 argv[i], command->name);
            add_value(option->target, argv[i]);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (is_missing(&options[i]))
            return bad_input(problem, "%s: expected %s (see llmsched %s --help)",
                             options[i].name[0] != '\0' ? options[i].name : options[i].value,
                             options[i].value, command->name);
    return true;
}
