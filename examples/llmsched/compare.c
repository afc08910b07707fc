/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched compare: trains, draws, simulates every policy on every seed, and reports. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "options.h"
#include "pool.h"

struct arguments {
    struct values train, eval;
    const char *mix, *cluster, *policies, *prefill, *faults, *tenants, *table, *save, *report;
    double load;
    uint64_t seeds, jobs, threads;
};

static const uint64_t MOST_SEEDS = 10000, MOST_JOBS = 10000000;

/* --- simulations ------------------------------------------------------------- */

struct work {
    struct comparison *comparison;
    const struct arguments *arguments;
    llmsched_context *context;
};

static void measure(struct cell *cell, const struct draw *draw, const struct sim_result *result)
{
    size_t n = draw->workload.count, counted = 0;
    double *times = allocate(n, sizeof *times), slowdown = 0.0;
    for (size_t j = 0; j < n; j++) {
        times[j] = result->completion_s[j] - draw->workload.jobs[j].arrival_s;
        /* A job that needs no time at all has no slowdown. */
        if (draw->critical_path_s[j] > 0.0) {
            slowdown += times[j] / draw->critical_path_s[j];
            counted++;
        }
    }
    cell->mean_s = mean_of(times, n);
    cell->slowdown = counted > 0 ? slowdown / (double)counted : 1.0;
    sort_values(times, n);
    cell->p50_s = nearest_rank(times, n, 0.50);
    cell->p95_s = nearest_rank(times, n, 0.95);
    cell->p99_s = nearest_rank(times, n, 0.99);
    cell->decisions = result->decisions;
    cell->failed = (double)result->failed;
    cell->stopped = (double)result->stopped;
    cell->busy_s = result->busy_s;
    *cell->latency = result->latency;
    tenants_measure(cell, draw, result);
    free(times);
}

static bool save_file(const char *folder, size_t seed, const char *name, const char *ending,
                      void (*write)(const struct workload *, const struct sim_result *, FILE *),
                      const struct workload *workload, const struct sim_result *result,
                      struct problem *problem)
{
    struct output output;
    char *path =
        format_text("%s/%zu.%s%s%s.jsonl", folder, seed, name, name[0] != '\0' ? "." : "", ending);
    bool good = output_open(&output, path, problem);
    if (good) {
        write(workload, result, output.file);
        good = output_commit(&output, problem);
    }
    free(path);
    return good;
}

static void write_jobs(const struct workload *workload, const struct sim_result *result, FILE *file)
{
    (void)result;
    for (size_t j = 0; j < workload->count; j++) {
        const struct job *job = &workload->jobs[j];
        const char *tenant = workload->tenant_count > 0 ? workload->tenants[job->tenant] : NULL;
        job_write(job, tenant, file);
    }
}

/* Simulation number index: a seed and a contender. */
static void simulate(void *user, size_t index)
{
    struct work *work = user;
    struct comparison *c = work->comparison;
    size_t seed_index = index / c->contender_count, p = index % c->contender_count;
    const struct draw *draw = &c->draws[seed_index];
    struct cell *cell = cell_of(c, seed_index, p);
    const char *save = work->arguments->save;
    bool first = seed_index == 0 && work->arguments->report != NULL;
    struct sim_options options = {.context = work->context,
                                  .policy = c->contenders[p].spec,
                                  .seed = seed_index + 1,
                                  .faults = c->faults,
                                  .keep_shares = c->tenants.count > 1,
                                  .keep_tasks = save != NULL || (first && p == c->shown)};
    struct sim_result result;
    if (!sim_run(&draw->workload, &c->cluster, &options, &result, &cell->problem))
        return;
    measure(cell, draw, &result);
    if (save != NULL && save_file(save, seed_index + 1, c->contenders[p].name, "out",
                                  sim_write_jobs, &draw->workload, &result, &cell->problem))
        save_file(save, seed_index + 1, c->contenders[p].name, "tasks", sim_write_tasks,
                  &draw->workload, &result, &cell->problem);
    if (first)
        cell->kept = result;
    else
        sim_result_release(&result);
}

