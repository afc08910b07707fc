#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How well each predictor foresees remaining work, on runs it has not learned from.

    predictors.py PROGRAM RUNS [--json FILE]

RUNS is a folder of run files. 60 % of the tasks of each file train (the split of `compare`), the rest
are replayed. Per predictor, averaged over applications: mean absolute error over that of history, for
LLM and tool work; the worst application; pinball loss over that of history; how often the truth is at
most each quantile; and how many pairs of jobs of a mix are put in the right order.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import tempfile

PREDICTORS = ("mean", "network", "tree", "forest")
KINDS = ("llm_s", "tool_s")
LEVELS = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
MIXES = {
    "predefined": ("sequence_sorting", "document_merging", "tree_of_thoughts", "got_requirements"),
    "chain": ("code_generation", "code_repair", "web_search", "tool_agent", "swe_agent"),
    "planning": ("parallel_functions", "research_agent", "question_tree", "task_automation"),
}
PAIRS = 40000


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


def split(source, train, held_out):
    for path in sorted(source.glob("*.jsonl")):
        with open(path) as lines, open(train / path.name, "w") as a, open(held_out / path.name, "w") as b:
            for line in lines:
                run = json.loads(line)
                task = run.get("task") or run["job"]
                (a if splitmix(fnv1a(task)) % 100 < 60 else b).write(line)
    for folder in (train, held_out):
        for path in folder.glob("*.jsonl"):
            if path.stat().st_size == 0:
                path.unlink()


def predict(program, folder, predictor):
    out = folder / f"{predictor}.jsonl"
    command = [program, "predict", folder / "held_out", "--profiles", folder / "profiles"]
    subprocess.run(command + ["--predictor", predictor, "-o", out], check=True)
    with open(out) as lines:
        rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["truth"]["llm_s"] > 0 or row["truth"]["tool_s"] > 0]


def pinball(level, forecast, truth):
    return level * (truth - forecast) if truth > forecast else (1 - level) * (forecast - truth)


def losses(rows, kind):
    """Per application: sums of absolute error and of pinball losses."""
    sums = collections.defaultdict(lambda: [0.0, 0.0])
    for row in rows:
        truth, forecast = row["truth"][kind], row[kind]
        sums[row["app"]][0] += abs(forecast["mean"] - truth)
        sums[row["app"]][1] += sum(pinball(level, forecast[q], truth) for q, level in LEVELS.items())
    return sums


def ratios(rows, history, kind, which):
    base = losses(history, kind)
    return {app: sums[which] / base[app][which] for app, sums in losses(rows, kind).items() if base[app][which] > 0}


def coverage(rows, kind):
    return {q: sum(row["truth"][kind] <= row[kind][q] + 1e-9 for row in rows) / len(rows) for q in LEVELS}


def ordered(rows, applications):
    """Share of random pairs of moments in which the job with less left is foreseen to have less; every
    file counts alike."""
    groups = collections.defaultdict(list)
    for row in rows:
        if row["app"].split("/")[0].split("__")[0] in applications and row["truth"]["llm_s"] > 0:
            groups[row["app"].split("/")[0]].append(row)
    pick = random.Random(1)
    names, right, pairs = sorted(groups), 0.0, 0
    for _ in range(PAIRS if names else 0):
        a, b = (pick.choice(groups[pick.choice(names)]) for _ in range(2))
        truth = a["truth"]["llm_s"] - b["truth"]["llm_s"]
        guess = a["llm_s"]["mean"] - b["llm_s"]["mean"]
        if truth != 0:
            pairs += 1
            right += 0.5 if guess == 0 else guess * truth > 0
    return right / pairs if pairs else None


def judge(rows, history):
    result = {}
    for kind in KINDS:
        error = ratios(rows, history, kind, 0)
        loss = ratios(rows, history, kind, 1)
        worst = max(error, key=error.get)
        result[kind] = {
            "error": sum(error.values()) / len(error),
            "worst": {"app": worst, "error": error[worst]},
            "pinball": sum(loss.values()) / len(loss),
            "coverage": coverage(rows, kind),
        }
    everything = tuple(name for names in MIXES.values() for name in names)
    result["ordered"] = {mix: ordered(rows, names) for mix, names in {**MIXES, "mixed": everything}.items()}
    return result


def show(results):
    print(f"{'':8} {'error over history':>20} {'worst application':>19} {'pinball':>13}   {'truth <= q10 q50 q90 (LLM)':26}  ordered")
    print(f"{'':8} {'LLM':>13} {'tool':>6} {'LLM':>12} {'tool':>6} {'LLM':>6} {'tool':>6}   {'':26}  " + " ".join(f"{mix:>10}" for mix in results["mean"]["ordered"]))
    for name, r in results.items():
        llm, tool = r["llm_s"], r["tool_s"]
        print(
            f"{name:8} {llm['error']:13.3f} {tool['error']:6.3f} {llm['worst']['error']:12.3f} {tool['worst']['error']:6.3f}"
            f" {llm['pinball']:6.3f} {tool['pinball']:6.3f}   "
            + f"{' '.join('%.3f' % share for share in llm['coverage'].values()):26}  "
            + " ".join("         -" if share is None else f"{share:10.3f}" for share in r["ordered"].values())
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for part in ("train", "held_out"):
            os.mkdir(folder / part)
        split(options.runs, folder / "train", folder / "held_out")
        subprocess.run([options.program, "learn", folder / "train", "-o", folder / "profiles"], check=True, stdout=subprocess.DEVNULL)
        rows = {predictor: predict(options.program, folder, predictor) for predictor in PREDICTORS}
    results = {predictor: judge(rows[predictor], rows["mean"]) for predictor in PREDICTORS}
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
