"""From a graph and data to jobs: who is learned together, from which rows, in which order."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import networkx as nx

from modpart.causal._dcm.columns import Column
from modpart.causal._graph import CausalGraph
from modpart.causal._modules import Module, closure, training_order

__all__ = ["LIMIT", "levels", "modules_for", "node_list", "states_of_causes"]

Regime = frozenset[str]
LIMIT = 512  # combinations of hidden states that one variable depends on, at most


def node_list(graph: CausalGraph, columns: Mapping[str, Column]) -> list[Any]:
    """What the networks need to know of each variable, in causal order; parents in causal order too."""
    from modpart._torch.dcm.nodes import Node

    return [
        Node(
            name,
            columns[name].node_kind,
            columns[name].size,
            tuple(other for other in graph.order if other in graph.parents(name)),
            tuple(i for i, clique in enumerate(graph.cliques) if name in clique),
            columns[name].shape,
        )
        for name in graph.order
    ]


def states_of_causes(graph: CausalGraph, n_states: int) -> dict[int, int]:
    """States of the hidden cause of each clique; fewer where one variable has many hidden causes."""
    counts = {v: sum(v in clique for clique in graph.cliques) for v in graph.nodes}
    most = {i: max(counts[v] for v in clique) for i, clique in enumerate(graph.cliques)}
    return {i: min(n_states, max(2, int(LIMIT ** (1 / count) + 1e-9))) for i, count in most.items()}


def modules_for(
    graph: CausalGraph, regimes: Sequence[Regime], mode: str, exact: Iterable[frozenset[str]]
) -> list[Module]:
    """The modules in training order; one of everything when they are trained jointly.

    A component in `exact` is learned by likelihood, which splits into components by itself; it stands first, and its
    contexts serve to look at its fit.
    """
    if mode == "joint":
        everything = frozenset(graph.nodes)
        return [Module(everything, {regime: frozenset() for regime in regimes if regime != everything})]
    alone = set(exact)
    after = {regime: graph.do(regime) if regime else graph for regime in regimes}
    first, later = [], []
    for module in training_order(graph, regimes):
        parts = graph.c_components(within=module.nodes)
        if all(part in alone for part in parts):
            first += [
                Module(part, {r: closure(changed, part) - part for r, changed in after.items() if not part <= r})
                for part in parts
            ]
        else:
            later.append(module)
    return first + later


def levels(modules: Sequence[Module], exact: Iterable[frozenset[str]]) -> list[list[Module]]:
    """Modules that can be trained at the same time, those that need nothing first; `exact` ones never wait."""
    free = set(exact)
    graph = nx.DiGraph()
    home = {node: i for i, module in enumerate(modules) for node in module.nodes}
    graph.add_nodes_from(range(len(modules)))
    graph.add_edges_from(
        (home[node], i)
        for i, module in enumerate(modules)
        for node in module.needs
        if home[node] != i and module.nodes not in free
    )
    return [[modules[i] for i in sorted(level)] for level in nx.topological_generations(graph)]
