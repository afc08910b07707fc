#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of inference beside other engines: run.py [--build FOLDER] [--quick] [--growth] [NETWORK...]

Builds the benchmarks, installs the other engines in an environment of their own (under the build folder),
lets every engine answer the same queries of the same networks, checks that they agree to 1e-9, and prints
the ratios. The networks: three of a seeded generator, and the textbook networks that pgmpy's package
carries; those in $LLMSCHED_DATA/bn take the place of its own. Everything runs on one thread, one after
another.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
# bayesian-cpp computes in single precision.
PEERS = ["pyAgrum==3.3.1", "pgmpy==1.1.2", "bayesian-cpp==0.1.3", "pybbn==3.2.3"]
GENERATED = ["chain-12", "tree-20", "dag-30"]
TEXTBOOKS = ["asia", "cancer", "earthquake", "survey", "sachs", "alarm", "insurance", "hailfinder", "hepar2",
             "win95pts", "water", "mildew", "barley", "pathfinder", "andes", "pigs", "munin2", "munin4", "diabetes"]
TOLERANCE, SINGLE_TOLERANCE = 1e-9, 1e-4


def build(folder):
    if not (folder / "build.ninja").exists():
        subprocess.run(["meson", "setup", folder, ROOT, "-Dbuildtype=release"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder], check=True, stdout=subprocess.DEVNULL)
    return folder / "tests" / "bench"


def environment(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
    return python


def settings(build_folder):
    library = next((build_folder / "lib").glob("libllmsched.so*"))
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore",
            "LLMSCHED_LIBRARY": str(library), "PYTHONPATH": str(ROOT / "bindings" / "python")}


def textbooks(script, folder):
    subprocess.run([*script, "textbooks", folder], check=True, stdout=subprocess.DEVNULL)
    data = os.environ.get("LLMSCHED_DATA")
    for name in ("asia", "cancer", "sachs") if data else ():
        (folder / f"{name}.json").write_bytes((pathlib.Path(data) / "bn" / f"{name}.json").read_bytes())


def ask(script, engine, folder, name, seconds, env):
    """What the engine finished of both kinds of queries in time."""
    limit = 40 + 20 * seconds
    command = [*script, "ask", folder, str(seconds), name, engine]
    try:
        done = subprocess.run(command, env=env, timeout=limit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        printed, reason = done.stdout, done.stderr.strip().rpartition("\n")[2][:90]
    except subprocess.TimeoutExpired as late:
        printed, reason = (late.stdout or b"").decode(), f"not done after {limit:.0f} s"
    lines = [json.loads(line) for line in printed.splitlines()]
    if reason:
        lines.append({"label": engine, "failed": reason})
    return lines


def print_network(name, own, lines):
    """Microseconds a query. False: a disagreement."""
    good = True
    means = {}
    for query in own["queries"]:
        means.setdefault("one" if "target" in query else "all", []).append(query["seconds"])
    means = {kind: sum(times) / len(times) for kind, times in means.items()}
    print(f"{name}: {own['nodes']} nodes, largest clique {own['largest_clique']}, made in {1e3 * own['compile_s']:.2f} ms")
    print(f"  {'llmsched':34} all {1e6 * means['all']:13.2f} us           one {1e6 * means['one']:13.2f} us")
    for label in dict.fromkeys(line["label"] for line in lines):
        text, gap = "", 0.0
        for line in (line for line in lines if line["label"] == label):
            if "failed" in line:
                text += "  " + line["failed"]
                continue
            gap = max(gap, line["largest_gap"])
            ratio = line["seconds"] / line["own_seconds"]
            text += f" {line['kind']} {1e6 * line['seconds']:13.2f} us {ratio:8.1f}x "
        wrong = gap > (SINGLE_TOLERANCE if label.startswith("bayesian-cpp") else TOLERANCE)
        good &= not wrong or label.startswith("bayesian-cpp")
        print(f"  {label:34}{text} gap {gap:.0e}{'  DISAGREES' if wrong else ''}", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-bench")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--growth", action="store_true", help="only how the library's cost grows, without the others")
    parser.add_argument("--engines", nargs="+", help="only these")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures there")
    parser.add_argument("networks", nargs="*", help=f"default: {', '.join(GENERATED + TEXTBOOKS)}")
    options = parser.parse_args()
    folder = options.build.resolve()
    programs = build(folder)
    if options.growth:
        for program in ("bench_inference", "bench_learn"):
            subprocess.run([programs / program, "--growth"], check=True)
        return 0
    networks = folder / "bench-networks"
    networks.mkdir(exist_ok=True)
    brief, seconds = (["--short"], 0.3) if options.quick else ([], 2.0)
    subprocess.run([programs / "bench_inference", "--export", networks, *brief], check=True)
    script = [environment(folder / "bench-venv"), ROOT / "tests" / "bench" / "peers.py"]
    env = settings(folder)
    textbooks(script, networks)
    engines = json.loads(subprocess.run([*script, "engines"], check=True, stdout=subprocess.PIPE).stdout)
    unknown = sorted(set(options.engines or ()) - set(engines))
    if unknown:
        parser.error(f"no engine {', '.join(unknown)}; there are {', '.join(engines)}")
    figures, good = {}, True
    for name in options.networks or GENERATED + TEXTBOOKS:
        subprocess.run([programs / "bench_peers", *brief, networks, name], check=True)
        own = json.loads((networks / f"{name}.queries.json").read_text())
        lines = []
        for engine in options.engines or engines:
            lines += ask(script, engine, networks, name, seconds, env)
        good &= print_network(name, own, lines)
        figures[name] = {"llmsched": own, "others": lines}
    print("all engines of double precision agree to 1e-9" if good else "ENGINES DISAGREE")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
