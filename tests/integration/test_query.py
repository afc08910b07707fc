# SPDX-License-Identifier: Apache-2.0
"""`llmsched query` on networks of many shapes, against enumeration and, where it is installed, pyAgrum.

Each network is asked twice, the second time with its nodes in another order: the answers must not
depend on it. LLMSCHED_ROUNDS asks for more networks than the few of the test suite; those too large to
enumerate are asked only with pyAgrum, of LLMSCHED_PEER_PYTHON's environment (python test_query.py
inside it will do).
"""

import itertools
import math
import os
import sys
import tempfile

import support

try:
    import numpy
    import pyagrum
except ImportError:
    pyagrum = None

NEAR, SAME = 1e-9, 1e-12
MOST_JOINT = 4000
ROUNDS = int(os.environ.get("LLMSCHED_ROUNDS", "40"))
MINUS_INFINITY = float("-inf")

# --- networks ---------------------------------------------------------------------------------


def random_row(rng, states, kind):
    if kind == "deterministic":
        row = [0.0] * states
        row[rng.randrange(states)] = 1.0
        return row
    row = [rng.expovariate(1.0) for _ in range(states)]
    if kind == "zeros":
        row = [0.0 if rng.random() < 0.5 else value for value in row]
    if kind == "steep":
        row = [value * 10.0 ** -rng.randint(0, 40) for value in row]
    if sum(row) == 0.0:
        row[rng.randrange(states)] = 1.0
    total = math.fsum(row)
    return [value / total for value in row]


def random_network(rng, small):
    """Chains, trees, dense and disconnected graphs; one-state and wide variables; nodes shuffled."""
    shape = rng.choice(["chain", "tree", "dag", "dag", "dense", "islands", "hub"])
    count = rng.randint(1, 7 if small else 26)
    most_parents = {"chain": 1, "tree": 1, "dag": 3, "dense": 4, "islands": 2, "hub": 5}[shape]
    wide = rng.random() < 0.25
    sizes, joint = [], 1
    for _ in range(count):
        size = rng.choice([1, 2, 2, 2, 3, 4, 6]) if not wide else rng.choice([1, 2, 2, 21, 30])
        size = size if not small or joint * size <= MOST_JOINT else 1
        sizes.append(size)
        joint *= size
    kinds = rng.choice([["plain"], ["plain", "zeros"], ["deterministic", "plain"], ["steep"],
                        ["plain", "zeros", "deterministic", "steep"]])
    nodes = []
    for i in range(count):
        near = range(max(0, i - 4), i) if shape == "chain" else range(i)
        parents = rng.sample(list(near), min(len(near), rng.randint(0 if i % 5 == 0 else 1, most_parents)))
        if shape == "chain":
            parents = [i - 1] if i > 0 else []
        if shape == "islands":
            parents = [p for p in parents if p % 3 == i % 3]
        while math.prod(sizes[p] for p in parents) * sizes[i] > 4000:
            parents.pop()
        kind = rng.choice(kinds)
        rows = [random_row(rng, sizes[i], kind) for _ in range(math.prod(sizes[p] for p in parents))]
        nodes.append({"name": "v%d" % i, "states": ["s%d" % s for s in range(sizes[i])],
                      "parents": ["v%d" % p for p in parents], "cpt": [p for row in rows for p in row]})
    rng.shuffle(nodes)
    return {"format": "llmsched-bn-1", "name": shape, "source": "drawn", "nodes": nodes}


# --- questions ---------------------------------------------------------------------------------


def random_likelihood(rng, states):
    kind = rng.choice(["one", "tiny", "some", "mixed"])
    if kind == "one":
        return [float(s == rng.randrange(states)) for s in range(states - 1)] + [1.0]
    if kind == "tiny":
        return [1e-300 * (rng.random() + 1e-3) for _ in range(states)]
    if kind == "mixed":
        return [rng.choice([1e-300, 1e-150, 1e-9, 1.0]) for _ in range(states)]
    values = [rng.choice([0.0, rng.random(), 1.0]) for _ in range(states)]
    return values if any(values) else [1.0] * states


