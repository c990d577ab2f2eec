"""The displays: what they draw follows from the model, and they leave the rest of matplotlib alone."""

import subprocess
import sys

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from modpart.datasets import make_elastoplastic, make_linear, make_two_planes
from modpart.exceptions import InputDataError, MissingDependencyError, ParameterError
from modpart.inspection import HistoryDisplay, PartitionDisplay
from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    """A display opens one figure at most, which its test closes here; defaults stay as they were."""
    before = mpl.rcParams.copy()
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == dict(before)


@pytest.fixture(scope="module")
def one_input():
    X, y, _ = make_elastoplastic(200, random_state=0)
    X, y = pd.DataFrame(X, columns=["strain"]), pd.Series(y, name="stress")
    return ActivePartitioner(BayesianExpert("linear"), random_state=0).fit(X, y), X, y


@pytest.fixture(scope="module")
def two_inputs():
    X, y, _ = make_two_planes(200, random_state=0)
    X = pd.DataFrame(X, columns=["a", "b"])
    return ActivePartitioner(BayesianExpert("linear"), random_state=0).fit(X, y), X, y


@pytest.fixture(scope="module")
def three_inputs():
    """The regimes depend on the second and the third input."""
    X, y, _ = make_two_planes(300, random_state=0)
    idle = np.random.default_rng(1).uniform(-1, 1, (300, 1))
    X = np.hstack([idle, X])
    return ActivePartitioner(BayesianExpert("linear"), random_state=0).fit(X, y), X, y


@pytest.fixture(scope="module")
def one_law():
    X, y, _ = make_linear(150, random_state=0)
    return ActivePartitioner(random_state=0).fit(X, y), X, y


def rows_drawn(scatter):
    return np.asarray(scatter.get_offsets())


def colors_of(display):
    return {to_hex(scatter.get_facecolor()[0]) for scatter in display.scatter_}


def test_every_row_is_drawn_once_in_the_colour_of_its_partition(one_input):
    partitioner, X, y = one_input
    display = PartitionDisplay.from_estimator(partitioner, X, y)
    assert len(display.scatter_) == len(colors_of(display)) == partitioner.n_partitions_ == 2
    for k, scatter in enumerate(display.scatter_):
        expected = np.column_stack([X["strain"], y])[partitioner.predict(X) == k]
        np.testing.assert_array_equal(rows_drawn(scatter), expected)


def test_names_of_columns_and_target_stand_at_the_axes(one_input, two_inputs):
    display = PartitionDisplay.from_estimator(*one_input)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("strain", "stress")
    display = PartitionDisplay.from_estimator(*two_inputs)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("a", "b")


def test_the_borders_are_where_the_prediction_changes(one_input):
    partitioner, X, y = one_input
    (border,) = PartitionDisplay.from_estimator(partitioner, X, y).borders_
    step = 2e-3
    left, right = partitioner.predict(pd.DataFrame({"strain": [border - step, border + step]}))
    assert left != right


def test_curves_are_solid_where_their_expert_rules_and_dashed_elsewhere(one_input):
    partitioner, X, y = one_input
    display = PartitionDisplay.from_estimator(partitioner, X, y)
    places = display.grid[0]
    labels = partitioner.predict(pd.DataFrame({"strain": places}))
    for k, expert in enumerate(partitioner.experts_):
        solid, dashed = (np.ma.filled(line.get_ydata(), np.nan) for line in display.lines_[2 * k : 2 * k + 2])
        np.testing.assert_array_equal(np.isfinite(solid), labels == k)
        np.testing.assert_array_equal(np.isfinite(dashed), labels != k)
        np.testing.assert_allclose(np.where(labels == k, solid, dashed), expert.predict(places[:, None]))


def test_without_a_target_the_rows_lie_on_the_ruling_curve(one_input):
    partitioner, X, _ = one_input
    display = PartitionDisplay.from_estimator(partitioner, X)
    heights = [partitioner.experts_[k].predict(X.to_numpy()) for k in range(2)]
    np.testing.assert_allclose(display.target, np.where(partitioner.predict(X) == 0, *heights))
    assert display.ax_.get_ylabel() == "prediction"


