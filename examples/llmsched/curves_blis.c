/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated curves of rate and latency. By Little's law served rate times mean latency requests
 * were in the engine: that is the batch of a row's time between tokens.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curves.h"
#include "sheet.h"

struct load {
    const char *model, *gpu;
    double tp, prompt, output, served, ttft_ms, itl_ms, e2e_ms;
};

struct loads {
    struct load *items;
    size_t count, capacity;
};

static double batch_of(const struct load *l)
{
    return l->served * l->e2e_ms / 1e3;
}

static int compare_groups(const struct load *x, const struct load *y)
{
    int order = strcmp(x->model, y->model);
    order = order != 0 ? order : strcmp(x->gpu, y->gpu);
    return order != 0 ? order : (x->tp > y->tp) - (x->tp < y->tp);
}

static int compare_loads(const void *a, const void *b)
{
    const struct load *x = a, *y = b;
    int order = compare_groups(x, y);
    order = order != 0 ? order : (x->prompt > y->prompt) - (x->prompt < y->prompt);
    order = order != 0 ? order : (x->output > y->output) - (x->output < y->output);
    double p = batch_of(x), q = batch_of(y);
    order = order != 0 ? order : (p > q) - (p < q);
    return order != 0 ? order : (x->itl_ms > y->itl_ms) - (x->itl_ms < y->itl_ms);
}

static const char *kind_of(const char *gpu)
{
    return strcmp(gpu, "H100") == 0      ? "h100-80g"
           : strcmp(gpu, "A100-80") == 0 ? "a100-80g"
           : strcmp(gpu, "H200") == 0    ? "h200-141g"
                                         : gpu;
}

static bool read_loads(struct curve_job *job, const char *path, struct loads *loads)
{
    static const char *const names[] = {
        "hardware_count", "prompt_tokens", "output_tokens", "responses_per_second",
        "ttft_mean",      "itl_mean",      "e2e_mean"};
    struct sheet sheet;
    size_t model, gpu, column[COUNT_OF(names)];
    if (!sheet_read(path, 0, &sheet, job->problem))
        return false;
    bool good = sheet_need(&sheet, "model_hf_repo", &model) && sheet_need(&sheet, "hardware", &gpu);
    for (size_t i = 0; i < COUNT_OF(names) && good; i++)
        good = sheet_need(&sheet, names[i], &column[i]);
    for (size_t row = 0; row < sheet.rows && good; row++) {
        double v[COUNT_OF(names)];
        for (size_t i = 0; i < COUNT_OF(names) && good; i++)
            good = i < 3 ? sheet_count(&sheet, row, column[i], 1.0, i == 0 ? MOST_TP : 1e9, &v[i])
                         : sheet_number(&sheet, row, column[i], 1e-9, 1e9, &v[i]);
        if (good && v[3] * v[6] / 1e3 > MOST_BATCH)
            good = bad_input(job->problem,
                             "%s:%llu: responses_per_second, e2e_mean: expected a product of at "
                             "most %g requests",
                             path, (unsigned long long)sheet.lines[row], MOST_BATCH);
        if (!good || !curve_wants(job, sheet_text(&sheet, row, model)) ||
            !curve_wants_gpu(job, kind_of(sheet_text(&sheet, row, gpu))))
            continue;
        grow((void **)&loads->items, &loads->capacity, loads->count + 1, sizeof *loads->items);
        loads->items[loads->count++] =
            (struct load){.model = curve_text(job, "%s", sheet_text(&sheet, row, model)),
                          .gpu = curve_text(job, "%s", sheet_text(&sheet, row, gpu)),
                          .tp = v[0],
                          .prompt = v[1],
                          .output = v[2],
                          .served = v[3],
                          .ttft_ms = v[4],
                          .itl_ms = v[5],
                          .e2e_ms = v[6]};
    }
    sheet_release(&sheet);
    return good;
}

