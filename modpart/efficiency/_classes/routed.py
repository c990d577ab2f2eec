"""A classifier for each cluster, one that knows the cluster, or one for all: fitted, compared, asked."""

from typing import Any

import numpy as np
from sklearn.base import clone

from modpart._utils.seeds import seed_nested

__all__ = ["COMBINATIONS", "SINGLE", "AveragedClassifier", "RoutedClassifier", "cross_fitted", "fold_numbers", "seeded"]

SINGLE = ("none", "feature", "local")  # the simplest first
COMBINATIONS = (*SINGLE, "average")
FEWEST_ROWS = 20  # of a cluster with a classifier of its own


class RoutedClassifier:
    """Class probabilities from rows and the clusters that they belong to.

    Parameters
    ----------
    classifier : classifier
        Unfitted, with predict_proba.
    combine : {"none", "feature", "local"}
    n_clusters, n_classes : int

    Attributes
    ----------
    pooled : fitted classifier or None
        For all rows; None when they hold one class.
    models : list of fitted classifier or None
        One per cluster, None where the pooled one stands in. Empty unless `combine` is "local".
    fallback : list of str
        Why, per cluster; empty text where the cluster has its own.
    """

    def __init__(self, classifier: Any, combine: str, n_clusters: int, n_classes: int) -> None:
        self.classifier = classifier
        self.combine = combine
        self.n_clusters = n_clusters
        self.n_classes = n_classes

    def fit(self, Z: np.ndarray, clusters: np.ndarray, codes: np.ndarray) -> "RoutedClassifier":
        """Train on scaled rows, their clusters and the numbers of their classes."""
        self.shares = np.bincount(codes, minlength=self.n_classes) / len(codes)
        self.n_rows = len(codes)
        self.pooled = self._trained(self._with_cluster(Z, clusters), codes)
        self.models: list[Any] = []
        self.sizes: list[int] = []
        self.fallback: list[str] = []
        for k in range(self.n_clusters if self.combine == "local" else 0):
            rows = clusters == k
            self.sizes.append(int(rows.sum()))
            self.fallback.append(_too_little(codes[rows]))
            self.models.append(None if self.fallback[k] else self._trained(Z[rows], codes[rows]))
        return self

    def _trained(self, Z: np.ndarray, codes: np.ndarray) -> Any:
        return clone(self.classifier).fit(Z, codes) if len(np.unique(codes)) > 1 else None

    def _with_cluster(self, Z: np.ndarray, clusters: np.ndarray) -> np.ndarray:
        if self.combine != "feature":
            return Z
        return np.hstack([Z, np.eye(self.n_clusters)[clusters]])

    def predict_proba(self, Z: np.ndarray, clusters: np.ndarray) -> np.ndarray:
        """Probability of each class; one that a model has not seen gets what one row more would give it."""
        if self.combine != "local":
            return self._shares(self.pooled, self._with_cluster(Z, clusters), self.n_rows)
        out = np.empty((len(Z), self.n_classes))
        own = np.array([model is not None for model in self.models])[clusters]
        if not own.all():
            out[~own] = self._shares(self.pooled, Z[~own], self.n_rows)
        for k, model in enumerate(self.models):
            rows = clusters == k
            if model is not None and rows.any():
                out[rows] = self._shares(model, Z[rows], self.sizes[k])
        return out

    def _shares(self, model: Any, Z: np.ndarray, n_rows: int) -> np.ndarray:
        if model is None:
            return np.tile(self.shares, (len(Z), 1))
        if len(model.classes_) == self.n_classes:
            return model.predict_proba(Z)
        shares = np.zeros((len(Z), self.n_classes))
        shares[:, model.classes_] = model.predict_proba(Z)
        return (n_rows * shares + self.shares) / (n_rows + 1.0)


class AveragedClassifier:
    """Mean of the probabilities of the three uses of the clusters, with the attributes of one of them.

    `models` holds the classifier for all rows, the one that knows the cluster, and those of the clusters.
    """

    def __init__(self, classifier: Any, n_clusters: int, n_classes: int) -> None:
        self.parts = [RoutedClassifier(classifier, way, n_clusters, n_classes) for way in SINGLE]

    def fit(self, Z: np.ndarray, clusters: np.ndarray, codes: np.ndarray) -> "AveragedClassifier":
        """Train all three."""
        pooled, knowing, local = (part.fit(Z, clusters, codes) for part in self.parts)
        self.models = [pooled.pooled, knowing.pooled, *local.models]
        self.fallback = local.fallback
        return self

    def predict_proba(self, Z: np.ndarray, clusters: np.ndarray) -> np.ndarray:
        """Probability of each class."""
        return np.mean([part.predict_proba(Z, clusters) for part in self.parts], axis=0)


def _too_little(codes: np.ndarray) -> str:
    """Why a cluster cannot have a classifier of its own."""
    if len(codes) == 0:
        return "no row"
    if len(np.unique(codes)) < 2:
        return "one class"
    return f"{len(codes)} rows" if len(codes) < FEWEST_ROWS else ""


def fold_numbers(codes: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Fold of each row: every class spread evenly over the folds, even one with fewer rows than folds."""
    mixed = rng.permutation(len(codes))
    by_class = mixed[np.argsort(codes[mixed], kind="stable")]
    folds = np.empty(len(codes), dtype=np.int64)
    folds[by_class] = np.arange(len(codes)) % n_folds
    return folds


def cross_fitted(
    classifier: Any, combine: str, Z: np.ndarray, clusters: np.ndarray, codes: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Probabilities of each row by a model that was trained without its fold."""
    n_clusters, n_classes = int(clusters.max()) + 1, int(codes.max()) + 1
    out = np.empty((len(Z), n_classes))
    for fold in np.unique(folds):
        test = folds == fold
        if test.all():
            test = np.zeros(len(Z), dtype=bool)
        part = RoutedClassifier(classifier, combine, n_clusters, n_classes)
        part.fit(Z[~test], clusters[~test], codes[~test])
        out[folds == fold] = part.predict_proba(Z[folds == fold], clusters[folds == fold])
    return out


def seeded(estimator: Any, rng: np.random.Generator) -> Any:
    """A copy with seeds of its own."""
    return seed_nested(clone(estimator), rng)
