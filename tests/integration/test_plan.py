# SPDX-License-Identifier: Apache-2.0
"""`llmsched plan`: every option, bad input, and its plans against enumeration."""

import copy
import json
import os
import pty
import re
import subprocess
import sys
import tempfile

import oracle_placement
import support

GIB = 1 << 30
EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "plan")


class Case:
    """The inputs of `plan` in a folder."""

    def __init__(self, folder, cluster, models, apps):
        self.folder, self.out = folder, os.path.join(folder, "plan.json")
        self.menus = os.path.join(folder, "menus.json")
        for name, value in (("cluster", cluster), ("models", models), ("apps", apps)):
            support.write_json(self.path(name + ".json"), value)

    @classmethod
    def example(cls, folder):
        return cls(folder, *(support.read_json(os.path.join(EXAMPLE, name + ".json"))
                             for name in ("cluster", "models", "apps")))

    def path(self, name):
        return os.path.join(self.folder, name)

    def arguments(self, *more):
        return ["plan", "--cluster", self.path("cluster.json"), "--models", self.path("models.json"),
                "--apps", self.path("apps.json"), *more]

    def run(self, *more):
        return support.run(*self.arguments(*more))

    def run_well(self, *more):
        return support.run_well(*self.arguments(*more)).stdout

    def plan(self, *more):
        self.run_well("-o", self.out, *more)
        return support.read_json(self.out)


def with_example(test):
    def run():
        with tempfile.TemporaryDirectory() as folder:
            test(Case.example(folder))
    run.__name__ = test.__name__
    return run


# --- against enumeration -------------------------------------------------------------------


def random_config(rng, tp, share, cost):
    speed = tp ** rng.choice([0.6, 0.9]) * share ** rng.choice([0.3, 0.8])
    return {"gpu": "x", "tp": tp, "share": share, "max_batch": rng.choice([4, 8]),
            **({"bandwidth": rng.choice([0.3, 0.5, 0.8, 1]) * share} if rng.random() < 0.7 else {}),
            "prefill": {"base_s": 0.01, "per_token_s": cost * 1e-4 / speed},
            "decode": {"base_s": cost * 0.01 / speed, "per_request_s": cost * 1e-3 / speed,
                       "per_request_token_s": 1e-7}}


def random_models(rng, count):
    models = []
    for m in range(count):
        cost = rng.choice([0.5, 1, 2])
        ways = rng.sample([(1, 0.3), (1, 0.5), (1, 0.7), (1, 1), (2, 0.3), (2, 0.5), (2, 1), (4, 0.5)], rng.randint(2, 4))
        models.append({"name": "m%d" % m, "weight_bytes": rng.choice([4, 12, 30]) * GIB,
                       "kv_bytes_per_token": rng.choice([0, 2e5, 4e6]), "kv_floor_bytes": rng.choice([0, 4 * GIB]),
                       "runtime_bytes": rng.choice([0, GIB]),
                       "configs": [random_config(rng, tp, share, cost) for tp, share in ways]})
    return models


def random_stage(rng, number, models):
    stage = {"id": "s%d" % number, "parents": ["s%d" % p for p in range(number) if rng.random() < 0.5]}
    if rng.random() < 0.15:
        return dict(stage, duration_s=rng.choice([0, 0.5]))
    stage.update(model=rng.choice(models)["name"], prompt_tokens=rng.choice([0, 100, 800]),
                 output_tokens=rng.choice([0, 1, 50, 200]))
    for key, values in (("tasks", [1, 2, 2.5]), ("probability", [0, 0.5, 1])):
        if rng.random() < 0.4:
            stage[key] = rng.choice(values)
    return stage


def random_app(rng, number, models):
    app = {"name": "a%d" % number, "rate_per_s": rng.choice([0.05, 0.2, 0.5, 0.5, 4])}
    if rng.random() < 0.5:
        app["weight"] = rng.choice([0.5, 2])
    if rng.random() < 0.2:
        app["max_latency_s"] = rng.choice([2, 5, 20])
    if rng.random() < 0.7:
        app["stages"] = [random_stage(rng, s, models) for s in range(rng.randint(1, 4))]
    else:
        app["calls"] = [{"model": m["name"], "calls": rng.choice([0.5, 1, 3]), "overlap": rng.choice([1, 1.5]),
                         "prompt_tokens": 200, "output_tokens": rng.choice([20, 100])}
                        for m in rng.sample(models, rng.randint(1, 2))]
    return app


