/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llmsched predict: what remains of a run after each of its stage ends, as
 * predicted from what is revealed by then, beside the truth. Each run is
 * replayed alone with unlimited slots.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "options.h"
#include "profiles.h"
#include "progress.h"

struct predictor {
    const char *name;
    uint32_t method;
};
/* The first is the default: what measured best (docs/benchmarks.md). */
static const struct predictor PREDICTORS[] = {
    {"forest", LLMSCHED_BY_FOREST},
    {"network", LLMSCHED_BY_NETWORK},
    {"tree", LLMSCHED_BY_TREE},
    {"mean", LLMSCHED_BY_HISTORY},
};

/* One number with its quantiles. */
struct forecast {
    double mean, quantiles[3];
};
static const double LEVELS[] = {0.1, 0.5, 0.9};
static const char *const LEVEL_NAMES[] = {"q10", "q50", "q90"};

/* A run on its way: what a predictor may look at is what progress was told. */
struct replay {
    const llmsched_run *run;
    llmsched_progress *progress;
    double *revealed_s, *end_s;
    uint32_t *order;  /* stages by (end, number) */
    uint32_t *number; /* in progress, of revealed stages */
    bool *revealed, *ended;
};

/* A profile in use. */
struct model {
    const llmsched_profile *profile;
    llmsched_quantifier *quantifier;
};

/* --- the replay ---------------------------------------------------------------------- */

struct ending {
    double time_s;
    uint32_t stage;
};

static int compare_endings(const void *a, const void *b)
{
    const struct ending *x = a, *y = b;
    if (x->time_s != y->time_s)
        return x->time_s < y->time_s ? -1 : 1;
    return (x->stage > y->stage) - (x->stage < y->stage);
}

static void plan_endings(struct replay *r)
{
    uint32_t n = r->run->stage_count;
    struct ending *endings = allocate(n, sizeof *endings);
    for (uint32_t i = 0; i < n; i++) {
        const llmsched_run_stage *s = &r->run->stages[i];
        for (uint32_t p = 0; p < s->parent_count; p++)
            r->revealed_s[i] = fmax(r->revealed_s[i], r->end_s[s->parents[p]]);
        r->end_s[i] = r->revealed_s[i] + s->span_s;
        endings[i] = (struct ending){r->end_s[i], i};
    }
    qsort(endings, n, sizeof *endings, compare_endings);
    for (uint32_t i = 0; i < n; i++)
        r->order[i] = endings[i].stage;
    free(endings);
}

static void replay_open(struct replay *r, const llmsched_run *run)
{
    uint32_t n = run->stage_count;
    *r = (struct replay){.run = run};
    r->revealed_s = allocate(n, sizeof *r->revealed_s);
    r->end_s = allocate(n, sizeof *r->end_s);
    r->order = allocate(n, sizeof *r->order);
    r->number = allocate(n, sizeof *r->number);
    r->revealed = allocate(n, sizeof *r->revealed);
    r->ended = allocate(n, sizeof *r->ended);
    plan_endings(r);
}

static void replay_close(struct replay *r)
{
    llmsched_progress_destroy(r->progress);
    free(r->revealed_s);
    free(r->end_s);
    free(r->order);
    free(r->number);
    free(r->revealed);
    free(r->ended);
}

static llmsched_status reveal(struct replay *r, uint32_t i, llmsched_error *err)
{
    const llmsched_run_stage *s = &r->run->stages[i];
    llmsched_revealed_stage stage = {.size = sizeof stage,
                                     .kind = s->kind,
                                     .name = s->name,
                                     .tasks = s->tasks,
                                     .has_prompt = s->kind == LLMSCHED_STAGE_LLM,
                                     .prompt_tokens = s->prompt_tokens};
    r->revealed[i] = true;
    return llmsched_progress_reveal(r->progress, &stage, &r->number[i], err);
}

