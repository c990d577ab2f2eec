"""What the neighbourhood of each row tells: local slopes, the noise level, and which inputs matter."""

import numpy as np
from scipy.linalg import cholesky
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

__all__ = [
    "input_relevance",
    "line_rows",
    "local_lines",
    "neighbours",
    "noise_profile",
    "noise_variance",
    "outlier_trust",
    "pair_relevance",
]

NOISE_FLOOR = 1e-4  # of var(y): below it rounding decides
OUTLYING = 3.0  # noise standard deviations from where a row may be an outlier
CHUNK = 20_000  # rows whose neighbourhoods are held in memory at a time
RELEVANCE_ROWS, PAIR_ROWS = 400, 200
RELEVANCE_FLOOR = 0.02
RELEVANCE_TOL = 1e-5  # of the evidence, by which a step must improve it


def neighbours(Z: np.ndarray, count: int) -> np.ndarray:
    """Indices of the `count` nearest other rows of each row, shape (n_samples, min(count, n_samples - 1) or 1)."""
    if len(Z) == 1:  # a lone row has nobody but itself
        return np.zeros((1, 1), dtype=np.int64)
    count = min(count, len(Z) - 1)
    found = NearestNeighbors(n_neighbors=count + 1).fit(Z).kneighbors(Z, return_distance=False)
    # A row is not always its own first neighbour (duplicates): take it out wherever it stands.
    others = found != np.arange(len(Z))[:, None]
    others[others.all(axis=1), -1] = False
    return found[others].reshape(len(Z), count)


def line_rows(n_features: int) -> int:
    """How many neighbours a local line wants."""
    return 3 * (n_features + 1) + 2


def local_lines(
    near: np.ndarray, X: np.ndarray, y: np.ndarray, trust: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares line through the neighbours `near` (n_samples, n_near) of each row, the row itself left out.

    `trust` weighs the rows, shape (n_samples,); all alike when None.

    Returns
    -------
    slopes : ndarray of shape (n_samples, n_features)
    residuals : ndarray of shape (n_samples,)
        What the line misses at the row, scaled to the standard deviation of the noise alone.
    """
    trust = np.ones(len(X)) if trust is None else trust
    slopes, residuals = np.empty_like(X), np.empty(len(X))
    for start in range(0, len(X), CHUNK):
        rows = slice(start, start + CHUNK)
        slopes[rows], residuals[rows] = _lines_through(near[rows], rows, X, y, trust)
    return slopes, residuals


def _lines_through(
    near: np.ndarray, rows: slice, X: np.ndarray, y: np.ndarray, trust: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and scaled residuals of the lines through the rows `near` (n_rows, n_near) at some rows."""
    n, d = len(near), X.shape[1]
    design = np.concatenate([np.ones((*near.shape, 1)), X[near] - X[rows, None, :]], axis=2)
    weighted = design * trust[near][..., None]
    gram = np.einsum("nij,nik->njk", weighted, design)
    gram[:, np.arange(d + 1), np.arange(d + 1)] += 1e-6 * np.trace(gram, axis1=1, axis2=2)[:, None] / (d + 1)
    inverse_row = np.linalg.solve(gram, np.broadcast_to(np.eye(d + 1)[:, :1], (n, d + 1, 1)))[..., 0]
    weights = np.einsum("nij,nj->ni", weighted, inverse_row)  # prediction at the row = weights . y[near]
    residuals = (y[rows] - (weights * y[near]).sum(axis=1)) / np.sqrt(1.0 + (weights**2).sum(axis=1))
    slopes = np.linalg.solve(gram, np.einsum("nij,ni->nj", weighted, y[near])[..., None])[:, 1:, 0]
    return slopes, residuals


def noise_variance(residuals: np.ndarray) -> np.ndarray:
    """Robust noise variance (median absolute deviation, normal-consistent) of scaled local residuals, by column."""
    return np.maximum((np.median(np.abs(residuals), axis=0) / 0.6745) ** 2, NOISE_FLOOR)


def outlier_trust(residuals: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Weight of each row: 1 unless it is an outlier, then (3 sd / residual)^4.

    A row is an outlier when its residual exceeds three noise standard deviations and at most one of its neighbours
    misses its line by as much (half of it) to the same side: rows at a border or in a small regime have company,
    outliers stand alone. The weight falls fast enough that the influence of a row goes to zero the farther it lies
    off, as in the robust rounds of lowess (Cleveland, JASA 1979).

    Parameters
    ----------
    residuals : ndarray of shape (n_samples,)
        Of local lines, with even noise.
    near : ndarray of shape (n_samples, n_near), int
        Neighbours of each row.

    Returns
    -------
    trust : ndarray of shape (n_samples,)
    """
    size = np.abs(residuals)
    alike = (residuals[near] * np.sign(residuals)[:, None] > 0.5 * size[:, None]).sum(axis=1)
    limit = OUTLYING * np.sqrt(noise_variance(residuals))
    return np.where(alike <= 1, np.minimum(1.0, limit / np.maximum(size, limit)) ** 4, 1.0)


def noise_profile(Z: np.ndarray, residuals: np.ndarray, *, count: int = 60, contrast: float = 3.0) -> np.ndarray:
    """Relative noise variance of each row, all ones unless it clearly varies over the inputs.

    It is the median squared residual over the `count` nearest rows relative to the overall median, and is used when its
    90 % quantile is more than `contrast` times its 10 % quantile. Several outputs, as columns of `residuals`, have one
    profile: that of their mean squared residuals, each relative to its median.
    """
    squares = residuals.reshape(len(Z), -1) ** 2
    levels = np.median(squares, axis=0)
    if len(Z) < 2 * count or not levels.any():
        return np.ones(len(Z))
    squares = (squares[:, levels > 0] / levels[levels > 0]).mean(axis=1)
    profile = np.median(squares[neighbours(Z, count)], axis=1) / np.median(squares)
    low, high = np.quantile(profile, [0.1, 0.9])
    return np.maximum(profile, 0.05) if high > contrast * max(low, 1e-12) else np.ones(len(Z))


def input_relevance(
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    weight: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Relevance of each input, the largest 1: inverse length scales of a Gaussian process fitted to a few hundred rows.

    One or two inputs are always relevant. The process has a linear part and a Gaussian kernel with one length scale per
    input (automatic relevance determination, Rasmussen & Williams, GPML 2006, section 5.1); its evidence is maximised.
    Outputs, as columns of y, are independent draws of one process, and so are cells of rows, where `labels` are given.
    A row of weight w is the mean of w equal observations: its noise variance is divided by w.

    Returns
    -------
    relevance : ndarray of shape (n_features,)
        Values below 0.02 are set to 0.
    """
    if X.shape[1] <= 2:
        return np.ones(X.shape[1])
    weight = np.ones(len(X)) if weight is None else weight
    labels = np.zeros(len(X), dtype=np.int64) if labels is None else labels
    return _fitted_relevance(X, y, rng, weight, labels, RELEVANCE_ROWS)


def pair_relevance(X: np.ndarray, y: np.ndarray, rng: np.random.Generator, weight: np.ndarray) -> np.ndarray:
    """Relevance of two inputs, which fewer rows tell, shape (2,)."""
    return _fitted_relevance(X, y, rng, weight, np.zeros(len(X), dtype=np.int64), PAIR_ROWS)


def _fitted_relevance(
    X: np.ndarray, y: np.ndarray, rng: np.random.Generator, weight: np.ndarray, labels: np.ndarray, n_rows: int
) -> np.ndarray:
    d = X.shape[1]
    rows = rng.choice(len(X), n_rows, replace=False) if len(X) > n_rows else np.arange(len(X))
    cells = []
    for own in (rows[labels[rows] == label] for label in np.unique(labels[rows])):
        target = y[own].reshape(len(own), -1)
        target = target - np.average(target, axis=0, weights=weight[own])
        cells.append((X[own], target, X[own] @ X[own].T + 1.0, weight[own]))
    start = np.r_[np.full(d, -0.5 * np.log(d)), 0.0, np.log(0.1)]
    best = minimize(
        _negative_evidence_of_all,
        start,
        args=(cells,),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-7.0, 2.0)] * d + [(-4.0, 3.0), (np.log(NOISE_FLOOR) / 2, 1.0)],
        options={"maxiter": 40, "ftol": RELEVANCE_TOL},
    )
    relevance = np.exp(best.x[:d] - best.x[:d].max())
    return np.where(relevance < RELEVANCE_FLOOR, 0.0, relevance)


