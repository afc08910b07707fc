/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/schedule may do with a job's progress beyond the public calls. */
#ifndef LLS_QUANTIFY_PROGRESS_H
#define LLS_QUANTIFY_PROGRESS_H

#include "base/internal.h"
#include "llmsched/quantifier.h"
#include "profile/internal.h"

/* Of an aggregate, all its stages together. */
typedef struct lls_gathered {
    double work_s; /* of those that have ended */
    uint32_t ended;
    bool begun;
} lls_gathered;

/* One block; what is known of a stage stands with the stage in the headway, so that evidence takes
 * no room for stages of the template that have not come. */
struct llmsched_progress {
    llmsched_profile *profile;
    lls_pool *pool;                     /* NULL: from the allocator */
    lls_headway headway;                /* the revealed stages, by number */
    uint32_t strangers[LLS_WORK_KINDS]; /* pending stages that the template lacks */
    uint32_t told; /* first of the stages that evidence tells of, no more than the template has */
    lls_gathered gathered[]; /* per aggregate; behind them the counts of classes */
};

/* As the public call, out of a pool (NULL: the allocator), which must outlive it. */
llmsched_status lls_progress_create(const llmsched_profile *profile, lls_pool *pool,
                                    llmsched_progress **progress, llmsched_error *err);
/* What is known, for every stage of the template. */
void lls_progress_evidence(const llmsched_progress *p, llmsched_stage_evidence *evidence);
/* Room for one more stage, so that adding it cannot fail. */
bool lls_progress_reserve(llmsched_progress *p);
/* The public calls without their checks. */
uint32_t lls_progress_add(llmsched_progress *p, const llmsched_revealed_stage *stage);
void lls_progress_set_served(llmsched_progress *p, uint32_t number, double served_s);
void lls_progress_finish(llmsched_progress *p, uint32_t number, double work_s, double output);

#endif
