"""Weighted sums of slacks: the additive family, the Russell measures, and economic efficiency.

All maximise Σ w_i s_i subject to Xλ + s⁻ = x, Yλ - s⁺ = y; they differ in the weights (Charnes, Cooper, Golany,
Seiford & Stutz 1985).
"""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.technology import Evaluated, Technology, assemble
from modpart.efficiency._simplex.programs import Programs, Solution

__all__ = ["Additive", "range_bounds", "slack_weights", "slacks_of"]


def slack_weights(
    name: str, technology: Technology, units: Evaluated, given: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the slacks by the name of a measure.

    Parameters
    ----------
    name : {"additive", "mip", "ram", "bam", "russell_input", "russell_output"}
        Of "additive", `given` holds the weights. MIP is one over the unit's own value (Cooper, Park & Pastor 1999), RAM
        one over (m + s) times the range of the column (the same), BAM one over (m + s) times the distance to the best
        value (Cooper, Pastor, Borras, Aparicio & Pastor 2011).

    Returns
    -------
    weights : ndarray of shape (U, m + s)
    fixed : ndarray of shape (U, m + s), bool
        Slacks that have to be zero, where the range or the distance is zero.
    """
    m, s = technology.X.shape[1], technology.Y.shape[1]
    own = np.abs(np.hstack([units.X, units.Y]))
    none = np.zeros(own.shape, dtype=bool)
    if name == "additive":
        weights = np.ones(m + s) if given is None else given
        return np.broadcast_to(weights, own.shape), none
    if name == "mip":
        return _inverse(own), none
    if name in ("russell_input", "russell_output"):
        is_input = np.arange(m + s) < m
        counted = np.full(len(own), m) if name == "russell_input" else (own[:, m:] > 0.0).sum(axis=1)
        weights = _inverse(own * np.maximum(counted, 1)[:, None])
        return np.where(is_input == (name == "russell_input"), weights, 0.0), none
    if name == "ram":
        size = np.broadcast_to(np.ptp(np.hstack([technology.X, technology.Y]), axis=0), own.shape)
    else:
        low, high = range_bounds(technology)
        size = np.hstack([units.X - low, high - units.Y])
    weights = _inverse((m + s) * np.maximum(size, 0.0))
    return weights, size <= 0.0


def range_bounds(technology: Technology) -> tuple[np.ndarray, np.ndarray]:
    """The least of each input and the most of each output."""
    return technology.X.min(axis=0), technology.Y.max(axis=0)


def slacks_of(solution: Solution, units: Evaluated, largest: np.ndarray, first: int) -> np.ndarray:
    """Slacks in units of the data; `first` is the place of the first of them among the unit's own variables."""
    width = units.X.shape[1] + units.Y.shape[1]
    size = np.abs(units.values)
    return solution.own[:, first : first + width] * np.where(size > 0.0, size, largest)[:, :width]


def _inverse(size: np.ndarray) -> np.ndarray:
    """One over a size, zero for zero."""
    return np.divide(1.0, size, out=np.zeros(size.shape), where=size > 0.0)


@dataclass(frozen=True)
class Additive:
    """Programmes of the largest weighted sum of slacks.

    Attributes
    ----------
    weights, fixed : ndarray of shape (U, m + s)
    free : ndarray of shape (m + s,), bool
        Slacks of any sign: quantities that are chosen at a price.
    rhs : ndarray of shape (U, m + s + p) or None
        Right-hand sides where they are not the unit's own values; inputs with a minus.
    """

    weights: np.ndarray
    fixed: np.ndarray
    free: np.ndarray
    rhs: np.ndarray | None = None
    prices_carry_over = False
    own = 0

    def take(self, rows: slice | np.ndarray) -> "Additive":
        """The model for some units."""
        rhs = None if self.rhs is None else self.rhs[rows]
        return Additive(self.weights[rows], self.fixed[rows], self.free, rhs)

    def programs(
        self,
        technology: Technology,
        units: Evaluated,
        shared: np.ndarray,
        largest: np.ndarray,
        extra: np.ndarray | None,
    ) -> Programs:
        """The programmes of these units."""
        cost = -self.weights / np.maximum(self._unit(units), 1e-300)[:, None]
        return assemble(
            technology,
            units,
            slack_cost=cost,
            fixed=self.fixed,
            free_slack=self.free,
            rhs=self.rhs,
            shared=shared,
            largest=largest,
            extra=extra,
        )

    def _unit(self, units: Evaluated) -> np.ndarray:
        """A size of the weighted slacks, by which the objective is divided so that its tolerance means something."""
        size = np.abs(np.hstack([units.X, units.Y]))
        unit = (self.weights * size).max(axis=1)
        return np.where(unit > 0.0, unit, 1.0)

    def total(self, solution: Solution, units: Evaluated) -> np.ndarray:
        """The largest weighted sum of slacks."""
        return -solution.value * self._unit(units)

    def slacks(self, solution: Solution, units: Evaluated, largest: np.ndarray) -> np.ndarray:
        """Slacks in units of the data, shape (U, m + s)."""
        return slacks_of(solution, units, largest, first=1)
