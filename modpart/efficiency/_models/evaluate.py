"""Solve a model for many units: neighbours in one chunk, chunks side by side, answers in the units' order."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array

from modpart._utils.parallel import parallel_map
from modpart.efficiency._models.technology import Evaluated, Technology, hard_zeros
from modpart.efficiency._models.warm import Known, neighbours_in_a_row, samples, spread
from modpart.efficiency._simplex.pricing import best_in_blocks, block_out
from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, Programs, Solution
from modpart.efficiency._simplex.solve import solve
from modpart.efficiency._simplex.tableau import DUAL_TOL

__all__ = ["CHUNK", "Answer", "evaluate", "intensities", "moves"]

CHUNK = 5000  # units solved at once, at most; long numpy calls let threads work side by side
PART = 50_000  # units that a worker is given, at most: each part begins anew
SPLIT = 5e6  # units times columns from which on there is work for two
FEW = 200  # units from which on a sample is solved first
PRICES = 1 << 21  # compared at once
HEAVY = 2e9  # units times columns from which on processes are worth their start: threads wait for each other
MUCH = 4e8  # prices of a sample times columns from which on they are compared with the columns in use alone
MANY = 5000  # units from which on there are two rounds


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
    evaluation.price_zeros(solution)
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
            return self._room()
        working, every = spread(self.technology), np.arange(len(self.shared))
        if not self.model.prices_carry_over or len(self.units) < FEW:
            count = len(self.units)
            pieces = np.array_split(np.arange(count), _count_parts(count, len(every), CHUNK))
            jobs = [(self._only(places), working, [every], None) for places in pieces]
            return Solution.joined(self._solved(_solve, jobs, count))
        return self._in_parts(working, every)

    def _room(self) -> Solution:
        """Room for the answers of all units."""
        programs = self.programs(np.zeros(0, dtype=np.int64))
        return Solution.empty(len(self.units), programs.rhs.shape[1], programs.columns.shape[1])

    def _in_parts(self, working: np.ndarray, every: np.ndarray) -> Solution:
        """Solve each part of the order, a worker's own; then compare the prices of all with what all parts found."""
        order = neighbours_in_a_row(self.technology, self.units)
        parts = np.array_split(order, _count_parts(len(order), len(every), PART))
        taken, again = [self._only(rows) for rows in parts], self._tells_the_inner_ones
        jobs = [(part, working, every, MUCH / len(parts), again) for part in taken]
        found = self._solved(_solve_part, jobs, len(order))
        if again:
            named, n_shared = self.model.own, len(every)
            columns = np.arange(n_shared) >= len(self.technology)
            for rows, first in zip(parts, found, strict=True):
                columns[_shared_in(first.basis, first.own.shape[1], n_shared)] = True
                columns[rows[(first.own[:, named] > 0.0) | first.fallback]] = True
            columns = np.union1d(working, np.flatnonzero(columns))
            checks = [
                (part, first.basis, first.dual, first.fallback, columns)
                for part, first in zip(taken, found, strict=True)
            ]
            for first, better in zip(found, self._in_parallel(_confirm, checks), strict=True):
                for left, solved in better:
                    first.put(left, solved)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return Solution.joined(found).take(place)

    def part(self, working: np.ndarray, every: np.ndarray, much: float, again: bool) -> Solution:
        """Solve samples one after another, each beginning at what is known by then, and the rest last.

        With a second round to come `again`, prices of many units are compared with the columns in use alone.
        """
        known: Known | None = None
        solution, parts = self._room(), samples(len(self.units))
        for sample in parts:
            levels = [working] if again else [working, every]
            if sample is not parts[-1] and len(sample) * len(every) <= much:
                levels = [every]
            for places in np.array_split(sample, -(-len(sample) // CHUNK)):
                begin = None if known is None else known.near(places[0], places[-1])
                solution.put(places, _solve(self._only(places), working, levels, begin))
            if sample is not parts[-1]:
                more = self._known(solution.take(sample), sample, sample)
                known = more if known is None else known.joined(more)
                working = np.union1d(working, _shared_in(known.bases, solution.own.shape[1], len(every)))
        return solution

    def _known(self, found: Solution, place: np.ndarray, rows: np.ndarray) -> Known:
        """What the answers of some units, which stand at `place` of the order, tell others."""
        units = self.units.take(rows)
        zeros = np.asarray(hard_zeros(self.technology, units).any(axis=1))
        return Known.of(found, place, self.model.own, units.place, zeros)

    def price_zeros(self, solution: Solution) -> None:
        """Raise prices of what a unit has nothing of, until units that have some, never its peers, gain nothing."""
        some_zero = np.flatnonzero((self.units.values == 0.0).any(axis=1))
        height = max(1, PRICES // len(self.shared))
        for top in range(0, len(some_zero), height):
            some = some_zero[top : top + height]
            programs = self.programs(some)
            shared, zeros, prices = programs.shared, programs.zeros, solution.dual[some]
            gains = prices @ shared.T
            block_out(gains, np.arange(len(shared)), programs.blocked, -np.inf)
            for row in np.flatnonzero(zeros.any(axis=0)):
                has = np.flatnonzero(shared[:, row])
                if not len(has):
                    continue
                lack = np.maximum((gains[:, has] / np.abs(shared[has, row])).max(axis=1), 0.0)
                lack = np.where(zeros[:, row] & np.isfinite(lack), lack, 0.0)
                more = -np.sign(shared[has[0], row]) * lack
                prices[:, row] += more
                gains += more[:, None] * shared[:, row]
            solution.dual[some] = prices

    @property
    def _tells_the_inner_ones(self) -> bool:
        """Whether a first round is worth while, and a unit that needs itself not as a peer is of no use to others."""
        units = self.units
        same = units.allowed and units.start is None and np.array_equal(units.place, np.arange(len(self.technology)))
        return same and len(units) >= MANY and not units.B.shape[1]

    def _solved(self, work: Callable[..., Solution], jobs: list[tuple[Any, ...]], count: int) -> list[Solution]:
        """Answers of all jobs, with a word whenever one more is there."""
        done = 0

        def tell(part: Solution) -> None:
            nonlocal done
            done += len(part.value)
            if self.report is not None:
                self.report(f"{done} of {count} units")

        return self._in_parallel(work, jobs, tell)

    def _in_parallel(
        self, work: Callable[..., Any], jobs: list[tuple[Any, ...]], tell: Callable[[Any], object] | None = None
    ) -> list[Any]:
        threads = len(self.units) * len(self.shared) < HEAVY
        return parallel_map(work, jobs, n_jobs=self.n_jobs, threads=threads, share=True, tell=tell)

    def _only(self, rows: np.ndarray) -> "_Evaluation":
        """The same for some units, for a worker to take along."""
        some = copy(self)
        some.report = None
        some.model, some.units = self.model.take(rows), self.units.take(rows)
        some.extra = None if self.extra is None else self.extra[rows]
        return some


def _count_parts(count: int, n_columns: int, size: int) -> int:
    """Two parts at least where there is work for two, whatever the number of workers, of which two end together."""
    return 1 if count <= size and count * n_columns < SPLIT else 2 * -(-count // (2 * size))


def _shared_in(bases: np.ndarray, n_own: int, n_shared: int) -> np.ndarray:
    """Numbers of the shared columns that stand in bases, sorted."""
    there = np.zeros(n_shared, dtype=bool)
    there[bases[bases >= n_own] - n_own] = True
    return np.flatnonzero(there)


def _solve_part(evaluation: _Evaluation, working: np.ndarray, every: np.ndarray, much: float, again: bool) -> Solution:
    return evaluation.part(working, every, much, again)


def _solve(evaluation: _Evaluation, working: np.ndarray, levels: list[np.ndarray], known: Known | None) -> Solution:
    units = evaluation.units
    programs = evaluation.programs(np.arange(len(units)))
    if known is None or not len(known):
        return solve(programs, working, levels)
    warm, n_own = known.begin(programs, evaluation.largest), programs.columns.shape[1]
    if not units.allowed:
        own_column = np.where(units.place >= 0, units.place + n_own, -1)
        warm = np.where((warm == own_column[:, None]).any(axis=1, keepdims=True), -1, warm)
    warm = np.where(_uses_barred(programs, warm)[:, None], -1, warm)
    near = _shared_in(warm, n_own, len(programs.shared))
    return solve(programs, near if len(near) else working, levels, warm)


def _uses_barred(programs: Programs, bases: np.ndarray) -> np.ndarray:
    """Where a basis that a neighbour told holds a column that the programme may not use."""
    rows = np.flatnonzero(programs.zeros.any(axis=1))
    found, n_own = np.zeros(len(bases), dtype=bool), programs.columns.shape[1]
    basis = bases[rows]
    there = programs.shared[np.maximum(basis - n_own, 0)] != 0.0
    found[rows] = ((basis >= n_own)[:, :, None] & there & programs.zeros[rows][:, None, :]).any(axis=(1, 2))
    return found


def _confirm(
    evaluation: _Evaluation, basis: np.ndarray, dual: np.ndarray, fallback: np.ndarray, columns: np.ndarray
) -> list[tuple[np.ndarray, Solution]]:
    """Compare the prices of a first round with all columns that may matter; solve again where one gains."""
    better = []
    for first in range(0, len(basis), CHUNK):
        rows = np.arange(first, min(first + CHUNK, len(basis)))
        programs = evaluation.programs(rows)
        gain = best_in_blocks(programs, np.arange(len(rows)), dual[rows], columns)[1]
        left = np.flatnonzero(~(gain <= DUAL_TOL) | fallback[rows])
        near, begin = _shared_in(basis[rows[left]], programs.columns.shape[1], len(programs.shared)), basis[rows[left]]
        better.append((rows[left], solve(programs.take(left), near, [columns], begin)))
    return better


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
