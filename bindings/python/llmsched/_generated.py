# SPDX-License-Identifier: Apache-2.0
"""Constants, structs and prototypes of the C interface.

Made by bindings/spec/generate_python.py from include/llmsched/*.h; not edited by hand.
"""

from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int32,
                    c_size_t, c_uint32, c_uint64, c_void_p)

LLMSCHED_VERSION_MAJOR = 0
LLMSCHED_VERSION_MINOR = 1
LLMSCHED_VERSION_PATCH = 0
LLMSCHED_VERSION_NUMBER = 100
LLMSCHED_OK = 0
LLMSCHED_NONE = 1
LLMSCHED_ERROR_INVALID = 2
LLMSCHED_ERROR_MEMORY = 3
LLMSCHED_ERROR_PARSE = 4
LLMSCHED_ERROR_NOT_FOUND = 5
LLMSCHED_ERROR_EXISTS = 6
LLMSCHED_ERROR_CYCLE = 7
LLMSCHED_ERROR_STATE = 8
LLMSCHED_ERROR_LIMIT = 9
LLMSCHED_ERROR_IMPOSSIBLE = 10
LLMSCHED_ERROR_VERSION = 11
LLMSCHED_ERROR_CALLBACK = 12
LLMSCHED_ERROR_INTERNAL = 13
LLMSCHED_INDEX_NONE = 0xFFFFFFFF
LLMSCHED_STAGE_LLM = 1
LLMSCHED_STAGE_REGULAR = 2
LLMSCHED_STAGE_DYNAMIC = 3
LLMSCHED_STATE_MISSING = 0xFFFFFFFF
LLMSCHED_STATE_SOFT = 4294967294
LLMSCHED_SCORE_BIC = 1
LLMSCHED_SCORE_BDEU = 2
LLMSCHED_ORDER_GIVEN = 1
LLMSCHED_ORDER_FREE = 2
LLMSCHED_CONFIG_HAS_BANDWIDTH = 1
LLMSCHED_APP_HAS_WEIGHT = 1
LLMSCHED_STAGE_HAS_PROBABILITY = 1
LLMSCHED_PLAN_OPTIMAL = 1
LLMSCHED_PLAN_FEASIBLE = 2
LLMSCHED_PLAN_INFEASIBLE = 3
LLMSCHED_BINDING_NONE = 0
LLMSCHED_BINDING_SHARE = 1
LLMSCHED_BINDING_MEMORY = 2
LLMSCHED_BINDING_BANDWIDTH = 3
LLMSCHED_BINDING_DOMAIN = 4
LLMSCHED_BINDING_RATE = 5
LLMSCHED_BINDING_LATENCY = 6
LLMSCHED_AUTOSCALER_NONE = 0
LLMSCHED_AUTOSCALER_HPA = 1
LLMSCHED_AUTOSCALER_KPA = 2
LLMSCHED_MISSING_WORK = 1
LLMSCHED_MISSING_PROMPT = 2
LLMSCHED_MISSING_CHOICE = 4
LLMSCHED_MISSING_ALL = 7
LLMSCHED_WITHIN_SPREAD = 0
LLMSCHED_WITHIN_MEAN = 1
LLMSCHED_EVIDENCE_UNKNOWN = 0
LLMSCHED_EVIDENCE_ABSENT = 1
LLMSCHED_EVIDENCE_PRESENT = 2
LLMSCHED_EVIDENCE_FINISHED = 3
LLMSCHED_EVIDENCE_PARTIAL = 4
LLMSCHED_FORM_POINTS = 1
LLMSCHED_FORM_GRID = 2
LLMSCHED_FORM_DRAWS = 3
LLMSCHED_BY_NETWORK = 1
LLMSCHED_BY_HISTORY = 2
LLMSCHED_BY_TREE = 3
LLMSCHED_BY_FOREST = 4
LLMSCHED_EVENT_HAS_ALONE = 1
LLMSCHED_EVENT_HAS_OUTPUT = 2
LLMSCHED_POLICY_LAZY = 1
LLMSCHED_EVENT_EXECUTOR_UP = 1
LLMSCHED_EVENT_EXECUTOR_DOWN = 2
LLMSCHED_EVENT_EXECUTOR_CHANGED = 3
LLMSCHED_EVENT_JOB_ARRIVED = 4
LLMSCHED_EVENT_JOB_CHANGED = 5
LLMSCHED_EVENT_JOB_FINISHED = 6
LLMSCHED_EVENT_JOB_CANCELLED = 7
LLMSCHED_EVENT_STAGE_REVEALED = 8
LLMSCHED_EVENT_TASK_FINISHED = 9
LLMSCHED_EVENT_TASK_FAILED = 10

