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

static void make_stage(struct stage *to, const llmsched_run_stage *from,
                       const struct cluster *cluster, const struct tenants *tenants)
{
    *to = (struct stage){.id = from->id,
                         .name = from->name,
                         .kind = from->kind,
                         .tasks = from->tasks > 0 ? from->tasks : 1,
                         .parents = from->parents,
                         .parent_count = from->parent_count};
    if (from->kind == LLMSCHED_STAGE_LLM) {
        to->model = tenants_model(tenants, cluster, from->name);
        to->model_number = cluster_model(cluster, to->model);
        to->prompt_tokens = from->prompt_tokens;
        to->output_tokens = from->output_tokens;
    } else {
        to->duration_s = from->span_s;
    }
}

static void make_body(struct body *body, const llmsched_run *run, const struct cluster *cluster,
                      struct pool_of_runs *pool)
{
    body->stage_count = run->stage_count;
    body->stages = arena_take(&pool->arena, run->stage_count, sizeof *body->stages);
    for (uint32_t s = 0; s < run->stage_count; s++)
        make_stage(&body->stages[s], &run->stages[s], cluster, pool->tenants);
    body_link(body, &pool->arena);
}

static bool is_of(const struct stage *stage, const struct cluster *cluster, uint32_t model)
{
    return stage->kind == LLMSCHED_STAGE_LLM &&
           (model == (uint32_t)EVERY_MODEL ||
            cluster_model(cluster, stage_model(stage, cluster)) == model);
}

double serial_demand(const struct body *body, const struct cluster *cluster, uint32_t model,
                     double per_token_s)
{
    double steps = 0.0, prompts = 0.0;
    for (uint32_t s = 0; s < body->stage_count; s++) {
        const struct stage *stage = &body->stages[s];
        if (!is_of(stage, cluster, model))
            continue;
        /* A task without output still takes a step. */
        steps += fmax(stage->output_tokens, (double)stage->tasks);
        prompts += stage->prompt_tokens;
    }
    return steps * per_token_s + prompts * cluster->prefill_s_per_token;
}

static double llm_work(const struct body *body, const struct cluster *cluster, uint32_t model)
{
    double work = 0.0;
    for (uint32_t s = 0; s < body->stage_count; s++)
        if (is_of(&body->stages[s], cluster, model))
            work += cluster_alone(cluster, body->stages[s].prompt_tokens,
                                  body->stages[s].output_tokens);
    return work;
}

static double full_batch_s(const struct cluster *cluster, uint32_t engine)
{
    double batch = cluster->engines[engine].max_batch;
    return cluster_tau(cluster, batch) / batch;
}

static bool engine_is_of(const struct cluster *cluster, uint32_t engine, uint32_t model)
{
    return cluster_model(cluster, cluster->engines[engine].model) == model;
}

static uint32_t engines_of(const struct cluster *cluster, uint32_t model)
{
    uint32_t count = 0;
    for (uint32_t e = 0; e < cluster->engine_count; e++)
        count += engine_is_of(cluster, e, model);
    return count;
}

static void measure_model(struct source *source, const struct cluster *cluster, uint32_t model)
{
    size_t runs = source->app->eval.count;
    double n = (double)runs, engines = engines_of(cluster, model);
    for (size_t r = 0; r < runs; r++) {
        source->llm_s[model] += llm_work(&source->bodies[r], cluster, model) / n;
        /* The mean over the engines where their batch limits differ. */
        for (uint32_t e = 0; e < cluster->engine_count; e++)
            if (engine_is_of(cluster, e, model))
                source->serial_s[model] +=
                    serial_demand(&source->bodies[r], cluster, model, full_batch_s(cluster, e)) /
                    n / engines;
    }
}

static void measure(struct pool_of_runs *pool, struct source *source, const struct cluster *cluster)
{
    size_t runs = source->app->eval.count;
    source->llm_s = arena_take(&pool->arena, pool->models, sizeof *source->llm_s);
    source->serial_s = arena_take(&pool->arena, pool->models, sizeof *source->serial_s);
    for (uint32_t m = 0; m < pool->models; m++)
        measure_model(source, cluster, m);
    for (size_t r = 0; r < runs; r++)
        source->tool_s +=
            job_work(&source->bodies[r], LLMSCHED_STAGE_REGULAR, cluster) / (double)runs;
}

/* Every application is equally likely; with tenants each of a tenant's, among its jobs. */
static bool weigh(struct pool_of_runs *pool, struct problem *problem)
{
    const struct tenants *tenants = pool->tenants;
    for (size_t i = 0; i < pool->count; i++)
        pool->sources[i].one_in = (double)pool->count;
    if (tenants->count == 0)
        return true;
    double *chance = allocate(pool->count, sizeof *chance);
    bool good = true;
    for (uint32_t t = 0; good && t < tenants->count; t++) {
        pool->of_tenant[t] = arena_take(&pool->arena, pool->count, sizeof(uint32_t));
        for (size_t i = 0; i < pool->count; i++)
            if (mix_wants(tenants->items[t].mix, pool->sources[i].app->stem))
                pool->of_tenant[t][pool->of_tenant_count[t]++] = (uint32_t)i;
        if (pool->of_tenant_count[t] == 0)
            good = bad_input(problem,
                             "--tenants: %s: expected a mix that draws from one of the run files",
                             tenants->items[t].name);
        for (uint32_t k = 0; k < pool->of_tenant_count[t]; k++)
            chance[pool->of_tenant[t][k]] += tenants->items[t].share / pool->of_tenant_count[t];
    }
    for (size_t i = 0; i < pool->count; i++)
        pool->sources[i].one_in = 1.0 / chance[i];
    free(chance);
    return good;
}

