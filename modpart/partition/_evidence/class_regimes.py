"""Regimes of a classification problem by evidence: cut rows into cells, join cells, let logistic laws compete.

A cell's law is logistic and not a class, since a regime is a rule: the two sides of one straight boundary between
classes are one regime. The evidence of the laws decides cuts, joins and the number of regimes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.tree import DecisionTreeClassifier

from modpart.partition._evidence.local import input_relevance, neighbours
from modpart.partition._evidence.logistic import Logistic, fit_logistic, gains_of_cuts
from modpart.partition._evidence.search import REMOTE_PRICE, VOTERS, Report, compact, ignore, log_votes

__all__ = ["ClassRegimes", "border_metric", "class_relevance", "find_class_regimes", "local_bids"]

MAX_ROWS = 5000  # the search sees so many rows; the others are assigned afterwards
MAX_WEIGHTS = 60  # of one logistic law; with more, it sees the most relevant inputs only
QUANTILES = 11
MAX_AXES, OBLIQUE = 6, 6
MAX_CELLS, WANTED_CELLS = 12, 4
TRIED = 3  # best cuts by one Newton step that are fitted to the end
EXPERT_PRICE = 5.0  # nats: the cell of another expert is one of a hundred or so that might have been cut
TRIES = 3  # sets of directions to cut along
ROUNDS, SETTLED_SHARE = 10, 2e-3
METRIC_LEAVES, METRIC_ROWS, METRIC_FLOOR = 24, 5, 0.05
MOST_TRIED = 8  # regimes, unless more are asked for
CLASSES_ASKED = 4


@dataclass
class ClassRegimes:
    """What the competition found.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,), int64
        Winner of each row.
    log_density, errors : ndarray of shape (n_samples, n_experts)
        What each expert bids for each row, from the row and those around it; log loss of each row in nats.
    metric : ndarray of shape (n_features,)
        Weight of each input in distances between regimes.
    evidence : float
        Of all laws and of the neighbours' votes, less the price of the experts.
    history : list of dict
    """

    labels: np.ndarray
    log_density: np.ndarray
    errors: np.ndarray
    metric: np.ndarray
    evidence: float
    history: list[dict[str, Any]]


def class_relevance(
    X: np.ndarray, codes: np.ndarray, rng: np.random.Generator, weight: np.ndarray | None = None
) -> np.ndarray:
    """Largest relevance of each input for belonging to one of the most frequent classes, the largest 1."""
    if X.shape[1] <= 2:
        return np.ones(X.shape[1])
    weight = np.ones(len(X)) if weight is None else weight
    counts = np.bincount(codes, weight)
    found = []
    for code in np.argsort(-counts, kind="stable")[: CLASSES_ASKED if len(counts) > 2 else 1]:
        member = (codes == code).astype(np.float64)
        share = float(np.average(member, weights=weight))
        if 0.0 < share < 1.0:
            found.append(input_relevance(X, (member - share) / np.sqrt(share * (1.0 - share)), rng, weight))
    return np.max(found, axis=0) if found else np.ones(X.shape[1])


def local_bids(
    losses: np.ndarray, learned: np.ndarray, near: np.ndarray, weight: np.ndarray | None = None
) -> np.ndarray:
    """Log likelihood under each expert of a row and of the training rows around it, shape (n_samples, n_experts).

    A label alone says little about the law of its row; where laws hold in regions, the labels around it say the same,
    each by the weight of its row among them.
    """
    around = learned[near]
    if weight is not None:
        around = around * (weight[near] / weight[near].mean(axis=1, keepdims=True))[:, :, None]
    return -losses - around.sum(axis=1)


def find_class_regimes(
    X: np.ndarray,
    codes: np.ndarray,
    relevance: np.ndarray,
    rng: np.random.Generator,
    *,
    bounds: tuple[int, int] = (1, 10),
    min_samples: int | None = None,
    vote_weight: float = 1.0,
    weight: np.ndarray | None = None,
    report: Report = ignore,
) -> ClassRegimes:
    """Find regimes of standardised inputs.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        With mean 0 and variance 1.
    codes : ndarray of shape (n_samples,), int
        Classes 0, 1, ...
    relevance : ndarray of shape (n_features,)
        Weight of each input in distances.
    rng : numpy.random.Generator
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

    Notes
    -----
    Time O(n q^2) for laws of q <= 60 weights, times cells, directions and rounds. Beyond 5,000 rows the search sees a
    random 5,000; the others are assigned by the laws found and the nearest rows seen.
    """
    weight = np.ones(len(X)) if weight is None else weight
    least = max(10, 3 * (X.shape[1] + 1)) if min_samples is None else min_samples
    if bounds[0] > 1:  # so many regimes have to fit in
        least = max(2, min(least, len(X) // (2 * bounds[0])))
    seen = np.arange(len(X)) if len(X) <= MAX_ROWS else np.sort(rng.choice(len(X), MAX_ROWS, replace=False))
    Z, n_classes = X * relevance, max(2, int(codes.max()) + 1)
    order = np.argsort(-relevance, kind="stable")
    kept = np.sort(order[: max(1, MAX_WEIGHTS // max(1, n_classes - 1) - 1)])
    features = np.column_stack([np.ones(len(X)), X[:, kept]])
    search = _Search(
        features[seen],
        codes[seen],
        weight[seen],
        n_classes,
        neighbours(Z[seen], VOTERS),
        least,
        vote_weight,
        bounds,
        report,
    )
    best = np.zeros(len(seen), dtype=np.int64)
    laws = search.laws(best)
    highest, chosen = search.total(best, laws, search.near) if bounds[0] == 1 else -np.inf, relevance
    for directions in _direction_sets(X.shape[1], order[:MAX_AXES], rng):
        found = search.cut(X[seen] @ directions.T)
        for candidate in search.joined(found):
            metric = border_metric(X[seen], candidate, weight[seen])
            near = neighbours(X[seen] * metric, VOTERS)
            settled, learned = search.compete(candidate, near)
            value = search.total(settled, learned, near)
            search.note("compete", settled, learned, float(np.mean(settled != candidate)))
            if value > highest and bounds[0] <= settled.max() + 1 <= bounds[1]:
                best, laws, highest, chosen = settled, learned, value, metric
    search.note("end", best, laws, 0.0)
    losses = np.column_stack([law.losses(features, codes) for law in laws])
    near = neighbours(X * chosen, VOTERS) if len(seen) == len(X) else _nearest(X[seen] * chosen, X * chosen)
    bids = local_bids(losses, losses[seen], near, weight[seen])
    votes = log_votes(best, near, weight[seen])
    labels = best if len(seen) == len(X) else (bids + vote_weight * votes).argmax(axis=1)
    return ClassRegimes(labels, bids, losses, chosen, highest, search.history)


def border_metric(X: np.ndarray, labels: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Weight of each input in distances between regimes, the largest 1: root of its importance in a tree of the labels.

    Laws and borders may depend on different inputs, and among many inputs the nearest rows are far in those that tell
    regimes apart unless these count for more.
    """
    tree = DecisionTreeClassifier(max_leaf_nodes=METRIC_LEAVES, min_samples_leaf=METRIC_ROWS, random_state=0)
    importance = tree.fit(X, labels, sample_weight=weight).feature_importances_
    return np.maximum(np.sqrt(importance / max(importance.max(), 1e-12)), METRIC_FLOOR)


