"""A causal graph drawn in layers."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from modpart._utils.optional import optional_import
from modpart.causal import CausalGraph, Identification
from modpart.exceptions import ParameterError
from modpart.inspection._layers import layered
from modpart.inspection._style import color_of, tint_of

__all__ = ["CausalGraphDisplay"]

HEIGHT = 0.5  # of a node, in the unit of rows
LETTER = 0.15  # width that a letter needs
LETTERS = 0.25  # their height
GAP = 1.1  # between the nodes of neighbouring columns
BEND = 0.35  # of bidirected edges
HIDDEN = "#A34700"
LINE = "0.25"


class CausalGraphDisplay:
    """Picture of a causal graph: causes on the left, hidden common causes as dashed arcs.

    Make it with :meth:`from_graph`.

    Parameters
    ----------
    graph : CausalGraph
        What to draw.
    highlight : None, "c-components", Identification, iterable of str, default=None
        What to colour: what hidden causes tie together, each component that has several nodes in its colour; of an
        identification the intervention (grey), the outcomes (green) and, where the answer is no, the hedge (orange,
        its inner part darker); or any set of nodes.
    latents : bool, default=False
        Draw each hidden cause as a node of its own, with a dashed arrow to everything that it causes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    positions_ : dict of str to (float, float)
        Centre of each node.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.causal import CausalGraph
    >>> from modpart.inspection import CausalGraphDisplay
    >>> display = CausalGraphDisplay.from_graph(CausalGraph("smoking -> tar -> cancer; smoking <-> cancer"))
    >>> sorted(display.positions_, key=display.positions_.get)
    ['smoking', 'tar', 'cancer']
    """

    def __init__(self, graph: CausalGraph, *, highlight: Any = None, latents: bool = False) -> None:
        self.graph, self.highlight, self.latents = graph, highlight, latents

    @classmethod
    def from_graph(
        cls, graph: Any, *, highlight: Any = None, latents: bool = False, ax: Any = None
    ) -> "CausalGraphDisplay":
        """Draw a graph.

        Parameters
        ----------
        graph : CausalGraph, or anything it is made from
        highlight : None, "c-components", Identification, iterable of str, default=None
            See :class:`CausalGraphDisplay`.
        latents : bool, default=False
            Draw each hidden cause as a node of its own.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : CausalGraphDisplay

        Raises
        ------
        GraphError
            When `graph` is none, or `highlight` names what is no node.
        MissingDependencyError
            When matplotlib is not installed.
        """
        made = graph if isinstance(graph, CausalGraph) else CausalGraph(graph)
        return cls(made, highlight=highlight, latents=latents).plot(ax)

    def plot(self, ax: Any = None) -> "CausalGraphDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure that fits the graph.

        Returns
        -------
        self : CausalGraphDisplay
        """
        pyplot = optional_import("matplotlib.pyplot", extra="plot", purpose=type(self).__name__)
        self.positions_, self._widths = _places(self.graph)
        colors = self._colors()
        corners = np.array([*self.positions_.values()]).reshape(-1, 2)
        size = 2.0 + (np.ptp(corners, axis=0) if len(corners) else np.zeros(2))
        if ax is None:
            _, ax = pyplot.subplots(figsize=tuple(np.clip(0.75 * size, 2.0, 14.0)), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_aspect("equal")
        ax.axis("off")
        self._patches = {node: self._node(node, colors.get(node, "white")) for node in self.graph.nodes}
        for a, b in self.graph.directed:
            self._arrow(a, b, self._bend(a, b, 0.0), color=LINE, arrowstyle="-|>")
        if self.latents:
            for number, clique in enumerate(self.graph.cliques):
                self._hidden_cause(number, clique)
        else:
            for a, b in self.graph.bidirected:
                bend = self._bend(a, b, BEND)
                self._arrow(a, b, bend, color=HIDDEN, arrowstyle="<|-|>", linestyle=(0, (4, 3)))
        ax.autoscale_view()
        self._fit_letters()
        return self

    def _fit_letters(self) -> None:
        """Letters as large as the nodes, which share the axes' scale, leave room for."""
        box = self.ax_.get_window_extent().transformed(self.figure_.dpi_scale_trans.inverted())
        (left, right), (low, high) = self.ax_.get_xlim(), self.ax_.get_ylim()
        inches = min(box.width / (right - left), box.height / (high - low))  # of one row
        for text in self.ax_.texts:
            text.set_fontsize(float(np.clip(LETTERS * 72 * inches, 4.0, 11.0)))

    def _colors(self) -> dict[str, Any]:
        asked = self.highlight
        if asked is None:
            return {}
        if isinstance(asked, Identification):
            colors: dict[str, Any] = {}
            for hedge in asked.witness:
                colors |= dict.fromkeys(hedge.outer, tint_of(1)) | dict.fromkeys(hedge.inner, color_of(1))
            plain = {**dict.fromkeys(asked.do, "0.85"), **dict.fromkeys(asked.outcomes, tint_of(2))}
            return {**plain, **colors}
        if isinstance(asked, str) and asked == "c-components":
            several = [part for part in self.graph.c_components() if len(part) > 1]
            return {node: tint_of(k) for k, part in enumerate(several) for node in part}
        if not isinstance(asked, str | Iterable):
            raise ParameterError(
                f"CausalGraphDisplay: highlight={asked!r} must be None, 'c-components', an Identification or nodes."
            )
        return dict.fromkeys(self.graph.names(asked), tint_of(0))

    def _node(self, node: str, color: Any) -> Any:
        patches = optional_import("matplotlib.patches", extra="plot", purpose=type(self).__name__)
        (x, y), width = self.positions_[node], self._widths[node]
        style = patches.BoxStyle("Round", pad=0.0, rounding_size=HEIGHT / 2)
        box = patches.FancyBboxPatch(
            (x - width / 2, y - HEIGHT / 2), width, HEIGHT, boxstyle=style, fc=color, ec=LINE, lw=1.0, zorder=3
        )
        self.ax_.add_patch(box)
        self.ax_.text(x, y, node, ha="center", va="center_baseline", zorder=4)
        return box

    def _arrow(self, first: Any, second: str, bend: float, **looks: Any) -> None:
        patches = optional_import("matplotlib.patches", extra="plot", purpose=type(self).__name__)
        start = self.positions_[first] if isinstance(first, str) else first.center
        arrow = patches.FancyArrowPatch(
            start,
            self.positions_[second],
            patchA=self._patches[first] if isinstance(first, str) else first,
            patchB=self._patches[second],
            connectionstyle=f"arc3,rad={bend}",
            mutation_scale=11,
            shrinkA=1,
            shrinkB=1,
            lw=1.2,
            zorder=2,
            **looks,
        )
        self.ax_.add_patch(arrow)

    def _bend(self, first: str, second: str, least: float) -> float:
        """How far an edge has to bend, and to which side, to pass over as few nodes as it can."""
        choices = [-least, least] if least else [0.0]  # arcs of hidden causes above, detours below
        choices += [sign * bend for bend in (0.25, 0.45, 0.65) if bend > least for sign in (1, -1)]
        return min(choices, key=lambda bend: (self._passed_over(first, second, bend), choices.index(bend)))

    def _passed_over(self, first: str, second: str, bend: float) -> int:
        a, b = np.array(self.positions_[first]), np.array(self.positions_[second])
        across = np.array([b[1] - a[1], a[0] - b[0]])  # matplotlib's arc3: the control point lies bend times this away
        control = (a + b) / 2 + bend * across
        t = np.linspace(0, 1, 41)[:, None]
        curve = (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b
        count = 0
        for node, place in self.positions_.items():
            if node not in (first, second):
                away = np.abs(curve - place)
                count += bool(((away[:, 0] < self._widths[node] / 2 + 0.1) & (away[:, 1] < HEIGHT / 2 + 0.1)).any())
        return count

    def _hidden_cause(self, number: int, clique: tuple[str, ...]) -> None:
        """A small dashed circle above what it causes."""
        patches = optional_import("matplotlib.patches", extra="plot", purpose=type(self).__name__)
        places = np.array([self.positions_[node] for node in clique])
        top = max(y for _, y in self.positions_.values())
        center = (float(places[:, 0].mean()) + 0.01 * number, top + 1.1 + 0.8 * (number % 2))
        circle = patches.Circle(center, 0.25, fc="white", ec=HIDDEN, ls=(0, (3, 2)), lw=1.2, zorder=3)
        self.ax_.add_patch(circle)
        self.ax_.text(
            *center,
            "U" if len(self.graph.cliques) == 1 else f"U{number + 1}",
            ha="center",
            va="center_baseline",
            color=HIDDEN,
            zorder=4,
        )
        for node in clique:
            self._arrow(circle, node, 0.0, color=HIDDEN, arrowstyle="-|>", linestyle=(0, (4, 3)))


def _places(graph: CausalGraph) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Centre and width of every node."""
    widths = {node: max(HEIGHT, 0.3 + LETTER * len(node)) for node in graph.nodes}
    grid = layered(graph)
    lefts, edge = {}, 0.0
    for k in sorted({k for k, _ in grid.values()}):
        widest = max(widths[node] for node, (at, _) in grid.items() if at == k)
        lefts[k] = edge + widest / 2
        edge += widest + GAP
    return {node: (lefts[k], -1.15 * row) for node, (k, row) in grid.items()}, widths
