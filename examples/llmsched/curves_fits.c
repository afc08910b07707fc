/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles that are formulas with fitted coefficients: DistServe's and the fit of MuxServe's. */
#include <math.h>
#include <stdlib.h>

#include "curves.h"
#include "json.h"
#include "sheet.h"

/* --- MuxServe: linear, by share of a GPU's multiprocessors ------------------------------ */

enum { MUX_MODEL, MUX_TP, MUX_SHARE, MUX_A, MUX_B, MUX_C, MUX_D, MUX_E, MUX_COLUMNS };

static bool read_mux_row(struct curve_job *job, const struct sheet *sheet, size_t row,
                         const size_t *column)
{
    /* The fit covers batches up to 256 a GPU. */
    enum { FITTED_BATCH = 256 };
    const char *name = sheet_text(sheet, row, column[MUX_MODEL]);
    double v[MUX_COLUMNS];
    if (!sheet_count(sheet, row, column[MUX_TP], 1.0, MOST_TP, &v[MUX_TP]) ||
        !sheet_number(sheet, row, column[MUX_SHARE], 1.0, 100.0, &v[MUX_SHARE]))
        return false;
    for (int i = MUX_A; i < MUX_COLUMNS; i++)
        if (!sheet_number(sheet, row, column[i], 0.0, 1e9, &v[i]))
            return false;
    if (!curve_wants(job, name))
        return true;
    struct curve_model *model =
        curve_model_of(job, name, job->request.precision != NULL ? job->request.precision : "fp16");
    struct curve *curve = curve_add(job, model, "a100-80g", (uint32_t)v[MUX_TP]);
    curve->share = v[MUX_SHARE] / 100.0;
    curve->max_batch = FITTED_BATCH;
    curve->prefill_base_s = v[MUX_A] / 1e3;
    curve->prefill_per_token_s = v[MUX_B] / 1e3;
    curve->decode_base_s = v[MUX_C] / 1e3;
    curve->decode_per_request_s = v[MUX_D] / 1e3;
    curve->decode_per_request_token_s = v[MUX_E] / 1e3;
    return true;
}

static bool read_mux(struct curve_job *job, const struct sheet *sheet)
{
    static const char *const names[MUX_COLUMNS] = {"model",
                                                   "tp",
                                                   "sm_pct",
                                                   "prefill_a_ms",
                                                   "prefill_b_ms_per_tok",
                                                   "decode_c_ms",
                                                   "decode_d_ms_per_seq",
                                                   "decode_e_ms_per_kvtok"};
    size_t column[MUX_COLUMNS];
    for (int i = 0; i < MUX_COLUMNS; i++)
        if (!sheet_need(sheet, names[i], &column[i]))
            return false;
    for (size_t row = 0; row < sheet->rows; row++)
        if (!read_mux_row(job, sheet, row, column))
            return false;
    return true;
}

bool curves_muxserve(struct curve_job *job)
{
    job->source = "muxserve_fit: least-squares fit to MuxServe's measured latencies by tensor "
                  "parallelism and share of the multiprocessors, LLaMA on A100-80G, contexts 32 "
                  "to 512; beyond, the fit is continued";
    bool good = true;
    for (size_t f = 0; f < job->request.files.count && good; f++) {
        struct sheet sheet;
        good = sheet_read(job->request.files.items[f], 0, &sheet, job->problem);
        good = good && read_mux(job, &sheet);
        sheet_release(&sheet);
    }
    return good;
}

/* --- DistServe: quadratic prefill, decode by two formulas ------------------------------------ */

enum { MOST_TOKENS = 2048, MOST_DECODE = 256 };

static bool get_coefficients(const struct place *place, const cJSON *object, const char *key,
                             double *to)
{
    const cJSON *array;
    if (!json_get_array(place, object, key, &array))
        return false;
    for (int i = 0; i < 3; i++) {
        const cJSON *item = cJSON_GetArrayItem(array, i);
        if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) <= 1e9))
            return json_expected(place, key, "three numbers of at most 1e9");
        to[i] = item->valuedouble;
    }
    return cJSON_GetArraySize(array) == 3 ? true : json_expected(place, key, "three numbers");
}