def random_evidence(rng, network, soft):
    entry = {"evidence": {}}
    share = rng.choice([0.0, 0.2, 0.5, 0.8])
    for node in network["nodes"]:
        if rng.random() < share:
            entry["evidence"][node["name"]] = rng.randrange(len(node["states"]))
        elif soft and rng.random() < 0.4:
            entry.setdefault("likelihood", {})[node["name"]] = random_likelihood(rng, len(node["states"]))
    if soft:
        entry.setdefault("likelihood", {})
    return entry


def hidden_of(network, entry):
    return [node["name"] for node in network["nodes"] if node["name"] not in entry["evidence"]]


def random_questions(rng, network):
    hard = {"format": "llmsched-bn-ref-1", "network": network["name"], "queries": [], "mi": [], "set_mi": []}
    soft = {"format": "llmsched-bn-soft-ref-1", "network": network["name"], "queries": []}
    for number in range(3):
        hard["queries"].append({"id": number, **random_evidence(rng, network, False)})
        soft["queries"].append({"id": number, **random_evidence(rng, network, True)})
        entry = random_evidence(rng, network, False)
        hidden = hidden_of(network, entry)
        if len(hidden) > 1:
            x, y = rng.sample(hidden, 2)
            hard["mi"].append({**entry, "x": x, "y": y})
        if len(hidden) > 0:
            hard["set_mi"].append({**entry, "x": rng.choice(hidden)})
    return hard, soft


# --- enumeration -----------------------------------------------------------------------------------


def entropy(values):
    return -math.fsum(p * math.log(p) for p in values if p > 0.0)


class Enumeration:
    """Every joint state with its logarithm, so that nothing is too small."""

    def __init__(self, network):
        self.network = network
        self.names = [node["name"] for node in network["nodes"]]
        self.place = {name: i for i, name in enumerate(self.names)}
        sizes = [len(node["states"]) for node in network["nodes"]]
        self.joint = []
        for states in itertools.product(*map(range, sizes)):
            total = 0.0
            for node, own in zip(network["nodes"], states):
                at = 0
                for parent in node["parents"]:
                    at = at * sizes[self.place[parent]] + states[self.place[parent]]
                p = node["cpt"][at * len(node["states"]) + own]
                total = total + math.log(p) if p > 0.0 else MINUS_INFINITY
            if total > MINUS_INFINITY:
                self.joint.append((states, total))

    def posterior(self, entry):
        """(ln P(e), [(states, P(states | e))]), or None where the evidence is impossible."""
        hard = [(self.place[name], state) for name, state in entry["evidence"].items()]
        soft = [(self.place[name], [math.log(v) if v > 0.0 else MINUS_INFINITY for v in values])
                for name, values in entry.get("likelihood", {}).items()]
        left = [(states, total + math.fsum(values[states[i]] for i, values in soft))
                for states, total in self.joint
                if all(states[i] == state for i, state in hard)
                and all(values[states[i]] > MINUS_INFINITY for i, values in soft)]
        if not left:
            return None
        top = max(total for _, total in left)
        weights = [math.exp(total - top) for _, total in left]
        sum_of = math.fsum(weights)
        return top + math.log(sum_of), [(states, w / sum_of) for (states, _), w in zip(left, weights)]

    def marginal(self, posterior, names):
        places, sums = [self.place[name] for name in names], {}
        for states, p in posterior:
            sums.setdefault(tuple(states[i] for i in places), []).append(p)
        return {key: math.fsum(values) for key, values in sums.items()}

    def answer(self, entry):
        found = self.posterior(entry)
        if found is None:
            return {"impossible": True}
        log_p, posterior = found
        hidden, result = hidden_of(self.network, entry), {"log_p_evidence": log_p, "marginals": {}, "entropy": {}}
        h = lambda names: entropy(self.marginal(posterior, names).values())
        if "x" in entry:
            others = [entry["y"]] if "y" in entry else [name for name in hidden if name != entry["x"]]
            return {"mi": h([entry["x"]]) + h(others) - h([entry["x"], *others])}
        for name in hidden:
            sums = self.marginal(posterior, [name])
            states = range(len(self.network["nodes"][self.place[name]]["states"]))
            result["marginals"][name] = [sums.get((s,), 0.0) for s in states]
            result["entropy"][name] = entropy(result["marginals"][name])
        if "likelihood" not in entry:
            result["joint_entropy"] = h(hidden)
        return result


# --- pyAgrum -----------------------------------------------------------------------------------------


