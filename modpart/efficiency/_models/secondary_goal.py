"""The secondary goal of cross-efficiency: among optimal weights, the kindest or the harshest to the other units.

Primal, for unit d with efficiency θ: minimise (aggressive) or maximise (benevolent) u·S_y subject to v·S_x = 1, u·y_j
<= v·x_j for all j, u·y_d = θ v·x_d, where S sums over the others. Its dual has one column a unit, which is what the
engine wants::

    benevolent:  min τ   subject to   τ S_x - Xλ - θ μ x_d >= 0,    Yλ + μ y_d >= S_y
    aggressive:  max τ   subject to  -τ S_x - Xλ + θ μ x_d >= 0,    Yλ - μ y_d >= -S_y
"""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.technology import Evaluated, Technology
from modpart.efficiency._simplex.programs import Programs

__all__ = ["SecondaryGoal"]


@dataclass(frozen=True)
class SecondaryGoal:
    """Programmes of the secondary goal; columns τ, all others at once, μ+, μ-, slacks.

    Attributes
    ----------
    theta : ndarray of shape (U,)
        Efficiency of each unit.
    kind : {"benevolent", "aggressive"}
    """

    theta: np.ndarray
    kind: str
    prices_carry_over = False
    own = 1

    def take(self, rows: slice | np.ndarray) -> "SecondaryGoal":
        """The model for some units."""
        return SecondaryGoal(self.theta[rows], self.kind)

    def programs(
        self,
        technology: Technology,
        units: Evaluated,
        shared: np.ndarray,
        largest: np.ndarray,
        extra: np.ndarray | None,
    ) -> Programs:
        """The programmes of these units."""
        m, s = units.X.shape[1], units.Y.shape[1]
        n_units, n_rows = len(units), m + s
        others_x, others_y = technology.X.sum(axis=0) - units.X, technology.Y.sum(axis=0) - units.Y
        size = np.hstack([others_x, others_y])
        scale = 1.0 / np.where(size > 0.0, size, largest)
        kind = 1.0 if self.kind == "benevolent" else -1.0
        columns = np.zeros((n_units, 4 + n_rows, n_rows))
        columns[:, 0, :m] = kind * others_x
        columns[:, 1, :m], columns[:, 1, m:] = -others_x, others_y
        columns[:, 2] = kind * np.hstack([-self.theta[:, None] * units.X, units.Y])
        columns[:, 3] = -columns[:, 2]
        columns *= scale[:, None, :]
        slack = 4 + np.arange(n_rows)
        columns[:, slack, np.arange(n_rows)] = -1.0
        cost = np.zeros(columns.shape[:2])
        cost[:, 0] = kind
        rhs = np.hstack([np.zeros((n_units, m)), kind * others_y]) * scale
        free = np.zeros(cost.shape[1], dtype=bool)
        free[0] = True
        basis = np.broadcast_to(slack, (n_units, n_rows)).copy()
        unit = np.arange(n_units)
        basis[unit, (others_x * scale[:, :m]).argmax(axis=1)] = 0
        if self.kind == "benevolent":  # everybody else at once makes what is asked for
            basis[unit, m + (others_y * scale[:, m:]).argmax(axis=1)] = 1
        return Programs(
            shared=shared,
            columns=columns,
            cost=cost,
            rhs=rhs,
            scale=scale,
            basis=basis,
            free=free,
            own_reach=np.ones(cost.shape),
            zeros=np.zeros(scale.shape, dtype=bool),
            artificial=np.zeros(cost.shape, dtype=bool),
            blocked=np.full(n_units, -1),
            limits=np.zeros(0, dtype=np.int64),
        )
