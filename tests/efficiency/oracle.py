"""One linear programme for each unit, written down afresh and solved by HiGHS: what the engine has to agree with."""

import numpy as np
from scipy.optimize import linprog

TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


class Programme:
    """A linear programme in named pieces; rows are scaled by the evaluated unit's own values."""

    def __init__(self, n_variables):
        self.n = n_variables
        self.A, self.b, self.E, self.e = [], [], [], []
        self.bounds = [(0, None)] * n_variables

    def at_most(self, row, value, scale=1.0):
        self.A.append(np.asarray(row) / scale)
        self.b.append(value / scale)

    def equal(self, row, value):
        self.E.append(np.asarray(row))
        self.e.append(value)

    def least(self, cost):
        answer = linprog(
            cost,
            A_ub=np.array(self.A) if self.A else None,
            b_ub=self.b or None,
            A_eq=np.array(self.E) if self.E else None,
            b_eq=self.e or None,
            bounds=self.bounds,
            method="highs",
            options=TIGHT,
        )
        return answer


def sum_row(programme, returns, row, right=1.0, t=None):
    """The condition on the sum of intensities; with `t` it is scaled by that variable."""
    row = np.array(row, dtype=float)
    value = right
    if t is not None:
        row[t] -= right
        value = 0.0
    if returns == "vrs":
        programme.equal(row, value)
    elif returns == "nirs":
        programme.at_most(row, value)
    elif returns == "ndrs":
        programme.at_most(-row, -value)


def scale_of(value):
    return abs(value) if value != 0 else 1.0


def directional(X, Y, x, y, gx, gy, returns, skip=None, B=None, b=None, gb=None, trade_offs=()):
    """Largest beta, or None when infeasible."""
    n, m = X.shape
    s = Y.shape[1]
    extra = n if B is not None and returns in ("vrs", "nirs") else 0
    p = Programme(1 + n + extra + len(trade_offs))
    p.bounds[0] = (None, None)
    if skip is not None:
        p.bounds[1 + skip] = (0, 0)
        if extra:
            p.bounds[1 + n + skip] = (0, 0)
    a = np.array(trade_offs, dtype=float).reshape(len(trade_offs), m + s)
    zero = np.zeros(extra)
    for i in range(m):
        abated = X[:, i] if extra else zero
        p.at_most(np.r_[gx[i], X[:, i], abated, -a[:, i]], x[i], scale_of(x[i]))
    for r in range(s):
        p.at_most(np.r_[gy[r], -Y[:, r], zero, -a[:, m + r]], -y[r], scale_of(y[r]))
    if B is not None:
        for k in range(B.shape[1]):
            p.equal(np.r_[gb[k], B[:, k], zero, np.zeros(len(a))], b[k])
    sum_row(p, returns, np.r_[0, np.ones(n), np.ones(extra), np.zeros(len(a))])
    answer = p.least(np.r_[-1.0, np.zeros(p.n - 1)])
    return -answer.fun if answer.status == 0 else None


def multiplier(X, Y, o, gx, gy, returns, low, high):
    """The directional distance by its weights, each within bounds; None when there are none."""
    n, m = X.shape
    free = {"crs": (0, 0), "vrs": (None, None), "nirs": (0, None), "ndrs": (None, 0)}[returns]
    size = np.abs(np.r_[X[o], Y[o]])
    p = Programme(len(size) + 1)
    p.bounds = [*zip(low * size, high * size, strict=True), free]
    p.equal(np.r_[np.r_[gx, gy] / size, 0.0], 1.0)
    for x, y in zip(X, Y, strict=True):
        p.at_most(np.r_[-np.r_[x, -y] / size, -1.0], 0.0)
    answer = p.least(np.r_[np.r_[X[o], -Y[o]] / size, 1.0])
    return answer.fun if answer.status == 0 else None


def radial(X, Y, o, orientation, returns, skip=False, x=None, y=None):
    """Score of unit o, or of (x, y); inf or -inf when infeasible."""
    x, y = (X[o] if x is None else x), (Y[o] if y is None else y)
    gx, gy = (x, 0 * y) if orientation == "input" else (0 * x, y)
    beta = directional(X, Y, x, y, gx, gy, returns, o if skip else None)
    if beta is None:
        return np.inf if orientation == "input" else -np.inf
    return 1 - beta if orientation == "input" else 1 + beta


