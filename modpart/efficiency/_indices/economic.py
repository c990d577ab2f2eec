"""Cost, revenue and profit efficiency: what a unit would save or gain at given prices."""

from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.parallel import one_thread
from modpart._utils.params import nothing, one_of, validate, workers
from modpart.efficiency._models.additive import Additive
from modpart.efficiency._models.evaluate import evaluate
from modpart.efficiency._models.frontier import Frontier
from modpart.efficiency._units.pairs import Pair, paired
from modpart.exceptions import InputDataError, ParameterError

__all__ = ["economic_efficiency"]

_RULES = {
    "kind": (one_of("cost", "revenue", "profit"),),
    "technology": (one_of("vrs", "crs", "nirs", "ndrs"),),
    "n_jobs": (nothing, workers),
}


def economic_efficiency(
    X: Any,
    Y: Any,
    *,
    kind: str = "cost",
    input_prices: Any = None,
    output_prices: Any = None,
    technology: str = "vrs",
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Cost, revenue or profit efficiency at given prices, and how much of it is due to the mix.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, m)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, s)
        Outputs, >= 0.
    kind : {"cost", "revenue", "profit"}, default="cost"
        Least cost of the outputs, largest revenue from the inputs, or largest profit.
    input_prices, output_prices : array-like of shape (m,) or (n_units, m), (s,) or (n_units, s), or None, default=None
        Prices > 0; those of the inputs for cost and profit, those of the outputs for revenue and profit.
    technology : {"vrs", "crs", "nirs", "ndrs"}, default="vrs"
        As in :class:`DEA`; profit needs "vrs" (otherwise it has no bound).
    n_jobs : int or None, default=None
        Number of workers.

    Returns
    -------
    table : DataFrame of shape (n_units, ...), float64
        Cost and revenue: ``observed``, ``optimal``, ``efficiency`` (optimal over observed cost, observed over optimal
        revenue), ``technical`` (radial efficiency) and ``allocative`` (their ratio). Profit: ``observed``, ``optimal``
        and ``lost``. Then the optimal quantities, ``optimal_<column>``.

    Raises
    ------
    InputDataError
        When tables or prices cannot be used or do not fit one another.
    ParameterError
        When prices are missing, or profit is asked for without "vrs".

    References
    ----------
    M. J. Farrell (1957), J. Royal Statistical Society A 120, 253-290.

    Examples
    --------
    >>> from modpart.efficiency import economic_efficiency
    >>> table = economic_efficiency([[1.0, 4.0], [4.0, 1.0], [4.0, 4.0]], [[1.0]] * 3, input_prices=[1.0, 2.0])
    >>> table[["observed", "optimal", "efficiency"]].round(3).to_numpy().tolist()
    [[9.0, 6.0, 0.667], [6.0, 6.0, 1.0], [12.0, 6.0, 0.5]]
    """
    owner = "economic_efficiency"
    validate(owner, {"kind": kind, "technology": technology, "n_jobs": n_jobs}, _RULES)
    if kind == "profit" and technology != "vrs":
        raise ParameterError(
            f"{owner}: kind='profit' has no bound with technology={technology!r}. Pass technology='vrs'."
        )
    pair = paired(owner, X, Y, cone=technology in ("crs", "ndrs"))
    m, s = pair.X.shape[1], pair.Y.shape[1]
    priced = np.zeros((len(pair.X), m + s))
    if kind != "revenue":
        priced[:, :m] = _prices(owner, "input_prices", input_prices, pair.X)
    if kind != "cost":
        priced[:, m:] = _prices(owner, "output_prices", output_prices, pair.Y)
    frontier = Frontier(pair.technology(technology), "output" if kind == "revenue" else "input", n_jobs=n_jobs)
    units = frontier.own_units()
    model = Additive(priced, np.zeros(priced.shape, dtype=bool), np.asarray(priced.any(axis=0)))
    with one_thread():
        answer = evaluate(model, frontier.technology, units, n_jobs=n_jobs)
        technical = frontier.score(units).efficiency if kind != "profit" else None
    slacks = model.slacks(answer.solution, units, frontier.technology.largest)
    chosen = np.hstack([pair.X, pair.Y]) + np.where(np.arange(m + s) < m, -slacks, slacks)
    return _table(kind, pair, priced, chosen, technical)


def _table(kind: str, pair: Pair, priced: np.ndarray, chosen: np.ndarray, technical: np.ndarray | None) -> pd.DataFrame:
    m = pair.X.shape[1]
    worth = priced * np.where(np.arange(priced.shape[1]) < m, -1.0 if kind == "profit" else 1.0, 1.0)
    observed = (worth * np.hstack([pair.X, pair.Y])).sum(axis=1)
    optimal = (worth * chosen).sum(axis=1)
    table = {"observed": observed, "optimal": optimal}
    if kind == "profit":
        table["lost"] = optimal - observed
    else:
        table["efficiency"] = optimal / observed if kind == "cost" else observed / optimal
        table["technical"] = technical
        table["allocative"] = table["efficiency"] / technical
    for j in np.flatnonzero(priced.any(axis=0)):
        table[f"optimal_{pair.columns.names[j]}"] = chosen[:, j]
    return pd.DataFrame(table, index=pair.index)


def _prices(owner: str, argument: str, given: Any, quantities: np.ndarray) -> np.ndarray:
    if given is None:
        raise ParameterError(f"{owner}: {argument} is missing. Pass one price for each column.")
    try:
        prices = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputDataError(f"{owner}: {argument} cannot be used as numbers: {error}.") from error
    if prices.shape not in (quantities.shape, quantities.shape[1:]):
        raise InputDataError(
            f"{owner}: {argument} has shape {prices.shape}; pass {quantities.shape[1:]}, or {quantities.shape} for "
            "prices of each unit."
        )
    if not (prices > 0.0).all() or not np.isfinite(prices).all():
        raise InputDataError(f"{owner}: {argument} has to hold finite numbers > 0.")
    return np.broadcast_to(prices, quantities.shape)
