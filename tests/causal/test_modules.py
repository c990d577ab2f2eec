"""Training order: what is learned together, and what before."""

import networkx as nx
import numpy as np
import pytest

from modpart.causal import CausalGraph, training_order
from modpart.causal import graphs as known
from modpart.causal._modules import closure
from modpart.datasets import DiscreteSCM, make_causal_graph
from modpart.exceptions import GraphError


def words(modules):
    return ["".join(sorted(module.nodes)) + "(" + "".join(sorted(module.needs)) + ")" for module in modules]


@pytest.mark.parametrize(
    ("graph", "order"),
    [
        ("X -> Z -> Y; X <-> Y", ["Z()", "XY(Z)"]),
        ("W -> R -> X -> Y; W <-> X; W <-> Y", ["R()", "WXY(R)"]),
        ("X -> W -> Z -> Y; X <-> Y", ["W()", "Z()", "XY(WZ)"]),
        ("A -> B -> C -> D; B <-> D", ["A()", "C()", "BD(C)"]),
        ("A -> B -> C -> D; A <-> C; B <-> D", ["ABCD()"]),
        ("X -> Z -> Y; W -> Y; X <-> Y; Z <-> W", ["WZ()", "XY(WZ)"]),
        ("I -> D -> J -> C; D -> C; I <-> C", ["D()", "J()", "CI(DJ)"]),
        ("X -> Y; X <-> Y", ["XY()"]),
    ],
)
def test_known_orders(graph, order):
    assert words(training_order(CausalGraph(graph))) == order


def test_experiments_split_modules():
    graph = CausalGraph(known.EXPERIMENTS["two experiments"][0])
    sets = {
        regimes: [sorted(module.nodes) for module in training_order(graph, [regimes])] for regimes in ((), "X1", "X2")
    }
    assert sets == {
        (): [["W", "X1", "X2", "Y"]],
        "X1": [["X1"], ["W"], ["X2", "Y"]],
        "X2": [["W", "X1"], ["X2"], ["Y"]],
    }
    both = training_order(graph, ["X1", "X2"])
    assert [sorted(module.nodes) for module in both] == [["W", "X1"], ["X2", "Y"]]


def conditioning_is_setting(model, nodes):
    """Whether P(nodes | do(parents)) = P(nodes | parents), by enumeration."""
    nodes = sorted(nodes)
    parents = sorted(model.graph.parents(nodes) - set(nodes))
    joint = model.distribution([*parents, *nodes])
    for values in np.ndindex(*[2] * len(parents)):
        setting = dict(zip(parents, map(int, values), strict=True))
        seen = joint.loc[values] if parents else joint
        if np.abs(seen / seen.sum() - model.distribution(nodes, do=setting).to_numpy()).max() > 1e-9:
            return False
    return True


def growing_components(count):
    """Graphs with a c-component whose closure is larger than itself."""
    found, seed = [], 0
    while len(found) < count:
        graph = make_causal_graph(4, edges=0.6, bidirected=0.2, random_state=seed)
        found += [(graph, part) for part in graph.c_components() if closure(graph, part) != part]
        seed += 1
    return found[:count]


@pytest.mark.parametrize(
    ("graph", "component"), [pytest.param(*case, id=f"{case[0]}: {sorted(case[1])}") for case in growing_components(12)]
)
def test_the_closure_is_right_and_as_small_as_can_be(graph, component):
    models = [DiscreteSCM(graph, random_state=seed) for seed in range(6)]
    closed = closure(graph, component)
    assert all(conditioning_is_setting(model, closed) for model in models)
    for extra in sorted(closed - component):  # a model may ignore a cause by chance: one of several has to show it
        assert not all(conditioning_is_setting(model, closed - {extra}) for model in models)


def test_every_module_comes_after_what_it_needs():
    for seed in range(50):
        graph = make_causal_graph(8, random_state=seed)
        learned = set()
        for module in training_order(graph):
            assert module.needs <= learned
            assert not module.nodes & learned
            learned |= module.nodes
        assert learned == set(graph.nodes)


def test_no_data_teach_nothing():
    with pytest.raises(GraphError, match="regimes is empty"):
        training_order(CausalGraph("X -> Y"), [])


# Three rules that look right and are not: those of the released code of Modular-DCM (read there, written anew)


def old_edge(graph, first, second):
    """An edge when a parent of the second module that lies in the first descends from the second."""
    return bool(graph.parents(second) & first & graph.descendants(second))


def old_joint_set(graph, component):
    """The component with its mediators; what hidden causes tie to these is not looked at."""
    below = graph.descendants(component) - component
    return component | (below & graph.parents(component))


def old_merging(edges):
    """Whether rings of two and three modules are all the rings that there are."""
    rings = {(a, b) for a, b in edges if (b, a) in edges}
    rings |= {(a, b) for a, b in edges for c in {c for _, c in edges} if (b, c) in edges and (c, a) in edges}
    merged = nx.DiGraph(edges)
    for a, b in rings:
        merged = nx.contracted_nodes(merged, a, b, self_loops=False) if {a, b} <= set(merged) else merged
    return nx.is_directed_acyclic_graph(merged)


def test_an_edge_test_without_indirect_needs_loses_one():
    graph = CausalGraph("X -> W -> Z -> Y; X <-> Y")
    assert not old_edge(graph, frozenset("W"), frozenset("XY"))
    *_, last = training_order(graph)
    assert last.needs == {"W", "Z"}
    model = DiscreteSCM(graph, random_state=0)  # without W, conditioning on it is not setting it
    assert not conditioning_is_setting(model, {"X", "Y", "Z"})
    assert conditioning_is_setting(model, {"X", "Y", "Z", "W"})


def test_a_joint_set_without_hidden_causes_of_mediators_is_too_small():
    graph = CausalGraph("X -> Z -> Y; W -> Y; X <-> Y; Z <-> W")
    small = old_joint_set(graph, frozenset("XY"))
    assert small == {"X", "Y", "Z"}
    assert closure(graph, frozenset("XY")) == {"X", "Y", "Z", "W"}
    models = [DiscreteSCM(graph, random_state=seed) for seed in range(3)]
    assert not all(conditioning_is_setting(model, small) for model in models)
    assert all(conditioning_is_setting(model, closure(graph, frozenset("XY"))) for model in models)


def test_four_modules_that_need_one_another_in_a_ring_become_one():
    ring = "1234"
    edges = [f"A{v} <-> B{v} <-> M{v}" for v in ring]
    edges += [f"A{v} -> M{after} -> B{v}" for v, after in zip(ring, ring[1:] + ring[0])]
    graph = CausalGraph("; ".join(edges))
    assert len(rings_of(graph)) == 4
    assert not old_merging(rings_of(graph))  # no ring of two or three, so nothing is merged and there is no order
    (module,) = training_order(graph)
    assert module.nodes == set(graph.nodes)


def rings_of(graph):
    """Edges between c-components by what each closure adds."""
    parts = graph.c_components()
    needs = [closure(graph, part) - part for part in parts]
    return {(i, j) for j, need in enumerate(needs) for i, part in enumerate(parts) if i != j and need & part}


def test_the_old_rules_fail_on_random_graphs():
    edge = joint = 0
    for seed in range(200):
        graph = make_causal_graph(8, edges=0.35, bidirected=0.12, random_state=seed)
        parts = graph.c_components()
        for j, part in enumerate(parts):
            need = closure(graph, part) - part
            edge += any(need & other and not old_edge(graph, other, part) for i, other in enumerate(parts) if i != j)
            joint += closure(graph, part) != old_joint_set(graph, part)
    assert min(edge, joint) > 10
