/* SPDX-License-Identifier: Apache-2.0 */
/* The page of `compare --report`: one file, inline SVG, nothing fetched. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char STYLE[] =
    ":root{--bg:#fbfbfa;--card:#fff;--ink:#1c1e21;--soft:#667085;--line:#e3e5e8;--grid:#eceef0;"
    "--accent:#2563eb;--accent-bg:#eef4ff;--bar:#c9d8f6;--heat:37,99,235}"
    "@media(prefers-color-scheme:dark){:root{--bg:#14161a;--card:#1c1f25;--ink:#e8eaed;"
    "--soft:#9aa3af;--line:#2e333b;--grid:#272c33;--accent:#7aa8ff;--accent-bg:#1f2a40;"
    "--bar:#33486f;--heat:122,168,255}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:1240px;margin:0 auto;padding:32px 20px 60px}"
    "h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:0 0 4px}"
    "p{margin:0 0 14px;color:var(--soft);max-width:76ch}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:20px;margin-top:20px}"
    ".facts{display:flex;flex-wrap:wrap;gap:8px;margin-top:14px}"
    ".facts span{border:1px solid var(--line);border-radius:999px;padding:3px 12px;"
    "background:var(--card);font-size:13px}.facts b{font-weight:600}"
    ".wide{overflow-x:auto}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:13.5px}"
    "th{font-weight:600;color:var(--soft);text-align:right;padding:6px 6px;white-space:nowrap;"
    "border-bottom:1px solid var(--line)}"
    "td{text-align:right;padding:5px 6px;white-space:nowrap;border-bottom:1px solid var(--grid)}"
    "th:first-child,td:first-child{text-align:left}td:first-child{font-weight:600}"
    "tr.default td{background:var(--accent-bg)}tr.oracle td{color:var(--soft);font-style:italic}"
    "td.bar{min-width:136px;text-align:left}"
    "td.bar i{display:inline-block;height:10px;border-radius:3px;background:var(--bar);"
    "margin-right:6px;vertical-align:middle}"
    "svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}"
    "svg text{fill:var(--ink)}svg .soft{fill:var(--soft)}"
    "svg .grid{stroke:var(--grid);stroke-width:1}svg .axis{stroke:var(--line);stroke-width:1}"
    "svg .curve{fill:none;stroke-width:1.8;stroke-linejoin:round}"
    "svg .curve.main{stroke-width:3.2}svg .curve.dash{stroke-dasharray:5 4}"
    "svg .edge{fill:none;stroke:var(--soft);stroke-width:1.2;opacity:.55}"
    "svg .node{fill:var(--card);stroke:var(--line);stroke-width:1.2}svg "
    ".head{fill:var(--soft);opacity:.7}"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 14px;margin:10px 0 0;font-size:13px}"
    ".legend button{all:unset;cursor:pointer;display:inline-flex;align-items:center;gap:6px}"
    ".legend button.off{opacity:.35;text-decoration:line-through}"
    ".legend button:focus-visible{outline:2px solid var(--accent);border-radius:4px}"
    ".legend i{width:14px;height:10px;border-radius:3px;display:inline-block}";

/* Legends switch their curve or their application's bars off and on. */
static const char SCRIPT[] =
    "document.querySelectorAll('.legend button').forEach(b=>b.addEventListener('click',()=>{"
    "b.classList.toggle('off');const off=b.classList.contains('off');"
    "b.setAttribute('aria-pressed',String(!off));"
    "document.querySelectorAll('[data-key=\"'+b.dataset.for+'\"]').forEach(e=>"
    "e.style.display=off?'none':'')}))";

void html_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default:
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, file);
        }
    }
}

void html_colour(FILE *file, size_t i, size_t count)
{
    /* Hues all round; neighbours differ in lightness too, readable on light and dark. */
    static const int lightness[] = {52, 62, 45};
    fprintf(file, "hsl(%zu 62%% %d%%)", (i * 360 / (count > 0 ? count : 1) + 215) % 360,
            lightness[i % COUNT_OF(lightness)]);
}

double round_step(double range, int parts)
{
    double raw = range / parts, power = pow(10.0, floor(log10(raw > 0.0 ? raw : 1.0)));
    double digit = raw / power;
    return power * (digit <= 1.0 ? 1.0 : digit <= 2.0 ? 2.0 : digit <= 5.0 ? 5.0 : 10.0);
}

