"""The causal graph: sets of nodes, separation, surgery, projection, and the errors of wrong graphs."""

import pickle
from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from modpart.causal import CausalGraph
from modpart.datasets import make_causal_graph
from modpart.exceptions import GraphError

FRONT_DOOR = CausalGraph("X -> Z -> Y; X <-> Y")


def random_dag(rng, n_nodes, share):
    names = [f"N{i}" for i in rng.permutation(n_nodes)]
    return nx.DiGraph([pair for pair in combinations(names, 2) if rng.random() < share])


def test_a_graph_knows_its_sets():
    assert FRONT_DOOR.nodes == ("X", "Z", "Y")
    assert FRONT_DOOR.parents("Y") == {"Z"}
    assert FRONT_DOOR.children(["X", "Z"]) == {"Z", "Y"}
    assert FRONT_DOOR.siblings("X") == {"Y"}
    assert FRONT_DOOR.ancestors("Z") == {"X", "Z"}
    assert FRONT_DOOR.ancestors("Y", within=["Z", "Y"]) == {"Z", "Y"}
    assert FRONT_DOOR.descendants("Z") == {"Z", "Y"}
    assert FRONT_DOOR.c_components() == (frozenset("XY"), frozenset("Z"))
    assert FRONT_DOOR.order == ("X", "Z", "Y")
    assert "X" in FRONT_DOOR
    assert "W" not in FRONT_DOOR
    assert len(FRONT_DOOR) == 3


def test_equal_graphs_are_equal_in_any_order():
    other = CausalGraph([("Z", "Y"), ("X", "Z")], bidirected=[("Y", "X")])
    assert other == FRONT_DOOR
    assert hash(other) == hash(FRONT_DOOR)
    assert CausalGraph("X -> Z -> Y") != FRONT_DOOR
    assert FRONT_DOOR != "X -> Z"
    assert pickle.loads(pickle.dumps(FRONT_DOOR)) == FRONT_DOOR


def test_the_order_is_topological_and_the_components_are_a_partition():
    for seed in range(50):
        graph = make_causal_graph(8, random_state=seed)
        place = {node: i for i, node in enumerate(graph.order)}
        assert all(place[a] < place[b] for a, b in graph.directed)
        components = graph.c_components()
        assert sorted(node for part in components for node in part) == sorted(graph.nodes)
        hidden = nx.Graph(graph.bidirected)
        hidden.add_nodes_from(graph.nodes)
        assert set(components) == set(map(frozenset, nx.connected_components(hidden)))


def test_cliques_cover_the_bidirected_edges():
    graph = CausalGraph("A <-> B; B <-> C; A <-> C; C <-> D; E")
    assert graph.cliques == (("A", "B", "C"), ("C", "D"))


def test_surgery_removes_the_right_edges():
    graph = CausalGraph("W -> X -> Y; W <-> X; X <-> Y; W <-> Y")
    assert graph.do("X") == CausalGraph("X -> Y; W <-> Y", nodes=["W"])
    assert graph.without_effects_of("X") == CausalGraph("W -> X; W <-> X; X <-> Y; W <-> Y")
    assert graph.subgraph(["W", "Y"]) == CausalGraph("W <-> Y")
    assert graph.marginal(["W", "Y"]) == CausalGraph("W -> Y; W <-> Y")


def with_explicit_causes(graph):
    """The same graph with every hidden cause as a node."""
    dag = nx.DiGraph(graph.directed)
    dag.add_nodes_from(graph.nodes)
    for a, b in graph.bidirected:
        dag.add_edges_from([(("hidden", a, b), a), (("hidden", a, b), b)])
    return dag


def random_sets(rng, nodes):
    home = rng.integers(4, size=len(nodes))
    sets = [{node for node, part in zip(nodes, home, strict=True) if part == wanted} for wanted in range(3)]
    return sets if sets[0] and sets[1] else random_sets(rng, nodes)


def test_m_separation_is_d_separation_with_hidden_causes_shown():
    rng = np.random.default_rng(0)
    answers = []
    for seed in range(60):
        graph = make_causal_graph(int(rng.integers(3, 8)), random_state=seed)
        dag = with_explicit_causes(graph)
        for _ in range(10):
            first, second, given = random_sets(rng, graph.nodes)
            answers.append(graph.m_separated(first, second, given))
            assert answers[-1] == nx.is_d_separator(dag, first, second, given)
    assert 50 < sum(answers) < 550


