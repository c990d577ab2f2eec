"""Latent projection: the graph of the observed variables that hidden ones leave behind."""

from itertools import combinations, product

import networkx as nx

from modpart.causal._formats.edges import Edges

__all__ = ["project"]


def project(edges: Edges, latents: set[str]) -> Edges:
    """Remove `latents`; paths through them become directed edges, what they cause in common becomes bidirected.

    Every latent in turn, causes first, hands its own causes to its children, so that in the end no latent has a cause
    (Evans, "Graphs for margins of Bayesian networks", 2016, gives this exogenising step); then children of one latent
    are pairwise bidirected. A bidirected edge is a latent of its own.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(edges.nodes)
    graph.add_edges_from(edges.directed)
    sources: list[set[str]] = []
    for a, b in edges.bidirected:  # hidden causes without a name
        graph.add_edges_from([(("hidden", a, b), a), (("hidden", a, b), b)])
    hidden = [node for node in nx.topological_sort(graph) if isinstance(node, tuple) or node in latents]
    for node in hidden:
        causes, effects = list(graph.predecessors(node)), list(graph.successors(node))
        graph.add_edges_from(product(causes, effects))
        graph.remove_edges_from([(cause, node) for cause in causes])
    for node in hidden:
        sources.append(set(graph.successors(node)) - set(hidden))
    graph.remove_nodes_from(hidden)
    kept = [node for node in edges.nodes if node not in latents]
    pairs = {frozenset(pair) for effects in sources for pair in combinations(sorted(effects), 2)}
    return Edges(
        kept,
        [(a, b) for a, b in edges.directed if graph.has_edge(a, b)]
        + [(a, b) for a, b in graph.edges if (a, b) not in set(edges.directed)],
        [(a, b) for a, b in combinations(kept, 2) if frozenset((a, b)) in pairs],
        set(),
    )
