# SPDX-License-Identifier: Apache-2.0
"""Tasks that fail and executors that go: nothing is lost, nothing runs twice, under every policy."""

import os
import sys
import tempfile

import support


def simulate(folder, cluster, jobs, policy, *more):
    paths = [os.path.join(folder, n) for n in ("c.json", "j.jsonl", "o.jsonl", "s.jsonl")]
    support.write_json(paths[0], cluster)
    support.write_lines(paths[1], jobs)
    support.run_well("simulate", "--cluster", paths[0], "--jobs", paths[1], "--policy", policy,
                     "-o", paths[2], "--schedule", paths[3], *more)
    return support.read_lines(paths[2]), support.read_lines(paths[3])


def random_faults(rng):
    parts = []
    if rng.random() < 0.7:
        parts.append("fail=%.3f" % rng.uniform(0.01, 0.5))
    if rng.random() < 0.6:
        parts.append("runaway=%.3f,timeout=%.3f" % (rng.uniform(0.01, 0.3), rng.uniform(0.05, 3)))
    if rng.random() < 0.8 or not parts:
        parts.append("up=%.3f,down=%.3f" % (rng.uniform(0.5, 10), rng.uniform(0.1, 4)))
    if rng.random() < 0.5:
        parts.append("seed=%d" % rng.randint(0, 1000))
    return ",".join(parts)


def nothing_is_lost():
    failed = stopped = 0
    policies = support.policies() + support.VARIANTS
    with tempfile.TemporaryDirectory() as folder:
        for seed in support.seeds(120):
            rng = support.generator(seed)
            cluster, jobs = support.random_workload(rng, 20)
            if seed % 2:
                cluster, jobs = support.with_pools(rng, cluster, jobs)
            faults, policy = random_faults(rng), policies[seed % len(policies)]
            more = ("--faults", faults, "--seed", seed)
            out, tasks = simulate(folder, cluster, jobs, policy, *more)
            assert len(out) == len(jobs)
            try:
                support.check_attempts(cluster, jobs, tasks, [o["completion_s"] for o in out])
            except AssertionError as e:
                raise AssertionError("seed %d, %s, %s: %s" % (seed, policy, faults, e))
            failed += sum(t.get("ended") == "failed" for t in tasks)
            stopped += sum(t.get("ended") == "stopped" for t in tasks)
            if seed % 10 == 0:
                assert simulate(folder, cluster, jobs, policy, *more) == (out, tasks), "not repeatable"
    assert failed > 100 and stopped > 100, "nothing went wrong"


def every_policy_meets_the_same():
    """How often a task fails by itself is drawn, whoever schedules it."""
    rng = support.generator(5)
    cluster, jobs = support.random_workload(rng, 40)
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for policy in support.policies():
            _, tasks = simulate(folder, cluster, jobs, policy, "--faults",
                                "fail=0.2,runaway=0.1,timeout=1")
            failures = {}
            for t in tasks:
                if t.get("ended") == "failed":
                    key = (t["job_index"], t["stage"], t["task"])
                    failures[key] = failures.get(key, 0) + 1
            assert len(failures) > 10
            first = first or failures
            assert failures == first, policy


def rates_are_as_asked():
    cluster = {"engines": [{"max_batch": 8}], "tool_slots": 4, "tau": [[1, 0.01]],
               "prefill_s_per_token": 0}
    stages = [{"id": "a", "name": "a", "kind": "llm", "parents": [], "prompt_tokens": 0,
               "output_tokens": 50}, {"id": "b", "name": "b", "kind": "tool", "parents": [],
                                      "duration_s": 0.5}]
    jobs = [{"job": "j%d" % j, "app": "x", "arrival_s": 0.2 * j, "sjf_mean_s": 1, "stages": stages}
            for j in range(3000)]
    with tempfile.TemporaryDirectory() as folder:
        _, tasks = simulate(folder, cluster, jobs, "fcfs", "--faults", "fail=0.2,runaway=0.1,timeout=2")
        failed = [t for t in tasks if t.get("ended") == "failed"]
        cut = [t for t in failed if abs(t["end_s"] - t["start_s"] - 2) < 1e-6]
        assert abs(len(failed) / len(tasks) - 0.3) < 0.02, len(failed) / len(tasks)
        assert abs(len(cut) / len(tasks) - 0.1) < 0.015, len(cut) / len(tasks)
        took = [t["end_s"] - t["start_s"] for t in failed if abs(t["end_s"] - t["start_s"] - 2) >= 1e-6]
        assert max(took) <= 0.5 and abs(sum(took) / len(took) - 0.25) < 0.01
        # An executor is down for a fifth of the time: so long nothing runs, as there is one engine.
        _, tasks = simulate(folder, dict(cluster, engines=[{"max_batch": 1}]),
                            [dict(j, arrival_s=0.0, stages=stages[:1]) for j in jobs], "fcfs",
                            "--faults", "up=20,down=5")
        last = max(t["end_s"] for t in tasks)
        busy = sum(t["end_s"] - t["start_s"] for t in tasks)
        assert abs(busy / last - 0.8) < 0.05, busy / last
        stopped = sum(t.get("ended") == "stopped" for t in tasks)
        assert abs(stopped * 25 / last - 1) < 0.25, (stopped, last)


def compare_says_what_went_wrong():
    if not support.RUNS:
        return
    with tempfile.TemporaryDirectory() as folder:
        table, save = os.path.join(folder, "t"), os.path.join(folder, "save")
        support.run_well("compare", "--train", support.RUNS, "--cluster", "small", "--policies",
                         "fcfs,gittins", "--seeds", 2, "--jobs", 40, "--faults",
                         "fail=0.1,up=50,down=5", "-o", table, "--save", save)
        rows = support.read_json(table)
        assert rows["faults"] == "fail=0.1,up=50,down=5"
        cluster = support.read_json(os.path.join(save, "cluster.json"))
        for name, row in rows["policies"].items():
            failed = stopped = 0
            for seed in (1, 2):
                jobs = support.read_lines(os.path.join(save, "%d.jobs.jsonl" % seed))
                out = support.read_lines(os.path.join(save, "%d.%s.out.jsonl" % (seed, name)))
                tasks = support.read_lines(os.path.join(save, "%d.%s.tasks.jsonl" % (seed, name)))
                support.check_attempts(cluster, jobs, tasks, [o["completion_s"] for o in out])
                failed += sum(t.get("ended") == "failed" for t in tasks)
                stopped += sum(t.get("ended") == "stopped" for t in tasks)
                again = os.path.join(folder, "again")
                support.run_well("simulate", "--cluster", os.path.join(save, "cluster.json"), "--jobs",
                                 os.path.join(save, "%d.jobs.jsonl" % seed), "--policy", name,
                                 "--profiles", os.path.join(save, "profiles"), "--seed", seed,
                                 "--faults", rows["faults"], "-o", again)
                assert support.read_lines(again) == out
            assert row["failed_attempts"] == failed / 2 > 0
            assert row["stopped_attempts"] == stopped / 2


if __name__ == "__main__":
    sys.exit(support.main([nothing_is_lost, every_policy_meets_the_same, rates_are_as_asked,
                           compare_says_what_went_wrong]))
