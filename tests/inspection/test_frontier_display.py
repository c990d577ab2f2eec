"""Pictures of frontiers: what they draw follows from the model."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from modpart.datasets import load_bank_branches
from modpart.efficiency import DEA, dea_scores
from modpart.exceptions import ParameterError
from modpart.inspection import FrontierDisplay
from modpart.inspection._frontier_curves import frontier_line, isoquant_line

STORES = pd.DataFrame(
    {"staff": [2.0, 3, 3, 4, 5, 5, 6, 8], "sales": [1.0, 3, 2, 3, 4, 2, 3, 5]}, index=list("ABCDEFGH")
)


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def branches():
    return DEA(outputs=["A", "B", "C"], data_warnings=False).fit(load_bank_branches())


@pytest.mark.parametrize("technology", ["vrs", "crs", "nirs", "ndrs", "fdh"])
def test_the_line_is_where_scores_are_one(technology):
    dea = DEA(["staff"], ["sales"], technology=technology, data_warnings=False).fit(STORES)
    x, y = frontier_line(dea._frontier.technology, 9.0)
    at = np.linspace(2.1, 8.9, 40)
    if technology == "fdh":
        height = np.array([STORES["sales"][STORES["staff"] <= a].max() for a in at])
        drawn = np.array([y[np.flatnonzero(x <= a)[-1]] for a in at])
        np.testing.assert_allclose(drawn, height)
    else:
        drawn = np.interp(at, x, y)
    scores = dea_scores(
        at[:, None],
        drawn[:, None],
        technology=technology,
        orientation="output",
        X_ref=STORES[["staff"]].to_numpy(),
        Y_ref=STORES[["sales"]].to_numpy(),
    )
    np.testing.assert_allclose(scores, 1.0, atol=1e-9)


def test_the_isoquant_is_where_constant_returns_scores_are_one():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(1, 5, (30, 2)), np.ones((30, 1))
    first, second = isoquant_line(X[:, 0], X[:, 1], 6.0, 6.0)
    points = np.column_stack([first, second])
    scores = dea_scores(points, np.ones((len(points), 1)), technology="crs", X_ref=X, Y_ref=y)
    np.testing.assert_allclose(scores, 1.0, atol=1e-9)


@pytest.mark.parametrize("kind", ["scores", "changes", "peers"])
def test_pictures_of_many_columns(branches, kind):
    display = FrontierDisplay.from_estimator(branches, kind, unit="K5")
    display.figure_.canvas.draw()
    assert display.ax_.get_title(loc="left")
    if kind == "changes":
        widths = [bar.get_width() for bar in display.ax_.patches]
        np.testing.assert_allclose(widths[::-1], branches.changes("K5")["percent"])
    if kind == "peers":
        assert len(display.ax_.lines) == len(branches.peers("K5"))


def test_pictures_in_the_plane_mark_the_target():
    dea = DEA(["staff"], ["sales"], data_warnings=False).fit(STORES)
    figure, ax = plt.subplots()
    display = FrontierDisplay.from_estimator(dea, "frontier", unit="F", ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    arrow = [text for text in ax.texts if text.get_text() == ""]
    assert [tuple(text.xy) for text in arrow] == [tuple(dea.targets_[5])]
    table = pd.DataFrame({"a": [4.0, 7, 8], "b": [3.0, 3, 1], "y": 1.0})
    FrontierDisplay.from_estimator(DEA(["a", "b"], ["y"], data_warnings=False).fit(table), "isoquant", unit=1)


def test_wrong_calls_are_named(branches):
    for call, words in (
        (lambda: FrontierDisplay.from_estimator(branches, "frontier"), r"needs 1 input\(s\) and 1 output"),
        (lambda: FrontierDisplay.from_estimator(branches, "curve"), "kind='curve' must be one of"),
        (lambda: FrontierDisplay.from_estimator(branches, "changes"), "needs unit="),
        (lambda: FrontierDisplay.from_estimator(branches, "scores", unit="K99"), "no unit 'K99'"),
        (lambda: FrontierDisplay.from_estimator(3), "Pass a fitted DEA"),
    ):
        with pytest.raises(ParameterError, match=words):
            call()
    with pytest.raises(NotFittedError):
        FrontierDisplay.from_estimator(DEA())
