/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenants' accounts: start-time fair queueing over all executors (algorithms.md section 7). A
 * tenant's tag is what it has been charged per weight since it joined. A task that starts is
 * charged an estimate, and the truth when it ends. Who joins begins at the virtual time: not below
 * the least tag of those who have work, so that idling saves nothing.
 */
#include "schedule/internal.h"

#include <math.h>

static bool is_busy(const lls_tenant *tenant)
{
    return tenant->ready > 0 || tenant->running > 0;
}

/* The least tag of those with work; with nobody busy, the highest there has been. */
static void advance(llmsched_scheduler *s)
{
    double least = s->busy_tenants > 0 ? INFINITY : s->highest_tag;
    for (uint32_t i = 0; s->busy_tenants > 0 && i < s->tenant_slots; i++) {
        const lls_tenant *t = s->tenants[i];
        if (t != NULL && is_busy(t))
            least = fmin(least, t->tag);
    }
    s->virtual_time = fmax(s->virtual_time, least);
}

void lls_tenant_join(llmsched_scheduler *s, lls_tenant *tenant)
{
    if (is_busy(tenant))
        return;
    /* Between the end of a stage and the news of the next, at the same time, nobody has idled. */
    if (tenant->parted_s != s->now) {
        advance(s);
        tenant->tag = fmax(tenant->tag, s->virtual_time);
    }
    s->busy_tenants++;
}

void lls_tenant_part(llmsched_scheduler *s, lls_tenant *tenant)
{
    if (is_busy(tenant))
        return;
    s->highest_tag = fmax(s->highest_tag, tenant->tag);
    tenant->parted_s = s->now;
    s->busy_tenants--;
}

/* --- charges ------------------------------------------------------------------------ */

/* Mean alone-seconds of the queue's finished tasks, beside one of a second. */
static double expected_s(const lls_queue *queue)
{
    return (1 + queue->ended_s) / (1 + queue->ended_tasks);
}

void lls_tenant_charge(llmsched_scheduler *s, lls_task *task)
{
    lls_tenant *tenant = task->stage->job->tenant;
    const lls_executor *e = s->executors[task->executor];
    task->charge = e->price * expected_s(s->queues[e->queue]) / tenant->weight;
    tenant->tag += task->charge;
}

void lls_tenant_settle(llmsched_scheduler *s, lls_task *task, double alone_s)
{
    lls_tenant *tenant = task->stage->job->tenant;
    double cost = s->executors[task->executor]->price * alone_s;
    tenant->service += cost;
    tenant->tag += cost / tenant->weight - task->charge;
    task->charge = 0;
}

/* --- accounts ------------------------------------------------------------------------- */

/* An account without jobs must be kept while it is in debt: its tag is above what it would join
 * with. */
static void forget_settled(llmsched_scheduler *s)
{
    advance(s);
    for (uint32_t i = 0; i < s->tenant_slots; i++) {
        lls_tenant *t = s->tenants[i];
        if (t == NULL || t->jobs > 0 || t->tag > s->virtual_time)
            continue;
        (void)lls_map_remove_u64(&s->tenant_ids, t->id);
        s->tenants[i] = NULL;
        lls_free(s->context, t);
    }
}

static uint32_t free_slot(const llmsched_scheduler *s)
{
    uint32_t slot = 0;
    while (slot < s->tenant_slots && s->tenants[slot] != NULL)
        slot++;
    return slot;
}

static lls_tenant *open_account(llmsched_scheduler *s, uint64_t id)
{
    uint32_t slot = free_slot(s);
    lls_tenant *t = lls_calloc(s->context, 1, sizeof *t);
    if (t == NULL ||
        !lls_grow(s->context, (void **)&s->tenants, &s->tenant_capacity, (size_t)slot + 1,
                  sizeof *s->tenants) ||
        !lls_map_put_u64(&s->tenant_ids, id, slot)) {
        lls_free(s->context, t);
        return NULL;
    }
    *t = (lls_tenant){.slot = slot, .id = id, .weight = 1, .parted_s = -INFINITY};
    s->tenants[slot] = t;
    if (slot == s->tenant_slots)
        s->tenant_slots++;
    return t;
}

llmsched_status lls_tenant_use(llmsched_scheduler *s, uint64_t id, lls_tenant **tenant,
                               llmsched_error *err)
{
    uint32_t slot = lls_map_get_u64(&s->tenant_ids, id);
    if (slot != LLS_NONE32) {
        *tenant = s->tenants[slot];
        return LLMSCHED_OK;
    }
    forget_settled(s);
    *tenant = open_account(s, id);
    return *tenant != NULL ? LLMSCHED_OK : lls_fail_memory(err);
}

void lls_tenant_add_job(lls_tenant *tenant, double weight)
{
    tenant->jobs++;
    tenant->weight = weight;
}

llmsched_status lls_tenant_read(const llmsched_scheduler *s, uint64_t id,
                                llmsched_tenant_view *account, llmsched_error *err)
{
    uint32_t slot = lls_map_get_u64(&s->tenant_ids, id);
    const lls_tenant *t = slot != LLS_NONE32 ? s->tenants[slot] : NULL;
    if (t == NULL || t->jobs == 0)
        return LLMSCHED_NONE;
    llmsched_tenant_view now = {.size = sizeof now,
                                .jobs = t->jobs,
                                .ready = t->ready,
                                .running = t->running,
                                .weight = t->weight,
                                .tag_s = t->tag,
                                .service_s = t->service};
    return lls_sized_out(account, &now, sizeof now, sizeof now, "llmsched_tenant_view", err);
}

void lls_tenants_free(llmsched_scheduler *s)
{
    for (uint32_t i = 0; i < s->tenant_slots; i++)
        lls_free(s->context, s->tenants[i]);
    lls_free(s->context, s->tenants);
    lls_map_finish(&s->tenant_ids);
}
