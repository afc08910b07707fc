#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Predicted application latencies beside simulated ones: prediction.py PROGRAM [CASES] [options]

CASES is a folder of planning cases (NAME.cluster.json, .models.json, .apps.json; default $LLMSCHED_DATA/plan);
made-up cases come on top. For each utilisation a case is planned for the highest rates at which no model is used
more than that (`--max-rate`), jobs are drawn from its applications at those rates (`generate --apps`, lognormal
output tokens), and the plan is simulated on them. Error: predicted mean latency of an application over the
simulated one, minus 1. Chance: standard error of the simulated mean over the seeds, beside it.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

UTILISATIONS = [0.3, 0.5, 0.7, 0.8, 0.9]
BELOW = 0.999  # of the highest factor, which is known within 1e-3


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def random_models(rng):
    models = []
    for m in range(rng.randint(2, 4)):
        size, configs = rng.choice([1, 2, 4]), []
        for tp in (1, 2):
            for share in (0.5, 1):
                speed = tp ** 0.8 * share ** 0.7
                configs.append({"gpu": "a100-80g", "tp": tp, "share": share, "max_batch": rng.choice([16, 32, 64]),
                                "bandwidth": share * 0.8,
                                "prefill": {"base_s": 0.004, "per_token_s": size * 4e-5 / speed},
                                "decode": {"base_s": size * 0.006 / speed, "per_request_s": size * 1e-4 / speed,
                                           "per_request_token_s": size * 4e-8 / speed}})
        models.append({"name": f"m{m}", "weight_bytes": size * 8e9, "kv_bytes_per_token": 1e5, "kv_floor_bytes": 1e9,
                       "runtime_bytes": 1e9, "configs": configs})
    return models


def random_app(rng, name, models):
    stages = []
    for s in range(rng.randint(1, 5)):
        stage = {"id": f"s{s}", "parents": [f"s{p}" for p in range(s) if p == s - 1 or rng.random() < 0.2]}
        if s > 0 and rng.random() < 0.15:
            stage["duration_s"] = round(rng.uniform(0.1, 2), 2)
        else:
            stage.update(model=rng.choice(models)["name"], prompt_tokens=rng.choice([100, 400, 1500]),
                         output_tokens=rng.choice([1, 30, 100, 300]), tasks=rng.choice([1, 1, 1, 2, 4]),
                         probability=rng.choice([1, 1, 1, 0.5]))
        stages.append(stage)
    return {"name": name, "rate_per_s": round(rng.uniform(0.2, 1), 2), "stages": stages}


def make_up(folder, seed):
    """A random case; its name."""
    rng = random.Random(seed)
    models = random_models(rng)
    apps = [random_app(rng, f"a{a}", models) for a in range(rng.randint(1, 3))]
    gpus = [{"id": f"g{g}", "kind": "a100-80g", "memory_bytes": 80 << 30, "domain": "d"} for g in range(8)]
    name = f"random_{seed}"
    for part, value in (("cluster", {"gpus": gpus}), ("models", {"models": models}), ("apps", {"apps": apps})):
        form = {"cluster": "gpus"}.get(part, part)
        (folder / f"{name}.{part}.json").write_text(json.dumps({"format": f"llmsched-{form}-1", **value}))
    return name


