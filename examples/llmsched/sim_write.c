/* SPDX-License-Identifier: Apache-2.0 */
/* The two files that a simulation leaves. */
#include "json.h"
#include "sim.h"

void sim_write_jobs(const struct workload *workload, const struct sim_result *result, FILE *file)
{
    for (size_t j = 0; j < workload->count; j++) {
        fprintf(file, "{\"job_index\":%zu,\"job\":", j);
        json_put_string(file, workload->jobs[j].name);
        fputs(",\"arrival_s\":", file);
        json_put_number(file, workload->jobs[j].arrival_s);
        fputs(",\"completion_s\":", file);
        json_put_number(file, result->completion_s[j]);
        fputs("}\n", file);
    }
}

void sim_write_tasks(const struct workload *workload, const struct sim_result *result, FILE *file)
{
    for (size_t i = 0; i < result->task_count; i++) {
        const struct sim_task *t = &result->tasks[i];
        fprintf(file, "{\"job_index\":%u,\"stage\":", t->job);
        json_put_string(file, workload->jobs[t->job].body->stages[t->stage].id);
        fprintf(file, ",\"task\":%u,\"executor\":%lld,\"start_s\":", t->task,
                t->executor == NO_EXECUTOR ? -1LL : (long long)t->executor);
        json_put_number(file, t->start_s);
        fputs(",\"end_s\":", file);
        json_put_number(file, t->end_s);
        if (t->end != SIM_FINISHED)
            fprintf(file, ",\"ended\":\"%s\"", t->end == SIM_FAILED ? "failed" : "stopped");
        fputs("}\n", file);
    }
}

void sim_write_replicas(const struct world *world, const struct sim_result *result, FILE *file)
{
    for (size_t i = 0; i < result->change_count; i++) {
        const struct sim_change *c = &result->changes[i];
        fputs("{\"time_s\":", file);
        json_put_number(file, c->time_s);
        fprintf(file, ",\"replica\":%u,\"model\":", c->replica);
        json_put_string(file, world->classes[c->class].executor.model);
        fprintf(file, ",\"event\":\"%s\"}\n", c->what);
    }
}
