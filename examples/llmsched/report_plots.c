/* SPDX-License-Identifier: Apache-2.0 */
/* Plots of the report: completion-time curves and the schedule. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- completion-time curves --------------------------------------------------- */

enum { CURVE_W = 1040, CURVE_H = 380, LEFT = 48, RIGHT = 16, TOP = 10, BOTTOM = 40 };

/* Logarithmic from low to high seconds. */
struct scale {
    double low, high;
};

static double curve_x(const struct scale *scale, double seconds)
{
    double part = log(fmax(seconds, scale->low) / scale->low) / log(scale->high / scale->low);
    return LEFT + part * (CURVE_W - LEFT - RIGHT);
}

static double curve_y(double share)
{
    return TOP + (1.0 - share) * (CURVE_H - TOP - BOTTOM);
}

/* Sorted completion times of a contender on the first seed; free() them. */
static double *sorted_times(const struct comparison *c, size_t contender)
{
    const struct workload *workload = &c->draws[0].workload;
    double *times = allocate(workload->count, sizeof *times);
    for (size_t j = 0; j < workload->count; j++)
        times[j] = cell_of(c, 0, contender)->kept.completion_s[j] - workload->jobs[j].arrival_s;
    sort_values(times, workload->count);
    return times;
}

static void find_scale(const struct comparison *c, struct scale *scale)
{
    scale->low = INFINITY;
    scale->high = 0.0;
    for (size_t p = 0; p < c->contender_count; p++) {
        double *times = sorted_times(c, p);
        scale->low = fmin(scale->low, nearest_rank(times, c->jobs, 0.01));
        scale->high = fmax(scale->high, times[c->jobs - 1]);
        free(times);
    }
    scale->low = fmax(scale->low, 1e-3);
    scale->high = fmax(scale->high, 2.0 * scale->low);
}

static void put_curve_axes(const struct scale *scale, FILE *file)
{
    for (int i = 0; i <= 4; i++) {
        double y = curve_y(i / 4.0);
        fprintf(file,
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                "<text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>",
                LEFT, CURVE_W - RIGHT, y, y, LEFT - 6, y + 4.0, 25 * i);
    }
    static const double digits[] = {1.0, 2.0, 5.0};
    for (int power = -3; power < 8; power++)
        for (size_t d = 0; d < COUNT_OF(digits); d++) {
            double seconds = digits[d] * pow(10.0, power);
            if (seconds < scale->low || seconds > scale->high)
                continue;
            double x = curve_x(scale, seconds);
            fprintf(file,
                    "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                    "<text class=\"soft\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>",
                    x, x, TOP, CURVE_H - BOTTOM, x, CURVE_H - BOTTOM + 16, seconds);
        }
    fprintf(file,
            "<text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">completion time, "
            "seconds (logarithmic)</text>",
            (LEFT + CURVE_W - RIGHT) / 2, CURVE_H - 6);
}

static void put_policy_colour(const struct comparison *c, size_t p, FILE *file)
{
    if (p == c->shown)
        fputs("var(--accent)", file);
    else if (p == c->oracle)
        fputs("var(--ink)", file);
    else if (p == c->fcfs)
        fputs("var(--soft)", file);
    else
        html_colour(file, p, c->contender_count);
}

static void put_curve(const struct comparison *c, size_t p, const struct scale *scale, FILE *file)
{
    enum { POINTS = 240 };
    double *times = sorted_times(c, p);
    fprintf(file, "<polyline data-key=\"policy%zu\" class=\"curve%s%s\" stroke=\"", p,
            p == c->shown ? " main" : "", p == c->oracle || p == c->fcfs ? " dash" : "");
    put_policy_colour(c, p, file);
    fputs("\" points=\"", file);
    for (int i = 1; i <= POINTS; i++) {
        double share = (double)i / POINTS;
        fprintf(file, "%.1f,%.1f ", curve_x(scale, nearest_rank(times, c->jobs, share)),
                curve_y(share));
    }
    fputs("\"><title>", file);
    html_text(file, c->contenders[p].name);
    fputs("</title></polyline>\n", file);
    free(times);
}

