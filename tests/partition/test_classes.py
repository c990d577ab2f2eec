"""Competition of classifiers: laws, starts, experts that lack a class, and recovery of regimes."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modpart.datasets import labelled_classes, make_two_rules
from modpart.partition import ActivePartitioner
from modpart.partition._classes import RegimeClassifier, cross_fitted, fit_classifier, log_losses, stratified
from modpart.partition._evidence.class_regimes import border_metric, find_class_regimes
from modpart.partition._evidence.class_starts import class_start_labels, is_logistic
from modpart.partition._evidence.logistic import (
    LAPSE,
    PRIOR_SD,
    _derivatives,
    _log_posterior,
    fit_logistic,
    gains_of_cuts,
)
from modpart.partition._free.teams import ClassifierTeam


def three_classes(n_samples=150, seed=0):
    rng = np.random.default_rng(seed)
    features = np.column_stack([np.ones(n_samples), rng.normal(size=(n_samples, 2))])
    scores = features @ rng.normal(size=(3, 3)) * 2 + rng.gumbel(size=(n_samples, 3))
    return features, scores.argmax(axis=1)


# Logistic laws


def test_the_gradient_is_that_of_the_log_posterior():
    features, codes = three_classes()
    shape = (2, 3)

    def value(w):
        return _log_posterior(features, codes, w.reshape(shape))

    def slope(w):
        return _derivatives(features, codes, w.reshape(shape))[0].sum(axis=0) - w / PRIOR_SD**2

    for seed in range(3):
        w = np.random.default_rng(seed).normal(size=6)
        assert check_grad(value, slope, w) < 1e-4 * np.linalg.norm(slope(w))


def test_newton_finds_what_another_optimiser_finds():
    features, codes = three_classes()
    law = fit_logistic(features, codes, 3)
    best = minimize(lambda w: -_log_posterior(features, codes, w.reshape(2, 3)), np.zeros(6), tol=1e-10)
    assert _log_posterior(features, codes, law.weights) == pytest.approx(-best.fun, abs=2e-3)
    np.testing.assert_allclose(
        law.losses(features, codes).sum(),
        -_log_posterior(features, codes, law.weights) - 0.5 * (law.weights**2).sum() / PRIOR_SD**2,
    )


def test_evidence_is_the_integral_over_the_prior():
    """One weight and two classes: Laplace's approximation beside a quadrature."""
    rng = np.random.default_rng(0)
    features = np.ones((60, 1))
    codes = (rng.random(60) < 0.3).astype(int)
    grid = np.linspace(-6, 6, 2001)
    shares = 1.0 / (1.0 + np.exp(-grid))  # of class 0
    p = (1 - LAPSE) * shares + LAPSE / 2
    zeros = (codes == 0).sum()
    prior = np.exp(-0.5 * (grid / PRIOR_SD) ** 2) / np.sqrt(2 * np.pi) / PRIOR_SD
    exact = np.log(np.trapezoid(p**zeros * (1 - p) ** (60 - zeros) * prior, grid))
    assert fit_logistic(features, codes, 2).evidence == pytest.approx(exact, abs=0.1)


def test_a_few_wrong_labels_do_not_flatten_a_sharp_rule():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.7, 1.7, 1000)
    codes = np.where(rng.random(1000) < 0.05, x <= 0, x > 0).astype(int)
    features = np.column_stack([np.ones(1000), x])
    slope = abs(fit_logistic(features, codes, 2).weights[0, 1])
    assert slope > 3 * abs(LogisticRegression(C=PRIOR_SD**2).fit(x[:, None], codes).coef_[0, 0])


def test_the_promised_gain_of_a_cut_is_close_to_the_gain():
    X, y, _ = make_two_rules(600, random_state=0)
    features = np.column_stack([np.ones(600), X])
    law = fit_logistic(features, y, 2)
    edges = np.array([[0.1, 0.0], [-0.6, 0.6]])
    promised = gains_of_cuts(features, y, law, X, edges, 10)
    below = X[:, 0] <= 0.1
    halves = [fit_logistic(features[part], y[part], 2).evidence for part in (below, ~below)]
    assert promised.argmax() == 0  # along a, at 0.1
    assert 0.2 < promised[0, 0] / (sum(halves) - law.evidence) < 2.0
    assert (gains_of_cuts(features, y, law, X, edges, 400) == -np.inf).all()


