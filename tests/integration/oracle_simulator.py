# SPDX-License-Identifier: Apache-2.0
"""A second, plainly written simulator of docs/simulation.md.

It shares nothing with the program but the document: every request keeps its
own remaining work, which is taken down step by step, and every decision looks
through all ready tasks. Slow on purpose; for the three cross-check policies.

    python3 oracle_simulator.py CLUSTER.json JOBS.jsonl POLICY
"""

import json
import math
import sys

INSTANT = 1e-9


def tau(cluster, batch):
    points = cluster["tau"]
    if batch <= points[0][0]:
        return points[0][1]
    for (b0, t0), (b1, t1) in zip(points, points[1:]):
        if batch <= b1:
            return t0 + (t1 - t0) * (batch - b0) / (b1 - b0)
    return points[-1][1]


class Task:
    def __init__(self, job, stage, number, cluster):
        self.job, self.stage, self.number = job, stage, number
        self.tool = stage.kind == "tool"
        self.model = stage.model
        self.prompt = self.output = 0
        if self.tool:
            self.alone = stage.duration
        else:
            self.prompt = split(stage.prompt, stage.samples, number)
            self.output = split(stage.output, stage.samples, number)
            self.alone = (self.prompt * cluster["prefill_s_per_token"] +
                          self.output * tau(cluster, 1))
        self.state = "ready"
        self.place = None
        # Work left, in seconds alone or, under serial prefill, in steps.
        self.left = self.alone
        if not self.tool and cluster.get("prefill") == "serial" and self.alone > 0:
            self.left = float(max(1, self.output))

    def order(self):
        return (self.job.number, self.stage.number, self.number)


def split(total, parts, number):
    return total // parts + (1 if number < total % parts else 0)


class Stage:
    def __init__(self, number, fields):
        self.number = number
        self.id = fields["id"]
        self.kind = fields["kind"]
        self.model = fields.get("model")
        self.name = fields["name"]
        self.pool = fields.get("pool")
        self.samples = fields.get("samples", 1)
        self.parent_ids = fields["parents"]
        self.prompt = fields.get("prompt_tokens", 0)
        self.output = fields.get("output_tokens", 0)
        self.duration = fields.get("duration_s", 0.0)
        self.revealed = False
        self.tasks = []

    def finished(self):
        return self.revealed and all(t.state == "done" for t in self.tasks)


class Job:
    def __init__(self, number, fields, cluster):
        self.number = number
        self.arrival = fields["arrival_s"]
        self.sjf = fields.get("sjf_mean_s", 0.0)
        self.stages = [Stage(i, s) for i, s in enumerate(fields["stages"])]
        for stage in self.stages:
            stage.tasks = [Task(self, stage, i, cluster) for i in range(stage.samples)]
        self.arrived = False
        self.completion = None

    def reveal(self):
        finished = {s.id for s in self.stages if s.finished()}
        for stage in self.stages:
            if not stage.revealed and all(p in finished for p in stage.parent_ids):
                stage.revealed = True

    def unfinished_work(self, tool):
        return math.fsum(t.alone for s in self.stages for t in s.tasks
                         if t.tool == tool and t.state != "done")


class Simulation:
    def __init__(self, cluster, jobs, policy):
        self.cluster = cluster
        self.policy = policy
        self.jobs = [Job(i, j, cluster) for i, j in enumerate(jobs)]
        self.serial = cluster.get("prefill") == "serial"
        self.on_engine = [[] for _ in cluster["engines"]]
        pools = cluster.get("tool_pools", [])
        self.pool_of_slot = [None] * cluster["tool_slots"] + [p["name"] for p in pools
                                                              for _ in range(p["slots"])]
        self.pool_of_tool = {t: p["name"] for p in reversed(pools) for t in p.get("tools", [])}
        self.on_slot = [None] * len(self.pool_of_slot)
        self.now = 0.0

    def rate(self, engine):
        """Work per second of each request on an engine."""
        tasks = self.on_engine[engine]
        step = tau(self.cluster, len(tasks))
        if not self.serial:
            return tau(self.cluster, 1) / step
        for t in tasks:
            step += t.prompt * self.cluster["prefill_s_per_token"] / max(1, t.output)
        return 1.0 / step

    def ends(self):
        """Pairs (time, task) of all running tasks."""
        pairs = []
        for engine, tasks in enumerate(self.on_engine):
            if tasks:
                rate = self.rate(engine)
                pairs += [(self.now + max(0.0, t.left) / rate, t) for t in tasks]
        pairs += [(self.now + max(0.0, t.left), t) for t in self.on_slot if t is not None]
        return pairs

    def pass_time(self, until):
        for engine, tasks in enumerate(self.on_engine):
            if tasks:
                given = (until - self.now) * self.rate(engine)
                for t in tasks:
                    t.left -= given
        for t in self.on_slot:
            if t is not None:
                t.left -= until - self.now
        self.now = until

    def finish(self, task):
        task.state = "done"
        if task.tool:
            self.on_slot[task.place] = None
        else:
            self.on_engine[task.place].remove(task)
        if task.stage.finished():
            task.job.reveal()
            if all(s.finished() for s in task.job.stages):
                task.job.completion = self.now

    def key(self, task):
        if self.policy == "fcfs":
            return task.job.arrival
        if self.policy == "sjf-given":
            return task.job.sjf
        return math.floor(1e6 * task.job.unfinished_work(task.tool) + 0.5)

    def room(self, task):
        """The place where a task would start, or None."""
        if task.tool:
            pool = task.stage.pool or self.pool_of_tool.get(task.stage.name)
            free = [i for i, t in enumerate(self.on_slot)
                    if t is None and self.pool_of_slot[i] == pool]
            return free[0] if free else None
        places = [(len(self.on_engine[i]), i) for i, e in enumerate(self.cluster["engines"])
                  if e.get("model") == task.model and len(self.on_engine[i]) < e["max_batch"]]
        return min(places)[1] if places else None

    def decide(self):
        while True:
            best = None
            for job in self.jobs:
                if not job.arrived or job.completion is not None:
                    continue
                for stage in job.stages:
                    if not stage.revealed:
                        continue
                    for task in stage.tasks:
                        if task.state == "ready" and self.room(task) is not None:
                            rank = (self.key(task), job.arrival) + task.order()
                            if best is None or rank < best[0]:
                                best = (rank, task)
                            break  # the other tasks of the stage rank behind this one
            if best is None:
                return
            task = best[1]
            task.state = "running"
            task.place = self.room(task)
            if task.tool:
                self.on_slot[task.place] = task
            else:
                self.on_engine[task.place].append(task)

    def run(self):
        waiting = sorted(self.jobs, key=lambda j: (j.arrival, j.number))
        while any(j.completion is None for j in self.jobs):
            ends = self.ends()
            times = [t for t, _ in ends] + [j.arrival for j in waiting]
            instant = min(times)
            done = [task for time, task in ends if time <= instant + INSTANT]
            self.pass_time(instant)
            for task in sorted(done, key=Task.order):
                self.finish(task)
            arrived = [j for j in waiting if j.arrival <= instant + INSTANT]
            waiting = [j for j in waiting if j.arrival > instant + INSTANT]
            for job in sorted(arrived, key=lambda j: j.number):
                job.arrived = True
                job.reveal()
            self.decide()
        return [j.completion for j in self.jobs]


def simulate(cluster, jobs, policy):
    return Simulation(cluster, jobs, policy).run()


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cluster = json.load(file)
    for i, completion in enumerate(simulate(cluster, read_lines(sys.argv[2]), sys.argv[3])):
        print(i, repr(completion))


if __name__ == "__main__":
    main()
