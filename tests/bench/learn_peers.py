#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Learning beside pyAgrum, in one run: learn_peers.py BENCH_LEARN [--json]

BENCH_LEARN is the program of bench_learn.c; it writes the tables too. Needs pyAgrum (pip install
pyAgrum==3.3.1), one thread of it. Its K2 gets the order of the columns and at most two parents, and
only its structure is timed; the library's time is for structure and tables. Prints medians, ratios
and both scores.
"""

import csv
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

import pyagrum

REPEATS = 5


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return names, [[int(cell) for cell in row] for row in rows]


def bic(rows, states, child, parents):
    counts = {}
    for row in rows:
        own = counts.setdefault(tuple(row[p] for p in parents), {})
        own[row[child]] = own.get(row[child], 0) + 1
    likelihood = math.fsum(n * math.log(n / sum(own.values())) for own in counts.values() for n in own.values())
    return likelihood - math.log(len(rows)) / 2 * (states[child] - 1) * math.prod(states[p] for p in parents)


def peer(path, order_given):
    """Median seconds and BIC of what pyAgrum learns."""
    names, rows = read(path)
    states = [1 + max(column) for column in zip(*rows)]
    learner = pyagrum.BNLearner(path)
    learner.setNumberOfThreads(1)
    learner.useScoreBIC()
    learner.useNoPrior()
    learner.setMaxIndegree(2)
    if order_given:
        learner.useK2(list(range(len(names))))
    else:
        learner.useLocalSearchWithTabuList(100, 10)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        dag = learner.learnDAG()
        times.append(time.perf_counter() - start)
    score = math.fsum(bic(rows, states, c, sorted(dag.parents(c))) for c in range(len(names)))
    return statistics.median(times), score


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([arguments[1], "--csv", folder], check=True, capture_output=True)
        printed = subprocess.run([arguments[1], "--json"], check=True, capture_output=True, text=True).stdout
        results = []
        for ours in json.loads(printed)["results"]:
            if ours["score"] != "bic":
                continue
            path = os.path.join(folder, ours["table"] + ".csv")
            seconds, score = peer(path, "free" not in ours["table"])
            results.append({"table": ours["table"], "seconds": ours["seconds"], "pyagrum_seconds": seconds,
                            "share": ours["seconds"] / seconds, "bic": ours["log_score"], "pyagrum_bic": score})
    if "--json" in arguments:
        print(json.dumps({"format": "llmsched-bench-learn-peers-1", "pyagrum": pyagrum.__version__,
                          "results": results}, indent=1))
        return 0
    print("%-16s %10s %10s %8s %16s %16s" % ("table", "ms", "pyAgrum ms", "share", "BIC", "pyAgrum BIC"))
    for r in results:
        print("%-16s %10.3f %10.3f %8.3f %16.3f %16.3f" %
              (r["table"], 1e3 * r["seconds"], 1e3 * r["pyagrum_seconds"], r["share"], r["bic"], r["pyagrum_bic"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
