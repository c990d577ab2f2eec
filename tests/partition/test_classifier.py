"""PartitionedClassifier: routing, comparison with a single model, and the fallback to it."""

from copy import copy

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from modpart.datasets import make_fault_modes, make_two_rules
from modpart.exceptions import ParameterError
from modpart.inspection import HistoryDisplay, PartitionDisplay
from modpart.partition import ActivePartitioner, PartitionedClassifier

STATES = np.array(["sound", "unbalanced", "overheated"])


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def faults():
    X, y, _ = make_fault_modes(400, random_state=0)
    X = pd.DataFrame(X, columns=["speed", "vibration", "heat"])
    return X, STATES[y], PartitionedClassifier(cv=2, random_state=0).fit(X, STATES[y])


def test_better_than_a_single_model_where_the_rule_changes(faults):
    X, y, model = faults
    new, target, _ = make_fault_modes(2000, random_state=1)
    new, target = pd.DataFrame(new, columns=X.columns), STATES[target]
    single = LogisticRegression().fit(X, y)
    assert model.score(new, target) > single.score(new, target) + 0.2
    assert log_loss(target, model.predict_proba(new)) < 0.7 * log_loss(target, single.predict_proba(new))
    assert model.gain_ > model.gain_se_ > 0.0
    assert model.classes_.tolist() == sorted(STATES)


def test_hard_routing_asks_one_expert_and_soft_routing_blends(faults):
    X, y, model = faults
    values = X.to_numpy()
    answers = np.stack([expert.predict_proba(values) for expert in model.experts_], axis=1)
    labels, shares = model.apply(X), model.partitioner_.predict_proba(values)
    hard, soft = copy(model), copy(model)
    hard.routing_, soft.routing_ = "hard", "soft"
    np.testing.assert_allclose(hard.predict_proba(X), answers[np.arange(len(X)), labels])
    np.testing.assert_allclose(soft.predict_proba(X), (shares[:, :, None] * answers).sum(axis=1))
    np.testing.assert_array_equal(hard.predict(X), hard.predict_all(X)[np.arange(len(X)), labels])
    np.testing.assert_allclose(soft.predict_proba(X).sum(axis=1), 1.0)