llmsched_log_fn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
llmsched_planner_progress_fn = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_double, c_double)


class llmsched_error(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("status", c_int32),
        ("line", c_uint64),
        ("column", c_uint64),
        ("message", c_char * 232),
    ]


class llmsched_allocator(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("user", c_void_p),
        ("allocate", CFUNCTYPE(c_void_p, c_void_p, c_size_t)),
        ("reallocate", CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_size_t)),
        ("release", CFUNCTYPE(None, c_void_p, c_void_p)),
    ]


class llmsched_context_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("max_stages", c_uint32),
        ("allocator", POINTER(llmsched_allocator)),
        ("log", llmsched_log_fn),
        ("log_user", c_void_p),
        ("max_table", c_uint64),
    ]


class llmsched_stage(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_uint32),
        ("id", c_char_p),
        ("name", c_char_p),
        ("model", c_char_p),
        ("occurrence", c_uint32),
        ("tasks", c_uint32),
    ]


class llmsched_table(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("columns", c_uint32),
        ("rows", c_uint64),
        ("cells", POINTER(c_uint32)),
        ("states", POINTER(c_uint32)),
        ("names", POINTER(c_char_p)),
        ("weights", POINTER(c_double)),
    ]


class llmsched_learn_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("order", c_uint32),
        ("score", c_uint32),
        ("max_parents", c_uint32),
        ("no_arcs", c_uint32),
        ("restarts", c_uint32),
        ("equivalent_size", c_double),
        ("max_clique", c_uint64),
        ("seed", c_uint64),
    ]


class llmsched_approximate_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("samples", c_uint64),
        ("seed", c_uint64),
    ]


class llmsched_approximation(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("samples", c_uint64),
        ("effective", c_double),
        ("log_probability", c_double),
        ("log_probability_error", c_double),
    ]


class llmsched_gpu(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("id", c_char_p),
        ("kind", c_char_p),
        ("domain", c_char_p),
        ("memory_bytes", c_double),
    ]


class llmsched_model(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("config_count", c_uint32),
        ("name", c_char_p),
        ("weight_bytes", c_double),
        ("kv_bytes_per_token", c_double),
        ("kv_floor_bytes", c_double),
        ("runtime_bytes", c_double),
    ]


class llmsched_model_config(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("tp", c_uint32),
        ("gpu", c_char_p),
        ("share", c_double),
        ("bandwidth", c_double),
        ("max_batch", c_uint32),
        ("flags", c_uint32),
        ("prefill_base_s", c_double),
        ("prefill_per_token_s", c_double),
        ("decode_base_s", c_double),
        ("decode_per_request_s", c_double),
        ("decode_per_request_token_s", c_double),
        ("prefill_count", c_uint32),
        ("decode_count", c_uint32),
        ("prefill_tokens", POINTER(c_double)),
        ("prefill_s", POINTER(c_double)),
        ("decode_batch", POINTER(c_double)),
        ("decode_context", POINTER(c_double)),
        ("decode_s", POINTER(c_double)),
    ]


class llmsched_app(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("name", c_char_p),
        ("rate_per_s", c_double),
        ("weight", c_double),
        ("max_latency_s", c_double),
    ]


class llmsched_app_stage(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("id", c_char_p),
        ("model", c_char_p),
        ("parents", POINTER(c_uint32)),
        ("parent_count", c_uint32),
        ("reserved", c_uint32),
        ("tasks", c_double),
        ("probability", c_double),
        ("prompt_tokens", c_double),
        ("output_tokens", c_double),
        ("duration_s", c_double),
    ]


class llmsched_app_call(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("model", c_char_p),
        ("calls", c_double),
        ("overlap", c_double),
        ("prompt_tokens", c_double),
        ("output_tokens", c_double),
        ("group", c_double),
        ("context_tokens", c_double),
    ]


class llmsched_planner_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("planner", c_char_p),
        ("rate_factor", c_double),
        ("max_utilisation", c_double),
        ("node_budget", c_uint64),
        ("running", c_void_p),
        ("move_cost_s", c_double),
        ("progress", llmsched_planner_progress_fn),
        ("progress_user", c_void_p),
    ]


class llmsched_plan_info(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("status", c_uint32),
        ("planner", c_char_p),
        ("binding", c_uint32),
        ("model_count", c_uint32),
        ("replica_count", c_uint32),
        ("app_count", c_uint32),
        ("gpu_count", c_uint32),
        ("moved_replicas", c_uint32),
        ("nodes", c_uint64),
        ("objective_s", c_double),
        ("bound_s", c_double),
        ("gap", c_double),
        ("alone_bound_s", c_double),
        ("capacity_bound_s", c_double),
        ("throughput_bound_per_s", c_double),
        ("throughput_per_s", c_double),
        ("memory_bound_gpus", c_uint32),
        ("touched_gpus", c_uint32),
        ("total_share", c_double),
    ]


