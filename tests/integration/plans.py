# SPDX-License-Identifier: Apache-2.0
"""Random plans for the tests: clusters, models with curves, replicas, jobs."""

import os

import support

GIB = 1 << 30


def random_cluster(rng):
    gpus = []
    for node in range(rng.randint(1, 2)):
        kind = rng.choice(["a100-80g", "l4-24g"])
        gpus += [{"id": "n%dg%d" % (node, g), "kind": kind, "memory_bytes": 80 * GIB,
                  "domain": "n%d" % node} for g in range(rng.choice([1, 2, 4]))]
    return {"format": "llmsched-gpus-1", "gpus": gpus}


def random_curves(rng):
    """Seconds that make equal ends and empty steps likely."""
    curves = {}
    if rng.random() < 0.5:
        curves["prefill"] = {"base_s": rng.choice([0, 0.01]), "per_token_s": rng.choice([0, 1e-4])}
    else:
        curves["prefill"] = {"table": [[10, 0.01], [100, 0.02], [1000, 0.5]][:rng.randint(1, 3)]}
    if rng.random() < 0.5:
        curves["decode"] = {"base_s": rng.choice([0.01, 0.01, 0]),
                            "per_request_s": rng.choice([0, 1e-3]),
                            "per_request_token_s": rng.choice([0, 1e-6])}
    else:
        table = []
        for batch in sorted(rng.sample([1, 2, 3, 5], rng.randint(1, 3))):
            for context in sorted(rng.sample([50, 100, 600], rng.randint(1, 3))):
                table.append([batch, context, 0.01 * rng.choice([1, 1.5, 2])])
        rng.shuffle(table)
        curves["decode"] = {"table": table}
    return curves


def random_config(rng, kind, tp, share):
    config = {"gpu": kind, "tp": tp, "max_batch": 8}
    if share != 1 or rng.random() < 0.5:
        config["share"] = share
    if rng.random() < 0.5:
        config["bandwidth"] = rng.choice([0.25, 0.5, 1])
    config.update(random_curves(rng))
    return config


def random_replica(rng, gpus, tp):
    """Aligned in one domain, on GPUs that others may use too; None: there is no such place."""
    domains = sorted({g["domain"] for g in gpus})
    inside = [g["id"] for g in gpus if g["domain"] == rng.choice(domains)]
    places = len(inside) // tp
    first = rng.randrange(places) * tp if places else 0
    return {"gpus": inside[first:first + tp]} if places else None


def random_plan(rng):
    cluster = random_cluster(rng)
    models, planned = [], []
    for name in "ABC"[:rng.randint(1, 3)]:
        kind = rng.choice(cluster["gpus"])["kind"]
        own = [g for g in cluster["gpus"] if g["kind"] == kind]
        tp = rng.choice([1, 1, 2])
        replicas = [random_replica(rng, own, tp) for _ in range(rng.randint(1, 3))]
        replicas = [r for r in replicas if r is not None]
        if not replicas:
            tp, replicas = 1, [{"gpus": [own[0]["id"]]}]
        share = rng.choice([0.25, 0.5, 0.75, 1])
        configs = [random_config(rng, kind, tp, share)]
        if rng.random() < 0.5:
            configs.insert(rng.randint(0, 1), random_config(rng, kind, tp + 1, share))
        models.append({"name": name, "weight_bytes": GIB, "kv_bytes_per_token": 1000,
                       "kv_floor_bytes": 0, "runtime_bytes": 0, "configs": configs})
        planned.append({"model": name, "gpu": kind, "tp": tp, "share": share,
                        "batch": rng.randint(1, 4), "replicas": replicas})
        if rng.random() < 0.3:
            del planned[-1]["gpu"]
    if rng.random() < 0.5:
        planned.reverse()
    plan = {"format": "llmsched-plan-1", "planner": "by hand", "status": "feasible",
            "models": planned}
    return plan, cluster, {"format": "llmsched-models-1", "models": models}


