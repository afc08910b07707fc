# SPDX-License-Identifier: Apache-2.0
"""`llmsched generate --apps`: jobs drawn from applications as the planner knows them."""

import copy
import math
import os
import sys
import tempfile

import support

APPS = {"format": "llmsched-apps-1", "apps": [
    {"name": "big", "rate_per_s": 3, "stages": [
        {"id": "out", "model": "A", "parents": ["in", "maybe"], "prompt_tokens": 100,
         "output_tokens": 200},
        {"id": "in", "model": "A", "prompt_tokens": 10.4, "output_tokens": 1},
        {"id": "maybe", "parents": ["in"], "duration_s": 0.25, "probability": 0.3},
        {"id": "many", "model": "B", "parents": ["maybe"], "prompt_tokens": 7, "output_tokens": 40,
         "tasks": 2.5}]},
    {"name": "never", "rate_per_s": 0, "stages": [{"id": "t", "duration_s": 1}]},
    {"name": "empty", "rate_per_s": 1, "weight": 2, "stages": [
        {"id": "t", "duration_s": 1, "probability": 0.5}]}]}


def generate(folder, apps, *more):
    path, out = os.path.join(folder, "apps.json"), os.path.join(folder, "jobs.jsonl")
    support.write_json(path, apps)
    support.run_well("generate", "--apps", path, "-o", out, *more)
    return support.read_lines(out)


def near(values, mean, deviation):
    """Within five standard errors."""
    off = abs(sum(values) / len(values) - mean)
    assert off <= 5 * deviation / math.sqrt(len(values)), (sum(values) / len(values), mean)


def draws_are_as_asked():
    with tempfile.TemporaryDirectory() as folder:
        jobs = generate(folder, APPS, "--jobs", 8000, "--seed", 4)
    times = [0.0] + [j["arrival_s"] for j in jobs]
    near([b - a for a, b in zip(times, times[1:])], 0.25, 0.25)
    near([j["app"] == "big" for j in jobs], 0.75, 0.44)
    assert {j["app"] for j in jobs} == {"big", "empty"}
    assert len({j["job"] for j in jobs}) == len(jobs)
    big = [{s["id"]: s for s in j["stages"]} for j in jobs if j["app"] == "big"]
    near(["maybe" in j for j in big], 0.3, 0.46)
    outputs = [j["out"]["output_tokens"] for j in big]
    near(outputs, 200, 200 * math.sqrt(math.exp(0.25) - 1))
    logs = [math.log(n) for n in outputs]
    near(logs, math.log(200) - 0.125, 0.5)
    spread = math.sqrt(sum((x - sum(logs) / len(logs)) ** 2 for x in logs) / len(logs))
    assert abs(spread - 0.5) < 0.025, spread
    near([j["many"]["samples"] for j in big], 2.5, 0.5)
    for j in big:
        assert j["in"]["output_tokens"] == 1 and j["in"]["prompt_tokens"] == 10
        assert j["many"]["samples"] in (2, 3)
        assert j["many"]["prompt_tokens"] == 7 * j["many"]["samples"]
    empty = [j["stages"] for j in jobs if j["app"] == "empty"]
    near([s[0]["id"] == "t" for s in empty], 0.5, 0.5)
    assert all(s[0]["id"] == "t" or s[0]["duration_s"] == 0 for s in empty)


def what_is_left_out_hands_its_parents_on():
    with tempfile.TemporaryDirectory() as folder:
        jobs = generate(folder, APPS, "--jobs", 200)
    seen = set()
    for job in jobs:
        if job["app"] != "big":
            continue
        stages = {s["id"]: s for s in job["stages"]}
        assert [s["id"] for s in job["stages"]][0] == "in"
        taken = "maybe" in stages
        seen.add(taken)
        assert stages["out"]["parents"] == (["in", "maybe"] if taken else ["in"])
        assert stages["many"]["parents"] == (["maybe"] if taken else ["in"])
    assert seen == {True, False}


