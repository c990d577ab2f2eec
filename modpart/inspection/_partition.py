"""A partition drawn on the inputs that it divides."""

from typing import Any

import numpy as np

from modpart._utils.optional import optional_import
from modpart._utils.words import percent
from modpart.exceptions import InputDataError, ParameterError
from modpart.inspection._model import FittedPartition
from modpart.inspection._style import color_of, mark_of, new_axes, tidy, tint_of

__all__ = ["PartitionDisplay"]

CURVE_POINTS = 1001
REGION_POINTS = 160  # along each axis
MARGIN = 0.04  # of the range, around the rows of two inputs and around the target
MOST_BORDER_LABELS = 8
LARGEST_MARK = 26.0  # square points
MOST_ROWS_FOR_BEST = 2000  # above, looking for the best place of a legend takes long


class PartitionDisplay:
    """Picture of the partitions of a fitted model.

    Make it with :meth:`from_estimator`. What is drawn depends on the number of inputs that the model has:

    - one: the rows in the colour of their partition, the curve of each expert (solid where it rules, dashed
      elsewhere), and the borders as vertical lines with their place;
    - two: the region of each partition, as the gate draws it, with the rows on top;
    - more: the rows on two inputs. Their other inputs are as they are in the data, so partitions may overlap here that
      the gate keeps apart; the title says so.

    Parameters
    ----------
    values : ndarray of shape (n_samples, 1 or 2)
        The inputs to draw.
    labels : ndarray of shape (n_samples,), int
        Partition of each row.
    n_partitions : int
        Number of partitions, those without a row included.
    feature_names : sequence of str
        Names of the inputs to draw.
    n_features : int
        Number of inputs of the model.
    target : ndarray of shape (n_samples,) or None, default=None
        Heights of the rows where one input is drawn.
    target_name : str, default="y"
        Label of the vertical axis where one input is drawn.
    grid : tuple of ndarray or None, default=None
        Places along each drawn input at which the model was asked; None where other inputs matter too.
    grid_labels : ndarray of shape (n_places,) or (n_second, n_first), int, or None, default=None
        Partition at each place of the grid.
    curves : ndarray of shape (n_places, n_partitions) or None, default=None
        Prediction of every expert at each place of the grid, for a single input.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    scatter_ : list of PathCollection
        The rows, one entry per partition.
    surface_ : QuadMesh or None
        The regions, for two inputs.
    lines_ : list of Line2D
        The experts' curves, for one input: per partition a solid and a dashed one.
    borders_ : ndarray
        Places where the partition changes, for one input; empty otherwise.
    legend_ : matplotlib Legend

    See Also
    --------
    HistoryDisplay : Picture of the competition that led to the partition.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.inspection import PartitionDisplay
    >>> from modpart.partition import ActivePartitioner
    >>> X, y, regime = make_elastoplastic(200, random_state=0)
    >>> partitioner = ActivePartitioner(random_state=0).fit(X, y)
    >>> display = PartitionDisplay.from_estimator(partitioner, X, y)
    >>> display.borders_.round(1).tolist()
    [0.4]
    """

    def __init__(
        self,
        values: np.ndarray,
        labels: np.ndarray,
        *,
        n_partitions: int,
        feature_names: Any,
        n_features: int,
        target: np.ndarray | None = None,
        target_name: str = "y",
        grid: tuple[np.ndarray, ...] | None = None,
        grid_labels: np.ndarray | None = None,
        curves: np.ndarray | None = None,
    ) -> None:
        self.values = values
        self.labels = labels
        self.n_partitions = n_partitions
        self.feature_names = tuple(feature_names)
        self.n_features = n_features
        self.target = target
        self.target_name = target_name
        self.grid: Any = grid
        self.grid_labels: Any = grid_labels
        self.curves: Any = curves

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, features: Any = None, ax: Any = None
    ) -> "PartitionDisplay":
        """Draw the partitions of a fitted model.

        Parameters
        ----------
        estimator : ActivePartitioner, PartitionedRegressor, PartitionedClassifier, or Pipeline that ends in one
            Fitted. Of a pipeline the picture shows the inputs of its last step.
        X : array-like of shape (n_samples, n_features)
            Rows to draw, training rows or others.
        y : array-like of shape (n_samples,) or (n_samples, 1), or None, default=None
            Target, the height of the rows where one input is drawn: a class by its position, and the curves are then
            the probability of the second. None puts them on the curve of their expert.
        features : str, int, a pair of them, or None, default=None
            The inputs to draw, by name or position. None draws all of one or two inputs, and of more the two that tell
            the partitions apart best (that the prediction depends on most, if there is one partition). A single one of
            several inputs is drawn against `y`.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : PartitionDisplay

        Raises
        ------
        NotFittedError
            When `estimator` is not fitted.
        ParameterError
            When `estimator` has no partitions, or `features` are not inputs of it.
        InputDataError
            When X has other columns than in `fit`, or y does not fit X.
        MissingDependencyError
            When matplotlib is not installed.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> from modpart.datasets import make_two_planes
        >>> from modpart.inspection import PartitionDisplay
        >>> from modpart.partition import ActivePartitioner, BayesianExpert
        >>> X, y, regime = make_two_planes(200, random_state=0)
        >>> partitioner = ActivePartitioner(BayesianExpert("linear"), random_state=0).fit(X, y)
        >>> display = PartitionDisplay.from_estimator(partitioner, X)
        >>> display.ax_.get_xlabel(), len(display.scatter_)
        ('x0', 2)
        """
        optional_import("matplotlib", extra="plot", purpose=cls.__name__)
        fitted = FittedPartition(cls.__name__, estimator, X)
        columns = fitted.columns_of(cls.__name__, features)
        count = len(fitted.names)
        target = _checked_target(fitted.heights_of(y), len(fitted.rows))
        if len(columns) < count and len(columns) == 1 and target is None:
            raise ParameterError(f"{cls.__name__}: one of {count} inputs is drawn against the target. Pass y too.")
        grid, grid_labels, curves = None, None, None
        if len(columns) == count:
            grid, grid_labels, curves = _ask_on_grid(fitted, columns)
        target_name = str(getattr(y, "name", None) or next(iter(getattr(y, "columns", ())), "y"))
        if target is None and count == 1:
            target = np.take_along_axis(fitted.curves_at(fitted.rows), fitted.labels[:, None], axis=1)[:, 0]
            target_name = "prediction"
        return cls(
            fitted.rows[:, columns],
            fitted.labels,
            n_partitions=len(fitted.experts),
            feature_names=[fitted.names[j] for j in columns],
            n_features=count,
            target=target,
            target_name=target_name,
            grid=grid,
            grid_labels=grid_labels,
            curves=curves,
        ).plot(ax)

    def plot(self, ax: Any = None) -> "PartitionDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure, with the legend beside the axes instead of inside.

        Returns
        -------
        self : PartitionDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("agg")
        >>> import numpy as np
        >>> from modpart.inspection import PartitionDisplay
        >>> rows, labels = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
        >>> display = PartitionDisplay(rows, labels, n_partitions=2, feature_names="ab", n_features=3)
        >>> display.plot().ax_.get_title(loc="left")
        '2 partitions, seen on 2 of 3 inputs'
        """
        own_figure = ax is None
        self.ax_ = new_axes(type(self).__name__, size=(7.2, 4.2)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self.surface_: Any = None
        self.lines_: list[Any] = []
        self.borders_ = np.empty(0)
        heights = self.values[:, 1] if self.values.shape[1] == 2 else self.target
        if self.curves is not None:
            self._draw_curves(heights)
        elif self.grid is not None:
            self._draw_regions()
        self.scatter_ = [self._draw_rows(k, heights) for k in range(self.n_partitions)]
        self.ax_.set_xlabel(self.feature_names[0])
        self.ax_.set_ylabel(self.feature_names[1] if len(self.feature_names) == 2 else self.target_name)
        self.ax_.set_title(self._title(), loc="left")
        beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "frameon": False}
        inside = {"loc": "best" if len(self.labels) <= MOST_ROWS_FOR_BEST else "upper right", "framealpha": 0.85}
        scale = np.sqrt(LARGEST_MARK / _mark_size(len(self.labels)))
        self.legend_ = self.ax_.legend(markerscale=scale, **(beside if own_figure else inside))
        tidy(self.ax_)
        return self

    def _title(self) -> str:
        words = "one partition" if self.n_partitions == 1 else f"{self.n_partitions} partitions"
        drawn = len(self.feature_names)
        return words if drawn == self.n_features else f"{words}, seen on {drawn} of {self.n_features} inputs"

    def _draw_rows(self, k: int, heights: Any) -> Any:
        rows = self.labels == k
        return self.ax_.scatter(
            self.values[rows, 0],
            heights[rows],
            s=_mark_size(len(self.labels)),
            color=color_of(k),
            marker=mark_of(k),
            linewidths=0.4,
            edgecolors="white",
            alpha=0.85,
            zorder=2,
            label=f"partition {k}: {percent(rows.mean())}",
        )

    def _draw_curves(self, heights: Any) -> None:
        """Curves over the rows, borders below them; the dashed parts may leave the picture."""
        effects = optional_import("matplotlib.patheffects", extra="plot", purpose=type(self).__name__)
        (places,), labels, curves = self.grid, self.grid_labels, self.curves
        ruling = np.take_along_axis(curves, labels[:, None], axis=1)
        for k, curve in enumerate(curves.T):
            inside = np.where(labels == k, curve, np.nan)
            look = {"color": color_of(k), "zorder": 3}
            outline = [effects.withStroke(linewidth=4.5, foreground="white")]
            self.lines_ += self.ax_.plot(places, inside, lw=2.5, path_effects=outline, **look)
            self.lines_ += self.ax_.plot(places, np.where(np.isnan(inside), curve, np.nan), "--", lw=1.2, **look)
        low, high = min(heights.min(), ruling.min()), max(heights.max(), ruling.max())
        room = MARGIN * (high - low) or 1.0
        self.ax_.set_ylim(low - room, high + room)
        changes = np.flatnonzero(np.diff(labels))
        self.borders_ = (places[changes] + places[changes + 1]) / 2
        decimals = max(0, 2 - int(np.floor(np.log10(np.ptp(places) or 1.0))))
        for border in self.borders_:
            self.ax_.axvline(border, color="0.4", lw=1.0, zorder=1)
            if len(self.borders_) <= MOST_BORDER_LABELS:
                self.ax_.annotate(
                    f"{border:.{decimals}f}",
                    (border, 0.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(3, 3),
                    textcoords="offset points",
                    color="0.3",
                    fontsize="small",
                )

    def _draw_regions(self) -> None:
        """One colour per place: contours of label numbers would put partition 1 between 0 and 2."""
        colors = optional_import("matplotlib.colors", extra="plot", purpose=type(self).__name__)
        self.surface_ = self.ax_.pcolormesh(
            *self.grid,
            self.grid_labels,
            cmap=colors.ListedColormap([tint_of(k) for k in range(self.n_partitions)]),
            vmin=-0.5,
            vmax=self.n_partitions - 0.5,
            shading="nearest",
            rasterized=True,
            zorder=0,
        )


def _ask_on_grid(
    fitted: FittedPartition, columns: tuple[int, ...]
) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray | None]:
    """Places along each input, the partition at each of them, and for one input every expert's prediction there."""
    low, high = fitted.rows.min(axis=0), fitted.rows.max(axis=0)
    if len(columns) == 1:
        places = np.linspace(low[0], high[0], CURVE_POINTS)
        curves = fitted.curves_at(places[:, None])
        if curves.ndim > 2:
            raise ParameterError(
                f"PartitionDisplay draws a model of one input with the curve of one output (or of two classes), and "
                f"this one predicts {curves.shape[2]}. Draw a model that was fitted to one column of y, or to two "
                "classes."
            )
        return (places,), fitted.labels_at(places[:, None]), curves
    room = np.where(high > low, MARGIN * (high - low), 1.0)
    axes = tuple(np.linspace(low[j] - room[j], high[j] + room[j], REGION_POINTS) for j in columns)
    asked = np.empty((REGION_POINTS**2, 2))
    for column, places in zip(columns, np.meshgrid(*axes), strict=True):
        asked[:, column] = places.ravel()
    return axes, fitted.labels_at(asked).reshape(REGION_POINTS, REGION_POINTS), None


def _mark_size(n_rows: int) -> float:
    return float(np.clip(10_000 / max(n_rows, 1), 6.0, LARGEST_MARK))


def _checked_target(y: Any, n_samples: int) -> np.ndarray | None:
    if y is None:
        return None
    target = np.asarray(y, dtype=np.float64)
    target = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    if target.shape != (n_samples,) or not np.isfinite(target).all():
        raise InputDataError(
            f"PartitionDisplay: y has shape {target.shape} and must hold one finite number for each of the "
            f"{n_samples} rows of X."
        )
    return target
