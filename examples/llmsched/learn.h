/* SPDX-License-Identifier: Apache-2.0 */
/* What learn.c hands on: networks from tables. */
#ifndef LEARN_H
#define LEARN_H

#include "program.h"

struct table_lesson {
    const char *table, *order, *score, *out; /* as they stand on the command line */
    double ess;
    uint64_t max_parents;
};

/* Reads the table, learns the network, writes it. */
bool learn_table(const struct table_lesson *lesson, struct problem *problem);

#endif