def random_case(rng):
    gpus, domains = [], rng.choice([[4], [5], [2, 2], [4, 2], [3, 3], [6], [4, 4], [8]])
    for d, count in enumerate(domains):
        gpus += [{"id": "n%dg%d" % (d, g), "kind": "x", "memory_bytes": rng.choice([24, 40, 80]) * GIB,
                  "domain": "n%d" % d} for g in range(count)]
    models = random_models(rng, rng.randint(2, 5))
    apps = [random_app(rng, a, models) for a in range(rng.randint(1, 3))]
    if not any(oracle_placement.load(apps, m["name"]) > 0 for m in models):
        apps[0] = {"name": "a0", "rate_per_s": 0.1, "calls": [
            {"model": "m0", "calls": 1, "prompt_tokens": 10, "output_tokens": 10}]}
    return gpus, models, apps


def wrapped(gpus, models, apps):
    return ({"format": "llmsched-gpus-1", "gpus": gpus}, {"format": "llmsched-models-1", "models": models},
            {"format": "llmsched-apps-1", "apps": apps})


MOST_CHOICES = 20000


def plans_are_the_best_of_all():
    """Random cases small enough to go through all choices, planned and infeasible."""
    seen = {"optimal": 0, "infeasible": 0, "large": 0}
    for seed in support.seeds(420):
        gpus, models, apps = random_case(support.generator(seed))
        with tempfile.TemporaryDirectory() as folder:
            case = Case(folder, *wrapped(gpus, models, apps))
            process = case.run("-o", case.out, "--menus", case.menus)
            assert process.returncode in (0, 1), (seed, process.stderr)
            plan, menus = support.read_json(case.out), support.read_json(case.menus)["models"]
        choices = 1
        for menu in menus:
            choices *= len(menu["items"])
        if choices > MOST_CHOICES:
            seen["large"] += 1
            continue
        best = oracle_placement.best_placement(gpus, models, apps, menus)
        assert plan["status"] == ("infeasible" if best is None else "optimal"), (seed, plan["status"], best)
        seen[plan["status"]] += 1
        if best is None:
            assert process.returncode == 1 and plan["reason"] and plan["lift"], (seed, plan)
            continue
        got = oracle_placement.check_plan(plan, gpus, models, apps, menus)
        assert abs(got[0] - best[0]) <= 2e-9 * best[0] and abs(got[1] - best[1]) <= 1e-9 and got[2] == best[2], \
            "seed %d: %r, not %r" % (seed, got, best)
        assert plan["gap"] == 0 and plan["bounds"]["alone_s"] <= best[0] * (1 + 1e-9), (seed, plan)
        assert plan["bounds"]["capacity_s"] <= best[0] * (1 + 1e-9), (seed, plan)
    print(seen)
    if len(support.seeds(2)) == 2:
        assert seen["optimal"] >= 200 and seen["infeasible"] >= 10, seen


# --- options ----------------------------------------------------------------------------------


