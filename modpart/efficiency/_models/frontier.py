"""A frontier and a way to measure the distance to it: what estimator, indices and statistics all ask for scores."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from modpart.efficiency._models.evaluate import evaluate
from modpart.efficiency._models.fdh import fdh_distance
from modpart.efficiency._models.radial import Directional, direction_of
from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._simplex.programs import Solution

__all__ = ["Frontier", "Scored"]


@dataclass(frozen=True)
class Scored:
    """Scores of some units, and what led to them.

    Attributes
    ----------
    scores : ndarray of shape (U,)
        Optimum of the model; ``inf`` or ``-inf`` where it is infeasible.
    efficiency : ndarray of shape (U,)
        The same as "1 is best", nan where that is not defined.
    feasible : ndarray of shape (U,), bool
    lambdas : csr_array of shape (U, n)
    solution : Solution or None
        None for free disposal hulls.
    moved : ndarray of shape (U, m + s + p)
        Inputs and outputs after the move that the score asks for, before any slack.
    """

    scores: np.ndarray
    efficiency: np.ndarray
    feasible: np.ndarray
    lambdas: csr_array
    solution: Solution | None
    moved: np.ndarray


@dataclass(frozen=True)
class Frontier:
    """A technology and a measure of distance.

    Attributes
    ----------
    technology : Technology
    orientation : {"input", "output", "directional", "hyperbolic"}
    measure : str
    discretionary : ndarray of shape (m + s + p,), bool
        Columns that a unit can choose.
    direction : callable or None
        Takes the units and returns their direction, shape (U, m + s + p); for the orientation "directional".
    """

    technology: Technology
    orientation: str = "input"
    measure: str = "radial"
    discretionary: np.ndarray | None = None
    direction: Callable[[Evaluated], np.ndarray] | None = None
    n_jobs: int | None = None

    def returning(self, returns: str) -> "Frontier":
        """The same with other returns to scale."""
        return replace(self, technology=replace(self.technology, returns=returns))

    def units(self, X: np.ndarray, Y: np.ndarray, B: np.ndarray | None = None, *, allowed: bool = True) -> Evaluated:
        """Units that are not among the reference units."""
        B = np.empty((len(X), 0)) if B is None else B
        return Evaluated(X, Y, B, np.full(len(X), -1), allowed)

    def own_units(self, *, allowed: bool = True) -> Evaluated:
        """The reference units themselves."""
        t = self.technology
        return Evaluated(t.X, t.Y, t.B, np.arange(len(t)), allowed)

    def score(self, units: Evaluated) -> Scored:
        """Measure the distance of each unit."""
        return self._move(units)

    def _move(self, units: Evaluated) -> Scored:
        direction = self._direction(units)
        if self.technology.returns == "fdh":
            beta, peer = fdh_distance(self.technology, units, direction)
            solution, feasible = None, peer >= 0
            rows = np.flatnonzero(feasible)
            ones = np.ones(len(rows))
            lambdas = csr_array((ones, (rows, peer[rows])), shape=(len(units), len(self.technology)))
        else:
            answer = evaluate(Directional(direction), self.technology, units, n_jobs=self.n_jobs)
            solution, lambdas, feasible = answer.solution, answer.lambdas, answer.feasible
            beta = np.where(feasible, solution.own[:, 0], -np.inf)
        m, s = units.X.shape[1], units.Y.shape[1]
        sign = np.where((np.arange(direction.shape[1]) < m) | (np.arange(direction.shape[1]) >= m + s), -1.0, 1.0)
        moved = units.values + sign * np.where(feasible, beta, np.nan)[:, None] * direction
        return Scored(*self._as_scores(beta), feasible, lambdas, solution, moved)

    def _as_scores(self, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score and efficiency of a distance."""
        if self.orientation == "input":
            return 1.0 - beta, 1.0 - beta
        if self.orientation == "output":
            with np.errstate(divide="ignore"):
                return 1.0 + beta, np.where(np.isfinite(beta), 1.0 / (1.0 + beta), np.inf)
        return beta, np.where(np.isfinite(beta), 1.0 - beta, np.inf)

    def _direction(self, units: Evaluated) -> np.ndarray:
        width = units.values.shape[1]
        discretionary = np.ones(width, dtype=bool) if self.discretionary is None else self.discretionary
        if self.orientation == "directional" and self.direction is not None:
            return self.direction(units) * discretionary
        return direction_of(self.orientation, units, discretionary)
