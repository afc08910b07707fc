/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MuxServe's placement (Duan et al., ICML 2024): the cluster is split into meshes; each model, by
 * falling rate times size, goes whole onto the mesh where the estimated throughput rises most, with
 * the least share that serves its rate alone; of all splits the one of the greatest throughput is
 * taken (docs/algorithms.md section 8.7). Reconstructed from the paper; a model's batch is its
 * configuration's.
 */
#include "place/rivals/muxserve.h"

#include "place/rivals/splits.h"

#include <math.h>

/* Shares on a mesh may sum to this, as the paper allows. */
#define MOST_SHARE 1.2

/* A model in a configuration: its batch needs `decode` seconds for all output tokens and `prefill`
 * for all prompts. */
typedef struct tenant {
    double rate, batch, decode, prefill;
    uint32_t model;
    uint32_t config; /* in the present split */
    uint32_t mesh;
} tenant;

typedef struct mesh {
    uint32_t domain, position, log_size;
    uint32_t kind; /* LLS_NONE32: of several */
    double room;   /* least memory of its GPUs, bytes */
    double memory, share, throughput;
} mesh;

typedef struct mux {
    const llmsched_planner *planner;
    const lls_cluster *cluster;
    const lls_demands *demands;
    tenant *tenants; /* by falling rate * size */
    uint32_t tenant_count;
    mesh *meshes;
    uint32_t mesh_count;
} mux;

/* --- the estimator ------------------------------------------------------------------ */

/* What a configuration makes of a model: the rate alone is batch / (decode + prefill). */
static void measure(const mux *x, tenant *t, uint32_t config)
{
    const lls_config *c = &x->planner->models[t->model].configs[config];
    const lls_demand *demand = &x->demands->models[t->model];
    t->config = config;
    t->batch = c->max_batch;
    t->decode = demand->steps * lls_curve_decode(&c->curve, t->batch, demand->context);
    t->prefill = t->batch * lls_demand_prefill(demand, &c->curve);
}

static double rate_of(const tenant *t, double prefills)
{
    double seconds = t->decode + prefills;
    return seconds > 0.0 ? t->batch / seconds : INFINITY;
}

/* Of the models on a mesh, among the first so many, and one more where it is not NULL: a model is
 * slowed by the prompts of all of them. */
static double throughput(const mux *x, uint32_t m, uint32_t placed, const tenant *more)
{
    double prefills = more != NULL ? more->prefill : 0.0, sum = 0.0;
    for (uint32_t i = 0; i < placed; i++)
        if (x->tenants[i].mesh == m)
            prefills += x->tenants[i].prefill;
    for (uint32_t i = 0; i < placed; i++)
        if (x->tenants[i].mesh == m)
            sum += fmin(x->tenants[i].rate, rate_of(&x->tenants[i], prefills));
    return more != NULL ? sum + fmin(more->rate, rate_of(more, prefills)) : sum;
}

/* --- one split ------------------------------------------------------------------------ */

static bool goes_before(double share, double rate, double best_share, double best_rate,
                        double wanted)
{
    bool serves = rate >= wanted, best_serves = best_rate >= wanted;
    if (serves != best_serves)
        return serves;
    return serves ? share < best_share : share > best_share;
}

/* The least share on such a mesh that serves the model's rate alone, else the greatest. */
static bool pick_config(const mux *x, const mesh *m, tenant *t)
{
    const lls_model *model = &x->planner->models[t->model];
    double best_share = 0.0, best_rate = 0.0;
    uint32_t best = LLS_NONE32;
    for (uint32_t c = 0; c < model->config_count; c++) {
        const lls_config *config = &model->configs[c];
        if (config->kind != m->kind || config->tp != UINT32_C(1) << m->log_size)
            continue;
        measure(x, t, c);
        double rate = rate_of(t, t->prefill);
        if (best == LLS_NONE32 ||
            goes_before(config->share, rate, best_share, best_rate, t->rate)) {
            best = c;
            best_share = config->share;
            best_rate = rate;
        }
    }
    if (best != LLS_NONE32)
        measure(x, t, best);
    return best != LLS_NONE32;
}

