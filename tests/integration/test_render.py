# SPDX-License-Identifier: Apache-2.0
"""render: what a plan becomes for each target, against published names, parsers, and engines that only note how they
were started; what a target cannot express; names that hold anything."""

import os
import re
import stat
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import published_names as names
import support
from test_bad_input import expect_refusal

try:
    import yaml
except ImportError:
    support.skip("no PyYAML here (examples/install-deps.sh test)")

GIB = 1 << 30
TARGETS = ("table", "svg", "vllm", "sglang", "compose", "kserve", "ray", "mps")
SVG = "{http://www.w3.org/2000/svg}"


class Case:
    """A cluster, models and a plan made by hand; GPUs of 80 GiB in nodes of `per`."""

    def __init__(self, nodes=1, per=8, kinds=("h100-80g",)):
        self.gpus = [
            {"id": "n%dg%d" % (n, g), "kind": kinds[n % len(kinds)], "memory_bytes": 80 * GIB, "domain": "n%d" % n}
            for n in range(nodes)
            for g in range(per)
        ]
        self.models, self.placed = [], []

    def add(
        self,
        name,
        replicas,
        share=1.0,
        weight=20e9,
        batch=16,
        runtime=2e9,
        bandwidth=None,
        gpu="h100-80g",
        floor=2 * GIB,
    ):
        """Replicas as lists of positions in the cluster."""
        tp = len(replicas[0]) if replicas else 1
        config = {
            "gpu": gpu,
            "tp": tp,
            "share": share,
            "max_batch": 64,
            "prefill": {"base_s": 0.01, "per_token_s": 1e-5},
            "decode": {"base_s": 0.01, "per_request_s": 1e-4, "per_request_token_s": 1e-8},
        }
        if bandwidth is not None:
            config["bandwidth"] = bandwidth
        self.models.append(
            {
                "name": name,
                "weight_bytes": weight,
                "kv_bytes_per_token": 131072,
                "kv_floor_bytes": floor,
                "runtime_bytes": runtime,
                "configs": [config],
            }
        )
        self.placed.append(
            {
                "model": name,
                "gpu": gpu,
                "tp": tp,
                "share": share,
                "batch": batch,
                "replicas": [{"gpus": [self.gpus[g]["id"] for g in r]} for r in replicas],
            }
        )
        return self

    def bytes_of(self, number):
        m, tp = self.models[number], self.placed[number]["tp"]
        return m["weight_bytes"] / tp + m["kv_floor_bytes"] / tp + m["runtime_bytes"]

    def replicas(self):
        """(number of the model, ids of GPUs), in the order of the plan."""
        return [(m, r["gpus"]) for m, placed in enumerate(self.placed) for r in placed["replicas"]]

    def write(self, folder):
        paths = [os.path.join(folder, name) for name in ("cluster.json", "models.json", "plan.json")]
        support.write_json(paths[0], {"format": "llmsched-gpus-1", "gpus": self.gpus})
        support.write_json(paths[1], {"format": "llmsched-models-1", "models": self.models})
        support.write_json(
            paths[2], {"format": "llmsched-plan-1", "planner": "by hand", "status": "feasible", "models": self.placed}
        )
        return paths

    def arguments(self, folder, target):
        cluster, models, plan = self.write(folder)
        return ("render", plan, "--cluster", cluster, "--models", models, "--as", target)

    def render(self, target):
        with tempfile.TemporaryDirectory() as folder:
            arguments = self.arguments(folder, target)
            text = support.run_well(*arguments).stdout
            out = os.path.join(folder, "out")
            support.run_well(*arguments, "-o", out)
            with open(out, encoding="utf-8") as file:
                assert file.read() == text, "-o and standard output differ"
        return text

    def refuse(self, target, words):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            expect_refusal(
                (*self.arguments(folder, target), "-o", out),
                [target + " cannot express this plan", *words],
                (out,),
                code=1,
            )
            expect_refusal(self.arguments(folder, target), words, code=1)


def whole():
    return (
        Case()
        .add("meta/llama-70b", [[0, 1, 2, 3]], weight=140e9)
        .add("bge", [[4], [6]])
        .add("qwen/q-8b", [[5]], batch=3)
    )


