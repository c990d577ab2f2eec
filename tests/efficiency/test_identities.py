"""Laws that scores keep on any data: duality, nesting, projections, units of measurement, copies, order of rows."""

import numpy as np
import pytest

from modpart.efficiency import DEA
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.technology import Technology
from tests.efficiency.problems import KINDS, SHAPES, problem

pytestmark = pytest.mark.filterwarnings("ignore::modpart.exceptions.ModpartWarning")

RETURNS = ("crs", "nirs", "ndrs", "vrs")
PROBLEMS = [(kind, m, s, seed) for seed in range(7) for kind in KINDS for m, s in SHAPES][:200]


def problems(step=1):
    for kind, m, s, seed in PROBLEMS[::step]:
        yield kind, *problem(kind, m, s, 2 * (m + s) + 15, seed)


def score(X, Y, returns, **settings):
    model = Frontier(Technology.of(X, Y, returns), **settings)
    return model.score(model.own_units())


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.claims)])
def test_problems_of_all_kinds_keep_the_laws_of_radial_scores(step):
    for kind, X, Y in problems(step):
        found = {}
        for returns in RETURNS:
            for orientation in ("input", "output"):
                scored = score(X, Y, returns, orientation=orientation)
                assert (scored.status == 0).all(), kind
                assert not scored.stage[1].fallback.any()
                assert scored.stage[1].gap.max() <= 1e-9
                found[returns, orientation] = scored.scores
                assert_multipliers_are_feasible(X, Y, returns, orientation, scored)
        theta = {returns: found[returns, "input"] for returns in RETURNS}
        fdh = score(X, Y, "fdh").scores
        np.testing.assert_allclose(theta["crs"] * found["crs", "output"], 1.0, atol=1e-9)
        np.testing.assert_allclose(theta["crs"], np.minimum(theta["nirs"], theta["ndrs"]), atol=1e-9)
        np.testing.assert_allclose(theta["vrs"], np.maximum(theta["nirs"], theta["ndrs"]), atol=1e-9)
        assert (theta["vrs"] <= fdh + 1e-9).all() and (fdh <= 1 + 1e-12).all()
        assert (theta["crs"] > 0).all()


def assert_multipliers_are_feasible(X, Y, returns, orientation, scored):
    """The dual value is the score, and no unit is above one by these weights (all relative to what is weighed)."""
    m, s = X.shape[1], Y.shape[1]
    v, u = scored.dual[:, :m], scored.dual[:, m : m + s]
    w = scored.dual[:, -1:] if returns != "crs" else np.zeros((len(X), 1))
    assert (v >= -1e-9 * np.abs(v).max()).all() and (u >= -1e-9 * np.abs(u).max()).all()
    own_in, own_out = (v * X).sum(axis=1), (u * Y).sum(axis=1)
    if orientation == "input":
        np.testing.assert_allclose(own_in, 1.0, atol=1e-9)
        np.testing.assert_allclose(own_out + w[:, 0], scored.scores, atol=1e-9)
    else:
        np.testing.assert_allclose(own_out, 1.0, atol=1e-9)
        np.testing.assert_allclose(own_in - w[:, 0], scored.scores, atol=1e-9)
    weighed = u @ Y.T - v @ X.T + w
    assert (weighed <= 1e-8 * (1 + u @ Y.T + v @ X.T)).all()
    sign = {"crs": 0, "nirs": -1, "ndrs": 1, "vrs": None}[returns]
    if sign:
        assert (sign * w >= -1e-9).all()


@pytest.mark.parametrize("returns", RETURNS)
@pytest.mark.parametrize("orientation", ["input", "output"])
def test_targets_score_one_and_have_no_slack(returns, orientation):
    for _, X, Y in problems(13):
        n, m = X.shape
        model = Frontier(Technology.of(X, Y, returns), orientation)
        units = model.own_units()
        found = model.slack_stage(units, model.score(units))
        slacks = found.slacks
        aim_X, aim_Y = found.moved[:, :m] - slacks[:, :m], found.moved[:, m:] + slacks[:, m:]
        assert (slacks >= 0).all()
        aimed = model.units(np.maximum(aim_X, 0), np.maximum(aim_Y, 0))
        scored = model.score(aimed)
        finite = np.isfinite(scored.scores)  # rounding may put a target a hair beyond the frontier
        np.testing.assert_allclose(scored.scores[finite], 1.0, atol=1e-8)
        assert finite.mean() > 0.9


