# SPDX-License-Identifier: Apache-2.0
"""`llmsched learn`: the calls of its profiles counted again from the run files, missing values filled in
by the rules of docs/simulation.md, overlaps by a sweep over starts and ends."""

import collections
import glob
import math
import os
import random
import sys
import tempfile

import support

DECODE_S, PREFILL_S = 0.0112, 0.00008
MASK = 2**64 - 1


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value


def splitmix(state):
    while True:
        state = state + 0x9E3779B97F4A7C15 & MASK
        value = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
        yield value ^ value >> 31


def tool_s(job, stage):
    draws = splitmix(fnv1a(job + "/" + stage))
    u, v = (((next(draws) >> 11) + 0.5) * 2.0**-53 for _ in range(2))
    return min(30.0, 0.6 * math.exp(0.8 * math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)))


def medians(runs, key, fallback):
    known = collections.defaultdict(list)
    for run in runs:
        for stage in run["stages"]:
            if stage["kind"] == "llm" and stage.get(key) is not None:
                known[run["app"], stage["name"]].append(stage[key])
    return collections.defaultdict(lambda: fallback,
                                   {group: sorted(v)[(len(v) - 1) // 2] for group, v in known.items()})


def fill(runs):
    prompts, outputs = medians(runs, "prompt_tokens", 512), medians(runs, "output_tokens", 128)
    for run in runs:
        for stage in run["stages"]:
            group, tasks = (run["app"], stage["name"]), stage.get("samples") or 1
            stage["samples"] = tasks
            if stage["kind"] == "tool":
                known = stage.get("duration_s")
                stage["span"] = tool_s(run["job"], stage["id"]) if known is None else known
                continue
            for key, means in (("prompt_tokens", prompts), ("output_tokens", outputs)):
                if stage.get(key) is None:
                    stage[key] = means[group]
            n, k = stage["prompt_tokens"], stage["output_tokens"]
            stage["work"] = n * PREFILL_S + k * DECODE_S
            stage["span"] = math.ceil(n / tasks) * PREFILL_S + math.ceil(k / tasks) * DECODE_S


def busy(intervals):
    """Seconds in which at least one is open."""
    changes = sorted([(start, 1) for start, end in intervals] + [(end, -1) for start, end in intervals])
    open_now, total, before = 0, 0.0, 0.0
    for time, change in changes:
        total += time - before if open_now > 0 else 0.0
        open_now, before = open_now + change, time
    return total


def count(runs):
    """Sums of each model over the runs."""
    sums = collections.defaultdict(collections.Counter)
    for run in runs:
        ends, intervals, arrivals = {}, collections.defaultdict(list), collections.Counter()
        for stage in run["stages"]:
            start = max((ends[p] for p in stage["parents"]), default=0.0)
            ends[stage["id"]] = start + stage["span"]
            if stage["kind"] != "llm":
                continue
            model, tasks = stage.get("model"), stage["samples"]
            n, k = stage["prompt_tokens"] / tasks, stage["output_tokens"] / tasks
            intervals[model].append((start, ends[stage["id"]]))
            arrivals[model, start] += tasks
            sums[model].update(calls=tasks, prompt=tasks * n, output=tasks * k, work=stage["work"],
                               context=tasks * k * (n + k / 2))
        for (model, _), together in arrivals.items():
            sums[model].update(squares=together**2)
        for model, list_ in intervals.items():
            sums[model].update(busy=busy(list_))
    return sums


def check(calls, runs):
    sums = count(runs)
    assert [c.get("model") for c in calls] == sorted(sums, key=lambda name: (name or "").encode()), calls
    for call in calls:
        s = sums[call.get("model")]
        n = s["calls"]
        expected = {"calls": n / len(runs), "overlap": s["work"] / s["busy"] if s["busy"] > 0 else 1.0,
                    "group": s["squares"] / n, "prompt_tokens": s["prompt"] / n,
                    "output_tokens": s["output"] / n, "work_s": s["work"] / n,
                    "context_tokens": s["context"] / s["output"] if s["output"] > 0 else s["prompt"] / n}
        for key, value in expected.items():
            assert abs(call[key] - value) <= 1e-9 * max(1.0, value), (call, key, value)


def learn_and_check(folder, paths):
    profiles = os.path.join(folder, "profiles")
    support.run_well("learn", *paths, "-o", profiles)
    checked = 0
    for path in paths:
        stem = os.path.splitext(os.path.basename(path))[0]
        runs = support.read_lines(path)
        fill(runs)
        for app in sorted({run["app"] for run in runs}):
            calls = support.read_json(os.path.join(profiles, "%s__%s.json" % (stem, app)))["calls"]
            check(calls, [run for run in runs if run["app"] == app])
            checked += 1
    return checked


def test_sample_runs():
    with tempfile.TemporaryDirectory() as folder:
        paths = sorted(glob.glob(os.path.join(support.RUNS, "*.jsonl")))
        assert learn_and_check(folder, paths) >= 8


def test_real_traces():
    paths = sorted(glob.glob(os.path.join(support.DATA, "traces", "*.jsonl"))) if support.DATA else []
    if not paths:
        print("no LLMSCHED_DATA: real traces are left out")
        return
    with tempfile.TemporaryDirectory() as folder:
        assert learn_and_check(folder, paths) == 23


def test_random_runs_of_several_models():
    for seed in support.seeds(4):
        print("seed %d" % seed)
        rng = random.Random(seed)
        runs = []
        for j in range(40):
            stages = [support.random_stage(rng, i, ["B", "a", "A"], True) for i in range(rng.randint(1, 9))]
            for stage in stages:
                if rng.random() < 0.2:
                    stage.pop("model", None)
                if rng.random() < 0.1:
                    stage.pop("output_tokens", None)
            runs.append({"app": rng.choice("xy"), "job": "j%d" % j, "stages": stages})
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "drawn.jsonl")
            support.write_lines(path, runs)
            assert learn_and_check(folder, [path]) == 2


if __name__ == "__main__":
    if not support.RUNS:
        support.skip("LLMSCHED_RUNS names no folder of run files")
    sys.exit(support.main([test_sample_runs, test_real_traces, test_random_runs_of_several_models]))
