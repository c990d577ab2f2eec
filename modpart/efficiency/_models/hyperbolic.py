"""Hyperbolic (graph) distance: inputs times gamma, outputs divided by gamma (Faere, Grosskopf & Lovell 1985).

1/gamma is convex, so its tangent at the last gamma gives a linear programme whose optimum lies below the true gamma,
and the sequence of these rises to it quadratically (Newton's method).
"""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.technology import Evaluated, Technology, assemble
from modpart.efficiency._simplex.programs import Programs, Solution

__all__ = ["Tangent"]


@dataclass(frozen=True)
class Tangent:
    """Programmes of the least gamma, with 1/gamma replaced by its tangent.

    Attributes
    ----------
    at : ndarray of shape (U,)
        Where the tangent touches.
    discretionary : ndarray of shape (m + s + p,), bool
    """

    at: np.ndarray
    discretionary: np.ndarray
    prices_carry_over = False
    own = 1

    def take(self, rows: slice | np.ndarray) -> "Tangent":
        """The model for some units."""
        return Tangent(self.at[rows], self.discretionary)

    def programs(
        self,
        technology: Technology,
        units: Evaluated,
        shared: np.ndarray,
        largest: np.ndarray,
        extra: np.ndarray | None,
    ) -> Programs:
        """The programmes of these units: -Xλ + g x >= 0, Yλ + g y / g0² >= 2 y / g0, Bλ - g b = 0 (g for gamma)."""
        m, s = units.X.shape[1], units.Y.shape[1]
        column = np.arange(units.values.shape[1])
        is_output = (column >= m) & (column < m + s)
        at = self.at[:, None]
        values = units.values
        moves = np.where(is_output, values / at**2, np.where(column < m, values, -values))
        rhs = np.where(is_output, 2.0 * values / at, 0.0)
        still = np.where(column < m, -values, values)
        return assemble(
            technology,
            units,
            moves=np.where(self.discretionary, moves, 0.0),
            costs=np.ones(len(units)),
            rhs=np.where(self.discretionary, rhs, still),
            move_rows=column < m,
            shared=shared,
            largest=largest,
            extra=extra,
        )

    def distance(self, solution: Solution) -> np.ndarray:
        """The optimal gamma."""
        return solution.own[:, 0]
