"""Weighted rows in one canonical form: to the last bit, a weight is a repetition, and the order of rows is nothing.

A row of weight w stands for w equal observations. So every fit begins by dropping rows of weight 0, joining equal rows
of (X, y) under their summed weight, and sorting what is left; it works on these distinct rows and maps labels back.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from modpart.exceptions import ParameterError

__all__ = ["WeightedRows", "answer", "check_takes_weights", "fit_rows", "standard_error"]


@dataclass(frozen=True)
class WeightedRows:
    """Distinct rows of a table in lexicographic order.

    Attributes
    ----------
    X : ndarray of shape (n_distinct, n_features)
    y : ndarray of shape (n_distinct,) or (n_distinct, n_outputs)
    weight : ndarray of shape (n_distinct,)
        Summed weight of the given rows that are equal to this one, > 0.
    first : ndarray of shape (n_distinct,), int
        A given row that is equal to this one.
    places : ndarray of shape (n_given,), int
        The distinct row that each given row equals, -1 for rows of weight 0.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    first: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> "WeightedRows":
        """Bring checked rows to their canonical form; a y that is not float64 holds classes."""
        if y.dtype != np.float64:
            classes, codes = np.unique(y, return_inverse=True)
            rows = cls.of(X, codes.astype(np.float64), weight)
            return replace(rows, y=classes[rows.y.astype(np.int64)])
        kept = np.flatnonzero(weight > 0)
        table = np.column_stack([X, y])[kept] + 0.0  # the sum turns -0.0 into 0.0
        order = np.lexsort(table.T[::-1])
        table = table[order]
        starts = np.r_[True, (table[1:] != table[:-1]).any(axis=1)]
        group = np.cumsum(starts) - 1
        places = np.full(len(X), -1)
        places[kept[order]] = group
        distinct, n_features = table[starts], X.shape[1]
        return cls(
            np.ascontiguousarray(distinct[:, :n_features]),
            distinct[:, n_features:].reshape(-1, *y.shape[1:]).copy(),
            np.bincount(group, weight[kept[order]]),
            kept[order][starts],
            places,
        )

    def spread(self, values: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Values of the distinct rows for the rows as given; those of weight 0 take `otherwise`."""
        return np.where(self.places >= 0, values[self.places], otherwise)


def check_takes_weights(owner: str, estimator: Any, weight: np.ndarray) -> None:
    """Raise unless `estimator` can learn from rows of this weight; whole weights are repetitions, which all can."""
    if not _weight_name(estimator) and (weight != np.round(weight)).any():
        raise ParameterError(
            f"{owner}: estimator={estimator!r} takes no sample_weight in fit, so it cannot learn from rows of "
            "fractional weight. Pass whole numbers (rows are then repeated), no weights, or an estimator whose fit has "
            "the argument sample_weight."
        )


def fit_rows(estimator: Any, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> Any:
    """Fit `estimator` to weighted rows: by sample_weight where it has that, by repetition of the rows where not."""
    fit_params = {}
    if (weight != 1.0).any():
        if name := _weight_name(estimator):
            fit_params[name] = weight
        else:
            X, y = (np.repeat(part, np.round(weight).astype(np.int64), axis=0) for part in (X, y))
    try:
        with config_context(enable_metadata_routing=False):  # the weights are ours: a pipeline need not request them
            return estimator.fit(X, y, **fit_params)
    except ValueError as error:
        if y.ndim == 1 or get_tags(estimator).target_tags.multi_output:
            raise
        raise ParameterError(
            f"estimator={estimator!r} cannot learn the {y.shape[1]} outputs of y: {error} Pass one that can, or wrap "
            "it: sklearn.multioutput.MultiOutputRegressor(estimator)."
        ) from error


def _weight_name(estimator: Any) -> str:
    """What `fit` of an estimator, or of a pipeline's last step, calls its weights; empty where it takes none."""
    steps = getattr(estimator, "steps", None)
    takes = has_fit_parameter(steps[-1][1] if steps else estimator, "sample_weight")
    return "" if not takes else f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"


def answer(expert: Any, X: np.ndarray) -> np.ndarray:
    """Predictions of any regressor: (n_samples,) for one output, even if it answers a column, or (n, n_outputs)."""
    predictions = np.asarray(expert.predict(X))
    return predictions[:, 0] if predictions.ndim == 2 and predictions.shape[1] == 1 else predictions


def standard_error(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Standard error of the weighted mean over the last axis of (..., n_rows); equal rows count as one draw."""
    mean = np.average(values, axis=-1, weights=weight)
    n = max(int(np.count_nonzero(weight)), 2)
    spread = ((values - mean[..., None]) ** 2) @ weight**2
    return np.sqrt(spread * n / (n - 1)) / weight.sum()
