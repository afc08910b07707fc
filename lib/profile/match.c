/* SPDX-License-Identifier: Apache-2.0 */
/* Which template stage each stage of each run is: the rule of class.c applied to all runs. */
#include "profile/internal.h"

#include <string.h>

void lls_matching_free(const llmsched_context *context, lls_matching *matching)
{
    lls_free(context, matching->start);
    lls_free(context, matching->stage_of);
    *matching = (lls_matching){0};
}

static llmsched_status allocate(const llmsched_profiler *profiler, lls_matching *matching,
                                llmsched_error *err)
{
    uint32_t runs = profiler->run_count - matching->first;
    uint64_t total = 0;
    for (uint32_t r = matching->first; r < profiler->run_count; r++)
        total += profiler->runs[r].stage_count;
    if (total >= UINT32_MAX)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT, "profiler: more than 2^32 stages observed");
    matching->start = lls_calloc(profiler->context, (size_t)runs + 1, sizeof *matching->start);
    matching->stage_of = lls_calloc(profiler->context, (size_t)total, sizeof *matching->stage_of);
    return matching->start != NULL && matching->stage_of != NULL ? LLMSCHED_OK
                                                                 : lls_fail_memory(err);
}

static void match_run(const llmsched_profiler *profiler, const llmsched_profile *profile,
                      const lls_seen_run *run, uint32_t *counts, uint32_t *stage_of)
{
    memset(counts, 0, profile->class_count * sizeof *counts);
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        uint32_t c = lls_profile_class(profile, s->kind, profiler->names.items[s->name]);
        uint32_t occurrence = c != LLS_NONE32 ? counts[c]++ : 0;
        stage_of[i] = lls_profile_stage_of(profile, c, s->kind, occurrence);
    }
}

llmsched_status lls_match(const llmsched_profiler *profiler, const llmsched_profile *profile,
                          uint32_t first, lls_matching *matching, llmsched_error *err)
{
    *matching = (lls_matching){.first = first};
    llmsched_status status = allocate(profiler, matching, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t *counts = lls_calloc(profiler->context, profile->class_count, sizeof *counts), at = 0;
    if (counts == NULL)
        return lls_fail_memory(err);
    for (uint32_t r = first; r < profiler->run_count; r++) {
        match_run(profiler, profile, &profiler->runs[r], counts, matching->stage_of + at);
        at += profiler->runs[r].stage_count;
        matching->start[r - first + 1] = at;
    }
    lls_free(profiler->context, counts);
    return LLMSCHED_OK;
}

const uint32_t *lls_matched(const lls_matching *matching, uint32_t run)
{
    return matching->stage_of + matching->start[run - matching->first];
}

void lls_run_amounts(const lls_seen_run *run, const uint32_t *stage_of, uint32_t stage_count,
                     lls_amount *amounts)
{
    memset(amounts, 0, stage_count * sizeof *amounts);
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        if (stage_of[i] == LLS_NONE32)
            continue;
        lls_amount *a = &amounts[stage_of[i]];
        a->present = true;
        a->missing |= s->missing;
        a->choice = s->missing & LLMSCHED_MISSING_CHOICE ? 0 : s->choice;
        a->work += s->work;
        a->span += s->span;
        a->prompt += s->prompt_tokens;
    }
}
