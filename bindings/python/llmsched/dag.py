# SPDX-License-Identifier: Apache-2.0
"""Application templates: build, freeze, read."""

import ctypes
import dataclasses
import enum

from . import _generated as c
from . import context as contexts
from ._ffi import Handle, call, decode, encode, lib, make, new, numbers, take_text


class Kind(enum.IntEnum):
    """Kinds of a stage."""

    LLM = c.LLMSCHED_STAGE_LLM
    REGULAR = c.LLMSCHED_STAGE_REGULAR
    DYNAMIC = c.LLMSCHED_STAGE_DYNAMIC


@dataclasses.dataclass(frozen=True)
class Stage:
    kind: Kind
    id: str
    name: str
    model: "str | None"
    occurrence: int
    tasks: int


@dataclasses.dataclass(frozen=True)
class Candidate:
    name: str
    members: tuple


class DagBuilder(Handle):
    """Collects stages and edges; freeze() validates them."""

    _destroy = "llmsched_dag_builder_destroy"

    def __init__(self, name, context=None):
        super().__init__(make(lib.llmsched_dag_builder_create, contexts.pointer(context), encode(name)))

    def add_stage(self, id, kind=Kind.LLM, name=None, model=None, tasks=1):
        stage = new(c.llmsched_stage, kind=kind, id=id, name=name, model=model, tasks=tasks)
        index = ctypes.c_uint32()
        call(lib.llmsched_dag_builder_add_stage, self._ptr, stage, index)
        return index.value

    def add_edge(self, parent, child):
        call(lib.llmsched_dag_builder_add_edge, self._ptr, parent, child)

    def add_candidate(self, dynamic_stage, name, members):
        candidate = ctypes.c_uint32()
        members = numbers(members)
        call(lib.llmsched_dag_builder_add_candidate, self._ptr, dynamic_stage, encode(name), members,
             len(members), candidate)
        return candidate.value

    def add_loop(self, body, rounds):
        """The number of the first stage added; copy r (from 0) of body[i] is first + r * len(body) + i."""
        first = ctypes.c_uint32()
        body = numbers(body)
        call(lib.llmsched_dag_builder_add_loop, self._ptr, body, len(body), rounds, first)
        return first.value

    def freeze(self):
        return Dag._adopt(make(lib.llmsched_dag_builder_freeze, self._ptr))


class Dag(Handle):
    """A validated template; immutable."""

    _destroy = "llmsched_dag_release"

    def __init__(self):
        raise TypeError("a Dag comes from DagBuilder.freeze() or Dag.from_json()")

    @classmethod
    def from_json(cls, text, context=None):
        data = text.encode() if isinstance(text, str) else text
        return cls._adopt(make(lib.llmsched_dag_from_json, contexts.pointer(context), data, len(data)))

    def to_json(self):
        return take_text(lib.llmsched_dag_to_json, self._ptr)

    @property
    def name(self):
        return decode(lib.llmsched_dag_name(self._ptr))

    def __len__(self):
        return lib.llmsched_dag_stage_count(self._ptr)

    @property
    def edge_count(self):
        return lib.llmsched_dag_edge_count(self._ptr)

    def stage(self, index):
        stage = new(c.llmsched_stage)
        call(lib.llmsched_dag_stage, self._ptr, index, stage)
        return Stage(Kind(stage.kind), decode(stage.id), decode(stage.name), decode(stage.model),
                     stage.occurrence, stage.tasks)

    @property
    def stages(self):
        return [self.stage(i) for i in range(len(self))]

    def find(self, id):
        """Number of the stage with this id, or None."""
        return _index(lib.llmsched_dag_find(self._ptr, encode(id)))

    def find_occurrence(self, kind, name, occurrence=0):
        return _index(lib.llmsched_dag_find_occurrence(self._ptr, kind, encode(name), occurrence))

    def parents(self, stage):
        return self._array(lib.llmsched_dag_parents, stage)

    def children(self, stage):
        return self._array(lib.llmsched_dag_children, stage)

    def _array(self, function, stage):
        count = ctypes.c_uint32()
        array = function(self._ptr, stage, count)
        return tuple(array[: count.value])

    @property
    def order(self):
        """The stages in topological order."""
        return tuple(lib.llmsched_dag_order(self._ptr)[: len(self)])

    def candidates(self, stage):
        return [self._candidate(stage, i) for i in range(lib.llmsched_dag_candidate_count(self._ptr, stage))]

    def _candidate(self, stage, index):
        name, count = ctypes.c_char_p(), ctypes.c_uint32()
        members = lib.llmsched_dag_candidate(self._ptr, stage, index, name, count)
        return Candidate(decode(name.value), tuple(members[: count.value]) if count.value else ())

    def critical_path(self, weights):
        """(length, stages along it), a stage counting its weight."""
        weights = numbers(weights, ctypes.c_double)
        if len(weights) != len(self):
            raise ValueError(f"{len(weights)} weights for {len(self)} stages")
        length, count, path = ctypes.c_double(), ctypes.c_uint32(), (ctypes.c_uint32 * len(self))()
        call(lib.llmsched_dag_critical_path, self._ptr, weights, length, path, count)
        return length.value, tuple(path[: count.value])


def _index(number):
    return None if number == c.LLMSCHED_INDEX_NONE else number


def borrow(pointer):
    """A Dag around a pointer that someone else holds: with a reference of its own."""
    return Dag._adopt(lib.llmsched_dag_retain(pointer))
