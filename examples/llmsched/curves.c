/* SPDX-License-Identifier: Apache-2.0 */
/* The command `curves`, and what its readers share. */
#include "curves.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "utf8.h"

static const struct {
    const char *name;
    curve_reader read;
} FORMS[] = {{"distserve", curves_distserve},
             {"muxserve", curves_muxserve},
             {"aiconfigurator-silicon", curves_silicon},
             {"aiconfigurator-ops", curves_ops},
             {"vidur", curves_vidur},
             {"helix", curves_helix},
             {"blis", curves_blis}};

static const double DEFAULT_KV_FLOOR_BYTES = 2147483648.0, DEFAULT_RUNTIME_BYTES = 2e9;

/* --- what the readers use ------------------------------------------------------------- */

const char *curve_text(struct curve_job *job, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t bytes = strlen(text) + 1;
    return memcpy(arena_take(&job->arena, bytes, 1), text, bytes);
}

bool curve_wants(const struct curve_job *job, const char *model)
{
    return job->request.model == NULL || contains_word(model, job->request.model);
}

bool curve_wants_gpu(const struct curve_job *job, const char *kind)
{
    return job->request.gpu == NULL || strcmp(kind, job->request.gpu) == 0;
}

const struct architecture *curve_architecture(struct curve_job *job, const char *model)
{
    const struct architecture *known = architecture_find(model), *given = &job->request.given;
    if (given->layers == 0.0 && known != NULL)
        return known;
    return given->layers > 0.0 ? given : NULL;
}

struct curve_model *curve_model_of(struct curve_job *job, const char *name, const char *precision)
{
    const char *shown = job->request.name != NULL ? job->request.name : name;
    for (size_t i = 0; i < job->count; i++)
        if (strcmp(job->models[i].name, shown) == 0)
            return &job->models[i];
    grow((void **)&job->models, &job->capacity, job->count + 1, sizeof *job->models);
    job->models[job->count] = (struct curve_model){.name = curve_text(job, "%s", shown),
                                                   .architecture = curve_architecture(job, name),
                                                   .bytes_per_weight = precision_bytes(precision)};
    return &job->models[job->count++];
}

struct curve *curve_add(struct curve_job *job, struct curve_model *model, const char *gpu,
                        uint32_t tp)
{
    grow((void **)&model->curves, &model->capacity, model->count + 1, sizeof *model->curves);
    const char *kind = job->request.gpu != NULL ? job->request.gpu : gpu;
    model->curves[model->count] =
        (struct curve){.gpu = curve_text(job, "%s", kind), .tp = tp, .share = 1.0};
    return &model->curves[model->count++];
}

void curve_put(struct curve_points *points, double batch, double context, double seconds)
{
    grow((void **)&points->items, &points->capacity, points->count + 1, sizeof *points->items);
    points->items[points->count++] = (struct curve_point){batch, context, seconds};
}

void curve_left_out(struct curve_job *job, const char *why)
{
    job->left_out++;
    job->why = curve_text(job, "%s", why);
}

/* --- memory and bandwidth --------------------------------------------------------------- */

static double weight_bytes(const struct curve_job *job, const struct curve_model *model)
{
    const struct architecture *a = model->architecture;
    if (job->request.weight_bytes > 0.0)
        return job->request.weight_bytes;
    if (a == NULL)
        return 0.0;
    return a->weight_bytes > 0.0 ? a->weight_bytes : a->parameters * model->bytes_per_weight;
}

/* Keys and values of two bytes. */
static double kv_bytes_per_token(const struct curve_job *job, const struct curve_model *model)
{
    const struct architecture *a = model->architecture;
    if (job->request.kv_bytes_per_token > 0.0)
        return job->request.kv_bytes_per_token;
    return a != NULL ? 2.0 * a->layers * a->kv_heads * a->head_dim * 2.0 : 0.0;
}

/* A step of the full batch: at the table's largest batch that is not above it and the shortest
 * context there, or at the request's context of a linear curve. */
static struct curve_point full_batch(const struct curve_job *job, const struct curve *curve)
{
    double batch = curve->max_batch, context = job->request.context;
    struct curve_point best = {batch, context,
                               curve->decode_base_s + curve->decode_per_request_s * batch +
                                   curve->decode_per_request_token_s * batch * context};
    for (size_t i = 0; i < curve->decode.count; i++) {
        const struct curve_point *p = &curve->decode.items[i];
        bool better = p->batch > best.batch || best.batch > batch ||
                      (p->batch == best.batch && p->context < best.context);
        if (i == 0 || (p->batch <= batch && better))
            best = *p;
    }
    return best;
}

