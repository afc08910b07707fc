# SPDX-License-Identifier: Apache-2.0
"""Past runs in, a profile out."""

import dataclasses

from . import _generated as c
from . import context as contexts
from . import dag as dags
from . import network as networks
from ._ffi import Handle, call, decode, encode, lib, make, new, take_text


class Profiler(Handle):
    """Collects the runs of one application. Options are the fields of llmsched_profiler_options."""

    _destroy = "llmsched_profiler_destroy"

    def __init__(self, name, dag=None, context=None, **options):
        super().__init__(make(lib.llmsched_profiler_create, contexts.pointer(context), encode(name),
                              dag._ptr if dag else None, new(c.llmsched_profiler_options, **options)))

    def observe(self, run):
        call(lib.llmsched_profiler_observe, self._ptr, run._struct())

    @property
    def run_count(self):
        return lib.llmsched_profiler_run_count(self._ptr)

    def fit(self):
        return Profile._adopt(make(lib.llmsched_profiler_fit, self._ptr))

    def refit(self):
        """A profile that counts the runs since the last fit, and keeps all else of it."""
        return Profile._adopt(make(lib.llmsched_profiler_refit, self._ptr))


@dataclasses.dataclass(frozen=True)
class Summary:
    stage_count: int
    run_count: int
    mean_llm_s: float
    mean_tool_s: float
    log_likelihood: float


@dataclasses.dataclass(frozen=True)
class ProfileStage:
    bin_count: int
    work_node: "int | None"
    prompt_node: "int | None"
    aggregate: bool
    presence: float
    mean_work_s: float
    mean_span_s: float


@dataclasses.dataclass(frozen=True)
class Bin:
    count: int
    mean_s: float
    minimum_s: float
    maximum_s: float
    upper_s: float


@dataclasses.dataclass(frozen=True)
class Remainder:
    """Work that remained of past runs: mean and percentiles."""

    mean_s: float
    q10_s: float
    q50_s: float
    q90_s: float


@dataclasses.dataclass(frozen=True)
class Call:
    """What the runs of a profile ask of one model; a call is a task of an LLM stage."""

    model: "str | None"
    calls: float
    overlap: float
    group: float
    prompt_tokens: float
    output_tokens: float
    context_tokens: float
    work_s: float


class Profile(Handle):
    """Template and fitted network of one application; immutable."""

    _destroy = "llmsched_profile_release"

    def __init__(self):
        raise TypeError("a Profile comes from Profiler.fit() or Profile.from_json()")

    @classmethod
    def from_json(cls, text, context=None):
        data = text.encode() if isinstance(text, str) else text
        return cls._adopt(make(lib.llmsched_profile_from_json, contexts.pointer(context), data, len(data)))

    def to_json(self):
        return take_text(lib.llmsched_profile_to_json, self._ptr)

    @property
    def name(self):
        return decode(lib.llmsched_profile_name(self._ptr))

    @property
    def dag(self):
        return dags.borrow(lib.llmsched_profile_dag(self._ptr))

    @property
    def network(self):
        return networks.borrow(lib.llmsched_profile_network(self._ptr))

    def summary(self):
        info = new(c.llmsched_profile_summary)
        call(lib.llmsched_profile_get_summary, self._ptr, info)
        return Summary(info.stage_count, info.run_count, info.mean_llm_s, info.mean_tool_s,
                       info.log_likelihood)

    def stage(self, stage):
        info = new(c.llmsched_profile_stage)
        call(lib.llmsched_profile_get_stage, self._ptr, stage, info)
        return ProfileStage(info.bin_count, _node(info.work_node), _node(info.prompt_node),
                            bool(info.aggregate), info.presence, info.mean_work_s, info.mean_span_s)

    @property
    def class_count(self):
        return lib.llmsched_profile_class_count(self._ptr)

    def class_of(self, kind, name):
        """Class of a stage as it is revealed; None for neither its own nor that of rare names."""
        return _node(lib.llmsched_profile_class(self._ptr, kind, encode(name)))

    def find(self, kind, class_number, occurrence):
        """Template stage of a class's stage with this occurrence, or the kind's aggregate; None without one."""
        number = c.LLMSCHED_INDEX_NONE if class_number is None else class_number
        return _node(lib.llmsched_profile_find(self._ptr, kind, number, occurrence))

    def remainder(self, kind, ended):
        """What remained of past runs after as many ended stages."""
        info = new(c.llmsched_remainder)
        call(lib.llmsched_profile_get_remainder, self._ptr, kind, ended, info)
        return Remainder(info.mean_s, info.q10_s, info.q50_s, info.q90_s)

    @property
    def calls(self):
        """What the runs ask of each model, by its name."""
        return [self._call(index) for index in range(lib.llmsched_profile_call_count(self._ptr))]

    def _call(self, index):
        info = new(c.llmsched_profile_call)
        call(lib.llmsched_profile_get_call, self._ptr, index, info)
        return Call(decode(info.model), info.calls, info.overlap, info.group, info.prompt_tokens,
                    info.output_tokens, info.context_tokens, info.work_s)

    def bin(self, stage, number):
        info = new(c.llmsched_profile_bin)
        call(lib.llmsched_profile_get_bin, self._ptr, stage, number, info)
        return Bin(info.count, info.mean_s, info.minimum_s, info.maximum_s, info.upper_s)


def _node(number):
    return None if number == c.LLMSCHED_INDEX_NONE else number


def borrow(pointer):
    return Profile._adopt(lib.llmsched_profile_retain(pointer)) if pointer else None
