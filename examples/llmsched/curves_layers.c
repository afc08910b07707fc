/* SPDX-License-Identifier: Apache-2.0 */
/* Curves put together from the times of one layer or of single operators. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curves.h"
#include "io.h"
#include "sheet.h"

static const double BATCHES[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
/* Contexts at which decode attention was measured. */
static const double CONTEXTS[] = {127, 511, 1023, 2047, 4095, 8191, 16383};
static const double PROMPTS[] = {1, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};

bool curve_compose(struct curve *curve, const struct curve_steps *steps)
{
    double most_batch = 0.0;
    for (size_t i = 0; i < COUNT_OF(PROMPTS); i++) {
        double ms = PROMPTS[i] <= steps->most_tokens ? steps->prefill_ms(steps, PROMPTS[i]) : NAN;
        if (isfinite(ms))
            curve_put(&curve->prefill, 0.0, PROMPTS[i], ms / 1e3);
    }
    for (size_t b = 0; b < COUNT_OF(BATCHES); b++)
        for (size_t c = 0; c < COUNT_OF(CONTEXTS); c++) {
            double ms = steps->decode_ms(steps, BATCHES[b], CONTEXTS[c]);
            if (!isfinite(ms))
                continue;
            curve_put(&curve->decode, BATCHES[b], CONTEXTS[c], ms / 1e3);
            most_batch = BATCHES[b];
        }
    curve->max_batch = (uint32_t)most_batch;
    return curve->prefill.count > 1 && curve->decode.count > 1;
}

/* --- Helix: one layer, by tokens or sequences ------------------------------------------ */

/* A file's name: MODEL_GPU_prompt_bs2time.csv or MODEL_GPU_decode_bs2time.csv. */
struct helix_file {
    const char *path, *model, *gpu;
    bool decode;
};

static bool parse_name(struct curve_job *job, const char *path, struct helix_file *file)
{
    static const char *const endings[] = {"_prompt_bs2time.csv", "_decode_bs2time.csv"};
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    for (size_t e = 0; e < COUNT_OF(endings); e++) {
        const char *end = strstr(name, endings[e]);
        if (end == NULL)
            continue;
        const char *gpu = end;
        while (gpu > name && gpu[-1] != '_')
            gpu--;
        if (gpu <= name + 1 || gpu == end)
            break;
        *file = (struct helix_file){.path = path,
                                    .model = curve_text(job, "%.*s", (int)(gpu - name - 1), name),
                                    .gpu = curve_text(job, "%.*s", (int)(end - gpu), gpu),
                                    .decode = e == 1};
        return true;
    }
    return bad_input(job->problem,
                     "%s: expected a name like MODEL_GPU_prompt_bs2time.csv or "
                     "MODEL_GPU_decode_bs2time.csv",
                     path);
}

/* "t4x2" is two T4; the sizes of memory are those of Helix's clusters. */
static const char *helix_gpu(struct curve_job *job, const char *name, uint32_t *tp)
{
    static const char *const kinds[][2] = {
        {"a100", "a100-40g"}, {"v100", "v100-16g"}, {"l4", "l4-24g"}, {"t4", "t4-16g"}};
    const char *times = strrchr(name, 'x');
    size_t length = times != NULL ? (size_t)(times - name) : strlen(name);
    unsigned long parsed = times != NULL ? strtoul(times + 1, NULL, 10) : 1;
    *tp = parsed >= 1 && parsed <= 1024 ? (uint32_t)parsed : 1;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strlen(kinds[i][0]) == length && strncmp(kinds[i][0], name, length) == 0)
            return kinds[i][1];
    return curve_text(job, "%.*s", (int)length, name);
}

/* Places without tokens or sequences say nothing; two decimals make small times coarse. */
static bool read_layer(struct curve_job *job, const struct helix_file *file, double layers,
                       double context, struct curve_points *points)
{
    struct sheet sheet;
    if (!sheet_read(file->path, 2, &sheet, job->problem))
        return false;
    bool good = true;
    double count, ms, last = 0.0;
    for (size_t row = 0; row < sheet.rows && good; row++) {
        good = sheet_count(&sheet, row, 0, 0.0, MOST_BATCH, &count) &&
               sheet_number(&sheet, row, 1, 0.0, 1e9, &ms);
        if (!good || count == 0.0)
            continue;
        if (count <= last)
            good = bad_input(job->problem, "%s:%llu: column 1: expected more than the row before",
                             file->path, (unsigned long long)sheet.lines[row]);
        last = count;
        if (file->decode)
            curve_put(points, count, context, layers * ms / 1e3);
        else
            curve_put(points, 0.0, count, layers * ms / 1e3);
    }
    sheet_release(&sheet);
    return good;
}

static struct curve *helix_curve(struct curve_job *job, struct curve_model *model,
                                 const struct helix_file *file)
{
    uint32_t tp;
    const char *gpu = helix_gpu(job, file->gpu, &tp);
    for (size_t i = 0; i < model->count; i++)
        if (model->curves[i].tp == tp && strcmp(model->curves[i].gpu, gpu) == 0)
            return &model->curves[i];
    return curve_add(job, model, gpu, tp);
}

static bool add_helix(struct curve_job *job, const struct helix_file *file)
{
    const struct architecture *a = curve_architecture(job, file->model);
    if (a == NULL)
        return bad_input(job->problem, "--layers: expected for %.200s, which is not built in",
                         file->model);
    struct curve_model *model = curve_model_of(
        job, file->model, job->request.precision != NULL ? job->request.precision : "fp16");
    struct curve *curve = helix_curve(job, model, file);
    struct curve_points *points = file->decode ? &curve->decode : &curve->prefill;
    if (points->count > 0)
        return bad_input(job->problem, "%s: expected one file of this kind for %.100s on %.60s",
                         file->path, file->model, file->gpu);
    if (!read_layer(job, file, a->layers, job->request.context, points))
        return false;
    if (points->count == 0)
        return bad_input(job->problem, "%s: expected a row above 0", file->path);
    if (file->decode)
        curve->max_batch = (uint32_t)points->items[points->count - 1].batch;
    return true;
}

/* Curves of which only one file was given go. */
static void drop_halves(struct curve_job *job)
{
    for (size_t m = 0; m < job->count; m++) {
        struct curve_model *model = &job->models[m];
        size_t kept = 0;
        for (size_t c = 0; c < model->count; c++) {
            struct curve *curve = &model->curves[c];
            if (curve->prefill.count > 0 && curve->decode.count > 0) {
                model->curves[kept++] = *curve;
                continue;
            }
            curve_left_out(job, curve_text(job, "%.200s on %.60s, tp %u: only the %s file",
                                           model->name, curve->gpu, curve->tp,
                                           curve->decode.count > 0 ? "decode" : "prompt"));
            free(curve->prefill.items);
            free(curve->decode.items);
        }
        model->count = kept;
    }
}

bool curves_helix(struct curve_job *job)
{
    job->source = "helix: measured times of one layer, times the layers; coarse (0.1 ms decode, 1 "
                  "ms prompt), no cost of embedding and output, no dependence on the context";
    for (size_t f = 0; f < job->request.files.count; f++) {
        struct helix_file file = {0};
        if (!parse_name(job, job->request.files.items[f], &file))
            return false;
        uint32_t tp;
        if (curve_wants(job, file.model) && curve_wants_gpu(job, helix_gpu(job, file.gpu, &tp)) &&
            !add_helix(job, &file))
            return false;
    }
    drop_halves(job);
    return true;
}