static void name_models(struct pool_of_runs *pool, const struct cluster *cluster)
{
    if (pool->models == 0 || cluster->engines[0].model == NULL)
        return;
    pool->model_names = arena_take(&pool->arena, pool->models, sizeof *pool->model_names);
    for (uint32_t e = 0; e < cluster->engine_count; e++) {
        const char *model = cluster->engines[e].model;
        pool->model_names[cluster_model(cluster, model)] = model;
    }
}

bool sources_make(struct pool_of_runs *pool, const struct applications *apps,
                  const struct cluster *cluster, const struct tenants *tenants,
                  struct problem *problem)
{
    *pool = (struct pool_of_runs){.sources = allocate(apps->count, sizeof *pool->sources),
                                  .models = cluster_model_count(cluster),
                                  .tenants = tenants};
    name_models(pool, cluster);
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
            make_body(&source->bodies[r], app->eval.runs[r], cluster, pool);
        measure(pool, source, cluster);
    }
    if (pool->count == 0)
        return bad_input(problem, "runs: expected some to evaluate of the applications of the mix");
    return weigh(pool, problem);
}

void sources_release(struct pool_of_runs *pool)
{
    free(pool->sources);
    arena_release(&pool->arena);
    *pool = (struct pool_of_runs){0};
}

/* What a job needs of a model in the mean, and what its engines give in a second. */
struct demand {
    double need, give;
};

static struct demand demand_of(const struct pool_of_runs *pool, const struct cluster *cluster,
                               uint32_t model)
{
    struct demand d = {0.0, cluster->serial ? engines_of(cluster, model) : 0.0};
    for (size_t i = 0; i < pool->count; i++) {
        const struct source *source = &pool->sources[i];
        d.need += (cluster->serial ? source->serial_s : source->llm_s)[model] / source->one_in;
    }
    for (uint32_t e = 0; !cluster->serial && e < cluster->engine_count; e++)
        if (engine_is_of(cluster, e, model))
            d.give += cluster_tau(cluster, 1.0) / full_batch_s(cluster, e);
    return d;
}

double model_load(const struct pool_of_runs *pool, const struct cluster *cluster, uint32_t model,
                  double rate)
{
    struct demand d = demand_of(pool, cluster, model);
    return rate * d.need / d.give;
}

double arrival_rate(const struct pool_of_runs *pool, const struct cluster *cluster, double load)
{
    double rate = INFINITY;
    for (uint32_t m = 0; m < pool->models; m++) {
        struct demand d = demand_of(pool, cluster, m);
        rate = fmin(rate, load * d.give / d.need);
    }
    return rate;
}

double tool_load(const struct pool_of_runs *pool, const struct cluster *cluster, double rate)
{
    double tool_s = 0.0;
    for (size_t i = 0; i < pool->count; i++)
        tool_s += pool->sources[i].tool_s / pool->sources[i].one_in;
    return cluster->slot_count > 0 ? rate * tool_s / cluster->slot_count : 0.0;
}

/* A tenant by its share of the jobs, then one of its applications. */
static uint32_t draw_source(const struct pool_of_runs *pool, struct random *picks, uint32_t *tenant)
{
    const struct tenants *tenants = pool->tenants;
    *tenant = 0;
    if (tenants->count == 0)
        return random_below(picks, (uint32_t)pool->count);
    double dice = random_uniform(picks) - tenants->items[0].share;
    while (dice > 0.0 && *tenant + 1 < tenants->count)
        dice -= tenants->items[++*tenant].share;
    return pool->of_tenant[*tenant][random_below(picks, pool->of_tenant_count[*tenant])];
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
    uint32_t tenant = 0;
    *workload = (struct workload){0};
    for (uint32_t m = 0; pool->model_names != NULL && m < pool->models; m++)
        workload_add_model(workload, pool->model_names[m]);
    for (uint32_t t = 0; t < pool->tenants->count; t++)
        workload_tenant(workload, pool->tenants->items[t].name);
    for (size_t i = 0; i < count; i++) {
        const struct source *source = &pool->sources[draw_source(pool, &picks, &tenant)];
        uint32_t r = random_below(&picks, (uint32_t)source->app->eval.count);
        now += random_exponential(&gaps, 1.0 / rate);
        struct job job = {.name =
                              numbered_name(&workload->arena, source->app->eval.runs[r]->job, i),
                          .app = source->app->name,
                          .body = &source->bodies[r],
                          .profile = source->app->profile,
                          .arrival_s = now,
                          .sjf_mean_s = source->total_s,
                          .tenant = tenant};
        if (pool->tenants->count > 0)
            job.weight = pool->tenants->items[tenant].weight;
        workload_add(workload, &job);
    }
}
