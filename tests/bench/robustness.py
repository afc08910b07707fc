#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What remains of a policy's gain where things are not as they were learned.

    robustness.py PROGRAM RUNS [--seeds 10] [--mixes mixed,chain] [--settings drift,slots] [--json FILE] [--short]

RUNS is a folder of run files. Those of 60 % of the tasks of each file train (the split of `compare`), jobs are
drawn from the rest. Each setting changes one thing and `compare` does the rest; the table holds the share
of the gap between fcfs and oracle-srpt that each policy closes, in percent, and fcfs over oracle-srpt.

  base            as `compare` does it
  serial          engines work prompts one after another
  train-N         N training runs of each application (fewer where there are fewer)
  drift, own      trained on half of the variants and models of each file, or on the other half; jobs are
                  drawn from that other half both times. Files of one variant and model stay as they are
  double, half    what training runs say of output tokens and tool seconds is twice or half the truth
  noise           the same, times exp(ln 2 z) with z standard normal, drawn for each stage
  slots-N         N tool slots instead of 32
  faults-NAME     tasks fail and executors go down: see FAULTS
"""

import argparse
import collections
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

POLICIES = ["fcfs", "sjf", "srtf", "plas", "llmsched", "llmsched:epsilon=0", "gittins", "oracle-srpt"]
MIXES = ["predefined", "mixed", "planning", "chain"]
FAULTS = {
    "failures": "fail=0.05",
    "runaways": "runaway=0.02,timeout=30",
    "outages": "up=600,down=60",
    "all": "fail=0.05,runaway=0.02,timeout=30,up=600,down=60",
}
TRAINING = [20, 50, 100, 300, 1000]
SLOTS = [8, 4]
TAU = [[1, 0.0112], [4, 0.01178], [8, 0.01211], [16, 0.01319], [32, 0.01649], [64, 0.01951]]


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def splitmix(state):
    value = (state + 0x9E3779B97F4A7C15) % 2**64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % 2**64
    return value ^ (value >> 31)


def trains(run):
    return splitmix(fnv1a(run.get("task") or run["job"])) % 100 < 60


def read(source):
    """Runs by file."""
    files = {}
    for path in sorted(source.glob("*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            files[path.name] = [json.loads(line) for line in lines if line.strip()]
    return files


def write(folder, files):
    folder.mkdir()
    for name, runs in files.items():
        if runs:
            with open(folder / name, "w", encoding="utf-8") as file:
                for run in runs:
                    file.write(json.dumps(run) + "\n")


# --- what trains and what is drawn --------------------------------------------------------------


def few(runs, count):
    """The first of each application, in an order that has nothing to do with their contents."""
    taken, kept = collections.Counter(), []
    for run in sorted(runs, key=lambda r: (splitmix(fnv1a(r["job"])), r["job"])):
        taken[run["app"]] += 1
        if taken[run["app"]] <= count:
            kept.append(run)
    return kept


def kind(run):
    return "%s|%s" % (run.get("variant"), run.get("model"))


def other_half(runs):
    """Every other variant and model of a file, in the order of their hashes; of one only, all."""
    kinds = sorted({(run["app"], kind(run)) for run in runs}, key=lambda k: (k[0], fnv1a(k[1])))
    rank, half = collections.Counter(), set()
    for app, name in kinds:
        if rank[app] % 2 == 1:
            half.add((app, name))
        rank[app] += 1
    return half, {app for app, count in rank.items() if count == 1}


def drifted(files, own):
    train, drawn = {}, {}
    for name, runs in files.items():
        half, alone = other_half(runs)
        evaluated = [r for r in runs if r["app"] in alone or (r["app"], kind(r)) in half]
        learned = evaluated if own else [r for r in runs
                                         if r["app"] in alone or (r["app"], kind(r)) not in half]
        train[name] = [r for r in learned if trains(r)]
        drawn[name] = [r for r in evaluated if not trains(r)]
    # An application needs runs on both sides.
    for name in files:
        apps = {r["app"] for r in train[name]} & {r["app"] for r in drawn[name]}
        train[name] = [r for r in train[name] if r["app"] in apps]
        drawn[name] = [r for r in drawn[name] if r["app"] in apps]
    return train, drawn


def misjudged(run, factor):
    run = json.loads(json.dumps(run))
    for stage in run["stages"]:
        for key in ("output_tokens", "duration_s"):
            if stage.get(key) is not None and (key == "output_tokens") == (stage["kind"] == "llm"):
                value = stage[key] * factor()
                stage[key] = max(1, round(value)) if key == "output_tokens" and stage[key] > 0 else value
    return run


def sides(files, setting):
    """Training runs and those to draw from."""
    if setting in ("drift", "own"):
        return drifted(files, setting == "own")
    train = {name: [r for r in runs if trains(r)] for name, runs in files.items()}
    drawn = {name: [r for r in runs if not trains(r)] for name, runs in files.items()}
    if setting.startswith("train-"):
        count = int(setting.split("-")[1])
        train = {name: few(runs, count) for name, runs in train.items()}
    rng = random.Random(1)
    factors = {"double": lambda: 2.0, "half": lambda: 0.5,
               "noise": lambda: math.exp(math.log(2) * rng.gauss(0, 1))}
    if setting in factors:
        train = {name: [misjudged(r, factors[setting]) for r in runs] for name, runs in train.items()}
    return train, drawn


# --- one comparison -------------------------------------------------------------------------------


def cluster_of(setting, folder):
    if not setting.startswith("slots-"):
        return "small"
    path = folder / "cluster.json"
    path.write_text(json.dumps({"engines": [{"max_batch": 8}], "tool_slots": int(setting.split("-")[1]),
                                "tau": TAU, "prefill_s_per_token": 0.00008}))
    return path


def compare(a, files, setting, mix):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        train, drawn = sides(files, setting)
        write(folder / "train", train)
        write(folder / "drawn", drawn)
        command = [a.program, "compare", "--train", folder / "train", "--eval", folder / "drawn", "--mix", mix,
                   "--cluster", cluster_of(setting, folder), "--load", a.load, "--seeds", a.seeds,
                   "--policies", ",".join(POLICIES), "-o", folder / "table.json"]
        if a.jobs:
            command += ["--jobs", a.jobs]
        if setting == "serial":
            command += ["--prefill", "serial"]
        if setting.startswith("faults-"):
            command += ["--faults", FAULTS[setting[len("faults-"):]]]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        return json.loads((folder / "table.json").read_text())


def all_settings():
    return (["base", "serial"] + ["train-%d" % n for n in TRAINING] + ["own", "drift", "double", "half", "noise"] +
            ["slots-%d" % n for n in SLOTS] + ["faults-%s" % name for name in FAULTS])


def chosen(text):
    if not text:
        return all_settings()
    wanted = text.split(",")
    found = [s for s in all_settings() if any(s == w or s.startswith(w + "-") for w in wanted)]
    if not found:
        sys.exit("robustness.py: --settings: expected some of " + " ".join(all_settings()))
    return found


def print_row(setting, table):
    rows = table["policies"]
    names = [p.replace(":", "-").replace("=", "-") for p in POLICIES if p not in ("fcfs", "oracle-srpt")]
    cells = ["-" if rows[n]["gap_closed"] is None else "%.1f" % (100 * rows[n]["gap_closed"]) for n in names]
    ratio = rows["fcfs"]["mean_s"] / rows["oracle-srpt"]["mean_s"]
    print("| %s | %s | %.2f | %.2f |" % (setting, " | ".join(cells), ratio, table["tool_load"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--load", type=float, default=0.95)
    parser.add_argument("--mixes", default=",".join(MIXES))
    parser.add_argument("--settings", default="")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--short", action="store_true", help="one seed of few jobs, to see that it runs")
    a = parser.parse_args()
    if a.short:
        a.seeds, a.jobs, a.mixes = 1, 60, "mixed"
    files, tables = read(a.runs), {}
    for mix in a.mixes.split(","):
        titles = [p for p in POLICIES if p not in ("fcfs", "oracle-srpt")]
        print("\n%s\n\n| setting | %s | fcfs / oracle | tool load |" % (mix, " | ".join(titles)))
        print("|---" * (len(titles) + 3) + "|")
        for setting in chosen(a.settings):
            tables.setdefault(mix, {})[setting] = compare(a, files, setting, mix)
            print_row(setting, tables[mix][setting])
    if a.json:
        a.json.write_text(json.dumps(tables))


if __name__ == "__main__":
    main()
