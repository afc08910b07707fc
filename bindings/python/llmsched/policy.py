# SPDX-License-Identifier: Apache-2.0
"""Policies: the built-in ones by name, and the caller's own."""

import ctypes
import dataclasses
import enum

from . import _generated as c
from . import errors, profile
from ._ffi import decode, lib, new, raise_for
from .dag import Kind


class By(enum.IntEnum):
    """Where an estimate or a forecast comes from."""

    NETWORK = c.LLMSCHED_BY_NETWORK
    HISTORY = c.LLMSCHED_BY_HISTORY
    TREE = c.LLMSCHED_BY_TREE
    FOREST = c.LLMSCHED_BY_FOREST


@dataclasses.dataclass(frozen=True)
class PolicyInfo:
    name: str
    summary: str


def policies():
    """The built-in policies."""
    return [PolicyInfo(decode(lib.llmsched_policy_name(i)), decode(lib.llmsched_policy_summary(i)))
            for i in range(lib.llmsched_policy_count())]


@dataclasses.dataclass(frozen=True)
class QueueView:
    kind: Kind
    model: "str | None"
    capacity: int
    running: int
    ready: int


@dataclasses.dataclass(frozen=True)
class JobView:
    unfinished_stages: int
    running_llm: int
    running_tool: int
    arrival_s: float
    done_llm_s: float
    done_tool_s: float
    given_mean_s: float
    given_llm_s: float
    given_tool_s: float
    profile: "profile.Profile | None"
    tenant: int
    last_engine: "int | None"
    waited_llm_s: float
    chain_llm_s: float


@dataclasses.dataclass(frozen=True)
class ExecutorView:
    queue: int
    capacity: int
    running: int
    price: float


@dataclasses.dataclass(frozen=True)
class TenantView:
    jobs: int
    ready: int
    running: int
    weight: float
    tag_s: float
    service_s: float


@dataclasses.dataclass(frozen=True)
class StageView:
    kind: Kind
    name: str
    model: "str | None"
    queue: int
    template_stage: "int | None"
    tasks: int
    ready: int
    running: int
    prompt_tokens: "float | None"
    ready_s: float
    chain_llm_s: float
    served_s: float
    mean_s: float
    path_s: float
    path_stages: int
    child_stages: int


@dataclasses.dataclass(frozen=True)
class Estimate:
    mean_s: float
    lo_s: float
    hi_s: float


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a policy's choose() returns: tasks of a ready stage; 0: all its ready tasks."""

    job: int
    stage: int
    tasks: int = 0


