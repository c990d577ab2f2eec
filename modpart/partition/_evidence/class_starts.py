"""Where a hold-out competition of classifiers begins, and the competition of logistic ones, which needs no start."""

from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from modpart._utils.seeds import child_seeds
from modpart.partition._classes import fit_classifier
from modpart.partition._contest import Contest, Scaling
from modpart.partition._evidence.class_regimes import class_relevance, find_class_regimes
from modpart.partition._evidence.search import Report, compact, ignore

__all__ = ["class_start_labels", "contest_by_class_evidence", "is_logistic"]

START_EXPERTS = 3


def is_logistic(estimator: Any) -> bool:
    """Whether an expert is logistic regression, on inputs as they come or each scaled by itself."""
    if isinstance(estimator, Pipeline):
        scaled = all(isinstance(step, MaxAbsScaler | MinMaxScaler | StandardScaler) for _, step in estimator.steps[:-1])
        return scaled and is_logistic(estimator.steps[-1][1])
    return isinstance(estimator, LogisticRegression)


def contest_by_class_evidence(
    estimator: Any,
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    bounds: tuple[int, int] = (1, 10),
    min_samples: int | None = None,
    vote_weight: float = 1.0,
    weight: np.ndarray | None = None,
    report: Report = ignore,
) -> Contest:
    """Regimes of logistic laws in closed form, and a clone of `estimator` fitted to the rows of each."""
    weight = np.ones(len(X)) if weight is None else weight
    classes, codes = np.unique(y, return_inverse=True)
    prior = np.bincount(codes, weight) / weight.sum()
    inputs = Scaling.of(X, codes, weight).inputs(X)
    relevance = class_relevance(inputs, codes, rng, weight)
    found = find_class_regimes(
        inputs,
        codes,
        relevance,
        rng,
        bounds=bounds,
        min_samples=min_samples,
        vote_weight=vote_weight,
        weight=weight,
        report=report,
    )
    groups = [found.labels == k for k in range(found.errors.shape[1])]
    experts = [fit_classifier(estimator, X[own], y[own], classes, prior, weight[own]) for own in groups]
    return Contest(found.labels, found.log_density, found.errors, experts, found.metric, found.history)


def class_start_labels(
    start: int,
    X: np.ndarray,
    codes: np.ndarray,
    Z: np.ndarray,
    bounds: tuple[int, int],
    least: int,
    seed: int,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Labels to begin a run with: regimes of logistic laws, then clusters of [x, class] and of x.

    Further starts repeat the clusterings with other seeds. No expert begins with fewer than `least` rows, unless a
    fixed number of experts asks for it.

    Parameters
    ----------
    start : int
    X, Z : ndarray of shape (n_samples, n_features)
        Standardised inputs, and the same weighted by relevance.
    codes : ndarray of shape (n_samples,), int
        Classes 0, 1, ...
    bounds : (int, int)
        Fewest and most experts.
    least : int
        By weight.
    seed : int
    weight : ndarray of shape (n_samples,) or None
    """
    rng, weight = np.random.default_rng(seed), np.ones(len(X)) if weight is None else weight
    if start == 0:
        relevance = np.divide(Z.std(axis=0), X.std(axis=0), out=np.ones(X.shape[1]), where=X.std(axis=0) > 0.0)
        settings: dict[str, Any] = {"bounds": bounds, "min_samples": least, "weight": weight}
        labels = find_class_regimes(X, codes, relevance, rng, **settings).labels
    else:
        points = np.column_stack([Z, 2.0 * np.eye(int(codes.max()) + 1)[codes]]) if start % 2 else Z
        n_clusters = min(max(bounds[0], START_EXPERTS), bounds[1], len(np.unique(points, axis=0)))
        clusters = KMeans(n_clusters, n_init=1, random_state=child_seeds(rng, 1)[0]).fit(points, None, weight)
        labels = compact(clusters.labels_)
    if bounds[0] > 1:
        least = max(2, min(least, len(X) // (2 * bounds[0])))
    if labels.max() + 1 < bounds[0] or (labels.max() > 0 and np.bincount(labels, weight).min() < least):
        first = Z[:, int(np.argmax(Z.std(axis=0)))]
        n_slices = max(bounds[0], min(bounds[1], START_EXPERTS, int(weight.sum()) // least, len(codes)))
        labels = np.argsort(np.argsort(first, kind="stable")) * n_slices // len(codes)  # equal slices of one input
    return labels
