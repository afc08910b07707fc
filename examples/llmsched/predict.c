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

enum predictor { PREDICT_MEAN, PREDICT_NETWORK };

/* One number with its quantiles. */
struct forecast {
    double mean, quantiles[3];
};
static const double LEVELS[] = {0.1, 0.5, 0.9};
static const char *const LEVEL_NAMES[] = {"q10", "q50", "q90"};

/* A run on its way: what a predictor may look at is what revealed marks. */
struct replay {
    const llmsched_run *run;
    double *revealed_s, *end_s;
    uint32_t *order; /* stages by (end, number) */
    bool *revealed, *ended;
    uint32_t *template_stage; /* of revealed stages; LLMSCHED_INDEX_NONE: none */
    uint32_t *class_counts;
    llmsched_stage_evidence *evidence; /* per template stage */
    uint32_t template_count;
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

static void replay_open(struct replay *r, const llmsched_run *run, const struct model *model)
{
    uint32_t n = run->stage_count;
    *r = (struct replay){.run = run};
    r->revealed_s = allocate(n, sizeof *r->revealed_s);
    r->end_s = allocate(n, sizeof *r->end_s);
    r->order = allocate(n, sizeof *r->order);
    r->revealed = allocate(n, sizeof *r->revealed);
    r->ended = allocate(n, sizeof *r->ended);
    r->template_stage = allocate(n, sizeof *r->template_stage);
    r->class_counts =
        allocate(llmsched_profile_class_count(model->profile), sizeof *r->class_counts);
    r->template_count = llmsched_dag_stage_count(llmsched_profile_dag(model->profile));
    r->evidence = allocate(r->template_count, sizeof *r->evidence);
    for (uint32_t t = 0; t < r->template_count; t++)
        r->evidence[t].size = sizeof *r->evidence;
    plan_endings(r);
}

static void replay_close(struct replay *r)
{
    free(r->revealed_s);
    free(r->end_s);
    free(r->order);
    free(r->revealed);
    free(r->ended);
    free(r->template_stage);
    free(r->class_counts);
    free(r->evidence);
}

static bool is_aggregate(const llmsched_profile *profile, uint32_t stage)
{
    llmsched_profile_stage info = {.size = sizeof info};
    return llmsched_profile_get_stage(profile, stage, &info, NULL) == LLMSCHED_OK &&
           info.aggregate != 0;
}

/* Finds the stage in the template, and notes that it is there. */
static void reveal(struct replay *r, const llmsched_profile *profile, uint32_t i)
{
    const llmsched_run_stage *s = &r->run->stages[i];
    uint32_t class_number = llmsched_profile_class(profile, s->kind, s->name);
    uint32_t k = class_number != LLMSCHED_INDEX_NONE ? r->class_counts[class_number]++ : 0;
    uint32_t t = llmsched_profile_find(profile, s->kind, class_number, k);
    r->revealed[i] = true;
    r->template_stage[i] = t;
    if (t == LLMSCHED_INDEX_NONE)
        return;
    llmsched_stage_evidence *e = &r->evidence[t];
    e->state = is_aggregate(profile, t) ? LLMSCHED_EVIDENCE_PARTIAL : LLMSCHED_EVIDENCE_PRESENT;
    e->has_prompt = s->kind == LLMSCHED_STAGE_LLM;
    e->prompt_tokens = s->prompt_tokens;
}

static void reveal_ready(struct replay *r, const llmsched_profile *profile)
{
    for (uint32_t i = 0; i < r->run->stage_count; i++) {
        const llmsched_run_stage *s = &r->run->stages[i];
        bool ready = !r->revealed[i];
        for (uint32_t p = 0; p < s->parent_count && ready; p++)
            ready = r->ended[s->parents[p]];
        if (ready)
            reveal(r, profile, i);
    }
}

static void end_stage(struct replay *r, uint32_t i)
{
    uint32_t t = r->template_stage[i];
    r->ended[i] = true;
    if (t == LLMSCHED_INDEX_NONE)
        return;
    llmsched_stage_evidence *e = &r->evidence[t];
    if (e->state == LLMSCHED_EVIDENCE_PARTIAL) {
        e->work_s += r->run->stages[i].work_s;
        e->ended++;
        return;
    }
    e->state = LLMSCHED_EVIDENCE_FINISHED;
    e->work_s = r->run->stages[i].work_s;
}

/* How long each running stage has been served: all its tasks at once. */
static void set_ages(struct replay *r, double now_s)
{
    for (uint32_t i = 0; i < r->run->stage_count; i++) {
        uint32_t t = r->template_stage[i];
        if (!r->revealed[i] || r->ended[i] || t == LLMSCHED_INDEX_NONE ||
            r->evidence[t].state != LLMSCHED_EVIDENCE_PRESENT)
            continue;
        double tasks = r->run->stages[i].tasks > 0 ? r->run->stages[i].tasks : 1;
        r->evidence[t].work_s = fmax(0.0, now_s - r->revealed_s[i]) * tasks;
    }
}

/* --- the predictors ---------------------------------------------------------------------- */

static llmsched_status by_mean(const struct model *model, uint32_t kind, uint32_t ended,
                               struct forecast *f, llmsched_error *err)
{
    llmsched_remainder r = {.size = sizeof r};
    llmsched_status status = llmsched_profile_get_remainder(model->profile, kind, ended, &r, err);
    *f = (struct forecast){r.mean_s, {r.q10_s, r.q50_s, r.q90_s}};
    return status;
}

/* Unfinished stages that the template lacks count their kind's mean. */
static double strangers(const struct replay *r, const struct model *model, uint32_t kind)
{
    llmsched_profile_summary summary = {.size = sizeof summary};
    uint32_t count = 0;
    if (llmsched_profile_get_summary(model->profile, &summary, NULL) != LLMSCHED_OK)
        return 0.0;
    for (uint32_t i = 0; i < r->run->stage_count; i++)
        if (r->revealed[i] && !r->ended[i] && r->template_stage[i] == LLMSCHED_INDEX_NONE &&
            r->run->stages[i].kind == kind)
            count++;
    return count *
           (kind == LLMSCHED_STAGE_LLM ? summary.mean_llm_stage_s : summary.mean_tool_stage_s);
}

static llmsched_status by_network(const struct replay *r, const struct model *model, uint32_t kind,
                                  struct forecast *f, llmsched_error *err)
{
    llmsched_remaining remaining = {.size = sizeof remaining};
    double more = strangers(r, model, kind);
    llmsched_status status =
        llmsched_quantifier_remaining(model->quantifier, kind, &remaining, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_quantiles(model->quantifier, kind, LEVELS, COUNT_OF(LEVELS),
                                               f->quantiles, err);
    f->mean = remaining.mean_s + more;
    for (size_t i = 0; i < COUNT_OF(LEVELS); i++)
        f->quantiles[i] += more;
    return status;
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
                                   enum predictor predictor, uint32_t ended, FILE *file,
                                   llmsched_error *err)
{
    static const uint32_t kinds[] = {LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR};
    struct forecast forecasts[2] = {{0.0, {0.0, 0.0, 0.0}}, {0.0, {0.0, 0.0, 0.0}}};
    llmsched_status status = LLMSCHED_OK;
    /* Nothing revealed is left: the run is over, and nothing remains. */
    if (ended < r->run->stage_count) {
        if (predictor == PREDICT_NETWORK)
            status = llmsched_quantifier_set_evidence(model->quantifier, r->evidence,
                                                      r->template_count, err);
        for (size_t k = 0; k < 2 && status == LLMSCHED_OK; k++)
            status = predictor == PREDICT_NETWORK
                         ? by_network(r, model, kinds[k], &forecasts[k], err)
                         : by_mean(model, kinds[k], ended, &forecasts[k], err);
    }
    if (status == LLMSCHED_OK)
        put_line(file, r, ended, &forecasts[0], &forecasts[1]);
    return status;
}

static llmsched_status predict_run(const llmsched_run *run, const struct model *model,
                                   enum predictor predictor, FILE *file, llmsched_error *err)
{
    struct replay r;
    llmsched_status status = LLMSCHED_OK;
    replay_open(&r, run, model);
    for (uint32_t ended = 0; ended <= run->stage_count && status == LLMSCHED_OK; ended++) {
        double now_s = 0.0;
        if (ended > 0) {
            now_s = r.end_s[r.order[ended - 1]];
            end_stage(&r, r.order[ended - 1]);
        }
        reveal_ready(&r, model->profile);
        set_ages(&r, now_s);
        status = predict_now(&r, model, predictor, ended, file, err);
    }
    replay_close(&r);
    return status;
}

static bool predict_application(const struct application *app, const struct profile_set *profiles,
                                enum predictor predictor, FILE *file, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    struct model model = {.profile = profiles_find(profiles, app->name)};
    if (model.profile == NULL)
        return bad_input(problem, "%s: app: expected a profile of application \"%s\"", app->stem,
                         app->name);
    llmsched_status status =
        llmsched_quantifier_create(model.profile, NULL, &model.quantifier, &err);
    for (size_t i = 0; i < app->eval.count && status == LLMSCHED_OK; i++)
        status = predict_run(app->eval.runs[i], &model, predictor, file, &err);
    llmsched_quantifier_destroy(model.quantifier);
    return status == LLMSCHED_OK || library_failed(problem, app->name, &err);
}

static bool choose_predictor(const char *name, enum predictor *predictor, struct problem *problem)
{
    if (name == NULL || strcmp(name, "network") == 0)
        *predictor = PREDICT_NETWORK;
    else if (strcmp(name, "mean") == 0)
        *predictor = PREDICT_MEAN;
    else
        return bad_input(problem, "--predictor: expected mean or network, not \"%s\"", name);
    return true;
}

static bool predict(const struct values *runs, const char *folder, const char *path,
                    enum predictor predictor, llmsched_context *context, struct problem *problem)
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
            good = predict_application(&apps.items[i], &profiles, predictor, output.file, problem);
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
        {"--predictor", "NAME", OPTION_TEXT, false, &name, "mean or network (network)"},
    };
    bool helped;
    enum predictor predictor = PREDICT_NETWORK;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    if (options_parse(&COMMAND_PREDICT, options, COUNT_OF(options), argc, argv, &helped, problem) &&
        !helped && choose_predictor(name, &predictor, problem)) {
        if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK)
            library_failed(problem, NULL, &err);
        else
            predict(&runs, folder, path, predictor, context, problem);
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
