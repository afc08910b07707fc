/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster: GPUs one by one, and from a short string. */
#include "place/internal.h"

#include <stdio.h>
#include <string.h>

/* Message for a GPU that was given in a call of its own. */
static void name_gpu(const llmsched_gpu *gpu, char where[LLS_WHERE_BYTES])
{
    snprintf(where, LLS_WHERE_BYTES, "gpu \"%.80s\": ", gpu->id != NULL ? gpu->id : "");
}

static llmsched_status check_gpu(const llmsched_planner *planner, const llmsched_gpu *gpu,
                                 const char *where, llmsched_error *err)
{
    llmsched_status status = lls_check_name(gpu->id, where, "id", err);
    if (status == LLMSCHED_OK)
        status = lls_check_name(gpu->kind, where, "kind", err);
    if (status == LLMSCHED_OK)
        status = lls_check_name(gpu->domain, where, "domain", err);
    if (status == LLMSCHED_OK)
        status = lls_check_positive(gpu->memory_bytes, where, "memory_bytes", err);
    if (status == LLMSCHED_OK && lls_map_get_str(&planner->gpu_numbers, gpu->id) != LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                        "%sid: \"%.80s\" is there already: ids must be unique", where, gpu->id);
    return status;
}

/* On failure the names added on the way are the caller's to take back. */
static bool append_gpu(llmsched_planner *planner, const llmsched_gpu *gpu)
{
    uint32_t kind = lls_planner_kind(planner, gpu->kind);
    uint32_t domain = kind != LLS_NONE32 ? lls_planner_domain(planner, gpu->domain) : LLS_NONE32;
    if (domain == LLS_NONE32 || planner->gpu_count == LLS_NONE32 - 1)
        return false;
    void *grown = planner->gpus;
    bool ok = lls_grow(planner->context, &grown, &planner->gpu_capacity,
                       (size_t)planner->gpu_count + 1, sizeof *planner->gpus);
    planner->gpus = grown;
    char *id = ok ? lls_strdup(planner->context, gpu->id) : NULL;
    if (id == NULL || !lls_map_put_str(&planner->gpu_numbers, id, planner->gpu_count)) {
        lls_free(planner->context, id);
        return false;
    }
    planner->gpus[planner->gpu_count++] = (lls_gpu){.id = id,
                                                    .kind = kind,
                                                    .domain = domain,
                                                    .position = planner->domains[domain].gpus++,
                                                    .memory = gpu->memory_bytes};
    return true;
}

llmsched_status lls_gpu_add(llmsched_planner *planner, const llmsched_gpu *gpu, const char *where,
                            llmsched_error *err)
{
    char own[LLS_WHERE_BYTES];
    if (where == NULL) {
        name_gpu(gpu, own);
        where = own;
    }
    llmsched_status status = check_gpu(planner, gpu, where, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_planner_mark mark = lls_planner_get_mark(planner);
    if (append_gpu(planner, gpu))
        return LLMSCHED_OK;
    lls_planner_roll_back(planner, mark);
    return lls_fail_memory(err);
}

llmsched_status llmsched_planner_add_gpu(llmsched_planner *planner, const llmsched_gpu *gpu,
                                         uint32_t *index, llmsched_error *err)
{
    if (planner == NULL || gpu == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "gpu");
    llmsched_gpu given;
    llmsched_status status =
        lls_sized_in(&given, sizeof given, gpu, sizeof given, "llmsched_gpu", err);
    if (status == LLMSCHED_OK)
        status = lls_gpu_add(planner, &given, NULL, err);
    if (status == LLMSCHED_OK && index != NULL)
        *index = planner->gpu_count - 1;
    return status;
}

uint32_t llmsched_planner_gpu_count(const llmsched_planner *planner)
{
    return planner != NULL ? planner->gpu_count : 0;
}

llmsched_status llmsched_planner_get_gpu(const llmsched_planner *planner, uint32_t index,
                                         llmsched_gpu *gpu, llmsched_error *err)
{
    if (planner == NULL || gpu == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "gpu");
    if (index >= planner->gpu_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "no gpu %u: the planner has %u",
                        (unsigned)index, (unsigned)planner->gpu_count);
    const lls_gpu *g = &planner->gpus[index];
    llmsched_gpu now = {.size = sizeof now,
                        .id = g->id,
                        .kind = planner->kinds[g->kind],
                        .domain = planner->domains[g->domain].name,
                        .memory_bytes = g->memory};
    return lls_sized_out(gpu, &now, sizeof now, sizeof now, "llmsched_gpu", err);
}

/* --- the short string ------------------------------------------------------------- */

static const struct {
    const char *name;
    double gib;
} kinds[] = {{"a100-40g", 40},   {"a100-80g", 80}, {"h100-80g", 80}, {"h200-141g", 141},
             {"b200-192g", 192}, {"l4-24g", 24},   {"l40s-48g", 48}, {"t4-16g", 16}};

/* More than any cluster has, and so few that a slip does not fill the memory. */
enum { MOST_SHORT_GPUS = 1 << 20 };

/* Reads a number of 1 .. MOST_SHORT_GPUS and the 'x' behind it; 0: there is none. */
static uint32_t read_count(const char **text)
{
    uint32_t value = 0;
    const char *t = *text;
    for (; *t >= '0' && *t <= '9'; t++) {
        value = value * 10 + (uint32_t)(*t - '0');
        if (value > MOST_SHORT_GPUS)
            return 0;
    }
    if (*t != 'x')
        return 0;
    *text = t + 1;
    return value;
}

static llmsched_status refuse_part(const char *part, llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_PARSE,
                    "cluster: \"%.*s\": expected nodes x GPUs x kind, as in \"2x8xh100-80g\", with "
                    "one of the kinds a100-40g a100-80g h100-80g h200-141g b200-192g l4-24g "
                    "l40s-48g t4-16g",
                    (int)(strcspn(part, "+") < 60 ? strcspn(part, "+") : 60), part);
}

