/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KServe: an LLMInferenceService (serving.kserve.io/v1alpha1) for each model. Kubernetes chooses
 * the GPUs. Shares can be had from the stock device plugin where all are one 1/N of one GPU: its
 * MPS sharing cuts every GPU's threads and memory into N equal parts, of which a container may
 * have one.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "manifest.h"
#include "yaml.h"

static const char SHARED[] = "nvidia.com/gpu.shared", WHOLE[] = "nvidia.com/gpu";

/* Values of the label nvidia.com/gpu.product for a kind. */
static const struct {
    const char *kind;
    const char *products[3];
} PRODUCTS[] = {
    {"a100-40g", {"NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-PCIE-40GB"}},
    {"a100-80g", {"NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"}},
    {"h100-80g", {"NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-PCIe"}},
    {"h200-141g", {"NVIDIA-H200"}},
    {"b200-192g", {"NVIDIA-B200"}},
    {"l4-24g", {"NVIDIA-L4"}},
    {"l40s-48g", {"NVIDIA-L40S"}},
    {"t4-16g", {"Tesla-T4"}},
};

static const char *const *products_of(const char *kind)
{
    for (size_t i = 0; i < COUNT_OF(PRODUCTS); i++)
        if (strcmp(PRODUCTS[i].kind, kind) == 0)
            return PRODUCTS[i].products;
    return NULL;
}

/* --- what can be expressed ------------------------------------------------------------------- */

/* N where a share is 1/N, N at least 2; else 0. */
static uint32_t parts_of(double share)
{
    double parts = round(1.0 / share);
    return parts >= 2.0 && fabs(share * parts - 1.0) < 1e-6 ? (uint32_t)parts : 0;
}

/* Sets *parts to N where all shares are 1/N, to 1 where all GPUs are whole. */
static bool find_parts(const struct placement *p, uint32_t *parts)
{
    double share = p->info.model_count > 0 ? p->models[0].share : 1.0;
    for (uint32_t m = 1; m < p->info.model_count; m++)
        if (fabs(p->models[m].share - share) > 1e-9)
            return cannot_express(
                p,
                "models %.80s and %.80s have shares %.4g and %.4g, and the device "
                "plugin cuts all GPUs into equal parts",
                p->models[0].model, p->models[m].model, share, p->models[m].share);
    *parts = 1;
    if (share >= 1.0)
        return check_whole(p, "the device plugin gives GPUs whole");
    *parts = parts_of(share);
    return *parts > 0 ? true
                      : cannot_express(p,
                                       "the share %.4g is no whole part of a GPU, and the device "
                                       "plugin cuts GPUs into equal parts",
                                       share);
}

static bool check_parts(const struct placement *p, uint32_t parts)
{
    for (uint32_t m = 0; m < p->info.model_count && parts > 1; m++) {
        const llmsched_plan_model *model = &p->models[m];
        if (model->tp > 1)
            return cannot_express(p,
                                  "model %.100s has a share of %u GPUs, and the device plugin "
                                  "gives a container one shared GPU",
                                  model->model, model->tp);
        for (uint32_t i = 0; i < model->replica_count; i++)
            if (memory_fraction(p, model->first_replica + i, 0.0) > 1.0 / parts)
                return cannot_express(p,
                                      "model %.100s needs %.4g of a GPU's memory, and its part is "
                                      "1/%u of it",
                                      model->model,
                                      memory_fraction(p, model->first_replica + i, 0.0), parts);
    }
    return true;
}

static bool check_kinds(const struct placement *p)
{
    for (uint32_t m = 0; m < p->info.model_count && has_several_kinds(p); m++)
        if (products_of(p->models[m].gpu) == NULL)
            return cannot_express(p,
                                  "GPUs of kind %.60s have no known label, and the cluster has "
                                  "several kinds",
                                  p->models[m].gpu);
    return true;
}

