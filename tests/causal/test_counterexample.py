"""A "no" is proved by two models that agree on all data and disagree on the query; a plain enumeration checks them."""

import numpy as np
import pytest

from modpart.causal import CausalGraph, DiscreteModel, Event
from modpart.causal import graphs as known
from modpart.datasets import DiscreteSCM, make_causal_graph
from modpart.exceptions import GraphError, ParameterError
from tests.causal.enumeration import enumerate_events, grid_size, largest_gap


@pytest.mark.parametrize("name", known.NOT_IDENTIFIABLE)
def test_known_graphs(name):
    answer = CausalGraph(known.NOT_IDENTIFIABLE[name]).identify("Y", do="X")
    queries = [([("Y", {"X": x})], []) for x in range(2)]
    assert largest_gap(answer, queries, [()]) > (0.005 if name == "four nodes" else 0.05)


@pytest.mark.parametrize("name", [name for name in known.EXPERIMENTS if not known.EXPERIMENTS[name][4]])
def test_experiments_that_do_not_help(name):
    text, outcome, do, regimes, _ = known.EXPERIMENTS[name]
    answer = CausalGraph(text).identify(outcome, do=do, regimes=regimes)
    names = [do] if isinstance(do, str) else list(do)
    sets = [[regime] if regime else [] for regime in regimes]
    worlds = [dict(zip(names, map(int, values))) for values in np.ndindex(*[2] * len(names))]
    assert largest_gap(answer, [([(outcome, world)], []) for world in worlds], sets) > 1e-3


def test_a_conditional_query():
    answer = CausalGraph("X -> Z; Z <-> Y; X <-> Y; X <-> Z").identify("Y", do="X", given="Z")
    assert not answer
    assert largest_gap(answer, [([("Y", {"X": x})], [("Z", {"X": x})]) for x in range(2)], [()]) > 1e-3


@pytest.mark.parametrize(
    ("graph", "events", "given"),
    [
        ("X -> Y", [Event("Y", {"X": 1}, 1), Event("Y", {"X": 0}, 0)], []),  # necessity and sufficiency
        ("X -> Y; X <-> Y", [Event("Y", {"X": 1})], [Event("X", value=0)]),
        ("X -> Y", [Event("Y", {"X": 0}, 0)], [Event("X", value=1), Event("Y", value=1)]),  # probability of necessity
        ("X -> Z -> Y; X <-> Z", [Event("Y", {"X": 1})], []),
    ],
)
def test_counterfactuals(graph, events, given):
    answer = CausalGraph(graph).identify_counterfactual(events, given=given)
    assert not answer
    query = tuple([(event.variable, event.do or {}) for event in part] for part in (events, given))
    assert largest_gap(answer, [query], [()]) > 1e-3


def test_random_graphs():
    rng = np.random.default_rng(0)
    found = 0
    while found < 15:
        graph = make_causal_graph(4, edges=0.5, bidirected=0.5, random_state=rng)
        outcome, treatment = (str(node) for node in rng.permutation(graph.nodes)[:2])
        answer = graph.identify(outcome, do=treatment)
        if answer:
            continue
        found += 1
        assert largest_gap(answer, [([(outcome, {treatment: x})], []) for x in range(2)], [()]) > 1e-4


def test_what_is_identifiable_has_no_counterexample():
    graph = CausalGraph("X -> Y")
    with pytest.raises(GraphError, match="is identifiable: models that agree on the data agree on it"):
        graph.identify("Y", do="X").counterexample()
    with pytest.raises(GraphError, match="is identifiable"):
        graph.identify_counterfactual([Event("Y", {"X": 1})]).counterexample()
    three = [Event("Y", {"X": 1}, "low"), Event("Y", {"X": 0}, "mid"), Event("Y", value="high")]
    with pytest.raises(GraphError, match="names 3 values of 'Y'; a counterexample has two"):
        graph.identify_counterfactual(three).counterexample()


# The models themselves


def test_sums_equal_a_plain_enumeration():
    rng = np.random.default_rng(0)
    for seed in range(12):
        graph = make_causal_graph(4, edges=0.6, bidirected=0.4, random_state=seed)
        model = DiscreteSCM(graph, n_states=int(rng.integers(2, 4)), random_state=seed)
        assert grid_size(model) < 3_000_000
        nodes = [str(node) for node in rng.permutation(graph.nodes)]
        events = [(nodes[0], {nodes[1]: 1}), (nodes[0], {}), (nodes[2], {nodes[0]: 0}), (nodes[1], {nodes[1]: 0})]
        expected = enumerate_events(model, events)
        np.testing.assert_allclose(model.counterfactual(events), expected.ravel(), atol=1e-12)
        everything = [(node, {}) for node in graph.nodes]
        np.testing.assert_allclose(model.distribution(), enumerate_events(model, everything).ravel(), atol=1e-12)
        arms = [enumerate_events(model, [(node, {nodes[0]: k}) for node in graph.nodes]) for k in range(2)]
        if model.n_states[nodes[0]] == 2:
            np.testing.assert_allclose(model.experiment(nodes[0]), (sum(arms) / 2).ravel(), atol=1e-12)


def test_samples_follow_the_distribution():
    model = DiscreteSCM("X -> Y; X <-> Y", random_state=0)
    rows = model.sample(40_000, do={"X": 1}, random_state=0)
    assert rows["X"].eq(1).all()
    shares = rows["Y"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(shares, model.distribution(["Y"], do={"X": 1}), atol=0.01)


def test_sums_of_many_nodes_are_had_for_a_few_of_them():
    model = DiscreteSCM(make_causal_graph(12, edges=0.2, bidirected=0.1, random_state=0), random_state=0)
    assert float(model.distribution(["V1", "V2"], do={"V3": 1}).sum()) == pytest.approx(1.0)
    with pytest.raises(ParameterError, match="too many combinations of values to enumerate"):
        DiscreteSCM(make_causal_graph(26, edges=0.0, random_state=0), random_state=0).distribution()


def test_wrong_interventions_are_named():
    model = DiscreteModel(
        CausalGraph("X"), n_states={"X": 2}, hidden=[], noise={"X": np.array([0.5, 0.5])}, functions={"X": np.arange(2)}
    )
    with pytest.raises(GraphError, match="do names 'Q', which is no node"):
        model.distribution(["X"], do={"Q": 1})
    with pytest.raises(ParameterError, match="X=5 is not one of its values 0 to 1"):
        model.distribution(["X"], do={"X": 5})
