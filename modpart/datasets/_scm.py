"""Causal graphs drawn at random, and small structural models on them whose every answer can be enumerated."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from modpart._utils.params import integer, number, validate
from modpart._utils.seeds import check_rng
from modpart.causal import CausalGraph, DiscreteModel
from modpart.exceptions import ParameterError

__all__ = ["DiscreteSCM", "make_causal_graph"]

FORCED = 0.15  # share of the own noise that sets a variable whatever its causes say, so that everything can happen


def make_causal_graph(
    n_nodes: int = 6, *, edges: float = 0.4, bidirected: float = 0.25, random_state: Any = None
) -> CausalGraph:
    """Draw an acyclic directed mixed graph.

    Parameters
    ----------
    n_nodes : int, default=6
        Nodes, named ``V1``, ``V2``, ...; their names say nothing about their order.
    edges, bidirected : float in [0, 1], default=0.4 and 0.25
        Probability of a directed and of a bidirected edge between any two nodes, independent of each other.
    random_state : int, Generator, RandomState or None, default=None
        Seeds the draws.

    Returns
    -------
    graph : CausalGraph
        With all nodes, also those without edges.

    Notes
    -----
    Sparse graphs hardly ever leave a query unidentifiable; with the defaults about one in nine is at four to eight
    nodes.

    Examples
    --------
    >>> from modpart.datasets import make_causal_graph
    >>> len(make_causal_graph(5, random_state=0))
    5
    """
    values = {"n_nodes": n_nodes, "edges": edges, "bidirected": bidirected}
    share = (number(0.0, 1.0),)
    validate("make_causal_graph", values, {"n_nodes": (integer(1),), "edges": share, "bidirected": share})
    rng = check_rng(random_state)
    names = [f"V{i + 1}" for i in range(n_nodes)]
    order = rng.permutation(n_nodes)
    pairs = [(names[order[i]], names[order[j]]) for i, j in combinations(range(n_nodes), 2)]
    directed = [pair for pair, drawn in zip(pairs, rng.random(len(pairs)) < edges, strict=True) if drawn]
    hidden = [pair for pair, drawn in zip(pairs, rng.random(len(pairs)) < bidirected, strict=True) if drawn]
    return CausalGraph(directed, bidirected=hidden, nodes=names)


class DiscreteSCM(DiscreteModel):
    """A structural causal model of discrete variables with hidden common causes, drawn at random.

    Every variable is a fixed function of its direct causes, of one hidden cause for each clique of bidirected edges
    that it belongs to, and of noise of its own. All hidden things take few values, so observational, interventional and
    counterfactual distributions are exact sums: the truth that estimates can be held against.

    Parameters
    ----------
    graph : CausalGraph, or anything it is made from
        Which variables cause which, and which share hidden causes.
    n_states : int or mapping of str to int, default=2
        Values of each variable, 0, 1, ...
    n_hidden_states : int, default=2
        Values of each hidden common cause.
    n_noise_states : int, default=2
        Values of each variable's own noise; few make causes strong. Besides, with probability 0.15, a variable takes
        any value whatever its causes are, so that every combination of values has positive probability.
    random_state : int, Generator, RandomState or None, default=None
        Draws the functions and the probabilities.

    Attributes
    ----------
    graph : CausalGraph
    n_states : dict of str to int

    Notes
    -----
    A distribution is one sum over everything hidden, in an order that keeps intermediate tables small; its time and
    memory grow with the number of combinations of the values that are asked for.

    Examples
    --------
    >>> from modpart.datasets import DiscreteSCM
    >>> model = DiscreteSCM("X -> Y; X <-> Y", random_state=0)
    >>> float(model.distribution(["Y"], do={"X": 1}).sum().round(12))
    1.0
    """

    def __init__(
        self,
        graph: Any,
        *,
        n_states: int | Mapping[str, int] = 2,
        n_hidden_states: int = 2,
        n_noise_states: int = 2,
        random_state: Any = None,
    ) -> None:
        graph = graph if isinstance(graph, CausalGraph) else CausalGraph(graph)
        counts = dict(n_states) if isinstance(n_states, Mapping) else dict.fromkeys(graph.nodes, n_states)
        values = {
            **{f"n_states of {name}": count for name, count in counts.items()},
            "n_hidden_states": n_hidden_states,
        }
        values["n_noise_states"] = n_noise_states
        validate(type(self).__name__, values, dict.fromkeys(values, (integer(1),)))
        if set(counts) != set(graph.nodes):
            raise ParameterError(f"DiscreteSCM: n_states must name every node of the graph: {', '.join(graph.nodes)}.")
        rng = check_rng(random_state)
        hidden = [(clique, rng.dirichlet(np.full(n_hidden_states, 3.0))) for clique in graph.cliques]
        noise: dict[str, np.ndarray] = {}
        functions: dict[str, np.ndarray] = {}
        for node in graph.order:
            count = counts[node]
            n_common = sum(node in clique for clique in graph.cliques)
            causes = [counts[cause] for cause in graph.nodes if cause in graph.parents(node)]
            shape = [*causes, *(n_hidden_states for _ in range(n_common))]
            free = rng.integers(count, size=(*shape, n_noise_states))
            forced = np.broadcast_to(np.arange(count), (*shape, count))
            functions[node] = np.concatenate([free, forced], axis=-1)
            own = (1.0 - FORCED) * rng.dirichlet(np.full(n_noise_states, 2.0))
            noise[node] = np.concatenate([own, np.full(count, FORCED / count)])
        super().__init__(graph, n_states=counts, hidden=hidden, noise=noise, functions=functions)
