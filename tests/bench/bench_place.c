/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The placement planner on clusters, models and applications drawn at random: how far plans are
 * above the bound, and how time and memory grow with GPUs and models. Prints tables; JSON where
 * asked.
 *
 *     bench_place [--short] [--load PART] [--models N --gpus N] [--json FILE]
 *
 * Models are shaped like measured ones: decoding is bound by memory bandwidth, prompts by compute,
 * both fall with the tensor-parallel degree, and a third of a GPU is worth more than a third of it.
 */
#define _POSIX_C_SOURCE 200809L
#include "sized.h"

#include "base/internal.h"
#include "llmsched/llmsched.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SEEDS = 5, MOST_PLANS = 1024, NODE_GPUS = 8, NAME_BYTES = 16 };

static llmsched_error err = {.size = sizeof err};

/* Seconds of the processor: one thread, and other programs may be running. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(llmsched_status status)
{
    if (status == LLMSCHED_OK)
        return;
    fprintf(stderr, "bench_place: %s\n", err.message);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double draw(lls_random *random, double low, double high)
{
    return low + (high - low) * lls_random_uniform(random);
}

/* --- an allocator that knows the most that was out ------------------------------------------- */

struct peak {
    struct sized sized;
    uint64_t most;
};

static void *peak_reallocate(void *user, void *ptr, size_t bytes)
{
    struct peak *p = user;
    void *block = sized_reallocate(&p->sized, ptr, bytes);
    p->most = p->sized.bytes > p->most ? p->sized.bytes : p->most;
    return block;
}

static void *peak_allocate(void *user, size_t bytes)
{
    return peak_reallocate(user, NULL, bytes);
}

static void peak_release(void *user, void *ptr)
{
    struct peak *p = user;
    sized_release(&p->sized, ptr);
}

/* --- a world ------------------------------------------------------------------------------------
 */

struct drawn {
    double parameters, kv_bytes;
    double speed; /* of this model beside others of its size */
};

/* The same size, or the next, three times as often as the largest. */
static const struct drawn SIZES[] = {
    {6.74e9, 524288, 1}, {6.74e9, 524288, 1}, {6.74e9, 524288, 1}, {8.03e9, 131072, 1},
    {8.03e9, 131072, 1}, {8.03e9, 131072, 1}, {13.0e9, 819200, 1}, {13.0e9, 819200, 1},
    {13.0e9, 819200, 1}, {34.0e9, 196608, 1},
};

static llmsched_model_config config_of(const struct drawn *m, uint32_t tp, double share)
{
    double size = m->parameters / 6.74e9 * m->speed;
    double compute = pow(share, 0.85) * tp / (1.0 + 0.06 * (tp - 1));
    double width = 1.0 + 0.35 * log2((double)tp);
    llmsched_model_config config = {.size = sizeof config,
                                    .tp = tp,
                                    .gpu = "a100-80g",
                                    .share = share,
                                    .flags = LLMSCHED_CONFIG_HAS_BANDWIDTH,
                                    .max_batch = 32};
    double bandwidth = (0.25 + 0.35 * sqrt(share)) * pow(tp, -0.45);
    config.bandwidth = floor(100.0 * fmax(bandwidth, 0.2)) / 100.0;
    config.prefill_base_s = 0.005;
    config.prefill_per_token_s = 7.0e-5 * size / compute;
    config.decode_base_s = 0.0085 * size / width * (1.0 + 0.5 * (1.0 - share));
    config.decode_per_request_s = 5.7e-5 * size / compute;
    config.decode_per_request_token_s = 3.4e-7 * size / compute;
    return config;
}

static void add_model(llmsched_planner *planner, lls_random *random, uint32_t number,
                      struct drawn *m)
{
    static const double SHARES[] = {0.3, 0.5, 1.0};
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "m%u", (unsigned)number);
    *m = SIZES[lls_random_below(random, LLS_COUNT(SIZES))];
    m->speed = draw(random, 0.8, 1.25);
    llmsched_model model = {.size = sizeof model,
                            .name = name,
                            .weight_bytes = 2.0 * m->parameters,
                            .kv_bytes_per_token = m->kv_bytes,
                            .kv_floor_bytes = 2147483648.0,
                            .runtime_bytes = 1.5e9};
    must(llmsched_planner_add_model(planner, &model, NULL, &err));
    for (uint32_t tp = 1; tp <= 8; tp *= 2)
        for (size_t s = 0; s < LLS_COUNT(SHARES); s++) {
            llmsched_model_config config = config_of(m, tp, SHARES[s]);
            must(llmsched_planner_add_config(planner, number, &config, NULL, &err));
        }
}

