"""Tasks for modular networks hold what their words say."""

import numpy as np
import pytest

from modpart.datasets import make_modular_addition, make_sliding_signals, make_symbolic_task
from modpart.exceptions import ParameterError


def test_signals_are_standardised_balanced_and_repeat():
    X, y = make_sliding_signals(500, random_state=0)
    assert X.shape == (500, 40) and np.bincount(y).tolist() == [50] * 10
    assert abs(X.mean()) < 1e-12 and abs(X.std() - 1) < 1e-12
    again, _ = make_sliding_signals(500, random_state=0)
    np.testing.assert_array_equal(X, again)


def test_signals_that_do_not_slide_are_easy_for_their_nearest_mean():
    def score(max_shift):
        X, y = make_sliding_signals(2000, max_shift=max_shift, random_state=0)
        means = np.stack([X[:1000][y[:1000] == c].mean(0) for c in range(10)])
        nearest = ((X[1000:, None] - means) ** 2).sum(2).argmin(1)
        return (nearest == y[1000:]).mean()

    assert score(0) > 0.55 > 0.35 > score(48)


@pytest.mark.parametrize("name", ["independence", "sharing", "composition"])
def test_formulas(name):
    X, y = make_symbolic_task(name, 40, random_state=0)
    a, b, c, d = X.T if name != "sharing" else (*X.T, None)
    expected = {
        "independence": lambda: np.c_[(a + c) ** 3, b**2 + np.sin(np.pi * d)],
        "sharing": lambda: np.c_[a**2, a**2 + b**2, a**2 + b**2 + c**2],
        "composition": lambda: np.sqrt((a - b) ** 2 + (c - d) ** 2),
    }[name]()
    np.testing.assert_allclose(y, expected)
    assert np.abs(X).max() <= 1


def test_addition_holds_every_pair_once():
    X, y = make_modular_addition(7, random_state=0)
    pairs = set(zip(X[:, :7].argmax(1).tolist(), X[:, 7:].argmax(1).tolist()))
    assert len(pairs) == 49 and (X.sum(1) == 2).all()
    assert np.bincount(y).tolist() == [7] * 7


def test_wrong_arguments_are_named():
    for call, word in (
        (lambda: make_sliding_signals(5), "n_samples=5"),
        (lambda: make_sliding_signals(max_shift=80), "max_shift=80"),
        (lambda: make_symbolic_task("sum"), "name='sum'"),
        (lambda: make_modular_addition(1), "p=1"),
    ):
        with pytest.raises(ParameterError, match=word):
            call()
