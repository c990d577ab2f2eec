"""Identification at full size: formulas against enumeration, a proof for every no, modules that come in order."""

import numpy as np
import pytest

from modpart.causal import Event, training_order
from modpart.causal._modules import closure
from modpart.datasets import DiscreteSCM, make_causal_graph
from tests.causal.enumeration import conditional, grid_size, largest_gap

pytestmark = pytest.mark.claims


def settings(names):
    return [dict(zip(names, map(int, values))) for values in np.ndindex(*[2] * len(names))]


def random_query(rng, kind):
    """A graph with a query about it, as arguments of `identify`."""
    graph = make_causal_graph(int(rng.integers(4, 7)), edges=0.45, bidirected=0.3, random_state=rng)
    nodes = [str(node) for node in rng.permutation(graph.nodes)]
    query = {"outcomes": nodes[:1], "do": nodes[1 : 2 + int(rng.integers(2))]}
    rest = nodes[1 + len(query["do"]) :]
    if kind == "conditional":
        query["given"] = rest[: 1 + int(rng.integers(len(rest)))]
    if kind == "experiments":
        sets = [(), (rest[0],), (rest[-1], query["do"][0]), (query["do"][-1],)]
        query["regimes"] = [sets[k] for k in sorted(rng.choice(4, size=2, replace=False))]
    return graph, query


def identify(graph, query):
    return graph.identify(query["outcomes"], **{name: part for name, part in query.items() if name != "outcomes"})


def truth(model, query, setting):
    given = query.get("given", [])
    joint = model.distribution([*given, *query["outcomes"]], do=setting)
    return joint / joint.groupby(level=given).transform("sum") if given else joint


@pytest.mark.parametrize(
    ("kind", "count", "seed"), [("plain", 500, 0), ("conditional", 200, 1), ("experiments", 200, 2)]
)
def test_formulas_equal_enumeration(kind, count, seed):
    rng = np.random.default_rng(seed)
    answered = 0
    while answered < count:
        graph, query = random_query(rng, kind)
        answer = identify(graph, query)
        if not answer or (kind == "experiments" and identify(graph, {**query, "regimes": [()]})):
            continue
        answered += 1
        model = DiscreteSCM(graph, random_state=rng)
        regimes = query.get("regimes", [()])
        data = {regime: model.experiment(regime) for regime in regimes}
        order = [node for node in graph.nodes if node in query["do"]]
        given = [node for node in graph.nodes if node in query.get("given", [])]
        for setting in settings(order):
            got = answer.evaluate(data, setting)
            general = identify(graph, query)
            general.__dict__["expression"] = general._from_factors()  # which adjustment would stand in for
            np.testing.assert_allclose(general.evaluate(data, setting), got, atol=1e-9)
            np.testing.assert_allclose(got, truth(model, {**query, "given": given}, setting), atol=1e-9)


def random_counterfactual(rng):
    graph = make_causal_graph(int(rng.integers(3, 5)), edges=0.5, bidirected=0.3, random_state=rng)
    nodes = [str(node) for node in rng.permutation(graph.nodes)]
    seen = nodes[: int(rng.integers(len(nodes) + 1))]
    events = [Event(nodes[0], {nodes[1]: 1}, None if rng.random() < 0.5 else int(rng.integers(2)))]
    if rng.random() < 0.6:
        events.append(Event(nodes[2], {nodes[1]: 0} if rng.random() < 0.5 else {}, int(rng.integers(2))))
    given = [Event(name, value=int(rng.integers(2))) for name in seen]
    return graph, events, given


def pairs(events):
    return [(event.variable, event.do or {}) for event in events]


def counterfactual_truth(model, events, given):
    """By plain enumeration; None when what is given never happens."""
    table = conditional(model, pairs(events), pairs(given))
    places = [slice(None) if event.value is None else event.value for event in events]
    return table[(*places, *(event.value for event in given))]


