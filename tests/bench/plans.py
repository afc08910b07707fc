#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plans beside those of rivals, on the same GPUs and the same jobs: plans.py PROGRAM [CASES] [options]

CASES is a folder of planning cases (NAME.cluster.json, .models.json, .apps.json, .jobs.jsonl; default
$LLMSCHED_DATA/plan). Every plan is simulated by `llmsched evaluate`; none is believed. What is compared:

latency     RAG cases, at 30 and 60 % of the rate that the best target of `k8s` sustains: mean latency of each
            planner's best plan that still sustains 90 % of that rate, and of ours that sustains 60 %
throughput  agent cases: the highest rate sustained by the best plan of each planner
sensitivity throughput with shared curves 25 % slower, and with 40 % more bandwidth used
sweep       the RAG cases' latency over load, GPUs and answer length

A rate is sustained while the 95th percentile of latency is at most a limit that all planners share: twice that
of unloaded jobs under `k8s`, of `best-manual` where k8s has no plan, of the plan itself where neither has. The
jobs are drawn from the applications (--jobs, long enough that the first minutes of an autoscaler, which starts
with one replica, are few among them; 0: those of the case). Prints tables; --json FILE keeps the figures.
"""

import argparse
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
KEPT = [0.9, 0.6]  # of the rate of k8s that a plan for low latency must still sustain
UTILISATIONS = [0.9, 0.7, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2, 0.1]


class Bench:
    """Runs the program; what was evaluated once is not evaluated again."""

    def __init__(self, program, folder, jobs):
        self.program, self.folder, self.jobs, self.count, self.known = program, folder, jobs, 0, {}

    def path(self, ending):
        self.count += 1
        return self.folder / f"{self.count}.{ending}"

    def run(self, *arguments, good=(0,)):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode not in good:
            sys.exit(f"{' '.join(map(str, arguments))}: exit code {done.returncode}: {done.stderr}")
        return done

    def draw(self, apps):
        """A jobs file of the applications."""
        jobs = self.path("jobs.jsonl")
        self.run("generate", "--apps", apps, "--jobs", self.jobs or 2000, "--seed", 1, "-o", jobs)
        return jobs

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
    def load(cls, bench, folder, name):
        paths = [folder / f"{name}.{part}" for part in ("cluster.json", "models.json", "apps.json", "jobs.jsonl")]
        if bench.jobs:
            paths[3] = bench.draw(paths[2])
        return cls(name, *paths)

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


# --- cases ------------------------------------------------------------------------------------------------------

def agents(bench, folder, name, source, models, gpus):
    """The first so many models of an agent case, and their applications, on other GPUs."""
    def read(part):
        return json.loads((folder / f"{source}.{part}.json").read_text())

    paths = [bench.path(f"{part}.json") for part in ("cluster", "models", "apps")]
    cluster, given, apps = read("cluster"), read("models"), read("apps")
    kept = [model["name"] for model in given["models"][:models]]
    paths[0].write_text(json.dumps({**cluster, "gpus": cluster["gpus"][:gpus]}))
    paths[1].write_text(json.dumps({**given, "models": given["models"][:models]}))
    paths[2].write_text(json.dumps({**apps, "apps": [app for app in apps["apps"] if all(
        stage.get("model", kept[0]) in kept for stage in app["stages"])]}))
    return Case(name, *paths, bench.draw(paths[2]))


def find_case(bench, folder, name):
    made = AGENTS.get(name)
    return agents(bench, folder, name, *made) if made else Case.load(bench, folder, name)


# --- what is sustained -------------------------------------------------------------------------------------------

def limit_of(bench, case):
    """The common limit on the 95th percentile, and whose unloaded jobs it comes from; None: each plan's own."""
    for planner in ("k8s", "best-manual"):
        plan = bench.plan(case, planner)
        if plan is None and planner == "best-manual":  # it may be that only the rate is too much
            plan = bench.plan(case, planner, "--max-rate")
        if plan is not None:
            return 2 * bench.unloaded(case, plan)["p95_s"], planner
    return None, "own"


def sustained(bench, case, plan, limit):
    own = limit if limit is not None else 2 * bench.unloaded(case, plan)["p95_s"]
    return bench.rate(case, plan, own)


def best_of(bench, case, plans, limit):
    """(rate, label, plan) of the plan that sustains most; rate 0 without one."""
    best = (0.0, "no plan", None)
    for label, plan in plans:
        if plan is not None:
            best = max(best, (sustained(bench, case, plan, limit), label, plan), key=lambda one: one[0])
    return best


