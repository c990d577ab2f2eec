"""The plug-in estimator: the truth in the limit, intervals that cover it, pandas kept, and what the data lack."""

import numpy as np
import pandas as pd
import pytest

from modpart.causal import CausalGraph, Event, PluginEstimator
from modpart.causal import graphs as known
from modpart.datasets import DiscreteSCM
from modpart.exceptions import GraphError, InputDataError, NotIdentifiableError, ParameterError, PositivityWarning
from modpart.io import load, save

FRONT_DOOR = known.IDENTIFIABLE["front-door"]
MODEL = DiscreteSCM(FRONT_DOOR, n_states=3, random_state=2)
ROWS = MODEL.sample(4000, random_state=0)


def fitted(**changes):
    return PluginEstimator(FRONT_DOOR, random_state=0, **changes).fit(ROWS)


@pytest.mark.parametrize("name", known.IDENTIFIABLE)
def test_counts_in_the_proportions_of_the_model_give_the_truth(name):
    model = DiscreteSCM(known.IDENTIFIABLE[name], random_state=1)
    counts = (model.distribution() * 1e15).round()
    got = PluginEstimator(model.graph, n_bootstrap=0).fit(counts).distribution("Y", do="X")
    for value in range(2):
        truth = model.distribution(["Y"], do={"X": value})
        np.testing.assert_allclose(got.loc[value, "probability"], truth, atol=1e-9)
    assert got["low"].isna().all()


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    model = DiscreteSCM(FRONT_DOOR, random_state=0)
    truth = model.distribution(["Y"], do={"X": 1}).to_numpy()
    hits = []
    for seed in range(100):
        estimator = PluginEstimator(FRONT_DOOR, confidence_level=0.8, random_state=seed)
        got = estimator.fit(model.sample(500, random_state=seed)).distribution("Y", do={"X": 1})
        hits.append((got["low"].to_numpy() <= truth) & (truth <= got["high"].to_numpy()))
    assert 0.7 < np.mean(hits) < 0.9


def test_a_mean_and_an_effect_are_those_of_the_distribution():
    estimator = fitted()
    distribution = estimator.distribution("Y", do="X")["probability"]
    means = estimator.mean("Y", do="X")
    for value in range(3):
        assert means.loc[value, "mean"] == pytest.approx(distribution[value].to_numpy() @ [0, 1, 2])
    effect = estimator.average_effect("Y", {"X": 2}, {"X": 0})
    assert effect.loc["Y", "effect"] == pytest.approx(means.loc[2, "mean"] - means.loc[0, "mean"])
    assert effect.loc["Y", "low"] < effect.loc["Y", "effect"] < effect.loc["Y", "high"]
    none = estimator.average_effect("Y", {"X": 1}, {"X": 1})
    assert none.loc["Y"].tolist() == [0, 0, 0]  # both terms come from the same samples


def test_effects_within_strata_keep_their_level():
    model = DiscreteSCM("W -> X; W -> Y; X -> Y", random_state=0)
    got = PluginEstimator(model.graph, random_state=0).fit(model.sample(3000, random_state=0))
    strata = got.average_effect("Y", {"X": 1}, {"X": 0}, given="W")
    assert strata.index.tolist() == [0, 1] and strata.index.name == "W"
    for value in range(2):
        one = got.average_effect("Y", {"X": 1}, {"X": 0}, given={"W": value})
        np.testing.assert_allclose(one.loc["Y"], strata.loc[value])


