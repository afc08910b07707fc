/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bunches of ready stages: pairing heaps by number (Fredman, Sedgewick, Sleator, Tarjan 1986), tied
 * together through the stages themselves. Of a stage inside one, previous is the sibling before it
 * or else its parent.
 */
#include "schedule/internal.h"

#include <math.h>

/* --- pairing heaps ------------------------------------------------------------------- */

static void add_child(lls_stage *parent, lls_stage *stage)
{
    stage->previous = parent;
    stage->next = parent->child;
    if (stage->next != NULL)
        stage->next->previous = stage;
    parent->child = stage;
}

/* Two roots become one. */
static lls_stage *meld(lls_stage *a, lls_stage *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    lls_stage *root = a->number < b->number ? a : b;
    add_child(root, root == a ? b : a);
    return root;
}

/* The children of a root that goes: in pairs, then the pairs from the last to the first. */
static lls_stage *meld_children(lls_stage *stage)
{
    lls_stage *pairs = NULL, *root = NULL, *at = stage->child;
    stage->child = NULL;
    while (at != NULL) {
        lls_stage *second = at->next, *rest = second != NULL ? second->next : NULL;
        at->next = at->previous = NULL;
        if (second != NULL)
            second->next = second->previous = NULL;
        lls_stage *pair = meld(at, second);
        pair->next = pairs;
        pairs = pair;
        at = rest;
    }
    while (pairs != NULL) {
        lls_stage *next = pairs->next;
        pairs->next = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

/* Out of the middle; its children stay with it. */
static void cut(lls_stage *stage)
{
    if (stage->previous->child == stage)
        stage->previous->child = stage->next;
    else
        stage->previous->next = stage->next;
    if (stage->next != NULL)
        stage->next->previous = stage->previous;
    stage->next = stage->previous = NULL;
}

/* --- heads ----------------------------------------------------------------------------- */

static void put_head(lls_stage *stage)
{
    lls_job *job = stage->job;
    stage->head = true;
    stage->previous = NULL;
    stage->next = job->heads;
    if (stage->next != NULL)
        stage->next->previous = stage;
    job->heads = stage;
}

static void take_head(lls_stage *stage)
{
    if (stage->previous != NULL)
        stage->previous->next = stage->next;
    else
        stage->job->heads = stage->next;
    if (stage->next != NULL)
        stage->next->previous = stage->previous;
    stage->next = stage->previous = NULL;
    stage->head = false;
    lls_lane_leave(stage);
}

/* Whether the policy cannot tell them apart but by their numbers; both are of one job. */
static bool are_alike(const llmsched_scheduler *s, const lls_stage *a, const lls_stage *b)
{
    if (a->lane != b->lane)
        return false;
    if ((s->policy.flags & LLS_POLICY_AGING) != 0)
        return a->ready_s == b->ready_s && a->chain_llm_s == b->chain_llm_s;
    return a->template_stage == b->template_stage;
}

static lls_stage *head_of(const llmsched_scheduler *s, const lls_stage *stage)
{
    bool bunches = (s->policy.flags & (LLS_POLICY_ALIKE | LLS_POLICY_AGING)) != 0;
    lls_stage *head = bunches ? stage->job->heads : NULL;
    while (head != NULL && !are_alike(s, head, stage))
        head = head->next;
    return head;
}

static void count_in(lls_lane *lane, uint32_t tasks)
{
    lane->ready_stages++;
    lane->queue->ready_stages++;
    lls_lane_count(lane, tasks, 0);
}

void lls_ready_add(llmsched_scheduler *s, lls_stage *stage)
{
    lls_stage *head = head_of(s, stage);
    stage->listed = true;
    stage->child = NULL;
    lls_tenant_join(s, stage->job->tenant);
    stage->job->tenant->ready++;
    count_in(stage->lane, stage->ready);
    if (head != NULL && head->number < stage->number) {
        add_child(head, stage);
        return;
    }
    if (head != NULL) {
        take_head(head);
        lls_keep_remove(head);
        add_child(stage, head);
    }
    put_head(stage); /* its key is known at the next scoring: every event of a job leads to one */
}

/* The next of its bunch steps forward with the key of the one that goes. */
static void remove_head(lls_stage *stage)
{
    bool scored = lls_ranking_contains(&stage->lane->ready, stage), unscored = stage->unscored;
    const lls_ranking *aging = &stage->lane->queue->aging;
    double until = lls_ranking_contains(aging, stage) ? lls_ranking_key(aging, stage) : INFINITY;
    lls_stage *next = meld_children(stage);
    take_head(stage);
    if (next == NULL) {
        lls_keep_remove(stage);
        return;
    }
    put_head(next);
    next->key = stage->key;
    lls_keep_replace(stage, next);
    next->unscored = unscored;
    stage->lane->queue->unscored += unscored;
    if (scored)
        lls_lane_enter(next);
    lls_lane_age(next, until);
}

static void count_out(llmsched_scheduler *s, lls_stage *stage)
{
    stage->lane->ready_stages--;
    stage->lane->queue->ready_stages--;
    lls_lane_count(stage->lane, 0, stage->ready);
    stage->listed = false;
    stage->job->tenant->ready--;
    lls_tenant_part(s, stage->job->tenant);
}

void lls_ready_remove(llmsched_scheduler *s, lls_stage *stage)
{
    count_out(s, stage);
    if (stage->head) {
        remove_head(stage);
        return;
    }
    cut(stage);
    lls_stage *orphans = meld_children(stage);
    if (orphans != NULL)
        add_child(head_of(s, stage), orphans);
}

void lls_ready_forget(llmsched_scheduler *s, lls_stage *stage)
{
    count_out(s, stage);
    lls_lane_leave(stage);
    lls_keep_remove(stage);
}
