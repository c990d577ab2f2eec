"""The model of ``mode="accuracy"``: single models and their corrections, weighted by errors on rows not trained on.

Weights are non-negative and sum to at most one (Breiman, "Stacked regressions", 1996). They are also made without each
fold, to predict that fold; the gain that is reported and that decides is the one of these predictions. Small tables
are folded several times over: who wins one set of folds may lose another. Of several single models the best in
cross-validation is often not the best on new rows: a mean stands, in which others count by how close they come. All
count from the middle of the single models, row by row, and lead no further from it than they did on held-out rows:
where one flies off that does not have half of the weight, the others tell. Parts count less the nearer their gain is to
its own uncertainty (the non-negative garrotte of Breiman, 1995), so that a small table on which they cannot be told
from luck keeps its single model, and a large gain stays whole.
"""

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from scipy.optimize import nnls
from sklearn.model_selection import check_cv

from modpart._utils.parallel import parallel_map
from modpart._utils.seeds import child_seeds
from modpart.exceptions import ParameterError
from modpart.partition._bag.bag import Bag, Family, folds_of
from modpart.partition._bag.held_out import TINY, HeldOut, Saved, Table
from modpart.partition._bag.mean_of import MeanOf
from modpart.partition._bag.ridge import PolynomialRidge
from modpart.partition._bayes import BayesianExpert
from modpart.partition._contest import Scaling
from modpart.partition._rows import WeightedRows

__all__ = [
    "CorrectedModel",
    "CorrectedOutputs",
    "closed_form_families",
    "family_of",
    "fit_corrected",
    "shares_of_close",
    "stacking_weights",
]

SHRINK = 1e-3  # of the weights, relative to the mean square of a correction
SUM_PRICE = 1e3
LARGEST_SHARE = 0.99  # of the held-out differences are let through whole, larger ones are cut to that size
MARGIN = 0.1  # corrections lead at most so far outside the targets, in ranges of y
STANDARD_ERRORS = 1.5  # that tell two models apart: one, but folds share training rows, sqrt(1 + 5 / 4) times with five
SEEDS = 3  # of the smooth single model, whose centres are drawn: with others it may do a quarter better or worse
QUADRATIC_TERMS = 500  # at most, and no more than half the rows
MOST_REPEATS, REPEATED_ROWS = 3, 1000  # a table is folded so often, or until so many rows were held out