static bool check_uris(const struct placement *p)
{
    for (uint32_t m = 0; m < p->info.model_count; m++)
        for (const char *c = p->models[m].model; *c != '\0'; c++)
            if (!isalnum((unsigned char)*c) && strchr("._-/", *c) == NULL)
                return cannot_express(p, "the model name %.100s is no part of a URI",
                                      p->models[m].model);
    return true;
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* Of the device plugin, to be named in its helm chart or the GPU operator. */
static void put_plugin(uint32_t parts, struct yaml *yaml)
{
    char text[256];
    snprintf(text, sizeof text,
             "version: v1\nsharing:\n  mps:\n    renameByDefault: true\n    resources:\n"
             "      - name: nvidia.com/gpu\n        replicas: %u\n",
             parts);
    yaml_document(yaml);
    fprintf(yaml->file, "# Every GPU in %u equal parts, for the NVIDIA device plugin.\n", parts);
    yaml_string(yaml, "apiVersion", "v1");
    yaml_string(yaml, "kind", "ConfigMap");
    yaml_map(yaml, "metadata");
    yaml_string(yaml, "name", "nvidia-device-plugin-sharing");
    yaml_end(yaml);
    yaml_map(yaml, "data");
    yaml_block(yaml, "sharing", text);
    yaml_end(yaml);
}

static void put_affinity(const char *const *products, struct yaml *yaml)
{
    yaml_map(yaml, "affinity");
    yaml_map(yaml, "nodeAffinity");
    yaml_map(yaml, "requiredDuringSchedulingIgnoredDuringExecution");
    yaml_list(yaml, "nodeSelectorTerms");
    yaml_item(yaml);
    yaml_list(yaml, "matchExpressions");
    yaml_item(yaml);
    yaml_string(yaml, "key", "nvidia.com/gpu.product");
    yaml_string(yaml, "operator", "In");
    yaml_list(yaml, "values");
    for (size_t i = 0; i < 3 && products[i] != NULL; i++)
        yaml_string_item(yaml, products[i]);
    for (int i = 0; i < 8; i++)
        yaml_end(yaml);
}

static double least_fraction(const struct placement *p, const llmsched_plan_model *model,
                             uint32_t parts)
{
    double least = model->replica_count > 0 ? INFINITY : 1.0 / parts;
    for (uint32_t i = 0; i < model->replica_count; i++)
        least = fmin(least, memory_fraction(p, model->first_replica + i, 0.0));
    return least;
}

static void put_container(const struct placement *p, const llmsched_plan_model *model,
                          uint32_t parts, struct yaml *yaml)
{
    char text[200];
    snprintf(text, sizeof text,
             "--tensor-parallel-size %u --max-num-seqs %u --gpu-memory-utilization %.4f", model->tp,
             model->batch, least_fraction(p, model, parts));
    yaml_list(yaml, "containers");
    yaml_item(yaml);
    yaml_string(yaml, "name", "main");
    yaml_list(yaml, "env");
    yaml_item(yaml);
    yaml_string(yaml, "name", "VLLM_ADDITIONAL_ARGS");
    yaml_string(yaml, "value", text);
    yaml_end(yaml);
    yaml_end(yaml);
    snprintf(text, sizeof text, "%u", model->tp);
    yaml_map(yaml, "resources");
    yaml_map(yaml, "requests");
    yaml_string(yaml, parts > 1 ? SHARED : WHOLE, text);
    yaml_end(yaml);
    yaml_map(yaml, "limits");
    yaml_string(yaml, parts > 1 ? SHARED : WHOLE, text);
    yaml_end(yaml);
    yaml_end(yaml);
    yaml_end(yaml);
    yaml_end(yaml);
}

static void put_service(const struct placement *p, const llmsched_plan_model *model,
                        const char *name, uint32_t parts, struct yaml *yaml)
{
    char *uri = format_text("hf://%s", model->model);
    yaml_document(yaml);
    yaml_string(yaml, "apiVersion", "serving.kserve.io/v1alpha1");
    yaml_string(yaml, "kind", "LLMInferenceService");
    yaml_map(yaml, "metadata");
    yaml_string(yaml, "name", name);
    yaml_end(yaml);
    yaml_map(yaml, "spec");
    yaml_map(yaml, "model");
    yaml_string(yaml, "uri", uri);
    yaml_string(yaml, "name", model->model);
    yaml_end(yaml);
    yaml_number(yaml, "replicas", model->replica_count);
    yaml_map(yaml, "parallelism");
    yaml_number(yaml, "tensor", model->tp);
    yaml_end(yaml);
    yaml_map(yaml, "router");
    yaml_empty(yaml, "route");
    yaml_empty(yaml, "gateway");
    yaml_empty(yaml, "scheduler");
    yaml_end(yaml);
    yaml_map(yaml, "template");
    put_container(p, model, parts, yaml);
    if (has_several_kinds(p))
        put_affinity(products_of(model->gpu), yaml);
    yaml_end(yaml);
    yaml_end(yaml);
    free(uri);
}

bool render_kserve(const struct placement *p, FILE *file)
{
    uint32_t parts;
    if (!find_parts(p, &parts) || !check_parts(p, parts) || !check_kinds(p) || !check_uris(p))
        return false;
    struct yaml yaml = {.file = file};
    char **names = manifest_names(p);
    if (parts > 1)
        put_plugin(parts, &yaml);
    for (uint32_t m = 0; m < p->info.model_count; m++)
        put_service(p, &p->models[m], names[m], parts, &yaml);
    manifest_names_release(p, names);
    return true;
}
