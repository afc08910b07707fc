/* SPDX-License-Identifier: Apache-2.0 */
/* A query file being answered: exactly (query.c) or by estimates (query_estimates.c). */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>

#include "io.h"
#include "json.h"

/* Estimates instead of exact answers: evidence and errors of one entry. By state, node after node,
 * where not said otherwise. */
struct estimates {
    uint64_t samples;
    uint32_t *states; /* by node */
    double *likelihoods, *errors;
};

struct query {
    const llmsched_network *network;
    llmsched_inference *inference; /* NULL: estimates */
    struct estimates estimates;
    uint32_t nodes;
    uint32_t *offsets;     /* by node: of its states; and the end */
    double *probabilities; /* by state */
    bool *observed;        /* by node, under the present evidence */
    bool soft;             /* the form with likelihoods, which has no joint entropy */
    struct place *place;
    struct output *out;
};

/* All but the number of samples; network, nodes and offsets must be set. */
void estimates_open(struct query *query);
void estimates_close(struct query *query);
/* No evidence. */
void estimates_clear(struct query *query);
/* Answers under the evidence that was set. */
llmsched_status estimates_make(struct query *query, double *log_p, llmsched_error *err);

/* query.c */

/* ,"key":{...}: values of all nodes without hard evidence. */
void query_put_rows(struct query *query, const char *key, const double *values);

#endif
