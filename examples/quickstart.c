/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template, a scheduler with one engine and one tool slot, two jobs, and the
 * loop. Every task takes one second here; a server would do the work instead.
 *
 *   cc quickstart.c $(pkg-config --cflags --libs llmsched) && ./a.out
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

static void post(llmsched_scheduler *s, llmsched_event event)
{
    event.size = sizeof event;
    must(llmsched_scheduler_post(s, &event, &err));
}

/* plan -> search, plan -> read, both -> answer */
static llmsched_dag *build_template(llmsched_context *context)
{
    static const char *const ids[] = {"plan", "search", "read", "answer"};
    static const uint32_t edges[][2] = {{0, 1}, {0, 2}, {1, 3}, {2, 3}};
    llmsched_dag_builder *builder;
    llmsched_dag *dag;
    must(llmsched_dag_builder_create(context, "assistant", &builder, &err));
    for (int i = 0; i < 4; i++) {
        llmsched_stage stage = {.size = sizeof stage, .id = ids[i]};
        stage.kind = i == 0 || i == 3 ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR;
        must(llmsched_dag_builder_add_stage(builder, &stage, NULL, &err));
    }
    for (int i = 0; i < 4; i++)
        must(llmsched_dag_builder_add_edge(builder, edges[i][0], edges[i][1], &err));
    must(llmsched_dag_builder_freeze(builder, &dag, &err));
    llmsched_dag_builder_destroy(builder);
    return dag;
}

/* This application always runs all its stages, so a job reveals them all as it arrives. */
static void arrive(llmsched_scheduler *s, const llmsched_dag *dag, uint64_t job)
{
    llmsched_job info = {.size = sizeof info};
    post(s, (llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = job, .job_info = &info});
    for (uint32_t i = 0; i < llmsched_dag_stage_count(dag); i++) {
        llmsched_stage stage = {.size = sizeof stage};
        must(llmsched_dag_stage(dag, i, &stage, &err));
        llmsched_revealed_stage revealed = {
            .size = sizeof revealed, .kind = stage.kind, .name = stage.name};
        revealed.parents = llmsched_dag_parents(dag, i, &revealed.parent_count);
        post(s, (llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                                 .job = job,
                                 .stage = i,
                                 .stage_info = &revealed});
    }
}

/* Takes all decisions there are now; returns how many. */
static int start_tasks(llmsched_scheduler *s, const llmsched_dag *dag, double now,
                       llmsched_decision *running)
{
    int count = 0;
    llmsched_decision d = {.size = sizeof d};
    while (must(llmsched_scheduler_next(s, now, &d, &err)) == LLMSCHED_OK) {
        llmsched_stage stage = {.size = sizeof stage};
        must(llmsched_dag_stage(dag, d.stage, &stage, &err));
        printf("%.0f s: job %d starts %s on executor %d\n", now, (int)d.job, stage.id,
               (int)d.executor);
        running[count++] = d;
    }
    return count;
}

int main(void)
{
    llmsched_context *context;
    llmsched_scheduler *s;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = "fcfs"};
    must(llmsched_context_create(NULL, &context, &err));
    must(llmsched_scheduler_create(context, &options, &s, &err));
    for (uint32_t kind = LLMSCHED_STAGE_LLM; kind <= LLMSCHED_STAGE_REGULAR; kind++) {
        llmsched_executor info = {.size = sizeof info, .kind = kind, .capacity = 1};
        post(s, (llmsched_event){
                    .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = kind, .executor_info = &info});
    }
    llmsched_dag *dag = build_template(context);
    arrive(s, dag, 1);
    arrive(s, dag, 2);

    llmsched_decision running[2]; /* one for each executor */
    double now = 0;
    for (int count; (count = start_tasks(s, dag, now, running)) > 0;) {
        now += 1;
        for (int i = 0; i < count; i++)
            post(s, (llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                                     .time_s = now,
                                     .job = running[i].job,
                                     .stage = running[i].stage,
                                     .task = running[i].task});
    }

    llmsched_scheduler_destroy(s);
    llmsched_dag_release(dag);
    llmsched_context_destroy(context);
    return 0;
}
