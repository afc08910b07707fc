# SPDX-License-Identifier: Apache-2.0
"""Placements by enumeration, and what must hold of a plan: shares nothing with the library but the documents.

Latencies of applications are worked out from call latencies (of menus or of the plan) and the curves in the models
file; the best choice is found by going through all choices of the menus and packing each in all ways.
"""

import itertools

import oracle_plan

SLACK = 1e-9   # relative, of what a GPU has
EQUAL = 1e-9   # relative, of objectives


# --- latencies --------------------------------------------------------------------------


def alone(curve, call):
    prompt, output = call.get("prompt_tokens", 0), call.get("output_tokens", 0)
    return max(1, output) * curve.decode(1, prompt + output / 2) + curve.prefill(prompt)


def calls_of(apps, model):
    """(calls per second, fields) of a model's stages or lines of summaries."""
    for app in apps:
        for stage in app.get("stages", []):
            if stage.get("model") == model:
                yield app["rate_per_s"] * stage.get("probability", 1) * stage.get("tasks", 1), stage
        for call in app.get("calls", []):
            if call["model"] == model:
                yield app["rate_per_s"] * call["calls"], call


def load(apps, model):
    return sum(rate for rate, _ in calls_of(apps, model))


def find_config(models, name, item):
    configs = next(m for m in models if m["name"] == name)["configs"]
    return next(c for c in configs if (c["gpu"], c["tp"], c.get("share", 1)) == (item["gpu"], item["tp"], item["share"]))


class Latencies:
    """Of applications, given an item with a call latency of each model."""

    def __init__(self, models, apps):
        self.models, self.apps, self.known = models, apps, {}

    def factor(self, stage, item):
        """probability * alone time / mean alone time of the model's calls."""
        key = id(stage), item["gpu"], item["tp"], item["share"]
        if key not in self.known:
            curve = oracle_plan.Curve(find_config(self.models, stage["model"], item))
            total = sum(rate * alone(curve, call) for rate, call in calls_of(self.apps, stage["model"]))
            mean = total / load(self.apps, stage["model"])
            self.known[key] = stage.get("probability", 1) * (alone(curve, stage) / mean if mean > 0 else 1)
        return self.known[key]

    def of(self, app, items):
        if app.get("calls"):
            return sum(c["calls"] / c.get("overlap", 1) * items[c["model"]]["call_latency_s"]
                       for c in app["calls"] if c["calls"] > 0)
        ends = {}
        for stage in app["stages"]:
            if "model" in stage:
                takes = 0
                if stage["model"] in items:
                    item = items[stage["model"]]
                    takes = self.factor(stage, item) * item["call_latency_s"]
            else:
                takes = stage.get("probability", 1) * stage["duration_s"]
            ends[stage["id"]] = takes + max([ends[p] for p in stage["parents"]], default=0)
        return max(ends.values())

    def objective(self, items):
        """None where a limit is broken."""
        total = 0
        for app in self.apps:
            latency = self.of(app, items)
            limit = app.get("max_latency_s")
            if limit and latency > limit * (1 + EQUAL):
                return None
            total += app.get("weight", 1) * latency
        return total


# --- packing ----------------------------------------------------------------------------


class Room:
    """What is left on GPUs, and where replicas may go."""

    def __init__(self, gpus):
        self.gpus = gpus
        self.numbers = {g["id"]: i for i, g in enumerate(gpus)}
        self.domains = {}
        for number, gpu in enumerate(gpus):
            self.domains.setdefault(gpu["domain"], []).append(number)

    def sets(self, kind, tp):
        for inside in self.domains.values():
            for first in range(0, len(inside) - tp + 1, tp):
                some = inside[first:first + tp]
                if all(self.gpus[g]["kind"] == kind for g in some):
                    yield tuple(some)

    def empty(self):
        return tuple((0.0, 0.0, 0.0) for _ in self.gpus)

    def put(self, used, numbers, item):
        """None where it does not fit."""
        used = list(used)
        for g in numbers:
            share, memory, band = used[g]
            share, memory, band = share + item["share"], memory + item["memory_bytes"], band + item["bandwidth"]
            if share > 1 + SLACK or band > 1 + SLACK or memory > self.gpus[g]["memory_bytes"] * (1 + SLACK):
                return None
            used[g] = share, memory, band
        return tuple(used)