def test_categories_keep_their_order_and_text_its_values():
    words = pd.CategoricalDtype(["never", "high", "low", "mid"], ordered=True)
    rows = ROWS.replace({"Y": {0: "low", 1: "mid", 2: "high"}}).astype({"Y": words})
    rows["Z"] = rows["Z"].map({0: "a", 1: "b", 2: "c"})
    estimator = PluginEstimator(FRONT_DOOR, random_state=0).fit(rows)
    effect = estimator.average_effect("Y", {"X": 2}, {"X": 0})
    assert effect.index.dtype == words
    assert effect.index.tolist() == ["never", "high", "low", "mid"]
    assert effect["effect"].sum() == pytest.approx(0.0)
    plain = fitted().distribution("Y", do={"X": 2})
    named = estimator.distribution("Y", do={"X": 2})
    np.testing.assert_allclose(named.loc[["low", "mid", "high"], "probability"], plain["probability"])
    assert estimator.distribution("Z", do={"X": 2}).index.tolist() == ["a", "b", "c"]
    with pytest.raises(InputDataError, match=r"values of 'Y' are no numbers \(never, high, low"):
        estimator.mean("Y", do={"X": 2})


def test_experiments_are_taken_by_what_they_set():
    text, outcome, do, regimes, _ = known.EXPERIMENTS["surrogate"]
    model = DiscreteSCM(text, random_state=0)
    observed = model.sample(4000, random_state=0)
    arms = [model.sample(2000, do={"Z": value}, random_state=value) for value in range(2)]
    estimator = PluginEstimator(text, random_state=0).fit({(): observed, "Z": pd.concat(arms)})
    assert estimator.regimes_ == [(), ("Z",)]
    got = estimator.distribution(outcome, do={do: 1})
    truth = model.distribution([outcome], do={do: 1}).to_numpy()
    assert ((got["low"] - 0.02 < truth) & (truth < got["high"] + 0.02)).all()
    with pytest.raises(NotIdentifiableError, match=r"Data from do\(Z\) or data from do\(X\) would identify it"):
        PluginEstimator(text).fit(observed).distribution(outcome, do={do: 1})


def test_counterfactuals_have_intervals_too():
    treated = [Event("X", value=1)]
    got = fitted().counterfactual([Event("Y", {"X": 0})], given=treated)
    joint = MODEL.counterfactual([("X", {}), ("Y", {"X": 0})])
    truth = (joint[1] / joint[1].sum()).to_numpy()
    assert got.index.name == "Y_{X=0}"
    assert ((got["low"] - 0.02 < truth) & (truth < got["high"] + 0.02)).all()


def test_empty_cells_are_named():
    rows = pd.DataFrame({"Z": [0, 0, 0, 1, 1, 1], "X": [0, 1, 1, 0, 0, 0], "Y": [0, 1, 0, 1, 0, 1]})
    estimator = PluginEstimator("Z -> X; Z -> Y; X -> Y", n_bootstrap=0).fit(rows)
    with pytest.warns(PositivityWarning, match="no rows with Z=1, X=1. The formula needs them, so the answer is nan"):
        got = estimator.distribution("Y", do={"X": 1})
    assert got["probability"].isna().all()
    assert estimator.distribution("Y", do={"X": 0})["probability"].tolist() == [1 / 2 * 1 + 1 / 2 * 1 / 3, 1 / 3]


def test_a_missing_cell_is_never_passed_over_in_silence():
    # a napkin: both sums leave the unseen (W=1, R=0) out, and their ratio would still look like a distribution
    rows = DiscreteSCM(known.IDENTIFIABLE["napkin"], random_state=0).sample(4000, random_state=0)
    rows = rows[(rows["W"] == 0) | (rows["R"] == 1)]
    whole = PluginEstimator(known.IDENTIFIABLE["napkin"], n_bootstrap=0).fit(rows).distribution("Y", do={"X": 1})
    at_one = rows[rows["R"] == 1]  # the other value of R does
    shares = rows["W"].value_counts(normalize=True)
    above = below = 0.0
    for w in range(2):
        cell = at_one[at_one["W"] == w]
        above += shares[w] * ((cell["X"] == 1) & (cell["Y"] == 1)).mean()
        below += shares[w] * (cell["X"] == 1).mean()
    assert whole["probability"][1] == pytest.approx(above / below)
    rows = rows[(rows["W"] == 1) | (rows["R"] == 0)]
    with pytest.warns(PositivityWarning, match="W=0, R=1; none with W=1, R=0"):
        PluginEstimator(known.IDENTIFIABLE["napkin"], n_bootstrap=0).fit(rows).distribution("Y", do={"X": 1})


