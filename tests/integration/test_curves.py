# SPDX-License-Identifier: Apache-2.0
"""curves: every form of profile against its formula, the published files where they are, refusals."""

import csv
import glob
import gzip
import json
import math
import os
import re
import statistics
import sys
import tempfile

import support
from test_bad_input import expect_refusal

PROFILES = os.path.join(support.DATA, "engine_profiles")
ROUNDED = 1e-8  # tables are written with nine digits


def close(a, b, tolerance=ROUNDED):
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def curves(form, files, *more):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "m.json")
        process = support.run_well("curves", "--from", form, *files, *more, "-o", out)
        document = support.read_json(out)
        the_planner_reads(out, document)
    assert document["format"] == "llmsched-models-1" and document["source"]
    for model in document["models"]:
        check_model(model)
    return document, process.stderr


def the_planner_reads(path, document):
    """It takes all models in; one configuration is placed."""
    model = document["models"][-1]
    config = model["configs"][-1]
    gpus = [{"id": "g%d" % i, "kind": config["gpu"], "memory_bytes": 1e12, "domain": "d"} for i in range(config["tp"])]
    cluster, plan = path + ".gpus", path + ".plan"
    support.write_json(cluster, {"format": "llmsched-gpus-1", "gpus": gpus})
    support.write_json(
        plan,
        {
            "format": "llmsched-plan-1",
            "models": [
                {
                    "model": model["name"],
                    "tp": config["tp"],
                    "share": config["share"],
                    "batch": 1,
                    "replicas": [{"gpus": [g["id"] for g in gpus]}],
                }
            ],
        },
    )
    table = support.run_well("render", plan, "--cluster", cluster, "--models", path).stdout
    assert "1 models, 1 replicas" in table, table


def check_model(model):
    """What the planner asks of models: amounts, ascending tables, no configuration twice."""
    assert model["name"] and model["configs"]
    for key in ("weight_bytes", "kv_bytes_per_token", "kv_floor_bytes", "runtime_bytes"):
        assert model[key] > 0, key
    seen = set()
    for config in model["configs"]:
        key = (config["gpu"], config["tp"], config["share"])
        assert key not in seen, key
        seen.add(key)
        assert 0 < config["share"] <= 1 and 0 < config.get("bandwidth", 1) <= 1
        assert config["max_batch"] >= 1
        if "table" in config["prefill"]:
            table = config["prefill"]["table"]
            assert all(a[0] < b[0] for a, b in zip(table, table[1:])), table
        if "table" in config["decode"]:
            points = [tuple(p[:2]) for p in config["decode"]["table"]]
            assert len(points) == len(set(points))


def config_of(document, model, gpu, tp, share=1.0):
    for m in document["models"]:
        if m["name"] == model:
            for c in m["configs"]:
                if (c["gpu"], c["tp"]) == (gpu, tp) and close(c["share"], share):
                    return c
    raise AssertionError("no configuration %s %s tp %d share %g" % (model, gpu, tp, share))


def along(points, x):
    """Linear between points, clamped at the ends."""
    if x <= points[0][0]:
        return points[0][1]
    for (a, s), (b, t) in zip(points, points[1:]):
        if x <= b:
            return s + (t - s) * (x - a) / (b - a)
    return points[-1][1]


def prefill_s(config, tokens):
    p = config["prefill"]
    return along([tuple(q) for q in p["table"]], tokens) if "table" in p else p["base_s"] + p["per_token_s"] * tokens


def decode_s(config, batch, context):
    d = config["decode"]
    if "table" not in d:
        return d["base_s"] + d["per_request_s"] * batch + d["per_request_token_s"] * batch * context
    by_batch = {}
    for b, x, s in d["table"]:
        by_batch.setdefault(b, []).append((x, s))
    return along([(b, along(sorted(p), context)) for b, p in sorted(by_batch.items())], batch)