# Experts


def test_a_class_that_a_regime_lacks_gets_the_probability_of_one_more_row():
    classes, prior = np.array(["a", "b", "c"]), np.array([0.5, 0.3, 0.2])
    X = np.zeros((9, 1))
    expert = fit_classifier(LogisticRegression(), X, np.repeat("a", 9), classes, prior)
    np.testing.assert_allclose(expert.predict_proba(X[:1]), [[9.5 / 10, 0.03, 0.02]])
    assert expert.predict(X[:2]).tolist() == ["a", "a"]
    both = fit_classifier(GaussianNB(), np.arange(9.0)[:, None], np.repeat(["a", "c"], [4, 5]), classes, prior)
    assert isinstance(both, RegimeClassifier)
    np.testing.assert_allclose(both.predict_proba(X).sum(axis=1), 1.0)
    assert both.predict([[0.0], [8.0]]).tolist() == ["a", "c"]
    whole = fit_classifier(GaussianNB(), np.arange(6.0)[:, None], np.tile(classes, 2), classes, prior)
    assert isinstance(whole, GaussianNB)


def test_log_losses_forgive_a_lapse():
    shares = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    losses = log_losses(shares, np.array([0, 0, 0]))
    np.testing.assert_allclose(losses, -np.log([0.975, 0.025, 0.5]))


def test_an_expert_that_learns_by_heart_is_judged_on_rows_it_has_not_seen():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 2)), rng.integers(0, 2, 90)
    team = ClassifierTeam(KNeighborsClassifier(1), X, y, seed=0)
    team.train(np.zeros(90, int))
    assert team.errors().mean() > np.log(2)
    assert team.experts(np.zeros(90, int))[0].score(X, y) == 1.0


def test_rows_that_look_like_mistakes_do_not_teach():
    X, y, _ = make_two_rules(300, noise=0.0, random_state=0)
    X, y = X[X[:, 0] <= 0.1], y[X[:, 0] <= 0.1]
    wrong = np.flatnonzero(np.abs(X[:, 1] + X[:, 0] / 4) > 0.7)[:3]
    flipped = y.copy()
    flipped[wrong] = 1 - y[wrong]
    shares, sound = cross_fitted(LogisticRegression(C=100.0), X, flipped, np.array([0, 1]), np.full(2, 0.5), 3, 0)
    assert not sound[wrong].any()
    assert sound.mean() > 0.9
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_folds_hold_classes_in_proportion_and_take_rare_ones_as_they_fall():
    codes = np.repeat([0, 1, 2], [30, 15, 2])
    folds = stratified(codes, 3, seed=0)
    assert [np.bincount(codes[test])[:2].tolist() for _, test in folds if (codes[test] == 2).sum() == 0]
    assert all((codes[test] == 1).sum() == 5 for _, test in folds)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(47))
    assert len(stratified(np.arange(6), 3, seed=0)) == 3


# Regimes


def test_the_metric_sees_the_inputs_that_change_the_regime():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(200, 4))
    weights = border_metric(X, 2 * (X[:, 1] > 0) + (X[:, 3] > 0))
    assert weights[[1, 3]].min() > 0.5 > weights[[0, 2]].max()


@pytest.mark.parametrize("name", labelled_classes())
def test_regimes_are_found_among_wrong_labels(name):
    X, y, regime = labelled_classes()[name](600, random_state=2)
    partitioner = ActivePartitioner(LogisticRegression(), random_state=0).fit(X, y)
    new, target, expected = labelled_classes()[name](2000, random_state=1)
    assert partitioner.n_partitions_ == len(np.unique(regime))
    assert adjusted_rand_score(expected, partitioner.predict(new)) > 0.8
    assert partitioner.score(new, target) > LogisticRegression().fit(X, y).score(new, target) + 0.2


def one_rule(rng):
    X = rng.normal(size=(200, 3))
    return X, rng.random(200) < 1 / (1 + np.exp(-2 * X @ [1.0, -1.0, 0.5]))


def no_rule(rng):
    return rng.normal(size=(200, 3)), rng.integers(0, 3, 200)


