#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every function is bound in each language, or excused with a reason: bound.py

NAME.excused lists what a binding leaves out, a line each: function: reason.
"""

import pathlib
import re
import sys

import interface

HERE = pathlib.Path(__file__).resolve().parent
BINDINGS = {
    # Named in the layer that people use, not in the table made from the headers.
    "python": ("../python/llmsched", "*.py", {"_generated.py"}, r'(?:lib\.|library\.|_destroy = ")(llmsched_\w+)'),
    "go": ("../go", "*.go", set(), r"\bC\.(llmsched_\w+)\("),
}


def used(folder, pattern, left_out, call):
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((HERE / folder).glob(pattern))
                     if path.name not in left_out and not path.name.endswith("_test.go"))
    return set(re.findall(call, text))


def excused(binding):
    lines = (HERE / f"{binding}.excused").read_text(encoding="utf-8").splitlines()
    entries = dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))
    return {name: reason for name, reason in entries.items() if reason.strip()}


def check(binding, functions):
    bound, excuses = used(*BINDINGS[binding]), excused(binding)
    for name in sorted(functions - bound - set(excuses)):
        yield f"{binding}: {name} is neither bound nor excused"
    for name in sorted(set(excuses) & bound):
        yield f"{binding}: {name} is excused, but bound"
    for name in sorted(set(excuses) - functions):
        yield f"{binding}: {name} is excused, but does not exist"


def main():
    functions = set(interface.read().functions)
    problems = [problem for binding in BINDINGS for problem in check(binding, functions)]
    print("\n".join(problems) or f"{len(functions)} functions, {len(BINDINGS)} bindings")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
