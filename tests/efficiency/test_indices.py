"""What is built on scores: indices, cross-efficiency, partial frontiers, prices, windows, leverage."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from modpart.efficiency import (
    andrews_pregibon,
    cross_efficiency,
    dea_scores,
    economic_efficiency,
    leverage,
    malmquist,
    malmquist_luenberger,
    order_alpha,
    order_m,
    window_analysis,
)
from modpart.exceptions import InputDataError, ParameterError
from tests.efficiency import oracle
from tests.efficiency.problems import problem


def two_periods(n=25):
    X, Y = problem("smooth", 2, 2, n, 0)
    X1, Y1 = problem("smooth", 2, 2, n, 1)
    return X, Y, X1 * 0.9, Y1 * 1.1


# Malmquist


@pytest.mark.parametrize("orientation", ["input", "output"])
def test_malmquist_is_the_product_of_its_parts(orientation):
    t = malmquist(*two_periods(), orientation=orientation)
    for product in (
        t.efficiency_change * t.technical_change,
        t.pure_efficiency_change * t.scale_efficiency_change * t.technical_change,
        t.efficiency_change * t.magnitude * t.bias,
        t.pure_efficiency_change * t.technical_change_vrs * t.scale_change,
    ):
        known = product.notna()
        np.testing.assert_allclose(product[known], t.malmquist[known], rtol=1e-12)
        assert known.sum() > 10


def test_malmquist_against_one_programme_for_each_distance():
    X0, Y0, X1, Y1 = two_periods(12)
    t = malmquist(X0, Y0, X1, Y1)
    for o in range(12):
        e = {
            "e00": oracle.radial(X0, Y0, o, "input", "crs"),
            "e11": oracle.radial(X1, Y1, o, "input", "crs"),
            "e01": oracle.radial(X0, Y0, None, "input", "crs", x=X1[o], y=Y1[o]),
            "e10": oracle.radial(X1, Y1, None, "input", "crs", x=X0[o], y=Y0[o]),
        }
        for name, value in e.items():
            assert t[name][o] == pytest.approx(value, abs=1e-9)
        assert t.malmquist[o] == pytest.approx(np.sqrt(e["e01"] / e["e00"] * e["e11"] / e["e10"]))


def test_malmquist_has_no_orientation_under_constant_returns_and_a_convention():
    tables = two_periods()
    progress = malmquist(*tables)["malmquist"]
    np.testing.assert_allclose(malmquist(*tables, orientation="output")["malmquist"], progress, rtol=1e-9)
    farrell = malmquist(*tables, orientation="output", convention="farrell")["malmquist"]
    np.testing.assert_allclose(farrell, 1 / progress, rtol=1e-9)


def test_the_global_index_is_circular_and_units_are_matched_by_name():
    X0, Y0, X1, Y1 = (pd.DataFrame(t) for t in two_periods())
    X1, Y1 = X1.iloc[::-1], Y1.iloc[::-1]
    there = malmquist(X0, Y0, X1, Y1, frontier="global")["malmquist"]
    back = malmquist(X1, Y1, X0, Y0, frontier="global")["malmquist"]
    np.testing.assert_allclose(there * back[there.index], 1.0, rtol=1e-12)
    fewer = malmquist(X0, Y0, X1.drop(index=3), Y1.drop(index=3))
    assert 3 not in fewer.index and len(fewer) == 24


def test_all_units_twice_as_good_is_pure_technical_progress():
    X, Y, _, _ = two_periods()
    t = malmquist(X, Y, X / 2, Y)
    np.testing.assert_allclose(t[["malmquist", "technical_change"]], 2.0)
    np.testing.assert_allclose(t["efficiency_change"], 1.0)
    np.testing.assert_allclose(t["bias"], 1.0)


def test_malmquist_luenberger_against_one_programme_for_each_distance():
    X0, Y0, X1, Y1 = two_periods(12)
    rng = np.random.default_rng(0)
    B0, B1 = rng.uniform(1, 2, (12, 1)), rng.uniform(1, 2, (12, 1))
    t = malmquist_luenberger(X0, Y0, B0, X1, Y1, B1)
    data = [(X0, Y0, B0), (X1, Y1, B1)]
    for o in range(12):
        d = np.empty((2, 2))
        for a, (X, Y, B) in enumerate(data):
            for b, (x, y, bad) in enumerate(data):
                beta = oracle.directional(X, Y, x[o], y[o], 0 * x[o], y[o], "crs", B=B, b=bad[o], gb=bad[o])
                d[a, b] = np.nan if beta is None else 1 + beta
        change = d[0, 0] / d[1, 1] * np.sqrt(d[1, 1] / d[0, 1] * d[1, 0] / d[0, 0])
        np.testing.assert_allclose(t["malmquist_luenberger"][o], change, rtol=1e-8)


# cross-efficiency


def secondary_goal(X, Y, d, theta, kind):
    m = X.shape[1]
    others = np.arange(len(X)) != d
    cost = np.r_[np.zeros(m), Y[others].sum(axis=0)] * (1 if kind == "aggressive" else -1)
    answer = linprog(
        cost,
        A_ub=np.hstack([-X, Y]),
        b_ub=np.zeros(len(X)),
        A_eq=[np.r_[X[others].sum(axis=0), 0 * Y[0]], np.r_[-theta * X[d], Y[d]]],
        b_eq=[1, 0],
    )
    return abs(answer.fun)


@pytest.mark.parametrize("kind", ["benevolent", "aggressive"])
def test_the_secondary_goal_is_reached_with_optimal_weights(kind):
    for seed in range(3):
        X, Y = problem("smooth", 3, 2, 20, seed)
        theta = dea_scores(X, Y, technology="crs")
        result = cross_efficiency(X, Y, kind=kind)
        np.testing.assert_allclose(np.diag(result.matrix), theta, atol=1e-9)
        assert (result.matrix.to_numpy() <= 1 + 1e-9).all()
        weights = result.weights.to_numpy()
        for d in range(len(X)):
            others = np.arange(len(X)) != d
            v, u = weights[d, :3], weights[d, 3:]
            reached = (u @ Y[others].sum(axis=0)) / (v @ X[others].sum(axis=0))
            assert reached == pytest.approx(secondary_goal(X, Y, d, theta[d], kind), abs=1e-9)


def test_aggressive_judges_are_harsher_than_benevolent_ones():
    X, Y = problem("smooth", 3, 2, 25, 0)
    mean = {kind: cross_efficiency(X, Y, kind=kind).matrix.to_numpy().mean() for kind in ("benevolent", "aggressive")}
    assert mean["aggressive"] < mean["benevolent"]
    arbitrary = cross_efficiency(X, Y, kind="arbitrary")
    np.testing.assert_allclose(np.diag(arbitrary.matrix), dea_scores(X, Y, technology="crs"), atol=1e-9)
    alone = cross_efficiency(X, Y, include_self=False)
    whole = cross_efficiency(X, Y)
    own = np.diag(whole.matrix)
    np.testing.assert_allclose(alone.scores, (whole.matrix.sum(axis=0) - own) / 24)
    np.testing.assert_allclose(whole.maverick, (own - alone.scores) / alone.scores)


# partial frontiers


@pytest.mark.parametrize("orientation", ["input", "output"])
def test_order_m_is_the_mean_of_many_draws(orientation):
    X, Y = problem("smooth", 2, 2, 15, 0)
    exact = order_m(X, Y, m=3, orientation=orientation)
    rng = np.random.default_rng(0)
    for o in range(5):
        if orientation == "input":
            factors = (X / X[o]).max(axis=1)[(Y >= Y[o]).all(axis=1)]
            drawn = factors[rng.integers(len(factors), size=(40_000, 3))].min(axis=1)
        else:
            factors = (Y / Y[o]).min(axis=1)[(X <= X[o]).all(axis=1)]
            drawn = factors[rng.integers(len(factors), size=(40_000, 3))].max(axis=1)
        assert exact[o] == pytest.approx(drawn.mean(), abs=5 * drawn.std() / 200 + 1e-12)


@pytest.mark.parametrize("orientation", ["input", "output"])
@pytest.mark.parametrize("kind", ["smooth", "zeros", "whole", "duplicates"])
def test_partial_frontiers_end_at_the_free_disposal_hull(orientation, kind):
    X, Y = problem(kind, 2, 2, 40, 0)
    fdh = dea_scores(X, Y, technology="fdh", orientation=orientation)
    np.testing.assert_allclose(order_m(X, Y, m=10**6, orientation=orientation), fdh, rtol=1e-9)
    np.testing.assert_allclose(order_alpha(X, Y, alpha=1.0, orientation=orientation), fdh, rtol=1e-12)


def test_order_alpha_is_a_quantile_guarded_against_rounding():
    x = np.arange(1.0, 21.0)[:, None]
    y = np.ones((20, 1))
    assert order_alpha(x, y, alpha=0.95)[0] == 1.0  # (1 - .95) * 20 is a hair above one
    assert order_alpha(x, y, alpha=0.9)[0] == 2.0
    assert order_alpha(y, x, alpha=0.95, orientation="output")[-1] == pytest.approx(19 / 20)


# prices


@pytest.mark.parametrize("technology", ["crs", "vrs", "nirs", "ndrs"])
def test_cost_and_revenue_against_one_programme_a_unit(technology):
    X, Y = problem("smooth", 3, 2, 15, 0)
    rng = np.random.default_rng(0)
    w, p = rng.uniform(1, 3, X.shape), rng.uniform(1, 3, 2)
    cost = economic_efficiency(X, Y, kind="cost", input_prices=w, technology=technology)
    revenue = economic_efficiency(X, Y, kind="revenue", output_prices=p, technology=technology)
    for o in range(15):
        for table, unit_cost, sign in ((cost, X @ w[o], 1), (revenue, -(Y @ p), -1)):
            programme = oracle.Programme(15)
            if sign > 0:
                for r in range(2):
                    programme.at_most(-Y[:, r], -Y[o, r])
            else:
                for i in range(3):
                    programme.at_most(X[:, i], X[o, i])
            oracle.sum_row(programme, technology, np.ones(15))
            assert table["optimal"][o] == pytest.approx(sign * programme.least(unit_cost).fun, rel=1e-9)
    assert (cost["efficiency"] <= cost["technical"] + 1e-9).all()
    np.testing.assert_allclose(cost["efficiency"], cost["technical"] * cost["allocative"])
    np.testing.assert_allclose(
        (cost[["optimal_x0", "optimal_x1", "optimal_x2"]].to_numpy() * w).sum(axis=1), cost["optimal"]
    )


def test_profit_is_that_of_the_best_unit():
    X, Y = problem("smooth", 3, 2, 15, 0)
    table = economic_efficiency(X, Y, kind="profit", input_prices=[1, 1, 1], output_prices=[5, 4])
    best = (Y @ [5, 4] - X.sum(axis=1)).max()
    np.testing.assert_allclose(table["optimal"], best)
    with pytest.raises(ParameterError, match="no bound"):
        economic_efficiency(X, Y, kind="profit", technology="crs", input_prices=[1, 1, 1], output_prices=[5, 4])
    with pytest.raises(ParameterError, match="input_prices is missing"):
        economic_efficiency(X, Y)
    with pytest.raises(InputDataError, match=r"input_prices has shape \(2,\)"):
        economic_efficiency(X, Y, input_prices=[1, 2])


# windows and leverage


def test_windows_are_pooled_scores():
    periods = {}
    for year in range(4):
        X, Y = problem("smooth", 2, 1, 8, year)
        names = list("abcdefgh")
        periods[2000 + year] = pd.DataFrame(X, names), pd.DataFrame(Y, names)
    result = window_analysis(periods, width=2)
    pooled = [pd.concat([periods[y][k] for y in (2001, 2002)]) for k in (0, 1)]
    expected = dea_scores(pooled[0].to_numpy(), pooled[1].to_numpy())
    np.testing.assert_allclose(result.efficiency.xs(2001, level="window"), expected)
    assert result.table("c").shape == (3, 4)
    whole = window_analysis(periods, width=4).summary()
    assert (whole["range_in_period"] == 0).all() and (whole["range"] >= 0).all()
    with pytest.raises(ParameterError, match="width=5 is more than the 4 periods"):
        window_analysis(periods, width=5)
    with pytest.raises(ParameterError, match="no unit 'z'"):
        result.table("z")


def test_andrews_pregibon_is_the_determinant_without_the_group():
    X, Y = problem("smooth", 2, 1, 14, 0)
    X[[3, 9]] = X[[3, 9]] * 6  # two beside each other
    W = np.hstack([X, Y])
    names = pd.Index([f"u{k}" for k in range(14)])
    table = andrews_pregibon(pd.DataFrame(X * [1.0, 1e7], names), pd.DataFrame(Y, names), n_deleted=3, n_shown=4)
    for size, rows in table.groupby("deleted"):
        whole = np.linalg.det(W.T @ W)
        left = {
            tuple(names[list(group)]): np.linalg.det(np.delete(W, group, axis=0).T @ np.delete(W, group, axis=0))
            / whole
            for group in combinations(range(14), size)
        }
        best = sorted(left, key=left.get)[:4]
        assert rows["units"].tolist() == best
        np.testing.assert_allclose(rows["ratio"], [left[group] for group in best], rtol=1e-9)
        np.testing.assert_allclose(rows["log_ratio"], np.log(rows["ratio"] / rows["ratio"].min()), atol=1e-12)
    pair = table[table["deleted"] == 2]
    assert pair["units"].iloc[0] == ("u3", "u9") and pair["log_ratio"].iloc[1] > 1.0


@pytest.mark.parametrize(
    "change, settings, error, words",
    [
        (lambda X: np.column_stack([X, X[:, 0] + X[:, 1]]), {}, InputDataError, "weighted sum of the others"),
        (lambda X: X, {"n_deleted": 12}, ParameterError, "leaves 2 units; 3 columns need as many"),
        (lambda X: np.tile(X, (20, 1)), {"n_deleted": 4}, ParameterError, "groups at most.*smaller n_deleted"),
        (lambda X: X, {"n_deleted": 0}, ParameterError, "n_deleted"),
    ],
)
def test_andrews_pregibon_refuses_what_has_no_answer(change, settings, error, words):
    X, Y = problem("smooth", 2, 1, 14, 0)
    X = change(X)
    with pytest.raises(error, match=words):
        andrews_pregibon(X, np.resize(Y, (len(X), 1)), **settings)


def test_leverage_is_what_leaving_one_out_changes():
    X, Y = problem("smooth", 2, 1, 20, 0)
    X[4] /= 5
    table = leverage(X, Y)
    plain = dea_scores(X, Y)
    for unit in range(20):
        kept = np.delete(np.arange(20), unit)
        change = dea_scores(X[kept], Y[kept]) - plain[kept]
        assert table["leverage"][unit] == pytest.approx(np.sqrt((change**2).mean()), abs=1e-9)
    assert table["suspect"].tolist() == [k == 4 for k in range(20)]
    np.testing.assert_allclose(table["super_efficiency"], dea_scores(X, Y, super_efficiency=True))


# two arrays


def test_scores_against_a_reference_of_its_own():
    X, Y = problem("smooth", 2, 2, 30, 0)
    found = dea_scores(X[20:], Y[20:], X_ref=X[:20], Y_ref=Y[:20])
    expected = [oracle.radial(X[:20], Y[:20], None, "input", "vrs", x=x, y=y) for x, y in zip(X[20:], Y[20:])]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda X, Y: dea_scores(X[:-1], Y), ["X has 9 rows and Y has 10"]),
        (lambda X, Y: dea_scores(X, Y, X_ref=X[:, :1], Y_ref=Y), ["X_ref and Y_ref have 1 and 2 columns", "2 and 2"]),
        (lambda X, Y: dea_scores(-X, Y), ["input column 'x0' is negative", "unit 0", "10 units"]),
        (lambda X, Y: order_m(np.where(X == X[3, 1], np.nan, X), Y), ["column 1", "NaN", "row 3"]),
        (lambda X, Y: malmquist(X, Y, X[:, :1], Y), ["X1 and Y1 have 1 and 2 columns"]),
        (
            lambda X, Y: malmquist(pd.DataFrame(X), pd.DataFrame(Y), *(pd.DataFrame(t, range(50, 60)) for t in (X, Y))),
            ["no unit is seen in both"],
        ),
        (lambda X, Y: dea_scores(pd.DataFrame(X), pd.DataFrame(Y).iloc[::-1]), ["named differently", ".loc[X.index]"]),
        (lambda X, Y: dea_scores(np.where(np.arange(10) == 2, 0.0, X.T).T, Y, technology="crs"), ["zero for unit 2"]),
    ],
)
def test_tables_that_do_not_fit_are_named(call, words):
    X, Y = problem("smooth", 2, 2, 10, 0)
    with pytest.raises(InputDataError) as error:
        call(X, Y)
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)
