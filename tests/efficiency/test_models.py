"""Every model against one HiGHS programme a unit, on problems of all kinds."""

import numpy as np
import pytest

from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.technology import Technology
from tests.efficiency import oracle
from tests.efficiency.problems import KINDS, RETURNS, SHAPES, problem

every_kind = pytest.mark.parametrize("kind", KINDS)
every_returns = pytest.mark.parametrize("returns", RETURNS)


def frontier(X, Y, returns, **settings):
    return Frontier(Technology.of(X, Y, returns), **settings)


def assert_close(ours, theirs, tol=1e-9):
    theirs = np.asarray(theirs, dtype=float)
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(np.isfinite(ours), finite)
    np.testing.assert_array_equal(ours[~finite], theirs[~finite])
    np.testing.assert_allclose(ours[finite], theirs[finite], rtol=tol, atol=tol)


def looked_at(n):
    """The units that the oracle is asked about."""
    return range(0, n, 4)


def cases(kinds=KINDS):
    for seed, (m, s) in enumerate(SHAPES[:4]):
        for kind in kinds:
            yield problem(kind, m, s, 2 * (m + s) + 8, seed)


@every_returns
@pytest.mark.parametrize("orientation", ["input", "output"])
@pytest.mark.parametrize("skip", [False, True])
def test_radial_scores_and_super_efficiency(returns, orientation, skip):
    for X, Y in cases():
        model = frontier(X, Y, returns, orientation=orientation)
        found = model.score(model.own_units(allowed=not skip))
        units = looked_at(len(X))
        assert_close(found.scores[units], [oracle.radial(X, Y, o, orientation, returns, skip) for o in units], 2e-9)


@every_returns
@pytest.mark.parametrize("orientation", ["input", "output"])
def test_new_units_are_scored_beyond_one(returns, orientation):
    for X, Y in cases(["smooth", "zeros", "whole"]):
        X_new, Y_new = X[::3] * 0.8, Y[::3] * 1.3
        model = frontier(X, Y, returns, orientation=orientation)
        found = model.score(model.units(X_new, Y_new)).scores
        expected = [oracle.radial(X, Y, None, orientation, returns, x=x, y=y) for x, y in zip(X_new, Y_new)]
        assert_close(found, expected, 2e-9)


@every_returns
def test_directional_distance(returns):
    rng = np.random.default_rng(0)
    for X, Y in cases(["smooth", "zeros", "whole"]):
        g = rng.uniform(0.1, 1, (len(X), X.shape[1] + Y.shape[1]))
        g[:, 0] = 0.0
        model = frontier(X, Y, returns, orientation="directional", direction=lambda units, g=g: g)
        units = looked_at(len(X))
        m = X.shape[1]
        expected = [oracle.directional(X, Y, X[o], Y[o], g[o, :m], g[o, m:], returns) for o in units]
        assert_close(model.score(model.own_units()).scores[units], expected)


@every_returns
@pytest.mark.parametrize("measure", ["additive", "mip", "ram", "bam"])
def test_additive_family(returns, measure):
    for X, Y in cases(["smooth", "duplicates", "whole", "zeros"]):
        (n, m), s = X.shape, Y.shape[1]
        model = frontier(X, Y, returns, measure=measure)
        found = model.score(model.own_units())
        low, high = X.min(axis=0), Y.max(axis=0)
        for o in looked_at(n):
            limits = {}
            with np.errstate(divide="ignore"):
                if measure == "additive":
                    size = np.ones(m + s)
                elif measure == "mip":
                    size = np.r_[X[o], Y[o]]
                elif measure == "ram":
                    size = (m + s) * np.r_[np.ptp(X, axis=0), np.ptp(Y, axis=0)]
                else:
                    size = (m + s) * np.r_[X[o] - low, high - Y[o]]
                w = np.where(size > 0, 1 / size, 0)
            if measure in ("ram", "bam"):
                limits = {"fixed_x": size[:m] <= 0, "fixed_y": size[m:] <= 0}
            if measure == "bam" and returns != "vrs":
                limits |= {"low": low, "high": high}
            expected, _ = oracle.additive(X, Y, o, w[:m], w[m:], returns, **limits)
            assert_close(found.scores[[o]], [expected], 1e-8)
            total = (w * found.slacks[o]).sum()
            assert total == pytest.approx(expected, abs=1e-8, rel=1e-8)


@every_returns
def test_slacks_based_measure_and_its_super_efficiency(returns):
    for X, Y in cases(["smooth", "duplicates", "whole"]):
        model = frontier(X, Y, returns, measure="sbm")
        units = looked_at(len(X))
        own = model.score(model.own_units())
        assert_close(own.scores[units], [oracle.slacks_based(X, Y, o, returns) for o in units])
        beyond = model.score(model.own_units(allowed=False)).scores
        expected = []
        for o in units:
            rho = oracle.slacks_based(X, Y, o, returns, skip=True)
            expected.append(oracle.super_slacks_based(X, Y, o, returns) if rho is None else rho)
        assert_close(beyond[units], expected, 1e-8)


