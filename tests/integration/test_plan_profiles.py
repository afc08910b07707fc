# SPDX-License-Identifier: Apache-2.0
"""`llmsched plan` with applications that name profiles: the same plan as with the profile's calls written out."""

import json
import os
import random
import sys
import tempfile

import support

CLUSTER = "1x4xh100-80g"


def model(name, weight, step_s):
    configs = [{"gpu": "h100-80g", "tp": tp, "share": share, "max_batch": 32,
                "prefill": {"base_s": 0.002, "per_token_s": 2e-5 / tp / share},
                "decode": {"base_s": step_s / tp / share, "per_request_s": 1e-4, "per_request_token_s": 1e-8}}
               for tp in (1, 2) for share in (0.5, 1)]
    return {"name": name, "weight_bytes": weight, "kv_bytes_per_token": 1e5, "kv_floor_bytes": 1e9,
            "runtime_bytes": 1e9, "configs": configs}


def models(*names):
    return {"format": "llmsched-models-1", "models": [model(name, 1.6e10, 0.01) for name in names]}


def runs(rng, count, named):
    """A plan, three drafts side by side of another model, and an answer."""
    def llm(id_, name, parents, output):
        stage = {"id": id_, "kind": "llm", "name": id_, "parents": parents, "prompt_tokens": 400,
                 "output_tokens": int(output * rng.uniform(0.5, 1.5))}
        return {**stage, "model": name} if named else stage

    for j in range(count):
        drafts = ["draft%d" % i for i in range(rng.randint(1, 3))]
        stages = [llm("plan", "planner", [], 100)] + [llm(d, "writer", ["plan"], 300) for d in drafts]
        yield {"app": "fan", "job": "j%d" % j, "stages": stages + [llm("answer", "planner", drafts, 200)]}


