# SPDX-License-Identifier: Apache-2.0
"""Bad input: exit code 2, one line on standard error that says where, and no output left."""

import copy
import json
import os
import sys
import tempfile
import time

import support

CLUSTER = {"engines": [{"model": "A", "max_batch": 2}], "tool_slots": 1,
           "tau": [[1, 0.01], [2, 0.012]], "prefill_s_per_token": 0.0001}
LLM = {"id": "a", "name": "a", "kind": "llm", "model": "A", "parents": [], "prompt_tokens": 5,
       "output_tokens": 7, "samples": 1}
TOOL = {"id": "b", "name": "b", "kind": "tool", "parents": ["a"], "duration_s": 1.5}
JOB = {"job": "j", "app": "x", "arrival_s": 0.5, "sjf_mean_s": 1, "stages": [LLM, TOOL]}
NETWORK = {"format": "llmsched-bn-1", "name": "n", "source": "", "nodes": [
    {"name": "x", "states": ["0", "1"], "parents": [], "cpt": [0.5, 0.5]},
    {"name": "y", "states": ["0", "1"], "parents": ["x"], "cpt": [1.0, 0.0, 0.25, 0.75]}]}
RUN = {"app": "app", "job": "r", "task": "t", "stages": [
    {"id": "a", "kind": "llm", "name": "a", "parents": [], "prompt_tokens": 5, "output_tokens": 7},
    {"id": "b", "kind": "tool", "name": "b", "parents": ["a"], "duration_s": 1.0}]}

GONE = object()


def changed(value, path, new):
    """A copy in which what stands at the path is new, or gone."""
    result = copy.deepcopy(value)
    holder = result
    for step in path[:-1]:
        holder = holder[step]
    if new is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return result


def expect_refusal(arguments, words, outputs=(), code=2, seconds=60):
    start = time.monotonic()
    process = support.run(*arguments)
    took = time.monotonic() - start
    message = process.stderr
    assert process.returncode == code, (arguments, process.returncode, message)
    assert message.startswith("llmsched: ") and message.endswith("\n"), message
    assert message.count("\n") == 1, "more than one line: " + message
    for word in words:
        assert word in message, "%r lacks %r" % (message, word)
    assert process.stdout == "", process.stdout
    assert took < seconds, "took %.1f s" % took
    for path in outputs:
        folder, name = os.path.split(path)
        left = [n for n in os.listdir(folder) if n.startswith(name)]
        assert not left, "left behind: %s" % left


class Setting:
    """A folder with good files, some of which a test spoils."""

    def __init__(self, folder):
        self.cluster, self.jobs, self.out, self.tasks, self.net, self.queries, self.runs = (
            os.path.join(folder, n) for n in
            ("c.json", "j.jsonl", "out", "tasks", "net.json", "q.json", "r.jsonl"))
        self.folder = folder
        support.write_json(self.cluster, CLUSTER)
        support.write_lines(self.jobs, [JOB])
        support.write_json(self.net, NETWORK)
        support.write_json(self.queries, {"format": "llmsched-bn-ref-1", "queries": []})
        support.write_lines(self.runs, [RUN])

    def simulate(self, *more, policy="fcfs"):
        return ("simulate", "--cluster", self.cluster, "--jobs", self.jobs, "--policy", policy,
                "-o", self.out, "--schedule", self.tasks) + more

    def refuse_simulate(self, words, **more):
        expect_refusal(self.simulate(**more), words, (self.out, self.tasks))

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def with_setting(test):
    def wrapped():
        with tempfile.TemporaryDirectory() as folder:
            test(Setting(folder))
    wrapped.__name__ = test.__name__
    return wrapped


@with_setting
def the_good_files_are_good(s):
    """Else everything below would be refused for another reason."""
    support.run_well(*s.simulate())
    support.run_well("query", "--network", s.net, "--queries", s.queries, "-o", s.out)
    support.run_well("learn", s.runs, "-o", os.path.join(s.folder, "profiles"))