class Agrum:
    """Marginals, ln P(e) and pairs; None where it cannot tell (it says so for what is too small)."""

    def __init__(self, network):
        self.network, self.bn = network, pyagrum.BayesNet()
        sizes = {node["name"]: len(node["states"]) for node in network["nodes"]}
        for node in network["nodes"]:
            self.bn.add(pyagrum.RangeVariable(node["name"], "", 0, sizes[node["name"]] - 1))
        for node in network["nodes"]:
            for parent in node["parents"]:
                self.bn.addArc(parent, node["name"])
        for node in network["nodes"]:
            order, tensor = [*node["parents"], node["name"]], self.bn.cpt(node["name"])
            table = numpy.array(node["cpt"]).reshape([sizes[name] for name in order])
            wanted = [order.index(name) for name in reversed(tensor.names)]
            tensor.fillWith(table.transpose(wanted).flatten().tolist())

    def answer(self, entry):
        engine = pyagrum.LazyPropagation(self.bn)
        # A likelihood is told without its scale, which ln P(e) gets back.
        scales = {name: max(values) for name, values in entry.get("likelihood", {}).items()}
        evidence = {name: [v / scales[name] for v in values] for name, values in entry.get("likelihood", {}).items()}
        try:
            engine.setEvidence({**entry["evidence"], **evidence})
            if "x" in entry:
                others = [entry["y"]] if "y" in entry else []
                if not others:
                    return None
                engine.addJointTarget({entry["x"], *others})
                engine.makeInference()
                math.log(engine.evidenceProbability())  # it answers where a separated part is impossible
                tensor = engine.jointPosterior({entry["x"], *others})
                more = [i for i, name in enumerate(reversed(tensor.names)) if name not in (entry["x"], entry["y"])]
                pair = tensor.toarray().sum(tuple(more))  # it leaves observed nodes of one state in
                return {"mi": entropy(pair.sum(0)) + entropy(pair.sum(1)) - entropy(pair.flatten())}
            engine.makeInference()
            log_p = math.log(engine.evidenceProbability()) + math.fsum(map(math.log, scales.values()))
            hidden = hidden_of(self.network, entry)
            marginals = {name: engine.posterior(name).toarray().flatten().tolist() for name in hidden}
        except (pyagrum.GumException, ValueError):
            return None
        return {"log_p_evidence": log_p, "marginals": marginals,
                "entropy": {name: entropy(values) for name, values in marginals.items()}}


# --- comparing ---------------------------------------------------------------------------------------


def distance(got, want, where):
    """The largest difference of what both say; numbers beside numbers, relative above 1."""
    if isinstance(want, dict):
        return max([distance(got[key], value, where) for key, value in want.items() if key in got or key == "impossible"
                    or fail(where, "no " + key)], default=0.0)
    if isinstance(want, list):
        assert len(got) == len(want), where
        return max(distance(a, b, where) for a, b in zip(got, want))
    return abs(got - want) / max(1.0, abs(want))


def fail(where, what):
    raise AssertionError("%s: %s" % (where, what))


def ask(folder, network, questions):
    """The answers; None where the network is wider than is allowed."""
    paths = [os.path.join(folder, name) for name in ("network.json", "questions.json", "answers.json")]
    support.write_json(paths[0], network)
    support.write_json(paths[1], questions)
    if os.path.exists(paths[2]):
        os.remove(paths[2])
    process = support.run("query", "--network", paths[0], "--queries", paths[1], "-o", paths[2])
    if process.returncode != 0 and "max_table" in process.stderr:
        assert not os.path.exists(paths[2]), process
        return None
    assert process.returncode == 0, process
    return support.read_json(paths[2])


def compare(answers, questions, oracle, near, where):
    """How many answers were checked, and how many of them were of impossible evidence."""
    checked = impossible = 0
    for kind in ("queries", "mi", "set_mi"):
        for got, entry in zip(answers.get(kind, []), questions.get(kind, [])):
            want = oracle.answer(entry)
            if want is None:
                continue
            if want.get("impossible", False) != got.get("impossible", False):
                fail(where, "impossible or not: %s" % entry)
            gap = distance(got, want, where)
            if not gap <= near:
                fail(where, "%g apart: %s: %s, expected %s" % (gap, entry, got, want))
            checked += 1
            impossible += got.get("impossible", False)
    return checked, impossible


