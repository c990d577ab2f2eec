"""Graphs from what other tools make, and back."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import networkx as nx

from modpart.causal._formats.edges import Edges
from modpart.causal._formats.text import NO, YES, parse_text
from modpart.exceptions import GraphError

if TYPE_CHECKING:
    from modpart.causal._graph import CausalGraph

__all__ = ["edges_of", "to_dagitty", "to_dot", "to_gml", "to_networkx", "to_text"]

PLAIN = re.compile(r"[\w.]+")


def edges_of(graph: Any, bidirected: Iterable[tuple[str, str]], nodes: Iterable[str]) -> Edges:
    """The parts of anything that stands for a graph."""
    edges = Edges()
    if isinstance(nodes, str):
        raise GraphError(f"nodes={nodes!r} is a single text; pass a list of names.")
    for name in nodes:
        edges.add_node(name)
    found = _parts(graph)
    for name in found.nodes:
        edges.add_node(name)
    for a, b in found.directed:
        edges.add(a, "->", b)
    for a, b in [*found.bidirected, *map(_pair, bidirected)]:
        edges.add(a, "<->", b)
    edges.latents = found.latents
    return edges


def _parts(graph: Any) -> Edges:
    if isinstance(graph, str):
        return _from_gml(graph) if re.match(r"\s*(?:Creator\b[^\n]*\n\s*)?graph\s*\[", graph) else parse_text(graph)
    if isinstance(graph, nx.Graph):
        return _from_networkx(graph)
    parts = _mixed_parts(graph)
    if parts is not None:
        directed, bidirected = parts
        found = _from_networkx(directed)
        for node in bidirected.nodes:
            found.add_node(node)
        for a, b in bidirected.edges:
            found.add(a, "<->", b)
        return found
    try:
        items = list(graph)
    except TypeError:
        raise GraphError(
            f"A {type(graph).__name__} is no graph; pass text such as 'X -> Y; X <-> Y', a list of edges or a networkx "
            "DiGraph."
        ) from None
    found = Edges()
    for item in items:
        if isinstance(item, tuple | list) and len(item) == 3:
            found.add(*item)
        else:
            a, b = _pair(item)
            found.add(a, "->", b)
    return found


def _mixed_parts(graph: Any) -> tuple[nx.DiGraph, nx.Graph] | None:
    """Directed and bidirected part of a graph object of this package, of y0 or of pywhy-graphs."""
    if hasattr(graph, "directed") and hasattr(graph, "bidirected"):  # a CausalGraph
        directed, bidirected = nx.DiGraph(), nx.Graph(list(graph.bidirected))
        directed.add_nodes_from(graph.nodes)
        directed.add_edges_from(graph.directed)
        return directed, bidirected
    if hasattr(graph, "directed") and hasattr(graph, "undirected"):  # y0's mixed graph, whose nodes are variables
        return nx.relabel_nodes(graph.directed, str), nx.relabel_nodes(graph.undirected, str)
    if callable(getattr(graph, "get_graphs", None)):  # pywhy-graphs
        parts = graph.get_graphs()
        return parts["directed"], parts["bidirected"]
    return None


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    raise GraphError(f"{item!r} is no edge; an edge is a pair ('X', 'Y') or a triple ('X', '<->', 'Y').")


def _from_networkx(graph: nx.Graph) -> Edges:
    """A DiGraph, or a MultiDiGraph for pairs that are joined in both ways; GML makes either."""
    if not graph.is_directed():
        raise GraphError("The networkx graph is undirected; pass a DiGraph, and what is undirected as bidirected=.")
    found = Edges()
    for node, attributes in graph.nodes(data=True):
        found.add_node(node)
        if _says(attributes.get("latent"), YES) or _says(attributes.get("observed"), NO):
            found.latents.add(node)
    found.latents |= set(getattr(graph, "latents", ()))  # pgmpy
    for a, b, attributes in graph.edges(data=True):
        both = _says(attributes.get("bidirected"), YES) or attributes.get("dir") == "both"
        found.add(a, "<->" if both else "->", b)
    return found


def _says(value: Any, words: tuple[str, ...]) -> bool:
    return value is not None and str(value).strip('"').lower() in words


def _from_gml(text: str) -> Edges:
    try:
        graph = nx.parse_gml(text, label="label" if re.search(r"\blabel\b", text) else "id")
    except (nx.NetworkXError, KeyError, ValueError) as error:
        raise GraphError(f"The GML text cannot be read: {error}") from error
    if not graph.is_directed():
        raise GraphError("The GML text is an undirected graph; add the line 'directed 1'.")
    return _from_networkx(nx.relabel_nodes(graph, str))


def _quoted(name: str) -> str:
    return name if PLAIN.fullmatch(name) else f'"{name}"'


def _lines(graph: "CausalGraph", join: str = "->", both: str = "{} <-> {}") -> list[str]:
    """One statement per lone node and per edge, edges in the order of the nodes."""
    joined = {node for pair in (*graph.directed, *graph.bidirected) for node in pair}
    lines = [_quoted(node) for node in graph.nodes if node not in joined]
    lines += [f"{_quoted(a)} {join} {_quoted(b)}" for a, b in graph.directed]
    return lines + [both.format(_quoted(a), _quoted(b)) for a, b in graph.bidirected]


def to_text(graph: "CausalGraph") -> str:
    """Statements that ``CausalGraph`` reads."""
    return "; ".join(_lines(graph))


def to_dagitty(graph: "CausalGraph") -> str:
    """The graph for dagitty.net and the R package dagitty."""
    return "dag {\n" + "\n".join(_lines(graph)) + "\n}"


def to_dot(graph: "CausalGraph") -> str:
    """The graph for Graphviz, bidirected edges dashed."""
    lines = _lines(graph, both="{} -> {} [dir=both, style=dashed]")
    return "digraph {\n" + "".join(f"  {line};\n" for line in lines) + "}"


def to_networkx(graph: "CausalGraph") -> nx.MultiDiGraph:
    """A MultiDiGraph whose bidirected edges carry ``bidirected=True``."""
    made = nx.MultiDiGraph()
    made.add_nodes_from(graph.nodes)
    made.add_edges_from(graph.directed)
    made.add_edges_from(graph.bidirected, bidirected=True)
    return made


def to_gml(graph: "CausalGraph") -> str:
    """The graph in GML; bidirected edges carry ``bidirected 1``."""
    made = to_networkx(graph)
    for *_, attributes in made.edges(data=True):
        if attributes:
            attributes["bidirected"] = 1
    return "\n".join(nx.generate_gml(made))
