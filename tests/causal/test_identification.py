"""Verdicts, formulas held against enumeration, and witnesses."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modpart.causal import CausalGraph
from modpart.causal import graphs as known
from modpart.causal._identify.factors import Hedge, is_hedge
from modpart.datasets import DiscreteSCM, make_causal_graph
from modpart.exceptions import GraphError, InputDataError, NotIdentifiableError, PositivityWarning


def truth(model, outcomes, do, given=()):
    """P(outcomes | do, given) by enumeration, in the form of `Identification.evaluate` with values of `do`."""
    joint = model.distribution([*given, *outcomes], do=do)
    return joint / joint.groupby(level=list(given)).transform("sum") if given else joint


def settings(names, n_states=2):
    return [dict(zip(names, map(int, values), strict=True)) for values in np.ndindex(*[n_states] * len(names))]


@pytest.mark.parametrize("name", known.IDENTIFIABLE)
def test_the_formula_of_a_known_graph_gives_the_true_effect(name):
    graph = CausalGraph(known.IDENTIFIABLE[name])
    answer = graph.identify("Y", do="X")
    assert answer
    for seed in range(2):
        model = DiscreteSCM(graph, n_states={node: 3 if node in "XY" else 2 for node in graph.nodes}, random_state=seed)
        got = answer.evaluate(model.distribution())
        assert list(got.index.names) == ["X", "Y"]
        for value in range(3):
            np.testing.assert_allclose(got[value], truth(model, ["Y"], {"X": value}), atol=1e-12)


@pytest.mark.parametrize("name", known.NOT_IDENTIFIABLE)
def test_a_no_carries_a_hedge_and_a_remedy(name):
    graph = CausalGraph(known.NOT_IDENTIFIABLE[name])
    answer = graph.identify("Y", do="X")
    assert not answer
    assert answer.check_witness()
    assert ("X",) in answer.suggestion
    for experiment in answer.suggestion:
        assert graph.identify("Y", do="X", regimes=[(), experiment])
    with pytest.raises(NotIdentifiableError, match=r"is not identifiable: .* is a hedge") as caught:
        _ = answer.estimand
    assert caught.value.identification is answer
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(answer)


def test_the_bow_is_said_in_one_sentence():
    answer = CausalGraph(known.NOT_IDENTIFIABLE["bow"]).identify("Y", do="X")
    assert str(answer) == (
        "P(Y | do(X)) is not identifiable: {X, Y} > {Y} is a hedge (hidden causes: X <-> Y). "
        "Data from do(X) would identify it."
    )


@pytest.mark.parametrize("name", known.EXPERIMENTS)
def test_experiments_identify_what_they_can(name):
    text, outcome, do, regimes, identifiable = known.EXPERIMENTS[name]
    graph = CausalGraph(text)
    answer = graph.identify(outcome, do=do, regimes=regimes)
    assert answer.identifiable == identifiable
    assert not graph.identify(outcome, do=do)
    if not identifiable:
        assert answer.check_witness()
        return
    model = DiscreteSCM(graph, random_state=0)
    data = {regime: model.experiment([regime]) if regime else model.distribution() for regime in regimes}
    for setting in settings([do] if isinstance(do, str) else do):
        np.testing.assert_allclose(answer.evaluate(data, setting), truth(model, [outcome], setting), atol=1e-12)


def random_query(rng, graph, n_do, n_given):
    nodes = [str(node) for node in rng.permutation(graph.nodes)]
    return nodes[:1], nodes[1 : 1 + n_do], nodes[1 + n_do : 1 + n_do + n_given]


@pytest.mark.parametrize("n_given", [0, 1])
def test_formulas_of_random_queries_equal_enumeration(n_given):
    rng = np.random.default_rng(n_given)
    answered, refused = 0, 0
    while answered < 40 or refused < 5:
        graph = make_causal_graph(int(rng.integers(4, 6)), random_state=rng)
        outcomes, do, given = random_query(rng, graph, int(rng.integers(1, 3)), n_given)
        answer = graph.identify(outcomes, do=do, given=given)
        if not answer:
            assert answer.check_witness()
            refused += 1
            continue
        model = DiscreteSCM(graph, random_state=rng)
        for setting in settings(do)[:2]:
            got = answer.evaluate(model.distribution(), setting)
            np.testing.assert_allclose(got, truth(model, outcomes, setting, given), atol=1e-9)
        answered += 1


def test_formulas_from_several_experiments_equal_enumeration():
    rng = np.random.default_rng(5)
    needed = 0
    while needed < 15:
        graph = make_causal_graph(5, edges=0.5, bidirected=0.45, random_state=rng)
        outcomes, do, others = random_query(rng, graph, 1, 2)
        regimes = [(), others[0], tuple(others)]
        answer = graph.identify(outcomes, do=do, regimes=regimes)
        if graph.identify(outcomes, do=do) or not answer:
            continue
        needed += 1
        model = DiscreteSCM(graph, random_state=rng)
        data = {regime: model.experiment([regime] if isinstance(regime, str) else regime) for regime in regimes[1:]}
        data[()] = model.distribution()
        for setting in settings(do):
            np.testing.assert_allclose(answer.evaluate(data, setting), truth(model, outcomes, setting), atol=1e-9)


def bow_model(effect_is_hidden):
    """P(X, Y) and P(Y=1 | do(X=1)) of a bow in which Y follows X, or the hidden cause that X follows, with flips."""
    joint, effect = {}, 0.0
    for hidden in (0, 1):
        for flip, chance in ((0, 0.4), (1, 0.1)):
            outcome = hidden ^ flip
            joint[hidden, outcome] = joint.get((hidden, outcome), 0.0) + chance  # X = hidden in both models
            effect += chance * ((hidden if effect_is_hidden else 1) ^ flip)
    return joint, effect


def test_two_models_of_the_bow_agree_on_the_data_and_not_on_the_effect():
    (first, effect), (second, none) = bow_model(False), bow_model(True)
    assert first == second
    assert effect == pytest.approx(0.8)
    assert none == pytest.approx(0.5)
    assert not CausalGraph(known.NOT_IDENTIFIABLE["bow"]).identify("Y", do="X")


def test_no_intervention_is_the_plain_conditional():
    graph = CausalGraph("X -> Y; X <-> Y")
    model = DiscreteSCM(graph, n_states=3, random_state=1)
    joint = model.distribution()
    got = graph.identify("Y", given="X").evaluate(joint)
    np.testing.assert_allclose(got, joint / joint.groupby(level="X").transform("sum"), atol=1e-12)
    np.testing.assert_allclose(graph.identify(["X", "Y"]).evaluate(joint), joint, atol=1e-12)


def test_formulas_are_written_as_in_the_books():
    front_door = CausalGraph(known.IDENTIFIABLE["front-door"]).identify("Y", do="X")
    assert front_door.estimand == "sum_{Z} P(Z | X) sum_{X'} P(X') P(Y | X', Z)"
    assert front_door.latex == r"\sum_{Z} P(Z \mid X) \sum_{X'} P(X') P(Y \mid X', Z)"
    napkin = CausalGraph(known.IDENTIFIABLE["napkin"]).identify("Y", do="X")
    assert napkin.estimand == "(sum_{W} P(W) P(X | W, R) P(Y | W, R, X)) / (sum_{W} P(W) P(X | W, R))"
    surrogate = known.EXPERIMENTS["surrogate"]
    assert CausalGraph(surrogate[0]).identify("Y", do="X", regimes=surrogate[3]).estimand == (
        "sum_{W} P(W) P(Y | do(Z), W, X)"
    )


def test_notebooks_show_formulas_and_refusals_in_plain_html():
    front = CausalGraph("X_1 -> Z -> Y; X_1 <-> Y").identify("Y", do="X_1")
    shown = front._repr_html_()
    assert "∑<sub><i>Z</i></sub>" in shown and "front-door set: {<i>Z</i>}" in shown and "\\" not in shown
    assert r"\mathit{X\_1}" in front.latex
    assert repr(front).startswith("<Identification: P(Y | do(X_1)) = sum_{Z}")
    back = CausalGraph(known.IDENTIFIABLE["back-door"]).identify("Y", do="X")
    assert "adjustment set: {<i>Z</i>}" in back._repr_html_()
    assert "border-bottom" in CausalGraph(known.IDENTIFIABLE["napkin"]).identify("Y", do="X")._repr_html_()
    refusal = CausalGraph("X -> Y; X <-> Y").identify("Y", do="X")
    assert "{X, Y} &gt; {Y} is a hedge" in refusal._repr_html_()


@pytest.mark.parametrize(
    ("graph", "do", "regimes", "smallest"),
    [
        ("X -> Y; X <-> Y", "X", [()], (("X",),)),
        ("X -> Y", "X", ["Y"], ((),)),
        ("A -> Y; B -> Y; A <-> Y; B <-> Y", ["A", "B"], [()], (("A", "B"),)),
        (known.EXPERIMENTS["surrogate"][0], "X", [()], (("Z",), ("X",))),
    ],
)
def test_the_smallest_experiments_that_help_are_named(graph, do, regimes, smallest):
    answer = CausalGraph(graph).identify("Y", do=do, regimes=regimes)
    assert answer.suggestion == smallest
    words = "Observational data" if smallest == ((),) else f"do({', '.join(smallest[0])})"
    assert words in str(answer)


def test_a_hedge_has_no_node_to_spare():
    for seed in range(60):
        graph = make_causal_graph(6, edges=0.4, bidirected=0.4, random_state=seed)
        answer = graph.identify("V1", do="V2")
        for hedge in answer.witness:
            for node in hedge.outer - hedge.inner:
                smaller = Hedge(hedge.outer - {node}, hedge.inner)
                assert not is_hedge(graph, smaller, answer.outcomes, answer.do)


def test_adjustment_is_offered_where_it_works():
    expected = {"back-door": {"Z"}, "m-graph": set(), "verma": set(), "confounded covariate": {"Z"}}
    for name, text in known.IDENTIFIABLE.items():
        found = CausalGraph(text).identify("Y", do="X").adjustment_set
        if name in expected:
            assert found == expected[name]
        if name.endswith("front-door") or name == "napkin":
            assert found is None


def test_adjustment_gives_the_true_effect_and_no_member_is_idle():
    rng = np.random.default_rng(2)
    found = 0
    while found < 30:
        graph = make_causal_graph(5, random_state=rng)
        (outcome,), (treatment,), _ = random_query(rng, graph, 1, 0)
        answer = graph.identify(outcome, do=treatment)
        if answer.adjustment_set is None:
            continue
        found += 1
        members = sorted(answer.adjustment_set)
        model = DiscreteSCM(graph, random_state=rng)
        joint = model.distribution([*members, treatment, outcome])
        for value in range(2):
            rows = joint.xs(value, level=treatment)
            if members:
                weights = joint.groupby(level=members).sum()
                shares = rows / rows.groupby(level=members).transform("sum")
                got = (shares * weights).groupby(level=outcome).sum()
            else:
                got = rows / rows.sum()
            np.testing.assert_allclose(got, truth(model, [outcome], {treatment: value}), atol=1e-9)


def test_rows_of_data_give_an_estimate_near_the_truth():
    graph = CausalGraph(known.IDENTIFIABLE["front-door"])
    model = DiscreteSCM(graph, random_state=3)
    rows = model.sample(20_000, random_state=0).map({0: "no", 1: "yes"}.get)
    got = graph.identify("Y", do="X").evaluate(rows, {"X": "yes"})
    assert list(got.index) == ["no", "yes"]
    np.testing.assert_allclose(got, truth(model, ["Y"], {"X": 1}), atol=0.02)


def test_what_the_data_do_not_hold_is_nan_and_said():
    graph = CausalGraph("Z -> X; Z -> Y; X -> Y")
    rows = pd.DataFrame({"X": [0, 0, 1, 0], "Y": [0, 1, 1, 1], "Z": [0, 1, 1, 1]})
    with pytest.warns(PositivityWarning, match="no rows with Z=0, X=1. .* 2 of 4 numbers is nan"):
        got = graph.identify("Y", do="X").evaluate(rows)
    assert got.isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (pd.DataFrame({"X": [0, 1], "Yy": [0, 1]}), InputDataError, r"no column 'Y'. Did you mean 'Yy'\?"),
        (pd.DataFrame({"X": [0, None], "Y": [0, 1]}), InputDataError, "Column 'X' has 1 missing"),
        (pd.DataFrame({"X": np.arange(2000) / 7, "Y": 0}), InputDataError, "Column 'X' has 2000 different values"),
        (pd.DataFrame({"X": [], "Y": []}), InputDataError, "no rows"),
        ([[0, 1]], InputDataError, "The data are a list"),
        (pd.Series([0.5, 0.5]), InputDataError, "must be named"),
        ({"X": pd.DataFrame({"X": [0, 1], "Y": [0, 1]})}, InputDataError, "needs the observational data"),
    ],
)
def test_wrong_data_are_answered_with_the_column(data, error, words):
    with pytest.raises(error, match=words):
        CausalGraph("X -> Y").identify("Y", do="X").evaluate(data)


def test_wrong_values_are_answered_with_the_known_ones():
    answer = CausalGraph("X -> Y").identify("Y", do="X")
    rows = pd.DataFrame({"X": [0, 1], "Y": [0, 1]})
    with pytest.raises(GraphError, match="X=2, which does not occur in the data; it takes 0, 1"):
        answer.evaluate(rows, {"X": 2})
    with pytest.raises(GraphError, match="values names 'Y', which"):
        answer.evaluate(rows, {"Y": 1})


def test_one_name_is_one_regime_and_one_latent():
    graph = CausalGraph("X1 -> Y1; X1 <-> Y1")
    assert graph.identify("Y1", do="X1", regimes="X1")
    assert CausalGraph("U1 -> X1; U1 -> Y1; X1 -> Y1", latents="U1") == graph


def test_experiments_alone_do_where_a_formula_leaves_a_variable_free():
    graph = CausalGraph("W -> R -> X -> Y; W <-> X; W <-> Y; Q -> W")  # a napkin: every value of R gives one answer
    model = DiscreteSCM(graph, random_state=0)
    answer = graph.identify("Y", do="X", regimes="Q")
    for setting in settings(["X"]):
        got = answer.evaluate({"Q": model.experiment(["Q"])}, setting)
        np.testing.assert_allclose(got, truth(model, ["Y"], setting), atol=1e-9)


def test_experiments_that_all_set_what_is_asked_about_are_a_checked_witness():
    graph = CausalGraph("V3 -> V1; V3 -> V4; V4 -> V2; V1 <-> V4; V2 <-> V4")
    answer = graph.identify("V2", do=["V1", "V3"], regimes=["V4", ["V4", "V1"]])
    assert not answer and answer.check_witness()
    assert not replace(answer, regimes=(*answer.regimes, frozenset())).check_witness()  # these data would help
