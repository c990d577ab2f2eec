"""Solve a model for many units: neighbours in one chunk, chunks side by side, answers in the units' order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from modpart._utils.parallel import parallel_map
from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, Solution
from modpart.efficiency._simplex.solve import solve

__all__ = ["CHUNK", "Answer", "evaluate", "intensities", "spread"]

CHUNK = 2000
FEW = 100
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
) -> Answer:
    """Solve `model` for all units; the same bits for any number of workers."""
    if not len(units):
        return _nothing(model, technology, units)
    common = _Common(technology, technology.shared_columns(), technology.largest)
    order = _neighbours_in_a_row(technology, units)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    working, warm = spread(technology), None
    if model.prices_carry_over and len(units) >= FEW:
        sample = order[:: max(2, int(np.sqrt(len(units)) / 6))]
        found = _solve(
            model.take(sample), common, units.take(sample), working, [common.every], None, _some(extra, sample)
        )
        bases = _as_seen_by_others(found, model.own, units.place[sample])
        n_own = found.own.shape[1]
        working = np.union1d(working, bases[bases >= n_own] - n_own)
        warm = bases[_nearest(technology, units, sample)]
    jobs = []
    for top in range(0, len(units), CHUNK):
        rows = order[top : top + CHUNK]
        begin, near = (None, working) if warm is None else (warm[rows], np.unique(warm[rows]))
        near = working if warm is None else near[near >= n_own] - n_own
        jobs.append(
            (model.take(rows), common, units.take(rows), near, [working, common.every], begin, _some(extra, rows))
        )
    solution = Solution.joined(parallel_map(_solve, jobs, n_jobs=n_jobs)).take(place)
    return Answer(solution, intensities(solution, model.own, technology, units))


@dataclass(frozen=True)
class _Common:
    """What all chunks share."""

    technology: Technology
    shared: np.ndarray
    largest: np.ndarray

    @property
    def every(self) -> np.ndarray:
        return np.arange(len(self.shared))


def _nothing(model: Any, technology: Technology, units: Evaluated) -> Answer:
    """The answer for no units."""
    shared = technology.shared_columns()
    programs = model.programs(technology, units, shared, technology.largest, None)
    empty = Solution.empty(0, programs.rhs.shape[1], programs.columns.shape[1])
    return Answer(empty, csr_array((0, len(technology))))


def _some(extra: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if extra is None else extra[rows]


def _solve(
    model: Any,
    common: _Common,
    units: Evaluated,
    working: np.ndarray,
    levels: list[np.ndarray],
    warm: np.ndarray | None,
    extra: np.ndarray | None,
) -> Solution:
    programs = model.programs(common.technology, units, common.shared, common.largest, extra)
    if warm is not None and not units.allowed:
        n_own = programs.columns.shape[1]
        warm = np.where((warm == units.place[:, None] + n_own).any(axis=1, keepdims=True), -1, warm)
    return solve(programs, working, levels, warm)


def _points(technology: Technology, units: Evaluated) -> np.ndarray:
    """Units as points whose distance tells how likely they share peers: logarithms, for cones without the size."""
    size = np.abs(units.values) / technology.largest
    points = np.log(np.maximum(size, 1e-6))
    return points - points.mean(axis=1, keepdims=True) if technology.returns == "crs" else points


def _neighbours_in_a_row(technology: Technology, units: Evaluated) -> np.ndarray:
    """An order in which neighbours stand together."""
    return cKDTree(_points(technology, units), leafsize=32).indices.astype(np.int64)


def _nearest(technology: Technology, units: Evaluated, sample: np.ndarray) -> np.ndarray:
    """For each unit the closest of the sample."""
    points = _points(technology, units)
    return cKDTree(points[sample]).query(points)[1]


def _as_seen_by_others(found: Solution, own: int, place: np.ndarray) -> np.ndarray:
    """Optimal bases with the unit's own column named as that of a reference unit; -1 first where that cannot be."""
    n_own = found.own.shape[1]
    bases = np.where(found.basis == own, np.where(place >= 0, place + n_own, -1)[:, None], found.basis)
    doubled = (np.diff(np.sort(bases, axis=1), axis=1) == 0).any(axis=1)
    bases[(bases < 0).any(axis=1) | doubled | found.fallback | (found.status != OPTIMAL)] = -1
    return bases


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


def intensities(solution: Solution, own: int, technology: Technology, units: Evaluated) -> csr_array:
    """The intensities of a solution, shape (U, n); the own one counts as that of the unit's place in the reference."""
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
