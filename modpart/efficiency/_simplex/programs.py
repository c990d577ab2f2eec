"""Linear programmes that share most of their columns, in the one form that the engine solves.

For each unit o of a batch::

    minimise  cost_o · z   subject to   Σ_j λ_j (scale_o * shared_j)  +  Σ_k z_k columns_ok  =  rhs_o,    λ, z >= 0

Shared columns cost nothing. A variable in the basis is named by a code: k < K is the unit's own column k, and K + j the
shared column j.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

__all__ = ["INFEASIBLE", "OPTIMAL", "UNBOUNDED", "Programs", "Solution"]

OPTIMAL, INFEASIBLE, UNBOUNDED = 0, 1, 2


@dataclass(frozen=True)
class Programs:
    """A batch of U programmes with R rows, n shared columns and K columns of each unit's own.

    Attributes
    ----------
    shared : ndarray of shape (n, R)
        The common columns, one in a row.
    columns : ndarray of shape (U, K, R)
        The unit's own columns, in its own row scale.
    cost : ndarray of shape (U, K)
    rhs : ndarray of shape (U, R)
        In the unit's own row scale.
    scale : ndarray of shape (U, R)
        Factors that bring the shared columns to the unit's row scale.
    basis : ndarray of shape (U, R), int64
        Codes of a basis that is feasible for the right-hand side.
    free : ndarray of shape (K,), bool
        Variables of any sign; they are in the starting basis and stay.
    artificial : ndarray of shape (U, K), bool
        Variables that have to be zero; the starting basis may hold them at a positive value.
    own_reach : ndarray of shape (U, K)
        The largest conceivable use of the unit's own variables, as `reach` tells it of the shared ones.
    zeros : ndarray of shape (U, R), bool
        Rows in which a unit has nothing and can get nothing: it may not use a shared column that has something there.
        That is said outright, since in numbers a billionth of a unit could make up for a unit of a billionth.
    blocked : ndarray of shape (U,), int64
        The shared column that a unit may not use, -1 for none.
    limits : ndarray of int64
        Rows that bound how much of a shared column can be used, where nothing else does (cones); empty otherwise.
    """

    shared: np.ndarray
    columns: np.ndarray
    cost: np.ndarray
    rhs: np.ndarray
    scale: np.ndarray
    basis: np.ndarray
    free: np.ndarray
    artificial: np.ndarray
    own_reach: np.ndarray
    zeros: np.ndarray
    blocked: np.ndarray
    limits: np.ndarray

    def __len__(self) -> int:
        return len(self.rhs)

    def take(self, rows: np.ndarray) -> "Programs":
        """The programmes of some units."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _PER_UNIT})

    @staticmethod
    def joined(parts: list["Programs"]) -> "Programs":
        """One batch out of several that share their columns."""
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _PER_UNIT}
        return replace(parts[0], **joined)

    def barred(self, rows: np.ndarray, shared: np.ndarray) -> np.ndarray | None:
        """Which shared columns (U', n') some units may not use for want of a zero; None where all may use all."""
        zeros = self.zeros[rows]
        if not zeros.any():
            return None
        return (zeros.astype(np.float32) @ (shared != 0.0).T.astype(np.float32)) > 0.0

    def reach(self, rows: np.ndarray, shared: np.ndarray) -> np.ndarray | float:
        """The largest conceivable use of some shared columns by some units, 1 where the technology bounds it itself.

        A reduced cost times the reach is what the objective can gain: the measure of a violation that does not depend
        on how large the units are.
        """
        if not len(self.limits):
            return 1.0
        need = np.zeros((len(rows), len(shared)))
        for i in self.limits:
            use = self.scale[rows, i] / np.maximum(np.abs(self.rhs[rows, i]), 1.0)
            np.maximum(need, use[:, None] * np.abs(shared[:, i]), out=need)
        return 1.0 / np.maximum(need, 1e-300)


_PER_UNIT = ("columns", "cost", "rhs", "scale", "basis", "artificial", "own_reach", "zeros", "blocked")


@dataclass
class Solution:
    """What came out for each unit of a batch.

    Attributes
    ----------
    value : ndarray of shape (U,)
        Optimum; nan unless the status is OPTIMAL.
    status : ndarray of shape (U,), int8
    dual : ndarray of shape (U, R)
        Prices of the rows in the units of the shared columns.
    basis : ndarray of shape (U, R), int64
    level : ndarray of shape (U, R)
        Values of the variables in the basis.
    own : ndarray of shape (U, K)
        Values of the unit's own variables.
    gap : ndarray of shape (U,)
        The larger of primal infeasibility and the distance between primal and dual value, unit-relative.
    fallback : ndarray of shape (U,), bool
        Whether the programme was handed to HiGHS.
    """

    value: np.ndarray
    status: np.ndarray
    dual: np.ndarray
    basis: np.ndarray
    level: np.ndarray
    own: np.ndarray
    gap: np.ndarray
    fallback: np.ndarray

    @classmethod
    def empty(cls, n_units: int, n_rows: int, n_own: int) -> "Solution":
        """Room for the answers."""
        return cls(
            value=np.full(n_units, np.nan),
            status=np.zeros(n_units, dtype=np.int8),
            dual=np.full((n_units, n_rows), np.nan),
            basis=np.zeros((n_units, n_rows), dtype=np.int64),
            level=np.full((n_units, n_rows), np.nan),
            own=np.full((n_units, n_own), np.nan),
            gap=np.full(n_units, np.nan),
            fallback=np.zeros(n_units, dtype=bool),
        )

    def take(self, rows: np.ndarray | slice) -> "Solution":
        """The answers of some units."""
        return Solution(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, rows: np.ndarray, part: "Solution") -> None:
        """Write the answers of some units."""
        for entry in fields(self):
            getattr(self, entry.name)[rows] = getattr(part, entry.name)

    @classmethod
    def joined(cls, parts: list["Solution"]) -> "Solution":
        """One batch out of several."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def intensities(self, n_own: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unit, shared column and value of every positive λ."""
        unit, row = np.nonzero((self.basis >= n_own) & (self.level > 0.0))
        return unit, self.basis[unit, row] - n_own, self.level[unit, row]
