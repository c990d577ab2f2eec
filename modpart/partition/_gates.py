"""Gates: from rows to experts, trained on what misrouting a row would cost.

Most rows are easy to route; the error of a modular model is made by the few that are not. So each row weighs as much as
its best expert beats the runner-up, and among several kinds of gate the simplest one wins whose routed error is within
one standard error of the best.
"""

from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import has_fit_parameter

from modpart._utils.parallel import parallel_map
from modpart._utils.quiet import no_convergence_warnings
from modpart._utils.seeds import child_seeds, seed_nested
from modpart.partition._rows import standard_error

__all__ = ["Gate", "fit_gate", "gate_menu"]

FOLDS = 10
BAG = 15
WEIGHT_RANGE = (0.05, 100.0)  # nats
CERTAIN = 7.0  # nats; a label with a smaller lead yields to the gate once
EXCESS_CLIP = 0.25  # of var(y): a handful of rows at a jump must not decide alone
KERNEL_ROWS = 3000  # above, kernel machines cost too much
CHOICE_ROWS, MEMBER_ROWS = 5000, 20_000  # rows that choose the kind of gate, and that each member learns
MAX_ITER = 1000


def gate_menu(n_samples: int, n_inputs: int) -> dict[str, Any]:
    """The kinds of gate that ``gate="auto"`` tries, from simple to flexible."""
    menu: dict[str, Any] = {
        "logistic": LogisticRegression(C=1e5, solver="newton-cholesky", max_iter=MAX_ITER),
        "tree": DecisionTreeClassifier(min_samples_leaf=3),
    }
    if n_inputs <= 10:
        menu["quadratic"] = make_pipeline(
            PolynomialFeatures(2), LogisticRegression(C=1e5, solver="newton-cholesky", max_iter=MAX_ITER)
        )
    if n_samples <= KERNEL_ROWS:
        menu["smooth kernel"] = SVC(C=1e4, gamma=1.0 / n_inputs, tol=1e-2)
        menu["sharp kernel"] = SVC(C=1e3, gamma=5.0 / n_inputs, tol=1e-2)
    menu["neighbours"] = KNeighborsClassifier(5, algorithm="brute" if n_samples <= CHOICE_ROWS else "auto")
    return menu


