/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ray Serve: one application with an LLMConfig for each model. Ray chooses the GPUs; it counts
 * fractions of them without holding anyone to one, so a replica's fraction is the largest of its
 * shares of compute, memory and bandwidth, and MPS, if its daemon runs, holds it to its compute.
 */
#include <math.h>
#include <string.h>

#include "manifest.h"
#include "yaml.h"

/* ray.util.accelerators */
static const char *const ACCELERATORS[][2] = {
    {"a100-40g", "A100-40G"}, {"a100-80g", "A100-80G"}, {"h100-80g", "H100"}, {"h200-141g", "H200"},
    {"b200-192g", "B200"},    {"l4-24g", "L4"},         {"l40s-48g", "L40S"}, {"t4-16g", "T4"}};

static const char *accelerator_of(const char *kind)
{
    for (size_t i = 0; i < COUNT_OF(ACCELERATORS); i++)
        if (strcmp(ACCELERATORS[i][0], kind) == 0)
            return ACCELERATORS[i][1];
    return NULL;
}

static bool is_whole(const struct placement *p, const llmsched_plan_model *model)
{
    for (uint32_t i = 0; i < model->replica_count; i++)
        if (!replica_is_alone(p, model->first_replica + i))
            return false;
    return model->share >= 1.0;
}

/* Ray counts in steps of 1e-4; upwards, so that what fits by Ray's count fits. */
static double fraction_of(const struct placement *p, const llmsched_plan_model *model)
{
    double part = fmax(model->share, model->bandwidth);
    if (is_whole(p, model))
        return 1.0;
    for (uint32_t i = 0; i < model->replica_count; i++)
        part = fmax(part, model->memory_bytes /
                              replica_gpu(p, model->first_replica + i, 0)->memory_bytes);
    return fmin(1.0, ceil(1e4 * part - 1e-6) / 1e4);
}

static bool check_model(const struct placement *p, const llmsched_plan_model *model)
{
    if (has_several_kinds(p) && accelerator_of(model->gpu) == NULL)
        return cannot_express(p,
                              "GPUs of kind %.60s are no accelerator type, and the cluster has "
                              "several kinds",
                              model->gpu);
    if (model->tp > 1 && !is_whole(p, model))
        return cannot_express(p,
                              "model %.100s shares %u GPUs, and Ray may put fractions of one "
                              "replica on one GPU",
                              model->model, model->tp);
    return true;
}

/* Ray may pack as the plan does: otherwise replicas would wait for room for ever. */
static bool check_gpus(const struct placement *p)
{
    for (uint32_t g = 0; g < p->info.gpu_count; g++) {
        double sum = 0.0;
        for (uint32_t i = p->residents.first[g]; i < p->residents.first[g + 1]; i++)
            sum += fraction_of(p, &p->models[p->replicas[p->residents.replicas[i]].model]);
        if (sum > 1.0 + 1e-9)
            return cannot_express(p,
                                  "on GPU %.100s the largest of each replica's shares of compute, "
                                  "memory and bandwidth add up to %.4g, and Ray counts one "
                                  "fraction for all three",
                                  p->gpus[g].id, sum);
    }
    return true;
}

static void put_engine(const struct placement *p, const llmsched_plan_model *model,
                       struct yaml *yaml)
{
    double part = model->replica_count > 0 ? INFINITY : 1.0;
    for (uint32_t i = 0; i < model->replica_count; i++)
        part = fmin(part, memory_fraction(p, model->first_replica + i, 0.0));
    yaml_map(yaml, "engine_kwargs");
    yaml_number(yaml, "tensor_parallel_size", model->tp);
    yaml_number(yaml, "max_num_seqs", model->batch);
    yaml_number(yaml, "gpu_memory_utilization", part);
    yaml_end(yaml);
}

static void put_bundles(const struct placement *p, const llmsched_plan_model *model,
                        struct yaml *yaml)
{
    yaml_map(yaml, "placement_group_config");
    yaml_list(yaml, "bundles");
    for (uint32_t i = 0; i < model->tp; i++) {
        yaml_item(yaml);
        if (i == 0)
            yaml_number(yaml, "CPU", 1);
        yaml_number(yaml, "GPU", fraction_of(p, model));
        yaml_end(yaml);
    }
    yaml_end(yaml);
    yaml_string(yaml, "strategy", "STRICT_PACK"); /* on one node */
    yaml_end(yaml);
}

static void put_model(const struct placement *p, const llmsched_plan_model *model,
                      struct yaml *yaml)
{
    const char *accelerator = accelerator_of(model->gpu);
    char text[40];
    yaml_item(yaml);
    yaml_map(yaml, "model_loading_config");
    yaml_string(yaml, "model_id", model->model);
    yaml_string(yaml, "model_source", model->model);
    yaml_end(yaml);
    if (accelerator != NULL)
        yaml_string(yaml, "accelerator_type", accelerator);
    put_engine(p, model, yaml);
    yaml_map(yaml, "deployment_config");
    yaml_number(yaml, "num_replicas", model->replica_count);
    yaml_number(yaml, "max_ongoing_requests", model->batch);
    yaml_end(yaml);
    put_bundles(p, model, yaml);
    if (!is_whole(p, model)) {
        snprintf(text, sizeof text, "%.4g", 100.0 * fmin(1.0, model->share));
        yaml_map(yaml, "runtime_env");
        yaml_map(yaml, "env_vars");
        yaml_string(yaml, "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", text);
        yaml_end(yaml);
        yaml_end(yaml);
    }
    yaml_end(yaml);
}

bool render_ray(const struct placement *p, FILE *file)
{
    bool mps = false;
    if (p->info.model_count == 0)
        return cannot_express(p, "it has no models");
    for (uint32_t m = 0; m < p->info.model_count; m++) {
        if (p->models[m].replica_count == 0)
            return cannot_express(p, "model %.100s has no replica to start with",
                                  p->models[m].model);
        if (!check_model(p, &p->models[m]))
            return false;
        mps = mps || !is_whole(p, &p->models[m]);
    }
    if (!check_gpus(p))
        return false;
    struct yaml yaml = {.file = file};
    if (mps)
        fputs("# Needs nvidia-cuda-mps-control -d on every node before Ray starts there.\n", file);
    yaml_list(&yaml, "applications");
    yaml_item(&yaml);
    yaml_string(&yaml, "name", "llmsched");
    yaml_string(&yaml, "route_prefix", "/");
    yaml_string(&yaml, "import_path", "ray.serve.llm:build_openai_app");
    yaml_map(&yaml, "args");
    yaml_list(&yaml, "llm_configs");
    for (uint32_t m = 0; m < p->info.model_count; m++)
        put_model(p, &p->models[m], &yaml);
    for (int i = 0; i < 4; i++)
        yaml_end(&yaml);
    return true;
}
