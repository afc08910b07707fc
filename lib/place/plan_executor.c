/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan to the loop: every replica as an executor of a scheduler. */
#include "place/internal.h"

#include <math.h>

llmsched_status llmsched_plan_get_executor(const llmsched_plan *plan, uint32_t replica,
                                           llmsched_executor *executor, llmsched_error *err)
{
    llmsched_plan_replica r = {.size = sizeof r};
    if (executor == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "executor: must not be NULL");
    llmsched_status status = llmsched_plan_get_replica(plan, replica, &r, err);
    if (status != LLMSCHED_OK)
        return status;
    const llmsched_plan_model *model = &plan->models[r.model];
    const lls_plan_curve *curve = &plan->curves[r.model];
    llmsched_executor now = {.size = sizeof now,
                             .kind = LLMSCHED_STAGE_LLM,
                             .model = model->model,
                             .capacity = model->batch,
                             .curve_count = curve->count,
                             .curve_batch = curve->batch,
                             .curve_slowdown = curve->slowdown,
                             .price = model->tp * model->share};
    return lls_sized_out(executor, &now, sizeof now, sizeof now, "llmsched_executor", err);
}

/* Those that came up in this call go down again. */
static void take_down(llmsched_scheduler *scheduler, double time_s, uint64_t first, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        llmsched_event event = {.size = sizeof event,
                                .type = LLMSCHED_EVENT_EXECUTOR_DOWN,
                                .time_s = time_s,
                                .executor = first + i};
        llmsched_scheduler_post(scheduler, &event, NULL);
    }
}

llmsched_status llmsched_plan_start(const llmsched_plan *plan, llmsched_scheduler *scheduler,
                                    double time_s, uint64_t first, llmsched_error *err)
{
    if (plan == NULL || scheduler == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        plan == NULL ? "plan" : "scheduler");
    uint32_t count = plan->info.replica_count;
    if (count > 0 && first > UINT64_MAX - (count - 1))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "first: %llu and %u replicas go past the last id",
                        (unsigned long long)first, (unsigned)count);
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; status == LLMSCHED_OK && i < count; i++) {
        llmsched_executor executor = {.size = sizeof executor};
        status = llmsched_plan_get_executor(plan, i, &executor, err);
        llmsched_event event = {.size = sizeof event,
                                .type = LLMSCHED_EVENT_EXECUTOR_UP,
                                .time_s = time_s,
                                .executor = first + i,
                                .executor_info = &executor};
        if (status == LLMSCHED_OK)
            status = llmsched_scheduler_post(scheduler, &event, err);
        if (status != LLMSCHED_OK)
            take_down(scheduler, time_s, first, i);
    }
    return status;
}
