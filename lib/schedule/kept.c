/* SPDX-License-Identifier: Apache-2.0 */
/* Heads that a policy keeps in an order of its own beside that of their keys: a treap per lane. */
#include "schedule/internal.h"

#include <string.h>

static const lls_keeping *keeping_of(const llmsched_scheduler *s)
{
    if ((s->policy.flags & (LLS_POLICY_RANGES | LLS_POLICY_HISTORY_RANGES)) != 0)
        return &lls_keeping_ranges;
    return (s->policy.flags & LLS_POLICY_SHARES) != 0 ? &lls_keeping_shares : NULL;
}

void lls_keep_init(const llmsched_scheduler *s, lls_lane *lane)
{
    lane->keeping = keeping_of(s);
    if (lane->keeping != NULL)
        lane->kept = (lls_treap){.before = lane->keeping->before, .sum_up = lane->keeping->sum_up};
}

bool lls_keep_reserve(llmsched_scheduler *s, lls_stage *stage)
{
    if (stage->lane->keeping == NULL)
        return true;
    stage->kept = lls_pool_take(&s->pool, stage->lane->keeping->bytes);
    if (stage->kept != NULL)
        stage->kept->stage = stage;
    return stage->kept != NULL;
}

void lls_keep_free(llmsched_scheduler *s, lls_stage *stage)
{
    if (stage->kept != NULL)
        lls_pool_give(&s->pool, stage->kept, stage->lane->keeping->bytes);
}

void lls_keep_add(lls_stage *stage)
{
    stage->kept->listed = true;
    lls_treap_add(&stage->lane->kept, &stage->kept->leaf, (uint32_t)(stage->node.hash >> 32));
}

void lls_keep_remove(lls_stage *stage)
{
    if (stage->kept == NULL || !stage->kept->listed)
        return;
    lls_treap_remove(&stage->lane->kept, &stage->kept->leaf);
    stage->kept->listed = false;
}

void lls_keep_replace(lls_stage *from, lls_stage *to)
{
    if (from->kept == NULL || !from->kept->listed)
        return;
    lls_keep_remove(from);
    memcpy(to->kept, from->kept, from->lane->keeping->bytes);
    to->kept->stage = to;
    lls_keep_add(to);
}

llmsched_status lls_keep_score(llmsched_scheduler *s, lls_stage *stage, llmsched_error *err)
{
    return stage->kept != NULL ? stage->lane->keeping->score(s, stage, err) : LLMSCHED_OK;
}
