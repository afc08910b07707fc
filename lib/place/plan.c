/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: put together piece by piece, then immutable. Nothing in it points to the planner, so
 * that it outlives it.
 */
#include "place/internal.h"

#include <math.h>
#include <string.h>

/* --- lifetime ---------------------------------------------------------------------- */

/* A copy that lives as long as the plan; NULL: no memory. */
static const char *keep_name(llmsched_plan *plan, const char *name)
{
    void *grown = plan->names;
    bool ok = lls_grow(plan->context, &grown, &plan->name_capacity, (size_t)plan->name_count + 1,
                       sizeof *plan->names);
    plan->names = grown;
    char *copy = ok ? lls_strdup(plan->context, name) : NULL;
    if (copy != NULL)
        plan->names[plan->name_count++] = copy;
    return copy;
}

/* The names of kinds or domains once each, and then by number. */
static bool keep_all(llmsched_plan *plan, const llmsched_planner *planner)
{
    for (uint32_t k = 0; k < planner->kind_count; k++)
        if (keep_name(plan, planner->kinds[k]) == NULL)
            return false;
    for (uint32_t d = 0; d < planner->domain_count; d++)
        if (keep_name(plan, planner->domains[d].name) == NULL)
            return false;
    return true;
}

static bool copy_cluster(llmsched_plan *plan, const llmsched_planner *planner)
{
    uint32_t kinds_at = plan->name_count, domains_at = kinds_at + planner->kind_count;
    plan->gpus = lls_calloc(plan->context, planner->gpu_count, sizeof *plan->gpus);
    if (plan->gpus == NULL || !keep_all(plan, planner))
        return false;
    for (uint32_t g = 0; g < planner->gpu_count; g++) {
        const lls_gpu *gpu = &planner->gpus[g];
        const char *id = keep_name(plan, gpu->id);
        if (id == NULL)
            return false;
        plan->gpus[g] = (llmsched_plan_gpu){.size = sizeof plan->gpus[g],
                                            .id = id,
                                            .kind = plan->names[kinds_at + gpu->kind],
                                            .domain = plan->names[domains_at + gpu->domain],
                                            .memory_bytes = gpu->memory};
    }
    plan->info.gpu_count = planner->gpu_count;
    return true;
}

llmsched_status lls_plan_new(const llmsched_planner *planner, const char *method,
                             llmsched_plan **plan, llmsched_error *err)
{
    llmsched_plan *p = lls_calloc(planner->context, 1, sizeof *p);
    if (p == NULL)
        return lls_fail_memory(err);
    p->context = lls_context_retain(planner->context);
    atomic_init(&p->references, 1);
    p->info = (llmsched_plan_info){.size = sizeof p->info, .status = LLMSCHED_PLAN_FEASIBLE};
    p->autoscaler = (llmsched_autoscaler){.size = sizeof p->autoscaler};
    p->info.planner = keep_name(p, method);
    if (p->info.planner == NULL || !copy_cluster(p, planner)) {
        llmsched_plan_release(p);
        return lls_fail_memory(err);
    }
    *plan = p;
    return LLMSCHED_OK;
}

llmsched_plan *llmsched_plan_retain(const llmsched_plan *plan)
{
    llmsched_plan *p = (llmsched_plan *)(uintptr_t)plan;
    if (p != NULL)
        atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void llmsched_plan_release(llmsched_plan *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) > 1)
        return;
    llmsched_context *context = p->context;
    for (uint32_t m = 0; m < p->info.model_count; m++) {
        lls_free(context, p->curves[m].batch);
        lls_free(context, p->curves[m].slowdown);
    }
    for (uint32_t r = 0; r < p->info.replica_count; r++)
        lls_free(context, p->replica_gpus[r]);
    for (uint32_t n = 0; n < p->name_count; n++)
        lls_free(context, p->names[n]);
    lls_free(context, p->names);
    lls_free(context, p->models);
    lls_free(context, p->curves);
    lls_free(context, p->replicas);
    lls_free(context, p->replica_gpus);
    lls_free(context, p->apps);
    lls_free(context, p->gpus);
    lls_free(context, p);
    lls_context_release(context);
}

/* --- putting together ----------------------------------------------------------------- */

/* Most points of an executor's curve. */
enum { MOST_POINTS = 4096 };

static void add_point(lls_plan_curve *to, const lls_curve *curve, double batch, double context)
{
    double alone = lls_curve_decode(curve, 1.0, context);
    to->batch[to->count] = batch;
    to->slowdown[to->count++] = fmax(1.0, lls_curve_decode(curve, batch, context) / alone);
}

