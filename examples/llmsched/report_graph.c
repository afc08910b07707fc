/* SPDX-License-Identifier: Apache-2.0 */
/* The report's graph: a template, layer by layer, shaded by entropy. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    NODE_W = 128,
    NODE_H = 50,
    GAP_X = 34,
    GAP_Y = 16,
    MARGIN = 14,
    WELL_SHOWN = 18,
    FEWEST = 4
};

struct graph {
    const llmsched_dag *dag;
    const llmsched_profile *profile;
    uint32_t count, layers, tallest;
    uint32_t *layer, *row; /* of each stage */
    struct llmsched_stage_belief *belief;
    bool *before; /* [a * count + b]: a path leads from a to b */
    double most_entropy;
};

static double node_x(const struct graph *g, uint32_t s)
{
    return MARGIN + (double)g->layer[s] * (NODE_W + GAP_X);
}

static double node_y(const struct graph *g, uint32_t s, const uint32_t *in_layer)
{
    /* Short layers stand in the middle. */
    double free_rows = (double)(g->tallest - in_layer[g->layer[s]]) / 2.0;
    return MARGIN + (free_rows + g->row[s]) * (NODE_H + GAP_Y);
}

/* A stage's layer is the longest path that leads to it. */
static void find_layers(struct graph *g, uint32_t *in_layer)
{
    const uint32_t *order = llmsched_dag_order(g->dag);
    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t s = order[i], parents;
        const uint32_t *parent = llmsched_dag_parents(g->dag, s, &parents);
        for (uint32_t p = 0; p < parents; p++)
            if (g->layer[parent[p]] + 1 > g->layer[s])
                g->layer[s] = g->layer[parent[p]] + 1;
        g->row[s] = in_layer[g->layer[s]]++;
        g->layers = g->layer[s] + 1 > g->layers ? g->layer[s] + 1 : g->layers;
        g->tallest = in_layer[g->layer[s]] > g->tallest ? in_layer[g->layer[s]] : g->tallest;
    }
}

static void find_paths(struct graph *g)
{
    const uint32_t *order = llmsched_dag_order(g->dag);
    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t s = order[i], parents;
        const uint32_t *parent = llmsched_dag_parents(g->dag, s, &parents);
        for (uint32_t p = 0; p < parents; p++) {
            g->before[(size_t)parent[p] * g->count + s] = true;
            for (uint32_t a = 0; a < g->count; a++)
                if (g->before[(size_t)a * g->count + parent[p]])
                    g->before[(size_t)a * g->count + s] = true;
        }
    }
}

/* An edge that a longer path implies would only clutter the picture. */
static bool is_implied(const struct graph *g, uint32_t from, const uint32_t *parents,
                       uint32_t count)
{
    for (uint32_t p = 0; p < count; p++)
        if (g->before[(size_t)from * g->count + parents[p]])
            return true;
    return false;
}

/* What is believed of a job of which nothing is known yet. */
static bool find_beliefs(struct graph *g)
{
    llmsched_quantifier *quantifier = NULL;
    llmsched_stage_evidence *evidence = allocate(g->count, sizeof *evidence);
    for (uint32_t s = 0; s < g->count; s++)
        evidence[s].size = sizeof *evidence;
    bool good =
        llmsched_quantifier_create(g->profile, NULL, &quantifier, NULL) == LLMSCHED_OK &&
        llmsched_quantifier_set_evidence(quantifier, evidence, g->count, NULL) == LLMSCHED_OK;
    for (uint32_t s = 0; good && s < g->count; s++) {
        g->belief[s].size = sizeof *g->belief;
        good = llmsched_quantifier_stage(quantifier, s, &g->belief[s], NULL) == LLMSCHED_OK;
        g->most_entropy = fmax(g->most_entropy, g->belief[s].entropy);
    }
    llmsched_quantifier_destroy(quantifier);
    free(evidence);
    return good;
}

static void put_edges(const struct graph *g, const uint32_t *in_layer, FILE *file)
{
    for (uint32_t s = 0; s < g->count; s++) {
        uint32_t parents;
        const uint32_t *parent = llmsched_dag_parents(g->dag, s, &parents);
        for (uint32_t p = 0; p < parents; p++) {
            if (is_implied(g, parent[p], parent, parents))
                continue;
            double x1 = node_x(g, parent[p]) + NODE_W, x2 = node_x(g, s) - 5.0;
            double y1 = node_y(g, parent[p], in_layer) + NODE_H / 2.0;
            double y2 = node_y(g, s, in_layer) + NODE_H / 2.0, bend = GAP_X * 0.55;
            fprintf(file,
                    "<path class=\"edge\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\" "
                    "marker-end=\"url(#tip)\"/>",
                    x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2);
        }
    }
    fputc('\n', file);
}

/* What fits into a node, cut between characters. */
static void short_name(const struct graph *g, uint32_t s, const llmsched_stage *stage, char *name,
                       size_t room)
{
    llmsched_profile_stage info = {.size = sizeof info};
    const char *full = stage->name;
    if (llmsched_profile_get_stage(g->profile, s, &info, NULL) == LLMSCHED_OK && info.aggregate)
        full = stage->kind == LLMSCHED_STAGE_LLM ? "further LLM" : "further tools";
    else if (strcmp(full, "*") == 0)
        full = "any other";
    size_t length = strlen(full);
    if (length >= room)
        for (length = room - 1; length > 0 && ((unsigned char)full[length] & 0xC0) == 0x80;)
            length--;
    memcpy(name, full, length);
    name[length] = '\0';
}