static bool simulate_all(struct work *work, unsigned threads, struct problem *problem)
{
    struct comparison *c = work->comparison;
    size_t count = c->seeds * c->contender_count;
    c->cells = allocate(count, sizeof *c->cells);
    for (size_t i = 0; i < count; i++)
        c->cells[i].latency = allocate(1, sizeof *c->cells[i].latency);
    struct progress progress;
    progress_start(&progress, "simulating", count);
    pool_run(count, threads, simulate, work, &progress);
    progress_end(&progress);
    for (size_t i = 0; i < count; i++)
        if (c->cells[i].problem.code != EXIT_DONE) {
            *problem = c->cells[i].problem;
            return false;
        }
    return true;
}

/* --- preparation --------------------------------------------------------------- */

static void draw_all(struct comparison *c, double rate)
{
    c->draws = allocate(c->seeds, sizeof *c->draws);
    for (size_t s = 0; s < c->seeds; s++) {
        struct draw *draw = &c->draws[s];
        draw_workload(&draw->workload, &c->pool, s + 1, c->jobs, rate);
        draw->critical_path_s = allocate(c->jobs, sizeof *draw->critical_path_s);
        for (size_t j = 0; j < c->jobs; j++)
            draw->critical_path_s[j] = job_critical_path(draw->workload.jobs[j].body, &c->cluster);
        draw->lower_bound_s = lower_bound(&draw->workload, &c->cluster, draw->critical_path_s);
    }
}

/* A run that is evaluated does not train, even where both lists of files hold its task. */
static void drop_evaluated(struct applications *apps)
{
    for (size_t i = 0; i < apps->count; i++) {
        struct application *app = &apps->items[i];
        struct arena arena = {0};
        struct words words = {.arena = &arena};
        size_t kept = 0;
        for (size_t r = 0; r < app->eval.count; r++) {
            const llmsched_run *run = app->eval.runs[r];
            intern(&words, run->task != NULL ? run->task : run->job)->is_job = true;
        }
        for (size_t r = 0; r < app->train.count; r++) {
            const llmsched_run *run = app->train.runs[r];
            if (!intern(&words, run->task != NULL ? run->task : run->job)->is_job)
                app->train.runs[kept++] = run;
        }
        app->train.count = kept;
        words_release(&words);
        arena_release(&arena);
    }
}

static bool read_runs(struct applications *apps, const struct arguments *a,
                      llmsched_context *context, const struct cluster *cluster,
                      const struct tenants *tenants, struct problem *problem)
{
    bool split = a->eval.count == 0;
    bool (*wants)(const void *, const char *) = tenants->count > 0 ? tenants_want : mix_wants;
    const void *whom = tenants->count > 0 ? (const void *)tenants : a->mix;
    if (!applications_read(apps, context, &a->train, cluster, wants, whom,
                           split ? ROLE_SPLIT : ROLE_TRAIN, problem) ||
        (!split &&
         !applications_read(apps, context, &a->eval, cluster, wants, whom, ROLE_EVAL, problem)))
        return false;
    if (apps->count == 0)
        return bad_input(problem,
                         "--mix: expected a mix that draws from one of the run files, not \"%s\"",
                         a->mix);
    applications_sort(apps);
    if (!split)
        drop_evaluated(apps);
    return true;
}

static bool save_setting(const struct comparison *c, const struct applications *apps,
                         const char *folder, struct problem *problem)
{
    struct output output;
    if (!make_folder(folder, problem))
        return false;
    char *path = format_text("%s/cluster.json", folder);
    char *profiles = format_text("%s/profiles", folder);
    bool good = output_open(&output, path, problem);
    if (good) {
        cluster_write(&c->cluster, output.file);
        good = output_commit(&output, problem) && applications_save(apps, profiles, problem);
    }
    for (size_t s = 0; good && s < c->seeds; s++)
        good =
            save_file(folder, s + 1, "", "jobs", write_jobs, &c->draws[s].workload, NULL, problem);
    free(path);
    free(profiles);
    return good;
}