static double bytes_of(const mux *x, const tenant *t)
{
    const lls_model *model = &x->planner->models[t->model];
    const lls_config *config = &model->configs[t->config];
    return lls_replica_bytes(model, config->tp, config->max_batch,
                             x->demands->models[t->model].tokens);
}

/* Two meshes with nothing on them that differ in nothing but where they lie. */
static bool are_alike(const mesh *a, const mesh *b)
{
    return a->share == 0.0 && b->share == 0.0 && a->log_size == b->log_size && a->kind == b->kind &&
           a->room == b->room;
}

/* The i-th model goes where the throughput rises most, of equal meshes to the first. */
static bool place_tenant(mux *x, uint32_t i)
{
    tenant best = {.mesh = LLS_NONE32};
    double best_gain = 0.0;
    for (uint32_t m = 0; m < x->mesh_count; m++) {
        mesh *on = &x->meshes[m];
        tenant t = x->tenants[i];
        if ((m > 0 && are_alike(on, on - 1)) || !pick_config(x, on, &t))
            continue;
        double share = x->planner->models[t.model].configs[t.config].share;
        if (on->share + share > MOST_SHARE * (1.0 + LLS_PLACE_SLACK) ||
            on->memory + bytes_of(x, &t) > on->room * (1.0 + LLS_PLACE_SLACK))
            continue;
        double gain = throughput(x, m, i, &t) - on->throughput;
        if (best.mesh == LLS_NONE32 || gain > best_gain + LLS_PLACE_EQUAL * t.rate) {
            best = t;
            best.mesh = m;
            best_gain = gain;
        }
    }
    if (best.mesh == LLS_NONE32)
        return false;
    x->tenants[i] = best;
    mesh *on = &x->meshes[best.mesh];
    on->share += x->planner->models[best.model].configs[best.config].share;
    on->memory += bytes_of(x, &best);
    on->throughput = throughput(x, best.mesh, i + 1, NULL);
    return true;
}

static void add_mesh(mux *x, uint32_t domain, uint32_t position, uint32_t log_size)
{
    const uint32_t *gpus = x->cluster->ordered + x->cluster->domain_start[domain] + position;
    const lls_gpu *first = &x->planner->gpus[gpus[0]];
    mesh m = {.domain = domain,
              .position = position,
              .log_size = log_size,
              .kind = first->kind,
              .room = first->memory};
    for (uint32_t g = 1; g < UINT32_C(1) << log_size; g++) {
        const lls_gpu *gpu = &x->planner->gpus[gpus[g]];
        m.kind = gpu->kind == m.kind ? m.kind : LLS_NONE32;
        m.room = fmin(m.room, gpu->memory);
    }
    x->meshes[x->mesh_count++] = m;
}

static void set_meshes(mux *x, const lls_splits *splits)
{
    x->mesh_count = 0;
    for (uint32_t d = 0; d < splits->domain_count; d++) {
        const lls_cut *cut = lls_splits_cut(splits, d);
        uint32_t position = 0;
        for (uint32_t k = LLS_SPLIT_SIZES; k-- > 0;)
            for (uint32_t n = 0; n < cut->meshes[k]; n++, position += UINT32_C(1) << k)
                add_mesh(x, d, position, k);
    }
}

/* Places all models on the present split; the sum of the throughputs, negative where one found no
 * room. */
static double try_split(mux *x, const lls_splits *splits)
{
    set_meshes(x, splits);
    for (uint32_t i = 0; i < x->tenant_count; i++)
        if (!place_tenant(x, i))
            return -1.0;
    double sum = 0.0;
    for (uint32_t m = 0; m < x->mesh_count; m++)
        sum += x->meshes[m].throughput;
    return sum;
}

/* --- all splits ------------------------------------------------------------------------ */

static void keep(const mux *x, double sum, lls_mux_placement *placement)
{
    placement->throughput = sum;
    placement->count = x->tenant_count;
    for (uint32_t i = 0; i < x->tenant_count; i++) {
        const tenant *t = &x->tenants[i];
        uint32_t place = 0;
        for (uint32_t j = 0; j < x->tenant_count; j++)
            place += x->tenants[j].model < t->model;
        const mesh *m = &x->meshes[t->mesh];
        placement->guests[place] = (lls_mux_guest){t->model, t->config, m->domain, m->position};
    }
}

