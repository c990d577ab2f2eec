"""Regimes by evidence: over-segment, merge, let the experts compete for rows, drop the redundant ones; then look again.

The experts are the closed-form ones of :mod:`modpart.partition._evidence.evidence`. Their evidence decides cuts,
merges, drops and the number of regimes, so no hold-out rows and no random restarts are needed.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from modpart.partition._evidence.arrays import NUMPY
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.evidence import Stats
from modpart.partition._evidence.law import Law
from modpart.partition._evidence.local import (
    OUTLYING,
    input_relevance,
    line_rows,
    local_lines,
    neighbours,
    noise_profile,
    noise_variance,
    outlier_trust,
    pair_relevance,
)
from modpart.partition._evidence.oversegment import QUANTILES, cut_directions, oversegment
from modpart.partition._evidence.search import MAX_LEAVES, VOTERS, Report, Search, compact, ignore, log_votes

__all__ = ["Regimes", "assign_all", "find_regimes"]

ROBUST_ROUNDS = 2
LOOKS = 5  # most searches; the later ones know the noise, and what matters inside a regime
BOLD_LEAVES, BOLD_GAIN, BOLD_QUANTILES = 16, -10.0, 21  # they cut at other places, and what loses a few nats too
WORTHWHILE = 10.0  # nats that a look must gain for another one to follow
EVEN_INPUTS = range(3, 7)  # so few that a look with all of them alike can be worth its time
SAME = 0.98  # adjusted Rand index of two partitions that settles the search
MAX_ROWS = 5000  # the search sees so many rows; the others are assigned afterwards


@dataclass
class Regimes:
    """What the competition found.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,), int64
        Winner of each row.
    log_density, errors : ndarray of shape (n_samples, n_experts)
        Leave-one-out log predictive density (summed over outputs) and squared error (their mean) of each row under each
        expert.
    posteriors : list of Law
    basis : SmoothBasis
    relevance : ndarray of shape (n_features,)
        Weight of each input in distances between rows, learned from all of them together: borders count.
    noise : ndarray of shape (n_outputs,)
        Noise variance, in units of var(y).
    history : list of dict
    """

    labels: np.ndarray
    log_density: np.ndarray
    errors: np.ndarray
    posteriors: list[Law]
    basis: SmoothBasis
    relevance: np.ndarray
    noise: np.ndarray
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
    weight: np.ndarray | None = None,
    report: Report = ignore,
    arrays: Any = NUMPY,
) -> Regimes:
    """Find regimes of standardised data.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
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
    weight : ndarray of shape (n_samples,) or None
        How many observations each row stands for, > 0; None is one each.
    report : callable
        Called with every line of the history as it is written.
    arrays : Arrays
        Where the laws are computed; the posteriors stay there.

    Notes
    -----
    Where regimes are found they are looked for again, with the noise left inside them, a relevance learned inside them
    (once also all inputs alike, where they are few) and bolder cuts, until two searches in turn agree or no more is
    gained; the partition of highest evidence stays. Over all rows, jumps make an input that matters within a regime
    seem idle. Rows that local lines took for outliers count again where a law nearby fits them. Distances between rows,
    for votes and gates, keep the relevance of all rows together. Where a search ends with one regime the best cut
    competes alone, since a cut may pay only once its border has moved. Of two inputs one may matter more to a law: at
    the end one law that weighs them so is held against regimes without a clear kink or jump between them.

    Time O(n p^2) for the Gram matrices with p <= 101 + n_features features, times the cells and length scales tried.
    Memory O(n p): beyond 5,000 rows the search sees a random 5,000, the others are assigned in chunks. Copies
    of a row, or its weight, count relative to the others; see :func:`_information`.
    """
    y, weight = y.reshape(len(X), -1), np.ones(len(X)) if weight is None else weight
    least = max(10, 3 * (X.shape[1] + 1)) if min_samples is None else min_samples
    if bounds[0] > 1:  # so many regimes have to fit in
        least = max(2, min(least, len(X) // (2 * bounds[0])))
    if bounds[1] > 1:
        weight = _information(X, weight)
    if len(X) <= MAX_ROWS:
        return _found_in(X, y, weight, rng, smooth, bounds, least, vote_weight, report, arrays)
    seen = rng.choice(len(X), MAX_ROWS, replace=False)
    found = _found_in(X[seen], y[seen], weight[seen], rng, smooth, bounds, least, vote_weight, report, arrays)
    return assign_all(X, y, weight, seen, found, vote_weight, arrays)


def _information(X: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights of distinct rows, scaled so that their sum is the effective number of observations.

    Copies, as in a bootstrap sample, tell nothing new of the noise. In a law learned with weights w the score has
    variance ``sum w^2`` where the information is ``sum w``; evidence takes the two to be equal, which they are for
    weights divided by ``sum w^2 / sum w``. Their sum is then ``(sum w)^2 / sum w^2`` (Kish, Survey Sampling, 1965).
    Where most inputs that occur more than once have several targets, rows were measured repeatedly, not copied: then
    weights stay as they are.
    """
    place, n_targets = np.unique(X, axis=0, return_inverse=True, return_counts=True)[1:]
    repeated = np.bincount(place.reshape(-1), weight) > 1.0
    measured_again = 2 * np.sum(n_targets[repeated] > 1) > np.sum(repeated)
    return weight if measured_again else weight * (weight.sum() / (weight @ weight))


