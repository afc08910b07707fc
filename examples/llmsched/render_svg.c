/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of a plan: a box for each GPU, domains as panels, and in a box three bars for memory,
 * compute and bandwidth, cut into the replicas that run there. Small clusters have names in the
 * bars, large ones the numbers of the legend.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "placement.h"
#include "report.h"
#include "utf8.h"

/* Of bars in a box. */
enum { BAR_MEMORY, BAR_COMPUTE, BAR_BANDWIDTH, BAR_COUNT };
static const char *const BAR_NAMES[BAR_COUNT] = {"mem", "sm", "bw"};
static const double GIB = 1073741824.0;

enum {
    DETAILED_GPUS = 64,
    MARGIN = 16,
    PANEL_HEAD = 22,
    PANEL_PAD = 8,
    LEGEND_ROW = 18,
    LEGEND_COLUMN = 400
};

struct svg_map {
    const struct placement *p;
    FILE *file;
    bool detailed;
    int box_w, box_h, gap, bar_h, bar_step, head, text;
    int label_w, value_w; /* left and right of a bar */
    uint32_t per_row;     /* boxes in a row of a panel */
    uint32_t columns;     /* panels side by side */
    uint32_t *sizes;      /* GPUs of each domain */
    int *row_top;         /* of each row of panels */
    int panel_w, legend_columns, legend_h, width, height;
};

/* --- sizes --------------------------------------------------------------------------------- */

static void choose_scale(struct svg_map *s)
{
    s->detailed = s->p->info.gpu_count <= DETAILED_GPUS;
    if (s->detailed) {
        s->box_w = 232;
        s->box_h = 84;
        s->gap = 8;
        s->bar_h = 16;
        s->bar_step = 20;
        s->head = 20;
        s->text = 11;
        s->label_w = 30;
        s->value_w = 62;
    } else {
        s->box_w = 92;
        s->box_h = 50;
        s->gap = 4;
        s->bar_h = 9;
        s->bar_step = 11;
        s->head = 13;
        s->text = 9;
        s->label_w = 2;
        s->value_w = 2;
    }
}

static int panel_height(const struct svg_map *s, uint32_t domain)
{
    int rows = (int)((s->sizes[domain] + s->per_row - 1) / s->per_row);
    return PANEL_HEAD + rows * (s->box_h + s->gap) + PANEL_PAD;
}

/* As many panels side by side as make the page about 1.6 times as wide as high. */
static void choose_columns(struct svg_map *s)
{
    uint32_t widest = 1, most = s->detailed ? 4 : 8;
    double area = 0.0;
    for (uint32_t d = 0; d < s->p->domain_count; d++)
        widest = s->sizes[d] > widest ? s->sizes[d] : widest;
    /* A domain of many rows is made as wide as the page will be. */
    uint32_t wide = (uint32_t)ceil(sqrt(1.6 * widest * (s->box_h + s->gap) / (s->box_w + s->gap)));
    most = wide > most ? wide : most;
    s->per_row = widest < most ? widest : most;
    s->panel_w = (int)s->per_row * (s->box_w + s->gap) - s->gap + 2 * PANEL_PAD;
    for (uint32_t d = 0; d < s->p->domain_count; d++)
        area += (double)s->panel_w * (panel_height(s, d) + MARGIN);
    double columns = round(sqrt(1.6 * area) / s->panel_w);
    s->columns = (uint32_t)fmin(fmax(1.0, columns), fmax(1.0, s->p->domain_count));
    s->width = 2 * MARGIN + (int)s->columns * (s->panel_w + MARGIN) - MARGIN;
    s->width = s->width < 640 ? 640 : s->width;
}

static void place_panels(struct svg_map *s)
{
    const struct placement *p = s->p;
    s->legend_columns = (s->width - 2 * MARGIN) / LEGEND_COLUMN;
    int rows = ((int)p->info.model_count + s->legend_columns - 1) / s->legend_columns;
    s->legend_h = 64 + rows * LEGEND_ROW;
    int y = s->legend_h;
    for (uint32_t first = 0; first < p->domain_count; first += s->columns) {
        int highest = 0;
        s->row_top[first / s->columns] = y;
        for (uint32_t d = first; d < p->domain_count && d < first + s->columns; d++)
            highest = panel_height(s, d) > highest ? panel_height(s, d) : highest;
        y += highest + MARGIN;
    }
    s->height = y + 4;
}

