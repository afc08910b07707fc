/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P(node | separator, evidence) of a bucket, whichever engine knows it, and the walk over the
 * separator's joint states. What is written about them (moments, distributions of sums) lies by
 * joint states of what is unobserved, the separator's first node fastest: a child's entries for the
 * states of its parent's node are neighbours.
 */
#ifndef LLS_BAYES_CONDITIONAL_H
#define LLS_BAYES_CONDITIONAL_H

#include "bayes/inference.h"

/* P(node = s | separator, evidence) = row[s * stride] / sum. One state of probability 1 where the
 * node is observed; all zeros where the separator is impossible. */
typedef struct lls_conditional {
    const double *row;
    size_t stride, count;
    double sum;
} lls_conditional;

/* Makes either engine ready. *quick: which one. */
llmsched_status lls_conditional_begin(llmsched_inference *inference, bool *quick,
                                      llmsched_error *err);
/* states: per node; those of the separator must be set, the observed ones to what was observed. */
lls_conditional lls_conditional_at(const llmsched_inference *inference, bool quick, uint32_t bucket,
                                   const uint32_t *states);

/* Joint states of what is unobserved of the separator. */
size_t lls_separator_columns(const llmsched_inference *inference, uint32_t bucket);
/* Number of the separator's present joint state. */
size_t lls_separator_column(const llmsched_inference *inference, uint32_t bucket,
                            const uint32_t *states);
/* Sets the separator's first joint state, or the next. */
void lls_separator_first(const llmsched_inference *inference, uint32_t bucket, uint32_t *states);
void lls_separator_next(const llmsched_inference *inference, uint32_t bucket, uint32_t *states);

#endif
