"""A self-organising map drawn on its grid: distances between neighbours, rows per unit, one column after the other."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from modpart._utils.optional import optional_import
from modpart._utils.params import suggest
from modpart.exceptions import ParameterError
from modpart.inspection._style import color_of, new_axes

__all__ = ["SOMDisplay"]

TITLES = {
    "u_matrix": "distance to the neighbours",
    "hits": "rows per unit",
    "clusters": "cluster of each unit",
}
MOST_NUMBERS = 150  # units up to which numbers are written into them


class SOMDisplay:
    """Picture of a fitted map, one cell for each unit: squares or hexagons.

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    values : ndarray of shape (n_units,)
        What the colours stand for.
    positions : ndarray of shape (n_units, 2)
        Horizontal and vertical place of each unit.
    title : str
        What is drawn.
    hexagonal : bool, default=False
        Whether the cells are hexagons.
    labels : ndarray of shape (n_units,), int, or None, default=None
        Cluster of each unit; borders between clusters are drawn when there are fewer clusters than units.
    whole : bool, default=False
        Whether values are whole numbers, written into the cells of small maps.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    cells_ : PolyCollection
        One polygon per unit.
    colorbar_ : Colorbar or None
        None for clusters.

    See Also
    --------
    modpart.efficiency.SOM : The map.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn.datasets import load_iris
    >>> from modpart.efficiency import SOM
    >>> from modpart.inspection import SOMDisplay
    >>> som = SOM((6, 8), random_state=0).fit(load_iris().data)
    >>> len(SOMDisplay.from_estimator(som, kind="hits").cells_.get_paths())
    48
    """

    def __init__(
        self,
        values: np.ndarray,
        positions: np.ndarray,
        title: str,
        *,
        hexagonal: bool = False,
        labels: np.ndarray | None = None,
        whole: bool = False,
    ) -> None:
        self.values = values
        self.positions = positions
        self.title = title
        self.hexagonal = hexagonal
        self.labels = labels
        self.whole = whole

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, kind: str = "u_matrix", feature: Any = None, ax: Any = None
    ) -> "SOMDisplay":
        """Draw a fitted map.

        Parameters
        ----------
        estimator : SOM
            Fitted.
        kind : {"u_matrix", "hits", "clusters", "component"}, default="u_matrix"
            Mean distance to the neighbours on the grid, number of rows, cluster, or the value of one column.
        feature : str or int or None, default=None
            The column of ``kind="component"``, by name or position.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : SOMDisplay

        Raises
        ------
        ParameterError
            When the estimator is no map, or there is no such kind or column.
        """
        if not all(hasattr(type(estimator), name) for name in ("partial_fit", "transform")) or not hasattr(
            estimator, "topology"
        ):
            raise ParameterError(f"SOMDisplay: estimator={estimator!r} is no map. Pass a fitted SOM.")
        check_is_fitted(estimator)
        return cls(
            *_drawn(estimator, kind, feature),
            hexagonal=estimator.topology == "hexagonal",
            labels=estimator.unit_labels_,
            whole=kind in ("hits", "clusters"),
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> "SOMDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : SOMDisplay
        """
        collections = optional_import("matplotlib.collections", extra="plot", purpose=type(self).__name__)
        width, height = np.ptp(self.positions, axis=0) + 1.0
        size = (1.2 + 4.2 * max(width / height, 0.5), 4.6)
        self.ax_ = new_axes(type(self).__name__, size=size) if ax is None else ax
        self.figure_ = self.ax_.figure
        cells = self.positions[:, None] + _outline(self.hexagonal)
        self.cells_ = collections.PolyCollection(cells, edgecolors="white", linewidths=0.6)
        self.colorbar_ = None
        if self.title == TITLES["clusters"]:
            self.cells_.set_facecolor([color_of(int(k)) for k in self.values])
            self.cells_.set_alpha(0.75)
        else:
            self.cells_.set_array(self.values)
            self.cells_.set_cmap("cividis")
            self.colorbar_ = self.figure_.colorbar(self.cells_, ax=self.ax_, shrink=0.8)
        self.ax_.add_collection(self.cells_)
        self._write_numbers()
        self._draw_borders(collections)
        self.ax_.set_aspect("equal")
        self.ax_.autoscale_view()
        self.ax_.invert_yaxis()
        self.ax_.set_axis_off()
        self.ax_.set_title(self.title, loc="left")
        return self

    def _write_numbers(self) -> None:
        if not self.whole or len(self.values) > MOST_NUMBERS:
            return
        middle = (self.values.max() + self.values.min()) / 2
        for (x, y), value in zip(self.positions, self.values, strict=True):
            dark = self.colorbar_ is not None and value <= middle
            self.ax_.text(x, y, f"{value:g}", ha="center", va="center", size="small", color="w" if dark else "k")

    def _draw_borders(self, collections: Any) -> None:
        """Lines between neighbouring units of different clusters."""
        if self.labels is None or len(np.unique(self.labels)) in (1, len(self.labels)):
            return
        corners = np.round(self.positions[:, None] + _outline(self.hexagonal), 6)
        owners: dict[Any, list[int]] = {}
        for unit, outline in enumerate(corners):
            for first, second in zip(outline, np.roll(outline, -1, axis=0), strict=True):
                owners.setdefault(tuple(sorted((tuple(first.tolist()), tuple(second.tolist())))), []).append(unit)
        lines = [side for side, units in owners.items() if len({int(self.labels[unit]) for unit in units}) > 1]
        self.ax_.add_collection(collections.LineCollection(lines, colors="#D55E00", linewidths=2.2, capstyle="round"))


def _drawn(som: Any, kind: str, feature: Any) -> tuple[np.ndarray, np.ndarray, str]:
    """Values, places and title of a kind of picture."""
    if kind == "component":
        column, name = _column(som, feature)
        return som.cluster_centers_[:, column], som.positions_, name
    values = {"u_matrix": som.u_matrix_, "hits": som.hits_, "clusters": som.unit_labels_}
    if kind not in values:
        raise ParameterError(f"SOMDisplay: kind={kind!r} is not valid. {suggest(str(kind), [*values, 'component'])}")
    return np.asarray(values[kind]).ravel(), som.positions_, TITLES[kind]


def _column(som: Any, feature: Any) -> tuple[int, str]:
    names = [str(name) for name in getattr(som, "feature_names_in_", [])]
    if isinstance(feature, str) and feature in names:
        return names.index(feature), feature
    if isinstance(feature, int | np.integer) and -som.n_features_in_ <= feature < som.n_features_in_:
        position = int(feature) % som.n_features_in_
        return position, names[position] if names else f"column {position}"
    known = suggest(str(feature), names) if names else f"Pass a position from 0 to {som.n_features_in_ - 1}."
    raise ParameterError(f"SOMDisplay: feature={feature!r} is no column of the map. {known}")


def _outline(hexagonal: bool) -> np.ndarray:
    """Corners of a cell around its middle."""
    if not hexagonal:
        return np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    angles = np.pi / 3 * np.arange(6) + np.pi / 2
    return np.column_stack([np.cos(angles), np.sin(angles)]) / np.sqrt(3.0)