void report_curves(const struct comparison *c, FILE *file)
{
    struct scale scale;
    find_scale(c, &scale);
    fprintf(file,
            "<section><h2>How many jobs are done in how much time</h2><p>Share of the jobs of seed "
            "1 that complete within a time. Further left is better. Select a name to hide its "
            "line.</p><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Cumulative distribution "
            "of completion times by policy\">\n",
            CURVE_W, CURVE_H);
    put_curve_axes(&scale, file);
    for (size_t p = 0; p < c->contender_count; p++)
        if (p != c->shown)
            put_curve(c, p, &scale, file);
    put_curve(c, c->shown, &scale, file);
    fputs("</svg><div class=\"legend\">", file);
    for (size_t p = 0; p < c->contender_count; p++) {
        fprintf(file,
                "<button data-for=\"policy%zu\" aria-pressed=\"true\"><i style=\"background:", p);
        put_policy_colour(c, p, file);
        fputs("\"></i>", file);
        html_text(file, c->contenders[p].name);
        fputs("</button>", file);
    }
    fputs("</div></section>\n", file);
}

/* --- the schedule ---------------------------------------------------------------- */

enum {
    GANTT_W = 1040,
    GANTT_LEFT = 92,
    BAND_GAP = 8,
    BARS_HEIGHT = 320, /* shared by the lanes, within the next two */
    LEAST_LANE = 6,
    MOST_LANE = 15,
    MOST_BARS = 1500,
    MOST_LANES = 96
};

struct gantt {
    const struct comparison *c;
    const struct sim_task *tasks;
    size_t count; /* of them shown, the first to start */
    double until_s;
    double lane_height;
    uint32_t *lane;  /* of each task in its executor */
    double *top;     /* of each executor */
    uint32_t *lanes; /* used in each executor */
    double bottom;
};

static uint32_t executors(const struct comparison *c)
{
    return cluster_executors(&c->cluster);
}

/* Puts each task on the lowest place of its executor that is free at its start. */
static void assign_lanes(struct gantt *g)
{
    uint32_t n = executors(g->c);
    double *free_at = allocate((size_t)n * MOST_LANES, sizeof *free_at);
    for (size_t i = 0; i < g->count; i++) {
        const struct sim_task *t = &g->tasks[i];
        double *ends = free_at + (size_t)t->executor * MOST_LANES;
        uint32_t lane = 0;
        while (lane + 1 < MOST_LANES && ends[lane] > t->start_s + 1e-9)
            lane++;
        ends[lane] = t->end_s;
        g->lane[i] = lane;
        if (lane >= g->lanes[t->executor])
            g->lanes[t->executor] = lane + 1;
    }
    free(free_at);
}

static void place_executors(struct gantt *g)
{
    double y = 8.0, lanes = 0.0;
    for (uint32_t e = 0; e < executors(g->c); e++)
        lanes += g->lanes[e];
    g->lane_height = fmin(MOST_LANE, fmax(LEAST_LANE, floor(BARS_HEIGHT / fmax(lanes, 1.0))));
    for (uint32_t e = 0; e < executors(g->c); e++) {
        bool engine = e < g->c->cluster.engine_count;
        g->top[e] = y;
        y += g->lanes[e] * g->lane_height;
        if (engine || e + 1 == executors(g->c))
            y += BAND_GAP;
    }
    g->bottom = y;
}

static double gantt_x(const struct gantt *g, double seconds)
{
    return GANTT_LEFT + fmin(seconds, g->until_s) / g->until_s * (GANTT_W - GANTT_LEFT - RIGHT);
}

static size_t source_of(const struct comparison *c, const char *app)
{
    size_t i = 0;
    while (i + 1 < c->pool.count && c->pool.sources[i].app->name != app)
        i++;
    return i;
}