def _nearest(seen: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return NearestNeighbors(n_neighbors=VOTERS).fit(seen).kneighbors(rows, return_distance=False)


def _direction_sets(d: int, axes: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Directions to cut along: the relevant axes alone, then with random oblique ones."""
    straight = np.eye(d)[axes]
    yield straight
    for _ in range(TRIES - 1 if len(axes) > 1 else 0):
        normals = rng.standard_normal((OBLIQUE, len(axes))) @ straight
        yield np.concatenate([straight, normals / np.linalg.norm(normals, axis=1, keepdims=True)])


@dataclass
class _Cell:
    rows: np.ndarray
    law: Logistic


@dataclass
class _Search:
    """The rows as logistic laws see them, and the moves of the search on a labelling of these rows."""

    features: np.ndarray
    codes: np.ndarray
    weight: np.ndarray  # how many observations a row stands for
    n_classes: int
    near: np.ndarray
    least: int
    vote_weight: float
    bounds: tuple[int, int]
    report: Report = ignore
    history: list[dict[str, Any]] = field(default_factory=list)

    def law(self, rows: np.ndarray, start: np.ndarray | None = None) -> Logistic:
        return fit_logistic(self.features[rows], self.codes[rows], self.n_classes, start, self.weight[rows])

    def laws(self, labels: np.ndarray) -> list[Logistic]:
        return [self.law(labels == k) for k in range(int(labels.max()) + 1)]

    def total(self, labels: np.ndarray, laws: list[Logistic], near: np.ndarray) -> float:
        """Evidence of all laws and of the neighbours' votes for the labels, less the price of the experts."""
        votes = self.weight @ log_votes(labels, near, self.weight)[np.arange(len(labels)), labels]
        evidence = sum(law.evidence for law in laws)
        return float(evidence + self.vote_weight * votes - EXPERT_PRICE * labels.max())

    def cut(self, projections: np.ndarray) -> np.ndarray:
        """Cut rows into cells, the largest first, while a cut raises the evidence or cells are wanted."""
        most, wanted = max(self.bounds[0], MAX_CELLS), max(self.bounds[0], WANTED_CELLS)
        everyone = np.arange(len(self.codes))
        pending, finished = [_Cell(everyone, self.law(everyone))], list[_Cell]()
        while pending and len(pending) + len(finished) < most:
            cell = pending.pop(int(np.argmax([self.weight[cell.rows].sum() for cell in pending])))
            gain, halves = self._best_cut(cell, projections)
            if halves and (gain > 0.0 or len(pending) + len(finished) + 1 < wanted):
                pending.extend(halves)
            else:
                finished.append(cell)
        labels = np.empty(len(self.codes), dtype=np.int64)
        for label, cell in enumerate(pending + finished):
            labels[cell.rows] = label
        self.note("cut", labels, [cell.law for cell in pending + finished], 1.0)
        return labels

    def _best_cut(self, cell: _Cell, projections: np.ndarray) -> tuple[float, list[_Cell]]:
        """The evidence that the best of the most promising cuts gains, and its halves."""
        rows = cell.rows
        best: tuple[float, list[_Cell]] = (-np.inf, [])
        if self.weight[rows].sum() < 2 * self.least:
            return best
        places = projections[rows]
        edges = np.quantile(places, np.arange(1, QUANTILES + 1) / (QUANTILES + 1), axis=0)
        promised = gains_of_cuts(
            self.features[rows], self.codes[rows], cell.law, places, edges, self.least, self.weight[rows]
        )
        for place in np.argsort(-promised, axis=None)[:TRIED]:
            edge, direction = np.unravel_index(place, promised.shape)
            if promised[edge, direction] == -np.inf:
                break
            below = places[:, direction] <= edges[edge, direction]
            halves = [_Cell(part, self.law(part, cell.law.weights)) for part in (rows[below], rows[~below])]
            gain = halves[0].law.evidence + halves[1].law.evidence - cell.law.evidence
            if gain > best[0]:
                best = gain, halves
        return best

    def joined(self, labels: np.ndarray) -> Iterator[np.ndarray]:
        """The labellings met when cells are joined one after the other, always the pair that loses least evidence."""
        groups = {int(k): np.flatnonzero(labels == k) for k in np.unique(labels)}
        met = np.unique(np.c_[np.repeat(labels, self.near.shape[1]), labels[self.near].ravel()], axis=0)
        touching = {(int(min(pair)), int(max(pair))) for pair in met}
        alone = {k: self.law(rows) for k, rows in groups.items()}

        def gain(a: int, b: int) -> float:
            larger = alone[max(a, b, key=lambda k: self.weight[groups[k]].sum())]
            joined = self.law(np.concatenate([groups[a], groups[b]]), larger.weights).evidence
            return joined - alone[a].evidence - alone[b].evidence - (0.0 if (a, b) in touching else REMOTE_PRICE)

        gains = {pair: gain(*pair) for pair in combinations(sorted(groups), 2)}
        while len(groups) >= max(2, self.bounds[0]):
            if len(groups) <= max(self.bounds[0], min(self.bounds[1], MOST_TRIED)):
                yield _numbered(groups, len(labels))
            a, b = max(gains, key=gains.__getitem__)
            groups[a] = np.concatenate([groups[a], groups.pop(b)])
            alone[a] = self.law(groups[a], alone[a].weights)
            touching |= {(min(a, c), max(a, c)) for c in groups if (min(b, c), max(b, c)) in touching and c != a}
            gains = {pair: value for pair, value in gains.items() if a not in pair and b not in pair}
            gains |= {(min(a, c), max(a, c)): gain(min(a, c), max(a, c)) for c in groups if c != a}

    def compete(self, labels: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, list[Logistic]]:
        """Each row goes to the law that bids most for it, neighbours voting; laws then relearn their rows."""
        laws = self.laws(labels)
        for _ in range(ROUNDS):
            losses = np.column_stack([law.losses(self.features, self.codes) for law in laws])
            scores = local_bids(losses, losses, near, self.weight)
            scores += self.vote_weight * log_votes(labels, near, self.weight)
            winners = scores.argmax(axis=1)
            small = np.bincount(winners, self.weight, minlength=len(laws)) < self.least
            if (~small).sum() < max(1, min(self.bounds[0], len(laws))):
                break
            scores[:, small] = -np.inf
            winners = np.where(small[winners], scores.argmax(axis=1), winners)
            changed, held = float(np.mean(winners != labels)), np.unique(winners)
            labels = compact(winners)
            laws = [self.law(winners == k, laws[k].weights) for k in held]
            if changed <= SETTLED_SHARE or len(held) == 1:
                break
        return labels, laws

    def note(self, step: str, labels: np.ndarray, laws: list[Logistic], changed: float) -> None:
        """Add a line to the history."""
        losses = np.column_stack([law.losses(self.features, self.codes) for law in laws])
        loss = float(np.average(losses[np.arange(len(labels)), labels], weights=self.weight))
        entry = {"step": step, "n_experts": int(labels.max()) + 1, "changed": changed, "log_loss": loss}
        self.history.append(entry)
        self.report(entry)


def _numbered(groups: dict[int, np.ndarray], n_samples: int) -> np.ndarray:
    labels = np.empty(n_samples, dtype=np.int64)
    for label, rows in enumerate(groups.values()):
        labels[rows] = label
    return labels
