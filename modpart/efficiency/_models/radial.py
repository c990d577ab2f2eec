"""Radial and directional distance: how far a unit can move along a direction before it meets the frontier.

One programme serves all: maximise β subject to Xλ <= x - β g_x, Yλ >= y + β g_y, Bλ = b - β g_b. With g = (x, 0) the
input score is θ = 1 - β, with g = (0, y) the output score is φ = 1 + β.
"""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.technology import Evaluated, Technology, assemble
from modpart.efficiency._simplex.programs import Programs, Solution

__all__ = ["Directional", "direction_of"]


def direction_of(orientation: str, units: Evaluated, discretionary: np.ndarray) -> np.ndarray:
    """The radial direction: all inputs, or all outputs, that the unit can choose.

    Parameters
    ----------
    orientation : {"input", "output", "directional"}
        The last one stands for the unit's own inputs and outputs at once.
    units : Evaluated
    discretionary : ndarray of shape (m + s + p,), bool

    Returns
    -------
    direction : ndarray of shape (U, m + s + p)
        How much of each input and undesirable output is saved, and of each output gained, for β = 1.
    """
    m, s = units.X.shape[1], units.Y.shape[1]
    column = np.arange(len(discretionary))
    moved = {"input": column < m, "output": (column >= m) & (column < m + s), "directional": column >= 0}[orientation]
    return np.abs(units.values) * (moved & discretionary)


@dataclass(frozen=True)
class Directional:
    """Programmes of the directional distance.

    Attributes
    ----------
    direction : ndarray of shape (U, m + s + p)
        For the units in the order in which they are given.
    bounds : ndarray of shape (2, m + s) or None
        Least and largest weight of each input and output, where the unit's weighted direction is 1. A least weight pays
        for slack, a largest one sells what is lacking.
    """

    direction: np.ndarray
    bounds: np.ndarray | None = None
    own = 1  # place of the own intensity among the unit's own variables

    @property
    def prices_carry_over(self) -> bool:
        """Whether those of one unit are right for another, up to a factor."""
        return self.bounds is None

    def take(self, rows: slice | np.ndarray) -> "Directional":
        """The model for some units."""
        return Directional(self.direction[rows], self.bounds)

    def programs(
        self,
        technology: Technology,
        units: Evaluated,
        shared: np.ndarray,
        largest: np.ndarray,
        extra: np.ndarray | None,
    ) -> Programs:
        """The programmes of these units."""
        m, s = units.X.shape[1], units.Y.shape[1]
        sign = np.where(np.arange(self.direction.shape[1]) < m + s, -1.0, 1.0)
        slack_cost = extra_cost = None
        if self.bounds is not None:
            low, high = self.bounds
            slack_cost = np.broadcast_to(-low, (len(units), m + s))
            bounded = np.flatnonzero(np.isfinite(high))
            size = self._size(units, largest)[:, bounded]
            lacking = np.zeros((len(units), len(bounded), self.direction.shape[1]))
            lacking[:, np.arange(len(bounded)), bounded] = size
            extra_cost = high[bounded] * size
            if extra is not None:
                extra_cost = np.hstack([np.zeros(extra.shape[:2]), extra_cost])
                lacking = np.concatenate([extra, lacking], axis=1)
            extra = lacking
        return assemble(
            technology,
            units,
            moves=sign * self.direction,
            costs=np.full(len(units), -1.0),
            slack_cost=slack_cost,
            shared=shared,
            largest=largest,
            extra=extra,
            extra_cost=extra_cost,
        )

    def distance(self, solution: Solution) -> np.ndarray:
        """The optimal β; with bounded weights what the slack pays is added, and what is lacking subtracted."""
        return solution.own[:, 0] if self.bounds is None else -solution.value

    def slacks(self, solution: Solution, units: Evaluated, largest: np.ndarray) -> np.ndarray:
        """Slack of each input and output after the move, less what is lacking, in units of the data."""
        width = units.X.shape[1] + units.Y.shape[1]
        slacks = solution.own[:, 2 : 2 + width].copy()
        if self.bounds is not None:
            bounded = np.flatnonzero(np.isfinite(self.bounds[1]))
            slacks[:, bounded] -= solution.own[:, solution.own.shape[1] - len(bounded) :]
        return slacks * self._size(units, largest)[:, :width]

    @staticmethod
    def _size(units: Evaluated, largest: np.ndarray) -> np.ndarray:
        """Size of each value of a unit, that of the column where it has none."""
        return np.where(units.values == 0.0, largest, np.abs(units.values))
