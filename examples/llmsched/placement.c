/* SPDX-License-Identifier: Apache-2.0 */
#include "placement.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef llmsched_status (*reader)(const llmsched_plan *plan, uint32_t index, void *item,
                                  llmsched_error *err);

static llmsched_status get_model(const llmsched_plan *plan, uint32_t index, void *item,
                                 llmsched_error *err)
{
    ((llmsched_plan_model *)item)->size = sizeof(llmsched_plan_model);
    return llmsched_plan_get_model(plan, index, item, err);
}

static llmsched_status get_replica(const llmsched_plan *plan, uint32_t index, void *item,
                                   llmsched_error *err)
{
    ((llmsched_plan_replica *)item)->size = sizeof(llmsched_plan_replica);
    return llmsched_plan_get_replica(plan, index, item, err);
}

static llmsched_status get_app(const llmsched_plan *plan, uint32_t index, void *item,
                               llmsched_error *err)
{
    ((llmsched_plan_app *)item)->size = sizeof(llmsched_plan_app);
    return llmsched_plan_get_app(plan, index, item, err);
}

static llmsched_status get_gpu(const llmsched_plan *plan, uint32_t index, void *item,
                               llmsched_error *err)
{
    ((llmsched_plan_gpu *)item)->size = sizeof(llmsched_plan_gpu);
    return llmsched_plan_get_gpu(plan, index, item, err);
}

static bool read_all(const llmsched_plan *plan, reader read, uint32_t count, size_t size,
                     void **items, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    *items = allocate(count, size);
    for (uint32_t i = 0; i < count; i++)
        if (read(plan, i, (char *)*items + i * size, &err) != LLMSCHED_OK)
            return library_failed(problem, NULL, &err);
    return true;
}

static void find_domains(struct placement *p)
{
    uint32_t count = p->info.gpu_count;
    p->domains = allocate(count, sizeof *p->domains);
    p->domain = allocate(count, sizeof *p->domain);
    p->ordinal = allocate(count, sizeof *p->ordinal);
    uint32_t *used = allocate(count, sizeof *used);
    struct arena arena = {0};
    struct words words = {.arena = &arena};
    for (uint32_t g = 0; g < count; g++) {
        struct word *word = intern(&words, p->gpus[g].domain);
        if (!word->is_job) {
            word->is_job = true;
            word->stage = p->domain_count;
            p->domains[p->domain_count++] = p->gpus[g].domain;
        }
        p->domain[g] = word->stage;
        p->ordinal[g] = used[word->stage]++;
    }
    words_release(&words);
    arena_release(&arena);
    free(used);
}

static void find_residents(struct placement *p)
{
    struct residents *r = &p->residents;
    r->first = allocate((size_t)p->info.gpu_count + 1, sizeof *r->first);
    for (uint32_t i = 0; i < p->info.replica_count; i++)
        for (uint32_t g = 0; g < p->replicas[i].gpu_count; g++)
            r->first[p->replicas[i].gpus[g] + 1]++;
    for (uint32_t g = 0; g < p->info.gpu_count; g++)
        r->first[g + 1] += r->first[g];
    uint32_t *next = allocate(p->info.gpu_count, sizeof *next);
    r->replicas = allocate(r->first[p->info.gpu_count], sizeof *r->replicas);
    for (uint32_t i = 0; i < p->info.replica_count; i++)
        for (uint32_t g = 0; g < p->replicas[i].gpu_count; g++) {
            uint32_t gpu = p->replicas[i].gpus[g];
            r->replicas[r->first[gpu] + next[gpu]++] = i;
        }
    free(next);
}

static bool read_runtime(struct placement *p, const llmsched_planner *planner)
{
    llmsched_error err = {.size = sizeof err};
    p->runtime_bytes = allocate(p->info.model_count, sizeof *p->runtime_bytes);
    for (uint32_t m = 0; m < p->info.model_count; m++) {
        llmsched_model model = {.size = sizeof model};
        uint32_t index = llmsched_planner_find_model(planner, p->models[m].model);
        if (llmsched_planner_get_model(planner, index, &model, &err) != LLMSCHED_OK)
            return library_failed(p->problem, NULL, &err);
        p->runtime_bytes[m] = model.runtime_bytes;
    }
    return true;
}