static llmsched_status reveal_ready(struct replay *r, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; i < r->run->stage_count && status == LLMSCHED_OK; i++) {
        const llmsched_run_stage *s = &r->run->stages[i];
        bool ready = !r->revealed[i];
        for (uint32_t p = 0; p < s->parent_count && ready; p++)
            ready = r->ended[s->parents[p]];
        if (ready)
            status = reveal(r, i, err);
    }
    return status;
}

static llmsched_status end_stage(struct replay *r, uint32_t i, llmsched_error *err)
{
    const llmsched_run_stage *s = &r->run->stages[i];
    r->ended[i] = true;
    return llmsched_progress_end(r->progress, r->number[i], s->work_s, s->output_tokens, err);
}

/* How long each running stage has been served: all its tasks at once. */
static llmsched_status set_ages(struct replay *r, double now_s, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; i < r->run->stage_count && status == LLMSCHED_OK; i++) {
        double tasks = r->run->stages[i].tasks > 0 ? r->run->stages[i].tasks : 1;
        if (r->revealed[i] && !r->ended[i])
            status = llmsched_progress_serve(r->progress, r->number[i],
                                             fmax(0.0, now_s - r->revealed_s[i]) * tasks, err);
    }
    return status;
}

/* To the moment after so many ends. */
static llmsched_status advance(struct replay *r, uint32_t ended, llmsched_error *err)
{
    double now_s = ended > 0 ? r->end_s[r->order[ended - 1]] : 0.0;
    llmsched_status status = ended > 0 ? end_stage(r, r->order[ended - 1], err) : LLMSCHED_OK;
    if (status == LLMSCHED_OK)
        status = reveal_ready(r, err);
    return status == LLMSCHED_OK ? set_ages(r, now_s, err) : status;
}

static double truth(const struct replay *r, uint32_t kind)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < r->run->stage_count; i++)
        if (!r->ended[i] && r->run->stages[i].kind == kind)
            sum += r->run->stages[i].work_s;
    return sum;
}

/* --- output --------------------------------------------------------------------------------- */

static void put_forecast(FILE *file, const char *name, const struct forecast *f)
{
    fprintf(file, ",\"%s\":{\"mean\":", name);
    json_put_number(file, f->mean);
    for (size_t i = 0; i < COUNT_OF(LEVELS); i++) {
        fprintf(file, ",\"%s\":", LEVEL_NAMES[i]);
        json_put_number(file, f->quantiles[i]);
    }
    fputc('}', file);
}

static void put_line(FILE *file, const struct replay *r, uint32_t ended, const struct forecast *llm,
                     const struct forecast *tool)
{
    fputs("{\"app\":", file);
    json_put_string(file, r->run->app);
    fputs(",\"job\":", file);
    json_put_string(file, r->run->job);
    fprintf(file, ",\"ended\":%u", ended);
    put_forecast(file, "llm_s", llm);
    put_forecast(file, "tool_s", tool);
    fputs(",\"truth\":{\"llm_s\":", file);
    json_put_number(file, truth(r, LLMSCHED_STAGE_LLM));
    fputs(",\"tool_s\":", file);
    json_put_number(file, truth(r, LLMSCHED_STAGE_REGULAR));
    fputs("}}\n", file);
}

/* --- a run ------------------------------------------------------------------------------------ */

static llmsched_status predict_now(const struct replay *r, const struct model *model,
                                   uint32_t method, uint32_t ended, FILE *file, llmsched_error *err)
{
    static const uint32_t kinds[] = {LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR};
    struct forecast forecasts[2] = {{0.0, {0.0, 0.0, 0.0}}, {0.0, {0.0, 0.0, 0.0}}};
    llmsched_status status = LLMSCHED_OK;
    /* Nothing revealed is left: the run is over, and nothing remains. */
    if (ended < r->run->stage_count) {
        status = llmsched_quantifier_set_progress(model->quantifier, r->progress, err);
        for (size_t k = 0; k < 2 && status == LLMSCHED_OK; k++)
            status = llmsched_quantifier_forecast(model->quantifier, kinds[k], method, LEVELS,
                                                  COUNT_OF(LEVELS), forecasts[k].quantiles,
                                                  &forecasts[k].mean, err);
    }
    if (status == LLMSCHED_OK)
        put_line(file, r, ended, &forecasts[0], &forecasts[1]);
    return status;
}

