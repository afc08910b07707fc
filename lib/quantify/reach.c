/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structural absence: when all that could lead to a stage has ended without
 * revealing it, it will not come. No probability is needed for that, and none is lost to smoothing.
 */
#include "quantify/internal.h"

#include <string.h>

static bool leads_on(uint32_t state)
{
    return state == LLMSCHED_EVIDENCE_PRESENT || state == LLMSCHED_EVIDENCE_PARTIAL;
}

void lls_mark_absent(const llmsched_profile *profile, llmsched_stage_evidence *evidence,
                     uint32_t *queue, uint8_t *reached)
{
    uint32_t n = profile->stage_count, head = 0, tail = 0;
    bool begun = false;
    memset(reached, 0, n);
    for (uint32_t t = 0; t < n; t++) {
        begun = begun || evidence[t].state != LLMSCHED_EVIDENCE_UNKNOWN;
        if (leads_on(evidence[t].state)) {
            reached[t] = 1;
            queue[tail++] = t;
        }
    }
    if (!begun)
        return; /* nothing is revealed yet: everything may come */
    while (head < tail) {
        uint32_t t = queue[head++];
        for (uint32_t i = profile->successor_start[t]; i < profile->successor_start[t + 1]; i++) {
            uint32_t next = profile->successors[i];
            if (!reached[next] && evidence[next].state == LLMSCHED_EVIDENCE_UNKNOWN) {
                reached[next] = 1;
                queue[tail++] = next;
            }
        }
    }
    for (uint32_t t = 0; t < n; t++) {
        if (!reached[t] && evidence[t].state == LLMSCHED_EVIDENCE_UNKNOWN)
            evidence[t].state = LLMSCHED_EVIDENCE_ABSENT;
    }
}