def test_of_many_inputs_those_that_separate_are_drawn():
    X, y, _ = make_two_planes(250, random_state=0)
    idle = np.random.default_rng(1).uniform(-1, 1, (250, 8))
    X = np.hstack([idle[:, :3], X[:, :1], idle[:, 3:], X[:, 1:]])
    partitioner = ActivePartitioner(BayesianExpert("linear"), n_experts=2, random_state=0).fit(X, y)
    display = PartitionDisplay.from_estimator(partitioner, X, y)
    assert set(display.feature_names) == {"x3", "x9"} == set(partitioner.describe(X).telling_inputs())
    assert display.ax_.get_title(loc="left") == "2 partitions, seen on 2 of 10 inputs"


def test_the_target_may_be_a_column(one_input):
    partitioner, X, y = one_input
    for column in (y.to_frame(), y.to_numpy()[:, None]):
        display = PartitionDisplay.from_estimator(partitioner, X, column)
        np.testing.assert_array_equal(display.target, y)
    assert PartitionDisplay.from_estimator(partitioner, X, y.to_frame()).ax_.get_ylabel() == "stress"


def test_the_highest_round_is_inside_the_picture(one_input):
    partitioner, _, _ = one_input
    axes = HistoryDisplay.from_estimator(partitioner).axes_
    assert axes[2].get_ylim()[1] > max(entry["noise"] for entry in partitioner.history_)


def test_the_legend_tells_shares_of_the_rows_shown(two_inputs):
    partitioner, X, y = two_inputs
    X = X.iloc[:57]
    display = PartitionDisplay.from_estimator(partitioner, X, y[:57])
    shares = np.bincount(partitioner.predict(X), minlength=2) / 57
    words = [text.get_text() for text in display.legend_.get_texts()]
    assert words == [f"partition {k}: {100 * share:.0f} %" for k, share in enumerate(shares)]


@pytest.mark.parametrize("features", [None, ("a", "b"), ["b", "a"], (1, 0)])
def test_regions_are_what_the_gate_answers(two_inputs, features):
    partitioner, X, y = two_inputs
    display = PartitionDisplay.from_estimator(partitioner, X, y, features=features)
    names = list(display.feature_names)
    across, up = display.grid
    for i, j in [(0, 0), (3, 150), (80, 80), (150, 3), (159, 159)]:
        row = pd.DataFrame([[across[j], up[i]]], columns=names)[["a", "b"]]
        assert display.grid_labels[i, j] == partitioner.predict(row)[0]
    np.testing.assert_array_equal(np.asarray(display.surface_.get_array()).reshape(160, 160), display.grid_labels)
    assert display.ax_.get_xlabel() == names[0]


def test_regions_hold_no_label_between_their_neighbours():
    """Partition 0 touches partition 2; a contour of the numbers would draw partition 1 between them."""
    labels = np.repeat([[0, 2], [2, 3]], 5, axis=1)
    grid = (np.arange(10.0), np.arange(2.0))
    rows = np.zeros((4, 2))
    display = PartitionDisplay(
        rows, np.arange(4), n_partitions=4, feature_names="ab", n_features=2, grid=grid, grid_labels=labels
    ).plot()
    display.figure_.canvas.draw()
    tints = [to_hex(color) for color in display.surface_.get_facecolor()]
    assert len(colors_of(display)) == 4
    assert len(set(zip(tints, labels.ravel(), strict=True))) == len(set(tints)) == 3


def test_of_many_inputs_those_are_drawn_that_tell_the_partitions_apart(three_inputs):
    display = PartitionDisplay.from_estimator(*three_inputs)
    assert set(display.feature_names) == {"x1", "x2"}
    assert display.surface_ is None
    assert display.ax_.get_title(loc="left") == "2 partitions, seen on 2 of 3 inputs"


