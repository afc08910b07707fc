# SPDX-License-Identifier: Apache-2.0
"""Two workloads with the same past and different futures get the same decisions up to there.

Under every policy and predictor, with profiles learned from real runs. What has not been observed by a
time is changed: outputs and durations of what has not ended, stages not revealed (others, fewer, more),
jobs that arrive later. oracle-srpt, which sees the future, must be caught.
"""

import copy
import os
import sys
import tempfile

import support

CLUSTER = {"engines": [{"max_batch": 3}, {"max_batch": 2}], "tool_slots": 2,
           "tau": [[1, 0.0112], [4, 0.01178], [8, 0.01211]], "prefill_s_per_token": 0.00008}
FILES = ["code_generation__mint", "code_generation__mapcoder", "tree_of_thoughts__tot",
         "task_automation__nestools", "web_search__mint_hotpotqa", "code_generation__reflexion"]
JOBS = 36


def body(run, rng):
    """Stages of a run with every value filled in."""
    stages = []
    for s in run["stages"]:
        stage = {"id": s["id"], "name": s["name"], "kind": s["kind"], "parents": s["parents"],
                 "samples": s.get("samples") or 1}
        if s["kind"] == "llm":
            stage["prompt_tokens"] = s.get("prompt_tokens") or rng.randint(50, 900)
            stage["output_tokens"] = s.get("output_tokens") or rng.randint(5, 300)
        else:
            stage["duration_s"] = round(0.2 + rng.expovariate(1.0), 3)
        stages.append(stage)
    return stages


def workload(rng):
    runs = {f: support.read_lines(os.path.join(support.RUNS, f + ".jsonl")) for f in FILES}
    jobs, now = [], 0.0
    for j in range(JOBS):
        name = rng.choice(FILES)
        run = rng.choice(runs[name])
        now += rng.expovariate(0.5)
        jobs.append({"job": "j%d" % j, "app": "%s/%s" % (name, run["app"]), "arrival_s": round(now, 4),
                     "sjf_mean_s": 5.0, "stages": body(run, rng)})
    return jobs


def simulate(folder, profiles, jobs, policy):
    paths = [os.path.join(folder, n) for n in ("c.json", "j.jsonl", "o.jsonl", "s.jsonl")]
    support.write_json(paths[0], CLUSTER)
    support.write_lines(paths[1], jobs)
    support.run_well("simulate", "--cluster", paths[0], "--jobs", paths[1], "--policy", policy,
                     "--profiles", profiles, "-o", paths[2], "--schedule", paths[3], "--seed", 7)
    return support.read_lines(paths[3])


def a_time_between(tasks, rng):
    """Well apart from anything that happens."""
    times = sorted({t[k] for t in tasks for k in ("start_s", "end_s")})
    gaps = [(a + b) / 2 for a, b in zip(times, times[1:]) if b - a > 1e-3]
    return gaps[int(len(gaps) * rng.uniform(0.15, 0.5))]


def other_future(jobs, tasks, now, rng):
    ends, starts = {}, {}
    for t in tasks:
        key = (t["job_index"], t["stage"])
        ends.setdefault(key, []).append(t["end_s"])
        starts.setdefault(key, []).append(t["start_s"])
    changed = []
    for j, job in enumerate(jobs):
        job = copy.deepcopy(job)
        if job["arrival_s"] > now:
            if rng.random() < 0.5:
                job["stages"] = [dict(s, id="new" + s["id"], parents=["new" + p for p in s["parents"]])
                                 for s in body({"stages": rng.choice(jobs)["stages"]}, rng)]
            job["arrival_s"] += rng.random()
            changed.append(job)
            continue
        ended = {s["id"] for s in job["stages"] if max(ends[j, s["id"]]) <= now}
        revealed = [s for s in job["stages"] if set(s["parents"]) <= ended]
        hidden = [s for s in job["stages"] if not set(s["parents"]) <= ended]
        for s in revealed:
            if min(ends[j, s["id"]]) <= now:
                continue  # some of its tasks have told
            # What runs may only take longer, else it would have ended by now.
            runs = min(starts[j, s["id"]]) <= now
            if s["kind"] == "llm":
                more = rng.randint(0, 400)
                s["output_tokens"] = s["output_tokens"] + more if runs else more
            else:
                s["duration_s"] = s["duration_s"] + rng.random() if runs else rng.random()
        dice, unfinished = rng.random(), [s["id"] for s in revealed if s["id"] not in ended]
        if dice < 0.4 or not unfinished:
            hidden = hidden if not unfinished else []
        elif dice < 0.8:
            for s in hidden:
                s["name"] = rng.choice(["act", "plan", "search", "code"])
                if s["kind"] == "llm":
                    s["output_tokens"] = rng.randint(0, 2000)
                    s["prompt_tokens"] = rng.randint(0, 3000)
        if unfinished and rng.random() < 0.5:
            extra = {"id": "extra", "name": "debug", "kind": "llm", "parents": [unfinished[0]],
                     "samples": 2, "prompt_tokens": 900, "output_tokens": 1500}
            hidden.insert(0, extra)
        job["stages"] = revealed + hidden
        if not hidden and not unfinished and len(ended) < len(job["stages"]):
            raise AssertionError("the test made a job that cannot be")
        changed.append(job)
    return changed


def up_to(tasks, now):
    return [(t["job_index"], t["stage"], t["task"], t["executor"], t["start_s"],
             t["end_s"] if t["end_s"] <= now else None) for t in tasks if t["start_s"] <= now]


def the_future_is_not_seen():
    caught = 0
    with tempfile.TemporaryDirectory() as folder:
        profiles = os.path.join(folder, "profiles")
        support.run_well("learn", *(os.path.join(support.RUNS, f + ".jsonl") for f in FILES),
                         "-o", profiles)
        for seed in support.seeds(3):
            rng = support.generator(seed)
            jobs = workload(rng)
            for policy in support.policies() + support.VARIANTS:
                tasks = simulate(folder, profiles, jobs, policy)
                now = a_time_between(tasks, rng)
                other = other_future(jobs, tasks, now, rng)
                assert other != jobs
                again = simulate(folder, profiles, other, policy)
                same = up_to(tasks, now) == up_to(again, now)
                if "oracle" in policy:
                    caught += not same
                else:
                    assert same, "seed %d, %s: decisions before %r depend on what is after" % (
                        seed, policy, now)
                assert tasks != again, "the other future is the same one"
    assert caught > 0 or os.environ.get("LLMSCHED_SEED"), "a policy that sees the future was not caught"


if __name__ == "__main__":
    if not support.RUNS:
        support.skip("LLMSCHED_RUNS names no folder of run files")
    sys.exit(support.main([the_future_is_not_seen]))