def test_slack_based_scores_are_below_radial_ones_and_ram_is_between_zero_and_one():
    for kind, X, Y in problems(13):
        for returns in ("crs", "vrs"):
            if kind != "zeros":
                sbm = score(X, Y, returns, measure="sbm").scores
                assert (sbm <= score(X, Y, returns).scores + 1e-9).all()
                russell = score(X, Y, returns, measure="russell").scores
                assert (sbm <= russell + 1e-9).all()
        ram = score(X, Y, "vrs", measure="ram").efficiency
        assert (ram >= -1e-12).all() and (ram <= 1 + 1e-12).all()


@pytest.mark.parametrize("measure", ["radial", "sbm", "mip", "ram"])
def test_units_of_measurement_move_no_score(measure):
    rng = np.random.default_rng(0)
    for kind, X, Y in problems(13):
        if kind == "zeros" and measure == "sbm":
            continue
        X2 = X * 10.0 ** rng.uniform(-6, 6, X.shape[1])
        Y2 = Y * 10.0 ** rng.uniform(-6, 6, Y.shape[1])
        for returns in RETURNS if measure == "radial" else ("crs", "vrs"):
            plain, scaled = (score(*data, returns, measure=measure).scores for data in ((X, Y), (X2, Y2)))
            np.testing.assert_allclose(scaled, plain, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "settings, moved",
    [
        ({}, "outputs"),
        ({"orientation": "output"}, "inputs"),
        ({"measure": "ram"}, "both"),
        ({"measure": "additive"}, "both"),
        ({"orientation": "directional", "direction": "range"}, "both"),
    ],
)
def test_a_constant_may_be_added_where_scores_are_said_not_to_depend_on_it(settings, moved):
    X, Y = problem("smooth", 3, 2, 40, 0)
    table = np.hstack([X, Y])
    shift = np.zeros(5)
    shift[:3] = -4.0 if moved in ("inputs", "both") else 0.0
    shift[3:] = -2.0 if moved in ("outputs", "both") else 0.0
    models = [DEA([0, 1, 2], [3, 4], **settings).fit(data) for data in (table, table + shift)]
    assert (table + shift).min() < 0
    np.testing.assert_allclose(models[1].scores_, models[0].scores_, atol=1e-9)


def test_copies_and_worse_units_change_nothing_and_rows_may_stand_in_any_order():
    rng = np.random.default_rng(0)
    for _, X, Y in problems(13):
        n = len(X)
        for returns in (*RETURNS, "fdh"):
            plain = score(X, Y, returns).scores
            more_X, more_Y = np.vstack([X, X[:3], X[:3] * 1.5]), np.vstack([Y, Y[:3], Y[:3] * 0.7])
            np.testing.assert_allclose(score(more_X, more_Y, returns).scores[:n], plain, atol=1e-9)
            order = rng.permutation(n)
            np.testing.assert_allclose(score(X[order], Y[order], returns).scores, plain[order], atol=1e-9)


def test_super_efficiency_is_the_score_of_inefficient_units():
    for _, X, Y in problems(13):
        for returns in RETURNS:
            model = Frontier(Technology.of(X, Y, returns))
            plain = model.score(model.own_units()).scores
            beyond = model.score(model.own_units(allowed=False)).scores
            worse = plain < 1 - 1e-6
            np.testing.assert_allclose(beyond[worse], plain[worse], atol=1e-9)
            assert (beyond[~worse] >= 1 - 1e-9).all()


def test_directions_give_the_radial_scores():
    for _, X, Y in problems(17):
        n, m = X.shape
        both = score(X, Y, "crs", orientation="directional").scores
        theta = score(X, Y, "crs").scores
        np.testing.assert_allclose(both, (1 - theta) / (1 + theta), atol=1e-9)


def test_returns_to_scale_of_a_known_frontier():
    X = np.array([[1.0], [2.0], [4.0], [6.0], [8.0], [6.0]])
    Y = np.array([[1.0], [4.0], [8.0], [10.0], [11.0], [5.0]])
    dea = DEA([0], [1]).fit(np.hstack([X, Y]))
    assert dea.rts_.tolist() == ["increasing", "constant", "constant", "decreasing", "decreasing", "constant"]
    np.testing.assert_allclose(dea.scale_efficiency_, [0.5, 1, 1, 10 / 12, 11 / 16, 1])