def test_one_rule_gives_the_single_model():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = rng.random(200) < 1 / (1 + np.exp(-X @ [2.0, 1.0]))
    model = PartitionedClassifier(random_state=0).fit(X, y)
    assert model.n_partitions_ == 1
    assert model.routing_risk_ == 0.0
    assert (model.apply(X) == 0).all()
    np.testing.assert_allclose(model.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_a_forced_partition_without_gain_falls_back():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    two = ActivePartitioner(LogisticRegression(), n_experts=2)
    model = PartitionedClassifier(two, cv=2, random_state=0).fit(X, y)
    assert model.partitioner_.n_partitions_ == 2
    assert model.n_partitions_ == 1
    assert model.gain_ <= model.gain_se_
    np.testing.assert_allclose(model.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_a_class_with_a_single_row_is_known():
    X, y, _ = make_two_rules(150, random_state=0)
    y = np.where(np.arange(150) == 0, 2, y)
    model = PartitionedClassifier(cv=2, random_state=0).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    shares = model.predict_proba(X)
    assert shares.shape == (150, 3)
    assert shares.min() > 0.0
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_experts_are_trained_on_the_rows_their_partition_won():
    X, y, _ = make_two_rules(200, random_state=0)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    model = PartitionedClassifier(
        ActivePartitioner(LogisticRegression()), tree, routing="hard", fallback=False, random_state=0
    ).fit(X, y)
    winners = model.partitioner_.winner_labels_
    for k, expert in enumerate(model.experts_):
        assert isinstance(expert, DecisionTreeClassifier)
        assert expert.tree_.n_node_samples[0] == (winners == k).sum()


def test_the_summary_counts_every_row_and_says_how_good_the_answers_are(faults):
    X, y, model = faults
    summary = model.partition_summary(X, y)
    assert summary["rows"].sum() == len(X)
    assert {"speed 5%", "heat 95%"} <= set(summary.columns)
    right = (summary["accuracy"] * summary["rows"]).sum() / len(X)
    assert right == pytest.approx(accuracy_score(y, model.predict(X)))
    nats = (summary["log_loss"] * summary["rows"]).sum() / len(X)
    assert nats == pytest.approx(log_loss(y, model.predict_proba(X)))
    pd.testing.assert_frame_equal(model.partition_summary(X, y[:, None]), summary)


def test_in_a_pipeline_and_in_a_search():
    X, y, _ = make_two_rules(150, random_state=0)
    model = PartitionedClassifier(estimator=LogisticRegression(), routing="hard", fallback=False, random_state=0)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {"partitionedclassifier__estimator__C": [0.01, 10.0]},
        cv=2,
        scoring="neg_log_loss",
    ).fit(X, y)
    assert search.best_params_ == {"partitionedclassifier__estimator__C": 10.0}
    assert search.predict_proba(X).shape == (150, 2)


def test_the_words_tell_right_classes_and_log_loss(faults):
    X, y, model = faults
    for described, predicted in ((model, model.predict(X)), (model.partitioner_, None)):
        table = X if described is model else X.to_numpy()
        description = described.describe(table, y)
        assert len(description.regimes) == described.n_partitions_
        for regime in description.regimes:
            assert regime.effects == ()
            assert 0.5 < regime.errors["accuracy"] <= 1.0
        assert "The likeliest class is right in" in str(description)
        assert "Log loss" in str(description)
        assert "Typical error" not in str(description)
        if predicted is not None:
            own = model.apply(X) == 0
            assert description.regimes[0].errors["accuracy"] == np.mean(predicted[own] == y[own])
    assert model.partition_summary(X)[["accuracy", "log_loss"]].isna().all(axis=None)
    assert "Log loss" not in str(model.describe(X))


def test_own_folds_are_taken():
    X, y, _ = make_two_rules(200, random_state=0)
    splitter = StratifiedKFold(2, shuffle=True, random_state=0)
    models = [PartitionedClassifier(cv=cv, random_state=0).fit(X, y) for cv in (splitter, list(splitter.split(X, y)))]
    assert models[0].gain_ == models[1].gain_
    assert np.isfinite(models[0].gain_)


def test_routing_is_soft_where_blending_did_no_worse_in_the_folds_of_the_gate(faults):
    gate, model = faults[2].partitioner_.gate_, faults[2]
    assert model.routing_ == gate.routing
    assert model.routing_risk_ == (gate.blended_error if gate.routing == "soft" else gate.routed_error)


def test_the_history_and_the_partition_can_be_drawn(faults):
    X, y, model = faults
    for drawn in (model, model.partitioner_):
        assert HistoryDisplay.from_estimator(drawn).axes_[2].get_ylabel().startswith("log loss")
    display = PartitionDisplay.from_estimator(model, X, y)
    assert sum(len(scatter.get_offsets()) for scatter in display.scatter_) == len(X)


def test_one_input_is_drawn_with_the_probability_of_the_second_class():
    X = np.random.default_rng(0).uniform(-1, 1, size=(120, 1))
    y = np.array(["low", "tall"])[(np.abs(X[:, 0]) > 0.5).astype(int)]
    model = PartitionedClassifier(
        ActivePartitioner(LogisticRegression(C=100.0), n_experts=2), fallback=False, random_state=0
    ).fit(X, y)
    display = PartitionDisplay.from_estimator(model, X, y)
    assert sorted(np.unique(np.concatenate([scatter.get_offsets()[:, 1] for scatter in display.scatter_]))) == [0, 1]
    assert display.curves.shape[1] == 2
    assert 0.0 <= display.curves.min() < display.curves.max() <= 1.0


def test_a_classifier_without_probabilities_is_refused_by_name():
    X, y = np.arange(40.0).reshape(20, 2), np.tile([0, 1], 10)
    for model in (PartitionedClassifier(estimator=SVC()), ActivePartitioner(SVC())):
        with pytest.raises(ParameterError, match=r"estimator=SVC\(\) has no predict_proba"):
            model.fit(X, y)
