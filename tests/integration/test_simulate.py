# SPDX-License-Identifier: Apache-2.0
"""`llmsched simulate` against the second simulator, and schedules of every policy."""

import csv
import glob
import os
import sys
import tempfile

import oracle_simulator
import support

CROSS_CHECK = ["fcfs", "sjf-given", "oracle-srpt"]


def simulate(folder, cluster, jobs, policy, *more):
    paths = [os.path.join(folder, n) for n in ("c.json", "j.jsonl", "o.jsonl", "s.jsonl")]
    support.write_json(paths[0], cluster)
    support.write_lines(paths[1], jobs)
    support.run_well("simulate", "--cluster", paths[0], "--jobs", paths[1], "--policy", policy,
                     "-o", paths[2], "--schedule", paths[3], *more)
    return support.read_lines(paths[2]), support.read_lines(paths[3])


def close(a, b):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def compare_with_twin(seed, folder, cluster, jobs):
    for policy in CROSS_CHECK:
        out, tasks = simulate(folder, cluster, jobs, policy)
        expected = oracle_simulator.simulate(cluster, jobs, policy)
        assert [o["job"] for o in out] == [j["job"] for j in jobs]
        for o, e in zip(out, expected):
            assert close(o["completion_s"], e), \
                "seed %d, %s, job %d: %r, not %r" % (seed, policy, o["job_index"],
                                                      o["completion_s"], e)
        support.check_schedule(cluster, jobs, tasks, [o["completion_s"] for o in out])


def random_workloads_agree():
    with tempfile.TemporaryDirectory() as folder:
        for seed in support.seeds(150):
            rng = support.generator(seed)
            cluster, jobs = support.random_workload(rng)
            compare_with_twin(seed, folder, cluster, jobs)


def a_larger_workload_agrees():
    with tempfile.TemporaryDirectory() as folder:
        for seed in (1001, 1002):
            rng = support.generator(seed)
            cluster, jobs = support.random_workload(rng, 80)
            compare_with_twin(seed, folder, cluster, jobs)


def pools_of_tools_agree():
    with tempfile.TemporaryDirectory() as folder:
        for seed in support.seeds(60):
            rng = support.generator(500 + seed)
            cluster, jobs = support.with_pools(rng, *support.random_workload(rng))
            compare_with_twin(seed, folder, cluster, jobs)
            # Prices change no completion time of the cross-check policies.
            priced = dict(cluster, tool_price=0.1,
                          engines=[dict(e, price=2.5) for e in cluster["engines"]])
            assert simulate(folder, priced, jobs, "fcfs") == simulate(folder, cluster, jobs, "fcfs")
        rng = support.generator(1)
        cluster, jobs = support.with_pools(rng, *support.random_workload(rng, 25))
        for policy in support.policies() + support.VARIANTS:
            out, tasks = simulate(folder, cluster, jobs, policy)
            support.check_schedule(cluster, jobs, tasks, [o["completion_s"] for o in out])


def prompts_are_reused_where_the_last_call_ran():
    """Two engines of one place; a second job holds the first one, so a call may have to move."""
    cluster = {"engines": [{"max_batch": 1}, {"max_batch": 1}], "tool_slots": 1, "tau": [[1, 0.01]],
               "prefill_s_per_token": 0.001, "prefix_reuse": 0.5}

    def llm(name, parents, prompt, output):
        return {"id": name, "name": "a", "kind": "llm", "parents": parents, "prompt_tokens": prompt,
                "output_tokens": output}

    chain = [llm("p", [], 3000, 100), llm("q", ["p"], 4000, 100), llm("r", ["q"], 100, 100)]
    jobs = [{"job": "j0", "app": "x", "arrival_s": 0.0, "sjf_mean_s": 1, "stages": chain}]
    with tempfile.TemporaryDirectory() as folder:
        out, _ = simulate(folder, cluster, jobs, "gittins")
        # 3 + 1; of 4,000 tokens 3,100 may be held; of 100 all.
        assert close(out[0]["completion_s"], 4.0 + (4.0 - 0.5 * 3.1 + 1) + (0.1 - 0.05 + 1))
        out, _ = simulate(folder, dict(cluster, prefix_reuse=0), jobs, "gittins")
        assert close(out[0]["completion_s"], 4.0 + 5.0 + 1.1)
        # The call q goes to engine 0, which is free, unless it is told where p ran.
        jobs = [dict(jobs[0], job="j1", arrival_s=0.0, stages=[llm("h", [], 0, 350)]), jobs[0]]
        for policy, engine, prompt in (("gittins", 0, 4.0), ("gittins:locality=on", 1, 4.0 - 1.55)):
            out, tasks = simulate(folder, cluster, jobs, policy)
            q = next(t for t in tasks if t["stage"] == "q")
            assert q["executor"] == engine and close(q["end_s"] - q["start_s"], prompt + 1.0), policy


