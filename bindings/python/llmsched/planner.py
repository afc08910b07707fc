# SPDX-License-Identifier: Apache-2.0
"""GPUs, models with measured curves, and applications with rates in; plans out."""

import ctypes
import dataclasses

from . import _generated as c
from . import context as contexts
from . import errors
from ._ffi import Handle, as_text, call, decode, encode, lib, make, new, numbers, take_text
from .plan import Plan


@dataclasses.dataclass(frozen=True)
class PlannerInfo:
    name: str
    summary: str


def planners():
    """The planners, rivals included."""
    return [PlannerInfo(decode(lib.llmsched_planner_method_name(i)), decode(lib.llmsched_planner_method_summary(i)))
            for i in range(lib.llmsched_planner_method_count())]


@dataclasses.dataclass(frozen=True)
class Gpu:
    id: str
    kind: str
    domain: str
    memory_bytes: float


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A way to run a model, with its measured curve; Planner.add_config() says what the fields are."""

    gpu: str
    tp: int
    max_batch: int
    share: float
    bandwidth: float
    prefill: tuple
    decode: tuple
    prefill_table: tuple
    decode_table: tuple


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    weight_bytes: float
    kv_bytes_per_token: float
    kv_floor_bytes: float
    runtime_bytes: float
    configs: tuple


@dataclasses.dataclass(frozen=True)
class App:
    name: str
    rate_per_s: float
    weight: float
    max_latency_s: "float | None"


class Planner(Handle):
    """Collects a cluster, models and applications; plan() places them.

    What is added goes by number, from 0 in the order in which it was added. A model may be given by its number or its
    name. Documents are str, bytes or dict.
    """

    _destroy = "llmsched_planner_destroy"

    def __init__(self, context=None):
        super().__init__(make(lib.llmsched_planner_create, contexts.pointer(context)))

    def _read(self, function, document):
        data = as_text(document)
        call(function, self._ptr, data, len(data))

    def _add(self, function, *arguments):
        index = ctypes.c_uint32()
        call(function, self._ptr, *arguments, index)
        return index.value

    # --- the cluster ---

    def add_gpu(self, id, kind, domain, memory_bytes):
        """Adds one GPU; domain: the node or island of fast links that it belongs to."""
        return self._add(lib.llmsched_planner_add_gpu,
                         new(c.llmsched_gpu, id=id, kind=kind, domain=domain, memory_bytes=memory_bytes))

    def add_gpus(self, cluster):
        """Adds the GPUs of a short string: nodes x GPUs x kind, as in "2x8xh100-80g+1x4xl4-24g"."""
        call(lib.llmsched_planner_add_gpus, self._ptr, encode(cluster))

    def read_cluster(self, document):
        """Adds the GPUs of a "llmsched-gpus-1" document."""
        self._read(lib.llmsched_planner_read_cluster, document)

    @property
    def gpus(self):
        return [self._gpu(index) for index in range(lib.llmsched_planner_gpu_count(self._ptr))]

    def _gpu(self, index):
        info = new(c.llmsched_gpu)
        call(lib.llmsched_planner_get_gpu, self._ptr, index, info)
        return Gpu(decode(info.id), decode(info.kind), decode(info.domain), info.memory_bytes)

    # --- models ---

    def add_model(self, name, weight_bytes, kv_bytes_per_token=0.0, kv_floor_bytes=0.0, runtime_bytes=0.0):
        """Adds a model, without configurations."""
        return self._add(lib.llmsched_planner_add_model,
                         new(c.llmsched_model, name=name, weight_bytes=weight_bytes,
                             kv_bytes_per_token=kv_bytes_per_token, kv_floor_bytes=kv_floor_bytes,
                             runtime_bytes=runtime_bytes))

    def add_config(self, model, gpu, tp=1, max_batch=1, share=1.0, bandwidth=None, prefill=(0.0, 0.0),
                   decode=(0.0, 0.0, 0.0), prefill_table=(), decode_table=()):
        """Adds a way to run a model on GPUs of a kind.

        bandwidth      fraction of a GPU's memory bandwidth at full batch; None: the share
        prefill        (base_s, per_token_s): seconds for one prompt
        decode         (base_s, per_request_s, per_request_token_s): seconds per output token
        prefill_table  points (tokens, s) in place of prefill, ascending
        decode_table   points (batch, context, s) in place of decode
        """
        fields = _curve(prefill, decode, prefill_table, decode_table)
        if bandwidth is not None:
            fields.update(bandwidth=bandwidth, flags=c.LLMSCHED_CONFIG_HAS_BANDWIDTH)
        return self._add(lib.llmsched_planner_add_config, self._number(model),
                         new(c.llmsched_model_config, gpu=gpu, tp=tp, max_batch=max_batch, share=share, **fields))

    def read_models(self, document):
        """Adds the models of a "llmsched-models-1" document."""
        self._read(lib.llmsched_planner_read_models, document)

    def find_model(self, name):
        """Number of the model of this name, or None."""
        found = lib.llmsched_planner_find_model(self._ptr, encode(name))
        return None if found == c.LLMSCHED_INDEX_NONE else found

    def _number(self, model):
        if not isinstance(model, str):
            return model
        number = self.find_model(model)
        if number is None:
            raise errors.NotFoundError(f"no model is called {model!r}")
        return number

    @property
    def models(self):
        return [self._model(index) for index in range(lib.llmsched_planner_model_count(self._ptr))]

    def _model(self, index):
        info = new(c.llmsched_model)
        call(lib.llmsched_planner_get_model, self._ptr, index, info)
        return Model(decode(info.name), info.weight_bytes, info.kv_bytes_per_token, info.kv_floor_bytes,
                     info.runtime_bytes, tuple(self._config(index, i) for i in range(info.config_count)))

    def _config(self, model, index):
        info = new(c.llmsched_model_config)
        call(lib.llmsched_planner_get_config, self._ptr, model, index, info)
        return ModelConfig(
            decode(info.gpu), info.tp, info.max_batch, info.share, info.bandwidth,
            (info.prefill_base_s, info.prefill_per_token_s),
            (info.decode_base_s, info.decode_per_request_s, info.decode_per_request_token_s),
            tuple((info.prefill_tokens[i], info.prefill_s[i]) for i in range(info.prefill_count)),
            tuple((info.decode_batch[i], info.decode_context[i], info.decode_s[i]) for i in range(info.decode_count)))

    def prefill_s(self, model, config, tokens):
        """Seconds that a configuration takes for one prompt of so many tokens."""
        seconds = ctypes.c_double()
        call(lib.llmsched_planner_prefill_s, self._ptr, self._number(model), config, tokens, seconds)
        return seconds.value

    def decode_s(self, model, config, batch, context):
        """Seconds per output token with so many requests of this mean context."""
        seconds = ctypes.c_double()
        call(lib.llmsched_planner_decode_s, self._ptr, self._number(model), config, batch, context, seconds)
        return seconds.value

    # --- applications ---

    def add_app(self, name, rate_per_s, weight=1.0, max_latency_s=None):
        """Adds an application, without stages and calls; max_latency_s: hard limit of its mean latency."""
        return self._add(lib.llmsched_planner_add_app, _app(name, rate_per_s, weight, max_latency_s))

    def add_app_stage(self, app, id, model=None, parents=(), tasks=1.0, probability=1.0, prompt_tokens=0.0,
                      output_tokens=0.0, duration_s=0.0):
        """Adds a stage to an application; without a model it is a tool. Parents are numbers of earlier stages."""
        parents = numbers(parents)
        return self._add(lib.llmsched_planner_add_app_stage, app,
                         new(c.llmsched_app_stage, flags=c.LLMSCHED_STAGE_HAS_PROBABILITY, id=id, model=model,
                             parents=parents, parent_count=len(parents), tasks=tasks, probability=probability,
                             prompt_tokens=prompt_tokens, output_tokens=output_tokens, duration_s=duration_s))

    def add_app_call(self, app, model, calls, overlap=1.0, prompt_tokens=0.0, output_tokens=0.0, group=None,
                     context_tokens=None):
        """Adds what the jobs of an application ask of one model.

        calls           mean calls of a job, overlap of them at once
        group           how many come at the same time, itself among them; None: overlap
        context_tokens  mean context of an output token; None: prompt + output / 2
        """
        call(lib.llmsched_planner_add_app_call, self._ptr, app,
             new(c.llmsched_app_call, model=model, calls=calls, overlap=overlap, prompt_tokens=prompt_tokens,
                 output_tokens=output_tokens, group=group or 0.0, context_tokens=context_tokens or 0.0))

    def add_profile(self, profile, rate_per_s, name=None, weight=1.0, max_latency_s=None):
        """Adds an application with the calls that a Profile has learned; name: None: the profile's."""
        return self._add(lib.llmsched_planner_add_profile, _app(name, rate_per_s, weight, max_latency_s), profile._ptr)

    def read_apps(self, document):
        """Adds the applications of a "llmsched-apps-1" document; their models must be there."""
        self._read(lib.llmsched_planner_read_apps, document)

    @property
    def apps(self):
        return [self._app(index) for index in range(lib.llmsched_planner_app_count(self._ptr))]

    def _app(self, index):
        info = new(c.llmsched_app)
        call(lib.llmsched_planner_get_app, self._ptr, index, info)
        return App(decode(info.name), info.rate_per_s, info.weight, info.max_latency_s or None)

    # --- planning ---

    def plan(self, planner=None, **options):
        """A Plan; where there is none, one whose `feasible` is False.

        planner      "llmsched", or a rival of planners() with its options ("k8s:target=0.5"); None: "llmsched"
        rate_factor  plan for the rates times this
        utilisation  most of a model's saturation rate that may be used; 0: 0.9
        node_budget  nodes of the search; 0: a million
        running      the Plan that runs now: prefer plans that move less
        move_cost_s  added to the objective for each replica that moves
        progress     called now and then with (nodes, best, bound); true ends the search with the best plan so far; an
                     exception in it comes out of this call
        """
        return self._ask(lib.llmsched_planner_plan, (), planner, **options)

    def max_rate(self, planner=None, **options):
        """(factor, Plan): the highest common factor on all rates for which there is a plan; options as of plan()."""
        factor = ctypes.c_double()
        plan = self._ask(lib.llmsched_planner_max_rate, (factor,), planner, **options)
        return factor.value, plan

    def min_gpus(self, planner=None, **options):
        """(count, Plan): the fewest GPUs from the front of the cluster for which there is a plan, 0 where all are too
        few; options as of plan()."""
        count = ctypes.c_uint32()
        plan = self._ask(lib.llmsched_planner_min_gpus, (count,), planner, **options)
        return count.value, plan

    def menus(self, planner=None, **options):
        """What is searched, as the text of a "llmsched-menus-1" document; options as of plan()."""
        struct, progress = _options(planner, **options)
        return progress.run(lambda: take_text(lib.llmsched_planner_menus, self._ptr, struct))

    def _ask(self, function, results, planner, **options):
        struct, progress = _options(planner, **options)
        return progress.run(lambda: Plan._adopt(make(function, self._ptr, struct, *results)))


