#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What two tenants are served who both have enough to do: splitting, weights and prices.

    fair_share.py PROGRAM [--jobs 400] [--seeds 5]

Jobs are simulated and shares read off the schedules, as long as both tenants have a first stage that has not
started. Alone-seconds times the engine's price are what is counted, means over the seeds.

  splitting  `split` sends calls as k parallel tasks that are joined, `plain` the same work as one task:
             the share of `split`, half of which is fair
  weights    `split` (k = 8) has a weight of 1, `plain` of 1, 2, 4: the share of `plain`, and what is fair
  prices     `lavish` has every other call run by an engine that costs so many times as much, `frugal` uses the
             other engine alone: the share of `lavish` in the cheap engine's time, and in all cost
"""

import argparse
import json
import pathlib
import random
import subprocess
import tempfile

TAU = [[1, 0.0112], [4, 0.01178], [8, 0.01211], [16, 0.01319], [32, 0.01649], [64, 0.01951]]
POLICIES = ["fcfs", "fair", "argus", "plas", "atlas", "fair-share/fcfs", "fair-share/plas"]
SPLITS = [1, 2, 4, 8, 16]


def tau(batch):
    for (b0, t0), (b1, t1) in zip(TAU, TAU[1:]):
        if batch <= b1:
            return t0 + (t1 - t0) * (batch - b0) / (b1 - b0)
    return TAU[-1][1]


def call(name, parents, tokens, tasks=1, model="base"):
    return {"id": name, "name": name, "kind": "llm", "model": model, "parents": parents, "prompt_tokens": 0,
            "output_tokens": tokens, "samples": tasks}


def job(number, tenant, weight, stages):
    # Jobs of both in turn, so that neither comes first; all are there before much is served.
    return {"job": "j%d" % number, "app": tenant, "arrival_s": 0.01 * number, "sjf_mean_s": 1.0, "tenant": tenant,
            "weight": weight, "stages": stages}


def cluster(price=1.0):
    return {"engines": [{"model": "base", "max_batch": 16}, {"model": "large", "max_batch": 16, "price": price}],
            "tool_slots": 0, "tau": TAU, "prefill_s_per_token": 0.00008}


def simulate(program, setting, jobs, policy):
    with tempfile.TemporaryDirectory() as name:
        paths = [pathlib.Path(name) / n for n in ("c", "j", "o", "s")]
        paths[0].write_text(json.dumps(setting))
        paths[1].write_text("".join(json.dumps(j) + "\n" for j in jobs))
        subprocess.run([program, "simulate", "--cluster", paths[0], "--jobs", paths[1], "--policy", policy,
                        "-o", paths[2], "--schedule", paths[3]], check=True)
        return [json.loads(line) for line in paths[3].read_text().splitlines()]


def served(setting, jobs, tasks):
    """Alone-seconds by (tenant, engine) while both have a first stage to start."""
    last = {}
    for t in tasks:
        if t["stage"] == "first":
            tenant = jobs[t["job_index"]]["tenant"]
            last[tenant] = max(last.get(tenant, 0.0), t["start_s"])
    until, now, given, running = min(last.values()), 0.0, {}, [{} for _ in setting["engines"]]
    events = sorted([(t["start_s"], 1, t["executor"], t["job_index"]) for t in tasks] +
                    [(t["end_s"], -1, t["executor"], t["job_index"]) for t in tasks])
    for time, change, engine, j in events:
        for e, on in enumerate(running):
            batch = sum(on.values())
            for tenant, count in on.items():
                if count > 0:
                    rate = tau(1) / tau(batch)
                    given[tenant, e] = given.get((tenant, e), 0.0) + count * rate * (min(time, until) - now)
        now = min(time, until)
        if time > until:
            break
        tenant = jobs[j]["tenant"]
        running[engine][tenant] = running[engine].get(tenant, 0) + change
    return given


def share(given, tenant, prices):
    cost = {}
    for (who, engine), seconds in given.items():
        cost[who] = cost.get(who, 0.0) + seconds * prices[engine]
    return cost.get(tenant, 0.0) / sum(cost.values())


def forks(rng, count, splits, weight):
    jobs = []
    for j in range(count):
        tenant, tasks = ("plain", 1) if j % 2 else ("split", splits)
        work = rng.randint(200, 600)
        jobs.append(job(j, tenant, weight if tenant == "plain" else 1.0,
                        [call("first", [], work, tasks), call("join", ["first"], 40)]))
    return jobs


def spenders(rng, count):
    jobs = []
    for j in range(count):
        lavish = j % 2
        jobs.append(job(j, "lavish" if lavish else "frugal", 1.0,
                        [call("first", [], rng.randint(100, 300)),
                         call("second", ["first"], rng.randint(100, 300), 1, "large" if lavish else "base")]))
    return jobs


def mean_over_seeds(a, make, setting, policy, measure):
    values = []
    for seed in range(a.seeds):
        jobs = make(random.Random(seed))
        values.append(measure(served(setting, jobs, simulate(a.program, setting, jobs, policy))))
    return sum(values) / len(values)


def row(title, values):
    print("| %s | %s |" % (title, " | ".join("%.3f" % v for v in values)), flush=True)


def head(title, columns):
    print("\n| %s | %s |\n%s" % (title, " | ".join(columns), "|---" * (len(columns) + 1) + "|"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=5)
    a = parser.parse_args()
    head("share of `split`", ["k = %d" % k for k in SPLITS])
    for policy in POLICIES:
        row("`%s`" % policy, [mean_over_seeds(a, lambda rng, k=k: forks(rng, a.jobs, k, 1.0), cluster(), policy,
                                              lambda g: share(g, "split", [1, 1])) for k in SPLITS])
    head("share of `plain`", ["1", "2", "4"])
    row("fair", [w / (1 + w) for w in (1, 2, 4)])
    for policy in ("fcfs", "fair-share/fcfs", "fair-share/plas"):
        row("`%s`" % policy, [mean_over_seeds(a, lambda rng, w=w: forks(rng, a.jobs, 8, w), cluster(), policy,
                                              lambda g: share(g, "plain", [1, 1])) for w in (1, 2, 4)])
    head("price", ["1: time", "cost", "2: time", "cost", "4: time", "cost"])
    for policy in ("fcfs", "fair-share/fcfs", "fair-share/plas"):
        values = []
        for price in (1.0, 2.0, 4.0):
            for prices in ([1, 0], [1, price]):
                values.append(mean_over_seeds(a, lambda rng: spenders(rng, a.jobs), cluster(price), policy,
                                              lambda g, p=prices: share(g, "lavish", p)))
        row("`%s`" % policy, values)


if __name__ == "__main__":
    main()
