"""Gates: from rows to experts, trained on what misrouting a row would cost.

Most rows are easy to route; the error of a modular model is made by the few beside a border. So each row weighs as
much as its best expert beats the runner-up, and among several kinds of gate the simplest one wins whose routed error
is within two standard errors of the best: the one with the fewest numbers in it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC
from sklearn.utils.validation import has_fit_parameter

from modpart._utils.parallel import parallel_map
from modpart._utils.quiet import no_convergence_warnings
from modpart._utils.seeds import child_seeds, seed_nested
from modpart.partition._gate.border_tree import BorderTree
from modpart.partition._rows import standard_error

__all__ = ["KINDS", "Gate", "fit_gate", "gate_menu", "log_blend", "squared_blend"]

KINDS = ("logistic", "tree", "quadratic", "quartic", "kernel", "neighbours", "boosting")
UNSCALED = ("tree", "boosting")  # kinds that find the relevant inputs themselves
FOLDS = 10
TRIAL_FOLDS = 3  # after which kinds are given up that are hopeless, or no better than a smaller one
HOPELESS = 4.0  # standard errors that such a kind is behind the best
BAG = 15  # classifiers that only name a class vote
WEIGHT_RANGE = (0.05, 100.0)  # nats
CERTAIN, ALIKE = 7.0, 4.0  # nats, mean squared errors; a label with a smaller lead and cost yields to the gate once
TOLERANCE = 2.0  # standard errors; at 1 a single row of 1,000 would turn the choice
EXCESS_CLIP = 0.25  # of var(y), or nats: a handful of rows at a jump must not decide alone
QUADRATIC_INPUTS, QUARTIC_INPUTS = 10, (2, 3)  # at most; on a line intervals are for trees
KERNEL_ROWS = 3000  # above, kernel machines cost too much
KERNEL_STEPS = 50_000  # a border that exists takes less; where none does, the solver would go on for seconds
CHOICE_ROWS, MEMBER_ROWS = 5000, 20_000  # rows that choose the kind of gate, and that each member learns
STEEPNESS = 3.0  # of a kernel gate: at the margin its log odds are 3


Blend = Callable[[np.ndarray, np.ndarray], np.ndarray]


def gate_menu(kind: str, n_samples: int, n_inputs: int) -> list[tuple[str, Any]]:
    """Gates of one kind, or those that ``gate="auto"`` tries: all but the slow boosting and what grows too large."""

    def logistic(C: float = 1e6) -> LogisticRegression:
        return LogisticRegression(C=C, solver="newton-cholesky", max_iter=1000)

    def kernel(C: float, sharpness: float) -> SVC:
        gamma = sharpness / n_inputs
        return SVC(C=C, gamma=gamma, tol=1e-2, max_iter=KERNEL_STEPS, decision_function_shape="ovo")

    menu: list[tuple[str, Any]] = [
        ("logistic", logistic()),
        ("tree", BorderTree()),
        ("quadratic", make_pipeline(PolynomialFeatures(2), logistic())),
        ("quartic", make_pipeline(PolynomialFeatures(4), logistic(1e4))),  # rings
        ("kernel", kernel(1e4, 1.0)),
        ("kernel", kernel(1e3, 5.0)),
        ("neighbours", KNeighborsClassifier(5, algorithm="brute" if n_samples <= CHOICE_ROWS else "auto")),
        ("boosting", HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=5, early_stopping=False)),
    ]
    if kind != "auto":
        return [(name, gate) for name, gate in menu if name == kind]
    too_large = {"boosting"}
    if n_inputs > QUADRATIC_INPUTS:
        too_large.add("quadratic")
    if n_inputs not in QUARTIC_INPUTS:
        too_large.add("quartic")
    if n_samples > KERNEL_ROWS:
        too_large.add("kernel")
    return [(name, gate) for name, gate in menu if name not in too_large]


class Gate:
    """A classifier, or a bag that votes, that routes rows to experts.

    Attributes
    ----------
    kind : str
        Name of the chosen kind of gate.
    n_experts : int
    members : list of fitted classifiers
    routed_error, blended_error : float
        Cross-validated loss (squared error in units of var(y), or log loss in nats) that routing each row to the
        likeliest expert adds to that of the winner, and that blending experts by their shares adds.
    routing : {"hard", "soft"}
        Which of the two does better.
    scale : ndarray of shape (n_inputs,) or None
        Weight of each input; those of weight 0 are left out.
    """

    def __init__(
        self,
        kind: str,
        n_experts: int,
        members: list[Any],
        routed_error: float,
        blended_error: float = 0.0,
        *,
        routing: str = "hard",
        scale: np.ndarray | None = None,
    ) -> None:
        self.kind, self.n_experts, self.members = kind, n_experts, members
        self.routed_error, self.blended_error = routed_error, blended_error
        self.routing, self.scale = routing, scale

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Share of each expert at each row, shape (n_samples, n_experts); rows sum to 1."""
        if not self.members:
            return np.eye(self.n_experts)[np.zeros(len(X), dtype=np.int64)]
        X = _scaled(X, self.scale)
        return np.mean([_shares(member, X, self.n_experts) for member in self.members], axis=0)