@with_example
def the_example_is_planned_and_simulated(case):
    """Round trip: plan, jobs of its applications, evaluate; the prediction is near."""
    plan = case.plan("--menus", case.menus)
    inputs = [support.read_json(case.path(n + ".json"))[k]
              for n, k in (("cluster", "gpus"), ("models", "models"), ("apps", "apps"))]
    menus = support.read_json(case.menus)["models"]
    got = oracle_placement.check_plan(plan, *inputs, menus)
    best = oracle_placement.best_placement(*inputs, menus)
    assert abs(got[0] - best[0]) <= 2e-9 * best[0] and got[2] == best[2], (got, best)
    assert {m["model"]: m["tp"] for m in plan["models"]} == {"embedder": 1, "writer": 4, "checker": 2}
    assert any(g["share"] > m["share"] + 0.1 for g in plan["gpus"] for m in plan["models"] if m["tp"] == 4)
    jobs, out = case.path("jobs.jsonl"), case.path("out.jsonl")
    support.run_well("generate", "--apps", case.path("apps.json"), "--jobs", 4000, "-o", jobs)
    support.run_well("evaluate", "--plan", case.out, "--cluster", case.path("cluster.json"), "--models",
                     case.path("models.json"), "--jobs", jobs, "-o", out)
    times = {}
    for job, row in zip(support.read_lines(jobs), support.read_lines(out)):
        times.setdefault(job["app"], []).append(row["completion_s"] - row["arrival_s"])
    for app in plan["apps"]:
        mean = sum(times[app["name"]]) / len(times[app["name"]])
        assert abs(app["latency_s"] / mean - 1) < 0.1, (app, mean)


@with_example
def plans_are_the_same_twice(case):
    texts = []
    for _ in range(2):
        table = case.run_well("-o", case.out, "--menus", case.menus)
        with open(case.out, "rb") as plan, open(case.menus, "rb") as menus:
            texts.append((table, plan.read(), menus.read()))
    assert texts[0] == texts[1]
    assert case.run_well("-o", "-").encode() == texts[0][1]
    assert case.run_well("--menus", "-").encode() == texts[0][2]
    assert sorted(os.listdir(case.folder)) == sorted(
        ["cluster.json", "models.json", "apps.json", "plan.json", "menus.json"])


@with_example
def the_table_says_what_the_plan_says(case):
    table = case.run_well("-o", case.out)
    plan, rows = support.read_json(case.out), [line.split() for line in table.splitlines()]
    for model in plan["models"]:
        row = next(r for r in rows if r and r[0] == model["model"])
        assert row[1:6] == [model["gpu"], str(model["tp"]), "%g" % model["share"], str(model["batch"]),
                            str(len(model["replicas"]))], row
    for app in plan["apps"]:
        row = next(r for r in rows if r and r[0] == app["name"])
        assert abs(float(row[1]) - app["latency_s"]) <= 1e-3 * app["latency_s"], row
    assert plan["status"] in table and "%.4g" % plan["objective_s"] in table


@with_example
def utilisation_and_factor_scale_the_load(case):
    plain, doubled = case.plan(), case.plan("--rate-factor", "1.25")
    for one, two in zip(plain["models"], doubled["models"]):
        assert abs(two["load_per_s"] - 1.25 * one["load_per_s"]) < 1e-9
    careful = case.plan("--utilisation", "0.6")
    assert all(m["load_per_s"] <= 0.6 * m["capacity_per_s"] * (1 + 1e-9) for m in careful["models"])
    assert careful["objective_s"] >= plain["objective_s"] - 1e-9


@with_example
def the_highest_rate_is_the_highest(case):
    table = case.run_well("--max-rate", "-o", case.out, "--menus", case.menus)
    factor = float(table.split("rates: ")[1].split()[0])
    plan = support.read_json(case.out)
    inputs = [support.read_json(case.path(n + ".json"))[k]
              for n, k in (("cluster", "gpus"), ("models", "models"), ("apps", "apps"))]
    exact = plan["models"][0]["load_per_s"] / oracle_placement.load(inputs[2], plan["models"][0]["model"])
    assert abs(exact / factor - 1) <= 1e-3
    for app in inputs[2]:
        app["rate_per_s"] *= exact
    oracle_placement.check_plan(plan, *inputs, support.read_json(case.menus)["models"])
    assert case.run("--rate-factor", exact * 1.0025).returncode == 1
    assert case.run("--rate-factor", exact).returncode == 0