def additive(X, Y, o, wx, wy, returns, fixed_x=None, fixed_y=None, low=None, high=None, x=None, y=None):
    """Largest weighted sum of slacks, and the slacks."""
    n, m = X.shape
    s = Y.shape[1]
    x, y = (X[o] if x is None else x), (Y[o] if y is None else y)
    p = Programme(n + m + s)
    eye = np.eye(m + s)
    for i in range(m):
        p.equal(np.r_[X[:, i], eye[i]] / scale_of(x[i]), x[i] / scale_of(x[i]))
        if fixed_x is not None and fixed_x[i]:
            p.bounds[n + i] = (0, 0)
        if low is not None:
            p.at_most(np.r_[-X[:, i], 0 * eye[i]], -low[i], scale_of(x[i]))
    for r in range(s):
        p.equal(np.r_[Y[:, r], -eye[m + r]] / scale_of(y[r]), y[r] / scale_of(y[r]))
        if fixed_y is not None and fixed_y[r]:
            p.bounds[n + m + r] = (0, 0)
        if high is not None:
            p.at_most(np.r_[Y[:, r], 0 * eye[m + r]], high[r], scale_of(y[r]))
    sum_row(p, returns, np.r_[np.ones(n), np.zeros(m + s)])
    answer = p.least(-np.r_[np.zeros(n), wx, wy])
    return (-answer.fun, answer.x[n:]) if answer.status == 0 else (None, None)


def slacks_based(X, Y, o, returns, skip=False):
    """The slacks-based measure of a unit, positive data."""
    n, m = X.shape
    s = Y.shape[1]
    x, y = X[o], Y[o]
    p = Programme(1 + n + m + s)
    if skip:
        p.bounds[1 + o] = (0, 0)
    eye = np.eye(m + s)
    for i in range(m):
        p.equal(np.r_[-x[i], X[:, i], eye[i]] / x[i], 0.0)
    for r in range(s):
        p.equal(np.r_[-y[r], Y[:, r], -eye[m + r]] / y[r], 0.0)
    p.equal(np.r_[1.0, np.zeros(n + m), 1 / (s * y)], 1.0)
    sum_row(p, returns, np.r_[0, np.ones(n), np.zeros(m + s)], t=0)
    answer = p.least(np.r_[1.0, np.zeros(n), -1 / (m * x), np.zeros(s)])
    return answer.fun if answer.status == 0 else None


def super_slacks_based(X, Y, o, returns):
    """Super-efficiency by slacks, positive data: variables t, lambda, x bar, y bar (Tone 2002, eq. 11)."""
    n, m = X.shape
    s = Y.shape[1]
    x, y = X[o], Y[o]
    p = Programme(1 + n + m + s)
    p.bounds[1 + o] = (0, 0)
    eye = np.eye(m + s)
    for i in range(m):
        p.at_most(np.r_[0.0, X[:, i], -eye[i]], 0.0, x[i])
        p.at_most(np.r_[x[i], np.zeros(n), -eye[i]], 0.0, x[i])
    for r in range(s):
        p.at_most(np.r_[0.0, -Y[:, r], eye[m + r]], 0.0, y[r])
        p.at_most(np.r_[-y[r], np.zeros(n), eye[m + r]], 0.0, y[r])
    p.equal(np.r_[0.0, np.zeros(n + m), 1 / (s * y)], 1.0)
    sum_row(p, returns, np.r_[0, np.ones(n), np.zeros(m + s)], t=0)
    answer = p.least(np.r_[0.0, np.zeros(n), 1 / (m * x), np.zeros(s)])
    return answer.fun if answer.status == 0 else np.inf


def hyperbolic(X, Y, o, returns):
    """Least gamma by bisection on the feasibility of (gamma x, y / gamma)."""
    low, high = 1e-9, 1.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        zero = np.zeros(Y.shape[1])
        beta = directional(X, Y, X[o] * middle, Y[o] / middle, X[o], zero, returns)
        low, high = (low, middle) if beta is not None and beta >= -1e-12 else (middle, high)
    return high
