# SPDX-License-Identifier: Apache-2.0
"""Names of fields and flags as their projects publish them: what rendered files may hold.

A mapping gives the fields of an object; a list of one gives those of each item; ANY is a value whose inside is the
user's. Only the parts of an object that a plan could ever name are listed.
"""

ANY = object()

# docs.docker.com, Compose file reference: services, deploy; "Run Docker Compose services with GPU access".
COMPOSE = {
    "name": ANY,
    "services": {
        "*": {
            "image": ANY,
            "command": [ANY],
            "entrypoint": ANY,
            "environment": ANY,
            "ports": [ANY],
            "volumes": ANY,
            "ipc": ANY,
            "shm_size": ANY,
            "restart": ANY,
            "runtime": ANY,
            "depends_on": ANY,
            "healthcheck": ANY,
            "networks": ANY,
            "deploy": {
                "resources": {
                    "limits": ANY,
                    "reservations": {
                        "cpus": ANY,
                        "memory": ANY,
                        "devices": [
                            {"capabilities": [ANY], "driver": ANY, "count": ANY, "device_ids": [ANY], "options": ANY}
                        ],
                    },
                }
            },
        }
    },
}

METADATA = {"name": ANY, "namespace": ANY, "labels": ANY, "annotations": ANY}

# Kubernetes API v1.31, core/v1 PodSpec, Container, ResourceRequirements, NodeAffinity.
CONTAINER = {
    "name": ANY,
    "image": ANY,
    "command": [ANY],
    "args": [ANY],
    "env": [{"name": ANY, "value": ANY, "valueFrom": ANY}],
    "resources": {
        "limits": {"cpu": ANY, "memory": ANY, "nvidia.com/gpu": ANY, "nvidia.com/gpu.shared": ANY},
        "requests": {"cpu": ANY, "memory": ANY, "nvidia.com/gpu": ANY, "nvidia.com/gpu.shared": ANY},
    },
    "ports": ANY,
    "volumeMounts": ANY,
}
SELECTOR = {"matchExpressions": [{"key": ANY, "operator": ANY, "values": [ANY]}], "matchFields": ANY}
POD = {
    "containers": [CONTAINER],
    "nodeSelector": ANY,
    "tolerations": ANY,
    "volumes": ANY,
    "serviceAccountName": ANY,
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [SELECTOR]},
            "preferredDuringSchedulingIgnoredDuringExecution": ANY,
        }
    },
}

# kserve/kserve, pkg/apis/serving/v1alpha1/llm_inference_service_types.go, commit 01bfd238: json tags.
WORKLOAD = {
    "replicas": ANY,
    "scaling": ANY,
    "labels": ANY,
    "annotations": ANY,
    "worker": POD,
    "rolloutStrategy": ANY,
    "parallelism": {"tensor": ANY, "pipeline": ANY, "data": ANY, "dataLocal": ANY, "dataRPCPort": ANY, "expert": ANY},
    "template": POD,
}
LLM_INFERENCE_SERVICE = {
    "apiVersion": ANY,
    "kind": ANY,
    "metadata": METADATA,
    "spec": dict(
        WORKLOAD,
        model={"uri": ANY, "name": ANY, "criticality": ANY, "lora": ANY},
        runtime=ANY,
        trustRemoteCode=ANY,
        storageInitializer=ANY,
        prefill=WORKLOAD,
        tracing=ANY,
        baseRefs=ANY,
        router={"route": {"http": ANY, "group": ANY, "weight": ANY}, "gateway": ANY, "ingress": ANY, "scheduler": ANY},
    ),
}
CONFIG_MAP = {"apiVersion": ANY, "kind": ANY, "metadata": METADATA, "data": {"*": ANY}}

# NVIDIA/k8s-device-plugin v0.15 and later, api/config/v1: Config, Sharing, ReplicatedResources, ReplicatedResource.
REPLICATED = {
    "renameByDefault": ANY,
    "failRequestsGreaterThanOne": ANY,
    "resources": [{"name": ANY, "rename": ANY, "devices": ANY, "replicas": ANY}],
}
DEVICE_PLUGIN = {
    "version": ANY,
    "flags": ANY,
    "resources": ANY,
    "sharing": {"timeSlicing": REPLICATED, "mps": REPLICATED},
}

