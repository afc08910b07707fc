/* SPDX-License-Identifier: Apache-2.0 */
/* What jobs cost, and whether a cluster can run them. */
#include "jobs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

void workload_add(struct workload *workload, const struct job *job)
{
    grow((void **)&workload->jobs, &workload->capacity, workload->count + 1,
         sizeof *workload->jobs);
    workload->jobs[workload->count++] = *job;
}

void workload_release(struct workload *workload)
{
    free(workload->jobs);
    free(workload->models);
    free(workload->tenants);
    arena_release(&workload->arena);
    *workload = (struct workload){0};
}

uint32_t workload_tenant(struct workload *workload, const char *name)
{
    uint32_t t = 0;
    while (t < workload->tenant_count && strcmp(workload->tenants[t], name) != 0)
        t++;
    if (t == workload->tenant_count) {
        grow((void **)&workload->tenants, &workload->tenant_capacity, (size_t)t + 1,
             sizeof *workload->tenants);
        workload->tenants[workload->tenant_count++] = name;
    }
    return t;
}

uint32_t workload_add_model(struct workload *workload, const char *name)
{
    grow((void **)&workload->models, &workload->model_capacity, workload->model_count + 1,
         sizeof *workload->models);
    workload->models[workload->model_count] = name;
    return (uint32_t)workload->model_count++;
}

void body_link(struct body *body, struct arena *arena)
{
    uint32_t edges = 0;
    for (uint32_t s = 0; s < body->stage_count; s++) {
        edges += body->stages[s].parent_count;
        for (uint32_t p = 0; p < body->stages[s].parent_count; p++)
            body->stages[body->stages[s].parents[p]].child_count++;
    }
    uint32_t *children = arena_take(arena, edges, sizeof *children);
    uint32_t **next = allocate(body->stage_count, sizeof *next);
    for (uint32_t s = 0; s < body->stage_count; s++) {
        body->stages[s].children = next[s] = children;
        children += body->stages[s].child_count;
    }
    for (uint32_t s = 0; s < body->stage_count; s++)
        for (uint32_t p = 0; p < body->stages[s].parent_count; p++)
            *next[body->stages[s].parents[p]]++ = s;
    free(next);
}

void job_write(const struct job *job, const char *tenant, FILE *file)
{
    fputs("{\"job\":", file);
    json_put_string(file, job->name);
    fputs(",\"app\":", file);
    json_put_string(file, job->app);
    fputs(",\"arrival_s\":", file);
    json_put_number(file, job->arrival_s);
    if (!isnan(job->sjf_mean_s)) {
        fputs(",\"sjf_mean_s\":", file);
        json_put_number(file, job->sjf_mean_s);
    }
    if (tenant != NULL) {
        fputs(",\"tenant\":", file);
        json_put_string(file, tenant);
    }
    if (job->weight > 0.0) {
        fputs(",\"weight\":", file);
        json_put_number(file, job->weight);
    }
    fputs(",\"stages\":[", file);
    for (uint32_t i = 0; i < job->body->stage_count; i++) {
        const struct stage *s = &job->body->stages[i];
        fputs(i > 0 ? ",{\"id\":" : "{\"id\":", file);
        json_put_string(file, s->id);
        fputs(",\"name\":", file);
        json_put_string(file, s->name);
        fprintf(file, ",\"kind\":\"%s\"", s->kind == LLMSCHED_STAGE_LLM ? "llm" : "tool");
        if (s->model != NULL) {
            fputs(",\"model\":", file);
            json_put_string(file, s->model);
        }
        if (s->pool != NULL) {
            fputs(",\"pool\":", file);
            json_put_string(file, s->pool);
        }
        fputs(",\"parents\":[", file);
        for (uint32_t p = 0; p < s->parent_count; p++) {
            if (p > 0)
                fputc(',', file);
            json_put_string(file, job->body->stages[s->parents[p]].id);
        }
        fputc(']', file);
        if (s->kind == LLMSCHED_STAGE_LLM) {
            fputs(",\"prompt_tokens\":", file);
            json_put_number(file, s->prompt_tokens);
            fputs(",\"output_tokens\":", file);
            json_put_number(file, s->output_tokens);
        } else {
            fputs(",\"duration_s\":", file);
            json_put_number(file, s->duration_s);
        }
        fprintf(file, ",\"samples\":%u}", s->tasks);
    }
    fputs("]}\n", file);
}

static bool serves(const struct cluster *cluster, const char *model)
{
    for (uint32_t e = 0; e < cluster->engine_count; e++)
        if (cluster->engines[e].model != NULL && strcmp(cluster->engines[e].model, model) == 0)
            return true;
    return false;
}