static llmsched_status add_nodes(llmsched_planner *planner, uint32_t first, uint32_t nodes,
                                 uint32_t gpus, uint32_t kind, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t n = first; n < first + nodes; n++)
        for (uint32_t g = 0; status == LLMSCHED_OK && g < gpus; g++) {
            char id[32], domain[16];
            snprintf(id, sizeof id, "n%ug%u", (unsigned)n, (unsigned)g);
            snprintf(domain, sizeof domain, "n%u", (unsigned)n);
            llmsched_gpu gpu = {.size = sizeof gpu,
                                .id = id,
                                .kind = kinds[kind].name,
                                .domain = domain,
                                .memory_bytes = kinds[kind].gib * 1073741824.0};
            status = lls_gpu_add(planner, &gpu, NULL, err);
        }
    return status;
}

/* One part, which *text begins with, and the '+' behind it; *text is NULL after the last. */
static llmsched_status add_part(llmsched_planner *planner, const char **text, uint32_t *node,
                                uint32_t *total, llmsched_error *err)
{
    const char *part = *text, *t = part;
    uint32_t nodes = read_count(&t), gpus = nodes > 0 ? read_count(&t) : 0, kind = 0;
    size_t length = strcspn(t, "+");
    while (kind < LLS_COUNT(kinds) &&
           (strlen(kinds[kind].name) != length || strncmp(kinds[kind].name, t, length) != 0))
        kind++;
    if (nodes == 0 || gpus == 0 || kind == LLS_COUNT(kinds))
        return refuse_part(part, err);
    if ((uint64_t)nodes * gpus > MOST_SHORT_GPUS - *total)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "cluster: more than %u GPUs: give them as JSON or one by one",
                        (unsigned)MOST_SHORT_GPUS);
    llmsched_status status = add_nodes(planner, *node, nodes, gpus, kind, err);
    *node += nodes;
    *total += nodes * gpus;
    *text = t[length] == '+' ? t + length + 1 : NULL;
    return status;
}

llmsched_status llmsched_planner_add_gpus(llmsched_planner *planner, const char *cluster,
                                          llmsched_error *err)
{
    if (planner == NULL || cluster == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "cluster");
    lls_planner_mark mark = lls_planner_get_mark(planner);
    uint32_t node = 0, total = 0;
    llmsched_status status = LLMSCHED_OK;
    while (status == LLMSCHED_OK && cluster != NULL)
        status = add_part(planner, &cluster, &node, &total, err);
    if (status != LLMSCHED_OK)
        lls_planner_roll_back(planner, mark);
    return status;
}
