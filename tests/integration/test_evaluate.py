# SPDX-License-Identifier: Apache-2.0
"""`llmsched evaluate` against the second simulator of plans, and with bad input."""

import csv
import glob
import json
import math
import os
import sys
import tempfile

import oracle_plan
import plans
import support


def close(a, b):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def twin_tasks(simulation):
    return {(t.job.number, t.stage.id, t.number):
            (t.replica.number if t.replica else -1, t.started, t.ended) for t in simulation.tasks}


def compare_with_twin(seed, simulation, out, tasks):
    expected = simulation.run()
    for o, e in zip(out, expected):
        assert close(o["completion_s"], e), \
            "seed %d, job %d: %r, not %r" % (seed, o["job_index"], o["completion_s"], e)
    known = twin_tasks(simulation)
    assert len(known) == len(tasks), "seed %d: tasks are missing or made up" % seed
    for t in tasks:
        replica, start, end = known[t["job_index"], t["stage"], t["task"]]
        assert t["executor"] == replica, "seed %d: %r, not on %d" % (seed, t, replica)
        assert close(t["start_s"], start) and close(t["end_s"], end), \
            "seed %d: %r, not %r .. %r" % (seed, t, start, end)


def random_plans_agree():
    with tempfile.TemporaryDirectory() as folder:
        for seed in support.seeds(200):
            rng = support.generator(seed)
            plan, cluster, models = plans.random_plan(rng)
            jobs = plans.random_jobs(rng, plan)
            out, tasks, _ = plans.Files(folder, plan, cluster, models, jobs).evaluate()
            simulation = oracle_plan.Simulation(plan, cluster, models, jobs)
            compare_with_twin(seed, simulation, out, tasks)


def a_larger_workload_agrees():
    with tempfile.TemporaryDirectory() as folder:
        for seed in (2001, 2002):
            rng = support.generator(seed)
            plan, cluster, models = plans.random_plan(rng)
            jobs = plans.random_jobs(rng, plan, 120)
            out, tasks, _ = plans.Files(folder, plan, cluster, models, jobs).evaluate()
            simulation = oracle_plan.Simulation(plan, cluster, models, jobs)
            compare_with_twin(seed, simulation, out, tasks)


def crowding_matters():
    """So that the agreement above is not that of plans without any."""
    slower = 0
    for seed in range(1, 41):
        rng = support.generator(seed)
        simulation = oracle_plan.Simulation(*plans.random_plan(rng), [])
        slower += any(simulation.crowding(r) > 1 for r in simulation.replicas)
    assert 10 <= slower <= 39, slower


def vectors_agree():
    for path in glob.glob(os.path.join(support.DATA, "plan", "*.expected.csv")) \
            if support.DATA else []:
        base = path[:-len(".expected.csv")]
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            support.run_well("evaluate", "--plan", base + ".plan.json", "--cluster",
                             base + ".cluster.json", "--models", base + ".models.json", "--jobs",
                             base + ".jobs.jsonl", "-o", out)
            got = support.read_lines(out)
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(got)
        for row, line in zip(rows, got):
            expected = float(row["completion_s"])
            assert line["job"] == row["job"]
            assert abs(line["completion_s"] - expected) <= 1e-12 * expected, (path, row, line)


def small_case():
    """One model on two GPUs, each step a tenth of a second; three jobs of ten tokens."""
    cluster = {"format": "llmsched-gpus-1", "gpus": [
        {"id": "g%d" % g, "kind": "x", "memory_bytes": 1e9, "domain": "d"} for g in range(2)]}
    config = {"gpu": "x", "tp": 1, "max_batch": 4, "prefill": {"base_s": 0, "per_token_s": 0},
              "decode": {"base_s": 0.1, "per_request_s": 0, "per_request_token_s": 0}}
    models = {"format": "llmsched-models-1", "models": [
        {"name": "A", "weight_bytes": 1, "kv_bytes_per_token": 0, "kv_floor_bytes": 0,
         "runtime_bytes": 0, "configs": [config]}]}
    plan = {"format": "llmsched-plan-1", "models": [
        {"model": "A", "gpu": "x", "tp": 1, "share": 1, "batch": 1,
         "replicas": [{"gpus": ["g0"]}, {"gpus": ["g1"]}]}],
        "apps": [{"name": "x", "latency_s": 1.5, "capacity_per_s": 2}]}
    stage = {"id": "s", "name": "s", "kind": "llm", "model": "A", "parents": [],
             "prompt_tokens": 5, "output_tokens": 10}
    jobs = [{"job": "j%d" % j, "app": "x", "arrival_s": 0.0, "stages": [dict(stage)]}
            for j in range(3)]
    return plan, cluster, models, jobs