def options_do_what_they_say():
    with tempfile.TemporaryDirectory() as folder:
        jobs = generate(folder, APPS, "--jobs", 50, "--seed", 9)
        assert generate(folder, APPS, "--jobs", 50, "--seed", 9) == jobs
        assert generate(folder, APPS, "--jobs", 50, "--seed", 10) != jobs
        fast = generate(folder, APPS, "--jobs", 50, "--seed", 9, "--rate-factor", 4)
        for a, b in zip(jobs, fast):
            assert abs(a["arrival_s"] - 4 * b["arrival_s"]) <= 1e-9 * a["arrival_s"]
            assert a["stages"] == b["stages"]
        exact = generate(folder, APPS, "--jobs", 50, "--sigma", 0)
        assert all(s["output_tokens"] == 200 for j in exact for s in j["stages"]
                   if s["id"] == "out")


def jobs_can_be_simulated():
    cluster = {"engines": [{"model": "A", "max_batch": 4}, {"model": "B", "max_batch": 4}],
               "tool_slots": 8, "tau": [[1, 0.01]], "prefill_s_per_token": 0}
    with tempfile.TemporaryDirectory() as folder:
        jobs = generate(folder, APPS, "--jobs", 100)
        path = os.path.join(folder, "c.json")
        support.write_json(path, cluster)
        support.run_well("simulate", "--cluster", path, "--jobs",
                         os.path.join(folder, "jobs.jsonl"), "--policy", "fcfs", "-o",
                         os.path.join(folder, "out"))
        assert len(support.read_lines(os.path.join(folder, "out"))) == len(jobs)


def set_at(value, path, new):
    for key in path[:-1]:
        value = value[key]
    if new is None:
        del value[path[-1]]
    else:
        value[path[-1]] = new


def mistakes_are_refused():
    first = ["apps", 0, "stages"]
    cases = [(["format"], "llmsched-apps-2", "format"),
             (["apps"], [], "rates above 0"),
             (["apps", 0, "rate_per_s"], -1, "apps[0].rate_per_s"),
             (["apps", 0, "rate_per_s"], None, "apps[0].rate_per_s"),
             (["apps", 0, "stages"], None, "apps[0].stages"),
             (["apps", 0, "stages"], [], "apps[0].stages"),
             (["apps", 2, "name"], "big", "apps[2].name"),
             (first + [1, "id"], "out", "apps[0].stages[1].id"),
             (first + [0, "parents"], ["nobody"], "apps[0].stages[0].parents"),
             (first + [0, "parents"], ["in", "in"], "apps[0].stages[0].parents"),
             (first + [1, "parents"], ["out"], "no cycle"),
             (first + [0, "output_tokens"], None, "apps[0].stages[0].output_tokens"),
             (first + [0, "prompt_tokens"], 1e7, "apps[0].stages[0].prompt_tokens"),
             (first + [2, "duration_s"], None, "apps[0].stages[2].duration_s"),
             (first + [2, "probability"], 1.5, "apps[0].stages[2].probability"),
             (first + [3, "tasks"], 0, "apps[0].stages[3].tasks")]
    with tempfile.TemporaryDirectory() as folder:
        path, out = os.path.join(folder, "apps.json"), os.path.join(folder, "out")
        for where, new, what in cases:
            apps = copy.deepcopy(APPS)
            set_at(apps, where, new)
            support.write_json(path, apps)
            process = support.run("generate", "--apps", path, "-o", out)
            assert process.returncode == 2 and what in process.stderr, (what, process.stderr)
            assert process.stderr.count("\n") == 1 and not os.path.exists(out)
        support.write_json(path, APPS)
        for wrong in (["--load", "1"], ["--app-mix", "chain"], ["--sigma", "-1"],
                      ["--rate-factor", "0"], ["--jobs", "0"]):
            process = support.run("generate", "--apps", path, "-o", out, *wrong)
            assert process.returncode == 2 and process.stderr.count("\n") == 1, process.stderr
        process = support.run("generate", "--sigma", "1", "-o", out)
        assert process.returncode == 2 and "--apps" in process.stderr


if __name__ == "__main__":
    sys.exit(support.main([draws_are_as_asked, what_is_left_out_hands_its_parents_on,
                           options_do_what_they_say, jobs_can_be_simulated,
                           mistakes_are_refused]))