@with_example
def the_fewest_gpus_are_the_fewest(case):
    support.write_json(case.path("apps.json"), {"format": "llmsched-apps-1", "apps": [
        {"name": "a", "rate_per_s": 1, "calls": [
            {"model": "checker", "calls": 1, "prompt_tokens": 500, "output_tokens": 50}]}]})
    for rate, fewest in ((1, 1), (12, None)):
        apps = support.read_json(case.path("apps.json"))
        apps["apps"][0]["rate_per_s"] = rate
        support.write_json(case.path("apps.json"), apps)
        table = case.run_well("--fewest-gpus", "-o", case.out)
        said = int(table.split("cluster: ")[1].split()[0])
        assert fewest in (None, said), (rate, said)
        plan = support.read_json(case.out)
        used = {g for m in plan["models"] for r in m["replicas"] for g in r["gpus"]}
        assert used <= {"n0g%d" % g for g in range(said)}, used
        arguments = case.arguments()
        for count, code in ((said - 1, 1), (said, 0)):
            arguments[2] = "1x%dxh100-80g" % count
            assert count == 0 or support.run(*arguments).returncode == code, (rate, count)


@with_example
def what_runs_is_kept(case):
    """Of equal plans the one that moves least; the pieces moved are paid for."""
    plan = case.plan()
    running = copy.deepcopy(plan)
    embedder = next(m for m in running["models"] if m["model"] == "embedder")
    moved = dict(zip(("n0g0", "n0g1", "n0g2", "n0g3"), ("n0g2", "n0g3", "n0g0", "n0g1")))
    for model in running["models"]:
        if model["tp"] < 4:
            for replica in model["replicas"]:
                replica["gpus"] = sorted(moved[g] for g in replica["gpus"])
    assert embedder["replicas"] != next(m for m in plan["models"] if m["model"] == "embedder")["replicas"]
    support.write_json(case.path("running.json"), running)

    def placed(some):
        return {m["model"]: sorted(r["gpus"] for r in m["replicas"]) for m in some["models"]}

    assert placed(case.plan("--running", case.path("running.json"))) == placed(running)
    dear = case.plan("--running", case.path("running.json"), "--move-cost", "1000", "--rate-factor", "1.1")
    assert placed(dear) == placed(running)


@with_example
def every_target_is_rendered(case):
    case.plan()
    for target in ("svg", "vllm", "sglang", "compose", "mps"):
        process = case.run("--render", target)
        again = support.run("render", case.out, "--cluster", case.path("cluster.json"), "--models",
                            case.path("models.json"), "--apps", case.path("apps.json"), "--as", target)
        assert (process.returncode, process.stdout) == (again.returncode, again.stdout), (target, process.stderr)
        assert process.returncode == 1 or len(process.stdout) > 100, target


@with_example
def a_budget_bounds_the_search(case):
    best, quick = case.plan(), case.plan("--nodes", "1")
    assert quick["objective_s"] >= best["objective_s"] * (1 - 1e-9) >= quick["bound_s"] * (1 - 2e-9)
    assert abs(quick["gap"] - (quick["objective_s"] / quick["bound_s"] - 1)) < 1e-9


@with_example
def a_bar_is_for_people(case):
    """On a terminal only, and gone in the end."""
    try:
        parent, child = pty.openpty()
    except OSError:  # as in a chroot without /dev/pts
        print("no pseudo-terminal here: the progress bar is not looked at")
        return
    process = subprocess.run([support.PROGRAM, *case.arguments()], stdout=subprocess.PIPE, stderr=child, check=True)
    os.close(child)
    shown = os.read(parent, 65536)
    os.close(parent)
    assert shown.startswith(b"\rplanning ") and shown.endswith(b" \r") and b"\n" not in shown, shown
    silent = case.run()
    assert silent.stderr == "" and silent.stdout.encode() == process.stdout


# --- no plan, and bad input -----------------------------------------------------------------------