def test_bootstrap_samples_that_lack_rows_are_counted():
    rows = pd.DataFrame({"Z": [0] * 9 + [1] * 9, "X": [0, 1] * 4 + [0] * 9 + [1], "Y": [0, 1, 1] * 6})
    estimator = PluginEstimator("Z -> X; Z -> Y; X -> Y", random_state=0).fit(rows)
    with pytest.warns(PositivityWarning, match=r"\d+ of 200 bootstrap samples hold no rows"):
        got = estimator.distribution("Y", do={"X": 1})
    assert got.notna().all(axis=None)


def test_without_a_graph_every_column_causes_the_later_ones():
    rows = MODEL.sample(500, random_state=1)
    assert PluginEstimator().fit(rows).graph_ == CausalGraph("X -> Z -> Y; X -> Y")
    assert PluginEstimator().fit(rows.to_numpy()).graph_ == CausalGraph("x0 -> x1 -> x2; x0 -> x2")


def test_a_file_brings_back_the_same_numbers(tmp_path):
    pytest.importorskip("skops")
    rows = ROWS.astype({"Y": "category"})
    regimes = PluginEstimator(FRONT_DOOR, random_state=0).fit({(): rows, "X": rows})
    save(regimes, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")
    assert loaded.graph_ == regimes.graph_ and loaded.regimes_ == regimes.regimes_
    pd.testing.assert_frame_equal(loaded.distribution("Y", do="X"), regimes.distribution("Y", do="X"))


def test_progress_is_told(capsys):
    fitted(verbose=1, n_bootstrap=50).distribution("Y", do={"X": 1})
    assert capsys.readouterr().out.splitlines()[-1] == "[PluginEstimator] 50 of 50 bootstrap samples"


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (ROWS[["X", "Y"]], InputDataError, "no column 'Z'"),
        (ROWS.rename(columns={"Z": "Zz"}), InputDataError, r"no column 'Z'. Did you mean 'Zz'\?"),
        (ROWS.astype({"Z": float}).replace({"Z": {1: np.nan}}), InputDataError, "'Z' has .* missing values"),
        ({(): ROWS, "X": ROWS[["X", "Y"]]}, InputDataError, r"regime \['X'\] have no column 'Z'"),
        ({"Q": ROWS}, GraphError, "'Q' is no node"),
        ({}, InputDataError, "The mapping of regimes is empty"),
        (MODEL.distribution(), InputDataError, "holds shares, and intervals need the number of rows"),
        (ROWS.to_numpy(), InputDataError, "no column 'X'"),
        (pd.concat([ROWS, ROWS[["Z"]]], axis=1), InputDataError, "'Z' 2 times"),
    ],
)
def test_wrong_data_are_answered_with_the_column(rows, error, words):
    with pytest.raises(error, match=words):
        PluginEstimator(FRONT_DOOR).fit(rows)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda model: model.distribution("Y", do={"X": 7}),
            "asks for X=7, which does not occur in the data; it takes",
        ),
        (lambda model: model.distribution("Yy", do={"X": 1}), "'Yy' is no node"),
        (lambda model: model.average_effect("Y", "X", {"X": 0}), "compares two settings"),
        (lambda model: model.average_effect("Y", {"X": 1}, {"Z": 0}), "both must set the same variables"),
        (lambda model: model.counterfactual([Event("Y", {"X": 7})]), "sets X=7, which does not occur"),
    ],
)
def test_wrong_questions_are_answered_with_the_name(ask, words):
    with pytest.raises(GraphError, match=words):
        ask(fitted())


def test_a_graph_that_is_none_is_refused():
    with pytest.raises(ParameterError, match=r"graph=5 is not valid\. graph must be None, or a CausalGraph"):
        PluginEstimator(5).fit(ROWS)
    with pytest.raises(GraphError, match="cycle"):
        PluginEstimator("X -> Y -> X").fit(ROWS)