static double formula_s(const double *c, double x, double y)
{
    return (c[0] + c[1] * x + c[2] * y) / 1e3;
}

/* The quadratic at steps of 128 tokens: between them the line is off by c 128^2 / 4. */
static bool add_prefill(struct curve *curve, const double *c)
{
    bool good = true;
    for (int n = 0; n <= MOST_TOKENS; n += 128) {
        double s = formula_s(c, n, (double)n * n);
        good = good && s > 0.0;
        curve_put(&curve->prefill, 0.0, n, s);
    }
    return good;
}

/* Exact: each formula is linear along the context and along the batch. */
static bool add_decode(struct curve *curve, const double *small, const double *large,
                       double threshold)
{
    const double batches[] = {1.0, threshold - 1.0, threshold, MOST_DECODE};
    bool good = true;
    for (size_t b = 0; b < COUNT_OF(batches); b++) {
        if (b > 0 && batches[b] <= batches[b - 1])
            continue;
        const double *c = batches[b] < threshold ? small : large;
        for (int i = 0; i < 2; i++) {
            double context = i == 0 ? 1.0 : MOST_TOKENS;
            double s = formula_s(c, batches[b] * context, batches[b]);
            good = good && s > 0.0;
            curve_put(&curve->decode, batches[b], context, s);
        }
    }
    return good;
}

static bool read_degree(struct curve_job *job, struct curve_model *model, const struct place *place,
                        const cJSON *json)
{
    double prefill[3], small[3], large[3], threshold;
    char *end;
    unsigned long tp = strtoul(json->string, &end, 10);
    if (tp < 1 || tp > 1024 || *end != '\0')
        return json_expected(place, json->string, "a tensor-parallel degree");
    if (!cJSON_IsObject(json))
        return json_expected(place, json->string, "an object");
    if (!get_coefficients(place, json, "prefill", prefill) ||
        !get_coefficients(place, json, "decoding_smallbs", small) ||
        !get_coefficients(place, json, "decoding_largebs", large) ||
        !json_get_integer(place, json, "decoding_large_small_bs_threshold", 2.0, MOST_DECODE,
                          &threshold))
        return false;
    struct curve *curve = curve_add(job, model, "a100-80g", (uint32_t)tp);
    curve->max_batch = MOST_DECODE;
    bool good = add_prefill(curve, prefill);
    good = add_decode(curve, small, large, threshold) && good;
    return good ? true : json_expected(place, "prefill", "coefficients that give positive times");
}

static bool read_distserve(struct curve_job *job, const cJSON *json, struct place *place)
{
    if (!cJSON_IsObject(json))
        return json_expected(place, "", "an object of models");
    for (const cJSON *m = json->child; m != NULL; m = m->next) {
        if (!cJSON_IsObject(m))
            return json_expected(place, m->string, "an object of degrees");
        if (!curve_wants(job, m->string))
            continue;
        struct curve_model *model = curve_model_of(
            job, m->string, job->request.precision != NULL ? job->request.precision : "fp16");
        for (const cJSON *degree = m->child; degree != NULL; degree = degree->next) {
            snprintf(place->where, sizeof place->where, "%.30s.%.10s", m->string, degree->string);
            if (!read_degree(job, model, place, degree))
                return false;
        }
    }
    return true;
}

bool curves_distserve(struct curve_job *job)
{
    job->source = "distserve: formulas that DistServe's simulator fitted to measurements, OPT on "
                  "A100-80G; exact for decode, within 0.4 % for prefill; prompts and contexts up "
                  "to 2048, batches up to 256";
    if (job->request.files.count != 1)
        return bad_input(job->problem, "FILE: expected one profiler-*.json, since several engines "
                                       "have the same models");
    const char *path = job->request.files.items[0];
    char *text = NULL;
    size_t length;
    if (!unpack_text(path, &text, &length, job->problem))
        return false;
    struct place place = {.path = path, .text = text, .problem = job->problem};
    cJSON *json = json_parse(text, length, &place);
    bool good = json != NULL && read_distserve(job, json, &place);
    cJSON_Delete(json);
    free(text);
    return good;
}