class llmsched_plan_model(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("tp", c_uint32),
        ("model", c_char_p),
        ("gpu", c_char_p),
        ("share", c_double),
        ("bandwidth", c_double),
        ("memory_bytes", c_double),
        ("call_latency_s", c_double),
        ("load_per_s", c_double),
        ("capacity_per_s", c_double),
        ("batch", c_uint32),
        ("config", c_uint32),
        ("first_replica", c_uint32),
        ("replica_count", c_uint32),
    ]


class llmsched_plan_replica(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("model", c_uint32),
        ("gpus", POINTER(c_uint32)),
        ("gpu_count", c_uint32),
        ("reserved", c_uint32),
    ]


class llmsched_plan_app(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("name", c_char_p),
        ("latency_s", c_double),
        ("capacity_per_s", c_double),
    ]


class llmsched_plan_gpu(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("replicas", c_uint32),
        ("id", c_char_p),
        ("kind", c_char_p),
        ("domain", c_char_p),
        ("memory_bytes", c_double),
        ("used_bytes", c_double),
        ("used_share", c_double),
        ("used_bandwidth", c_double),
    ]


class llmsched_autoscaler(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_uint32),
        ("start_s", c_double),
        ("target", c_double),
    ]


class llmsched_run_stage(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_uint32),
        ("id", c_char_p),
        ("name", c_char_p),
        ("model", c_char_p),
        ("parents", POINTER(c_uint32)),
        ("parent_count", c_uint32),
        ("tasks", c_uint32),
        ("choice", c_uint32),
        ("missing", c_uint32),
        ("prompt_tokens", c_double),
        ("output_tokens", c_double),
        ("work_s", c_double),
        ("span_s", c_double),
    ]


class llmsched_run(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("stage_count", c_uint32),
        ("app", c_char_p),
        ("job", c_char_p),
        ("task", c_char_p),
        ("stages", POINTER(llmsched_run_stage)),
        ("truncated", c_uint32),
        ("reserved", c_uint32),
    ]


class llmsched_profiler_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("bins", c_uint32),
        ("max_parents", c_uint32),
        ("max_stages", c_uint32),
        ("score", c_uint32),
        ("no_prompts", c_uint32),
        ("equivalent_size", c_double),
        ("prior", c_double),
        ("common", c_double),
        ("max_clique", c_uint64),
        ("half_life", c_double),
        ("keep_runs", c_uint64),
    ]


class llmsched_profile_summary(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("stage_count", c_uint32),
        ("run_count", c_uint64),
        ("mean_llm_s", c_double),
        ("mean_tool_s", c_double),
        ("log_likelihood", c_double),
        ("mean_llm_stage_s", c_double),
        ("mean_tool_stage_s", c_double),
    ]


class llmsched_remainder(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("mean_s", c_double),
        ("q10_s", c_double),
        ("q50_s", c_double),
        ("q90_s", c_double),
    ]


class llmsched_profile_call(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("model", c_char_p),
        ("calls", c_double),
        ("overlap", c_double),
        ("group", c_double),
        ("prompt_tokens", c_double),
        ("output_tokens", c_double),
        ("context_tokens", c_double),
        ("work_s", c_double),
    ]


class llmsched_profile_stage(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("bin_count", c_uint32),
        ("work_node", c_uint32),
        ("prompt_node", c_uint32),
        ("aggregate", c_uint32),
        ("reserved", c_uint32),
        ("presence", c_double),
        ("mean_work_s", c_double),
        ("mean_span_s", c_double),
    ]


class llmsched_profile_bin(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("count", c_uint64),
        ("mean_s", c_double),
        ("minimum_s", c_double),
        ("maximum_s", c_double),
        ("upper_s", c_double),
    ]


class llmsched_revealed_stage(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_uint32),
        ("name", c_char_p),
        ("model", c_char_p),
        ("parents", POINTER(c_uint32)),
        ("parent_count", c_uint32),
        ("tasks", c_uint32),
        ("choice", c_uint32),
        ("has_prompt", c_uint32),
        ("prompt_tokens", c_double),
    ]


class llmsched_quantifier_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("horizon", c_uint32),
        ("samples", c_uint32),
        ("reserved", c_uint32),
        ("seed", c_uint64),
        ("support", c_double),
        ("draws", c_uint32),
        ("within", c_uint32),
        ("cells", c_uint32),
        ("reserved_end", c_uint32),
    ]