def random_jobs(rng, plan, count=15, mean_s=0.5):
    """Optional stages, several tasks, tools, no tokens, and arrivals at the same time."""
    names = sorted(m["model"] for m in plan["models"])
    tidy = rng.random() < 0.5
    jobs, now = [], 0.0
    for j in range(count):
        if rng.random() < 0.7:
            now += rng.choice([0.25, 0.5]) if tidy else rng.expovariate(1 / mean_s)
        stages = [support.random_stage(rng, s, names, tidy) for s in range(rng.randint(1, 6))]
        if jobs and rng.random() < 0.3:
            stages = rng.choice(jobs)["stages"]
        jobs.append({"job": "j%d" % j, "app": rng.choice("xy"), "arrival_s": now,
                     "sjf_mean_s": rng.choice([1.0, 2.0, 3.5]), "stages": stages})
    if len(names) == 1 and rng.random() < 0.3:
        for job in jobs:
            for stage in job["stages"]:
                stage.pop("model", None)
    if rng.random() < 0.3:
        rng.shuffle(jobs)
    return jobs


def random_scaled_plan(rng):
    """Whole GPUs, a replica or none of each model, an autoscaler, and jobs in bursts."""
    tps = [rng.choice([1, 1, 2]) for _ in range(rng.randint(1, 3))]
    gpus = [{"id": "n%dg%d" % (node, g), "kind": "x", "memory_bytes": 80 * GIB,
             "domain": "n%d" % node} for node in range(rng.randint(1, 2))
            for g in range(rng.choice([2, 4, 8]))]
    if rng.random() < 0.3:
        rng.shuffle(gpus)
    if sum(tps) + tps.count(1) > len([g for g in gpus if g["domain"] == "n0"]):
        tps = [1]
    kind = rng.choice(["hpa", "kpa"])
    first = [g["id"] for g in gpus if g["domain"] == "n0"]
    models, planned = [], []
    for number, tp in enumerate(tps):
        config = dict(random_curves(rng), gpu="x", tp=tp, max_batch=8)
        config["decode"] = {"base_s": rng.choice([0.02, 0.5, 8]), "per_request_s": rng.choice([0, 0.01]),
                            "per_request_token_s": 0}
        models.append({"name": "ABC"[number], "weight_bytes": GIB, "kv_bytes_per_token": 0,
                       "kv_floor_bytes": 0, "runtime_bytes": 0, "configs": [config]})
        replicas = [{"gpus": first[:tp]}]
        first = first[tp:]
        if kind == "kpa" and rng.random() < 0.3:
            replicas = []
        planned.append({"model": "ABC"[number], "gpu": "x", "tp": tp, "share": 1,
                        "batch": rng.randint(1, 4), "replicas": replicas})
    scaler = {"kind": kind, "start_s": rng.choice([0, 7.5, 30])}
    if rng.random() < 0.7:
        scaler["target"] = rng.choice([0.1, 0.5, 1, 1.5])
    plan = {"format": "llmsched-plan-1", "planner": "by hand", "status": "feasible",
            "models": planned, "autoscaler": scaler}
    return (plan, {"format": "llmsched-gpus-1", "gpus": gpus},
            {"format": "llmsched-models-1", "models": models})


def bursts(rng, jobs):
    """Moves arrivals into bursts some minutes, and once an hour, apart."""
    now = 0.0
    for job in sorted(jobs, key=lambda j: j["arrival_s"]):
        if rng.random() < 0.1:
            now += rng.choice([20, 60, 97.5, 150, 400, 3600])
        now += rng.choice([0, 0.25, 1])
        job["arrival_s"] = now


class Files:
    """The inputs of `evaluate` in a folder, and what it leaves there."""

    def __init__(self, folder, plan, cluster, models, jobs):
        self.folder = folder
        for name, value in (("plan", plan), ("cluster", cluster), ("models", models)):
            support.write_json(self.path(name + ".json"), value)
        support.write_lines(self.path("jobs.jsonl"), jobs)

    def path(self, name):
        return os.path.join(self.folder, name)

    def arguments(self, *more):
        return ["evaluate", "--plan", self.path("plan.json"), "--cluster",
                self.path("cluster.json"), "--models", self.path("models.json"), "--jobs",
                self.path("jobs.jsonl"), *more]

    def evaluate(self, *more):
        """Lines of OUT and TASKS, and what was printed; CHANGES lie beside them."""
        process = support.run_well(*self.arguments("-o", self.path("out"), "--schedule",
                                                   self.path("tasks"), "--replicas",
                                                   self.path("replicas"), *more))
        return (support.read_lines(self.path("out")), support.read_lines(self.path("tasks")),
                process.stdout)