def autoscaled(bench, case, planner):
    return [(f"{planner}:target={target}", bench.plan(case, f"{planner}:target={target}")) for target in TARGETS]


def static(bench, case, planner, utilisations=(0.9,)):
    """Plans for the highest rate, and for shares of it: the most rate under a limit on latency need not be the most
    that can be served at all."""
    plans = []
    for utilisation in utilisations:
        out = bench.path("plan.json")
        done = bench.run("plan", *case.inputs(), "--planner", planner, "--utilisation", utilisation, "--max-rate", "-o",
                         out, good=(0, 1))
        if done.returncode == 0:
            plans.append((f"{planner} at {utilisation}", out))
    return plans


def at_shares(bench, case, planner, most, shares):
    """Plans for shares of a rate, each the planner's best for that rate."""
    return [(f"{planner} for {share:g}", bench.plan(case, planner, "--rate-factor", case.factor(most * share)))
            for share in shares]


def throughput(bench, case):
    limit, source = limit_of(bench, case)
    rates, result = {}, {"limit_s": limit, "limit_of": source, "planners": {}}
    for planner in ("k8s", "kserve"):
        rates[planner] = best_of(bench, case, autoscaled(bench, case, planner), limit)
    for planner in ("best-manual", "muxserve", "llmsched"):
        plans = static(bench, case, planner, (0.98, 0.95, 0.9, 0.8, 0.7) if planner != "muxserve" else (0.9,))
        best = best_of(bench, case, plans, limit)
        if best[0] > 0:
            more = at_shares(bench, case, planner, best[0], (0.7, 0.9, 0.95, 1.0, 1.03))
            best = max(best, best_of(bench, case, more, limit), key=lambda one: one[0])
        rates[planner] = best
    for planner, (rate, label, plan) in rates.items():
        result["planners"][planner] = {"rate_per_s": rate, "plan": label, "placed": placed(plan) if plan else None}
    return result


# --- latency -----------------------------------------------------------------------------------------------------

def low_latency(bench, case, planner, rate, kept, limit):
    """The planner's plan of least mean latency at a rate, of those that sustain `kept`. The less of the saturation
    rate may be used at this rate, the more is sustained."""
    best = None
    for utilisation in UTILISATIONS + [share * rate / kept for share in (1.0, 0.9, 0.8, 0.7)]:
        plan = bench.plan(case, planner, "--rate-factor", case.factor(rate), "--utilisation",
                          min(max(utilisation, 0.01), 0.99))
        if plan is None or sustained(bench, case, plan, limit) < kept:
            continue
        found = bench.latencies(case, plan, rate)
        if best is None or found["mean_s"] < best["mean_s"]:
            best = {**found, "plan": f"{planner} at {utilisation:.3g}", "rate_per_s": sustained(bench, case, plan, limit),
                    "placed": placed(plan)}
    return best


def latency(bench, case, loads=LOADS):
    limit, source = limit_of(bench, case)
    scaled = autoscaled(bench, case, "k8s")
    most, _, _ = best_of(bench, case, scaled, limit)
    result = {"limit_s": limit, "limit_of": source, "k8s_rate_per_s": most, "loads": {}}
    for load in loads:
        rate, row = load * most, {}
        for label, plan in scaled:
            found = {**bench.latencies(case, plan, rate), "plan": label}
            if "k8s" not in row or found["mean_s"] < row["k8s"]["mean_s"]:
                row["k8s"] = found
        row["best-manual"] = low_latency(bench, case, "best-manual", rate, KEPT[0] * most, limit)
        row["llmsched"] = [low_latency(bench, case, "llmsched", rate, kept * most, limit) for kept in KEPT]
        result["loads"][load] = row
    return result


# --- variations --------------------------------------------------------------------------------------------------

def slower_shared(models):
    """Curves of configurations that share a GPU, 25 % slower."""
    models = copy.deepcopy(models)
    for model in models["models"]:
        for config in model["configs"]:
            if config.get("share", 1) < 1:
                for curve in (config["prefill"], config["decode"]):
                    for key, value in curve.items():
                        curve[key] = ([[*row[:-1], row[-1] * 1.25] for row in value] if key == "table"
                                      else value * 1.25)
    return models


def more_bandwidth(models):
    models = copy.deepcopy(models)
    for model in models["models"]:
        for config in model["configs"]:
            config["bandwidth"] = min(1.0, 1.4 * config.get("bandwidth", config.get("share", 1)))
    return models