bool placement_make(struct placement *p, const llmsched_plan *plan, const llmsched_planner *planner,
                    struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    *p = (struct placement){.info = {.size = sizeof p->info},
                            .autoscaler = {.size = sizeof p->autoscaler},
                            .problem = problem};
    if (llmsched_plan_get_info(plan, &p->info, &err) != LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    if (p->info.status == LLMSCHED_PLAN_INFEASIBLE)
        return no_result(problem, "no plan to render: %s; %s", llmsched_plan_reason(plan),
                         llmsched_plan_lift(plan));
    if (llmsched_plan_get_autoscaler(plan, &p->autoscaler, &err) != LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    bool good =
        read_all(plan, get_model, p->info.model_count, sizeof *p->models, (void **)&p->models,
                 problem) &&
        read_all(plan, get_replica, p->info.replica_count, sizeof *p->replicas,
                 (void **)&p->replicas, problem) &&
        read_all(plan, get_app, p->info.app_count, sizeof *p->apps, (void **)&p->apps, problem) &&
        read_all(plan, get_gpu, p->info.gpu_count, sizeof *p->gpus, (void **)&p->gpus, problem) &&
        read_runtime(p, planner);
    if (good) {
        find_domains(p);
        find_residents(p);
    }
    return good;
}

void placement_release(struct placement *p)
{
    free(p->models);
    free(p->runtime_bytes);
    free(p->replicas);
    free(p->apps);
    free(p->gpus);
    free(p->residents.replicas);
    free(p->residents.first);
    free(p->domains);
    free(p->domain);
    free(p->ordinal);
}

bool cannot_express(const struct placement *p, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return no_result(p->problem, "%s cannot express this plan: %s", p->target, text);
}

bool check_words(const struct placement *p)
{
    for (uint32_t m = 0; m < p->info.model_count; m++)
        if (p->models[m].model[0] == '-')
            return cannot_express(p, "the model name %.100s begins like an option",
                                  p->models[m].model);
    return true;
}

bool check_ports(const struct placement *p)
{
    return p->info.replica_count <= MOST_PORT - FIRST_PORT
               ? true
               : cannot_express(p, "%u replicas, and there are %d ports", p->info.replica_count,
                                MOST_PORT - FIRST_PORT);
}

bool check_memory(const struct placement *p)
{
    for (uint32_t g = 0; g < p->info.gpu_count; g++)
        if (p->gpus[g].used_bytes > p->gpus[g].memory_bytes)
            return cannot_express(p, "GPU %.100s has %.4g bytes, and %.4g are asked of it",
                                  p->gpus[g].id, p->gpus[g].memory_bytes, p->gpus[g].used_bytes);
    return true;
}

uint32_t replica_rank(const struct placement *p, uint32_t replica)
{
    return replica - p->models[p->replicas[replica].model].first_replica;
}

const llmsched_plan_gpu *replica_gpu(const struct placement *p, uint32_t replica, uint32_t i)
{
    return &p->gpus[p->replicas[replica].gpus[i]];
}

uint32_t replica_domain(const struct placement *p, uint32_t replica)
{
    return p->domain[p->replicas[replica].gpus[0]];
}

bool replica_is_alone(const struct placement *p, uint32_t replica)
{
    const llmsched_plan_replica *r = &p->replicas[replica];
    for (uint32_t g = 0; g < r->gpu_count; g++)
        if (p->gpus[r->gpus[g]].replicas > 1)
            return false;
    return p->models[r->model].share >= 1.0;
}

double memory_fraction(const struct placement *p, uint32_t replica, double less_bytes)
{
    const llmsched_plan_replica *r = &p->replicas[replica];
    double least = INFINITY;
    for (uint32_t g = 0; g < r->gpu_count; g++)
        least = fmin(least, p->gpus[r->gpus[g]].memory_bytes);
    double part = (p->models[r->model].memory_bytes - less_bytes) / least;
    return fmax(0.0, floor(1e4 * part) / 1e4);
}
