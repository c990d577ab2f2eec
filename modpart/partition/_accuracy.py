"""The model of ``mode="accuracy"``: single models and their corrections, weighted by errors on rows not trained on.

Weights are non-negative and sum to at most one (Breiman, "Stacked regressions", 1996). They are also made without each
fold, to predict that fold; the gain that is reported and that decides is the one of these predictions. Of several
single models the best in cross-validation is often not the best on new rows: the mean of all that are not clearly worse
stands, unless it does worse than the best.
"""

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from scipy.optimize import nnls
from sklearn.model_selection import check_cv

from modpart._utils.parallel import parallel_map
from modpart._utils.seeds import child_seeds, seed_nested
from modpart.exceptions import ParameterError
from modpart.partition._bag import Bag, folds_of
from modpart.partition._bayes import BayesianExpert
from modpart.partition._contest import Scaling
from modpart.partition._ridge import PolynomialRidge
from modpart.partition._rows import WeightedRows, standard_error

__all__ = [
    "CorrectedModel",
    "CorrectedOutputs",
    "Saved",
    "Table",
    "families",
    "fit_corrected",
    "mean_of_close",
    "stacking_weights",
]

SHRINK = 1e-3  # of the weights, relative to the mean square of a correction
SUM_PRICE = 1e3
LARGEST_SHARE = 0.99  # of the held-out differences are let through whole, larger ones are cut to that size
MARGIN = 0.1  # corrections lead at most so far outside the targets, in ranges of y
STANDARD_ERRORS = 1.0  # that parts have to gain
CLEARLY = 2.0  # standard errors by which a single model is clearly worse than another
QUADRATIC_TERMS = 500  # at most, and no more than half the rows


@dataclass(frozen=True)
class Table:
    """Rows that are held out in turn."""

    X: np.ndarray
    weight: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Saved:
    """Squared errors on held-out rows: of the single model, and how much less those of the corrected one are."""

    error: np.ndarray
    less: np.ndarray
    weight: np.ndarray

    @property
    def share(self) -> float:
        """Share of the error that is saved."""
        return float(np.average(self.less, weights=self.weight)) / self._error()

    @property
    def share_se(self) -> float:
        """Its standard error over rows."""
        return float(standard_error(self.less, self.weight)) / self._error()

    def _error(self) -> float:
        return max(float(np.average(self.error, weights=self.weight)), np.finfo(np.float64).tiny)


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
    saved: Saved | None = None  # None when nothing was compared

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
        """Predictions from those of all candidates, by one set of weights or one for each row.

        They leave the range of y only where the single model does.
        """
        single = candidates[:, self.reference]
        changes = np.clip(candidates - single[:, None], -self.limits, self.limits)
        changed = single + (changes * weights).sum(axis=1)
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


@dataclass
class CorrectedOutputs:
    """One corrected model for each output."""

    models: list[CorrectedModel]
    variances: np.ndarray  # of the outputs

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.column_stack([model.predict(X) for model in self.models])

    @property
    def n_partitions(self) -> int:
        """Most cells of a partition in use."""
        return max(model.n_partitions for model in self.models)

    @property
    def saved(self) -> Saved | None:
        """Means over the outputs that were compared, each in units of its variance."""
        parts = [(m.saved, v) for m, v in zip(self.models, self.variances, strict=True) if m.saved is not None]
        if not parts:
            return None
        error, less = (np.mean([getattr(part, name) / v for part, v in parts], axis=0) for name in ("error", "less"))
        return Saved(error, less, parts[0][0].weight)


def families(n_features: int, weight: np.ndarray, rng: np.random.Generator) -> list[tuple[Any, bool]]:
    """Closed-form regressors for standardised inputs, and whether partitions of them are made."""
    found: list[tuple[Any, bool]] = [(PolynomialRidge(1), True)]
    if n_features * (n_features + 3) // 2 <= min(QUADRATIC_TERMS, weight.sum() // 2):
        found.append((PolynomialRidge(2), True))
    return [*found, (seed_nested(BayesianExpert(), rng), False)]