class Folder:
    def __init__(self, folder, named=True):
        self.folder = folder
        support.write_lines(self.path("runs.jsonl"), runs(random.Random(1), 60, named))
        support.run_well("learn", self.path("runs.jsonl"), "-o", self.path("profiles"))
        self.profile = support.read_json(self.path("profiles/runs__fan.json"))
        support.write_json(self.path("models.json"), models("planner", "writer"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def plan(self, *apps, models_file="models.json", text=None):
        with open(self.path("apps.json"), "w", encoding="utf-8") as file:
            file.write(text or json.dumps({"format": "llmsched-apps-1", "apps": apps}))
        out = self.path("plan.json")
        if os.path.exists(out):
            os.remove(out)
        return support.run("plan", "--cluster", CLUSTER, "--models", self.path(models_file),
                           "--apps", self.path("apps.json"), "-o", out), out

    def plan_well(self, *apps, **options):
        process, out = self.plan(*apps, **options)
        assert process.returncode == 0, process.stderr
        return support.read_json(out)


PROFILE = "profiles/runs__fan.json"
OTHER = {"name": "other", "rate_per_s": 0.5,
         "calls": [{"model": "writer", "calls": 1, "prompt_tokens": 100, "output_tokens": 50}]}


def test_the_plan_of_the_calls_written_out():
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(name)
        assert [c["model"] for c in folder.profile["calls"]] == ["planner", "writer"]
        calls = {"name": "runs/fan", "rate_per_s": 1.5, "weight": 2, "calls": folder.profile["calls"]}
        by_profile = {"profile": PROFILE, "rate_per_s": 1.5, "weight": 2}
        expected = folder.plan_well(OTHER, calls)
        assert folder.plan_well(OTHER, by_profile) == expected
        assert [app["name"] for app in expected["apps"]] == ["other", "runs/fan"]
        loads = {m["model"]: m["load_per_s"] for m in expected["models"]}
        for call in folder.profile["calls"]:
            load = 1.5 * call["calls"] + 0.5 * (call["model"] == "writer")
            assert abs(loads[call["model"]] - load) <= 1e-9 * load, (loads, call)
        assert folder.plan_well({**by_profile, "name": "mine", "profile": folder.path(PROFILE)})["apps"][0]["name"] == "mine"
        assert folder.plan_well(by_profile)["objective_s"] != expected["objective_s"]


def test_models_without_a_name():
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(name, named=False)
        support.write_json(folder.path("one.json"), models("only"))
        app = {"profile": PROFILE, "rate_per_s": 1}
        assert [m["model"] for m in folder.plan_well(app, models_file="one.json")["models"]] == ["only"]
        assert [m["model"] for m in folder.plan_well({**app, "model": "writer"})["models"]] == ["writer"]
        process, out = folder.plan(app)
        assert process.returncode == 2 and not os.path.exists(out), process
        assert "apps.json:1: apps[0].model: expected the model of the stages that name none" in process.stderr


def test_refusals():
    cases = [
        ('{"profile": 7, "rate_per_s": 1}', "apps[0].profile: expected a string"),
        ('{"profile": "%s", "rate_per_s": 1, "calls": []}' % PROFILE,
         "apps[0].profile: expected no stages and no calls beside it"),
        ('{"profile": "%s", "rate_per_s": 1, "stages": []}' % PROFILE,
         "apps[0].profile: expected no stages and no calls beside it"),
        ('{"profile": "none.json", "rate_per_s": 1}', "none.json: expected a readable file"),
        ('{"profile": "models.json", "rate_per_s": 1}', 'models.json:1: format: expected "llmsched-profile-1"'),
        ('{"profile": "old.json", "rate_per_s": 1}', 'apps[0].profile: expected a profile with "calls"'),
        ('{"profile": "%s", "rate_per_s": -1}' % PROFILE, "apps[0].rate_per_s: expected"),
        ('{"profile": "%s"}' % PROFILE, "apps[0].rate_per_s"),
        ('{"profile": "strange.json", "rate_per_s": 1}', 'no model is called "nobody"'),
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(name)
        old = {key: value for key, value in folder.profile.items() if key != "calls"}
        support.write_json(folder.path("old.json"), old)
        strange = {**folder.profile, "calls": [{**folder.profile["calls"][0], "model": "nobody"}]}
        support.write_json(folder.path("strange.json"), strange)
        for app, message in cases:
            process, out = folder.plan(text='{"format": "llmsched-apps-1",\n"apps": [\n%s]}' % app)
            assert process.returncode == 2 and not os.path.exists(out), (app, process)
            assert message in process.stderr and process.stderr.count("\n") == 1, (app, process.stderr)
            if message.startswith("apps["):
                assert "apps.json:3: " in process.stderr, process.stderr


def test_planning_cases():
    """Profiles of a case's jobs ask for what its applications do, but for what chance draws."""
    folder = os.path.join(support.DATA, "plan") if support.DATA else ""
    if not os.path.isdir(folder):
        print("no LLMSCHED_DATA: planning cases are left out")
        return
    for case in ("rag_70b_4xh200", "agents_6_8xa100"):
        files = {key: os.path.join(folder, "%s.%s.json" % (case, key)) for key in ("cluster", "models", "apps")}
        given = support.read_json(files["apps"])["apps"]
        with tempfile.TemporaryDirectory() as name:
            jobs = os.path.join(name, "jobs.jsonl")
            with open(os.path.join(folder, case + ".jobs.jsonl"), encoding="utf-8") as source, open(jobs, "w", encoding="utf-8") as to:
                to.write(source.read())
            support.run_well("learn", jobs, "-o", os.path.join(name, "profiles"))
            apps = [{"name": app["name"], "rate_per_s": app["rate_per_s"], "weight": app.get("weight", 1),
                     "profile": "profiles/jobs__%s.json" % app["name"]} for app in given]
            support.write_json(os.path.join(name, "apps.json"), {"format": "llmsched-apps-1", "apps": apps})
            plans = []
            for path in (files["apps"], os.path.join(name, "apps.json")):
                out = os.path.join(name, "plan.json")
                support.run_well("plan", "--cluster", files["cluster"], "--models", files["models"], "--apps", path, "-o", out)
                plans.append(support.read_json(out))
            loads = [{m["model"]: m["load_per_s"] for m in plan["models"]} for plan in plans]
            assert sorted(loads[0]) == sorted(loads[1])
            for key, load in loads[0].items():  # every stage of these cases comes in every job
                assert abs(loads[1][key] - load) <= 1e-9 * load, (case, key, loads)


if __name__ == "__main__":
    sys.exit(support.main([test_the_plan_of_the_calls_written_out, test_models_without_a_name, test_refusals,
                           test_planning_cases]))
