"""A batch of simplex bases: prices, ratio test, pivots; primal steps, and dual ones to mend a basis.

The right-hand side is moved by a random 1e-8 of each basic variable, so that ties, of which these programmes are full, do
not make the steps go in circles; :meth:`Tableau.refresh` goes back to the true one.
"""

import numpy as np

from modpart.efficiency._simplex.programs import Programs

__all__ = ["DUAL_TOL", "PRIMAL_TOL", "Tableau"]

DUAL_TOL = 1e-9  # gain in the objective that is not worth a step
PRIMAL_TOL = 1e-10  # of a variable in unit-relative scale, taken for zero
PIVOT_TOL = 1e-9
NUDGE = 1e-8
HARRIS = 1e-11  # how far the ratio test may overshoot for a larger pivot
REFACTOR = 50


class Tableau:
    """Bases of some programmes of a batch.

    Attributes
    ----------
    ids : ndarray of shape (A,)
        Which programmes of the batch these are.
    basis, x, inverse : ndarray of shape (A, R), (A, R), (A, R, R)
        Codes and values of the basic variables, inverse of their columns.
    """

    def __init__(self, programs: Programs, cost: np.ndarray, ids: np.ndarray, rng: np.random.Generator) -> None:
        part = programs.take(ids)
        self.ids, self.cost, self.part = ids, cost[ids], part
        self.basis = part.basis.copy()
        self.n_own = cost.shape[1]
        self.steps = 0
        self._refactor()
        moved = NUDGE * rng.uniform(1.0, 2.0, size=self.x.shape)
        moved[self._fixed_rows()] = 0.0
        self.nudged = part.rhs + np.einsum("ars,as->ar", self._basic_columns(), moved)
        self.x += moved

    def keep(self, rows: np.ndarray) -> None:
        """Drop all programmes but these."""
        self.ids, self.cost, self.part = self.ids[rows], self.cost[rows], self.part.take(rows)
        self.basis, self.x, self.inverse = self.basis[rows], self.x[rows], self.inverse[rows]
        self.nudged = self.nudged[rows]

    # ---- the basis --------------------------------------------------------------------------------------------
    def _basic_columns(self) -> np.ndarray:
        """The columns of each basis, shape (A, R, R), a basic variable in each column."""
        own = self.basis < self.n_own
        a = np.arange(len(self.basis))[:, None]
        shared = self.part.shared[np.where(own, 0, self.basis - self.n_own)] * self.part.scale[:, None, :]
        mine = self.part.columns[a, np.where(own, self.basis, 0)]
        return np.where(own[:, :, None], mine, shared).transpose(0, 2, 1)

    def _fixed_rows(self) -> np.ndarray:
        """Where the basic variable is free or has to be zero."""
        own = self.basis < self.n_own
        special = self.part.free | self.part.artificial
        return own & np.take_along_axis(special, np.where(own, self.basis, 0), axis=1)

    def _refactor(self, rhs: np.ndarray | None = None) -> None:
        self.inverse = np.linalg.inv(self._basic_columns())
        self.x = np.einsum("ars,as->ar", self.inverse, self.part.rhs if rhs is None else rhs)

    def refresh(self) -> None:
        """Compute inverse and values anew, for the true right-hand side."""
        self._refactor()
        self.nudged = self.part.rhs.copy()

    def basic_cost(self) -> np.ndarray:
        """Cost of each basic variable."""
        own = self.basis < self.n_own
        return np.where(own, np.take_along_axis(self.cost, np.where(own, self.basis, 0), axis=1), 0.0)

    def prices(self) -> np.ndarray:
        """Dual prices of the rows, in the unit's scale."""
        return np.einsum("ar,ars->as", self.basic_cost(), self.inverse)

    # ---- steps ------------------------------------------------------------------------------------------------
    def own_gains(self, prices: np.ndarray) -> np.ndarray:
        """What each own variable gains per unit: minus its reduced cost; never for what has to be zero."""
        gain = np.einsum("akr,ar->ak", self.part.columns, prices) - self.cost
        gain[self.part.artificial] = -np.inf
        return gain

    def column(self, code: np.ndarray) -> np.ndarray:
        """The column of one variable for each programme, by code."""
        own = code < self.n_own
        shared = self.part.shared[np.where(own, 0, code - self.n_own)] * self.part.scale
        mine = self.part.columns[np.arange(len(code)), np.where(own, code, 0)]
        return np.where(own[:, None], mine, shared)

    def enter(self, code: np.ndarray) -> np.ndarray:
        """Bring one variable for each programme into the basis; return where nothing stops it (unbounded)."""
        direction = np.einsum("ars,as->ar", self.inverse, self.column(code))
        own = self.basis < self.n_own
        mine = np.where(own, self.basis, 0)
        free, zero = own & self.part.free[mine], own & np.take_along_axis(self.part.artificial, mine, axis=1)
        zero &= np.abs(self.x) <= 1e-9  # an artificial at a positive value is still on its way out
        can = (direction > PIVOT_TOL) & ~free
        steps = np.full_like(direction, np.inf)
        np.divide(np.maximum(self.x, 0.0), direction, out=steps, where=can)
        tight = np.where(zero, np.where(np.abs(direction) > PIVOT_TOL, 0.0, np.inf), steps)
        reach = tight + np.where(can, HARRIS, 0.0) / np.where(can, direction, 1.0)
        reach[zero & (tight == 0.0)] = 0.0
        size = np.where(tight <= reach.min(axis=1, keepdims=True), np.abs(direction), -1.0)
        row = size.argmax(axis=1)
        unbounded = ~np.isfinite(tight.min(axis=1))
        if unbounded.any():
            self._drop_pivot(row, unbounded)
        self._pivot(row, direction, code, tight, ~unbounded)
        return unbounded

    def _drop_pivot(self, row: np.ndarray, where: np.ndarray) -> None:
        row[where] = 0

    def _pivot(self, row, direction, code, tight, where) -> None:
        a = np.arange(len(row))
        if not where.all():
            a = np.flatnonzero(where)
        r = row[a]
        pivot = direction[a, r]
        step = tight[a, r] if tight is not None else self.x[a, r] / pivot
        new_row = self.inverse[a, r] / pivot[:, None]
        if len(a) == len(row):
            self.x -= step[:, None] * direction
            self.inverse -= direction[:, :, None] * new_row[:, None, :]
        else:
            self.x[a] -= step[:, None] * direction[a]
            self.inverse[a] -= direction[a][:, :, None] * new_row[:, None, :]
        self.x[a, r] = step
        self.inverse[a, r] = new_row
        self.basis[a, r] = code[a]
        self.steps += 1
        if self.steps % REFACTOR == 0:
            self._refactor(self.nudged)

    # ---- dual steps -------------------------------------------------------------------------------------------
    def worst_rows(self) -> np.ndarray:
        """For each programme the row whose basic variable is most negative, -1 where none is."""
        own = self.basis < self.n_own
        free = own & self.part.free[np.where(own, self.basis, 0)]
        x = np.where(free, np.inf, self.x)
        row = x.argmin(axis=1)
        return np.where(x[np.arange(len(x)), row] < -PRIMAL_TOL, row, -1)

    def leave(self, row: np.ndarray, code: np.ndarray) -> None:
        """Exchange the basic variable of `row` for `code` in every programme."""
        direction = np.einsum("ars,as->ar", self.inverse, self.column(code))
        self._pivot(row, direction, code, None, np.ones(len(row), dtype=bool))