@dataclass
class CorrectedModel:
    """The middle of the single models and the weighted differences of all candidates to it.

    Columns are the candidates: the predictions of each bag, one bag after the other.
    """

    bags: list[Bag]
    shares: np.ndarray  # of the single models, where no part is in use
    weights: np.ndarray  # of each column; what they leave of one is the middle's
    limits: np.ndarray  # largest difference of each column
    low: float
    high: float
    saved: Saved | None = None  # None when nothing was compared

    @property
    def n_partitions(self) -> int:
        """Most cells of a partition in use."""
        return max([1, *(bag.n_cells for bag, used in zip(self.bags, self._used(), strict=True) if used)])

    def _used(self) -> list[bool]:
        parts = np.split(self.weights, np.cumsum([bag.n_columns for bag in self.bags])[:-1])
        return [bool((w[bag.family.alone :] > 0).any()) for bag, w in zip(self.bags, parts, strict=True)]

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.combine(np.hstack([bag.predict(X) for bag in self.bags]), self.weights)

    def combine(self, candidates: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Predictions from those of all candidates, by one set of weights or one for each row.

        They leave the range of y only where the middle does, and by no more than the share of the single models.
        """
        inside = self.inside(candidates)
        middle = self.middle(inside)
        changes = np.clip(inside - middle[:, None], -self.limits, self.limits)
        changed = np.clip(middle + (changes * weights).sum(axis=1), self.low, self.high)
        beyond = self.middle(candidates) - middle
        return changed + beyond * (1.0 - np.delete(weights, self.singles, axis=-1).sum(axis=-1))

    def middle(self, candidates: np.ndarray) -> np.ndarray:
        """Median of the single models for each row, weighted by their shares."""
        values = candidates[:, self.singles]
        order = np.argsort(values, axis=1, kind="stable")
        place = (np.cumsum(self.shares[order], axis=1) < 0.5).sum(axis=1)
        row = np.arange(len(values))
        return values[row, order[row, place]]

    def inside(self, candidates: np.ndarray) -> np.ndarray:
        """Predictions as far as they stay near the range of y: a few rows where one flies off must not decide alone."""
        return np.clip(candidates, self.low, self.high)

    def without_parts(self, weights: np.ndarray) -> "CorrectedModel":
        """The single models alone, with weights of their own."""
        singles = self.singles
        bags = [bag.alone() for bag in self.bags if bag.family.alone]
        return replace(self, bags=bags, weights=weights[singles], limits=self.limits[singles])

    @property
    def singles(self) -> np.ndarray:
        """Columns of the single models that may stand alone."""
        starts = np.cumsum([0, *(bag.n_columns for bag in self.bags)])[:-1]
        return starts[[bag.family.alone for bag in self.bags]]


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


def family_of(estimator: Any) -> list[Family]:
    """Families for an estimator of the user's: its own, and straight lines, which fit the small cells best."""
    return [Family(estimator), Family(PolynomialRidge(1), alone=False, scaled=True)]


def closed_form_families(n_features: int, weight: np.ndarray, rng: np.random.Generator) -> list[Family]:
    """Families to choose from where the user names none."""
    found = [Family(PolynomialRidge(1), scaled=True)]
    if n_features * (n_features + 3) // 2 <= min(QUADRATIC_TERMS, weight.sum() // 2):
        found.append(Family(PolynomialRidge(2), scaled=True))
    smooth = [BayesianExpert(random_state=seed) for seed in child_seeds(rng, SEEDS)]
    return [*found, Family(MeanOf(smooth), parts=False, folded=smooth[0])]


def fit_corrected(
    families: list[Family],
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
    families : list of Family
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Each output has a model of its own, and falls back on its own.
    weight : ndarray of shape (n_samples,)
        A row of weight w is w equal rows.
    rng : Generator
    cv, n_trees, fallback, n_jobs
        As in PartitionedRegressor.
    """
    rows, (fold_seed, *seeds) = WeightedRows.of(X, y, weight), child_seeds(rng, 1 + len(families))
    if isinstance(cv, Integral):
        X, y, weight = rows.X, rows.y, rows.weight
        repeats = int(np.clip(REPEATED_ROWS // len(X), 1, MOST_REPEATS))
        fold_seeds = child_seeds(np.random.default_rng(fold_seed), repeats)
        folds = [fold for seed in fold_seeds for fold in folds_of(X, int(cv), seed)]
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
        return _fit_output(families, rows, table, y, seeds, **options)
    outputs = zip(np.ascontiguousarray(rows.y.T), np.ascontiguousarray(y.T), strict=True)
    models = [_fit_output(families, replace(rows, y=own), table, given, seeds, **options) for own, given in outputs]
    return CorrectedOutputs(models, np.asarray(Scaling.of(rows.X, rows.y, rows.weight).y_sd) ** 2)


def _fit_output(
    families: list[Family],
    rows: WeightedRows,
    table: Table,
    y: np.ndarray,
    seeds: list[int],
    *,
    n_trees: int,
    fallback: bool,
    n_jobs: int | None,
) -> CorrectedModel:
    """Train one output on all rows, and on the folds of `table`, whose target is `y`."""
    plan = [(family, n_trees, seed) for family, seed in zip(families, seeds, strict=True)]
    bags = _trained(plan, rows)
    n_columns, margin = sum(bag.n_columns for bag in bags), MARGIN * float(np.ptp(rows.y))
    none, bounds = np.zeros(n_columns), (float(rows.y.min()) - margin, float(rows.y.max()) + margin)
    first = np.eye(sum(family.alone for family in families))[0]
    model = CorrectedModel(bags, first, none, none, *bounds)
    if not table.folds or (len(model.singles) == 1 and not any(bag.local for bag in bags)):
        return model.without_parts(none)
    jobs = [(plan, table.X, y, table.weight, train, test) for train, test in table.folds]
    predicted = [model.inside(part) for part in parallel_map(_predicted, jobs, n_jobs=n_jobs)]
    return _weigh(model, HeldOut.of(predicted, y, table), fallback)


def _predicted(
    plan: list[Any], X: np.ndarray, y: np.ndarray, weight: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Predictions of rows `test` by all candidates made from rows `train`."""
    plan = [(replace(family, estimator=family.folded or family.estimator), *rest) for family, *rest in plan]
    bags = _trained(plan, WeightedRows.of(X[train], y[train], weight[train]))
    return np.hstack([bag.predict(X[test]) for bag in bags])


def _trained(plan: list[Any], rows: WeightedRows) -> list[Bag]:
    return [Bag(family, n_trees).fit(rows.X, rows.y, rows.weight, seed) for family, n_trees, seed in plan]


def _weigh(model: CorrectedModel, held_out: HeldOut, fallback: bool) -> CorrectedModel:
    """Choose the shares, the limits and the weights by held-out predictions; measure the gain; fall back.

    What stands without parts is a mean of the single models, most of it the best and those close to it. Parts lead from
    there as far as held-out errors tell: where both do equally well but differ, half of the way is better than either
    end. That share is made without each fold, too. A gain of t times its uncertainty counts 1 - 1 / t^2 of itself, and
    where t is below one nothing.
    """
    candidates, y, weight = held_out.candidates, held_out.y, held_out.weight
    squares = held_out.by_row((candidates[:, model.singles] - y[:, None]) ** 2)
    best = int(np.average(squares, axis=0, weights=held_out.row_weight).argmin())
    model.shares = shares_of_close(squares, best, held_out.row_weight)
    middle = model.middle(candidates)
    differences, left = candidates - middle[:, None], y - middle
    model.limits = np.quantile(np.abs(differences), LARGEST_SHARE, axis=0, weights=weight, method="inverted_cdf")
    differences = np.clip(differences, -model.limits, model.limits)

    def errors(weights: np.ndarray) -> np.ndarray:
        """Squared errors of each row with weights that were made without its fold."""
        return held_out.by_row((model.combine(candidates, weights[1 + held_out.fold]) - y) ** 2)

    def compared(before: np.ndarray, after: np.ndarray) -> Saved:
        return Saved(before, before - after, held_out.row_weight)

    sets = held_out.without_each_fold()
    whole = np.array([stacking_weights(differences[seen], left[seen], weight[seen]) for seen in sets])
    single, plain = squares[:, best], np.zeros((len(sets), candidates.shape[1]))
    plain[:, model.singles] = model.shares
    model.saved = compared(single, errors(whole))
    if not fallback:
        model.weights = whole[0]
        return model
    ends = [model.combine(candidates, weights[1 + held_out.fold]) for weights in (plain, whole)]
    way, rest = ends[1] - ends[0], y - ends[0]
    length = np.array([weight[seen] @ way[seen] ** 2 for seen in sets])
    shares = np.array([weight[seen] @ (rest[seen] * way[seen]) for seen in sets]) / np.maximum(length, TINY)
    shares = plain + np.clip(shares, 0.0, 1.0)[:, None] * (whole - plain)
    t = compared(errors(plain), errors(shares)).in_errors
    if t <= STANDARD_ERRORS:
        return model.without_parts(plain[0])
    weights = plain + (1.0 - (STANDARD_ERRORS / t) ** 2) * (shares - plain)
    model.weights, model.saved = weights[0], compared(single, errors(weights))
    return model


def shares_of_close(squares: np.ndarray, best: int, weight: np.ndarray) -> np.ndarray:
    """Weights for a mean of single models: one that does t uncertainties worse than the best counts exp(-t^2 / 2).

    Parameters
    ----------
    squares : ndarray of shape (n_samples, n_models)
        Squared errors.
    best : int
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    weights : ndarray of shape (n_models,)
        They sum to one.
    """
    worse = [Saved(errors, errors - squares[:, best], weight).in_errors for errors in squares.T]
    weights = np.exp(-0.5 * (np.array(worse) / STANDARD_ERRORS) ** 2)
    return weights / weights.sum()


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
