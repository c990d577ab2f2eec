"""Free competition: experts of any kind compete for rows; hold-out loss admits and drops them.

This is the rule of Tacke et al. (arXiv 2411.18254) with additions: runs may start from more than chance, the neighbours
of a row vote for its label, an expert that could learn rows by heart is judged by cross-fitting, and only the routed
hold-out loss changes the number of experts.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from modpart._utils.parallel import parallel_map
from modpart._utils.seeds import child_seeds
from modpart.partition._contest import Contest, Scaling
from modpart.partition._evidence.class_regimes import class_relevance
from modpart.partition._evidence.class_starts import class_start_labels
from modpart.partition._evidence.local import input_relevance, line_rows, local_lines, neighbours
from modpart.partition._evidence.regimes import find_regimes
from modpart.partition._evidence.search import VOTERS, compact, log_votes
from modpart.partition._free.teams import Team, make_team
from modpart.partition._rows import standard_error

__all__ = ["award", "contest_by_hold_out", "own_column", "random_start", "start_labels"]

START_EXPERTS = 3
SETTLED_SHARE, SETTLED_ROUNDS = 5e-3, 2  # at most this share of the rows changes, for so many rounds
TRIAL_EVERY, TRIAL_ROUNDS = 10, 3
WORST_SHARE = 0.1
LEAST_GAIN, ALLOWED_LOSS = 0.02, 0.01  # of the hold-out loss, to admit and to drop an expert
DROP_CANDIDATES = 2
FINAL_ROUNDS = 3
LEAST_START = 4  # rows that an expert needs to begin with


@dataclass
class _Rows:
    """Rows that experts compete for, in original units, with their nearest neighbours in standardised inputs."""

    X: np.ndarray
    y: np.ndarray
    Z: np.ndarray
    weight: np.ndarray
    near: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, Z: np.ndarray, weight: np.ndarray) -> "_Rows":
        return cls(X, y, Z, weight, neighbours(Z, VOTERS))


@dataclass
class _Run:
    """One competition on training rows, with hold-out rows that decide how many experts there are."""

    team: Team
    rows: _Rows
    hold_out: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # X, y, Z, weight
    scaling: Scaling
    vote_weight: float
    bounds: tuple[int, int]
    min_samples: int
    history: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        finder = NearestNeighbors(n_neighbors=min(VOTERS, len(self.rows.Z))).fit(self.rows.Z)
        self.hold_out_near = finder.kneighbors(self.hold_out[2], return_distance=False)

    def compete(self, labels: np.ndarray, max_rounds: int) -> np.ndarray:
        """Rounds until the labels settle, with trials of one more and of one fewer expert in between."""
        quiet = 0
        for step in range(1, max_rounds + 1):
            before, labels = labels, self.round(labels)
            changed = float(np.mean(before != labels)) if labels.max() == before.max() else 1.0
            self._note("compete", labels, changed)
            quiet = quiet + 1 if changed <= SETTLED_SHARE else 0
            settled = quiet >= SETTLED_ROUNDS
            if settled or step % TRIAL_EVERY == 0:
                tried = self._try_dropping(self._try_growing(labels))
                if settled and tried is labels:
                    break
                quiet = quiet if tried is labels else 0
                labels = tried
        return labels

    def round(self, labels: np.ndarray) -> np.ndarray:
        """Experts learn their rows, then every row goes to the expert that predicts it best, neighbours voting."""
        self.team.train(labels)
        errors, near = self.team.errors(), self.rows.near
        density = self.team.density(errors, errors, labels, near)
        winners = award(density, labels, near, self.vote_weight, self.min_samples, self.rows.weight)
        if len(np.unique(winners)) < min(self.bounds[0], labels.max() + 1):
            return labels
        self.team.keep(np.unique(winners))
        return compact(winners)

    def hold_out_errors(self, labels: np.ndarray) -> np.ndarray:
        """Loss on hold-out rows, each routed by the vote of its nearest training rows; squares in units of var(y)."""
        X, y, *_ = self.hold_out
        votes = log_votes(labels, self.hold_out_near, self.rows.weight)
        return own_column(self.team.losses(X, y, self.scaling), votes.argmax(axis=1))

    def hold_out_loss(self, labels: np.ndarray) -> float:
        """Weighted mean of the hold-out errors."""
        return float(np.average(self.hold_out_errors(labels), weights=self.hold_out[3]))

    def _try_growing(self, labels: np.ndarray) -> np.ndarray:
        """A new expert on the worst-predicted rows, kept when the routed hold-out loss falls or experts are wanted."""
        fewest, most = self.bounds
        n_experts = int(labels.max()) + 1
        if n_experts >= most:
            return labels
        before, loss = self.team.snapshot(), self.hold_out_loss(labels)
        own = own_column(self.team.errors(), labels)
        smoothed = own + own[self.rows.near].mean(axis=1) if self.vote_weight else own
        grown = labels.copy()
        count = min(max(self.min_samples, int(WORST_SHARE * len(labels))), len(labels) // 2)
        grown[np.argsort(-smoothed)[:count]] = n_experts
        left = np.bincount(grown, self.rows.weight)
        grown[left[grown] < self.min_samples] = n_experts  # what is left of an expert may be too little to learn from
        self.team.keep(np.setdiff1d(grown, [n_experts]))
        grown = self._rounds(compact(grown))
        better = self.hold_out_loss(grown) <= (1.0 - LEAST_GAIN) * loss
        if grown.max() + 1 > n_experts and (better or n_experts < fewest):
            self._note("grow", grown, 1.0)
            return grown
        self.team.restore(before)
        return labels

    def _try_dropping(self, labels: np.ndarray) -> np.ndarray:
        """Without one expert, when the routed hold-out loss hardly rises.

        Tried are the experts whose rows the others already predict best.
        """
        if labels.max() + 1 <= self.bounds[0]:
            return labels
        before, loss = self.team.snapshot(), self.hold_out_loss(labels)
        errors = self.team.errors()
        own, n_experts = own_column(errors, labels), errors.shape[1]
        others = [np.delete(errors[labels == k], k, axis=1).min(axis=1) for k in range(n_experts)]
        cost = [float(self.rows.weight[labels == k] @ (other - own[labels == k])) for k, other in enumerate(others)]
        for expert in np.argsort(cost)[:DROP_CANDIDATES]:
            errors = self.team.errors()
            errors[:, expert] = np.inf
            fewer = np.where(labels == expert, errors.argmin(axis=1), labels)
            self.team.keep(np.unique(fewer))
            fewer = self._rounds(compact(fewer))
            if self.hold_out_loss(fewer) <= (1.0 + ALLOWED_LOSS) * loss:
                self._note("drop", fewer, 1.0)
                return fewer
            self.team.restore(before)
        return labels

    def _rounds(self, labels: np.ndarray) -> np.ndarray:
        for _ in range(TRIAL_ROUNDS):
            labels = self.round(labels)
        return labels

    def _note(self, step: str, labels: np.ndarray, changed: float) -> None:
        loss = self.hold_out_loss(labels)
        self.history.append(
            {"step": step, "n_experts": int(labels.max()) + 1, "changed": changed, "hold_out_loss": loss}
        )


def award(
    log_density: np.ndarray,
    labels: np.ndarray,
    near: np.ndarray,
    vote_weight: float,
    min_samples: int,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Winner of every row by log predictive densities (n_samples, n_experts) and the neighbours' vote.

    A row stays where it is on a tie; experts left with fewer than `min_samples` rows (by weight) lose them to the
    runner-up.
    """
    scores = log_density + vote_weight * log_votes(labels, near, weight)
    winners = np.where(scores.max(axis=1) > own_column(scores, labels), scores.argmax(axis=1), labels)
    counts = np.bincount(winners, weight, minlength=scores.shape[1])
    small = (counts < min_samples) & (counts < counts.max())
    scores[:, small] = -np.inf
    return np.where(small[winners], scores.argmax(axis=1), winners)


