"""Change of productivity between two periods: Malmquist and Malmquist-Luenberger indices."""

from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.parallel import one_thread
from modpart._utils.params import nothing, one_of, validate, workers
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._units.pairs import Pair, paired
from modpart.exceptions import InputDataError

__all__ = ["malmquist", "malmquist_luenberger"]

_RULES = {
    "orientation": (one_of("input", "output"),),
    "frontier": (one_of("adjacent", "global"),),
    "convention": (one_of("progress", "farrell"),),
    "n_jobs": (nothing, workers),
}


def malmquist(
    X0: Any,
    Y0: Any,
    X1: Any,
    Y1: Any,
    *,
    orientation: str = "input",
    frontier: str = "adjacent",
    convention: str = "progress",
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Malmquist index of the change of productivity, and what it is made of.

    A value above one is progress. The frontier of a period is made of all units seen in it; the index is told for units
    seen in both. Units of DataFrames are matched by their index, rows of arrays by their order.

    Parameters
    ----------
    X0, Y0 : array-like or DataFrame of shape (n0, m), (n0, s)
        Inputs and outputs of the first period.
    X1, Y1 : array-like or DataFrame of shape (n1, m), (n1, s)
        Those of the second period.
    orientation : {"input", "output"}, default="input"
        Which distance is taken; under constant returns the index is the same.
    frontier : {"adjacent", "global"}, default="adjacent"
        Measure against both periods in turn (geometric mean), or against one pooled frontier (Pastor & Lovell 2005),
        whose index is circular.
    convention : {"progress", "farrell"}, default="progress"
        Direction of the index: above one for progress; or that of R's Benchmarking, where output distances enter
        uninverted and above one means decline.
    n_jobs : int or None, default=None
        Number of workers.

    Returns
    -------
    index : DataFrame of shape (n_units, 12), float64
        Columns ``malmquist`` = ``efficiency_change`` * ``technical_change``; ``pure_efficiency_change`` *
        ``scale_efficiency_change`` = ``efficiency_change``; ``magnitude`` * ``bias`` = ``technical_change`` (adjacent);
        ``scale_change`` and ``technical_change_vrs`` of Ray & Desli, with ``pure_efficiency_change`` their product is
        the index too; and ``e00``, ``e01``, ``e10``, ``e11``, efficiencies under constant returns with the period of
        the frontier first. Nan where a score across periods is infeasible.

    Raises
    ------
    InputDataError
        When tables cannot be used, do not fit one another, or share no unit.

    References
    ----------
    R. Faere, S. Grosskopf, B. Lindgren & P. Roos (1992), J. Productivity Analysis 3, 85-101. R. Faere, S. Grosskopf,
    M. Norris & Z. Zhang (1994), American Economic Review 84, 66-83. S. C. Ray & E. Desli (1997), same 87, 1033-1039.

    Examples
    --------
    >>> from modpart.efficiency import malmquist
    >>> x0, y0 = [[2.0], [4.0]], [[2.0], [2.0]]
    >>> x1, y1 = [[2.0], [2.0]], [[4.0], [2.0]]
    >>> malmquist(x0, y0, x1, y1)[["malmquist", "efficiency_change", "technical_change"]]
       malmquist  efficiency_change  technical_change
    0        2.0                1.0               2.0
    1        2.0                1.0               2.0
    """
    given = {"orientation": orientation, "frontier": frontier, "convention": convention, "n_jobs": n_jobs}
    validate("malmquist", given, _RULES)
    first = paired("malmquist", X0, Y0, names=("X0", "Y0"), cone=True)
    second = paired("malmquist", X1, Y1, names=("X1", "Y1"), like=first, cone=True)
    index, rows0, rows1 = _matched("malmquist", first, second)
    with one_thread():
        c = _distances(first, second, rows0, rows1, "crs", orientation, frontier, n_jobs)
        v = _distances(first, second, rows0, rows1, "vrs", orientation, frontier, n_jobs)
    if convention == "farrell" and orientation == "output":
        c, v = 1.0 / c, 1.0 / v
    own_c, own_v = (c[0, 0], c[1, 1]), (v[0, 0], v[1, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = c / v
        if frontier == "global":
            index_of, parts = c[2, 1] / c[2, 0], {}
        else:
            index_of = np.sqrt(c[0, 1] / c[0, 0] * c[1, 1] / c[1, 0])
            parts = {
                "magnitude": c[0, 0] / c[1, 0],
                "bias": np.sqrt(c[0, 1] / c[1, 1] / (c[0, 0] / c[1, 0])),
                "technical_change_vrs": np.sqrt(v[0, 1] / v[1, 1] * v[0, 0] / v[1, 0]),
                "scale_change": np.sqrt(scale[0, 1] / scale[0, 0] * scale[1, 1] / scale[1, 0]),
            }
        change = own_c[1] / own_c[0]
        pure = own_v[1] / own_v[0]
        table = {
            "malmquist": index_of,
            "efficiency_change": change,
            "technical_change": index_of / change,
            "pure_efficiency_change": pure,
            "scale_efficiency_change": change / pure,
            **parts,
            "e00": c[0, 0],
            "e01": c[0, 1],
            "e10": c[1, 0],
            "e11": c[1, 1],
        }
    return pd.DataFrame(table, index=index).replace([np.inf, -np.inf], np.nan)


def _matched(owner: str, first: Pair, second: Pair) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    """Names of the units seen in both periods, and their rows in each."""
    for pair, period in ((first, "first"), (second, "second")):
        if pair.index.has_duplicates:
            twice = pair.index[pair.index.duplicated()][0]
            raise InputDataError(
                f"{owner}: unit {twice!r} stands twice in the {period} period. Give each unit one row."
            )
    both = first.index[first.index.isin(second.index)]
    if not len(both):
        raise InputDataError(f"{owner}: no unit is seen in both periods. Give the rows of both the same names.")
    return both, first.index.get_indexer(both), second.index.get_indexer(both)


def _distances(
    first: Pair,
    second: Pair,
    rows0: np.ndarray,
    rows1: np.ndarray,
    returns: str,
    orientation: str,
    frontier: str,
    n_jobs: int | None,
) -> np.ndarray:
    """Efficiency by frontier (first, second, pooled) and period of the unit, shape (3, 2, n)."""
    found = np.full((3, 2, len(rows0)), np.nan)
    pooled = Technology.of(np.vstack([first.X, second.X]), np.vstack([first.Y, second.Y]), returns)
    technologies = [first.technology(returns), second.technology(returns)]
    if frontier == "global":
        technologies.append(pooled)
    for a, technology in enumerate(technologies):
        model = Frontier(technology, orientation, n_jobs=n_jobs)
        for b, (pair, rows) in enumerate(((first, rows0), (second, rows1))):
            inside = a == b or a == 2
            place = rows + (len(first.X) if a == 2 and b == 1 else 0) if inside else np.full(len(rows), -1)
            units = Evaluated(pair.X[rows], pair.Y[rows], np.empty((len(rows), 0)), place, inside)
            scored = model.score(units)
            found[a, b] = np.where(scored.status == 0, scored.efficiency, np.nan)
    return found


def malmquist_luenberger(
    X0: Any, Y0: Any, B0: Any, X1: Any, Y1: Any, B1: Any, *, n_jobs: int | None = None
) -> pd.DataFrame:
    """Change of productivity where bad outputs count: more good and less bad at once is progress.

    Distances go along (good outputs, minus bad outputs) of the unit under constant returns; bad outputs can be cut only
    together with the good ones.

    Parameters
    ----------
    X0, Y0, B0 : array-like or DataFrame of shape (n0, m), (n0, s), (n0, p)
        Inputs, good and bad outputs of the first period.
    X1, Y1, B1 : array-like or DataFrame of shape (n1, m), (n1, s), (n1, p)
        Those of the second period.
    n_jobs : int or None, default=None
        Number of workers.

    Returns
    -------
    index : DataFrame of shape (n_units, 3), float64
        Columns ``malmquist_luenberger`` = ``efficiency_change`` * ``technical_change``; nan where a distance across
        periods is infeasible.

    Raises
    ------
    InputDataError
        When tables cannot be used, do not fit one another, or share no unit.

    References
    ----------
    Y. H. Chung, R. Faere & S. Grosskopf (1997), J. Environmental Management 51, 229-240.

    Examples
    --------
    >>> from modpart.efficiency import malmquist_luenberger
    >>> x, y = [[1.0], [1.0]], [[4.0], [2.0]]
    >>> malmquist_luenberger(x, y, [[2.0], [2.0]], x, y, [[1.0], [1.0]]).round(3)
       malmquist_luenberger  efficiency_change  technical_change
    0                   NaN                1.0               NaN
    1                 1.265                1.0             1.265
    """
    owner = "malmquist_luenberger"
    validate(owner, {"n_jobs": n_jobs}, {"n_jobs": _RULES["n_jobs"]})
    goods = [paired(owner, X0, Y0, names=("X0", "Y0"), cone=True)]
    goods.append(paired(owner, X1, Y1, names=("X1", "Y1"), like=goods[0], cone=True))
    bads = [paired(owner, X0, B0, names=("X0", "B0")), paired(owner, X1, B1, names=("X1", "B1"))]
    index, rows0, rows1 = _matched(owner, goods[0], goods[1])
    m, s, p = goods[0].X.shape[1], goods[0].Y.shape[1], bads[0].Y.shape[1]
    distance = np.full((2, 2, len(index)), np.nan)
    for a in range(2):
        technology = Technology.of(goods[a].X, goods[a].Y, "crs", bads[a].Y)
        model = Frontier(technology, "directional", discretionary=np.arange(m + s + p) >= m, n_jobs=n_jobs)
        for b, rows in enumerate((rows0, rows1)):
            place = rows if a == b else np.full(len(rows), -1)
            units = Evaluated(goods[b].X[rows], goods[b].Y[rows], bads[b].Y[rows], place, a == b)
            with one_thread():
                scored = model.score(units)
            distance[a, b] = np.where(scored.status == 0, scored.scores, np.nan)
    d = 1.0 + distance
    change = d[0, 0] / d[1, 1]
    technical = np.sqrt(d[1, 1] / d[0, 1] * d[1, 0] / d[0, 0])
    return pd.DataFrame(
        {"malmquist_luenberger": change * technical, "efficiency_change": change, "technical_change": technical},
        index=index,
    )
