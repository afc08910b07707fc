# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: running the program, and checking schedules."""

import json
import os
import random
import subprocess
import sys

PROGRAM = os.environ.get("LLMSCHED_PROGRAM", "llmsched")
RUNS = os.environ.get("LLMSCHED_RUNS", "")
DATA = os.environ.get("LLMSCHED_DATA", "")
SKIP = 77
TIE = 1.0000001e-9


def run(*arguments, **options):
    """The finished process, output as text."""
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=options.pop("timeout", 300), **options)


def run_well(*arguments):
    process = run(*arguments)
    if process.returncode != 0:
        raise AssertionError("%s: exit code %d: %s" %
                             (arguments, process.returncode, process.stderr))
    return process


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def write_lines(path, values):
    with open(path, "w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value) + "\n")


def seeds(count):
    """The seeds of a randomised test: LLMSCHED_SEED repeats one."""
    given = os.environ.get("LLMSCHED_SEED")
    return [int(given)] if given else list(range(1, count + 1))


def policies():
    """Names of the built-in policies."""
    return [line.split()[0] for line in run_well("--policies").stdout.splitlines()]


# Beside the built-in policies: every predictor, option and wrapping that may decide otherwise.
VARIANTS = ["llmsched:epsilon=0", "llmsched:epsilon=0.5,r=1", "llmsched:network=off",
            "llmsched:locality=on,long=150", "gittins:predictor=network",
            "gittins:predictor=tree,alpha=0.2", "gittins:predictor=history",
            "gittins:locality=on,long=150", "plas:first=0.5,levels=3,beta=1,long=150", "plas:scope=engine",
           
            "atlas:first=0.5,step=0.5", "fair-share/fcfs", "fair-share/fair", "fair-share/srtf",
            "fair-share/plas:beta=1", "fair-share/llmsched:epsilon=0.5",
            "fair-share/gittins:predictor=network", "fair-share/gittins:predictor=tree"]


def random_cluster(rng):
    models = ["A", "B"][:rng.choice([1, 1, 2])]
    engines = [{"model": m, "max_batch": rng.randint(1, 4)} for m in models]
    engines += [{"model": rng.choice(models), "max_batch": rng.randint(1, 4)}
                for _ in range(rng.randint(0, 2))]
    points = [[1, 0.01]]
    for _ in range(rng.randint(0, 2)):
        batch, seconds = points[-1]
        points.append([batch + rng.randint(1, 3), seconds + rng.choice([0, 0.002, 0.005])])
    cluster = {"engines": engines, "tool_slots": rng.randint(1, 3), "tau": points,
               "prefill_s_per_token": rng.choice([0, 0.0001])}
    if rng.random() < 0.5:
        cluster["prefill"] = rng.choice(["serial", "stretched"])
    return cluster


def with_pools(rng, cluster, jobs):
    """The same with tool slots in pools, to which stages go by their names or as they say."""
    cluster = dict(cluster, tool_pools=[{"name": "p", "slots": rng.randint(1, 2), "tools": ["a"]},
                                        {"name": "q", "slots": 1}],
                   tool_slots=rng.choice([1, 1, 2]))
    stages = []
    for job in jobs:
        stages.append([dict(s, pool=rng.choice("pq")) if s["kind"] == "tool" and rng.random() < 0.4
                       else s for s in job["stages"]])
    return cluster, [dict(j, stages=s) for j, s in zip(jobs, stages)]


def pool_of(cluster, stage):
    """Name of the pool that a tool runs in, or None."""
    for pool in cluster.get("tool_pools", []):
        if stage.get("pool") == pool["name"] or ("pool" not in stage and
                                                 stage["name"] in pool.get("tools", [])):
            return pool["name"]
    return None


def random_stage(rng, number, models, tidy):
    stage = {"id": "s%d" % number, "name": rng.choice("abc"),
             "samples": rng.choice([1, 1, 1, 2, 5])}
    stage["parents"] = ["s%d" % p for p in range(number) if rng.random() < 0.35]
    if rng.random() < 0.6:
        stage.update(kind="llm", model=rng.choice(models),
                     prompt_tokens=rng.choice([0, 7, 100, 1000]),
                     output_tokens=rng.choice([0, 1, 20, 50, 50, 133]))
    else:
        duration = rng.choice([0, 0.25, 0.5, 0.5, 1.0])
        stage.update(kind="tool", duration_s=duration if tidy else duration * rng.random())
    return stage


def random_workload(rng, count=12):
    """A cluster and jobs that make equal times, ties and empty work likely."""
    cluster = random_cluster(rng)
    models = sorted({e["model"] for e in cluster["engines"]})
    tidy = rng.random() < 0.5
    jobs, now = [], 0.0
    for j in range(count):
        if rng.random() < 0.7:
            now += rng.choice([0.25, 0.5]) if tidy else rng.expovariate(2.0)
        stages = [random_stage(rng, s, models, tidy) for s in range(rng.randint(1, 6))]
        if jobs and rng.random() < 0.3:
            stages = rng.choice(jobs)["stages"]
        jobs.append({"job": "j%d" % j, "app": "x", "arrival_s": now,
                     "sjf_mean_s": rng.choice([1.0, 2.0, 3.5]), "stages": stages})
    if rng.random() < 0.3:
        rng.shuffle(jobs)
    return cluster, jobs


def check_attempts(cluster, jobs, tasks, completions):
    """As check_schedule() where attempts may fail or be lost: those that finished are a possible
    schedule, and each task is tried again only after its last attempt, with room for all."""
    attempts, places = {}, {}
    for t in tasks:
        attempts.setdefault((t["job_index"], t["stage"], t["task"]), []).append(t)
        places.setdefault(t["executor"], []).append(t)
    for tried in attempts.values():
        for before, after in zip(tried, tried[1:]):
            assert before["ended"] in ("failed", "stopped"), "a finished task was started again"
            assert after["start_s"] >= before["end_s"] - TIE, "a task runs twice at once"
        assert "ended" not in tried[-1], "a task was given up"
    check_schedule(cluster, jobs, [t for t in tasks if "ended" not in t], completions)
    for executor, held in places.items():
        engines = cluster["engines"]
        check_capacity(held, engines[executor]["max_batch"] if executor < len(engines) else 1)
        for end in {t["end_s"] for t in held if t.get("ended") == "stopped"}:
            for t in held:
                assert not t["start_s"] < end - TIE < end + TIE < t["end_s"], \
                    "a task outlived its executor"


def check_schedule(cluster, jobs, tasks, completions):
    """Raises unless the schedule was possible: each task once, parents first, room for all."""
    engines = cluster["engines"]
    expected = {(j, s["id"], t) for j, job in enumerate(jobs) for s in job["stages"]
                for t in range(s.get("samples", 1))}
    seen = [(t["job_index"], t["stage"], t["task"]) for t in tasks]
    assert len(seen) == len(set(seen)), "a task started twice"
    assert set(seen) == expected, "tasks are missing or made up"
    stages = {(j, s["id"]): s for j, job in enumerate(jobs) for s in job["stages"]}
    end_of = {}
    for t in tasks:
        key = (t["job_index"], t["stage"])
        end_of[key] = max(end_of.get(key, 0.0), t["end_s"])
    places = {}
    for t in tasks:
        job, stage = jobs[t["job_index"]], stages[(t["job_index"], t["stage"])]
        assert t["start_s"] >= job["arrival_s"] - TIE, "started before the arrival"
        assert t["end_s"] >= t["start_s"], "ended before the start"
        for parent in stage["parents"]:
            parent_end = end_of[(t["job_index"], parent)]
            assert t["start_s"] >= parent_end - TIE, "started before a parent's end"
        if stage["kind"] == "llm":
            assert t["executor"] < len(engines), "an LLM task on a tool slot"
            wanted, served = stage.get("model"), engines[t["executor"]].get("model")
            assert wanted is None or served is None or wanted == served, "the wrong model"
        else:
            slot = t["executor"] - len(engines)
            slots = [None] * cluster["tool_slots"] + [p["name"] for p in cluster.get("tool_pools", [])
                                                      for _ in range(p["slots"])]
            assert 0 <= slot < len(slots), "no such slot"
            assert slots[slot] == pool_of(cluster, stage), "a slot of another pool"
            took = t["end_s"] - t["start_s"]
            assert abs(took - stage["duration_s"]) <= 3e-9, "a tool task of another length"
        places.setdefault(t["executor"], []).append(t)
    for executor, held in places.items():
        capacity = engines[executor]["max_batch"] if executor < len(engines) else 1
        check_capacity(held, capacity)
    for j, completion in enumerate(completions):
        last = max(end_of[(j, s["id"])] for s in jobs[j]["stages"])
        assert abs(completion - last) <= TIE, "completion is not the last end"


def check_capacity(tasks, capacity):
    # Ends before starts where they coincide; an empty task holds its place for no time.
    changes = sorted([(t["start_s"], 1, 1) for t in tasks if t["end_s"] > t["start_s"] + TIE] +
                     [(t["end_s"] - TIE, 0, -1) for t in tasks if t["end_s"] > t["start_s"] + TIE])
    present = 0
    for _, _, change in changes:
        present += change
        assert present <= capacity, "more tasks than places"


def main(tests):
    """Runs functions in order; prints each; the first failure ends the program."""
    for test in tests:
        test()
        print("ok", test.__name__)
    return 0


def generator(seed):
    return random.Random(seed)


def skip(reason):
    print("skipped:", reason)
    sys.exit(SKIP)
