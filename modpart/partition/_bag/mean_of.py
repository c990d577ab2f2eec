"""The mean of several regressors, for those that depend on a draw."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone

from modpart.partition._rows import answer, fit_rows

__all__ = ["MeanOf"]


class MeanOf(RegressorMixin, BaseEstimator):
    """Mean of the predictions of `estimators`, each trained on all rows.

    scikit-learn's VotingRegressor has no `sample_weight` in the signature of its `fit`, so that those who look there
    (``has_fit_parameter``) would repeat rows instead, which rounds weights.
    """

    def __init__(self, estimators: list[Any]) -> None:
        self.estimators = estimators

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "MeanOf":
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.estimators_ = [fit_rows(clone(estimator), X, y, weight) for estimator in self.estimators]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.mean([answer(estimator, X) for estimator in self.estimators_], axis=0)