class Measurement:
    def __init__(self, options, work):
        self.options, self.work = options, work

    def plan(self, inputs, out, utilisation):
        """Plans; the factor on the rates, the predicted latencies, and how much the busiest model is used."""
        shared = ["plan", *inputs, "--utilisation", utilisation]
        table = run(self.options.program, *shared, "--max-rate")
        factor = BELOW * float(re.search(r"factor on the rates: (\S+)", table).group(1))
        run(self.options.program, *shared, "--rate-factor", factor, "-o", out)
        plan = json.loads(out.read_text())
        use = max(model["load_per_s"] / model["capacity_per_s"] for model in plan["models"])
        return factor, {app["name"]: app["latency_s"] for app in plan["apps"]}, use

    def simulate(self, plan, inputs, factor, seed):
        """Mean latencies of the applications."""
        jobs, out = plan.with_suffix(f".{seed}.jobs"), plan.with_suffix(f".{seed}.out")
        cluster, models, apps = inputs[1], inputs[3], inputs[5]
        run(self.options.program, "generate", "--apps", apps, "--rate-factor", factor, "--jobs", self.options.jobs,
            "--seed", seed, "--sigma", self.options.sigma, "-o", jobs)
        run(self.options.program, "evaluate", "--plan", plan, "--cluster", cluster, "--models", models, "--jobs",
            jobs, "-o", out)
        times = {}
        with open(jobs, encoding="utf-8") as drawn, open(out, encoding="utf-8") as file:
            for job, row in zip(map(json.loads, drawn), map(json.loads, file)):
                times.setdefault(job["app"], []).append(row["completion_s"] - row["arrival_s"])
        jobs.unlink()
        out.unlink()
        return {app: statistics.fmean(values) for app, values in times.items()}

    def errors(self, folder, name, utilisation):
        """Error and chance of each application."""
        inputs = [word for part in ("cluster", "models", "apps")
                  for word in ("--" + part, folder / f"{name}.{part}.json")]
        plan = self.work / f"{name}.{utilisation}.plan"
        factor, predicted, use = self.plan(inputs, plan, utilisation)
        simulated = [self.simulate(plan, inputs, factor, seed + 1) for seed in range(self.options.seeds)]
        rows = []
        for app, latency in predicted.items():
            means = [s[app] for s in simulated if app in s]
            if not means or latency == 0:
                continue
            mean = statistics.fmean(means)
            chance = statistics.stdev(means) / len(means) ** 0.5 / mean if len(means) > 1 else float("nan")
            rows.append({"case": name, "utilisation": utilisation, "use": use, "app": app, "factor": factor,
                         "predicted_s": latency, "simulated_s": mean, "error": latency / mean - 1, "chance": chance})
        return rows


def summary(rows):
    sizes = sorted(abs(row["error"]) for row in rows)
    p95 = sizes[-(-95 * len(sizes) // 100) - 1]
    chance, use = (statistics.fmean(row[key] for row in rows) for key in ("chance", "use"))
    return [str(len(rows)), f"{use:.2f}", f"{100 * statistics.fmean(sizes):.1f} %", f"{100 * p95:.1f} %",
            f"{100 * statistics.fmean(row['error'] for row in rows):+.1f} %", f"{100 * chance:.1f} %"]


def print_table(rows, cases):
    print("| case | utilisation | applications | busiest model | mean of abs(error) | its p95 | mean error | chance |")
    print("|---|---|---|---|---|---|---|---|")
    groups = [(case, [r for r in rows if r["case"] == case]) for case in cases if not case.startswith("random_")]
    groups.append(("made up", [r for r in rows if r["case"].startswith("random_")]))
    groups.append(("all", rows))
    for name, some in groups:
        for utilisation in UTILISATIONS:
            here = [row for row in some if row["utilisation"] == utilisation]
            if here:
                print("|", " | ".join([name, f"{utilisation:g}", *summary(here)]), "|")
    print("| all | all |", " | ".join(summary(rows)), "|")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cases", nargs="?", help="folder of planning cases")
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sigma", type=float, default=0.5, help="of the logarithm of output tokens")
    parser.add_argument("--random", type=int, default=20, help="made-up cases")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", help="keep the figures here")
    options = parser.parse_args()
    folder = pathlib.Path(options.cases or os.path.join(os.environ.get("LLMSCHED_DATA", ""), "plan"))
    cases = [(folder, path.name[:-len(".apps.json")]) for path in sorted(folder.glob("*.apps.json"))]
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        cases += [(work, make_up(work, seed + 1)) for seed in range(options.random)]
        measurement = Measurement(options, work)
        with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
            asked = [pool.submit(measurement.errors, *case, u) for u in UTILISATIONS for case in cases]
            rows = [row for future in asked for row in future.result()]
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))
    print_table(rows, [name for _, name in cases])


if __name__ == "__main__":
    main()
