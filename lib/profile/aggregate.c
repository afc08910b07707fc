/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of an aggregate stage. Its work class tells what lies beyond
 * the template before any of it is reached; once it is, the number of its
 * stages that have ended says more than their work.
 */
#include "profile/tally.h"

/* Number of the run's stages matched to t, and their work; 0 also where some of it is not known. */
static uint32_t count_run(const lls_seen_run *run, const uint32_t *stage_of, uint32_t t,
                          double *work)
{
    uint32_t count = 0;
    *work = 0;
    for (uint32_t i = 0; i < run->stage_count; i++) {
        if (stage_of[i] != t)
            continue;
        if (run->stages[i].missing & LLMSCHED_MISSING_WORK)
            return 0;
        *work += run->stages[i].work;
        count++;
    }
    return count;
}

/* Stages end in about the order in which they are revealed; that order is at hand. */
void lls_add_left(const lls_seen_run *run, const uint32_t *stage_of, uint32_t t, double weight,
                  lls_stage_tally *to)
{
    double left = 0;
    uint32_t ended = 0;
    if (run->truncated || count_run(run, stage_of, t, &left) == 0)
        return;
    to->left[0] += weight * left;
    to->left_weight[0] += weight;
    for (uint32_t i = 0; i < run->stage_count && ended < LLS_MOST_COUNTED; i++) {
        if (stage_of[i] != t)
            continue;
        left -= run->stages[i].work;
        ended++;
        to->left[ended] += left > 0 ? weight * left : 0;
        to->left_weight[ended] += weight;
    }
}

llmsched_status lls_write_left(const lls_stage_tally *tally, lls_profiled_stage *stage,
                               const llmsched_context *context, llmsched_error *err)
{
    uint32_t n = 0;
    while (n <= LLS_MOST_COUNTED && tally->left_weight[n] > 0)
        n++;
    stage->left = lls_calloc(context, n, sizeof *stage->left);
    if (stage->left == NULL)
        return lls_fail_memory(err);
    stage->left_count = n;
    for (uint32_t i = 0; i < n; i++)
        stage->left[i] = tally->left[i] / tally->left_weight[i];
    return LLMSCHED_OK;
}
