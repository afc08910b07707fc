/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads by their jobs' arrivals, beside what the jobs have been served and hold: who arrived first
 * of those that are behind their share is found past whole subtrees of those that are not.
 */
#include "schedule/internal.h"

#include <math.h>

typedef struct share {
    lls_kept head;
    double served_s;
    uint32_t running; /* on executors of the lane's queue */
    /* Of the subtree: nobody in it arrived earlier, was served less or holds less. */
    uint32_t least_running;
    double earliest_s, least_served_s;
} share;

static bool before(const lls_leaf *a, const lls_leaf *b)
{
    const lls_stage *x = ((const lls_kept *)(const void *)a)->stage;
    const lls_stage *y = ((const lls_kept *)(const void *)b)->stage;
    if (x->job == y->job)
        return x->number < y->number;
    if (x->job->arrival_s != y->job->arrival_s)
        return x->job->arrival_s < y->job->arrival_s;
    return x->job->id < y->job->id;
}

static void sum_up(lls_leaf *leaf)
{
    share *x = (share *)(void *)leaf;
    const lls_leaf *below[] = {leaf->left, leaf->right};
    x->earliest_s = x->head.stage->job->arrival_s;
    x->least_served_s = x->served_s;
    x->least_running = x->running;
    for (uint32_t i = 0; i < LLS_COUNT(below); i++) {
        const share *y = (const share *)(const void *)below[i];
        if (y == NULL)
            continue;
        x->earliest_s = fmin(x->earliest_s, y->earliest_s);
        x->least_served_s = fmin(x->least_served_s, y->least_served_s);
        if (y->least_running < x->least_running)
            x->least_running = y->least_running;
    }
}

/* A job's events, and the starts of its tasks, lead here: it is as it is now. */
static llmsched_status score(llmsched_scheduler *s, lls_stage *stage, llmsched_error *err)
{
    LLS_UNUSED(s);
    LLS_UNUSED(err);
    share *x = (share *)stage->kept;
    const lls_job *job = stage->job;
    lls_keep_remove(stage);
    x->served_s = job->done_llm_s + job->done_tool_s;
    x->running = stage->kind == LLMSCHED_STAGE_LLM ? job->running_llm : job->running_tool;
    lls_keep_add(stage);
    return LLMSCHED_OK;
}

const lls_keeping lls_keeping_shares = {
    .bytes = sizeof(share), .before = before, .sum_up = sum_up, .score = score};

/* What has been served within so many seconds, with so few places, is behind. */
static bool is_behind(const lls_share_terms *terms, double served_s, uint32_t running,
                      double arrival_s)
{
    return running < terms->cap && served_s <= terms->rate * (terms->now - arrival_s);
}

static const lls_stage *first_below(const lls_share_terms *terms, const lls_leaf *leaf)
{
    const share *x = (const share *)(const void *)leaf;
    /* Rounding keeps the order of numbers: if this fails it fails for all below. */
    if (x == NULL || !is_behind(terms, x->least_served_s, x->least_running, x->earliest_s))
        return NULL;
    const lls_stage *found = first_below(terms, leaf->left);
    if (found != NULL)
        return found;
    if (is_behind(terms, x->served_s, x->running, x->head.stage->job->arrival_s))
        return x->head.stage;
    return first_below(terms, leaf->right);
}

const lls_stage *lls_shares_first(const lls_lane *lane, const lls_share_terms *terms)
{
    return first_below(terms, lane->kept.root);
}
