"""The moves of the search for regimes, each on a labelling of the rows: merge, compete, drop, join.

The evidence of the experts is the one currency. A neighbour vote keeps the competition from speckling where two experts
predict the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from modpart.partition._evidence.arrays import NUMPY, Array
from modpart.partition._evidence.basis import SmoothBasis
from modpart.partition._evidence.cells import Cells
from modpart.partition._evidence.evidence import Stats, log_evidence
from modpart.partition._evidence.joints import Joints
from modpart.partition._evidence.law import Law
from modpart.partition._evidence.local import NOISE_FLOOR

__all__ = ["MAX_LEAVES", "VOTERS", "Report", "Search", "compact", "ignore", "log_votes"]

VOTERS = 10
VOTE_PRIOR = 0.01  # a row among its own kind pays nothing for the number of other experts
REMOTE_PRICE = 3.0  # nats: the same law far away needs positive proof
DROP_PRICE = 3.0
HOPELESS = 50.0  # nats lost by giving rows to the runner-up, beyond which no competition is held
MAX_LEAVES = 24
SETTLED_SHARE = 1e-3
MEETING, CLEAR_KINK = 5.0, 10.0  # posterior standard deviations
BORDER_SHARE = 0.1  # of a regime's rows, those nearest to the other regime
BORDER_STEP = 0.1

Report = Callable[[dict[str, Any]], object]


def ignore(line: dict[str, Any]) -> None:
    """Report to nobody."""


@dataclass
class Search:
    """The training rows as the experts see them, and the moves of the search on a labelling of these rows.

    Noise variances `s2` are arrays, one value for each output.
    """

    X: np.ndarray
    y: np.ndarray  # (n_samples, n_outputs)
    weight: np.ndarray  # how many observations a row stands for
    basis: SmoothBasis
    relevance: np.ndarray
    near: np.ndarray  # nearest rows of each row, (n_samples, n_near)
    row_scale: np.ndarray  # 1 / relative noise sd
    vote_weight: float
    bounds: tuple[int, int]  # fewest and most experts
    min_samples: int
    report: Report
    arrays: Any = NUMPY  # where the laws are computed
    history: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        put, columns = self.arrays.put, self.arrays.columns
        self.target = self.y * self.row_scale[:, None]
        scale, target, root = (
            put(part) for part in (self.row_scale[:, None], self.target, np.sqrt(self.weight)[:, None])
        )
        self.features = [f * scale for f in self.features_at(self.X)]
        self.augmented = [columns([f, target]) * root for f in self.features]
        self.cells = Cells(self.features, self.target, self.weight, self.augmented, self.basis.n_linear_)

    # ---- pieces -----------------------------------------------------------------------------------------------
    def features_at(self, X: np.ndarray) -> list[Array]:
        return self.basis.features(X, arrays=self.arrays)

    def own(self, labels: np.ndarray, expert: int) -> np.ndarray:
        """Weight with which an expert learns each row, 0 for rows of others."""
        return np.where(labels == expert, self.weight, 0.0)

    def counts(self, labels: np.ndarray) -> np.ndarray:
        """Summed weight of the rows of every label."""
        return np.bincount(labels, self.weight)

    def errors(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        laws = enumerate(self.cells.laws(labels, s2))
        scaled = [law.squared_error(self.features, self.target, self.own(labels, k)) for k, law in laws]
        return np.column_stack(scaled) / self.row_scale[:, None] ** 2

    def total(self, labels: np.ndarray, s2: np.ndarray) -> float:
        """Evidence of all regimes together plus the neighbours' votes for the labels."""
        own_votes = log_votes(labels, self.near, self.weight)[np.arange(len(labels)), labels]
        return float(self.cells.log_evidence(labels, s2).sum() + self.vote_weight * (self.weight @ own_votes))

    def noise(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        """Noise variance of each output left over by the experts on their own rows."""
        squares, freedom = np.zeros(len(s2)), np.zeros(len(s2))
        for k, expert in enumerate(self.cells.laws(labels, s2)):
            own = labels == k
            rows = [f[own] for f in self.features]
            squares += self.weight[own] @ (self.target[own] - expert.predict(rows)) ** 2
            freedom += expert.freedom(rows, self.weight[own])
        return np.maximum(squares / np.maximum(self.weight.sum() - freedom, 1.0), NOISE_FLOOR)

    # ---- moves ------------------------------------------------------------------------------------------------
    def merge(self, labels: np.ndarray, s2: np.ndarray, *, most: int = MAX_LEAVES, voting: bool = False) -> np.ndarray:
        """Join pairs of cells, the best first, while joining raises the evidence or there are more than `most`.

        With `voting` the neighbours' votes for the joined label count too, as in :meth:`total`. That suits cells that
        have competed; raw ones still hold rows of several regimes.
        """
        counts = _vote_counts(labels, self.near, self.weight)
        groups = list(range(int(labels.max()) + 1))
        joints = Joints(self.cells.stats(labels), self.cells.model_evidences(labels, s2), s2)
        touching = np.zeros((len(groups), len(groups)), dtype=bool)
        touching[np.repeat(labels, self.near.shape[1]), labels[self.near].ravel()] = True
        touching |= touching.T

        def agreement(a: int, b: int) -> float:
            """Log votes that the rows of two cells win when their labels become one."""
            rows, both = np.flatnonzero((labels == a) | (labels == b)), counts[:, a] + counts[:, b]
            own = counts[rows, labels[rows]]
            return float(
                self.vote_weight * (self.weight[rows] @ np.log((both[rows] + VOTE_PRIOR) / (own + VOTE_PRIOR)))
            )

        def others(pairs: list[tuple[int, int]]) -> dict[tuple[int, int], float]:
            """What joining pairs gains beside the evidence of their laws."""
            return {
                (a, b): (0.0 if touching[a, b] else -REMOTE_PRICE) + (agreement(a, b) if voting else 0.0)
                for a, b in pairs
            }

        joints.enter(others([(a, b) for i, a in enumerate(groups) for b in groups[i + 1 :]]))
        before, labels = labels, labels.copy()
        while len(groups) > self.bounds[0]:
            (a, b), gain = joints.best(least=0.0 if len(groups) <= most else -np.inf)
            if gain <= 0.0 and len(groups) <= most:
                break
            joints.join(a, b)
            touching[a] |= touching[b]
            touching[:, a] |= touching[:, b]
            counts[:, a] += counts[:, b]
            labels[labels == b] = a
            groups.remove(b)
            joints.enter(others([(min(a, c), max(a, c)) for c in groups if c != a]))
        labels = compact(labels)
        if labels.max() < before.max():
            self.note("merge", labels, float(np.mean(labels != before)), s2)
        return labels

    def scores(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        """What each expert bids for each row: log predictive density plus the neighbours' vote."""
        votes = log_votes(labels, self.near, self.weight)
        return self.cells.log_density(labels, s2) + self.vote_weight * votes

    def compete(self, labels: np.ndarray, s2: np.ndarray, *, rounds: int = 12, trial: bool = False) -> np.ndarray:
        """Each row goes to the expert that predicts it best, neighbours voting; experts then relearn their rows."""
        for _ in range(rounds):
            if labels.max() == 0:
                break
            winners = self.scores(labels, s2).argmax(axis=1)
            if (self.counts(winners) >= self.min_samples).sum() < min(self.bounds[0], labels.max() + 1):
                break
            changed = float(np.mean(winners != labels))
            labels = compact(winners)
            if not trial:
                self.note("compete", labels, changed, s2)
            if changed <= SETTLED_SHARE:
                break
        return labels

    def drop(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        """Drop experts that the others can stand in for, the smallest first, and those with too few rows.

        The rows of a candidate go to the runner-up; where that is not hopeless a short competition follows.
        """
        current, scores, k = self.total(labels, s2), self.scores(labels, s2), 0
        while k <= labels.max() and labels.max() + 1 > self.bounds[0]:
            counts = self.counts(labels)
            expert = int(np.argsort(counts, kind="stable")[k])
            too_small = counts[expert] < self.min_samples
            others = scores.copy()
            others[:, expert] = -np.inf
            fewer = compact(np.where(labels == expert, others.argmax(axis=1), labels))
            without = self.total(fewer, s2)
            if too_small or without > current - HOPELESS:
                fewer = self.compete(fewer, s2, rounds=4, trial=True)
                without = self.total(fewer, s2)
            if too_small or without > current + DROP_PRICE:
                labels, current, scores, k = fewer, without, self.scores(fewer, s2), 0
                self.note("drop", labels, counts[expert] / counts.sum(), s2)
            else:
                k += 1
        return labels

    def note(self, step: str, labels: np.ndarray, changed: float, s2: np.ndarray) -> None:
        """Add a line to the history; its noise is the mean over outputs."""
        noise = float(np.mean(s2))
        entry = {"step": step, "n_experts": int(labels.max()) + 1, "changed": float(changed), "noise": noise}
        self.history.append(entry)
        self.report(entry)

    def join_smooth(self, labels: np.ndarray, s2: np.ndarray) -> np.ndarray:
        """Join touching regimes that differ by uneven curvature or noise only.

        At their border the two laws meet in value and slope, and the rows nearest to it are better told by one law.
        """
        while labels.max() + 1 > self.bounds[0]:
            experts = self.cells.laws(labels, s2)
            for a, b in np.argwhere(np.triu(np.ones((len(experts), len(experts))), 1)):
                border = self._border(labels, a, b)
                if (
                    len(border)
                    and self._meet(experts[a], experts[b], border, MEETING)
                    and self._border_gain(labels, a, b, s2) > 0.0
                ):
                    labels = compact(np.where(labels == b, a, labels))
                    break
            else:
                break
        return labels

    def all_smooth(self, labels: np.ndarray, s2: np.ndarray) -> bool:
        """Whether touching regimes nearly meet in value and slope everywhere: no jump, no clear kink."""
        laws = self.cells.laws(labels, s2)
        borders = [(a, b, self._border(labels, a, b)) for b in range(len(laws)) for a in range(b)]
        return all(self._meet(laws[a], laws[b], border, CLEAR_KINK) for a, b, border in borders if len(border))

    def _border(self, labels: np.ndarray, a: int, b: int) -> np.ndarray:
        near = labels[self.near]
        return np.flatnonzero(((labels == a) & (near == b).any(axis=1)) | ((labels == b) & (near == a).any(axis=1)))

    def _meet(self, first: Law, second: Law, border: np.ndarray, threshold: float) -> bool:
        """Whether the root mean square differences of value and of every slope at the border are below a threshold.

        They are measured in posterior deviations.
        """
        if _deviation(first, second, self.features_at(self.X[border]), 0.1) >= threshold:
            return False
        for axis in range(self.X.shape[1]):
            step = np.zeros(self.X.shape[1])
            step[axis] = BORDER_STEP
            ahead, behind = self.features_at(self.X[border] + step), self.features_at(self.X[border] - step)
            slope = [(f - g) / (2.0 * BORDER_STEP) for f, g in zip(ahead, behind, strict=True)]
            if _deviation(first, second, slope, 0.4) >= threshold:
                return False
        return True

    def _border_gain(self, labels: np.ndarray, a: int, b: int, s2: np.ndarray) -> float:
        """Evidence that one law gains over two on the rows of each regime that lie nearest to the other."""
        Z, sides = self.X * self.relevance, [np.flatnonzero(labels == k) for k in (a, b)]
        nearest = []
        for rows, others in (sides, sides[::-1]):
            distances = NearestNeighbors(n_neighbors=1).fit(Z[others]).kneighbors(Z[rows])[0][:, 0]
            count = max(2 * self.min_samples, int(BORDER_SHARE * len(rows)))
            nearest.append(rows[np.argsort(distances, kind="stable")[:count]])
        seen = np.concatenate(nearest)
        stats = Stats.of_groups(
            [f[seen] for f in self.augmented],
            (labels[seen] == b).astype(int),
            2,
            self.basis.n_linear_,
            n_outputs=self.y.shape[1],
            weight=self.weight[seen],
        )
        return float(log_evidence(stats.total(), s2)[0] - log_evidence(stats, s2).sum())


def _deviation(first: Law, second: Law, features: list[Array], extra: float) -> float:
    """The difference in the output where it is largest; `extra` times the noise variance is forgiven."""
    worst = 0.0
    for pair in zip(first.outputs, second.outputs, strict=True):
        difference, variance = np.zeros(len(features[0])), np.full(len(features[0]), extra * pair[0].s2)
        for sign, expert in zip((1.0, -1.0), pair, strict=True):
            means, leverages = expert.moments(features)
            difference += sign * means[0]
            variance += expert.s2 * leverages[0]
        worst = max(worst, float(np.sqrt(np.mean(difference**2 / variance))))
    return worst


def log_votes(labels: np.ndarray, near: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Log share of each label among the nearest rows `near` (n_rows, n_near) by weight, shape (n_rows, n_labels)."""
    return np.log((_vote_counts(labels, near, weight) + VOTE_PRIOR) / (near.shape[1] + VOTE_PRIOR))


def _vote_counts(labels: np.ndarray, near: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """How many of the nearest rows `near` (n_rows, n_near) bear each label, by weight, shape (n_rows, n_labels)."""
    ballots = np.ones(near.shape) if weight is None else weight[near] / weight[near].mean(axis=1, keepdims=True)
    counts = np.zeros((len(near), int(labels.max()) + 1))
    np.add.at(counts, (np.arange(len(near))[:, None], labels[near]), ballots)
    return counts


def compact(labels: np.ndarray) -> np.ndarray:
    """Relabel to 0, 1, ... without gaps."""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64).reshape(-1)
