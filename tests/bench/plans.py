#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plans beside those of rivals, on the same GPUs and the same jobs: plans.py PROGRAM [CASES] [options]

CASES is a folder of planning cases (NAME.cluster.json, .models.json, .apps.json, .jobs.jsonl; default
$LLMSCHED_DATA/plan). Every plan is simulated by `llmsched evaluate`; none is believed. What is compared:

latency     RAG cases, at 30 and 60 % of the rate that the best target of `k8s` sustains: mean latency of each
            planner's plan that still sustains 90 % of that rate
throughput  agent cases: the highest rate sustained by the best plan of each planner
sensitivity throughput with shared curves 25 % slower, and with 40 % more bandwidth used
sweep       the RAG cases' latency over load, GPUs and answer length

A rate is sustained while the 95th percentile of latency is at most a limit that all planners share: twice that
of unloaded jobs under `k8s`, of `best-manual` where k8s has no plan, of the plan itself where neither has.
Prints tables; --json FILE keeps the figures.
"""

import argparse
import concurrent.futures
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile

RAG = ["rag_70b_4xh200", "rag_70b_long_4xh200", "rag_70b_long_8xh200"]
# name -> the case it is made of, models, GPUs
AGENTS = {"agents_6_8xa100": None, "agents_7_8xa100": ("agents_12_16xa100", 7, 8), "agents_12_16xa100": None,
          "agents_10_8xa100": ("agents_12_16xa100", 10, 8)}
TARGETS = [0.1, 0.2, 0.35, 0.5, 0.7]
LOADS = [0.3, 0.6]
KEPT = 0.9  # of the rate of k8s that a plan for low latency must still sustain
UTILISATIONS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1]
JOBS = 2000


class Bench:
    """Runs the program; what was evaluated once is not evaluated again."""

    def __init__(self, program, folder):
        self.program, self.folder, self.count, self.known = program, folder, 0, {}

    def path(self, ending):
        self.count += 1
        return self.folder / f"{self.count}.{ending}"

    def run(self, *arguments, good=(0,)):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode not in good:
            sys.exit(f"{' '.join(map(str, arguments))}: exit code {done.returncode}: {done.stderr}")
        return done

    def plan(self, case, planner, *options):
        """A plan, or None where there is none."""
        out = self.path("plan.json")
        self.run("plan", *case.inputs(), "--planner", planner, *options, "-o", out, good=(0, 1))
        plan = json.loads(out.read_text())
        return None if plan["status"] == "infeasible" else out

    def evaluated(self, kind, case, plan, *options):
        key = (kind, case.name, json.dumps(placed(plan)), *options)
        if key not in self.known:
            self.known[key] = getattr(self, "_" + kind)(case, plan, *options)
        return self.known[key]

    def unloaded(self, case, plan):
        return self.evaluated("unloaded", case, plan)

    def rate(self, case, plan, limit):
        return self.evaluated("rate", case, plan, limit)

    def latencies(self, case, plan, rate):
        return self.evaluated("latencies", case, plan, rate)

    def evaluate(self, case, plan, jobs, *options):
        return self.run("evaluate", "--plan", plan, "--cluster", case.cluster, "--models", case.models, "--jobs",
                        jobs, *options)

    def _unloaded(self, case, plan):
        return json.loads(self.evaluate(case, plan, case.jobs, "--unloaded").stdout)

    def _rate(self, case, plan, limit):
        return json.loads(self.evaluate(case, plan, case.jobs, "--max-rate", "--limit-s", limit).stdout)["rate_per_s"]

    def _latencies(self, case, plan, rate):
        out = self.path("out.jsonl")
        self.evaluate(case, plan, case.jobs_at(self, rate), "-o", out)
        with open(out, encoding="utf-8") as file:
            times = sorted(row["completion_s"] - row["arrival_s"] for row in map(json.loads, file))
        rank = -(-95 * len(times) // 100)
        return {"mean_s": sum(times) / len(times), "p95_s": times[rank - 1]}


def placed(plan):
    """What of a plan the simulation looks at."""
    plan = json.loads(plan.read_text())
    return [plan.get("autoscaler"), [[m["model"], m["gpu"], m["tp"], m["share"], m["batch"], m["replicas"]]
                                     for m in plan["models"]]]


class Case:
    def __init__(self, name, cluster, models, apps, jobs):
        self.name, self.cluster, self.models, self.apps, self.jobs = name, cluster, models, apps, jobs
        with open(jobs, encoding="utf-8") as file:
            self.rows = [json.loads(line) for line in file]
        self.given_rate = len(self.rows) / self.rows[-1]["arrival_s"]
        self.scaled = {}

    @classmethod
    def load(cls, folder, name):
        return cls(name, *(folder / f"{name}.{part}" for part in
                           ("cluster.json", "models.json", "apps.json", "jobs.jsonl")))

    def inputs(self):
        return "--cluster", self.cluster, "--models", self.models, "--apps", self.apps

    def app_rate(self):
        return sum(app["rate_per_s"] for app in json.loads(pathlib.Path(self.apps).read_text())["apps"])

    def factor(self, rate):
        """Of the applications' rates."""
        return rate / self.app_rate()

    def jobs_at(self, bench, rate):
        """The jobs with arrivals scaled to this rate."""
        if rate not in self.scaled:
            path = bench.path("jobs.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                for row in self.rows:
                    file.write(json.dumps({**row, "arrival_s": row["arrival_s"] * self.given_rate / rate}) + "\n")
            self.scaled[rate] = path
        return self.scaled[rate]

    def changed(self, bench, name, models):
        """The same with other models."""
        path = bench.path("models.json")
        path.write_text(json.dumps(models))
        return Case(name, self.cluster, path, self.apps, self.jobs)
