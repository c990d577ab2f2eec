"""The array operations that closed-form experts need, on numpy arrays or on tensors of another device.

The evidence is written once, in operators and indices that numpy and torch share; what they do not share stands here
and in :class:`modpart._torch.arrays.TorchArrays`, which has the same methods. Functions take whatever arrays they are
given and ask :func:`arrays_of` for the operations; results that decide something are numpy arrays in either case.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf
from scipy.spatial.distance import cdist

__all__ = ["NUMPY", "Array", "Arrays", "arrays_of", "arrays_on", "log_sum_exp"]

ALONE = 40  # columns from which a matrix is factorised alone and in place; numpy would copy it twice

Array = Any  # a float64 numpy array, or a float64 torch tensor


class Arrays:
    """Operations on numpy arrays."""

    def put(self, values: np.ndarray) -> Array:
        """A numpy array where the others are."""
        return values

    def get(self, values: Array) -> np.ndarray:
        """An array as a numpy array."""
        return values

    def columns(self, parts: Sequence[Array]) -> Array:
        """Columns beside one another."""
        return np.hstack(parts)

    def joined(self, parts: Sequence[Array]) -> Array:
        """Cells after one another, along the first axis."""
        return np.concatenate(parts)

    def kernel(self, squares: Array, scale: float) -> Array:
        """Gaussian kernel of a length scale, from squared distances."""
        return np.exp(squares * (-0.5 / scale**2))

    def squared_distances(self, first: Array, second: Array) -> Array:
        """Of each row of the first to each of the second, shape (n_first, n_second)."""
        return cdist(first, second, "sqeuclidean")

    def group_grams(self, rows: Array, groups: np.ndarray, n_groups: int) -> Array:
        """Sums of products of the rows of each group, shape (n_groups, p, p)."""
        ordered = rows[np.argsort(groups, kind="stable")]
        counts = np.bincount(groups, minlength=n_groups)
        ends = np.cumsum(counts)
        grams = np.zeros((n_groups, rows.shape[1], rows.shape[1]))
        for group in np.flatnonzero(counts):
            part = ordered[ends[group] - counts[group] : ends[group]]
            grams[group] = part.T @ part
        return grams

    def side_grams(self, rows: Array, cuts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Array:
        """Sums of products of the rows below every cut, then of those above, shape (2 n_cuts, p, p).

        Each of `cuts` holds the number of each row's segment along one direction and those segments after which to cut.
        """
        n_cuts, first = sum(len(after) for _, after in cuts), 0
        sides = np.empty((2 * n_cuts, rows.shape[1], rows.shape[1]))
        for groups, after in cuts:
            grams, running, done = self.group_grams(rows, groups, int(groups.max()) + 1), np.zeros(sides.shape[1:]), 0
            for place, end in enumerate(after + 1, first):
                for gram in grams[done:end]:
                    running += gram
                sides[place], done = running, end
            for gram in grams[done:]:
                running += gram
            last = first + len(after)
            np.subtract(running, sides[first:last], out=sides[n_cuts + first : n_cuts + last])
            first = last
        return sides

    def with_ridge(self, matrices: Array, ridge: np.ndarray) -> Array:
        """A stack of matrices (n_cells, p, p) with `ridge` (p,) added to each diagonal."""
        added = np.array(matrices, order="C")
        added.reshape(len(added), -1)[:, :: len(ridge) + 1] += ridge
        return added

    def pivots(self, matrices: Iterable[tuple[Array, np.ndarray]]) -> list[np.ndarray]:
        """Diagonals of the Cholesky factors of stacks of matrices, (n_cells, p, p) of any p, each with its ridge."""
        return [self._pivots(*each) for each in matrices]

    def _pivots(self, matrices: np.ndarray, ridge: np.ndarray) -> np.ndarray:
        if len(ridge) < ALONE:
            return np.diagonal(np.linalg.cholesky(self.with_ridge(matrices, ridge)), axis1=1, axis2=2).copy()
        pivots, room = np.empty(matrices.shape[:2]), np.empty(matrices.shape[1:])
        diagonal = room.reshape(-1)[:: len(ridge) + 1]
        for own, matrix in zip(pivots, matrices, strict=True):
            room[:] = matrix
            diagonal += ridge
            factor, failed = dpotrf(room.T, lower=1, clean=0, overwrite_a=1)
            if failed:
                raise np.linalg.LinAlgError("Matrix is not positive definite")
            own[:] = factor.diagonal()
        return pivots

    def cholesky(self, matrix: Array) -> Array:
        """Lower Cholesky factor of one matrix."""
        return np.linalg.cholesky(matrix)

    def eigh(self, matrix: Array) -> tuple[Array, Array]:
        """Eigenvalues, from the least, and eigenvectors, as columns, of one symmetric matrix."""
        values, vectors = np.linalg.eigh(matrix)
        return values, vectors

    def solve_lower(self, factor: Array, right: Array, *, transposed: bool = False) -> Array:
        """Solve with a lower triangular matrix, or with its transpose."""
        return solve_triangular(factor, right, lower=True, trans="T" if transposed else "N", check_finite=False)


NUMPY = Arrays()


def log_sum_exp(values: np.ndarray, axis: int) -> np.ndarray:
    """Logarithm of the summed exponentials of finite values: scipy's without its checks, for thousands of calls."""
    top = values.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(values - top).sum(axis=axis))


def arrays_of(values: Array) -> Any:
    """Operations for an array."""
    if isinstance(values, np.ndarray):
        return NUMPY
    from modpart._torch.arrays import TorchArrays

    return TorchArrays(values.device)


def arrays_on(device: str) -> Any:
    """Operations on a device: numpy on the CPU, torch elsewhere; ``"auto"`` takes CUDA where torch sees it."""
    if device == "cpu":
        return NUMPY
    from modpart._torch.arrays import TorchArrays
    from modpart._torch.device import resolve_device

    found = resolve_device(device)
    return NUMPY if found.type == "cpu" else TorchArrays(found)
