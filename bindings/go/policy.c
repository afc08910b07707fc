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

static llmsched_status place(void *user, const llmsched_view *view, uint64_t job, uint32_t stage,
                             uint64_t *executor)
{
    return llmschedGoPlace(*(uintptr_t *)user, (llmsched_view *)view, job, stage, executor);
}

static void release(void *user)
{
    llmschedGoRelease(user);
}

llmsched_policy llmsched_go_policy(void *user, int chooses, int places, int lazy)
{
    llmsched_policy policy = {.size = sizeof policy,
                              .flags = lazy ? LLMSCHED_POLICY_LAZY : 0,
                              .user = user,
                              .key = key,
                              .choose = chooses ? choose : NULL,
                              .release = release,
                              .place = places ? place : NULL};
    return policy;
}
