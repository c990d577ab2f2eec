"""Distances explained by the environment: the truncated regression, and the two algorithms around it."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import log_ndtr

from modpart.efficiency import dea_scores, environment_effects
from modpart.efficiency._indices.truncated import _moments, draw_positive, truncated_regression
from modpart.exceptions import InputDataError, ParameterError

TRUE = np.array([0.5, 0.5, 1.0])  # of z, intercept, sigma


def world(n, seed):
    """Units whose distance is known: one input, one output, one variable of the environment."""
    rng = np.random.default_rng(seed)
    z, x = rng.normal(2, 2, n), rng.uniform(6, 16, n)
    return x, x**0.75 / (1 + draw_positive(TRUE[0] * z + TRUE[1] - 1, TRUE[2], rng, 1)[0]), z


def test_the_regression_finds_the_largest_likelihood():
    rng = np.random.default_rng(0)
    Z = np.column_stack([rng.normal(0, 3, 120), rng.uniform(0, 1e3, 120), np.ones(120)])
    S = draw_positive(Z @ [0.2, 1e-3, -0.5], 0.4, rng, 5)
    beta, sigma = truncated_regression(Z, S)
    for s, *found in zip(S, beta, np.log(sigma), strict=True):

        def loss(p, s=s):
            mean, width = Z @ p[:-1], np.exp(p[-1])
            return (((s - mean) / width) ** 2 / 2 + np.log(width) + log_ndtr(mean / width)).sum()

        best = minimize(loss, np.append(*found) * 1.05, method="Nelder-Mead", options={"maxfev": 5000, "fatol": 1e-12})
        assert loss(np.append(*found)) <= best.fun + 1e-9
    again = truncated_regression(Z * [1e6, 1e-6, 1], S * 1e3)
    np.testing.assert_allclose(again[0] * [1e6, 1e-6, 1] / 1e3, beta, rtol=1e-7)
    np.testing.assert_allclose(again[1] / 1e3, sigma, rtol=1e-7)


@pytest.mark.parametrize(
    ("eta", "q"), [(1.0, 2.0), (-30.0, 2.0), (-25.0, 1.0), (-50.0, 0.3), (-14.9, 1.0), (-15.1, 1.0)]
)
def test_moments_are_integrals_near_and_far(eta, q):
    found = _moments(np.array([[eta]]), np.array([[q]]))
    end = 10.0 if eta > 0 else 60.0 / -eta

    def whole(power):
        return quad(lambda s: s**power * np.exp(eta * s - q * s**2 / 2), 0, end, epsabs=0, epsrel=1e-11)[0]

    for power, mean in enumerate(found, start=1):
        assert mean[0, 0] == pytest.approx(whole(power) / whole(0), rel=1e-5 if power > 2 else 1e-8)


def test_draws_have_the_mean_of_the_law_that_is_cut_off():
    mean = np.array([2.0, 0.0, -3.0, -40.0])
    drawn = draw_positive(mean, 0.5, np.random.default_rng(0), 40_000)
    assert (drawn >= 0).all()
    expected = [moment[0] for moment in _moments(mean[None] / 0.25, np.array([[4.0]]))[:2]]
    error = np.sqrt((expected[1] - expected[0] ** 2) / 40_000)
    assert (np.abs(drawn.mean(axis=0) - expected[0]) < 4 * error).all()


@pytest.mark.parametrize("algorithm", [1, 2])
def test_intervals_hold_a_known_coefficient(algorithm):
    held = []
    for seed in range(20 if algorithm == 1 else 5):
        settings = {"orientation": "output", "algorithm": algorithm, "n_bootstrap": 200, "n_correction": 25}
        table = environment_effects(*world(100, seed), **settings, random_state=seed).table
        held.append((table["low"] <= TRUE) & (TRUE <= table["high"]))
        assert table.loc["z0", "low"] > 0
    assert np.mean(held, axis=0).min() >= 0.8


def test_what_is_explained_is_the_distance():
    x, y, z = world(60, 0)
    names = pd.Index([f"u{k}" for k in range(60)])
    tables = pd.DataFrame({"x": x}, names), pd.DataFrame({"y": y}, names), pd.DataFrame({"age": z}, names)
    settings = {"technology": "crs", "n_bootstrap": 50, "random_state": 0}
    effects = environment_effects(*tables, **settings)
    np.testing.assert_allclose(effects.distances, 1 / dea_scores(x, y, technology="crs"), rtol=1e-9)
    assert list(effects.distances.index) == list(names)
    assert list(effects.table.index) == ["age", "intercept", "sigma"]
    assert effects.n_used == (effects.distances > 1 + 1e-6).sum()
    turned = environment_effects(*tables, orientation="output", **settings)  # the same under constant returns
    np.testing.assert_allclose(turned.table, effects.table, rtol=1e-6)
    opposite = environment_effects(x, y, -z, **settings)
    np.testing.assert_allclose(opposite.table["coefficient"], effects.table["coefficient"] * [-1, 1, 1], rtol=1e-6)


def test_the_correction_moves_distances_outwards_whoever_works():
    x, y, z = world(60, 0)
    settings = {"orientation": "output", "algorithm": 2, "n_bootstrap": 20, "n_correction": 50, "random_state": 0}
    with parallel_config("threading"):
        one, two = (environment_effects(x, y, z, n_jobs=jobs, **settings) for jobs in (None, 2))
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    plain = environment_effects(x, y, z, orientation="output", n_bootstrap=20, random_state=0)
    assert (one.distances >= plain.distances - 1e-9).all() and one.n_used > plain.n_used


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda z: z[:-1], "Z has 59 rows and X has 60"),
        (lambda z: 0 * z + 3, "a column of Z is constant"),
        (lambda z: np.column_stack([z, 2 * z]), "or others make it up"),
        (lambda z: np.where(np.arange(60) == 7, np.nan, z), "column 'z0' of Z has no number in row 7"),
        (lambda z: pd.DataFrame({"town": ["a", "b"] * 30}), "must hold numbers"),
        (lambda z: np.random.default_rng(0).normal(size=(60, 58)), "too few for 60 numbers"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(change, words):
    x, y, z = world(60, 0)
    with pytest.raises(InputDataError, match=words):
        environment_effects(x, y, change(z), n_bootstrap=10)


def test_no_solution_is_said():
    rng = np.random.default_rng(0)
    y = 1 / (1 + rng.exponential(size=80) ** 2)  # thins out more slowly than any normal law that is cut off
    with pytest.raises(InputDataError, match="the truncated regression has no solution"):
        environment_effects(np.ones(80), y, rng.normal(size=80), technology="crs", n_bootstrap=10)
    with pytest.raises(ParameterError, match="algorithm"):
        environment_effects(np.ones(80), y, y, algorithm=3)