/*
 * decode(B, X) / decode(1, X): straight between the batches of a table, so those between 1 and the
 * plan's batch are all that is needed. An engine that gets faster by batching, or takes no time,
 * counts as one that does not get slower.
 */
static bool make_curve(llmsched_plan *plan, lls_plan_curve *to, const lls_curve *curve,
                       uint32_t batch, double context)
{
    *to = (lls_plan_curve){0};
    uint32_t most = curve->row_count < MOST_POINTS - 2 ? curve->row_count + 2 : MOST_POINTS;
    to->batch = lls_calloc(plan->context, most, sizeof *to->batch);
    to->slowdown = lls_calloc(plan->context, most, sizeof *to->slowdown);
    if (to->batch == NULL || to->slowdown == NULL) {
        lls_free(plan->context, to->batch);
        lls_free(plan->context, to->slowdown);
        return false;
    }
    if (lls_curve_decode(curve, 1.0, context) <= 0.0)
        return true;
    add_point(to, curve, 1.0, context);
    for (uint32_t row = 0; row < curve->row_count && to->count + 1 < most; row++) {
        double at = curve->decode_batch[curve->row_start[row]];
        if (at > 1.0 && at < batch)
            add_point(to, curve, at, context);
    }
    if (batch > 1)
        add_point(to, curve, batch, context);
    return true;
}

static bool grow(llmsched_plan *plan, void **items, uint32_t *capacity, uint32_t count, size_t size)
{
    return lls_grow(plan->context, items, capacity, (size_t)count + 1, size);
}

llmsched_status lls_plan_add_model(llmsched_plan *plan, const llmsched_planner *planner,
                                   uint32_t model, uint32_t config,
                                   const llmsched_plan_model *numbers, double context,
                                   llmsched_error *err)
{
    const lls_config *c = &planner->models[model].configs[config];
    uint32_t count = plan->info.model_count;
    void *models = plan->models, *curves = plan->curves;
    bool ok = grow(plan, &models, &plan->model_capacity, count, sizeof *plan->models);
    plan->models = models;
    ok = ok && grow(plan, &curves, &plan->curve_capacity, count, sizeof *plan->curves);
    plan->curves = curves;
    const char *name = ok ? keep_name(plan, planner->models[model].name) : NULL;
    const char *kind = name != NULL ? keep_name(plan, planner->kinds[c->kind]) : NULL;
    if (kind == NULL || !make_curve(plan, &plan->curves[count], &c->curve, numbers->batch, context))
        return lls_fail_memory(err);
    llmsched_plan_model *made = &plan->models[plan->info.model_count++];
    *made = *numbers;
    made->size = sizeof *made;
    made->tp = c->tp;
    made->model = name;
    made->gpu = kind;
    made->share = c->share;
    made->bandwidth = c->bandwidth;
    made->config = config;
    made->first_replica = plan->info.replica_count;
    made->replica_count = 0;
    return LLMSCHED_OK;
}

llmsched_status lls_plan_add_replica(llmsched_plan *plan, const uint32_t *gpus, llmsched_error *err)
{
    llmsched_plan_model *model = &plan->models[plan->info.model_count - 1];
    uint32_t count = plan->info.replica_count;
    void *replicas = plan->replicas, *lists = plan->replica_gpus;
    bool ok = grow(plan, &replicas, &plan->replica_capacity, count, sizeof *plan->replicas);
    plan->replicas = replicas;
    ok = ok && grow(plan, &lists, &plan->replica_gpus_capacity, count, sizeof(uint32_t *));
    plan->replica_gpus = lists;
    uint32_t *copy = ok ? lls_calloc(plan->context, model->tp, sizeof *copy) : NULL;
    if (copy == NULL)
        return lls_fail_memory(err);
    memcpy(copy, gpus, model->tp * sizeof *copy);
    plan->replica_gpus[count] = copy;
    plan->replicas[count] = (llmsched_plan_replica){.size = sizeof plan->replicas[count],
                                                    .model = plan->info.model_count - 1,
                                                    .gpus = copy,
                                                    .gpu_count = model->tp};
    plan->info.replica_count++;
    model->replica_count++;
    return LLMSCHED_OK;
}

llmsched_status lls_plan_add_app(llmsched_plan *plan, const char *name, double latency,
                                 double capacity, llmsched_error *err)
{
    void *apps = plan->apps;
    bool ok = grow(plan, &apps, &plan->app_capacity, plan->info.app_count, sizeof *plan->apps);
    plan->apps = apps;
    const char *copy = ok ? keep_name(plan, name) : NULL;
    if (copy == NULL)
        return lls_fail_memory(err);
    plan->apps[plan->info.app_count++] = (llmsched_plan_app){
        .size = sizeof *plan->apps, .name = copy, .latency_s = latency, .capacity_per_s = capacity};
    return LLMSCHED_OK;
}

