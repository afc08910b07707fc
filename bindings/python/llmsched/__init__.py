# SPDX-License-Identifier: Apache-2.0
"""Decides what a compound LLM application runs next, and where its models run.

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
from .plan import (Autoscaler, AutoscalerKind, Binding, Executor, Plan, PlanInfo, PlannedApp, PlannedGpu,
                   PlannedModel, PlanStatus, Replica)
from .planner import App, Gpu, Model, ModelConfig, Planner, PlannerInfo, planners
from .policy import (By, Choice, Estimate, ExecutorView, Policy, PolicyInfo, TenantView, View,
                     policies)
from .profile import Bin, Call, Profile, Profiler, ProfileStage, Summary
from .progress import Progress
from .quantifier import (Belief, Distribution, Evidence, Forecast, Form, Quantifier, Remaining, State,
                         gittins_index)
from .scheduler import Decision, Scheduler, Stats

__version__ = _lib.llmsched_version().decode()

__all__ = [
    "App", "Approximation", "Autoscaler", "AutoscalerKind", "Belief", "Bin", "Binding", "By", "Call", "CallbackError",
    "Candidate", "Choice", "ClosedError", "Context", "CycleError", "Dag", "DagBuilder", "Decision", "Distribution",
    "Error", "Estimate", "Evidence", "Executor", "ExecutorView", "ExistsError", "Forecast", "Form", "gittins_index",
    "Gpu", "History", "ImpossibleError", "Inference", "InternalError", "InvalidError", "Kind", "LimitError", "Missing",
    "Model", "ModelConfig", "Network", "NotFoundError", "OutOfMemoryError", "ParseError", "Plan", "PlanInfo",
    "PlannedApp", "PlannedGpu", "PlannedModel", "Planner", "PlannerInfo", "planners", "PlanStatus", "policies",
    "Policy", "PolicyInfo", "Profile", "Profiler", "ProfileStage", "Progress", "Quantifier", "Remaining", "Replica",
    "Run", "RunStage", "Scheduler", "Stage", "State", "StateError", "Stats", "Summary", "TenantView", "VersionError",
    "View",
]