struct drawn_call {
    uint32_t model;
    double tasks, prompt, output;
};

/* Seconds of a whole GPU that a call takes in full batches. */
static double call_seconds(const struct drawn *m, const struct drawn_call *call)
{
    llmsched_model_config whole = config_of(m, 1, 1.0);
    double step = whole.decode_base_s / whole.max_batch + whole.decode_per_request_s +
                  whole.decode_per_request_token_s * (call->prompt + call->output / 2.0);
    return call->tasks * (call->output * step + whole.prefill_per_token_s * call->prompt);
}

/* After the stage before it. call NULL: a tool. */
static void add_stage(llmsched_planner *planner, uint32_t app, uint32_t number, double seconds,
                      const struct drawn_call *call)
{
    char id[NAME_BYTES], name[NAME_BYTES];
    uint32_t parent = number - 1;
    llmsched_app_stage stage = {.size = sizeof stage,
                                .id = id,
                                .parents = &parent,
                                .parent_count = number > 0,
                                .duration_s = seconds};
    snprintf(id, sizeof id, "s%u", (unsigned)number);
    if (call != NULL) {
        snprintf(name, sizeof name, "m%u", (unsigned)call->model);
        stage.model = name;
        stage.tasks = call->tasks;
        stage.prompt_tokens = call->prompt;
        stage.output_tokens = call->output;
    }
    must(llmsched_planner_add_app_stage(planner, app, &stage, NULL, &err));
}

/* Plan and answer by one model, between them work by the application's own and a tool; every fourth
 * asks only its own. Its jobs would keep so many GPUs busy in full batches. */
static void add_app(llmsched_planner *planner, lls_random *random, uint32_t number,
                    const struct drawn *models, uint32_t model_count, double gpus)
{
    struct drawn_call calls[3];
    double seconds = 0.0;
    char name[NAME_BYTES];
    uint32_t planning =
        lls_random_below(random, 4) == 0 ? number : lls_random_below(random, model_count);
    for (uint32_t i = 0; i < 3; i++) {
        calls[i] = (struct drawn_call){
            .model = i == 1 ? number : planning,
            .tasks = i == 1 && lls_random_below(random, 3) == 0 ? 3.0 : 1.0,
            .prompt = floor(draw(random, 300, 700)),
            .output = floor(i == 0 ? draw(random, 50, 100) : draw(random, 100, 250))};
        seconds += call_seconds(&models[calls[i].model], &calls[i]);
    }
    snprintf(name, sizeof name, "a%u", (unsigned)number);
    llmsched_app app = {.size = sizeof app, .name = name, .rate_per_s = gpus / seconds};
    must(llmsched_planner_add_app(planner, &app, NULL, &err));
    add_stage(planner, number, 0, 0.0, &calls[0]);
    add_stage(planner, number, 1, 0.0, &calls[1]);
    add_stage(planner, number, 2, 0.5, NULL);
    add_stage(planner, number, 3, 0.0, &calls[2]);
}

struct world {
    uint64_t seed;
    uint32_t models, gpus;
    double load; /* of all GPUs in full batches */
};

static llmsched_planner *make(llmsched_context *context, const struct world *w)
{
    llmsched_planner *planner = NULL;
    lls_random random;
    char cluster[32];
    struct drawn *models = calloc(w->models, sizeof *models);
    if (models == NULL)
        exit(1);
    lls_random_seed(&random, w->seed);
    must(llmsched_planner_create(context, &planner, &err));
    snprintf(cluster, sizeof cluster, "%ux%uxa100-80g", (unsigned)w->gpus / NODE_GPUS,
             (unsigned)NODE_GPUS);
    must(llmsched_planner_add_gpus(planner, cluster, &err));
    for (uint32_t m = 0; m < w->models; m++)
        add_model(planner, &random, m, &models[m]);
    for (uint32_t a = 0; a < w->models; a++)
        add_app(planner, &random, a, models, w->models,
                w->load * w->gpus / w->models * draw(&random, 0.5, 1.5));
    free(models);
    return planner;
}

