/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy of one's own: shortest prompt first, but a job that has waited long
 * enough goes before all others, so that nothing starves.
 *
 *   cc custom_policy.c $(pkg-config --cflags --libs llmsched) && ./a.out
 */
#include <llmsched/llmsched.h>

#include <stdio.h>
#include <stdlib.h>

static llmsched_error err = {.size = sizeof err};

static llmsched_status must(llmsched_status status)
{
    if (status > LLMSCHED_NONE) {
        fprintf(stderr, "%s: %s\n", llmsched_status_name(status), err.message);
        exit(1);
    }
    return status;
}

/* What the policy needs to know; handed to each callback as `user`. */
struct patience {
    double limit_s;
    int chosen_for_age;
};

/* The least key goes first. It may use only what stays the same until the job's next event. */
static llmsched_status shortest_prompt(void *user, const llmsched_view *view, uint64_t job,
                                       uint32_t stage, double *key)
{
    (void)user;
    llmsched_stage_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_stage(view, job, stage, &info);
    if (status == LLMSCHED_OK)
        *key = info.prompt_tokens;
    return status;
}

/* Time passes without events, so what depends on it is asked when there is something to choose. */
static llmsched_status oldest_if_impatient(void *user, const llmsched_view *view, uint32_t queue,
                                           llmsched_choice *choice)
{
    struct patience *patience = user;
    llmsched_queue_view info = {.size = sizeof info};
    llmsched_status status = llmsched_view_queue(view, queue, &info);
    double oldest = llmsched_view_now(view) - patience->limit_s;
    uint64_t oldest_job = UINT64_MAX;
    for (uint32_t i = 0; status == LLMSCHED_OK && i < info.ready; i++) {
        uint64_t job;
        uint32_t stage;
        llmsched_job_view job_view = {.size = sizeof job_view};
        status = llmsched_view_ready(view, queue, i, &job, &stage);
        if (status == LLMSCHED_OK)
            status = llmsched_view_job(view, job, &job_view);
        if (status == LLMSCHED_OK &&
            (job_view.arrival_s < oldest || (job_view.arrival_s == oldest && job < oldest_job))) {
            oldest = job_view.arrival_s;
            oldest_job = job;
            choice->job = job;
            choice->stage = stage;
        }
    }
    if (status == LLMSCHED_OK && oldest_job != UINT64_MAX) {
        patience->chosen_for_age++;
        return LLMSCHED_OK;
    }
    return status == LLMSCHED_OK ? llmsched_view_head(view, queue, &choice->job, &choice->stage)
                                 : status;
}

static void report(void *user)
{
    struct patience *patience = user;
    printf("%d chosen for their age\n", patience->chosen_for_age);
}

static void post(llmsched_scheduler *s, llmsched_event event)
{
    event.size = sizeof event;
    must(llmsched_scheduler_post(s, &event, &err));
}

/* A job of one LLM stage. */
static void arrive(llmsched_scheduler *s, uint64_t job, double time_s, double prompt_tokens)
{
    llmsched_job info = {.size = sizeof info};
    llmsched_revealed_stage stage = {.size = sizeof stage,
                                     .kind = LLMSCHED_STAGE_LLM,
                                     .name = "answer",
                                     .has_prompt = 1,
                                     .prompt_tokens = prompt_tokens};
    post(s,
         (llmsched_event){
             .type = LLMSCHED_EVENT_JOB_ARRIVED, .time_s = time_s, .job = job, .job_info = &info});
    post(s, (llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                             .time_s = time_s,
                             .job = job,
                             .stage_info = &stage});
}

int main(void)
{
    struct patience patience = {.limit_s = 3};
    llmsched_policy policy = {.size = sizeof policy,
                              .user = &patience,
                              .key = shortest_prompt,
                              .choose = oldest_if_impatient,
                              .release = report};
    llmsched_context *context;
    llmsched_scheduler *s;
    must(llmsched_context_create(NULL, &context, &err));
    llmsched_scheduler_options options = {.size = sizeof options, .custom = &policy};
    must(llmsched_scheduler_create(context, &options, &s, &err));

    llmsched_executor engine = {.size = sizeof engine, .kind = LLMSCHED_STAGE_LLM, .capacity = 1};
    post(s, (llmsched_event){.type = LLMSCHED_EVENT_EXECUTOR_UP, .executor_info = &engine});

    /* One long prompt at the start, then a short one every second; each takes a second. */
    arrive(s, 1, 0, 9000);
    for (int now = 0; now < 7; now++) {
        arrive(s, (uint64_t)now + 2, now, 100 + now);
        llmsched_decision d = {.size = sizeof d};
        while (must(llmsched_scheduler_next(s, now, &d, &err)) == LLMSCHED_OK)
            printf("%d s: job %d starts\n", now, (int)d.job);
        post(s, (llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                                 .time_s = now + 1,
                                 .job = d.job,
                                 .stage = d.stage,
                                 .task = d.task});
        post(s, (llmsched_event){
                    .type = LLMSCHED_EVENT_JOB_FINISHED, .time_s = now + 1, .job = d.job});
    }

    llmsched_scheduler_destroy(s);
    llmsched_context_destroy(context);
    return 0;
}