static double size_of(const mux *x, const tenant *t)
{
    return t->rate * x->planner->models[t->model].weight;
}

/* By falling rate times size, equal ones by number. */
static void list_tenants(mux *x)
{
    for (uint32_t m = 0; m < x->planner->model_count; m++) {
        tenant t = {.model = m, .rate = x->demands->models[m].load};
        if (t.rate <= 0.0)
            continue;
        uint32_t at = x->tenant_count++;
        for (; at > 0 && size_of(x, &x->tenants[at - 1]) < size_of(x, &t); at--)
            x->tenants[at] = x->tenants[at - 1];
        x->tenants[at] = t;
    }
}

/* Whether two domains have the same GPUs in the same order. */
static bool are_same(const mux *x, uint32_t a, uint32_t b)
{
    const uint32_t *starts = x->cluster->domain_start, *ordered = x->cluster->ordered;
    uint32_t count = starts[a + 1] - starts[a];
    if (starts[b + 1] - starts[b] != count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const lls_gpu *one = &x->planner->gpus[ordered[starts[a] + i]];
        const lls_gpu *other = &x->planner->gpus[ordered[starts[b] + i]];
        if (one->kind != other->kind || one->memory != other->memory)
            return false;
    }
    return true;
}

static llmsched_status begin_splits(const mux *x, lls_splits *splits, llmsched_error *err)
{
    const llmsched_context *context = x->planner->context;
    uint32_t domains = x->planner->domain_count;
    uint32_t *sizes = lls_calloc(context, 2 * (size_t)domains, sizeof *sizes);
    if (sizes == NULL)
        return lls_fail_memory(err);
    uint32_t *alike = sizes + domains;
    for (uint32_t d = 0; d < domains; d++) {
        sizes[d] = x->cluster->domain_start[d + 1] - x->cluster->domain_start[d];
        while (alike[d] < d && !are_same(x, alike[d], d))
            alike[d]++;
    }
    bool ok = lls_splits_init(splits, context, sizes, alike, domains);
    lls_free(context, sizes);
    return ok ? LLMSCHED_OK : lls_fail_memory(err);
}

static llmsched_status try_splits(mux *x, lls_mux_placement *placement, llmsched_error *err)
{
    lls_splits splits;
    llmsched_status status = begin_splits(x, &splits, err);
    if (status != LLMSCHED_OK)
        return status;
    bool found = false;
    do {
        double sum = try_split(x, &splits);
        if (sum >= 0.0 && (!found || sum > placement->throughput * (1.0 + LLS_PLACE_EQUAL))) {
            keep(x, sum, placement);
            found = true;
        }
    } while (lls_splits_next(&splits));
    lls_splits_finish(&splits);
    return found ? LLMSCHED_OK : LLMSCHED_NONE;
}

llmsched_status lls_mux_place(const lls_cluster *cluster, const lls_demands *demands,
                              lls_mux_placement *placement, llmsched_error *err)
{
    const llmsched_planner *planner = cluster->planner;
    const llmsched_context *context = planner->context;
    mux x = {.planner = planner, .demands = demands, .cluster = cluster};
    *placement = (lls_mux_placement){0};
    x.tenants = lls_calloc(context, planner->model_count, sizeof *x.tenants);
    x.meshes = lls_calloc(context, planner->gpu_count, sizeof *x.meshes);
    placement->guests = lls_calloc(context, planner->model_count, sizeof *placement->guests);
    llmsched_status status;
    if (x.tenants != NULL && x.meshes != NULL && placement->guests != NULL) {
        list_tenants(&x);
        status = try_splits(&x, placement, err);
    } else {
        status = lls_fail_memory(err);
    }
    lls_free(context, x.tenants);
    lls_free(context, x.meshes);
    if (status != LLMSCHED_OK)
        lls_mux_finish(context, placement);
    return status;
}

void lls_mux_finish(const llmsched_context *context, lls_mux_placement *placement)
{
    lls_free(context, placement->guests);
    *placement = (lls_mux_placement){0};
}
