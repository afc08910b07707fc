# SPDX-License-Identifier: Apache-2.0
"""Workloads made to hurt: every policy and variant completes them by possible schedules."""

import os
import sys
import tempfile

import support

CLUSTER = {"engines": [{"max_batch": 4}, {"max_batch": 2}], "tool_slots": 2,
           "tau": [[1, 0.01], [4, 0.014]], "prefill_s_per_token": 0.0001}
STAGES = 100000
# With a job of many ready stages these look through all of them for each decision.
LOOK_THROUGH = ("plas", "atlas", "carbyne", "fair-share")


def llm(number, parents, output=20, prompt=200, samples=1):
    return {"id": "s%d" % number, "name": "work%d" % (number % 3), "kind": "llm",
            "parents": ["s%d" % p for p in parents], "prompt_tokens": prompt,
            "output_tokens": output, "samples": samples}


def tool(number, parents, duration=0.1, samples=1):
    return {"id": "s%d" % number, "name": "tool%d" % (number % 2), "kind": "tool",
            "parents": ["s%d" % p for p in parents], "duration_s": duration, "samples": samples}


def job(number, arrival, stages):
    return {"job": "j%d" % number, "app": "x", "arrival_s": arrival, "sjf_mean_s": 1.0 + number % 3,
            "stages": stages}


def loop(rounds, output):
    stages = [llm(0, [], output)]
    for r in range(rounds):
        stages += [tool(2 * r + 1, [2 * r]), llm(2 * r + 2, [2 * r + 1], output)]
    return stages


def simulate(folder, jobs, policy, *more):
    paths = [os.path.join(folder, n) for n in ("c.json", "j.jsonl", "o.jsonl", "s.jsonl")]
    support.write_json(paths[0], CLUSTER)
    support.write_lines(paths[1], jobs)
    support.run_well("simulate", "--cluster", paths[0], "--jobs", paths[1], "--policy", policy,
                     "-o", paths[2], "--schedule", paths[3], *more)
    out, tasks = support.read_lines(paths[2]), support.read_lines(paths[3])
    support.check_schedule(CLUSTER, jobs, tasks, [o["completion_s"] for o in out])
    return out, tasks


def under_all(jobs, *more):
    with tempfile.TemporaryDirectory() as folder:
        for policy in support.policies() + support.VARIANTS:
            simulate(folder, jobs, policy, *more)


def all_at_once():
    rng = support.generator(1)
    under_all([job(j, 3.0, loop(rng.randint(0, 4), rng.randint(1, 60))) for j in range(60)])


def giants_first():
    giants = [job(j, 0.0, loop(60, 300)) for j in range(6)]
    small = [job(6 + j, 0.01 * (1 + j // 5), [llm(0, [], 5)]) for j in range(60)]
    under_all(giants + small)


def duplicate_arrivals():
    rng = support.generator(2)
    stages = [loop(r, 15) for r in range(3)]
    under_all([job(j, 0.25 * (j // 6), stages[rng.randint(0, 2)]) for j in range(48)])


def no_work():
    """Tasks and whole jobs that need no time, alone and in the middle of others."""
    empty = [llm(0, [], 0, 0), tool(1, [0], 0.0), llm(2, [1], 0, 0, samples=3),
             tool(3, [1], 0.0, samples=2), llm(4, [2, 3], 0, 0)]
    mixed = [llm(0, [], 10), llm(1, [0], 0, 0), tool(2, [1], 0.0), llm(3, [2], 7)]
    jobs = [job(j, 0.1 * (j // 4), empty if j % 2 else mixed) for j in range(40)]
    under_all(jobs)
    with tempfile.TemporaryDirectory() as folder:
        out, _ = simulate(folder, [job(0, 1.5, empty)], "gittins")
        assert out[0]["completion_s"] == 1.5


def profiles_that_say_little():
    """Of one run, of runs without work, of another application's shape; and of none at all."""
    runs = {"one": [loop(1, 10)], "idle": [[llm(0, [], 0, 0), tool(1, [0], 0.0)]] * 8,
            "other": [[tool(0, []), tool(1, [0]), tool(2, [1])]] * 8}
    rng = support.generator(3)
    with tempfile.TemporaryDirectory() as folder:
        for name, bodies in runs.items():
            support.write_lines(os.path.join(folder, name + ".jsonl"),
                                [{"app": "x", "job": "r%d" % i, "stages": b}
                                 for i, b in enumerate(bodies)])
        profiles = os.path.join(folder, "profiles")
        support.run_well("learn", *(os.path.join(folder, n + ".jsonl") for n in runs), "-o", profiles)
        apps = ["one/x", "idle/x", "other/x", "nobody/x"]
        jobs = [dict(job(j, 0.1 * j, loop(rng.randint(0, 3), rng.randint(1, 40))), app=apps[j % 4])
                for j in range(40)]
        for policy in support.policies() + support.VARIANTS:
            simulate(folder, jobs, policy, "--profiles", profiles)


def one_job_of_many_stages():
    """A chain under every policy; a fan-out under those whose decisions do not look through it."""
    small = [job(1 + j, 0.2 * j, loop(1, 10)) for j in range(50)]
    chain = [llm(0, [])] + [(tool(s, [s - 1], 0.01) if s % 5 == 0 else llm(s, [s - 1], 2))
                            for s in range(1, STAGES)]
    wide = [llm(0, [])] + [(tool(s, [0], 0.01) if s % 5 == 0 else llm(s, [0], 2))
                           for s in range(1, STAGES)]
    fan = wide[:3000]
    with tempfile.TemporaryDirectory() as folder:
        for stages in (chain, wide, fan):
            path = os.path.join(folder, "jobs")
            support.write_lines(path, [job(0, 0.0, stages)] + small)
            for policy in support.policies():
                if (stages is wide) == (policy in LOOK_THROUGH) and stages is not chain:
                    continue
                out = os.path.join(folder, "out")
                support.run_well("simulate", "--cluster", "default", "--jobs", path, "--policy",
                                 policy, "-o", out)
                assert len(support.read_lines(out)) == 51
        # What was simulated is possible too.
        simulate(folder, [job(0, 0.0, fan)] + small, "gittins")
        simulate(folder, [job(0, 0.0, fan)] + small, "oracle-srpt")


if __name__ == "__main__":
    sys.exit(support.main([all_at_once, giants_first, duplicate_arrivals, no_work,
                           profiles_that_say_little, one_job_of_many_stages]))
