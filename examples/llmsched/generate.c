/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched generate: a jobs file of any length, from models of the recorded applications or
 * from applications as the planner knows them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "draw_apps.h"
#include "generator.h"
#include "io.h"
#include "options.h"
#include "progress.h"

struct generate {
    const char *mix, *cluster, *out, *apps;
    double load, rate, sigma, rate_factor; /* NAN: not given */
    uint64_t jobs, seed;
};

/* An application that jobs are drawn from, with its mean work. */
struct chosen {
    const struct maker *maker;
    double llm_s, tool_s, serial_s;
};

enum { PILOT_JOBS = 2000 };
static const uint64_t MOST_JOBS = UINT64_C(1000000000);

/* Means over made-up runs of their own, so that sjf_mean_s tells nothing of the jobs of the file.
 */
static void run_pilot(struct chosen *chosen, const struct cluster *cluster,
                      struct generator *generator)
{
    struct random random = {fnv1a64(maker_name(chosen->maker))};
    double batch = cluster->engines[0].max_batch, per_token = cluster_tau(cluster, batch) / batch;
    for (int i = 0; i < PILOT_JOBS; i++) {
        const struct body *body = generator_make(generator, chosen->maker, &random);
        chosen->llm_s += job_work(body, LLMSCHED_STAGE_LLM, cluster) / PILOT_JOBS;
        chosen->tool_s += job_work(body, LLMSCHED_STAGE_REGULAR, cluster) / PILOT_JOBS;
        chosen->serial_s += serial_demand(body, cluster, EVERY_MODEL, per_token) / PILOT_JOBS;
    }
}

static size_t choose(const char *mix, struct chosen *chosen)
{
    size_t count = 0;
    for (size_t i = 0; i < maker_count(); i++) {
        char *stem = copy_text(maker_name(maker_at(i)));
        *strchr(stem, '/') = '\0';
        if (mix_wants(mix, stem))
            chosen[count++].maker = maker_at(i);
        free(stem);
    }
    return count;
}

static double rate_of(const struct chosen *chosen, size_t count, const struct cluster *cluster,
                      double load)
{
    double llm_s = 0.0, serial_s = 0.0, capacity = 0.0;
    for (size_t i = 0; i < count; i++) {
        llm_s += chosen[i].llm_s / (double)count;
        serial_s += chosen[i].serial_s / (double)count;
    }
    if (cluster->serial)
        return load * cluster->engine_count / serial_s;
    for (uint32_t e = 0; e < cluster->engine_count; e++) {
        double batch = cluster->engines[e].max_batch;
        capacity += batch * cluster_tau(cluster, 1.0) / cluster_tau(cluster, batch);
    }
    return load * capacity / llm_s;
}

static void write_jobs(const struct generate *a, const struct chosen *chosen, size_t count,
                       double rate, struct generator *generator, FILE *file)
{
    struct random random = {a->seed};
    struct progress progress;
    char name[32];
    double now = 0.0;
    progress_start(&progress, "generating", a->jobs);
    for (uint64_t i = 0; i < a->jobs; i++) {
        const struct chosen *app = &chosen[random_below(&random, (uint32_t)count)];
        now += random_exponential(&random, 1.0 / rate);
        snprintf(name, sizeof name, "job%llu", (unsigned long long)i);
        struct job job = {.name = name,
                          .app = maker_name(app->maker),
                          .body = generator_make(generator, app->maker, &random),
                          .arrival_s = now,
                          .sjf_mean_s = app->llm_s + app->tool_s};
        job_write(&job, NULL, file);
        progress_step(&progress, 1);
    }
    progress_end(&progress);
}

static bool generate_with(const struct generate *a, struct problem *problem)
{
    struct cluster cluster = {0};
    struct generator generator = {0};
    struct output out = {0};
    struct chosen *chosen = allocate(maker_count(), sizeof *chosen);
    size_t count = choose(a->mix, chosen);
    bool good = count > 0 ? true
                          : bad_input(problem,
                                      "--app-mix: expected a mix of known applications, not \"%s\"",
                                      a->mix);
    if (good && (!(a->load > 0.0) || a->rate < 0.0))
        good = bad_input(problem, "--load, --rate: expected numbers above 0");
    good = good && cluster_load(&cluster, a->cluster, problem);
    if (good && cluster.engine_count == 0)
        good = bad_input(problem, "%s: engines: expected at least one", a->cluster);
    good = good && output_open(&out, a->out, problem);
    if (good) {
        for (size_t i = 0; i < count; i++)
            run_pilot(&chosen[i], &cluster, &generator);
        double rate = a->rate > 0.0 ? a->rate : rate_of(chosen, count, &cluster, a->load);
        write_jobs(a, chosen, count, rate, &generator, out.file);
        good = output_commit(&out, problem);
    }
    output_abandon(&out);
    generator_release(&generator);
    cluster_release(&cluster);
    free(chosen);
    return good;
}