@with_example
def impossible_demands_have_reasons(case):
    apps = support.read_json(case.path("apps.json"))
    for change, word in (({"rate_per_s": 1e6}, "calls per second"), ({"max_latency_s": 0.01}, "latency")):
        changed = copy.deepcopy(apps)
        changed["apps"][0].update(change)
        support.write_json(case.path("apps.json"), changed)
        process = case.run("-o", case.out)
        assert process.returncode == 1 and process.stdout == "" and process.stderr.count("\n") == 1, process
        assert process.stderr.startswith("llmsched: no plan: ") and word in process.stderr, process.stderr
        plan = support.read_json(case.out)
        assert plan["status"] == "infeasible" and plan["reason"] in process.stderr and plan["lift"] in process.stderr
    support.write_json(case.path("apps.json"), apps)
    arguments = case.arguments()
    arguments[2] = "4x1xh100-80g"
    process = support.run(*arguments)
    assert process.returncode == 1 and "writer" in process.stderr and "domain" in process.stderr, process.stderr


def refused(case, words, *more):
    process = case.run("-o", case.out, "--menus", case.menus, *more)
    assert process.returncode == 2, (words, process.returncode, process.stderr)
    assert process.stderr.startswith("llmsched: ") and process.stderr.count("\n") == 1, process.stderr
    for word in words:
        assert word in process.stderr, (words, process.stderr)
    left = [n for n in os.listdir(case.folder) if "plan.json" in n or "menus.json" in n]
    assert left == [], (words, left)
    return process


GONE = object()
BAD_VALUES = [
    ("cluster", ["format"], "llmsched-gpus-2", "format"),
    ("cluster", ["gpus"], GONE, "gpus"),
    ("cluster", ["gpus"], {}, "gpus"),
    ("cluster", ["gpus", 1, "id"], "n0g0", "id"),
    ("cluster", ["gpus", 1, "id"], "", "id"),
    ("cluster", ["gpus", 1, "kind"], GONE, "kind"),
    ("cluster", ["gpus", 1, "domain"], 7, "domain"),
    ("cluster", ["gpus", 1, "memory_bytes"], -1, "memory_bytes"),
    ("cluster", ["gpus", 1, "memory_bytes"], 1e300, "memory_bytes"),
    ("models", ["models", 1, "name"], "embedder", "name"),
    ("models", ["models", 1, "name"], GONE, "name"),
    ("models", ["models", 1, "weight_bytes"], "much", "weight_bytes"),
    ("models", ["models", 1, "kv_bytes_per_token"], -1, "kv_bytes_per_token"),
    ("models", ["models", 1, "configs"], 3, "configs"),
    ("models", ["models", 1, "configs", 0, "tp"], 0, "tp"),
    ("models", ["models", 1, "configs", 0, "tp"], 1.5, "tp"),
    ("models", ["models", 1, "configs", 0, "tp"], 1e12, "tp"),
    ("models", ["models", 1, "configs", 0, "share"], 1.2, "share"),
    ("models", ["models", 1, "configs", 0, "share"], 0.8, "configs[1]"),
    ("models", ["models", 1, "configs", 0, "max_batch"], 0, "max_batch"),
    ("models", ["models", 1, "configs", 0, "bandwidth"], -0.1, "bandwidth"),
    ("models", ["models", 1, "configs", 0, "decode"], GONE, "decode"),
    ("models", ["models", 1, "configs", 0, "decode"], {"table": []}, "decode"),
    ("models", ["models", 1, "configs", 0, "decode"], {"table": [[1, 2]]}, "decode"),
    ("models", ["models", 1, "configs", 0, "prefill", "base_s"], -1, "base_s"),
    ("models", ["models", 1, "configs", 0, "prefill"], {"table": [[5, 1], [5, 2]]}, "prefill"),
    ("apps", ["apps", 1, "name"], "answers", "name"),
    ("apps", ["apps", 0, "rate_per_s"], GONE, "rate_per_s"),
    ("apps", ["apps", 0, "rate_per_s"], -1, "rate_per_s"),
    ("apps", ["apps", 0, "weight"], -1, "weight"),
    ("apps", ["apps", 0, "max_latency_s"], -1, "max_latency_s"),
    ("apps", ["apps", 0, "stages", 0, "model"], "nobody", "nobody"),
    ("apps", ["apps", 0, "stages", 1, "id"], "embed", "id"),
    ("apps", ["apps", 0, "stages", 0, "parents"], ["check"], "parents"),
    ("apps", ["apps", 0, "stages", 1, "parents"], ["search"], "parents"),
    ("apps", ["apps", 0, "stages", 3, "tasks"], -2, "tasks"),
    ("apps", ["apps", 0, "stages", 3, "probability"], 1.5, "probability"),
    ("apps", ["apps", 0, "stages", 3, "output_tokens"], -1, "output_tokens"),
    ("apps", ["apps", 0, "stages", 3, "output_tokens"], 1e19, "output_tokens"),
    ("apps", ["apps", 0, "stages", 1, "duration_s"], "long", "duration_s"),
    ("apps", ["apps", 0, "calls"], [{"model": "checker", "calls": 1}], "apps[0]"),
]