def test_one_of_many_inputs_is_drawn_against_the_target(three_inputs):
    partitioner, X, y = three_inputs
    display = PartitionDisplay.from_estimator(partitioner, X, y, features=1)
    np.testing.assert_array_equal(rows_drawn(display.scatter_[0])[:, 1], y[partitioner.predict(X) == 0])
    assert display.lines_ == [] and display.ax_.get_ylabel() == "y"
    with pytest.raises(ParameterError, match="Pass y too"):
        PartitionDisplay.from_estimator(partitioner, X, features=1)


def test_one_partition_is_a_picture_too(one_law):
    partitioner, X, y = one_law
    display = PartitionDisplay.from_estimator(partitioner, X, y)
    assert len(display.scatter_) == 1
    assert display.legend_.get_texts()[0].get_text() == "partition 0: 100 %"
    assert display.ax_.get_title(loc="left") == "one partition, seen on 2 of 3 inputs"
    assert display.feature_names == ("x0", "x1"), "the law 2a - b + c/2 leans on a and b most"
    line = ActivePartitioner(random_state=0).fit(X[:, :1], X[:, 0])
    assert PartitionDisplay.from_estimator(line, X[:, :1], X[:, 0]).borders_.size == 0


def test_a_regressor_is_drawn_as_it_routes(two_inputs):
    _, X, y = two_inputs
    linear = ActivePartitioner(BayesianExpert("linear"), random_state=0)
    model = PartitionedRegressor(linear, LinearRegression(), fallback=False, routing="hard").fit(X, y)
    display = PartitionDisplay.from_estimator(model, X, y)
    np.testing.assert_array_equal(display.labels, model.apply(X))


def test_a_regressor_that_fell_back_shows_one_partition(one_law):
    _, X, y = one_law
    forced = ActivePartitioner(BayesianExpert("linear"), 2, random_state=0)
    model = PartitionedRegressor(forced, random_state=0).fit(X, y)
    assert model.partitioner_.n_partitions_ == 2 and model.n_partitions_ == 1
    assert len(PartitionDisplay.from_estimator(model, X, y).scatter_) == 1


@pytest.mark.parametrize("step", [StandardScaler(), PCA(), FunctionTransformer(), "passthrough"])
def test_a_pipeline_shows_the_inputs_of_its_last_step(two_inputs, step):
    _, X, y = two_inputs
    pipeline = make_pipeline(step, ActivePartitioner(BayesianExpert("linear"), random_state=0)).fit(X, y)
    display = PartitionDisplay.from_estimator(pipeline, X, y)
    np.testing.assert_array_equal(display.labels, pipeline.predict(X))
    np.testing.assert_allclose(display.values, pipeline[:-1].transform(X))
    names = {"PCA": ("pca0", "pca1"), "FunctionTransformer": ("a", "b")}
    assert display.feature_names == names.get(type(step).__name__, ("a", "b"))


def test_a_pipeline_of_one_step_is_that_step(one_input):
    partitioner, X, y = one_input
    np.testing.assert_array_equal(
        PartitionDisplay.from_estimator(make_pipeline(partitioner), X, y).labels, partitioner.predict(X)
    )


