"""Nodes and edges on their way into a graph, before they are known to make one."""

from dataclasses import dataclass, field
from typing import Any

from modpart.exceptions import GraphError

__all__ = ["Edges"]


@dataclass
class Edges:
    """Nodes in order of appearance, edges without repetition, and the nodes said to be unobserved."""

    nodes: list[str] = field(default_factory=list)
    directed: list[tuple[str, str]] = field(default_factory=list)
    bidirected: list[tuple[str, str]] = field(default_factory=list)
    latents: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._seen: set[Any] = {*self.nodes, *self.directed, *map(frozenset, self.bidirected)}

    def add_node(self, name: Any) -> None:
        """Add a node unless it is there."""
        if not isinstance(name, str) or not name:
            raise GraphError(f"The node {name!r} is no text; name nodes by non-empty text, as columns are.")
        if name not in self._seen:
            self._seen.add(name)
            self.nodes.append(name)

    def add(self, first: Any, arrow: str, second: Any) -> None:
        """Add an edge, ``->``, ``<-`` or ``<->``, and its ends."""
        if arrow not in ("->", "<-", "<->"):
            raise GraphError(f"The edge {first} {arrow} {second} has an unknown arrow; use '->', '<-' or '<->'.")
        self.add_node(first)
        self.add_node(second)
        if first == second:
            raise GraphError(f"The edge {first} {arrow} {second} joins a node with itself; remove it.")
        if arrow == "<->":
            if frozenset((first, second)) not in self._seen:
                self._seen.add(frozenset((first, second)))
                self.bidirected.append((first, second))
            return
        pair = (first, second) if arrow == "->" else (second, first)
        if pair not in self._seen:
            self._seen.add(pair)
            self.directed.append(pair)
