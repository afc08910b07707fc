/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long prompts go to the engine that the job used last, which may hold their
 * beginning (algorithms.md section 6, Autellix). While that one is full or
 * down, and for all others: the fewest running.
 */
#include "schedule/internal.h"

llmsched_status lls_place_long(const llmsched_view *view, uint64_t job, uint32_t stage,
                               double long_prompt, uint64_t *executor)
{
    llmsched_stage_view at = {.size = sizeof at};
    llmsched_job_view info = {.size = sizeof info};
    llmsched_executor_view engine = {.size = sizeof engine};
    llmsched_status status = llmsched_view_stage(view, job, stage, &at);
    if (status == LLMSCHED_OK)
        status = llmsched_view_job(view, job, &info);
    if (status != LLMSCHED_OK)
        return status;
    if (!info.has_last_engine || at.kind != LLMSCHED_STAGE_LLM || !at.has_prompt ||
        at.prompt_tokens <= long_prompt * at.tasks)
        return LLMSCHED_NONE;
    status = llmsched_view_executor(view, info.last_engine, &engine);
    if (status != LLMSCHED_OK)
        return status;
    if (engine.queue != at.queue || engine.running >= engine.capacity)
        return LLMSCHED_NONE;
    *executor = info.last_engine;
    return LLMSCHED_OK;
}