@with_setting
def bad_values_in_jobs(s):
    cases = [(("arrival_s",), -1), (("arrival_s",), None), (("arrival_s",), "soon"),
             (("arrival_s",), GONE), (("job",), 5), (("job",), GONE), (("app",), None),
             (("sjf_mean_s",), -0.5), (("sjf_mean_s",), None), (("stages",), {}), (("stages",), []),
             (("stages",), GONE), (("stages", 0), 3)]
    stage = [("prompt_tokens", -1), ("prompt_tokens", None), ("prompt_tokens", 0.5),
             ("prompt_tokens", GONE), ("output_tokens", None), ("output_tokens", True),
             ("samples", 0), ("samples", 1.5), ("samples", -2), ("samples", None),
             ("kind", "cpu"), ("kind", None), ("parents", None), ("parents", "a"),
             ("parents", [1]), ("parents", ["a"]), ("parents", ["nobody"]), ("parents", ["b"]),
             ("id", None), ("id", 7), ("name", GONE), ("model", 5), ("model", "B")]
    cases += [(("stages", 0, key), new) for key, new in stage]
    cases += [(("stages", 1, key), new) for key, new in
              [("duration_s", -1), ("duration_s", None), ("duration_s", GONE), ("id", "a"),
               ("parents", ["a", "a"])]]
    for path, new in cases:
        good = dict(JOB, job="first")
        support.write_lines(s.jobs, [good, changed(JOB, path, new)])
        field = [p for p in path if isinstance(p, str)][-1]
        s.refuse_simulate([s.jobs + ":2: ", field, "expected"])


@with_setting
def bad_text_in_jobs(s):
    line = json.dumps(JOB)
    texts = [line[:-5], line + "}", line.replace("0.5", "NaN"), line.replace("0.5", "Infinity"),
             line.replace("0.5", "1e999"), line.replace("0.5", "-1e-3"), "[]", "5", "nonsense",
             line + line, line.replace('"j"', '"j\u0001"') + "x"]
    for text in texts:
        s.write(s.jobs, text + "\n")
        s.refuse_simulate([s.jobs + ":1: ", "expected"])
    s.write(s.jobs, line + "\n" + line + "\n")
    s.refuse_simulate([s.jobs + ":2: job: "])
    for text in ("", "\n\n"):
        s.write(s.jobs, text)
        s.refuse_simulate([s.jobs, "expected"])
    with open(s.jobs, "wb") as file:
        file.write(line.encode().replace(b"fcfs", b"x") + b"\0\n")
    s.refuse_simulate([s.jobs + ":1: "])


@with_setting
def bad_clusters(s):
    cases = [(("engines",), GONE), (("engines",), {}), (("engines", 0), 1),
             (("engines", 0, "max_batch"), 0), (("engines", 0, "max_batch"), 1.5),
             (("engines", 0, "max_batch"), None), (("engines", 0, "model"), 3),
             (("tool_slots",), -1), (("tool_slots",), None), (("tau",), []), (("tau",), GONE),
             (("tau", 0), [1]), (("tau", 0), [1, -0.01]), (("tau", 0), [1, 0]),
             (("tau", 0), [0, 0.01]), (("tau", 1), [1, 0.02]), (("tau", 1), [2, 0.001]),
             (("tau", 1), ["2", 0.02]), (("prefill_s_per_token",), -1),
             (("prefill_s_per_token",), None), (("prefill",), "other"), (("prefill",), 1)]
    for path, new in cases:
        support.write_json(s.cluster, changed(CLUSTER, path, new))
        s.refuse_simulate([s.cluster + ":1: ", "expected"])
    for text in ("", "{", "[]", '{"engines":'):
        s.write(s.cluster, text)
        s.refuse_simulate([s.cluster + ":", "expected"])
    for key, field in (("tool_slots", 0), ("engines", [])):
        support.write_json(s.cluster, dict(CLUSTER, **{key: field}))
        s.refuse_simulate([s.jobs + ":1: ", "expected"])


@with_setting
def lines_of_documents(s):
    """A document is one value, yet its lines are counted."""
    lines = json.dumps(dict(CLUSTER, tau=[[1, 0.01], [2, -1]]), indent=1).splitlines()
    s.write(s.cluster, "\n".join(lines))
    second = lines.index("  [", lines.index("  [") + 1) + 1
    s.refuse_simulate(["%s:%d: tau[1]: " % (s.cluster, second)])
    lines = json.dumps(changed(CLUSTER, ("engines", 0, "max_batch"), 0), indent=1).splitlines()
    s.write(s.cluster, "\n".join(lines))
    number = [i for i, l in enumerate(lines) if "max_batch" in l][0] + 1
    s.refuse_simulate(["%s:%d: engines[0].max_batch: " % (s.cluster, number)])
    s.write(s.cluster, "{\n\n}")
    s.refuse_simulate([s.cluster + ":1: engines: "])
    s.write(s.cluster, '{\n"a": "]}[{\\"",\n"engines": 4}')
    s.refuse_simulate([s.cluster + ":3: engines: "])
    s.write(s.cluster, '{\n"a": 1,\n\n"b" 2}')
    s.refuse_simulate([s.cluster + ":4: byte "])
    support.write_json(s.cluster, CLUSTER)
    query = {"format": "llmsched-bn-ref-1", "queries": [{"evidence": {}}, {"evidence": {"x": 9}}]}
    lines = json.dumps(query, indent=0).splitlines()
    s.write(s.queries, "\n".join(lines))
    number = [i for i, l in enumerate(lines) if '"x"' in l][0] + 1
    expect_refusal(command_reading(s, s.queries),
                   ["%s:%d: queries[1].evidence.x: " % (s.queries, number)], (s.out,))


