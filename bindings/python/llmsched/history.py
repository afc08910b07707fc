# SPDX-License-Identifier: Apache-2.0
"""Past runs: of run files, or filled in by the caller."""

import dataclasses
import enum

from . import _generated as c
from . import context as contexts
from ._ffi import Handle, decode, encode, lib, make, new, numbers
from .dag import Kind


class Missing(enum.IntFlag):
    """What is not known of a stage of a past run."""

    WORK = c.LLMSCHED_MISSING_WORK
    PROMPT = c.LLMSCHED_MISSING_PROMPT
    CHOICE = c.LLMSCHED_MISSING_CHOICE


@dataclasses.dataclass
class RunStage:
    """One stage of a past run; times are alone-seconds (batch size 1, empty machine).

    missing: what is not known of it.
    """

    kind: Kind
    name: str
    work_s: float
    parents: tuple = ()
    id: "str | None" = None
    model: "str | None" = None
    tasks: int = 1
    choice: "int | None" = None
    prompt_tokens: float = 0.0
    output_tokens: float = 0.0
    span_s: float = 0.0
    missing: Missing = Missing(0)


@dataclasses.dataclass
class Run:
    """One past run, its stages in topological order."""

    app: str
    stages: list
    job: "str | None" = None
    task: "str | None" = None
    truncated: bool = False

    def _struct(self):
        stages = (c.llmsched_run_stage * len(self.stages))(*(_stage_struct(s) for s in self.stages))
        return new(c.llmsched_run, stage_count=len(stages), app=self.app, job=self.job, task=self.task,
                   stages=stages, truncated=self.truncated)


def _stage_struct(stage):
    parents = numbers(stage.parents)
    return new(c.llmsched_run_stage, kind=stage.kind, id=stage.id, name=stage.name, model=stage.model,
               parents=parents, parent_count=len(parents), tasks=stage.tasks,
               choice=0 if stage.choice is None else stage.choice + 1, prompt_tokens=stage.prompt_tokens,
               output_tokens=stage.output_tokens, work_s=stage.work_s, span_s=stage.span_s,
               missing=stage.missing)


def _read_stage(stage):
    return RunStage(Kind(stage.kind), decode(stage.name), stage.work_s,
                    tuple(stage.parents[: stage.parent_count]) if stage.parent_count else (),
                    decode(stage.id), decode(stage.model), stage.tasks,
                    stage.choice - 1 if stage.choice else None, stage.prompt_tokens, stage.output_tokens,
                    stage.span_s, Missing(stage.missing))


class History(Handle):
    """The runs of one run file; a sequence of Run."""

    _destroy = "llmsched_history_release"

    def __init__(self, name, text, prefill_s_per_token=0.0, decode_s_per_token=0.0, context=None):
        data = text.encode() if isinstance(text, str) else text
        options = new(c.llmsched_history_options, prefill_s_per_token=prefill_s_per_token,
                      decode_s_per_token=decode_s_per_token)
        super().__init__(make(lib.llmsched_history_parse, contexts.pointer(context), encode(name), data,
                              len(data), options))

    def __len__(self):
        return lib.llmsched_history_count(self._ptr)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        run = lib.llmsched_history_run(self._ptr, index)[0]
        return Run(decode(run.app), [_read_stage(stage) for stage in run.stages[: run.stage_count]],
                   decode(run.job), decode(run.task))
