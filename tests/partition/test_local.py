"""Local lines, noise and relevance against exact cases, finite differences and brute force."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from modpart.partition._evidence.local import (
    NOISE_FLOOR,
    _negative_evidence,
    input_relevance,
    line_rows,
    local_lines,
    neighbours,
    noise_profile,
    noise_variance,
    outlier_trust,
)


def test_neighbours_are_the_nearest_others_also_among_duplicates():
    Z = np.random.default_rng(0).normal(size=(60, 2))
    Z[40:] = Z[:20]
    found = neighbours(Z, 5)
    distances = np.sqrt(((Z[:, None] - Z) ** 2).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    assert not (found == np.arange(60)[:, None]).any()
    np.testing.assert_allclose(np.take_along_axis(distances, found, axis=1), np.sort(distances, axis=1)[:, :5])


def test_neighbours_of_identical_rows():
    assert not (neighbours(np.zeros((30, 1)), 4) == np.arange(30)[:, None]).any()


def lines(X, y, trust=None):
    return local_lines(neighbours(X, line_rows(X.shape[1])), X, y, trust)


def test_local_lines_are_exact_on_a_plane():
    X = np.random.default_rng(0).normal(size=(80, 2))
    slopes, residuals = lines(X, X @ [2.0, -3.0] + 1.0)
    np.testing.assert_allclose(slopes, np.tile([2.0, -3.0], (80, 1)), atol=1e-3)
    assert np.abs(residuals).max() < 1e-3


def test_local_residuals_have_the_variance_of_the_noise():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(4000, 1))
    residuals = lines(X, 2.0 * X[:, 0] + 0.3 * rng.normal(size=4000))[1]
    assert noise_variance(residuals) == pytest.approx(0.09, rel=0.1)
    assert noise_variance(np.zeros(10)) == NOISE_FLOOR


def test_noise_profile_sees_unequal_noise_only():
    rng = np.random.default_rng(0)
    Z = rng.uniform(-1, 1, size=(1000, 1))
    even = rng.normal(size=1000)
    assert (noise_profile(Z, even) == 1.0).all()
    profile = noise_profile(Z, even * np.where(Z[:, 0] > 0, 4.0, 1.0))
    assert np.median(profile[Z[:, 0] > 0.2]) > 5 * np.median(profile[Z[:, 0] < -0.2])


def test_trust_in_the_rows_weighs_the_lines():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(60, 1))
    y = 2.0 * X[:, 0]
    y[7] = 50.0
    trust = np.where(np.arange(60) == 7, 0.0, 1.0)
    slopes, residuals = lines(X, y, trust)
    np.testing.assert_allclose(slopes, 2.0, atol=1e-3)
    assert np.abs(np.delete(residuals, 7)).max() < 1e-3
    np.testing.assert_array_equal(lines(X, y, np.ones(60))[1], lines(X, y)[1])


def test_lonely_rows_are_outliers_and_rows_in_company_are_not():
    rng = np.random.default_rng(0)
    Z = np.sort(rng.uniform(size=(500, 1)), axis=0)
    near, even = neighbours(Z, 10), rng.normal(size=500).clip(-2.5, 2.5)
    assert (outlier_trust(even, near) == 1.0).all()  # nothing beyond three deviations: the normal likelihood
    off = even.copy()
    off[[100, 300]] = 12.0, -30.0
    trust = outlier_trust(off, near)
    assert set(np.flatnonzero(trust < 1.0)) == {100, 300}
    limit = 3.0 * np.sqrt(noise_variance(off))
    np.testing.assert_allclose(trust[[100, 300]], [(limit / 12.0) ** 4, (limit / 30.0) ** 4])
    band = even.copy()
    band[200:215] = 12.0  # a small regime, or the one side of a border
    assert (outlier_trust(band, near) == 1.0).all()


def test_gradient_of_the_relevance_evidence():
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(40, 3)), rng.normal(size=(40, 2)), rng.integers(1, 4, size=40) - 0.5
    point = np.array([0.1, -0.3, 0.2, 0.1, -1.0])
    linear = X @ X.T + 1.0
    numeric = approx_fprime(point, lambda p: _negative_evidence(p, X, y, linear, weight)[0])
    np.testing.assert_allclose(_negative_evidence(point, X, y, linear, weight)[1], numeric, rtol=1e-4, atol=1e-4)


def test_relevance_evidence_of_weights_is_that_of_repeated_rows():
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), rng.integers(1, 4, size=20)
    rows = np.repeat(np.arange(20), weight)

    def both(point):
        once = _negative_evidence(point, X, y, X @ X.T + 1.0, weight)
        repeated = _negative_evidence(point, X[rows], y[rows], (X @ X.T + 1.0)[np.ix_(rows, rows)], np.ones(len(rows)))
        return once, repeated

    here, there = both(np.array([0.1, -0.3, 0.2, 0.1, -1.0])), both(np.array([-0.4, 0.3, 0.0, -0.2, -0.3]))
    for side in (here, there):
        np.testing.assert_allclose(side[0][1], side[1][1], rtol=1e-8)
    # Up to a constant, the same in all hyperparameters: that of the scatter of the copies, which is none.
    assert here[0][0] - there[0][0] == pytest.approx(here[1][0] - there[1][0], rel=1e-9)


def test_relevance_finds_the_inputs_that_matter():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = np.sin(2 * X[:, 1]) + 0.5 * np.cos(2 * X[:, 3]) + 0.05 * rng.normal(size=300)
    relevance = input_relevance(X, (y - y.mean()) / y.std(), rng)
    assert relevance.max() == 1.0
    assert set(np.flatnonzero(relevance > 0.2)) == {1, 3}


def test_relevance_inside_cells_sees_what_a_jump_between_them_hides():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.7, 1.7, size=(400, 3))
    labels = (X[:, 0] > 0.5).astype(np.int64)
    y = 6.0 * labels + np.sin(2 * X[:, 2]) + 0.05 * rng.normal(size=400)
    y = (y - y.mean()) / y.std()
    whole, inside = (input_relevance(X, y, np.random.default_rng(0), labels=cells) for cells in (None, labels))
    assert int(whole.argmax()) == 0
    assert int(inside.argmax()) == 2
    assert inside[0] < 0.2


def test_one_or_two_inputs_are_always_relevant():
    assert (input_relevance(np.ones((10, 2)), np.ones(10), np.random.default_rng(0)) == 1.0).all()


def test_lines_do_not_depend_on_the_rows_held_in_memory(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((100, 3)), rng.standard_normal(100)
    whole = lines(X, y)
    monkeypatch.setattr("modpart.partition._evidence.local.CHUNK", 30)
    for part, expected in zip(lines(X, y), whole, strict=True):
        np.testing.assert_array_equal(part, expected)