class Folder:
    """Files of a test, made from text."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def file(self, name, text, packed=False):
        with (gzip.open if packed else open)(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)


# --- small files of every form ---------------------------------------------------------------------

MUX = (
    "model,tp,sm_pct,prefill_a_ms,prefill_b_ms_per_tok,decode_c_ms,decode_d_ms_per_seq,decode_e_ms_per_kvtok\n"
    "llama-7b,1,50,7.5,0.12,11.5,0.115,0.0003\nllama-7b,2,100,8,0.05,9,0.1,0.0002\nllama-13b,1,30,15,0.3,28,0.3,0.0006\n"
)
DIST = json.dumps(
    {
        "facebook/opt-13b": {
            "1": {
                "decoding_large_small_bs_threshold": 95,
                "prefill": [18.1, 0.1, 7e-6],
                "decoding_smallbs": [19.9, 6e-4, 0.04],
                "decoding_largebs": [7.1, 5e-4, 0.16],
            },
            "3": {
                "decoding_large_small_bs_threshold": 2,
                "prefill": [12.0, 0.03, 0],
                "decoding_smallbs": [10, 0, 0],
                "decoding_largebs": [7.1, 5e-4, 0.16],
            },
        }
    }
)
SILICON_HEAD = (
    "id,backend,model_path,system,precision,mode,isl,osl,batch_size,tp_size,pp_size,attention_dp_size,"
    "silicon_ttft_ms,silicon_tpot_ms\n"
)


def silicon_row(
    isl,
    osl,
    batch,
    ttft,
    tpot,
    tp=1,
    backend="vllm",
    mode="agg",
    pp="1",
    dp="1",
    precision="fp8",
    system="h200_sxm",
    model="x/Llama-3.1-70B",
):
    return "r,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n" % (
        backend,
        model,
        system,
        precision,
        mode,
        isl,
        osl,
        batch,
        tp,
        pp,
        dp,
        ttft,
        tpot,
    )


def test_muxserve():
    with Folder() as f:
        for packed in (False, True):
            document, told = curves("muxserve", [f.file("m.csv", MUX, packed)], "--max-batch", 32)
            c = config_of(document, "llama-7b", "a100-80g", 1, 0.5)
            assert c["prefill"] == {"base_s": 0.0075, "per_token_s": 0.00012}
            assert c["decode"] == {"base_s": 0.0115, "per_request_s": 0.000115, "per_request_token_s": 3e-7}
            assert c["max_batch"] == 32
            step = 0.0115 + 0.000115 * 32 + 3e-7 * 32 * 512
            used = (6.74e9 * 2 + 524288 * 32 * 512) / step / 2.039e12
            assert c["bandwidth"] == math.ceil(100 * used) / 100, (c, used)
            assert {m["name"] for m in document["models"]} == {"llama-7b", "llama-13b"}
            assert "3 curves" in told and document["measured"] is True
        document, _ = curves(
            "muxserve",
            [f.path("m.csv")],
            "--model",
            "13B",
            "--name",
            "mine",
            "--gpu",
            "a100-40g",
            "--weight-bytes",
            5,
            "--kv-bytes-per-token",
            7,
            "--kv-floor-bytes",
            9,
            "--runtime-bytes",
            11,
        )
        (m,) = document["models"]
        assert (m["name"], m["weight_bytes"], m["kv_bytes_per_token"], m["kv_floor_bytes"], m["runtime_bytes"]) == (
            "mine",
            5,
            7,
            9,
            11,
        )
        assert m["configs"][0]["gpu"] == "a100-40g"


def check_distserve(path):
    document, _ = curves("distserve", [path])
    worst = 0.0
    for name, degrees in support.read_json(path).items():
        for tp, fit in degrees.items():
            c = config_of(document, name, "a100-80g", int(tp))
            a, b, q = fit["prefill"]
            for n in range(1, 2049, 13):
                worst = max(worst, abs(prefill_s(c, n) * 1e3 / (a + b * n + q * n * n) - 1))
            for batch in (1, 2, 50, 94, 95, 128, 256):
                a, b, q = fit[
                    "decoding_smallbs" if batch < fit["decoding_large_small_bs_threshold"] else "decoding_largebs"
                ]
                for x in (1, 77, 2048):
                    assert close(decode_s(c, batch, x) * 1e3, a + b * batch * x + q * batch, 1e-7), (name, tp, batch, x)
    assert worst < 0.004, worst


def test_distserve():
    with Folder() as f:
        check_distserve(f.file("p.json", DIST))


def test_silicon():
    rows = [
        silicon_row(1000, 1000, 4, 200, 20),
        silicon_row(1000, 1000, 4, 220, 22),
        silicon_row(1000, 1000, 4, 500, 30),
        silicon_row(1000, 1000, 8, 300, 26),
        silicon_row(1000, 1000, 16, 400, 34),
        # The longer answers: noise that is faster, and a batch that waited for room.
        silicon_row(1000, 3000, 4, 210, 21),
        silicon_row(1000, 3000, 8, 310, 30),
        silicon_row(1000, 3000, 16, 5000, 31),
        silicon_row(4000, 1000, 4, 900, 90),
        # None of these counts.
        silicon_row(1000, 1000, 4, 1, 1, backend="trtllm"),
        silicon_row(1000, 1000, 4, 1, 1, mode="disagg"),
        silicon_row(1000, 1000, 4, 1, 1, pp="2"),
        silicon_row(1000, 1000, 4, 1, 1, dp="8"),
        # One batch only: left out.
        silicon_row(1000, 1000, 4, 100, 10, tp=2),
    ]
    with Folder() as f:
        document, told = curves("aiconfigurator-silicon", [f.file("s.csv", SILICON_HEAD + "".join(rows))])
        assert "1 combinations left out" in told and "tp 2" in told
        (model,) = document["models"]
        (c,) = model["configs"]
        assert (model["name"], model["weight_bytes"]) == ("x/Llama-3.1-70B", 70.6e9)
        want = {
            (1, 1500): 19,
            (4, 1500): 22,
            (8, 1500): 26,
            (16, 1500): 34,
            (1, 2500): 19,
            (4, 2500): 22,
            (8, 2500): 30,
            (16, 2500): 30 * 34 / 26,
        }
        got = {(b, x): s * 1e3 for b, x, s in c["decode"]["table"]}
        assert got.keys() == want.keys() and all(close(got[k], want[k]) for k in want), got
        # Shortest time at batch 4, median of a cell; the line's end; twice the longest.
        want = [[0, 0.042], [1000, 0.21], [4000, 0.9], [8000, 1.8]]
        assert all(a[0] == b[0] and close(a[1], b[1]) for a, b in zip(c["prefill"]["table"], want)), c["prefill"]
        # The bandwidth is that of the batch asked for.
        document, _ = curves("aiconfigurator-silicon", [f.path("s.csv")], "--max-batch", 9)
        (c,) = document["models"][0]["configs"]
        assert c["max_batch"] == 9
        assert c["bandwidth"] == math.ceil(100 * (70.6e9 + 327680 * 8 * 1500) / 0.026 / 4.8e12) / 100, c["bandwidth"]
        both = [silicon_row(1000, 1000, b, 1, b, precision=p) for b in (4, 8) for p in ("fp8", "bf16")]
        document, _ = curves("aiconfigurator-silicon", [f.file("t.csv", SILICON_HEAD + "".join(both))])
        weights = {m["name"]: m["weight_bytes"] for m in document["models"]}
        assert weights == {"x/Llama-3.1-70B:bf16": 141.2e9, "x/Llama-3.1-70B:fp8": 70.6e9}
        document, _ = curves("aiconfigurator-silicon", [f.path("t.csv")], "--precision", "bf16")
        assert [m["name"] for m in document["models"]] == ["x/Llama-3.1-70B"]


def test_helix():
    with Folder() as f:
        files = [
            f.file("llama2_70b_t4x2_decode_bs2time.csv", "0,0\n2,1.5\n10,2.5\n"),
            f.file("llama2_70b_t4x2_prompt_bs2time.csv", "0,0\r\n250,6\r\n500,13"),
            f.file("llama2_70b_a100_prompt_bs2time.csv", "250,2\n500,4\n"),
        ]
        document, told = curves("helix", files)
        c = config_of(document, "llama2_70b", "t4-16g", 2)
        assert c["prefill"]["table"] == [[250, 0.48], [500, 1.04]]
        assert [(b, s) for b, _, s in c["decode"]["table"]] == [(2, 0.12), (10, 0.2)] and c["max_batch"] == 10
        assert "only the prompt file" in told
        document, _ = curves(
            "helix",
            [f.file("own_l4_decode_bs2time.csv", "1,1\n2,2\n"), f.file("own_l4_prompt_bs2time.csv", "1,1\n2,2\n")],
            "--layers",
            10,
            "--kv-heads",
            2,
            "--weight-bytes",
            1e9,
        )
        assert config_of(document, "own", "l4-24g", 1)["decode"]["table"][1][2] == 0.02
        assert document["models"][0]["kv_bytes_per_token"] == 2 * 10 * 2 * 128 * 2


def gemm(m, n, k):
    return 0.01 + (n * k * 2 + m * k) / 1e9 + m * n * k / 1e12


def ops_files(f, heads=(8, 4), kv=(2, 1)):
    """Tables on coarse axes for a model of 256 features; times follow formulas."""

    def table(name, head, rows):
        return f.file(name, head + "\n" + "".join(",".join(map(str, r)) + "\n" for r in rows))

    tokens = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
    axis = (32, 64, 256, 512, 1024)
    return [
        table(
            "a100_gemm_perf.csv",
            "gemm_dtype,m,n,k,latency_ms",
            [("bfloat16", m, n, k, gemm(m, n, k)) for m in tokens for n in axis for k in axis]
            + [("fp8", 1, 32, 32, 1e-3)],
        ),
        table(
            "a100_context_attention_perf.csv",
            "batch_size,isl,num_heads,num_key_value_heads,kv_cache_dtype,latency_ms",
            [(1, n, h, g, "bfloat16", n * h * 1e-4) for n in tokens[:-1] for h, g in zip(heads, kv)],
        ),
        table(
            "a100_generation_attention_perf.csv",
            "batch_size,step,num_heads,num_key_value_heads,kv_cache_dtype,latency_ms",
            [
                (b, x, h, g, "bfloat16", b * x * h * 1e-6)
                for b in (1, 2, 4, 8, 16)
                for x in (127, 511, 1023)
                for h, g in zip(heads, kv)
            ],
        ),
        table(
            "a100_custom_allreduce_perf.csv",
            "num_gpus,message_size,backend,latency_ms",
            [(2, s, "vllm_graph", 0.005 + s * 1e-8) for s in (128, 1 << 22)] + [(2, 128, "vllm_eager", 9)],
        ),
    ]


OWN = (
    "--layers",
    3,
    "--hidden",
    256,
    "--heads",
    8,
    "--kv-heads",
    2,
    "--head-dim",
    32,
    "--ffn",
    512,
    "--vocabulary",
    3072,
    "--weight-bytes",
    1e9,
)


def ops_layer(m, tp):
    h, d, ffn = 256, 32, 512
    step = (
        gemm(m, (8 // tp + 2 * max(1, 2 // tp)) * d, h)
        + gemm(m, h, 8 * d // tp)
        + gemm(m, 2 * ffn // tp, h)
        + gemm(m, h, ffn // tp)
    )
    return step + (2 * (0.005 + m * h * 1e-8) if tp > 1 else 0)


def head(m, tp):
    n = 3072 // tp
    slices = math.ceil(n / 1024)
    return slices * gemm(m, n / slices, 256)


def test_ops():
    with Folder() as f:
        document, told = curves("aiconfigurator-ops", ops_files(f), "--model", "own", *OWN)
        assert "2 combinations left out" in told  # no heads for 4 and 8 GPUs
        for tp in (1, 2):
            c = config_of(document, "own", "a100-80g", tp)
            assert c["max_batch"] == 16
            for n, s in c["prefill"]["table"]:
                want = 3 * (ops_layer(n, tp) + n * (8 // tp) * 1e-4) + head(1, tp)
                assert close(s * 1e3, want, 1e-7), (tp, n, s, want)
            points = {(b, x): s for b, x, s in c["decode"]["table"]}
            assert points.keys() == {(b, x) for b in (1, 2, 4, 8, 16) for x in (127, 511, 1023)}
            for (b, x), s in points.items():
                want = 3 * (ops_layer(b, tp) + b * x * (8 // tp) * 1e-6) + head(b, tp)
                assert close(s * 1e3, want, 1e-7), (tp, b, x, s, want)


def vidur_files(f):
    names = [
        "input_layernorm",
        "attn_pre_proj",
        "attn_rope",
        "attn_post_proj",
        "post_attention_layernorm",
        "mlp_up_proj",
        "mlp_act",
        "mlp_down_proj",
        "add",
    ]
    head_line = ",".join("time_stats.%s.median" % n for n in names)
    lines = [head_line + ",n_head,n_kv_head,n_embd,n_expanded_embd,vocab_size,num_tokens,num_tensor_parallel_workers"]
    for tp in (1, 2):
        for m in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
            for noise in (0, 0.5, 70):  # the median counts
                lines.append(
                    ",".join(str((i + 1) * (m + noise) * 1e-3 / tp) for i in range(9))
                    + ",8,2,256,512,3072,%d,%d" % (m, tp)
                )
    network = "time_stats.all_reduce.median,num_workers,size,devices_per_node\n" + "".join(
        "%r,2,%d,%d\n" % (0.01 + s * 1e-8 + (node == 1), s, node) for s in (128, 1 << 24) for node in (1, 2)
    )
    return [f.file("compute_a100_own_mlp.csv", "\n".join(lines)), f.file("network_a100_dgx_all_reduce.csv", network)]


def test_vidur():
    with Folder() as f:
        attention = [p for p in ops_files(f) if "attention" in p]
        more = ("--layers", 3, "--head-dim", 32, "--kv-heads", 2, "--weight-bytes", 1e9, "--name", "own")
        document, _ = curves("vidur", vidur_files(f) + attention, *more)
        for tp in (1, 2):
            c = config_of(document, "own", "a100-80g", tp)
            for b, x, s in c["decode"]["table"]:
                layer = 45 * (b + 0.5) * 1e-3 / tp + (2 * (0.01 + b * 256 * 2 * 1e-8) if tp > 1 else 0)
                assert close(s * 1e3, 3 * (layer + b * x * (8 // tp) * 1e-6), 1e-7), (tp, b, x, s)
        expect_refusal(
            ("curves", "--from", "vidur", *vidur_files(f), "-o", f.path("o")), ["attention", "expected"], (f.path("o"),)
        )


BLIS_HEAD = (
    "model_hf_repo,hardware,hardware_count,prompt_tokens,output_tokens,requests_per_second,responses_per_second,"
    "ttft_mean,itl_mean,e2e_mean\n"
)


def test_blis():
    text = (
        BLIS_HEAD
        + "o/llama-3.1-8b-w8a8,H100,2,500,200,1,1,30,8,2000\no/llama-3.1-8b-w8a8,H100,2,500,200,3,2.5,29,9,2200\n"
        "o/llama-3.1-8b-w8a8,H100,4,500,200,1,1,30,8,2000\n"
    )
    with Folder() as f:
        document, told = curves("blis", [f.file("b.csv", text)])
        assert document["measured"] is False and "SIMULATED, not measured" in told and "simulated" in document["source"]
        assert "1 combinations left out" in told
        c = config_of(document, "o/llama-3.1-8b-w8a8", "h100-80g", 2)
        assert c["decode"]["table"] == [[1, 600, 0.008], [2, 600, 0.008], [5.5, 600, 0.009]] and c["max_batch"] == 5
        assert c["prefill"]["table"] == [[0, 0], [500, 0.029], [1000, 0.058]]
        assert document["models"][0]["weight_bytes"] == 8.03e9


# --- the published files -------------------------------------------------------------------------------


def rows_of(pattern):
    (path,) = glob.glob(os.path.join(PROFILES, pattern))
    with open(path, encoding="utf-8") as file:
        return path, list(csv.DictReader(file))


def published_muxserve():
    path, rows = rows_of("muxserve_fit/*.csv")
    document, _ = curves("muxserve", [path])
    for r in rows:
        c = config_of(document, r["model"], "a100-80g", int(r["tp"]), int(r["sm_pct"]) / 100)
        for n in (32, 512):
            assert close(prefill_s(c, n) * 1e3, float(r["prefill_a_ms"]) + float(r["prefill_b_ms_per_tok"]) * n)
            for b in (1, 64):
                want = (
                    float(r["decode_c_ms"])
                    + float(r["decode_d_ms_per_seq"]) * b
                    + float(r["decode_e_ms_per_kvtok"]) * b * n
                )
                assert close(decode_s(c, b, n) * 1e3, want)
    assert sum(len(m["configs"]) for m in document["models"]) == len(rows)


def published_distserve():
    for path in glob.glob(os.path.join(PROFILES, "distserve", "*.json")):
        check_distserve(path)


def published_silicon():
    """Exact at every cell of the shorter answers; of the longer, but where they were faster or had to wait."""
    path, rows = rows_of("aiconfigurator_silicon/*.csv")
    kinds = {"h100_sxm": "h100-80g", "h200_sxm": "h200-141g", "b200_sxm": "b200-192g"}
    for backend in ("vllm", "trtllm"):
        document, _ = curves(
            "aiconfigurator-silicon",
            [path],
            "--model",
            "meta-llama/Llama-3.1-70B",
            "--precision",
            "fp8",
            "--backend",
            backend,
        )
        cells = {}
        for r in rows:
            if (r["mode"], r["model_path"], r["precision"], r["backend"]) == (
                "agg",
                "meta-llama/Llama-3.1-70B",
                "fp8",
                backend,
            ):
                key = (r["system"], int(r["tp_size"]), int(r["isl"]), int(r["osl"]), int(r["batch_size"]))
                cells.setdefault(key, []).append((float(r["silicon_ttft_ms"]), float(r["silicon_tpot_ms"])))
        errors, moved, prompts = [], 0, {}
        for (system, tp, isl, osl, batch), found in cells.items():
            c = config_of(document, "meta-llama/Llama-3.1-70B", kinds[system], tp)
            ttft, tpot = (statistics.median(v[i] for v in found) for i in (0, 1))
            if isl == 1024:
                error = decode_s(c, batch, isl + osl / 2) * 1e3 / tpot - 1
                errors.append(abs(error))
                moved += abs(error) > 0.02
                assert osl == 8192 or abs(error) < 1e-6, (backend, system, tp, batch, error)
            if batch == 4:
                prompts.setdefault((system, tp, isl), []).append(ttft)
        for (system, tp, isl), found in prompts.items():
            c = config_of(document, "meta-llama/Llama-3.1-70B", kinds[system], tp)
            assert close(prefill_s(c, isl) * 1e3, min(found), 1e-6), (system, tp, isl)
        assert statistics.median(errors) < 1e-6 and moved <= 0.12 * len(errors), (backend, moved, len(errors))


def published_silicon_of_all_models():
    """Models of which nothing is built in go, wherever they stand in the file."""
    path, _ = rows_of("aiconfigurator_silicon/*.csv")
    document, told = curves("aiconfigurator-silicon", [path])
    found = {m["name"].split(":")[0] for m in document["models"]}
    assert "meta-llama/Llama-3.1-70B" in found and not any("Kimi" in name or "DeepSeek" in name for name in found)
    assert "combinations left out" in told


def published_helix():
    files = sorted(glob.glob(os.path.join(PROFILES, "helix", "*.csv")))
    document, _ = curves("helix", files)
    assert sum(len(m["configs"]) for m in document["models"]) == len(files) // 2
    kinds = {
        "a100": ("a100-40g", 1),
        "v100": ("v100-16g", 1),
        "l4": ("l4-24g", 1),
        "l4x2": ("l4-24g", 2),
        "t4": ("t4-16g", 1),
        "t4x2": ("t4-16g", 2),
        "t4x4": ("t4-16g", 4),
    }
    for path in files:
        series, size, gpu, kind = os.path.basename(path).split("_")[:4]
        model, layers = series + "_" + size, {"30b": 60, "70b": 80}[size]
        c = config_of(document, model, *kinds[gpu])
        for line in open(path, encoding="utf-8"):
            count, ms = map(float, line.split(","))
            if count:
                got = prefill_s(c, count) if kind == "prompt" else decode_s(c, count, 700)
                assert close(got * 1e3, layers * ms) or ms == 0, (path, line)


def published_composed():
    """Operators of two projects, put together, agree within a third; measured engines are near."""
    attention = sorted(glob.glob(os.path.join(PROFILES, "aiconfigurator_ops", "a100*attention*")))
    ops, _ = curves(
        "aiconfigurator-ops",
        sorted(glob.glob(os.path.join(PROFILES, "aiconfigurator_ops", "a100*"))),
        "--model",
        "llama-3-70b",
    )
    vidur, _ = curves(
        "vidur",
        glob.glob(os.path.join(PROFILES, "vidur", "compute_a100*70B*"))
        + glob.glob(os.path.join(PROFILES, "vidur", "network_a100*"))
        + attention,
    )
    ratios = []
    for tp in (1, 2, 4, 8):
        a, b = (config_of(d, "llama-3-70b", "a100-80g", tp) for d in (ops, vidur))
        ratios += [decode_s(a, batch, 2047) / decode_s(b, batch, 2047) for batch in (1, 2, 4, 8, 16, 32, 64)]
        ratios.append(prefill_s(a, 1024) / prefill_s(b, 1024))
    print("aiconfigurator / Vidur: %.2f to %.2f" % (min(ratios), max(ratios)))
    assert 0.66 < min(ratios) and max(ratios) < 1.1
    h100, _ = curves(
        "aiconfigurator-ops",
        sorted(glob.glob(os.path.join(PROFILES, "aiconfigurator_ops", "h100*"))),
        "--model",
        "meta-llama/Llama-3.1-70B",
        "--precision",
        "fp8",
    )
    silicon, _ = curves(
        "aiconfigurator-silicon",
        glob.glob(os.path.join(PROFILES, "aiconfigurator_silicon", "*.csv")),
        "--model",
        "meta-llama/Llama-3.1-70B",
        "--precision",
        "fp8",
        "--gpu",
        "h100-80g",
    )
    ratios, prompts = [], []
    for tp in (2, 4, 8):
        a, b = (config_of(d, "meta-llama/Llama-3.1-70B", "h100-80g", tp) for d in (h100, silicon))
        ratios += [decode_s(a, batch, 1536) / decode_s(b, batch, 1536) for batch in (1, 4, 8, 16, 32, 64)]
        prompts += [prefill_s(a, n) / prefill_s(b, n) for n in (1024, 8192)]
    print(
        "put together / measured: decode %.2f to %.2f, prefill %.2f to %.2f"
        % (min(ratios), max(ratios), min(prompts), max(prompts))
    )
    assert 0.8 < min(ratios) and max(ratios) < 1.15 and 0.7 < min(prompts) and max(prompts) < 1.3


def published_blis():
    path, rows = rows_of("llm_d_planner_blis/*.csv")
    document, told = curves("blis", [path])
    assert document["measured"] is False and "SIMULATED" in told
    assert sum(len(m["configs"]) for m in document["models"]) > 60
    errors = []
    for r in rows:
        try:
            c = config_of(
                document,
                r["model_hf_repo"],
                {"H100": "h100-80g", "A100-80": "a100-80g"}[r["hardware"]],
                int(r["hardware_count"]),
            )
        except AssertionError:
            continue
        batch = float(r["responses_per_second"]) * float(r["e2e_mean"]) / 1e3
        context = int(r["prompt_tokens"]) + int(r["output_tokens"]) / 2
        errors.append(abs(decode_s(c, batch, context) * 1e3 / float(r["itl_mean"]) - 1))
    assert statistics.median(errors) < 1e-3 and sorted(errors)[int(0.95 * len(errors))] < 0.2


def published_plan_cases():
    """The curves of data/plan that have the same sources."""
    document, _ = curves(
        "aiconfigurator-silicon",
        glob.glob(os.path.join(PROFILES, "aiconfigurator_silicon", "*.csv")),
        "--model",
        "Llama-3.1-70B",
        "--precision",
        "fp8",
        "--gpu",
        "h200-141g",
        "--name",
        "generate",
    )
    want = support.read_json(os.path.join(support.DATA, "plan", "rag_70b_4xh200.models.json"))
    for m in want["models"]:
        for w in m["configs"]:
            if m["name"] == "generate" and w["share"] == 1:
                got = config_of(document, "generate", w["gpu"], w["tp"])
                assert got["max_batch"] == w["max_batch"] and got["bandwidth"] == w["bandwidth"]
                for kind in ("prefill", "decode"):
                    assert len(got[kind]["table"]) == len(w[kind]["table"])
                    for a, b in zip(sorted(got[kind]["table"]), sorted(w[kind]["table"])):
                        assert a[:-1] == b[:-1] and close(a[-1], b[-1], 1e-5), (a, b)
    document, _ = curves(
        "muxserve", glob.glob(os.path.join(PROFILES, "muxserve_fit", "*.csv")), "--max-batch", 32, "--context", 704
    )
    for case in ("agents_6_8xa100", "agents_12_16xa100"):
        for m in support.read_json(os.path.join(support.DATA, "plan", case + ".models.json"))["models"]:
            (name,) = [
                g["name"]
                for g in document["models"]
                if (g["weight_bytes"], g["kv_bytes_per_token"]) == (m["weight_bytes"], m["kv_bytes_per_token"])
            ]
            for w in m["configs"]:
                got = config_of(document, name, w["gpu"], w["tp"], w["share"])
                assert got["bandwidth"] == w["bandwidth"] and got["max_batch"] == w["max_batch"]
                assert all(close(got[k][q], w[k][q], 1e-6) for k in ("prefill", "decode") for q in w[k])


# --- refusals ---------------------------------------------------------------------------------------------


def test_refusals():
    with Folder() as f:
        out = f.path("out.json")

        def refuse(form, files, words, *more):
            expect_refusal(("curves", "--from", form, *files, *more, "-o", out), words, (out,))

        refuse("muxserve", [f.path("none")], [f.path("none"), "expected"])
        refuse("muxserve", [f.folder.name], ["expected"])
        refuse("muxserve", [f.file("e", "")], [f.path("e") + ":"])
        refuse("muxserve", [f.file("h", MUX.splitlines()[0] + "\n")], [f.path("h") + ":2: rows"])
        refuse("muxserve", [f.file("c", MUX.replace("tp,", "pt,"))], [f.path("c") + ":1: header", "tp"])
        for bad in ("nan", "-1", "", "1e999", "x", "inf"):
            refuse("muxserve", [f.file("v", MUX.replace("0.05", bad))], [f.path("v") + ":3: prefill_b_ms_per_tok"])
        refuse("muxserve", [f.file("s", MUX.replace("0.05,", ""))], [f.path("s") + ":3: row"])
        refuse("muxserve", [f.file("l", MUX + "x,1,50,1,1,1,1,1,1\n")], [f.path("l") + ":5: row"])
        refuse("muxserve", [f.file("d", MUX + MUX.splitlines()[1])], ["llama-7b", "expected one curve"])
        refuse("muxserve", [f.file("z", b"a\0b")], ["NUL"])
        refuse("muxserve", [f.file("g", gzip.compress(MUX.encode())[:-9])], [f.path("g")])
        refuse("muxserve", [f.file("m", MUX)], ["--context", "expected"][1:], "--context", "-1")
        refuse("muxserve", [f.path("m")], ["--weight-bytes"], "--weight-bytes", "nan")
        refuse("muxserve", [f.file("t", MUX.replace(",2,100,", ",1.5,100,"))], [f.path("t") + ":3: tp", "whole number"])
        refuse("muxserve", [f.file("t", MUX.replace(",2,100,", ",2000,100,"))], [f.path("t") + ":3: tp"])
        refuse(
            "muxserve",
            [f.file("u", MUX.encode().replace(b"llama-13b", b"llama-13b\xff"))],
            [f.path("u") + ":4: ", "UTF-8"],
        )
        refuse("muxserve", [f.path("m")], ["--name"], "--name", "")
        refuse("muxserve", [f.path("m")], ["--name", "UTF-8"], "--name", "\udcff")
        refuse("nothing", [f.path("m")], ["--from", "expected"])
        refuse("distserve", [f.path("m")], [f.path("m")])
        refuse(
            "distserve", [f.file("j", DIST.replace("[18.1, ", "["))], [f.path("j") + ":1: ", "prefill", "three numbers"]
        )
        refuse("distserve", [f.file("j", DIST.replace("18.1", "-18000"))], ["positive times"])
        refuse("distserve", [f.file("j", DIST.replace('"3"', '"x"'))], ["tensor-parallel degree"])
        refuse("distserve", [f.file("j", DIST.replace("95", "1"))], ["decoding_large_small_bs_threshold"])
        refuse("distserve", [f.file("j", DIST), f.path("j")], ["one profiler-*.json"])
        text = SILICON_HEAD + silicon_row(1000, 1000, 4, 10, 1) + silicon_row(1000, 1000, 8, "-", 1)
        refuse("aiconfigurator-silicon", [f.file("s", text)], [f.path("s") + ":3: silicon_ttft_ms"])
        text = SILICON_HEAD + "".join(silicon_row(1000, 1000, b, 10, 1, model="my/model") for b in (4, 8))
        refuse("aiconfigurator-silicon", [f.file("s", text)], ["--weight-bytes"], "--model", "my/model")
        refuse("helix", [f.file("bad.csv", "1,1\n")], [f.path("bad.csv"), "MODEL_GPU"])
        name = "llama2_70b_t4_decode_bs2time.csv"
        refuse("helix", [f.file(name, "1,1\n3,1\n2,1\n")], [f.path(name) + ":3: column 1"])
        refuse("helix", [f.file(name, "1,1\n3\n")], [f.path(name) + ":2: row"])
        refuse("helix", [f.file("my_l4_decode_bs2time.csv", "1,1\n")], ["--layers"])
        files = ops_files(f)
        refuse("aiconfigurator-ops", files, ["--model"])
        refuse("aiconfigurator-ops", files[:3], ["custom_allreduce"], "--model", "llama-3-8b")
        refuse("aiconfigurator-ops", files, ["dense"], "--model", "unheard-of")
        refuse("aiconfigurator-ops", files + [f.path("m")], [f.path("m") + ":1: header"], "--model", "llama-3-8b")
        refuse(
            "blis", [f.file("b", BLIS_HEAD + "m,H100,1,1,1,1,0,1,1,1\n")], [f.path("b") + ":2: responses_per_second"]
        )
        refuse(
            "blis",
            [f.file("b", BLIS_HEAD + "m,H100,1,1,1,1,1e8,1,1,1e8\n")],
            [f.path("b") + ":2: responses_per_second"],
        )
        scattered = "gemm_dtype,m,n,k,latency_ms\n" + "".join(
            "bfloat16,%d,%d,%d,1\n" % (i, i, i) for i in range(1, 400)
        )
        refuse("aiconfigurator-ops", [f.file("a100_g", scattered)] + files[1:], ["grid"], "--model", "llama-3-8b")
        process = support.run("curves", "--from", "aiconfigurator-ops", *files, "--model", "llama-3-8b", "-o", out)
        assert process.returncode == 1 and process.stderr.count("\n") == 1 and not os.path.exists(out), process.stderr
        process = support.run("curves", "--from", "muxserve", f.path("m"), "--model", "nothing", "-o", out)
        assert process.returncode == 1 and not os.path.exists(out), process.stderr


def damaged(rng, text):
    """The text with a number or a character replaced, or a piece cut out or doubled."""
    kind, at = rng.random(), rng.randrange(len(text))
    if kind < 0.6:
        numbers = list(re.finditer(rb"[0-9.]+", text))
        hit = rng.choice(numbers)
        new = rng.choice(
            [b"0", b"1", b"-1", b"1e9", b"1e300", b"1e-300", b"4294967296", b"0.5", b"99999999", b"nan", b""]
        )
        return text[: hit.start()] + new + text[hit.end() :]
    if kind < 0.8:
        return text[:at] + bytes([rng.choice(b'0-.,eE\n\r"x{}[]: \xff')]) + text[at + 1 :]
    cut = text[at : at + rng.randint(1, 40)]
    return text[:at] + (cut + cut if kind < 0.9 else b"") + text[at + len(cut) :]


def test_damaged_files():
    """Whatever a file holds, there are curves that the planner takes, or one line and no output."""
    for seed in support.seeds(2):
        print("seed", seed)
        rng = support.generator(seed)
        with Folder() as f:
            rows = [
                silicon_row(i, o, b, 100 * b, 10 + b) for i in (1000, 4000) for o in (500, 3000) for b in (4, 8, 16)
            ]
            layer = "0,0\n2,1.5\n10,2.5\n"
            helix = [f.file("llama2_70b_t4_%s_bs2time.csv" % kind, layer) for kind in ("decode", "prompt")]
            ops = ops_files(f)
            blis = "".join("o/llama-3.1-8b,H100,2,500,200,%d,%d,30,%d,2000\n" % (n, n, 8 + n) for n in (1, 2, 3))
            vidur = vidur_files(f) + [path for path in ops if "attention" in path]
            forms = [
                ("muxserve", [f.file("m", MUX)], ()),
                ("distserve", [f.file("d", DIST)], ()),
                ("aiconfigurator-silicon", [f.file("s", SILICON_HEAD + "".join(rows))], ()),
                ("helix", helix, ()),
                ("blis", [f.file("b", BLIS_HEAD + blis)], ()),
                ("aiconfigurator-ops", ops, ("--model", "own", *OWN)),
                ("vidur", vidur, ("--layers", 3, "--head-dim", 32, "--kv-heads", 2, "--weight-bytes", 1e9)),
            ]
            for form, files, more in forms * 12:
                path = rng.choice(files)
                with open(path, "rb") as file:
                    good = file.read()
                with open(path, "wb") as file:
                    file.write(damaged(rng, good))
                out = f.path("out")
                process = support.run("curves", "--from", form, *files, *more, "-o", out)
                if process.returncode == 0:
                    the_planner_reads(out, support.read_json(out))
                    os.remove(out)
                else:
                    assert process.returncode in (1, 2) and process.stderr.count("\n") == 1, (form, process)
                    assert not os.path.exists(out)
                with open(path, "wb") as file:
                    file.write(good)


if __name__ == "__main__":
    TESTS = [
        test_muxserve,
        test_distserve,
        test_silicon,
        test_helix,
        test_ops,
        test_vidur,
        test_blis,
        test_refusals,
        test_damaged_files,
    ]
    if support.DATA:
        TESTS += [
            published_muxserve,
            published_distserve,
            published_silicon,
            published_silicon_of_all_models,
            published_helix,
            published_composed,
            published_blis,
            published_plan_cases,
        ]
    else:
        print("skipped: the published files, as LLMSCHED_DATA is not set")
    sys.exit(support.main(TESTS))