/* --- text ----------------------------------------------------------------------------------- */

/* Without what XML has no room for: controls, non-characters, bytes that are not UTF-8. */
static void put_text(const struct svg_map *s, const char *text, size_t most)
{
    const unsigned char *c = (const unsigned char *)text;
    for (size_t kept = 0; *c != '\0' && kept < most; kept++) {
        char character[5] = {0};
        const unsigned char *start = c;
        uint32_t code = utf8_take(&c);
        if (code < 0x20 || code == 0x7F || code == 0xFFFD || (code & 0xFFFE) == 0xFFFE)
            fputs("\xEF\xBF\xBD", s->file);
        else
            html_text(s->file, memcpy(character, start, (size_t)(c - start)));
    }
}

/* As much of a name as fits, at about 0.62 of the size a character. */
static void put_fitting(const struct svg_map *s, const char *text, double room, int size)
{
    size_t fits = room > 0.0 ? (size_t)(room / (0.62 * size)) : 0, count = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; count++)
        (void)utf8_take(&c);
    if (count <= fits) {
        put_text(s, text, count);
    } else if (fits > 1) {
        put_text(s, text, fits - 1);
        fputs("\xE2\x80\xA6", s->file);
    }
}

/* Light enough for dark text; neighbours differ. */
static void put_colour(const struct svg_map *s, uint32_t model)
{
    static const int lightness[] = {72, 82, 64};
    uint32_t count = s->p->info.model_count;
    fprintf(s->file, "hsl(%u,62%%,%d%%)", (uint32_t)((model * 360ull / count + 205) % 360),
            lightness[model % 3]);
}

/* --- boxes ------------------------------------------------------------------------------------ */

static double part_of(const struct svg_map *s, uint32_t gpu, uint32_t replica, int bar)
{
    const llmsched_plan_model *m = &s->p->models[s->p->replicas[replica].model];
    switch (bar) {
    case BAR_MEMORY:
        return m->memory_bytes / s->p->gpus[gpu].memory_bytes;
    case BAR_COMPUTE:
        return m->share;
    default:
        return m->bandwidth;
    }
}

static void put_title(const struct svg_map *s, uint32_t gpu, uint32_t replica)
{
    const llmsched_plan_model *m = &s->p->models[s->p->replicas[replica].model];
    fputs("<title>", s->file);
    put_text(s, m->model, SIZE_MAX);
    fprintf(s->file, " #%u: tp %u, %.1f GiB, share %.3g, bandwidth %.3g on ",
            replica_rank(s->p, replica), m->tp, m->memory_bytes / GIB, m->share, m->bandwidth);
    put_text(s, s->p->gpus[gpu].id, SIZE_MAX);
    fputs("</title>", s->file);
}

/* The name without its owner, where five letters of it fit; else the number of the legend. */
static void put_segment_text(const struct svg_map *s, uint32_t replica, int bar, double x, double y,
                             double width)
{
    uint32_t model = s->p->replicas[replica].model;
    int size = s->detailed ? 10 : 8;
    if (width < 9.0 || (!s->detailed && bar == BAR_BANDWIDTH))
        return;
    fprintf(s->file, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\"", x + width / 2.0 - 0.3,
            y + s->bar_h - (s->detailed ? 4.5 : 1.7), size);
    fputs(" text-anchor=\"middle\">", s->file);
    if (s->detailed && width > 42.0) {
        const char *slash = strrchr(s->p->models[model].model, '/');
        char *name = format_text("%s #%u", slash != NULL ? slash + 1 : s->p->models[model].model,
                                 replica_rank(s->p, replica));
        put_fitting(s, name, width - 8.0, size);
        free(name);
    } else {
        fprintf(s->file, "%u", model + 1);
    }
    fputs("</text>", s->file);
}

