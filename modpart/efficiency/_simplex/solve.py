"""Column generation: programmes take steps in a small working set until no column at all gains anything.

Programmes begin at a basis that is feasible (primal steps), or at the optimal basis of a neighbour (dual steps, where
the prices of a neighbour remain right). A programme is finished when it is feasible for its true right-hand side and no
candidate column has a gain, both judged with a freshly computed inverse. What does not get there goes to HiGHS.
"""

from collections.abc import Callable, Sequence

import numpy as np

from modpart.efficiency._simplex.highs import solve_with_highs
from modpart.efficiency._simplex.pricing import WorkingSet, best_in_blocks, block_out
from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, Programs, Solution
from modpart.efficiency._simplex.tableau import DUAL_TOL, PIVOT_TOL, Tableau

__all__ = ["solve"]

MOST_STEPS = 400
MOST_ROUNDS = 60
MOST_DUAL_STEPS = 60
GAP = 1e-9
RESIDUAL = 1e-7  # of a row, beyond which the basis was too close to singular
TIE = 1e-13  # gains that differ by less are taken for equal
BLOCK = 1 << 17  # numbers in a block that stays in the processor's cache
DROP = 8  # finished programmes are taken out of the tableau when they are one in so many


def solve(
    programs: Programs, working: np.ndarray, levels: Sequence[np.ndarray], warm: np.ndarray | None = None
) -> Solution:
    """Solve all programmes of a batch.

    Parameters
    ----------
    programs : Programs
    working : ndarray of int
        Shared columns to begin with.
    levels : sequence of ndarray of int
        Shared columns to look through, sorted, the most likely ones first; the last of them holds all that may matter.
    warm : ndarray of shape (U, R) or None
        Bases of neighbours to begin at; a row that begins with -1 stands for none.

    Returns
    -------
    solution : Solution
    """
    run = _Run(programs, WorkingSet(programs.shared, working), levels)
    cold = np.arange(len(programs))
    if warm is not None:
        cold = run.from_neighbours(warm)
    run.from_start(cold)
    for unit in sorted(run.failed):
        solve_with_highs(programs, unit, run.solution)
    return run.solution


