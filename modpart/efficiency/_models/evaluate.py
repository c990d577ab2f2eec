"""Solve a model for many units: neighbours in one chunk, chunks side by side, answers in the units' order."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from modpart._utils.parallel import parallel_map
from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, Programs, Solution
from modpart.efficiency._simplex.solve import solve

__all__ = ["CHUNK", "Answer", "evaluate", "intensities", "moves", "spread"]

CHUNK = 2000
FEW = 700  # units from which on a sample is solved first
AT_ONCE = 4  # chunks between two reports
MANY = 5000  # units from which on there are two rounds
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
    report: Callable[[str], object] | None = None,
) -> Answer:
    """Solve `model` for all units; the same bits for any number of workers.

    A sample is solved first, and its bases are where its neighbours begin. Of many units a first round tells which lie
    within what the peers known by then make possible; prices need not be compared with those in the second round.
    """
    evaluation = _Evaluation(model, technology, units, extra, n_jobs)
    evaluation.report = report
    solution = evaluation.solution()
    return Answer(solution, intensities(solution, model.own, technology, units))


def moves(model: Any, technology: Technology, units: Evaluated) -> np.ndarray:
    """How far each unit moves, and nothing else; for the many replicates of a bootstrap."""
    return _Evaluation(model, technology, units, None, None).solution().own[:, 0]


class _Evaluation:
    """One model on its way to the answers for many units."""

    def __init__(
        self, model: Any, technology: Technology, units: Evaluated, extra: np.ndarray | None, n_jobs: int | None
    ) -> None:
        self.model, self.technology, self.units, self.extra, self.n_jobs = model, technology, units, extra, n_jobs
        self.report: Callable[[str], object] | None = None
        self.shared, self.largest = technology.shared_columns(), technology.largest

    def programs(self, rows: np.ndarray) -> Programs:
        """The programmes of some units."""
        extra = None if self.extra is None else self.extra[rows]
        units, model = self.units.take(rows), self.model.take(rows)
        return model.programs(self.technology, units, self.shared, self.largest, extra)

    def solution(self) -> Solution:
        """Solve for all units."""
        if not len(self.units):
            programs = self.programs(np.zeros(0, dtype=np.int64))
            return Solution.empty(0, programs.rhs.shape[1], programs.columns.shape[1])
        working, every = spread(self.technology), np.arange(len(self.shared))
        if not self.model.prices_carry_over or len(self.units) < FEW:
            return self._chunks(np.arange(len(self.units)), working, [every], None)
        order = _neighbours_in_a_row(self.technology, self.units)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        sample = order[:: max(2, int(np.sqrt(len(order)) / 6))]
        found = self._chunks(sample, working, [every], None)
        bases = _as_seen_by_others(found, self.model.own, self.units.place[sample])
        working = self._used(bases, working)
        warm = bases[_nearest(self.technology, self.units, sample)][order]
        if not self._tells_the_inner_ones:
            return self._chunks(order, working, [working, every], warm).take(place)
        first = self._chunks(order, working, [working], warm)
        outer = order[(first.own[:, self.model.own] > 0.0) | first.fallback]
        columns = np.union1d(self._used(first.basis, working), np.union1d(outer, every[len(self.technology) :]))
        return self._chunks(order, working, [columns], first.basis).take(place)

    @property
    def _tells_the_inner_ones(self) -> bool:
        """Whether a first round is worth while, and a unit that needs itself not as a peer is of no use to others."""
        units = self.units
        same = units.allowed and units.start is None and np.array_equal(units.place, np.arange(len(self.technology)))
        return same and len(units) >= MANY and not units.B.shape[1]

    def _used(self, bases: np.ndarray, more: np.ndarray) -> np.ndarray:
        """Shared columns that stand in bases, and more."""
        n_own = self.n_own
        return np.union1d(more, np.unique(bases[bases >= n_own]) - n_own)

    @property
    def n_own(self) -> int:
        """Number of the unit's own variables."""
        return self.programs(np.zeros(1, dtype=np.int64)).columns.shape[1]

    def _chunks(
        self, order: np.ndarray, working: np.ndarray, levels: list[np.ndarray], warm: np.ndarray | None
    ) -> Solution:
        """Solve for the units in `order`, neighbours together; each chunk begins with the columns of its own bases."""
        jobs = []
        for top in range(0, len(order), CHUNK):
            rows = order[top : top + CHUNK]
            begin = None if warm is None else warm[top : top + CHUNK]
            near = working if begin is None else self._used(begin, np.zeros(0, dtype=np.int64))
            jobs.append((self._only(rows), near, levels, begin))
        parts: list[Solution] = []
        at_once = len(jobs) if self.report is None else AT_ONCE
        for first in range(0, len(jobs), at_once):
            parts += parallel_map(_solve, jobs[first : first + at_once], n_jobs=self.n_jobs)
            if self.report is not None:
                self.report(f"{sum(len(part.value) for part in parts)} of {len(order)} units")
        return Solution.joined(parts)

    def _only(self, rows: np.ndarray) -> "_Evaluation":
        """The same for some units, for a worker to take along."""
        some = copy(self)
        some.report = None
        some.model, some.units = self.model.take(rows), self.units.take(rows)
        some.extra = None if self.extra is None else self.extra[rows]
        return some


def _solve(evaluation: _Evaluation, working: np.ndarray, levels: list[np.ndarray], warm: np.ndarray | None) -> Solution:
    units = evaluation.units
    programs = evaluation.programs(np.arange(len(units)))
    if warm is not None and not units.allowed:
        own_column = np.where(units.place >= 0, units.place + programs.columns.shape[1], -1)
        warm = np.where((warm == own_column[:, None]).any(axis=1, keepdims=True), -1, warm)
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
