"""Regression of what is seen only above zero: maximum likelihood for many responses at once.

The density of s given z is that of a normal law cut off at zero, proportional to exp(η s - q s²/2) with η = b·z and
q = 1/σ². In b and q it is an exponential family, whose likelihood is concave, so that Newton's steps need no luck.
"""

from math import factorial

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

__all__ = ["draw_positive", "truncated_regression"]

STEPS = 100
TOL = 1e-12  # of the likelihood that a step can still gain, per row
FAR = 15.0  # standard deviations below zero from which on moments come from a series
FLAT = 1e3  # where all rows are as far below, the law is exponential, with no bound on sigma


def truncated_regression(Z: np.ndarray, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and standard deviation of the normal law before it is cut off.

    Parameters
    ----------
    Z : ndarray of shape (n, k)
        Regressors, a column of ones among them.
    S : ndarray of shape (L, n)
        Responses > 0, one regression in a row.

    Returns
    -------
    beta : ndarray of shape (L, k)
    sigma : ndarray of shape (L,)
        Both nan where the likelihood has no maximum: there a response falls off no faster than exponentially.
    """
    n, k = Z.shape
    size = np.abs(Z).max(axis=0)
    Z, unit = Z / size, S.std(axis=1, keepdims=True)
    S = S / unit
    products = (Z[:, :, None] * Z[:, None, :]).reshape(n, k * k)
    slope = np.linalg.lstsq(Z, S.T, rcond=None)[0].T
    q = 1.0 / np.maximum(((S - slope @ Z.T) ** 2).mean(axis=1), 1e-12)
    theta = np.column_stack([slope * q[:, None], q])
    found = np.full((len(S), k + 1), np.nan)
    left = np.arange(len(S))
    height = _likelihood(Z, S, theta)
    for _ in range(STEPS):
        gradient, curvature = _derivatives(Z, products, S[left], theta[left])
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        gain = (gradient * step).sum(axis=1)
        done = gain <= TOL * n
        found[left[done]] = theta[left[done]]
        flat = (theta[left, :-1] @ Z.T).max(axis=1) < -FLAT * np.sqrt(theta[left, -1])
        left, step, gain = left[~(done | flat)], step[~(done | flat)], gain[~(done | flat)]
        if not len(left):
            break
        shrink = theta[left, -1] / np.maximum(-step[:, -1], 1e-300)
        share = np.where(step[:, -1] < 0.0, np.minimum(1.0, 0.9 * shrink), 1.0)
        for _ in range(30):
            tried = theta[left] + share[:, None] * step
            new = _likelihood(Z, S[left], tried)
            worse = ~(new >= height[left] + 1e-4 * share * gain - 1e-12 * n)
            if not worse.any():
                break
            share = np.where(worse, share / 2.0, share)
        theta[left], height[left] = tried, new
    beta = found[:, :-1] / found[:, -1:] * unit / size
    return beta, unit[:, 0] / np.sqrt(found[:, -1])


def _likelihood(Z: np.ndarray, S: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Logarithm of the likelihood, but for a constant."""
    eta, q = theta[:, :-1] @ Z.T, theta[:, -1:]
    with np.errstate(invalid="ignore", over="ignore"):
        volume = eta**2 / (2.0 * q) + log_ndtr(eta / np.sqrt(q)) - np.log(q) / 2.0
        return np.asarray((eta * S - q * S**2 / 2.0 - volume).sum(axis=1))


def _derivatives(
    Z: np.ndarray, products: np.ndarray, S: np.ndarray, theta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient, and minus the matrix of second derivatives: the covariance of (s z, -s²/2)."""
    k = Z.shape[1]
    one, two, three, four = _moments(theta[:, :-1] @ Z.T, theta[:, -1:])
    gradient = np.column_stack([(S - one) @ Z, (two - S**2).sum(axis=1) / 2.0])
    curvature = np.empty((len(S), k + 1, k + 1))
    curvature[:, :k, :k] = ((two - one**2) @ products).reshape(-1, k, k)
    curvature[:, :k, k] = curvature[:, k, :k] = -((three - one * two) @ Z) / 2.0
    curvature[:, k, k] = (four - two**2).sum(axis=1) / 4.0
    return gradient, curvature


def _moments(eta: np.ndarray, q: np.ndarray) -> list[np.ndarray]:
    """Means of s, s², s³ and s⁴."""
    root = np.sqrt(q)
    level = eta / root
    density = root * np.exp(-(level**2) / 2.0 - log_ndtr(level)) / np.sqrt(2.0 * np.pi)  # at zero
    means = [np.ones_like(eta), (eta + density) / q]
    for power in (1, 2, 3):  # by parts
        means.append((eta * means[power] + power * means[power - 1]) / q)
    far = level < -FAR  # there the terms above cancel; exp(-q s²/2) as a series
    if far.any():
        rate = -eta[far]
        bend = np.broadcast_to(q, eta.shape)[far] / rate**2
        series = [sum((-bend / 2.0) ** j * (factorial(p + 2 * j) / factorial(j)) for j in range(7)) for p in range(5)]
        for power in range(1, 5):
            means[power][far] = series[power] / series[0] / rate**power
    return means[1:]


def draw_positive(mean: np.ndarray, sigma: float, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draws of normal laws with these means, cut off at zero, shape (count, n)."""
    level = np.log(1.0 - rng.random((count, len(mean)))) + log_ndtr(mean / sigma)
    return np.asarray(np.maximum(mean - sigma * ndtri_exp(level), 0.0))
