#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up Meson's test logs: count.py BROKEN LOG...

BROKEN is the number of setups that could not be built; each counts as a failure.
The last line printed is "N passed, N failed"; the exit code is 1 unless
something passed and nothing failed.
"""

import json
import sys


def main(arguments):
    failures = [f"a setup that could not be built ({n + 1})" for n in range(int(arguments[1]))]
    passed, skipped = 0, []
    for log in arguments[2:]:
        setup = log.split("/", 1)[0]
        try:
            with open(log, encoding="utf-8") as lines:
                tests = [json.loads(line) for line in lines]
        except OSError as error:
            failures.append(f"{setup}: no test log ({error.strerror})")
            continue
        for test in tests:
            name = f"{setup}: {test['name']}"
            if test["result"] == "OK":
                passed += 1
            elif test["result"] == "SKIP":
                skipped.append(name)
            else:
                failures.append(f"{name} ({test['result']})")
    print()
    for name in skipped:
        print(f"skipped  {name}")
    for name in failures:
        print(f"failed   {name}")
    if skipped:
        print(f"{len(skipped)} skipped")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
