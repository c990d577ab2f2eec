"""Regimes: of a famous time series, of a famous table, of one that should not be split, of one with a known answer."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import adjusted_rand_score

from modpart._report import Story
from modpart.datasets import load_nile, make_pipe_friction
from modpart.demo._page import SEED, Clock, canvas, legend, many
from modpart.inspection import PartitionDisplay
from modpart.partition import ActivePartitioner, BayesianExpert, PartitionedRegressor

__all__ = ["diabetes", "iris", "nile", "pipe"]

NILE_CHANGE = 1898  # last year at the old level, as found by Cobb (1978) and many after him
LAMINAR_UNTIL = 2300  # Reynolds number, as make_pipe_friction draws it
PIPE_NOISE = 0.05  # of the standard deviation of the law


def nile(clock: Clock) -> Story:
    with clock.part("load"):
        X, y = load_nile(as_frame=True)
    with clock.part("fit"):
        partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=SEED).fit(X, y)
        curved = ActivePartitioner(random_state=SEED).fit(X, y)
    with clock.part("compare"):
        model = PartitionedRegressor(clone(partitioner), random_state=SEED).fit(X, y)
    with clock.part("pictures"):
        figure, ax = canvas(1)
        display = PartitionDisplay.from_estimator(partitioner, X, y, ax=ax)
        ax.axvspan(NILE_CHANGE, NILE_CHANGE + 1, color="0.85", zorder=0, label="known change of level")
        ax.set_ylabel("flow (10⁸ m³ a year)")
        legend(ax)
    last = X["year"].to_numpy()[np.flatnonzero(np.diff(partitioner.labels_))]
    found = " and ".join(f"{year}/{year + 1}" for year in last) or "none"
    means = y.groupby(partitioner.labels_).mean()
    first, second = partitioner.labels_[0], partitioner.labels_[-1]
    return Story(
        title="The Nile: when did the level change?",
        question=(
            f"{len(X)} yearly flows of the Nile at Aswan. Statisticians agree that the level fell after {NILE_CHANGE}. "
            "The method is given year and flow and nothing else; its experts are straight lines."
        ),
        see=(
            f"The line breaks at {found}: the mean flow is {means[first]:.0f} in the first regime and "
            f"{means[second]:.0f} in the last. The grey band is the change known from the literature."
        ),
        short=(
            "Nile",
            str(len(X)),
            many(model.n_partitions_, "regime"),
            f"border at {found}; known: {NILE_CHANGE}/{NILE_CHANGE + 1}",
        ),
        facts={
            "Regimes found": str(partitioner.n_partitions_),
            "Border found between the years": found,
            "Known change between the years": f"{NILE_CHANGE}/{NILE_CHANGE + 1}",
            "Squared error saved against one line (cross-validated, random folds)": _gain(model),
            "Regimes when the experts may be curved": (
                "1: a curve that drops steeply there needs no second regime"
                if curved.n_partitions_ == 1
                else str(curved.n_partitions_)
            ),
        },
        words=_said(partitioner, X, y),
        tables={"Each regime: rows, error, and where it lies": _summary(model, X, y)},
        figure=figure,
        alt=f"Flow against year with {len(display.borders_)} border and one line per regime",
    )


def iris(clock: Clock) -> Story:
    with clock.part("load"):
        data = load_iris(as_frame=True)
        X, y = data.data[["sepal length (cm)", "petal width (cm)"]], data.data["sepal width (cm)"]
        species = pd.Series(data.target_names[data.target], name="species")
    with clock.part("fit"):
        partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=SEED).fit(X, y)
    with clock.part("compare"):
        model = PartitionedRegressor(clone(partitioner), random_state=SEED).fit(X, y)
    labels = partitioner.labels_
    with clock.part("pictures"):
        figure, axes = canvas(2)
        PartitionDisplay.from_estimator(partitioner, X, y, ax=axes[0])
        PartitionDisplay.from_estimator(partitioner, X, y, features="sepal length (cm)", ax=axes[1]).legend_.remove()
    length = X["sepal length (cm)"].to_numpy()
    slope = _slope(length, y)
    slopes = [_slope(length[labels == k], y[labels == k]) for k in range(partitioner.n_partitions_)]
    by_regime = " and ".join(f"{each:+.2f}" for each in slopes)
    setosa = adjusted_rand_score(species == "setosa", labels)
    return Story(
        title="Iris: the width of a sepal, and a species that nobody mentioned",
        question=(
            "Predict the sepal width of 150 flowers from sepal length and petal width. The species is not shown to the "
            "method. Its experts are straight lines again."
        ),
        see=(
            f"Over all flowers a longer sepal seems to be narrower (slope {slope:+.2f}); within the regimes it is "
            f"wider (slopes {by_regime}): the trend of the whole is not the trend of its parts. The regimes are a "
            f"matter of laws and not of names: they agree with 'setosa or not' to an adjusted Rand index of "
            f"{setosa:.2f}, and versicolor and virginica share a law."
        ),
        short=(
            "Iris",
            str(len(X)),
            many(model.n_partitions_, "regime"),
            f"agrees with 'setosa or not': adjusted Rand index {setosa:.2f}",
        ),
        facts={
            "Regimes found": str(partitioner.n_partitions_),
            "Adjusted Rand index with 'setosa or not'": f"{setosa:.3f}",
            "Adjusted Rand index with all three species": f"{adjusted_rand_score(species, labels):.3f}",
            "Slope of sepal width on sepal length, all flowers": f"{slope:+.3f}",
            "The same slope, regime by regime": ", ".join(f"{each:+.3f}" for each in slopes),
            "Squared error saved against one plane (cross-validated)": _gain(model),
        },
        words=_said(partitioner, X, y),
        tables={
            "Flowers by species and regime": pd.crosstab(species, pd.Series(labels, name="regime")).add_prefix(
                "regime "
            ),
            "Each regime: rows, error, and where it lies": _summary(model, X, y),
        },
        figure=figure,
        alt="Regimes on sepal length and petal width, and sepal width against sepal length by regime",
    )


def diabetes(clock: Clock) -> Story:
    with clock.part("load"):
        X, y = load_diabetes(return_X_y=True, as_frame=True)
    lines = BayesianExpert("linear")
    with clock.part("fit"):
        partitioner = ActivePartitioner(lines, random_state=SEED).fit(X, y)
        curved = ActivePartitioner(random_state=SEED).fit(X, y)
        two = ActivePartitioner(lines, 2, random_state=SEED).fit(X, y)
    with clock.part("compare"):
        forced = PartitionedRegressor(clone(two), random_state=SEED).fit(X, y)
    with clock.part("pictures"):
        figure, axes = canvas(2)
        PartitionDisplay.from_estimator(partitioner, X, y, ax=axes[0])
        PartitionDisplay.from_estimator(two, X, y, ax=axes[1])
        axes[0].set_title("what the method finds", loc="left")
        axes[1].set_title("what it draws when two are forced", loc="left")
    return Story(
        title="Diabetes: one law, and no split for the sake of it",
        question=(
            f"Progression of the disease in {len(X)} patients from {X.shape[1]} measurements. A method that always "
            "finds regimes is of no use; does this one know when to stop?"
        ),
        see=(
            f"Left to itself it keeps {many(partitioner.n_partitions_, 'regime')}. Told to use two, cross-validation "
            f"puts the squared error that they save at {_gain(forced)}; the model then works with "
            f"{many(forced.n_partitions_, 'expert')}."
        ),
        short=("Diabetes", str(len(X)), many(partitioner.n_partitions_, "regime"), "one law: nothing to split"),
        facts={
            "Regimes found with straight experts": str(partitioner.n_partitions_),
            "Regimes found with curved experts": str(curved.n_partitions_),
            "Squared error that two forced regimes save (cross-validated)": _gain(forced),
            "Experts in use after that comparison": str(forced.n_partitions_),
        },
        words=_said(partitioner, X, y),
        tables={"The one regime: rows and error": _summary(forced, X, y)[["rows", "share", "rmse"]]},
        figure=figure,
        alt="Patients on the two measurements that the prediction depends on most, and two forced regimes",
    )


def pipe(clock: Clock) -> Story:
    with clock.part("load"):
        X, y, _ = _pipes(400, SEED)
        X_new, y_new, regime_new = _pipes(2000, SEED + 1)
    with clock.part("fit"):
        model = PartitionedRegressor(fallback=False, routing="hard", random_state=SEED).fit(X, y)
    with clock.part("compare"):
        single = BayesianExpert(random_state=SEED).fit(X, y)
        errors = {"one model": _rmse(single, X_new, y_new), "one model per regime": _rmse(model, X_new, y_new)}
        labels = model.apply(X_new)
        agreement = adjusted_rand_score(regime_new, labels)
        majority = pd.Series(regime_new).groupby(labels).transform(lambda regimes: regimes.mode()[0])
        lost = majority.to_numpy() != regime_new
        squares = (model.predict(X_new) - y_new) ** 2
        border = _first_change(model, X_new)
    with clock.part("pictures"):
        figure, ax = canvas(1)
        PartitionDisplay.from_estimator(model, X, y, ax=ax)
        ax.axvline(np.log10(LAMINAR_UNTIL), color="black", ls=":", label="true border")
        legend(ax)
    noise = PIPE_NOISE * float(np.std(y_new))
    return Story(
        title="Flow in a pipe: is the known border found?",
        question=(
            "The friction factor of a pipe follows one law while the flow is laminar and another when it is turbulent. "
            f"The data are computed, with {100 * PIPE_NOISE:.0f} % noise, so the truth is known: {len(X)} rows to "
            f"learn from, {len(X_new)} others to be judged on. Here the experts may be curved."
        ),
        see=(
            f"The border is found at a Reynolds number of {border:.0f} (true: {LAMINAR_UNTIL}), and on new rows one "
            f"model per regime errs by {errors['one model per regime']:.4f} where a single model errs by "
            f"{errors['one model']:.4f}; the noise alone is {noise:.4f}. The "
            f"{100 * lost.mean():.2f} % of rows that are sent to the wrong side of the border make "
            f"{100 * squares[lost].sum() / squares.sum():.0f} % of the squared error."
        ),
        short=(
            "Pipe flow",
            str(len(X)),
            many(model.n_partitions_, "regime"),
            f"agrees with the truth: adjusted Rand index {agreement:.3f}",
        ),
        facts={
            "Regimes found (true: 2)": str(model.n_partitions_),
            "Border found, Reynolds number": f"{border:.0f}",
            "Adjusted Rand index with the true regimes, new rows": f"{agreement:.3f}",
            "New rows sent to the wrong regime": f"{100 * lost.mean():.2f} %",
            "Root mean squared error on new rows, one model": f"{errors['one model']:.4f}",
            "Root mean squared error on new rows, one model per regime": f"{errors['one model per regime']:.4f}",
            "Standard deviation of the noise": f"{noise:.4f}",
        },
        words=_said(model, X, y),
        tables={"Each regime on new rows: rows, error, and where it lies": _summary(model, X_new, y_new)},
        figure=figure,
        alt="Regimes on Reynolds number and roughness, with the true border",
    )


def _pipes(n_samples: int, seed: int) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    X, y, regime = make_pipe_friction(n_samples, noise=PIPE_NOISE, random_state=seed)
    names = ["log10 Reynolds number", "log10 relative roughness"]
    return pd.DataFrame(X, columns=names), pd.Series(y, name="log10 friction factor"), regime


def _first_change(model: PartitionedRegressor, X: pd.DataFrame) -> float:
    """Reynolds number at which the partition changes first, on a pipe of middling roughness; nan when it does not."""
    line = pd.DataFrame(np.tile(X.median().to_numpy(), (2001, 1)), columns=X.columns)
    line.iloc[:, 0] = np.linspace(X.iloc[:, 0].min(), X.iloc[:, 0].max(), len(line))
    changes = np.flatnonzero(np.diff(model.apply(line)))
    return float(10 ** line.iloc[changes[0] : changes[0] + 2, 0].mean()) if len(changes) else float("nan")


def _slope(x: Any, y: Any) -> float:
    return float(np.polyfit(x, y, 1)[0])


def _rmse(model: Any, X: Any, y: Any) -> float:
    return float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))


def _gain(model: PartitionedRegressor) -> str:
    if np.isnan(model.gain_):
        return "not compared, there is one regime"
    return f"{100 * model.gain_:.1f} % ± {100 * model.gain_se_:.1f} %"


def _summary(model: PartitionedRegressor, X: Any, y: Any) -> pd.DataFrame:
    summary = model.partition_summary(X, y).drop(columns=["rule", "coverage", "precision"])
    return summary.assign(share=[f"{100 * share:.1f} %" for share in summary["share"]])


def _said(model: Any, X: Any, y: Any) -> list[str]:
    """The plain words of a partition, a sentence or two about each regime."""
    return str(model.describe(X, y)).splitlines()
