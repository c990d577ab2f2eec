"""Regimes by evidence: over-segment, merge, let the experts compete for rows, drop the redundant ones.

The experts are the closed-form ones of :mod:`modpart.partition._evidence`. Their evidence decides cuts, merges, drops
and the number of regimes, so no hold-out rows and no restarts are needed.
"""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from modpart.partition._basis import SmoothBasis
from modpart.partition._evidence import Posterior, Stats, posterior
from modpart.partition._local import (
    OUTLYING,
    distinct_rows,
    input_relevance,
    local_lines,
    neighbours,
    noise_profile,
    noise_variance,
    outlier_trust,
)
from modpart.partition._oversegment import cut_directions, oversegment
from modpart.partition._search import MAX_LEAVES, VOTERS, Report, Search, ignore, log_votes

__all__ = ["Regimes", "assign_all", "find_regimes"]

ROBUST_ROUNDS = 2
MAX_ROWS = 5000  # the search sees so many rows; the others are assigned afterwards


@dataclass
class Regimes:
    """What the competition found.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,), int64
        Winner of each row.
    log_density, errors : ndarray of shape (n_samples, n_experts)
        Leave-one-out log predictive density and squared error of each row under each expert.
    posteriors : list of Posterior
    basis : SmoothBasis
    noise : float
        Noise variance, in units of var(y).
    history : list of dict
    """

    labels: np.ndarray
    log_density: np.ndarray
    errors: np.ndarray
    posteriors: list[Posterior]
    basis: SmoothBasis
    noise: float
    history: list[dict[str, Any]]


