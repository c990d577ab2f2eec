"""Trees with a ridge regression in every cell: cuts against brute force, losses against scikit-learn's ridge."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from modpart.partition._bag.leaf_trees import ALPHA, grow_tree, ridge_loss


def penalised_loss(X, y, weights):
    """What scikit-learn's ridge leaves over, and its penalty."""
    if not weights.any():
        return 0.0
    model = Ridge(alpha=ALPHA).fit(X, y, sample_weight=weights)
    return weights @ (y - model.predict(X)) ** 2 + ALPHA * model.coef_ @ model.coef_


def hinge(n_samples, rng):
    X = rng.normal(size=(n_samples, 3))
    return X, np.where(X[:, 1] > 0.4, 2 * X[:, 0], -X[:, 0]) + 0.1 * rng.normal(size=n_samples)


def test_loss_from_sums_of_products_is_that_of_ridge_regression():
    rng = np.random.default_rng(0)
    X, y = hinge(40, rng)
    weights = rng.integers(0, 4, size=40).astype(float)
    table = np.column_stack([np.ones(40), X, y])
    moments = table.T @ (weights[:, None] * table)
    assert ridge_loss(moments[None])[0] == pytest.approx(penalised_loss(X, y, weights), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_first_cut_is_the_best_of_all_cuts(seed):
    """So few rows that every place between two of them is tried."""
    rng = np.random.default_rng(seed)
    X, y = hinge(24, rng)
    weights = rng.integers(0, 3, size=24).astype(float)
    tree = grow_tree(X, y, weights, np.arange(3), 2, 5)
    losses = {}
    for column in range(3):
        ordered = np.sort(X[:, column])
        for threshold in (ordered[4:19] + ordered[5:20]) / 2:
            above = X[:, column] > threshold
            losses[column, threshold] = sum(penalised_loss(X[side], y[side], weights[side]) for side in (above, ~above))
    column, threshold = min(losses, key=losses.get)
    assert (tree.columns, tree.cells) == ([column], [0])
    assert tree.thresholds[0] == pytest.approx(threshold)


def test_best_cut_comes_first_and_cells_keep_their_least_rows():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(400, 2))
    y = np.where(X[:, 0] > 0, 10.0, 0.0) + np.where(X[:, 1] > 0.5, X[:, 1], 0.0)
    tree = grow_tree(X, y, np.ones(400), np.arange(2), 8, 25)
    labels = tree.labels(X)
    assert tree.columns[0] == 0
    assert tree.thresholds[0] == pytest.approx(0.0, abs=0.1)
    assert tree.n_cells == len(np.unique(labels)) <= 8
    assert np.bincount(labels).min() >= 25


def test_a_row_of_weight_two_is_two_rows():
    rng = np.random.default_rng(1)
    X, y = hinge(60, rng)
    twice = grow_tree(np.repeat(X, 2, axis=0), np.repeat(y, 2), np.ones(120), np.arange(3), 4, 20)
    heavy = grow_tree(X, y, np.full(60, 2.0), np.arange(3), 4, 10)
    np.testing.assert_array_equal(heavy.labels(X), twice.labels(X))


def test_only_given_columns_are_cut_and_constants_are_left_alone():
    X, y = hinge(200, np.random.default_rng(2))
    assert 1 not in grow_tree(X, y, np.ones(200), np.array([0, 2]), 6, 10).columns
    assert grow_tree(np.ones((50, 2)), np.arange(50.0), np.ones(50), np.arange(2), 4, 5).n_cells == 1
    assert grow_tree(X, np.zeros(200), np.ones(200), np.arange(3), 4, 5).n_cells == 1
