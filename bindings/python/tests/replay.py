# SPDX-License-Identifier: Apache-2.0
"""Replays a recorded scenario (tests/golden): what replay.c does, in Python."""

import json

import llmsched

KINDS = {"llm": llmsched.Kind.LLM, "regular": llmsched.Kind.REGULAR, "dynamic": llmsched.Kind.DYNAMIC}


class Job:
    def __init__(self, data):
        self.id = data["id"]
        self.data = data
        self.over = False
        self.stages = data["stages"]
        self.tasks_left = [stage.get("tasks", 1) for stage in self.stages]
        self.fails_left = [stage.get("fails", 0) for stage in self.stages]
        self.revealed = [False] * len(self.stages)


class Replay:
    def __init__(self, scenario, profile, policy):
        self.scheduler = llmsched.Scheduler(policy, seed=scenario["seed"])
        self.profile = profile
        self.jobs = {data["id"]: Job(data) for data in scenario["jobs"]}
        self.pending = []  # (end, job, stage, task, executor, fails)
        self.lines = [f"policy {policy}"]
        timeline = [(0.0, "executor", data) for data in scenario["executors"]]
        timeline += [(data["arrival_s"], "arrival", data) for data in scenario["jobs"]]
        timeline += [(data["time_s"], data["type"], data) for data in scenario["events"]]
        self.timeline = sorted(timeline, key=lambda happening: happening[0])

    def reveal(self, now, job):
        for number, stage in enumerate(job.stages):
            if job.revealed[number] or any(job.tasks_left[parent] for parent in stage["parents"]):
                continue
            self.scheduler.stage_revealed(
                now, job.id, number, KINDS[stage["kind"]], stage["name"], parents=stage["parents"],
                model=stage.get("model"), tasks=stage.get("tasks", 0), choice=stage.get("choice"),
                prompt_tokens=stage.get("prompt_tokens"))
            job.revealed[number] = True
            if stage["kind"] == "dynamic":
                job.tasks_left[number] = 0
        if not any(job.tasks_left):
            self.scheduler.job_finished(now, job.id)
            job.over = True

    def executor(self, post, now, number, data):
        post(now, number, KINDS[data["kind"]], data["capacity"], data.get("model"), data.get("curve", ()),
             data.get("price", 0.0))

    def happen(self, now, type_, data):
        if type_ == "arrival":
            job = self.jobs[data["id"]]
            self.scheduler.job_arrived(now, job.id, self.profile if data["profile"] else None,
                                       given_mean_s=data.get("given_mean_s", 0.0), tenant=data.get("tenant", 0),
                                       weight=data.get("weight", 0.0))
            self.reveal(now, job)
        elif type_ == "executor":
            self.executor(self.scheduler.executor_up, now, data["id"], data)
        elif type_ == "executor_up":
            self.executor(self.scheduler.executor_up, now, data["executor"], data)
        elif type_ == "executor_changed":
            self.executor(self.scheduler.executor_changed, now, data["executor"], data)
        elif type_ == "executor_down":
            self.pending = [p for p in self.pending if p[4] != data["executor"]]
            self.scheduler.executor_down(now, data["executor"])
        elif self.jobs[data["job"]].over:
            return
        elif type_ == "job_cancelled":
            self.pending = [p for p in self.pending if p[1] != data["job"]]
            self.scheduler.job_cancelled(now, data["job"])
            self.jobs[data["job"]].over = True
        elif type_ == "job_changed":
            self.scheduler.job_changed(now, data["job"], given_mean_s=data.get("given_mean_s", 0.0))

    def end(self, now, job, stage, task, fails):
        if fails:
            self.scheduler.task_failed(now, job.id, stage, task)
            return
        data = job.stages[stage]
        self.scheduler.task_finished(now, job.id, stage, task,
                                     data["seconds"] if data["kind"] == "regular" else None,
                                     data.get("output_tokens"))
        job.tasks_left[stage] -= 1
        if job.tasks_left[stage] == 0:
            self.reveal(now, job)

    def take_decisions(self, now):
        for decision in self.scheduler.decisions(now):
            job = self.jobs[decision.job]
            seconds = job.stages[decision.stage]["seconds"]
            fails = job.fails_left[decision.stage] > 0
            job.fails_left[decision.stage] -= fails
            self.pending.append((now + (seconds / 2 if fails else seconds), decision.job, decision.stage,
                                 decision.task, decision.executor, fails))
            self.lines.append(f"{now:10.4f}  job {decision.job} stage {decision.stage} task {decision.task}"
                              f" -> executor {decision.executor}")

    def run(self):
        now, following = 0.0, 0
        while following < len(self.timeline) or self.pending:
            times = [p[0] for p in self.pending]
            times += [self.timeline[following][0]] if following < len(self.timeline) else []
            now = min(times)
            while self.pending and min(self.pending)[0] == now:
                ended = min(self.pending)
                self.pending.remove(ended)
                _, job, stage, task, _, fails = ended
                self.end(now, self.jobs[job], stage, task, fails)
            while following < len(self.timeline) and self.timeline[following][0] == now:
                self.happen(*self.timeline[following])
                following += 1
            self.take_decisions(now)
        stats = self.scheduler.stats()
        self.lines.append(f"{now:10.4f}  the end: {stats.decisions} decisions, {stats.jobs} jobs left")
        self.scheduler.close()
        return self.lines


def replay(scenario_path, profile_path):
    """The decisions under every policy of the scenario, as text."""
    scenario = json.loads(scenario_path.read_text(encoding="utf-8"))
    with llmsched.Profile.from_json(profile_path.read_text(encoding="utf-8")) as profile:
        lines = [line for policy in scenario["policies"] for line in Replay(scenario, profile, policy).run()]
    return "\n".join(lines) + "\n"