@with_setting
def keys_given_twice(s):
    s.write(s.jobs, json.dumps(JOB).replace('"app": "x"', '"app": "x", "app": "y"') + "\n")
    s.refuse_simulate([s.jobs + ":1: app: expected"])
    s.write(s.jobs, json.dumps(JOB).replace('"samples": 1', '"samples": 1, "samples": 2') + "\n")
    s.refuse_simulate([s.jobs + ":1: samples: expected"])


@with_setting
def deep_and_long_texts(s):
    deep = "[" * 1000000
    for text in (deep, '{"job":' + deep, '{"a":' * 1000000):
        for path in (s.jobs, s.cluster, s.net, s.queries, s.runs):
            kept = open(path, encoding="utf-8").read()
            s.write(path, text)
            expect_refusal(command_reading(s, path), [path + ":"],
                           (s.out,))
            s.write(path, kept)
    for path in (s.jobs, s.cluster, s.net, s.queries, s.runs):
        kept = open(path, encoding="utf-8").read()
        with open(path, "wb") as file:
            file.truncate(1 << 30)  # a line of 1 GiB that takes no room on the disk
        expect_refusal(command_reading(s, path), [path], (s.out,), seconds=10)
        s.write(path, kept)


def command_reading(s, path):
    if path in (s.jobs, s.cluster):
        return s.simulate()
    if path in (s.net, s.queries):
        return ("query", "--network", s.net, "--queries", s.queries, "-o", s.out)
    return ("learn", s.runs, "-o", s.out)


@with_setting
def files_that_cannot_be_read(s):
    for path in (s.jobs, s.cluster, s.net, s.queries, s.runs):
        kept = open(path, encoding="utf-8").read()
        os.remove(path)
        expect_refusal(command_reading(s, path), [path], (s.out,))
        if path != s.runs:  # a folder of runs means its files
            os.mkdir(path)
            expect_refusal(command_reading(s, path), [path], (s.out,))
            os.rmdir(path)
        s.write(path, kept)
    os.remove(s.runs)
    os.mkdir(s.runs)
    expect_refusal(command_reading(s, s.runs), [s.runs, "*.jsonl"], (s.out,))
    expect_refusal(s.simulate("--profiles", os.path.join(s.folder, "none")), ["none"], (s.out,))


@with_setting
def endless_input(s):
    expect_refusal(("simulate", "--cluster", s.cluster, "--jobs", "/dev/zero", "--policy", "fcfs",
                    "-o", s.out), ["/dev/zero:1: "], (s.out,), seconds=10)
    expect_refusal(("learn", "/dev/zero", "-o", s.out), ["/dev/zero:1: "], (s.out,), seconds=10)
    expect_refusal(("simulate", "--cluster", "/dev/zero", "--jobs", s.jobs, "--policy", "fcfs",
                    "-o", s.out), ["/dev/zero"], (s.out,), seconds=10)


@with_setting
def outputs_that_cannot_be_written(s):
    os.mkdir(s.out)
    expect_refusal(s.simulate(), [s.out], (s.tasks,))
    os.rmdir(s.out)
    nowhere = os.path.join(s.folder, "none", "out")
    for arguments in (s.simulate()[:-4] + ("-o", nowhere),
                      ("query", "--network", s.net, "--queries", s.queries, "-o", nowhere),
                      ("learn", s.runs, "-o", os.path.join(s.runs, "x")),
                      ("generate", "-o", nowhere)):
        expect_refusal(arguments, ["expected a place that can be written"])
    expect_refusal(s.simulate()[:-4] + ("-o", "/dev/full"), ["/dev/full"])


@with_setting
def bad_runs(s):
    cases = [(("app",), GONE), (("job",), 5), (("stages",), []), (("stages",), None),
             (("stages", 0, "kind"), "cpu"), (("stages", 0, "name"), GONE),
             (("stages", 0, "parents"), ["b"]), (("stages", 1, "id"), "a"),
             (("stages", 0, "prompt_tokens"), -1), (("stages", 0, "output_tokens"), "7"),
             (("stages", 1, "duration_s"), -1), (("stages", 0, "samples"), 0)]
    for path, new in cases:
        good = dict(RUN, job="first")
        support.write_lines(s.runs, [good, changed(RUN, path, new)])
        field = [p for p in path if isinstance(p, str)][-1]
        expect_refusal(("learn", s.runs, "-o", s.out), [s.runs + ":2: ", field, "expected"],
                       (s.out,))
    s.write(s.runs, "")
    expect_refusal(("learn", s.runs, "-o", s.out), [s.runs + ":1: ", "expected"], (s.out,))


