#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layout of everything that crosses the interface.

    layout.py emit             a C program that prints it, made from the headers
    layout.py emit-go          the same in Go, as cgo sees the structs
    layout.py check PROGRAM    compares what PROGRAM prints with baseline.txt
    layout.py update PROGRAM   writes baseline.txt anew

A struct may only grow at its end, a constant never changes. An addition fails
the check too, until `update` has put it into the baseline: so it shows in review.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bindings" / "spec"))

import interface  # noqa: E402

BASELINE = HERE / "baseline.txt"


def emit():
    found = interface.read()
    lines = ["/* Made by tests/abi/layout.py from the headers. */", '#include "llmsched/llmsched.h"',
             "#include <inttypes.h>", "#include <stdio.h>",
             "#define FIELD(s, f) printf(\"field %s.%s %zu %zu\\n\", #s, #f, offsetof(s, f), sizeof(((s *)0)->f))",
             "int main(void)", "{"]
    for name in found.constants:
        lines.append(f'    printf("constant {name} %" PRId64 "\\n", (int64_t)({name}));')
    for struct in found.structs.values():
        lines.append(f'    printf("struct {struct.name} %zu\\n", sizeof({struct.name}));')
        lines += [f"    FIELD({struct.name}, {field.name});" for field in struct.fields]
    return "\n".join([*lines, "    return 0;", "}", ""])


def emit_go():
    found = interface.read()
    lines = ["// Made by tests/abi/layout.py from the headers.", "package main", "",
             "// #cgo pkg-config: llmsched", "// #include <llmsched/llmsched.h>", 'import "C"', "",
             'import (', '\t"fmt"', '\t"unsafe"', ')', "", "func main() {"]
    lines += [f'\tfmt.Println("constant", "{name}", int64(C.{name}))' for name in found.constants]
    for struct in found.structs.values():
        lines += ["\t{", f"\t\tvar v C.{struct.name}",
                  f'\t\tfmt.Println("struct", "{struct.name}", unsafe.Sizeof(v))']
        for field in struct.fields:
            member = "v." + {"type": "_type"}.get(field.name, field.name)
            lines.append(f'\t\tfmt.Println("field", "{struct.name}.{field.name}", unsafe.Offsetof({member}), '
                         f"unsafe.Sizeof({member}))")
        lines.append("\t}")
    return "\n".join([*lines, "}", ""])


def read(text):
    """{(what, name): numbers} in order."""
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def compare(old, new):
    for key, numbers in old.items():
        if key not in new:
            yield f"{key[0]} {key[1]} is gone: this breaks the ABI"
        elif key[0] == "struct" and int(new[key][0]) > int(numbers[0]):
            yield f"struct {key[1]} grew from {numbers[0]} to {new[key][0]} bytes: an addition, if its old fields stay"
        elif new[key] != numbers:
            yield f"{key[0]} {key[1]} was {' '.join(numbers)}, is {' '.join(new[key])}: this breaks the ABI"
    for key in new:
        if key not in old:
            yield f"{key[0]} {key[1]} is new: an addition, wanted in the baseline and the changelog"


def self_check(text):
    """A check that sees no deliberate break is worth nothing."""
    layout = read(text)
    for key in [next(key for key in layout if key[0] == what) for what in ("constant", "struct", "field")]:
        changed = {**layout, key: ("12345", *layout[key][1:])}
        without = {k: v for k, v in layout.items() if k != key}
        if not all(list(compare(layout, broken)) for broken in (changed, without)):
            return [f"the check overlooks a changed {key[0]}"]
    return []


def main(arguments):
    if arguments[1] in ("emit", "emit-go"):
        sys.stdout.write(emit() if arguments[1] == "emit" else emit_go())
        return 0
    text = subprocess.run(arguments[2], check=True, capture_output=True, text=True).stdout
    if arguments[1] == "update":
        BASELINE.write_text("# Layout of the interface on 64-bit machines; tests/abi/layout.py writes it.\n" + text,
                            encoding="utf-8")
        return 0
    problems = list(compare(read(BASELINE.read_text(encoding="utf-8")), read(text))) + self_check(text)
    print("\n".join(problems) or f"{len(read(text))} facts")
    if problems:
        print(f"To accept additions: python3 {pathlib.Path(__file__).name} update {arguments[2]}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