static void write_app_jobs(const struct generate *a, const struct app_graphs *apps, FILE *file)
{
    struct app_draw draw;
    char name[32];
    double now = 0.0, rate = apps->rate * a->rate_factor;
    app_draw_start(&draw, apps, a->sigma, a->seed);
    for (uint64_t i = 0; i < a->jobs; i++) {
        now += random_exponential(&draw.random, 1.0 / rate);
        snprintf(name, sizeof name, "job%llu", (unsigned long long)i);
        const struct app_graph *app = app_draw_job(&draw);
        struct job job = {.name = name,
                          .app = app->name,
                          .body = &draw.body,
                          .arrival_s = now,
                          .sjf_mean_s = NAN};
        job_write(&job, NULL, file);
    }
    app_draw_end(&draw);
}

static bool generate_from_apps(const struct generate *a, struct problem *problem)
{
    struct app_graphs apps = {0};
    struct output out = {0};
    bool good = app_graphs_read(&apps, a->apps, problem) && output_open(&out, a->out, problem);
    if (good) {
        write_app_jobs(a, &apps, out.file);
        good = output_commit(&out, problem);
    }
    output_abandon(&out);
    app_graphs_release(&apps);
    return good;
}

/* Options of the two sources of jobs do not mix; defaults are filled in. */
static bool check(struct generate *a, struct problem *problem)
{
    if (a->jobs < 1 || a->jobs > MOST_JOBS)
        return bad_input(problem, "--jobs: expected 1 .. %llu", (unsigned long long)MOST_JOBS);
    if (a->apps != NULL &&
        (a->mix != NULL || a->cluster != NULL || !isnan(a->load) || !isnan(a->rate)))
        return bad_input(problem, "--apps: expected --rate-factor beside it, and no --app-mix, "
                                  "--cluster, --load or --rate");
    if (a->apps == NULL && (!isnan(a->sigma) || !isnan(a->rate_factor)))
        return bad_input(problem, "--sigma, --rate-factor: expected --apps beside them");
    a->mix = a->mix != NULL ? a->mix : "mixed";
    a->cluster = a->cluster != NULL ? a->cluster : "default";
    a->load = isnan(a->load) ? 0.85 : a->load;
    a->sigma = isnan(a->sigma) ? 0.5 : a->sigma;
    a->rate_factor = isnan(a->rate_factor) ? 1.0 : a->rate_factor;
    if (!(a->rate_factor > 0.0))
        return bad_input(problem, "--rate-factor: expected a number above 0");
    if (!(a->sigma >= 0.0 && a->sigma <= 10.0))
        return bad_input(problem, "--sigma: expected a number in 0 .. 10");
    return true;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct generate a = {
        .load = NAN, .rate = NAN, .sigma = NAN, .rate_factor = NAN, .jobs = 1000, .seed = 1};
    const struct option options[] = {
        {"--app-mix", "MIX", OPTION_TEXT, false, &a.mix,
         "predefined chain planning mixed all, or names up to \"__\" with commas (mixed)"},
        {"--jobs", "N", OPTION_COUNT, false, &a.jobs, "number of jobs (1000)"},
        {"--seed", "S", OPTION_COUNT, false, &a.seed, "of the draw (1)"},
        {"--cluster", "C", OPTION_TEXT, false, &a.cluster,
         "cluster that the load refers to: default, small, or a file (default)"},
        {"--load", "RHO", OPTION_NUMBER, false, &a.load,
         "fraction of the engines' full-batch capacity (0.85)"},
        {"--rate", "JOBS/S", OPTION_NUMBER, false, &a.rate, "jobs per second, instead of --load"},
        {"--apps", "A.json", OPTION_TEXT, false, &a.apps,
         "draw from these applications at their rates instead"},
        {"--sigma", "X", OPTION_NUMBER, false, &a.sigma,
         "with --apps: of the logarithm of output tokens, whose mean is kept (0.5)"},
        {"--rate-factor", "F", OPTION_NUMBER, false, &a.rate_factor,
         "with --apps: times all rates (1)"},
        {"-o", "JOBS.jsonl", OPTION_TEXT, true, &a.out, "the jobs file; written as it is made"},
    };
    bool helped;
    if (options_parse(&COMMAND_GENERATE, options, COUNT_OF(options), argc, argv, &helped,
                      problem) &&
        !helped && check(&a, problem))
        a.apps != NULL ? generate_from_apps(&a, problem) : generate_with(&a, problem);
    return problem->code;
}

const struct command COMMAND_GENERATE = {
    .name = "generate",
    .usage = "[--app-mix MIX | --apps A.json] [--jobs 1000000] -o JOBS.jsonl",
    .summary = "make up a jobs file of any length, calibrated to recorded runs",
    .run = run,
};
