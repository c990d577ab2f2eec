"""The feature map that all closed-form experts share: a straight line plus a smooth part at several length scales.

Because the map is shared, the Gram matrices of two sets of rows simply add, so joining two regimes costs one
Cholesky factorisation (see :mod:`modpart.partition._evidence.evidence`).
"""

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans

from modpart.partition._evidence.arrays import NUMPY, Array

__all__ = ["SmoothBasis"]

LINEAR_SD = 3.0  # prior sd of intercept and slopes, in units of sd(y)
MAX_CENTRES = 100
MAX_SCALES = 8
EIGENVALUE_CUT = 1e-7


class SmoothBasis:
    """Linear features and Nystrom features of Gaussian kernels at several length scales.

    For a length scale ``l`` with centres ``Z`` and kernel ``k_l`` the features of a row x are
    ``[3, 3 x, K_ZZ^(-1/2) k_l(x, Z)]``; with independent N(0, 1) coefficients the last block is the Nystrom
    approximation (Williams & Seeger, NIPS 2000) of a Gaussian process with that kernel.

    Parameters
    ----------
    relevance : ndarray of shape (n_features,)
        Weight of each input in the distances, 0 for inputs that the smooth part ignores.
    smooth : bool
        Whether there is a smooth part at all; without it the only model is the straight line.

    Attributes
    ----------
    scales_ : list of float
        Length scales, in units of the weighted inputs.
    n_linear_ : int
        Number of leading linear features, n_features + 1.
    """

    def __init__(self, relevance: np.ndarray, *, smooth: bool = True) -> None:
        self.relevance = relevance
        self.smooth = smooth

    def fit(self, X: np.ndarray, seed: int) -> "SmoothBasis":
        """Place the centres on the rows of X, shape (n_samples, n_features), already standardised."""
        self.n_linear_ = X.shape[1] + 1
        self.scales_: list[float] = []
        self.roots_: list[np.ndarray] = []
        if not self.smooth:
            return self
        Z = np.unique(X * self.relevance, axis=0)
        if len(Z) > MAX_CENTRES:
            Z = KMeans(MAX_CENTRES, n_init=1, max_iter=30, random_state=seed).fit(Z).cluster_centers_
        self.centres_ = Z
        distances = cdist(Z, Z)
        spacing = np.median(np.sort(distances, axis=1)[:, min(1, len(Z) - 1)])
        widest = 2.0 * np.sqrt(np.sum(self.relevance**2))
        for power in range(MAX_SCALES):
            scale = float(widest * 2.0**-power)
            if power and scale < 0.9 * spacing:
                break
            values, vectors = np.linalg.eigh(np.exp(-0.5 * (distances / scale) ** 2))
            keep = values > EIGENVALUE_CUT * values[-1]
            self.scales_.append(scale)
            self.roots_.append(vectors[:, keep] / np.sqrt(values[keep]))
        return self

    def features(self, X: np.ndarray, scales: set[int] | None = None, arrays: Any = NUMPY) -> list[Array]:
        """Return one feature matrix (n_samples, n_linear + n_smooth) per length scale.

        Those of length scales that are not among `scales` have the linear features alone, as has the one matrix where
        there is no smooth part. `arrays` says on which device they are made.
        """
        linear = arrays.put(np.column_stack([np.full(len(X), LINEAR_SD), LINEAR_SD * X]))
        if not self.scales_:
            return [linear]
        squares = arrays.squared_distances(arrays.put(X * self.relevance), arrays.put(self.centres_))
        return [
            arrays.columns([linear, arrays.kernel(squares, scale) @ arrays.put(root)])
            if scales is None or index in scales
            else linear
            for index, (scale, root) in enumerate(zip(self.scales_, self.roots_, strict=True))
        ]
