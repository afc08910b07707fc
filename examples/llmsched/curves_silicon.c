/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mean time to first token (TTFT) and per output token (TPOT), measured under a fixed number of
 * requests: rows of (input length, output length, batch). A prompt's time is the TTFT of the
 * smallest batch; a step's is the TPOT of the shortest input, where least prompts come between
 * the steps, at the mean context input + output / 2.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curves.h"
#include "grid.h"
#include "sheet.h"

/* One cell: the medians of all rows of it. */
struct cell {
    const char *model, *precision, *system;
    double tp, isl, osl, batch, ttft_s, tpot_s;
    bool queued; /* its requests waited for room, so fewer than the batch ran */
};

struct cells {
    struct cell *items;
    size_t count, capacity;
};

enum { NUMBER_COUNT = 6 };

struct columns {
    size_t mode, backend, model, precision, system, pp, dp, numbers[NUMBER_COUNT];
};

static int compare_groups(const struct cell *x, const struct cell *y)
{
    int order = strcmp(x->model, y->model);
    order = order != 0 ? order : strcmp(x->precision, y->precision);
    order = order != 0 ? order : strcmp(x->system, y->system);
    return order != 0 ? order : (x->tp > y->tp) - (x->tp < y->tp);
}

static int compare_cells(const struct cell *x, const struct cell *y)
{
    int order = compare_groups(x, y);
    order = order != 0 ? order : (x->isl > y->isl) - (x->isl < y->isl);
    order = order != 0 ? order : (x->osl > y->osl) - (x->osl < y->osl);
    return order != 0 ? order : (x->batch > y->batch) - (x->batch < y->batch);
}

static int compare_rows(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    int order = compare_cells(x, y);
    order = order != 0 ? order : (x->ttft_s > y->ttft_s) - (x->ttft_s < y->ttft_s);
    return order != 0 ? order : (x->tpot_s > y->tpot_s) - (x->tpot_s < y->tpot_s);
}

/* --- reading -------------------------------------------------------------------------- */

static bool find_columns(const struct sheet *sheet, struct columns *c)
{
    static const char *const numbers[NUMBER_COUNT] = {
        "tp_size", "isl", "osl", "batch_size", "silicon_ttft_ms", "silicon_tpot_ms"};
    for (int i = 0; i < NUMBER_COUNT; i++)
        if (!sheet_need(sheet, numbers[i], &c->numbers[i]))
            return false;
    return sheet_need(sheet, "mode", &c->mode) && sheet_need(sheet, "backend", &c->backend) &&
           sheet_need(sheet, "model_path", &c->model) &&
           sheet_need(sheet, "precision", &c->precision) &&
           sheet_need(sheet, "system", &c->system) && sheet_need(sheet, "pp_size", &c->pp) &&
           sheet_need(sheet, "attention_dp_size", &c->dp);
}

static const char *kind_of(const char *system)
{
    static const char *const kinds[][2] = {{"a100_sxm", "a100-80g"},
                                           {"h100_sxm", "h100-80g"},
                                           {"h200_sxm", "h200-141g"},
                                           {"b200_sxm", "b200-192g"},
                                           {"b300_sxm", "b300-288g"}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i][0], system) == 0)
            return kinds[i][1];
    return system;
}

static bool is_one(const char *text)
{
    return text[0] == '\0' || strcmp(text, "1") == 0;
}

/* One engine that does prefill and decode, split by tensor parallelism alone. */
static bool is_wanted(const struct curve_job *job, const struct sheet *sheet,
                      const struct columns *c, size_t row)
{
    const struct curve_request *r = &job->request;
    return strcmp(sheet_text(sheet, row, c->mode), "agg") == 0 &&
           strcmp(sheet_text(sheet, row, c->backend), r->backend) == 0 &&
           is_one(sheet_text(sheet, row, c->pp)) && is_one(sheet_text(sheet, row, c->dp)) &&
           (r->precision == NULL ||
            strcmp(sheet_text(sheet, row, c->precision), r->precision) == 0) &&
           curve_wants(job, sheet_text(sheet, row, c->model)) &&
           curve_wants_gpu(job, kind_of(sheet_text(sheet, row, c->system)));
}

static bool read_row(struct curve_job *job, const struct sheet *sheet, const struct columns *c,
                     size_t row, struct cells *cells)
{
    double v[NUMBER_COUNT];
    if (!is_wanted(job, sheet, c, row))
        return true;
    for (int i = 0; i < NUMBER_COUNT; i++) {
        bool good = i < 4 ? sheet_count(sheet, row, c->numbers[i], 1.0,
                                        i == 0   ? MOST_TP
                                        : i == 3 ? MOST_BATCH
                                                 : 1e9,
                                        &v[i])
                          : sheet_number(sheet, row, c->numbers[i], 1e-6, 1e12, &v[i]);
        if (!good)
            return false;
    }
    grow((void **)&cells->items, &cells->capacity, cells->count + 1, sizeof *cells->items);
    cells->items[cells->count++] =
        (struct cell){.model = curve_text(job, "%s", sheet_text(sheet, row, c->model)),
                      .precision = curve_text(job, "%s", sheet_text(sheet, row, c->precision)),
                      .system = curve_text(job, "%s", sheet_text(sheet, row, c->system)),
                      .tp = v[0],
                      .isl = v[1],
                      .osl = v[2],
                      .batch = v[3],
                      .ttft_s = v[4] / 1e3,
                      .tpot_s = v[5] / 1e3};
    return true;
}

