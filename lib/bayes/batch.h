/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many jobs of one network at once.
 *
 * Where all that is observed lies above all that is not, as it does when stages end in the order
 * in which they depend on each other, the topmost buckets that are not observed have separators
 * that are: everything below such a bucket depends on nothing but the states there. What was
 * worked out for one job is then kept for all others that agree in them (batch_memos.c). A job with
 * evidence below such a bucket, hard or soft, has that part of the tree worked out for itself. Jobs
 * that observe the same nodes are answered in a row: the buckets are found once for all of them.
 *
 * Every number comes from the function that works it out for a job alone, so that no answer depends
 * on who else is in the batch.
 */
#ifndef LLS_BAYES_BATCH_H
#define LLS_BAYES_BATCH_H

#include "llmsched/network.h"

#include "base/internal.h"

/* Jobs that are sorted at a time. */
enum { LLS_BATCH_BLOCK = 256 };

/* Neighbouring marginals. */
typedef struct lls_run {
    uint32_t offset, length;
} lls_run;

/* The answers below a bucket, one row for each joint state of its separator. */
typedef struct lls_answers {
    uint32_t slot;           /* the first of its rows in slots */
    uint32_t width;          /* doubles of a row; 0: not kept */
    uint32_t run, run_count; /* from here in runs; none: not listed yet */
} lls_answers;

/* What is kept from job to job, and from batch to batch. */
typedef struct lls_memos {
    lls_answers *answers; /* per bucket */
    size_t *steps;        /* as dim_strides, in rows */
    uint32_t *slots;      /* 1 + where the row begins in rows; 0: not known */
    double *rows;
    lls_run *runs;
    uint32_t used, capacity, runs_used, run_capacity;
    uint32_t *stack; /* buckets */
    bool *mark;      /* per node */
} lls_memos;

/* What jobs that observe the same nodes have in common. */
typedef struct lls_pattern {
    bool apart;         /* nothing else is needed than tops; else each job is asked alone */
    uint32_t *tops;     /* topmost buckets that are not observed; all below belongs to them */
    uint32_t *doubtful; /* buckets above them whose tables hold a 0, or what is next to it */
    uint32_t *seen;     /* observed nodes */
    lls_run *zeros;     /* their marginals */
    uint32_t top_count, doubtful_count, seen_count, zero_count;
    uint32_t dirty_count; /* tops with something observed below */
    bool *holes;          /* per bucket: doubtful where observed */
    uint32_t *top_of;     /* per bucket: the place of its top in tops; LLS_NONE32: none */
    uint32_t *dirty;      /* per top: what is known below it, by hard or by soft evidence */
} lls_pattern;

/* Jobs of a block, sorted by a key. */
typedef struct lls_groups {
    uint32_t *first, *last; /* per group */
    uint32_t *next;         /* per job: the next of its group; LLS_NONE32 ends */
    uint32_t *table;        /* groups by hash */
    uint32_t count;
} lls_groups;

/* Made when it is first needed. */
typedef struct lls_batch {
    bool ready;
    lls_memos kept;
    lls_pattern pattern;
    lls_groups groups, twins; /* by what is observed; by all evidence */
    uint32_t *masks;          /* per job of a block: bits of the observed nodes */
    bool *soft_jobs;          /* per job of a block: has soft evidence */
    uint32_t *list;           /* jobs of a block; then those of a group */
    double *row;              /* answers of a job, up to its end */
    uint32_t *plain;          /* states of a job without its soft evidence */

    /* The calculator's own evidence meanwhile. */
    uint32_t *observed;
    bool *soft;
    double *likelihoods; /* as they were told */
} lls_batch;

void lls_batch_finish(lls_batch *batch, const llmsched_context *context);

/* --- batch_job.c --------------------------------------------------------------------- */

/* A job's evidence; likelihoods, laid out as the answers, for LLMSCHED_STATE_SOFT only. */
typedef struct lls_job {
    const uint32_t *states;
    const double *likelihoods;
} lls_job;

/* false: no memory; finish frees what is there. */
bool lls_pattern_init(llmsched_inference *inference);
void lls_pattern_finish(lls_pattern *pattern, const llmsched_context *context);
/* What all jobs with hard evidence on the same nodes as this one have in common. */
void lls_pattern_find(llmsched_inference *inference, const uint32_t *states);
/* A job whose pattern was found last; soft: it has soft evidence. out changes only if all is well.
 */
llmsched_status lls_job_answer(llmsched_inference *inference, lls_job job, bool soft, double *out);

/* --- batch_memos.c -------------------------------------------------------------------- */

/* false: no memory; finish frees what is there. */
bool lls_memos_init(llmsched_inference *inference);
void lls_memos_finish(lls_memos *kept, const llmsched_context *context);
/*
 * Into out the marginals of the bucket's node and of all below it, where the job observes nothing,
 * but all of the separator. false: the job must be asked alone.
 */
bool lls_memos_below(llmsched_inference *inference, uint32_t bucket, const uint32_t *job,
                     double *out);

/* --- batch_groups.c ------------------------------------------------------------------- */

bool lls_groups_init(lls_groups *groups, const llmsched_context *context);
void lls_groups_finish(lls_groups *groups, const llmsched_context *context);
/* keys: per job of the block so many words. Groups and their jobs stand in the order of the list.
 */
void lls_groups_sort(lls_groups *groups, const uint32_t *list, uint32_t count, const uint32_t *keys,
                     size_t words);

#endif
