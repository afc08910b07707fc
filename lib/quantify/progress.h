/* SPDX-License-Identifier: Apache-2.0 */
/* What lib/schedule may do with a job's progress beyond the public calls. */
#ifndef LLS_QUANTIFY_PROGRESS_H
#define LLS_QUANTIFY_PROGRESS_H

#include "base/internal.h"
#include "llmsched/quantifier.h"
#include "profile/internal.h"

struct llmsched_progress {
    llmsched_context *context;
    llmsched_profile *profile;
    llmsched_stage_evidence *evidence; /* per template stage */
    uint32_t *class_counts;            /* revealed stages of each class */
    lls_headway headway;               /* the revealed stages, by number */
    uint32_t *template_stages;         /* beside them; LLS_NONE32: none */
    uint32_t template_capacity;
    uint32_t strangers[LLS_WORK_KINDS]; /* pending stages that the template lacks */
};

/* Room for one more stage, so that adding it cannot fail. */
bool lls_progress_reserve(llmsched_progress *p);
/* The public calls without their checks. */
uint32_t lls_progress_add(llmsched_progress *p, const llmsched_revealed_stage *stage);
void lls_progress_set_served(llmsched_progress *p, uint32_t number, double served_s);
void lls_progress_finish(llmsched_progress *p, uint32_t number, double work_s, double output);

#endif