def find_regimes(
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    smooth: bool = True,
    bounds: tuple[int, int] = (1, 10),
    min_samples: int | None = None,
    vote_weight: float = 1.0,
    report: Report = ignore,
) -> Regimes:
    """Find regimes of standardised data.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Both with mean 0 and variance 1.
    rng : numpy.random.Generator
    smooth : bool
        Whether a regime's law may be curved; a straight line otherwise.
    bounds : (int, int)
        Fewest and most regimes.
    min_samples : int or None
        Least rows of a regime; None takes max(10, 3 (n_features + 1)).
    vote_weight : float
        Weight of the neighbour vote.
    report : callable
        Called with every line of the history as it is written.

    Notes
    -----
    Time O(n p^2) for the Gram matrices with p <= 101 + n_features features, times the cells and length scales tried.
    Memory O(n p): beyond 5,000 rows the search sees a random 5,000, the others are assigned in chunks. Of rows that are
    exact copies of each other the search sees one.
    """
    least = max(10, 3 * (X.shape[1] + 1)) if min_samples is None else min_samples
    if bounds[0] > 1:  # so many regimes have to fit in
        least = max(2, min(least, len(X) // (2 * bounds[0])))
    seen, place = distinct_rows(X, y) if bounds[1] > 1 else (np.arange(len(X)), np.arange(len(X)))
    if len(seen) > MAX_ROWS:
        seen = rng.choice(seen, MAX_ROWS, replace=False)
        found = _found_in(X[seen], y[seen], rng, smooth, bounds, least, vote_weight, report)
        return assign_all(X, y, X[seen], found, vote_weight)
    found = _found_in(X[seen], y[seen], rng, smooth, bounds, least, vote_weight, report)
    return replace(found, labels=found.labels[place], log_density=found.log_density[place], errors=found.errors[place])


def assign_all(X: np.ndarray, y: np.ndarray, X_seen: np.ndarray, found: Regimes, vote_weight: float) -> Regimes:
    """Extend regimes found on some rows to all rows: bid, vote with the nearest rows seen, learn, and bid once more."""
    basis, n_experts = found.basis, len(found.posteriors)
    finder = NearestNeighbors(n_neighbors=VOTERS).fit(X_seen * basis.relevance)
    chunks = [slice(start, start + MAX_ROWS) for start in range(0, len(X), MAX_ROWS)]
    labels, trust = np.empty(len(X), dtype=np.int64), np.empty(len(X))

    def assigned(chunk: slice) -> Stats:
        features = basis.features(X[chunk])
        nobody = np.zeros(len(X[chunk]), dtype=bool)
        bids = np.column_stack([p.log_density(features, y[chunk], nobody) for p in found.posteriors])
        votes = log_votes(found.labels, finder.kneighbors(X[chunk] * basis.relevance, return_distance=False))
        trust[chunk] = _trust(np.where(votes > np.log(0.5 / VOTERS), bids, -np.inf), found.noise)
        labels[chunk] = (trust[chunk, None] * bids + vote_weight * votes).argmax(axis=1)
        augmented = [np.sqrt(trust[chunk, None]) * np.column_stack([f, y[chunk]]) for f in features]
        return Stats.of_groups(augmented, labels[chunk], n_experts, basis.n_linear_)

    stats = reduce(add, map(assigned, chunks))
    posteriors = [posterior(stats[[k]], found.noise) for k in range(n_experts)]
    log_density, errors = np.empty((len(X), n_experts)), np.empty((len(X), n_experts))
    for chunk in chunks:
        features = basis.features(X[chunk])
        for k, expert in enumerate(posteriors):
            own = labels[chunk] == k
            log_density[chunk, k] = trust[chunk] * expert.log_density(features, y[chunk], own)
            errors[chunk, k] = expert.squared_error(features, y[chunk], own)
    return Regimes(labels, log_density, errors, posteriors, basis, found.noise, found.history)


def _trust(bids: np.ndarray, noise: float) -> np.ndarray:
    """Weight of each row as in :func:`~modpart.partition._local.outlier_trust`: below 1 where no expert nearby fits.

    `bids` are -inf for experts without a vote at the row: far from their own rows they are unsure of everything, and
    would take every outlier.
    """
    squares = -2.0 * bids.max(axis=1) - np.log(2.0 * np.pi * noise)  # of the best expert's residual, in deviations
    return np.minimum(1.0, OUTLYING**2 / np.maximum(squares, OUTLYING**2)) ** 2


def _found_in(
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    smooth: bool,
    bounds: tuple[int, int],
    least: int,
    vote_weight: float,
    report: Report,
) -> Regimes:
    """Regimes of rows that are few enough to be held against each other."""
    n = len(X)
    relevance = input_relevance(X, y, rng)
    slopes, residuals, profile, trust = _local_view(X, y, relevance)
    basis = SmoothBasis(relevance, smooth=smooth).fit(X, int(rng.integers(2**31 - 1)))
    search = Search(X, y, basis, relevance, np.sqrt(trust / profile), vote_weight, bounds, least, report)

    one = np.zeros(n, dtype=np.int64)
    one_s2 = _settle(search, one, noise_variance(residuals / np.sqrt(profile)))
    s2 = min(noise_variance(residuals / np.sqrt(profile)), one_s2)

    projections = X @ cut_directions(X, slopes, relevance).T
    labels = oversegment(
        search.augmented,
        projections,
        s2,
        n_linear=basis.n_linear_,
        min_leaf=least,
        max_leaves=max(MAX_LEAVES, bounds[0]),
        wanted_leaves=bounds[0],
    )
    search.note("cut", labels, 1.0, s2)
    for _ in range(4):
        labels = search.drop(search.compete(search.merge(labels, s2), s2), s2)
        s2, before = search.noise(labels, s2), s2
        if abs(s2 / before - 1.0) < 0.05:
            break
    labels = search.compete(search.merge(labels, s2, most=bounds[1], voting=True), s2)
    if bounds[0] == 1 and search.total(one, one_s2) >= search.total(labels, s2):
        labels, s2 = one, one_s2
    labels = search.join_smooth(labels, s2)
    s2 = _settle(search, labels, s2)
    experts = search.posteriors(labels, s2)
    search.note("end", labels, 0.0, s2)
    return Regimes(
        labels, search.log_density(labels, experts), search.errors(labels, experts), experts, basis, s2, search.history
    )


def _local_view(
    X: np.ndarray, y: np.ndarray, relevance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slopes and residuals of local lines, relative noise variance and trust of each row.

    Outliers spoil the lines of their neighbours, so the lines are drawn again with the rows weighed by trust.
    """
    Z = X * relevance
    near = neighbours(Z, VOTERS)
    few_inputs = np.count_nonzero(relevance) <= 3  # in more, neighbours are too far to tell the noise at a place
    trust = np.ones(len(X))
    for _ in range(ROBUST_ROUNDS):
        slopes, residuals = local_lines(Z, X, y, trust)
        profile = noise_profile(Z, residuals) if few_inputs else np.ones(len(X))
        trust = outlier_trust(residuals / np.sqrt(profile), near)
    return slopes, residuals, profile, trust


def _settle(search: Search, labels: np.ndarray, s2: float) -> float:
    """Noise variance at which a labelling's own fit is consistent."""
    for _ in range(4):
        s2, before = search.noise(labels, s2), s2
        if abs(s2 / before - 1.0) < 0.02:
            break
    return s2
