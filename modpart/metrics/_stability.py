"""Whether a partition would be found again in other rows of the same kind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable

from modpart._utils.parallel import parallel_map
from modpart._utils.params import integer, nothing, validate, workers
from modpart._utils.seeds import check_rng, child_seeds, seed_nested
from modpart.exceptions import ParameterError

__all__ = ["PartitionStability", "partition_stability"]

RULES = {"n_bootstraps": (integer(2),), "n_jobs": (nothing, workers)}


@dataclass(frozen=True)
class PartitionStability:
    """Agreement of partitions of bootstrap samples, made by :func:`partition_stability`.

    Parameters
    ----------
    agreement : float
        Mean adjusted Rand index over all pairs of fits: 1 where all fits give the same partition, about 0 where they
        agree as by chance.
    pairs : ndarray of shape (n_bootstraps, n_bootstraps)
        Adjusted Rand index of each pair; the diagonal is 1.
    n_partitions : ndarray of shape (n_bootstraps,), int
        Number of partitions that each fit found.

    Examples
    --------
    >>> import numpy as np
    >>> from modpart.metrics import PartitionStability
    >>> PartitionStability(1.0, np.ones((2, 2)), np.array([3, 3])).agreement
    1.0
    """

    agreement: float
    pairs: np.ndarray
    n_partitions: np.ndarray


def partition_stability(
    estimator: Any, X: Any, y: Any, *, n_bootstraps: int = 10, random_state: Any = None, n_jobs: int | None = None
) -> PartitionStability:
    """Refit on bootstrap samples of the rows and see how far the partitions agree.

    Each fit sees rows drawn with replacement, and then labels all rows of X through its gate; each pair of fits is
    compared on these common rows. Use it where no truth is known: regimes that come back in other samples are a
    property of the table, others of the rows that happened to be drawn. A stable partition need not be a useful one;
    its gain tells that.

    Parameters
    ----------
    estimator : ActivePartitioner, PartitionedRegressor, Pipeline that ends in one, or any other
        Is cloned. Needs ``fit(X, y)`` and labels rows by ``apply`` or, without it, by ``predict``.
    X : array-like or DataFrame of shape (n_samples, n_features)
        All rows; samples are drawn from them, and partitions compared on them.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their target.
    n_bootstraps : int, default=10
        Number of fits (>= 2).
    random_state : int, Generator, RandomState or None, default=None
        Draws the samples, and seeds the fits of an estimator that has no seed of its own.
    n_jobs : int or None, default=None
        Workers, as in joblib. Results do not depend on it.

    Returns
    -------
    stability : PartitionStability
        With ``agreement``, ``pairs`` and ``n_partitions``.

    Raises
    ------
    ParameterError
        When `n_bootstraps` is too small, or `estimator` gives no labels of rows.

    Notes
    -----
    The time is that of `n_bootstraps` fits. About 37 % of the rows are not in a sample, and others are in it several
    times over, so a table at the limit of what can be found is judged a little harder than it deserves. The comparison
    is by the adjusted Rand index of Hubert & Arabie, "Comparing partitions", Journal of Classification 2 (1985); where
    both of a pair find a single regime it is 1.

    Examples
    --------
    >>> from modpart.datasets import make_elastoplastic
    >>> from modpart.metrics import partition_stability
    >>> from modpart.partition import ActivePartitioner
    >>> X, y, regime = make_elastoplastic(200, random_state=0)
    >>> stability = partition_stability(ActivePartitioner(), X, y, n_bootstraps=3, random_state=0)
    >>> bool(stability.agreement > 0.9), stability.n_partitions.tolist()
    (True, [2, 2, 2])
    """
    validate("partition_stability", {"n_bootstraps": n_bootstraps, "n_jobs": n_jobs}, RULES)
    if not hasattr(estimator, "fit") or not (hasattr(estimator, "apply") or hasattr(estimator, "predict")):
        raise _no_labels(estimator)
    X, y = indexable(X, y)
    rng = check_rng(random_state)
    jobs = [(seed_nested(clone(estimator), rng), X, y, seed) for seed in child_seeds(rng, n_bootstraps)]
    labels = parallel_map(_labels_after_bootstrap, jobs, n_jobs=n_jobs)
    pairs = np.eye(n_bootstraps)
    for i in range(n_bootstraps):
        for j in range(i):
            pairs[i, j] = pairs[j, i] = adjusted_rand_score(labels[i], labels[j])
    counts = np.array([len(np.unique(each)) for each in labels])
    return PartitionStability(float(pairs[np.triu_indices(n_bootstraps, 1)].mean()), pairs, counts)


def _no_labels(estimator: Any) -> ParameterError:
    return ParameterError(
        f"partition_stability: estimator={estimator!r} gives no labels of rows. Pass an ActivePartitioner, a "
        "PartitionedRegressor, or another estimator that has fit, and apply or predict with a label for each row."
    )


def _labels_after_bootstrap(estimator: Any, X: Any, y: Any, seed: int) -> np.ndarray:
    """Partition of all rows by a fit to a bootstrap sample of them."""
    count = len(y)
    rows = np.random.default_rng(seed).integers(count, size=count)
    sample, target = _take(X, rows), _take(y, rows)
    fitted = estimator.fit(sample, target)
    if isinstance(fitted, Pipeline) and hasattr(fitted[-1], "apply"):
        fitted, X = fitted[-1], fitted[:-1].transform(X) if len(fitted) > 1 else X
    labels = np.ravel(fitted.apply(X) if hasattr(fitted, "apply") else fitted.predict(X))
    if labels.dtype.kind == "f":
        raise _no_labels(estimator)
    return labels


def _take(table: Any, rows: np.ndarray) -> Any:
    return table.iloc[rows] if hasattr(table, "iloc") else np.asarray(table)[rows]
