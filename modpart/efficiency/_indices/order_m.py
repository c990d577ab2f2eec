"""Partial frontiers, which a few extreme units do not move: order-m and order-alpha, exact and without simulation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from modpart._utils.params import integer, number, one_of, validate
from modpart.efficiency._units.pairs import Pair, paired

__all__ = ["order_alpha", "order_m"]

BLOCK = 1 << 20
ROUNDING = 1e-9


def order_m(
    X: Any, Y: Any, *, m: int = 25, orientation: str = "input", X_ref: Any = None, Y_ref: Any = None
) -> np.ndarray:
    """Expected efficiency against the best of `m` units drawn from those that are at least as good on the other side.

    With growing `m` it falls to the free-disposal-hull score; with a moderate one, outliers hardly move it.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, n_inputs)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, n_outputs)
        Outputs, >= 0.
    m : int >= 1, default=25
        Size of the draw.
    orientation : {"input", "output"}, default="input"
        What moves.
    X_ref, Y_ref : array-like or DataFrame, or None, default=None
        Units that make the frontier; None for those of X and Y themselves.

    Returns
    -------
    scores : ndarray of shape (n_units,), float64
        May be above one (input) or below one (output): better than expected. Infinite, or minus infinite for output,
        where nobody is comparable.

    Raises
    ------
    InputDataError
        When the tables cannot be used or do not fit one another.

    Notes
    -----
    With a_(1) <= ... <= a_(N) the sorted largest input ratios of the N comparable units, the expectation is
    Σ_k a_(k) [((N-k+1)/N)^m - ((N-k)/N)^m]: O(n² (n_inputs + n_outputs)) in blocks, no Monte Carlo.

    References
    ----------
    C. Cazals, J.-P. Florens & L. Simar (2002), J. Econometrics 106, 1-25.

    Examples
    --------
    >>> from modpart.efficiency import order_m
    >>> order_m([[1.0], [2.0], [4.0]], [[1.0], [1.0], [1.0]], m=2).round(3)
    array([1.667, 0.833, 0.417])
    """
    validate("order_m", {"m": m, "orientation": orientation}, {"m": (integer(1),), "orientation": _ORIENTATION})

    def expected(factors: np.ndarray, count: np.ndarray) -> np.ndarray:
        k = np.arange(factors.shape[1])
        least = [np.clip((count[:, None] - j) / count[:, None], 0.0, 1.0) ** m for j in (k, k + 1)]
        return (factors * (least[0] - least[1])).sum(axis=1)

    return _partial("order_m", X, Y, X_ref, Y_ref, orientation, expected)


def order_alpha(
    X: Any, Y: Any, *, alpha: float = 0.95, orientation: str = "input", X_ref: Any = None, Y_ref: Any = None
) -> np.ndarray:
    """Efficiency against the frontier that a share 1 - `alpha` of the comparable units beat.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_units, n_inputs)
        Inputs, >= 0.
    Y : array-like or DataFrame of shape (n_units, n_outputs)
        Outputs, >= 0.
    alpha : float in (0, 1], default=0.95
        1 is the free-disposal-hull score.
    orientation : {"input", "output"}, default="input"
        What moves.
    X_ref, Y_ref : array-like or DataFrame, or None, default=None
        Units that make the frontier; None for those of X and Y themselves.

    Returns
    -------
    scores : ndarray of shape (n_units,), float64
        As in :func:`order_m`.

    Raises
    ------
    InputDataError
        When the tables cannot be used or do not fit one another.

    References
    ----------
    Y. Aragon, A. Daouia & C. Thomas-Agnan (2005), Econometric Theory 21, 358-389.

    Examples
    --------
    >>> from modpart.efficiency import order_alpha
    >>> order_alpha([[1.0], [2.0], [4.0]], [[1.0], [1.0], [1.0]], alpha=0.5)
    array([2. , 1. , 0.5])
    """
    rules = {"alpha": (number(0.0, 1.0, open_low=True),), "orientation": _ORIENTATION}
    validate("order_alpha", {"alpha": alpha, "orientation": orientation}, rules)

    def quantile(factors: np.ndarray, count: np.ndarray) -> np.ndarray:
        if orientation == "input":
            place = np.maximum(np.ceil((1.0 - alpha) * count - ROUNDING).astype(int), 1) - 1
        else:
            place = count - np.maximum(np.ceil(alpha * count - ROUNDING).astype(int), 1)
        return factors[np.arange(len(factors)), place]

    return _partial("order_alpha", X, Y, X_ref, Y_ref, orientation, quantile)


_ORIENTATION = (one_of("input", "output"),)


def _partial(
    owner: str, X: Any, Y: Any, X_ref: Any, Y_ref: Any, orientation: str, summary: Callable[..., np.ndarray]
) -> np.ndarray:
    """Summarise, for each unit, the factors of the comparable reference units, the best first."""
    pair = paired(owner, X, Y)
    outside = X_ref is not None or Y_ref is not None
    reference = paired(owner, X_ref, Y_ref, names=("X_ref", "Y_ref"), like=pair) if outside else pair
    sign = 1.0 if orientation == "input" else -1.0
    scores = np.full(len(pair.X), sign * np.inf)
    height = max(1, BLOCK // len(reference.X))
    for top in range(0, len(pair.X), height):
        rows = slice(top, top + height)
        factors = np.sort(sign * _factors(pair, reference, rows, orientation), axis=1)
        count = np.isfinite(factors).sum(axis=1)
        factors = np.where(np.isfinite(factors), sign * factors, 0.0)
        some = np.flatnonzero(count)
        scores[top + some] = summary(factors[some], count[some])
    return scores


def _factors(pair: Pair, reference: Pair, rows: slice, orientation: str) -> np.ndarray:
    """By what each reference unit would multiply the inputs (or outputs) of each unit, infinite if not comparable.

    Outputs: the least ratio, minus infinite if not comparable.
    """
    x, y = pair.X[rows], pair.Y[rows]
    is_input = orientation == "input"
    moving, fixed = ((x, reference.X), (y, reference.Y)) if is_input else ((y, reference.Y), (x, reference.X))
    never = np.inf if is_input else -np.inf
    factors = np.full((len(x), len(reference.X)), -np.inf if is_input else np.inf)
    for own, theirs in zip(moving[0].T, moving[1].T, strict=True):
        own = own[:, None]
        ratio = np.divide(theirs, own, out=np.full(factors.shape, np.nan), where=own > 0.0)
        if is_input:
            ratio = np.where(
                own > 0.0, ratio, np.where(theirs > 0.0, never, -np.inf)
            )  # a zero can be met by a zero only
            np.maximum(factors, ratio, out=factors)
        else:
            np.minimum(factors, np.where(own > 0.0, ratio, np.inf), out=factors)
    for own, theirs in zip(fixed[0].T, fixed[1].T, strict=True):
        factors[(theirs < own[:, None]) if is_input else (theirs > own[:, None])] = never
    return factors