def _negative_evidence_of_all(
    logs: np.ndarray, cells: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
) -> tuple[float, np.ndarray]:
    """Minus the log evidence of cells that share their scales, and its gradient."""
    values, gradients = zip(*(_negative_evidence(logs, *cell) for cell in cells), strict=True)
    return float(sum(values)), np.sum(gradients, axis=0)


def _negative_evidence(
    logs: np.ndarray, X: np.ndarray, y: np.ndarray, linear: np.ndarray, weight: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus the log evidence of the process, and its gradient in log inverse scales, log amplitude and log noise sd.

    The evidence of w equal observations is that of their mean, times ``noise^(-(w - 1) / 2)`` for their agreement.
    """
    d, n_outputs = X.shape[1], y.shape[1]
    Z = X * np.exp(logs[:d])
    smooth = np.exp(2.0 * logs[d] - 0.5 * cdist(Z, Z, "sqeuclidean"))
    noise = np.exp(2.0 * logs[d + 1])
    total = smooth + linear
    total[np.diag_indices_from(total)] += noise / weight
    factor = cholesky(total, lower=True, check_finite=False)
    half = dpotri(factor, lower=True)[0]  # zeros above the diagonal, as the factor has
    inverse = half + half.T
    inverse[np.diag_indices_from(inverse)] *= 0.5
    alpha = inverse @ y
    repeats = n_outputs * (weight - 1.0).sum()
    value = 0.5 * (y * alpha).sum() + n_outputs * np.log(np.diag(factor)).sum() + repeats * logs[d + 1]
    slack = n_outputs * inverse - alpha @ alpha.T  # d value / d K = slack / 2
    weighted = slack * smooth
    row_sums = weighted.sum(axis=1)
    pair_sums = 2.0 * (row_sums @ Z**2 - np.einsum("ij,ij->j", Z, weighted @ Z))  # sum of weighted * (z_a - z_b)^2
    gradient = np.r_[-0.5 * pair_sums, weighted.sum(), noise * (np.diag(slack) / weight).sum() + repeats]
    return float(value), gradient
