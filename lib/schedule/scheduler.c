/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending a scheduler. */
#include "schedule/internal.h"

#include <math.h>
#include <stddef.h>

static llmsched_status choose_policy(llmsched_context *context,
                                     const llmsched_scheduler_options *options,
                                     llmsched_policy *policy, llmsched_error *err)
{
    if (options->custom == NULL)
        return lls_policy_create(context, options->policy != NULL ? options->policy : "gittins",
                                 policy, err);
    if (options->policy != NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "scheduler options: give either policy or custom, not both");
    llmsched_status status = lls_sized_in(policy, sizeof *policy, options->custom,
                                          offsetof(llmsched_policy, place), "llmsched_policy", err);
    if (status == LLMSCHED_OK && policy->key == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "llmsched_policy: key must not be NULL");
    if (status == LLMSCHED_OK && policy->flags > LLMSCHED_POLICY_LAZY)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "llmsched_policy: flags %u are unknown",
                        policy->flags);
    return status;
}

llmsched_status llmsched_scheduler_create(llmsched_context *context,
                                          const llmsched_scheduler_options *given,
                                          llmsched_scheduler **scheduler, llmsched_error *err)
{
    llmsched_scheduler_options options;
    if (context == NULL || scheduler == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "context and scheduler must not be NULL");
    llmsched_status status = lls_sized_in(&options, sizeof options, given, sizeof options,
                                          "llmsched_scheduler_options", err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_scheduler *s = lls_calloc(context, 1, sizeof *s);
    if (s == NULL)
        return lls_fail_memory(err);
    status = choose_policy(context, &options, &s->policy, err);
    if (status != LLMSCHED_OK) {
        lls_free(context, s);
        return status;
    }
    s->context = lls_context_retain(context);
    s->plain_queue = s->tool_queue = LLS_NONE32;
    lls_pool_init(&s->pool, context);
    s->now = -INFINITY;
    lls_random_seed(&s->random, options.seed);
    lls_map_init(&s->executor_ids, context);
    lls_map_init(&s->queue_models, context);
    lls_map_init(&s->queue_pools, context);
    lls_nodes_init(&s->jobs, lls_pool_of(s));
    lls_nodes_init(&s->stages, lls_pool_of(s));
    lls_tenants_init(s);
    *scheduler = s;
    return LLMSCHED_OK;
}

static void free_tables(llmsched_scheduler *s)
{
    lls_map_finish(&s->executor_ids);
    lls_map_finish(&s->queue_models);
    lls_map_finish(&s->queue_pools);
    lls_nodes_finish(&s->jobs);
    lls_nodes_finish(&s->stages);
    lls_free(s->context, s->executors);
    lls_free(s->context, s->queues);
    lls_free(s->context, s->knowledge);
}

void llmsched_scheduler_destroy(llmsched_scheduler *s)
{
    if (s == NULL)
        return;
    lls_node *job = NULL; /* a job's node comes first */
    while ((job = lls_nodes_any(&s->jobs)) != NULL)
        lls_job_remove(s, (lls_job *)(void *)job);
    lls_tenants_free(s);
    for (uint32_t i = 0; i < s->knowledge_count; i++) {
        if (s->knowledge[i].profile != NULL)
            lls_knowledge_close(s, &s->knowledge[i]);
    }
    for (uint32_t i = 0; i < s->executor_slots; i++)
        lls_executor_free(s, s->executors[i]);
    for (uint32_t i = 0; i < s->queue_count; i++)
        lls_queue_free(s, s->queues[i]);
    if (s->policy.release != NULL)
        s->policy.release(s->policy.user);
    free_tables(s);
    lls_pool_finish(&s->pool);
    llmsched_context *context = s->context;
    lls_free(context, s);
    lls_context_release(context);
}

llmsched_status llmsched_scheduler_get_stats(const llmsched_scheduler *s,
                                             llmsched_scheduler_stats *stats, llmsched_error *err)
{
    if (s == NULL || stats == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "scheduler and stats must not be NULL");
    uint32_t ready = 0;
    for (uint32_t i = 0; i < s->queue_count; i++)
        ready += s->queues[i]->ready_tasks;
    llmsched_scheduler_stats now = {.size = sizeof now,
                                    .executors = s->executor_count,
                                    .jobs = s->jobs.count,
                                    .ready = ready,
                                    .running = s->running_tasks,
                                    .events = s->events,
                                    .decisions = s->decisions};
    return lls_sized_out(stats, &now, sizeof now, sizeof now, "llmsched_scheduler_stats", err);
}

llmsched_status llmsched_scheduler_get_tenant(const llmsched_scheduler *s, uint64_t tenant,
                                              llmsched_tenant_view *account, llmsched_error *err)
{
    if (s == NULL || account == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "scheduler and account must not be NULL");
    return lls_tenant_read(s, tenant, account, err);
}
