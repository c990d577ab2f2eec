"""What a cluster tree says about the number of clusters: the whole history of merges in one pass."""

from dataclasses import dataclass

import numpy as np

__all__ = ["TreeHistory", "expected_rsq"]


@dataclass(frozen=True)
class TreeHistory:
    """Statistics of the merges that left k = 1, 2, ..., k_max clusters, in that order.

    Attributes
    ----------
    merged : ndarray of int
        Number of rows of the cluster that the merge made.
    rmsstd, sprsq, rsq, pseudo_f, pseudo_t2, ccc : ndarray
        The statistics of Sarle's and of Duda & Hart's schools; nan where undefined.
    within : ndarray
        Sum of squares within the k clusters.
    """

    merged: np.ndarray
    rmsstd: np.ndarray
    sprsq: np.ndarray
    rsq: np.ndarray
    pseudo_f: np.ndarray
    pseudo_t2: np.ndarray
    ccc: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, linkage: np.ndarray, k_max: int) -> "TreeHistory":
        """Walk once through the merge list of scipy, O(n p), and keep its last `k_max` merges."""
        size, growth, within_parts = _merges(X, linkage)
        n, width = X.shape
        k = np.arange(1, k_max + 1)
        last = slice(len(growth) - k_max, len(growth))
        merged, b, parts = size[last][::-1], growth[last][::-1], within_parts[last][::-1]
        total = float(((X - X.mean(axis=0)) ** 2).sum())
        within = np.concatenate([[0.0], np.cumsum(growth)])[::-1][:k_max]  # P_k, from the exact zero of n clusters on
        rsq = 1.0 - _ratio(within, total)
        rsq[0] = 0.0
        rest = merged - 2  # degrees of freedom per column within the two that were merged
        return cls(
            merged=merged,
            rmsstd=np.sqrt((parts + b) / (width * (merged - 1))),
            sprsq=_ratio(b, total),
            rsq=rsq,
            pseudo_f=_ratio((total - within) * (n - k), within * (k - 1)),
            pseudo_t2=_ratio(b * rest, parts),
            ccc=_ccc(X, rsq, k),
            within=within,
        )


def _merges(X: np.ndarray, linkage: np.ndarray) -> tuple[np.ndarray, ...]:
    """Per merge: rows of the new cluster, growth of the sum of squares, and sum of squares within the two before it."""
    n, width = X.shape
    size = np.ones(2 * n - 1)
    centre = np.zeros((2 * n - 1, width))
    centre[:n] = X - X.mean(axis=0)
    within = np.zeros(2 * n - 1)
    pairs = linkage[:, :2].astype(np.int64)
    growth, parts = np.empty(n - 1), np.empty(n - 1)
    for i, (a, b) in enumerate(pairs):
        new, both = n + i, size[a] + size[b]
        gap = centre[a] - centre[b]
        growth[i] = size[a] * size[b] / both * (gap @ gap)
        parts[i] = within[a] + within[b]
        size[new], within[new] = both, parts[i] + growth[i]
        centre[new] = (size[a] * centre[a] + size[b] * centre[b]) / both
    return size[n:].astype(np.int64), growth, parts


def _ratio(top: np.ndarray, bottom: np.ndarray | float) -> np.ndarray:
    """Quotient; nan where there is nothing to divide by."""
    bottom = np.broadcast_to(bottom, np.shape(top))
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0.0)


def _ccc(X: np.ndarray, rsq: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Cubic clustering criterion of Sarle (1983), for k >= 2; nan for k = 1 and where it is not defined."""
    n = len(X)
    spread = np.sqrt(np.maximum(np.linalg.eigvalsh(np.atleast_2d(np.cov(X.T)))[::-1], 0.0))
    out = np.full(len(k), np.nan)
    for i, q in enumerate(k):
        if q < 2 or q >= n or spread[0] <= 0.0 or not rsq[i] < 1.0:
            continue
        expected, used = expected_rsq(spread, int(q), n)
        out[i] = np.log((1.0 - expected) / (1.0 - rsq[i])) * np.sqrt(n * used / 2.0) / (0.001 + expected) ** 1.2
    return out


def expected_rsq(spread: np.ndarray, q: int, n: int) -> tuple[float, int]:
    """R-squared that q clusters of uniform data in a box of these sides would have, and how many sides are divided."""
    used, u = 1, spread / (spread[0] / q)
    for p in range(min(len(spread), q - 1), 0, -1):
        if spread[p - 1] <= 0.0:
            continue
        c = float(np.exp((np.log(spread[:p]).sum() - np.log(q)) / p))
        if spread[p - 1] / c >= 1.0:
            used, u = p, spread / c
            break
    inside = (1.0 / (n + u[:used])).sum() + (u[used:] ** 2 / (n + u[used:])).sum()
    return float(1.0 - inside / (u**2).sum() * (n - q) ** 2 / n * (1.0 + 4.0 / n)), used
