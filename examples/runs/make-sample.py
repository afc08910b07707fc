#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the sample of measured runs that ships in this folder.

    python3 make-sample.py TRACES [OUT]

TRACES is a folder of run files (docs/schemas.md, "Runs"); OUT is this folder
when absent. The draw is seeded: the same TRACES give the same bytes.

Tasks are shuffled; of each task at most so many runs are drawn, until the
application's room is used up. What a run did plays no part in
whether it is drawn. Runs keep their order of the source file. All runs of a
task fall on the same side of the split into training and evaluation, which is
made by a hash of the task.
"""

import collections
import json
import pathlib
import random
import sys

SEED = 20250404

# Files whose sources are under MIT, Apache-2.0 or BSD-style licences and that
# belong to a mix: the most runs of one task, and the most bytes of one application.
FILES = {
    "got_requirements__fp": (8, 95_000),
    "tree_of_thoughts__tot": (1, 95_000),
    "code_generation__mapcoder": (1, 150_000),
    "code_generation__mint": (2, 100_000),
    "code_generation__reflexion": (1, 100_000),
    "web_search__mint_hotpotqa": (4, 95_000),
    "web_search__reflexion_hotpotqa": (1, 140_000),
    "task_automation__nestools": (1, 65_000),
    "task_automation__taskbench": (1, 80_000),
}

RUN_KEYS = ("app", "job", "task", "variant", "model", "iterations", "tokens_estimated",
            "tokens_apportioned", "durations_estimated", "totals", "stages")
STAGE_KEYS = ("id", "kind", "name", "parents", "prompt_tokens", "output_tokens", "duration_s",
              "samples", "calls", "duration_est_s")


def keep(record, keys):
    """The named members that say something: null and absent are the same."""
    return {key: record[key] for key in keys if record.get(key) is not None}


def shorten(run):
    run = keep(run, RUN_KEYS)
    run["stages"] = [keep(stage, STAGE_KEYS) for stage in run["stages"]]
    return json.dumps(run, ensure_ascii=False, separators=(",", ":"))


def draw(runs, per_task, room, rng):
    """Line numbers of the runs drawn from one application, {line: text}."""
    tasks = collections.defaultdict(list)
    for line, run in runs:
        tasks[run["task"]].append((line, run))
    order = sorted(tasks)
    rng.shuffle(order)
    drawn, size = {}, 0
    for task in order:
        chosen = tasks[task]
        if len(chosen) > per_task:
            chosen = rng.sample(chosen, per_task)
        texts = {line: shorten(run) for line, run in chosen}
        more = sum(len(text.encode()) + 1 for text in texts.values())
        if size + more > room:
            break
        drawn.update(texts)
        size += more
    return drawn


def sample(source, per_task, room):
    by_app = collections.defaultdict(list)
    with open(source, encoding="utf-8") as lines:
        for number, text in enumerate(lines):
            run = json.loads(text)
            by_app[run["app"]].append((number, run))
    drawn = {}
    for app in sorted(by_app):
        rng = random.Random(f"{SEED}/{source.stem}/{app}")
        drawn.update(draw(by_app[app], per_task, room, rng))
    return [drawn[line] for line in sorted(drawn)]


def main(arguments):
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    traces = pathlib.Path(arguments[1])
    out = pathlib.Path(arguments[2]) if len(arguments) == 3 else pathlib.Path(__file__).parent
    for stem, (per_task, room) in FILES.items():
        lines = sample(traces / f"{stem}.jsonl", per_task, room)
        (out / f"{stem}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        print(f"{stem}: {len(lines)} runs")


if __name__ == "__main__":
    main(sys.argv)
