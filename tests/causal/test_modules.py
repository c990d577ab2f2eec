"""Training order: what is learned together, and what before."""

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
