"""Window analysis: each unit in each period counts as a unit of its own, a few periods at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.parallel import one_thread
from modpart._utils.params import integer, nothing, one_of, validate, where, workers
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.technology import TECHNOLOGIES, Technology
from modpart.efficiency._units.pairs import paired
from modpart.exceptions import ParameterError

__all__ = ["WindowAnalysis", "window_analysis"]

_RULES = {
    "periods": (
        where("a dict {period: (X, Y)} of at least two periods", lambda v: isinstance(v, Mapping) and len(v) > 1),
    ),
    "width": (integer(1),),
    "technology": (one_of(*TECHNOLOGIES),),
    "orientation": (one_of("input", "output"),),
    "n_jobs": (nothing, workers),
}


@dataclass(frozen=True)
class WindowAnalysis:
    """Efficiencies by unit, window and period.

    Parameters
    ----------
    efficiency : Series of float64
        Indexed by unit, window (its first period) and period.

    Examples
    --------
    >>> from modpart.efficiency import window_analysis
    >>> periods = {year: ([[2.0], [3.0]], [[1.0], [2.0 + k]]) for k, year in enumerate([2001, 2002, 2003])}
    >>> window_analysis(periods, width=2, technology="crs").summary()["mean"].round(3).to_dict()
    {0: 0.438, 1: 0.854}
    """

    efficiency: pd.Series

    def table(self, unit: Any) -> pd.DataFrame:
        """Efficiencies of one unit, windows by periods.

        Parameters
        ----------
        unit : label
            Name of the unit.

        Returns
        -------
        table : DataFrame of shape (n_windows, n_periods)
            nan where a period lies outside a window.
        """
        if unit not in self.efficiency.index.get_level_values("unit"):
            raise ParameterError(f"WindowAnalysis: there is no unit {unit!r}.")
        return self.efficiency.xs(unit, level="unit").unstack("period")

    def summary(self) -> pd.DataFrame:
        """Mean and variance of each unit, and its largest differences within a period and over all.

        Returns
        -------
        table : DataFrame
            Columns ``mean``, ``variance``, ``range_in_period`` (stability across windows) and ``range``.
        """
        by_unit = self.efficiency.groupby(level="unit", sort=False)
        within = self.efficiency.groupby(level=["unit", "period"], sort=False)
        apart = (within.max() - within.min()).groupby(level="unit", sort=False).max()
        return pd.DataFrame(
            {
                "mean": by_unit.mean(),
                "variance": by_unit.var(),
                "range_in_period": apart,
                "range": by_unit.max() - by_unit.min(),
            }
        )


def window_analysis(
    periods: Mapping[Any, tuple[Any, Any]],
    *,
    width: int = 3,
    technology: str = "vrs",
    orientation: str = "input",
    n_jobs: int | None = None,
) -> WindowAnalysis:
    """Efficiencies over time in windows of some periods, in which every unit counts once for each period.

    Pooling makes more of few units; where a unit's efficiencies of one period differ between windows, its standing is
    not stable.

    Parameters
    ----------
    periods : dict of period to (X, Y)
        Inputs and outputs of each period, in the order of time. Units of DataFrames are known by their index.
    width : int >= 1, default=3
        Periods in a window, at most as many as there are.
    technology : {"vrs", "crs", "nirs", "ndrs", "fdh"}, default="vrs"
        As in :class:`DEA`.
    orientation : {"input", "output"}, default="input"
        What moves.
    n_jobs : int or None, default=None
        Number of workers.

    Returns
    -------
    result : WindowAnalysis
        Its ``summary()`` tells mean and stability of each unit.

    Raises
    ------
    InputDataError
        When the tables of a period cannot be used or do not fit one another.
    ParameterError
        When `width` is larger than the number of periods.

    References
    ----------
    A. Charnes, C. T. Clark, W. W. Cooper & B. Golany (1985), Annals of Operations Research 2, 95-112.

    Examples
    --------
    >>> from modpart.efficiency import window_analysis
    >>> periods = {year: ([[2.0], [3.0]], [[1.0], [2.0 + k]]) for k, year in enumerate([2001, 2002, 2003])}
    >>> window_analysis(periods, width=2, technology="crs").table(1).round(3).to_numpy().tolist()
    [[0.667, 1.0, nan], [nan, 0.75, 1.0]]
    """
    given = {"periods": periods, "width": width, "technology": technology, "orientation": orientation, "n_jobs": n_jobs}
    validate("window_analysis", given, _RULES)
    if width > len(periods):
        raise ParameterError(f"window_analysis: width={width} is more than the {len(periods)} periods.")
    pairs: list[Any] = []
    for period, tables in periods.items():
        names = (f"X of period {period!r}", f"Y of period {period!r}")
        like = pairs[0] if pairs else None
        pairs.append(paired("window_analysis", *tables, names=names, like=like, cone=technology in ("crs", "ndrs")))
    labels = list(periods)
    parts = []
    for first in range(len(pairs) - width + 1):
        some = pairs[first : first + width]
        pooled = Technology.of(np.vstack([p.X for p in some]), np.vstack([p.Y for p in some]), technology)
        model = Frontier(pooled, orientation, n_jobs=n_jobs)
        with one_thread():
            found = model.score(model.own_units()).efficiency
        units = np.concatenate([p.units for p in some])
        period = np.repeat(labels[first : first + width], [len(p.X) for p in some])
        levels = [units, np.repeat([labels[first]], len(units)), period]
        parts.append(pd.Series(found, index=pd.MultiIndex.from_arrays(levels, names=["unit", "window", "period"])))
    return WindowAnalysis(pd.concat(parts).rename("efficiency"))