def fewest_gpus(room, items):
    """The fewest GPUs that hold the replicas of these items; None: they do not fit."""
    replicas = []
    for item in sorted(items, key=lambda i: (-i["tp"], -i["share"])):
        replicas += [(item, list(room.sets(item["gpu"], item["tp"])), n > 0) for n in range(item["replicas"])]
    if sum(i["tp"] * i["share"] * i["replicas"] for i in items) > len(room.gpus) * (1 + SLACK):
        return None
    seen = set()

    def search(at, used, first, most):
        if at == len(replicas):
            return True
        key = at, tuple((round(s, 9), round(m), round(b, 9)) for s, m, b in used), first if replicas[at][2] else 0
        if key in seen:
            return False
        seen.add(key)
        item, sets, again = replicas[at]
        for number in range(first if again else 0, len(sets)):
            after = room.put(used, sets[number], item)
            if after is not None and sum(u[0] > 0 for u in after) <= most and search(at + 1, after, number, most):
                return True
        return False

    for most in range(1, len(room.gpus) + 1):
        seen.clear()
        if search(0, room.empty(), 0, most):
            return most
    return None


def best_placement(gpus, models, apps, menus):
    """(objective, total share, GPUs touched), least in that order; None: there is none."""
    room, latencies = Room(gpus), Latencies(models, apps)
    names = [menu["model"] for menu in menus]
    choices = []
    for chosen in itertools.product(*(menu["items"] for menu in menus)):
        share = sum(i["tp"] * i["share"] * i["replicas"] for i in chosen)
        if share > len(gpus) * (1 + SLACK):
            continue
        objective = latencies.objective(dict(zip(names, chosen)))
        if objective is not None:
            choices.append((objective, share, chosen))
    choices.sort(key=lambda c: c[:2])
    best = None
    for objective, share, chosen in choices:
        if best is not None and objective > best[0] * (1 + EQUAL):
            break
        if best is not None and share > best[1] + SLACK:
            continue
        touched = fewest_gpus(room, chosen)
        if touched is not None and (best is None or share < best[1] - SLACK or touched < best[2]):
            best = (objective if best is None else best[0], share, touched)
    return best


# --- what must hold of a plan -------------------------------------------------------------


def near(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b)) + 1e-15


def replica_bytes(models, apps, model):
    """Of each GPU."""
    fields = next(m for m in models if m["name"] == model["model"])
    total = load(apps, model["model"])
    tokens = sum(rate * (c.get("prompt_tokens", 0) + c.get("output_tokens", 0))
                 for rate, c in calls_of(apps, model["model"])) / total
    cache = max(fields["kv_floor_bytes"], fields["kv_bytes_per_token"] * tokens * model["batch"])
    return (fields["weight_bytes"] + cache) / model["tp"] + fields["runtime_bytes"]


def check_plan(plan, gpus, models, apps, menus, utilisation=0.9):
    """Raises unless the plan is possible, and its figures follow from the menus."""
    room = Room(gpus)
    used, items = room.empty(), {}
    wanted = [m["name"] for m in models if load(apps, m["name"]) > 0]
    assert [m["model"] for m in plan["models"]] == wanted, "models are missing or made up"
    for model in plan["models"]:
        config = find_config(models, model["model"], model)
        item = dict(model, bandwidth=config.get("bandwidth", model["share"]),
                    memory_bytes=replica_bytes(models, apps, model), replicas=len(model["replicas"]))
        assert model["batch"] == config["max_batch"]
        assert near(model["load_per_s"], load(apps, model["model"])), model
        assert model["load_per_s"] <= utilisation * model["capacity_per_s"] * (1 + SLACK), "too busy"
        menu = next(m for m in menus if m["model"] == model["model"])["items"]
        same = [i for i in menu if all(i[k] == item[k] for k in ("gpu", "tp", "share", "replicas", "batch"))]
        assert len(same) == 1 and same[0]["call_latency_s"] == model["call_latency_s"], (model, same)
        assert near(same[0]["memory_bytes"], item["memory_bytes"]) and near(same[0]["bandwidth"], item["bandwidth"])
        allowed = set(room.sets(model["gpu"], model["tp"]))
        for replica in model["replicas"]:
            numbers = tuple(room.numbers[g] for g in replica["gpus"])
            assert numbers in allowed, "not aligned in one domain: %r" % (replica,)
            used = room.put(used, numbers, item)
            assert used is not None, "more than a GPU has: %r" % (replica,)
        items[model["model"]] = item
    latencies = Latencies(models, apps)
    for app, planned in zip(apps, plan["apps"]):
        assert app["name"] == planned["name"] and near(latencies.of(app, items), planned["latency_s"]), planned
    assert len(apps) == len(plan["apps"]) and near(latencies.objective(items), plan["objective_s"])
    for gpu, planned, taken in zip(gpus, plan["gpus"], used):
        assert gpu["id"] == planned["id"]
        for value, key in zip(taken, ("share", "memory_bytes", "bandwidth")):
            assert abs(value - planned[key]) <= 1e-6 * max(1, value), (planned, key, value)
    share = sum(i["tp"] * i["share"] * i["replicas"] for i in items.values())
    return plan["objective_s"], share, sum(u[0] > 0 for u in used)
