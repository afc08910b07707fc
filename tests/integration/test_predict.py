# SPDX-License-Identifier: Apache-2.0
"""`llmsched predict`: its lines, its truth recomputed, and nothing seen that is not revealed yet."""

import copy
import json
import os
import sys
import tempfile

import support

FILES = ("code_generation__mint", "got_requirements__fp", "tree_of_thoughts__tot")
PREDICTORS = ("forest", "network", "tree", "mean")
DECODE_S, PREFILL_S = 0.0112, 0.00008


def runs_of(stem):
    return support.read_lines(os.path.join(support.RUNS, stem + ".jsonl"))


def predict(folder, paths, *more):
    profiles, out = os.path.join(folder, "profiles"), os.path.join(folder, "out.jsonl")
    if not os.path.isdir(profiles):
        support.run_well("learn", support.RUNS, "-o", profiles)
    support.run_well("predict", *paths, "--profiles", profiles, "-o", out, *more)
    return support.read_lines(out)


def by_job(lines):
    jobs = {}
    for line in lines:
        jobs.setdefault((line["app"], line["job"]), []).append(line)
    return jobs


def complete(run):
    """All that the truth needs is there: no rule for missing values plays a part."""
    return all(s["kind"] == "llm" and s["output_tokens"] is not None and s["prompt_tokens"] is not None
               for s in run["stages"])


def alone_s(stage):
    return stage["prompt_tokens"] * PREFILL_S + stage["output_tokens"] * DECODE_S


def close(a, b):
    return abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))


def check_quantiles(forecast):
    assert 0.0 <= forecast["q10"] <= forecast["q50"] <= forecast["q90"], forecast
    assert forecast["mean"] >= 0.0, forecast


def test_a_line_for_each_number_of_ended_stages():
    with tempfile.TemporaryDirectory() as folder:
        for predictor in PREDICTORS:
            paths = [os.path.join(support.RUNS, stem + ".jsonl") for stem in FILES]
            jobs = by_job(predict(folder, paths, "--predictor", predictor))
            for stem in FILES:
                for run in runs_of(stem):
                    lines = jobs.pop((f"{stem}/{run['app']}", run["job"]))
                    assert [line["ended"] for line in lines] == list(range(len(run["stages"]) + 1))
                    for line in lines:
                        check_quantiles(line["llm_s"])
                        check_quantiles(line["tool_s"])
                    for name in ("llm_s", "tool_s"):
                        assert set(lines[-1][name].values()) == {0}, lines[-1]
                        assert lines[-1]["truth"][name] == 0
            assert not jobs


def test_truth():
    with tempfile.TemporaryDirectory() as folder:
        stem = "tree_of_thoughts__tot"
        jobs = by_job(predict(folder, [os.path.join(support.RUNS, stem + ".jsonl")]))
        checked = 0
        for run in runs_of(stem):
            lines = jobs[(f"{stem}/{run['app']}", run["job"])]
            # A chain: stages end in the order of the list.
            if not complete(run) or any(s["parents"] != [t["id"]] for s, t in zip(run["stages"][1:], run["stages"])):
                continue
            left = sum(alone_s(s) for s in run["stages"])
            for line, stage in zip(lines, run["stages"]):
                assert close(line["truth"]["llm_s"], left), (run["job"], line, left)
                left -= alone_s(stage)
            checked += 1
        assert checked > 20, checked


def other_future(run, ended, rng):
    """The same revealed past after so many ended stages of a chain, with other facts behind it."""
    other = copy.deepcopy(run)
    other["variant"], other["model"], other["iterations"] = "other", "other", 99
    other.pop("totals", None)
    other["stages"] = other["stages"][:ended + 1]
    last = other["stages"][-1]
    if last["kind"] == "llm":
        last["output_tokens"] = rng.randrange(1, 3000)
    else:
        last["duration_s"] = rng.random() * 20
    return other


def test_another_future_changes_nothing_before_it():
    seed = support.seeds(1)[0]
    print("seed", seed)
    rng = support.generator(seed)
    with tempfile.TemporaryDirectory() as folder:
        stem = "code_generation__mint"
        runs = [run for run in runs_of(stem) if len(run["stages"]) > 3][:20]
        runs = [dict(run, job=f"j{i}") for i, run in enumerate(runs)]
        for run in runs:  # every value given, so that no median over the file tells of it
            for stage in run["stages"]:
                if stage["kind"] == "tool":
                    stage["duration_s"] = 0.25
                stage["output_tokens"] = stage.get("output_tokens") or 50
                stage["prompt_tokens"] = stage.get("prompt_tokens") or 60
        path = os.path.join(folder, stem + ".jsonl")
        for ended, predictor in ((e, p) for e in range(3) for p in PREDICTORS):
            support.write_lines(path, runs)
            before = by_job(predict(folder, [path], "--predictor", predictor))
            support.write_lines(path, [other_future(run, ended, rng) for run in runs])
            after = by_job(predict(folder, [path], "--predictor", predictor))
            for key, lines in before.items():
                for a, b in zip(lines[:ended + 1], after[key]):
                    for name in ("llm_s", "tool_s"):
                        assert a[name] == b[name], (key, ended, predictor, a, b)


def refused(folder, *arguments):
    process = support.run("predict", *arguments, "-o", os.path.join(folder, "refused.jsonl"))
    assert process.returncode == 2, process
    assert process.stderr.count("\n") == 1, process.stderr
    assert not os.path.exists(os.path.join(folder, "refused.jsonl"))
    return process.stderr


def test_refusals():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(support.RUNS, FILES[0] + ".jsonl")
        profiles = os.path.join(folder, "profiles")
        support.run_well("learn", os.path.join(support.RUNS, FILES[1] + ".jsonl"), "-o", profiles)
        assert "expected a profile" in refused(folder, path, "--profiles", profiles)
        assert "--predictor" in refused(folder, path, "--profiles", profiles, "--predictor", "magic")
        broken = os.path.join(folder, "broken.jsonl")
        with open(broken, "w", encoding="utf-8") as file:
            file.write(json.dumps(runs_of(FILES[1])[0])[:-5] + "\n")
        assert ":1:" in refused(folder, broken, "--profiles", profiles)


if __name__ == "__main__":
    if not support.RUNS:
        support.skip("LLMSCHED_RUNS names no folder of run files")
    sys.exit(support.main([test_a_line_for_each_number_of_ended_stages, test_truth,
                           test_another_future_changes_nothing_before_it, test_refusals]))
