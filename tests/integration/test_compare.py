# SPDX-License-Identifier: Apache-2.0
"""`llmsched compare`: repeatable, and its table recomputed from what --save leaves."""

import heapq
import math
import os
import statistics
import subprocess
import sys
import tempfile

import oracle_simulator
import support

POLICIES = "fcfs,fair,sjf,srtf,oracle-srpt,llmsched:network=off,epsilon=0"
TIMING = ("decisions_per_s", "decision_us")
T_975 = {1: 12.706204736432095, 2: 4.302652729911275}


def compare(folder, *more, policies=POLICIES, seeds=3, jobs=60):
    table = os.path.join(folder, "table.json")
    process = support.run_well("compare", "--train", support.RUNS, "--mix", "mixed", "--cluster",
                               "small", "--load", "0.9", "--policies", policies, "--seeds", seeds,
                               "--jobs", jobs, "-o", table, *more)
    return support.read_json(table), process


def without_timing(table):
    for row in table["policies"].values():
        for key in TIMING:
            assert key in row
            del row[key]
    return table


def close(a, b, tolerance=1e-9):
    return abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def all_bytes(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def two_runs_give_the_same_bytes():
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first, _ = compare(one, "--threads", "1", "--save", os.path.join(one, "save"))
        second, _ = compare(two, "--threads", "3", "--save", os.path.join(two, "save"))
        assert without_timing(first) == without_timing(second)
        saved, again = all_bytes(os.path.join(one, "save")), all_bytes(os.path.join(two, "save"))
        assert saved.keys() == again.keys()
        for name in saved:
            assert saved[name] == again[name], name


def work(stage, cluster):
    if stage["kind"] == "tool":
        return stage["duration_s"]
    return (math.ceil(stage["prompt_tokens"] / stage["samples"]) * cluster["prefill_s_per_token"] +
            math.ceil(stage["output_tokens"] / stage["samples"]) * oracle_simulator.tau(cluster, 1))


def critical_path(job, cluster):
    end = {}
    for s in job["stages"]:
        end[s["id"]] = max([end[p] for p in s["parents"]], default=0.0) + work(s, cluster)
    return max(end.values())


def llm_work(job, cluster):
    return sum(s["prompt_tokens"] * cluster["prefill_s_per_token"] +
               s["output_tokens"] * oracle_simulator.tau(cluster, 1)
               for s in job["stages"] if s["kind"] == "llm")


def srpt(jobs, speed):
    """Mean time of preemptive shortest remaining work first on one server."""
    now, total, heap, waiting = 0.0, 0.0, [], sorted((a, w) for a, w in jobs)
    while waiting or heap:
        if not heap:
            now = max(now, waiting[0][0])
        while waiting and waiting[0][0] <= now:
            arrival, left = waiting.pop(0)
            heapq.heappush(heap, (left, arrival))
        left, arrival = heapq.heappop(heap)
        until = now + left / speed
        if waiting and waiting[0][0] < until:
            heapq.heappush(heap, (left - (waiting[0][0] - now) * speed, arrival))
            now = waiting[0][0]
        else:
            now = until
            total += now - arrival
    return total / len(jobs)


def nearest_rank(values, p):
    return sorted(values)[math.ceil(p * len(values)) - 1]


def interval(values):
    mean = statistics.fmean(values)
    half = T_975[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def the_table_is_what_the_files_say():
    with tempfile.TemporaryDirectory() as folder:
        save = os.path.join(folder, "save")
        table, _ = compare(folder, "--save", save)
        cluster = support.read_json(os.path.join(save, "cluster.json"))
        assert table["format"] == "llmsched-compare-1"
        assert table["mix"] == "mixed" and table["cluster"] == "small" and table["jobs"] == 60
        assert table["seeds"] == [1, 2, 3] and table["load"] == 0.9
        assert "llmsched-network-off-epsilon-0" in table["policies"]
        means, bounds = {}, []
        for seed in table["seeds"]:
            jobs = support.read_lines(os.path.join(save, "%d.jobs.jsonl" % seed))
            paths = [critical_path(j, cluster) for j in jobs]
            engine = cluster["engines"][0]["max_batch"]
            speed = sum(max(b * oracle_simulator.tau(cluster, 1) / oracle_simulator.tau(cluster, b)
                            for b in range(1, e["max_batch"] + 1)) for e in cluster["engines"])
            assert engine == 8
            arrivals = [(j["arrival_s"], llm_work(j, cluster)) for j in jobs]
            bounds.append(max(statistics.fmean(paths), srpt(arrivals, speed)))
            for name in table["policies"]:
                check_saved(save, seed, name, cluster, jobs)
                out = support.read_lines(os.path.join(save, "%d.%s.out.jsonl" % (seed, name)))
                times = [o["completion_s"] - o["arrival_s"] for o in out]
                row = means.setdefault(name, {k: [] for k in ("mean", "p50", "p95", "p99", "slow")})
                row["mean"].append(statistics.fmean(times))
                row["slow"].append(statistics.fmean(t / p for t, p in zip(times, paths)))
                for key, p in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
                    row[key].append(nearest_rank(times, p))
                # No policy beats the bound.
                assert row["mean"][-1] >= bounds[-1] * (1 - 1e-9), name
        assert close(table["lower_bound_s"], statistics.fmean(bounds))
        check_rows(table, means)


def check_saved(save, seed, name, cluster, jobs):
    out = support.read_lines(os.path.join(save, "%d.%s.out.jsonl" % (seed, name)))
    tasks = support.read_lines(os.path.join(save, "%d.%s.tasks.jsonl" % (seed, name)))
    assert [o["job"] for o in out] == [j["job"] for j in jobs]
    assert [j["job"].rsplit("#", 1)[1] for j in jobs] == [str(i) for i in range(len(jobs))]
    support.check_schedule(cluster, jobs, tasks, [o["completion_s"] for o in out])


def check_rows(table, means):
    fcfs, oracle = means["fcfs"]["mean"], means["oracle-srpt"]["mean"]
    gap = statistics.fmean(fcfs) - statistics.fmean(oracle)
    for name, row in table["policies"].items():
        mine = means[name]
        for key, field in (("mean", "mean_s"), ("p50", "p50_s"), ("p95", "p95_s"),
                           ("p99", "p99_s"), ("slow", "slowdown")):
            assert close(row[field], statistics.fmean(mine[key])), (name, field)
        for field, reference in (("ratio_to_fcfs", fcfs), ("ratio_to_oracle", oracle)):
            expected = interval([a / b for a, b in zip(mine["mean"], reference)])
            got = row[field]
            for e, g in zip(expected, (got["value"], got["low"], got["high"])):
                assert close(e, g, 1e-6), (name, field, expected, got)
        closed = (statistics.fmean(fcfs) - statistics.fmean(mine["mean"])) / gap
        assert close(row["gap_closed"], closed, 1e-6), name


def saved_files_run_again_elsewhere():
    with tempfile.TemporaryDirectory() as folder:
        save = os.path.join(folder, "save")
        compare(folder, "--save", save, seeds=2, policies="fcfs,sjf,srtf,llmsched:network=off")
        for seed in (1, 2):
            jobs = os.path.join(save, "%d.jobs.jsonl" % seed)
            for spec, name in (("fcfs", "fcfs"), ("sjf", "sjf"), ("srtf", "srtf"),
                               ("oracle-srpt", "oracle-srpt"),
                               ("llmsched:network=off", "llmsched-network-off")):
                out, tasks = os.path.join(folder, "out"), os.path.join(folder, "tasks")
                support.run_well("simulate", "--cluster", os.path.join(save, "cluster.json"),
                                 "--jobs", jobs, "--policy", spec, "--seed", seed, "--profiles",
                                 os.path.join(save, "profiles"), "-o", out, "--schedule", tasks)
                for path, ending in ((out, "out"), (tasks, "tasks")):
                    saved = os.path.join(save, "%d.%s.%s.jsonl" % (seed, name, ending))
                    with open(path, "rb") as a, open(saved, "rb") as b:
                        assert a.read() == b.read(), saved
            cluster = support.read_json(os.path.join(save, "cluster.json"))
            for policy in ("fcfs", "oracle-srpt"):
                twin = oracle_simulator.simulate(cluster, support.read_lines(jobs), policy)
                out = support.read_lines(os.path.join(save, "%d.%s.out.jsonl" % (seed, policy)))
                for o, t in zip(out, twin):
                    assert close(o["completion_s"], t, 1e-6)


def load_is_what_was_asked_for():
    """Over many jobs the offered work per second comes to rho times the capacity."""
    for rule in ("stretched", "serial"):
        with tempfile.TemporaryDirectory() as folder:
            save = os.path.join(folder, "save")
            compare(folder, "--save", save, "--prefill", rule, policies="fcfs", seeds=1, jobs=4000)
            cluster = support.read_json(os.path.join(save, "cluster.json"))
            assert cluster["prefill"] == rule
            jobs = support.read_lines(os.path.join(save, "1.jobs.jsonl"))
            batch = cluster["engines"][0]["max_batch"]
            full = oracle_simulator.tau(cluster, batch)
            if rule == "stretched":
                demand = sum(llm_work(j, cluster) for j in jobs)
                demand /= batch * oracle_simulator.tau(cluster, 1) / full
            else:
                demand = sum(max(s["output_tokens"], s["samples"]) * full / batch +
                             s["prompt_tokens"] * cluster["prefill_s_per_token"]
                             for j in jobs for s in j["stages"] if s["kind"] == "llm")
            load = demand / max(j["arrival_s"] for j in jobs)
            assert abs(load / 0.9 - 1) < 0.1, (rule, load)


def training_and_evaluation_share_no_task():
    with tempfile.TemporaryDirectory() as folder:
        save = os.path.join(folder, "save")
        compare(folder, "--save", save, policies="fcfs", seeds=1, jobs=500)
        tasks = {}
        for name in os.listdir(support.RUNS):
            if name.endswith(".jsonl"):
                for run in support.read_lines(os.path.join(support.RUNS, name)):
                    app = "%s/%s" % (name[:-len(".jsonl")], run["app"])
                    tasks[app, run["job"]] = run["task"]
        for job in support.read_lines(os.path.join(save, "1.jobs.jsonl")):
            task = tasks[job["app"], job["job"].rsplit("#", 1)[0]]
            assert first_splitmix64(fnv1a64(task)) % 100 >= 60, task


def fnv1a64(text):
    state = 14695981039346656037
    for byte in text.encode():
        state = (state ^ byte) * 1099511628211 % 2**64
    return state


def first_splitmix64(state):
    x = (state + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def the_report_is_self_contained():
    with tempfile.TemporaryDirectory() as folder:
        page = os.path.join(folder, "page.html")
        compare(folder, "--report", page, seeds=1)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        for word in ("http://", "https://", "src=", "@import", "<link", "nan", "inf,"):
            assert word not in text, word
        for word in ("<svg", "prefers-color-scheme:dark", "oracle-srpt", "engine 0", "nats"):
            assert word in text, word
        assert text.count("<section") == text.count("</section>") == 4
        assert text.count("<svg") == text.count("</svg>") == 3


def made_up_jobs_run():
    with tempfile.TemporaryDirectory() as folder:
        one, two, out = (os.path.join(folder, n) for n in ("1.jsonl", "2.jsonl", "out"))
        for path in (one, two):
            support.run_well("generate", "--jobs", "300", "--seed", "5", "-o", path)
        with open(one, "rb") as a, open(two, "rb") as b:
            assert a.read() == b.read()
        support.run_well("simulate", "--cluster", "default", "--jobs", one, "--policy",
                         "sjf-given", "-o", out)
        assert len(support.read_lines(out)) == 300
        for mix in ("predefined", "chain", "planning", "code_generation"):
            support.run_well("generate", "--app-mix", mix, "--jobs", "20", "-o", two)


def an_interrupted_compare_leaves_nothing():
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "table.json")
        process = subprocess.Popen([support.PROGRAM, "compare", "--train", support.RUNS, "--seeds",
                                    "1000", "-o", table], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(timeout=10)
        assert process.returncode != 0
        assert os.listdir(folder) == [], os.listdir(folder)


if __name__ == "__main__":
    if not support.RUNS:
        support.skip("LLMSCHED_RUNS names no folder of run files")
    sys.exit(support.main([two_runs_give_the_same_bytes, the_table_is_what_the_files_say,
                           saved_files_run_again_elsewhere, load_is_what_was_asked_for,
                           training_and_evaluation_share_no_task, the_report_is_self_contained,
                           made_up_jobs_run, an_interrupted_compare_leaves_nothing]))
