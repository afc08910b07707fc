#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The structs and constants as Go sees them are those of C: go_layout.py GO LAYOUT_PROGRAM"""

import pathlib
import subprocess
import sys
import tempfile

LAYOUT = pathlib.Path(__file__).resolve().parents[1] / "abi" / "layout.py"


def output(*command, cwd=None):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout


def main(arguments):
    go, program = arguments[1:]
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "go.mod").write_text("module layout\n\ngo 1.19\n", encoding="utf-8")
        pathlib.Path(folder, "main.go").write_text(output(sys.executable, str(LAYOUT), "emit-go"), encoding="utf-8")
        in_go = output(go, "run", ".", cwd=folder).splitlines()
    in_c = output(program).splitlines()
    problems = [f"C: {c}   Go: {g}" for c, g in zip(in_c, in_go) if c != g]
    if len(in_c) != len(in_go):
        problems.append(f"{len(in_c)} facts in C, {len(in_go)} in Go")
    print("\n".join(problems) or f"{len(in_c)} facts")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
