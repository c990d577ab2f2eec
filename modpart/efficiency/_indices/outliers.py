"""Units that the frontier hangs on: by how much the others' scores move when one is left out."""

from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.parallel import one_thread, parallel_map
from modpart._utils.params import nothing, one_of, validate, workers
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._units.pairs import paired

__all__ = ["leverage"]

_RULES = {
    "technology": (one_of("vrs", "crs", "nirs", "ndrs"),),
    "orientation": (one_of("input", "output"),),
    "n_jobs": (nothing, workers),
}


def leverage(
    X: Any, Y: Any, *, technology: str = "vrs", orientation: str = "input", n_jobs: int | None = None
) -> pd.DataFrame:
    """How much each unit shapes the scores of the others: candidates for outliers and mistakes in the data.

    A unit with high leverage is the peer of many and far ahead of them. Look at its row before you trust the frontier.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, m)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, s)
        Outputs, >= 0.
    technology : {"vrs", "crs", "nirs", "ndrs"}, default="vrs"
        As in :class:`DEA`.
    orientation : {"input", "output"}, default="input"
        What moves.
    n_jobs : int or None, default=None
        Number of workers.

    Returns
    -------
    table : DataFrame of shape (n_units, 4)
        ``leverage``, root mean square change of the others' efficiency when the unit is left out; ``influenced``, how
        many of them change; ``super_efficiency``, its own score when left out (infinite where nobody compares); and
        ``suspect``, whether the leverage is above its mean plus twice its standard deviation.

    Raises
    ------
    InputDataError
        When the tables cannot be used or do not fit one another.

    Notes
    -----
    Only units on the frontier have leverage, and only those that have them as peers are scored again.

    References
    ----------
    M. C. S. Sousa & B. Stosic (2005), J. Productivity Analysis 24, 157-181, eq. (6). R. D. Banker & H. Chang (2006),
    EJOR 175, 1311-1320.

    Examples
    --------
    >>> from modpart.efficiency import leverage
    >>> x = [[1.0], [2.0], [3.0], [4.0], [2.0]]
    >>> y = [[1.0], [2.0], [3.0], [4.0], [8.0]]
    >>> leverage(x, y, technology="crs")["leverage"].round(3).tolist()
    [0.0, 0.0, 0.0, 0.0, 0.75]
    """
    validate("leverage", {"technology": technology, "orientation": orientation, "n_jobs": n_jobs}, _RULES)
    pair = paired("leverage", X, Y, cone=technology in ("crs", "ndrs"))
    frontier = Frontier(pair.technology(technology), orientation)
    with one_thread():
        scored = frontier.score(frontier.own_units())
        beyond = frontier.score(frontier.own_units(allowed=False))
    n = len(pair.X)
    follows = scored.lambdas.tocsc()
    jobs = []
    for unit in range(n):
        rows = follows.indices[follows.indptr[unit] : follows.indptr[unit + 1]]
        rows = rows[rows != unit]
        if len(rows):
            jobs.append((frontier, unit, rows, scored.efficiency[rows]))
    moved, influenced = np.zeros(n), np.zeros(n, dtype=np.int64)
    for (_, unit, _, _), (total, count) in zip(jobs, parallel_map(_without, jobs, n_jobs=n_jobs), strict=True):
        moved[unit], influenced[unit] = np.sqrt(total / (n - 1)), count
    return pd.DataFrame(
        {
            "leverage": moved,
            "influenced": influenced,
            "super_efficiency": beyond.efficiency,
            "suspect": moved > moved.mean() + 2.0 * moved.std(),
        },
        index=pair.index,
    )


def _without(frontier: Frontier, unit: int, rows: np.ndarray, before: np.ndarray) -> tuple[float, int]:
    """Sum of squared changes, and number of changes, when `unit` is left out."""
    t = frontier.technology
    kept = np.delete(np.arange(len(t)), unit)
    smaller = frontier.of(t.X[kept], t.Y[kept])
    place = np.searchsorted(kept, rows)
    after = smaller.score(smaller.own_units().take(place)).efficiency
    change = np.where(np.isfinite(after), after - before, 0.0)
    return float((change**2).sum()), int((np.abs(change) > 1e-9).sum())
