"""The estimator: what it tells of units, what it refuses, and that it works where estimators work."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modpart.datasets import load_bank_branches, load_follow_through, make_frontier
from modpart.efficiency import DEA
from modpart.exceptions import InputDataError, MissingDependencyError, ModpartWarning, ParameterError
from modpart.io import load, save
from tests.efficiency import oracle
from tests.efficiency.problems import problem

OUTPUTS = ["A", "B", "C"]


def branches(**settings):
    return DEA(outputs=OUTPUTS, data_warnings=False, **settings).fit(load_bank_branches())


def test_scores_follow_the_unit_through_every_table():
    dea = branches()
    table = dea.to_frame()
    assert list(table.index) == [f"K{k}" for k in range(1, 18)]
    assert table.loc["K5", "score"] == dea.scores_[4]
    assert table["rank"].min() == 1 and table["rank"].max() <= 17
    shuffled = load_bank_branches().sample(frac=1, random_state=0)
    again = DEA(outputs=OUTPUTS, data_warnings=False).fit(shuffled)
    np.testing.assert_allclose(again.to_frame().loc[table.index, "score"], table["score"], atol=1e-12)
    assert dea.changes("K5").loc["expenses", "target"] == pytest.approx(dea.targets_[4, 1])
    assert dea.peers_[4] == list(dea.peers("K5").index)
    np.testing.assert_allclose(dea.lambdas_.sum(axis=1), 1.0)


def test_new_units_and_the_pipeline():
    X, Y, _ = make_frontier(150, random_state=0)
    table = np.hstack([X, Y])
    dea = DEA([0, 1, 2], [3, 4, 5]).fit(table)
    np.testing.assert_allclose(dea.transform(table)[:, 0], dea.scores_, atol=1e-9)
    better = table * np.r_[np.full(3, 0.5), np.ones(3)]
    np.testing.assert_allclose(dea.score_units(better), 2 * dea.scores_, atol=1e-9)
    pipe = make_pipeline(FunctionTransformer(), DEA([0, 1, 2], [3, 4, 5])).fit(table)
    np.testing.assert_array_equal(pipe.transform(table), dea.transform(table))
    assert dea.get_feature_names_out().tolist() == ["dea_score"]


def test_what_is_computed_later_is_dropped_by_a_new_fit_and_survives_pickle():
    dea = branches()
    before = dea.slacks_, dea.rts_
    copy = pickle.loads(pickle.dumps(dea))
    np.testing.assert_array_equal(copy.slacks_, before[0])
    assert "slacks_" not in vars(clone(dea))
    dea.fit(load_bank_branches().iloc[:12])
    assert dea.slacks_.shape == (12, 6) and len(dea.rts_) == 12


def test_a_saved_model_tells_the_same(tmp_path):
    dea = branches(weight_ratios=[("expenses", "staff hours", 0.01, 100)])
    before = dea.to_frame()
    save(dea, tmp_path / "m.skops")
    loaded = load(tmp_path / "m.skops")
    pd.testing.assert_frame_equal(loaded.to_frame(), before)
    np.testing.assert_array_equal(loaded.score_units(load_bank_branches()), dea.score_units(load_bank_branches()))


@pytest.mark.parametrize("orientation", ["input", "output"])
def test_fixed_columns_do_not_move(orientation):
    X, Y = problem("smooth", 3, 2, 30, 0)
    fixed = [1] if orientation == "input" else [4]
    dea = DEA([0, 1, 2], [3, 4], orientation=orientation, non_discretionary=fixed).fit(np.hstack([X, Y]))
    for o in range(0, 30, 3):
        gx, gy = X[o] * [1, 0, 1], 0 * Y[o]
        if orientation == "output":
            gx, gy = 0 * X[o], Y[o] * [1, 0]
        beta = oracle.directional(X, Y, X[o], Y[o], gx, gy, "vrs")
        assert dea.scores_[o] == pytest.approx(1 - beta if orientation == "input" else 1 + beta, abs=1e-9)


def test_undesirable_outputs_are_cut():
    rng = np.random.default_rng(0)
    X, Y = problem("smooth", 2, 1, 25, 0)
    B = rng.uniform(1, 3, (25, 1))
    dea = DEA([0, 1], [2], undesirable=[3], orientation="directional", non_discretionary=[0, 1], data_warnings=False)
    dea.fit(np.hstack([X, Y, B]))
    assert dea.targets_.shape == (25, 4)
    worse = dea.scores_ > 1e-6
    assert (dea.targets_[worse, 3] < B[worse, 0]).all() and (dea.targets_[worse, 2] > Y[worse, 0]).all()
    o = int(np.flatnonzero(worse)[0])
    expected = oracle.directional(X, Y, X[o], Y[o], 0 * X[o], Y[o], "vrs", B=B, b=B[o], gb=B[o])
    assert dea.scores_[o] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("technology", ["crs", "vrs"])
def test_bounds_on_weights_hold_and_cost_nothing_more(technology):
    X, Y = problem("smooth", 3, 2, 25, 0)
    names = ["a", "b", "c", "p", "q"]
    table = pd.DataFrame(np.hstack([X, Y]), columns=names)
    settings = {"technology": technology, "data_warnings": False}
    free = DEA(["a", "b", "c"], ["p", "q"], **settings).fit(table)
    ratios = [("a", "b", 0.5, 2.0), ("p", "q", 0.2, 5.0)]
    held = DEA(["a", "b", "c"], ["p", "q"], weight_ratios=ratios, **settings).fit(table)
    assert (held.scores_ <= free.scores_ + 1e-9).all() and (held.scores_ < free.scores_ - 1e-3).any()
    w = held.weights_
    for i, j, low, high in ratios:
        i, j = names.index(i), names.index(j)
        assert (w[:, i] >= low * w[:, j] - 1e-9).all() and (w[:, i] <= high * w[:, j] + 1e-9).all()
    rows = [[-1, 0.5, 0, 0, 0], [1, -2.0, 0, 0, 0], [0, 0, 0, -1, 0.2], [0, 0, 0, 1, -5.0]]
    for o in range(0, 25, 4):
        beta = oracle.directional(X, Y, X[o], Y[o], X[o], 0 * Y[o], technology, trade_offs=rows)
        assert held.scores_[o] == pytest.approx(1 - beta, abs=1e-9)


def test_bounds_on_shares_hold():
    X, Y = problem("smooth", 3, 2, 25, 0)
    table = pd.DataFrame(np.hstack([X, Y]), columns=["a", "b", "c", "p", "q"])
    shares = {"a": (0.2, 0.5), "p": (0.3, 0.7)}
    dea = DEA(["a", "b", "c"], ["p", "q"], technology="crs", virtual_shares=shares).fit(table)
    virtual = dea.weights_[:, :5] * table.to_numpy()
    part_in, part_out = virtual[:, 0] / virtual[:, :3].sum(axis=1), virtual[:, 3] / virtual[:, 3:].sum(axis=1)
    assert (part_in >= 0.2 - 1e-8).all() and (part_in <= 0.5 + 1e-8).all()
    assert (part_out >= 0.3 - 1e-8).all() and (part_out <= 0.7 + 1e-8).all()
    free = DEA(["a", "b", "c"], ["p", "q"], technology="crs").fit(table)
    assert (dea.scores_ <= free.scores_ + 1e-9).all()


@pytest.mark.parametrize("returns", ["crs", "vrs", "nirs", "ndrs"])
@pytest.mark.parametrize("orientation", ["input", "output", "directional"])
def test_bounded_weights_are_those_of_the_multiplier_programme(orientation, returns):
    X, Y = problem("smooth", 3, 2, 40, 0)
    names, scale = ["a", "b", "c", "p", "q"], np.array([1.0, 1e-4, 1e5, 1e6, 1e-3])
    table = pd.DataFrame(np.hstack([X, Y]) * scale, columns=names)
    gx, gy = (X, 0 * Y) if orientation == "input" else (0 * X, Y) if orientation == "output" else (X, Y)
    for low, high in (((0.02, 0, 0.01, 0, 0.03), np.inf), (0, (0.2, 0.3, np.inf, 3, 4)), (0.004, (1, 1, 1, 3, 3))):
        low, high = np.broadcast_to(low, 5) / scale, np.broadcast_to(high, 5) / scale
        bounds = dict(zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True))
        dea = DEA(names[:3], names[3:], technology=returns, orientation=orientation, weight_bounds=bounds)
        dea.fit(table)
        weights = dea.weights_[:, :5] * scale
        assert (weights >= low * scale - 1e-9).all() and (weights <= high * scale + 1e-9).all()
        beta = 1 - dea.scores_ if orientation == "input" else dea.scores_ - (orientation == "output")
        for o in range(40):
            expected = oracle.multiplier(X, Y, o, gx[o], gy[o], returns, low * scale, high * scale)
            assert beta[o] == pytest.approx(expected, abs=1e-9)
        made = dea.lambdas_ @ table.to_numpy()
        np.testing.assert_allclose(dea.targets_, made, rtol=1e-7)
        assert "with bounded weights" in dea.report(int(dea.efficiency_.argmin()))
        new = table.iloc[:5] * [1.1, 1.1, 1.1, 1, 1]
        assert np.isfinite(dea.score_units(new)).all()


def test_bounds_that_leave_no_weights_are_named():
    table = stores()
    with pytest.raises(InputDataError, match=r"'a' has no bound\. Probably weight_bounds leave no weights"):
        DEA(outputs=["sales"], weight_bounds={"staff": (1e3, np.inf)}, data_warnings=False).fit(table)


def test_weights_judge_the_unit_itself_to_its_score():
    table = load_bank_branches()
    for orientation in ("input", "output"):
        dea = branches(orientation=orientation)
        weighed = dea.weights_[:, :6] * table.to_numpy()
        use, make = weighed[:, :3].sum(axis=1), weighed[:, 3:].sum(axis=1)
        score = make + dea.weights_[:, 6] if orientation == "input" else use + dea.weights_[:, 6]
        np.testing.assert_allclose(score, dea.scores_, atol=1e-9)


def test_infeasible_super_efficiency_is_named_three_ways():
    table = load_follow_through()
    outputs = ["reading", "mathematics", "self-esteem"]
    dea = DEA(outputs=outputs, super_efficiency=True).fit(table)
    assert (dea.status_ == "infeasible").sum() == np.isinf(dea.scores_).sum() == 1
    assert dea.strongly_efficient_[dea.status_ == "infeasible"].all()
    other = DEA(outputs=outputs, super_efficiency=True, infeasible="nan").fit(table)
    assert np.isnan(other.scores_).sum() == 1
    with pytest.raises(InputDataError, match="no reference unit comes into question for unit 59"):
        DEA(outputs=outputs, super_efficiency=True, infeasible="raise").fit(table)


def test_a_report_in_plain_words():
    dea = branches()
    text = dea.report("K5")
    for words in (
        "efficiency 0.809, rank 15 of 17",
        "19 % less",
        "K3 (69 %), K2 (31 %)",
        "square metres: 830 -> 465.7",
        "(43.9 % less)",
        "too small",
    ):
        assert words in text
    assert "efficient; nobody does better" in dea.report("K2")
    assert "7 units (41 %) are on the frontier" in dea.summary()
    for settings in (
        {"technology": "fdh"},
        {"measure": "sbm"},
        {"orientation": "hyperbolic"},
        {"measure": "additive"},
        {"orientation": "directional"},
        {"technology": "crs", "orientation": "output"},
    ):
        other = branches(**settings)
        assert all(other.report(unit) for unit in other.units_) and other.summary()


def test_reports_are_written(tmp_path):
    dea = branches()
    table = pd.read_csv(dea.save_report(tmp_path / "r.csv"), index_col=0)
    np.testing.assert_allclose(table["score"], dea.scores_)
    page = dea.save_report(tmp_path / "r.html").read_text()
    assert "K5: efficiency 0.809" in page and page.count("<tr>") == 18
    with pytest.raises(ParameterError, match=r"must end in \.html, \.csv, \.xlsx"):
        dea.save_report(tmp_path / "r.pdf")
    sheet = pd.read_excel(dea.save_report(tmp_path / "r.xlsx"), index_col=0)
    np.testing.assert_allclose(sheet["score"], dea.scores_)


def test_without_openpyxl_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingDependencyError, match=r"openpyxl.*modpart\[excel\]"):
        branches().save_report(tmp_path / "r.xlsx")


def test_markup_in_names_is_escaped(tmp_path):
    table = load_bank_branches().rename(index={"K5": "<b>&"})
    dea = DEA(outputs=OUTPUTS, data_warnings=False).fit(table)
    page = dea.save_report(tmp_path / "r.html").read_text()
    assert "<b>&" not in page and "&lt;b&gt;&amp;" in page


# what is refused, and what is warned of


def stores(**changes):
    table = pd.DataFrame({"staff": np.arange(2.0, 12), "rooms": np.arange(5.0, 15) ** 0.5, "sales": np.arange(1.0, 11)})
    for cell, value in changes.items():
        column, row = cell.split("_")
        table.loc[int(row), column] = value
    return table.set_axis(list("abcdefghij"))


@pytest.mark.parametrize(
    "settings, table, words",
    [
        ({}, stores(staff_3=-1), ["input column 'staff' is negative: -1 for unit 'd'", "direction='range'"]),
        ({}, stores(sales_2=np.nan), ["'sales'", "missing values", "row 2"]),
        ({}, stores(sales_2=np.inf), ["'sales'", "infinite", "row 2"]),
        ({}, stores()[:1], ["minimum of 2"]),
        ({}, stores()[["staff"]], ["minimum of 2"]),
        ({"technology": "crs"}, stores(staff_3=0, rooms_3=0), ["'staff', 'rooms'", "zero for unit 'd'", "'vrs'"]),
    ],
)
def test_numbers_that_cannot_be_used_are_named(settings, table, words):
    with pytest.raises(InputDataError) as error:
        DEA(outputs=["sales"] if "sales" in table else None, data_warnings=False, **settings).fit(table)
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"inputs": ["stuff"]}, ["no column 'stuff'", "Did you mean 'staff'?"]),
        ({"inputs": ["staff", "sales"], "outputs": ["sales"]}, ["'sales' is named as input and output"]),
        ({"inputs": ["staff", "rooms", "sales"]}, ["no output column is left"]),
        ({"measure": "ram", "orientation": "output"}, ["measure='ram' and orientation='output'", "'russell'"]),
        ({"measure": "ram", "super_efficiency": True}, ["super_efficiency=True", "'radial' and 'sbm'"]),
        ({"technology": "fdh", "orientation": "hyperbolic"}, ["technology='fdh'"]),
        ({"direction": "ones"}, ["orientation='directional' only"]),
        (
            {"orientation": "directional", "direction": [1, 2]},
            ["has 2 numbers and needs 3", "'staff', 'rooms', 'sales'"],
        ),
        ({"non_discretionary": ["staff", "rooms", "sales"]}, ["nothing is left to change"]),
        ({"inputs": ["staff"], "outputs": ["sales"], "non_discretionary": ["rooms"]}, ["'rooms'", "neither input nor"]),
        ({"weight_ratios": [("staff", "room", 1, 2)]}, ["'room'", "is no input or output", "'rooms'"]),
        ({"weight_ratios": [("staff", "rooms", 3, 2)]}, ["3, 2)", "0 <= low <= high"]),
        ({"virtual_shares": {"staff": (0.5, 2)}}, ["(0.5, 2)", "<= 1"]),
        ({"weight_bounds": {"staff": (2, 1)}}, ["weight_bounds['staff']=(2, 1)", "0 <= low <= high"]),
        ({"weight_bounds": {"room": (0, 1)}}, ["'room'", "is no input or output"]),
        ({"weight_bounds": {"staff": (0, 1)}, "orientation": "hyperbolic"}, ["weight_bounds take orientation"]),
        ({"weight_bounds": {"staff": (0, 1)}, "measure": "sbm"}, ["weight_bounds restrict the weights"]),
        ({"slack_weights": [1, 2]}, ["slack_weights=[1, 2] has 2 numbers and needs 3"]),
        ({"undesirable": ["rooms"], "measure": "sbm"}, ["undesirable takes measure='radial'"]),
    ],
)
def test_arguments_that_do_not_fit_are_named(settings, words):
    with pytest.raises(ParameterError) as error:
        DEA(data_warnings=False, **settings).fit(stores())
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


@pytest.mark.parametrize(
    "table, words",
    [
        (stores(staff_3=0), "input column 'staff' is zero for unit 'd'"),
        (stores(staff_3=0, rooms_3=0), r"all input columns \('staff', 'rooms'\) are zero for unit 'd'"),
        (stores(staff_3=0, rooms_3=0, sales_3=0), "unit 'd' has zeros in all columns"),
        (stores().assign(rooms=4.0), "input column 'rooms' is 4 for every unit"),
        (stores().assign(rooms=lambda t: 3 * t["staff"]), "'rooms' is a multiple of input column 'staff'"),
        (stores()[:7], "7 units with 2 inputs and 1 outputs are few"),
    ],
)
@pytest.mark.filterwarnings("ignore::modpart.exceptions.ModpartWarning")  # there may be others
def test_numbers_that_weaken_scores_are_warned_of(table, words):
    with pytest.warns(ModpartWarning, match=words):
        DEA(outputs=["sales"]).fit(table)


def test_a_unit_without_inputs_has_no_input_score():
    dea = DEA(outputs=["sales"], data_warnings=False).fit(stores(staff_3=0, rooms_3=0))
    assert np.isnan(dea.scores_[3]) and dea.status_[3] == "undefined"
    assert np.isfinite(np.delete(dea.scores_, 3)).all()
    assert "undefined" in dea.report("d")


def test_weights_that_make_something_from_nothing_are_refused():
    X, Y = problem("smooth", 2, 2, 20, 0)
    table = pd.DataFrame(np.hstack([X, Y]), columns=["a", "b", "p", "q"])
    with pytest.raises(InputDataError, match="allow outputs without inputs"):
        DEA(["a", "b"], ["p", "q"], technology="crs", weight_ratios=[("p", "a", 1e3, 1e4), ("a", "b", 1, 1)]).fit(table)


def test_names_of_units_that_are_not_there_or_not_unique():
    dea = branches()
    with pytest.raises(ParameterError, match="no unit 'K99'"):
        dea.report("K99")
    twice = load_bank_branches().rename(index={"K2": "K1"})
    with pytest.raises(ParameterError, match="2 units are called 'K1'"):
        DEA(outputs=OUTPUTS, data_warnings=False).fit(twice).report("K1")