static void put_gantt_axes(const struct gantt *g, FILE *file)
{
    double step = round_step(g->until_s, 10);
    for (double s = 0.0; s <= g->until_s; s += step)
        fprintf(file,
                "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"4\" y2=\"%.1f\"/>"
                "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>",
                gantt_x(g, s), gantt_x(g, s), g->bottom, gantt_x(g, s), g->bottom + 16.0, s);
    for (uint32_t e = 0; e < g->c->cluster.engine_count; e++)
        fprintf(file, "<text x=\"4\" y=\"%.1f\">engine %u</text>",
                g->top[e] + fmax(11.0, g->lanes[e] * g->lane_height / 2.0 + 4.0), e);
    if (g->c->cluster.slot_count > 0)
        fprintf(file, "<text x=\"4\" y=\"%.1f\">tool slots</text>",
                g->top[g->c->cluster.engine_count] + 11.0);
    fprintf(file,
            "<text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"middle\">seconds since the "
            "start</text>",
            (GANTT_LEFT + GANTT_W) / 2, g->bottom + 32.0);
}

static void put_bar(const struct gantt *g, size_t i, FILE *file)
{
    const struct sim_task *t = &g->tasks[i];
    const struct job *job = &g->c->draws[0].workload.jobs[t->job];
    size_t source = source_of(g->c, job->app);
    double x = gantt_x(g, t->start_s), width = gantt_x(g, t->end_s) - x;
    fprintf(file,
            "<rect data-key=\"app%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\" "
            "rx=\"1\" fill=\"",
            source, x, g->top[t->executor] + g->lane[i] * g->lane_height, fmax(width, 0.6),
            g->lane_height - 1.0);
    html_colour(file, source, g->c->pool.count);
    fputs("\"><title>", file);
    html_text(file, job->name);
    fputs(", ", file);
    html_text(file, job->body->stages[t->stage].name);
    fprintf(file, ", %.2f to %.2f s</title></rect>\n", t->start_s, t->end_s);
}

static void put_gantt(struct gantt *g, FILE *file)
{
    assign_lanes(g);
    place_executors(g);
    fprintf(file, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"Schedule\">\n", GANTT_W,
            g->bottom + 40.0);
    put_gantt_axes(g, file);
    for (size_t i = 0; i < g->count; i++)
        put_bar(g, i, file);
    fputs("</svg><div class=\"legend\">", file);
    for (size_t i = 0; i < g->c->pool.count; i++) {
        fprintf(file,
                "<button data-for=\"app%zu\" aria-pressed=\"true\"><i style=\"background:", i);
        html_colour(file, i, g->c->pool.count);
        fputs("\"></i>", file);
        html_text(file, g->c->pool.sources[i].app->name);
        fputs("</button>", file);
    }
    fputs("</div></section>\n", file);
}

void report_gantt(const struct comparison *c, FILE *file)
{
    const struct sim_result *kept = &cell_of(c, 0, c->shown)->kept;
    struct gantt g = {.c = c, .tasks = kept->tasks, .count = kept->task_count};
    if (g.count > MOST_BARS)
        g.count = MOST_BARS;
    for (size_t i = 0; i < g.count; i++)
        g.until_s =
            fmax(g.until_s, g.count < kept->task_count ? g.tasks[i].start_s : g.tasks[i].end_s);
    if (!(g.until_s > 0.0))
        g.until_s = 1.0;
    g.lane = allocate(g.count, sizeof *g.lane);
    g.lanes = allocate(executors(c), sizeof *g.lanes);
    g.top = allocate(executors(c), sizeof *g.top);
    fputs("<section><h2>The schedule of ", file);
    html_text(file, c->contenders[c->shown].name);
    fprintf(file,
            "</h2><p>Seed 1, the first %zu tasks to start, coloured by application. An engine's "
            "height is the size of its batch. Select an application to hide it.</p>",
            g.count);
    put_gantt(&g, file);
    free(g.lane);
    free(g.lanes);
    free(g.top);
}
