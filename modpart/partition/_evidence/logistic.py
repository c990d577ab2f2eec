"""Multinomial logistic regression with a normal prior, its evidence, and what a cut of its rows would gain.

A small share of the rows is taken to have any class at all (a lapse). Without it a handful of wrong labels flattens
the law of a sharp rule, and cutting along the rule's own boundary would pay.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Logistic", "fit_logistic", "gains_of_cuts"]

PRIOR_SD = 5.0  # of a weight on inputs with variance 1
LAPSE = 0.05  # share of rows with any class
NEWTON_STEPS, NEWTON_TOL = 30, 1e-3  # nats


@dataclass
class Logistic:
    """A fitted law.

    Attributes
    ----------
    weights : ndarray of shape (n_classes - 1, p)
        The last class is the reference, its logit is 0.
    evidence : float
        Log marginal likelihood of the labels by Laplace's approximation (MacKay 2003, eq. 27.6).
    """

    weights: np.ndarray
    evidence: float

    def losses(self, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Log loss of every row in nats, shape (n_samples,)."""
        return -_log_likelihood(features, codes, self.weights)[0]


def fit_logistic(
    features: np.ndarray,
    codes: np.ndarray,
    n_classes: int,
    start: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> Logistic:
    """Maximise likelihood times prior by Newton's method with expected curvature, halving steps that lead down.

    Parameters
    ----------
    features : ndarray of shape (n_samples, p)
        Inputs with a column of ones.
    codes : ndarray of shape (n_samples,), int
        Classes 0 ... n_classes - 1.
    n_classes : int
    start : ndarray of shape (n_classes - 1, p) or None
    weight : ndarray of shape (n_samples,) or None
        How many observations each row stands for; None is one each.
    """
    weights = np.zeros((n_classes - 1, features.shape[1])) if start is None else start
    value = _log_posterior(features, codes, weights, weight)
    for _ in range(NEWTON_STEPS):
        slopes, curvature = _derivatives(features, codes, weights, weight)
        slope = slopes.sum(axis=0) - weights.ravel() / PRIOR_SD**2
        step = np.linalg.solve(_with_prior(curvature.sum(axis=0)), slope).reshape(weights.shape)
        size, gain = 1.0, -1.0
        while gain < 0.0 and size > 1e-3:
            ahead = _log_posterior(features, codes, weights + size * step, weight)
            gain, size = ahead - value, size / 2.0
        if gain < 0.0:
            break
        weights, value = weights + 2.0 * size * step, ahead
        if gain < NEWTON_TOL:
            break
    curvature = _with_prior(_derivatives(features, codes, weights, weight)[1].sum(axis=0))
    return Logistic(weights, value + float(_occam(curvature)))


def gains_of_cuts(
    features: np.ndarray,
    codes: np.ndarray,
    law: Logistic,
    projections: np.ndarray,
    edges: np.ndarray,
    least: int,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Evidence that cutting the rows would gain, by one Newton step from their common law on either side.

    It is a score test as in model-based recursive partitioning (Zeileis, Hothorn & Hornik 2008), with evidence for its
    measure: where the common law fits, the scores on each side sum to about zero and no cut gains.

    Parameters
    ----------
    projections : ndarray of shape (n_samples, n_directions)
    edges : ndarray of shape (n_edges, n_directions)
        Rows up to an edge lie below the cut.
    least : int
        Least rows on either side, by weight; a cut that leaves fewer gains minus infinity.
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    gains : ndarray of shape (n_edges, n_directions)
    """
    weights, weight = law.weights, np.ones(len(codes)) if weight is None else weight
    slopes, curvature = _derivatives(features, codes, weights, weight, per_row=True)
    prior_slope = -weights.ravel() / PRIOR_SD**2
    likelihood = weight * _log_likelihood(features, codes, weights)[0]
    penalty = -0.5 * float((weights**2).sum()) / PRIOR_SD**2
    gains = np.full(edges.shape, -np.inf)
    for direction in range(projections.shape[1]):
        below = projections[:, direction][:, None] <= edges[:, direction]  # (n, n_edges)
        allowed = np.flatnonzero((weight @ below >= least) & (weight @ ~below >= least))
        if not len(allowed):
            continue
        sides = np.concatenate([below[:, allowed], ~below[:, allowed]], axis=1).T.astype(np.float64)
        slope = sides @ slopes + prior_slope
        curved = _with_prior((sides @ curvature.reshape(len(codes), -1)).reshape(len(sides), *curvature.shape[1:]))
        rise = 0.5 * np.einsum("ij,ij->i", slope, np.linalg.solve(curved, slope[..., None])[..., 0])
        value = (sides @ likelihood + penalty + rise + _occam(curved)).reshape(2, -1).sum(axis=0)
        gains[allowed, direction] = value - law.evidence
    return gains


def _log_likelihood(
    features: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihood of every row, its class probabilities by the law, and the probability that it is no lapse."""
    logits = np.column_stack([features @ weights.T, np.zeros(len(features))])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    own = (1.0 - LAPSE) * shares[np.arange(len(codes)), codes]
    total = own + LAPSE / shares.shape[1]
    return np.log(total), shares, own / total


def _log_posterior(
    features: np.ndarray, codes: np.ndarray, weights: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """Log likelihood minus the prior's penalty, constants left to :func:`_occam`."""
    likelihood = _log_likelihood(features, codes, weights)[0]
    total = likelihood.sum() if weight is None else weight @ likelihood
    return float(total - 0.5 * (weights**2).sum() / PRIOR_SD**2)


def _derivatives(
    features: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    per_row: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of every row's log likelihood (n, q) and its expected curvature as no lapse, (1 or n, q, q)."""
    n, p = features.shape
    _, shares, sound = _log_likelihood(features, codes, weights)
    sound = sound if weight is None else weight * sound
    shares, n_free = shares[:, :-1], shares.shape[1] - 1
    slopes = (sound[:, None] * ((codes[:, None] == np.arange(n_free)) - shares))[:, :, None] * features[:, None, :]
    spread = (sound[:, None] * shares)[:, :, None] * (np.eye(n_free) - shares[:, None, :])  # (n, c, c)
    if per_row:
        curvature = np.einsum("nab,ni,nj->naibj", spread, features, features, optimize=True)
    else:
        scaled = (spread[:, :, :, None] * features[:, None, None, :]).reshape(n, -1)  # (n, c c p)
        curvature = (features.T @ scaled).reshape(1, p, n_free, n_free, p).transpose(0, 2, 1, 3, 4)
    return slopes.reshape(n, -1), curvature.reshape(-1, n_free * p, n_free * p)


def _with_prior(curvature: np.ndarray) -> np.ndarray:
    return curvature + np.eye(curvature.shape[-1]) / PRIOR_SD**2


def _occam(curvature: np.ndarray) -> np.ndarray:
    """Log of the posterior's volume over the prior's."""
    return -curvature.shape[-1] * np.log(PRIOR_SD) - 0.5 * np.linalg.slogdet(curvature)[1]
