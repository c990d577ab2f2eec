"""Columns of branches on a scale that a map and a polynomial can use: logarithms, then the range from 0 to 1."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from modpart._utils.checks import check_X
from modpart.efficiency._polynomial.features import column_range

__all__ = ["LogRangeScaler"]


class LogRangeScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Logarithm of the columns without negative values, and all columns moved to [0, 1] by the range in fit.

    Zeros count as half the smallest positive value, so that a change of unit changes nothing.
    """

    def fit(self, X: Any, y: Any = None) -> "LogRangeScaler":
        X = check_X(self, X, reset=True)
        positive = np.where(X > 0.0, X, np.inf).min(axis=0)
        self.logarithmic_ = (X.min(axis=0) >= 0.0) & np.isfinite(positive)
        self.floor_ = np.where(X.min(axis=0) > 0.0, positive, positive / 2.0)
        logs = self._logs(X)
        self.data_min_, self.data_max_ = logs.min(axis=0), logs.max(axis=0)
        return self

    def transform(self, X: Any) -> np.ndarray:
        return column_range(self._logs(check_X(self, X)), self.data_min_, self.data_max_)

    def _logs(self, X: np.ndarray) -> np.ndarray:
        return np.where(self.logarithmic_, np.log(np.where(self.logarithmic_, np.maximum(X, self.floor_), 1.0)), X)