def the_table_is_true():
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, *small_case())
        _, tasks, text = files.evaluate()
    assert [(t["executor"], round(t["start_s"], 9), round(t["end_s"], 9)) for t in tasks] == \
        [(0, 0, 1), (1, 0, 1), (0, 1, 2)], tasks
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["app", "jobs", "mean_s", "p50_s", "p95_s", "p99_s", "predicted", "error"]
    # (1 + 1 + 2) / 3 simulated, 1.5 predicted: an eighth more.
    assert rows[1] == ["x", "3", "1.333", "1", "2", "2", "1.5", "+12.5%"], rows[1]
    assert rows[2] == ["(all)", "3", "1.333", "1", "2", "2", "-", "-"], rows[2]


def a_short_cluster_is_a_cluster():
    plan, cluster, models, jobs = small_case()
    for model, config in zip(plan["models"], models["models"]):
        model["gpu"] = config["configs"][0]["gpu"] = "l4-24g"
        model["replicas"] = [{"gpus": ["n0g0"]}, {"gpus": ["n0g1"]}]
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, plan, cluster, models, jobs)
        arguments = files.arguments("-o", files.path("out"))
        arguments[arguments.index("--cluster") + 1] = "1x2xl4-24g"
        support.run_well(*arguments)
        completions = [o["completion_s"] for o in support.read_lines(files.path("out"))]
    assert [round(c, 9) for c in completions] == [1, 1, 2]


def every_policy_orders_the_queues():
    """Any policy of the library evaluates a plan, the same way each time, every task once."""
    rng = support.generator(5)
    plan, cluster, models = plans.random_plan(rng)
    jobs = plans.random_jobs(rng, plan, 30, 0.1)
    wanted = {(j, s["id"], t) for j, job in enumerate(jobs) for s in job["stages"]
              for t in range(s.get("samples", 1))}
    means = set()
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, plan, cluster, models, jobs)
        for policy in support.policies():
            out, tasks, _ = files.evaluate("--policy", policy)
            assert files.evaluate("--policy", policy)[:2] == (out, tasks), policy
            assert sorted((t["job_index"], t["stage"], t["task"]) for t in tasks) == sorted(wanted)
            means.add(sum(o["completion_s"] - o["arrival_s"] for o in out))
    assert len(means) > 1, "no policy made a difference"


# --- autoscalers ------------------------------------------------------------------------


def read_changes(files):
    return [(c["time_s"], c["replica"], c["model"], c["event"])
            for c in support.read_lines(files.path("replicas"))]


def random_scaled_plans_agree():
    events = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in support.seeds(150):
            rng = support.generator(seed)
            plan, cluster, models = plans.random_scaled_plan(rng)
            jobs = plans.random_jobs(rng, plan, 40)
            plans.bursts(rng, jobs)
            files = plans.Files(folder, plan, cluster, models, jobs)
            out, tasks, _ = files.evaluate()
            simulation = oracle_plan.Simulation(plan, cluster, models, jobs)
            compare_with_twin(seed, simulation, out, tasks)
            # The program's last events are those of the last instant; ticks may come after.
            changes = read_changes(files)
            assert len(changes) == len(simulation.changes), (seed, changes, simulation.changes)
            for got, expected in zip(changes, simulation.changes):
                assert got[1:] == expected[1:] and close(got[0], expected[0]), \
                    "seed %d: %r, not %r" % (seed, got, expected)
                key = plan["autoscaler"]["kind"], got[3]
                events[key] = events.get(key, 0) + 1
    if len(support.seeds(2)) == 2:
        assert min(events.get((kind, event), 0) for kind in ("hpa", "kpa")
                   for event in ("start", "ready", "drain", "stop")) >= 10, events


