"""The closed forms against brute force: dense Gaussians, refits without a row, Gram matrices that add."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.evidence import (
    AMPLITUDES,
    Stats,
    condensed,
    grid_size,
    log_evidence,
    model_evidences,
    posterior,
    useful_scales,
)

S2 = 0.07


@pytest.fixture(params=[1, 2, 3], ids="{}d".format)
def cell(request):
    rng = np.random.default_rng(request.param)
    X = rng.normal(size=(30, request.param))
    y = np.sin(2.0 * X[:, 0]) + 0.3 * rng.normal(size=30)
    basis = SmoothBasis(np.ones(request.param)).fit(X, seed=0)
    return X, y, basis


def stats_of(basis, X, y):
    augmented = [np.column_stack([f, y]) for f in basis.features(X)]
    return Stats.of_groups(augmented, np.zeros(len(X), dtype=int), 1, basis.n_linear_)


def designs(basis, X):
    """Feature matrices of every model of the grid, in its order."""
    features = basis.features(X)
    linear = basis.n_linear_
    return [features[0][:, :linear]] + [
        np.hstack([f[:, :linear], a * f[:, linear:]]) for f in features for a in AMPLITUDES
    ]


def test_model_evidence_is_the_density_of_a_dense_gaussian(cell):
    X, y, basis = cell
    expected = [multivariate_normal(cov=S2 * np.eye(len(y)) + B @ B.T).logpdf(y) for B in designs(basis, X)]
    np.testing.assert_allclose(model_evidences(stats_of(basis, X, y), S2)[0], expected, rtol=1e-8, atol=1e-8)


def test_log_evidence_averages_the_models(cell):
    X, y, basis = cell
    stats = stats_of(basis, X, y)
    models = model_evidences(stats, S2)[0]
    assert grid_size(stats) == len(models)
    assert log_evidence(stats, S2)[0] == pytest.approx(logsumexp(models) - np.log(len(models)))


def test_statistics_of_joined_cells_are_sums(cell):
    X, y, basis = cell
    first, second = stats_of(basis, X[:12], y[:12]), stats_of(basis, X[12:], y[12:])
    np.testing.assert_allclose(log_evidence(first + second, S2), log_evidence(stats_of(basis, X, y), S2), rtol=1e-9)


def test_evidence_does_not_depend_on_the_order_of_rows(cell):
    X, y, basis = cell
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_allclose(
        log_evidence(stats_of(basis, X, y), S2), log_evidence(stats_of(basis, X[order], y[order]), S2), rtol=1e-9
    )


def test_condensed_features_tell_the_same_of_any_part_of_a_cell():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = np.sin(3.0 * X[:, 0]) + (X[:, 1] > 0) + 0.05 * rng.normal(size=200)
    basis, cell = SmoothBasis(np.ones(2)).fit(X, seed=0), np.flatnonzero(X[:, 0] > 0.5)
    augmented = [np.column_stack([f, y])[cell] for f in basis.features(X)]
    grams = [matrix.T @ matrix for matrix in augmented]
    fewer = [condensed(m, gram, basis.n_linear_, 1, 0.0025) for m, gram in zip(augmented, grams, strict=True)]
    assert sum(m.shape[1] for m in fewer) < 0.75 * sum(m.shape[1] for m in augmented)
    part = (X[cell, 1] > 0).astype(int)
    full, short = (log_evidence(Stats.of_groups(m, part, 2, basis.n_linear_), 0.0025) for m in (augmented, fewer))
    np.testing.assert_allclose(short, full, atol=0.02)


def test_prediction_is_the_posterior_mean_of_the_kept_models(cell):
    X, y, basis = cell
    learned = posterior(stats_of(basis, X, y), S2)
    models = model_evidences(stats_of(basis, X, y), S2)[0]
    kept = np.argsort(-models)[: len(learned.means)]
    weights = np.exp(models[kept] - logsumexp(models[kept]))
    gaussian = [B @ B.T @ np.linalg.solve(B @ B.T + S2 * np.eye(len(y)), y) for B in designs(basis, X)]
    expected = sum(weight * gaussian[k] for weight, k in zip(weights, kept, strict=True))
    np.testing.assert_allclose(learned.predict(basis.features(X)), expected, atol=1e-6)


def test_left_out_density_equals_a_refit_without_the_row(cell):
    X, y, basis = cell
    learned = posterior(stats_of(basis, X, y), S2)
    own = np.ones(len(y), dtype=bool)
    features = basis.features(X)
    found = learned.log_density(features, y, own)
    errors = learned.squared_error(features, y, own)
    weights = np.exp(learned.log_weights)
    kept = np.argsort(-model_evidences(stats_of(basis, X, y), S2)[0])[: len(weights)]
    for row in (0, 7, 29):
        others = np.delete(np.arange(len(y)), row)
        densities, predictions = [], []
        for model in kept:
            B = designs(basis, X)[model]
            inverse = np.linalg.inv(S2 * np.eye(B.shape[1]) + B[others].T @ B[others])
            mean = B[row] @ inverse @ B[others].T @ y[others]
            variance = S2 * (1.0 + B[row] @ inverse @ B[row])
            densities.append(-0.5 * (np.log(2 * np.pi * variance) + (y[row] - mean) ** 2 / variance))
            predictions.append(mean)
        assert found[row] == pytest.approx(logsumexp(densities, b=weights), abs=1e-5)
        assert errors[row] == pytest.approx((y[row] - weights @ predictions) ** 2, abs=1e-5)


def test_a_jump_is_cheaper_as_two_cells_and_one_law_as_one():
    X = np.linspace(-1.7, 1.7, 200)[:, None]
    noise = 0.05 * np.random.default_rng(0).normal(size=200)
    basis = SmoothBasis(np.ones(1)).fit(X, seed=0)
    left = X[:, 0] < 0

    def gain_of_joining(y):
        parts = log_evidence(stats_of(basis, X[left], y[left]), 0.0025) + log_evidence(
            stats_of(basis, X[~left], y[~left]), 0.0025
        )
        return float((log_evidence(stats_of(basis, X, y), 0.0025) - parts)[0])

    assert gain_of_joining(np.sin(X[:, 0]) + noise) > 3.0
    assert gain_of_joining(np.sin(X[:, 0]) + 2.0 * left + noise) < -50.0


def test_useful_scales_grow_with_roughness():
    X = np.linspace(-1.7, 1.7, 300)[:, None]
    basis = SmoothBasis(np.ones(1)).fit(X, seed=0)
    smooth, rough = (useful_scales(stats_of(basis, X, np.sin(k * X[:, 0])), 0.0025) for k in (1, 15))
    assert smooth < rough


def test_linear_basis_has_the_straight_line_only():
    X = np.random.default_rng(0).normal(size=(20, 2))
    basis = SmoothBasis(np.ones(2), smooth=False).fit(X, seed=0)
    assert [f.shape for f in basis.features(X)] == [(20, 3)]
    assert grid_size(stats_of(basis, X, X[:, 0])) == 1


def test_nystrom_features_reproduce_the_kernel_at_the_centres():
    X = np.random.default_rng(0).normal(size=(25, 2))
    basis = SmoothBasis(np.ones(2)).fit(X, seed=0)
    for scale, features in zip(basis.scales_, basis.features(basis.centres_), strict=True):
        smooth = features[:, basis.n_linear_ :]
        squares = ((basis.centres_[:, None] - basis.centres_) ** 2).sum(axis=2)
        np.testing.assert_allclose(smooth @ smooth.T, np.exp(-0.5 * squares / scale**2), atol=1e-5)
