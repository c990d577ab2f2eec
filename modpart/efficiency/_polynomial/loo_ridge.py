"""Ridge regression by one QR of the widest design: every nested design and penalty, leave-one-out in closed form.

With P = Q R, the first K columns of P are Q[:, :K] R[:K, :K]; a singular value decomposition of that small block gives
U, s and V of the narrower design. Nothing is squared, so a penalty of zero gives the minimum-norm solution.
"""

from typing import Any

import numpy as np
from scipy.linalg import qr, svd

__all__ = ["LooRidge", "Spectrum"]

CHUNK = 8192  # rows, so that what is made on the way stays in the cache
LEAST_REST = 1e-12  # of 1 - h: below, a row has no leave-one-out value


class LooRidge:
    """Ridge regressions of targets on prefixes of a design.

    Parameters
    ----------
    design : ndarray of shape (n_samples, n_terms)
        First column constant.
    target : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,)
        All > 0. A row of weight w counts as w equal rows, of which leave-one-out leaves out one (all of it if w < 1).
    penalise_bias : bool
        Whether the constant's coefficient is penalised like the others.
    """

    def __init__(self, design: np.ndarray, target: np.ndarray, weight: np.ndarray, *, penalise_bias: bool) -> None:
        root = np.sqrt(weight)[:, None]
        self._root, self._target = root, target
        self._left_out = np.minimum(weight, 1.0)
        self._q, self._r = qr(design * root, mode="economic", overwrite_a=True, check_finite=False)
        self._qy = self._q.T @ (target * root)
        self._first = 0 if penalise_bias else 1

    def decompose(self, width: int) -> "Spectrum":
        """Singular values of the first `width` columns (without the constant, when that is free)."""
        first, height = self._first, min(width, len(self._r))
        block = self._r[first:height, first:width]
        if block.size == 0:
            return Spectrum(np.zeros((height - first, 0)), np.zeros(0), np.zeros((0, width - first)), width)
        u, s, vt = svd(block, full_matrices=False, check_finite=False)
        rank = int((s > max(len(self._q), width) * np.finfo(float).eps * s[0]).sum())
        return Spectrum(u[:, :rank], s[:rank], vt[:rank], width)

    def coefficients(self, spectrum: "Spectrum", alpha: float) -> np.ndarray:
        """Coefficients of shape (width, n_targets)."""
        first = self._first
        below = slice(first, first + len(spectrum.u))
        shrunk = spectrum.s / (spectrum.s**2 + alpha)
        coef = spectrum.vt.T @ (shrunk[:, None] * (spectrum.u.T @ self._qy[below]))
        if first == 0:
            return coef
        bias = (self._qy[:1] - self._r[:1, 1 : spectrum.width] @ coef) / self._r[0, 0]
        return np.vstack([bias, coef])

    def left_out(self, spectrum: "Spectrum", alphas: np.ndarray) -> Any:
        """Yield, for chunks of rows, their slice and what each row is predicted when it is left out.

        The predictions have shape (n_alphas, n_rows, n_targets); nan where a row decides its own prediction (h = 1).
        """
        first, rank = self._first, len(spectrum.s)
        below = slice(first, first + len(spectrum.u))
        kept = spectrum.s**2 / (spectrum.s**2 + alphas[:, None])  # (n_alphas, rank)
        shares = kept[:, :, None] * (spectrum.u.T @ self._qy[below])  # (n_alphas, rank, n_targets)
        shares = shares.transpose(1, 0, 2).reshape(rank, -1)
        n_targets = self._target.shape[1]
        for start in range(0, len(self._q), CHUNK):
            rows = slice(start, start + CHUNK)
            u = (self._q[rows, below] @ spectrum.u) / self._root[rows]
            fitted, leverage = u @ shares, (u**2) @ kept.T
            if first:
                free = self._q[rows, :1] / self._root[rows]
                fitted += np.tile(free @ self._qy[:1], len(alphas))
                leverage += free**2
            fitted = fitted.reshape(len(u), len(alphas), n_targets).transpose(1, 0, 2)
            rest = 1.0 - self._left_out[rows] * leverage.T
            rest = np.where(rest > LEAST_REST, rest, np.nan)
            target = self._target[rows]
            yield rows, target - (target - fitted) / rest[:, :, None]


class Spectrum:
    """Singular value decomposition of a prefix of the design, null directions left out."""

    def __init__(self, u: np.ndarray, s: np.ndarray, vt: np.ndarray, width: int) -> None:
        self.u = u
        self.s = s
        self.vt = vt
        self.width = width