HPA_TRACE = """\
15 replica 1 of A: start
15 replica 2 of A: start
45 replica 1 of A: ready
45 replica 2 of A: ready
330 replica 2 of A: stop
330 replica 1 of A: stop
"""
KPA_TRACE = """\
2 replica 1 of A: start
8 replica 2 of A: start
32 replica 1 of A: ready
38 replica 2 of A: ready
92 replica 2 of A: stop
92 replica 1 of A: stop
162 replica 0 of A: stop
300 replica 3 of A: start
330 replica 3 of A: ready
"""


def scaled_case(kind):
    """Twelve requests of 40 steps of a second at 1, where five a replica are aimed at and ten fit;
    and one at 300 (or 400)."""
    plan, cluster, models, jobs = small_case()
    cluster["gpus"] = [{"id": "g%d" % g, "kind": "x", "memory_bytes": 1e9, "domain": "d"}
                       for g in range(8)]
    config = models["models"][0]["configs"][0]
    config["max_batch"] = 10
    config["decode"]["base_s"] = 1
    plan["models"][0].update(batch=10, replicas=[{"gpus": ["g0"]}])
    plan["autoscaler"] = {"kind": kind, "start_s": 30, "target": 0.5}
    jobs = [dict(jobs[0], job="j%d" % j, arrival_s=1.0 if j < 12 else 300.0) for j in range(13)]
    jobs[0]["stages"][0]["output_tokens"] = 40
    return plan, cluster, models, jobs


def traces_are_those_worked_out_by_hand():
    # hpa: at 15 12 requests want ceil(12 / 5) = 3; what 30 recommended counts until 330. The tick
    # at 45 sees 2, and from 90 on none. The two requests without room run from 41 to 81.
    # kpa: at 2 a mean of 6 wants 2, twice what is ready: panic; at 8 a mean of 12 wants 3. At 32
    # the second serves, 3 / 2 is no panic, which lasts until 60 s after 30. Then 170 / 60 requests
    # want 1. Nothing in a window first at 132; 30 s later the last one goes.
    for kind, trace, ends in (("hpa", HPA_TRACE, [41] * 10 + [81] * 2 + [440]),
                              ("kpa", KPA_TRACE, [41] * 10 + [72] * 2 + [370])):
        plan, cluster, models, jobs = scaled_case(kind)
        if kind == "hpa":
            jobs[12]["arrival_s"] = 400.0
        with tempfile.TemporaryDirectory() as folder:
            files = plans.Files(folder, plan, cluster, models, jobs)
            out, _, _ = files.evaluate()
            text = "".join("%g replica %d of %s: %s\n" % c for c in read_changes(files))
        assert text == trace, text
        assert [round(o["completion_s"], 6) for o in out] == ends, out


def models_compete_by_number():
    """Of the one GPU that is free the first model of the plan gets the use."""
    for first in "AB":
        plan, cluster, models, jobs = scaled_case("hpa")
        cluster["gpus"] = cluster["gpus"][:3]
        models["models"].append(dict(models["models"][0], name="B"))
        plan["models"].append(dict(plan["models"][0], model="B", replicas=[{"gpus": ["g1"]}]))
        if first == "B":
            plan["models"].reverse()
        stage = jobs[0]["stages"][0]
        for number, job in enumerate(jobs):
            job["stages"] = [dict(stage, model="AB"[number % 2])]
        with tempfile.TemporaryDirectory() as folder:
            files = plans.Files(folder, plan, cluster, models, jobs)
            files.evaluate()
            changes = read_changes(files)
        assert changes[0] == (15, 2, first, "start"), (first, changes)