def shared():
    return (
        Case(2)
        .add("meta/llama-70b", [[0, 1], [8, 9]], 0.7, 70e9)
        .add("small", [[0], [1], [2]], 0.3, 10e9)
        .add("alone", [[15]], 1.0, 20e9)
    )


# --- shell -------------------------------------------------------------------------------------------------

FAKE = """#!/bin/sh
{ printf '%%s\\0' '%s'
  printf '%%s\\0' "devices=${CUDA_VISIBLE_DEVICES-}" "percent=${CUDA_MPS_ACTIVE_THREAD_PERCENTAGE-}" \\
      "limit=${CUDA_MPS_PINNED_DEVICE_MEM_LIMIT-}"
  for a in "$@"; do printf '%%s\\0' "$a"; done
} >"$NOTES/$$.$(basename "$0")"
"""


def check_shell(text):
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, (done.stderr, text)
    assert set(re.findall(r"\bCUDA_[A-Z_]+", text)) <= names.MPS_VARIABLES


def run_shell(text, *arguments, fails=False):
    """Notes of the commands that a script starts: lists of words, of programs that only write them down."""
    check_shell(text)
    with tempfile.TemporaryDirectory() as folder:
        notes = os.path.join(folder, "notes")
        os.mkdir(notes)
        for program in ("vllm", "python3", "nvidia-cuda-mps-control", "curl", "given"):
            path = os.path.join(folder, program)
            with open(path, "w", encoding="utf-8") as file:
                file.write(FAKE % program)
            os.chmod(path, stat.S_IRWXU)
        script = os.path.join(folder, "script.sh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(text)
        env = dict(os.environ, PATH=folder + ":" + os.environ["PATH"], NOTES=notes)
        done = subprocess.run(["sh", script, *arguments], env=env, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == fails, done
        found = []
        for name in os.listdir(notes):
            with open(os.path.join(notes, name), encoding="utf-8", errors="surrogateescape") as file:
                found.append(file.read().split("\0")[:-1])
    return sorted(found)


def options_of(words, flags):
    """{flag: value} of a command line, every flag of it published."""
    pairs = dict(zip(words[::2], words[1::2]))
    assert len(words) % 2 == 0 and set(pairs) <= flags, words
    return pairs


def check_engines(case, target, node):
    """Every replica of the node, and no other, is started as the plan says."""
    notes = run_shell(case.render(target), node)
    started = [n for n in notes if n[0] in ("vllm", "python3")]
    assert any(n[0] == "nvidia-cuda-mps-control" and n[4:] == ["-d"] for n in notes) == any(
        n[2] != "percent=" for n in started
    )
    expected = []
    taken = [g for _, gpus in case.replicas() for g in gpus]
    for i, (m, gpus) in enumerate(case.replicas()):
        if not gpus[0].startswith(node + "g"):
            continue
        placed = case.placed[m]
        alone = placed["share"] == 1 and all(taken.count(g) == 1 for g in gpus)
        expected.append(
            (
                str(8000 + i),
                placed["model"],
                ",".join(g.split("g")[1] for g in gpus),
                "" if alone else "%g" % (100 * placed["share"]),
                placed["tp"],
                placed["batch"],
                m,
            )
        )
    got = []
    for n in started:
        words = n[4:]
        if target == "vllm":
            assert words[0] == "serve"
            model, options = words[1], options_of(words[2:], names.VLLM_FLAGS)
            tp, batch, part = "--tensor-parallel-size", "--max-num-seqs", "--gpu-memory-utilization"
        else:
            assert words[:2] == ["-m", "sglang.launch_server"]
            options = options_of(words[2:], names.SGLANG_FLAGS)
            model = options["--model-path"]
            tp, batch, part = "--tp-size", "--max-running-requests", "--mem-fraction-static"
        assert options["--served-model-name"] == model
        m = [p["model"] for p in case.placed].index(model)
        less = case.models[m]["runtime_bytes"] if target == "sglang" else 0
        want = (case.bytes_of(m) - less) / (80 * GIB)
        assert want - 1e-4 - 1e-12 <= float(options[part]) <= want + 1e-12, (options[part], want)
        got.append(
            (options["--port"], model, n[1].split("=")[1], n[2].split("=")[1], int(options[tp]), int(options[batch]), m)
        )
    assert sorted(got) == sorted(expected), (got, expected)
    return started


def launch_lines():
    for target in ("vllm", "sglang"):
        check_engines(whole(), target, "n0")
    for node in ("n0", "n1"):
        check_engines(shared(), "vllm", node)
    # One node needs no name; of several, a wrong one starts nothing.
    assert run_shell(whole().render("vllm")) != []
    assert run_shell(shared().render("vllm"), fails=True) == []
    assert run_shell(shared().render("vllm"), "n7", fails=True) == []
    shared().refuse("sglang", ["n0g0", "share"])
    # Engines on one GPU start one after another; the sum of their memory stays below the whole.
    text = shared().render("vllm")
    assert re.findall(r"^    up (\d+) \$!$", text, re.M) == ["8000", "8002", "8003"]
    parts = {}
    case = Case().add("a", [[0]], 0.3, 26e9).add("b", [[0]], 0.7, 51.5e9)
    for note in run_shell(case.render("vllm"), "n0"):
        if note[0] == "vllm":
            parts[note[5]] = float(note[note.index("--gpu-memory-utilization") + 1])
    assert 0.99 < sum(parts.values()) <= 1.0, parts


def mps_settings():
    case = shared()
    text = case.render("mps")
    assert run_shell(text, "start")[0][4:] == ["-d"]
    for i, (m, gpus) in enumerate(case.replicas()):
        (note,) = run_shell(text, str(i), "given", "with space", "'")
        placed = case.placed[m]
        limit = int(case.bytes_of(m) // (1 << 20))
        assert note == [
            "given",
            "devices=" + ",".join(g.split("g")[1] for g in gpus),
            "percent=%g" % (100 * placed["share"]),
            "limit=" + ",".join("%d=%dM" % (g, limit) for g in range(placed["tp"])),
            "with space",
            "'",
        ], note
    assert run_shell(text, "99", "given", fails=True) == []
    Case().add("a", [[0]] * 49, 0.02, 1e8, runtime=0, floor=1e8).refuse("mps", ["49 replicas", "48"])


# --- manifests ----------------------------------------------------------------------------------------------


def documents(text, schema):
    found = list(yaml.safe_load_all(text))
    for document in found:
        wrong = names.unknown(document, schema(document))
        assert wrong == [], wrong
    return found


def compose_of(case):
    (document,) = documents(case.render("compose"), lambda _: names.COMPOSE)
    return document["services"]


def compose():
    case = whole()
    services = compose_of(case)
    assert len(services) == len(case.replicas())
    ports = []
    for service, (m, gpus) in zip(services.values(), case.replicas()):
        placed = case.placed[m]
        assert service["entrypoint"] == ["vllm", "serve"]
        options = options_of(service["command"][1:], names.VLLM_FLAGS)
        assert (service["command"][0], options["--tensor-parallel-size"], options["--max-num-seqs"]) == (
            placed["model"],
            str(placed["tp"]),
            str(placed["batch"]),
        )
        assert 0 <= case.bytes_of(m) / (80 * GIB) - float(options["--gpu-memory-utilization"]) < 1e-4
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "device_ids": [g.split("g")[1] for g in gpus], "capabilities": ["gpu"]}
        ports += service["ports"]
        assert all(isinstance(word, str) for word in service["command"])
    assert ports == ["%d:8000" % (8000 + i) for i in range(len(ports))]
    shared().refuse("compose", ["domains n0 and n1", "one host"])
    Case().add("part", [[0]], 0.5).refuse("compose", ["part", "0.5", "whole"])
    Case().add("a", [[0]]).add("b", [[0]]).refuse("compose", ["shares a GPU", "whole"])


def kserve_schema(document):
    return names.CONFIG_MAP if document["kind"] == "ConfigMap" else names.LLM_INFERENCE_SERVICE


def kserve():
    case = whole()
    services = documents(case.render("kserve"), kserve_schema)
    assert [s["metadata"]["name"] for s in services] == ["meta-llama-70b", "bge", "qwen-q-8b"]
    for m, (service, placed) in enumerate(zip(services, case.placed)):
        spec = service["spec"]
        assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1alpha1", "LLMInferenceService")
        assert spec["model"] == {"uri": "hf://" + placed["model"], "name": placed["model"]}
        assert (spec["replicas"], spec["parallelism"]) == (len(placed["replicas"]), {"tensor": placed["tp"]})
        (container,) = spec["template"]["containers"]
        assert container["name"] == "main"  # the container that KServe's own template calls so
        want = {"nvidia.com/gpu": str(placed["tp"])}
        assert container["resources"] == {"limits": want, "requests": want}
        (env,) = container["env"]
        options = options_of(env["value"].split(), names.VLLM_FLAGS)
        assert env["name"] == "VLLM_ADDITIONAL_ARGS"
        assert (options["--max-num-seqs"], options["--tensor-parallel-size"]) == (
            str(placed["batch"]),
            str(placed["tp"]),
        )
        assert 0 <= case.bytes_of(m) / (80 * GIB) - float(options["--gpu-memory-utilization"]) < 1e-4
        assert "affinity" not in spec["template"]
    # Kinds of GPUs, by the product that the nodes are labelled with.
    mixed = Case(2, 4, ("h100-80g", "a100-80g")).add("a", [[0]]).add("b", [[4]], gpu="a100-80g")
    terms = [
        s["spec"]["template"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ][0]["matchExpressions"][0]
        for s in documents(mixed.render("kserve"), kserve_schema)
    ]
    assert [t["key"] for t in terms] == ["nvidia.com/gpu.product"] * 2
    assert "NVIDIA-H100-80GB-HBM3" in terms[0]["values"] and "NVIDIA-A100-SXM4-80GB" in terms[1]["values"]
    Case(2, 4, ("h100-80g", "own")).add("b", [[4]], gpu="own").refuse("kserve", ["own", "label"])
    assert documents(Case(2, 4, ("own",)).add("b", [[4]], gpu="own").render("kserve"), kserve_schema)


def kserve_shares():
    # Equal parts of one GPU each are what the stock device plugin can cut.
    case = Case().add("a", [[0], [1]], 0.5, 10e9).add("b", [[0], [2]], 0.5, 30e9)
    config, *services = documents(case.render("kserve"), kserve_schema)
    assert config["kind"] == "ConfigMap"
    for text in config["data"].values():
        plugin = yaml.safe_load(text)
        assert names.unknown(plugin, names.DEVICE_PLUGIN) == []
        assert plugin["sharing"]["mps"]["resources"] == [{"name": "nvidia.com/gpu", "replicas": 2}]
        assert plugin["sharing"]["mps"]["renameByDefault"] is True
    for service in services:
        (container,) = service["spec"]["template"]["containers"]
        assert container["resources"]["limits"] == {"nvidia.com/gpu.shared": "1"}
    third = Case().add("a", [[0], [0], [0]], 1 / 3, 10e9)
    assert (
        yaml.safe_load(documents(third.render("kserve"), kserve_schema)[0]["data"]["sharing"])["sharing"]["mps"][
            "resources"
        ][0]["replicas"]
        == 3
    )
    Case().add("a", [[0]], 0.5, 9e9).add("b", [[0]], 0.3, 9e9).refuse("kserve", ["shares 0.5 and 0.3", "equal parts"])
    Case().add("a", [[0]], 0.3, 9e9).refuse("kserve", ["0.3", "whole part"])
    Case().add("a", [[0, 1]], 0.5, 9e9).refuse("kserve", ["2 GPUs", "one shared GPU"])
    Case().add("a", [[0]], 0.5, 50e9).refuse("kserve", ["memory", "1/2"])
    Case().add("a", [[0]]).add("b", [[0]]).refuse("kserve", ["shares a GPU"])


def ray_of(case):
    text = case.render("ray")
    (document,) = documents(text, lambda _: names.RAY)
    (application,) = document["applications"]
    assert application["import_path"] == "ray.serve.llm:build_openai_app"
    return application["args"]["llm_configs"]


def ray():
    case = whole()
    for m, (config, placed) in enumerate(zip(ray_of(case), case.placed)):
        assert config["model_loading_config"]["model_id"] == placed["model"]
        assert config["accelerator_type"] in names.RAY_ACCELERATORS
        assert config["deployment_config"] == {
            "num_replicas": len(placed["replicas"]),
            "max_ongoing_requests": placed["batch"],
        }
        kwargs = config["engine_kwargs"]
        assert (kwargs["tensor_parallel_size"], kwargs["max_num_seqs"]) == (placed["tp"], placed["batch"])
        assert 0 <= case.bytes_of(m) / (80 * GIB) - kwargs["gpu_memory_utilization"] < 1e-4
        assert config["placement_group_config"] == {
            "bundles": [{"CPU": 1, "GPU": 1}] + [{"GPU": 1}] * (placed["tp"] - 1),
            "strategy": "STRICT_PACK",
        }
        assert "runtime_env" not in config
    # Fractions: the largest of compute, memory and bandwidth, held to the compute by MPS.
    case = Case().add("a", [[0]], 0.3, 30e9, bandwidth=0.2).add("b", [[0], [1]], 0.5, 10e9, bandwidth=0.55)
    a, b = ray_of(case)
    assert abs(a["placement_group_config"]["bundles"][0]["GPU"] - case.bytes_of(0) / (80 * GIB)) < 1.01e-4
    assert b["placement_group_config"]["bundles"] == [{"CPU": 1, "GPU": 0.55}]
    assert b["runtime_env"] == {"env_vars": {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "50"}}
    Case().add("a", [[0, 1]], 0.5).refuse("ray", ["2 GPUs", "fractions"])
    Case().add("a", [[0]], 0.3, 50e9).add("b", [[0]], 0.6, 5e9).refuse("ray", ["n0g0", "add up to"])
    Case(2, 4, ("h100-80g", "own")).add("b", [[4]], gpu="own").refuse("ray", ["own", "accelerator"])


# --- table and map -------------------------------------------------------------------------------------------


def table():
    text = shared().render("table")
    lines = text.splitlines()
    assert "3 models, 6 replicas, 6 of 16 GPUs" in lines[0]
    (line,) = [l for l in lines if l.startswith("n0g1 ")]
    assert line.split()[1:3] == ["h100-80g", "1"] and "meta/llama-70b#0 small#1" in line
    assert not any(l.startswith("n1g7 ") and "alone#0" not in l for l in lines) and not any("n1g3" in l for l in lines)


def check_svg(case, detailed):
    """Boxes inside the page, apart from each other; bars as long as the uses."""
    root = xml.etree.ElementTree.fromstring(case.render("svg"))
    width, height = float(root.get("width")), float(root.get("height"))
    rects = [
        (r.get("class"), *(float(r.get(k, 0)) for k in ("x", "y", "width", "height"))) for r in root.iter(SVG + "rect")
    ]
    assert all(x >= 0 and y >= 0 and x + w <= width + 0.1 and y + h <= height + 0.1 for _, x, y, w, h in rects)
    boxes = [r for r in rects if r[0] in ("box", "free", "box crowded")]
    taken = {g for _, gpus in case.replicas() for g in gpus}
    assert len(boxes) == len(case.gpus) and sum(b[0] == "free" for b in boxes) == len(case.gpus) - len(taken)
    assert len({b[1:3] for b in boxes}) == len(boxes)
    w, h = boxes[0][3:]
    assert all(b[3:] == (w, h) for b in boxes)
    places = {b[1:3] for b in boxes}
    for x, y in places:
        # Of boxes of one size in rows, the neighbours tell.
        assert (
            not any((x + dx, y + dy) in places for dx in range(int(w)) for dy in range(int(h)) if dx or dy)
            or not detailed
        )
    for y in {p[1] for p in places}:
        row = sorted(x for x, at in places if at == y)
        assert all(b - a >= w for a, b in zip(row, row[1:]))
    assert sum(r[0] == "panel" for r in rects) == len({g["domain"] for g in case.gpus})
    rails = [r for r in rects if r[0] == "rail"]
    assert len(rails) == 3 * len(case.gpus)
    titles = [t.text for t in root.iter(SVG + "title")]
    assert len(titles) == 3 * sum(len(gpus) for _, gpus in case.replicas())
    shown = " ".join(t.text or "" for t in root.iter(SVG + "text"))
    for gpu in case.gpus if detailed else ():
        assert gpu["id"] in shown
    return root, boxes, rails


def svg():
    case = shared()
    root, boxes, rails = check_svg(case, True)
    assert all(b[0] != "box crowded" for b in boxes)
    # The lengths of the segments in a GPU's bars add up to what it has in use.
    by_gpu = {}
    for group in root.iter(SVG + "g"):
        title = group.find(SVG + "title").text
        rect = group.find(SVG + "rect")
        by_gpu.setdefault(title.rsplit(" on ", 1)[1], []).append((float(rect.get("y")), float(rect.get("width")) + 0.7))
    room = rails[0][3]
    used = {y: 0 for y, _ in by_gpu["n0g0"]}
    for y, w in by_gpu["n0g0"]:
        used[y] += w / room
    memory, compute, bandwidth = (used[y] for y in sorted(used))
    assert abs(memory - (case.bytes_of(0) + case.bytes_of(1)) / (80 * GIB)) < 0.02
    assert abs(compute - 1.0) < 0.02 and abs(bandwidth - 1.0) < 0.02
    crowded = Case(1, 4).add("a", [[0]], 0.7).add("b", [[0]], 0.7)
    root, boxes, _ = check_svg(crowded, True)
    assert sum(b[0] == "box crowded" for b in boxes) == 1
    assert sum(line.get("class") == "over" for line in root.iter(SVG + "line")) == 2


def too_much_memory():
    case = Case().add("a", [[0]], 0.5, 60e9).add("b", [[0]], 0.5, 60e9)
    for target in ("vllm", "sglang", "compose", "kserve", "ray", "mps"):
        case.refuse(target, ["n0g0", "bytes"])
    assert "box crowded" in case.render("svg") and "n0g0" in case.render("table")


def svg_of_a_thousand():
    case = Case(128, 8)
    for m in range(40):
        case.add("owner/model-%d" % m, [[g] for g in range(m, 1024, 50)], 0.5, 5e9)
    check_svg(case, False)
    for gpu in case.gpus:
        gpu["domain"] = "one"
    root, _, _ = check_svg(case, False)
    assert 0.5 < float(root.get("width")) / float(root.get("height")) < 3


# --- names and bad input ----------------------------------------------------------------------------------------

ODD = [
    "no",
    "Yes",
    "null",
    "~",
    "1e3",
    "0x1f",
    "012",
    "1_000",
    "12:30:45",
    "2020-01-01",
    "a: b",
    "a #b",
    "- a",
    "'",
    '"',
    "\\",
    "it's",
    "$(touch x)",
    "`id`",
    "a\nb",
    "a\tb",
    " lead",
    "trail ",
    "\u00e9\u4e2d",
    "\U0001f600",
    "\u2028x",
    "\x85",
    "\ufeffx",
    "%",
    "@x",
    "&a",
    "*a",
    "!x",
    "|",
    ">",
    "{a",
    "[a",
    "]",
    ",",
    "?",
    ": ",
    "a=b",
    "=",
    "<<",
    "true",
    "on",
    ".inf",
    "-5",
    "+1",
    "--flag",
    "-",
    "&&",
    ";",
    "\x7f",
    "\x01",
    "a/b",
    "</text>",
    "x&y<z>",
    "\u0300",
    "n" * 300,
]


def odd_cases():
    for seed in support.seeds(3):
        print("seed", seed)
        rng = support.generator(seed)
        alphabet = "ab:#'\"\\\n\t -?{}[],&*!|>%@`$~=0159.eE_\u00e9\u4e2d\u2029\ufffe\U0001f600<"
        found = set(ODD)
        while len(found) < len(ODD) + 40:
            found.add("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 12))))
        yield sorted(found)


def odd_names():
    for chosen in odd_cases():
        case = Case(1, len(chosen))
        for i, name in enumerate(chosen):
            case.add(name, [[i]])
        assert [c["model_loading_config"]["model_id"] for c in ray_of(case)] == chosen
        for target in ("vllm", "sglang", "compose"):
            case.refuse(target, ["begins like an option"])
        chosen = [name for name in chosen if name[0] != "-"]
        case = Case(1, len(chosen))
        for i, name in enumerate(chosen):
            case.add(name, [[i]])
        services = compose_of(case)
        assert [s["command"][0] for s in services.values()] == chosen
        assert all(re.fullmatch("[a-z][a-z0-9-]{0,62}", s) for s in services)
        assert [c["model_loading_config"]["model_id"] for c in ray_of(case)] == chosen
        started = [n for n in run_shell(case.render("vllm")) if n[0] == "vllm"]
        assert sorted(n[5] for n in started) == sorted(chosen)
        started = [n for n in run_shell(case.render("sglang")) if n[0] == "python3"]
        assert sorted(n[n.index("--model-path") + 1] for n in started) == sorted(chosen)
        assert len(run_shell(case.render("mps"), "7", "given")) == 1
        xml.etree.ElementTree.fromstring(case.render("svg"))
        assert case.render("table").count("\n") == 3 + 2 + 2 * len(chosen) + 0
        case.refuse("kserve", ["model name", "URI"])


def odd_nodes():
    case = Case(2, 1).add("m", [[0], [1]])
    for gpu, domain in zip(case.gpus, ("a b'c", "$(exit 3)*")):
        gpu["domain"] = domain
    for i, domain in enumerate(("a b'c", "$(exit 3)*")):
        (note,) = [n for n in run_shell(case.render("vllm"), domain) if n[0] == "vllm"]
        assert note[-1] == str(8000 + i)
    xml.etree.ElementTree.fromstring(case.render("svg"))


def refusals():
    with tempfile.TemporaryDirectory() as folder:
        cluster, models, plan = whole().write(folder)
        out = os.path.join(folder, "out")
        good = ("render", plan, "--cluster", cluster, "--models", models)
        expect_refusal((*good, "--as", "nothing", "-o", out), ["render", "expected", "nothing"], (out,))
        expect_refusal(("render", plan, "--models", models), ["--cluster"])
        expect_refusal(("render", "--cluster", cluster, "--models", models), ["PLAN.json"])
        expect_refusal((*good, plan), ["PLAN.json"][1:] or ["expected"])
        for missing in range(3):
            paths = [cluster, models, plan]
            paths[missing] = os.path.join(folder, "none")
            expect_refusal(
                ("render", paths[2], "--cluster", paths[0], "--models", paths[1], "-o", out),
                ["none", "expected"],
                (out,),
            )
        expect_refusal(("render", plan, "--cluster", "8xh100", "--models", models), ["--cluster"])
        document = support.read_json(plan)
        document["models"][1]["replicas"][0]["gpus"] = ["n9g9"]
        support.write_json(plan, document)
        expect_refusal((*good, "-o", out), [plan + ":1: ", "n9g9"], (out,))
        support.write_json(
            plan, {"format": "llmsched-plan-1", "status": "infeasible", "reason": "too big", "lift": "tp 2"}
        )
        for target in TARGETS:
            expect_refusal((*good, "--as", target, "-o", out), ["too big", "tp 2"], (out,), code=1)
        # A cluster may be given in short.
        whole().write(folder)
        text = support.run_well("render", plan, "--cluster", "1x8xh100-80g", "--models", models).stdout
        assert "n0g6" in text


def applications_count():
    """With the applications, caches are as large as their calls need."""
    with tempfile.TemporaryDirectory() as folder:
        cluster, models, plan = Case().add("m", [[0]], batch=64).write(folder)
        apps = os.path.join(folder, "apps.json")
        support.write_json(
            apps,
            {
                "format": "llmsched-apps-1",
                "apps": [
                    {
                        "name": "a",
                        "rate_per_s": 0.1,
                        "calls": [{"model": "m", "calls": 1, "prompt_tokens": 3000, "output_tokens": 1000}],
                    }
                ],
            },
        )
        text = support.run_well(
            "render", plan, "--cluster", cluster, "--models", models, "--apps", apps, "--as", "vllm"
        ).stdout
        (part,) = re.findall(r"--gpu-memory-utilization ([0-9.]+)", text)
        want = (20e9 + 131072 * 4000 * 64 + 2e9) / (80 * GIB)
        assert abs(float(part) - want) < 1e-4, (part, want)


if __name__ == "__main__":
    sys.exit(
        support.main(
            [
                launch_lines,
                mps_settings,
                compose,
                kserve,
                kserve_shares,
                ray,
                table,
                svg,
                too_much_memory,
                svg_of_a_thousand,
                odd_names,
                odd_nodes,
                refusals,
                applications_count,
            ]
        )
    )