def assign_all(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    seen: np.ndarray,
    found: Regimes,
    vote_weight: float,
    arrays: Any = NUMPY,
) -> Regimes:
    """Extend regimes found on some rows to all rows: bid, vote with the nearest rows seen, learn, and bid once more."""
    basis, n_experts = found.basis, len(found.posteriors)
    finder = NearestNeighbors(n_neighbors=VOTERS).fit(X[seen] * found.relevance)
    chunks = [slice(start, start + MAX_ROWS) for start in range(0, len(X), MAX_ROWS)]
    labels, trust = np.empty(len(X), dtype=np.int64), np.empty(len(X))

    def assigned(chunk: slice) -> Stats:
        features = basis.features(X[chunk], arrays=arrays)
        nobody = np.zeros(len(X[chunk]))
        bids = np.column_stack([p.log_density(features, y[chunk], nobody) for p in found.posteriors])
        near = finder.kneighbors(X[chunk] * found.relevance, return_distance=False)
        votes = log_votes(found.labels, near, weight[seen])
        trust[chunk] = _trust(np.where(votes > np.log(0.5 / VOTERS), bids, -np.inf), found.noise)
        labels[chunk] = (trust[chunk, None] * bids + vote_weight * votes).argmax(axis=1)
        target, root = arrays.put(y[chunk]), arrays.put(np.sqrt(trust[chunk] * weight[chunk])[:, None])
        augmented = [arrays.columns([f, target]) * root for f in features]
        return Stats.of_groups(
            augmented, labels[chunk], n_experts, basis.n_linear_, n_outputs=y.shape[1], weight=weight[chunk]
        )

    stats = reduce(add, map(assigned, chunks))
    posteriors = [Law.of(stats[[k]], found.noise) for k in range(n_experts)]
    log_density, errors = np.empty((len(X), n_experts)), np.empty((len(X), n_experts))
    for chunk in chunks:
        features = basis.features(X[chunk], arrays=arrays)
        for k, expert in enumerate(posteriors):
            own = np.where(labels[chunk] == k, weight[chunk], 0.0)
            log_density[chunk, k] = trust[chunk] * expert.log_density(features, y[chunk], own)
            errors[chunk, k] = expert.squared_error(features, y[chunk], own)
    return Regimes(labels, log_density, errors, posteriors, basis, found.relevance, found.noise, found.history)