def starving_models_are_told():
    """A model without replicas on a cluster without room."""
    plan, cluster, models, jobs = scaled_case("hpa")
    cluster["gpus"] = cluster["gpus"][:1]
    models["models"].append(dict(models["models"][0], name="B"))
    plan["models"].append(dict(plan["models"][0], model="B", replicas=[]))
    jobs[5]["stages"] = [dict(jobs[5]["stages"][0], model="B")]
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, plan, cluster, models, jobs)
        process = support.run(*files.arguments("-o", files.path("out")))
    assert process.returncode == 1 and "1 jobs wait though nothing runs" in process.stderr, \
        process.stderr


# --- rates ----------------------------------------------------------------------------


def p95(latencies):
    return sorted(latencies)[math.ceil(0.95 * len(latencies)) - 1]


def p95_at(plan, cluster, models, jobs, factor):
    """By the second simulator, with all arrivals times the factor."""
    scaled = [dict(j, arrival_s=j["arrival_s"] * factor) for j in jobs]
    ends = oracle_plan.simulate(plan, cluster, models, scaled)
    return p95([e - j["arrival_s"] for e, j in zip(ends, scaled)])


def latencies_alone(plan, cluster, models, jobs):
    return [oracle_plan.simulate(plan, cluster, models, [dict(j, arrival_s=0.0)])[0] for j in jobs]


def rate_case(seed):
    """Jobs that overload the plan where they come fast."""
    rng = support.generator(seed)
    plan, cluster, models = plans.random_plan(rng)
    for model in models["models"]:
        for config in model["configs"]:
            config["decode"] = {"base_s": 0.01, "per_request_s": 0.002, "per_request_token_s": 0}
    jobs = plans.random_jobs(rng, plan, 150, 0.3)
    for job in jobs:
        job["stages"][0].update(kind="llm", model=plan["models"][0]["model"], prompt_tokens=20,
                                output_tokens=40)
    return plan, cluster, models, jobs


def unloaded_latencies_are_true():
    for seed in support.seeds(5):
        case = rate_case(seed)
        with tempfile.TemporaryDirectory() as folder:
            process = support.run_well(*plans.Files(folder, *case).arguments("--unloaded"))
        alone = latencies_alone(*case)
        answer = json.loads(process.stdout)
        assert close(answer["p95_s"], p95(alone)), seed
        assert close(answer["mean_s"], sum(alone) / len(alone)), seed
        assert sorted(answer) == ["mean_s", "p50_s", "p95_s", "p99_s"]


def highest_rates_are_sustained():
    """At the rate the limit holds; two percent above it does not."""
    for seed in support.seeds(5):
        case = rate_case(seed)
        last = max(j["arrival_s"] for j in case[3])
        with tempfile.TemporaryDirectory() as folder:
            files = plans.Files(folder, *case)
            answer = json.loads(support.run_well(*files.arguments("--max-rate")).stdout)
            limit = 2 * p95(latencies_alone(*case))
            assert close(answer["limit_s"], limit), (seed, answer, limit)
            again = json.loads(support.run_well(
                *files.arguments("--max-rate", "--limit-s", repr(answer["limit_s"]))).stdout)
            assert again == answer, seed
        factor = len(case[3]) / answer["rate_per_s"] / last
        assert p95_at(*case, factor) <= answer["limit_s"] * (1 + 1e-9), seed
        assert p95_at(*case, factor / 1.02) > answer["limit_s"] * (1 - 1e-9), seed


def rates_end_somewhere():
    """No rate is low enough, or none too high, or there is none to begin with."""
    plan, cluster, models, jobs = small_case()
    for number, job in enumerate(jobs):
        job["arrival_s"] = float(number)
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, plan, cluster, models, jobs)
        answer = support.run_well(*files.arguments("--max-rate", "--limit-s", "0.9")).stdout
        assert json.loads(answer) == {"rate_per_s": 0, "limit_s": 0.9}
        process = support.run(*files.arguments("--max-rate", "--limit-s", "2.5"))
        assert process.returncode == 1 and "expected more jobs" in process.stderr
        for wrong in (["--max-rate", "--limit-s", "0"], ["--max-rate", "--limit-s", "-1"],
                      ["--limit-s", "1"]):
            refused(files, "--limit-s", *wrong)
        process = support.run(*files.arguments())
        assert process.returncode == 2 and "-o:" in process.stderr
    for job in jobs:
        job["arrival_s"] = 0
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, plan, cluster, models, jobs)
        process = support.run(*files.arguments("--max-rate"))
        assert process.returncode == 2 and "arrive at 0" in process.stderr, process.stderr


