"""Evidence of a cell of rows: how probable its targets are under one smooth law, whatever its length scale.

A cell's law is Bayesian linear regression on the features of :class:`~modpart.partition._basis.SmoothBasis`, with
coefficients N(0, 1) and noise variance ``s2``. All that a cell needs is its augmented Gram matrix
``[F y]' [F y]``, and these add: the evidence of two cells joined follows from the sum of their matrices.

For ``A = s2 I + F'F`` the Cholesky factor of ``[[A, F'y], [y'F, y'y]]`` holds both terms of the log marginal
likelihood (Bishop, PRML 2006, eq. 3.86): ``log det A`` on its diagonal and ``y'y - y'F A^-1 F'y`` as its last
squared pivot.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

__all__ = ["Posterior", "Stats", "grid_size", "log_evidence", "model_evidences", "posterior", "useful_scales"]

AMPLITUDES = (0.5, 2.0)  # prior sd of the smooth part
KEPT_WEIGHT = 0.02  # models below this share of the best one's weight are left out of predictions
MAX_KEPT = 4


@dataclass
class Stats:
    """Augmented Gram matrices of some cells: one array (n_cells, p + 1, p + 1) per length scale, and row counts."""

    grams: list[np.ndarray]
    counts: np.ndarray
    n_linear: int

    @classmethod
    def of_groups(cls, augmented: list[np.ndarray], groups: np.ndarray, n_groups: int, n_linear: int) -> "Stats":
        """Statistics of rows grouped by `groups` (n_samples,), from feature matrices with y as last column."""
        order = np.argsort(groups, kind="stable")
        counts = np.bincount(groups, minlength=n_groups)
        ends = np.cumsum(counts)
        grams = []
        for matrix in augmented:
            rows = matrix[order]
            gram = np.zeros((n_groups, matrix.shape[1], matrix.shape[1]))
            for group in np.flatnonzero(counts):
                part = rows[ends[group] - counts[group] : ends[group]]
                gram[group] = part.T @ part
            grams.append(gram)
        return cls(grams, counts, n_linear)

    def __getitem__(self, cells: "np.ndarray | list[int] | slice") -> "Stats":
        return Stats([gram[cells] for gram in self.grams], self.counts[cells], self.n_linear)

    def __add__(self, other: "Stats") -> "Stats":
        return Stats(
            [a + b for a, b in zip(self.grams, other.grams, strict=True)], self.counts + other.counts, self.n_linear
        )

    def __len__(self) -> int:
        return len(self.counts)

    def cumulative(self) -> "Stats":
        """Statistics of the first 1, 2, ... cells together."""
        return Stats([np.cumsum(gram, axis=0) for gram in self.grams], np.cumsum(self.counts), self.n_linear)

    def total(self) -> "Stats":
        """Statistics of all cells together, as one cell."""
        return Stats(
            [gram.sum(axis=0, keepdims=True) for gram in self.grams], self.counts.sum(keepdims=True), self.n_linear
        )

    def coarsest(self, count: int) -> "Stats":
        """The same cells with the `count` longest length scales only."""
        return Stats(self.grams[:count], self.counts, self.n_linear)

    def append(self, other: "Stats") -> "Stats":
        """These cells followed by those of `other`."""
        return Stats(
            [np.concatenate(pair) for pair in zip(self.grams, other.grams, strict=True)],
            np.concatenate([self.counts, other.counts]),
            self.n_linear,
        )


def _models(stats: Stats) -> list[tuple[int, float]]:
    """The grid of models as (length scale index, amplitude); the straight line comes first, as (0, 0)."""
    has_smooth = stats.grams[0].shape[-1] > stats.n_linear + 1
    return [(0, 0.0)] + [(i, a) for i in range(len(stats.grams) if has_smooth else 0) for a in AMPLITUDES]


def _augmented(stats: Stats, scale: int, amplitude: float, s2: float) -> tuple[np.ndarray, int]:
    """The matrix whose Cholesky factor holds the evidence, for every cell, and its number p of features."""
    gram, linear = stats.grams[scale], stats.n_linear
    if amplitude == 0.0:
        keep = np.r_[:linear, gram.shape[-1] - 1]
        matrix = gram[:, keep[:, None], keep]
    else:
        scaling = np.ones(gram.shape[-1])
        scaling[linear:-1] = amplitude
        matrix = gram * scaling[:, None] * scaling
    p = matrix.shape[-1] - 1
    diagonal = np.arange(p)
    matrix[:, diagonal, diagonal] += s2
    matrix[:, p, p] += 1e-10  # an empty cell, or one that is fitted without error, still factorises
    return matrix, p


def model_evidences(stats: Stats, s2: float) -> np.ndarray:
    """Log marginal likelihood of every cell under every model of the grid, shape (n_cells, n_models)."""
    columns = []
    for scale, amplitude in _models(stats):
        matrix, p = _augmented(stats, scale, amplitude, s2)
        pivots = np.diagonal(np.linalg.cholesky(matrix), axis1=1, axis2=2)
        log_det = 2.0 * np.log(pivots[:, :p]).sum(axis=1)
        columns.append(-0.5 * ((stats.counts - p) * np.log(s2) + log_det + pivots[:, p] ** 2 / s2))
    return np.column_stack(columns) - 0.5 * np.log(2.0 * np.pi) * stats.counts[:, None]


def log_evidence(stats: Stats, s2: float, *, n_models: int | None = None) -> np.ndarray:
    """Log evidence of every cell, the models of the grid averaged with equal prior weight, shape (n_cells,).

    `n_models` is the size of the whole grid when `stats` holds only a part of it (the rest then counts as zero).
    """
    evidences = model_evidences(stats, s2)
    return logsumexp(evidences, axis=1) - np.log(n_models or evidences.shape[1])


def grid_size(stats: Stats) -> int:
    """Number of models in the grid."""
    return len(_models(stats))


def useful_scales(stats: Stats, s2: float) -> int:
    """How many of the longest length scales the single cell in `stats` needs: up to the one of its best model.

    A part of a cell is smoother than the whole (or as smooth), so its evidence needs no shorter ones.
    """
    return _models(stats)[int(np.argmax(model_evidences(stats, s2)[0]))][0] + 1


@dataclass
class Posterior:
    """What one cell has learned: for each kept model its length scale, amplitude, weight, mean and Cholesky factor."""

    scales: list[int]
    amplitudes: list[float]
    log_weights: np.ndarray
    means: list[np.ndarray]
    factors: list[np.ndarray]
    n_linear: int
    s2: float

    def model_features(self, features: list[np.ndarray], index: int) -> np.ndarray:
        """Features of kept model `index` from the list of feature matrices of all length scales."""
        matrix, amplitude = features[self.scales[index]], self.amplitudes[index]
        if amplitude == 0.0:
            return matrix[:, : self.n_linear]
        return np.hstack([matrix[:, : self.n_linear], amplitude * matrix[:, self.n_linear :]])

    def moments(self, features: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and leverage of every row under every kept model, each (n_kept, n_samples).

        The variance of the law at a row is ``s2 * leverage``, that of a new observation ``s2 * (1 + leverage)``.
        """
        means, leverages = [], []
        for index, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            matrix = self.model_features(features, index)
            means.append(matrix @ mean)
            leverages.append((solve_triangular(factor, matrix.T, lower=True, check_finite=False) ** 2).sum(axis=0))
        return np.array(means), np.array(leverages)

    def predict(self, features: list[np.ndarray]) -> np.ndarray:
        """Posterior mean of the law at every row, the kept models averaged, shape (n_samples,)."""
        weights = np.exp(self.log_weights)
        return sum(
            weight * (self.model_features(features, index) @ mean)
            for index, (weight, mean) in enumerate(zip(weights, self.means, strict=True))
        )

    def variance(self, features: list[np.ndarray]) -> np.ndarray:
        """Variance of a new observation at every row: noise, uncertainty of the law, and spread of the models."""
        means, leverages = self.moments(features)
        weights = np.exp(self.log_weights)
        return self.s2 * (1.0 + weights @ leverages) + weights @ (means - weights @ means) ** 2

    def log_density(self, features: list[np.ndarray], y: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Log predictive density of every row, shape (n_samples,); rows of the cell itself (`own`) are left out first.

        Leaving a row out needs no refit: its residual becomes r / (1 - h) and its variance s2 / (1 - h)
        (Rasmussen & Williams, GPML 2006, eqs. 5.10-5.12).
        """
        means, leverages = self.moments(features)
        residuals = y - means
        left_out = np.clip(1.0 - leverages, 1e-6, None)
        residuals = np.where(own, residuals / left_out, residuals)
        variances = self.s2 * np.where(own, 1.0 / left_out, 1.0 + leverages)
        densities = -0.5 * (np.log(2.0 * np.pi * variances) + residuals**2 / variances)
        return logsumexp(densities + self.log_weights[:, None], axis=0)

    def squared_error(self, features: list[np.ndarray], y: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Squared error of the averaged prediction at every row, own rows left out first, shape (n_samples,)."""
        means, leverages = self.moments(features)
        residuals = np.where(own, (y - means) / np.clip(1.0 - leverages, 1e-6, None), y - means)
        return (np.exp(self.log_weights) @ residuals) ** 2

    def freedom(self, features: list[np.ndarray]) -> float:
        """Effective number of parameters spent on the rows of the cell: the sum of their leverages."""
        return float(np.exp(self.log_weights) @ self.moments(features)[1].sum(axis=1))


def posterior(stats: Stats, s2: float) -> Posterior:
    """Posterior of the single cell in `stats` under the models that matter."""
    evidences = model_evidences(stats, s2)[0]
    order = np.argsort(-evidences)[:MAX_KEPT]
    kept = order[evidences[order] >= evidences[order[0]] + np.log(KEPT_WEIGHT)]
    grid = _models(stats)
    scales, amplitudes, means, factors = [], [], [], []
    for model in kept:
        scale, amplitude = grid[model]
        matrix, p = _augmented(stats, scale, amplitude, s2)
        factor = np.linalg.cholesky(matrix[0, :p, :p])
        half = solve_triangular(factor, matrix[0, :p, p], lower=True, check_finite=False)
        means.append(solve_triangular(factor, half, lower=True, trans="T", check_finite=False))
        factors.append(factor)
        scales.append(scale)
        amplitudes.append(amplitude)
    log_weights = evidences[kept] - logsumexp(evidences[kept])
    return Posterior(scales, amplitudes, log_weights, means, factors, stats.n_linear, s2)