def longer_answers(case, bench, name, tokens, gpus=None):
    """A RAG case with other answers, on the first so many GPUs."""
    apps = json.loads(pathlib.Path(case.apps).read_text())
    for app in apps["apps"]:
        app["stages"][-1]["output_tokens"] = tokens
    cluster = json.loads(pathlib.Path(case.cluster).read_text())
    cluster["gpus"] = cluster["gpus"][:gpus]
    paths = bench.path("cluster.json"), case.models, bench.path("apps.json")
    paths[0].write_text(json.dumps(cluster))
    paths[2].write_text(json.dumps(apps))
    return Case(name, *paths, bench.draw(paths[2]))


# --- tables ------------------------------------------------------------------------------------------------------

def ratio(value, other):
    return f"{value / other:.2f}" if other else "-"


def print_latency(name, result):
    print(f"\n{name}: limit {result['limit_s']:.2f} s (2 x {result['limit_of']} unloaded), k8s sustains "
          f"{result['k8s_rate_per_s']:.3f}/s")
    print(f"{'load':>5} {'k8s s':>8} {'manual s':>9} {'keeps':>6} {'ours s':>8} {'k8s/ours':>9} {'manual/ours':>12} "
          f"{'our rate/k8s':>13}")
    for load, row in result["loads"].items():
        manual_s = row["best-manual"]["mean_s"] if row["best-manual"] else 0
        for kept, ours in zip(KEPT, row["llmsched"]):
            start = f"{load:>5} {row['k8s']['mean_s']:8.3f} {manual_s:9.3f} {kept:>6}"
            print(f"{start} no plan" if ours is None else
                  f"{start} {ours['mean_s']:8.3f} {ratio(row['k8s']['mean_s'], ours['mean_s']):>9} "
                  f"{ratio(manual_s, ours['mean_s']):>12} {ours['rate_per_s'] / result['k8s_rate_per_s']:>13.2f}",
                  flush=True)


def print_throughput(name, result):
    limit = f"{result['limit_s']:.2f} s" if result["limit_s"] else "each plan's own"
    rates = {planner: one["rate_per_s"] for planner, one in result["planners"].items()}
    print(f"\n{name}: limit {limit}; highest rate sustained, jobs/s")
    print("  " + "  ".join(f"{planner} {rate:.3f}" for planner, rate in rates.items()))
    print("  ours over  " + "  ".join(f"{planner} {ratio(rates['llmsched'], rate)}" for planner, rate in rates.items()
                                      if planner != "llmsched"), flush=True)


def measure(bench, folder, names, parts):
    results = {}
    for name in names:
        case = find_case(bench, folder, name)
        if name in RAG and "latency" in parts:
            results[name] = {"latency": latency(bench, case)}
            print_latency(name, results[name]["latency"])
        if name in AGENTS and "throughput" in parts:
            results[name] = {"throughput": throughput(bench, case)}
            print_throughput(name, results[name]["throughput"])
        if name in AGENTS and "sensitivity" in parts:
            models = json.loads(pathlib.Path(case.models).read_text())
            for label, change in (("shared curves 25 % slower", slower_shared), ("bandwidth 40 % higher", more_bandwidth)):
                changed = throughput(bench, case.changed(bench, f"{name}, {label}", change(models)))
                results.setdefault(name, {})[label] = changed
                print_throughput(f"{name}, {label}", changed)
    if "sweep" in parts:
        results["sweep"] = sweep(bench, folder)
    return results


def sweep(bench, folder):
    """Where parallelism pays: the same application over GPUs, answers and load."""
    rows = {}
    source = Case.load(bench, folder, "rag_70b_long_8xh200")
    for gpus in (4, 8):
        for tokens in (64, 256, 1000, 2000):
            name = f"{gpus} GPUs, answers of {tokens}"
            rows[name] = latency(bench, longer_answers(source, bench, name, tokens, gpus), (0.02, 0.1, 0.3, 0.6, 0.8))
            print_latency(name, rows[name])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cases", nargs="?", default=os.path.join(os.environ.get("LLMSCHED_DATA", ""), "plan"))
    parser.add_argument("--case", nargs="+", default=RAG + list(AGENTS), metavar="NAME")
    parser.add_argument("--part", nargs="+", default=["latency", "throughput", "sensitivity", "sweep"])
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.cases)
    if not folder.is_dir():
        sys.exit(f"{folder}: no folder of planning cases; give one, or set LLMSCHED_DATA")
    with tempfile.TemporaryDirectory() as temporary:
        bench = Bench(arguments.program, pathlib.Path(temporary), arguments.jobs)
        results = measure(bench, folder, arguments.case, arguments.part)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
