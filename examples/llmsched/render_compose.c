/* SPDX-License-Identifier: Apache-2.0 */
/* Docker Compose: a service for each replica, on one host. */
#include "manifest.h"
#include "yaml.h"

static const char IMAGE[] = "vllm/vllm-openai:v0.14.0";

static void put_number_item(struct yaml *yaml, const char *format, double value)
{
    char text[40];
    snprintf(text, sizeof text, format, value);
    yaml_string_item(yaml, text);
}

static void put_command(const struct placement *p, uint32_t replica, struct yaml *yaml)
{
    const llmsched_plan_model *m = &p->models[p->replicas[replica].model];
    yaml_list(yaml, "entrypoint");
    yaml_string_item(yaml, "vllm");
    yaml_string_item(yaml, "serve");
    yaml_end(yaml);
    yaml_list(yaml, "command");
    yaml_string_item(yaml, m->model);
    yaml_string_item(yaml, "--served-model-name");
    yaml_string_item(yaml, m->model);
    yaml_string_item(yaml, "--tensor-parallel-size");
    put_number_item(yaml, "%.0f", m->tp);
    yaml_string_item(yaml, "--max-num-seqs");
    put_number_item(yaml, "%.0f", m->batch);
    yaml_string_item(yaml, "--gpu-memory-utilization");
    put_number_item(yaml, "%.4f", memory_fraction(p, replica, 0.0));
    yaml_end(yaml);
}

static void put_devices(const struct placement *p, uint32_t replica, struct yaml *yaml)
{
    const llmsched_plan_replica *r = &p->replicas[replica];
    yaml_map(yaml, "deploy");
    yaml_map(yaml, "resources");
    yaml_map(yaml, "reservations");
    yaml_list(yaml, "devices");
    yaml_item(yaml);
    yaml_string(yaml, "driver", "nvidia");
    yaml_list(yaml, "device_ids");
    for (uint32_t g = 0; g < r->gpu_count; g++)
        put_number_item(yaml, "%.0f", p->ordinal[r->gpus[g]]);
    yaml_end(yaml);
    yaml_list(yaml, "capabilities");
    yaml_string_item(yaml, "gpu");
    yaml_end(yaml);
    for (int i = 0; i < 5; i++)
        yaml_end(yaml);
}

static void put_service(const struct placement *p, uint32_t replica, const char *name,
                        struct yaml *yaml)
{
    char text[120];
    snprintf(text, sizeof text, "%s-r%u", name, replica_rank(p, replica));
    yaml_map(yaml, text);
    yaml_string(yaml, "image", IMAGE);
    yaml_string(yaml, "ipc", "host"); /* tensor parallelism talks through shared memory */
    put_command(p, replica, yaml);
    yaml_list(yaml, "ports");
    snprintf(text, sizeof text, "%u:8000", FIRST_PORT + replica);
    yaml_string_item(yaml, text);
    yaml_end(yaml);
    put_devices(p, replica, yaml);
    yaml_end(yaml);
}

/* Compose knows one host. */
static bool check_host(const struct placement *p)
{
    for (uint32_t i = 1; i < p->info.replica_count; i++)
        if (replica_domain(p, i) != replica_domain(p, 0))
            return cannot_express(p,
                                  "replicas run in domains %.100s and %.100s, and a Compose "
                                  "file is for one host",
                                  p->domains[replica_domain(p, 0)],
                                  p->domains[replica_domain(p, i)]);
    if (p->info.replica_count == 0)
        return cannot_express(p, "it has no replicas");
    return check_ports(p);
}

bool render_compose(const struct placement *p, FILE *file)
{
    if (!check_words(p) || !check_host(p) || !check_whole(p, "Compose reserves GPUs whole"))
        return false;
    struct yaml yaml = {.file = file};
    char **names = manifest_names(p);
    yaml_map(&yaml, "services");
    for (uint32_t i = 0; i < p->info.replica_count; i++)
        put_service(p, i, names[p->replicas[i].model], &yaml);
    yaml_end(&yaml);
    manifest_names_release(p, names);
    return true;
}
