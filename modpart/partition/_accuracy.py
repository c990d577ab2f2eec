"""The model of ``mode="accuracy"``: single models and their corrections, weighted by errors on rows not trained on.

Weights are non-negative and sum to at most one (Breiman, "Stacked regressions", 1996). They are also made without each
fold, to predict that fold; the gain that is reported and that decides is the one of these predictions. Of several
single models the best in cross-validation is often not the best on new rows, so their blend is a candidate too.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import nnls

from modpart._utils.parallel import parallel_map
from modpart._utils.seeds import child_seeds, seed_nested
from modpart.partition._bag import Bag, folds_of
from modpart.partition._bayes import BayesianExpert
from modpart.partition._contest import Scaling
from modpart.partition._ridge import PolynomialRidge

__all__ = ["CorrectedModel", "families", "fit_corrected", "stacking_weights"]

SHRINK = 1e-3  # of the weights, relative to the mean square of a correction
SUM_PRICE = 1e3
LARGEST_SHARE = 0.99  # of the held-out differences are let through whole, larger ones are cut to that size
MARGIN = 0.1  # corrections lead at most so far outside the targets, in ranges of y
STANDARD_ERRORS = 1.0
QUADRATIC_TERMS = 500  # at most, and no more than half the rows


@dataclass
class CorrectedModel:
    """The best single model and the weighted differences of all other candidates to it.

    Columns are the candidates: the predictions of each bag, one bag after the other.
    """

    bags: list[Bag]
    scaling: Scaling | None  # None leaves the inputs as they are
    reference: int  # column of the single model
    weights: np.ndarray  # of each column, 0 for the reference
    limits: np.ndarray  # largest difference of each column
    low: float
    high: float
    gain: float
    gain_se: float

    @property
    def n_partitions(self) -> int:
        """Most cells of a partition in use."""
        return max([1, *(bag.n_cells for bag, used in zip(self.bags, self._used(), strict=True) if used)])

    def _used(self) -> list[bool]:
        ends = np.cumsum([bag.n_columns for bag in self.bags])
        return [bool((part[1:] > 0).any()) for part in np.split(self.weights, ends[:-1])]

    def predict(self, X: np.ndarray) -> np.ndarray:
        inputs = X if self.scaling is None else self.scaling.inputs(X)
        return self.combine(np.hstack([bag.predict(inputs) for bag in self.bags]), self.weights)

    def combine(self, candidates: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Predictions from those of all candidates; where only the single model leaves the range of y, it may."""
        single = candidates[:, self.reference]
        changed = single + np.clip(candidates - single[:, None], -self.limits, self.limits) @ weights
        return np.clip(changed, np.minimum(self.low, single), np.maximum(self.high, single))

    def without_parts(self, weights: np.ndarray) -> "CorrectedModel":
        """The single models alone, with weights of their own."""
        singles = self.singles
        return replace(
            self,
            bags=[bag.alone() for bag in self.bags],
            reference=int(np.flatnonzero(singles == self.reference)[0]),
            weights=weights[singles],
            limits=self.limits[singles],
        )

    @property
    def singles(self) -> np.ndarray:
        """Columns of the single models."""
        return np.cumsum([0, *(bag.n_columns for bag in self.bags)])[:-1]


def families(n_samples: int, n_features: int, rng: np.random.Generator) -> list[tuple[Any, bool]]:
    """Closed-form regressors for standardised inputs, and whether partitions of them are made."""
    found: list[tuple[Any, bool]] = [(PolynomialRidge(1), True)]
    if n_features * (n_features + 3) // 2 <= min(QUADRATIC_TERMS, n_samples // 2):
        found.append((PolynomialRidge(2), True))
    return [*found, (seed_nested(BayesianExpert(), rng), False)]