def _curve(prefill, decode, prefill_table, decode_table):
    """The curve's fields of a configuration."""
    prefill_base, prefill_per_token = prefill
    decode_base, per_request, per_request_token = decode
    prefills, decodes = _columns(prefill_table, 2), _columns(decode_table, 3)
    return {"prefill_base_s": prefill_base, "prefill_per_token_s": prefill_per_token, "decode_base_s": decode_base,
            "decode_per_request_s": per_request, "decode_per_request_token_s": per_request_token,
            "prefill_count": len(prefills[0]), "prefill_tokens": prefills[0], "prefill_s": prefills[1],
            "decode_count": len(decodes[0]), "decode_batch": decodes[0], "decode_context": decodes[1],
            "decode_s": decodes[2]}


def _columns(points, width):
    points = [tuple(point) for point in points]
    if any(len(point) != width for point in points):
        raise errors.InvalidError(f"a point of a table is not {width} numbers")
    return [numbers((point[i] for point in points), ctypes.c_double) for i in range(width)]


def _app(name, rate_per_s, weight, max_latency_s):
    return new(c.llmsched_app, flags=c.LLMSCHED_APP_HAS_WEIGHT, name=name, rate_per_s=rate_per_s, weight=weight,
               max_latency_s=max_latency_s or 0.0)


def _options(planner=None, rate_factor=1.0, utilisation=0.0, node_budget=0, running=None, move_cost_s=0.0,
             progress=None):
    told = _Progress(progress)
    struct = new(c.llmsched_planner_options, planner=planner, rate_factor=rate_factor, max_utilisation=utilisation,
                 node_budget=node_budget, running=None if running is None else running._ptr, move_cost_s=move_cost_s)
    if progress is not None:
        struct.progress = told.callback
    return struct, told


class _Progress:
    """The caller's progress function as a C callback, and the exception in it."""

    def __init__(self, function):
        self.error = None

        def tell(_user, nodes, best, bound):
            try:
                return 1 if function(nodes, best, bound) else 0
            except BaseException as error:  # pylint: disable=broad-except
                self.error = error
                return 1

        self.callback = c.llmsched_planner_progress_fn(tell)

    def run(self, ask):
        """What ask() gives, unless the callback failed: its exception, and no plan is kept."""
        try:
            answer = ask()
        except errors.Error:
            if self.error is None:
                raise
            raise self.error from None
        if self.error is not None:
            if isinstance(answer, Handle):
                answer.close()
            raise self.error
        return answer
