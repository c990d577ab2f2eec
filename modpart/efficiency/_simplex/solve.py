"""Column generation: chunks of programmes take steps in a small working set until no column at all gains anything.

A programme is finished when it is feasible for its true right-hand side and no candidate column has a gain, both judged
with a freshly computed inverse. What does not get there goes to HiGHS.
"""

import numpy as np

from modpart.efficiency._simplex.highs import solve_with_highs
from modpart.efficiency._simplex.pricing import WorkingSet, best_in_blocks
from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, UNBOUNDED, Programs, Solution
from modpart.efficiency._simplex.tableau import DUAL_TOL, PRIMAL_TOL, Tableau

__all__ = ["solve"]

CHUNK = 1000
MOST_STEPS = 400
MOST_MENDS = 100
GAP = 1e-9


def solve(programs: Programs, working: np.ndarray, candidates: np.ndarray | None = None) -> Solution:
    """Solve all programmes of a batch.

    Parameters
    ----------
    programs : Programs
    working : ndarray of int
        Shared columns to begin with.
    candidates : ndarray of int or None
        Shared columns that may matter, sorted; None for all.

    Returns
    -------
    solution : Solution
    """
    candidates = np.arange(len(programs.shared)) if candidates is None else candidates
    pool = WorkingSet(programs.shared, working)
    solution = Solution.empty(len(programs), programs.rhs.shape[1], programs.columns.shape[1])
    rng = np.random.default_rng(0)  # any numbers will do: the answer does not depend on them
    for first in range(0, len(programs), CHUNK):
        ids = np.arange(first, min(first + CHUNK, len(programs)))
        _solve_chunk(programs, ids, pool, candidates, solution, rng)
    return solution


def _solve_chunk(programs, ids, pool, candidates, solution, rng) -> None:
    failed = []
    if programs.artificial.any():
        ids = _find_feasible(programs, ids, pool, candidates, solution, rng, failed)
    if len(ids):
        tableau = Tableau(programs, programs.cost, ids, rng)
        _optimise(tableau, programs, pool, candidates, solution, failed, _write)
    for unit in np.concatenate([np.zeros(0, dtype=np.int64), *failed]):
        solve_with_highs(programs, int(unit), solution)


def _find_feasible(programs, ids, pool, candidates, solution, rng, failed) -> np.ndarray:
    """Drive out the artificial variables; return the programmes where that succeeds, their bases feasible now."""
    start = programs.take(ids)
    own = start.basis < programs.cost.shape[1]
    held = own & np.take_along_axis(start.artificial, np.where(own, start.basis, 0), axis=1)
    values = np.einsum(
        "ars,as->ar", np.linalg.inv(Tableau(programs, programs.cost, ids, rng)._basic_columns()), start.rhs
    )
    needs = (held & (values > PRIMAL_TOL)).any(axis=1)
    if not needs.any():
        return ids
    cost = programs.artificial.astype(np.float64)
    tableau = Tableau(programs, cost, ids[needs], rng)
    possible = [ids[~needs]]

    def write(tableau, rows, prices, solution) -> None:
        unit = tableau.ids[rows]
        value = (tableau.basic_cost()[rows] * tableau.x[rows]).sum(axis=1)
        programs.basis[unit] = tableau.basis[rows]
        solution.status[unit] = np.where(value > 1e-9, INFEASIBLE, OPTIMAL)
        possible.append(unit[value <= 1e-9])

    _optimise(tableau, programs, pool, candidates, solution, failed, write)
    return np.concatenate(possible)


def _optimise(tableau, programs, pool, candidates, solution, failed, write) -> None:
    """Step until every programme of the tableau is finished, or has failed."""
    rounds = 0
    while len(tableau.ids):
        rounds += 1
        waiting = _step_in_pool(tableau, programs, pool, solution, failed, MOST_STEPS)
        tableau = waiting
        if not len(tableau.ids):
            return
        tableau.refresh()
        mended = _mend(tableau, programs, candidates)
        prices = tableau.prices()
        best, gain = best_in_blocks(programs, tableau.ids, prices * tableau.part.scale, candidates)
        own = tableau.own_gains(prices)
        ready = (gain <= DUAL_TOL) & (own.max(axis=1) <= DUAL_TOL) & mended
        write(tableau, ready, prices, solution)
        if rounds > 60:
            failed.append(tableau.ids[~ready])
            return
        failed.append(tableau.ids[~mended])
        go_on = ~ready & mended
        pool.add(best[go_on & (gain > DUAL_TOL)])
        tableau.keep(np.flatnonzero(go_on))


