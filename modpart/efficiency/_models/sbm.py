"""The slacks-based measure, also known as enhanced Russell graph measure, and its super-efficiency.

Tone 2001 (EJOR 130), Pastor, Ruiz & Sirvent 1999; super-efficiency Tone 2002 (EJOR 143). The fraction is made linear
by the change of variables of Charnes and Cooper, S = t s and Λ = t λ.

Where an input of the unit is zero its term is zero; where an output is zero its slack is not counted among the s.
"""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._models.additive import slacks_of
from modpart.efficiency._models.technology import Evaluated, Technology, hard_zeros, slack_reach
from modpart.efficiency._simplex.programs import Programs, Solution

__all__ = ["SlacksBased", "SuperSlacksBased"]


def _common(
    technology: Technology, units: Evaluated, shared: np.ndarray, largest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The shared columns with a row of zeros for the norm, the scale of the rows, and the unit's own column."""
    values = units.values
    m = units.X.shape[1]
    n_units, conv = len(units), int(technology.has_convexity_row)
    size = np.abs(values)
    scale = 1.0 / np.where(size > 0.0, size, largest)
    scale = np.hstack([scale, np.ones((n_units, conv + 1))])
    own = np.hstack([np.where(np.arange(values.shape[1]) < m, -values, values), np.ones((n_units, conv))])
    own = np.hstack([own, np.zeros((n_units, 1))]) * scale
    return np.hstack([shared, np.zeros((len(shared), 1))]), scale, own


@dataclass(frozen=True)
class SlacksBased:
    """Programmes of the slacks-based measure: columns t, own intensity, slacks, slack of the sum of intensities."""

    prices_carry_over = False
    own = 1

    def norm(self, solution: Solution) -> np.ndarray:
        """The factor t by which all other variables are multiplied."""
        return solution.own[:, 0]

    def take(self, rows: slice | np.ndarray) -> "SlacksBased":
        """The model for some units."""
        return self

    def programs(
        self,
        technology: Technology,
        units: Evaluated,
        shared: np.ndarray,
        largest: np.ndarray,
        extra: np.ndarray | None,
    ) -> Programs:
        """The programmes of these units."""
        shared, scale, own = _common(technology, units, shared, largest)
        m, s = units.X.shape[1], units.Y.shape[1]
        n_units, n_rows, conv = len(units), shared.shape[1], int(technology.has_convexity_row)
        sum_slack = technology.returns in ("nirs", "ndrs")
        columns = np.zeros((n_units, 2 + m + s + sum_slack, n_rows))
        columns[:, 0] = -own
        columns[:, 0, -1] = 1.0
        columns[:, 1] = own
        slack = 2 + np.arange(m + s)
        columns[:, slack, np.arange(m + s)] = -1.0
        positive = units.Y > 0.0
        counted = np.maximum(positive.sum(axis=1), 1)
        columns[:, slack[m:], -1] = positive / counted[:, None]
        if sum_slack:
            columns[:, -1, m + s] = 1.0 if technology.returns == "nirs" else -1.0
        cost = np.zeros(columns.shape[:2])
        cost[:, 0] = 1.0
        cost[:, slack[:m]] = np.where(units.X > 0.0, -1.0 / m, 0.0)
        artificial = np.zeros(cost.shape, dtype=bool)
        artificial[:, 1] = not units.allowed
        own_reach = np.ones(cost.shape)
        own_reach[:, slack] = slack_reach(technology, units)
        zeros = np.zeros(scale.shape, dtype=bool)
        zeros[:, : m + s] = hard_zeros(technology, units)[:, : m + s]
        rhs = np.zeros((n_units, n_rows))
        rhs[:, -1] = 1.0
        basis = np.broadcast_to(np.concatenate([slack, np.full(conv, 1), [0]]), (n_units, n_rows)).copy()
        if not conv:
            basis[np.arange(n_units), np.abs(own[:, : m + s]).argmax(axis=1)] = 1
        return Programs(
            shared=shared,
            columns=columns,
            cost=cost,
            rhs=rhs,
            scale=scale,
            basis=basis,
            free=np.zeros(cost.shape[1], dtype=bool),
            artificial=artificial,
            own_reach=own_reach,
            zeros=zeros,
            blocked=np.full(n_units, -1) if units.allowed else units.place,
            limits=np.arange(m) if technology.returns in ("crs", "ndrs") else np.zeros(0, dtype=np.int64),
        )

    def slacks(self, solution: Solution, units: Evaluated, largest: np.ndarray) -> np.ndarray:
        """Slacks in units of the data, shape (U, m + s)."""
        return slacks_of(solution, units, largest, first=2) / solution.own[:, :1]


@dataclass(frozen=True)
class SuperSlacksBased:
    """Programmes of super-efficiency: the closest point that others reach and that is no better in anything.

    Columns t, own intensity (artificial), p (added input), q (given up output), slacks of all rows.
    """

    prices_carry_over = False
    own = 1

    def take(self, rows: slice | np.ndarray) -> "SuperSlacksBased":
        """The model for some units."""
        return self

    def programs(
        self,
        technology: Technology,
        units: Evaluated,
        shared: np.ndarray,
        largest: np.ndarray,
        extra: np.ndarray | None,
    ) -> Programs:
        """The programmes of these units; a row more for each output, q <= t y, and the norm."""
        m, s = units.X.shape[1], units.Y.shape[1]
        shared, scale, own = _common(technology, units, shared, largest)
        n_units, conv = len(units), int(technology.has_convexity_row)
        nothing = np.zeros((len(shared), s))
        shared = np.ascontiguousarray(np.hstack([shared[:, :-1], nothing, shared[:, -1:]]))
        scale = np.insert(scale, [m + s + conv] * s, 1.0, axis=1)
        own = np.insert(own, [m + s + conv] * s, 0.0, axis=1)
        n_rows = shared.shape[1]
        sum_slack = technology.returns in ("nirs", "ndrs")
        n_own = 2 + m + s + m + s + s + sum_slack
        columns = np.zeros((n_units, n_own, n_rows))
        columns[:, 0] = -own
        columns[:, 0, -1] = 1.0
        columns[:, 1] = own
        positive = units.Y > 0.0
        counted = np.maximum(positive.sum(axis=1), 1)
        change = 2 + np.arange(m + s)
        columns[:, change, np.arange(m + s)] = 1.0
        columns[:, change[m:], -1] = -1.0 * positive / counted[:, None]
        slack = 2 + m + s + np.arange(m + s)
        columns[:, slack, np.arange(m + s)] = -1.0
        left = 2 + 2 * (m + s) + np.arange(s)  # t y - q - left = 0
        cap = m + s + conv + np.arange(s)
        columns[:, 0, cap] = positive
        columns[:, change[m:], cap] = -1.0
        columns[:, left, cap] = -1.0
        if sum_slack:
            columns[:, -1, m + s] = 1.0 if technology.returns == "nirs" else -1.0
        cost = np.zeros((n_units, n_own))
        cost[:, 0] = 1.0
        cost[:, change[:m]] = 1.0 / m
        artificial = np.zeros(cost.shape, dtype=bool)
        artificial[:, 1] = True
        rhs = np.zeros((n_units, n_rows))
        rhs[:, -1] = 1.0
        basis = np.broadcast_to(np.concatenate([slack, np.full(conv, 1), left, [0]]), (n_units, n_rows)).copy()
        if not conv:
            basis[np.arange(n_units), np.abs(own[:, : m + s]).argmax(axis=1)] = 1
        return Programs(
            shared=shared,
            columns=columns,
            cost=cost,
            rhs=rhs,
            scale=scale,
            basis=basis,
            free=np.zeros(n_own, dtype=bool),
            artificial=artificial,
            own_reach=np.ones(cost.shape),
            zeros=np.zeros(scale.shape, dtype=bool),
            blocked=units.place,
            limits=np.arange(m) if technology.returns in ("crs", "ndrs") else np.zeros(0, dtype=np.int64),
        )