class llmsched_stage_evidence(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("state", c_uint32),
        ("choice", c_uint32),
        ("has_prompt", c_uint32),
        ("work_s", c_double),
        ("prompt_tokens", c_double),
        ("ended", c_uint32),
        ("reserved", c_uint32),
    ]


class llmsched_stage_belief(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("presence", c_double),
        ("mean_work_s", c_double),
        ("minimum_s", c_double),
        ("maximum_s", c_double),
        ("entropy", c_double),
    ]


class llmsched_remaining(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("mean_s", c_double),
        ("lo_s", c_double),
        ("hi_s", c_double),
    ]


class llmsched_distribution(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("form", c_uint32),
        ("count", c_uint32),
        ("reserved", c_uint32),
        ("mean_s", c_double),
        ("mean_error_s", c_double),
        ("value_error_s", c_double),
        ("level_error", c_double),
    ]


class llmsched_executor(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_uint32),
        ("model", c_char_p),
        ("capacity", c_uint32),
        ("curve_count", c_uint32),
        ("curve_batch", POINTER(c_double)),
        ("curve_slowdown", POINTER(c_double)),
        ("price", c_double),
    ]


class llmsched_job(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("profile", c_void_p),
        ("given_mean_s", c_double),
        ("given_llm_s", c_double),
        ("given_tool_s", c_double),
        ("arrival_s", c_double),
        ("tenant", c_uint64),
        ("weight", c_double),
    ]


class llmsched_event(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("type", c_uint32),
        ("time_s", c_double),
        ("job", c_uint64),
        ("executor", c_uint64),
        ("stage", c_uint32),
        ("task", c_uint32),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("alone_s", c_double),
        ("job_info", POINTER(llmsched_job)),
        ("stage_info", POINTER(llmsched_revealed_stage)),
        ("executor_info", POINTER(llmsched_executor)),
        ("output_tokens", c_double),
    ]


class llmsched_decision(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("stage", c_uint32),
        ("task", c_uint32),
        ("reserved", c_uint32),
        ("job", c_uint64),
        ("executor", c_uint64),
    ]


class llmsched_choice(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("stage", c_uint32),
        ("job", c_uint64),
        ("tasks", c_uint32),
        ("reserved", c_uint32),
    ]


class llmsched_policy(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("user", c_void_p),
        ("key", CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64, c_uint32, POINTER(c_double))),
        ("choose", CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint32, POINTER(llmsched_choice))),
        ("release", CFUNCTYPE(None, c_void_p)),
        ("place", CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64, c_uint32, POINTER(c_uint64))),
    ]


class llmsched_queue_view(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_uint32),
        ("model", c_char_p),
        ("capacity", c_uint32),
        ("running", c_uint32),
        ("ready", c_uint32),
        ("reserved", c_uint32),
    ]


class llmsched_job_view(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("unfinished_stages", c_uint32),
        ("running_llm", c_uint32),
        ("running_tool", c_uint32),
        ("arrival_s", c_double),
        ("done_llm_s", c_double),
        ("done_tool_s", c_double),
        ("given_mean_s", c_double),
        ("given_llm_s", c_double),
        ("given_tool_s", c_double),
        ("profile", c_void_p),
        ("tenant", c_uint64),
        ("last_engine", c_uint64),
        ("has_last_engine", c_uint32),
        ("reserved", c_uint32),
        ("waited_llm_s", c_double),
        ("chain_llm_s", c_double),
    ]


class llmsched_stage_view(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_uint32),
        ("name", c_char_p),
        ("model", c_char_p),
        ("queue", c_uint32),
        ("template_stage", c_uint32),
        ("tasks", c_uint32),
        ("ready", c_uint32),
        ("running", c_uint32),
        ("has_prompt", c_uint32),
        ("prompt_tokens", c_double),
        ("ready_s", c_double),
        ("chain_llm_s", c_double),
        ("served_s", c_double),
        ("mean_s", c_double),
        ("path_s", c_double),
        ("path_stages", c_uint32),
        ("child_stages", c_uint32),
    ]


class llmsched_executor_view(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("queue", c_uint32),
        ("capacity", c_uint32),
        ("running", c_uint32),
        ("id", c_uint64),
        ("price", c_double),
    ]


class llmsched_tenant_view(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("jobs", c_uint32),
        ("ready", c_uint32),
        ("running", c_uint32),
        ("weight", c_double),
        ("tag_s", c_double),
        ("service_s", c_double),
    ]


class llmsched_estimate(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("mean_s", c_double),
        ("lo_s", c_double),
        ("hi_s", c_double),
    ]


class llmsched_scheduler_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("policy", c_char_p),
        ("custom", POINTER(llmsched_policy)),
        ("seed", c_uint64),
    ]


