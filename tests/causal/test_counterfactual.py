"""Counterfactual queries held against the enumeration of models with all hidden things."""

import numpy as np
import pytest

from modpart.causal import CausalGraph, Event
from modpart.datasets import DiscreteSCM, make_causal_graph
from modpart.exceptions import GraphError, NotIdentifiableError


def truth(model, events, given=()):
    """The query by enumeration of a model of two-valued variables."""
    everything = [*events, *given]
    joint = model.counterfactual([(event.variable, event.do or {}) for event in everything])
    table = joint.to_numpy().reshape([2] * len(everything))
    picked = table[tuple(slice(None) if event.value is None else event.value for event in everything)]
    return picked / table[(..., *(event.value for event in given))].sum()


@pytest.mark.parametrize(
    ("graph", "events", "given", "identifiable"),
    [
        ("X -> Y", [Event("Y", {"X": 1})], [Event("X", value=0)], True),
        ("X -> Y; X <-> Y", [Event("Y", {"X": 1})], [Event("X", value=0)], False),
        ("X -> Y; X <-> Y", [Event("Y", {"X": 1})], [Event("X", value=1)], True),  # what happened, happened
        ("X -> Z -> Y; X <-> Y", [Event("Y", {"X": 1})], [Event("X", value=0)], True),
        ("X -> Y", [Event("Y", {"X": 1}, 1), Event("Y", {"X": 0}, 0)], [], False),  # probability of necessity
        ("X -> Z -> Y; X -> Y", [Event("Y", {"X": 1, "Z": 0})], [], True),
        ("X -> Y; Z -> Y", [Event("Y", {"X": 1})], [Event("Z", value=1), Event("X", value=0)], True),
    ],
)
def test_known_counterfactuals(graph, events, given, identifiable):
    graph = CausalGraph(graph)
    answer = graph.identify_counterfactual(events, given=given)
    assert answer.identifiable == identifiable
    if not identifiable:
        with pytest.raises(NotIdentifiableError, match="is not identifiable: it needs"):
            answer.evaluate(None)
        return
    for seed in range(3):
        model = DiscreteSCM(graph, random_state=seed)
        np.testing.assert_allclose(answer.evaluate(model.distribution()), truth(model, events, given), atol=1e-12)


def test_formulas_show_the_values_of_the_query():
    observed = [Event("X", value=0)]
    back = CausalGraph("Z -> X; Z -> Y; X -> Y").identify_counterfactual([Event("Y", {"X": 1})], given=observed)
    joint = "P(Z) P(X=0 | Z) P(Y | Z, X=1)"
    assert str(back) == f"P(Y_{{X=1}} | X=0) = (sum_{{Z}} {joint}) / (sum_{{Z, Y}} {joint})"
    front = CausalGraph("X -> Z -> Y; X <-> Y").identify_counterfactual([Event("Y", {"X": 1})])
    assert front.estimand == "sum_{Z} P(Z | X=1) sum_{X} P(X) P(Y | X, Z)"
    same = CausalGraph("X -> Y").identify_counterfactual([Event("Y", {"X": 1}, 1), Event("Y", {"X": 1}, 0)])
    assert same.estimand == "0"
    with pytest.raises(NotIdentifiableError):
        _ = CausalGraph("X -> Y; X <-> Y").identify_counterfactual([Event("Y", {"X": 1})], given=observed).estimand


def test_what_has_the_same_causes_is_the_same_in_every_world():
    seen = [Event("X", value=1), Event("Y", value=0)]
    graph = CausalGraph("X -> Z -> Y; X <-> Y")
    joint = DiscreteSCM(graph, random_state=0).distribution()
    answer = graph.identify_counterfactual([Event("Y", {"X": 1})], given=seen)
    assert answer.evaluate(joint).tolist() == [1.0, 0.0]  # had X been what it was, all would have been as it was
    assert graph.identify_counterfactual([Event("Y", {"X": 1}, 1)], given=seen).evaluate(joint).tolist() == [0.0]
    assert not graph.identify_counterfactual([Event("Y", {"X": 0}, 1)], given=seen)


def test_conditions_that_contradict_each_other_are_refused():
    with pytest.raises(GraphError, match="contradict each other, so nothing can be asked given them"):
        given = [Event("X", value=1), Event("Y", {"X": 1}, 0), Event("Y", value=1)]
        CausalGraph("X -> Y").identify_counterfactual([Event("X", value=1)], given=given)


def test_random_counterfactuals_equal_enumeration():
    rng = np.random.default_rng(0)
    answered, refused = 0, 0
    while answered < 80:
        graph = make_causal_graph(4, edges=0.5, bidirected=0.4, random_state=rng)
        nodes = [str(node) for node in rng.permutation(graph.nodes)]
        treatment, seen = nodes[0], nodes[2 : 2 + rng.integers(0, 3)]
        events = [Event(nodes[1], {treatment: 1}), Event(nodes[3], None, 1)][: 1 if nodes[3] in seen else 2]
        given = [Event(name, value=int(rng.integers(2))) for name in [*seen, treatment]]
        answer = graph.identify_counterfactual(events, given=given)
        if not answer:
            refused += 1
            continue
        answered += 1
        model = DiscreteSCM(graph, random_state=rng)
        np.testing.assert_allclose(answer.evaluate(model.distribution()), truth(model, events, given), atol=1e-9)
    assert refused > 5


def test_an_intervention_is_a_counterfactual_without_conditions():
    rng = np.random.default_rng(1)
    verdicts = set()
    for seed in range(60):
        graph = make_causal_graph(5, random_state=seed)
        treatment, outcome = (str(node) for node in rng.permutation(graph.nodes)[:2])
        plain = graph.identify(outcome, do=treatment).identifiable
        assert graph.identify_counterfactual([Event(outcome, {treatment: 1})]).identifiable == plain
        verdicts.add(plain)
    assert verdicts == {True, False}


def test_events_that_contradict_each_other_are_impossible():
    graph = CausalGraph("X -> Y; X <-> Y")
    for events in ([Event("Y", value=1), Event("Y", value=0)], [Event("X", {"X": 1}, 0)]):
        answer = graph.identify_counterfactual(events)
        assert answer.impossible
        assert answer.evaluate(DiscreteSCM(graph, random_state=0).distribution()).tolist() == [0.0]
    assert graph.identify_counterfactual([Event("X", {"X": 1}, 1)])


@pytest.mark.parametrize(
    ("events", "given", "words"),
    [
        ([], [], "at least one event"),
        (["Y"], [], "'Y' is no event"),
        ([Event("Q")], [], "'Q' is no node"),
        ([Event("Y", {"Q": 1})], [], "'Q' is no node"),
        ([Event("Y")], [Event("X")], "The condition X has no value"),
        ([Event("Y")], [Event("Y", value=1)], "The value of Y is settled"),
        ([Event("X", {"X": 1})], [], r"The value of X_\{X=1\} is settled"),
    ],
)
def test_a_wrong_query_is_answered_with_its_event(events, given, words):
    with pytest.raises(GraphError, match=words):
        CausalGraph("X -> Y").identify_counterfactual(events, given=given)


def test_a_value_that_the_data_do_not_know_is_named():
    answer = CausalGraph("X -> Y").identify_counterfactual([Event("Y", {"X": 5})])
    model = DiscreteSCM(CausalGraph("X -> Y"), random_state=0)
    with pytest.raises(GraphError, match="X=5, which does not occur in the data; it takes 0, 1"):
        answer.evaluate(model.distribution())
