"""The way out: one programme handed to HiGHS, with all its columns."""

import numpy as np
from scipy.optimize import linprog

from modpart.efficiency._simplex.programs import INFEASIBLE, OPTIMAL, UNBOUNDED, Programs, Solution

__all__ = ["solve_with_highs"]

_LOOSE = ("highs-ipm", True, 1e-7)
_STATUS = {0: OPTIMAL, 2: INFEASIBLE, 3: UNBOUNDED}


def solve_with_highs(programs: Programs, unit: int, solution: Solution, *, tolerance: float = 1e-10) -> None:
    """Solve programme `unit` and write the answer into `solution`."""
    n_own = programs.columns.shape[1]
    shared = programs.shared * programs.scale[unit]
    matrix = np.vstack([programs.columns[unit], shared]).T
    cost = np.concatenate([programs.cost[unit], np.zeros(len(shared))])
    low = np.concatenate([np.where(programs.free, -np.inf, 0.0), np.zeros(len(shared))])
    high = np.full(len(cost), np.inf)
    high[:n_own][programs.artificial[unit]] = 0.0
    low[:n_own][programs.artificial[unit]] = 0.0
    if programs.blocked[unit] >= 0:
        high[n_own + programs.blocked[unit]] = 0.0
    barred = programs.barred(np.array([unit]), programs.shared)
    if barred is not None:
        high[n_own:][barred[0]] = 0.0
    begun = ~programs.artificial[unit][programs.basis[unit, programs.basis[unit] < n_own]]
    feasible = begun.all()  # the programme began at a feasible basis, so that any other word is numerical trouble
    for method, presolve, slack in (("highs-ds", True, tolerance), ("highs-ds", False, tolerance), _LOOSE):
        answer = linprog(
            cost,
            A_eq=matrix,
            b_eq=programs.rhs[unit],
            bounds=np.column_stack([low, high]),
            method=method,
            options={
                "presolve": presolve,
                "primal_feasibility_tolerance": slack,
                "dual_feasibility_tolerance": slack,
            },
        )
        if answer.status in (0, 3) or (answer.status == 2 and not feasible):
            break
    solution.fallback[unit] = True
    solution.status[unit] = _STATUS.get(answer.status, INFEASIBLE)
    if answer.status != 0:
        return
    solution.value[unit] = answer.fun
    solution.own[unit] = answer.x[:n_own]
    solution.dual[unit] = answer.eqlin.marginals * programs.scale[unit]
    used = np.argsort(-np.abs(answer.x), kind="stable")[: programs.rhs.shape[1]]
    solution.basis[unit], solution.level[unit] = used, answer.x[used]
    residual = np.abs(matrix @ answer.x - programs.rhs[unit]).max()
    solution.gap[unit] = max(residual, abs(answer.fun - answer.eqlin.marginals @ programs.rhs[unit]))
