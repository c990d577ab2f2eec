"""Bootstrap intervals and the test of returns to scale."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

from modpart.datasets import make_frontier
from modpart.efficiency import bootstrap_dea, dea_scores, rts_test
from modpart.efficiency._indices.smoothing import Smoothed, pseudo_units
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.technology import Technology
from modpart.exceptions import InputDataError


def small(n=40, orientation="output", **settings):
    X, Y, _ = make_frontier(n, n_inputs=2, n_outputs=1, random_state=0)
    return X, Y, bootstrap_dea(X, Y, orientation=orientation, n_bootstrap=60, random_state=1, **settings)


@pytest.mark.parametrize("orientation", ["input", "output"])
@pytest.mark.parametrize("technology", ["crs", "vrs", "nirs", "ndrs"])
def test_pseudo_scores_are_those_of_the_original_units_before_the_pseudo_frontier(orientation, technology):
    X, Y, _ = make_frontier(40, n_inputs=2, n_outputs=2, random_state=0)
    frontier = Frontier(Technology.of(X, Y, technology), orientation)
    delta = 1 / frontier.score(frontier.own_units()).efficiency
    drawn = Smoothed.of("test", delta).draw(np.random.default_rng(0), 40)
    assert (drawn >= 1).all()
    pseudo, units = pseudo_units(frontier, delta, drawn)
    t = pseudo.technology
    expected = dea_scores(X, Y, technology=technology, orientation=orientation, X_ref=t.X, Y_ref=t.Y)
    np.testing.assert_allclose(pseudo.score(units).scores, expected, atol=1e-9)
    own = dea_scores(t.X, t.Y, X_ref=X, Y_ref=Y, technology=technology, orientation=orientation)
    np.testing.assert_allclose(own, 1 / drawn if orientation == "input" else drawn, atol=1e-9)


@pytest.mark.parametrize("orientation", ["input", "output"])
def test_scores_are_corrected_towards_less_efficient_and_intervals_hold_the_correction(orientation):
    X, Y, table = small(orientation=orientation)
    np.testing.assert_allclose(table["score"], dea_scores(X, Y, orientation=orientation), atol=1e-12)
    worse = table["score"] - table["corrected"] if orientation == "input" else table["corrected"] - table["score"]
    assert (worse > 0).all()
    assert ((table["low"] <= table["corrected"]) & (table["corrected"] <= table["high"])).all()
    assert (table["low"] > 0).all()


def test_the_seed_decides_and_the_number_of_workers_does_not():
    first, second = small()[2], small()[2]
    pd.testing.assert_frame_equal(first, second)
    with parallel_config("threading"):
        pd.testing.assert_frame_equal(small(n_jobs=2)[2], first)
    seen = []
    pd.testing.assert_frame_equal(small(progress=lambda done, total: seen.append((done, total)))[2], first)
    assert seen[-1] == (160, 160) and [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_where_nothing_can_be_drawn_from_this_is_said():
    x = np.arange(1.0, 7.0)[:, None]
    with pytest.raises(InputDataError, match="0 of 6 units are inefficient"):
        bootstrap_dea(x, np.sqrt(x), n_bootstrap=10)


def test_constant_returns_are_kept_and_variable_ones_found():
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 10, (60, 1))
    below = np.exp(-np.abs(rng.normal(0, 0.2, (60, 1))))
    constant, variable = (
        rts_test(x, 2 * x * below, n_bootstrap=40, random_state=0),
        rts_test(x, np.sqrt(x - 0.9) * below, n_bootstrap=40, random_state=0),
    )
    assert constant.p_value > 0.05 and variable.p_value == 0
    assert constant.statistic >= constant.critical and variable.statistic < variable.critical
    assert variable.replicates.shape == (40,) and (variable.replicates <= 1 + 1e-9).all()


@pytest.mark.claims
def test_intervals_cover_a_known_frontier():
    shares = []
    for seed in range(20):
        X, Y, efficiency = make_frontier(100, n_inputs=2, n_outputs=1, scale=0.9, random_state=seed)
        table = bootstrap_dea(X, Y, orientation="output", n_bootstrap=300, random_state=seed)
        shares.append(((table["low"] <= 1 / efficiency) & (1 / efficiency <= table["high"])).mean())
    assert 0.9 < np.mean(shares) < 0.98
