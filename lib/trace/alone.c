/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alone times (simulation.md, "Work"): what a stage costs at batch size 1 on
 * an empty machine.
 */
#include "trace/internal.h"

#include <math.h>

/* Task 0 has the most of both: task i gets floor(n / k), the first n mod k tasks one more. */
static double largest_share(double tokens, uint32_t tasks)
{
    return ceil(tokens / (double)tasks);
}

void lls_alone_times(llmsched_run_stage *stage, double duration_s, double prefill_s_per_token,
                     double decode_s_per_token)
{
    if (stage->kind == LLMSCHED_STAGE_LLM) {
        stage->work_s =
            stage->prompt_tokens * prefill_s_per_token + stage->output_tokens * decode_s_per_token;
        stage->span_s = largest_share(stage->prompt_tokens, stage->tasks) * prefill_s_per_token +
                        largest_share(stage->output_tokens, stage->tasks) * decode_s_per_token;
        return;
    }
    /* Each task of a tool stage takes the whole duration. */
    stage->span_s = duration_s;
    stage->work_s = duration_s * (double)stage->tasks;
}
