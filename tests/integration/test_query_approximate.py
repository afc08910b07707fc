# SPDX-License-Identifier: Apache-2.0
"""query --approximate: near the exact answers, refused where it has none."""

import os
import random
import tempfile

import support
from test_bad_input import expect_refusal


def chain(count, generator):
    """Coins, each leaning on the one before."""
    nodes = []
    for i in range(count):
        rows = [generator.uniform(0.2, 0.8) for _ in range(2 if i else 1)]
        nodes.append({"name": f"n{i}", "states": ["a", "b"], "parents": [f"n{i - 1}"] if i else [],
                      "cpt": [x for p in rows for x in (p, 1 - p)]})
    return {"format": "llmsched-bn-1", "name": "chain", "nodes": nodes}


def answers(folder, queries, *options):
    support.write_json(os.path.join(folder, "queries.json"), queries)
    out = os.path.join(folder, "answers.json")
    support.run_well("query", "--network", os.path.join(folder, "net.json"), "--queries",
                     os.path.join(folder, "queries.json"), "-o", out, *options)
    return support.read_json(out)["queries"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        net = os.path.join(folder, "net.json")
        support.write_json(net, chain(8, random.Random(3)))
        queries = {"format": "llmsched-bn-soft-ref-1", "network": "chain", "queries": [
            {"id": 0, "evidence": {}},
            {"id": 1, "evidence": {"n5": 1}},
            {"id": 2, "evidence": {"n6": 0}, "likelihood": {"n2": [0.1, 0.9]}}]}
        exact = answers(folder, queries)
        estimates = answers(folder, queries, "--approximate", 20000)
        assert estimates == answers(folder, queries, "--approximate", 20000)
        for a, b in zip(exact, estimates):
            assert a["id"] == b["id"] and a["marginals"].keys() == b["marginals"].keys()
            assert "entropy" not in b and b["error"].keys() == b["marginals"].keys()
            assert abs(a["p_evidence"] - b["p_evidence"]) < 0.02, (a, b)
            for node, row in a["marginals"].items():
                for p, q, error in zip(row, b["marginals"][node], b["error"][node]):
                    assert 0 < error < 0.01 and abs(p - q) <= 4 * error, (node, p, q, error)
        queries["mi"] = [{"x": "n0", "y": "n1", "evidence": {}}]
        path = os.path.join(folder, "queries.json")
        support.write_json(path, queries)
        expect_refusal(["query", "--network", net, "--queries", path, "-o",
                        os.path.join(folder, "never.json"), "--approximate", "10"], ["queries alone"])


if __name__ == "__main__":
    main()
