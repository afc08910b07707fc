/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: the ready stages of a queue in the order of their keys. Most policies have one per queue.
 * One that keeps tenants apart has one for each tenant, and the lanes in the order of their
 * tenants' tags: who goes next is known without looking at the others.
 */
#include "schedule/internal.h"

#include <math.h>
#include <stddef.h>

/* Least key first, then arrival, job and stage: a total order over ready stages. */
static bool stage_before(const void *a, const void *b)
{
    const lls_stage *x = a, *y = b;
    if (x->job == y->job)
        return x->number < y->number;
    if (x->job->arrival_s != y->job->arrival_s)
        return x->job->arrival_s < y->job->arrival_s;
    return x->job->id < y->job->id;
}

/* Least tag first, then the tenant's id. */
static bool lane_before(const void *a, const void *b)
{
    const lls_lane *x = a, *y = b;
    return x->tenant->id < y->tenant->id;
}

static void lane_init(llmsched_scheduler *s, lls_lane *lane, lls_queue *queue, lls_tenant *tenant)
{
    *lane = (lls_lane){.queue = queue, .tenant = tenant};
    lls_ranking_init(&lane->ready, lls_pool_of(s), stage_before, offsetof(lls_stage, place));
    lls_keep_init(s, lane);
}

void lls_lanes_init(llmsched_scheduler *s, lls_queue *queue)
{
    lane_init(s, &queue->all, queue, NULL);
    lls_ranking_init(&queue->lanes, lls_pool_of(s), lane_before, offsetof(lls_lane, place));
    lls_ranking_init(&queue->aging, lls_pool_of(s), stage_before, offsetof(lls_stage, aging_place));
}

void lls_lanes_finish(lls_queue *queue)
{
    lls_ranking_finish(&queue->all.ready);
    lls_ranking_finish(&queue->lanes);
    lls_ranking_finish(&queue->aging);
}

static lls_lane *open_lane(llmsched_scheduler *s, lls_queue *queue, lls_tenant *tenant)
{
    lls_lane *lane = lls_ranking_reserve(&queue->lanes, queue->lane_count + 1)
                         ? lls_pool_take(&s->pool, sizeof *lane)
                         : NULL;
    if (lane == NULL)
        return NULL;
    lane_init(s, lane, queue, tenant);
    lane->next = tenant->lanes;
    tenant->lanes = lane;
    queue->lane_count++;
    return lane;
}

llmsched_status lls_lane_get(llmsched_scheduler *s, lls_queue *queue, lls_tenant *tenant,
                             lls_lane **lane, llmsched_error *err)
{
    lls_lane *found = &queue->all;
    if ((s->policy.flags & LLS_POLICY_TENANTS) != 0) {
        found = tenant->lanes;
        while (found != NULL && found->queue != queue)
            found = found->next;
        if (found == NULL)
            found = open_lane(s, queue, tenant);
    }
    *lane = found;
    return found != NULL ? LLMSCHED_OK : lls_fail_memory(err);
}

bool lls_lane_reserve(const llmsched_scheduler *s, lls_lane *lane)
{
    lls_queue *queue = lane->queue;
    return lls_ranking_reserve(&lane->ready, lane->stages + 1) &&
           ((s->policy.flags & LLS_POLICY_AGING) == 0 ||
            lls_ranking_reserve(&queue->aging, queue->stages + 1));
}

void lls_lane_enter(lls_stage *stage)
{
    lls_lane *lane = stage->lane;
    lls_ranking_put(&lane->ready, stage, stage->key); /* reserved when the stage was revealed */
    if (lane->tenant != NULL && lane->place == 0)
        lls_ranking_put(&lane->queue->lanes, lane, lane->tenant->tag);
}

void lls_lane_leave(lls_stage *stage)
{
    lls_lane *lane = stage->lane;
    if (!lls_ranking_contains(&lane->ready, stage))
        return;
    lls_ranking_remove(&lane->ready, stage);
    lls_ranking_remove(&lane->queue->aging, stage);
    if (lane->ready.count == 0)
        lls_ranking_remove(&lane->queue->lanes, lane);
    if (stage->unscored) {
        stage->unscored = false;
        lane->queue->unscored--;
    }
}

void lls_lane_age(lls_stage *stage, double until)
{
    lls_ranking *aging = &stage->lane->queue->aging;
    if (until < INFINITY)
        lls_ranking_put(aging, stage, until);
    else
        lls_ranking_remove(aging, stage);
}

void lls_lanes_move(const lls_tenant *tenant)
{
    for (lls_lane *lane = tenant->lanes; lane != NULL; lane = lane->next) {
        if (lane->place != 0)
            lls_ranking_put(&lane->queue->lanes, lane, tenant->tag);
    }
}

void lls_lanes_free(llmsched_scheduler *s, lls_tenant *tenant)
{
    while (tenant->lanes != NULL) {
        lls_lane *lane = tenant->lanes;
        tenant->lanes = lane->next;
        lane->queue->lane_count--;
        lls_ranking_finish(&lane->ready);
        lls_pool_give(&s->pool, lane, sizeof *lane);
    }
}

const lls_lane *lls_lane_seen(const llmsched_view *view, const lls_queue *queue)
{
    return view->lane != NULL ? view->lane : &queue->all;
}
