"""Places for the nodes of a graph: causes to the left of effects, few crossings."""

from collections.abc import Mapping, Sequence

from modpart.causal import CausalGraph

__all__ = ["layered"]

SWEEPS = 8


def layered(graph: CausalGraph) -> dict[str, tuple[int, float]]:
    """Column and row of every node.

    A node stands one column after its last cause (longest paths), but no earlier than it must: roots move next to their
    first effect. Rows follow the mean row of neighbours, swept from side to side (Sugiyama, Tagawa & Toda 1981);
    bidirected edges count half.
    """
    column: dict[str, int] = {}
    for node in graph.order:
        column[node] = 1 + max((column[cause] for cause in graph.parents(node)), default=-1)
    for node in reversed(graph.order):
        effects = [column[child] for child in graph.children(node)]
        if effects and not graph.parents(node):
            column[node] = min(effects) - 1
    shift = min(column.values(), default=0)
    columns: dict[int, list[str]] = {}
    for node in graph.nodes:
        columns.setdefault(column[node] - shift, []).append(node)
    best = _rows(columns)
    fewest = _crossings(graph, columns, best)
    rows = best
    for sweep in range(SWEEPS):
        for k in sorted(columns, reverse=bool(sweep % 2)):
            columns[k].sort(key=lambda node: (_pull(graph, node, rows), rows[node]))
            rows = _rows(columns)
        count = _crossings(graph, columns, rows)
        if count < fewest:
            best, fewest = rows, count
    return {node: (column[node] - shift, best[node]) for node in graph.nodes}


def _rows(columns: Mapping[int, Sequence[str]]) -> dict[str, float]:
    return {node: i - (len(nodes) - 1) / 2 for nodes in columns.values() for i, node in enumerate(nodes)}


def _pull(graph: CausalGraph, node: str, rows: Mapping[str, float]) -> float:
    joined = [*graph.parents(node), *graph.children(node)]
    hidden = list(graph.siblings(node))
    weight = len(joined) + 0.5 * len(hidden)
    if not weight:
        return rows[node]
    return (sum(rows[other] for other in sorted(joined)) + 0.5 * sum(rows[other] for other in sorted(hidden))) / weight


def _crossings(graph: CausalGraph, columns: Mapping[int, Sequence[str]], rows: Mapping[str, float]) -> float:
    """How many directed edges cross, and how many pass over a node."""
    column = {node: k for k, nodes in columns.items() for node in nodes}
    ends = [((column[a], rows[a]), (column[b], rows[b])) for a, b in graph.directed]
    count = 0.0
    for i, ((x0, y0), (x1, y1)) in enumerate(ends):
        for (u0, v0), (u1, v1) in ends[i + 1 :]:
            left, right = max(x0, u0), min(x1, u1)
            if left < right:
                first = [
                    y0 + (y1 - y0) * (x - x0) / (x1 - x0) - v0 - (v1 - v0) * (x - u0) / (u1 - u0) for x in (left, right)
                ]
                count += first[0] * first[1] < 0
        for k in range(x0 + 1, x1):
            height = y0 + (y1 - y0) * (k - x0) / (x1 - x0)
            count += 0.5 * sum(abs(rows[node] - height) < 0.3 for node in columns[k])
    return count
