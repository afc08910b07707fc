# SPDX-License-Identifier: Apache-2.0
"""Events in, decisions out; the caller drives the loop."""

import ctypes
import dataclasses

from . import _generated as c
from . import context as contexts
from . import policy as policies
from ._ffi import Handle, call, lib, make, new, numbers


@dataclasses.dataclass(frozen=True)
class Decision:
    """Start this task on this executor now."""

    job: int
    stage: int
    task: int
    executor: int


@dataclasses.dataclass(frozen=True)
class Stats:
    executors: int
    jobs: int
    ready: int
    running: int
    events: int
    decisions: int


class Scheduler(Handle):
    """Executors, jobs and a policy.

    policy  name of a built-in one ("llmsched:epsilon=0"), or a Policy object; None: the default, "gittins"
    """

    _destroy = "llmsched_scheduler_destroy"

    def __init__(self, policy=None, seed=0, context=None):
        options = new(c.llmsched_scheduler_options, seed=seed)
        self._callbacks = None
        if isinstance(policy, policies.Policy):
            self._callbacks = policies.Callbacks(policy)
            options.custom = ctypes.pointer(self._callbacks.table)
        elif policy is not None:
            options.policy = policy.encode()
        super().__init__(make(lib.llmsched_scheduler_create, contexts.pointer(context), options))

    def _call(self, function, *arguments):
        return self._run(function, self._ptr, *arguments)

    def _run(self, function, *arguments):
        """Calls a function that may call the policy: its exception comes out."""
        try:
            return call(function, *arguments)
        finally:
            if self._callbacks:
                self._callbacks.reraise()

    def _post(self, type_, time_s, **fields):
        self._call(lib.llmsched_scheduler_post, new(c.llmsched_event, type=type_, time_s=time_s, **fields))

    def executor_up(self, time_s, executor, kind, capacity=1, model=None, curve=(), price=1.0):
        """A new executor; curve: points (batch size, slowdown); price: of an alone-second."""
        self._post(c.LLMSCHED_EVENT_EXECUTOR_UP, time_s, executor=executor,
                   executor_info=_executor(kind, capacity, model, curve, price))

    def executor_changed(self, time_s, executor, kind, capacity=1, model=None, curve=(), price=1.0):
        self._post(c.LLMSCHED_EVENT_EXECUTOR_CHANGED, time_s, executor=executor,
                   executor_info=_executor(kind, capacity, model, curve, price))

    def executor_down(self, time_s, executor):
        """An executor is gone; its tasks are ready again."""
        self._post(c.LLMSCHED_EVENT_EXECUTOR_DOWN, time_s, executor=executor)

    def job_arrived(self, time_s, job, profile=None, given_mean_s=0.0, given_llm_s=0.0, given_tool_s=0.0,
                    arrival_s=0.0, tenant=0, weight=1.0):
        info = new(c.llmsched_job, profile=profile._ptr if profile else None, given_mean_s=given_mean_s,
                   given_llm_s=given_llm_s, given_tool_s=given_tool_s, arrival_s=arrival_s,
                   tenant=tenant, weight=weight)
        self._post(c.LLMSCHED_EVENT_JOB_ARRIVED, time_s, job=job, job_info=ctypes.pointer(info))

    def job_changed(self, time_s, job, given_mean_s=0.0, given_llm_s=0.0, given_tool_s=0.0):
        info = new(c.llmsched_job, given_mean_s=given_mean_s, given_llm_s=given_llm_s,
                   given_tool_s=given_tool_s)
        self._post(c.LLMSCHED_EVENT_JOB_CHANGED, time_s, job=job, job_info=ctypes.pointer(info))

    def job_finished(self, time_s, job):
        self._post(c.LLMSCHED_EVENT_JOB_FINISHED, time_s, job=job)

    def job_cancelled(self, time_s, job):
        self._post(c.LLMSCHED_EVENT_JOB_CANCELLED, time_s, job=job)

    def stage_revealed(self, time_s, job, stage, kind, name, parents=(), model=None, tasks=1, choice=None,
                       prompt_tokens=None):
        parents = numbers(parents)
        info = new(c.llmsched_revealed_stage, kind=kind, name=name, model=model, parents=parents,
                   parent_count=len(parents), tasks=tasks, choice=0 if choice is None else choice + 1,
                   has_prompt=prompt_tokens is not None, prompt_tokens=prompt_tokens or 0.0)
        self._post(c.LLMSCHED_EVENT_STAGE_REVEALED, time_s, job=job, stage=stage,
                   stage_info=ctypes.pointer(info))

    def task_finished(self, time_s, job, stage, task, alone_s=None, output_tokens=None):
        flags = ((0 if alone_s is None else c.LLMSCHED_EVENT_HAS_ALONE)
                 | (0 if output_tokens is None else c.LLMSCHED_EVENT_HAS_OUTPUT))
        self._post(c.LLMSCHED_EVENT_TASK_FINISHED, time_s, job=job, stage=stage, task=task, flags=flags,
                   alone_s=alone_s or 0.0, output_tokens=output_tokens or 0.0)

    def task_failed(self, time_s, job, stage, task):
        """A started task was refused or failed; it is ready again."""
        self._post(c.LLMSCHED_EVENT_TASK_FAILED, time_s, job=job, stage=stage, task=task)

    def next(self, now):
        """The next decision, which counts as taken; None when there is nothing to start."""
        decision = new(c.llmsched_decision)
        status = self._call(lib.llmsched_scheduler_next, now, decision)
        if status == c.LLMSCHED_NONE:
            return None
        return Decision(decision.job, decision.stage, decision.task, decision.executor)

    def decisions(self, now):
        """All decisions there are to take now."""
        while (decision := self.next(now)) is not None:
            yield decision

    def stats(self):
        info = new(c.llmsched_scheduler_stats)
        call(lib.llmsched_scheduler_get_stats, self._ptr, info)
        return Stats(info.executors, info.jobs, info.ready, info.running, info.events, info.decisions)

    def tenant(self, tenant):
        """A tenant's account, or None when it has no job."""
        info = new(c.llmsched_tenant_view)
        if call(lib.llmsched_scheduler_get_tenant, self._ptr, tenant, info) == c.LLMSCHED_NONE:
            return None
        return policies.TenantView(info.jobs, info.ready, info.running, info.weight, info.tag_s, info.service_s)


def _executor(kind, capacity, model, curve, price):
    batch = numbers((point[0] for point in curve), ctypes.c_double)
    slowdown = numbers((point[1] for point in curve), ctypes.c_double)
    info = new(c.llmsched_executor, kind=kind, model=model, capacity=capacity, curve_count=len(batch),
               curve_batch=batch, curve_slowdown=slowdown, price=price)
    return ctypes.pointer(info)
