"""ModularDCM: what it samples against enumeration, and the laws that hold for any fit."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modpart.causal import CausalGraph, ModularDCM
from modpart.causal._dcm.columns import learn_column
from modpart.causal.graphs import EXPERIMENTS, IDENTIFIABLE
from modpart.datasets import DiscreteSCM
from modpart.exceptions import (
    GraphError,
    InputDataError,
    ModpartWarning,
    NotIdentifiableError,
    ParameterError,
    PositivityWarning,
)
from modpart.io import load, save

FRONT_DOOR = CausalGraph("X -> Z -> Y; X <-> Y")
SCM = DiscreteSCM(FRONT_DOOR, n_states=3, n_hidden_states=4, n_noise_states=3, random_state=0)
DATA = SCM.sample(5000, random_state=1)


@pytest.fixture(scope="module")
def fitted():
    return ModularDCM(FRONT_DOOR, loss="likelihood", max_steps=400, outcome="Y", random_state=0).fit(DATA)


def shares(samples, count=3):
    return samples.value_counts(normalize=True).reindex(range(count), fill_value=0.0).to_numpy()


def distance(first, second):
    return np.abs(np.asarray(first) - np.asarray(second)).sum() / 2


def worst_distance(model, scm, n_states=3, outcome="Y", treatment="X"):
    return max(
        distance(
            shares(model.sample(50_000, variables=outcome, do={treatment: x}, random_state=2)[outcome], n_states),
            scm.distribution([outcome], do={treatment: x}).to_numpy(),
        )
        for x in range(n_states)
    )


# ---- truth by enumeration -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["front-door", "napkin", "two mediators", "confounded covariate"])
def test_likelihood_meets_enumeration(name):
    graph = CausalGraph(IDENTIFIABLE[name])
    scm = DiscreteSCM(graph, random_state=3)
    model = ModularDCM(graph, loss="likelihood", max_steps=400, random_state=0).fit(scm.sample(20_000, random_state=4))
    assert worst_distance(model, scm, 2) < 0.03


@pytest.mark.parametrize(
    ("name", "loss", "steps"),
    [("front-door", "wgan-gp", 700), ("two mediators", "wgan-gp", 400), ("front-door", "mmd", 1500)],
)
def test_training_by_comparison_meets_enumeration(name, loss, steps):
    graph = CausalGraph(IDENTIFIABLE[name])
    scm = DiscreteSCM(graph, n_states=2, n_hidden_states=4, n_noise_states=3, random_state=80)
    data = scm.sample(20_000, random_state=4)
    model = ModularDCM(graph, loss=loss, max_steps=steps, random_state=0).fit(data)
    observed = [shares(data["Y"][data["X"] == x], 2) for x in range(2)]
    naive = max(distance(observed[x], scm.distribution(["Y"], do={"X": x}).to_numpy()) for x in range(2))
    assert naive > 0.06
    assert worst_distance(model, scm, 2) < 0.04


@pytest.mark.parametrize("loss", ["wgan-gp", "mmd"])
def test_other_losses_learn_the_data(loss):
    model = ModularDCM("A -> B", loss=loss, max_steps=300, lr=1e-2, batch_size=256, random_state=0)
    scm = DiscreteSCM(CausalGraph("A -> B"), random_state=5)
    model.fit(scm.sample(4000, random_state=0))
    drawn = model.sample(20_000, random_state=0).value_counts(normalize=True).sort_index()
    assert distance(drawn, scm.distribution(["A", "B"])) < 0.08
    assert (model.fit_report()["distance"] < 0.1).all()


def test_a_joint_fit_is_one_module(fitted):
    model = ModularDCM(FRONT_DOOR, loss="likelihood", mode="joint", max_steps=400, random_state=0).fit(DATA)
    assert [part.nodes for part in model.modules_] == [["X", "Z", "Y"]]
    assert worst_distance(model, SCM) < worst_distance(fitted, SCM) + 0.03


def test_modules_come_in_training_order(fitted):
    assert [part.nodes for part in fitted.modules_] == [["Z"], ["X", "Y"]]
    assert [part.loss for part in fitted.modules_] == ["likelihood"] * 2
    assert not fitted.fit_report()["badly fitted"].any()


# ---- queries --------------------------------------------------------------------------------------------------
def test_what_is_set_is_set_and_what_is_seen_is_seen(fitted):
    rows = fitted.sample(500, do={"X": 2}, variables=["X", "Z", "Y"], random_state=0)
    assert (rows["X"] == 2).all()
    rows = fitted.sample(500, given={"Z": 1}, random_state=0)
    assert (rows["Z"] == 1).all()
    assert 100 < rows.attrs["effective_sample_size"] <= 500
    expected = SCM.distribution(["Z", "X"])
    many = fitted.sample(50_000, given={"Z": 1}, random_state=0)["X"]
    assert distance(shares(many), expected.loc[1] / expected.loc[1].sum()) < 0.03


def test_an_array_sets_a_value_for_each_row(fitted):
    values = np.arange(300) % 3
    rows = fitted.sample(300, variables=["X", "Y"], do={"X": values}, random_state=0)
    np.testing.assert_array_equal(rows["X"], values)


def test_unidentifiable_queries_are_refused():
    scm = DiscreteSCM(CausalGraph("X -> Y; X <-> Y"), random_state=0)
    model = ModularDCM("X -> Y; X <-> Y", loss="likelihood", max_steps=5, random_state=0).fit(scm.sample(500))
    with pytest.raises(NotIdentifiableError, match=r"P\(Y \| do\(X\)\) is not identifiable"):
        model.sample(5, do={"X": 1})
    with pytest.raises(NotIdentifiableError):
        model.effect("Y", {"X": 1}, {"X": 0})
    with pytest.raises(NotIdentifiableError):
        model.counterfactual({"X": 0, "Y": 0}, {"X": 1})
    assert len(model.sample(5)) == 5
    with pytest.warns(ModpartWarning, match="one of many"):
        assert len(model.set_params(on_unidentifiable="warn").sample(5, do={"X": 1})) == 5


def test_effect_of_treatment_on_the_treated():
    graph = CausalGraph("Z -> X; Z -> Y; X -> Y")
    scm = DiscreteSCM(graph, random_state=2)
    model = ModularDCM(graph, loss="likelihood", max_steps=400, random_state=0).fit(scm.sample(20_000, random_state=0))
    treated = model.counterfactual({"X": 1}, {"X": 0}, variables="Y", n_samples=20_000, random_state=0)
    joint = scm.counterfactual([("X", {}), ("Y", {"X": 0})]).loc[1]
    assert distance(shares(treated["Y"], 2), joint / joint.sum()) < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_doing_what_was_done_reproduces_the_evidence(fitted, seed):
    unit = DATA.iloc[seed].to_dict()
    rows = fitted.counterfactual(unit, {"X": unit["X"]}, n_samples=200, random_state=seed)
    assert (rows == pd.Series(unit)).all(axis=None)
    model = mixed_model()
    unit = MIXED.iloc[seed].to_dict()
    rows = model.counterfactual(unit, {"dose": unit["dose"]}, n_samples=50, random_state=seed)
    for name in MIXED:
        assert (rows[name] == unit[name]).all(), name


def test_effect_has_an_interval(fitted):
    truth = [SCM.distribution(["Y"], do={"X": x}).to_numpy() @ np.arange(3) for x in (0, 2)]
    found = fitted.effect("Y", {"X": 2}, {"X": 0}, n_samples=20_000, random_state=0)
    assert found.low < found.value < found.high
    assert abs(found.value - (truth[1] - truth[0])) < 0.1
    wide = fitted.effect("Y", {"X": 2}, {"X": 0}, X=DATA[:1000], n_bootstrap=3, n_samples=2000, random_state=0)
    assert wide.covers == "data"


def test_predictions_are_the_conditional_law(fitted):
    joint = SCM.distribution(["X", "Z", "Y"])
    rows = pd.DataFrame([(x, z) for x in range(3) for z in range(3)], columns=["X", "Z"])
    predicted = fitted.predict(rows.assign(Y=0))
    np.testing.assert_array_equal(predicted, fitted.predict(rows))
    chances = np.stack([joint.loc[tuple(row)].to_numpy() for row in rows.to_numpy()])
    clear = np.sort(chances, 1)[:, -1] > 1.2 * np.sort(chances, 1)[:, -2]
    assert (predicted == chances.argmax(1))[clear].mean() > 0.8
    assert fitted.predict(rows, do="X", n_samples=500).shape == (9,)


def test_density_sums_to_one(fitted):
    cells = pd.DataFrame([(x, z, y) for x in range(3) for z in range(3) for y in range(3)], columns=["X", "Z", "Y"])
    assert np.exp(fitted.score_samples(cells)).sum() == pytest.approx(1.0, abs=1e-9)
    drawn = fitted.sample(200_000, random_state=0).value_counts(normalize=True).reindex(pd.MultiIndex.from_frame(cells))
    assert distance(drawn.fillna(0.0), np.exp(fitted.score_samples(cells))) < 0.01


# ---- several regimes ------------------------------------------------------------------------------------------
def test_experiments_answer_what_observation_cannot():
    text, outcome, treatment, regimes, _ = EXPERIMENTS["surrogate"]
    graph = CausalGraph(text)
    scm = DiscreteSCM(graph, random_state=1)
    data = {(): scm.sample(10_000, random_state=0)}
    arms = [scm.sample(5000, do={"Z": z}, random_state=10 + z) for z in range(2)]
    data["Z"] = pd.concat(arms, ignore_index=True)
    model = ModularDCM(graph, loss="likelihood", max_steps=400, random_state=0).fit(data)
    assert model.regimes_ == [[], ["Z"]]
    assert worst_distance(model, scm, 2) < 0.05
    alone = ModularDCM(graph, loss="likelihood", max_steps=5, random_state=0).fit(data[()])
    with pytest.raises(NotIdentifiableError, match=r"Data from do\("):
        alone.sample(3, variables=outcome, do={treatment: 0})


# ---- kinds of columns -----------------------------------------------------------------------------------------
def mixed_table(n_samples=1500):
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=n_samples)
    dose = hidden + 0.5 * rng.normal(size=n_samples)
    return pd.DataFrame(
        {
            "dose": dose,
            "visits": rng.poisson(np.exp(3.0 + 0.2 * dose)),
            "group": pd.Categorical(rng.choice(["low", "high"], n_samples), ["low", "mid", "high"], ordered=True),
            "well": hidden + 0.3 * dose > rng.normal(size=n_samples),
            "town": rng.choice(["Aa", "Oslo"], n_samples),
            "grade": rng.integers(1, 4, n_samples).astype("int8"),
        }
    )


MIXED = mixed_table()
MIXED_GRAPH = "dose -> visits -> well; dose <-> well; group -> town; group -> grade"
_models = {}


def mixed_model(loss="likelihood"):
    if loss not in _models:
        model = ModularDCM(MIXED_GRAPH, loss=loss, max_steps=60, batch_size=128, hidden=(16,), random_state=0)
        _models[loss] = model.fit(MIXED)
    return _models[loss]


@pytest.mark.parametrize("loss", ["likelihood", "wgan-gp"])
def test_types_and_categories_come_back(loss):
    rows = mixed_model(loss).sample(2000, random_state=0)
    assert rows.dtypes.to_dict() == MIXED.dtypes.to_dict()
    assert set(rows["group"]) <= {"low", "high"}
    assert set(rows["town"]) <= set(MIXED["town"])
    assert set(rows["grade"]) <= {1, 2, 3}
    assert list(rows.columns) == list(MIXED.columns)


def test_kinds_are_found_and_can_be_said():
    kinds = {name: column.kind for name, column in mixed_model().columns_.items()}
    assert kinds == {
        "dose": "continuous",
        "visits": "integer",
        "group": "ordinal",
        "well": "boolean",
        "town": "categorical",
        "grade": "ordinal",
    }
    said = ModularDCM("A", column_types={"A": "continuous"}, max_steps=2).fit(pd.DataFrame({"A": [1, 2] * 20}))
    assert said.columns_["A"].kind == "continuous"


# ---- manners --------------------------------------------------------------------------------------------------
def test_same_seed_same_samples(fitted):
    again = clone(fitted).fit(DATA)
    first, second = (model.sample(100, random_state=3) for model in (fitted, again))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first, pickle.loads(pickle.dumps(fitted)).sample(100, random_state=3))


@pytest.mark.parametrize("loss", ["likelihood", "wgan-gp"])
def test_the_number_of_workers_changes_no_bit(loss):
    scm = DiscreteSCM(CausalGraph("X -> A; X -> B; A -> Y; B -> Y; X <-> Y"), random_state=0)
    data = scm.sample(300, random_state=0)
    models = [
        ModularDCM(scm.graph, loss=loss, max_steps=5, random_state=0, n_jobs=n_jobs).fit(data) for n_jobs in (None, 2)
    ]
    for name, weights in models[0].weights_.items():
        for part, array in weights.items():
            np.testing.assert_array_equal(array, models[1].weights_[name][part])


def test_a_saved_model_answers_the_same(fitted, tmp_path):
    save(fitted, tmp_path / "model.skops")
    loaded = load(tmp_path / "model.skops")
    pd.testing.assert_frame_equal(
        loaded.sample(50, variables="Y", do={"X": 1}, random_state=0),
        fitted.sample(50, variables="Y", do={"X": 1}, random_state=0),
    )


def test_in_a_pipeline_and_in_a_search():
    pipeline = make_pipeline(
        FunctionTransformer(), ModularDCM(FRONT_DOOR, loss="likelihood", max_steps=20, random_state=0)
    )
    search = GridSearchCV(pipeline, {"modulardcm__n_hidden_states": [1, 6]}, cv=2, n_jobs=2)
    search.fit(DATA[:1000])
    assert search.best_params_["modulardcm__n_hidden_states"] in (1, 6)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_starts_are_compared():
    model = ModularDCM("A -> B", loss="likelihood", max_steps=10, n_restarts=3, random_state=0)
    assert len(model.fit(DATA.rename(columns={"X": "A", "Z": "B"})[["A", "B"]]).modules_) == 2


# ---- bad calls ------------------------------------------------------------------------------------------------
def spoilt(value):
    return DATA.assign(Z=np.where(DATA.index == 3, value, 1.5))


@pytest.mark.parametrize(
    ("graph", "data", "error", "words"),
    [
        ("X -> Z -> Y; X <-> Y", DATA.drop(columns="Z"), InputDataError, "no column 'Z'"),
        ("X -> Z; X <-> Z", DATA, GraphError, "Column 'Y' is no node"),
        (
            "X -> Z -> Y",
            DATA.assign(Z=np.where(DATA.index == 3, np.nan, 1.5)),
            InputDataError,
            "'Z' has 1 missing.*row 3",
        ),
        (
            "X -> Z -> Y",
            DATA.assign(Z=np.where(DATA.index == 4, np.inf, 1.5)),
            InputDataError,
            "'Z' holds inf in row 4",
        ),
        ("X -> Z -> Y", DATA.assign(Z=pd.Timestamp("2020-01-01")), InputDataError, "'Z' has type datetime64"),
        ("X -> Z -> Y", DATA[:0], InputDataError, "no rows"),
        ("X -> Z -> Y", {"X": [1, 2], "Z": [1], "Y": [1, 2]}, InputDataError, "different numbers of rows"),
        ("X -> Z -> Y", {(): DATA, "X": DATA[["X", "Z"]]}, InputDataError, "differ in column 'Y'"),
        ("X -> Z -> Y", {(): DATA, "W": DATA}, GraphError, "'W' is no node"),
        ("X -> Z -> X", DATA, GraphError, "cycle"),
        ("X -> Z", np.zeros((9, 2)), InputDataError, "columns of an array have these names"),
    ],
)
def test_wrong_data_are_named(graph, data, error, words):
    with pytest.raises(error, match=words):
        ModularDCM(graph, max_steps=1).fit(data)


def test_wrong_queries_are_named(fitted):
    with pytest.raises(InputDataError, match=r"'X' holds 7.*knows 0, 1, 2"):
        fitted.sample(3, variables="Y", do={"X": 7})
    with pytest.raises(ParameterError, match=r"do=\['X'\] gives no values"):
        fitted.sample(3, do=["X"])
    with pytest.raises(InputDataError, match="'dose' holds numbers, and 'much' is none"):
        mixed_model().sample(3, do={"dose": "much"})
    with pytest.raises(GraphError, match="do names 'W'"):
        fitted.sample(3, do={"W": 1})
    with pytest.raises(ParameterError, match="n_samples"):
        fitted.sample(0)
    with pytest.raises(InputDataError, match="no column 'Z'"):
        fitted.score(DATA.drop(columns="Z").to_dict("series"))
    with pytest.raises(AttributeError, match="predict"):
        ModularDCM(FRONT_DOOR, max_steps=2).predict(DATA)


def test_zero_and_one_stand_for_false_and_true():
    column = learn_column("ill", [True, False, True])
    assert column.encode([0, 1, 1.0]).tolist() == [0, 1, 1]
    with pytest.raises(InputDataError, match="'ill' holds 2"):
        column.encode([2])


def test_evidence_that_no_data_hold_is_told():
    A = np.arange(500) % 2
    model = ModularDCM("A -> B", loss="likelihood", max_steps=300, random_state=0).fit(pd.DataFrame({"A": A, "B": A}))
    with pytest.warns(PositivityWarning, match="evidence A, B has a probability of .*500 rows"):
        model.sample(10, given={"A": 0, "B": 1}, random_state=0)


def test_rare_values_are_warned_of():
    data = DATA.assign(X=np.where(DATA.index < 5, 9, DATA["X"]))
    model = ModularDCM("X -> Z -> Y", loss="likelihood", max_steps=5, random_state=0).fit(data)
    with pytest.warns(PositivityWarning, match=r"X=9, of which the data hold 5 rows"):
        model.sample(3, do={"X": 9})
    with pytest.warns(PositivityWarning, match="outside the data's range"):
        mixed_model().sample(3, do={"group": "low", "dose": 100.0}, variables="visits")


def test_a_bad_fit_is_told():
    with pytest.warns(ModpartWarning, match="Module .* is badly fitted"):
        ModularDCM("X -> Z -> Y", loss="mmd", max_steps=500, lr=1e-9, batch_size=2, random_state=0).fit(DATA)


def test_pairs_that_the_data_lack_are_told(fitted):
    rng = np.random.default_rng(0)
    X = rng.integers(3, size=3000)
    data = pd.DataFrame({"X": X, "Z": np.where(np.arange(3000) % 1000 == 0, 2 - X, X), "Y": rng.integers(2, size=3000)})
    with pytest.warns(PositivityWarning, match=r"Module X, Y: .* with Z of which the data cover 3\d%"):
        model = ModularDCM(FRONT_DOOR, loss="likelihood", max_steps=500, random_state=0).fit(data)
    overlap = model.fit_report().set_index("module")["overlap"]
    assert overlap["Z"] == 1.0
    assert overlap["X, Y"] == pytest.approx(1 / 3, abs=0.03)  # Z is a copy of X: a third of the pairs exist
    assert (fitted.fit_report()["overlap"] > 0.95).all()


def test_a_treatment_that_some_combination_of_covariates_never_has_is_told():
    rng = np.random.default_rng(0)
    C, D = rng.integers(3, size=3000), rng.integers(2, size=3000)
    X = np.where((C == 2) & (D == 1), np.arange(3000) % 1000 == 0, rng.random(3000) < 0.5).astype(int)
    data = pd.DataFrame({"C": np.array(["low", "mid", "high"])[C], "D": D == 1, "X": X})
    data["Y"] = rng.random(3000) < 0.2 + 0.3 * X + 0.1 * C
    model = ModularDCM("C -> X; D -> X; C -> Y; D -> Y; X -> Y", loss="likelihood", max_steps=20, random_state=0)
    report = model.fit(data).fit_report().set_index("module")
    combination = (C == 2) & (D == 1)
    rows = int((X[combination] == 1).sum())
    assert 0 < rows < 5
    assert report.loc["Y", "thinnest"] == f"X=1 beside C=high, D=True: {rows} rows"
    assert report.loc["Y", "overlap"] == pytest.approx(1 - combination.mean() * X.mean(), abs=1e-6)
    assert report.loc["X", "overlap"] == 1.0
    assert report.loc["X", "thinnest"] == ""
    with pytest.warns(PositivityWarning, match=rf"With do X=1: Y .* C=high, D=True, X=1, .* {rows} rows of data"):
        model.sample(5000, variables="Y", do={"X": 1}, random_state=0)
    model.sample(5000, variables="Y", do={"X": 0}, random_state=0)  # of which there are enough
    model.sample(5000, variables="C", do={"X": 1}, random_state=0)  # for which X is no cause


def test_the_likelihood_is_taken_for_columns_and_the_critic_for_images():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(50, 3)), columns=["X", "Z", "Y"])
    quick = {"loss": "auto", "max_steps": 2, "random_state": 0}
    model = ModularDCM(FRONT_DOOR, **quick).fit(numbers)
    assert [part.loss for part in model.modules_] == ["likelihood", "likelihood"]
    images = {"X": numbers["X"], "Z": rng.normal(size=(50, 1, 4, 4)), "Y": numbers["Y"]}
    model = ModularDCM(FRONT_DOOR, **quick).fit(images)
    assert {tuple(part.nodes): part.loss for part in model.modules_} == {("Z",): "wgan-gp", ("X", "Y"): "likelihood"}


def test_one_row_teaches_no_model():
    for X in (pd.DataFrame({"X": [0], "Y": [1]}), {(): pd.DataFrame({"X": [0], "Y": [1]})}):
        with pytest.raises(InputDataError, match="1 sample, and ModularDCM needs at least 2 rows"):
            ModularDCM("X -> Y").fit(X)