def test_projection_keeps_every_separation_of_what_is_observed():
    rng = np.random.default_rng(1)
    for _ in range(60):
        dag = random_dag(rng, int(rng.integers(5, 9)), 0.4)
        nodes = list(dag.nodes)
        hidden = {node for node in nodes if rng.random() < 0.35}
        if len(nodes) - len(hidden) < 2:
            continue
        graph = CausalGraph(dag, latents=hidden)
        assert set(graph.nodes) == set(nodes) - hidden
        for _ in range(10):
            first, second, given = random_sets(rng, graph.nodes)
            assert graph.m_separated(first, second, given) == nx.is_d_separator(dag, first, second, given)


def test_projection_in_two_steps_is_projection_in_one():
    for seed in range(30):
        graph = make_causal_graph(7, random_state=seed)
        assert graph.marginal(["V1", "V2", "V3"]) == graph.marginal(["V1", "V2", "V3", "V4", "V5"]).marginal(
            ["V1", "V2", "V3"]
        )


def test_a_latent_parent_becomes_a_bidirected_edge():
    assert CausalGraph("U -> X; U -> Y; X -> Y", latents=["U"]) == CausalGraph("X -> Y; X <-> Y")
    assert CausalGraph("U -> X -> Y", latents=["U"]) == CausalGraph("X -> Y")
    assert CausalGraph("X -> U -> Y; U -> Z", latents=["U"]) == CausalGraph("X -> Y; X -> Z; Y <-> Z")


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("X -> Y -> Z -> X", r"X -> Y -> Z -> X form a cycle"),
        ("X -> X", "The edge X -> X joins a node with itself"),
        ("X <-> X", "The edge X <-> X joins a node with itself"),
        ("X -- Y", r"Character 3 of the graph: '--' has no direction"),
        ("X -> ", "a name was expected, and the end of the statement found"),
        ("X -> Y Z", r"Character 8 of the graph: 'Z' begins a new statement"),
        ("-> Y", "Character 1 of the graph: a name was expected"),
        ("X -> Y; Z = 3", "'=' after 'Z' means nothing"),
        ("X -> Y & Z", "Character 8 of the graph: '&' is neither a name nor an arrow"),
        ("X -> {Y -> Z}", "a set of nodes in braces holds names alone"),
        ("X -> {Y Z", "a set of nodes in braces holds names alone"),
        ("pdag { X -- Y }", "no settled direction"),
        ("graph { X -- Y }", "no settled direction"),
        ([("X", "Y", "Z", "W")], "is no edge"),
        ([("X", "=>", "Y")], "unknown arrow"),
        ([("X", 3)], "The node 3 is no text"),
        (["XY"], "'XY' is no edge"),
        (5, "A int is no graph"),
        (nx.Graph([("X", "Y")]), "undirected"),
        ("graph [ node [ id 0 label A ]", "GML"),
    ],
)
def test_a_wrong_graph_is_answered_with_the_place(graph, words):
    with pytest.raises(GraphError, match=words):
        CausalGraph(graph)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda graph: graph.parents("Zz"), r"'Zz' is no node of the graph. Did you mean 'Z'\?"),
        (lambda graph: CausalGraph(graph, latents=["Q"]), "latents names 'Q', which is no node"),
        (lambda graph: graph.identify("Q"), "'Q' is no node"),
        (lambda graph: graph.identify([]), "at least one outcome"),
        (lambda graph: graph.identify("Y", do="Y"), "'Y' stands in two parts of the query"),
        (lambda graph: graph.identify("Y", do="X", given="X"), "'X' stands in two parts"),
        (lambda graph: graph.identify("Y", do="X", regimes=[]), "regimes is empty"),
        (lambda graph: graph.identify("Y", do="X", regimes="Zz"), "'Zz' is no node"),
        (lambda graph: CausalGraph(graph, latents="Zz"), "latents names 'Zz', which is no node"),
        (lambda graph: graph.m_separated("X", "X"), "'X' stands in two of the three sets"),
        (lambda graph: CausalGraph(graph, nodes="XY"), "nodes='XY' is a single text"),
        (lambda graph: CausalGraph(graph, bidirected=["XY"]), "'XY' is no edge"),
    ],
)
def test_a_wrong_question_is_answered_with_the_name(ask, words):
    with pytest.raises(GraphError, match=words):
        ask(FRONT_DOOR)