/*
 * A step at full batch reads each GPU's weights and caches once: their bytes over the step's
 * seconds and the GPU's peak, in whole percents. 0: not known.
 */
static double bandwidth_of(const struct curve_job *job, const struct curve_model *model,
                           const struct curve *curve)
{
    double peak = gpu_bandwidth(curve->gpu);
    struct curve_point step = full_batch(job, curve);
    if (!(peak > 0.0) || !(step.seconds > 0.0))
        return 0.0;
    double bytes =
        (weight_bytes(job, model) + kv_bytes_per_token(job, model) * step.batch * step.context) /
        curve->tp;
    return fmin(1.0, ceil(100.0 * bytes / step.seconds / peak) / 100.0);
}

/* --- writing ------------------------------------------------------------------------------ */

static void put_number(FILE *file, const char *key, double value)
{
    fprintf(file, "\"%s\":", key);
    json_put_number(file, value);
}

static void put_table(FILE *file, const struct curve_points *points, bool batches)
{
    fputs("{\"table\":[", file);
    for (size_t i = 0; i < points->count; i++) {
        const struct curve_point *p = &points->items[i];
        fputs(i > 0 ? ",[" : "[", file);
        if (batches)
            fprintf(file, "%.9g,", p->batch);
        fprintf(file, "%.9g,%.9g]", p->context, p->seconds);
    }
    fputs("]}", file);
}

static void put_curve(const struct curve_job *job, const struct curve_model *model,
                      const struct curve *curve, FILE *file)
{
    double bandwidth = bandwidth_of(job, model, curve);
    fputs("{\"gpu\":", file);
    json_put_string(file, curve->gpu);
    fprintf(file, ",\"tp\":%u,\"share\":%.9g,\"max_batch\":%u", curve->tp, curve->share,
            curve->max_batch);
    if (bandwidth > 0.0) {
        fputc(',', file);
        put_number(file, "bandwidth", bandwidth);
    }
    fputs(",\n     \"prefill\":", file);
    if (curve->prefill.count > 0)
        put_table(file, &curve->prefill, false);
    else
        fprintf(file, "{\"base_s\":%.9g,\"per_token_s\":%.9g}", curve->prefill_base_s,
                curve->prefill_per_token_s);
    fputs(",\n     \"decode\":", file);
    if (curve->decode.count > 0)
        put_table(file, &curve->decode, true);
    else
        fprintf(file, "{\"base_s\":%.9g,\"per_request_s\":%.9g,\"per_request_token_s\":%.9g}",
                curve->decode_base_s, curve->decode_per_request_s,
                curve->decode_per_request_token_s);
    fputc('}', file);
}

static void put_model(const struct curve_job *job, const struct curve_model *model, FILE *file)
{
    const struct curve_request *r = &job->request;
    fputs("{\"name\":", file);
    json_put_string(file, model->name);
    fputc(',', file);
    put_number(file, "weight_bytes", weight_bytes(job, model));
    fputc(',', file);
    put_number(file, "kv_bytes_per_token", kv_bytes_per_token(job, model));
    fputc(',', file);
    put_number(file, "kv_floor_bytes", r->kv_floor_bytes);
    fputc(',', file);
    put_number(file, "runtime_bytes", r->runtime_bytes);
    fputs(",\"configs\":[\n    ", file);
    for (size_t i = 0; i < model->count; i++) {
        fputs(i > 0 ? ",\n    " : "", file);
        put_curve(job, model, &model->curves[i], file);
    }
    fputs("]}", file);
}

static bool write_models(const struct curve_job *job)
{
    struct output out = {0};
    if (!output_open(&out, job->request.out, job->problem))
        return false;
    fputs("{\"format\":\"llmsched-models-1\",\"source\":", out.file);
    json_put_string(out.file, job->source);
    fprintf(out.file, ",\"measured\":%s,\"models\":[", job->simulated ? "false" : "true");
    for (size_t i = 0; i < job->count; i++) {
        fputs(i > 0 ? ",\n  " : "\n  ", out.file);
        put_model(job, &job->models[i], out.file);
    }
    fputs("]}\n", out.file);
    bool good = output_commit(&out, job->problem);
    output_abandon(&out);
    return good;
}

/* --- the command ----------------------------------------------------------------------------- */

