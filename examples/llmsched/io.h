/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole texts, lines, folders, and outputs that appear complete or not at all. */
#ifndef IO_H
#define IO_H

#include <stdio.h>

#include "program.h"

/* No line of a file that the program reads is longer, nor a JSON document. */
#define MOST_LINE_BYTES ((size_t)64 << 20)

/* A file of lines as one text, ended by NUL; free() it. Each line is bounded as above. */
bool read_lines_text(const char *path, char **text, size_t *length, struct problem *problem);
/* A file that holds one document. */
bool read_document(const char *path, char **text, size_t *length, struct problem *problem);

struct line_reader {
    const char *path;
    int file;
    uint64_t line; /* number of the line last returned, from 1 */
    char *buffer;
    size_t capacity, start, end;
    bool ended;
};
bool line_open(struct line_reader *reader, const char *path, struct problem *problem);
/* The next line without its end, ended by NUL, valid until the next call; NULL at the end or after
 * a problem. */
char *line_next(struct line_reader *reader, size_t *length, struct problem *problem);
void line_close(struct line_reader *reader);

/* From here on temporary files vanish however the program ends, by a signal too. */
void outputs_guard(void);

struct output {
    FILE *file;
    char *path;
    char *temporary; /* NULL: path is no ordinary file and is written directly */
};
bool output_open(struct output *output, const char *path, struct problem *problem);
/* Makes the file appear under its name. Ends the output either way. */
bool output_commit(struct output *output, struct problem *problem);
/* Ends it and leaves nothing; accepts one that is ended or was never opened. */
void output_abandon(struct output *output);

bool is_folder(const char *path);
bool make_folder(const char *path, struct problem *problem);

struct name_list {
    char **names;
    size_t count, capacity;
};
/* Adds FOLDER/NAME of each file whose name ends so, in byte order of the names. */
bool list_folder(const char *folder, const char *ending, struct name_list *list,
                 struct problem *problem);
void name_list_add(struct name_list *list, const char *name);
void name_list_release(struct name_list *list);

/* The part of a path after the last '/', without its ending after the last '.'; free() it. */
char *path_stem(const char *path);

#endif
