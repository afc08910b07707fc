#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How well the calls of a profile add up to a run's time.

    demand.py LIBRARY RUNS [--json FILE]

LIBRARY is libllmsched.so.0, RUNS a folder of run files; every run is replayed alone with unlimited places. The
pipeline, sum of calls / overlap * mean alone-seconds over the models, is to be the time in which LLM calls run:
  unseen    on the runs that were not learned from, with 60 % of the tasks of each file learned from (the split of
            `compare`); all that follows is on the runs that were learned from, which are all
  one       one model for all stages
  named     each stage name a model of its own
  faster    the same, each of these models in turn made twice as fast; slower: half as fast
  whole     one model, against the time from a run's first start to its last end
  template  the longest path of the template, of stages at presence * mean span, against the same
"""

import argparse
import collections
import json
import os
import pathlib
import statistics
import sys

import predictors

ROOT = pathlib.Path(__file__).resolve().parents[2]


def replay(run, speeds):
    """Start, end and model of each stage; LLM stages take 1 / speeds[model] of their time."""
    stages = []
    for stage in run.stages:
        start = max((stages[p][1] for p in stage.parents), default=0.0)
        span = stage.span_s if stage.span_s > 0 else stage.work_s / stage.tasks
        model = None if stage.kind != stage.kind.LLM else (stage.model or "")
        stages.append((start, start + span / speeds.get(model, 1.0), model))
    return stages


def measure(intervals):
    """Length of the union of intervals."""
    total, until = 0.0, 0.0
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def times(runs, speeds):
    """Means over the runs: seconds in which an LLM call runs, and end to end."""
    llm, whole = 0.0, 0.0
    for run in runs:
        stages = replay(run, speeds)
        llm += measure([(start, end) for start, end, model in stages if model is not None])
        whole += max(end for _, end, _ in stages)
    return llm / len(runs), whole / len(runs)


def learn(llmsched, name, runs):
    with llmsched.Profiler(name) as profiler:
        for run in runs:
            profiler.observe(run)
        return profiler.fit()


def pipeline(calls, speeds):
    return sum(c.calls / c.overlap * c.work_s / speeds.get(c.model or "", 1.0) for c in calls)


def template_path(profile):
    """Longest path of the template: a stage adds its presence times its mean span."""
    stages = [profile.stage(i) for i in range(len(profile.dag))]
    return profile.dag.critical_path([s.presence * s.mean_span_s for s in stages])[0]


def errors(calls, runs, factor):
    """Of the pipeline with each model's calls that much faster, one model after another."""
    speeds = [{c.model or "": factor} for c in calls]
    return [pipeline(calls, speed) / times(runs, speed)[0] - 1 for speed in speeds]


def judge(llmsched, name, train, held_out):
    one, runs = learn(llmsched, name, train), train + held_out
    result = {"runs": len(runs), "calls": sum(c.calls for c in one.calls), "overlap": one.calls[0].overlap,
              "unseen": pipeline(one.calls, {}) / times(held_out, {})[0] - 1}
    llm, whole = times(runs, {})
    one = learn(llmsched, name, runs)
    result["one"] = pipeline(one.calls, {}) / llm - 1
    result["whole"] = pipeline(one.calls, {}) / whole - 1
    result["template"] = template_path(one) / whole - 1
    for run in runs:
        for stage in run.stages:
            stage.model = stage.name if stage.kind == stage.kind.LLM else None
    calls = learn(llmsched, name, runs).calls
    result["models"] = len(calls)
    result["named"] = pipeline(calls, {}) / llm - 1
    result["faster"], result["slower"] = errors(calls, runs, 2.0), errors(calls, runs, 0.5)
    return result


def read(llmsched, source):
    """Per application: the runs that train, and the rest."""
    apps = collections.defaultdict(lambda: ([], []))
    for path in sorted(source.glob("*.jsonl")):
        with llmsched.History(path.stem, path.read_bytes()) as history:
            for run in history:
                held_out = predictors.splitmix(predictors.fnv1a(run.task or run.job)) % 100 >= 60
                apps[run.app][held_out].append(run)
    return {name: parts for name, parts in sorted(apps.items()) if parts[0] and parts[1]}


def show(results):
    """Errors in percent; of models made faster or slower the worst."""
    keys = ("unseen", "one", "named", "faster", "slower", "whole", "template")
    worst = {name: {key: max(r[key], key=abs) if isinstance(r[key], list) else r[key] for key in keys}
             for name, r in results.items()}
    print(f"{'':42} {'runs':>5} {'calls':>6} {'overlap':>7} {'models':>6} " + " ".join(f"{key:>8}" for key in keys))
    for name, r in results.items():
        print(f"{name[:42]:42} {r['runs']:5d} {r['calls']:6.2f} {r['overlap']:7.2f} {r['models']:6d} "
              + " ".join(f"{100 * worst[name][key]:8.1f}" for key in keys))
    for title, pick in (("mean size", statistics.mean), ("median size", statistics.median), ("worst size", max)):
        sizes = [pick([abs(r[key]) for r in worst.values()]) for key in keys]
        print(f"{title:70} " + " ".join(f"{100 * size:8.1f}" for size in sizes))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    os.environ["LLMSCHED_LIBRARY"] = str(options.library.resolve())
    sys.path.insert(0, str(ROOT / "bindings" / "python"))
    import llmsched  # pylint: disable=import-outside-toplevel

    results = {name: judge(llmsched, name, *parts) for name, parts in read(llmsched, options.runs).items()}
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