@with_setting
def bad_queries(s):
    def ask(section, entry, words):
        support.write_json(s.queries, {"format": "llmsched-bn-ref-1", section: [entry]})
        expect_refusal(("query", "--network", s.net, "--queries", s.queries, "-o", s.out),
                       [s.queries + ":", "expected"] + words, (s.out,))

    ask("queries", {}, ["queries[0].evidence"])
    ask("queries", {"evidence": {"z": 0}}, ["evidence.z"])
    ask("queries", {"evidence": {"x": 2}}, ["evidence.x"])
    ask("queries", {"evidence": {"x": -1}}, ["evidence.x"])
    ask("queries", {"evidence": {"x": "0"}}, ["evidence.x"])
    ask("queries", {"evidence": {}, "likelihood": {"x": [1]}}, ["likelihood.x"])
    ask("queries", {"evidence": {}, "likelihood": {"x": [1, -1]}}, ["likelihood.x"])
    ask("mi", {"evidence": {}, "x": "x"}, ["mi[0].y"])
    ask("mi", {"evidence": {"x": 0}, "x": "x", "y": "y"}, ["mi[0].x"])
    support.write_json(s.queries, {"queries": []})
    expect_refusal(("query", "--network", s.net, "--queries", s.queries, "-o", s.out),
                   [s.queries + ":", "format"], (s.out,))


@with_setting
def impossible_evidence_is_said_to_be(s):
    support.write_json(s.queries, {"format": "llmsched-bn-ref-1",
                                   "queries": [{"evidence": {"x": 0, "y": 1}}],
                                   "impossible": [{"evidence": {"x": 0, "y": 1}},
                                                  {"evidence": {"x": 1, "y": 1}}]})
    support.run_well("query", "--network", s.net, "--queries", s.queries, "-o", s.out)
    answer = support.read_json(s.out)
    assert answer["queries"] == [{"evidence": {"x": 0, "y": 1}, "impossible": True}]
    assert answer["impossible"][0]["impossible"] is True
    assert answer["impossible"][1]["impossible"] is False
    assert abs(answer["impossible"][1]["p_evidence"] - 0.375) < 1e-12


@with_setting
def bad_command_lines(s):
    for arguments, word in (((), "command"), (("frobnicate",), "frobnicate"),
                            (("simulate",), "--cluster"), (("simulate", "--what"), "--what"),
                            (("simulate", "--cluster"), "--cluster"),
                            (("compare", "--train", s.runs, "--seeds", "x"), "--seeds"),
                            (("compare", "--train", s.runs, "--load", "-1"), "--load"),
                            (("compare", "--train", s.runs, "--load", "nan"), "--load"),
                            (("compare", "--train", s.runs, "--seeds", "0"), "--seeds"),
                            (("compare", "--train", s.runs, "--mix", "none"), "--mix"),
                            (("compare", "--train", s.runs, "--policies", "none"), "--policies"),
                            (("compare", "--train", s.runs, "--policies", ","), "--policies"),
                            (("generate", "-o", s.out, "--jobs", "0"), "--jobs"),
                            (("query", "extra"), "extra")):
        expect_refusal(arguments, [word, "expected" if word != "--policies" else ":"], (s.out,))
    s.refuse_simulate(["nothing"], policy="nothing")
    s.refuse_simulate(["sjf_mean_s"] if remove_key(s) else [], policy="sjf-given")


def remove_key(s):
    support.write_lines(s.jobs, [changed(JOB, ("sjf_mean_s",), GONE)])
    return True


def help_everywhere():
    for arguments in (("--help",), ("-h",), ("simulate", "--help"), ("learn", "--help"),
                      ("query", "--help"), ("compare", "--help"), ("generate", "--help"), ("curves", "--help"),
                      ("render", "--help"), ("evaluate", "--help"), ("plan", "--help")):
        process = support.run_well(*arguments)
        assert process.stdout.startswith("usage: llmsched"), process.stdout


if __name__ == "__main__":
    sys.exit(support.main([the_good_files_are_good, bad_values_in_jobs, bad_text_in_jobs,
                           bad_clusters, lines_of_documents, keys_given_twice,
                           deep_and_long_texts, files_that_cannot_be_read,
                           endless_input, outputs_that_cannot_be_written, bad_runs, bad_queries,
                           impossible_evidence_is_said_to_be, bad_command_lines, help_everywhere]))
