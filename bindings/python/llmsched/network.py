# SPDX-License-Identifier: Apache-2.0
"""Discrete Bayesian networks and exact answers in them."""

import ctypes
import dataclasses

from . import _generated as c
from . import context as contexts
from . import errors
from ._ffi import Handle, call, decode, encode, lib, make, new, numbers, take_text


@dataclasses.dataclass(frozen=True)
class Approximation:
    """How good approximate answers are."""

    samples: int
    effective: float
    log_probability: float
    log_probability_error: float


def split(values, sizes):
    """Values one after another as one tuple per size."""
    parts, at = [], 0
    for size in sizes:
        parts.append(tuple(values[at : at + size]))
        at += size
    return parts


class Network(Handle):
    """A network with its tables; immutable."""

    _destroy = "llmsched_network_release"

    def __init__(self):
        raise TypeError("a Network comes from Network.from_json(), Network.learn() or Profile.network")

    @classmethod
    def from_json(cls, text, context=None):
        data = text.encode() if isinstance(text, str) else text
        return cls._adopt(make(lib.llmsched_network_from_json, contexts.pointer(context), data, len(data)))

    @classmethod
    def learn(cls, rows, names=None, states=None, weights=None, context=None, **options):
        """(network, score) from rows of state indices, None where one is not known.

        Options are the fields of llmsched_learn_options.
        """
        rows = [list(row) for row in rows]
        columns = len(rows[0]) if rows else 0
        if any(len(row) != columns for row in rows):
            raise errors.InvalidError("learn: the rows are not of one length")
        for given, count in ((names, columns), (states, columns), (weights, len(rows))):
            if given is not None and len(given) != count:
                raise errors.InvalidError(f"learn: {len(given)} names, states or weights, expected {count}")
        cells = numbers((c.LLMSCHED_STATE_MISSING if cell is None else cell for row in rows for cell in row))
        table = new(c.llmsched_table, columns=columns, rows=len(rows), cells=cells,
                    states=None if states is None else numbers(states),
                    names=None if names is None else (ctypes.c_char_p * columns)(*map(encode, names)),
                    weights=None if weights is None else numbers(weights, ctypes.c_double))
        handle, score = ctypes.c_void_p(), ctypes.c_double()
        call(lib.llmsched_network_learn, contexts.pointer(context), table, new(c.llmsched_learn_options, **options),
             handle, score)
        return cls._adopt(handle.value), score.value

    def approximate(self, states=None, likelihoods=None, **options):
        """Marginals by weighted draws: (marginals, standard errors, Approximation).

        states: {node: state}; likelihoods: {node: one number per state}. Options are the fields of
        llmsched_approximate_options.
        """
        sizes = [lib.llmsched_network_state_count(self._ptr, node) for node in range(len(self))]
        hard = numbers((states or {}).get(node, c.LLMSCHED_INDEX_NONE) for node in range(len(self)))
        soft = None
        if likelihoods:
            rows = [list(likelihoods.get(node, [1.0] * sizes[node])) for node in range(len(self))]
            if any(len(row) != size for row, size in zip(rows, sizes)):
                raise errors.InvalidError("approximate: a likelihood is not one number per state")
            soft = numbers((x for row in rows for x in row), ctypes.c_double)
        p, e = (ctypes.c_double * sum(sizes))(), (ctypes.c_double * sum(sizes))()
        result = new(c.llmsched_approximation)
        call(lib.llmsched_network_approximate, self._ptr, hard, soft,
             new(c.llmsched_approximate_options, **options), p, e, len(p), result)
        return split(p, sizes), split(e, sizes), Approximation(
            result.samples, result.effective, result.log_probability, result.log_probability_error)

    def to_json(self):
        return take_text(lib.llmsched_network_to_json, self._ptr)

    @property
    def name(self):
        return decode(lib.llmsched_network_name(self._ptr))

    def __len__(self):
        return lib.llmsched_network_node_count(self._ptr)

    def node_name(self, node):
        return decode(lib.llmsched_network_node_name(self._ptr, node))

    def find(self, name):
        """Number of the node with this name, or None."""
        node = lib.llmsched_network_find(self._ptr, encode(name))
        return None if node == c.LLMSCHED_INDEX_NONE else node

    def states(self, node):
        count = lib.llmsched_network_state_count(self._ptr, node)
        return [decode(lib.llmsched_network_state_name(self._ptr, node, state)) for state in range(count)]

    def parents(self, node):
        count = ctypes.c_uint32()
        parents = lib.llmsched_network_parents(self._ptr, node, count)
        return tuple(parents[: count.value]) if count.value else ()

    def table(self, node):
        """The node's probabilities: the first parent slowest, its own state fastest."""
        count = ctypes.c_uint64()
        table = lib.llmsched_network_table(self._ptr, node, count)
        return tuple(table[: count.value]) if count.value else ()


