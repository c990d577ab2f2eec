"""Where a unit moves in the directional distance."""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.technology import Evaluated, Technology

__all__ = ["DIRECTIONS", "Direction"]

DIRECTIONS = ("observed", "ones", "mean", "range")


@dataclass(frozen=True)
class Direction:
    """Savings of inputs and undesirable outputs, and gains of outputs, for a distance of one.

    Attributes
    ----------
    kind : {"observed", "ones", "mean", "range", "given"}
        The unit's own values; one of everything; the means of the reference units; the distance to the best value of
        each column, which takes negative data too (Portela, Thanassoulis & Simpson 2004); the numbers in `values`.
    values, best : ndarray of shape (m + s + p,)
        Given or mean values, and the best value of each column.
    """

    kind: str
    values: np.ndarray
    best: np.ndarray

    @classmethod
    def of(cls, kind: str, technology: Technology, given: np.ndarray | None = None) -> "Direction":
        """The direction by its name, or `given`."""
        columns = np.hstack([technology.X, technology.Y, technology.B])
        best = np.concatenate([technology.X.min(axis=0), technology.Y.max(axis=0), technology.B.min(axis=0)])
        values = np.abs(columns.mean(axis=0)) if given is None else given
        return cls(kind, np.ones_like(values) if kind == "ones" else values, best)

    def __call__(self, units: Evaluated) -> np.ndarray:
        """Directions of some units, shape (U, m + s + p)."""
        values = units.values
        if self.kind == "observed":
            return np.abs(values)
        if self.kind == "range":
            m, s = units.X.shape[1], units.Y.shape[1]
            column = np.arange(values.shape[1])
            better = np.where((column >= m) & (column < m + s), self.best - values, values - self.best)
            return np.maximum(better, 0.0)
        return np.broadcast_to(self.values, values.shape)
