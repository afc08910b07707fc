/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair shares of tenants (algorithms.md section 7): start-time fair queueing
 * over all executors. Of the tenants with a ready task in the queue the one of least tag
 * goes first, then the lowest id; inside it the policy named after the slash,
 * which sees the tenant's ready stages only. One task is started at a time, as each is
 * charged.
 */
#include "schedule/internal.h"

#include <string.h>

typedef struct state {
    llmsched_context *context;
    llmsched_policy inner;
} state;

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *ret)
{
    const state *p = user;
    return p->inner.key(p->inner.user, view, job, stage, ret);
}

static llmsched_status place(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                             uint64_t *executor)
{
    const state *p = user;
    return p->inner.place(p->inner.user, view, job, stage, executor);
}

static llmsched_status choose_inside(const state *p, const llmsched_view *view, uint32_t queue,
                                     llmsched_choice *choice)
{
    if (p->inner.choose != NULL)
        return p->inner.choose(p->inner.user, view, queue, choice);
    return llmsched_view_head(view, queue, &choice->job, &choice->stage);
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    const state *p = user;
    llmsched_view inside = *view;
    inside.lane = lls_ranking_at(&view->scheduler->queues[queue]->lanes, 0);
    llmsched_status status = choose_inside(p, &inside, queue, choice);
    choice->tasks = 1;
    return status;
}

static void release(void *user)
{
    state *p = user;
    llmsched_context *context = p->context;
    if (p->inner.release != NULL)
        p->inner.release(p->inner.user);
    lls_free(context, p);
    lls_context_release(context);
}

/* inside: the policy to wrap. */
static llmsched_status create(llmsched_context *context, const char *inside,
                              llmsched_policy *policy, llmsched_error *err)
{
    state *p = lls_calloc(context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    llmsched_status status = LLMSCHED_OK;
    if (inside != NULL && strncmp(inside, "fair-share", strlen("fair-share")) == 0)
        status = lls_fail(err, LLMSCHED_ERROR_INVALID,
                          "policy fair-share: another policy must stand after the slash");
    if (status == LLMSCHED_OK)
        status = lls_policy_create(context, inside != NULL ? inside : "gittins", &p->inner, err);
    if (status != LLMSCHED_OK) {
        lls_free(context, p);
        return status;
    }
    p->context = lls_context_retain(context);
    *policy = (llmsched_policy){.size = sizeof *policy,
                                .flags = p->inner.flags | LLS_POLICY_TENANTS,
                                .user = p,
                                .key = key,
                                .choose = choose,
                                .release = release,
                                .place = p->inner.place != NULL ? place : NULL};
    return LLMSCHED_OK;
}

const lls_builtin lls_policy_fair_share = {
    .name = "fair-share",
    .summary = "start-time fair queueing of tenants by weight over all executors, inside a tenant "
               "the policy after a slash: fair-share/gittins (also without it), "
               "fair-share/llmsched:epsilon=0",
    .wraps = true,
    .create = create};