def sharp_rule_with_mistakes(rng):
    X = rng.uniform(-1, 1, size=(200, 2))
    return X, (X[:, 0] > X[:, 1]) ^ (rng.random(200) < 0.05)


@pytest.mark.parametrize("make", [one_rule, no_rule, sharp_rule_with_mistakes])
def test_one_rule_stays_whole(make):
    X, y = make(np.random.default_rng(0))
    assert ActivePartitioner(LogisticRegression(), random_state=0).fit(X, y).n_partitions_ == 1


def test_cells_of_a_single_class_are_regimes_like_others():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(300, 2))
    y = np.where(X[:, 0] < 0, "no", np.where(X[:, 1] > 0, "yes", "no"))
    partitioner = ActivePartitioner(LogisticRegression(), n_experts=2, random_state=0).fit(X, y)
    assert partitioner.n_partitions_ == 2
    assert partitioner.score(X, y) > 0.93
    assert all(expert.classes_.tolist() == ["no", "yes"] for expert in partitioner.experts_)


@pytest.mark.parametrize("labels", [np.array(["x", "y"]), np.array([False, True]), np.array([7, -3])], ids=str)
def test_the_names_of_the_classes_change_nothing(labels):
    X, y, _ = make_two_rules(200, random_state=0)
    plain = ActivePartitioner(LogisticRegression(), random_state=0).fit(X, y)
    named = ActivePartitioner(LogisticRegression(), random_state=0).fit(X, labels[y])
    assert adjusted_rand_score(plain.winner_labels_, named.winner_labels_) > 0.9
    assert named.experts_[0].predict(X).dtype == labels.dtype


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("bounds", [(1, 10), (3, 3)])
def test_starts_label_every_row(start, bounds):
    X, y, _ = make_two_rules(200, random_state=0)
    labels = class_start_labels(start, X, y, X, bounds, least=10, seed=0)
    assert labels.shape == (200,)
    assert bounds[0] <= len(set(labels)) <= bounds[1]


def test_more_rows_than_the_search_sees_are_assigned(monkeypatch):
    monkeypatch.setattr("modpart.partition._evidence.class_regimes.MAX_ROWS", 300)
    X, y, regime = make_two_rules(900, random_state=0)
    found = find_class_regimes(X / X.std(axis=0), y, np.ones(2), np.random.default_rng(0))
    assert found.errors.shape == (900, 2)
    assert adjusted_rand_score(regime, found.labels) > 0.9


def test_what_counts_as_logistic():
    assert is_logistic(LogisticRegression(C=3.0))
    assert is_logistic(make_pipeline(StandardScaler(), LogisticRegression()))
    assert not is_logistic(make_pipeline(PolynomialFeatures(2), LogisticRegression()))
    assert not is_logistic(GaussianNB())


@pytest.mark.parametrize("estimator", [GaussianNB(), DecisionTreeClassifier(max_depth=1)], ids=str)
def test_any_classifier_may_compete(estimator):
    """Two half planes whose rules are opposite axis-parallel steps: neither expert can do both."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(200, 2))
    y = (X[:, 1] > 0) ^ (X[:, 0] > 0)
    partitioner = ActivePartitioner(estimator, n_init=2, max_rounds=10, random_state=0).fit(X, y)
    assert partitioner.score(X, y) > clone(estimator).fit(X, y).score(X, y) + 0.2
    assert {line["step"] for line in partitioner.history_} <= {"compete", "grow", "drop"}


def test_a_flexible_classifier_needs_no_regimes():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, size=(150, 2))
    y = (X**2).sum(axis=1) < 0.6
    model = ActivePartitioner(KNeighborsClassifier(7), n_init=2, max_rounds=10, random_state=0)
    assert model.fit(X, y).n_partitions_ == 1


def test_a_search_may_choose_the_number_of_experts():
    X, y, _ = make_two_rules(200, random_state=0)
    grid = {"n_experts": [1, 2]}
    search = GridSearchCV(ActivePartitioner(LogisticRegression(), random_state=0), grid, cv=2).fit(X, y)
    assert search.best_params_ == {"n_experts": 2}
    partitioner = search.best_estimator_
    routed = [partitioner.experts_[k].predict(row[None])[0] for k, row in zip(partitioner.predict(X), X, strict=True)]
    assert partitioner.score(X, y) == pytest.approx(accuracy_score(y, routed))
