#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom in lib/: direction.py

base <- dag <- bayes <- profile <- quantify <- schedule, profile <- place, trace at the edge; of schedule, place knows
the public header: plans start executors.
Foreign libraries have one room each. Nothing public includes anything private.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# folder -> the folders whose headers its files may include beside its own
MAY_USE = {
    "base": set(),
    "dag": {"base"},
    "bayes": {"base", "dag"},
    "profile": {"base", "dag", "bayes"},
    "quantify": {"base", "dag", "bayes", "profile"},
    "schedule": {"base", "dag", "bayes", "profile", "quantify"},
    "place": {"base", "dag", "profile"},
    "trace": {"base", "dag", "profile"},
}
# folder -> public headers of other rooms that it may use all the same
MAY_USE_HEADERS = {"place": {"llmsched/scheduler.h"}}
# public header -> the folder that implements it
ROOM = {
    "base.h": "base", "dag.h": "dag", "network.h": "bayes", "profiler.h": "profile",
    "planner.h": "place", "quantifier.h": "quantify", "scheduler.h": "schedule", "trace.h": "trace",
}
# foreign headers and the files that may include them
FOREIGN = {
    r"gsl/": r"lib/base/numerics\.c",
    r"cjson/|cJSON": r"lib/base/json(_\w+)?\.c",
    # cJSON reads and writes numbers in the program's locale; this file makes up for it.
    r"locale\.h": r"lib/base/json(_\w+)?\.c",
}
# what a library that computes and does nothing else has no use for
REFUSED = {"time.h", "signal.h", "unistd.h", "fcntl.h", "pthread.h", "threads.h", "errno.h",
           "sys/time.h", "sys/stat.h", "sys/socket.h"}


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
            yield number, match[1] == "<", match[2]


def room_of(name):
    """The folder of lib/ that a header in quotes belongs to."""
    folder, _, rest = name.partition("/")
    if folder == "llmsched":
        return ROOM.get(rest, "every room")
    return folder if folder in MAY_USE else None


def check_private(path):
    folder = path.relative_to(ROOT / "lib").parts[0]
    where = str(path.relative_to(ROOT))
    for number, system, name in includes(path):
        for pattern, files in FOREIGN.items():
            if re.match(pattern, name) and not re.fullmatch(files, where):
                yield f"{where}:{number}: {name} belongs to {files}"
        if name in REFUSED:
            yield f"{where}:{number}: {name} has no place in the library"
        if system:
            continue
        room = room_of(name)
        if room is None and not (path.parent / name).exists():
            yield f"{where}:{number}: {name}: include by its path from lib/"
        elif (room is not None and room != folder and room not in MAY_USE[folder]
              and name not in MAY_USE_HEADERS.get(folder, set())):
            yield f"{where}:{number}: {folder} may not use {room} ({name})"


def check_public(path):
    folder = ROOM[path.name]
    for number, system, name in includes(path):
        allowed = name in ("stddef.h", "stdint.h") if system else (
            name.startswith("llmsched/") and (room_of(name) in MAY_USE[folder]
                                              or name in MAY_USE_HEADERS.get(folder, set())))
        if not allowed:
            yield f"include/llmsched/{path.name}:{number}: {name}"


def main():
    files = sorted(path for path in (ROOT / "lib").rglob("*.[ch]"))
    public = sorted(path for path in (ROOT / "include").rglob("*.h") if path.name != "llmsched.h")
    problems = [f"lib/{path.relative_to(ROOT / 'lib').parts[0]}: no room of that name"
                for path in files if path.relative_to(ROOT / "lib").parts[0] not in MAY_USE]
    problems += [f"{path}: no room implements it" for path in public if path.name not in ROOM]
    if not problems:
        problems += [problem for path in files for problem in check_private(path)]
        problems += [problem for path in public for problem in check_public(path)]
    print("\n".join(problems) or f"{len(files)} files, {len(public)} headers")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
