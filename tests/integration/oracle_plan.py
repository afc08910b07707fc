# SPDX-License-Identifier: Apache-2.0
"""A second, plainly written simulator of plans (docs/simulation.md, "Plans"), under fcfs.

It shares nothing with the program but the document: every request keeps the steps that it still
has to make, which are taken down event by event, crowding is worked out anew whenever it is wanted,
and an autoscaler goes through everything that it remembers. Slow on purpose.

    python3 oracle_plan.py PLAN.json CLUSTER.json MODELS.json JOBS.jsonl
"""

import json
import math
import sys

INSTANT = 1e-9


def interpolate(points, x):
    """points: pairs, ascending; linear between, constant beyond."""
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


class Curve:
    def __init__(self, config):
        self.prefill_form, self.decode_form = config["prefill"], config["decode"]
        if "table" in self.decode_form:
            self.rows = {}
            for batch, context, seconds in self.decode_form["table"]:
                self.rows.setdefault(batch, []).append((context, seconds))

    def prefill(self, tokens):
        form = self.prefill_form
        if "table" in form:
            return interpolate(form["table"], tokens)
        return form["base_s"] + form["per_token_s"] * tokens

    def decode(self, batch, context):
        form = self.decode_form
        if "table" in form:
            return interpolate([(b, interpolate(sorted(row), context))
                                for b, row in sorted(self.rows.items())], batch)
        return (form["base_s"] + form["per_request_s"] * batch +
                form["per_request_token_s"] * batch * context)


class Model:
    """A model of the plan: its configuration, and what autoscalers remember of it."""

    def __init__(self, number, fields, models, kind_of):
        self.number, self.name = number, fields["model"]
        self.kind = fields.get("gpu") or kind_of[fields["replicas"][0]["gpus"][0]]
        self.tp, self.share, self.batch = fields["tp"], fields.get("share", 1), fields["batch"]
        configs = next(m for m in models if m["name"] == self.name)["configs"]
        config = next(c for c in configs if (c["gpu"], c["tp"], c.get("share", 1)) ==
                      (self.kind, self.tp, self.share))
        self.bandwidth = config.get("bandwidth", self.share)
        self.curve = Curve(config)
        self.waiting = []
        self.recommended = []   # (time, replicas)
        self.present = []       # (time, requests from then on)
        self.panic_until = None
        self.panic_most = 0
        self.idle_since = None


class Replica:
    def __init__(self, number, model, gpus):
        self.number, self.model, self.gpus = number, model, gpus
        self.running = []
        self.ready_at = None    # while it starts
        self.leaving = self.gone = False

    def serves(self):
        return self.ready_at is None and not self.leaving and not self.gone


def split(total, parts, number):
    return total // parts + (1 if number < total % parts else 0)


class Task:
    def __init__(self, job, stage, number):
        self.job, self.stage, self.number = job, stage, number
        self.order = (job.number, stage.number, number)
        self.replica = None
        self.started = self.ended = None
        if stage.kind == "tool":
            self.left = stage.duration
        else:
            self.prompt = split(stage.prompt, stage.samples, number)
            self.output = split(stage.output, stage.samples, number)
            self.left = float(max(1, self.output))

    def context(self):
        return self.prompt + self.output / 2


class Stage:
    def __init__(self, number, fields):
        self.number, self.id, self.kind = number, fields["id"], fields["kind"]
        self.model, self.parents = fields.get("model"), fields["parents"]
        self.samples = fields.get("samples", 1)
        self.prompt, self.output = fields.get("prompt_tokens"), fields.get("output_tokens")
        self.duration = fields.get("duration_s")
        self.revealed = False
        self.unfinished = self.samples


class Job:
    def __init__(self, number, fields):
        self.number, self.arrival = number, fields["arrival_s"]
        self.stages = [Stage(i, s) for i, s in enumerate(fields["stages"])]
        self.completion = None

    def newly_ready(self):
        over = {s.id for s in self.stages if s.unfinished == 0}
        return [s for s in self.stages if not s.revealed and all(p in over for p in s.parents)]


