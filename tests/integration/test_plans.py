# SPDX-License-Identifier: Apache-2.0
"""tests/bench/plans.py on few jobs: that it runs, and that what it prints is what it measured."""

import os
import subprocess
import sys
import tempfile

import support

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "bench", "plans.py")


def bench(folder, jobs, *arguments):
    out = os.path.join(folder, "figures.json")
    done = subprocess.run([sys.executable, BENCH, support.PROGRAM, os.path.join(support.DATA, "plan"), "--jobs", str(jobs),
                           "--json", out, *arguments], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, support.read_json(out)


def test_latency():
    with tempfile.TemporaryDirectory() as folder:
        printed, figures = bench(folder, 300, "--case", "rag_70b_4xh200", "--part", "latency")
        result = figures["rag_70b_4xh200"]["latency"]
        assert result["limit_of"] == "k8s" and set(result["loads"]) == {"0.3", "0.6"}
        for row in result["loads"].values():
            ours, k8s = row["llmsched"][0], row["k8s"]
            assert 0 < ours["mean_s"] < k8s["mean_s"], row
            assert ours["rate_per_s"] >= 0.9 * result["k8s_rate_per_s"]
            assert "%.2f" % (k8s["mean_s"] / ours["mean_s"]) in printed, (row, printed)


def test_throughput_where_whole_gpus_have_no_plan():
    with tempfile.TemporaryDirectory() as folder:
        printed, figures = bench(folder, 2000, "--case", "agents_10_8xa100", "--part", "throughput")
        result = figures["agents_10_8xa100"]["throughput"]
        rates = {planner: one["rate_per_s"] for planner, one in result["planners"].items()}
        assert result["limit_of"] == "own"
        assert [rates[planner] for planner in ("k8s", "kserve", "best-manual")] == [0, 0, 0]
        assert rates["llmsched"] > rates["muxserve"] > 0, rates
        assert "%.3f" % rates["llmsched"] in printed


if __name__ == "__main__":
    if not os.path.isdir(os.path.join(support.DATA or "-", "plan")):
        print("no LLMSCHED_DATA: the planning cases are not there")
        sys.exit(support.SKIP)
    sys.exit(support.main([test_latency, test_throughput_where_whole_gpus_have_no_plan]))