class llmsched_scheduler_stats(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("executors", c_uint32),
        ("jobs", c_uint32),
        ("ready", c_uint32),
        ("running", c_uint32),
        ("reserved", c_uint32),
        ("events", c_uint64),
        ("decisions", c_uint64),
    ]


class llmsched_history_options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("prefill_s_per_token", c_double),
        ("decode_s_per_token", c_double),
    ]


STRUCTS = (
    llmsched_error,
    llmsched_allocator,
    llmsched_context_options,
    llmsched_stage,
    llmsched_table,
    llmsched_learn_options,
    llmsched_approximate_options,
    llmsched_approximation,
    llmsched_gpu,
    llmsched_model,
    llmsched_model_config,
    llmsched_app,
    llmsched_app_stage,
    llmsched_app_call,
    llmsched_planner_options,
    llmsched_plan_info,
    llmsched_plan_model,
    llmsched_plan_replica,
    llmsched_plan_app,
    llmsched_plan_gpu,
    llmsched_autoscaler,
    llmsched_run_stage,
    llmsched_run,
    llmsched_profiler_options,
    llmsched_profile_summary,
    llmsched_remainder,
    llmsched_profile_call,
    llmsched_profile_stage,
    llmsched_profile_bin,
    llmsched_revealed_stage,
    llmsched_quantifier_options,
    llmsched_stage_evidence,
    llmsched_stage_belief,
    llmsched_remaining,
    llmsched_distribution,
    llmsched_executor,
    llmsched_job,
    llmsched_event,
    llmsched_decision,
    llmsched_choice,
    llmsched_policy,
    llmsched_queue_view,
    llmsched_job_view,
    llmsched_stage_view,
    llmsched_executor_view,
    llmsched_tenant_view,
    llmsched_estimate,
    llmsched_scheduler_options,
    llmsched_scheduler_stats,
    llmsched_history_options,
)