static void put_facts(const struct comparison *c, FILE *file)
{
    fputs("<div class=\"facts\"><span>mix <b>", file);
    html_text(file, c->mix);
    fputs("</b></span><span>cluster <b>", file);
    html_text(file, c->cluster.name);
    fprintf(file,
            "</b></span><span><b>%u</b> engine%s, batch <b>%u</b>, <b>%u</b> tool slots</span>"
            "<span>prefill <b>%s</b></span><span>load <b>%.3g</b></span>"
            "<span>tool load <b>%.3g</b></span><span><b>%zu</b> jobs a seed</span>"
            "<span><b>%zu</b> seeds</span><span>lower bound <b>%.2f s</b></span></div>",
            c->cluster.engine_count, c->cluster.engine_count == 1 ? "" : "s",
            c->cluster.engines[0].max_batch, c->cluster.slot_count,
            c->cluster.serial ? "serial" : "stretched", c->load, c->tool_load, c->jobs, c->seeds,
            c->lower_bound_s);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;
    if ((*x)->mean_s != (*y)->mean_s)
        return (*x)->mean_s < (*y)->mean_s ? -1 : 1;
    return (*x > *y) - (*x < *y);
}

static void put_row(const struct comparison *c, const struct row *row, double longest, FILE *file)
{
    size_t p = (size_t)(row - c->rows);
    const char *kind = p == c->shown    ? " class=\"default\""
                       : p == c->oracle ? " class=\"oracle\""
                                        : "";
    fprintf(file, "<tr%s><td>", kind);
    html_text(file, c->contenders[p].name);
    fprintf(file, "</td><td class=\"bar\"><i style=\"width:%.0fpx\"></i>%.2f</td>",
            80.0 * row->mean_s / longest, row->mean_s);
    fprintf(file, "<td>%.2f</td><td>%.2f</td><td>%.2f</td><td>%.2f</td><td>%.3f", row->p50_s,
            row->p95_s, row->p99_s, row->slowdown, row->to_fcfs.value);
    if (!isnan(row->to_fcfs.low))
        fprintf(file, " <span style=\"color:var(--soft)\">%.3f&ndash;%.3f</span>", row->to_fcfs.low,
                row->to_fcfs.high);
    fprintf(file, "</td><td>%.3f</td>", row->to_oracle.value);
    if (isnan(row->gap_closed))
        fputs("<td>&ndash;</td>", file);
    else
        fprintf(file, "<td>%.1f</td>", 100.0 * row->gap_closed);
    fprintf(file, "<td>%.0f</td><td>%.1f</td><td>%.1f</td></tr>\n", row->decisions_per_s,
            row->p50_us, row->p99_us);
}

static void put_table(const struct comparison *c, FILE *file)
{
    const struct row **sorted = allocate(c->contender_count, sizeof *sorted);
    double longest = 0.0;
    for (size_t p = 0; p < c->contender_count; p++) {
        sorted[p] = &c->rows[p];
        longest = fmax(longest, c->rows[p].mean_s);
    }
    qsort(sorted, c->contender_count, sizeof *sorted, compare_rows);
    fputs("<section><h2>Completion times</h2><p>Seconds from arrival to completion, best mean "
          "first. Gap: share of the distance from fcfs to oracle-srpt that is closed; oracle-srpt "
          "sees the whole of every job and is there for comparison only.</p>"
          "<div class=\"wide\"><table><thead><tr><th>policy<th>mean<th>p50<th>p95<th>p99"
          "<th>slowdown<th>/ fcfs (95 %)<th>/ oracle<th>gap %<th>decisions/s<th>p50 &micro;s"
          "<th>p99 &micro;s</tr></thead><tbody>\n",
          file);
    for (size_t p = 0; p < c->contender_count; p++)
        put_row(c, sorted[p], longest > 0.0 ? longest : 1.0, file);
    fputs("</tbody></table></div></section>\n", file);
    free(sorted);
}

void report_write(const struct comparison *c, FILE *file)
{
    fprintf(file,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
            "<title>llmsched: comparison of policies</title><style>%s</style></head>\n"
            "<body><main><h1>Comparison of scheduling policies</h1>"
            "<p>Every policy ran the same jobs, drawn from recorded runs, under the same "
            "simulation model.</p>",
            STYLE);
    put_facts(c, file);
    put_table(c, file);
    report_curves(c, file);
    report_gantt(c, file);
    report_graph(c, file);
    fprintf(file, "</main><script>%s</script></body></html>\n", SCRIPT);
}