# --- bad input ------------------------------------------------------------------------

def refused(files, what, *more):
    process = support.run(*files.arguments("-o", files.path("out"), *more))
    assert process.returncode == 2, (what, process.returncode, process.stderr)
    assert process.stderr.startswith("llmsched: ") and process.stderr.count("\n") == 1
    assert what in process.stderr, (what, process.stderr)
    assert not os.path.exists(files.path("out")), "an output was left"


def set_at(value, path, new):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


def bad_plans_are_refused():
    cases = [("plan", ["models", 0, "model"], "B", "model"),
             ("plan", ["models", 0, "batch"], 0, "batch"),
             ("plan", ["models", 0, "tp"], 2, "tp"),
             ("plan", ["models", 0, "share"], 0.5, "share"),
             ("plan", ["models", 0, "replicas", 0, "gpus", 0], "g7", "g7"),
             ("plan", ["models", 0, "replicas", 0, "gpus"], [], "gpus"),
             ("plan", ["models", 0, "replicas"], [], "a model that the plan serves"),
             ("plan", ["format"], "llmsched-plan-2", "format"),
             ("cluster", ["gpus", 1, "id"], "g0", "id"),
             ("cluster", ["gpus", 0, "memory_bytes"], -1, "memory_bytes"),
             ("models", ["models", 0, "configs", 0, "decode"], {}, "decode"),
             ("jobs", [1, "stages", 0, "model"], "B", "jobs.jsonl:2: stages[0].model"),
             ("jobs", [2, "arrival_s"], -1, "jobs.jsonl:3: arrival_s")]
    for name, path, value, what in cases:
        parts = dict(zip(("plan", "cluster", "models", "jobs"), small_case()))
        set_at(parts[name], path, value)
        with tempfile.TemporaryDirectory() as folder:
            refused(plans.Files(folder, **parts), what)


def broken_files_are_refused():
    for name in ("plan.json", "cluster.json", "models.json", "jobs.jsonl"):
        with tempfile.TemporaryDirectory() as folder:
            files = plans.Files(folder, *small_case())
            with open(files.path(name), encoding="utf-8") as file:
                text = file.read()
            for cut in (len(text) // 3 - 2, len(text) // 2, len(text) - 3):
                with open(files.path(name), "w", encoding="utf-8") as file:
                    file.write(text[:cut])
                refused(files, name + ":")
            os.remove(files.path(name))
            refused(files, name)


def other_mistakes_are_refused():
    plan, cluster, models, jobs = small_case()
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, plan, cluster, models, jobs)
        refused(files, "sjf_mean_s", "--policy", "sjf-given")
        refused(files, "expected", "--cluster", "0x2xl4-24g")
    infeasible = {"format": "llmsched-plan-1", "status": "infeasible", "reason": "too little",
                  "lift": "more"}
    with tempfile.TemporaryDirectory() as folder:
        refused(plans.Files(folder, infeasible, cluster, models, jobs), "too little")
    with tempfile.TemporaryDirectory() as folder:
        files = plans.Files(folder, plan, cluster, models, jobs)
        process = support.run(*files.arguments("-o", files.path("out"), "--policy", "nothing"))
        assert process.returncode != 0 and process.stderr.count("\n") == 1, process.stderr


if __name__ == "__main__":
    sys.exit(support.main([random_plans_agree, a_larger_workload_agrees, crowding_matters,
                           vectors_agree, the_table_is_true, a_short_cluster_is_a_cluster,
                           every_policy_orders_the_queues, random_scaled_plans_agree,
                           traces_are_those_worked_out_by_hand, models_compete_by_number,
                           starving_models_are_told,
                           unloaded_latencies_are_true,
                           highest_rates_are_sustained, rates_end_somewhere, bad_plans_are_refused,
                           broken_files_are_refused, other_mistakes_are_refused]))
