"""Solve a model for many units: neighbours together in chunks, chunks side by side, answers in the order of the units."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array

from modpart._utils.parallel import parallel_map
from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, Solution
from modpart.efficiency._simplex.solve import solve

__all__ = ["Answer", "evaluate", "spread"]

CHUNK = 4000
DIRECTIONS = 200


@dataclass(frozen=True)
class Answer:
    """Solutions of one model for all units.

    Attributes
    ----------
    solution : Solution
    lambdas : csr_array of shape (U, n)
        Intensities of the reference units.
    """

    solution: Solution
    lambdas: csr_array

    @property
    def feasible(self) -> np.ndarray:
        """Where there is an optimum."""
        return self.solution.status == OPTIMAL

    @property
    def infeasible(self) -> np.ndarray:
        """Where nothing fulfils the constraints."""
        return self.solution.status == INFEASIBLE


def evaluate(
    model: Any,
    technology: Technology,
    units: Evaluated,
    *,
    extra: np.ndarray | None = None,
    n_jobs: int | None = None,
    basis: np.ndarray | None = None,
    report: Callable[[int], object] | None = None,
) -> Answer:
    """Solve `model` for all units; the same bits for any number of workers."""
    shared, largest = technology.shared_columns(), technology.largest
    working = spread(technology)
    jobs = [
        (
            model.take(rows),
            technology,
            units.take(rows),
            shared,
            largest,
            working,
            None if extra is None else extra[rows],
        )
        for rows in (slice(top, top + CHUNK) for top in range(0, len(units), CHUNK))
    ]
    solution = Solution.joined(parallel_map(_solve, jobs, n_jobs=n_jobs))
    return Answer(solution, _lambdas(solution, model.own, technology, units))


def _solve(model, technology, units, shared, largest, working, extra) -> Solution:
    return solve(model.programs(technology, units, shared, largest, extra), working)


def spread(technology: Technology) -> np.ndarray:
    """Reference units that are best in something, to begin with: most likely peers."""
    rng = np.random.default_rng(0)  # only where the search begins; the answer does not depend on it
    top = technology.largest
    m, s = technology.X.shape[1], technology.Y.shape[1]
    X, Y = technology.X / top[:m], technology.Y / top[m : m + s]
    v, u = (rng.dirichlet(np.full(k, 0.5), DIRECTIONS) for k in (m, s))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.nan_to_num((u @ Y.T) / (v @ X.T), nan=0.0, posinf=0.0)
    found = [ratio.argmax(axis=1), X.argmin(axis=0), Y.argmax(axis=0)]
    if technology.has_convexity_row:
        found += [(u @ Y.T - c * (v @ X.T)).argmax(axis=1) for c in (0.3, 1.0, 3.0)]
    return np.unique(np.concatenate(found))


def _lambdas(solution: Solution, own: int, technology: Technology, units: Evaluated) -> csr_array:
    n_own, n = solution.own.shape[1], len(technology)
    unit, column, value = solution.intensities(n_own)
    abated = column >= n  # columns of abatement and trade-offs are not units
    unit, column, value = unit[~abated], column[~abated], value[~abated]
    kept = np.flatnonzero(units.place >= 0) if units.allowed else np.zeros(0, dtype=np.int64)
    kept = kept[solution.own[kept, own] > 0.0]
    rows = np.concatenate([unit, kept])
    columns = np.concatenate([column, units.place[kept]])
    values = np.concatenate([value, solution.own[kept, own]])
    lambdas = csr_array(coo_array((values, (rows, columns)), shape=(len(units), n)))
    lambdas.sum_duplicates()
    return lambdas
