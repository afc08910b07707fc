/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llmsched: the library from the command line. It uses the public interface
 * alone, so every part of it is an example of how to call the library.
 */
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "options.h"

static const struct command *const COMMANDS[] = {
    &COMMAND_COMPARE, &COMMAND_LEARN,    &COMMAND_SIMULATE, &COMMAND_QUERY,
    &COMMAND_PREDICT, &COMMAND_GENERATE, &COMMAND_PLAN};

static void print_help(void)
{
    puts("usage: llmsched COMMAND ...\n\n"
         "Schedules compound LLM applications, from recorded runs to a table of policies.\n");
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++)
        printf("  %-10s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    puts("\n  llmsched COMMAND --help    its options\n"
         "  llmsched --policies        the built-in policies\n"
         "  llmsched --version\n\n"
         "Exit codes: 0 done, 1 no result, 2 bad input (one line on standard error says where\n"
         "and what was expected; no output is left).");
}

static void print_policies(void)
{
    for (uint32_t i = 0; i < llmsched_policy_count(); i++)
        printf("%-12s %s\n", llmsched_policy_name(i), llmsched_policy_summary(i));
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(COMMANDS); i++)
        if (strcmp(COMMANDS[i]->name, name) == 0)
            return COMMANDS[i];
    return NULL;
}

static int dispatch(int argc, char **argv, struct problem *problem)
{
    if (argc < 2) {
        bad_input(problem, "command: expected one (see llmsched --help)");
        return EXIT_BAD_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("llmsched %s\n", llmsched_version());
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--policies") == 0) {
        print_policies();
        return EXIT_DONE;
    }
    const struct command *command = find_command(argv[1]);
    if (command == NULL) {
        bad_input(problem, "%s: expected a command (see llmsched --help)", argv[1]);
        return EXIT_BAD_INPUT;
    }
    return command->run(argc - 2, argv + 2, problem);
}

int main(int argc, char **argv)
{
    struct problem problem = {0};
    outputs_guard();
    int code = dispatch(argc, argv, &problem);
    if (problem.code != EXIT_DONE)
        fprintf(stderr, "llmsched: %s\n", problem.text);
    if (fflush(stdout) != 0 && code == EXIT_DONE) {
        fprintf(stderr, "llmsched: standard output: expected a place that can be written\n");
        return EXIT_BAD_INPUT;
    }
    return problem.code != EXIT_DONE ? problem.code : code;
}
