/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: options by table, and the help that the table gives. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "program.h"

/* Values that stand in argv. */
struct values {
    char **items;
    size_t count;
};

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_COUNT,  /* uint64_t, 0 or more */
    OPTION_NUMBER, /* double, finite */
    OPTION_LIST    /* struct values: all arguments up to the next option */
};

struct option {
    const char *name;  /* "--load", "-o"; "" for what stands before or after the options */
    const char *value; /* how help calls the value; NULL for a flag */
    enum option_kind kind;
    bool required;
    void *target;
    const char *help;
};

struct command {
    const char *name;
    const char *usage;   /* after "llmsched NAME " */
    const char *summary; /* one line */
    const char *details; /* may be NULL */
    int (*run)(int argc, char **argv, struct problem *problem);
};

/* Fills the targets. *helped: --help was asked for and printed. */
bool options_parse(const struct command *command, const struct option *options, size_t count,
                   int argc, char **argv, bool *helped, struct problem *problem);

extern const struct command COMMAND_LEARN, COMMAND_QUERY, COMMAND_SIMULATE, COMMAND_COMPARE,
    COMMAND_GENERATE, COMMAND_PREDICT, COMMAND_PLAN;

#endif