static void release_model(struct curve_model *model)
{
    for (size_t c = 0; c < model->count; c++) {
        free(model->curves[c].prefill.items);
        free(model->curves[c].decode.items);
    }
    free(model->curves);
}

static bool is_unique(const struct curve_job *job, const struct curve_model *model)
{
    for (size_t i = 0; i < model->count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct curve *x = &model->curves[i], *y = &model->curves[j];
            if (x->tp == y->tp && x->share == y->share && strcmp(x->gpu, y->gpu) == 0)
                return bad_input(job->problem,
                                 "%s: expected one curve of %.200s on %.60s, tp %u, share %g; "
                                 "--model takes one model",
                                 job->request.files.items[0], model->name, x->gpu, x->tp, x->share);
        }
    return true;
}

static bool is_known(const struct curve_job *job, const struct curve_model *model)
{
    return weight_bytes(job, model) > 0.0 && kv_bytes_per_token(job, model) > 0.0;
}

/* Refuses what was asked for by name and of which the memory is not known. */
static bool check_models(const struct curve_job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        const struct curve_model *model = &job->models[i];
        if (model->count > 0 && !is_known(job, model) && job->request.model != NULL)
            return bad_input(job->problem,
                             "--weight-bytes, --kv-bytes-per-token: expected for %.200s, of which "
                             "nothing is built in",
                             model->name);
        if (!is_unique(job, model))
            return false;
    }
    return true;
}

/* Drops models without curves or of unknown memory; false where none is left. */
static bool keep_models(struct curve_job *job)
{
    size_t kept = 0;
    for (size_t i = 0; i < job->count; i++) {
        struct curve_model *model = &job->models[i];
        if (model->count > 0 && is_known(job, model)) {
            job->models[kept++] = *model;
            continue;
        }
        if (model->count > 0)
            curve_left_out(
                job, curve_text(job, "%.200s: memory not known, see --weight-bytes", model->name));
        release_model(model);
    }
    job->count = kept;
    return kept > 0 ? true
                    : no_result(job->problem, "%s: no model with a whole curve%s%s",
                                job->request.files.items[0], job->why != NULL ? "; " : "",
                                job->why != NULL ? job->why : "");
}

static void limit_batches(struct curve_job *job)
{
    for (size_t i = 0; i < job->count; i++)
        for (size_t c = 0; c < job->models[i].count; c++) {
            struct curve *curve = &job->models[i].curves[c];
            if (job->request.max_batch > 0 && job->request.max_batch < curve->max_batch)
                curve->max_batch = (uint32_t)job->request.max_batch;
        }
}

static void tell(const struct curve_job *job)
{
    size_t curves = 0;
    for (size_t i = 0; i < job->count; i++)
        curves += job->models[i].count;
    fprintf(stderr, "llmsched: %s: %zu models, %zu curves: %s%s\n", job->request.out, job->count,
            curves, job->simulated ? "SIMULATED, not measured: " : "", job->source);
    if (job->left_out > 0)
        fprintf(stderr, "llmsched: %zu combinations left out, the last: %s\n", job->left_out,
                job->why);
}

static void release(struct curve_job *job)
{
    for (size_t i = 0; i < job->count; i++)
        release_model(&job->models[i]);
    free(job->models);
    free(job->request.files.items);
    arena_release(&job->arena);
}

static bool is_sane(const struct curve_request *r, struct problem *problem)
{
    const double amounts[] = {
        r->weight_bytes,   r->kv_bytes_per_token, r->kv_floor_bytes,   r->runtime_bytes,
        r->context,        r->given.layers,       r->given.hidden,     r->given.heads,
        r->given.kv_heads, r->given.ffn,          r->given.vocabulary, r->given.head_dim};
    for (size_t i = 0; i < COUNT_OF(amounts); i++)
        if (!(amounts[i] >= 0.0 && amounts[i] <= 1e18))
            return bad_input(problem, "bytes, tokens and layers: expected 0 to 1e18");
    const char *const names[] = {r->name, r->gpu, r->model};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i] != NULL && (names[i][0] == '\0' || utf8_fault(names[i]) != NULL))
            return bad_input(problem, "--name, --gpu, --model: expected names in UTF-8");
    if (r->max_batch > UINT32_MAX)
        return bad_input(problem, "--max-batch: expected less than 2^32");
    if (r->given.layers > 0.0 && !(r->given.kv_heads > 0.0 && r->given.head_dim > 0.0))
        return bad_input(problem, "--layers: expected --kv-heads beside it");
    return true;
}