def test_given_axes_are_used_and_no_figure_is_opened(one_input):
    figure = Figure()
    ax = figure.subplots()
    display = PartitionDisplay.from_estimator(*one_input, ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    axes = Figure().subplots(3, 1)
    assert HistoryDisplay.from_estimator(one_input[0], axes=axes).axes_[1] is axes[1]
    assert plt.get_fignums() == []


def test_plot_draws_again_on_a_figure_of_its_own(one_input):
    display = PartitionDisplay.from_estimator(*one_input)
    first = display.figure_
    assert display.plot() is display and display.figure_ is not first
    assert len(plt.get_fignums()) == 2


def test_fifteen_partitions_are_told_apart_by_colour_and_mark():
    rows, labels = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 15
    display = PartitionDisplay(rows, labels, n_partitions=15, feature_names=["a", "b"], n_features=5).plot()
    looks = {(to_hex(s.get_facecolor()[0]), s.get_paths()[0].vertices.tobytes()) for s in display.scatter_}
    assert len(looks) == 15


@pytest.mark.parametrize("features", ["c", 2, -1, True, 0.0, ("a", "c"), ("a", "a"), (0, "a"), ("a", "b", "a"), []])
def test_bad_features_are_named(two_inputs, features):
    with pytest.raises(ParameterError, match=r"PartitionDisplay: features"):
        PartitionDisplay.from_estimator(*two_inputs, features=features)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("display", [PartitionDisplay, HistoryDisplay])
def test_what_cannot_be_drawn_is_named(display, one_input):
    _, X, y = one_input
    arguments = (X, y) if display is PartitionDisplay else ()
    with pytest.raises(NotFittedError, match="ActivePartitioner"):
        display.from_estimator(ActivePartitioner(), *arguments)
    with pytest.raises(NotFittedError, match="PartitionedRegressor"):
        display.from_estimator(make_pipeline(StandardScaler(), PartitionedRegressor()), *arguments)
    with pytest.raises(ParameterError, match=r"LinearRegression\(\) has no partitions"):
        display.from_estimator(LinearRegression().fit(X, y), *arguments)
    assert plt.get_fignums() == []


def test_wrong_data_is_named(two_inputs, three_inputs):
    partitioner, X, y = two_inputs
    with pytest.raises(InputDataError, match="feature names"):
        PartitionDisplay.from_estimator(partitioner, X.rename(columns={"b": "c"}), y)
    with pytest.raises(InputDataError, match="2 features"):
        PartitionDisplay.from_estimator(three_inputs[0], X.to_numpy(), y)
    with pytest.raises(InputDataError, match=r"y has shape \(199,\).*200 rows"):
        PartitionDisplay.from_estimator(partitioner, X, y[:-1])
    assert plt.get_fignums() == []


def test_history_shows_every_round(one_input):
    partitioner, _, _ = one_input
    display = HistoryDisplay.from_estimator(partitioner)
    for ax, name in zip(display.axes_, ("n_experts", "changed", "noise"), strict=True):
        assert ax.lines[0].get_ydata().tolist() == [entry[name] for entry in partitioner.history_]
    marks = sum(len(scatter.get_offsets()) for scatter in display.axes_[0].collections)
    assert marks == len(partitioner.history_)


def test_history_of_a_hold_out_competition_shows_its_loss(two_inputs):
    _, X, y = two_inputs
    free = ActivePartitioner(LinearRegression(), 2, n_init=1, random_state=0).fit(X, y)
    display = HistoryDisplay.from_estimator(make_pipeline(free))
    assert display.axes_[2].get_ylabel().startswith("hold-out loss")
    assert display.axes_[2].lines[0].get_ydata().tolist() == [entry["hold_out_loss"] for entry in free.history_]


def test_no_history_and_wrong_axes(one_input):
    assert HistoryDisplay([]).plot().axes_[0].get_title(loc="left") == "a single expert, no rounds"
    with pytest.raises(ParameterError, match="holds 1 axes"):
        HistoryDisplay.from_estimator(one_input[0], axes=[plt.figure().subplots()])


def test_without_matplotlib_the_extra_is_named(one_input, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    for draw in (lambda: PartitionDisplay.from_estimator(*one_input), lambda: HistoryDisplay([]).plot()):
        with pytest.raises(MissingDependencyError, match=r"Display needs.*modpart\[plot\]"):
            draw()


def test_importing_the_displays_does_not_import_matplotlib():
    code = "import sys, modpart.inspection; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_of_several_outputs_has_regions_but_no_curve():
    X, y, _ = make_two_planes(100, random_state=0)
    targets = np.column_stack([y, -y])
    expert = BayesianExpert("linear")
    two = ActivePartitioner(expert, random_state=0).fit(X, targets)
    assert PartitionDisplay.from_estimator(two, X).grid_labels.shape[0] > 1
    with pytest.raises(ParameterError, match="this one predicts 2"):
        PartitionDisplay.from_estimator(ActivePartitioner(expert, random_state=0).fit(X[:, :1], targets), X[:, :1])
    wide = np.hstack([X, X**2])
    one_law = ActivePartitioner(expert, 1, random_state=0).fit(wide, np.column_stack([X[:, 0], X[:, 1]]))
    assert PartitionDisplay.from_estimator(one_law, wide).n_partitions == 1
