# SPDX-License-Identifier: Apache-2.0
"""What one job may still do, given what it has done."""

import ctypes
import dataclasses
import enum

from . import _generated as c
from ._ffi import Handle, call, lib, make, new, numbers
from .policy import By


class State(enum.IntEnum):
    """What is known of a stage."""

    UNKNOWN = c.LLMSCHED_EVIDENCE_UNKNOWN
    ABSENT = c.LLMSCHED_EVIDENCE_ABSENT
    PRESENT = c.LLMSCHED_EVIDENCE_PRESENT
    FINISHED = c.LLMSCHED_EVIDENCE_FINISHED
    PARTIAL = c.LLMSCHED_EVIDENCE_PARTIAL


@dataclasses.dataclass
class Evidence:
    state: State = State.UNKNOWN
    work_s: float = 0.0
    choice: "int | None" = None
    prompt_tokens: "float | None" = None
    ended: int = 0


@dataclasses.dataclass(frozen=True)
class Belief:
    presence: float
    mean_work_s: float
    minimum_s: float
    maximum_s: float
    entropy: float


@dataclasses.dataclass(frozen=True)
class Remaining:
    """Remaining work: expected, least and greatest likely."""

    mean_s: float
    lo_s: float
    hi_s: float


class Form(enum.IntEnum):
    """How a distribution was found."""

    POINTS = c.LLMSCHED_FORM_POINTS
    GRID = c.LLMSCHED_FORM_GRID
    DRAWS = c.LLMSCHED_FORM_DRAWS


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Values ascending with their probabilities, or quantiles, and how near they are to the network's."""

    form: Form
    values: tuple
    probabilities: tuple
    mean_s: float
    mean_error_s: float
    value_error_s: float
    level_error: float


def _distribution(d, values, probabilities):
    return Distribution(Form(d.form), tuple(values), tuple(probabilities), d.mean_s, d.mean_error_s,
                        d.value_error_s, d.level_error)


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Remaining work of one kind: its mean, and a quantile for each level asked for."""

    mean_s: float
    quantiles: "tuple[float, ...]"


def _evidence_struct(evidence):
    has_prompt = evidence.prompt_tokens is not None
    return new(c.llmsched_stage_evidence, state=evidence.state,
               choice=0 if evidence.choice is None else evidence.choice + 1, has_prompt=has_prompt,
               work_s=evidence.work_s, prompt_tokens=evidence.prompt_tokens if has_prompt else 0.0,
               ended=evidence.ended)


class Quantifier(Handle):
    """Belief about one job at a time. Options are the fields of llmsched_quantifier_options."""

    _destroy = "llmsched_quantifier_destroy"

    def __init__(self, profile, **options):
        super().__init__(make(lib.llmsched_quantifier_create, profile._ptr,
                              new(c.llmsched_quantifier_options, **options)))
        self._room = max(options.get("cells") or 512, options.get("samples") or 512,
                         8 * len(profile.dag))

    def set_evidence(self, evidence):
        """One Evidence for each stage of the template; replaces what was known."""
        evidence = list(evidence)
        array = (c.llmsched_stage_evidence * len(evidence))(*(_evidence_struct(e) for e in evidence))
        call(lib.llmsched_quantifier_set_evidence, self._ptr, array, len(array))

    def set_progress(self, progress):
        """What a Progress of the same profile has been told; replaces what was known."""
        call(lib.llmsched_quantifier_set_progress, self._ptr, progress._ptr)

    def forecast(self, kind, method=By.FOREST, levels=()):
        """Remaining work of one kind by a method; all but By.NETWORK need set_progress()."""
        levels = numbers(levels, ctypes.c_double)
        quantiles, mean = (ctypes.c_double * len(levels))(), ctypes.c_double()
        call(lib.llmsched_quantifier_forecast, self._ptr, kind, method, levels, len(levels), quantiles, mean)
        return Forecast(mean.value, tuple(quantiles))

    def stage(self, stage):
        belief = new(c.llmsched_stage_belief)
        call(lib.llmsched_quantifier_stage, self._ptr, stage, belief)
        return Belief(belief.presence, belief.mean_work_s, belief.minimum_s, belief.maximum_s,
                      belief.entropy)

    def remaining(self, kind=0):
        remaining = new(c.llmsched_remaining)
        call(lib.llmsched_quantifier_remaining, self._ptr, kind, remaining)
        return Remaining(remaining.mean_s, remaining.lo_s, remaining.hi_s)

    def variance(self, kind=0):
        return self._number(lib.llmsched_quantifier_variance, kind)

    def quantiles(self, levels, kind=0):
        levels = numbers(levels, ctypes.c_double)
        quantiles = (ctypes.c_double * len(levels))()
        call(lib.llmsched_quantifier_quantiles, self._ptr, kind, levels, len(levels), quantiles)
        return tuple(quantiles)

    def distribution(self, kind=0):
        """The distribution of the remaining work, a Distribution."""
        values = (ctypes.c_double * self._room)()
        probabilities = (ctypes.c_double * self._room)()
        d = new(c.llmsched_distribution)
        call(lib.llmsched_quantifier_distribution, self._ptr, kind, values, probabilities,
             self._room, d)
        return _distribution(d, values[:d.count], probabilities[:d.count])

    def path(self, levels=()):
        """The remaining critical path: a Distribution whose values are the quantiles at the levels."""
        levels = numbers(levels, ctypes.c_double)
        quantiles = (ctypes.c_double * len(levels))()
        d = new(c.llmsched_distribution)
        call(lib.llmsched_quantifier_path, self._ptr, levels, len(levels), quantiles, d)
        return _distribution(d, quantiles, levels)

    def critical_path(self):
        return self._number(lib.llmsched_quantifier_critical_path)

    def entropy(self, stage):
        return self._number(lib.llmsched_quantifier_entropy, stage)

    def information(self, stage, others):
        others = numbers(others)
        return self._number(lib.llmsched_quantifier_information, stage, others, len(others))

    def reduction(self, stage):
        return self._number(lib.llmsched_quantifier_reduction, stage)

    def _number(self, function, *arguments):
        value = ctypes.c_double()
        call(function, self._ptr, *arguments, value)
        return value.value


def gittins_index(values, shares, age=0.0):
    """Gittins index of a distribution at an age; values ascend, shares stand beside them."""
    values, shares = numbers(values, ctypes.c_double), numbers(shares, ctypes.c_double)
    if len(values) != len(shares):
        raise ValueError("values and shares must be as many")
    index = ctypes.c_double()
    call(lib.llmsched_gittins_index, values, shares, len(values), age, index)
    return index.value