def test_counterfactuals_equal_enumeration():
    rng = np.random.default_rng(3)
    answered = conditions = several = 0
    while answered < 300:
        graph, events, given = random_counterfactual(rng)
        keys = [(event.variable, str(event.do)) for event in events]
        if any(event.value is None for event in events) and (events[0].variable in {e.variable for e in given}):
            continue
        answer = graph.identify_counterfactual(events, given=given)
        model = DiscreteSCM(graph, random_state=rng)
        if not answer or grid_size(model) > 1_000_000:
            continue
        answered += 1
        conditions += bool(given)
        several += len(keys) > 1
        got = np.squeeze(answer.evaluate(model.distribution()).to_numpy())
        np.testing.assert_allclose(got, counterfactual_truth(model, events, given), atol=1e-9)
    assert min(conditions, several) > 100


@pytest.mark.parametrize(("kind", "seed"), [("plain", 10), ("conditional", 11), ("experiments", 12)])
def test_every_no_is_a_hedge_and_is_proved_by_two_models(kind, seed):
    rng = np.random.default_rng(seed)
    refused = gaps = 0
    while refused < 100:
        graph, query = random_query(rng, kind)
        answer = identify(graph, query)
        if answer:
            continue
        refused += 1
        assert answer.check_witness()
        first, second = answer.counterexample()
        for regime in query.get("regimes", [()]):
            np.testing.assert_allclose(first.experiment(regime), second.experiment(regime), rtol=0, atol=1e-9)
        gap = max(
            float(np.abs(truth(first, query, setting) - truth(second, query, setting)).max())
            for setting in settings(query["do"])
        )
        assert gap > 1e-6
        gaps += gap > 0.01
    assert gaps > 80


def test_every_counterfactual_no_is_proved_by_two_models():
    rng = np.random.default_rng(13)
    refused = 0
    while refused < 60:
        graph, events, given = random_counterfactual(rng)
        if any(event.value is None for event in events) and (events[0].variable in {e.variable for e in given}):
            continue
        answer = graph.identify_counterfactual(events, given=given)
        if answer or max(map(grid_size, answer.counterexample())) > 1_000_000:
            continue
        refused += 1
        assert largest_gap(answer, [(pairs(events), pairs(given))], [()]) > 1e-5


def mismatch(model, nodes):
    """Largest difference between P(nodes | do(parents)) and P(nodes | parents)."""
    nodes = sorted(nodes)
    parents = sorted(model.graph.parents(nodes) - set(nodes))
    if not parents:
        return 0.0
    everything = [(node, ()) for node in parents + nodes]
    shape = (2 ** len(parents), -1)
    seen = model._contract(everything).reshape(shape)
    done = model._contract(everything, drawn=frozenset(parents)).reshape(shape)
    return float(np.abs(seen / seen.sum(axis=1, keepdims=True) - done / done.sum(axis=1, keepdims=True)).max())


@pytest.mark.parametrize("seed", range(10))
def test_modules_condition_as_well_as_they_set_and_no_member_is_idle(seed):
    rng = np.random.default_rng(seed)
    dropped = 0
    for _ in range(100):
        graph = make_causal_graph(int(rng.integers(5, 9)), edges=0.35, bidirected=0.15, random_state=rng)
        model = DiscreteSCM(graph, random_state=rng)
        learned = set()
        for module in training_order(graph):
            assert module.needs <= learned
            learned |= module.nodes
            together = module.nodes | module.needs
            assert together == closure(graph, module.nodes)
            assert mismatch(model, together) < 1e-9
            for extra in sorted(module.needs):  # a model may ignore a cause by chance: one of several has to show it
                models = (DiscreteSCM(graph, n_states=2, random_state=s) for s in range(40))
                assert any(mismatch(other, together - {extra}) > 1e-9 for other in (model, *models))
                dropped += 1
        assert learned == set(graph.nodes)
    assert dropped > 5