@every_returns
@pytest.mark.parametrize("orientation", ["input", "output"])
def test_russell_measures(returns, orientation):
    for X, Y in cases(["smooth", "whole"]):
        m, s = X.shape[1], Y.shape[1]
        model = frontier(X, Y, returns, measure="russell", orientation=orientation)
        found = model.score(model.own_units())
        for o in looked_at(len(X)):
            wx, wy = (1 / (m * X[o]), np.zeros(s)) if orientation == "input" else (np.zeros(m), 1 / (s * Y[o]))
            total, _ = oracle.additive(X, Y, o, wx, wy, returns)
            assert found.scores[o] == pytest.approx(1 - total if orientation == "input" else 1 + total, abs=1e-9)


@every_returns
def test_hyperbolic_distance(returns):
    for X, Y in list(cases(["smooth", "whole"]))[:4]:
        model = frontier(X, Y, returns, orientation="hyperbolic")
        units = list(looked_at(len(X)))[:2]
        found = model.score(model.own_units()).scores
        np.testing.assert_allclose(found[units], [oracle.hyperbolic(X, Y, o, returns) for o in units], atol=1e-7)
        if returns == "crs":
            radial = frontier(X, Y, "crs")
            np.testing.assert_allclose(found**2, radial.score(radial.own_units()).scores, atol=1e-12)


@every_returns
@pytest.mark.parametrize("orientation", ["input", "output", "hyperbolic"])
def test_largest_slacks(returns, orientation):
    for X, Y in cases(["smooth", "zeros", "duplicates", "whole"]):
        (n, m), s = X.shape, Y.shape[1]
        model = frontier(X, Y, returns, orientation=orientation)
        units = model.own_units()
        found = model.slack_stage(units, model.score(units))
        for o in looked_at(n):
            x, y = found.moved[o, :m], found.moved[o, m:]
            expected, _ = oracle.additive(X, Y, o, np.ones(m), np.ones(s), returns, x=x, y=y)
            if expected is not None:  # the oracle can find the rounded point a hair outside
                assert found.slacks[o].sum() == pytest.approx(expected, abs=2e-6, rel=2e-6)
        projected = np.hstack([found.moved[:, :m] - found.slacks[:, :m], found.moved[:, m:] + found.slacks[:, m:]])
        np.testing.assert_allclose(found.lambdas @ np.hstack([X, Y]), projected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("returns", ["crs", "vrs"])
def test_undesirable_outputs_are_cut_only_with_the_others(returns):
    rng = np.random.default_rng(1)
    for X, Y in cases(["smooth"]):
        B = rng.uniform(1, 3, (len(X), 2))
        m, s = X.shape[1], Y.shape[1]
        model = Frontier(
            Technology.of(X, Y, returns, B), orientation="directional", discretionary=np.arange(m + s + 2) >= m
        )
        found = model.score(model.own_units()).scores
        for o in looked_at(len(X)):
            g = oracle.directional(X, Y, X[o], Y[o], 0 * X[o], Y[o], returns, B=B, b=B[o], gb=B[o])
            assert found[o] == pytest.approx(g, abs=1e-9)


@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 25), marks=pytest.mark.claims)], ids=["few", "many"])
def test_units_and_columns_of_very_different_size_with_zeros(seeds):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        m, s = rng.integers(1, 4, 2)
        size = rng.lognormal(0, 2, (150, 1))
        X = size * rng.lognormal(0, 1.5, (150, m)) * 10.0 ** rng.integers(-3, 8, m)
        Y = size * rng.lognormal(0, 1.5, (150, s)) * 10.0 ** rng.integers(-3, 8, s)
        X[rng.random(X.shape) < 0.05] = 0.0
        Y[rng.random(Y.shape) < 0.1] = 0.0
        used = X.any(axis=1) & Y.any(axis=1)
        X, Y = X[used], Y[used]
        for returns in RETURNS:
            for orientation in ("input", "output"):
                for skip in (False, True):
                    model = frontier(X, Y, returns, orientation=orientation)
                    found = model.score(model.own_units(allowed=not skip))
                    units = rng.integers(len(X), size=3)
                    expected = [oracle.radial(X, Y, o, orientation, returns, skip) for o in units]
                    assert_close(found.scores[units], expected, 1e-9)
                    if not skip:
                        full = model.slack_stage(model.own_units(), found)
                        aim = full.moved + full.slacks * np.where(np.arange(m + s) < m, -1, 1)
                        reached = full.lambdas @ np.hstack([X, Y])
                        data = np.hstack([X, Y])
                        scale = np.where(data > 0, np.maximum(np.abs(aim), data), data.max(axis=0))
                        assert (np.abs(reached - aim) <= 1e-7 * scale).all()
