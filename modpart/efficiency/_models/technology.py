"""What all models share: reference units, the rows of their programmes, and how rows are scaled."""

from dataclasses import dataclass

import numpy as np

from modpart.efficiency._simplex.programs import Programs

__all__ = ["TECHNOLOGIES", "Evaluated", "Technology", "assemble", "hard_zeros", "slack_reach"]

MOST_REACH = 1e5
TECHNOLOGIES = ("vrs", "crs", "nirs", "ndrs", "fdh")


@dataclass(frozen=True)
class Technology:
    """All that the reference units make possible.

    Attributes
    ----------
    X : ndarray of shape (n, m)
        Inputs.
    Y : ndarray of shape (n, s)
        Outputs.
    returns : {"vrs", "crs", "nirs", "ndrs", "fdh"}
        Sum of the intensities: one, any, at most one, at least one; one unit alone.
    B : ndarray of shape (n, p)
        Undesirable outputs, weakly disposable: they can be cut only together with the outputs (Kuosmanen 2005).
    trade_offs : ndarray of shape (L, m + s + p)
        Changes of inputs (more is +) and outputs that any unit may make: the dual side of weight restrictions
        (Podinovski 2004).
    """

    X: np.ndarray
    Y: np.ndarray
    returns: str
    B: np.ndarray
    trade_offs: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, Y: np.ndarray, returns: str = "vrs", B: np.ndarray | None = None) -> "Technology":
        """Without undesirable outputs and trade-offs unless given."""
        B = np.empty((len(X), 0)) if B is None else B
        return cls(X, Y, returns, B, np.empty((0, X.shape[1] + Y.shape[1] + B.shape[1])))

    def __len__(self) -> int:
        return len(self.X)

    @property
    def has_convexity_row(self) -> bool:
        """Whether the sum of the intensities is a row of its own."""
        return self.returns != "crs"

    @property
    def largest(self) -> np.ndarray:
        """Largest absolute value of each column, 1 for a column of zeros."""
        top = np.abs(np.hstack([self.X, self.Y, self.B])).max(axis=0)
        return np.where(top > 0.0, top, 1.0)

    def shared_columns(self) -> np.ndarray:
        """The columns of the intensities: (-x, y, b, 1) of each unit, then those of abatement, then the trade-offs."""
        ones = np.ones((len(self), int(self.has_convexity_row)))
        columns = [np.hstack([-self.X, self.Y, self.B, ones])]
        if self.B.shape[1] and self.returns in ("vrs", "nirs"):
            columns.append(np.hstack([-self.X, 0.0 * self.Y, 0.0 * self.B, ones]))
        if len(self.trade_offs):
            columns.append(np.hstack([self.trade_offs, np.zeros((len(self.trade_offs), ones.shape[1]))]))
        return np.ascontiguousarray(np.vstack(columns))


@dataclass(frozen=True)
class Evaluated:
    """The units whose distance to the frontier is asked for.

    Attributes
    ----------
    X, Y, B : ndarray of shape (U, m), (U, s), (U, p)
    place : ndarray of shape (U,), int64
        Position of each among the reference units, -1 where it is none of them.
    allowed : bool
        Whether a unit may be its own peer.
    start : ndarray of shape (U, m + s + p) or None
        What the reference unit at `place` does, where that is not what the evaluated unit does: a point of the
        technology to begin at, in proportion to the unit's own inputs or outputs.
    """

    X: np.ndarray
    Y: np.ndarray
    B: np.ndarray
    place: np.ndarray
    allowed: bool
    start: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: slice | np.ndarray) -> "Evaluated":
        """Some of the units."""
        start = None if self.start is None else self.start[rows]
        return Evaluated(self.X[rows], self.Y[rows], self.B[rows], self.place[rows], self.allowed, start)

    @property
    def values(self) -> np.ndarray:
        """Inputs, outputs and undesirable outputs beside each other."""
        return np.hstack([self.X, self.Y, self.B])


