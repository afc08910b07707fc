#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of inference beside pyAgrum and pgmpy: run.py [--build FOLDER] [--quick]

Builds the benchmark, runs it, installs the two others in an environment of their own (under the
build folder), lets every engine answer the same queries of the same networks, checks that they
agree to 1e-9, and prints the ratios. Everything runs on one thread, one after another.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ["pyAgrum==3.3.1", "pgmpy"]
NAMES = ["chain-12", "tree-20", "dag-30"]
TOLERANCE = 1e-9


def build(folder):
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, ROOT, "-Dbuildtype=release"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, "tests/bench/bench_inference"], check=True, stdout=subprocess.DEVNULL)
    return folder / "tests" / "bench" / "bench_inference"


def environment(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    return python


# --- inside the environment ------------------------------------------------------------------


def largest_gap(network, queries, answer):
    """Over all marginals of unobserved nodes; answer(q) gives a list per node, None if observed."""
    gap = 0.0
    for query in queries:
        at = 0
        for node, got in zip(network["nodes"], answer(query)):
            want = query["marginals"][at : at + len(node["states"])]
            at += len(node["states"])
            if got is not None:
                gap = max(gap, *(abs(x - y) for x, y in zip(got, want)))
    return gap


def rate(ask, queries, seconds):
    """Queries a second: the median over passes, at least three."""
    rates, end = [], time.perf_counter() + seconds
    while len(rates) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        for query in queries:
            ask(query)
        rates.append(len(queries) / (time.perf_counter() - begin))
    return statistics.median(rates)


def agrum_engines(network):
    import numpy
    import pyagrum as gum

    bn = gum.BayesNet()
    names = [node["name"] for node in network["nodes"]]
    for node in network["nodes"]:
        bn.add(gum.LabelizedVariable(node["name"], node["name"], len(node["states"])))
    for node in network["nodes"]:
        for parent in node["parents"]:
            bn.addArc(parent, node["name"])
    sizes = {node["name"]: len(node["states"]) for node in network["nodes"]}
    for node in network["nodes"]:
        order = [*node["parents"], node["name"]]
        table = numpy.array(node["cpt"]).reshape([sizes[name] for name in order])
        tensor = bn.cpt(node["name"])
        wanted = list(reversed(tensor.names))  # slowest first, as numpy fills
        tensor.fillWith(table.transpose([order.index(name) for name in wanted]).flatten().tolist())
    ids = [bn.idFromName(name) for name in names]
    for label in ("LazyPropagation", "ShaferShenoyInference", "VariableElimination"):
        engine = getattr(gum, label)(bn)
        if hasattr(engine, "setNumberOfThreads"):
            engine.setNumberOfThreads(1)

        def ask(query, engine=engine):
            engine.eraseAllEvidence()
            engine.setEvidence({ids[i]: s for i, s in enumerate(query["observed"])})
            engine.makeInference()
            return [engine.posterior(ids[i]) for i in range(len(query["observed"]), len(ids))]

        def answer(query, ask=ask):
            return [None] * len(query["observed"]) + [tensor.tolist() for tensor in ask(query)]

        yield f"pyAgrum {label}", ask, answer


def pgmpy_engines(network):
    import logging

    import numpy

    logging.disable(logging.CRITICAL)
    import pgmpy.models as models
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import BeliefPropagation, VariableElimination

    model_type = getattr(models, "DiscreteBayesianNetwork", None) or models.BayesianNetwork
    model = model_type()
    names = [node["name"] for node in network["nodes"]]
    sizes = {node["name"]: len(node["states"]) for node in network["nodes"]}
    model.add_nodes_from(names)
    for node in network["nodes"]:
        model.add_edges_from((parent, node["name"]) for parent in node["parents"])
    for node in network["nodes"]:
        states, parents = sizes[node["name"]], node["parents"]
        table = numpy.array(node["cpt"]).reshape(-1, states).T
        model.add_cpds(TabularCPD(node["name"], states, table, parents, [sizes[p] for p in parents]))

    engine = VariableElimination(model)

    def ask(query):
        observed = {names[i]: s for i, s in enumerate(query["observed"])}
        rest = names[len(query["observed"]) :]
        return [engine.query([name], observed, show_progress=False) for name in rest]

    def answer(query):
        return [None] * len(query["observed"]) + [list(factor.values) for factor in ask(query)]

    yield "pgmpy VariableElimination", ask, answer


def peers(folder, quick):
    """Run by the environment's Python: prints a JSON object."""
    results = {}
    for name in NAMES:
        network = json.loads((folder / f"{name}.json").read_text())
        queries = json.loads((folder / f"{name}.queries.json").read_text())
        results[name] = {}
        for label, ask, answer in [*agrum_engines(network), *pgmpy_engines(network)]:
            some = queries[: (3 if quick else 6)] if label.startswith("pgmpy") else queries
            gap = largest_gap(network, some, answer)
            speed = rate(ask, some, 0.2 if quick else 2.0)
            results[name][label] = {"queries_per_s": speed, "largest_gap": gap}
    print(json.dumps(results))


# --- all together -----------------------------------------------------------------------------


def report(own, others):
    print(f"{'network':10} {'engine':34} {'queries/s':>12} {'ratio':>9} {'largest gap':>12}")
    failed = False
    for entry in own["networks"]:
        print(f"{entry['name']:10} {'llmsched':34} {entry['queries_per_s']:12.0f}")
        for label, other in others[entry["name"]].items():
            ratio = entry["queries_per_s"] / other["queries_per_s"]
            failed |= other["largest_gap"] > TOLERANCE
            print(f"{'':10} {label:34} {other['queries_per_s']:12.0f} {ratio:8.1f}x {other['largest_gap']:12.1e}")
    print("all engines agree to 1e-9" if not failed else "ENGINES DISAGREE")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures there")
    parser.add_argument("--peers", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peers:
        return peers(options.peers, options.quick)
    program = build(options.build.resolve())
    folder = options.build.resolve() / "bench-networks"
    folder.mkdir(exist_ok=True)
    figures = folder / "llmsched.json"
    subprocess.run([program, "--json", figures, "--export", folder, *(["--short"] if options.quick else [])], check=True)
    own = json.loads(figures.read_text())
    python = environment(options.build.resolve() / "bench-venv")
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    again = [python, __file__, "--peers", folder, *(["--quick"] if options.quick else [])]
    others = json.loads(subprocess.run(again, check=True, env=one_thread, stdout=subprocess.PIPE).stdout)
    failed = report(own, others)
    if options.json:
        options.json.write_text(json.dumps({"llmsched": own, "others": others}, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