/* --- one plan -----------------------------------------------------------------------------------
 */

struct outcome {
    double seconds, gap;
    uint64_t nodes, bytes; /* bytes: the most at once, inputs included */
    uint32_t status, touched;
    char reason[200]; /* why there is no plan */
};

static struct outcome plan(const struct world *w)
{
    struct peak peak = {0};
    llmsched_allocator allocator = {.size = sizeof allocator,
                                    .user = &peak,
                                    .allocate = peak_allocate,
                                    .reallocate = peak_reallocate,
                                    .release = peak_release};
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    llmsched_context *context = NULL;
    llmsched_plan *made = NULL;
    llmsched_plan_info info = {.size = sizeof info};
    must(llmsched_context_create(&options, &context, &err));
    llmsched_planner *planner = make(context, w);
    double begin = now();
    must(llmsched_planner_plan(planner, NULL, &made, &err));
    struct outcome o = {.seconds = now() - begin, .bytes = peak.most};
    must(llmsched_plan_get_info(made, &info, &err));
    o.gap = info.gap;
    o.nodes = info.nodes;
    o.status = info.status;
    o.touched = info.touched_gpus;
    snprintf(o.reason, sizeof o.reason, "%s", llmsched_plan_reason(made));
    llmsched_plan_release(made);
    llmsched_planner_destroy(planner);
    llmsched_context_destroy(context);
    return o;
}

/* --- tables -------------------------------------------------------------------------------------
 */

struct settings {
    bool is_short;
    FILE *json;
    bool comma;
    uint32_t models, gpus; /* one size alone; 0: all */
    double load;
};

static void put_json(struct settings *set, const char *table, const struct world *w,
                     const struct outcome *o)
{
    if (set->json == NULL)
        return;
    fprintf(set->json,
            "%s\n{\"table\":\"%s\",\"load\":%.9g,\"models\":%" PRIu32 ",\"gpus\":%" PRIu32
            ",\"seed\":%" PRIu64 ",\"status\":%" PRIu32
            ",\"gap\":%.9g,\"plan_s\":%.9f,\"bytes\":%" PRIu64 ",\"nodes\":%" PRIu64
            ",\"touched_gpus\":%" PRIu32 "}",
            set->comma ? "," : "", table, w->load, w->models, w->gpus, w->seed, o->status, o->gap,
            o->seconds, o->bytes, o->nodes, o->touched);
    set->comma = true;
}

struct gaps {
    double values[MOST_PLANS];
    size_t count;
};

/* Median and worst over the seeds; without a plan there is no gap, which is counted. */
static void put_gap(struct settings *set, double load, uint32_t models, uint32_t gpus,
                    struct gaps *all)
{
    double gaps[SEEDS], seconds[SEEDS];
    uint32_t count = 0, proved = 0, seeds = set->is_short ? 2 : SEEDS;
    for (uint32_t seed = 1; seed <= seeds; seed++) {
        struct world w = {.seed = seed, .models = models, .gpus = gpus, .load = load};
        struct outcome o = plan(&w);
        put_json(set, "gap", &w, &o);
        seconds[seed - 1] = o.seconds;
        if (o.status == LLMSCHED_PLAN_INFEASIBLE)
            continue;
        proved += o.status == LLMSCHED_PLAN_OPTIMAL;
        gaps[count++] = all->values[all->count++] = o.gap;
    }
    qsort(gaps, count, sizeof *gaps, by_value);
    qsort(seconds, seeds, sizeof *seconds, by_value);
    printf("%5.2f %6" PRIu32 " %6" PRIu32 " %10.3f %10.3f %7" PRIu32 " %7" PRIu32 " %9.2f %9.2f\n",
           load, models, gpus, count > 0 ? 100.0 * gaps[(count - 1) / 2] : (double)NAN,
           count > 0 ? 100.0 * gaps[count - 1] : (double)NAN, proved, seeds - count,
           seconds[(seeds - 1) / 2], seconds[seeds - 1]);
    fflush(stdout);
}