def own_column(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """``values[i, labels[i]]`` for every row i."""
    return np.take_along_axis(values, labels[:, None], axis=1)[:, 0]


def contest_by_hold_out(
    estimator: Any,
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    bounds: tuple[int, int] = (1, 10),
    min_samples: int | None = None,
    vote_weight: float = 1.0,
    init: str = "auto",
    weight: np.ndarray | None = None,
    n_init: int = 4,
    max_rounds: int = 60,
    validation_fraction: float = 0.2,
    n_jobs: int | None = None,
) -> Contest:
    """Let clones of `estimator` compete from several starts, and keep the run with the least routed hold-out loss.

    Among runs within one standard error of the best, the one with the fewest experts wins; when the number of experts
    is open, a single expert is among the candidates.
    """
    n, d = X.shape
    weight = np.ones(n) if weight is None else weight
    least = max(10, 3 * (d + 1)) if min_samples is None else min_samples
    target = np.unique(y, return_inverse=True)[1] if is_classifier(estimator) else y
    scaling = Scaling.of(X, target, weight)
    if is_classifier(estimator):
        relevance = class_relevance(scaling.inputs(X), target, rng, weight)
    else:
        relevance = input_relevance(scaling.inputs(X), scaling.target(y), rng, weight)
    Z = scaling.inputs(X) * relevance
    team_seed, split_seed, *run_seeds = child_seeds(rng, n_init + 2)
    order = np.random.default_rng(split_seed).permutation(n)
    held_out = min(round(validation_fraction * n), n - LEAST_START * bounds[0])
    outside = np.sort(order[: max(1, held_out)])
    inside = np.setdiff1d(order, outside)
    task = _Task(
        estimator, X, y, Z, weight, scaling, inside, outside, bounds, least, vote_weight, init, max_rounds, team_seed
    )
    starts: list[tuple[_Task, int | None, int]] = [(task, start, seed) for start, seed in enumerate(run_seeds)]
    if bounds[1] == 1 or (bounds[0] == 1 and weight[inside].sum() < 2 * least):  # no room for a second regime
        starts.clear()
    if bounds[0] == 1:
        starts.insert(0, (task, None, 0))
    results = parallel_map(_run_from, starts, n_jobs=n_jobs)
    best = results[_fewest_within_one_error(results, weight[outside])]
    return _finish(task, best, relevance)


@dataclass
class _Task:
    """What every run of one contest shares."""

    estimator: Any
    X: np.ndarray
    y: np.ndarray
    Z: np.ndarray
    weight: np.ndarray
    scaling: Scaling
    inside: np.ndarray
    outside: np.ndarray
    bounds: tuple[int, int]
    min_samples: int
    vote_weight: float
    init: str
    max_rounds: int
    seed: int


@dataclass
class _Result:
    """Where one run ended: winners of all rows, and the routed losses on the hold-out rows."""

    labels: np.ndarray
    hold_out_errors: np.ndarray
    history: list[dict[str, Any]]


def _run_from(task: _Task, start: int | None, seed: int) -> _Result:
    """One competition, begun from start number `start`; None keeps a single expert."""
    X, y, Z, weight, inside, outside = task.X, task.y, task.Z, task.weight, task.inside, task.outside
    team = make_team(task.estimator, X[inside], y[inside], task.seed, weight[inside])
    hold_out = (X[outside], y[outside], Z[outside], weight[outside])
    rows = _Rows.of(X[inside], y[inside], Z[inside], weight[inside])
    run = _Run(team, rows, hold_out, task.scaling, task.vote_weight, task.bounds, task.min_samples)
    if start is None:
        labels = np.zeros(len(inside), dtype=np.int64)
        team.train(labels)
    else:
        begin = _begin(task, team, rows, start, seed)
        with config_context(assume_finite=True, skip_parameter_validation=True):  # thousands of small fits
            labels = run.compete(begin, task.max_rounds)
    everyone = np.empty(len(X), dtype=np.int64)
    everyone[inside] = labels
    errors = team.losses(X[outside], y[outside], task.scaling)
    density = team.density(errors, team.errors(), labels, run.hold_out_near)
    scores = density + task.vote_weight * log_votes(labels, run.hold_out_near, rows.weight)
    everyone[outside] = scores.argmax(axis=1)
    return _Result(everyone, run.hold_out_errors(labels), run.history)


def _begin(task: _Task, team: Team, rows: _Rows, start: int, seed: int) -> np.ndarray:
    """Labels to begin a run with."""
    X, y, Z, weight = rows.X, rows.y, rows.Z, rows.weight
    if task.init == "random":
        return random_start(team, len(X), task.bounds, task.min_samples, seed)
    if not is_classifier(task.estimator):
        return start_labels(start, X, y, Z, task.bounds, task.min_samples, seed, weight)
    codes = np.unique(y, return_inverse=True)[1]
    inputs = Scaling.of(X, codes, weight).inputs(X)
    return class_start_labels(start, inputs, codes, Z, task.bounds, task.min_samples, seed, weight)


def random_start(team: Team, n_samples: int, bounds: tuple[int, int], least: int, seed: int) -> np.ndarray:
    """Labels to begin a run with: each expert learns a few random rows, then every row goes to the best expert."""
    n_experts = min(max(bounds[0], START_EXPERTS), bounds[1], n_samples // LEAST_START)
    count = min(least, n_samples // n_experts)
    labels = np.full(n_samples, -1)
    known = np.random.default_rng(seed).permutation(n_samples)[: n_experts * count]
    labels[known] = np.arange(len(known)) // count
    team.train(labels)
    winners = team.errors().argmin(axis=1)
    team.keep(np.unique(winners))
    return compact(winners)


def start_labels(
    start: int,
    X: np.ndarray,
    y: np.ndarray,
    Z: np.ndarray,
    bounds: tuple[int, int],
    least: int,
    seed: int,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Labels to begin a run with: closed-form regimes (curved, then straight), then clusters of [x, y] and of slopes.

    Further starts repeat the two clusterings with other seeds. No expert begins with fewer than `least` rows, unless a
    fixed number of experts asks for it.
    """
    rng = np.random.default_rng(seed)
    scaling, weight = Scaling.of(X, y, weight), np.ones(len(X)) if weight is None else weight
    inputs, target = scaling.inputs(X), scaling.target(y).reshape(len(X), -1)
    if start < 2:
        settings: dict[str, Any] = {"bounds": bounds, "min_samples": least, "weight": weight}
        return find_regimes(inputs, target, rng, smooth=start == 0, **settings).labels
    if start % 2 == 0:
        points = np.column_stack([Z, 2.0 * target])
    else:
        near = neighbours(Z, line_rows(inputs.shape[1]))
        slopes = np.hstack([local_lines(near, inputs, column)[0] for column in target.T])
        low, middle, high = np.quantile(slopes, [0.16, 0.5, 0.84], axis=0)
        points = np.clip((slopes - middle) / np.maximum(high - low, 1e-12), -3.0, 3.0)
    n_clusters = min(max(bounds[0], START_EXPERTS), bounds[1], len(np.unique(points, axis=0)))
    labels = compact(
        KMeans(n_clusters, n_init=1, random_state=child_seeds(rng, 1)[0]).fit(points, None, weight).labels_
    )
    if bounds[0] > 1:
        least = LEAST_START
    if labels.max() + 1 < bounds[0] or np.bincount(labels, weight).min() < least:
        n_slices = max(bounds[0], min(n_clusters, int(weight.sum()) // least, len(target) // LEAST_START))
        level = target.mean(axis=1)
        labels = np.argsort(np.argsort(level, kind="stable")) * n_slices // len(target)  # equal slices of y
    return labels


def _fewest_within_one_error(results: list[_Result], weight: np.ndarray) -> int:
    """The run with the fewest experts among those within one paired standard error of the least hold-out loss."""
    errors = np.array([result.hold_out_errors for result in results])
    losses = np.average(errors, axis=1, weights=weight)
    best = int(np.argmin(losses))
    close = np.flatnonzero(losses - losses[best] <= standard_error(errors - errors[best], weight))
    return int(min(close, key=lambda run: (results[run].labels.max(), losses[run])))


def _finish(task: _Task, best: _Result, relevance: np.ndarray) -> Contest:
    """A last few rounds on all rows, hold-out rows included, and the experts fitted to what they won."""
    team = make_team(task.estimator, task.X, task.y, task.seed, task.weight)
    labels, near = compact(best.labels), neighbours(task.Z, VOTERS)
    for _ in range(FINAL_ROUNDS if labels.max() else 0):
        team.train(labels)
        errors = team.errors()
        density = team.density(errors, errors, labels, near)
        winners = award(density, labels, near, task.vote_weight, task.min_samples, task.weight)
        if len(np.unique(winners)) < task.bounds[0]:
            break
        team.keep(np.unique(winners))
        labels = compact(winners)
    team.train(labels)
    errors = team.errors()
    density = team.density(errors, errors, labels, near)
    return Contest(labels, density, errors, team.experts(labels), relevance, best.history)