def fit_corrected(
    kinds: list[tuple[Any, bool]],
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    rng: np.random.Generator,
    *,
    cv: Any,
    **options: Any,
) -> CorrectedModel | CorrectedOutputs:
    """Train single models and their corrections, weigh them, and keep one single model unless more is gained.

    Parameters
    ----------
    kinds : list of (regressor, bool)
        Families, and whether partitions of each are made.
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Each output has a model of its own, and falls back on its own.
    weight : ndarray of shape (n_samples,)
        A row of weight w is w equal rows.
    rng : Generator
    cv, n_trees, fallback, n_jobs
        As in PartitionedRegressor.
    scale : bool
        Whether the families expect standardised inputs.
    """
    rows, (fold_seed, *seeds) = WeightedRows.of(X, y, weight), child_seeds(rng, 1 + len(kinds))
    if isinstance(cv, Integral):
        X, y, weight = rows.X, rows.y, rows.weight
        folds = folds_of(X, int(cv), fold_seed)
    else:
        folds = list(check_cv(cv).split(X, y))
    for train, test in folds:
        if not (weight[train].any() and weight[test].any()):
            raise ParameterError(
                f"PartitionedRegressor: cv={cv!r} has a fold without rows of positive weight to train or to test on. "
                "Pass another cv, or a number, which makes folds of the rows that count."
            )
    table = Table(X, weight, folds)
    if y.ndim == 1:
        return _fit_output(kinds, rows, table, y, seeds, **options)
    models = [
        _fit_output(kinds, replace(rows, y=rows.y[:, k]), table, y[:, k], seeds, **options) for k in range(y.shape[1])
    ]
    return CorrectedOutputs(models, np.asarray(Scaling.of(rows.X, rows.y, rows.weight).y_sd) ** 2)


def _fit_output(
    kinds: list[tuple[Any, bool]],
    rows: WeightedRows,
    table: Table,
    y: np.ndarray,
    seeds: list[int],
    *,
    scale: bool,
    n_trees: int,
    fallback: bool,
    n_jobs: int | None,
) -> CorrectedModel:
    """Train one output on all rows, and on the folds of `table`, whose target is `y`."""
    scaling = Scaling.of(rows.X, rows.y, rows.weight) if scale else None
    inputs, X = (part if scaling is None else scaling.inputs(part) for part in (rows.X, table.X))
    plan = [(kind, n_trees if parts else 0, seed) for (kind, parts), seed in zip(kinds, seeds, strict=True)]
    bags = _trained(plan, inputs, rows.y, rows.weight)
    n_columns, margin = sum(bag.n_columns for bag in bags), MARGIN * float(np.ptp(rows.y))
    none, bounds = np.zeros(n_columns), (float(rows.y.min()) - margin, float(rows.y.max()) + margin)
    model = CorrectedModel(bags, scaling, 0, none, none, *bounds)
    if not table.folds or (len(bags) == 1 and not bags[0].local):
        return model.without_parts(none)
    jobs = [(plan, X, y, table.weight, train, test) for train, test in table.folds]
    candidates = np.concatenate(parallel_map(_held_out, jobs, n_jobs=n_jobs))
    tested = np.concatenate([test for _, test in table.folds])
    fold_of = np.repeat(np.arange(len(jobs)), [len(test) for _, test in table.folds])
    return _weigh(model, candidates, y[tested], table.weight[tested], fold_of, fallback)


