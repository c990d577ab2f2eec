"""Free disposal hull: the best single unit, in closed form (Deprins, Simar & Tulkens 1984; Tulkens 1993)."""

import numpy as np

from modpart.efficiency._models.technology import Evaluated, Technology

__all__ = ["fdh_additive", "fdh_distance"]

BLOCK = 1 << 20


def fdh_distance(technology: Technology, units: Evaluated, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest β for which some reference unit does as well as x - β g_x, y + β g_y.

    Returns
    -------
    beta : ndarray of shape (U,)
        ``-inf`` where no reference unit comes into question.
    peer : ndarray of shape (U,), int64
        The reference unit that shows it, -1 for none; the first of several.
    """
    gained, needed = _signed(technology, units)
    beta, peer = np.full(len(units), -np.inf), np.full(len(units), -1)
    for rows in _blocks(len(units), len(technology)):
        least = np.full((rows.stop - rows.start, len(technology)), np.inf)
        for k in range(needed.shape[1]):
            surplus = gained[:, k] - needed[rows, k, None]
            g = direction[rows, k, None]
            with np.errstate(divide="ignore", invalid="ignore"):
                room = np.where(g > 0.0, surplus / g, np.where(surplus >= 0.0, np.inf, -np.inf))
            np.minimum(least, room, out=least)
        _bar(least, units, rows)
        peer[rows] = least.argmax(axis=1)
        beta[rows] = least[np.arange(len(least)), peer[rows]]
    return beta, np.where(np.isfinite(beta), peer, -1)


def fdh_additive(
    technology: Technology, units: Evaluated, weights: np.ndarray, fixed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The largest weighted sum of slacks to a single unit that is at least as good in everything.

    Returns
    -------
    value : ndarray of shape (U,)
        ``-inf`` where no reference unit comes into question.
    peer : ndarray of shape (U,), int64
    """
    gained, needed = _signed(technology, units)
    value, peer = np.full(len(units), -np.inf), np.full(len(units), -1)
    for rows in _blocks(len(units), len(technology)):
        total = np.zeros((rows.stop - rows.start, len(technology)))
        for k in range(needed.shape[1]):
            surplus = gained[:, k] - needed[rows, k, None]
            total += weights[rows, k, None] * surplus
            total[(surplus < 0.0) | (fixed[rows, k, None] & (surplus > 0.0))] = -np.inf
        _bar(total, units, rows)
        peer[rows] = total.argmax(axis=1)
        value[rows] = total[np.arange(len(total)), peer[rows]]
    return value, np.where(np.isfinite(value), peer, -1)


def _signed(technology: Technology, units: Evaluated) -> tuple[np.ndarray, np.ndarray]:
    """Reference and evaluated units as columns of which more is better."""
    return (
        np.hstack([-technology.X, technology.Y, -technology.B]),
        np.hstack([-units.X, units.Y, -units.B]),
    )


def _blocks(n_units: int, n_reference: int) -> list[slice]:
    height = max(1, BLOCK // n_reference)
    return [slice(top, min(top + height, n_units)) for top in range(0, n_units, height)]


def _bar(values: np.ndarray, units: Evaluated, rows: slice) -> None:
    """Take a unit out of its own peers where it may not be one."""
    if not units.allowed:
        place = units.place[rows]
        own = np.flatnonzero(place >= 0)
        values[own, place[own]] = -np.inf