class _Run:
    """One batch on its way."""

    def __init__(self, programs: Programs, pool: WorkingSet, levels: Sequence[np.ndarray]) -> None:
        self.programs, self.pool, self.levels = programs, pool, levels
        self.solution = Solution.empty(len(programs), programs.rhs.shape[1], programs.columns.shape[1])
        self.rng = np.random.default_rng(0)  # any numbers will do: the answer does not depend on them
        self.failed: list[int] = []

    # ---- where to begin ---------------------------------------------------------------------------------------
    def from_start(self, ids: np.ndarray) -> None:
        """Primal steps from the bases that came with the programmes, in two phases where artificial ones are in use."""
        if not len(ids):
            return
        tableau = Tableau(self.programs, self.programs.cost, ids, self.programs.basis[ids])
        away = (tableau.zero_row & (tableau.x > DUAL_TOL)).any(axis=1)
        begin = [tableau.split(np.flatnonzero(~away))] if not away.all() else []
        if away.any():
            begin += self._find_feasible(ids[away])
        if begin:
            tableau = Tableau.joined(begin)
            tableau.nudge(self.rng)
            self._optimise(tableau, self._write)

    def _find_feasible(self, ids: np.ndarray) -> list[Tableau]:
        """Drive out the artificial variables; return feasible bases of the programmes where that succeeds."""
        bases: dict[str, list[np.ndarray]] = {"ids": [], "basis": []}

        def found(tableau: Tableau, rows: np.ndarray, prices: np.ndarray) -> None:
            left = (tableau.basic_cost[rows] * tableau.x[rows]).sum(axis=1) > GAP
            self.solution.status[tableau.ids[rows]] = np.where(left, INFEASIBLE, OPTIMAL)
            bases["ids"].append(tableau.ids[rows[~left]])
            bases["basis"].append(tableau.basis[rows[~left]])

        tableau = Tableau(self.programs, self.programs.artificial.astype(float), ids, self.programs.basis[ids])
        tableau.nudge(self.rng)
        self._optimise(tableau, found)
        ids, basis = np.concatenate(bases["ids"]), np.concatenate(bases["basis"])
        return [Tableau(self.programs, self.programs.cost, ids, basis)] if len(ids) else []

    def from_neighbours(self, warm: np.ndarray) -> np.ndarray:
        """Dual steps from the bases of neighbours; return the programmes that did not get to a feasible one."""
        ids = np.flatnonzero(warm[:, 0] >= 0)
        if not len(ids):
            return np.arange(len(self.programs))
        tableau = Tableau(self.programs, self.programs.cost, ids, warm[ids])
        tableau.keep(np.flatnonzero(tableau.sound))
        feasible = self._mend(tableau, self.pool.index)
        done = np.zeros(len(self.programs), dtype=bool)
        if feasible is not None:
            done[feasible.ids] = True
            self._optimise(feasible, self._write, fresh=True)
        return np.flatnonzero(~done)

    # ---- primal -----------------------------------------------------------------------------------------------
    def _optimise(self, tableau: Tableau, write: Callable[..., None], *, fresh: bool = False) -> None:
        """Step until every programme is finished, or has failed; `fresh` ones are judged at once."""
        for _ in range(MOST_ROUNDS):
            stepped = tableau if fresh else self._step_in_pool(tableau)
            if stepped is None:
                return
            tableau = stepped
            tableau.refresh()
            whole = self._mend(tableau, self.levels[-1])
            self._fail(tableau.ids, whole)
            if whole is None:
                return
            tableau, fresh = whole, False
            prices = tableau.prices()
            best, gain = self._best(tableau, prices)
            own = tableau.own_gains(prices)
            top = own.max(axis=1)
            ready = (gain <= DUAL_TOL) & (top <= DUAL_TOL)
            held = (tableau.zero_row & (np.abs(tableau.x) > GAP)).any(axis=1)
            held[ready] |= tableau.residual(np.flatnonzero(ready)) > RESIDUAL
            if write == self._write:
                self.failed += tableau.ids[ready & held].tolist()
                write(tableau, np.flatnonzero(ready & ~held), prices)
            else:
                write(tableau, np.flatnonzero(ready), prices)
            if ready.all():
                return
            rows = np.flatnonzero(~ready)
            self.pool.add(best[rows][gain[rows] > DUAL_TOL])
            tableau.keep(rows)
            tableau.nudge(self.rng)
        self.failed += tableau.ids.tolist()

    def _best(self, tableau: Tableau, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The most gainful shared column of each programme; a later level is looked through only for want of one."""
        prices = prices * tableau.part.scale
        best, gain = np.zeros(len(prices), dtype=np.int64), np.full(len(prices), -np.inf)
        for level in self.levels:
            rows = np.flatnonzero(gain <= DUAL_TOL)
            best[rows], gain[rows] = best_in_blocks(self.programs, tableau.ids[rows], prices[rows], level)
        return best, gain

    def _step_in_pool(self, tableau: Tableau) -> Tableau | None:
        """Primal steps within the working set until there are none left."""
        parked: list[Tableau] = []
        finished = np.zeros(len(tableau.ids), dtype=bool)
        columns = self.programs.shared[self.pool.index]
        reach, barred = self.programs.reach(tableau.ids, columns), self.programs.barred(tableau.ids, columns)
        for _ in range(MOST_STEPS):
            prices = tableau.prices()
            gains = (prices * tableau.part.scale) @ self.pool.matrix
            if not isinstance(reach, float):
                gains *= reach
            block_out(gains, self.pool.index, tableau.part.blocked, -np.inf)
            if barred is not None:
                gains[barred] = -np.inf
            each = np.arange(len(gains))
            column = gains.argmax(axis=1) if gains.shape[1] else np.zeros(len(gains), dtype=np.int64)
            gain = gains[each, column] if gains.shape[1] else np.full(len(gains), -np.inf)
            own = tableau.own_gains(prices)
            best_own = own.argmax(axis=1)
            own_gain = own[each, best_own]
            finished |= np.maximum(gain, own_gain) <= DUAL_TOL
            code = np.where(own_gain > gain, best_own, self._code(column))
            if finished.all():
                return Tableau.joined([*parked, tableau])
            unbounded = tableau.enter(code, ~finished)
            self.failed += tableau.ids[unbounded].tolist()  # or so it seems: HiGHS has the last word
            drop = finished | unbounded
            if unbounded.any() or drop.sum() * DROP > len(drop):
                if finished.any():
                    parked.append(tableau.split(np.flatnonzero(finished)))
                rows = np.flatnonzero(~drop)
                if not len(rows):
                    break
                tableau.keep(rows)
                finished = finished[rows]
                reach = reach if isinstance(reach, float) else reach[rows]
                barred = None if barred is None else barred[rows]
        else:
            self.failed += tableau.ids[~finished].tolist()
            if finished.any():
                parked.append(tableau.split(np.flatnonzero(finished)))
        return Tableau.joined(parked) if parked else None

    def _code(self, column: np.ndarray) -> np.ndarray:
        index = self.pool.index
        return index[column] + self.programs.columns.shape[1] if len(index) else column

    # ---- dual -------------------------------------------------------------------------------------------------
    def _mend(self, tableau: Tableau, columns: np.ndarray) -> Tableau | None:
        """Dual steps among `columns` until no basic variable is negative; return the bases where that succeeds."""
        at = np.flatnonzero(tableau.worst_rows(slice(None)) >= 0)
        if not len(at):
            return tableau
        matrix = np.ascontiguousarray(self.programs.shared[columns].T)
        height = max(1, BLOCK // max(len(columns), 1))
        lost = np.zeros(len(tableau.ids), dtype=bool)
        for _ in range(MOST_DUAL_STEPS):
            row = tableau.worst_rows(at)
            at, row = at[row >= 0], row[row >= 0]
            if not len(at):
                break
            code = np.concatenate(
                [
                    _dual_entering(tableau, at[top : top + height], row[top : top + height], columns, matrix)
                    for top in range(0, len(at), height)
                ]
            )
            stuck = code < 0
            lost[at[stuck]] = tableau.x[at[stuck], row[stuck]] < -GAP  # else infeasible by no more than rounding
            at = at[~stuck]
            tableau.leave(at, row[~stuck], code[~stuck])
        lost[at] = True
        if lost.any():
            tableau = tableau.split(np.flatnonzero(~lost))
        return tableau if len(tableau.ids) else None

    # ---- what came out ----------------------------------------------------------------------------------------
    def _fail(self, ids: np.ndarray, kept: Tableau | None) -> None:
        left = np.zeros(0, dtype=np.int64) if kept is None else kept.ids
        self.failed += np.setdiff1d(ids, left).tolist()

    def _write(self, tableau: Tableau, rows: np.ndarray, prices: np.ndarray) -> None:
        """Write finished programmes into the solution."""
        solution, unit = self.solution, tableau.ids[rows]
        x, basis = tableau.x[rows], tableau.basis[rows]
        solution.value[unit] = (tableau.basic_cost[rows] * x).sum(axis=1)
        solution.dual[unit] = prices[rows] * tableau.part.scale[rows]
        solution.basis[unit], solution.level[unit] = basis, x
        own = np.zeros((len(rows), tableau.n_own))
        row, place = np.nonzero(basis < tableau.n_own)
        own[row, basis[row, place]] = x[row, place]
        solution.own[unit] = own
        apart = np.abs(solution.value[unit] - (prices[rows] * tableau.part.rhs[rows]).sum(axis=1))
        below = -np.where(tableau.free_row[rows], 0.0, np.minimum(x, 0.0)).min(axis=1)
        solution.gap[unit] = np.maximum(apart, below)


def _dual_entering(
    tableau: Tableau, at: np.ndarray, row: np.ndarray, columns: np.ndarray, matrix: np.ndarray
) -> np.ndarray:
    """For the bases `at`, code of the variable that enters at `row` and keeps all gains below zero, -1 for none."""
    part, each = tableau.part, np.arange(len(at))
    inverse, scale, own_columns = tableau.inverse[at], part.scale[at], part.columns[at]
    line = inverse[each, row]
    prices = (tableau.basic_cost[at, None, :] @ inverse)[:, 0]
    own_gain = (own_columns @ prices[:, :, None])[:, :, 0] - tableau.cost[at]
    own_slope = -(own_columns @ line[:, :, None])[:, :, 0]
    own_slope[part.artificial[at]] = 0.0
    slope = -(line * scale) @ matrix
    gain = (prices * scale) @ matrix
    block_out(slope, columns, part.blocked[at], 0.0)
    barred = part.barred(at, matrix.T)
    if barred is not None:
        slope[barred] = 0.0
    code = np.full(len(at), -1)
    best = np.zeros(len(at))
    for gains, slopes, names in (
        (own_gain, own_slope, np.arange(tableau.n_own)),
        (gain, slope, columns + tableau.n_own),
    ):
        if not len(names):
            continue
        np.minimum(gains, 0.0, out=gains)
        np.subtract(TIE, gains, out=gains)
        slopes *= slopes > PIVOT_TOL
        np.divide(slopes, gains, out=slopes)  # the largest is the least of gain over slope; of ties, the steepest
        place = slopes.argmax(axis=1)
        size = slopes[each, place]
        better = size > best
        code[better], best[better] = names[place[better]], size[better]
    code[(tableau.basis[at] == code[:, None]).any(axis=1)] = -1  # rounding, in a basis close to singular
    return code