static void put_segment(const struct svg_map *s, uint32_t gpu, uint32_t replica, int bar, double x,
                        double y, double width)
{
    uint32_t model = s->p->replicas[replica].model;
    fputs("<g>", s->file);
    put_title(s, gpu, replica);
    fprintf(s->file, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"", x, y,
            fmax(width - 0.7, 0.5), s->bar_h);
    put_colour(s, model);
    fputs("\"/>", s->file);
    put_segment_text(s, replica, bar, x, y, width);
    fputs("</g>\n", s->file);
}

/* The used part in words, at the right of a bar. */
static void put_value(const struct svg_map *s, uint32_t gpu, int bar, double x, double y)
{
    const llmsched_plan_gpu *g = &s->p->gpus[gpu];
    fprintf(s->file,
            "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" font-size=\"10\">", x,
            y + s->bar_h - 4.5);
    if (bar == BAR_MEMORY)
        fprintf(s->file, "%.0f/%.0f GiB", g->used_bytes / GIB, g->memory_bytes / GIB);
    else
        fprintf(s->file, "%.0f %%",
                100.0 * (bar == BAR_COMPUTE ? g->used_share : g->used_bandwidth));
    fputs("</text>", s->file);
}

/* What is above the whole is drawn to scale with the whole in front of it. */
static void put_bar(const struct svg_map *s, uint32_t gpu, int bar, double x, double y)
{
    const struct residents *r = &s->p->residents;
    double room = s->box_w - s->label_w - s->value_w - 8, sum = 0.0;
    double left = x + 4 + s->label_w, at = left;
    for (uint32_t i = r->first[gpu]; i < r->first[gpu + 1]; i++)
        sum += part_of(s, gpu, r->replicas[i], bar);
    if (s->detailed) {
        fprintf(s->file, "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" font-size=\"10\">%s</text>",
                x + 6, y + s->bar_h - 4.5, BAR_NAMES[bar]);
        put_value(s, gpu, bar, x + s->box_w - 5, y);
    }
    fprintf(s->file, "<rect class=\"rail\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n",
            left, y, room, s->bar_h);
    for (uint32_t i = r->first[gpu]; i < r->first[gpu + 1]; i++) {
        double width = room * part_of(s, gpu, r->replicas[i], bar) / fmax(1.0, sum);
        put_segment(s, gpu, r->replicas[i], bar, at, y, width);
        at += width;
    }
    if (sum > 1.0 + 1e-9)
        fprintf(s->file, "<line class=\"over\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                left + room / sum, left + room / sum, y - 1, y + s->bar_h + 1);
}

static bool is_crowded(const llmsched_plan_gpu *g)
{
    return g->used_share > 1.0 + 1e-9 || g->used_bandwidth > 1.0 + 1e-9 ||
           g->used_bytes > g->memory_bytes;
}

static void put_box(const struct svg_map *s, uint32_t gpu, double x, double y)
{
    const llmsched_plan_gpu *g = &s->p->gpus[gpu];
    fprintf(s->file,
            "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"4\"/>",
            g->replicas == 0 ? "free"
            : is_crowded(g)  ? "box crowded"
                             : "box",
            x, y, s->box_w, s->box_h);
    fprintf(s->file, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" class=\"id\">", x + 6,
            y + s->head - 6 + !s->detailed * 2, s->text);
    put_fitting(s, g->id, s->box_w * (s->detailed ? 0.5 : 0.9), s->text);
    fputs("</text>", s->file);
    if (s->detailed) {
        fprintf(s->file,
                "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" font-size=\"10\" text-anchor=\"end\">",
                x + s->box_w - 5, y + s->head - 6.0);
        put_fitting(s, g->kind, s->box_w * 0.45, 10);
        fputs("</text>", s->file);
    }
    fputc('\n', s->file);
    for (int bar = 0; bar < BAR_COUNT; bar++)
        put_bar(s, gpu, bar, x, y + s->head + bar * s->bar_step);
}

/* --- the page ------------------------------------------------------------------------------------
 */

static void put_style(const struct svg_map *s)
{
    fprintf(s->file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
            "%d\" font-family=\"system-ui, DejaVu Sans, sans-serif\" role=\"img\" "
            "aria-label=\"Placement of a plan's replicas\">\n<style>text{fill:#1b2027}"
            ".soft{fill:#68727d}.id{font-weight:600}.panel{fill:#f3f5f7;stroke:#d5dbe1}"
            ".box{fill:#fff;stroke:#aab4be}.crowded{stroke:#c62828;stroke-width:2}"
            ".free{fill:#fafbfc;stroke:#d5dbe1;stroke-dasharray:3 3}.rail{fill:#e6eaee}"
            ".over{stroke:#c62828;stroke-width:2}</style>\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
            s->width, s->height, s->width, s->height, s->width, s->height);
}

static void put_legend(const struct svg_map *s)
{
    const struct placement *p = s->p;
    fprintf(
        s->file,
        "<text x=\"%d\" y=\"26\" font-size=\"16\" class=\"id\">%u models, %u replicas on %u of "
        "%u GPUs</text>\n<text x=\"%d\" y=\"44\" font-size=\"11\" class=\"soft\">Bars of a GPU: "
        "memory, compute (share of the multiprocessors), memory bandwidth. Red: more than "
        "there is.</text>\n",
        MARGIN, p->info.model_count, p->info.replica_count, p->info.touched_gpus, p->info.gpu_count,
        MARGIN);
    for (uint32_t m = 0; m < p->info.model_count; m++) {
        int x = MARGIN + (int)(m % (uint32_t)s->legend_columns) * LEGEND_COLUMN;
        int y = 54 + (int)(m / (uint32_t)s->legend_columns) * LEGEND_ROW;
        fprintf(s->file, "<rect x=\"%d\" y=\"%d\" width=\"22\" height=\"12\" fill=\"", x, y);
        put_colour(s, m);
        fprintf(s->file,
                "\"/><text x=\"%d\" y=\"%d\" font-size=\"9\" text-anchor=\"middle\">%u</text>"
                "<text x=\"%d\" y=\"%d\" font-size=\"11\">",
                x + 11, y + 9, m + 1, x + 28, y + 10);
        put_fitting(s, p->models[m].model, 190, 11);
        fprintf(s->file,
                "</text><text x=\"%d\" y=\"%d\" font-size=\"11\" class=\"soft\">%u x tp %u, share "
                "%.3g, batch %u</text>\n",
                x + 212, y + 10, p->models[m].replica_count, p->models[m].tp, p->models[m].share,
                p->models[m].batch);
    }
}

static void put_panels(const struct svg_map *s)
{
    const struct placement *p = s->p;
    for (uint32_t d = 0; d < p->domain_count; d++) {
        int x = MARGIN + (int)(d % s->columns) * (s->panel_w + MARGIN);
        int y = s->row_top[d / s->columns];
        fprintf(s->file,
                "<rect class=\"panel\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>"
                "<text x=\"%d\" y=\"%d\" font-size=\"12\" class=\"id\">",
                x, y, s->panel_w, panel_height(s, d), x + PANEL_PAD, y + 15);
        put_fitting(s, p->domains[d], s->panel_w - 2 * PANEL_PAD, 12);
        fputs("</text>\n", s->file);
    }
    for (uint32_t g = 0; g < p->info.gpu_count; g++) {
        uint32_t d = p->domain[g], column = p->ordinal[g] % s->per_row;
        int x = MARGIN + (int)(d % s->columns) * (s->panel_w + MARGIN) + PANEL_PAD;
        int y = s->row_top[d / s->columns] + PANEL_HEAD;
        put_box(s, g, x + (int)column * (s->box_w + s->gap),
                y + (int)(p->ordinal[g] / s->per_row) * (s->box_h + s->gap));
    }
}

bool render_svg(const struct placement *p, FILE *file)
{
    struct svg_map s = {.p = p, .file = file};
    s.sizes = allocate(p->domain_count, sizeof *s.sizes);
    s.row_top = allocate(p->domain_count, sizeof *s.row_top);
    for (uint32_t g = 0; g < p->info.gpu_count; g++)
        s.sizes[p->domain[g]]++;
    choose_scale(&s);
    choose_columns(&s);
    place_panels(&s);
    put_style(&s);
    put_legend(&s);
    put_panels(&s);
    fputs("</svg>\n", file);
    free(s.sizes);
    free(s.row_top);
    return true;
}