static bool read_file(struct curve_job *job, const char *path, struct cells *cells)
{
    struct sheet sheet;
    struct columns c;
    if (!sheet_read(path, 0, &sheet, job->problem))
        return false;
    bool good = find_columns(&sheet, &c);
    for (size_t row = 0; row < sheet.rows && good; row++)
        good = read_row(job, &sheet, &c, row, cells);
    sheet_release(&sheet);
    return good;
}

/* Rows of one cell (other versions, dates, splits of experts) become their medians. */
static void merge_rows(struct cells *cells)
{
    double *ttft = allocate(cells->count, sizeof *ttft);
    double *tpot = allocate(cells->count, sizeof *tpot);
    size_t kept = 0;
    if (cells->count > 0)
        qsort(cells->items, cells->count, sizeof *cells->items, compare_rows);
    for (size_t first = 0, last; first < cells->count; first = last) {
        struct cell cell = cells->items[first];
        for (last = first; last < cells->count && compare_cells(&cells->items[last], &cell) == 0;
             last++) {
            ttft[last - first] = cells->items[last].ttft_s;
            tpot[last - first] = cells->items[last].tpot_s;
        }
        cell.ttft_s = median_of(ttft, last - first);
        cell.tpot_s = median_of(tpot, last - first);
        cells->items[kept++] = cell;
    }
    cells->count = kept;
    free(ttft);
    free(tpot);
}

/* --- one curve -------------------------------------------------------------------------- */

/*
 * Where the first token's time grows more than twice as fast as the batch, requests waited for
 * room; so they do at all larger batches. Cells are sorted by lengths, then batch.
 */
static void mark_queued(struct cell *cells, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct cell *before = &cells[i - 1];
        if (cells[i].isl == before->isl && cells[i].osl == before->osl)
            cells[i].queued = before->queued || cells[i].ttft_s / before->ttft_s >
                                                    2.0 * cells[i].batch / before->batch;
    }
}

static void add_prefill(struct curve *curve, const struct cell *cells, size_t count)
{
    struct curve_points points = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && cells[i].isl == cells[i - 1].isl)
            continue;
        double least_batch = INFINITY, seconds = 0.0;
        for (size_t j = i; j < count && cells[j].isl == cells[i].isl; j++)
            if (cells[j].batch < least_batch ||
                (cells[j].batch == least_batch && cells[j].ttft_s < seconds)) {
                least_batch = cells[j].batch;
                seconds = cells[j].ttft_s;
            }
        /* More tokens do not take less time. */
        if (points.count > 0)
            seconds = fmax(seconds, points.items[points.count - 1].seconds);
        curve_put(&points, 0.0, cells[i].isl, seconds);
    }
    /* Down to no tokens by the first line, but not below a fifth of the shortest prompt's time;
     * up to twice the longest prompt in proportion to its length. */
    const struct curve_point *p = points.items;
    double zero = 0.2 * p[0].seconds;
    if (points.count > 1)
        zero = fmax(zero, p[0].seconds - (p[1].seconds - p[0].seconds) /
                                             (p[1].context - p[0].context) * p[0].context);
    curve_put(&curve->prefill, 0.0, 0.0, zero);
    for (size_t i = 0; i < points.count; i++)
        curve_put(&curve->prefill, 0.0, p[i].context, p[i].seconds);
    p = &points.items[points.count - 1];
    curve_put(&curve->prefill, 0.0, 2.0 * p->context, 2.0 * p->seconds);
    free(points.items);
}

/* Down to batch 1 by the first line. */
static double alone_s(const struct cell *series)
{
    double slope = (series[1].tpot_s - series[0].tpot_s) / (series[1].batch - series[0].batch);
    double seconds = series[0].tpot_s - slope * (series[0].batch - 1.0);
    return fmin(series[0].tpot_s, fmax(seconds, series[0].tpot_s / 2.0));
}

static const struct curve_point *find_point(const struct curve_points *points, double batch,
                                            double context)
{
    for (size_t i = 0; i < points->count; i++)
        if (points->items[i].batch == batch && points->items[i].context == context)
            return &points->items[i];
    return NULL;
}

/*
 * A batch that did not fit at this context takes the time of the one before, in the proportion
 * that the two have at the context before; `false` where that is not known either.
 */
