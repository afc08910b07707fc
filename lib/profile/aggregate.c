/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of an aggregate stage. Its work class tells what lies beyond
 * the template before any of it is reached; once it is, the number of its
 * stages that have ended says more than their work.
 */
#include "profile/internal.h"

/* Runs with more stages in an aggregate share the last entry. */
enum { MOST_COUNTED = 512 };

/* Number of the run's stages matched to t, and their work. */
static uint32_t count_run(const llmsched_profiler *profiler, const lls_matching *matching,
                          uint32_t run, uint32_t t, double *work)
{
    const lls_seen_run *seen = &profiler->runs[run];
    const uint32_t *stage_of = matching->stage_of + matching->start[run];
    uint32_t count = 0;
    *work = 0;
    for (uint32_t i = 0; i < seen->stage_count; i++) {
        if (stage_of[i] == t) {
            *work += seen->stages[i].work;
            count++;
        }
    }
    return count;
}

/* Stages end in about the order in which they are revealed; that order is at hand. */
static void add_run(const llmsched_profiler *profiler, const lls_matching *matching, uint32_t run,
                    uint32_t t, double *sums, uint32_t *counts)
{
    const lls_seen_run *seen = &profiler->runs[run];
    const uint32_t *stage_of = matching->stage_of + matching->start[run];
    double left = 0;
    uint32_t ended = 0;
    if (count_run(profiler, matching, run, t, &left) == 0)
        return;
    sums[0] += left;
    counts[0]++;
    for (uint32_t i = 0; i < seen->stage_count && ended < MOST_COUNTED; i++) {
        if (stage_of[i] != t)
            continue;
        left -= seen->stages[i].work;
        ended++;
        sums[ended] += left > 0 ? left : 0;
        counts[ended]++;
    }
}

static llmsched_status summarise(const llmsched_profiler *profiler, const lls_matching *matching,
                                 uint32_t t, lls_profiled_stage *stage, llmsched_error *err)
{
    const llmsched_context *c = profiler->context;
    double *sums = lls_calloc(c, MOST_COUNTED + 1, sizeof *sums);
    uint32_t *counts = lls_calloc(c, MOST_COUNTED + 1, sizeof *counts), n = 0;
    if (sums == NULL || counts == NULL) {
        lls_free(c, sums);
        lls_free(c, counts);
        return lls_fail_memory(err);
    }
    for (uint32_t r = 0; r < profiler->run_count; r++)
        add_run(profiler, matching, r, t, sums, counts);
    for (; n <= MOST_COUNTED && counts[n] > 0; n++)
        sums[n] /= counts[n];
    lls_free(c, counts);
    stage->left = sums;
    stage->left_count = n;
    return LLMSCHED_OK;
}

llmsched_status lls_summarise_aggregates(const llmsched_profiler *profiler,
                                         const lls_matching *matching, llmsched_profile *profile,
                                         llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t t = 0; t < profile->stage_count && status == LLMSCHED_OK; t++) {
        if (profile->stages[t].aggregate)
            status = summarise(profiler, matching, t, &profile->stages[t], err);
    }
    return status;
}