class Simulation:
    def __init__(self, plan, cluster, models, jobs):
        self.gpus = cluster["gpus"]
        kind_of = {g["id"]: g["kind"] for g in self.gpus}
        self.models = [Model(i, m, models["models"], kind_of)
                       for i, m in enumerate(plan["models"])]
        self.by_name = {m.name: m for m in self.models}
        self.replicas = []
        for model, fields in zip(self.models, plan["models"]):
            for replica in fields["replicas"]:
                self.replicas.append(Replica(len(self.replicas), model, replica["gpus"]))
        self.scaler = plan.get("autoscaler")
        self.jobs = [Job(i, j) for i, j in enumerate(jobs)]
        self.tools, self.tasks = [], []
        self.now = 0.0
        self.changes = []   # (time, replica, model, event)
        self.ticks = 1      # number of the next

    # --- how fast -------------------------------------------------------------------

    def crowding(self, replica):
        most = 1.0
        for gpu in replica.gpus:
            here = [r.model for r in self.replicas if not r.gone and gpu in r.gpus]
            most = max(most, sum(m.share for m in here), sum(m.bandwidth for m in here))
        return most

    def step_s(self, replica):
        running = replica.running
        context = sum(t.context() for t in running) / len(running)
        curve = replica.model.curve
        prompts = sum(curve.prefill(t.prompt) / max(1, t.output) for t in running)
        return (curve.decode(len(running), context) + prompts) * self.crowding(replica)

    def busy(self):
        return [(r, self.step_s(r)) for r in self.replicas if r.running]

    # --- events ------------------------------------------------------------------------

    def pass_time(self, until, busy):
        passed = until - self.now
        for replica, step in busy:
            for task in replica.running:
                task.left -= passed / step if step > 0 else task.left
        for task in self.tools:
            task.left -= passed
        self.now = until

    def reveal(self, job):
        for stage in job.newly_ready():
            stage.revealed = True
            for number in range(stage.samples):
                task = Task(job, stage, number)
                self.tasks.append(task)
                if stage.kind == "tool":
                    task.started = self.now
                    self.tools.append(task)
                else:
                    model = self.by_name[stage.model] if stage.model else self.models[0]
                    model.waiting.append(task)
                    self.note(model)

    def finish(self, task):
        task.ended = self.now
        if task.stage.kind == "tool":
            self.tools.remove(task)
        else:
            task.replica.running.remove(task)
            self.note(task.replica.model)
        task.stage.unfinished -= 1
        if task.stage.unfinished == 0:
            self.reveal(task.job)
            if all(s.unfinished == 0 for s in task.job.stages):
                task.job.completion = self.now

    def place(self):
        for model in self.models:
            model.waiting.sort(key=lambda t: (t.job.arrival,) + t.order)
            while model.waiting:
                room = [(len(r.running), r.number) for r in self.replicas
                        if r.model is model and r.serves() and len(r.running) < model.batch]
                if not room:
                    break
                task = model.waiting.pop(0)
                task.replica = self.replicas[min(room)[1]]
                task.replica.running.append(task)
                task.started = self.now

    def run(self):
        arriving = sorted(self.jobs, key=lambda j: (j.arrival, j.number))
        while any(j.completion is None for j in self.jobs):
            busy = self.busy()
            ends = [(self.now + max(0.0, t.left) * step, t) for r, step in busy
                    for t in r.running]
            ends += [(self.now + max(0.0, t.left), t) for t in self.tools]
            times = [time for time, _ in ends] + [j.arrival for j in arriving]
            times += self.scaler_times()
            instant = max(self.now, min(times))
            done = [t for time, t in ends if time <= instant + INSTANT]
            self.pass_time(instant, busy)
            for task in sorted(done, key=lambda t: t.order):
                self.finish(task)
            now = [j for j in arriving if j.arrival <= instant + INSTANT]
            arriving = [j for j in arriving if j.arrival > instant + INSTANT]
            for job in sorted(now, key=lambda j: j.number):
                self.reveal(job)
            self.scale()
            self.place()
        return [j.completion for j in self.jobs]

    # --- what an autoscaler does -----------------------------------------------------------

    def interval(self):
        return 15.0 if self.scaler["kind"] == "hpa" else 2.0

    def scaler_times(self):
        if not self.scaler:
            return []
        starting = [r.ready_at for r in self.replicas if r.ready_at is not None and not r.gone]
        return [self.ticks * self.interval()] + starting

    def requests(self, model):
        return len(model.waiting) + sum(len(r.running) for r in self.replicas if r.model is model)

    def note(self, model):
        model.present.append((self.now, self.requests(model)))

    def live(self, model):
        return [r for r in self.replicas if r.model is model and not (r.leaving or r.gone)]

    def change(self, replica, event):
        self.changes.append((self.now, replica.number, replica.model.name, event))

    def free_gpus(self, model):
        """The lowest aligned places whose GPUs nobody holds."""
        held = {g for r in self.replicas if not r.gone for g in r.gpus}
        inside = {}
        for gpu in self.gpus:
            inside.setdefault(gpu["domain"], []).append(gpu)
        order = {g["id"]: i for i, g in enumerate(self.gpus)}
        places = []
        for gpus in inside.values():
            for i in range(0, len(gpus) - model.tp + 1, model.tp):
                some = gpus[i:i + model.tp]
                if all(g["kind"] == model.kind and g["id"] not in held for g in some):
                    places.append([g["id"] for g in some])
        return min(places, key=lambda place: order[place[0]], default=None)

    def start(self, model):
        gpus = self.free_gpus(model)
        if gpus is None:
            return False
        replica = Replica(len(self.replicas), model, gpus)
        replica.ready_at = self.now + self.scaler["start_s"]
        self.replicas.append(replica)
        self.change(replica, "start")
        return True

    def leave(self, replica):
        if replica.running:
            replica.leaving = True
            self.change(replica, "drain")
        else:
            replica.gone = True
            self.change(replica, "stop")

    def scale(self):
        if not self.scaler:
            return
        for replica in self.replicas:
            if replica.leaving and not replica.gone and not replica.running:
                replica.gone = True
                self.change(replica, "stop")
        for replica in self.replicas:
            if replica.ready_at is not None and not replica.gone and \
                    replica.ready_at <= self.now + INSTANT:
                replica.ready_at = None
                self.change(replica, "ready")
        if self.ticks * self.interval() <= self.now + INSTANT:
            for model in self.models:
                self.decide(model)
            self.ticks += 1
        for model in self.models:
            if not self.live(model) and model.waiting:
                self.start(model)

    def decide(self, model):
        live = self.live(model)
        want = self.want_hpa(model, live) if self.scaler["kind"] == "hpa" else \
            self.want_kpa(model, live)
        while len(self.live(model)) < want and self.start(model):
            pass
        for replica in sorted(live, key=lambda r: -r.number)[:max(0, len(live) - want)]:
            self.leave(replica)

    def target(self, model):
        return self.scaler.get("target", 0.7) * model.batch

    def want_hpa(self, model, live):
        now = self.ticks * 15.0
        if not live:
            return 0
        total, target, current = self.requests(model), self.target(model), len(live)
        ratio = total / (current * target)
        desired = current
        if not 0.9 - 1e-9 <= ratio <= 1.1 + 1e-9:
            desired = max(1, math.ceil(total / target - 1e-9))
        if not model.recommended:
            model.recommended.append((now, current))
        model.recommended.append((now, desired))
        if desired > current:
            return min(desired, max(2 * current, current + 4))
        highest = max(n for time, n in model.recommended if time > now - 300)
        return min(current, highest)

    def mean_requests(self, model, window):
        """Over the last seconds, or since the beginning."""
        begin = max(0.0, self.ticks * 2.0 - window)
        total, points = 0.0, model.present + [(self.now, None)]
        for (time, requests), (until, _) in zip(points, points[1:]):
            if until > begin:
                total += requests * (until - max(time, begin))
        return total / (self.ticks * 2.0 - begin)

    def want_kpa(self, model, live):
        now, target = self.ticks * 2.0, self.target(model)
        ready = max(1, sum(r.ready_at is None for r in live))
        wanted = [math.ceil(self.mean_requests(model, window) / target - 1e-9)
                  for window in (60.0, 6.0)]
        stable, short_term = (min(max(w, ready // 2), 1000 * ready) for w in wanted)
        if wanted[1] / ready >= 2:
            model.panic_until = now + 60
        elif model.panic_until is not None and now > model.panic_until:
            model.panic_until, model.panic_most = None, 0
        want = stable
        if model.panic_until is not None:
            want = model.panic_most = max(stable, short_term, model.panic_most)
        if want > 0:
            model.idle_since = None
            return want
        if model.idle_since is None:
            model.idle_since = now
        return 0 if now - model.idle_since >= 30 else min(1, len(live))


def simulate(plan, cluster, models, jobs):
    return Simulation(plan, cluster, models, jobs).run()


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    documents = [read(path) for path in sys.argv[1:4]]
    for i, completion in enumerate(simulate(*documents, read_lines(sys.argv[4]))):
        print(i, repr(completion))


if __name__ == "__main__":
    main()