static void put_node(const struct graph *g, uint32_t s, const uint32_t *in_layer, FILE *file)
{
    llmsched_stage stage = {.size = sizeof stage};
    const llmsched_stage_belief *b = &g->belief[s];
    double x = node_x(g, s), y = node_y(g, s, in_layer);
    double heat = g->most_entropy > 0.0 ? b->entropy / g->most_entropy : 0.0;
    int corner;
    char name[20];
    llmsched_dag_stage(g->dag, s, &stage, NULL);
    short_name(g, s, &stage, name, sizeof name);
    corner = stage.kind == LLMSCHED_STAGE_LLM ? 10 : 0;
    fprintf(file,
            "<g><rect class=\"node\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"%d\"/>"
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" rx=\"%d\" "
            "style=\"fill:rgba(var(--heat),%.2f)\"/>"
            "<text x=\"%.1f\" y=\"%.1f\" font-weight=\"600\">",
            x, y, NODE_W, NODE_H, corner, x, y, NODE_W, NODE_H, corner, 0.04 + 0.4 * heat, x + 8.0,
            y + 17.0);
    html_text(file, name);
    fprintf(file,
            "</text><text x=\"%.1f\" y=\"%.1f\" font-size=\"11\">%.0f %%, %.2f s"
            "</text><text x=\"%.1f\" y=\"%.1f\" font-size=\"11\">H = %.2f nats</text>"
            "<title>",
            x + 8.0, y + 31.0, 100.0 * b->presence, b->mean_work_s, x + 8.0, y + 44.0, b->entropy);
    html_text(file, stage.id);
    fprintf(file, " (%s): present in %.1f %%, %.3f s expected, entropy %.3f nats</title></g>\n",
            stage.kind == LLMSCHED_STAGE_LLM ? "LLM" : "tool", 100.0 * b->presence, b->mean_work_s,
            b->entropy);
}

static void put_graph(struct graph *g, const char *app, FILE *file)
{
    uint32_t *in_layer = allocate(g->count, sizeof *in_layer);
    find_layers(g, in_layer);
    double width = 2.0 * MARGIN + g->layers * NODE_W + (g->layers - 1.0) * GAP_X;
    double height = 2.0 * MARGIN + g->tallest * NODE_H + (g->tallest - 1.0) * GAP_Y;
    fputs("<section><h2>What is uncertain about ", file);
    html_text(file, app);
    fprintf(
        file,
        "</h2><p>The application's template before a job has shown anything: share of runs that "
        "reach a stage, its expected work, and the entropy H of its work class. The stronger the "
        "colour, the less certain. Round corners are LLM stages, square ones tools; edges that "
        "others imply are left out.</p>"
        "<div class=\"wide\"><svg viewBox=\"0 0 %.0f %.0f\" style=\"min-width:%.0fpx\" "
        "role=\"img\" aria-label=\"Template of the application\"><defs><marker id=\"tip\" "
        "viewBox=\"0 0 8 8\" refX=\"4\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
        "orient=\"auto\"><path class=\"head\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
        width, height, fmin(width, 2400.0) * 0.55);
    put_edges(g, in_layer, file);
    for (uint32_t s = 0; s < g->count; s++)
        put_node(g, s, in_layer, file);
    fputs("</svg></div></section>\n", file);
    free(in_layer);
}

static bool has_tool(const llmsched_dag *dag)
{
    for (uint32_t s = 0; s < llmsched_dag_stage_count(dag); s++) {
        llmsched_stage stage = {.size = sizeof stage};
        if (llmsched_dag_stage(dag, s, &stage, NULL) == LLMSCHED_OK &&
            stage.kind == LLMSCHED_STAGE_REGULAR)
            return true;
    }
    return false;
}

/* How well a template makes a picture: of a size that still reads, best with both kinds of stages.
 */
static double merit(const llmsched_dag *dag)
{
    uint32_t count = llmsched_dag_stage_count(dag);
    if (count < FEWEST || count > WELL_SHOWN)
        return 1.0 / count;
    return count + (has_tool(dag) ? WELL_SHOWN : 0.0);
}

static const struct application *choose(const struct comparison *c)
{
    const struct application *best = c->pool.sources[0].app;
    for (size_t i = 1; i < c->pool.count; i++) {
        const struct application *app = c->pool.sources[i].app;
        if (merit(llmsched_profile_dag(app->profile)) > merit(llmsched_profile_dag(best->profile)))
            best = app;
    }
    return best;
}

void report_graph(const struct comparison *c, FILE *file)
{
    const struct application *app = choose(c);
    struct graph g = {.profile = app->profile, .dag = llmsched_profile_dag(app->profile)};
    g.count = llmsched_dag_stage_count(g.dag);
    g.layer = allocate(g.count, sizeof *g.layer);
    g.row = allocate(g.count, sizeof *g.row);
    g.belief = allocate(g.count, sizeof *g.belief);
    g.before = allocate((size_t)g.count * g.count, sizeof *g.before);
    find_paths(&g);
    if (find_beliefs(&g))
        put_graph(&g, app->name, file);
    free(g.layer);
    free(g.row);
    free(g.belief);
    free(g.before);
}
