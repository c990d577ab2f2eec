"""Experts for classes: what a regime lacks, losses that forgive a lapse, and teams of classifiers."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.validation import check_is_fitted

from modpart.exceptions import ParameterError
from modpart.partition._rows import fit_rows

__all__ = [
    "RegimeClassifier",
    "aligned",
    "bounded_losses",
    "check_probabilities",
    "class_codes",
    "cross_fitted",
    "fit_classifier",
    "log_losses",
    "stratified",
]

FORGIVEN = 0.05  # share of rows that may have any class at all, so that no row costs more than a few nats
CLEANING_ROUNDS = 3
LEAST_PROBABILITY = 1e-3  # in comparisons: a single certain mistake must not decide


class RegimeClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that knows every class of the table, those included that its own rows do not hold.

    With rows of weight m learned, a class that they lack gets the probability that one more row with the shares of the
    whole table would give it (Laplace's rule): its share over m + 1. Rows of a single class need no model.

    Parameters
    ----------
    estimator : classifier
    classes : ndarray of shape (n_classes,)
    prior : ndarray of shape (n_classes,)
        Shares in the whole table.
    """

    def __init__(self, estimator: Any, classes: np.ndarray, prior: np.ndarray) -> None:
        self.estimator = estimator
        self.classes = classes
        self.prior = prior

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "RegimeClassifier":
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_, self.n_rows_ = self.classes, float(weight.sum())
        self.estimator_ = fit_rows(clone(self.estimator), X, y, weight) if len(np.unique(y)) > 1 else None
        self.seen_ = class_codes(self.classes, np.unique(y))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        check_is_fitted(self)
        shares = np.zeros((len(X), len(self.classes_)))
        shares[:, self.seen_] = 1.0 if self.estimator_ is None else self.estimator_.predict_proba(X)
        return (self.n_rows_ * shares + self.prior) / (self.n_rows_ + 1.0)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def check_probabilities(owner: Any, estimator: Any) -> None:
    """Raise unless `estimator` gives probabilities."""
    if not hasattr(estimator, "predict_proba"):
        raise ParameterError(
            f"{type(owner).__name__}: estimator={estimator!r} has no predict_proba, and classifiers compete by log "
            "loss. Pass one that gives probabilities, or wrap it in CalibratedClassifierCV."
        )


def class_codes(classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Position of each label in the sorted `classes`."""
    return np.searchsorted(classes, y)


def aligned(expert: Any, X: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Class probabilities with a column for each of `classes`, shape (n_samples, n_classes)."""
    shares = np.zeros((len(X), len(classes)))
    shares[:, class_codes(classes, expert.classes_)] = expert.predict_proba(X)
    return shares


def fit_classifier(
    estimator: Any,
    X: np.ndarray,
    y: np.ndarray,
    classes: np.ndarray,
    prior: np.ndarray,
    weight: np.ndarray | None = None,
) -> Any:
    """A clone of `estimator` that has learned the rows; where these lack a class, one that knows of it all the same."""
    if len(np.unique(y)) == len(classes) > 1:
        return fit_rows(clone(estimator), X, y, np.ones(len(y)) if weight is None else weight)
    return RegimeClassifier(estimator, classes, prior).fit(X, y, weight)


def cross_fitted(
    estimator: Any,
    X: np.ndarray,
    y: np.ndarray,
    classes: np.ndarray,
    prior: np.ndarray,
    n_folds: int,
    seed: int,
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities of every row by an expert that has not seen it, and which rows are sound.

    A row is sound unless it more likely lapsed than not; an expert learns from sound rows only. They are told apart by
    a first round in which all rows teach.

    Returns
    -------
    shares : ndarray of shape (n_samples, n_classes)
    sound : ndarray of shape (n_samples,), bool
    """
    codes, sound = class_codes(classes, y), np.ones(len(y), dtype=bool)
    folds, weight = stratified(codes, n_folds, seed), np.ones(len(y)) if weight is None else weight
    for _ in range(CLEANING_ROUNDS):
        shares = np.empty((len(X), len(classes)))
        for train, test in folds:
            learned = train[sound[train]] if sound[train].any() else train
            expert = fit_classifier(estimator, X[learned], y[learned], classes, prior, weight[learned])
            shares[test] = expert.predict_proba(X[test])
        own, before = shares[np.arange(len(y)), codes], sound
        sound = (1.0 - FORGIVEN) * own >= FORGIVEN / len(classes)
        if np.array_equal(before, sound) or not sound.any():
            break
    return shares, sound if sound.any() else before


def stratified(codes: np.ndarray, n_folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds with classes in proportion; classes with fewer rows than there are folds fall where they may."""
    counts = np.bincount(codes)
    strata = np.where(counts[codes] < n_folds, counts.argmax(), codes)
    return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(strata, strata))


def log_losses(shares: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Log loss of every row in nats, the share `FORGIVEN` of all rows taken to have any class, shape (n_samples,)."""
    own = np.clip(shares[np.arange(len(codes)), codes], 0.0, 1.0)
    return -np.log((1.0 - FORGIVEN) * own + FORGIVEN / shares.shape[1])


def bounded_losses(shares: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Log loss of every row in nats, probabilities kept above `LEAST_PROBABILITY`, shape (n_samples,)."""
    return -np.log(np.clip(shares[np.arange(len(codes)), codes], LEAST_PROBABILITY, 1.0))
