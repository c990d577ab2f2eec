"""What explains inefficiency: truncated regression of distances on the environment, with bootstrap intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from modpart._utils.parallel import one_thread, parallel_map
from modpart._utils.params import integer, nothing, number, one_of, validate, workers
from modpart._utils.seeds import check_rng, child_seeds
from modpart.efficiency._indices.smoothing import pseudo_units
from modpart.efficiency._indices.truncated import draw_positive, truncated_regression
from modpart.efficiency._models.frontier import EFFICIENT, Frontier
from modpart.efficiency._units.pairs import paired
from modpart.exceptions import InputDataError

__all__ = ["EnvironmentEffects", "environment_effects"]

ROUNDS = 25  # replicates that are handed to a worker at a time
AT_ONCE = 1 << 20  # numbers in the regressions solved together

_RULES = {
    "technology": (one_of("vrs", "crs", "nirs", "ndrs"),),
    "orientation": (one_of("input", "output"),),
    "algorithm": (integer(1, 2),),
    "n_bootstrap": (integer(10),),
    "n_correction": (integer(10),),
    "alpha": (number(0.0, 1.0, open_low=True, open_high=True),),
    "n_jobs": (nothing, workers),
}


@dataclass(frozen=True)
class EnvironmentEffects:
    """How much each variable of the environment adds to the distance from the frontier.

    Parameters
    ----------
    table : DataFrame of shape (k + 2, 4), float64
        ``coefficient``, ``sd``, ``low`` and ``high`` for each column of the environment, ``intercept`` and ``sigma``. A
        positive coefficient means less efficient.
    distances : Series of shape (n_units,), float64
        δ >= 1 of each unit, which was explained; less its bias with algorithm 2.
    n_used : int
        Units beyond δ = 1, on which the regression rests.
    replicates : ndarray of shape (n_bootstrap, k + 2), float64
        The numbers of each replicate, nan where it had no solution.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.efficiency import environment_effects
    >>> rng = np.random.default_rng(0)
    >>> x, z = rng.uniform(1, 10, 60), rng.normal(size=60)
    >>> y = np.sqrt(x) / (1 + np.abs(0.3 + 0.3 * z + rng.normal(0, 0.1, 60)))
    >>> effects = environment_effects(x, y, z, orientation="output", n_bootstrap=50, random_state=0)
    >>> bool(effects.table.loc["z0", "low"] > 0)
    True
    """

    table: pd.DataFrame
    distances: pd.Series
    n_used: int
    replicates: np.ndarray


def environment_effects(
    X: Any,
    Y: Any,
    Z: Any,
    *,
    technology: str = "vrs",
    orientation: str = "input",
    algorithm: int = 1,
    n_bootstrap: int = 2000,
    n_correction: int = 100,
    alpha: float = 0.05,
    random_state: Any = None,
    n_jobs: int | None = None,
) -> EnvironmentEffects:
    """Explain inefficiency by the environment: the two-stage procedure of Simar and Wilson.

    Distances δ = 1/θ or φ, estimated by DEA, are regressed on variables that a unit cannot choose, by maximum
    likelihood for a normal law that is cut off at 1. Ordinary or censored regression of scores gets intervals wrong,
    since scores depend on one another and are biased; here they come from a bootstrap of the regression, and algorithm
    2 corrects the bias of the distances first. Assumes that the environment moves efficiency, not the frontier itself.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, m)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, s)
        Outputs, >= 0.
    Z : array-like or DataFrame of shape (n_units, k) or (n_units,)
        Variables of the environment, any numbers; an intercept is added.
    technology : {"vrs", "crs", "nirs", "ndrs"}, default="vrs"
        As in :class:`DEA`.
    orientation : {"input", "output"}, default="input"
        What moves.
    algorithm : {1, 2}, default=1
        1 takes the distances as they are, without those of 1; 2 subtracts a bootstrap estimate of their bias, which
        takes `n_correction` times as many linear programmes.
    n_bootstrap : int >= 10, default=2000
        Replicates of the regression.
    n_correction : int >= 10, default=100
        Replicates of the distances in algorithm 2.
    alpha : float in (0, 1), default=0.05
        One minus the level of the intervals.
    random_state : int, Generator, RandomState or None, default=None
        Seeds the draws.
    n_jobs : int or None, default=None
        Number of workers for algorithm 2; the same bits for any.

    Returns
    -------
    effects : EnvironmentEffects

    Raises
    ------
    InputDataError
        When tables cannot be used, columns of Z are constant or make up one another, too few units are inefficient, or
        the regression has no solution.

    Notes
    -----
    Intervals are basic ones: coefficient minus quantiles of (replicate - coefficient). The regressions of all
    replicates are solved together by Newton's method, n k² each step. Replicates without a solution are left out.

    References
    ----------
    L. Simar & P. W. Wilson (2007), J. Econometrics 136, 31-64, algorithms 1 and 2.

    Examples
    --------
    See :class:`EnvironmentEffects`.
    """
    given = {"technology": technology, "orientation": orientation, "algorithm": algorithm, "n_bootstrap": n_bootstrap}
    validate(
        "environment_effects",
        given | {"n_correction": n_correction, "alpha": alpha, "n_jobs": n_jobs},
        _RULES,
    )
    rng = check_rng(random_state)
    pair = paired("environment_effects", X, Y, cone=technology in ("crs", "ndrs"))
    environment, names = _environment(Z, len(pair.X))
    frontier = Frontier(pair.technology(technology), orientation)
    with one_thread():
        delta = 1.0 / frontier.score(frontier.own_units()).efficiency
        used = delta > 1.0 + EFFICIENT
        found = _explained(environment[used], delta[used])
        if algorithm == 2:  # steps 3 and 4: pseudo units in the same environment
            sizes = [min(ROUNDS, n_correction - first) for first in range(0, n_correction, ROUNDS)]
            seeds = child_seeds(rng, len(sizes))
            jobs = [(frontier, delta, environment, found, *job) for job in zip(sizes, seeds, strict=True)]
            delta = 2.0 * delta - np.concatenate(parallel_map(_again, jobs, n_jobs=n_jobs)).mean(axis=0)
            used = delta > 1.0 + EFFICIENT
            found = _explained(environment[used], delta[used])
        replicates = _replicates(environment[used], found, n_bootstrap, rng)
    known = replicates[np.isfinite(replicates[:, -1])]
    if len(known) < n_bootstrap / 2:
        raise InputDataError(
            f"environment_effects: {n_bootstrap - len(known)} of {n_bootstrap} replicates have no solution, so there "
            "is no interval. Add units, or drop columns of Z."
        )
    low, high = np.quantile(known, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
    told = {"coefficient": found, "sd": known.std(axis=0, ddof=1), "low": 2.0 * found - high, "high": 2.0 * found - low}
    table = pd.DataFrame(told, index=[*names, "intercept", "sigma"])
    return EnvironmentEffects(table, pd.Series(delta, pair.index, name="distance"), int(used.sum()), replicates)


def _environment(Z: Any, n: int) -> tuple[np.ndarray, list[Any]]:
    """Columns of Z and one of ones, and the names of the former."""
    owner = "environment_effects"
    table = Z.to_frame() if isinstance(Z, pd.Series) else Z
    table = np.asarray(table)[:, None] if np.ndim(table) == 1 else table
    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame(np.asarray(table)).rename(columns=lambda column: f"z{column}")
    try:
        values = table.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputDataError(f"{owner}: Z must hold numbers; encode categories first. {error}") from error
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise InputDataError(f"{owner}: column {table.columns[bad[0, 1]]!r} of Z has no number in row {bad[0, 0]}.")
    if len(values) != n:
        raise InputDataError(f"{owner}: Z has {len(values)} rows and X has {n}. Pass one row of each for a unit.")
    wide = np.column_stack([values, np.ones(n)])
    size = np.linalg.norm(wide, axis=0)
    if np.linalg.matrix_rank(wide / np.where(size > 0.0, size, 1.0)) < wide.shape[1]:
        raise InputDataError(f"{owner}: a column of Z is constant, or others make it up. Drop it.")
    return wide, list(table.columns)


def _explained(environment: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Coefficients, intercept and standard deviation."""
    n, k = environment.shape
    if n <= k + 1:
        raise InputDataError(
            f"environment_effects: {n} units are inefficient, too few for {k + 1} numbers. Add units, or drop columns."
        )
    beta, sigma = truncated_regression(environment, delta[None] - 1.0)
    if not np.isfinite(sigma[0]):
        raise InputDataError(
            "environment_effects: the truncated regression has no solution, since distances thin out from 1 on no "
            "faster than exponentially. Look for outliers, or drop columns of Z."
        )
    return np.concatenate([beta[0, :-1], beta[0, -1:] + 1.0, sigma])


def _mean(environment: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Mean of δ - 1 before it is cut off."""
    return np.asarray(environment @ found[:-1] - 1.0)


def _again(
    frontier: Frontier, delta: np.ndarray, environment: np.ndarray, found: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Distances of the units to `count` frontiers of pseudo units, shape (count, n)."""
    drawn = 1.0 + draw_positive(_mean(environment, found), found[-1], np.random.default_rng(seed), count)
    return np.array(
        [1.0 / pseudo.efficiencies(units) for pseudo, units in (pseudo_units(frontier, delta, d) for d in drawn)]
    )


def _replicates(environment: np.ndarray, found: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    rows, height = [], max(1, AT_ONCE // environment.size)
    for first in range(0, count, height):
        drawn = draw_positive(_mean(environment, found), found[-1], rng, min(height, count - first))
        beta, sigma = truncated_regression(environment, np.maximum(drawn, 1e-12))
        beta[:, -1] += 1.0
        rows.append(np.column_stack([beta, sigma]))
    return np.concatenate(rows)
