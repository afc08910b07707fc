/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many jobs of one network at once.
 *
 * Where all that is observed lies above all that is not, as it does when stages end in the order
 * in which they depend on each other, the topmost buckets that are not observed have separators
 * that are: everything below such a bucket depends on nothing but the states there. What was
 * worked out for one job is then kept for all others that agree in them.
 */
#ifndef LLS_BAYES_BATCH_H
#define LLS_BAYES_BATCH_H

#include "base/internal.h"

/* Neighbouring marginals that belong below one bucket. */
typedef struct lls_run {
    uint32_t offset, length;
} lls_run;

/* The answers below a bucket, one row for each joint state of its separator. */
typedef struct lls_answers {
    uint64_t rows;           /* where they begin */
    uint64_t known;          /* where their marks begin */
    uint32_t width;          /* doubles of a row; 0: not kept, too many */
    uint32_t run, run_count; /* from here in runs */
} lls_answers;

/* Made when it is first needed, then kept. */
typedef struct lls_batch {
    bool ready;
    lls_answers *memos; /* per bucket */
    lls_run *runs;
    double *rows;
    uint8_t *known;
    uint32_t *observed; /* the evidence of one job */
    uint32_t *tops;     /* topmost buckets that are not observed */
    bool *below;        /* per bucket: not observed */
    bool *soft;         /* none */
} lls_batch;

void lls_batch_finish(lls_batch *batch, const llmsched_context *context);

#endif