# docs.ray.io (2.5x), ray.serve.llm.LLMConfig and "Configuration reference" of Ray Serve LLM; Serve config file:
# applications. Accelerator types of ray.util.accelerators.
RAY = {
    "proxy_location": ANY,
    "http_options": ANY,
    "grpc_options": ANY,
    "logging_config": ANY,
    "applications": [
        {
            "name": ANY,
            "route_prefix": ANY,
            "import_path": ANY,
            "runtime_env": ANY,
            "deployments": ANY,
            "external_scaler_enabled": ANY,
            "args": {
                "llm_configs": [
                    {
                        "runtime_env": {"env_vars": {"*": ANY}, "pip": ANY, "working_dir": ANY},
                        "model_loading_config": {"model_id": ANY, "model_source": ANY, "tokenizer_source": ANY},
                        "llm_engine": ANY,
                        "lora_config": ANY,
                        "callback_config": ANY,
                        "experimental_configs": ANY,
                        "log_engine_metrics": ANY,
                        "accelerator_type": ANY,
                        "accelerator_config": ANY,
                        # Of vLLM's EngineArgs.
                        "engine_kwargs": {
                            "tensor_parallel_size": ANY,
                            "pipeline_parallel_size": ANY,
                            "max_num_seqs": ANY,
                            "max_model_len": ANY,
                            "gpu_memory_utilization": ANY,
                            "enforce_eager": ANY,
                        },
                        "deployment_config": {
                            "name": ANY,
                            "num_replicas": ANY,
                            "ray_actor_options": ANY,
                            "max_ongoing_requests": ANY,
                            "autoscaling_config": ANY,
                            "max_queued_requests": ANY,
                            "user_config": ANY,
                            "health_check_period_s": ANY,
                            "health_check_timeout_s": ANY,
                            "graceful_shutdown_wait_loop_s": ANY,
                            "graceful_shutdown_timeout_s": ANY,
                            "logging_config": ANY,
                        },
                        "placement_group_config": {
                            "bundles": [{"CPU": ANY, "GPU": ANY}],
                            "bundle_per_worker": ANY,
                            "strategy": ANY,
                        },
                    }
                ]
            },
        }
    ],
}
RAY_ACCELERATORS = {
    "V100",
    "P100",
    "T4",
    "P4",
    "K80",
    "A10G",
    "L4",
    "L40S",
    "A100",
    "H100",
    "H200",
    "H20",
    "B200",
    "A100-40G",
    "A100-80G",
}

# vllm-project/vllm, vllm/engine/arg_utils.py and vllm/entrypoints/openai/cli_args.py (0.6 to 0.14): `vllm serve`.
VLLM_FLAGS = {
    "--model",
    "--served-model-name",
    "--tensor-parallel-size",
    "--pipeline-parallel-size",
    "--max-num-seqs",
    "--max-model-len",
    "--gpu-memory-utilization",
    "--host",
    "--port",
    "--dtype",
    "--quantization",
    "--kv-cache-dtype",
    "--enforce-eager",
    "--max-num-batched-tokens",
    "--trust-remote-code",
}
# sgl-project/sglang, docs/advanced_features/server_arguments.md, commit 004813e1.
SGLANG_FLAGS = {
    "--model-path",
    "--model",
    "--served-model-name",
    "--tensor-parallel-size",
    "--tp-size",
    "--mem-fraction-static",
    "--max-running-requests",
    "--max-total-tokens",
    "--host",
    "--port",
    "--context-length",
    "--dtype",
    "--quantization",
    "--kv-cache-dtype",
    "--trust-remote-code",
}
# docs.nvidia.com/deploy/mps, appendix on environment variables.
MPS_VARIABLES = {
    "CUDA_VISIBLE_DEVICES",
    "CUDA_MPS_PIPE_DIRECTORY",
    "CUDA_MPS_LOG_DIRECTORY",
    "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE",
    "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT",
    "CUDA_MPS_CLIENT_PRIORITY",
    "CUDA_MPS_ENABLE_PER_CTX_DEVICE_MULTIPROCESSOR_PARTITIONING",
}


def unknown(value, names, where=""):
    """Paths of a document that its project does not publish."""
    if names is ANY:
        return []
    if isinstance(names, list):
        if not isinstance(value, list):
            return [where + ": not a list"]
        return [path for i, item in enumerate(value) for path in unknown(item, names[0], "%s[%d]" % (where, i))]
    if not isinstance(value, dict):
        return [where + ": not an object"]
    found = []
    for key, inner in value.items():
        path = "%s.%s" % (where, key)
        below = names.get(key, names.get("*"))
        found += [path] if below is None else unknown(inner, below, path)
    return found