def both_prefill_rules_differ():
    """So that the agreement above is not that of a rule never used."""
    rng = support.generator(7)
    cluster, jobs = support.random_workload(rng)
    cluster["prefill_s_per_token"] = 0.001
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for rule in ("stretched", "serial"):
            cluster["prefill"] = rule
            out, _ = simulate(folder, cluster, jobs, "fcfs")
            results.append([o["completion_s"] for o in out])
    assert results[0] != results[1]


def every_policy_makes_possible_schedules():
    for seed in support.seeds(8):
        rng = support.generator(seed)
        cluster, jobs = support.random_workload(rng, 25)
        with tempfile.TemporaryDirectory() as folder:
            for policy in support.policies():
                out, tasks = simulate(folder, cluster, jobs, policy, "--seed", seed)
                again, tasks_again = simulate(folder, cluster, jobs, policy, "--seed", seed)
                support.check_schedule(cluster, jobs, tasks, [o["completion_s"] for o in out])
                assert out == again and tasks == tasks_again, "%s: two runs differ" % policy


def the_checker_finds_faults():
    cluster = {"engines": [{"model": "A", "max_batch": 1}], "tool_slots": 1, "tau": [[1, 0.01]],
               "prefill_s_per_token": 0}
    stages = [{"id": "a", "name": "a", "kind": "llm", "model": "A", "parents": [],
               "prompt_tokens": 0, "output_tokens": 100, "samples": 2},
              {"id": "b", "name": "b", "kind": "tool", "parents": ["a"], "duration_s": 1.0}]
    jobs = [{"job": "j", "app": "x", "arrival_s": 0.5, "sjf_mean_s": 1, "stages": stages}]
    with tempfile.TemporaryDirectory() as folder:
        out, tasks = simulate(folder, cluster, jobs, "fcfs")
    completions = [o["completion_s"] for o in out]
    support.check_schedule(cluster, jobs, tasks, completions)
    faults = [lambda t: t[1].update(start_s=0.5), lambda t: t[2].update(start_s=1.0),
              lambda t: t[0].update(start_s=0.4), lambda t: t.pop(), lambda t: t.append(t[0]),
              lambda t: t[2].update(executor=0), lambda t: t[2].update(end_s=9.0)]
    for number, fault in enumerate(faults):
        broken = [dict(t) for t in tasks]
        fault(broken)
        try:
            support.check_schedule(cluster, jobs, broken, completions)
        except AssertionError:
            continue
        raise AssertionError("fault %d was not found" % number)


def policies_see_no_list_positions():
    """What is hidden may stand anywhere in the file: decisions stay as they were."""
    hidden = {"id": "late", "name": "b", "kind": "tool", "parents": ["last"], "duration_s": 0.3}
    cluster = {"engines": [{"max_batch": 1}], "tool_slots": 1, "tau": [[1, 0.01]],
               "prefill_s_per_token": 0}

    def job(number, first):
        stages = [{"id": "r", "name": "a", "kind": "llm", "parents": [], "prompt_tokens": 5,
                   "output_tokens": 10},
                  {"id": "last", "name": "a", "kind": "llm", "parents": ["r"], "prompt_tokens": 5,
                   "output_tokens": 10},
                  {"id": "side", "name": "a", "kind": "llm", "parents": ["r"], "prompt_tokens": 5,
                   "output_tokens": 10}]
        stages.insert(2 if first else 3, hidden)
        return {"job": "j%d" % number, "app": "x", "arrival_s": 0.0, "sjf_mean_s": 1,
                "stages": stages}

    with tempfile.TemporaryDirectory() as folder:
        for policy in support.policies():
            orders = []
            for first in (False, True):
                jobs = [job(n, first) for n in range(4)]
                _, tasks = simulate(folder, cluster, jobs, policy)
                orders.append([(t["job_index"], t["stage"], t["executor"]) for t in tasks])
            assert orders[0] == orders[1], "%s: starts depend on a list position" % policy


def vectors_agree():
    pattern = os.path.join(support.DATA, "sim", "*.expected.csv")
    for path in glob.glob(pattern) if support.DATA else []:
        base = path[:-len(".expected.csv")]
        with tempfile.TemporaryDirectory() as folder:
            results = {}
            for policy in CROSS_CHECK:
                out = os.path.join(folder, "out.jsonl")
                support.run_well("simulate", "--cluster", base + ".cluster.json", "--jobs",
                                 base + ".jobs.jsonl", "--policy", policy, "-o", out)
                results[policy] = support.read_lines(out)
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                got = results[row["policy"]][int(row["job_index"])]
                assert got["job"] == row["job"]
                assert close(got["completion_s"], float(row["completion_s"])), (path, row, got)


if __name__ == "__main__":
    sys.exit(support.main([random_workloads_agree, pools_of_tools_agree,
                           prompts_are_reused_where_the_last_call_ran, a_larger_workload_agrees,
                           both_prefill_rules_differ, every_policy_makes_possible_schedules,
                           the_checker_finds_faults, policies_see_no_list_positions,
                           vectors_agree]))