def squared_blend(shares: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Squared error that a blend adds to that of the winner, as if all experts erred to the same side."""
    return np.sum(shares * np.sqrt(np.maximum(excess, 0.0)), axis=1) ** 2


def log_blend(shares: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Log loss that a blend of the experts' probabilities adds to that of the winner."""
    return -np.log(np.maximum(np.sum(shares * np.exp(-excess), axis=1), np.finfo(np.float64).tiny))


def fit_gate(
    X: np.ndarray,
    labels: np.ndarray,
    log_density: np.ndarray,
    errors: np.ndarray,
    rng: np.random.Generator,
    *,
    gate: Any = "auto",
    relevance: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    blend: Blend = squared_blend,
    n_jobs: int | None = None,
) -> Gate:
    """Fit a gate to competition winners.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs)
        What the gate may see, standardised.
    labels : ndarray of shape (n_samples,), int
        Winners.
    log_density, errors : ndarray of shape (n_samples, n_experts)
        Log predictive density and loss of each row under each expert.
    rng : numpy.random.Generator
    gate : str or classifier
        A kind of gate, "auto" to choose one by cross-validated routed error, or the user's classifier.
    relevance : ndarray of shape (n_inputs,) or None
        Weight of each input in distances; trees and the user's classifier do not need it.
    weight : ndarray of shape (n_samples,) or None
        How many observations each row stands for.
    blend : callable
        Loss that blending adds to the winner's, from shares and the losses that hard routes add.
    n_jobs : int or None
    """
    n_experts, weight = errors.shape[1], np.ones(len(X)) if weight is None else weight
    if n_experts == 1:
        return Gate("none", 1, [], 0.0)
    if not isinstance(gate, str):
        own = [(type(gate).__name__, gate)]
        return _fit_best(own, X, labels, log_density, errors, weight, None, rng, blend, n_jobs)
    scale = relevance / relevance.max() if relevance is not None and relevance.any() else np.ones(X.shape[1])
    menu = gate_menu(gate, len(X), int(np.count_nonzero(scale)))
    with no_convergence_warnings():  # where a logistic gate separates perfectly, its weights have no limit
        return _fit_best(menu, X, labels, log_density, errors, weight, scale, rng, blend, n_jobs)


def _fit_best(
    menu: list[tuple[str, Any]],
    X: np.ndarray,
    labels: np.ndarray,
    log_density: np.ndarray,
    errors: np.ndarray,
    weight: np.ndarray,
    scale: np.ndarray | None,
    rng: np.random.Generator,
    blend: Blend,
    n_jobs: int | None,
) -> Gate:
    """The simplest gate of the menu whose cross-validated routed error is as good as the best."""
    weights = _weights(labels, log_density) * (weight / weight.mean())
    scales = [None if name in UNSCALED else scale for name, _ in menu]
    candidates = [seed_nested(clone(gate), rng) for _, gate in menu]
    rows = np.arange(len(X)) if len(X) <= CHOICE_ROWS else rng.choice(len(X), CHOICE_ROWS, replace=False)
    folds = list(KFold(min(FOLDS, len(rows)), shuffle=True, random_state=child_seeds(rng, 1)[0]).split(rows))
    seed, n_experts = child_seeds(rng, 1)[0], errors.shape[1]
    jobs = [
        (gate, _scaled(X[rows], s), labels[rows], weights[rows], n_experts)
        for gate, s in zip(candidates, scales, strict=True)
    ]
    excess = _excess(labels[rows], errors[rows])
    kinds, shares, sizes = _raced(jobs, folds, excess, weight[rows], n_jobs)
    good = np.flatnonzero(_as_good(_clipped_costs(shares, excess), weight[rows], TOLERANCE))
    winner = min(good, key=sizes.__getitem__)  # the first of those alike
    chosen, routes = kinds[winner], shares[winner].argmax(axis=1)
    routed = excess[np.arange(len(rows)), routes]
    blended = blend(shares[winner], excess)

    cleaned = labels.copy()
    own = np.take_along_axis(errors, labels[:, None], axis=1)[:, 0]
    alike = routed <= ALIKE * np.average(own, weights=weight)
    unsure = alike & (_lead(labels, log_density)[rows] <= CERTAIN)
    cleaned[rows[unsure]] = routes[unsure]
    if len(np.unique(cleaned)) < n_experts:  # an expert that nobody is sure of still wants its rows
        cleaned = labels
    learned = np.arange(len(X)) if len(X) <= MEMBER_ROWS else rng.choice(len(X), MEMBER_ROWS, replace=False)
    return Gate(
        menu[chosen][0],
        n_experts,
        _members(
            candidates[chosen], _scaled(X[learned], scales[chosen]), cleaned[learned], weights[learned], seed, n_jobs
        ),
        float(np.average(routed, weights=weight[rows])),
        float(np.average(blended, weights=weight[rows])),
        routing="soft" if _as_good(np.array([blended, routed]), weight[rows], TOLERANCE)[0] else "hard",
        scale=scales[chosen],
    )


def _scaled(X: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    return X if scale is None else X[:, scale > 0] * scale[scale > 0]


def _lead(labels: np.ndarray, log_density: np.ndarray) -> np.ndarray:
    """By how many nats a row's winner beats the best other expert, shape (n_samples,)."""
    rows = np.arange(len(labels))
    others = log_density.copy()
    others[rows, labels] = -np.inf
    return log_density[rows, labels] - others.max(axis=1)


def _weights(labels: np.ndarray, log_density: np.ndarray) -> np.ndarray:
    """What misrouting a row costs, in nats, shape (n_samples,)."""
    return np.clip(_lead(labels, log_density), *WEIGHT_RANGE)


def _excess(labels: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Loss that each route adds to that of the winner, shape (n_samples, n_experts)."""
    return errors - np.take_along_axis(errors, labels[:, None], axis=1)


def _raced(
    jobs: list[tuple[Any, ...]],
    folds: list[tuple[np.ndarray, np.ndarray]],
    excess: np.ndarray,
    weight: np.ndarray,
    n_jobs: int | None,
) -> tuple[list[int], list[np.ndarray], list[int]]:
    """Kinds of gate with a hope to be chosen, the held-out shares of each, and their sizes.

    A kind that does no better than a smaller one in the trial would have to beat it clearly in the folds to come.
    """
    kinds, shares, sizes = list(range(len(jobs))), [np.zeros(excess.shape) for _ in jobs], [0] * len(jobs)
    n_trial = TRIAL_FOLDS if len(jobs) > 1 else 0
    trial, rest = folds[:n_trial], folds[n_trial:]
    for some in (trial, rest):
        crossed = parallel_map(_cross_shares, [(*jobs[kind], some) for kind in kinds], n_jobs=n_jobs)
        for kind, (found, size) in zip(kinds, crossed, strict=True):
            shares[kind] += found
            sizes[kind] += size
        if trial and some is trial:
            tested = np.concatenate([test for _, test in some])
            costs = _clipped_costs([own[tested] for own in shares], excess[tested])
            hopeful = _as_good(costs, weight[tested], HOPELESS)
            means = np.average(costs, axis=1, weights=weight[tested])
            smaller = np.less.outer(sizes, sizes) & np.less_equal.outer(means, means)  # and no worse
            kinds = np.flatnonzero(hopeful & ~smaller.any(axis=0)).tolist()
    return kinds, [shares[kind] for kind in kinds], [sizes[kind] for kind in kinds]


def _clipped_costs(shares: list[np.ndarray], excess: np.ndarray) -> np.ndarray:
    """What the likeliest route of each row adds to its error, by kind of gate, shape (n_kinds, n_rows)."""
    every = np.arange(len(excess))
    costs = np.array([excess[every, own.argmax(axis=1)] for own in shares])
    return np.clip(costs, -EXCESS_CLIP, EXCESS_CLIP)


def _as_good(costs: np.ndarray, weight: np.ndarray, tolerance: float) -> np.ndarray:
    """Which candidates' mean costs are within so many paired standard errors of the best, shape (n_candidates,)."""
    means = np.average(costs, axis=1, weights=weight)
    best = int(np.argmin(means))
    return np.asarray(means - means[best] <= tolerance * standard_error(costs - costs[best], weight))


def _size(gate: Any) -> int:
    """How many numbers a fitted gate holds; 0, so that the order of the menu decides, where that cannot be told."""
    last = gate[-1] if hasattr(gate, "steps") else gate
    if isinstance(last, BorderTree):
        return 2 * last.n_cuts_  # a column and a place each
    if isinstance(last, SVC):
        return last.dual_coef_.size + last.support_vectors_.size
    if isinstance(last, LogisticRegression):
        return last.coef_.size + last.intercept_.size
    return int(getattr(last, "n_samples_fit_", 0))


def _shares(gate: Any, X: np.ndarray, n_experts: int) -> np.ndarray:
    """Shares by one fitted classifier, 0 for experts that it has not seen."""
    shares = np.zeros((len(X), n_experts))
    if hasattr(gate, "predict_proba"):
        shares[:, gate.classes_] = gate.predict_proba(X)
    elif isinstance(gate, SVC) and gate.decision_function_shape == "ovo":
        shares[:, gate.classes_] = _coupled(gate.decision_function(X), len(gate.classes_))
    else:
        shares[np.arange(len(X)), gate.predict(X)] = 1.0
    return shares


def _coupled(margins: np.ndarray, n_classes: int) -> np.ndarray:
    """Shares from the margins of every pair of classes: each is proportional to the product of its odds to win."""
    if n_classes == 2:  # scikit-learn turns the sign of a single pair
        margins = -margins[:, None]
    log_odds = np.zeros((len(margins), n_classes))
    first, second = np.triu_indices(n_classes, k=1)
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        log_odds[:, i] -= np.logaddexp(0.0, -STEEPNESS * margins[:, pair])
        log_odds[:, j] -= np.logaddexp(0.0, STEEPNESS * margins[:, pair])
    return softmax(log_odds, axis=1)


def _fit(gate: Any, X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Any:
    """Fit a clone of `gate`, weighted when it accepts weights."""
    gate = clone(gate)
    steps = getattr(gate, "steps", None)
    weighted = _weighted(steps[-1][1] if steps else gate)
    name = f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"
    if not isinstance(gate, BorderTree):  # which weighs nats against the price of a cut
        weights = weights / weights.mean()
    with config_context(enable_metadata_routing=False):  # the weights are ours: a gate need not request them
        return gate.fit(X, labels, **{name: weights}) if weighted else gate.fit(X, labels)


def _weighted(gate: Any) -> bool:
    return bool(has_fit_parameter(gate, "sample_weight"))


def _members(
    gate: Any, X: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int, n_jobs: int | None
) -> list[Any]:
    """The gate fitted to all rows, or a bag when it can only vote: a bootstrap leaves out rows beside the border."""
    whole = _fit(gate, X, labels, weights)
    if hasattr(whole, "predict_proba") or isinstance(whole, SVC):
        return [whole]
    seeds = child_seeds(np.random.default_rng(seed), BAG)
    return parallel_map(_fit_on_bootstrap, [(gate, X, labels, weights, s) for s in seeds], n_jobs=n_jobs)


def _cross_shares(
    gate: Any,
    X: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    n_experts: int,
    folds: list[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, int]:
    """Shares of every row of the folds by a gate that has not seen it (n_samples, n_experts), and the gate's size."""
    shares, size = np.zeros((len(X), n_experts)), 0
    for train, test in folds:
        seen = np.unique(labels[train])
        if len(seen) == 1:
            shares[test, seen[0]] = 1.0
            continue
        fitted = _fit(gate, X[train], labels[train], weights[train])
        size += _size(fitted)
        shares[test] = _shares(fitted, X[test], n_experts)
    return shares, size


def _fit_on_bootstrap(gate: Any, X: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        rows = rng.integers(len(X), size=len(X))
        if len(np.unique(labels[rows])) > 1:
            return _fit(gate, X[rows], labels[rows], weights[rows])
    return _fit(gate, X, labels, weights)
