/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of state indices with a header of names: CSV, plain or gzip. */
#ifndef CSV_H
#define CSV_H

#include "program.h"

struct csv_table {
    char **names;
    uint32_t columns;
    uint64_t rows;
    uint32_t *cells;  /* LLMSCHED_STATE_MISSING where a field is empty */
    uint32_t *states; /* largest index + 1 */
};

/* Refuses, by file, line and column, what learning could not use. */
bool csv_read(const char *path, struct csv_table *table, struct problem *problem);
void csv_release(struct csv_table *table);

#endif