class View:
    """The scheduler's state as revealed so far; valid during the callback only."""

    def __init__(self, pointer):
        self._pointer = pointer

    @property
    def _ptr(self):
        if self._pointer is None:
            raise errors.ClosedError("this View is over: it is valid during its callback only")
        return self._pointer

    def _read(self, function, *arguments):
        status = function(self._ptr, *arguments)
        if status not in (c.LLMSCHED_OK, c.LLMSCHED_NONE):
            raise_for(status)
        return status

    @property
    def now(self):
        return lib.llmsched_view_now(self._ptr)

    def random(self):
        """Next number of the scheduler's random stream, in [0, 1)."""
        return lib.llmsched_view_random(self._ptr)

    def queue(self, queue):
        info = new(c.llmsched_queue_view)
        self._read(lib.llmsched_view_queue, queue, info)
        return QueueView(Kind(info.kind), decode(info.model), info.capacity, info.running, info.ready)

    def head(self, queue):
        """(job, stage) of least key, or None when the queue is empty."""
        job, stage = ctypes.c_uint64(), ctypes.c_uint32()
        status = self._read(lib.llmsched_view_head, queue, job, stage)
        return None if status == c.LLMSCHED_NONE else (job.value, stage.value)

    def ready(self, queue):
        """The ready stages of a queue as (job, stage), sorted."""
        found = []
        for i in range(self.queue(queue).ready):
            job, stage = ctypes.c_uint64(), ctypes.c_uint32()
            self._read(lib.llmsched_view_ready, queue, i, job, stage)
            found.append((job.value, stage.value))
        return sorted(found)

    def freed(self, queue):
        """The jobs whose tasks freed the queue's free places, the place free longest first."""
        found, job = [], ctypes.c_uint64()
        while self._read(lib.llmsched_view_freed, queue, len(found), job) == c.LLMSCHED_OK:
            found.append(job.value)
        return found

    def job(self, job):
        info = new(c.llmsched_job_view)
        self._read(lib.llmsched_view_job, job, info)
        return JobView(info.unfinished_stages, info.running_llm, info.running_tool, info.arrival_s,
                       info.done_llm_s, info.done_tool_s, info.given_mean_s, info.given_llm_s,
                       info.given_tool_s, profile.borrow(info.profile), info.tenant,
                       info.last_engine if info.has_last_engine else None, info.waited_llm_s,
                       info.chain_llm_s)

    def job_count(self):
        return lib.llmsched_view_job_count(self._ptr)

    def stage(self, job, stage):
        info = new(c.llmsched_stage_view)
        self._read(lib.llmsched_view_stage, job, stage, info)
        template = None if info.template_stage == c.LLMSCHED_INDEX_NONE else info.template_stage
        return StageView(Kind(info.kind), decode(info.name), decode(info.model), info.queue, template,
                         info.tasks, info.ready, info.running,
                         info.prompt_tokens if info.has_prompt else None, info.ready_s,
                         info.chain_llm_s, info.served_s, info.mean_s, info.path_s,
                         info.path_stages, info.child_stages)

    def executors(self, queue):
        """The ids of a queue's executors, sorted."""
        found, executor = [], ctypes.c_uint64()
        while self._read(lib.llmsched_view_executor_at, queue, len(found), executor) == c.LLMSCHED_OK:
            found.append(executor.value)
        return sorted(found)

    def executor(self, executor):
        """An executor, or None when it is not up."""
        info = new(c.llmsched_executor_view)
        if self._read(lib.llmsched_view_executor, executor, info) == c.LLMSCHED_NONE:
            return None
        return ExecutorView(info.queue, info.capacity, info.running, info.price)

    def tenant(self, tenant):
        """A tenant's account, or None when it has no job."""
        info = new(c.llmsched_tenant_view)
        if self._read(lib.llmsched_view_tenant, tenant, info) == c.LLMSCHED_NONE:
            return None
        return TenantView(info.jobs, info.ready, info.running, info.weight, info.tag_s, info.service_s)

    def estimate(self, job, kind=0, method=By.NETWORK):
        info = new(c.llmsched_estimate)
        self._read(lib.llmsched_view_estimate, job, kind, method, info)
        return Estimate(info.mean_s, info.lo_s, info.hi_s)

    def gittins(self, job, method=By.FOREST):
        """Gittins index of a job's remaining LLM work at its age."""
        value = ctypes.c_double()
        self._read(lib.llmsched_view_gittins, job, method, value)
        return value.value

    def reduction(self, job, stage):
        value = ctypes.c_double()
        self._read(lib.llmsched_view_reduction, job, stage, value)
        return value.value


class Policy:
    """Derive from it and give it to a Scheduler.

    An exception in a callback comes out of Scheduler.post() or next().
    """

    def key(self, view, job, stage):
        """Key of a ready stage: the least goes first."""
        raise NotImplementedError

    # True: keys are not asked for while all that is ready in a queue finds room.
    lazy = False

    # Optional: def choose(self, view, queue) -> Choice, or None for nothing now.
    choose = None

    # Optional: def place(self, view, job, stage) -> id of an executor with room, or None for any.
    place = None


class Callbacks:
    """A Policy as the table of C callbacks, and the last exception in one."""

    def __init__(self, policy):
        self.error = None
        types = dict(c.llmsched_policy._fields_)

        def key(_user, view, job, stage, out):
            value = self._run(view, lambda view: float(policy.key(view, job, stage)))
            if self.error is not None:
                return c.LLMSCHED_ERROR_CALLBACK
            out[0] = value
            return c.LLMSCHED_OK

        def choose(_user, view, queue, out):
            choice = self._run(view, lambda view: policy.choose(view, queue))
            if self.error is not None:
                return c.LLMSCHED_ERROR_CALLBACK
            if choice is None:
                return c.LLMSCHED_NONE
            out[0].job, out[0].stage, out[0].tasks = choice.job, choice.stage, choice.tasks
            return c.LLMSCHED_OK

        def place(_user, view, job, stage, out):
            executor = self._run(view, lambda view: policy.place(view, job, stage))
            if self.error is not None:
                return c.LLMSCHED_ERROR_CALLBACK
            if executor is None:
                return c.LLMSCHED_NONE
            out[0] = executor
            return c.LLMSCHED_OK

        self.table = new(c.llmsched_policy, key=types["key"](key),
                         flags=c.LLMSCHED_POLICY_LAZY if policy.lazy else 0)
        if policy.place is not None:
            self.table.place = types["place"](place)
        if policy.choose is not None:
            self.table.choose = types["choose"](choose)

    def _run(self, pointer, function):
        view = View(pointer)
        try:
            return function(view)
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error
            return None
        finally:
            view._pointer = None

    def reraise(self):
        error, self.error = self.error, None
        if error is not None:
            raise error
