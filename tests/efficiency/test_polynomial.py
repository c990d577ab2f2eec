"""The reduced polynomial: number and rank of its terms, least squares, leave-one-out against brute force."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from modpart.efficiency import ReducedPolynomialClassifier, ReducedPolynomialFeatures
from modpart.efficiency._polynomial.loo_ridge import LooRidge
from modpart.exceptions import InputDataError, ModpartWarning

SIZES = [(width, order) for width in range(1, 9) for order in range(1, 6)]


def rank_of(width, order):
    """Rank of the terms, counted by hand."""
    if order == 1:
        return 1 + width
    if width == 1:
        return 1 + order
    return 4 * order - 2 if width == 2 else 1 + width * (2 * order - 1)


def classes(n_samples=60, n_features=3, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 5, (n_samples, n_features))
    score = X[:, 0] * X[:, 1] + np.sin(X[:, -1]) + rng.normal(size=n_samples)
    return X, np.searchsorted(np.quantile(score, np.arange(1, n_classes) / n_classes), score)


@pytest.mark.parametrize(("width", "order"), SIZES)
def test_number_and_rank_of_the_terms(width, order):
    X = np.random.default_rng(0).random((200, width))
    terms = ReducedPolynomialFeatures(order).fit_transform(X)
    assert terms.shape == (200, 1 + order + width * (2 * order - 1))
    assert np.linalg.matrix_rank(terms) == rank_of(width, order)
    few = ReducedPolynomialFeatures(order, drop_redundant=True).fit(X)
    assert few.n_output_features_ == rank_of(width, order) == len(few.get_feature_names_out())
    both = np.hstack([terms, few.transform(X)])
    assert np.linalg.matrix_rank(both) == rank_of(width, order), "the span stays the same"


def test_every_term_is_what_its_name_says():
    X = pd.DataFrame(np.random.default_rng(0).random((5, 3)), columns=["a", "b", "c"])
    features = ReducedPolynomialFeatures(4, scale=False).set_output(transform="pandas")
    space = {"S": X.sum(axis=1), **{name: X[name] for name in X}}
    for name, column in features.fit_transform(X).items():
        expected = 1.0
        for factor in name.split():
            base, _, power = factor.partition("^")
            expected = expected * (1.0 if base == "1" else space[base] ** int(power or 1))
        np.testing.assert_allclose(column, expected, rtol=1e-13, err_msg=name)


def test_a_lower_order_is_a_prefix():
    X = np.random.default_rng(0).random((5, 3))
    longest = ReducedPolynomialFeatures(5).fit_transform(X)
    for order in range(1, 5):
        terms = ReducedPolynomialFeatures(order).fit_transform(X)
        np.testing.assert_array_equal(terms, longest[:, : terms.shape[1]])


def test_rows_outside_the_range_are_moved_to_its_ends():
    features = ReducedPolynomialFeatures(2).fit([[0.0, 7.0], [10.0, 7.0]])
    np.testing.assert_array_equal(features.transform([[20.0, 9.0]]), features.transform([[10.0, 7.0]]))
    free = ReducedPolynomialFeatures(2, clip=False).fit([[0.0, 7.0], [10.0, 7.0]])
    assert free.transform([[20.0, 7.0]])[0, 1] == 2.0


# Least squares


@pytest.mark.parametrize("order", [1, 3, 5])
@pytest.mark.parametrize("drop_redundant", [False, True])
def test_without_penalty_the_solution_has_minimum_norm(order, drop_redundant):
    X, y = classes(150)
    model = ReducedPolynomialClassifier(order, 0.0, drop_redundant=drop_redundant).fit(X, y)
    terms = ReducedPolynomialFeatures(order, drop_redundant=drop_redundant).fit_transform(X)
    expected = np.linalg.pinv(terms, rcond=1e-13) @ np.eye(3)[y]
    np.testing.assert_allclose(model.coef_, expected, atol=1e-10 * max(1.0, np.abs(expected).max()))
    assert model.rank_ == rank_of(3, order)


def test_the_minimum_norm_holds_with_fewer_rows_than_terms():
    X, y = classes(20)
    with pytest.warns(ModpartWarning, match="order=5 makes 33 terms of 3 columns, and there are 20 rows"):
        model = ReducedPolynomialClassifier(5, 0.0).fit(X, y)
    terms = ReducedPolynomialFeatures(5).fit_transform(X)
    expected = np.linalg.lstsq(terms, np.eye(3)[y], rcond=1e-13)[0]
    np.testing.assert_allclose(model.coef_, expected, atol=1e-9 * np.abs(expected).max())


def by_hand(terms, target, alpha, penalise_bias, weight=None):
    """Ridge by the normal equations of the augmented system."""
    weight = np.ones(len(terms)) if weight is None else weight
    penalty = np.full(terms.shape[1], np.sqrt(alpha))
    penalty[0] *= penalise_bias
    root = np.sqrt(weight)[:, None]
    wide = np.vstack([terms * root, np.diag(penalty)])
    return np.linalg.lstsq(wide, np.vstack([target * root, np.zeros((len(penalty), target.shape[1]))]), rcond=None)[0]


@pytest.mark.parametrize("penalise_bias", [True, False])
@pytest.mark.parametrize("alpha", [1e-4, 0.1, 10.0])
def test_the_penalty_is_that_of_ridge(alpha, penalise_bias):
    X, y = classes(80)
    model = ReducedPolynomialClassifier(3, alpha, penalise_bias=penalise_bias).fit(X, y)
    terms = ReducedPolynomialFeatures(3).fit_transform(X)
    expected = by_hand(terms, np.eye(3)[y], alpha, penalise_bias)
    np.testing.assert_allclose(terms @ model.coef_, terms @ expected, atol=1e-9)


@pytest.mark.parametrize("penalise_bias", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 1e-2, 100.0])
def test_leave_one_out_equals_brute_force(alpha, penalise_bias, weighted):
    X, y = classes(60)
    terms = ReducedPolynomialFeatures(2).fit_transform(X)
    target = np.eye(3)[y]
    weight = np.random.default_rng(3).choice([0.3, 1.0, 2.0, 3.5], size=60) if weighted else np.ones(60)
    ridge = LooRidge(terms.copy(), target, weight, penalise_bias=penalise_bias)
    ((_, outputs),) = ridge.left_out(ridge.decompose(terms.shape[1]), np.array([alpha]))
    for row in range(60):
        less = weight.copy()
        less[row] -= min(weight[row], 1.0)  # one of the equal rows that it stands for
        coef = by_hand(terms, target, alpha, penalise_bias, less)
        np.testing.assert_allclose(outputs[0, row], terms[row] @ coef, atol=1e-9)


def test_the_reported_share_is_the_share_of_left_out_rows_that_are_right():
    X, y = classes(50)
    model = ReducedPolynomialClassifier((1, 2, 3), (1e-4, 1e-2, 1.0)).fit(X, y)
    for i, order in enumerate(model.orders_):
        terms = ReducedPolynomialFeatures(int(order)).fit_transform(X)
        for j, alpha in enumerate(model.alphas_):
            right = 0
            for row in range(50):
                others = np.arange(50) != row
                coef = by_hand(terms[others], np.eye(3)[y[others]], alpha, True)
                right += int(np.argmax(terms[row] @ coef) == y[row])
            assert model.loo_accuracy_[i, j] == right / 50
    best = model.loo_path_.sort_values(["accuracy", "squared error"], ascending=[False, True]).iloc[0]
    assert (model.order_, model.alpha_, model.loo_score_) == (best["order"], best["alpha"], best["accuracy"])


def test_a_row_of_weight_two_is_two_rows():
    X, y = classes(60)
    twice = np.concatenate([np.arange(60), np.arange(0, 60, 3)])
    weight = np.ones(60)
    weight[::3] = 2.0
    weighted = ReducedPolynomialClassifier().fit(X, y, sample_weight=weight)
    repeated = ReducedPolynomialClassifier().fit(X[twice], y[twice])
    np.testing.assert_allclose(weighted.loo_accuracy_, repeated.loo_accuracy_)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-6)


def test_order_auto_leaves_rows_for_the_coefficients():
    X, y = classes(40, n_features=4)
    model = ReducedPolynomialClassifier().fit(X, y)
    assert model.orders_.tolist() == [1, 2]  # 6 and 15 terms; 24 are more than 40 / 2


# Classes and probabilities


def test_a_product_with_the_sum_is_learned():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (600, 5))
    y = np.where(X[:, 0] * X.sum(axis=1) > 0, "same", "other")
    model = ReducedPolynomialClassifier().fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.85
    assert LogisticRegression().fit(X[:400], y[:400]).score(X[400:], y[400:]) < 0.75


def calibration_error(proba, right, bins=10):
    """Mean distance of the stated from the observed share of right answers."""
    top = proba.max(axis=1)
    which = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [abs(top[which == b].mean() - right[which == b].mean()) * np.mean(which == b) for b in np.unique(which)]
    return sum(gaps)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities_are_calibrated(n_classes):
    errors = []
    for seed in range(3):
        X, y = make_classification(
            4000, 6, n_informative=5, n_redundant=0, n_classes=n_classes, class_sep=0.7, flip_y=0.1, random_state=seed
        )
        X, X_new, y, y_new = train_test_split(X, y, random_state=0, train_size=1000)
        model = ReducedPolynomialClassifier().fit(X, y)
        proba = model.predict_proba(X_new)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        np.testing.assert_array_equal(model.classes_[proba.argmax(axis=1)], model.predict(X_new))
        errors.append(calibration_error(proba, model.predict(X_new) == y_new))
        assert log_loss(y_new, proba) < log_loss(y_new, np.tile(np.bincount(y) / len(y), (len(y_new), 1)))
    assert np.mean(errors) < 0.05


def test_the_decision_is_the_outputs():
    X, y = load_wine(return_X_y=True)
    model = ReducedPolynomialClassifier().fit(X, y)
    outputs = model.decision_function(X)
    assert outputs.shape == (178, 3)
    np.testing.assert_array_equal(outputs.argmax(axis=1), model.predict(X))
    two = ReducedPolynomialClassifier().fit(X, y == 1)
    np.testing.assert_array_equal(two.decision_function(X) > 0, two.predict(X))


def test_it_works_in_a_search_and_after_other_steps():
    X, y = classes(90)
    search = GridSearchCV(ReducedPolynomialClassifier(), {"order": [1, 2], "alpha": [1e-4, "loo"]}, cv=3).fit(X, y)
    assert search.best_params_["order"] == 2
    pipe = make_pipeline(ReducedPolynomialFeatures(2, include_bias=False), LogisticRegression(max_iter=5000))
    assert pipe.fit(X, y).score(X, y) > 0.6


def test_one_class_is_named():
    with pytest.raises(InputDataError, match="at least two classes, and y holds only the class 'a'"):
        ReducedPolynomialClassifier().fit([[0.0], [1.0], [2.0]], ["a", "a", "a"])


def test_large_offsets_and_constant_columns_do_no_harm():
    X, y = classes(80)
    moved = np.column_stack([1e9 + 1e-3 * X, np.full(80, 5.0)])
    plain = ReducedPolynomialClassifier().fit(X, y)
    np.testing.assert_array_equal(
        ReducedPolynomialClassifier(order=plain.order_, alpha=plain.alpha_).fit(moved[:, :3], y).predict(moved[:, :3]),
        plain.predict(X),
    )
    assert ReducedPolynomialClassifier().fit(moved, y).score(moved, y) > 0.7
