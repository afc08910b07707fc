/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell scripts that bring a plan's replicas up, one node at a time: a domain is taken to be a
 * node whose GPUs CUDA numbers from 0 in the order of the cluster.
 */
#include <math.h>
#include <string.h>

#include "placement.h"
#include "shell.h"

enum { MOST_MPS_CLIENTS = 48 };
static const double MIB = 1048576.0;

/* --- what the scripts share ----------------------------------------------------------------- */

static bool shares_gpu(const struct placement *p, uint32_t replica)
{
    const llmsched_plan_replica *r = &p->replicas[replica];
    for (uint32_t g = 0; g < r->gpu_count; g++)
        if (p->gpus[r->gpus[g]].replicas > 1)
            return true;
    return false;
}

/* Some replica of the domain does not have its GPUs whole and for itself. */
static bool needs_mps(const struct placement *p, uint32_t domain)
{
    for (uint32_t i = 0; i < p->info.replica_count; i++)
        if (replica_domain(p, i) == domain && !replica_is_alone(p, i))
            return true;
    return false;
}

static bool has_replicas(const struct placement *p, uint32_t domain)
{
    for (uint32_t i = 0; i < p->info.replica_count; i++)
        if (replica_domain(p, i) == domain)
            return true;
    return false;
}

/* One server of MPS takes so many clients on a GPU (Volta and later). */
static bool check_clients(const struct placement *p)
{
    for (uint32_t g = 0; g < p->info.gpu_count; g++)
        if (p->gpus[g].replicas > MOST_MPS_CLIENTS)
            return cannot_express(p, "%u replicas on GPU %.100s, and MPS takes %d",
                                  p->gpus[g].replicas, p->gpus[g].id, MOST_MPS_CLIENTS);
    return true;
}

static void put_devices(const struct placement *p, uint32_t replica, FILE *file)
{
    const llmsched_plan_replica *r = &p->replicas[replica];
    for (uint32_t g = 0; g < r->gpu_count; g++)
        fprintf(file, "%s%u", g > 0 ? "," : "", p->ordinal[r->gpus[g]]);
}

/* Percents of a GPU's threads; MPS rounds up to whole multiprocessors. */
static void put_percentage(const struct placement *p, uint32_t replica, FILE *file)
{
    fprintf(file, "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=%.4g",
            100.0 * fmin(1.0, p->models[p->replicas[replica].model].share));
}

static void put_title(const struct placement *p, uint32_t replica, FILE *file)
{
    fputs("# ", file);
    shell_comment(file, p->models[p->replicas[replica].model].model);
    fprintf(file, ", replica %u of the plan", replica);
}

/* --- engines --------------------------------------------------------------------------------- */

struct engine {
    const char *name;
    void (*put_command)(const struct placement *p, uint32_t replica, FILE *file);
};

static void put_vllm(const struct placement *p, uint32_t replica, FILE *file)
{
    const llmsched_plan_model *m = &p->models[p->replicas[replica].model];
    fputs("vllm serve ", file);
    shell_word(file, m->model);
    fputs(" --served-model-name ", file);
    shell_word(file, m->model);
    fprintf(file,
            " \\\n            --tensor-parallel-size %u --max-num-seqs %u "
            "--gpu-memory-utilization %.4f \\\n            --host 0.0.0.0 --port %u",
            m->tp, m->batch, memory_fraction(p, replica, 0.0), FIRST_PORT + replica);
}

/* The static part is weights and caches, without what else an engine takes. */
static void put_sglang(const struct placement *p, uint32_t replica, FILE *file)
{
    uint32_t number = p->replicas[replica].model;
    const llmsched_plan_model *m = &p->models[number];
    fputs("python3 -m sglang.launch_server --model-path ", file);
    shell_word(file, m->model);
    fputs(" --served-model-name ", file);
    shell_word(file, m->model);
    fprintf(file,
            " \\\n            --tp-size %u --max-running-requests %u --mem-fraction-static %.4f "
            "\\\n            --host 0.0.0.0 --port %u",
            m->tp, m->batch, memory_fraction(p, replica, p->runtime_bytes[number]),
            FIRST_PORT + replica);
}

static void put_header(const struct placement *p, const char *name, FILE *file)
{
    fprintf(
        file,
        "#!/bin/sh\n# %s engines of a plan by llmsched. Run on each node:\n#   sh FILE%s\n"
        "# where the node's GPUs are numbered as in the cluster, from 0, and model names are\n"
        "# such that the engine finds them. Ports are %d plus the replica's number.\nset -eu\n\n",
        name, p->domain_count > 1 ? " NODE" : "", FIRST_PORT);
}

/* Engines that share a GPU measure its memory when they start: one after another. */
static void put_wait_function(FILE *file)
{
    fputs("up() { # port, process: waits until the engine answers\n"
          "    until curl -fs \"http://127.0.0.1:$1/health\" >/dev/null 2>&1; do\n"
          "        kill -0 \"$2\" || exit 1\n"
          "        sleep 1\n"
          "    done\n"
          "}\n\n",
          file);
}

