"""BayesianExpert: an exact line, honest uncertainty, relevance."""

import numpy as np
import pytest

from modpart.datasets import make_smooth_curve
from modpart.partition import BayesianExpert, _bayes


def test_a_line_is_recovered():
    X = np.random.default_rng(0).normal(size=(100, 3))
    y = X @ [1.0, -2.0, 0.5] + 4.0
    new = np.random.default_rng(1).normal(size=(50, 3))
    for law in ("linear", "smooth"):
        expert = BayesianExpert(law, random_state=0).fit(X, y)
        np.testing.assert_allclose(expert.predict(new), new @ [1.0, -2.0, 0.5] + 4.0, atol=0.05)


def test_a_linear_law_cannot_bend():
    X, y, _ = make_smooth_curve(200, random_state=0)
    assert BayesianExpert("linear").fit(X, y).score(X, y) < 0.5 < 0.99 < BayesianExpert().fit(X, y).score(X, y)


def test_intervals_cover_new_observations():
    X, y, _ = make_smooth_curve(300, noise=0.2, random_state=0)
    new, target, _ = make_smooth_curve(2000, noise=0.2, random_state=1)
    expert = BayesianExpert(random_state=0).fit(X, y)
    mean, std = expert.predict(new, return_std=True)
    assert np.mean(np.abs(target - mean) < 1.96 * std) == pytest.approx(0.95, abs=0.02)
    assert expert.noise_ == pytest.approx(np.median(std), rel=0.1)


def test_relevance_names_the_inputs_that_bend_the_law():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(300, 4))
    expert = BayesianExpert(random_state=0).fit(X, np.sin(2 * X[:, 2]) + 0.05 * rng.normal(size=300))
    assert expert.relevance_.argmax() == 2
    assert np.delete(expert.relevance_, 2).max() < 0.2


def test_many_rows_are_predicted_in_chunks_as_in_one(monkeypatch):
    X = np.random.default_rng(0).uniform(-3, 3, size=(50, 1))
    expert = BayesianExpert(random_state=0).fit(X, np.sin(X[:, 0]))
    whole = expert.predict(X, return_std=True)
    monkeypatch.setattr(_bayes, "CHUNK", 7)
    np.testing.assert_allclose(expert.predict(X, return_std=True), whole, rtol=1e-12)
    np.testing.assert_allclose(expert.predict(X), whole[0], rtol=1e-12)
