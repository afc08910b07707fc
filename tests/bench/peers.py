# SPDX-License-Identifier: Apache-2.0
"""Other engines behind one form; run by run.py in an environment that has them.

peers.py textbooks FOLDER            converts the networks that pgmpy's package carries
peers.py engines                     names of the engines
peers.py ask FOLDER SECONDS NAME ENGINE
                                     answers FOLDER/NAME.queries.json; a line of JSON for each kind
                                     of query as soon as it is measured

An engine yields pairs of a label and two functions: a query in, a marginal per asked node out, as the
engine's own objects; and such an object in, numbers out. The clock runs over the first: telling the
evidence, computing, and handing over.
"""

import gzip
import json
import pathlib
import resource
import statistics
import sys
import time

import numpy

MOST_MEMORY = 8 << 30


def sizes_of(network):
    return {node["name"]: len(node["states"]) for node in network["nodes"]}


def table_of(network, node):
    """Axes: the parents, then the node."""
    sizes = sizes_of(network)
    return numpy.array(node["cpt"]).reshape([sizes[name] for name in [*node["parents"], node["name"]]])


def targets_of(network, query):
    """Numbers of the nodes whose marginals are wanted."""
    if "target" in query:
        return [query["target"]]
    return [i for i in range(len(network["nodes"])) if str(i) not in query["evidence"]]


def evidence_of(query):
    return {int(node): state for node, state in query["evidence"].items()}


# --- engines ---------------------------------------------------------------------------------


def agrum(network):
    import pyagrum as gum

    bn = gum.BayesNet()
    for node in network["nodes"]:
        bn.add(gum.LabelizedVariable(node["name"], node["name"], len(node["states"])))
    for node in network["nodes"]:
        for parent in node["parents"]:
            bn.addArc(parent, node["name"])
    for node in network["nodes"]:
        order = [*node["parents"], node["name"]]
        tensor = bn.cpt(node["name"])
        wanted = list(reversed(tensor.names))  # slowest first, as numpy fills
        table = table_of(network, node).transpose([order.index(name) for name in wanted])
        tensor.fillWith(table.flatten().tolist())
    ids = [bn.idFromName(node["name"]) for node in network["nodes"]]
    for label in ("LazyPropagation", "ShaferShenoyInference", "VariableElimination"):
        engine = getattr(gum, label)(bn)
        if hasattr(engine, "setNumberOfThreads"):
            engine.setNumberOfThreads(1)

        def ask(query, engine=engine):
            wanted = targets_of(network, query)
            if "target" in query:
                engine.eraseAllTargets()
                engine.addTarget(ids[wanted[0]])
            elif engine.nbrTargets() != len(ids):
                engine.addAllTargets()
            engine.eraseAllEvidence()
            engine.setEvidence({ids[node]: state for node, state in evidence_of(query).items()})
            engine.makeInference()
            return [engine.posterior(ids[node]) for node in wanted]

        yield f"pyAgrum {label}", ask, lambda tensor: tensor.tolist()


def pgmpy_model(network):
    import logging

    logging.disable(logging.CRITICAL)
    import pgmpy.models as models
    from pgmpy.factors.discrete import TabularCPD

    model_type = getattr(models, "DiscreteBayesianNetwork", None) or models.BayesianNetwork
    model, names, sizes = model_type(), [node["name"] for node in network["nodes"]], sizes_of(network)
    model.add_nodes_from(names)
    for node in network["nodes"]:
        model.add_edges_from((parent, node["name"]) for parent in node["parents"])
    for node in network["nodes"]:
        parents, table = node["parents"], numpy.array(node["cpt"]).reshape(-1, sizes[node["name"]]).T
        model.add_cpds(TabularCPD(node["name"], sizes[node["name"]], table, parents, [sizes[p] for p in parents]))
    return model


def pgmpy(network, kind):
    import pgmpy.inference

    names, engine = [node["name"] for node in network["nodes"]], getattr(pgmpy.inference, kind)(pgmpy_model(network))

    def ask(query):
        observed = {names[node]: state for node, state in evidence_of(query).items()}
        return [engine.query([names[node]], observed, show_progress=False) for node in targets_of(network, query)]

    yield f"pgmpy {kind}", ask, lambda factor: list(factor.values)


def pgmpy_elimination(network):
    return pgmpy(network, "VariableElimination")


def pgmpy_propagation(network):
    return pgmpy(network, "BeliefPropagation")


def bayesian_cpp(network):
    """Keeps logarithms in single precision. (Its JunctionTree gives other numbers under evidence.)"""
    import bayesian

    names, sizes = [node["name"] for node in network["nodes"]], sizes_of(network)
    variables = {name: bayesian.Variable(i, name, sizes[name]) for i, name in enumerate(names)}
    factors = [
        bayesian.Potential([variables[name] for name in [*node["parents"], node["name"]]], node["cpt"])
        for node in network["nodes"]
    ]
    nodes = [variables[name] for name in names]
    elimination = bayesian.Inference(factors)

    def eliminate(query):
        observed = {nodes[node]: state for node, state in evidence_of(query).items()}
        if not observed:
            return [elimination.marginal([nodes[node]]) for node in targets_of(network, query)]
        return [elimination.conditional_given([nodes[node]], observed) for node in targets_of(network, query)]

    yield "bayesian-cpp Inference", eliminate, lambda potential: potential.probabilities()