class Other:
    """The library's own answers for the same network in another order."""

    def __init__(self, answers, questions):
        self.answers = {}
        for kind in ("queries", "mi", "set_mi"):
            for got, entry in zip(answers.get(kind, []), questions.get(kind, [])):
                self.answers[id(entry)] = {key: value for key, value in got.items()
                                           if key in ("impossible", "log_p_evidence", "marginals", "entropy",
                                                      "joint_entropy", "mi")}

    def answer(self, entry):
        return self.answers[id(entry)]


def check_network(folder, seed, small):
    """Answers checked by enumeration and by pyAgrum, impossible ones, and files refused as too wide."""
    rng = support.generator(seed)
    network, counts = random_network(rng, small), [0, 0, 0, 0]
    shuffled = {**network, "nodes": rng.sample(network["nodes"], len(network["nodes"]))}
    for questions in random_questions(rng, network):
        where = "seed %d, %s" % (seed, questions["format"])
        if not small:
            questions.pop("set_mi", None)  # over a whole blanket: may need too large a joint
        answers, others = ask(folder, network, questions), ask(folder, shuffled, questions)
        if answers is None or others is None:
            assert not small, where
            counts[3] += 1
            continue
        compare(others, questions, Other(answers, questions), SAME, where + ", shuffled")
        if small:
            checked, impossible = compare(answers, questions, Enumeration(network), NEAR, where + ", enumerated")
            counts[0] += checked
            counts[2] += impossible
        if pyagrum is not None:
            counts[1] += compare(answers, questions, Agrum(network), NEAR, where + ", pyAgrum")[0]
    return counts


def test_random_networks():
    totals = [0, 0, 0, 0]
    with tempfile.TemporaryDirectory() as folder:
        for seed in support.seeds(ROUNDS):
            for small in (True, False):
                totals = [a + b for a, b in zip(totals, check_network(folder, seed, small))]
    print("answers enumerated: %d, by pyAgrum: %d, impossible: %d; too wide: %d" % tuple(totals))
    assert os.environ.get("LLMSCHED_SEED") or (totals[0] > 5 * ROUNDS and totals[2] > 0)


def two_nodes():
    return {"format": "llmsched-bn-1", "name": "two", "source": "", "nodes": [
        {"name": "a", "states": ["0", "1"], "parents": [], "cpt": [0.5, 0.5]},
        {"name": "b", "states": ["0", "1"], "parents": ["a"], "cpt": [1.0, 0.0, 0.25, 0.75]}]}


def test_likelihood_of_zeros():
    questions = {"format": "llmsched-bn-soft-ref-1", "network": "two",
                 "queries": [{"evidence": {}, "likelihood": {"a": [0.0, 0.0]}}]}
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("n.json", "q.json", "a.json")]
        support.write_json(paths[0], two_nodes())
        support.write_json(paths[1], questions)
        process = support.run("query", "--network", paths[0], "--queries", paths[1], "-o", paths[2])
        assert process.returncode == 2 and "all values" in process.stderr, process
        assert not os.path.exists(paths[2])


def test_too_wide():
    """Forty nodes, all connected in pairs: no such clique."""
    nodes = [{"name": "v%d" % i, "states": ["0", "1"], "parents": [], "cpt": [0.5, 0.5]} for i in range(40)]
    for i, (a, b) in enumerate(itertools.combinations(range(40), 2)):
        nodes.append({"name": "p%d" % i, "states": ["0", "1"], "parents": ["v%d" % a, "v%d" % b],
                      "cpt": [0.5, 0.5, 0.25, 0.75, 0.1, 0.9, 0.2, 0.8]})
    network = {"format": "llmsched-bn-1", "name": "pairs", "source": "", "nodes": nodes}
    questions = {"format": "llmsched-bn-ref-1", "network": "pairs", "queries": [{"evidence": {}}]}
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("n.json", "q.json", "a.json")]
        support.write_json(paths[0], network)
        support.write_json(paths[1], questions)
        process = support.run("query", "--network", paths[0], "--queries", paths[1], "-o", paths[2])
        assert process.returncode in (1, 2) and "too wide" in process.stderr, process
        assert not os.path.exists(paths[2])


if __name__ == "__main__":
    sys.exit(support.main([test_likelihood_of_zeros, test_too_wide, test_random_networks]))