def _step_in_pool(tableau, programs, pool, solution, failed, most):
    """Primal steps within the working set; return the tableau of those that have none left."""
    parked = []
    reach = programs.reach(tableau.ids, programs.shared[pool.index])
    for _ in range(most):
        prices = tableau.prices()
        column, gain = pool.best(prices * tableau.part.scale, reach, tableau.part.blocked)
        own = tableau.own_gains(prices)
        best_own = own.argmax(axis=1)
        own_gain = own[np.arange(len(own)), best_own]
        done = np.maximum(gain, own_gain) <= DUAL_TOL
        if done.any():
            parked.append(_part(tableau, np.flatnonzero(done)))
            rows = np.flatnonzero(~done)
            tableau.keep(rows)
            if not isinstance(reach, float):
                reach = reach[rows]
            if not len(rows):
                break
            column, gain, best_own, own_gain = column[rows], gain[rows], best_own[rows], own_gain[rows]
        code = np.where(own_gain > gain, best_own, column + tableau.n_own)
        unbounded = tableau.enter(code)
        if unbounded.any():
            solution.status[tableau.ids[unbounded]] = UNBOUNDED
            rows = np.flatnonzero(~unbounded)
            tableau.keep(rows)
            if not isinstance(reach, float):
                reach = reach[rows]
    else:
        failed.append(tableau.ids)
        tableau.keep(np.zeros(0, dtype=np.int64))
    return _together(tableau, parked)


def _part(tableau, rows):
    import copy

    part = copy.copy(tableau)
    part.keep(rows)
    return part


def _together(tableau, parts):
    from dataclasses import replace

    from modpart.efficiency._simplex.programs import _PER_UNIT

    if not parts:
        return tableau
    whole = parts[0]
    if len(parts) > 1:
        for name in ("ids", "cost", "basis", "x", "inverse", "nudged"):
            setattr(whole, name, np.concatenate([getattr(part, name) for part in parts]))
        whole.part = replace(
            whole.part, **{name: np.concatenate([getattr(p.part, name) for p in parts]) for name in _PER_UNIT}
        )
    return whole


def _mend(tableau, programs, candidates) -> np.ndarray:
    """Dual steps until no basic variable is negative; return where that succeeded."""
    for _ in range(MOST_MENDS):
        row = tableau.worst_rows()
        sick = np.flatnonzero(row >= 0)
        if not len(sick):
            break
        part = _part(tableau, sick)
        row = row[sick]
        code, found = _dual_entering(part, programs, row, candidates)
        if not found.any():
            return tableau.worst_rows() < 0
        part.keep(np.flatnonzero(found))
        part.leave(row[found], code[found])
        part._refactor()
        rows = sick[found]
        tableau.basis[rows], tableau.x[rows], tableau.inverse[rows] = part.basis, part.x, part.inverse
        if not found.all():
            tableau.x[sick[~found], row[~found]] = -1.0
    return tableau.worst_rows() < 0


def _dual_entering(part, programs, row, candidates):
    """The variable whose entering at `row` keeps all gains at or below zero."""
    prices = part.prices()
    a = np.arange(len(row))
    line = part.inverse[a, row]
    own_gain = np.minimum(part.own_gains(prices), 0.0)
    own_slope = -np.einsum("akr,ar->ak", part.part.columns, line)
    code = np.full(len(row), -1)
    ratio = np.full(len(row), np.inf)
    height = max(1, (1 << 22) // max(len(candidates), 1))
    for top in range(0, len(row), height):
        rows = slice(top, min(top + height, len(row)))
        matrix = programs.shared[candidates].T
        gain = np.minimum((prices[rows] * part.part.scale[rows]) @ matrix, 0.0)
        slope = -(line[rows] * part.part.scale[rows]) @ matrix
        blocked = part.part.blocked[rows]
        held = np.flatnonzero(blocked >= 0)
        if len(held):
            place = np.searchsorted(candidates, blocked[held])
            there = (place < len(candidates)) & (candidates[np.minimum(place, len(candidates) - 1)] == blocked[held])
            slope[held[there], place[there]] = 0.0
        slope = np.hstack([own_slope[rows], slope])
        gain = np.hstack([own_gain[rows], gain])
        step = np.full_like(gain, np.inf)
        np.divide(-gain, slope, out=step, where=slope > 1e-9)
        least = step.min(axis=1, keepdims=True)
        size = np.where(step <= least + 1e-12, slope, -1.0)
        best = size.argmax(axis=1)
        code[rows] = np.where(best < part.n_own, best, candidates[np.maximum(best - part.n_own, 0)] + part.n_own)
        ratio[rows] = least[:, 0]
    return code, np.isfinite(ratio)


def _write(tableau, rows, prices, solution) -> None:
    """Write finished programmes into the solution."""
    at = np.flatnonzero(rows)
    unit = tableau.ids[at]
    x, basis = tableau.x[at], tableau.basis[at]
    solution.value[unit] = (tableau.basic_cost()[at] * x).sum(axis=1)
    solution.dual[unit] = prices[at] * tableau.part.scale[at]
    solution.basis[unit] = basis
    solution.level[unit] = x
    own = np.zeros((len(at), tableau.n_own))
    row, place = np.nonzero(basis < tableau.n_own)
    own[row, basis[row, place]] = x[row, place]
    solution.own[unit] = own
    gap = np.abs(solution.value[unit] - (prices[at] * tableau.part.rhs[at]).sum(axis=1))
    solution.gap[unit] = np.maximum(gap, -x.min(axis=1, initial=0.0, where=x < 0))
