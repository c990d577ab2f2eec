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
    """

    direction: np.ndarray
    prices_carry_over = True  # those of one unit are right for another, up to a factor
    own = 1  # place of the own intensity among the unit's own variables

    def take(self, rows: slice | np.ndarray) -> "Directional":
        """The model for some units."""
        return Directional(self.direction[rows])

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
        return assemble(
            technology,
            units,
            moves=sign * self.direction,
            costs=np.full(len(units), -1.0),
            shared=shared,
            largest=largest,
            extra=extra,
        )

    def distance(self, solution: Solution) -> np.ndarray:
        """The optimal β."""
        return solution.own[:, 0]
