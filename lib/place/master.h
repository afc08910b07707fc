/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linear program given column by column: least cost of columns x >= 0 with rows sum to right-hand
 * sides; revised simplex with a dense inverse, for some hundred rows.
 */
#ifndef LLS_PLACE_MASTER_H
#define LLS_PLACE_MASTER_H

#include "place/search.h"

/* A column: few entries that are not 0. */
typedef struct lls_column {
    double cost;
    uint32_t count, tag; /* tag: the caller's */
    uint32_t owner;      /* the caller's */
    uint32_t reserved;
    uint32_t rows[68];
    double values[68];
} lls_column;

typedef struct lls_master {
    const llmsched_context *context;
    uint32_t rows;
    double *inverse;  /* of the basis, row by row */
    double *values;   /* of the basis' columns */
    double *duals;    /* of the rows */
    double *entering; /* room: the column in terms of the basis */
    lls_column *basis;
} lls_master;

bool lls_master_init(lls_master *master, const llmsched_context *context, uint32_t rows);
void lls_master_finish(lls_master *master);
/* The first basis: a column with one entry, 1 or -1, in this row, and the row's right-hand side. */
void lls_master_start(lls_master *master, uint32_t row, double entry, double cost, double side);
/* What a column would bring for each unit of it; below 0: it lowers the cost. */
double lls_master_reduced(const lls_master *master, const lls_column *column);
/* Brings a column into the basis if it lowers the cost; false: it does not. */
bool lls_master_enter(lls_master *master, const lls_column *column);
/* After the costs of the basis have changed. */
void lls_master_price(lls_master *master);
double lls_master_cost(const lls_master *master);

#endif