def hard_zeros(technology: Technology, units: Evaluated) -> np.ndarray:
    """Inputs and undesirable outputs of which a unit has nothing, so that only units with nothing can be peers.

    Not where trade-offs or negative numbers could make up for some, shape (U, m + s + p).
    """
    m, s = units.X.shape[1], units.Y.shape[1]
    zeros = units.values == 0.0
    zeros[:, m : m + s] = False
    if len(technology.trade_offs):
        zeros[:] = False
    zeros[:, (np.hstack([technology.X, technology.Y, technology.B]) < 0.0).any(axis=0)] = False
    return zeros


def slack_reach(technology: Technology, units: Evaluated) -> np.ndarray:
    """How many times the unit's own value a slack may become: of an output as much as others have more of it.

    Rounding grows as much as the gain that is multiplied by it, so that there is a limit.
    """
    m, s = units.X.shape[1], units.Y.shape[1]
    reach = np.ones((len(units), m + s + units.B.shape[1]))
    size = np.abs(units.Y)
    top = np.broadcast_to(technology.largest[m : m + s], size.shape)
    np.divide(top, size, out=reach[:, m : m + s], where=size > 0.0)
    return np.clip(reach, 1.0, MOST_REACH)


def assemble(
    technology: Technology,
    units: Evaluated,
    *,
    moves: np.ndarray | None = None,
    costs: np.ndarray | None = None,
    slack_cost: np.ndarray | None = None,
    fixed: np.ndarray | None = None,
    free_slack: np.ndarray | None = None,
    rhs: np.ndarray | None = None,
    move_rows: np.ndarray | None = None,
    shared: np.ndarray,
    largest: np.ndarray,
    extra: np.ndarray | None = None,
    extra_cost: np.ndarray | None = None,
) -> Programs:
    """Programmes whose start is the unit itself: own intensity one, no move, no slack.

    The unit's own variables are, in this order: the move (free; only with `moves`), the own intensity, one slack for
    each input and output, an artificial for each undesirable output, the slack of the sum of intensities (NIRS, NDRS),
    and the `extra` ones.

    Parameters
    ----------
    moves : ndarray of shape (U, m + s + p) or None
        Coefficient of the move in each row.
    costs : ndarray of shape (U,) or None
        Cost of the move.
    slack_cost : ndarray of shape (U, m + s) or None
        Cost of each slack, in units of the data.
    fixed : ndarray of shape (U, m + s) or None
        Slacks that have to be zero.
    free_slack : ndarray of shape (m + s,), bool, or None
        Slacks of any sign.
    move_rows : ndarray of shape (m + s + p,), bool, or None
        Rows that the move may take in the starting basis, None for all.
    rhs : ndarray of shape (U, m + s + p) or None
        Right-hand sides, None for those that the unit itself fulfils; inputs with a minus.
    shared, largest : ndarray
        Of the technology; handed over so that chunks need not make them again.
    extra : ndarray of shape (U, E, m + s + p) or None
        More columns of the unit's own.
    extra_cost : ndarray of shape (U, E) or None
        Their costs, None for zero.
    """
    m, s, p = units.X.shape[1], units.Y.shape[1], units.B.shape[1]
    n_units, n_rows, conv = len(units), shared.shape[1], int(technology.has_convexity_row)
    values = units.values
    size = np.abs(values)
    data_scale = 1.0 / np.where(size > 0.0, size, largest)
    scale = np.hstack([data_scale, np.ones((n_units, conv))])
    sign = np.where(np.arange(m + s + p) < m, -1.0, 1.0)
    point = values if units.start is None else units.start
    own = np.hstack([sign * point * data_scale, np.ones((n_units, conv))])
    rhs = sign * values if rhs is None else rhs

    n_moves, slack_of_sum = int(moves is not None), int(technology.returns in ("nirs", "ndrs"))
    n_extra = 0 if extra is None else extra.shape[1]
    n_own = n_moves + 1 + m + s + p + slack_of_sum + n_extra
    columns = np.zeros((n_units, n_own, n_rows))
    cost = np.zeros((n_units, n_own))
    free = np.zeros(n_own, dtype=bool)
    artificial = np.zeros((n_units, n_own), dtype=bool)
    if moves is not None:
        columns[:, 0, : m + s + p] = moves * data_scale
        cost[:, 0] = costs
        free[0] = True
    columns[:, n_moves] = own
    artificial[:, n_moves] = not units.allowed
    slack = n_moves + 1 + np.arange(m + s + p)
    columns[:, slack, np.arange(m + s + p)] = -1.0
    if slack_cost is not None:
        cost[:, slack[: m + s]] = slack_cost / data_scale[:, : m + s]
    if fixed is not None:
        artificial[:, slack[: m + s]] = fixed
    artificial[:, slack[m + s :]] = True
    zeros = np.zeros(scale.shape, dtype=bool)
    if extra is None and (free_slack is None or not free_slack.any()):
        still = rhs == 0.0 if moves is None else (rhs == 0.0) & (moves == 0.0)
        zeros[:, : m + s + p] = hard_zeros(technology, units) & still
    own_reach = np.ones((n_units, n_own))
    own_reach[:, slack] = np.maximum(slack_reach(technology, units), np.minimum(np.abs(rhs) * data_scale, MOST_REACH))
    if slack_of_sum:
        columns[:, n_moves + 1 + m + s + p, -1] = 1.0 if technology.returns == "nirs" else -1.0
    if extra is not None:
        columns[:, n_own - n_extra :, : m + s + p] = extra * data_scale[:, None, :]
    if extra_cost is not None:
        cost[:, n_own - n_extra :] = extra_cost
    start = (
        np.broadcast_to(slack, (n_units, m + s + p))
        if not conv
        else np.hstack([np.broadcast_to(slack, (n_units, m + s + p)), np.full((n_units, 1), n_moves)])
    )
    basis = np.array(start, dtype=np.int64)
    if free_slack is not None:
        free[slack[: m + s]] = free_slack
    held = np.zeros(n_rows, dtype=bool)
    held[: m + s] = free[slack[: m + s]]
    _put_in(basis, columns, n_moves, conv, held, move_rows)
    return Programs(
        shared=shared,
        columns=columns,
        cost=cost,
        rhs=np.hstack([rhs * data_scale, np.ones((n_units, conv))]),
        scale=scale,
        basis=basis,
        free=free,
        artificial=artificial,
        own_reach=own_reach,
        zeros=zeros,
        blocked=np.full(n_units, -1) if units.allowed else units.place,
        limits=np.arange(m) if technology.returns in ("crs", "ndrs") else np.zeros(0, dtype=np.int64),
    )


def _put_in(
    basis: np.ndarray, columns: np.ndarray, own: int, conv: int, held: np.ndarray, move_rows: np.ndarray | None
) -> None:
    """Bring the move (variable 0 where `own` is 1) and the own intensity into a basis of slacks, in place.

    Each takes the row where the basis stays furthest from singular; rows that are `held` keep their slack.
    """
    unit = np.arange(len(basis))
    if own == 1:
        move = columns[:, 0]
        barred = held if move_rows is None else held | ~np.append(move_rows, np.zeros(len(held) - len(move_rows), bool))
        row = np.where(barred, -1.0, np.abs(move)).argmax(axis=1)
        basis[unit, row] = 0
    if conv:
        return
    mine = columns[:, own]
    if own == 1:
        left = np.abs(mine * move[unit, row][:, None] - move * mine[unit, row][:, None])
        left[unit, row] = -1.0
    else:
        left = np.abs(mine)
    left[:, held] = -1.0
    basis[unit, left.argmax(axis=1)] = own
