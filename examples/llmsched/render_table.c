/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as plain text. */
#include <math.h>
#include <string.h>

#include "placement.h"

static const double GIB = 1073741824.0;

/* Names may be of any length and hold anything. */
static void put_name(FILE *file, const char *text, int width)
{
    int used = 0;
    for (; *text != '\0'; text++) {
        bool shown = (unsigned char)*text >= 0x20;
        fputc(shown ? *text : '?', file);
        /* Bytes that continue a character take no room of their own. */
        used += ((unsigned char)*text & 0xC0) != 0x80;
    }
    fprintf(file, "%*s", used < width ? width - used : 0, "");
}

static int widest(const struct placement *p)
{
    size_t width = strlen("application");
    for (uint32_t m = 0; m < p->info.model_count; m++)
        width = strlen(p->models[m].model) > width ? strlen(p->models[m].model) : width;
    for (uint32_t a = 0; a < p->info.app_count; a++)
        width = strlen(p->apps[a].name) > width ? strlen(p->apps[a].name) : width;
    return width < 60 ? (int)width : 60;
}

/* What is beyond this is no number: latency of what cannot keep up, a gap to no bound. */
static const double NO_NUMBER = 1e18;

static void put_objective(const llmsched_plan_info *i, FILE *file)
{
    if (i->objective_s >= NO_NUMBER)
        fprintf(file, "\nsome models cannot keep up with their rate");
    else if (i->objective_s > 0.0)
        fprintf(file, "\nweighted latency %.4g s", i->objective_s);
    if (i->objective_s > 0.0 && i->gap < NO_NUMBER)
        fprintf(file, ", no plan below %.4g s (%s, gap %.2f %%)", i->bound_s,
                i->status == LLMSCHED_PLAN_OPTIMAL ? "optimal" : "feasible", 100.0 * i->gap);
}

static void put_summary(const struct placement *p, FILE *file)
{
    const llmsched_plan_info *i = &p->info;
    fputs("plan by ", file);
    put_name(file, i->planner != NULL && i->planner[0] != '\0' ? i->planner : "nobody", 0);
    fprintf(file, ": %u models, %u replicas, %u of %u GPUs, share %.2f", i->model_count,
            i->replica_count, i->touched_gpus, i->gpu_count, i->total_share);
    put_objective(i, file);
    if (p->autoscaler.kind != LLMSCHED_AUTOSCALER_NONE)
        fprintf(file, "\nscaled over time by %s: the replicas are those it starts with",
                p->autoscaler.kind == LLMSCHED_AUTOSCALER_HPA ? "HPA" : "KPA");
    fputs("\n\n", file);
}

/* %9.4g, or what to say of no number. */
static void put_latency(double seconds, FILE *file)
{
    if (seconds >= NO_NUMBER)
        fprintf(file, "%9s", "-");
    else
        fprintf(file, "%9.4g", seconds);
}

static void put_models(const struct placement *p, int width, FILE *file)
{
    fprintf(file, "%-*s  %-10s %3s %6s %5s %8s %9s %9s %8s %8s\n", width, "model", "gpu", "tp",
            "share", "batch", "replicas", "GiB/GPU", "call s", "load/s", "most/s");
    for (uint32_t m = 0; m < p->info.model_count; m++) {
        const llmsched_plan_model *model = &p->models[m];
        put_name(file, model->model, width);
        fprintf(file, "  %-10s %3u %6.3g %5u %8u %9.1f ", model->gpu, model->tp, model->share,
                model->batch, model->replica_count, model->memory_bytes / GIB);
        put_latency(model->call_latency_s, file);
        fprintf(file, " %8.4g %8.4g\n", model->load_per_s, model->capacity_per_s);
    }
}

static void put_apps(const struct placement *p, int width, FILE *file)
{
    if (p->info.app_count == 0)
        return;
    fprintf(file, "\n%-*s  %9s %9s\n", width, "application", "mean s", "most/s");
    for (uint32_t a = 0; a < p->info.app_count; a++) {
        put_name(file, p->apps[a].name, width);
        fputs("  ", file);
        put_latency(p->apps[a].latency_s, file);
        fprintf(file, " %9.4g\n", p->apps[a].capacity_per_s);
    }
}

static void put_gpus(const struct placement *p, FILE *file)
{
    fprintf(file, "\n%-12s %-10s %6s %9s %6s %6s  replicas\n", "GPU", "kind", "share", "GiB", "of",
            "band");
    for (uint32_t g = 0; g < p->info.gpu_count; g++) {
        const llmsched_plan_gpu *gpu = &p->gpus[g];
        if (gpu->replicas == 0)
            continue;
        put_name(file, gpu->id, 12);
        fprintf(file, " %-10s %6.3g %9.1f %6.1f %6.3g ", gpu->kind, gpu->used_share,
                gpu->used_bytes / GIB, gpu->memory_bytes / GIB, gpu->used_bandwidth);
        for (uint32_t i = p->residents.first[g]; i < p->residents.first[g + 1]; i++) {
            uint32_t replica = p->residents.replicas[i];
            fputc(' ', file);
            put_name(file, p->models[p->replicas[replica].model].model, 0);
            fprintf(file, "#%u", replica_rank(p, replica));
        }
        fputc('\n', file);
    }
}

bool render_table(const struct placement *p, FILE *file)
{
    int width = widest(p);
    put_summary(p, file);
    put_models(p, width, file);
    put_apps(p, width, file);
    put_gpus(p, file);
    return true;
}