static void put_engine(const struct placement *p, const struct engine *engine, uint32_t replica,
                       FILE *file)
{
    fputs("    ", file);
    put_title(p, replica, file);
    fputs("\n    CUDA_VISIBLE_DEVICES=", file);
    put_devices(p, replica, file);
    if (!replica_is_alone(p, replica)) {
        fputc(' ', file);
        put_percentage(p, replica, file);
    }
    fputs(" \\\n        ", file);
    engine->put_command(p, replica, file);
    fputs(" &\n", file);
    if (shares_gpu(p, replica))
        fprintf(file, "    up %u $!\n", FIRST_PORT + replica);
}

static void put_node(const struct placement *p, const struct engine *engine, uint32_t domain,
                     FILE *file)
{
    shell_word(file, p->domains[domain]);
    fputs(")\n", file);
    if (needs_mps(p, domain))
        fputs("    nvidia-cuda-mps-control -d\n", file);
    for (uint32_t i = 0; i < p->info.replica_count; i++)
        if (replica_domain(p, i) == domain)
            put_engine(p, engine, i, file);
    fputs("    ;;\n", file);
}

static bool any_shares(const struct placement *p)
{
    for (uint32_t i = 0; i < p->info.replica_count; i++)
        if (shares_gpu(p, i))
            return true;
    return false;
}

static bool put_script(const struct placement *p, const struct engine *engine, FILE *file)
{
    if (!check_words(p) || !check_clients(p) || !check_ports(p))
        return false;
    put_header(p, engine->name, file);
    if (any_shares(p))
        put_wait_function(file);
    fputs("case \"${1-", file);
    if (p->domain_count == 1)
        fputs("the-only-node", file);
    fputs("}\" in\n", file);
    for (uint32_t d = 0; d < p->domain_count; d++) {
        if (p->domain_count > 1 && !has_replicas(p, d))
            continue;
        if (p->domain_count == 1)
            fputs("the-only-node | ", file);
        put_node(p, engine, d, file);
    }
    fputs("*)\n    echo \"usage: sh FILE NODE, a node of the plan\" >&2\n    exit 2\n    ;;\nesac\n"
          "wait\n",
          file);
    return true;
}

bool render_vllm(const struct placement *p, FILE *file)
{
    static const struct engine engine = {"vLLM", put_vllm};
    return put_script(p, &engine, file);
}

bool render_sglang(const struct placement *p, FILE *file)
{
    static const struct engine engine = {"SGLang", put_sglang};
    for (uint32_t g = 0; g < p->info.gpu_count; g++)
        if (p->gpus[g].replicas > 1)
            return cannot_express(p,
                                  "%u replicas share GPU %.100s, and SGLang's memory fraction is "
                                  "of what is free at its start",
                                  p->gpus[g].replicas, p->gpus[g].id);
    return put_script(p, &engine, file);
}

/* --- MPS ------------------------------------------------------------------------------------- */

static void put_limits(const struct placement *p, uint32_t replica, FILE *file)
{
    const llmsched_plan_model *m = &p->models[p->replicas[replica].model];
    fputs("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=", file);
    for (uint32_t g = 0; g < m->tp; g++)
        fprintf(file, "%s%u=%.0fM", g > 0 ? "," : "", g, floor(m->memory_bytes / MIB));
}

bool render_mps(const struct placement *p, FILE *file)
{
    if (!check_clients(p))
        return false;
    fputs("#!/bin/sh\n"
          "# CUDA MPS settings of a plan by llmsched. On each node:\n"
          "#   sh FILE start            brings the daemon up\n"
          "#   sh FILE N COMMAND...     runs a command with the GPUs, threads and memory of the\n"
          "#                            plan's replica N, on the node of that replica\n"
          "#   sh FILE stop\n"
          "# A node's GPUs are numbered as in the cluster, from 0.\nset -eu\n\n"
          "case \"${1-}\" in\n"
          "start)\n    exec nvidia-cuda-mps-control -d\n    ;;\n"
          "stop)\n    echo quit | nvidia-cuda-mps-control\n    ;;\n",
          file);
    for (uint32_t i = 0; i < p->info.replica_count; i++) {
        fprintf(file, "%u)\n    ", i);
        put_title(p, i, file);
        fputs(", on node ", file);
        shell_comment(file, p->domains[replica_domain(p, i)]);
        fputs("\n    export CUDA_VISIBLE_DEVICES=", file);
        put_devices(p, i, file);
        fputs("\n    export ", file);
        put_percentage(p, i, file);
        fputs("\n    export ", file);
        put_limits(p, i, file);
        fputs("\n    shift\n    exec \"$@\"\n    ;;\n", file);
    }
    fputs("*)\n    echo \"usage: sh FILE start|stop|N COMMAND...\" >&2\n    exit 2\n    ;;\nesac\n",
          file);
    return true;
}