static bool convert(struct curve_job *job)
{
    const struct curve_request *r = &job->request;
    for (size_t i = 0; i < COUNT_OF(FORMS); i++)
        if (strcmp(FORMS[i].name, r->form) == 0) {
            if (!is_sane(r, job->problem) || !FORMS[i].read(job) || !check_models(job) ||
                !keep_models(job))
                return false;
            limit_batches(job);
            if (!write_models(job))
                return false;
            tell(job);
            return true;
        }
    return bad_input(job->problem,
                     "--from: expected distserve, muxserve, aiconfigurator-silicon, "
                     "aiconfigurator-ops, vidur, helix or blis, not \"%.60s\"",
                     r->form);
}

static int run(int argc, char **argv, struct problem *problem)
{
    struct curve_job job = {.problem = problem,
                            .request = {.backend = "vllm",
                                        .context = 512.0,
                                        .kv_floor_bytes = DEFAULT_KV_FLOOR_BYTES,
                                        .runtime_bytes = DEFAULT_RUNTIME_BYTES,
                                        .given = {.name = "given", .head_dim = 128.0}}};
    struct curve_request *r = &job.request;
    const struct option options[] = {
        {"", "FILE...", OPTION_LIST, true, &r->files, "the profile's files, plain or gzip"},
        {"--from", "FORM", OPTION_TEXT, true, &r->form,
         "distserve, muxserve, aiconfigurator-silicon, aiconfigurator-ops, vidur, helix, blis"},
        {"--model", "NAME", OPTION_TEXT, false, &r->model,
         "only models whose name contains this (all)"},
        {"--name", "NAME", OPTION_TEXT, false, &r->name, "what to call the model"},
        {"--gpu", "KIND", OPTION_TEXT, false, &r->gpu,
         "only curves of this kind, as h100-80g; what to call it where a file has one"},
        {"--backend", "B", OPTION_TEXT, false, &r->backend,
         "aiconfigurator-silicon: vllm, trtllm or sglang (vllm)"},
        {"--precision", "P", OPTION_TEXT, false, &r->precision,
         "of the weights: bf16, fp8, fp4, ... (the file's, else bf16)"},
        {"--max-batch", "N", OPTION_COUNT, false, &r->max_batch, "at most (the file's)"},
        {"--context", "TOKENS", OPTION_NUMBER, false, &r->context,
         "mean context at which a linear curve's bandwidth is worked out (512)"},
        {"--weight-bytes", "N", OPTION_NUMBER, false, &r->weight_bytes,
         "of all weights (by the model's name)"},
        {"--kv-bytes-per-token", "N", OPTION_NUMBER, false, &r->kv_bytes_per_token,
         "of keys and values (by the model's name, 2 bytes each)"},
        {"--kv-floor-bytes", "N", OPTION_NUMBER, false, &r->kv_floor_bytes,
         "least cache of a replica (2 GiB)"},
        {"--runtime-bytes", "N", OPTION_NUMBER, false, &r->runtime_bytes,
         "beside weights and caches, on each GPU (2e9)"},
        {"--layers", "N", OPTION_NUMBER, false, &r->given.layers,
         "of a model that is not built in; also:"},
        {"--hidden", "N", OPTION_NUMBER, false, &r->given.hidden, "hidden size"},
        {"--heads", "N", OPTION_NUMBER, false, &r->given.heads, "attention heads"},
        {"--kv-heads", "N", OPTION_NUMBER, false, &r->given.kv_heads, "heads of keys and values"},
        {"--head-dim", "N", OPTION_NUMBER, false, &r->given.head_dim, "size of a head (128)"},
        {"--ffn", "N", OPTION_NUMBER, false, &r->given.ffn, "inner size of the feed-forward part"},
        {"--vocabulary", "N", OPTION_NUMBER, false, &r->given.vocabulary, "size of the vocabulary"},
        {"-o", "MODELS.json", OPTION_TEXT, true, &r->out, "the models, llmsched-models-1"},
    };
    bool helped;
    if (options_parse(&COMMAND_CURVES, options, COUNT_OF(options), argc, argv, &helped, problem) &&
        !helped)
        convert(&job);
    release(&job);
    return problem->code;
}

const struct command COMMAND_CURVES = {
    .name = "curves",
    .usage = "--from FORM FILE... [--model NAME] -o MODELS.json",
    .summary = "make models for the planner out of published engine profiles",
    .details = "What each form is and how its times become curves: docs/schemas.md. Combinations\n"
               "of GPU and tensor-parallel degree that a file does not have in full are left out.",
    .run = run,
};