def pybbn(network):
    from pybbn.graph.dag import Bbn
    from pybbn.graph.edge import Edge, EdgeType
    from pybbn.graph.jointree import EvidenceBuilder
    from pybbn.graph.node import BbnNode
    from pybbn.graph.variable import Variable
    from pybbn.pptc.inferencecontroller import InferenceController

    bbn, nodes = Bbn(), {}
    for i, node in enumerate(network["nodes"]):
        states = [str(s) for s in range(len(node["states"]))]
        nodes[node["name"]] = BbnNode(Variable(i, node["name"], states), node["cpt"])
        bbn.add_node(nodes[node["name"]])
    for node in network["nodes"]:
        for parent in node["parents"]:
            bbn.add_edge(Edge(nodes[parent], nodes[node["name"]], EdgeType.DIRECTED))
    tree, names = InferenceController.apply(bbn), [node["name"] for node in network["nodes"]]

    def ask(query):
        tree.unobserve_all()
        for node, state in evidence_of(query).items():
            builder = EvidenceBuilder().with_node(tree.get_bbn_node_by_name(names[node]))
            tree.set_observation(builder.with_evidence(str(state), 1.0).build())
        wanted = targets_of(network, query)
        return [tree.get_bbn_potential(tree.get_bbn_node_by_name(names[node])) for node in wanted]

    yield "pybbn PPTC", ask, lambda potential: [entry.value for entry in potential.entries]


def own(network):
    """The library through its Python binding, as others are asked."""
    import llmsched

    engine = llmsched.Inference(llmsched.Network.from_json(json.dumps(network)))

    def ask(query):
        engine.clear()
        for node, state in evidence_of(query).items():
            engine.set_state(node, state)
        if "target" in query:
            return [engine.marginal(query["target"])]
        every = engine.marginals()
        return [every[node] for node in targets_of(network, query)]

    yield "llmsched from Python", ask, list


ENGINES = [own, agrum, bayesian_cpp, pybbn, pgmpy_elimination, pgmpy_propagation]

# --- asking ----------------------------------------------------------------------------------


def reference(network, query):
    """The library's marginals of the asked nodes."""
    if "target" in query:
        return [query["marginals"]]
    parts, at = [], 0
    for node in network["nodes"]:
        parts.append(query["marginals"][at : at + len(node["states"])])
        at += len(node["states"])
    return [parts[node] for node in targets_of(network, query)]


def measure(network, queries, ask, read, seconds):
    """Least time of each query over passes, for as many queries as the seconds allow; -1: not asked."""
    times, gap, end = [-1.0] * len(queries), 0.0, time.perf_counter() + seconds
    for turn in range(1000):
        for i, query in enumerate(queries):
            if time.perf_counter() > end and (turn > 0 or i > 1):
                return times, gap
            begin = time.perf_counter()
            got = ask(query)
            took = time.perf_counter() - begin
            times[i] = took if times[i] < 0 else min(times[i], took)
            if turn == 0:
                for mine, theirs in zip(reference(network, query), got):
                    gap = max(gap, *(abs(a - b) for a, b in zip(mine, read(theirs))))
    return times, gap


def ask_engine(folder, seconds, name, engine):
    network = json.loads((folder / f"{name}.json").read_text())
    queries = json.loads((folder / f"{name}.queries.json").read_text())["queries"]
    make = next(make for make in ENGINES if make.__name__ == engine)
    for label, ask, read in make(network):
        for kind in ("all", "one"):
            some = [query for query in queries if ("target" in query) == (kind == "one")]
            times, gap = measure(network, some, ask, read, seconds)
            pairs = [(t, query["seconds"]) for t, query in zip(times, some) if t >= 0]
            yield {
                "label": label, "kind": kind, "asked": len(pairs), "largest_gap": gap,
                "seconds": statistics.fmean(t for t, _ in pairs),
                "own_seconds": statistics.fmean(own for _, own in pairs),
                "least_ratio": min(t / own for t, own in pairs),
            }


# --- textbook networks -----------------------------------------------------------------------


def convert(bn, name):
    nodes = []
    for i in sorted(bn.nodes()):
        variable, tensor = bn.variable(i), bn.cpt(i)
        order = [bn.variable(parent).name() for parent in sorted(bn.parents(i))] + [variable.name()]
        have = list(reversed(tensor.names))
        table = numpy.transpose(tensor.toarray(), [have.index(n) for n in order]).astype(float)
        table = table / table.sum(-1, keepdims=True)
        nodes.append({"name": variable.name(), "states": list(variable.labels()), "parents": order[:-1],
                      "cpt": table.flatten().tolist()})
    return {"format": "llmsched-bn-1", "name": name, "source": "pgmpy's example models", "nodes": nodes}


def textbooks(folder):
    import pgmpy as package
    import pyagrum as gum

    names = []
    for path in sorted(pathlib.Path(package.__file__).parent.glob("utils/example_models/*.bif.gz")):
        name = path.name.removesuffix(".bif.gz")
        bif = folder / f"{name}.bif"
        bif.write_bytes(gzip.decompress(path.read_bytes()))
        try:
            bn = gum.loadBN(str(bif))
        except gum.GumException:  # child names states in a way that it does not read
            continue
        (folder / f"{name}.json").write_text(json.dumps(convert(bn, name)))
        names.append(name)
    return names


def main(arguments):
    if arguments[0] == "engines":
        print(json.dumps([make.__name__ for make in ENGINES]))
    elif arguments[0] == "textbooks":
        print(json.dumps(textbooks(pathlib.Path(arguments[1]))))
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        for result in ask_engine(pathlib.Path(arguments[1]), float(arguments[2]), *arguments[3:]):
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
