/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tenants' accounts: start-time fair queueing over all executors (algorithms.md section 7). A
 * tenant's tag is what it has been charged per weight since it joined. A task that starts is
 * charged an estimate, and the truth when it ends. Who joins begins at the virtual time: not below
 * the least tag of those who have work, so that idling saves nothing.
 */
#include "schedule/internal.h"

#include <math.h>
#include <stddef.h>

static bool is_busy(const lls_tenant *tenant)
{
    return tenant->ready > 0 || tenant->running > 0;
}

/* The least tag of those with work; with nobody busy, the highest there has been. */
static void advance(llmsched_scheduler *s)
{
    double least = s->busy.count > 0 ? lls_ranking_least(&s->busy) : s->highest_tag;
    s->virtual_time = fmax(s->virtual_time, least);
}

static void set_tag(llmsched_scheduler *s, lls_tenant *tenant, double tag)
{
    tenant->tag = tag;
    if (lls_ranking_contains(&s->busy, tenant))
        lls_ranking_put(&s->busy, tenant, tag);
    lls_lanes_move(tenant);
}

void lls_tenant_join(llmsched_scheduler *s, lls_tenant *tenant)
{
    if (is_busy(tenant))
        return;
    /* Between the end of a stage and the news of the next, at the same time, nobody has idled. */
    if (tenant->parted_s != s->now) {
        advance(s);
        set_tag(s, tenant, fmax(tenant->tag, s->virtual_time));
    }
    lls_ranking_put(&s->busy, tenant, tenant->tag);
}

void lls_tenant_part(llmsched_scheduler *s, lls_tenant *tenant)
{
    if (is_busy(tenant))
        return;
    s->highest_tag = fmax(s->highest_tag, tenant->tag);
    tenant->parted_s = s->now;
    lls_ranking_remove(&s->busy, tenant);
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
    set_tag(s, tenant, tenant->tag + task->charge);
}

void lls_tenant_settle(llmsched_scheduler *s, lls_task *task, double alone_s)
{
    lls_tenant *tenant = task->stage->job->tenant;
    double cost = s->executors[task->executor]->price * alone_s;
    tenant->service += cost;
    /* In one step: the tag is a sum in this order. */
    set_tag(s, tenant, tenant->tag + (cost / tenant->weight - task->charge));
    task->charge = 0;
}

/* --- accounts ------------------------------------------------------------------------- */

/* Least tag first, then the id. */
static bool tenant_before(const void *a, const void *b)
{
    const lls_tenant *x = a, *y = b;
    return x->id < y->id;
}

void lls_tenants_init(llmsched_scheduler *s)
{
    lls_source pool = lls_pool_of(s);
    lls_nodes_init(&s->tenants, pool);
    lls_ranking_init(&s->busy, pool, tenant_before, offsetof(lls_tenant, busy_place));
    lls_ranking_init(&s->idle, pool, tenant_before, offsetof(lls_tenant, idle_place));
}

/* One to one: accounts of one hash are one account. */
static uint64_t tenant_hash(uint64_t id)
{
    uint64_t state = id;
    return lls_splitmix64(&state);
}

lls_tenant *lls_tenant_find(const llmsched_scheduler *s, uint64_t id)
{
    return (lls_tenant *)(void *)lls_nodes_first(&s->tenants, tenant_hash(id));
}

static void close_account(llmsched_scheduler *s, lls_tenant *t)
{
    lls_ranking_remove(&s->idle, t);
    lls_nodes_remove(&s->tenants, &t->node);
    lls_lanes_free(s, t);
    lls_pool_give(&s->pool, t, sizeof *t);
}

/* An account without jobs must be kept while it is in debt: its tag is above what it would join
 * with. */
static void forget_settled(llmsched_scheduler *s)
{
    advance(s);
    while (s->idle.count > 0 && lls_ranking_least(&s->idle) <= s->virtual_time)
        close_account(s, lls_ranking_at(&s->idle, 0));
}

static lls_tenant *open_account(llmsched_scheduler *s, uint64_t id)
{
    uint32_t accounts = s->tenants.count + 1;
    if (!lls_nodes_reserve(&s->tenants) || !lls_ranking_reserve(&s->busy, accounts) ||
        !lls_ranking_reserve(&s->idle, accounts))
        return NULL;
    lls_tenant *t = lls_pool_take(&s->pool, sizeof *t);
    if (t == NULL)
        return NULL;
    *t = (lls_tenant){.id = id, .weight = 1, .parted_s = -INFINITY};
    lls_nodes_add(&s->tenants, &t->node, tenant_hash(id));
    lls_ranking_put(&s->idle, t, t->tag);
    return t;
}

llmsched_status lls_tenant_use(llmsched_scheduler *s, uint64_t id, lls_tenant **tenant,
                               llmsched_error *err)
{
    *tenant = lls_tenant_find(s, id);
    if (*tenant != NULL)
        return LLMSCHED_OK;
    forget_settled(s);
    *tenant = open_account(s, id);
    return *tenant != NULL ? LLMSCHED_OK : lls_fail_memory(err);
}

void lls_tenant_add_job(llmsched_scheduler *s, lls_tenant *tenant, double weight)
{
    lls_ranking_remove(&s->idle, tenant);
    tenant->jobs++;
    tenant->weight = weight;
}

llmsched_status lls_tenant_read(const llmsched_scheduler *s, uint64_t id,
                                llmsched_tenant_view *account, llmsched_error *err)
{
    const lls_tenant *t = lls_tenant_find(s, id);
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

void lls_tenant_take_job(llmsched_scheduler *s, lls_tenant *tenant)
{
    if (--tenant->jobs == 0)
        lls_ranking_put(&s->idle, tenant, tenant->tag);
}

void lls_tenants_free(llmsched_scheduler *s)
{
    lls_node *tenant = NULL; /* a tenant's node comes first */
    while ((tenant = lls_nodes_any(&s->tenants)) != NULL)
        close_account(s, (lls_tenant *)(void *)tenant);
    lls_nodes_finish(&s->tenants);
    lls_ranking_finish(&s->busy);
    lls_ranking_finish(&s->idle);
}
