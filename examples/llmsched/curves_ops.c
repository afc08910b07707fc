/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators measured alone, put together to steps of a dense decoder at tensor parallelism t:
 *   layers * (qkv + attention + o + gate_up + down + 2 all-reduces of tokens * hidden) + lm_head
 * (aiconfigurator), or layers * (all operators but attention, + attention + 2 all-reduces)
 * (Vidur, whose attention comes from aiconfigurator's tables). What lies between the operators is
 * not in it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curves.h"
#include "grid.h"
#include "sheet.h"

/* All rows of one kind of file, filtered when a grid is made. */
struct op_table {
    struct sheet *sheets;
    size_t count, capacity;
};

struct ops {
    struct curve_job *job;
    struct op_table gemm, prefill_attention, decode_attention, all_reduce; /* aiconfigurator */
    struct op_table layer, network;                                        /* Vidur */
    const char *system; /* of the aiconfigurator files: "a100_sxm", ... */
};

/* Grids of one tensor-parallel degree. */
struct parts {
    const struct architecture *a;
    double tp;
    double scale; /* of all-reduce: its size per token and hidden feature */
    struct grid gemm, prefill_attention, decode_attention, all_reduce, layer;
    bool measured_layer; /* the operators of a layer are in `layer`, not in `gemm` */
};

/* --- reading -------------------------------------------------------------------------- */

static bool add_sheet(struct ops *ops, const char *path)
{
    struct sheet sheet;
    if (!sheet_read(path, 0, &sheet, ops->job->problem))
        return false;
    const struct {
        const char *column;
        struct op_table *table;
    } kinds[] = {{"gemm_dtype", &ops->gemm},
                 {"step", &ops->decode_attention},
                 {"num_key_value_heads", &ops->prefill_attention},
                 {"message_size", &ops->all_reduce},
                 {"num_tensor_parallel_workers", &ops->layer},
                 {"devices_per_node", &ops->network}};
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        if (sheet_column(&sheet, kinds[k].column) != SIZE_MAX) {
            struct op_table *table = kinds[k].table;
            grow((void **)&table->sheets, &table->capacity, table->count + 1,
                 sizeof *table->sheets);
            table->sheets[table->count++] = sheet;
            return true;
        }
    sheet_release(&sheet);
    return bad_input(ops->job->problem,
                     "%s:1: header: expected the columns of a table of operators", path);
}

static void release_table(struct op_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        sheet_release(&table->sheets[i]);
    free(table->sheets);
}

static void ops_release(struct ops *ops)
{
    release_table(&ops->gemm);
    release_table(&ops->prefill_attention);
    release_table(&ops->decode_attention);
    release_table(&ops->all_reduce);
    release_table(&ops->layer);
    release_table(&ops->network);
}

static bool ops_read(struct ops *ops)
{
    const struct values *files = &ops->job->request.files;
    for (size_t f = 0; f < files->count; f++)
        if (!add_sheet(ops, files->items[f]))
            return false;
    return true;
}

/* What rows a grid takes: text columns of one value, number columns of one value. */
struct filter {
    const char *text_column, *text;
    const char *number_columns[2];
    double numbers[2];
};

static bool matches(const struct sheet *sheet, size_t row, const struct filter *filter, bool *keep)
{
    size_t column;
    double value;
    *keep = true;
    if (filter->text_column != NULL) {
        if (!sheet_need(sheet, filter->text_column, &column))
            return false;
        *keep = strcmp(sheet_text(sheet, row, column), filter->text) == 0;
    }
    for (int i = 0; i < 2; i++) {
        if (filter->number_columns[i] == NULL)
            continue;
        if (!sheet_need(sheet, filter->number_columns[i], &column) ||
            !sheet_number(sheet, row, column, 0.0, 1e12, &value))
            return false;
        *keep = *keep && value == filter->numbers[i];
    }
    return true;
}

/* Axes by column names; value columns are summed. */
static bool make_grid(const struct op_table *table, const struct filter *filter,
                      const char *const axes[3], const char *const *values, size_t value_count,
                      struct grid *grid)
{
    struct grid_sample *samples = NULL;
    size_t count = 0, capacity = 0, column;
    bool good = true, keep;
    for (size_t s = 0; s < table->count && good; s++)
        for (size_t row = 0; row < table->sheets[s].rows && good; row++) {
            const struct sheet *sheet = &table->sheets[s];
            good = matches(sheet, row, filter, &keep);
            if (!good || !keep)
                continue;
            struct grid_sample sample = {{0}, 0.0};
            for (int a = 0; a < 3 && good; a++)
                good =
                    axes[a] == NULL || (sheet_need(sheet, axes[a], &column) &&
                                        sheet_number(sheet, row, column, 0.0, 1e12, &sample.at[a]));
            for (size_t v = 0; v < value_count && good; v++) {
                double ms = 0.0;
                good = sheet_need(sheet, values[v], &column) &&
                       sheet_number(sheet, row, column, 0.0, 1e9, &ms);
                sample.value += ms;
            }
            grow((void **)&samples, &capacity, count + 1, sizeof *samples);
            samples[count++] = sample;
        }
    if (good && !grid_make(grid, samples, count))
        good = bad_input(table->sheets[0].problem,
                         "%s: rows: expected them on a grid of at most 1e7 places",
                         table->sheets[0].path);
    free(samples);
    return good;
}

static const char *const LATENCY[] = {"latency_ms"};

/* Heads of a GPU; keys and values are repeated where there are fewer of them than GPUs. */
static double kv_heads(const struct parts *p)
{
    return fmax(1.0, p->a->kv_heads / p->tp);
}

static bool make_attention(struct ops *ops, struct parts *p)
{
    const char *const prefill_axes[3] = {"batch_size", "isl", NULL};
    const char *const decode_axes[3] = {"batch_size", "step", NULL};
    const struct filter filter = {.text_column = "kv_cache_dtype",
                                  .text = "bfloat16",
                                  .number_columns = {"num_heads", "num_key_value_heads"},
                                  .numbers = {p->a->heads / p->tp, kv_heads(p)}};
    return make_grid(&ops->prefill_attention, &filter, prefill_axes, LATENCY, 1,
                     &p->prefill_attention) &&
           make_grid(&ops->decode_attention, &filter, decode_axes, LATENCY, 1,
                     &p->decode_attention);
}

static void parts_release(struct parts *p)
{
    grid_release(&p->gemm);
    grid_release(&p->prefill_attention);
    grid_release(&p->decode_attention);
    grid_release(&p->all_reduce);
    grid_release(&p->layer);
}

/* --- composing ------------------------------------------------------------------------ */

/* A product wider than the table is worked in equal slices of its columns. */
static double gemm_ms(const struct parts *p, double m, double n, double k)
{
    const struct grid *g = &p->gemm;
    if (g->counts[1] == 0)
        return NAN;
    double slices = ceil(n / g->axes[1][g->counts[1] - 1]);
    return slices * grid_at(g, m, n / slices, k);
}

static double all_reduce_ms(const struct parts *p, double tokens)
{
    return p->tp > 1.0 ? grid_at(&p->all_reduce, tokens * p->a->hidden * p->scale, 0.0, 0.0) : 0.0;
}

/* All of a layer but attention. */
static double layer_ms(const struct parts *p, double tokens)
{
    const struct architecture *a = p->a;
    double reduce = 2.0 * all_reduce_ms(p, tokens);
    if (p->measured_layer)
        return grid_at(&p->layer, tokens, 0.0, 0.0) + reduce;
    double qkv = (a->heads / p->tp + 2.0 * kv_heads(p)) * a->head_dim;
    return gemm_ms(p, tokens, qkv, a->hidden) +
           gemm_ms(p, tokens, a->hidden, a->heads * a->head_dim / p->tp) +
           gemm_ms(p, tokens, 2.0 * a->ffn / p->tp, a->hidden) +
           gemm_ms(p, tokens, a->hidden, a->ffn / p->tp) + reduce;
}

/* Logits are needed of the last token of each request only; Vidur did not measure them. */
static double head_ms(const struct parts *p, double requests)
{
    return p->measured_layer ? 0.0 : gemm_ms(p, requests, p->a->vocabulary / p->tp, p->a->hidden);
}

static double prefill_ms(const struct curve_steps *steps, double tokens)
{
    const struct parts *p = steps->parts;
    return p->a->layers * (layer_ms(p, tokens) + grid_at(&p->prefill_attention, 1.0, tokens, 0.0)) +
           head_ms(p, 1.0);
}

static double decode_ms(const struct curve_steps *steps, double batch, double context)
{
    const struct parts *p = steps->parts;
    return p->a->layers *
               (layer_ms(p, batch) + grid_at(&p->decode_attention, batch, context, 0.0)) +
           head_ms(p, batch);
}

static void add_composed(struct curve_job *job, struct curve_model *model, const char *gpu,
                         struct parts *p)
{
    const struct curve_steps steps = {
        .parts = p, .prefill_ms = prefill_ms, .decode_ms = decode_ms, .most_tokens = INFINITY};
    struct curve *curve = curve_add(job, model, gpu, (uint32_t)p->tp);
    if (curve_compose(curve, &steps))
        return;
    curve_left_out(job, curve_text(job,
                                   "%.200s, tp %.0f: an operator was not measured at these "
                                   "shapes",
                                   model->name, p->tp));
    free(curve->prefill.items);
    free(curve->decode.items);
    model->count--;
}

/* --- aiconfigurator ----------------------------------------------------------------------- */

static bool make_parts(struct ops *ops, const char *gemm_dtype, struct parts *p)
{
    const char *const gemm_axes[3] = {"m", "n", "k"};
    const char *const reduce_axes[3] = {"message_size", NULL, NULL};
    const struct filter gemm = {.text_column = "gemm_dtype", .text = gemm_dtype};
    const struct filter reduce = {.text_column = "backend",
                                  .text = "vllm_graph",
                                  .number_columns = {"num_gpus", NULL},
                                  .numbers = {p->tp, 0.0}};
    p->scale = 1.0;
    return make_grid(&ops->gemm, &gemm, gemm_axes, LATENCY, 1, &p->gemm) &&
           make_grid(&ops->all_reduce, &reduce, reduce_axes, LATENCY, 1, &p->all_reduce) &&
           make_attention(ops, p);
}

static bool has_all(const struct ops *ops)
{
    const struct {
        const struct op_table *table;
        const char *what;
    } tables[] = {{&ops->gemm, "gemm"},
                  {&ops->prefill_attention, "context_attention"},
                  {&ops->decode_attention, "generation_attention"},
                  {&ops->all_reduce, "custom_allreduce"}};
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (tables[i].table->count == 0)
            return bad_input(ops->job->problem,
                             "FILE: expected also the file *_%s_perf.csv of the same GPU",
                             tables[i].what);
    return true;
}

/* By the file's name, when --gpu does not say. */
static const char *gpu_by_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    static const char *const kinds[][2] = {
        {"a100", "a100-80g"}, {"h100", "h100-80g"}, {"h200", "h200-141g"}, {"b200", "b200-192g"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (contains_word(name, kinds[i][0]))
            return kinds[i][1];
    return NULL;
}

static bool is_dense(const struct architecture *a)
{
    return a != NULL && a->hidden > 0.0 && a->heads > 0.0 && a->ffn > 0.0 && a->vocabulary > 0.0;
}

static bool compose_ops(struct ops *ops, const char *gpu)
{
    struct curve_job *job = ops->job;
    const char *precision = job->request.precision != NULL ? job->request.precision : "bfloat16";
    const char *dtype = strcmp(precision, "bf16") == 0 ? "bfloat16" : precision;
    const struct architecture *a = curve_architecture(job, job->request.model);
    if (!is_dense(a))
        return bad_input(job->problem,
                         "--model: expected a dense one that is built in, or --layers, --hidden, "
                         "--heads, --kv-heads, --ffn and --vocabulary");
    struct curve_model *model = curve_model_of(job, job->request.model, precision);
    for (double tp = 1.0; tp <= 8.0; tp *= 2.0) {
        struct parts p = {.a = a, .tp = tp};
        bool good = make_parts(ops, dtype, &p);
        if (good)
            add_composed(job, model, gpu, &p);
        parts_release(&p);
        if (!good)
            return false;
    }
    return true;
}

bool curves_ops(struct curve_job *job)
{
    struct ops ops = {.job = job};
    const char *gpu =
        job->request.gpu != NULL ? job->request.gpu : gpu_by_name(job->request.files.items[0]);
    job->source = "aiconfigurator: operators measured alone under vLLM, put together: norms, "
                  "activations, sampling and the host are not in it";
    if (job->request.model == NULL)
        return bad_input(job->problem, "--model: expected, for the shapes to put together");
    if (gpu == NULL)
        return bad_input(job->problem, "--gpu: expected, as the file's name does not say it");
    bool good = ops_read(&ops) && has_all(&ops) && compose_ops(&ops, gpu);
    ops_release(&ops);
    return good;
}

/* --- Vidur ---------------------------------------------------------------------------------- */

static const char *const LAYER_OPS[] = {"time_stats.input_layernorm.median",
                                        "time_stats.attn_pre_proj.median",
                                        "time_stats.attn_rope.median",
                                        "time_stats.attn_post_proj.median",
                                        "time_stats.post_attention_layernorm.median",
                                        "time_stats.mlp_up_proj.median",
                                        "time_stats.mlp_act.median",
                                        "time_stats.mlp_down_proj.median",
                                        "time_stats.add.median"};
static const char *const REDUCE_OP[] = {"time_stats.all_reduce.median"};

static bool make_vidur_parts(struct ops *ops, struct parts *p)
{
    const char *const layer_axes[3] = {"num_tokens", NULL, NULL};
    const char *const reduce_axes[3] = {"size", NULL, NULL};
    const struct filter layer = {.number_columns = {"num_tensor_parallel_workers", NULL},
                                 .numbers = {p->tp, 0.0}};
    /* Within one node. */
    const struct filter reduce = {.number_columns = {"num_workers", "devices_per_node"},
                                  .numbers = {p->tp, p->tp}};
    p->measured_layer = true;
    p->scale = 2.0; /* bytes of a number */
    return make_grid(&ops->layer, &layer, layer_axes, LAYER_OPS, COUNT_OF(LAYER_OPS), &p->layer) &&
           make_grid(&ops->network, &reduce, reduce_axes, REDUCE_OP, 1, &p->all_reduce) &&
           make_attention(ops, p);
}

/* The shapes stand in the file, in its first row. */
static bool vidur_shapes(struct ops *ops, const struct architecture *known, struct architecture *a)
{
    static const char *const names[] = {"n_head", "n_kv_head", "n_embd", "n_expanded_embd",
                                        "vocab_size"};
    const struct sheet *sheet = &ops->layer.sheets[0];
    double v[COUNT_OF(names)];
    size_t column;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!sheet_need(sheet, names[i], &column) ||
            !sheet_number(sheet, 0, column, 1.0, 1e9, &v[i]))
            return false;
    *a = *known;
    a->heads = v[0];
    a->kv_heads = v[1];
    a->hidden = v[2];
    a->ffn = v[3];
    a->vocabulary = v[4];
    return true;
}

static bool compose_vidur(struct ops *ops)
{
    struct curve_job *job = ops->job;
    const char *path = ops->layer.sheets[0].path;
    const char *name = job->request.model != NULL ? job->request.model : path;
    const struct architecture *known = curve_architecture(job, name);
    const char *gpu = gpu_by_name(path);
    struct architecture a;
    if (known == NULL)
        return bad_input(job->problem, "--model: expected one that is built in, or --layers");
    if (gpu == NULL && job->request.gpu == NULL)
        return bad_input(job->problem, "--gpu: expected, as the file's name does not say it");
    if (!vidur_shapes(ops, known, &a))
        return false;
    struct curve_model *model =
        curve_model_of(job, job->request.model != NULL ? name : known->name,
                       job->request.precision != NULL ? job->request.precision : "fp16");
    for (double tp = 1.0; tp <= 8.0; tp *= 2.0) {
        struct parts p = {.a = &a, .tp = tp};
        bool good = make_vidur_parts(ops, &p);
        if (good)
            add_composed(job, model, gpu != NULL ? gpu : "", &p);
        parts_release(&p);
        if (!good)
            return false;
    }
    return true;
}

bool curves_vidur(struct curve_job *job)
{
    struct ops ops = {.job = job};
    job->source = "vidur: operators of a layer and all-reduce measured alone, put together with "
                  "attention as aiconfigurator measured it under vLLM: embedding, "
                  "logits, sampling and the host are not in it";
    bool good = ops_read(&ops);
    if (good && (ops.layer.count != 1 || ops.network.count == 0))
        good = bad_input(job->problem,
                         "FILE: expected one compute_*_mlp.csv and a network_*_all_reduce.csv");
    if (good && (ops.prefill_attention.count == 0 || ops.decode_attention.count == 0))
        good = bad_input(job->problem,
                         "FILE: expected attention too, which Vidur's files lack: "
                         "*_context_attention_perf.csv and *_generation_attention_perf.csv of "
                         "aiconfigurator, of the same GPU");
    good = good && compose_vidur(&ops);
    ops_release(&ops);
    return good;
}
