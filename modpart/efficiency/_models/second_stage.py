"""The second stage: with the score held, the largest weighted sum of the slacks that are left (Ali & Seiford 1993)."""

from dataclasses import replace
from typing import Any

import numpy as np

from modpart._utils.parallel import parallel_map
from modpart.efficiency._models.additive import slacks_of
from modpart.efficiency._models.evaluate import CHUNK, Answer, intensities
from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._models.warm import spread
from modpart.efficiency._simplex.highs import solve_with_highs
from modpart.efficiency._simplex.programs import OPTIMAL, Programs, Solution
from modpart.efficiency._simplex.solve import solve

__all__ = ["largest_slacks"]


def largest_slacks(
    model: Any,
    technology: Technology,
    units: Evaluated,
    first: Solution,
    weights: np.ndarray,
    *,
    extra: np.ndarray | None = None,
    n_jobs: int | None = None,
) -> tuple[np.ndarray, Answer, np.ndarray]:
    """Slacks of units whose move is known.

    Parameters
    ----------
    model : Directional or Tangent
        The model of the first stage.
    first : Solution
        Its solution.
    weights : ndarray of shape (U, m + s)
        Zero for slacks that do not count.

    Returns
    -------
    slacks : ndarray of shape (U, m + s)
        In units of the data.
    answer : Answer
    rough : ndarray of shape (U,), bool
        Where no better than a tolerance of 1e-7 led to an answer, or none did and slacks are those of the first stage.
    """
    shared, largest, working = technology.shared_columns(), technology.largest, spread(technology)
    jobs = []
    for top in range(0, len(units), CHUNK):
        rows = slice(top, top + CHUNK)
        more = None if extra is None else extra[rows]
        part = model.take(rows), technology, units.take(rows), shared, largest, more
        jobs.append((*part, first.take(rows), weights[rows], working))
    found = parallel_map(_solve, jobs, n_jobs=n_jobs, threads=True)
    solution = Solution.joined([part for part, _ in found])
    answer = Answer(solution, intensities(solution, model.own, technology, units))
    rough = np.concatenate([rough for _, rough in found])
    return slacks_of(solution, units, largest, first=2), answer, rough


def _solve(
    model: Any,
    technology: Technology,
    units: Evaluated,
    shared: np.ndarray,
    largest: np.ndarray,
    extra: np.ndarray | None,
    first: Solution,
    weights: np.ndarray,
    working: np.ndarray,
) -> tuple[Solution, np.ndarray]:
    programs = _with_move_held(model.programs(technology, units, shared, largest, extra), first, units, weights)
    n_own = programs.columns.shape[1]
    used = first.basis[first.basis >= n_own] - n_own
    working = np.union1d(working, used)
    bases_known = np.flatnonzero(~first.fallback)
    whole = Solution.empty(len(programs), programs.rhs.shape[1], n_own)
    if len(bases_known):
        found = solve(programs.take(bases_known), working, [working, np.arange(len(shared))])
        whole.put(bases_known, found)
    for unit in np.flatnonzero(first.fallback):
        solve_with_highs(programs, int(unit), whole)
    rough = whole.status != OPTIMAL
    for unit in np.flatnonzero(rough):  # rounding has moved the first answer off the frontier
        solve_with_highs(programs, int(unit), whole, tolerance=1e-7)
    lost = np.flatnonzero(whole.status != OPTIMAL)
    whole.put(lost, first.take(lost))  # slacks as the first stage left them: right, if perhaps not the largest
    return whole, rough


def _with_move_held(programs: Programs, first: Solution, units: Evaluated, weights: np.ndarray) -> Programs:
    """The programmes of the second stage, which begin where the first one ended."""
    m_and_s = weights.shape[1]
    move = first.own[:, 0]
    size = 1.0 / programs.scale[:, :m_and_s]
    worth = weights * size
    top = worth.max(axis=1, keepdims=True)
    cost = np.zeros(programs.cost.shape)
    cost[:, 2 : 2 + m_and_s] = -worth / np.where(top > 0.0, top, 1.0)
    artificial = programs.artificial.copy()
    artificial[:, 0] = True
    return replace(
        programs,
        cost=cost,
        rhs=programs.rhs - move[:, None] * programs.columns[:, 0],
        basis=first.basis,
        free=np.zeros(len(programs.free), dtype=bool),
        artificial=artificial,
    )