class Gate:
    """A bag of classifiers that routes rows to experts.

    Attributes
    ----------
    kind : str
        Name of the chosen kind of gate.
    n_experts : int
    members : list of fitted classifiers
    routed_error : float
        Cross-validated excess squared error of routing by this gate, in units of var(y).
    """

    def __init__(self, kind: str, n_experts: int, members: list[Any], routed_error: float) -> None:
        self.kind, self.n_experts, self.members, self.routed_error = kind, n_experts, members, routed_error

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Share of each expert at each row, shape (n_samples, n_experts); rows sum to 1."""
        shares = np.zeros((len(X), self.n_experts))
        if not self.members:
            shares[:, 0] = 1.0
            return shares
        for member in self.members:
            if hasattr(member, "predict_proba"):
                shares[:, member.classes_] += member.predict_proba(X)
            else:
                shares[np.arange(len(X)), member.predict(X)] += 1.0
        return shares / len(self.members)


def fit_gate(
    X: np.ndarray,
    labels: np.ndarray,
    log_density: np.ndarray,
    errors: np.ndarray,
    rng: np.random.Generator,
    *,
    classifier: Any = None,
    weight: np.ndarray | None = None,
    n_jobs: int | None = None,
) -> Gate:
    """Fit a gate to competition winners.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs)
        What the gate may see.
    labels : ndarray of shape (n_samples,), int
        Winners.
    log_density, errors : ndarray of shape (n_samples, n_experts)
        Log predictive density and squared error of each row under each expert.
    rng : numpy.random.Generator
    classifier : classifier or None
        The user's gate; None chooses from :func:`gate_menu` by cross-validated routed error.
    weight : ndarray of shape (n_samples,) or None
        How many observations each row stands for.
    n_jobs : int or None
    """
    n_experts, weight = errors.shape[1], np.ones(len(X)) if weight is None else weight
    if n_experts == 1:
        return Gate("none", 1, [], 0.0)
    if classifier is not None:
        return _fit_best({type(classifier).__name__: classifier}, X, labels, log_density, errors, weight, rng, n_jobs)
    with no_convergence_warnings():  # where a logistic gate separates perfectly, its weights have no limit
        return _fit_best(gate_menu(*X.shape), X, labels, log_density, errors, weight, rng, n_jobs)


def _fit_best(
    menu: dict[str, Any],
    X: np.ndarray,
    labels: np.ndarray,
    log_density: np.ndarray,
    errors: np.ndarray,
    weight: np.ndarray,
    rng: np.random.Generator,
    n_jobs: int | None,
) -> Gate:
    """A bag of the simplest gate of the menu whose cross-validated routed error is within one error of the best."""
    n_experts = errors.shape[1]
    weights = _weights(labels, log_density) * (weight / weight.mean())
    names = list(menu)
    candidates = [seed_nested(clone(menu[name]), rng) for name in names]
    rows = np.arange(len(X)) if len(X) <= CHOICE_ROWS else rng.choice(len(X), CHOICE_ROWS, replace=False)
    folds = list(KFold(min(FOLDS, len(rows)), shuffle=True, random_state=child_seeds(rng, 1)[0]).split(rows))
    jobs = [(gate, X[rows], labels[rows], weights[rows], folds) for gate in candidates]
    routes = np.array(parallel_map(_cross_routes, jobs, n_jobs=n_jobs))
    costs = _excess(labels[rows], errors[rows])[np.arange(len(rows)), routes]
    chosen = _simplest_within_one_error(costs, weight[rows])
    gate = candidates[chosen]

    cleaned = labels.copy()
    unsure = _lead(labels, log_density)[rows] <= CERTAIN
    cleaned[rows[unsure]] = routes[chosen][unsure]
    if len(np.unique(cleaned)) < n_experts:  # an expert that nobody is sure of still wants its rows
        cleaned = labels
    bootstraps = [(gate, X, cleaned, weights, seed) for seed in child_seeds(rng, BAG)]
    members = parallel_map(_fit_on_bootstrap, bootstraps, n_jobs=n_jobs)
    return Gate(names[chosen], n_experts, members, float(np.average(costs[chosen], weights=weight[rows])))


def _lead(labels: np.ndarray, log_density: np.ndarray) -> np.ndarray:
    """By how many nats a row's winner beats the best other expert, shape (n_samples,)."""
    rows = np.arange(len(labels))
    others = log_density.copy()
    others[rows, labels] = -np.inf
    return log_density[rows, labels] - others.max(axis=1)


def _weights(labels: np.ndarray, log_density: np.ndarray) -> np.ndarray:
    weights = np.clip(_lead(labels, log_density), *WEIGHT_RANGE)
    return weights / weights.mean()


def _excess(labels: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Squared error that each route adds to that of the winner, clipped."""
    winner = np.take_along_axis(errors, labels[:, None], axis=1)
    return np.clip(errors - winner, -EXCESS_CLIP, EXCESS_CLIP)


def _simplest_within_one_error(costs: np.ndarray, weight: np.ndarray | None = None) -> int:
    """First candidate, from simple to flexible, whose mean cost is within one paired standard error of the best."""
    weight = np.ones(costs.shape[1]) if weight is None else weight
    means = np.average(costs, axis=1, weights=weight)
    best = int(np.argmin(means))
    return int(np.flatnonzero(means - means[best] <= standard_error(costs - costs[best], weight))[0])


def _fit(gate: Any, X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Any:
    """Fit a clone of `gate`, weighted when it accepts weights."""
    gate = clone(gate)
    steps = getattr(gate, "steps", None)
    weighted = _weighted(steps[-1][1] if steps else gate)
    name = f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"
    with config_context(enable_metadata_routing=False):  # the weights are ours: a gate need not request them
        return gate.fit(X, labels, **{name: weights}) if weighted else gate.fit(X, labels)


def _weighted(gate: Any) -> bool:
    return bool(has_fit_parameter(gate, "sample_weight"))


def _cross_routes(
    gate: Any, X: np.ndarray, labels: np.ndarray, weights: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Route of every row by a gate that has not seen it, shape (n_samples,)."""
    routes = np.empty_like(labels)
    for train, test in folds:
        seen = np.unique(labels[train])
        if len(seen) == 1:
            routes[test] = seen[0]
        else:
            routes[test] = _fit(gate, X[train], labels[train], weights[train]).predict(X[test])
    return routes


def _fit_on_bootstrap(gate: Any, X: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        rows = rng.integers(len(X), size=min(len(X), MEMBER_ROWS))
        if len(np.unique(labels[rows])) > 1:
            return _fit(gate, X[rows], labels[rows], weights[rows])
    return _fit(gate, X, labels, weights)