def _held_out(
    plan: list[Any], X: np.ndarray, y: np.ndarray, weight: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predictions of rows `test` by all candidates made from rows `train`."""
    rows = WeightedRows.of(X[train], y[train], weight[train])
    bags = _trained(plan, rows.X, rows.y, rows.weight)
    return np.hstack([bag.predict(X[test]) for bag in bags])


def _trained(plan: list[Any], X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> list[Bag]:
    return [Bag(kind, count).fit(X, y, weight, seed) for kind, count, seed in plan]


def _weigh(
    model: CorrectedModel,
    candidates: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    fold_of: np.ndarray,
    fallback: bool,
) -> CorrectedModel:
    """Choose the reference, the limits and the weights by held-out predictions; measure the gain; fall back.

    Parts have to gain a standard error over what stands without them, the best single model or the mean of several. The
    less certain their gain, the smaller their share: of a gain g with standard error s all but (s / g)^2.
    """
    singles = np.isin(np.arange(candidates.shape[1]), model.singles)
    squares = np.average((candidates[:, singles] - y[:, None]) ** 2, axis=0, weights=weight)
    model.reference = int(model.singles[squares.argmin()])
    best = candidates[:, model.reference]
    differences, left = candidates - best[:, None], y - best
    model.limits = np.quantile(np.abs(differences), LARGEST_SHARE, axis=0, weights=weight, method="inverted_cdf")
    differences = np.clip(differences, -model.limits, model.limits)
    sets = [np.ones(len(y), dtype=bool), *(fold_of != k for k in range(fold_of.max() + 1))]

    def errors(weights: np.ndarray) -> np.ndarray:
        """Squared errors of each row with weights that were made without its fold."""
        return (model.combine(candidates, weights[1 + fold_of]) - y) ** 2

    whole = np.array([stacking_weights(differences[rows], left[rows], weight[rows]) for rows in sets])
    plain = np.tile(mean_of_close(candidates, model.singles, model.reference, y, weight), (len(sets), 1))
    if errors(plain) @ weight > left**2 @ weight:
        plain[:] = 0.0
    model.saved = Saved(left**2, left**2 - errors(whole), weight)
    if not fallback:
        model.weights = whole[0]
        return model
    saved = Saved(errors(plain), errors(plain) - errors(whole), weight)
    if saved.share <= STANDARD_ERRORS * saved.share_se:
        return model.without_parts(plain[0])
    certain = 1.0 - (STANDARD_ERRORS * saved.share_se / saved.share) ** 2
    shares = plain + certain * (whole - plain)
    model.weights, model.saved = shares[0], Saved(left**2, left**2 - errors(shares), weight)
    return model


def mean_of_close(
    candidates: np.ndarray, singles: np.ndarray, reference: int, y: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Weights for the mean of the single models that are not clearly worse than the best, the reference."""
    errors = (candidates - y[:, None]) ** 2
    worse = {k: Saved(errors[:, k], errors[:, k] - errors[:, reference], weight) for k in singles}
    close = [k for k, much in worse.items() if much.share <= CLEARLY * much.share_se]
    weights = np.zeros(candidates.shape[1])
    weights[close] = 1.0 / len(close)
    weights[reference] = 0.0  # its share is what the others leave
    return weights


def stacking_weights(differences: np.ndarray, left: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Least-squares weights of columns for `left`, none negative, their sum at most one.

    Parameters
    ----------
    differences : ndarray of shape (n_samples, n_columns)
    left, weight : ndarray of shape (n_samples,)

    Returns
    -------
    weights : ndarray of shape (n_columns,)
    """
    n_columns, root = differences.shape[1], np.sqrt(weight)
    differences, left = root[:, None] * differences, root * left
    size = float(np.sqrt((differences**2).sum() / n_columns))
    if size == 0.0:
        return np.zeros(n_columns)
    rows = np.vstack([differences / size, np.sqrt(SHRINK) * np.eye(n_columns)])
    target = np.concatenate([left / size, np.zeros(n_columns)])
    weights, _ = nnls(rows, target)
    if weights.sum() > 1.0:  # then the best ones that may be taken sum to one
        price = SUM_PRICE * np.sqrt(weight.sum())
        weights, _ = nnls(np.vstack([rows, np.full(n_columns, price)]), np.append(target, price))
        weights /= max(1.0, weights.sum())
    weights[~differences.any(axis=0)] = 0.0
    return weights
