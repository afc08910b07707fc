#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program and compares what it prints with a stored text.

    expect.py EXPECTED PROGRAM [ARGUMENT...]

EXPECT_UPDATE=1 in the environment stores what it prints instead.
"""

import difflib
import os
import pathlib
import subprocess
import sys


def main(arguments):
    expected, command = pathlib.Path(arguments[1]), arguments[2:]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        print(f"exit code {done.returncode}")
        return 1
    if os.environ.get("EXPECT_UPDATE"):
        expected.write_text(done.stdout, encoding="utf-8")
        return 0
    diff = list(difflib.unified_diff(expected.read_text(encoding="utf-8").splitlines(), done.stdout.splitlines(),
                                     str(expected), "what it prints", lineterm=""))
    print("\n".join(diff))
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
