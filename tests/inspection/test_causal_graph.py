"""The picture of a causal graph: layers, arrows, colours."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import Circle, FancyArrowPatch

from modpart.causal import CausalGraph
from modpart.causal import graphs as known
from modpart.exceptions import GraphError, ParameterError
from modpart.inspection import CausalGraphDisplay


def drawn_graph(graph, **changes):
    display = CausalGraphDisplay.from_graph(graph, **changes)
    display.figure_.canvas.draw()
    plt.close(display.figure_)
    return display


@pytest.mark.parametrize("name", [*known.IDENTIFIABLE, *known.NOT_IDENTIFIABLE])
def test_causes_stand_left_of_effects_and_no_two_nodes_share_a_place(name):
    graph = CausalGraph({**known.IDENTIFIABLE, **known.NOT_IDENTIFIABLE}[name])
    places = drawn_graph(graph).positions_
    assert all(places[a][0] < places[b][0] for a, b in graph.directed)
    assert len(set(places.values())) == len(graph)


def test_every_edge_is_an_arrow_and_hidden_causes_are_dashed():
    display = drawn_graph("X -> Z -> Y; X <-> Y; X <-> W; Y <-> W")
    arrows = [patch for patch in display.ax_.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == 5
    assert sum(arrow.get_linestyle() not in ("-", "solid") for arrow in arrows) == 3
    shown = drawn_graph("X -> Z -> Y; X <-> Y; X <-> W; Y <-> W", latents=True)
    assert sum(isinstance(patch, Circle) for patch in shown.ax_.patches) == 1  # one cause of all three
    assert sum(isinstance(patch, FancyArrowPatch) for patch in shown.ax_.patches) == 5


def test_what_is_asked_for_is_coloured():
    graph = CausalGraph(known.NOT_IDENTIFIABLE["hidden chain"])
    plain, hedge, parts, chosen = (
        {node: box.get_facecolor() for node, box in drawn_graph(graph, highlight=highlight)._patches.items()}
        for highlight in (None, graph.identify("Y", do="X"), "c-components", ["X"])
    )
    assert len(set(plain.values())) == 1
    assert len({hedge["X"], hedge["Z1"], hedge["Y"]}) == 3 and hedge["Z1"] == hedge["Z2"]
    assert parts["X"] == parts["Z1"] == parts["Z2"] != parts["Y"] == plain["Y"]
    assert chosen["X"] != chosen["Y"] == plain["Y"]


def test_an_edge_that_would_run_over_a_node_bends():
    display = drawn_graph("A -> B -> C; A -> C")
    assert display._bend("A", "B", 0.0) == 0.0
    assert display._bend("A", "C", 0.0) != 0.0


def test_a_wrong_highlight_is_named():
    with pytest.raises(GraphError, match="'Q' is no node"):
        CausalGraphDisplay.from_graph("X -> Y", highlight=["Q"])
    with pytest.raises(ParameterError, match="highlight=5 must be"):
        CausalGraphDisplay.from_graph("X -> Y", highlight=5)
