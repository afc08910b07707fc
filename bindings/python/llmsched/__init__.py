# SPDX-License-Identifier: Apache-2.0
"""Decides what a compound LLM application runs next.

Importing it loads libllmsched; see _ffi.py for where it is looked for.
"""

from ._ffi import lib as _lib
from .context import Context
from .dag import Candidate, Dag, DagBuilder, Kind, Stage
from .errors import (CallbackError, ClosedError, CycleError, Error, ExistsError, ImpossibleError,
                     InternalError, InvalidError, LimitError, NotFoundError, OutOfMemoryError, ParseError,
                     StateError, VersionError)
from .history import History, Missing, Run, RunStage
from .network import Approximation, Inference, Network
from .policy import (By, Choice, Estimate, ExecutorView, Policy, PolicyInfo, TenantView, View,
                     policies)
from .profile import Bin, Call, Profile, Profiler, ProfileStage, Summary
from .progress import Progress
from .quantifier import (Belief, Distribution, Evidence, Forecast, Form, Quantifier, Remaining, State,
                         gittins_index)
from .scheduler import Decision, Scheduler, Stats

__version__ = _lib.llmsched_version().decode()

__all__ = [
    "Approximation", "Belief", "Bin", "By", "Call", "CallbackError", "Candidate", "Choice", "ClosedError", "Context",
    "CycleError", "Dag", "DagBuilder", "Decision", "Distribution", "Error", "Estimate", "Evidence", "ExecutorView",
    "ExistsError", "Forecast", "Form", "gittins_index", "History", "ImpossibleError", "Inference", "InternalError",
    "InvalidError", "Kind", "LimitError", "Missing", "Network", "NotFoundError", "OutOfMemoryError", "ParseError",
    "policies", "Policy", "PolicyInfo", "Profile", "Profiler", "ProfileStage", "Progress", "Quantifier", "Remaining",
    "Run", "RunStage", "Scheduler", "Stage", "State", "StateError", "Stats", "Summary", "TenantView", "VersionError",
    "View",
]