/* Rows of one pair of lengths, by batch: a point each, never faster than one before. */
static void add_points(struct curve *curve, const struct load *rows, size_t count)
{
    double context = rows[0].prompt + rows[0].output / 2.0, last = 0.0, seconds = 0.0;
    for (size_t i = 0; i < count; i++) {
        double batch = batch_of(&rows[i]);
        seconds = fmax(seconds, rows[i].itl_ms / 1e3);
        if (i == 0 && batch > 1.0)
            curve_put(&curve->decode, 1.0, context, seconds);
        if (batch < 1.0 || !(batch > last))
            continue;
        curve_put(&curve->decode, batch, context, seconds);
        last = batch;
    }
    /* What all contexts have. */
    uint32_t most = (uint32_t)fmax(1.0, floor(last));
    curve->max_batch = curve->max_batch == 0 || most < curve->max_batch ? most : curve->max_batch;
}

static void add_prompts(struct curve *curve, const struct load *rows, size_t count)
{
    double last = 0.0;
    for (size_t i = 0; i < count; i++) {
        double ttft = INFINITY;
        if (rows[i].prompt == last)
            continue;
        last = rows[i].prompt;
        for (size_t j = i; j < count && rows[j].prompt == last; j++)
            ttft = fmin(ttft, rows[j].ttft_ms / 1e3);
        if (curve->prefill.count > 0)
            ttft = fmax(ttft, curve->prefill.items[curve->prefill.count - 1].seconds);
        else
            curve_put(&curve->prefill, 0.0, 0.0, 0.0);
        curve_put(&curve->prefill, 0.0, last, ttft);
    }
    const struct curve_point *end = &curve->prefill.items[curve->prefill.count - 1];
    curve_put(&curve->prefill, 0.0, 2.0 * end->context, 2.0 * end->seconds);
}

static const char *precision_of(const struct curve_job *job, const char *model)
{
    static const char *const names[] = {"w4a16", "w8a8", "fp8"};
    if (job->request.precision != NULL)
        return job->request.precision;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (contains_word(model, names[i]))
            return names[i];
    return "bf16";
}

static void add_curve(struct curve_job *job, const struct load *rows, size_t count)
{
    struct curve curve = {0};
    for (size_t first = 0, last; first < count; first = last) {
        for (last = first; last < count && rows[last].prompt == rows[first].prompt &&
                           rows[last].output == rows[first].output;
             last++)
            continue;
        if (last - first > 1)
            add_points(&curve, rows + first, last - first);
    }
    if (curve.decode.count < 2) {
        free(curve.decode.items);
        curve_left_out(job, curve_text(job, "%.200s on %.60s, tp %.0f: one rate only",
                                       rows[0].model, rows[0].gpu, rows[0].tp));
        return;
    }
    add_prompts(&curve, rows, count);
    struct curve_model *model =
        curve_model_of(job, rows[0].model, precision_of(job, rows[0].model));
    struct curve *to = curve_add(job, model, kind_of(rows[0].gpu), (uint32_t)rows[0].tp);
    curve.gpu = to->gpu;
    curve.tp = to->tp;
    curve.share = to->share;
    *to = curve;
}

bool curves_blis(struct curve_job *job)
{
    job->source = "llm-d planner, BLIS: simulated latencies by rate; the batch of a row is its "
                  "rate times its latency, a prompt's time the least TTFT of its length";
    job->simulated = true;
    struct loads loads = {0};
    bool good = true;
    for (size_t f = 0; f < job->request.files.count && good; f++)
        good = read_loads(job, job->request.files.items[f], &loads);
    if (good && loads.count > 0)
        qsort(loads.items, loads.count, sizeof *loads.items, compare_loads);
    for (size_t first = 0, last; good && first < loads.count; first = last) {
        for (last = first;
             last < loads.count && compare_groups(&loads.items[last], &loads.items[first]) == 0;
             last++)
            continue;
        add_curve(job, loads.items + first, last - first);
    }
    free(loads.items);
    return good;
}
