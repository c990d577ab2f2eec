"""A batch of simplex bases: prices, primal steps, and dual steps.

For primal steps the right-hand side is moved by a random 1e-8 of each basic variable, so that ties, of which these
programmes are full, do not make the steps go in circles; :meth:`Tableau.refresh` goes back to the true one.
"""

from collections.abc import Sequence
from copy import copy

import numpy as np

from modpart.efficiency._simplex.programs import Programs

__all__ = ["DUAL_TOL", "PIVOT_TOL", "Tableau"]

DUAL_TOL = 1e-9  # gain in the objective that is not worth a step
PRIMAL_TOL = 1e-10  # of a variable in unit-relative scale, taken for zero
PIVOT_TOL = 1e-9
NUDGE = 1e-8
HARRIS = 1e-11  # how far the ratio test may overshoot for a larger pivot
REFACTOR = 50

_STATE = ("ids", "cost", "basis", "basic_cost", "free_row", "zero_row", "x", "inverse", "nudged")


class Tableau:
    """Bases of some programmes of a batch.

    Parameters
    ----------
    programs : Programs
    cost : ndarray of shape (U, K)
        Of all programmes; that of `programs`, or the one of a first phase.
    ids : ndarray of shape (A,)
        Which programmes of the batch these are.
    basis : ndarray of shape (A, R)
        Codes of the basic variables.

    Attributes
    ----------
    x, inverse : ndarray of shape (A, R), (A, R, R)
        Values of the basic variables, inverse of their columns.
    basic_cost : ndarray of shape (A, R)
    free_row, zero_row : ndarray of shape (A, R), bool
        Where the basic variable may have any sign, or has to become zero.
    """

    def __init__(self, programs: Programs, cost: np.ndarray, ids: np.ndarray, basis: np.ndarray) -> None:
        self.ids, self.cost, self.part, self.basis = ids, cost[ids], programs.take(ids), basis.copy()
        self.n_own = cost.shape[1]
        self.steps = 0
        own = self.basis < self.n_own
        mine = np.where(own, self.basis, 0)
        self.basic_cost = np.where(own, np.take_along_axis(self.cost, mine, axis=1), 0.0)
        self.free_row = own & self.part.free[mine]
        self.zero_row = own & np.take_along_axis(self.part.artificial, mine, axis=1)
        self.nudged = self.part.rhs
        self.exact = True  # inverse and values are those of the basis, up to rounding
        self._refactor()

    def nudge(self, rng: np.random.Generator) -> None:
        """Move the right-hand side so that the values of the basic variables differ."""
        self.exact = False
        moved = NUDGE * rng.uniform(1.0, 2.0, size=self.x.shape)
        moved[self.free_row | self.zero_row] = 0.0
        self.nudged = self.part.rhs + np.einsum("ars,as->ar", self._basic_columns(), moved)
        self.x += moved

    def refresh(self) -> None:
        """Compute inverse and values anew, for the true right-hand side."""
        if not self.exact:
            self.nudged, self.steps, self.exact = self.part.rhs, 0, True
            self._refactor()

    def split(self, rows: np.ndarray) -> "Tableau":
        """Some of the programmes, as a tableau of their own."""
        some = copy(self)
        some.keep(rows)
        return some

    def keep(self, rows: np.ndarray) -> None:
        """Drop all programmes but these."""
        for name in _STATE:
            setattr(self, name, getattr(self, name)[rows])
        self.part = self.part.take(rows)

    @staticmethod
    def joined(parts: Sequence["Tableau"]) -> "Tableau":
        """One tableau out of several."""
        if len(parts) == 1:
            return parts[0]
        whole = copy(parts[0])
        for name in _STATE:
            setattr(whole, name, np.concatenate([getattr(part, name) for part in parts]))
        whole.part = Programs.joined([part.part for part in parts])
        whole.steps = max(part.steps for part in parts)
        whole.exact = all(part.exact for part in parts)
        return whole

    # ---- the basis --------------------------------------------------------------------------------------------
    def column(self, code: np.ndarray, at: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The column of one variable for each of some programmes, by code."""
        own = code < self.n_own
        columns = self.part.shared[np.where(own, 0, code - self.n_own)] * self.part.scale[at]
        if own.any():
            rows = np.flatnonzero(own)
            unit = rows if isinstance(at, slice) else at[rows]
            columns[rows] = self.part.columns[unit, code[rows]]
        return columns

    def _basic_columns(self) -> np.ndarray:
        """The columns of each basis, shape (A, R, R), a basic variable in each column."""
        own = self.basis < self.n_own
        columns = self.part.shared[np.where(own, 0, self.basis - self.n_own)] * self.part.scale[:, None, :]
        rows, places = np.nonzero(own)
        columns[rows, places] = self.part.columns[rows, self.basis[rows, places]]
        return columns.transpose(0, 2, 1)

    def _refactor(self) -> None:
        self.inverse = _inverses(self._basic_columns())
        self.x = np.einsum("ars,as->ar", self.inverse, self.nudged)

    @property
    def sound(self) -> np.ndarray:
        """Where the basis is one."""
        return np.isfinite(self.x).all(axis=1)

    def residual(self, rows: np.ndarray) -> np.ndarray:
        """How far some programmes are from fulfilling their equations, relative to the terms of each."""
        some = self.split(rows)
        terms = some._basic_columns() * some.x[:, None, :]
        return np.asarray((np.abs(terms.sum(axis=2) - some.nudged) / (1.0 + np.abs(terms).sum(axis=2))).max(axis=1))

    def prices(self) -> np.ndarray:
        """Dual prices of the rows, in the unit's scale."""
        return np.einsum("ar,ars->as", self.basic_cost, self.inverse)

    def own_gains(self, prices: np.ndarray) -> np.ndarray:
        """What each own variable can gain: minus its reduced cost, times its reach; never for what has to be zero."""
        gain = (np.einsum("akr,ar->ak", self.part.columns, prices) - self.cost) * self.part.own_reach
        gain[self.part.artificial] = -np.inf
        return gain

    # ---- steps ------------------------------------------------------------------------------------------------
    def enter(self, code: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Primal step: bring one variable into each active basis; return where nothing stops it (unbounded)."""
        direction = (self.inverse @ self.column(code)[:, :, None])[:, :, 0]
        can = (direction > PIVOT_TOL) & ~self.free_row
        ratio = np.full_like(direction, np.inf)
        np.divide(self.x, direction, out=ratio, where=can)
        slack = np.full_like(direction, np.inf)
        np.divide(self.x + HARRIS, direction, out=slack, where=can)
        if self.zero_row.any():  # an artificial at zero leaves as soon as it would move
            zero = self.zero_row & (np.abs(self.x) <= DUAL_TOL) & (np.abs(direction) > PIVOT_TOL)
            ratio[zero] = slack[zero] = 0.0
        size = np.where(ratio <= slack.min(axis=1, keepdims=True), np.abs(direction), -1.0)
        row = size.argmax(axis=1)
        step = ratio[np.arange(len(row)), row]
        unbounded = active & ~np.isfinite(step)
        at = np.flatnonzero(active & ~unbounded)
        self._pivot(at, row[at], direction[at], np.maximum(step[at], 0.0), code[at])
        return unbounded

    def leave(self, at: np.ndarray, row: np.ndarray, code: np.ndarray) -> None:
        """Dual step: in each of the bases `at` exchange the basic variable of `row` for `code`."""
        direction = (self.inverse[at] @ self.column(code, at)[:, :, None])[:, :, 0]
        step = self.x[at, row] / direction[np.arange(len(at)), row]
        self._pivot(at, row, direction, step, code)

    def _pivot(self, at: np.ndarray, r: np.ndarray, direction: np.ndarray, step: np.ndarray, code: np.ndarray) -> None:
        """Exchange, in the bases `at`, the variables of row `r` for `code`; all arguments are of their length."""
        everywhere = slice(None) if len(at) == len(self.ids) else at
        new_row = self.inverse[at, r] / direction[np.arange(len(at)), r][:, None]
        self.x[everywhere] -= step[:, None] * direction
        self.inverse[everywhere] -= direction[:, :, None] * new_row[:, None, :]
        self.x[at, r] = step
        self.inverse[at, r] = new_row
        self.basis[at, r] = code
        own = code < self.n_own
        self.basic_cost[at, r] = np.where(own, self.cost[at, np.where(own, code, 0)], 0.0)
        self.free_row[at, r] = self.zero_row[at, r] = False
        self.steps += 1
        self.exact = False
        if self.steps % REFACTOR == 0:
            self._refactor()

    def worst_rows(self, at: np.ndarray | slice) -> np.ndarray:
        """For some programmes the row whose basic variable is most negative, -1 where none is."""
        x = np.where(self.free_row[at], np.inf, self.x[at])
        row = x.argmin(axis=1)
        return np.where(x[np.arange(len(x)), row] < -PRIMAL_TOL, row, -1)


def _inverses(stack: np.ndarray) -> np.ndarray:
    """Inverse of each matrix, nan where there is none."""
    try:
        return np.linalg.inv(stack)
    except np.linalg.LinAlgError:
        regular = np.linalg.slogdet(stack)[0] != 0.0
        inverse = np.full_like(stack, np.nan)
        inverse[regular] = np.linalg.inv(stack[regular])
        return inverse
