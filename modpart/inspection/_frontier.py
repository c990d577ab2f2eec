"""Pictures of a fitted production frontier."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from modpart._utils.optional import optional_import
from modpart.efficiency import DEA
from modpart.exceptions import ParameterError
from modpart.inspection._frontier_curves import frontier_line, isoquant_line
from modpart.inspection._style import COLORS, new_axes, tidy

__all__ = ["FrontierDisplay"]

KINDS = ("frontier", "isoquant", "scores", "changes", "peers")
NAMED = 30  # more units than this are not named in a picture
LINES = 150


class FrontierDisplay:
    """Pictures of a fitted :class:`~modpart.efficiency.DEA`: frontier, scores, changes of a unit, who learns from whom.

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    dea : DEA
        Fitted.
    kind : {"frontier", "isoquant", "scores", "changes", "peers"}
        What to draw: the frontier of one input and one output; inputs per output of two inputs and one output; a
        histogram of the efficiencies; what one unit is asked to change, in percent; a graph from units to their peers.
    unit : label or None, default=None
        The unit to show (needed for "changes", marked in the others).

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from modpart.datasets import load_bank_branches
    >>> from modpart.efficiency import DEA
    >>> from modpart.inspection import FrontierDisplay
    >>> dea = DEA(outputs=["A", "B", "C"], data_warnings=False).fit(load_bank_branches())
    >>> FrontierDisplay.from_estimator(dea, kind="changes", unit="K5").ax_.get_title(loc="left")
    'K5: efficiency 0.809'
    """

    def __init__(self, dea: Any, kind: str, unit: Any = None) -> None:
        self.dea, self.kind, self.unit = dea, kind, unit

    @classmethod
    def from_estimator(
        cls, estimator: Any, kind: str = "scores", *, unit: Any = None, ax: Any = None
    ) -> "FrontierDisplay":
        """Draw a picture of a fitted frontier.

        Parameters
        ----------
        estimator : DEA
            Fitted.
        kind : {"frontier", "isoquant", "scores", "changes", "peers"}, default="scores"
            As in the class.
        unit : label or None, default=None
            The unit to show.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : FrontierDisplay

        Raises
        ------
        NotFittedError
            When `estimator` is not fitted.
        ParameterError
            When `estimator` is no DEA, the kind is unknown, or it needs other inputs and outputs or a unit.
        MissingDependencyError
            When matplotlib is not installed.

        Examples
        --------
        See :class:`FrontierDisplay`.
        """
        optional_import("matplotlib", extra="plot", purpose=cls.__name__)
        if not isinstance(estimator, DEA):
            raise ParameterError(f"{cls.__name__}: estimator={estimator!r} has no frontier to draw. Pass a fitted DEA.")
        check_is_fitted(estimator)
        if kind not in KINDS:
            raise ParameterError(f"{cls.__name__}: kind={kind!r} must be one of {', '.join(map(repr, KINDS))}.")
        columns = estimator.columns_
        shape = (len(columns.inputs), len(columns.outputs))
        wanted = {"frontier": (1, 1), "isoquant": (2, 1)}.get(kind, shape)
        if shape != wanted or (kind in ("frontier", "isoquant") and len(columns.undesirable)):
            raise ParameterError(
                f"{cls.__name__}: kind={kind!r} needs {wanted[0]} input(s) and {wanted[1]} output, and the model has "
                f"{shape[0]} and {shape[1]}. Draw kind='scores', 'changes' or 'peers' instead."
            )
        if kind == "changes" and unit is None:
            raise ParameterError(f"{cls.__name__}: kind='changes' needs unit=..., the name of the unit to show.")
        return cls(estimator, kind, unit).plot(ax)

    def plot(self, ax: Any = None) -> "FrontierDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        self : FrontierDisplay
        """
        self.ax_ = new_axes(type(self).__name__, size=(7.0, 4.6)) if ax is None else ax
        self.figure_ = self.ax_.figure
        self._shown = None if self.unit is None else self.dea.place_of(self.unit)
        tidy(self.ax_)
        getattr(self, f"_{self.kind}")()
        return self

    # ---- kinds ------------------------------------------------------------------------------------------------
    def _frontier(self) -> None:
        technology = self.dea._frontier.technology
        x, y = technology.X[:, 0], technology.Y[:, 0]
        self.ax_.plot(*frontier_line(technology, 1.08 * x.max()), color="0.3", lw=1.5, label="frontier", zorder=1)
        self._points(x, y)
        if self._shown is not None:
            aim = self.dea.targets_[self._shown]
            self._arrow((x[self._shown], y[self._shown]), (aim[0], aim[1]))
        self.ax_.set_xlim(0.0, 1.08 * x.max())
        self.ax_.set_ylim(min(0.0, 1.08 * y.min()), 1.08 * y.max())
        self.ax_.set_xlabel(str(self.dea.columns_.names[0]))
        self.ax_.set_ylabel(str(self.dea.columns_.names[1]))
        self.ax_.set_title(f"frontier ({self.dea.technology.upper()})", loc="left")
        self.ax_.legend(frameon=False, loc="lower right")

    def _isoquant(self) -> None:
        technology = self.dea._frontier.technology
        y = np.where(technology.Y[:, 0] > 0.0, technology.Y[:, 0], np.nan)
        x1, x2 = technology.X[:, 0] / y, technology.X[:, 1] / y
        ends = 1.08 * np.nanmax(x1), 1.08 * np.nanmax(x2)
        self.ax_.plot(*isoquant_line(x1, x2, *ends), color="0.3", lw=1.5, label="frontier, constant returns", zorder=1)
        self._points(x1, x2)
        if self._shown is not None:
            aim = self.dea.targets_[self._shown]
            self._arrow((x1[self._shown], x2[self._shown]), (aim[0] / aim[2], aim[1] / aim[2]))
        self.ax_.set_xlim(0.0, ends[0])
        self.ax_.set_ylim(0.0, ends[1])
        first, second, output = map(str, self.dea.columns_.names)
        self.ax_.set_xlabel(f"{first} per {output}")
        self.ax_.set_ylabel(f"{second} per {output}")
        self.ax_.set_title("inputs for one unit of output", loc="left")
        self.ax_.legend(frameon=False, loc="upper right")

    def _scores(self) -> None:
        found = self.dea.efficiency_
        found = self.dea.scores_ if np.isnan(found).all() else found
        known = found[np.isfinite(found)]
        self.ax_.hist(known, bins=20, color=COLORS[0], edgecolor="white")
        self.ax_.axvline(known.mean(), color="0.3", lw=1.2, ls="--", label=f"mean {known.mean():.3f}")
        if self._shown is not None:
            at = found[self._shown]
            self.ax_.axvline(at, color=COLORS[5], lw=1.6, label=f"{self.unit} {at:.3f}")
        self.ax_.set_xlabel("score" if found is self.dea.scores_ else "efficiency")
        self.ax_.set_ylabel("units")
        share = self.dea.efficient_.mean()
        self.ax_.set_title(f"{len(found)} units, {100 * share:.0f} % on the frontier", loc="left")
        self.ax_.legend(frameon=False, loc="upper left")

    def _changes(self) -> None:
        table = self.dea.changes(self.unit).iloc[::-1]
        names = [str(name) for name in table.index]
        m = len(self.dea.columns_.inputs)
        colors = [COLORS[1] if self.dea.columns_.names.index(name) < m else COLORS[2] for name in table.index]
        values = table["percent"].fillna(0.0).to_numpy()
        bars = self.ax_.barh(names, values, color=colors)
        self.ax_.bar_label(bars, [f"{value:+.1f} %" if abs(value) > 0.05 else "" for value in values], padding=4)
        self.ax_.axvline(0.0, color="0.3", lw=1.0)
        self.ax_.margins(x=0.3)
        self.ax_.set_xlabel("change asked for, % (inputs orange, outputs green)")
        efficiency = self.dea.efficiency_[self._shown]
        score = self.dea.scores_[self._shown]
        told = f"efficiency {efficiency:.3f}" if np.isfinite(efficiency) else f"score {score:.4g}"
        self.ax_.set_title(f"{self.unit}: {told}", loc="left")

    def _peers(self) -> None:
        dea, ax = self.dea, self.ax_
        lambdas = dea.lambdas_.tocoo()
        edges = [(a, b, w) for a, b, w in zip(*lambdas.coords, lambdas.data, strict=True) if a != b and w > 1e-9]
        if self._shown is not None:
            edges = [edge for edge in edges if self._shown in edge[:2]]
        edges = sorted(edges, key=lambda edge: -edge[2])[:LINES]
        peers = sorted({b for _, b, _ in edges})
        learners = sorted({a for a, _, _ in edges}, key=lambda a: -np.nan_to_num(dea.efficiency_[a]))
        low, high = _spread(len(learners)), _spread(len(peers))
        top = max((w for *_, w in edges), default=1.0)
        for a, b, w in edges:
            ends = low[learners.index(a)], high[peers.index(b)]
            ax.plot([0.0, 1.0], ends, color=COLORS[4], lw=0.3 + 2.7 * w / top, alpha=0.7, zorder=1)
        for x, units, places, side in ((0.0, learners, low, "right"), (1.0, peers, high, "left")):
            ax.scatter(np.full(len(units), x), places, color=COLORS[5 if x == 0.0 else 2], zorder=2)
            if len(units) <= NAMED:
                for unit, place in zip(units, places, strict=True):
                    ax.annotate(
                        str(dea.units_[unit]),
                        (x, place),
                        xytext=(-8 if side == "right" else 8, 0),
                        textcoords="offset points",
                        ha=side,
                        va="center",
                    )
        ax.set_xlim(-0.35, 1.35)
        ax.set_axis_off()
        ax.set_title("inefficient units (left) and their peers (right)", loc="left")

    # ---- pieces -----------------------------------------------------------------------------------------------
    def _points(self, x: np.ndarray, y: np.ndarray) -> None:
        on = self.dea.efficient_
        self.ax_.scatter(x[~on], y[~on], s=26, color=COLORS[5], label="inefficient", zorder=2)
        self.ax_.scatter(x[on], y[on], s=34, color=COLORS[2], marker="s", label="efficient", zorder=3)
        if len(x) <= NAMED:
            for name, *at in zip(self.dea.units_, x, y, strict=True):
                self.ax_.annotate(str(name), at, xytext=(4, 4), textcoords="offset points", fontsize=9)

    def _arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.ax_.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": COLORS[0], "lw": 1.6}, zorder=4)


def _spread(count: int) -> np.ndarray:
    """Heights of some points, the first on top."""
    return np.linspace(1.0, 0.0, count) if count > 1 else np.full(count, 0.5)
