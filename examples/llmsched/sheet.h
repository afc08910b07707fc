/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of text and numbers: CSV with or without a header, plain or gzip. */
#ifndef SHEET_H
#define SHEET_H

#include "program.h"

struct sheet {
    const char *path;
    char *text;   /* the cells lie in it */
    char **names; /* of the columns; NULL without a header */
    size_t columns;
    size_t rows;
    char **cells;    /* row by row */
    uint64_t *lines; /* of each row in the file, from 1 */
    struct problem *problem;
};

/* A whole file, plain or gzip, ended by NUL; free() it. */
bool unpack_text(const char *path, char **text, size_t *length, struct problem *problem);

/* Rows of another length than the first are refused by file and line; empty lines are skipped.
 * `columns` is what a file without a header must have, 0 for one with. */
bool sheet_read(const char *path, size_t columns, struct sheet *sheet, struct problem *problem);
void sheet_release(struct sheet *sheet);

/* Column of this name, SIZE_MAX for none. */
size_t sheet_column(const struct sheet *sheet, const char *name);
/* The same, refusing a file without it. */
bool sheet_need(const struct sheet *sheet, const char *name, size_t *column);
const char *sheet_text(const struct sheet *sheet, size_t row, size_t column);
/* A finite number in least .. most. */
bool sheet_number(const struct sheet *sheet, size_t row, size_t column, double least, double most,
                  double *value);

/* The same for a whole number. */
bool sheet_count(const struct sheet *sheet, size_t row, size_t column, double least, double most,
                 double *value);

#endif
