"""Adjustment and front-door sets: found whenever there is one, none too large, and right by enumeration."""

from itertools import combinations

import numpy as np
import pytest

from modpart.causal import CausalGraph
from modpart.causal import graphs as known
from modpart.causal._identify.adjustment import (
    adjustment_set,
    front_door_set,
    is_adjustment_set,
    is_front_door_set,
)
from modpart.datasets import DiscreteSCM, make_causal_graph


def subsets(names):
    return [frozenset(chosen) for size in range(len(names) + 1) for chosen in combinations(sorted(names), size)]


@pytest.mark.parametrize(
    ("find", "works"), [(adjustment_set, is_adjustment_set), (front_door_set, is_front_door_set)], ids=["back", "front"]
)
def test_a_set_is_found_whenever_one_of_all_subsets_works(find, works):
    rng = np.random.default_rng(0)
    found = missing = 0
    for seed in range(80):
        graph = make_causal_graph(5, edges=0.45, bidirected=0.25, random_state=seed)
        nodes = [str(node) for node in rng.permutation(graph.nodes)]
        do, outcomes = frozenset(nodes[: 1 + seed % 2]), frozenset(nodes[2:3])
        working = [part for part in subsets(set(nodes) - do - outcomes) if works(graph, do, outcomes, part)]
        chosen = find(graph, do, outcomes)
        assert (chosen is not None) == bool(working)
        if chosen is None:
            missing += 1
            continue
        found += 1
        assert chosen in working
        assert all(chosen - {name} not in working for name in chosen)
    assert min(found, missing) > 10


def front_door(model, do, outcome, through):
    """The front-door formula, sum_m P(m | x) sum_x' P(y | x', m) P(x'), on the true joint distribution."""
    names = [do, *sorted(through), outcome]
    joint = model.distribution(names).to_numpy().reshape(2, -1, 2)
    mediators = joint.sum(axis=2) / joint.sum(axis=(1, 2))[:, None]
    outcomes = joint / joint.sum(axis=2, keepdims=True)
    return np.einsum("xm,zmy,z->xy", mediators, outcomes, joint.sum(axis=(1, 2)))


def test_the_front_door_formula_gives_the_true_effect():
    rng = np.random.default_rng(1)
    checked = 0
    while checked < 12:
        graph = make_causal_graph(4, edges=0.5, bidirected=0.25, random_state=rng)
        outcome, do = (str(node) for node in rng.permutation(graph.nodes)[:2])
        through = graph.identify(outcome, do=do).front_door_set
        if not through:
            continue
        checked += 1
        model = DiscreteSCM(graph, random_state=rng)
        for value, got in enumerate(front_door(model, do, outcome, through)):
            np.testing.assert_allclose(got, model.distribution([outcome], do={do: value}), atol=1e-9)


def test_known_sets():
    expected = {"front-door": {"Z"}, "two mediators": {"A", "B"}, "long front-door": {"Z"}, "napkin": None}
    for name, through in expected.items():
        assert CausalGraph(known.IDENTIFIABLE[name]).identify("Y", do="X").front_door_set == through


def test_simple_formulas_answer_effects_from_observational_data_alone():
    graph = CausalGraph("Z -> X; Z -> Y; X -> Y; Q")
    assert graph.identify("Y", do="X").adjustment_set == {"Z"}
    assert graph.identify("Y", do="X", given="Q").adjustment_set is None
    assert graph.identify("Y", do="X", regimes=["Q"]).adjustment_set is None
    assert graph.identify("Y").front_door_set is None


def test_adjustment_is_the_formula_where_it_works():
    trap = CausalGraph("X -> Y; T <-> X; T <-> Y")
    assert trap.identify("Y", do="X").estimand == "P(Y | X)"
    two = CausalGraph("A -> X; B -> X; A -> Y; B -> Y; X -> Y")
    assert two.identify("Y", do="X").estimand == "sum_{A, B} P(A, B) P(Y | A, B, X)"
