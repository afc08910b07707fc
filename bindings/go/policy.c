/* SPDX-License-Identifier: Apache-2.0 */
/* Callbacks of a policy written in Go. user points at a cell that holds the number of a Go handle.
 */
#include "_cgo_export.h"

static llmsched_status key(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                           double *out)
{
    return llmschedGoKey(*(uintptr_t *)user, (llmsched_view *)view, job, stage, out);
}

static llmsched_status choose(void *user, const llmsched_view *view, uint32_t queue,
                              llmsched_choice *choice)
{
    return llmschedGoChoose(*(uintptr_t *)user, (llmsched_view *)view, queue, choice);
}

static void release(void *user)
{
    llmschedGoRelease(user);
}

llmsched_policy llmsched_go_policy(void *user, int chooses)
{
    llmsched_policy policy = {.size = sizeof policy,
                              .user = user,
                              .key = key,
                              .choose = chooses ? choose : NULL,
                              .release = release};
    return policy;
}