def _trust(bids: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Weight of each row, below 1 where no expert nearby fits it.

    It falls as in :func:`~modpart.partition._evidence.local.outlier_trust`. `bids` are -inf for experts
    without a vote at the row: far from their own rows they are unsure of everything, and would take every outlier.
    """
    squares = -2.0 * bids.max(axis=1) - np.log(2.0 * np.pi * noise).sum()  # of the best expert's residuals
    return np.minimum(1.0, OUTLYING**2 / np.maximum(squares, OUTLYING**2)) ** 2


def _found_in(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    rng: np.random.Generator,
    smooth: bool,
    bounds: tuple[int, int],
    least: int,
    vote_weight: float,
    report: Report,
    arrays: Any,
) -> Regimes:
    """Regimes of rows that are few enough to be held against each other."""
    relevance = input_relevance(X, y, rng, weight)
    near = neighbours(X * relevance, VOTERS)
    slopes, residuals, profile, trust = _local_view(X, y, relevance, near)
    local_s2 = noise_variance(residuals / np.sqrt(profile)[:, None])
    projections = X @ cut_directions(X, slopes, relevance).T
    seed, bases = int(rng.integers(2**31 - 1)), list[SmoothBasis]()

    def basis_of(law_relevance: np.ndarray) -> SmoothBasis:
        """A basis of few inputs is that of the last look again."""
        for basis in bases:
            if np.array_equal(basis.relevance, law_relevance):
                return basis
        bases.append(SmoothBasis(law_relevance, smooth=smooth).fit(X, seed))
        return bases[-1]

    def seen(basis: SmoothBasis, history: list[dict[str, Any]]) -> Search:
        scale = np.sqrt(trust / profile)
        return Search(X, y, weight, basis, relevance, near, scale, vote_weight, bounds, least, report, arrays, history)

    def look(law_relevance: np.ndarray, s2: np.ndarray, bold: bool) -> tuple[float, Search, np.ndarray, np.ndarray]:
        search = seen(basis_of(law_relevance), [])
        labels, s2 = _search(search, projections, s2, bold)
        return search.total(labels, s2), search, labels, s2

    found = look(relevance, local_s2, bold=False)
    regained = _regained(*found[1:], trust, profile)
    if np.any(regained > trust):
        _, search, labels, s2 = found
        trust = regained
        search = seen(search.basis, search.history)
        labels = search.compete(labels, s2)
        s2 = search.noise(labels, s2)
        found = search.total(labels, s2), search, labels, s2
    for i in range(1, LOOKS):
        total, _, labels, s2 = found
        if labels.max() == 0:
            break
        even = i == 2 and X.shape[1] in EVEN_INPUTS
        law_relevance = np.ones(X.shape[1]) if even else input_relevance(X, y, rng, weight, labels)
        other = look(law_relevance, s2, bold=True)
        found = max(found, other, key=lambda look: look[0])
        if adjusted_rand_score(labels, other[2]) > SAME:  # what is seen twice is there
            break
        if other[0] < total + WORTHWHILE and not (i == 1 and X.shape[1] in EVEN_INPUTS):
            break
    if smooth and X.shape[1] == 2 and bounds[0] == 1 and found[2].max() > 0:  # a law may weigh two inputs unequally
        law_relevance = pair_relevance(X, y, np.random.default_rng(seed), weight)
        search = seen(SmoothBasis(law_relevance).fit(X, seed), list(found[1].history))
        labels = search.compete(found[2], found[3])
        s2 = _settle(search, labels, found[3])
        if search.all_smooth(labels, s2):
            one = np.zeros_like(labels)
            one_s2 = _settle(search, one, s2)
            others = (search.total(labels, s2), search, labels, s2), (search.total(one, one_s2), search, one, one_s2)
            found = max(found, *others, key=lambda look: look[0])
    _, search, labels, s2 = found
    labels = search.join_smooth(labels, s2)
    s2 = _settle(search, labels, s2)
    search.note("end", labels, 0.0, s2)
    return Regimes(
        labels,
        search.cells.log_density(labels, s2),
        search.errors(labels, s2),
        search.cells.laws(labels, s2),
        search.basis,
        relevance,
        s2,
        search.history,
    )


def _search(search: Search, projections: np.ndarray, s2: np.ndarray, bold: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels and noise of what cuts, merges, competitions and drops lead to, or of one regime if that is better.

    A cell of two laws that one curve happens to fit stays whole in a search that only makes cuts that pay, and a greedy
    merge may begin with such a pair. A bold search cuts it anyway, and lets neighbours' votes lead the merges.
    """
    bounds = search.bounds
    one = np.zeros(len(search.X), dtype=np.int64)
    one_s2 = _settle(search, one, s2)
    s2 = np.minimum(s2, one_s2)

    def cut(most: int, wanted: int, bold: bool) -> np.ndarray:
        return oversegment(
            search.augmented,
            projections,
            s2,
            n_linear=search.basis.n_linear_,
            min_leaf=search.min_samples,
            max_leaves=most,
            wanted_leaves=wanted,
            weight=search.weight,
            least_gain=BOLD_GAIN if bold else 0.0,
            quantiles=BOLD_QUANTILES if bold else QUANTILES,
        )

    most = max(BOLD_LEAVES if bold else MAX_LEAVES, bounds[0])
    labels = cut(most, bounds[0], bold) if bounds[1] > 1 else one
    search.note("cut", labels, 1.0, s2)
    for _ in range(4):
        merged = search.merge(labels, s2, voting=bold)
        labels = search.drop(search.compete(merged, s2), s2)
        s2, before = search.noise(labels, s2), s2
        if np.abs(s2 / before - 1.0).max() < 0.05:
            break
    labels = search.compete(search.merge(labels, s2, most=bounds[1], voting=True), s2)
    if labels.max() == 0 and bounds[1] > 1:  # the best cut may pay once its border has moved
        votes = log_votes(search.compete(cut(2, 1, bold=True), s2), search.near, search.weight)
        labels = compact(votes.argmax(axis=1))  # single rows that change sides are outliers, not a border
        labels = labels if search.counts(labels).min() >= search.min_samples else one
        s2 = _settle(search, labels, s2)
    if bounds[0] == 1 and search.total(one, one_s2) >= search.total(labels, s2):
        labels, s2 = one, one_s2
    return labels, s2


def _local_view(
    X: np.ndarray, y: np.ndarray, relevance: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slopes and residuals of local lines through each output, relative noise variance and trust of each row.

    Outliers spoil the lines of their neighbours, so the lines are drawn again with the rows weighed by trust. A row is
    trusted as little as its most outlying output.
    """
    Z = X * relevance
    around = neighbours(Z, line_rows(X.shape[1]))
    few_inputs = np.count_nonzero(relevance) <= 3  # in more, neighbours are too far to tell the noise at a place
    trust = np.ones(len(X))
    for _ in range(ROBUST_ROUNDS):
        lines = [local_lines(around, X, column, trust) for column in y.T]
        residuals = np.column_stack([misses for _, misses in lines])
        profile = noise_profile(Z, residuals) if few_inputs else np.ones(len(X))
        even = residuals / np.sqrt(profile)[:, None]
        trust = np.min([outlier_trust(column, near) for column in even.T], axis=0)
    return np.concatenate([slopes for slopes, _ in lines]), residuals, profile, trust


def _regained(search: Search, labels: np.ndarray, s2: np.ndarray, trust: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Trust of each row once regimes are known: one that stood out from its neighbours may follow a law next door.

    At a border, and in a regime with few rows, the nearest rows follow another law and a row looks like an outlier.
    """
    if labels.max() == 0:
        return trust
    deviation = np.sqrt(profile)[:, None]
    scale, target = search.arrays.put(deviation), search.y / deviation
    features = [f / scale for f in search.features_at(search.X)]
    bids = np.column_stack(
        [
            p.log_density(features, target, trust * search.own(labels, k))
            for k, p in enumerate(search.cells.laws(labels, s2))
        ]
    )
    votes = log_votes(labels, search.near, search.weight)
    return np.maximum(trust, _trust(np.where(votes > np.log(0.5 / VOTERS), bids, -np.inf), s2))


def _settle(search: Search, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
    """Noise variance at which a labelling's own fit is consistent."""
    for _ in range(4):
        s2, before = search.noise(labels, s2), s2
        if np.abs(s2 / before - 1.0).max() < 0.02:
            break
    return s2