def write_indented(path, value):
    """Readable, so that a line says where."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


@with_example
def bad_values_are_refused(case):
    for name, path, new, key in BAD_VALUES:
        good = support.read_json(case.path(name + ".json"))
        bad = copy.deepcopy(good)
        where = bad
        for step in path[:-1]:
            where = where[step]
        if new is GONE:
            del where[path[-1]]
        else:
            where[path[-1]] = new
        write_indented(case.path(name + ".json"), bad)
        process = refused(case, ["%s.json:" % name, key])
        assert re.search(r"%s\.json:\d+: \S+: " % name, process.stderr), process.stderr
        support.write_json(case.path(name + ".json"), good)


@with_example
def broken_files_are_refused(case):
    for name in ("cluster", "models", "apps"):
        path = case.path(name + ".json")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        broken = ["", "{", "null", "[]", "\0", text[:len(text) // 2], text[:-1], text + "}",
                  text.replace('{"', '{"x": NaN, "', 1), "[" * 5000]
        for some in broken:
            with open(path, "w", encoding="utf-8") as file:
                file.write(some)
            refused(case, [name + ".json:"])
        os.remove(path)
        refused(case, [name + ".json", "readable file"])
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    case.run_well()


@with_example
def bad_options_are_refused(case):
    for more in (["--utilisation", "0"], ["--utilisation", "1.1"], ["--utilisation", "nan"], ["--rate-factor", "0"],
                 ["--rate-factor", "-1"], ["--move-cost", "-1"], ["--nodes", "x"], ["--render", "what"],
                 ["--max-rate", "--fewest-gpus"], ["--planner", "nothing"], ["--planner", "k8s:goal=1"],
                 ["--running", case.path("none.json")], ["--running", case.path("apps.json")]):
        refused(case, [more[0].strip("-") if more[0] != "--running" else more[1]], *more)
    for short in ("0x8xh100-80g", "1xh100-80g", "1x1xunknown", "99999999999x1xh100-80g", "1x2xh100-80g+"):
        arguments = case.arguments("-o", case.out)
        arguments[2] = short
        process = support.run(*arguments)
        assert process.returncode == 2 and "--cluster: " in process.stderr, (short, process.stderr)
        assert process.stderr.count("\n") == 1 and not os.path.exists(case.out), short
    process = case.run("-o", "-", "--menus", "-")
    assert process.returncode == 2 and process.stdout == "", process
    process = case.run("--menus", case.menus, "-o", case.path("none/plan.json"))
    assert process.returncode == 2 and not os.path.exists(case.menus), process


@with_example
def unused_models_are_not_placed(case):
    apps = support.read_json(case.path("apps.json"))
    apps["apps"] = apps["apps"][1:]
    support.write_json(case.path("apps.json"), apps)
    assert [m["model"] for m in case.plan()["models"]] == ["checker"]


if __name__ == "__main__":
    sys.exit(support.main([
        plans_are_the_best_of_all, the_example_is_planned_and_simulated, plans_are_the_same_twice,
        the_table_says_what_the_plan_says, utilisation_and_factor_scale_the_load, the_highest_rate_is_the_highest,
        the_fewest_gpus_are_the_fewest, what_runs_is_kept, every_target_is_rendered, a_budget_bounds_the_search,
        a_bar_is_for_people, impossible_demands_have_reasons, bad_values_are_refused, broken_files_are_refused,
        bad_options_are_refused, unused_models_are_not_placed]))