def fit_corrected(
    kinds: list[tuple[Any, bool]],
    X: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    weights: np.ndarray | None = None,
    scale: bool,
    n_trees: int,
    cv: int,
    fallback: bool,
    n_jobs: int | None,
) -> CorrectedModel:
    """Train single models and their corrections, weigh them, and keep one single model unless more is gained.

    Parameters
    ----------
    kinds : list of (regressor, bool)
        Families, and whether partitions of each are made.
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    rng : Generator
    weights : ndarray of shape (n_samples,) or None
    scale : bool
        Whether the families expect standardised inputs.
    n_trees, cv, fallback, n_jobs
        As in PartitionedRegressor.
    """
    weights = np.ones(len(X)) if weights is None else weights
    scaling = Scaling.of(X, y) if scale else None
    inputs = X if scaling is None else scaling.inputs(X)
    fold_seed, *seeds = child_seeds(rng, 1 + len(kinds))
    plan = [(kind, n_trees if parts else 0, seed) for (kind, parts), seed in zip(kinds, seeds, strict=True)]
    bags = _trained(plan, inputs, y, weights)
    n_columns, margin = sum(bag.n_columns for bag in bags), MARGIN * float(np.ptp(y))
    none, bounds = np.zeros(n_columns), (float(y.min()) - margin, float(y.max()) + margin)
    model = CorrectedModel(bags, scaling, 0, none, none, *bounds, np.nan, np.nan)
    folds = folds_of(X, cv, fold_seed)
    if not folds or (len(bags) == 1 and not bags[0].local):
        return model.without_parts(none)
    jobs = [(plan, inputs, y, weights, train, test) for train, test in folds]
    candidates, fold_of = np.empty((len(X), n_columns)), np.empty(len(X), dtype=np.int64)
    for k, predictions in enumerate(parallel_map(_held_out, jobs, n_jobs=n_jobs)):
        candidates[folds[k][1]], fold_of[folds[k][1]] = predictions, k
    plain, least = _weigh(model, candidates, y, fold_of)
    return model.without_parts(plain) if fallback and not model.gain > least else model


def _held_out(
    plan: list[Any], X: np.ndarray, y: np.ndarray, weights: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predictions of rows `test` by all candidates made from rows `train`."""
    bags = _trained(plan, X[train], y[train], weights[train])
    return np.hstack([bag.predict(X[test]) for bag in bags])


def _trained(plan: list[Any], X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> list[Bag]:
    return [Bag(kind, count).fit(X, y, weights, seed) for kind, count, seed in plan]


def _weigh(
    model: CorrectedModel, candidates: np.ndarray, y: np.ndarray, fold_of: np.ndarray
) -> tuple[np.ndarray, float]:
    """Choose the reference, the limits and the weights; measure the gain.

    Returns the weights of what stands without parts, the best single model or a blend of several, and what parts have
    to gain over the best single model: one standard error, or what that blend gains.
    """
    singles = np.isin(np.arange(len(model.weights)), model.singles)
    model.reference = int(model.singles[((candidates[:, singles] - y[:, None]) ** 2).mean(axis=0).argmin()])
    best = candidates[:, model.reference]
    differences = candidates - best[:, None]
    model.limits = np.quantile(np.abs(differences), LARGEST_SHARE, axis=0)
    differences, left = np.clip(differences, -model.limits, model.limits), y - best
    reference = max(float(np.mean(left**2)), np.finfo(np.float64).tiny)

    def gains(columns: np.ndarray) -> np.ndarray:
        combined = np.empty(len(y))
        for k in range(fold_of.max() + 1):
            own, others = fold_of == k, fold_of != k
            combined[own] = model.combine(
                candidates[own], stacking_weights(differences[others] * columns, left[others])
            )
        return (left**2 - (combined - y) ** 2) / reference

    gain = gains(np.ones_like(singles))
    model.weights = stacking_weights(differences, left)
    model.gain, model.gain_se = float(gain.mean()), float(gain.std(ddof=1)) / np.sqrt(len(y))
    if singles.sum() == 1:
        return np.zeros(len(singles)), STANDARD_ERRORS * model.gain_se
    blended = float(gains(singles).mean())
    return stacking_weights(differences * singles, left) * (blended > 0.0), max(0.0, blended)


def stacking_weights(differences: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Least-squares weights of columns for `left`, none negative, their sum at most one.

    Parameters
    ----------
    differences : ndarray of shape (n_samples, n_columns)
    left : ndarray of shape (n_samples,)

    Returns
    -------
    weights : ndarray of shape (n_columns,)
    """
    n_columns = differences.shape[1]
    size = float(np.sqrt((differences**2).sum() / n_columns))
    if size == 0.0:
        return np.zeros(n_columns)
    rows = np.vstack([differences / size, np.sqrt(SHRINK) * np.eye(n_columns)])
    target = np.concatenate([left / size, np.zeros(n_columns)])
    weights, _ = nnls(rows, target)
    if weights.sum() > 1.0:  # then the best ones that may be taken sum to one
        price = SUM_PRICE * np.sqrt(len(rows))
        weights, _ = nnls(np.vstack([rows, np.full(n_columns, price)]), np.append(target, price))
        weights /= max(1.0, weights.sum())
    weights[~differences.any(axis=0)] = 0.0
    return weights