static llmsched_status predict_run(const llmsched_run *run, const struct model *model,
                                   uint32_t method, FILE *file, llmsched_error *err)
{
    struct replay r;
    replay_open(&r, run);
    llmsched_status status = llmsched_progress_create(model->profile, &r.progress, err);
    for (uint32_t ended = 0; ended <= run->stage_count && status == LLMSCHED_OK; ended++) {
        status = advance(&r, ended, err);
        if (status == LLMSCHED_OK)
            status = predict_now(&r, model, method, ended, file, err);
    }
    replay_close(&r);
    return status;
}

static bool predict_application(const struct application *app, const struct profile_set *profiles,
                                uint32_t method, FILE *file, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    struct model model = {.profile = profiles_find(profiles, app->name)};
    if (model.profile == NULL)
        return bad_input(problem, "%s: app: expected a profile of application \"%s\"", app->stem,
                         app->name);
    llmsched_status status =
        llmsched_quantifier_create(model.profile, NULL, &model.quantifier, &err);
    for (size_t i = 0; i < app->eval.count && status == LLMSCHED_OK; i++)
        status = predict_run(app->eval.runs[i], &model, method, file, &err);
    llmsched_quantifier_destroy(model.quantifier);
    return status == LLMSCHED_OK || library_failed(problem, app->name, &err);
}

static bool choose_method(const char *name, uint32_t *method, struct problem *problem)
{
    for (size_t i = 0; i < COUNT_OF(PREDICTORS); i++) {
        if (name == NULL || strcmp(name, PREDICTORS[i].name) == 0) {
            *method = PREDICTORS[i].method;
            return true;
        }
    }
    return bad_input(problem, "--predictor: expected mean, network, tree or forest, not \"%s\"",
                     name);
}

static bool predict(const struct values *runs, const char *folder, const char *path,
                    uint32_t method, llmsched_context *context, struct problem *problem)
{
    struct profile_set profiles = {0};
    struct applications apps = {0};
    struct output output = {0};
    struct progress progress;
    bool good = profiles_load(&profiles, context, folder, problem) &&
                applications_read(&apps, context, runs, NULL, NULL, NULL, ROLE_EVAL, problem) &&
                output_open(&output, path, problem);
    if (good) {
        progress_start(&progress, "predicting", apps.count);
        for (size_t i = 0; i < apps.count && good; i++) {
            good = predict_application(&apps.items[i], &profiles, method, output.file, problem);
            progress_step(&progress, 1);
        }
        progress_end(&progress);
        if (good)
            good = output_commit(&output, problem);
    }
    output_abandon(&output);
    applications_release(&apps);
    profiles_release(&profiles);
    return good;
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct values runs = {0};
    const char *folder = NULL, *path = NULL, *name = NULL;
    const struct option options[] = {
        {"", "RUNS...", OPTION_LIST, true, &runs, "run files, or folders with *.jsonl files"},
        {"--profiles", "DIR", OPTION_TEXT, true, &folder, "profiles as learn writes them"},
        {"-o", "OUT.jsonl", OPTION_TEXT, true, &path, "a line per run and number of ended stages"},
        {"--predictor", "NAME", OPTION_TEXT, false, &name,
         "mean, network, tree or forest (forest)"},
    };
    bool helped;
    uint32_t method = 0;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    if (options_parse(&COMMAND_PREDICT, options, COUNT_OF(options), argc, argv, &helped, problem) &&
        !helped && choose_method(name, &method, problem)) {
        if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK)
            library_failed(problem, NULL, &err);
        else
            predict(&runs, folder, path, method, context, problem);
        llmsched_context_destroy(context);
    }
    free(runs.items);
    return problem->code;
}

const struct command COMMAND_PREDICT = {
    .name = "predict",
    .usage = "RUNS... --profiles DIR -o OUT.jsonl [--predictor NAME]",
    .summary = "remaining work after every stage end of runs, beside the truth",
    .run = run,
};
