/* SPDX-License-Identifier: Apache-2.0 */
/* Mixes, loads, and the drawing of jobs. */
#include "draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

/* The part of a file's name before "__" says what kind of application it holds. */
static const char *const PREDEFINED =
    "sequence_sorting,document_merging,tree_of_thoughts,got_requirements";
static const char *const CHAIN = "code_generation,code_repair,web_search,tool_agent,swe_agent";
static const char *const PLANNING =
    "parallel_functions,research_agent,question_tree,task_automation";

static bool listed(const char *list, const char *name, size_t length)
{
    while (*list != '\0') {
        size_t item = strcspn(list, ",");
        if (item == length && strncmp(list, name, length) == 0)
            return true;
        list += item + (list[item] == ',' ? 1 : 0);
    }
    return false;
}

bool mix_wants(const void *mix, const char *stem)
{
    const char *family_end = strstr(stem, "__");
    size_t length = family_end != NULL ? (size_t)(family_end - stem) : strlen(stem);
    const char *name = mix;
    bool mixed = strcmp(name, "mixed") == 0;
    if (strcmp(name, "all") == 0)
        return true;
    if ((mixed || strcmp(name, "predefined") == 0) && listed(PREDEFINED, stem, length))
        return true;
    if ((mixed || strcmp(name, "chain") == 0) && listed(CHAIN, stem, length))
        return true;
    if ((mixed || strcmp(name, "planning") == 0) && listed(PLANNING, stem, length))
        return true;
    return listed(name, stem, length) || listed(name, stem, strlen(stem));
}

static void make_stage(struct stage *to, const llmsched_run_stage *from)
{
    *to = (struct stage){.id = from->id,
                         .name = from->name,
                         .kind = from->kind,
                         .tasks = from->tasks > 0 ? from->tasks : 1,
                         .parents = from->parents,
                         .parent_count = from->parent_count};
    if (from->kind == LLMSCHED_STAGE_LLM) {
        to->prompt_tokens = from->prompt_tokens;
        to->output_tokens = from->output_tokens;
    } else {
        to->duration_s = from->span_s;
    }
}

static void make_body(struct body *body, const llmsched_run *run, struct arena *arena)
{
    body->stage_count = run->stage_count;
    body->stages = arena_take(arena, run->stage_count, sizeof *body->stages);
    for (uint32_t s = 0; s < run->stage_count; s++)
        make_stage(&body->stages[s], &run->stages[s]);
    body_link(body, arena);
}

double serial_demand(const struct body *body, const struct cluster *cluster, double per_token_s)
{
    double steps = 0.0, prompts = 0.0;
    for (uint32_t s = 0; s < body->stage_count; s++) {
        const struct stage *stage = &body->stages[s];
        if (stage->kind != LLMSCHED_STAGE_LLM)
            continue;
        /* A task without output still takes a step. */
        steps += fmax(stage->output_tokens, (double)stage->tasks);
        prompts += stage->prompt_tokens;
    }
    return steps * per_token_s + prompts * cluster->prefill_s_per_token;
}

static double full_batch_s(const struct cluster *cluster, uint32_t engine)
{
    double batch = cluster->engines[engine].max_batch;
    return cluster_tau(cluster, batch) / batch;
}

static void measure(struct source *source, const struct cluster *cluster)
{
    size_t runs = source->app->eval.count;
    double n = (double)runs;
    for (size_t r = 0; r < runs; r++) {
        source->llm_s += job_work(&source->bodies[r], LLMSCHED_STAGE_LLM, cluster) / n;
        source->tool_s += job_work(&source->bodies[r], LLMSCHED_STAGE_REGULAR, cluster) / n;
        /* The mean over the engines where their batch limits differ. */
        for (uint32_t e = 0; e < cluster->engine_count; e++)
            source->serial_s +=
                serial_demand(&source->bodies[r], cluster, full_batch_s(cluster, e)) / n /
                cluster->engine_count;
    }
}

bool sources_make(struct pool_of_runs *pool, const struct applications *apps,
                  const struct cluster *cluster, struct problem *problem)
{
    *pool = (struct pool_of_runs){.sources = allocate(apps->count, sizeof *pool->sources)};
    for (size_t i = 0; i < apps->count; i++) {
        const struct application *app = &apps->items[i];
        llmsched_profile_summary summary = {.size = sizeof summary};
        if (app->eval.count == 0)
            continue;
        if (app->profile == NULL)
            return bad_input(problem, "%s: runs: expected some to train on as well", app->name);
        struct source *source = &pool->sources[pool->count++];
        llmsched_profile_get_summary(app->profile, &summary, NULL);
        source->app = app;
        source->total_s = summary.mean_llm_s + summary.mean_tool_s;
        source->bodies = arena_take(&pool->arena, app->eval.count, sizeof *source->bodies);
        for (size_t r = 0; r < app->eval.count; r++)
            make_body(&source->bodies[r], app->eval.runs[r], &pool->arena);
        measure(source, cluster);
    }
    if (pool->count == 0)
        return bad_input(problem, "runs: expected some to evaluate of the applications of the mix");
    return true;
}

void sources_release(struct pool_of_runs *pool)
{
    free(pool->sources);
    arena_release(&pool->arena);
    *pool = (struct pool_of_runs){0};
}

double arrival_rate(const struct pool_of_runs *pool, const struct cluster *cluster, double load)
{
    double llm_s = 0.0, serial_s = 0.0, capacity = 0.0;
    for (size_t i = 0; i < pool->count; i++) {
        llm_s += pool->sources[i].llm_s / (double)pool->count;
        serial_s += pool->sources[i].serial_s / (double)pool->count;
    }
    if (cluster->serial)
        return load * cluster->engine_count / serial_s;
    for (uint32_t e = 0; e < cluster->engine_count; e++)
        capacity += cluster_tau(cluster, 1.0) / full_batch_s(cluster, e);
    return load * capacity / llm_s;
}

double tool_load(const struct pool_of_runs *pool, const struct cluster *cluster, double rate)
{
    double tool_s = 0.0;
    for (size_t i = 0; i < pool->count; i++)
        tool_s += pool->sources[i].tool_s / (double)pool->count;
    return cluster->slot_count > 0 ? rate * tool_s / cluster->slot_count : 0.0;
}

static char *numbered_name(struct arena *arena, const char *run, size_t index)
{
    size_t bytes = strlen(run) + 24;
    char *name = arena_take(arena, bytes, 1);
    snprintf(name, bytes, "%s#%zu", run, index);
    return name;
}

void draw_workload(struct workload *workload, const struct pool_of_runs *pool, uint64_t seed,
                   size_t count, double rate)
{
    /* Two streams, so that another load moves the same jobs closer and no more. */
    struct random picks = {seed}, gaps = {seed ^ UINT64_C(0xA5A5A5A5A5A5A5A5)};
    double now = 0.0;
    *workload = (struct workload){0};
    for (size_t i = 0; i < count; i++) {
        const struct source *source = &pool->sources[random_below(&picks, (uint32_t)pool->count)];
        uint32_t r = random_below(&picks, (uint32_t)source->app->eval.count);
        now += random_exponential(&gaps, 1.0 / rate);
        struct job job = {.name =
                              numbered_name(&workload->arena, source->app->eval.runs[r]->job, i),
                          .app = source->app->name,
                          .body = &source->bodies[r],
                          .profile = source->app->profile,
                          .arrival_s = now,
                          .sjf_mean_s = source->total_s};
        workload_add(workload, &job);
    }
}
