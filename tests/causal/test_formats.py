"""Graphs from text and from other tools, and back."""

from types import SimpleNamespace

import networkx as nx
import pytest

from modpart.causal import CausalGraph
from modpart.causal import graphs as known
from modpart.datasets import make_causal_graph

NAMED = [*known.IDENTIFIABLE.values(), *known.NOT_IDENTIFIABLE.values()]
ODD_NAMES = CausalGraph([("a b", "c-d")], bidirected=[("a b", "é.1")], nodes=["1", "lone one"])


WRITERS = [str, CausalGraph.to_dagitty, CausalGraph.to_dot, CausalGraph.to_gml, CausalGraph.to_networkx]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_every_format_gives_the_graph_back(write):
    for graph in [*map(CausalGraph, NAMED), ODD_NAMES, *(make_causal_graph(7, random_state=s) for s in range(20))]:
        assert CausalGraph(write(graph)) == graph


def test_the_repr_can_be_evaluated():
    for text in NAMED:
        graph = CausalGraph(text)
        assert eval(repr(graph)) == graph
    assert "X &lt;-&gt; Y" in CausalGraph("X -> Y; X <-> Y")._repr_html_()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("X -> Y <- Z", "X -> Y; Z -> Y"),
        ("X → Y ↔ Z", "X -> Y; Y <-> Z"),
        ("A -> {B C} -> D", "A -> B; A -> C; B -> D; C -> D"),
        ("A -> B # a comment\nB -> C", "A -> B; B -> C"),
        ("X -> Y, Z", "X -> Y; Z"),
        ("X -> Y; X -> Y; Y <- X", "X -> Y"),
        ('dag { bb="0,0,1,1" X [exposure,pos="-1.2,0.3"] Y [outcome] X -> Y X <-> Y [pos="0,1"] }', "X -> Y; X <-> Y"),
        ("dag{\nU [latent]\nU -> X\nU -> Y\nX -> Y\n}", "X -> Y; X <-> Y"),
        ("dag { 1 -> ADCY9.8 10 }", "1 -> ADCY9.8; 10"),
        ("dag { U -> X }", "U -> X"),
        (
            'digraph G { rankdir=LR; node [shape=box]; U [observed="no"]; U -> X; U -> Y; X -> Y [color=red]; }',
            "X -> Y; X <-> Y",
        ),
        ("digraph { X -> Y [dir=both]; /* and */ X -> Y }", "X -> Y; X <-> Y"),
        ('digraph { "a b" -> c; }', '"a b" -> c'),
        (
            'graph [ directed 1 node [ id 0 label "U" latent 1 ] node [ id 1 label "X" ] node [ id 2 label "Y" ] '
            "edge [ source 0 target 1 ] edge [ source 0 target 2 ] ]",
            "X <-> Y",
        ),
    ],
)
def test_what_people_write_is_understood(text, plain):
    assert CausalGraph(text) == CausalGraph(plain)


def test_networkx_graphs_may_name_what_is_hidden():
    graph = nx.DiGraph([("U", "X"), ("U", "Y"), ("X", "Y")])
    assert CausalGraph(graph, latents=["U"]) == CausalGraph("X -> Y; X <-> Y")
    graph.nodes["U"]["observed"] = False
    assert CausalGraph(graph) == CausalGraph("X -> Y; X <-> Y")
    graph.nodes["U"]["observed"] = "yes"
    assert CausalGraph(graph) == CausalGraph("U -> X; U -> Y; X -> Y")


def test_graphs_of_other_libraries_are_taken_by_their_parts():
    y0 = SimpleNamespace(directed=nx.DiGraph([("X", "Y")]), undirected=nx.Graph([("X", "Y")]))
    pywhy = SimpleNamespace(
        get_graphs=lambda: {"directed": nx.DiGraph([("X", "Y")]), "bidirected": nx.Graph([("X", "Y")])}
    )
    assert CausalGraph(y0) == CausalGraph(pywhy) == CausalGraph("X -> Y; X <-> Y")
