"""Straight and quadratic ridge regression with a leave-one-out penalty, quick enough for thousands of fits."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

__all__ = ["PolynomialRidge"]

ALPHAS = np.logspace(-2, 5, 8)
LEAST_FREEDOM = 1e-3  # a row that nearly decides its own prediction tells little about the penalty


class PolynomialRidge(RegressorMixin, BaseEstimator):
    """Ridge regression on inputs of about unit variance and, with ``degree=2``, on their squares and products.

    The penalty is the one of eight with the least leave-one-out error; the constant is free. A row of weight w is w
    equal observations, of which one is left out.
    """

    def __init__(self, degree: int = 1) -> None:
        self.degree = degree

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> "PolynomialRidge":
        terms, weight = self._terms(X), np.ones(len(y)) if sample_weight is None else sample_weight
        self.center_, self.level_ = weight @ terms / weight.sum(), float(weight @ y / weight.sum())
        terms, target = terms - self.center_, y - self.level_
        spectrum, axes = np.linalg.eigh(terms.T @ (weight[:, None] * terms))
        spectrum = np.maximum(spectrum, 0.0)
        turned = terms @ axes
        inner = turned.T @ (weight * target)
        least = np.inf
        for alpha in ALPHAS:
            shrink = 1.0 / (spectrum + alpha)
            leverage = turned**2 @ shrink + 1.0 / weight.sum()
            left_out = (target - turned @ (inner * shrink)) / np.maximum(1.0 - leverage, LEAST_FREEDOM)
            error = float(weight @ left_out**2)
            if error < least:
                least, self.alpha_, self.coef_ = error, float(alpha), axes @ (inner * shrink)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (self._terms(X) - self.center_) @ self.coef_ + self.level_

    def _terms(self, X: np.ndarray) -> np.ndarray:
        if self.degree == 1:
            return X
        first, second = np.triu_indices(X.shape[1])
        return np.hstack([X, X[:, first] * X[:, second]])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")