static bool carry(const struct curve_points *points, double from, double to, double context,
                  double before, double *seconds)
{
    const struct curve_point *a = find_point(points, from, before);
    const struct curve_point *b = find_point(points, to, before);
    const struct curve_point *here = find_point(points, from, context);
    if (a == NULL || b == NULL || here == NULL)
        return false;
    *seconds = here->seconds * b->seconds / a->seconds;
    return true;
}

static void add_series(struct curve *curve, const struct cell *series, size_t count, double before)
{
    struct curve_points *points = &curve->decode;
    double context = series[0].isl + series[0].osl / 2.0;
    if (series[0].batch > 1.0)
        curve_put(points, 1.0, context, alone_s(series));
    for (size_t i = 0; i < count; i++) {
        double seconds = series[i].tpot_s;
        if (series[i].queued && (i == 0 || !carry(points, series[i - 1].batch, series[i].batch,
                                                  context, before, &seconds)))
            break;
        curve_put(points, series[i].batch, context, seconds);
    }
}

/* More requests or longer contexts do not make a step faster: noise of the measurement. */
static void make_monotone(struct curve_points *points)
{
    for (size_t i = 0; i < points->count; i++)
        for (size_t j = 0; j < i; j++) {
            struct curve_point *p = &points->items[i];
            const struct curve_point *q = &points->items[j];
            if (q->batch <= p->batch && q->context <= p->context)
                p->seconds = fmax(p->seconds, q->seconds);
        }
}

static size_t usable(const struct cell *series, size_t count)
{
    size_t n = 0;
    while (n < count && !series[n].queued)
        n++;
    return n;
}

/* Series of the first input length that has one of two batches or more. */
static bool add_decode(struct curve *curve, const struct cell *cells, size_t count)
{
    double isl = 0.0, before = 0.0;
    for (size_t first = 0, last; first < count; first = last) {
        for (last = first; last < count && cells[last].isl == cells[first].isl &&
                           cells[last].osl == cells[first].osl;
             last++)
            continue;
        if (usable(cells + first, last - first) < 2 ||
            (curve->decode.count > 0 && cells[first].isl != isl))
            continue;
        isl = cells[first].isl;
        add_series(curve, cells + first, last - first, before);
        before = isl + cells[first].osl / 2.0;
    }
    make_monotone(&curve->decode);
    double most = 0.0;
    for (size_t i = 0; i < curve->decode.count; i++)
        most = fmax(most, curve->decode.items[i].batch);
    curve->max_batch = (uint32_t)most;
    return curve->decode.count > 0;
}

static void add_curve(struct curve_job *job, struct cell *cells, size_t count, bool several)
{
    const struct cell *c = &cells[0];
    const char *name = several ? curve_text(job, "%s:%s", c->model, c->precision) : c->model;
    struct curve curve = {0};
    mark_queued(cells, count);
    if (!add_decode(&curve, cells, count)) {
        curve_left_out(job, curve_text(job,
                                       "%.200s on %.60s, tp %.0f: fewer than two batches at "
                                       "one pair of lengths",
                                       c->model, c->system, c->tp));
        return;
    }
    add_prefill(&curve, cells, count);
    struct curve *to = curve_add(job, curve_model_of(job, name, c->precision), kind_of(c->system),
                                 (uint32_t)c->tp);
    curve.gpu = to->gpu;
    curve.tp = to->tp;
    curve.share = to->share;
    *to = curve;
}

/* Cells of one model have more than one precision. */
static bool has_several(const struct cells *cells, const char *model)
{
    const char *first = NULL;
    for (size_t i = 0; i < cells->count; i++) {
        if (strcmp(cells->items[i].model, model) != 0)
            continue;
        if (first != NULL && strcmp(first, cells->items[i].precision) != 0)
            return true;
        first = cells->items[i].precision;
    }
    return false;
}

bool curves_silicon(struct curve_job *job)
{
    job->source = curve_text(
        job,
        "aiconfigurator: TTFT and TPOT measured under %.20s, medians of the rows of a cell; batch "
        "1 "
        "and prompts shorter or up to twice as long as measured are continued lines; a batch that "
        "had to wait for room takes the proportion of the shorter context",
        job->request.backend);
    struct cells cells = {0};
    bool good = true;
    for (size_t f = 0; f < job->request.files.count && good; f++)
        good = read_file(job, job->request.files.items[f], &cells);
    if (good) {
        merge_rows(&cells);
        for (size_t first = 0, last; first < cells.count; first = last) {
            for (last = first;
                 last < cells.count && compare_groups(&cells.items[last], &cells.items[first]) == 0;
                 last++)
                continue;
            add_curve(job, cells.items + first, last - first,
                      has_several(&cells, cells.items[first].model));
        }
    }
    free(cells.items);
    return good;
}
