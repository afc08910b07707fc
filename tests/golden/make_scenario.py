#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes scenario.json and profile.json from the sample runs.

    PYTHONPATH=bindings/python LLMSCHED_LIBRARY=.../libllmsched.so.0 make_scenario.py

The jobs are measured runs, their times rounded to an eighth of a second so that
every language adds them up to the same double. Run it only to change the
scenario; replay.c, the Python and the Go test then print the decisions anew.
"""

import json
import pathlib

import llmsched

HERE = pathlib.Path(__file__).resolve().parent
RUNS = HERE.parents[1] / "examples" / "runs"
APPLICATION = "code_generation__mint"
TRAINING = 60

EXECUTORS = [
    {"id": 0, "kind": "llm", "capacity": 3, "curve": [[1, 1], [2, 1.25], [3, 1.5]]},
    {"id": 1, "kind": "llm", "capacity": 1},
    {"id": 2, "kind": "llm", "model": "judge", "capacity": 2, "price": 2},
    {"id": 3, "kind": "regular", "capacity": 1},
    {"id": 4, "kind": "regular", "capacity": 1},
]

EVENTS = [
    {"time_s": 5, "type": "executor_down", "executor": 1},
    {"time_s": 7, "type": "job_cancelled", "job": 103},
    {"time_s": 9, "type": "executor_changed", "executor": 0, "kind": "llm", "capacity": 1},
    {"time_s": 12, "type": "job_changed", "job": 105, "given_mean_s": 1.5},
    {"time_s": 14, "type": "executor_up", "executor": 1, "kind": "llm", "capacity": 2},
    {"time_s": 16, "type": "executor_changed", "executor": 0, "kind": "llm", "capacity": 3, "curve": [[1, 1], [3, 1.5]]},
]

# A planner whose second stage turns into tools that nobody knows before, then several votes at once.
PLANNER = [
    {"kind": "llm", "name": "plan", "seconds": 1.5, "parents": [], "prompt_tokens": 300},
    {"kind": "dynamic", "name": "tools", "parents": [0], "choice": 1},
    {"kind": "regular", "name": "search", "seconds": 2, "parents": [1], "fails": 1},
    {"kind": "regular", "name": "read", "seconds": 1.25, "parents": [1]},
    {"kind": "llm", "name": "vote", "model": "judge", "seconds": 0.75, "parents": [2, 3], "tasks": 5,
     "prompt_tokens": 2500, "fails": 2},
]


def eighth(seconds):
    return max(1, round(seconds * 8)) / 8


def stages_of(run):
    for stage in run.stages:
        made = {"kind": "llm" if stage.kind == llmsched.Kind.LLM else "regular", "name": stage.name,
                "seconds": eighth(stage.work_s / stage.tasks), "parents": list(stage.parents)}
        if stage.tasks > 1:
            made["tasks"] = stage.tasks
        if stage.kind == llmsched.Kind.LLM:
            made["prompt_tokens"] = stage.prompt_tokens
            made["output_tokens"] = round(stage.output_tokens / stage.tasks)  # of each task
        yield made


def jobs_of(history):
    runs = [history[i] for i in range(TRAINING, len(history))][::4][:10]
    for number, run in enumerate(runs):
        yield {"id": 100 + number, "arrival_s": number * 0.75, "profile": number != 4, "tenant": number % 3, "weight": 1 + number % 3,
               "given_mean_s": eighth(sum(stage.work_s for stage in run.stages)), "stages": list(stages_of(run))}
    for number in (110, 111):
        yield {"id": number, "arrival_s": 2 if number == 110 else 6, "profile": False, "stages": PLANNER}


def main():
    history = llmsched.History(APPLICATION, (RUNS / f"{APPLICATION}.jsonl").read_bytes())
    profiler = llmsched.Profiler(f"{APPLICATION}/code_generation", bins=4, max_stages=10)
    for i in range(TRAINING):
        profiler.observe(history[i])
    (HERE / "profile.json").write_text(profiler.fit().to_json() + "\n", encoding="utf-8")
    scenario = {"format": "llmsched-scenario-1", "seed": 7,
                "policies": ["fcfs", "llmsched:epsilon=0.1,r=0.3", "llmsched:epsilon=0", "argus", "carbyne", "plas:first=1",
                             "atlas:first=1,long=200", "gittins:alpha=0.1,locality=on,long=200",
                             "fair-share/srtf", "fair-share/llmsched:epsilon=0.5"],
                "executors": EXECUTORS, "jobs": list(jobs_of(history)), "events": EVENTS}
    text = json.dumps(scenario)
    for start in ('"seed"', '"policies"', '"executors"', '"jobs"', '"events"', '{"kind"', '{"id"', '{"time_s"'):
        text = text.replace(start, "\n" + start)
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    (HERE / "scenario.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
