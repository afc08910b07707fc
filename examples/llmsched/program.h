/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file of the program shares: the one problem that ends it, memory
 * that is there or ends it, and strings kept once.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "llmsched/llmsched.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* Exit codes. */
enum { EXIT_DONE = 0, EXIT_NO_RESULT = 1, EXIT_BAD_INPUT = 2 };

/* The first thing that went wrong; main() prints it as one line. */
struct problem {
    int code; /* an exit code; EXIT_DONE: nothing went wrong */
    char text[1024];
};

/* Each notes the problem unless there is one already, and returns false. */
bool bad_input(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool no_result(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The library's error about a text of a file; path may be NULL. */
bool library_failed(struct problem *problem, const char *path, const llmsched_error *err);

/* Memory, cleared; ends the program when there is none. */
void *allocate(size_t count, size_t size);
/* Doubles *items until it holds need of them; new room is not cleared. */
void grow(void **items, size_t *capacity, size_t need, size_t size);
char *copy_text(const char *text);
/* As sprintf, into fresh memory. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Memory that is given up all at once. */
struct arena {
    struct arena_block *blocks;
    size_t used, size; /* of the first block */
};
void *arena_take(struct arena *arena, size_t count, size_t size);
void arena_release(struct arena *arena);

/* A string kept once, with marks for whoever reads a job's stages. */
struct word {
    const char *text;
    uint64_t job;   /* the last job that has a stage of this id, plus 1 */
    uint64_t child; /* the last stage, over the whole file, that names it as a parent, plus 1 */
    uint32_t stage; /* number of the stage in that job */
    uint32_t model; /* number of the model of this name, plus 1 */
    bool is_job;    /* some job bears it */
};
struct words {
    struct arena *arena;
    struct word **slots;
    size_t capacity, count;
};
struct word *intern(struct words *words, const char *text);
void words_release(struct words *words);

#endif
