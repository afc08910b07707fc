# SPDX-License-Identifier: Apache-2.0
"""Placements: which model runs how often, how, and on which GPUs."""

import dataclasses
import enum
import typing

from . import _generated as c
from ._ffi import Handle, as_text, call, decode, lib, make, new, take_text
from .dag import Kind


class PlanStatus(enum.IntEnum):
    """How a plan came out."""

    OPTIMAL = c.LLMSCHED_PLAN_OPTIMAL
    FEASIBLE = c.LLMSCHED_PLAN_FEASIBLE
    INFEASIBLE = c.LLMSCHED_PLAN_INFEASIBLE


class Binding(enum.IntEnum):
    """What keeps a plan from being better, or from being."""

    NONE = c.LLMSCHED_BINDING_NONE
    SHARE = c.LLMSCHED_BINDING_SHARE
    MEMORY = c.LLMSCHED_BINDING_MEMORY
    BANDWIDTH = c.LLMSCHED_BINDING_BANDWIDTH
    DOMAIN = c.LLMSCHED_BINDING_DOMAIN
    RATE = c.LLMSCHED_BINDING_RATE
    LATENCY = c.LLMSCHED_BINDING_LATENCY


@dataclasses.dataclass(frozen=True)
class PlanInfo:
    """The whole of a plan; bounds and objective in seconds of weighted latency."""

    status: PlanStatus
    planner: str
    binding: Binding
    model_count: int
    replica_count: int
    app_count: int
    gpu_count: int
    moved_replicas: int
    nodes: int
    objective_s: float
    bound_s: float
    gap: float
    alone_bound_s: float
    capacity_bound_s: float
    throughput_bound_per_s: float
    throughput_per_s: float
    memory_bound_gpus: int
    touched_gpus: int
    total_share: float


@dataclasses.dataclass(frozen=True)
class PlannedModel:
    """A model in a plan; shares, bandwidth and memory are of each GPU of a replica.

    config: number of the configuration in the planner's model, or None.
    """

    model: str
    gpu: str
    tp: int
    share: float
    bandwidth: float
    memory_bytes: float
    batch: int
    call_latency_s: float
    load_per_s: float
    capacity_per_s: float
    config: "int | None"
    first_replica: int
    replica_count: int


@dataclasses.dataclass(frozen=True)
class Replica:
    """A replica: the number of its model in the plan, and of its GPUs in the cluster."""

    model: int
    gpus: tuple


@dataclasses.dataclass(frozen=True)
class PlannedApp:
    name: str
    latency_s: float
    capacity_per_s: float


@dataclasses.dataclass(frozen=True)
class PlannedGpu:
    """A GPU under a plan: what it has, and what is taken of it."""

    id: str
    kind: str
    domain: str
    memory_bytes: float
    replicas: int
    used_bytes: float
    used_share: float
    used_bandwidth: float


class AutoscalerKind(enum.IntEnum):
    HPA = c.LLMSCHED_AUTOSCALER_HPA
    KPA = c.LLMSCHED_AUTOSCALER_KPA


@dataclasses.dataclass(frozen=True)
class Autoscaler:
    """How the replicas of a plan change over time."""

    kind: AutoscalerKind
    start_s: float
    target: float


class Executor(typing.NamedTuple):
    """What a scheduler wants to know of an engine: scheduler.executor_up(time_s, number, *executor)."""

    kind: Kind
    capacity: int
    model: "str | None"
    curve: tuple
    price: float


def _fields(kind, struct, /, **differing):
    """A dataclass out of the struct whose fields have its names, but for those that differ."""
    values = {field.name: getattr(struct, field.name) for field in dataclasses.fields(kind)
              if field.name not in differing}
    values = {name: decode(value) if isinstance(value, bytes) else value for name, value in values.items()}
    return kind(**values, **differing)


class Plan(Handle):
    """A placement, or why there is none; immutable, and independent of the planner that made it."""

    _destroy = "llmsched_plan_release"

    def __init__(self):
        raise TypeError("a Plan comes from Planner.plan() or Plan.from_json()")

    @classmethod
    def from_json(cls, text, planner):
        """A plan for the cluster and models of a planner; text: str, bytes or dict."""
        data = as_text(text)
        return cls._adopt(make(lib.llmsched_plan_from_json, planner._ptr, data, len(data)))

    def to_json(self):
        return take_text(lib.llmsched_plan_to_json, self._ptr)

    def _get(self, function, struct, *index):
        info = new(struct)
        call(function, self._ptr, *index, info)
        return info

    @property
    def info(self):
        info = self._get(lib.llmsched_plan_get_info, c.llmsched_plan_info)
        return _fields(PlanInfo, info, status=PlanStatus(info.status), binding=Binding(info.binding))

    @property
    def feasible(self):
        """False: there is no plan; see reason and lift."""
        return self._get(lib.llmsched_plan_get_info, c.llmsched_plan_info).status != c.LLMSCHED_PLAN_INFEASIBLE

    @property
    def reason(self):
        """Why there is no plan, or why optimality was not proved; "" otherwise."""
        return decode(lib.llmsched_plan_reason(self._ptr))

    @property
    def lift(self):
        """What would lift it; "" where there is a plan."""
        return decode(lib.llmsched_plan_lift(self._ptr))

    @property
    def models(self):
        return [self._model(index) for index in range(self.info.model_count)]

    def _model(self, index):
        info = self._get(lib.llmsched_plan_get_model, c.llmsched_plan_model, index)
        return _fields(PlannedModel, info, config=None if info.config == c.LLMSCHED_INDEX_NONE else info.config)

    @property
    def replicas(self):
        """The replicas of all models, in the order of their numbers."""
        return [self._replica(index) for index in range(self.info.replica_count)]

    def _replica(self, index):
        info = self._get(lib.llmsched_plan_get_replica, c.llmsched_plan_replica, index)
        return Replica(info.model, tuple(info.gpus[: info.gpu_count]))

    @property
    def apps(self):
        return [_fields(PlannedApp, self._get(lib.llmsched_plan_get_app, c.llmsched_plan_app, index))
                for index in range(self.info.app_count)]

    @property
    def gpus(self):
        return [_fields(PlannedGpu, self._get(lib.llmsched_plan_get_gpu, c.llmsched_plan_gpu, index))
                for index in range(self.info.gpu_count)]

    @property
    def autoscaler(self):
        """The Autoscaler, or None: the replicas are those of the plan."""
        info = self._get(lib.llmsched_plan_get_autoscaler, c.llmsched_autoscaler)
        if info.kind == c.LLMSCHED_AUTOSCALER_NONE:
            return None
        return _fields(Autoscaler, info, kind=AutoscalerKind(info.kind))

    @property
    def executors(self):
        """Every replica as an Executor."""
        return [self._executor(index) for index in range(self.info.replica_count)]

    def _executor(self, index):
        info = self._get(lib.llmsched_plan_get_executor, c.llmsched_executor, index)
        points = range(info.curve_count)
        return Executor(Kind(info.kind), info.capacity, decode(info.model),
                        tuple((info.curve_batch[i], info.curve_slowdown[i]) for i in points), info.price)

    def start(self, scheduler, time_s=0.0, first=0):
        """Brings every replica up in a scheduler: replica i is executor first + i."""
        scheduler._run(lib.llmsched_plan_start, self._ptr, scheduler._ptr, time_s, first)
