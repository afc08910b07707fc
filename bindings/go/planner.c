/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of a search told to Go. user points at a cell that holds the number of a Go handle. */
#include "_cgo_export.h"

static int32_t progress(void *user, uint64_t nodes, double best, double bound)
{
    return llmschedGoProgress(*(uintptr_t *)user, nodes, best, bound);
}

void llmsched_go_progress(llmsched_planner_options *options, void *user)
{
    options->progress = progress;
    options->progress_user = user;
}