void lls_plan_measure(llmsched_plan *plan)
{
    plan->info.total_share = 0.0;
    plan->info.touched_gpus = 0;
    for (uint32_t r = 0; r < plan->info.replica_count; r++) {
        const llmsched_plan_replica *replica = &plan->replicas[r];
        const llmsched_plan_model *model = &plan->models[replica->model];
        for (uint32_t i = 0; i < replica->gpu_count; i++) {
            llmsched_plan_gpu *gpu = &plan->gpus[replica->gpus[i]];
            gpu->used_share += model->share;
            gpu->used_bytes += model->memory_bytes;
            gpu->used_bandwidth += model->bandwidth;
            gpu->replicas++;
        }
    }
    for (uint32_t g = 0; g < plan->info.gpu_count; g++) {
        plan->info.total_share += plan->gpus[g].used_share;
        plan->info.touched_gpus += plan->gpus[g].replicas > 0;
    }
}

/* --- reading -------------------------------------------------------------------------- */

static llmsched_status find(const llmsched_plan *plan, const void *out, const char *what,
                            uint32_t index, uint32_t count, llmsched_error *err)
{
    if (plan == NULL || out == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        plan == NULL ? "plan" : what);
    if (index >= count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "no %s %u: the plan has %u", what,
                        (unsigned)index, (unsigned)count);
    return LLMSCHED_OK;
}

llmsched_status llmsched_plan_get_info(const llmsched_plan *plan, llmsched_plan_info *info,
                                       llmsched_error *err)
{
    llmsched_status status = find(plan, info, "info", 0, 1, err);
    if (status != LLMSCHED_OK)
        return status;
    return lls_sized_out(info, &plan->info, sizeof *info, sizeof *info, "llmsched_plan_info", err);
}

const char *llmsched_plan_reason(const llmsched_plan *plan)
{
    return plan != NULL ? plan->reason : "";
}

const char *llmsched_plan_lift(const llmsched_plan *plan)
{
    return plan != NULL ? plan->lift : "";
}

llmsched_status llmsched_plan_get_model(const llmsched_plan *plan, uint32_t index,
                                        llmsched_plan_model *model, llmsched_error *err)
{
    llmsched_status status =
        find(plan, model, "model", index, plan != NULL ? plan->info.model_count : 0, err);
    if (status != LLMSCHED_OK)
        return status;
    return lls_sized_out(model, &plan->models[index], sizeof *model, sizeof *model,
                         "llmsched_plan_model", err);
}

llmsched_status llmsched_plan_get_replica(const llmsched_plan *plan, uint32_t index,
                                          llmsched_plan_replica *replica, llmsched_error *err)
{
    llmsched_status status =
        find(plan, replica, "replica", index, plan != NULL ? plan->info.replica_count : 0, err);
    if (status != LLMSCHED_OK)
        return status;
    return lls_sized_out(replica, &plan->replicas[index], sizeof *replica, sizeof *replica,
                         "llmsched_plan_replica", err);
}

llmsched_status llmsched_plan_get_app(const llmsched_plan *plan, uint32_t index,
                                      llmsched_plan_app *app, llmsched_error *err)
{
    llmsched_status status =
        find(plan, app, "app", index, plan != NULL ? plan->info.app_count : 0, err);
    if (status != LLMSCHED_OK)
        return status;
    return lls_sized_out(app, &plan->apps[index], sizeof *app, sizeof *app, "llmsched_plan_app",
                         err);
}

llmsched_status llmsched_plan_get_gpu(const llmsched_plan *plan, uint32_t index,
                                      llmsched_plan_gpu *gpu, llmsched_error *err)
{
    llmsched_status status =
        find(plan, gpu, "gpu", index, plan != NULL ? plan->info.gpu_count : 0, err);
    if (status != LLMSCHED_OK)
        return status;
    return lls_sized_out(gpu, &plan->gpus[index], sizeof *gpu, sizeof *gpu, "llmsched_plan_gpu",
                         err);
}

llmsched_status llmsched_plan_get_autoscaler(const llmsched_plan *plan,
                                             llmsched_autoscaler *autoscaler, llmsched_error *err)
{
    llmsched_status status = find(plan, autoscaler, "autoscaler", 0, 1, err);
    if (status != LLMSCHED_OK)
        return status;
    return lls_sized_out(autoscaler, &plan->autoscaler, sizeof *autoscaler, sizeof *autoscaler,
                         "llmsched_autoscaler", err);
}