static bool check_cluster(struct comparison *c, const struct arguments *a, struct problem *problem)
{
    if (!cluster_load(&c->cluster, a->cluster, problem))
        return false;
    if (a->prefill != NULL)
        c->cluster.serial = strcmp(a->prefill, "serial") == 0;
    if (a->prefill != NULL && !c->cluster.serial && strcmp(a->prefill, "stretched") != 0)
        return bad_input(problem, "--prefill: expected stretched or serial, not \"%s\"",
                         a->prefill);
    if (c->cluster.engine_count == 0 || (a->tenants == NULL && !cluster_has_one_model(&c->cluster)))
        return bad_input(problem, "%s: engines: expected engines of one model, or --tenants",
                         a->cluster);
    return tenants_load(&c->tenants, a->tenants, &c->cluster, problem);
}

static bool check_arguments(const struct arguments *a, struct problem *problem)
{
    if (!(a->load > 0.0))
        return bad_input(problem, "--load: expected a number above 0");
    if (a->seeds < 1 || a->seeds > MOST_SEEDS)
        return bad_input(problem, "--seeds: expected 1 .. %llu", (unsigned long long)MOST_SEEDS);
    if (a->jobs > MOST_JOBS)
        return bad_input(problem, "--jobs: expected at most %llu", (unsigned long long)MOST_JOBS);
    return true;
}

/* --- the whole ------------------------------------------------------------------- */

static bool write_outputs(struct comparison *c, struct output *table, struct output *report,
                          struct problem *problem)
{
    table_make(c);
    if (table->file != NULL)
        table_write_json(c, table->file);
    if (report->file != NULL)
        report_write(c, report->file);
    if ((table->file != NULL && !output_commit(table, problem)) ||
        (report->file != NULL && !output_commit(report, problem)))
        return false;
    table_print(c, stdout);
    return true;
}

static void comparison_release(struct comparison *c)
{
    for (size_t i = 0; c->cells != NULL && i < c->seeds * c->contender_count; i++) {
        sim_result_release(&c->cells[i].kept);
        free(c->cells[i].latency);
    }
    for (size_t s = 0; c->draws != NULL && s < c->seeds; s++) {
        workload_release(&c->draws[s].workload);
        free(c->draws[s].critical_path_s);
    }
    free(c->cells);
    free(c->draws);
    free(c->rows);
    contenders_release(c);
    sources_release(&c->pool);
    tenants_release(&c->tenants);
    cluster_release(&c->cluster);
}