# name: (result, arguments)
PROTOTYPES = {
    "llmsched_version_number": (
        c_uint32,
        ()),
    "llmsched_version": (
        c_char_p,
        ()),
    "llmsched_status_name": (
        c_char_p,
        (c_int32,)),
    "llmsched_context_create": (
        c_int32,
        (POINTER(llmsched_context_options), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_context_destroy": (
        None,
        (c_void_p,)),
    "llmsched_text_data": (
        c_char_p,
        (c_void_p,)),
    "llmsched_text_length": (
        c_size_t,
        (c_void_p,)),
    "llmsched_text_destroy": (
        None,
        (c_void_p,)),
    "llmsched_dag_builder_create": (
        c_int32,
        (c_void_p, c_char_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_dag_builder_destroy": (
        None,
        (c_void_p,)),
    "llmsched_dag_builder_add_stage": (
        c_int32,
        (c_void_p, POINTER(llmsched_stage), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_dag_builder_add_edge": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(llmsched_error),)),
    "llmsched_dag_builder_add_candidate": (
        c_int32,
        (c_void_p, c_uint32, c_char_p, POINTER(c_uint32), c_uint32, POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_dag_builder_add_loop": (
        c_int32,
        (c_void_p, POINTER(c_uint32), c_uint32, c_uint32, POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_dag_builder_freeze": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_dag_retain": (
        c_void_p,
        (c_void_p,)),
    "llmsched_dag_release": (
        None,
        (c_void_p,)),
    "llmsched_dag_name": (
        c_char_p,
        (c_void_p,)),
    "llmsched_dag_stage_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_dag_edge_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_dag_stage": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_stage), POINTER(llmsched_error),)),
    "llmsched_dag_find": (
        c_uint32,
        (c_void_p, c_char_p,)),
    "llmsched_dag_find_occurrence": (
        c_uint32,
        (c_void_p, c_uint32, c_char_p, c_uint32,)),
    "llmsched_dag_parents": (
        POINTER(c_uint32),
        (c_void_p, c_uint32, POINTER(c_uint32),)),
    "llmsched_dag_children": (
        POINTER(c_uint32),
        (c_void_p, c_uint32, POINTER(c_uint32),)),
    "llmsched_dag_order": (
        POINTER(c_uint32),
        (c_void_p,)),
    "llmsched_dag_candidate_count": (
        c_uint32,
        (c_void_p, c_uint32,)),
    "llmsched_dag_candidate": (
        POINTER(c_uint32),
        (c_void_p, c_uint32, c_uint32, POINTER(c_char_p), POINTER(c_uint32),)),
    "llmsched_dag_critical_path": (
        c_int32,
        (c_void_p, POINTER(c_double), POINTER(c_double), POINTER(c_uint32), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_dag_to_json": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_dag_from_json": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_network_from_json": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_network_to_json": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_network_retain": (
        c_void_p,
        (c_void_p,)),
    "llmsched_network_release": (
        None,
        (c_void_p,)),
    "llmsched_network_name": (
        c_char_p,
        (c_void_p,)),
    "llmsched_network_node_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_network_node_name": (
        c_char_p,
        (c_void_p, c_uint32,)),
    "llmsched_network_find": (
        c_uint32,
        (c_void_p, c_char_p,)),
    "llmsched_network_state_count": (
        c_uint32,
        (c_void_p, c_uint32,)),
    "llmsched_network_state_name": (
        c_char_p,
        (c_void_p, c_uint32, c_uint32,)),
    "llmsched_network_parents": (
        POINTER(c_uint32),
        (c_void_p, c_uint32, POINTER(c_uint32),)),
    "llmsched_network_table": (
        POINTER(c_double),
        (c_void_p, c_uint32, POINTER(c_uint64),)),
    "llmsched_network_learn": (
        c_int32,
        (c_void_p, POINTER(llmsched_table), POINTER(llmsched_learn_options), POINTER(c_void_p), POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_network_approximate": (
        c_int32,
        (c_void_p, POINTER(c_uint32), POINTER(c_double), POINTER(llmsched_approximate_options), POINTER(c_double), POINTER(c_double), c_uint64, POINTER(llmsched_approximation), POINTER(llmsched_error),)),
    "llmsched_inference_create": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_inference_destroy": (
        None,
        (c_void_p,)),
    "llmsched_inference_clear": (
        None,
        (c_void_p,)),
    "llmsched_inference_bytes": (
        c_uint64,
        (c_void_p,)),
    "llmsched_inference_set_state": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(llmsched_error),)),
    "llmsched_inference_set_likelihood": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), c_uint32, POINTER(llmsched_error),)),
    "llmsched_inference_log_probability": (
        c_int32,
        (c_void_p, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_inference_marginal": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), c_uint32, POINTER(llmsched_error),)),
    "llmsched_inference_marginals": (
        c_int32,
        (c_void_p, POINTER(c_double), c_uint64, POINTER(llmsched_error),)),
    "llmsched_inference_batch_marginals": (
        c_int32,
        (c_void_p, POINTER(c_uint32), c_uint64, POINTER(c_double), POINTER(c_int32), POINTER(llmsched_error),)),
    "llmsched_inference_batch_soft_marginals": (
        c_int32,
        (c_void_p, POINTER(c_uint32), POINTER(c_double), c_uint64, POINTER(c_double), POINTER(c_int32), POINTER(llmsched_error),)),
    "llmsched_inference_joint": (
        c_int32,
        (c_void_p, POINTER(c_uint32), c_uint32, POINTER(c_double), c_uint64, POINTER(llmsched_error),)),
    "llmsched_inference_entropy": (
        c_int32,
        (c_void_p, POINTER(c_uint32), c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_inference_total_entropy": (
        c_int32,
        (c_void_p, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_inference_mutual_information": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_uint32), c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_inference_total_information": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_planner_create": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_planner_destroy": (
        None,
        (c_void_p,)),
    "llmsched_planner_add_gpu": (
        c_int32,
        (c_void_p, POINTER(llmsched_gpu), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_planner_add_gpus": (
        c_int32,
        (c_void_p, c_char_p, POINTER(llmsched_error),)),
    "llmsched_planner_read_cluster": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, POINTER(llmsched_error),)),
    "llmsched_planner_gpu_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_planner_get_gpu": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_gpu), POINTER(llmsched_error),)),
    "llmsched_planner_add_model": (
        c_int32,
        (c_void_p, POINTER(llmsched_model), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_planner_add_config": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_model_config), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_planner_read_models": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, POINTER(llmsched_error),)),
    "llmsched_planner_model_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_planner_find_model": (
        c_uint32,
        (c_void_p, c_char_p,)),
    "llmsched_planner_get_model": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_model), POINTER(llmsched_error),)),
    "llmsched_planner_get_config": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(llmsched_model_config), POINTER(llmsched_error),)),
    "llmsched_planner_prefill_s": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, c_double, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_planner_decode_s": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, c_double, c_double, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_planner_add_app": (
        c_int32,
        (c_void_p, POINTER(llmsched_app), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_planner_add_app_stage": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_app_stage), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_planner_add_app_call": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_app_call), POINTER(llmsched_error),)),
    "llmsched_planner_add_profile": (
        c_int32,
        (c_void_p, POINTER(llmsched_app), c_void_p, POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_planner_read_apps": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, POINTER(llmsched_error),)),
    "llmsched_planner_app_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_planner_get_app": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_app), POINTER(llmsched_error),)),
    "llmsched_planner_method_count": (
        c_uint32,
        ()),
    "llmsched_planner_method_name": (
        c_char_p,
        (c_uint32,)),
    "llmsched_planner_method_summary": (
        c_char_p,
        (c_uint32,)),
    "llmsched_planner_plan": (
        c_int32,
        (c_void_p, POINTER(llmsched_planner_options), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_planner_max_rate": (
        c_int32,
        (c_void_p, POINTER(llmsched_planner_options), POINTER(c_double), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_planner_min_gpus": (
        c_int32,
        (c_void_p, POINTER(llmsched_planner_options), POINTER(c_uint32), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_planner_menus": (
        c_int32,
        (c_void_p, POINTER(llmsched_planner_options), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_plan_retain": (
        c_void_p,
        (c_void_p,)),
    "llmsched_plan_release": (
        None,
        (c_void_p,)),
    "llmsched_plan_get_info": (
        c_int32,
        (c_void_p, POINTER(llmsched_plan_info), POINTER(llmsched_error),)),
    "llmsched_plan_reason": (
        c_char_p,
        (c_void_p,)),
    "llmsched_plan_lift": (
        c_char_p,
        (c_void_p,)),
    "llmsched_plan_get_model": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_plan_model), POINTER(llmsched_error),)),
    "llmsched_plan_get_replica": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_plan_replica), POINTER(llmsched_error),)),
    "llmsched_plan_get_app": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_plan_app), POINTER(llmsched_error),)),
    "llmsched_plan_get_gpu": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_plan_gpu), POINTER(llmsched_error),)),
    "llmsched_plan_get_autoscaler": (
        c_int32,
        (c_void_p, POINTER(llmsched_autoscaler), POINTER(llmsched_error),)),
    "llmsched_plan_to_json": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_plan_from_json": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_plan_get_executor": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_executor), POINTER(llmsched_error),)),
    "llmsched_plan_start": (
        c_int32,
        (c_void_p, c_void_p, c_double, c_uint64, POINTER(llmsched_error),)),
    "llmsched_profiler_create": (
        c_int32,
        (c_void_p, c_char_p, c_void_p, POINTER(llmsched_profiler_options), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_profiler_destroy": (
        None,
        (c_void_p,)),
    "llmsched_profiler_observe": (
        c_int32,
        (c_void_p, POINTER(llmsched_run), POINTER(llmsched_error),)),
    "llmsched_profiler_run_count": (
        c_uint64,
        (c_void_p,)),
    "llmsched_profiler_fit": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_profiler_refit": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_profile_retain": (
        c_void_p,
        (c_void_p,)),
    "llmsched_profile_release": (
        None,
        (c_void_p,)),
    "llmsched_profile_name": (
        c_char_p,
        (c_void_p,)),
    "llmsched_profile_dag": (
        c_void_p,
        (c_void_p,)),
    "llmsched_profile_network": (
        c_void_p,
        (c_void_p,)),
    "llmsched_profile_get_summary": (
        c_int32,
        (c_void_p, POINTER(llmsched_profile_summary), POINTER(llmsched_error),)),
    "llmsched_profile_class": (
        c_uint32,
        (c_void_p, c_uint32, c_char_p,)),
    "llmsched_profile_class_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_profile_find": (
        c_uint32,
        (c_void_p, c_uint32, c_uint32, c_uint32,)),
    "llmsched_profile_get_remainder": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(llmsched_remainder), POINTER(llmsched_error),)),
    "llmsched_profile_call_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_profile_get_call": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_profile_call), POINTER(llmsched_error),)),
    "llmsched_profile_get_stage": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_profile_stage), POINTER(llmsched_error),)),
    "llmsched_profile_get_bin": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(llmsched_profile_bin), POINTER(llmsched_error),)),
    "llmsched_profile_to_json": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_profile_from_json": (
        c_int32,
        (c_void_p, c_char_p, c_size_t, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_progress_create": (
        c_int32,
        (c_void_p, POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_progress_destroy": (
        None,
        (c_void_p,)),
    "llmsched_progress_reveal": (
        c_int32,
        (c_void_p, POINTER(llmsched_revealed_stage), POINTER(c_uint32), POINTER(llmsched_error),)),
    "llmsched_progress_serve": (
        c_int32,
        (c_void_p, c_uint32, c_double, POINTER(llmsched_error),)),
    "llmsched_progress_end": (
        c_int32,
        (c_void_p, c_uint32, c_double, c_double, POINTER(llmsched_error),)),
    "llmsched_progress_template_stage": (
        c_uint32,
        (c_void_p, c_uint32,)),
    "llmsched_quantifier_create": (
        c_int32,
        (c_void_p, POINTER(llmsched_quantifier_options), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_quantifier_destroy": (
        None,
        (c_void_p,)),
    "llmsched_quantifier_set_evidence": (
        c_int32,
        (c_void_p, POINTER(llmsched_stage_evidence), c_uint32, POINTER(llmsched_error),)),
    "llmsched_quantifier_set_progress": (
        c_int32,
        (c_void_p, c_void_p, POINTER(llmsched_error),)),
    "llmsched_quantifier_stage": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_stage_belief), POINTER(llmsched_error),)),
    "llmsched_quantifier_remaining": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_remaining), POINTER(llmsched_error),)),
    "llmsched_quantifier_variance": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_quantifier_distribution": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), POINTER(c_double), c_uint32, POINTER(llmsched_distribution), POINTER(llmsched_error),)),
    "llmsched_quantifier_quantiles": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_quantifier_path": (
        c_int32,
        (c_void_p, POINTER(c_double), c_uint32, POINTER(c_double), POINTER(llmsched_distribution), POINTER(llmsched_error),)),
    "llmsched_quantifier_critical_path": (
        c_int32,
        (c_void_p, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_quantifier_forecast": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(c_double), c_uint32, POINTER(c_double), POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_gittins_index": (
        c_int32,
        (POINTER(c_double), POINTER(c_double), c_uint32, c_double, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_quantifier_entropy": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_quantifier_information": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_uint32), c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_quantifier_reduction": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_double), POINTER(llmsched_error),)),
    "llmsched_view_now": (
        c_double,
        (c_void_p,)),
    "llmsched_view_random": (
        c_double,
        (c_void_p,)),
    "llmsched_view_queue": (
        c_int32,
        (c_void_p, c_uint32, POINTER(llmsched_queue_view),)),
    "llmsched_view_head": (
        c_int32,
        (c_void_p, c_uint32, POINTER(c_uint64), POINTER(c_uint32),)),
    "llmsched_view_ready": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(c_uint64), POINTER(c_uint32),)),
    "llmsched_view_freed": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(c_uint64),)),
    "llmsched_view_job": (
        c_int32,
        (c_void_p, c_uint64, POINTER(llmsched_job_view),)),
    "llmsched_view_job_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_view_stage": (
        c_int32,
        (c_void_p, c_uint64, c_uint32, POINTER(llmsched_stage_view),)),
    "llmsched_view_executor": (
        c_int32,
        (c_void_p, c_uint64, POINTER(llmsched_executor_view),)),
    "llmsched_view_executor_at": (
        c_int32,
        (c_void_p, c_uint32, c_uint32, POINTER(c_uint64),)),
    "llmsched_view_tenant": (
        c_int32,
        (c_void_p, c_uint64, POINTER(llmsched_tenant_view),)),
    "llmsched_view_estimate": (
        c_int32,
        (c_void_p, c_uint64, c_uint32, c_uint32, POINTER(llmsched_estimate),)),
    "llmsched_view_gittins": (
        c_int32,
        (c_void_p, c_uint64, c_uint32, POINTER(c_double),)),
    "llmsched_view_reduction": (
        c_int32,
        (c_void_p, c_uint64, c_uint32, POINTER(c_double),)),
    "llmsched_policy_count": (
        c_uint32,
        ()),
    "llmsched_policy_name": (
        c_char_p,
        (c_uint32,)),
    "llmsched_policy_summary": (
        c_char_p,
        (c_uint32,)),
    "llmsched_scheduler_create": (
        c_int32,
        (c_void_p, POINTER(llmsched_scheduler_options), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_scheduler_destroy": (
        None,
        (c_void_p,)),
    "llmsched_scheduler_post": (
        c_int32,
        (c_void_p, POINTER(llmsched_event), POINTER(llmsched_error),)),
    "llmsched_scheduler_next": (
        c_int32,
        (c_void_p, c_double, POINTER(llmsched_decision), POINTER(llmsched_error),)),
    "llmsched_scheduler_get_stats": (
        c_int32,
        (c_void_p, POINTER(llmsched_scheduler_stats), POINTER(llmsched_error),)),
    "llmsched_history_parse": (
        c_int32,
        (c_void_p, c_char_p, c_char_p, c_size_t, POINTER(llmsched_history_options), POINTER(c_void_p), POINTER(llmsched_error),)),
    "llmsched_history_retain": (
        c_void_p,
        (c_void_p,)),
    "llmsched_history_release": (
        None,
        (c_void_p,)),
    "llmsched_history_count": (
        c_uint32,
        (c_void_p,)),
    "llmsched_history_run": (
        POINTER(llmsched_run),
        (c_void_p, c_uint32,)),
}
