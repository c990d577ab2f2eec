"""The timeline of a schedule: phases begin when they may, and the end is the critical path."""

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression

from modpart.exceptions import ParameterError
from modpart.inspection import ScheduleDisplay
from modpart.networks import DenseChain, IncubatedClassifier, LocalModuleClassifier, ResidualChain

mpl.use("agg")
X, Y = load_iris(return_X_y=True)
PHASES = [
    {"name": name, "stage": stage, "seconds": seconds}
    for name, stage, seconds in [("a", 0, 1.0), ("b", 1, 3.0), ("c", 1, 1.0), ("d", 1, 1.0), ("e", 2, 2.0)]
]


@pytest.mark.parametrize(
    ("n_workers", "starts", "end"),
    [
        (None, [0, 1, 1, 1, 4], 6.0),
        (1, [0, 1, 4, 5, 6], 8.0),
        (2, [0, 1, 1, 2, 4], 6.0),
        (9, [0, 1, 1, 1, 4], 6.0),
    ],
)
def test_phases_begin_when_their_stage_may_and_a_worker_is_free(n_workers, starts, end):
    display = ScheduleDisplay(PHASES, n_workers=n_workers).plot()
    np.testing.assert_allclose(display.starts_, starts)
    assert display.seconds_ == end


def test_scores_stand_at_the_bars():
    settings = {"meta_epochs": 8, "module_epochs": 4, "finetune_epochs": 2, "random_state": 0}
    model = IncubatedClassifier(ResidualChain(8), n_modules=2, depth=1, **settings).fit(X, Y)
    display = ScheduleDisplay.from_estimator(model, X, Y)
    assert display.seconds_ == pytest.approx(model.critical_path_)
    written = [text.get_text().strip() for text in display.ax_.texts]
    assert len(written) == 4
    assert written[-1] == f"{100 * model.score(X, Y):.1f} %"
    assert f"assembled {100 * model.assembled().score(X, Y):.1f} %" in display.ax_.get_title(loc="left")


def test_any_schedule_and_nothing_else():
    local = LocalModuleClassifier(chain=DenseChain(8), module_epochs=2, head_epochs=2, random_state=0).fit(X, Y)
    display = ScheduleDisplay.from_estimator(local, X, Y)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["module0", "head"]
    assert len(display.ax_.texts) == 1
    with pytest.raises(ParameterError, match="LinearRegression has no phases"):
        ScheduleDisplay.from_estimator(LinearRegression().fit(X, Y))
    with pytest.raises(ParameterError, match="n_workers"):
        ScheduleDisplay(PHASES, n_workers=0).plot()