static bool compare_with(llmsched_context *context, const struct arguments *a,
                         struct problem *problem)
{
    struct comparison c = {
        .mix = a->mix, .faults_text = a->faults, .load = a->load, .seeds = (size_t)a->seeds};
    struct work work = {&c, a, context};
    struct applications apps = {0};
    struct output table = {0}, report = {0};
    unsigned threads =
        a->threads > 0 && a->threads < 1024 ? (unsigned)a->threads : pool_default_threads();
    bool good = check_arguments(a, problem) && check_cluster(&c, a, problem) &&
                faults_parse(&c.faults, a->faults, problem) &&
                contenders_parse(&c, a->policies, context, problem) &&
                (a->table == NULL || output_open(&table, a->table, problem)) &&
                (a->report == NULL || output_open(&report, a->report, problem)) &&
                read_runs(&apps, a, context, &c.cluster, &c.tenants, problem) &&
                applications_fit(&apps, context, threads, problem) &&
                sources_make(&c.pool, &apps, &c.cluster, &c.tenants, problem);
    if (good) {
        if (a->tenants != NULL)
            c.mix = "tenants";
        double rate = arrival_rate(&c.pool, &c.cluster, a->load);
        if (!(rate > 0.0 && rate < HUGE_VAL))
            good = bad_input(problem, "runs: expected LLM work, to which the load refers");
        c.rate = rate;
        c.tool_load = tool_load(&c.pool, &c.cluster, rate);
        /* Enough for a queue to build up: 15 to 20 critical paths of arrivals. */
        c.jobs = a->jobs > 0 ? (size_t)a->jobs : c.cluster.engine_count > 1 ? 1500 : 600;
        draw_all(&c, good ? rate : 1.0);
        good = good && workload_fits(&c.draws[0].workload, &c.cluster, "workload", problem) &&
               (a->save == NULL || save_setting(&c, &apps, a->save, problem)) &&
               simulate_all(&work, threads, problem) && write_outputs(&c, &table, &report, problem);
    }
    output_abandon(&table);
    output_abandon(&report);
    comparison_release(&c);
    applications_release(&apps);
    return good;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct arguments a = {
        .mix = "mixed", .cluster = "small", .policies = "all", .load = 0.85, .seeds = 10};
    const struct option options[] = {
        {"--train", "RUNS...", OPTION_LIST, true, &a.train,
         "run files to learn from, or folders with *.jsonl files"},
        {"--eval", "RUNS...", OPTION_LIST, false, &a.eval,
         "run files to draw jobs from (40 % of the tasks of --train)"},
        {"--mix", "MIX", OPTION_TEXT, false, &a.mix,
         "predefined chain planning mixed all, or names up to \"__\" with commas (mixed)"},
        {"--cluster", "C", OPTION_TEXT, false, &a.cluster, "default, small, or a file (small)"},
        {"--prefill", "RULE", OPTION_TEXT, false, &a.prefill,
         "stretched or serial (as the cluster says)"},
        {"--tenants", "T.json", OPTION_TEXT, false, &a.tenants,
         "who the jobs belong to, and which model runs which stage; in place of --mix"},
        {"--faults", "LIST", OPTION_TEXT, false, &a.faults,
         "fail=P,runaway=P,timeout=S,up=S,down=S: attempts that fail, executors that go"},
        {"--load", "RHO", OPTION_NUMBER, false, &a.load,
         "fraction of the engines' full-batch capacity (0.85)"},
        {"--policies", "LIST", OPTION_TEXT, false, &a.policies,
         "all, or names with commas; llmsched:epsilon=0 sets an option (all)"},
        {"--seeds", "N", OPTION_COUNT, false, &a.seeds, "seeds 1 .. N (10)"},
        {"--jobs", "N", OPTION_COUNT, false, &a.jobs,
         "per seed (600 on one engine, 1500 on several)"},
        {"--threads", "N", OPTION_COUNT, false, &a.threads,
         "simulations side by side; changes no result (all cores)"},
        {"-o", "TABLE.json", OPTION_TEXT, false, &a.table, "the table, llmsched-compare-1"},
        {"--report", "OUT.html", OPTION_TEXT, false, &a.report, "a page with table and plots"},
        {"--save", "DIR", OPTION_TEXT, false, &a.save,
         "keep cluster, profiles, jobs, completions and schedules"},
    };
    bool helped;
    if (options_parse(&COMMAND_COMPARE, options, COUNT_OF(options), argc, argv, &helped, problem) &&
        !helped) {
        llmsched_context *context = NULL;
        llmsched_error err = {.size = sizeof err};
        if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK)
            library_failed(problem, NULL, &err);
        else
            compare_with(context, &a, problem);
        llmsched_context_destroy(context);
    }
    free(a.train.items);
    free(a.eval.items);
    return problem->code;
}

const struct command COMMAND_COMPARE = {
    .name = "compare",
    .usage = "--train RUNS... [--eval RUNS...] [--mix mixed] [--cluster small] [--load 0.85] ...",
    .summary = "train on past runs, simulate policies on later ones, and print the table",
    .details = "fcfs and oracle-srpt are always in the table: the ratios refer to them.",
    .run = run,
};