def borrow(pointer):
    return Network._adopt(lib.llmsched_network_retain(pointer))


class Inference(Handle):
    """Evidence on one network and the answers under it."""

    _destroy = "llmsched_inference_destroy"

    def __init__(self, network):
        super().__init__(make(lib.llmsched_inference_create, network._ptr))
        self._states = [len(network.states(node)) for node in range(len(network))]

    def clear(self):
        lib.llmsched_inference_clear(self._ptr)

    def set_state(self, node, state):
        call(lib.llmsched_inference_set_state, self._ptr, node, state)

    def set_likelihood(self, node, likelihood):
        likelihood = numbers(likelihood, ctypes.c_double)
        call(lib.llmsched_inference_set_likelihood, self._ptr, node, likelihood, len(likelihood))

    def log_probability(self):
        return self._number(lib.llmsched_inference_log_probability)

    def marginal(self, node):
        probabilities = (ctypes.c_double * self._states[node])()
        call(lib.llmsched_inference_marginal, self._ptr, node, probabilities, len(probabilities))
        return tuple(probabilities)

    def marginals(self):
        """P(node | evidence) of every node, in one pass."""
        probabilities = (ctypes.c_double * sum(self._states))()
        call(lib.llmsched_inference_marginals, self._ptr, probabilities, len(probabilities))
        return split(probabilities, self._states)

    def batch_marginals(self, jobs):
        """The same for many jobs, each with its own evidence. None for impossible evidence.

        A job gives per node a state, None where not observed, or a likelihood: one number per state.
        """
        nodes, size = len(self._states), sum(self._states)
        if any(len(job) != nodes for job in jobs):
            raise ValueError(f"each job needs {nodes} states, None where not observed")
        states, likelihoods, at = [], (ctypes.c_double * (size * len(jobs)))(), 0
        for job in jobs:
            for node, known in enumerate(job):
                if known is None or isinstance(known, int):
                    states.append(c.LLMSCHED_INDEX_NONE if known is None else known)
                else:
                    if len(known) != self._states[node]:
                        raise ValueError(f"node {node}: {len(known)} likelihoods for {self._states[node]} states")
                    states.append(c.LLMSCHED_STATE_SOFT)
                    likelihoods[at : at + len(known)] = known
                at += self._states[node]
        probabilities = (ctypes.c_double * (size * len(jobs)))()
        statuses = (ctypes.c_int32 * len(jobs))()
        ask = lib.llmsched_inference_batch_soft_marginals
        call(ask, self._ptr, numbers(states), likelihoods, len(jobs), probabilities, statuses)
        return [
            split(probabilities[j * size : (j + 1) * size], self._states) if status == c.LLMSCHED_OK else None
            for j, status in enumerate(statuses)
        ]

    def bytes(self):
        """What the calculator holds for the compiled network and its messages."""
        return lib.llmsched_inference_bytes(self._ptr)

    def joint(self, nodes):
        """P(nodes | evidence), the first node slowest."""
        nodes, size = numbers(nodes), 1
        for node in nodes:
            size *= self._states[node]
        probabilities = (ctypes.c_double * size)()
        call(lib.llmsched_inference_joint, self._ptr, nodes, len(nodes), probabilities, size)
        return tuple(probabilities)

    def entropy(self, nodes):
        nodes = numbers(nodes)
        return self._number(lib.llmsched_inference_entropy, nodes, len(nodes))

    def total_entropy(self):
        return self._number(lib.llmsched_inference_total_entropy)

    def mutual_information(self, node, others):
        others = numbers(others)
        return self._number(lib.llmsched_inference_mutual_information, node, others, len(others))

    def total_information(self, node):
        return self._number(lib.llmsched_inference_total_information, node)

    def _number(self, function, *arguments):
        value = ctypes.c_double()
        call(function, self._ptr, *arguments, value)
        return value.value