static void put_gaps(struct settings *set)
{
    static const uint32_t MODELS[] = {8, 10, 12, 16}, GPUS[] = {32, 64, 128};
    static const double LOADS[] = {0.15, 0.35, 0.6};
    struct gaps all = {.count = 0};
    size_t kinds = set->is_short ? 1 : LLS_COUNT(MODELS);
    printf("%5s %6s %6s %10s %10s %7s %7s %9s %9s\n", "load", "models", "GPUs", "gap %", "worst %",
           "proved", "no plan", "s", "worst s");
    for (size_t l = 0; l < LLS_COUNT(LOADS); l++)
        for (size_t m = 0; m < kinds; m++)
            for (size_t g = 0; g < LLS_COUNT(GPUS); g++)
                put_gap(set, LOADS[l], MODELS[m], GPUS[g], &all);
    qsort(all.values, all.count, sizeof *all.values, by_value);
    if (all.count > 0)
        printf("all: median %.3f %%, worst %.3f %%\n", 100.0 * all.values[(all.count - 1) / 2],
               100.0 * all.values[all.count - 1]);
}

static void put_size(struct settings *set, uint32_t models, uint32_t gpus)
{
    struct world w = {.seed = 1, .models = models, .gpus = gpus, .load = set->load};
    struct outcome o = plan(&w);
    put_json(set, "growth", &w, &o);
    printf("%6" PRIu32 " %6" PRIu32 " %9.3f %9.2f %9" PRIu64, models, gpus, o.seconds,
           1e-6 * (double)o.bytes, o.nodes);
    if (o.status == LLMSCHED_PLAN_INFEASIBLE)
        printf("    no plan: %s\n", o.reason);
    else
        printf(" %10.3f %s\n", 100.0 * o.gap, o.status == LLMSCHED_PLAN_OPTIMAL ? "proved" : "");
    fflush(stdout);
}

static void put_growth(struct settings *set)
{
    static const uint32_t MODELS[] = {2, 4, 8, 16, 32, 64, 100};
    uint32_t most_gpus = set->is_short ? 128 : 1024;
    size_t models = set->is_short ? 4 : LLS_COUNT(MODELS);
    printf("\n%6s %6s %9s %9s %9s %10s\n", "models", "GPUs", "s", "MB", "nodes", "gap %");
    if (set->models > 0) {
        put_size(set, set->models, set->gpus);
        return;
    }
    for (uint32_t gpus = 8; gpus <= most_gpus; gpus *= 2)
        put_size(set, 16, gpus);
    for (size_t m = 0; m < models; m++)
        put_size(set, MODELS[m], 128);
    if (!set->is_short)
        put_size(set, 100, 1024);
}

static bool read_arguments(int argc, char **argv, struct settings *set)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--short") == 0)
            set->is_short = true;
        else if (i + 1 < argc && strcmp(argv[i], "--load") == 0)
            set->load = strtod(argv[++i], NULL);
        else if (i + 1 < argc && strcmp(argv[i], "--models") == 0)
            set->models = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--gpus") == 0)
            set->gpus = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--json") == 0 &&
                 (set->json = fopen(argv[i + 1], "w")) != NULL)
            i++;
        else
            return false;
    }
    return (set->models > 0) == (set->gpus > 0) && set->gpus % NODE_GPUS == 0 && set->load > 0.0;
}

int main(int argc, char **argv)
{
    struct settings set = {.load = 0.35};
    if (!read_arguments(argc, argv, &set)) {
        fputs("usage: bench_place [--short] [--load PART] [--models N --gpus N] [--json FILE]\n",
              stderr);
        return 2;
    }
    if (set.json != NULL)
        fputs("{\"format\":\"llmsched-bench-place-1\",\"plans\":[", set.json);
    if (set.models == 0)
        put_gaps(&set);
    put_growth(&set);
    if (set.json != NULL) {
        fputs("]}\n", set.json);
        fclose(set.json);
    }
    return 0;
}
