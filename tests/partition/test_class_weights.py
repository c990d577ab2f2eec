"""sample_weight where y holds classes: a row of weight w is w equal rows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modpart.datasets import make_two_rules
from modpart.exceptions import ModpartWarning, ParameterError
from modpart.partition import ActivePartitioner, PartitionedClassifier
from modpart.partition._classes import fit_classifier
from modpart.partition._evidence.class_regimes import local_bids
from modpart.partition._evidence.logistic import fit_logistic, gains_of_cuts
from modpart.partition._free.teams import ClassifierTeam
from modpart.partition._rows import WeightedRows

NAMES = np.array(["sound", "broken"])
TREE = DecisionTreeClassifier(max_depth=2)
QUICK = {"n_experts": 2, "n_init": 2, "max_rounds": 3, "gate": TREE, "random_state": 0}


def table(n=160):
    """Two rules, weights 0 to 3, and the same as repeated rows in another order."""
    X, y, _ = make_two_rules(n, random_state=0)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, size=n)
    return X, NAMES[y], weight, rng.permutation(np.repeat(np.arange(n), weight))


@pytest.fixture(scope="module")
def cell():
    X, y, _ = make_two_rules(200, random_state=0)
    return X, np.column_stack([np.ones(200), X]), y, np.random.default_rng(2).integers(1, 4, size=200)


def test_weighted_evidence_is_that_of_repeated_rows(cell):
    X, features, codes, weight = cell
    rows = np.repeat(np.arange(len(X)), weight)
    law, repeated = fit_logistic(features, codes, 2, weight=weight), fit_logistic(features[rows], codes[rows], 2)
    assert law.evidence == pytest.approx(repeated.evidence, rel=1e-9)
    np.testing.assert_allclose(law.weights, repeated.weights, rtol=1e-6)
    assert law.evidence < fit_logistic(features, codes, 2).evidence
    edges = np.quantile(X, [0.3, 0.6], axis=0)
    found = gains_of_cuts(features, codes, law, X, edges, 30, weight)
    np.testing.assert_allclose(
        found, gains_of_cuts(features[rows], codes[rows], repeated, X[rows], edges, 30), rtol=1e-5
    )


def test_bids_hear_neighbours_by_weight():
    losses, near = np.array([[1.0], [2.0], [4.0]]), np.array([[1, 2], [0, 2], [0, 1]])
    np.testing.assert_allclose(local_bids(losses, losses, near, np.full(3, 7.0)), local_bids(losses, losses, near))
    weighted = local_bids(losses, losses, near, np.array([3.0, 1.0, 1.0]))
    np.testing.assert_allclose(weighted[:, 0], [-7.0, -(2 + 1.5 * 1 + 0.5 * 4), -(4 + 1.5 * 1 + 0.5 * 2)])


def test_rows_of_classes_are_joined_and_keep_their_names():
    X = np.array([[2.0], [1.0], [2.0], [2.0]])
    rows = WeightedRows.of(X, np.array(["b", "a", "b", "a"]), np.array([1.0, 1.0, 2.0, 1.0]))
    assert rows.y.tolist() == ["a", "a", "b"]
    np.testing.assert_array_equal(rows.weight, [1, 1, 3])


def test_a_lacking_class_gets_the_probability_of_one_more_row_by_weight():
    classes, prior = np.array(["a", "b"]), np.array([0.75, 0.25])
    expert = fit_classifier(
        LogisticRegression(), np.zeros((2, 1)), np.repeat("a", 2), classes, prior, np.array([4.0, 5.0])
    )
    np.testing.assert_allclose(expert.predict_proba(np.zeros((1, 1))), [[9.75 / 10, 0.025]])


def test_a_class_that_is_held_out_with_all_its_rows_costs_what_a_lapse_costs():
    X, y, _ = make_two_rules(60, random_state=0)
    team = ClassifierTeam(GaussianNB(), X, y, seed=0)
    team.train(np.zeros(60, int))
    for stranger in (-1, 2):
        losses = team.losses(X[:2], np.array([y[0], stranger]), team.scaling)
        assert losses[0, 0] < losses[1, 0] == pytest.approx(-np.log(0.05 / 2))


MODELS = {
    "logistic": ActivePartitioner(LogisticRegression(), random_state=0),
    "scaled logistic": ActivePartitioner(
        make_pipeline(StandardScaler(), LogisticRegression()), n_experts=2, random_state=0
    ),
    "weighted classifier": ActivePartitioner(GaussianNB(), **QUICK),
    "random starts": ActivePartitioner(GaussianNB(), init="random", **QUICK),
    "repeated rows": ActivePartitioner(KNeighborsClassifier(3), **QUICK),
    "modular": PartitionedClassifier(cv=2, random_state=0),
    "modular, own experts": PartitionedClassifier(
        ActivePartitioner(LogisticRegression(), gate=TREE), GaussianNB(), cv=2, random_state=0
    ),
}


def answers(model, X):
    asked = [model.predict(X), model.predict_proba(X)]
    return asked + [getattr(model, name) for name in ("gain_", "gain_se_", "winner_labels_") if hasattr(model, name)]


@pytest.mark.parametrize("name", MODELS)
def test_weights_and_repetitions_in_any_order_give_the_same_bits(name):
    X, y, weight, rows = table()
    weighted = MODELS[name].fit(X, y, sample_weight=weight)
    expected = answers(weighted, X)
    repeated = type(weighted)(**weighted.get_params(deep=False)).fit(X[rows], y[rows])
    found = answers(repeated, X)
    assert weighted.n_partitions_ == 2 or name.startswith("modular")
    if hasattr(weighted, "winner_labels_"):
        np.testing.assert_array_equal(expected.pop()[rows], found.pop())
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_of_hardly_any_weight_do_not_make_a_regime():
    X, y, regime = make_two_rules(300, random_state=0)
    weight = np.where(regime == 1, 0.02, 1.0)
    assert ActivePartitioner(LogisticRegression(), random_state=0).fit(X, y).n_partitions_ == 2
    assert ActivePartitioner(LogisticRegression(), random_state=0).fit(X, y, weight).n_partitions_ == 1


def test_light_and_fractional_weights_are_answered():
    X, y, weight, _ = table()
    with pytest.warns(ModpartWarning, match="makes 1.6 observations of 160 rows"):
        ActivePartitioner(LogisticRegression(), random_state=0).fit(X, y, np.full(160, 0.01))
    for model in (ActivePartitioner(KNeighborsClassifier(3)), PartitionedClassifier(estimator=KNeighborsClassifier(3))):
        with pytest.raises(ParameterError, match=f"{type(model).__name__}: estimator=KNeigh.* takes no sample_weight"):
            model.fit(X, y, sample_weight=weight + 0.5)


def test_logistic_experts_have_no_random_start():
    X, y, *_ = table(60)
    with pytest.raises(ParameterError, match="init='random' needs experts that compete with starts"):
        ActivePartitioner(LogisticRegression(), init="random").fit(X, y)