const char *stage_model(const struct stage *stage, const struct cluster *cluster)
{
    if (stage->kind != LLMSCHED_STAGE_LLM)
        return NULL;
    const char *only = cluster->engines[0].model;
    return only == NULL || stage->model == NULL ? only : stage->model;
}

const struct tool_pool *stage_pool(const struct stage *stage, const struct cluster *cluster)
{
    if (stage->kind != LLMSCHED_STAGE_REGULAR || cluster->pool_count == 0)
        return NULL;
    if (stage->pool != NULL)
        return cluster_pool(cluster, stage->pool);
    for (uint32_t p = 0; p < cluster->pool_count; p++)
        for (uint32_t t = 0; t < cluster->pools[p].tool_count; t++)
            if (strcmp(cluster->pools[p].tools[t], stage->name) == 0)
                return &cluster->pools[p];
    return NULL;
}

/* The one model that a cluster without names serves, as the jobs call it; kept in *only. */
static bool stage_fits(const struct stage *stage, const struct cluster *cluster, const char **only,
                       struct place *place)
{
    if (stage->kind == LLMSCHED_STAGE_REGULAR && stage->pool != NULL)
        return cluster_pool(cluster, stage->pool) != NULL
                   ? true
                   : json_expected(place, "pool", "a pool of tool slots that the cluster has");
    if (stage->kind == LLMSCHED_STAGE_REGULAR)
        return cluster->tool_slots > 0 || stage_pool(stage, cluster) != NULL
                   ? true
                   : json_expected(place, "kind", "no tool on a cluster without tool slots");
    if (cluster->engine_count == 0)
        return json_expected(place, "kind", "no LLM stage on a cluster without engines");
    if (stage->model == NULL)
        return cluster_has_one_model(cluster)
                   ? true
                   : json_expected(place, "model", "a model, since the cluster serves several");
    if (cluster->engines[0].model != NULL)
        return serves(cluster, stage->model)
                   ? true
                   : json_expected(place, "model", "a model that an engine of the cluster serves");
    if (*only == NULL)
        *only = stage->model;
    return *only == stage->model || strcmp(*only, stage->model) == 0
               ? true
               : json_expected(place, "model",
                               "one model in all stages, since the cluster names none");
}

bool workload_fits(const struct workload *workload, const struct cluster *cluster, const char *path,
                   struct problem *problem)
{
    const char *only = NULL;
    for (size_t j = 0; j < workload->count; j++) {
        const struct body *body = workload->jobs[j].body;
        for (uint32_t s = 0; s < body->stage_count; s++) {
            struct place place = {.path = path, .line = j + 1, .problem = problem};
            snprintf(place.where, sizeof place.where, "stages[%u]", s);
            if (!stage_fits(&body->stages[s], cluster, &only, &place))
                return false;
        }
    }
    return true;
}

double task_share(double tokens, uint32_t tasks, uint32_t task)
{
    double share = floor(tokens / tasks);
    return task < fmod(tokens, tasks) ? share + 1.0 : share;
}

/* Of the longest task. */
static double stage_alone(const struct stage *stage, const struct cluster *cluster)
{
    if (stage->kind == LLMSCHED_STAGE_REGULAR)
        return stage->duration_s;
    return cluster_alone(cluster, task_share(stage->prompt_tokens, stage->tasks, 0),
                         task_share(stage->output_tokens, stage->tasks, 0));
}

double job_work(const struct body *body, uint32_t kind, const struct cluster *cluster)
{
    double work = 0.0;
    for (uint32_t s = 0; s < body->stage_count; s++) {
        const struct stage *stage = &body->stages[s];
        if (stage->kind != kind)
            continue;
        work += kind == LLMSCHED_STAGE_LLM
                    ? cluster_alone(cluster, stage->prompt_tokens, stage->output_tokens)
                    : stage->duration_s * stage->tasks;
    }
    return work;
}

double job_critical_path(const struct body *body, const struct cluster *cluster)
{
    double *end = allocate(body->stage_count, sizeof *end), longest = 0.0;
    for (uint32_t s = 0; s < body->stage_count; s++) {
        const struct stage *stage = &body->stages[s];
        for (uint32_t p = 0; p < stage->parent_count; p++)
            end[s] = fmax(end[s], end[stage->parents[p]]);
        end[s] += stage_alone(stage, cluster);
        longest = fmax(longest, end[s]);
    }
    free(end);
    return longest;
}
